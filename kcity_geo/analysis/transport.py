"""
Transport indicators: stops (T1), rapid transit (T2), rural roads (T3), and all of them together.

Street form (T4 to T8) is in `kcity_geo.analysis.street_form`, travel times (T9) in
`kcity_geo.analysis.service_times`, what is reached within a limit in
`kcity_geo.analysis.opportunities`; all of it is also reached from here, as ``kc.transport.NAME``.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from kcity_geo.analysis.access import point_costs
from kcity_geo.analysis.network_inputs import network_rules_of, transport_parameters
from kcity_geo.analysis.network_rules import all_season_weight
from kcity_geo.analysis.people import people_of, share_indicator, with_layers
from kcity_geo.analysis.sector import cell_distance_m, unassessed, weighted_mean
from kcity_geo.analysis.snapping import cell_points
from kcity_geo.analysis.stops import city_stops
from kcity_geo.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from kcity_geo.analysis.access import nearest, served_share, travel_metres, travel_minutes
    from kcity_geo.analysis.isochrones import isochrones, reached_streets
    from kcity_geo.analysis.network import (
        StreetGraph,
        build_graph,
        build_graphs,
        from_networkx,
        to_networkx,
    )
    from kcity_geo.analysis.opportunities import (
        access_circuity,
        catchments,
        cumulative_opportunities,
    )
    from kcity_geo.analysis.people import People, by_district
    from kcity_geo.analysis.reach import (
        catchment_persons,
        k_nearest,
        od_matrix,
        pairs,
        sums_within,
        two_step_access,
    )
    from kcity_geo.analysis.service_times import (
        facilities,
        job_cells,
        service_time,
        service_times,
    )
    from kcity_geo.analysis.settlement import urban_classes
    from kcity_geo.analysis.snapping import snap
    from kcity_geo.analysis.street_form import street_form
    from kcity_geo.citydata import CityData
    from kcity_geo.result import Indicator
    from kcity_geo.standards import Standard

__all__ = [
    "access_circuity",
    "assess",
    "build_graph",
    "build_graphs",
    "by_district",
    "catchment_persons",
    "catchments",
    "city_stops",
    "cumulative_opportunities",
    "facilities",
    "from_networkx",
    "isochrones",
    "job_cells",
    "k_nearest",
    "nearest",
    "od_matrix",
    "pairs",
    "public_transport",
    "rapid_transit",
    "reached_streets",
    "rural_access",
    "served_share",
    "service_time",
    "service_times",
    "snap",
    "street_form",
    "sums_within",
    "to_networkx",
    "travel_metres",
    "travel_minutes",
    "two_step_access",
    "urban_classes",
]

#: Where a function lives that planners find here. Loaded when first used.
_HOMES = {
    "access": ("nearest", "served_share", "travel_metres", "travel_minutes"),
    "isochrones": ("isochrones", "reached_streets"),
    "network": ("build_graph", "build_graphs", "from_networkx", "to_networkx"),
    "opportunities": ("access_circuity", "catchments", "cumulative_opportunities"),
    "people": ("by_district",),
    "reach": (
        "catchment_persons",
        "k_nearest",
        "od_matrix",
        "pairs",
        "sums_within",
        "two_step_access",
    ),
    "service_times": ("facilities", "job_cells", "service_time", "service_times"),
    "settlement": ("urban_classes",),
    "snapping": ("snap",),
    "street_form": ("street_form",),
}

VARIANTS = ("sdg", "u4ssc", "euclid")
NO_STOPS = (
    "no stop is mapped in the map data and there is no timetable: set sources.gtfs, or map "
    "stops in OSM"
)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"kcity_geo.analysis.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def assess(
    data: CityData,
    graphs: Mapping[str, StreetGraph],
    *,
    standards: Mapping[str, Standard],
    parameters: Mapping[str, Any] | None = None,
) -> list[Indicator]:
    """
    Assess the transport of a city.

    Parameters
    ----------
    data : of the city.
    graphs : of `kcity_geo.analysis.network.build_graphs`.
    standards : of `kcity_geo.standards.load_standards`.
    parameters : changes to table ``transport`` of ``tables/parameters.toml``, and to
        ``tables/network.toml`` under ``network``.

    Returns
    -------
    T1 to T9 with their variants, opportunities and catchments, in this order; those that cannot be
    assessed say what data would help.
    """
    from kcity_geo.analysis.opportunities import (
        access_circuity,
        catchments,
        cumulative_opportunities,
    )
    from kcity_geo.analysis.service_times import facilities, service_times
    from kcity_geo.analysis.street_form import street_form

    def circuitous(row: Indicator) -> Indicator:
        """Add the ways to health care to the streets' own circuity (T7)."""
        if row.id != "T7" or row.not_assessed:
            return row
        places = facilities(data, "health")
        ratio = access_circuity(data, graphs.get("walk"), places, parameters=parameters)
        if not np.isfinite(ratio):
            return row
        note = f"{row.note}; ways on foot to health care are {ratio:.2f} times the straight line"
        return replace(row, note=note, details={**row.details, "access_circuity": ratio})

    return [
        public_transport(data, graphs, parameters=parameters),
        public_transport(data, graphs, variant="u4ssc", parameters=parameters),
        rapid_transit(data, graphs, parameters=parameters),
        *rural_access(data, parameters=parameters),
        *map(circuitous, street_form(data, graphs, standards=standards, parameters=parameters)),
        *service_times(data, graphs, standards=standards, parameters=parameters),
        *cumulative_opportunities(data, graphs, parameters=parameters),
        *catchments(data, graphs, parameters=parameters),
    ]


