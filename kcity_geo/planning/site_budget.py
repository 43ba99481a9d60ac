"""Site budget: the land budget of one site for a target, under a profile and a rule set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import pandas as pd

from kcity_geo.errors import LandBudgetError, StudyError
from kcity_geo.planning.assumptions import USES, Assumptions, LandProfile, is_number, use_title
from kcity_geo.planning.land_budget import (
    M2_PER_HA,
    LandNeed,
    Repairs,
    divide_site,
    least_hectares,
    least_site_ha,
    minimal_conflicts,
    repairs,
    residential_ha,
)
from kcity_geo.planning.rulesets import RuleSet, rule_set

__all__ = ["SiteBudget", "Target", "require_feasible", "site_budget"]


#: Classes of size in a rule set are few; a site that still does not fit after these never does.
_MOST_STEPS = 20
#: A target that would do with less than this share of the site is told so.
_SPARSE = 0.75
#: Areas that differ by less are the same, ha.
_SAME_HA = 1e-6


@dataclass(frozen=True, kw_only=True)
class Target:
    """
    What the plan is for: so many persons, or jobs, or hectares.

    Parameters
    ----------
    kind : ``"persons"``, ``"jobs"`` or ``"hectares"``.
    amount : in that unit, above 0.
    """

    kind: str
    amount: float

    def __post_init__(self) -> None:
        """Refuse what is no target."""
        if not is_number(self.amount) or self.amount <= 0:
            raise StudyError(f"[concept] {self.kind}: {self.amount!r} must be a number above 0")


@dataclass(frozen=True, kw_only=True)
class SiteBudget:
    """
    The land budget of a site.

    Parameters
    ----------
    site_ha : buildable land that is divided, ha.
    target : what it is for.
    feasible : whether the target fits.
    hectares : use -> ha and ``reserve``; they add to the site. Empty when it does not fit.
    least : use -> least area that profile and rules ask for, ha.
    needs : every requirement behind `least`.
    profile, rules : as used.
    park_law : law whose parks bind.
    repairs : what would make it fit; None when it does.
    conflicts : every minimal set of uses that cannot stand together on this site.
    slack_ha : site less the sum of the least areas; below 0 when it does not fit.
    words : the outcome in a sentence.
    """

    site_ha: float
    target: Target
    feasible: bool
    hectares: Mapping[str, float]
    least: Mapping[str, float]
    needs: tuple[LandNeed, ...]
    profile: LandProfile
    rules: RuleSet
    park_law: str
    repairs: Repairs | None = None
    conflicts: tuple[tuple[str, ...], ...] = field(default=())
    slack_ha: float = 0.0
    words: str = ""

    def table(self) -> pd.DataFrame:
        """
        Give a row a use: ``use, hectares, share, profile_share, least_ha, reason, mark``.

        The reason is that of the area: what asks for the least area where it is that, the profile where it is more.
        """
        rows = []
        for use in (*USES, "reserve"):
            binding = [
                need
                for need in self.needs
                if need.use == use
                and need.least_ha(self.site_ha, self.target.amount) >= self.least.get(use, 0.0)
            ]
            area = self.hectares.get(use, 0.0) if self.feasible else math.nan
            reason, mark = (binding[0].reason, binding[0].mark) if binding else ("", "")
            if use != "reserve" and area > self.least.get(use, 0.0) + _SAME_HA:
                reason, mark = f"profile {self.profile.id}", self.profile.mark
            rows.append(
                {
                    "use": use,
                    "hectares": area,
                    "share": area / self.site_ha,
                    "profile_share": self.profile.share.get(use, 0.0),
                    "least_ha": self.least.get(use, 0.0),
                    "reason": reason,
                    "mark": mark,
                }
            )
        return pd.DataFrame(rows)


def site_budget(  # noqa: PLR0913 - an option each, all named
    site_ha: float,
    target: Target,
    profile: LandProfile,
    assumptions: Assumptions,
    *,
    rules: RuleSet | None = None,
    park_law: str = "",
    on: date | None = None,
) -> SiteBudget:
    """
    Divide a site among its uses, or say why it cannot be done and what would help.

    Parameters
    ----------
    site_ha : buildable land, ha.
    target : persons (homes take what they need), jobs (so do the uses with jobs), or hectares (the
        profile is applied to so much land).
    profile : shares, floor area ratios, jobs per ha.
    assumptions : household, dwelling.
    rules : None: no rule set, the shares of the profile alone.
    park_law : law whose parks bind; empty: the default of the rule set.
    on : day of the plan, for rules that expire.

    Returns
    -------
    The budget, feasible or not.

    Raises
    ------
    StudyError
        If the site is not of positive size, or more hectares are asked for than it has.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of, land_profile
    >>> town = land_profile("new_town", shares={
    ...     "streets": .30, "public": .12, "commercial": .05, "industry": 0, "utilities": .01,
    ...     "parks": .18})
    >>> found = site_budget(300.0, Target(kind="persons", amount=45_000), town, assumptions_of(),
    ...                     rules=rule_set("KR"))
    >>> found.feasible, round(found.repairs.most), round(found.repairs.far, 4)
    (False, 38306, 2.1146)
    """
    if not math.isfinite(site_ha) or site_ha <= 0:
        raise StudyError(f"site: {site_ha:g} ha of buildable land; there is nothing to plan")
    if target.kind == "hectares" and target.amount > site_ha * (1 + 1e-9):
        raise StudyError(
            f"[concept] hectares: {target.amount:,.1f} ha are asked for, the site has {site_ha:,.1f} "
            "ha of buildable land; ask for less or draw a larger site"
        )
    rules = rules or rule_set(None)
    land = target.amount if target.kind == "hectares" else site_ha
    law = park_law or rules.park_law.get(profile.id, "")
    if target.kind == "hectares":
        asked = _asked_by_rules(rules, profile, assumptions, land, law, on)
        frame = SiteBudget(
            site_ha=land,
            target=target,
            feasible=True,
            hectares={},
            least={},
            needs=(),
            profile=profile,
            rules=rules,
            park_law=law,
        )
        return _by_hectares(
            frame, asked, each=_m2_home_per_person(profile, assumptions), of=site_ha
        )

    def needs_of(area_ha: float) -> tuple[LandNeed, ...]:
        asked = _asked_by_rules(rules, profile, assumptions, area_ha, law, on)
        own = (*_asked_by_profile(profile, assumptions, target, asked), *asked.fixed(target))
        if target.kind == "persons":
            return own
        return (*own, *asked.for_residents(profile, assumptions, area_ha))

    needs = needs_of(land)
    least = least_hectares(needs, land, target.amount)
    told = SiteBudget(
        site_ha=land,
        target=target,
        feasible=sum(least.values()) <= land * (1 + 1e-9),
        hectares={},
        least=least,
        needs=needs,
        profile=profile,
        rules=rules,
        park_law=law,
        slack_ha=land - sum(least.values()),
    )
    dense = _dense(profile, target)
    if told.feasible:
        return _divided(told, dense)
    return _not_feasible(told, needs_of, _densest(told, assumptions, on))


@dataclass(frozen=True)
class _Asked:
    """Requirements of the rules: shares, and m2 for each resident."""

    needs: tuple[LandNeed, ...]
    per_person: tuple[LandNeed, ...]

    def uses(self) -> set[str]:
        return {need.use for need in (*self.needs, *self.per_person)}

    def fixed(self, target: Target) -> tuple[LandNeed, ...]:
        return (*self.needs, *(self.per_person if target.kind == "persons" else ()))

    def for_residents(
        self, profile: LandProfile, assumptions: Assumptions, site_ha: float
    ) -> tuple[LandNeed, ...]:
        """Turn m2 a person into hectares for the residents of the profile."""
        each = _m2_home_per_person(profile, assumptions)
        persons = profile.share["residential"] * site_ha * M2_PER_HA / each
        return tuple(
            replace(n, m2_each=0.0, hectares=n.m2_each * persons / M2_PER_HA)
            for n in self.per_person
        )


def _m2_home_per_person(profile: LandProfile, assumptions: Assumptions) -> float:
    return M2_PER_HA * residential_ha(
        1.0,
        far=profile.far["residential"],
        household_persons=assumptions["household_persons"],
        dwelling_gfa_m2=assumptions["dwelling_gfa_m2"],
        efficiency=assumptions["floor_efficiency"],
    )


def _asked_by_rules(
    rules: RuleSet,
    profile: LandProfile,
    assumptions: Assumptions,
    site_ha: float,
    law: str,
    on: date | None,
) -> _Asked:
    shares, per_person = [], []
    for rule in rules.binding(profile.id, site_ha, park_law=law, on=on):
        each = rule.m2_per_person + rule.m2_per_household / assumptions["household_persons"]
        told = f"{rules.id}: {rule.title}"
        if rule.share > 0:
            shares.append(LandNeed(use=rule.use, share=rule.share, reason=told, mark=rule.mark))
        if each > 0:
            per_person.append(LandNeed(use=rule.use, m2_each=each, reason=told, mark=rule.mark))
    return _Asked(tuple(shares), tuple(per_person))


def _dense(profile: LandProfile, target: Target) -> tuple[str, ...]:
    """Give the uses that grow with the target."""
    if target.kind == "persons":
        return ("residential",)
    return tuple(u for u, each in profile.jobs_per_ha.items() if each > 0 and profile.share[u] > 0)


def _asked_by_profile(
    profile: LandProfile, assumptions: Assumptions, target: Target, asked: _Asked
) -> list[LandNeed]:
    dense = _dense(profile, target)
    if not dense:
        raise StudyError(
            f"[concept] jobs: no use of profile {profile.id} has jobs; give persons or hectares"
        )
    needs = [
        LandNeed(use=use, share=share, reason=f"profile {profile.id}", mark=profile.mark)
        for use, share in profile.share.items()
        if use not in dense and not (use == "parks" and use in asked.uses())
    ]
    if target.kind == "persons":
        far = profile.far["residential"]
        told = f"homes of {target.amount:,.0f} persons at FAR {far:g}"
        each = _m2_home_per_person(profile, assumptions)
        return [LandNeed(use="residential", m2_each=each, reason=told, mark="D"), *needs]
    jobs_ha = sum(profile.share[use] * profile.jobs_per_ha[use] for use in dense)
    told = f"land of {target.amount:,.0f} jobs"
    work = [
        LandNeed(use=u, m2_each=profile.share[u] / jobs_ha * M2_PER_HA, reason=told, mark="D")
        for u in dense
    ]
    return [*work, *needs]


def _by_hectares(frame: SiteBudget, asked: _Asked, *, each: float, of: float) -> SiteBudget:
    """Divide so much land of a site; `each` resident takes so many m2 for the home."""
    land, profile, rules = frame.site_ha, frame.profile, frame.rules

    def least(areas: Mapping[str, float]) -> Mapping[str, float]:
        persons = areas.get("residential", 0.0) * M2_PER_HA / each
        found = least_hectares(asked.needs, land, 0.0)
        for use, area in least_hectares(asked.per_person, land, persons).items():
            found[use] = max(found.get(use, 0.0), area)
        return found

    if sum(least({}).values()) > land:
        told = ", ".join(f"{use} {area:,.1f} ha" for use, area in least({}).items())
        raise LandBudgetError(f"rule set {rules.id}: on {land:,.1f} ha it asks for {told}")
    areas = divide_site(least, profile.share, land)
    needs = (
        *asked.needs,
        *(replace(n, m2_each=0.0, hectares=least(areas)[n.use]) for n in asked.per_person),
    )
    wanted = dict(least(areas))
    return replace(
        frame,
        hectares=areas,
        least=wanted,
        needs=needs,
        slack_ha=land - sum(wanted.values()),
        words=f"{land:,.1f} of {of:,.1f} ha of buildable land divided like a usual {profile.title.lower()}",
    )


def _divided(told: SiteBudget, dense: Sequence[str]) -> SiteBudget:
    areas = divide_site(
        lambda _: told.least, told.profile.share, told.site_ha, fixed=dense, most_scale=1.0
    )
    smallest = least_site_ha(told.needs, told.target.amount)
    words = (
        f"{told.site_ha:,.0f} ha hold {told.target.amount:,.0f} {told.target.kind}; "
        f"{told.slack_ha:,.1f} ha are free beyond what must be"
    )
    if smallest < _SPARSE * told.site_ha:
        words += (
            f"; under the same rules {smallest:,.1f} ha would do: streets, public land and parks of "
            "this plan are those of the whole site, give hectares to plan a part of it"
        )
    return replace(told, hectares=areas, words=words)


@dataclass(frozen=True)
class _Densest:
    """The highest floor area ratio that is planned, the highest that is built, who says so, and the least streets."""

    planned: float
    most: float
    told: str
    streets: float


def _densest(told: SiteBudget, assumptions: Assumptions, on: date | None) -> _Densest:
    """Take the lowest limit; floor for a job stays as it is, so that denser work needs a higher ratio as homes do."""
    people = told.target.kind == "persons"
    row = assumptions.rows["far_homes_most" if people else "far_work_most"]
    most, words = row.value, f"the highest of {'homes' if people else 'work'} is"
    rule = told.rules.densest_homes(told.profile.id, told.site_ha, on=on) if people else None
    if rule is not None and rule.far < most:
        most, words = rule.far, f"rule set {told.rules.id} allows at most"
    planned = max(told.profile.far.get(use, 0.0) for use in _dense(told.profile, told.target))
    return _Densest(planned, most, words, assumptions["streets_share_least"])


def _not_feasible(
    told: SiteBudget, needs_of: Callable[[float], tuple[LandNeed, ...]], densest: _Densest
) -> SiteBudget:
    dense = _dense(told.profile, told.target)
    far = told.profile.far["residential"] if told.target.kind == "persons" else 1.0
    found = repairs(told.needs, told.site_ha, told.target.amount, far=far, dense=dense)
    found = replace(found, site_ha=_site_that_fits(found.site_ha, told.target.amount, needs_of))
    if found.streets_share < densest.streets:
        found = replace(found, streets_share=math.nan)
    need = densest.planned * found.factor
    too_dense = ""
    if math.isinf(need):
        too_dense = "no floor area ratio reaches this: the other uses leave no land"
    elif need > densest.most:
        limit = f"{densest.told} {densest.most:g}"
        too_dense = (
            f"no floor area ratio that is built reaches this: {need:,.2f} would be needed, {limit}"
        )
        found = replace(found, far=math.inf, factor=math.inf)
    conflicts = minimal_conflicts(told.least, told.site_ha)
    words = _words(told, found, conflicts, too_dense)
    return replace(told, repairs=found, conflicts=conflicts, words=words)


def _site_that_fits(
    site_ha: float, amount: float, needs_of: Callable[[float], tuple[LandNeed, ...]]
) -> float:
    """Grow a site until it fits under the rules of its own size, which may be stricter."""
    for _ in range(_MOST_STEPS):
        if not math.isfinite(site_ha):
            break
        needs = needs_of(site_ha)
        if sum(least_hectares(needs, site_ha, amount).values()) <= site_ha * (1 + 1e-9):
            return site_ha
        site_ha = max(least_site_ha(needs, amount), site_ha)
    return math.inf


def _words(
    told: SiteBudget, found: Repairs, conflicts: tuple[tuple[str, ...], ...], too_dense: str
) -> str:
    kind, amount, site = told.target.kind, told.target.amount, told.site_ha
    people = kind == "persons"
    at = f" at FAR {told.profile.far['residential']:g}" if people else " at these densities"
    if math.isnan(found.most):
        alone = sum(least_hectares(told.needs, site, 0.0).values())
        first = (
            f"the least shares of profile {told.profile.id} and rule set {told.rules.id} alone take "
            f"{alone:,.0f} of {site:,.0f} ha: lower some (shares)"
        )
    else:
        # Rounded down: what is said to fit must fit.
        first = f"{site:,.0f} ha carry {math.floor(found.most + 1e-6):,} {kind}{at}"
    ways = []
    if math.isfinite(found.far):
        dense = f"FAR {found.far:.2f}" if people else f"{found.factor:.2f} times the jobs per ha"
        ways.append(dense)
    if math.isfinite(found.streets_share) and "streets" in told.least:
        ways.append(f"streets of at most {found.streets_share:.1%}{_below_rule(told, found)}")
    if math.isfinite(found.site_ha):
        ways.append(f"a site of {found.site_ha:,.0f} ha")
    need = f"{amount:,.0f} ({amount / site:,.0f} per ha) need {', or '.join(ways)}"
    sets = "; ".join(
        " + ".join(map(use_title, uses)) if len(uses) > 1 else f"{use_title(uses[0])} alone"
        for uses in conflicts[:5]
    )
    second = need if ways else f"{amount:,.0f} fit nowhere under these rules"
    if too_dense and not math.isnan(found.most):
        second += f"; {too_dense}"
    return f"{first}; {second}. Cannot stand together: {sets}"


def _below_rule(told: SiteBudget, found: Repairs) -> str:
    rules = [
        n.share
        for n in told.needs
        if n.use == "streets" and n.reason != f"profile {told.profile.id}"
    ]
    asked = max(rules, default=0.0)
    return (
        f" (rule set {told.rules.id} asks for {asked:.0%})" if asked > found.streets_share else ""
    )


def require_feasible(budget: SiteBudget) -> SiteBudget:
    """
    Give the budget back, or refuse it in one line with its repairs.

    Parameters
    ----------
    budget : of `site_budget`.

    Returns
    -------
    The same budget.

    Raises
    ------
    LandBudgetError
        If the site does not hold the target.
    """
    if not budget.feasible:
        raise LandBudgetError(f"[concept] {budget.target.kind}: {budget.words}")
    return budget
