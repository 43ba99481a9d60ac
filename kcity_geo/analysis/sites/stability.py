"""Stability of a ranking of sites: how often each is first, what change of weights would put another first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.suitability.combination import combiner
from kcity_geo.analysis.suitability.robustness import (
    RankStability,
    draw_weights,
    flip_distance,
    lead_interval,
    never_first,
    rank_stability,
    ranks_of,
)
from kcity_geo.profiles import site_rules
from kcity_geo.result import Criterion, Suitability
from kcity_geo.retold import made

__all__ = ["STABILITY_COLUMNS", "SiteTable", "stability"]

STABILITY_COLUMNS = (
    "first_share",
    "top3_share",
    "rank_p05",
    "rank_p95",
    "flip_distance",
    "stability",
)

_ROUNDING = 1e-9
#: Weights that put a site first are looked for with all of them free for so many of the best.
_LOOKED_AT = 20


class SiteTable(NamedTuple):
    """
    What a ranking is made of.

    Parameters
    ----------
    used : the criteria with weight.
    utilities : shape (sites, criteria), means over each site, no NaN.
    scale, offset : shape (sites,): the published score is ``scale * (utilities @ weights) + offset``.
    cells : flat cell numbers of each site.
    """

    used: Sequence[Criterion]
    utilities: NDArray[np.float64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    cells: Sequence[NDArray[np.int64]]

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights used, adding to 1."""
        return np.array([c.weight_used for c in self.used])

    @property
    def worth(self) -> NDArray[np.float64]:
        """Table whose weighted sum is the published score, as weights add to 1; shape (sites, criteria)."""
        return self.utilities * self.scale[:, None] + self.offset[:, None]


