"""
Ground: how dear is a metre of a new road, pipe or line, compared with flat and open land?

Arrays in, arrays out. Slope, water, wetland, forest, buildings and protected land make a metre dearer;
rivers and railways cost a crossing; the land of a street is open where the land around it is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.errors import GridMismatchError

__all__ = ["GroundCover", "ground_factor", "ground_rule", "slope_factor"]


def ground_rule(name: str) -> float:
    """
    Give a row of ``[ground]`` of ``tables/connections.toml``.

    Parameters
    ----------
    name : of the row.

    Returns
    -------
    Its value, in its unit.

    Examples
    --------
    >>> ground_rule("wetland_factor")
    2.0
    """
    return float(read_table("connections")["ground"][name]["value"])


def slope_factor(slope_pct: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Tell how much dearer a metre is on sloping ground.

    Parameters
    ----------
    slope_pct : percent. NaN: not known, taken as flat.

    Returns
    -------
    Shape of `slope_pct`, 1 or more.

    Examples
    --------
    >>> slope_factor(np.array([0.0, 5.0, 10.0, 20.0])).round(3).tolist()
    [1.0, 1.1, 1.2, 1.7]
    """
    slope = np.nan_to_num(np.asarray(slope_pct, dtype=np.float64))
    edge = ground_rule("steep_from_pct")
    gentle = 1 + ground_rule("slope_per_pct") * np.minimum(slope, edge)
    return np.asarray(gentle + ground_rule("steep_per_pct") * np.maximum(slope - edge, 0.0))


@dataclass(frozen=True, kw_only=True, eq=False)
class GroundCover:
    """
    What lies on the ground, as masks of one grid.

    Parameters
    ----------
    water, wetland, forest, built, protected : shape (rows, cols).
    river, railway : cells through which one runs; lines must be unbroken from cell side to cell side.
    street : cells through which a street runs.
    """

    water: NDArray[np.bool_]
    wetland: NDArray[np.bool_]
    forest: NDArray[np.bool_]
    built: NDArray[np.bool_]
    protected: NDArray[np.bool_]
    river: NDArray[np.bool_]
    railway: NDArray[np.bool_]
    street: NDArray[np.bool_]


def ground_factor(
    cover: GroundCover, slope_pct: NDArray[np.float64], *, cell_m: float
) -> NDArray[np.float64]:
    """
    Tell what a metre of a new line costs, as a multiple of a metre over flat and open ground.

    Parameters
    ----------
    cover : what lies on the ground.
    slope_pct : shape (rows, cols), percent. NaN: not known, taken as flat.
    cell_m : side of a cell, metres.

    Returns
    -------
    Shape (rows, cols), 1 or more; infinite on protected land without a street. A way through a cell of
    river or railway pays the crossing once, whatever the size of the cell.

    Raises
    ------
    GridMismatchError
        If the shapes differ.

    Examples
    --------
    >>> no = np.zeros((1, 3), dtype=bool)
    >>> wet, park = np.array([[False, True, False]]), np.array([[False, False, True]])
    >>> cover = GroundCover(water=no, wetland=wet, forest=no, built=no, protected=park, river=wet,
    ...                     railway=no, street=no)
    >>> ground_factor(cover, np.zeros((1, 3)), cell_m=100).tolist()
    [[1.0, 6.0, inf]]
    """
    slope = np.asarray(slope_pct, dtype=np.float64)
    for name, mask in vars(cover).items():
        if np.shape(mask) != slope.shape:
            raise GridMismatchError(f"{name} is {np.shape(mask)}, the slope {slope.shape}")
    land = np.ones(slope.shape)
    for name in ("forest", "built", "wetland", "water"):
        land = np.where(getattr(cover, name), ground_rule(f"{name}_factor"), land)
    land = np.where(cover.protected, np.inf, land)
    land = np.where(cover.street, np.minimum(land, ground_rule("street_factor")), land)
    crossing = sum(
        np.where(mask, ground_rule(f"{name}_crossing_m") / cell_m, 0.0)
        for name, mask in (("river", cover.river), ("railway", cover.railway))
    )
    return np.asarray(land * slope_factor(slope) + crossing)
