from __future__ import annotations

import base64
import dataclasses
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kcity_geo.analysis.findings import Findings
from kcity_geo.analysis.suitability.value_functions import describe
from kcity_geo.outputs import figures
from kcity_geo.outputs.colours import rgb
from kcity_geo.outputs.figures import frame_of, scale_bar_m, theme_figure
from kcity_geo.outputs.map_themes import theme_row
from kcity_geo.outputs.report import build_report
from kcity_geo.outputs.report_siting import combination
from kcity_geo.outputs.report_tables import districts, tasks
from kcity_geo.outputs.scores import score_words
from kcity_geo.outputs.stripes import rgba_table
from kcity_geo.outputs.summary import summarise
from kcity_geo.outputs.themes import make_themes, reading_rows
from kcity_geo.profiles import profiles
from kcity_geo.result import SECTORS


def _text(html: str) -> str:
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", html, flags=re.DOTALL)
    body = re.sub(r"<span data-id=[^>]*>([^<]*)</span>", r"\1", body)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


@pytest.fixture(scope="module")
def report(result) -> str:
    return build_report(result)


def test_the_first_screen_answers(report) -> None:
    first = _text(report)[:1800]
    for words in (
        "How many people lack what",
        "Where are the best sites",
        "Data",
        "Site 1",
        "35 ha",
        "91 of 100",
    ):
        assert words in first
    # energy: three quarters probably short, a fifth surely
    assert "people (95 %) probably lack adequate energy" in first
    assert " in North (2,850) and Harbour (400). Data: fair." in first
    assert "Not assessed" in first  # water
    assert "gap-persons" not in first.lower()
    assert "All sectors" not in first


def test_ordered_weights_say_how_daring_they_are() -> None:
    method = {"combination": "owa", "orness": 0.2, "tradeoff": 0.4432}
    assert combination(method) == (
        "ordered weights (OWA: ORness 0.20, 0 counts the worst criterion alone and 1 the best; "
        "trade-off 0.44, 1 where criteria make up for each other fully)"
    )
    assert combination({"combination": "wlc"}) == "weighted sum"


def test_chapters_and_honest_words(report) -> None:
    text = _text(report)
    for words in (
        "no water point is mapped; a table of taps would help",
        "stop presence only",
        "Left out for lack of data",
        "no elevation raster was given",
        "not applied",
        "no protected area is mapped",
        "population raster covers 92 % of Hanbit",
        "verified in the cited source",
        "Screening level; not for procurement or land acquisition",
        "does not exist",
        "© OpenStreetMap contributors",
        "ODbL-1.0",
        "full score up to 2 %, none from 15 %",
    ):
        assert words in text, words
    assert "Weight stated" in text
    assert re.search(r"Slope.*60 % 100 %", text)  # weights stated and used


@pytest.mark.parametrize(
    ("function", "units", "words"),
    [
        ("lin_dec [2, 15]", "%", "full score up to 2 %, none from 15 %"),
        ("lin_inc [5000, 150000]", "persons", "none up to 5,000 people, full score from 150,000 people"),
        ("lin_dec [0.1, 0.5]", "share", "full score up to 10 %, none from 50 %"),
        ("trap [300, 1000, 5000, 15000]", "m",
         "none up to 300 m, full score from 1,000 m to 5,000 m, none from 15,000 m"),
        ("cat [bare 1, tree 0.2]", "class", "bare 100, tree 20 of 100"),
        ("lin_dec [12, 28]", "degC", "full score up to 12 °C, none from 28 °C"),
        ("own words", "m", "own words"),
        ("lin_dec [a, b]", "m", "lin_dec [a, b]"),
        ("unheard [1]", "", "unheard [1]"),
    ],
)  # fmt: skip
def test_value_functions_in_words(function, units, words) -> None:
    assert score_words(function, units) == words


def test_every_criterion_of_every_profile_has_its_words() -> None:
    for profile in profiles().values():
        for row in profile["criteria"]:
            text = describe(row["function"], row["parameters"])
            assert score_words(text, row["units"]) != text, row["id"]


def test_warnings_name_indicators_and_criteria_by_their_titles(build) -> None:
    study = build()
    score = dataclasses.replace(
        study.score,
        warnings=(
            "not assessed: W6, E7",
            "dropped: d_trunk_km (needs a road), landcover (needs sources.landcover, landcover.tif)",
        ),
    )
    found = summarise(dataclasses.replace(study, score=score)).warnings
    assert (
        "not assessed: Water supply shortfall on the day of greatest demand, "
        "Shortfall of firm power supply against peak demand" in found
    )
    assert (
        "dropped: Distance to a trunk road or motorway (needs a road), Land cover (needs "
        "land cover data, landcover.tif)" in found
    )


