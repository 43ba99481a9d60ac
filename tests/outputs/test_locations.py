"""Files of chosen sites are whole, read back as written, and refused before any work."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest

import kcity_geo as kc
from kcity_geo.demo.toy import UTM, make_toy
from kcity_geo.errors import OutputError
from kcity_geo.outputs.locations import check_located_path, save_located

NONE = gpd.GeoSeries([], crs=UTM)


@pytest.fixture(scope="module")
def answer():
    data = make_toy(arrays={"population": 10.0})
    return data, kc.locate(data, "air_sensor", p=2, candidates="cells", existing=NONE)


@pytest.mark.parametrize("ending", ["geojson", "gpkg"])
def test_sites_are_read_back(answer, tmp_path, ending):
    data, found = answer
    path = tmp_path / f"sites.{ending}"
    save_located(found, path, data=data)
    back = gpd.read_file(path)
    assert back["rank"].tolist() == [1, 2]
    assert (back.crs == UTM) == (ending == "gpkg")
    assert back.to_crs(UTM).distance(found.sites.geometry).max() < 0.02
    before = path.read_bytes()
    save_located(found, path, data=data)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_geojson_says_what_it_is(answer, tmp_path):
    data, found = answer
    save_located(found, tmp_path / "sites.geojson", data=data)
    text = json.loads((tmp_path / "sites.geojson").read_text(encoding="utf-8"))
    assert text["proof"] == found.proof
    assert "procurement" in text["notice"]


def test_who_goes_where_is_a_table(answer, tmp_path):
    data, found = answer
    save_located(found, tmp_path / "who.csv", data=data)
    back = pd.read_csv(tmp_path / "who.csv")
    assert back["persons"].sum() == pytest.approx(found.persons)


def test_no_site_is_a_file_too(tmp_path):
    data = make_toy(arrays={"population": 10.0})
    near = gpd.GeoSeries(gpd.points_from_xy([502_000], [5_002_000]), crs=UTM)
    found = kc.locate(data, "air_sensor", p=1, within_m=9000, candidates="cells", existing=near)
    save_located(found, tmp_path / "none.geojson", data=data)
    assert json.loads((tmp_path / "none.geojson").read_text(encoding="utf-8"))["features"] == []


@pytest.mark.parametrize("name", ["sites.shp", "sites", "missing/sites.csv"])
def test_a_name_that_cannot_be_written_is_refused(tmp_path, name):
    with pytest.raises(OutputError):
        check_located_path(tmp_path / name)
