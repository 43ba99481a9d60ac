"""
Who may pass a node: private gates and streets, and turns that are forbidden.

A search walks along arcs between nodes. Where not everybody may go on as he likes, a node has copies:
one who arrives by a street with a forbidden turn is at another copy than one who arrives by another
street, and one who has entered a private estate is at another copy than one who lives there. So a
search stays one of nodes, and costs what it cost where nothing is restricted.

Destination access: who starts on a private street, or behind a private gate, gets out; who goes there
gets in; nobody passes through.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

__all__ = ["Passing", "Turn", "destination_only", "free_passing", "restricted_passing"]

Ints = NDArray[np.int64]
#: A segment and its end: 0 tail, 1 head.
End = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Passing:
    """
    The nodes of a search and its arcs.

    Parameters
    ----------
    n_nodes : nodes of the search: those of the graph, and their copies.
    leave : shape (2, m): where one who starts on a segment gets to at its tail and its head.
    enter : shape (2, m): from where a segment is entered at its tail and its head.
    start, end : nodes of each arc.
    segment : segment of each arc; -1: it costs nothing.
    ahead : the arc runs from tail to head.
    arrivals : shape (k, 2): a node of the graph, and a copy of it at which one arrives too.
    """

    n_nodes: int
    leave: NDArray[np.int32]
    enter: NDArray[np.int32]
    start: Ints
    end: Ints
    segment: Ints
    ahead: NDArray[np.bool_]
    arrivals: Ints

    def costs(self, forward: NDArray[np.float64], backward: NDArray[np.float64]) -> Ints:
        """
        Give the cost of each arc.

        Parameters
        ----------
        forward, backward : cost of each segment from tail to head and back; inf: not allowed.

        Returns
        -------
        Shape (arcs,).
        """
        along = np.where(self.ahead, forward[self.segment], backward[self.segment])
        return np.asarray(np.where(self.segment >= 0, along, 0.0))


@dataclass(frozen=True)
class Turn:
    """
    A turn restriction on the segments of a graph.

    Parameters
    ----------
    arrive : segment and end at which one arrives.
    via : segment on the way between, and the end at which it is entered; None: one node only.
    leave : segment and end at which one goes on.
    only : every other way on is forbidden, instead of this one.
    """

    arrive: End
    via: End | None
    leave: End
    only: bool = False


def free_passing(n_nodes: int, tail: NDArray[np.int32], head: NDArray[np.int32]) -> Passing:
    """
    Let everybody pass everywhere.

    Parameters
    ----------
    n_nodes : nodes of the graph.
    tail, head : nodes of each segment.

    Returns
    -------
    One arc a direction, no copies.

    Examples
    --------
    >>> one = free_passing(2, np.array([0], np.int32), np.array([1], np.int32))
    >>> one.start.tolist(), one.end.tolist(), one.costs(np.array([3.0]), np.array([4.0])).tolist()
    ([0, 1], [1, 0], [3.0, 4.0])
    """
    ends = np.stack([tail, head]).astype(np.int32)
    number = np.arange(len(tail))
    ahead = np.repeat([True, False], len(tail))
    return Passing(
        n_nodes,
        ends,
        ends,
        np.concatenate([tail, head]).astype(np.int64),
        np.concatenate([head, tail]).astype(np.int64),
        np.concatenate([number, number]),
        ahead,
        np.zeros((0, 2), np.int64),
    )


def destination_only(
    n_nodes: int,
    tail: NDArray[np.int32],
    head: NDArray[np.int32],
    *,
    length_m: NDArray[np.float64],
    private: NDArray[np.bool_],
    gates: Ints,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """
    Tell which segments and nodes are for those only who start or end there.

    Open streets that hang together by private streets and gates alone are an estate, except for the
    longest of them, which is the town outside.

    Parameters
    ----------
    n_nodes : nodes of the graph.
    tail, head : nodes of each segment.
    length_m : of each segment.
    private : segments that are private by their tags.
    gates : shape (k, 2), pairs of nodes on either side of a private gate.

    Returns
    -------
    Of segments and of nodes.

    Examples
    --------
    >>> tail, head = np.array([0, 1, 2], np.int32), np.array([1, 2, 3], np.int32)
    >>> destination_only(
    ...     4,
    ...     tail,
    ...     head,
    ...     length_m=np.array([500.0, 50, 100]),
    ...     private=np.array([False, True, False]),
    ...     gates=np.zeros((0, 2), np.int64),
    ... )[0].tolist()
    [False, True, True]
    """
    none = np.zeros(len(tail), bool), np.zeros(n_nodes, bool)
    if not private.any() and not len(gates):
        return none
    is_open = ~private
    piece = _joined(n_nodes, tail[is_open], head[is_open])
    ways = np.concatenate([tail, gates[:, 0]]), np.concatenate([head, gates[:, 1]])
    cluster = _joined(n_nodes, *ways)
    metres = np.bincount(piece[tail[is_open]], weights=length_m[is_open], minlength=n_nodes)
    # The longest open piece of each cluster is outside; of equals the one of the lowest node.
    order = np.lexsort((np.arange(n_nodes), -metres[piece], cluster))
    first = np.ones(n_nodes, bool)
    first[1:] = cluster[order][1:] != cluster[order][:-1]
    outside = np.zeros(n_nodes, dtype=np.int64)
    outside[cluster[order][first]] = piece[order][first]
    inside = piece != outside[cluster]
    return private | inside[tail] | inside[head], inside


def _joined(n_nodes: int, one: Ints | NDArray[np.int32], two: Ints | NDArray[np.int32]) -> Ints:
    """Give each node the number of the piece that it hangs together with."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    links = csr_array((np.ones(len(one), np.int8), (one, two)), shape=(n_nodes, n_nodes))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


