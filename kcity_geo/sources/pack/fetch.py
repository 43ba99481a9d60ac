"""
Fetch: a place -> a city pack that then works offline.

Each product is staged beside the pack with a note of its origin; a run that stops goes on where it
stopped, and the pack appears when it is whole. A list of cities is worked through one after
another; one that fails is reported and the others are finished.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import math
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import shapely
from filelock import FileLock, Timeout
from shapely.geometry.base import BaseGeometry

from kcity_geo.city import make_city
from kcity_geo.config import Config
from kcity_geo.errors import (
    KCityError,
    LicenceError,
    OfflineError,
    OutputError,
    SourceError,
    SourceTimeoutError,
    StudyError,
)
from kcity_geo.notes import collected, muted, tell
from kcity_geo.sources.pack.pack import STUDY, Entry, damage_and_own, write_manifest
from kcity_geo.sources.products.catalogue import Catalogue, Product, load_catalogue, require_licence
from kcity_geo.sources.products.extracts import Extract, clip_extract, find_extract, get_extract
from kcity_geo.sources.products.feeds import find_feeds
from kcity_geo.sources.products.overpass import download_osm
from kcity_geo.sources.products.overture import fetch_buildings
from kcity_geo.sources.products.places import (
    Place,
    circle,
    fetch_districts,
    look_up,
    place_of_boundary,
)
from kcity_geo.sources.products.rasters import Layer, NoDataHereError, fetch_raster
from kcity_geo.sources.web.cachefiles import storing, why, write_atomic
from kcity_geo.sources.web.download import Fetcher, Progress, safe_name
from kcity_geo.studyfile import load_study

__all__ = ["Outcome", "fetch", "fetch_cities"]

_log = logging.getLogger(__name__)

FILES = {
    "osm": "city.osm.pbf",
    "elevation": "elevation.tif",
    "population": "population.tif",
    "built": "built.tif",
    "landcover": "landcover.tif",
    "nightlights": "nightlights.tif",
    "solar": "solar.tif",
    "gtfs": "gtfs.zip",
    "surface_water": "surface_water.tif",
    "districts": "districts.geojson",
    "buildings": "buildings.parquet",
    "flood": "flood.tif",
    "settlement": "settlement.tif",
}
_IN_STUDY = (
    "osm",
    "elevation",
    "population",
    "built",
    "landcover",
    "nightlights",
    "solar",
    "flood",
    "settlement",
    "gtfs",
)
_RASTER = {"cog_tiles", "cog_country", "cog_listing", "zip_tiles", "zip_global", "pvgis"}
_OUTLINES = {"nominatim", "gazetteer"}  # ways of access that give an outline by name
_MARGIN_M = 5000.0  # terrain needs its surroundings; see sources/rasters.py read_dem
_OSM_MARGIN_M = 1000.0
_FETCHED = "study.fetched.toml"
_OTHER_CACHE = "set KCITY_CACHE to another folder"


@dataclass(frozen=True)
class Outcome:
    """What became of one city of a list: ``done``, ``kept`` (was there already) or ``failed``."""

    place: str
    status: str
    study: Path | None
    error: str = ""
    notes: str = ""


@dataclass(frozen=True)
class _Job:
    """One fetch: where, what, with which tools."""

    place: Place
    stage: Path
    catalogue: Catalogue
    fetcher: Fetcher
    commercial: bool
    asked: frozenset[str]

    @property
    def config(self) -> Config:
        return self.fetcher.config


def fetch(  # noqa: PLR0913 - all but two are by keyword and have defaults
    place: str | None = None,
    *,
    out: Path,
    config: Config,
    boundary: Path | BaseGeometry | None = None,
    products: Iterable[str] | None = None,
    commercial: bool = False,
    catalogue: Catalogue | Path | None = None,
    osm_route: str | None = None,
    allow_partial: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """
    Collect everything that a study of a place needs into a city pack.

    Parameters
    ----------
    place : ``"Name, Country"``; may be left out when a boundary is given.
    out : folder of the pack. A whole pack of the same request that is there already is kept, with
        what its user wrote into ``study.toml`` and put beside it. When it has to be made again these
        stay too, and the study file of this run is ``study.fetched.toml``.
    config : cache, contact, limits.
    boundary : polygon file, or a polygon in lon/lat, instead of the outline found by name.
    products : ids of the catalogue; default: those marked ``default``.
    commercial : the study is paid work: data that may not be used for it is refused.
    catalogue : a catalogue, or a user's file to lay over the package's.
    osm_route : ``"overpass"`` or ``"pbf"``; default: by the size of the area.
    allow_partial : make the pack although products failed; the manifest names them.
    progress : called while files are downloaded.

    Returns
    -------
    Path of the pack's ``study.toml``, ready for ``kcity run``.

    Raises
    ------
    CityNotFoundError
        If nothing, or more than one city, bears the name.
    LicenceError
        If a product may not be used for paid work; before anything is downloaded.
    SourceError
        If products could not be had; what was finished is kept and the next run goes on there.
    OutputError
        If the pack cannot be written.
    """
    out = Path(out)
    if not isinstance(catalogue, Catalogue):
        catalogue = load_catalogue(catalogue)
    fetcher = Fetcher(config, pauses=catalogue.pause_s, progress=progress)
    chosen = _chosen(catalogue, products, commercial=commercial)
    if boundary is None:
        access = "gazetteer" if config.offline else "nominatim"
        _require_outline(access, catalogue, commercial=commercial)
    with storing(config.cache_dir, mend=_OTHER_CACHE):
        where = _place(place, boundary, catalogue=catalogue, fetcher=fetcher)
    _require_outline(where.source, catalogue, commercial=commercial)
    make_city(where.name, where.boundary, config=config)  # refuses what is no city
    request = _request_key(where, chosen, commercial=commercial, route=osm_route)
    stage = out.parent / f".{out.name}.part"
    job = _Job(where, stage, catalogue, fetcher, commercial, frozenset(products or ()))
    with _locked(out, config), storing(out.parent, mend="give another --out, or set KCITY_CACHE"):
        _restore(out)
        if (study := _already_there(out, request)) is not None:
            return study
        return _make_pack(
            job, out, chosen, request=request, route=osm_route, allow_partial=allow_partial
        )


@contextmanager
def _locked(out: Path, config: Config) -> Iterator[None]:
    """Let one run at a time work on a pack; the next one finds it ready."""
    name = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:20]
    folder = config.cache_dir / "locks"
    lock = FileLock(folder / f"{name}.lock", timeout=config.deadline_s)
    with storing(folder, mend=_OTHER_CACHE):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise OutputError(
                f"{out}: another run is still making this pack; wait for it, or give another --out"
            ) from error
    try:
        yield
    finally:
        lock.release()


def _make_pack(
    job: _Job,
    out: Path,
    chosen: list[Product],
    *,
    request: str,
    route: str | None,
    allow_partial: bool,
) -> Path:
    own = _own_work(out, chosen)
    _require_contact(job, chosen, route)
    job.stage.mkdir(parents=True, exist_ok=True)
    entries, missing, failed = _collect(job, chosen, route=route)
    if failed and not allow_partial:
        raise _summary(job.place, failed, job.stage)
    missing |= {theme: f"failed: {error}" for theme, error in failed.items()}
    for theme, reason in missing.items():
        _note(f"{job.place.name}: no {theme} in the pack: {reason}")
    _assemble(job, entries, missing, failed=sorted(failed), request=request)
    _bring_along(out, job.stage, own)
    _move_in(job.stage, out)
    if STUDY in own:
        _note(
            f"{out / STUDY}: holds edits of your own and was kept; the one of this run is {_FETCHED}"
        )
    return out / STUDY


def _note(text: str) -> None:
    tell(text, stacklevel=4)


# -- what is asked -----------------------------------------------------------------------------


def _chosen(
    catalogue: Catalogue, products: Iterable[str] | None, *, commercial: bool
) -> list[Product]:
    if products is None:
        chosen = [p for p in catalogue.products.values() if p.default]
    else:
        chosen = [catalogue.product(i) for i in dict.fromkeys(products)]
    if not chosen:
        raise StudyError("fetch: no product is asked for; `kcity list sources` names them")
    refused = []
    for product in chosen:
        if product.licence_of == "product":
            try:
                require_licence(
                    catalogue.licence(product.licence), what=product.id, commercial=commercial
                )
            except LicenceError as error:
                refused.append(str(error))
    if refused:
        raise LicenceError("fetch --commercial: " + " | ".join(refused))
    return chosen


def _require_outline(source: str, catalogue: Catalogue, *, commercial: bool) -> None:
    """Refuse an outline that may not be used for paid work; one of the user's own always may."""
    if source not in _OUTLINES:
        return
    product = catalogue.by_access(source)
    try:
        require_licence(
            catalogue.licence(product.licence),
            what=f"{product.id} (outline of the place)",
            commercial=commercial,
        )
    except LicenceError as error:
        raise LicenceError(f"fetch --commercial: {error}; or give --boundary") from error