def public_transport(
    data: CityData,
    graphs: Mapping[str, StreetGraph],
    *,
    variant: str = "sdg",
    parameters: Mapping[str, Any] | None = None,
) -> Indicator:
    """
    Tell which people can walk to public transport (T1, SDG 11.2.1).

    Parameters
    ----------
    data : of the city. For the modes of its timetable only stops served often enough at peak count.
    graphs : with ``walk``. Without it: straight lines times 1.3, evidence "proxy".
    variant : ``sdg``: urban people, 500 m to bus and tram or 1 km to rail, metro and ferry, along
        the network. ``euclid``: the same by straight lines times 1.3. ``u4ssc``: all people within
        500 m of any stop, whatever its service.
    parameters : changes to table ``transport`` of ``tables/parameters.toml``, and to
        ``tables/network.toml`` under ``network``.

    Returns
    -------
    Share of the people who are served; the limit itself counts as served.

    Raises
    ------
    StudyError
        If the variant is unknown.
    """
    if variant not in VARIANTS:
        raise StudyError(f"variant: {variant!r} is not one of {', '.join(VARIANTS)}")
    name = "T1_u4ssc" if variant == "u4ssc" else "T1"
    rules, people = transport_parameters(parameters), people_of(data)
    stops = city_stops(data, rules)
    if stops is None:
        return unassessed(name, "share", NO_STOPS, layers=("transit_low", "transit_high"))
    network = _usable(graphs.get("walk")) if variant != "euclid" else None
    details: dict[str, Any] = {"variant": variant}
    if variant == "u4ssc":
        who, limits = data.inside, [(stops.every, rules["u4ssc_m"])]
        notes, count = ["stop presence only"], len(stops.every)
        details["stops"] = count
    else:
        who = people.urban
        limits = [(stops.low, rules["low_capacity_m"]), (stops.high, rules["high_capacity_m"])]
        notes, count = [stops.note, people.note], len(stops.low) + len(stops.high)
        details |= {"stops_low": len(stops.low), "stops_high": len(stops.high)}
    share = _served(data, people, network, limits, rules)
    fields = with_layers(data, "transit_low", "transit_high", "roads_walk")
    fields["n_features"] = count
    if stops.source != fields["source"]:
        fields["source"] = f"OpenStreetMap streets, {stops.source}"
    if network is None:
        notes.append(f"straight lines times {rules['euclid_factor']:g}, no walking network")
    return share_indicator(
        name,
        share,
        people,
        who=who,
        evidence="observed" if network is not None else "proxy",
        note="; ".join(part for part in notes if part),
        details=details,
        **fields,
    )


def _usable(graph: StreetGraph | None) -> StreetGraph | None:
    return graph if graph is not None and graph.n_segments else None


def _served(
    data: CityData,
    people: People,
    network: StreetGraph | None,
    limits: list[tuple[NDArray[np.object_], float]],
    rules: Mapping[str, Any],
) -> NDArray[np.float64]:
    """Share of the points of each cell within any of the limits, along the network or straight."""
    hits: NDArray[np.bool_] | None = None
    for places, limit in limits:
        if network is not None:
            cost = point_costs(
                network,
                places,
                grid=data.grid,
                cells=people.cells,
                unit="metres",
                max_snap_m=rules["max_snap_m"],
                spacing_m=rules["subpoint_m"],
            )
        else:
            cost = _straight(data, people, places, rules) * rules["euclid_factor"]
        hit = cost <= limit + 1e-9
        hits = hit if hits is None else hits | hit
    result = np.full(data.grid.shape[0] * data.grid.shape[1], np.nan)
    if hits is not None:
        result[people.cells] = hits.mean(axis=1)
    return result.reshape(data.grid.shape)


def _straight(
    data: CityData, people: People, places: NDArray[np.object_], rules: Mapping[str, Any]
) -> NDArray[np.float64]:
    """Straight distance of the points of each cell, shape (cells, points)."""
    x, y, _ = cell_points(data.grid, people.cells, spacing_m=rules["subpoint_m"])
    return cell_distance_m(places, x=x, y=y).reshape(len(people.cells), -1)


