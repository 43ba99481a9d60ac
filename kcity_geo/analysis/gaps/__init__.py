"""Gaps: what is short, in which place, and how surely?"""
