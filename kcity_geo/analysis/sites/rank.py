"""
Sites: the best areas for a project, ranked, each with its reasons.

Ranked by mean score, weakest tenth, length of connections and compactness. Ownership, price, zoning
and ground conditions are in no open data: a site is where to look, not where to build.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.sites.contents import CONTENT_COLUMNS, content_concerns, site_contents
from kcity_geo.analysis.sites.delineation import (
    areas,
    compactness,
    inner_width_m,
    outline,
    split_area,
)
from kcity_geo.analysis.sites.severance import corridors, cut, sides
from kcity_geo.analysis.suitability.criteria import CRITERIA
from kcity_geo.analysis.suitability.robustness import rank_stability
from kcity_geo.analysis.suitability.view import CityView, MissingDataError
from kcity_geo.citydata import CityData
from kcity_geo.config import read_table
from kcity_geo.cube import cell_size
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.profiles import site_rules
from kcity_geo.result import Criterion, Suitability

__all__ = ["SITE_COLUMNS", "rank_sites", "site_threshold"]

SITE_COLUMNS = (
    "site_id", "rank", "score", "mean_score", "area_ha", "reasons", "concerns", "slope_pct",
    "hand_m", "road_km", "substation_km", "water_km", "population_45min", "top3_share",
    "compactness", "district", "low_decile_score", "connection_score", "width_m", "rank_p05",
    "rank_p95", "weight_known", "not_checked", *CONTENT_COLUMNS,
)  # fmt: skip
_WHOLE = {"rank": "int64", "buildings": "int64", "at_edge": "bool"}
_MAIN_ROADS = {"motorway", "trunk", "primary", "secondary", "motorway_link", "trunk_link"}


def site_threshold(score: NDArray[np.float64]) -> float:
    """
    Choose the lowest score of a site where the study does not say.

    Parameters
    ----------
    score : shape (rows, cols). NaN: excluded or unknown.

    Returns
    -------
    0.7, or the score of the best tenth of the feasible cells where that is lower; at least 0.5.

    Examples
    --------
    >>> site_threshold(np.array([[0.1, 0.2, np.nan]]))
    0.5
    """
    rule = site_rules()
    known = score[np.isfinite(score)]
    if len(known) == 0:
        return float(rule["threshold_min"])
    best = np.quantile(known, rule["threshold_quantile"])
    return float(max(rule["threshold_min"], min(rule["threshold_good"], best)))


def rank_sites(
    score: Suitability,
    city: CityModel | CityData,
    *,
    threshold: float | None = None,
    max_sites: int = 10,
    seed: int = 7,
) -> gpd.GeoDataFrame:
    """
    Delineate the best areas for a project and rank them.

    Parameters
    ----------
    score : of `kcity_geo.analysis.suitability.score.suitability`.
    city : model or data of the same city.
    threshold : lowest score of a site; `site_threshold` when None.
    max_sites : sites kept.
    seed : of the random weights.

    Returns
    -------
    Metric CRS, best first, columns `SITE_COLUMNS`. Lengths of connections are straight lines from
    the outline; reasons speak of the mean over the site. Reasons and concerns are parted by
    ``"; "``. ``weight_known`` is the share of the stated weights that had data; ``not_checked``
    names the decisive constraints that had none: such a site is provisional. Empty, with a warning
    that says why, when no area is large, wide and compact enough. Sites never overlap excluded
    cells and never cross a motorway, trunk road or railway (`kcity_geo.analysis.sites.severance`).

    Raises
    ------
    StudyError
        If `threshold` is outside 0 to 1 or `max_sites` below 1.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise StudyError(f"suitability.threshold: {threshold!r} is not between 0 and 1")
    if max_sites < 1:
        raise StudyError(f"suitability.max_sites: {max_sites!r} is below 1")
    city = model_of(city)
    limit = site_threshold(score.score) if threshold is None else threshold
    polygons, cells, why = _delineate(score, city, limit)
    if not polygons:
        tell(f"{score.title}: no site; {why}")
        return _empty(city)
    view = CityView(city, None)
    frame = _describe(score, view, polygons, cells)
    ranked = _ranked(frame, score, cells, seed=seed).head(max_sites)
    return _with_contents(ranked, [cells[i] for i in ranked.index], score, city)


