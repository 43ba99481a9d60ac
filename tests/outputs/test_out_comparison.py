"""Files of a comparison: one page that loads nothing, in two languages, and tables that say the same."""

from __future__ import annotations

import base64
import csv
import html
import io
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

from kcity_geo.analysis.comparison.compare import compare_cities
from kcity_geo.analysis.comparison.numbers import CityNumbers, LevelNumbers, MeasuredNumbers
from kcity_geo.config import read_table
from kcity_geo.errors import OutputError
from kcity_geo.inputs.finished import ReadingsPicture, city_numbers
from kcity_geo.outputs.attribution import CAVEAT
from kcity_geo.outputs.comparepage import _covered, _label
from kcity_geo.outputs.comparison import COMPARISON_FILES, save_comparison
from kcity_geo.outputs.languages import LANGUAGES, both, language_of, speaking, translated
from kcity_geo.outputs.themes import reading_rows
from kcity_geo.study_facts import LevelFacts, StudyFacts
from tests.support.shown import reads, texts

HOSTILE = "<script>alert(1)</script>{{7*7}}\"'&`=cmd"


def _city(name: str, short: float, open_: float) -> CityNumbers:
    level = LevelNumbers(gap=short, people_short=5000 * short, people_open=5000 * open_)
    return CityNumbers(
        key=name, name=name, study=name, project="new_town", lat=10.0, lon=20.0, area_km2=12.0, population=5000.0,
        population_evidence="observed", osm_date="2025-01-01", cell_m=100.0,
        levels=dict.fromkeys(("transport", "water", "energy", "flood"), level),
        indicators={"E5": MeasuredNumbers(value=2.5)}, open_land_share=0.1,
    )  # fmt: skip


def bare(folder: Path) -> str:
    """The page of a comparison without the ids of its numbers."""
    page = (folder / "compare.html").read_text(encoding="utf-8")
    return re.sub(r"<span data-id=[^>]*>([^<]*)</span>", r"\1", page)


@pytest.fixture
def found():
    return compare_cities([_city("Alpha", 0.2, 0.1), _city(HOSTILE, 0.4, 0.5)], draws=50)


