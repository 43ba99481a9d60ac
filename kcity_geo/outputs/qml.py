"""Styles as QGIS keeps them (QML) and as the OGC wants them (SLD 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from kcity_geo.outputs.colours import rgb
from kcity_geo.outputs.styles import LayerStyle, StyleClass

__all__ = ["add_style", "vector_qml", "vector_sld"]

_CLASSES = {
    "fill": "SimpleFill",
    "outline": "SimpleFill",
    "line": "SimpleLine",
    "marker": "SimpleMarker",
}
_KINDS = {"fill": "fill", "outline": "fill", "line": "line", "marker": "marker"}
_SLD = {
    "": "http://www.opengis.net/sld",
    "ogc": "http://www.opengis.net/ogc",
    "xlink": "http://www.w3.org/1999/xlink",
}
_PX_PER_MM = 3.78
_DARK = "#222222"
#: Points on paper, millimetres of the halo.
_LABEL_PT, _HALO_MM = "9", "0.8"


def vector_qml(style: LayerStyle) -> str:
    """
    Give the style of a layer of features as QML.

    Parameters
    ----------
    style : of the layer.

    Returns
    -------
    QML with symbols, labels and aliases.
    """
    root = ET.Element(
        "qgis",
        version="3.22.0",
        styleCategories="Symbology|Labeling|Fields",
        labelsEnabled=_flag(bool(style.label)),
    )
    add_style(root, style)
    return ET.tostring(root, encoding="unicode") + "\n"


def add_style(root: ET.Element, style: LayerStyle) -> None:
    """
    Add renderer, labels and aliases to the element of a layer.

    Parameters
    ----------
    root : ``qgis`` of a QML or ``maplayer`` of a project.
    style : of the layer.
    """
    _renderer(root, style)
    if style.label:
        _labels(root, style.label)
    aliases = ET.SubElement(root, "aliases")
    for number, (column, words) in enumerate(style.aliases.items()):
        ET.SubElement(aliases, "alias", field=column, name=words, index=str(number))


def _renderer(root: ET.Element, style: LayerStyle) -> None:
    kind = "singleSymbol"
    if style.column:
        kind = "graduatedSymbol" if style.classes[0].low is not None else "categorizedSymbol"
    about = {"type": kind, "symbollevels": "0", "enableorderby": "0", "forceraster": "0"}
    if style.column:
        about["attr"] = style.column
    if kind == "graduatedSymbol":
        about["graduatedMethod"] = "GraduatedColor"
    renderer = ET.SubElement(root, "renderer-v2", about)
    if style.column:
        name = "ranges" if kind == "graduatedSymbol" else "categories"
        rows = ET.SubElement(renderer, name)
        for number, one in enumerate(style.classes):
            told = {"symbol": str(number), "label": one.words, "render": "true"}
            if kind == "graduatedSymbol":
                ET.SubElement(
                    rows, "range", {**told, "lower": f"{one.low:g}", "upper": f"{one.high:g}"}
                )
            else:
                value = one.value or ""
                kind_of = "long" if value.isdigit() else "string"
                ET.SubElement(rows, "category", {"value": value, "type": kind_of, **told})
    symbols = ET.SubElement(renderer, "symbols")
    for number, one in enumerate(style.classes):
        _symbol(symbols, str(number), style, one)


def _symbol(symbols: ET.Element, name: str, style: LayerStyle, one: StyleClass) -> None:
    about = {"type": _KINDS[style.draw], "name": name, "alpha": "1", "clip_to_extent": "1"}
    symbol = ET.SubElement(symbols, "symbol", {**about, "force_rhr": "0"})
    layer = ET.SubElement(
        symbol,
        "layer",
        {"enabled": "1", "class": _CLASSES[style.draw], "locked": "0", "pass": "0"},
    )
    options = ET.SubElement(layer, "Option", type="Map")
    for key, value in _options(style, one).items():
        ET.SubElement(options, "Option", name=key, type="QString", value=value)


def _width_mm(style: LayerStyle, one: StyleClass) -> float:
    return style.width_mm if one.width_mm is None else one.width_mm


def _options(style: LayerStyle, one: StyleClass) -> dict[str, str]:
    ink = ",".join(map(str, (*rgb(one.colour), 255)))
    dark = ",".join(map(str, (*rgb(_DARK), 255)))
    width = f"{_width_mm(style, one):g}"
    if style.draw == "line":
        return {
            "line_color": ink,
            "line_width": width,
            "line_width_unit": "MM",
            "capstyle": "round",
        }
    if style.draw == "marker":
        return {
            "name": "circle",
            "color": ink,
            "size": width,
            "size_unit": "MM",
            "outline_color": "255,255,255,255",
            "outline_width": "0.2",
            "outline_width_unit": "MM",
        }
    if style.draw == "outline":
        return {
            "style": "no",
            "color": ink,
            "outline_color": ink,
            "outline_style": "solid",
            "outline_width": width,
            "outline_width_unit": "MM",
        }
    edge = (
        {"outline_style": "no"}
        if style.width_mm == 0
        else {
            "outline_style": "solid",
            "outline_color": dark,
            "outline_width": width,
            "outline_width_unit": "MM",
        }
    )
    return {"style": "solid", "color": ink, **edge}


def _labels(root: ET.Element, column: str) -> None:
    root.set("labelsEnabled", "1")
    labeling = ET.SubElement(root, "labeling", type="simple")
    settings = ET.SubElement(labeling, "settings", calloutType="simple")
    style = ET.SubElement(
        settings,
        "text-style",
        {
            "fieldName": column,
            "isExpression": "0",
            "fontSize": _LABEL_PT,
            "fontSizeUnit": "Point",
            "fontFamily": "Sans Serif",
            "textColor": ",".join(map(str, (*rgb(_DARK), 255))),
        },
    )
    ET.SubElement(
        style,
        "text-buffer",
        bufferDraw="1",
        bufferSize=_HALO_MM,
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
        bufferOpacity="1",
    )
    ET.SubElement(settings, "placement", placement="1", polygonPlacementFlags="2")
    ET.SubElement(
        settings, "rendering", obstacle="0", drawLabels="1", displayAll="0", scaleVisibility="0"
    )


def _flag(value: bool) -> str:  # noqa: FBT001 - a flag is what is written
    return "1" if value else "0"


def vector_sld(style: LayerStyle) -> str:
    """
    Give the style of a layer of features as SLD 1.0.

    Parameters
    ----------
    style : of the layer.

    Returns
    -------
    SLD: a rule a class, with the same colours and words as the QML.
    """
    for prefix, address in _SLD.items():
        ET.register_namespace(prefix, address)
    root = ET.Element(_sld("StyledLayerDescriptor"), version="1.0.0")
    named = ET.SubElement(root, _sld("NamedLayer"))
    ET.SubElement(named, _sld("Name")).text = style.layer
    user = ET.SubElement(named, _sld("UserStyle"))
    ET.SubElement(user, _sld("Name")).text = style.name
    rules = ET.SubElement(user, _sld("FeatureTypeStyle"))
    for number, one in enumerate(style.classes):
        rule = ET.SubElement(rules, _sld("Rule"))
        ET.SubElement(rule, _sld("Name")).text = one.words
        if style.column:
            last = number == len(style.classes) - 1
            _filter(rule, style.column, one, last=last)
        _sld_symbol(rule, style, one)
        if style.label:
            text = ET.SubElement(rule, _sld("TextSymbolizer"))
            label = ET.SubElement(text, _sld("Label"))
            ET.SubElement(label, _ogc("PropertyName")).text = style.label
    return ET.tostring(root, encoding="unicode", default_namespace=None) + "\n"


def _sld(name: str) -> str:
    return f"{{{_SLD['']}}}{name}"


def _ogc(name: str) -> str:
    return f"{{{_SLD['ogc']}}}{name}"


def _filter(rule: ET.Element, column: str, one: StyleClass, *, last: bool) -> None:
    """Ranges hold their lower end; the last holds its upper end as well."""
    outer = ET.SubElement(rule, _ogc("Filter"))
    if one.low is None:
        _compare(outer, "PropertyIsEqualTo", column, one.value or "")
        return
    both = ET.SubElement(outer, _ogc("And"))
    _compare(both, "PropertyIsGreaterThanOrEqualTo", column, f"{one.low:g}")
    upper = "PropertyIsLessThanOrEqualTo" if last else "PropertyIsLessThan"
    _compare(both, upper, column, f"{one.high:g}")


def _compare(outer: ET.Element, kind: str, column: str, value: str) -> None:
    test = ET.SubElement(outer, _ogc(kind))
    ET.SubElement(test, _ogc("PropertyName")).text = column
    ET.SubElement(test, _ogc("Literal")).text = value


def _sld_symbol(rule: ET.Element, style: LayerStyle, one: StyleClass) -> None:
    colour = one.colour
    pixels = f"{_width_mm(style, one) * _PX_PER_MM:.2g}"
    if style.draw == "line":
        line = ET.SubElement(rule, _sld("LineSymbolizer"))
        _ink(line, "Stroke", {"stroke": colour, "stroke-width": pixels})
        return
    if style.draw == "marker":
        point = ET.SubElement(rule, _sld("PointSymbolizer"))
        graphic = ET.SubElement(point, _sld("Graphic"))
        mark = ET.SubElement(graphic, _sld("Mark"))
        ET.SubElement(mark, _sld("WellKnownName")).text = "circle"
        _ink(mark, "Fill", {"fill": colour})
        ET.SubElement(graphic, _sld("Size")).text = pixels
        return
    polygon = ET.SubElement(rule, _sld("PolygonSymbolizer"))
    if style.draw == "fill":
        _ink(polygon, "Fill", {"fill": colour})
    if style.width_mm:
        edge = colour if style.draw == "outline" else _DARK
        _ink(polygon, "Stroke", {"stroke": edge, "stroke-width": pixels})


def _ink(outer: ET.Element, name: str, values: Mapping[str, str]) -> None:
    inner = ET.SubElement(outer, _sld(name))
    for key, value in values.items():
        ET.SubElement(inner, _sld("CssParameter"), name=key).text = value
