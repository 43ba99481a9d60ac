"""Where something may be built: given places, junctions of streets, or free cells."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.coordinates import in_crs, refuse_degrees
from kcity_geo.cube import cell_centres
from kcity_geo.errors import StudyError
from kcity_geo.result import Suitability

__all__ = ["Candidates", "candidate_places", "thinned"]

#: Given places, ``"streets"``, ``"cells"``, a mask of cells, or a suitability (its feasible cells).
Candidates = Any
_SPACING_M = 100.0


def candidate_places(
    city: CityModel, candidates: Candidates, *, mode: str
) -> tuple[NDArray[np.object_], bool]:
    """
    Give the places among which sites are chosen.

    Parameters
    ----------
    city : its model.
    candidates : places (a GeoDataFrame or GeoSeries in any CRS, or an array of shapes in the metric
        CRS), ``"streets"``: junctions and ends of streets inside the city, ``"cells"``: centres of
        all its cells, a mask of shape (rows, cols), or a `kcity_geo.result.Suitability`: cells that
        no constraint excludes.
    mode : whose streets; those on foot for straight lines.

    Returns
    -------
    The places, metric CRS, and whether they were given one by one, so that none may be left out.

    Raises
    ------
    StudyError
        If there are none, or the argument is none of these.
    CRSMismatchError
        If a frame has no CRS, or bare shapes are in degrees.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> places, given = candidate_places(model_of(make_toy()), "cells", mode="walk")
    >>> len(places), given
    (1600, False)
    """
    if isinstance(candidates, gpd.GeoDataFrame | gpd.GeoSeries):
        return _usable(in_crs(candidates, city.city.crs, what="candidates")), True
    if isinstance(candidates, str):
        if candidates == "streets":
            return _junctions(city, "walk" if mode == "straight" else mode), False
        if candidates == "cells":
            return _cells(city, city.inside), False
        raise StudyError(f"candidates: {candidates!r} is neither 'streets' nor 'cells'")
    if isinstance(candidates, Suitability):
        return _cells(city, candidates.feasible & city.inside), False
    found = np.asarray(candidates)
    if found.dtype == bool:
        if found.shape != tuple(city.grid.shape):
            raise StudyError(
                f"candidates: the mask has shape {found.shape}, the grid {tuple(city.grid.shape)}"
            )
        return _cells(city, found & city.inside), False
    if found.dtype != object or found.ndim != 1 or not shapely.is_geometry(found).all():
        raise StudyError(
            "candidates: give 'streets', 'cells', a mask of cells, a suitability, or places"
        )
    shapes = _usable(found)
    refuse_degrees(shapes, city.city.boundary_metric.bounds, what="candidates")
    return shapes, True


def _usable(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    if len(shapes) == 0:
        raise StudyError("candidates: there are none")
    bad = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if bad.any():
        raise StudyError(f"candidates: {bad.sum()} of {len(shapes)} have no geometry")
    return shapes


def _cells(city: CityModel, mask: NDArray[np.bool_]) -> NDArray[np.object_]:
    x, y = cell_centres(city.grid)
    free = mask.ravel()
    if not free.any():
        raise StudyError("candidates: no cell is free")
    return np.asarray(shapely.points(x[free], y[free]), dtype=object)


def _junctions(city: CityModel, mode: str) -> NDArray[np.object_]:
    graph = city.graph(mode)
    if graph.n_segments == 0:
        raise StudyError(
            f"candidates: no street is mapped for {mode}; give places, or candidates='cells' and "
            "mode='straight'"
        )
    used = np.unique(np.concatenate([graph.tail, graph.head]))
    # A fragment that hangs on nothing is no place for a facility.
    whole = graph.component_m[graph.component[used]] >= graph.component_m.max() / 2
    x, y = graph.node_x[used][whole], graph.node_y[used][whole]
    boundary = city.city.boundary_metric
    shapely.prepare(boundary)
    inside = shapely.intersects_xy(boundary, x, y)
    if not inside.any():
        raise StudyError("candidates: no junction of the main street network lies inside the city")
    return np.asarray(shapely.points(x[inside], y[inside]), dtype=object)


def thinned(
    places: NDArray[np.object_], most: int, *, spacing_m: float = _SPACING_M
) -> tuple[NDArray[np.object_], float]:
    """
    Keep one place in each square of a lattice, as many as may be looked at.

    Parameters
    ----------
    places : points.
    most : of them that may stay.
    spacing_m : side of the squares to begin with; it grows until few enough stay.

    Returns
    -------
    The places nearest to the middle of their square, and the side of the squares, metres.

    Examples
    --------
    >>> row = np.asarray(shapely.points(np.arange(0.0, 1000, 50), 0.0), dtype=object)
    >>> [len(thinned(row, most)[0]) for most in (100, 5)]
    [10, 5]
    """
    x, y = shapely.get_coordinates(places).T
    side = spacing_m
    while True:
        column, line = np.floor(x / side), np.floor(y / side)
        off = np.hypot(x - (column + 0.5) * side, y - (line + 0.5) * side)
        order = np.lexsort((y, x, off, line, column))
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(column[order]) != 0) | (np.diff(line[order]) != 0)
        if first.sum() <= most or len(places) <= 1:
            keep = order[first]
            return places[np.sort(keep)], side
        side *= 1.1
