"""Scenario: what changes for whom when something is built?"""
