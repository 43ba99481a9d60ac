from __future__ import annotations

import dataclasses
import json
import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.sites.rank import SITE_COLUMNS, rank_sites
from kcity_geo.outputs.frames import (
    cell_frame,
    grid_variables,
    merge_cells,
    opened_columns,
    site_frame,
)
from kcity_geo.outputs.vectors import save_geojson, save_geopackage, save_geoparquet


def _rings(geometry: dict) -> list[list[list[float]]]:
    if geometry["type"] == "Polygon":
        return geometry["coordinates"]
    return [ring for part in geometry["coordinates"] for ring in part]


def _signed_area(ring: list[list[float]]) -> float:
    xy = np.array(ring)
    return float(np.sum(xy[:-1, 0] * xy[1:, 1] - xy[1:, 0] * xy[:-1, 1]) / 2)


@pytest.fixture(scope="module")
def cells(result):
    return cell_frame(result)


@pytest.fixture(scope="module")
def sites_json(result, tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp("g") / "sites.geojson"
    frame = site_frame(result)
    # a clockwise outer ring with a hole the wrong way round
    hole = shapely.Polygon([(-50, -50), (50, -50), (50, 50), (-50, 50)])
    turned = shapely.Polygon(
        [(-100, -100), (-100, 100), (100, 100), (100, -100)], [hole.exterior.coords]
    )
    frame.loc[frame.index[0], "geometry"] = turned
    save_geojson(frame, path, id_column="site_id", result=result, description="Sites")
    return json.loads(path.read_text(encoding="utf-8"))


def test_geojson_is_rfc_7946(sites_json) -> None:
    assert "crs" not in sites_json
    west, south, east, north = sites_json["bbox"]
    assert -180 <= west < east <= 180
    assert 44 < south < north < 46
    for feature in sites_json["features"]:
        assert feature["bbox"]
        assert feature["id"] == feature["properties"]["site_id"]
        for number, ring in enumerate(_rings(feature["geometry"])):
            assert ring[0] == ring[-1]
            assert _signed_area(ring) != 0
            assert (_signed_area(ring) > 0) == (number == 0), "outer rings turn left, holes right"
            for lon, lat in ring:
                assert len(f"{lon!r}".partition(".")[2]) <= 7
                assert len(f"{lat!r}".partition(".")[2]) <= 7


def test_geojson_says_who_and_what_for(sites_json) -> None:
    assert "OpenStreetMap" in sites_json["attribution"]
    assert "procurement" in sites_json["notice"]
    assert "SYNTHETIC" in sites_json["notice"]


def test_geojson_numbers(sites_json, result) -> None:
    first = sites_json["features"][0]["properties"]
    assert first["score"] == pytest.approx(result.sites["score"].iloc[0], abs=1e-5)
    assert first["hand_m"] is None  # NaN is not 0
    assert [f["properties"]["rank"] for f in sites_json["features"]] == [1, 2, 3]
    assert set(first) == set(result.sites.columns) - {"geometry"}


def test_geojson_lands_on_the_right_place(result, tmp_path) -> None:
    path = tmp_path / "districts.geojson"
    save_geojson(
        result.gaps.districts, path, id_column="district_id", result=result, description="d"
    )
    back = gpd.read_file(path).to_crs(result.data.city.crs)
    assert (
        shapely.hausdorff_distance(back.geometry.union_all(), result.data.city.boundary_metric)
        < 0.1
    )  # 7 decimals are about a centimetre


def test_no_sites_is_still_geojson(build, tmp_path) -> None:
    empty = build(infeasible=True)
    path = tmp_path / "sites.geojson"
    save_geojson(site_frame(empty), path, id_column="site_id", result=empty, description="none")
    assert json.loads(path.read_text(encoding="utf-8"))["features"] == []


def test_cells_hold_every_variable_and_no_invented_number(result, cells) -> None:
    data = result.data
    assert len(cells) == int(data.inside.sum())
    assert set(grid_variables(result)) <= set(cells.columns)
    assert cells["cell_id"].is_unique
    assert set(cells["district_id"]) == {"d1", "d2", "d3", "d4"}
    assert cells["water_gap"].isna().all()
    lived = cells["population"] >= 1
    assert set(cells["water_reading"][lived]) == {"Not assessed"}
    assert set(cells["water_reading"][~lived]) <= {"Not assessed", "Nobody lives here"}
    assert cells["population"].sum() == pytest.approx(np.nansum(data.array("population")))
    # a cell's polygon and its value belong together
    flat = np.flatnonzero(data.inside.ravel())[7]
    x, y = (data.cube["x"].to_numpy(), data.cube["y"].to_numpy())
    row, column = divmod(int(flat), data.grid.shape[1])
    assert cells.geometry.iloc[7].centroid.x == pytest.approx(x[column])
    assert cells.geometry.iloc[7].centroid.y == pytest.approx(y[row])
    gap = result.gaps.cells["transport_gap"].to_numpy()[row, column]
    assert cells["transport_gap"].iloc[7] == pytest.approx(gap)


def test_cells_say_which_rule_excludes_them(result, cells) -> None:
    assert set(cells["excluded_by"]) == {"Steep land", "open"}
    assert ((cells["excluded_by"] == "open") == (cells["excluded"] == 0)).all()
    merged = merge_cells(result, cells, max_cells=100)
    assert set(merged["excluded_by"]) <= {"Steep land", "open"}
    most = merged[merged["excluded"] > 0.6]
    assert len(most)
    assert (most["excluded_by"] == "Steep land").all()


@settings(max_examples=12)
@given(st.integers(4, 400))
def test_merged_cells_keep_people_area_and_columns(result, cells, limit) -> None:
    merged = merge_cells(result, cells, max_cells=limit)
    assert len(merged) <= limit
    assert list(merged.columns) == list(cells.columns)
    assert merged["cells"].sum() == len(cells)
    assert merged["population"].sum() == pytest.approx(cells["population"].sum())
    assert merged["cell_id"].is_unique
    assert merged.geometry.union_all().buffer(0.01).covers(cells.geometry.union_all())
    assert merged["transport_gap"].between(0, 1).all()
    people = cells["population"].to_numpy()
    total = (people * cells["transport_gap"]).sum()
    known = merged["population"] * merged["transport_gap"]
    assert known.sum() == pytest.approx(total)  # gap-persons survive the merging


def test_few_cells_are_not_merged(result, cells) -> None:
    assert merge_cells(result, cells) is cells


def test_cells_that_people_open_have_few_columns_and_digits(result, cells, tmp_path) -> None:
    path = tmp_path / "gaps.geojson"
    save_geojson(
        cells, path, id_column="cell_id", result=result, description="gaps by cell", opened=True
    )
    told = json.loads(path.read_text(encoding="utf-8"))
    assert len(told["features"]) == len(cells)
    first = told["features"][0]
    kept = set(first["properties"])
    assert kept == set(opened_columns(cells)) - {"geometry"}
    assert {"cell_id", "population", "transport_gap", "transport_reading", "suitability"} <= kept
    assert kept.isdisjoint({"transport_gap_lo", "T1", "slope_pct_score"})
    assert "bbox" not in first
    for feature, gap in zip(told["features"], cells["transport_gap"], strict=True):
        written = feature["properties"]["transport_gap"]
        assert written is None if np.isnan(gap) else abs(written - gap) <= 0.0005
        for lon, lat in _rings(feature["geometry"])[0]:
            assert len(f"{lon!r}".partition(".")[2]) <= 6
            assert len(f"{lat!r}".partition(".")[2]) <= 6
    save_geopackage(result, cells, tmp_path / "study.gpkg")
    table = gpd.read_file(tmp_path / "study.gpkg", layer="cells")
    assert list(table.columns) == opened_columns(cells)
    np.testing.assert_allclose(table["transport_gap"], cells["transport_gap"], atol=0.0005001)
    assert all(len(f"{v!r}".partition(".")[2]) <= 3 for v in table["transport_gap"].dropna())


def test_geoparquet_is_1_1_with_boxes(cells, tmp_path) -> None:
    path = tmp_path / "cells.parquet"
    save_geoparquet(cells, path)
    meta = json.loads(pq.read_metadata(path).metadata[b"geo"])
    assert meta["version"] == "1.1.0"
    assert "covering" in meta["columns"]["geometry"]
    back = gpd.read_parquet(path)
    assert back.crs == cells.crs
    assert len(back) == len(cells)


def test_geopackage_opens_with_all_layers(result, cells, tmp_path) -> None:
    path = tmp_path / "study.gpkg"
    save_geopackage(result, cells, path)
    names = [name for name, _ in pyogrio.list_layers(path)]
    assert {"boundary", "districts", "cells", "sites", "survey_tasks", "osm_streets"} <= set(names)
    assert {"osm_health_points", "osm_health_areas", "indicators", "inventory"} <= set(names)
    assert "osm_water_point" not in names  # empty: the inventory says 0
    roads = gpd.read_file(path, layer="osm_streets")
    assert json.loads(roads["tags"].iloc[0]) == {"a": "b"}
    assert roads.crs == result.data.city.crs or roads.crs.is_projected
    assert len(gpd.read_file(path, layer="sites")) == 3
    assert gpd.read_file(path, layer="sites")["hand_m"].isna().all()


def test_geopackage_of_an_empty_study(build, tmp_path) -> None:
    empty = build(infeasible=True)
    path = tmp_path / "study.gpkg"
    save_geopackage(empty, cell_frame(empty), path)
    assert len(gpd.read_file(path, layer="sites")) == 0


@pytest.mark.filterwarnings("ignore:Industrial complex. no site")
def test_no_sites_keep_their_columns(build, tmp_path) -> None:
    """The empty layer has every column with its kind, and the empty collection is plain GeoJSON."""
    empty = build(infeasible=True)
    empty = dataclasses.replace(empty, sites=rank_sites(empty.score, empty.data))
    path = tmp_path / "study.gpkg"
    save_geopackage(empty, cell_frame(empty), path)
    info = pyogrio.read_info(path, layer="sites")
    kinds = dict(zip(info["fields"], info["ogr_types"], strict=True))
    assert set(kinds) == set(SITE_COLUMNS)
    assert kinds["rank"] == "OFTInteger64"
    assert kinds["score"] == kinds["hand_m"] == "OFTReal"
    assert kinds["reasons"] == kinds["district"] == "OFTString"
    path = tmp_path / "sites.geojson"
    save_geojson(site_frame(empty), path, id_column="site_id", result=empty, description="none")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["type"] == "FeatureCollection"
    assert found["features"] == []
    assert "bbox" not in found
    assert "crs" not in found


def test_hostile_names_reach_gis_as_text(build, tmp_path) -> None:
    hostile = build(name='=1+1 {{7*7}} </script> "\x00 שלום 🏭')
    path = tmp_path / "study.gpkg"
    save_geopackage(hostile, cell_frame(hostile), path)
    name = gpd.read_file(path, layer="osm_streets")["name"].iloc[0]
    assert name == '=1+1 {{7*7}} </script> " שלום 🏭'
    target = tmp_path / "d.geojson"
    save_geojson(
        hostile.gaps.districts, target, id_column="district_id", result=hostile, description=name
    )
    assert name in {
        f["properties"]["name"] for f in json.loads(target.read_text(encoding="utf-8"))["features"]
    }


def test_lists_of_reasons_become_text(build) -> None:
    given_result = build()
    given_result.sites["reasons"] = [["near a road", "flat"]] * 3
    assert site_frame(given_result)["reasons"].iloc[0] == "near a road; flat"


def test_stops_of_the_timetable_are_a_layer_with_their_service(result, tmp_path) -> None:
    from kcity_geo.outputs.columns import column_table

    cells = cell_frame(result)
    stops = gpd.GeoDataFrame(
        {
            "stop_id": ["a", "b"],
            "headway_peak_min": [12.5, np.inf],
            "service_span_h": [15.0, np.nan],
        },
        geometry=result.sites.geometry.representative_point().iloc[[0, 0]].to_numpy(),
        crs=result.data.city.crs,
    )
    timed = dataclasses.replace(result, data=dataclasses.replace(result.data, transit=stops))
    save_geopackage(timed, cells, tmp_path / "study.gpkg")
    found = gpd.read_file(tmp_path / "study.gpkg", layer="timetable_stops")
    assert found["stop_id"].tolist() == ["a", "b"]
    assert found["headway_peak_min"][0] == 12.5
    assert np.isnan(found["headway_peak_min"][1])
    about = column_table(timed, cells).query("table == 'timetable_stops'").set_index("column")
    assert about.loc["headway_peak_min", "unit"] == "min"
    save_geopackage(result, cells, tmp_path / "plain.gpkg")
    assert "timetable_stops" not in gpd.list_layers(tmp_path / "plain.gpkg")["name"].tolist()


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime(["2024-06-25T12:00:00", None]),
        pd.to_datetime(["2024-06-25T12:00:00Z", None]),
        pd.to_datetime(["2024-06-25T21:00:00+09:00", None]),
        pd.to_datetime(["2024-06-25T12:00:00.250", None]),
        pd.to_datetime(["2024-06-25 12:00", None]).astype("datetime64[s]"),
    ],
    ids=["no zone", "utc", "korea", "milliseconds", "seconds"],
)
def test_times_of_a_geopackage_are_utc_and_end_with_z(tmp_path, times) -> None:
    import sqlite3

    from kcity_geo.outputs.vectors import _append, _clean

    frame = gpd.GeoDataFrame(
        {"last_edit": times}, geometry=[shapely.Point(1, 2), shapely.Point(3, 4)], crs=4326
    )
    _append(_clean(frame), tmp_path / "a.gpkg", layer="a", first=True, about="a")
    with sqlite3.connect(tmp_path / "a.gpkg") as base:
        first, second = base.execute("SELECT last_edit FROM a ORDER BY fid").fetchall()
    assert re.fullmatch(r"2024-06-25T12:00:00(\.\d{3})?Z", first[0])
    assert second[0] is None


def test_geojson_keeps_every_corner_to_a_centimetre(result, tmp_path) -> None:
    """Corners on no round number of degrees: with four decimals they would be up to 6 m off."""
    frame = result.gaps.districts.iloc[:1].copy()
    x, y = frame.geometry.iloc[0].representative_point().coords[0]
    corners = [(x, y), (x + 123.457, y + 11.113), (x + 97.771, y + 88.889), (x - 3.331, y + 71.017)]
    frame["geometry"] = [shapely.Polygon(corners)]
    path = tmp_path / "districts.geojson"
    save_geojson(frame, path, id_column="district_id", result=result, description="d")
    back = gpd.read_file(path).to_crs(result.data.city.crs).geometry.iloc[0]
    away = shapely.distance(shapely.points(corners), shapely.points(back.exterior.coords)[:, None])
    assert away.min(axis=0).max() < 0.02
