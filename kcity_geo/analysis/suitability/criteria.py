"""
Criteria: what each criterion of a suitability profile measures on the study grid.

A criterion without data is missing, never 0: a layer with no features says that nobody mapped it,
not that there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import shapely

from kcity_geo.analysis.distance.straight import (
    disc_sum,
    distance_m,
    nearest_feature,
)
from kcity_geo.analysis.suitability.value_functions import LANDCOVER
from kcity_geo.analysis.suitability.view import CityView, Measured, MissingDataError
from kcity_geo.analysis.transport.jobs import job_cells
from kcity_geo.cube import area_in_cells, cell_centres

__all__ = ["CRITERIA"]


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
    frame, limit = view.layer("substation"), view.assume["hv_min_v"]
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
    kinds = set(view.assume["green_open_space"])
    parks = [view.geometry("open_space", **{key: kinds}) for key in ("leisure", "landuse")]
    mapped = area_in_cells(np.concatenate(parks), grid=view.grid) / view.cell_m**2
    is_green = np.maximum(is_green, np.where(known, np.minimum(mapped, 1.0), 0.0))
    green = disc_sum(is_green, radius_m=1000.0, cell_m=view.cell_m)
    total = disc_sum(known.astype(np.float64), radius_m=1000.0, cell_m=view.cell_m)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, green / total, np.nan)
    return Measured(values=share, evidence=cover.evidence, note=cover.note)


def _people_and_jobs(view: CityView) -> Measured:
    jobs = view.city.once(job_cells)
    note = "no jobs: no mapped employment land"
    if jobs.any():
        note = "jobs from mapped land use and buildings"
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
    vacant = view.inside & (built.values <= view.assume["vacant_built_max"])
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
        raise MissingDataError(f"needs a river or lake; {view.unmapped}")
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
    found = view.city.array("ghi")
    if found is None or not np.isfinite(found).any():
        raise MissingDataError("needs a raster of solar irradiation (sources.solar)")
    return Measured(values=found)


def _hazard(view: CityView) -> Measured:
    """Larger of flood hazard (by the flood map, else low above drainage) and slope hazard."""
    low, high = view.assume["hazard_hand_m"]
    flood = 1 - np.clip((view.relief("hand_m") - low) / (high - low), 0, 1)
    if view.flood_map is not None:
        flood = np.where(np.isfinite(view.flood_map), view.flood_map, flood)
    gentle, steep = view.assume["hazard_slope_pct"]
    slope = np.clip((view.relief("slope_pct") - gentle) / (steep - gentle), 0, 1)
    how = "flood map and slope" if view.flood_map is not None else "flood and slope screening"
    note = f"{how} only; earthquakes and storms are not in it"
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
