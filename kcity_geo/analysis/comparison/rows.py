"""The criteria of a comparison, as rows of ``tables/compare.toml``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.profiles import check_value_function

__all__ = ["AXES", "ComparedCriterion", "compared_criteria"]

AXES = ("need", "readiness")


@dataclass(frozen=True, kw_only=True)
class ComparedCriterion:
    """
    One criterion of an axis.

    Parameters
    ----------
    id, axis, title, unit : what it is.
    kind, of : what is measured, see ``tables/compare.toml``.
    function, parameters : value function with fixed benchmarks.
    weight : within its axis; those of an axis add to 1.
    mark, citation : of the benchmark.
    """

    id: str
    axis: str
    title: str
    unit: str
    kind: str
    of: str
    function: str
    parameters: tuple[float, ...]
    weight: float
    mark: str
    citation: str


def compared_criteria(
    weights: Mapping[str, float] | None = None,
) -> tuple[ComparedCriterion, ...]:
    """
    Read the criteria of a comparison.

    Parameters
    ----------
    weights : criterion -> weight, instead of those of the table; the others stay.

    Returns
    -------
    In the order of the table; the weights of an axis add to 1.

    Raises
    ------
    StudyError
        If a criterion is not known, or a weight is negative, not finite, or an axis is left with none.

    Examples
    --------
    >>> [one.id for one in compared_criteria() if one.axis == "need"]
    ['transport', 'water', 'energy']
    """
    rows = read_table("compare")["criterion"]
    given = dict(weights or {})
    known = [str(row["id"]) for row in rows]
    for key, value in given.items():
        if key not in known:
            raise StudyError(f"weights: no criterion {key!r}; known are {', '.join(known)}")
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0:
            raise StudyError(f"weights: {key} = {value!r}; give a number from 0 on")
    stated = {str(row["id"]): float(given.get(row["id"], row["weight"])) for row in rows}
    total = {a: sum(stated[str(r["id"])] for r in rows if r["axis"] == a) for a in AXES}
    for axis, found in total.items():
        if found <= 0:
            raise StudyError(f"weights: all of {axis} are 0; give one of its criteria a weight")
    found_rows = []
    for row in rows:
        parameters = check_value_function(row["function"], row["parameters"])
        found_rows.append(
            ComparedCriterion(
                **{
                    k: str(row[k])
                    for k in ("id", "axis", "title", "unit", "kind", "of", "function")
                },
                parameters=tuple(parameters),
                weight=stated[str(row["id"])] / total[row["axis"]],
                mark=str(row["mark"]),
                citation=str(row["citation"]),
            )
        )
    return tuple(found_rows)
