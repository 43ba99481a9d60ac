"""Formulas of a plan: how each number of its tables is computed, in which unit, and from which parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.plan_sheets import Table
from kcity_geo.planning.assumptions import Assumptions, LandProfile
from kcity_geo.planning.concept import Plan

__all__ = ["formulas_of_plan", "parameters_of_plan", "with_formulas"]

_TABLES = ("planning.toml", "costs.toml", "networks.toml")
#: Tables whose rows are works, and the columns that follow from the price of the work.
_PRICED = ("cost", "cost_by_work")
_OF_WORK = ("plan_quantity", "plan_price")


@cache
def _rows() -> tuple[dict[str, Any], ...]:
    return tuple(read_table("plan_formulas")["formula"])


@cache
def _cells() -> dict[str, str]:
    """Cells of ``tables/plan_formulas.toml`` -> id."""
    return {cell: str(row["id"]) for row in _rows() for cell in row["cells"]}


def with_formulas(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Table]:
    """
    Say of each number of each table how it is computed and in which unit.

    Parameters
    ----------
    plan : of `kcity_geo.planning.concept.concept`.
    tables : its tables, in English.

    Returns
    -------
    The same tables with formulas and units.
    """
    return {name: _with_formulas(plan, name, table) for name, table in tables.items()}


def _with_formulas(plan: Plan, name: str, table: Table) -> Table:
    frame = table.frame
    titles = [str(value) for value in frame.iloc[:, 0]]
    ids = {row["title"]: row["row"] for row in _works(plan)} if name in _PRICED else {}
    formulas, units = {}, {}
    for column in map(str, frame.columns):
        found = [_formula(name, column, title) for title in titles]
        if ids:
            found = [
                f"{formula}.{ids[title]}" if formula in _OF_WORK and ids.get(title) else formula
                for formula, title in zip(found, titles, strict=True)
            ]
        formulas[column] = tuple(found)
        units[column] = tuple(_units(table, column, titles))
    return replace(table, formulas=formulas, cell_units=units)


def _formula(table: str, column: str, title: str) -> str:
    cells = _cells()
    for cell in (f"{table}.{column}", f"{table}:{title}", table):
        if cell in cells:
            return cells[cell]
    return "plan"


def _units(table: Table, column: str, titles: list[str]) -> Iterator[str]:
    """Give the unit of each cell: of the column, of the row, or of what is counted."""
    known = read_table("plan_formulas")["unit"]
    own = table.frame["Unit"].astype(str) if "Unit" in table.frame else [""] * len(titles)
    whole = table.units.get(column, "")
    for unit, title in zip(own, titles, strict=True):
        if whole:
            yield f"{whole}/{unit}" if column == "Price" and unit else whole
        else:
            yield str(known.get(column) or unit or known.get(title, ""))


def _works(plan: Plan) -> list[dict[str, str]]:
    """Row, title and reason of each work, once a row of the prices."""
    lines = plan.cost.lines
    works = lines[lines["row"] != ""]
    return [
        {
            "row": str(row),
            "title": str(of["title"].iloc[0]),
            "why": "; ".join(dict.fromkeys(of["why"])),
        }
        for row, of in works.groupby("row", sort=False)
    ]


def formulas_of_plan(plan: Plan) -> dict[str, dict[str, Any]]:
    """
    List how the numbers of a plan are computed.

    Parameters
    ----------
    plan : of `kcity_geo.planning.concept.concept`.

    Returns
    -------
    Id -> ``words``, keys of ``parameters`` and ``tables``. Quantity and price of a work have a formula of their own,
    with what is counted and the row of the price.
    """
    keys = {str(row["key"]) for row in parameters_of_plan(plan)}
    found: dict[str, dict[str, Any]] = {}
    for row in _rows():
        asked = [key for name in row.get("parameters", ()) for key in _keys(name)]
        found[str(row["id"])] = {
            "words": row["words"],
            "parameters": [key for key in asked if key in keys],
            "tables": list(_TABLES),
        }
    quantity, price = (found[name] for name in _OF_WORK)
    for work in _works(plan):
        key = work["row"]
        found[f"plan_quantity.{key}"] = quantity | {"words": f"{work['why']}; {quantity['words']}"}
        found[f"plan_price.{key}"] = price | {"parameters": [f"costs.{key}", *price["parameters"]]}
    return found


def _keys(name: str) -> list[str]:
    """Give the keys of a parameter as the table of formulas names it."""
    if name == "share":
        return [
            f"concept.shares.{use}"
            for use in read_table("planning")["profile"]["new_town"]["share"]
        ]
    if name == "price":
        return [f"concept.{key}" for key in ("price_year", "price_level", "escalation_share_year")]
    return [f"concept.{name}" if "." in name else f"concept.assumptions.{name}"]


def parameters_of_plan(plan: Plan) -> tuple[dict[str, Any], ...]:
    """
    List the parameters of a plan.

    Parameters
    ----------
    plan : of `kcity_geo.planning.concept.concept`.

    Returns
    -------
    Rows with ``key, value, unit, origin, mark``: assumptions, the profile, money and year of prices, and the unit costs
    that are used, in their own money.
    """
    return (
        *_assumed(plan.assumptions),
        *_profiled(plan.budget.profile),
        *_priced(plan),
    )


def _row(key: str, value: float | None, unit: str, origin: str, mark: str) -> dict[str, Any]:
    return {"key": key, "value": value, "unit": unit or "1", "origin": origin, "mark": mark}


def _assumed(assumptions: Assumptions) -> Iterator[dict[str, Any]]:
    for row in assumptions.rows.values():
        yield _row(f"concept.assumptions.{row.id}", row.value, row.unit, row.citation, row.mark)


def _profiled(profile: LandProfile) -> Iterator[dict[str, Any]]:
    for name, values, unit in (
        ("shares", profile.share, "share"),
        ("far", profile.far, "floor area over land"),
        ("jobs_per_ha", profile.jobs_per_ha, "jobs/ha"),
    ):
        for use, value in values.items():
            yield _row(f"concept.{name}.{use}", value, unit, profile.citation, profile.mark)


def _priced(plan: Plan) -> Iterator[dict[str, Any]]:
    basis, lines = plan.cost.basis, plan.cost.lines
    yield _row("concept.price_year", basis.price_year, "year", "[concept] or costs.toml", "D")
    if basis.price_level is not None:
        yield _row("concept.price_level", basis.price_level, "United States = 1", "[concept]", "U")
    told = "[concept] or costs.toml"
    yield _row(
        "concept.escalation_share_year", basis.escalation_share_year, "share/year", told, "D"
    )
    works = pd.DataFrame(lines[lines["row"] != ""].drop_duplicates("row"))
    for work in works.to_dict("records"):
        unit = f"{work['own_currency']} of {work['price_year']:.0f}/{work['unit']}"
        key = f"costs.{work['row']}"
        yield _row(key, float(work["own_price"]), unit, str(work["source"]), str(work["mark"]))
