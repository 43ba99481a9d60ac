"""Stability of a ranking of sites: how often each is first, what change of weights would put another first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.sites.leads import flip_changes, lead_intervals
from kcity_geo.analysis.sites.weighed import SiteTable
from kcity_geo.analysis.sites.worth import low_decile
from kcity_geo.analysis.suitability.combination import combiner
from kcity_geo.analysis.suitability.robustness import (
    RankStability,
    draw_weights,
    never_first,
    ranks_of,
)
from kcity_geo.profiles import site_rules
from kcity_geo.result import Suitability
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
    weights with which a rival of the first, or another site itself, draws level with the first (NaN: none
    was found, or the score is no weighted sum), and a sentence. And for each site and criterion the
    weights between which it is first, the others scaled with it (None: none). All are of the score that a
    ranking with such weights publishes, its weakest tenth taken anew.
    """
    rule, linear = site_rules(), score.method.get("combination", "wlc") == "wlc"
    if linear:
        draws = int(rule["draws"])
        drawn = draw_weights(
            table.weights, draws=draws, rng=np.random.default_rng(seed), spread=rule["spread"]
        )
        found = ranks_of(table.scores(drawn), drawn)
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
    intervals = lead_intervals(table) if linear else []
    never = np.zeros(len(ranks), dtype=bool)
    if linear:
        first = int(np.argmin(ranks))
        changes = flip_changes(table, first)
        known = np.isfinite(changes)
        changes[first] = changes[known].min() if known.any() else np.nan
        frame["flip_distance"] = changes
        never = _never(table, ranks, intervals, draws=draws, seed=seed)
    tried = _Tried(table, ranks, never, draws)
    frame["stability"] = [
        _sentence(i, tried, intervals[i] if linear else None, share=share)
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
    rule = site_rules()
    drawn = draw_weights(
        table.weights, draws=draws, rng=np.random.default_rng(seed), spread=rule["spread"]
    )
    totals = np.empty((draws, len(table.cells)))
    for i, one in enumerate(drawn):
        for j, cells in enumerate(table.cells):
            value = combine(worth[cells], one)
            known = value[np.isfinite(value)]
            mean = known.mean() if len(known) else 0.0
            low = low_decile(known) if len(known) else 0.0
            totals[i, j] = table.scale[j] * mean + table.low[j] * low + table.offset[j]
    return ranks_of(totals, drawn)


class _Tried(NamedTuple):
    """Sites, their published ranks, which came first with no weights that were tried, and the draws."""

    table: SiteTable
    ranks: NDArray[np.int64]
    never: NDArray[np.bool_]
    draws: int


def _never(
    table: SiteTable,
    ranks: NDArray[np.int64],
    intervals: Sequence[Sequence[tuple[float, float] | None]],
    *,
    draws: int,
    seed: int,
) -> NDArray[np.bool_]:
    """Say which of the best come first under none of many weights drawn from all there are."""
    asked = [
        i
        for i, own in enumerate(intervals)
        if ranks[i] <= _LOOKED_AT and not any(own) and never_first(table.worth, site=i)
    ]
    found = np.zeros(len(ranks), dtype=bool)
    if asked:
        drawn = draw_weights(
            table.weights, draws=draws, rng=np.random.default_rng(seed), how="uniform"
        )
        found[asked] = ranks_of(table.scores(drawn), drawn).acceptability[asked, 0] == 0
    return found


def _sentence(
    i: int, tried: _Tried, intervals: Sequence[tuple[float, float] | None] | None, *, share: float
) -> str:
    table, ranks, draws = tried.table, tried.ranks, f"{tried.draws:,}"
    if len(ranks) == 1:
        return made("only_site")
    often = made("often_first", share=_percent(share), draws=draws)
    if intervals is None:
        return often
    said = _stays(table, intervals) if ranks[i] == ranks.min() else _becomes(table, intervals)
    if tried.never[i]:
        said = made("never_first", draws=draws)
    return f"{said}; {often}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _percents(one: float, other: float) -> tuple[str, str]:
    """Write two shares with as many decimals as it takes to tell them apart, three at most."""
    for decimals in range(4):
        found = tuple(f"{100 * share:.{decimals}f} %" for share in (one, other))
        if found[0] != found[1]:
            break
    return found[0], found[1]


def _stays(table: SiteTable, intervals: Sequence[tuple[float, float] | None]) -> str:
    """Say which change of one weight, the smallest as a factor, ends the lead."""
    ends: list[tuple[float, str]] = []
    for one, span in zip(table.used, intervals, strict=True):
        low, high = span or (one.weight_used, one.weight_used)
        name, now = one.title.lower(), one.weight_used
        (from_high, to_high), (from_low, to_low) = _percents(now, high), _percents(now, low)
        if high < 1 - _ROUNDING:
            ends.append(
                (
                    max(high / now, 1.0),
                    made(
                        "weight_rises",
                        title=name,
                        move=_rise(high / now),
                        now=from_high,
                        then=to_high,
                    ),
                )
            )
        if low > _ROUNDING:
            ends.append(
                (
                    max(now / low, 1.0),
                    made("weight_falls", title=name, limit=to_low, now=from_low),
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
        was, then = _percents(now, to)
        moved = made("moved_up" if to > now else "moved_down")
        factor = max(to, now) / max(min(to, now), _ROUNDING)
        ways.append(
            (
                factor,
                made(
                    "would_be_first",
                    title=one.title.lower(),
                    moved=moved,
                    now=was,
                    then=then,
                ),
            )
        )
    return min(ways)[1] if ways else made("not_by_one")
