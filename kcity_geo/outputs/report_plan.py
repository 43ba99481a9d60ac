"""The chapter of the report on the plan of the best site: what is planned, map sheets, land, demand, cost."""

from __future__ import annotations

from typing import Any

from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.plan_language import plan_in_spoken_language
from kcity_geo.outputs.plan_page import map_row, table_row
from kcity_geo.plan_sheets import PlanSheets

__all__ = ["plan_chapter"]

#: Tables of a plan that the report shows; the folder of the plan has all.
_TABLES = ("budget", "demand", "headroom", "cost_by_phase", "economics")
#: Sheets without a number that it shows as well.
_FIRST = ("Layout", "Site", "Connections to the site")


def plan_chapter(plan: PlanSheets | None) -> dict[str, Any]:
    """
    Give the chapter on the plan of the best site in the language that is spoken.

    Parameters
    ----------
    plan : of the best site; None: no plan was asked for.

    Returns
    -------
    ``title, disclaimer, lead, notes`` (by chapter of the plan), ``maps`` and ``tables`` as the page of a plan has them;
    empty without a plan.
    """
    if plan is None:
        return {}
    told = plan_in_spoken_language(plan)
    return {
        "title": told.title,
        "disclaimer": told.disclaimer,
        "lead": [
            cited(line, f"plan.lead.{number}") for number, line in enumerate(told.lead, start=1)
        ],
        "notes": [
            (
                chapter.title,
                [
                    cited(text, f"plan.chapter.{nth}.{number}")
                    for number, text in enumerate(chapter.text, start=1)
                ],
            )
            for nth, chapter in enumerate(told.chapters, start=1)
            if chapter.text
        ],
        "maps": [
            map_row(number, sheet)
            for number, (sheet, english) in enumerate(zip(told.maps, plan.maps, strict=True))
            if sheet.number or english.title in _FIRST
        ],
        "tables": [table_row(key, told.tables[key]) for key in _TABLES if key in told.tables],
    }
