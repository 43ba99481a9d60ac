"""kcity_geo: geospatial evidence for smart-city planning."""
