"""The cities of a country: found in a population raster, cut out of its extract, a study file each."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.analysis.settlement.centres import UrbanCentre, urban_centres
from kcity_geo.errors import OutputError, SourceError, StudyError
from kcity_geo.input_paths import file_and_part
from kcity_geo.many.tasks import WRITTEN_COLUMNS
from kcity_geo.notes import tell
from kcity_geo.outputs.studytoml import study_toml
from kcity_geo.outputs.text import plain_text, slug
from kcity_geo.sources.local.country_people import EQUAL_AREA, people_of_country
from kcity_geo.sources.local.plausible import refuse_too_many
from kcity_geo.sources.osm.place_names import PlaceName, read_place_names
from kcity_geo.sources.products.extracts import cut_cities
from kcity_geo.studyfile import check_study

__all__ = ["CountryCity", "find_cities"]

#: Around a city its extract reaches this far, degrees: ways to schools and hospitals beyond its edge.
_MARGIN_DEG = 0.03
#: A longer text is none; a context may be a chapter.
_LONGEST_PATH = 255


@dataclass(frozen=True, kw_only=True)
class CountryCity:
    """
    One city of a country.

    Parameters
    ----------
    id, name : of the place that OpenStreetMap names inside; numbered where there is none.
    study, boundary : files, relative to the list; the study is empty without an extract.
    persons, area_km2 : of the urban centre.
    lat, lon : a point inside.
    """

    id: str
    name: str
    study: str
    boundary: str
    persons: float
    area_km2: float
    lat: float
    lon: float


def find_cities(
    population: str | Path,
    out: str | Path,
    *,
    osm: str | Path | None = None,
    template: str | Path | None = None,
    most: int | None = None,
) -> tuple[CountryCity, ...]:
    """
    List the cities of a country and make ready what their studies need.

    Parameters
    ----------
    population : raster of persons, as of `people_of_country`.
    out : new or empty folder for ``cities.csv``, ``boundaries/``, and with an extract ``osm/`` and ``studies/``.
    osm : extract of the country; each city gets its own, and its name.
    template : study file whose keys every study takes, but for its name, city, OSM and population.
    most : only so many, the largest.

    Returns
    -------
    Urban centres by degree of urbanisation, the largest first.

    Raises
    ------
    SourceError
        If an input cannot be read, there is no urban centre, or one with more people than any city holds.
    StudyError
        If the template is not valid.
    OutputError
        If the folder is not empty or cannot be written.
    """
    folder = Path(out).resolve()
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{out}: is a file; give a new folder for the list of cities")
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{out}: is not empty; give a new folder for the list of cities")
    raw = _template(template)
    people = people_of_country(population)
    centres = urban_centres(people.persons, cell_m=people.cell_m, origin=people.origin)[:most]
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
    try:
        for part in ("boundaries", *(("osm", "studies") if osm is not None else ())):
            (folder / part).mkdir(parents=True)
        for one in found:
            _write_boundary(folder / "boundaries" / f"{one.id}.geojson", one)
        studies = {}
        if osm is not None:
            raw.setdefault("sources", {})["population"] = str(Path(population).resolve())
            studies = _studies(folder, found, raw, Path(osm))
        cities = tuple(map(_city, found, centres, [studies.get(one.id, "") for one in found]))
        _write_list(folder / "cities.csv", cities)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror or error})") from error
    return cities


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
        lat=round(point.y, 6),
        lon=round(point.x, 6),
    )


def _template(path: str | Path | None) -> dict[str, Any]:
    """Read what all studies share, with its paths made absolute."""
    if path is None:
        return {}
    source = Path(path).resolve()
    try:
        raw = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"{path}: cannot be read as TOML ({error})") from error
    for table in ("sources", "official", "suitability", "report"):
        if table in raw:
            raw[table] = _absolute(raw[table], source.parent)
    project = raw.get("study", {}).get("project")
    if isinstance(project, str) and project.endswith(".toml"):
        raw["study"]["project"] = _absolute(project, source.parent)
    return raw


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


def _studies(
    folder: Path, found: Sequence[_Found], raw: dict[str, Any], osm: Path
) -> dict[str, str]:
    """Cut the extract and write a study file for each city of which it holds something."""
    files = {one.id: folder / "osm" / f"{one.id}.osm.pbf" for one in found}
    cut = cut_cities(
        osm, {files[one.id]: shapely.box(*one.outline.buffer(_MARGIN_DEG).bounds) for one in found}
    )
    place, studies = folder / "studies", {}
    for one in found:
        if files[one.id] not in cut:
            tell(f"{one.name}: the extract holds nothing there; the city has no study")
            continue
        city = {k: v for k, v in raw.get("city", {}).items() if k == "country"}
        boundary = folder / "boundaries" / f"{one.id}.geojson"
        own = {
            **raw,
            "study": {"project": "new_town", **raw.get("study", {}), "name": one.id},
            "city": {**city, "name": one.name, "boundary": str(boundary)},
            "sources": {**raw["sources"], "osm": str(files[one.id])},
        }
        study = check_study(own, folder=place, origin=f"study of {one.name}")
        (place / f"{one.id}.toml").write_text(study_toml(study, out=place), encoding="utf-8")
        studies[one.id] = f"studies/{one.id}.toml"
    return studies


def _write_list(path: Path, cities: Sequence[CountryCity]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(WRITTEN_COLUMNS)
        for one in cities:
            row = {**vars(one), "place": one.name}
            writer.writerow([row[column] for column in WRITTEN_COLUMNS])
