"""
The report as DOCX: made from its page, so that both say the same.

Headings, lists, tables with captions and numbers of Word, figures with a text for those who cannot see
them, and a table of contents that Word brings up to date.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kcity_geo.outputs.cited import short_ids
from kcity_geo.outputs.docx_tables import (
    column_widths_cm,
    with_light_lines,
    without_line,
    without_lines,
)
from kcity_geo.outputs.paper_docx import PAGE_CM, new_document, packed
from kcity_geo.outputs.text import plain_text, unbroken

__all__ = ["save_report_docx"]

_LONGEST = 20_000
_GREY = "555555"
_SMALL_PT, _CELL_PT = 8.0, 8.0
_MANY_COLUMNS = 6
_BAR = (600, 24)
_BAR_CM = 4.2
_FIGURE_CM = 14.0
#: Of the width of the brief: sites, and the map beside them.
_BRIEF = (0.6, 0.4)
_GRID = "Table Grid"
#: Tables of many small rows.
_FINE = {"further", "assumed", "dossier"}
#: As long as a bar is wide.
_OF_BAR = "-" * 40
_NUMBERED = re.compile(r"^(.*?)(\d+)(.*)$", re.DOTALL)
_COLOUR = re.compile(r"background(?:-color)?:\s*#([0-9a-fA-F]{6})")
_WIDTH = re.compile(r"width:\s*([\d.]+)%")
#: Blanks that a browser folds; a no-break space is none of them.
_BLANKS = re.compile(r"[ \t\r\n\f]+")
#: Stands between the things of a line; no blank that is folded.
_APART = " \u2003"
_LEVELS = {"h2": 1, "h3": 2, "h4": 3}
#: Parts that are only looked at on a screen.
_SCREEN = {"style", "script", "svg", "meta", "title", "head", "colgroup"}


class _Run(NamedTuple):
    """A piece of text of one look; `picture`: bytes of a PNG instead of text; `ids`: of the ledger."""

    text: str
    bold: bool = False
    small: bool = False
    italic: bool = False
    colour: str = ""
    picture: bytes = b""
    ids: str = ""


def save_report_docx(html: str, path: Path) -> None:
    """
    Write the report as DOCX.

    Parameters
    ----------
    html : page of `kcity_geo.outputs.report.build_report`, open for print.
    path : file to write.
    """
    from lxml import html as reader

    page = reader.document_fromstring(html)
    title = _plain(page.find(".//h1"))
    caveat = page.find(".//p[@class='caveat']")
    language = str(page.get("lang", "en"))
    document = new_document(
        title=title,
        subject=_plain(page.find(".//p[@class='sub']")),
        language=language,
        footer=_plain(caveat) if caveat is not None else "",
        author=str(next(iter(page.xpath("//meta[@name='author']/@content")), "")),
    )
    _number_pages(document)
    _styles(document)
    for element in page.body:
        _write(document, element)
    path.write_bytes(packed(document))


def _plain(element: Any) -> str:  # noqa: ANN401 - lxml has no types here
    return (
        unbroken(plain_text(" ".join(element.itertext()), max_chars=_LONGEST))
        if element is not None
        else ""
    )


def _write(document: Any, element: Any) -> None:  # noqa: ANN401
    """Write one element of the page and what stands in it."""
    tag, kind = element.tag, element.get("class", "")
    if not isinstance(tag, str) or tag in _SCREEN or "screen" in kind.split():
        return
    if tag == "div" and {"pair", "answers"} & set(kind.split()):
        _write_beside(document, element)
    elif tag in {"h1", *_LEVELS}:
        _heading(document, element)
    elif tag == "p" or kind == "synthetic" or tag == "summary":
        _paragraph(document, element, bold=kind in {"synthetic", "caveat"} or tag == "summary")
    elif tag in (
        whole := {"ul": _list, "ol": _list, "table": _table, "figure": _figure, "nav": _contents}
    ):
        whole[tag](document, element)
    elif tag == "img":
        document.add_picture(io.BytesIO(_picture(element)), height=_cm(1.4))
    else:
        for inner in element:
            _write(document, inner)


def _write_beside(document: Any, element: Any) -> None:  # noqa: ANN401
    """Write what the page has beside each other; of the brief the table first, then sites and map."""
    kind = element.get("class", "").split()
    if "answers" in kind:
        gaps, *others = element
        _write(document, gaps)
        _beside(document, others, shares=_BRIEF)
        return
    across = 3 if "three" in kind else 2
    _beside(document, list(element), shares=(1 / across,) * across)


def _heading(document: Any, element: Any) -> None:  # noqa: ANN401
    if element.tag == "h1":
        document.add_heading(_plain(element), level=0)
        return
    heading = document.add_paragraph(style=f"Heading {_LEVELS[element.tag]}")  # in a cell too
    _add(heading, [run._replace(small=False) for run in _runs(element, _Run(""))])


def _paragraph(document: Any, element: Any, *, bold: bool = False, style: str | None = None) -> Any:  # noqa: ANN401
    small = "small" in element.get("class", "").split()
    paragraph = document.add_paragraph(style=style)
    _add(paragraph, _runs(element, _Run("", bold=bold, small=small)))
    return paragraph


def _list(document: Any, element: Any) -> None:  # noqa: ANN401
    kind = element.get("class", "").split()
    if "legend" in kind or "facts" in kind:
        paragraph = document.add_paragraph()
        for item in element:
            _add(paragraph, [*_runs(item, _Run("", small="legend" in kind)), _Run(_APART)])
        return
    style = "List Number" if element.tag == "ol" and "bare" not in kind else "List Bullet"
    for item in element:
        _paragraph(document, item, style=style)


def _runs(element: Any, look: _Run) -> list[_Run]:  # noqa: ANN401
    """Take an element apart into pieces of one look."""
    found = [look._replace(text=element.text or "")]
    for child in element:
        found += _child_runs(child, look)
        found.append(look._replace(text=child.tail or ""))
    return found


def _child_runs(child: Any, look: _Run) -> list[_Run]:  # noqa: ANN401
    kind = child.get("class", "").split()
    if not isinstance(child.tag, str) or child.tag in _SCREEN or "screen" in kind:
        return []
    if child.tag == "br":
        return [_Run("\n")]
    if "stack" in kind:
        return [_Run("", picture=_bar(child))]
    if child.tag == "i":
        colour = _COLOUR.search(child.get("style", ""))
        return [look._replace(text="■\u00a0", colour=colour[1] if colour else "")]
    if child.tag == "a" and child.get(
        "rel"
    ):  # a link of the context text; those of the contents stay inside
        return [*_runs(child, look), look._replace(text=f" ({child.get('href', '')})")]
    return _runs(
        child,
        look._replace(
            bold=look.bold or child.tag in {"b", "strong", "th"},
            small=look.small or child.tag == "small",
            italic=look.italic or "original" in kind or child.tag == "em",
            ids=child.get("data-id", "") or look.ids,
        ),
    )


def _add(paragraph: Any, runs: list[_Run]) -> None:  # noqa: ANN401
    from docx.shared import Pt, RGBColor

    within, ids = None, ""
    for run in _close(runs):
        if run.picture:
            paragraph.add_run().add_picture(io.BytesIO(run.picture), width=_cm(_BAR_CM))
            continue
        made = paragraph.add_run(run.text)
        # Pieces of one number or sentence lie in one control.
        within = _tag(made, run.ids, within if run.ids == ids else None) if run.ids else None
        ids = run.ids
        made.bold, made.italic = run.bold or None, run.italic or None
        if run.small:
            made.font.size = Pt(_SMALL_PT)
        if run.colour or run.small:
            made.font.color.rgb = RGBColor.from_string(run.colour.upper() or _GREY)


def _tag(run: Any, ids: str, within: Any) -> Any:  # noqa: ANN401
    """Put a run into a content control that names its number in the ledger; `within`: the one before it."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    if within is not None:
        within.append(run._r)  # noqa: SLF001 - python-docx has no content controls
        return within
    control, about, content = (OxmlElement(f"w:{n}") for n in ("sdt", "sdtPr", "sdtContent"))
    for key in ("alias", "tag"):
        told = OxmlElement(f"w:{key}")
        told.set(qn("w:val"), short_ids(ids))
        about.append(told)
    run._r.addprevious(control)  # noqa: SLF001
    content.append(run._r)  # noqa: SLF001
    control.extend((about, content))
    return content


