"""
Retold: sentences that a study made in English, told in another language from the rows that made them.

A study keeps its reasons and tasks in English, as files of one study are read everywhere, and so does a list of
cities with what became of each. Each such sentence stands once, as a row with names in braces: English is
made by filling the row in, another language by reading the values out of the English sentence again. So
both say the same numbers.

>>> retold("the only site: no weights put another first", "ko")
'유일한 후보지로 가중치를 바꾸어도 순위가 유지됨'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from kcity_geo.config import read_table

__all__ = ["UNTOLD", "made", "retold", "retold_all", "title_in", "told_in"]

#: What stands before a sentence for which there is no row in that language.
UNTOLD = {"ko": "(원문) "}
#: Tables of sentences; an id stands in one of them.
_TABLES = ("siting", "survey", "credits", "many")
_BRACES = re.compile(r"\{(\w+)(?::[^}]*)?\}")
_PARTED = "; "
_NO_KINDS: Mapping[str, Sequence[str]] = {}


class _Row(NamedTuple):
    """A sentence: how it looks in English, what it is in the other language, which values are words of their own."""

    pattern: re.Pattern[str]
    text: str
    words: tuple[str, ...]
    names: tuple[str, ...]
    lists: tuple[str, ...]


def made(name: str, **values: object) -> str:
    """
    Make the English sentence of a row.

    Parameters
    ----------
    name : id of the row in ``tables/texts/siting.toml``, ``survey.toml``, ``credits.toml`` or ``many.toml``.
    **values : what stands in the braces.

    Returns
    -------
    The sentence; braces inside values mean nothing.

    Examples
    --------
    >>> made("not_known", title="slope")
    'slope is not known here'
    """
    return str(_sentences()[name]["en"]).format_map(values)


def told_in(text: str, language: str) -> str:
    """
    Tell a sentence in a language; what has no row stays as it is, marked as the original.

    Parameters
    ----------
    text : English, several sentences parted by ``"; "``.
    language : en or ko.

    Returns
    -------
    The sentences.

    Examples
    --------
    >>> told_in("slope is not known here", "ko"), told_in("by the old mill", "ko")
    ('경사도 자료가 없음', '(원문) by the old mill')
    """
    if language == "en" or not text:
        return text
    return retold_all(text, language) or f"{UNTOLD[language]}{text}"


def retold_all(text: str, language: str) -> str:
    """
    Tell sentences in another language, all or none.

    Parameters
    ----------
    text : English, parted by ``"; "``.
    language : not en.

    Returns
    -------
    Parted by commas; empty where one of them has no row.

    Examples
    --------
    >>> retold_all("slope is not known here; by the old mill", "ko")
    ''
    """
    told = [retold(part, language) for part in text.split(_PARTED)]
    return ", ".join(told) if all(told) else ""


def retold(text: str, language: str) -> str:
    """
    Tell one sentence in another language.

    Parameters
    ----------
    text : English, as `made` or a row of the criteria made it.
    language : en or ko.

    Returns
    -------
    The sentence with the same values, in English as it is; empty where no row makes it.

    Examples
    --------
    >>> retold("mean slope of 9.9 % (full score up to 2)", "ko")
    '평균 경사 9.9%(만점 기준: 2 이하)'
    """
    if language == "en":
        return text
    if text in (words := _words(language)):
        return words[text]
    for row in _rows(language):
        for found in _matches(row, text):
            values = _values(found, row, language)
            if values is not None:
                return _close(row.text.format_map(values))
    return ""


def _matches(row: _Row, text: str) -> Iterator[re.Match[str]]:
    """Read a sentence; where a title stands before words, with each end that the title may have."""
    found = row.pattern.fullmatch(text)
    while found:
        yield found
        if not (row.names and row.words):
            return
        title = row.names[0]
        longer = f"(?P<{title}>.{{{len(found[title]) + 1},}}?)"
        found = re.fullmatch(row.pattern.pattern.replace(f"(?P<{title}>.+?)", longer), text)


def _values(found: re.Match[str], row: _Row, language: str) -> dict[str, str] | None:
    """Take the values out of a sentence; None where one that is made of words is not known."""
    values: dict[str, str] = {}
    for name, value in found.groupdict().items():
        told = value
        if name in row.words:
            told = retold(value, language)
        elif name in row.names:
            told = _words(language).get(value, value)
        elif name in row.lists:
            told = ", ".join(_listed(value, language))
        if not told:
            return None
        values[name] = told
    return values


def _listed(text: str, language: str) -> list[str]:
    """Part a list of titles, which may hold commas themselves; one that no row knows stays as it is."""
    ends = [m.start() for m in re.finditer(r", | and |$", text)]
    for end in reversed(ends):
        head, rest = text[:end], re.sub(r"^(, | and )", "", text[end:])
        told = retold(head, language)
        if told or end == ends[0]:
            return [told or head, *(_listed(rest, language) if rest else [])]
    return [text]


def _close(text: str) -> str:
    """Write per cent as Korean does, without a space."""
    return re.sub(r"(?<=\d) %", "%", text)


@cache
def _sentences() -> dict[str, dict[str, Any]]:
    rows = [row for name in _TABLES for row in read_table(f"texts/{name}")["sentence"]]
    return {row["id"]: row for row in rows}


def _other_rows(language: str) -> Iterator[tuple[str, str]]:
    """Rows that stand where the number is measured: phrases of criteria, and what stands on a site."""
    for row in read_table("suitability/criteria")["criterion"].values():
        if f"phrase_{language}" in row:  # one without it is told as the original, with its mark
            yield row["phrase"], row[f"phrase_{language}"]
    told = [*read_table("suitability/sites")["inside"], *read_table("suitability/dossier")["flag"]]
    for row in told:
        yield row["text"], row[f"text_{language}"]


@cache
def _rows(language: str) -> tuple[_Row, ...]:
    """All sentences, those with most letters of their own first."""
    found = [_row(row["en"], row[language], row) for row in _sentences().values()]
    found += [_row(text, other) for text, other in _other_rows(language)]
    return tuple(sorted(found, key=lambda row: -len(_BRACES.sub("", row.pattern.pattern))))


def _row(text: str, other: str, kinds: Mapping[str, Sequence[str]] = _NO_KINDS) -> _Row:
    pattern, at = "", 0
    for brace in _BRACES.finditer(text):
        name = brace.group(1)
        again = f"(?P={name})" if f"(?P<{name}>" in pattern else f"(?P<{name}>.+?)"
        pattern += re.escape(text[at : brace.start()]) + again
        at = brace.end()
    pattern += re.escape(text[at:])
    plain = _BRACES.sub(r"{\1}", other)
    words, names, lists = (tuple(kinds.get(kind, ())) for kind in ("words", "names", "lists"))
    return _Row(re.compile(pattern), plain, words, names, lists)


def title_in(title: str, language: str) -> str:
    """
    Give the title of a criterion or constraint in a language.

    Parameters
    ----------
    title : in English.
    language : ``en`` or another one.

    Returns
    -------
    The title; the same text where no row knows it.

    Examples
    --------
    >>> title_in("Steep slope", "ko"), title_in("Market", "ko")
    ('급경사지', 'Market')
    """
    return title if language == "en" else _words(language).get(title.lower(), title)


@cache
def _words(language: str) -> dict[str, str]:
    """Titles that sentences speak of, in small letters as they stand there."""
    criteria = read_table("suitability/criteria")
    rows = [*criteria["criterion"].values(), *criteria["decisive"].values()]
    rows += read_table("texts/siting")["title"]
    return {row["title"].lower(): row.get(f"title_{language}", row["title"]) for row in rows}
