"""Many cities: the studies of a list, each in a process of its own, resumed where the last run stopped."""