def _close(runs: list[_Run]) -> Iterator[_Run]:
    """Fold blanks as a browser does."""
    blank = True
    for run in runs:
        if run.picture or run.text == "\n":
            blank = True
            yield run
            continue
        text = _BLANKS.sub(" ", run.text)
        text = text.lstrip(" ") if blank and run.text.strip(" ") else text
        if not text or (blank and not text.strip() and len(run.text) == 1):
            continue
        blank = text.endswith(" ")
        yield run._replace(text=text)


def _table(document: Any, element: Any) -> None:  # noqa: ANN401
    rows = element.findall(".//tr")
    if not rows:
        return
    caption = element.find("caption")
    if caption is not None:
        _caption(document, caption, kind="Table", keep=True)
    columns = max(sum(int(c.get("colspan", 1)) for c in _cells(row)) for row in rows)
    table = document.add_table(rows=0, cols=columns, style=_GRID)
    table.autofit = False
    with_light_lines(table)
    size = _CELL_PT if columns <= _MANY_COLUMNS else _CELL_PT - 1
    size -= 1 if _FINE & set(element.get("class", "").split()) else 0
    _set_widths(table, column_widths_cm(_texts(rows, columns), size_pt=size))
    for row in rows:
        _row(table, row, columns, size)
    _gap(document)


