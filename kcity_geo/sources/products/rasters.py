"""
Products: remote rasters, cut to the study area and kept as a COG.

Each way of access plans its files from the window alone, reads only what the window needs and
tells the sea from an outage: a tile that is not there counts as sea only when the provider's own
list, or a tile known to exist, shows that the server is well. Connections are `Fetcher`'s.
"""

from __future__ import annotations

import html
import json
import re
import statistics
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from kcity_geo.errors import LimitError, SourceError
from kcity_geo.sources.products.catalogue import Product
from kcity_geo.sources.products.mosaic import (
    Bounds,
    Found,
    Piece,
    mosaic,
    require_pixels,
    write_cog,
)
from kcity_geo.sources.products.tiles import split_antimeridian, tiles_over
from kcity_geo.sources.web.download import Fetcher
from kcity_geo.sources.web.wellformed import safe_members

__all__ = ["Layer", "fetch_raster", "provenance", "s3_keys"]

_MAX_PAGES = 200  # of a listing, a thousand keys each


@dataclass(frozen=True)
class Layer:
    """What came of one product: the file, and all that its manifest line needs."""

    path: Path
    urls: list[str]
    retrieved: str
    as_of: str = ""
    licence: str = ""
    attribution: str = ""
    checks: dict[str, str] = field(default_factory=dict)
    note: str = ""


def fetch_raster(
    product: Product, bounds: Bounds, out: Path, *, fetcher: Fetcher, iso3: str = ""
) -> Layer:
    """
    Bring the window of a raster product and keep it as a COG.

    Parameters
    ----------
    product : row of the catalogue.
    bounds : west, south, east, north, degrees; west above east crosses the antimeridian.
    out : ``.tif`` to write; whole or not at all.
    fetcher : the way to the network.
    iso3 : country code, for products by country.

    Returns
    -------
    The file and its origin. Values are in the product's unit, on the product's own pixels
    (never resampled, but where two tiles of different pixel size meet).

    Raises
    ------
    SourceError
        If the product has nothing here, or its server is out of order.
    LimitError
        If the window has more pixels than `Config.max_pixels`.
    """
    readers: dict[str, Callable[[], Found]] = {
        "cog_tiles": lambda: _cog_tiles(product, bounds, fetcher),
        "cog_country": lambda: _cog_country(product, bounds, fetcher, iso3),
        "cog_listing": lambda: _cog_listing(product, bounds, fetcher),
        "zip_tiles": lambda: _zip_tiles(product, bounds, fetcher),
        "zip_global": lambda: _zip_global(product, bounds, fetcher),
        "pvgis": lambda: _pvgis(product, bounds, fetcher),
    }
    found = readers[product.access]()
    values, transform = mosaic(product, found, bounds, fetcher.config.max_pixels)
    write_cog(product, values, transform, found.crs, out)
    note = f"{len(found.sea)} tile(s) of open sea: {', '.join(found.sea)}" if found.sea else ""
    return Layer(
        path=out,
        urls=found.urls,
        retrieved=found.retrieved,
        as_of=found.as_of,
        checks=found.checks,
        note=note,
    )


# -- access ------------------------------------------------------------------------------------


def _cog_tiles(product: Product, bounds: Bounds, fetcher: Fetcher) -> Found:
    found = Found(retrieved=_today())
    listed = _tile_list(product, fetcher)
    for part, shift in split_antimeridian(bounds):
        for tile in tiles_over(product.tiling, part, pad=product.tile_pad_deg):
            url = product.address(tile=tile.name)
            if not _is_there(product, url, listed, fetcher):
                found.sea.append(tile.name)
                continue
            _read_remote(product, url, part, shift, found, fetcher)
    return found


def _tile_list(product: Product, fetcher: Fetcher) -> frozenset[str] | None:
    if not product.index_url:
        return None
    text = fetcher.file(
        product.index_url, kind="text", max_age_days=180, what=f"{product.title}, tile list"
    )
    lines = frozenset(text.path.read_text(encoding="utf-8", errors="replace").split())
    prefix = product.url.rsplit("/", 1)[-1].split("{tile}")[0]
    if not any(line.startswith(prefix) for line in lines):
        raise SourceError(
            f"{product.title}: the tile list {product.index_url} names none of its tiles"
        )
    return lines


