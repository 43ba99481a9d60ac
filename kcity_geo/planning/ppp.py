"""Screen for public-private partnership: a first look over the six areas of the World Bank."""

from __future__ import annotations

import math
from collections.abc import Mapping

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError

__all__ = ["ppp_score"]


def ppp_score(areas: Mapping[str, float]) -> tuple[float, float, str]:
    """
    Screen a project for a public-private partnership.

    Parameters
    ----------
    areas : area -> 0 to 1; an area left out, or NaN, is not known.

    Returns
    -------
    Lowest and highest score that the known areas allow, 0 to 100, and the verdict: candidate, no
    candidate, or open.

    Examples
    --------
    >>> ppp_score({"strategic_suitability": 1.0, "preliminary_feasibility": 1.0, "risk": 1.0,
    ...            "ppp_suitability": 0.5})
    (65.0, 90.0, 'candidate')
    """
    table = read_table("planning")
    weights = {row["id"]: float(row["weight"]) for row in table["ppp_area"]}
    low = high = 0.0
    for area in areas:
        if area not in weights:
            raise StudyError(f"ppp: no area {area!r}; known are {', '.join(weights)}")
    for area, weight in weights.items():
        value = areas.get(area, math.nan)
        if math.isnan(value):
            high += weight
            continue
        if not 0 <= value <= 1:
            raise StudyError(f"ppp: {area} is {value!r}; it must lie from 0 to 1")
        low, high = low + weight * value, high + weight * value
    limit = float(table["ppp"]["candidate_from"])
    verdict = "candidate" if low >= limit else "no candidate" if high < limit else "open"
    return low, high, verdict
