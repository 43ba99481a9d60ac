"""Texts in English and Korean from one set of rows, so that both languages say the same."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup, escape

from kcity_geo.config import read_table
from kcity_geo.programme.words import LANGUAGES

__all__ = ["LANGUAGES", "both", "in_both", "say"]


def say(table: str, key: str, language: str, **values: object) -> str:
    """
    Give one text in one language.

    Parameters
    ----------
    table : name of a table under ``tables/texts``.
    key : of the text.
    language : one of `LANGUAGES`.
    **values : filled into the text.

    Returns
    -------
    Plain text, not escaped.

    Examples
    --------
    >>> say("compare", "city", "ko")
    '도시'
    """
    row = read_table(f"texts/{table}")["text"][key]
    return str(row[language]).format(**values)


def both(table: str, key: str, **values: object) -> Markup:
    """
    Give one text in all languages for a page; the page shows one of them.

    Parameters
    ----------
    table, key : as of `say`.
    **values : filled into the text; a mapping of language to text where they differ.

    Returns
    -------
    A ``<span lang=…>`` for each language, escaped.
    """
    told = {}
    for language in LANGUAGES:
        own = {k: v[language] if isinstance(v, Mapping) else v for k, v in values.items()}
        told[language] = say(table, key, language, **own)
    return in_both(told)


def in_both(told: Mapping[str, str]) -> Markup:
    """
    Mark up a text that is given in each language.

    Parameters
    ----------
    told : language -> text.

    Returns
    -------
    A ``<span lang=…>`` for each language, escaped; one text alone where all are the same.

    Examples
    --------
    >>> str(in_both({"en": "City", "ko": "도시"}))
    '<span lang="en">City</span><span lang="ko">도시</span>'
    """
    if len(set(told.values())) == 1:
        return escape(next(iter(told.values())))
    return Markup("").join(
        Markup('<span lang="{}">{}</span>').format(language, told[language])
        for language in LANGUAGES
    )