def _stem(url: str) -> str:
    return url.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _is_there(product: Product, url: str, listed: frozenset[str] | None, fetcher: Fetcher) -> bool:
    """Tell a tile of open sea from an outage."""
    if listed is not None and _stem(url) not in listed:
        return False
    status = fetcher.head(url, what=product.title).status
    if status == 200:  # noqa: PLR2004 - OK
        return True
    if listed is not None:
        raise SourceError(
            f"{product.title}: the server answers {status} for {url}, which its tile list names; "
            "that is an outage, run again later"
        )
    if not product.probe_url:
        raise SourceError(f"{product.title}: the server answers {status} for {url}")
    probe = fetcher.head(product.probe_url, what=product.title).status
    if probe != 200:  # noqa: PLR2004 - OK
        raise SourceError(
            f"{product.title}: the server answers {status} for {url} and {probe} for a tile that "
            f"must be there ({product.probe_url}); that is an outage or a moved address"
        )
    return False


def _cog_country(product: Product, bounds: Bounds, fetcher: Fetcher, iso3: str) -> Found:
    if not re.fullmatch(r"[A-Z]{3}", iso3):
        raise SourceError(f"{product.title}: comes by country, and the country is not known")
    url = product.address(ISO3=iso3, iso3=iso3.lower())
    found = Found(retrieved=_today())
    for part, shift in split_antimeridian(bounds):
        _read_remote(product, url, part, shift, found, fetcher)
    return found


def s3_keys(product: Product, fetcher: Fetcher) -> list[str]:
    """
    List the keys of a bucket that a product's ``key_pattern`` accepts.

    Parameters
    ----------
    product : with ``index_url``, an S3 ListObjectsV2 address, and ``key_pattern``.
    fetcher : the way to the network.

    Returns
    -------
    Keys, oldest first by the group ``date`` of the pattern.

    Raises
    ------
    SourceError
        If the listing holds none.
    LimitError
        If the listing has no end within reason.
    """
    pattern = re.compile(product.key_pattern)
    dated: list[tuple[str, str]] = []
    url = product.index_url
    for page in range(_MAX_PAGES + 1):
        if page == _MAX_PAGES:
            raise LimitError(
                f"{product.title}: {product.index_url} has more than {_MAX_PAGES} pages; narrow its prefix "
                "(index_url) in a catalogue of your own"
            )
        listing = fetcher.file(
            url, kind="listing", max_age_days=product.max_age_days, what=f"{product.title}, listing"
        )
        text = listing.path.read_text(encoding="utf-8")
        keys = [html.unescape(k) for k in re.findall(r"<Key>([^<]*)</Key>", text)]
        dated += [(m["date"], k) for k in keys if (m := pattern.match(k)) and ".." not in k]
        token = re.search(r"<NextContinuationToken>([^<]+)</NextContinuationToken>", text)
        if token is None:
            break
        more = quote(html.unescape(token[1]), safe="")
        url = f"{product.index_url}&continuation-token={more}"
    if not dated:
        raise SourceError(
            f"{product.title}: {product.index_url} lists nothing like {product.key_pattern}"
        )
    return [key for _, key in sorted(dated)]


def _cog_listing(product: Product, bounds: Bounds, fetcher: Fetcher) -> Found:
    key = s3_keys(product, fetcher)[-1]
    match = re.match(product.key_pattern, key)
    found = Found(retrieved=_today(), as_of=match["date"] if match else "")
    for part, shift in split_antimeridian(bounds):
        url = product.address(key=quote(key, safe="/"))
        _read_remote(product, url, part, shift, found, fetcher)
    return found


def _zip_tiles(product: Product, bounds: Bounds, fetcher: Fetcher) -> Found:
    from rasterio.warp import transform_bounds

    found = Found(retrieved=_today(), crs=product.crs)
    for part, _ in split_antimeridian(bounds):  # the halves lie at both ends of a world map
        window = transform_bounds("EPSG:4326", product.crs, *part, densify_pts=21)
        for tile in tiles_over(product.tiling, window, pad=200.0):
            url = product.address(tile=tile.name)
            if not fetcher.cache.path(url).exists() and not _is_there(product, url, None, fetcher):
                found.sea.append(tile.name)
                continue
            _read_zip(product, url, window, found, fetcher)
    return found


def _zip_global(product: Product, bounds: Bounds, fetcher: Fetcher) -> Found:
    found = Found(retrieved=_today(), crs=product.crs)
    for part, shift in split_antimeridian(bounds):
        _read_zip(product, product.url, part, found, fetcher, shift=shift)
    return found


