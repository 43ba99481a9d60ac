"""Each number of a paper has an id of the ledger, or is of a kind that is no result."""

from __future__ import annotations

import json
import math
import re

import pytest

from kcity_geo.outputs.cited import cited, cited_markup, citing, ids_in, short_ids, uncited
from kcity_geo.outputs.claims import TEXT, claims
from kcity_geo.outputs.ledger_inputs import own_outlines
from kcity_geo.outputs.map_numbers import drift_of_map, read_cells
from kcity_geo.outputs.report import build_report
from kcity_geo.outputs.sheet_ids import numbers_of_workbook
from kcity_geo.studyfile import Study
from tests.support.shown import cells_without_id, numbers_in, reads, texts, without_id


@pytest.fixture(scope="module")
def told(town_run, dots_for_pictures):
    """The report of the demo town as it is printed, and the claims of its ledger by id."""
    reader = pytest.importorskip("lxml.html")
    with dots_for_pictures():
        page = reader.document_fromstring(build_report(town_run[0], printed=True))
    return page, {row["id"]: row for row in claims(town_run[0])}


def test_each_number_of_the_report_has_an_id_or_is_no_result(told) -> None:
    page, _ = told
    assert not without_id(page)
    assert len(page.xpath("//*[@data-id]")) > 1000
    # The look itself sees a number without an id.
    first = page.xpath("//p[@class='answer']//*[@data-id]")[0]
    first.attrib.pop("data-id")
    assert len(without_id(page)) == 1


def test_each_id_is_of_the_ledger_and_shows_its_value(told) -> None:
    page, known = told
    for element in page.xpath("//*[@data-id]"):
        ids, shown = element.get("data-id").split(), element.text_content().replace("\xa0", " ")
        assert set(ids) <= set(known), (ids, shown)
        for key in ids:
            row = known[key]
            if row["unit"] == TEXT:
                missing = [n for n in numbers_in(shown) if not reads(row["value"], n, "")]
                # Classes, curves and standards are told in words of their own: 0.9 as 90 of 100.
                own_words = (".limit", ".value_function", "_score.basis", ".variant")
                assert not missing or key.endswith(own_words), (key, shown)
            else:
                assert row["value"] is not None, (key, shown)
                assert math.isfinite(row["value"])
                assert reads(shown, row["value"], row["unit"]), (key, shown, row)


def test_each_number_of_the_workbook_has_an_id_and_is_that_of_the_ledger(town_run, told) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path, known = town_run[1] / "study.xlsx", told[1]
    book = openpyxl.load_workbook(path)
    rules: dict[str, set[str]] = {}
    for row in book.worksheets[-1].iter_rows(min_row=4, values_only=True):
        rules.setdefault(row[0], set()).add(row[1])
    # The summary has its ids beside the numbers.
    assert all(row[3] for row in book.worksheets[0].iter_rows(min_row=4, values_only=True)
               if isinstance(row[1], int | float))  # fmt: skip
    left = cells_without_id(book, rules)
    assert [cell for cell in left if not cell.startswith("Summary!")] == []
    seen = 0
    for key, number, place in numbers_of_workbook(path):
        assert known[key]["value"] == pytest.approx(number, rel=1e-6, abs=1e-9), (key, place)
        seen += 1
    assert seen > 2000


def test_no_tag_of_word_is_longer_than_word_reads(told) -> None:
    for element in told[0].xpath("//*[@data-id]"):
        assert len(element.get("data-id")) <= 64
    long = "population." + "x" * 60
    assert len(short_ids(f"{long}1")) == len(short_ids(f"{long}2")) == 64
    assert short_ids(f"{long}1") != short_ids(f"{long}2")


def test_ids_travel_through_sentences_and_fall_away_where_nobody_asks() -> None:
    assert cited("38 %", "a.b") == "38 %"
    with citing():
        text = f"{cited('38 %', 'a.b')} of {cited('1,200', 'c.lo', 'c.hi')}, {cited('none', 'd')}"
        assert uncited(text) == "38 % of 1,200, none"
        assert ids_in(text) == ("a.b", "c.lo", "c.hi")
        assert cited(text, "e") == text
        html = cited_markup(text)
    assert html.count("data-id=") == 2
    assert re.sub("<[^>]*>", "", html) == "38 % of 1,200, none"


