"""
Water points: how long it takes to fetch water (W1), and whether the points have room (W2).

Only distance is known from a map: what is found is at best *basic* access, never more. Whether
the water is clean and flows every day, no map knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.features import shapes, text
from kcity_geo.analysis.evidence.official import official, partial_coverage_note
from kcity_geo.analysis.evidence.usable import _YES, improved_weight
from kcity_geo.analysis.network.access import travel_minutes
from kcity_geo.analysis.network.reach import pairs
from kcity_geo.analysis.network.snapping import Homes, snap
from kcity_geo.analysis.network.steady import steady_minutes
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.analysis.water.piped import piped_coverage, piped_share
from kcity_geo.cube import bin_points, cell_centres
from kcity_geo.errors import GridMismatchError, SchemaError
from kcity_geo.result import Indicator, assessable, unassessed
from kcity_geo.settings import Settings
from kcity_geo.standards import Standard, standard_gap

__all__ = [
    "capacity_coverage",
    "fetching_water",
    "longest_walk_m",
    "point_capacity",
    "point_coverage",
    "round_trip_minutes",
    "served_score",
]

_NO_POINTS = (
    "no tap, well or spring is mapped and no official rate is given; survey the water points, or "
    "set official.piped_water_access or a table by district"
)
_NO_PEOPLE = "nobody is known to live here; give sources.population"
#: People of a large cell stand on a lattice of this spacing, metres.
_SPACING_M = 100.0


class _Reach(NamedTuple):
    """Persons and cell of each origin, and the pairs (origin, point) within reach."""

    persons: NDArray[np.float64]
    cell: NDArray[np.int64]
    origin: NDArray[np.int64]
    point: NDArray[np.int64]


def round_trip_minutes(
    there: NDArray[np.float64] | float, back: NDArray[np.float64] | float, *, queue_min: float
) -> NDArray[np.float64]:
    """
    Time to fetch water: the walk there, the queue and the walk back.

    Parameters
    ----------
    there, back : walking time each way, minutes; NaN or infinite: no way.
    queue_min : time at the point, minutes.

    Returns
    -------
    Minutes; infinite where there is no way.

    Examples
    --------
    >>> minutes = 700 / (5000 / 60)
    >>> float(round_trip_minutes(minutes, minutes, queue_min=10).round(1))
    26.8
    """
    total = np.asarray(there, dtype=np.float64) + np.asarray(back, dtype=np.float64) + queue_min
    return np.where(np.isfinite(total), total, np.inf)


def longest_walk_m(limit_min: float, *, queue_min: float, speed_kmh: float = 5.0) -> float:
    """
    Furthest that a water point may lie for a round trip within a time, on level ground.

    Parameters
    ----------
    limit_min : longest round trip, minutes.
    queue_min : time at the point, minutes.
    speed_kmh : walking speed.

    Returns
    -------
    One-way distance, metres; 0 when the queue alone takes too long.

    Examples
    --------
    >>> round(longest_walk_m(30, queue_min=5), 1)
    1041.7
    """
    return max(0.0, (limit_min - queue_min) / 2 / 60 * speed_kmh * 1000)


def point_capacity(points: gpd.GeoDataFrame, settings: Settings) -> NDArray[np.float64]:
    """
    Give the people that each water point can serve.

    Parameters
    ----------
    points : layer ``water_point``.
    settings : parameters of the sector.

    Returns
    -------
    Persons a point; 0 for one that is not drinkable.
    """
    made, pump = text(points, "man_made"), text(points, "pump")
    capacity = np.full(len(points), float(settings["persons_tap"]))
    well = (made == "water_well") | (text(points, "natural") == "spring")
    capacity[well] = float(settings["persons_open_well"])
    capacity[(made == "water_well") & np.isin(pump, _YES)] = float(settings["persons_hand_pump"])
    capacity[improved_weight(points, settings) <= 0] = 0.0
    return capacity


def served_score(
    minutes: Mapping[float, NDArray[np.float64]], standard: Standard
) -> NDArray[np.float64]:
    """
    Score round trips to points of several qualities: the best of weight times service.

    Parameters
    ----------
    minutes : weight of the points (0 to 1) -> round trip to the nearest of at least that
        weight, shape (rows, cols), minutes.
    standard : target and worst time.

    Returns
    -------
    Shape (rows, cols), 0 to 1. Another point, or a better one, never lowers it.
    """
    scores = [w * (1.0 - standard_gap(t, standard)) for w, t in minutes.items()]
    return np.asarray(np.max(scores, axis=0))


def _walks(
    city: CityModel, points: NDArray[np.object_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Minutes there and back for each cell, and the evidence: modelled on streets, or proxy."""
    graph, snap_m = city.graph("walk"), city.settings("water").number("max_snap_m")
    if graph.n_segments > 0:
        there, back = (
            travel_minutes(
                graph,
                points,
                grid=city.grid,
                cells=city.people.cells,
                homes=_homes(city),
                direction=direction,
                max_snap_m=snap_m,
            )
            for direction in ("to", "from")
        )
        return there, back, "modelled"
    x, y = cell_centres(city.grid)
    centre = shapely.point_on_surface(points)
    from scipy.spatial import cKDTree

    tree = cKDTree(np.column_stack([shapely.get_x(centre), shapely.get_y(centre)]))
    settings = city.settings("water")
    metres = np.asarray(tree.query(np.column_stack([x, y]))[0])
    metres *= float(settings["detour_factor"])
    minutes = metres.reshape(city.grid.shape) / (float(settings["walk_kmh"]) * 1000 / 60)
    return minutes, minutes, "proxy"


