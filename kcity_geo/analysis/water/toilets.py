"""Toilets: official sanitation, else public toilets near markets and stations (W9)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.distance.straight import cell_distance_m
from kcity_geo.analysis.evidence.features import shapes
from kcity_geo.analysis.evidence.official import official_cells, official_districts
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.citydata import CityData
from kcity_geo.result import Indicator, unassessed

__all__ = ["toilets"]


def toilets(city: CityModel | CityData) -> Indicator:
    """
    Assess W9: official sanitation, else public toilets near markets and transit hubs.

    Toilets of households are on no map, so the second says nothing about homes.

    Parameters
    ----------
    city : its model or its data; a column ``sanitation_access`` of the official table is used.

    Returns
    -------
    Row W9, reported.
    """
    city = model_of(city)
    common: dict[str, Any] = {"units": "share", "layers": ("toilets",), "as_of": city.osm_date}
    people = city.array("population")
    table, rows = official_cells(city, "sanitation_access")
    if table is not None and people is not None:
        return Indicator(
            id="W9",
            value=weighted_mean(table, people),
            cells=table,
            of_districts=official_districts(city, "sanitation_access"),
            evidence="user",
            n_features=rows,
            source=str(city.official.get("source") or "official table of the study file"),
            note="households with improved sanitation, official",
            **common,
        )
    found = city.layers.get("toilets")
    if found is None or not len(found):
        return unassessed(
            "W9",
            reason="no public toilet is mapped and no official table is given; add a column "
            "sanitation_access to official.table",
            **common,
        )
    hubs = _hubs(city)
    if not len(hubs):
        return unassessed(
            "W9", reason="no market, station or bus station is mapped to compare with", **common
        )
    near = cell_distance_m(shapes(found), x=hubs[:, 0], y=hubs[:, 1]) <= city.settings(
        "water"
    ).number("toilet_m")
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


def _hubs(city: CityModel) -> NDArray[np.float64]:
    """Places of stations, bus stations and markets, metres."""
    wanted = {
        "transit_high": None,
        "transit_low": ("amenity", "bus_station"),
        "jobs": ("amenity", "marketplace"),
    }
    places = [np.zeros((0, 2))]
    for name, rule in wanted.items():
        frame = city.layers.get(name)
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