def test_each_number_of_the_panel_and_of_cards_of_the_map_has_an_id(town_run, told) -> None:
    reader, known = pytest.importorskip("lxml.html"), told[1]
    page = reader.fromstring((town_run[1] / "map.html").read_text(encoding="utf-8"))
    panel = page.find(".//aside")
    left = [
        text
        for element, text in texts(panel)
        if re.search(r"\d", re.sub(r"number \d+|\d{4}-\d\d-\d\d|of 100", "", text))
        # Meanings of the readings, names of sites, how many lines are folded away.
        and not element.xpath("self::dd | self::b | self::summary")
    ]
    assert left == []
    cited_in = panel.xpath(".//*[@data-id]")
    assert len(cited_in) > 20
    ids = {key for element in cited_in for key in element.get("data-id").split()}
    payload = json.loads(page.get_element_by_id("kc-data").text)
    ids |= {key for site in payload["sites"] for key in site["ledger"]}
    ids |= {row[2] for rows in payload["hover"]["explained"] for row in rows}
    assert ids <= set(known)


def test_each_share_of_a_legend_has_an_id_and_is_that_of_the_ledger(town_run, told) -> None:
    page = pytest.importorskip("lxml.html").fromstring((town_run[1] / "map.html").read_bytes())
    seen = 0
    for theme in json.loads(page.get_element_by_id("kc-data").text)["themes"]:
        for row in theme["rows"]:
            if theme["group"] == "plan" or not (row["share"] or theme["key"] == "excluded"):
                continue
            claim = told[1][row["id"]]
            assert reads(row["share"] or row["words"], claim["value"], claim["unit"]), (
                theme["key"],
                row,
            )
            seen += 1
    assert seen > 60


def test_each_number_of_a_cell_on_the_map_has_a_rule_in_the_ledger(town_run) -> None:
    page = pytest.importorskip("lxml.html").fromstring((town_run[1] / "map.html").read_bytes())
    hover = json.loads(page.get_element_by_id("kc-data").text)["hover"]
    slots = {name: slot for line in hover["explain"] for name, slot in line["slots"].items()}
    bare = {name for name, slot in slots.items() if "column" not in slot}
    assert bare <= {"worst", "data", "text"}  # words that follow from numbers beside them
    shown = [*hover["fields"], *(s for line in hover["explain"] for s in line["slots"].values())]
    ledger = json.loads((town_run[1] / "ledger.json").read_text(encoding="utf-8"))
    rules = {row["column"]: row for row in ledger["rules"]}
    cells = read_cells(town_run[1] / "cells.parquet")
    assert {one["column"] for one in shown if "column" in one} <= set(rules)
    assert set(rules) == set(cells.columns) - {"cell_id", "cells"}
    for row in rules.values():
        assert row["id"] == f"cell.[cell_id].{row['column']}"
        assert row["unit"]
        assert row["formula"] in ledger["formulas"]
    # What the page holds is what stands in the table, at the precision of the page.
    assert list(drift_of_map(town_run[1] / "map.html", cells)) == []


def test_a_formula_names_the_inputs_that_were_read_by_their_checksums(town_run) -> None:
    ledger = json.loads((town_run[1] / "ledger.json").read_text(encoding="utf-8"))
    sums = {row["id"]: row["sha256"] for row in ledger["inputs"]}
    of = {key: told.get("inputs", {}) for key, told in ledger["formulas"].items()}
    for inputs in of.values():
        assert inputs.items() <= sums.items()
    assert of["gap_model"] == sums
    assert {"osm", "nightlights"} <= set(of["E2"])
    assert {"osm", "elevation"} <= set(of["W7"])
    assert not {"elevation", "nightlights"} & set(of["E5"])


def test_an_outline_without_a_licence_is_told_as_the_own_one(tmp_path) -> None:
    for name in ("town.geojson", "parts.geojson"):
        (tmp_path / name).write_text("{}")
    study = Study(city={"boundary": "town.geojson", "districts": "parts.geojson"}, folder=tmp_path)
    (row,) = own_outlines(study, ["city.districts"])
    assert (row["id"], row["file"], row["licence"]) == ("city.boundary", "town.geojson", "own")
    assert len(row["sha256"]) == 64
    assert "no licence is stated" in row["note"]
