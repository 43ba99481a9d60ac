"""
The street graph: walk, cycle and drive networks of OSM ways as arrays.

Nodes stand at real junctions and dead ends, one row a segment between two of them, travel times
directed. All components are kept. Reads no file; `kcity_geo.sources.osm.pbf` reads the ways and
`kcity_geo.analysis.network.access` travels on the graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array

from kcity_geo.analysis.network import topology
from kcity_geo.analysis.network.areas import with_areas
from kcity_geo.analysis.network.delays import Sampler, place_along, slope_factors, waiting_minutes
from kcity_geo.analysis.network.passing import (
    Passing,
    Turn,
    destination_only,
    free_passing,
    restricted_passing,
)
from kcity_geo.analysis.network.rules import (
    MODES,
    binding_turns,
    blocking_nodes,
    private_nodes,
)
from kcity_geo.analysis.network.turns import Ends, turns_of, via_nodes
from kcity_geo.analysis.network.ways import usable_ways
from kcity_geo.coordinates import in_crs
from kcity_geo.errors import SchemaError, StudyError
from kcity_geo.settings import NetworkTable, network_table

__all__ = ["StreetGraph", "build_graph", "components"]


@dataclass(frozen=True, eq=False)
class StreetGraph:
    """
    A street network for one mode of travel.

    Parameters
    ----------
    mode : walk, cycle, drive or street.
    crs : metric CRS.
    node_x, node_y : shape (n,), metres.
    node_osm : shape (n,), OSM node ids. Ends on either side of a barrier share theirs.
    tail, head : shape (m,), node numbers of the two ends of each undirected segment.
    length_m : shape (m,), metres.
    minutes_forward, minutes_backward : shape (m,), from tail to head and back; inf: not allowed.
    geometry : shape (m,), LineStrings from tail to head.
    osm_way : shape (m,), id of the way that gives the segment most of its length.
    highway : shape (m,), class of that way.
    component : shape (n,), connected component, 0 the longest.
    table : rules the graph was built with.
    private : shape (m,), segments for those only who start or end there. None: no such segment.
    passing : who may pass the nodes; everybody everywhere when None.
    turns : turn restrictions of the layer that are obeyed, and those that cannot be.
    """

    mode: str
    crs: Any
    node_x: NDArray[np.float64]
    node_y: NDArray[np.float64]
    node_osm: NDArray[np.int64]
    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    length_m: NDArray[np.float64]
    minutes_forward: NDArray[np.float64]
    minutes_backward: NDArray[np.float64]
    geometry: NDArray[np.object_]
    osm_way: NDArray[np.int64]
    highway: NDArray[np.str_]
    component: NDArray[np.int32]
    table: NetworkTable = field(default_factory=network_table, repr=False)
    private: NDArray[np.bool_] | None = None
    passing: Passing | None = field(default=None, repr=False)
    turns: tuple[int, int] = (0, 0)
    memory: dict[Any, Any] = field(default_factory=dict, repr=False, init=False)

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_x)

    @property
    def n_segments(self) -> int:
        """Number of undirected segments."""
        return len(self.tail)

    @cached_property
    def degree(self) -> NDArray[np.int64]:
        """Segment ends at each node; a loop counts twice."""
        both = np.concatenate([self.tail, self.head])
        return np.bincount(both, minlength=self.n_nodes).astype(np.int64)

    @cached_property
    def metres_forward(self) -> NDArray[np.float64]:
        """Metres from tail to head; inf where not allowed."""
        return np.where(np.isfinite(self.minutes_forward), self.length_m, np.inf)

    @cached_property
    def metres_backward(self) -> NDArray[np.float64]:
        """Metres from head to tail; inf where not allowed."""
        return np.where(np.isfinite(self.minutes_backward), self.length_m, np.inf)

    def costs(self, unit: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """
        Give the cost of each segment forward and backward.

        Parameters
        ----------
        unit : minutes or metres.

        Returns
        -------
        Two arrays of shape (m,); inf: not allowed.
        """
        if unit == "minutes":
            return self.minutes_forward, self.minutes_backward
        return self.metres_forward, self.metres_backward

    def matrix(self, unit: str = "minutes", *, reverse: bool = False) -> csr_array:
        """
        Give the costs from node to node; of parallel arcs the cheapest, loops left out.

        Parameters
        ----------
        unit : minutes or metres.
        reverse : turn all arcs round.

        Returns
        -------
        Shape (n, n), and more rows and columns for the copies of nodes that not everybody passes as
        he likes, see `kcity_geo.analysis.network.passing`.
        """
        key = ("matrix", unit, reverse)
        if key not in self.memory:
            self.memory[key] = self._matrix(unit, reverse=reverse)
        found: csr_array = self.memory[key]
        return found

    @cached_property
    def ways(self) -> Passing:
        """Nodes and arcs of a search."""
        if self.passing is not None:
            return self.passing
        return free_passing(self.n_nodes, self.tail, self.head)

    def _matrix(self, unit: str, *, reverse: bool) -> csr_array:
        ways, size = self.ways, self.ways.n_nodes
        cost = ways.costs(*self.costs(unit))
        start, end = (ways.end, ways.start) if reverse else (ways.start, ways.end)
        ok = np.isfinite(cost) & (start != end)
        start, end, cost = start[ok], end[ok], cost[ok]
        arc = start.astype(np.int64) * size + end
        order = np.argsort(arc)
        arc = arc[order]
        first = np.flatnonzero(np.r_[len(arc) > 0, arc[1:] != arc[:-1]])
        # Of parallel arcs the cheapest; scipy would add them up.
        cheapest = np.minimum.reduceat(cost[order], first) if len(first) else cost
        start, end = np.divmod(arc[first], max(size, 1))
        indptr = np.zeros(size + 1, dtype=np.int32)
        np.cumsum(np.bincount(start, minlength=size), out=indptr[1:])
        return csr_array((cheapest, end.astype(np.int32), indptr), shape=(size, size))

    @cached_property
    def component_m(self) -> NDArray[np.float64]:
        """Length of each component, metres, longest first."""
        metres = np.bincount(self.component[self.tail], weights=self.length_m)
        return np.asarray(metres, dtype=np.float64)


def build_graph(  # noqa: PLR0913 - layers of a city, all named
    roads: gpd.GeoDataFrame,
    *,
    mode: str,
    barriers: gpd.GeoDataFrame | None = None,
    ferries: gpd.GeoDataFrame | None = None,
    elevation: Sampler | None = None,
    congestion: Sampler | None = None,
    signals: NDArray[np.int64] | None = None,
    areas: gpd.GeoDataFrame | None = None,
    turns: gpd.GeoDataFrame | None = None,
    table: NetworkTable | None = None,
    memory: dict[Any, Any] | None = None,
) -> StreetGraph:
    """
    Build the street graph of one mode of travel.

    Parameters
    ----------
    roads : road layer in a metric CRS with ``osm_id``, ``node_ids``, ``highway`` and access tags.
    mode : walk, cycle, drive, or street: all streets, both ways, for street form.
    barriers : nodes with ``osm_id`` and ``barrier``; those that stop the mode cut the ways.
    ferries : ferry lines; used where people, or cars, are let on.
    elevation : metres at points; without it all ground is level.
    congestion : share of free-flow speed at points, driving only.
    signals : OSM ids of nodes with traffic lights, driving only.
    areas : outlines of squares, platforms and piers, walking only.
    turns : layer ``turn_restriction``, driving only.
    table : of `kcity_geo.settings.network_table`; ``tables/network.toml`` as it is when None.
    memory : what the tags of roads said before, for a layer with a road more; None: nothing is kept.

    Returns
    -------
    The graph; it has no nodes when no way is usable.

    Raises
    ------
    StudyError
        If the mode is unknown.
    SchemaError
        If columns are missing or the CRS is not metric.
    """
    if mode not in MODES:
        raise StudyError(f"mode: {mode!r} is not one of {', '.join(MODES)}")
    _checked(roads)
    ferries, areas = _like(roads, ferries, "ferries"), _like(roads, areas, "areas")
    table = network_table() if table is None else table
    ways = usable_ways(roads, ferries, mode=mode, table=table, memory=memory)
    if areas is not None and len(areas) and mode == "walk":
        ways = with_areas(ways, areas, table=table)
    points = topology.vertices(ways)
    gates = stop = np.zeros(0, np.int64)
    if barriers is not None:
        stop = blocking_nodes(barriers, mode=mode, table=table)
        gates = private_nodes(barriers, mode=mode, table=table)
    binding = None
    if turns is not None and len(turns) and mode == "drive":
        binding = binding_turns(turns, table=table)
    cut = _Cut(ways, points, topology.cut(points, blocked=stop), mode, table)
    costs = _costs(
        cut,
        elevation=elevation,
        congestion=congestion if mode == "drive" else None,
        signals=signals,
    )
    return _assembled(cut, costs, gates=gates, turns=binding)


class _Cut(NamedTuple):
    """Usable ways, cut at their crossings and barriers, of one mode by one table of rules."""

    ways: gpd.GeoDataFrame
    points: topology.Vertices
    pieces: topology.Pieces
    mode: str
    table: NetworkTable


def _costs(
    cut: _Cut,
    *,
    elevation: Sampler | None,
    congestion: Sampler | None,
    signals: NDArray[np.int64] | None,
) -> list[NDArray[np.float64]]:
    """Give length, and minutes along and against each piece; inf: not allowed."""
    ways, points, pieces, mode, table = cut
    way = points.way[pieces.start]
    length = points.along[pieces.end] - points.along[pieces.start]
    speed = ways["speed_kmh"].to_numpy()[way]
    if congestion is not None:
        middle = place_along(points, (points.along[pieces.start] + points.along[pieces.end]) / 2)
        factor = congestion(*middle)
        speed = speed * np.where(np.isfinite(factor), factor, 1.0)
    minutes = length / (speed * 1000.0 / 60.0)
    minutes += waiting_minutes(points, pieces, ways, signals=signals, mode=mode, table=table)
    up = down = np.ones(1)
    if elevation is not None and mode == "walk":
        flat = ways[["bridge", "tunnel"]].to_numpy(dtype=bool).any(axis=1)[way]
        up, down = slope_factors(points, pieces, elevation, flat=flat, table=table)
    forward = np.where(ways["forward"].to_numpy()[way], minutes * up, np.inf)
    backward = np.where(ways["backward"].to_numpy()[way], minutes * down, np.inf)
    return [length, forward, backward]


def _checked(roads: gpd.GeoDataFrame) -> None:
    missing = [name for name in ("osm_id", "highway") if name not in roads]
    if missing:
        raise SchemaError(f"roads: column {missing[0]!r} is missing; give a road layer of osm.toml")
    if roads.crs is None or not roads.crs.is_projected:
        raise SchemaError(f"roads: CRS {roads.crs} is not metric; use the CRS of the city")


def _like(
    roads: gpd.GeoDataFrame, other: gpd.GeoDataFrame | None, what: str
) -> gpd.GeoDataFrame | None:
    """Bring another layer into the CRS of the roads."""
    if other is None or len(other) == 0 or other.crs == roads.crs:
        return other
    return other.set_geometry(in_crs(other, roads.crs, what=what), crs=roads.crs)


def _assembled(
    cut: _Cut,
    costs: list[NDArray[np.float64]],
    *,
    gates: NDArray[np.int64],
    turns: gpd.GeoDataFrame | None,
) -> StreetGraph:
    """Join the pieces and number the nodes. Takes `costs`, which is empty after."""
    ways, points, pieces, mode, table = cut
    # Numbers of the classes, not their names: a million segments would hold a million texts.
    code, names = pd.factorize(ways["highway"].to_numpy(dtype=object))
    names = np.asarray(names, dtype=object)
    path = np.isin(names.astype(np.str_), table["classes"]["no_snap"]).astype(np.int8)
    way = points.way[pieces.start]
    closed = ways["private"].to_numpy(dtype=bool)
    kept = np.zeros(0, np.int64)
    if turns is not None and len(turns):
        kept = np.flatnonzero(np.isin(points.osm[pieces.node_of], via_nodes(turns)))
    order, turned, chain = topology.chains(
        pieces,
        forward=np.isfinite(costs[1]),
        backward=np.isfinite(costs[2]),
        kind=((path + (names == "ferry")).astype(np.int8)[code] + 4 * closed.astype(np.int8))[way],
        keep=kept,
    )
    lines, tail, head = topology.join(points, pieces, order=order, turned=turned, chain=chain)
    metres, ahead, back, main = _chained(costs, order, turned, chain, total=len(lines))
    at_ends = _ways_at_ends(way[order], chain, ways) if len(kept) else None
    del order, turned, chain, way
    # One-way chains run in the direction in which they may be used.
    flip = ~np.isfinite(ahead) & np.isfinite(back)
    lines[flip] = shapely.reverse(lines[flip])
    tail, head = np.where(flip, head, tail), np.where(flip, tail, head)
    ahead, back = np.where(flip, back, ahead), np.where(flip, ahead, back)
    way = points.way[pieces.start[main]]
    osm_way = ways["osm_id"].to_numpy(dtype=np.int64)[way]
    sorting = np.lexsort((main, osm_way))
    if at_ends is not None:
        at_ends = np.where(flip, at_ends[::-1], at_ends)[:, sorting]
    del main, flip
    used, ends = np.unique(np.concatenate([tail, head]), return_inverse=True)
    start, stop = (part[sorting].astype(np.int32) for part in np.split(ends, 2))
    del ends, tail, head
    x, y = np.zeros(len(points.osm)), np.zeros(len(points.osm))
    x[points.node], y[points.node] = points.x, points.y
    node = pieces.node_of[used]
    metres, ahead, back = metres[sorting], ahead[sorting], back[sorting]
    rules = _Rules(closed[way[sorting]], gates, turns, at_ends)
    private, passing, counted, links = _passing(
        points.osm[node], start, stop, metres, (ahead, back), rules
    )
    return StreetGraph(
        mode=mode,
        crs=ways.crs,
        node_x=x[node],
        node_y=y[node],
        node_osm=points.osm[node],
        tail=start,
        head=stop,
        length_m=metres,
        minutes_forward=ahead,
        minutes_backward=back,
        geometry=lines[sorting],
        osm_way=osm_way[sorting],
        highway=names[code[way[sorting]]],
        component=components(len(used), start, stop, metres, links=links),
        table=table,
        private=private,
        passing=passing,
        turns=counted,
    )


def _ways_at_ends(
    way: NDArray[np.int64], chain: NDArray[np.int64], ways: gpd.GeoDataFrame
) -> NDArray[np.int64]:
    """Give the OSM way at the tail and at the head of each chain, shape (2, chains)."""
    first = np.ones(len(chain), bool)
    first[1:] = chain[1:] != chain[:-1]
    last = np.ones(len(chain), bool)
    last[:-1] = first[1:]
    osm = ways["osm_id"].to_numpy(dtype=np.int64)
    return np.stack([osm[way[first]], osm[way[last]]])


@dataclass(frozen=True)
class _Rules:
    """What keeps people from passing: private segments, gates, and forbidden turns."""

    private: NDArray[np.bool_]
    gates: NDArray[np.int64]
    turns: gpd.GeoDataFrame | None
    at_ends: NDArray[np.int64] | None


def _passing(
    node_osm: NDArray[np.int64],
    tail: NDArray[np.int32],
    head: NDArray[np.int32],
    length_m: NDArray[np.float64],
    minutes: tuple[NDArray[np.float64], NDArray[np.float64]],
    rules: _Rules,
) -> tuple[NDArray[np.bool_] | None, Passing | None, tuple[int, int], NDArray[np.int64]]:
    """Lay out who may pass; nothing where everybody may."""
    pairs = _gate_pairs(node_osm, rules.gates)
    private, inside = destination_only(
        len(node_osm), tail, head, length_m=length_m, private=rules.private, gates=pairs
    )
    found: list[Turn] = []
    lost = 0
    if rules.turns is not None and rules.at_ends is not None:
        ends = Ends(
            np.stack([node_osm[tail], node_osm[head]]),
            way=rules.at_ends,
            passable=(np.isfinite(minutes[0]), np.isfinite(minutes[1])),
            wanted=via_nodes(rules.turns),
        )
        found, lost = turns_of(rules.turns, ends)
    elif rules.turns is not None:  # none of their crossings is in the network
        lost = len(rules.turns)
    if not private.any() and not len(pairs) and not found:
        return None, None, (0, lost), pairs
    passing = restricted_passing(
        len(node_osm), tail, head, private=private, inside=inside, gates=pairs, turns=found
    )
    return private, passing, (len(found), lost), pairs


def _gate_pairs(node_osm: NDArray[np.int64], gates: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give all pairs of ends at one gate."""
    at = np.flatnonzero(np.isin(node_osm, gates))
    at = at[np.argsort(node_osm[at], kind="stable")]
    groups = np.split(at, np.flatnonzero(np.diff(node_osm[at])) + 1)
    pairs = [pair for group in groups for pair in combinations(group.tolist(), 2)]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _chained(
    costs: list[NDArray[np.float64]],
    order: NDArray[np.int64],
    turned: NDArray[np.bool_],
    chain: NDArray[np.int64],
    *,
    total: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Give metres, minutes ahead and back, and the longest piece of each chain."""
    length, forward, backward = costs
    costs.clear()

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(chain, weights=values, minlength=total), dtype=np.float64)

    with np.errstate(invalid="ignore"):
        ahead = summed(np.where(turned, backward[order], forward[order]))
        back = summed(np.where(turned, forward[order], backward[order]))
    del forward, backward
    metres = length[order]
    rank = np.lexsort((order, -metres, chain))
    first = np.searchsorted(chain, np.arange(total))  # chains are in order, ranked or not
    return summed(metres), ahead, back, order[rank[first]]


def components(
    n: int,
    tail: NDArray[np.integer[Any]],
    head: NDArray[np.integer[Any]],
    length: NDArray[np.float64],
    links: NDArray[np.int64] | None = None,
) -> NDArray[np.int32]:
    """
    Give each node its weakly connected component, the longest first.

    Parameters
    ----------
    n : number of nodes.
    tail, head : of each segment.
    length : of each segment, metres.
    links : shape (k, 2), nodes that hang together without a segment, at the gates of estates.

    Returns
    -------
    Shape (n,), 0 for the longest component.
    """
    from scipy.sparse.csgraph import connected_components

    if n == 0:
        return np.zeros(0, np.int32)
    one, two = tail, head
    if links is not None and len(links):
        one, two = np.concatenate([tail, links[:, 0]]), np.concatenate([head, links[:, 1]])
    joined = csr_array((np.ones(len(one), np.int8), (one, two)), shape=(n, n))
    count, label = connected_components(joined, directed=False)
    size = np.bincount(label[tail], weights=length, minlength=count)
    rank = np.empty(count, dtype=np.int32)
    rank[np.lexsort((np.arange(count), -size))] = np.arange(count, dtype=np.int32)
    return np.asarray(rank[label], dtype=np.int32)
