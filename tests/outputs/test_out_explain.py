"""Why a place reads as it does: numbers that a reader can redo, the same everywhere."""

from __future__ import annotations

import base64
import dataclasses
import zlib

import numpy as np
import pandas as pd
import pytest

from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.cube import cell_ids
from kcity_geo.errors import StudyError
from kcity_geo.outputs.explain import cell_lines, explain, unit_rows
from kcity_geo.outputs.explained_numbers import _texts_in_order, number_words
from kcity_geo.outputs.hover import hover_data
from kcity_geo.result import Indicator


def test_a_cell_tells_value_standard_gap_range_chance_evidence_and_reading(result) -> None:
    gaps, ids = result.gaps, cell_ids(result.data.grid)
    lived = np.nan_to_num(gaps.cells["population"].to_numpy()).ravel() >= 1
    cell = int(np.flatnonzero(lived)[7])
    text = gaps.explain(ids[cell])
    value = round(100 * float(gaps.cells["T1"].to_numpy().ravel()[cell]))
    gap = round(100 * float(gaps.cells["T1_gap"].to_numpy().ravel()[cell]))
    assert (
        f"People near public transport (SDG 11.2.1): {value} %, standard 100 % (gap 100 % at 0 %); "
        f"gap {gap} % as mapped" in text
    )
    assert value + gap == pytest.approx(100, abs=1)  # the arithmetic that a reader can redo
    for words in (
        "Transport:",
        "as mapped;",
        "with what the map may lack",
        "% of cases like this",
        "Evidence",
    ):
        assert words in text
    assert "Water: Not assessed (the data to judge it are missing)" in text
    assert "a sector is missing" in text


def test_districts_and_the_city_are_explained_too(result) -> None:
    text = result.gaps.explain("d2")
    assert text.splitlines()[0] == "Harbour: 2,000 people"
    assert "People in cells that fall short or probably do: 400." in text
    assert "(whole city: stop presence only)" in text
    assert "(stop presence only)" in result.gaps.explain()
    assert explain(result.gaps, "city") == result.gaps.explain()


def test_a_district_is_told_its_own_reason_why_gap_and_value_part(result) -> None:
    """Of the land for streets of a district, 21 % where its gap was 45 %, it was said that most live where it is better."""
    gaps, rows = result.gaps, result.gaps.indicators
    both = rows[(rows["indicator"] == "T1") & rows["unit_id"].isin(["city", "d2"])].copy()
    better = "the value is a mean over land; most people live where it is better, and the gap counts people"
    both = both.assign(indicator="T6", units="share", standard=0.3, worst=0.05, note=better)
    both.loc[both["unit_id"] == "d2", ["value", "gap_raw", "note"]] = [0.21, 0.45, ""]
    land = Indicator(id="T6", value=0.24, units="share", note="per built-up land")
    text = dataclasses.replace(gaps, indicators=both, assessed=(land,)).explain("d2")
    (line,) = (line for line in text.splitlines() if "standard 30 %" in line)
    assert "(the value is a mean over land; the gap counts everybody beyond the standard)" in line
    assert "(whole city: per built-up land)" in line
    assert "better" not in line


def test_flood_prone_land_is_no_shortfall(result) -> None:
    """Of land, not of supply: it read 'People in cells that fall short or probably do: 70.'"""
    gaps = result.gaps
    told: dict[str, float | str] = {
        f"flood_{key}": 0.2 for key in ("gap", "gap_raw", "gap_lo", "gap_hi", "evidence")
    }
    told |= {"flood_p_short": 0.1, "flood_people_short": 70.0, "flood_data": "fair"}
    told["flood_reading"] = "Partly flood-prone"
    lines = dataclasses.replace(gaps, districts=gaps.districts.assign(**told)).explain("d2")
    flood = lines.partition("Flood-prone land: ")[2]
    assert "People in cells that are flood-prone or probably are: 70." in flood
    assert "Flood-prone (40 % or more of the ground) in 10 % of cases like this." in flood
    assert "short" not in flood
    cell = [line.template for line in cell_lines(gaps)]
    assert sum(text.startswith("Flood-prone (") for text in cell) == 1