@dataclass
class _Arcs:
    """Arcs and copies of nodes, as they are made."""

    n_nodes: int
    parts: list[tuple[Ints, Ints, Ints, bool]] = field(default_factory=list)
    one: list[tuple[int, int, int, bool]] = field(default_factory=list)
    arrivals: list[tuple[int, int]] = field(default_factory=list)

    def copy(self) -> int:
        """Give the number of one more node."""
        self.n_nodes += 1
        return self.n_nodes - 1

    def add(self, start: Ints, end: Ints, segment: Ints, *, ahead: bool) -> None:
        """Add many arcs of segments."""
        self.parts.append((start, end, segment, ahead))

    def free(self, start: int, end: int) -> None:
        """Add an arc that costs nothing."""
        self.one.append((start, end, -1, True))

    def done(self, leave: Ints, enter: Ints) -> Passing:
        """Put all arcs together."""
        single = np.array(self.one, dtype=np.int64).reshape(-1, 4)
        sizes = [len(part[0]) for part in self.parts]
        flags = np.repeat([part[3] for part in self.parts], sizes).astype(bool)
        return Passing(
            self.n_nodes,
            leave.astype(np.int32),
            enter.astype(np.int32),
            np.concatenate([*(part[0] for part in self.parts), single[:, 0]]),
            np.concatenate([*(part[1] for part in self.parts), single[:, 1]]),
            np.concatenate([*(part[2] for part in self.parts), single[:, 2]]),
            np.concatenate([flags, single[:, 3].astype(bool)]),
            np.array(self.arrivals, dtype=np.int64).reshape(-1, 2),
        )


def restricted_passing(  # noqa: PLR0913 - an option each, all named
    n_nodes: int,
    tail: NDArray[np.int32],
    head: NDArray[np.int32],
    *,
    private: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    gates: Ints,
    turns: Iterable[Turn] = (),
) -> Passing:
    """
    Lay out the arcs of a graph with private streets, gates and forbidden turns.

    Parameters
    ----------
    n_nodes : nodes of the graph.
    tail, head : nodes of each segment.
    private, inside : segments and nodes for those only who start or end there.
    gates : shape (k, 2), pairs of nodes on either side of a private gate.
    turns : forbidden ones; those on private segments are not looked at.

    Returns
    -------
    The arcs.
    """
    ends = np.stack([tail, head]).astype(np.int64)
    arcs = _Arcs(n_nodes)
    # Where one gets to, from where one goes on, and from where a place on the segment is reached.
    leave, out, enter = ends.copy(), ends.copy(), ends.copy()
    _forbid(arcs, turns, ends, private, (leave, out, enter))
    inner = np.flatnonzero(inside)
    copy = np.full(n_nodes, -1, dtype=np.int64)
    copy[inner] = arcs.n_nodes + np.arange(len(inner))
    arcs.n_nodes += len(inner)
    arcs.arrivals += list(zip(inner.tolist(), copy[inner].tolist(), strict=True))
    minus = np.full(len(inner), -1, dtype=np.int64)
    arcs.add(inner, copy[inner], minus, ahead=True)
    there = np.flatnonzero(private)
    for end in (0, 1):
        node = ends[end, there]
        enter[end, there] = np.where(inside[node], copy[node], enter[end, there])
    usual = np.flatnonzero(~private)
    arcs.add(out[0, usual], leave[1, usual], usual, ahead=True)
    arcs.add(out[1, usual], leave[0, usual], usual, ahead=False)
    for start, end, ahead in ((0, 1, True), (1, 0, False)):
        out_of = there[inside[ends[start, there]]]  # on the way out, from deep inside
        arcs.add(ends[start, out_of], leave[end, out_of], out_of, ahead=ahead)
        into = there[inside[ends[end, there]]]  # on the way in, no further than inside
        arcs.add(enter[start, into], copy[ends[end, into]], into, ahead=ahead)
    if len(gates):
        both = np.concatenate([gates, gates[:, ::-1]])
        one, two = both[:, 0], both[:, 1]
        going, coming = inside[one], inside[two]
        free = np.full(len(both), -1, dtype=np.int64)
        arcs.add(one[going], two[going], free[going], ahead=True)
        from_copy = np.where(inside[one], copy[one], one)
        arcs.add(from_copy[coming], copy[two[coming]], free[coming], ahead=True)
    return arcs.done(leave, enter)


