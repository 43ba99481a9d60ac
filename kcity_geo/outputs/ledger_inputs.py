"""What the numbers of a ledger rest on: inputs by checksum, and the rules by which numbers of cells have ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kcity_geo.analysis.findings import Findings
from kcity_geo.citydata import Provenance
from kcity_geo.config import read_table
from kcity_geo.errors import KCityError
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.frames import grid_variables
from kcity_geo.outputs.text import plain_text
from kcity_geo.result import LEVELS, Result
from kcity_geo.studyfile import Study, file_and_part, resolve_path, sha256_of

__all__ = ["CELL_TABLE", "cell_rules", "inputs_of", "inputs_of_formula", "own_outlines"]

#: File with the numbers of all cells, whose columns the rules name.
CELL_TABLE = "cells.parquet"
_OUTLINES = ("city.boundary", "city.districts")
#: Kind of input, as the model of a city notes it -> ids of what a study file names.
_FILES = {
    "dem": ("elevation",),
    "flood": ("flood", "flood_return_period"),
    "transit": ("gtfs",),
    "official": ("official",),
}


def inputs_of(provenance: Iterable[Provenance]) -> list[dict[str, str]]:
    """
    Give the inputs as a ledger tells them.

    Parameters
    ----------
    provenance : of the data.

    Returns
    -------
    A row an input: ``id, file, sha256, licence, as_of``.
    """
    return [
        {
            "id": one.id,
            "file": plain_text(one.path),
            "sha256": one.sha256,
            "licence": plain_text(one.licence),
            "as_of": plain_text(one.as_of),
        }
        for one in provenance
    ]


def own_outlines(study: Study, known: Iterable[str]) -> list[dict[str, str]]:
    """
    Give the files of boundary and districts of which nobody stated a licence.

    Parameters
    ----------
    study : of the result.
    known : ids of the inputs that are told already.

    Returns
    -------
    Rows as of `inputs_of`, with a ``note`` that says as what they are taken.
    """
    rows = []
    for key in _OUTLINES:
        value = getattr(study.city, key.removeprefix("city."))
        if not value or key in known:
            continue
        try:
            path = file_and_part(resolve_path(study, value, key=key))[0]
            digest = sha256_of(path)
        except (KCityError, OSError):
            continue  # gone since it was read
        note = read_table("display")["ledger"]["own_outline"]
        about = Provenance(id=key, title=path.name, path=path.name, sha256=digest, licence="own")
        rows += [row | {"note": note} for row in inputs_of([about])]
    return rows


def inputs_of_formula(
    result: Result, formula: str, inputs: Iterable[dict[str, str]]
) -> dict[str, str]:
    """
    Give the inputs behind a formula by their checksums.

    Parameters
    ----------
    result : a finished study.
    formula : id of an indicator, or another key of the formulas of the ledger.
    inputs : rows of the ledger, as of `inputs_of`.

    Returns
    -------
    Id -> SHA-256, empty where an input is no single file. Of an indicator those that it read, as the model of the
    city noted, and the outlines; where nobody noted it, and of other formulas, all.
    """
    read = Findings(result).read_by(formula) if formula in indicator_rows() else frozenset()
    sources = {"osm", *_OUTLINES}
    for kind, name in read:
        sources |= _named_by(kind, name)
    return {
        row["id"]: row["sha256"]
        for row in inputs
        if not read or ("*", "*") in read or row["id"] in sources or _is_extra(row["id"], read)
    }


def _named_by(kind: str, name: str) -> set[str]:
    """Ids of what a study file may name as this input."""
    if kind == "layers":
        return {"osm", f"extra.{name}", name, {"power_line": "power_lines"}.get(name, name)}
    if kind != "cube":
        return set(_FILES.get(kind, ()))
    rasters = read_table("rasters")["raster"]
    return {key for key, row in rasters.items() if row["variable"] == name or name == "*"}


def _is_extra(key: str, read: frozenset[tuple[str, str]]) -> bool:
    """Whether a file of the user's own features belongs to layers of which all were read."""
    return key.startswith("extra.") and ("layers", "*") in read


def cell_rules(result: Result) -> list[dict[str, Any]]:
    """
    Say how the numbers of cells have ids, a rule for each column.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Rows ``id, file, column, unit, formula, source, licence, as_of``: ``cell.[cell_id].water_gap`` is what stands in
    that column of the row whose ``cell_id`` takes the place of the brackets.
    """
    rows = [_rule("district_id", {"units": "1"}, "city")]
    for name, (_, about) in grid_variables(result).items():
        rows.append(_rule(name, about, _formula(result, name)))
        if name == "excluded":
            rows.append(_rule("excluded_by", about, "suitability"))
    return rows


def _rule(column: str, about: Any, formula: str) -> dict[str, str]:  # noqa: ANN401 - attributes of a variable
    told = {key: plain_text(about.get(key, "")) for key in ("source", "licence", "as_of")}
    return {
        "id": f"cell.[cell_id].{plain_text(column)}",
        "file": CELL_TABLE,
        "column": plain_text(column),
        "unit": plain_text(about.get("units", "")) or "1",
        "formula": formula,
        **{key: words for key, words in told.items() if words},
    }


def _formula(result: Result, column: str) -> str:
    """Key of the formulas of the ledger by which a column is computed."""
    if column in {one.id for one in result.gaps.assessed}:
        return column
    if column == "population":
        return "people"
    of_gaps = column in result.gaps.cells and (
        column.startswith(tuple(f"{level}_" for level in LEVELS)) or column.endswith("_gap")
    )
    if of_gaps or column == "mapped_share":
        return "gap_model"
    scored = {"suitability", "excluded", "best_tenth"}
    scored |= {f"{one.id}_score" for one in result.score.criteria}
    return "suitability" if column in scored else "input"
