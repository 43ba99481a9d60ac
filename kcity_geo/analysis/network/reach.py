"""
Who reaches what within a limit: k nearest, sums, tables, catchments and two-step access.

Exact along segments, like `kcity_geo.analysis.network.access`, and for many origins at once; threads share
the work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.network.access import snap_cost
from kcity_geo.analysis.network.catchments import Decay, Ways, floating_catchments
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.snapping import Snapped
from kcity_geo.errors import StudyError

__all__ = [
    "catchment_persons",
    "k_nearest",
    "od_matrix",
    "pairs",
    "sums_within",
    "two_step_access",
]

#: Segment, share and extra cost of places.
Triple = tuple["NDArray[np.int64]", "NDArray[np.float64]", "NDArray[np.float64]"]
Found = TypeVar("Found")

#: Origins a thread takes at once: enough to hide the start, few enough to share evenly.
CHUNK = 256


@dataclass(frozen=True, eq=False)
class _Arcs:
    """Arcs by start node and segments, in the direction of a search."""

    indptr: NDArray[np.int32]
    target: NDArray[np.int32]
    cost: NDArray[np.float64]
    tail: NDArray[np.int32]  # (2, m): where one gets to from a segment, and enters it from
    head: NDArray[np.int32]
    ahead: NDArray[np.float64]
    back: NDArray[np.float64]
    links: tuple[NDArray[np.int32], NDArray[np.int32]]

    @property
    def arrays(
        self,
    ) -> tuple[
        NDArray[np.int32],
        NDArray[np.int32],
        NDArray[np.float64],
        NDArray[np.int32],
        NDArray[np.int32],
        NDArray[np.float64],
        NDArray[np.float64],
    ]:
        """All that a bounded search takes."""
        return (*self.search, *self.segments)

    @property
    def search(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        """What a search walks along."""
        return self.indptr, self.target, self.cost

    @property
    def segments(
        self,
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
        """What the ends of a search walk along."""
        return self.tail, self.head, self.ahead, self.back


def _arcs(graph: StreetGraph, unit: str, direction: str) -> _Arcs:
    """Arrays of the search outward from the origins; remembered by the graph."""
    if direction not in {"to", "from"}:
        raise StudyError(f"direction: {direction!r} is neither 'to' nor 'from'")
    if unit not in {"minutes", "metres"}:
        raise StudyError(f"unit: {unit!r} is neither 'minutes' nor 'metres'")
    key = ("arcs", unit, direction)
    if key not in graph.memory:
        matrix = graph.matrix(unit, reverse=direction == "from")
        ahead, back = graph.costs(unit)
        if direction == "from":
            ahead, back = back, ahead
        leave, enter = graph.ways.leave, graph.ways.enter
        if direction == "from":
            leave, enter = enter, leave
        # A loop stands once in the list of its node.
        numbers = np.arange(graph.n_segments)
        open_ones = enter[0] != enter[1]
        ends = np.concatenate([enter[0], enter[1, open_ones]])
        segment = np.concatenate([numbers, numbers[open_ones]])
        segment = segment[np.argsort(ends, kind="stable")]
        size = graph.ways.n_nodes
        start = np.zeros(size + 1, dtype=np.int32)
        np.cumsum(np.bincount(ends, minlength=size), out=start[1:])
        graph.memory[key] = _Arcs(
            matrix.indptr.astype(np.int32),
            matrix.indices.astype(np.int32),
            matrix.data.astype(np.float64),
            np.stack([leave[0], enter[0]]).astype(np.int32),
            np.stack([leave[1], enter[1]]).astype(np.int32),
            np.ascontiguousarray(ahead),
            np.ascontiguousarray(back),
            (start, segment.astype(np.int32)),
        )
    found: _Arcs = graph.memory[key]
    return found


def _listed(
    graph: StreetGraph, places: Snapped, unit: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Give places ordered by segment: start of each list, numbers, shares, extra costs."""
    number = np.flatnonzero(places.segment >= 0)
    number = number[np.argsort(places.segment[number], kind="stable")]
    first = np.zeros(graph.n_segments + 1, dtype=np.int64)
    np.cumsum(np.bincount(places.segment[number], minlength=graph.n_segments), out=first[1:])
    return first, number, places.share[number], snap_cost(graph, places.metres[number], unit=unit)


