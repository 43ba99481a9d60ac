"""
Live weights: what a page needs to score and rank again when a reader moves a weight or a limit.

Utilities of cells are given in steps, for a picture; the cells of sites in full, so that ranks are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.sites.areas import Area, areas_of
from kcity_geo.analysis.sites.cut_out import AREA_KEPT
from kcity_geo.analysis.sites.delineation import compactness
from kcity_geo.analysis.sites.worth import PARTS, site_means
from kcity_geo.config import read_table
from kcity_geo.profiles import site_rules
from kcity_geo.result import Constraint, Criterion, Limited, Result

__all__ = ["UNKNOWN", "Live", "TriedLimit", "live_weights", "why_not_live"]

#: Code of a utility that is not known; 0 to 254 are 0 to 1.
UNKNOWN = 255


@dataclass(frozen=True, kw_only=True, eq=False)
class TriedLimit:
    """
    A limit that can be moved.

    Parameters
    ----------
    constraint : it belongs to.
    steps : rising values that can be chosen; the one in force is among them.
    cells : shape of the picture, how many steps lie below the value of a cell (``at_least``: below it or at it).
        A limit at place i excludes codes above i; with ``at_least`` codes up to i.
    sites : the same for the cells of the areas.
    """

    constraint: Constraint
    steps: NDArray[np.float64]
    cells: NDArray[np.uint8]
    sites: NDArray[np.uint8]

    @property
    def limited(self) -> Limited:
        """What is compared with the limit."""
        assert self.constraint.limited is not None  # noqa: S101 - only such are tried
        return self.constraint.limited


@dataclass(frozen=True, kw_only=True, eq=False)
class Live:
    """
    What a page needs to score and rank again.

    Parameters
    ----------
    criteria : with data, in their order; their weights may be 0.
    utilities : shape (criteria, rows, cols) of the picture, 0 to 254; `UNKNOWN`.
    inside : shape of the picture, True in the city.
    open : shape of the picture, True where no limit that stays closes the cell.
    every : the picture holds every so manieth row and column of the grid.
    limits : that can be moved.
    areas : that are compared, best first.
    means : shape (areas, criteria), mean utility; NaN where no cell is known.
    known_share : shape (areas, criteria), share of the cells that know the criterion.
    values : shape (cells of all areas, criteria), utilities, area after area.
    parts : shape (areas, parts), weights of the parts of a score, adding to 1.
    fixed : shape (areas,), what connection and compactness add to a score.
    order : shape (areas,), place from west to east, then south to north: of equal scores the first wins.
    known_min, known_cells_min, least_ha : as in the ranking.
    draws, spread, seed : of random weights.
    """

    criteria: tuple[Criterion, ...]
    utilities: NDArray[np.uint8]
    inside: NDArray[np.bool_]
    open: NDArray[np.bool_]
    every: int
    limits: tuple[TriedLimit, ...]
    areas: tuple[Area, ...]
    means: NDArray[np.float64]
    known_share: NDArray[np.float64]
    values: NDArray[np.float64]
    parts: NDArray[np.float64]
    fixed: NDArray[np.float64]
    order: NDArray[np.int64]
    known_min: float
    known_cells_min: float
    least_ha: float
    draws: int
    spread: float
    seed: int


def why_not_live(result: Result) -> str:
    """
    Say why weights and limits cannot be moved.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    ``no_ranking``, ``no_criteria`` or ``method`` (no weighted sum); empty when they can.
    """
    score = result.score
    if score.no_ranking:
        return "no_ranking"
    if not score.criteria or not score.feasible.any():
        return "no_criteria"
    return "" if score.method.get("combination", "wlc") == "wlc" else "method"


def live_weights(result: Result) -> Live:
    """
    Gather what a page needs to score and rank again.

    Parameters
    ----------
    result : a finished study for which `why_not_live` is empty.

    Returns
    -------
    Numbers of the study as they are; nothing is computed that the ranking did not.
    """
    score, inside = result.score, result.data.inside
    table, rule = read_table("suitability/live"), site_rules()
    every = 1
    while inside.size / every**2 > table["cells_max"]:
        every += 1
    picked = (slice(None, None, every), slice(None, None, every))
    areas = tuple(areas_of(result.sites.attrs.get("areas", ())))
    cells = [area.cells for area in areas]
    flat = np.concatenate([np.zeros(0, dtype=np.int64), *cells])
    tried = [c for c in score.constraints if c.applied and c.limited and c.id in table["limit"]]
    stays = inside & ~_closed_for_good(score.constraints, tried, inside)
    worth = [c.utility for c in score.criteria]
    known = sum(c.weight_stated for c in score.criteria)
    return Live(
        criteria=score.criteria,
        utilities=np.stack([_coded(u[picked], stays[picked]) for u in worth]),
        inside=inside[picked],
        open=stays[picked],
        every=every,
        limits=tuple(_tried(c, table["limit"][c.id], picked, flat) for c in tried),
        areas=areas,
        means=np.column_stack([site_means(u, cells) for u in worth]),
        known_share=np.array(
            [[np.isfinite(u.ravel()[c]).mean() for u in worth] for c in cells]
        ).reshape(len(areas), len(worth)),
        values=np.column_stack([u.ravel()[flat] for u in worth]),
        **_rest_of_scores(areas),
        order=_order(areas),
        known_min=score.known_min / known if known > 0 else 0.0,
        known_cells_min=float(rule["known_cells_min"]),
        least_ha=float(score.parameters.get("min_area_ha", 0.0) or 0.0) * AREA_KEPT,
        draws=int(rule["draws"]),
        spread=float(rule["spread"]),
        seed=result.study.study.seed,
    )


def _closed_for_good(
    constraints: Sequence[Constraint], tried: Sequence[Constraint], inside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Cells that stay closed wherever the limits that can be moved go."""
    closed = np.zeros(inside.shape, dtype=bool)
    for one in constraints:
        if one.unknown is not None:
            closed |= one.unknown
        if one not in tried:
            closed |= one.excluded
        elif one.limited is not None and one.limited.always is not None:
            closed |= one.limited.always
    return closed


