"""How each raster of a study is drawn in QGIS: classes by colour and words, numbers by a ramp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.outputs.colours import CLASS_COLOURS, READING_COLOURS, meaning_of, rgb
from kcity_geo.outputs.languages import tell, translated, unmarked
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.themes import is_reading, reading_rows, sector_title

__all__ = [
    "RasterStyle",
    "add_raster_style",
    "category_names",
    "class_colours",
    "class_words",
    "raster_qml",
    "raster_style",
]


@dataclass(frozen=True, kw_only=True)
class RasterStyle:
    """
    How a raster is drawn.

    Parameters
    ----------
    title : in the list of layers.
    units : of its numbers.
    classes : code, colour and words of each class; empty for numbers.
    stops : value and colour of each step of the ramp, from low to high; empty for classes.
    """

    title: str
    units: str
    classes: tuple[tuple[int, str, str], ...] = ()
    stops: tuple[tuple[float, str], ...] = ()


def class_words(name: str) -> dict[int, str]:
    """
    Give the words for the codes of a class raster.

    Parameters
    ----------
    name : of the variable.

    Returns
    -------
    Code -> words; empty for numbers.

    Examples
    --------
    >>> class_words("transport_reading")[5], class_words("landcover")[50]
    ('Adequate', 'Built-up')
    """
    if is_reading(name):
        return dict(enumerate(reading_rows(name.removesuffix("_reading"))))
    table = read_table("gis_styles")["classes"]
    return {int(code): str(words) for code, words in table.get(name, {}).items()}


def class_colours(name: str) -> dict[int, str]:
    """
    Give the colours of the codes of a class raster.

    Parameters
    ----------
    name : of the variable.

    Returns
    -------
    Code -> ``#rrggbb``; empty for numbers.
    """
    return dict(enumerate(READING_COLOURS)) if is_reading(name) else CLASS_COLOURS.get(name, {})


def raster_style(name: str, values: NDArray[Any], attrs: Mapping[str, Any]) -> RasterStyle:
    """
    Give the style of a raster.

    Parameters
    ----------
    name : of the variable.
    values : its numbers; they say the ends of a ramp whose meaning has none.
    attrs : ``long_name``, ``units``.

    Returns
    -------
    Classes where the variable has classes, else a ramp in the colours of its meaning.
    """
    title, units = plain_text(attrs.get("long_name") or name), plain_text(attrs.get("units", ""))
    _, between, project = title.partition(": ")
    if name == "suitability" and between:
        title = tell("theme_suitability", project=unmarked(translated(project)))
    else:
        title = unmarked(translated(title))
    if is_reading(name):
        title = tell("theme_reading", title=sector_title(name.removesuffix("_reading")))
    if colours := class_colours(name):
        words = {code: unmarked(translated(told)) for code, told in class_words(name).items()}
        classes = tuple((code, ink, words.get(code, str(code))) for code, ink in colours.items())
        return RasterStyle(title=title, units=units, classes=classes)
    ramp, limits = meaning_of(name)
    if limits is None:
        limits = (0.0, 1.0) if units == "share" else _ends(values)
    steps = [float(v) for v in np.linspace(*limits, len(ramp))]
    return RasterStyle(title=title, units=units, stops=tuple(zip(steps, ramp, strict=True)))


def _ends(values: NDArray[Any]) -> tuple[float, float]:
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def raster_qml(style: RasterStyle) -> str:
    """
    Give the style of a raster as QML.

    Parameters
    ----------
    style : of the raster.

    Returns
    -------
    QML, with the words of the classes in the legend.
    """
    root = ET.Element("qgis", version="3.22.0", styleCategories="Symbology")
    add_raster_style(root, style)
    return ET.tostring(root, encoding="unicode") + "\n"


def add_raster_style(root: ET.Element, style: RasterStyle) -> None:
    """
    Add the renderer to the element of a raster.

    Parameters
    ----------
    root : ``qgis`` of a QML or ``maplayer`` of a project.
    style : of the raster.
    """
    pipe = ET.SubElement(root, "pipe")
    about = {"band": "1", "opacity": "0.85", "alphaBand": "-1", "nodataColor": ""}
    if style.classes:
        renderer = ET.SubElement(pipe, "rasterrenderer", {"type": "paletted", **about})
        palette = ET.SubElement(renderer, "colorPalette")
        for code, colour, words in style.classes:
            told = {"value": str(code), "color": colour, "alpha": "255", "label": words}
            ET.SubElement(palette, "paletteEntry", told)
        return
    low, high = (f"{style.stops[i][0]:.6g}" for i in (0, -1))
    renderer = ET.SubElement(
        pipe,
        "rasterrenderer",
        {
            "type": "singlebandpseudocolor",
            "classificationMin": low,
            "classificationMax": high,
            **about,
        },
    )
    shader = ET.SubElement(
        ET.SubElement(renderer, "rastershader"),
        "colorrampshader",
        colorRampType="INTERPOLATED",
        classificationMode="1",
        clip="0",
        minimumValue=low,
        maximumValue=high,
        labelPrecision="4",
    )
    shown = "" if style.units in {"", "1", "share", "code"} else f" {style.units}"
    colours = [",".join(map(str, (*rgb(colour), 255))) for _, colour in style.stops]
    inner = ":".join(
        f"{number / (len(colours) - 1):g};{ink}" for number, ink in enumerate(colours[1:-1], 1)
    )
    ramp = ET.SubElement(shader, "colorramp", type="gradient", name="[source]")
    options = ET.SubElement(ramp, "Option", type="Map")
    for key, value in (("color1", colours[0]), ("color2", colours[-1]), ("stops", inner)):
        ET.SubElement(options, "Option", name=key, type="QString", value=value)
    for stop, colour in style.stops:
        told = {
            "value": f"{stop:.6g}",
            "color": colour,
            "alpha": "255",
            "label": f"{stop:.3g}{shown}",
        }
        ET.SubElement(shader, "item", told)


def category_names(words: Mapping[int, str]) -> str:
    """
    Give the words for codes as GDAL reads them beside a raster.

    Parameters
    ----------
    words : code -> words.

    Returns
    -------
    Text of the ``.aux.xml``; codes without words have an empty name.
    """
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    names = ET.SubElement(band, "CategoryNames")
    for code in range(max(words) + 1):
        ET.SubElement(names, "Category").text = words.get(code, "")
    return ET.tostring(root, encoding="unicode") + "\n"
