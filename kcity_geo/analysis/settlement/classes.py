"""
Settlement classes: where a city is urban centre, urban cluster or rural.

The degree of urbanisation on cells of about 1 km [1]_. It does not smooth borders by the majority
rule of the original. A settlement that the edge of the study area cuts counts only with the part
inside, unless `open_edge` is set.

References
----------
.. [1] European Union, FAO, UN-Habitat, OECD, World Bank (2021). Applying the Degree of
   Urbanisation.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from kcity_geo.citydata import CityInputs
from kcity_geo.errors import GridMismatchError, StudyError
from kcity_geo.settings import Settings, settings_of

__all__ = ["RURAL", "UNKNOWN", "URBAN_CENTRE", "URBAN_CLUSTER", "cell_classes", "urban_classes"]

UNKNOWN, RURAL, URBAN_CLUSTER, URBAN_CENTRE = 0, 1, 2, 3

_EIGHT = np.ones((3, 3), dtype=bool)
#: GHS-SMOD code -> class. Water is rural: nobody lives there.
_SMOD = {30: 3, 23: 2, 22: 2, 21: 2, 13: 1, 12: 1, 11: 1, 10: 1}


def urban_classes(
    population: NDArray[np.float64],
    *,
    cell_m: float,
    origin: tuple[float, float],
    smod: NDArray[np.float64] | None = None,
    open_edge: bool = False,
    settings: Settings | None = None,
) -> NDArray[np.uint8]:
    """
    Tell urban centre, urban cluster and rural land apart.

    Cells are gathered into cells of about 1 km, aligned to multiples of their size in the metric
    CRS. Urban centre: at least 1,500 people a km2, joined by sides, 50,000 people together, holes
    below 15 km2 filled. Urban cluster: at least 300 people a km2, joined by sides or corners, 5,000
    people together. Rural: the rest, empty land included.

    Parameters
    ----------
    population : shape (rows, cols), persons per cell. NaN: not known.
    cell_m : side of a cell, metres.
    origin : left and top edge of the grid, metres.
    smod : shape (rows, cols), GHS-SMOD codes on the same grid; they win where they are known.
    open_edge : a dense settlement that reaches the edge of the known area may go on beyond it, so
        its density alone decides: the centre of a metropolis is not rural because only two square
        kilometres of it are studied.
    settings : of ``settlement``; the defaults when None.

    Returns
    -------
    Shape (rows, cols): 0 unknown, 1 rural, 2 urban cluster, 3 urban centre.

    Raises
    ------
    StudyError
        If the population is negative anywhere or `cell_m` is not positive.
    GridMismatchError
        If `smod` has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> people = np.zeros((5, 5))
    >>> people[1:3, 1:3] = 2_000
    >>> urban_classes(people, cell_m=1000, origin=(0, 5000))[1].tolist()
    [1, 2, 2, 1, 1]
    """
    people = np.asarray(population, dtype=np.float64)
    if not cell_m > 0:
        raise StudyError(f"cell_m: {cell_m!r} is not positive; give the side of a cell in metres")
    if np.nanmin(people, initial=0.0) < 0:
        raise StudyError("population: negative persons; check the unit and the nodata code")
    classes = np.zeros(people.shape, dtype=np.uint8)
    if np.isfinite(people).any():
        rule = settings or settings_of("settlement")
        classes = _derived(people, cell_m=cell_m, origin=origin, open_edge=open_edge, rule=rule)
    if smod is None:
        return classes
    codes = np.asarray(smod)
    if codes.shape != people.shape:
        raise GridMismatchError(f"settlement raster is {codes.shape}, the grid {people.shape}")
    for code, value in _SMOD.items():
        classes[codes == code] = value
    return classes


def _derived(
    people: NDArray[np.float64],
    *,
    cell_m: float,
    origin: tuple[float, float],
    open_edge: bool,
    rule: Settings,
) -> NDArray[np.uint8]:
    step = max(1, round(rule["cell_km"] * 1000 / cell_m))
    rows, columns = people.shape
    # Counted from the origin of the CRS: the same place falls into the same large cell.
    first_column, first_row = round(origin[0] / cell_m), round(origin[1] / cell_m)
    column = (np.arange(columns) + first_column) // step
    row = -((np.arange(rows) - first_row + 1) // -step)
    row -= row.min()
    column -= column.min()
    shape = (int(row.max()) + 1, int(column.max()) + 1)
    flat = row[:, None] * shape[1] + column[None, :]
    known = np.isfinite(people)
    size = shape[0] * shape[1]
    held = np.bincount(flat[known], weights=people[known], minlength=size)
    total: NDArray[np.float64] = np.asarray(held, dtype=np.float64).reshape(shape)
    covered = np.bincount(flat[known], minlength=size).reshape(shape)
    # At the rim only a part of a large cell is known; a sliver says nothing about density.
    area_km2 = np.maximum(covered, step * step / 4) * cell_m**2 / 1e6
    density = total / area_km2
    cell_km2 = (step * cell_m / 1000) ** 2
    unknown = np.pad(covered == 0, 1, constant_values=True)
    edge = ndimage.binary_dilation(unknown, structure=_EIGHT)[1:-1, 1:-1] & open_edge
    centre = _clusters(
        density >= rule["urban_centre_density_km2"],
        total,
        persons=rule["urban_centre_persons"],
        structure=None,
        edge=edge,
    )
    centre = _fill(centre, below_cells=rule["fill_below_km2"] / cell_km2)
    cluster = _clusters(
        density >= rule["urban_cluster_density_km2"],
        total,
        persons=rule["urban_cluster_persons"],
        structure=_EIGHT,
        edge=edge,
    )
    coarse = np.where(centre, URBAN_CENTRE, np.where(cluster, URBAN_CLUSTER, RURAL))
    return np.asarray(coarse[row[:, None], column[None, :]], dtype=np.uint8)


def _clusters(
    dense: NDArray[np.bool_],
    persons_in_cell: NDArray[np.float64],
    *,
    persons: float,
    structure: NDArray[np.bool_] | None,
    edge: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Keep the connected parts of `dense` that hold at least `persons` or reach an open edge."""
    number, count = ndimage.label(dense, structure=structure)
    if count == 0:
        return np.zeros_like(dense)
    held = np.bincount(number.ravel(), weights=persons_in_cell.ravel(), minlength=count + 1)
    large = held >= persons
    large[number[edge]] = True
    large[0] = False
    return np.asarray(large[number])


