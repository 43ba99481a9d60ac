"""Raster files: one Cloud-Optimised GeoTIFF a variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.outputs.attribution import credits_of_file
from kcity_geo.outputs.colours import CLASS_COLOURS, rgb
from kcity_geo.outputs.frames import grid_variables
from kcity_geo.outputs.raster_styles import (
    category_names,
    class_colours,
    class_words,
    raster_qml,
    raster_style,
)
from kcity_geo.outputs.text import plain_text, slug
from kcity_geo.result import Result

__all__ = ["raster_stem", "save_layers"]

_NODATA_CODE = 255
_SMALLEST_OVERVIEW = 64


def save_layers(result: Result, folder: Path) -> None:
    """
    Write every variable of the grid as a Cloud-Optimised GeoTIFF.

    Parameters
    ----------
    result : a finished study.
    folder : made when missing; files are named after the variables.

    Notes
    -----
    Numbers are float32 with nodata NaN, classes are uint8 with nodata 255 and a colour table.
    Each file has overviews, the unit of the band, a description, and its source, licence, date and
    evidence as tags; classes name their codes (``CLASS_1``, and category names in ``.tif.aux.xml``). Beside each lies
    its style for QGIS (``.qml``). Outside the city everything is nodata.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = credits_of_file(result.data)
    for name, (values, attrs) in grid_variables(result).items():
        path = folder / f"{raster_stem(name)}.tif"
        _save_cog(result, path, values, name=name, attrs=attrs, told=told)
        _write_text(path.with_suffix(".qml"), raster_qml(raster_style(name, values, attrs)))
        if words := class_words(name):
            _write_text(path.with_name(path.name + ".aux.xml"), category_names(words))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def raster_stem(name: str) -> str:
    """
    Give the name of the file of a variable.

    Parameters
    ----------
    name : of the variable.

    Returns
    -------
    The same when it is harmless, else a slug of it.

    Examples
    --------
    >>> raster_stem("T1"), raster_stem("../x y")
    ('T1', 'x-y')
    """
    return name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{3,60}|[TWE]\d+", name) else slug(name)


def _save_cog(
    result: Result,
    path: Path,
    values: NDArray[Any],
    *,
    name: str,
    attrs: Mapping[str, Any],
    told: Mapping[str, str],
) -> None:
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.io import MemoryFile
    from rasterio.shutil import copy

    grid = result.data.grid
    is_class = values.dtype == np.uint8 or attrs.get("kind") == "class" or name in CLASS_COLOURS
    band = _class_band(values, result.data.inside) if is_class else values.astype(np.float32)
    profile = {
        "driver": "GTiff",
        "height": grid.shape[0],
        "width": grid.shape[1],
        "count": 1,
        "dtype": band.dtype,
        "crs": rasterio.CRS.from_wkt(result.data.city.crs.to_wkt()),
        "transform": grid.affine,
        "nodata": _NODATA_CODE if is_class else np.nan,
    }
    factors = _overview_factors(grid.shape)
    with MemoryFile() as memory:
        with memory.open(**profile) as draft:
            draft.write(band, 1)
            draft.set_band_description(1, plain_text(attrs.get("long_name") or name))
            draft.units = (plain_text(attrs.get("units", "")),)
            draft.update_tags(**_tags(result, attrs, told))
            if words := class_words(name):
                draft.update_tags(1, **{f"CLASS_{code}": text for code, text in words.items()})
            if is_class and (colours := class_colours(name)):
                draft.write_colormap(1, {k: (*rgb(v), 255) for k, v in colours.items()})
            draft.build_overviews(factors, Resampling.mode if is_class else Resampling.average)
        # Python writes the file: on a full disk libtiff would talk to the terminal.
        with memory.open() as draft, MemoryFile(ext=".tif") as finished:
            copy(
                draft,
                finished.name,
                driver="COG",
                COMPRESS="DEFLATE",
                LEVEL="6",
                PREDICTOR="STANDARD" if is_class else "FLOATING_POINT",
                BLOCKSIZE="256",
                OVERVIEWS="FORCE_USE_EXISTING",
                NUM_THREADS="1",
            )
            path.write_bytes(finished.getbuffer())


def _class_band(values: NDArray[Any], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    codes = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=_NODATA_CODE)
    known = inside & (codes >= 0) & (codes < _NODATA_CODE)
    return np.where(known, codes, _NODATA_CODE).astype(np.uint8)


def _overview_factors(shape: tuple[int, int]) -> list[int]:
    factors, factor = [2], 2
    while max(shape) / factor > _SMALLEST_OVERVIEW:
        factor *= 2
        factors.append(factor)
    return factors


def _tags(result: Result, attrs: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, str]:
    about = {
        key.upper(): plain_text(attrs.get(key, ""), max_chars=1000)
        for key in ("units", "long_name", "source", "licence", "as_of", "evidence")
    }
    # A raster of one input stands under its licence, what was made of several under that of them all.
    about["LICENCE"] = about["LICENCE"] or told["licence"]
    about["ATTRIBUTION"] = plain_text(told["attribution"], max_chars=1000)
    about["TERMS"] = plain_text(told["terms"], max_chars=1000)
    about["NOTICE"] = told["notice"]
    about["TIFFTAG_COPYRIGHT"] = plain_text(
        f"{about['ATTRIBUTION']} ({about['LICENCE']})", max_chars=1000
    )
    about["CITY"] = plain_text(result.data.city.name)
    if result.data.synthetic:
        about["SYNTHETIC"] = "YES"
    return {k: v for k, v in about.items() if v}