def test_where_the_map_tells_nothing_of_the_streets_the_range_says_what_it_takes(result) -> None:
    """A cell read 62 % as mapped, 18 to 57 % with what the map may lack, and no line said why."""
    gaps = result.gaps
    cells = gaps.cells.copy()
    lived = (cells["population"].to_numpy() >= 1) & np.isfinite(cells["transport_gap"].to_numpy())
    city = gaps.indicators[gaps.indicators["unit_id"] == "city"].iloc[:1]
    row = city.assign(indicator="T6", title="Land allocated to streets", units="share", gap_raw=0.2)
    known = np.where(np.arange(lived.size).reshape(lived.shape) % 2 == 0, 0.2, np.nan)
    cells["T6_gap"] = (cells["transport_gap"].dims, np.where(lived, known, np.nan))
    cells["urban_class"] = (cells["transport_gap"].dims, np.full(lived.shape, 3, dtype=np.uint8))
    changed = dataclasses.replace(gaps, cells=cells, indicators=pd.concat([gaps.indicators, row]))
    (line,) = (
        one
        for one in cell_lines(changed)
        if any("not known here" in t for t in one.slots.get("text", ((),))[0])
    )
    said = np.array([bool(line.text(i)) for i in range(lived.size)])
    assert said.any()
    assert np.array_equal(said, (lived & np.isnan(known)).ravel())


def test_what_is_known_of_the_city_alone_explains_a_district_too(result) -> None:
    """W4 of one number for all lay in the gap of a district and in none of its lines."""
    gaps, rows = result.gaps, result.gaps.indicators
    here = (rows["indicator"] == "T1") & (rows["unit_id"] == "d2")
    assert here.any()
    city_only = dataclasses.replace(gaps, indicators=rows[~here])
    lines = {text: ledger for _, text, ledger in unit_rows(city_only, "d2")}
    (told,) = (text for text in lines if "SDG 11.2.1" in text)
    assert "whole city: 55 %" in told
    assert "gap 45 % as mapped" in told
    assert lines[told] == "T1.value.city"


@pytest.mark.parametrize("place", ["x9999_y1", "nowhere", "", "x_y", "x1.5_y2"])
def test_a_place_that_is_not_there_is_named(result, place) -> None:
    with pytest.raises(StudyError, match="no cell or district"):
        result.gaps.explain(place)


@pytest.mark.parametrize("place", [None, 5, 1.5])
def test_a_place_that_is_no_text_is_refused_in_one_line(result, place) -> None:
    with pytest.raises(StudyError, match="give the text of an id"):
        result.gaps.explain(place)


def test_the_cell_that_the_message_advises_is_there_and_one_outside_is_not(result) -> None:
    with pytest.raises(StudyError) as told:
        result.gaps.explain("nowhere")
    advised = str(told.value).partition("(")[2].partition(")")[0]
    ids = cell_ids(result.data.grid)
    inside = result.data.inside.ravel()
    assert advised in set(ids[inside])
    assert result.gaps.explain(advised)
    if not inside.all():
        with pytest.raises(StudyError, match="no cell or district"):
            result.gaps.explain(ids[~inside][0])


def test_a_district_is_found_by_its_name_when_no_other_has_it(result) -> None:
    assert result.gaps.explain("Harbour") == result.gaps.explain("d2")
    twice = result.gaps.districts.assign(name="Harbour")
    gaps = dataclasses.replace(result.gaps, districts=twice)
    with pytest.raises(
        StudyError, match=r"districts are named 'Harbour'; give one of their ids: d1, d2"
    ):
        gaps.explain("Harbour")


def test_street_connectivity_names_what_it_is_measured_against(result) -> None:
    gaps = result.gaps
    first = gaps.indicators[gaps.indicators["indicator"] == "T1"]
    nan = float("nan")
    row = first.assign(
        indicator="T8", title="Street connectivity", units="", standard=nan, worst=nan
    )
    text = dataclasses.replace(gaps, indicators=row.reset_index(drop=True)).explain("city")
    assert (
        "standard in parts (default: half from beta 1.6, half from a dead-end share of 0.15)"
        in text
    )


