"""Mutated maps, vector files and study files: a value or one line, never a traceback, a hang or a death."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import osmium
import pytest
import shapely

NAMES = ["Á", "북구", "C"]


def _osm(folder: Path, kind: str) -> Path:
    items = [
        f'<node id="{i}" version="1" lon="{9 + i / 1000}" lat="0.0{i}"/>' for i in range(1, 10)
    ]
    items += [
        f'<node id="{i}" version="1" lon="9.0{i % 9 + 1}" lat="0.05"><tag k="amenity" v="clinic"/>'
        f'<tag k="name" v="Clinic {i}"/></node>'
        for i in range(20, 60)
    ]
    items += [
        f'<way id="{i}" version="1"><nd ref="{i}"/><nd ref="{i + 1}"/><tag k="highway" v="residential"/></way>'
        for i in range(1, 9)
    ]
    items.append(
        '<way id="20" version="1"><nd ref="1"/><nd ref="5"/><nd ref="9"/><nd ref="1"/></way>'
    )
    items.append(
        '<relation id="1" version="1"><member type="way" ref="20" role="outer"/><tag k="type" v="multipolygon"/>'
        '<tag k="natural" v="water"/></relation>'
    )
    text = folder / "map.osm"
    text.write_text(
        f'<osm version="0.6"><bounds minlon="9" minlat="0" maxlon="9.1" maxlat="0.1"/>{"".join(items)}</osm>'
    )
    if kind == "osm":
        return text
    compression = "none" if kind == "raw" else "zlib"
    path = folder / "map.osm.pbf"
    form = osmium.io.File(str(path), f"pbf,pbf_compression={compression}")
    with osmium.SimpleWriter(form, overwrite=True) as writer:
        for item in osmium.FileProcessor(str(text)):
            writer.add(item)
    return path


def _vector(folder: Path, ending: str) -> Path:
    boxes = [shapely.box(9 + i / 30, 0, 9 + (i + 1) / 30, 0.1) for i in range(3)]
    frame = gpd.GeoDataFrame({"id": [1, 2, 3], "name": NAMES}, geometry=boxes, crs=4326)
    path = folder / f"d{ending}"
    if ending == ".parquet":
        frame.to_parquet(path)
    elif ending == ".zip":
        frame.to_file(folder / "d.geojson")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(folder / "d.geojson", "d.geojson")
    else:
        frame.to_file(path, **({"driver": "KML"} if ending == ".kml" else {}))
    return path


def _study(folder: Path) -> Path:
    path = folder / "study.toml"
    path.write_text(
        '[study]\nname = "fuzz"\nproject = "new_town"\ncell_m = 100.0\n[city]\nname = "X"\nbbox = [9.0, 0.0, 9.1, 0.1]\n'
        '[sources]\nosm = "map.osm.pbf"\nextra = { health = "c.csv" }\n[official]\npopulation = 5000\n'
        "[suitability]\nthreshold = 0.5\nmax_sites = 3\n[water]\n[standards]\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("reader", "kind"),
    [
        ("osm", "zlib"),
        ("osm", "raw"),
        ("osm", "osm"),
        ("districts", ".gpkg"),
        ("districts", ".geojson"),
        ("districts", ".shp"),
        ("districts", ".fgb"),
        ("districts", ".kml"),
        ("districts", ".parquet"),
        ("districts", ".zip"),
        ("study", "toml"),
    ],
)
def test_mutants(harness: Any, tmp_path: Path, reader: str, kind: str) -> None:
    sound = tmp_path / "sound"
    sound.mkdir()
    make = {"osm": _osm, "districts": _vector}.get(reader)
    sample = make(sound, kind) if make is not None else _study(sound)
    paths = harness.mutants(sample, tmp_path / "mutants", seed=1)
    if kind == ".shp":
        for path in paths:
            for part in (".shx", ".dbf", ".prj", ".cpg"):
                path.with_suffix(part).write_bytes(sample.with_suffix(part).read_bytes())
    found = harness.run_reader(f"tests/fuzz/vector_readers.py:{reader}", [sample, *paths])
    assert found[0].kind == "value", found[0]
    harness.assert_all_fine(found)
