"""The folder of a finished study, read back: its facts and its layers."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
from pydantic import ValidationError

from kcity_geo.errors import SourceError
from kcity_geo.study_atlas import PlanPicture, StudyAtlas, StudyLayer
from kcity_geo.study_facts import FACTS_FILE, FACTS_FORMAT, PLAN_FILE, PlanFacts, StudyFacts

__all__ = [
    "FinishedPlan",
    "FinishedStudy",
    "absent_files",
    "checked_people",
    "facts_behind",
    "open_plan",
    "open_study",
    "plan_behind",
    "read_atlas",
    "read_pictures",
]

#: How the name of a document ends.
_FILE = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
#: People by reading are rounded to a tenth: by how many persons, and by what share, their sum may be off.
_PERSONS, _SHARE = 1.0, 1e-4
_PNG = b"\x89PNG\r\n\x1a\n"
#: What a map is drawn over: name -> table of study.gpkg, column and values that are taken (none: all).
_SHAPES = {
    "boundary": ("boundary", "", ()),
    "districts": ("districts", "", ()),
    "sites": ("sites", "", ()),
    "roads": ("osm_streets", "highway", ("motorway", "trunk", "primary", "secondary")),
    "streets": ("osm_streets", "highway", ("tertiary", "unclassified", "residential")),
    "rails": ("osm_railway", "", ()),
    "rivers": ("osm_drainage", "waterway", ("river", "canal")),
    "water": ("osm_water_body", "", ()),
}
#: Tables of studies that were saved before: streets for cars were a table of their own.
_FORMER = {"osm_streets": "osm_roads_drive"}


@dataclass(frozen=True, kw_only=True)
class FinishedStudy:
    """
    A finished study on the disk.

    Parameters
    ----------
    folder : that holds it.
    facts : what it found.
    sha256 : checksum of its ``project_summary.json``, which changes with every number in it.
    """

    folder: Path
    facts: StudyFacts
    sha256: str


@dataclass(frozen=True, kw_only=True)
class FinishedPlan:
    """The plan of a site on the disk: ``folder``, ``facts``, and ``sha256`` of its ``plan_summary.json``."""

    folder: Path
    facts: PlanFacts
    sha256: str


def open_study(folder: str | Path) -> FinishedStudy:
    """
    Open the folder of a finished study.

    Parameters
    ----------
    folder : as `kcity_geo.outputs.folder.save` wrote it.

    Returns
    -------
    The study.

    Raises
    ------
    SourceError
        If the folder holds no finished study, or one of another version.
    """
    home = Path(folder)
    path = home / FACTS_FILE
    if not home.is_dir():
        raise SourceError(f"{folder}: no such folder; give the folder of a finished study")
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        again = "run the study again" if (home / "study.toml").is_file() else "run a study first"
        raise SourceError(f"{folder}: holds no {FACTS_FILE}; {again}") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        facts = StudyFacts.model_validate_json(raw)
    except ValidationError as error:
        raise SourceError(
            f"{path}: is no summary of a study ({error.errors()[0]['msg']}); run the study again"
        ) from error
    if facts.format != FACTS_FORMAT:
        raise SourceError(f"{path}: has the format {facts.format!r}; run the study again")
    return FinishedStudy(folder=home, facts=facts, sha256=hashlib.sha256(raw).hexdigest())


def _check_people(facts: StudyFacts, path: Path) -> None:
    """Refuse people that no study counts: fewer than none, or groups that are not all of the city."""
    every = facts.population
    if every is not None and not every >= 0:
        raise SourceError(
            f"{path}: population = {every:g}; people are 0 or more; run the study again"
        )
    for level in facts.levels:
        for key, count in {**level.people, "people_short": level.people_short or 0.0}.items():
            if not count >= 0:
                where = key if key == "people_short" else f"people.{key}"
                raise SourceError(
                    f"{path}: levels.{level.key}.{where} = {count:g}; people are 0 or more; run the study again"
                )
        total = sum(level.people.values())
        off = abs(total - (every or 0.0))
        if level.people and every is not None and off > _PERSONS + _SHARE * every:
            raise SourceError(
                f"{path}: levels.{level.key}.people add up to {total:,.0f}, and population = {every:,.0f}; run the "
                "study again"
            )


def checked_people(study: FinishedStudy) -> FinishedStudy:
    """
    Give a study back if its people add up and it says how sure they are.

    Parameters
    ----------
    study : as `open_study` gives it.

    Returns
    -------
    The same.

    Raises
    ------
    SourceError
        If people are fewer than none or do not add up to those of the city, or if a level that was assessed has no
        draws, or one that is no share: its people would stand as certain.
    """
    path = study.folder / FACTS_FILE
    _check_people(study.facts, path)
    for level in study.facts.levels:
        where = f"{path}: levels.{level.key}.short_draws"
        if level.gap is not None and level.people_short is not None and not level.short_draws:
            raise SourceError(
                f"{where} is empty, so nobody knows how sure its people are; run the study again"
            )
        wrong = [one for one in level.short_draws if not 0 <= one <= 1]
        if wrong:
            raise SourceError(
                f"{where} has {wrong[0]:g}; a share is from 0 to 1; run the study again"
            )
    return study


def facts_behind(
    folder: str, home: Path, *, instead: str | Path | None = None
) -> FinishedStudy | None:
    """
    Open the study that an application names.

    Parameters
    ----------
    folder : as the application names it, from its own folder; empty: none.
    home : folder of the application file.
    instead : folder of a study to be used whatever the application says.

    Returns
    -------
    The study; None when none is named.

    Raises
    ------
    SourceError
        If the study that is named is not there.
    """
    if instead is not None:
        return open_study(instead)
    return open_study(_local(folder, home, "study")) if folder else None


def absent_files(names: Iterable[str], home: Path) -> tuple[str, ...]:
    """
    Find what an application attaches and what is not there.

    Parameters
    ----------
    names : of documents; an address, and words without the ending of a file, are no local file.
    home : folder of the application file.

    Returns
    -------
    Names of files that are not there.
    """
    local = (n for n in names if "://" not in n and "\0" not in n and _FILE.search(n))
    return tuple(n for n in local if not os.path.exists(home / os.path.expanduser(n)))  # noqa: PTH110, PTH111 - never raises


def _local(folder: str, home: Path, key: str) -> Path:
    if "\0" in folder or "://" in folder:
        raise SourceError(f"[{key}] folder: {folder!r} is not a local folder")
    path = Path(folder).expanduser()
    return path if path.is_absolute() else home / path


def read_atlas(study: FinishedStudy, names: Iterable[str]) -> StudyAtlas:
    """
    Read what maps of a finished study are drawn from.

    Parameters
    ----------
    study : to be drawn.
    names : of layers; those that the study does not have are left out.

    Returns
    -------
    Layers and outlines, all in the CRS of the study.

    Raises
    ------
    SourceError
        If a file of the study is damaged.
    """
    layers = {}
    for name in names:
        path = study.folder / "layers" / f"{name}.tif"
        if path.is_file():
            layers[name] = _layer(path)
    return StudyAtlas(layers=layers, shapes=_shapes(study.folder / "study.gpkg"))


def _layer(path: Path) -> StudyLayer:
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as file:
            values = file.read(1, masked=True).astype(np.float64).filled(np.nan)
            left, bottom, right, top = file.bounds
            coloured = file.colorinterp[0].name == "palette"
            return StudyLayer(
                values=values,
                extent=(left, right, bottom, top),
                about=dict(file.tags()),
                colours=file.colormap(1) if coloured else {},
            )
    except (RasterioError, OSError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); run the study again") from error


def _shapes(path: Path) -> dict[str, gpd.GeoDataFrame]:
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        there = {str(row[0]) for row in pyogrio.list_layers(path)}
        crs = gpd.read_file(path, layer="sites" if "sites" in there else "districts").crs
        found = {}
        for name, (table, column, values) in _SHAPES.items():
            former = _FORMER.get(table, table)
            if table not in there and former not in there:
                continue
            frame = gpd.read_file(path, layer=table if table in there else former).to_crs(crs)
            if values and column in frame:
                frame = frame[frame[column].isin(values)]
            if "drive" in frame:
                frame = frame[frame["drive"] == 1]
            found[name] = frame
    except (DataSourceError, OSError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); run the study again") from error
    return found


def open_plan(folder: str | Path, *, city: str) -> FinishedPlan:
    """
    Open the folder of the plan of a site.

    Parameters
    ----------
    folder : as ``kcity plan`` wrote it.
    city : that the plan must be of.

    Returns
    -------
    The plan.

    Raises
    ------
    SourceError
        If the folder holds no plan, or that of another city.
    """
    path = Path(folder) / PLAN_FILE
    try:
        raw = path.read_bytes()
        plan = PlanFacts.model_validate_json(raw)
    except OSError as error:
        raise SourceError(f"{folder}: holds no {PLAN_FILE}; run `kcity plan` first") from error
    except ValidationError as error:
        raise SourceError(f"{path}: is no summary of a plan; run `kcity plan` again") from error
    if plan.city != city:
        raise SourceError(f"{folder}: is a plan of {plan.city}, and the study is of {city}")
    return FinishedPlan(folder=Path(folder), facts=plan, sha256=hashlib.sha256(raw).hexdigest())


def plan_behind(folder: str, home: Path, *, city: str) -> FinishedPlan | None:
    """
    Open the plan that an application names.

    Parameters
    ----------
    folder : as the application names it, from its own folder; empty: none.
    home : folder of the application file.
    city : that the plan must be of.

    Returns
    -------
    The plan; None when none is named.

    Raises
    ------
    SourceError
        If the plan that is named is not there, or is that of another city.
    """
    return open_plan(_local(folder, home, "plan"), city=city) if folder else None


def read_pictures(plan: FinishedPlan) -> dict[int, PlanPicture]:
    """
    Read the map sheets that a plan has drawn.

    Parameters
    ----------
    plan : of a site.

    Returns
    -------
    Number in the map pack -> picture.

    Raises
    ------
    SourceError
        If a picture is missing, or is none.
    """
    return {
        sheet.number: PlanPicture(image=_picture(plan.folder, sheet.file), styles=sheet.styles)
        for sheet in plan.facts.sheets
    }


def _picture(folder: Path, name: str) -> bytes:
    path = folder / Path(name).name
    try:
        image = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read; run `kcity plan` again") from error
    if not image.startswith(_PNG):
        raise SourceError(f"{path}: is no PNG picture; run `kcity plan` again")
    return image