def test_all_files_are_written_and_a_former_comparison_is_replaced(found, tmp_path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        save_comparison(found, out)
        assert sorted(p.name for p in out.iterdir()) == sorted(COMPARISON_FILES)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_somebodys_work_stays(found, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="mine.txt"):
        save_comparison(found, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_the_page_loads_nothing_and_shows_hostile_names_as_text(found, tmp_path) -> None:
    page = (save_comparison(found, tmp_path / "out") / "compare.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert "script-src 'sha256-" in page
    text = (tmp_path / "out" / "cities.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    assert [row[1] for row in rows] == ["name", HOSTILE, "Alpha"]


def test_both_languages_say_the_same_numbers(found, tmp_path) -> None:
    page = bare(save_comparison(found, tmp_path / "out"))
    body = page[page.index("<body>") : page.index("<script>")]
    pairs = re.findall(r'<span lang="en">(.*?)</span><span lang="ko">(.*?)</span>', body)
    assert len(pairs) > 20
    for english, korean in [map(html.unescape, pair) for pair in pairs]:
        if re.search(r"[가-힣]", korean) and "1위" not in korean and "5분" not in korean:
            assert sorted(re.findall(r"\d[\d,.]*\d|\d", english)) == sorted(
                re.findall(r"\d[\d,.]*\d|\d", korean)
            )


def test_every_text_stands_in_every_language_with_the_same_gaps() -> None:
    rows = read_table("texts/compare")
    for key, row in rows["text"].items():
        gaps = {language: sorted(re.findall(r"\{\w+\}", row[language])) for language in LANGUAGES}
        assert gaps["en"] == gaps["ko"], key
    known = {row["id"] for row in read_table("programme/vocabulary")["reading"]}
    assert known == {row.id for row in reading_rows().values()}
    assert "{" not in str(both("compare", "title"))


def test_the_page_has_the_caveat_of_every_output_in_both_languages(found, tmp_path) -> None:
    page = (save_comparison(found, tmp_path / "out") / "compare.html").read_text(encoding="utf-8")
    with speaking(language_of("ko")):
        korean = translated(CAVEAT)
    assert f'<span lang="en">{CAVEAT}</span><span lang="ko">{korean}</span>' in page
    assert re.search("[가-힣]", korean)


def test_the_small_maps_have_one_scale(found, tmp_path) -> None:
    def picture(side: int, cell_m: float) -> ReadingsPicture:
        return ReadingsPicture(codes=np.full((side, side), 5, dtype=np.uint8), cell_m=cell_m)

    first, second = found.table.index
    pictures = {first: {"water": picture(40, 100.0)}, second: {"water": picture(10, 200.0)}}
    page = (save_comparison(found, tmp_path / "out", pictures=pictures) / "compare.html").read_text(
        encoding="utf-8"
    )
    widths = [int(w) for w in re.findall(r'width="(\d+)" height="\d+" alt=', page)]
    assert sorted(widths) == [95, 190]  # 4 km and 2 km


def test_stripes_of_a_small_map_are_finer_than_its_cells(found, tmp_path) -> None:
    """A city of few cells had one dark cell in five, which no swatch of the legend showed."""
    silent = next(n for n, row in enumerate(reading_rows().values()) if row.id == "cannot_tell")
    picture = ReadingsPicture(codes=np.full((6, 6), silent, dtype=np.uint8), cell_m=250.0)
    pictures = {found.table.index[0]: {"water": picture}}
    out = save_comparison(found, tmp_path / "out", pictures=pictures)
    page = (out / "compare.html").read_text(encoding="utf-8")
    coded = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(coded[0]))))
    side = len(drawn) // 6
    for row, column in itertools.product(range(6), repeat=2):
        cell = drawn[row * side : (row + 1) * side, column * side : (column + 1) * side]
        assert len(np.unique(cell)) == 2  # its colour, and stripes on it
        assert 0.5 < (cell == silent).mean() < 0.9


def test_weights_that_are_not_the_usual_ones_are_told_wherever_the_mean_is(tmp_path) -> None:
    cities = [_city("Alpha", 0.4, 0.0), _city("Beta", 0.1, 0.0)]
    cities[0] = replace(
        cities[0],
        levels=cities[0].levels | {"water": LevelNumbers(gap=0, people_short=0, people_open=0)},
    )
    for weights, need, words, korean in (
        (None, "27 %", "on average 27 % of its people fall short in each sector", "평균 27%"),
        (
            {"water": 0},
            "40 %",
            (
                "40 % of its people fall short, as the weighted mean of the sectors "
                "(transport 50 %, water supply 0 %, energy 50 %)"
            ),
            "가중 평균 40%. 가중치: 교통 50%, 물 공급 0%, 에너지 50%",
        ),
    ):
        out = save_comparison(compare_cities(cities, draws=20, weights=weights), tmp_path / need)
        page = html.unescape(bare(out)).replace("\xa0", " ")
        assert words in page
        assert korean in page
        # The readiness is made as ever.
        assert "Readiness is the mean of evidence, grid, access, hazard and land." in page
        told = "Need is the weighted mean of the shares of people who fall short (transport 50 %,"
        assert (told in page) is bool(weights)
        assert ("Need is the mean share" in page) is not bool(weights)
        book = openpyxl.load_workbook(out / "compare.xlsx")
        notes = [str(row[0]) for row in book["notes"].values]
        line = "Need is a weighted mean: transport 50 %, water supply 0 %, energy 50 %."
        assert (line in notes) is bool(weights)


def test_points_of_weight_are_enough_to_draw_level(tmp_path) -> None:
    """11.48 points were shown as 11, with which the order does not turn."""
    cities = [_city("Alpha", 0.2, 0.0), replace(_city("Beta", 0.1, 0.0), open_land_share=0.015)]
    cities = [
        replace(city, indicators=city.indicators | {"T9_reach_people": MeasuredNumbers(value=1.0)})
        for city in cities
    ]
    found = compare_cities(cities, draws=20)
    ahead, behind = found.rank()["readiness_rank"].sort_values().index
    exact = 50 * found.overtake(behind, ahead).attrs["weights_moved"]
    assert 0.01 < exact % 1 < 0.49  # else it is rounded up anyhow
    save_comparison(found, tmp_path / "out")
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text(encoding="utf-8"))
    (points,) = [r["value"] for r in ledger["claims"] if r["id"].endswith(".weight_points")]
    assert exact <= points < exact + 1
    assert points == int(points)
    page = bare(tmp_path / "out").replace("\xa0", " ")
    assert f"Or {points:.0f} of the 100 points" in page