def _with_contents(
    ranked: gpd.GeoDataFrame,
    cells: list[NDArray[np.int64]],
    score: Suitability,
    city: CityModel,
) -> gpd.GeoDataFrame:
    """Tell what stands on each site, what was not checked, and how much of the weight had data."""
    frame = ranked.reset_index(drop=True)
    contents = site_contents(np.asarray(frame.geometry.to_numpy()), cells, city)
    frame = frame.assign(**{c: contents[c] for c in CONTENT_COLUMNS})
    decisive, other = _unchecked(score)
    frame["weight_known"] = sum(c.weight_stated for c in score.criteria)
    frame["not_checked"] = ", ".join(decisive)
    first = (
        [f"provisional, not checked for lack of data: {', '.join(decisive)}"] if decisive else []
    )
    last = [f"not checked for lack of data: {', '.join(other)}"] if other else []
    frame["concerns"] = [
        "; ".join(t for t in (*first, own, *inside, *last) if t)
        for own, inside in zip(frame["concerns"], content_concerns(contents), strict=True)
    ]
    return frame[[*SITE_COLUMNS, "geometry"]]


def _delineate(
    score: Suitability, city: CityModel, limit: float
) -> tuple[list[shapely.Polygon], list[NDArray[np.int64]], str]:
    rule = site_rules()
    size = cell_size(city.grid)
    min_ha = float(score.parameters.get("min_area_ha", 0))
    min_cells = min_ha * 1e4 / size**2
    entire = city.cube["inside_share"].to_numpy() >= 1 - 1e-6
    allowed = score.feasible & entire
    good = allowed & (np.nan_to_num(score.score, nan=-1.0) >= limit)
    if not score.feasible.any():
        return [], [], "no cell meets all constraints"
    if not np.isfinite(score.score).any():
        known = sum(c.weight_stated for c in score.criteria)
        return [], [], f"only {known:.0%} of the weight of its criteria has data"
    corridor = corridors(city.layers)
    found = [
        side
        for area in areas(good, min_cells=min_cells, opening=min_cells >= rule["opening_min_cells"])
        for side in sides(area, corridor, grid=city.grid, min_cells=min_cells)
    ]
    polygons: list[shapely.Polygon] = []
    cells: list[NDArray[np.int64]] = []
    seen = {"small": 0, "narrow": 0, "ragged": 0}
    for area in found:
        parts = [area]
        if len(area) > rule["split_above"] * max(min_cells, 1):
            parts = split_area(
                area,
                score.score,
                target_cells=max(rule["split_target"] * min_cells, 1),
                min_cells=min_cells,
                compact=rule["split_compactness"],
            )
        for part in parts:
            drawn = outline(
                part, allowed, grid=city.grid, max_change=rule["smooth_area_change_max"]
            )
            for polygon in (piece for whole in drawn for piece in cut(whole, corridor)):
                fault = _fault(polygon, score.parameters)
                if fault:
                    seen[fault] += 1
                    continue
                polygons.append(polygon)
                cells.append(_cells_of(polygon, part, city))
    polygons, cells = _disjoint(polygons, cells, score)
    return polygons, cells, _why_none(good, found, seen, min_ha=min_ha, limit=limit, size=size)


def _fault(polygon: shapely.Polygon, limits: Mapping[str, Any]) -> str:
    if polygon.area < float(limits.get("min_area_ha", 0)) * 1e4 * 0.97:
        return "small"
    if inner_width_m(polygon) < float(limits.get("min_width_m", 0)) * 0.99:
        return "narrow"
    return "ragged" if compactness(polygon) < float(limits.get("compactness_min", 0)) else ""


def _cells_of(
    polygon: shapely.Polygon, cells: NDArray[np.int64], city: CityModel
) -> NDArray[np.int64]:
    """Cells of the area whose centre lies in this outline."""
    from kcity_geo.cube import cell_centres

    x, y = cell_centres(city.grid)
    inside = shapely.intersects_xy(polygon, x[cells], y[cells])
    return cells[inside] if inside.any() else cells


