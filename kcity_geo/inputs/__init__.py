"""Inputs: what does a study read, and does each input agree with the others?"""
