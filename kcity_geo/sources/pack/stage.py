"""
Stage: the products of a pack, each brought in with a note of its origin.

What an earlier run finished is taken as it is; a product that fails does not stop the others.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.errors import (
    KCityError,
    LicenceError,
    OutputError,
    SourceError,
    StudyError,
)
from kcity_geo.fingerprint import sha256_of_file
from kcity_geo.sources.pack.job import (
    FILES,
    AbsentError,
    Job,
    file_name,
    now,
    padded,
)
from kcity_geo.sources.pack.manifest import Entry
from kcity_geo.sources.products.admin_areas import fetch_districts
from kcity_geo.sources.products.catalogue import Product, require_licence
from kcity_geo.sources.products.extracts import Extract, clip_extract, find_extract, get_extract
from kcity_geo.sources.products.feeds import find_feeds
from kcity_geo.sources.products.mosaic import NoDataHereError
from kcity_geo.sources.products.overpass import download_osm
from kcity_geo.sources.products.overture import fetch_buildings
from kcity_geo.sources.products.rasters import Layer, fetch_raster

__all__ = ["collect", "require_contact"]

_RASTER = {"cog_tiles", "cog_country", "cog_listing", "zip_tiles", "zip_global", "pvgis"}
_MARGIN_M = 5000.0  # terrain needs its surroundings; see sources/rasters.py read_dem
_OSM_MARGIN_M = 1000.0


def collect(
    job: Job, chosen: list[Product], *, route: str | None
) -> tuple[list[Entry], dict[str, str], dict[str, KCityError]]:
    """
    Work through the themes; one that fails does not stop the others.

    Parameters
    ----------
    job : the fetch.
    chosen : products asked for.
    route : to OpenStreetMap, as for `kcity_geo.sources.pack.fetch.fetch`.

    Returns
    -------
    Entries of the manifest, theme -> why there is nothing, theme -> error.

    Raises
    ------
    OutputError, LicenceError, StudyError
        If going on makes no sense.
    """
    from rasterio.errors import RasterioIOError

    entries: list[Entry] = []
    missing: dict[str, str] = {}
    failed: dict[str, KCityError] = {}
    themes = dict.fromkeys(p.theme for p in chosen if p.theme != "boundary")
    for theme in themes:
        rows = [p for p in chosen if p.theme == theme]
        try:
            entry = _osm(job, rows, route) if theme == "osm" else _first(job, rows)
        except (AbsentError, NoDataHereError) as error:
            missing[theme] = str(error)
        except (OutputError, LicenceError, StudyError):
            raise
        except KCityError as error:
            failed[theme] = error
        except RasterioIOError as error:
            failed[theme] = SourceError(f"{theme}: cannot be read ({error})")
        else:
            entries.append(entry)
    return entries, missing, failed


def require_contact(job: Job, chosen: list[Product], route: str | None) -> None:
    """
    Say before the first download that Overpass will want to know who asks.

    Parameters
    ----------
    job : the fetch.
    chosen : products asked for.
    route : to OpenStreetMap.

    Raises
    ------
    StudyError
        If Overpass will be asked and no contact is set.
    """
    rows = [p for p in chosen if p.theme == "osm"]
    area = padded(job.place.boundary, _OSM_MARGIN_M)
    if not job.config.offline and (live := _overpass(rows, area, route)) is not None:
        job.fetcher.transport.require_contact(live.url)


def _first(job: Job, rows: list[Product]) -> Entry:
    """Take the first product of a theme that has something here."""
    reasons = []
    for product in rows:
        try:
            return _staged(job, product, lambda p=product: _make(job, p))  # type: ignore[misc]
        except (AbsentError, NoDataHereError) as error:
            reasons.append(str(error))
    raise AbsentError("; ".join(reasons))


def _make(job: Job, product: Product) -> Layer:
    out = job.stage / file_name(product)
    if product.access in _RASTER:
        bounds = padded(job.place.boundary, _MARGIN_M).bounds
        return fetch_raster(product, bounds, out, fetcher=job.fetcher, iso3=job.place.iso3)
    if product.access == "geoboundaries":
        return _districts(job, product, out)
    if product.access == "gtfs_csv":
        return _gtfs(job, product, out)
    if product.access == "overture":
        area = shapely.box(*job.place.boundary.bounds)
        urls, release = fetch_buildings(product, area, out, fetcher=job.fetcher)
        return Layer(out, urls, now(), as_of=release)
    raise StudyError(
        f"catalogue: product {product.id}: access {product.access!r} is no data of a pack"
    )


def _osm(job: Job, rows: list[Product], route: str | None) -> Entry:
    """Overpass for a small area, the smallest covering extract for anything larger."""
    area = padded(job.place.boundary, _OSM_MARGIN_M)
    if (live := _overpass(rows, area, route)) is not None:
        return _staged(job, live, lambda: _by_overpass(job, live, area))
    files = [p for p in rows if p.access == "pbf_index"]
    if not files:
        raise StudyError(
            "fetch: no product with OpenStreetMap extracts is asked for; add geofabrik"
        )
    product, extract = _smallest(job, files)
    return _staged(job, product, lambda: _by_pbf(job, product, extract, area))


def _overpass(rows: list[Product], area: BaseGeometry, route: str | None) -> Product | None:
    """Choose the way to OpenStreetMap: the row of Overpass, or None for the extracts."""
    if route not in {None, "overpass", "pbf"}:
        raise StudyError(f"osm_route {route!r}: is neither 'overpass' nor 'pbf'")
    live = [p for p in rows if p.access == "overpass"]
    files = [p for p in rows if p.access == "pbf_index"]
    if not live or (files and route == "pbf"):
        return None
    limit = live[0].max_area_km2
    large = route is None and files and limit is not None and _area_km2(area) > limit
    return None if large else live[0]


def _by_overpass(job: Job, product: Product, area: BaseGeometry) -> Layer:
    path = download_osm(area, config=job.config, catalogue=job.catalogue, fetcher=job.fetcher)
    note = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
    out = job.stage / FILES["osm"]
    _copy(path, out)
    return Layer(out, [product.url], note["retrieved"], as_of=note["as_of"])


def _smallest(job: Job, products: list[Product]) -> tuple[Product, Extract]:
    """Choose among the providers: the row of the pack is that of the one who made the extract."""
    found = []
    for product in products:
        extract = find_extract(
            product, job.place.boundary, fetcher=job.fetcher, place=job.place.name
        )
        if extract is not None:
            found.append((extract.size_deg2, product.id, product, extract))
    if not found:
        raise SourceError(
            f"OpenStreetMap: no extract of {', '.join(p.id for p in products)} covers the study area; give "
            "an .osm.pbf of your own"
        )
    return min(found, key=lambda f: f[:2])[2:]


def _by_pbf(job: Job, product: Product, extract: Extract, area: BaseGeometry) -> Layer:
    got = get_extract(product, extract, fetcher=job.fetcher)
    out = job.stage / FILES["osm"]
    date = clip_extract(got.path, area, out)
    return Layer(
        out,
        [got.url],
        got.retrieved,
        as_of=date,
        checks={got.url: f"sha256:{got.sha256}"},
        note=f"cut from {extract.name}",
    )


def _districts(job: Job, product: Product, out: Path) -> Layer:
    found = fetch_districts(
        product, iso3=job.place.iso3, area=job.place.boundary, fetcher=job.fetcher
    )
    if found is None:
        raise AbsentError("no level of geoBoundaries divides the study area")
    _require_layer_licence(job, product, found.licence, found.licence_text)
    temporary = out.with_name("part-" + out.name)
    temporary.unlink(missing_ok=True)
    found.frame.to_file(temporary, driver="GeoJSON", RFC7946="YES", WRITE_NAME="NO")
    temporary.replace(out)
    return Layer(
        out,
        [found.url],
        now(),
        as_of=found.as_of,
        licence=found.licence,
        attribution=found.attribution,
        checks={found.url: f"sha256:{found.sha256}"},
        note=f"{found.level}; licence as stated: {found.licence_text}",
    )


def _gtfs(job: Job, product: Product, out: Path) -> Layer:
    table = job.fetcher.file(
        product.url, kind="text", max_age_days=product.max_age_days, what=product.title
    )
    feeds = find_feeds(table.path, job.place.boundary)
    if not feeds:
        raise AbsentError("the Mobility Database knows no open feed that serves this area")
    problem: KCityError | None = None
    for feed in feeds[:3]:
        try:
            _require_layer_licence(job, product, feed.licence, feed.licence_text or "not stated")
        except AbsentError as error:
            problem = problem or SourceError(str(error))
            continue
        for url in feed.urls:
            try:
                got = job.fetcher.file(
                    url,
                    kind="gtfs",
                    max_age_days=product.max_age_days,
                    what=f"GTFS of {feed.provider}",
                )
            except OutputError:
                raise
            except KCityError as error:
                problem = error
                continue
            _copy(got.path, out)
            others = [f"{f.id} {f.provider}" for f in feeds if f.id != feed.id][:5]
            return Layer(
                out,
                [got.url],
                got.retrieved,
                licence=feed.licence,
                attribution=f"{feed.provider}; {product.attribution}",
                checks={got.url: f"sha256:{got.sha256}"},
                note=f"feed {feed.id}; licence as stated: {feed.licence_text or 'not stated'}"
                + (f"; other feeds here: {', '.join(others)}" if others else ""),
            )
    raise AbsentError(f"no feed could be had: {problem}")


def _require_layer_licence(job: Job, product: Product, licence_id: str, words: str) -> None:
    """Refuse what was asked for by name; leave out, with the reason, what came by default."""
    licence = job.catalogue.licence(licence_id)
    try:
        require_licence(licence, what=f"{product.id} ({words})", commercial=job.commercial)
    except LicenceError as error:
        if product.id in job.asked:
            raise
        raise AbsentError(str(error)) from error


def _staged(job: Job, product: Product, make: Callable[[], Layer]) -> Entry:
    """Give the entry of a product, from an earlier run when it is there and whole."""
    path = job.stage / file_name(product)
    note = path.with_name(path.name + ".json")
    key = hashlib.sha256(
        json.dumps(
            [
                product.id,
                product.version,
                product.url,
                shapely.to_wkt(job.place.boundary, rounding_precision=6),
            ]
        ).encode()
    ).hexdigest()
    try:
        kept = json.loads(note.read_text(encoding="utf-8"))
        if kept.pop("key") == key and sha256_of_file(path) == kept["sha256"]:
            return Entry(**kept)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    layer = make()
    licence = job.catalogue.licence(layer.licence or product.licence)
    entry = Entry(
        path=path.name,
        theme=product.theme,
        product=product.id,
        title=product.title,
        version=product.version,
        unit=product.unit,
        licence=licence.id,
        licence_title=licence.title,
        licence_url=licence.url,
        attribution=layer.attribution or product.attribution,
        citation=product.citation,
        urls=layer.urls,
        retrieved=layer.retrieved,
        as_of=layer.as_of,
        note=layer.note,
        checks=layer.checks,
        bytes=path.stat().st_size,
        sha256=sha256_of_file(path),
    )
    temporary = note.with_name(note.name + ".new")
    temporary.write_text(json.dumps(asdict(entry) | {"key": key}), encoding="utf-8")
    temporary.replace(note)
    return entry


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name("part-" + target.name)
    try:
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{target}: cannot be written ({error})") from error


def _area_km2(area: BaseGeometry) -> float:
    from pyproj import Geod

    return abs(Geod(ellps="WGS84").geometry_area_perimeter(area)[0]) / 1e6