def _homes(city: CityModel) -> Homes:
    return city.homes(
        "walk", max_snap_m=city.settings("water").number("max_snap_m"), spacing_m=_SPACING_M
    )


def fetching_water(city: CityModel) -> Indicator:
    """
    Assess W1: how long it takes to fetch water, there and back with queuing.

    Parameters
    ----------
    city : its model; without walking streets straight lines times 1.3 are used. People with piped
        water at home by `kcity_geo.analysis.water.piped.piped_share` fetch nothing.

    Returns
    -------
    Row W1; cells and value in minutes, times beyond ``cap_min`` and no way at all count as that.
    Its bounds: every uncertain point is an improved source, or none is.
    NaN where no number speaks and no usable point is mapped: nothing is known there. The gap is known
    where an official piped share speaks, or where people are seen to fetch water; elsewhere the walk
    is shown and not scored.
    """
    settings, standard = city.settings("water"), city.standards["W1"]
    piped, piped_rows = city.once(piped_share)
    points = city.layers.get("water_point")
    weight = np.zeros(0) if points is None else improved_weight(points, settings)
    usable = weight > 0
    common = {"units": "min", "layers": ("water_point", "roads_walk"), "as_of": city.osm_date}
    if not usable.any() and piped is None:
        return unassessed("W1", reason=_NO_POINTS, **common)  # type: ignore[arg-type]
    people = city.array("population")
    if people is None:
        return unassessed("W1", reason=_NO_PEOPLE, **common)  # type: ignore[arg-type]
    if city.checking:
        told_by = "modelled" if piped is None else "user"
        return assessable("W1", evidence=told_by, **common)  # type: ignore[arg-type]
    cap = float(settings["cap_min"])
    times: dict[float, NDArray[np.float64]] = {}
    evidence = "modelled"
    for level in sorted(set(weight[usable])):
        chosen = shapes(points)[weight >= level]
        there, back, evidence = _walks(city, chosen)
        times[float(level)] = steady_minutes(
            round_trip_minutes(there, back, queue_min=float(settings["queue_min"]))
        )
    none = np.full(city.grid.shape, np.inf)
    any_point = times[min(times)] if times else none
    sure = times.get(1.0, none)
    gap = 1.0 - (served_score(times, standard) if times else 0.0 * people)
    told = np.zeros(city.grid.shape, dtype=bool) if piped is None else np.isfinite(piped)
    share = np.zeros(city.grid.shape) if piped is None else np.nan_to_num(piped)
    spoken = _spoken(city, told)
    inside = spoken & (told | usable.any())
    scored, why_shown = _where_scored(city, people, told, usable)
    gap_bounds = (
        np.where(scored, standard_gap(any_point, standard) * (1 - share), np.nan),
        np.where(scored, standard_gap(sure, standard) * (1 - share), np.nan),
    )
    gap = np.where(scored, gap * (1 - share), np.nan)
    cells = np.where(inside, np.minimum(any_point, cap) * (1 - share), np.nan)
    worst = np.where(inside, np.minimum(sure, cap) * (1 - share), np.nan)
    near: Any = any_point <= float(standard.target or 0)
    basic = np.where(inside, share + (1 - share) * near, np.nan)
    value = weighted_mean(cells, people)
    return Indicator(
        id="W1",
        value=value,
        cells=cells,
        gap=gap,
        bounds=(value, weighted_mean(worst, people)),
        gap_bounds=gap_bounds,
        applies=1 - share,
        evidence="user" if told.any() else evidence,
        evidence_cells=np.where(told, "user", evidence),
        n_features=int(usable.sum()) + piped_rows,
        source="OSM water points and streets" + ("" if piped is None else ", official piped rate"),
        note="basic access by distance only: quality and hours of supply are not known"
        + ("" if piped is None else "; people with piped water at home fetch nothing")
        + _where_unknown(city, told, piped)
        + why_shown,
        details={
            "basic_share": weighted_mean(basic, people),
            "reachable_share": weighted_mean(
                np.where(inside, np.isfinite(any_point), np.nan), people
            ),
            "points_improved": int((weight == 1).sum()),
            "points_uncertain": int(((weight > 0) & (weight < 1)).sum()),
            "points_dropped": int((weight <= 0).sum()),
            "cap_min": cap,
            "longest_walk_m": longest_walk_m(
                float(standard.target or 0), queue_min=float(settings["queue_min"])
            ),
        },
        **common,  # type: ignore[arg-type]
    )


