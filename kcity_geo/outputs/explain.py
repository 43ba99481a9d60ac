"""
Explain: the chain from the indicators of a place to its readings, in words and numbers.

The lines of a cell are templates with slots, and each slot is a short list of texts and a number
for each cell. So the map can show for any cell what `explain` returns, word for word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.findings import worst_sector
from kcity_geo.analysis.gaps.assessed import of_towns
from kcity_geo.analysis.gaps.draws import STREET_FORM
from kcity_geo.analysis.gaps.reading import reason_apart
from kcity_geo.analysis.gaps.words import EVIDENCE_WORDS, READINGS, evidence_numbers, reading_title
from kcity_geo.config import read_table
from kcity_geo.indicators import IndicatorRow, indicator_rows
from kcity_geo.outputs.explained_numbers import number_texts
from kcity_geo.outputs.explained_place import cell_number, known_cells, rows_of_places, unit_of
from kcity_geo.outputs.explained_words import (
    left_open,
    noted,
    row_value,
    slotted,
    span_words,
    standard_words,
    worded,
)
from kcity_geo.outputs.languages import name as named
from kcity_geo.outputs.languages import tell, translated
from kcity_geo.outputs.text import as_number, human, persons, plain_text, share_beside
from kcity_geo.outputs.themes import reading_rows, sector_title
from kcity_geo.result import SECTORS, THEMES, Gaps, Indicator
from kcity_geo.rules import ReadingLimits

__all__ = ["Line", "cell_lines", "explain", "unit_lines", "unit_rows"]

#: Number of the ledger that each line of a sector speaks of, in the order of `_unit_sector`.
_LEDGER = ("gap_raw", "p_short", "evidence", "people_short")


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """
    One line of the explanation of every cell.

    Parameters
    ----------
    template : text with slots in braces.
    slots : name -> (texts, position of the text of each cell). An empty text: the line is left out
        in that cell.
    level : 0 for a sector, 1 for what leads to it.
    indicator : id of the indicator that the line is of; empty for other lines.
    columns : slot with a number or a reading -> its column in ``cells.parquet``, and as what it is written, see
        `kcity_geo.outputs.explained_numbers.number_texts`.
    """

    template: str
    slots: Mapping[str, tuple[tuple[str, ...], NDArray[np.uint16]]]
    level: int = 1
    indicator: str = ""
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def text(self, cell: int) -> str:
        """
        Give the line of one cell.

        Parameters
        ----------
        cell : its position in the flat grid.

        Returns
        -------
        The text; empty where the line is left out.
        """
        found = {name: texts[at[cell]] for name, (texts, at) in self.slots.items()}
        return "" if "" in found.values() else self.template.format(**found)


def explain(gaps: Gaps, place: str = "city") -> str:
    """
    Tell how a place came to its readings.

    Parameters
    ----------
    gaps : of a city.
    place : id of a cell (``"x12_y7"``, as in ``cells.parquet``), id of a district or its name when no
        other has it, or ``"city"``.

    Returns
    -------
    Lines of text, indented below their sector: value, standard and gap of each indicator, the gap
    of the sector as mapped and with what the map may lack, how often it falls short, how good the
    data are, and the reading that follows.

    Raises
    ------
    StudyError
        If there is no such place, or several districts of that name.
    """
    unit = unit_of(gaps, place)
    if unit:
        lines = list(unit_lines(gaps, unit))
    else:
        cell = cell_number(gaps, place)
        told = ((line.level, line.text(cell)) for line in cell_lines(gaps))
        lines = [(level, text) for level, text in told if text]
    return "\n".join("  " * level + text for level, text in lines)


def cell_lines(gaps: Gaps, *, indicators: bool = True) -> list[Line]:
    """
    Make the lines that explain each cell.

    Parameters
    ----------
    gaps : of a city.
    indicators : also a line for each indicator.

    Returns
    -------
    In order; every slot has one text number for each cell of the flat grid.
    """
    cells = gaps.cells
    shape = cells["composite_gap"].shape
    lines: list[Line] = []
    if "population" in cells:
        lines.append(
            Line(
                template=tell("explain_people", people="{people}"),
                slots={"people": number_texts(cells["population"].to_numpy(), ":people")},
                level=0,
                columns={"people": ("population", ":people")},
            )
        )
    for sector in (*SECTORS, *THEMES):
        lines.append(_reading_line(gaps, sector))
        lines.append(_nobody_line(gaps, sector))
        if indicators:
            lines += _indicator_lines(gaps, sector, shape)
        lines += _sector_lines(gaps, sector)
    lines.append(_reading_line(gaps, "composite"))
    if "mapped_share" in cells:
        lines.append(
            Line(
                template=tell("explain_mapped", share="{share}"),
                slots={"share": number_texts(cells["mapped_share"].to_numpy(), "share")},
                level=0,
                columns={"share": ("mapped_share", "share")},
            )
        )
    return lines


def _nobody_line(gaps: Gaps, sector: str) -> Line:
    """Say of numbers where nobody lives that they are those of a home."""
    known = np.isfinite(gaps.cells[f"{sector}_gap"].to_numpy()).ravel()
    empty = gaps.cells[f"{sector}_reading"].to_numpy().ravel() == READINGS.index("nobody")
    texts = ("", tell("explain_nobody"))
    return Line(template="{text}", slots={"text": (texts, (known & empty).astype(np.uint16))})


def _reading_line(gaps: Gaps, sector: str) -> Line:
    """Say the reading and what it means; for all sectors together also which is worst."""
    codes = np.asarray(gaps.cells[f"{sector}_reading"].to_numpy()).ravel()
    meaning = {row.title: row.meaning for row in reading_rows(sector, limits=gaps.limits).values()}
    titles = [translated(reading_title(code, sector)) for code in range(len(READINGS))]
    texts = ("", *(f"{title} ({meaning[title]})" for title in titles))
    at = np.where(known_cells(gaps), codes.astype(np.uint16) + 1, 0).astype(np.uint16)
    name = sector_title(sector)
    slots = {"reading": (texts, at)}
    columns = {"reading": (f"{sector}_reading", ":reading")}
    if sector != "composite":
        return Line(template=f"{name}: {{reading}}", slots=slots, level=0, columns=columns)
    place = (worst_sector(gaps) + 1).astype(np.uint16)
    worst = (tell("explain_worst", sector=sector_title(s).lower()) for s in SECTORS)
    names = (tell("explain_missing"), *worst)
    return Line(
        template=f"{name}: {{reading}}{{worst}}",
        slots={**slots, "worst": (names, place)},
        level=0,
        columns=columns,
    )


def _indicator_lines(gaps: Gaps, sector: str, shape: tuple[int, ...]) -> Iterator[Line]:
    of_city = gaps.indicators[gaps.indicators["unit_id"] == "city"]
    city = {str(row["indicator"]): row for _, row in of_city.iterrows()}
    for key, about in indicator_rows().items():
        if _level(about) != sector or key not in city:
            continue
        row = city[key]
        title, units = translated(plain_text(row["title"])), plain_text(row["units"])
        standard = standard_words(row, about)
        gap = gaps.cells.get(f"{key}_gap")
        value = gaps.cells.get(key)
        if gap is None:
            ranged = bool(np.isfinite(gaps.cells[f"{sector}_gap"].to_numpy()).any())
            text = _city_wide(row, title, standard) or left_open(row, about, ranged=ranged)
            if text:
                at = np.where(known_cells(gaps), 1, 0).astype(np.uint16).reshape(shape).ravel()
                yield Line(template="{text}", slots={"text": (("", text), at)})
            continue
        yield from _elsewhere(gaps, about, title, row)
        slots = {"gap": number_texts(gap.to_numpy(), "share")}
        columns = {"gap": (f"{key}_gap", "share")}
        if value is None:
            yield Line(
                template=tell(
                    "explain_gap", title=_braced(title), standard=_braced(standard), gap="{gap}"
                ),
                slots=slots,
                indicator=key,
                columns=columns,
            )
            continue
        # Where the value is not known the gap may be: nobody has a way at all.
        texts, at = number_texts(value.to_numpy(), units)
        texts = (*texts, tell("explain_no_value"))
        at = np.where((at == 0) & (slots["gap"][1] > 0), len(texts) - 1, at).astype(np.uint16)
        yield Line(
            template=tell(
                "explain_value",
                title=_braced(title),
                standard=_braced(standard),
                value="{value}",
                gap="{gap}",
            ),
            slots={"value": (texts, at), **slots},
            indicator=key,
            columns={"value": (key, units), **columns},
        )


def _elsewhere(gaps: Gaps, about: IndicatorRow, title: str, row: pd.Series[Any]) -> Iterator[Line]:
    """Say where the map tells nothing of the streets of a place, yet its range speaks of them."""
    kind, cells = read_table("evidence")["draw"].get(about.id), gaps.cells
    text = "explain_elsewhere" if kind in STREET_FORM else "explain_light"
    if kind not in {*STREET_FORM, "light"} or not np.isfinite(as_number(row["gap_raw"])):
        return
    towns = of_towns(cells["urban_class"].to_numpy())
    weight = np.where(towns, about.urban_weight or 0.0, about.rural_weight or 0.0)
    here = np.isfinite(cells[f"{about.sector}_gap"].to_numpy()) & (weight > 0)
    here &= np.isnan(cells[f"{about.id}_gap"].to_numpy()) & known_cells(gaps).reshape(here.shape)
    if "population" in cells:
        here &= cells["population"].to_numpy() >= 1
    if here.any():
        texts = ("", tell(text, title=title))
        yield Line(template="{text}", slots={"text": (texts, here.ravel().astype(np.uint16))})


def _city_wide(row: pd.Series[Any], title: str, standard: str) -> str:
    """Say what an indicator without cells tells of everybody."""
    gap = float(row["gap_raw"])
    if not np.isfinite(gap):
        return ""
    value = row_value(row)
    return tell(
        "explain_city", title=title, value=value, standard=standard, gap=human(gap, "share")
    )


def _sector_lines(gaps: Gaps, sector: str) -> list[Line]:
    cells = gaps.cells
    middle = {"raw": "gap_raw", "lo": "gap_lo", "hi": "gap_hi", "mid": "gap"}
    columns = {slot: (f"{sector}_{key}", "share") for slot, key in middle.items()}
    columns |= {
        "short": (f"{sector}_p_short", ":percent"),
        "evidence": (f"{sector}_evidence", ":hundredths"),
    }
    slots = {
        slot: number_texts(cells[name].to_numpy(), kind) for slot, (name, kind) in columns.items()
    }
    short = cells[f"{sector}_p_short"].to_numpy()
    evidence = cells[f"{sector}_evidence"].to_numpy().ravel()
    codes = cells[f"{sector}_reading"].to_numpy().ravel()
    limit = human(gaps.limits.short, "share")

    def line(template: str, *names: str, **more: Any) -> Line:  # noqa: ANN401 - slots
        return Line(
            template=template,
            slots={name: slots[name] for name in names} | more,
            columns={name: columns[name] for name in names},
        )

    data = _data_words(evidence, short.ravel(), codes, limits=gaps.limits)
    chance = tell(worded("explain_chance", sector), limit=limit, short="{short}")
    return [
        line(slotted(worded("explain_middle", sector), *middle), *middle),
        line(chance, "short"),
        line(slotted("explain_trust", "evidence", "data"), "evidence", data=data),
    ]


def _data_words(
    evidence: NDArray[np.floating],
    short: NDArray[np.floating],
    codes: NDArray[np.uint8],
    *,
    limits: ReadingLimits,
) -> tuple[tuple[str, ...], NDArray[np.uint16]]:
    known = evidence_numbers(evidence, probability=short, code=codes, limits=limits)
    return tuple(map(translated, EVIDENCE_WORDS)), known.astype(np.uint16)


def _level(row: IndicatorRow) -> str:
    return row.theme or row.sector


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def unit_lines(gaps: Gaps, place: str) -> Iterator[tuple[int, str]]:
    """
    Explain a district or the city.

    Parameters
    ----------
    gaps : of a city.
    place : id of a district, or ``"city"``.

    Yields
    ------
    Level (0 for a sector, 1 for what leads to it) and text.
    """
    yield from ((level, text) for level, text, _ in unit_rows(gaps, place))


def unit_rows(
    gaps: Gaps, place: str, *, rows: dict[str, dict[str, dict[Any, Any]]] | None = None
) -> Iterator[tuple[int, str, str]]:
    """
    Explain a district or the city, and say where each number stands in the ledger.

    Parameters
    ----------
    gaps : of a city.
    place : id of a district, or ``"city"``.
    rows : of `kcity_geo.outputs.explained_place.rows_of_places`, when they are made already.

    Yields
    ------
    Level (0 for a sector, 1 for what leads to it), text, and the id of its first number in ``ledger.json``; those of
    the others differ in the middle (``value, standard, gap_raw, gap_lo, gap_hi``).
    """
    rows = rows_of_places(gaps) if rows is None else rows
    indicators = rows.get(place, {})
    whole = {} if place == "city" else rows.get("city", {})
    about, assessed = indicator_rows(), {one.id: one for one in gaps.assessed}
    unit = plain_text(place)
    if place != "city":
        district = gaps.districts[gaps.districts["district_id"].astype(str) == place].iloc[0]
        people = persons(as_number(district["population"]))
        name = named(plain_text(district["name"], max_chars=80))
        yield 0, tell("explain_place", place=name, people=people), f"population.{unit}"
    of_city: Any = gaps.city.loc
    for sector in (*SECTORS, *THEMES):
        told = (
            dict(of_city[sector])
            if place == "city"
            else {
                key.removeprefix(f"{sector}_"): district[key]
                for key in district.index
                if str(key).startswith(f"{sector}_")
            }
        )
        known = reading_rows(sector, limits=gaps.limits)[str(told["reading"])]
        text = f"{sector_title(sector)}: {known.title} ({known.meaning})"
        yield 0, text, f"{sector}.gap.{unit}"
        for key in dict.fromkeys([*whole, *indicators]):
            if key in about and _level(about[key]) == sector:
                own = key in indicators
                text = (
                    _unit_indicator(indicators[key], about[key], whole.get(key), assessed.get(key))
                    if own
                    else _city_indicator(whole[key], about[key])
                )
                if text:
                    yield 1, text, f"{key}.value.{unit if own else 'city'}"
                    continue
                ranged = bool(np.isfinite(as_number(told["gap"])))
                row = indicators[key] if own else whole[key]
                if text := left_open(row, about[key], ranged=ranged):
                    yield 1, text, ""
        for number, text in enumerate(_unit_sector(told, sector, limits=gaps.limits)):
            yield 1, text, f"{sector}.{_LEDGER[number]}.{unit}"


def _city_indicator(row: Mapping[Any, Any], about: IndicatorRow) -> str:
    """Say of a district what is known of the whole city alone, and counts in its gap too."""
    raw, lo, hi = (as_number(row[key]) for key in ("gap_raw", "gap_lo", "gap_hi"))
    if not np.isfinite(raw):
        return ""
    text = tell(
        "explain_city_range",
        title=translated(plain_text(row["title"])),
        value=row_value(row),
        standard=standard_words(row, about),
        raw=human(raw, "share"),
        range=span_words(lo, hi),
    )
    return noted(text, row)


def _unit_indicator(
    row: Mapping[Any, Any],
    about: IndicatorRow,
    whole: Mapping[Any, Any] | None = None,
    one: Indicator | None = None,
) -> str:
    """Say what an indicator tells of a place, with the note of the whole city named as such."""
    raw = as_number(row["gap_raw"])
    if not np.isfinite(raw):
        return ""
    value = row_value(row)
    lo, hi = as_number(row["gap_lo"]), as_number(row["gap_hi"])
    text = tell(
        "explain_unit",
        title=translated(plain_text(row["title"])),
        value=value,
        standard=standard_words(row, about),
        raw=human(raw, "share"),
        range=span_words(lo, hi),
        reading=translated(str(row["reading"])),
    )
    if whole is None:
        return noted(text, row)
    note = plain_text(whole["note"], max_chars=300)
    if one is not None:  # why the gap is another than the value says is told of the place itself
        note = plain_text(one.not_assessed or one.note, max_chars=300)
        here = replace(one, value=as_number(row["value"]), details={})
        target, worst = as_number(row["standard"]), as_number(row["worst"])
        if why := reason_apart(here, target=target, worst=worst, gap=raw):
            text = tell("explain_noted", text=text, note=translated(why))
    return tell("explain_noted_city", text=text, note=translated(note)) if note else text


def _unit_sector(told: Mapping[str, Any], level: str, *, limits: ReadingLimits) -> Iterator[str]:
    if not np.isfinite(as_number(told["gap"])):
        return
    share = {
        slot: human(as_number(told[key]), "share")
        for slot, key in (("raw", "gap_raw"), ("lo", "gap_lo"), ("hi", "gap_hi"))
    }
    share["mid"] = share_beside(as_number(told["gap"]), limits.partly, limits.short)
    yield tell(worded("explain_middle", level), **share)
    limit = human(limits.short, "share")
    chance = f"{100 * as_number(told['p_short']):.0f}"
    yield tell(worded("explain_chance", level), limit=limit, short=chance)
    evidence = f"{as_number(told['evidence']):.2f}"
    yield tell("explain_trust", evidence=evidence, data=translated(str(told["data"])))
    short = as_number(told["people_short"])
    if np.isfinite(short):
        yield tell(worded("explain_short", level), people=persons(short))
