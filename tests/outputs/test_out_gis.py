# ruff: noqa: S314 - XML of our own
"""Files for GIS programs: styles and words inside the GeoPackage, a project that opens, names of classes."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely

from kcity_geo.outputs.attribution import credits_of_file
from kcity_geo.outputs.geopackage import kind_of_layers
from kcity_geo.outputs.more_formats import save_more_formats
from kcity_geo.outputs.osm_layers import handed_over
from kcity_geo.outputs.styles import cell_styles, layer_style

#: The Python of the system, with the QGIS of the system.
QGIS = "/usr/bin/python3"


def _qgis_is_there() -> bool:
    if not Path(QGIS).exists():
        return False
    asked = subprocess.run([QGIS, "-c", "import qgis.core"], capture_output=True, check=False)
    return asked.returncode == 0


@pytest.fixture(scope="module")
def out(coarse_saved):
    return coarse_saved[1]


@pytest.fixture(scope="module")
def base(out):
    with closing(sqlite3.connect(f"file:{out / 'study.gpkg'}?mode=ro", uri=True)) as opened:
        yield opened


def test_every_layer_has_a_style_and_opens_with_one(out, base) -> None:
    rows = base.execute(
        "SELECT f_table_name, styleQML, styleSLD, useAsDefault FROM layer_styles"
    ).fetchall()
    layers = set(kind_of_layers(out / "study.gpkg"))
    assert {row[0] for row in rows} == layers
    assert sorted(row[0] for row in rows if row[3]) == sorted(layers)
    for _, qml, sld, _ in rows:
        assert ET.fromstring(qml).tag == "qgis"
        assert ET.fromstring(sld).tag == "{http://www.opengis.net/sld}StyledLayerDescriptor"
    first = next(ET.fromstring(row[1]) for row in rows if row[0] == "cells" and row[3])
    words = [c.get("value") for c in first.iter("category")]
    assert words[1] == "Falls short"
    assert len(words) == 7


def test_columns_carry_words_units_and_meaning(base) -> None:
    found = dict(
        base.execute(
            "SELECT column_name, title FROM gpkg_data_columns WHERE table_name = 'sites'"
        ).fetchall()
    )
    assert found["area_ha"] == "Area (ha)"
    assert found["score"] == "Score (share, 0 to 1)"
    meaning = base.execute(
        "SELECT description FROM gpkg_data_columns WHERE table_name = 'sites' AND column_name = 'rank'"
    ).fetchone()[0]
    assert meaning == "1 = best"


def test_the_geopackage_is_whole_after_it_was_dressed(base) -> None:
    assert base.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert base.execute("PRAGMA foreign_key_check").fetchall() == []
    listed = {row[0] for row in base.execute("SELECT table_name FROM gpkg_contents")}
    there = {row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert listed <= there
    named = {row[0] for row in base.execute("SELECT extension_name FROM gpkg_extensions")}
    assert {"gpkg_schema", "gpkg_metadata"} <= named


def test_every_format_says_whom_to_name_and_under_which_licence(coarse_saved, base) -> None:
    study, out = coarse_saved
    told = credits_of_file(study.data)
    assert told["licence"]
    assert json.loads(base.execute("SELECT metadata FROM gpkg_metadata").fetchone()[0]) == told
    for path in sorted(out.glob("*.geojson")):
        collection = json.loads(path.read_text(encoding="utf-8"))
        assert {k: collection[k] for k in told} == told, path.name
    for path in sorted(out.glob("*.parquet")):
        held = pq.read_schema(path).metadata
        assert held[b"attribution"].decode() == told["attribution"], path.name
    for path in sorted((out / "layers").glob("*.tif")):
        with rasterio.open(path) as opened:
            tags = opened.tags()
        assert tags["ATTRIBUTION"], path.name
        assert tags["LICENCE"], path.name
        assert tags["TIFFTAG_COPYRIGHT"], path.name


def test_each_street_is_there_once_and_says_its_modes(result) -> None:
    frame = result.data.layers["roads_drive"]
    own = frame.iloc[:1].assign(osm_id=99, geometry=[shapely.LineString([(0, 0), (1, 1)])])
    layers = {"roads_drive": frame, "roads_walk": frame.iloc[2:], "roads_cycle": own}
    streets = handed_over(layers)["streets"]
    assert len(streets) == len(frame) + 1
    assert streets["drive"].tolist() == [1] * len(frame) + [0]
    assert streets["walk"].tolist() == [0, 0] + [1] * (len(frame) - 2) + [0]
    assert streets["cycle"].tolist() == [0] * len(frame) + [1]
    assert streets.crs == frame.crs


def test_tags_keep_what_no_column_says() -> None:
    frame = gpd.GeoDataFrame(
        {
            "osm_type": ["way", "way"],
            "osm_id": [1, 2],
            "name": ["A", "B"],
            "kind": ["x", "x"],
            "tags": [{"highway": "road", "width": "6 m", "name": "A"}, {"highway": "road"}],
            "highway": ["road", "road"],
            "empty": ["", None],
        },
        geometry=[shapely.Point(0, 0)] * 2,
        crs=3857,
    )
    found = handed_over({"signals": frame})["signals"]
    assert found["tags"].tolist() == [{"width": "6 m"}, None]
    assert "empty" not in found
    assert handed_over({"building": frame}) == {}


def test_styles_fit_what_a_layer_holds() -> None:
    assert layer_style("osm_substation", 0).draw == "marker"
    assert layer_style("osm_substation", 2).draw == "fill"
    assert layer_style("osm_sewage_lines", 1).draw == "line"
    assert layer_style("osm_unheard_of", 1).classes[0].words == "osm_unheard_of"
    assert layer_style("osm_unheard_of", 1).hidden
    assert not layer_style("sites", 2).hidden
    styles = cell_styles(["water_gap", "suitability"], {})
    assert [s.column for s in styles] == ["water_gap", "suitability"]
    assert (styles[0].classes[0].low, styles[0].classes[-1].high) == (0.0, 1.0)


def test_classes_of_rasters_have_names_in_gdal_and_in_the_legend(out) -> None:
    names = ET.parse(out / "layers" / "transport_reading.tif.aux.xml").getroot()
    words = [c.text for c in names.iter("Category")]
    assert words[:2] == ["Not assessed", "Falls short"]
    style = ET.parse(out / "layers" / "transport_reading.qml").getroot()
    assert [e.get("label") for e in style.iter("paletteEntry")] == words
    ramp = ET.parse(out / "layers" / "transport_gap.qml").getroot()
    stops = [float(e.get("value")) for e in ramp.iter("item")]
    assert (stops[0], stops[-1]) == (0.0, 1.0)
    assert stops == sorted(stops)


def test_further_formats_hold_the_same_features(out, tmp_path, result) -> None:
    for name in ("study.gpkg",):
        shutil.copyfile(out / name, tmp_path / name)
    told = credits_of_file(result.data)
    save_more_formats(["pmtiles", "flatgeobuf"], tmp_path, credits_of=told)
    for layer in kind_of_layers(out / "study.gpkg"):
        ours = gpd.read_file(out / "study.gpkg", layer=layer)
        theirs = gpd.read_file(tmp_path / "flatgeobuf" / f"{layer}.fgb")
        assert len(ours) == len(theirs), layer
        assert ours.crs == theirs.crs
        assert ours.geometry.area.sum() == pytest.approx(theirs.geometry.area.sum())
    tiles = tmp_path / "pmtiles" / "districts.pmtiles"
    assert tiles.read_bytes()[:7] == b"PMTiles"
    assert len(gpd.read_file(tiles)) >= len(result.gaps.districts)


_OPEN = """
import json, os, sys
from qgis.core import *
app = QgsApplication([], False); app.initQgis()
project = QgsProject.instance()
read = project.read(sys.argv[1])
layers = list(project.mapLayers().values())
told = {
    "read": read, "title": project.title(), "crs": project.crs().isValid(),
    "broken": [l.name() for l in layers if not l.isValid()],
    "labelled": sorted(l.name() for l in layers if l.type() == 0 and l.labelsEnabled()),
    "renderers": {l.source().split("=")[-1]: l.renderer().type() for l in layers},
    "legend": [c.label() for l in layers if l.name().endswith("Transport: reading") and l.type() == 0
               for c in l.renderer().categories()],
    "shown": [n.layer().name() for n in project.layerTreeRoot().findLayers() if n.isVisible()],
    "far": [l.source() for l in layers if not l.source().startswith(sys.argv[2])],
}
sites = QgsVectorLayer(sys.argv[2] + "/study.gpkg|layername=sites", "s", "ogr")
told["alias"] = sites.attributeAlias(sites.fields().indexOf("area_ha"))
told["own_style"] = sites.labelsEnabled()
print("TOLD" + json.dumps(told), flush=True)
os._exit(0)  # taking QGIS down in order crashes now and then
"""


@pytest.mark.skipif(not _qgis_is_there(), reason="needs QGIS (apt-get install python3-qgis)")
def test_qgis_opens_project_and_geopackage_styled_wherever_the_folder_lies(out, tmp_path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(out, moved)
    done = subprocess.run(
        [QGIS, "-c", _OPEN, str(moved / "study.qgz"), str(moved)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "PATH": os.environ["PATH"]},
    )
    assert "TOLD" in done.stdout, done.stderr[-2000:]
    told = json.loads(done.stdout.partition("TOLD")[2].splitlines()[0])
    assert told["read"]
    assert told["crs"]
    assert told["broken"] == []
    assert told["far"] == []
    assert {"Candidate sites", "Districts"} <= set(told["labelled"])
    assert {"Candidate sites", "Districts", "Streets and paths"} <= set(told["shown"])
    assert sum(name.endswith(": reading") for name in told["shown"]) == 1
    assert told["legend"][1] == "Falls short"
    assert told["alias"] == "Area (ha)"
    assert told["own_style"]
