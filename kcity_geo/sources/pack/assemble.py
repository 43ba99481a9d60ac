"""Assemble: boundary, study file and manifest around the products, and the move into place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import shapely

from kcity_geo.errors import (
    OutputError,
)
from kcity_geo.sources.pack.job import (
    FETCHED,
    OUTLINES,
    Job,
    file_name,
    now,
)
from kcity_geo.sources.pack.manifest import STUDY, Entry, write_manifest
from kcity_geo.sources.pack.pack import damage_and_own
from kcity_geo.sources.products.catalogue import Product
from kcity_geo.sources.products.places import Place
from kcity_geo.sources.web.download import safe_name
from kcity_geo.studyfile import Sources, load_study

__all__ = ["assemble", "bring_along", "move_in", "own_work", "restore"]


def assemble(
    job: Job,
    entries: list[Entry],
    missing: dict[str, str],
    *,
    failed: list[str],
    request: str,
) -> None:
    """
    Write boundary, study file and manifest; drop what is not part of the pack.

    Parameters
    ----------
    job : the fetch.
    entries : of the products.
    missing : theme -> why it is not there.
    failed : themes that could not be had.
    request : checksum of what was asked.
    """
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
        made=now(),
        catalogue=job.catalogue,
    )
    for entry in entries:
        (stage / f"{entry.path}.json").unlink(missing_ok=True)


def _boundary_entry(job: Job) -> Entry:
    place = job.place
    if place.source in OUTLINES:
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
            retrieved=now(),
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
        retrieved=now(),
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
    lines += [
        f"{theme} = {quoted(there[theme])}" for theme in Sources.model_fields if theme in there
    ]
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


def own_work(out: Path, chosen: list[Product]) -> list[str]:
    """
    Name what a user edited in, or added to, the pack that is made again.

    Parameters
    ----------
    out : folder of the pack.
    chosen : products that this run writes.

    Returns
    -------
    Names of files and folders.

    Raises
    ------
    OutputError
        If the run would write over one of them.
    """
    own = damage_and_own(out)[1] if (out / "manifest.json").exists() else []
    taken = {file_name(product) for product in chosen}
    if clash := sorted(taken & set(own)):
        raise OutputError(
            f"{out / clash[0]}: is a file of your own, and this run writes one of that name; rename it "
            "(and its name in study.toml), or give another --out"
        )
    return own


def bring_along(out: Path, stage: Path, own: list[str]) -> None:
    """
    Copy the user's own work into the new pack; the old one stays untouched until that is done.

    Parameters
    ----------
    out : folder of the old pack.
    stage : folder of the new one.
    own : of `own_work`.

    Raises
    ------
    OutputError
        If a file cannot be copied.
    """
    try:
        if STUDY in own:
            (stage / STUDY).replace(stage / FETCHED)
        for name in own:
            if name == FETCHED and STUDY in own:
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


def restore(out: Path) -> None:
    """
    Put a pack back that a killed run had moved aside.

    Parameters
    ----------
    out : folder of the pack.
    """
    if not out.exists() and _old(out).is_dir():
        _old(out).replace(out)


def move_in(stage: Path, out: Path) -> None:
    """
    Put the finished pack in the place of the old one.

    Parameters
    ----------
    stage : the finished pack.
    out : its place.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    old = _old(out)
    try:
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.replace(old)
        stage.replace(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error})") from error
