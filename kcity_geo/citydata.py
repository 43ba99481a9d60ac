"""
CityData: everything that is known about one city, on one grid, in one CRS.

Sources make it, analysis and planning read it, outputs write it. Nobody changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.studyfile import Study

__all__ = ["CityData", "Provenance"]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """
    Where one input came from.

    Parameters
    ----------
    id : key of ``[sources]`` in the study file, for example ``"osm"``.
    title : product name for people.
    path : file name as given, without folders.
    sha256 : of the file; empty when it is not a single file.
    licence : licence id, for example ``"ODbL-1.0"``; ``"unknown"`` when nobody said.
    attribution : text to print on maps.
    as_of : ISO date or year of the data.
    url : where it was fetched from; empty for the user's own files.
    complete : False when a part is known to be missing.
    note : for people.
    """

    id: str
    title: str
    path: str = ""
    sha256: str = ""
    licence: str = "unknown"
    attribution: str = ""
    as_of: str = ""
    url: str = ""
    complete: bool = True
    note: str = ""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CityData:
    """
    Everything known about one city.

    Parameters
    ----------
    city : boundary, metric CRS, districts.
    grid : the study grid.
    cube : one variable a raster, all on `grid`; see ``VARIABLES`` in `kcity_geo.sources.local.rasters`
        for the names. Missing inputs are absent, not empty.
    layers : OSM layer name -> GeoDataFrame in the metric CRS; one for each row of
        ``tables/osm.toml``, with full schema even when empty. Features are whole, not cut at the
        boundary, and reach a little beyond it.
    inventory : a row a layer: what the extract holds inside the study area.
    shares : `kcity_geo.cube.district_shares` of the city.
    dem : elevation on its own finer grid, metric CRS, with a margin around the city, or None.
    flood : flood map on its own finer grid, metric CRS: depth in metres or return period in years
        (attrs ``units``), 0 dry, NaN outside the extent of the file. None: no flood map.
    transit : ``stops`` frame of a GTFS feed, see `kcity_geo.sources.local.transit`, or None.
    official : numbers and tables the city itself published; they beat every proxy.
    provenance : a row an input.
    warnings : what the reader of the report must know about the data.
    osm_date : date of the OSM extract, ISO, or ``""``.
    synthetic : True for a city that does not exist (the demo).
    study : the study it was loaded for.
    measured : input -> what was measured when it was brought onto the grid (``total``,
        ``source_total``, ``conserved_share``, ``valid_share``).
    unreadable_tags : ``layer, osm_type, osm_id, key, value`` of tags whose number could not be read.
    """

    city: City
    grid: GeoBox
    cube: xr.Dataset
    layers: Mapping[str, gpd.GeoDataFrame]
    inventory: pd.DataFrame
    shares: pd.DataFrame
    dem: xr.DataArray | None = None
    flood: xr.DataArray | None = None
    transit: pd.DataFrame | None = None
    official: Mapping[str, Any] = field(default_factory=dict)
    provenance: tuple[Provenance, ...] = ()
    warnings: tuple[str, ...] = ()
    osm_date: str = ""
    synthetic: bool = False
    study: Study | None = None
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unreadable_tags: pd.DataFrame | None = None

    def __repr__(self) -> str:
        """Say what is there in one line."""
        rows, columns = self.grid.shape
        features = sum(len(frame) for frame in self.layers.values())
        return (
            f"CityData({self.city.name}: {rows} x {columns} cells of {abs(self.grid.resolution.x):g} m "
            f"in {self.city.crs.name}; {features:,} features of {self.osm_date[:10] or 'no date'}; "
            f"{', '.join(map(str, self.cube.data_vars))})"
        )

    def array(self, name: str) -> NDArray[np.float64] | None:
        """
        Give a variable of the cube as plain array, or None when it is missing.

        Parameters
        ----------
        name : variable of the cube, for example ``"population"``.

        Returns
        -------
        Shape (rows, cols), float64, or None.
        """
        if name not in self.cube:
            return None
        return np.asarray(self.cube[name].to_numpy(), dtype=np.float64)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Cells with any part inside the city, shape (rows, cols)."""
        return np.asarray(self.cube["inside_share"].to_numpy() > 0)
