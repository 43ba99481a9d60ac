"""Dossiers in files: layers, a workbook of the same bytes, and a table in the report."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from kcity_geo.analysis.sites.dossier import dossier
from kcity_geo.notes import muted
from kcity_geo.outputs.dossiers import dossier_layers, dossier_sheets, report_dossiers
from kcity_geo.outputs.report import build_report
from kcity_geo.outputs.site_words import site_rows
from kcity_geo.outputs.summary import summarise
from kcity_geo.outputs.vectors import save_geojson
from kcity_geo.outputs.workbook import save_workbook


@pytest.fixture(scope="module")
def told(build):
    result = build(cell_m=500.0)
    with muted():
        found = dossier(result.sites, result.score, result.data)
    return replace(result, dossiers=found)


def test_every_site_has_a_feature_with_its_facts(told, tmp_path) -> None:
    layers = {name: (frame, key, about) for name, frame, key, about in dossier_layers(told)}
    frame, key, about = layers["dossiers"]
    save_geojson(frame, tmp_path / "d.geojson", id_column=key, result=told, description=about)
    features = json.loads((tmp_path / "d.geojson").read_text(encoding="utf-8"))["features"]
    assert len(features) == len(told.sites)
    shown = features[0]["properties"]
    assert shown["area_ha"] == pytest.approx(told.sites["area_ha"].iloc[0])
    assert shown["owner"] is None
    assert "red_flags" in shown


def test_two_workbooks_are_the_same_bytes_and_hold_all_facts(told, tmp_path) -> None:
    sheets = dossier_sheets(told.dossiers)
    for name in ("one.xlsx", "two.xlsx"):
        save_workbook(sheets, tmp_path / name)
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()
    back = pd.read_excel(tmp_path / "one.xlsx", sheet_name=None)
    assert set(back) == {"dossiers", "connections", "red flags"}
    assert len(back["dossiers"]) == len(told.dossiers.facts)


def test_no_cell_of_a_workbook_is_a_formula(tmp_path) -> None:
    save_workbook({"a": pd.DataFrame({"x": ["=1+1", "@cmd"]})}, tmp_path / "a.xlsx")
    back = pd.read_excel(tmp_path / "a.xlsx")["x"].tolist()
    assert all(not str(value).startswith(("=", "@")) for value in back)


def test_a_dossier_speaks_in_words_and_one_style_of_units(told) -> None:
    dossiers = report_dossiers(told)
    rows = [row for one in dossiers.values() for row in one["rows"]]
    words = " | ".join(f"{r.title} {r.value} {r.basis}" for r in rows)
    assert not re.search(
        r"lin_|trap|\bcat \[|sig_|gauss|\bm[23]\b|\bcount\b|4 pi|table of sites", words
    )
    assert "full score" in words
    sheet = " | ".join(dossier_sheets(told.dossiers)["dossiers"]["basis"])
    assert not re.search(r"lin_|trap \[|cat \[", sheet)


@pytest.mark.usefixtures("no_pictures")
def test_a_red_flag_speaks_against_a_site_on_the_first_page_and_in_its_card(told) -> None:
    flag = "a protected area lies beside it, as mapped"
    first = told.sites.iloc[0]
    row = told.dossiers.flags.iloc[:0].reindex([0]).assign(
        site_id=str(first["site_id"]), label=str(first.get("label", first["rank"])), flag=flag
    )  # fmt: skip
    flagged = replace(told, dossiers=replace(told.dossiers, flags=row))
    brief = build_report(flagged).split('<ol class="sites', 1)[1].split("</li>", 1)[0]
    assert flag in brief.replace("&#39;", "'")
    assert site_rows(flagged)[0].flags == (flag,)
    assert all(flag not in one.flags for one in site_rows(flagged)[1:])


def test_residents_stand_once_against_a_site_and_a_sentence_is_not_cut_in_two(told) -> None:
    first = told.sites.iloc[0]
    flag = "residents on it, to be resettled: about 232"
    row = told.dossiers.flags.iloc[:0].reindex([0]).assign(
        site_id=str(first["site_id"]), label=str(first.get("label", first["rank"])), flag=flag
    )  # fmt: skip
    why = "No ranking possible: slope unknown; add sources.elevation"
    concerns = f"{why}; residents on it: about 232; trees cover 48 % of it"
    sites = told.sites.assign(concerns=concerns, not_checked=why)
    found = replace(told, sites=sites, dossiers=replace(told.dossiers, flags=row))
    one, other = site_rows(found)[:2]
    why = why.replace("sources.elevation", "elevation data")
    assert one.against == (flag, why, "trees cover 48 % of it")
    assert one.concerns == (why, "residents on it: about 232", "trees cover 48 % of it")
    assert other.against == other.concerns  # no flag tells it


@pytest.mark.usefixtures("no_pictures")
def test_the_report_names_given_areas_and_does_not_call_them_connected_land(told) -> None:
    sites = told.sites.assign(candidate=["North <field>", *map(str, range(len(told.sites) - 1))])
    text = build_report(replace(told, sites=sites))
    assert "(North &lt;field&gt;)" in text
    assert "Connected land that scores high enough" not in text
    assert "Land that was given" in text
    bad = build_report(replace(told, sites=sites.assign(fits=False)))
    assert "large, wide and open enough for" in bad
    assert "The best site for" not in bad


def test_the_sentence_on_the_best_site_tells_its_red_flags(told) -> None:
    best = told.sites["site_id"].iloc[0]
    words = ["its streets are not joined to the city", "more homes stand on it than work there"]
    flags = told.dossiers.flags.iloc[:0].reindex(range(2)).assign(site_id=best, flag=words)
    for rows, end in (
        (flags, f" Red flags: 2, the first: {words[0]}."),
        (flags.iloc[:0], " of 100."),
    ):
        study = replace(told, dossiers=replace(told.dossiers, flags=rows))
        assert summarise(study).headline[-1].endswith(end)


@pytest.mark.usefixtures("no_pictures")
def test_the_report_holds_the_dossier_with_lines_to_fill_in(told) -> None:
    text = build_report(told)
    assert text.count("<summary>Dossier of") == len(told.sites)
    assert "Owner and title" in text
    assert report_dossiers(replace(told, dossiers=None)) == {}
    assert dossier_layers(replace(told, dossiers=None)) == []
