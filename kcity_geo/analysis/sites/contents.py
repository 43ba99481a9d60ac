"""
Site contents: what the map shows on a site already, and what lies around it.

Land that scores well is not empty land. Buildings, streets and streams inside an outline, trees on
it, the edge of the study area and neighbouring sites are told beside the score; nothing of it
changes the rank.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.cube import cell_size, pieces_of_polygons
from kcity_geo.profiles import site_rules

__all__ = [
    "CONTENT_COLUMNS",
    "buildings_on",
    "content_concerns",
    "content_words",
    "residents_on",
    "site_contents",
]

CONTENT_COLUMNS = (
    "residents", "buildings", "buildings_ha", "streets_km", "streams_km", "trees_share", "at_edge", "next_to",
)  # fmt: skip


def site_contents(
    shapes: NDArray[np.object_], cells: Sequence[NDArray[np.int64]], city: CityModel
) -> pd.DataFrame:
    """
    Measure what lies inside each outline.

    Parameters
    ----------
    shapes : outlines, metric CRS, best first.
    cells : flat cell numbers of each.
    city : its model.

    Returns
    -------
    A row an outline, columns `CONTENT_COLUMNS`: residents (`residents_on`), mapped buildings (`buildings_on`,
    and the footprint inside the outline), length of
    mapped streets and open streams, share of tree cover (NaN without land cover), whether it
    reaches the edge of the study area, and the ranks of the outlines next to it, parted by
    ``", "``. 0 means that nothing is mapped there, not that the land is empty.
    """
    buildings = _shapes_of(city.layers, "building")
    edge = shapely.boundary(city.city.boundary_metric)
    near_m = cell_size(city.grid)
    return pd.DataFrame(
        {
            "residents": residents_on(shapes, city.array("population"), grid=city.grid),
            "buildings": buildings_on(shapes, buildings),
            "buildings_ha": _area_inside(shapes, buildings) / 1e4,
            "streets_km": _length_inside(shapes, _shapes_of(city.layers, "roads_drive")) / 1000,
            "streams_km": _length_inside(shapes, _open_streams(city.layers)) / 1000,
            "trees_share": _trees(cells, city),
            "at_edge": shapely.distance(edge, shapes) < near_m,
            "next_to": _next_to(shapes, within_m=near_m),
        }
    )


def content_concerns(contents: pd.DataFrame) -> list[list[str]]:
    """
    Say what of the contents a planner must know.

    Parameters
    ----------
    contents : of `site_contents`.

    Returns
    -------
    Sentences for each row, in the words and above the limits of ``[sites.inside]`` of
    ``tables/suitability/sites.toml``.
    """
    return [content_words(row) for row in contents.to_dict("records")]


def content_words(row: Mapping[Hashable, object], language: str = "en") -> list[str]:
    """
    Say what a planner must know of one site.

    Parameters
    ----------
    row : column of `CONTENT_COLUMNS` -> value; those that are not there are not told.
    language : en or ko.

    Returns
    -------
    Sentences; people to three figures.

    Examples
    --------
    >>> content_words({"residents": 3411.0}), content_words({"residents": 3411.0}, "ko")
    (['residents on it: about 3,410'], ['약 3,410명이 거주 중'])
    """
    values = {str(k): v for k, v in row.items()}
    if "residents" in values:
        values["residents"] = float(f"{float(str(values['residents'])):.3g}")
    ending = "" if language == "en" else f"_{language}"
    told = [
        str(r[f"text{ending}"]).format_map(values)
        for r in site_rules()["inside"]
        if r["column"] in values and _tell(values[r["column"]], r)
    ]
    return [text.replace("%", " %") for text in told] if language == "en" else told


def _tell(value: object, rule: Mapping[str, object]) -> bool:
    if isinstance(value, str | bool):
        return bool(value)
    return float(value) >= float(rule.get("from", 1))  # type: ignore[arg-type]


def _shapes_of(layers: Mapping[str, gpd.GeoDataFrame], name: str) -> NDArray[np.object_]:
    frame = layers.get(name)
    if frame is None:
        return np.zeros(0, dtype=object)
    return np.asarray(frame.geometry.to_numpy(), dtype=object)


def _open_streams(layers: Mapping[str, gpd.GeoDataFrame]) -> NDArray[np.object_]:
    """Lines of water in the open air: not in a culvert, and no basins."""
    frame = layers.get("drainage")
    if frame is None or len(frame) == 0 or "waterway" not in frame:
        return np.zeros(0, dtype=object)
    keep = frame["waterway"].isin(["river", "stream", "canal"])
    if "tunnel" in frame:
        keep &= ~frame["tunnel"].isin(["yes", "culvert"])
    return np.asarray(frame.geometry.to_numpy()[keep.to_numpy(dtype=bool)], dtype=object)


def residents_on(
    shapes: NDArray[np.object_], people: NDArray[np.float64] | None, *, grid: GeoBox
) -> NDArray[np.float64]:
    """
    Count who lives on outlines: of each cell the share of its people that the outline has of its land.

    Parameters
    ----------
    shapes : outlines, metric CRS.
    people : in each cell of the study grid, NaN where not known; None: not known at all.
    grid : the study grid.

    Returns
    -------
    A number each; of the cells that are known where others are not, NaN where none is.

    Examples
    --------
    >>> grid = GeoBox.from_bbox((0, 0, 200, 100), crs="EPSG:32632", resolution=100)
    >>> quarter = np.array([shapely.box(50, 50, 100, 100)], dtype=object)
    >>> residents_on(quarter, np.array([[80.0, 4.0]]), grid=grid).tolist()
    [20.0]
    """
    if people is None:
        return np.full(len(shapes), np.nan)
    cell, which, area = pieces_of_polygons(shapes, grid=grid)
    persons = people.ravel()[cell]
    known = np.isfinite(persons) & (area > 0)
    shared = np.where(known, persons * area / cell_size(grid) ** 2, 0.0)
    total = np.bincount(which, weights=shared, minlength=len(shapes))
    seen = np.bincount(which, weights=known, minlength=len(shapes))
    return np.where(seen > 0, total, np.nan)


def buildings_on(shapes: NDArray[np.object_], buildings: NDArray[np.object_]) -> NDArray[np.int64]:
    """
    Count the buildings on outlines: one stands where a point inside of it does, so that none counts twice.

    Parameters
    ----------
    shapes : outlines, metric CRS.
    buildings : their footprints.

    Returns
    -------
    A number each.

    Examples
    --------
    >>> sites = np.array([shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)], dtype=object)
    >>> buildings_on(sites, np.array([shapely.box(7, 2, 11, 6)], dtype=object)).tolist()
    [1, 0]
    """
    if not len(buildings):
        return np.zeros(len(shapes), dtype=np.int64)
    site, hit = shapely.STRtree(buildings).query(shapes, predicate="intersects")
    inside = shapely.contains(shapes[site], shapely.point_on_surface(buildings[hit]))
    return np.bincount(site[inside], minlength=len(shapes)).astype(np.int64)


def _area_inside(shapes: NDArray[np.object_], polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    area = np.zeros(len(shapes))
    if len(polygons):
        site, hit = shapely.STRtree(polygons).query(shapes, predicate="intersects")
        np.add.at(area, site, shapely.area(shapely.intersection(shapes[site], polygons[hit])))
    return area


def _length_inside(shapes: NDArray[np.object_], lines: NDArray[np.object_]) -> NDArray[np.float64]:
    length = np.zeros(len(shapes))
    if len(lines):
        site, hit = shapely.STRtree(lines).query(shapes, predicate="intersects")
        np.add.at(length, site, shapely.length(shapely.intersection(shapes[site], lines[hit])))
    return length


def _trees(cells: Sequence[NDArray[np.int64]], city: CityModel) -> NDArray[np.float64]:
    cover = city.array("landcover")
    if cover is None:
        return np.full(len(cells), np.nan)
    flat = cover.ravel()
    wooded = site_rules()["tree_classes"]
    known = [flat[c][np.isfinite(flat[c])] for c in cells]
    return np.array([float(np.isin(k, wooded).mean()) if len(k) else np.nan for k in known])


def _next_to(shapes: NDArray[np.object_], *, within_m: float) -> list[str]:
    site, other = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=within_m)
    return [", ".join(str(o + 1) for o in np.sort(other[(site == i) & (other != i)]))
            for i in range(len(shapes))]  # fmt: skip
