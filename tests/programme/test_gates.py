"""Gates that were open or shut where they should not: each test names the fault."""

from __future__ import annotations

import pytest
from applications import changed, level, make_facts

from kcity_geo.errors import StudyError
from kcity_geo.programme import Candidate, PortfolioLimits, check, choose_portfolio, match_solutions
from kcity_geo.programme.blocks import Picture, Table, Text, said, verdict_words
from kcity_geo.programme.draft import problem_statement
from kcity_geo.programme.evidence import evidence_of
from kcity_geo.programme.papers import Subject, make_paper
from kcity_geo.sources.local.study_folder import absent_files
from kcity_geo.study_facts import LevelFacts

DEMONSTRATION = {"year": 2026, "submitted": "2026-03-17", "stream": "demonstration"}
TEAM = {"lead": "Firm", "overseas_partner": "City of Hue", "overseas_kind": "local_government"}


def found(application, facts=None, grade: str = "") -> set[str]:
    return {f.id for f in check(application, facts).findings if grade in {"", f.level}}


def letter(application, facts=None, language: str = "en") -> str:
    paper = make_paper("cover_letter", Subject(application=application, facts=facts), language)
    return "\n".join(block.text for block in paper.blocks)


@pytest.mark.parametrize("applicants", [[], [{"name": "Firm", "kind": "private_company"}]])
def test_a_korean_firm_may_lead_a_demonstration_alone(applicants) -> None:
    asked = changed(programme=DEMONSTRATION, demonstration=TEAM, applicants=applicants)
    assert not found(asked, grade="refused")
    assert "From: Firm" in letter(asked)
    planned = changed(applicants=[{"name": "Firm", "kind": "private_company"}])
    assert found(planned, grade="refused") == {"private_only"}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_letter_of_a_demonstration_does_not_say_that_nothing_is_built(language) -> None:
    demonstration = letter(changed(programme=DEMONSTRATION, demonstration=TEAM), language=language)
    assert said("letter.duties_demo", language) in demonstration
    assert said("letter.duties", language) not in demonstration
    assert said("letter.duties", language) in letter(changed(), language=language)


@pytest.mark.parametrize("nothing", [" ", "-"])
def test_blanks_open_no_gate(nothing) -> None:
    blank = changed(
        solution={"operation_plan": nothing, "operator": nothing},
        documents={"application_form": nothing},
        project={"title": " "},
    )
    assert found(blank, grade="refused") == {
        "operator_missing", "operation_plan_missing", "form_missing",
    }  # fmt: skip
    assert "field_missing" in found(blank)
    nobody = changed(programme=DEMONSTRATION, demonstration={**TEAM, "lead": nothing})
    assert found(nobody, grade="refused") == {"lead_missing"}


@pytest.mark.parametrize(
    ("table", "key"),
    [("documents", "project_summary"), ("project", "scope"), ("solution", "names")],
)
def test_an_empty_item_of_a_list_is_refused(table, key) -> None:
    with pytest.raises(StudyError, match=rf"{table}\.{key}\.1: '.*' is empty; give a text"):
        changed(**{table: {key: [" "]}})


def liechtenstein(**changes):
    """No elevation: flood is not assessed; nobody can tell of energy, and the tasks are of two sectors."""
    levels = (
        level("transport", "adequate"),
        level("energy", "cannot_tell", cannot_tell=50_000.0),
        LevelFacts(
            key="flood", title="Flood-prone land", reading="not_assessed", reading_title="-"
        ),
    )
    given = {
        "levels": levels,
        "not_assessed": {
            "W8": "neither is known; give sources.elevation or sources.flood",
            "E3": "no night lights are known; give sources.nightlights",
        },
        "survey_tasks": 16,
        "survey_sectors": {"energy": 5, "transport": 11},
    }
    return make_facts(**{**given, **changes})


def test_the_survey_asked_for_is_the_survey_that_is_prepared() -> None:
    told = letter(changed(), liechtenstein())
    assert "We ask for the survey of energy first: 5 survey tasks are prepared." in told
    assert "For flood-prone land data are missing" in told
    assert "16" not in told
    none = letter(changed(), liechtenstein(survey_sectors={"transport": 16}))
    assert "We ask for the survey of energy first." in none


