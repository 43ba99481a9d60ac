"""People of districts: those of the pixels and of the table, not those of whole cells by area."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from kcity_geo.analysis.settlement.dasymetric import people_from_districts, pieces_from_districts
from kcity_geo.analysis.settlement.districts import district_parts
from kcity_geo.notes import collected, muted
from kcity_geo.sources.local.district_people import with_people
from kcity_geo.study import load
from kcity_geo.studyfile import check_study

WEST, SOUTH, EAST, NORTH = 28.0, -30.0, 28.05, -29.96


def study(folder, boxes, *, values=None, people=None, polygons=None, cell_m=100.0):
    """A city of 50 x 40 pixels of 0.001 degrees with districts, its people from one of three sources."""
    gpd.GeoDataFrame(geometry=[shapely.box(WEST, SOUTH, EAST, NORTH)], crs=4326).to_file(
        folder / "boundary.geojson"
    )
    gpd.GeoDataFrame(
        {"district_id": list(boxes), "name": list(boxes)}, geometry=list(boxes.values()), crs=4326
    ).to_file(folder / "districts.geojson")
    if values is not None:
        name = "people.tif"
        with rasterio.open(
            folder / name, "w", driver="GTiff", height=60, width=70, count=1, dtype="float64",
            crs="EPSG:4326", transform=from_origin(WEST - 0.01, NORTH + 0.01, 0.001, 0.001),
        ) as dataset:  # fmt: skip
            dataset.write(values, 1)
    elif polygons is not None:
        name = "people.gpkg"
        polygons.to_file(folder / name)
    else:
        name = "people.csv"
        pd.Series(people, name="population").rename_axis("district_id").to_csv(folder / name)
    return check_study(
        {
            "study": {"cell_m": cell_m},
            "city": {"name": "Here", "boundary": "boundary.geojson", "districts": "districts.geojson"},
            "sources": {"population": name},
        },
        folder=folder,
    )  # fmt: skip


def by_district(wanted):
    """Persons by district as the gap tables sum them, and the notes."""
    with muted(), collected() as told:
        data = load(wanted)
    people = np.nan_to_num(data.array("population"))
    found = district_parts(data).mean(np.ones(people.shape), people)["sum"].fillna(0.0)
    return found.to_dict(), float(people.sum()), told


def strips(*edges):
    ends = [WEST, *edges, EAST]
    return {
        chr(97 + i): shapely.box(a, SOUTH, b, NORTH)
        for i, (a, b) in enumerate(zip(ends[:-1], ends[1:], strict=True))
    }


@pytest.mark.parametrize("cell_m", [50.0, 100.0, 250.0])
def test_the_numbers_of_a_table_come_back(tmp_path, cell_m) -> None:
    people = {"a": 5000, "b": 8000, "c": 7000}
    found, total, _ = by_district(
        study(tmp_path, strips(28.0133, 28.0351), people=people, cell_m=cell_m)
    )
    assert found == pytest.approx(people, rel=1e-12)
    assert total == pytest.approx(20_000, rel=1e-12)


@pytest.mark.parametrize("cell_m", [100.0, 250.0])
def test_people_on_one_side_of_a_border_stay_there(tmp_path, cell_m) -> None:
    values = np.zeros((60, 70))
    values[:, :30] = 10.0  # ten persons in each pixel west of 28.02
    found, _, _ = by_district(study(tmp_path, strips(28.02), values=values, cell_m=cell_m))
    assert found["a"] == pytest.approx(8000, rel=1e-4)
    assert found["b"] == pytest.approx(0, abs=1e-9)


def test_districts_that_overlap_have_each_all_their_people_and_it_is_told(tmp_path) -> None:
    boxes = {
        "a": shapely.box(28.00, SOUTH, 28.03, NORTH),
        "b": shapely.box(28.02, SOUTH, EAST, NORTH),
    }
    found, total, told = by_district(study(tmp_path, boxes, values=np.ones((60, 70))))
    assert found == pytest.approx({"a": 1200, "b": 1200}, rel=1e-4)
    assert total == pytest.approx(2000, rel=1e-4)
    assert any("overlap" in t and "more than the city" in t for t in told)


def test_people_of_polygons_stay_on_their_side(tmp_path) -> None:
    blocks = gpd.GeoDataFrame(
        {"population": [900.0, 100.0]},
        geometry=[shapely.box(28.0, SOUTH, 28.0203, NORTH), shapely.box(28.0203, SOUTH, EAST, NORTH)],
        crs=4326,
    )  # fmt: skip
    found, _, _ = by_district(study(tmp_path, strips(28.0203), polygons=blocks, cell_m=250.0))
    assert found == pytest.approx({"a": 900, "b": 100}, rel=1e-4)


@settings(max_examples=6)
@given(seed=st.integers(0, 10**6), edges=st.sets(st.integers(1, 499), min_size=1, max_size=4))
def test_districts_have_the_people_of_their_pixels(tmp_path_factory, seed, edges) -> None:
    """Against exact fractions of pixels by another library; the districts add up to the city."""
    from exactextract import exact_extract

    folder = tmp_path_factory.mktemp("d")
    values = np.random.default_rng(seed).gamma(0.3, 40, (60, 70))
    boxes = strips(*(28.0 + e / 10_000 for e in sorted(edges)))
    found, total, _ = by_district(study(folder, boxes, values=values, cell_m=250.0))
    frame = gpd.read_file(folder / "districts.geojson")
    rows = exact_extract(str(folder / "people.tif"), frame, ["sum"], include_cols=["district_id"])
    exact = {r["properties"]["district_id"]: r["properties"]["sum"] for r in rows}
    assert sum(found.values()) == pytest.approx(total, rel=1e-9)
    for key, people in exact.items():
        assert found[key] == pytest.approx(people, rel=0.01, abs=0.002 * total)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.floats(0, 1e6)), min_size=1, max_size=30)
)  # fmt: skip
def test_parts_of_a_cell_add_up_and_nobody_is_divided_by_zero(rows) -> None:
    frame = pd.DataFrame(rows, columns=["cell", "district_id", "persons"]).drop_duplicates(
        ["cell", "district_id"]
    )
    frame["share"] = 1 / frame.groupby("cell")["cell"].transform("size")
    cells = np.bincount(frame["cell"], weights=frame["persons"], minlength=6).reshape(2, 3)
    out = with_people(frame, frame["persons"].to_numpy(), cells)
    sums = out.groupby("cell")["people_share"].sum()
    np.testing.assert_allclose(sums, 1.0, rtol=1e-9)
    back = out["people_share"] * cells.ravel()[out["cell"]]
    np.testing.assert_allclose(back, out["persons"], rtol=1e-9, atol=1e-6)


def test_pieces_and_cells_of_a_table_agree() -> None:
    shares = pd.DataFrame(
        {"cell": [0, 1, 1, 2], "district_id": ["a", "a", "b", "b"], "share": [1.0, 0.25, 0.75, 1.0]}
    )
    land = np.ones((1, 3))
    persons = pd.Series({"a": 50.0, "b": 70.0})
    pieces = pieces_from_districts(persons, shares, weight=land, land=land)
    np.testing.assert_allclose(pieces, [40, 10, 30, 40])
    cells = people_from_districts(persons, shares, weight=land, land=land)
    np.testing.assert_allclose(cells, [[40, 40, 40]])
