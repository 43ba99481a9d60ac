"""
Standards: what an indicator is measured against, with unit, citation and evidence mark.

The rows stand in ``tables/standards.toml``; a study file may override target and worst value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError

__all__ = ["EVIDENCE_MARKS", "Standard", "load_standards"]

#: What the marks printed beside every threshold mean.
EVIDENCE_MARKS = {
    "V": "verified in the cited source",
    "M": "from memory, not re-checked",
    "D": "default of kcity_geo, no authority behind it",
    "U": "set by the user in the study file",
}


@dataclass(frozen=True, kw_only=True)
class Standard:
    """
    Target and worst value of one indicator.

    Parameters
    ----------
    id : indicator id, for example ``"T1"``.
    title : what is measured, in words.
    sector : ``"transport"``, ``"water"`` or ``"energy"``.
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


def load_standards(overrides: dict[str, dict[str, float]] | None = None) -> dict[str, Standard]:
    """
    Read the standards, in table order, with the overrides of a study file.

    Parameters
    ----------
    overrides : indicator id -> {"target": ..., "worst": ...}. Overridden rows get the mark ``U``.

    Returns
    -------
    Indicator id -> standard.

    Raises
    ------
    StudyError
        If an override names an indicator or field that does not exist.

    Examples
    --------
    >>> load_standards()["T4"].target
    18.0
    >>> load_standards({"T4": {"target": 20}})["T4"].mark
    'U'
    """
    rows: dict[str, dict[str, Any]] = {
        row["id"]: {"target": None, "worst": None, **row}
        for row in read_table("standards")["indicator"]
    }
    for key, change in (overrides or {}).items():
        if key not in rows:
            known = ", ".join(rows)
            if any(row["id"] == key for row in read_table("indicators")["indicator"]):
                raise StudyError(
                    f"[standards] {key}: this indicator is reported and not scored, its target is "
                    f"not set here; scored are {known}"
                )
            raise StudyError(f"[standards] {key}: no such indicator; known are {known}")
        unknown = set(change) - {"target", "worst"}
        if unknown:
            raise StudyError(f"[standards] {key}.{min(unknown)}: only target and worst can be set")
        rows[key] = {**rows[key], **change, "mark": "U", "citation": "study file"}
    return {
        key: Standard(
            **{
                **row,
                "target": None if row["target"] is None else float(row["target"]),
                "worst": None if row["worst"] is None else float(row["worst"]),
            }
        )
        for key, row in rows.items()
    }
