"""
Criteria: what each criterion of a suitability profile measures on the study grid.

A criterion without data is missing, never 0: a layer with no features says that nobody mapped it,
not that there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from kcity_geo.analysis.proximity import (
    disc_sum,
    distance_m,
    distance_to_mask_m,
    fill_from_nearest,
    nearest_feature,
)
from kcity_geo.analysis.value_functions import LANDCOVER
from kcity_geo.config import read_table
from kcity_geo.cube import area_in_cells, cell_centres, cell_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

    from kcity_geo.analysis.network import StreetGraph
    from kcity_geo.citydata import CityData
    from kcity_geo.result import Gaps

__all__ = ["CRITERIA", "CityView", "Measured", "MissingDataError"]


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
    data : of the city.
    gaps : of the same city, or None.
    graphs : mode -> street graph; may be empty.
    terrain : of `kcity_geo.analysis.terrain.cell_terrain`; may be empty.
    """

    def __init__(
        self,
        data: CityData,
        gaps: Gaps | None,
        *,
        graphs: Mapping[str, StreetGraph],
        terrain: Mapping[str, NDArray[np.float64]],
    ) -> None:
        self.data, self.gaps, self.graphs, self.terrain = data, gaps, graphs, terrain
        self.grid, self.inside = data.grid, data.inside
        self.cell_m = cell_size(data.grid)
        self.assume: Mapping[str, Any] = read_table("profiles")["assumptions"]
        self._distances: dict[str, NDArray[np.float64]] = {}

    def layer(self, name: str) -> gpd.GeoDataFrame | None:
        """Give an OSM layer, or None when it is absent or empty."""
        frame = self.data.layers.get(name)
        return None if frame is None or len(frame) == 0 else frame

    def geometry(self, name: str, **among: set[str]) -> NDArray[np.object_]:
        """Geometries of a layer with one of the values in each column named."""
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
            raise MissingDataError(f"needs {needs}; none is mapped here")
        if key not in self._distances:
            self._distances[key] = distance_m(geometry, grid=self.grid, where=self.inside)
        return self._distances[key]

    def relief(self, name: str) -> NDArray[np.float64]:
        """Give a terrain array, or say that elevation is missing."""
        values = self.terrain.get(name)
        if values is None or not np.isfinite(np.where(self.inside, values, np.nan)).any():
            raise MissingDataError("needs an elevation raster (sources.elevation)")
        return np.asarray(values, dtype=np.float64)

    @cached_property
    def people(self) -> NDArray[np.float64]:
        """Persons in each cell, 0 outside; missing without population."""
        found = self.data.array("population")
        if found is None or not np.nansum(found) > 0:
            raise MissingDataError("needs a population raster (sources.population)")
        return np.where(self.inside, np.nan_to_num(found), 0.0)

    @cached_property
    def centre(self) -> NDArray[np.object_]:
        """Centre of the city: the heart of the densest square kilometre."""
        around = disc_sum(self.people, radius_m=564.0, cell_m=self.cell_m)
        x, y = cell_centres(self.grid)
        at = int(np.argmax(np.where(self.inside, around, -1.0)))
        return np.asarray([shapely.Point(x[at], y[at])], dtype=object)

    @cached_property
    def built_share(self) -> Measured:
        """Built-up share of each cell."""
        area = self.cell_m**2
        built = self.data.array("built_m2")
        if built is not None and np.isfinite(built).any():
            return Measured(values=np.clip(built / area, 0.0, 1.0))
        polygons = self.geometry("building")
        if len(polygons) == 0:
            raise MissingDataError("needs a raster of built surface, or mapped buildings")
        share = np.clip(area_in_cells(polygons, grid=self.grid) / area, 0.0, 1.0)
        note = "from mapped buildings, which may be incomplete"
        return Measured(values=share, evidence="proxy", note=note)

    @cached_property
    def landcover(self) -> Measured:
        """Land cover class of each cell, as ESA WorldCover codes."""
        found = self.data.array("landcover")
        if found is not None and np.isfinite(found).any():
            return Measured(values=np.where(found > 0, found, np.nan))
        return self._mapped_landcover()

    def _mapped_landcover(self) -> Measured:
        """Land cover from mapped land use, where it covers enough of the city."""
        codes = read_table("profiles")["landuse_code"]
        best = np.zeros(self.grid.shape)
        found = np.full(self.grid.shape, np.nan)
        for name, column in (("landuse", "landuse"), ("water_body", "natural")):
            frame = self.layer(name)
            if frame is None or column not in frame:
                continue
            of_code = frame[column].map(codes)
            for code in sorted(of_code.dropna().unique()):
                polygons = frame.geometry.to_numpy()[(of_code == code).to_numpy()]
                area = area_in_cells(polygons, grid=self.grid)
                found[area > best] = code
                best = np.maximum(best, area)
        found[best < 0.5 * self.cell_m**2] = np.nan
        share = float(np.isfinite(found[self.inside]).mean()) if self.inside.any() else 0.0
        if share < self.assume["landuse_known_min"]:
            raise MissingDataError(
                f"needs a land cover raster (sources.landcover); mapped land use covers {share:.0%}"
            )
        return Measured(values=found, evidence="proxy", note="from mapped land use")

    @cached_property
    def settlements(self) -> NDArray[np.float64]:
        """Distance to settlements, metres: mapped residential land and cells of 300 people a km2."""
        homes = self.geometry("landuse", landuse={"residential"})
        found = [self.distance("homes", homes, needs="homes")] if len(homes) else []
        try:
            density = self.people / (self.cell_m**2 / 1e6)
            mask = density >= self.assume["settlement_density_km2"]
            if mask.any():
                found.append(distance_to_mask_m(mask, cell_m=self.cell_m))
        except MissingDataError:
            pass
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
        """Minutes by car to the nearest place; straight lines without a street graph."""
        if len(places) == 0:
            raise MissingDataError(f"needs {needs}; none is mapped here")
        speed = self.assume["drive_kmh"]
        graph = self.graphs.get("drive")
        if graph is not None and graph.n_nodes:
            from kcity_geo.analysis.access import travel_minutes

            found = travel_minutes(
                graph,
                places,
                grid=self.grid,
                cells=np.flatnonzero(self.inside.ravel()),
                direction="to",
            )
            if np.isfinite(found).any():
                filled = fill_from_nearest(found, cell_m=self.cell_m, per_metre=0.06 / speed)
                note = f"beyond the streets an access road at {speed:g} km/h is assumed"
                return Measured(values=filled, evidence="modelled", note=note)
        metres = distance_m(places, grid=self.grid, where=self.inside)
        minutes = metres * self.assume["detour"] * 0.06 / speed
        note = f"straight line x {self.assume['detour']:g} at {speed:g} km/h"
        return Measured(values=minutes, evidence="proxy", note=note)

    def reach(self, amount: NDArray[np.float64], minutes: float) -> Measured:
        """Sum up what a car reaches in a time, by a circle."""
        speed, detour = self.assume["drive_kmh"], self.assume["detour"]
        radius = minutes * speed / 0.06 / detour
        note = (
            f"circle of {radius / 1000:.0f} km ({speed:g} km/h, detour {detour:g}); people beyond "
            "the study area are not counted"
        )
        total = disc_sum(amount, radius_m=radius, cell_m=self.cell_m)
        return Measured(values=total, evidence="proxy", note=note)


