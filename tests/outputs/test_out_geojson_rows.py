"""Cells as GeoJSON are written column by column; GDAL, asked for the same rows, is the oracle."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kcity_geo.outputs import vectors
from kcity_geo.outputs.frames import cell_frame
from kcity_geo.outputs.geojson_rows import feature_texts, put_features
from kcity_geo.outputs.vectors import save_geojson

WORDS = ("a/b", 'said "so"', "back\\slash", "한글 é", "a\x7fb", "\U0001f3d9", "", "4", None)
NUMBERS = (0.0, -0.0, 12.0, 1 / 3, -5.25, 123456.789, 999999.5, 1e7, 1e15, np.nan)


@pytest.fixture(scope="module")
def odd_cells(result) -> gpd.GeoDataFrame:
    """Cells with every kind of text and number, the first without a text."""
    cells = cell_frame(result).iloc[:60].reset_index(drop=True)
    many = np.arange(len(cells))
    cells["excluded_by"] = np.array(WORDS, dtype=object)[(many - 1) % len(WORDS)]
    cells["suitability"] = np.array(NUMBERS)[many % len(NUMBERS)]
    cells["population"] = np.array(NUMBERS)[many // 3 % len(NUMBERS)]
    return cells


def _saved(path, cells, result) -> bytes:
    save_geojson(cells, path, id_column="cell_id", result=result, description="d", opened=True)
    return path.read_bytes()


def test_cells_are_written_as_gdal_writes_them(odd_cells, result, tmp_path, monkeypatch) -> None:
    kept = []

    def noted(*given) -> bool:
        kept.append(put_features(*given))
        return kept[-1]

    monkeypatch.setattr(vectors, "put_features", noted)
    ours = _saved(tmp_path / "gaps.geojson", odd_cells, result)
    assert kept == [True]
    monkeypatch.setattr(vectors, "feature_texts", lambda *_, **__: [])
    assert ours == _saved(tmp_path / "gaps.geojson", odd_cells, result)


def test_gdal_writes_all_where_the_first_differs(odd_cells, result, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(vectors, "feature_texts", lambda *_, **__: [])
        whole = _saved(tmp_path / "gaps.geojson", odd_cells, result)
    monkeypatch.setattr(vectors, "feature_texts", lambda frame, **_: ["{}"] * len(frame))
    assert whole == _saved(tmp_path / "gaps.geojson", odd_cells, result)


@pytest.mark.parametrize(
    "odd",
    [
        shapely.box(0, 0, 1, 1, ccw=False),
        shapely.Polygon([(0, 0), (2, 0), (2, 2), (1, 3), (0, 2)]),
        shapely.MultiPolygon([shapely.box(0, 0, 1, 1)]),
        shapely.LineString([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]),
        shapely.box(179.5, 0, 180, 1),
        shapely.box(0, 89.6, 1, 89.9),
        shapely.Polygon(),
        None,
    ],
    ids=["clockwise", "five corners", "parts", "line", "antimeridian", "pole", "empty", "none"],
)
def test_what_is_no_plain_square_is_left_to_gdal(odd) -> None:
    frame = gpd.GeoDataFrame(
        {"name": ["a", "b"]}, geometry=[shapely.box(5, 5, 6, 6), odd], crs=4326
    )
    assert feature_texts(frame, id_column="name", degree_decimals=6, figures=6) == []
    assert len(feature_texts(frame[:1], id_column="name", degree_decimals=6, figures=6)) == 1


@pytest.mark.parametrize("cell", [np.inf, True, 3 + 2j])
def test_columns_of_another_kind_are_left_to_gdal(cell) -> None:
    frame = gpd.GeoDataFrame(
        {"name": ["a"], "odd": [cell]}, geometry=[shapely.box(5, 5, 6, 6)], crs=4326
    )
    assert feature_texts(frame, id_column="name", degree_decimals=6, figures=6) == []
