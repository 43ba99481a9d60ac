"""The workbook of a study: numbers are numbers, data are never formulas, formulas come out as in LibreOffice."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from kcity_geo.outputs.columns import column_table
from kcity_geo.outputs.frames import cell_frame
from kcity_geo.outputs.study_tables import save_study_workbook
from kcity_geo.outputs.study_workbook import Chart, Sheet, save_sheets
from kcity_geo.result import Dossiers

# An office with Writer alone opens no workbook: it is asked for by the name of Calc.
OFFICE = shutil.which("localc") or shutil.which("scalc")
HOSTILE = ['=HYPERLINK("http://x.test","y")', "+1+1", "-2+3", "@SUM(A1)", "=cmd|' /C calc'!A0"]


def _dossiers() -> Dossiers:
    lines = pd.DataFrame(
        {
            "site_id": ["site-01", "site-01"],
            "connection": ["road", "port"],
            "title": ["main road", "port"],
            "length_m": [2500.0, 9000.0],
            "new_m": [1500.0, 100.0],
            "straight_m": [1.0, 1.0],
            "cost_m": [1.0, 1.0],
            "to_name": [HOSTILE[0], None],
            "cost_basis": ["", ""],
            "note": ["", ""],
            "geometry": [None, None],
        }
    )
    facts = pd.DataFrame(
        [("site-01", "1", "land", "area_ha", "Area", 35.0, "ha", "", "outline")],
        columns=["site_id", "label", "topic", "item", "title", "value", "unit", "text", "basis"],
    )
    flags = pd.DataFrame({"site_id": ["site-01"], "label": ["1"], "flag": [HOSTILE[3]]})
    return Dossiers(facts=facts, connections=lines, flags=flags)


@pytest.fixture(scope="module")
def book(build, tmp_path_factory):
    """The workbook of a city whose names look like formulas."""
    study = dataclasses.replace(build(name=HOSTILE[0]), dossiers=_dossiers())
    path = tmp_path_factory.mktemp("book") / "study.xlsx"
    save_study_workbook(study, path, columns=column_table(study, cell_frame(study)))
    return study, path


def _heads(page) -> dict[str, int]:
    return {str(cell.value): cell.column for cell in page[3]}


def test_one_workbook_holds_all_tables(book) -> None:
    pages = openpyxl.load_workbook(book[1]).sheetnames
    assert pages == [
        "Summary", "Readings", "Districts", "Indicators", "Indicators by district", "Sites",
        "Site dossiers", "Cost of connections", "Red flags", "Survey first", "Assumptions", "Sources",
        "Columns", "Ledger ids",
    ]  # fmt: skip


def test_no_formula_is_born_from_data_and_names_appear_as_written(book) -> None:
    found, texts = [], set()
    for page in openpyxl.load_workbook(book[1]):
        for row in page.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    found.append(str(cell.value))
                elif isinstance(cell.value, str):
                    texts.add(cell.value)
    assert found
    for formula in found:
        assert "HYPERLINK" not in formula
        assert "cmd" not in formula
    assert HOSTILE[0] in texts
    assert HOSTILE[3] in texts


def test_cost_is_quantity_times_price(book) -> None:
    page = openpyxl.load_workbook(book[1])["Cost of connections"]
    heads = _heads(page)
    held = openpyxl.load_workbook(book[1], data_only=True)["Cost of connections"]
    cost = page.cell(4, heads["cost"])
    letters = [page.cell(4, heads[k]).column_letter for k in ("quantity (km)", "price")]
    assert cost.value == f"={letters[0]}4*{letters[1]}4"
    # 1.5 km of road of two lanes at a million USD (tables/costs.toml, road_paved_2lane)
    assert held.cell(4, heads["cost"]).value == pytest.approx(1_500_000)
    assert held.cell(5, heads["cost"]).value is None  # nobody knows the price of a port road
    assert held.cell(6, heads["cost"]).value == pytest.approx(1_500_000)


def test_shares_and_totals_of_readings_are_formulas(book) -> None:
    study, path = book
    page = openpyxl.load_workbook(path)["Readings"]
    held = openpyxl.load_workbook(path, data_only=True)["Readings"]
    heads = _heads(page)
    assert str(page.cell(4, heads["people (persons)"]).value).startswith("=SUM(")
    city = study.gaps.city.loc["transport"]
    people = held.cell(4, heads["people (persons)"]).value
    assert held.cell(4, heads["people short, share"]).value == pytest.approx(
        city["people_short"] / people
    )
    assert page.freeze_panes == "B4"
    assert page.cell(4, heads["gap"]).number_format == "0.0%"
    assert len(page._charts) == 1


def test_the_same_study_gives_the_same_bytes(book, tmp_path) -> None:
    study, path = book
    save_study_workbook(
        study, tmp_path / "again.xlsx", columns=column_table(study, cell_frame(study))
    )
    assert (tmp_path / "again.xlsx").read_bytes() == path.read_bytes()


def test_a_chart_without_its_columns_is_left_out(tmp_path) -> None:
    frame = pd.DataFrame({"a": [1.0, float("nan")], "b": ["x", None]})
    chart = Chart(title="c", label="missing", columns=("a",))
    save_sheets(
        {"S": Sheet(title="t", frame=frame, chart=chart)}, tmp_path / "a.xlsx", title="t", told="x"
    )
    page = openpyxl.load_workbook(tmp_path / "a.xlsx")["S"]
    assert [page["A4"].value, page["A5"].value, page["B5"].value] == [1, None, None]
    assert page._charts == []


@pytest.mark.skipif(OFFICE is None, reason="needs LibreOffice (apt-get install libreoffice-calc)")
def test_libreoffice_computes_the_same_numbers(book, tmp_path) -> None:
    done = subprocess.run(
        [
            str(OFFICE), "--headless", f"-env:UserInstallation=file://{tmp_path / 'profile'}",
            "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(tmp_path / "out"), str(book[1]),
        ],
        capture_output=True, timeout=200, check=False,
    )  # fmt: skip
    again = Path(tmp_path / "out" / "study.xlsx")
    assert again.is_file(), done.stderr[-1000:]
    formulas = openpyxl.load_workbook(book[1])
    told, new = (openpyxl.load_workbook(p, data_only=True) for p in (book[1], again))
    seen = 0
    for page in formulas:
        for row in page.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    seen += 1
                    ours = told[page.title][cell.coordinate].value
                    theirs = new[page.title][cell.coordinate].value
                    assert theirs == pytest.approx(ours, rel=1e-9), (page.title, cell.coordinate)
    assert seen > 10


def test_a_unit_stands_once_above_a_column(tmp_path) -> None:
    frame = pd.DataFrame({"area_km2": [1.5], "population": [3.0]})
    sheet = Sheet(title="x", frame=frame, units={"area_km2": "km2", "population": "persons"})
    save_sheets({"a": sheet}, tmp_path / "x.xlsx", title="x", told="y")
    page = openpyxl.load_workbook(tmp_path / "x.xlsx")["a"]
    assert [cell.value for cell in page[3]] == ["area km2", "population (persons)"]


def test_a_long_text_shows_whole_and_heads_stand_above_their_numbers(tmp_path) -> None:
    long = "a word and another " * 12
    frame = pd.DataFrame({"name": ["a", long], "people": [1.0, 2.0], "data": ["good", "poor"]})
    path = tmp_path / "a.xlsx"
    save_sheets({"A": Sheet(title="T", frame=frame)}, path, title="T", told="")
    page = openpyxl.load_workbook(path)["A"]
    room = page.column_dimensions["A"].width
    lines = page.row_dimensions[5].height / 15
    assert lines * room >= len(long.strip()), "the end of the text would be cut off"
    assert page["A5"].alignment.wrap_text
    assert page.row_dimensions[4].height is None
    assert page["B3"].alignment.horizontal == "right"
    assert (page["C4"].alignment.indent, page["A4"].alignment.indent) == (1, 0)
    assert {page[place].font.name for place in ("A1", "A3", "A4")} == {"Calibri"}
