"""Plain words: what pages call the keys of a study file, and one way to write percent."""

from __future__ import annotations

import re
from functools import cache

from kcity_geo.config import read_table
from kcity_geo.outputs.language_files import Word

__all__ = ["plain_words"]

_KEY = r"(?:sources|official|study)\.[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?"
#: A bracket that holds nothing but keys says what the words before it have said.
_BRACKET = re.compile(rf" ?\({_KEY}(?:(?: or |,? |또는 ?)+{_KEY})*\)")
_NAMED = re.compile(rf"(?:\bset )?({_KEY})(?: ?(을|를|이|가|은|는|과|와|으로|로|의)(?![가-힣]))?")
_ENDINGS = {
    letter: pair
    for pair in ("을/를", "이/가", "은/는", "과/와", "으로/로", "의/의")
    for letter in pair.split("/")
}
_PERCENT = re.compile(r"(?<=\d) ?%")


@cache
def _words(code: str) -> dict[str, str]:
    """Key of a study file -> what it is, in a language."""
    return {key: row[code] for key, row in read_table("texts/inputs")["key"].items()}


def plain_words(text: str, code: str) -> str:
    """
    Say what keys of a study file stand for, and write percent as the language does.

    Parameters
    ----------
    text : a sentence of analysis, which names keys.
    code : ``en`` or ``ko``; in other languages the text stays.

    Returns
    -------
    Text for readers who do not write study files; keys that no row knows stay.

    Examples
    --------
    >>> plain_words("no night lights are known; give sources.nightlights", "en")
    'no night lights are known; give night-light data'
    >>> plain_words("needs land cover data (sources.landcover); mapped land use covers 40%", "en")
    'needs land cover data; mapped land use covers 40 %'
    >>> plain_words("official.population을 넣으십시오", "ko")
    '공식 인구를 넣으십시오'
    """
    if code not in {"en", "ko"}:
        return text
    if "%" in text:
        text = _PERCENT.sub(" %" if code == "en" else "%", text)
    if "sources." not in text and "official." not in text and "study." not in text:
        return text
    return _NAMED.sub(lambda found: _named(found, code), _BRACKET.sub("", text))


def _named(found: re.Match[str], code: str) -> str:
    key, ending = found[1], found[2]
    known = _words(code).get(key)
    if known is None:
        return found[0]
    before = "give " if found[0].startswith("set ") else ""
    pair = _ENDINGS.get(ending or "")
    return before + (format(Word(known), pair) if pair else known)