def _km(layer: str, key: str, needs: str, **among: set[str]) -> Callable[[CityView], Measured]:
    """Make a criterion: kilometres to the features of a layer."""

    def measure(view: CityView) -> Measured:
        found = view.distance(key, view.geometry(layer, **among), needs=needs)
        return Measured(values=found / 1000)

    return measure


def _relief(name: str) -> Callable[[CityView], Measured]:
    def measure(view: CityView) -> Measured:
        return Measured(values=view.relief(name), evidence="modelled")

    return measure


def _needs(text: str) -> Callable[[CityView], Measured]:
    """Make a criterion that no source of the package can feed."""

    def measure(view: CityView) -> Measured:  # noqa: ARG001 - the signature of all criteria
        raise MissingDataError(f"needs {text}, which the study has no source for")

    return measure


def _port_or_rail(view: CityView) -> Measured:
    stations = view.geometry("transit_high", railway={"station", "halt"})
    yards = view.geometry("railway", service={"yard", "siding", "spur"})
    places = np.concatenate([view.geometry("port"), stations, yards])
    if len(places) == 0:
        places = view.geometry("railway", railway={"rail", "narrow_gauge"})
    found = view.distance("port_or_rail", places, needs="a port, railway station or railway")
    return Measured(values=found / 1000)