def _place(
    name: str | None,
    boundary: Path | BaseGeometry | None,
    *,
    catalogue: Catalogue,
    fetcher: Fetcher,
) -> Place:
    if boundary is None:
        if not name:
            raise StudyError("fetch: give the name of a place, or a boundary")
        return look_up(name, config=fetcher.config, catalogue=catalogue, fetcher=fetcher)
    if not isinstance(boundary, BaseGeometry):
        from kcity_geo.sources.local.vectors import read_boundary

        path = Path(boundary)
        boundary, name = read_boundary(path, key="boundary"), name or path.stem
    return place_of_boundary(name or "study area", boundary)


def _request_key(
    place: Place, chosen: list[Product], *, commercial: bool, route: str | None
) -> str:
    what = [
        shapely.to_wkt(place.boundary, rounding_precision=6),
        place.name,
        commercial,
        route,
        sorted((p.id, p.version, p.url) for p in chosen),
    ]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def _already_there(out: Path, request: str) -> Path | None:
    if not out.exists():
        return None
    try:
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        same = manifest["place"]["request"] == request
    except (OSError, ValueError, KeyError, TypeError):
        if out.is_dir() and not any(out.iterdir()):
            return None
        raise OutputError(f"{out}: is there and is no city pack; give another --out") from None
    return out / STUDY if same and not damage_and_own(out)[0] and not manifest["failed"] else None


