"""
Who reaches what within a limit: k nearest, sums, tables and pairs.

Exact along segments, like `kcity_geo.analysis.network.access`, and for many origins at once; threads share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.network.access import require_limit, ring_of, snap_cost
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.snapping import Snapped
from kcity_geo.analysis.network.ties import (
    Nearest,
    Pairs,
    best_of,
    best_pairs,
    least,
    themselves,
)
from kcity_geo.errors import StudyError
from kcity_geo.threads import thread_count

__all__ = [
    "k_nearest",
    "od_matrix",
    "pairs",
    "sums_within",
]

#: Segment, share and extra cost of places.
Triple = tuple["NDArray[np.int64]", "NDArray[np.float64]", "NDArray[np.float64]"]
Found = TypeVar("Found")

#: Called with the origins done and the origins in all.
Progress = Callable[[int, int], None]

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
            matrix.indptr.astype(np.int32, copy=False),
            matrix.indices.astype(np.int32, copy=False),
            matrix.data.astype(np.float64, copy=False),
            np.stack([leave[0], enter[0]]).astype(np.int32),
            np.stack([leave[1], enter[1]]).astype(np.int32),
            np.ascontiguousarray(ahead),
            np.ascontiguousarray(back),
            (start, segment.astype(np.int32)),
        )
    found: _Arcs = graph.memory[key]
    return found


class _Listed(NamedTuple):
    """Streets of places ordered by segment; a place between several streets stands there several times."""

    first: NDArray[np.int64]  # start of the list of each segment
    number: NDArray[np.int64]  # of the place
    segment: NDArray[np.int64]
    share: NDArray[np.float64]
    extra: NDArray[np.float64]


def _listed(graph: StreetGraph, places: Snapped, unit: str) -> _Listed:
    rows, owner = places.spread()
    row = np.flatnonzero(rows.segment >= 0)
    row = row[np.argsort(rows.segment[row], kind="stable")]
    segment, share = rows.segment[row], rows.share[row]
    first = np.zeros(graph.n_segments + 1, dtype=np.int64)
    np.cumsum(np.bincount(segment, minlength=graph.n_segments), out=first[1:])
    return _Listed(first, owner[row], segment, share, snap_cost(graph, rows.metres[row], unit=unit))


def _triple(graph: StreetGraph, places: Snapped, unit: str) -> Triple:
    return places.segment, places.share, snap_cost(graph, places.metres, unit=unit)


def _pieces(count: int, workers: int | None) -> list[slice]:
    """Cut origins into pieces of `CHUNK` or more; few origins into a few pieces for each thread."""
    threads = workers or thread_count()
    # Each piece begins with arrays as long as the graph: of very many origins each takes more.
    size = max(CHUNK, count // (64 * threads))
    size = size if count >= CHUNK * threads else max(1, -(-count // (4 * threads)))
    return [slice(low, low + size) for low in range(0, count, size)]


def _shared_work(
    run: Callable[[Triple], Found],
    origins: Triple,
    workers: int | None,
    progress: Progress | None,
) -> list[Found]:
    """Run a kernel on pieces of the origins, in order, on threads; tell how many are done."""
    segment, share, extra = origins
    pieces = _pieces(len(segment), workers)
    parts: list[Triple] = [(segment[p], share[p], extra[p]) for p in pieces]
    threads = min(len(parts), workers or thread_count())

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


def _told(progress: Progress | None, owner: NDArray[np.int64]) -> Progress | None:
    """Tell progress in places, not in the streets around them."""
    if progress is None or len(owner) == 0:
        return progress
    tell = progress
    return lambda done, _: tell(int(owner[done - 1]) + 1, int(owner[-1]) + 1)


@dataclass(frozen=True)
class _Search:
    """What is searched and how."""

    graph: StreetGraph
    unit: str
    direction: str
    workers: int | None


def _pairs(
    search: _Search,
    origins: Snapped,
    places: Snapped,
    limit: float,
    progress: Progress | None = None,
) -> Pairs:
    """List all pairs within a limit, each once, by the best of the streets on either side."""
    from kcity_geo.analysis.network import kernels

    graph, unit = search.graph, search.unit
    arcs = _arcs(graph, unit, search.direction)
    first, number, _, share, extra = _listed(graph, places, unit)
    rows, owner = origins.spread()

    def run(part: Triple) -> Pairs:
        origin, place, cost = kernels.pairs_within(
            *arcs.arrays, arcs.links, part, (first, share, extra), limit
        )
        return origin, place, cost

    triple = _triple(graph, rows, unit)
    parts = _shared_work(run, triple, search.workers, _told(progress, owner))
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    found = zip(parts, _pieces(len(owner), search.workers), strict=True)
    origin = owner[np.concatenate([part[0] + piece.start for part, piece in found])]
    place = number[np.concatenate([part[1] for part in parts])]
    return best_pairs(origin, place, np.concatenate([part[2] for part in parts]))


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
        If `k` is below 1, or the limit below zero or no number.
    """
    from kcity_geo.analysis.network import kernels

    if k < 1:
        raise StudyError(f"k: {k} is below 1")
    require_limit(limit)
    inward = _arcs(graph, unit, "from" if direction == "to" else "to")
    outward = _arcs(graph, unit, direction)
    first, number, segment, share, extra = _listed(graph, places, unit)
    rows, owner = origins.spread()
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
        _triple(graph, rows, unit),
        (first, share, extra, number),
        k,
        limit,
    )
    found = Nearest(owner, np.asarray(best), np.asarray(who))
    return best_of(found, *themselves(origins, places), count=len(origins.segment))


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
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """
    Sum what can be reached within limits: cumulative opportunities.

    Parameters
    ----------
    graph : street graph.
    origins, places : on the network.
    weights : of each place, for example jobs; or shape (places, kinds), several at once.
    limits : in `unit`, ascending; the boundary counts as reached.
    unit : minutes or metres.
    direction : ``to`` the places, or ``from`` them.
    workers : threads; all cores when None.
    progress : called with the origins done and the origins in all, from the calling thread.

    Returns
    -------
    Shape (origins, limits), or (origins, limits, kinds); 0 where nothing is reached. Never falls along the
    limits.

    Raises
    ------
    StudyError
        If the limits are not ascending, or one is below zero or no number.
    """
    from kcity_geo.analysis.network import kernels

    if len(limits) == 0 or np.any(np.diff(limits) < 0):
        raise StudyError(f"limits: {limits} must be one or more numbers in rising order")
    require_limit(*limits)
    tops = np.asarray(limits, dtype=np.float64) + 1e-9
    mass, count = np.asarray(weights, dtype=np.float64), len(origins.segment)
    alike = mass.ndim == 1
    mass = mass[:, None] if alike else mass
    search = _Search(graph, unit, direction, workers)
    alone, single = ~origins.tied, ~places.tied
    result = np.zeros((count, len(limits), mass.shape[1]))
    # Whoever stands between two streets is counted once, by the better one.
    for rows, ends in ((~alone, np.ones(len(single), bool)), (alone, ~single)):
        if rows.any() and ends.any():
            start, end = np.flatnonzero(rows), np.flatnonzero(ends)
            found = _pairs(search, origins.take(start), places.take(end), float(tops[-1]))
            result[start] += _summed(found, mass[end], tops, len(start))
    first, number, _, share, extra = _listed(graph, places.take(single), unit)
    mass = mass[single][number]
    arcs = _arcs(graph, unit, direction)

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

    def told(done: int, _: int) -> None:
        if progress is not None:
            progress(count - int(alone.sum()) + done, count)

    parts = _shared_work(run, _triple(graph, origins.take(alone), unit), workers, told)
    if parts:
        result[alone] += np.concatenate(parts)
    elif count:
        told(0, count)
    return result[:, :, 0] if alike else result


