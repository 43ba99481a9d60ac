"""Mosaic: pieces of a remote raster joined on one lattice of pixels and written as a COG."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from kcity_geo.errors import LimitError, SourceError
from kcity_geo.sources.products.catalogue import Product

__all__ = ["Bounds", "Found", "NoDataHereError", "Piece", "mosaic", "require_pixels", "write_cog"]

Bounds = tuple[float, float, float, float]
_GLO30_DEG = 1 / 3600


class NoDataHereError(SourceError):
    """A product works, but has nothing at this place."""


@dataclass(frozen=True)
class Piece:
    """
    A part of a window, from one file.

    Parameters
    ----------
    values : shape (rows, cols), as they stand in the file.
    transform : of its pixels.
    nodata : of the file.
    """

    values: NDArray[Any]
    transform: Affine
    nodata: float | None


@dataclass
class Found:
    """
    Pieces of one window and where they came from.

    Parameters
    ----------
    pieces : those that hold something.
    urls : of the files that were read.
    checks : address -> what tells whether the file changed.
    sea : names of tiles that do not exist because they would hold nothing but sea.
    retrieved, as_of : dates.
    crs : of all pieces.
    """

    pieces: list[Piece] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    checks: dict[str, str] = field(default_factory=dict)
    sea: list[str] = field(default_factory=list)
    retrieved: str = ""
    as_of: str = ""
    crs: str = "EPSG:4326"


def require_pixels(product: Product, pixels: int, max_pixels: int) -> None:
    """
    Refuse a window that is too large before it is read.

    Parameters
    ----------
    product : row of the catalogue.
    pixels : of the window.
    max_pixels : limit.

    Raises
    ------
    LimitError
        If there are more.
    """
    if pixels > max_pixels:
        raise LimitError(
            f"{product.title}: the study area has {pixels:,} pixels of it; the limit is "
            f"{max_pixels:,} (max_pixels); take a smaller area"
        )


def mosaic(
    product: Product, found: Found, bounds: Bounds, max_pixels: int
) -> tuple[NDArray[Any], Affine]:
    """
    Join the pieces of a window, on the finest pixels among them.

    Parameters
    ----------
    product : row of the catalogue.
    found : the pieces.
    bounds : west, south, east, north, degrees; the sea reaches to them.
    max_pixels : limit.

    Returns
    -------
    Values of shape (rows, cols), and their transform.

    Raises
    ------
    NoDataHereError
        If there is nothing, and no sea either.
    LimitError
        If there are too many pixels.
    SourceError
        If amounts would have to be resampled.
    """
    from rasterio.transform import Affine

    fill = _fill(product, found)
    if not found.pieces:
        if product.outside is None or not found.sea:
            raise NoDataHereError(f"{product.title}: has no data in the study area {bounds}")
        return _sea(bounds, fill)
    finest = min(found.pieces, key=lambda p: p.transform.a)
    a, e = finest.transform.a, finest.transform.e
    west = min(p.transform.c for p in found.pieces)
    north = max(p.transform.f for p in found.pieces)
    east = max(p.transform.c + p.transform.a * p.values.shape[1] for p in found.pieces)
    south = min(p.transform.f + p.transform.e * p.values.shape[0] for p in found.pieces)
    if found.sea and product.outside is not None:  # the sea reaches to the edge of the window
        unrolled = bounds[2] + (360 if bounds[0] > bounds[2] else 0)
        west, east = min(west, bounds[0]), max(east, unrolled)
        south, north = min(south, bounds[1]), max(north, bounds[3])
    col0 = int(np.floor((west - finest.transform.c) / a + 1e-6))
    row0 = int(np.floor((north - finest.transform.f) / e + 1e-6))
    width = int(np.ceil((east - finest.transform.c) / a - 1e-6)) - col0
    height = int(np.ceil((south - finest.transform.f) / e - 1e-6)) - row0
    require_pixels(product, width * height, max_pixels)
    target = finest.transform * Affine.translation(col0, row0)
    dtype = np.result_type(*(p.values.dtype for p in found.pieces))
    if product.scale != 1.0:
        dtype = np.result_type(dtype, np.float32)
    out = np.full((height, width), fill, dtype=dtype)
    for piece in found.pieces:
        _lay(out, target, piece, product)
    return out, target


def _fill(product: Product, found: Found) -> float:
    if found.sea and product.outside is not None:
        return product.outside
    return _nodata(product, [p.values.dtype for p in found.pieces])


def _nodata(product: Product, dtypes: list[np.dtype[Any]]) -> float:
    if product.nodata is not None:
        return product.nodata
    return float("nan") if all(d.kind == "f" for d in dtypes) else 0.0


def _sea(bounds: Bounds, fill: float) -> tuple[NDArray[Any], Affine]:
    from rasterio.transform import from_origin

    west, south, east, north = bounds
    east = east + 360 if west > east else east
    width = int(np.ceil((east - west) / _GLO30_DEG - 1e-6)) + 1
    height = int(np.ceil((north - south) / _GLO30_DEG - 1e-6)) + 1
    return np.full((height, width), fill, np.float32), from_origin(
        west, north, _GLO30_DEG, _GLO30_DEG
    )


def _lay(out: NDArray[Any], target: Affine, piece: Piece, product: Product) -> None:
    """Put a piece in its place: as it is on the same pixels, resampled when they are coarser."""
    from rasterio.warp import Resampling, reproject

    values = piece.values
    if product.nodata is None and piece.nodata is not None and values.dtype.kind == "f":
        values = np.where(values == piece.nodata, np.nan, values).astype(values.dtype)
    if product.scale != 1.0:
        known = values != (piece.nodata if piece.nodata is not None else np.nan)
        values = np.where(known, values * product.scale, values)
    col = (piece.transform.c - target.c) / target.a
    row = (piece.transform.f - target.f) / target.e
    ratio = max(abs(piece.transform.a / target.a - 1), abs(piece.transform.e / target.e - 1))
    same = ratio < 1e-9  # noqa: PLR2004 - float noise
    whole = max(abs(col - round(col)), abs(row - round(row))) < 0.01  # noqa: PLR2004 - a hundredth of a pixel
    if same and whole:
        r, c = round(row), round(col)
        view = out[r : r + values.shape[0], c : c + values.shape[1]]
        view[...] = values[: view.shape[0], : view.shape[1]]
        return
    if product.resampling == "sum":
        raise SourceError(
            f"{product.title}: its tiles do not share one grid, and amounts are never interpolated"
        )
    how = Resampling.nearest if product.resampling == "class" else Resampling.bilinear
    reproject(
        values,
        out,
        src_transform=piece.transform,
        dst_transform=target,
        src_crs="EPSG:4326",
        dst_crs="EPSG:4326",
        resampling=how,
        init_dest_nodata=False,
    )


def write_cog(
    product: Product, values: NDArray[Any], transform: Affine, crs: str, out: Path
) -> None:
    """
    Write a window as a COG, whole or not at all.

    Parameters
    ----------
    product : row of the catalogue.
    values, transform : of `mosaic`.
    crs : of the pieces.
    out : ``.tif`` to write.
    """
    import rasterio

    nodata = _nodata(product, [values.dtype])
    temporary = out.with_name(out.name + ".part.tif")
    temporary.unlink(missing_ok=True)
    levels = "MODE" if product.resampling == "class" else "AVERAGE"
    with rasterio.open(
        temporary,
        "w",
        driver="COG",
        width=values.shape[1],
        height=values.shape[0],
        count=1,
        dtype=values.dtype,
        crs=crs,
        transform=transform,
        nodata=nodata if values.dtype.kind == "f" or product.nodata is not None else None,
        compress="DEFLATE",
        predictor="YES",
        blocksize=256,
        overview_resampling=levels,
        overviews="AUTO" if product.resampling != "sum" else "NONE",
        num_threads=1,
    ) as data:
        data.write(values, 1)
        data.set_band_description(1, product.title)
        data.set_band_unit(1, product.unit)
        data.update_tags(
            PRODUCT=product.id,
            VERSION=product.version,
            UNITS=product.unit,
            LICENCE=product.licence,
            ATTRIBUTION=product.attribution,
        )
    temporary.replace(out)
