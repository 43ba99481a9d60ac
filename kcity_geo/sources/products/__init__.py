"""Products: finding data products online: catalogue, tiles, places, Overpass, extracts."""
