"""One set of texts: English and Korean say the same, further languages are files, nothing is left unmarked."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from lxml import html as reader

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.outputs.facts import facts_of
from kcity_geo.outputs.language_files import MARKS
from kcity_geo.outputs.languages import (
    language_of,
    language_of_study,
    marked_up,
    name,
    source_words,
    speaking,
    tell,
    translated,
)
from kcity_geo.outputs.maps import build_map
from kcity_geo.outputs.report import build_report
from kcity_geo.outputs.report_tables import assumptions
from kcity_geo.outputs.styles import cell_styles, layer_style, style_groups
from kcity_geo.outputs.text import human, persons
from kcity_geo.report_keys import ReportSection
from kcity_geo.retold import _TABLES

HOLE = re.compile(r"\{(\w+)")
#: Three words of Latin letters in a row are a sentence; names, units and codes are shorter.
SENTENCE = re.compile(r"[A-Za-z]{2,}(?:,? [A-Za-z]{2,}){2,}")


def asked(result, **keys):
    study = result.study.model_copy(update={"report": ReportSection(**keys)})
    return dataclasses.replace(result, study=study)


def texts() -> dict[str, dict[str, str]]:
    return dict(read_table("texts/report")["text"])


def test_both_languages_name_the_same_values_in_every_row() -> None:
    for key, row in texts().items():
        assert set(HOLE.findall(row["en"])) >= set(HOLE.findall(row["ko"])), key
        words = re.sub(
            r"\{[^}]*\}|[A-Z]{2,}|kcity \w+|kcity_geo|[\w.]+\.(toml|geojson|txt)", "", row["ko"]
        )
        assert not SENTENCE.search(words), row["ko"]
        filled = dict.fromkeys(HOLE.findall(row["en"]), "3")
        for language in ("en", "ko"):
            with speaking(language_of(language)):
                assert "{" not in tell(key, **filled), key


def test_what_is_looked_up_has_the_same_holes_and_the_words_of_the_programme() -> None:
    said = read_table("texts/said_ko")["said"]
    for english, korean in said.items():
        assert set(HOLE.findall(korean)) <= set(HOLE.findall(english)), english
    vocabulary = read_table("programme/vocabulary")
    by_title = {row.get("title"): row["title_ko"] for row in vocabulary["reading"]}
    with speaking(language_of("ko")):
        told = {title: translated(title) for title in by_title if title in said}
    assert told == {title: by_title[title] for title in told}


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("0.56 km", "0.56km"),
        ("about 1,200 people", "약 1,200명"),
        ("5 to 10 min", "5~10분"),
        ("mean slope of 9.9 % (full score up to 2)", "평균 경사 9.9%(만점 기준: 2 이하)"),
        ("Steep slope", "급경사지"),
        ("Land cover: tree", "토지 피복: 나무"),
    ],
)
def test_what_analysis_says_is_looked_up(english, korean) -> None:
    with speaking(language_of("ko")) as left:
        assert translated(english) == korean
    assert not left


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        (  # "against" stands in a title; no row of two numbers may read the list
            (
                "not assessed for lack of data: Travel time to jobs or the centre, Shortfall of firm "
                "power supply against peak demand, Built-up land without night light"
            ),
            (
                "자료가 없어 평가하지 못한 지표: 일자리나 도심까지의 이동 시간, 최대 수요 대비 확정 공급 전력 부족, "
                "야간 조명이 없는 시가지"
            ),
        ),
        (  # no row may lose a "no" by reading from one bracket into the next
            (
                "New town: constraints not applied for lack of data: Protected area (no protected areas are "
                "mapped here; check with the city); Airport (no airport mapped here; check with the city)"
            ),
            (
                "신도시: 자료가 없어 적용하지 못한 제약 조건: 보호구역(지도에 보호구역이 없음. 도시에 확인 필요); "
                "공항(지도에 공항 없음. 도시에 확인 필요)"
            ),
        ),
        (
            (
                "from mapped buildings, which may be incomplete; 66 further cells hold as many people as "
                "an urban centre"
            ),
            "지도상 건물에서 얻었으며 빠진 것이 있을 수 있음; 도심만큼 인구가 많은 칸 66개 추가",
        ),
        (
            (
                "Land cover (none is mapped here); Distance to nuisances (landfill, quarry, wastewater plant, "
                "industry) (needs landfills, quarries, industry or wastewater plants; none is mapped here)"
            ),
            (
                "토지피복(지도에 없음); 기피시설(매립지·채석장·하수처리장·공업지)까지의 거리(매립지, 채석장, 공업지 또는 하수처리장이 필요함; "
                "지도에 없음)"
            ),
        ),
        (
            (
                "official: peak_demand_mw = 4,000 is 100 kW a resident (40,000 residents); hardly a city has so much "
                "(usual: 0.002 to 20): is the unit that of the name, and the amount that of the study area?"
            ),
            (
                "official: peak_demand_mw = 4,000(주민 1인당 kW: 100, 주민 40,000명). 이만큼 많은 도시는 거의 없습니다"
                "(보통 0.002~20). 단위가 이름과 같은지, 연구 지역의 값인지 확인하십시오"
            ),
        ),
        ("at least 5 m above the nearest drainage", "가까운 하천보다 5m 이상 높은 곳"),
        (
            "no wastewater plant of known size is mapped; set official.x_m3_day (0 if there is none)",
            "처리 용량을 아는 하수처리장이 지도에 없음; official.x_m3_day 입력 필요(없으면 0)",
        ),
        ("Vaduz: 20 % against 30 %", "Vaduz 공식 20%, 지도 30%"),
    ],
)
def test_no_row_reads_more_than_its_own_words(english, korean) -> None:
    with speaking(language_of("ko")) as left:
        assert translated(english).replace("\ue000", "").replace("\ue001", "") == korean
    assert not left


def test_numbers_are_those_of_the_language() -> None:
    assert (human(0.004, "share"), persons(9_870_000)) == ("under 1 %", "9.87 million")
    with speaking(language_of("ko")):
        assert (human(0.004, "share"), human(0.384, "share")) == ("1% 미만", "38%")
        assert (persons(9_870_000), persons(60_312)) == ("987만", "60,300")
    assert persons(9_870_000) == "9.87 million", "only inside of the with"


def test_a_counter_stands_before_at_least() -> None:
    with speaking(language_of("ko")):
        people = tell("at_least", number="4,340")
        assert tell("people_count", people=people) == "주민 4,340명 이상"
        assert tell("people_count", people="12") == "주민 12명"


@pytest.mark.parametrize(
    ("word", "told"), [("물", "물이"), ("전기", "전기가"), ("3", "3이"), ("Vaduz", "Vaduz이(가)")]
)
def test_an_ending_fits_the_last_letter(word, told) -> None:
    with speaking(language_of("ko")):
        assert told in tell("sites_open_one", project=word)


def test_an_original_is_set_apart_and_counted_and_a_name_is_not() -> None:
    korean = language_of("ko")
    with speaking(korean) as left:
        page = f"<p title='{translated('the mill has burnt down')}'>{translated('the mill has burnt down')} {name('Old Mill Road')}</p>"
    page = marked_up(page, language=korean)
    assert page == (
        '<p title=\'the mill has burnt down\'><span lang="en" class="original">the mill has burnt down</span> '
        '<bdi translate="no">Old Mill Road</bdi></p>'
    )
    assert left == {"the mill has burnt down": 2}


@pytest.mark.usefixtures("no_pictures")
def test_no_english_sentence_stands_in_the_korean_report_unmarked(result) -> None:
    page = reader.document_fromstring(build_report(asked(result, language="ko")))
    assert page.get("lang") == "ko"
    originals = page.xpath("//*[@lang='en']")
    for element in [*originals, *page.xpath("//style | //*[@translate='no']")]:
        element.drop_tree()
    shown = [text for text in page.itertext() if SENTENCE.search(text)]
    alt = [a for a in page.xpath("//@alt | //@title | //@aria-label") if SENTENCE.search(a)]
    # The made-up city has sentences that no analysis says.
    assert not [text for text in shown if text.strip()], shown
    assert not alt
    assert f"{len({e.text for e in originals})}개 문구" in page.text_content() or not originals


def test_facts_tell_the_headline_in_the_language_of_the_report(result) -> None:
    english, korean = facts_of(result), facts_of(asked(result, language="ko"))
    assert english.headline_told == {}
    assert korean.headline == english.headline
    told = korean.headline_told["ko"]
    assert len(told) == len(english.headline)
    assert not MARKS.search("".join(told))
    assert not SENTENCE.search(told[0])


def test_a_language_of_ones_own_is_a_file(result, tmp_path: Path) -> None:
    file = tmp_path / "xx.toml"
    file.write_text(
        'code = "ar"\ndirection = "rtl"\n[text]\nsite = "موقع {label}"\n[said]\n"good" = "جيد"\n',
        encoding="utf-8",
    )
    own = language_of(str(file))
    with speaking(own) as left:
        assert (tell("site", label="1"), translated("good")) == ("موقع 1", "جيد")
        assert tell("next_step") == "Next step"
    assert left == {"Next step": 1}
    with pytest.raises(StudyError, match=r"none of en, ko"):
        language_of("klingon")


def test_a_file_of_texts_reaches_map_workbook_and_project(build, tmp_path: Path) -> None:
    """The map stayed English, whatever the file said."""
    words = {
        "Close": "Fermer",
        "Suitability": "Aptitude",
        "Candidate sites": "Sites",
        "Weight": "Poids",
    }
    said = "\n".join(f'"{english}" = "{told}"' for english, told in words.items())
    (tmp_path / "fr.toml").write_text(
        f'code = "fr"\n[text]\nmap_suitability = "Aptitude"\n[said]\n{said}\n', encoding="utf-8"
    )
    study = asked(build(cell_m=500.0, folder=tmp_path), language="fr.toml")
    page = build_map(study)
    assert '<html lang="fr"' in page
    assert (
        json.loads(page.partition('id="kc-data">')[2].partition("</script>")[0])["texts"]["close"]
        == "Fermer"
    )
    with speaking(language_of_study(study.study)):
        assert layer_style("sites", 2).title == "Sites"
        assert cell_styles(["suitability"], {})[0].title == "Aptitude"


def test_a_korean_study_opens_in_gis_programs_in_korean() -> None:
    table = read_table("gis_styles")
    with speaking(language_of("ko")) as left:
        for layer in table["layer"]:
            assert re.search("[가-힣]", layer_style(layer, 2).title), layer
        classes = [str(words) for own in table["classes"].values() for words in own.values()]
        for words in (*style_groups(), *classes):
            assert not SENTENCE.search(translated(words)), words
        (reading,) = cell_styles(["water_reading"], {})
        assert [c.value for c in reading.classes][1] == "Falls short"  # as the column has it
        assert reading.classes[1].words == "기준 미달"
    assert not left


def test_no_further_sentence_is_read_out_of_finished_english() -> None:
    """A new sentence is a row with both languages, filled in by `tell`: these numbers may only fall."""
    # 91 of the first are notes of readers and analysis, which other code than outputs writes and files keep in English.
    said = read_table("texts/said_ko")["said"]
    told_again = [row for one in _TABLES for row in read_table(f"texts/{one}")["sentence"]]
    assert sum(bool(HOLE.search(key)) for key in said) <= 242
    # 6 of these say why a city failed, which its page reads in the outcome of a run; 1 is the caveat of all outputs.
    assert len(told_again) <= 59


def test_a_default_of_the_package_says_in_korean_where_it_comes_from(result) -> None:
    parts = {part for row in assumptions(result) for part in str(row["citation"]).split("; ")}
    own = sorted(part for part in parts if "default" in part or "see above" in part)
    assert len(own) > 10
    with speaking(language_of("ko")):
        assert not [part for part in own if not re.search("[가-힣]", source_words(part))]


def test_a_day_is_written_as_the_language_does() -> None:
    with speaking(language_of("ko")):
        assert translated("2026-01-01") == "2026년 1월 1일"
    assert translated("2026-01-01") == "2026-01-01"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[text]\nsite = "x"', "code: None"),
        ('code = "fr"\ndirection = "up"', "direction: 'up'"),
        ('code = "fr"\n[text]\nsitte = "x"', "text.sitte: there is no such text"),
        ('code = "fr"\n[text]\nsite = "{lable}"', "{lable} is no value of it"),
        ('code = "fr"\n[text]\nsite = "{label"', "its braces do not match"),
        ('code = "fr"\n[text]\nsite = "{label.__class__}"', "is no value of it"),
        ('code = "fr"\n[text]\nsite = "{label[0]}"', "is no value of it"),
        ('code = "fr"\n[text]\nsite = "{label:{label}}"', "is no value of it"),
        ('code = "fr"\n[text]\nsite = 3', "3 is no text"),
        ("code = ", "cannot be read"),
    ],
)
def test_a_file_of_texts_that_is_wrong_is_refused_in_one_line(text, said, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as refused:
        language_of(str(tmp_path / "own.toml"))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value).rstrip()


def test_one_person_is_no_people() -> None:
    assert tell("people_count", people="1") == "1 person"
    assert tell("people_count", people="12") == "12 people"
