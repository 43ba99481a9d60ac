"""Tag units: how a tag writes a quantity: number and unit, thousands, feet, clock."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

__all__ = [
    "DIAMETER",
    "FLOW",
    "METRE",
    "MINUTE",
    "PERSON",
    "SPEED",
    "VOLT",
    "VOLUME",
    "WATT",
    "measure",
    "quantity",
    "without_dots",
]

_ROUGHLY: Final = re.compile(r"^(?:~|≈|ca\.?|c\.|circa|approx\.?|about|ø|Ø|⌀)\s*")

_THOUSANDS: Final = re.compile(
    r"^\d{1,3}(?:([ ,'\u2019\u00a0\u2009\u202f])\d{3})(?:\1\d{3})*(?![\d.,])"
)

_DOTS: Final = re.compile(r"^[1-9]\d{0,2}(?:\.\d{3})+(?![\d.,])")

_NUMBER: Final = re.compile(r"^[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:e[+-]?\d{1,2})?(?![\d.,])")

VOLT: Final = {"": 1.0, "v": 1.0, "volt": 1.0, "volts": 1.0, "kv": 1e3, "mv": 1e6}

WATT: Final = {
    unit + tail: factor / 1e6
    for unit, factor in {"w": 1.0, "kw": 1e3, "mw": 1e6, "gw": 1e9}.items()
    for tail in ("", "p", "e", "el", "_p", "_e")
} | {"": 1e-6, "watt": 1e-6, "va": 1e-6, "kva": 1e-3, "mva": 1.0, "gva": 1e3}

METRE: Final = {
    "": 1.0,
    "m": 1.0,
    "metre": 1.0,
    "metres": 1.0,
    "meter": 1.0,
    "meters": 1.0,
    "cm": 0.01,
    "mm": 0.001,
    "km": 1000.0,
    "ft": 0.3048,
    "feet": 0.3048,
    "foot": 0.3048,
    "'": 0.3048,
    "in": 0.0254,
    '"': 0.0254,
}

DIAMETER: Final = {
    "": 1.0,
    "mm": 1.0,
    "cm": 10.0,
    "m": 1000.0,
    "in": 25.4,
    "inch": 25.4,
    '"': 25.4,
    "''": 25.4,
}

VOLUME: Final = {
    "": 1.0,
    "m3": 1.0,
    "m³": 1.0,
    "m^3": 1.0,
    "cbm": 1.0,
    "l": 0.001,
    "liter": 0.001,
    "litre": 0.001,
    "liters": 0.001,
    "litres": 0.001,
    "ml": 1000.0,  # megalitres: nobody maps millilitres
}

FLOW: Final = {
    f"{volume}/{time}": factor * per_day
    for volume, factor in {"m3": 1.0, "m³": 1.0, "m^3": 1.0, "l": 0.001, "ml": 1000.0}.items()
    for time, per_day in {
        "d": 1.0,
        "day": 1.0,
        "h": 24.0,
        "hour": 24.0,
        "min": 1440.0,
        "s": 86400.0,
    }.items()
} | {"mld": 1000.0}

SPEED: Final = {
    "": 1.0,
    "km/h": 1.0,
    "kmh": 1.0,
    "kph": 1.0,
    "kmph": 1.0,
    "mph": 1.609344,
    "knots": 1.852,
    "kn": 1.852,
}

PERSON: Final = dict.fromkeys(
    ("", "pe", "p.e.", "ew", "eh", "persons", "people", "inhabitants"), 1.0
)

MINUTE: Final = {
    "": 1.0,
    "min": 1.0,
    "mins": 1.0,
    "minutes": 1.0,
    "m": 1.0,
    "h": 60.0,
    "hour": 60.0,
    "hours": 60.0,
}


def quantity(text: str, *, thousands: bool = False) -> tuple[float, str] | None:
    """
    Split ``"~3,5 m"`` into (3.5, "m").

    Parameters
    ----------
    text : of a tag.
    thousands : a comma may part thousands.

    Returns
    -------
    Number and unit; None when it does not begin with one number.
    """
    rest = _ROUGHLY.sub("", text.strip().lower())
    if grouped := _THOUSANDS.match(rest):
        sign = grouped.group(1)
        if thousands or sign != "," or rest.count(",") > 1:
            plain = re.sub(r"[^\d]", "", grouped.group(0))
            return float(plain), rest[grouped.end() :].strip()
        return None  # "1,200": 1.2 or 1200?
    if found := _NUMBER.match(rest):
        value = float(found.group(0).replace(",", "."))
        return (value, rest[found.end() :].strip()) if math.isfinite(value) else None
    return None


def without_dots(text: str, *, fractions: tuple[str, ...] = ()) -> str:
    """
    Drop the dots of ``"110.000"`` where only whole numbers make sense: they part thousands.

    Parameters
    ----------
    text : of a tag.
    fractions : units with which the dots stay: ``"33.000 kV"`` is 33 kV.

    Returns
    -------
    The text.
    """
    rest = _ROUGHLY.sub("", text.strip().lower())
    found = _DOTS.match(rest)
    if found is None or rest[found.end() :].strip() in fractions:
        return text
    return found.group(0).replace(".", "") + rest[found.end() :]


def measure(
    text: str,
    units: Mapping[str, float],
    *,
    lowest: float = 0.0,
    highest: float = math.inf,
    thousands: bool = False,
) -> float:
    """
    Read a number with a unit.

    Parameters
    ----------
    text : of a tag.
    units : unit -> factor onto the unit of the answer; ``""``: none is written.
    lowest, highest : what is beyond is no such quantity.
    thousands : a comma may part thousands.

    Returns
    -------
    The quantity; NaN when there is none.
    """
    found = quantity(text, thousands=thousands)
    if found is None:
        return math.nan
    value, unit = found
    factor = units.get(unit)
    if factor is None or not lowest <= value * factor <= highest:
        return math.nan
    return value * factor
