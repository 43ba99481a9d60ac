"""
Water: what the map, the terrain and the official numbers say about a city's water.

Each indicator says whether it was observed, modelled, taken from a proxy or from official numbers.
An indicator about which nothing is known is not assessed; it is never a gap of 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kcity_geo.analysis.flood import flood_exposure
from kcity_geo.analysis.piped import piped_coverage
from kcity_geo.analysis.pumping import source_distance
from kcity_geo.analysis.sector import (
    cell_distance_m,
    official_cells,
    settings_of,
    shapes,
    unassessed,
    weighted_mean,
)
from kcity_geo.analysis.water_balance import wastewater, water_balance
from kcity_geo.analysis.water_points import fetching_water, point_coverage
from kcity_geo.result import Indicator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from kcity_geo.analysis.network import StreetGraph
    from kcity_geo.citydata import CityData
    from kcity_geo.standards import Standard

__all__ = ["assess", "toilets"]


def assess(
    data: CityData,
    graphs: Mapping[str, StreetGraph],
    *,
    standards: Mapping[str, Standard],
    parameters: Mapping[str, Any] | None = None,
    terrain: Mapping[str, NDArray[Any]] | None = None,
) -> list[Indicator]:
    """
    Assess the water of a city: W1 to W9.

    Parameters
    ----------
    data : of the city.
    graphs : mode -> street graph; ``walk`` is used.
    standards : indicator id -> standard.
    parameters : overrides of ``[water]`` of ``tables/parameters.toml``.
    terrain : of `kcity_geo.analysis.terrain.cell_terrain`; made here when None.

    Returns
    -------
    One row an indicator, those not assessed included.

    Raises
    ------
    StudyError
        If an override has no parameter of that name.
    SchemaError
        If an official table names an unknown district or a share out of range.
    """
    settings = settings_of("water", parameters)
    if terrain is None:
        from kcity_geo.analysis.terrain import cell_terrain

        terrain = cell_terrain(data, parameters=parameters)
    w3 = piped_coverage(data, settings=settings, terrain=terrain)
    anchored = bool(w3.details.get("anchored")) and w3.cells is not None
    piped = w3.cells if anchored else None
    w5, w6 = water_balance(data, settings=settings, standard=standards["W6"])
    return [
        fetching_water(
            data,
            graphs,
            standard=standards["W1"],
            settings=settings,
            piped=piped,
            piped_rows=w3.n_features if anchored else 0,
        ),
        point_coverage(data, graphs, settings=settings, piped=piped),
        w3,
        wastewater(data, settings=settings, standard=standards["W4"]),
        w5,
        w6,
        source_distance(data, settings=settings, terrain=terrain),
        flood_exposure(data, settings=settings, standard=standards["W8"], terrain=terrain),
        toilets(data, settings=settings),
    ]


def toilets(data: CityData, *, settings: Mapping[str, Any]) -> Indicator:
    """
    Assess W9: official sanitation, else public toilets near markets and transit hubs.

    Toilets of households are on no map, so the second says nothing about homes.

    Parameters
    ----------
    data : of the city; a column ``sanitation_access`` of the official table is used.
    settings : parameters of the sector.

    Returns
    -------
    Row W9, reported.
    """
    common: dict[str, Any] = {"units": "share", "layers": ("toilets",), "as_of": data.osm_date}
    people = data.array("population")
    table, rows = official_cells(data, "sanitation_access")
    if table is not None and people is not None:
        return Indicator(
            id="W9",
            value=weighted_mean(table, people),
            cells=table,
            evidence="user",
            n_features=rows,
            source=str(data.official.get("source") or "official table of the study file"),
            note="households with improved sanitation, official",
            **common,
        )
    found = data.layers.get("toilets")
    if found is None or not len(found):
        return unassessed(
            "W9",
            reason="no public toilet is mapped and no official table is given; add a column "
            "sanitation_access to official.table",
            **common,
        )
    hubs = _hubs(data)
    if not len(hubs):
        return unassessed(
            "W9", reason="no market, station or bus station is mapped to compare with", **common
        )
    near = cell_distance_m(shapes(found), x=hubs[:, 0], y=hubs[:, 1]) <= float(settings["toilet_m"])
    return Indicator(
        id="W9",
        value=float(near.mean()),
        evidence="observed",
        n_features=len(found),
        source="OSM toilets, markets and stations",
        note="public toilets near hubs only; says nothing about homes",
        details={"hubs": len(hubs), "hubs_with_toilet": int(near.sum())},
        **common,
    )


def _hubs(data: CityData) -> NDArray[np.float64]:
    """Places of stations, bus stations and markets, metres."""
    wanted = {
        "transit_high": None,
        "transit_low": ("amenity", "bus_station"),
        "jobs": ("amenity", "marketplace"),
    }
    places = [np.zeros((0, 2))]
    for name, rule in wanted.items():
        frame = data.layers.get(name)
        if frame is None or not len(frame):
            continue
        if rule is not None:
            if rule[0] not in frame:
                continue
            frame = frame[frame[rule[0]] == rule[1]]
        if len(frame):
            centre = frame.geometry.representative_point()
            places.append(np.column_stack([centre.x, centre.y]))
    return np.concatenate(places)
