"""What the criteria of a suitability profile look at: layers, distances, people of a city."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.distance.straight import (
    disc_sum,
    distance_m,
    distance_to_mask_m,
    fill_from_nearest,
)
from kcity_geo.analysis.network.access import travel_minutes
from kcity_geo.analysis.settlement.mapped_buildings import enough_for
from kcity_geo.analysis.suitability.excluded_area import united
from kcity_geo.analysis.suitability.value_functions import LANDCOVER
from kcity_geo.analysis.water.flood import flood_map_exposure
from kcity_geo.citydata import NO_MAP, without_map
from kcity_geo.config import read_table
from kcity_geo.cube import area_in_cells, cell_centres, cell_size, length_in_cells
from kcity_geo.errors import StudyError
from kcity_geo.result import Gaps

__all__ = ["CityView", "Measured", "MissingDataError"]


class MissingDataError(Exception):
    """A criterion or constraint cannot be measured; the text says what it needs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """
    A criterion on the grid.

    Parameters
    ----------
    values : shape (rows, cols), in the units of the criterion. NaN: not known.
    evidence : observed, modelled, proxy, user or synthetic.
    note : for people.
    """

    values: NDArray[np.float64]
    evidence: str = "observed"
    note: str = ""


class CityView:
    """
    A city as criteria and constraints look at it; keeps what several of them need.

    Parameters
    ----------
    city : its model.
    gaps : of the same city, or None.
    """

    def __init__(self, city: CityModel, gaps: Gaps | None) -> None:
        self.city, self.gaps = city, gaps
        self.grid, self.inside = city.grid, city.inside
        self.cell_m = cell_size(city.grid)
        self.assume = city.settings("suitability")
        self._distances: dict[str, NDArray[np.float64]] = {}
        #: Criteria of the study itself by id, so that a formula may name them.
        self.own: dict[str, Callable[[CityView], Measured]] = {}
        self._own_values: dict[str, NDArray[np.float64]] = {}
        self._asked: list[str] = []

    def layer(self, name: str) -> gpd.GeoDataFrame | None:
        """Give an OSM layer, or None when it is absent or empty."""
        return self.city.layer(name)

    def own_values(self, name: str) -> NDArray[np.float64]:
        """
        Give the values of a criterion of the study for the formula of another, each measured once.

        Raises `StudyError` where a formula needs itself.
        """
        if name not in self._own_values:
            if name in self._asked:
                ring = " needs ".join([*self._asked[self._asked.index(name) :], name])
                raise StudyError(f"suitability.criterion {name}: formulas go in a circle: {ring}")
            self._asked.append(name)
            try:
                self._own_values[name] = np.asarray(self.own[name](self).values, dtype=np.float64)
            finally:
                self._asked.pop()
        return self._own_values[name]

    @property
    def unmapped(self) -> str:
        """Say why nothing of a kind is mapped: no map was given, or the map holds none."""
        return NO_MAP if without_map(self.city.study) else "none is mapped here"

    def geometry(self, name: str, **among: set[str]) -> NDArray[np.object_]:
        """Give the geometries of a layer with one of the values in each column named."""
        frame = self.layer(name)
        if frame is None:
            return np.zeros(0, dtype=object)
        keep = np.ones(len(frame), dtype=bool)
        for column, values in among.items():
            if column not in frame:
                return np.zeros(0, dtype=object)
            keep &= frame[column].isin(list(values)).to_numpy(dtype=bool)
        return np.asarray(frame.geometry.to_numpy()[keep], dtype=object)

    def distance(self, key: str, geometry: NDArray[np.object_], *, needs: str) -> NDArray[Any]:
        """Distance to features, metres, kept under `key`; missing without any."""
        if len(geometry) == 0:
            raise MissingDataError(f"needs {needs}; {self.unmapped}")
        if key not in self._distances:
            self._distances[key] = distance_m(geometry, grid=self.grid, where=self.inside)
        return self._distances[key]

    def array(self, variable: str) -> NDArray[np.float64]:
        """Give a variable of the cube on the grid, or say that the study has no raster of it."""
        found = self.city.array(variable)
        if found is None:
            rasters = read_table("rasters")["raster"]
            keys = (key for key, row in rasters.items() if row["variable"] == variable)
            where = " or ".join(f"sources.{key}" for key in keys)
            needs = f"a raster ({where})" if where else f"the variable {variable!r} in the cube"
            raise MissingDataError(f"needs {needs}")
        return np.asarray(found, dtype=np.float64)

    def relief(self, name: str) -> NDArray[np.float64]:
        """Give a terrain array, or say that elevation is missing."""
        values = self.city.terrain.get(name)
        if values is None or not np.isfinite(np.where(self.inside, values, np.nan)).any():
            raise MissingDataError("needs elevation data (sources.elevation)")
        return np.asarray(values, dtype=np.float64)

    @cached_property
    def people(self) -> NDArray[np.float64]:
        """Persons in each cell, 0 outside; missing without population."""
        found = self.city.array("population")
        if found is None or not np.nansum(found) > 0:
            raise MissingDataError("needs a population raster (sources.population)")
        return self.city.people.persons

    @cached_property
    def centre(self) -> NDArray[np.object_]:
        """Centre of the city: the heart of the densest square kilometre."""
        around = disc_sum(self.people, radius_m=564.0, cell_m=self.cell_m)
        x, y = cell_centres(self.grid)
        at = int(np.argmax(np.where(self.inside, around, -1.0)))
        return np.asarray([shapely.Point(x[at], y[at])], dtype=object)

    @cached_property
    def built_share(self) -> Measured:
        """Built-up share of each cell; NaN where streets say that buildings are missing."""
        area = self.cell_m**2
        built = self.city.array("built_m2")
        if built is not None and np.isfinite(built).any():
            share = np.clip(built / area, 0.0, 1.0)
            return self._not_empty(share, least=self.assume["streets_built_min"])
        polygons = self.geometry("building")
        if len(polygons) == 0:
            raise MissingDataError("needs a raster of built surface, or mapped buildings")
        mapped = area_in_cells(polygons, grid=self.grid)
        own, people = self.city.settings("settlement"), float(self.city.people.persons.sum())
        if not enough_for(float(mapped[self.inside].sum()), people, settings=own):
            raise MissingDataError(
                "needs a raster of built surface: too few buildings are mapped for the people"
            )
        share = np.clip(mapped / area, 0.0, 1.0)
        found = self._not_empty(share, least=self.assume["streets_mapped_built_min"])
        blank = self._nothing_mapped(mapped) & np.isfinite(found.values)
        notes = ["from mapped buildings, which may be incomplete", found.note]
        if blank.any():
            notes.append(
                f"{blank.sum()} cells with neither street nor building in "
                f"{self.assume['mapped_near_m']:,.0f} m are unknown: nobody mapped there"
            )
        return Measured(
            values=np.where(blank, np.nan, found.values),
            evidence="proxy",
            note="; ".join(filter(None, notes)),
        )

    def _nothing_mapped(self, built_m2: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Find cells far from all that anybody mapped, of which no land cover tells either."""
        frame = self.layer("roads_drive")
        lines = [] if frame is None else frame.geometry.to_numpy()
        streets = length_in_cells(np.asarray(lines, dtype=object), grid=self.grid)
        seen = ((streets > 0) | (built_m2 > 0)).astype(np.float64)
        radius = max(float(self.assume["mapped_near_m"]), self.cell_m)
        near = disc_sum(seen, radius_m=radius, cell_m=self.cell_m) > 0.5  # noqa: PLR2004 - one cell or more
        cover = self.city.array("landcover")
        told = np.zeros(self.grid.shape, dtype=bool) if cover is None else np.isfinite(cover)
        return np.asarray(~near & ~told & self.inside, dtype=bool)

    def _not_empty(self, share: NDArray[np.float64], *, least: float) -> Measured:
        """Make cells unknown that streets of homes run through and that show fewer buildings than `least`."""
        unknown = settled_streets(self) & (share < least) & self.inside
        note = ""
        if unknown.any():
            note = f"{int(unknown.sum()):,} cells with residential or dense streets and no buildings are unknown"
        return Measured(values=np.where(unknown, np.nan, share), note=note)

    @cached_property
    def dense_cells(self) -> NDArray[np.bool_] | None:
        """Cells where people live as densely as in an urban cluster; None without population."""
        try:
            density = self.people / (self.cell_m**2 / 1e6)
        except MissingDataError:
            return None
        return np.asarray(density >= self.assume["urban_cluster_density_km2"])

    @cached_property
    def settled_cover(self) -> NDArray[np.bool_]:
        """Cells that a land cover raster calls built; none without one."""
        cover = self.city.array("landcover")
        if cover is None:
            return np.zeros(self.grid.shape, dtype=bool)
        codes = [code for code, name in LANDCOVER.items() if name == "built"]
        return np.asarray(np.isin(cover, codes) & self.inside)

    @cached_property
    def settled_people(self) -> NDArray[np.bool_]:
        """Cells where people live as densely as in an urban centre; none without population."""
        try:
            density = self.people / (self.cell_m**2 / 1e6)
        except MissingDataError:
            return np.zeros(self.grid.shape, dtype=bool)
        least = self.city.settings("settlement").number("urban_centre_density_km2")
        return np.asarray((density >= least) & self.inside)

    @cached_property
    def flood_map(self) -> NDArray[np.float64] | None:
        """Exposure by the flood map of the study, 0 to 1, NaN where it does not reach; None without one."""
        found = flood_map_exposure(self.city)
        return None if found is None else found[0]

    @cached_property
    def landcover(self) -> Measured:
        """Land cover class of each cell, as ESA WorldCover codes."""
        found = self.city.array("landcover")
        if found is not None and np.isfinite(found).any():
            return Measured(values=np.where(found > 0, found, np.nan))
        return self._mapped_landcover()

    def _mapped_landcover(self) -> Measured:
        """Land cover from mapped land use, where it covers enough of the city."""
        codes = read_table("suitability/profiles")["landuse_code"]
        best = np.zeros(self.grid.shape)
        found = np.full(self.grid.shape, np.nan)
        for name, column in (("landuse", "landuse"), ("water_body", "natural")):
            frame = self.layer(name)
            if frame is None or column not in frame:
                continue
            of_code = frame[column].map(codes)
            for code in sorted(of_code.dropna().unique()):
                polygons = frame.geometry.to_numpy()[(of_code == code).to_numpy()]
                # Land that is mapped twice is there once.
                area = area_in_cells(united(polygons), grid=self.grid)
                found[area > best] = code
                best = np.maximum(best, area)
        found[best < 0.5 * self.cell_m**2] = np.nan
        share = float(np.isfinite(found[self.inside]).mean()) if self.inside.any() else 0.0
        if share < self.assume["landuse_known_min"]:
            raise MissingDataError(
                f"needs land cover data (sources.landcover); mapped land use covers {share:.0%}"
            )
        return Measured(values=found, evidence="proxy", note="from mapped land use")

    @cached_property
    def settlements(self) -> NDArray[np.float64]:
        """Distance to settlements, metres: mapped residential land and cells of 300 people a km2."""
        homes = self.geometry("landuse", landuse={"residential"})
        found = [self.distance("homes", homes, needs="homes")] if len(homes) else []
        dense = self.dense_cells
        if dense is not None and dense.any():
            found.append(distance_to_mask_m(dense, cell_m=self.cell_m))
        if not found:
            raise MissingDataError("needs population or mapped residential land")
        return np.asarray(np.fmin.reduce(found))

    @cached_property
    def raw_water(self) -> NDArray[np.object_]:
        """Rivers, canals and lakes of some size that are not sewage."""
        rivers = self.geometry("drainage", waterway={"river", "canal"})
        frame = self.layer("water_body")
        if frame is None:
            return rivers
        water = frame.get("water", "")
        natural = frame.get("natural", "water")
        keep = (natural == "water") & ~np.isin(
            water, ["wastewater", "basin", "pool", "fountain", "moat", "reflecting_pool"]
        )
        lakes = frame.geometry.to_numpy()[np.asarray(keep, dtype=bool)]
        lakes = lakes[shapely.area(lakes) >= self.assume["raw_water_min_ha"] * 1e4]
        return np.concatenate([rivers, np.asarray(lakes, dtype=object)])

    def minutes_to(self, places: NDArray[np.object_], *, needs: str) -> Measured:
        """Give the minutes by car to the nearest place; straight lines without a street graph."""
        if len(places) == 0:
            raise MissingDataError(f"needs {needs}; {self.unmapped}")
        speed, origin = self.assume["drive_kmh"], self.assume.origin("drive_kmh")
        graph, settings = self.city.graph("drive"), self.city.settings("transport")
        if graph.n_nodes:
            found = travel_minutes(
                graph,
                places,
                grid=self.grid,
                cells=self.city.people.cells,
                homes=self.city.homes("drive"),
                direction="to",
                max_snap_m=settings.number("max_snap_m"),
            )
            if np.isfinite(found).any():
                filled = fill_from_nearest(found, cell_m=self.cell_m, per_metre=0.06 / speed)
                note = f"beyond the streets an access road at {speed:g} km/h is assumed ({origin})"
                return Measured(values=filled, evidence="modelled", note=note)
        metres = distance_m(places, grid=self.grid, where=self.inside)
        minutes = metres * self.assume["detour_factor"] * 0.06 / speed
        note = (
            f"straight line x {self.assume['detour']:g} ({self.assume.origin('detour')}) at "
            f"{speed:g} km/h ({origin})"
        )
        return Measured(values=minutes, evidence="proxy", note=note)

    def reach(self, amount: NDArray[np.float64], minutes: float) -> Measured:
        """Sum up what a car reaches in a time, by a circle."""
        speed, detour = self.assume["drive_kmh"], self.assume["detour_factor"]
        radius = minutes * speed / 0.06 / detour
        note = (
            f"circle of {radius / 1000:.0f} km ({speed:g} km/h, detour {detour:g}); people beyond "
            "the study area are not counted"
        )
        total = disc_sum(amount, radius_m=radius, cell_m=self.cell_m)
        return Measured(values=total, evidence="proxy", note=note)


def settled_streets(view: CityView) -> NDArray[np.bool_]:
    """
    Find cells whose streets say that people live or work there, whether or not buildings are mapped.

    Parameters
    ----------
    view : of the city.

    Returns
    -------
    Shape (rows, cols), True where a residential street runs through half a cell, and where residential or
    all streets around the cell are dense.
    """
    frame = view.layer("roads_drive")
    if frame is None:
        return np.zeros(view.grid.shape, dtype=bool)
    lines = np.asarray(frame.geometry.to_numpy(), dtype=object)
    highway = frame["highway"]
    homes = highway.isin(view.assume["residential_streets"]).to_numpy(dtype=bool)
    passing = highway.isin(view.assume["passing_streets"]).to_numpy(dtype=bool)
    radius = max(float(view.assume["streets_near_m"]), 0.75 * view.cell_m)
    cells = disc_sum(np.ones(view.grid.shape), radius_m=radius, cell_m=view.cell_m)
    found = np.zeros(view.grid.shape, dtype=bool)
    for which, least in ((homes, "residential_km_km2_min"), (~passing, "streets_km_km2_min")):
        length = length_in_cells(lines[which], grid=view.grid)
        if which is homes:
            found |= length >= 0.5 * view.cell_m
        around = disc_sum(length, radius_m=radius, cell_m=view.cell_m)
        found |= around / 1000 / (cells * view.cell_m**2 / 1e6) >= view.assume[least]
    return found
