"""How much of a city a raster knows, by area: on points close together, whatever the pixels and the study grid."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kcity_geo.city import City
from kcity_geo.sources.local.raster_windows import RasterWindow

__all__ = ["Cover"]

#: Points on the longer side of the box of a city: a straight edge is met to a 1000th of it and better.
_POINTS: Final = 500


class Cover:
    """
    The land of a city of which some raster says something.

    Cells of the study grid do not tell it: one that a raster touches has a value, and is not covered for that.

    Parameters
    ----------
    city : whose boundary counts.
    """

    def __init__(self, city: City) -> None:
        from rasterio.transform import from_origin

        self._city = city
        left, bottom, right, top = city.boundary_metric.bounds
        step = max(right - left, top - bottom) / _POINTS
        self._shape = (math.ceil((top - bottom) / step), math.ceil((right - left) / step))
        self._transform = from_origin(left, top, step, step)
        self._known = np.zeros(self._shape, dtype=bool)

    def add(self, window: RasterWindow) -> None:
        """Count the pixels of a window that hold data."""
        from rasterio.enums import Resampling
        from rasterio.warp import reproject

        there = np.zeros(self._shape, dtype=np.uint8)
        reproject(
            source=(~np.isnan(window.values)).astype(np.uint8),
            destination=there,
            src_transform=window.transform,
            src_crs=window.crs.to_wkt(),
            dst_transform=self._transform,
            dst_crs=self._city.crs.to_wkt(),
            resampling=Resampling.nearest,
        )
        self._known |= there > 0

    @property
    def share(self) -> float:
        """Share of the area of the city, 0 to 1."""
        return float(self._known[self._inside()].mean())

    def _inside(self) -> NDArray[np.bool_]:
        """Points inside the boundary; of a sliver between them, all squares that it touches."""
        from rasterio.features import geometry_mask

        kept = self._city.kept
        if "points inside" not in kept:
            for touched in (False, True):
                inside = geometry_mask(
                    [self._city.boundary_metric],
                    out_shape=self._shape,
                    transform=self._transform,
                    all_touched=touched,
                    invert=True,
                )
                if inside.any():
                    break
            kept["points inside"] = inside
        found: NDArray[np.bool_] = kept["points inside"]
        return found