def test_a_level_of_which_nobody_can_tell_on_average_is_open_whatever_its_share() -> None:
    # 29,760 of 60,000 are 49.6 %: less than half, and the reading of the city is open.
    open_ = level("transport", "cannot_tell", cannot_tell=29_760.0, falls_short=6_000.0)
    facts = make_facts(levels=(open_, level("water", "adequate")))
    assert "survey_untasked" in found(changed(), facts)
    assert [m.survey for m in match_solutions(facts)] == [True]
    told = problem_statement(facts)
    assert "how 29,800 of 60,000 people (50 %) are served: a survey comes first" in told
    assert "most people" not in told
    none = make_facts(levels=(level("transport", "cannot_tell"),))
    assert problem_statement(none).startswith("For transport nobody can tell yet on average")


def test_the_rows_of_the_annex_add_up_to_all_residents() -> None:
    parted = level("water", "partly_short", falls_short=6_000.0, not_assessed=9_000.0)
    whole = level("flood", "not_assessed", not_assessed=60_000.0)
    about = Subject(application=changed(), facts=make_facts(levels=(parted, whole)))
    blocks = make_paper("evidence_annex", about, "en").blocks
    table = next(b for b in blocks if isinstance(b, Table) and b.columns[-1] == "Id")
    for row in table.rows:
        told = [float(c.replace(",", "")) for c in row[1:7] if any(map(str.isdigit, c))]
        assert sum(told) == 60_000.0
    assert table.columns[4] == "Not assessed"
    assert "the first four" in str(blocks)


@pytest.mark.parametrize(("year", "name"), [(2025, "over_cap"), (2026, "over_cap_carried")])
def test_a_cap_that_is_carried_over_is_told_in_the_refusal(year, name) -> None:
    asked = changed(
        programme={"year": year, "submitted": f"{year}-03-02"},
        request={"budget_krw": 700_000_001},
    )
    told = {f.id: f for f in check(asked).findings}[name]
    assert told.level == "refused"
    assert ("carried over" in told.text()) == (year == 2026)
    assert told.rule.endswith("(item 13 of the announcement of 2020)")


@pytest.mark.parametrize(
    ("map_day", "later"), [("2020-03-20", False), ("2024-01-01", True), ("", False)]
)
def test_map_data_later_than_the_day_of_handing_in_are_noted(map_day, later) -> None:
    assert ("map_later" in found(changed(), make_facts(osm_date=map_day))) == later


def test_files_that_are_attached_and_not_there_are_told(tmp_path) -> None:
    (tmp_path / "form.pdf").touch()
    names = ("form.pdf", "summary.pdf", "by post, v1.2", "https://x.org/a.pdf", "~nobody/a.pdf")
    assert absent_files(names, tmp_path) == ("summary.pdf", "~nobody/a.pdf")
    told = check(changed(), absent=("summary.pdf",)).of("missing")
    assert "summary.pdf" in next(f.text() for f in told if f.id == "documents_absent")
    assert "documents_absent" not in found(changed(), make_facts())


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_annex_tells_rules_and_result_of_the_check(language) -> None:
    facts = make_facts(synthetic=True)
    about = Subject(application=changed(programme={"year": 2023}), facts=facts)
    blocks = make_paper("evidence_annex", about, language).blocks
    assert Text(text=verdict_words(2, 0, language)) in blocks  # synthetic, of another year
    heading = next(n for n, b in enumerate(blocks) if getattr(b, "text", "").startswith("8"))
    table = blocks[heading + 2]
    assert isinstance(table, Table)
    assert all("[" in row[2] for row in table.rows)
    assert "2022" in next(b.text for b in blocks if getattr(b, "text", "").startswith("6"))