def test_a_range_says_what_was_not_assessed(tmp_path) -> None:
    """Nobody is open, and yet 0 to over 99 %: wastewater was not assessed."""
    level = LevelNumbers(gap=0.1, people_short=0, people_open=0, short_draws=(0.0, 0.5, 1.0))
    open_ = replace(_city("Alpha", 0.0, 0.0), not_assessed={"water": ("W4",), "transport": ("T6",)})
    open_ = replace(open_, levels=open_.levels | {"water": level})
    page = _page([open_, _city("Beta", 0.3, 0.0)], tmp_path)
    told = page[page.index("Not assessed, so the range") : page.index("How ready each city is")]
    assert "Wastewater treated" in told
    assert "하수 처리율" in told
    assert "Beta" not in told
    assert "Land allocated" not in told  # the people short of transport have no range
    sure = replace(open_, levels=_city("Alpha", 0.0, 0.0).levels)
    assert "Not assessed, so the range" not in _page([sure, _city("Beta", 0.3, 0.0)], tmp_path)


def test_a_range_is_shown_where_something_is_not_known(found, tmp_path) -> None:
    out = save_comparison(found, tmp_path / "out")
    book = openpyxl.load_workbook(out / "compare.xlsx")
    assert book.sheetnames == ["ranks", "cities", "criteria", "notes"]
    head = [c.value for c in book["cities"][1]]
    row = dict(zip(head, [c.value for c in book["cities"][3]], strict=True))
    assert row["name"] == "Alpha"
    assert row["access"] is None  # not in the study
    assert (row["need"], row["need_low"]) == (pytest.approx(0.2), pytest.approx(0.2))
    assert row["need_high"] == pytest.approx(0.3)
    points = json.loads((out / "cities.geojson").read_text(encoding="utf-8"))
    assert points["features"][0]["geometry"]["coordinates"] == [20.0, 10.0]


def _named_alike() -> list[CityNumbers]:
    """Three studies of one name, two of them with one study name as well, as demo cities of two seeds."""
    facts = [
        StudyFacts(
            city="Hanbit", study=study, project="new_town", project_title="New town", synthetic=True, area_km2=36.0,
            bounds=(0, 0, 1, 1), place=(0.5, 0.5), cell_m=100.0, crs="UTM", population=people,
            levels=[LevelFacts(key="water", title="Water", reading="short", reading_title="Short", gap=0.4,
                               people={"cannot_tell": 10.0, "not_assessed": 0.0}, people_short=100.0)],
        )
        for study, people in (("hanbit", 5000.0), ("hanbit", 6000.0), ("other", 5000.0))
    ]  # fmt: skip
    return list(city_numbers(facts, ["/a/one", "/a/two", "/b/one"]))


def test_cities_of_one_name_change_no_byte_of_each_other(tmp_path) -> None:
    def written(cities: list[CityNumbers], name: str) -> dict[str, set[str]]:
        folder = save_comparison(compare_cities(cities, draws=20), tmp_path / name)
        rows = (folder / "cities.csv").read_text(encoding="utf-8").splitlines()[1:]
        points = json.loads((folder / "cities.geojson").read_text(encoding="utf-8"))["features"]
        return {"csv": set(rows), "points": {json.dumps(one) for one in points}}

    def told(facts_at: list[int]) -> list[CityNumbers]:
        facts = [_named_alike()[i] for i in facts_at]
        return [replace(one, key=f"{one.name} {i}") for i, one in enumerate(facts)]

    three = written(_named_alike(), "three")
    assert len(three["csv"]) == len(three["points"]) == 3
    for kept in ([0, 1], [1, 2], [2, 0]):
        fewer = written(told(kept), str(kept))
        assert fewer["csv"] < three["csv"]
        assert fewer["points"] < three["points"]


