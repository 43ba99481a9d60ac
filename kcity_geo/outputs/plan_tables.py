"""The plan of a site in the workbook of a study: what is planned, land, phases, cost and economics."""

from __future__ import annotations

import pandas as pd

from kcity_geo.outputs.claims import plan_id
from kcity_geo.outputs.plan_language import plan_in_spoken_language, unmarked_plan
from kcity_geo.outputs.study_workbook import Sheet
from kcity_geo.plan_sheets import PlanSheets, Table

__all__ = ["plan_workbook_sheets", "table_ids"]

#: Sheet -> table of the plan.
_SHEETS = {
    "Plan land": "budget",
    "Plan phases": "phases",
    "Plan demand": "demand",
    "Plan cost": "cost",
    "Plan economics": "economics",
    "Plan assumptions": "assumptions",
}
#: Columns of the tables of a plan that hold money.
_MONEY = ("Price", "Cost", "Low", "High", "Capital", "Present value", "Costs", "Benefits")


def plan_workbook_sheets(plan: PlanSheets | None) -> dict[str, Sheet]:
    """
    Give the sheets of a plan.

    Parameters
    ----------
    plan : of the best site; None: no plan was asked for.

    Returns
    -------
    Name -> sheet, its texts in the language that is spoken; empty without a plan. Costs are quantity times price, what
    is added a share of the lines above, as formulas.
    """
    if plan is None:
        return {}
    plan = unmarked_plan(plan_in_spoken_language(plan))
    lead = Sheet(
        title=plan.title,
        frame=pd.DataFrame({"what": list(plan.lead)}),
        ids={"what": "plan.lead.{row_number}"},
        note=plan.disclaimer,
    )
    tables = {name: plan.tables[key] for name, key in _SHEETS.items() if key in plan.tables}
    return {
        "Plan": lead,
        **{name: _sheet(_SHEETS[name], table, plan) for name, table in tables.items()},
    }


def table_ids(key: str, table: Table) -> dict[str, str]:
    """
    Say how the ids of the numbers of a table of a plan are made.

    Parameters
    ----------
    key : of the table.
    table : the table.

    Returns
    -------
    Column -> id, as of `kcity_geo.outputs.study_workbook.Sheet`.
    """
    row = "{row_number}"
    return {str(c): plan_id(key, row, str(c)) for c in table.frame.columns}


def _sheet(key: str, table: Table, plan: PlanSheets) -> Sheet:
    priced = {"Quantity", "Price", "Cost"} <= set(table.frame.columns)
    money = {column for column in _MONEY if column in table.units}
    return Sheet(
        title=table.title,
        frame=table.frame,
        note=f"{table.note} {plan.disclaimer}.".strip(),
        units={c: "money" if c in money else unit for c, unit in table.units.items()},
        heads=dict(zip(table.frame.columns, table.heads, strict=True)),
        formulas={"Cost": "{Quantity}*{Price}"} if priced else {},
        added=table.added if priced else {},
        totals=("Cost",) if priced else (),
        ids=table_ids(key, table),
    )
