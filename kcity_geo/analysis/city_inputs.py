"""City inputs: what a city model is made of; whoever reads one of them is noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike
from odc.geo.geobox import GeoBox

from kcity_geo.analysis.kept import ALL, Noted, NotedSettings, Read, note
from kcity_geo.city import City
from kcity_geo.citydata import CityData
from kcity_geo.cube import layer
from kcity_geo.errors import StudyError
from kcity_geo.parameters import PARAMETER_SECTORS, shared_changes
from kcity_geo.rules import all_rules, rules_table
from kcity_geo.settings import Settings, check_network
from kcity_geo.standards import Standard
from kcity_geo.studyfile import Study

__all__ = ["CityInputs", "place_of"]


class CityInputs:
    """
    Data, settings, standards and rules of a city.

    City, grid, districts and study are those of the data; all others can be changed.

    Parameters
    ----------
    data : of the city.
    """

    def __init__(self, data: CityData) -> None:
        self._data = data
        self._settings: dict[str, Settings] = {}
        self._standards: Mapping[str, Standard] | None = None
        self._network: Mapping[str, Any] | None = None
        self._rules: dict[str, float] = dict(data.study.rules) if data.study else {}
        self._pieces: dict[str, dict[Any, Any]] | None = None

    @property
    def data(self) -> CityData:
        """The data behind it; a quantity that reads it depends on every input."""
        note(ALL, ALL)
        return self._data

    @property
    def city(self) -> City:
        """Boundary, metric CRS and districts."""
        return self._data.city

    @property
    def grid(self) -> GeoBox:
        """The study grid."""
        return self._data.grid

    @property
    def shares(self) -> pd.DataFrame:
        """Shares of the districts in the cells, of `kcity_geo.cube.district_shares`."""
        return self._data.shares

    @property
    def study(self) -> Study | None:
        """The study it was loaded for."""
        return self._data.study

    @property
    def osm_date(self) -> str:
        """Date of the map extract, ISO, or ``""``."""
        return self._data.osm_date

    @property
    def synthetic(self) -> bool:
        """Whether the city exists in the demo only."""
        return self._data.synthetic

    @property
    def layers(self) -> Mapping[str, gpd.GeoDataFrame]:
        """Mapped features by layer, metric CRS."""
        return Noted("layers", self._data.layers)

    @property
    def official(self) -> Mapping[str, Any]:
        """Numbers and tables that the city published."""
        return Noted("official", self._data.official)

    @property
    def cube(self) -> Mapping[Any, xr.DataArray]:
        """Variables on the grid."""
        return Noted("cube", self._data.cube)

    @property
    def cube_attrs(self) -> dict[str, Any]:
        """Attributes of the cube as a whole."""
        return dict(self._data.cube.attrs)

    @property
    def dem(self) -> xr.DataArray | None:
        """Elevation on its own finer grid, metres."""
        note("dem", "")
        return self._data.dem

    @property
    def flood(self) -> xr.DataArray | None:
        """Flood map on its own finer grid."""
        note("flood", "")
        return self._data.flood

    @property
    def transit(self) -> pd.DataFrame | None:
        """Stops of a timetable."""
        note("transit", "")
        return self._data.transit

    @property
    def today(self) -> CityData | None:
        """The city as it is, where the layers hold works that are not built yet; else None."""
        note("today", "")
        return self._data.today

    @property
    def standards(self) -> Mapping[str, Standard]:
        """Indicator id -> standard."""
        if self._standards is None:
            self._standards = self._data.standards
        return Noted("standards", self._standards)

    @property
    def network_changes(self) -> Mapping[str, Any]:
        """What the study changes in ``tables/network.toml``."""
        note("network", "")
        return self._data.network_changes if self._network is None else self._network

    def settings(self, sector: str) -> Settings:
        """
        Give the parameters of a sector.

        Parameters
        ----------
        sector : key of `kcity_geo.parameters.PARAMETER_SECTORS`.

        Returns
        -------
        The settings, with what study and scenario change.
        """
        if sector not in self._settings:
            self._settings[sector] = self._data.settings(sector)
        return NotedSettings(sector, self._settings[sector])

    def rules(self, table: str) -> Mapping[str, Any]:
        """
        Give a table of the gap model, with what study and scenario change.

        Parameters
        ----------
        table : ``"priors"``, ``"evidence"`` or ``"readings"``.

        Returns
        -------
        The table as TOML; see `kcity_geo.rules`.
        """
        return Noted(f"rules.{table}", rules_table(table, self._rules))

    def layer(self, name: str) -> gpd.GeoDataFrame | None:
        """
        Give a layer that has features.

        Parameters
        ----------
        name : row of ``tables/osm.toml``.

        Returns
        -------
        The features, metric CRS; None when the layer is absent or empty.
        """
        frame = self.layers.get(name)
        return None if frame is None or len(frame) == 0 else frame

    def keep_pieces(self) -> None:
        """Keep pieces of quantities from now on, for models of the same city with edits; takes memory."""
        if self._pieces is None:
            self._pieces = {}

    def pieces(self, what: str) -> dict[Any, Any] | None:
        """
        Give the pieces of a quantity that are kept by what they were computed from, to be added to.

        A piece never depends on anything else than its key says, so that a quantity is the same with
        them and without.

        Parameters
        ----------
        what : name of the quantity.

        Returns
        -------
        Key -> piece, one mapping for this model and all that were changed from it; None: none are kept.
        """
        return None if self._pieces is None else self._pieces.setdefault(what, {})

    def _set(self, changes: Mapping[str, Mapping[str, Any]]) -> set[Read]:
        """Change settings of a model in the making; tell which."""
        touched: set[Read] = set()
        sectors = {place: sector for sector, place in PARAMETER_SECTORS.items()}
        said: dict[str, Any] = {}
        for sector, values in changes.items():
            if sector not in PARAMETER_SECTORS:
                known = ", ".join(PARAMETER_SECTORS)
                raise StudyError(f"{sector}: no such sector; known are {known}")
            for name, value in values.items():
                if (sector, name) == ("transport", "network"):
                    check_network(value)
                    self._network, touched = value, {("network", "")}
                else:
                    said[f"{PARAMETER_SECTORS[sector]}.{name}"] = value
        for key, value in shared_changes(said).items():
            place, _, name = key.rpartition(".")
            sector = sectors[place]
            before = self._settings.get(sector) or self._data.settings(sector)
            whole = {**before[name], **value} if isinstance(before[name], Mapping) else value
            self._settings[sector] = before.changed(**{name: whole})
            touched.add((f"settings.{sector}", before.own_name(name)))
        return touched

    def _other_cube(self, changes: Mapping[str, ArrayLike | None]) -> xr.Dataset:
        cube = self._data.cube
        gone = [name for name, values in changes.items() if values is None and name in cube]
        new = {
            name: layer(
                np.broadcast_to(np.asarray(values), self.grid.shape).copy(),
                grid=self.grid,
                units=str(cube[name].attrs.get("units", "1")) if name in cube else "1",
                long_name=str(cube[name].attrs.get("long_name", name)) if name in cube else name,
                evidence="user",
            )
            for name, values in changes.items()
            if values is not None
        }
        return cube.drop_vars(gone).assign(new)


def place_of(key: str) -> Read:
    """
    Give the place of a rule among the inputs.

    Parameters
    ----------
    key : of `kcity_geo.rules.all_rules`.

    Returns
    -------
    The table in which it stands, and the part of it.
    """
    rule = all_rules()[key]
    return f"rules.{rule.table}", rule.path[0]
