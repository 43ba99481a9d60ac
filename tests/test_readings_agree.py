"""Number, range, colour and word of a cell say one thing, in every output and on every study."""

from __future__ import annotations

import base64
import warnings
import zlib
from contextlib import nullcontext
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

import kcity_geo as kc
from kcity_geo.analysis.gaps.words import READINGS, reading_codes, reading_title, reading_words
from kcity_geo.config import read_table
from kcity_geo.cube import cell_size
from kcity_geo.outputs.colours import READING_COLOURS
from kcity_geo.outputs.frames import cell_frame, merge_cells
from kcity_geo.outputs.headline import first_sector, gap_sentences
from kcity_geo.outputs.hover import hover_data
from kcity_geo.outputs.themes import make_themes
from kcity_geo.result import LEVELS, THEMES, Result
from kcity_geo.rules import ReadingLimits, reading_limits

ROOT = Path(__file__).parents[1]
STUDIES = ("town", "monaco", "monaco with limits of its own", "liechtenstein", "helsinki")

#: Other limits than those of the package: whatever reads the package's own instead is found out.
LIMITS = """
[readings]
short = 0.3
partly = 0.1
evidence_fair = 0.45
"""


PROMISED = {
    "map.html",
    "report.html",
    "sites.geojson",
    "districts.geojson",
    "gaps.geojson",
    "cells.parquet",
    "study.gpkg",
    "inventory.csv",
    "indicators.csv",
    "study.toml",
}


@pytest.fixture(scope="module", params=STUDIES)
def ran(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, dots_for_pictures
) -> tuple[Result, Path]:
    """A study, run to the end, and its folder; the pictures of the town and of Monaco are drawn."""
    if request.param == "town":
        return request.getfixturevalue("town_run")
    request.getfixturevalue("test_data")
    out = tmp_path_factory.mktemp(request.param) / "out"
    pictures = nullcontext() if request.param == "monaco" else dots_for_pictures()
    with warnings.catch_warnings(), pictures:
        warnings.simplefilter("ignore")
        name, _, limits = request.param.partition(" with ")
        text = (ROOT / "examples" / f"{name}.toml").read_text(encoding="utf-8")
        study = out.parent / "study.toml"
        study.write_text(text + LIMITS if limits else text, encoding="utf-8")
        return kc.run(study, out), out


@pytest.fixture(scope="module")
def result(ran: tuple[Result, Path]) -> Result:
    return ran[0]


def test_every_file_is_there_and_the_city_was_read(ran) -> None:
    result, out = ran
    assert {p.name for p in out.iterdir()} >= PROMISED
    assert result.data.inventory.set_index("layer").loc["roads_walk", "count"] > 100
    assert (result.gaps.city["reading"] != "").all()
    if result.data.city.name == "Liechtenstein":
        # No elevation: summits of 2,000 m ranked first here.
        why = "No ranking possible: slope and flood unknown; add sources.elevation"
        assert result.score.no_ranking == why
        why = why.replace("sources.elevation", "elevation data")
        assert why in (out / "report.html").read_text(encoding="utf-8")
        assert why in (out / "map.html").read_text(encoding="utf-8")
        assert len(result.sites) == 0
        land = kc.rank_sites(result.score, result.data, screening=True)
        peaks = result.data.layers["barren"].query("natural == 'peak'")
        assert len(peaks) > 40
        assert peaks.distance(land.union_all()).min() >= 150
    if "Helsinki" in result.data.city.name:
        # 250 m squares, cut by the box of the extract: fewer than the 71,724 of the whole grid
        assert 0 < float(result.data.cube["population"].sum()) < 71_724


