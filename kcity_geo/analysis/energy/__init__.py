"""Energy: what do map, night lights and official numbers say about a city's electricity? E1 to E11."""

from kcity_geo.analysis.energy.assess import assess
from kcity_geo.analysis.energy.inferred_grid import recall_and_precision

__all__ = ["assess", "recall_and_precision"]