def _pvgis(product: Product, bounds: Bounds, fetcher: Fetcher) -> Found:
    """Give one number for the city: the sum of the monthly means of all years, kWh m-2 year-1."""
    from rasterio.transform import from_bounds

    west, south, east, north = bounds
    east = east + 360 if west > east else east
    lon, lat = ((west + east) / 2 + 180) % 360 - 180, (south + north) / 2
    url = product.address(lat=f"{lat:.3f}", lon=f"{lon:.3f}")
    answer = fetcher.json(url, max_age_days=product.max_age_days, what=product.title)
    try:
        months = answer["outputs"]["monthly"]
        years = sorted({int(row["year"]) for row in months})
        total = sum(
            statistics.fmean(float(row["H(h)_m"]) for row in months if int(row["month"]) == month)
            for month in range(1, 13)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{product.title}: {url}: the answer has no monthly H(h)_m") from error
    if not 200 < total < 4000:  # noqa: PLR2004 - kWh m-2 year-1 anywhere on Earth
        raise SourceError(f"{product.title}: {total:.0f} kWh m-2 year-1 is not possible")
    pad = max(east - west, north - south)
    box = (west - pad, south - pad, east + pad, north + pad)
    values = np.full((2, 2), total, dtype=np.float32)
    piece = Piece(values, from_bounds(*box, 2, 2), None)
    return Found([piece], [url], retrieved=_today(), as_of=f"{years[0]}-{years[-1]}")


# -- reading -----------------------------------------------------------------------------------


def _read_remote(
    product: Product, url: str, part: Bounds, shift: float, found: Found, fetcher: Fetcher
) -> None:
    def read() -> tuple[Piece | None, str]:
        with fetcher.rasters.opened(url, what=product.title) as (data, head):
            return _window(product, data, part, shift, fetcher.config.max_pixels), head.etag

    piece, etag = fetcher.patiently(read, url=url, what=product.title)
    found.urls.append(url)
    found.checks[url] = etag
    if piece is not None:
        found.pieces.append(piece)


def _read_zip(
    product: Product,
    url: str,
    window: Bounds,
    found: Found,
    fetcher: Fetcher,
    *,
    shift: float = 0.0,
) -> None:
    import rasterio
    from rasterio.errors import RasterioError

    got = fetcher.file(url, kind="zip", what=product.title)
    with zipfile.ZipFile(got.path) as archive:
        names = [m.filename for m in safe_members(archive)]
    members = sorted(n for n in names if re.search(product.member_pattern, n))
    if not members:
        raise SourceError(f"{product.title}: {url} holds no {product.member_pattern}: {names[:5]}")
    try:
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(f"/vsizip/{{{got.path}}}/{members[0]}", driver="GTiff") as data,
        ):
            piece = _window(product, data, window, shift, fetcher.config.max_pixels)
    except RasterioError as error:
        raise SourceError(
            f"{product.title}: {members[0]} in {url} cannot be read ({error})"
        ) from error
    found.urls.append(url)
    found.checks[url] = f"sha256:{got.sha256}"
    found.retrieved = max(found.retrieved, got.retrieved)
    if piece is not None:
        found.pieces.append(piece)


def _window(
    product: Product,
    data: Any,  # noqa: ANN401 - rasterio
    bounds: Bounds,
    shift: float,
    max_pixels: int,
) -> Piece | None:
    """Read the whole pixels that touch a window; None when the raster lies beside it."""
    from rasterio.transform import Affine
    from rasterio.windows import Window

    t = data.transform
    if data.crs is None or t.b or t.d or t.e >= 0:
        raise SourceError(f"{product.title}: {data.name} is not a plain north-up raster with a CRS")
    pad = product.pad_px
    left = max(0, int(np.floor((bounds[0] - t.c) / t.a + 1e-9)) - pad)
    right = min(data.width, int(np.ceil((bounds[2] - t.c) / t.a - 1e-9)) + pad)
    top = max(0, int(np.floor((bounds[3] - t.f) / t.e + 1e-9)) - pad)
    bottom = min(data.height, int(np.ceil((bounds[1] - t.f) / t.e - 1e-9)) + pad)
    if right <= left or bottom <= top:
        return None
    require_pixels(product, (right - left) * (bottom - top), max_pixels)
    values = data.read(1, window=Window(left, top, right - left, bottom - top))
    moved = t * Affine.translation(left, top)
    moved = Affine(moved.a, 0, moved.c + shift, 0, moved.e, moved.f)
    return Piece(values, moved, data.nodata)


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds")


def provenance(product: Product, layer: Layer) -> str:
    """
    Write the sidecar of a layer.

    Parameters
    ----------
    product : row of the catalogue.
    layer : what came of it.

    Returns
    -------
    JSON text.
    """
    return json.dumps(
        {
            "product": product.id,
            "version": product.version,
            "urls": layer.urls,
            "retrieved": layer.retrieved,
            "as_of": layer.as_of,
            "unit": product.unit,
            "licence": layer.licence or product.licence,
            "attribution": layer.attribution or product.attribution,
            "citation": product.citation,
            "checks": layer.checks,
            "note": layer.note,
        },
        indent=1,
        ensure_ascii=False,
    )