def test_the_order_of_the_studies_changes_no_byte_of_any_file(tmp_path) -> None:
    folders = [
        save_comparison(compare_cities(cities, draws=20), tmp_path / str(n))
        for n, cities in enumerate(itertools.permutations(_named_alike()))
    ]
    for name in COMPARISON_FILES:
        assert len({(folder / name).read_bytes() for folder in folders}) == 1, name


def test_cities_of_equal_need_are_both_named_in_any_order(tmp_path) -> None:
    pages = [
        (
            save_comparison(compare_cities(cities, draws=20), tmp_path / str(n)) / "compare.html"
        ).read_text(encoding="utf-8")
        for n, cities in enumerate(
            itertools.permutations([_city("Alpha", 0.2, 0.1), _city("Beta", 0.2, 0.1)])
        )
    ]
    for page in pages:
        assert "The greatest proved need is equal in Alpha, Beta" in page


def test_a_city_of_which_nobody_can_tell_has_no_zero(tmp_path) -> None:
    """Everybody is open in one, nothing was assessed in the other: neither has 0 people short, nor a need of 0."""
    cities = [
        _city("Alpha", 0.2, 0.1),
        _city("Beta", 0.0, 1.0),
        replace(_city("Gamma", 0.2, 0.1), levels={}, population=float("nan")),
    ]
    folder = save_comparison(compare_cities(cities, draws=20), tmp_path / "out")
    page = bare(folder).replace("\xa0", " ")
    table = page[page.index("Who falls short") : page.index("How ready each city is")]
    rows = {
        name: re.findall(r'<td class="num"[^>]*>(?:<span lang="en">)?([^<]*)', row)
        for name, row in re.findall(r'data-sort="(\w+)">\w+</th>(.*?)</tr>', table)
    }
    assert rows["Alpha"][1:5] == ["1,000 people (20 %)"] * 3 + ["20"]
    assert rows["Beta"][1:5] == rows["Gamma"][1:5] == ["not known"] * 4


def test_korean_numbers_and_projects_hold_no_english_word(tmp_path) -> None:
    cities = [
        replace(_city("가나", 0.004, 0.1), open_land_share=0.003, project="New town"),
        replace(
            _city("다라", 0.5, 0.2), open_land_share=float("nan"), project="Industrial complex"
        ),
        replace(_city("마바", 0.3, 0.2), project="New town", osm_date="2020-01-01"),
    ]
    folder = save_comparison(compare_cities(cities, draws=20), tmp_path / "out")
    page = bare(folder).partition("<body>")[2]
    korean = html.unescape(" ".join(re.findall(r'<span lang="ko">(.*?)</span>', page)))
    assert "1% 미만" in korean
    assert "산업단지" in korean
    words = set(re.findall(r"[A-Za-z]{3,}", korean)) - {"Herfort", "OpenStreetMap"}
    assert not words & {"under", "over", "not", "known", "New", "town", "Industrial", "complex"}
    assert not re.search(r"\d %", korean)


def test_names_in_the_chart_cover_no_dot_and_no_other_name() -> None:
    dots = [
        {"name": name, "x": x, "y": y, "x0": x, "x1": x + 90, "y0": y, "y1": y - 30}
        for name, x, y in (
            ("Monaco", 60, 121), ("Liechtenstein", 63, 162), ("Helsinki centre", 60, 203),
            ("Hanbit (synthetic)", 104, 159), ("하노이", 100, 155), ("Phnom Penh", 101, 157),
        )
    ]  # fmt: skip
    _label(dots)
    boxes = [
        (d["label_x"], d["label_y"] - 9, d["label_x"] + 6 * len(d["name"]), d["label_y"])
        for d in dots
    ]
    for one, other in itertools.combinations(boxes, 2):
        assert _covered(one, other) == 0
    for box, dot in itertools.product(boxes, dots):
        assert _covered(box, (dot["x"] - 4, dot["y"] - 4, dot["x"] + 4, dot["y"] + 4)) == 0
    assert any(d["far"] for d in dots)


