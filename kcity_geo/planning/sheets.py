"""
Sheets: a plan as layers, tables, maps and chapters.

The chapters are those of a concept study; what a plan cannot fill is named and left to its authors.
"""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np

from kcity_geo.plan_sheets import Chapter, MapSheet, PlanSheets, Table
from kcity_geo.planning.assumptions import counted
from kcity_geo.planning.concept import DISCLAIMER, Plan
from kcity_geo.planning.demand import headroom_words
from kcity_geo.planning.land_budget import M2_PER_HA
from kcity_geo.planning.layout.sketch import SKETCH
from kcity_geo.planning.networks.epanet import water_inp
from kcity_geo.planning.sheet_formulas import (
    formulas_of_plan,
    parameters_of_plan,
    with_formulas,
)
from kcity_geo.planning.sheet_maps import plan_maps
from kcity_geo.planning.sheet_tables import plan_tables
from kcity_geo.result import Gaps

__all__ = ["plan_sheets"]


def plan_sheets(plan: Plan, *, gaps: Gaps | None = None) -> PlanSheets:
    """
    Turn a plan into what is written down.

    Parameters
    ----------
    plan : of `kcity_geo.planning.concept.concept`.
    gaps : of the city; None: the chapter on gaps points to the report of the study.

    Returns
    -------
    Layers, tables, maps and chapters.
    """
    tables = dict(plan_tables(plan, gaps))
    maps = tuple(plan_maps(plan))
    data = plan.data
    return PlanSheets(
        title=f"{plan.budget.profile.title}: concept plan of {plan.site.name or 'a site'}",
        city=data.city.name,
        crs=data.city.crs,
        as_of=data.osm_date,
        synthetic=data.synthetic,
        provenance=data.provenance,
        disclaimer=f"{DISCLAIMER}; {SKETCH}",
        lead=_lead(plan),
        chapters=tuple(_chapters(plan, tables, maps)),
        tables=with_formulas(plan, tables),
        maps=maps,
        layers=dict(_layers(plan)),
        texts=_texts(plan),
        formulas=formulas_of_plan(plan),
        parameters=parameters_of_plan(plan),
    )


def _texts(plan: Plan) -> dict[str, str]:
    if plan.networks is None or plan.networks.water is None:
        return {}
    return {"water.inp": water_inp(plan.networks)}


def _lead(plan: Plan) -> tuple[str, ...]:
    cost, carried = plan.cost, plan.capacity
    money = cost.basis.currency
    millions = [value / 1e6 for value in (cost.total, cost.p10, cost.p90)]
    people = f"{counted(carried.persons, 'person')} in {counted(carried.dwellings, 'dwelling')}"
    told = [
        f"{_sentence(plan.site.words_today)}.",
        f"{plan.budget.words}.",
        f"{people}, {counted(carried.jobs, 'job')}.",
        "Works cost {:,.0f} M {} (P10 {:,.0f}, P90 {:,.0f}) at prices of {}.".format(
            millions[0], money, *millions[1:], cost.basis.price_year
        ),
    ]
    if plan.layout is not None:
        km = float(plan.layout.streets["length_m"].sum()) / 1000
        told.append(
            f"{counted(len(plan.layout.blocks), 'block')} and {counted(len(plan.layout.parcels), 'parcel')} lie along "
            f"{km:,.1f} km of streets: {SKETCH}."
        )
    return (*told, *headroom_words(plan.headroom))


