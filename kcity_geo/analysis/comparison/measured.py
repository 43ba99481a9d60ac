"""One criterion in one city: its value, and the values that it may have with what is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.comparison.numbers import CityNumbers, LevelNumbers, MeasuredNumbers
from kcity_geo.analysis.comparison.rows import ComparedCriterion
from kcity_geo.analysis.suitability.value_functions import utility
from kcity_geo.result import SECTORS

__all__ = ["Measured", "measure"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """
    One criterion in one city.

    Parameters
    ----------
    value : as the study states it, in the unit of the criterion; NaN: not known.
    low, high : values that it may have; NaN where nothing is known of it.
    proved : its score, 0 to 1, where what is missing counts as nothing.
    proved_value : value that this score rests on: the stated one for need, the worse end of the range for
        readiness; NaN: not known.
    score_low, score_high : scores that it may have; 0 and 1 where nothing is known of it.
    draws : shape (draws,), score in each draw.
    sure_draws : the same where what is missing counts as nothing, as in `proved`; nowhere above `draws`.
    """

    value: float
    low: float
    high: float
    proved: float
    proved_value: float
    score_low: float
    score_high: float
    draws: NDArray[np.float64]
    sure_draws: NDArray[np.float64]

    @property
    def known(self) -> bool:
        """Whether the study states a value."""
        return math.isfinite(self.value)


def measure(
    city: CityNumbers,
    criterion: ComparedCriterion,
    *,
    draws: int,
    quantiles: tuple[float, float],
    seed: int,
) -> Measured:
    """
    Measure one criterion of one city.

    Parameters
    ----------
    city : of a finished study.
    criterion : what is asked.
    draws : how many scores are drawn.
    quantiles : between which draws of the gap model the range lies.
    seed : of the draws. They depend on it and on the city alone, not on other cities.

    Returns
    -------
    Value, range and scores. What the study cannot tell is drawn evenly from all that it may be.
    """
    value, low, high, known_draws, open_share = _range(city, criterion, quantiles)
    row = _numbers(seed, city, draws)
    if not math.isfinite(value):
        own = _numbers(seed, city, draws, criterion.id)
        return Measured(
            value=math.nan,
            low=math.nan,
            high=math.nan,
            proved=0.0,
            proved_value=math.nan,
            score_low=0.0,
            score_high=1.0,
            draws=own,
            sure_draws=np.zeros(draws),
        )
    unknown = _numbers(seed, city, draws, criterion.id) * open_share
    function = {"function": criterion.function, "parameters": criterion.parameters}
    ends = utility([low, value, high], **function)  # type: ignore[arg-type]
    score_low, score_high = float(ends.min()), float(ends.max())
    # People of whom nobody can tell prove no shortage, and no readiness either.
    at = 1 if criterion.axis == "need" else int(np.argmin(ends))
    proved, proved_value = float(ends[at]), (low, value, high)[at]
    if len(known_draws):  # joint over the criteria of a city: the same draw of the gap model
        told = known_draws[(row * len(known_draws)).astype(np.intp)]
        values = told + unknown
        told = np.clip(told, low, max(value, float(np.quantile(known_draws, quantiles[1]))))
        both = np.clip(np.stack([told, told + open_share]), low, high)
        sure = utility(both, **function).min(axis=0)  # type: ignore[arg-type]
    else:
        values = low + (high - low) * _numbers(seed, city, draws, criterion.id)
        sure = np.full(draws, proved)
    scores = utility(np.clip(values, low, high), **function)  # type: ignore[arg-type]
    return Measured(
        value=value,
        low=low,
        high=high,
        proved=proved,
        proved_value=proved_value,
        score_low=score_low,
        score_high=score_high,
        draws=scores,
        sure_draws=np.minimum(sure, scores),
    )


def _numbers(seed: int, city: CityNumbers, count: int, purpose: str = "") -> NDArray[np.float64]:
    """Random numbers of one study and purpose, 0 to 1, whatever else is compared."""
    place = f"{city.name}|{city.study}|{city.lat}|{city.lon}|{city.area_km2}|{city.population}"
    digest = sha256(f"{seed}|{place}|{purpose}".encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big")).random(count)


#: Less than one person is what rounding leaves.
_SOMEBODY = 1.0
_Range = tuple[float, float, float, NDArray[np.float64], float]
_NOTHING: _Range = (math.nan, math.nan, math.nan, np.empty(0), 1.0)


def _range(
    city: CityNumbers, criterion: ComparedCriterion, quantiles: tuple[float, float]
) -> _Range:
    """Value, lowest and highest value, draws of what is known, share of the people who are open."""
    if criterion.kind != "open_land" and not city.whole:
        return _NOTHING  # of people whom nobody counted anything may be true
    if criterion.kind == "people_short":
        level = city.levels.get(criterion.of)
        return _NOTHING if level is None else _people(city, level, quantiles)
    if criterion.kind == "readable":
        return _readable(city)
    if criterion.kind == "open_land":
        share = city.open_land_share
        return (share, share, share, np.empty(0), 0.0) if math.isfinite(share) else _NOTHING
    one = city.indicators.get(criterion.of)
    return _NOTHING if one is None or not math.isfinite(one.value) else _indicator(one)


def _people(city: CityNumbers, level: LevelNumbers, quantiles: tuple[float, float]) -> _Range:
    """Share of the people who fall short, and of those of whom nobody can tell."""
    known = city.population > 0 and math.isfinite(level.gap) and math.isfinite(level.people_short)
    if not known:
        return _NOTHING
    short = min(1.0, level.people_short / city.population)
    open_ = min(1.0 - short, max(0.0, level.people_open / city.population))
    # Of nobody can be told: no share is known, and no 0.
    if (1.0 - open_) * city.population < _SOMEBODY:
        return _NOTHING
    draws = np.array(level.short_draws, dtype=np.float64)
    draws = draws[np.isfinite(draws)]
    ends = np.quantile(draws, quantiles) if len(draws) else np.array([short, short])
    return (
        short,
        float(min(short, ends[0])),
        float(min(1.0, max(short, ends[1]) + open_)),
        draws,
        open_,
    )


def _readable(city: CityNumbers) -> _Range:
    """Share of the people of whom something can be told, mean of the sectors; a survey could tell of all."""
    if not city.population > 0:
        return _NOTHING
    shares = []
    for sector in SECTORS:
        level = city.levels.get(sector)
        told = level is not None and math.isfinite(level.gap) and math.isfinite(level.people_open)
        shares.append(
            1.0 - min(1.0, level.people_open / city.population) if told and level else 0.0
        )
    share = sum(shares) / len(shares)
    return (share, share, 1.0, np.empty(0), 0.0)


def _indicator(one: MeasuredNumbers) -> _Range:
    """Value of an indicator, and what it may be with what the map lacks."""
    ends = [one.standard, one.worst, one.gap_lo, one.gap_hi]
    values = [one.value]
    if all(math.isfinite(v) for v in ends):
        values += [one.standard + gap * (one.worst - one.standard) for gap in ends[2:]]
    return (one.value, min(values), max(values), np.empty(0), 0.0)
