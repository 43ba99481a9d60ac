"""Rule sets: what binds, what is only shown, and what is refused."""

from __future__ import annotations

from datetime import date

import pytest

from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import assumptions_of, land_profile
from kcity_geo.planning.rule_report import park_rules
from kcity_geo.planning.rulesets import KNOWN_RULESETS, rule_set, rule_state
from kcity_geo.planning.site_budget import Target, site_budget
from kcity_geo.standards import EVIDENCE_MARKS

ON = date(2026, 11, 29)


@pytest.mark.parametrize("name", KNOWN_RULESETS)
def test_every_row_has_source_and_mark(name: str) -> None:
    rules = rule_set(name).rules
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.source, rule.id
        assert rule.mark in {*EVIDENCE_MARKS, "V2"}, rule.id
        assert rule.status in {"in_force", "unconfirmed", "superseded", "contradicted"}, rule.id
        for other in rule.contradicts:
            assert rule.id in next(r for r in rules if r.id == other).contradicts


@pytest.mark.parametrize(
    ("rule", "site_ha", "persons", "hectares", "governs"),
    [
        ("parks_housing_land_large", 300.0, 45_000, 54.0, "share"),
        ("parks_housing_land_large", 300.0, 70_000, 63.0, "persons"),
        ("parks_housing_land_very_large", 400.0, 60_000, 80.0, "share"),
        ("parks_urban_development_middle", 50.0, 12_000, 7.2, "persons"),
    ],
)
def test_parks_of_korea(rule, site_ha, persons, hectares, governs) -> None:
    told = park_rules(
        rule_set("KR"), "new_town", site_ha, persons=persons, households=persons / 2.7, on=ON
    ).set_index("rule")
    assert told.loc[rule, "hectares"] == pytest.approx(hectares)
    assert told.loc[rule, "governs"] == governs
    assert {"urban_development_act", "housing_land_development"} <= set(told["law"])


def test_size_classes_do_not_overlap() -> None:
    for site_ha in (30.0, 100.0, 330.0):
        laws = [r.law for r in rule_set("KR").binding("new_town", site_ha) if r.use == "parks"]
        assert laws == ["housing_land_development"]


def test_superseded_and_contradicted_rules_never_bind() -> None:
    rules = rule_set("KR")
    bound = {r.id for r in rules.binding("new_town", 300.0)}
    assert "roads_residential_before_2015" not in bound
    by_id = {r.id: r for r in rules.rules}
    assert rule_state(by_id["middle_high_school_ktv"], ON) == "contradicted"
    assert rule_state(by_id["elementary_school_before_2011"], ON) == "superseded"


def test_an_expired_rule_of_the_user_does_not_bind() -> None:
    table = {
        "ruleset": {"id": "mine"},
        "rule": [
            {"id": "old", "title": "old", "kind": "land_min", "use": "streets", "share": 0.4,
             "valid_to": date(2024, 6, 9)},
        ],
    }  # fmt: skip
    rules = rule_set(table)
    assert rules.binding("new_town", 100.0, on=date(2024, 6, 9))
    assert not rules.binding("new_town", 100.0, on=date(2024, 6, 10))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("Korea", "'Korea' is not known"),
        ({"streets": 0.6, "parks": 0.5}, "least shares add to 110 %|110%"),
        ({"streets": 30}, "above 1"),
        ({"streets": -0.1}, "zero or more"),
        ({"streets": "much"}, "zero or more"),
        ({"street": 0.3}, "'street' is not one of"),
        ({"rule": [{"id": "a", "kind": "land_min"}]}, "lacks 'title'"),
        ({"rule": [{"id": "a", "title": "a", "kind": "law"}]}, "kind 'law'"),
        (
            {"rule": [{"id": "a", "title": "a", "kind": "told", "shares": 1}]},
            "unknown key 'shares'",
        ),
    ],
)
def test_bad_rule_sets_are_refused_in_one_line(given, told) -> None:
    with pytest.raises(StudyError, match=told) as caught:
        rule_set(given)
    assert "\n" not in str(caught.value)


def test_an_unknown_park_law_names_the_known_ones() -> None:
    with pytest.raises(StudyError, match="housing_land_development"):
        rule_set("KR").binding("new_town", 300.0, park_law="park law")


@pytest.mark.parametrize(
    ("persons", "rules", "told"),
    [
        (60_000, "KR", "need FAR 2.82"),
        # Homes of 266.3 ha at FAR 1.8, parks of 9 m2 a person: 66 ha are left.
        (
            100_000,
            "KR",
            "that is built reaches this: 7.26 would be needed, rule set KR allows at most 7",
        ),
        # 45,000 persons need FAR 2.1146.
        (300_000, None, "reaches this: 14.10 would be needed, the highest of homes is 12"),
    ],
)
def test_a_repair_that_nobody_builds_is_no_repair(persons, rules, told) -> None:
    shares = {
        "streets": 0.3, "public": 0.12, "commercial": 0.05, "industry": 0, "utilities": 0.01, "parks": 0.18,
    }  # fmt: skip
    town, target = land_profile("new_town", shares=shares), Target(kind="persons", amount=persons)
    words = site_budget(300.0, target, town, assumptions_of(), rules=rule_set(rules)).words
    assert told in words
    assert ("need FAR" in words) == ("reaches this" not in words)
    assert "a site of" in words