def _page(cities: list[CityNumbers], folder: Path) -> str:
    found = save_comparison(compare_cities(cities, draws=20), folder / "out")
    text = bare(found)
    return html.unescape(text).replace("\xa0", " ")


def test_a_city_of_which_nothing_is_known_is_not_named_first(tmp_path) -> None:
    nobody = replace(
        _city("Nobody", 0.2, 0.1),
        levels={}, indicators={}, population=float("nan"), open_land_share=float("nan"),
    )  # fmt: skip
    page = _page([_city("Alpha", 0.0, 0.2), nobody], tmp_path)
    assert "In no city is it proved that people fall short." in page
    assert "Without a rank, as nothing is known: Nobody." in page
    assert "The readiest is Alpha" in page
    assert "3 of 3 criteria are not known" in page
    assert page.count('class="dot"') == 1
    ranks = list(
        csv.DictReader((tmp_path / "out" / "ranks.csv").read_text(encoding="utf-8").splitlines())
    )
    assert [(row["need_rank"], row["readiness_rank"]) for row in ranks] == [("1", "1"), ("", "")]
    points = json.loads((tmp_path / "out" / "cities.geojson").read_text(encoding="utf-8"))
    assert [one["properties"]["need"] for one in points["features"]] == [0.0, None]


def test_the_readiest_city_without_a_site_says_so(tmp_path) -> None:
    cities = [
        replace(_city("Alpha", 0.0, 0.0), sites_found=0),
        replace(_city("Beta", 0.5, 0.0), sites_found=3),
        _city("Gamma", 0.6, 0.0),
    ]
    page = _page(cities, tmp_path)
    assert "The study found no site for its project in Alpha." in page
    assert ">none found<" in page
    assert ">not ranked<" in page


def test_without_workbooks_the_rest_is_written_and_no_old_one_stays(
    found, tmp_path, monkeypatch
) -> None:
    out = save_comparison(found, tmp_path / "out")
    monkeypatch.setattr(
        "kcity_geo.outputs.workbook.not_installed", lambda _: "install kcity-geo[office]"
    )
    with pytest.warns(UserWarning, match="compare.xlsx is left out"):
        save_comparison(found, out)
    assert {p.name for p in out.iterdir()} == {*COMPARISON_FILES} - {"compare.xlsx"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_each_number_of_the_page_has_an_id_of_the_ledger_and_shows_its_value(
    found, tmp_path
) -> None:
    reader = pytest.importorskip("lxml.html")
    folder = save_comparison(found, tmp_path / "out")
    page = reader.fromstring((folder / "compare.html").read_text(encoding="utf-8"))
    ledger = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    known = {row["id"]: row for row in ledger["claims"]}
    cited = page.xpath("//*[@data-id]")
    assert len(cited) > 30
    for element in cited:
        row, shown = known[element.get("data-id")], element.text_content().replace("\xa0", " ")
        assert row["value"] is not None
        assert reads(shown, row["value"], row["unit"]), (shown, row)
    # Numbers without an id: benchmarks, references with their sources, axes, scale and names.
    tables = page.xpath("//tbody//td")
    left = [text for cell in tables for _, text in texts(cell) if re.search(r"\d", text)]
    assert left == []


def test_people_counted_in_a_part_of_a_city_are_at_least_so_many(found, tmp_path) -> None:
    half = replace(_city("Half", 0.2, 0.1), whole=False)
    page = bare(
        save_comparison(compare_cities([half, found.cities[0]], draws=20), tmp_path / "out")
    )
    assert "at least 5,000" in page
    assert "5,000 이상" in page
    assert "in a part of it: nothing of people is compared" in page
    assert "주민에 관한 항목은 비교하지 않음" in page
    assert "at least" not in bare(save_comparison(found, tmp_path / "whole"))
