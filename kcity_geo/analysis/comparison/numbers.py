"""What a comparison takes from one finished study."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256

__all__ = ["CityNumbers", "LevelNumbers", "MeasuredNumbers"]


@dataclass(frozen=True, kw_only=True)
class LevelNumbers:
    """
    One sector or theme of a city.

    Parameters
    ----------
    gap : median of the city, 0 to 1; NaN: not assessed.
    people_short, people_open : who fall short, surely or probably; of whom nobody can tell, or who were not
        assessed. NaN: no people were counted.
    short_draws : share of all people who fall short in each draw, of those of whom something can be told.
    """

    gap: float
    people_short: float = math.nan
    people_open: float = math.nan
    short_draws: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MeasuredNumbers:
    """
    One indicator of a city.

    Parameters
    ----------
    value : of the city.
    standard, worst : values at which its gap is 0 and 1; NaN where it is not scored.
    gap_lo, gap_hi : range of its gap with what the map may lack; NaN where it is not scored.
    """

    value: float
    standard: float = math.nan
    worst: float = math.nan
    gap_lo: float = math.nan
    gap_hi: float = math.nan


#: Fields that say nothing of what was found.
_NOT_SAID = ("key", "credits", "licence", "not_assessed")


@dataclass(frozen=True, kw_only=True)
class CityNumbers:
    """
    One finished study in numbers.

    Parameters
    ----------
    key : tells it from those beside it: its name, and its study where two cities have the same name.
    name, study, project : as in the study.
    lat, lon : a point inside, WGS 84.
    area_km2 : of the study area.
    population : residents; NaN: nobody counted them.
    whole : whether residents were counted in all of it.
    population_evidence, osm_date, cell_m, synthetic : how the study was made.
    inputs : keys of ``[sources]`` that it was made from, and ``official`` with official numbers; None: it does not say.
    levels, indicators : what it found; a level that is missing was not assessed.
    open_land_share : share of the study area that no constraint of the project closes; NaN: not known.
    credits, licence : whom to name, and under which licence what was made from its data stands; empty: not told.
    not_assessed : sector -> ids of indicators that weigh in its gap and were not assessed: drawn from 0 to 1.
    sites_found : sites for the project that fit and are ranked; None: no ground was ranked.
    """

    key: str
    name: str
    study: str = ""
    project: str = ""
    lat: float = math.nan
    lon: float = math.nan
    area_km2: float = math.nan
    population: float = math.nan
    whole: bool = True
    population_evidence: str = ""
    osm_date: str = ""
    cell_m: float = math.nan
    synthetic: bool = False
    inputs: tuple[str, ...] | None = None
    levels: Mapping[str, LevelNumbers] = field(default_factory=dict)
    indicators: Mapping[str, MeasuredNumbers] = field(default_factory=dict)
    open_land_share: float = math.nan
    sites_found: int | None = None
    not_assessed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    credits: str = ""
    licence: str = ""

    @cached_property
    def id(self) -> str:
        """Tells the study from all others by what it says, whatever stands beside it: twelve letters."""
        told = {key: value for key, value in asdict(self).items() if key not in _NOT_SAID}
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
