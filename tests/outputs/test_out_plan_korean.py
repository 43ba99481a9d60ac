"""A plan in Korean: every text has its words there, with the same numbers, on page, in workbook and pictures."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import load_workbook

import kcity_geo as kc
from kcity_geo.config import read_table
from kcity_geo.outputs.languages import language_of, speaking, translated
from kcity_geo.outputs.plan_language import plan_in_spoken_language, plan_told
from kcity_geo.plan_sheets import PlanSheets
from kcity_geo.planning.assumptions import USES, assumptions_of, land_profile
from kcity_geo.planning.rulesets import rule_set
from kcity_geo.planning.sheets import plan_sheets
from kcity_geo.planning.site_budget import Target, require_feasible, site_budget
from tests.planning.conftest import box, make_city_data
from tests.planning.networks.test_routed import SITE, town

pytestmark = pytest.mark.filterwarnings("ignore:economics")
KOREAN = language_of("ko")
TEXTS = Path(kc.__file__).parent / "tables" / "texts"
_NUMBER = re.compile(r"\d(?:[\d,]*\d)?(?:\.\d+)?")
_NOTED = re.compile("[\ue002\ue003]")


@pytest.fixture(scope="module")
def plans() -> list[kc.Plan]:
    data = make_city_data()
    site = box(500, 500, 1500, 1300)
    return [
        kc.concept(SITE, town(), "new_town", ruleset="KR"),  # with networks
        kc.concept(site, data, "industrial_complex", options=kc.ConceptOptions(networks=False)),
        kc.concept(site, data, "logistics_hub", jobs=900, options=kc.ConceptOptions(drawn=False)),
        kc.concept(
            site, data, "new_town", persons=3000, options=kc.ConceptOptions(price_level=0.5)
        ),
    ]


def _texts(sheets: PlanSheets) -> Iterator[str]:
    yield from (sheets.title, sheets.disclaimer, *sheets.lead)
    for chapter in sheets.chapters:
        yield from (chapter.title, *chapter.text)
    for table in sheets.tables.values():
        yield from (table.title, table.note, *table.heads)
        for column in table.frame:
            yield from (value for value in table.frame[column] if isinstance(value, str))
    for sheet in sheets.maps:
        yield from (sheet.title, sheet.caption)


def test_no_text_of_a_plan_is_left_in_english(plans) -> None:
    for plan in plans:
        english = plan_sheets(plan)
        with speaking(KOREAN) as originals:
            korean = plan_in_spoken_language(english)
        assert not originals, sorted(originals)
        assert list(korean.tables) == list(english.tables)
        for told in _texts(korean):
            assert not re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", _clean(told)), told


def _clean(text: str) -> str:
    """Take out what is said as it is: names, citations and files."""
    return "" if "\ue000" in text or not re.search("[가-힣]", text) else text


def test_captions_of_the_network_sheets_name_every_network_in_korean(plans) -> None:
    english = next(s.caption for s in plan_sheets(plans[0]).maps if s.number == 17)
    assert english.count(" USD") > 2
    with speaking(KOREAN):
        told = translated(english)
    assert not re.search(r"[a-z]{3}", told), told


def test_both_languages_say_the_same_numbers(plans) -> None:
    for plan in plans:
        english = plan_sheets(plan)
        with speaking(KOREAN):
            korean = plan_in_spoken_language(english)
        for said, told in zip(_texts(english), _texts(korean), strict=True):
            if not said.startswith("Works cost"):  # told in 만 and 억
                assert not _numbers(said) - _numbers(told), (said, told)
                # One, two, four and half of one are figures in Korean.
                assert set(_numbers(told) - _numbers(said)) <= {1, 2, 4, 0.5}, (said, told)


def _numbers(text: str) -> Counter[float]:
    found = _NUMBER.findall(re.sub(r"m[23²³]|18 January 2022|2022-01-18", "", text))
    return Counter(float(number.replace(",", "")) for number in found)


def test_every_title_of_the_tables_of_planning_has_korean() -> None:
    planning = read_table("planning")
    rows = [*planning["parameter"], *read_table("costs")["cost"]]
    for name in ("KR", "UN-Habitat"):
        rows += read_table(f"rulesets/{name}")["rule"]
    titles = [row["title"] for row in rows if "title" in row] + planning["discount"]["titles"]
    with speaking(KOREAN) as originals:
        for title in titles:
            assert not _NOTED.search(plan_told(title)), title
    assert not originals


def test_no_text_stands_in_both_tables_of_korean() -> None:
    general, plan = (
        tomllib.loads((TEXTS / name).read_text(encoding="utf-8"))["said"]
        for name in ("said_ko.toml", "said_plan_ko.toml")
    )
    assert not set(general) & set(plan)
    for english, korean in plan.items():
        holes = [set(re.findall(r"\{(\w+)", text)) for text in (english, korean)]
        assert holes[1] <= holes[0], english


@pytest.mark.parametrize(
    ("kind", "amount"), [("persons", 45_000), ("persons", 70_000), ("jobs", 9e4)]
)
def test_why_there_is_no_plan_is_told_in_korean(kind, amount) -> None:
    shares = {
        "streets": 0.3, "public": 0.12, "commercial": 0.05, "industry": 0, "utilities": 0.01, "parks": 0.18,
    }  # fmt: skip
    town = land_profile("new_town", shares=shares)
    target = Target(kind=kind, amount=amount)
    with pytest.raises(kc.KCityError) as refused:
        require_feasible(site_budget(300.0, target, town, assumptions_of(), rules=rule_set("KR")))
    said = f"[concept]: no plan is shown: {refused.value}"
    with speaking(KOREAN) as originals:
        told = translated(said)
    assert not originals
    assert _numbers(said) == _numbers(told)
    assert len(USES) == 7


def test_a_korean_plan_has_a_korean_page_and_workbook(plans, tmp_path) -> None:
    folder = kc.save_plan(plans[0], tmp_path / "plan", language="ko")
    page = (folder / "plan.html").read_text(encoding="utf-8")
    assert '<html lang="ko"' in page
    assert 'class="original"' not in page
    heads = re.findall(r"<h2[^>]*>\d+ · ([^<]+)</h2>", page)
    assert heads[:3] == ["요약", "대상지", "현황과 격차"]
    book = load_workbook(folder / "plan.xlsx")
    assert all(re.search("[가-힣]", name) for name in book.sheetnames)
    costs = book["공사비"]
    assert [str(cell.value).split(" (")[0] for cell in costs[3]][:3] == ["공사", "단계", "수량"]
    added = {row[0].value: row[5].value for row in costs.iter_rows(min_row=4)}
    assert added["예비비"].startswith("=0.3*SUMIFS(")
    assert (folder / "README.txt").read_text(encoding="utf-8").startswith("신도시 기본구상")
    # What machines read stays English.
    assert (folder / "cost.csv").read_text(encoding="utf-8").startswith("Work,")
