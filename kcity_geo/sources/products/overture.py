"""
Overture: buildings of a city out of remote GeoParquet, without fetching a country.

The STAC index of the newest release names the files and their boxes; of each file only the row
groups whose box meets the area are read, by ranges. Overture keeps two releases, so what an
assessment used must be kept in its pack.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.errors import SourceError
from kcity_geo.sources.products.catalogue import Product
from kcity_geo.sources.web.download import Fetcher

__all__ = ["fetch_buildings"]

_TYPE = "/theme=buildings/type=building/"


def fetch_buildings(
    product: Product, area: BaseGeometry, out: Path, *, fetcher: Fetcher
) -> tuple[list[str], str]:
    """
    Get the buildings that meet an area.

    Parameters
    ----------
    product : row of the catalogue.
    area : study area, lon/lat.
    out : GeoParquet to write, whole or not at all: id, height_m, geometry (lon/lat).
    fetcher : the way to the network.

    Returns
    -------
    Addresses read, and the release.

    Raises
    ------
    SourceError
        If the index or a file is not what Overture publishes.
    """
    import geopandas as gpd

    index = fetcher.json(product.index_url, max_age_days=product.max_age_days, what=product.title)
    release = str(index.get("latest", "")) if isinstance(index, dict) else ""
    if not release:
        raise SourceError(f"{product.title}: {product.index_url} names no latest release")
    urls = _files(product, release, area.bounds, fetcher)
    parts = [_read(url, area, fetcher, product.title) for url in urls]
    ids = [i for part in parts for i in part[0]]
    heights = np.concatenate([np.empty(0), *[part[1] for part in parts]])
    shapes = np.concatenate([np.empty(0, dtype=object), *[part[2] for part in parts]])
    frame = gpd.GeoDataFrame({"id": ids, "height_m": heights}, geometry=shapes, crs="OGC:CRS84")
    frame = frame.drop_duplicates("id").sort_values("id", kind="stable").reset_index(drop=True)
    temporary = out.with_name("part-" + out.name)
    frame.to_parquet(temporary, schema_version="1.1.0", write_covering_bbox=True)
    temporary.replace(out)
    return urls, release


def _files(
    product: Product, release: str, bounds: tuple[float, float, float, float], fetcher: Fetcher
) -> list[str]:
    import pyarrow.parquet as pq

    url = urljoin(product.index_url, f"{release}/collections.parquet")
    got = fetcher.file(url, kind="parquet", what=f"{product.title}, index of {release}")
    table = pq.read_table(got.path, columns=["bbox", "assets"]).to_pylist()
    west, south, east, north = bounds
    found = []
    for row in table:
        box = row["bbox"] or {}
        try:
            href = str(row["assets"]["aws"]["alternate"]["s3"]["href"])
            meets = (
                box["xmin"] <= east
                and box["xmax"] >= west
                and box["ymin"] <= north
                and box["ymax"] >= south
            )
        except (KeyError, TypeError) as error:
            raise SourceError(
                f"{product.title}: {url} is not the index of a release ({error!r})"
            ) from error
        if _TYPE in href and meets:
            key = urlsplit(href).path.lstrip("/")
            found.append(product.address(key=key))
    return sorted(found)


def _read(
    url: str, area: BaseGeometry, fetcher: Fetcher, what: str
) -> tuple[list[str], np.ndarray, np.ndarray]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with fetcher.ranges(url, what=what) as stream:
        try:
            file = pq.ParquetFile(stream)
            groups = [i for i in range(file.num_row_groups) if _group_meets(file, i, area.bounds)]
            if not groups:
                return [], np.empty(0), np.empty(0, dtype=object)
            table = file.read_row_groups(groups, columns=["id", "geometry", "height"])
        except pa.ArrowException as error:
            raise SourceError(f"{what}: {url} is not Overture GeoParquet ({error})") from error
    shapes = shapely.from_wkb(np.asarray(table["geometry"].to_pylist(), dtype=object))
    keep = shapely.intersects(shapes, area)
    height = np.array(
        [np.nan if h is None else h for h in table["height"].to_pylist()], dtype=float
    )
    ids = [i for i, k in zip(table["id"].to_pylist(), keep, strict=True) if k]
    return ids, height[keep], shapes[keep]


def _group_meets(file: Any, number: int, bounds: tuple[float, float, float, float]) -> bool:  # noqa: ANN401 - pyarrow
    group = file.metadata.row_group(number)
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for i in range(group.num_columns):
        column = group.column(i)
        if column.path_in_schema.startswith("bbox.") and column.is_stats_set:
            low[column.path_in_schema[5:]] = column.statistics.min
            high[column.path_in_schema[5:]] = column.statistics.max
    if len(low) < 4:  # noqa: PLR2004 - no statistics: read it
        return True
    west, south, east, north = bounds
    return bool(
        low["xmin"] <= east
        and high["xmax"] >= west
        and low["ymin"] <= north
        and high["ymax"] >= south
    )
