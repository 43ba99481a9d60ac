"""What `check` says of the indicators and of the ranking is what the assessment then finds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr

import kcity_geo as kc
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.evidence.filtered import withheld
from kcity_geo.analysis.registry import assess_rows
from kcity_geo.analysis.terrain.relief import cell_elevation_m
from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.indicators import INDICATOR_SECTORS, indicator_rows
from kcity_geo.inputs.readiness import _assessable
from kcity_geo.notes import collected, muted
from kcity_geo.study import check
from kcity_geo.studyfile import check_study, load_study

SIZE = 2000.0


def said(data):
    with muted():
        return {one.id: one.not_assessed for one in _assessable(data)}


def found(data):
    """What the assessment finds, before its gaps are drawn."""
    model = model_of(data)
    with muted():
        rows = [one for sector in INDICATOR_SECTORS for one in assess_rows(model, sector)]
        return {one.id: one.not_assessed for one in withheld(rows, data)}


def streets(at_m: float) -> gpd.GeoDataFrame:
    """Two crossing streets, the crossing at (at_m, at_m)."""
    ends = [[(at_m - 900, at_m), (at_m, at_m)], [(at_m, at_m), (at_m + 900, at_m)],
            [(at_m, at_m - 900), (at_m, at_m)], [(at_m, at_m), (at_m, at_m + 900)]]  # fmt: skip
    tags = [
        {"highway": "residential", "surface": "asphalt", "lit": "yes", "osm_id": i}
        for i in range(4)
    ]
    frame = toy_layer(tags, [shapely.LineString(line) for line in ends])
    numbers: dict[tuple[float, float], int] = {}
    ids = [
        np.array([numbers.setdefault(point, len(numbers) + 1) for point in line], dtype=np.int64)
        for line in ends
    ]
    return frame.assign(node_ids=ids)


def city(*, people=10.0, roads_m=1000.0, clinic_m=1000.0, **more):
    """A toy city; None leaves an input out."""
    layers = {}
    if roads_m is not None:
        layers |= dict.fromkeys(("roads_drive", "roads_walk", "roads_cycle"), streets(roads_m))
    if clinic_m is not None:
        place = shapely.Point(clinic_m, clinic_m)
        layers["health"] = toy_layer([{"amenity": "clinic"}], [place])
        layers["water_point"] = toy_layer([{"amenity": "drinking_water"}], [place])
        layers["power_line"] = toy_layer(
            [{"power": "line", "voltage_v": 20000.0}], [shapely.LineString([(0, 0), (900, 900)])]
        )
        layers["transit_low"] = toy_layer([{"highway": "bus_stop"}], [place])
    arrays = dict(more.pop("arrays", {}))
    if people is not None:
        arrays["population"] = people
    return make_toy(size_m=SIZE, arrays=arrays, layers=layers, **more)


KINDS = {
    "nothing": {"people": None, "roads_m": None, "clinic_m": None},
    "streets alone": {"people": None, "clinic_m": None},
    "people alone": {"roads_m": None, "clinic_m": None},
    "all": {},
    "nobody lives there": {"people": 0.0},
    "streets far from the people": {"roads_m": 40_000.0, "clinic_m": 40_000.0},
    "places far from the streets": {"clinic_m": 40_000.0},
    "no people known": {"people": None},
    "official rates": {"official": {"electricity_access": 0.8, "piped_water_access": 0.5}},
    "official rates alone": {
        "roads_m": None, "clinic_m": None,
        "official": {"electricity_access": 0.8, "piped_water_access": 0.5, "peak_demand_mw": 4.0},
    },
    "supply": {"official": {"water_supply_m3_day": 900.0, "peak_demand_mw": 5.0,
                            "firm_capacity_mw": 4.0, "wastewater_capacity_m3_day": 0.0}},
}  # fmt: skip
RASTERS = {
    "no raster": {},
    "lights": {"nightlights": 4.0},
    "land": {"built_m2": 2500.0, "landcover": 30.0},
    "flood": {"flood": 0.4, "urban_class": 1.0},
}


@pytest.mark.parametrize(("kind", "rasters"), list(itertools.product(KINDS, RASTERS)))
def test_check_says_of_a_toy_what_the_assessment_finds(kind, rasters) -> None:
    given = dict(KINDS[kind])
    data = city(arrays=RASTERS[rasters], **given)
    assert said(data) == found(data)


def test_drawing_the_gaps_changes_no_reason() -> None:
    data = city(arrays=RASTERS["land"], **KINDS["supply"])
    with muted():
        gaps = kc.assess_gaps(data)
    assert {one.id: one.not_assessed for one in gaps.assessed} == found(data)


def test_the_demo_town(hanbit_town, town_run) -> None:
    with muted():
        rows = check(load_study(hanbit_town / "study.toml"))
    told = {row["name"]: row for row in rows if row["kind"] == "indicator"}
    want = {one.id: one.not_assessed for one in town_run[0].gaps.assessed}
    for key, missing in want.items():
        status = "NOT ASSESSED" if missing else "will be assessed"
        assert (key, told[key]["status"]) == (key, status)
        assert not missing or told[key]["detail"] == missing
    assert list(told) == [key for key in indicator_rows() if key in told]
    assert not [row for row in rows if row["kind"] == "blocker"]


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize("place", ["monaco-mc", "liechtenstein-li"])
def test_real_cities(test_data, place, tmp_path) -> None:
    folder = test_data / place
    sources = {"osm": str(max(folder.glob("*.osm.pbf")))}
    heights = sorted(folder.glob("*.hgt.zip"))
    if heights:
        sources["elevation"] = str(heights[0])
    tables = {"study": {"cell_m": 250}, "city": {"name": place}, "sources": sources}
    study = check_study(tables, folder=tmp_path)
    with muted():
        data = kc.load(study)
        rows = check(study)
        score = kc.suitability(data)
    assert said(data) == found(data)
    blockers = [row["detail"] for row in rows if row["kind"] == "blocker"]
    slope = next(one for one in score.constraints if one.id == "slope_pct_max")
    assert slope.applied is not any("add sources.elevation" in text for text in blockers)


def test_a_check_computes_no_zones_and_no_street_land() -> None:
    model = model_of(city(arrays={"built_m2": 2500.0, "nightlights": 4.0})).for_check()
    with muted():
        rows = [one for sector in INDICATOR_SECTORS for one in assess_rows(model, sector)]
    assert {"T1", "T9_health", "W1", "E2", "E3"} <= {one.id for one in rows if not one.not_assessed}
    costly = ("zones", "street_ways", "usable_land")
    assert [name for name in model.computed if name.startswith(costly)] == []


def test_a_check_of_piped_water_reads_heights_and_derives_no_drainage() -> None:
    data = city(official={"piped_water_access": 0.5})
    plant = toy_layer([{"man_made": "water_works"}], [shapely.Point(1000, 1000)])
    x, y = 500_015.0 + 30 * np.arange(100), 4_999_985.0 + 30 * np.arange(100)[::-1]
    slope = xr.DataArray(
        np.tile(0.1 * x, (100, 1)), dims=("y", "x"), coords={"y": y, "x": x},
        attrs={"surface_model": True},
    )  # fmt: skip
    data = replace(data, dem=slope, layers={**data.layers, "water_plant": plant})
    model = model_of(data).for_check()
    with muted(), collected(told := []):
        assess_rows(model, "water")
    assert "cell_elevation_m" in model.computed
    assert not [name for name in model.computed if name.startswith(("cell_terrain", "hand"))]
    assert any("surface model" in text for text in told)
    with muted():
        np.testing.assert_array_equal(
            model.once(cell_elevation_m), model_of(data).terrain["elevation_m"]
        )
