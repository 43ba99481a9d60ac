"""The headline: how many people lack what, where most of them live, and how good the data are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.findings import residents
from kcity_geo.analysis.gaps.words import open_is_told
from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.explained_words import silent_titles
from kcity_geo.outputs.languages import name, tell, translated
from kcity_geo.outputs.people_bar import READING_ORDER
from kcity_geo.outputs.text import as_number, human, persons, plain_text, share_beside
from kcity_geo.outputs.themes import reading_rows, sector_title
from kcity_geo.result import SECTORS, THEMES, Gaps
from kcity_geo.rules import ReadingLimits

__all__ = [
    "first_sector",
    "gap_sentences",
    "places_of",
    "survey_places",
]


@dataclass(frozen=True, kw_only=True)
class _Told:
    """One sector: people by reading and whether anything can be said of most of them."""

    sector: str
    row: Mapping[str, Any]
    total: float

    def people(self, key: str) -> float:
        found = as_number(self.row.get(f"people_{key}"))
        return found if math.isfinite(found) else 0.0

    def counted(self, key: str) -> str:
        """Write how many people a reading has."""
        return cited(persons(self.people(key)), f"{self.sector}.people_{key}.city")

    def share(self, key: str) -> str:
        """Write their share of all people, so that it agrees with both numbers as they are written."""
        people = self.people(key)
        whole = persons(people) == persons(self.total)
        shown = human(1.0 if whole else people / self.total, "share")
        return cited(shown, f"{self.sector}.people_{key}_share.city")

    @property
    def all(self) -> str:
        """Write how many people there are."""
        return cited(persons(self.total), "population.city")

    @property
    def assessed(self) -> bool:
        """Something is known of the city."""
        return math.isfinite(as_number(self.row["gap"]))

    @property
    def probably(self) -> bool:
        """Most of those who fall short do so probably only."""
        return self.people("falls_short") < self.people("short") / 2

    @property
    def unsure(self) -> bool:
        """Nobody can tell of the city, or of more of its people than stand under any other reading."""
        cannot = reading_rows(self.sector)[str(self.row["reading"])].id == "cannot_tell"
        open_ = self.people("cannot_tell")
        return cannot or open_ > max(
            self.people(key) for key in READING_ORDER if key != "cannot_tell"
        )


def _told(gaps: Gaps, levels: Sequence[str] = SECTORS) -> list[_Told]:
    return [one for one in _asked(gaps, levels) if one.assessed]


def _asked(gaps: Gaps, levels: Sequence[str]) -> list[_Told]:
    rows: Any = gaps.city.loc
    return [
        _Told(sector=s, row=dict(rows[s]), total=residents(gaps))
        for s in levels
        if s in gaps.city.index
    ]


def _most_short(told: list[_Told]) -> _Told | None:
    """Sector in which most people fall short, of those that something can be said of."""
    known = [one for one in told if not one.unsure]
    return max(known, key=lambda one: one.people("short")) if known else None


def _mostly_open(told: list[_Told]) -> bool:
    unknown = sum(one.people("cannot_tell") for one in told)
    return unknown > sum(one.total for one in told) / 2


def _open_first(told: list[_Told]) -> bool:
    """Tell whether what nobody can tell comes first: where it is most, or nothing else is as short."""
    worst = _most_short(told)
    most = 0.0 if worst is None else worst.people("short")
    open_ = [one for one in told if one.unsure]
    # Of an unsure sector all who are short and all who may be count: it may be the largest shortage.
    larger = any(one.people("short") + one.people("cannot_tell") > most for one in open_)
    return _mostly_open(told) or larger or (most < 1 and bool(open_))


def first_sector(gaps: Gaps) -> str:
    """
    Give the sector of which the headline speaks first.

    Parameters
    ----------
    gaps : of a city.

    Returns
    -------
    Its key; that of flood-prone land where only that was assessed, of the first sector where nothing was.
    """
    told = _told(gaps) or _told(gaps, levels=THEMES)
    worst = _most_short(told)
    if worst is not None and not _open_first(told):
        return worst.sector
    most = max(told, key=lambda one: one.people("cannot_tell"), default=None)
    return most.sector if most is not None else SECTORS[0]


def gap_sentences(gaps: Gaps) -> tuple[str, ...]:
    """
    Say in one or two sentences how many people fall short of what, and where nobody can tell.

    Parameters
    ----------
    gaps : of a city.

    Returns
    -------
    The sector in which most people fall short, with the districts that hold most of them; where they
    are hardly anybody, with those who are partly short. Sectors of which nobody can tell for most
    people stand in a sentence of their own, and before it when more people may be short there; behind them
    those that were not assessed, and people on flood-prone land.
    """
    told = _told(gaps)
    if not told:
        return (tell("head_nothing"), *_theme_sentences(gaps))
    if not any(one.total > 0 for one in told):
        return (_without_people(told), *_not_assessed(gaps))
    worst = _most_short(told)
    lines = [] if worst is None else [_short_sentence(worst, told, gaps)]
    open_ = [one for one in told if one.unsure]
    if open_:
        place = 0 if _open_first(told) else len(lines)
        lines.insert(place, _open_sentence(open_, gaps))
    return (*lines, *_not_assessed(gaps), *_theme_sentences(gaps))


def _not_assessed(gaps: Gaps) -> list[str]:
    """Name the sectors that were not assessed, or not for so many: silence would read as no shortage."""
    least, parts = read_table("display")["headline"]["partly"], []
    for one in _asked(gaps, SECTORS):
        people = one.people("not_assessed")
        if not one.assessed:
            parts.append(_thing(one))
        elif people >= max(1.0, least * one.total):
            counted, share = one.counted("not_assessed"), one.share("not_assessed")
            parts.append(
                tell("head_not_assessed_of", thing=_thing(one), people=counted, share=share)
            )
    return [tell("head_not_assessed", things=_listed(parts))] if parts else []


def _theme_sentences(gaps: Gaps) -> list[str]:
    """Say how many people live on flood-prone land, where that can be told."""
    lines = []
    for one in _told(gaps, levels=THEMES):
        exposed = one.people("short")
        if one.unsure or exposed < 1:
            continue
        where = _names(gaps.districts, f"{one.sector}_people_short", total=exposed)
        lines.append(
            tell(
                "head_flood_probably" if one.probably else "head_flood",
                people=one.counted("short"),
                total=one.all,
                share=one.share("short"),
                where=where,
                data=_by_height(gaps, one.sector) + _data(one),
            )
        )
    return lines


def _by_height(gaps: Gaps, theme: str) -> str:
    """Say so where a theme rests on heights alone, on no map of floods."""
    about, rows = indicator_rows(), gaps.indicators
    city = rows[(rows["unit_id"] == "city") & (rows["evidence"] == "modelled")]
    heights = any(key in about and about[key].theme == theme for key in city["indicator"])
    return tell("head_by_height") if heights else ""


def _without_people(told: list[_Told]) -> str:
    words = "; ".join(
        f"{sector_title(one.sector).lower()}: {translated(str(one.row['reading'])).lower()}"
        for one in told
    )
    return tell("head_by_area", words=words)


def _thing(one: _Told) -> str:
    """Say what people lack."""
    return tell(f"thing_{one.sector}")


def _data(one: _Told) -> str:
    """Say how good the data are, behind a sentence."""
    return tell("head_data", data=translated(str(one.row["data"]))) if one.row["data"] else ""


#: Text by whether those who fall short are few, and whether most of them do so probably only.
_SHORT_TEXTS = {
    (False, False): "head_short",
    (False, True): "head_short_probably",
    (True, False): "head_few",
    (True, True): "head_few_probably",
}


def _short_sentence(one: _Told, told: list[_Told], gaps: Gaps) -> str:
    short, total = one.people("short"), one.total
    if short < 1:
        return _nobody_sentence(one, told, gaps)
    least = float(read_table("programme/solutions")["rule"]["least_share"])
    few = short < least * total
    partly = _partly_short(told, gaps.limits) if few else []
    may_be = [_may_be(t, gaps) for t in told if few and not t.unsure]
    return tell(
        _SHORT_TEXTS[few, one.probably],
        partly=tell("head_few_but", partly=_listed(partly)) if partly else "",
        people=one.counted("short"),
        total=one.all,
        share=one.share("short"),
        thing=_thing(one),
        where=_names(gaps.districts, f"{one.sector}_people_short", total=short),
        open=_open_too(one) + "".join(may_be),
        data=_data(one),
    )


def _open_too(one: _Told) -> str:
    """Say of how many more nobody can tell, where they are at least as many as fall short."""
    unknown = one.people("cannot_tell")
    if not open_is_told(unknown, one.people("short")):
        return ""
    return tell("head_open_too", people=one.counted("cannot_tell"), share=one.share("cannot_tell"))


def _open_of(one: _Told) -> str:
    """Say for how many nobody can tell, beside that nobody was found short; hardly anybody left out."""
    unknown = one.people("cannot_tell")
    if unknown < max(1.0, read_table("display")["headline"]["partly"] * one.total):
        return ""
    counted, share = one.counted("cannot_tell"), one.share("cannot_tell")
    return tell("head_open_of", thing=_thing(one), people=counted, share=share)


def _may_be(one: _Told, gaps: Gaps) -> str:
    """Say how large the gap may be where what is not known could make it one that falls short."""
    high = as_number(one.row["gap_hi"])
    if not high >= gaps.limits.short:
        return ""
    shown = cited(human(high, "share"), f"{one.sector}.gap_hi.city")
    untold = silent_titles(gaps.indicators, one.sector)
    if not untold:
        return tell("head_may_be", thing=_thing(one), gap=shown)
    return tell("head_may_be_untold", thing=_thing(one), gap=shown, untold=", ".join(untold))


def _nobody_sentence(one: _Told, told: list[_Told], gaps: Gaps) -> str:
    """Say of what nobody falls short: in none of them is anybody short, as `one` has the most."""
    known = [t for t in told if not t.unsure]
    words = {str(t.row["data"]) for t in known}
    values = {
        "thing": _listed([_thing(t) for t in known], last="or"),
        "total": one.all,
        "open": "".join(map(_open_of, known)) + "".join(_may_be(t, gaps) for t in known),
        "data": _data(one) if len(words) == 1 else "",
    }
    partly = _partly_short(told, gaps.limits)
    if not partly:
        return tell("head_nobody", **values)
    return tell("head_nobody_but", partly=_listed(partly), **values)


def _partly_short(told: list[_Told], limits: ReadingLimits) -> list[str]:
    """Say of each sector that something can be said of who is partly short, hardly anybody left out."""
    least = read_table("display")["headline"]["partly"]
    return [
        _partly(one, limits)
        for one in told
        if not one.unsure and one.people("partly_short") >= max(1.0, least * one.total)
    ]


def _partly(one: _Told, limits: ReadingLimits) -> str:
    """Say how many people are served with shortcomings, and how large these are on average."""
    return tell(
        "head_partly",
        people=one.counted("partly_short"),
        share=one.share("partly_short"),
        thing=_thing(one),
        gap=cited(
            share_beside(as_number(one.row["gap"]), limits.partly, limits.short),
            f"{one.sector}.gap.city",
        ),
    )


def _names(districts: pd.DataFrame, column: str, *, total: float) -> str:
    """Name the two districts that hold most of these people."""
    first, people = _first_two(districts, column)
    if not first:
        return ""
    most = read_table("display")["headline"]["mostly"] * total
    key = "head_mostly" if people[first].sum() > most else "head_most_of_all"
    return tell(key, places=_places(districts, first, column))


def places_of(districts: pd.DataFrame, column: str) -> str:
    """
    Name the two districts that hold most of some people, with how many.

    Parameters
    ----------
    districts : of `kcity_geo.result.Gaps`.
    column : that counts the people.

    Returns
    -------
    Words; empty for a city of one district, and where nobody is counted.
    """
    first, _ = _first_two(districts, column)
    return _places(districts, first, column) if first else ""


def _first_two(districts: pd.DataFrame, column: str) -> tuple[list[int], NDArray[np.float64]]:
    if column not in districts or len(districts) < 2:  # noqa: PLR2004 - one is the city
        return [], np.zeros(0)
    people = np.nan_to_num(districts[column].to_numpy(dtype=float))
    ids = districts["district_id"].astype(str).tolist()
    order = sorted(range(len(people)), key=lambda i: (-people[i], ids[i]))[:2]
    return [i for i in order if people[i] >= 1], people


def _places(districts: pd.DataFrame, rows: list[int], column: str) -> str:
    people = np.nan_to_num(districts[column].to_numpy(dtype=float))
    number = column.replace("_", ".", 1)
    twice = districts["name"].duplicated(keep=False).to_numpy()
    ids = districts["district_id"].astype(str)
    called = [
        f"{title} [{key}]" if again else f"{title}"
        for title, key, again in zip(districts["name"], ids, twice, strict=True)
    ]
    return _listed(
        [
            tell(
                "head_place",
                place=name(plain_text(called[i], max_chars=60)),
                people=cited(persons(people[i]), f"{number}.{plain_text(ids.iloc[i])}"),
            )
            for i in rows
        ]
    )


def _open_sentence(open_: list[_Told], gaps: Gaps) -> str:
    """Say of which sectors nobody can tell, for how many, and where to look first."""
    parts = []
    for one in open_:
        unknown = one.people("cannot_tell")
        if unknown >= 1:
            short = one.people("short")
            others = tell("head_open_others", people=one.counted("short")) if short >= 1 else ""
            parts.append(
                tell(
                    "head_open_people",
                    thing=_thing(one),
                    people=one.counted("cannot_tell"),
                    total=one.all,
                    share=one.share("cannot_tell"),
                    others=others,
                )
            )
        else:
            parts.append(tell("head_open_city", thing=_thing(one)))
    return tell(
        "head_open", what=_listed(parts), where=_look_first(gaps, [one.sector for one in open_])
    )


def _listed(parts: list[str], *, last: str = "and") -> str:
    if len(parts) == 1:
        return parts[0]
    return tell(last, first=", ".join(parts[:-1]), last=parts[-1])


def survey_places(gaps: Gaps, sector: str = "") -> str:
    """
    Name the districts where the first survey tasks lie, or the areas by the numbers that the map shows.

    Parameters
    ----------
    gaps : of a city.
    sector : whose tasks count; all when empty.

    Returns
    -------
    At most two names in the order of the tasks; of a city of one district those of places, and a number where no
    place has a name. Empty where no task lies in a named district.
    """
    tasks = gaps.survey_tasks
    if not len(tasks) or "district" not in tasks:
        return ""
    if sector and "sector" in tasks:
        tasks = tasks[tasks["sector"] == sector]
    first = tasks.sort_values("rank", kind="stable")
    whole = {str(n) for n in gaps.districts["name"]} if len(gaps.districts) == 1 else set()
    names = dict.fromkeys(
        tell("head_survey_area", rank=int(rank))
        if called in whole
        else name(plain_text(called, max_chars=60))
        for rank, called in zip(first["rank"], first["district"], strict=True)
        if called
    )
    return _listed(list(names)[:2]) if names else ""


def _look_first(gaps: Gaps, sectors: Sequence[str]) -> str:
    tasks = gaps.survey_tasks
    if "sector" in tasks:
        gaps = replace(gaps, survey_tasks=tasks[tasks["sector"].isin(sectors)])
    places = survey_places(gaps)
    if not places:
        return ""
    first = gaps.survey_tasks.sort_values("rank", kind="stable")
    look = plain_text(first["look_for"].iloc[0], max_chars=120) if "look_for" in first else ""
    if look:
        return tell("head_survey_for", places=places, look=translated(look))
    return tell("head_survey", places=places)
