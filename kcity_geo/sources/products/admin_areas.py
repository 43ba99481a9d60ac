"""Admin areas: the districts of a place, from geoBoundaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.errors import SourceError
from kcity_geo.licensing import recognise_licence
from kcity_geo.sources.products.catalogue import (
    Product,
)
from kcity_geo.sources.web.download import Fetcher

__all__ = ["Districts", "fetch_districts"]

_MAX_DISTRICTS = 80


@dataclass(frozen=True)
class Districts:
    """Districts of a study area and the terms of their layer."""

    frame: gpd.GeoDataFrame
    level: str
    url: str
    licence: str
    licence_text: str
    attribution: str
    as_of: str
    sha256: str


def fetch_districts(
    product: Product, *, iso3: str, area: BaseGeometry, fetcher: Fetcher
) -> Districts | None:
    """
    Get the districts of a study area from geoBoundaries.

    The finest level with at least two districts in the area is taken; each level has a licence of
    its own.

    Parameters
    ----------
    product : row of the catalogue.
    iso3 : country.
    area : study area, lon/lat.
    fetcher : the way to the network.

    Returns
    -------
    Districts cut to the area, or None when no level has two of them.

    Raises
    ------
    SourceError
        If the answer is not one of geoBoundaries.
    """
    if not iso3:
        return None
    for level in product.levels:
        url = product.address(iso3=iso3, level=level)
        known = fetcher.cache.path(url).exists()
        if not known and fetcher.head(url, what=product.title).status != 200:  # noqa: PLR2004 - OK
            continue
        about = fetcher.json(
            url, max_age_days=product.max_age_days, what=f"{product.title}, {level}"
        )
        try:
            address, words = str(about["gjDownloadURL"]), str(about["boundaryLicense"])
        except (KeyError, TypeError) as error:
            raise SourceError(
                f"{product.title}: {url}: the answer names no file ({error!r})"
            ) from error
        got = fetcher.file(
            address,
            kind="json",
            max_age_days=product.max_age_days,
            what=f"{product.title}, {level}",
        )
        frame = _districts_in(got.path, area)
        if frame is not None and 2 <= len(frame) <= _MAX_DISTRICTS:  # noqa: PLR2004 - one is no division
            return Districts(
                frame=frame,
                level=level,
                url=address,
                licence=recognise_licence(words),
                licence_text=words,
                as_of=str(about.get("boundaryYearRepresented", "")),
                attribution=f"{product.attribution}; {about.get('boundarySource', '')}".rstrip(
                    "; "
                ),
                sha256=got.sha256,
            )
    return None


def _districts_in(path: Any, area: BaseGeometry) -> gpd.GeoDataFrame | None:  # noqa: ANN401 - Path
    import geopandas as gpd

    try:
        frame = gpd.read_file(f"GeoJSON:{path}", bbox=tuple(area.bounds))
    except Exception as error:
        raise SourceError(f"{path}: is no GeoJSON of districts ({error})") from error
    if frame.empty or "shapeName" not in frame:
        return None
    shapes = shapely.intersection(shapely.make_valid(frame.geometry.to_numpy()), area)
    keep = shapely.area(shapes) > 0.002 * area.area
    if not keep.any():
        return None
    ids = frame["shapeID"] if "shapeID" in frame else frame.index.astype(str)
    out = gpd.GeoDataFrame(
        {
            "district_id": list(ids[keep].astype(str)),
            "name": list(frame["shapeName"][keep].astype(str)),
        },
        geometry=shapes[keep],
        crs=4326,
    )
    return out.sort_values("district_id", kind="stable").reset_index(drop=True)