def _own_work(out: Path, chosen: list[Product]) -> list[str]:
    """Name what a user edited in, or added to, the pack that is made again."""
    own = damage_and_own(out)[1] if (out / "manifest.json").exists() else []
    taken = {_file_name(product) for product in chosen}
    if clash := sorted(taken & set(own)):
        raise OutputError(
            f"{out / clash[0]}: is a file of your own, and this run writes one of that name; rename it "
            "(and its name in study.toml), or give another --out"
        )
    return own


# -- the products ------------------------------------------------------------------------------


def _collect(
    job: _Job, chosen: list[Product], *, route: str | None
) -> tuple[list[Entry], dict[str, str], dict[str, KCityError]]:
    """Work through the themes; one that fails does not stop the others."""
    from rasterio.errors import RasterioIOError

    entries: list[Entry] = []
    missing: dict[str, str] = {}
    failed: dict[str, KCityError] = {}
    themes = dict.fromkeys(p.theme for p in chosen if p.theme != "boundary")
    for theme in themes:
        rows = [p for p in chosen if p.theme == theme]
        try:
            entry = _osm(job, rows, route) if theme == "osm" else _first(job, rows)
        except (_AbsentError, NoDataHereError) as error:
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


class _AbsentError(Exception):
    """There is nothing of this kind for this place, and that is no fault."""


