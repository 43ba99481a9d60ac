"""Every key of every table is read by something: a row that nothing reads would be set and change nothing."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

import kcity_geo

PACKAGE = Path(kcity_geo.__file__).parent
TABLES = PACKAGE / "tables"
#: Tables whose keys are data, not names that code reads: file and path, and what the keys are.
OPEN = {
    "catchments decay": "names of decays, asked for by name",
    "columns gap": "columns, built from the ids of readings",
    "countries other_name": "names of countries",
    "countries part_of": "territories",
    "demo archetype": "kinds of district, named by the rings",
    "extra layer.*.tags": "tags",
    "extra numbers": "columns of layers",
    "gis_styles classes": "variables of the cells",
    "gis_styles classes.*": "codes of rasters",
    "gis_styles layer": "tables of a GeoPackage",
    "indicators/* indicator.*.details": "numbers behind an indicator, by name",
    "licences licence": "licences, named by the rows of products",
    "network caps.*": "values of tags",
    "network speeds.drive": "values of tags",
    "network walk_factors": "values of tags",
    "network widths.class": "values of tags",
    "network widths.oneway": "values of tags",
    "osm column": "columns of layers",
    "osm layer.*": "rules of layers, by tag",
    "osm speed_limit": "countries of implied speed limits",
    "osm speed_limit.*": "zones of implied speed limits",
    "parameters/* parameter": "parameters, of which another test holds what reads them",
    "parameters/* parameter.*.value": "classes",
    "plan_formulas unit": "columns and rows of the tables of a plan",
    "planning profile": "projects",
    "programme/* profile": "projects",
    "programme/sources source": "sources, named by the rows that cite them",
    "programme/sources source_ko": "sources, named by the rows that cite them",
    "rasters attribution": "parts of names of files",
    "rasters raster.*.density_products": "patterns of names of files",
    "rasters raster.*.other_products": "patterns of names of files",
    "statistics other_units": "ends of names of columns",
    "osm gone_values": "keys of OpenStreetMap",
    "rulesets/* ruleset.park_law": "projects",
    "services service": "services, asked for by name",
    "sources pause_s": "servers",
    "suitability/profiles landuse_code": "values of tags",
    "suitability/profiles profile": "projects",
    "texts/compare difference": "words of the English page",
    "texts/compare number": "words of the English page",
    "texts/compare value": "words of the English page",
    "texts/said_ko said": "what is said in English",
    "texts/said_plan_ko said": "what is said in English",
    "texts/inputs detail": "words of numbers behind indicators",
    "texts/inputs key": "keys of study files",
    "texts/inputs value": "short texts among those numbers",
    "texts/map text": "words of the map; tests/outputs/test_out_map_page.py holds them against its scripts",
    "themes theme": "words of INSPIRE themes",
    "themes instead": "indicators",
}
#: Keys that say where a fact is from; a reader of the table reads them.
ABOUT = {"mark", "citation", "note", "nodata_source"}
#: Written down with their source, and read by nothing yet.
WAITING: set[str] = set()


@cache
def spoken() -> tuple[set[str], list[re.Pattern[str]]]:
    """Words and names of the code outside docstrings, and patterns of the names that it builds."""
    words: set[str] = set()
    built = []
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            first = body[0] if isinstance(body, list) and body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value.value = ""  # a docstring
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.update(re.findall(r"\w+", node.value))
            names = [getattr(node, key, None) for key in ("id", "attr", "arg", "name")]
            words.update(n for n in names if isinstance(n, str))
            if isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(p.value) if isinstance(p, ast.Constant) else r"\w+"
                    for p in node.values
                ]
                fixed = "".join(str(p.value) for p in node.values if isinstance(p, ast.Constant))
                if re.fullmatch(r"\w*[a-z]{2}\w*", fixed):
                    built.append(re.compile("".join(parts)))
    for path in [*PACKAGE.rglob("*.j2"), *PACKAGE.rglob("*.js")]:
        words.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return words, built


def keys(table: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Path of every key of a table, lists left out of it."""
    if isinstance(table, dict):
        for key, value in table.items():
            yield (*path, key)
            yield from keys(value, (*path, key))
    elif isinstance(table, list):
        for item in table:
            yield from keys(item, path)


def is_open(file: str, path: tuple[str, ...]) -> bool:
    """Whether the last key of a path is data: its table, or a table around it, is an open one."""
    for name in OPEN:
        where, inside = name.split()
        parts = inside.split(".")
        if fnmatch(file, where) and len(path) == len(parts) + 1 and all(map(fnmatch, path, parts)):
            return True
    return False


def dead(tables: dict[str, dict], words: set[str], built: list[re.Pattern[str]]) -> set[str]:
    """Give the keys that nothing reads."""
    known = words | ABOUT
    return {
        f"{file}: {'.'.join(path)}"
        for file, table in tables.items()
        for path in keys(table)
        if path[-1].removesuffix("_ko") not in known  # a text in Korean beside the English one
        and not path[-1].endswith("_mark")
        and not is_open(file, path)
        and not any(pattern.fullmatch(path[-1]) for pattern in built)
    }


def all_tables() -> dict[str, dict]:
    return {
        path.relative_to(TABLES).with_suffix("").as_posix(): tomllib.loads(
            path.read_text(encoding="utf-8")
        )
        for path in sorted(TABLES.rglob("*.toml"))
    }


def test_every_key_of_every_table_is_read() -> None:
    assert dead(all_tables(), *spoken()) <= WAITING


@pytest.mark.parametrize(
    ("file", "planted"),
    [
        ("demo", {"archetype": {"core": {"unit_persons": 4.0}}}),
        ("suitability/sites", {"nobody_reads_this": 1.0}),
        ("rasters", {"raster": {"built": {"nodata_codes": [1.0]}}}),
    ],
)
def test_a_planted_key_is_found(file, planted) -> None:
    words, built = spoken()
    (found,) = dead({file: planted}, words - {"nobody_reads_this", "nodata_codes"}, built)
    assert found.endswith(("unit_persons", "nobody_reads_this", "nodata_codes"))
