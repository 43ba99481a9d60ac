"""Study atlas: the layers and outlines of a finished study, read back to be drawn; data and no logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

__all__ = ["PlanPicture", "StudyAtlas", "StudyLayer"]


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyLayer:
    """
    One raster of a study.

    Parameters
    ----------
    values : shape (rows, cols); NaN: not known.
    extent : left, right, bottom, top in the CRS of the study.
    about : what the file says of itself: ``LONG_NAME``, ``UNITS``, ``SOURCE``, ``EVIDENCE``, ...
    colours : code -> red, green, blue, alpha from 0 to 255; empty: the file has no colours.
    """

    values: NDArray[np.float64]
    extent: tuple[float, float, float, float]
    about: Mapping[str, str] = field(default_factory=dict)
    colours: Mapping[int, tuple[int, int, int, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanPicture:
    """A sheet that the plan of a site has drawn: ``image`` (PNG), and ``styles`` of its legend."""

    image: bytes
    styles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyAtlas:
    """
    All that maps of a study are drawn from.

    Parameters
    ----------
    layers : name -> raster.
    shapes : boundary, districts, sites, roads, rails, rivers, water -> outlines in the CRS of the
        study; those that the study does not have are left out.
    pictures : number of a sheet -> the picture of it in the folder of a plan.
    """

    layers: Mapping[str, StudyLayer]
    shapes: Mapping[str, gpd.GeoDataFrame]
    pictures: Mapping[int, PlanPicture] = field(default_factory=dict)

    def drawn(self) -> dict[str, Mapping[str, str]]:
        """
        Tell what the layers that hold a number say of themselves.

        Returns
        -------
        Name -> tags; a layer that is known nowhere would be a blank map.
        """
        return {
            name: layer.about
            for name, layer in self.layers.items()
            if np.isfinite(layer.values).any()
        }

    def outline(self) -> BaseGeometry:
        """
        Give the boundary of the study area.

        Returns
        -------
        One shape.
        """
        found: BaseGeometry = self.shapes["boundary"].geometry.iloc[0]
        return found
