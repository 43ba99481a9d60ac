"""Sites: which areas would the project take, in which order, and why?"""
