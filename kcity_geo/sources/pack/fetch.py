"""
Fetch: a place -> a city pack that then works offline.

Each product is staged beside the pack with a note of its origin; a run that stops goes on where it
stopped, and the pack appears when it is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
from kcity_geo.sources.pack.assemble import assemble, bring_along, move_in, own_work, restore
from kcity_geo.sources.pack.job import (
    FETCHED,
    OUTLINES,
    Job,
    note,
)
from kcity_geo.sources.pack.manifest import STUDY
from kcity_geo.sources.pack.pack import damage_and_own
from kcity_geo.sources.pack.stage import collect, require_contact
from kcity_geo.sources.products.catalogue import Catalogue, Product, load_catalogue, require_licence
from kcity_geo.sources.products.places import Place, look_up, place_of_boundary
from kcity_geo.sources.web.cachefiles import storing
from kcity_geo.sources.web.download import Fetcher, Progress

__all__ = ["fetch"]

_OTHER_CACHE = "set KCITY_CACHE to another folder"


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
    job = Job(where, stage, catalogue, fetcher, commercial, frozenset(products or ()))
    with _locked(out, config), storing(out.parent, mend="give another --out, or set KCITY_CACHE"):
        restore(out)
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
    job: Job,
    out: Path,
    chosen: list[Product],
    *,
    request: str,
    route: str | None,
    allow_partial: bool,
) -> Path:
    own = own_work(out, chosen)
    require_contact(job, chosen, route)
    job.stage.mkdir(parents=True, exist_ok=True)
    entries, missing, failed = collect(job, chosen, route=route)
    if failed and not allow_partial:
        raise _summary(job.place, failed, job.stage)
    missing |= {theme: f"failed: {error}" for theme, error in failed.items()}
    for theme, reason in missing.items():
        note(f"{job.place.name}: no {theme} in the pack: {reason}")
    assemble(job, entries, missing, failed=sorted(failed), request=request)
    bring_along(out, job.stage, own)
    move_in(job.stage, out)
    if STUDY in own:
        note(
            f"{out / STUDY}: holds edits of your own and was kept; the one of this run is {FETCHED}"
        )
    return out / STUDY


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
    if source not in OUTLINES:
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
