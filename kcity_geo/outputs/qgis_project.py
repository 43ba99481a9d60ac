"""The QGIS project of a study: opens with its layers in groups, styled and labelled, wherever the folder lies."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from kcity_geo.config import read_table
from kcity_geo.outputs.languages import translated, unmarked
from kcity_geo.outputs.qml import add_style
from kcity_geo.outputs.raster_styles import RasterStyle, add_raster_style
from kcity_geo.outputs.styles import LayerStyle, style_groups
from kcity_geo.outputs.text import plain_text

__all__ = ["ProjectFacts", "save_project"]

#: Time in the zip: two runs give the same bytes.
_THEN = (1980, 1, 1, 0, 0, 0)
_GEOMETRY = {"marker": "Point", "line": "Line"}
_FEW_CLASSES = 1
#: QGIS takes no id of a layer that has ten letters or fewer.
_LONG_ID = "study_layer"


@dataclass(frozen=True, kw_only=True)
class ProjectFacts:
    """
    What a project says of the study.

    Parameters
    ----------
    title : of the project.
    crs_wkt : of the study.
    crs_id : ``EPSG:32626``, or empty where it has no number.
    extent : xmin, ymin, xmax, ymax in that CRS.
    told : of `kcity_geo.outputs.attribution.credits_of_file`.
    """

    title: str
    crs_wkt: str
    crs_id: str
    extent: tuple[float, float, float, float]
    told: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A layer of the project: where it lies and how it is drawn."""

    id: str
    group: str
    title: str
    source: str
    style: LayerStyle | RasterStyle
    hidden: bool


def save_project(
    path: Path,
    facts: ProjectFacts,
    *,
    styles: list[LayerStyle],
    rasters: Mapping[str, RasterStyle],
) -> None:
    """
    Write a project that names the files beside it.

    Parameters
    ----------
    path : file to write, ``.qgz``; the same study gives the same bytes.
    facts : title, CRS, extent and credits.
    styles : of the layers of ``study.gpkg``.
    rasters : file below the folder -> its style.
    """
    root = ET.Element("qgis", projectname=plain_text(facts.title), version="3.22.0-Białowieża")
    ET.SubElement(root, "title").text = plain_text(facts.title)
    _crs(ET.SubElement(root, "projectCrs"), facts)
    entries = _entries(styles, rasters)
    _tree(root, entries)
    _canvas(root, facts)
    layers = ET.SubElement(root, "projectlayers")
    for entry in entries:
        layers.append(_layer(entry, facts))
    order = ET.SubElement(root, "layerorder")
    for entry in entries:
        ET.SubElement(order, "layer", id=entry.id)
    properties = ET.SubElement(root, "properties")
    paths = ET.SubElement(properties, "Paths")
    ET.SubElement(paths, "Absolute", type="bool").text = "false"
    system = ET.SubElement(properties, "SpatialRefSys")
    ET.SubElement(system, "ProjectionsEnabled", type="int").text = "1"
    _metadata(root, facts, kind="")
    text = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(
        root, encoding="unicode"
    )
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as out:
        inner = zipfile.ZipInfo(f"{path.stem}.qgs", _THEN)
        out.writestr(inner, text.encode("utf-8"), zipfile.ZIP_DEFLATED)
    path.write_bytes(whole.getvalue())


def _entries(styles: list[LayerStyle], rasters: Mapping[str, RasterStyle]) -> list[_Entry]:
    """Layers of the project from above to below: groups in their order, points over lines over areas."""
    found = [
        _Entry(
            id=f"{_LONG_ID}_{style.layer}_{number}",
            group=style.group,
            title=style.title,
            source=f"./study.gpkg|layername={style.layer}",
            style=style,
            hidden=style.hidden,
        )
        for number, style in enumerate(styles)
    ]
    shown = [str(name) for name in read_table("gis_styles")["rasters"]["shown"]]
    first = True
    for file, raster in rasters.items():
        name = Path(file).stem
        reading = name.endswith("_reading")
        if not reading and name not in shown:
            continue
        found.append(
            _Entry(
                id=f"{_LONG_ID}_raster_{name}",
                group="Rasters",
                title=raster.title,
                source=f"./{file}",
                style=raster,
                hidden=not (reading and first),
            )
        )
        first = first and not reading
    ranks = {name: number for number, name in enumerate(style_groups())}
    return sorted(found, key=lambda entry: (ranks[entry.group], _height(entry)))


