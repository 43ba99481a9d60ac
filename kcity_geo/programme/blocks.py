"""Blocks: what a paper is made of, before it becomes HTML, PDF or DOCX; plain text, never markup."""

from __future__ import annotations

from dataclasses import dataclass

from kcity_geo.config import read_table
from kcity_geo.retold import made, retold

__all__ = [
    "Block",
    "Bullets",
    "Heading",
    "Paper",
    "Picture",
    "Signature",
    "Table",
    "Text",
    "caveat",
    "said",
    "verdict_words",
]


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A heading inside a paper."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph; ``kind``: body, note (small), warning, lead (a line of a letter's head)."""

    text: str
    kind: str = "body"


@dataclass(frozen=True, kw_only=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; ``numeric``: columns that are set to the right; ``widths``: shares of the page."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    widths: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A sheet of the map pack by its number; ``title`` above, ``caption`` below; ``small``: half a page."""

    sheet: int
    title: str
    caption: str
    small: bool = False


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A line to sign on."""

    text: str


Block = Heading | Text | Bullets | Table | Picture | Signature


@dataclass(frozen=True, kw_only=True)
class Paper:
    """
    One document of a dossier.

    Parameters
    ----------
    id : cover_letter, application_form, project_summary or evidence_annex.
    title : of the document.
    language : en or ko.
    subject : second line of the head.
    banner : warning on every page; empty: none.
    footer : last line of every page.
    blocks : in order.
    author : of the study; empty: not stated.
    """

    id: str
    title: str
    language: str
    subject: str
    banner: str
    footer: str
    blocks: tuple[Block, ...]
    author: str = ""


def said(key: str, language: str, **values: object) -> str:
    """
    Say a sentence of ``tables/programme/papers.toml``.

    Parameters
    ----------
    key : table and name, joined by a dot.
    language : en or ko.
    **values : what stands in the braces.

    Returns
    -------
    The sentence; braces inside values mean nothing.

    Examples
    --------
    >>> said("common.people", "ko", number="1,200")
    '1,200명'
    """
    table, _, name = key.partition(".")
    text = str(read_table("programme/papers")[table][name][language])
    return text.format_map(values) if values else text


def caveat(language: str) -> Text:
    """
    Say what every paper is good for, as every other output does.

    Parameters
    ----------
    language : en or ko.

    Returns
    -------
    A note.

    Examples
    --------
    >>> caveat("en").text
    'Screening level; not for procurement or land acquisition.'
    """
    return Text(text=retold(made("caveat"), language), kind="note")


def verdict_words(refused: int, missing: int, language: str) -> str:
    """
    Say what findings come to; a check never says that a project will be taken.

    Parameters
    ----------
    refused : hard gates that fail.
    missing : things that are missing.
    language : en or ko.

    Returns
    -------
    One line.

    Examples
    --------
    >>> verdict_words(0, 1, "en")
    'No hard gate fails; 1 thing is missing.'
    """
    if not refused and not missing:
        return said("check.clean", language)
    one, many = ("refused_one", "refused") if refused else ("missing_one", "missing")
    number = refused or missing
    return said(f"check.{one if number == 1 else many}", language, number=number)
