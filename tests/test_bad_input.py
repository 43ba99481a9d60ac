"""Bad input: one clear line, exit code 2, before work starts, and nothing overwritten."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin
from typer.testing import CliRunner

from kcity_geo.cli import app
from kcity_geo.errors import OutputError
from kcity_geo.outputs.folder import check_out_dir

RUNNER = CliRunner()


def toml(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    return repr(value)


def write_study(folder: Path, changes: dict, town: Path) -> Path:
    """The study of the demo town with absolute paths, and with `changes` to its tables."""
    raw = tomllib.loads((town / "study.toml").read_text(encoding="utf-8"))
    for key, value in raw["sources"].items():
        raw["sources"][key] = str(town / value)
    for key in ("boundary", "districts"):
        raw["city"][key] = str(town / raw["city"][key])
    if "table" in raw.get("official", {}):
        raw["official"]["table"] = str(town / raw["official"]["table"])
    for table, content in changes.items():
        raw[table] = {**raw.get(table, {}), **content}
        raw[table] = {k: v for k, v in raw[table].items() if v is not None}
    text = "\n".join(
        f"[{table}]\n" + "\n".join(f"{k} = {toml(v)}" for k, v in content.items())
        for table, content in raw.items()
    )
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def finished(tmp_path) -> Path:
    """A result folder of an earlier study, that a failed run must leave alone."""
    out = tmp_path / "out"
    out.mkdir()
    for name in ("map.html", "study.toml", "report.html", "sites.geojson"):
        (out / name).write_text(f"earlier {name}")
    return out


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(study: Path, out: Path, words: str) -> None:
    before = snapshot(out) if out.is_dir() else None
    result = RUNNER.invoke(app, ["run", str(study), "--out", str(out), "--quiet"])
    assert result.exit_code == 2, (result.output, result.exception)
    lines = [line for line in result.stderr.strip().splitlines() if line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert words.lower() in lines[0].lower(), lines[0]
    if before is not None:
        assert snapshot(out) == before
    assert not [p for p in out.parent.iterdir() if p.name.startswith((".out", "out."))]


def raster(
    path: Path, value: float, *, crs="EPSG:4326", west=-27.2, north=45.2, nodata=None
) -> str:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=500,
        width=500,
        count=1,
        dtype="float64",
        crs=crs,
        transform=from_origin(west, north, 0.001, 0.001),
        nodata=nodata,
    ) as dataset:
        dataset.write(np.full((1, 500, 500), value))
    return str(path)


def boundary(path: Path, geometry, crs=4326) -> str:
    gpd.GeoDataFrame({"n": [1]}, geometry=[geometry], crs=crs).to_file(path)
    return str(path)


def lines(path: Path, geometry, voltage="33 kV") -> str:
    gpd.GeoDataFrame({"voltage": [voltage]}, geometry=[geometry], crs=4326).to_file(path)
    return str(path)


FAULTS = {
    "missing PBF": (lambda _d, _t: {"sources": {"osm": "none.osm.pbf"}}, "does not exist"),
    "empty PBF": (lambda d, _t: {"sources": {"osm": make(d / "e.osm.pbf", b"")}}, "empty"),
    "truncated PBF": (
        lambda d, t: {
            "sources": {"osm": make(d / "t.osm.pbf", (t / "city.osm.pbf").read_bytes()[:40_000])}
        },
        "t.osm.pbf",
    ),
    "PBF that is none": (
        lambda d, _t: {"sources": {"osm": make(d / "n.osm.pbf", b"hello" * 99)}},
        "n.osm.pbf",
    ),
    "PBF elsewhere": (
        lambda d, _t: {
            "city": {
                "boundary": boundary(d / "b.geojson", shapely.box(7, 43, 7.1, 43.1)),
                "districts": None,
            },
            "sources": dict.fromkeys(
                ("elevation", "population", "built", "landcover", "nightlights", "solar", "gtfs")
            ),
            "official": {"table": None},
        },
        "does not overlap",
    ),
    "boundary a line": (
        lambda d, _t: {
            "city": {
                "boundary": boundary(d / "b.geojson", shapely.LineString([(-27, 45), (-27.1, 45)]))
            }
        },
        "LineString",
    ),
    "boundary at infinity": (
        lambda d, _t: {
            "city": {
                "boundary": make(
                    d / "b.geojson",
                    b'{"type":"Polygon","coordinates":[[[0,0],[1e400,0],[1,1],[0,0]]]}',
                )
            }
        },
        "no place on earth",
    ),
    "boundary 10 degrees wide": (
        lambda d, _t: {
            "city": {"boundary": boundary(d / "b.geojson", shapely.box(-30, 45, -20, 46))}
        },
        "10.0 degrees",
    ),
    "raster without CRS": (
        lambda d, _t: {"sources": {"elevation": raster(d / "r.tif", 5, crs=None)}},
        "no CRS",
    ),
    "raster of nodata": (
        lambda d, _t: {"sources": {"population": raster(d / "r.tif", -200, nodata=-200)}},
        "only nodata",
    ),
    "raster elsewhere": (
        lambda d, _t: {"sources": {"population": raster(d / "r.tif", 5, west=50)}},
        "does not overlap",
    ),
    "negative persons": (lambda d, _t: {"sources": {"population": raster(d / "r.tif", -7)}}, "-7"),
    "daily irradiation": (lambda d, _t: {"sources": {"solar": raster(d / "r.tif", 4.2)}}, "365"),
    "across the 180th meridian": (
        lambda _d, _t: {"city": {"bbox": [179.99, 0, -179.99, 0.1], "boundary": None}},
        "180th meridian",
    ),
    "unknown project": (
        lambda _d, _t: {"study": {"project": "new_twon"}},
        "did you mean 'new_town'",
    ),
    "unknown criterion": (
        lambda _d, _t: {"suitability": {"weights": {"slop_pct": 1}}},
        "did you mean 'slope_pct'",
    ),
    "unknown key": (lambda _d, _t: {"study": {"cel_m": 5}}, "did you mean 'cell_m'"),
    "negative weight": (
        lambda _d, _t: {"suitability": {"weights": {"slope_pct": -1}}},
        "slope_pct",
    ),
    "cell 0": (lambda _d, _t: {"study": {"cell_m": 0}}, "cell_m"),
    "cell 1": (lambda _d, _t: {"study": {"cell_m": 1}}, "cell_m"),
    "cell too small": (lambda _d, _t: {"study": {"cell_m": 1.5}}, "use at least"),
    "cell larger than the city": (lambda _d, _t: {"study": {"cell_m": 1e6}}, "study.cell_m"),
    "boundary of one metre": (
        lambda d, _t: {
            "city": {
                "boundary": boundary(d / "b.geojson", shapely.box(-27, 45, -26.99999, 45.00001)),
                "districts": None,
            }
        },
        "check that the boundary",
    ),
    "a word for a number": (
        lambda _d, _t: {"transport": {"low_capacity_m": "near"}},
        "transport.low_capacity_m: needs a number",
    ),
    "no power lines": (lambda _d, _t: {"sources": {"power_lines": "no.gpkg"}}, "does not exist"),
    "power lines elsewhere": (
        lambda d, _t: {
            "sources": {
                "power_lines": lines(d / "l.geojson", shapely.LineString([(7, 43), (8, 44)]))
            }
        },
        "lies elsewhere",
    ),
    "raster in a local CRS": (
        lambda d, _t: {"sources": {"elevation": raster(d / "r.tif", 5, crs=LOCAL)}},
        "local system",
    ),
    "boundary in a local CRS": (
        lambda d, _t: {
            "city": {
                "boundary": boundary(d / "b.gpkg", shapely.box(0, 0, 9, 9), crs=LOCAL),
                "districts": None,
            }
        },
        "local system",
    ),
    "land cover as people": (
        lambda _d, t: {"sources": {"population": str(t / "landcover.tif")}},
        "classes",
    ),
    "fill value as people": (
        lambda d, _t: {"sources": {"population": raster(d / "r.tif", 65535)}},
        "per km2",
    ),
    "monthly irradiation": (
        lambda d, _t: {"sources": {"solar": raster(d / "r.tif", 126)}},
        "126",
    ),
    "darkness below zero": (
        lambda d, _t: {"sources": {"nightlights": raster(d / "r.tif", -5)}},
        "mean -5",
    ),
    "a hundred times the people": (
        lambda _d, _t: {"official": {"population": 6_000_000}},
        "official.population",
    ),
    "remote path": (
        lambda _d, _t: {"sources": {"elevation": "/vsicurl/http://127.0.0.1/a.tif"}},
        "not a local file",
    ),
}


LOCAL = 'LOCAL_CS["yard",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'


def make(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("name", FAULTS)
def test_bad_input_is_refused_in_one_line(tmp_path, finished, hanbit_town, name) -> None:
    changes, words = FAULTS[name]
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    study = write_study(inputs, changes(inputs, hanbit_town), hanbit_town)
    refused(study, finished, words)


def test_a_boundary_in_another_crs_or_crossing_itself_is_mended(tmp_path, hanbit_town) -> None:
    import kcity_geo as kc

    plain = kc.find_city(
        kc.load_study(write_study(tmp_path, {"city": {"districts": None}}, hanbit_town))
    )
    other = boundary(tmp_path / "b.gpkg", plain.boundary_metric, crs=plain.crs)
    study = kc.load_study(
        write_study(tmp_path, {"city": {"boundary": other, "districts": None}}, hanbit_town)
    )
    assert kc.find_city(study).area_km2 == pytest.approx(plain.area_km2, rel=1e-6)
    west, south, east, north = plain.boundary.bounds
    bow = shapely.Polygon([(west, south), (east, north), (east, south), (west, north)])
    crossing = boundary(tmp_path / "bow.geojson", bow)
    study = kc.load_study(
        write_study(tmp_path, {"city": {"boundary": crossing, "districts": None}}, hanbit_town)
    )
    with pytest.warns(kc.KCityWarning, match="repaired"):
        assert kc.find_city(study).boundary.is_valid


def test_own_power_lines_stand_beside_those_of_osm(tmp_path, hanbit_town) -> None:
    import kcity_geo as kc

    only = dict.fromkeys(("elevation", "built", "landcover", "nightlights", "solar", "gtfs"))
    across = lines(tmp_path / "l.geojson", shapely.LineString([(-27.02, 45), (-26.98, 45)]))
    plain = kc.load(kc.load_study(write_study(tmp_path, {"sources": only}, hanbit_town)))
    changes = {"sources": {**only, "power_lines": across}}
    data = kc.load(kc.load_study(write_study(tmp_path, changes, hanbit_town)))
    own = data.layers["power_line"].query("osm_type == 'file'")
    assert len(data.layers["power_line"]) == len(plain.layers["power_line"]) + 1
    assert own["voltage_v"].tolist() == [33_000]
    assert own.length.sum() == pytest.approx(3154, rel=0.01)  # 0.04 degrees at 45 north
    assert "power_lines" in {about.id for about in data.provenance}


def test_own_power_lines_with_a_voltage_in_words_count_to_no_class(tmp_path, hanbit_town) -> None:
    import geopandas as gpd

    import kcity_geo as kc
    from kcity_geo.analysis.energy.grid import line_classes
    from kcity_geo.settings import settings_of

    frame = gpd.GeoDataFrame(
        {"voltage": ["medium", "MT", "33 kV", None]},
        geometry=[shapely.LineString([(-27.02, 45 + i / 1e3), (-26.98, 45)]) for i in range(4)],
        crs=4326,
    )
    frame.to_file(tmp_path / "l.geojson")
    only = dict.fromkeys(("elevation", "built", "landcover", "nightlights", "solar", "gtfs"))
    changes = {"sources": {**only, "power_lines": str(tmp_path / "l.geojson")}}
    with pytest.warns(kc.KCityWarning, match="2 of 4 lines of l.geojson have a voltage that holds"):
        data = kc.load(kc.load_study(write_study(tmp_path, changes, hanbit_town)))
    own = data.layers["power_line"].query("osm_type == 'file'")
    classes = line_classes(own, settings_of("energy", None)).tolist()
    assert classes == ["unknown", "unknown", "mv", "hv"]
    listed = data.unreadable_tags.query("osm_type == 'file'")
    assert listed[["osm_id", "key", "value"]].to_numpy().tolist() == [
        [-1, "voltage", "medium"],
        [-2, "voltage", "MT"],
    ]


def test_the_polygons_of_a_file_with_several_layers_are_the_boundary(tmp_path, hanbit_town) -> None:
    import kcity_geo as kc

    path = tmp_path / "many.gpkg"
    line = shapely.LineString([(-27, 45), (-26.99, 45)])
    gpd.GeoDataFrame({"a": [1]}, geometry=[line], crs=4326).to_file(path, layer="streets")
    box = shapely.box(-27.01, 44.99, -26.99, 45.01)
    gpd.GeoDataFrame({"a": [1]}, geometry=[box], crs=4326).to_file(path, layer="outline")
    changes = {"city": {"boundary": str(path), "districts": None}}
    city = kc.find_city(kc.load_study(write_study(tmp_path, changes, hanbit_town)))
    assert city.boundary.equals(box)


def test_protected_areas_of_your_own_stand_beside_those_of_osm(tmp_path, hanbit_town) -> None:
    import kcity_geo as kc

    only = dict.fromkeys(("elevation", "built", "landcover", "nightlights", "solar", "gtfs"))
    own = boundary(tmp_path / "p.geojson", shapely.box(-27.01, 44.99, -27.0, 45.0))
    plain = kc.load(kc.load_study(write_study(tmp_path, {"sources": only}, hanbit_town)))
    changes = {"sources": {**only, "protected": own}}
    data = kc.load(kc.load_study(write_study(tmp_path, changes, hanbit_town)))
    assert len(data.layers["protected"]) == len(plain.layers["protected"]) + 1
    row = data.layers["protected"].query("osm_type == 'file'").iloc[0]
    assert row["tags"] == {}
    assert row.geometry.area == pytest.approx(789 * 1111, rel=0.01)  # 0.01 degrees each way at 45 N


def test_an_unread_voltage_of_your_own_line_is_kept_and_told(tmp_path, hanbit_town) -> None:
    import kcity_geo as kc

    only = dict.fromkeys(("elevation", "built", "landcover", "nightlights", "solar", "gtfs"))
    across = shapely.LineString([(-27.02, 45), (-26.98, 45)])
    own = lines(tmp_path / "l.geojson", across, voltage="medium")
    changes = {"sources": {**only, "power_lines": own}}
    with pytest.warns(kc.KCityWarning):
        data = kc.load(kc.load_study(write_study(tmp_path, changes, hanbit_town)))
    row = data.layers["power_line"].query("osm_type == 'file'").iloc[0]
    assert row["tags"] == {"voltage": "medium"}
    assert np.isnan(row["voltage_v"])
    assert "medium" in data.unreadable_tags["value"].tolist()


def test_output_that_is_a_file_or_another_folder_is_refused(tmp_path, hanbit_town) -> None:
    study = write_study(tmp_path, {}, hanbit_town)
    (tmp_path / "file").write_text("mine")
    refused(study, tmp_path / "file", "file")
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("mine")
    refused(study, tmp_path / "photos", "photos")
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, hanbit_town) -> None:
    """As another user when we are root, since nothing stops root."""
    study = write_study(tmp_path, {}, hanbit_town)
    with pytest.raises(OutputError, match="cannot be used"):
        check_out_dir(tmp_path / ("x" * 300))
    if os.geteuid() != 0:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        refused(study, locked / "out", "locked")
        return
    if not Path("/proc/version").exists():
        pytest.skip("root can write everywhere and there is no /proc here")
    with pytest.raises(OutputError, match="cannot be written"):
        check_out_dir("/proc/out")
    done = subprocess.run(
        [sys.executable, "-m", "kcity_geo.cli", "run", str(study), "--out", "/proc/out", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_no_traceback_for_a_study_file_that_is_no_file(tmp_path) -> None:
    result = RUNNER.invoke(
        app, ["run", str(tmp_path / "none.toml"), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 2
    assert "no such study file" in result.stderr
    assert shutil.which("kcity") is None or "Traceback" not in result.stderr
