"""Layout: streets, blocks, uses and parcels drawn on a site; a sketch, not a design."""
