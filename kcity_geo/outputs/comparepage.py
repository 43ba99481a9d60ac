"""The page that sets cities side by side: one file, offline, in English and Korean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd
from markupsafe import Markup

from kcity_geo.analysis.comparison.compare import Comparison, Difference
from kcity_geo.analysis.comparison.rows import AXES, ComparedCriterion
from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.attribution import CAVEAT
from kcity_geo.outputs.cited import cited, citing
from kcity_geo.outputs.comparemaps import SmallMap, legend, sector_heads, small_maps
from kcity_geo.outputs.comparewords import made_of, number_in_both, people_in_both, weights_in_both
from kcity_geo.outputs.languages import (
    LANGUAGES,
    both,
    in_both,
    language_of,
    marked_up,
)
from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.outputs.text import human, persons, plain_text
from kcity_geo.retold import retold

__all__ = ["compare_page", "points_moved", "rivals"]

_SIDE_PX, _LEFT_PX, _TOP_PX = 340, 60, 16
_NAME_CHARS = 60
#: Of a sum of weights.
_ROUNDED = 1e-9
#: Where there is no rank.
_NONE = "–"  # noqa: RUF001
#: Letters of the chart, and from where on a name needs a line to its dot.
_NARROW_PX, _WIDE_PX, _FAR_PX = 7.2, 12.5, 20


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """One cell of a table: what is shown, below it its range, and what it is sorted by."""

    shown: Markup
    below: Markup
    sort: float | str


def compare_page(
    found: Comparison,
    ranks: pd.DataFrame,
    pictures: Mapping[str, Mapping[str, SmallMap]],
) -> str:
    """
    Write the page of a comparison.

    Parameters
    ----------
    found : cities side by side.
    ranks : as ``found.rank()`` gives them.
    pictures : city key -> sector -> its readings.

    Returns
    -------
    HTML that loads nothing, with a switch between the languages.
    """
    with citing():
        html = _rendered(found, ranks, pictures)
    return seal(marked_up(html, language=language_of("en")))


def _rendered(
    found: Comparison,
    ranks: pd.DataFrame,
    pictures: Mapping[str, Mapping[str, SmallMap]],
) -> str:
    needy = [c for c in found.criteria if c.axis == "need"]
    ready = [c for c in found.criteria if c.axis == "readiness"]
    maps, scale = small_maps(_in_order(ranks, "need"), pictures)
    return environment().get_template("compare.html.j2").render(
        t=lambda key, **values: both("compare", key, **values),
        css=asset("report.css"),
        own_css=asset("compare.css"),
        script=asset("compare.js"),
        caveat=in_both({language: retold(CAVEAT, language) for language in LANGUAGES}),
        lead=_lead(found, ranks),
        chart=_chart(found),
        need_head=[_title(c) for c in needy],
        need_rows=[_row(found, ranks, key, "need", needy) for key in _in_order(ranks, "need")],
        need_open=[one for key in _in_order(ranks, "need") if (one := _open(found, key))[1]],
        ready_head=[(_title(c), _benchmark(c)) for c in ready],
        ready_rows=[_row(found, ranks, key, "readiness", ready) for key in _in_order(ranks, "readiness")],
        maps=[{**row, "name": _name(row["name"])} for row in maps],
        scale=scale,
        sectors=sector_heads(),
        legend=legend(),
        turns=_turns(found, ranks),
        differences=[_difference(one) for one in found.apart],
        synthetic=[plain_text(c.key, max_chars=_NAME_CHARS) for c in found.cities if c.synthetic],
        references=_references(),
        sources=[(_name(c.key), plain_text(c.credits, max_chars=1000), plain_text(c.licence)) for c in found.cities],
        made=[made_of(found, axis) for axis in AXES],
        draws=cited(f"{found.draws:,}", "draws"),
    )  # fmt: skip


def _name(key: object) -> str:
    return plain_text(key, max_chars=_NAME_CHARS)


def _points(score: float) -> str:
    return f"{100 * score:.0f}"


def _span(low: float, high: float, unit: str, key: str) -> dict[str, str]:
    """Say a range, or one value where both ends are shown alike."""
    first, last = number_in_both(low, unit, f"{key}low"), number_in_both(high, unit, f"{key}high")
    if number_in_both(low, unit) == number_in_both(high, unit):
        return first
    row = read_table("texts/compare")["text"]["to"]
    return {k: str(row[k]).format(low=first[k], high=last[k]) for k in LANGUAGES}


def _point_span(low: float, high: float, key: str) -> Markup:
    """Say a range of scores in points."""
    same = _points(low) == _points(high)
    first, last = cited(_points(low), f"{key}_low"), cited(_points(high), f"{key}_high")
    row = read_table("texts/compare")["text"]["to"]
    told = {k: str(row[k]).format(low=first, high=last) for k in LANGUAGES}
    return in_both(dict.fromkeys(LANGUAGES, first) if same else told)


def _title(one: ComparedCriterion) -> Markup:
    row = next(r for r in read_table("compare")["criterion"] if r["id"] == one.id)
    return in_both({"en": str(row["title"]), "ko": str(row["title_ko"])})


def _benchmark(one: ComparedCriterion) -> Markup:
    low, high = one.parameters[0], one.parameters[-1]
    best, worst = (high, low) if one.function == "lin_inc" else (low, high)
    return both(
        "compare",
        "benchmark",
        best=number_in_both(best, one.unit),
        worst=number_in_both(worst, one.unit),
    )


def _lead(found: Comparison, ranks: pd.DataFrame) -> list[Markup]:
    """Name the first city of each axis, and say whether what is unknown could change the order."""
    lines = [
        _first(found, ranks, "need", "lead_need"),
        _first(found, ranks, "readiness", "lead_ready"),
    ]
    bare = found.table["sites_found"].eq(0).fillna(value=False)
    named = [key for key in _places(ranks, "readiness") if bare[key]]
    if named:
        lines.append(both("compare", "lead_no_site", city=", ".join(map(_name, named))))
    blind = [_name(key) for key in sorted(map(str, found.table.index)) if _blind(found, key)]
    if blind:
        lines.append(both("compare", "lead_unknown", city=", ".join(blind)))
    sure = all((ranks[f"{a}_best"] == ranks[f"{a}_worst"]).all() for a in AXES)
    lines.append(both("compare", "lead_sure" if sure else "lead_unsure"))
    return lines


def _blind(found: Comparison, key: str) -> bool:
    """Whether nothing is known of a city on one of the axes."""
    return bool(found.table.loc[key, list(AXES)].isna().any())


def _places(ranks: pd.DataFrame, axis: str) -> list[str]:
    """Name the cities that are first on an axis."""
    first = ranks[f"{axis}_rank"].eq(1).fillna(value=False).astype(bool)
    return sorted(map(str, ranks.index[first]))


def _first(found: Comparison, ranks: pd.DataFrame, axis: str, key: str) -> Markup:
    places = _places(ranks, axis)
    if not places:
        return both("compare", f"{key}_unknown")
    score = next(float(v) for v in found.table.loc[places[:1], axis])
    if axis == "need" and score <= _ROUNDED:
        return both("compare", "lead_need_none")
    stem = f"{_stem(found, places[0])}.{axis}"
    shown = number_in_both(score, "share", stem) if axis == "need" else cited(_points(score), stem)
    told = f"{key}_equal" if len(places) > 1 else key
    names, weights = ", ".join(map(_name, places)), weights_in_both(found, axis)
    if weights:
        return both("compare", f"{told}_weighted", city=names, score=shown, weights=weights)
    return both("compare", told, city=names, score=shown)


def _row(
    found: Comparison,
    ranks: pd.DataFrame,
    key: str,
    axis: str,
    criteria: Sequence[ComparedCriterion],
) -> dict[str, Any]:
    """One city in the table of an axis."""
    row: Any = found.table.loc[key]
    place: Any = ranks.astype(object).loc[key]
    ends = (int(place[f"{axis}_best"]), int(place[f"{axis}_worst"]))
    stem = f"{_stem(found, key)}."
    shown = [
        cited(str(n), f"{stem}{axis}_{end}") for n, end in zip(ends, ("best", "worst"), strict=True)
    ]
    possible = "–".join(shown) if ends[0] != ends[1] else shown[0]  # noqa: RUF001
    cells = [_measured(found, key, one) for one in criteria]
    low, high = row[f"{axis}_low"], row[f"{axis}_high"]
    known = math.isfinite(row[axis])
    score = _Cell(
        shown=in_both(dict.fromkeys(LANGUAGES, cited(_points(row[axis]), f"{stem}{axis}")))
        if known
        else both("compare", "unknown"),
        below=_point_span(low, high, f"{stem}{axis}"),
        sort=_sortable(row[axis]),
    )
    return {
        "name": _name(key),
        "people": people_in_both(found, key, f"{stem}population"),
        "people_sort": _sortable(row["population"]),
        "rank": cited(str(int(place[f"{axis}_rank"])), f"{stem}{axis}_rank") if known else _NONE,
        "rank_sort": int(place[f"{axis}_rank"]) if known else len(ranks) + 1,
        "possible": possible,
        "first": _drawn_first(found, key, axis, float(place[f"{axis}_first"])),
        "score": score,
        "cells": cells,
        "sites": _sites(row["sites_found"], f"{stem}sites_found"),
    }


def _stem(found: Comparison, key: str) -> str:
    """Begin the ids of the numbers of a city: by what it says, whatever stands beside it."""
    return f"city.{found.table.loc[key, 'id']!s}"


def _drawn_first(found: Comparison, key: str, axis: str, share: float) -> _Cell:
    """In how many draws a city is first, or why none is told."""
    if math.isfinite(share):
        shown = in_both(number_in_both(share, "share", f"{_stem(found, key)}.{axis}_first"))
        return _Cell(shown=shown, below=Markup(""), sort=share)
    missing = len(found.not_known(key, axis))
    every = len([one for one in found.criteria if one.axis == axis and one.weight > 0])
    stem = f"{_stem(found, key)}.{axis}"
    count, whole = cited(str(missing), f"{stem}_missing"), cited(str(every), f"{stem}_criteria")
    below = both("compare", "first_unknown", count=count, all=whole)
    return _Cell(shown=in_both(dict.fromkeys(LANGUAGES, _NONE)), below=below, sort=-1.0)


def _sites(count: Any, key: str) -> _Cell:  # noqa: ANN401 - whole number or NA
    """How many sites the study found for its project."""
    if pd.isna(count):
        return _Cell(shown=both("compare", "not_ranked"), below=Markup(""), sort=-1.0)
    number = in_both(dict.fromkeys(LANGUAGES, cited(str(count), key)))
    shown = number if count else both("compare", "none_found")
    return _Cell(shown=shown, below=Markup(""), sort=int(count))


def _in_order(ranks: pd.DataFrame, axis: str) -> list[str]:
    """Give the cities from the first on, equal ones in the order of their names, those without a rank last."""
    return [str(key) for key in ranks.sort_values(f"{axis}_rank", kind="stable").index]


def _sortable(value: float) -> float:
    return float(value) if math.isfinite(value) else -1.0


def _measured(found: Comparison, key: str, one: ComparedCriterion) -> _Cell:
    """Value of a criterion, with the people behind it and the range."""
    it = found.measured[key][one.id]
    if not it.known:
        return _Cell(shown=both("compare", "unknown"), below=Markup(""), sort=-1.0)
    people = found.people_short(key, one.id) if one.kind == "people_short" else math.nan
    stem = f"{_stem(found, key)}.{one.id}."
    shown = in_both(number_in_both(it.value, one.unit, f"{stem}value"))
    if math.isfinite(people):
        shown = both(
            "compare",
            "people_proved",
            people=cited(persons(people), f"{stem}people"),
            share=number_in_both(it.value, "share", f"{stem}value"),
        )
    ends = _span(it.low, it.high, one.unit, stem)
    below = in_both(ends) if it.low != it.high else Markup("")
    return _Cell(shown=shown, below=below, sort=it.value)


def _open(found: Comparison, key: str) -> tuple[str, list[tuple[Markup, Markup]]]:
    """Name by sector what was not assessed in a city and so widens the range of its people."""
    city = next(one for one in found.cities if one.key == key)
    titles, korean = indicator_rows(), read_table("texts/said_ko")["said"]
    parts = []
    for one in found.criteria:
        missing = city.not_assessed.get(one.of, ()) if one.axis == "need" else ()
        it = found.measured[key][one.id]
        if missing and it.known and it.low != it.high:
            names = [titles[i].title for i in missing]
            told = {"en": ", ".join(names), "ko": ", ".join(korean.get(n, n) for n in names)}
            parts.append((_title(one), in_both(told)))
    return _name(key), parts


def _chart(found: Comparison) -> dict[str, Any]:
    """Place the cities on the two axes, in pixels."""

    def x(score: float) -> float:
        return round(_LEFT_PX + _SIDE_PX * min(1.0, max(0.0, score)), 1)

    def y(score: float) -> float:
        return round(_TOP_PX + _SIDE_PX * (1 - min(1.0, max(0.0, score))), 1)

    dots = []
    for key, row in found.table.iterrows():
        if _blind(found, str(key)):
            continue
        dots.append(
            {
                "name": _name(key),
                "x": x(row["need"]),
                "y": y(row["readiness"]),
                "x0": x(row["need_low"]),
                "x1": x(row["need_high"]),
                "y0": y(row["readiness_low"]),
                "y1": y(row["readiness_high"]),
            }
        )
    _label(dots)
    ticks = [{"x": x(v), "y": y(v), "words": f"{100 * v:.0f}"} for v in (0, 0.25, 0.5, 0.75, 1)]
    return {
        "dots": dots, "ticks": ticks, "left": _LEFT_PX, "top": _TOP_PX, "side": _SIDE_PX,
        "width": _LEFT_PX + _SIDE_PX + 24, "height": _TOP_PX + _SIDE_PX + 48,
    }  # fmt: skip


def _label(dots: list[dict[str, Any]]) -> None:
    """Put each name beside its dot where it covers no dot, bar or other name; a far one gets a line to its dot."""
    taken = [(d["x"] - 5, d["y"] - 5, d["x"] + 5, d["y"] + 5) for d in dots]
    taken += [(d["x0"], d["y"] - 1, d["x1"], d["y"] + 1) for d in dots]
    taken += [(d["x"] - 1, d["y1"], d["x"] + 1, d["y0"]) for d in dots]
    floor, ceiling = float(_TOP_PX + _SIDE_PX), float(_TOP_PX)
    for dot in dots:
        wide = sum(_WIDE_PX if char > "ᄀ" else _NARROW_PX for char in dot["name"])
        places = []
        for away in (0.0, 21.0, -14.0, 35.0, -28.0, 49.0, -42.0, 63.0, -56.0, 77.0):
            for left in (dot["x"] + 9, dot["x"] + 30, dot["x"] - 9 - wide):
                base = dot["y"] - 5 + away
                box = (left, base - 11, left + wide, base + 3)
                inside = left >= _LEFT_PX and left + wide <= _LEFT_PX + _SIDE_PX + 20
                if inside and ceiling <= box[1] and base <= floor - 2:
                    places.append((sum(_covered(box, other) for other in taken), box))
        box = min(places, key=lambda one: one[0])[1] if places else (dot["x"] + 9, dot["y"], 0, 0)
        taken.append(box)
        dot["label_x"], dot["label_y"] = round(box[0], 1), round(box[3] - 3, 1)
        dot["far"] = abs(dot["label_y"] - dot["y"]) > _FAR_PX or box[0] > dot["x"] + _FAR_PX


def _covered(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Give the square pixels that two boxes (left, top, right, bottom) share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)


def rivals(ranks: pd.DataFrame) -> list[tuple[str, str]]:
    """
    Give the cities of which the page says what one needs to draw level with the other in readiness.

    Parameters
    ----------
    ranks : as ``found.rank()`` gives them.

    Returns
    -------
    Keys of the city ahead and of the one behind it, neighbours with different ranks.
    """
    rank: Any = ranks["readiness_rank"]
    return [
        (ahead, behind)
        for ahead, behind in pairwise(_in_order(ranks, "readiness"))
        if not (pd.isna(rank[behind]) or rank[ahead] == rank[behind])
    ]


def points_moved(weights_moved: float) -> float:
    """
    Give the points of weight, 100 in all, that are surely enough to draw level.

    Parameters
    ----------
    weights_moved : sum of the changes of the weights: what one gains another one loses.

    Returns
    -------
    Whole points, rounded up; inf where no weights would do.

    Examples
    --------
    >>> points_moved(0.2296), points_moved(0.24)
    (12.0, 12.0)
    """
    points = 50 * weights_moved
    return float(math.ceil(points - _ROUNDED)) if math.isfinite(points) else math.inf


def _turns(found: Comparison, ranks: pd.DataFrame) -> list[dict[str, Any]]:
    """Say for each city what it needs to draw level with the one before it in readiness."""
    turns = []
    for ahead, behind in rivals(ranks):
        table = found.overtake(behind, ahead)
        stem = f"{_stem(found, behind)}.overtake"
        items = [
            _turn(found, row, f"{stem}.{row['criterion']}")
            for row in table.to_dict("records")
            if math.isfinite(row["value_needed"])
        ]
        names = {"behind": _name(behind), "ahead": _name(ahead)}
        moved = float(table.attrs["weights_moved"])
        points = cited(f"{points_moved(moved):.0f}", f"{stem}.weight_points")
        turns.append(
            {
                "line": both("compare", "overtake_line" if items else "overtake_none", **names),
                "entries": items,
                "weights": both(
                    "compare",
                    "overtake_weights",
                    points=points,
                )
                if math.isfinite(moved)
                else "",
            }
        )
    return turns


def _turn(found: Comparison, row: Mapping[Any, Any], key: str) -> Markup:
    one = next(c for c in found.criteria if c.id == row["criterion"])
    text = read_table("texts/compare")["text"]["overtake_item"]
    titles = next(r for r in read_table("compare")["criterion"] if r["id"] == one.id)
    unknown = read_table("texts/compare")["text"]["unknown"]
    told = {}
    for language, title in (("en", titles["title"]), ("ko", titles["title_ko"])):
        known = math.isfinite(row["value"])
        value = number_in_both(row["value"], one.unit, f"{key}.value") if known else unknown
        needed = number_in_both(row["value_needed"], one.unit, f"{key}.value_needed")[language]
        told[language] = str(text[language]).format(
            title=title, needed=needed, value=value[language]
        )
    return in_both(told)


def _korean_value(value: str) -> str:
    """Say a value in which studies differ in Korean."""
    own = read_table("texts/compare")
    lacks = value.partition("without ")[2]
    if lacks:
        titles = {row["title"]: row["title_ko"] for row in read_table("compare")["input"].values()}
        named = ", ".join(str(titles[one]) for one in lacks.split(", "))
        return str(own["lacking"]).format(inputs=named)
    people = {row["title"]: row["title_ko"] for row in read_table("compare")["people"].values()}
    known = {**people, **own["value"]}
    return str(known.get(value) or read_table("texts/said_ko")["said"].get(value, value))


def _difference(one: Difference) -> dict[str, Any]:
    """Say a difference of the studies in both languages: what it is, and which cities have which value."""
    what = {"en": one.what.capitalize(), "ko": read_table("texts/compare")["difference"][one.what]}
    return {
        "what": in_both(what),
        "having": [
            (in_both({"en": value, "ko": _korean_value(value)}), ", ".join(map(_name, keys)))
            for value, keys in one.having
        ],
    }


def _references() -> list[dict[str, Any]]:
    return [
        {
            "title": in_both({"en": str(row["title"]), "ko": str(row["title_ko"])}),
            "value": human(row["value"], row["unit"]),
            "date": str(row["date"]),
            "source": str(row["citation"]),
        }
        for row in read_table("compare")["reference"]
    ]