def _coded(utility: NDArray[np.float64], shown: NDArray[np.bool_]) -> NDArray[np.uint8]:
    known = np.isfinite(utility) & shown
    steps = np.round(np.clip(np.nan_to_num(utility), 0.0, 1.0) * (UNKNOWN - 1))
    return np.where(known, steps, UNKNOWN).astype(np.uint8)


def _tried(
    one: Constraint,
    row: Mapping[str, float],
    picked: tuple[slice, slice],
    flat: NDArray[np.int64],
) -> TriedLimit:
    limited = one.limited
    assert limited is not None  # noqa: S101 - only such are tried
    count = round((row["to"] - row["from"]) / row["step"])
    steps = np.round(row["from"] + np.arange(count + 1) * row["step"], 6)
    steps = np.unique(np.append(steps, limited.limit))
    side = "right" if limited.at_least else "left"

    def coded(values: NDArray[np.float64]) -> NDArray[np.uint8]:
        # Exact: a cell is excluded by a step if and only if Python excludes it by that limit.
        return np.searchsorted(steps, np.nan_to_num(values), side=side).astype(np.uint8)  # type: ignore[call-overload,no-any-return]

    values = limited.values
    return TriedLimit(
        constraint=one, steps=steps, cells=coded(values[picked]), sites=coded(values.ravel()[flat])
    )


def _rest_of_scores(areas: Sequence[Area]) -> dict[str, NDArray[np.float64]]:
    """Weights of the parts of a score, and what the parts that no weight moves add to it."""
    rule = site_rules()
    weights = np.array([rule[f"weight_{part}"] for part in PARTS])
    connection = np.array([area.connection_score for area in areas], dtype=np.float64)
    has = np.isfinite(connection)
    share = np.where(has[:, None], weights, weights * np.array([1, 1, 0, 1]))
    share = share / share.sum(axis=1, keepdims=True)
    compact = np.array([compactness(area.polygon) for area in areas], dtype=np.float64)
    fixed = share[:, 2] * np.where(has, connection, 0.0) + share[:, 3] * compact
    return {"parts": share, "fixed": fixed}


def _order(areas: Sequence[Area]) -> NDArray[np.int64]:
    west_south = [area.polygon.bounds[:2] for area in areas]
    by_place = sorted(range(len(areas)), key=lambda i: (*west_south[i], i))
    order = np.empty(len(areas), dtype=np.int64)
    order[by_place] = np.arange(len(areas))
    return order