def _agree(frame: gpd.GeoDataFrame, limits: ReadingLimits) -> None:
    """Read every row anew from its numbers."""
    for level in LEVELS:
        numbers = (frame[f"{level}_{key}"] for key in ("p_short", "gap", "evidence"))
        codes = reading_codes(*numbers, limits=limits, persons=frame["population"])
        words = [reading_title(int(code), level) for code in codes]
        assert frame[f"{level}_reading"].tolist() == words, level
        low, middle, high = (frame[f"{level}_gap{e}"] for e in ("_lo", "", "_hi"))
        known = middle.notna()
        assert (low[known] <= middle[known] + 1e-6).all(), level
        assert (middle[known] <= high[known] + 1e-6).all(), level
        # A word of shortfall never stands on a gap that is small at its best estimate.
        own = level if level in THEMES else ""
        titles = dict(zip(READINGS, (r["title"] for r in reading_words(own)), strict=True))
        short = frame[f"{level}_reading"].isin(
            [titles["falls_short"], titles["probably_falls_short"]]
        )
        assert (middle[short] >= limits.short - 1e-6).all(), level
        fine = frame[f"{level}_reading"].isin([titles["adequate"], titles["partly_short"]])
        assert (middle[fine] < limits.short).all(), level


def test_number_colour_and_word_agree_in_every_cell(result) -> None:
    cells = cell_frame(result)
    limits = result.gaps.limits
    _agree(cells, limits)
    _agree(merge_cells(result, cells, max_cells=max(20, len(cells) // 7)), limits)
    inside = result.data.inside
    themes = {t.key: t for t in make_themes(result)}
    fields = [(f["title"], f["kind"]) for f in hover_data(result)["fields"]]
    display = read_table("display")["residents"]
    pale = {display["nobody"], display["water"]}
    for level in LEVELS:
        codes = result.gaps.cells[f"{level}_reading"].to_numpy()[inside]
        theme = themes[f"{level}_reading"]
        colours = np.array(theme.colours)[theme.codes[inside]]
        for code, name in enumerate(READINGS):
            here = codes == code
            expected = pale if name == "nobody" else {READING_COLOURS[code]}
            assert set(colours[here]) <= expected, (level, name)
            striped = theme.hatched[inside][here]
            assert striped.all() == (name in {"cannot_tell", "not_assessed"}) or not here.any()
    assert sum(kind == "reading" for _, kind in fields) == len(LEVELS)


def test_nobody_lives_in_the_same_cells_everywhere(result) -> None:
    """One rule for words, map and files, whatever the sector."""
    people = result.data.array("population")[result.data.inside]
    limits = read_table("display")["residents"]
    empty = people < limits["persons_min"]
    # Of land on which not one can live nobody needs a number to say so.
    land_m2 = result.data.cube["inside_share"].to_numpy() * cell_size(result.data.grid) ** 2
    assert not np.isnan(people[land_m2[result.data.inside] < limits["land_m2_min"]]).any()
    cells = cell_frame(result)
    for level in LEVELS:
        nobody = (cells[f"{level}_reading"] == "Nobody lives here").to_numpy()
        np.testing.assert_array_equal(nobody, empty)


def test_a_served_city_reads_as_a_planner_expects(result) -> None:
    """Every home of Monaco and Liechtenstein has power and water: official, so nothing is short."""
    if result.data.city.name not in {"Monaco", "Liechtenstein"}:
        pytest.skip("of a city whose access is official and whole")
    people = float(np.nansum(result.data.array("population")))
    for sector in ("energy", "water"):
        row = result.gaps.city.loc[sector]
        assert row["gap_raw"] < 0.2, sector
        assert row["people_short"] < 0.02 * people, sector
    if result.gaps.limits == reading_limits():
        assert result.gaps.city.loc["energy", "reading"] == "Adequate"
        assert result.gaps.city.loc["energy", "people_cannot_tell"] < 0.1 * people


def test_no_people_get_lost_between_the_readings(result) -> None:
    people = np.nan_to_num(result.data.array("population"))[result.data.inside]
    for level in LEVELS:
        row = result.gaps.city.loc[level]
        counted = sum(row[f"people_{key}"] for key in READINGS if key != "nobody")
        assert counted == pytest.approx(people.sum(), rel=1e-6)
        # Those of a cell with less than one resident are counted too, under what its numbers say.
        codes = result.gaps.cells[f"{level}_reading"].to_numpy()[result.data.inside]
        few = people[codes == READINGS.index("nobody")].sum()
        for code, key in enumerate(READINGS):
            if key != "nobody":
                told = people[codes == code].sum()
                assert told - 1e-3 <= row[f"people_{key}"] <= told + few + 1e-3, (level, key)


def _shown_on_the_map(result: Result) -> dict[str, list[str]]:
    """The word that the map writes for each cell inside, level by level."""
    found = hover_data(result)
    fields = [
        (field, packed)
        for field, packed in zip(found["fields"], found["bytes"], strict=False)
        if field["kind"] == "reading"
    ]
    inside = result.data.inside.ravel()
    told = {}
    for level, (field, packed) in zip(LEVELS, fields, strict=True):
        codes = np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.uint8)
        told[level] = [field["words"][code] for code in codes[inside]]
    return told


def test_files_and_map_say_what_the_cells_say(ran) -> None:
    """The word of every cell, *Nobody lives here* among them, alike wherever it is written."""
    result, out = ran
    cells, shown = cell_frame(result), _shown_on_the_map(result)
    parquet = gpd.read_parquet(out / "cells.parquet")
    table = gpd.read_file(out / "study.gpkg", layer="cells", ignore_geometry=True)
    geojson = gpd.read_file(out / "gaps.geojson")
    assert len(geojson) == len(cells)
    for level in LEVELS:
        words = cells[f"{level}_reading"].tolist()
        for frame in (parquet, geojson, table):
            assert frame[f"{level}_reading"].tolist() == words
        with rasterio.open(out / "layers" / f"{level}_reading.tif") as opened:
            band = opened.read(1)[result.data.inside]
            told = [opened.tags(1)[f"CLASS_{code}"] for code in band]
        assert told == words
        assert shown[level] == words


def test_survey_tasks_hold_few_people(town_run) -> None:
    result, out = town_run
    cells = cell_frame(result)
    tasks = gpd.read_file(out / "survey_tasks.geojson")
    assert len(tasks) == len(result.gaps.survey_tasks) > 0
    assert tasks["population"].sum() <= 0.15 * cells["population"].sum() * 1.001


def test_no_indicator_gives_an_impossible_total(result) -> None:
    rows = result.gaps.indicators
    city = rows[rows["unit_id"] == "city"].set_index("indicator")
    shares = city.loc[city["units"] == "share", "value"].dropna()
    assert shares.between(0, 1 + 1e-9).all(), shares[~shares.between(0, 1)].to_dict()
    assert (city["value"].dropna() >= 0).all()
    known = city["gap_raw"].notna()
    # A gap as mapped lies never below its own range; people are drawn too, by a few percent.
    assert (city.loc[known, "gap_raw"] >= city.loc[known, "gap_lo"] - 0.02).all()
    official = result.data.official
    by_id = {one.id: one for one in result.gaps.assessed}
    if official.get("peak_demand_mw") is None:
        assert by_id["E7"].not_assessed
        assert by_id["E9"].details["refused_as_demand"]
    persons = float(np.nansum(result.data.array("population")))
    jobs = by_id["T9_reach_jobs"]
    assert jobs.not_assessed or jobs.details["total"] >= 0.25 * persons
    for level in LEVELS:
        row = result.gaps.city.loc[level]
        if np.isfinite(row["gap"]):
            assert row["gap_lo"] - 1e-6 <= row["gap"] <= row["gap_hi"] + 1e-6, level
            assert row["gap_raw"] >= row["gap_lo"] - 0.02, level
    first = gap_sentences(result.gaps)[0]
    if "lack adequate" in first:
        sector = first_sector(result.gaps)
        assert result.gaps.city.loc[sector, "reading"] != "Cannot tell: survey first"
