"""Jobs: where people work, from mapped buildings, land in use and workplaces that state employees."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.evidence.features import column, text
from kcity_geo.citydata import CityData
from kcity_geo.cube import area_in_cells, bin_points

__all__ = ["employees_in_cells", "job_cells", "why_no_jobs"]

WORK_BUILDINGS = ("industrial", "commercial", "office", "retail")


def job_cells(city: CityModel | CityData) -> NDArray[np.float64]:
    """
    Estimate the jobs in each cell (a proxy).

    Floor area of industrial, commercial, office and retail buildings at 40 m2 a job, or land in
    such use at so many jobs per hectare, or the employees that mapped workplaces state; of the three
    the largest, so that nothing counts twice.

    Parameters
    ----------
    city : its model or its data.

    Returns
    -------
    Shape (rows, cols), jobs; 0 where nothing of the kind is mapped.
    """
    city = model_of(city)
    rules = city.settings("transport")
    floors = np.zeros(city.grid.shape)
    if "building" in city.layers and len(city.layers["building"]):
        layer = city.layers["building"]
        work = layer[np.isin(text(layer, "building"), WORK_BUILDINGS)]
        levels = column(work, "levels")
        levels = np.where(levels >= 1, levels, 1.0)
        floors = area_in_cells(work.geometry.to_numpy(), grid=city.grid, weight=levels)
    land = np.zeros(city.grid.shape)
    if "landuse" in city.layers and len(city.layers["landuse"]):
        layer = city.layers["landuse"]
        use = text(layer, "landuse")
        for kind in ("industrial", "commercial", "retail"):
            polygons = layer.geometry.to_numpy()[use == kind]
            area = area_in_cells(polygons, grid=city.grid)
            land += area / 10_000.0 * rules[f"jobs_ha_{kind}"]
    estimate = np.maximum(floors / rules["jobs_m2_each"], land)
    return np.asarray(np.maximum(estimate, city.once(employees_in_cells)))


def why_no_jobs(city: CityModel) -> str:
    """
    Say why nothing may rest on the jobs that are told of a city.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Empty where there are as many as a city has: at least ``jobs_person_min`` for each resident.
    """
    own = "give your workplaces as sources.extra.jobs, with a column employees"
    total = float(city.once(job_cells)[city.inside].sum())
    if total <= 0:
        return f"no jobs are told by the map (land use, buildings, workplaces): map them, or {own}"
    persons = float(city.people.persons[city.inside].sum())
    least = city.settings("transport").number("jobs_person_min")
    if not city.people.known or total >= least * persons:
        return ""
    return (
        f"the map tells {total:,.0f} jobs, {total / persons:.2g} for each resident; fewer than {least:g} are "
        f"no plausible count of a city, most workplaces are not mapped: {own}"
    )


def employees_in_cells(city: CityModel) -> NDArray[np.float64]:
    """
    Add up the employees that mapped workplaces, or those of the user's own file, state.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Shape (rows, cols), persons; a workplace that states no number counts none.
    """
    layer = city.layer("jobs")
    if layer is None:
        return np.zeros(city.grid.shape)
    employed = np.maximum(np.nan_to_num(column(layer, "employees")), 0.0)
    known = np.flatnonzero(employed > 0)
    places = shapely.point_on_surface(layer.geometry.to_numpy()[known])
    cells = bin_points(shapely.get_x(places), shapely.get_y(places), grid=city.grid)
    here = cells >= 0
    found = np.bincount(cells[here], employed[known][here], minlength=city.inside.size)
    return found.reshape(city.grid.shape)
