"""Comparison: which city needs most and which is readiest, and how surely?"""
