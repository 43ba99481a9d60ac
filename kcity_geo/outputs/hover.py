"""The numbers under the pointer: a compact array for the page instead of a feature a cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.findings import Findings
from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.analysis.suitability.exclusion import NO_DATA, OPEN
from kcity_geo.cube import cell_ids
from kcity_geo.indicators import IndicatorRow, indicator_rows, is_added
from kcity_geo.outputs.explain import Line, cell_lines, unit_rows
from kcity_geo.outputs.explained_place import rows_of_places
from kcity_geo.outputs.frames import excluded_words
from kcity_geo.outputs.languages import tell, translated
from kcity_geo.outputs.overlay import fit_lookup, packed
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.themes import reading_rows, sector_title
from kcity_geo.result import LEVELS, Result

__all__ = ["hover_data", "hover_lines"]

_MISSING = 255
_STEPS = 250
_MANY_CELLS = 1_000_000
_MANY_DISTRICTS = 300


def hover_lines(result: Result) -> list[Line]:
    """
    Make the lines that the map shows as reasons of a cell.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    As of `kcity_geo.outputs.explain.cell_lines`; with more than a million cells without indicators.
    """
    return cell_lines(result.gaps, indicators=result.data.inside.size <= _MANY_CELLS)


def hover_data(result: Result, lines: list[Line] | None = None) -> dict[str, Any]:
    """
    Pack the numbers that the map shows for the cell under the pointer.

    Parameters
    ----------
    result : a finished study.
    lines : of `hover_lines`, when they are made already.

    Returns
    -------
    ``rows``, ``columns``, the polynomial of `kcity_geo.outputs.overlay.Lookup`, ``fields`` (title
    and kind of each), ``districts`` and ``bytes``: one array a field, each packed. Shares are
    stored in steps of 0.4 percent; with more than a million cells only the main fields are kept.
    ``explain`` are the lines of `kcity_geo.outputs.explain`: template, level, and for each slot its
    texts and which of ``bytes`` holds their numbers; ``explained`` the lines of each district with
    their ids in the ledger; ``first`` the column and row in the id of the first cell. ``column`` of a field
    or of a slot is that of ``cells.parquet``, from which the ids of its numbers in the ledger are made.
    """
    grid, inside = result.data.grid, result.data.inside
    lookup = fit_lookup(grid)
    fields: list[dict[str, Any]] = []
    data: list[str] = []

    def add(title: str, kind: str, values: NDArray[Any], **more: Any) -> None:  # noqa: ANN401
        fields.append({"title": title, "kind": kind, **more})
        data.append(packed(values))

    add("district", "district", _districts(result), column="district_id")
    _add_people(result, add)
    many = inside.size > _MANY_CELLS
    for sector in LEVELS:
        title = sector_title(sector)
        reading = np.where(inside, _cells(result, f"{sector}_reading"), _MISSING)
        words = [row.title for row in reading_rows(sector).values()]
        codes = reading.astype(np.uint8)
        add(title, "reading", codes, words=words, column=f"{sector}_reading")
        ends = () if many else (("low", "gap_lo"), ("high", "gap_hi"))
        for kind, name in (("gap", "gap"), *ends):
            column = f"{sector}_{name}"
            add(title, kind, _steps(_cells(result, column), inside), column=column)
    for key, row in indicator_rows().items():
        if is_added(key) and key in result.gaps.cells:
            _add_number(row, _cells(result, key), add)
    score = _steps(result.score.score, inside)
    add(tell("map_suitability"), "score", score, column="suitability")
    reason, titles, in_table = _exclusions(result)
    more = {"words": titles, "in_table": in_table, "column": "excluded_by"}
    add(tell("map_excluded"), "excluded", reason, **more)
    told = hover_lines(result) if lines is None else lines
    return {
        "rows": grid.shape[0],
        "columns": grid.shape[1],
        "centre": lookup.centre,
        "half": lookup.half,
        "powers": lookup.powers,
        "column": lookup.column,
        "row": lookup.row,
        "fields": fields,
        "first": _first(result),
        "nobody": READINGS.index("nobody"),
        "readings": [[row.title, row.colour, row.striped] for row in reading_rows().values()],
        "explain": [_packed_line(line, data) for line in told],
        "explained": _districts_explained(result),
        "districts": [
            plain_text(n, max_chars=60) for n in result.data.city.districts["name"].tolist()
        ],
        "bytes": data,
    }


def _packed_line(line: Line, data: list[str]) -> dict[str, Any]:
    slots = {}
    for name, (texts, at) in line.slots.items():
        slots[name] = {"texts": list(texts), "bytes": len(data)}
        if name in line.columns:
            slots[name] |= dict(zip(("column", "as"), line.columns[name], strict=True))
        data.append(packed(at if len(texts) > _MISSING else at.astype(np.uint8)))
    return {
        "template": line.template,
        "level": line.level,
        "slots": slots,
        **({"indicator": line.indicator} if line.indicator else {}),
    }


def _first(result: Result) -> list[int]:
    """Column and row in the id of the first cell; the row falls from one line of cells to the next."""
    column, _, row = str(cell_ids(result.data.grid)[0]).removeprefix("x").partition("_y")
    return [int(column), int(row)]


def _districts_explained(result: Result) -> list[list[tuple[int, str, str]]]:
    """Lines of each district, in the order of the districts; none where there are very many."""
    ids = result.data.city.districts["district_id"].astype(str).tolist()
    known = set(result.gaps.districts["district_id"].astype(str))
    if len(ids) > _MANY_DISTRICTS:
        return []
    rows = rows_of_places(result.gaps)
    return [list(unit_rows(result.gaps, key, rows=rows)) if key in known else [] for key in ids]


def _cells(result: Result, name: str) -> NDArray[np.float64]:
    cells = result.gaps.cells
    if name not in cells:
        return np.full(result.data.grid.shape, np.nan)
    return np.asarray(cells[name].to_numpy(), dtype=np.float64)


def _steps(values: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    known = inside & np.isfinite(values)
    steps = np.round(np.clip(np.nan_to_num(values), 0, 1) * _STEPS)
    return np.where(known, steps, _MISSING).astype(np.uint8)


def _districts(result: Result) -> NDArray[Any]:
    ids = result.data.city.districts["district_id"].tolist()
    kind = np.uint8 if len(ids) < _MISSING else np.uint16
    number = Findings(result).district_number
    return np.where(number < 0, np.iinfo(kind).max, number).astype(kind)


def _add_people(result: Result, add: Any) -> None:  # noqa: ANN401 - the adder
    people = result.data.array("population")
    if people is None:
        return
    top = 65_534
    scale = max(float(np.nanmax(np.nan_to_num(people))) / top, 1e-6)
    steps = np.round(np.nan_to_num(people) / scale)
    values = np.where(np.isfinite(people), np.clip(steps, 0, top), top + 1).astype(np.uint16)
    add(tell("fact_people"), "people", values, scale=scale, column="population")


def _add_number(row: IndicatorRow, values: NDArray[np.float64], add: Any) -> None:  # noqa: ANN401
    """Add an indicator of the user's own, in its unit."""
    top = 65_534
    known = np.isfinite(values)
    low = float(values[known].min()) if known.any() else 0.0
    scale = max(float(values[known].max() - low) / top, 1e-9) if known.any() else 1.0
    steps = np.where(known, np.round((np.nan_to_num(values) - low) / scale), top + 1)
    title, unit = (
        plain_text(translated(row.title), max_chars=60),
        plain_text(row.unit, max_chars=20),
    )
    more = {"scale": scale, "low": low, "unit": unit, "column": row.id}
    add(title, "number", steps.astype(np.uint16), **more)


def _exclusions(result: Result) -> tuple[NDArray[np.uint8], list[str], list[str]]:
    """Give the code of each cell, and what the codes are called on the page and in the table of the cells."""
    found = Findings(result)
    rule, count = found.rule, len(found.rules)
    rules = [plain_text(translated(c.title), max_chars=60) for c in found.rules]
    codes = np.where(rule == OPEN, _MISSING, np.where(rule == NO_DATA, count, rule))
    words = excluded_words(result)
    in_table = [words[code] for code in (*range(count), NO_DATA)]
    return codes.astype(np.uint8), [*rules, tell("legend_no_data")], in_table
