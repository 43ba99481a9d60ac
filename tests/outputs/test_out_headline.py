"""The first sentence: people, places and data, and never a shortfall that nobody can tell."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.findings import Findings
from kcity_geo.analysis.gaps.words import READINGS, reading_codes, reading_title
from kcity_geo.outputs.explain import Line
from kcity_geo.outputs.headline import (
    first_sector,
    gap_sentences,
    places_of,
    survey_places,
)
from kcity_geo.outputs.legend_shares import gap_classes
from kcity_geo.outputs.map_themes import _indicator_theme, theme_row
from kcity_geo.outputs.maps import build_map
from kcity_geo.outputs.people_bar import segments
from kcity_geo.outputs.report import build_report
from kcity_geo.outputs.summary import summarise
from kcity_geo.outputs.text import human, share_beside
from kcity_geo.outputs.themes import make_themes, reading_rows
from kcity_geo.result import SECTORS

COUNTED = [key for key in READINGS if key != "nobody"]


def _with_people(study, **people):
    """The same gaps; of each sector so many people stand in each reading, all in the first district."""
    gaps = study.gaps
    city, districts = gaps.city.copy(), gaps.districts.copy()
    total = 0.0
    for sector, shares in people.items():
        told = dict.fromkeys(COUNTED, 0.0) | shares
        total = max(total, sum(told.values()))
        short = told["falls_short"] + told["probably_falls_short"]
        for key, value in told.items():
            city.loc[sector, f"people_{key}"] = value
        city.loc[sector, "people_short"] = short
        parts = np.array([0.7, 0.3, 0.0, 0.0]) * short
        districts[f"{sector}_people_short"] = parts
    cells = gaps.cells.copy()
    lived = np.nan_to_num(cells["population"].to_numpy())
    cells["population"] = cells["population"] * (total / lived.sum())
    return dataclasses.replace(gaps, city=city, districts=districts, cells=cells)


def _set(gaps, sector, *, gap, short, evidence, high=None):
    code = int(reading_codes([short], [gap], [evidence])[0])
    for key, value in (("gap", gap), ("p_short", short), ("reading", reading_title(code, sector))):
        gaps.city.loc[sector, key] = value
    gaps.city.loc[sector, "gap_hi"] = gap if high is None else high


def test_the_sentence_of_the_specification(build) -> None:
    gaps = _with_people(
        build(water=True),
        transport={"adequate": 60_000.0},
        water={"adequate": 60_000.0},
        energy={"falls_short": 9_000.0, "probably_falls_short": 2_900.0, "adequate": 48_100.0},
    )
    for sector in SECTORS:
        _set(gaps, sector, gap=0.2, short=0.05, evidence=0.6)
    gaps.city.loc["energy", "data"] = "fair"
    line, *_ = gap_sentences(gaps)
    assert line == (
        "About 11,900 of 60,000 people (20 %) lack adequate energy, mostly in Hanbit (8,330) and "
        "Harbour (3,570). Data: fair."
    )
    assert first_sector(gaps) == "energy"


def test_what_nobody_can_tell_is_said_first_when_it_is_most_and_says_where_to_look(build) -> None:
    gaps = _with_people(
        build(water=True),
        transport={"cannot_tell": 55_000.0, "falls_short": 5_000.0},
        water={"cannot_tell": 50_000.0, "adequate": 10_000.0},
        energy={"falls_short": 12_000.0, "adequate": 48_000.0},
    )
    _set(gaps, "transport", gap=0.5, short=0.95, evidence=0.2)
    _set(gaps, "water", gap=0.5, short=0.5, evidence=0.2)
    _set(gaps, "energy", gap=0.3, short=0.1, evidence=0.8)
    first, second, *_ = gap_sentences(gaps)
    assert first.startswith("Nobody can tell yet whether there is adequate transport (55,000 of")
    assert "water supply (50,000 of 60,000 people, 83 %)" in first
    assert "Survey first: Hanbit (water points" in first
    assert second.startswith("About 12,000 of 60,000 people (20 %) lack adequate energy")
    assert first_sector(gaps) == "transport"


def test_a_city_of_one_district_is_surveyed_by_place_or_by_number(build) -> None:
    """To look first at the whole city tells nobody where to go."""
    gaps = build(water=True).gaps
    row = gaps.survey_tasks.iloc[[0]]
    tasks = pd.concat([row] * 4, ignore_index=True).assign(
        rank=[4, 1, 2, 3], district=["Kallio", "Hanbit", "Hanbit", "Kallio"]
    )
    one = dataclasses.replace(gaps, survey_tasks=tasks, districts=gaps.districts.iloc[[0]])
    assert gaps.districts["name"].iloc[0] == "Hanbit"
    assert survey_places(one) == "area 1 of the map and area 2 of the map"
    named = tasks.assign(district=["Kallio", "Töölö", "Hanbit", "Kallio"])
    assert survey_places(dataclasses.replace(one, survey_tasks=named)) == (
        "Töölö and area 2 of the map"
    )
    assert survey_places(dataclasses.replace(gaps, survey_tasks=tasks)) == "Hanbit and Kallio"


@pytest.mark.parametrize(("unknown", "said"), [(18_000.0, True), (11_000.0, False)])
def test_as_many_people_of_whom_nobody_can_tell_stand_in_the_same_sentence(
    build, unknown, said
) -> None:
    gaps = _with_people(
        build(water=True),
        transport={"falls_short": 12_000.0, "cannot_tell": unknown, "adequate": 48_000.0 - unknown},
        water={"adequate": 60_000.0},
        energy={"falls_short": 11_000.0, "cannot_tell": 10_000.0, "adequate": 39_000.0},
    )
    for sector in SECTORS:
        _set(gaps, sector, gap=0.25, short=0.2, evidence=0.6)
    words = "; for another 18,000 (30 %) nobody can tell yet."
    assert (words in gap_sentences(gaps)[0]) == said


def test_a_reading_that_nobody_can_tell_comes_first_where_more_people_stand_in_it_than_in_any_other(
    build,
) -> None:
    """17,800 of 37,000 people, 48 %, are most of any: "few people lack transport" was said before them."""
    gaps = _with_people(
        build(water=True),
        transport={
            "falls_short": 156.0,
            "cannot_tell": 17_800.0,
            "partly_short": 12_200.0,
            "adequate": 6_844.0,
        },
        water={"adequate": 37_000.0},
        energy={"adequate": 37_000.0},
    )
    for sector in SECTORS:
        _set(gaps, sector, gap=0.25, short=0.2, evidence=0.6)
    first = gap_sentences(gaps)[0]
    assert first.startswith(
        "Nobody can tell yet whether there is adequate transport (17,800 of 37,000 people, 48 %"
    )


@pytest.fixture(scope="module")
def watered(build):
    """Read only: `_with_people` copies what it changes."""
    return build(water=True, cell_m=500.0)


people = st.dictionaries(st.sampled_from(COUNTED), st.floats(1, 1e6), min_size=1)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.tuples(people, people, people),
    told=st.tuples(*[st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))] * 3),
)
def test_the_first_sentence_states_no_shortfall_that_nobody_can_tell(watered, counts, told) -> None:
    gaps = _with_people(watered, **dict(zip(SECTORS, counts, strict=True)))
    for sector, (gap, short, evidence) in zip(SECTORS, told, strict=True):
        _set(gaps, sector, gap=gap, short=short, evidence=evidence)
    first = gap_sentences(gaps)[0]
    if "lack adequate" not in first:
        return
    sector = first_sector(gaps)
    row = gaps.city.loc[sector]
    assert row["reading"] != "Cannot tell: survey first"
    assert row["people_cannot_tell"] <= sum(row[f"people_{key}"] for key in COUNTED) / 2


def test_one_open_sector_comes_first_where_more_people_may_be_short_in_it(build) -> None:
    """Open in one of three sectors is less than half of all, and more people than fall short of energy."""
    for short, first_word in ((12_000.0, "Nobody can tell yet"), (41_000.0, "About 41,000 of")):
        gaps = _with_people(
            build(water=True),
            transport={"cannot_tell": 31_000.0, "falls_short": 9_000.0, "adequate": 20_000.0},
            water={"adequate": 60_000.0},
            energy={"falls_short": short, "adequate": 60_000.0 - short},
        )
        _set(gaps, "transport", gap=0.5, short=0.5, evidence=0.2)
        _set(gaps, "water", gap=0.1, short=0.0, evidence=0.8)
        _set(gaps, "energy", gap=0.3, short=0.1, evidence=0.8)
        first, second, *_ = gap_sentences(gaps)
        assert first.startswith(first_word)
        assert ("31,000 of 60,000 people, 52 %; 9,000 others fall short" in first) == (
            short < 40_000
        )
        assert first_sector(gaps) == ("transport" if short < 40_000 else "energy")
        assert second.startswith("About" if short < 40_000 else "Nobody can tell yet")


@pytest.mark.parametrize(("short", "few"), [(396.0, True), (397.0, False)])
def test_hardly_anybody_is_not_told_like_a_shortage(build, short, few) -> None:
    """One cell of a country: who is partly short says more. The limit is 1 % of 39,700, or 397."""
    gaps = _with_people(
        build(water=True),
        transport={"falls_short": short, "partly_short": 30_000.0, "adequate": 9_700.0 - short},
        water={"adequate": 39_700.0},
        energy={"adequate": 39_700.0},
    )
    for sector in SECTORS:
        _set(gaps, sector, gap=0.25, short=0.1, evidence=0.6)
    line, *_ = gap_sentences(gaps)
    assert line.startswith("Few people (396 of 39,700, under 1 %) lack" if few else "About 397 of")
    told = "; 30,000 (76 %) are partly short of transport (best estimate of the gap of the city: 25 %)."
    assert (told in line) == few


@given(people)
def test_the_bar_holds_everybody_once(counts) -> None:
    bar = segments({f"people_{key}": value for key, value in counts.items()})
    assert sum(part.people for part in bar) == pytest.approx(sum(counts.values()))
    assert sum(part.percent for part in bar) == pytest.approx(100, abs=0.05)
    assert {part.key for part in bar} == set(counts)


def test_of_a_city_of_which_nobody_can_tell_there_is_no_zero_and_no_full_bar(build) -> None:
    study = build(water=True)
    served = {"adequate": 39_699.8, "falls_short": 0.2}
    gaps = _with_people(study, energy={"adequate": 39_700.0}, water=served)
    _set(gaps, "energy", gap=0.1, short=0.5, evidence=0.2)
    _set(gaps, "water", gap=0.1, short=0.0, evidence=0.9)
    rows = {row.key: row for row in summarise(dataclasses.replace(study, gaps=gaps)).sectors}
    assert (rows["energy"].short, rows["energy"].percent) == ("not known", "")
    assert not rows["energy"].segments
    assert (rows["water"].short, rows["water"].percent) == ("0", "0 %")
    assert rows["water"].segments


def test_people_on_flood_prone_land_are_told_where_no_sector_could_be_assessed(build) -> None:
    gaps = _with_people(
        build(water=True),
        **{sector: {"not_assessed": 60_000.0} for sector in SECTORS},
        flood={"falls_short": 60_000.0},
    )
    for sector in SECTORS:
        gaps.city.loc[sector, ["gap", "gap_lo", "gap_hi", "p_short"]] = np.nan
        gaps.city.loc[sector, "reading"] = "Not assessed"
        gaps.cells[f"{sector}_gap"] = gaps.cells[f"{sector}_gap"] * np.nan
    _set(gaps, "flood", gap=1.0, short=1.0, evidence=0.9)
    first, second = gap_sentences(gaps)
    assert first == "No sector could be assessed with the data given."
    assert first_sector(gaps) == "flood"
    assert second.startswith("About 60,000 of 60,000 people (100 %) live on flood-prone land")


def test_people_of_whom_nobody_can_tell_are_drawn_where_most_are_not_assessed(build) -> None:
    study = build(water=True)
    gaps = _with_people(study, energy={"cannot_tell": 12_000.0, "not_assessed": 48_000.0})
    gaps.city.loc["energy", ["gap", "gap_lo", "gap_hi", "p_short"]] = np.nan
    gaps.city.loc["energy", "reading"] = "Not assessed"
    study = dataclasses.replace(study, gaps=gaps)
    row = {row.key: row for row in summarise(study).sectors}["energy"]
    assert [(part.key, part.percent) for part in row.segments] == [
        ("cannot_tell", 20.0), ("not_assessed", 80.0),
    ]  # fmt: skip
    assert (row.assessed, row.short, row.percent) == (False, "not known", "")
    for page in (build_map(study), build_report(study)):
        bars = re.findall(r'class="(?:kc-)?stack" role="img" aria-label="([^"]*)"', page)
        assert any("12,000" in bar and "48,000" in bar for bar in bars)


def test_without_people_the_readings_are_told_by_area(build) -> None:
    study = build(water=True)
    city = study.gaps.city.assign(**{f"people_{key}": np.nan for key in [*COUNTED, "short"]})
    cells = study.gaps.cells.drop_vars("population")
    (line,) = gap_sentences(dataclasses.replace(study.gaps, city=city, cells=cells))
    assert line.startswith("By area, as no population is known: transport:")


def test_a_sector_without_shortage_never_hides_one_of_which_nobody_can_tell(build) -> None:
    """As in a country that is hardly mapped: taps by the official rate, the rest open."""
    gaps = _with_people(
        build(water=True),
        transport={"cannot_tell": 22_800.0, "falls_short": 2_110.0, "adequate": 14_790.0},
        water={"adequate": 39_700.0},
        energy={"cannot_tell": 22_600.0, "adequate": 17_100.0},
    )
    for sector, evidence in (("transport", 0.2), ("water", 0.6), ("energy", 0.2)):
        _set(gaps, sector, gap=0.1, short=0.5 if evidence < 0.4 else 0.0, evidence=evidence)
    first, second, *_ = gap_sentences(gaps)
    assert first.startswith("Nobody can tell yet whether there is adequate transport")
    assert "(22,800 of 39,700 people, 57 %; 2,110 others fall short)" in first
    assert second.startswith("Nobody was found to lack adequate water supply among 39,700 people")
    assert first_sector(gaps) == "transport"


def test_where_nobody_is_short_all_that_was_judged_is_named(build) -> None:
    gaps = _with_people(build(water=True), **{s: {"adequate": 38_400.0} for s in SECTORS})
    for sector in SECTORS:
        _set(gaps, sector, gap=0.05, short=0.0, evidence=0.6)
    line, *_ = gap_sentences(gaps)
    assert line.startswith(
        "Nobody was found to lack adequate transport, water supply or energy among 38,400 people."
    )


@pytest.mark.parametrize(("high", "told"), [(0.56, True), (0.4, True), (0.39, False)])
def test_nobody_short_does_not_hide_how_large_the_gap_may_be(build, high, told) -> None:
    """Works that nobody mapped: adequate as far as the map shows, and most may lack them all the same."""
    gaps = _with_people(build(water=True), **{s: {"adequate": 38_400.0} for s in SECTORS})
    for sector in SECTORS:
        highest = high if sector == "water" else 0.1
        _set(gaps, sector, gap=0.05, short=0.0, evidence=0.6, high=highest)
    line, *_ = gap_sentences(gaps)
    clause = f"; with what the map may lack the gap in water supply may be as large as {high:.0%}"
    assert (clause.replace("%", " %") in line.replace("\u00a0", " ")) == told
    assert ("as large as" in line) == told


def test_what_was_not_assessed_and_opens_the_range_is_named(build) -> None:
    """Everybody has a tap; how much wastewater is treated nobody said: no fault of the map."""
    gaps = _with_people(build(water=True), **{s: {"adequate": 38_400.0} for s in SECTORS})
    for sector in SECTORS:
        highest = 0.56 if sector == "water" else 0.1
        _set(gaps, sector, gap=0.05, short=0.0, evidence=0.6, high=highest)
    untold = gaps.indicators.copy()
    rows = untold["indicator"] == "W1"
    untold.loc[rows, ["indicator", "title", "reading"]] = [
        "W4",
        "Wastewater treated (share)",
        "Not assessed",
    ]
    line, *_ = gap_sentences(dataclasses.replace(gaps, indicators=untold))
    clause = (
        "with what the map may lack and what is not known (wastewater treated) the gap in water"
    )
    assert clause in line


def test_nobody_short_hides_nobody_of_whom_nobody_can_tell(build) -> None:
    people = {sector: {"adequate": 38_400.0} for sector in SECTORS}
    people["energy"] = {"adequate": 24_200.0, "cannot_tell": 14_200.0}
    gaps = _with_people(build(water=True), **people)
    for sector in SECTORS:
        _set(gaps, sector, gap=0.05, short=0.0, evidence=0.6)
    line, *_ = gap_sentences(gaps)
    assert "among 38,400 people; whether energy is adequate nobody can tell yet for 14,200" in line
    assert line.count("nobody can tell") == 1


def test_districts_of_one_name_are_told_apart(build) -> None:
    districts = build(water=True).gaps.districts.assign(short=[5.0, 0.0, 90.0, 1.0])
    districts["name"] = ["Centre", "East", "Centre", "West"]
    assert places_of(districts, "short") == "Centre [d3] (90) and Centre [d1] (5)"


def test_who_is_partly_short_is_not_hidden_behind_nobody(build) -> None:
    """A fifth without electricity by the official rate, spread over all: no place falls short, people do."""
    gaps = _with_people(
        build(water=True),
        transport={"adequate": 2_000.0},
        water={"adequate": 2_000.0},
        energy={"partly_short": 1_324.0, "adequate": 676.0},
    )
    for sector in SECTORS:
        _set(gaps, sector, gap=0.2 if sector == "energy" else 0.0, short=0.0, evidence=0.6)
    line, *_ = gap_sentences(gaps)
    assert line.startswith(
        "Nobody was found to fall short of adequate transport, water supply or energy among 2,000 people, but "
        "1,320 (66 %) are partly short of energy (best estimate of the gap of the city: 20 %)."
    )


def test_the_legend_of_the_map_tells_the_people_of_the_sentence(result) -> None:
    """Who lives in a cell with less than one resident is counted in both."""
    row = result.gaps.city.loc["transport"]
    told = {key: row[f"people_{key}"] for key in READINGS if f"people_{key}" in row}
    found, total = Findings(result), sum(told.values())
    shares = [found.share_of_reading("transport", key) for key in told]
    assert shares == pytest.approx([people / total for people in told.values()])
    assert np.isnan(found.share_of_reading("transport", "nobody"))
    theme = next(t for t in make_themes(result) if t.key == "transport_reading")
    rows = {line["words"]: line["share"] for line in theme_row(result, theme)["rows"]}
    about = {row.id: row.title for row in reading_rows("transport").values()}
    both = {key: rows[about[key]] for key in told if about[key] in rows}
    assert both
    assert both == {key: human(told[key] / total, "share") for key in both}


@pytest.mark.parametrize("asked", [True, False])
def test_the_legend_of_an_indicator_tells_the_people_whom_it_does_not_colour(result, asked) -> None:
    at = np.ones(result.data.grid.shape, dtype=np.uint16)
    if not asked:
        at[: len(at) // 2] = 0
    line = Line(template="{gap}", slots={"gap": (("", "10 %"), at.ravel())}, indicator="T1")
    rows = _indicator_theme(result, line, gap_classes(line), language="en")["rows"]
    shares = {row["words"]: row["share"] for row in rows}
    assert ("Not coloured: not asked here, or not known" in shares) is not asked
    told = [float(share.split()[0]) for share in shares.values() if share[:1].isdigit()]
    assert sum(told) == pytest.approx(100, abs=2)


@pytest.mark.parametrize(
    ("sure", "people", "words"),
    [
        (9_000.0, 11_900.0, "About 11,900 of 60,000 people (20 %) lack adequate energy"),
        (2_900.0, 11_900.0, "About 11,900 of 60,000 people (20 %) probably lack adequate energy"),
        (0.0, 300.0, "Few people (300 of 60,000, under 1 %) probably lack adequate energy"),
        (300.0, 300.0, "Few people (300 of 60,000, under 1 %) lack adequate energy"),
    ],
)
def test_who_probably_falls_short_is_not_said_to_fall_short(build, sure, people, words) -> None:
    energy = {"falls_short": sure, "probably_falls_short": people - sure}
    gaps = _with_people(
        build(water=True),
        transport={"adequate": 60_000.0},
        water={"adequate": 60_000.0},
        energy=energy | {"adequate": 60_000.0 - people},
    )
    for sector in SECTORS:
        _set(gaps, sector, gap=0.2, short=0.05, evidence=0.6)
    assert gap_sentences(gaps)[0].startswith(words)


def test_an_average_that_is_worse_than_most_places_says_why(build) -> None:
    study = build(water=True)
    gaps = _with_people(
        study,
        transport={"adequate": 96.0, "cannot_tell": 4.0},
        water={"adequate": 40.0, "partly_short": 60.0},
        energy={"adequate": 96.0, "cannot_tell": 4.0},
    )
    _set(gaps, "transport", gap=0.23, short=0.0, evidence=0.8)
    _set(gaps, "water", gap=0.23, short=0.0, evidence=0.8)
    _set(gaps, "energy", gap=0.1, short=0.0, evidence=0.8)
    rows = {row.key: row for row in summarise(dataclasses.replace(study, gaps=gaps)).sectors}
    assert "larger gaps" in rows["transport"].apart
    assert not rows["water"].apart
    assert not rows["energy"].apart


@given(st.floats(0.0, 1.0))
@settings(max_examples=200, deadline=None)
def test_a_share_is_written_on_the_side_of_the_limits_on_which_it_lies(value) -> None:
    told = share_beside(value, 0.2, 0.4)
    under = "under 1" not in told and told.startswith("under")
    number = float(told.removeprefix("under ").removeprefix("over ").removesuffix(" %")) / 100
    for limit in (0.2, 0.4):
        assert (number >= limit and not (under and number == limit)) == (value >= limit)


def test_a_gap_just_below_a_limit_is_not_written_as_the_limit(build) -> None:
    """0.197 reads *Adequate*; "20 %" stood beside it, which is the first gap that does not."""
    study = build(water=True)
    gaps = _with_people(study, **{sector: {"adequate": 60_000.0} for sector in SECTORS})
    for sector in SECTORS:
        _set(gaps, sector, gap=0.197, short=0.05, evidence=0.6)
    shown = [row.gap for row in summarise(dataclasses.replace(study, gaps=gaps)).sectors]
    assert len(shown) >= len(SECTORS)
    assert sum("19.7 %" in gap for gap in shown) == len(SECTORS)


def test_few_short_of_one_thing_do_not_hide_how_large_the_gap_in_another_may_be(build) -> None:
    """26 people short of transport; how much wastewater is treated nobody said, and no word of it stood there."""
    gaps = _with_people(
        build(water=True),
        transport={"probably_falls_short": 26.0, "adequate": 11_974.0},
        water={"adequate": 12_000.0},
        energy={"adequate": 12_000.0},
    )
    for sector in SECTORS:
        highest = 0.55 if sector == "water" else 0.1
        _set(gaps, sector, gap=0.05, short=0.0, evidence=0.6, high=highest)
    line, *_ = gap_sentences(gaps)
    assert line.startswith("Few people (26 of 12,000")
    clause = "; with what the map may lack the gap in water supply may be as large as 55 %"
    assert clause in line.replace("\u00a0", " ")


@pytest.mark.parametrize("told", ["nothing", "a part", "hardly anything", "all"])
def test_a_sector_that_was_not_assessed_is_named(build, told) -> None:
    """Without a word of it a reader takes it as one that nobody lacks."""
    missing = {"nothing": 12_000.0, "a part": 9_000.0, "hardly anything": 60.0, "all": 0.0}[told]
    gaps = _with_people(
        build(water=True),
        transport={"adequate": 12_000.0},
        water={"not_assessed": missing, "adequate": 12_000.0 - missing},
        energy={"adequate": 12_000.0},
    )
    for sector in SECTORS:
        _set(gaps, sector, gap=0.05, short=0.0, evidence=0.6)
    if told == "nothing":
        gaps.city.loc["water", "gap"] = np.nan
    named = [s.replace("\u00a0", " ") for s in gap_sentences(gaps) if s.startswith("Not assessed")]
    assert named == {
        "nothing": ["Not assessed with the data given: water supply."],
        "a part": ["Not assessed with the data given: water supply for 9,000 people (75 %)."],
    }.get(told, [])