def test_page_1_holds_a_map_and_the_sites_have_one_of_their_own(report, build) -> None:
    first = report[report.index('id="summary"') : report.index('id="context"')]
    assert first.count("<img") == 1
    chapter = report[report.index('id="sites"') : report.index('id="conclusions"')]
    assert chapter.count("<img") == 1
    whole = report[report.index('id="suitability"') : report.index('id="sites"')]
    image = re.search(r'src="(data:[^"]+)"', chapter)[1]
    assert image not in whole, "nearer than the map of the whole city"
    bare = build_report(build(sites=0, cell_m=200.0))
    assert "<img" not in bare[bare.index('id="sites"') : bare.index('id="conclusions"')]


def test_names_and_dates_of_inputs_are_not_broken(report) -> None:
    row = report[report.index('<table class="inputs">') :]
    assert (
        '<td dir="auto" translate="no" class="whole">city.osm.pbf</td><td class="whole">2025-01-01</td>'
        in row
    )


def test_numbers_are_rounded(report) -> None:
    assert not re.findall(r"\d+\.\d{5,}", _text(report))
    assert "nan" not in re.findall(r"\b\w+\b", _text(report).lower())


def test_excluded_shares_are_of_the_study_area(result, report) -> None:
    land = result.data.cube["inside_share"].to_numpy()
    share = round(100 * land[result.score.constraints[0].excluded].sum() / land.sum())
    assert f"slope at most 15 % {share} %" in _text(report)


def test_legends_of_figures_tell_the_shares_of_the_map(result, report) -> None:
    text = _text(report)
    for theme in make_themes(result):
        told = theme_row(result, theme)
        shown = [f"{row['words']} ({row['share']})" for row in told["rows"] if row["share"]]
        assert not theme.assessed or all(words in text for words in shown), theme.key
        assert shown or theme.key != "suitability"


def test_what_to_look_for_is_said_once_for_each_sector(result) -> None:
    twice = pd.concat([result.gaps.survey_tasks, result.gaps.survey_tasks.assign(rank=2)])
    gaps = dataclasses.replace(result.gaps, survey_tasks=twice)
    told = tasks(dataclasses.replace(result, gaps=gaps))
    assert len(told["rows"]) == 2
    assert told["look_for"] == [("Water", "water points, works, towers and sewers")]


@pytest.mark.usefixtures("no_pictures")
def test_a_study_without_sites_says_why(build) -> None:
    text = _text(build_report(build(infeasible=True)))
    assert "No site: the constraints exclude all land of the study area." in text


@pytest.mark.usefixtures("no_pictures")
def test_the_brief_sends_nobody_where_everybody_can_be_told(result) -> None:
    tasks = result.gaps.survey_tasks
    none_open = dataclasses.replace(result.gaps, survey_tasks=tasks.assign(people_open=0.2))
    told = _text(build_report(dataclasses.replace(result, gaps=none_open)))
    assert "nobody can tell for 0 people" not in told
    assert "(nobody can tell for 100 people of this area, a day on foot)" in _text(
        build_report(result)
    )


def test_nothing_assessed_is_said_and_nothing_breaks(build) -> None:
    study = build(water=False)
    nothing = study.gaps.city.assign(
        gap=np.nan, gap_lo=np.nan, gap_hi=np.nan, reading="Not assessed"
    )
    cells = study.gaps.cells.copy()
    for name in cells.data_vars:
        if str(name).endswith("_gap"):
            cells[name] = cells[name] * np.nan
    study = dataclasses.replace(
        study,
        gaps=dataclasses.replace(
            study.gaps,
            city=nothing,
            cells=cells,
            indicators=study.gaps.indicators.iloc[:0],
            survey_tasks=study.gaps.survey_tasks.iloc[:0],
        ),
    )
    text = _text(build_report(study))
    assert "No sector could be assessed with the data given." in text
    assert "no place stands out for a survey" in text


def test_every_reading_has_words_and_a_colour_of_its_own() -> None:
    rows = list(reading_rows().values())
    assert len({row.colour for row in rows}) == len(rows)
    assert all(row.meaning and row.title for row in rows)


