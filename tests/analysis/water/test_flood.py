"""Flood exposure and storm runoff: worked numbers, edges of classes, what overrides what."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.gaps.combine import assess_gaps
from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.analysis.terrain.relief import cell_terrain, flood_class
from kcity_geo.analysis.water.flood import (
    catchment_runoff,
    curve_number_runoff_mm,
    exposure_of_depth,
    exposure_of_height,
    exposure_of_return_period,
    flood_exposure,
    rational_peak_m3_s,
)
from kcity_geo.config import read_table
from kcity_geo.errors import KCityWarning, StudyError
from kcity_geo.settings import settings_of
from kcity_geo.standards import load_standards

SETTINGS = settings_of("water", None)
STANDARD = load_standards()["W8"]
HEIGHT = np.array([0.5, 1.5, 3, 7, 12, 20])
PEOPLE = np.array([100.0, 300, 500, 900, 700, 1500])


def test_classes_and_exposure_of_the_worked_case():
    assert flood_class(HEIGHT, SETTINGS["flood_class_edges_m"]).tolist() == [0, 1, 2, 3, 4, 5]
    low, middle = (HEIGHT <= 2).astype(float), (HEIGHT <= 5).astype(float)
    assert (PEOPLE * low).sum() / PEOPLE.sum() == pytest.approx(0.1)
    assert (PEOPLE * middle).sum() / PEOPLE.sum() == pytest.approx(0.225)
    exposure = exposure_of_height(low, middle)
    assert (PEOPLE * exposure).sum() / PEOPLE.sum() == pytest.approx(0.1625)


def test_the_rational_method():
    assert rational_peak_m3_s(0.7, 60, 100) == pytest.approx(11.667, abs=5e-4)


def test_curve_numbers_by_hand():
    # CN 80: S = 63.5 mm; (100 - 12.7)^2 / (100 + 50.8) = 50.54 mm.
    assert curve_number_runoff_mm(100, 80.0) == pytest.approx(87.3**2 / 150.8)
    assert curve_number_runoff_mm(100, 100.0) == pytest.approx(100)
    assert curve_number_runoff_mm(12.7, 80.0) == 0, "all of it is held back"
    assert curve_number_runoff_mm(0, 100.0) == 0
    with pytest.raises(StudyError, match="curve numbers"):
        curve_number_runoff_mm(100, 101.0)


@given(st.floats(0, 500), st.floats(1, 100), st.floats(1, 100))
def test_runoff_is_never_more_than_the_rain_and_grows_with_the_curve_number(rain, a, b):
    low, high = curve_number_runoff_mm(rain, np.array(sorted((a, b))))
    assert 0 <= low <= high + 1e-9
    assert high <= rain + 1e-9


def test_return_periods_and_depths():
    years = np.array([20.0, 20.1, 100, 500, 501, 0, np.nan])
    found = exposure_of_return_period(years, edges=[20, 100, 500], weights=[1, 0.5, 0.2])
    assert found.tolist() == [1, 0.5, 0.5, 0.2, 0, 0, 0]
    depth = np.array([0.6, 0.5, 0.2, 0.01, np.nan])
    found = exposure_of_depth(depth, high_m=0.5, moderate_m=0.05, moderate_weight=0.5)
    assert found.tolist() == [1, 1, 0.5, 0, 0]
    edge = exposure_of_depth(np.array([0.05]), high_m=0.5, moderate_m=0.05, moderate_weight=0.5)
    assert edge.tolist() == [0.5], "the limit itself counts, as it does for deep water"


def relief(low, middle):
    return {
        "hand_le2_share": low,
        "hand_le5_share": middle,
        "flood_class": np.where(low > 0.5, 0.0, 5.0),
    }


def test_people_low_above_the_drainage_weigh_in_full_and_by_half(toy):
    people = np.zeros((40, 40))
    people[0, :3] = 400, 500, 3100
    low, middle = np.zeros((40, 40)), np.zeros((40, 40))
    low[0, 0] = middle[0, 0] = middle[0, 1] = 1
    row = flood_exposure(
        model_of(toy(arrays={"population": people})).given(cell_terrain, relief(low, middle))
    )
    assert row.value == pytest.approx(0.1625)
    assert row.gap[0, :3].tolist() == [1, 0.5, 0]
    assert row.note.startswith("screening only, no return period; from a surface model, ")
    assert row.evidence == "modelled"
    assert row.details["share_very_high"] == pytest.approx(0.1)


def test_a_flood_map_speaks_alone(toy):
    flood = np.zeros((40, 40))
    flood[:20] = 50.0
    data = toy(arrays={"population": 10.0, "flood": flood})
    data.cube["flood"].attrs["units"] = "year"
    ones = np.ones((40, 40))
    row = flood_exposure(model_of(data).given(cell_terrain, relief(ones, ones)))
    assert row.value == pytest.approx(0.25), "half the people, return period 50 years"
    assert "return periods" in row.note
    assert row.evidence == "user"
    data.cube["flood"].attrs["units"] = "m"
    assert flood_exposure(model_of(data)).value == pytest.approx(0.5)


def fine_map(data, values, units):
    """A flood map of 10 m pixels over the toy city."""
    left, bottom, right, top = data.city.boundary_metric.bounds
    x, y = np.arange(left + 5, right, 10.0), np.arange(top - 5, bottom, -10.0)
    flood = xr.DataArray(
        values, dims=("y", "x"), coords={"y": y, "x": x}, attrs={"units": units, "cell_m": 10.0}
    )
    return dataclasses.replace(data, flood=flood)


def test_the_share_of_a_cell_that_floods_counts(toy):
    depth = np.zeros((400, 400))
    depth[::10, ::10] = 1.0  # one of a hundred pixels of each cell
    data = toy(arrays={"population": 10.0})
    row = flood_exposure(model_of(fine_map(data, depth, "m")))
    assert row.value == pytest.approx(0.01)
    assert row.cells == pytest.approx(np.full((40, 40), 0.01))
    years = np.zeros((400, 400))
    years[:, ::10] = years[:, 1::10] = years[:, 2::10] = 10.0
    row = flood_exposure(model_of(fine_map(data, years, "years")))
    assert row.value == pytest.approx(0.3)
    assert "replaces" in row.note


def test_beyond_the_flood_map_the_height_speaks_or_nothing(toy):
    depth = np.zeros((400, 400))
    depth[:, 200:] = np.nan
    data = fine_map(toy(arrays={"population": 10.0}), depth, "m")
    ones = np.ones((40, 40))
    with pytest.warns(KCityWarning, match="over 50% of the city"):
        row = flood_exposure(model_of(data).given(cell_terrain, relief(ones, ones)))
    assert row.value == pytest.approx(0.5)
    assert (row.evidence_cells[:, 20:] == "modelled").all()
    assert row.trust[0, 0] == 1.0
    assert row.trust[0, 39] == 0.6
    assert "elsewhere the height above drainage, screening only" in row.note
    with pytest.warns(KCityWarning, match="nothing is known"):
        row = flood_exposure(model_of(data))
    assert row.value == 0
    assert np.isnan(row.gap[:, 20:]).all()


def test_without_people_built_up_land_weighs_and_the_note_says_so(toy):
    built = np.zeros((40, 40))
    built[0, 0], built[39, 39] = 100, 300
    low = np.zeros((40, 40))
    low[0, 0] = 1
    row = flood_exposure(
        model_of(toy(arrays={"built_m2": built})).given(cell_terrain, relief(low, low))
    )
    assert row.value == pytest.approx(0.25)
    assert "built-up land" in row.note


def test_without_elevation_and_flood_map_nothing_is_said(toy):
    row = flood_exposure(model_of(toy(arrays={"population": 10.0})))
    assert math.isnan(row.value)
    assert "sources.elevation" in row.not_assessed


def test_flat_ground_without_rivers_is_said_by_check_and_run_alike(toy):
    """No drainage follows from one height; who gave an elevation is not asked for it."""
    data = valley(toy(arrays={"population": 10.0}))
    city = model_of(dataclasses.replace(data, dem=data.dem * 0 + 20.0))
    unknown = np.full((40, 40), np.nan)
    run = flood_exposure(city.given(cell_terrain, relief(unknown, unknown)))
    check = flood_exposure(city.for_check())
    assert "no drainage follows" in run.not_assessed == check.not_assessed
    assert "sources.elevation" not in run.not_assessed
    assert not flood_exposure(model_of(data).for_check()).not_assessed


def valley(data, *, cell_m=50.0, surface_model=False):
    """A valley that falls to the south, its river in the middle column, a margin of 500 m."""
    left, bottom, right, top = data.grid.boundingbox
    x = np.arange(left - 500 + cell_m / 2, right + 500, cell_m)
    y = np.arange(top + 500 - cell_m / 2, bottom - 500, -cell_m)
    middle = (left + right) / 2
    z = 20 + np.abs(x[None, :] - middle) * 0.02 + (y[:, None] - bottom) * 0.002
    dem = xr.DataArray(
        z, dims=("y", "x"), coords={"y": y, "x": x}, attrs={"surface_model": surface_model}
    )
    return dataclasses.replace(data, dem=dem)


def test_terrain_reaches_the_cells(toy):
    data = valley(toy(arrays={"population": 10.0}))
    found = cell_terrain(data)
    assert {"slope_pct", "hand_m", "aspect_score", "flood_class", "elevation_m"} <= set(found)
    assert all(v.shape == data.grid.shape for v in found.values())
    assert np.nanmedian(found["slope_pct"]) == pytest.approx(
        100 * math.hypot(0.02, 0.002), abs=0.02
    )
    # A cell 1,000 m from the river lies 20 m above it, less what the river falls meanwhile.
    assert found["hand_m"][10, 10] == pytest.approx(0.02 * 950, abs=2)
    assert found["hand_m"][10, 19] < 2
    assert found["flood_class"][10, 10] == 5
    assert (found["hand_le2_share"] <= found["hand_le5_share"] + 1e-12).all()
    assert cell_terrain(toy()) == {}


def test_a_coarse_model_still_fills_every_cell(toy):
    found = cell_terrain(valley(toy(arrays={"population": 10.0}), cell_m=90.0))
    assert np.isfinite(found["elevation_m"]).all()
    assert np.isfinite(found["slope_pct"]).all()


def test_a_surface_model_over_roofs_is_told(toy):
    data = valley(toy(arrays={"population": 10.0, "built_m2": 6000.0}), surface_model=True)
    with pytest.warns(KCityWarning, match="1,600 built-up cells it shows roofs"):
        cell_terrain(data)


def test_roofs_are_told_without_a_raster_of_built_up_land_too(toy, features):
    houses = features([{"building": "yes"}], [shapely.box(0, 0, 1000, 1000)])
    data = toy(arrays={"population": 10.0}, layers={"building": houses})
    with pytest.warns(KCityWarning, match="100 built-up cells it shows roofs"):
        cell_terrain(valley(data, surface_model=True))
    with pytest.warns(KCityWarning, match="where the land is built up it shows roofs"):
        cell_terrain(valley(toy(arrays={"population": 10.0}), surface_model=True))


@pytest.mark.parametrize(("surface", "trust"), [(True, 0.6), (False, 0.69)])
def test_a_screening_never_confirms_a_gap(toy, surface, trust):
    data = valley(toy(arrays={"population": 10.0}), surface_model=surface)
    ones = np.ones((40, 40))
    row = flood_exposure(model_of(data).given(cell_terrain, relief(ones, ones)))
    assert (row.trust == trust).all()
    found = assess_gaps(model_of(data), [row])
    city = found.indicators.set_index("unit_id").loc["city"]
    limits = read_table("readings")["limits"]
    assert city["data"] == ("good" if trust >= limits["evidence_good"] else "fair")
    assert city["reading"] == found.city.loc["flood", "reading"] == "Probably flood-prone"
    assert (found.cells["flood_reading"] == READINGS.index("probably_falls_short")).all()
    assert found.cells["flood_p_short"].to_numpy() == pytest.approx(
        0.8 if surface else 0.85, abs=0.02
    )
    assert city["gap_lo"] == 0
    assert city["gap"] == city["gap_hi"] == 1
    # A flood map of the same land confirms it: nothing is drawn there.
    mapped = dataclasses.replace(row, evidence="user", evidence_cells=np.full((40, 40), "user"))
    told = assess_gaps(model_of(data), [dataclasses.replace(mapped, trust=1.0)])
    assert told.city.loc["flood", "reading"] == "Flood-prone"


def test_a_mapped_river_moves_the_drainage(toy, features):
    line = features([{"waterway": "river"}], [shapely.LineString([(460, -400), (460, 4400)])])
    data = valley(toy(arrays={"population": 10.0}, layers={"drainage": line}))
    found = cell_terrain(data)
    assert found["hand_min_m"][20, 4] == 0
    assert cell_terrain(valley(toy(arrays={"population": 10.0})))["hand_min_m"][20, 4] > 10


def test_catchments_keep_their_area_and_know_their_ground():
    catchment = np.array([[1.0, 1, 2], [1, 2, np.nan], [0, 0, 2]])
    cover = np.array([[50.0, 50, 10], [10, 10, 10], [10, 10, 10]])
    runoff = catchment_runoff(catchment, cover, cell_m=100, settings=SETTINGS)
    assert runoff["catchment"].tolist() == [1, 2]
    assert runoff["area_ha"].tolist() == [3, 3]
    assert runoff["runoff_coefficient"].tolist() == pytest.approx([(0.7 + 0.7 + 0.2) / 3, 0.2])
    assert runoff["peak_m3_s"].iloc[1] == pytest.approx(0.2 * 60 * 3 / 360)
    depth = [float(curve_number_runoff_mm(100, n)) for n in (90.0, 70.0)]
    assert runoff["volume_m3"].iloc[0] == pytest.approx((2 * depth[0] + depth[1]) * 100**2 / 1000)
    assert runoff["volume_m3"].iloc[1] == pytest.approx(3 * depth[1] * 100**2 / 1000)
    bare = catchment_runoff(catchment, None, cell_m=100, settings=SETTINGS)
    assert bare["runoff_coefficient"].tolist() == pytest.approx([0.5, 0.5])