def _hv_substation(view: CityView) -> Measured:
    frame, limit = view.layer("substation"), view.assume["hv_v"]
    high = np.zeros(0, dtype=object)
    if frame is not None and "voltage_v" in frame:
        high = frame.geometry.to_numpy()[(frame["voltage_v"] >= limit).to_numpy(dtype=bool)]
    needs = f"substations with a mapped voltage of at least {limit / 1000:g} kV"
    return Measured(values=view.distance("hv_substation", high, needs=needs) / 1000)


def _water_source(view: CityView) -> Measured:
    places = np.concatenate(
        [view.raw_water, view.geometry("water_plant"), view.geometry("water_store")]
    )
    found = view.distance("water_source", places, needs="a river, lake, reservoir or water works")
    return Measured(values=found / 1000)


def _raw_source(view: CityView) -> Measured:
    found = view.distance("raw_water", view.raw_water, needs="a river or lake")
    return Measured(values=found / 1000)


def _transit(view: CityView) -> Measured:
    places = np.concatenate([view.geometry("transit_low"), view.geometry("transit_high")])
    return Measured(values=view.distance("transit", places, needs="public transport stops") / 1000)


def _ramp(view: CityView) -> Measured:
    links = {"motorway_link", "trunk_link"}
    ramps = view.geometry("roads_drive", highway=links)
    note = ""
    if len(ramps) == 0:
        # A trunk road at grade has no ramps: it is joined anywhere.
        ramps = view.geometry("roads_drive", highway={"trunk"})
        note = "no ramps are mapped; distance to the trunk road"
    found = view.distance("ramp", ramps, needs="motorway or trunk junctions")
    return Measured(values=found / 1000, note=note)


def _fibre(view: CityView) -> Measured:
    frame = view.layer("telecom")
    places = np.zeros(0, dtype=object)
    if frame is not None:
        keep = np.zeros(len(frame), dtype=bool)
        for column in ("telecom", "communication"):
            if column in frame:
                keep |= frame[column].fillna("").astype(str).str.len().to_numpy() > 0
        places = frame.geometry.to_numpy()[keep]
    found = view.distance("fibre", places, needs="telecom exchanges or communication lines")
    return Measured(values=found / 1000, evidence="proxy", note="capacity is not mapped")


def _nuisance(view: CityView) -> Measured:
    land = view.geometry("landuse", landuse={"landfill", "quarry", "industrial"})
    plants = view.geometry("sewage", man_made={"wastewater_plant"})
    places = np.concatenate([land, plants])
    needs = "landfills, quarries, industry or wastewater plants"
    return Measured(values=view.distance("nuisance", places, needs=needs))


def _services_gap(view: CityView) -> Measured:
    """Mean gap of health and school access of the people within 3 km."""
    if view.gaps is None:
        raise MissingDataError("needs the gaps of the city")
    found = [view.gaps.cells[k] for k in ("T9_health_gap", "T9_school_gap") if k in view.gaps.cells]
    if not found:
        raise MissingDataError("needs the access gaps T9_health or T9_school")
    stack = np.stack([np.asarray(v.to_numpy(), dtype=np.float64) for v in found])
    known = np.isfinite(stack)
    gap = np.where(known, stack, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    people = np.where(known.any(axis=0), view.people, 0.0)
    total = disc_sum(people, radius_m=3000.0, cell_m=view.cell_m)
    mean = disc_sum(people * gap, radius_m=3000.0, cell_m=view.cell_m)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(total > 0, mean / total, np.nan)
    return Measured(
        values=values, evidence="modelled", note="cells without people in 3 km: unknown"
    )


def _green(view: CityView) -> Measured:
    cover = view.landcover
    names = set(view.assume["green_classes"])
    codes = [code for code, name in LANDCOVER.items() if name in names]
    known = np.isfinite(cover.values) & view.inside
    is_green = (known & np.isin(cover.values, codes)).astype(np.float64)
    green = disc_sum(is_green, radius_m=1000.0, cell_m=view.cell_m)
    total = disc_sum(known.astype(np.float64), radius_m=1000.0, cell_m=view.cell_m)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, green / total, np.nan)
    return Measured(values=share, evidence=cover.evidence, note=cover.note)