def _where_scored(
    city: CityModel,
    people: NDArray[np.float64],
    told: NDArray[np.bool_],
    usable: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], str]:
    """
    Tell where a walk to a water point may count as a gap, and say so where it may not.

    A fountain in a city of taps is no supply. Without an official piped share walks count only where
    the map shows points to fetch from, as many as people live by, and the land is not likely piped.
    """
    open_ = _spoken(city, told) & ~told
    if not open_.any() or not usable.any():
        return city.inside & told, ""
    likely = city.once(piped_coverage)
    piped = np.zeros(city.grid.shape)
    if likely.cells is not None and not likely.details.get("anchored"):
        piped = np.nan_to_num(likely.cells)
    walked = open_ & (piped < 0.5)  # noqa: PLR2004 - the proxy is 0 or 1
    points = city.layers["water_point"]
    made = np.isin(text(points, "man_made"), ("water_tap", "water_well"))
    fetched = usable & (made | (text(points, "amenity") == "water_point"))
    middle = shapely.point_on_surface(shapes(points))
    cell = bin_points(shapely.get_x(middle), shapely.get_y(middle), grid=city.grid)
    fetched &= (cell >= 0) & walked.ravel()[np.maximum(cell, 0)]
    each = city.settings("water").number("fetch_point_persons")
    persons = float(np.nansum(people[walked]))
    if fetched.sum() * each >= persons > 0:
        beside = "" if walked[open_].all() else "; not scored where land is likely piped (W3)"
        return city.inside & (told | walked), beside
    where = "" if not told.any() else " where no official rate speaks"
    return city.inside & told, (
        f"; shown and not scored{where}: nothing says that people fetch water ({int(fetched.sum())} "
        "taps, wells and water points; fountains do not count); set official.piped_water_access"
    )


