"""Distance: how far in a straight line, and which way is cheapest over the ground?"""
