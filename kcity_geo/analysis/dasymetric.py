"""
Where people probably live when only their number is known: spread over mapped dwellings.

A fallback, and called a proxy: it inherits every hole of the building map. A population grid
beats it.

References
----------
.. [1] Eicher, C. & Brewer, C. (2001). Dasymetric mapping and areal interpolation. Cartography and
   Geographic Information Science 28(2), 125-138.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from kcity_geo.config import read_table
from kcity_geo.cube import area_in_cells

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from kcity_geo.city import City

__all__ = ["people_from_dwellings"]


def people_from_dwellings(
    buildings: gpd.GeoDataFrame, *, total_persons: float, city: City, grid: GeoBox
) -> NDArray[np.float64] | None:
    """
    Spread a known number of people over the floor area of mapped dwellings.

    Buildings tagged with a use in which nobody lives (``[dwelling] not_dwellings`` of
    ``tables/parameters.toml``) are left out. Floors are taken from the levels where tagged, else
    one floor a building.

    Parameters
    ----------
    buildings : polygons in the metric CRS, columns ``building`` and ``levels``.
    total_persons : residents inside the city.
    city : buildings outside its boundary hold none of them.
    grid : the study grid.

    Returns
    -------
    Shape (rows, cols), persons, adding up to `total_persons`; None when no dwelling is mapped.
    """
    rule = read_table("parameters")["dwelling"]
    if len(buildings) == 0:
        return None
    kind = buildings["building"].astype(str).str.lower()
    home = ~kind.isin(rule["not_dwellings"]).to_numpy()
    geometry = buildings.geometry.to_numpy()[home]
    levels = buildings["levels"].to_numpy(dtype=float)[home]
    floors = np.where(np.isnan(levels), rule["levels_untagged"], np.clip(levels, 1, None))
    boundary = city.boundary_metric
    shapely.prepare(boundary)
    inside = np.array(geometry, dtype=object)
    cut = ~shapely.contains_properly(boundary, inside)
    inside[cut] = shapely.intersection(inside[cut], boundary)
    floor_m2 = area_in_cells(np.asarray(inside, dtype=object), grid=grid, weight=floors)
    if floor_m2.sum() <= 0:
        return None
    return np.asarray(floor_m2 / floor_m2.sum() * total_persons)
