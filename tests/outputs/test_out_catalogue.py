"""What a folder says of itself: data package, STAC item, GeoLibre project; read by others."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from kcity_geo.analysis.gaps.words import READINGS


@pytest.fixture(scope="module")
def out(coarse_saved):
    return coarse_saved[1]


def _told(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_data_package_names_every_file_with_its_checksum(out) -> None:
    """Rules of Data Package 2.0: names, one path each, below the folder; hash with its algorithm."""
    package = _told(out / "datapackage.json")
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert re.fullmatch(r"[a-z0-9._-]+", package["name"])
    assert package["licenses"]
    assert all(row.get("name") or row.get("path") for row in package["licenses"])
    assert all(row["title"] for row in package["sources"])
    names = [one["name"] for one in package["resources"]]
    assert len(set(names)) == len(names)
    paths = {one["path"] for one in package["resources"]}
    there = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert paths == there - {"datapackage.json", "ledger.json"}
    for one in package["resources"]:
        content = (out / one["path"]).read_bytes()
        assert one["bytes"] == len(content)
        assert one["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert re.fullmatch(r"[a-z0-9._-]+", one["name"])


def test_the_columns_of_a_table_are_those_of_its_file(out) -> None:
    for one in _told(out / "datapackage.json")["resources"]:
        if "schema" in one:
            head = (out / one["path"]).read_text(encoding="utf-8").splitlines()[0].split(",")
            assert [field["name"] for field in one["schema"]["fields"]] == head, one["path"]


def test_a_stac_reader_takes_the_item(out) -> None:
    pystac = pytest.importorskip("pystac")
    item = pystac.Item.from_file(str(out / "stac-item.json"))
    pytest.importorskip("jsonschema")
    item.validate()
    assert item.datetime is not None
    west, south, east, north = item.bbox
    assert west < east
    assert south < north
    for asset in item.assets.values():
        assert (out / asset.href.removeprefix("./").rpartition("/./")[2]).exists()


def test_the_geolibre_project_is_whole_in_itself(coarse_saved) -> None:
    study, out = coarse_saved
    project = _told(out / "study.geolibre.json")
    assert project["version"] == "0.1.0"
    assert project["basemapStyleUrl"] == ""
    assert "http" not in json.dumps([row["source"] for row in project["layers"]])
    names = [layer["name"] for layer in project["layers"]]
    assert names[-1] == "Candidate sites"
    for layer in project["layers"]:
        assert layer["geojson"]["type"] == "FeatureCollection"
        assert layer["geojson"]["features"]
    first = project["layers"][0]["style"]
    assert first["vectorStyleMode"] == "categorized"
    assert len(first["vectorStyleStops"]) == len(READINGS)
    assert project["metadata"]["attribution"]
    west, south, east, north = project["mapView"]["bbox"]
    assert [west, south, east, north] == pytest.approx(study.data.city.boundary.bounds, abs=1e-6)


def test_duckdb_reads_the_cells(coarse_saved) -> None:
    duckdb = pytest.importorskip("duckdb")
    study, out = coarse_saved
    told = duckdb.sql(
        f"SELECT count(*), sum(population) FROM read_parquet('{out / 'cells.parquet'}')"  # noqa: S608
    ).fetchall()[0]
    assert told[0] == int(study.data.inside.sum())
    assert told[1] == pytest.approx(float(study.data.cube["population"].sum()), rel=1e-6)
