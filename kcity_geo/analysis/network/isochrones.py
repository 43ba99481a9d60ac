"""
Isochrones: the land that is reached within a time, exact along the streets.

A street that is reached in part is drawn in part; a block between reached streets belongs to the
land, and of a block on the border the part between those of its reached streets that hang together.
Beside a street the land is reached as far as the time left is enough to walk off it. No hull is
thrown over nodes, so that a river without a bridge stays a border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from kcity_geo.analysis.network.access import node_costs, require_limit, snap_cost
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.snapping import Snapped, on_network
from kcity_geo.coordinates import Places
from kcity_geo.errors import StudyError
from kcity_geo.runs import place_in_run

__all__ = ["isochrones", "reached_streets"]

Span = tuple[float, float]

#: Metres; rounding moves a point off a line by less.
TOUCH_M = 1e-6

#: Widths of the strip beside a street, as shares of the widest: the last metres are narrower.
STRIP = (1.0, 0.5, 0.2)


class _Reached(NamedTuple):
    """Segments that are reached from end to end, and the reached parts of the others, in order."""

    full: NDArray[np.bool_]
    parts: dict[int, list[Span]]

    def of(self, segment: int) -> list[Span]:
        """Give the reached parts of a segment, as shares of its length."""
        return [(0.0, 1.0)] if self.full[segment] else self.parts.get(segment, [])

    def any(self) -> NDArray[np.bool_]:
        """Tell which segments are reached at all."""
        reached = self.full.copy()
        reached[list(self.parts)] = True
        return reached

    def lines(self, graph: StreetGraph, use: NDArray[np.bool_]) -> NDArray[np.object_]:
        """Draw the reached parts of some segments."""
        rest = [_cut(graph.geometry[i], parts) for i, parts in self.parts.items() if use[i]]
        whole = graph.geometry[self.full & use]
        return np.concatenate([whole, np.array(rest, dtype=object)])


class _Blocks(NamedTuple):
    """The blocks between streets and their sides: a row a side, ordered by block."""

    faces: NDArray[np.object_]
    face: NDArray[np.int64]
    segment: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    within: NDArray[np.bool_]


def isochrones(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    places: Snapped | Places,
    *,
    limits: tuple[float, ...],
    unit: str = "minutes",
    direction: str = "from",
    max_snap_m: float = 300.0,
    street_m: float = 25.0,
    each: bool = False,
) -> gpd.GeoDataFrame:
    """
    Draw the land within reach of the nearest of some places, or of each of them.

    Parameters
    ----------
    graph : street graph.
    places : on the network, or a GeoSeries or GeoDataFrame in any CRS.
    limits : in `unit`; one row each.
    unit : minutes or metres.
    direction : ``from`` the places, or ``to`` them.
    max_snap_m : land farther from every reached street is left out.
    street_m : land on either side of a reached street is reached too, this far at most: as far as
        the time left is enough to walk off the street. Streets that border no block, such as dead
        ends, are drawn this wide up to where the limit falls.
    each : the land of each place apart, instead of that of the nearest.

    Returns
    -------
    Polygons or multipolygons in the CRS of the graph, valid, empty where nothing is reached; each
    holds those of lower limits. Index: the limits, named by `unit`; with `each` the labels of the
    places (``place`` where they have no name) and the limits, ordered as given.

    Raises
    ------
    StudyError
        If the direction is unknown, a limit is below zero or no number, or a place has no geometry.
    CRSMismatchError
        As `kcity_geo.analysis.network.snapping.snap`.

    Examples
    --------
    ::

        clinics = gpd.read_file("clinics.gpkg")
        lands = isochrones(graph, clinics, limits=(5.0, 10.0))
        lands.loc[10.0, "geometry"].area
    """
    _checked(direction)
    require_limit(*limits)
    places = on_network(graph, places, max_snap_m=max_snap_m)

    drawn = _Drawn(limits, unit, direction, max_snap_m, street_m)

    def land(some: Snapped) -> list[shapely.Geometry]:
        return _lands(graph, some, drawn)

    index = pd.Index(limits, dtype=float, name=unit)
    if not each:
        return gpd.GeoDataFrame({"geometry": land(places)}, index=index, crs=graph.crs)
    count = len(places.segment)
    lands = [shape for i in range(count) for shape in land(places.take(np.array([i])))]
    labels = places.index
    rows = pd.MultiIndex.from_arrays(
        [labels.repeat(len(limits)), np.tile(index, count)], names=[labels.name or "place", unit]
    )
    return gpd.GeoDataFrame({"geometry": lands}, index=rows, crs=graph.crs)


@dataclass(frozen=True)
class _Drawn:
    """How far is drawn, in which unit and direction, and how wide beside the streets."""

    limits: tuple[float, ...]
    unit: str
    direction: str
    max_snap_m: float
    street_m: float


def _lands(graph: StreetGraph, places: Snapped, drawn: _Drawn) -> list[shapely.Geometry]:
    """Draw the land within reach of the nearest of some places, for each limit."""
    limits, unit, direction = drawn.limits, drawn.unit, drawn.direction
    cost = node_costs(graph, places, unit=unit, direction=direction, limit=max(limits, default=0.0))

    def within(limit: float) -> _Reached:
        return _within(graph, places, cost, limit=limit, unit=unit, direction=direction)

    lands: dict[float, shapely.Geometry] = {}
    lower: shapely.Geometry = shapely.Polygon()
    for limit in sorted(set(limits)):
        found = within(limit)
        beside = _beside(graph, found, max_snap_m=drawn.max_snap_m, street_m=drawn.street_m)
        land = [lower, beside]
        use = _edging(graph, found.full)
        for width in drawn.street_m * np.array(STRIP):
            # A corner of the strip is this far off when it is walked to along the streets' axes.
            off = float(snap_cost(graph, np.array([np.sqrt(2.0) * width]), unit=unit)[0])
            lines = within(limit - off).lines(graph, use)
            land.append(shapely.union_all(shapely.buffer(lines, width)))
        lower = lands[limit] = _polygons(shapely.union_all(np.array(land, dtype=object)))
    return [lands[limit] for limit in limits]


def _checked(direction: str) -> None:
    if direction not in {"to", "from"}:
        raise StudyError(f"direction: {direction!r} is neither 'to' nor 'from'")


def reached_streets(
    graph: StreetGraph,
    places: Snapped | Places,
    *,
    limit: float,
    unit: str = "minutes",
    direction: str = "from",
) -> NDArray[np.object_]:
    """
    Give the part of each segment that is reached, exact to the metre where the limit falls.

    Parameters
    ----------
    graph : street graph.
    places : on the network, or a GeoSeries or GeoDataFrame in any CRS.
    limit : in `unit`.
    unit : minutes or metres.
    direction : ``from`` the places, or ``to`` them.

    Returns
    -------
    Shape (m,), LineStrings or MultiLineStrings; None where nothing is reached.

    Raises
    ------
    StudyError
        If the direction is unknown.
    """
    _checked(direction)
    places = on_network(graph, places)
    cost = node_costs(graph, places, unit=unit, direction=direction, limit=limit)
    found = _within(graph, places, cost, limit=limit, unit=unit, direction=direction)
    result = np.full(graph.n_segments, None, dtype=object)
    result[found.full] = graph.geometry[found.full]
    for segment, parts in found.parts.items():
        result[segment] = _cut(graph.geometry[segment], parts)
    return result


def _within(
    graph: StreetGraph,
    places: Snapped,
    cost: NDArray[np.float64],
    *,
    limit: float,
    unit: str,
    direction: str,
) -> _Reached:
    """Give the parts of the segments within a limit, from the costs of the nodes."""
    places, _ = places.spread()
    ahead, back = graph.costs(unit)
    if direction == "to":
        ahead, back = back, ahead
    tail, head = cost[graph.ways.leave if direction == "to" else graph.ways.enter]
    with np.errstate(invalid="ignore", divide="ignore"):
        from_tail = np.nan_to_num((limit - tail) / ahead, nan=0.0, neginf=0.0)
        from_head = np.nan_to_num((limit - head) / back, nan=0.0, neginf=0.0)
    from_tail, from_head = np.clip(from_tail, 0.0, 1.0), np.clip(from_head, 0.0, 1.0)
    full = from_tail + from_head >= 1.0 - 1e-12
    spans: dict[int, list[Span]] = {}
    for i in np.flatnonzero(~full & ((from_tail > 0) | (from_head > 0))).tolist():
        spans[i] = [(0.0, float(from_tail[i])), (1.0 - float(from_head[i]), 1.0)]
    left = limit - snap_cost(graph, places.metres, unit=unit)
    for k in np.flatnonzero((places.segment >= 0) & (left > 0)).tolist():
        i, share = int(places.segment[k]), float(places.share[k])
        if not full[i]:
            span = (max(share - left[k] / back[i], 0.0), min(share + left[k] / ahead[i], 1.0))
            spans.setdefault(i, []).append((float(span[0]), float(span[1])))
    parts = {i: _joined(mine) for i, mine in spans.items()}
    ends = [i for i, mine in parts.items() if mine == [(0.0, 1.0)]]
    full[ends] = True
    return _Reached(full, {i: mine for i, mine in parts.items() if mine and not full[i]})


def _joined(parts: list[Span]) -> list[Span]:
    """Give the union of some spans."""
    joined: list[Span] = []
    for low, high in sorted(part for part in parts if part[1] > part[0]):
        if joined and low <= joined[-1][1] + 1e-12:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return joined


def _cut(line: shapely.LineString, parts: list[Span]) -> shapely.Geometry:
    """Give some spans of a line."""
    if parts == [(0.0, 1.0)]:
        return line
    pieces = [substring(line, low, high, normalized=True) for low, high in parts]
    if len(pieces) == 1:
        return pieces[0]
    return shapely.union_all(np.array(pieces, dtype=object))


def _blocks(graph: StreetGraph) -> _Blocks:
    """
    Give the blocks between streets and their sides; remembered.

    Streets that cross without a junction are cut where they cross, or blocks would overlap; a side
    is then a part of its street. Dead ends within a block are sides of it too.
    """
    if "blocks" not in graph.memory:
        edges = shapely.get_parts(shapely.node(shapely.multilinestrings(graph.geometry)))
        faces = shapely.get_parts(shapely.polygonize(edges))
        middle = shapely.line_interpolate_point(edges, 0.5, normalized=True)
        segment, edge, low, high = _owners(graph, edges, middle)
        # The middle of a side lies on the outline of its block, that of a dead end within it.
        shapely.prepare(faces)
        side, face = shapely.STRtree(faces).query(middle, predicate="dwithin", distance=TOUCH_M)
        outline = shapely.boundary(faces)
        shapely.prepare(outline)
        inner = np.zeros(len(edges), bool)
        inner[side[~shapely.dwithin(outline[face], middle[side], TOUCH_M)]] = True
        # From sides to their streets, of which there are more where streets lie on each other.
        first = np.searchsorted(edge, side, side="left")
        count = np.searchsorted(edge, side, side="right") - first
        row, face = np.repeat(first, count) + place_in_run(count), np.repeat(face, count)
        order = np.lexsort((segment[row], face))
        row, face = row[order], face[order]
        graph.memory["blocks"] = _Blocks(
            faces, face, segment[row], low[row], high[row], inner[edge[row]]
        )
    blocks: _Blocks = graph.memory["blocks"]
    return blocks


def _owners(
    graph: StreetGraph, edges: NDArray[np.object_], middle: NDArray[np.object_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Tell which part of which segment each edge is, ordered by edge."""
    edge, segment = shapely.STRtree(graph.geometry).query(
        middle, predicate="dwithin", distance=1e-3
    )
    order = np.lexsort((segment, edge))
    edge, segment = edge[order], segment[order]
    lines = graph.geometry[segment]
    half = shapely.length(edges)[edge] / shapely.length(lines) / 2
    at = shapely.line_locate_point(lines, middle[edge], normalized=True)
    return segment, edge, np.maximum(at - half, 0.0), np.minimum(at + half, 1.0)