def test_districts_are_ranked_by_people_who_fall_short(result) -> None:
    rows = summarise(result).districts
    # North: 95 % of 3,000 in energy; Harbour: 20 % of 2,000; Hanbit: 20 % of 1,000.
    assert [row.name for row in rows] == ["North", "Harbour", "Hanbit"]
    assert rows[0].people == "2,850"


def test_of_districts_with_nobody_short_the_one_with_most_on_flood_prone_land_stands_first(
    build,
) -> None:
    study = build()
    frame = study.gaps.districts
    for sector in SECTORS:
        frame[f"{sector}_people_short"] = [0.2, 0.0, 0.4, 0.0]
    frame["flood_people_short"] = [5.0, 70.0, 0.0, 20.0]
    names = [row["name"] for row in districts(study)["rows"]]
    assert names == [frame["name"].iloc[i] for i in (1, 3, 0, 2)]


def test_a_district_without_known_people_is_not_ranked_first(build) -> None:
    study = build()
    for sector in ("transport", "water", "energy"):
        study.gaps.districts.loc[2, f"{sector}_people_short"] = np.nan
    assert summarise(study).districts[0].name == "Harbour"


def test_figures_are_the_same_every_time_and_show_the_classes(result) -> None:
    theme = make_themes(result)[1]
    uri = theme_figure(result, theme)
    assert uri == theme_figure(result, theme)
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")
    colours = {tuple(c) for c in np.asarray(image).reshape(-1, 3)[::7]}
    assert len({rgb(c) for c in theme.colours} & colours) >= 2
    assert "Software" not in image.info


def test_a_picture_in_two_layers_is_the_one_that_is_drawn_at_once(result) -> None:
    """Streets, outlines and numbers are drawn once for all themes and laid over the cells of each."""
    theme, kept = make_themes(result)[1], {}
    theme_figure(result, theme, sites=True, kept=kept)
    (cells,) = (one for one in kept.values() if isinstance(one, figures._Cells))
    (above,) = (one for one in kept.values() if isinstance(one, figures._Above))
    below = cells.coloured(theme)
    parts = above.laid_over(below.copy()).astype(int)
    canvas, axes = figures._axes(result, near=None, width_inch=figures._WIDTH_INCH)
    left, bottom, right, top = tuple(result.data.grid.boundingbox)
    table = np.array(rgba_table(theme, alpha=255), dtype=np.uint8)
    shown = axes.imshow(
        table[figures._squares(theme)], extent=(left, right, bottom, top), interpolation="nearest"
    )
    clip = figures.clip_path(result.data.city.boundary_metric)
    shown.set_clip_path(clip, transform=axes.transData)
    figures._draw_lines(axes, result, every=False, kept={})
    figures._draw_sites(axes, result)
    figures.draw_scale(axes, np.ptp(axes.get_xlim()))
    figures._draw_names(axes, result)
    figures.use_packaged_fonts(axes.figure)
    axes.figure.patch.set_facecolor("white")
    canvas.draw()
    whole = np.array(canvas.buffer_rgba())[..., :3].astype(int)
    assert np.abs(parts - whole).max() <= 4  # shades of 255 where an edge is half over a cell
    assert (np.abs(parts - below).max(axis=-1) > 100).mean() > 0.01


@pytest.mark.parametrize(("width", "bar"), [(6000, 1000), (900, 200), (60_000, 10_000), (41, 10)])
def test_scale_bar_is_round_and_at_most_a_quarter(width, bar) -> None:
    assert scale_bar_m(width) == bar


def test_warnings_are_told_once_and_without_folders_of_this_machine(build) -> None:
    study = build()
    gaps = dataclasses.replace(
        study.gaps,
        warnings=("OSM file /home/me/secret data/city.osm.pbf: cut", "C:\\Users\\me\\pop.tif is coarse",
                  "see https://example.org/a/b and 3/4 of it", "one criterion is missing"),
    )  # fmt: skip
    score = dataclasses.replace(
        study.score,
        warnings=("Industrial complex: one criterion is missing", "/data/x/dem.tif: voids"),
    )
    found = summarise(dataclasses.replace(study, gaps=gaps, score=score)).warnings
    assert "pop.tif is coarse" in found
    assert "dem.tif: voids" in found
    assert "see https://example.org/a/b and 3/4 of it" in found
    assert sum("criterion is missing" in w for w in found) == 1
    assert not any("home" in w or "Users" in w for w in found)


