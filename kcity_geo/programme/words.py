"""Words: the vocabulary of an application in English and Korean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import cache

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError

__all__ = [
    "LANGUAGES",
    "as_of_words",
    "bracketed",
    "day_words",
    "known_language",
    "known_words",
    "korean_day",
    "korean_millions",
    "korean_sites",
    "listed",
    "money",
    "original",
    "sector_labels",
    "word",
    "word_list",
]

#: Languages of the products.
LANGUAGES = ("en", "ko")
_HANGUL = re.compile("[가-힣]")


def known_language(language: str) -> str:
    """
    Refuse a language that the products are not written in.

    Parameters
    ----------
    language : en or ko.

    Returns
    -------
    The same.

    Raises
    ------
    StudyError
        If it is another one.
    """
    if language not in LANGUAGES:
        raise StudyError(f"--language: {language!r}; give {' or '.join(LANGUAGES)}")
    return language


@cache
def _titles(kind: str, language: str) -> dict[str, str]:
    key = "title" if language == "en" else f"title_{language}"
    return {row["id"]: row[key] for row in read_table("programme/vocabulary")[kind]}


def known_words(kind: str) -> tuple[str, ...]:
    """
    List what may stand in a field.

    Parameters
    ----------
    kind : sector, scope, study, status, applicant, stage, stream, follow_up, channel or currency.

    Returns
    -------
    Ids in the order of the table.

    Examples
    --------
    >>> len(known_words("sector"))
    10
    """
    return tuple(_titles(kind, "en"))


def word(kind: str, name: str, language: str = "en") -> str:
    """
    Say a value of a field in words.

    Parameters
    ----------
    kind : see `known_words`.
    name : id.
    language : en or ko.

    Returns
    -------
    Its title; the id itself when it is not known.

    Examples
    --------
    >>> word("study", "concept_plan"), word("study", "concept_plan", "ko")
    ('Concept plan', '기본구상')
    """
    return _titles(kind, language).get(name, name)


def word_list(kind: str, names: tuple[str, ...], language: str = "en") -> str:
    """
    Say several values of a field in words.

    Parameters
    ----------
    kind : see `known_words`.
    names : ids.
    language : en or ko.

    Returns
    -------
    Titles, joined by commas.

    Examples
    --------
    >>> word_list("sector", ("energy", "culture"))
    'Energy, Culture'
    """
    return ", ".join(word(kind, name, language) for name in names)


def sector_labels() -> dict[str, str]:
    """
    Map the words that the ministry used for projects to the ten sectors.

    Returns
    -------
    Label in small letters -> sector.

    Examples
    --------
    >>> sector_labels()["disaster prevention"]
    'security'
    """
    rows = read_table("programme/vocabulary")["sector"]
    return {label: row["id"] for row in rows for label in row["labels"]}


def money(amount: int, currency: str, language: str = "en") -> str:
    """
    Write a sum of money.

    Parameters
    ----------
    amount : whole won, dollars and the like.
    currency : ISO 4217 code.
    language : en or ko.

    Returns
    -------
    The number and its currency.

    Examples
    --------
    >>> money(650_000_000, "KRW"), money(650_000_000, "KRW", "ko")
    ('650,000,000 KRW', '650,000,000원')
    """
    name = word("currency", currency, language)
    return f"{amount:,} {name}" if name == currency else f"{amount:,}{name}"


def korean_millions(millions: int) -> str:
    """
    Write millions in the large numbers of Korean.

    Parameters
    ----------
    millions : of a currency.

    Returns
    -------
    Counted in 만 (10 thousand), 억 (100 million) and 조 (a million million).

    Examples
    --------
    >>> korean_millions(87), korean_millions(1_234), korean_millions(0)
    ('8,700만', '12억 3,400만', '0')
    """
    parts, rest = [], abs(millions)
    for name, each in (("조", 1_000_000), ("억", 100)):
        count, rest = divmod(rest, each)
        if count:
            parts.append(f"{count:,}{name}")
    if rest:
        parts.append(f"{rest * 100:,}만")
    return ("-" if millions < 0 else "") + (" ".join(parts) or "0")


def korean_sites(text: str) -> str:
    """
    Name candidate sites in Korean.

    Parameters
    ----------
    text : with labels of the study.

    Returns
    -------
    The same with numbered sites.

    Examples
    --------
    >>> korean_sites("site-01")
    '후보지 1'
    """
    row = read_table("programme/plan_words")["site"]
    return re.sub(row["pattern"], row["ko"], text)


def bracketed(name: str, inside: str, language: str) -> str:
    """
    Write a name with words in brackets.

    Parameters
    ----------
    name : of anything.
    inside : words; empty: no brackets.
    language : en or ko; Korean has no space before a bracket.

    Returns
    -------
    Both.

    Examples
    --------
    >>> bracketed("Hanbit", "city", "en"), bracketed("Hanbit", "시", "ko")
    ('Hanbit (city)', 'Hanbit(시)')
    """
    space = "" if language == "ko" else " "
    return f"{name}{space}({inside})" if inside else name


def original(text: str, language: str) -> str:
    """
    Mark words of the applicant that stay as they were written.

    Parameters
    ----------
    text : of an application.
    language : of the paper, en or ko.

    Returns
    -------
    The same; in a Korean paper text with letters and without Hangul has the mark of the original before it.

    Examples
    --------
    >>> original("owned by the city", "ko"), original("시 소유", "ko")
    ('(원문) owned by the city', '시 소유')
    """
    if language != "ko" or _HANGUL.search(text) or not any(c.isalpha() for c in text):
        return text
    return str(read_table("programme/plan_words")["original"]["ko"]).format(text=text)


def korean_day(day: date) -> str:
    """
    Write a day as Korean offices do.

    Parameters
    ----------
    day : of a letter.

    Returns
    -------
    Year, month and day, each with a full stop.

    Examples
    --------
    >>> korean_day(date(2026, 3, 17))
    '2026. 3. 17.'
    """
    return f"{day.year}. {day.month}. {day.day}."


def day_words(day: date, language: str) -> str:
    """
    Write a day in the one form that the papers of a language have.

    Parameters
    ----------
    day : of a letter or a talk.
    language : en or ko.

    Returns
    -------
    Day, month and year; Korean as `korean_day`.

    Examples
    --------
    >>> day_words(date(2026, 3, 17), "en"), day_words(date(2026, 3, 17), "ko")
    ('17 March 2026', '2026. 3. 17.')
    """
    return korean_day(day) if language == "ko" else f"{day.day} {day:%B %Y}"


def as_of_words(as_of: str, language: str) -> str:
    """
    Write the year, the year and month, or the day of a figure or of a map.

    Parameters
    ----------
    as_of : year, month and day joined by ``-``, as many of them as are known; other words stay as they are.
    language : en or ko.

    Returns
    -------
    English as it is.

    Examples
    --------
    >>> as_of_words("2025", "ko"), as_of_words("2025-09", "ko"), as_of_words("2025-09", "en")
    ('2025년', '2025년 9월', '2025-09')
    >>> as_of_words("2025-09-01", "ko")
    '2025년 9월 1일'
    """
    if language != "ko" or not re.fullmatch(r"\d{4}(-\d\d){0,2}", as_of):
        return as_of
    return " ".join(
        f"{int(part)}{unit}" for part, unit in zip(as_of.split("-"), "년월일", strict=False)
    )


def listed(names: Iterable[str], language: str) -> str:
    """
    List names inside a sentence.

    Parameters
    ----------
    names : of anything.
    language : en or ko.

    Returns
    -------
    Joined by commas, in English the last by *and*.

    Examples
    --------
    >>> listed(["water", "energy", "land"], "en"), listed(["물", "전력"], "ko")
    ('water, energy and land', '물, 전력')
    """
    *before, last = tuple(names) or ("",)
    if language != "en" or not before:
        return ", ".join([*before, last])
    return f"{', '.join(before)} and {last}"
