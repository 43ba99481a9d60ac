"""Raster files: each opened safely, with the band, the place and the CRS that it declares."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import ProjError

from kcity_geo.city import require_earthly
from kcity_geo.config import Config
from kcity_geo.errors import LimitError, SourceError
from kcity_geo.sources.local.raster_rules import raster_rule
from kcity_geo.sources.web.wellformed import require_whole_zip
from kcity_geo.studyfile import file_and_part

__all__ = ["flat_crs", "mask_of", "opened", "raster_files", "short", "too_large"]

_ENDINGS = (".tif", ".tiff", ".hgt")


def raster_files(path: Path | Sequence[Path], *, key: str) -> list[Path]:
    """
    List the files of a raster input: itself, the tiles of a list, or those of a folder.

    Parameters
    ----------
    path : file, folder or list of files.
    key : key of ``[sources]``, for messages.

    Returns
    -------
    Files, those of a folder by name.

    Raises
    ------
    SourceError
        If a folder holds no raster.
    """
    if not isinstance(path, Path):
        return [file for one in path for file in raster_files(one, key=key)]
    if not path.is_dir():
        return [path]
    files = sorted(
        p
        for p in path.iterdir()
        if p.is_file() and (p.name.lower().endswith(_ENDINGS) or _zip_of_raster(p))
    )
    if not files:
        raise SourceError(
            f"sources.{key}: the folder {path.name} holds no raster; it needs {', '.join(_ENDINGS)} or .zip"
        )
    return files


def _rasters_in(archive: zipfile.ZipFile) -> list[str]:
    """Name the rasters of an archive; what macOS keeps beside each file is none."""
    names = [name for name in archive.namelist() if name.lower().endswith(_ENDINGS)]
    return [n for n in names if not n.startswith("__MACOSX/") and "/._" not in f"/{n}"]


def _zip_of_raster(path: Path) -> bool:
    """Tell whether a file of a folder is an archive of a raster; a damaged one is left to its reader."""
    if path.suffix.lower() != ".zip":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(_rasters_in(archive))
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return True


def _address(file: Path, part: str, key: str) -> tuple[str, str, str]:
    """GDAL address, the one driver that may open it, and the band that is meant."""
    if not file.name.lower().endswith(".zip"):
        return str(file), "SRTMHGT" if file.suffix.lower() == ".hgt" else "GTiff", part
    try:
        require_whole_zip(file)
    except (SourceError, LimitError) as error:
        raise type(error)(f"sources.{key}: {file.name} {error}; get it again") from error
    with zipfile.ZipFile(file) as archive:
        members = _rasters_in(archive)
    inner, _, band = part.partition("#")
    if part and inner not in members:
        inner, band = "", part
    chosen = [inner] if inner else members
    if len(chosen) != 1:
        some = f" ({', '.join(chosen[:3])}…)" if chosen else ""
        raise SourceError(
            f"sources.{key}: {file.name} holds {len(chosen)} rasters{some}, one is needed; name it: "
            f"{file.name}#{chosen[0] if chosen else 'NAME.tif'}"
        )
    driver = "SRTMHGT" if chosen[0].lower().endswith(".hgt") else "GTiff"
    return f"/vsizip/{{{file}}}/{chosen[0]}", driver, band


@contextmanager
def _damage_told(where: str) -> Iterator[None]:
    """Turn whatever GDAL finds wrong with a file, wherever it is asked, into one line."""
    import rasterio
    from rasterio._err import CPLE_BaseError

    try:
        yield
    except (SourceError, LimitError):
        raise
    except (rasterio.errors.RasterioError, CPLE_BaseError, ProjError, MemoryError) as error:
        raise SourceError(f"{where} is damaged ({short(error)}); get it again") from error


@contextmanager
def opened(path: Path, *, key: str, config: Config) -> Iterator[tuple[Any, int]]:
    """
    Open a raster with its own driver.

    Parameters
    ----------
    path : the file, with or without the name of a band.
    key : key of ``[sources]``, for messages.
    config : limits.

    Yields
    ------
    tuple
        The open dataset, and the number of the band that is meant.

    Raises
    ------
    SourceError, LimitError
        If it cannot be read, lies nowhere on Earth, holds something else or is too large.
    """
    import rasterio

    file, part = file_and_part(path)
    if not file.exists():
        raise SourceError(f"sources.{key}: {file} does not exist")
    if file.is_file() and file.stat().st_size == 0:
        raise SourceError(f"sources.{key}: {file.name} is empty (0 bytes)")
    address, driver, wanted = _address(file, part, key)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            dataset = rasterio.open(address, driver=driver)
    except (rasterio.errors.RasterioError, OSError, ValueError, UnicodeDecodeError) as error:
        raise SourceError(
            f"sources.{key}: {file.name} cannot be read as GeoTIFF or HGT ({short(error)})"
        ) from error
    where = f"sources.{key}: {file.name}"
    with _damage_told(where), dataset:
        _check_place(dataset, where)
        pixels = dataset.width * dataset.height * dataset.count
        if pixels > config.max_pixels * 200:
            raise LimitError(too_large(where, pixels, config.max_pixels * 200))
        band = _band(dataset, wanted, where)
        _refuse_other_kinds(dataset, band, key=key, where=where)
        yield dataset, band


def _check_place(dataset: Any, where: str) -> None:  # noqa: ANN401 - rasterio
    """Refuse a raster whose place on Earth is not given by a plain grid in a CRS."""
    if dataset.crs is None:
        if dataset.gcps[0]:
            raise SourceError(
                f"{where} is placed by ground control points; warp it first (gdalwarp)"
            )
        raise SourceError(f"{where} has no CRS; assign one (gdal_edit.py -a_srs EPSG:…)")
    steps = dataset.transform
    if not np.isfinite(list(steps)[:6]).all() or steps.a * steps.e - steps.b * steps.d == 0:
        raise SourceError(f"{where} says no place of its pixels (its geotransform is no grid)")
    if steps.a == 0 and steps.e == 0:
        raise SourceError(f"{where} is rotated by 90°; warp it north-up first (gdalwarp)")
    if steps.b or steps.d:
        turned = max(abs(steps.d / steps.a), abs(steps.b / steps.e)) if steps.a and steps.e else 1.0
        turned = math.degrees(math.atan(turned))
        raise SourceError(
            f"{where} is rotated or sheared (by {turned:.3g}°); warp it north-up first (gdalwarp)"
        )


def flat_crs(dataset: Any, where: str) -> tuple[CRS, CRS | None]:  # noqa: ANN401 - rasterio
    """
    Give the horizontal CRS of a raster, and the vertical one of a compound CRS.

    Parameters
    ----------
    dataset : open.
    where : key and file, for messages.

    Returns
    -------
    Both; the second is None for a plain CRS.

    Raises
    ------
    SourceError
        If the CRS cannot be used.
    """
    try:
        crs = CRS.from_wkt(dataset.crs.to_wkt())
    except ProjError as error:
        raise SourceError(f"{where} has a CRS that cannot be read ({short(error)})") from error
    vertical = None
    if crs.is_compound:
        crs, vertical = crs.sub_crs_list[0], crs.sub_crs_list[1]
    if crs.is_vertical or crs.is_geocentric:
        kind = "vertical" if crs.is_vertical else "geocentric"
        raise SourceError(f"{where} has a {kind} CRS ({crs.name}); it needs one of a map")
    require_earthly(crs, what=where)
    return (crs.to_2d() if len(crs.axis_info) > 2 else crs), vertical  # noqa: PLR2004 - x, y


def _data_bands(dataset: Any) -> list[int]:  # noqa: ANN401 - rasterio
    from rasterio.enums import ColorInterp

    return [i + 1 for i, c in enumerate(dataset.colorinterp) if c != ColorInterp.alpha] or [1]


def _band(dataset: Any, wanted: str, where: str) -> int:  # noqa: ANN401 - rasterio
    """Give the number of the band that is meant: the only one, or that named behind ``#``."""
    if dataset.subdatasets:
        raise SourceError(
            f"{where} holds {len(dataset.subdatasets)} rasters; take out the one you mean (gdal_translate)"
        )
    bands = _data_bands(dataset)
    names = {i: (dataset.descriptions[i - 1] or "").strip() for i in bands}
    listed = ", ".join(f"{i} {names[i]!r}" if names[i] else str(i) for i in bands[:8])
    if not wanted:
        if len(bands) == 1:
            return bands[0]
        raise SourceError(
            f"{where} has {len(bands)} bands, one is needed ({listed}); name it: "
            f"{where.partition(': ')[2]}#band={bands[0]}"
        )
    for number, name in names.items():
        if wanted == name or wanted.removeprefix("band=") in {str(number), name or str(number)}:
            return number
    raise SourceError(f"{where} has no band {wanted!r}; it has {listed}")


