"""Raster rules: how each raster of a study file is read, from the rows of ``tables/rasters.toml``."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError

__all__ = ["RasterRule", "raster_rule", "raster_rules"]


@dataclass(frozen=True, kw_only=True)
class RasterRule:
    """
    How a raster is brought onto the grid, and which values it may have.

    Parameters
    ----------
    variable, units, long_name : of the cube.
    kind : ``"sum"`` for amounts, ``"mean"`` for continuous quantities, ``"class"`` for codes.
    quantity : of ``tables/raster_units.toml``; None: no unit is converted.
    nodata : usual codes for no data.
    low, high : values outside are another unit or an error.
    mean_low : the mean is never below.
    density_high : amounts for each km2 of a pixel are never above; None: any.
    density_pixel_m : smaller pixels are as full as one of this side, metres: a tower stands in one of them.
    mean_density_high : km2 of a city at least, and the mean amount for each km2 that none has.
    codes : the only values; None: any.
    legend : class of ESA WorldCover of each code; None: the codes are those.
    sparse : no data inside the extent of a file means "nothing here".
    uninhabited_names, density_products : patterns of file names, see the table.
    share_like : highest value, and m2 of a pixel at least, that make amounts of land shares or percent.
    wet_median_high : metres; half of the flooded land is never deeper. None: any.
    median_slope_high : half of the land is never steeper, metres a metre. None: any.
    counts_high : whole numbers up to this without a unit are counts of a sensor. None: they are values.
    brightest_low : the highest value is never below, where it is not 0.
    classes_high, classes_mend : whole numbers up to this without a unit are classes, and what to give instead.
    noise : numbers less than this below 0 are 0.
    refuse_codes : a usual code for no data is refused where the file declares none.
    right_names : pattern of file names that are of the right product, whatever `other_products` says.
    other_products : patterns of file names, and what such a file is instead.
    hint : what the file must hold, in words.
    """

    variable: str
    kind: str
    units: str
    long_name: str
    hint: str
    low: float
    high: float
    nodata: tuple[float, ...] = ()
    quantity: str | None = None
    mean_low: float = -math.inf
    density_high: float | None = None
    density_pixel_m: float = 0.0
    mean_density_high: tuple[tuple[float, float], ...] = ()
    codes: tuple[float, ...] | None = None
    legend: tuple[float, ...] | None = None
    sparse: bool = False
    uninhabited_names: str = ""
    density_products: tuple[tuple[str, str], ...] = ()
    share_like: tuple[tuple[float, float], ...] = ()
    wet_median_high: float | None = None
    median_slope_high: float | None = None
    counts_high: float | None = None
    brightest_low: float = 0.0
    classes_high: float | None = None
    classes_mend: str = ""
    noise: float = 0.0
    refuse_codes: bool = False
    right_names: str = ""
    other_products: tuple[tuple[str, str], ...] = ()


def _rule(name: str, row: dict[str, Any]) -> RasterRule:
    """Build a rule from its row; lists become tuples."""
    names = {one.name for one in fields(RasterRule)}
    given = {key: _frozen(value) for key, value in row.items() if key in names}
    needed = [f.name for f in fields(RasterRule) if f.default is MISSING]
    missing = [key for key in needed if key not in given]
    if missing:
        raise StudyError(
            f"tables/rasters.toml: [raster.{name}]: {', '.join(missing)} missing; a row needs "
            f"{', '.join(needed)}"
        )
    return RasterRule(**given)


def _frozen(value: Any) -> Any:  # noqa: ANN401 - a value of TOML
    if isinstance(value, dict):
        return tuple(value.items())
    if isinstance(value, list):
        return tuple(_frozen(one) for one in value)
    return value


@cache
def raster_rules() -> dict[str, RasterRule]:
    """
    Give the rules of all rasters.

    Returns
    -------
    Key of ``[sources]`` -> rule, in the order of the table.

    Examples
    --------
    >>> [key for key, rule in raster_rules().items() if rule.kind == "sum"]
    ['population', 'built']
    """
    return {key: _rule(key, row) for key, row in read_table("rasters")["raster"].items()}


def raster_rule(key: str) -> RasterRule:
    """
    Give the rule of one raster.

    Parameters
    ----------
    key : of ``[sources]``.

    Returns
    -------
    Its rule.

    Examples
    --------
    >>> raster_rule("elevation").units
    'm'
    """
    return raster_rules()[key]
