"""
The cube: what is known of each cell of the study grid, with unit, source and licence.

The grid itself is made in `kcity_geo.grid`, what vectors hold in its cells in `kcity_geo.cells`; both
are given from here too. Pure: reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS

from kcity_geo.cells import (
    area_in_cells,
    count_in_cells,
    district_shares,
    inside_share,
    length_in_cells,
    pieces_of_polygons,
)
from kcity_geo.city import City
from kcity_geo.errors import GridMismatchError, StudyError
from kcity_geo.grid import (
    bin_points,
    cell_centres,
    cell_ids,
    cell_polygons,
    cell_size,
    study_grid,
)

__all__ = [
    "EVIDENCE",
    "area_in_cells",
    "bin_points",
    "cell_centres",
    "cell_ids",
    "cell_polygons",
    "cell_size",
    "count_in_cells",
    "district_shares",
    "empty_cube",
    "inside_share",
    "layer",
    "length_in_cells",
    "pieces_of_polygons",
    "plain_variable",
    "study_grid",
]

EVIDENCE = ("observed", "modelled", "proxy", "user", "synthetic")


def layer(  # noqa: PLR0913 - an option each, all named
    values: NDArray[Any],
    *,
    grid: GeoBox,
    units: str,
    long_name: str,
    source: str = "",
    licence: str = "",
    as_of: str = "",
    evidence: str = "observed",
) -> xr.DataArray:
    """
    Wrap an array of the grid with the metadata that every variable of a cube carries.

    Parameters
    ----------
    values : shape (rows, cols). NaN: not known.
    grid : the study grid.
    units, long_name, source, licence, as_of : text for people.
    evidence : one of observed, modelled, proxy, user, synthetic.

    Returns
    -------
    DataArray with dims (y, x), the cell centres as coordinates and the CRS in the coordinate
    ``spatial_ref``, as the CF conventions have it.

    Raises
    ------
    GridMismatchError
        If the shape differs from the grid.
    """
    if np.shape(values) != tuple(grid.shape):
        raise GridMismatchError(
            f"{long_name}: array is {np.shape(values)}, the grid {tuple(grid.shape)}"
        )
    if evidence not in EVIDENCE:
        raise StudyError(f"{long_name}: evidence {evidence!r} is not one of {', '.join(EVIDENCE)}")
    x, y = cell_centres(grid)
    rows, columns = grid.shape
    about = {
        "units": units,
        "long_name": long_name,
        "source": source,
        "licence": licence,
        "as_of": as_of,
        "evidence": evidence,
    }
    made = xr.DataArray(
        plain_variable(("y", "x"), np.asarray(values), about),
        coords={
            "y": _coordinate("y", y.reshape(rows, columns)[:, 0]),
            "x": _coordinate("x", x[:columns]),
            "spatial_ref": plain_variable((), np.array(0, np.int32), _grid_mapping(grid)),
        },
    )
    made.encoding["grid_mapping"] = "spatial_ref"
    return made


def plain_variable(
    dims: tuple[Hashable, ...], values: NDArray[Any], attrs: Mapping[Any, Any]
) -> xr.Variable:
    """
    Make a variable of an array of NumPy. Handed anything else, xarray loads dask to see what it is.

    Parameters
    ----------
    dims : a name each.
    values : array with as many dimensions.
    attrs : what is known about it.

    Returns
    -------
    The variable; it shares the memory of the array.

    Examples
    --------
    >>> plain_variable(("y", "x"), np.zeros((2, 3)), {"units": "m"}).sizes["x"]
    3
    """
    return xr.Variable(dims, values, dict(attrs), fastpath=True)


def _coordinate(name: str, values: NDArray[np.float64]) -> xr.IndexVariable:
    """Give the middles of the cells along an axis, described as the CF conventions do."""
    about = {
        "standard_name": f"projection_{name}_coordinate",
        "long_name": f"{name} of the middle of the cell",
        "units": "metre",
        "axis": name.upper(),
    }
    return xr.IndexVariable(name, values, about, fastpath=True)  # type: ignore[no-untyped-call]


def _grid_mapping(grid: GeoBox) -> dict[str, Any]:
    """Describe CRS and grid as the CF conventions do, and as GDAL, rioxarray and odc-geo read it."""
    said = {} if grid.crs is None else _crs_as_cf(grid.crs.wkt)
    wkt = {} if grid.crs is None else {"spatial_ref": grid.crs.wkt}
    transform = " ".join(repr(float(v)) for v in grid.affine.to_gdal())
    return {**said, **wkt, "GeoTransform": transform}


@lru_cache(maxsize=8)
def _crs_as_cf(wkt: str) -> dict[str, Any]:
    """Describe a CRS as the CF conventions do; asked for each variable of a cube."""
    return dict(CRS(wkt).to_cf())


def empty_cube(city: City, *, grid: GeoBox) -> xr.Dataset:
    """
    Start the cube of a study with the share of each cell inside the city.

    Parameters
    ----------
    city : whose boundary counts.
    grid : the study grid.

    Returns
    -------
    Dataset with ``inside_share``.
    """
    share = layer(
        inside_share(city, grid=grid),
        grid=grid,
        units="share",
        long_name="Share of the cell inside the city",
        source="city boundary",
        evidence="user",
    )
    return xr.Dataset({"inside_share": share}, attrs={"crs": city.crs.to_wkt()})