def _fill(mask: NDArray[np.bool_], *, below_cells: float) -> NDArray[np.bool_]:
    """Fill the holes of `mask` that are enclosed and smaller than `below_cells`."""
    number, count = ndimage.label(~mask, structure=_EIGHT)
    if count == 0:
        return mask
    rim = np.unique(np.concatenate([number[0], number[-1], number[:, 0], number[:, -1]]))
    cells = np.bincount(number.ravel(), minlength=count + 1)
    fill = cells < math.ceil(below_cells)
    fill[0] = False
    fill[rim] = False
    return np.asarray(mask | fill[number])


def cell_classes(data: CityInputs) -> tuple[NDArray[np.int64], bool]:
    """
    Tell urban and rural cells apart.

    Parameters
    ----------
    data : with ``urban_class`` in its cube, or not.

    Returns
    -------
    Shape (rows, cols): 0 outside or unknown, 1 rural, 2 urban cluster, 3 urban centre; and whether
    it was known. Without it every populated cell counts as urban.
    """
    known = data.array("urban_class")
    if known is not None:
        return np.nan_to_num(known, nan=0.0).astype(np.int64), True
    people = data.array("population")
    populated = data.inside if people is None else np.nan_to_num(people) > 0
    return np.where(populated, 2, 0).astype(np.int64), False
