"""
Ground of a city: what a metre of a new road or line costs in each cell, and a little beyond.

The raster reaches as far beyond the city as the layers of the map do, so that a substation just outside is
found. What is not mapped makes nothing dearer; the note says which inputs were missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.distance.ground import GroundCover, ground_factor, ground_rule
from kcity_geo.analysis.terrain.relief import cell_slope_pct
from kcity_geo.analysis.terrain.sea import sea_polygons
from kcity_geo.cube import area_in_cells, cell_size, length_in_cells

__all__ = ["Ground", "ground_of"]

#: The map is read this far beyond the city, metres.
_BEYOND_M = 2000.0
_FOREST, _WETLAND, _WATER = (10, 95), (90,), (80,)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """
    Cost of a metre of a new line.

    Parameters
    ----------
    grid : the study grid, grown by whole cells on each side.
    factor : shape (rows, cols) of `grid`, cost of a metre as a multiple of flat and open ground; infinite:
        no way through.
    ring : cells by which the grid was grown on each side.
    basis : what the cost rests on, and what was missing, in words.
    """

    grid: GeoBox
    factor: NDArray[np.float64]
    ring: int
    basis: str

    @property
    def cell_m(self) -> float:
        """Side of a cell, metres."""
        return cell_size(self.grid)


def ground_of(city: CityModel) -> Ground:
    """
    Tell what a metre of a new road, pipe or line costs in each cell of a city.

    Parameters
    ----------
    city : its model; ``city.once(ground_of)`` computes it once.

    Returns
    -------
    The cost, on the study grid and 2 km around it.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> ground = ground_of(model_of(make_toy()))
    >>> ground.factor.shape, float(ground.factor.max())
    ((80, 80), 1.0)
    """
    ring = int(np.ceil(_BEYOND_M / cell_size(city.grid)))
    grid = city.grid.pad(ring)
    slope = np.zeros(tuple(grid.shape))
    missing = []
    if city.dem is None:
        missing.append("slope (no elevation)")
    else:
        slope = cell_slope_pct(city.dem, grid)
    cover = city.array("landcover")
    if cover is None:
        missing.append("land cover (mapped forest and wetland only)")
    found = _cover(city, grid, _padded(cover, ring, tuple(grid.shape)), ring)
    factor = ground_factor(found, slope, cell_m=cell_size(grid))
    basis = "slope, rivers, railways, water, wetland, forest, buildings, protected land"
    if missing:
        basis += f"; not known: {', '.join(missing)}"
    return Ground(grid=grid, factor=factor, ring=ring, basis=basis)


def _padded(
    values: NDArray[np.float64] | None, ring: int, shape: tuple[int, int]
) -> NDArray[np.float64]:
    if values is None:
        return np.full(shape, np.nan)
    return np.pad(np.asarray(values, dtype=np.float64), ring, constant_values=np.nan)


def _cover(city: CityModel, grid: GeoBox, code: NDArray[np.float64], ring: int) -> GroundCover:
    half = cell_size(grid) ** 2 / 2
    wet = _shapes(city, "water_body", natural={"wetland"})
    lakes = _shapes(city, "water_body", natural={"water"})
    box = grid.boundingbox
    sea = sea_polygons(_shapes(city, "coastline"), box=(box.left, box.bottom, box.right, box.top))
    water = area_in_cells(lakes, grid=grid) + area_in_cells(
        np.asarray(sea, dtype=object), grid=grid
    )
    forest = area_in_cells(_shapes(city, "landuse", landuse={"forest"}), grid=grid) > half
    built = city.array("built_m2")
    built_m2 = area_in_cells(_shapes(city, "building"), grid=grid)
    if built is not None:
        inner = _padded(built, ring, tuple(grid.shape))
        built_m2 = np.where(np.isfinite(inner), inner, built_m2)
    return GroundCover(
        water=(water > half) | np.isin(code, _WATER),
        wetland=(area_in_cells(wet, grid=grid) > half) | np.isin(code, _WETLAND),
        forest=forest | np.isin(code, _FOREST),
        built=built_m2 > 2 * half * ground_rule("built_from_share"),
        protected=area_in_cells(_shapes(city, "protected"), grid=grid) > half,
        river=_crossed(city, grid, "drainage", waterway={"river", "canal"}),
        railway=_crossed(city, grid, "railway", railway={"rail", "light_rail", "narrow_gauge"}),
        street=length_in_cells(_shapes(city, "roads_drive"), grid=grid) > 0,
    )


def _crossed(city: CityModel, grid: GeoBox, name: str, **among: set[str]) -> NDArray[np.bool_]:
    """Cells through which a line runs in the open air, and over which no street leads yet."""
    lines = _shapes(city, name, open_air=True, **among)
    cells = length_in_cells(lines, grid=grid) > 0
    streets = _shapes(city, "roads_drive")
    if not cells.any() or not len(streets):
        return cells
    pairs = shapely.STRtree(streets).query(lines, predicate="intersects")
    if pairs.shape[1]:
        meet = shapely.get_parts(shapely.intersection(lines[pairs[0]], streets[pairs[1]]))
        spots = shapely.get_coordinates(shapely.centroid(meet))
        column = np.floor((spots[:, 0] - grid.boundingbox.left) / cell_size(grid)).astype(int)
        row = np.floor((grid.boundingbox.top - spots[:, 1]) / cell_size(grid)).astype(int)
        ok = (row >= 0) & (row < cells.shape[0]) & (column >= 0) & (column < cells.shape[1])
        cells[row[ok], column[ok]] = False
    return cells


def _shapes(
    city: CityModel, name: str, *, open_air: bool = False, **among: set[str]
) -> NDArray[np.object_]:
    frame = city.layer(name)
    if frame is None:
        return np.zeros(0, dtype=object)
    keep = np.ones(len(frame), dtype=bool)
    for column, values in among.items():
        keep &= frame[column].isin(values).to_numpy(dtype=bool) if column in frame else False
    if open_air and "tunnel" in frame:
        keep &= ~frame["tunnel"].isin(["yes", "culvert", "building_passage"]).to_numpy(dtype=bool)
    return np.asarray(frame.geometry.to_numpy()[keep], dtype=object)
