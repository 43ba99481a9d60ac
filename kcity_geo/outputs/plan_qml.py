"""Styles of the layers of a plan for GIS programs: the colours of ``tables/plan_styles.toml``, a category a row."""

from __future__ import annotations

from collections.abc import Mapping

from kcity_geo.config import read_table
from kcity_geo.outputs.styles import LayerStyle, StyleClass

__all__ = ["LAYERS", "plan_styles"]

#: Layer -> column of the categories, kind of symbol.
LAYERS = {
    "blocks": ("use", "fill"),
    "parcels": ("use", "fill"),
    "land": ("kind", "fill"),
    "phases": ("phase", "fill"),
    "streets": ("class", "line"),
}
_PHASE = "phase_"
_MM_A_POINT = 25.4 / 72
_EDGE_MM = 0.1


def plan_styles(values: Mapping[str, list[str]]) -> list[LayerStyle]:
    """
    Give the style of each layer that is categorised.

    Parameters
    ----------
    values : layer -> values of its column of categories.

    Returns
    -------
    In the order of the layers that were given.

    Examples
    --------
    >>> plan_styles({"streets": ["local"]})[0].classes[0].words
    'Local street'
    """
    return [_style(name, *LAYERS[name], found) for name, found in values.items() if name in LAYERS]


def _style(layer: str, column: str, draw: str, values: list[str]) -> LayerStyle:
    rows = read_table("plan_styles")["style"]
    classes = []
    for value in values:
        key = f"{_PHASE}{value}" if column == "phase" else value
        row = rows.get(key, rows["green"])
        classes.append(
            StyleClass(
                words=str(row["title"]) if key != "block" else "Block",
                colour=str(row["colour"]),
                value=value,
                width_mm=float(row.get("width", 1.0)) * _MM_A_POINT if draw == "line" else None,
            )
        )
    return LayerStyle(
        layer=layer,
        name="kcity_geo",
        title=layer.capitalize(),
        group="Plan",
        draw=draw,
        width_mm=_EDGE_MM,
        column=column,
        classes=tuple(classes),
    )
