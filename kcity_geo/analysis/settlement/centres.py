"""Urban centres: the cities of a country, found in where its people live."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from kcity_geo.analysis.settlement.classes import URBAN_CENTRE, urban_classes
from kcity_geo.settings import Settings

__all__ = ["UrbanCentre", "urban_centres"]


@dataclass(frozen=True, kw_only=True, eq=False)
class UrbanCentre:
    """
    One urban centre.

    Parameters
    ----------
    outline : its cells, in the metric CRS of the grid.
    persons : people in it.
    area_km2 : of its cells.
    reaches_edge : it may go on where nothing is known: persons, area and outline are a lower bound.
    """

    outline: BaseGeometry
    persons: float
    area_km2: float
    reaches_edge: bool = False


def urban_centres(
    persons: NDArray[np.float64],
    *,
    cell_m: float,
    origin: tuple[float, float],
    edge: NDArray[np.bool_] | None = None,
    settings: Settings | None = None,
) -> tuple[UrbanCentre, ...]:
    """
    Find the urban centres by degree of urbanisation.

    Parameters
    ----------
    persons : shape (rows, cols), people in each cell of about 1 km; NaN: not known.
    cell_m : side of a cell, metres, in an equal-area CRS.
    origin : left and top edge of the grid, metres.
    edge : same shape, cells at the rim of what is known; a centre on or beside one reaches it. None: not asked.
    settings : of ``settlement``; the defaults when None.

    Returns
    -------
    The largest first, of equal ones the northern and then the western: cells of at least 1,500 people a
    km2, joined by sides, with 50,000 people together, holes below 15 km2 filled. Borders are not smoothed by the
    majority rule of the original.

    Examples
    --------
    >>> people = np.zeros((8, 8))
    >>> people[2:5, 2:5] = 7_000
    >>> [round(one.persons) for one in urban_centres(people, cell_m=1000, origin=(0, 8000))]
    [63000]
    """
    classes = urban_classes(persons, cell_m=cell_m, origin=origin, settings=settings)
    number, count = ndimage.label(classes == URBAN_CENTRE)
    people = np.nan_to_num(persons)
    # A cell at the rim is known in part and seems thin: what lies beside it is cut as well.
    near = ndimage.binary_dilation(np.zeros_like(number, dtype=bool) if edge is None else edge)
    found = []
    for label, window in enumerate(ndimage.find_objects(number, max_label=count), start=1):
        mine = number[window] == label
        rows, columns = np.nonzero(mine)
        x = origin[0] + (columns + window[1].start) * cell_m
        y = origin[1] - (rows + window[0].start) * cell_m
        outline = shapely.union_all(shapely.box(x, y - cell_m, x + cell_m, y))
        found.append(
            UrbanCentre(
                outline=outline,
                persons=float(people[window][mine].sum()),
                area_km2=float(mine.sum()) * cell_m**2 / 1e6,
                reaches_edge=bool(near[window][mine].any()),
            )
        )
    return tuple(
        sorted(found, key=lambda one: (-one.persons, -one.outline.bounds[3], one.outline.bounds[0]))
    )
