"""A paper as DOCX, with styles that Word and LibreOffice know, and fonts for Latin and Hangul."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kcity_geo.outputs.sheet_layout import printed_mm
from kcity_geo.outputs.text import plain_text, unbroken
from kcity_geo.programme.blocks import (
    Bullets,
    Heading,
    Paper,
    Picture,
    Signature,
    Table,
    Text,
)

__all__ = ["PAGE_CM", "new_document", "packed", "save_docx"]

_STYLES = (
    "Normal", "Title", "Heading 1", "Heading 2", "Heading 3", "List Bullet", "List Number", "Caption",
    "Table Grid",
)  # fmt: skip
_LATIN, _HANGUL = "Arial", "Malgun Gothic"
#: Width and height of the page, and what is left free on each side, centimetres.
_PAGE_CM = (21.0, 29.7)
_MARGIN_CM = 1.8
#: Width that text and tables may take, centimetres.
PAGE_CM = _PAGE_CM[0] - 2 * _MARGIN_CM
_LONGEST = 20_000
_WARNING = "5B2A86"
#: Day written into the file, so that the same application gives the same bytes.
_DAY = datetime(2020, 1, 31, tzinfo=UTC)


def save_docx(paper: Paper, drawn: dict[int, bytes], path: Path) -> None:
    """
    Write a paper as DOCX.

    Parameters
    ----------
    paper : document.
    drawn : number of a sheet -> PNG.
    path : file to write.
    """
    document = new_document(
        title=paper.title,
        subject=paper.subject,
        language=paper.language,
        footer=paper.footer,
        author=paper.author,
    )
    if paper.banner:
        _head_every_page(document, paper.banner)
    document.add_heading(_clean(paper.title), level=1)
    _add(document, paper.subject, size=11.5)
    for block in paper.blocks:
        _write(document, block, drawn)
    path.write_bytes(packed(document))


def _head_every_page(document: Any, text: str) -> None:  # noqa: ANN401 - python-docx has no types here
    """Say a warning at the head of every page."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import RGBColor

    paragraph = document.sections[0].header.paragraphs[0]
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = paragraph.add_run(_clean(text))
    run.bold = True
    run.font.color.rgb = RGBColor.from_string(_WARNING)


def packed(document: Any) -> bytes:  # noqa: ANN401 - python-docx has no types here
    """
    Pack a document without the time of day, so that the same content gives the same bytes.

    Parameters
    ----------
    document : of `new_document`.

    Returns
    -------
    Content of the file.
    """
    stream = io.BytesIO()
    document.save(stream)
    return _without_clock(stream)


def _without_clock(stream: io.BytesIO) -> bytes:
    """Pack a document again without the time of day, so that the same application gives the same bytes."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(stream) as written,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as fixed,
    ):
        for name in written.namelist():
            entry = zipfile.ZipInfo(name, date_time=(_DAY.year, _DAY.month, _DAY.day, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            fixed.writestr(entry, written.read(name))
    return packed.getvalue()


def _clean(text: str) -> str:
    return unbroken(plain_text(text, max_chars=_LONGEST))


def new_document(*, title: str, subject: str, language: str, footer: str, author: str = "") -> Any:  # noqa: ANN401
    """
    Open a document on A4 with fonts for Latin and Hangul.

    Parameters
    ----------
    title, subject : of its properties.
    language : code, such as ``"ko"``.
    footer : last line of every page.
    author : who made it; the package when empty.

    Returns
    -------
    Document of python-docx.
    """
    from docx import Document
    from docx.oxml.ns import qn
    from docx.shared import Cm, Pt

    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = (Cm(v) for v in _PAGE_CM)
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, Cm(_MARGIN_CM))
    for name in _STYLES:
        font = document.styles[name].font
        font.name = _LATIN
        fonts = document.styles[name].element.get_or_add_rPr().get_or_add_rFonts()
        for key in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(key), None)
        fonts.set(qn("w:eastAsia"), _HANGUL)
    document.styles["Normal"].font.size = Pt(9.5)
    document.styles["Normal"].paragraph_format.space_after = Pt(4)
    _close_up(document.styles["Normal"])
    for told in document.styles.element.iter(qn("w:lang")):
        told.set(qn("w:eastAsia"), "ko-KR")  # words of Hangul are then kept whole where lines end
    properties = document.core_properties
    properties.title, properties.subject = _clean(title)[:250], _clean(subject)[:250]
    properties.author, properties.comments = _clean(author)[:250] or "kcity_geo", ""
    properties.language = {"ko": "ko-KR", "en": "en-GB"}.get(language, language)
    properties.last_modified_by = properties.author
    # The same study gives the same bytes, on any day.
    for name in ("dcterms:created", "dcterms:modified"):
        for told in properties._element.findall(qn(name)):  # noqa: SLF001 - python-docx cannot unset a date
            properties._element.remove(told)  # noqa: SLF001
    section.footer.paragraphs[0].text = _clean(footer)
    for run in section.footer.paragraphs[0].runs:
        run.font.size = Pt(7.5)
    return document


def _close_up(style: Any) -> None:  # noqa: ANN401
    """Put no space of its own between Hangul and the letters and numbers beside it."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    about = style.element.get_or_add_pPr()
    place = about.index(about.find(qn("w:spacing")))  # the order of elements is part of the format
    for name in ("w:autoSpaceDN", "w:autoSpaceDE"):
        off = OxmlElement(name)
        off.set(qn("w:val"), "0")
        about.insert(place, off)