def _refuse_other_kinds(dataset: Any, band: int, *, key: str, where: str) -> None:  # noqa: ANN401
    """Refuse maps of classes where numbers are needed, and complex numbers."""
    from rasterio.enums import ColorInterp

    if "complex" in dataset.dtypes[band - 1] or "cint" in dataset.dtypes[band - 1]:
        raise SourceError(f"{where} holds complex numbers, plain ones are needed")
    rule = raster_rule(key)
    if rule.kind != "class" and dataset.colorinterp[band - 1] == ColorInterp.palette:
        raise SourceError(
            f"{where} is a map of classes (it has a colour table); it needs {rule.hint}"
        )


def short(error: Exception) -> str:
    """
    Give the first line of an error, without signs that do not print.

    Parameters
    ----------
    error : of a library.

    Returns
    -------
    At most 160 characters.
    """
    text = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text)


def too_large(where: str, pixels: int, limit: int) -> str:
    """
    Say that a raster has too many pixels.

    Parameters
    ----------
    where : key and file.
    pixels : asked for.
    limit : of the configuration.

    Returns
    -------
    A line.
    """
    return (
        f"{where} asks for {pixels:,} pixels, the limit is {limit:,}; cut it to the "
        "study area, or raise the limit (--max-pixels)"
    )


def mask_of(
    dataset: Any,  # noqa: ANN401 - rasterio
    band: int,
    window: Any,  # noqa: ANN401 - rasterio
) -> NDArray[np.bool_] | None:
    """
    Read what a mask or an alpha band takes out.

    Parameters
    ----------
    dataset : of rasterio.
    band : number.
    window : of rasterio.

    Returns
    -------
    True where nothing is known; None: the file has neither. GDAL knows alpha of whole numbers of 8 and 16
    bits alone; `gdalwarp -dstalpha` writes it in the type of the heights.
    """
    from rasterio.enums import ColorInterp, MaskFlags

    flags = dataset.mask_flag_enums[band - 1]
    if MaskFlags.per_dataset in flags or MaskFlags.alpha in flags:
        return np.asarray(dataset.read_masks(band, window=window) == 0)
    alpha = [i + 1 for i, c in enumerate(dataset.colorinterp) if c == ColorInterp.alpha]
    if not alpha or band in alpha:
        return None
    return np.asarray(~(dataset.read(alpha[0], window=window) > 0))
