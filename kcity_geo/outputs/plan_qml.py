"""Styles of the layers of a plan for QGIS: the colours of ``tables/plan_styles.toml``, a category a row."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from kcity_geo.config import read_table
from kcity_geo.outputs.colours import rgb

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


def plan_styles(values: Mapping[str, list[str]]) -> dict[str, str]:
    """
    Give the style of each layer that is categorised.

    Parameters
    ----------
    values : layer -> values of its column of categories.

    Returns
    -------
    Layer -> QML.

    Examples
    --------
    >>> plan_styles({"streets": ["local"]})["streets"].count("<category ")
    1
    """
    return {name: _qml(*LAYERS[name], found) for name, found in values.items() if name in LAYERS}


def _qml(column: str, kind: str, values: list[str]) -> str:
    rows = read_table("plan_styles")["style"]
    root = ET.Element("qgis", version="3.28.0", styleCategories="Symbology")
    renderer = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr=column, symbollevels="0"
    )
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for number, value in enumerate(values):
        key = f"{_PHASE}{value}" if column == "phase" else value
        row = rows.get(key, rows["green"])
        title = row["title"] if key != "block" else "Block"
        ET.SubElement(
            categories, "category", value=value, symbol=str(number), label=title, render="true"
        )
        _symbol(symbols, str(number), kind, row)
    return ET.tostring(root, encoding="unicode") + "\n"


def _symbol(symbols: ET.Element, name: str, kind: str, row: Mapping[str, str | float]) -> None:
    colour = ",".join(map(str, (*rgb(str(row["colour"])), 255)))
    symbol = ET.SubElement(symbols, "symbol", type=kind, name=name, alpha="1")
    kinds = {"enabled": "1", "class": "SimpleFill" if kind == "fill" else "SimpleLine"}
    layer = ET.SubElement(symbol, "layer", kinds)
    options = (
        {"color": colour, "style": "solid", "outline_color": "255,255,255,255"}
        if kind == "fill"
        else {
            "line_color": colour,
            "line_width": f"{row.get('width', 1.0)}",
            "line_width_unit": "Point",
        }
    )
    table = ET.SubElement(layer, "Option", type="Map")
    for key, value in options.items():
        ET.SubElement(table, "Option", name=key, type="QString", value=value)
