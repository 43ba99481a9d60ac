"""
The city model: what follows from the data of a city, each quantity once.

A quantity is computed when somebody first asks for it, and kept. While it is computed the model
notes which inputs were read, so that a model of the city with one input changed takes over all that
does not depend on it ("what if we add this road") and computes the rest anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from kcity_geo.analysis.city_inputs import CityInputs, place_of
from kcity_geo.analysis.keeping import Keeping
from kcity_geo.analysis.kept import Kept, Quantities
from kcity_geo.analysis.network.edited import follow
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.of_city import MODES, build_mode
from kcity_geo.analysis.network.snapping import Homes, cell_points, snap, snap_cells
from kcity_geo.analysis.settlement.districts import DistrictParts, district_parts, main_district
from kcity_geo.analysis.settlement.residents import People, people_of
from kcity_geo.analysis.terrain.relief import cell_terrain
from kcity_geo.citydata import CityData
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.rules import check_rules
from kcity_geo.settings import NetworkTable, network_table
from kcity_geo.standards import Standard

__all__ = ["CityModel", "build_graphs", "model_of"]

_Value = TypeVar("_Value")
_More = ParamSpec("_More")


class CityModel(CityInputs, Keeping):
    """
    A city as it is analysed: its inputs, and what follows from them, each once; never changed.

    Parameters
    ----------
    data : of the city. `model_of` gives the model that is kept with it.

    Notes
    -----
    Every array it gives out is read-only, NaN means not known. Notes about the data that were told
    while a quantity was computed are told again to whoever asks for it later. What a function given
    to `once` returns must not hold on to the model.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> city = CityModel(make_toy(arrays={"population": 10.0}))
    >>> float(city.people.persons.sum()), city.main_district[0, 0]
    (16000.0, 'NW')
    >>> fewer = city.changed(cube={"population": 5.0})
    >>> float(fewer.people.persons.sum()), fewer.main_district is city.main_district
    (8000.0, True)
    """

    def __init__(self, data: CityData) -> None:
        CityInputs.__init__(self, data)
        Keeping.__init__(self)
        self._given: Quantities = {}
        self._checking = False
        self._told: set[str] = set()

    def __repr__(self) -> str:
        """Say which city it is and how much is known of it by now."""
        return f"CityModel({self._data.city.name}: {len(self._kept)} quantities kept)"

    def array(self, name: str) -> NDArray[np.float64] | None:
        """
        Give a variable of the cube as plain array.

        Parameters
        ----------
        name : for example ``"population"``.

        Returns
        -------
        Shape (rows, cols), read-only, NaN where not known; None when the input is missing.
        """
        return self.once(_array, name)

    # Quantities.

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Cells with any part inside the city, shape (rows, cols)."""
        return self.once(_inside)

    @property
    def people(self) -> People:
        """Who lives where, and which cells are urban."""
        return self.once(people_of)

    @property
    def terrain(self) -> dict[str, NDArray[np.float64]]:
        """`kcity_geo.analysis.terrain.relief.cell_terrain`; empty without elevation."""
        return self.once(cell_terrain)

    @property
    def districts(self) -> DistrictParts:
        """The one way from cells to districts: ``districts.mean(values, weight)``."""
        return self.once(district_parts)

    @property
    def main_district(self) -> NDArray[np.object_]:
        """`kcity_geo.analysis.settlement.districts.main_district`: the id for each cell."""
        return self.once(main_district)

    @property
    def network_rules(self) -> NetworkTable:
        """``tables/network.toml`` with the changes of the study."""
        return self.once(_network_rules)

    @property
    def graphs(self) -> dict[str, StreetGraph]:
        """Mode -> street graph, for walk, cycle, drive and street."""
        return {mode: self.graph(mode) for mode in MODES}

    def graph(self, mode: str) -> StreetGraph:
        """
        Give the street graph of a mode of travel.

        Parameters
        ----------
        mode : walk, cycle, drive, or street (both ways, for street form).

        Returns
        -------
        The graph; without a segment where no street is mapped.
        """
        found = self.once(build_mode, mode)
        streets = self.pieces("street graph")
        if streets is not None and "snapped" not in found.memory:
            follow(found, streets.get(mode))
            streets[mode] = found
        return found

    def homes(
        self, mode: str, *, max_snap_m: float | None = None, spacing_m: float | None = None
    ) -> Homes:
        """
        Put the homes of all cells inside the city onto the streets of a mode.

        Parameters
        ----------
        mode : walk, cycle or drive.
        max_snap_m : farther than this from every street is not on it; as in the transport settings
            when None.
        spacing_m : people of a large cell stand on a lattice of this spacing; as above when None.

        Returns
        -------
        A row a point, and the position in ``people.cells`` of each.
        """
        settings = self.settings("transport")
        snap_m = settings.number("max_snap_m") if max_snap_m is None else max_snap_m
        step_m = settings.number("subpoint_m") if spacing_m is None else spacing_m
        return self.once(_homes, mode, float(snap_m), float(step_m))

    def once(
        self,
        function: Callable[Concatenate[CityModel, _More], _Value],
        *arguments: _More.args,
        **named: _More.kwargs,
    ) -> _Value:
        """
        Compute a quantity of the city once, and keep it.

        Parameters
        ----------
        function : takes the model and reads nothing but the model; its result holds no model.
        *arguments : further arguments that can be hashed; each combination is kept by itself.
        **named : not used.

        Returns
        -------
        What the function returns, its arrays read-only; the same object each time.
        """
        if named:
            raise StudyError(f"once: give {', '.join(named)} by position")
        kept = self._known(function, arguments)
        inner = kept.note_reads()
        for text in kept.notes:
            # A reader of every report must know; a user is warned once, by the outermost quantity.
            tell(text, stacklevel=3, again=text in self._told)
            if not inner:
                self._told.add(text)
        value: _Value = kept.value
        return value

    @property
    def checking(self) -> bool:
        """
        Whether only this is asked: what can be assessed, and what is missing for the rest.

        The functions of indicators look at what they need first; then, when this is set, they give
        `kcity_geo.result.assessable` instead of computing anything.
        """
        return self._checking

    def for_check(self) -> CityModel:
        """
        Give a model of the same city on which indicators tell whether they can be assessed.

        Returns
        -------
        A model whose `checking` is set; it shares nothing with this one.

        Examples
        --------
        >>> from kcity_geo.demo.toy import make_toy
        >>> CityModel(make_toy()).for_check().checking
        True
        """
        model = CityModel(replace(self._data))
        model._settings, model._network = dict(self._settings), self._network
        model._rules = dict(self._rules)
        model._standards, model._checking = self._standards, True
        model._data.kept("model", lambda: model)
        return model

    # What if.

    def changed(
        self,
        *,
        layers: Mapping[str, gpd.GeoDataFrame] | None = None,
        cube: Mapping[str, ArrayLike | None] | None = None,
        official: Mapping[str, Any] | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        standards: Mapping[str, Standard] | None = None,
        rules: Mapping[str, float] | None = None,
        **fine: xr.DataArray | pd.DataFrame | CityData | None,
    ) -> CityModel:
        """
        Give the model of the same city with other inputs; this one stays as it is.

        Parameters
        ----------
        layers : layer -> its features, metric CRS.
        cube : variable -> values, shape (rows, cols) or one number for all cells; None takes the
            variable away.
        official : number -> value; None takes it away.
        settings : sector -> parameter -> value; one that several sectors share changes in all of
            them. The key ``network`` of ``transport`` holds changes to ``tables/network.toml``.
        standards : indicator id -> standard.
        rules : key of `kcity_geo.rules.all_rules` -> value, such as ``{"priors.street.rural": 0.4}``.
        **fine : ``dem``, ``flood``, ``transit`` or ``today``, as in `kcity_geo.citydata.CityData`.

        Returns
        -------
        A model that shares every quantity that read none of the changed inputs, the very same
        object, and computes the others when they are asked for.

        Raises
        ------
        StudyError
            If an input, a parameter or a sector does not exist, or a value is out of range.

        Examples
        --------
        >>> from kcity_geo.demo.toy import make_toy
        >>> city = CityModel(make_toy(arrays={"population": 10.0}))
        >>> thirsty = city.changed(settings={"water": {"lpcd": 200}})
        >>> thirsty.settings("water")["lpcd"], city.settings("water")["lpcd"] == 200
        (200, False)
        """
        unknown = sorted(set(fine) - {"dem", "flood", "transit", "today"})
        if unknown:
            known = "dem, flood, transit, today"
            raise StudyError(f"changed: {unknown[0]} is no input; known are {known}")
        data = replace(
            self._data,
            layers={**self._data.layers, **(layers or {})},
            official={**self._data.official, **(official or {})},
            cube=self._other_cube(cube or {}),
            **fine,  # type: ignore[arg-type]
        )
        model = CityModel(data)
        model._settings, model._network = dict(self._settings), self._network
        model._standards = {**self.standards, **standards} if standards else self._standards
        model._rules = check_rules({**self._rules, **(rules or {})})
        model._told = set(self._told)
        model._given = self._given
        model._pieces = self._pieces
        touched = {("layers", name) for name in layers or {}}
        touched |= {("cube", name) for name in cube or {}}
        touched |= {("official", name) for name in official or {}}
        touched |= {("standards", name) for name in standards or {}}
        touched |= {(name, "") for name in fine}
        touched |= {place_of(key) for key in rules or {}}
        touched |= model._set(settings or {})
        gone = frozenset(touched)
        with self._lock:
            model._kept = {key: one for key, one in self._kept.items() if one.outlives(gone)}
        data.kept("model", lambda: model)
        return model

    def given(
        self,
        function: Callable[Concatenate[CityModel, _More], _Value],
        value: _Value,
        *arguments: _More.args,
        **named: _More.kwargs,
    ) -> CityModel:
        """
        Give the model of the same city in which a quantity is known already; this one stays.

        Parameters
        ----------
        function : that would compute the quantity, as for `once`.
        value : what it is, such as a terrain or a street graph of one's own.
        *arguments : of the function.
        **named : not used.

        Returns
        -------
        A model that keeps nothing else but what was given before.

        Examples
        --------
        >>> from kcity_geo.demo.toy import make_toy
        >>> city = CityModel(make_toy()).given(cell_terrain, {"slope_pct": np.full((40, 40), 3.0)})
        >>> float(city.terrain["slope_pct"].max())
        3.0
        """
        if named:
            raise StudyError(f"given: give {', '.join(named)} by position")
        model = CityModel(replace(self._data))
        model._settings, model._network = dict(self._settings), self._network
        model._standards, model._rules = self._standards, dict(self._rules)
        model._given = {**self._given, (function, arguments): Kept(value, frozenset(), ())}
        model._kept = dict(model._given)
        model._data.kept("model", lambda: model)
        return model