def _disjoint(
    polygons: list[shapely.Polygon], cells: list[NDArray[np.int64]], score: Suitability
) -> tuple[list[shapely.Polygon], list[NDArray[np.int64]]]:
    """Cut what smoothing made two sites share; the better one keeps it."""
    mean = [float(np.nanmean(score.score.ravel()[c])) for c in cells]
    order = sorted(range(len(polygons)), key=lambda i: (-mean[i], polygons[i].bounds))
    kept: list[shapely.Polygon] = []
    kept_cells: list[NDArray[np.int64]] = []
    for i in order:
        polygon = polygons[i]
        near = [k for k in kept if k.intersects(polygon)]
        if near:
            rest = shapely.difference(polygon, shapely.union_all(near))
            parts = [p for p in shapely.get_parts(rest) if isinstance(p, shapely.Polygon)]
            polygon = max(parts, key=lambda p: p.area) if parts else shapely.Polygon()
            if _fault(polygon, score.parameters):
                continue
        kept.append(polygon)
        kept_cells.append(cells[i])
    return kept, kept_cells


def _why_none(
    good: NDArray[np.bool_],
    found: list[NDArray[np.int64]],
    seen: Mapping[str, int],
    *,
    min_ha: float,
    limit: float,
    size: float,
) -> str:
    if not good.any():
        return f"no feasible cell scores {limit:.2f} or more"
    if not found:
        total = good.sum() * size**2 / 1e4
        return (
            f"no connected area of {min_ha:g} ha scores {limit:.2f} or more ({total:,.0f} ha do, in "
            "smaller pieces); lower suitability.constraints.min_area_ha or suitability.threshold if smaller "
            "sites are of use"
        )
    listed = ", ".join(f"{count} too {fault}" for fault, count in seen.items() if count)
    return f"no area above {limit:.2f} can be used{f': {listed}' if listed else ''}"


def _empty(city: CityModel) -> gpd.GeoDataFrame:
    text = {"site_id", "reasons", "concerns", "district", "not_checked", "next_to"}
    columns: dict[str, Any] = {
        c: pd.Series(dtype="object" if c in text else _WHOLE.get(c, "float64"))
        for c in SITE_COLUMNS
    }
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries([], crs=city.city.crs))


