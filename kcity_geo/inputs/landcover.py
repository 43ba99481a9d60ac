"""Land cover: does the legend by which a raster was read fit what is mapped on it?"""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from kcity_geo.config import read_table
from kcity_geo.cube import bin_points
from kcity_geo.errors import SourceError
from kcity_geo.inputs.files import raster_paths
from kcity_geo.studyfile import Study

__all__ = ["refuse_mistaken_legend"]


def refuse_mistaken_legend(
    study: Study, cube: xr.Dataset, layers: Mapping[str, gpd.GeoDataFrame], grid: GeoBox
) -> None:
    """
    Refuse a land cover raster by whose legend most buildings stand in water or wetland.

    ESA WorldCover and GlobeLand30 share their numbers: 50 is built-up land in the one and wetland in the
    other, 80 is water and built-up land. A file that was renamed is recognised by where the buildings stand.

    Parameters
    ----------
    study : the study file.
    cube : with ``landcover`` in classes of ESA WorldCover, where the study has it.
    layers : of the map, with ``building`` in the CRS of the grid; with few of them nothing can be told.
    grid : the study grid.

    Raises
    ------
    SourceError
        If the file fits the other product; the message says which key takes it.
    """
    rules = read_table("rasters")["landcover_mistaken"]
    buildings = layers.get("building")
    key = next((k for k in rules["product"] if raster_paths(study, k)), None)
    if key is None or "landcover" not in cube or buildings is None or not len(buildings):
        return
    rule = rules["product"][key]
    middle = buildings.geometry.representative_point()
    cell = bin_points(middle.x.to_numpy(), middle.y.to_numpy(), grid=grid)
    classes = cube["landcover"].to_numpy().ravel()[cell[cell >= 0]]
    classes = classes[np.isfinite(classes)]
    if len(classes) < rules["buildings_min"]:
        return
    share = float((classes == rule["class"]).mean())
    if share <= rules["share_min"]:
        return
    name = raster_paths(study, key)[0].name
    raise SourceError(
        f"sources.{key}: {share:.0%} of {len(classes):,} mapped buildings stand in {rule['means']} by {name}; "
        f"by the numbers it is {rule['likely']}; give it as sources.{rule['instead']}"
    )
