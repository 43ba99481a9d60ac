"""Planning, pure: what does a site become? Land, people, demand, cost, phases, economics."""
