"""
Texts in several languages from one set of rows, so that all languages say the same.

Rows of ``tables/texts/<table>.toml`` hold the sentences of a page in English and Korean. What tables of
the package and analysis say in English is looked up in the files of the language (``said_ko.toml``, and
``said_plan_ko.toml`` for plans). A further language is one file with both parts, named in ``[report]
language`` of a study file. What a language has no words for stays in English, is marked as the
original and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from kcity_geo.config import read_table
from kcity_geo.outputs.cited import cited_markup, uncited
from kcity_geo.outputs.input_words import plain_words
from kcity_geo.outputs.language_files import (
    MARKS,
    Language,
    Word,
    language_of,
    language_of_study,
)
from kcity_geo.programme.words import LANGUAGES, as_of_words
from kcity_geo.retold import retold

__all__ = [
    "LANGUAGES",
    "Language",
    "both",
    "for_script",
    "in_both",
    "language_of",
    "language_of_study",
    "marked_up",
    "name",
    "say",
    "source_words",
    "speaking",
    "spoken",
    "tell",
    "text_of",
    "translated",
    "unmarked",
]

#: Table of the sentences of map and report.
_PAGE = "report"
#: Marks around a name and around a text in the original language, until a page is written.
_NAME, _ORIGINAL = ("\ue000", "\ue001"), ("\ue002", "\ue003")
_MARKED = re.compile("\ue000([^\ue000-\ue003<>]*)\ue001|\ue002([^\ue000-\ue003<>]*)\ue003")
_TAG = re.compile(r"<title>.*?</title>|<[^>]*>", re.DOTALL)
_HOLE = re.compile(r"\{(\w+)\}")
#: A number, and what stands behind it.
_MEASURE = re.compile(
    r"(?:(about|at least|at most|under|over) )?([-−]?[\d.,:-]*\d)(?: to ([-−]?[\d.,:-]*\d))? ?(\D*|nW cm-2 sr-1)"  # noqa: RUF001
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
#: Three words of Latin letters in a row; names, units and codes are shorter.
_SENTENCE = re.compile(r"[A-Za-z]{2,}(?:,? [A-Za-z]{2,}){2,}")
#: A word in front of a number that a row did not read.
_LIMITED = re.compile(r"\b(?:about|at least|at most|under|over) [\d-]")
_WORD = re.compile(r"[A-Za-z]{2,}")
#: What fills a hole for a currency, so that a row for one amount does not read a list of them.
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(kw_only=True, eq=False)
class _Speech:
    """The language that is spoken now, and what it had no words for."""

    language: Language
    original: dict[str, int] = field(default_factory=dict)


_ENGLISH = _Speech(language=language_of("en"))
_SPEECH: ContextVar[_Speech] = ContextVar("speech", default=_ENGLISH)


@contextmanager
def speaking(language: Language) -> Iterator[Mapping[str, int]]:
    """
    Say everything in a language inside of a ``with``.

    Parameters
    ----------
    language : of `language_of`.

    Yields
    ------
    Texts that stayed in English for want of words -> how often; filled while it is spoken.

    Examples
    --------
    >>> with speaking(language_of("ko")):
    ...     tell("site", label="1")
    '후보지 1'
    """
    speech = _Speech(language=language)
    token = _SPEECH.set(speech)
    try:
        yield speech.original
    finally:
        _SPEECH.reset(token)


def spoken() -> Language:
    """
    Give the language that is spoken now.

    Returns
    -------
    English where `speaking` has not been called.
    """
    return _SPEECH.get().language


def tell(key: str, **values: object) -> str:
    """
    Say a sentence of ``texts/report.toml`` in the language that is spoken.

    Parameters
    ----------
    key : of the row.
    **values : filled into the text; braces inside them mean nothing.

    Returns
    -------
    Plain text, not escaped.

    Examples
    --------
    >>> tell("site", label="1")
    'Site 1'
    """
    speech = _SPEECH.get()
    row = read_table(f"texts/{_PAGE}")["text"][key]
    language = speech.language
    text = language.texts.get(key, row.get(language.code))
    if text is None:
        text = str(row["en"])
        speech.original[text] = speech.original.get(text, 0) + 1
    if text == row["en"] and uncited(str(values.get("people"))) == "1":
        text = text.replace("{people} people", "{people} person")
    words = {k: v if isinstance(v, Markup) else Word(v) for k, v in values.items()}
    return str(text).format_map(words) if values else str(text)


def name(text: str) -> str:
    """
    Mark a name or a citation, which is said as it is in every language.

    Parameters
    ----------
    text : plain text.

    Returns
    -------
    In English the text itself; else with marks that `marked_up` turns into an element of its own.
    """
    if not text or spoken().code == "en":
        return text
    return f"{_NAME[0]}{MARKS.sub('', text)}{_NAME[1]}"


def translated(text: str) -> str:
    """
    Say what a table or analysis says in English in the language that is spoken.

    Parameters
    ----------
    text : in English.

    Returns
    -------
    The text in the language. Sentences and parts between semicolons are looked up one by one; what
    has no words there stays, is marked as original and counted.

    Examples
    --------
    >>> with speaking(language_of("ko")):
    ...     translated("good"), translated("0.56 km")
    ('양호', '0.56km')
    """
    speech = _SPEECH.get()
    if speech.language.code == "en" or not text:
        return plain_words(text, "en")
    return plain_words(_translated(text, speech), speech.language.code)


def _translated(text: str, speech: _Speech) -> str:
    found = _found(text, speech.language)
    if found is not None:
        return found
    if text.endswith(".") and (found := _found(text[:-1], speech.language)) is not None:
        return f"{found}."
    for between in ("; ", ". ", ", "):
        parts = _outside_brackets(text, between)
        if len(parts) > 1 and (
            between == "; " or all(_found(p.rstrip("."), speech.language) for p in parts)
        ):
            return between.join(translated(part) for part in parts)
    if not _WORD.search(text):
        return text
    speech.original[text] = speech.original.get(text, 0) + 1
    return f"{_ORIGINAL[0]}{MARKS.sub('', text)}{_ORIGINAL[1]}"


def source_words(text: str) -> str:
    """
    Say a citation: words of the package in the language that is spoken, titles of others as they are.

    Parameters
    ----------
    text : in English, parts between semicolons.

    Returns
    -------
    The text; marked as a name where one part has no words in the language.

    Examples
    --------
    >>> with speaking(language_of("ko")):
    ...     source_words("default: 15 minutes")
    '기본값: 15분'
    """
    speech = _SPEECH.get()
    if speech.language.code == "en":
        return text
    missing = dict(speech.original)
    told = [_found(part, speech.language) or "" for part in text.split("; ")]
    if all(told) and speech.original == missing:
        return "; ".join(told)
    speech.original.clear()  # a title of others is no text that wants for words
    speech.original.update(missing)
    return name(text)


def _outside_brackets(text: str, between: str) -> list[str]:
    """Part a text where `between` stands outside of round brackets."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth <= 0 and text.startswith(between, at):
            parts.append(text[start:at])
            start = at + len(between)
    return [*parts, text[start:]]