def _layers(plan: Plan) -> Iterator[tuple[str, tuple[gpd.GeoDataFrame, str]]]:
    site = gpd.GeoDataFrame(
        {
            "name": [plan.site.name],
            "profile": [plan.budget.profile.id],
            "area_m2": [plan.site.outline.area],
            "buildable_m2": [plan.site.net_ha * M2_PER_HA],
            "persons": [plan.capacity.persons],
            "jobs": [plan.capacity.jobs],
            "note": [f"{DISCLAIMER}; {SKETCH}"],
        },
        geometry=[plan.site.outline],
        crs=plan.data.city.crs,
    )
    yield (
        "site",
        (site, f"Site of the plan: the land that is planned, inside the city; {DISCLAIMER}"),
    )
    if plan.site.given is not None:
        given = gpd.GeoDataFrame(
            {"name": [plan.site.name], "area_m2": [plan.site.given.area]},
            geometry=[plan.site.given],
            crs=plan.data.city.crs,
        )
        yield "site_given", (given, "Polygon as the user gave it, before anything was taken off")
    if plan.layout is not None:
        layout = plan.layout
        yield "land", (layout.land, f"All land of the site, each spot once; {SKETCH}")
        yield "streets", (layout.streets, f"Centre lines of streets; {SKETCH}")
        yield "blocks", (layout.blocks, f"Blocks with use and phase; {SKETCH}")
        yield "parcels", (layout.parcels, f"Parcels; {SKETCH}")
        opened = layout.blocks.dropna(subset="phase").astype({"phase": np.int64})
        phases = opened[["phase", "area_m2", "geometry"]].dissolve("phase", aggfunc="sum")
        opened_m2 = float(plan.phases["hectares_opened"].max()) * M2_PER_HA
        phases["opened_m2"] = phases["area_m2"] / phases["area_m2"].sum() * opened_m2
        told = "Blocks by phase: area_m2 without streets, opened_m2 with their share of them"
        yield "phases", (phases.reset_index(), f"{told}; {SKETCH}")
    networks = plan.networks
    if networks is not None:
        for utility in dict.fromkeys(networks.lines["utility"]):
            lines = networks.lines[networks.lines["utility"] == utility]
            yield str(utility), (lines, f"Routed {utility}; {SKETCH}")
        if len(networks.points):
            yield "network_points", (networks.points, f"Pumps, valves and beginnings; {SKETCH}")


def _chapters(
    plan: Plan, tables: dict[str, Table], maps: tuple[MapSheet, ...]
) -> Iterator[Chapter]:
    at = {sheet.title: number for number, sheet in enumerate(maps)}

    def sheets(*titles: str) -> tuple[int, ...]:
        return tuple(at[title] for title in titles if title in at)

    notes = plan.notes
    yield Chapter(
        title="Site",
        filled="full",
        tables=("site",),
        maps=sheets("Site", "Layout"),
        text=(*_notes(notes, "site"), *_notes(notes, "layout")),
    )
    yield Chapter(
        title="Baseline and gaps",
        filled="full" if "impact" in tables else "partly",
        text=() if "impact" in tables else ("The report of the study has the gaps of the city.",),
        tables=("impact",) if "impact" in tables else (),
    )
    yield Chapter(
        title="People, jobs and phases",
        filled="partly",
        tables=("phases",),
        maps=sheets("Phasing"),
        text=(*_notes(notes, "jobs"), *_notes(notes, "phases")),
    )
    yield Chapter(
        title="Land use",
        filled="full",
        tables=("budget",),
        maps=sheets("Land-use budget"),
        bars="budget",
        text=_notes(notes, "land"),
    )
    yield Chapter(
        title="Infrastructure",
        filled="full" if "networks" in tables else "partly",
        tables=("demand", "headroom", *(n for n in ("networks", "network_checks") if n in tables)),
        maps=sheets("Utility connections and cost", "Connections to the site", "Facilities to add"),
        text=(
            *headroom_words(plan.headroom),
            *(
                _notes(
                    (*plan.networks.notes, *(plan.fronts.notes if plan.fronts else ())), "networks"
                )
                if plan.networks is not None
                else ("No networks are routed; the cost takes them along every street.",)
            ),
        ),
    )
    yield Chapter(
        title="Cost estimate",
        filled="full",
        tables=("cost_by_work", "cost_by_phase"),
        text=_notes(notes, "cost"),
    )
    yield Chapter(
        title="Economics",
        filled="partly",
        tables=("economics", "cash_flow"),
        text=_notes(plan.economics.notes, "economics"),
    )
    yield Chapter(title="Rules", filled="full", tables=("rules",))
    yield Chapter(
        title="Environment",
        filled="partly",
        text=(
            *(
                f"{_sentence(told)}."
                for told in (*plan.site.words_ranked[:1], *plan.site.words_taken_off)
            ),
            "Environmental and social impacts are not assessed in a concept plan.",
        ),
    )
    yield Chapter(title="Assumptions", filled="full", tables=("assumptions",))
    yield Chapter(title="Sources", filled="full", tables=("sources",))
    yield Chapter(
        title="Left to the authors of the study",
        filled="not",
        text=(
            "Context, policy and stakeholders; smart solutions; institutions, risk and finance.",
            "Environmental and social assessment; design.",
        ),
    )


def _notes(notes: tuple[str, ...], about: str) -> tuple[str, ...]:
    return tuple(
        f"{_sentence(note.removeprefix(f'{about}: '))}."
        for note in notes
        if note.startswith(f"{about}: ")
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
