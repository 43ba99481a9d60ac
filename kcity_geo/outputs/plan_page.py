"""The report of a plan: one page that opens offline."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from kcity_geo.outputs.attribution import SYNTHETIC, credits_line, head_of_page
from kcity_geo.outputs.cited import cited, citing, uncited
from kcity_geo.outputs.claims import plan_id
from kcity_geo.outputs.languages import (
    Language,
    language_of,
    marked_up,
    name,
    speaking,
    tell,
    translated,
)
from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.outputs.plan_figures import bar_figure, legend_of, sheet_figure
from kcity_geo.outputs.plan_language import plan_in_spoken_language
from kcity_geo.outputs.text import human
from kcity_geo.plan_sheets import MapSheet, PlanSheets, Table

__all__ = ["build_plan_page", "map_row", "table_row"]

#: A column with a text of more letters than these is kept wide.
_LONG = 30
_ONE_DIGIT = ("ha", "km", "%")
#: A column without a unit that reaches this far counts people, homes or jobs.
_MANY, _TENTH = 1000.0, 0.05


def build_plan_page(
    sheets: PlanSheets, *, language: Language | None = None, author: str = ""
) -> str:
    """
    Render the report of a plan.

    Parameters
    ----------
    sheets : of a plan, in English.
    language : of the page; None: English.
    author : of the study; empty: not stated.

    Returns
    -------
    HTML that loads nothing from elsewhere.
    """
    spoken_in = language or language_of("en")
    template = environment().get_template("plan.html.j2")
    with speaking(spoken_in) as originals, citing():
        told = plan_in_spoken_language(sheets)
        values = {
            "credits": translated(credits_line(sheets)),
            "synthetic": translated(SYNTHETIC) if sheets.synthetic else "",
            "tables": {key: table_row(key, table) for key, table in told.tables.items()},
            "maps": [map_row(number, sheet) for number, sheet in enumerate(told.maps)],
            "bars": {c.bars: bar_figure(sheets.tables[c.bars]) for c in sheets.chapters if c.bars},
        }
        page = template.render(
            sheets=told,
            about=head_of_page(sheets, author=author),
            css=asset("report.css"),
            cited=cited,
            t=tell,
            named=name,
            language=spoken_in,
            originals=lambda: len(originals),
            **values,
        )
    return seal(marked_up(page, language=spoken_in))


def map_row(number: int, sheet: MapSheet) -> dict[str, Any]:
    """
    Give a sheet of a plan for a page.

    Parameters
    ----------
    number : place of the sheet in the plan.
    sheet : in the language that is spoken.

    Returns
    -------
    ``title, caption, image, legend``.
    """
    title = (
        tell("plan_sheet", number=sheet.number, title=sheet.title) if sheet.number else sheet.title
    )
    return {
        "title": title,
        "caption": cited(sheet.caption, f"plan.map.{number}"),
        "image": sheet_figure(sheet),
        "legend": legend_of(sheet),
    }


def table_row(key: str, table: Table) -> dict[str, Any]:
    """
    Give a table of a plan for a page.

    Parameters
    ----------
    key : of the table.
    table : in the language that is spoken.

    Returns
    -------
    ``title, note``, ``columns`` (words and kind of each) and ``rows`` (text and kind of each cell).
    """
    frame = table.frame
    counts = "Unit" not in frame  # else a column holds things of several units
    columns = [
        [
            cited(text, plan_id(key, row, str(name)))
            for row, text in enumerate(
                _texts(frame[name], table.units.get(str(name), ""), counts=counts), start=1
            )
        ]
        for name in frame.columns
    ]
    kinds = []
    for dtype, texts in zip(frame.dtypes, columns, strict=True):
        wide = max((len(uncited(text)) for text in texts), default=0) > _LONG
        kinds.append("num" if dtype.kind in "iuf" else "long" if wide else "")
    return {
        "title": table.title,
        "note": cited(table.note, f"plan.{key}.note"),
        "columns": list(zip(table.heads, kinds, strict=True)),
        "rows": [list(zip(row, kinds, strict=True)) for row in zip(*columns, strict=True)],
    }


def _texts(values: pd.Series, unit: str, *, counts: bool) -> list[str]:
    """Write a column: areas, lengths and per cent to one digit behind the point, counts whole."""
    if values.dtype.kind == "f" and unit in _ONE_DIGIT:
        return [f"{v:,.1f}" if v == 0 or abs(v) >= _TENTH else human(v) for v in values]
    if values.dtype.kind == "f" and not unit and counts and _many(values):
        return [human(float(round(v))) if math.isfinite(v) else human(v) for v in values]
    return [value if isinstance(value, str) else human(value) for value in values]


def _many(values: pd.Series) -> bool:
    """Whether a column without a unit counts what there is many of."""
    known = values[np.isfinite(values)]
    return bool(len(known)) and float(known.abs().max()) >= _MANY
