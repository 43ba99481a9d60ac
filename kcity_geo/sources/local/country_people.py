"""The people of a whole country from a population raster, in cells of 1 km."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import SourceError
from kcity_geo.sources.damage import refused_when_damaged
from kcity_geo.sources.local.raster_rules import raster_rule
from kcity_geo.sources.local.raster_units import conversion, described_as

__all__ = ["EQUAL_AREA", "CountryPeople", "people_of_country", "population_file"]

#: Mollweide, in which the degree of urbanisation is computed all over the world.
EQUAL_AREA = "ESRI:54009"
_CELL_M = 1000.0
#: A pixel is shared out in points not farther apart than this.
_POINT_M = 250.0
_MOST_CELLS = 60_000_000
_ROWS = 256
_METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True, kw_only=True, eq=False)
class CountryPeople:
    """
    People in cells of 1 km.

    Parameters
    ----------
    persons : shape (rows, cols), row 0 in the north; NaN where the raster says nothing.
    origin : left and top edge, metres of `EQUAL_AREA`.
    cell_m : side of a cell.
    edge : same shape, cells into which people of the outermost pixels fall; NaN may be the sea and is no edge.
    """

    persons: NDArray[np.float64]
    origin: tuple[float, float]
    cell_m: float
    edge: NDArray[np.bool_]


def people_of_country(path: str | Path) -> CountryPeople:
    """
    Bring a population raster onto cells of 1 km; nobody is lost or doubled.

    Parameters
    ----------
    path : GeoTIFF of persons in each pixel (WorldPop, GHS-POP), any CRS. It is read strip by strip.

    Returns
    -------
    Cells aligned to whole kilometres of the Mollweide projection, so that the same place falls into the same
    cell whatever the extent of the file. A pixel is shared out evenly over points at most 250 m apart.

    Raises
    ------
    SourceError
        If the file cannot be read, has no CRS, holds negative people, or covers too much land.
    """
    import rasterio
    from rasterio.errors import RasterioError

    source = population_file(path)
    with refused_when_damaged(source.name):
        try:
            with rasterio.open(source, driver="GTiff") as file:
                if file.crs is None:
                    raise SourceError(f"{path}: has no CRS; give a population raster with one")
                tally = _Tally(file, str(path))
                for top in range(0, file.height, _ROWS):
                    tally.add_strip(top, min(_ROWS, file.height - top))
        except RasterioError as error:
            raise SourceError(f"{path}: cannot be read as GeoTIFF ({error})") from error
    persons = np.where(tally.known, tally.held, np.nan).reshape(tally.shape)
    edge = tally.edge.reshape(tally.shape)
    return CountryPeople(persons=persons, origin=tally.origin, cell_m=_CELL_M, edge=edge)


def population_file(path: str | Path) -> Path:
    """
    Tell a raster that is not there before work begins.

    Parameters
    ----------
    path : of the raster.

    Returns
    -------
    The same.

    Raises
    ------
    SourceError
        If there is no such file.
    """
    source = Path(path)
    if not source.is_file():
        raise SourceError(f"{path}: does not exist; give a population raster (GeoTIFF)")
    return source


class _Tally:
    """The people of one raster, strip by strip, in cells of 1 km; lives for one call."""

    def __init__(self, file: Any, name: str) -> None:  # noqa: ANN401 - rasterio dataset
        from pyproj import Transformer
        from rasterio.warp import transform_bounds

        self.file, self.name = file, name
        self.factor = _factor(file, name)
        self.to_cells = Transformer.from_crs(file.crs, EQUAL_AREA, always_xy=True)
        west, south, east, north = transform_bounds(file.crs, EQUAL_AREA, *file.bounds)
        left, top = math.floor(west / _CELL_M) - 1, math.ceil(north / _CELL_M) + 1
        columns = math.ceil(east / _CELL_M) + 1 - left
        rows = top - math.floor(south / _CELL_M) + 1
        if not all(map(math.isfinite, (west, south, east, north))) or rows * columns > _MOST_CELLS:
            raise SourceError(
                f"{name}: covers more than {_MOST_CELLS // 1_000_000} million km2; cut it to the country first"
            )
        self.origin = (left * _CELL_M, top * _CELL_M)
        self.shape = (rows, columns)
        self.held = np.zeros(rows * columns)
        self.known = np.zeros(rows * columns, dtype=bool)
        self.edge = np.zeros(rows * columns, dtype=bool)
        pixel = max(abs(file.transform.a), abs(file.transform.e))
        pixel_m = pixel * (_METRES_A_DEGREE if file.crs.is_geographic else 1.0)
        self.per_side = max(1, math.ceil(pixel_m / _POINT_M))

    def add_strip(self, top: int, height: int) -> None:
        """Add the people of some rows of the raster."""
        from rasterio.windows import Window

        values = self.file.read(1, window=Window(0, top, self.file.width, height), masked=True)
        row, column = np.nonzero(~np.ma.getmaskarray(values) & np.isfinite(values.data))
        if not len(row):
            return
        stored = values.data[row, column].astype(np.float64)
        amount = (stored * self.file.scales[0] + self.file.offsets[0]) * self.factor
        if amount.min() < 0:
            raise SourceError(
                f"{self.name}: holds {amount.min():g} people in a pixel; declare its nodata code"
            )
        part = amount / self.per_side**2
        on_top, on_side = np.isin(row + top, (0, self.file.height - 1)), (0, self.file.width - 1)
        rim = np.flatnonzero((on_top | np.isin(column, on_side)) & (amount > 0))
        for step in np.ndindex(self.per_side, self.per_side):
            down, right = ((s + 0.5) / self.per_side for s in step)
            x, y = self.file.transform @ (column + right, row + top + down)
            self._add_points(x, y, part, rim)

    def _add_points(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        part: NDArray[np.float64],
        rim: NDArray[np.int64],
    ) -> None:
        east, north = self.to_cells.transform(x, y)
        column = np.floor((east - self.origin[0]) / _CELL_M)
        row = np.floor((self.origin[1] - north) / _CELL_M)
        rows, columns = self.shape
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        if not inside.all():
            raise SourceError(
                f"{self.name}: its pixels lie outside its own extent; check its CRS and transform"
            )
        flat = (row * columns + column).astype(np.int64)
        self.held += np.bincount(flat, weights=part, minlength=len(self.held))
        self.known[flat] = True
        self.edge[flat[rim]] = True


def _factor(file: Any, name: str) -> float:  # noqa: ANN401 - rasterio dataset
    """Factor that makes persons of what the file declares; other quantities are refused."""
    rule = raster_rule("population")
    found = conversion(
        rule,
        unit=file.units[0] or "",
        tag=str(file.tags().get("UNITS", "")),
        description=described_as(file, 1),
        where=name,
        file_name=Path(name).name,
    )
    if found.by_area:
        raise SourceError(f"{name}: holds {found.said}; give a raster of persons in each pixel")
    return found.factor
