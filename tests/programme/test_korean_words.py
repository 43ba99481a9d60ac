"""Korean papers: nothing in English without a mark, sums in won as offices write them, channels by name."""

from __future__ import annotations

import pytest
from applications import changed, level, make_facts

from kcity_geo.planning.concept import DISCLAIMER
from kcity_geo.programme.blocks import Table
from kcity_geo.programme.checking import check
from kcity_geo.programme.draft import problem_statement
from kcity_geo.programme.evidence import evidence_of
from kcity_geo.programme.papers import Subject, make_paper
from kcity_geo.programme.plan_words import korean_plan
from kcity_geo.programme.words import korean_millions
from kcity_geo.retold import made, retold


def form_of(language: str = "ko", **tables) -> dict[str, str]:
    paper = make_paper("application_form", Subject(application=changed(**tables)), language)
    return {row[0]: row[1] for b in paper.blocks if isinstance(b, Table) for row in b.rows}


def told(name: str, **tables) -> str:
    found = [f for f in check(changed(**tables)).findings if f.id == name]
    return f"{found[0].text('ko')} {found[0].mend('ko')}"


def test_words_of_the_applicant_are_marked_in_korean_only() -> None:
    written = {"land": "owned by the city", "permits": ["zoning"], "data": ["meters"]}
    ours, theirs = form_of(project=written), form_of("en", project=written)
    for row, words in (
        ("부지 확보", "owned by the city"),
        ("인허가", "zoning"),
        ("보유 자료", "meters"),
    ):
        assert ours[row] == f"(원문) {words}"
    assert ours["운영 주체"] == "(원문) Water works"
    assert ours["기술 자문"] == "(원문) losses"
    assert ours["한국 초청 연수(방한 연수)"].startswith("(원문) engineers; 10명")
    assert theirs["Land"] == "owned by the city"
    assert form_of(project={"land": "시 소유"})["부지 확보"] == "시 소유"


def test_sums_and_brackets_are_written_as_korean_offices_do() -> None:
    ours = form_of()
    assert ours["신청 금액"] == "400,000,000원"
    assert ours["신청 기관"] == "City of Hanbit(지방정부)"
    assert "900,000,000원" in told("over_award", request={"budget_krw": 900_000_000})
    assert form_of("en")["Budget"] == "400,000,000 KRW"


@pytest.mark.parametrize(
    ("name", "tables", "told"),
    [
        ("replication", {"project": {"replication": "two towns"}}, ": (원문) two towns"),
        ("ppp", {"funding": {"ppp": {"risk": 0.5}}}, "(위험)"),
        ("data", {}, "(인구)"),
        ("site", {}, "(후보지 1(Maru): 70.4ha, 평점 73/100, 45.00000, -27.00000)"),
    ],
)
def test_evidence_is_told_in_korean_or_marked(name, tables, told) -> None:
    evidence = evidence_of(name, changed(**tables), make_facts())
    assert evidence.shown("ko").endswith(told)
    assert "원문" not in evidence.shown("en")


def test_channels_are_named_in_korean() -> None:
    text = told("channel_wrong", programme={"channel": "fax"})
    assert "팩스" in text
    assert "우편(post), 전자우편(email)" in text


@pytest.mark.parametrize("caveat", [made("caveat"), DISCLAIMER])
def test_the_caveat_of_every_output_is_cut_out_of_a_text(caveat) -> None:
    assert korean_plan(f"By the river. {caveat}") == (
        f"(원문) By the river {retold(made('caveat'), 'ko')}"
    )


def test_sites_and_millions_of_a_plan() -> None:
    assert (
        korean_plan("Industrial complex: concept plan of site-12.")
        == "산업단지 기본구상(후보지 12)."
    )
    assert [korean_millions(n) for n in (1, 99, 100, 250_000, 1_000_001)] == [
        "100만", "9,900만", "1억", "2,500억", "1조 100만",
    ]  # fmt: skip
    cost = korean_plan("Works cost 1,250 M XYZ (P10 900, P90 2,000) at prices of 2025.")
    assert (
        cost == "추정 공사비는 12억 5,000만 XYZ입니다(P10 9억 XYZ, P90 20억 XYZ, 2025년 가격 기준)."
    )


def test_days_and_years_have_one_form_in_a_paper() -> None:
    about = Subject(application=changed(), facts=make_facts())
    form, summary, annex = (
        str(make_paper(name, about, "ko").blocks)
        for name in ("application_form", "project_summary", "evidence_annex")
    )
    assert "2020. 2. 10." in form
    assert "2020-02-10" not in form
    assert "2025년 기준)" in summary
    assert "2020년 2월 [" in annex
    assert "미정" not in summary + annex
    assert "기억에 의존(재확인하지 않음) [M]" in annex


@pytest.mark.parametrize("reading", ["cannot_tell", "not_assessed"])
def test_land_that_floods_is_no_service(reading) -> None:
    flood = level("flood", reading, title="Flood-prone land", **{reading: 59_000.0})
    text = problem_statement(make_facts(levels=(flood,)), "ko")
    assert "침수 위험" in text
    assert "서비스" not in text


@pytest.mark.parametrize(
    ("kind", "finding"),
    [("private_company", "partner_private"), ("international_organisation", "partner_strange")],
)
def test_a_partner_abroad_is_told_by_its_own_kind(kind, finding) -> None:
    team = {"lead": "A", "overseas_partner": "B", "overseas_kind": kind}
    demo = {"year": 2022, "stream": "demonstration", "submitted": "2022-03-01"}
    text = next(
        f.text() for f in check(changed(programme=demo, demonstration=team)).findings
        if f.id == finding
    )  # fmt: skip
    assert "a international" not in text
    assert ("private firms" in text) == (kind == "private_company")