def _set_widths(table: Any, widths_cm: list[float]) -> None:  # noqa: ANN401
    """Set the widths of the columns before there are rows, which take them over."""
    for column, width in zip(table.columns, widths_cm, strict=True):
        column.width = _cm(width)


def _texts(rows: list[Any], columns: int) -> list[list[str]]:
    """Give the texts of the cells that fill one column each; a bar is as wide as it is drawn."""
    found = []
    for row in rows:
        texts = [""] * columns
        place = 0
        for cell in _cells(row):
            span = int(cell.get("colspan", 1))
            if span == 1 and place < columns:
                runs = _close(_runs(cell, _Run("")))
                texts[place] = "".join(_OF_BAR if run.picture else run.text for run in runs)
            place += span
        found.append(texts)
    return found


def _beside(document: Any, parts: list[Any], shares: tuple[float, ...]) -> None:  # noqa: ANN401
    """Put parts of the page beside each other, in a table without lines."""
    parts = [part for part in parts if isinstance(part.tag, str)]
    if not parts:
        return
    table = document.add_table(rows=0, cols=len(shares))
    table.autofit = False
    without_lines(table)
    _set_widths(table, [PAGE_CM * share for share in shares])
    row = table.add_row()
    _keep_whole(row)
    for cell, part, share in zip(row.cells, parts, shares, strict=False):
        if part.tag == "figure":
            _figure(cell, part, widest_cm=PAGE_CM * share - 0.6)
        else:
            _write(cell, part)
        first = cell.paragraphs[0]
        if len(cell.paragraphs) > 1:  # that of a new cell
            first._p.getparent().remove(first._p)  # noqa: SLF001 - python-docx cannot take one out
    _gap(document)


def _keep_whole(row: Any) -> Any:  # noqa: ANN401
    """Let no page end within a row."""
    from docx.oxml import OxmlElement

    about = row._tr.get_or_add_trPr()  # noqa: SLF001 - no other way to a row that is not torn apart
    about.append(OxmlElement("w:cantSplit"))
    return about


def _cells(row: Any) -> list[Any]:  # noqa: ANN401
    return [c for c in row if c.tag in {"td", "th"} and "screen" not in c.get("class", "").split()]


def _row(table: Any, row: Any, columns: int, size: float) -> None:  # noqa: ANN401
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Pt
    from docx.text.run import Run

    made = table.add_row()
    head = row.getparent().tag == "thead"
    place = 0
    below = row.getnext()
    goes_on = below is not None and "more" in below.get("class", "").split()
    about = _keep_whole(made)
    if head:
        about.append(OxmlElement("w:tblHeader"))
    for source in _cells(row):
        span = min(int(source.get("colspan", 1)), columns - place)
        cell = made.cells[place]
        if span > 1:
            cell = cell.merge(made.cells[place + span - 1])
        paragraph = cell.paragraphs[0]
        _add(paragraph, _runs(source, _Run("", bold=source.tag == "th")))
        paragraph.paragraph_format.space_after = Pt(1)
        if head or goes_on:
            paragraph.paragraph_format.keep_with_next = True
        if goes_on:
            without_line(cell, "bottom")
        if "more" in row.get("class", "").split():
            without_line(cell, "top")
        if "num" in source.get("class", "").split():
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        for part in paragraph._p.iter(qn("w:r")):  # noqa: SLF001 - those in content controls too
            run = Run(part, paragraph)
            run.font.size = Pt(size - 0.5 if run.font.size else size)
        place += span


def _figure(document: Any, element: Any, widest_cm: float = _FIGURE_CM) -> None:  # noqa: ANN401
    image = element.find("img")
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.keep_with_next = True
    width = _cm(_figure_width(image, widest_cm))
    shown = paragraph.add_run().add_picture(io.BytesIO(_picture(image)), width=width)
    about = shown._inline.docPr  # noqa: SLF001 - the only way to an alternative text
    about.set("descr", plain_text(image.get("alt", "")))
    legend = element.find("ul")
    if legend is not None:
        _list(document, legend)
        document.paragraphs[-1].paragraph_format.keep_with_next = True
    caption = element.find("figcaption")
    if caption is not None:
        _caption(document, caption, kind="Figure")