def _spoken(city: CityModel, told: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells of which something can be said: a city rate that has no place there says nothing."""
    return city.inside if official(city, "piped_water_access") is None else city.inside & told


def _where_unknown(
    city: CityModel, told: NDArray[np.bool_], piped: NDArray[np.float64] | None
) -> str:
    """Say that the official rate leaves out a part of the city."""
    if piped is None or told[_spoken(city, told)].all():
        return ""
    partly = partial_coverage_note(city, "piped_water_access")
    return (f"; {partly}" if partly else "") + (
        "; where no official rate speaks, only mapped water points count"
    )


def capacity_coverage(
    persons: NDArray[np.float64],
    capacity: NDArray[np.float64],
    *,
    origin: NDArray[np.integer[Any]],
    point: NDArray[np.integer[Any]],
) -> NDArray[np.float64]:
    """
    Count the people that water points can serve when each has room for only so many.

    The largest possible number, by maximum flow from people over the pairs within reach to the
    points, not by filling the nearest first.

    Parameters
    ----------
    persons : of each origin, zero or more.
    capacity : persons that each point can serve.
    origin, point : pairs within reach, positions in `persons` and `capacity`.

    Returns
    -------
    Persons served of each origin, at most `persons`. The sum never falls when a point is added.
    Persons are counted in whole thousandths (coarser above a million people).

    Raises
    ------
    SchemaError
        If a number is negative.
    GridMismatchError
        If the pairs differ in length.

    Examples
    --------
    >>> served = capacity_coverage(
    ...     np.array([200.0, 180.0, 150.0]), np.array([250.0, 250.0]),
    ...     origin=np.array([0, 1, 2, 2]), point=np.array([0, 0, 0, 1]))
    >>> float(served.sum())
    400.0
    """
    persons = np.asarray(persons, dtype=np.float64)
    capacity = np.asarray(capacity, dtype=np.float64)
    if (persons < 0).any() or (capacity < 0).any():
        raise SchemaError("capacity_coverage: persons and capacity must be zero or more")
    if len(origin) != len(point):
        raise GridMismatchError(f"capacity_coverage: {len(origin)} origins, {len(point)} points")
    total = max(1.0, min(float(persons.sum()), 2e9))
    scale = float(min(1000, (2**31 - 2) // int(np.ceil(total))))
    supply = np.floor(persons * scale + 1e-6).astype(np.int64)
    room = np.floor(np.minimum(capacity, total) * scale + 1e-6).astype(np.int64)
    served = np.zeros(len(persons))
    if len(origin) == 0:
        return served
    n, m = len(persons), len(capacity)
    source, sink = n + m, n + m + 1
    rows = np.concatenate([origin, np.full(n, source), n + np.arange(m)])
    columns = np.concatenate([n + np.asarray(point), np.arange(n), np.full(m, sink)])
    amount = np.concatenate([supply[origin], supply, room])
    graph = sparse.csr_array((amount, (rows, columns)), shape=(n + m + 2, n + m + 2))
    # A pair given twice is one pair: its sum could carry more than the people there are, which
    # the arc from the source forbids anyway.
    graph.data = np.minimum(graph.data, 2**31 - 1).astype(np.int32)
    flow = sparse.csgraph.maximum_flow(graph.tocsr(), source, sink).flow
    return np.asarray(flow[source, :n].toarray()).ravel() / scale


def _reach_pairs(
    city: CityModel, need: NDArray[np.float64], points: NDArray[np.object_]
) -> tuple[_Reach, str]:
    """Find who reaches which point within the radius, along streets where there are streets."""
    settings, graph = city.settings("water"), city.graph("walk")
    radius = float(settings["point_radius_m"])
    if graph.n_segments > 0:
        homes, owner = _homes(city)
        cell = city.people.cells[owner]
        lived_in = need[cell] > 0
        cell = cell[lived_in]
        places = snap(graph, points, max_snap_m=float(settings["max_snap_m"]))
        origin, point, _ = pairs(graph, homes.take(lived_in), places, limit=radius, unit="metres")
        persons = need[cell] / np.bincount(cell)[cell]
        return _Reach(persons, cell, origin, point), "modelled"
    cells = np.flatnonzero(need > 0)
    x, y = cell_centres(city.grid)
    centre = shapely.point_on_surface(points)
    place = np.column_stack([shapely.get_x(centre), shapely.get_y(centre)])
    straight = radius / float(settings["detour_factor"])
    from scipy.spatial import cKDTree

    near = cKDTree(place).sparse_distance_matrix(
        cKDTree(np.column_stack([x[cells], y[cells]])), straight, output_type="coo_matrix"
    )
    reach = _Reach(need[cells], cells, near.col.astype(np.int64), near.row.astype(np.int64))
    return reach, "proxy"


def point_coverage(city: CityModel) -> Indicator:
    """
    Assess W2: the share of people with a water point in reach that has room for them.

    Parameters
    ----------
    city : its model. People with piped water at home, as for `fetching_water`, need no point;
        where no rate is known nobody has it.

    Returns
    -------
    Row W2, reported and not scored; cells are the share of people served.
    """
    settings, (piped, _) = city.settings("water"), city.once(piped_share)
    points, people = city.layers.get("water_point"), city.array("population")
    common = {"units": "share", "layers": ("water_point", "roads_walk"), "as_of": city.osm_date}
    capacity = np.zeros(0) if points is None else point_capacity(points, settings)
    if not (capacity > 0).any():
        return unassessed("W2", reason=_NO_POINTS, **common)  # type: ignore[arg-type]
    if people is None:
        return unassessed("W2", reason=_NO_PEOPLE, **common)  # type: ignore[arg-type]
    if city.checking:
        return assessable("W2", evidence="modelled", **common)  # type: ignore[arg-type]
    geometry = shapes(points)[capacity > 0]
    capacity = capacity[capacity > 0]
    home = np.zeros(city.grid.shape) if piped is None else np.nan_to_num(piped)
    need = (np.nan_to_num(people) * (1 - home) * city.inside).ravel()
    found, evidence = _reach_pairs(city, need, geometry)
    per_origin = capacity_coverage(found.persons, capacity, origin=found.origin, point=found.point)
    served = np.bincount(found.cell, weights=per_origin, minlength=need.size)
    reach = found.persons[np.unique(found.origin)]
    at_home = np.nan_to_num(people) * home * city.inside
    total = float((np.nan_to_num(people) * city.inside).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        cells = (served.reshape(people.shape) + at_home) / people
    cells = np.where(city.inside & (people > 0), cells, np.nan)
    value = float((served.sum() + at_home.sum()) / total) if total > 0 else float("nan")
    return Indicator(
        id="W2",
        value=value,
        cells=cells,
        evidence=evidence,
        n_features=len(capacity),
        source="OSM water points; capacities of the Sphere handbook",
        note="people within reach of a point that has room; the rest share or walk further",
        details={
            "distance_only_share": float((reach.sum() + at_home.sum()) / total)
            if total
            else np.nan,
            "persons_without_room": float(need.sum() - served.sum()),
            "capacity_persons": float(capacity.sum()),
        },
        **common,  # type: ignore[arg-type]
    )
