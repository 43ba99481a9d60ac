"""
Rule sets: what a country, an organisation or the user asks of a plan.

The rows stand in ``tables/rulesets/``. A rule says where it comes from, when it holds and how sure
we are; expired, superseded and contradicted rules are shown as such and never enforced silently.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from numbers import Real
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import USES

__all__ = ["KNOWN_RULESETS", "Rule", "RuleSet", "rule_set", "rule_state"]

KNOWN_RULESETS = ("KR", "UN-Habitat")
_KINDS = (
    "land_min",
    "facility",
    "density_min",
    "floor_min",
    "far_max",
    "street_length_min",
    "told",
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """
    One rule.

    Parameters
    ----------
    id, title : for people.
    kind : land_min, facility, density_min, floor_min, far_max, street_length_min or told.
    use : use of land, or kind of facility.
    law : rules of one law belong together; empty: no choice between laws.
    profiles : kinds of project it speaks of; empty: all.
    share : least share of the site or of the floor space.
    m2_per_person, m2_per_household : least area.
    site_ha_from, site_ha_to : sizes of site it speaks of; the upper limit is not included.
    households_from : it speaks of projects with at least so many households.
    households_low, households_high : one facility for so many households.
    persons_per_ha, km_per_km2 : least density, least length of street.
    far : largest floor area ratio of homes.
    source, valid_from, valid_to, status, contradicts, mark, note : how far it can be trusted.
    """

    id: str
    title: str
    kind: str
    use: str = ""
    law: str = ""
    profiles: tuple[str, ...] = ()
    share: float = 0.0
    m2_per_person: float = 0.0
    m2_per_household: float = 0.0
    site_ha_from: float = 0.0
    site_ha_to: float = math.inf
    households_from: float = 0.0
    households_low: float = math.nan
    households_high: float = math.nan
    persons_per_ha: float = 0.0
    km_per_km2: float = 0.0
    far: float = math.inf
    source: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    status: str = "in_force"
    contradicts: tuple[str, ...] = ()
    mark: str = "U"
    note: str = ""

    def speaks_of(self, profile: str, site_ha: float) -> bool:
        """Tell whether the rule speaks of this kind of project at this size."""
        return (not self.profiles or profile in self.profiles) and (
            self.site_ha_from <= site_ha < self.site_ha_to
        )


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """
    The rules of a country, an organisation or the user.

    Parameters
    ----------
    id, title : for people.
    rules : in the order of the table.
    park_law : profile -> law whose parks bind by default.
    checked : day on which the rows were last compared with their sources.
    """

    id: str
    title: str
    rules: tuple[Rule, ...]
    park_law: Mapping[str, str]
    checked: date

    def laws(self) -> tuple[str, ...]:
        """Give the laws among which one can choose."""
        return tuple(dict.fromkeys(rule.law for rule in self.rules if rule.law))

    def binding(
        self, profile: str, site_ha: float, *, park_law: str = "", on: date | None = None
    ) -> tuple[Rule, ...]:
        """
        Give the rules on land that a plan must keep.

        Parameters
        ----------
        profile : kind of project.
        site_ha : size of the project, ha.
        park_law : law whose parks bind; empty: the default of the profile.
        on : day of the plan; None: the day on which the rule set was checked.

        Returns
        -------
        Rules of kind land_min in force, without those of other laws.

        Raises
        ------
        StudyError
            If the law does not exist.

        Examples
        --------
        >>> [rule.id for rule in rule_set("KR").binding("new_town", 300.0)]
        ['parks_housing_land_large', 'roads_residential']
        """
        law = park_law or self.park_law.get(profile, "")
        if law and law not in self.laws():
            raise StudyError(
                f"park_law: {law!r} is no law of rule set {self.id}; known are "
                f"{', '.join(self.laws()) or 'none'}"
            )
        return tuple(
            rule
            for rule in self.rules
            if rule.kind == "land_min"
            and rule.law in {"", law}
            and rule.speaks_of(profile, site_ha)
            and rule_state(rule, on or self.checked) in {"in force", "unconfirmed"}
        )

    def densest_homes(self, profile: str, site_ha: float, *, on: date | None = None) -> Rule | None:
        """
        Give the rule with the lowest limit of the floor area ratio of homes.

        Parameters
        ----------
        profile : kind of project.
        site_ha : size of the project, ha.
        on : day of the plan; None: the day on which the rule set was checked.

        Returns
        -------
        A rule of kind far_max in force; None without one.

        Examples
        --------
        >>> rule_set("KR").densest_homes("new_town", 300.0).far
        7.0
        """
        limits = [
            rule
            for rule in self.rules
            if rule.kind == "far_max"
            and rule.speaks_of(profile, site_ha)
            and rule_state(rule, on or self.checked) in {"in force", "unconfirmed"}
        ]
        return min(limits, key=lambda rule: rule.far, default=None)


def rule_state(rule: Rule, on: date) -> str:
    """
    Say how a rule stands on a day.

    Parameters
    ----------
    rule : of a rule set.
    on : day of the plan.

    Returns
    -------
    ``"in force"``, ``"unconfirmed"``, ``"not yet in force"``, ``"expired"``, ``"superseded"`` or
    ``"contradicted"``.

    Examples
    --------
    >>> rule = Rule(id="a", title="a", kind="told", valid_to=date(2024, 6, 9))
    >>> rule_state(rule, date(2024, 6, 9)), rule_state(rule, date(2024, 6, 10))
    ('in force', 'expired')
    """
    if rule.status in {"superseded", "contradicted"}:
        return rule.status
    if rule.valid_to is not None and on > rule.valid_to:
        return "expired"
    if rule.valid_from is not None and on < rule.valid_from:
        return "not yet in force"
    return rule.status.replace("_", " ")


def rule_set(given: str | Mapping[str, Any] | RuleSet | None) -> RuleSet:
    """
    Read a rule set by name, or check one of the user.

    Parameters
    ----------
    given : a name of `KNOWN_RULESETS`; or use -> least share of the site; or a table of the form of
        ``tables/rulesets/KR.toml``; None: no rules.

    Returns
    -------
    The rule set.

    Raises
    ------
    StudyError
        If the name is unknown, a rule is incomplete, or least shares add to more than 100 %.

    Examples
    --------
    >>> rule_set({"streets": 0.25, "parks": 0.15}).rules[0].share
    0.25
    """
    if isinstance(given, RuleSet):
        return given
    if given is None:
        return RuleSet(
            id="none", title="no rule set", rules=(), park_law={}, checked=date(2026, 1, 1)
        )
    if isinstance(given, str):
        if given not in KNOWN_RULESETS:
            raise StudyError(
                f"ruleset: {given!r} is not known; take {' or '.join(KNOWN_RULESETS)}, or give "
                "least shares by use"
            )
        return _from_table(read_table(f"rulesets/{given}"))
    if not isinstance(given, Mapping):
        raise StudyError(f"ruleset: {given!r} is no name, no table of rules and no shares by use")
    if "rule" in given:
        rows = given["rule"]
        if not isinstance(rows, list | tuple) or not all(isinstance(r, Mapping) for r in rows):
            raise StudyError(
                "ruleset: 'rule' must be a list of tables; see tables/rulesets/KR.toml"
            )
        return _from_table(given)
    rows = [
        {"id": str(use), "title": f"{use}, asked by the user", "kind": "land_min", "use": use,
         "share": share, "source": "set by the user", "mark": "U"}
        for use, share in given.items()
    ]  # fmt: skip
    return _from_table({"ruleset": {"id": "user"}, "rule": rows})


def _from_table(table: Mapping[str, Any]) -> RuleSet:
    head = table.get("ruleset", {})
    name = str(head.get("id", "user"))
    rules = tuple(_rule(row, name) for row in table["rule"])
    _check_total(rules, name)
    return RuleSet(
        id=name,
        title=str(head.get("title", "rules of the user")),
        rules=rules,
        park_law=dict(head.get("park_law", {})),
        checked=head.get("checked", date(2026, 1, 1)),
    )


def _rule(row: Mapping[str, Any], ruleset: str) -> Rule:
    told = f"ruleset {ruleset}, rule {row.get('id', '?')!r}"
    unknown = sorted(set(row) - {field.name for field in fields(Rule)})
    missing = sorted({"id", "title", "kind"} - set(row))
    if unknown or missing:
        what = f"unknown key {unknown[0]!r}" if unknown else f"lacks {missing[0]!r}"
        raise StudyError(f"{told}: {what}; see tables/rulesets/KR.toml for the columns")
    if row["kind"] not in _KINDS:
        raise StudyError(f"{told}: kind {row['kind']!r} is not one of {', '.join(_KINDS)}")
    if row["kind"] == "land_min" and row.get("use") not in USES:
        raise StudyError(f"{told}: use {row.get('use')!r} is not one of {', '.join(USES)}")
    for key in (
        "share",
        "m2_per_person",
        "m2_per_household",
        "persons_per_ha",
        "km_per_km2",
        "far",
    ):
        value = row.get(key, 0.0)
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0:
            raise StudyError(f"{told}: {key} {value!r} must be a number, zero or more")
    if row.get("share", 0.0) > 1:
        raise StudyError(f"{told}: share {row['share']:g} is above 1 (100 %); 30 % is 0.3")
    lists = {key: tuple(row[key]) for key in ("profiles", "contradicts") if key in row}
    return Rule(**{**row, **lists})


def _check_total(rules: tuple[Rule, ...], ruleset: str) -> None:
    """Refuse least shares over 100 % that bind without a choice of law."""
    least: dict[str, float] = {}
    for rule in rules:
        always = not rule.law and not rule.profiles and rule.site_ha_from == 0
        if rule.kind == "land_min" and always:
            least[rule.use] = max(least.get(rule.use, 0.0), rule.share)
    total = sum(least.values())
    if total > 1 + 1e-9:
        told = ", ".join(f"{use} {share:.0%}" for use, share in least.items())
        raise StudyError(
            f"ruleset {ruleset}: least shares add to {total:.0%} of the site ({told}); "
            "at most 100 % can be given away"
        )
