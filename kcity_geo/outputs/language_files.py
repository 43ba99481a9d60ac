"""Languages of pages: those of the package, and those that a user brings as a file of texts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from string import Formatter
from typing import Protocol

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.input_paths import NamesInputs, resolve_path
from kcity_geo.outputs.cited import uncited
from kcity_geo.programme.words import LANGUAGES
from kcity_geo.report_keys import ReportSection

__all__ = ["MARKS", "AsksForLanguage", "Language", "Word", "language_of", "language_of_study"]

#: Marks around names and originals in texts that are not yet a page.
MARKS = re.compile("[\ue000-\ue003]")
#: Table of the sentences of map and report.
_PAGE = "report"
_HOLE = re.compile(r"\{(\w+)\}")
#: A title or a number is one of a list, and may have brackets; the reason in brackets behind it has whole ones.
_OF_A_LIST = r"(?:(?!; ).)+?"
_SHAPES = {
    **dict.fromkeys(("title", "n", "m"), _OF_A_LIST),
    "why": r"[^()]*(?:\([^()]*\)[^()]*)*",
}
#: Which of two endings of a Korean word follows which last letter: digits as they are read.
_CLOSED_DIGITS = frozenset("013678")


#: The counter of people stands between a number and "at least".
_COUNTER, _BOUND = "명", re.compile(r"(\d\W*?) (이상|이하|초과|미만)")


class Word(str):
    """A value in a sentence; ``{x:은/는}`` adds the ending that fits its last letter, ``{x:명}`` counts people."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        """Add the ending that `spec` gives for a closed and an open last sound."""
        if spec == _COUNTER:
            told, found = _BOUND.subn(rf"\1{_COUNTER} \2", self)
            return told if found else f"{self}{_COUNTER}"
        if "/" not in spec:
            return str(self)
        closed, _, opened = spec.partition("/")
        last = MARKS.sub("", uncited(self)).rstrip(")%\"' ")[-1:]
        if "가" <= last <= "힣":
            ends_closed = (ord(last) - 0xAC00) % 28 > 0
        elif last.isdigit():
            ends_closed = last in _CLOSED_DIGITS
        else:
            return f"{self}{closed}({opened})"
        return f"{self}{closed if ends_closed else opened}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Language:
    """
    A language in which pages are written.

    Parameters
    ----------
    code : as in BCP 47, ``"ko"``.
    direction : ``"ltr"`` or ``"rtl"``.
    texts : key of a row of ``texts/report.toml`` -> text, of a language that the package has not.
    said : what is said in English -> the same, with the same holes in braces.
    """

    code: str
    direction: str = "ltr"
    texts: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_case(self) -> dict[str, str]:
        """The same in small letters."""
        return {key.lower(): value for key, value in self.said.items()}

    @cached_property
    def patterns(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        """Texts with holes, those with most letters of their own first."""
        holed = sorted(
            (key for key in self.said if _HOLE.search(key)), key=lambda k: -len(_HOLE.sub("", k))
        )
        return tuple((_pattern(key), self.said[key]) for key in holed)


def _pattern(text: str) -> re.Pattern[str]:
    parts = _HOLE.split(text)
    found = [
        re.escape(part) if nth % 2 == 0 else f"(?P<{part}>{_SHAPES.get(part, '.+?')})"
        for nth, part in enumerate(parts)
    ]
    return re.compile("".join(found), re.IGNORECASE | re.DOTALL)


_ENGLISH = Language(code="en")


@cache
def language_of(code: str, folder: Path = Path()) -> Language:
    """
    Find a language by its code, or read its file.

    Parameters
    ----------
    code : one of `LANGUAGES`, or the path of a file (``.toml``).
    folder : that the path is relative to.

    Returns
    -------
    The language.

    Raises
    ------
    StudyError
        If there is no such language, or the file does not hold one.

    Examples
    --------
    >>> language_of("ko").code
    'ko'
    """
    if code == "en":
        return _ENGLISH
    if code in LANGUAGES:
        said = read_table(f"texts/said_{code}")["said"]
        words = read_table("texts/inputs")
        details = {r["en"]: r[code] for kind in ("detail", "value") for r in words[kind].values()}
        plans = read_table(f"texts/said_plan_{code}")["said"]
        return Language(code=code, said=said | plans | details)
    path = Path(code).expanduser()
    path = path if path.is_absolute() else folder / path
    if path.suffix != ".toml" or not path.is_file():
        raise StudyError(
            f"report.language: {code!r} is none of {', '.join(LANGUAGES)}, and no file of that name "
            "holds texts; give one of these, or a .toml file"
        )
    return _read(path)


class AsksForLanguage(NamesInputs, Protocol):
    """A study as far as its language needs it; the study file itself loads what no list and no help needs."""

    @property
    def report(self) -> ReportSection:
        """``[report]`` of the study file."""


def language_of_study(study: AsksForLanguage) -> Language:
    """
    Find the language that a study asks for, of its report, map, workbook and project alike.

    Parameters
    ----------
    study : study file.

    Returns
    -------
    The language.

    Raises
    ------
    StudyError
        If there is no such language, or the file does not hold one.
    SourceError
        If the file is missing.

    Examples
    --------
    >>> from kcity_geo.studyfile import Study
    >>> language_of_study(Study()).code
    'en'
    """
    value = study.report.language
    if value.endswith(".toml"):
        return language_of(str(resolve_path(study, value, key="report.language")))
    return language_of(value)


def _read(path: Path) -> Language:
    where = f"report.language: {path.name}"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"{where}: cannot be read ({error})") from error
    code, direction = raw.get("code"), raw.get("direction", "ltr")
    if not isinstance(code, str) or not re.fullmatch(r"[a-z]{2,3}(-\w{2,8})*", code):
        raise StudyError(f'{where}: code: {code!r}; give the code of the language, such as "fr"')
    if direction not in {"ltr", "rtl"}:
        raise StudyError(f'{where}: direction: {direction!r}; give "ltr" or "rtl"')
    texts, said = raw.get("text", {}), raw.get("said", {})
    rows = {key: str(row["en"]) for key, row in read_table(f"texts/{_PAGE}")["text"].items()}
    for key, value in texts.items():
        if key not in rows:
            raise StudyError(f"{where}: text.{key}: there is no such text in texts/report.toml")
        _same_holes(rows[key], value, where=f"{where}: text.{key}")
    for key, value in said.items():
        _same_holes(key, value, where=f"{where}: said: {key[:60]!r}")
    return Language(code=code, direction=direction, texts=texts, said=said)


def _same_holes(english: str, value: object, *, where: str) -> None:
    """Refuse a text that asks for other values than its original, or for what lies inside of a value."""
    if not isinstance(value, str):
        raise StudyError(f"{where}: {value!r} is no text")
    wanted = set(re.findall(r"\{(\w+)", english))
    try:
        parts = [part for part in Formatter().parse(value) if part[1] is not None]
    except ValueError as error:
        raise StudyError(f"{where}: its braces do not match ({error})") from error
    # A dot or bracket would reach into the program, a brace behind the colon as well.
    asked = {str(field) + ("{" if "{" in (spec or "") else "") for _, field, spec, _ in parts}
    if other := sorted(asked - wanted):
        raise StudyError(
            f"{where}: {{{other[0]}}} is no value of it; "
            f"these are: {', '.join(sorted(wanted)) or 'none'}"
        )
