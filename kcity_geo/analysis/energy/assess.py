"""
Energy: what the map, the night lights and the official numbers say about a city's electricity.

Each indicator says whether it was observed, modelled, taken from a proxy or from official numbers.
An indicator about which nothing is known is not assessed; it is never a gap of 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from kcity_geo.analysis.energy.balance import power_demand, power_supply, service_tier
from kcity_geo.analysis.energy.electrification import dark_built_land, electrified, official_rate
from kcity_geo.analysis.energy.grid import grid_distances_km, line_density, mv_distance
from kcity_geo.analysis.energy.inferred_grid import inferred_grid
from kcity_geo.analysis.energy.lighting import street_lighting
from kcity_geo.analysis.energy.solar import solar_potential
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.citydata import CityData
from kcity_geo.result import Indicator
from kcity_geo.settings import settings_of
from kcity_geo.standards import Standard

__all__ = ["assess"]


def assess(
    data: CityData,
    graphs: Mapping[str, StreetGraph],  # noqa: ARG001 - the sectors are called alike
    *,
    standards: Mapping[str, Standard],
    parameters: Mapping[str, Any] | None = None,
    terrain: Mapping[str, NDArray[Any]] | None = None,
) -> list[Indicator]:
    """
    Assess the electricity of a city: E1 to E11.

    Parameters
    ----------
    data : of the city.
    graphs : mode -> street graph; not used.
    standards : indicator id -> standard.
    parameters : overrides of ``tables/parameters/energy.toml``.
    terrain : of `kcity_geo.analysis.terrain.relief.cell_terrain`; made here when None.

    Returns
    -------
    One row an indicator, those not assessed included.

    Raises
    ------
    StudyError
        If an override has no parameter of that name, or the irradiation is in another unit.
    SchemaError
        If an official table names an unknown district or a share out of range.
    """
    settings = settings_of("energy", parameters)
    if terrain is None:
        from kcity_geo.analysis.terrain.relief import cell_terrain

        terrain = cell_terrain(data)
    distances = grid_distances_km(data, settings)
    dark = dark_built_land(data, settings=settings, standard=standards["E11"])
    dark_below = dark.details.get("limit_ntl")
    return [
        official_rate(data, settings=settings),
        electrified(
            data, distances, settings=settings, standard=standards["E2"], dark_below=dark_below
        ),
        # Only lit places where people live are joined, so the light of empty land (bright beside a
        # motorway or a port) is no limit for them: the floor is.
        inferred_grid(data, settings=settings),
        service_tier(data, settings=settings),
        mv_distance(data, distances, settings=settings, standard=standards["E5"]),
        line_density(data, settings=settings),
        power_supply(data, settings=settings, standard=standards["E7"]),
        street_lighting(data, settings=settings, standard=standards["E8"]),
        power_demand(data, settings=settings),
        solar_potential(data, settings=settings, terrain=terrain),
        dark,
    ]
