"""The 21 facts of the announcement of 2020, each with the rule that follows from it."""

from __future__ import annotations

import re
from datetime import date

import pytest
from applications import PEOPLE, changed, make_facts

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.programme import (
    ProgrammeRules,
    check,
    draft_application,
    funding_routes,
    recommend_study,
)
from kcity_geo.programme.words import known_words

RULES = ProgrammeRules.for_year(2020)
TABLE = read_table("programme/rules")


def refused(application) -> set[str]:
    return {f.id for f in check(application).refused}


def found(application, facts=None) -> set[str]:
    return {f.id for f in check(application, facts).findings}


def test_the_whole_application_meets_every_gate() -> None:
    assert refused(changed()) == set()


def test_fact_1_the_programme_and_its_steering_body() -> None:
    about = TABLE["programme"]
    assert about["launched"] == date(2020, 1, 31)
    assert (about["steering_body"], about["name"]) == (
        "K-City Network",
        "Smart City Global Cooperation Program",
    )


def test_fact_2_kinds_of_assistance() -> None:
    assert set(RULES.package["assistance"]) == {"development", "training", "consulting"}


def test_fact_3_full_package_and_cooperation_between_governments() -> None:
    assert "hardware_missing" in found(changed(package={"project": None}))
    assert "software_missing" in found(changed(package={"consulting": None}))
    assert "stage_missing" in found(changed(g2g={"stage": None}))
    assert RULES.package["g2g_stages"] == ["idea", "planning", "development", "investment"]
    assert not {"hardware_missing", "software_missing", "stage_missing"} & found(changed())


def test_fact_4_two_types() -> None:
    assert refused(changed(project={"type": None})) == {"type_missing"}
    with pytest.raises(StudyError, match=r"project\.type"):
        changed(project={"type": "new_town"})


def test_fact_5_urban_scopes() -> None:
    assert known_words("scope") == (
        "design_development", "basic_infrastructure", "commercial_facility", "operation_management",
    )  # fmt: skip
    urban = {"type": "urban_development", "sectors": []}
    assert "scope_missing" in refused(changed(project=urban))
    assert refused(changed(project={**urban, "scope": ["commercial_facility"]})) == set()


def test_fact_6_a_solution_is_run() -> None:
    assert refused(changed(solution={"operator": None})) == {"operator_missing"}
    assert refused(changed(solution={"operation_plan": None})) == {"operation_plan_missing"}


def test_fact_7_ten_sectors_exactly() -> None:
    assert set(known_words("sector")) == {
        "administration", "transportation", "public_health", "welfare", "environment", "energy",
        "water_resources_management", "security", "education", "culture",
    }  # fmt: skip
    with pytest.raises(
        StudyError, match="'traffic' is not one of the ten sectors.*transportation.*fact 7"
    ):
        changed(project={"sectors": ["traffic"]})
    assert refused(changed(project={"sectors": None})) == {"sector_missing"}


def test_fact_8_projects_underway_are_eligible() -> None:
    for status in ("idea", "planned", "underway"):
        assert refused(changed(project={"status": status})) == set()


def test_fact_9_no_private_only_application() -> None:
    firm = {"name": "Firm", "kind": "private_company"}
    alone = changed(applicants=[firm])
    assert refused(alone) == {"private_only"}
    told = check(alone).refused[0]
    assert "PRIVATE_ONLY" in told.text()
    assert "item 9 of the announcement of 2020" in told.rule
    assert "MOLIT news" in told.rule
    for kind in ("central_government", "local_government", "public_entity", "public_company"):
        assert refused(changed(applicants=[firm, {"name": "Office", "kind": kind}])) == set()


def test_fact_10_development_and_training_in_korea() -> None:
    assert RULES.package["training_in"] == "KR"
    assert {"development", "training"} <= set(RULES.package["assistance"])


def test_fact_11_four_studies_by_need_and_status() -> None:
    assert known_words("study") == (
        "concept_plan", "master_plan", "pre_feasibility", "feasibility",
    )  # fmt: skip
    facts = make_facts()

    def advised(**project):
        return recommend_study(changed(project=project), facts).study

    assert recommend_study(changed(), None).study == "concept_plan"
    assert advised(projects=3, status="planned") == "master_plan"
    assert advised(projects=1, status="underway") == "pre_feasibility"
    assert advised(projects=1, status="underway", net_present_value=3.0) == "feasibility"


def test_fact_12_training_is_agreed_and_not_fixed() -> None:
    assert "training_open" in found(changed(training={"roles": None}))
    assert "training_not_agreed" in found(changed(training={"agreed": False}))
    # Nothing is fixed: any number of people passes.
    for number in (1, 500):
        assert refused(changed(training={"persons": number})) == set()