def _figure_width(image: Any, widest_cm: float) -> float:  # noqa: ANN401
    """Choose a width, in centimetres, with which a tall picture is no higher than wide ones."""
    from PIL import Image

    with Image.open(io.BytesIO(_picture(image))) as shown:
        width, height = shown.size
    return min(widest_cm, _FIGURE_CM * 0.8 * width / height)


def _picture(image: Any) -> bytes:  # noqa: ANN401
    return base64.b64decode(image.get("src", "").partition(",")[2])


def _bar(stack: Any) -> bytes:  # noqa: ANN401
    """Draw the bar of people as a picture."""
    from PIL import Image, ImageDraw

    drawn = Image.new("RGB", _BAR, "#ececec")
    pen = ImageDraw.Draw(drawn)
    left = 0.0
    for part in stack:
        style = part.get("style", "")
        width, colour = _WIDTH.search(style), _COLOUR.search(style)
        if width is None or colour is None:
            continue
        right = left + _BAR[0] * float(width[1]) / 100
        pen.rectangle((left, 0, right, _BAR[1]), fill=f"#{colour[1]}")
        left = right
    stream = io.BytesIO()
    drawn.save(stream, format="png")
    return stream.getvalue()


def _caption(document: Any, element: Any, *, kind: str, keep: bool = False) -> None:  # noqa: ANN401
    """Write a caption whose number Word counts."""
    paragraph = document.add_paragraph(style="Caption")
    paragraph.paragraph_format.keep_with_next = keep
    runs = list(_close(_runs(element, _Run(""))))
    numbered = _NUMBERED.match(runs[0].text) if runs else None
    if numbered is None:
        _add(paragraph, runs)
        return
    _add(paragraph, [runs[0]._replace(text=numbered[1])])
    if numbered[1].endswith(" "):
        paragraph.runs[-1].text = numbered[1]
    _field(paragraph, f"SEQ {kind} \\* ARABIC", numbered[2])
    _add(paragraph, [runs[0]._replace(text=f"{numbered[3]} "), *runs[1:]])


def _field(paragraph: Any, code: str, shown: str) -> None:  # noqa: ANN401
    """Add a field with the result that stands there until Word computes it again."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for kind, text in (("begin", ""), ("", code), ("separate", ""), ("text", shown), ("end", "")):
        run = paragraph.add_run()
        if kind == "text":
            run.text = text
            continue
        made = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            made.set(qn("w:fldCharType"), kind)
        else:
            made.set(qn("xml:space"), "preserve")
            made.text = text
        run._r.append(made)  # noqa: SLF001 - python-docx has no fields


def _contents(document: Any, element: Any) -> None:  # noqa: ANN401
    """Write the table of contents: titles now, pages when Word brings the field up to date."""
    document.add_page_break()
    document.add_paragraph().add_run(_plain(element.find("h2"))).bold = True
    titles = [_plain(item) for item in element.find("ol")]
    paragraph = document.add_paragraph()
    _field(paragraph, 'TOC \\o "1-1" \\h \\z \\u', "\n".join(titles))
    for note in element.findall("p"):
        _paragraph(document, note)


def _styles(document: Any) -> None:  # noqa: ANN401
    """Write the title smaller than a cover would, and only number and title of a caption bold."""
    from docx.shared import Pt, RGBColor

    document.styles["Title"].font.size = Pt(15)
    document.styles["Heading 1"].paragraph_format.space_before = Pt(12)
    below = document.styles["Heading 2"]
    below.font.size, below.paragraph_format.space_before = Pt(11), Pt(6)
    font = document.styles["Caption"].font
    font.bold, font.size, font.color.rgb = False, Pt(8.5), RGBColor.from_string("1C1C1C")


def _number_pages(document: Any) -> None:  # noqa: ANN401
    from docx.shared import Pt

    paragraph = document.sections[0].footer.paragraphs[0]
    paragraph.add_run("  ·  ")
    _field(paragraph, "PAGE", "1")
    for run in paragraph.runs:
        run.font.size = Pt(7.5)


def _gap(document: Any) -> None:  # noqa: ANN401
    """Leave a little room below a table: two that touch would become one."""
    from docx.shared import Pt

    about = document.add_paragraph().paragraph_format
    about.space_after, about.line_spacing = Pt(1), Pt(6)


def _cm(value: float) -> Any:  # noqa: ANN401
    from docx.shared import Cm

    return Cm(value)
