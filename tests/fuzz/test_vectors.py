"""Mutated maps, vector files and study files: a value or one line, never a traceback, a hang or a death."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import osmium
import pyproj
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


def _unsaid(found: list[Any], plain: Any) -> list[str]:
    """Files whose rows hold what their bytes do not; what other means cannot read tells nothing."""
    wrong = []
    for outcome in found:
        try:
            held = plain(outcome.path)
        except Exception:  # noqa: BLE001, S112 - damaged for the other reader
            continue
        for name, *bounds in outcome.value:
            row = (name, *(f"{v:.6f}" for v in bounds))
            # A column of a type that GDAL does not know is left out, with all its names.
            if row not in held and not (name == "" and row[1:] in {one[1:] for one in held}):
                wrong.append(f"{outcome.path}: {row} not in {sorted(held)}")
    return wrong


PLAIN = {".gpkg": "geopackage", ".geojson": "geojson", ".kml": "kml"}
APART = {".fgb": "flatgeobuf", ".parquet": "parquet"}


def _held(harness: Any, reader: str, found: list[Any]) -> dict[Path, Any]:
    """What a plain reading in a process of its own finds in files; without those that it cannot read."""
    plain = harness.run_reader(f"tests/fuzz/plain_readers.py:{reader}", [o.path for o in found])
    return {one.path: one.value for one in plain if one.kind == "value"}


@pytest.mark.parametrize(
    "ending", [".gpkg", ".geojson", ".shp", ".fgb", ".kml", ".parquet", ".zip"]
)
def test_mutated_districts(harness: Any, plainly: Any, tmp_path: Path, ending: str) -> None:
    sound = tmp_path / "sound"
    sound.mkdir()
    sample = _vector(sound, ending)
    paths = harness.mutants(sample, tmp_path / "mutants", seed=1)
    if ending == ".shp":
        for path in paths:
            for part in (".shx", ".dbf", ".prj", ".cpg"):
                path.with_suffix(part).write_bytes(sample.with_suffix(part).read_bytes())
    found = harness.run_reader("tests/fuzz/vector_readers.py:districts", [sample, *paths])
    right = found[0].value
    assert sorted(row[0] for row in right) == sorted(NAMES), found[0]
    harness.assert_all_fine(found)
    read = [one for one in found if one.kind == "value"]
    if ending in PLAIN:
        assert not _unsaid(read, getattr(plainly, PLAIN[ending]))
    if ending in APART:
        held = _held(harness, APART[ending], read)
        assert sample in held
        assert not _unsaid(read, lambda path: {tuple(row) for row in held[path]})
    if ending == ".zip":  # a checksum of every member
        assert all(one.value == right for one in read)
    if ending == ".shp":  # the table is sound: no shape gets the name of another
        place = {row[0]: row[1] for row in right}
        near = [abs(row[1] - place[row[0]]) for one in read for row in one.value]
        assert sum(off > 0.02 for off in near) <= len(read)


@pytest.mark.parametrize("kind", ["zlib", "raw", "osm"])
def test_mutated_maps(harness: Any, plainly: Any, tmp_path: Path, kind: str) -> None:
    sound = tmp_path / "sound"
    sound.mkdir()
    paths = harness.mutants(_osm(sound, kind), tmp_path / "mutants", seed=1)
    sample = next(sound.glob("map.osm" if kind == "osm" else "*.pbf"))
    found = harness.run_reader("tests/fuzz/vector_readers.py:osm", [sample, *paths])
    right = found[0].value
    assert len(right["health"]) == 40, found[0]
    harness.assert_all_fine(found)
    read = [one for one in found[1:] if one.kind == "value"]
    if (
        kind == "zlib"
    ):  # a checksum of every block; a file that ends behind one is whole as far as it goes
        changed = [one for one in read if one.value != right]
        whole = sample.read_bytes()
        assert all(whole.startswith(one.path.read_bytes()) for one in changed), changed[:3]
    if kind == "raw":
        known = _held(harness, "osm_points", [found[0], *read])
        assert sample in known
        for one in read:
            rows = known.get(one.path)
            for _, number, name, x, y, *_ in one.value.get("health", []) if rows else ():
                assert [number, name, x, y] in rows, one.path
    if kind == "osm":
        to_metric = pyproj.Transformer.from_crs(4326, 32632, always_xy=True)
        for one in read:
            held = plainly.osm_points(one.path)
            for _, number, name, x, y, *_ in one.value.get("health", []):
                said = [
                    (known, *map(round, to_metric.transform(lon, lat)))
                    for known, lon, lat in held[number]
                ]
                assert (name, x, y) in said, one.path


def test_mutated_studies(harness: Any, plainly: Any, tmp_path: Path) -> None:
    sound = tmp_path / "sound"
    sound.mkdir()
    sample = _study(sound)
    paths = harness.mutants(sample, tmp_path / "mutants", seed=1)
    found = harness.run_reader("tests/fuzz/vector_readers.py:study", [sample, *paths])
    assert found[0].kind == "value", found[0]
    harness.assert_all_fine(found)
    for one in found:
        if one.kind == "value":
            held = plainly.toml(one.path)
            for section, values in one.value.items():
                assert section in held, one.path
                for key, value in values.items():
                    assert _same(value, held[section].get(key)), (one.path, section, key)


def _same(value: Any, held: Any) -> bool:
    """Whether a value is that of the file; numbers may have become decimal, lists tuples."""
    return bool(value == held or json.dumps(value) == json.dumps(held) or str(value) == str(held))
