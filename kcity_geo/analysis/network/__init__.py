"""Network: how long does it take on the streets, from where to where?"""
