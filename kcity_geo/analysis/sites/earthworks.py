"""Earthworks: how much earth is moved to level a site, with as much cut as fill."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Earthworks", "earthworks"]


class Earthworks(NamedTuple):
    """
    Earth moved to make a site even.

    Parameters
    ----------
    level_m3 : cut, and as much fill, for one horizontal platform at the mean height.
    plane_m3 : cut, and as much fill, for the plane that fits best.
    level_m : height of the platform, metres.
    plane_pct : slope of the plane, percent.
    """

    level_m3: float
    plane_m3: float
    level_m: float
    plane_pct: float

    @property
    def least_m3(self) -> float:
        """The smaller of the two volumes, cubic metres."""
        return min(self.level_m3, self.plane_m3)


def earthworks(
    x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64], *, area_m2: float
) -> Earthworks:
    """
    Balance cut and fill on a horizontal platform and on the plane that fits best.

    Parameters
    ----------
    x, y : shape (n,), places of heights spread evenly over the site, metres.
    z : shape (n,), heights, metres, no NaN.
    area_m2 : of the site.

    Returns
    -------
    Volumes; NaN without heights. Both heights are chosen so that cut and fill are equal; swelling and topsoil
    are left out. The plane is that of least squares: of uneven ground it may move more than the platform.

    Examples
    --------
    A slope of 10 % over a square of 100 m, levelled: s L^3 / 8.

    >>> x, y = (v.ravel() for v in np.meshgrid(np.arange(0.5, 100), np.arange(0.5, 100)))
    >>> work = earthworks(x, y, 0.1 * x, area_m2=1e4)
    >>> round(work.level_m3), round(work.plane_m3), round(work.plane_pct, 6)
    (12500, 0, 10.0)
    """
    if len(z) == 0:
        return Earthworks(np.nan, np.nan, np.nan, np.nan)
    each = area_m2 / len(z)
    level = float(z.mean())
    design = np.column_stack([x - x.mean(), y - y.mean(), np.ones(len(z))])
    plane = np.linalg.lstsq(design, z, rcond=None)[0]
    off = z - design @ plane
    return Earthworks(
        level_m3=float(np.abs(z - level).sum() / 2 * each),
        plane_m3=float(np.abs(off).sum() / 2 * each),
        level_m=level,
        plane_pct=float(100 * np.hypot(plane[0], plane[1])),
    )