def _first(job: _Job, rows: list[Product]) -> Entry:
    """Take the first product of a theme that has something here."""
    reasons = []
    for product in rows:
        try:
            return _staged(job, product, lambda p=product: _make(job, p))  # type: ignore[misc]
        except (_AbsentError, NoDataHereError) as error:
            reasons.append(str(error))
    raise _AbsentError("; ".join(reasons))


def _make(job: _Job, product: Product) -> Layer:
    out = job.stage / _file_name(product)
    if product.access in _RASTER:
        bounds = _padded(job.place.boundary, _MARGIN_M).bounds
        return fetch_raster(product, bounds, out, fetcher=job.fetcher, iso3=job.place.iso3)
    if product.access == "geoboundaries":
        return _districts(job, product, out)
    if product.access == "gtfs_csv":
        return _gtfs(job, product, out)
    if product.access == "overture":
        area = shapely.box(*job.place.boundary.bounds)
        urls, release = fetch_buildings(product, area, out, fetcher=job.fetcher)
        return Layer(out, urls, _now(), as_of=release)
    raise StudyError(
        f"catalogue: product {product.id}: access {product.access!r} is no data of a pack"
    )


def _osm(job: _Job, rows: list[Product], route: str | None) -> Entry:
    """Overpass for a small area, the smallest covering extract for anything larger."""
    area = _padded(job.place.boundary, _OSM_MARGIN_M)
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


def _require_contact(job: _Job, chosen: list[Product], route: str | None) -> None:
    """Say before the first download that Overpass will want to know who asks."""
    rows = [p for p in chosen if p.theme == "osm"]
    area = _padded(job.place.boundary, _OSM_MARGIN_M)
    if not job.config.offline and (live := _overpass(rows, area, route)) is not None:
        job.fetcher.require_contact(live.url)


def _by_overpass(job: _Job, product: Product, area: BaseGeometry) -> Layer:
    path = download_osm(area, config=job.config, catalogue=job.catalogue, fetcher=job.fetcher)
    note = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
    out = job.stage / FILES["osm"]
    _copy(path, out)
    return Layer(out, [product.url], note["retrieved"], as_of=note["as_of"])


def _smallest(job: _Job, products: list[Product]) -> tuple[Product, Extract]:
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


def _by_pbf(job: _Job, product: Product, extract: Extract, area: BaseGeometry) -> Layer:
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


def _districts(job: _Job, product: Product, out: Path) -> Layer:
    found = fetch_districts(
        product, iso3=job.place.iso3, area=job.place.boundary, fetcher=job.fetcher
    )
    if found is None:
        raise _AbsentError("no level of geoBoundaries divides the study area")
    _require_layer_licence(job, product, found.licence, found.licence_text)
    temporary = out.with_name("part-" + out.name)
    temporary.unlink(missing_ok=True)
    found.frame.to_file(temporary, driver="GeoJSON", RFC7946="YES", WRITE_NAME="NO")
    temporary.replace(out)
    return Layer(
        out,
        [found.url],
        _now(),
        as_of=found.as_of,
        licence=found.licence,
        attribution=found.attribution,
        checks={found.url: f"sha256:{found.sha256}"},
        note=f"{found.level}; licence as stated: {found.licence_text}",
    )


def _gtfs(job: _Job, product: Product, out: Path) -> Layer:
    table = job.fetcher.file(
        product.url, kind="text", max_age_days=product.max_age_days, what=product.title
    )
    feeds = find_feeds(table.path, job.place.boundary)
    if not feeds:
        raise _AbsentError("the Mobility Database knows no open feed that serves this area")
    problem: KCityError | None = None
    for feed in feeds[:3]:
        try:
            _require_layer_licence(job, product, feed.licence, feed.licence_text or "not stated")
        except _AbsentError as error:
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
    raise _AbsentError(f"no feed could be had: {problem}")


def _require_layer_licence(job: _Job, product: Product, licence_id: str, words: str) -> None:
    """Refuse what was asked for by name; leave out, with the reason, what came by default."""
    licence = job.catalogue.licence(licence_id)
    try:
        require_licence(licence, what=f"{product.id} ({words})", commercial=job.commercial)
    except LicenceError as error:
        if product.id in job.asked:
            raise
        raise _AbsentError(str(error)) from error


