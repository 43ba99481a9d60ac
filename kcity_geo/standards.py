"""
Standards: what an indicator is measured against, with unit, citation and evidence mark.

They are part of the rows of ``tables/indicators/*.toml``; a study file may override target, worst
value and weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kcity_geo.errors import StudyError
from kcity_geo.indicators import indicator_rows
from kcity_geo.parameters import nearest_name

__all__ = ["EVIDENCE_MARKS", "Standard", "gap_from_standard", "load_standards", "standard_gap"]

#: What the marks printed beside every threshold mean.
EVIDENCE_MARKS = {
    "V": "verified in the cited source",
    "M": "from memory, not re-checked",
    "D": "default of kcity_geo, no authority behind it",
    "U": "set by the user in the study file",
}


#: What a study file may set of a standard.
_SETTABLE = ("target", "worst", "urban_weight", "rural_weight")


@dataclass(frozen=True, kw_only=True)
class Standard:
    """
    Target and worst value of one indicator.

    Parameters
    ----------
    id : indicator id, for example ``"T1"``.
    title : what is measured, in words.
    sector : ``"transport"``, ``"water"`` or ``"energy"``, or a theme of its own (``"flood"``).
    unit : unit of `target` and `worst`.
    target : value at which the gap is 0. None: the indicator carries its own gap formula.
    worst : value at which the gap is 1.
    urban_weight : weight in the sector gap of an urban cell.
    rural_weight : weight in the sector gap of a rural cell.
    mark : evidence mark of the target, a key of `EVIDENCE_MARKS`.
    citation : where the target comes from.
    """

    id: str
    title: str
    sector: str
    unit: str
    target: float | None
    worst: float | None
    urban_weight: float
    rural_weight: float
    mark: str
    citation: str


def load_standards(
    overrides: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Standard]:
    """
    Give the standards, in table order, with the overrides of a study file.

    Parameters
    ----------
    overrides : indicator id -> some of ``target``, ``worst``, ``urban_weight``, ``rural_weight``.
        Rows with another target or worst value get the mark ``U``.

    Returns
    -------
    Indicator id -> standard, of the indicators that are scored.

    Raises
    ------
    StudyError
        If an override names an indicator or field that does not exist, or cannot be used.

    Examples
    --------
    >>> load_standards()["T4"].target
    18.0
    >>> load_standards({"T4": {"target": 20}})["T4"].mark
    'U'
    """
    rows = indicator_rows()
    found = {
        row.id: Standard(
            id=row.id,
            title=row.title,
            sector=row.theme or row.sector,
            unit=row.unit,
            target=row.target,
            worst=row.worst,
            urban_weight=row.urban_weight or 0.0,
            rural_weight=row.rural_weight or 0.0,
            mark=row.mark,
            citation=row.citation,
        )
        for row in rows.values()
        if row.scored
    }
    for key, change in (overrides or {}).items():
        if key not in found:
            known = ", ".join(found)
            if key in rows:
                raise StudyError(
                    f"[standards] {key}: this indicator is reported and not scored, its target is "
                    f"not set here; scored are {known}"
                )
            raise StudyError(f"[standards] {key}: no such indicator; known are {known}")
        found[key] = _overridden(found[key], change)
    if overrides:
        _still_weighed(found)
    return found


def _overridden(standard: Standard, change: Mapping[str, float]) -> Standard:
    where = f"[standards] {standard.id}"
    for key, value in change.items():
        if key not in _SETTABLE:
            raise StudyError(
                f"{where}.{key}: only target and worst, urban_weight and rural_weight can be set"
                f"{nearest_name(key, list(_SETTABLE))}"
            )
        if key.endswith("_weight") and not 0 <= value <= 1:
            raise StudyError(f"{where}.{key}: {value:g} is not from 0 to 1")
        if not key.endswith("_weight") and standard.target is None:
            raise StudyError(
                f"{where}.{key}: this indicator has a formula of its own for the gap; only its "
                "weights can be set"
            )
    changed = replace(standard, **dict[str, Any](change))
    if changed.target is not None and changed.target == changed.worst:
        raise StudyError(f"{where}: target and worst are both {changed.target:g}; they must differ")
    if changed.target is not None and standard.worst is not None and changed.worst is not None:
        down = standard.target is not None and standard.worst < standard.target
        if (changed.worst < changed.target) != down:
            raise StudyError(
                f"{where}: target {changed.target:g} and worst {changed.worst:g} are the wrong way "
                f"round; the worst value lies {'below' if down else 'above'} the target"
            )
    if {"target", "worst"} & set(change):
        return replace(changed, mark="U", citation="study file")
    return changed


def _still_weighed(standards: Mapping[str, Standard]) -> None:
    for sector in {standard.sector for standard in standards.values()}:
        rows = [standard for standard in standards.values() if standard.sector == sector]
        for key in ("urban_weight", "rural_weight"):
            if not sum(getattr(row, key) for row in rows) > 0:
                raise StudyError(
                    f"[standards] {key}: all weights of {sector} are 0; leave one above 0"
                )


def standard_gap(values: NDArray[np.float64] | float, standard: Standard) -> NDArray[np.float64]:
    """
    Measure values against a standard: 0 where it is met, 1 at the worst value and beyond.

    Parameters
    ----------
    values : in the unit of the standard; NaN: not known. Infinite counts as worst.
    standard : with target and worst value.

    Returns
    -------
    Shape of `values`, 0 to 1; NaN where not known.

    Raises
    ------
    StudyError
        If the standard lacks its target or worst value, or they are equal.

    Examples
    --------
    >>> from kcity_geo.standards import load_standards
    >>> standard_gap(np.array([20.0, 45.0, 90.0]), load_standards()["W1"])
    array([0. , 0.5, 1. ])
    """
    target, worst = standard.target, standard.worst
    if target is None or worst is None or target == worst:
        raise StudyError(
            f"[standards] {standard.id}: target {target} and worst {worst} must be two numbers"
        )
    return gap_from_standard(values, target=target, worst=worst)


def gap_from_standard(value: ArrayLike, *, target: float, worst: float) -> NDArray[np.float64]:
    """
    Measure how far a value falls short of its standard.

    Parameters
    ----------
    value : in the unit of the standard. NaN: not known.
    target : where the gap is 0.
    worst : where the gap is 1; below `target` when more is better, above it when less is better.

    Returns
    -------
    0 to 1, shape of `value`; beyond the target there is no extra credit. NaN stays NaN.

    Raises
    ------
    StudyError
        If target and worst are equal.

    Examples
    --------
    >>> gap_from_standard([60.0, 130.0], target=100, worst=0).tolist()
    [0.4, 0.0]
    >>> gap_from_standard(75.0, target=30, worst=120).item()
    0.5
    """
    if target == worst:
        raise StudyError(f"standard: target and worst are both {target:g}; they must differ")
    x = np.asarray(value, dtype=np.float64)
    # Written from the target, so that the target itself is exactly 0 (and never minus 0).
    return np.asarray(np.clip((target - x) / (target - worst), 0.0, 1.0) + 0.0)
