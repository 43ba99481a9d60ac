"""The bar of people: how many residents live under each reading, from short to adequate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcity_geo.outputs.text import as_number, persons
from kcity_geo.outputs.themes import reading_rows

__all__ = ["READING_ORDER", "Segment", "segments"]

#: From short to adequate, then what was not assessed.
READING_ORDER = (
    "falls_short", "probably_falls_short", "cannot_tell", "partly_short", "adequate", "not_assessed",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Segment:
    """
    One part of the bar of people.

    Parameters
    ----------
    key, title, colour : of the reading.
    people : residents of cells with that reading.
    words : the same, rounded.
    percent : of the bar.
    """

    key: str
    title: str
    colour: str
    people: float
    words: str
    percent: float


def segments(row: Mapping[str, Any], *, level: str = "") -> tuple[Segment, ...]:
    """
    Cut the people of a place into the readings that they live under.

    Parameters
    ----------
    row : with ``people_<reading>``, as in `kcity_geo.result.Gaps`.
    level : one of `kcity_geo.result.LEVELS`, whose words are used.

    Returns
    -------
    From short to adequate, without empty parts; the percentages add to 100. Nothing where no
    people are counted.
    """
    people = {key: as_number(row.get(f"people_{key}")) for key in READING_ORDER}
    total = sum(v for v in people.values() if math.isfinite(v))
    if total <= 0:
        return ()
    about = {r.id: r for r in reading_rows(level).values()}
    return tuple(
        Segment(
            key=key,
            title=about[key].title,
            colour=about[key].colour,
            people=value,
            words=persons(value),
            percent=round(100 * value / total, 2),
        )
        for key, value in people.items()
        if value > 0
    )
