"""What each input of a study is and what it is used for, in the words of `kcity check`."""

from __future__ import annotations

from pathlib import Path

from kcity_geo.citydata import Provenance
from kcity_geo.config import read_table
from kcity_geo.indicators import uses_of_layers
from kcity_geo.profiles import layers_of_criteria
from kcity_geo.studyfile import Study, resolve_path

__all__ = ["input_paths", "layer_uses", "outline_files", "outlines", "use_of"]


def outlines(study: Study) -> list[tuple[str, str, str]]:
    """
    Give what a study file says of boundary and districts, and what is taken when it is silent.

    Parameters
    ----------
    study : checked study file.

    Returns
    -------
    Key, what is given (``""``: nothing), and what is taken instead.

    Examples
    --------
    >>> outlines(Study(city={"bbox": [1, 2, 3, 4]}))[0][1]
    'box [1.0, 2.0, 3.0, 4.0]'
    """
    city = study.city
    relation = f"OSM relation {city.osm_relation}" if city.osm_relation is not None else ""
    box = f"box {list(city.bbox)}" if city.bbox is not None else ""
    if study.place is not None:
        instead = "the city that was given"
    else:
        extract = study.sources.osm not in {None, "overpass"}
        instead = "the box of the OSM extract" if extract else "the outline found by name"
    level = f"OSM level {city.osm_district_level}" if city.osm_district_level is not None else ""
    if study.place is not None:
        return [("boundary", "", instead), ("districts", "", "those of that city")]
    return [
        ("boundary", city.boundary or relation or box, instead),
        ("districts", city.districts or level, "no districts"),
    ]


def outline_files(study: Study) -> tuple[Provenance, ...]:
    """
    Say where the files of boundary and districts come from, as far as somebody said so.

    Parameters
    ----------
    study : checked study file.

    Returns
    -------
    A row a file whose licence or maker is stated; an outline that says neither is taken for the user's own.

    Raises
    ------
    StudyError, SourceError
        If a path cannot be used, or the note beside a file cannot be read.

    Examples
    --------
    >>> outline_files(Study(city={"bbox": [1, 2, 3, 4]}))
    ()
    """
    from kcity_geo.sources.local.origins import describe

    named = {"city.boundary": study.city.boundary, "city.districts": study.city.districts}
    rows = [
        describe(resolve_path(study, value, key=key), key=key)
        for key, value in named.items()
        if value
    ]
    return tuple(row for row in rows if row.licence != "unknown" or row.attribution)


def input_paths(study: Study) -> dict[str, Path]:
    """
    Give the file of each input that has one, by the id of its provenance.

    Parameters
    ----------
    study : checked study file.

    Returns
    -------
    Id -> path.

    Raises
    ------
    StudyError, SourceError
        If a path cannot be used or nothing is there.
    """
    sources = study.sources
    named = {"osm": sources.osm, "protected": sources.protected, "power_lines": sources.power_lines}
    named |= {f"extra.{name}": value for name, value in sources.extra.items()}
    return {
        key: resolve_path(study, value, key=f"sources.{key}")
        for key, value in named.items()
        if value and value != "overpass"
    }


def use_of(key: str) -> str:
    """
    Say what an input is used for.

    Parameters
    ----------
    key : of the study file, or of a provenance: ``"elevation"``, ``"extra.health"``.

    Returns
    -------
    In words.

    Examples
    --------
    >>> use_of("extra.toilets")
    'Public toilets (W9)'
    """
    uses = read_table("extra")
    if key in uses["use"]:
        return str(uses["use"][key])
    name = "power_line" if key == "power_lines" else key.removeprefix("extra.")
    for row in read_table("osm")["layer"]:
        if row["id"] == name:
            return f"{row['title']} ({', '.join(layer_uses(name)) or 'nothing'})"
    if key.startswith(("suitability.", "study.project")):
        return "suitability and sites"
    return "the study"


def layer_uses(layer: str) -> list[str]:
    """
    Tell what reads a layer of the map: indicators by their rows, then criteria and constraints.

    Parameters
    ----------
    layer : id of the layer.

    Returns
    -------
    Families of indicators ("T9"), ``"suitability"``, ``"constraints"``, and what else the row of
    the layer names.

    Examples
    --------
    >>> layer_uses("substation")
    ['E2', 'E5', 'suitability']
    """
    found = list(uses_of_layers().get(layer, []))
    found += layers_of_criteria().get(layer, [])
    for row in read_table("osm")["layer"]:
        if row["id"] == layer and row.get("used_by"):
            found.append(row["used_by"])
    return found
