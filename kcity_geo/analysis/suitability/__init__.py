"""Suitability: how well does each cell suit a project, and how surely?"""
