"""Criteria of the user's own: what their files, layers and formulas say of each cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.distance.straight import disc_sum
from kcity_geo.analysis.network.access import travel_metres, travel_minutes
from kcity_geo.analysis.suitability.criteria import CRITERIA
from kcity_geo.analysis.suitability.expression import evaluate, names_in
from kcity_geo.analysis.suitability.view import CityView, Measured, MissingDataError
from kcity_geo.config import read_table
from kcity_geo.cube import area_in_cells, count_in_cells
from kcity_geo.errors import StudyError
from kcity_geo.parameters import nearest_name
from kcity_geo.profiles import CriterionRow
from kcity_geo.suitability_keys import CriterionSection

__all__ = ["OwnCriterion", "own_row"]

_OF_TERRAIN = ("slope_pct", "hand_m", "elevation_m", "aspect_score")
_OF_GAPS = ("_gap", "_gap_raw", "_gap_lo", "_gap_hi", "_p_short", "_evidence")


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnCriterion:
    """
    A criterion of the user's own with what its file holds.

    Parameters
    ----------
    keys : as in the study file.
    data : array of shape (rows, cols) of a raster, features of a file in the metric CRS, or None where a
        layer of the map or a formula is meant.
    """

    keys: CriterionSection
    data: NDArray[np.float64] | gpd.GeoDataFrame | None = None

    def measure(self, view: CityView) -> Measured:
        """
        Measure it.

        Parameters
        ----------
        view : of the city.

        Returns
        -------
        Its values on the grid.

        Raises
        ------
        MissingDataError
            If a layer or variable that it reads is missing.
        StudyError
            If a column or variable does not exist.
        """
        if not self.keys.kind:
            return CRITERIA[self.keys.id](view)
        return _MEASURES[self.keys.kind](self, view)

    def geometry(self, view: CityView) -> NDArray[np.object_]:
        """
        Give the features that it measures to.

        Parameters
        ----------
        view : of the city.

        Returns
        -------
        Geometries, metric CRS.

        Raises
        ------
        MissingDataError
            If there are none.
        """
        if isinstance(self.data, gpd.GeoDataFrame):
            places = np.asarray(self.data.geometry.to_numpy(), dtype=object)
        else:
            places = view.geometry(self.keys.source)
        if len(places) == 0:
            raise MissingDataError(f"needs features of {self.keys.source}; {view.unmapped}")
        return places


def own_row(own: OwnCriterion) -> CriterionRow:
    """
    Give a criterion of one's own as a row of a profile.

    Parameters
    ----------
    own : the criterion.

    Returns
    -------
    The keys of a row of `kcity_geo.profiles.profiles`; ``measure`` measures it.
    """
    keys = own.keys
    units = keys.units or {"distance_to": "km", "minutes_to": "min", "density_of": "1/km2"}.get(
        keys.kind, ""
    )
    known = {} if keys.kind else read_table("suitability/criteria")["criterion"].get(keys.id, {})
    units = keys.units or str(known.get("units", units))
    words = keys.id.replace("_", " ")
    # clinic_km: the unit follows the value, and is not said twice.
    words = words.removesuffix(f" {units}") if units else words
    title = keys.title or str(known.get("title", words))
    phrase = f"{title} {{value}} {units}".strip()
    return {
        "id": keys.id,
        "title": title,
        "units": units,
        "weight": keys.weight,
        "function": keys.function,
        "parameters": keys.parameters,
        "phrase": keys.reason or str(known.get("phrase", phrase)),
        "mark": "U",
        "citation": "study file",
        "layers": [keys.source] if keys.is_layer else list(known.get("layers", ())),
        "measure": own.measure,
    }


def _raster(own: OwnCriterion, view: CityView) -> Measured:  # noqa: ARG001 - the signature of all
    return Measured(values=np.asarray(own.data, dtype=np.float64), evidence="user")


def _distance(own: OwnCriterion, view: CityView) -> Measured:
    places, over = own.geometry(view), own.keys.over
    if over == "straight":
        metres = view.distance(f"own {own.keys.id}", places, needs="features")
        return Measured(values=metres / 1000, evidence="user")
    graph = view.city.graph(over)
    if not graph.n_nodes:
        raise MissingDataError(f"needs a street network for {over}; {view.unmapped}")
    metres = travel_metres(
        graph,
        places,
        grid=view.grid,
        max_snap_m=view.city.settings("transport").number("max_snap_m"),
    )
    note = "over the streets; unknown where no street is near"
    return Measured(values=np.where(view.inside, metres, np.nan) / 1000, evidence="user", note=note)


def _minutes(own: OwnCriterion, view: CityView) -> Measured:
    places = own.geometry(view)
    if own.keys.mode == "drive":
        found = view.minutes_to(places, needs="features")
        return Measured(values=found.values, evidence=found.evidence, note=found.note)
    graph = view.city.graph(own.keys.mode)
    if not graph.n_nodes:
        raise MissingDataError(f"needs a street network for {own.keys.mode}; {view.unmapped}")
    minutes = travel_minutes(
        graph,
        places,
        grid=view.grid,
        max_snap_m=view.city.settings("transport").number("max_snap_m"),
    )
    return Measured(values=np.where(view.inside, minutes, np.nan), evidence="user")


def _density(own: OwnCriterion, view: CityView) -> Measured:
    middle = shapely.centroid(own.geometry(view))
    counts = count_in_cells(middle, grid=view.grid)
    ring = {"radius_m": own.keys.radius_m, "cell_m": view.cell_m}
    land = disc_sum(np.ones(view.grid.shape), **ring) * view.cell_m**2 / 1e6
    return Measured(values=disc_sum(counts, **ring) / land, evidence="user")


def _column(own: OwnCriterion, view: CityView) -> Measured:
    frame, name = own.data, str(own.keys.column)
    if not isinstance(frame, gpd.GeoDataFrame) or name not in frame:
        known = [] if frame is None else [str(c) for c in getattr(frame, "columns", [])]
        raise StudyError(
            f"suitability.criterion {own.keys.id}: no column {name!r} in {own.keys.of}"
            f"{nearest_name(name, known)}"
        )
    try:
        values = frame[name].to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StudyError(
            f"suitability.criterion {own.keys.id}: column {name!r} holds no numbers ({error})"
        ) from error
    known = np.isfinite(values)
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)[known]
    area = area_in_cells(shapes, grid=view.grid)
    total = area_in_cells(shapes, grid=view.grid, weight=values[known])
    with np.errstate(divide="ignore", invalid="ignore"):
        return Measured(values=np.where(area > 0, total / area, np.nan), evidence="user")


def _expression(own: OwnCriterion, view: CityView) -> Measured:
    text = str(own.keys.expression)
    known = {name: _variable(name, own, view) for name in names_in(text)}
    values = np.broadcast_to(evaluate(text, known), view.grid.shape).astype(np.float64)
    return Measured(values=values, evidence="user", note=f"= {text}")


def _variable(name: str, own: OwnCriterion, view: CityView) -> NDArray[np.float64]:
    """Values of a variable of a formula in each cell."""
    if name in view.own:
        return view.own_values(name)
    found = view.city.array(name) if name in view.city.cube else view.city.terrain.get(name)
    if found is not None:
        return np.asarray(found, dtype=np.float64)
    if view.gaps is not None and name in view.gaps.cells:
        return np.asarray(view.gaps.cells[name].to_numpy(), dtype=np.float64)
    if name in CRITERIA:
        return np.asarray(CRITERIA[name](view).values, dtype=np.float64)
    if name in _OF_TERRAIN:
        raise MissingDataError("needs elevation data (sources.elevation)")
    if view.gaps is None and name.endswith(_OF_GAPS):
        raise MissingDataError("needs the gaps of the city")
    cells = [] if view.gaps is None else list(view.gaps.cells)
    there = [str(k) for k in (*view.city.cube, *view.city.terrain, *cells, *CRITERIA, *view.own)]
    raise StudyError(
        f"suitability.criterion {own.keys.id}: expression {own.keys.expression!r}: no variable {name!r}"
        f"{nearest_name(name, sorted(set(there)))}"
    )


_MEASURES: Mapping[str, Callable[[OwnCriterion, CityView], Measured]] = {
    "raster": _raster,
    "distance_to": _distance,
    "minutes_to": _minutes,
    "density_of": _density,
    "column": _column,
    "expression": _expression,
}
