"""The criteria of a comparison, as rows of ``tables/compare.toml``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.profiles import check_value_function

__all__ = ["AXES", "ComparedCriterion", "compared_criteria", "reweighted"]

AXES = ("need", "readiness")
_EQUAL = 1e-12


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


def reweighted(criteria: Sequence[ComparedCriterion], axis: str) -> tuple[ComparedCriterion, ...]:
    """
    Give the criteria of an axis whose weights are not those of the table.

    Parameters
    ----------
    criteria : of both axes.
    axis : ``"need"`` or ``"readiness"``.

    Returns
    -------
    All of the axis, where one weighs more or less than in ``tables/compare.toml``; none where all weigh as there.

    Examples
    --------
    >>> [f"{one.id} {one.weight:g}" for one in reweighted(compared_criteria({"water": 0}), "need")]
    ['transport 0.5', 'water 0', 'energy 0.5']
    >>> reweighted(compared_criteria({"water": 0}), "readiness")
    ()
    """
    usual = {one.id: one.weight for one in compared_criteria()}
    own = tuple(one for one in criteria if one.axis == axis)
    return own if any(abs(one.weight - usual[one.id]) > _EQUAL for one in own) else ()
