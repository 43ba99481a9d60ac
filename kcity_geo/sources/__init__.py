"""Reads the outside world, and nothing else does."""
