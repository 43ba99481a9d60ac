"""Energy: what do map, night lights and official numbers say about a city's electricity? E1 to E11."""

from kcity_geo.analysis.energy.assess import assess

__all__ = ["assess"]
