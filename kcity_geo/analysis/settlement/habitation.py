"""Habitation: cells where somebody lives, land where nobody does, and open water."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.terrain.sea import sea_polygons
from kcity_geo.citydata import CityInputs
from kcity_geo.config import read_table
from kcity_geo.cube import area_in_cells, cell_size

__all__ = ["LIVED_IN", "NOBODY", "OPEN_WATER", "habitation"]

LIVED_IN, NOBODY, OPEN_WATER = 0, 1, 2

_WATER_CLASS = 80  # ESA WorldCover, permanent water


def habitation(data: CityInputs) -> NDArray[np.uint8]:
    """
    Tell which cells of the city hold residents.

    Parameters
    ----------
    data : of the city. Without a population nothing is known and every cell counts as lived in.

    Returns
    -------
    Shape (rows, cols): `LIVED_IN`, also where the number of people is not known and outside the
    city; `NOBODY` where less than the limit of ``tables/display.toml`` live; `OPEN_WATER` where
    nobody lives and at least half of the cell is mapped water, sea or water of the land cover.
    """
    people = data.array("population")
    codes = np.full(data.grid.shape, LIVED_IN, dtype=np.uint8)
    if people is None:
        return codes
    limits = read_table("display")["residents"]
    with np.errstate(invalid="ignore"):
        empty = data.inside & (people < limits["persons_min"])
    codes[empty] = NOBODY
    if empty.any():
        codes[empty & (_water_share(data) >= limits["water_share"])] = OPEN_WATER
    return codes


def _water_share(data: CityInputs) -> NDArray[np.float64]:
    """Share of each cell that is open water by the map; 1 where the land cover says so."""
    found = np.zeros(data.grid.shape)
    places = _areas(data, "water_body")
    box = data.grid.boundingbox
    coast = data.layers.get("coastline")
    if coast is not None and len(coast):
        lines = np.asarray(coast.geometry.to_numpy(), dtype=object)
        sea = sea_polygons(lines, box=(box.left, box.bottom, box.right, box.top))
        places = np.concatenate([places, np.asarray(sea, dtype=object)])
    if len(places):
        found = area_in_cells(places, grid=data.grid) / cell_size(data.grid) ** 2
    cover = data.array("landcover")
    return found if cover is None else np.maximum(found, cover == _WATER_CLASS)


def _areas(data: CityInputs, name: str) -> NDArray[np.object_]:
    """Take the mapped areas of water; a marsh is land."""
    frame = data.layers.get(name)
    if frame is None or not len(frame):
        return np.zeros(0, dtype=object)
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    chosen = shapely.get_dimensions(shapes) == 2  # noqa: PLR2004 - areas
    if "natural" in frame:
        chosen &= (frame["natural"] != "wetland").to_numpy(dtype=bool)
    return np.asarray(shapes[chosen], dtype=object)
