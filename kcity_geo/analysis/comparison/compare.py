"""Cities side by side: scores on fixed benchmarks, ranks with their ranges, and what would turn them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.comparison.measured import Measured, measure
from kcity_geo.analysis.comparison.numbers import CityNumbers
from kcity_geo.analysis.comparison.rows import AXES, ComparedCriterion, compared_criteria
from kcity_geo.analysis.suitability.robustness import flip_distance
from kcity_geo.config import read_table
from kcity_geo.errors import StudyError

__all__ = ["Comparison", "Difference", "compare_cities"]

_EQUAL = 1e-12
_FEW = 2


@dataclass(frozen=True, kw_only=True)
class Difference:
    """
    In what studies were not made alike.

    Parameters
    ----------
    what : in words, such as "year of the map".
    having : each value with the keys of the cities that have it, both sorted.
    """

    what: str
    having: tuple[tuple[str, tuple[str, ...]], ...]

    def __str__(self) -> str:
        """Say it in one line."""
        told = "; ".join(f"{value}: {', '.join(keys)}" for value, keys in self.having)
        return f"The studies differ in the {self.what} ({told})."


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Comparison:
    """
    Several finished studies side by side.

    Parameters
    ----------
    cities : in the order given.
    criteria : of both axes, weights of an axis add to 1.
    measured : city key -> criterion -> what was found.
    table : a row a city, index ``key``: id (the same whatever stands beside it), name, study, population, for each
        criterion ``{id}`` (value), ``_low``, ``_high`` and ``_score``, for each axis ``{axis}`` (proved score),
        ``_low``, ``_high`` and ``_known`` (share of the weight with a value); NaN: nothing is known of the axis, the
        score could be any. ``sites_found``: sites for the project of the study; none where it ranked no ground. A row
        depends on its city alone.
    apart : in what the studies differ.
    draws, seed : joint draws, and what they start from.
    """

    cities: tuple[CityNumbers, ...]
    criteria: tuple[ComparedCriterion, ...]
    measured: Mapping[str, Mapping[str, Measured]]
    table: pd.DataFrame
    apart: tuple[Difference, ...]
    draws: int
    seed: int

    @property
    def differences(self) -> tuple[str, ...]:
        """In what the studies differ, in words."""
        return tuple(map(str, self.apart))

    def __repr__(self) -> str:
        """Name the cities in one line."""
        names = ", ".join(city.key for city in self.cities)
        return f"Comparison({names}; {len(self.criteria)} criteria)"

    def rank(self, draws: int | None = None) -> pd.DataFrame:
        """
        Rank the cities on both axes.

        Parameters
        ----------
        draws : joint draws; those of the comparison when None.

        Returns
        -------
        Index ``key``, for each axis ``{axis}_rank`` (by the proved score: what is missing helps nobody; equal
        scores share the better rank; none where nothing is known), ``_best`` and ``_worst`` (ranks that no range of
        scores rules out, by strict dominance), ``_draw_low`` and ``_draw_high`` (5 and 95 % of the draws) and
        ``_first`` (share of the draws in which what is known of it alone puts it first, whatever is drawn for what
        is not known of the others that have a rank; NaN where a criterion that weighs is not known).

        Raises
        ------
        StudyError
            If the number of draws is not between 1 and the limit of ``tables/compare.toml``.
        """
        other = self if draws is None else compare_cities(
            self.cities, draws=draws, seed=self.seed, weights=_weights_of(self.criteria)
        )  # fmt: skip
        return other._ranks()  # noqa: SLF001 - of its own class

    def _ranks(self) -> pd.DataFrame:
        rule = read_table("compare")["draws"]
        found: dict[str, object] = {}
        for axis in AXES:
            proved, low, high = (self.table[axis + end].to_numpy() for end in ("", "_low", "_high"))
            drawn = np.stack([self._axis_draws(city.key, axis) for city in self.cities])
            place = 1 + (drawn[None, :, :] > drawn[:, None, :] + _EQUAL).sum(axis=1)
            rank = pd.array(
                1 + (proved[None, :] > proved[:, None] + _EQUAL).sum(axis=1), dtype="Int64"
            )
            rank[~np.isfinite(proved)] = pd.NA
            found |= {
                f"{axis}_rank": rank,
                f"{axis}_best": 1 + (low[None, :] > high[:, None] + _EQUAL).sum(axis=1),
                f"{axis}_worst": len(low) - (high[None, :] < low[:, None] - _EQUAL).sum(axis=1),
                f"{axis}_draw_low": np.quantile(place, rule["low"], axis=1, method="lower"),
                f"{axis}_draw_high": np.quantile(place, rule["high"], axis=1, method="higher"),
                f"{axis}_first": [self._first(i, drawn, axis) for i in range(len(drawn))],
            }
        return pd.DataFrame(found, index=self.table.index)

    def _first(self, place: int, drawn: NDArray[np.float64], axis: str) -> float:
        """Share of the draws in which what is known of a city puts it first."""
        key = self.cities[place].key
        if self.not_known(key, axis):
            return math.nan
        rivals = self.table[axis].notna().to_numpy(copy=True)  # of which something is known
        rivals[place] = False
        others = drawn[rivals].max(axis=0, initial=0.0)
        return float((others <= self._axis_draws(key, axis, sure=True) + _EQUAL).mean())

    def not_known(self, key: str, axis: str) -> tuple[str, ...]:
        """
        Name the criteria of an axis that weigh and of which nothing is known in a city.

        Parameters
        ----------
        key : of a city.
        axis : ``"need"`` or ``"readiness"``.

        Returns
        -------
        Their ids.
        """
        own = self.measured[key]
        rows = [one for one in self.criteria if one.axis == axis and one.weight > 0]
        return tuple(one.id for one in rows if not own[one.id].known)

    def _axis_draws(self, key: str, axis: str, *, sure: bool = False) -> NDArray[np.float64]:
        total = np.zeros(self.draws)
        for one in self.criteria:
            if one.axis == axis:
                own = self.measured[key][one.id]
                total = total + one.weight * (own.sure_draws if sure else own.draws)
        return total

    def people_short(self, key: str, criterion: str) -> float:
        """
        Count the people behind a share of a city.

        Parameters
        ----------
        key : of a city.
        criterion : one that is a share of people.

        Returns
        -------
        Persons; NaN where they or the share are not known.
        """
        city = next(one for one in self.cities if one.key == key)
        return self.measured[key][criterion].value * city.population

    def overtake(self, behind: str, ahead: str, *, axis: str = "readiness") -> pd.DataFrame:
        """
        Tell what one city needs to draw level with another on an axis.

        Parameters
        ----------
        behind, ahead : keys of cities.
        axis : ``"need"`` or ``"readiness"``.

        Returns
        -------
        A row a criterion of the axis: ``criterion, title, unit, value`` (that its score rests on),
        ``score, score_needed`` (the others staying as they are; NaN where even the full score is not
        enough) and ``value_needed`` (in `unit`; NaN too for value functions that are not linear).
        ``attrs["weights_moved"]``: sum of the smallest changes of the weights that would do the same, inf
        when none does, or when a criterion is not known in one of the two (weight moved onto it would prove nothing).

        Raises
        ------
        StudyError
            If a city or the axis is not known.
        """
        for key in (behind, ahead):
            if key not in self.measured:
                raise StudyError(f"no city {key!r}; compared are {', '.join(self.measured)}")
        if axis not in AXES:
            raise StudyError(f"axis {axis!r}: give need or readiness")
        rows = [c for c in self.criteria if c.axis == axis]
        mine, theirs = (
            np.array([self.measured[key][c.id].proved for c in rows]) for key in (behind, ahead)
        )
        weight = np.array([c.weight for c in rows])
        lacking = max(0.0, float(weight @ (theirs - mine)))
        table = []
        for row, score in zip(rows, mine, strict=True):
            needed = score + lacking / row.weight if row.weight > 0 else math.inf
            needed = min(1.0, needed) if needed <= 1 + _EQUAL else math.nan
            table.append(
                {
                    "criterion": row.id,
                    "title": row.title,
                    "unit": row.unit,
                    "value": self.measured[behind][row.id].proved_value,
                    "score": float(score),
                    "score_needed": needed,
                    "value_needed": _inverse(row, needed),
                }
            )
        frame = pd.DataFrame(table)
        blind = self.not_known(behind, axis) or self.not_known(ahead, axis)
        frame.attrs["weights_moved"] = (
            math.inf
            if blind
            else flip_distance(np.stack([theirs, mine]), weight, leader=0, rival=1)
        )
        return frame


def _inverse(row: ComparedCriterion, score: float) -> float:
    """Value at which a linear value function gives a score."""
    first, last = row.parameters[0], row.parameters[-1]
    if row.function == "lin_inc":
        return first + score * (last - first)
    return last - score * (last - first) if row.function == "lin_dec" else math.nan


def _weights_of(criteria: Sequence[ComparedCriterion]) -> dict[str, float]:
    return {one.id: one.weight for one in criteria}


def compare_cities(
    cities: Sequence[CityNumbers],
    *,
    draws: int | None = None,
    seed: int = 7,
    weights: Mapping[str, float] | None = None,
) -> Comparison:
    """
    Compare finished studies on fixed benchmarks.

    Parameters
    ----------
    cities : two or more.
    draws : joint draws for the ranges of the ranks; as in ``tables/compare.toml`` when None.
    seed : of the draws.
    weights : criterion -> weight within its axis, instead of those of the table.

    Returns
    -------
    The cities in the order given. What a study cannot tell widens its range and never raises its score.

    Raises
    ------
    StudyError
        If there are fewer than two, two have the same key, or the number of draws is out of range.
    """
    rule = read_table("compare")["draws"]
    count = rule["count"] if draws is None else draws
    whole = isinstance(count, Integral) and not isinstance(count, bool)
    if not whole or not 1 <= count <= rule["most"]:
        raise StudyError(f"draws = {draws!r}: give a whole number from 1 to {rule['most']:,}")
    count, keys = int(count), [city.key for city in cities]
    if len(keys) < _FEW:
        raise StudyError("compare: give the folders of two or more finished studies")
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise StudyError(f"compare: {twice[0]!r} is given twice; give each study once")
    first: dict[str, str] = {}
    for city in cities:
        if city.id in first:
            raise StudyError(
                f"compare: {first[city.id]!r} and {city.key!r} are the same study; give each study once"
            )
        first[city.id] = city.key
    criteria = compared_criteria(weights)
    quantiles = (float(rule["low"]), float(rule["high"]))
    measured = {
        city.key: {
            one.id: measure(city, one, draws=count, quantiles=quantiles, seed=seed)
            for one in criteria
        }
        for city in cities
    }
    return Comparison(
        cities=tuple(cities),
        criteria=criteria,
        measured=measured,
        table=_table(cities, criteria, measured),
        apart=_differences(cities),
        draws=count,
        seed=seed,
    )


def _table(
    cities: Sequence[CityNumbers],
    criteria: Sequence[ComparedCriterion],
    measured: Mapping[str, Mapping[str, Measured]],
) -> pd.DataFrame:
    rows = []
    for city in cities:
        row: dict[str, object] = {
            "key": city.key, "id": city.id, "name": city.name, "study": city.study, "population": city.population,
            "area_km2": city.area_km2, "lat": city.lat, "lon": city.lon, "osm_date": city.osm_date,
            "cell_m": city.cell_m, "synthetic": city.synthetic,
        }  # fmt: skip
        found = measured[city.key]
        for axis in AXES:
            of_axis = [c for c in criteria if c.axis == axis]
            low = sum(c.weight * found[c.id].score_low for c in of_axis)
            high = sum(c.weight * found[c.id].score_high for c in of_axis)
            proved = sum(c.weight * found[c.id].proved for c in of_axis)
            row[axis] = proved if low > _EQUAL or high < 1 - _EQUAL else math.nan
            row |= {f"{axis}_low": low, f"{axis}_high": high}
            row[f"{axis}_known"] = sum(c.weight for c in of_axis if found[c.id].known)
        for one in criteria:
            it = found[one.id]
            row |= {
                one.id: it.value, f"{one.id}_low": it.low, f"{one.id}_high": it.high, f"{one.id}_score": it.proved,
            }  # fmt: skip
        row["sites_found"] = pd.NA if city.sites_found is None else city.sites_found
        rows.append(row)
    return pd.DataFrame(rows).astype({"sites_found": "Int64"}).set_index("key")


def _differences(cities: Sequence[CityNumbers]) -> tuple[Difference, ...]:
    """Say in what the studies were not made alike; the same in whatever order they are given."""
    people = read_table("compare")["people"]
    asked = {
        "year of the map": [city.osm_date[:4] or "not known" for city in cities],
        "side of a cell": [f"{city.cell_m:g} m" for city in cities],
        "source of the people": [
            str(people.get(city.population_evidence, {}).get("title", "none")) for city in cities
        ],
        "people counted": [_counted(city) for city in cities],
        "project": [city.project for city in cities],
        "kind of city": ["synthetic" if city.synthetic else "real" for city in cities],
        "inputs": _lacking(cities),
        "standards": _standards(cities),
    }
    found = []
    for what, values in asked.items():
        having: dict[str, list[str]] = {}
        for city, value in zip(cities, values, strict=True):
            having.setdefault(value, []).append(city.key)
        if len(having) > 1:
            told = sorted((value, tuple(sorted(keys))) for value, keys in having.items())
            found.append(Difference(what=what, having=tuple(told)))
    return tuple(found)


def _counted(city: CityNumbers) -> str:
    """Say where the people of a city were counted."""
    if math.isnan(city.population):
        return "none"
    return "in all of it" if city.whole else "in a part of it: nothing of people is compared"


def _lacking(cities: Sequence[CityNumbers]) -> list[str]:
    """Say of each study which inputs it lacks that another has."""
    rows = read_table("compare")["input"]
    every = [key for key in rows if any(key in (city.inputs or ()) for city in cities)]
    told = []
    for city in cities:
        lacks = [str(rows[key]["title"]) for key in every if key not in (city.inputs or ())]
        known = f"without {', '.join(lacks)}" if lacks else "all that the others have"
        told.append("not known" if city.inputs is None else known)
    return told


def _standards(cities: Sequence[CityNumbers]) -> list[str]:
    """Give of each study the standards that are not the same in all that have them."""
    stated: dict[str, set[float]] = {}
    for city in cities:
        for key, one in city.indicators.items():
            if math.isfinite(one.standard):
                stated.setdefault(key, set()).add(one.standard)
    apart = sorted(key for key, values in stated.items() if len(values) > 1)
    return [
        ", ".join(
            f"{key} {city.indicators[key].standard:g}"
            for key in apart
            if key in city.indicators and math.isfinite(city.indicators[key].standard)
        )
        or "none of these"
        for city in cities
    ]
