"""Plan words: what a plan says of itself in English, told in Korean from its numbers."""

from __future__ import annotations

import re

from kcity_geo.config import read_table

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
    >>> korean_plan("by the river")
    '(원문) by the river'
    """
    if _HANGUL.search(text):
        return text
    table = read_table("programme/plan_words")
    parts = [(text, False)]
    for row in table["sentence"]:
        parts = [new for part in parts for new in _split(part, row["pattern"], row["ko"])]
    told = [
        words if korean else table["original"]["ko"].format(text=words)
        for words, korean in parts
        if korean or _LETTER.search(words)
    ]
    return " ".join(told)


def _split(part: tuple[str, bool], pattern: str, korean: str) -> list[tuple[str, bool]]:
    """Cut a sentence that is known out of English text; what is Korean already stays."""
    text, done = part
    found = None if done else re.search(pattern, text)
    if found is None:
        return [part]
    before, after = text[: found.start()], text[found.end() :]
    return [
        (before.strip(_BETWEEN), False),
        (korean.format(*found.groups()), True),
        (after.strip(_BETWEEN), False),
    ]
