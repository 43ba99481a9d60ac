"""
Where people probably live when only their number is known: over mapped dwellings, or by district.

Fallbacks, and called proxies: the first inherits every hole of the building map, the second knows
nothing of where in a district people live but what is built. A population grid beats both.

References
----------
.. [1] Eicher, C. & Brewer, C. (2001). Dasymetric mapping and areal interpolation. Cartography and
   Geographic Information Science 28(2), 125-138.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.analysis.settlement.dwellings import floors_of, is_home
from kcity_geo.city import City
from kcity_geo.cube import area_in_cells
from kcity_geo.settings import Settings, settings_of

__all__ = [
    "dwelling_floor_m2",
    "people_from_districts",
    "pieces_from_districts",
]


def people_from_districts(
    persons: pd.Series,
    shares: pd.DataFrame,
    *,
    weight: NDArray[np.float64],
    land: NDArray[np.float64],
) -> NDArray[np.float64]:
    """
    Spread the known people of each district over its cells.

    Parameters
    ----------
    persons : index district id, residents. NaN: not known.
    shares : of `kcity_geo.cube.district_shares`.
    weight : shape (rows, cols), what people follow, for example built-up m2. NaN counts as 0.
    land : shape (rows, cols), area inside the city; followed where a district has no weight.

    Returns
    -------
    Shape (rows, cols), persons; the cells of each district add up to its number. NaN where only
    districts without a number reach.

    Examples
    --------
    >>> shares = pd.DataFrame({"cell": [0, 1], "district_id": ["A", "A"], "share": [1.0, 1.0]})
    >>> built, land = np.array([[30.0, 10.0]]), np.ones((1, 2))
    >>> people_from_districts(pd.Series({"A": 8.0}), shares, weight=built, land=land)
    array([[6., 2.]])
    """
    cell = shares["cell"].to_numpy()
    piece = pieces_from_districts(persons, shares, weight=weight, land=land)
    known = np.isfinite(piece)
    amount = np.bincount(cell[known], weights=piece[known], minlength=land.size)
    reached = np.bincount(cell[known], minlength=land.size) > 0
    return np.where(reached, amount, np.nan).reshape(land.shape)


def pieces_from_districts(
    persons: pd.Series,
    shares: pd.DataFrame,
    *,
    weight: NDArray[np.float64],
    land: NDArray[np.float64],
) -> NDArray[np.float64]:
    """
    Spread the known people of each district over its pieces of cells.

    Parameters
    ----------
    persons, shares, weight, land : as `people_from_districts`.

    Returns
    -------
    Shape (rows of `shares`,), persons; those of a district add up to its number. NaN: not known.

    Examples
    --------
    >>> shares = pd.DataFrame({"cell": [0, 0], "district_id": ["A", "B"], "share": [0.5, 0.5]})
    >>> one = np.ones((1, 1))
    >>> pieces_from_districts(pd.Series({"A": 8.0, "B": 2.0}), shares, weight=one, land=one)
    array([8., 2.])
    """
    cell = shares["cell"].to_numpy()
    owner, ids = pd.factorize(shares["district_id"], sort=True)
    part = shares["share"].to_numpy(dtype=float)
    follow = np.nan_to_num(weight).ravel()[cell] * part
    by_land = land.ravel()[cell] * part
    total = np.bincount(owner, weights=follow, minlength=len(ids))
    follow = np.where(total[owner] > 0, follow, by_land)
    total = np.bincount(owner, weights=follow, minlength=len(ids))
    of_district = persons.reindex(ids).to_numpy(dtype=float)
    known = np.isfinite(of_district[owner]) & (total[owner] > 0)
    piece = np.full(len(shares), np.nan)
    piece[known] = of_district[owner][known] * follow[known] / total[owner][known]
    return piece


def dwelling_floor_m2(
    buildings: gpd.GeoDataFrame,
    *,
    city: City,
    grid: GeoBox,
    landuse: gpd.GeoDataFrame | None = None,
    rule: Settings | None = None,
) -> NDArray[np.float64]:
    """
    Floor area of mapped dwellings in each cell.

    Parameters
    ----------
    buildings : polygons in the metric CRS, columns ``building`` and ``levels``.
    city : the floor area outside its boundary is left out.
    grid : the study grid.
    landuse : polygons of land use; None: not known.
    rule : parameters of ``settlement``; None: the defaults.

    Returns
    -------
    Shape (rows, cols), m2 on all floors; 0 where no dwelling is mapped, which need not mean that there is none.
    """
    rule = settings_of("settlement") if rule is None else rule
    home = is_home(buildings, landuse=landuse, rule=rule)
    floors = floors_of(buildings, home=home, rule=rule)[home]
    inside = np.array(buildings.geometry.to_numpy()[home], dtype=object)
    boundary = city.boundary_metric
    shapely.prepare(boundary)
    cut = ~shapely.contains_properly(boundary, inside)
    inside[cut] = shapely.intersection(inside[cut], boundary)
    return area_in_cells(inside, grid=grid, weight=floors)