def rapid_transit(
    data: CityData,
    graphs: Mapping[str, StreetGraph],
    *,
    mode: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> Indicator:
    """
    Tell which people live within 1 km of rapid transit (T2, ITDP People Near Transit).

    Rapid transit is rail, metro, light rail and monorail, of the timetable where it has such a
    mode and else as mapped; bus rapid transit only where the timetable marks it. Ferries do not
    count.

    Parameters
    ----------
    data : of the city.
    graphs : with ``walk`` for `mode` ``network``.
    mode : ``euclid`` as ITDP does, or ``network``; from the parameters when empty.
    parameters : changes to table ``transport`` of ``tables/parameters.toml``, and to
        ``tables/network.toml`` under ``network``.

    Returns
    -------
    Share of all people.

    Raises
    ------
    StudyError
        If the mode is unknown.
    """
    rules, people = transport_parameters(parameters), people_of(data)
    mode = mode or rules["rapid_mode"]
    if mode not in {"euclid", "network"}:
        raise StudyError(f"transport.rapid_mode: {mode!r} is neither 'euclid' nor 'network'")
    stops = city_stops(data, rules)
    if stops is None:
        return unassessed("T2", "share", NO_STOPS, layers=("transit_high",))
    stations = stops.rapid
    network = _usable(graphs.get("walk")) if mode == "network" else None
    straight = {**rules, "euclid_factor": 1.0 if mode == "euclid" else rules["euclid_factor"]}
    share = _served(data, people, network, [(stations, rules["rapid_m"])], straight)
    fields = with_layers(data, "transit_high")
    fields |= {"n_features": len(stations), "source": stops.rapid_source}
    how = "straight lines" if network is None else "along the network"
    return share_indicator(
        "T2",
        share,
        people,
        who=data.inside,
        note=f"{how}; bus rapid transit only where a timetable marks it",
        details={"stations": len(stations), "mode": mode},
        **fields,
    )


def rural_access(data: CityData, *, parameters: Mapping[str, Any] | None = None) -> list[Indicator]:
    """
    Tell which rural people live within 2 km of an all-season road (T3, SDG 9.1.1).

    Parameters
    ----------
    data : of the city.
    parameters : changes to table ``transport`` of ``tables/parameters.toml``, and to
        ``tables/network.toml`` under ``network``.

    Returns
    -------
    T3, where a road of unknown surface counts in full, and T3_weighted, where it counts 0.6. The
    bounds of T3 are with and without such roads.
    """
    rules, people = transport_parameters(parameters), people_of(data)
    names = ("roads_drive",)
    layer = data.layers.get("roads_drive")
    if layer is None or len(layer) == 0:
        reason = "no road is mapped in the map data: add an OSM extract with roads"
        return [unassessed(i, "share", reason, layers=names) for i in ("T3", "T3_weighted")]
    lived_in = people.persons[people.rural].sum() > 0 if people.known else people.rural.any()
    if not lived_in:
        reason = "no rural people in the study area"
        if not people.classes_known:
            reason = "urban and rural cells are not known: add a population grid of the region"
        return [unassessed(i, "share", reason, layers=names) for i in ("T3", "T3_weighted")]
    # Straight lines are looked for where rural people may live, and nowhere else.
    people = replace(people, cells=np.flatnonzero(people.rural.ravel()))
    weight = all_season_weight(layer, table=network_rules_of(parameters))
    lines = np.asarray(layer.geometry.to_numpy(), dtype=object)
    sure = _straight(data, people, lines[weight >= 1], rules) <= rules["rural_road_m"] + 1e-9
    maybe = _straight(data, people, lines[weight > 0], rules) <= rules["rural_road_m"] + 1e-9
    unknown = float(weight[(weight > 0) & (weight < 1)].max(initial=0.0))
    shares = {
        "T3": maybe.mean(axis=1),
        "T3_weighted": np.where(sure, 1.0, np.where(maybe, unknown, 0.0)).mean(axis=1),
        "sure": sure.mean(axis=1),
    }
    grids = {key: np.full(data.grid.shape, np.nan) for key in shares}
    for key, values in shares.items():
        grids[key].flat[people.cells] = values
    low = weighted_mean(np.where(people.rural, grids["sure"], np.nan), people.persons)
    high = weighted_mean(np.where(people.rural, grids["T3"], np.nan), people.persons)
    metres = shapely.length(lines)
    details = {
        "all_season_km": float(metres[weight >= 1].sum() / 1000),
        "unknown_surface_km": float(metres[(weight > 0) & (weight < 1)].sum() / 1000),
    }
    fields = with_layers(data, *names)
    return [
        share_indicator(
            name,
            grids[name],
            people,
            who=people.rural,
            bounds=(low, high),
            note=f"{float(people.persons[people.rural].sum()):,.0f} rural residents; straight lines; roads "
            f"of unknown surface count {how}",
            details=details,
            **fields,
        )
        for name, how in (("T3", "in full"), ("T3_weighted", f"{unknown:g}"))
    ]
