"""Numbers as a paper shows them, each with its id of the ledger: in the report as HTML and as DOCX."""

from __future__ import annotations

import re
import zipfile
import zlib
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

from kcity_geo.outputs.text import plain_text

__all__ = ["PAPERS", "shown_numbers"]

#: Papers of a study, a plan and a comparison that carry ids of the ledger.
PAPERS = ("report.html", "report.docx", "map.html", "plan.html", "compare.html")
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_CONTENT = "word/document.xml"
_LARGEST_BYTES = 200_000_000


def shown_numbers(path: Path) -> list[tuple[str, str]]:
    """
    Read the numbers of a paper that carry an id of the ledger.

    Parameters
    ----------
    path : of one of `PAPERS`.

    Returns
    -------
    Ids and what is shown, in the order of the paper; a range has the ids of both ends, parted by a space.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read as what it is.
    """
    found = _of_docx(path) if path.suffix == ".docx" else _of_page(path)
    return [(plain_text(ids), _folded(text)) for ids, text in found]


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


class _Page(HTMLParser):
    """Collects what stands in elements with ``data-id``."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "span" and self._depth:
            self._depth += 1
        elif tag == "span" and given.get("data-id"):
            self._depth = 1
            self.found.append((str(given["data-id"]), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "span" and self._depth:
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._depth:
            ids, text = self.found[-1]
            self.found[-1] = (ids, text + data)


def _of_page(path: Path) -> list[tuple[str, str]]:
    page = _Page()
    try:
        page.feed(path.read_text(encoding="utf-8"))
        page.close()
    except AssertionError as error:
        raise ValueError(f"{path.name}: is damaged") from error
    return page.found


def _of_docx(path: Path) -> list[tuple[str, str]]:
    try:
        with zipfile.ZipFile(path) as packed:
            if packed.getinfo(_CONTENT).file_size > _LARGEST_BYTES:
                raise ValueError(f"{path.name}: is larger than {_LARGEST_BYTES // 1_000_000} MB")
            text = packed.read(_CONTENT)
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            raise ValueError(f"{path.name}: declares entities, which no word processor writes")
        root = ET.fromstring(text)  # noqa: S314 - without entities there is nothing to expand
    except (
        zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, ET.ParseError,
    ) as error:  # fmt: skip
        raise ValueError(f"{path.name}: is damaged ({type(error).__name__})") from error
    found = []
    for one in root.iter(f"{_WORD}sdt"):
        tag = one.find(f"{_WORD}sdtPr/{_WORD}tag")
        if tag is not None:
            text_of = "".join(piece.text or "" for piece in one.iter(f"{_WORD}t"))
            found.append((tag.get(f"{_WORD}val", ""), text_of))
    return found
