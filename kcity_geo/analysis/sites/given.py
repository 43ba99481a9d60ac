"""Given land: polygons of the user, such as parcels, as sites: what of each is open to building."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.sites.cut_out import (
    WIDTH_KEPT,
    cells_of,
    disjoint,
    fault,
    usable_land,
    without_hairs,
)
from kcity_geo.cube import cell_polygons, pieces_of_polygons
from kcity_geo.notes import tell
from kcity_geo.profiles import Limit, site_rules
from kcity_geo.result import Suitability
from kcity_geo.retold import made

__all__ = ["GivenLand", "Shares", "candidate_names", "given_land", "large_enough", "size_concerns"]

_NAMES = ("parcel_id", "candidate", "site_id", "id", "name")
_LISTED = 5
#: A share that rounds to the whole.
_WHOLE = 0.995


#: Land smaller than this is an error of rounding along a border, m².
_SPECK_M2 = 1.0


class Shares(NamedTuple):
    """
    What became of a given polygon, shares of the polygon as given.

    Parameters
    ----------
    open : land that no constraint excludes, whoever holds it; NaN where land was cut out here.
    site : land of the site itself: the largest part that is open and that no better one holds.
    held : open land that better given polygons hold.
    held_by : names of those.
    """

    open: float = float("nan")
    site: float = float("nan")
    held: float = 0.0
    held_by: str = ""


class GivenLand(NamedTuple):
    """
    What is left of given polygons.

    Parameters
    ----------
    polygons : the part of each that no constraint excludes and no better one holds, metric CRS.
    cells : flat cell numbers of each.
    names : of each, as in the file.
    shares : of each, what of the polygon as given is open, is the site, and is held by better ones.
    given : each as it was given.
    """

    polygons: list[shapely.Polygon]
    cells: list[NDArray[np.int64]]
    names: list[str]
    shares: list[Shares]
    given: list[shapely.geometry.base.BaseGeometry]


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
    usual = [column for column in _NAMES if column in frame]
    if usual and len(frame) > 1:
        tell(
            f"candidates are named by their number in the file: names in column {usual[-1]} are missing or stand twice"
        )
    return [str(i + 1) for i in range(len(frame))]


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


def given_land(
    frame: gpd.GeoDataFrame,
    score: Suitability,
    city: CityModel,
    *,
    worth: Callable[[list[shapely.Polygon], list[NDArray[np.int64]]], NDArray[np.float64]],
) -> GivenLand:
    """
    Take given polygons as sites, without what is excluded and without what a better one holds.

    Parameters
    ----------
    frame : polygons in the metric CRS of the city.
    score : of the project.
    city : its model.
    worth : gives the score of polygons with their cells, each by itself: the better of two keeps the land that
        they share.

    Returns
    -------
    The largest part of each that is open to building. Polygons of which nothing is open, or that lie
    outside the city, are left out and told by name; so are polygons whose land a better one holds. One that
    the project cannot use (`large_enough`) takes no land from one that it can.
    """
    names = candidate_names(frame)
    shapes = shapely.make_valid(np.asarray(frame.geometry.to_numpy(), dtype=object))
    opened, polygons, cells, rows = _open_parts(shapes, score, city)
    whole = [max(float(shapes[i].area), 1e-9) for i in rows]
    part_of = [p.area / w for p, w in zip(polygons, whole, strict=True)]
    behind = [not fits for fits in large_enough(polygons, part_of, score.parameters)]
    cut, order = disjoint(polygons, worth(polygons, cells), limits={}, behind=behind)
    left = [
        (p, n)
        for p, n in zip(cut, order, strict=True)
        if not _scrap(p, polygons[n], score.parameters)
    ]
    kept, numbers = [p for p, _ in left], [n for _, n in left]
    found = [rows[n] for n in numbers]
    left_out = [i for i in range(len(names)) if i not in found]
    listed = [
        f"{names[i]} ({_why_left_out(shapes[i], score, city, held=i in rows)})"
        for i in left_out[:_LISTED]
    ]
    _tell_left_out(score.title, listed, count=len(left_out))
    own = [names[i] for i in found]
    return GivenLand(
        kept,
        [cells_of(p, cells[n], city) for p, n in left],
        own,
        [_shares(k, kept, own, opened[n], whole[n]) for k, n in enumerate(numbers)],
        [shapes[i] for i in found],
    )


def _open_parts(
    shapes: NDArray[np.object_], score: Suitability, city: CityModel
) -> tuple[
    list[shapely.geometry.base.BaseGeometry],
    list[shapely.Polygon],
    list[NDArray[np.int64]],
    list[int],
]:
    """Give all open land of each polygon, the largest part of it, the cells of that, and which polygon it is."""
    open_cells = np.flatnonzero(usable_land(score, city).ravel())
    squares = cell_polygons(city.grid, open_cells)
    tree = shapely.STRtree(squares)
    opened: list[shapely.geometry.base.BaseGeometry] = []
    polygons: list[shapely.Polygon] = []
    cells: list[NDArray[np.int64]] = []
    rows: list[int] = []
    for i, shape in enumerate(shapes):
        near = tree.query(shape, predicate="intersects")
        land = shapely.intersection(shape, shapely.coverage_union_all(squares[near]))
        part = _largest(land)
        if part is not None:
            opened.append(land)
            polygons.append(part)
            cells.append(cells_of(part, open_cells[np.sort(near)], city))
            rows.append(i)
    return opened, polygons, cells, rows


def _scrap(left: shapely.Polygon, part: shapely.Polygon, limits: Mapping[str, Limit]) -> bool:
    """Say whether what better ones leave of a polygon is too little to be called one."""
    if left.area < _SPECK_M2:
        return True
    least = site_rules()["given_open_min"]
    return left.area < least * part.area and fault(left, limits) in {"small", "narrow"}


def _shares(
    place: int,
    kept: Sequence[shapely.Polygon],
    names: Sequence[str],
    opened: shapely.geometry.base.BaseGeometry,
    whole_m2: float,
) -> Shares:
    """Divide the open land of a given polygon among it and the better ones, which stand before it."""
    better = {
        name.replace(";", ","): float(shapely.intersection(opened, one).area)
        for name, one in zip(names[:place], kept[:place], strict=True)
    }
    better = {name: area for name, area in better.items() if area >= _SPECK_M2}
    return Shares(
        float(opened.area) / whole_m2,
        float(kept[place].area) / whole_m2,
        sum(better.values()) / whole_m2,
        ", ".join(better),
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
    kept = site_rules()["given_size_kept"]
    return [
        not share >= 0
        or (share >= least and fault(one, limits, area_kept=kept) not in {"small", "narrow"})
        for one, share in zip(polygons, open_share, strict=True)
    ]


def _largest(shape: shapely.geometry.base.BaseGeometry) -> shapely.Polygon | None:
    opened = [
        without_hairs(p)
        for p in shapely.get_parts(shape)
        if isinstance(p, shapely.Polygon) and p.area >= _SPECK_M2
    ]
    parts = [p for p in opened if p.area >= _SPECK_M2]
    return max(parts, key=lambda p: (p.area, *p.bounds)) if parts else None


def _tell_left_out(title: str, listed: Sequence[str], *, count: int) -> None:
    if count:
        more = f"; and {count - len(listed)} more" if count > len(listed) else ""
        which = "1 given candidate is" if count == 1 else f"{count} given candidates are"
        tell(f"{title}: {which} left out: {'; '.join(listed)}{more}")


def _why_left_out(
    shape: shapely.geometry.base.BaseGeometry, score: Suitability, city: CityModel, *, held: bool
) -> str:
    """Say what closes the land of a given polygon, the two things that close most of it first."""
    if held:
        return "better candidates hold its open land"
    cell, _, area = pieces_of_polygons(np.asarray([shape], dtype=object), grid=city.grid)
    inside = city.inside.ravel()[cell]
    whole = max(float(shape.area), 1e-9)
    closing = {c.title.lower(): c.excluded for c in score.constraints if c.applied}
    unknown = [c.unknown for c in score.constraints if c.applied and c.unknown is not None]
    if unknown:
        closing["not known"] = np.logical_or.reduce(unknown)
    shares = {
        name: float(area[inside & cells.ravel()[cell]].sum()) / whole
        for name, cells in closing.items()
    }
    shares["outside the city"] = 1.0 - float(area[inside].sum()) / whole
    most = sorted(shares.items(), key=lambda one: -one[1])[:2]
    said = [f"{name} {100 * share:.0f} %" for name, share in most if share >= 1 - _WHOLE]
    return ", ".join(said) or "no land of it is open to building"


def size_concerns(frame: pd.DataFrame, limits: Mapping[str, Limit]) -> list[list[str]]:
    """
    Say which given polygons are smaller, narrower or less compact than the project asks for.

    Parameters
    ----------
    frame : columns ``area_ha``, ``width_m``, ``compactness``, ``open_share``, ``site_share``, ``held_share``,
        ``held_by``.
    limits : ``min_area_ha``, ``min_width_m``, ``compactness_min``; those that are not there limit nothing.

    Returns
    -------
    Sentences for each row; none where ``open_share`` is NaN, as the land was cut out by these limits.

    Examples
    --------
    >>> row = {"area_ha": [2.0], "width_m": [90.0], "compactness": [0.7], "open_share": [0.5],
    ...        "site_share": [0.5], "held_share": [0.0], "held_by": [""]}
    >>> size_concerns(pd.DataFrame(row), {"min_area_ha": 50.0})
    [['2 ha are less than the 50 ha that the project asks for', '50 % of the polygon as given is open to building']]
    """
    asked = (
        ("area_ha", "min_area_ha", "small", ".3g"),
        ("width_m", "min_width_m", "narrow", ".0f"),
        ("compactness", "compactness_min", "ragged", ".2f"),
    )
    # As in `large_enough`: what is close enough to fit is told nothing.
    kept = {"area_ha": site_rules()["given_size_kept"], "width_m": WIDTH_KEPT, "compactness": 1.0}
    said: list[list[str]] = []
    for row in frame.to_dict("records"):
        if not row["open_share"] >= 0:
            said.append([])
            continue
        own = [
            made(
                fault,
                own=_below(row[column], float(limits[key]), digits),
                asked=f"{float(limits[key]):g}",
            )
            for column, key, fault, digits in asked
            if key in limits and row[column] < float(limits[key]) * kept[column]
        ]
        own += _share_words(row)
        said.append(own)
    return said


def _below(own: float, asked: float, digits: str) -> str:
    """Write a number so that it does not round to the larger one that was asked for."""
    first = int(digits[1])
    for more in range(first, first + 5):
        text = f"{own:.{more}{digits[-1]}}"
        if float(text) < asked:
            return text
    return f"{own:{digits}}"


def _share_words(row: Mapping[Hashable, Any]) -> list[str]:
    """Say what of a given polygon is open, what of that a better one holds, and what lies apart."""
    said = []
    if row["open_share"] < _WHOLE:
        said.append(made("partly_open", share=f"{100 * row['open_share']:.0f}"))
    if row["held_share"] > 1 - _WHOLE:
        share = f"{100 * row['held_share']:.0f}"
        said.append(made("held_by_better", share=share, names=row["held_by"]))
    if row["open_share"] - row["held_share"] - row["site_share"] > 1 - _WHOLE:
        said.append(made("largest_part", share=f"{100 * row['site_share']:.0f}"))
    return said