def stability(
    table: SiteTable, ranks: NDArray[np.int64], score: Suitability, *, seed: int
) -> tuple[pd.DataFrame, list[dict[str, object]]]:
    """
    Say how stable the rank of each site is when weights move.

    Parameters
    ----------
    table : of the sites.
    ranks : shape (sites,), published, 1 is best.
    score : of the project; its way of combining criteria.
    seed : same seed, same numbers.

    Returns
    -------
    Columns `STABILITY_COLUMNS`, a row a site: share of draws in which it is first and among three, ranks
    between which 90 % of the draws lie (the published one included), the sum of absolute changes of
    weights with which a rival of the first, or another site itself, draws level with the first (NaN: no
    weights do it, or the score is no weighted sum), and a sentence. And for each site and criterion the
    weights between which it is first, the others scaled with it (None: none).
    """
    rule, linear = site_rules(), score.method.get("combination", "wlc") == "wlc"
    if linear:
        found = rank_stability(
            table.worth, table.weights, draws=rule["draws"], seed=seed, spread=rule["spread"]
        )
        draws = int(rule["draws"])
    else:
        draws = max(1, int(rule["draws"]) // 10)
        found = _by_cells(table, score, draws=draws, seed=seed)
    frame = pd.DataFrame(
        {
            "first_share": found.acceptability[:, 0],
            "top3_share": found.top_share(3),
            "rank_p05": np.minimum(found.rank_p05, ranks),
            "rank_p95": np.maximum(found.rank_p95, ranks),
            "flip_distance": np.full(len(ranks), np.nan),
        }
    )
    intervals = _intervals(table) if linear else []
    if linear:
        frame["flip_distance"] = _flips(table, ranks)
    frame["stability"] = [
        _sentence(i, table, ranks, intervals[i] if linear else None, share=share, draws=draws)
        for i, share in enumerate(frame["first_share"])
    ]
    rows: list[dict[str, object]] = [
        {
            "site": i,
            "criterion": one.id,
            "weight": one.weight_used,
            "first_from": low,
            "first_to": high,
        }
        for i, own in enumerate(intervals)
        for one, (low, high) in zip(table.used, (o or (None, None) for o in own), strict=True)
    ]
    return frame[list(STABILITY_COLUMNS)], rows


def _by_cells(table: SiteTable, score: Suitability, *, draws: int, seed: int) -> RankStability:
    """Score the cells of the sites anew for every draw: what is no weighted sum has no shorter way."""
    worth = np.stack([c.utility.ravel() for c in table.used], axis=-1)
    combine = combiner(
        str(score.method["combination"]),
        worth[score.feasible.ravel()],
        risk=score.method.get("risk", "neutral"),
    )
    cells = np.concatenate(table.cells)
    site = np.repeat(np.arange(len(table.cells)), [len(c) for c in table.cells])
    rule = site_rules()
    drawn = draw_weights(
        table.weights, draws=draws, rng=np.random.default_rng(seed), spread=rule["spread"]
    )
    totals = np.empty((draws, len(table.cells)))
    for i, one in enumerate(drawn):
        value = combine(worth[cells], one)
        known = np.isfinite(value)
        count = np.maximum(np.bincount(site, weights=known, minlength=len(table.cells)), 1)
        total = np.bincount(site, weights=np.where(known, value, 0.0), minlength=len(table.cells))
        totals[i] = table.scale * total / count + table.offset
    return ranks_of(totals, drawn)


def _intervals(table: SiteTable) -> list[list[tuple[float, float] | None]]:
    worth, weights = table.worth, table.weights
    return [
        [lead_interval(worth, weights, criterion=k, site=i) for k in range(len(weights))]
        for i in range(len(worth))
    ]


def _flips(table: SiteTable, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    first, others = int(np.argmin(ranks)), [i for i in range(len(ranks)) if ranks[i] != ranks.min()]
    found = np.full(len(ranks), np.inf)
    for i in others:
        found[i] = flip_distance(table.worth, table.weights, leader=first, rival=i)
    found[first] = min((found[i] for i in others), default=np.inf)
    return np.where(np.isfinite(found), found, np.nan)


def _sentence(
    i: int,
    table: SiteTable,
    ranks: NDArray[np.int64],
    intervals: Sequence[tuple[float, float] | None] | None,
    *,
    share: float,
    draws: int,
) -> str:
    if len(ranks) == 1:
        return made("only_site")
    often = made("often_first", share=_percent(share), draws=f"{draws:,}")
    if intervals is None:
        return often
    said = _stays(table, intervals) if ranks[i] == ranks.min() else _becomes(table, intervals)
    if said == made("not_by_one") and ranks[i] <= _LOOKED_AT and never_first(table.worth, site=i):
        said = made("never_first")
    return f"{said}; {often}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _stays(table: SiteTable, intervals: Sequence[tuple[float, float] | None]) -> str:
    """Say which change of one weight, the smallest as a factor, ends the lead."""
    ends: list[tuple[float, str]] = []
    for one, span in zip(table.used, intervals, strict=True):
        low, high = span or (one.weight_used, one.weight_used)
        name, now = one.title.lower(), one.weight_used
        if high < 1 - _ROUNDING:
            ends.append(
                (
                    max(high / now, 1.0),
                    made(
                        "weight_rises",
                        title=name,
                        move=_rise(high / now),
                        now=_percent(now),
                        then=_percent(high),
                    ),
                )
            )
        if low > _ROUNDING:
            ends.append(
                (
                    max(now / low, 1.0),
                    made("weight_falls", title=name, limit=_percent(low), now=_percent(now)),
                )
            )
    if not ends:
        return made("stays_first")
    return made("stays_unless", change=min(ends)[1])


def _rise(factor: float) -> str:
    if factor < 2:  # noqa: PLR2004 - doubled
        return made("move_rises")
    times = int(factor)
    own = {2: "move_doubles", 3: "move_triples"}
    return made(own[times]) if times in own else made("move_grows", times=times)


def _becomes(table: SiteTable, intervals: Sequence[tuple[float, float] | None]) -> str:
    """Say which change of one weight, the smallest as a factor, would put a site first."""
    ways: list[tuple[float, str]] = []
    for one, span in zip(table.used, intervals, strict=True):
        if span is None:
            continue
        now = one.weight_used
        to = span[0] if span[0] > now else span[1]
        moved = made("moved_up" if to > now else "moved_down")
        factor = max(to, now) / max(min(to, now), _ROUNDING)
        ways.append(
            (
                factor,
                made(
                    "would_be_first",
                    title=one.title.lower(),
                    moved=moved,
                    now=_percent(now),
                    then=_percent(to),
                ),
            )
        )
    return min(ways)[1] if ways else made("not_by_one")
