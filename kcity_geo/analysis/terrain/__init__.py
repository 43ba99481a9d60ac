"""Terrain: how steep is the land, how high above its drainage, and where is the sea?"""
