"""Web: downloading with caching, checks and politeness."""
