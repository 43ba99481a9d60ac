"""Local: reading the files that a user brings: vectors, rasters, tables, timetables."""
