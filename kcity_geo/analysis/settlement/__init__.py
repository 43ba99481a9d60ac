"""Settlement: who lives where, and in which district?"""
