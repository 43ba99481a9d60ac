"""Networks: how do road, water, sewer, power, storm drains and fibre get to a site, and what does it take?"""
