"""The cities of a country: found in a population raster, cut out of its extract, a study file each."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.analysis.settlement.centres import UrbanCentre, urban_centres
from kcity_geo.config import read_table
from kcity_geo.errors import OutputError, SourceError, StudyError
from kcity_geo.input_paths import file_and_part
from kcity_geo.many.tasks import WRITTEN_COLUMNS
from kcity_geo.notes import tell
from kcity_geo.outputs.studytoml import study_toml
from kcity_geo.outputs.text import plain_text, slug
from kcity_geo.sources.local.country_people import EQUAL_AREA, people_of_country, population_file
from kcity_geo.sources.local.plausible import refuse_too_many
from kcity_geo.sources.osm.place_names import PlaceName, read_place_names
from kcity_geo.sources.products.extracts import cut_cities
from kcity_geo.studyfile import Study, check_study, read_toml

__all__ = ["CountryCity", "find_cities"]

#: Around a city its extract reaches this far, degrees: ways to schools and hospitals beyond its edge.
_MARGIN_DEG = 0.03
#: A longer text is none; a context may be a chapter.
_LONGEST_PATH = 255
#: What every study has whose template says nothing else.
_STUDY = {"project": "new_town"}
#: What is written; without an extract the first folder only.
_FOLDERS, _LIST = ("boundaries", "osm", "studies"), "cities.csv"
#: Of cities that the raster cuts so many are named.
_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class CountryCity:
    """
    One city of a country.

    Parameters
    ----------
    id, name : of the place that OpenStreetMap names inside; numbered where there is none.
    study, boundary : files, relative to the list; the study is empty without an extract.
    persons, area_km2 : of the urban centre.
    reaches_edge : it reaches the edge of the raster: persons, area and boundary are a lower bound.
    lat, lon : a point inside.
    """

    id: str
    name: str
    study: str
    boundary: str
    persons: float
    area_km2: float
    reaches_edge: bool
    lat: float
    lon: float


def find_cities(
    population: str | Path,
    out: str | Path,
    *,
    osm: str | Path | None = None,
    template: str | Path | None = None,
    most: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[CountryCity, ...]:
    """
    List the cities of a country and make ready what their studies need.

    Parameters
    ----------
    population : raster of persons, as of `people_of_country`.
    out : new or empty folder for ``cities.csv``, ``boundaries/``, and with an extract ``osm/`` and ``studies/``.
    osm : extract of the country; each city gets its own, and its name.
    template : study file whose keys every study takes, but for its name, city, OSM and population; of its official
        numbers only those that may hold for many cities. Without an extract it is checked and not used.
    most : only so many, the largest.
    progress : called with what begins, once the inputs are there.

    Returns
    -------
    Urban centres by degree of urbanisation, the largest first.

    Raises
    ------
    SourceError
        If an input cannot be read, there is no urban centre, or one with more people than any city holds.
    StudyError
        If the template is not valid, or holds a total of one city.
    OutputError
        If the folder is not empty or cannot be written. Whatever is raised, nothing is left in it.

    Warns
    -----
    KCityWarning
        If a centre reaches the edge of the raster, the extract holds nothing of a city, or the template is not used.
    """
    folder, raw = _new_folder(out), _template(template)
    population_file(population)
    if osm is not None and not Path(osm).is_file():
        raise SourceError(f"{osm}: does not exist; give an OpenStreetMap extract of the country")
    if template is not None and osm is None:
        tell(f"{template}: not used: studies are written with an extract of the country (osm) only")
    progress("looking for urban centres")
    people = people_of_country(population)
    centres = urban_centres(
        people.persons, cell_m=people.cell_m, origin=people.origin, edge=people.edge
    )[:most]
    if not centres:
        raise SourceError(
            f"{population}: no urban centre (1,500 people a km2, 50,000 together); give a list of "
            "cities of your own"
        )
    for centre in centres:
        refuse_too_many(
            centre.persons,
            centre.area_km2,
            where=f"{population}: an urban centre",
            mend="give a raster of persons in each pixel",
        )
    in_degrees = gpd.GeoSeries([one.outline for one in centres], crs=EQUAL_AREA).to_crs("EPSG:4326")
    outlines = list(in_degrees)
    names = _names(outlines, read_place_names(osm) if osm is not None else ())
    found = [_Found(*one) for one in zip(_ids(names), names, outlines, strict=True)]
    checked = {}
    if osm is not None:
        raw["sources"] = {**raw.get("sources", {}), "population": str(Path(population).resolve())}
        checked = {one.id: _study(folder, one, raw, template) for one in found}
    try:
        with _whole_or_nothing(folder):
            for part in _FOLDERS[: None if osm is not None else 1]:
                (folder / part).mkdir(parents=True)
            for one in found:
                _write_boundary(folder / "boundaries" / f"{one.id}.geojson", one)
            studies = {} if osm is None else _write_studies(folder, found, checked, Path(osm))
            cities = tuple(map(_city, found, centres, [studies.get(one.id, "") for one in found]))
            _write_list(folder / _LIST, cities)
    except SourceError:  # is an OSError too, and says itself what is wrong
        raise
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror or error})") from error
    _tell_cut(population, cities)
    return cities


def _new_folder(out: str | Path) -> Path:
    folder = Path(out).resolve()
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{out}: is a file; give a new folder for the list of cities")
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{out}: is not empty; give a new folder for the list of cities")
    return folder


@contextmanager
def _whole_or_nothing(folder: Path) -> Iterator[None]:
    """Take away what was written into a new folder when it does not get ready: it would block the next run."""
    was_there = folder.exists()
    try:
        yield
    except BaseException:
        for part in _FOLDERS:
            shutil.rmtree(folder / part, ignore_errors=True)
        with suppress(OSError):
            (folder / _LIST).unlink(missing_ok=True)
            if not was_there:
                folder.rmdir()
        raise


def _tell_cut(population: str | Path, cities: Sequence[CountryCity]) -> None:
    """Say which cities may go on beyond the raster."""
    cut = [f"{one.name} ({one.id})" for one in cities if one.reaches_edge]
    if not cut:
        return
    named = ", ".join(cut[:_NAMED]) + (
        f" and {len(cut) - _NAMED} more" if len(cut) > _NAMED else ""
    )
    verb = "reaches" if len(cut) == 1 else "reach"
    tell(
        f"{population}: {named}: {verb} the edge of the raster: persons and boundary are a lower bound; "
        "give a raster that goes on around the city"
    )


class _Found(NamedTuple):
    """One urban centre: id, name and outline, lon/lat."""

    id: str
    name: str
    outline: BaseGeometry


def _city(found: _Found, centre: UrbanCentre, study: str) -> CountryCity:
    point = found.outline.representative_point()
    return CountryCity(
        id=found.id,
        name=found.name,
        study=study,
        boundary=f"boundaries/{found.id}.geojson",
        persons=round(centre.persons),
        area_km2=centre.area_km2,
        reaches_edge=centre.reaches_edge,
        lat=round(point.y, 6),
        lon=round(point.x, 6),
    )


def _template(path: str | Path | None) -> dict[str, Any]:
    """Read what all studies share, with its paths made absolute."""
    if path is None:
        return {}
    source = Path(path).resolve()
    raw = read_toml(Path(path), what="template of the studies")
    check_study(_of_many(raw), folder=source.parent, origin=str(path))
    held = [
        key
        for key in read_table("official")["template"]["of_one_city"]
        if key in raw.get("official", {})
    ]
    if held:
        raise StudyError(
            f"{path}: official.{held[0]}: is a total of one city and a template is for all; give a table of the "
            "cities (columns name and this one) as official.table, or take it out"
        )
    for table in ("sources", "official", "suitability", "report"):
        if table in raw:
            raw[table] = _absolute(raw[table], source.parent)
    project = raw.get("study", {}).get("project")
    if isinstance(project, str) and project.endswith(".toml"):
        raw["study"]["project"] = _absolute(project, source.parent)
    return raw


def _of_many(raw: dict[str, Any]) -> dict[str, Any]:
    """Give a template the project that a study has which names none."""
    study = raw.get("study", {})
    return {**raw, "study": {**_STUDY, **study}} if isinstance(study, dict) else raw


def _absolute(value: Any, home: Path) -> Any:  # noqa: ANN401 - TOML value
    """Make the paths absolute that lie beside the template; its studies lie elsewhere."""
    if isinstance(value, dict):
        return {key: _absolute(inner, home) for key, inner in value.items()}
    if isinstance(value, list):
        return [_absolute(inner, home) for inner in value]
    if not isinstance(value, str) or not value or len(value) > _LONGEST_PATH:
        return value
    file, _ = file_and_part(home / value)
    return str((home / value).resolve()) if file.exists() else value


def _names(outlines: Sequence[BaseGeometry], places: Sequence[PlaceName]) -> list[str]:
    """Name each centre by the largest place inside it."""
    names = []
    for number, outline in enumerate(outlines, start=1):
        shapely.prepare(outline)
        inside = (p for p in places if shapely.contains_xy(outline, p.lon, p.lat))
        first = next(inside, None)
        names.append(plain_text(first.name, max_chars=80) if first else f"Urban centre {number}")
    return names


def _ids(names: Sequence[str]) -> list[str]:
    """Name folders and files by the cities; of equal names the later ones, smaller cities, get a number."""
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        own = slug(name)
        own = own if own not in {"unnamed", "manifests"} else f"centre-{number:03d}"
        numbered = (f"{own}-{n:03d}" for n in count(number))
        found.append(next(key for key in chain([own], numbered) if key not in found))
    return found


def _write_boundary(path: Path, one: _Found) -> None:
    feature = {
        "type": "Feature",
        "properties": {"name": one.name},
        "geometry": json.loads(shapely.to_geojson(one.outline)),
    }
    text = json.dumps({"type": "FeatureCollection", "features": [feature]}, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _study(folder: Path, one: _Found, raw: dict[str, Any], template: str | Path | None) -> Study:
    """Make and check the study of a city, before its extract is cut."""
    told = f"study of {one.name}"
    own = {
        **raw,
        "study": {**_STUDY, **raw.get("study", {}), "name": one.id},
        "city": {
            "name": one.name,
            "boundary": str(folder / "boundaries" / f"{one.id}.geojson"),
        },
        "sources": {**raw["sources"], "osm": str(_extract(folder, one))},
    }
    return check_study(
        own, folder=folder / "studies", origin=told if template is None else f"{template}: {told}"
    )


def _extract(folder: Path, one: _Found) -> Path:
    return folder / "osm" / f"{one.id}.osm.pbf"


def _write_studies(
    folder: Path, found: Sequence[_Found], checked: dict[str, Study], osm: Path
) -> dict[str, str]:
    """Cut the extract and write a study file for each city of which it holds something."""
    around = {
        _extract(folder, one): shapely.box(*one.outline.buffer(_MARGIN_DEG).bounds) for one in found
    }
    cut, place = cut_cities(osm, around), folder / "studies"
    studies = {}
    for one in found:
        if _extract(folder, one) not in cut:
            tell(f"{one.name} ({one.id}): the extract holds nothing there; the city has no study")
            continue
        text = study_toml(checked[one.id], out=place)
        (place / f"{one.id}.toml").write_text(text, encoding="utf-8")
        studies[one.id] = f"studies/{one.id}.toml"
    return studies


def _write_list(path: Path, cities: Sequence[CountryCity]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(WRITTEN_COLUMNS)
        for one in cities:
            edge = "yes" if one.reaches_edge else "no"
            row = {**vars(one), "place": one.name, "reaches_edge": edge}
            writer.writerow([row[column] for column in WRITTEN_COLUMNS])