def _found(text: str, language: Language) -> str | None:
    """Look a text up: as it stands, as a number with its unit, or by its pattern."""
    told = language.said.get(text, language.said.get(f"[{text}]")) or language.by_case.get(
        text.lower()
    )
    if told is not None and not _HOLE.search(told):
        return told
    if _DAY.fullmatch(text):
        return as_of_words(text, language.code)
    if (measure := _MEASURE.fullmatch(text)) is not None:
        told = _measured(measure, language)
        if told is not None:
            return told
    if language.code in LANGUAGES:
        told = retold(text, language.code) or retold(text.lower(), language.code)
        # A value that is a sentence itself was read by too wide a row.
        if told and not _SENTENCE.search(told) and not _LIMITED.search(told):
            return told
    for pattern, wanted in language.patterns:
        match = pattern.fullmatch(text)
        if match is not None and all(_fits(k, v) for k, v in match.groupdict().items()):
            return wanted.format(**{k: Word(_filled(k, v)) for k, v in match.groupdict().items()})
    return None


def _fits(hole: str, value: str) -> bool:
    """Whether a value is one: whole brackets, no sentence in a hole of one letter, a currency where one is named."""
    if hole == "name_money" and not _CURRENCY.fullmatch(value):
        return False
    depth = 0
    for letter in value:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            return False
    return depth == 0 and (len(hole) > 1 or not _SENTENCE.search(value))


