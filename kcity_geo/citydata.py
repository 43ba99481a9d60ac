"""
CityData: everything that is known about one city, on one grid, in one CRS.

Sources make it, analysis and planning read it, outputs write it. Nobody changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.cube import plain_variable
from kcity_geo.parameters import PARAMETER_SECTORS
from kcity_geo.rules import rules_table
from kcity_geo.settings import Settings, settings_of
from kcity_geo.standards import Standard, load_standards
from kcity_geo.studyfile import Study
from kcity_geo.thumbnails import NEUTRAL_COLOURS, card, picture

__all__ = ["NO_MAP", "CityData", "CityInputs", "Provenance", "without_map"]

#: Why something is not known `without_map`.
NO_MAP = "no map was given (sources.osm)"


def without_map(study: Study | None) -> bool:
    """
    Tell whether a study names no map, so that nobody knows what would be mapped.

    Parameters
    ----------
    study : the study; None: layers were given in Python, which are the map.

    Returns
    -------
    True where features of the user, if any, are all that there is.
    """
    return study is not None and study.sources.osm is None


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
    today : the city as it is, where `layers` hold works that are not built yet: how well it is mapped is asked of
        that. None: these are the data of today.
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
    today: CityData | None = None
    _kept: dict[str, Any] = field(default_factory=dict, init=False)
    _lock: RLock = field(default_factory=RLock, init=False)

    def __post_init__(self) -> None:
        """Give out arrays that nobody can change; the caller's own stay as they are."""
        fixed = {name: _fixed(one) for name, one in self.cube.data_vars.items()}
        object.__setattr__(self, "cube", self.cube.assign(fixed))
        for name in ("dem", "flood"):
            fine = getattr(self, name)
            if fine is not None:
                fixed_array = xr.DataArray(_fixed(fine), coords=fine.coords, name=fine.name)
                object.__setattr__(self, name, fixed_array)

    def __repr__(self) -> str:
        """Say what is there in one line."""
        rows, columns = self.grid.shape
        features = sum(len(frame) for frame in self.layers.values())
        return (
            f"CityData({self.city.name}: {rows} x {columns} cells of {abs(self.grid.resolution.x):g} m "
            f"in {self.city.crs.name}; {features:,} features of {self.osm_date[:10] or 'no date'}; "
            f"{', '.join(map(str, self.cube.data_vars))})"
        )

    def _repr_html_(self) -> str:
        """Show where people live, or the land of the city, in a notebook."""
        name = "population" if "population" in self.cube else "inside_share"
        values = np.where(self.inside, self.cube[name].to_numpy(), np.nan)
        return card(repr(self), picture(values, NEUTRAL_COLOURS))

    def array(self, name: str) -> NDArray[np.float64] | None:
        """
        Give a variable of the cube as plain array, or None when it is missing.

        Parameters
        ----------
        name : variable of the cube, for example ``"population"``.

        Returns
        -------
        Shape (rows, cols), float64, read-only, or None.
        """
        if name not in self.cube:
            return None
        return _read_only(np.asarray(self.cube[name].to_numpy(), dtype=np.float64))

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Cells with any part inside the city, shape (rows, cols)."""
        return np.asarray(self.cube["inside_share"].to_numpy() > 0)

    def settings(self, sector: str) -> Settings:
        """
        Give the parameters of a sector with what the study file changes.

        Parameters
        ----------
        sector : key of `kcity_geo.parameters.PARAMETER_SECTORS`.

        Returns
        -------
        The settings.

        Raises
        ------
        StudyError
            If the study file changes a parameter that does not exist.
        """
        changes: Any = self.study
        for key in PARAMETER_SECTORS[sector].split("."):
            changes = None if changes is None else getattr(changes, key)
        return settings_of(sector, {k: v for k, v in (changes or {}).items() if k != "network"})

    def rules(self, table: str) -> Mapping[str, Any]:
        """
        Give a table of the gap model with what the study file changes.

        Parameters
        ----------
        table : ``"priors"``, ``"evidence"`` or ``"readings"``.

        Returns
        -------
        The table as TOML; see `kcity_geo.rules`.
        """
        return rules_table(table, None if self.study is None else self.study.rules)

    @property
    def network_changes(self) -> Mapping[str, Any]:
        """What the study file changes in ``tables/network.toml``."""
        changes: Mapping[str, Any] = {} if self.study is None else self.study.transport
        found: Mapping[str, Any] = changes.get("network") or {}
        return found

    @property
    def standards(self) -> Mapping[str, Standard]:
        """Indicator id -> standard, with what the study file changes."""
        return load_standards(None if self.study is None else self.study.standards)

    def pieces(self, what: str) -> dict[Any, Any] | None:  # noqa: ARG002 - as of a model
        """
        Give the pieces of a quantity that are kept for cities with edits: data alone keep none.

        Parameters
        ----------
        what : name of the quantity.

        Returns
        -------
        None.
        """
        return None

    def kept(self, name: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - what was made
        """
        Give what was made for this city under a name, made now when it was not.

        Parameters
        ----------
        name : of what is kept, for example ``"model"``.
        make : called without arguments, once for each city and name, also with threads.

        Returns
        -------
        The same object each time; it lives as long as the data.
        """
        with self._lock:
            if name not in self._kept:
                self._kept[name] = make()
            return self._kept[name]


def _fixed(one: xr.DataArray) -> xr.Variable:
    """Give the variable on the same memory, through which nobody can write."""
    fixed = plain_variable(one.dims, _read_only(one.to_numpy()), one.attrs)
    fixed.encoding = dict(one.encoding)
    return fixed


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    """Give a view of the same memory through which nobody can write."""
    view = values.view()
    view.flags.writeable = False
    return view


class CityInputs(Protocol):
    """
    What is known of a city, as the rooms of `kcity_geo.analysis` read it.

    `CityData` holds it; `kcity_geo.analysis.city_model.CityModel` hands it on and notes who reads
    what. A function that takes `CityInputs` takes both. The fields are those of `CityData`.
    """

    @property
    def city(self) -> City:
        """Boundary, metric CRS and districts."""

    @property
    def grid(self) -> GeoBox:
        """The study grid."""

    @property
    def cube(self) -> Mapping[Any, xr.DataArray]:
        """Variables on the grid."""

    @property
    def layers(self) -> Mapping[str, gpd.GeoDataFrame]:
        """Mapped features by layer."""

    @property
    def official(self) -> Mapping[str, Any]:
        """Numbers that the city published."""

    @property
    def shares(self) -> pd.DataFrame:
        """Shares of the districts in the cells."""

    @property
    def dem(self) -> xr.DataArray | None:
        """Elevation."""

    @property
    def flood(self) -> xr.DataArray | None:
        """Flood map."""

    @property
    def transit(self) -> pd.DataFrame | None:
        """Stops of a timetable."""

    @property
    def osm_date(self) -> str:
        """Date of the map extract."""

    @property
    def synthetic(self) -> bool:
        """Whether the city exists in the demo only."""

    @property
    def study(self) -> Study | None:
        """The study it was loaded for."""

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Cells with any part inside the city."""

    @property
    def standards(self) -> Mapping[str, Standard]:
        """Standards by indicator."""

    @property
    def network_changes(self) -> Mapping[str, Any]:
        """Changes to the table of the street network."""

    def array(self, name: str) -> NDArray[np.float64] | None:
        """Give a variable of the cube as plain array."""

    def pieces(self, what: str) -> dict[Any, Any] | None:
        """Give the pieces of a quantity that are kept for cities with edits; None: none are."""

    def settings(self, sector: str) -> Settings:
        """Give the parameters of a sector."""

    def rules(self, table: str) -> Mapping[str, Any]:
        """Give a table of the gap model."""
