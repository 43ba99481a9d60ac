"""Pure: arrays and frames in, arrays and frames out; no files, no network, no global state."""
