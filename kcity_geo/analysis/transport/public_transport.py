"""Public transport: who lives near a stop (T1) and near rapid transit (T2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.distance.straight import kept_distance_m
from kcity_geo.analysis.network.access import point_costs
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.snapping import cell_points
from kcity_geo.analysis.settlement.residents import share_indicator, with_layers
from kcity_geo.analysis.transport.stops import city_stops
from kcity_geo.citydata import CityData
from kcity_geo.errors import StudyError
from kcity_geo.result import Indicator, unassessed

__all__ = ["public_transport", "rapid_transit", "straight_m"]

VARIANTS = ("sdg", "u4ssc", "euclid")


NO_STOPS = (
    "no stop is mapped in the map data and there is no timetable: set sources.gtfs, or map "
    "stops in OSM"
)


def public_transport(city: CityModel | CityData, variant: str = "sdg") -> Indicator:
    """
    Tell which people can walk to public transport (T1, SDG 11.2.1).

    Parameters
    ----------
    city : its model or its data. For the modes of its timetable only stops served often enough at
        peak count. Without walking streets: straight lines times 1.3, evidence "proxy".
    variant : ``sdg``: urban people, 500 m to bus and tram or 1 km to rail, metro and ferry, along
        the network. ``euclid``: the same by straight lines times 1.3. ``u4ssc``: all people within
        500 m of any stop, whatever its service.

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
    city = model_of(city)
    rules, people = city.settings("transport"), city.people
    stops = city.once(city_stops)
    if stops is None:
        return unassessed(name, "share", NO_STOPS, layers=("transit_low", "transit_high"))
    network = _usable(city.graph("walk")) if variant != "euclid" else None
    details: dict[str, Any] = {"variant": variant}
    if variant == "u4ssc":
        who, limits = city.inside, [(stops.every, rules["u4ssc_m"])]
        notes, count = ["stop presence only"], len(stops.every)
        details["stops"] = count
    else:
        who = people.urban
        limits = [(stops.low, rules["low_capacity_m"]), (stops.high, rules["high_capacity_m"])]
        notes, count = [stops.note, people.note], len(stops.low) + len(stops.high)
        details |= {"stops_low": len(stops.low), "stops_high": len(stops.high)}
        details |= {"timetable": 1} if stops.timed else {}
    share = _served(city, network, limits, detour_factor=rules["detour_factor"])
    fields = with_layers(city, "transit_low", "transit_high", "roads_walk")
    fields["n_features"] = count
    if stops.source != fields["source"]:
        fields["source"] = f"OpenStreetMap streets, {stops.source}"
    if network is None:
        notes.append(f"straight lines times {rules['detour_factor']:g}, no walking network")
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


def _usable(graph: StreetGraph) -> StreetGraph | None:
    return graph if graph.n_segments else None


def _served(
    city: CityModel,
    network: StreetGraph | None,
    limits: list[tuple[NDArray[np.object_], float]],
    *,
    detour_factor: float,
) -> NDArray[np.float64]:
    """Share of the points of each cell within any of the limits, along the network or straight."""
    hits: NDArray[np.bool_] | None = None
    cells, rules = city.people.cells, city.settings("transport")
    if city.checking:
        return np.zeros(city.grid.shape)
    for number, (places, limit) in enumerate(limits):
        if network is not None:
            cost = point_costs(
                network,
                places,
                grid=city.grid,
                cells=cells,
                homes=city.homes("walk"),
                unit="metres",
                max_snap_m=rules["max_snap_m"],
            )
        else:
            cost = straight_m(city, cells, places, name=f"stops {number} {limit:g}") * detour_factor
        hit = cost <= limit + 1e-9
        hits = hit if hits is None else hits | hit
    result = np.full(city.grid.shape[0] * city.grid.shape[1], np.nan)
    if hits is not None:
        result[cells] = hits.mean(axis=1)
    return result.reshape(city.grid.shape)


def straight_m(
    city: CityModel, cells: NDArray[np.int64], places: NDArray[np.object_], *, name: str
) -> NDArray[np.float64]:
    """
    Measure straight lines from where the people of cells live to the nearest of some places.

    Parameters
    ----------
    city : its model.
    cells : flat cell numbers.
    places : metric CRS.
    name : of the question; in a city with edits only what changed since it was asked is measured anew.

    Returns
    -------
    Shape (cells, points of a cell), metres.
    """
    x, y, _ = cell_points(city.grid, cells, spacing_m=city.settings("transport")["subpoint_m"])
    memory = city.pieces("straight ways of homes")
    return kept_distance_m(places, x=x, y=y, name=name, memory=memory).reshape(len(cells), -1)


def rapid_transit(city: CityModel | CityData, mode: str = "") -> Indicator:
    """
    Tell which people live within 1 km of rapid transit (T2, ITDP People Near Transit).

    Rapid transit is rail, metro, light rail and monorail, of the timetable where it has such a
    mode and else as mapped; bus rapid transit only where the timetable marks it. Ferries do not
    count.

    Parameters
    ----------
    city : its model or its data.
    mode : ``euclid`` as ITDP does, or ``network``; from the settings when empty.

    Returns
    -------
    Share of all people.

    Raises
    ------
    StudyError
        If the mode is unknown.
    """
    city = model_of(city)
    rules, people = city.settings("transport"), city.people
    mode = mode or rules["rapid_mode"]
    if mode not in {"euclid", "network"}:
        raise StudyError(f"transport.rapid_mode: {mode!r} is neither 'euclid' nor 'network'")
    stops = city.once(city_stops)
    if stops is None:
        return unassessed("T2", "share", NO_STOPS, layers=("transit_high",))
    stations = stops.rapid
    network = _usable(city.graph("walk")) if mode == "network" else None
    factor = 1.0 if mode == "euclid" else rules["detour_factor"]
    share = _served(city, network, [(stations, rules["rapid_m"])], detour_factor=factor)
    fields = with_layers(city, "transit_high")
    fields |= {"n_features": len(stations), "source": stops.rapid_source}
    how = "straight lines" if network is None else "along the network"
    return share_indicator(
        "T2",
        share,
        people,
        who=city.inside,
        note=f"{how}; bus rapid transit only where a timetable marks it",
        details={"stations": len(stations), "mode": mode},
        **fields,
    )