def model_of(city: CityData | CityModel) -> CityModel:
    """
    Give the model of a city.

    Parameters
    ----------
    city : its data, or the model itself.

    Returns
    -------
    The one model that is kept with the data.

    Raises
    ------
    StudyError
        If it is neither.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> data = make_toy()
    >>> model_of(data) is model_of(data) is model_of(model_of(data))
    True
    """
    if isinstance(city, CityModel):
        return city
    if not isinstance(city, CityData):
        raise StudyError(f"needs the data of a city, got {type(city).__name__}; mind the order")
    found: CityModel = city.kept("model", lambda: CityModel(city))
    return found


def build_graphs(city: CityData | CityModel) -> dict[str, StreetGraph]:
    """
    Give the street graphs of a city, made once.

    Parameters
    ----------
    city : its data or its model.

    Returns
    -------
    Mode -> graph, for ``walk``, ``cycle``, ``drive`` and ``street`` (both ways, for street form).

    Warns
    -----
    KCityWarning
        If a twentieth or more of the walk or drive network hangs on nothing.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> list(build_graphs(make_toy()))
    ['walk', 'cycle', 'drive', 'street']
    """
    return model_of(city).graphs


def _array(city: CityModel, name: str) -> NDArray[np.float64] | None:
    values = city.cube.get(name)
    return None if values is None else np.asarray(values.to_numpy(), dtype=np.float64)


def _inside(city: CityModel) -> NDArray[np.bool_]:
    return np.asarray(city.cube["inside_share"].to_numpy() > 0)


def _network_rules(city: CityModel) -> NetworkTable:
    return network_table(city.network_changes)


def _homes(city: CityModel, mode: str, max_snap_m: float, spacing_m: float) -> Homes:
    graph, cells = city.graph(mode), city.people.cells
    if "snapped" not in graph.memory:
        return snap_cells(
            graph, grid=city.grid, cells=cells, max_snap_m=max_snap_m, spacing_m=spacing_m
        )
    # Only a city that is edited keeps half a million points, as each edit puts them on its streets again.
    points, owner = city.once(_home_points, spacing_m)
    return snap(graph, points, max_snap_m=max_snap_m), owner


def _home_points(
    city: CityModel, spacing_m: float
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    x, y, owner = cell_points(city.grid, city.people.cells, spacing_m=spacing_m)
    return np.asarray(shapely.points(x, y), dtype=object), owner
