"""Dossiers: volumes and areas that can be told by hand, honest gaps, red flags."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.sites.dossier import _three_digits, dossier
from kcity_geo.analysis.sites.earthworks import earthworks
from kcity_geo.analysis.sites.rank import SiteChoice, rank_sites
from kcity_geo.demo.toy import SOUTH, UTM, WEST, make_toy, toy_layer
from kcity_geo.errors import StudyError
from kcity_geo.studyfile import Study
from tests.analysis.sites.test_rank import scored

#: Flag of a site of 16 ha in a toy city with nothing on its map.
SILENT = (
    "16.0 ha of it lie far from every mapped street and building, and no land cover is given: "
    "what stands there nobody may have mapped"
)


def tilted(slope: float, step: float = 20.0) -> xr.DataArray:
    """An elevation model that rises to the east, 2 km beyond the toy city."""
    x = WEST - 2000 + step / 2 + step * np.arange(int(8000 / step))
    y = SOUTH + 6000 - step / 2 - step * np.arange(int(8000 / step))
    z = np.tile(slope * (x - WEST) + 500, (len(y), 1))
    dem = xr.DataArray(z, dims=("y", "x"), coords={"y": y, "x": x}, attrs={"units": "m"})
    return dem.rio.write_crs(UTM) if hasattr(dem, "rio") else dem


def site(west=1000, south=1000, east=1400, north=1400) -> gpd.GeoDataFrame:
    shape = shapely.box(WEST + west, SOUTH + south, WEST + east, SOUTH + north)
    return gpd.GeoDataFrame(
        {"site_id": ["site-01"], "area_ha": [shape.area / 1e4]}, geometry=[shape], crs=UTM
    )


def facts(data, sites=None, score=None):
    found = dossier(
        site() if sites is None else sites,
        scored(np.full((40, 40), 0.8)) if score is None else score,
        data,
    )
    return found, found.facts.set_index("item")


@pytest.mark.parametrize("slope", [0.02, 0.1])
def test_a_tilted_square_moves_s_l_cubed_over_eight(slope) -> None:
    data = replace(make_toy(), dem=tilted(slope))
    _, row = facts(data)
    assert row.loc["level_m3", "value"] == pytest.approx(slope * 400**3 / 8)
    assert row.loc["plane_m3", "value"] == pytest.approx(0, abs=1e-3)
    assert row.loc["plane_pct", "value"] == pytest.approx(100 * slope)


def test_cut_and_fill_of_random_ground_balance_and_the_smaller_is_told() -> None:
    rng = np.random.default_rng(3)
    x, y, z = rng.uniform(0, 300, 500), rng.uniform(0, 300, 500), rng.normal(0, 4, 500)
    work = earthworks(x, y, z, area_m2=9e4)
    off = z - z.mean()
    assert off[off > 0].sum() == pytest.approx(-off[off < 0].sum())
    assert work.level_m3 == pytest.approx(off[off > 0].sum() * 9e4 / 500)
    assert work.least_m3 == min(work.level_m3, work.plane_m3)
    # A pit of 10 m at one end of eleven: the mean is -10/11, the plane rises 5/11 a metre and fills 105/11.
    pit = earthworks(np.arange(11.0), np.zeros(11), np.where(np.arange(11), 0.0, -10.0), area_m2=11)
    assert pit.level_m3 == pytest.approx(100 / 11)
    assert pit.plane_m3 == pytest.approx(105 / 11)
    assert pit.least_m3 == pit.level_m3


def test_slope_classes_and_land_cover_add_to_the_site() -> None:
    cover = np.full((40, 40), 30.0)
    cover[:, 12:] = 10.0  # trees from 1,200 m
    cover[27, 10] = np.nan
    data = replace(make_toy(arrays={"landcover": cover}), dem=tilted(0.12))
    _, row = facts(data, site(1050, 1000, 1450, 1400))
    slopes = row.filter(regex=r"^slope_.*_ha$", axis=0)["value"]
    covers = row.filter(regex=r"^cover_.*_ha$", axis=0)["value"]
    assert slopes.sum() == pytest.approx(16)
    assert slopes["slope_10_ha"] == pytest.approx(16)
    assert covers.sum() == pytest.approx(16)
    assert covers["cover_tree_ha"] == pytest.approx(10)
    assert covers["cover_grass_ha"] == pytest.approx(
        6 - 0.5
    )  # a cell of 100 m, half of it inside, unknown


@pytest.mark.parametrize("cut", [True, False])
def test_ground_beyond_the_elevation_model_is_not_known(cut) -> None:
    """Of 400 m the model reaches 200: 8 ha known, 8 ha not; no earthworks of one half are told of both."""
    dem = tilted(0.12)
    west = dem["x"] < WEST + 1200
    dem = dem.isel(x=np.flatnonzero(west)) if cut else dem.where(west)
    data = replace(make_toy(), dem=dem)
    score = replace(scored(np.full((40, 40), 0.8)), parameters={"slope_pct_max": 15.0})
    found, row = facts(data, score=score)
    value = row["value"]
    assert value[["slope_10_ha", "slope_unknown_ha", "steeper_ha"]].tolist() == pytest.approx(
        [8, 8, 0]
    )
    assert value["buildable_ha"] == pytest.approx(8)
    assert np.isnan(value["level_m3"])
    assert row.loc["level_m3", "basis"] == "heights of only 50 % of it are known"
    assert found.flags["flag"].tolist() == ["the slope of 8.0 ha of it is not known", SILENT]
    _, far = facts(data, site(3000, 1000, 3400, 1400), score=score)
    items = ["slope_0_ha", "steeper_ha", "buildable_ha", "plane_pct"]
    assert far.loc[items, "value"].isna().all()
    assert far.loc["slope_unknown_ha", "value"] == pytest.approx(16)
    assert far.loc["slope_0_ha", "basis"] == "the elevation model does not reach it"


def test_table_and_dossier_tell_the_same_mean_of_the_ground() -> None:
    """A bowl, steeper to the east; the outline takes four and a quarter columns of cells."""
    dem = tilted(0.02)
    dem = (dem + 1e-5 * (dem["x"] - WEST) ** 2).transpose("y", "x").assign_attrs(dem.attrs)
    data = replace(make_toy(), dem=dem)
    slope = model_of(data).terrain["slope_pct"]
    score = scored(np.full((40, 40), 0.8), slope_pct=slope)
    given = gpd.GeoDataFrame(geometry=site(1000, 1000, 1425, 1500).geometry)
    found = rank_sites(score, data, choice=SiteChoice(candidates=given))
    told = dossier(found, score, data).facts.set_index("item")
    mean = (slope[30, 10:14].sum() + slope[30, 14] / 4) / 4.25
    assert slope[30, 14] > slope[30, 10] + 0.5
    assert found["slope_pct"].iloc[0] == pytest.approx(mean, rel=1e-6)
    assert told.loc["criterion_slope_pct", "value"] == pytest.approx(mean, rel=1e-6)


def test_nobody_builds_on_water_or_under_a_building() -> None:
    """16 ha: the west steep, 4 ha of lake (1 of them steep), 1 ha of cover water in it, a building of 0.5 ha."""
    dem = tilted(0.02)
    dem = dem.where(dem["x"] >= WEST + 1100, 10 * dem)  # 20 % in the first 100 m
    lake = toy_layer([{"natural": "water"}], [shapely.box(1000, 1000, 1400, 1100)])
    house = toy_layer([{"building": "yes"}], [shapely.box(1250, 1250, 1350, 1300)])
    cover = np.full((40, 40), 30.0)
    cover[29, 12] = 80.0  # in the lake
    cover[26, 13] = 90.0  # 1,300 to 1,400 m from both: wetland
    layers = {"water_body": lake, "building": house}
    data = replace(make_toy(arrays={"landcover": cover}, layers=layers), dem=dem)
    score = replace(scored(np.full((40, 40), 0.8)), parameters={"slope_pct_max": 15.0})
    found, row = facts(data, score=score)
    value = row["value"]
    assert value["water_ha"] == pytest.approx(5)
    # Dry: 11 ha, 3 of them steep (and a cell of the model beside), and the building.
    steep = value["steeper_ha"] * 3 / 4
    assert value["buildable_ha"] == pytest.approx((11 - 0.5) * (1 - steep / 11), rel=0.02)
    assert row.loc["buildable_ha", "basis"].startswith(
        "without water and wetland, mapped buildings"
    )
    assert "5.0 ha of it are water or wetland" in found.flags["flag"].tolist()
    mapless = replace(make_toy(), study=Study())  # no sources.osm
    assert np.isnan(facts(mapless)[1].loc["water_ha", "value"])


def test_nothing_known_is_said_and_not_made_up() -> None:
    found, row = facts(make_toy())
    for item in (
        "level_m3",
        "freeboard_m",
        "flooded_share",
        "route_power_km",
        "people_30min",
        "protected_km",
    ):
        assert np.isnan(row.loc[item, "value"])
        assert row.loc[item, "basis"]
    assert row.loc["slope_unknown_ha", "value"] == pytest.approx(16)
    assert {"owner", "price", "zoning", "ground"} <= set(row.index[row["topic"] == "to fill"])
    assert found.flags["flag"].tolist() == [SILENT]


def test_flags_follow_from_the_facts() -> None:
    park = toy_layer(
        [{"boundary": "protected_area", "name": "Park"}], [shapely.box(1900, 0, 3000, 4000)]
    )
    dem = tilted(0.02)
    wet = xr.where(dem["x"] < WEST + 1100, 1.5, 0.0) * xr.ones_like(dem)
    wet = wet.transpose("y", "x").assign_attrs(units="m")
    data = replace(make_toy(layers={"protected": park}), dem=dem, flood=wet)
    found, row = facts(data)
    assert row.loc["protected_km", "value"] == pytest.approx(0.5)
    assert row.loc["flooded_share", "value"] == pytest.approx(0.25)
    assert row.loc["flood_worst", "value"] == pytest.approx(1.5)
    flags = found.flags["flag"].tolist()
    assert "25 % of it lies under water on the flood map" in flags
    assert "a protected area lies 0.5 km away" in flags
    beside = toy_layer([{"boundary": "protected_area"}], [shapely.box(1420, 0, 3000, 4000)])
    flags = facts(make_toy(layers={"protected": beside}))[0].flags["flag"].tolist()
    assert flags == [SILENT, "it touches a protected area, lies in one, or is within 50 m of it"]


def test_a_flag_has_three_digits() -> None:
    assert [_three_digits(v) for v in (56541.3, 1234.0, -98765.0, 0.5, 999.4)] == [
        56500.0, 1230.0, -98800.0, 0.5, 999.4,
    ]  # fmt: skip


def test_people_in_reach_are_counted_over_the_streets() -> None:
    roads = toy_layer(
        [{"highway": "residential", "osm_id": 1}], [shapely.LineString([(50, 1250), (3950, 1250)])]
    )
    people = np.zeros((40, 40))
    people[27, 2], people[27, 30] = 100.0, 40.0  # the row of the street
    people[5, 5] = 60.0  # far from any street
    data = make_toy(arrays={"population": people}, layers={"roads_drive": roads})
    _, row = facts(data)
    assert row.loc["people_30min", "value"] == pytest.approx(140)
    assert row.loc["joined_share", "value"] == pytest.approx(0.7)
    assert row.loc["people_30min", "basis"].endswith(
        "; 30 % of the people have no mapped street and are not counted"
    )
    people[5, 5] = 1000.0  # most people: a count of 140 would be of another city
    lone = make_toy(arrays={"population": people}, layers={"roads_drive": roads})
    found, row = facts(lone)
    assert np.isnan(row.loc["people_30min", "value"])
    flag = "its streets are joined to those of 12 % of the city only, as mapped"
    assert flag in found.flags["flag"].tolist()
    assert np.isnan(row.loc["jobs_30min", "value"])
    assert row.loc["evidence_grade", "text"] == "A"


@pytest.mark.filterwarnings("ignore:drive network. .* pieces apart")
def test_a_site_whose_streets_are_cut_off_is_flagged_and_counts_nobody() -> None:
    lines = [
        shapely.LineString([(50, 1250), (3950, 1250)]),
        shapely.LineString([(50, 3050), (3950, 3050)]),
    ]
    roads = toy_layer([{"highway": "residential", "osm_id": i} for i in (1, 2)], lines)
    people = np.zeros((40, 40))
    people[27, 2], people[9, 30] = 384.0, 60_000.0  # a row of each street
    data = make_toy(arrays={"population": people}, layers={"roads_drive": roads})
    found, row = facts(data)
    assert row.loc["joined_share", "value"] == pytest.approx(384 / 60_384)
    assert np.isnan(row.loc["people_30min", "value"])
    assert "less than half of the city" in row.loc["people_30min", "basis"]
    flag = "its streets are joined to those of 1 % of the city only, as mapped"
    assert flag in found.flags["flag"].tolist()


def test_a_synthetic_city_says_so_and_every_criterion_says_how_it_was_measured() -> None:
    score = scored(np.full((40, 40), 0.8))
    how = replace(score.criteria[0], evidence="proxy", note="circle of 17 km")
    data = replace(make_toy(), synthetic=True)
    _, row = facts(data, score=replace(score, criteria=(how,)))
    assert row.loc["evidence_grade", "text"] == "C"
    assert row.loc["evidence_grade", "basis"].startswith("a synthetic city")
    assert row.loc[f"criterion_{how.id}", "basis"].startswith("proxy; circle of 17 km; ")
    assert row.loc["people_45min", "title"] == "People within 45 minutes over the streets"


def test_a_dossier_without_a_score_is_refused() -> None:
    with pytest.raises(
        StudyError, match=r"dossier\(sites, score, data\): needs a score .*NoneType"
    ):
        dossier(site(), None, make_toy())  # type: ignore[arg-type]


def test_one_row_a_site_and_no_rows_without_sites() -> None:
    found, row = facts(make_toy())
    wide = found.wide()
    assert wide.index.tolist() == ["site-01"]
    assert list(wide.columns[:-1]) == row.index.tolist()
    none = dossier(site().iloc[:0], scored(np.full((40, 40), 0.8)), make_toy())
    assert len(none.facts) == len(none.connections) == len(none.flags) == 0
    assert len(none.wide()) == 0
    with pytest.raises(StudyError, match=r"kc\.rank_sites"):
        dossier(site().drop(columns="site_id"), scored(np.full((40, 40), 0.8)), make_toy())


@pytest.mark.parametrize(("street", "silent_ha"), [(1200, 0.0), (850, 8.0), (100, 16.0)])
def test_land_around_which_nothing_is_mapped_is_not_called_empty(street, silent_ha) -> None:
    """One street; of the four columns of cells those count whose middle lies more than 300 m from it."""
    line = shapely.LineString([(street, 0), (street, 4000)])
    layers = {"roads_drive": toy_layer([{"highway": "residential"}], [line])}
    found, row = facts(make_toy(layers=layers))
    assert row.loc["silent_ha", "value"] == pytest.approx(silent_ha)
    assert any("nobody may have mapped" in flag for flag in found.flags["flag"]) == (silent_ha > 0)
    cover = make_toy(arrays={"landcover": np.full((40, 40), 30.0)}, layers=layers)
    assert "silent_ha" not in facts(cover)[1].index
    mapless = replace(make_toy(), study=Study())  # no sources.osm: unknown everywhere
    assert not any("nobody may" in flag for flag in facts(mapless)[0].flags["flag"])
