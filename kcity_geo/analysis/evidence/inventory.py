"""
What a map holds inside a city: a row a layer.

Answers "how much of what is mapped?" before anything is concluded from it.
"""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.city import City, require_metric
from kcity_geo.config import read_table

__all__ = ["COLUMNS", "inventory"]

COLUMNS = (
    "layer",
    "count",
    "length_km",
    "area_ha",
    "key_attribute",
    "key_attribute_share",
    "extract_date",
)


def inventory(
    layers: Mapping[str, gpd.GeoDataFrame], city: City, *, extract_date: str
) -> pd.DataFrame:
    """
    Count and measure each layer inside the city boundary.

    An object counts when it intersects the boundary; of lines and polygons only the part inside
    is measured. Ways that were cut into several rows count once. Areas are summed as mapped:
    polygons on top of each other count twice.

    Parameters
    ----------
    layers : layer name -> frame in the CRS of the city, see ``tables/osm.toml``.
    city : boundary and metric CRS.
    extract_date : date of the extract, ISO, or ``""``.

    Returns
    -------
    One row a layer of the table, in its order. ``length_km`` and ``area_ha`` are NaN for layers
    that never hold lines or polygons, ``key_attribute_share`` is NaN when the layer is empty.

    Raises
    ------
    CRSMismatchError
        If a layer is not in the CRS of the city.

    Examples
    --------
    >>> import shapely
    >>> from kcity_geo.city import make_city
    >>> table = inventory({}, make_city("A", shapely.box(7.40, 43.72, 7.44, 43.76)), extract_date="")
    >>> list(table.columns)[:2], int(table["count"].sum())
    (['layer', 'count'], 0)
    """
    outline = city.boundary_metric
    shapely.prepare(outline)
    rows = []
    for row in read_table("osm")["layer"]:
        frame = layers.get(row["id"])
        kinds = {kind for rule in row["rules"] for kind in rule.get("geometry", row["geometry"])}
        kinds |= set(row["geometry"])
        count, length_km, area_ha, share = 0, 0.0, 0.0, np.nan
        if frame is not None and len(frame):
            require_metric(frame, city.crs, f"layer {row['id']!r}")
            geometry = frame.geometry.to_numpy()
            inside = np.flatnonzero(shapely.intersects(outline, geometry))
            length_km, area_ha = _measured(geometry[inside], outline)
            # Columns alone: a part of a frame of geometry is dearer than all that is counted of it.
            names = {key: frame[key].to_numpy()[inside] for key in ("osm_type", "osm_id")}
            once = inside[~pd.DataFrame(names).duplicated().to_numpy()]
            count = len(once)
            share = _filled_share(frame, row["key_attribute"], once)
        rows.append(
            (
                row["id"],
                count,
                length_km if "line" in kinds else np.nan,
                area_ha if "polygon" in kinds else np.nan,
                row["key_attribute"],
                share,
                extract_date,
            )
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _measured(geometry: NDArray[np.object_], outline: shapely.Geometry) -> tuple[float, float]:
    """Give length in km and area in ha of the parts inside."""
    within = shapely.contains_properly(outline, geometry)
    parts = geometry.copy()
    parts[~within] = shapely.intersection(geometry[~within], outline)
    dimension = shapely.get_dimensions(geometry)
    length_m = float(shapely.length(parts[dimension == 1]).sum())
    area_m2 = float(shapely.area(parts[dimension == 2]).sum())  # noqa: PLR2004 - a surface
    return length_m / 1000, area_m2 / 10_000


def _filled_share(frame: gpd.GeoDataFrame, attribute: str, rows: NDArray[np.int64]) -> float:
    if not attribute or not len(rows) or attribute not in frame:
        return float("nan")
    values = frame[attribute].array[rows]
    return float(np.mean(pd.notna(values) & (values.astype(str) != "")))