def test_a_level_without_data_asks_for_its_input_and_for_no_survey() -> None:
    facts = liechtenstein()
    told = {f.id: f for f in check(changed(), facts).findings}
    assert "flood" not in told["survey_first"].text()
    assert "5 survey tasks" in told["survey_first"].mend()
    for language in ("en", "ko"):
        assert "sources.elevation, sources.flood" in told["data_missing"].mend(language)
        assert "nightlights" not in told["data_missing"].mend(language)
    only = make_facts(levels=facts.levels[::2], not_assessed=facts.not_assessed)
    assert "survey" not in letter(changed(), only)
    assert not {"survey_first", "survey_untasked"} & found(changed(), only)
    assert not match_solutions(only)
    summary = make_paper("project_summary", Subject(application=changed(), facts=only), "en")
    assert "Survey first" not in str(summary.blocks)
    assert "data are missing: flood-prone land" in str(summary.blocks)
    layers = {"flood_reading": {}, "energy_reading": {}}
    about = Subject(application=changed(), facts=facts, layers=layers)
    annex = make_paper("evidence_annex", about, "en").blocks
    assert "Sheet 6: Flood-prone land \u2013 not assessed, as data are missing" in str(annex)
    drawn = {block.sheet for block in annex if isinstance(block, Picture)}
    assert {10} <= drawn
    assert 6 not in drawn


def test_the_problem_names_those_of_whom_nobody_can_tell_as_the_study_does() -> None:
    # 6,000 of 60,000 fall short; of 9,000 (15 %) nobody can tell, which are more.
    many = make_facts(
        levels=(level("water", "partly_short", falls_short=6_000.0, cannot_tell=9_000.0),)
    )
    assert problem_statement(many).endswith("; for another 9,000 (15 %) nobody can tell yet.")
    assert problem_statement(many, "ko").endswith(
        "9,000명(15%)에 대해서는 아직 판단할 수 없습니다."
    )
    few = make_facts(
        levels=(level("water", "partly_short", falls_short=6_000.0, cannot_tell=900.0),)
    )
    assert "another" not in problem_statement(few)


@pytest.mark.parametrize("country", ["KR", "South Korea", "대한민국"])
def test_a_korean_government_alone_is_no_applicant(country) -> None:
    city = {"name": "Busan", "kind": "local_government", "country": country}
    assert found(changed(applicants=[city]), grade="refused") == {"korean_only"}
    host = {"name": "Hue", "kind": "local_government", "country": "VN"}
    assert not found(changed(applicants=[city, host]), grade="refused")


@pytest.mark.parametrize(
    ("other", "second"), [("다낭", True), ("다낭시", True), ("Danang", True), ("하노이", False)]
)
def test_one_city_is_one_city_under_each_name_that_the_gazetteer_knows(other, second) -> None:
    named = changed(
        project={"city": "Da Nang", "country": "VN"},
        other_projects=[{"title": "Traffic", "city": other}],
    )
    assert (found(named, grade="refused") == {"second_project"}) == second


def test_one_city_under_its_korean_name_is_one_city() -> None:
    named = changed(
        project={"city_ko": "한빛시"}, other_projects=[{"title": "Traffic", "city": " 한빛시"}]
    )
    assert found(named, grade="refused") == {"second_project"}
    pair = [
        Candidate(name=name, application=changed(project=project), facts=None)
        for name, project in (("a", {"city_ko": "한빛시"}), ("b", {"city": "한빛시"}))
    ]
    choice = choose_portfolio(pair, PortfolioLimits(budget_krw=2_000_000_000))
    assert len(choice.chosen) == 1


@pytest.mark.parametrize(
    ("wrong", "right", "name"),
    [
        ({"g2g": {"prior_consultation": "2020-03-21"}}, {"g2g": {}}, "consultation_after"),
        (
            {"project": {"bounds": [107.0, 17.0, 108.0, 16.0]}},
            {"project": {"bounds": [107.0, 16.0, 108.0, 17.0]}},
            "bounds_wrong",
        ),
        (
            {"project": {"bounds": [108.0, 16.0, 107.0, 17.0]}},
            {"project": {"bounds": [-27.0, 44.9, -26.9, 45.0]}},
            "bounds_wrong",
        ),
        ({"contact": {"email": "kim.example.org"}}, {"contact": {}}, "email_strange"),
        ({"request": {"budget_usd": 300_000}}, {"request": {}}, "budget_both"),
    ],
)
def test_entries_that_cannot_be_meant_are_noted(wrong, right, name) -> None:
    assert name in found(changed(**wrong), grade="note")
    assert name not in found(changed(**right))