def test_fact_13_cap_in_both_currencies_never_converted() -> None:
    cap = RULES.cap("planning", "urban_development")
    assert (cap.krw, cap.usd) == (1_000_000_000, 850_000)
    assert refused(changed(request={"budget_krw": 1_000_000_000})) == set()
    assert refused(changed(request={"budget_krw": 1_000_000_001})) == {"over_cap"}
    dollars = {"budget_krw": None, "budget_usd": 850_000}
    assert refused(changed(request=dollars)) == set()
    assert refused(changed(request={**dollars, "budget_usd": 850_001})) == {"over_cap"}
    told = check(changed(request={"budget_krw": 1_000_000_001})).refused[0]
    assert "1 over the cap" in told.text()
    # Later caps are in won alone: dollars are not held against them.
    later = changed(programme={"year": 2023, "submitted": "2023-05-02"}, request=dollars)
    assert "budget_missing" in found(later)


def test_fact_14_the_pis_fund_considers() -> None:
    screen = {
        "strategic_suitability": 1.0,
        "preliminary_feasibility": 1.0,
        "risk": 1.0,
        "ppp_suitability": 0.5,
    }
    good = changed(funding={"ppp": screen})
    route = {r.id: r for r in funding_routes(good)}["pis"]
    assert route.verdict == "consider"
    assert "1.1 trillion won" in route.text()
    assert (
        "no entitlement"
        in next(f for f in check(good).findings if f.id == "ppp_consideration").text()
    )
    assert {r.id: r.verdict for r in funding_routes(changed())}["pis"] == "open"


def test_fact_15_banks_by_region() -> None:
    def banks(country: str) -> set[str]:
        routes = funding_routes(changed(project={"country": country}))
        return {r.id for r in routes} & {"wb", "idb", "adb", "afdb", "ebrd"}

    assert banks("Peru") == {"wb", "idb"}
    assert banks("Viet Nam") == {"wb", "adb"}
    assert banks("Kenya") == {"wb", "afdb"}
    assert banks("Uzbekistan") == {"wb", "adb", "ebrd"}
    assert banks("United States") == set()


def test_fact_16_window_of_fifty_days_inclusive() -> None:
    window = RULES.window()
    assert window is not None
    assert (window.closes - window.opens).days + 1 == 50
    for day, is_open in (
        ("2020-01-30", False), ("2020-01-31", True), ("2020-03-20", True), ("2020-03-21", False),
    ):  # fmt: skip
        assert RULES.is_open(date.fromisoformat(day)) is is_open
    assert refused(changed(programme={"submitted": "2020-03-21"})) == {"late"}
    assert refused(changed(programme={"submitted": "2020-01-30"})) == {"early"}


def test_fact_17_documents_and_channels() -> None:
    assert refused(changed(documents={"project_summary": None})) == {"summary_missing"}
    assert refused(changed(documents={"application_form": None})) == {"form_missing"}
    assert refused(changed(programme={"channel": "fax"})) == {"channel_wrong"}
    for channel in ("post", "email"):
        assert refused(changed(programme={"channel": channel})) == set()
    late = {"year": 2026, "submitted": "2026-02-10", "channel": "pigeon"}
    assert "channel_strange" in refused(changed(programme=late))
    assert "channel_strange" not in refused(changed(programme={**late, "channel": "email"}))


def test_fact_18_where_to_ask() -> None:
    assert TABLE["programme"]["information"] == [
        "molit.go.kr",
        "smartcity.go.kr",
        "kindkorea.or.kr",
    ]


def test_fact_19_review_committee_in_march() -> None:
    committee = next(e for e in RULES.timeline if e.id == "committee")
    assert committee.when == "2020-03"
    assert "public-private" in committee.what


def test_fact_20_the_contradiction_is_a_note_and_april_is_used() -> None:
    events = {e.id: e for e in RULES.timeline}
    assert events["appointment"].when == events["drafting"].when == "2020-04"
    told = [f.text() for f in check(changed()).of("note") if f.id == "contradiction"]
    assert any("March" in text and "April is used" in text for text in told)


def test_fact_21_goals_and_no_region_is_left_out() -> None:
    assert TABLE["programme"]["regions"] == []
    assert any("ASEAN and beyond" in goal for goal in TABLE["programme"]["goals"])
    for country in ("Peru", "Kenya", "Poland", "Viet Nam"):
        assert refused(changed(project={"country": country})) == set()


def test_a_draft_is_filled_from_the_study() -> None:
    draft = draft_application(make_facts(), 2026)
    assert draft.project.sectors == ("water_resources_management", "energy")
    assert f"12,000 of {PEOPLE:,.0f} people (20 %)" in draft.project.problem
    assert "70.4 ha, 73 of 100" in draft.project.site
    assert draft.project.country == ""  # no study knows it, and nothing is guessed


@pytest.mark.parametrize(
    "tables",
    [
        {"applicants": [{"name": "Firm", "kind": "private_company"}]},
        {"documents": {"project_summary": None}},
        {"programme": {"submitted": "2020-03-21"}},
        {"request": {"budget_krw": 1_000_000_001}},
        {"solution": {"operator": None}},
    ],
    ids=["private only", "no summary", "a day late", "one won over", "no operator"],
)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_refusal_cites_its_rule_and_says_how_to_mend_it(tables, language) -> None:
    refusals = check(changed(**tables)).refused
    assert refusals
    for told in refusals:
        kind, _, source = told.rule_words(language).partition(": ")
        assert kind
        assert re.match(r".{8,} \[[VMD]\]", source), (told.id, source)
        assert told.mend(language).strip(), told.id