def test_where_data_miss_a_part_of_the_land_the_best_site_is_the_best_of_the_rest(result) -> None:
    """The western half is not known: each sentence that names the best site says so."""
    from kcity_geo.outputs.facts import facts_of

    assert Findings(result).judged_share > 0.95
    assert summarise(result).judged == ""
    gone = np.zeros(result.score.feasible.shape, dtype=bool)
    gone[:, : gone.shape[1] // 2] = True
    score = dataclasses.replace(
        result.score,
        score=np.where(gone, np.nan, result.score.score),
        feasible=result.score.feasible & ~gone,
    )
    excluded = np.logical_or.reduce([c.excluded for c in score.constraints if c.applied])
    inside = result.data.cube["inside_share"].to_numpy()
    left = 1 - inside[gone & ~excluded].sum() / inside.sum()
    part = dataclasses.replace(result, score=score)
    assert Findings(part).judged_share == pytest.approx(left, abs=1e-4)
    told, facts = summarise(part), facts_of(part)
    share = f"{100 * left:.0f}\N{NO-BREAK SPACE}%"
    assert told.judged.replace(" ", "\N{NO-BREAK SPACE}") == share
    assert "on the" in told.headline[-1]
    assert told.judged in told.headline[-1]
    assert "could be judged" in told.sites_title
    assert facts.judged_share == pytest.approx(left, abs=1e-4)
    assert facts.headline[-1] == told.headline[-1]


def test_where_nothing_can_be_ranked_no_site_is_called_the_best(result) -> None:
    from kcity_geo.outputs.summary import summarise

    plain = summarise(result).headline
    assert plain[-1].startswith("The best site for ")
    why = "No ranking possible: slope unknown; add sources.elevation"
    blocked = dataclasses.replace(result.score, no_ranking=why)
    none = dataclasses.replace(result, score=blocked, sites=result.sites.iloc[:0])
    told, why = summarise(none), why.replace("sources.elevation", "elevation data")
    assert told.headline[-1] == f"No site for an industrial complex can be recommended. {why}."
    assert told.no_sites == f"{why}."
    land = result.sites.assign(rank=float("nan"), score=float("nan"), label="A")
    told = summarise(dataclasses.replace(none, sites=land))
    assert {row.title.split(",")[0] for row in told.sites} == {"Candidate land A"}
    assert not any(row.score for row in told.sites)
    outside = result.sites.assign(district="elsewhere")
    headline = summarise(dataclasses.replace(result, sites=outside)).headline
    assert "number 1, outside the districts: " in headline[-1]


@pytest.mark.parametrize(
    ("of_counted", "whole"), [(None, False), (1.0, True), (1.01, True), (2.0, False)]
)
def test_people_of_a_part_are_all_where_the_official_number_says_so(
    build, of_counted, whole
) -> None:
    """A grid that lists inhabited squares covers a part of the land; the number of all tells whether that is all."""
    result = build()
    official = dict(result.data.official)
    official.pop("population", None)
    if of_counted:
        official["population"] = of_counted * Findings(result).people
    part = {"population": {"reached_share": 0.6}}
    data = dataclasses.replace(result.data, measured=part, official=official)
    assert Findings(dataclasses.replace(result, data=data)).counted_in_all == whole


def test_people_of_a_part_of_the_area_are_at_least_so_many(result) -> None:
    assert "at least" not in summarise(result).subtitle
    data = dataclasses.replace(result.data, measured={"population": {"valid_share": 0.14}})
    assert "at least" in summarise(dataclasses.replace(result, data=data)).subtitle


def test_a_map_of_sites_at_an_edge_shows_the_study_area_not_the_white_beside_it() -> None:
    city = (0.0, 0.0, 1000.0, 1000.0)
    (x0, x1), (y0, y1) = frame_of(city, (900.0, 0.0, 1000.0, 100.0))
    assert (x1, y0) == (1000.0, 0.0)
    assert x1 - x0 == y1 - y0 == pytest.approx(160.0)  # 30 % of the longer side around
    (x0, x1), _ = frame_of(city, (450.0, 450.0, 550.0, 550.0))
    assert (x0 + x1) / 2 == pytest.approx(500.0)
    (x0, x1), _ = frame_of(
        city, (-500.0, 0.0, 1500.0, 1000.0)
    )  # wider than the city: in the middle
    assert (x0 + x1) / 2 == pytest.approx(500.0)
