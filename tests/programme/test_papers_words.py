"""What papers, check and maps say of themselves: asked and allowed, attached, blank sheets, the folder that was read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from applications import changed, level, make_atlas, make_facts
from typer.testing import CliRunner

from kcity_geo.cli import app
from kcity_geo.coordinates import label_point
from kcity_geo.errors import StudyError
from kcity_geo.outputs.application_toml import save_application
from kcity_geo.outputs.sheet_maps import _line_handles
from kcity_geo.programme.advice import recommend_study
from kcity_geo.programme.blocks import Bullets, Picture, Signature, Text
from kcity_geo.programme.checking import check
from kcity_geo.programme.draft import problem_statement
from kcity_geo.programme.model import check_application
from kcity_geo.programme.papers import Subject, make_paper
from kcity_geo.programme.words import word
from kcity_geo.study_atlas import StudyAtlas, StudyLayer
from kcity_geo.study_facts import StudyFacts

ABOUT = {"suitability": {}, "best_tenth": {}}


def lines(subject: Subject, name: str, language: str = "en") -> list[str]:
    blocks = make_paper(name, subject, language).blocks
    return [line for b in blocks if isinstance(b, Bullets) for line in b.items]


@pytest.mark.parametrize("study", ["concept_plan", "feasibility"])
def test_the_summary_names_what_is_asked_and_where_the_evidence_differs(study) -> None:
    told = lines(Subject(application=changed(request={"study": study})), "project_summary")
    assert told[0] == f"Asked for: {word('study', study)}."
    differs = any(line.startswith("That is not what is asked for") for line in told)
    assert differs == (study == "feasibility")


def test_what_is_attached_stands_below_the_signature_in_english_and_above_it_in_korean() -> None:
    for language, first in (("en", "Attached"), ("ko", "붙임")):
        blocks = make_paper("cover_letter", Subject(application=changed()), language).blocks
        at = next(
            i for i, b in enumerate(blocks) if isinstance(b, Text) and b.text.startswith(first)
        )
        signed = next(i for i, b in enumerate(blocks) if isinstance(b, Signature))
        assert (at > signed) == (language == "en")


def test_sheets_of_a_ranking_that_is_not_there_are_listed_with_the_reason() -> None:
    facts = make_facts(sites=(), no_sites="No site: too little is known.")
    bare = Subject(application=changed(), facts=facts, layers={"population": {}})
    told = lines(bare, "evidence_annex")
    for number in (14, 15, 16):
        row = next(line for line in told if line.startswith(f"Sheet {number}:"))
        assert "No site: too little is known" in row
    ranked = replace(bare, layers={**bare.layers, **ABOUT})
    annex = make_paper("evidence_annex", ranked, "en")
    shown = {b.sheet for b in annex.blocks if isinstance(b, Picture)}
    assert {14, 15} <= shown
    assert 16 not in shown  # no site to be seen on it


def test_a_layer_that_is_known_nowhere_is_no_map() -> None:
    blank = StudyLayer(values=np.full((2, 2), np.nan), extent=(0, 1, 0, 1))
    known = StudyLayer(values=np.array([[np.nan, 1.0]]), extent=(0, 1, 0, 1), about={"UNITS": "m"})
    atlas = StudyAtlas(layers={"blank": blank, "known": known}, shapes={})
    assert atlas.drawn() == {"known": {"UNITS": "m"}}


def test_all_residents_are_told_once_in_a_statement() -> None:
    levels = (
        level("water", "adequate", falls_short=6_000.0),
        level("energy", "adequate", falls_short=3_000.0),
    )
    told = problem_statement(make_facts(levels=levels))
    assert "6,000 of 60,000 people (10 %) live" in told
    assert "3,000 people (5 %) live" in told
    korean = problem_statement(make_facts(levels=levels), "ko")
    assert korean.count("60,000") == 1
    assert "주민 3,000명(5%)은 에너지" in korean


def test_hardly_anybody_is_not_nobody() -> None:
    few = make_facts(levels=(level("water", "adequate", falls_short=599.0),))
    assert problem_statement(few) == (
        "In each sector that was assessed, fewer than 1 % of the people fall short of the standard or "
        "probably do."
    )
    assert "1% 미만" in problem_statement(few, "ko")
    hidden = level(
        "water", "adequate", falls_short=10.0, partly_short=23_400.0, cannot_tell=5_840.0
    )
    told = problem_statement(make_facts(levels=(hidden,)))
    assert "23,400 people (39 %) live where water is partly short of the standard." in told
    assert told.endswith("For water nobody can tell yet how 5,840 people (10 %) are served.")
    korean = problem_statement(make_facts(levels=(hidden,)), "ko")
    assert "23,400명(39%)" in korean
    assert "5,840명(10%)" in korean
    assert "600 of 60,000" in problem_statement(
        make_facts(levels=(level("water", "adequate", falls_short=600.0),))
    )
    assert problem_statement(make_facts(levels=())) == ""


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_letter_says_once_that_data_are_missing(language) -> None:
    facts = make_facts(levels=(level("water", "adequate"), level("flood", "not_assessed")))
    words = "data are missing" if language == "en" else "기초 자료가 없어"
    key = "problem" if language == "en" else "problem_ko"
    for problem in (problem_statement(facts, language), "물이 부족합니다."):
        asked = changed(project={key: problem})
        letter = make_paper("cover_letter", Subject(application=asked, facts=facts), language)
        assert str(letter.blocks).count(words) == 1


VAIN = "No site: water or protected land covers everything."


def ranked_in_vain() -> StudyFacts:
    """A study that ranked its area, of which nothing is open, and found no site."""
    return make_facts(sites=(), no_sites=VAIN, open_share=0.0)


URBAN = {"type": "urban_development", "scope": ["basic_infrastructure"], "site": "By the river"}


def test_a_city_without_land_speaks_against_a_project_of_land() -> None:
    facts, asked = ranked_in_vain(), changed(project=URBAN, request={"study": "pre_feasibility"})
    told = {f.id: f for f in check(asked, facts).findings}
    assert "a result against the project" in told["no_land"].text()
    assert "water or protected land covers everything" in told["no_land"].text()
    assert told["no_land"].level == "note"
    assert "it ranked its area and found none" in told["study_ahead"].mend()
    assert recommend_study(asked, facts).study == "concept_plan"
    about = Subject(application=asked, facts=facts)
    for name in ("cover_letter", "project_summary"):
        assert "found no site" in str(make_paper(name, about, "en").blocks)
        assert "찾지 못하였습니다" in str(make_paper(name, about, "ko").blocks)
    words = "By the river (named by the applicant; not assessed by the study)"
    assert words in str(make_paper("application_form", about, "en").blocks)


@pytest.mark.parametrize(
    ("project", "facts"),
    [
        (URBAN, make_facts()),  # a site
        (URBAN, make_facts(sites=(), no_sites="No heights are given.")),  # nothing was ranked
        ({"site": "By the river"}, ranked_in_vain()),  # a solution needs no land
    ],
)
def test_without_a_ranking_in_vain_nothing_is_said_of_land(project, facts) -> None:
    asked = changed(project=project)
    assert "no_land" not in {f.id for f in check(asked, facts).findings}
    assert "found no site" not in str(
        make_paper("cover_letter", Subject(application=asked, facts=facts), "en").blocks
    )
    assert recommend_study(asked, facts).study != "concept_plan"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_words_of_the_applicant_do_not_stand_as_those_of_the_study(language) -> None:
    facts, mark = make_facts(), {"en": "In the words of the applicant", "ko": "신청 기관의 설명"}
    both = {"problem": problem_statement(facts), "problem_ko": problem_statement(facts, "ko")}
    for project, own in ((both, False), ({**both, "problem": "Taps are dry."}, language == "en")):
        about = Subject(application=changed(project=project), facts=facts)
        blocks = str(make_paper("project_summary", about, language).blocks)
        assert (mark[language] in blocks) == own
    rest = {"problem": both["problem"]}  # the English one stands for both
    about = Subject(application=changed(project=rest), facts=facts)
    assert mark[language] not in str(make_paper("project_summary", about, language).blocks)


def test_a_problem_rewritten_in_one_language_is_noted() -> None:
    facts = make_facts()
    both = {"problem": problem_statement(facts), "problem_ko": problem_statement(facts, "ko")}
    own = {"problem": "Taps are dry.", "problem_ko": "물이 부족합니다."}
    for project in (both, own, {"problem": "Taps are dry."}):
        assert "problem_in_one" not in {
            f.id for f in check(changed(project=project), facts).findings
        }
    for key in both:
        mixed = changed(project={**both, key: own[key]})
        told = next(f for f in check(mixed, facts).findings if f.id == "problem_in_one")
        assert told.text().startswith(f"[project] {key} is in")


def test_what_falls_short_for_nobody_is_no_need_in_a_korean_letter() -> None:
    for short, words in ((10.0, "현황: "), (6_000.0, "사업의 필요성: ")):
        facts = make_facts(levels=(level("water", "adequate", falls_short=short),))
        asked = changed(project={"problem_ko": problem_statement(facts, "ko")})
        letter = make_paper("cover_letter", Subject(application=asked, facts=facts), "ko")
        assert f". {words}" in str(letter.blocks)


def test_a_legend_names_what_its_sheet_draws() -> None:
    lines = replace(
        make_atlas(), shapes={**make_atlas().shapes, "streets": make_atlas().shapes["roads"]}
    )
    names = [
        [handle.get_label() for handle in _line_handles(lines, "en", every=every)]
        for every in (True, False)
    ]
    assert set(names[0]) - set(names[1]) == {"street"}


def test_a_label_stands_in_the_largest_part() -> None:
    small, large = shapely.box(0, 0, 100, 1), shapely.box(0, 50, 20, 70)  # 100 and 400 m2
    assert large.contains(label_point(shapely.MultiPolygon([small, large])))
    assert large.contains(label_point(shapely.GeometryCollection([small, large])))


def test_a_changed_study_is_told_by_the_folder_that_was_read() -> None:
    application = changed(study={"folder": "demo", "sha256": "1" * 64})
    found = check(application, make_facts(), sha256="2" * 64, folder="other")
    text = next(f.text() for f in found.findings if f.id == "study_changed")
    assert "the study in other" in text
    assert "demo" not in text


def test_the_last_line_of_a_check_says_that_an_example_cannot_be_handed_in(tmp_path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    facts = make_facts(synthetic=True)
    (folder / "project_summary.json").write_text(facts.model_dump_json(), encoding="utf-8")
    save_application(check(changed(study={"folder": "study"})), tmp_path / "a.toml")
    told = CliRunner().invoke(app, ["programme", "check", str(tmp_path / "a.toml")])
    assert "cannot be handed in" in told.output.strip().splitlines()[-1]
    assert told.exit_code == 2


def test_a_text_for_a_list_is_told_as_such_with_all_that_is_wrong() -> None:
    raw = {"programme": {"year": 2026}, "project": {"permits": "zoning", "projects": "x"}}
    with pytest.raises(StudyError) as error:
        check_application(raw)
    assert "(also wrong: project.permits)" in str(error.value)
    with pytest.raises(StudyError, match="is no list; put it in brackets"):
        check_application({"programme": {"year": 2026}, "project": {"permits": "zoning"}})


def test_the_korean_title_names_the_city_in_korean() -> None:
    """A draft is written before anybody gave the Korean name of the city."""
    named = {
        "city": "Monaco",
        "city_ko": "모나코",
        "title": "New town",
        "title_ko": "Monaco 스마트 신도시 개발",
    }
    asked = Subject(application=changed(project=named))
    assert asked.title("ko") == "모나코 스마트 신도시 개발"
    assert asked.title("en") == "New town"