def _people_and_jobs(view: CityView) -> Measured:
    jobs, note = np.zeros(view.grid.shape), "no jobs: no mapped employment land"
    for use, per_ha in view.assume["jobs_per_ha"].items():
        polygons = view.geometry("landuse", landuse={use})
        if len(polygons):
            jobs += area_in_cells(polygons, grid=view.grid) / 1e4 * per_ha
            note = "jobs from mapped land use"
    total = disc_sum(view.people + jobs, radius_m=1000.0, cell_m=view.cell_m)
    return Measured(values=total, evidence="proxy", note=note)


def _centrality(view: CityView) -> Measured:
    """Share of the city's people within 15 minutes by car."""
    reached = view.reach(view.people, 15.0)
    return Measured(
        values=reached.values / view.people.sum(),
        evidence="proxy",
        note=f"share of the people within 15 minutes; {reached.note}",
    )


def _unserved(view: CityView) -> Measured:
    if view.gaps is None or "T1_gap" not in view.gaps.cells:
        raise MissingDataError("needs indicator T1, people near public transport")
    gap = np.nan_to_num(np.asarray(view.gaps.cells["T1_gap"].to_numpy(), dtype=np.float64))
    total = disc_sum(view.people * gap, radius_m=3000.0, cell_m=view.cell_m)
    return Measured(values=total, evidence="modelled")


def _rail_or_corridor(view: CityView) -> Measured:
    roads = view.geometry("roads_drive", highway={"motorway", "trunk", "primary"})
    places = np.concatenate([view.geometry("railway"), roads])
    found = view.distance("corridor", places, needs="a railway, trunk or primary road")
    return Measured(values=found / 1000)


def _vacant(view: CityView) -> Measured:
    """Land within 250 m that is neither built up nor water, ha."""
    built = view.built_share
    vacant = view.inside & ~(built.values > view.assume["vacant_built_max"])
    water = view.geometry("water_body")
    if len(water):
        vacant &= area_in_cells(water, grid=view.grid) < 0.5 * view.cell_m**2
    land = np.where(vacant, 1.0 - np.nan_to_num(built.values), 0.0) * view.cell_m**2 / 1e4
    total = disc_sum(land, radius_m=250.0, cell_m=view.cell_m)
    note = "; ".join(filter(None, [built.note, "ownership and use are not known"]))
    return Measured(values=total, evidence="proxy", note=note)


def _lift(view: CityView) -> Measured:
    """Rise from the nearest raw water to the cell, m; negative where water flows down to it."""
    ground = view.relief("elevation_m")
    source = view.raw_water
    if len(source) == 0:
        raise MissingDataError("needs a river or lake; none is mapped here")
    areal = np.isin(shapely.get_type_id(source), (3, 6))
    wide = np.where(areal, source, shapely.buffer(source, 0.5))
    wet = area_in_cells(wide, grid=view.grid) > 0
    wet &= np.isfinite(ground)
    if not wet.any():
        raise MissingDataError("needs a river or lake inside the elevation raster")
    x, y = cell_centres(view.grid)
    at = np.flatnonzero(wet.ravel())
    _, nearest = nearest_feature(np.asarray(shapely.points(x[at], y[at])), x, y)
    level = ground.ravel()[at[nearest]].reshape(view.grid.shape)
    return Measured(values=ground - level, evidence="modelled")


