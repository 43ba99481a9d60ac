"""
Travel times to health care, hospital, school, jobs, centre and daily services (T9).

One multi-source run on the street graph a service. The people of a cell without any route have the
full gap; how many they are is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.evidence.features import column, text
from kcity_geo.analysis.evidence.trust import method_trust
from kcity_geo.analysis.network.access import minutes_and_ways, point_costs
from kcity_geo.analysis.network.steady import steady_minutes
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.analysis.settlement.residents import NO_PEOPLE, People
from kcity_geo.analysis.transport.jobs import employees_in_cells, job_cells, why_no_jobs
from kcity_geo.citydata import CityData
from kcity_geo.coordinates import Places, in_crs
from kcity_geo.cube import bin_points, cell_centres, cell_size
from kcity_geo.errors import StudyError
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import Indicator, assessable, unassessed
from kcity_geo.standards import Standard, standard_gap

__all__ = [
    "NO_WAY",
    "SERVICES",
    "facilities",
    "is_plainly_reached",
    "service_time",
    "service_times",
    "travel_to",
]

#: Rows of T9 that are travel times to the nearest of some places.
SERVICES = (
    "T9_health", "T9_hospital", "T9_school", "T9_secondary", "T9_jobs", "T9_centre", "T9_daily",
)  # fmt: skip
SECONDARY = ("2", "3", "4")
NO_WAY = (
    "no way over the mapped streets leads to such a place from where people live; check that the extract "
    "reaches around the city"
)


def service_times(city: CityModel | CityData) -> list[Indicator]:
    """
    Assess all travel times of T9.

    Parameters
    ----------
    city : its model or its data.

    Returns
    -------
    T9_health, T9_hospital, T9_school, T9_secondary, T9_jobs, T9_centre and T9_daily, minutes. Rows
    with a standard are scored; the others are measured against target and worst of
    ``tables/indicators.toml`` in ``details`` and note, and count in no sector gap.
    """
    city = model_of(city)
    return [city.once(travel_to, name) for name in SERVICES]


def travel_to(city: CityModel | CityData, name: str) -> Indicator:
    """
    Assess one of the travel times of T9.

    Parameters
    ----------
    city : its model or its data.
    name : one of `SERVICES`.

    Returns
    -------
    The indicator, as of `service_times`.

    Raises
    ------
    StudyError
        If there is no such row, or a mode of the settings is none.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> travel_to(make_toy(), "T9_school").not_assessed
    'no street is mapped in the map data: add an OSM extract with streets'
    """
    city = model_of(city)
    if name not in SERVICES:
        raise StudyError(f"travel_to: no row {name!r}; known are {', '.join(SERVICES)}")
    chosen = _modes(city)
    if name == "T9_daily":
        return _daily(city, city.once(_schools)[0])

    def to(places: NDArray[np.object_], mode: str, **fields: Any) -> Indicator:  # noqa: ANN401 - fields of Indicator
        standard = city.standards.get(name)
        return service_time(city, mode, places, indicator=name, standard=standard, **fields)

    if name in {"T9_school", "T9_secondary"}:
        primary, secondary, note = city.once(_schools)
        places = primary if name == "T9_school" else secondary
        return to(places, "walk", layers=("school", "roads_walk"), note=note)
    if name == "T9_jobs":
        return _to_jobs(city, to, chosen["jobs"])
    if name == "T9_centre":
        places, note, evidence = city.once(_centre)
        return to(places, chosen["jobs"], layers=("place",), note=note, evidence=evidence)
    if name == "T9_hospital":
        return to(_hospitals(city), chosen["hospital"], layers=("health", "roads_drive"))
    return to(_places(city, "health"), chosen["health"], layers=("health", "roads_walk"))


def _modes(city: CityModel) -> dict[str, str]:
    """Give the mode of travel to health care, hospital and jobs."""
    rules, modes = city.settings("transport"), ("walk", "drive", "cycle")
    chosen = {key: str(rules[f"{key}_mode"]) for key in ("health", "hospital", "jobs")}
    for key, mode in chosen.items():
        if mode not in modes:
            raise StudyError(f"transport.{key}_mode: {mode!r} is not one of {', '.join(modes)}")
    return chosen


def _to_jobs(city: CityModel, to: Callable[..., Indicator], mode: str) -> Indicator:
    layers, reason = ("landuse", "building", "jobs"), city.once(why_no_jobs)
    if reason:
        told = {"total": float(city.once(job_cells).sum())}
        return unassessed("T9_jobs", "min", reason, layers=layers, details=told)
    jobs, how = city.once(_job_places)
    return to(jobs, mode, layers=layers, note=how, evidence="proxy")


def service_time(
    city: CityModel | CityData,
    mode: str,
    places: Places,
    *,
    indicator: str,
    standard: Standard | None = None,
    **fields: Any,  # noqa: ANN401 - fields of Indicator
) -> Indicator:
    """
    Assess the travel time from where people live to the nearest of some places.

    Parameters
    ----------
    city : its model or its data.
    mode : of travel: walk, cycle or drive.
    places : facilities: a GeoSeries or GeoDataFrame in any CRS, or shapely geometries in the metric CRS.
    indicator : id of the row.
    standard : with target and worst minutes; None: reported, not scored.
    **fields : ``layers``, ``note``, ``evidence`` of the row.

    Returns
    -------
    Minutes, the mean over the people with a route. In ``details`` the people without one, the
    shares within 15, 30, 45, 60 and 120 minutes of all people, and gap and score (0 to 1, over all
    people) where there is a standard.
    """
    city = model_of(city)
    people, graph = city.people, city.graph(mode)
    places = in_crs(places, city.city.crs, what="places")
    layers = fields.pop("layers", ())
    note = fields.pop("note", "")
    common: dict[str, Any] = {"layers": layers, "as_of": city.osm_date, "source": "OpenStreetMap"}
    if graph.n_segments == 0:
        reason = "no street is mapped in the map data: add an OSM extract with streets"
        return unassessed(indicator, "min", reason, **common)
    if len(places) == 0:
        reason = (
            f"no such place is mapped in the map data ({', '.join(layers[:1])}): map it in "
            "OSM or add a layer of your own"
        )
        return unassessed(indicator, "min", reason, **common)
    settings = city.settings("transport")
    if city.checking and (not people.known or is_plainly_reached(city, mode, places)):
        return _would_be(
            city, indicator, layers=layers, evidence=fields.get("evidence", "observed")
        )
    cost, near = minutes_and_ways(
        graph,
        places,
        grid=city.grid,
        cells=people.cells,
        homes=city.homes(mode),
        max_snap_m=settings.number("max_snap_m"),
        spacing_m=settings.number("subpoint_m"),
    )
    low, trust = method_trust(city, "T9_no_route"), np.ones(city.grid.shape)
    trust.flat[people.cells] = low + (1.0 - low) * near.mean(axis=1)
    return _timed(
        steady_minutes(cost),
        people,
        indicator=indicator,
        standard=standard,
        note="; ".join(part for part in (graph.mode, note) if part),
        n_features=len(places),
        trust=trust,
        **common,
        **fields,
    )


def is_plainly_reached(city: CityModel, mode: str, places: NDArray[np.object_]) -> bool:
    """
    Tell without routing that somebody has a way to some places.

    Parameters
    ----------
    city : its model.
    mode : of travel.
    places : metric CRS.

    Returns
    -------
    True when streets in an inhabited cell hang together with streets near a place. False: only
    routing can tell.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> is_plainly_reached(model_of(make_toy()), "walk", np.zeros(0, dtype=object))
    False
    """
    graph = city.graph(mode)
    if graph.n_segments == 0 or len(places) == 0:
        return False
    cell = bin_points(graph.node_x, graph.node_y, grid=city.grid)
    lived_in = (cell >= 0) & (city.people.persons.ravel()[np.maximum(cell, 0)] > 0)
    nodes = shapely.STRtree(np.asarray(shapely.points(graph.node_x, graph.node_y)))
    _, near = nodes.query_nearest(
        shapely.point_on_surface(places),
        max_distance=city.settings("transport").number("max_snap_m"),
    )
    return bool(np.isin(graph.component[near], graph.component[lived_in]).any())


def _would_be(city: CityModel, indicator: str, **fields: Any) -> Indicator:  # noqa: ANN401
    if not city.people.known:
        return unassessed(indicator, "min", NO_PEOPLE, **fields)
    return assessable(indicator, "min", **fields)


def _timed(
    cost: NDArray[np.float64],
    people: People,
    *,
    indicator: str,
    standard: Standard | None,
    **fields: Any,  # noqa: ANN401 - fields of Indicator
) -> Indicator:
    """Make the row of the minutes from each point of each cell, shape (cells, points)."""
    persons, total = people.persons, float(people.persons.sum())

    def on_grid(values: NDArray[np.float64]) -> NDArray[np.float64]:
        grid = np.full(persons.shape, np.nan)
        grid.flat[people.cells] = values
        return grid

    # The people of a cell are spread evenly over its points: some may have a way and some none.
    finite = np.isfinite(cost)
    reached = on_grid(finite.mean(axis=1))
    spent = on_grid(np.where(finite, cost, 0.0).mean(axis=1))
    minutes = spent / np.where(reached > 0, reached, np.nan)
    lost = float(np.nansum(persons * (1 - reached)))
    details: dict[str, Any] = {"persons": total, "persons_without_route": lost}
    for limit in (15, 30, 45, 60, 120):
        near = float(np.nansum(persons * on_grid((cost <= limit + 1e-9).mean(axis=1))))
        details[f"share_{limit}_min"] = near / total if total > 0 else float("nan")
    gap = None
    notes = [fields.pop("note", "")]
    against = standard if standard is not None else _reported_standard(indicator)
    if against is not None and against.target is not None:
        of_points = np.where(finite, standard_gap(np.where(finite, cost, 0.0), against), 1.0)
        found = on_grid(of_points.mean(axis=1))
        found = np.where((reached > 0) | (persons > 0), found, np.nan)
        details["gap"] = weighted_mean(found, persons)
        details["score"] = 1.0 - details["gap"]
        if standard is not None:
            gap = found
        elif np.isfinite(details["gap"]):
            notes.append(
                f"measured against {against.target:g} to {against.worst:g} min ({against.mark}) a "
                f"gap of {details['gap']:.0%}, which does not count in the sector"
            )
    if not people.known:
        fields["not_assessed"] = NO_PEOPLE
    elif lost >= total:
        fields["not_assessed"] = NO_WAY
    elif lost >= 1:
        notes.append(f"{lost:,.0f} people without a way on the mapped streets are not in the mean")
    fields["note"] = "; ".join(filter(None, notes))
    return Indicator(
        id=indicator,
        value=weighted_mean(minutes, persons * np.nan_to_num(reached)),
        units="min",
        cells=minutes,
        gap=gap,
        ratio=(np.nan_to_num(spent) * persons, np.nan_to_num(reached) * persons),
        details=details,
        **fields,
    )


def _reported_standard(indicator: str) -> Standard | None:
    """Give target and worst value of a row that is reported and not scored."""
    row = indicator_rows().get(indicator)
    if row is None or row.target is None:
        return None
    return Standard(
        id=row.id,
        title=row.title,
        sector=row.sector,
        unit=row.unit,
        target=row.target,
        worst=row.worst,
        urban_weight=0.0,
        rural_weight=0.0,
        mark=row.mark,
        citation=row.citation,
    )


def facilities(city: CityModel | CityData, kind: str) -> NDArray[np.object_]:
    """
    Give the facilities of one kind.

    Parameters
    ----------
    city : its model or its data.
    kind : ``health`` (clinic, doctor or hospital), ``hospital``, ``school`` (primary) or
        ``secondary``.

    Returns
    -------
    Points, lines or polygons in the metric CRS of the city; empty where nothing is mapped.

    Raises
    ------
    StudyError
        If the kind is unknown.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> len(facilities(make_toy(), "hospital"))
    0
    """
    model = model_of(city)
    known: dict[str, Callable[[], NDArray[np.object_]]] = {
        "health": lambda: _places(model, "health"),
        "hospital": lambda: _hospitals(model),
        "school": lambda: model.once(_schools)[0],
        "secondary": lambda: model.once(_schools)[1],
    }
    if kind not in known:
        raise StudyError(f"kind: {kind!r} is not one of {', '.join(known)}")
    return known[kind]()


def _places(city: CityModel, name: str) -> NDArray[np.object_]:
    if name not in city.layers:
        return np.zeros(0, dtype=object)
    return np.asarray(city.layers[name].geometry.to_numpy(), dtype=object)


def _hospitals(city: CityModel) -> NDArray[np.object_]:
    places = _places(city, "health")
    if len(places) == 0:
        return places
    layer = city.layers["health"]
    chosen = (text(layer, "amenity") == "hospital") | (text(layer, "healthcare") == "hospital")
    return np.asarray(places[chosen])


def _schools(city: CityModel) -> tuple[NDArray[np.object_], NDArray[np.object_], str]:
    """Give primary and secondary schools; a school of unknown level counts as both."""
    places = _places(city, "school")
    if len(places) == 0:
        return places, places, ""
    layer = city.layers["school"]
    school = text(layer, "amenity") == "school"
    level = text(layer, "isced_level")
    upper = np.array([any(digit in value for digit in SECONDARY) for value in level], dtype=bool)
    lower = np.array(["1" in value or "0" in value for value in level], dtype=bool)
    unknown = school & ~upper & ~lower
    note = f"{int(unknown.sum())} of {int(school.sum())} schools of unknown level count as both"
    return places[school & (lower | unknown)], places[school & (upper | unknown)], note


def _job_places(city: CityModel) -> tuple[NDArray[np.object_], str]:
    """Give the cells with jobs in the densest squares that hold half of all jobs."""
    rules, jobs = city.settings("transport"), city.once(job_cells)
    x, y = cell_centres(city.grid)
    zone = max(rules["jobs_zone_m"], cell_size(city.grid))
    square = np.floor(np.column_stack([x, y]) / zone).astype(np.int64)
    _, number = np.unique(square, axis=0, return_inverse=True)
    number = number.ravel()
    sums = np.bincount(number, weights=jobs.ravel())
    order = np.argsort(-sums, kind="stable")
    before = np.cumsum(sums[order]) - sums[order]
    chosen = np.zeros(len(sums), bool)
    chosen[order[before < rules["jobs_share"] * sums.sum()]] = True
    use = chosen[number] & (jobs.ravel() > 0)
    note = (
        f"to the nearest of the {int(chosen.sum())} densest squares of {zone / 1000:g} km that "
        f"hold {rules['jobs_share']:.0%} of about {jobs.sum():,.0f} jobs, told from land use and "
        "buildings"
    )
    employed = float(city.once(employees_in_cells).sum())
    if employed > 0:
        note += f" and from workplaces that state {employed:,.0f} employees"
    return np.asarray(shapely.points(x[use], y[use]), dtype=object), note


def _centre(city: CityModel) -> tuple[NDArray[np.object_], str, str]:
    """Give the mapped city or town, else the densest square kilometre."""
    layer = city.layers.get("place")
    if layer is not None and len(layer):
        kind = text(layer, "place")
        boundary = city.city.boundary_metric
        inside = shapely.intersects(boundary, layer.geometry.to_numpy())
        for wanted in ("city", "town"):
            chosen = np.flatnonzero((kind == wanted) & inside)
            if len(chosen):
                people = column(layer, "population")[chosen]
                rank = np.lexsort((layer["osm_id"].to_numpy()[chosen], -np.nan_to_num(people)))
                places = layer.geometry.to_numpy()[chosen[rank[:1]]]
                return (
                    np.asarray(places, dtype=object),
                    f"to the mapped centre of the {wanted}",
                    "observed",
                )
    persons = city.people.persons
    if persons.sum() <= 0:
        return np.zeros(0, dtype=object), "no centre is mapped and no people are known", "proxy"
    from scipy.ndimage import uniform_filter

    width = 2 * int(500.0 // cell_size(city.grid)) + 1
    dense = uniform_filter(persons, size=width, mode="constant")
    x, y = cell_centres(city.grid)
    peak = int(np.argmax(np.round(dense, 9)))
    point = np.array([shapely.Point(x[peak], y[peak])], dtype=object)
    return point, "to the densest square kilometre", "proxy"


def _daily(city: CityModel, schools: NDArray[np.object_]) -> Indicator:
    """Measure the walking time after which shop, school, health care and stop are all reached."""
    walk, people = city.graph("walk"), city.people
    shops = _places(city, "jobs")
    if len(shops):
        shops = shops[text(city.layers["jobs"], "shop") != ""]
    stops = np.concatenate([_places(city, "transit_low"), _places(city, "transit_high")])
    kinds = {"shop": shops, "school": schools, "health": _places(city, "health"), "stop": stops}
    mapped = {kind: places for kind, places in kinds.items() if len(places)}
    missing = [kind for kind in kinds if kind not in mapped]
    layers = ("jobs", "school", "health", "transit_low")
    if walk.n_segments == 0 or not mapped:
        reason = "needs walking streets and mapped shops, schools, health care or stops"
        return unassessed("T9_daily", "min", reason, layers=layers)
    if city.checking and (
        not people.known or all(is_plainly_reached(city, "walk", m) for m in mapped.values())
    ):
        return _would_be(city, "T9_daily", layers=layers)
    worst = np.zeros(0)
    for places in mapped.values():
        cost = point_costs(
            walk,
            places,
            grid=city.grid,
            cells=people.cells,
            homes=city.homes("walk"),
            max_snap_m=city.settings("transport")["max_snap_m"],
        )
        worst = cost if worst.size == 0 else np.maximum(worst, cost)
    note = "walk; the longest of the ways to " + ", ".join(mapped)
    if missing:
        note += "; not mapped at all: " + ", ".join(missing)
    return _timed(
        worst,
        people,
        indicator="T9_daily",
        standard=None,
        layers=layers,
        note=note,
        n_features=sum(len(places) for places in mapped.values()),
        as_of=city.osm_date,
        source="OpenStreetMap",
    )
