"""Raster codes: stored numbers that are no quantity (no data, water, noise), told or refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.raster_rules import RasterRule
from kcity_geo.sources.local.raster_units import Conversion

__all__ = ["equal_to", "known_codes", "named_code", "refuse_infinite", "without_noise"]

#: No quantity is as large: programs write the greatest number that they can store, with few digits.
_NO_QUANTITY = 1e37


def refuse_infinite(
    values: NDArray[np.float64], missing: NDArray[np.bool_], rule: RasterRule, *, where: str
) -> None:
    """
    Refuse infinite numbers that nothing declares to be no data: a division by zero is no gap.

    Parameters
    ----------
    values : as stored.
    missing : True where the file declares no data.
    rule : of the raster.
    where : key and file, for messages.

    Raises
    ------
    SourceError
        If there are any.
    """
    infinite = np.isinf(values) & ~missing
    if count := int(infinite.sum()):
        first = float(values[infinite][0])
        raise SourceError(
            f"{where} has the value {first:g} in {count:,} pixels in and around the city; it needs {rule.hint}, "
            f"and a number that means no data declared as such (gdal_edit.py -a_nodata {first:g})"
        )


def equal_to(values: NDArray[np.float64], code: float, *, exact: bool) -> NDArray[np.bool_]:
    """
    Compare with a code; numbers with a point are stored with fewer digits than the code has.

    Parameters
    ----------
    values : as stored.
    code : compared with.
    exact : whole numbers, which are kept to the last digit.

    Returns
    -------
    True where they are equal.

    Examples
    --------
    >>> equal_to(np.array([1.0, -9999.0]), -9999.0, exact=True).tolist()
    [False, True]
    """
    if exact or not math.isfinite(code):
        return np.asarray(values == code)
    if (
        abs(code) >= _NO_QUANTITY
    ):  # -3.4e38 is written of the least number of 32 bits, -3.4028235e38
        huge = values >= _NO_QUANTITY if code > 0 else values <= -_NO_QUANTITY
        return np.asarray(huge & np.isfinite(values))
    near = 1e-6 * abs(code)
    return np.asarray((values >= code - near) & (values <= code + near))


def known_codes(
    stored: NDArray[np.float64],
    change: Conversion,
    rule: RasterRule,
    dataset: Any,  # noqa: ANN401 - rasterio
    *,
    where: str,
) -> NDArray[np.bool_]:
    """
    Find codes of products that mean no data, where the value would be impossible, and tell them.

    Parameters
    ----------
    stored : numbers of a file that declares neither nodata nor mask nor scale.
    change : their unit.
    rule : row of ``tables/rasters.toml``.
    dataset : open in rasterio.
    where : key and file, for messages.

    Returns
    -------
    True where there is no data.

    Raises
    ------
    SourceError
        If such a number may be a value, or a mask.
    """
    missing = np.zeros(stored.shape, dtype=bool)
    highest = rule.high
    if rule.quantity == "area":
        square = abs(dataset.transform.a * dataset.transform.e)
        metre = 111_320.0 if dataset.crs.is_geographic else dataset.crs.linear_units_factor[1]
        highest = min(highest, square * metre**2 * 1.1)
    for code in rule.nodata:
        found = equal_to(stored, code, exact=False)
        if rule.codes is not None:
            found &= not np.isin(code, rule.codes)
        else:
            found &= not rule.low <= code * change.factor <= highest
        if rule.refuse_codes and (odd := equal_to(stored, code, exact=False) & ~found).any():
            raise SourceError(
                f"{where} holds {int(odd.sum()):,} pixels of {code:g} in and around the city, a usual code for no "
                f"data, and declares none; declare it (gdal_edit.py -a_nodata {code:g}), or another number where "
                "it is a value"
            )
        if rule.sparse and not change.said:
            _refuse_mask(stored, found, code, rule, where=where)
        if found.any() and not (rule.sparse and code == 0):
            tell(
                f"{where} holds {int(found.sum()):,} pixels of {code:g} in and around the city and declares "
                f"no nodata; the number is a usual code for it and counts as {'dry' if rule.sparse else 'no data'}"
            )
        missing |= found
    return missing


def _refuse_mask(
    stored: NDArray[np.float64],
    found: NDArray[np.bool_],
    code: float,
    rule: RasterRule,
    *,
    where: str,
) -> None:
    """Refuse a file in which a code for no data is the only number beside 0: it may be a mask of wet land."""
    if code <= 0 or not found.any():
        return
    if not np.isin(stored[~found & ~np.isnan(stored)], [0.0, *rule.nodata]).all():
        return
    raise SourceError(
        f"{where} holds {code:g} and no other number beside 0 in and around the city, and declares neither unit nor "
        f"nodata: is it a mask of flooded land? It needs {rule.hint}. {rule.classes_mend}; where {code:g} means no "
        f"data, declare it (gdal_edit.py -a_nodata {code:g})"
    )


def named_code(value: float) -> str:
    """
    Say what a number usually means that is no quantity.

    Parameters
    ----------
    value : of a pixel.

    Returns
    -------
    Words in brackets with a space before them; "" for any other number.

    Examples
    --------
    >>> named_code(999.0)
    ' (usually permanent water, in flood maps of Fathom)'
    """
    rows = read_table("rasters")["named_codes"]
    return next((f" (usually {said})" for code, said in rows if value == code), "")


def without_noise(
    values: NDArray[np.float64], rule: RasterRule, *, where: str
) -> NDArray[np.float64]:
    """
    Count numbers that are hardly below 0 as 0, as resampling leaves them, and tell it.

    Parameters
    ----------
    values : in the unit of the study, NaN where nothing is known.
    rule : row of ``tables/rasters.toml`` with ``noise``.
    where : key and file, for the message.

    Returns
    -------
    The values.
    """
    if not rule.noise:
        return values
    noise = (values < 0) & (values > -rule.noise)
    if not (count := int(noise.sum())):
        return values
    tell(
        f"{where} holds {count:,} pixels in and around the city that are less than {rule.noise:g} {rule.units} "
        "below 0, as resampling leaves them; they count as 0"
    )
    return np.where(noise, 0.0, values)
