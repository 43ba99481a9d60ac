"""Whoever opens a file finds the meaning, unit and source of each column, in one wording."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest

from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.analysis.sites.rank import SITE_COLUMNS
from kcity_geo.config import read_table
from kcity_geo.outputs.columns import column_table
from kcity_geo.outputs.frames import cell_frame


@pytest.fixture(scope="module")
def saved(coarse_saved):
    return coarse_saved


def _of(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    return frame[frame["table"] == table].set_index("column")


def test_every_column_of_every_table_is_explained(saved) -> None:
    study, out = saved
    frame = pd.read_csv(out / "columns.csv", keep_default_na=False)
    assert list(frame)[:5] == ["file", "table", "column", "meaning", "unit"]
    tables = {
        "cells": cell_frame(study).columns,
        "districts": study.gaps.districts.columns,
        "sites": study.sites.columns,
        "indicators": pd.read_csv(out / "indicators.csv").columns,
        "inventory": pd.read_csv(out / "inventory.csv").columns,
        "indicator_details": pd.read_csv(out / "indicator_details.csv").columns,
    }
    for name, columns in tables.items():
        rows = _of(frame, name)
        assert set(rows.index) == set(columns), name
        assert rows.index.is_unique
        assert (rows["meaning"].str.len() > 3).all()
        assert (rows["unit"] != "").all(), rows[rows["unit"] == ""]
        assert (rows["source"] != "").all()
    cells = _of(frame, "cells")
    for name in ("gaps.geojson", "study.gpkg"):
        layer = "cells" if name.endswith("gpkg") else None
        held = pyogrio.read_info(out / name, layer=layer)["fields"]
        assert set(cells.index[cells["file"].str.contains(name)]) == {*held, "geometry"} - {"id"}
    gpkg = gpd.read_file(out / "study.gpkg", layer="columns")
    assert list(gpkg["meaning"]) == list(frame["meaning"])


def test_the_words_are_those_of_the_reader_not_of_the_program(saved) -> None:
    study, _ = saved
    frame = column_table(study, cell_frame(study))
    cells = _of(frame, "cells")
    assert cells.loc["T1", "meaning"].startswith("People near public transport. Which")
    assert "as mapped" in cells.loc["transport_gap_raw", "meaning"]
    assert "first constraint" in cells.loc["excluded_by", "meaning"]
    assert cells.loc["population", "unit"] == "persons"
    assert "best three" in _of(frame, "sites").loc["top3_share", "meaning"]


def test_columns_that_studies_have_stand_in_the_table() -> None:
    """A new column of sites or districts needs a row in tables/columns.toml."""
    known = read_table("columns")
    assert set(SITE_COLUMNS) <= set(known["sites"])
    people = {f"people_{key}" for key in READINGS if key != "nobody"} | {"people_short"}
    told = {"gap", "gap_raw", "gap_lo", "gap_hi", "p_short", "evidence", "data", "reading"}
    assert set(known["gap"]) == told | people


def test_parquet_fields_carry_the_same_words(saved) -> None:
    study, out = saved
    frame = _of(column_table(study, cell_frame(study)), "cells")
    schema = pq.read_schema(out / "cells.parquet")
    for name in ("T1", "transport_gap_raw", "excluded", "cell_id"):
        told = schema.field(name).metadata
        assert told[b"meaning"].decode() == frame.loc[name, "meaning"]
        assert told[b"unit"].decode() == frame.loc[name, "unit"]
        assert told[b"source"]
    # A column is said to be a raster only where there is one.
    rasters = {path.stem for path in (out / "layers").glob("*.tif")}
    said = {name for name, file in frame["file"].items() if "layers/*.tif" in file}
    assert rasters
    assert said <= rasters
    back = gpd.read_parquet(out / "cells.parquet")
    assert back.crs == study.data.city.crs
    np.testing.assert_allclose(back["population"], cell_frame(study)["population"])