def _triple(graph: StreetGraph, places: Snapped, unit: str) -> Triple:
    return places.segment, places.share, snap_cost(graph, places.metres, unit=unit)


def _pieces(count: int, workers: int | None) -> list[slice]:
    """Cut origins into pieces of `CHUNK`; few origins into a few pieces for each thread."""
    threads = workers or os.cpu_count() or 1
    size = CHUNK if count >= CHUNK * threads else max(1, -(-count // (4 * threads)))
    return [slice(low, low + size) for low in range(0, count, size)]


def _shared_work(
    run: Callable[[Triple], Found],
    origins: Triple,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> list[Found]:
    """Run a kernel on pieces of the origins, in order, on threads; tell how many are done."""
    segment, share, extra = origins
    pieces = _pieces(len(segment), workers)
    parts: list[Triple] = [(segment[p], share[p], extra[p]) for p in pieces]
    threads = min(len(parts), workers or os.cpu_count() or 1)

    def collected(found: Iterable[Found]) -> list[Found]:
        answers: list[Found] = []
        for answer, piece in zip(found, pieces, strict=True):
            answers.append(answer)
            if progress is not None:
                progress(min(piece.stop, len(segment)), len(segment))
        return answers

    if threads <= 1 or len(parts) <= 1:
        return collected(map(run, parts))
    with ThreadPoolExecutor(threads) as pool:
        return collected(pool.map(run, parts))


def k_nearest(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    origins: Snapped,
    places: Snapped,
    *,
    k: int,
    unit: str = "minutes",
    direction: str = "to",
    limit: float = np.inf,
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """
    Find the k nearest places of each origin.

    One search from all places; every node is reached by its k nearest.

    Parameters
    ----------
    graph : street graph.
    origins, places : on the network.
    k : how many, 1 or more.
    unit : minutes or metres.
    direction : ``to`` the places, or ``from`` them.
    limit : places beyond are not looked for.

    Returns
    -------
    Costs and numbers of the places, each of shape (origins, k), nearest first; inf and -1 where
    there are fewer.

    Raises
    ------
    StudyError
        If `k` is below 1.
    """
    from kcity_geo.analysis.network import kernels

    if k < 1:
        raise StudyError(f"k: {k} is below 1")
    inward = _arcs(graph, unit, "from" if direction == "to" else "to")
    outward = _arcs(graph, unit, direction)
    first, number, share, extra = _listed(graph, places, unit)
    segment = places.segment[number]
    # Search from the places: from a place to the tail is `back` of the search.
    to_tail = share * _finite(inward.back[segment], share)
    to_head = (1 - share) * _finite(inward.ahead[segment], 1 - share)
    starts = np.concatenate([outward.tail[1, segment], outward.head[1, segment]])
    costs = np.concatenate([to_tail + extra, to_head + extra])
    label = np.concatenate([number, number]).astype(np.int32)
    ok = np.isfinite(costs)
    order = np.lexsort((label[ok], costs[ok]))
    node_cost, node_place = kernels.k_labels(
        *inward.search, starts[ok][order], costs[ok][order], label[ok][order], k, limit
    )
    best, who = kernels.k_nearest_places(
        node_cost,
        node_place,
        *outward.segments,
        _triple(graph, origins, unit),
        (first, share, extra, number),
        k,
        limit,
    )
    return _with_themselves(np.asarray(best), np.asarray(who), *_themselves(origins, places))


def _themselves(origins: Snapped, places: Snapped) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair each origin with the places that are the same place: no way leads there."""
    none = np.zeros(0, np.int64)
    if origins.at is None or places.at is None:
        return none, none
    one, two = (
        pd.DataFrame(s.at, columns=["x", "y"]).rename_axis(name).reset_index().dropna()
        for s, name in ((origins, "origin"), (places, "place"))
    )
    both = one.merge(two, on=["x", "y"])
    return both["origin"].to_numpy(np.int64), both["place"].to_numpy(np.int64)


def _with_themselves(
    cost: NDArray[np.float64],
    who: NDArray[np.int32],
    origin: NDArray[np.int64],
    place: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Put the places that an origin is itself before all others, at no cost."""
    if len(origin) == 0:
        return cost, who
    k = cost.shape[1]
    rows = np.unique(origin)
    known = pd.DataFrame(
        {
            "origin": np.concatenate([origin, np.repeat(rows, k)]),
            "place": np.concatenate([place, who[rows].ravel()]),
            "cost": np.concatenate([np.zeros(len(origin)), cost[rows].ravel()]),
        }
    )
    known = known[known["place"] >= 0].sort_values(["origin", "cost", "place"])
    known = known.drop_duplicates(["origin", "place"])
    nth = known.groupby("origin").cumcount().to_numpy()
    known, nth = known[nth < k], nth[nth < k]
    cost, who = cost.copy(), who.copy()
    cost[rows], who[rows] = np.inf, -1
    cost[known["origin"], nth] = known["cost"]
    who[known["origin"], nth] = known["place"]
    return cost, who


def _finite(cost: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep 0 times inf from becoming NaN."""
    return np.where(share <= 0, 0.0, cost)


def sums_within(  # noqa: PLR0913 - engine options, all named
    graph: StreetGraph,
    origins: Snapped,
    places: Snapped,
    weights: NDArray[np.float64],
    *,
    limits: tuple[float, ...] = (15.0, 30.0, 45.0, 60.0),
    unit: str = "minutes",
    direction: str = "to",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """
    Sum what can be reached within limits: cumulative opportunities.

    Parameters
    ----------
    graph : street graph.
    origins, places : on the network.
    weights : of each place, for example jobs.
    limits : in `unit`, ascending; the boundary counts as reached.
    unit : minutes or metres.
    direction : ``to`` the places, or ``from`` them.
    workers : threads; all cores when None.
    progress : called with the origins done and the origins in all, from the calling thread.

    Returns
    -------
    Shape (origins, limits); 0 where nothing is reached. Never falls along the limits.

    Raises
    ------
    StudyError
        If the limits are not ascending.
    """
    from kcity_geo.analysis.network import kernels

    if len(limits) == 0 or np.any(np.diff(limits) < 0):
        raise StudyError(f"limits: {limits} must be one or more numbers in rising order")
    arcs = _arcs(graph, unit, direction)
    first, number, share, extra = _listed(graph, places, unit)
    mass = np.asarray(weights, dtype=np.float64)[number]
    tops = np.asarray(limits, dtype=np.float64) + 1e-9

    def run(part: Triple) -> NDArray[np.float64]:
        return np.asarray(
            kernels.cutoff_sums(
                *arcs.arrays,
                arcs.links,
                part,
                (first, share, extra, mass),
                tops,
            )
        )

    parts = _shared_work(run, _triple(graph, origins, unit), workers, progress)
    return np.concatenate(parts) if parts else np.zeros((0, len(limits)))


def od_matrix(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    origins: Snapped,
    places: Snapped,
    *,
    unit: str = "minutes",
    limit: float = np.inf,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """
    Compute the table of costs from each origin to each place.

    Parameters
    ----------
    graph : street graph.
    origins, places : on the network.
    unit : minutes or metres.
    limit : costs beyond are inf.
    workers : threads; all cores when None.
    progress : called with the origins done and the origins in all, from the calling thread.

    Returns
    -------
    Shape (origins, places); inf: no route. 0 from a place to itself, where both know their
    coordinates.
    """
    from kcity_geo.analysis.network import kernels

    arcs = _arcs(graph, unit, "to")
    ends = _triple(graph, places, unit)

    def run(part: Triple) -> NDArray[np.float64]:
        return np.asarray(kernels.cost_table(*arcs.arrays, part, ends, float(limit)))

    parts = _shared_work(run, _triple(graph, origins, unit), workers, progress)
    table = np.concatenate(parts) if parts else np.zeros((0, len(places.segment)))
    table[_themselves(origins, places)] = 0.0
    return table


def pairs(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    origins: Snapped,
    places: Snapped,
    *,
    limit: float,
    unit: str = "minutes",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """
    List all pairs of origin and place within a limit.

    Parameters
    ----------
    graph : street graph.
    origins, places : on the network.
    limit : in `unit`; the boundary counts as within.
    unit : minutes or metres.
    workers : threads; all cores when None.
    progress : called with the origins done and the origins in all, from the calling thread.

    Returns
    -------
    Number of the origin, number of the place, and cost of each pair, ordered by origin and place.
    """
    from kcity_geo.analysis.network import kernels

    arcs = _arcs(graph, unit, "to")
    first, number, share, extra = _listed(graph, places, unit)

    def run(part: Triple) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        origin, place, cost = kernels.pairs_within(
            *arcs.arrays,
            arcs.links,
            part,
            (first, share, extra),
            float(limit) + 1e-9,
        )
        return origin, place, cost

    parts = _shared_work(run, _triple(graph, origins, unit), workers, progress)
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    pieces = _pieces(len(origins.segment), workers)
    found = zip(parts, pieces, strict=True)
    # A place and itself come first, at no cost, and once.
    origin, place = _themselves(origins, places)
    cost = np.zeros(len(origin))
    origin = np.concatenate([origin, *[part[0] + piece.start for part, piece in found]])
    place = np.concatenate([place, number[np.concatenate([part[1] for part in parts])]])
    cost = np.concatenate([cost, *[part[2] for part in parts]])
    order = np.lexsort((cost, place, origin))
    origin, place, cost = origin[order], place[order], cost[order]
    first_of = np.ones(len(origin), bool)
    first_of[1:] = (origin[1:] != origin[:-1]) | (place[1:] != place[:-1])
    return origin[first_of], place[first_of], cost[first_of]


def catchment_persons(
    graph: StreetGraph,
    origins: Snapped,
    persons: NDArray[np.float64],
    places: Snapped,
    *,
    unit: str = "minutes",
    limit: float = np.inf,
) -> pd.DataFrame:
    """
    Tell how many people have each place as their nearest.

    Parameters
    ----------
    graph : street graph.
    origins : where people live.
    persons : at each origin.
    places : facilities.
    unit : minutes or metres.
    limit : people farther away belong to no place.

    Returns
    -------
    A row a place, under its label: ``persons`` and their mean ``cost`` (NaN without people).
    ``attrs["unserved"]`` holds the people of no place; all together are all people.
    """
    costs, found = k_nearest(graph, origins, places, k=1, unit=unit)
    cost, place = costs[:, 0], found[:, 0]
    served = (place >= 0) & (cost <= limit + 1e-9)
    count = len(places.segment)
    mass = np.bincount(place[served], weights=persons[served], minlength=count)
    spent = np.bincount(
        place[served], weights=(persons * np.where(served, cost, 0))[served], minlength=count
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(mass > 0, spent / mass, np.nan)
    result = pd.DataFrame({"persons": mass, "cost": mean}, index=places.index)
    result.attrs["unserved"] = float(persons[~served].sum())
    return result


def two_step_access(  # noqa: PLR0913 - engine options, all named
    graph: StreetGraph,
    origins: Snapped,
    persons: NDArray[np.float64],
    places: Snapped,
    supply: NDArray[np.float64],
    *,
    limit: float,
    unit: str = "minutes",
    decay: Decay = "none",
    choosing: bool = False,
) -> NDArray[np.float64]:
    """
    Compute access by floating catchments: 2SFCA, with decay E2SFCA, with choice 3SFCA.

    First each facility divides its supply by the people within the limit of it; then each origin
    adds up the facilities within the limit of it.

    Parameters
    ----------
    graph : street graph.
    origins : where people live.
    persons : at each origin, zero or more.
    places : facilities.
    supply : of each facility, for example beds.
    limit : in `unit`.
    unit : minutes or metres.
    decay : row of ``tables/catchments.toml`` (``none``, ``step``, ``step_fast``, ``step_four``,
        ``gaussian``, ``inverse``), or a function from costs to weights.
    choosing : people go to a facility by its share in the weights of all around them (3SFCA).

    Returns
    -------
    Shape (origins,), supply per person; 0 where no facility is in reach. Times the people it adds
    up to the supply of all facilities that anybody reaches.

    Notes
    -----
    Formula and sources: `kcity_geo.analysis.network.catchments.floating_catchments`.
    """
    ways = Ways(*pairs(graph, origins, places, limit=limit, unit=unit))
    return floating_catchments(ways, persons, supply, limit=limit, decay=decay, choosing=choosing)