def test_the_map_carries_the_lines_of_every_cell(result) -> None:
    """What the page puts together from its packed texts is what `explain` says, cell by cell."""
    found = hover_data(result)
    lines = cell_lines(result.gaps)
    for packed, line in zip(found["explain"], lines, strict=True):
        assert packed["template"] == line.template
        for name, slot in packed["slots"].items():
            raw = zlib.decompress(base64.b64decode(found["bytes"][slot["bytes"]]))
            kind = np.uint8 if len(raw) == result.data.inside.size else np.uint16
            np.testing.assert_array_equal(np.frombuffer(raw, kind), line.slots[name][1])
            assert tuple(slot["texts"]) == line.slots[name][0]
    told = [text for _, text, _ in found["explained"][1]]
    assert told == [line.strip() for line in result.gaps.explain("d2").splitlines()]


@pytest.mark.parametrize("units", ["share", "persons", "min", "km", "m3/day", "1"])
def test_texts_of_a_run_are_those_of_each_number(units) -> None:
    """Only numbers at the ends of a run are written out; each must read as if it had been."""
    rng = np.random.default_rng(4)
    sizes = 10.0 ** rng.uniform(-5, 7, 1500)
    values = np.unique(
        np.concatenate([sizes, -sizes[:100], [0.0, 0.01, 0.99, 1.0], rng.uniform(0, 1, 800)])
    )

    kind = ":people" if units == "persons" else units
    written = [number_words(float(value), kind) for value in values]
    assert _texts_in_order(values, kind) == written
    assert _texts_in_order(values[:1], kind) == written[:1]
    assert _texts_in_order(values[:0], kind) == []


def test_what_nobody_mapped_stands_beside_the_range_that_holds_it(result) -> None:
    """Water read 0 to 56 %, and every line of it said 0 %."""
    gaps, rows = result.gaps, result.gaps.indicators
    unmapped = rows["indicator"] == "T1"
    silent = rows.assign(
        gap_raw=rows["gap_raw"].mask(unmapped),
        reading=rows["reading"].mask(unmapped, "Not assessed"),
        note=rows["note"].mask(unmapped, "no stop is mapped"),
    )
    cells = gaps.cells.drop_vars(["T1", "T1_gap"])
    told = dataclasses.replace(
        gaps, indicators=silent[~unmapped | (rows["unit_id"] == "city")], cells=cells
    )
    said = (
        "People near public transport (SDG 11.2.1): not assessed (no stop is mapped); the range holds all "
        "from none of it to the whole"
    )
    assert told.explain().count(said) == 1
    assert told.explain("d2").count(said) == 1
    cell = cell_ids(result.data.grid)[int(np.flatnonzero(result.data.inside.ravel())[0])]
    assert told.explain(cell).count(said) == 1
    assert [ledger for _, text, ledger in unit_rows(told, "d2") if text == said] == [""]
    assert "the range holds" not in gaps.explain("d2")


def test_fewer_than_one_resident_are_not_written_as_one(result) -> None:
    """The cell read 'Nobody lives here (fewer than one resident)' under 'People in this cell: 1'."""
    gaps = result.gaps
    people = gaps.cells["population"].copy(data=np.full(gaps.cells["population"].shape, 0.7))
    lines = cell_lines(dataclasses.replace(gaps, cells=gaps.cells.assign(population=people)))
    assert lines[0].text(0) == "People in this cell: under 1"
    some = cell_lines(dataclasses.replace(gaps, cells=gaps.cells.assign(population=people + 1)))
    assert some[0].text(0) == "People in this cell: 2"


def test_numbers_of_a_place_without_people_are_said_to_be_those_of_a_home(result) -> None:
    """It read 'Nobody lives here', and then 'Falls short in 93 % of cases like this'."""
    gaps = result.gaps
    cells = cell_ids(result.data.grid)
    reading = gaps.cells["transport_reading"].to_numpy().ravel()
    known = np.isfinite(gaps.cells["transport_gap"].to_numpy()).ravel()
    empty = reading == READINGS.index("nobody")
    told = gaps.explain(cells[int(np.flatnonzero(empty & known)[0])]).splitlines()
    place = next(n for n, line in enumerate(told) if line.startswith("Transport:"))
    assert told[place] == "Transport: Nobody lives here (fewer than one resident)"
    assert told[place + 1] == "  What follows is what a home here would find."
    lived = gaps.explain(cells[int(np.flatnonzero(~empty & known)[0])])
    assert "would find" not in lived