def _height(entry: _Entry) -> int:
    heights = {"marker": 0, "line": 1, "outline": 2, "fill": 3}
    return heights[entry.style.draw] if isinstance(entry.style, LayerStyle) else heights["fill"]


def _tree(root: ET.Element, entries: list[_Entry]) -> None:
    tree = ET.SubElement(root, "layer-tree-group")
    for group in style_groups():
        mine = [entry for entry in entries if entry.group == group]
        if not mine:
            continue
        node = ET.SubElement(
            tree,
            "layer-tree-group",
            name=unmarked(translated(group)),
            checked="Qt::Checked",
            expanded="1",
        )
        for entry in mine:
            classes = len(entry.style.classes)
            ET.SubElement(
                node,
                "layer-tree-layer",
                id=entry.id,
                name=plain_text(entry.title),
                source=entry.source,
                providerKey="gdal" if isinstance(entry.style, RasterStyle) else "ogr",
                checked="Qt::Unchecked" if entry.hidden else "Qt::Checked",
                expanded="0" if entry.hidden or classes <= _FEW_CLASSES else "1",
            )


def _layer(entry: _Entry, facts: ProjectFacts) -> ET.Element:
    style = entry.style
    raster = isinstance(style, RasterStyle)
    about = {"type": "raster" if raster else "vector", "autoRefreshEnabled": "0"}
    if isinstance(style, LayerStyle):
        about["geometry"] = _GEOMETRY.get(style.draw, "Polygon")
    layer = ET.Element("maplayer", about)
    ET.SubElement(layer, "id").text = entry.id
    ET.SubElement(layer, "datasource").text = entry.source
    ET.SubElement(layer, "layername").text = plain_text(entry.title)
    _crs(ET.SubElement(layer, "srs"), facts)
    provider = ET.SubElement(layer, "provider", encoding="UTF-8")
    provider.text = "gdal" if raster else "ogr"
    _metadata(layer, facts, kind="dataset")
    if isinstance(style, RasterStyle):
        add_raster_style(layer, style)
    else:
        add_style(layer, style)
        layer.set("labelsEnabled", "1" if style.label else "0")
    return layer


def _crs(outer: ET.Element, facts: ProjectFacts) -> None:
    system = ET.SubElement(outer, "spatialrefsys", nativeFormat="Wkt")
    ET.SubElement(system, "wkt").text = facts.crs_wkt
    ET.SubElement(system, "authid").text = facts.crs_id


def _canvas(root: ET.Element, facts: ProjectFacts) -> None:
    canvas = ET.SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    ET.SubElement(canvas, "units").text = "meters"
    extent = ET.SubElement(canvas, "extent")
    for key, value in zip(("xmin", "ymin", "xmax", "ymax"), facts.extent, strict=True):
        ET.SubElement(extent, key).text = f"{value:.2f}"
    ET.SubElement(canvas, "rotation").text = "0"
    _crs(ET.SubElement(canvas, "destinationsrs"), facts)
    # "Zoom full" shows the study area too, not all that a river or a power line outside it leads to.
    views = ET.SubElement(root, "ProjectViewSettings", UseProjectScales="0")
    ends = zip(("xmin", "ymin", "xmax", "ymax"), facts.extent, strict=True)
    around = {key: f"{value:.2f}" for key, value in ends}
    for name in ("DefaultViewExtent", "PresetFullExtent"):
        _crs(ET.SubElement(views, name, around), facts)


def _metadata(outer: ET.Element, facts: ProjectFacts, *, kind: str) -> None:
    """Say who must be named and under which licence, where QGIS shows it."""
    name = "resourceMetadata" if kind else "projectMetadata"
    about = ET.SubElement(outer, name)
    ET.SubElement(about, "type").text = kind
    ET.SubElement(about, "title").text = plain_text(facts.title)
    ET.SubElement(about, "abstract").text = f"{facts.told['notice']} {facts.told['terms']}"
    if kind:
        ET.SubElement(about, "rights").text = facts.told["attribution"]
        ET.SubElement(about, "license").text = facts.told["licence"]
