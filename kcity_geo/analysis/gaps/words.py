"""
Words: one place that turns probabilities and evidence into what is said of a place.

Limits and texts stand in ``tables/readings.toml``. Number, range, colour and word of a place follow
from the same draws, so they cannot contradict each other.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kcity_geo.config import read_table
from kcity_geo.rules import ReadingLimits, reading_limits

__all__ = [
    "EVIDENCE_WORDS",
    "READINGS",
    "evidence_numbers",
    "evidence_word",
    "limit_words",
    "nobody_can_tell",
    "open_is_told",
    "reading_codes",
    "reading_title",
    "reading_words",
]

#: Ids of the readings; the position is the code in ``*_reading`` rasters and columns.
READINGS: tuple[str, ...] = tuple(str(row["id"]) for row in read_table("readings")["reading"])
#: How good the data of a place are; nothing is said without evidence.
EVIDENCE_WORDS = ("", "poor", "fair", "good")


@cache
def _titles(level: str) -> tuple[str, ...]:
    return tuple(row["title"] for row in reading_words(level))


def reading_words(
    level: str = "", *, limits: ReadingLimits | None = None
) -> tuple[dict[str, str], ...]:
    """
    Give id, title, meaning and colour of each reading, in the words of a level.

    Parameters
    ----------
    level : one of `kcity_geo.result.LEVELS`; a theme may have words of its own.
    limits : of the study, which the meanings name; those of ``tables/readings.toml`` when None.

    Returns
    -------
    In the order of `READINGS`. ``meaning_ko`` and its like are rows of other languages, with names of `limit_words`
    in braces.

    Examples
    --------
    >>> [row["title"] for row in reading_words("flood")][1:3]
    ['Flood-prone', 'Probably flood-prone']
    >>> reading_words()[5]["meaning"]
    'meets the standard or nearly so: a gap below 20 % at best estimate'
    """
    own = read_table("readings").get("words", {}).get(level, {})
    named = limit_words(limits)
    rows = ({**row, **own.get(row["id"], {})} for row in read_table("readings")["reading"])
    return tuple({**row, "meaning": row["meaning"].format(**named)} for row in rows)


def limit_words(limits: ReadingLimits | None = None) -> dict[str, str]:
    """
    Write the limits of the readings, which the rows of meanings name in braces.

    Parameters
    ----------
    limits : of the study; those of ``tables/readings.toml`` when None.

    Returns
    -------
    Name -> text.

    Examples
    --------
    >>> limit_words()["short"]
    '40 %'
    """
    found = asdict(limits or reading_limits())
    return {name: f"{100 * value:.10g} %" for name, value in found.items()}


def reading_codes(
    probability: ArrayLike,
    median: ArrayLike,
    evidence: ArrayLike,
    *,
    limits: ReadingLimits | None = None,
    persons: ArrayLike | None = None,
) -> NDArray[np.uint8]:
    """
    Decide what may be said of each place.

    Parameters
    ----------
    probability : that the gap is at least the limit ``short``; NaN: not assessed.
    median : of the gap, 0 to 1.
    evidence : how well the data support it, 0 to 1.
    limits : of the study; those of ``tables/readings.toml`` when None.
    persons : residents; fewer than one: nobody lives there. None: not counted.

    Returns
    -------
    Position in `READINGS`.

    Examples
    --------
    >>> found = reading_codes([0.95, 0.8, 0.5, 0.1, 0.1, 0.95], [0.6, 0.5, 0.4, 0.3, 0.1, 0.6],
    ...                       [0.8, 0.8, 0.8, 0.8, 0.8, 0.2])
    >>> [READINGS[code] for code in found]  # doctest: +NORMALIZE_WHITESPACE
    ['falls_short', 'probably_falls_short', 'cannot_tell', 'partly_short', 'adequate',
     'cannot_tell']
    """
    rule = limits or reading_limits()
    # Six decimals: the single precision of files and rasters must not change a word.
    p, middle, trust = (
        np.round(np.asarray(v, dtype=np.float64), 6) for v in (probability, median, evidence)
    )
    code = {name: number for number, name in enumerate(READINGS)}
    found = np.select(
        [
            np.isnan(p) | np.isnan(middle),
            ~(trust >= rule.evidence_fair),
            # Of one place the median follows from the draws; of joined cells it is a mean, and where
            # number and word would part nothing is said.
            (p >= rule.falls_short) & (middle >= rule.short),
            (p >= rule.probably) & (middle >= rule.short),
            (p <= rule.not_short) & (middle >= rule.partly) & (middle < rule.short),
            (p <= rule.not_short) & (middle < rule.partly),
        ],
        [
            code["not_assessed"],
            code["cannot_tell"],
            code["falls_short"],
            code["probably_falls_short"],
            code["partly_short"],
            code["adequate"],
        ],
        default=code["cannot_tell"],
    )
    if persons is not None:
        least = read_table("display")["residents"]["persons_min"]
        found = np.where(np.asarray(persons) < least, code["nobody"], found)
    return np.asarray(found, dtype=np.uint8)


def reading_title(code: int, level: str = "") -> str:
    """
    Give the words of a reading.

    Parameters
    ----------
    code : position in `READINGS`.
    level : one of `kcity_geo.result.LEVELS`; a theme may have words of its own.

    Returns
    -------
    For people.

    Examples
    --------
    >>> reading_title(3)
    'Cannot tell: survey first'
    """
    return _titles(level)[code]


def nobody_can_tell(people_open: float, people_short: float, people: float) -> bool:
    """
    Tell whether nobody found short says nothing, as nobody can tell of most people.

    Parameters
    ----------
    people_open : of whom nobody can tell.
    people_short : who fall short.
    people : all of the place.

    Returns
    -------
    True where "0 people short" would read as none.

    Examples
    --------
    >>> nobody_can_tell(60.0, 0.0, 100.0), nobody_can_tell(30.0, 0.0, 100.0)
    (True, False)
    >>> nobody_can_tell(60.0, 1.0, 100.0)
    False
    """
    return people_short < 1 and people_open > people / 2


def open_is_told(people_open: float, people_short: float) -> bool:
    """
    Tell whether a sentence on those who fall short names those of whom nobody can tell too.

    Parameters
    ----------
    people_open : of whom nobody can tell.
    people_short : who fall short.

    Returns
    -------
    True where they are at least as many.

    Examples
    --------
    >>> open_is_told(900.0, 800.0), open_is_told(700.0, 800.0), open_is_told(0.2, 0.0)
    (True, False, False)
    """
    return people_open >= max(1.0, people_short)


def evidence_word(
    evidence: float,
    *,
    probability: float = float("nan"),
    code: int = 0,
    limits: ReadingLimits | None = None,
) -> str:
    """
    Name how good the data are.

    Parameters
    ----------
    evidence : 0 to 1; NaN: none.
    probability, code : of the place; "adequate" is called good only when a shortfall is unlikely.
    limits : of the study; those of ``tables/readings.toml`` when None.

    Returns
    -------
    ``"good"``, ``"fair"``, ``"poor"``, or ``""`` without evidence.

    Examples
    --------
    >>> evidence_word(0.8), evidence_word(0.8, probability=0.2, code=5), evidence_word(0.5)
    ('good', 'fair', 'fair')
    """
    number = evidence_numbers(
        np.array([evidence]),
        probability=np.array([probability]),
        code=np.array([code]),
        limits=limits,
    )
    return EVIDENCE_WORDS[int(number[0])]


def evidence_numbers(
    evidence: NDArray[np.floating],
    *,
    probability: NDArray[np.floating],
    code: NDArray[np.integer],
    limits: ReadingLimits | None = None,
) -> NDArray[np.uint8]:
    """
    Tell how good the data of many places are.

    Parameters
    ----------
    evidence, probability, code : a number a place, as for `evidence_word`.
    limits : of the study; those of ``tables/readings.toml`` when None.

    Returns
    -------
    Position in `EVIDENCE_WORDS` for each place.

    Examples
    --------
    >>> import numpy as np
    >>> found = evidence_numbers(np.array([0.8, np.nan]), probability=np.zeros(2), code=np.zeros(2, int))
    >>> [EVIDENCE_WORDS[number] for number in found]
    ['good', '']
    """
    rule = limits or reading_limits()
    # Six decimals, as in `reading_codes`: word and reading of one place take the same side of a limit.
    known = np.round(np.asarray(evidence, dtype=np.float64), 6)
    chance = np.round(np.asarray(probability, dtype=np.float64), 6)
    unsure = (np.asarray(code) == READINGS.index("adequate")) & (chance > rule.adequate_good)
    number = np.where((known < rule.evidence_good) | unsure, 2, 3)
    number = np.where(known < rule.evidence_fair, 1, number)
    return np.where(np.isfinite(known), number, 0).astype(np.uint8)