def _head(view: CityView) -> Measured:
    """Height above the people to be served, m."""
    ground = view.relief("elevation_m")
    people = np.where(np.isfinite(ground), view.people, 0.0)
    if people.sum() == 0:
        raise MissingDataError("needs people inside the elevation raster")
    mean = float((np.nan_to_num(ground) * people).sum() / people.sum())
    return Measured(
        values=ground - mean, evidence="modelled", note=f"people live at {mean:.0f} m on average"
    )


def _demand_centroid(view: CityView) -> Measured:
    x, y = cell_centres(view.grid)
    people = view.people.ravel()
    centre = shapely.Point((x * people).sum() / people.sum(), (y * people).sum() / people.sum())
    found = distance_m(np.array([centre], dtype=object), grid=view.grid, where=view.inside)
    return Measured(values=found / 1000, evidence="modelled")


def _irradiation(view: CityView) -> Measured:
    found = view.data.array("ghi")
    if found is None or not np.isfinite(found).any():
        raise MissingDataError("needs a raster of solar irradiation (sources.solar)")
    return Measured(values=found)


def _hazard(view: CityView) -> Measured:
    """Larger of flood hazard (low above drainage) and slope hazard."""
    low, high = view.assume["hazard_hand_m"]
    flood = 1 - np.clip((view.relief("hand_m") - low) / (high - low), 0, 1)
    gentle, steep = view.assume["hazard_slope_pct"]
    slope = np.clip((view.relief("slope_pct") - gentle) / (steep - gentle), 0, 1)
    note = "flood and slope screening only; earthquakes and storms are not in it"
    return Measured(values=np.maximum(flood, slope), evidence="proxy", note=note)


def _airport_minutes(view: CityView) -> Measured:
    return view.minutes_to(view.geometry("airport"), needs="an airport")


def _centre_minutes(view: CityView) -> Measured:
    return view.minutes_to(view.centre, needs="a centre")


#: Criterion id -> what measures it.
CRITERIA: Mapping[str, Callable[[CityView], Measured]] = {
    "slope_pct": _relief("slope_pct"),
    "hand_m": _relief("hand_m"),
    "aspect_score": _relief("aspect_score"),
    "d_trunk_km": _km(
        "roads_drive", "trunk", "a trunk road or motorway",
        highway={"motorway", "trunk", "motorway_link", "trunk_link"},
    ),
    "d_road_km": _km("roads_drive", "road", "roads"),
    "d_port_or_rail_km": _port_or_rail,
    "d_substation_km": _km("substation", "substation", "substations"),
    "d_hv_substation_km": _hv_substation,
    "d_water_source_km": _water_source,
    "d_raw_source_km": _raw_source,
    "labour_45min": lambda view: view.reach(view.people, 45.0),
    "pop_60min": lambda view: view.reach(view.people, 60.0),
    "landcover": lambda view: view.landcover,
    "d_settlement_m": lambda view: Measured(values=view.settlements),
    "t_centre_min": _centre_minutes,
    "transit_km": _transit,
    "services_gap_near": _services_gap,
    "nuisance_m": _nuisance,
    "d_motorway_ramp_km": _ramp,
    "d_airport_km": _km("airport", "airport", "an airport"),
    "t_airport_min": _airport_minutes,
    "d_university_km": _km("university", "university", "a university"),
    "graduates_45min": _needs("a table of graduates"),
    "fibre_km": _fibre,
    "green_share_1km": _green,
    "pop_jobs_1km": _people_and_jobs,
    "network_centrality": _centrality,
    "unserved_pop_3km": _unserved,
    "d_rail_or_corridor_km": _rail_or_corridor,
    "vacant_land_ha": _vacant,
    "lift_from_source_m": _lift,
    "head_over_demand_m": _head,
    "d_demand_centroid_km": _demand_centroid,
    "ghi_kwh_m2_y": _irradiation,
    "hazard_index": _hazard,
    "mean_temp_c": _needs("a raster of mean air temperature"),
}  # fmt: skip
