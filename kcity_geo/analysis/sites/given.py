"""Given land: polygons of the user, such as parcels, as sites: what of each is open to building."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.sites.cut_out import cells_of, disjoint, fault, usable_land
from kcity_geo.cube import cell_polygons
from kcity_geo.notes import tell
from kcity_geo.profiles import Limit, site_rules
from kcity_geo.result import Suitability
from kcity_geo.retold import made

__all__ = ["GivenLand", "candidate_names", "given_land", "large_enough", "size_concerns"]

_NAMES = ("parcel_id", "candidate", "site_id", "id", "name")
_LISTED = 5


class GivenLand(NamedTuple):
    """
    What is left of given polygons.

    Parameters
    ----------
    polygons : the part of each that no constraint excludes and no better one holds, metric CRS.
    cells : flat cell numbers of each.
    names : of each, as in the file.
    open_share : share of the polygon as given that this part is.
    """

    polygons: list[shapely.Polygon]
    cells: list[NDArray[np.int64]]
    names: list[str]
    open_share: list[float]


def candidate_names(frame: gpd.GeoDataFrame) -> list[str]:
    """
    Name given polygons by the first column of a usual name whose values differ, else by their number.

    Parameters
    ----------
    frame : polygons.

    Returns
    -------
    A name each, none twice.

    Examples
    --------
    >>> candidate_names(gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[shapely.box(0, 0, 1, 1)] * 2))
    ['a', 'b']
    """
    for column in _NAMES:
        if column in frame and frame[column].notna().all() and frame[column].is_unique:
            return [_text(value) for value in frame[column]]
    return [str(i + 1) for i in range(len(frame))]


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


def given_land(frame: gpd.GeoDataFrame, score: Suitability, city: CityModel) -> GivenLand:
    """
    Take given polygons as sites, without what is excluded and without what a better one holds.

    Parameters
    ----------
    frame : polygons in the metric CRS of the city.
    score : of the project.
    city : its model.

    Returns
    -------
    The largest part of each that is open to building. Polygons of which nothing is open, or that lie
    outside the city, are left out and told by name; so are polygons whose land a better one holds. One that
    the project cannot use (`large_enough`) takes no land from one that it can.
    """
    names = candidate_names(frame)
    open_cells = np.flatnonzero(usable_land(score, city).ravel())
    squares = cell_polygons(city.grid, open_cells)
    tree = shapely.STRtree(squares)
    polygons: list[shapely.Polygon] = []
    cells: list[NDArray[np.int64]] = []
    rows: list[int] = []
    shapes = shapely.make_valid(np.asarray(frame.geometry.to_numpy(), dtype=object))
    for i, shape in enumerate(shapes):
        near = tree.query(shape, predicate="intersects")
        part = _largest(shapely.intersection(shape, shapely.coverage_union_all(squares[near])))
        if part is not None:
            polygons.append(part)
            cells.append(cells_of(part, open_cells[np.sort(near)], city))
            rows.append(i)
    part_of = [
        p.area / max(float(shapes[i].area), 1e-9) for p, i in zip(polygons, rows, strict=True)
    ]
    behind = [not fits for fits in large_enough(polygons, part_of, score.parameters)]
    kept, numbers = disjoint(polygons, cells, score.score, limits={}, behind=behind)
    found = [rows[n] for n in numbers]
    _tell_left_out(score.title, [names[i] for i in range(len(names)) if i not in found])
    whole = [max(float(shapes[i].area), 1e-9) for i in found]
    return GivenLand(
        kept,
        [cells_of(p, cells[n], city) for p, n in zip(kept, numbers, strict=True)],
        [names[i] for i in found],
        [float(p.area) / w for p, w in zip(kept, whole, strict=True)],
    )


def large_enough(
    polygons: Sequence[shapely.Polygon],
    open_share: Sequence[float],
    limits: Mapping[str, Limit],
) -> list[bool]:
    """
    Say which given polygons the project can use: large and wide enough, and open to building.

    Parameters
    ----------
    polygons : the open part of each, metric CRS.
    open_share : share of the polygon as given that this part is; NaN where land was cut out by the limits.
    limits : ``min_area_ha``, ``min_width_m``; those that are not there limit nothing.

    Returns
    -------
    One for each; shape is judged by the score and by a concern.

    Examples
    --------
    >>> large_enough([shapely.box(0, 0, 500, 400), shapely.box(0, 0, 100, 50)], [1.0, 1.0], {"min_area_ha": 10})
    [True, False]
    """
    least = site_rules()["given_open_min"]
    return [
        not share >= 0 or (share >= least and fault(one, limits) not in {"small", "narrow"})
        for one, share in zip(polygons, open_share, strict=True)
    ]


def _largest(shape: shapely.geometry.base.BaseGeometry) -> shapely.Polygon | None:
    parts = [p for p in shapely.get_parts(shape) if isinstance(p, shapely.Polygon) and p.area > 0]
    return max(parts, key=lambda p: (p.area, *p.bounds)) if parts else None


def _tell_left_out(title: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        tell(
            f"{title}: {len(names)} given candidates have no land that is open to building inside the city, "
            f"or a better one holds it: {', '.join(names[:_LISTED])}{more}"
        )


def size_concerns(frame: pd.DataFrame, limits: Mapping[str, Limit]) -> list[list[str]]:
    """
    Say which given polygons are smaller, narrower or less compact than the project asks for.

    Parameters
    ----------
    frame : columns ``area_ha``, ``width_m``, ``compactness``, ``open_share``.
    limits : ``min_area_ha``, ``min_width_m``, ``compactness_min``; those that are not there limit nothing.

    Returns
    -------
    Sentences for each row; none where ``open_share`` is NaN, as the land was cut out by these limits.

    Examples
    --------
    >>> row = {"area_ha": [2.0], "width_m": [90.0], "compactness": [0.7], "open_share": [0.5]}
    >>> size_concerns(pd.DataFrame(row), {"min_area_ha": 50.0})
    [['2 ha are less than the 50 ha that the project asks for', '50 % of the polygon as given is open to building']]
    """
    asked = (
        ("area_ha", "min_area_ha", "small", ".3g"),
        ("width_m", "min_width_m", "narrow", ".0f"),
        ("compactness", "compactness_min", "ragged", ".2f"),
    )
    said: list[list[str]] = []
    for row in frame.to_dict("records"):
        if not row["open_share"] >= 0:
            said.append([])
            continue
        own = [
            made(fault, own=f"{row[column]:{digits}}", asked=f"{float(limits[key]):g}")
            for column, key, fault, digits in asked
            if key in limits and row[column] < float(limits[key])
        ]
        if row["open_share"] < 0.995:  # noqa: PLR2004 - rounds to the whole
            own.append(made("partly_open", share=f"{100 * row['open_share']:.0f}"))
        said.append(own)
    return said
