"""Sentences of a study in another language say the same values, and no English is left in them."""

from __future__ import annotations

import re

import pytest

from kcity_geo.analysis.sites.contents import content_words
from kcity_geo.analysis.suitability.constraints import _RULES
from kcity_geo.analysis.suitability.decisive import no_ranking
from kcity_geo.analysis.suitability.value_functions import full_score
from kcity_geo.config import TABLES, read_table
from kcity_geo.profiles import profiles
from kcity_geo.retold import _TABLES, made, retold, retold_all, told_in

SENTENCES = [row for name in _TABLES for row in read_table(f"texts/{name}")["sentence"]]
PLAIN = [row for row in SENTENCES if not {"words", "lists"} & set(row)]
CRITERIA = read_table("suitability/criteria")["criterion"]
#: Latin letters that Korean keeps: units.
UNITS = re.compile(r"\b(km|m|ha|kV|kWh|m2)\b|(?<=\d)(km|m|ha|kV|kWh/m2)|m³")


def english_in(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{3,}", UNITS.sub("", re.sub("kcity_geo|OSM", "", text)))


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: row["id"])
def test_every_sentence_says_the_same_values(row) -> None:
    names = re.findall(r"{(\w+)}", row["en"])
    told = set(re.findall(r"{(\w+)}", row["ko"]))
    values = dict(zip(names, ("1,234", "5.6", "78 %", "0.09"), strict=False))
    text = retold(made(row["id"], **values), "ko")
    assert text == row["ko"].format_map(values).replace(" %", "%")
    assert all(value.replace(" %", "%") in text for name, value in values.items() if name in told)
    assert set(names) - told <= {"size"}
    assert english_in(text) == []


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_speaks_korean(name) -> None:
    row = CRITERIA[name]
    text = row["phrase"].format(value="1,234", utility="0.6")
    korean = retold(text, "ko")
    assert re.findall(r"[\d.,]*\d", korean.replace("kWh/m2", "").replace("m2", "")).count(
        "1,234"
    ) == ("{value}" in row["phrase"])
    assert (
        retold(made("against", phrase=text, best="up to 2"), "ko") == f"{korean}(만점 기준: 2 이하)"
    )
    assert english_in(korean) == english_in(row["title_ko"]) == []
    missing = retold(made("not_known", title=row["title"].lower()), "ko")
    assert missing == f"{row['title_ko']} 자료가 없음"


def test_what_full_score_needs_is_told_in_korean() -> None:
    for profile in profiles().values():
        for row in profile["criteria"]:
            best = full_score(row["function"], row["parameters"])
            assert not best or re.findall(r"[\d.,]*\d", retold(best, "ko")) == re.findall(
                r"[\d.,]*\d", best
            )


def test_lists_of_titles_keep_commas_of_their_own() -> None:
    titles = [row[0].lower() for row in _RULES.values()]
    korean = {row["title"].lower(): row["title_ko"] for row in read_table("texts/siting")["title"]}
    assert set(titles) == set(korean)
    text = made("not_checked", titles=", ".join(titles))
    assert retold(text, "ko").endswith(": " + ", ".join(korean[t] for t in titles))
    assert retold(made("not_checked", titles="cemetery, my own rule"), "ko").endswith(
        ": 묘지, my own rule"
    )


def test_why_nothing_is_ranked_is_told() -> None:
    why = no_ranking([("slope", "sources.elevation"), ("open water", "sources.osm")])
    assert retold(why.partition(";")[0], "ko") == "순위를 정할 수 없음(경사도, 수역 자료 없음)"


def test_stability_is_told_piece_by_piece() -> None:
    change = made("weight_rises", title="slope", move="more than doubles", now="12 %", then="31 %")
    often = made("often_first", share="80 %", draws="1,000")
    text = f"{made('stays_unless', change=change)}; {often}"
    assert told_in(text, "ko") == (
        "「경사도」 가중치가 12%에서 31%로 2배 넘게 높아지기 전까지 1순위를 유지, "
        "가중치를 1,000회 바꾼 결과 80%에서 1순위"
    )


def test_what_stands_on_a_site_is_told_as_its_row_tells_it() -> None:
    row = {"residents": 3411.0, "buildings": 12.0, "buildings_ha": 1.25, "streets_km": 2.34}
    row |= {"streams_km": 0.5, "trees_share": 0.6, "at_edge": True, "next_to": "2, 3"}
    english, korean = content_words(row), content_words(row, "ko")
    assert len(english) == len(korean) == 7
    assert [retold(text, "ko") for text in english] == korean


@pytest.mark.parametrize(
    "text", ["by the old mill", "{title}", "0.5 km from <b>me</b>", "slope"[:0]]
)
def test_what_no_row_knows_stays_the_original(text) -> None:
    assert retold_all(text, "ko") == ""
    assert told_in(text, "ko") == (f"(원문) {text}" if text else "")
    assert told_in(text, "en") == text


def test_one_unknown_sentence_keeps_all_in_the_original() -> None:
    text = f"{made('not_by_one')}; so they say"
    assert told_in(text, "ko") == f"(원문) {text}"


def test_no_row_leaves_the_choice_of_a_particle_to_its_reader() -> None:
    """Korean particles follow the sound before them: a row that prints both, 은(는), reads like a machine."""
    both = re.compile(
        r"은\(는\)|는\(은\)|이\(가\)|가\(이\)|을\(를\)|를\(을\)|과\(와\)|와\(과\)|\(으\)로"
    )
    found = [f.name for f in TABLES.rglob("*.toml") if both.search(f.read_text(encoding="utf-8"))]
    assert found == []


def test_a_title_of_several_words_ends_where_the_sentence_goes_on() -> None:
    title = "distance to a water source (river, lake, reservoir or water works)"
    told = retold(f"would be first if the weight of {title} rose from 12 % to 69 %", "ko")
    assert "12%" in told
    assert "69%" in told
    assert "rose" not in told
    assert "would" not in told
