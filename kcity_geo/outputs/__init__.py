"""Writes files, and nothing else does."""
