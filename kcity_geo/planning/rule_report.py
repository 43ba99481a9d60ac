"""Rule report: a plan held against a rule set, row by row, with how each rule stands."""

from __future__ import annotations

import math
from datetime import date

import pandas as pd

from kcity_geo.planning.capacity import Capacity
from kcity_geo.planning.land_budget import M2_PER_HA
from kcity_geo.planning.rulesets import Rule, RuleSet, rule_state
from kcity_geo.planning.site_budget import SiteBudget
from kcity_geo.planning.works import street_length_m

__all__ = ["park_rules", "rule_report"]

_HA_PER_KM2 = 100.0


def rule_report(
    rules: RuleSet,
    budget: SiteBudget,
    carried: Capacity,
    *,
    park_law: str = "",
    street_m: float | None = None,
    on: date,
) -> pd.DataFrame:
    """
    Hold a plan against every rule of a set that speaks of its kind and size.

    Parameters
    ----------
    rules : rule set.
    budget, carried : land and capacity of the plan.
    park_law : law whose parks bind; rows of other laws are shown and do not bind.
    street_m : length of the streets that are drawn; None: from their land and mean width.
    on : day of the plan.

    Returns
    -------
    Columns ``ruleset, rule, title, required, found, unit, verdict`` (met, not met, not assessed),
    ``binding`` (True: the plan must keep it), ``state`` (in force, unconfirmed, expired, superseded,
    contradicted, not yet in force), ``law, source, mark, note``.
    """
    law = park_law if park_law in rules.laws() else rules.park_law.get(budget.profile.id, "")
    rows = []
    for rule in rules.rules:
        if (
            not rule.speaks_of(budget.profile.id, budget.site_ha)
            or carried.dwellings < rule.households_from
        ):
            continue
        required, found, unit = _measured(rule, budget, carried, street_m)
        state = rule_state(rule, on)
        verdict = "not assessed"
        if not math.isnan(required) and not math.isnan(found):
            kept = (
                found <= required * (1 + 1e-6)
                if rule.kind == "far_max"
                else found >= required * (1 - 1e-6)
            )
            verdict = "met" if kept else "not met"
        rows.append(
            {
                "ruleset": rules.id,
                "rule": rule.id,
                "title": rule.title,
                "required": required,
                "found": found,
                "unit": unit,
                "verdict": verdict,
                "binding": rule.law in {"", law} and state in {"in force", "unconfirmed"},
                "state": state,
                "law": rule.law,
                "source": rule.source,
                "mark": rule.mark,
                "note": _note(rule),
            }
        )
    names = [
        "ruleset",
        "rule",
        "title",
        "required",
        "found",
        "unit",
        "verdict",
        "binding",
        "state",
        "law",
        "source",
        "mark",
        "note",
    ]
    return pd.DataFrame(rows, columns=names)


def _note(rule: Rule) -> str:
    against = f"contradicts {', '.join(rule.contradicts)}" if rule.contradicts else ""
    return "; ".join(text for text in (against, rule.note) if text)


def _measured(
    rule: Rule, budget: SiteBudget, carried: Capacity, street_m: float | None
) -> tuple[float, float, str]:
    """Give what is required, what the plan has, and the unit."""
    land = budget.hectares
    if rule.kind == "land_min":
        required = max(
            rule.share * budget.site_ha,
            rule.m2_per_person * carried.persons / M2_PER_HA,
            rule.m2_per_household * carried.dwellings / M2_PER_HA,
        )
        return required, land.get(rule.use, 0.0), "ha"
    plain = {
        "density_min": (rule.persons_per_ha, carried.persons_per_ha, "persons/ha"),
        "floor_min": (rule.share, carried.economic_floor_share, "share of floor"),
        "far_max": (rule.far, carried.far_homes if carried.dwellings > 0 else math.nan, "ratio"),
    }
    if rule.kind in plain:
        return plain[rule.kind]
    if rule.kind == "street_length_min":
        length = street_length_m(land.get("streets", 0.0)) if street_m is None else street_m
        length_km = length / 1000
        return rule.km_per_km2, length_km / budget.site_ha * _HA_PER_KM2, "km/km2"
    if rule.kind == "facility":
        # The larger catchment gives the fewest that the rule allows; whether they are built is not drawn yet.
        return carried.dwellings / rule.households_high, math.nan, rule.use
    return math.nan, math.nan, ""


def park_rules(
    rules: RuleSet, profile: str, site_ha: float, *, persons: float, households: float, on: date
) -> pd.DataFrame:
    """
    Show what each law asks of parks, side by side.

    Parameters
    ----------
    rules : rule set.
    profile : kind of project.
    site_ha, persons, households : of the plan.
    on : day of the plan.

    Returns
    -------
    Columns ``rule, law, title, hectares, governs`` (share, persons or households), ``state, source,
    mark``.

    Examples
    --------
    >>> from datetime import date
    >>> from kcity_geo.planning.rulesets import rule_set
    >>> found = park_rules(rule_set("KR"), "new_town", 300.0, persons=70_000, households=26_000,
    ...                    on=date(2026, 1, 1)).set_index("rule")
    >>> [float(found.loc["parks_housing_land_large", "hectares"]), found.governs["parks_housing_land_large"]]
    [63.0, 'persons']
    """
    rows = []
    for rule in rules.rules:
        applies = rule.speaks_of(profile, site_ha) and households >= rule.households_from
        if rule.kind != "land_min" or rule.use != "parks" or not applies:
            continue
        asks = {
            "share": rule.share * site_ha,
            "persons": rule.m2_per_person * persons / M2_PER_HA,
            "households": rule.m2_per_household * households / M2_PER_HA,
        }
        governs = max(asks, key=lambda key: asks[key])
        rows.append(
            [rule.id, rule.law, rule.title, asks[governs], governs, rule_state(rule, on), rule.source, rule.mark]
        )  # fmt: skip
    names = ["rule", "law", "title", "hectares", "governs", "state", "source", "mark"]
    return pd.DataFrame(rows, columns=names)
