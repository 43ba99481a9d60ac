"""Packs: collecting all that a study of a place needs."""
