"""
Suitability: how good each cell is for one kind of project.

Constraints exclude, criteria score, weights combine. Excluded cells are NaN, not 0: nothing can
make up for them. A criterion without data is dropped, the other weights are scaled up, and the
result says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.suitability.combination import wlc
from kcity_geo.analysis.suitability.constraints import build_constraints
from kcity_geo.analysis.suitability.criteria import CRITERIA
from kcity_geo.analysis.suitability.value_functions import describe, full_score, utility
from kcity_geo.analysis.suitability.view import CityView, Measured, MissingDataError
from kcity_geo.analysis.suitability.weights import normalise_weights
from kcity_geo.citydata import CityData
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.profiles import profile as profile_of
from kcity_geo.result import Criterion, Gaps, Suitability

__all__ = ["suitability"]


def suitability(
    city: CityModel | CityData,
    gaps: Gaps | None,
    *,
    project: str,
    weights: Mapping[str, float] | None = None,
    constraints: Mapping[str, Any] | None = None,
    value_functions: Mapping[str, Mapping[str, Any]] | None = None,
) -> Suitability:
    """
    Score every cell for a kind of project.

    Parameters
    ----------
    city : its model or its data.
    gaps : of the same city, or None: criteria that use them are missing.
    project : a profile of ``tables/suitability/profiles.toml``.
    weights : criterion -> weight, instead of that of the profile; then all are scaled to 1.
    constraints : constraint -> limit, instead of that of the profile; False switches one off.
    value_functions : criterion -> ``function`` and ``parameters``, instead of those of the profile.

    Returns
    -------
    Score, criteria and constraints. The score spans 0 to 1 whichever criteria are missing, and is
    NaN everywhere when less than half of the stated weight has data.

    Raises
    ------
    StudyError
        If profile, criterion or constraint does not exist, a weight is negative or all are zero,
        or no criterion has data.
    """
    profile = profile_of(project, value_functions)
    stated = _stated_weights(project, profile, weights or {})
    limits = _limits(project, profile, constraints or {})
    city = model_of(city)
    view = CityView(city, gaps)
    found = build_constraints(view, limits, citation=profile["citation"])
    feasible = city.inside.copy()
    for one in found:
        feasible &= ~one.excluded
    criteria, missing = _criteria(view, profile["criteria"], stated)
    least = float(view.assume["known_weight_min"])
    known = sum(c.weight_stated for c in criteria)
    notes = [f"{profile['title']}: {text}" for text in _notes(found, missing)]
    if known < least - 1e-9:
        notes.append(
            f"{profile['title']}: not scored; only {known:.0%} of the weight has data, {least:.0%} is "
            f"needed; missing are {', '.join(missing)}"
        )
    if not feasible.any():
        most = max(found, key=lambda c: int(c.excluded.sum()))
        notes.append(
            f"{profile['title']}: no cell meets all constraints; {most.title.lower()} ({most.limit}) "
            "excludes most"
        )
    for text in notes:
        tell(text)
    return Suitability(
        project=project,
        title=profile["title"],
        score=_score(criteria, feasible, known_min=least),
        criteria=criteria,
        constraints=found,
        missing=missing,
        feasible=feasible,
        parameters=limits,
        warnings=tuple(notes),
    )


def _stated_weights(
    project: str, profile: Mapping[str, Any], changes: Mapping[str, float]
) -> dict[str, float]:
    known = {row["id"]: float(row["weight"]) for row in profile["criteria"]}
    for key in changes:
        if key not in known:
            raise StudyError(
                f"suitability.weights.{key}: profile {project} has no such criterion; known are "
                f"{', '.join(known)}"
            )
    changed = {**known, **{k: float(v) for k, v in changes.items()}}
    scaled = normalise_weights(changed)
    for key, value in changes.items():
        if value > 1 and len(changes) < len(known):
            tell(
                f"suitability.weights.{key}: {value:g} beside weights that add to 1 makes it "
                f"{scaled[key]:.0%} of the score; give a share such as 0.2, or all weights",
                stacklevel=3,
            )
    return scaled


def _limits(project: str, profile: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    known = profile["constraints"]
    for key in changes:
        if key not in known:
            raise StudyError(
                f"suitability.constraints.{key}: profile {project} has no such constraint; known "
                f"are {', '.join(known)}"
            )
    return {**known, **changes}


def _criteria(
    view: CityView, rows: list[dict[str, Any]], stated: Mapping[str, float]
) -> tuple[tuple[Criterion, ...], dict[str, str]]:
    measured: dict[str, Measured] = {}
    missing: dict[str, str] = {}
    for row in rows:
        key = row["id"]
        if key not in CRITERIA:
            raise StudyError(
                f"criterion {key!r} of tables/suitability/profiles.toml has no measure"
            )
        try:
            one = CRITERIA[key](view)
        except MissingDataError as error:
            missing[key] = str(error)
            continue
        if np.isfinite(one.values[view.inside]).any():
            measured[key] = one
        else:
            missing[key] = "has no value in any cell of the city"
    used = {key: stated[key] for key in measured if stated[key] > 0}
    if not used:
        raise StudyError(
            "no criterion with a weight has data: "
            + "; ".join(f"{k} {why}" for k, why in missing.items())
        )
    scaled = normalise_weights(used)
    found = []
    for row in rows:
        key = row["id"]
        if key not in measured:
            continue
        values = np.where(view.inside, measured[key].values, np.nan)
        found.append(
            Criterion(
                id=key,
                title=row["title"],
                units=row["units"],
                values=values,
                utility=utility(values, function=row["function"], parameters=row["parameters"]),
                weight_stated=stated[key],
                weight_used=scaled.get(key, 0.0),
                value_function=describe(row["function"], row["parameters"]),
                full_score=full_score(row["function"], row["parameters"]),
                evidence=measured[key].evidence,
                mark=row["mark"],
                citation=row["citation"],
                note=measured[key].note,
            )
        )
    return tuple(found), missing


def _score(
    criteria: tuple[Criterion, ...], feasible: NDArray[np.bool_], *, known_min: float
) -> NDArray[np.float64]:
    score = np.full(feasible.shape, np.nan)
    used = np.stack([c.utility[feasible] for c in criteria], axis=-1)
    # As stated: a criterion that was dropped counts as not known in every cell.
    weight = np.array([c.weight_stated for c in criteria])
    known_min = known_min / weight.sum() if weight.sum() > 0 else 1.0
    if known_min > 1 + 1e-9:
        return score
    score[feasible] = wlc(used, weight, known_min=known_min)
    return score


def _notes(constraints: tuple[Any, ...], missing: Mapping[str, str]) -> list[str]:
    notes = []
    if missing:
        listed = "; ".join(f"{key} ({why})" for key, why in missing.items())
        notes.append(f"criteria dropped for lack of data, weights scaled up: {listed}")
    unapplied = [c for c in constraints if not c.applied and c.limit != "off"]
    if unapplied:
        listed = "; ".join(f"{c.title} ({c.note})" for c in unapplied)
        notes.append(f"constraints not applied for lack of data: {listed}")
    return notes