def _forbid(
    arcs: _Arcs,
    turns: Iterable[Turn],
    ends: Ints,
    private: NDArray[np.bool_],
    nodes: tuple[Ints, Ints, Ints],
) -> None:
    """Give the nodes of forbidden turns a copy for each street that arrives and that goes on."""
    leave, out, _ = nodes
    listed = [
        turn
        for turn in turns
        if not any(private[part[0]] for part in (turn.arrive, turn.leave, turn.via) if part)
    ]
    if not listed:
        return
    around = _around(listed, ends)
    open_ends = {
        node: [end for end in found if not private[end[0]]] for node, found in around.items()
    }
    single: dict[End, set[End]] = {}
    double: dict[tuple[End, End], set[End]] = {}
    for turn in listed:
        others = set(around[int(ends[turn.leave[1], turn.leave[0]])]) - {turn.leave}
        shut = others if turn.only else {turn.leave}
        if turn.via is None:
            single.setdefault(turn.arrive, set()).update(shut)
        else:
            double.setdefault((turn.arrive, turn.via), set()).update(shut)
    _split(arcs, around, private, nodes)
    _forbid_along(arcs, double, open_ends, single, nodes)
    for found in open_ends.values():
        for arrive, onward in product(found, found):
            # Who may not turn left turns round behind the crossing, if at all, not on it.
            shut_off = onward in single.get(arrive, ()) or (arrive, onward) in double
            if not shut_off and (arrive != onward or len(found) == 1):
                arcs.free(int(leave[arrive[1], arrive[0]]), int(out[onward[1], onward[0]]))


def _around(listed: list[Turn], ends: Ints) -> dict[int, list[End]]:
    """Give the ends of segments at each node of a forbidden turn."""
    at = {int(ends[turn.arrive[1], turn.arrive[0]]) for turn in listed}
    at |= {int(ends[turn.leave[1], turn.leave[0]]) for turn in listed}
    around: dict[int, list[End]] = {node: [] for node in sorted(at)}
    for end in (0, 1):
        for segment in np.flatnonzero(np.isin(ends[end], sorted(at))).tolist():
            around[int(ends[end, segment])].append((segment, end))
    return around


def _split(
    arcs: _Arcs,
    around: dict[int, list[End]],
    private: NDArray[np.bool_],
    nodes: tuple[Ints, Ints, Ints],
) -> None:
    """Give each end at a node two copies of it, one that arrives and one that goes on."""
    leave, out, enter = nodes
    for node, found in around.items():
        goal = arcs.copy()  # who only wants to get here, or into a private street
        arcs.arrivals.append((node, goal))
        arcs.free(node, goal)
        for segment, end in found:
            if private[segment]:
                enter[end, segment] = goal
                continue
            leave[end, segment], out[end, segment] = arcs.copy(), arcs.copy()
            enter[end, segment] = out[end, segment]
            arcs.free(node, int(out[end, segment]))
            arcs.free(int(leave[end, segment]), goal)


def _forbid_along(
    arcs: _Arcs,
    double: dict[tuple[End, End], set[End]],
    open_ends: dict[int, list[End]],
    single: dict[End, set[End]],
    nodes: tuple[Ints, Ints, Ints],
) -> None:
    """Give a street between two nodes a copy for those who may not go on as others do."""
    leave, out, enter = nodes
    by_end = {end: found for found in open_ends.values() for end in found}
    for (arrive, via), shut in sorted(double.items()):
        if via in single.get(arrive, ()):
            continue
        segment, first = via
        if enter[first, segment] == out[first, segment]:
            enter[first, segment] = arcs.copy()
            arcs.free(int(out[first, segment]), int(enter[first, segment]))
        begin, finish = arcs.copy(), arcs.copy()
        arcs.free(int(leave[arrive[1], arrive[0]]), begin)
        arcs.free(begin, int(enter[first, segment]))
        arcs.one.append((begin, finish, segment, first == 0))
        far = (segment, 1 - first)
        for onward in by_end[far]:
            if onward not in shut and onward not in single.get(far, ()) and onward != far:
                arcs.free(finish, int(out[onward[1], onward[0]]))