def _whole(blocks: _Blocks, full: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which blocks have nothing but full segments for sides."""
    whole = np.ones(len(blocks.faces), bool)
    whole[blocks.face[~full[blocks.segment]]] = False
    return whole


def _beside(
    graph: StreetGraph, found: _Reached, *, max_snap_m: float, street_m: float
) -> shapely.Geometry:
    """Fill the blocks between reached streets; widen those that border no block."""
    blocks, reached = _blocks(graph), found.any()
    touched = np.zeros(len(blocks.faces), bool)
    touched[blocks.face[reached[blocks.segment]]] = True
    large = shapely.area(blocks.faces) > np.pi * max_snap_m**2
    plain = _whole(blocks, found.full) & ~large
    pieces: list[shapely.Geometry] = [shapely.coverage_union_all(blocks.faces[plain])]
    for number in np.flatnonzero(touched & ~plain).tolist():
        low, high = np.searchsorted(blocks.face, [number, number + 1])
        part, lines = _part_of_block(graph, blocks, slice(low, high), found)
        if large[number]:
            part = shapely.intersection(part, shapely.buffer(shapely.union_all(lines), max_snap_m))
        pieces.append(part)
    bordering = np.zeros(graph.n_segments, bool)
    bordering[blocks.segment] = True
    pieces += list(shapely.buffer(found.lines(graph, ~bordering), street_m))
    return _polygons(shapely.union_all(np.array(pieces, dtype=object)))


def _part_of_block(
    graph: StreetGraph, blocks: _Blocks, rows: slice, found: _Reached
) -> tuple[shapely.Geometry, NDArray[np.object_]]:
    """Give the reached part of a block, all of it when all its sides are, and its reached sides."""
    whole, lines = True, []
    for segment, low, high in zip(
        blocks.segment[rows].tolist(),
        blocks.low[rows].tolist(),
        blocks.high[rows].tolist(),
        strict=True,
    ):
        mine = [(max(low, a), min(high, b)) for a, b in found.of(segment)]
        mine = [span for span in mine if span[1] > span[0]]
        whole &= len(mine) == 1 and mine[0][1] - mine[0][0] > (high - low) * (1 - 1e-9)
        lines += [_cut(graph.geometry[segment], [span]) for span in mine]
    part, sides = blocks.faces[blocks.face[rows.start]], np.array(lines, dtype=object)
    if not lines:
        return shapely.Polygon(), sides
    if not whole:
        hulls = [shapely.convex_hull(shapely.union_all(sides[one])) for one in _together(sides)]
        part = shapely.union_all(shapely.intersection(part, np.array(hulls, dtype=object)))
    return _polygons(part), sides


def _together(lines: NDArray[np.object_]) -> list[NDArray[np.int64]]:
    """Sort lines into those that hang together at their ends, to the millimetre."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    place = np.round(shapely.get_coordinates(ends), 3)
    _, node = np.unique(place, axis=0, return_inverse=True)
    start, end = node.ravel()[: len(lines)], node.ravel()[len(lines) :]
    n = int(node.max()) + 1
    links = coo_array((np.ones(len(lines)), (start, end)), shape=(n, n))
    label = connected_components(links, directed=False)[1][start]
    return [np.flatnonzero(label == one) for one in np.unique(label)]


def _edging(graph: StreetGraph, full: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which segments border a block and are not amid whole ones, which hold their strips."""
    blocks = _blocks(graph)
    # A street amid whole blocks has one on either side of all its length, or lies within one.
    sides = np.where(_whole(blocks, full)[blocks.face], blocks.high - blocks.low, 0.0)
    sides *= 1.0 + blocks.within
    amid = np.bincount(blocks.segment, weights=sides, minlength=graph.n_segments) > 2.0 - 1e-6
    use = np.zeros(graph.n_segments, bool)
    use[blocks.segment] = True
    return use & ~amid


def _polygons(land: shapely.Geometry) -> shapely.Geometry:
    """Keep what has an area."""
    parts = shapely.get_parts(land)
    kept = parts[(shapely.get_dimensions(parts) == 2) & (shapely.area(parts) > 0)]  # noqa: PLR2004 - polygons
    return shapely.union_all(kept) if len(kept) else shapely.Polygon()
