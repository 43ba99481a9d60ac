"""Connections: which way does a new road or line take, from a site to what exists?"""
