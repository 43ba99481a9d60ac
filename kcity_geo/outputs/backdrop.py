"""
Backdrop: the city's own streets, rails, water and land use, drawn simplified.

There are no tiles: tile servers refuse saved files, and a ministry's meeting room has no network.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from kcity_geo.result import Result

__all__ = ["Drawing", "encode", "lines_simplified", "main_lines", "make_backdrop"]

#: Corner points of the whole backdrop; the least important classes are left out beyond it.
MAX_POINTS = 450_000
_SCALE = 1e5
_SIDE_TRACKS = ("yard", "siding", "spur", "crossover")

_STREETS: tuple[tuple[str, str, tuple[str, ...], str, float], ...] = (
    ("motorways", "Motorways and trunk roads", ("motorway", "trunk"), "#7d6b4f", 2.0),
    ("main", "Main streets", ("primary", "secondary"), "#8d8d8d", 1.9),
    ("collectors", "Other through streets", ("tertiary", "unclassified", "road"), "#9a9a9a", 1.1),
    ("local", "Local streets", ("residential", "living_street", "pedestrian"), "#aeaeae", 0.7),
)
_INK = 0.12  # share of the picture that one class of streets may cover
_MAP_PIXELS = 600.0
_LAND: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("green", "#dcead0", ("forest", "grass", "meadow", "recreation_ground", "village_green", "orchard",
                          "cemetery", "greenfield", "allotments")),
    ("farmland", "#f3efdb", ("farmland", "farmyard", "vineyard", "greenhouse_horticulture")),
    ("industry", "#e6dcea", ("industrial", "commercial", "retail", "port", "railway", "quarry", "landfill",
                             "depot")),
    ("homes", "#efebe6", ("residential",)),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """
    One class of lines or areas, ready for the page.

    Parameters
    ----------
    key : its name in the page.
    title : for people.
    group : layer of the control that it is switched with: ``"streets"``, ``"water"``, ``"land"``.
    colour : ``#rrggbb``.
    width : of lines, pixels; 0 for areas.
    data : encoded coordinates, see `encode`.
    points : corner points in it.
    closer : zoom levels beyond the whole city from which on the lines are shown; 0: always.
    """

    key: str
    title: str
    group: str
    colour: str
    width: float
    data: str
    points: int
    closer: int = 0


def _closer(parts: NDArray[np.object_], width: float, box: tuple[float, ...]) -> int:
    """Zoom levels to go in before lines cover less than `_INK` of a map that shows the whole box."""
    left, bottom, right, top = box
    metres_per_pixel = max(right - left, top - bottom) / _MAP_PIXELS
    ink = shapely.length(parts).sum() * width * metres_per_pixel
    ink /= (right - left) * (top - bottom)
    return max(0, math.ceil(math.log2(ink / _INK))) if ink > 0 else 0


def make_backdrop(result: Result, *, max_points: int = MAX_POINTS) -> list[Drawing]:
    """
    Draw the backdrop of a map from the layers of the study.

    Parameters
    ----------
    result : a finished study.
    max_points : corner points of all drawings together; classes are left out from the least
        important on when they do not fit.

    Returns
    -------
    Land use first, then water, then streets, rails and boundary.
    """
    layers, city = result.data.layers, result.data.city
    left, bottom, right, top = tuple(result.data.grid.boundingbox)
    box = (left, bottom, right, top)
    tolerance = max(2.0, max(right - left, top - bottom) / 4000)
    transformer = Transformer.from_crs(city.crs, 4326, always_xy=True)
    budget = max_points
    found: list[Drawing] = []

    def add(
        key: str, title: str, group: str, colour: str, width: float, shapes: NDArray[np.object_]
    ) -> None:
        nonlocal budget
        parts = _simplified(shapes, box=box, tolerance=tolerance, areas=width == 0)
        points = int(sum(shapely.get_num_coordinates(parts))) if len(parts) else 0
        if not points or points > budget:
            return
        budget -= points
        found.append(
            Drawing(
                key=key,
                title=title,
                group=group,
                colour=colour,
                width=width,
                data=encode(parts, transformer),
                points=points,
                closer=_closer(parts, width, box) if group == "streets" else 0,
            )
        )

    water = [
        _take(layers, "water_body", "natural", ("water",)),
        _take(layers, "landuse", "landuse", ("reservoir", "basin")),
    ]
    add("lakes", "Lakes and rivers", "water", "#a9cfe3", 0, _joined(water))
    add("rivers", "Rivers and streams", "water", "#8fbfda", 1.4,
        _take(layers, "drainage", "waterway", ("river", "stream", "canal")))  # fmt: skip
    add("coast", "Coastline", "water", "#6aa3c2", 1.4, _all(layers, "coastline"))
    for key, title, classes, colour, width in _STREETS:
        links = (*classes, *(f"{c}_link" for c in classes))
        streets = _take(layers, "roads_drive", "highway", links)
        if key == "local":
            streets = _joined([streets, _take(layers, "roads_walk", "highway", ("pedestrian",))])
        add(key, title, "streets", colour, width, streets)
    add("rails", "Railways", "streets", "#5f5f6e", 1.2, _main_tracks(layers))
    for key, colour, uses in _LAND:
        add(f"land_{key}", key, "land", colour, 0, _take(layers, "landuse", "landuse", uses))
    add("lanes", "Service roads", "streets", "#bdbdbd", 0.5,
        _take(layers, "roads_drive", "highway", ("service",)))  # fmt: skip
    order = {"land": 0, "water": 1, "streets": 2}
    return sorted(found, key=lambda d: order[d.group])


def main_lines(
    result: Result, *, every: bool = False, near: tuple[float, float, float, float] | None = None
) -> list[tuple[NDArray[np.object_], str, float]]:
    """
    Give the lines that a still map needs for orientation.

    Parameters
    ----------
    result : a finished study.
    every : also the through streets and the local ones.
    near : left, bottom, right, top in the CRS of the grid: only what lies within; None: all of the grid.

    Returns
    -------
    (lines in the metric CRS, colour, width in points): rivers, motorways, main streets, rails.
    """
    layers = result.data.layers
    left, bottom, right, top = tuple(result.data.grid.boundingbox)
    tolerance = max(2.0, max(right - left, top - bottom) / 1500)
    if near is not None:
        left, bottom = max(left, near[0]), max(bottom, near[1])
        right, top = min(right, near[2]), min(top, near[3])
    widths = (0.9, 0.6, 0.5, 0.4) if every else (0.9, 0.6)
    chosen = [
        (_take(layers, "drainage", "waterway", ("river", "canal")), "#5b9dc4", 1.0),
        (_all(layers, "coastline"), "#5b9dc4", 1.0),
        *(
            (_take(layers, "roads_drive", "highway", classes), "#6f6f6f", width)
            for (_, _, classes, _, _), width in zip(_STREETS[: len(widths)], widths, strict=True)
        ),
        (_main_tracks(layers), "#404050", 0.5),
    ]
    return [
        (
            _simplified(shapes, box=(left, bottom, right, top), tolerance=tolerance, areas=False),
            colour,
            width,
        )
        for shapes, colour, width in chosen
    ]


def _all(layers: Any, name: str) -> NDArray[np.object_]:  # noqa: ANN401 - mapping of frames
    frame: gpd.GeoDataFrame | None = layers.get(name)
    return np.zeros(0, dtype=object) if frame is None else frame.geometry.to_numpy()


def _main_tracks(layers: Any) -> NDArray[np.object_]:  # noqa: ANN401
    """Railways without yards and sidings."""
    frame: gpd.GeoDataFrame | None = layers.get("railway")
    if frame is None or "service" not in frame:
        return _all(layers, "railway")
    return np.asarray(frame.geometry.to_numpy()[~frame["service"].isin(_SIDE_TRACKS).to_numpy()])


def _take(layers: Any, name: str, column: str, values: Iterable[str]) -> NDArray[np.object_]:  # noqa: ANN401
    frame: gpd.GeoDataFrame | None = layers.get(name)
    if frame is None or column not in frame:
        return np.zeros(0, dtype=object)
    return np.asarray(frame.geometry.to_numpy()[frame[column].isin(list(values)).to_numpy()])


def _joined(arrays: list[NDArray[np.object_]]) -> NDArray[np.object_]:
    return np.concatenate([np.asarray(a, dtype=object) for a in arrays])


def _simplified(
    shapes: NDArray[np.object_], *, box: tuple[float, ...], tolerance: float, areas: bool
) -> NDArray[np.object_]:
    """Clip to the grid, merge what touches, simplify, drop what is too small to see."""
    dimension = 2 if areas else 1
    shapes = np.asarray(shapes, dtype=object)
    shapes = shapes[shapely.get_dimensions(shapes) == dimension] if len(shapes) else shapes
    if not len(shapes):
        return shapes
    clipped = shapely.clip_by_rect(shapely.make_valid(shapes) if areas else shapes, *box)
    if areas:
        parts = _areas_simplified(_united(clipped, tolerance / 4), tolerance)
        return np.asarray(parts[shapely.area(parts) > (4 * tolerance) ** 2])
    lines = shapely.get_parts(shapely.get_parts(clipped))
    lines = lines[shapely.get_type_id(lines) == shapely.GeometryType.LINESTRING]
    if not len(lines):
        return np.asarray(lines)
    merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(lines)))
    return lines_simplified(merged, tolerance)


def _united(shapes: NDArray[np.object_], grid_size: float) -> NDArray[np.object_]:
    """Unite areas on a grid; what lies alone is only laid on the grid, which is much cheaper and the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(shapes)
    pairs = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=2 * grid_size)
    near = coo_array((np.ones(pairs.shape[1], dtype=bool), tuple(pairs)), shape=(count, count))
    groups, group = connected_components(near, directed=False)
    order = np.argsort(group, kind="stable")
    together = np.split(shapes[order], np.searchsorted(group[order], np.arange(1, groups)))
    united = [shapely.union_all(m, grid_size=grid_size) for m in together if len(m) > 1]
    alone = shapely.set_precision([m[0] for m in together if len(m) == 1], grid_size)
    parts = shapely.get_parts(np.array([*alone, *united], dtype=object))
    return np.asarray(parts[shapely.area(parts) > 0])


