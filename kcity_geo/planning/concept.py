"""
Concept: from a site to a plan in one deterministic chain.

Land budget, capacity, demand, cost, phases, economics, and what the rules say. Screening level: not
for procurement or the acquisition of land.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import model_of
from kcity_geo.citydata import CityData
from kcity_geo.errors import LayoutError, StudyError
from kcity_geo.planning.assets import assets_around
from kcity_geo.planning.assumptions import Assumptions, assumptions_of, land_profile
from kcity_geo.planning.capacity import Capacity, capacity
from kcity_geo.planning.cost import CostEstimate, estimate
from kcity_geo.planning.cost_table import cost_rows, price_basis
from kcity_geo.planning.demand import Demand, demand_of, headroom
from kcity_geo.planning.economics import Appraisal, Stream, appraise
from kcity_geo.planning.impact import reach_of_site
from kcity_geo.planning.layout.draw import draw_layout
from kcity_geo.planning.layout.ground import ground_of
from kcity_geo.planning.layout.sketch import Layout
from kcity_geo.planning.networks.bill import Pricing
from kcity_geo.planning.networks.fronts import Fronts, past_fronts
from kcity_geo.planning.networks.routed import NetworkTask, PlanNetworks, plan_networks
from kcity_geo.planning.phasing import (
    DEFAULT_PHASES,
    PhaseShares,
    openings,
    phase_shares,
    phase_table,
    require_phases,
)
from kcity_geo.planning.plan_notes import (
    note_of_cover,
    notes_of_connections,
    notes_of_numbers,
    notes_of_phases,
)
from kcity_geo.planning.rule_report import rule_report
from kcity_geo.planning.rulesets import RuleSet, rule_set
from kcity_geo.planning.site import PlanSite, plan_site
from kcity_geo.planning.site_budget import SiteBudget, Target, require_feasible, site_budget
from kcity_geo.planning.works import (
    concept_works,
    parcels_of_uses,
    priced_hectares,
    wide_connections_m,
)
from kcity_geo.profiles import profile as profile_of
from kcity_geo.result import Gaps
from kcity_geo.retold import made

__all__ = ["DISCLAIMER", "ConceptOptions", "Plan", "concept"]

_CAVEAT = made("caveat").rstrip(".")
#: The caveat of every output, as a part of a sentence.
DISCLAIMER = f"{_CAVEAT[0].lower()}{_CAVEAT[1:]}"
_ALL_RULESETS = ("KR", "UN-Habitat")


@dataclass(frozen=True, kw_only=True)
class ConceptOptions:
    """
    Choices of a plan that have a default.

    Parameters
    ----------
    shares : use -> share of the buildable site instead of that of the profile.
    far : use -> floor area ratio instead of that of the profile.
    assumptions : id -> value, see ``tables/planning.toml``.
    park_law : law of the rule set whose parks bind.
    excluded : cells where nothing may be built, shape (rows, cols); for example
        ``~score.feasible`` of `kcity_geo.result.Suitability`.
    phases : shares of the area.
    cost_rows : unit costs of the user, see ``tables/costs.toml``.
    currency, price_year, price_level, escalation_share_year : of the estimate; price level: United
        States = 1.
    study_class : concept, master_plan, pre_feasibility or feasibility.
    streams : benefits (and further costs) of the appraisal, by year.
    rates : discount rates; none: 4.5, 6, 9 and 12 %.
    seed : of the cost draws.
    drawn : whether streets, blocks and parcels are drawn; False is quicker.
    on : day of the plan, for rules and prices that expire.
    networks : whether networks are routed.
    """

    shares: Mapping[str, float] | None = None
    far: Mapping[str, float] | None = None
    assumptions: Mapping[str, float] | None = None
    park_law: str = ""
    excluded: NDArray[np.bool_] | None = None
    phases: tuple[float, ...] = DEFAULT_PHASES
    cost_rows: tuple[Mapping[str, Any], ...] = ()
    currency: str = "USD"
    price_year: int | None = None
    price_level: float | None = None
    escalation_share_year: float | None = None
    study_class: str = "concept"
    streams: tuple[Stream, ...] = ()
    rates: tuple[float, ...] = ()
    seed: int = 0
    drawn: bool = True
    on: date | None = None
    networks: bool = True


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Plan:
    """
    A concept plan.

    Parameters
    ----------
    data : of the city.
    site : outline, gross and buildable land.
    budget : land by use.
    capacity : dwellings, people, jobs.
    demand : what they need.
    headroom : demand against what the nearest assets have to spare.
    cost : works as a range.
    phases : a row a year.
    economics : costs and benefits over the years.
    assumptions : behind it all, with marks.
    layout : streets, blocks and parcels; None: not drawn, `notes` say why.
    networks : from what exists to the site and through its streets; None: not asked for, or no street of
        the city is mapped.
    fronts : pipes past the parcels in whose street no main lies; None without networks.
    notes : what must be read beside the plan.
    """

    data: CityData
    site: PlanSite
    budget: SiteBudget
    capacity: Capacity
    demand: Demand
    headroom: pd.DataFrame
    cost: CostEstimate
    phases: pd.DataFrame
    economics: Appraisal
    assumptions: Assumptions
    layout: Layout | None = None
    networks: PlanNetworks | None = None
    fronts: Fronts | None = None
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        """Say the plan in one line."""
        return (
            f"Plan({self.budget.profile.title}: {self.budget.site_ha:,.0f} ha, "
            f"{self.capacity.persons:,.0f} persons, {self.capacity.jobs:,.0f} jobs, "
            f"{self.cost.total / 1e6:,.0f} M {self.cost.basis.currency} "
            f"({self.cost.p10 / 1e6:,.0f} to {self.cost.p90 / 1e6:,.0f}); {DISCLAIMER})"
        )

    def check(self, rulesets: tuple[str | RuleSet, ...] = ()) -> pd.DataFrame:
        """
        Hold the plan against rule sets.

        Parameters
        ----------
        rulesets : names or rule sets; none: that of the plan, Korea and UN-Habitat.

        Returns
        -------
        See `kcity_geo.planning.rule_report.rule_report`; only rules of the plan's own set bind.
        """
        own = self.budget.rules
        chosen: list[RuleSet] = [rule_set(given) for given in rulesets]
        if not rulesets:
            others = [rule_set(name) for name in _ALL_RULESETS if name != own.id]
            chosen = [*([own] if own.rules else []), *others]
        reports = []
        for rules in chosen:
            report = rule_report(
                rules,
                self.budget,
                self.capacity,
                park_law=self.budget.park_law,
                street_m=_street_m(self.layout),
                on=self.cost.basis.on,
            )
            # Other rule sets are shown beside the plan's own and bind nothing.
            reports.append(report.assign(binding=report["binding"] & (rules.id == own.id)))
        return pd.concat(reports, ignore_index=True)

    def impact(self, gaps: Gaps) -> pd.DataFrame:
        """
        Say how many people in a gap live where the plan could reach them.

        Parameters
        ----------
        gaps : of the city.

        Returns
        -------
        See `kcity_geo.planning.impact.reach_of_site`; bounds, not a forecast, as long as no networks
        are routed.
        """
        return reach_of_site(gaps, self.site.outline)


def concept(  # noqa: PLR0913 - an option each, all named
    site: Any,  # noqa: ANN401 - whatever the user gave
    data: CityData,
    profile: str,
    *,
    persons: float | None = None,
    hectares: float | None = None,
    jobs: float | None = None,
    ruleset: str | Mapping[str, Any] | RuleSet | None = None,
    options: ConceptOptions | None = None,
) -> Plan:
    """
    Make a concept plan of a site.

    Parameters
    ----------
    site : one polygon in the metric CRS of the city; or a row of the sites, a GeoSeries or
        GeoDataFrame with one polygon.
    data : of the city.
    profile : new_town, industrial_complex, logistics_hub or rnd_tech_park.
    persons, hectares, jobs : what the plan is for, at most one; none: all the buildable land.
    ruleset : ``"KR"``, ``"UN-Habitat"``, use -> least share, or a table of rules; None: the shares of
        the profile.
    options : choices that have a default.

    Returns
    -------
    The plan.

    Raises
    ------
    StudyError
        If the site, the target, a rule or an assumption is wrong; one line.
    LandBudgetError
        If the site does not hold the target: what it does hold, and what would help.
    """
    chosen = options or ConceptOptions()
    assumptions = assumptions_of(chosen.assumptions, city=data)
    require_phases(chosen.phases)
    land = land_profile(profile, shares=chosen.shares, far=chosen.far)
    rules = rule_set(ruleset)
    basis = price_basis(
        currency=chosen.currency,
        price_year=chosen.price_year,
        price_level=chosen.price_level,
        escalation_share_year=chosen.escalation_share_year,
        on=chosen.on,
    )
    given = {
        k: v
        for k, v in (("persons", persons), ("hectares", hectares), ("jobs", jobs))
        if v is not None
    }
    if len(given) > 1:
        raise StudyError(f"[concept] {' and '.join(given)}: give one of persons, hectares and jobs")
    targets = [Target(kind=kind, amount=amount) for kind, amount in given.items()]
    place = plan_site(
        site, data, excluded=chosen.excluded, block_min_ha=assumptions["block_min_ha"]
    )
    least_ha = assumptions["block_min_ha"]
    if hectares is not None and hectares < least_ha:
        raise StudyError(f"[concept] hectares: {hectares:g} is less than a block ({least_ha:g} ha)")
    target = targets[0] if targets else Target(kind="hectares", amount=place.net_ha)
    budget = require_feasible(
        site_budget(
            place.net_ha,
            target,
            land,
            assumptions,
            rules=rules,
            park_law=chosen.park_law,
            on=chosen.on,
        )
    )
    carried = capacity(
        budget.hectares, land, assumptions, persons=persons if persons is not None else None
    )
    demand = demand_of(carried, budget.hectares, assumptions)
    layout, drawn_notes = (
        _layout(place, data, budget, assumptions, chosen.phases) if chosen.drawn else (None, ())
    )
    rows = cost_rows(chosen.cost_rows)
    shares = phase_shares(chosen.phases, None if layout is None else layout.blocks)
    networks = fronts = None
    if chosen.networks:
        task = NetworkTask(
            outline=place.outline,
            demand=demand,
            assumptions=assumptions,
            pricing=Pricing(basis=basis, rows=rows),
            layout=layout,
            phases=shares.land,
        )
        networks = plan_networks(model_of(data), task)
        if networks is not None:
            fronts = past_fronts(networks, layout, task.pricing, shares.land)
    cost = estimate(
        concept_works(
            budget.hectares,
            demand,
            assumptions,
            phases=shares,
            layout=layout,
            routed=(*networks.works, *(fronts.works if fronts else ())) if networks else (),
            instead=networks.replaces if networks else (),
        ),
        basis,
        rows=rows,
        study_class=chosen.study_class,
        seed=chosen.seed,
    )
    priced = priced_hectares(budget.hectares, layout=layout)
    phases = phase_table(
        demand,
        sum(area for use, area in priced.items() if use != "reserve"),
        cost.by_phase,
        assumptions,
        phases=shares.land,
        opened=_by_phase(budget, shares, carried, assumptions),
    )
    return Plan(
        data=data,
        site=place,
        budget=budget,
        capacity=carried,
        demand=demand,
        headroom=headroom(demand, assets_around(data, place.outline)),
        cost=cost,
        phases=phases,
        economics=_economics(phases, cost.by_phase, assumptions, chosen),
        assumptions=assumptions,
        layout=layout,
        networks=networks,
        fronts=fronts,
        notes=(
            f"site: {place.words_today}",
            *(f"site: {told}" for told in (*place.words_ranked, *place.words_taken_off)),
            DISCLAIMER,
            *notes_of_numbers(budget, cost, carried),
            note_of_cover(networks, fronts),
            *notes_of_phases(chosen.phases, shares),
            *drawn_notes,
            *(networks.notes if networks else ()),
            *(fronts.notes if fronts else ()),
            *notes_of_connections(
                carried,
                wide_connections_m(
                    demand,
                    parcels_of_uses(budget.hectares, assumptions, layout=layout),
                    assumptions,
                    layout=layout,
                ),
            ),
        ),
    )


def _street_m(layout: Layout | None) -> float | None:
    """Length of the streets inside the plan, where they are drawn."""
    return None if layout is None else float(layout.streets["length_m"].sum())


def _layout(
    place: PlanSite,
    data: CityData,
    budget: SiteBudget,
    assumptions: Assumptions,
    phases: tuple[float, ...],
) -> tuple[Layout | None, tuple[str, ...]]:
    """Draw the plan; a site on which nothing can be drawn keeps its budget and says why."""
    limit = float(profile_of(budget.profile.id)["constraints"]["slope_pct_max"])
    ground = ground_of(place, data, slope_pct_max=limit)
    try:
        layout = draw_layout(ground, budget, assumptions, crs=data.city.crs, phases=phases)
    except LayoutError as error:
        return None, (str(error),)
    return layout, layout.notes


def _economics(
    phases: pd.DataFrame,
    capital: Mapping[int, float],
    assumptions: Assumptions,
    chosen: ConceptOptions,
) -> Appraisal:
    works = tuple(phases["capital"].tolist())
    # Works under construction are not kept up yet; trunk works open with the first phase.
    opens, kept = openings(len(chosen.phases), assumptions), np.zeros(len(phases))
    for phase, money in capital.items():
        kept[opens[max(phase, 1) - 1] :] += assumptions["upkeep_share"] * money
    upkeep = tuple(kept.tolist())
    costs = (
        Stream(kind="capital", values=works, title="works", mark="D"),
        Stream(kind="upkeep", values=upkeep, title="operation and upkeep", mark="D"),
    )
    years = (
        max(len(phases), *(len(s.values) for s in chosen.streams), 0)
        if chosen.streams
        else len(phases)
    )
    share = np.pad(phases["take_up"].to_numpy(), (0, years - len(phases)), mode="edge")
    return appraise((*costs, *chosen.streams), take_up=share, rates=chosen.rates)


def _by_phase(
    budget: SiteBudget,
    shares: PhaseShares,
    carried: Capacity,
    assumptions: Assumptions,
) -> tuple[Demand, ...]:
    """Give the demand of each phase from the land that it opens; together they are the whole."""
    if not shares.by_use:
        return ()
    found = []
    for at in range(len(shares.land)):
        land = {
            use: area * shares.of(use)[at]
            for use, area in budget.hectares.items()
            if use != "reserve"
        }
        people = carried.persons * shares.of("residential")[at]
        part = capacity(land, budget.profile, assumptions, persons=people)
        found.append(demand_of(part, land, assumptions))
    return tuple(found)
