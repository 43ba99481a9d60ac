"""Slots of the report: client, author, logo and text of one's own, checked before any work is done."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from kcity_geo.errors import SourceError, StudyError
from kcity_geo.extras import not_installed
from kcity_geo.input_paths import resolve_path
from kcity_geo.outputs.languages import Language, language_of_study
from kcity_geo.outputs.paper_pdf import pdf_writer
from kcity_geo.outputs.text import plain_lines, plain_text
from kcity_geo.studyfile import Study

__all__ = ["Slots", "slots_of"]

_LOGO_BYTES = 1_000_000
_CONTEXT_BYTES = 100_000
#: Where a link of the context text may lead.
_LINKED = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+\Z", re.IGNORECASE)
_KINDS = {"PNG": "png", "JPEG": "jpeg"}


@dataclass(frozen=True, kw_only=True)
class Slots:
    """
    What a study file puts into its report.

    Parameters
    ----------
    language : of the report.
    client, author : plain text; empty: none.
    logo : data URI; empty: none.
    context : HTML made of Markdown, without pictures and raw HTML; empty: none.
    """

    language: Language
    client: str
    author: str
    logo: str
    context: Markup


def slots_of(study: Study) -> Slots:
    """
    Read the slots of the report, and see that what was asked for can be written here.

    Parameters
    ----------
    study : study file.

    Returns
    -------
    The slots.

    Raises
    ------
    StudyError
        If the language is not known, a file holds something else than it should, or nothing on this
        machine writes the form that was asked for.
    SourceError
        If a file is missing.
    """
    asked = study.report
    if asked.pdf and pdf_writer()[0] is None:
        raise StudyError(f"report.pdf: {pdf_writer()[1]}")
    if asked.docx and (missing := not_installed("docx")):
        raise StudyError(f"report.docx: no DOCX: {missing}")
    return Slots(
        language=language_of_study(study),
        client=plain_text(asked.client),
        author=plain_text(asked.author),
        logo=_logo(study),
        context=_context(study),
    )


def _logo(study: Study) -> str:
    value = study.report.logo
    if not value:
        return ""
    from PIL import Image

    path = resolve_path(study, value, key="report.logo")
    data = _read(path, key="report.logo", most=_LOGO_BYTES)
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()
            kind = _KINDS.get(str(image.format))
    except (OSError, SyntaxError, ValueError) as error:
        raise StudyError(f"report.logo: {path.name} is no picture; give a .png or .jpg") from error
    if kind is None:
        raise StudyError(f"report.logo: {path.name} is no PNG or JPEG; give a .png or .jpg")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _context(study: Study) -> Markup:
    value = study.report.context.strip()
    if not value:
        return Markup()
    if value.endswith(".md") and "\n" not in value:
        path = resolve_path(study, value, key="report.context")
        try:
            value = _read(path, key="report.context", most=_CONTEXT_BYTES).decode("utf-8")
        except UnicodeDecodeError as error:
            raise StudyError(f"report.context: {path.name} is no UTF-8 text") from error
    return _markdown(value)


def _read(path: Path, *, key: str, most: int) -> bytes:
    if not path.is_file():
        raise SourceError(f"{key}: {path.name} is a folder; give a file")
    if path.stat().st_size > most:
        raise StudyError(
            f"{key}: {path.name} has {path.stat().st_size:,} bytes, at most {most:,} are taken"
        )
    return path.read_bytes()


def _may_lead_to(url: str) -> bool:
    return _LINKED.match(url) is not None


def _markdown(text: str) -> Markup:
    """Turn Markdown into HTML: raw HTML is shown as written, a picture as a link; links lead to the web or a mail."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.disable(["image", "html_block", "html_inline"])
    reader.validateLink = _may_lead_to  # type: ignore[method-assign]
    html = reader.render(plain_lines(text.replace("\t", "    ")))
    for level in (3, 2, 1):  # the chapter has its own heading
        html = html.replace(f"<h{level}>", f"<h{level + 2}>").replace(
            f"</h{level}>", f"</h{level + 2}>"
        )
    html = html.replace('<a href="', '<a rel="noopener noreferrer" href="')
    return Markup(html)  # noqa: S704 - made by a reader that escapes all that it is given
