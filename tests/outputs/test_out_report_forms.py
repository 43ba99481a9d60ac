"""Slots of the report, and the report as PDF and DOCX."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
from pathlib import Path

import pytest

from kcity_geo.errors import KCityError
from kcity_geo.outputs import report_slots
from kcity_geo.outputs.claims import TEXT, claims
from kcity_geo.outputs.report import build_report, save_report
from kcity_geo.outputs.report_docx import save_report_docx
from kcity_geo.outputs.report_slots import slots_of
from kcity_geo.outputs.shown_numbers import shown_numbers
from kcity_geo.report_keys import ReportSection
from kcity_geo.studyfile import Study
from tests.support.shown import numbers_in, reads

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1)) {{7*7}} ![p](http://x/y.png)"


def asked(result, **keys):
    study = result.study.model_copy(update={"report": ReportSection(**keys), "folder": Path()})
    return dataclasses.replace(result, study=study)


@pytest.mark.usefixtures("no_pictures")
def test_slots_stand_where_they_belong_and_execute_nothing(result, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (4, 4), "red").save(tmp_path / "logo.png")
    page = build_report(
        asked(
            result, client=HOSTILE, author="B & C", logo=str(tmp_path / "logo.png"),
            context=f"# Plan\n\n**2030** {HOSTILE}\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        )
    )  # fmt: skip
    assert "<script" not in page.replace("&lt;script", "")
    assert "<img src=x" not in page
    assert 'href="javascript' not in page
    assert "{{7*7}}" in page
    assert "By B &amp; C" in page
    assert "<h3>Plan</h3>" in page
    assert "<strong>2030</strong>" in page
    assert page.count("<a rel=") == 1  # a picture is a link to it, and the script is none
    linked = build_report(
        asked(
            result,
            context="[the plan](https://a.example/p?a=1&b=2) <https://b.example> [x](data:text/html,1) [y](//c.example)",
        )
    )
    assert (
        '<a rel="noopener noreferrer" href="https://a.example/p?a=1&amp;b=2">the plan</a>' in linked
    )
    assert '<a rel="noopener noreferrer" href="https://b.example">https://b.example</a>' in linked
    assert linked.count("<a rel=") == 2
    assert 'class="logo" src="data:image/png;base64,' in page


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"language": "xx"}, "report.language: 'xx'"),
        ({"language": "fr.toml"}, "report.language"),
        ({"logo": "none.png"}, "report.logo"),
        ({"logo": "text.png"}, "text.png is no picture"),
        ({"context": "none.md"}, "report.context"),
        ({"context": "latin.md"}, "latin.md is no UTF-8 text"),
    ],
)
def test_a_slot_that_cannot_be_filled_is_refused_before_work_starts(keys, said, tmp_path) -> None:
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    (tmp_path / "latin.md").write_bytes(b"caf\xe9")
    study = Study().model_copy(update={"report": ReportSection(**keys), "folder": tmp_path})
    with pytest.raises(KCityError) as refused:
        slots_of(study)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_a_program_that_writes_pdf_one_line_says_so(monkeypatch) -> None:
    monkeypatch.setattr(report_slots, "pdf_writer", lambda: (None, "no PDF: install one"))
    study = Study().model_copy(update={"report": ReportSection(pdf=True)})
    with pytest.raises(KCityError, match=r"^report\.pdf: no PDF: install one$"):
        slots_of(study)


@pytest.mark.usefixtures("no_pictures")
def test_docx_says_what_the_page_says_with_tables_of_its_own(result, tmp_path: Path) -> None:
    docx = pytest.importorskip("docx")
    from lxml import html as reader

    html = build_report(asked(result, language="ko"), printed=True)
    save_report_docx(html, tmp_path / "a.docx")
    save_report_docx(html, tmp_path / "b.docx")
    assert (tmp_path / "a.docx").read_bytes() == (tmp_path / "b.docx").read_bytes()
    document = docx.Document(io.BytesIO((tmp_path / "a.docx").read_bytes()))
    page = reader.document_fromstring(html)
    tables = [table for table in document.tables if table.style.name == "Table Grid"]
    assert len(tables) == len(page.xpath("//table"))
    assert len(document.tables) - len(tables) == len(
        page.xpath("//div[contains(@class, 'pair') or contains(@class, 'answers')]")
    )
    captions = [p.text for p in document.paragraphs if p.style.name == "Caption"]
    assert sum(text.startswith("표 ") for text in captions) == len(page.xpath("//table/caption"))
    heads = [p.text for p in document.paragraphs if p.style.name == "Heading 1"]
    assert heads == [h.text_content() for h in page.xpath("//h2[@id]")]
    rows = page.xpath("//table[contains(@class, 'districts')]//tbody/tr")
    cells = {cell.text for table in tables for cell in table.columns[0].cells}
    assert {row[0].text_content() for row in rows} <= cells


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("language", ["en", "ko"])
def test_numbers_carry_ids_of_the_ledger_in_page_and_docx_and_are_those(
    result, tmp_path: Path, language
) -> None:
    pytest.importorskip("docx")
    labelled = result.sites.assign(label=[str(r) for r in result.sites["rank"]])
    study = asked(dataclasses.replace(result, sites=labelled), language=language)
    html = build_report(study, printed=True)
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    save_report_docx(html, tmp_path / "report.docx")
    shown = shown_numbers(tmp_path / "report.docx")
    assert shown == shown_numbers(tmp_path / "report.html")
    known = {row["id"]: row for row in claims(study)}
    assert {one for ids, _ in shown for one in ids.split()} <= set(known)
    kinds = {part for ids, _ in shown for part in ids.split()[0].split(".")}
    assert {
        "people_short",
        "gap_lo",
        "area_ha",
        "score",
        "value",
        "gap_raw",
        "people_open",
    } <= kinds
    seen = 0
    for ids, text in shown:
        row = known[ids.split()[-1]]
        if row["value"] is None or row["unit"] == TEXT or "<" in text or not numbers_in(text):
            continue
        assert reads(text, row["value"], row["unit"]), (ids, text, row)
        seen += 1
    assert seen > 20


@pytest.mark.usefixtures("no_pictures")
def test_a_number_keeps_its_unit_where_a_line_ends(result, tmp_path: Path) -> None:
    docx = pytest.importorskip("docx")
    html = build_report(asked(result), printed=True)
    prose = re.sub(r"<(style|script).*?</\1>|<[^>]*>", "\n", html, flags=re.DOTALL)
    narrow = re.findall(r'<td class="num apart">(.*?)</td>', html, flags=re.DOTALL)
    assert narrow
    assert not re.findall("\u00a0(?!%)", "".join(narrow)), "torn within the unit: 63,100 M / Wh"
    for cell in narrow:
        prose = prose.replace(re.sub(r"<[^>]*>", "\n", cell), "")
    assert not re.findall(r"\d (?:%|km|ha|m)\b|\d %", prose)
    assert prose.count("\u00a0%") > 20
    save_report_docx(html, tmp_path / "a.docx")
    document = docx.Document(str(tmp_path / "a.docx"))
    words = " ".join(t.text or "" for t in document.element.body.iter() if t.tag.endswith("}t"))
    assert not re.findall(r"\d %", words)
    facts = [p for p in document.element.body.iter() if p.tag.endswith("}p")]
    lines = ["".join(t.text or "" for t in p.iter() if t.tag.endswith("}t")) for p in facts]
    assert any(re.search(r"Area \d", line) for line in lines), "a fact stands apart from its name"
    assert words.count("\u00a0%") > 20


@pytest.mark.usefixtures("no_pictures")
def test_pdf_has_bookmarks_numbers_and_its_fonts_inside(
    result, tmp_path: Path, monkeypatch
) -> None:
    from PIL import Image

    pypdf = pytest.importorskip("pypdf")
    stream = io.BytesIO()
    Image.new("RGB", (600, 600), "#dddddd").save(stream, "PNG")  # a map as tall as wide
    uri = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    monkeypatch.setattr("kcity_geo.outputs.report.theme_figure", lambda *_, **__: uri)
    if report_slots.pdf_writer()[0] is None:
        pytest.skip("neither WeasyPrint nor Chromium here")
    save_report(asked(result, language="ko", pdf=True), tmp_path / "report.html")
    pdf = pypdf.PdfReader(tmp_path / "report.pdf")
    titles = [o.title for level in pdf.outline for o in (level if isinstance(level, list) else [level])
              if not isinstance(o, list)]  # fmt: skip
    assert any(title.startswith("1 · 요약") for title in titles)
    first = pdf.pages[0].extract_text()
    assert f"1 / {len(pdf.pages)}" in first
    assert "요약" in first
    assert "차례" in pdf.pages[1].extract_text(), "the last line of the brief had a page of its own"
    assert re.search(r"그림\s*1\b.*\S", first), (
        "a rule for other marks hid the words of the caption"
    )
    for page in pdf.pages[:3]:
        for font in page["/Resources"]["/Font"].values():
            inner = font.get_object().get("/DescendantFonts", [font])[0].get_object()
            about = inner["/FontDescriptor"].get_object()
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(about), about["/FontName"]


def test_a_docx_names_its_author_and_no_day_on_which_it_was_not_made(tmp_path) -> None:
    docx = pytest.importorskip("docx")
    page = '<html lang="en"><head>{}</head><body><h1>A</h1><p class="sub">B</p></body></html>'
    for number, (head, author) in enumerate(
        [('<meta name="author" content="B &amp; C">', "B & C"), ("", "kcity_geo")]
    ):
        path = tmp_path / f"{number}.docx"
        save_report_docx(page.format(head), path)
        about = docx.Document(str(path)).core_properties
        assert (about.author, about.last_modified_by) == (author, author)
        assert about.created is None
        assert about.modified is None
