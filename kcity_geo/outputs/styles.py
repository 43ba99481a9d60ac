"""Styles: how each layer of a study is drawn in GIS programs, in one form for QML, SLD and web maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.outputs.colours import GAP_COLOURS, READING_COLOURS, SCORE_COLOURS
from kcity_geo.outputs.languages import tell, translated, unmarked
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.themes import reading_rows, sector_title
from kcity_geo.result import LEVELS

__all__ = ["LayerStyle", "StyleClass", "alias_of", "cell_styles", "layer_style", "style_groups"]

#: What features of each dimension are drawn as.
_FITTING = {
    0: {"fill": "marker", "outline": "marker", "line": "marker"},
    1: {"fill": "line", "outline": "line", "marker": "line"},
    2: {"marker": "fill", "line": "fill"},
}
_ENDINGS = ("_points", "_lines", "_areas")
_LINE_MM = 0.1
_DEFAULT_SECTOR = "composite"


@dataclass(frozen=True, kw_only=True)
class StyleClass:
    """
    One class of a layer: its words and its colour.

    Parameters
    ----------
    words : for the legend.
    colour : ``#rrggbb``.
    value : of the column, where classes are words.
    low, high : of the column, where classes are ranges; the last one holds its upper end.
    width_mm : of its lines, where it is not that of the layer.
    """

    words: str
    colour: str
    value: str | None = None
    low: float | None = None
    high: float | None = None
    width_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class LayerStyle:
    """
    How a layer is drawn.

    Parameters
    ----------
    layer : table of the GeoPackage.
    name : of the style; a layer may have several.
    title, group : in the list of layers.
    draw : fill, outline, line or marker.
    width_mm : of lines and outlines; size of markers.
    column : that the classes are of; empty: one class for all.
    classes : in the order of the legend.
    label : column that names the features; empty: none does.
    hidden : switched off at first.
    aliases : column -> words.
    """

    layer: str
    name: str
    title: str
    group: str
    draw: str
    width_mm: float
    classes: tuple[StyleClass, ...]
    column: str = ""
    label: str = ""
    hidden: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)


def style_groups() -> list[str]:
    """
    Name the groups of the list of layers, from above to below.

    Returns
    -------
    As in ``tables/gis_styles.toml``.

    Examples
    --------
    >>> style_groups()[0]
    'Sites and survey'
    """
    return [str(name) for name in read_table("gis_styles")["groups"]]


def alias_of(column: str, unit: str) -> str:
    """
    Give the words for a column of which the name and unit are known.

    Parameters
    ----------
    column : its name.
    unit : as in the data dictionary; text and counts have none worth saying.

    Returns
    -------
    Words with the unit behind them.

    Examples
    --------
    >>> alias_of("transport_gap", "share"), alias_of("road_km", "km"), alias_of("name", "text")
    ('Transport gap (share, 0 to 1)', 'Road (km)', 'Name')
    """
    words = column.replace("_", " ")
    shown = "" if unit in {"text", "count", "rank", "1", "code", "polygon", "point"} else unit
    ending = {"%": " pct"}.get(shown, f" {shown}")
    if shown and words.endswith(ending):
        words = words[: -len(ending)]
    words = words[:1].upper() + words[1:]
    if shown == "share":
        shown = "share, 0 to 1"
    return plain_text(f"{words} ({shown})" if shown else words)


def layer_style(
    layer: str,
    dimension: int,
    *,
    titles: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> LayerStyle:
    """
    Give the style of a layer that has one colour.

    Parameters
    ----------
    layer : table of the GeoPackage.
    dimension : of its features: 0 points, 1 lines, 2 areas.
    titles : layer of OpenStreetMap -> title, for layers without a row of their own.
    aliases : column -> words.

    Returns
    -------
    The style of ``tables/gis_styles.toml``, drawn as features of this kind can be.

    Examples
    --------
    >>> layer_style("osm_health_areas", 2).draw
    'fill'
    """
    table = read_table("gis_styles")
    ending = next((e for e in _ENDINGS if layer.endswith(e)), "")
    base = layer.removesuffix(ending)
    row: dict[str, Any] = table["layer"].get(base, {})
    about = {**table["other"], **row}
    title = row.get("title") or (titles or {}).get(base.removeprefix("osm_")) or base
    shown = unmarked(translated(title))
    shown = f"{shown} ({unmarked(translated(ending[1:]))})" if ending else shown
    draw = _FITTING[dimension].get(str(about["draw"]), str(about["draw"]))
    width = float(about["width"])
    return LayerStyle(
        layer=layer,
        name="kcity_geo",
        title=plain_text(shown),
        group=str(about["group"]),
        draw=draw,
        width_mm=_LINE_MM if draw == "fill" else width,
        classes=(StyleClass(words=plain_text(shown), colour=str(about["colour"])),),
        label=str(about.get("label", "")),
        hidden=bool((row or table["other"]).get("hidden", False)),
        aliases=aliases or {},
    )


def cell_styles(columns: Iterable[str], aliases: Mapping[str, str]) -> list[LayerStyle]:
    """
    Give the styles of the cells: a reading and a gap for each sector, and suitability.

    Parameters
    ----------
    columns : of the layer.
    aliases : column -> words.

    Returns
    -------
    The first is that of all sectors together, where the layer has it.
    """
    there = set(columns)
    base = LayerStyle(
        layer="cells",
        name="",
        title="",
        group="Readings",
        draw="fill",
        width_mm=0.0,
        classes=(),
        aliases=aliases,
        hidden=True,
    )
    found = []
    for level in sorted(LEVELS, key=lambda level: level != _DEFAULT_SECTOR):
        title = sector_title(level)
        if f"{level}_reading" in there:
            classes = tuple(
                StyleClass(words=row.title, colour=colour, value=value)
                for (value, row), colour in zip(
                    reading_rows(level).items(), READING_COLOURS, strict=True
                )
            )
            found.append(
                _named(base, f"{level}_reading", tell("theme_reading", title=title), classes)
            )
        if f"{level}_gap" in there:
            found.append(
                _named(base, f"{level}_gap", tell("theme_gap", title=title), _fifths(GAP_COLOURS))
            )
    if "suitability" in there:
        found.append(_named(base, "suitability", tell("map_suitability"), _fifths(SCORE_COLOURS)))
    return found


def _named(
    base: LayerStyle, column: str, title: str, classes: tuple[StyleClass, ...]
) -> LayerStyle:
    return replace(base, name=title, title=title, column=column, classes=classes)


def _fifths(colours: tuple[str, ...]) -> tuple[StyleClass, ...]:
    """Classes from 0 to 1, with the limits of the map."""
    inner = [float(v) for v in read_table("display")["gap"]["breaks"]]
    limits = [0.0, *inner, 1.0]
    return tuple(
        StyleClass(
            words=tell("legend_range", low=round(100 * low), high=round(100 * high)),
            colour=colour,
            low=low,
            high=high,
        )
        for low, high, colour in zip(limits, limits[1:], colours, strict=False)
    )