def _add(document: Any, text: str, *, bold: bool = False, size: float = 0, colour: str = "") -> Any:  # noqa: ANN401
    from docx.shared import Pt, RGBColor

    paragraph = document.add_paragraph()
    run = paragraph.add_run(_clean(text))
    run.bold = bold
    if size:
        run.font.size = Pt(size)
    if colour:
        run.font.color.rgb = RGBColor.from_string(colour)
    return paragraph


def _write(document: Any, block: object, drawn: dict[int, bytes]) -> None:  # noqa: ANN401
    if isinstance(block, Heading):
        document.add_heading(_clean(block.text), level=2)
    elif isinstance(block, Text):
        bold = block.kind in {"warning", "strong"}
        note = block.kind == "note"
        _add(
            document, block.text, bold=bold, size=8 if note else 0, colour="555555" if note else ""
        )
    elif isinstance(block, Bullets):
        for item in block.items:
            document.add_paragraph(_clean(item), style="List Bullet")
    elif isinstance(block, Table):
        _table(document, block)
    elif isinstance(block, Picture):
        _picture(document, block, drawn)
    elif isinstance(block, Signature):
        _add(document, "")
        _add(document, "_" * 48)
        _add(document, block.text)


def _table(document: Any, block: Table) -> None:  # noqa: ANN401
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Cm, Pt

    rows = ([block.columns] if block.columns else []) + list(block.rows)
    if not rows:
        return
    table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
    table.autofit = False
    width = PAGE_CM
    shares = block.widths or (1 / len(rows[0]),) * len(rows[0])
    for column, share in zip(table.columns, shares, strict=True):
        column.width = Cm(width * share)  # LibreOffice reads the grid, Word the cells
    for number, row in enumerate(rows):
        for place, text in enumerate(row):
            cell = table.cell(number, place)
            cell.width = Cm(width * shares[place])
            paragraph = cell.paragraphs[0]
            run = paragraph.add_run(_clean(text))
            run.font.size = Pt(8.5)
            run.bold = bool(block.columns) and number == 0
            paragraph.paragraph_format.space_after = Pt(1)
            paragraph.paragraph_format.keep_with_next = run.bold
            if place in block.numeric:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        _keep_row(table.rows[number], head=bool(block.columns) and number == 0)
    document.add_paragraph().paragraph_format.space_after = Pt(2)


def _keep_row(row: Any, *, head: bool) -> None:  # noqa: ANN401
    """Let no page end within a row, and begin each page of a table with its head."""
    from docx.oxml import OxmlElement

    about = row._tr.get_or_add_trPr()  # noqa: SLF001 - python-docx has no words for it
    about.append(OxmlElement("w:cantSplit"))
    if head:
        about.append(OxmlElement("w:tblHeader"))


def _picture(document: Any, block: Picture, drawn: dict[int, bytes]) -> None:  # noqa: ANN401
    from docx.shared import Mm

    title = _add(document, block.title, bold=True)
    title.paragraph_format.keep_with_next = True
    image = drawn[block.sheet]
    document.add_picture(io.BytesIO(image), width=Mm(printed_mm(image)))
    document.paragraphs[-1].paragraph_format.keep_with_next = True
    shown = document.inline_shapes[-1]._inline.docPr  # noqa: SLF001 - the only way to an alternative text
    shown.set("descr", _clean(block.title))
    _add(document, block.caption, size=7.5, colour="555555")
