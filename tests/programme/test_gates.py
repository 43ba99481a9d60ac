"""Gates that were open or shut where they should not: each test names the fault."""

from __future__ import annotations

import pytest
from applications import changed, level, make_facts

from kcity_geo.errors import StudyError
from kcity_geo.programme import check, match_solutions
from kcity_geo.programme.blocks import said
from kcity_geo.programme.papers import Subject, make_paper
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


def test_blanks_open_no_gate() -> None:
    blank = changed(
        solution={"operation_plan": "  ", "operator": "\t"},
        documents={"application_form": " "},
        project={"title": " "},
    )
    assert found(blank, grade="refused") == {
        "operator_missing", "operation_plan_missing", "form_missing",
    }  # fmt: skip
    assert "field_missing" in found(blank)
    nobody = changed(programme=DEMONSTRATION, demonstration={**TEAM, "lead": " "})
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