def _summed(
    found: Pairs, mass: NDArray[np.float64], tops: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Sum the weights of the places of pairs, shape (origins, limits, kinds)."""
    origin, place, cost = found
    sums = np.zeros((count, len(tops), mass.shape[1]))
    for column, top in enumerate(tops):
        near = cost <= top
        for kind, amount in enumerate(mass.T):
            sums[:, column, kind] = np.bincount(
                origin[near], weights=amount[place[near]], minlength=count
            )
    return sums


def od_matrix(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    origins: Snapped,
    places: Snapped,
    *,
    unit: str = "minutes",
    limit: float = np.inf,
    workers: int | None = None,
    progress: Progress | None = None,
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

    Raises
    ------
    StudyError
        If the limit is below zero or no number, or the unit unknown.
    """
    from kcity_geo.analysis.network import kernels

    require_limit(limit)
    arcs = _arcs(graph, unit, "to")
    (rows, owner), (columns, belongs) = origins.spread(), places.spread()
    ends, ring = _triple(graph, columns, unit), (1.0, 0)
    # Where places are everywhere a search goes everywhere, to the limit at least.
    if len(columns.segment) * 4 >= graph.ways.n_nodes:
        along = np.concatenate([arcs.ahead, arcs.back])
        ring = ring_of(arcs.cost, np.append(along[np.isfinite(along)], 0.0))

    def run(part: Triple) -> NDArray[np.float64]:
        found = np.asarray(kernels.cost_table(*arcs.arrays, part, ends, float(limit), ring))
        return least(found, belongs, axis=1)

    parts = _shared_work(run, _triple(graph, rows, unit), workers, _told(progress, owner))
    if not parts:
        return np.zeros((0, len(places.segment)))
    table = least(np.concatenate(parts), owner, axis=0)
    table[themselves(origins, places)] = 0.0
    return table


def pairs(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    origins: Snapped,
    places: Snapped,
    *,
    limit: float,
    unit: str = "minutes",
    workers: int | None = None,
    progress: Progress | None = None,
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

    Raises
    ------
    StudyError
        If the limit is below zero or no number, or the unit unknown.
    """
    require_limit(limit)
    search = _Search(graph, unit, "to", workers)
    origin, place, cost = _pairs(search, origins, places, float(limit) + 1e-9, progress)
    # A place and itself come first, at no cost, and once.
    one, same = themselves(origins, places)
    return best_pairs(
        np.concatenate([one, origin]),
        np.concatenate([same, place]),
        np.concatenate([np.zeros(len(one)), cost]),
    )