def test_the_form_says_that_two_budgets_may_be_one_sum() -> None:
    both = Subject(application=changed(request={"budget_usd": 300_000}))
    for language in ("en", "ko"):
        told = said("form.budget_both", language)
        assert told in str(make_paper("application_form", both, language).blocks)
        one = make_paper("application_form", Subject(application=changed()), language)
        assert told not in str(one.blocks)


def test_the_quality_of_data_is_not_told_as_service() -> None:
    facts = make_facts(levels=(level("transport", "adequate", data="fair"),))
    evidence = evidence_of("need_certainty", changed(), facts)
    assert evidence.shown("en").endswith("(data: transport fair)")
    assert "자료 수준 – 교통: 보통" in evidence.shown("ko")


@pytest.mark.parametrize(
    ("city", "studied", "other"),
    [
        ("Hanbit", "Vaduz", True),
        ("Ha Noi", "Hanoi", False),
        ("Kraków", "City of Krakow", False),
        ("Hanbit", "한빛시", False),  # two scripts: nobody can tell
    ],
)
def test_a_study_of_another_place_is_told_by_its_name(city, studied, other) -> None:
    asked = changed(project={"city": city})
    assert ("study_other_name" in found(asked, make_facts(city=studied), grade="note")) == other


@pytest.mark.parametrize(
    ("bounds", "outside"),
    [([9.4, 47.0, 9.7, 47.3], True), ([-27.0, 45.0, -26.0, 46.0], False), (None, False)],
)
def test_a_study_of_another_area_is_told(bounds, outside) -> None:
    asked = changed(project={"bounds": bounds})
    assert ("study_elsewhere" in found(asked, make_facts())) == outside


MONACO = (7.409, 43.725, 7.44, 43.752)


@pytest.mark.parametrize(
    ("country", "bounds", "told"),
    [
        ("Viet Nam", MONACO, {"study_abroad"}),
        ("MC", MONACO, set()),
        ("France", MONACO, {"study_over_border"}),
        ("Denmark", (-51.8, 64.1, -51.6, 64.25), set()),  # Nuuk: Greenland has letters of its own
        ("Fiji", (179.0, -18.5, 179.9, -16.0), set()),
        ("Viet Nam", (-27.04, 44.97, -26.96, 45.03), set()),  # the open sea says nothing
        ("", MONACO, set()),
        ("Vietnan", MONACO, {"country_unknown"}),
    ],
)
def test_a_study_of_another_country_is_told(country, bounds, told) -> None:
    asked = changed(project={"country": country})
    names = {"study_abroad", "study_over_border", "country_unknown"}
    assert found(asked, make_facts(bounds=bounds)) & names == told
    assert "study_abroad" not in found(asked, make_facts(bounds=bounds, synthetic=True))


def test_a_study_of_another_country_is_refused_with_rule_and_mend() -> None:
    checked = check(changed(), make_facts(bounds=MONACO, city="Monaco"))
    refused = next(f for f in checked.refused if f.id == "study_abroad")
    assert "in France, Italy, Monaco, and none of Vietnam lies within 300 km" in refused.text()
    assert "[project] country" in refused.mend()
    assert "kcity_geo" in refused.rule
    assert "이탈리아, 프랑스" in refused.text("ko")


@pytest.mark.parametrize(
    ("countries", "noted"), [(["VN"], False), (["PE"], True), (["PE", "VN"], False), ([""], False)]
)
def test_an_applicant_of_another_country_is_noted(countries, noted) -> None:
    offices = [
        {"name": f"Office {i}", "kind": "local_government", "country": country}
        for i, country in enumerate(countries)
    ]
    assert ("applicant_elsewhere" in found(changed(applicants=offices), grade="note")) == noted


def test_a_city_that_does_not_exist_shuts_the_gate() -> None:
    real, made_up = make_facts(), make_facts(synthetic=True)
    assert not found(changed(), real, grade="refused")
    assert found(changed(), made_up, grade="refused") == {"synthetic"}


def test_one_study_behind_two_applications_is_told() -> None:
    pair = [
        Candidate(
            name=name, application=changed(project={"city": name}, study={"sha256": "ab" * 32})
        )
        for name in ("a", "b")
    ]
    with pytest.warns(UserWarning, match=r"portfolio: a, b rest on one study"):
        choose_portfolio(pair, PortfolioLimits(budget_krw=2_000_000_000))