def _areas_simplified(parts: NDArray[np.object_], tolerance: float) -> NDArray[np.object_]:
    """Simplify areas so that none lies over another: the page would draw what lies under two as a hole."""
    singly = shapely.simplify(parts, tolerance)
    if shapely.is_valid(shapely.multipolygons(singly)):
        return np.asarray(singly)
    return np.asarray(shapely.get_parts(shapely.simplify(shapely.multipolygons(parts), tolerance)))


def lines_simplified(lines: NDArray[np.object_], tolerance: float) -> NDArray[np.object_]:
    """
    Simplify lines each on its own.

    Parameters
    ----------
    lines : LineStrings.
    tolerance : farthest that a line may move, in the unit of its CRS.

    Returns
    -------
    As many LineStrings; a small ring stays a ring.

    Examples
    --------
    >>> import shapely
    >>> lines_simplified(shapely.linestrings([[(0, 0), (5, 1), (9, 0)]]), 2.0)[0].wkt
    'LINESTRING (0 0, 9 0)'
    """
    simple = shapely.simplify(lines, tolerance, preserve_topology=False)
    rings = shapely.is_closed(lines)
    simple[rings] = shapely.simplify(lines[rings], tolerance)
    return np.asarray(simple)


def encode(parts: NDArray[np.object_], transformer: Transformer) -> str:
    """
    Pack lines or rings as text: differences of degrees x 100,000, seven bits a byte.

    Parameters
    ----------
    parts : LineStrings or Polygons; the rings of a polygon follow each other.
    transformer : from their CRS to lon/lat.

    Returns
    -------
    Base64 of: number of lines, points of each line, then for each point the difference of
    latitude and longitude to the one before (zigzag, little end first).
    """
    lines = np.asarray(parts, dtype=object)
    if len(lines) and shapely.get_type_id(lines[0]) == shapely.GeometryType.POLYGON:
        lines = np.asarray(shapely.get_rings(lines), dtype=object)
    counts = shapely.get_num_coordinates(lines)
    xy = shapely.get_coordinates(lines)
    lon, lat = transformer.transform(xy[:, 0], xy[:, 1])
    whole = np.round(np.column_stack([lat, lon]) * _SCALE).astype(np.int64)
    steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), dtype=np.int64)).ravel()
    zigzag = np.where(steps < 0, -2 * steps - 1, 2 * steps)
    numbers = np.concatenate([[len(lines)], counts, zigzag]).astype(np.uint64)
    return base64.b64encode(_varint(numbers)).decode("ascii")


def _varint(numbers: NDArray[np.uint64]) -> bytes:
    """Write numbers with seven bits a byte, the eighth says that more follow."""
    digits = np.stack([(numbers >> np.uint64(7 * k)) & np.uint64(127) for k in range(5)], axis=1)
    more = np.stack([numbers >> np.uint64(7 * (k + 1)) > 0 for k in range(5)], axis=1)
    used = np.column_stack([np.ones(len(numbers), dtype=bool), more[:, :-1]])
    return bytes((digits | np.where(more, np.uint64(128), np.uint64(0)))[used].astype(np.uint8))
