"""Recommend: what follows from the readings and the sites of a study, by stated rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kcity_geo.analysis.findings import residents
from kcity_geo.config import read_table
from kcity_geo.result import SECTORS, THEMES, Result

__all__ = ["Recommendation", "recommendations"]


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """
    One rule that holds.

    Parameters
    ----------
    rule : id of the row of ``tables/recommendations.toml``.
    level : sector or theme that it speaks of; ``""``: the whole study.
    measure : what was looked at.
    value : of it; a share between 0 and 1, or a count.
    limit : that it was held against.
    people : residents whom it concerns; NaN: not counted.
    """

    rule: str
    level: str
    measure: str
    value: float
    limit: float
    people: float


def recommendations(result: Result) -> tuple[Recommendation, ...]:
    """
    Tell which rules hold in a study.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    In the order of the rules, of one rule the level with most people first. A rule whose measure is
    not known does not hold.

    Examples
    --------
    >>> from kcity_geo.analysis.recommend import Recommendation
    >>> Recommendation(
    ...     rule="survey", level="water", measure="cannot_tell_share", value=0.4, limit=0.2, people=4000.0
    ... ).level
    'water'
    """
    found: list[Recommendation] = []
    for row in read_table("recommendations")["rule"]:
        held = _asked(result, _Rule(**row))
        found += sorted(held, key=lambda one: -one.people if math.isfinite(one.people) else 0.0)
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """A row of ``tables/recommendations.toml``: holds where `least` <= measure < `below`."""

    id: str
    level: str
    measure: str
    least: float = -math.inf
    below: float = math.inf


def _asked(result: Result, rule: _Rule) -> Iterator[Recommendation]:
    """Hold one rule against all that it speaks of."""
    for level in {"sector": SECTORS, "theme": THEMES, "city": ("",)}[rule.level]:
        value, people = (
            _of_level(result, level, rule.measure)
            if level
            else (_of_study(result, rule.measure), math.nan)
        )
        if math.isfinite(value) and rule.least <= value < rule.below:
            yield Recommendation(
                rule=rule.id,
                level=level,
                measure=rule.measure,
                value=value,
                limit=rule.least if math.isfinite(rule.least) else rule.below,
                people=people,
            )


#: Measure of a level -> readings whose people count.
_PEOPLE = {
    "cannot_tell_share": ("cannot_tell",),
    "short_share": ("falls_short", "probably_falls_short"),
    "partly_share": ("partly_short",),
    "need_share": ("falls_short", "probably_falls_short", "partly_short", "cannot_tell"),
}


def _of_level(result: Result, level: str, measure: str) -> tuple[float, float]:
    """Give the measure of a sector or theme, and the people behind it."""
    gaps = result.gaps
    known = level in gaps.city.index and math.isfinite(_number(gaps.city.loc[level], "gap"))
    if measure == "assessed":
        return float(known), math.nan
    total = residents(gaps)
    if not known or not total > 0:
        return math.nan, math.nan
    row = gaps.city.loc[level]
    people = sum(
        value for key in _PEOPLE[measure] if math.isfinite(value := _number(row, f"people_{key}"))
    )
    return people / total, people


def _number(row: Any, key: str) -> float:  # noqa: ANN401 - a row of a frame
    value = row.get(key, math.nan)
    return math.nan if value is None else float(value)


def _of_study(result: Result, measure: str) -> float:
    """Give a measure of the whole study; NaN where it cannot be asked."""
    score, sites = result.score, result.sites
    if measure == "ranking":
        return float(not score.no_ranking)
    if measure == "unchecked":
        return float(sum(not c.applied and c.limit != "off" for c in score.constraints))
    if score.no_ranking:
        return math.nan
    if measure == "sites":
        return _fitting(sites)
    if result.dossiers is None or not len(sites):
        return math.nan
    return float((result.dossiers.flags["site_id"] == sites["site_id"].iloc[0]).sum())


def _fitting(sites: pd.DataFrame) -> float:
    """Count the ranked sites that are large, wide and open enough."""
    if not len(sites):
        return 0.0
    ranked = sites["score"].notna()
    fit = sites["fits"].astype(bool) if "fits" in sites else ranked
    return float((ranked & fit).sum())
