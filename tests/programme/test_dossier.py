"""The papers: the same numbers as the study, both languages, hostile words stay words."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import shapely
from applications import PEOPLE, cannot_tell, changed, make_facts
from applications import make_atlas as atlas
from PIL import Image

from kcity_geo.config import read_table
from kcity_geo.errors import KCityError
from kcity_geo.outputs import paper_pdf
from kcity_geo.outputs.dossier import DossierOptions, paper_html, save_dossier
from kcity_geo.outputs.pages import whole_words
from kcity_geo.outputs.paper_docx import save_docx
from kcity_geo.outputs.paper_pdf import pdf_writer
from kcity_geo.outputs.sheet_maps import _extent, draw_sheet, shows_part
from kcity_geo.planning.site import PlanSite
from kcity_geo.programme.blocks import Bullets, Heading, Picture, Table, Text
from kcity_geo.programme.papers import PAPERS, Subject, make_paper
from kcity_geo.programme.plan_words import korean_plan
from kcity_geo.programme.sheets import caption_words, map_pack
from kcity_geo.study_atlas import PlanPicture
from kcity_geo.study_facts import PlanFacts, PlanSheetFacts

HOSTILE = "<script>alert(1)</script> {{7*7}} {0} =1+1 \u202egnp"


def subject(**tables) -> Subject:
    facts = make_facts()
    layers = {name: layer.about for name, layer in atlas().layers.items()}
    return Subject(application=changed(**tables), facts=facts, sha256="0" * 64, layers=layers)


def words_of(paper) -> str:
    found = [paper.title, paper.subject, paper.banner, paper.footer]
    for block in paper.blocks:
        if isinstance(block, Heading | Text):
            found.append(block.text)
        elif isinstance(block, Bullets):
            found += block.items
        elif isinstance(block, Table):
            found += [*block.columns, *(cell for row in block.rows for cell in row)]
    return "\n".join(found)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", PAPERS)
def test_every_paper_is_written_and_promises_nothing(name, language) -> None:
    text = words_of(make_paper(name, subject(), language))
    assert "selected" not in text.lower()
    assert "선정되었" not in text
    assert not re.search(r"\{\w*\}|\bNone\b|\bnan\b", text)
    hangul = len(re.findall("[가-힣]", text))
    assert (hangul > 100) == (language == "ko")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_numbers_of_the_summary_are_those_of_the_study(language) -> None:
    told = make_paper("project_summary", subject(), language)
    table = next(b for b in told.blocks if isinstance(b, Table) and len(b.columns) == 5)
    water = table.rows[1]
    assert [re.sub(r"\D", "", cell) for cell in water[1:3]] == ["12000", "12000"]
    annex = make_paper("evidence_annex", subject(), language)
    rows = next(b for b in annex.blocks if isinstance(b, Table) and len(b.columns) == 10).rows
    for level, row in zip(make_facts().levels, rows, strict=True):
        assert row[-1] == f"{level.key}.*.city"
        shown = [float(c.replace(",", "")) for c in row[1:7] if c != "–"]
        known = [
            level.people[k] for k in ("falls_short", "probably_falls_short") if k in level.people
        ]
        assert shown[: len(known)] == known
    assert f"{make_facts().survey_tasks}" in words_of(annex) or not make_facts().tasks
    assert make_facts().population == PEOPLE


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_nobody_can_verify_stands_in_form_and_annex(language) -> None:
    form, annex = (words_of(make_paper(n, subject(), language)) for n in PAPERS[1::2])
    assert ("not public" in form) if language == "en" else ("공개되지" in form)
    for row in subject().application.rules.unverified:
        assert (row.what if language == "en" else row.what_ko) in annex


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_study_that_cannot_tell_asks_for_the_survey_in_every_paper(language) -> None:
    facts = cannot_tell()
    about = Subject(application=changed(), facts=facts, sha256="1" * 64)
    word = "survey" if language == "en" else "조사"
    for name in ("cover_letter", "project_summary", "evidence_annex"):
        assert word in words_of(make_paper(name, about, language)).lower(), name
    summary = words_of(make_paper("project_summary", about, language))
    assert ("names no site" in summary) if language == "en" else ("대상지가 없습니다" in summary)


def pictures() -> dict[int, bytes]:
    """One small picture for every sheet."""
    stream = BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "PNG")
    return dict.fromkeys(range(1, 21), stream.getvalue())


def test_hostile_words_stay_words_in_html_and_docx(tmp_path) -> None:
    about = subject(
        project={"title": HOSTILE, "title_ko": HOSTILE, "city": HOSTILE, "problem": HOSTILE},
        applicants=[{"name": HOSTILE, "kind": "local_government"}],
        contact={"name": HOSTILE, "email": HOSTILE},
    )
    shown = "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}} {0} =1+1 gnp"
    form = make_paper("application_form", about, "ko")
    html = paper_html(form, {})
    assert "<script>" not in html
    assert shown in html
    for name in PAPERS:
        save_docx(make_paper(name, about, "ko"), pictures(), tmp_path / "a.docx")
        inside = zipfile.ZipFile(tmp_path / "a.docx").read("word/document.xml").decode()
        assert "<script>" not in inside
        assert shown in inside


@pytest.mark.parametrize("engine", ["weasyprint", "chromium"])
def test_hostile_words_stay_words_in_pdf(tmp_path, monkeypatch, engine) -> None:
    pypdf = pytest.importorskip("pypdf", reason="extra tests is not installed")
    if engine == "weasyprint":
        pytest.importorskip("weasyprint", reason="extra dossier is not installed")
    elif not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("needs Chromium")
    else:  # a machine without WeasyPrint
        monkeypatch.setattr(paper_pdf, "find_spec", lambda _: None)
    about = subject(
        project={"title": HOSTILE, "title_ko": HOSTILE, "city": HOSTILE, "problem": HOSTILE},
        applicants=[{"name": HOSTILE, "kind": "local_government"}],
    )
    write, why = pdf_writer()
    assert write is not None, why
    write(paper_html(make_paper("application_form", about, "ko"), {}), tmp_path / "a.pdf")
    read = pypdf.PdfReader(BytesIO((tmp_path / "a.pdf").read_bytes()))
    text = "".join("".join(page.extract_text() for page in read.pages).split())
    assert "<script>alert(1)</script>{{7*7}}{0}=1+1" in text
    assert "신청서" in text
    assert "49" not in text.replace("2049", "")
    assert "/Names" not in read.root_object or "/JavaScript" not in read.root_object["/Names"]
    assert all("/AA" not in page and "/Annots" not in page for page in read.pages)


def test_words_of_hangul_stay_whole_and_markup_stays_text() -> None:
    assert str(whole_words("현장 <b>조사</b>")) == (
        '<span class="w">현장</span> <span class="w">&lt;b&gt;조사&lt;/b&gt;</span>'
    )
    assert "span" not in str(whole_words("한국해외인프라도시개발지원공사", 6))
    parted = '<span class="w">한국해외인프라도시개발지원공사</span>(KIND)'
    assert str(whole_words("한국해외인프라도시개발지원공사(KIND)", 15)) == parted


def test_names_in_the_tables_of_the_annex_are_not_torn() -> None:
    """Each word of Hangul in the first column of a wide table fits its column, but for what stands in brackets."""
    annex = make_paper("evidence_annex", subject(), "ko")
    html = paper_html(annex, pictures())
    for name in ("한국해외인프라도시개발지원공사", "간선도로까지(km)"):
        if name in html:
            assert f'<span class="w">{name}</span>' in html
    assert '<span class="w">한국해외인프라도시개발지원공사</span>' in html


@pytest.mark.parametrize("number", [1, 4, 6, 11, 16])
def test_a_sheet_is_a_picture_and_the_same_twice(number) -> None:
    first = draw_sheet(atlas(), number, "ko")
    assert first[:4] == b"\x89PNG"
    assert first == draw_sheet(atlas(), number, "ko")


def test_the_map_pack_has_twenty_sheets_and_says_which_are_not_drawn() -> None:
    assert [s.number for s in map_pack()] == list(range(1, 21))
    about = subject()
    bare = Subject(
        application=about.application,
        facts=about.facts,
        layers={k: v for k, v in about.layers.items() if k != "best_tenth"},
    )
    text = words_of(make_paper("evidence_annex", bare, "en"))
    assert "Sheet 15: How stable the ranking is – the study has no such layer" in text
    for number in (17, 18, 19, 20):
        assert re.search(rf"Sheet {number}: .*drawn with the plan of a site", text)


PLAN = PlanFacts(
    title="New town: concept plan of a site",
    city="Hanbit",
    lead=("Works cost 106 M USD (P10 62, P90 191) at prices of 2026.",),
    as_of="2026-01-01",
    sheets=tuple(
        PlanSheetFacts(number=n, file=f"sheet_{n}.png", styles=("residential", "water", "new kind"))
        for n in (17, 18, 20)
    ),
)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_sheets_of_a_plan_stand_in_the_map_pack(language) -> None:
    about = replace(subject(), plan=PLAN)
    annex = make_paper("evidence_annex", about, language)
    shown = {b.sheet: b.caption for b in annex.blocks if isinstance(b, Picture)}
    assert {17, 18, 20} <= set(shown)
    assert 19 not in shown
    none = "the plan has drawn no such sheet" if language == "en" else "구상안에 해당 도면 없음"
    assert none in words_of(annex)
    cost, day = ("106 M USD", "62", "191"), "2026-01-01"
    if language == "ko":
        cost, day = ("1억 600만 달러", "6,200만 달러", "1억 9,100만 달러"), "2026년 1월 1일"
    for value in (*cost, day):
        assert value in shown[17]
    assert cost[0] not in shown[20]
    assert (re.search("[A-Za-z]{6,}", shown[20]) is None) == (language == "ko")
    images = {
        n: PlanPicture(image=pictures()[n], styles=("residential", "water")) for n in (17, 18, 20)
    }
    drawn = draw_sheet(replace(atlas(), pictures=images), 17, language)
    assert drawn.startswith(b"\x89PNG")
    assert drawn == draw_sheet(replace(atlas(), pictures=images), 17, language)


def test_a_map_shows_where_people_live_and_not_the_sea_of_a_state() -> None:
    people = np.zeros((4, 4))
    people[3, 1:3] = 50.0  # of 4 km, the southern row, two cells of 1 km
    far = {**atlas().layers, "population": replace(atlas().layers["population"], values=people)}
    assert _extent(replace(atlas(), layers=far)) == (800.0, 0.0, 3200.0, 1200.0)
    assert _extent(atlas()) == (0.0, 0.0, 4000.0, 4000.0)
    assert _extent(replace(atlas(), layers={})) == (0.0, 0.0, 4000.0, 4000.0)
    # the caption says so, but for the sheets of a plan, which show its site
    assert shows_part(replace(atlas(), layers=far), 3)
    assert not shows_part(replace(atlas(), layers=far), 19)
    assert not shows_part(atlas(), 3)


def test_every_style_of_a_plan_has_a_korean_title() -> None:
    for name, row in read_table("plan_styles")["style"].items():
        assert re.search("[가-힣]", row["title_ko"]), name


def few() -> Subject:
    """A study of which three maps can be drawn."""
    about = subject()
    names = ("suitability", "composite_gap", "transport_reading")
    layers = {k: about.layers[k] for k in names}
    return Subject(application=about.application, facts=about.facts, sha256="0" * 64, layers=layers)


def test_the_summary_takes_two_pages_of_pdf_with_its_words(tmp_path) -> None:
    pytest.importorskip("weasyprint", reason="extra dossier is not installed")
    pypdf = pytest.importorskip("pypdf", reason="extra tests is not installed")
    write, why = pdf_writer()
    assert write is not None, why
    paper = make_paper("project_summary", few(), "ko")
    html = paper_html(paper, {16: draw_sheet(atlas(), 16, "ko")})
    write(html, tmp_path / "a.pdf")
    pages = pypdf.PdfReader(BytesIO((tmp_path / "a.pdf").read_bytes())).pages
    assert len(pages) == 2
    assert "대상사업 요약서" in pages[0].extract_text()
    assert html == paper_html(paper, {16: draw_sheet(atlas(), 16, "ko")})


def test_no_dossier_is_written_from_a_study_of_another_country(tmp_path) -> None:
    monaco = make_facts(bounds=(7.409, 43.725, 7.44, 43.752), city="Monaco")
    options = DossierOptions(languages=("en",), formats=("html",))
    with pytest.raises(KCityError, match=r"none of Vietnam lies within 300 km; give a study of"):
        save_dossier(Subject(application=changed(), facts=monaco), tmp_path / "a", options=options)
    assert not (tmp_path / "a").exists()


def test_a_dossier_is_the_same_twice(tmp_path) -> None:
    options = DossierOptions(languages=("en",), formats=("docx",))
    for name in ("one", "two"):
        written = save_dossier(few(), tmp_path / name, atlas=atlas(), options=options)
        assert written.left_out == ()
        assert len(written.files) == 4
    for path in written.files:
        assert path.read_bytes() == (tmp_path / "one" / "en" / path.name).read_bytes(), path.name


def test_no_page_ends_within_a_row_or_behind_the_head_of_a_table(tmp_path) -> None:
    save_docx(make_paper("evidence_annex", subject(), "ko"), pictures(), tmp_path / "a.docx")
    with zipfile.ZipFile(tmp_path / "a.docx") as packed:
        inside = packed.read("word/document.xml").decode()
        styles = packed.read("word/styles.xml").decode()
    rows = inside.count("<w:tr>")
    assert rows == inside.count("<w:cantSplit/>") > 20
    heads = re.findall(r"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>.*?</w:tr>", inside)
    assert len(heads) == inside.count("<w:tblHeader/>") > 5
    assert all("<w:keepNext/>" in head for head in heads)
    assert 'w:eastAsia="ko-KR"' in styles


def test_libreoffice_opens_the_docx(tmp_path) -> None:
    office = shutil.which("soffice")
    if office is None or not Path(office).resolve().with_name("libswlo.so").exists():
        pytest.skip("needs LibreOffice Writer")
    save_docx(make_paper("application_form", subject(), "ko"), {}, tmp_path / "form.docx")
    command = [
        office,
        "--headless",
        f"-env:UserInstallation=file://{tmp_path}/profile",
        "--convert-to",
        "pdf",
        "--outdir",
        str(tmp_path),
        str(tmp_path / "form.docx"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    # Whether the machine has Java says nothing of the document.
    told = [line for line in done.stderr.lower().splitlines() if "javaldx" not in line]
    assert not [line for line in told if "warn" in line or "error" in line]
    assert (tmp_path / "form.pdf").stat().st_size > 1000


def test_an_unknown_format_or_language_is_one_line(tmp_path) -> None:
    for options in (DossierOptions(formats=("odt",)), DossierOptions(languages=("fr",))):
        with pytest.raises(KCityError, match="give"):
            save_dossier(subject(), tmp_path, options=options)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_stands_on_a_site_is_told_in_both_languages(language) -> None:
    site = (
        make_facts()
        .sites[0]
        .model_copy(
            update={
                "inside": {"residents": 3411.2, "buildings": 307.0, "buildings_ha": 4.4},
                "concerns": (
                    "land cover scores 0.4 of 1",
                    "residents on it: about 3,410",
                    "near my mill",
                ),
            }
        )
    )
    about = Subject(application=changed(), facts=make_facts(sites=(site,)))
    for name in ("project_summary", "evidence_annex"):
        text = words_of(make_paper(name, about, language))
        assert text.count("3,410") == 1
        assert ("307동" if language == "ko" else "on it: 307 (") in text
        assert (
            "토지피복 평점 0.4(1점 만점)" if language == "ko" else "land cover scores 0.4"
        ) in text
        assert ("(원문) near my mill" if language == "ko" else "near my mill") in text


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_is_missing_stands_in_the_annex(language) -> None:
    about = Subject(
        application=changed(project={"country": "", "status": ""}),
        facts=make_facts(synthetic=True),
    )
    annex = words_of(make_paper("evidence_annex", about, language))
    for finding in about.checked.of("missing"):
        assert finding.text(language) in annex
    assert "[project] country" in annex
    assert ("synthetic" if language == "en" else "가상의 도시") in annex
    assert ("Refused" if language == "en" else "부적격") in annex
    empty = "[to be filled in]" if language == "en" else "[기재 필요]"
    assert empty in about.place(language)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_page_of_an_example_says_that_it_is_not_for_submission(tmp_path, language) -> None:
    about = replace(subject(), facts=make_facts(synthetic=True))
    words = "not for submission" if language == "en" else "제출 불가"
    paper = make_paper("application_form", about, language)
    html = paper_html(paper, {})
    assert words in html.partition("@top-center")[2][:200]
    save_docx(paper, {}, tmp_path / "a.docx")
    with zipfile.ZipFile(tmp_path / "a.docx") as packed:
        heads = [packed.read(n).decode() for n in packed.namelist() if "/header" in n]
    assert [words in head for head in heads] == [True]
    real = paper_html(make_paper("application_form", subject(), language), {})
    assert words not in real
    if language == "ko":
        return
    pytest.importorskip("weasyprint", reason="extra dossier is not installed")
    pypdf = pytest.importorskip("pypdf", reason="extra tests is not installed")
    write, _ = pdf_writer()
    assert write is not None
    write(html, tmp_path / "a.pdf")
    pages = pypdf.PdfReader(BytesIO((tmp_path / "a.pdf").read_bytes())).pages
    assert len(pages) > 1
    assert all(words in " ".join(page.extract_text().split()) for page in pages)


def test_a_caption_tells_the_source_and_how_it_is_known() -> None:
    layer = {"EVIDENCE": "observed", "SOURCE": "OpenStreetMap"}
    real = caption_words(make_facts(), layer, "en", evidence=map_pack()[12].evidence)
    assert "Evidence: modelled. Source: OpenStreetMap." in real
    made = caption_words(make_facts(synthetic=True), layer, "en")
    assert "Evidence: generated. Source: synthetic data by kcity_geo." in made


def test_the_korean_form_says_the_plan_in_korean_with_its_numbers() -> None:
    built = (
        "New town: concept plan of site-01. 141 ha hold 5,000 persons; 38.8 ha are free beyond what must "
        "be; under the same rules 36.0 ha would do: streets, public land and parks of this plan are those "
        "of the whole site, give hectares to plan a part of it. 5,000 persons in 1,852 dwellings, 3,104 "
        "jobs. 93 blocks and 267 parcels lie along 21.6 km of streets: sketch, not a design."
    )
    cost = (
        "Works cost 106 M USD (P10 62, P90 191) at prices of 2026. Screening level; not for procurement "
        "or land acquisition; sketch, not a design."
    )
    about = subject(project={"cost": cost}, package={"project": built})
    tables = [b for b in make_paper("application_form", about, "ko").blocks if isinstance(b, Table)]
    told = {row[0]: row[1] for table in tables for row in table.rows}
    project, works = told["사업 내용(하드웨어)"], told["추정 사업비"]
    for number in ("141", "5,000", "38.8", "36.0", "1,852", "3,104", "93", "267", "21.6"):
        assert number in project
    assert "신도시 기본구상(후보지 1)" in project
    assert re.findall("[A-Za-z]{3,}", project) == []
    assert "추정 공사비는 1억 600만 달러" in works
    assert "P10 6,200만 달러, P90 1억 9,100만 달러" in works
    assert re.findall("[A-Za-z]{3,}", works) == []
    assert korean_plan("a wall by the river").startswith("(원문)")


@pytest.mark.parametrize("persons", [float("nan"), 0.0, 7.0, 8213.0])
@pytest.mark.parametrize("buildings", [0, 1, 1234])
@pytest.mark.parametrize("mapped", [True, False])
def test_who_lives_on_the_site_is_told_in_korean_whoever_it_is(persons, buildings, mapped) -> None:
    box = shapely.box(0, 0, 100, 100)
    site = PlanSite(
        outline=box,
        gross_ha=1.0,
        net_ha=1.0,
        cell_ha=np.ones((1, 1)),
        free=box,
        persons_today=persons,
        buildings_today=buildings,
        buildings_mapped=mapped,
    )
    english = f"{site.words_today[:1].upper()}{site.words_today[1:]}."
    told = korean_plan(f"{english} 12 ha hold 900 persons; 3.0 ha are free beyond what must be.")
    assert not re.search("[A-Za-z]{3,}", told), told
    number = re.compile(r"\d[\d,.]*\d|\d")
    assert number.findall(told) == [*number.findall(english), "12", "900", "3.0"]