def _filled(hole: str, value: str) -> str:
    """Say what fills a hole: a name as it is, all else in words of the language."""
    return name(value) if hole.startswith("name") else translated(value)


def _measured(found: re.Match[str], language: Language) -> str | None:
    before, number, last, unit = found.groups()
    unit = unit.strip()
    said = language.said.get(f"[{unit}]", unit if not _WORD.search(unit) else None)
    if said is None:
        return None
    between = language.said.get("[to]", " to ")
    number = f"{number}{between}{last}" if last else number
    shown = f"{number}{said}" if language.code == "ko" else f"{number} {said}".strip()
    about = language.said.get(f"{before} [number]", "") if before else "[number]"
    return about.replace("[number]", shown) if about else None


def marked_up(html: str, *, language: Language) -> str:
    """
    Turn the marks of names and originals in a page into elements.

    Parameters
    ----------
    html : page whose texts are escaped.
    language : of the page.

    Returns
    -------
    Page with ``<bdi translate="no">`` around names and ``<span lang="en">`` around originals; inside
    of tags, and of the title, the marks fall away.
    """
    html = cited_markup(_TAG.sub(lambda tag: uncited(tag[0]), html))
    if language.code == "en":
        return MARKS.sub("", html)
    html = _TAG.sub(lambda tag: MARKS.sub("", tag[0]), html)
    return MARKS.sub("", _MARKED.sub(_element, html))


def unmarked(text: str) -> str:
    r"""
    Take the marks of names and originals away, for what is no page.

    Parameters
    ----------
    text : as `translated` and `name` give it.

    Returns
    -------
    Plain text.

    Examples
    --------
    >>> unmarked("\ue000Hanbit\ue001")
    'Hanbit'
    """
    return MARKS.sub("", uncited(text))


def for_script(json_text: str) -> str:
    r"""
    Make JSON of a page whose texts may carry marks of names and originals.

    Parameters
    ----------
    json_text : JSON with the marks as they are.

    Returns
    -------
    JSON without the marks of names; those of originals are escapes, which the scripts of the page read.

    Examples
    --------
    >>> for_script("\ue000Hanbit\ue001 \ue002left as it was\ue003")
    'Hanbit \\ue002left as it was\\ue003'
    """
    for mark in _NAME:
        json_text = json_text.replace(mark, "")
    for mark in _ORIGINAL:
        json_text = json_text.replace(mark, f"\\u{ord(mark):04x}")
    return json_text


def _element(found: re.Match[str]) -> str:
    if found[1] is not None:
        return f'<bdi translate="no">{found[1]}</bdi>'
    return f'<span lang="en" class="original">{found[2]}</span>'


def say(table: str, key: str, language: str, **values: object) -> str:
    """
    Give one text in one language.

    Parameters
    ----------
    table : name of a table under ``tables/texts``.
    key : of the text.
    language : one of `LANGUAGES`, or the code of the language that is spoken.
    **values : filled into the text.

    Returns
    -------
    Plain text, not escaped; of a language from a file what it says for the English, else that.

    Examples
    --------
    >>> say("compare", "city", "ko")
    '도시'
    """
    words = {k: Word(v) if isinstance(v, str) else v for k, v in values.items()}
    return text_of(read_table(f"texts/{table}")["text"][key], language).format(**words)


def text_of(row: Mapping[str, str], language: str) -> str:
    """
    Give the text of a row in a language.

    Parameters
    ----------
    row : language -> text, of ``tables/texts``.
    language : one of `LANGUAGES`, or the code of the language that is spoken.

    Returns
    -------
    Text with its holes; of a language from a file what it says for the English, else that.

    Examples
    --------
    >>> text_of({"en": "Close", "ko": "닫기"}, "fr")
    'Close'
    """
    if language in row:
        return str(row[language])
    english = str(row["en"])
    return spoken().said.get(english, english) if spoken().code == language else english


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
