"""Rules by year: what differs, what is not known, what is refused; and messages that name the key."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from string import Formatter

import pytest
from applications import cannot_tell, changed, make_facts
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.config import TABLES, read_table
from kcity_geo.errors import StudyError
from kcity_geo.programme import (
    ProgrammeRules,
    application_schema,
    check,
    check_application,
    draft_application,
    match_solutions,
    recommend_study,
    scorecard,
)
from kcity_geo.programme.findings import Cited, Finding
from kcity_geo.programme.rules import YEARS, sources_of
from kcity_geo.study_facts import LevelFacts


def refused(application) -> set[str]:
    return {f.id for f in check(application).refused}


def in_year(year: int, day: str, **tables):
    return changed(programme={"year": year, "submitted": day}, **tables)


def test_the_same_file_gets_the_verdicts_that_the_years_differ_in() -> None:
    # 600 million won, two solutions, a public company that applies alone, on 2 March of each year.
    asked = {
        "request": {"budget_krw": 600_000_000},
        "solution": {"names": ["meters", "losses"]},
        "applicants": [{"name": "Water company", "kind": "public_company"}],
    }
    assert refused(in_year(2020, "2020-03-02", **asked)) == set()
    assert refused(in_year(2023, "2023-03-02", **asked)) == {
        "early", "over_cap", "no_lead", "several_solutions",
    }  # fmt: skip
    assert refused(in_year(2026, "2026-03-02", **asked)) == {"no_lead"}


def test_an_international_organisation_may_apply_since_2025_and_with_a_government() -> None:
    bank = {"name": "Bank", "kind": "international_organisation"}
    city = {"name": "City", "kind": "local_government"}
    assert refused(in_year(2023, "2023-05-02", applicants=[bank, city])) == {"not_admitted"}
    assert refused(in_year(2026, "2026-05-02", applicants=[bank, city])) == set()
    assert refused(in_year(2026, "2026-05-02", applicants=[bank])) == {"no_lead"}


def test_demonstrations_begin_in_2021_and_need_a_public_partner_abroad() -> None:
    team = {"lead": "Firm", "overseas_partner": "City of Hue", "overseas_kind": "local_government"}
    own = {"year": 2020, "submitted": "2020-03-02", "stream": "demonstration"}
    assert refused(changed(programme=own, demonstration=team)) == {"stream_closed"}
    own = {"year": 2026, "submitted": "2026-03-17", "stream": "demonstration"}
    assert refused(changed(programme=own, demonstration=team)) == set()
    late = {**own, "submitted": "2026-03-18"}
    assert refused(changed(programme=late, demonstration=team)) == {"late"}
    assert refused(changed(programme=own)) == {"lead_missing", "partner_missing"}
    private = {**team, "overseas_kind": "private_company"}
    assert refused(changed(programme=own, demonstration=private)) == {"partner_private"}


def test_a_second_project_of_one_city_is_refused_and_one_of_another_city_is_not() -> None:
    second = [{"title": "Traffic", "city": "HANBIT"}]
    told = check(changed(other_projects=second)).refused
    assert [f.id for f in told] == ["second_project"]
    assert "frequently asked questions" in told[0].rule
    assert refused(changed(other_projects=[{"title": "Traffic", "city": "Other"}])) == set()
    others = [{"title": "Traffic", "city": "Hanbit", "applicant": "Port of Hanbit"}]
    assert refused(changed(other_projects=others)) == set()


def test_what_could_not_be_read_is_said_and_refuses_nobody() -> None:
    unknown = in_year(2022, "2022-03-02")
    ids = {f.id for f in check(unknown).of("note")}
    assert refused(unknown) == set()
    assert {"window_unknown", "documents_carried", "unverified"} <= ids
    assert ProgrammeRules.for_year(2022).is_open(date(2022, 3, 2)) is None
    told = [f.text() for f in check(unknown).of("note") if f.id == "contradiction"]
    assert any("Klang" in text and "클라크" in text for text in told)


def test_planning_of_2024_by_april_and_later_for_the_next_year() -> None:
    assert "next_year" not in {f.id for f in check(in_year(2024, "2024-04-30")).findings}
    later = check(in_year(2024, "2024-05-01"))
    assert "next_year" in {f.id for f in later.findings}
    assert "late" not in {f.id for f in later.refused}


def test_announced_and_awarded_caps_of_2020_are_told_apart() -> None:
    told = check(changed(request={"budget_krw": 400_000_001}))
    assert {f.id for f in told.refused} == set()
    note = next(f for f in told.findings if f.id == "over_award")
    assert "400,000,000 KRW in 2020" in note.text()


@given(st.dates(date(2020, 1, 1), date(2026, 12, 31)))
def test_no_day_is_open_in_another_year(day) -> None:
    for year in YEARS:
        state = ProgrammeRules.for_year(year).is_open(day)
        assert state is False or day.year == year


def test_a_key_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        StudyError, match=r"application: project\.sector: unknown key; did you mean 'sectors'"
    ):
        check_application({"programme": {"year": 2026}, "project": {"sector": ["energy"]}})
    with pytest.raises(StudyError, match=r"applicants\.1\.kinds: unknown key; did you mean 'kind'"):
        changed(applicants=[{"name": "x", "kind": "local_government", "kinds": 1}])
    with pytest.raises(StudyError, match=r"programme\.year: 2019.*2020 to 2026"):
        check_application({"programme": {"year": 2019}})
    with pytest.raises(StudyError, match=r"programme\.year: is missing; give it"):
        check_application({"programme": {}})
    with pytest.raises(
        StudyError, match="'local_goverment' is not one of.*did you mean 'local_government'"
    ):
        changed(applicants=[{"name": "x", "kind": "local_goverment"}])
    with pytest.raises(StudyError, match=r"request\.budget_krw"):
        changed(request={"budget_krw": -1})


def test_every_finding_is_said_in_both_languages_with_rule_and_mend() -> None:
    rows = read_table("programme/findings")["finding"]
    for name, row in rows.items():
        english = row["text"] + row["mend"]
        fields = {f for _, f, _, _ in Formatter().parse(english) if f}
        korean = {f for _, f, _, _ in Formatter().parse(row["text_ko"] + row["mend_ko"]) if f}
        assert korean <= fields, name
        finding = Finding(id=name, values=dict.fromkeys(fields, "x"))
        assert all(finding.text(lang) and finding.mend(lang) for lang in ("en", "ko"))
        hangul = [c for c in finding.text("ko") + finding.mend("ko") if "가" <= c <= "힣"]
        assert hangul or name == "unverified"


def test_every_rule_has_a_source_that_is_known_and_a_mark() -> None:
    for rows in read_table("programme/rules").values():
        for row in rows if isinstance(rows, list) else [rows]:
            if "source" in row:
                assert sources_of(row["source"])
                assert row["mark"] in {"V", "M", "D"}
    for year in YEARS:
        assert all(r["says"] for r in ProgrammeRules.for_year(year).table())


def test_the_schema_on_the_disk_is_the_real_one() -> None:
    written = json.loads((TABLES / "application.schema.json").read_text(encoding="utf-8"))
    assert written == application_schema(), "write it anew: kcity programme schema"


def test_a_study_that_cannot_tell_asks_for_the_survey_first() -> None:
    facts = cannot_tell()
    draft = draft_application(facts, 2026)
    told = check(draft, facts)
    assert "survey_first" in {f.id for f in told.of("missing")}
    assert draft.project.sectors == ()
    assert "a survey comes first" in draft.project.problem
    assert draft.request.study == "concept_plan"
    assert recommend_study(draft, facts).survey == ("transport", "water", "energy", "flood")
    assert [m.id for m in match_solutions(facts)] == ["data"]
    assert all(m.survey for m in match_solutions(facts))
    need = next(
        e for c in scorecard(changed(), facts).criteria for e in c.evidence if e.id == "need"
    )
    assert need.found is None


def test_a_study_that_knows_nobody_says_so_and_counts_nobody() -> None:
    levels = tuple(
        LevelFacts(key=key, title=key.title(), reading="not_assessed", reading_title="Not assessed")
        for key in ("transport", "water")
    )
    facts = make_facts(population=None, levels=levels, sites=(), survey_tasks=0, tasks=())
    draft = draft_application(facts, 2026)
    told = {f.id: f.text() for f in check(draft, facts).findings}
    assert "survey_first" not in told
    assert "no residents" in told["people_unknown"]
    assert draft.project.problem == ("Transport and water could not be assessed: data are missing.")


def test_the_scorecard_tells_the_criteria_of_the_year_and_no_total() -> None:
    facts = make_facts()
    for year, number in ((2020, 4), (2022, 6), (2024, 3), (2026, 3)):
        day = {2020: "2020-03-02", 2022: "2022-03-02", 2024: "2024-03-02", 2026: "2026-03-02"}[year]
        card = scorecard(in_year(year, day), facts)
        table = card.table()
        assert len(table) == number
        assert not [c for c in table.columns if "total" in c or "points" in c]
        for row in table.to_dict("records"):
            assert 0 <= row["found"] <= row["of"]
    assert "selected" not in scorecard(changed(), facts).table().to_csv().lower()


def test_a_study_asked_for_beyond_the_evidence_is_told() -> None:
    facts = make_facts(sites=())
    told = {f.id: f for f in check(changed(request={"study": "feasibility"}), facts).findings}
    assert "the evidence allows a concept plan" in told["study_ahead"].text()


def test_a_written_application_reads_back_the_same(tmp_path) -> None:
    from kcity_geo.outputs.application_toml import application_toml

    whole = changed(other_projects=[{"title": 'a "b" \\ c', "city": "Düsseldorf"}])
    text = application_toml(check(whole))
    assert check_application(tomllib.loads(text)) == whole
    empty = check_application({"programme": {"year": 2026}})
    assert check_application(tomllib.loads(application_toml(check(empty)))) == empty


def test_every_source_and_kind_of_rule_has_a_korean_name() -> None:
    known = read_table("programme/sources")["source"]
    for key, text in known.items():
        if key.endswith("_ko"):
            assert re.search("[가-힣]", text), key
        else:
            addresses = re.findall(r"\w+(?:\.\w+)+", text)
            assert all(address in known[f"{key}_ko"] for address in addresses), key
    table = read_table("programme/findings")
    kinds = {row["rule"] for row in table["finding"].values()}
    assert kinds == set(table["cited"]["kind_ko"])
    said = Finding(id="private_only", cited=Cited(("S1",), "V"))
    assert said.rule_words("ko").startswith("신청 자격: 국토교통부")
    assert said.rule_words("ko").endswith("[V](2020년 공고 9번 항목)")
    assert said.rule.startswith("applicants: MOLIT news")
    assert said.rule.endswith("[V] (item 9 of the announcement of 2020)")


def test_contradictions_of_sources_are_told_in_korean() -> None:
    for event in (e for year in YEARS for e in ProgrammeRules.for_year(year).timeline):
        if event.contradicts:
            assert re.search("[가-힣]", event.what_ko)
            assert re.search("[가-힣]", event.note_ko)