# -- staging -----------------------------------------------------------------------------------


def _staged(job: _Job, product: Product, make: Callable[[], Layer]) -> Entry:
    """Give the entry of a product, from an earlier run when it is there and whole."""
    path = job.stage / _file_name(product)
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
        if kept.pop("key") == key and _sha256(path) == kept["sha256"]:
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
        sha256=_sha256(path),
    )
    temporary = note.with_name(note.name + ".new")
    temporary.write_text(json.dumps(asdict(entry) | {"key": key}), encoding="utf-8")
    temporary.replace(note)
    return entry


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name("part-" + target.name)
    try:
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{target}: cannot be written ({error})") from error


def _assemble(
    job: _Job,
    entries: list[Entry],
    missing: dict[str, str],
    *,
    failed: list[str],
    request: str,
) -> None:
    """Write boundary, study file and manifest; drop what is not part of the pack."""
    place, stage = job.place, job.stage
    outline = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": place.name, "source": place.source},
                "geometry": json.loads(shapely.to_geojson(shapely.orient_polygons(place.boundary))),
            }
        ],
    }
    (stage / "boundary.geojson").write_text(
        json.dumps(outline, ensure_ascii=False), encoding="utf-8"
    )
    entries = [*entries, _boundary_entry(job)]
    (stage / STUDY).write_text(_study_text(place, entries, missing), encoding="utf-8")
    load_study(stage / STUDY)
    about = {
        "name": place.name,
        "label": place.label,
        "country": place.country,
        "iso3": place.iso3,
        "lon": place.lon,
        "lat": place.lat,
        "population": place.population,
        "source": place.source,
        "radius_km": place.radius_km,
        "request": request,
    }
    keep = {e.path for e in entries} | {f"{e.path}.json" for e in entries} | {STUDY}
    for path in stage.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in keep:
            path.unlink()
    write_manifest(
        stage,
        place=about,
        entries=entries,
        missing=missing,
        failed=failed,
        made=_now(),
        catalogue=job.catalogue,
    )
    for entry in entries:
        (stage / f"{entry.path}.json").unlink(missing_ok=True)


def _boundary_entry(job: _Job) -> Entry:
    place = job.place
    if place.source in _OUTLINES:
        product = job.catalogue.by_access(place.source)
        licence = job.catalogue.licence(product.licence)
        return Entry(
            path="boundary.geojson",
            theme="boundary",
            product=product.id,
            title=product.title,
            version=product.version,
            unit=product.unit,
            licence=licence.id,
            licence_title=licence.title,
            licence_url=licence.url,
            attribution=product.attribution,
            citation=product.citation,
            urls=[product.url] if product.url else [],
            retrieved=_now(),
            note=f"circle of {place.radius_km:.1f} km" if place.radius_km else place.label,
        )
    return Entry(
        path="boundary.geojson",
        theme="boundary",
        product="own_file",
        title="Boundary given by the user",
        version="",
        unit="polygon",
        licence="own",
        licence_title="the user's own",
        licence_url="",
        attribution="Boundary given by the user",
        citation="",
        urls=[],
        retrieved=_now(),
    )


def _study_text(place: Place, entries: list[Entry], missing: dict[str, str]) -> str:
    there = {e.theme: e.path for e in entries}
    quoted = json.dumps  # a JSON string is a TOML string
    lines = [
        "# City pack made by `kcity fetch`; origin, date and licence of each file: manifest.json",
        "",
        "[study]",
        f"name = {quoted(safe_name(place.name))}",
        'project = "industrial_complex"',
        "cell_m = 100",
        "",
        "[city]",
        f"name = {quoted(place.name, ensure_ascii=False)}",
        'boundary = "boundary.geojson"',
    ]
    if "districts" in there:
        lines += [f"districts = {quoted(there['districts'])}"]
    lines += ["", "[sources]"]
    lines += [f"{theme} = {quoted(there[theme])}" for theme in _IN_STUDY if theme in there]
    lines += [f"# {theme}: {' '.join(reason.split())}" for theme, reason in sorted(missing.items())]
    lines += ["", "[official]", "# what the city already knows goes here and beats every proxy"]
    if place.population:
        lines += [
            (
                f"# GeoNames gives {place.population:,} people for the city: a control, not an official "
                "number of the study area"
            )
        ]
    return "\n".join(lines) + "\n"


