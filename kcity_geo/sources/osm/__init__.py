"""OSM: reading OpenStreetMap extracts into layers."""
