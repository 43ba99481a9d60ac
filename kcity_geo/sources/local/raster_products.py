"""
Raster products: files that lie beside the right one, or hold counts of a sensor, refused by what they are.

The error mask of an elevation model, one age group of a population grid, the yield of a solar plant: their
numbers are possible ones, and nothing but the name of the file tells.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import SourceError
from kcity_geo.sources.local.raster_rules import RasterRule

__all__ = [
    "refuse_classes",
    "refuse_counts",
    "refuse_other_product",
    "refuse_steep",
    "stated_packing",
]

_SAMPLE = 1_000_000


def refuse_other_product(rule: RasterRule, name: str, *, where: str) -> None:
    """
    Refuse a file that its name calls another product, and nothing in it the right one.

    Parameters
    ----------
    rule : row of ``tables/rasters.toml`` with ``other_products``.
    name : of the file.
    where : key and file, for messages.

    Raises
    ------
    SourceError
        If the name is that of another product.

    Examples
    --------
    >>> from kcity_geo.sources.local.raster_rules import raster_rule
    >>> refuse_other_product(raster_rule("solar"), "GHI.tif", where="sources.solar: GHI.tif")
    """
    if rule.right_names and re.search(rule.right_names, name, re.IGNORECASE):
        return
    for marker, what in rule.other_products:
        if re.search(marker, name, re.IGNORECASE):
            raise SourceError(
                f"{where}: by its name this is {what}; it needs {rule.hint}: give the file of that, or rename this "
                "one where its name misleads"
            )


def refuse_counts(values: NDArray[np.float64], rule: RasterRule, *, where: str) -> None:
    """
    Refuse numbers without a unit that are counts of a sensor, or of a far larger unit.

    Parameters
    ----------
    values : in and around the city; NaN where nothing is known.
    rule : row of ``tables/rasters.toml`` with ``counts_high`` and ``brightest_low``.
    where : key and file, for messages.

    Raises
    ------
    SourceError
        If there is light, and it is less than any, or whole numbers none of which is above ``counts_high``.
    """
    if rule.counts_high is None:
        return
    known = values[np.isfinite(values)]
    if not known.size or not 0 < known.max() <= rule.counts_high:
        return
    if known.max() < rule.brightest_low:
        raise SourceError(
            f"{where} has at most {known.max():.3g}, less than any light, and declares no unit; is it W/cm2/sr? It "
            f"needs {rule.hint}: declare the unit (gdal_edit.py -units 'W/cm2/sr')"
        )
    if (known != np.rint(known)).any():
        return
    raise SourceError(
        f"{where} holds whole numbers up to {known.max():g} and declares no unit: digital numbers of DMSP-OLS "
        f"(0 to {rule.counts_high:g}) are no radiance; it needs {rule.hint}: give VIIRS, or declare the unit where "
        "it is that (gdal_edit.py -units 'nW/cm2/sr')"
    )


def refuse_classes(values: NDArray[np.float64], rule: RasterRule, *, where: str) -> None:
    """
    Refuse small whole numbers without a unit, which are a mask or classes and no quantity.

    Parameters
    ----------
    values : in and around the city; NaN where nothing is known.
    rule : row of ``tables/rasters.toml`` with ``classes_high``.
    where : key and file, for messages.

    Raises
    ------
    SourceError
        If all that is above 0 is whole, and nothing above ``classes_high``.

    Examples
    --------
    >>> from kcity_geo.sources.local.raster_rules import raster_rule
    >>> refuse_classes(np.array([0.0, 0.4, 1.0]), raster_rule("flood"), where="sources.flood: f.tif")
    """
    if rule.classes_high is None:
        return
    wet = values[values > 0]
    if not wet.size or wet.max() > rule.classes_high or (wet != np.rint(wet)).any():
        return
    few = ", ".join(f"{v:g}" for v in np.unique(wet))
    raise SourceError(
        f"{where} holds only {few} where it is above 0 and declares no unit: is it a mask, or classes? It needs "
        f"{rule.hint}. {rule.classes_mend}"
    )


def refuse_steep(
    heights: NDArray[np.floating[Any]], rule: RasterRule, *, cell_m: float, where: str
) -> None:
    """
    Refuse heights of another unit, which make the land steeper than any.

    Parameters
    ----------
    heights : shape (rows, cols), metres; NaN where nothing is known.
    rule : row of ``tables/rasters.toml`` with ``median_slope_high``.
    cell_m : side of a cell, metres.
    where : key and file, for messages.

    Raises
    ------
    SourceError
        If half of the land is steeper than ``median_slope_high``.
    """
    if rule.median_slope_high is None or min(heights.shape) < 2:  # noqa: PLR2004 - a difference
        return
    rows = np.arange(0, heights.shape[0] - 1, max(1, heights.size // _SAMPLE))
    here = heights[rows, :-1]
    steep = np.hypot(heights[rows, 1:] - here, heights[rows + 1, :-1] - here) / cell_m
    known = steep[np.isfinite(steep)]
    if known.size and (median := float(np.median(known))) > rule.median_slope_high:
        raise SourceError(
            f"{where}: half of the land is steeper than {median:.0%}, as no city is; are the heights centimetres, "
            f"or stored with a scale? It needs {rule.hint}: declare it (gdal_edit.py -units cm, or -scale 0.01)"
        )


def stated_packing(tags: dict[str, str], *, whole: bool, where: str) -> float | None:
    """
    Read what tags of NetCDF say of stored numbers, which GeoTIFF keeps without obeying it.

    Parameters
    ----------
    tags : of file and band, keys in small letters.
    whole : the file holds whole numbers.
    where : key and file, for messages.

    Returns
    -------
    The stored number that means no data; None where no tag says so.

    Raises
    ------
    SourceError
        If whole numbers are said to be stored with a scale or an offset.

    Examples
    --------
    >>> stated_packing({"_fillvalue": "-1"}, whole=True, where="sources.flood: f.tif")
    -1.0
    """
    scale, offset = _number(tags, "scale_factor"), _number(tags, "add_offset")
    if whole and (scale not in {None, 1.0} or offset not in {None, 0.0}):
        said = ", ".join(f"{k}={tags[k]}" for k in ("scale_factor", "add_offset") if k in tags)
        raise SourceError(
            f"{where} says {said} in a tag, where nobody obeys it; set it (gdal_edit.py -scale "
            f"{1.0 if scale is None else scale:g} -offset {0.0 if offset is None else offset:g}), or take the "
            "tag out where the numbers are whole already"
        )
    fill = _number(tags, "_fillvalue")
    return _number(tags, "missing_value") if fill is None else fill


def _number(tags: dict[str, str], key: str) -> float | None:
    try:
        return float(tags[key])
    except (KeyError, ValueError):
        return None
