"""
Water: what the map, the terrain and the official numbers say about a city's water.

Each indicator says whether it was observed, modelled, taken from a proxy or from official numbers.
An indicator about which nothing is known is not assessed; it is never a gap of 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.water.balance import wastewater, water_balance
from kcity_geo.analysis.water.flood import flood_exposure
from kcity_geo.analysis.water.piped import piped_coverage
from kcity_geo.analysis.water.points import fetching_water, point_coverage
from kcity_geo.analysis.water.pumping import source_distance
from kcity_geo.analysis.water.toilets import toilets
from kcity_geo.citydata import CityData
from kcity_geo.result import Indicator
from kcity_geo.settings import settings_of
from kcity_geo.standards import Standard

__all__ = ["assess"]


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
    parameters : overrides of ``tables/parameters/water.toml``.
    terrain : of `kcity_geo.analysis.terrain.relief.cell_terrain`; made here when None.

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
        from kcity_geo.analysis.terrain.relief import cell_terrain

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
