"""How many people fall short in each draw: what the ranges of a city rest on, kept for comparisons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.parts import Parts
from kcity_geo.analysis.gaps.units import Units
from kcity_geo.analysis.gaps.words import READINGS, reading_codes
from kcity_geo.rules import reading_limits

__all__ = ["short_draws"]


def short_draws(city: CityModel, parts: Mapping[str, Parts]) -> dict[str, NDArray[np.float64]]:
    """
    Count in each draw the people of a city who fall short where something can be told.

    Parameters
    ----------
    city : its model.
    parts : sectors, themes and ``composite`` -> gaps.

    Returns
    -------
    Level -> shape (draws,): share of all people who live where the reading can be told and whose gap
    in that draw is at least the limit of ``tables/readings.toml``. Draws are joint over the levels.
    Who lives where nobody can tell is in none of them. Nothing for a level that was not assessed.
    """
    units = Units(city)
    limits = reading_limits(city.rules("readings"))
    open_ = [READINGS.index(name) for name in ("not_assessed", "cannot_tell")]
    assessed = {level: part for level, part in parts.items() if len(part.draws)}
    told = {
        level: ~np.isin(reading_codes(part.short, part.mid, part.evidence, limits=limits), open_)
        for level, part in assessed.items()
    }
    found: dict[str, list[float]] = {level: [] for level in assessed}
    for number in range(max((len(part.draws) for part in assessed.values()), default=0)):
        factor = units.factor(number)
        for level, part in assessed.items():
            short = told[level] & (part.draws[number] >= limits.short)
            found[level].append(units.city_mean(short.astype(np.float64), factor=factor))
    return {level: np.array(values) for level, values in found.items()}
