"""
Opportunities and catchments: what people reach by car, and how many people share a facility.

Rows beside the travel times of T9: reported, not scored. Times are those of the street graph, from
home to the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.network import reach
from kcity_geo.analysis.network.served import two_step_access
from kcity_geo.analysis.network.snapping import Snapped, cell_points, snap
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.analysis.settlement.residents import NO_PEOPLE
from kcity_geo.analysis.transport.jobs import job_cells, why_no_jobs
from kcity_geo.analysis.transport.service_times import NO_WAY, facilities, is_plainly_reached
from kcity_geo.citydata import CityData
from kcity_geo.coordinates import Places, in_crs
from kcity_geo.cube import cell_centres, cell_size
from kcity_geo.result import Indicator, assessable, unassessed

__all__ = ["access_circuity", "catchments", "cumulative_opportunities", "zones"]

LIMITS = (15.0, 30.0, 45.0, 60.0)
#: Origins of one table of times: what is held at once is this times the cells of the city.
AT_ONCE = 32
KINDS = {"health": "health", "hospital": "health", "school": "school"}
_EVIDENCE = {"people": "observed", "jobs": "proxy"}
NO_STREETS = "no street is mapped in the map data: add an OSM extract with streets"

# A city that lies on both axes of its CRS has four squares however large they are.
_FEWEST = 4


def cumulative_opportunities(city: CityModel | CityData) -> list[Indicator]:
    """
    Tell which share of the people and of the jobs of a city the average resident reaches by car.

    Parameters
    ----------
    city : its model or its data.

    Returns
    -------
    T9_reach_people and T9_reach_jobs: shares (0 to 1) within 45 minutes, the mean over the people
    near a street; the amounts and the shares within 15, 30 and 60 minutes in ``details``, with
    ``persons_without_street``, those too far from any. All people
    of a zone (see `zones`) start from one home in its midst; where they go is exact to the cell.
    NaN: nobody lives there, or no street is near.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> people, jobs = cumulative_opportunities(make_toy(arrays={"population": 10.0}))
    >>> people.not_assessed
    'no street is mapped in the map data: add an OSM extract with streets'
    """
    city = model_of(city)
    people, graph = city.people, city.graph("drive")
    names = {"people": "T9_reach_people", "jobs": "T9_reach_jobs"}
    common: dict[str, Any] = {
        "source": "OpenStreetMap",
        "as_of": city.osm_date,
        "layers": ("roads_drive",),
    }
    reason = "" if people.persons.sum() > 0 else NO_PEOPLE
    if graph.n_segments == 0:
        reason = NO_STREETS
    if reason:
        return [unassessed(name, "share", reason, **common) for name in names.values()]
    there = {
        "people": people.persons,
        "jobs": np.where(city.inside, city.once(job_cells), 0.0),
    }
    why_not = {"people": "", "jobs": city.once(why_no_jobs)}
    if city.checking:
        return [
            unassessed(name, "share", why_not[kind], **common)
            if why_not[kind]
            else assessable(name, "share", evidence=_EVIDENCE[kind], **common)
            for kind, name in names.items()
        ]
    zone, homes, side = city.once(zones)
    sums = _reached(city, homes, there)
    found = []
    for kind, name in names.items():
        total = float(there[kind].sum())
        if why_not[kind]:
            found.append(
                unassessed(name, "share", why_not[kind], details={"total": total}, **common)
            )
            continue
        grids = np.full((len(LIMITS), *city.grid.shape), np.nan)
        grids[:, zone >= 0] = (sums[kind] / total)[zone[zone >= 0]].T
        means = [weighted_mean(grid, people.persons) for grid in grids]
        lost = float(people.persons[zone < 0].sum())
        details: dict[str, Any] = {"total": total, "persons_without_street": lost}
        details |= {"zones": len(homes), "zone_m": side}
        for limit, mean in zip(LIMITS, means, strict=True):
            details[f"share_{limit:g}_min"] = mean
            details[f"{kind}_{limit:g}_min"] = mean * total
        what = "people" if kind == "people" else "jobs, told from land use and buildings"
        found.append(
            Indicator(
                id=name,
                value=means[LIMITS.index(45.0)],
                units="share",
                cells=grids[LIMITS.index(45.0)],
                evidence=_EVIDENCE[kind],
                n_features=len(homes),
                note=f"drive, 45 minutes, of {total:,.0f} {what}; squares of {side:g} m",
                details=details,
                **common,
            )
        )
    return found


def zones(city: CityModel) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
    """
    Gather the homes of a city into squares from which journeys start.

    Parameters
    ----------
    city : its model; homes must lie near a street for cars.

    Returns
    -------
    Shape (rows, cols), zone of each cell, -1 where nobody lives or no street is near; the flat
    cell that stands for each zone, nearest to the middle of its people; and the side of a zone,
    metres, a multiple of ``reach_zone_m`` that makes few enough zones.
    """
    rules, persons = city.settings("transport"), city.people.persons.ravel()
    x, y = (part.ravel() for part in cell_centres(city.grid))
    cells = np.flatnonzero(persons > 0)
    cells = cells[_at_cells(city, "drive", cells).segment >= 0]
    most = max(int(rules["reach_origins_max"]), _FEWEST)
    step = side = max(float(rules["reach_zone_m"]), cell_size(city.grid))
    place = np.column_stack([x[cells], y[cells]])
    while True:
        which, number = np.unique(np.floor(place / side), axis=0, return_inverse=True)
        if len(which) <= most:
            break
        side = step * max(side // step + 1, np.floor(side * np.sqrt(len(which) / most) / step))
    number = number.ravel()
    mass = persons[cells]
    total = np.bincount(number, weights=mass)
    middle = np.stack([np.bincount(number, weights=mass * axis) / total for axis in place.T], 1)
    off = np.hypot(*(place - middle[number]).T)
    order = np.lexsort((cells, off, number))
    first = order[np.searchsorted(number[order], np.arange(len(total)))]
    zone = np.full(city.grid.shape, -1, dtype=np.int64)
    zone.flat[cells] = number
    return zone, cells[first], float(side)


def _at_cells(city: CityModel, mode: str, cells: NDArray[np.int64]) -> Snapped:
    """Put the middles of cells inside the city onto the streets."""
    rows = np.searchsorted(city.people.cells, cells)
    return city.once(_middles_on_streets, mode).take(rows)


def _middles_on_streets(city: CityModel, mode: str) -> Snapped:
    max_snap_m = city.settings("transport")["max_snap_m"]
    middles = city.once(_middles)[city.people.cells]
    return snap(city.graph(mode), middles, max_snap_m=max_snap_m)


def _middles(city: CityModel) -> NDArray[np.object_]:
    x, y = cell_centres(city.grid)
    return np.asarray(shapely.points(x.ravel(), y.ravel()), dtype=object)


def _reached(
    city: CityModel, homes: NDArray[np.int64], there: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """Sum what each zone reaches within the limits, shape (zones, limits)."""
    used = np.flatnonzero(sum(grid.ravel() for grid in there.values()) > 0)
    places = _at_cells(city, "drive", used)
    start = _at_cells(city, "drive", homes)
    sums = {kind: np.zeros((len(homes), len(LIMITS))) for kind in there}
    for part in np.array_split(np.arange(len(homes)), max(1, -(-len(homes) // AT_ONCE))):
        minutes = reach.od_matrix(
            city.graph("drive"), start.take(part), places, limit=LIMITS[-1] + 1e-9
        )
        for k, limit in enumerate(LIMITS):
            near = (minutes <= limit + 1e-9).astype(np.float64)
            for kind, grid in there.items():
                # Not `@`, whose last digit hangs on the number of threads.
                sums[kind][part, k] = np.einsum("ij,j->i", near, grid.ravel()[used])
    return sums


def catchments(city: CityModel | CityData) -> list[Indicator]:
    """
    Count the people who share a facility, each going to the nearest on the street graph.

    Parameters
    ----------
    city : its model or its data; ``two_step_min`` of the transport settings above 0 adds
        T9_two_step.

    Returns
    -------
    T9_catchment_health, _hospital and _school: the persons of the facility that people go to, the
    mean over the people; NaN without a way. In ``details`` the median, mean and largest of the
    facilities of the city and those outside that serve it. With the option, T9_two_step: health
    facilities per 10,000 people within reach (2SFCA).

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> [row.id for row in catchments(make_toy())]
    ['T9_catchment_health', 'T9_catchment_hospital', 'T9_catchment_school']
    """
    city = model_of(city)
    rules, found = city.settings("transport"), list[Indicator]()
    for kind, layer in KINDS.items():
        mode = "walk" if kind == "school" else rules[f"{kind}_mode"]
        places = city.once(facilities, kind)
        fields: dict[str, Any] = {
            "layers": (layer, f"roads_{mode}"),
            "source": "OpenStreetMap",
            "as_of": city.osm_date,
        }
        name = f"T9_catchment_{kind}"
        reason = _why_not(city, mode, places, layer)
        if reason:
            found.append(unassessed(name, "persons", reason, **fields))
            continue
        found.append(_catchment(city, mode, places, name=name, fields=fields))
    if rules["two_step_min"] > 0:
        found.append(_two_step(city))
    return found


def _why_not(city: CityModel, mode: str, places: NDArray[np.object_], layer: str) -> str:
    if city.graph(mode).n_segments == 0:
        return NO_STREETS
    if len(places) == 0:
        return (
            f"no such place is mapped in the map data ({layer}): map it in OSM or add a layer "
            "of your own"
        )
    return "" if city.people.persons.sum() > 0 else NO_PEOPLE


def _catchment(
    city: CityModel,
    mode: str,
    places: NDArray[np.object_],
    *,
    name: str,
    fields: Mapping[str, Any],
) -> Indicator:
    people, graph = city.people, city.graph(mode)
    if city.checking and is_plainly_reached(city, mode, places):
        return assessable(name, "persons", **fields)
    cells, (points, owner) = people.cells, city.homes(mode)
    each = people.persons.ravel()[cells][owner] / max(len(owner) // max(len(cells), 1), 1)
    there = snap(graph, places, max_snap_m=city.settings("transport")["max_snap_m"])
    cost, place = (part[:, 0] for part in reach.k_nearest(graph, points, there, k=1))
    served = place >= 0
    persons = np.bincount(place[served], weights=each[served], minlength=len(places))
    inside = shapely.intersects(city.city.boundary_metric, places)
    counted = persons[inside | (persons > 0)]
    mine = np.where(served, persons[np.maximum(place, 0)], 0.0)
    amount = np.bincount(owner, weights=mine, minlength=len(cells))
    base = np.bincount(owner, weights=served, minlength=len(cells))
    grid = np.full(city.grid.shape, np.nan)
    grid.flat[cells] = np.where(base > 0, amount / np.maximum(base, 1), np.nan)
    unserved = float(each[~served].sum())
    spent = np.where(np.isfinite(cost), cost, 0.0)
    grid = np.where(people.persons > 0, grid, np.nan)
    median = float(np.median(counted)) if len(counted) else float("nan")
    return Indicator(
        id=name,
        value=weighted_mean(grid, people.persons),
        units="persons",
        cells=grid,
        n_features=len(counted),
        not_assessed="" if served.any() else NO_WAY,
        note=f"{graph.mode}; {_shared_by(counted)}",
        details={
            "places": len(counted),
            "persons_median": median,
            "persons_largest": float(persons.max()),
            "persons_mean": float(counted.mean()) if len(counted) else float("nan"),
            "persons_without_route": unserved,
            "minutes_mean": float((spent * each)[served].sum() / max(each[served].sum(), 1e-9)),
        },
        **fields,
    )


def _shared_by(counted: NDArray[np.int64]) -> str:
    """Say how many persons share the places, as many as each has."""
    if len(counted) == 1:
        return f"at the only place there is, which {counted[0]:,.0f} persons share"
    lead = "at the place that the average resident goes to"
    if not len(counted):
        return lead
    return (
        f"{lead}. Of {len(counted)} places the median has {np.median(counted):,.0f}, the largest "
        f"{counted.max():,.0f}"
    )


def _two_step(city: CityModel) -> Indicator:
    """Health facilities per 10,000 people within reach, two-step floating catchments."""
    rules, people = city.settings("transport"), city.people
    name, units, mode = "T9_two_step", "per 10,000 persons", rules["health_mode"]
    places = city.once(facilities, "health")
    fields: dict[str, Any] = {
        "layers": ("health", f"roads_{mode}"),
        "source": "OpenStreetMap",
        "as_of": city.osm_date,
    }
    reason = _why_not(city, mode, places, "health")
    if reason:
        return unassessed(name, units, reason, **fields)
    if city.checking:
        return assessable(name, units, **fields)
    graph = city.graph(mode)
    cells = np.flatnonzero(people.persons > 0)
    homes = _at_cells(city, mode, cells)
    there = snap(graph, places, max_snap_m=rules["max_snap_m"])
    persons, supply = people.persons.ravel()[cells], np.ones(len(places))
    limit = float(rules["two_step_min"])
    rate = two_step_access(graph, homes, persons, there, supply, limit=limit)
    grid = np.full(city.grid.shape, np.nan)
    grid.flat[cells] = rate * 10_000.0
    return Indicator(
        id=name,
        value=weighted_mean(grid, people.persons),
        units=units,
        cells=grid,
        n_features=len(places),
        note=f"{graph.mode}, {limit:g} minutes; a facility counts once, whatever its size",
        details={"persons_without": float(persons[rate == 0].sum()), "limit_min": limit},
        **fields,
    )


def access_circuity(
    city: CityModel | CityData,
    places: Places,
    *,
    mode: str = "walk",
    min_m: float = 100.0,
) -> float:
    """
    Tell how much longer the ways to a service are than straight lines to the same place.

    Parameters
    ----------
    city : its model or its data.
    places : facilities: a GeoSeries or GeoDataFrame in any CRS, or shapely geometries in the metric CRS.
    mode : of travel.
    min_m : pairs closer than this in a straight line say nothing and are left out, metres.

    Returns
    -------
    Mean of the ratios over the people, 1 or more; NaN without any way.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> data = make_toy()
    >>> access_circuity(data, facilities(data, "health"))
    nan
    """
    city = model_of(city)
    rules, people, graph = city.settings("transport"), city.people, city.graph(mode)
    places = in_crs(places, city.city.crs, what="places")
    if graph.n_segments == 0 or len(places) == 0:
        return float("nan")
    cells, (points, owner) = people.cells, city.homes(mode)
    there = snap(graph, places, max_snap_m=rules["max_snap_m"])
    metres, place = (
        part[:, 0] for part in reach.k_nearest(graph, points, there, k=1, unit="metres")
    )
    x, y, _ = cell_points(city.grid, cells, spacing_m=rules["subpoint_m"])
    straight = _straight_m(x, y, places, np.maximum(place, 0))
    use = (place >= 0) & (straight >= min_m)
    ratio = np.where(use, metres, np.nan) / np.where(use, straight, 1.0)
    return weighted_mean(ratio, people.persons.ravel()[cells][owner])


def _straight_m(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    places: NDArray[np.object_],
    place: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Measure a straight line from each point to its place; points are not made into geometries for points."""
    spot = shapely.get_type_id(places) == shapely.GeometryType.POINT
    at = shapely.point_on_surface(places)
    east, north = shapely.get_x(at)[place], shapely.get_y(at)[place]
    metres = np.sqrt((x - east) ** 2 + (y - north) ** 2)
    rest = ~spot[place]
    metres[rest] = shapely.distance(shapely.points(x[rest], y[rest]), places[place[rest]])
    return metres
