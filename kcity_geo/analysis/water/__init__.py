"""Water: what do map, terrain and official numbers say about a city's water? Indicators W1 to W9."""

from kcity_geo.analysis.water.assess import assess
from kcity_geo.analysis.water.flood import rational_peak_m3_s
from kcity_geo.analysis.water.toilets import toilets

__all__ = ["assess", "rational_peak_m3_s", "toilets"]