def _file_name(product: Product) -> str:
    return FILES.get(product.theme, f"{product.theme}.tif")


def _bring_along(out: Path, stage: Path, own: list[str]) -> None:
    """Copy the user's own work into the new pack; the old one stays untouched until that is done."""
    try:
        if STUDY in own:
            (stage / STUDY).replace(stage / _FETCHED)
        for name in own:
            if name == _FETCHED and STUDY in own:
                continue
            source, target = out / name, stage / name
            if source.is_dir() and not source.is_symlink():
                shutil.copytree(source, target, symlinks=True)
            else:
                shutil.copy2(source, target, follow_symlinks=False)
    except OSError as error:
        raise OutputError(f"{out}: your own files in it cannot be copied ({error})") from error


def _old(out: Path) -> Path:
    return out.parent / f".{out.name}.old"


def _restore(out: Path) -> None:
    """Put a pack back that a killed run had moved aside."""
    if not out.exists() and _old(out).is_dir():
        _old(out).replace(out)


def _move_in(stage: Path, out: Path) -> None:
    old = _old(out)
    try:
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.replace(old)
        stage.replace(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error})") from error


def _summary(place: Place, failed: dict[str, KCityError], stage: Path) -> SourceError:
    kept = f"What is finished is kept in {stage}; run the same command again"
    if all(isinstance(e, OfflineError) for e in failed.values()):
        needs = "; ".join(f"{t}: {str(e).split(', but this run')[0]}" for t, e in failed.items())
        return OfflineError(
            f"{place.name}: this run is offline, and these are not in the cache: {needs}. {kept} on a "
            "machine with a network, or use a pack that `kcity fetch` made elsewhere"
        )
    lines = "; ".join(f"{theme}: {error}" for theme, error in failed.items())
    text = f"{place.name}: {len(failed)} of the products could not be had: {lines}. {kept}, or allow a partial pack"
    if all(isinstance(e, SourceTimeoutError) for e in failed.values()):
        return SourceTimeoutError(text)
    return SourceError(text)


def _padded(boundary: BaseGeometry, margin_m: float) -> shapely.Polygon:
    west, south, east, north = boundary.bounds
    dy = margin_m / 110_574
    dx = margin_m / (111_320 * max(0.05, math.cos(math.radians(max(abs(south), abs(north))))))
    return shapely.box(
        max(-180, west - dx), max(-90, south - dy), min(180, east + dx), min(90, north + dy)
    )


def _area_km2(area: BaseGeometry) -> float:
    from pyproj import Geod

    return abs(Geod(ellps="WGS84").geometry_area_perimeter(area)[0]) / 1e6


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


# -- a list of cities ----------------------------------------------------------------------------


