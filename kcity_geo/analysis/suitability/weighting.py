"""Weighting: the weights of a project from what a study says of them, with words on where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.suitability.weights import (
    MAX_RATIO,
    ahp,
    blend_weights,
    critic_weights,
    entropy_weights,
    group_judgements,
    normalise_weights,
    rank_sum_weights,
    roc_weights,
)
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.parameters import nearest_name
from kcity_geo.suitability_keys import CombinationSection, WeightingSection

__all__ = ["Method", "measured_weights", "stated_weights"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Method:
    """
    How a score is made.

    Parameters
    ----------
    weighting, combination : as in the study file.
    judgements : a table a person: index and columns are criteria, NaN what was not judged.
    exclusion_only : no criteria: land that no constraint excludes is the result.
    seed : of random draws.
    """

    weighting: WeightingSection = field(default_factory=WeightingSection)
    combination: CombinationSection = field(default_factory=CombinationSection)
    judgements: tuple[pd.DataFrame, ...] = ()
    exclusion_only: bool = False
    seed: int = 7


def stated_weights(method: Method, weights: Mapping[str, float]) -> tuple[dict[str, float], str]:
    """
    Give the weights that do not depend on the data.

    Parameters
    ----------
    method : of the study.
    weights : criterion -> weight of the profile with those of the study, for all criteria.

    Returns
    -------
    Criterion -> weight, adding to 1, and in words where they come from.

    Raises
    ------
    StudyError
        If judgements or order do not name the criteria, or judgements are inconsistent.
    """
    how, names = method.weighting.method, list(weights)
    if how == "ahp":
        return _judged(method, names)
    if how in {"rank_sum", "roc"}:
        order = method.weighting.order
        _same_names(order, names, what="suitability.weighting.order")
        rule = rank_sum_weights if how == "rank_sum" else roc_weights
        found = dict(zip(order, rule(len(order)).tolist(), strict=True))
        words = "rank sum" if how == "rank_sum" else "rank order centroid"
        return {name: found[name] for name in names}, f"{words} of the order {', '.join(order)}"
    if how == "equal":
        return dict.fromkeys(names, 1.0 / len(names)), "equal"
    return normalise_weights(weights), "as stated"


def measured_weights(
    method: Method, weights: Mapping[str, float], utilities: NDArray[np.float64]
) -> tuple[dict[str, float], str]:
    """
    Mix in weights from the data, where a study asks for them.

    Parameters
    ----------
    method : of the study.
    weights : criterion -> stated weight, of the criteria that have data.
    utilities : shape (cells, criteria), in the order of `weights`; rows with NaN are left out.

    Returns
    -------
    Criterion -> weight with the sum of `weights`, and words; the words are empty where nothing is mixed in.

    Raises
    ------
    StudyError
        If fewer than two cells know every criterion.
    """
    how, share = method.weighting.method, method.weighting.measured_share
    if how not in {"entropy", "critic"}:
        return dict(weights), ""
    known = utilities[np.isfinite(utilities).all(axis=1)]
    if len(known) < 2:  # noqa: PLR2004 - alternatives to compare
        raise StudyError(
            f"suitability.weighting: {how} needs cells that know every criterion; none do"
        )
    data = entropy_weights(known) if how == "entropy" else critic_weights(known)
    own = np.array(list(weights.values()))
    found = blend_weights(own, data, measured_share=share) * own.sum()
    words = f"{100 * share:.0f} % from the contrast in the data ({how}), the rest as stated"
    return dict(zip(weights, found.tolist(), strict=True)), words


def _same_names(given: Sequence[str], names: Sequence[str], *, what: str) -> None:
    for name in given:
        if name not in names:
            raise StudyError(
                f"{what}: {name!r} is no criterion here{nearest_name(name, list(names))}"
            )
    if len(set(given)) < len(given):
        raise StudyError(f"{what}: a criterion stands twice in {', '.join(given)}")
    lacking = [name for name in names if name not in given]
    if lacking:
        raise StudyError(
            f"{what}: does not name {', '.join(lacking)}; every criterion needs a place"
        )


def _judged(method: Method, names: list[str]) -> tuple[dict[str, float], str]:
    """Weigh by the judgements of one person, or of several by their geometric mean."""
    key = "suitability.weighting.judgements"
    tables: list[Any] = []
    for table in method.judgements:
        _same_names([str(c) for c in table.columns], names, what=key)
        tables.append(table.loc[names, names].to_numpy(dtype=np.float64))
    if not tables:
        raise StudyError(f"{key}: no table was given")
    accept = method.weighting.accept_inconsistent
    merged = group_judgements(
        tables,
        labels=names,
        sources=[str(one.attrs.get("source", "")) for one in method.judgements],
    )
    try:
        found = ahp(merged, labels=names, max_ratio=float("inf") if accept else MAX_RATIO)
    except StudyError as error:
        mend = "; accept_inconsistent = true takes them all the same"
        raise StudyError(f"{key}: {error}{mend if 'inconsistent' in str(error) else ''}") from error
    people = f"{len(tables)} people" if len(tables) > 1 else "one person"
    words = f"pairwise judgements of {people}, consistency ratio {found.consistency_ratio:.3f}"
    if found.consistency_ratio >= MAX_RATIO:
        tell(f"{key}: {words}: inconsistent, taken because accept_inconsistent is set")
    return dict(zip(names, found.weights.tolist(), strict=True)), words
