"""Plan words: what a plan says of itself in English, told in Korean from its numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.programme.words import korean_millions, korean_sites, original, word
from kcity_geo.retold import made, retold

__all__ = ["korean_plan"]

_HANGUL = re.compile("[가-힣]")
_LETTER = re.compile("[A-Za-z]")
_BETWEEN = " .;"


def korean_plan(text: str) -> str:
    """
    Say sentences of a plan in Korean.

    Parameters
    ----------
    text : English sentences, as ``kcity programme new --plan`` puts them into an application.

    Returns
    -------
    Those of ``tables/programme/plan_words.toml`` in Korean, with the same numbers; others stay, marked as
    the original. Text in which somebody wrote Korean stays as it is.

    Examples
    --------
    >>> korean_plan("5,000 persons in 1,852 dwellings, 3,104 jobs.")
    '계획 인구 5,000명, 주택 1,852호, 일자리 3,104개입니다.'
    >>> korean_plan("Works cost 87 M USD (P10 60, P90 120) at prices of 2025")
    '추정 공사비는 8,700만 달러입니다(P10 6,000만 달러, P90 1억 2,000만 달러, 2025년 가격 기준).'
    >>> korean_plan("by the river")
    '(원문) by the river'
    """
    if _HANGUL.search(text):
        return text
    parts = [(text, False)]
    for row in (*read_table("programme/plan_words")["sentence"], _caveat_row()):
        parts = [new for part in parts for new in _split(part, row)]
    told = [
        words if korean else original(words, "ko")
        for words, korean in parts
        if korean or _LETTER.search(words)
    ]
    return " ".join(told)


@cache
def _caveat_row() -> dict[str, str]:
    """Give the caveat of every output as a row: a plan says it within a sentence, too."""
    caveat = made("caveat")
    return {"pattern": rf"(?i:{re.escape(caveat.rstrip('.'))})\.?", "ko": retold(caveat, "ko")}


def _split(part: tuple[str, bool], row: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Cut a sentence that is known out of English text; what is Korean already stays."""
    text, done = part
    found = None if done else re.search(row["pattern"], text)
    if found is None:
        return [part]
    before, after = text[: found.start()], text[found.end() :]
    return [
        (before.strip(_BETWEEN), False),
        (row["ko"].format(*_values(found, row)), True),
        (after.strip(_BETWEEN), False),
    ]


def _values(found: re.Match[str], row: Mapping[str, Any]) -> list[str]:
    """Give what stands in a sentence; millions, currencies and names of sites as Korean says them."""
    values = [korean_sites(value) for value in found.groups()]
    for place in row.get("millions", ()):
        values[place] = korean_millions(int(values[place].replace(",", "")))
    if "currency" in row:
        values[row["currency"]] = word("currency", values[row["currency"]], "ko")
    return values
