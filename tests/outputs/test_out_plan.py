"""The folder of a plan: readable by others, the same bytes each time, and marked as a sketch everywhere."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from openpyxl import load_workbook

import kcity_geo as kc
from kcity_geo.errors import OutputError
from kcity_geo.outputs.claims import TEXT
from kcity_geo.outputs.plan_workbook import save_workbook
from kcity_geo.outputs.sheet_ids import numbers_of_workbook
from kcity_geo.plan_sheets import PlanSheets, Table
from kcity_geo.planning.sheets import plan_sheets
from tests.planning.conftest import box, make_city_data
from tests.support.shown import reads, texts

pytestmark = pytest.mark.filterwarnings("ignore:economics")


@pytest.fixture(scope="module")
def plan() -> kc.Plan:
    return kc.concept(box(500, 500, 1500, 1300), make_city_data(), "new_town")


@pytest.fixture(scope="module")
def folder(plan, tmp_path_factory) -> Path:
    return kc.save_plan(plan, tmp_path_factory.mktemp("plan") / "out")


def test_layers_of_the_geopackage(plan, folder) -> None:
    names = {name for name, _ in pyogrio.list_layers(folder / "plan.gpkg")}
    assert {"site", "land", "streets", "blocks", "parcels", "phases"} <= names
    parcels = gpd.read_file(folder / "plan.gpkg", layer="parcels")
    assert len(parcels) == len(plan.layout.parcels)
    assert parcels.crs == plan.data.city.crs
    phases = gpd.read_file(folder / "plan.gpkg", layer="phases")
    assert phases["area_m2"].sum() == pytest.approx(plan.layout.blocks["area_m2"].sum())
    assert phases["area_m2"].to_numpy() == pytest.approx(phases.area.to_numpy())
    assert phases["opened_m2"].sum() == pytest.approx(plan.phases["hectares_opened"].max() * 1e4)
    site, given = (
        gpd.read_file(folder / "plan.gpkg", layer=name) for name in ("site", "site_given")
    )
    assert site["area_m2"].iloc[0] == pytest.approx(1000 * 800) == given["area_m2"].iloc[0]
    assert "not a design" in gpd.read_file(folder / "plan.gpkg", layer="site")["note"].iloc[0]


def test_what_is_priced_is_what_the_layers_hold(plan, folder) -> None:
    land = (
        pyogrio.read_dataframe(folder / "plan.gpkg", layer="land").groupby("kind")["area_m2"].sum()
    )
    blocks = pyogrio.read_dataframe(folder / "plan.gpkg", layer="blocks")
    of_use = blocks.groupby("use")["area_m2"].sum()
    priced = plan.cost.lines.groupby("row")["amount"].sum()
    parks = of_use["parks"] + land.get("green", 0.0)
    assert priced["street_area"] == pytest.approx(land["street"])
    assert priced["park_area"] == pytest.approx(parks)
    developed = of_use.sum() - of_use.get("reserve", 0.0) + land.get("green", 0.0) + land["street"]
    assert priced["land_preparation"] == pytest.approx(developed)
    assert plan.phases["hectares_opened"].max() == pytest.approx(developed / 1e4)
    drawn = plan.layout.areas.set_index("use")["drawn_ha"]
    assert priced["park_area"] / 1e4 == pytest.approx(drawn["parks"])
    assert drawn["parks"] != pytest.approx(
        plan.budget.hectares["parks"]
    )  # what was asked for is told beside it
    counted = pd.read_csv(folder / "cost.csv").set_index("Work")["What is counted"]
    assert counted["Park, area"].eq("land of parks, as drawn").all()


def test_the_polygon_as_given_stands_beside_the_site_that_is_planned(tmp_path) -> None:
    data = make_city_data()
    edge = data.city.boundary_metric.bounds[0]
    _, south, _, north = box(500, 500, 1500, 1300).bounds
    across = shapely.box(edge - 200, south, edge + 800, north)
    with pytest.warns(kc.KCityWarning, match=r"20\.0% of it lie outside"):
        plan = kc.concept(across, data, "new_town", options=kc.ConceptOptions(networks=False))
    sheets = plan_sheets(plan)
    assert sheets.layers["site"][0]["area_m2"].iloc[0] == pytest.approx(800 * 800)
    assert sheets.layers["site_given"][0]["area_m2"].iloc[0] == pytest.approx(1000 * 800)
    assert "given" in {layer.style for layer in sheets.maps[0].layers}
    assert sheets.tables["site"].frame["Area"].tolist()[:2] == pytest.approx([80.0, 64.0])


def test_costs_of_the_workbook_are_formulas_that_give_the_cost(plan, folder) -> None:
    page = load_workbook(folder / "plan.xlsx")["cost"]
    rows = list(page.iter_rows(min_row=4, max_row=3 + len(plan.cost.lines)))
    heads = [str(cell.value).split(" (")[0] for cell in page[3]]
    quantity, price, cost = (heads.index(name) for name in ("Quantity", "Price", "Cost"))
    total = 0.0
    for row, line in zip(rows, plan.cost.lines.itertuples(), strict=True):
        formula = row[cost].value
        if line.sector == "added":
            share, top, low, at = re.fullmatch(
                r"=([\d.]+)\*SUMIFS\(F\$(\d+):F\$(\d+),B\$\2:B\$\3,B(\d+)\)", formula
            ).groups()
            above = plan.cost.lines.iloc[int(top) - 4 : int(low) - 3]
            assert int(at) == row[0].row
            assert line.title not in set(above["title"])
            worth = float(share) * above.loc[above["phase"] == line.phase, "cost"].sum()
            assert worth == pytest.approx(line.cost, rel=1e-9)
            total += worth
        else:
            assert formula == f"={row[quantity].coordinate}*{row[price].coordinate}"
            worth = row[quantity].value * row[price].value
            assert worth == pytest.approx(line.cost, rel=1e-9)
            total += worth
    assert total == pytest.approx(plan.cost.total)
    last = page.cell(4 + len(plan.cost.lines), cost + 1).value
    assert str(last).startswith("=SUM(")
    # programs that do not compute show the same money
    shown = load_workbook(folder / "plan.xlsx", data_only=True)["cost"]
    values = [shown.cell(4 + n, cost + 1).value for n in range(len(plan.cost.lines) + 1)]
    assert values[:-1] == pytest.approx(plan.cost.lines["cost"].tolist())
    assert values[-1] == pytest.approx(plan.cost.total)


def test_the_page_tells_each_work_once_and_the_files_each_phase(plan, folder) -> None:
    tables = plan_sheets(plan).tables
    works, phases = tables["cost_by_work"].frame, tables["cost_by_phase"].frame
    lines = plan.cost.lines
    assert works["Cost"].sum() == pytest.approx(plan.cost.total)
    assert phases["Cost"].sum() == pytest.approx(plan.cost.total)
    assert phases["Cost"].tolist() == pytest.approx(list(plan.cost.by_phase.values()))
    assert works["Work"].tolist() == list(dict.fromkeys(lines["title"]))
    priced = works[works["Unit"] != ""]
    np.testing.assert_allclose(priced["Quantity"] * priced["Price"], priced["Cost"], rtol=1e-9)
    page = (folder / "plan.html").read_text(encoding="utf-8")
    # Its cost, its source, and the works that rest on prices nobody read.
    assert page.count("Land preparation") == 3


def test_the_name_of_a_city_is_no_formula(tmp_path) -> None:
    table = Table(title="Land", frame=pd.DataFrame({"=1+1": ["=2+2"]}))
    about = dict.fromkeys((one.name for one in fields(PlanSheets)), "")
    sheets = PlanSheets(**about | {"city": '=HYPERLINK("http://x")', "tables": {"site": table}})
    save_workbook(sheets, tmp_path / "plan.xlsx")
    cells = [cell for row in load_workbook(tmp_path / "plan.xlsx")["site"] for cell in row]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []


def test_present_values_follow_from_the_cash_flow_of_the_files(plan, folder) -> None:
    flow = pd.read_csv(folder / "cash_flow.csv")
    money = plan.cost.basis.currency
    assert load_workbook(folder / "plan.xlsx")["cash_flow"]["A3"].value == "Year"
    parts = flow[[f"{name} ({money})" for name in ("Capital", "Upkeep", "Other costs")]].sum(axis=1)
    net = flow[f"Benefits ({money})"] - parts
    assert net.tolist() == pytest.approx(flow[f"Benefits less costs ({money})"].tolist())
    worth = (net / 1.06 ** flow["Year"]).sum()
    assert worth == pytest.approx(plan.economics.by_rate.loc[0.06, "npv"])
    # A benefit in the years that the note names pays for everything.
    note = plan_sheets(plan).tables["economics"].note
    need, first, last = (
        float(part.replace(",", ""))
        for part in re.findall(r"([\d.,]+) M \w+ a year .*year (\d+) to year (\d+),", note)[0]
    )
    years = flow["Year"]
    assert last == years.max()
    exact = plan.economics.required_benefit(0.06)
    assert need == pytest.approx(exact / 1e6, abs=0.05)
    pays = (exact * years.between(first, last) / 1.06**years).sum()
    assert pays == pytest.approx(-worth, rel=1e-6)


def test_what_is_below_half_a_school_is_no_school() -> None:
    small = kc.concept(
        box(500, 500, 1500, 1300), make_city_data(), "new_town", persons=12,
        options=kc.ConceptOptions(networks=False),
    )  # fmt: skip
    caption = next(s.caption for s in plan_sheets(small).maps if s.number == 18)
    assert "no elementary school and no clinic of its own" in caption


def test_other_rates_are_told_as_such() -> None:
    options = kc.ConceptOptions(rates=(0.05,), networks=False)
    one = kc.concept(box(500, 500, 1500, 1300), make_city_data(), "new_town", options=options)
    table = plan_sheets(one).tables["economics"]
    assert table.frame["Rate"].tolist() == [5.0]
    assert "at 5 %" in table.note
    assert "four" not in table.title


def test_styles_name_every_value_of_their_layer(plan, folder) -> None:
    for name, column in {
        "blocks": "use",
        "parcels": "use",
        "land": "kind",
        "streets": "class",
    }.items():
        style = (folder / f"{name}.qml").read_text(encoding="utf-8")
        assert f'attr="{column}"' in style
        values = re.findall(r'<category value="(\w+)"', style)
        assert set(values) == set(gpd.read_file(folder / "plan.gpkg", layer=name)[column])
        assert style.count("<symbol ") == len(values)
    with closing(sqlite3.connect(folder / "plan.gpkg")) as base:
        inside = {row[0] for row in base.execute("SELECT f_table_name FROM layer_styles")}
        told = json.loads(base.execute("SELECT metadata FROM gpkg_metadata").fetchone()[0])
    assert {p.stem for p in folder.glob("*.qml")} == inside
    assert told["attribution"]


def test_every_file_says_what_it_is(folder) -> None:
    page = (folder / "plan.html").read_text(encoding="utf-8")
    assert page.count("sketch, not a design") > 5
    for number in (17, 18, 19, 20):
        assert f"Sheet {number} · " in page
    for sheet in load_workbook(folder / "plan.xlsx"):
        assert "not for procurement" in sheet["A2"].value
    assert "sketch, not a design" in (folder / "README.txt").read_text(encoding="utf-8")


def test_the_same_plan_gives_the_same_bytes(plan, folder, tmp_path) -> None:
    again = kc.save_plan(plan, tmp_path / "out")
    names = sorted(p.name for p in folder.iterdir())
    assert names == sorted(p.name for p in again.iterdir())
    for name in names:
        one, two = (hashlib.sha256((f / name).read_bytes()).digest() for f in (folder, again))
        assert one == two, name


def test_a_folder_of_something_else_stays(plan, tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"no plan; give a new or empty folder"):
        kc.save_plan(plan, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_plan_replaces_its_own_folder_and_nothing_else(plan, tmp_path) -> None:
    folder = kc.save_plan(plan, tmp_path / "out")
    assert kc.save_plan(plan, folder) == folder
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"'thesis.txt', which is no part of a plan"):
        kc.save_plan(plan, folder)


def test_heads_of_csv_tables_have_units_and_sources_their_columns(folder) -> None:
    heads = {p.stem: p.read_text(encoding="utf-8").splitlines()[0] for p in folder.glob("*.csv")}
    assert "Rate (%)" in heads["economics"]
    assert "Cost (USD)" in heads["cost"]
    assert "Opened, with streets (ha)" in heads["phases"]
    sources = pd.read_csv(folder / "sources.csv", keep_default_na=False)
    prices = sources[sources["Input"].str.startswith("Price: ")]
    assert prices["Input"].str.contains("Land preparation").sum() == 1
    assert set(prices["Mark"]) <= {"V", "V2", "M", "D", "U"}
    assert (prices["Licence"] == "").all()


def test_words_of_the_page_read_as_sentences(folder) -> None:
    page = (folder / "plan.html").read_text(encoding="utf-8")
    assert not re.findall(r"\b1 (?:elementary schools|clinics)\b", page)
    starts = re.findall(r"<(?:p|h3|figcaption|/b> <span)(?: [^>]*)?>([a-z])", page)
    assert not starts
    assert "at most 0.0%" not in page


def test_each_number_of_page_and_workbook_has_an_id_of_the_ledger(folder) -> None:
    reader = pytest.importorskip("lxml.html")
    ledger = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    known = {row["id"]: row for row in ledger["claims"]}
    page = reader.fromstring((folder / "plan.html").read_text(encoding="utf-8"))
    cited = page.xpath("//*[@data-id]")
    assert len(cited) > 300
    for element in cited:
        row, shown = known[element.get("data-id")], element.text_content().replace("\xa0", " ")
        assert row["unit"] == TEXT or reads(shown, row["value"], row["unit"]), (shown, row)
    # Without an id: titles, heads and the legend of phases.
    assert [
        text
        for element, text in texts(page.find("body"))
        if re.search(r"\d", text)
        and not element.xpath(
            "self::h1 | self::h2 | self::th | self::b | self::li | self::p[@class='sub'] | self::span[parent::figcaption]"
        )
    ] == []
    seen = 0
    for key, number, place in numbers_of_workbook(folder / "plan.xlsx"):
        assert known[key]["value"] == pytest.approx(number, rel=1e-6, abs=1e-9), place
        seen += 1
    assert seen > 300


def test_each_number_of_the_ledger_has_its_formula_unit_and_parameters(folder, plan) -> None:
    ledger = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    formulas, rows = ledger["formulas"], {row["key"]: row for row in ledger["parameters"]}
    numbers = [row for row in ledger["claims"] if row["unit"] != TEXT]
    assert [
        row for row in numbers if row["formula"] not in formulas or row["formula"] == "plan"
    ] == []
    assert [row for row in numbers if row["unit"] == "1"] == []
    named = {key for formula in formulas.values() for key in formula.get("parameters", ())}
    assert named <= set(rows)
    assert all(row["mark"] and row["origin"] and row["unit"] for row in rows.values())
    # Two numbers by hand, from what the ledger itself says.
    value = {row["id"]: row["value"] for row in numbers}
    of = {row["id"]: row["formula"] for row in numbers}
    household = rows["concept.assumptions.household_persons"]["value"]
    assert value["plan.demand.2.Amount"] == pytest.approx(value["plan.demand.1.Amount"] * household)
    assert formulas[of["plan.demand.2.Amount"]]["parameters"] == [
        "concept.assumptions.household_persons"
    ]
    lights = plan.cost.lines.index[plan.cost.lines["row"] == "street_light_led"][0] + 1
    cost, quantity, price = (
        value[f"plan.cost.{lights}.{name}"] for name in ("Cost", "Quantity", "Price")
    )
    assert cost == pytest.approx(quantity * price)
    row = formulas[of[f"plan.cost.{lights}.Price"]]
    assert row["parameters"][0] == "costs.street_light_led"
    assert rows["costs.street_light_led"]["value"] == 1500.0
    assert "every 30 m" in formulas[of[f"plan.cost.{lights}.Quantity"]]["words"]


def test_verify_names_what_was_changed_in_a_plan(folder, tmp_path) -> None:
    assert kc.verify(folder) == ()  # from Python: files and tables, nothing to plan again
    copy = tmp_path / "plan"
    shutil.copytree(folder, copy)
    text = (copy / "plan.html").read_text(encoding="utf-8")
    shown = re.search(r'data-id="(plan\.cost_by_phase\.1\.\w+)"[^>]*>', text)
    changed = f"{text[: shown.end()]}7{text[shown.end() :]}"
    (copy / "plan.html").write_text(changed, encoding="utf-8")
    (copy / "cost.csv").write_text("x", encoding="utf-8")
    (copy / "phases.csv").unlink()
    found = [(one.kind, one.name) for one in kc.verify(copy)]
    assert ("output", "cost.csv") in found
    assert ("output", "phases.csv") in found
    assert ("number", f"{shown[1]} in plan.html") in found
