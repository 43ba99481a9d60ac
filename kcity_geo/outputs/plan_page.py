"""The report of a plan: one page that opens offline."""

from __future__ import annotations

from typing import Any

from kcity_geo.outputs.attribution import SYNTHETIC, credits_line
from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.outputs.plan_figures import bar_figure, legend_of, sheet_figure
from kcity_geo.outputs.text import human
from kcity_geo.plan_sheets import MapSheet, PlanSheets, Table

__all__ = ["build_plan_page"]

#: A column with a text of more letters than these is kept wide.
_LONG = 30


def build_plan_page(sheets: PlanSheets) -> str:
    """
    Render the report of a plan.

    Parameters
    ----------
    sheets : of a plan.

    Returns
    -------
    HTML that loads nothing from elsewhere.
    """
    template = environment().get_template("plan.html.j2")
    page = template.render(
        sheets=sheets,
        credits=credits_line(sheets),
        synthetic=SYNTHETIC if sheets.synthetic else "",
        css=asset("report.css"),
        tables={key: _rows(table) for key, table in sheets.tables.items()},
        maps=[_map(sheet) for sheet in sheets.maps],
        bars={c.bars: bar_figure(sheets.tables[c.bars]) for c in sheets.chapters if c.bars},
    )
    return seal(page)


def _map(sheet: MapSheet) -> dict[str, Any]:
    title = f"Sheet {sheet.number} · {sheet.title}" if sheet.number else sheet.title
    return {
        "title": title,
        "caption": sheet.caption,
        "image": sheet_figure(sheet),
        "legend": legend_of(sheet),
    }


def _rows(table: Table) -> dict[str, Any]:
    frame = table.frame
    rows = [
        [_text(value) for value in values]
        for values in frame.astype(object).itertuples(index=False)
    ]
    kinds = []
    for number, dtype in enumerate(frame.dtypes):
        wide = max((len(row[number]) for row in rows), default=0) > _LONG
        kinds.append("num" if dtype.kind in "iuf" else "long" if wide else "")
    return {
        "title": table.title,
        "note": table.note,
        "columns": list(zip(table.heads, kinds, strict=True)),
        "rows": [list(zip(row, kinds, strict=True)) for row in rows],
    }


def _text(value: Any) -> str:  # noqa: ANN401 - any cell
    return value if isinstance(value, str) else human(value)