def _describe(
    score: Suitability,
    view: CityView,
    polygons: list[shapely.Polygon],
    cells: list[NDArray[np.int64]],
) -> gpd.GeoDataFrame:
    shapes = np.asarray(polygons, dtype=object)
    value = score.score.ravel()
    frame = gpd.GeoDataFrame(
        {
            "mean_score": [float(np.nanmean(value[c])) for c in cells],
            "low_decile_score": [float(np.nanquantile(value[c], 0.1)) for c in cells],
            "area_ha": shapely.area(shapes) / 1e4,
            "compactness": [compactness(p) for p in polygons],
            "width_m": [inner_width_m(p) for p in polygons],
            "district": _districts(view.city, shapes),
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
    for name in ("slope_pct", "hand_m"):
        frame[name] = _site_means(view.city.terrain.get(name), cells)
    frame["population_45min"] = _site_means(_labour(score, view), cells)
    far = site_rules()["connection_far_km"]
    lengths = frame[["road_km", "substation_km", "water_km"]].to_numpy(dtype=float)
    parts = np.clip(1 - lengths / far, 0, 1)
    known = np.isfinite(parts)
    count = known.sum(axis=1)
    total = np.where(known, parts, 0.0).sum(axis=1)
    frame["connection_score"] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return frame


def _labour(score: Suitability, view: CityView) -> NDArray[np.float64] | None:
    for one in score.criteria:
        if one.id == "labour_45min":
            return one.values  # noqa: PD011 - a field, not pandas
    try:
        return CRITERIA["labour_45min"](view).values  # noqa: PD011 - a field, not pandas
    except MissingDataError:
        return None


def _site_means(
    values: NDArray[np.float64] | None, cells: list[NDArray[np.int64]]
) -> NDArray[np.float64]:
    if values is None:
        return np.full(len(cells), np.nan)
    flat = values.ravel()
    return np.array(
        [
            flat[c][np.isfinite(flat[c])].mean() if np.isfinite(flat[c]).any() else np.nan
            for c in cells
        ]
    )


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
        shared = shapely.area(shapely.intersection(outlines, shape))
        found.append(names[int(np.argmax(shared))])
    return found


def _ranked(
    frame: gpd.GeoDataFrame, score: Suitability, cells: list[NDArray[np.int64]], *, seed: int
) -> gpd.GeoDataFrame:
    rule = site_rules()
    used = [c for c in score.criteria if c.weight_used > 0]
    table = np.column_stack([_site_means(c.utility, cells) for c in used])
    weight = np.array([c.weight_used for c in used])
    # Where a site does not know a criterion, the others speak for it, as in its score.
    known = np.isfinite(table)
    own = (np.where(known, table, 0.0) * weight).sum(axis=1) / (known * weight).sum(axis=1)
    table = np.where(known, table, own[:, None])
    connection = frame["connection_score"].to_numpy(dtype=float)
    has = np.isfinite(connection)
    weights = np.array(
        [
            rule["weight_mean"],
            rule["weight_low_decile"],
            rule["weight_connection"],
            rule["weight_compactness"],
        ]
    )
    parts = np.column_stack(
        [
            frame["mean_score"],
            frame["low_decile_score"],
            np.where(has, connection, 0.0),
            frame["compactness"],
        ]
    )
    share = np.where(has[:, None], weights, weights * np.array([1, 1, 0, 1]))
    frame["score"] = (parts * share).sum(axis=1) / share.sum(axis=1)
    scale = share[:, 0] / share.sum(axis=1)
    stable = rank_stability(
        table * scale[:, None],
        weight,
        draws=rule["draws"],
        seed=seed,
        spread=rule["spread"],
        offset=frame["score"].to_numpy() - scale * frame["mean_score"].to_numpy(),
    )
    frame["top3_share"] = stable.top_share(3)
    frame["rank_p05"], frame["rank_p95"] = stable.rank_p05, stable.rank_p95
    texts = [_reasons(used, table[i], known[i], c) for i, c in enumerate(cells)]
    frame["reasons"] = ["; ".join(t[0]) for t in texts]
    frame["concerns"] = ["; ".join(t[1]) for t in texts]
    place = frame.geometry.bounds
    frame = frame.assign(_x=place["minx"], _y=place["miny"]).sort_values(
        ["score", "_x", "_y"], ascending=[False, True, True], kind="stable"
    )
    frame["rank"] = np.arange(1, len(frame) + 1)
    frame["site_id"] = [f"site-{i:02d}" for i in range(1, len(frame) + 1)]
    return frame


def _reasons(
    used: list[Criterion],
    utilities: NDArray[np.float64],
    known: NDArray[np.bool_],
    cells: NDArray[np.int64],
) -> tuple[list[str], list[str]]:
    """Say what speaks for a site and what against it, the weightiest first."""
    rule, rows = site_rules(), read_table("suitability/criteria")["criterion"]
    phrases = {key: row["phrase"] for key, row in rows.items()}
    weight = np.array([c.weight_used for c in used])
    said: dict[int, str] = {}
    for i, one in enumerate(used):
        if not known[i] or one.id not in phrases:
            continue
        values = one.values.ravel()[cells]  # noqa: PD011 - a field, not pandas
        mean = float(np.nanmean(values))
        said[i] = phrases[one.id].format(value=_rounded(mean), utility=f"{utilities[i]:.1f}")
    good = [i for i in said if utilities[i] >= rule["reason_utility_min"]]
    bad = [i for i in said if utilities[i] <= rule["concern_utility_max"]]
    good.sort(key=lambda i: (-weight[i] * utilities[i], i))
    bad.sort(key=lambda i: (-weight[i] * (1 - utilities[i]), i))
    unknown = [f"{used[i].title.lower()} is not known here" for i in np.flatnonzero(~known)]
    return [said[i] for i in good], [_against(used[i], said[i]) for i in bad] + unknown


def _against(criterion: Criterion, text: str) -> str:
    """Say beside a weak value which value would be good."""
    best = criterion.full_score
    return f"{text} (full score {best})" if best else text


def _unchecked(score: Suitability) -> tuple[list[str], list[str]]:
    """Name the constraints that could not be applied: the decisive ones and the others."""
    decisive = site_rules()["decisive"]
    missing = [c for c in score.constraints if not c.applied and c.limit != "off"]
    return (
        [c.title.lower() for c in missing if c.id in decisive],
        [c.title.lower() for c in missing if c.id not in decisive],
    )


def _rounded(value: float) -> str:
    """Round as a person would: two digits that count."""
    if not np.isfinite(value):
        return "unknown"
    if value == 0:
        return "0"
    digits = 1 - int(np.floor(np.log10(abs(value))))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, min(digits, 2))}f}"
