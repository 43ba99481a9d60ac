"""Describe: what is measured on an area before it is ranked, and the score that it is published with."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.sites.delineation import compactness, inner_width_m
from kcity_geo.analysis.sites.worth import (
    area_means,
    criterion_means,
    low_decile,
    site_means,
    total_score,
)
from kcity_geo.analysis.suitability.criteria import CRITERIA
from kcity_geo.analysis.suitability.view import CityView, MissingDataError
from kcity_geo.profiles import site_rules
from kcity_geo.result import Suitability

__all__ = ["describe", "published", "totals"]

_MAIN_ROADS = {"motorway", "trunk", "primary", "secondary", "motorway_link", "trunk_link"}


def describe(
    score: Suitability,
    view: CityView,
    polygons: Sequence[shapely.Polygon],
    cells: Sequence[NDArray[np.int64]],
) -> gpd.GeoDataFrame:
    """
    Measure areas: what the ranking and the table of sites say of each.

    Parameters
    ----------
    score : of the project.
    view : of its city.
    polygons, cells : of the areas.

    Returns
    -------
    A row an area, metric CRS.
    """
    shapes = np.asarray(polygons, dtype=object)
    frame = _of_total(score, view, polygons, cells).assign(
        area_ha=shapely.area(shapes) / 1e4,
        width_m=[inner_width_m(p) for p in polygons],
        district=_districts(view.city, shapes),
    )
    names = ("slope_pct", "hand_m")
    ground = [view.city.terrain.get(name) for name in names]
    means = [area_means(ground, shape, view.city.grid) for shape in shapes]
    frame[list(names)] = np.asarray(means, dtype=np.float64).reshape(len(shapes), len(names))
    frame["population_45min"] = site_means(_labour(score, view), cells)
    return frame


def _of_total(
    score: Suitability,
    view: CityView,
    polygons: Sequence[shapely.Polygon],
    cells: Sequence[NDArray[np.int64]],
) -> gpd.GeoDataFrame:
    """Measure what counts in the score of an area."""
    shapes, value = np.asarray(polygons, dtype=object), score.score.ravel()
    frame = gpd.GeoDataFrame(
        {
            "mean_score": site_means(score.score, cells),
            "low_decile_score": [low_decile(value[c]) for c in cells],
            "compactness": [compactness(p) for p in polygons],
        },
        geometry=shapes,
        crs=view.city.city.crs,
    )
    roads = view.geometry("roads_drive", highway=_MAIN_ROADS)
    water = np.concatenate([view.geometry("water_plant"), view.geometry("water_store")])
    supplied = water if len(water) else view.raw_water
    frame["road_km"] = _straight_km(shapes, roads)
    frame["substation_km"] = _straight_km(shapes, view.geometry("substation"))
    frame["water_km"] = _straight_km(shapes, supplied)
    far = site_rules()["connection_far_km"]
    lengths = frame[["road_km", "substation_km", "water_km"]].to_numpy(dtype=float)
    parts = np.clip(1 - lengths / far, 0, 1)
    known = np.isfinite(parts)
    count = known.sum(axis=1)
    total = np.where(known, parts, 0.0).sum(axis=1)
    frame["connection_score"] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return frame


def published(
    frame: pd.DataFrame, score: Suitability, table: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """
    Give the score that each area is published with.

    Parameters
    ----------
    frame : of `describe`.
    score : of the project.
    table : shape (areas, criteria with weight), of `kcity_geo.analysis.sites.worth.criterion_means`.

    Returns
    -------
    Mean score, score, and how much each part counts in it.
    """
    mean = frame["mean_score"].to_numpy(dtype=float)
    if score.method.get("combination", "wlc") == "wlc":
        # So that the stated weights give the published order, whatever cells lack a criterion.
        weight = np.array([c.weight_used for c in score.criteria if c.weight_used > 0])
        mean = np.asarray(table @ weight / weight.sum())
    return mean, *total_score(frame.assign(mean_score=mean))


def totals(
    score: Suitability,
    view: CityView,
    polygons: Sequence[shapely.Polygon],
    cells: Sequence[NDArray[np.int64]],
) -> NDArray[np.float64]:
    """
    Give the score that areas would be published with, each by itself.

    Parameters
    ----------
    score : of the project.
    view : of its city.
    polygons, cells : of the areas.

    Returns
    -------
    Shape (areas,); NaN without a ranking.
    """
    used = [c for c in score.criteria if c.weight_used > 0]
    if not len(polygons) or not used or score.no_ranking:
        return np.full(len(polygons), np.nan)
    table, _ = criterion_means(used, cells)
    return published(_of_total(score, view, polygons, cells), score, table)[1]


def _labour(score: Suitability, view: CityView) -> NDArray[np.float64] | None:
    for one in score.criteria:
        if one.id == "labour_45min":
            return one.values  # noqa: PD011 - a field, not pandas
    try:
        return CRITERIA["labour_45min"](view).values  # noqa: PD011 - a field, not pandas
    except MissingDataError:
        return None


def _straight_km(shapes: NDArray[np.object_], features: NDArray[np.object_]) -> NDArray[np.float64]:
    """Straight distance from each outline to the nearest feature, km; NaN without features."""
    if len(features) == 0:
        return np.full(len(shapes), np.nan)
    tree = shapely.STRtree(features)
    index, metres = tree.query_nearest(shapes, return_distance=True, all_matches=False)
    found = np.full(len(shapes), np.nan)
    found[index[0]] = metres / 1000
    return found


def _districts(city: CityModel, shapes: NDArray[np.object_]) -> list[str]:
    """Name of the district that holds most of each site; of equal ones the first by its id."""
    districts = city.city.districts.sort_values("district_id", kind="stable")
    outlines = districts.geometry.to_numpy()
    names = districts["name"].astype(str).tolist()
    found = []
    for shape in shapes:
        shared = shapely.area(shapely.intersection(outlines, shape)).round(3)
        found.append(names[int(np.argmax(shared))])
    return found
