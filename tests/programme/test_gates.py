"""Gates that were open or shut where they should not: each test names the fault."""

from __future__ import annotations

import pytest
from applications import changed

from kcity_geo.errors import StudyError
from kcity_geo.programme import check
from kcity_geo.programme.blocks import said
from kcity_geo.programme.papers import Subject, make_paper

DEMONSTRATION = {"year": 2026, "submitted": "2026-03-17", "stream": "demonstration"}
TEAM = {"lead": "Firm", "overseas_partner": "City of Hue", "overseas_kind": "local_government"}


def found(application, facts=None, level: str = "") -> set[str]:
    return {f.id for f in check(application, facts).findings if level in {"", f.level}}


def letter(application, facts=None, language: str = "en") -> str:
    paper = make_paper("cover_letter", Subject(application=application, facts=facts), language)
    return "\n".join(block.text for block in paper.blocks)


@pytest.mark.parametrize("applicants", [[], [{"name": "Firm", "kind": "private_company"}]])
def test_a_korean_firm_may_lead_a_demonstration_alone(applicants) -> None:
    asked = changed(programme=DEMONSTRATION, demonstration=TEAM, applicants=applicants)
    assert not found(asked, level="refused")
    assert "From: Firm" in letter(asked)
    planned = changed(applicants=[{"name": "Firm", "kind": "private_company"}])
    assert found(planned, level="refused") == {"private_only"}


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
    assert found(blank, level="refused") == {
        "operator_missing", "operation_plan_missing", "form_missing",
    }  # fmt: skip
    assert "field_missing" in found(blank)
    nobody = changed(programme=DEMONSTRATION, demonstration={**TEAM, "lead": " "})
    assert found(nobody, level="refused") == {"lead_missing"}


@pytest.mark.parametrize(
    ("table", "key"),
    [("documents", "project_summary"), ("project", "scope"), ("solution", "names")],
)
def test_an_empty_item_of_a_list_is_refused(table, key) -> None:
    with pytest.raises(StudyError, match=rf"{table}\.{key}\.1: '.*' is empty; give a text"):
        changed(**{table: {key: [" "]}})
