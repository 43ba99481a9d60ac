"""Words: the vocabulary of an application in English and Korean."""

from __future__ import annotations

from datetime import date
from functools import cache

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError

__all__ = [
    "LANGUAGES",
    "known_language",
    "known_words",
    "korean_day",
    "sector_labels",
    "word",
    "word_list",
]

#: Languages of the products.
LANGUAGES = ("en", "ko")


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
    kind : sector, scope, study, status, applicant, stage, stream or follow_up.

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