def fetch_cities(  # noqa: PLR0913 - as `fetch`
    cities: Path,
    *,
    out: Path,
    config: Config,
    products: Iterable[str] | None = None,
    commercial: bool = False,
    catalogue: Catalogue | Path | None = None,
    allow_partial: bool = False,
    progress: Callable[[Progress], None] | None = None,
    told: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """
    Fetch a list of cities, one after another, going on where the last run stopped.

    Parameters
    ----------
    cities : csv with a column ``place`` (``"Name, Country"``), or ``name`` and ``country``;
        optional ``lat``, ``lon`` and ``radius_km`` (a circle) or ``boundary`` (a file, relative to
        the csv).
    out : folder; each city becomes a pack in it, named after the place.
    config, products, commercial, catalogue, allow_partial, progress : as for `fetch`. Several
        cities take OpenStreetMap from extracts, as the operators of Overpass ask.
    told : called after each city.

    Returns
    -------
    One outcome a row, in the order of the file; also in ``cities.json`` of the folder.

    Raises
    ------
    SourceError
        If the csv cannot be read.
    """
    rows = _city_rows(Path(cities))
    if not isinstance(catalogue, Catalogue):
        catalogue = load_catalogue(catalogue)
    wanted = list(products) if products is not None else None
    outcomes: list[Outcome] = []
    seen: set[str] = set()
    with storing(out, mend="give another --out"):
        out.mkdir(parents=True, exist_ok=True)
    for row in rows:
        label = row["place"]
        name = safe_name(label)
        before = (out / name / "manifest.json").exists()
        try:
            _require_new(label, name, seen, cities)
            boundary = _row_boundary(row, Path(cities).parent)
            with muted(), collected() as texts:
                made = _mtime(out / name / "manifest.json")
                study = fetch(
                    label,
                    out=out / name,
                    config=config,
                    boundary=boundary,
                    products=wanted,
                    commercial=commercial,
                    catalogue=catalogue,
                    allow_partial=allow_partial,
                    osm_route="pbf" if len(rows) > 1 else None,
                    progress=progress,
                )
            kept = before and made == _mtime(out / name / "manifest.json")
            notes = "; ".join(texts)
            outcome = Outcome(label, "kept" if kept else "done", study, notes=notes)
        except KCityError as error:
            outcome = Outcome(label, "failed", None, error=str(error))
        except Exception as error:  # noqa: BLE001 - one city never stops the others
            _log.exception("%s", label)
            outcome = Outcome(label, "failed", None, error=f"unexpected {why(error)}")
        outcomes.append(outcome)
        _write_outcomes(out / "cities.json", outcomes)
        if told:
            told(outcome)
    return outcomes


def _require_new(label: str, name: str, seen: set[str], cities: Path) -> None:
    if not label or name in seen:
        raise StudyError(f"{label!r}: is empty or occurs twice in {cities}")
    seen.add(name)


def _mtime(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _write_outcomes(path: Path, outcomes: list[Outcome]) -> None:
    rows = [
        {
            "place": o.place,
            "status": o.status,
            "study": o.study and o.study.relative_to(path.parent).as_posix(),
            "error": o.error,
            "notes": o.notes,
        }
        for o in outcomes
    ]
    try:
        write_atomic(path, json.dumps(rows, indent=1, ensure_ascii=False))
    except OSError as error:
        _note(f"{path}: cannot be written ({error}); the cities go on, their outcomes are printed")


def _city_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [
                {
                    (k or "").strip().lower(): (v or "").strip()
                    for k, v in r.items()
                    if isinstance(v, str)
                }
                for r in csv.DictReader(stream)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read ({error})") from error
    if not rows:
        raise SourceError(f"{path}: holds no city")
    for row in rows:
        if "place" not in row:
            if "name" not in row:
                raise SourceError(f"{path}: needs a column 'place', or 'name' and 'country'")
            row["place"] = ", ".join(p for p in (row["name"], row.get("country", "")) if p)
    return rows


def _row_boundary(row: dict[str, str], folder: Path) -> Path | BaseGeometry | None:
    if row.get("boundary"):
        return folder / row["boundary"]
    if any(row.get(k) for k in ("lat", "lon", "radius_km")):
        try:
            lat, lon, radius = (float(row[k]) for k in ("lat", "lon", "radius_km"))
        except (KeyError, ValueError) as error:
            raise StudyError(
                f"{row['place']}: lat, lon and radius_km must be numbers ({error})"
            ) from error
        if not (abs(lat) < 89 and abs(lon) <= 180 and 0 < radius <= 150):  # noqa: PLR2004 - limits of a city
            raise StudyError(f"{row['place']}: {lat}, {lon}, {radius} km is no study area")
        return circle(lon, lat, radius)
    return None
