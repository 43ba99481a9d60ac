"""
Numbers out of OpenStreetMap tag values.

Tag values are free text typed by people. Each parser here takes one value and gives a number in
the unit its name ends with, or NaN when the text holds no single number that can be trusted.
Nothing is guessed: ``"medium"`` is not a voltage and ``"2;3"`` is not a width. Pure functions.

>>> voltage_v("110000;33 kV")
110000.0
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from kcity_geo.config import read_table
from kcity_geo.sources.osm.tag_units import (
    DIAMETER,
    FLOW,
    METRE,
    MINUTE,
    PERSON,
    SPEED,
    VOLT,
    VOLUME,
    WATT,
    measure,
    quantity,
    without_dots,
)

__all__ = [
    "MAX_CHARS",
    "PARSERS",
    "circuits",
    "clean_text",
    "count",
    "diameter_mm",
    "duration_min",
    "flow_m3_day",
    "lanes",
    "length_m",
    "levels",
    "number",
    "persons",
    "power_mw",
    "speed_kmh",
    "voltage_v",
    "voltages_text",
    "volume_m3",
]

MAX_CHARS: Final = 2000
"""Longest tag value that is kept; OpenStreetMap itself allows 255 characters."""

_FEET: Final = re.compile(r"^(\d+(?:\.\d+)?)\s*'\s*(?:(\d+(?:\.\d+)?)\s*(?:\"|'')?)?$")
_CLOCK: Final = re.compile(r"^(\d{1,3}):([0-5]\d)(?::([0-5]\d))?$")
_ISO: Final = re.compile(
    r"^p(?:(\d+(?:\.\d+)?)d)?(?:t(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?)?$"
)
_FRACTION: Final = re.compile(r"^(\d{1,2})\s*/\s*([1-9]\d?)$")

_LIST: Final = re.compile(r"[;|]|,\s")
#: `DE:zone:30`, `FR:zone30`, `zone:20 mph`, `RO:40`
_ZONE: Final = re.compile(r"(?:[a-z]{2}(?:-[a-z]+)?:)?(?:zone:?)?\s*(\d+(?:\.\d+)?\s*[a-z/]*)")
_LEAST_VOLT: Final = 1000.0  # below it, a number before "/33 kV" is meant in kV


def clean_text(value: str) -> str:
    """
    Make a tag value safe to store: no NUL, at most `MAX_CHARS` characters. Nothing else changes.

    Parameters
    ----------
    value : any text. Markup, right-to-left text and emoji are data and stay; whoever shows the
        text escapes it.

    Returns
    -------
    The text.

    Examples
    --------
    >>> clean_text("a" + chr(0) + "{{7*7}}")
    'a{{7*7}}'
    """
    if "\0" in value:
        value = value.replace("\0", "")
    return value if len(value) <= MAX_CHARS else value[:MAX_CHARS]


def number(text: str) -> float:
    """
    Read a plain number, also one with the unit Hz.

    Parameters
    ----------
    text : tag value.

    Returns
    -------
    The number, or NaN.

    Examples
    --------
    >>> number("-1"), number("16.7 Hz")
    (-1.0, 16.7)
    """
    return measure(text, {"": 1.0, "hz": 1.0}, lowest=-math.inf)


def count(text: str) -> float:
    """
    Read a whole number, zero or more; groups of thousands are understood.

    Parameters
    ----------
    text : tag value.

    Returns
    -------
    Whole number, or NaN (also for fractions).

    Examples
    --------
    >>> count("1,200"), count("~50"), count("2.5")
    (1200.0, 50.0, nan)
    """
    value = measure(without_dots(text), {"": 1.0}, thousands=True)
    return value if value.is_integer() else math.nan


def persons(text: str) -> float:
    """
    Read a number of persons or population equivalents.

    Parameters
    ----------
    text : tag value.

    Returns
    -------
    persons, or NaN.

    Examples
    --------
    >>> persons("12 500 PE")
    12500.0
    """
    return measure(without_dots(text), PERSON, thousands=True, highest=2e8)


def levels(text: str) -> float:
    """
    Read the number of storeys; halves are allowed.

    Parameters
    ----------
    text : value of ``building:levels``.

    Returns
    -------
    storeys above ground, 0 to 200, or NaN.

    Examples
    --------
    >>> levels("2.5"), levels("2;3")
    (2.5, nan)
    """
    return measure(text, {"": 1.0}, highest=200)


def lanes(text: str) -> float:
    """
    Read the number of lanes.

    Parameters
    ----------
    text : value of ``lanes``.

    Returns
    -------
    lanes, 0.5 to 20, or NaN.

    Examples
    --------
    >>> lanes("2"), lanes("1.5"), lanes("many")
    (2.0, 1.5, nan)
    """
    return measure(text, {"": 1.0}, lowest=0.5, highest=20)


def length_m(text: str) -> float:
    """
    Read a width or height.

    Parameters
    ----------
    text : tag value; metres when there is no unit. Also cm, mm, km, feet and inches.

    Returns
    -------
    metres, zero or more, or NaN.

    Examples
    --------
    >>> length_m("3,5"), length_m("~4 m"), round(length_m("10'6"), 4)
    (3.5, 4.0, 3.2004)
    """
    if found := _FEET.match(text.strip()):
        return float(found.group(1)) * 0.3048 + float(found.group(2) or 0) * 0.0254
    return measure(text, METRE, highest=10_000)


def diameter_mm(text: str) -> float:
    """
    Read the diameter of a pipe.

    Parameters
    ----------
    text : tag value; millimetres when there is no unit. ``"DN300"`` is 300 mm.

    Returns
    -------
    millimetres, or NaN.

    Examples
    --------
    >>> diameter_mm("DN 300"), diameter_mm("12 in"), diameter_mm("0.5 m")
    (300.0, 304.8, 500.0)
    """
    plain = re.sub(r"^dn\s*", "", text.strip(), flags=re.IGNORECASE)
    return round(measure(plain, DIAMETER, highest=20_000), 6)


def volume_m3(text: str) -> float:
    """
    Read the content of a tank or reservoir.

    Parameters
    ----------
    text : tag value; cubic metres when there is no unit.

    Returns
    -------
    m3, or NaN.

    Examples
    --------
    >>> volume_m3("500 m³"), volume_m3("250000 l")
    (500.0, 250.0)
    """
    return measure(text, VOLUME, thousands=True)


def flow_m3_day(text: str) -> float:
    """
    Read the capacity of a water works.

    Parameters
    ----------
    text : tag value; a number without unit says nothing.

    Returns
    -------
    m3 per day, or NaN.

    Examples
    --------
    >>> flow_m3_day("50,000 m3/day"), flow_m3_day("100 l/s"), flow_m3_day("50000")
    (50000.0, 8640.0, nan)
    """
    return measure(text, FLOW, thousands=True)


def power_mw(text: str) -> float:
    """
    Read the output of a power plant or the rating of a transformer.

    Parameters
    ----------
    text : tag value; watts when there is no unit, as OpenInfraMap reads it.

    Returns
    -------
    MW (or MVA), or NaN. Thermal output (``MWth``) is not electricity and gives NaN.

    Examples
    --------
    >>> power_mw("50 MW"), power_mw("1.2 GW"), power_mw("500 kW"), power_mw("yes")
    (50.0, 1200.0, 0.5, nan)
    """
    return measure(text, WATT, highest=100_000)


def voltages_v(text: str) -> list[float]:
    """
    Read every voltage of a list.

    Values are parted by ``;``, ``/`` or ``|``. Volts when there is no unit, and then a dot before
    three digits parts thousands (``"110.000"``: nobody maps 110 V to the millivolt); only in a list by
    slashes does a last ``kV`` hold for smaller numbers before it, as in ``"110/33 kV"``.

    Parameters
    ----------
    text : value of ``voltage``.

    Returns
    -------
    volts, largest first, parts that cannot be read left out.

    Examples
    --------
    >>> voltages_v("110/33 kV"), voltages_v("380;220"), voltages_v("medium")
    ([110000.0, 33000.0], [380.0, 220.0], [])
    """
    found = []
    for group in re.split(r"[;|]", re.sub(r"(?<=\d),(?=\d{4})", ";", text)):
        parts = group.split("/")
        last = quantity(parts[-1], thousands=True)
        kilo = last is not None and last[1] == "kv"
        for part in parts:
            plain = without_dots(part, fractions=("kv", "mv"))
            value = measure(plain, VOLT, thousands=True, highest=2e6)
            if kilo and value < _LEAST_VOLT and re.search(r"\d\s*$", part):
                value *= 1000
            if not math.isnan(value):
                found.append(value)
    return sorted(found, reverse=True)


def voltage_v(text: str) -> float:
    """
    Read the highest voltage.

    Parameters
    ----------
    text : value of ``voltage``.

    Returns
    -------
    volts, or NaN.

    Examples
    --------
    >>> voltage_v("110000;33000"), voltage_v("33 kV"), voltage_v("yes")
    (110000.0, 33000.0, nan)
    """
    return max(voltages_v(text), default=math.nan)


def voltages_text(text: str) -> str:
    """
    Write every voltage of a list in volts, largest first.

    Parameters
    ----------
    text : value of ``voltage``.

    Returns
    -------
    volts parted by ``;``, or ``""``.

    Examples
    --------
    >>> voltages_text("33 kV; 110000")
    '110000;33000'
    """
    return ";".join(f"{v:g}" if v % 1 else str(int(v)) for v in voltages_v(text))


def circuits(text: str) -> float:
    """
    Read the number of circuits of a line; ``"1/3"`` is a third of one.

    Parameters
    ----------
    text : value of ``circuits``.

    Returns
    -------
    circuits, above 0 and at most 24, or NaN.

    Examples
    --------
    >>> circuits("2"), round(circuits("1/3"), 4), circuits("2;1")
    (2.0, 0.3333, nan)
    """
    if found := _FRACTION.match(text.strip()):
        value = int(found.group(1)) / int(found.group(2))
    else:
        value = measure(text, {"": 1.0})
    return value if 0 < value <= 24 else math.nan  # noqa: PLR2004 - no tower carries more


def speed_kmh(text: str) -> float:
    """
    Read a speed limit.

    Parameters
    ----------
    text : value of ``maxspeed``; km/h when there is no unit. Limits by name (``"RO:urban"``,
        ``"DE:zone:30"``, ``"living_street"``) by the rows ``speed_limit`` of ``tables/osm.toml``;
        ``"walk"`` is 5 km/h. Of a list the lowest. ``"none"`` and ``"signals"`` are no numbers.

    Returns
    -------
    km/h, above 0 and at most 400, or NaN.

    Examples
    --------
    >>> speed_kmh("50"), round(speed_kmh("30 mph"), 2), speed_kmh("RO:urban"), speed_kmh("50; 40")
    (50.0, 48.28, 50.0, 40.0)
    """
    limits = [_one_speed(part) for part in _LIST.split(text.lower())]
    known = [limit for limit in limits if limit > 0]
    return min(known) if known else math.nan


def _one_speed(text: str) -> float:
    plain = text.strip()
    zone = _ZONE.fullmatch(plain)
    if zone is not None:
        plain = zone.group(1)
    value = measure(plain, SPEED, highest=400)
    return value if value > 0 else _named_speed(plain)


def _named_speed(plain: str) -> float:
    """Read ``RO:urban``, ``BE-VLG:rural`` or ``living_street``; NaN for what is no such name."""
    country, _, kind = plain.rpartition(":")
    rows = read_table("osm")["speed_limit"]
    own = rows.get(country.split("-")[0], {})
    return float(own.get(kind, rows["any"].get(kind, math.nan)))


def duration_min(text: str) -> float:
    """
    Read how long a ferry takes.

    Parameters
    ----------
    text : ``"00:15"`` (hh:mm), ``"01:30:00"``, ``"PT15M"`` or minutes.

    Returns
    -------
    minutes, above 0, or NaN.

    Examples
    --------
    >>> duration_min("01:30"), duration_min("PT1H5M"), duration_min("15")
    (90.0, 65.0, 15.0)
    """
    plain = text.strip().lower()
    if found := _CLOCK.match(plain):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        value = hours * 60 + minutes + seconds / 60
    elif found := _ISO.match(plain):
        days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
        value = days * 1440 + hours * 60 + minutes + seconds / 60
    else:
        value = measure(plain, MINUTE, highest=14_400)
    return value if value > 0 else math.nan


PARSERS: Final[dict[str, Callable[[str], float]]] = {
    "circuits": circuits,
    "count": count,
    "diameter_mm": diameter_mm,
    "duration_min": duration_min,
    "flow_m3_day": flow_m3_day,
    "lanes": lanes,
    "length_m": length_m,
    "levels": levels,
    "number": number,
    "persons": persons,
    "power_mw": power_mw,
    "speed_kmh": speed_kmh,
    "voltage_v": voltage_v,
    "volume_m3": volume_m3,
}
"""The `read` names of ``tables/osm.toml`` that give numbers."""
