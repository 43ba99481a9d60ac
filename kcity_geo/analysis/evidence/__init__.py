"""Evidence: what may be believed of map, tables and rasters, and how far?"""
