"""
Suitability: how good each cell is for one kind of project.

Constraints exclude, criteria score, weights combine. Excluded cells are NaN, not 0: nothing can
make up for them. A criterion without data is dropped, the other weights are scaled up, and the
result says so; what decides whether anything can be built is never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.suitability.best_tenth import best_tenth_share
from kcity_geo.analysis.suitability.combination import combiner, orness, owa_order_weights, tradeoff
from kcity_geo.analysis.suitability.constraints import build_constraints
from kcity_geo.analysis.suitability.criteria import CRITERIA
from kcity_geo.analysis.suitability.decisive import no_ranking, undecided
from kcity_geo.analysis.suitability.own import OwnCriterion, own_row
from kcity_geo.analysis.suitability.value_functions import describe, full_score, utility
from kcity_geo.analysis.suitability.view import CityView, Measured, MissingDataError
from kcity_geo.analysis.suitability.weighting import Method, measured_weights, stated_weights
from kcity_geo.analysis.suitability.weights import normalise_weights
from kcity_geo.citydata import CityData
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.profiles import CriterionRow, Limit, Profile, ValueFunction, limits_of
from kcity_geo.profiles import profile as profile_of
from kcity_geo.result import Constraint, Criterion, Gaps, Suitability

__all__ = ["measured_criteria", "suitability"]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Question:
    """What is asked: the rows of all criteria, their stated weights, how they become a score."""

    rows: list[CriterionRow]
    stated: dict[str, float]
    method: Method
    words: str
    known_min: float


def suitability(  # noqa: PLR0913 - a question in its parts, all named
    city: CityModel | CityData,
    gaps: Gaps | None,
    *,
    project: str,
    weights: Mapping[str, float] | None = None,
    constraints: Mapping[str, Limit] | None = None,
    value_functions: Mapping[str, ValueFunction] | None = None,
    criteria: Sequence[OwnCriterion] = (),
    method: Method | None = None,
) -> Suitability:
    """
    Score every cell for a kind of project.

    Parameters
    ----------
    city : its model or its data.
    gaps : of the same city, or None: criteria that use them are missing.
    project : a profile of ``tables/suitability/profiles.toml``, or the path of a project file.
    weights : criterion -> weight, instead of that of the profile; then all are scaled to 1.
    constraints : constraint -> limit, instead of that of the profile; False switches one off.
    value_functions : criterion -> ``function`` and ``parameters``, instead of those of the profile.
    criteria : of the user's own, beside those of the profile.
    method : where weights come from and how they combine; as stated and by weighted sum when None.

    Returns
    -------
    Score, criteria and constraints. The score spans 0 to 1 whichever criteria are missing, and is
    NaN everywhere when less than half of the stated weight has data, or when what decides whether
    anything can be built (slope, flood, ...; ``no_ranking`` says which) is not known.

    Raises
    ------
    StudyError
        If profile, criterion or constraint does not exist, a weight is negative or all are zero.
    """
    profile = profile_of(project, value_functions)
    limits = limits_of(profile, constraints or {})
    city = model_of(city)
    view = CityView(city, gaps)
    method = method or Method()
    question = _question(profile, weights or {}, criteria, method, view)
    found = build_constraints(view, limits, citation=profile["citation"])
    feasible = city.inside.copy()
    for one in found:
        feasible &= ~one.excluded
        if one.unknown is not None:
            feasible &= ~one.unknown
    blocked = no_ranking(undecided(view, profile["decisive"], limits))
    measured, missing, words = _criteria(view, question, feasible)
    known = sum(c.weight_stated for c in measured)
    if not blocked and question.rows and known < question.known_min - 1e-9:
        blocked = (
            f"No ranking possible: only {known:.0%} of the weight has data, {question.known_min:.0%} is needed; "
            f"missing are {', '.join(missing)}"
        )
    score, best = _score(measured, feasible, question, blocked=bool(blocked))
    said = [*filter(None, [blocked]), *_notes(found, missing, feasible, blocked)]
    notes = [f"{profile['title']}: {text}" for text in said]
    for text in notes:
        tell(text)
    return Suitability(
        project=project,
        title=profile["title"],
        score=score,
        criteria=measured,
        constraints=found,
        missing=missing,
        feasible=feasible,
        parameters=limits,
        warnings=tuple(notes),
        no_ranking=blocked,
        method={**_method_words(method, len(measured)), "weights": words},
        best_tenth=best,
        known_min=question.known_min,
        missing_weight={key: question.stated[key] for key in missing},
    )


def measured_criteria(
    view: CityView, rows: Sequence[CriterionRow]
) -> tuple[dict[str, Measured], dict[str, str]]:
    """
    Measure criteria, or say why they cannot be.

    Parameters
    ----------
    view : of the city.
    rows : of a profile, or of `kcity_geo.analysis.suitability.own.own_row`.

    Returns
    -------
    Id -> what was measured, and id -> why it is missing.

    Raises
    ------
    StudyError
        If a row names a criterion that nothing measures.
    """
    measured: dict[str, Measured] = {}
    missing: dict[str, str] = {}
    view.own = {row["id"]: row["measure"] for row in rows if "measure" in row}
    for row in rows:
        key = row["id"]
        measure = row.get("measure") or CRITERIA.get(key)
        if measure is None:
            raise StudyError(
                f"criterion {key!r} of tables/suitability/profiles.toml has no measure"
            )
        try:
            one = measure(view)
        except MissingDataError as error:
            missing[key] = str(error)
            continue
        if _known(one.values, view.inside):
            measured[key] = one
        else:
            missing[key] = "has no value in any cell of the city"
    return measured, missing


def _known(values: NDArray[np.float64] | None, inside: NDArray[np.bool_]) -> bool:
    """Whether any cell has a value; a function that hands on an array of the city may have been given None."""
    return values is not None and bool(np.isfinite(values[inside]).any())


def _question(
    profile: Profile,
    weights: Mapping[str, float],
    criteria: Sequence[OwnCriterion],
    method: Method,
    view: CityView,
) -> _Question:
    rows = [*profile["criteria"], *(own_row(one) for one in criteria)]
    if method.exclusion_only:
        rows = []
    known = {row["id"]: float(row["weight"]) for row in rows}
    for key in weights:
        if key not in known:
            raise StudyError(
                f"suitability.weights.{key}: {profile['title']} has no such criterion; known are "
                f"{', '.join(known)}"
            )
    known_min = float(view.assume["known_weight_min"])
    changed = {**known, **{k: float(v) for k, v in weights.items()}}
    if not changed:
        return _Question(rows=[], stated={}, method=method, words="", known_min=known_min)
    stated, words = stated_weights(method, changed)
    for key, value in weights.items():
        if method.weighting.method == "direct" and value > 1 and len(weights) < len(known):
            tell(
                f"suitability.weights.{key}: {value:g} beside weights that add to 1 makes it "
                f"{stated[key]:.0%} of the score; give a share such as 0.2, or all weights",
                stacklevel=3,
            )
    return _Question(rows=rows, stated=stated, method=method, words=words, known_min=known_min)


def _criteria(
    view: CityView, question: _Question, feasible: NDArray[np.bool_]
) -> tuple[tuple[Criterion, ...], dict[str, str], str]:
    """Measure and value all criteria: those with data, why the others are missing, words on the weights."""
    stated = question.stated
    measured, missing = measured_criteria(view, question.rows)
    rows = [row for row in question.rows if row["id"] in measured]
    if not any(stated[row["id"]] > 0 for row in rows):
        # Nothing that weighs is known: there is no score, and gaps are told all the same.
        rows = []
    values = {k: np.where(view.inside, one.values, np.nan) for k, one in measured.items()}
    worth = {
        row["id"]: utility(
            values[row["id"]], function=row["function"], parameters=row["parameters"]
        )
        for row in rows
    }
    own = {row["id"]: stated[row["id"]] for row in rows}
    words = question.words
    if rows:
        table = np.stack([worth[key][feasible] for key in own], axis=-1)
        own, mixed = measured_weights(question.method, own, table)
        words = mixed or words
    scaled = normalise_weights(own) if own else {}
    found = tuple(
        Criterion(
            id=row["id"],
            title=row["title"],
            units=row["units"],
            values=values[row["id"]],
            utility=worth[row["id"]],
            weight_stated=own[row["id"]],
            weight_used=scaled[row["id"]],
            value_function=describe(row["function"], row["parameters"]),
            function=row["function"],
            parameters=row["parameters"],
            phrase=row["phrase"],
            full_score=full_score(row["function"], row["parameters"]),
            evidence=measured[row["id"]].evidence,
            mark=row["mark"],
            citation=row["citation"],
            note=measured[row["id"]].note,
        )
        for row in rows
    )
    return found, missing, words


def _score(
    criteria: tuple[Criterion, ...],
    feasible: NDArray[np.bool_],
    question: _Question,
    *,
    blocked: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Combine the criteria, and say how often each cell lies in the best tenth under other weights."""
    score = np.full(feasible.shape, np.nan)
    if blocked or not criteria:
        return score, None
    # A row a cell; in memory criterion after criterion, as they came.
    used = np.stack([c.utility[feasible] for c in criteria]).T
    # As stated: a criterion that was dropped counts as not known in every cell.
    weight = np.array([c.weight_stated for c in criteria])
    how = question.method.combination
    combine = combiner(how.method, used, risk=how.risk, known_min=question.known_min / weight.sum())
    score[feasible] = combine(used, weight)
    best = np.full(feasible.shape, np.nan)
    best[feasible] = best_tenth_share(
        used, weight, combine, linear=how.method == "wlc", seed=question.method.seed
    )
    return score, best


def _method_words(method: Method, count: int) -> dict[str, Any]:
    how = method.combination
    found: dict[str, Any] = {"combination": how.method, "weighting": method.weighting.method}
    if how.method == "owa" and count:
        order = owa_order_weights(count, risk=how.risk)
        found |= {"risk": how.risk, "orness": orness(order), "tradeoff": tradeoff(order)}
    return found


def _notes(
    constraints: tuple[Constraint, ...],
    missing: Mapping[str, str],
    feasible: NDArray[np.bool_],
    blocked: str,
) -> list[str]:
    notes = []
    if missing:
        listed = "; ".join(f"{key} ({why})" for key, why in missing.items())
        scaled = "" if blocked else ", weights scaled up"
        notes.append(f"criteria dropped for lack of data{scaled}: {listed}")
    unapplied = [c for c in constraints if not c.applied and c.limit != "off"]
    if unapplied:
        listed = "; ".join(f"{c.title} ({c.note})" for c in unapplied)
        notes.append(f"constraints not applied for lack of data: {listed}")
    if constraints and not feasible.any():
        most = max(constraints, key=lambda c: int(c.excluded.sum()))
        notes.append(
            f"no cell meets all constraints; {most.title.lower()} ({most.limit}) excludes most"
        )
    return notes
