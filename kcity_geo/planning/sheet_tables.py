"""Tables of a plan, with names and units for people."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.plan_sheets import Table
from kcity_geo.planning.assumptions import use_title
from kcity_geo.planning.concept import Plan
from kcity_geo.planning.land_budget import M2_PER_HA
from kcity_geo.planning.layout.sketch import KINDS
from kcity_geo.planning.networks.fronts import Fronts
from kcity_geo.planning.networks.routed import PlanNetworks
from kcity_geo.planning.networks.tables import utility_title
from kcity_geo.result import Gaps

__all__ = ["plan_tables"]

#: Of the rates that are shown, the one whose benefits are told in words; else the first.
_TOLD_RATE = 0.06
_DEMAND = {
    "dwellings": ("Dwellings", ""),
    "persons": ("Persons", ""),
    "jobs": ("Jobs", ""),
    "elementary_schools": ("Elementary schools", ""),
    "clinics": ("Clinics", ""),
    "hospital_beds": ("Hospital beds", ""),
    "parks_ha": ("Parks", "ha"),
    "water_m3_day": ("Water, mean day", "m3/d"),
    "water_max_day_m3": ("Water, highest day", "m3/d"),
    "storage_m3": ("Treated water held", "m3"),
    "sewage_m3_day": ("Sewage", "m3/d"),
    "storm_water_m3_s": ("Storm water, peak", "m3/s"),
    "detention_m3": ("Storm water held back", "m3"),
    "power_mva": ("Power, peak", "MVA"),
    "power_mw": ("Power, peak", "MW"),
    "low_voltage_mva": ("Of it at low voltage", "MVA"),
    "waste_t_day": ("Solid waste", "t/d"),
    "fibre_drops": ("Fibre drops", ""),
}


def plan_tables(plan: Plan, gaps: Gaps | None) -> Iterator[tuple[str, Table]]:
    """
    Give the tables of a plan.

    Parameters
    ----------
    plan : of `kcity_geo.planning.concept.concept`.
    gaps : of the city; None: without the table of who could be reached.

    Yields
    ------
    Key and table.
    """
    yield "site", _site_table(plan)
    yield "budget", _budget_table(plan)
    yield "demand", _demand_table(plan)
    yield "headroom", _headroom_table(plan)
    yield "cost_by_work", _cost_by_work(plan)
    yield "cost_by_phase", _cost_by_phase(plan)
    yield "cost", _cost_table(plan)
    yield "phases", _phase_table(plan)
    yield "economics", _economics_table(plan)
    yield "cash_flow", _cash_flow_table(plan)
    yield "rules", _rules_table(plan)
    if plan.networks is not None:
        yield "networks", _networks_table(plan.networks, plan.fronts)
        yield "network_checks", _checks_table(plan.networks)
    if gaps is not None:
        yield "impact", _impact_table(plan, gaps)
    yield "assumptions", _assumptions_table(plan)
    yield "sources", _sources_table(plan)


def _impact_table(plan: Plan, gaps: Gaps) -> Table:
    names = {
        "sector": "Sector",
        "persons_within": "People on the site and within 1 km",
        "people_short_within": "Of them, people who fall short",
        "people_open_within": "Of them, nobody can tell",
        "people_short_city": "People who fall short in the city",
        "closed_low": "Helped at least",
        "closed_high": "Helped at most",
        "share_high": "At most, of all in the city who fall short or may, here",
    }
    shown = plan.impact(gaps).reset_index()[list(names)].rename(columns=names)
    shown["Sector"] = shown["Sector"].str.capitalize()
    shown[names["share_high"]] *= 100
    people = list(names.values())[1:-1]
    shown[people] = shown[people].round()  # nobody counts parts of people
    return Table(
        title="People who fall short whom the plan could reach",
        frame=shown,
        units={names["share_high"]: "%"},
        note="Who falls short, surely or probably, by the readings of the study; at most, with those of whom nobody "
        "can tell. The share at most takes those who fall short in the city and those here of whom nobody can tell as "
        "the whole. Bounds, not a forecast.",
    )


def _site_table(plan: Plan) -> Table:
    given = plan.site.given
    rows = (
        [("Polygon as given", given.area / M2_PER_HA)]
        if given is not None and plan.site.cut
        else []
    )
    rows += [("Outline that is planned", plan.site.gross_ha), (_free_title(plan), plan.site.net_ha)]
    if plan.layout is not None:
        land = plan.layout.land.groupby("kind")["area_m2"].sum() / 1e4
        titles = read_table("plan_styles")["style"]
        rows += [
            (titles[kind]["title"] if kind != "block" else "Blocks", float(land[kind]))
            for kind in KINDS
            if kind in land
        ]
    return Table(
        title="Land of the site",
        frame=pd.DataFrame(rows, columns=["Land", "Area"]),
        units={"Area": "ha"},
    )


def _free_title(plan: Plan) -> str:
    asked = plan.site.constrained
    return (
        "Free of constraints and open water"
        if asked
        else "Free of open water (constraints were not asked)"
    )


def _budget_table(plan: Plan) -> Table:
    frame, kind = plan.budget.table(), plan.budget.profile
    usual = {f"profile {kind.id}": f"share of a usual {kind.title.lower()}"}
    shown = pd.DataFrame(
        {
            "Use": [use_title(use) for use in frame["use"]],
            "Asked": frame["hectares"],
            "Share": frame["share"] * 100,
            "Least": frame["least_ha"],
            "Why": frame["reason"].replace(usual),
            "Mark": frame["mark"],
        }
    )
    if plan.layout is not None:
        drawn = plan.layout.areas.set_index("use")["drawn_ha"]
        shown.insert(2, "Drawn", drawn.reindex(frame["use"]).to_numpy())
    return Table(
        title="Land by use",
        frame=shown,
        units={"Asked": "ha", "Drawn": "ha", "Share": "%", "Least": "ha"},
        note=""
        if plan.layout is None
        else "Drawn: of the sketch, and priced as it is drawn; green that is too steep or narrow for blocks counts as "
        "park.",
    )


def _demand_table(plan: Plan) -> Table:
    rows = [(*_DEMAND[part.name], getattr(plan.demand, part.name)) for part in fields(plan.demand)]
    frame = pd.DataFrame(rows, columns=["Demand", "Unit", "Amount"])
    return Table(
        title="What the plan needs when everything is taken up",
        frame=frame,
        note=_demand_note(plan),
    )


def _demand_note(plan: Plan) -> str:
    """Say of which land the demand is, and what the peak of power adds."""
    of_land = (
        "Of the land that is asked for, while streets and parks are priced as they are drawn. "
    )
    return (of_land if plan.layout is not None else "") + (
        "The peak of power adds homes, all the floor that commerce and public uses may build, and industry as if all "
        "came in one hour: an upper estimate."
    )


def _headroom_table(plan: Plan) -> Table:
    frame = plan.headroom
    shown = pd.DataFrame(
        {
            "Demand": [_DEMAND[name][0] for name in frame["demand"]],
            "Needed": frame["needed"],
            "Unit": [_DEMAND[name][1] for name in frame["demand"]],
            "What is there": frame["asset"],
            "Spare": frame["spare"],
            "Verdict": frame["verdict"],
            "Evidence": frame["evidence"],
            "Distance": frame["distance_km"],
        }
    )
    return Table(
        title="What is there today",
        frame=shown,
        units={"Distance": "km"},
        note="What is only mapped has a distance and no spare capacity; unknown is neither enough nor short.",
    )


def _cost_table(plan: Plan) -> Table:
    lines = plan.cost.lines
    shown = pd.DataFrame(
        {
            "Work": lines["title"],
            "Phase": lines["phase"],
            "Quantity": lines["amount"],
            "Unit": lines["unit"],
            "Price": lines["price"],
            "Cost": lines["cost"],
            "Low": lines["low"],
            "High": lines["high"],
            "Price year": [f"{y:.0f}" if pd.notna(y) else "" for y in lines["price_year"]],
            "Mark": lines["mark"],
            "Source": lines["source"],
            "State": lines["state"],
            "What is counted": lines["why"],
        }
    )
    money = plan.cost.basis.currency
    return Table(
        title="Cost of works",
        added=plan.cost.added,
        frame=shown,
        units=dict.fromkeys(("Price", "Cost", "Low", "High"), money),
        note=f"{_total(plan)} "
        "Low and high of a line are the 10th and 90th percentile of its price.",
    )


def _total(plan: Plan) -> str:
    """Say the total in millions: a range so wide has no single units."""
    total, low, high = (value / 1e6 for value in (plan.cost.total, plan.cost.p10, plan.cost.p90))
    return f"Total {total:,.1f} M {plan.cost.basis.currency} (P10 {low:,.1f}, P90 {high:,.1f})."


def _cost_by_work(plan: Plan) -> Table:
    """Give a row a work, whatever phase builds it; what is added comes last, as in the lines."""
    lines = plan.cost.lines
    whole = lines.groupby(["row", "title"], sort=False, as_index=False).agg(
        dict.fromkeys(("amount", "cost", "low", "high"), "sum")
        | dict.fromkeys(("unit", "price", "price_year", "mark"), "first")
    )
    priced = whole["row"] != ""
    shown = pd.DataFrame(
        {
            "Work": whole["title"],
            "Quantity": whole["amount"].where(priced).astype(float),
            "Unit": whole["unit"],
            "Price": whole["price"].where(priced).astype(float),
            "Cost": whole["cost"],
            "Low": whole["low"],
            "High": whole["high"],
            "Price year": [f"{year:.0f}" for year in whole["price_year"]],
            "Mark": whole["mark"],
        }
    )
    cost = plan.cost
    money = cost.basis.currency
    return Table(
        title="Cost by work",
        added=cost.added,
        frame=shown,
        units=dict.fromkeys(("Price", "Cost", "Low", "High"), money),
        note=f"{_total(plan)} Low and high of a work are the 10th and 90th percentile of its price. A line for each "
        "phase, with the source of its price, stands in cost.csv and plan.xlsx.",
    )


def _cost_by_phase(plan: Plan) -> Table:
    lines = plan.cost.lines
    added = lines["sector"] == "added"
    works = lines[~added].groupby("phase")["cost"].sum()
    more = lines[added].groupby("phase")["cost"].sum().reindex(works.index, fill_value=0.0)
    money = plan.cost.basis.currency
    shown = pd.DataFrame(
        {
            "Phase": [
                "trunk works, with the first phase" if at == 0 else f"{at}" for at in works.index
            ],
            "Works": works.to_numpy(),
            "Engineering and contingency": more.to_numpy(),
            "Cost": (works + more).to_numpy(),
        }
    )
    names = ("Works", "Engineering and contingency", "Cost")
    return Table(title="Cost by phase", frame=shown, units=dict.fromkeys(names, money))


def _phase_table(plan: Plan) -> Table:
    frame = plan.phases.reset_index()
    names = {
        "year": ("Year", ""),
        "hectares_opened": ("Opened, with streets", "ha"),
        "take_up": ("Taken up", "%"),
        "dwellings": ("Dwellings", ""),
        "persons": ("Persons", ""),
        "jobs": ("Jobs", ""),
        "water_m3_day": ("Water, mean day", "m3/d"),
        "sewage_m3_day": ("Sewage", "m3/d"),
        "power_mva": ("Power, peak", "MVA"),
        "waste_t_day": ("Waste", "t/d"),
        "capital": ("Capital", plan.cost.basis.currency),
    }
    shown = frame[[n for n in names if n in frame]].rename(
        columns={n: t for n, (t, _) in names.items()}
    )
    shown["Taken up"] *= 100
    return Table(
        title="Year by year",
        frame=shown,
        units={title: unit for title, unit in names.values() if unit},
    )


def _economics_table(plan: Plan) -> Table:
    frame = plan.economics.by_rate.reset_index()
    shown = pd.DataFrame(
        {
            "Rate": frame["rate" if "rate" in frame else frame.columns[0]] * 100,
            "Used by": frame["title"],
            "Present value": frame["npv"],
            "Benefits over costs": frame["bcr"],
            "Costs": frame["costs"],
            "Benefits": frame["benefits"],
        }
    )
    money = plan.cost.basis.currency
    rates = [float(rate) for rate in plan.economics.by_rate.index]
    told = _TOLD_RATE if _TOLD_RATE in rates else rates[0]
    need = plan.economics.required_benefit(told)
    return Table(
        title="Costs and benefits by rate of discount",
        frame=shown,
        units={"Rate": "%", "Present value": money, "Costs": money, "Benefits": money},
        note=f"{need / 1e6:,.1f} M {money} a year of benefits, from year {plan.economics.benefits_begin} to year "
        f"{len(plan.economics.flows) - 1}, would pay for everything at {told * 100:g} %."
        if math.isfinite(need)
        else "",
    )


def _cash_flow_table(plan: Plan) -> Table:
    names = {
        "year": "Year", "capital": "Capital", "upkeep": "Upkeep", "other_costs": "Other costs", "benefits": "Benefits",
        "net": "Benefits less costs",
    }  # fmt: skip
    shown = plan.economics.table().reset_index()[list(names)].rename(columns=names)
    money = plan.cost.basis.currency
    return Table(
        title="Costs and benefits year by year",
        frame=shown,
        units=dict.fromkeys(list(names.values())[1:], money),
        note="Present values follow from these at each rate; year 0 is not discounted.",
    )


def _rules_table(plan: Plan) -> Table:
    names = [
        "ruleset",
        "title",
        "required",
        "found",
        "unit",
        "verdict",
        "binding",
        "state",
        "source",
        "mark",
    ]
    titles = [
        "Rule set",
        "Rule",
        "Required",
        "Found",
        "Unit",
        "Verdict",
        "Binding",
        "State",
        "Source",
        "Mark",
    ]
    shown = plan.check()[names].set_axis(titles, axis=1)
    shown["Binding"] = shown["Binding"].map({True: "yes", False: "no"})
    return Table(
        title="The plan against rule sets",
        frame=shown,
        note=""
        if plan.layout is None
        else "Found: of the land that is asked for, streets in metres as they are drawn; what is drawn of each use "
        "stands in the table of land.",
    )


def _networks_table(networks: PlanNetworks, fronts: Fronts | None) -> Table:
    """Give lines, what stands beside them, and pipes past fronts; together what the cost holds of networks."""
    lines, points = networks.lines, networks.points
    parts = [
        lines[["utility", "outside", "length_m", "cost"]].assign(what="mains and lines"),
        points.loc[points["cost"] > 0, ["utility", "outside", "cost"]].assign(
            what=points["kind"], length_m=math.nan
        ),
    ]
    if fronts is not None:
        past = fronts.table[["utility", "length_m", "cost"]]
        parts.append(past[past["length_m"] > 0].assign(what="past fronts", outside=False))
    every = pd.concat([pd.DataFrame(part) for part in parts if len(part)], ignore_index=True)
    every["where"] = np.where(every["outside"].astype(bool), "to the site", "on the site")
    grouped = every.groupby(["utility", "where", "what"], sort=False)
    shown = grouped[["length_m", "cost"]].sum(min_count=1).reset_index()
    shown["length_m"] /= 1000
    shown["utility"] = shown["utility"].map(utility_title)
    titles = {
        "utility": "Network", "where": "Where", "what": "What", "length_m": "Length", "cost": "Cost",
    }  # fmt: skip
    return Table(
        title="Routed networks",
        note=f"Together {every['cost'].sum() / 1e6:,.1f} M {networks.currency}, part of the cost estimate, before "
        "engineering and contingency.",
        frame=shown.rename(columns=titles),
        units={"Length": "km", "Cost": networks.currency},
    )


def _checks_table(networks: PlanNetworks) -> Table:
    names = {
        "utility": "Network", "rule": "What", "limit": "Limit", "worst": "Worst value", "unit": "Unit", "met": "Kept",
    }  # fmt: skip
    shown = networks.checks[list(names)].rename(columns=names)
    shown["Kept"] = shown["Kept"].map({True: "yes", False: "no"})
    shown["Network"] = shown["Network"].map(utility_title)
    return Table(title="Limits of pipes and lines", frame=shown)


def _assumptions_table(plan: Plan) -> Table:
    names = {
        "title": "Assumption", "value": "Value", "low": "Low", "high": "High", "unit": "Unit", "mark": "Mark",
        "citation": "Citation",
    }  # fmt: skip
    frame = pd.concat([plan.assumptions.table()[list(names)], _densities(plan)[list(names)]])
    return Table(
        title="Assumptions",
        frame=frame.rename(columns=names).reset_index(drop=True),
        note="V verified in the citation, V2 quoted by another, M from memory, D default, U set by the user.",
    )


def _densities(plan: Plan) -> pd.DataFrame:
    """Give floor area and jobs of each use that has land: dwellings, jobs, water and power follow from them."""
    profile = plan.budget.profile
    kinds = (
        (profile.far, "floor area over land", "ratio"),
        (profile.jobs_per_ha, "jobs a hectare", "jobs/ha"),
    )
    rows = [
        (
            f"{use_title(use)}: {title}",
            each,
            math.nan,
            math.nan,
            unit,
            profile.mark,
            profile.citation,
        )
        for values, title, unit in kinds
        for use, each in values.items()
        if each > 0 and plan.budget.hectares.get(use, 0.0) > 0
    ]
    return pd.DataFrame(rows, columns=["title", "value", "low", "high", "unit", "mark", "citation"])


def _sources_table(plan: Plan) -> Table:
    names = ["Input", "File", "As of", "Licence", "Attribution or citation", "Mark"]
    rows = [(p.title, p.path, p.as_of, p.licence, p.attribution, "") for p in plan.data.provenance]
    prices = plan.cost.lines[plan.cost.lines["source"] != ""]
    rows += [
        (f"Price: {'; '.join(dict.fromkeys(titles))}", "", "", "", str(source), str(mark))
        for (mark, source), titles in prices.groupby(["mark", "source"])["title"]
    ]
    return Table(title="Sources", frame=pd.DataFrame(rows, columns=names))
