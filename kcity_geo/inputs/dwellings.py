"""Dwellings: what the map says of where people live, when no population grid does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.cube import layer
from kcity_geo.notes import tell
from kcity_geo.settings import Settings, settings_of

__all__ = ["Dwellings", "people_of_dwellings"]


@dataclass(frozen=True, eq=False)
class Dwellings:
    """
    What the map says of where people live, when no population grid does.

    Parameters
    ----------
    layers : layers of the map; ``building`` and ``landuse`` are read.
    city : the city.
    grid : the study grid.
    settings : of ``settlement``.
    """

    layers: Mapping[str, gpd.GeoDataFrame]
    city: City
    grid: GeoBox
    settings: Settings = field(default_factory=lambda: settings_of("settlement"))

    def floor_m2(self, persons: float) -> NDArray[np.float64] | None:
        """
        Give the floor area of mapped dwellings.

        Parameters
        ----------
        persons : residents who must find room.

        Returns
        -------
        Shape (rows, cols), m2; None where too few are mapped to hold the persons.
        """
        from kcity_geo.analysis.settlement.dasymetric import dwelling_floor_m2
        from kcity_geo.analysis.settlement.mapped_buildings import enough_for

        floor_m2 = dwelling_floor_m2(
            self.layers["building"],
            city=self.city,
            grid=self.grid,
            landuse=self.layers["landuse"],
            rule=self.settings,
        )
        total_m2 = float(floor_m2.sum())
        enough = total_m2 > 0 and enough_for(total_m2, persons, settings=self.settings)
        return floor_m2 if enough else None

    def weight(self, cube: xr.Dataset, persons: float) -> tuple[NDArray[np.float64] | None, str]:
        """
        Give what the people of a district follow, and its name; None when nothing is known.

        Parameters
        ----------
        cube : with ``built_m2`` where there is a raster of built-up land.
        persons : all residents.

        Returns
        -------
        Shape (rows, cols), and the words for the note.
        """
        if "built_m2" not in cube:
            floor_m2 = self.floor_m2(persons)
            return floor_m2, "" if floor_m2 is None else "the floor area of mapped dwellings"
        from kcity_geo.analysis.settlement.dwellings import share_without_residents

        words = self.settings["landuse_without_residents"]
        homes = 1.0 - share_without_residents(self.layers["landuse"], grid=self.grid, words=words)
        return cube["built_m2"].to_numpy() * homes, "built-up land"


def people_of_dwellings(cube: xr.Dataset, total: float | None, place: Dwellings) -> xr.Dataset:
    """
    Spread the official number of a city over its mapped dwellings: a proxy.

    Parameters
    ----------
    cube : variables so far.
    total : residents of the city; None: not known.
    place : what the map says of where people live.

    Returns
    -------
    The cube with ``population``; unchanged without a number, or when too few dwellings are mapped.
    """
    if total is None:
        return cube
    floor_m2 = place.floor_m2(total)
    if floor_m2 is None:
        if len(place.layers["building"]):
            tell(
                f"official.population: too few dwellings are mapped to spread {total:,.0f} residents over them; "
                "give sources.population",
                stacklevel=3,
            )
        return cube
    tell(
        f"no population grid was given: {total:,.0f} residents were spread over the mapped dwellings "
        "by floor area, which leaves out people in buildings that nobody mapped; give "
        "sources.population",
        stacklevel=3,
    )
    return cube.assign(
        population=layer(
            floor_m2 / floor_m2.sum() * total,
            grid=place.grid,
            units="persons",
            long_name="Residents",
            source="official number, spread over OpenStreetMap buildings",
            licence="ODbL-1.0",
            evidence="proxy",
        )
    )
