"""The plan of a site in the map and the workbook of its study."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path

import openpyxl
import pytest

from kcity_geo.outputs.claims import plan_claims
from kcity_geo.outputs.columns import column_table
from kcity_geo.outputs.frames import cell_frame
from kcity_geo.outputs.map_plan import plan_lines, plan_themes
from kcity_geo.outputs.map_story import story_steps
from kcity_geo.outputs.report import build_report
from kcity_geo.outputs.report_advice import advice_of
from kcity_geo.outputs.report_tables import left_out
from kcity_geo.outputs.study_tables import save_study_workbook
from kcity_geo.outputs.studytoml import study_toml
from kcity_geo.outputs.summary import summarise
from tests.support.shown import reads

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from hand_plan import hand_plan


@pytest.fixture(scope="module")
def study(build):
    made = build()
    return dataclasses.replace(made, plan=hand_plan(made.data))


def test_land_use_and_phases_are_themes_with_hectares(study) -> None:
    use, phases = plan_themes(study.plan, language="en")
    # 500 x 400, 400 x 400 and 100 x 400 m; beside the blocks 1000 x 50 m too steep
    assert {row["words"]: row["share"] for row in use["rows"]} == {
        "Homes": "20 ha", "Industry and logistics": "16 ha", "Reserve": "4 ha",
        "Too steep or narrow, kept green": "5 ha",
    }  # fmt: skip
    assert [row["words"] for row in phases["rows"]][:3] == [
        "Too steep or narrow, kept green",
        "Reserve",
        "Phase 1",
    ]
    known = {row["id"]: row for row in plan_claims(study.plan)}
    for row in (*use["rows"], *phases["rows"]):  # the hectares of a legend stand in the ledger
        claimed = known[row["id"]]
        assert reads(row["share"], claimed["value"], claimed["unit"]), row
    homes = next(row for row in use["rows"] if row["words"] == "Homes")
    assert known[homes["id"]]["value"] == pytest.approx(20)
    assert "5,000 persons" in use["question"]
    assert "60 M USD" in use["question"]
    west, south = use["bounds"][0][1], use["bounds"][0][0]
    inside = study.data.city.boundary.bounds
    assert inside[0] < west < inside[2]
    assert inside[1] < south < inside[3]
    lines = plan_lines(study.plan, language="en")
    assert [line["title"] for line in lines] == ["Arterial", "Water"]
    assert plan_themes(None, language="en") == plan_lines(None, language="en") == []


def test_in_korean_every_word_of_the_plan_is_korean(study) -> None:
    for theme in plan_themes(study.plan, language="ko"):
        for text in (
            theme["title"],
            theme["question"],
            theme["note"],
            *(r["words"] for r in theme["rows"]),
        ):
            assert "(원문)" not in text
            assert not any(part in text for part in ("persons", "Phase", "Homes", "sketch"))


def test_the_story_tells_the_plan(study) -> None:
    steps = story_steps(study, summarise(study), first_theme="water_gap", language="en")
    assert steps[-1]["theme"] == "plan_phases"
    assert "1,852 dwellings" in steps[-1]["sentence"]
    bare = dataclasses.replace(study, plan=None)
    assert (
        story_steps(bare, summarise(bare), first_theme="x", language="en")[-1]["theme"]
        == "suitability"
    )


def test_the_report_does_not_send_for_a_plan_that_is_there(study) -> None:
    bare = dataclasses.replace(study, plan=None)
    told, before = (
        " ".join(one.text for one in advice_of(made, summarise(made))) for made in (study, bare)
    )
    assert "into a concept plan." in before
    assert "into a concept plan" not in told
    assert "Go through the concept plan of site" in told
    here, missing = (dict(left_out(4, plan=plan)) for plan in (8, None))
    assert here.keys() == missing.keys()
    assert sum("not here; the concept plan" in where for where in missing.values()) == 5
    assert not any("not here; the concept plan" in where for where in here.values())


@pytest.mark.usefixtures("no_pictures")
def test_the_report_has_a_chapter_on_the_plan_with_its_sheets(study) -> None:
    for language, title, sheet in (
        ("en", "Concept plan of the best site", "Sheet 20 · Phasing"),
        ("ko", "최상위 후보지의 기본구상", "도면 20 · 단계별 개발"),
    ):
        report = study.study.report.model_copy(update={"language": language})
        asked = dataclasses.replace(study, study=study.study.model_copy(update={"report": report}))
        page = build_report(asked)
        chapter = page[page.index('<h2 id="plan">') : page.index('<h2 id="conclusions">')]
        assert title in chapter
        assert sheet in chapter
        assert chapter.count("<figure>") == 2
        assert "1,500,000" not in chapter  # lines of the cost stay in the folder of the plan
    bare = build_report(dataclasses.replace(study, plan=None))
    assert 'id="plan"' not in bare
    assert "kcity plan" in bare


def test_costs_of_the_plan_are_formulas_where_they_have_what_they_need(study, tmp_path) -> None:
    path = tmp_path / "study.xlsx"
    save_study_workbook(study, path, columns=column_table(study, cell_frame(study)))
    page = openpyxl.load_workbook(path)["Plan cost"]
    heads = {str(cell.value): cell.column_letter for cell in page[3]}
    cost = heads["Cost (USD)"]
    assert page[f"{cost}4"].value == f"={heads['Quantity']}4*{heads['Price (USD)']}4"
    assert page[f"{cost}5"].value == 300_000  # nothing to multiply
    assert page[f"{cost}6"].value == f"=SUM({cost}4:{cost}5)"
    held = openpyxl.load_workbook(path, data_only=True)["Plan cost"]
    assert held[f"{cost}6"].value == pytest.approx(1_800_000)


def test_what_is_added_to_works_is_a_share_of_the_lines_above(study, tmp_path) -> None:
    cost = dataclasses.replace(study.plan.tables["cost"], added={"Unforeseen": 0.2})
    cost = dataclasses.replace(cost, frame=cost.frame.assign(Phase="1"))
    plan = dataclasses.replace(study.plan, tables={**study.plan.tables, "cost": cost})
    planned = dataclasses.replace(study, plan=plan)
    path = tmp_path / "study.xlsx"
    save_study_workbook(planned, path, columns=column_table(planned, cell_frame(planned)))
    page = openpyxl.load_workbook(path)["Plan cost"]
    at, phase = (
        next(cell.column_letter for cell in page[3] if str(cell.value).startswith(name))
        for name in ("Cost", "Phase")
    )
    # The first line alone stands above, and is of the same phase: 0.2 x 1,500,000 = 300,000.
    above = f"{at}$4:{at}$4,{phase}$4:{phase}$4,{phase}5"
    assert page[f"{at}5"].value == f"=0.2*SUMIFS({above})"
    held = openpyxl.load_workbook(path, data_only=True)["Plan cost"]
    assert held[f"{at}5"].value == pytest.approx(300_000)


def test_a_korean_report_has_a_korean_workbook(study, tmp_path) -> None:
    asked = study.study.model_copy(
        update={"report": study.study.report.model_copy(update={"language": "ko"})}
    )
    korean = dataclasses.replace(study, study=asked)
    path = tmp_path / "study.xlsx"
    save_study_workbook(korean, path, columns=column_table(korean, cell_frame(korean)))
    book = openpyxl.load_workbook(path)
    assert book.sheetnames[:3] == ["요약", "판정", "지역"]
    assert "구상안 공사비" in book.sheetnames
    for page in book:
        heads = [str(cell.value) for cell in page[3]]
        cells = "".join(str(v) for row in page.iter_rows(values_only=True) for v in row)
        assert not any("\ue000" <= c <= "\ue003" for c in cells), page.title
        assert "(persons)" not in cells, page.title
        assert any("가" <= c <= "힣" for c in str(page["A1"].value) + "".join(heads)), page.title
    for row in book["요약"].iter_rows(min_row=4, max_col=2, values_only=True):
        texts = [cell for cell in row if isinstance(cell, str)]
        assert not [text for text in texts if re.search(r"(?:[a-z]{2,} ){3}", text)], row
    assert book["지역"].cell(4, 2).value == study.data.city.districts["name"].iloc[0]
    assert "교통: 판정" in [cell.value for cell in book["지역"][3]]


def test_numbers_of_the_workbook_have_their_ids_of_the_ledger(study, tmp_path) -> None:
    from kcity_geo.outputs.claims import claims

    path = tmp_path / "study.xlsx"
    save_study_workbook(study, path, columns=column_table(study, cell_frame(study)))
    known = {row["id"] for row in claims(study)}
    for name in ("Summary", "Districts", "Indicators", "Sites"):
        page = openpyxl.load_workbook(path)[name]
        column = next(c.column for c in page[3] if c.value == "ids in the ledger")
        told = [str(page.cell(row, column).value) for row in range(4, page.max_row + 1)]
        ids = [one for text in told if text != "None" for one in text.split(", ")]
        assert ids
        assert set(ids) <= known, name


def test_a_written_study_asks_for_a_plan_only_when_the_study_did(study, tmp_path) -> None:
    assert "[concept]" not in study_toml(study.study, out=tmp_path)
    asked = type(study.study)(
        **{**study.study.model_dump(exclude_unset=True), "concept": {"hectares": 5.0}}
    )
    assert "[concept]" in study_toml(asked, out=tmp_path)
