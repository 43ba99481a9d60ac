"""Verify: a flipped byte of an input, an output or a table is found and named, and so is a number."""

from __future__ import annotations

import base64
import json
import re
import shutil
import zipfile
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import kcity_geo as kc
from kcity_geo.cli import app
from kcity_geo.plans import plan_study

CORNER, SIDE_DEG = (-27.005, 44.995), 0.01


@pytest.fixture(scope="module")
def saved(tmp_path_factory, hanbit_town, no_pictures_here):
    """A finished study of a square kilometre of the demo town, with inputs of its own."""
    place = tmp_path_factory.mktemp("verified")
    for name in ("city.osm.pbf", "population.tif"):
        shutil.copyfile(hanbit_town / name, place / name)
    west, south = CORNER
    ring = [
        [west + x * SIDE_DEG, south + y * SIDE_DEG]
        for x, y in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
    ]
    shape = {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    (place / "boundary.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [shape]})
    )
    for name, maker in (
        ("boundary.geojson", "Outline Office"),
        ("population.tif", "People Office"),
    ):
        note = {"licence": "CC-BY-4.0", "attribution": maker}
        (place / f"{name}.json").write_text(json.dumps(note))
    (place / "study.toml").write_text(
        '[study]\nname = "piece"\nproject = "new_town"\ncell_m = 200\n[report]\ndocx = true\n[city]\nname = "Piece"\n'
        'boundary = "boundary.geojson"\n[official]\nyear = 2023\nsource = "Census of 2023"\n'
        '[sources]\nosm = "city.osm.pbf"\npopulation = "population.tif"\n'
    )
    with pytest.warns(kc.KCityWarning):
        kc.run(place / "study.toml", place / "out")
    return place


@pytest.fixture
def copied(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "copy")
    return tmp_path / "copy"


def flip(path, at: int = -20) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


def test_nothing_drifts_in_a_study_that_is_as_it_was(saved) -> None:
    assert kc.verify(saved / "out") == ()


def told_of(out) -> set[str]:
    return {one.name for one in kc.verify(out, recompute=False) if one.kind == "output"}


def test_one_flipped_byte_of_each_file_is_named(copied) -> None:
    """In all files at once, so that each must be found by itself; the two that say what to expect alone."""
    out = copied / "out"
    alone = ("study.toml", "ledger.json")
    names = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert len(names) > 40
    for name in names - set(alone):
        flip(out / name, at=(out / name).stat().st_size // 2)
    assert told_of(out) == names - set(alone)
    flip(out / "study.toml", at=2)
    assert told_of(out) == names - {"ledger.json"}
    content = (out / "ledger.json").read_bytes()
    flip(out / "ledger.json", at=content.index(b'"value":') + len('"value":'))
    with suppress(kc.KCityError):  # a byte may also leave no ledger that can be read
        assert "ledger.json" in told_of(out)


def test_a_number_that_was_changed_in_the_docx_is_named(copied) -> None:
    path = copied / "out" / "report.docx"
    ids = "population.city"
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    text = parts["word/document.xml"].decode("utf-8")
    at = text.index(">", text.index("<w:t>", text.index(f'w:val="{ids}"'))) + 1
    digit = re.compile(r"\d").search(text, at).start()
    other = "7" if text[digit] != "7" else "3"
    parts["word/document.xml"] = (text[:digit] + other + text[digit + 1 :]).encode("utf-8")
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    found = kc.verify(copied / "out", recompute=False)
    assert [(one.kind, one.name) for one in found] == [
        ("output", "report.docx"),
        ("number", f"{ids} in report.docx"),
    ]
    assert "when it was written" in found[1].detail


def test_a_number_that_was_changed_in_the_workbook_is_named(copied) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = copied / "out" / "study.xlsx"
    book = openpyxl.load_workbook(path)
    page = book["Indicators"]
    names = [cell.value for cell in page[3]]
    cell = page.cell(4, names.index("gap raw") + 1)
    key = f"{page.cell(4, names.index('indicator') + 1).value}.gap_raw.city"
    cell.value = 0.123
    book.save(path)
    found = [one for one in kc.verify(copied / "out", recompute=False) if one.kind == "number"]
    assert [one.name for one in found] == [f"{key} in study.xlsx"]
    assert f"0.123 in Indicators!{cell.coordinate}" in found[0].detail


def test_a_workbook_saved_anew_has_no_changed_number(copied, monkeypatch) -> None:
    """A cell holds a small number rounded to nine decimals, which was told as a change."""
    path, book = copied / "out" / "ledger.json", copied / "out" / "study.xlsx"
    ledger = json.loads(path.read_text(encoding="utf-8"))
    ledger["claims"].append({"id": "small", "value": 0.00011139454, "unit": "share"})
    path.write_text(json.dumps(ledger), encoding="utf-8")
    book.write_bytes(book.read_bytes() + b"x")
    for cell, changed in ((0.000111395, False), (0.000211395, True)):
        found = [("small", cell, "Indicators!K26")]
        monkeypatch.setattr("kcity_geo.verifying.numbers_of_workbook", lambda _, found=found: found)
        drift = kc.verify(copied / "out", recompute=False)
        assert any(one.kind == "number" for one in drift) is changed


def with_map(path, change) -> dict:
    """Change what a page of the map holds of its cells, and write it anew."""
    page = path.read_text(encoding="utf-8")
    start = page.index('id="kc-data">') + len('id="kc-data">')
    end = page.index("</script>", start)
    told = json.loads(page[start:end])
    change(told)
    path.write_text(page[:start] + json.dumps(told) + page[end:], encoding="utf-8")
    return told


def test_a_number_of_a_cell_that_was_changed_on_the_map_is_named(copied) -> None:
    path, cells = copied / "out" / "map.html", pd.read_parquet(copied / "out" / "cells.parquet")
    with_map(path, lambda _: None)
    found = kc.verify(copied / "out", recompute=False)
    assert [(one.kind, one.name) for one in found] == [("output", "map.html")]

    hover = with_map(path, lambda _: None)["hover"]
    fields = [one.get("column") for one in hover["fields"]]
    at = {one: fields.index(one) for one in ("transport_gap", "transport_reading", "population")}
    lines = [one for line in hover["explain"] for one in line["slots"].values() if "column" in one]
    shown = next(one for one in lines if one["column"] == "T1")
    cell = cells[np.isfinite(cells["transport_gap"]) & (cells["population"] > 1)].iloc[0]["cell_id"]
    column, row = (int(n) for n in re.findall(r"-?\d+", cell))
    place = (hover["first"][1] - row) * hover["columns"] + column - hover["first"][0]

    def tamper(told) -> None:
        arrays = told["hover"]["bytes"]
        for number in at.values():
            values = bytearray(zlib.decompress(base64.b64decode(arrays[number])))
            width = len(values) // (hover["rows"] * hover["columns"])
            values[place * width] ^= 2
            arrays[number] = base64.b64encode(zlib.compress(bytes(values))).decode()
        slots = [s for line in told["hover"]["explain"] for s in line["slots"].values()]
        slot = next(one for one in slots if one == shown)
        slot["texts"] = [text.replace("1", "2") for text in slot["texts"]]

    with_map(path, tamper)
    numbers = [one for one in kc.verify(copied / "out", recompute=False) if one.kind == "number"]
    names = [one.name for one in numbers]
    assert {f"cell.{cell}.{one} in map.html" for one in at} <= set(names)
    assert all(name.split(".")[2].removesuffix(" in map") in {*at, "T1"} for name in names)
    assert any(".T1 in map" in name for name in names)
    told = next(one.detail for one in numbers if ".transport_reading in" in one.name)
    assert "in cells.parquet" in told
    assert "(theme Transport" in told


def test_a_number_that_was_changed_in_the_table_of_cells_is_named(copied) -> None:
    path = copied / "out" / "cells.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("transport_gap")
    values = table["transport_gap"].to_numpy().copy()
    row = int(np.flatnonzero(np.isfinite(values))[0])
    values[row] = 1 - values[row] if abs(values[row] - 0.5) > 0.1 else 0.9
    pq.write_table(table.set_column(place, "transport_gap", pa.array(values)), path)
    cell = table["cell_id"][row].as_py()
    found = kc.verify(copied / "out")
    assert [(one.kind, one.name) for one in found] == [
        ("output", "cells.parquet"),
        ("number", f"cell.{cell}.transport_gap in map.html"),
        ("number", f"cell.{cell}.transport_gap in cells.parquet"),
    ]
    assert f"{values[row]:.6g} there" in found[2].detail


def test_a_flipped_byte_of_an_input_is_named(copied) -> None:
    flip(copied / "population.tif")
    found = kc.verify(copied / "out", recompute=False)
    assert [one.kind for one in found] == ["input"]
    assert "population.tif" in found[0].name


def test_a_changed_note_beside_an_input_is_named(copied) -> None:
    """The note says the licence that stands on every output."""
    note = {"licence": "CC-BY-NC-4.0", "attribution": "People Office"}
    (copied / "population.tif.json").write_text(json.dumps(note))
    found = kc.verify(copied / "out", recompute=False)
    assert [(one.kind, one.name) for one in found] == [("input", "../population.tif.json")]


def test_the_maker_of_the_outline_is_named(saved) -> None:
    """A map drawn from an outline under a licence names who made it, as of any input."""
    ledger = json.loads((saved / "out" / "ledger.json").read_text(encoding="utf-8"))
    row = next(one for one in ledger["inputs"] if one["id"] == "city.boundary")
    assert row["licence"] == "CC-BY-4.0"
    for name in ("ATTRIBUTION.txt", "report.html", "districts.geojson"):
        assert "Outline Office" in (saved / "out" / name).read_text(encoding="utf-8"), name


def test_a_changed_table_is_named(copied, monkeypatch) -> None:
    monkeypatch.setattr("kcity_geo.verifying.table_sha256", lambda: {"priors.toml": "0" * 64})
    found = kc.verify(copied / "out", recompute=False)
    assert ("table", "priors.toml") in [(one.kind, one.name) for one in found]


def test_a_number_that_comes_out_otherwise_is_named(copied) -> None:
    path = copied / "out" / "ledger.json"
    ledger = json.loads(path.read_text(encoding="utf-8"))
    row = next(r for r in ledger["claims"] if r["id"] == "T1.value.city")
    row["value"] = 0.123
    path.write_text(json.dumps(ledger), encoding="utf-8")
    found = kc.verify(copied / "out")
    assert [(one.kind, one.name) for one in found] == [
        ("output", "ledger.json"),
        ("number", "T1.value.city"),
    ]
    assert "0.123" in found[1].detail


def test_a_ledger_that_was_changed_is_named_without_running_again(copied) -> None:
    path = copied / "out" / "ledger.json"
    ledger = json.loads(path.read_text(encoding="utf-8"))
    ledger["claims"][0]["unit"] += "?"
    path.write_text(json.dumps(ledger), encoding="utf-8")
    found = kc.verify(copied / "out", recompute=False)
    assert [(one.kind, one.name) for one in found] == [("output", "ledger.json")]


def test_the_ledger_says_of_each_number_its_unit_and_formula(saved) -> None:
    ledger = json.loads((saved / "out" / "ledger.json").read_text(encoding="utf-8"))
    ids = [row["id"] for row in ledger["claims"]]
    assert len(ids) == len(set(ids)) > 100
    assert all(row["unit"] for row in ledger["claims"])
    assert {row["formula"] for row in ledger["claims"]} <= set(ledger["formulas"])
    papers = {one for rows in ledger["shown"].values() for key, _ in rows for one in key.split()}
    assert "official.source" in papers
    assert papers <= set(ids)


def test_indicators_of_one_family_have_a_formula_each(saved) -> None:
    """Formulas of a family stood under one key, so that T1 was said to be computed as T1_u4ssc."""
    ledger = json.loads((saved / "out" / "ledger.json").read_text(encoding="utf-8"))
    words = {key: told["words"] for key, told in ledger["formulas"].items()}
    formula = {row["id"]: row["formula"] for row in ledger["claims"]}
    for key, telling in (
        ("T1", "d_net(high) <= 1000 m"),
        ("T1_u4ssc", "d_net(any) <= 500 m"),
        ("T9_hospital", "nearest hospital"),
        ("T9_school", "nearest school"),
    ):
        assert telling in words[formula[f"{key}.value.city"]], key
    assert "health" in ledger["formulas"]["T9_hospital"]["layers"]
    sums = {one["id"]: one["sha256"] for one in ledger["inputs"]}
    assert ledger["formulas"]["gap_model"]["inputs"] == sums
    read = {key: sums[key] for key in ("city.boundary", "osm", "population")}
    assert ledger["formulas"]["T9_hospital"]["inputs"] == read
    assert {one["id"] for one in ledger["inputs"]} >= {"osm", "population"}


def test_all_that_stands_behind_a_number_is_told(saved) -> None:
    out = saved / "out"
    cells: Any = pd.read_parquet(out / "cells.parquet").set_index("cell_id")
    cell = cells["population"].idxmax()
    for key, unit, value in (
        ("population.city", "persons", None),
        (f"cell.{cell}.population", "persons", cells.loc[cell, "population"]),
        (f"cell.{cell}.T1_gap", "share", cells.loc[cell, "T1_gap"]),
    ):
        done = CliRunner().invoke(app, ["verify", str(out), "--number", key, "--json"])
        told = json.loads(done.stdout)
        assert (told["id"], told["unit"]) == (key, unit)
        assert told["value"] == pytest.approx(told["value"] if value is None else value)
        assert told["formula"]
        assert {"osm", "population"} & {one["id"] for one in told["inputs"] if one["sha256"]}
        assert told["version"]
        assert len(told["code_sha256"]) == 64
    done = CliRunner().invoke(app, ["verify", str(out), "--number", "T1.value.city"])
    assert "parameter transport." in done.output
    ledger = json.loads((out / "ledger.json").read_text(encoding="utf-8"))
    osm = next(one for one in ledger["inputs"] if one["id"] == "osm")
    assert f"input {', '.join(v for v in osm.values() if v)}" in done.output
    for wrong in ("T1.value.nowhere", "cell.x0_y0.population", f"cell.{cell}.nothing"):
        done = CliRunner().invoke(app, ["verify", str(out), "--number", wrong])
        assert done.exit_code == 2, wrong


def test_the_command_says_what_drifted_and_exits_with_1(copied) -> None:
    flip(copied / "out" / "report.html")
    (copied / "out" / "more.txt").write_text("x")
    done = CliRunner().invoke(app, ["verify", str(copied / "out"), "--files-only"])
    assert done.exit_code == 1
    assert "output report.html: was changed" in done.output
    assert "output more.txt: was added" in done.output


def test_a_folder_that_was_moved_alone_is_told_from_one_that_was_changed(copied, tmp_path) -> None:
    moved = shutil.move(copied / "out", tmp_path / "elsewhere" / "far" / "out")
    done = CliRunner().invoke(app, ["verify", str(moved), "--files-only"])
    assert done.exit_code == 1
    assert "is not here, so it was not compared" in done.output
    assert "All outputs are intact" in done.output


@pytest.mark.parametrize("text", [None, "{", "[]", '{"format": "x"}'])
def test_a_folder_without_a_sound_ledger_is_refused(tmp_path, text) -> None:
    if text is not None:
        (tmp_path / "ledger.json").write_text(text)
    done = CliRunner().invoke(app, ["verify", str(tmp_path)])
    assert done.exit_code == 2
    assert "ledger" in done.output


def test_a_plan_is_planned_again_and_only_the_number_that_changed_is_named(
    copied, hanbit_town
) -> None:
    plan, land = copied / "plan", copied / "land.geojson"
    west, south = CORNER
    ring = [
        [west + x * SIDE_DEG, south + y * SIDE_DEG]
        for x, y in ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.2))
    ]
    land.write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "properties": {},
                        "geometry": {"type": "Polygon", "coordinates": [ring]},
                    }
                ],
            }
        )
    )
    shutil.copyfile(hanbit_town / "elevation.tif", copied / "elevation.tif")
    study = copied / "study.toml"
    asked = 'elevation = "elevation.tif"\n'
    asked += '[suitability.sites]\ncandidates = "land.geojson"\n[concept]\nphases = [1.0]\n'
    study.write_text(study.read_text() + asked)
    with pytest.warns(kc.KCityWarning):
        plan_study(study, plan, site="land-A")
    path = plan / "ledger.json"
    ledger = json.loads(path.read_text(encoding="utf-8"))
    row = next(r for r in ledger["claims"] if r["id"].startswith("plan.cost.1.Cost"))
    row["value"] += 1
    path.write_text(json.dumps(ledger), encoding="utf-8")
    assert [(one.kind, one.name) for one in kc.verify(plan)] == [
        ("output", "ledger.json"),
        ("number", row["id"]),
    ]
