"""
What must not change a number, and what may change it in one direction only.

The whole pipeline on the middle of the demo town: order of rows, CRS of the inputs, other cities
and the scale of weights change nothing; more facilities never make things worse; less data never
makes the tool surer.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.warp import Resampling, calculate_default_transform, reproject

import kcity_geo as kc
from kcity_geo.analysis.city_model import model_of
from kcity_geo.result import LEVELS, Indicator
from kcity_geo.standards import load_standards

if TYPE_CHECKING:
    from pathlib import Path

    from kcity_geo.citydata import CityData
    from kcity_geo.result import Gaps, Indicator
    from kcity_geo.studyfile import Study

pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")


def study_of(folder: Path, boundary: Path, **sources: str) -> Study:
    """The demo town cut to a smaller outline, cells of 250 m."""
    study = kc.load_study(folder / "study.toml")
    city = study.city.model_copy(update={"boundary": str(boundary)})
    if "districts" in sources:
        city = city.model_copy(update={"districts": sources.pop("districts")})
    return study.model_copy(
        update={
            "study": study.study.model_copy(update={"cell_m": 250.0}),
            "city": city,
            "sources": study.sources.model_copy(update=sources),
            # The official head count is of the whole town; here only a part of it is looked at.
            "official": study.official.model_copy(update={"population": None}),
        }
    )


@pytest.fixture(scope="module")
def outline(hanbit_town, tmp_path_factory) -> Path:
    """4 x 3.5 km around the centre: parts of most districts, the river, the hospital."""
    whole = gpd.read_file(hanbit_town / "boundary.geojson")
    crs = whole.estimate_utm_crs()
    x0, y0, x1, y1 = whole.to_crs(crs).total_bounds
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    box = shapely.segmentize(shapely.box(x - 2100, y - 1800, x + 1900, y + 1700), 200)
    path = tmp_path_factory.mktemp("cut") / "boundary.geojson"
    gpd.GeoDataFrame({"name": ["Cut"]}, geometry=[box], crs=crs).to_crs(4326).to_file(path)
    return path


@pytest.fixture(scope="module")
def study(hanbit_town, outline) -> Study:
    return study_of(hanbit_town, outline)


@pytest.fixture(scope="module")
def data(study) -> CityData:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.KCityWarning)
        return kc.load(study)


@pytest.fixture(scope="module")
def gaps(data) -> Gaps:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.KCityWarning)
        return kc.assess_gaps(data)


@pytest.fixture(scope="module")
def unofficial(data) -> CityData:
    """Without official numbers and timetable: the map alone speaks."""
    return replace(data, official={}, transit=None)


def with_layers(data: CityData, **layers: gpd.GeoDataFrame) -> CityData:
    return replace(data, layers={**data.layers, **layers})


def by_sector(data: CityData, sector: str) -> dict[str, Indicator]:
    """Indicators of one sector, without the gap model."""
    from kcity_geo.analysis import energy, transport, water

    assess = {"transport": transport, "water": water, "energy": energy}[sector].assess
    rows = assess(data)
    return {row.id: row for row in rows}


# --- 1 order of rows --------------------------------------------------------------------------------


def test_the_order_of_rows_changes_nothing(data, gaps) -> None:
    rng = np.random.default_rng(11)

    def mixed(frame: pd.DataFrame) -> Any:
        return frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)

    other = replace(
        data,
        layers={name: mixed(frame) for name, frame in data.layers.items()},
        transit=None if data.transit is None else mixed(data.transit),
    )
    again = kc.assess_gaps(other)
    pd.testing.assert_frame_equal(gaps.city, again.city, rtol=1e-9)
    pd.testing.assert_frame_equal(
        gaps.indicators.drop(columns="note"), again.indicators.drop(columns="note"), rtol=1e-9
    )
    for name in gaps.cells.data_vars:
        np.testing.assert_allclose(
            gaps.cells[name], again.cells[name], rtol=1e-5, atol=1e-6, err_msg=str(name)
        )
    one, two = kc.suitability(data, gaps), kc.suitability(other, again)
    np.testing.assert_allclose(one.score, two.score, atol=1e-6)
    pd.testing.assert_frame_equal(
        pd.DataFrame(kc.rank_sites(one, data).drop(columns="geometry")),
        pd.DataFrame(kc.rank_sites(two, other).drop(columns="geometry")),
        rtol=1e-6,
    )


# --- 2 CRS of the inputs ----------------------------------------------------------------------------


def finer(source: Path, target: Path, crs: int) -> str:
    """The same people in another CRS: each pixel cut into 25, none lost."""
    with rasterio.open(source) as given:
        values, nodata = given.read(1).astype("float64"), given.nodata
        values = np.where(values == nodata, 0.0, values)
        shape = (calculate_default_transform(
            given.crs, crs, given.width, given.height, *given.bounds, resolution=20.0
        ))  # fmt: skip
        transform, width, height = shape
        small = np.zeros((height, width))
        reproject(
            np.kron(values, np.ones((5, 5))) / 25,
            small,
            src_transform=given.transform @ rasterio.Affine.scale(0.2),
            src_crs=given.crs,
            dst_transform=transform,
            dst_crs=crs,
            resampling=Resampling.sum,
        )
        with rasterio.open(
            target, "w", driver="GTiff", width=width, height=height, count=1, dtype="float64",
            crs=crs, transform=transform, nodata=-1,
        ) as out:  # fmt: skip
            out.write(small, 1)
    return str(target)


def test_the_crs_of_the_inputs_changes_nothing(hanbit_town, outline, gaps, tmp_path) -> None:
    """
    Outlines: 0.1 % of a district's people. Raster too: 0.5 %, and 0.01 of a gap.

    A warped raster is not quite the same raster: its pixels lie otherwise over the cells.
    """

    frame = gpd.read_file(outline)
    frame.to_crs(3035).to_file(tmp_path / "boundary.gpkg")
    districts = gpd.read_file(hanbit_town / "districts.geojson").to_crs(6933)
    districts.iloc[::-1].to_file(tmp_path / "districts.gpkg")
    places = {"districts": str(tmp_path / "districts.gpkg")}
    moved = kc.load(
        study_of(hanbit_town, tmp_path / "boundary.gpkg", osm=None, gtfs=None, **places)
    )
    people = moved.array("population")
    found = model_of(moved).districts.mean(np.ones(people.shape), np.nan_to_num(people))["sum"]
    before = gaps.districts.set_index("district_id")["population"]
    np.testing.assert_allclose(found[before.index], before, rtol=1e-3)

    other = study_of(
        hanbit_town,
        tmp_path / "boundary.gpkg",
        **places,
        population=finer(hanbit_town / "population.tif", tmp_path / "people.tif", 32626),
    )
    again = kc.assess_gaps(kc.load(other))
    one, two = (g.districts.set_index("district_id") for g in (gaps, again))
    assert one.index.tolist() == two.index.tolist()
    many = one["population"] > 1000
    assert many.sum() >= 5
    np.testing.assert_allclose(two.loc[many, "population"], one.loc[many, "population"], rtol=5e-3)
    np.testing.assert_allclose(two["area_km2"], one["area_km2"], rtol=1e-5)
    for level in LEVELS:
        assert again.city.loc[level, "gap"] == pytest.approx(gaps.city.loc[level, "gap"], abs=0.005)
        np.testing.assert_allclose(
            two.loc[many, f"{level}_gap"], one.loc[many, f"{level}_gap"], atol=0.01
        )


# --- 3 more is never worse --------------------------------------------------------------------------


def at(data: CityData, layer: str, xy: tuple[float, float], **tags: Any) -> gpd.GeoDataFrame:
    """The layer and one more point in it."""
    frame = data.layers[layer]
    extra = frame.iloc[:0].reindex(range(1)).set_geometry([shapely.Point(*xy)])
    extra = extra.set_crs(frame.crs, allow_override=True)
    extra["osm_type"], extra["osm_id"], extra["name"] = "node", 10**12, "one more"
    if "tags" in extra:
        extra["tags"] = [{}]
    for key, value in tags.items():
        extra[key] = value
    joined: gpd.GeoDataFrame = pd.concat([frame, extra], ignore_index=True)
    return joined


MORE = {
    "clinic": ("transport", "health", {"amenity": "clinic"}, ("T9_health",)),
    "stop": ("transport", "transit_low", {"highway": "bus_stop"}, ("T1", "T1_u4ssc")),
    "station": ("transport", "transit_high", {"railway": "station"}, ("T1", "T2")),
    "school": ("transport", "school", {"amenity": "school"}, ("T9_school",)),
    "tap": ("water", "water_point", {"man_made": "water_tap"}, ("W1", "W2")),
    "substation": ("energy", "substation", {"power": "substation", "voltage_v": 33e3}, ("E5",)),
    "generator": ("energy", "power_gen", {"power": "generator", "output_mw": 2.0}, ()),
}


@pytest.mark.parametrize("what", MORE)
def test_one_more_never_makes_a_gap_larger(unofficial, what) -> None:
    sector, layer, tags, changed = MORE[what]
    before = by_sector(unofficial, sector)
    # Where it is worst: the inhabited cell that has the longest way, or none, of the first of these.
    people = np.nan_to_num(unofficial.array("population"))
    worse = before[changed[0]].cells if changed else people
    worse = -worse if changed and before[changed[0]].units == "share" else worse
    worse = np.where(people > 5, np.nan_to_num(worse, nan=-np.inf), -np.inf)
    row, column = np.unravel_index(np.argmax(worse), people.shape)
    box = unofficial.grid.boundingbox
    place = (box.left + (column + 0.6) * 250.0, box.top - (row + 0.3) * 250.0)
    more = with_layers(unofficial, **{layer: at(unofficial, layer, place, **tags)})
    after = by_sector(more, sector)
    better = set()
    for key, old in before.items():
        new = after[key]
        assert bool(new.not_assessed) <= bool(old.not_assessed), key
        if old.not_assessed:
            continue
        if old.gap is not None and new.gap is not None:
            known = np.isfinite(old.gap) & np.isfinite(new.gap)
            assert (np.isfinite(new.gap) >= np.isfinite(old.gap)).all(), key
            assert (new.gap[known] <= old.gap[known] + 1e-9).all(), key
            if (new.gap[known] < old.gap[known] - 1e-9).any():
                better.add(key)
        if key in {"E5", "T9_health", "T9_school", "W1"}:
            known = np.isfinite(old.cells)
            # Minutes are the mean of those who have a way: whoever gets one may have a long one.
            if key not in {"T9_health", "T9_school"}:
                assert (new.cells[known] <= old.cells[known] + 1e-9).all(), key
            if (new.cells[known] < old.cells[known] - 1e-9).any():
                better.add(key)
        if np.isfinite(old.area_gap) and old.gap is None:
            assert new.area_gap <= old.area_gap + 1e-9, key
        if old.units == "share" and old.gap is None and key in {"T1_u4ssc", "T2", "W2"}:
            assert new.value >= old.value - 1e-12, key
            if new.value > old.value:
                better.add(key)
    assert better or not changed


def test_the_first_substation_does_not_put_out_the_light(unofficial) -> None:
    """A better grid layer that is hardly mapped must not replace one that is."""
    lines = with_layers(
        unofficial,
        transformer=unofficial.layers["transformer"].iloc[:0],
        substation=unofficial.layers["substation"].iloc[:0],
    )
    box = unofficial.grid.boundingbox
    corner = (box.left + 300.0, box.top - 300.0)
    more = with_layers(
        lines, transformer=at(lines, "transformer", corner, power="transformer", voltage_v=400.0)
    )
    before, after = by_sector(lines, "energy")["E2"], by_sector(more, "energy")["E2"]
    assert after.value >= before.value - 1e-12


# --- 4 less data never makes surer ------------------------------------------------------------------

GROUPS = {
    "streets": ("transport", ("roads_drive", "roads_walk", "roads_cycle"), ("T4", "T5", "T8")),
    "services": ("transport", ("health", "school", "transit_low", "transit_high"), ("T1",)),
    "water": ("water", ("water_point", "sewage", "water_plant", "water_store"), ("W1", "W4")),
    "power": ("energy", ("power_line", "substation", "transformer"), ("E5",)),
}


@pytest.mark.parametrize("group", GROUPS)
def test_deleting_features_never_raises_the_evidence(unofficial, group) -> None:
    from kcity_geo.analysis.gaps.combine import assess_gaps as combine

    sector, layers, lost = GROUPS[group]
    rng = np.random.default_rng(3)
    order = {n: rng.permutation(len(unofficial.layers[n])) for n in layers}
    before = float("inf")
    cells = None
    for share in (0.0, 0.3, 0.6, 1.0):
        less = {
            n: unofficial.layers[n].iloc[np.sort(order[n][round(share * len(order[n])) :])]
            for n in layers
        }
        fewer = with_layers(unofficial, **less)
        found = combine(fewer, [*by_sector(fewer, sector).values()], draws=2)
        now = float(np.nan_to_num(found.city.loc[sector, "evidence"]))
        assert now <= before + 1e-9, share
        trust = np.nan_to_num(found.cells[f"{sector}_evidence"].to_numpy())
        if cells is not None and share == 1.0:
            assert (trust <= cells + 1e-6).all(), "of a cell"
        before, cells = now, trust if cells is None else cells
    rows = found.indicators.set_index(["indicator", "unit_id"])
    for key in lost:
        row = rows.loc[(key, "city")]
        assert np.isnan(row["value"]), key
        assert np.isnan(row["gap"]), key
        assert row["reading"] == "Not assessed", key
        assert (
            f"{key}_gap" not in found.cells or np.isnan(found.cells[f"{key}_gap"].to_numpy()).all()
        )


def moved(frame: gpd.GeoDataFrame, **tags: Any) -> gpd.GeoDataFrame:
    """The layer and a copy of it 900 m away, with other tags."""
    copy = frame.assign(osm_id=frame["osm_id"] + 10**11, **tags)
    copy = copy.set_geometry(frame.geometry.translate(900, 900))
    joined: gpd.GeoDataFrame = pd.concat([frame, copy], ignore_index=True)
    return joined


def half_known(data: CityData) -> CityData:
    """Half of the works, half of the plants and a sixth of the streets say how large or lit."""
    sewage = data.layers["sewage"]
    plant = sewage[sewage["man_made"] == "wastewater_plant"].assign(capacity_persons=30_000.0)
    streets = data.layers["roads_drive"].copy()
    streets.loc[np.random.default_rng(1).random(len(streets)) > 0.2, "lit"] = None
    return with_layers(
        data,
        water_plant=moved(data.layers["water_plant"], capacity_m3_day=np.nan),
        sewage=moved(plant, capacity_persons=np.nan),
        roads_drive=streets,
        lighting=data.layers["lighting"].iloc[:0],
    )


def untagged(data: CityData, layer: str, column: str) -> CityData:
    frame = data.layers[layer]
    known = frame[column].notna() & (frame[column].astype(str).str.len() > 0)
    return with_layers(data, **{layer: frame[known]})


def thinned(data: CityData, share: float) -> CityData:
    rng = np.random.default_rng(3)
    return with_layers(data, **{n: f[rng.random(len(f)) >= share] for n, f in data.layers.items()})


FEWER = {
    "works of unknown size": lambda d: untagged(d, "water_plant", "capacity_m3_day"),
    "plants of unknown size": lambda d: untagged(d, "sewage", "capacity_persons"),
    "streets that do not say": lambda d: untagged(d, "roads_drive", "lit"),
    "buildings": lambda d: with_layers(d, building=d.layers["building"].iloc[:0]),
    "a fifth of everything": lambda d: thinned(d, 0.2),
    "three fifths of everything": lambda d: thinned(d, 0.6),
}


@pytest.fixture(scope="module")
def rasterless(unofficial) -> tuple[CityData, Gaps]:
    """Without the built-up raster too, so that the mapped buildings count."""
    data = half_known(replace(unofficial, cube=unofficial.cube.drop_vars("built_m2")))
    return data, kc.assess_gaps(data)


@pytest.mark.parametrize("what", FEWER)
def test_no_deletion_makes_the_whole_surer(rasterless, what) -> None:
    """
    All sectors together, whatever is deleted: the untagged alone, the buildings, a bit of all.

    It holds for the city, its districts and its cells but for one kind: where a few ways were one
    street too many to speak of connectivity (T8), a crossing that vanishes leaves dead ends, and
    with them a value where there was none. Hardly anybody lives in such cells.
    """
    data, before = rasterless
    after = kc.assess_gaps(FEWER[what](data))
    one, two = (g.districts.set_index("district_id") for g in (before, after))
    people = np.nan_to_num(data.array("population"))
    t8 = [
        np.isfinite(g.cells["T8_gap"].to_numpy()) if "T8_gap" in g.cells else np.zeros(people.shape)
        for g in (before, after)
    ]
    fresh = (t8[0] == 0) & (t8[1] != 0)
    assert people[fresh].sum() < 0.01 * people.sum()
    for level in LEVELS:
        key = f"{level}_evidence"
        rise = np.nan_to_num(after.city.loc[level, "evidence"])
        assert rise <= np.nan_to_num(before.city.loc[level, "evidence"]) + 1e-9, level
        assert (two[key].fillna(0) <= one[key].fillna(0) + 1e-9).all(), level
        cells = [np.nan_to_num(g.cells[key].to_numpy())[~fresh] for g in (before, after)]
        assert (cells[1] <= cells[0] + 1e-6).all(), level
    rows = [
        g.indicators[g.indicators["unit_id"] == "city"].set_index("indicator")
        for g in (before, after)
    ]
    for key in ("W4", "W6", "E8"):
        order = {"": 0, "poor": 0, "fair": 1, "good": 2}  # poor data tell as little as none
        trust = [order[r.loc[key, "data"]] for r in rows]
        assert trust[1] <= trust[0], key
        assert rows[1].loc[key, "reading"] not in {"Falls short", "Probably falls short"}, key


# --- 5 people ---------------------------------------------------------------------------------------


def test_people_are_conserved_from_the_raster_to_the_districts(data, gaps, hanbit_town) -> None:
    with rasterio.open(hanbit_town / "population.tif") as source:
        values = source.read(1)
        pixels = np.where(values == source.nodata, 0.0, values)
        rows, columns = np.nonzero(pixels)
        outline = gpd.GeoSeries([data.city.boundary], crs=4326).to_crs(source.crs).iloc[0]
        a = source.transform
        squares = shapely.box(
            a.c + columns * a.a, a.f + (rows + 1) * a.e, a.c + (columns + 1) * a.a, a.f + rows * a.e
        )
    share = shapely.area(shapely.intersection(squares, outline)) / shapely.area(squares)
    expected = float((pixels[rows, columns] * share).sum())
    cells = float(np.nansum(data.array("population")))
    # Pixels on the outline are given whole or shared by the reader: an edge of 15 km.
    assert cells == pytest.approx(expected, rel=0.01)
    assert data.measured["population"]["conserved_share"] == pytest.approx(1, abs=1e-3)
    assert gaps.districts["population"].sum() == pytest.approx(cells, rel=1e-9)


def test_served_and_unserved_are_everybody(gaps, data) -> None:
    total = float(np.nansum(data.array("population")))
    rows = {one.id: one for one in gaps.assessed}
    people = np.nan_to_num(data.array("population"))
    for key in ("T1_u4ssc", "T2"):
        about = rows[key].details
        assert about["persons_served"] + about["persons_unserved"] == pytest.approx(total)
    urban, rural = rows["T1"].details, rows["T3"].details.get("persons", 0.0)
    assert urban["persons"] + rural == pytest.approx(total)
    assert urban["persons_served"] + urban["persons_unserved"] == pytest.approx(urban["persons"])
    for key in ("T9_health", "T9_school"):
        about = rows[key].details
        spent, reached = rows[key].ratio
        assert reached.sum() + about["persons_without_route"] == pytest.approx(total)
        assert spent.sum() / reached.sum() == pytest.approx(rows[key].value)
        assert (reached <= people + 1e-9).all()
        shares = [about[f"share_{limit}_min"] for limit in (15, 30, 45, 60, 120)]
        assert shares == sorted(shares)
        assert shares[-1] <= reached.sum() / total + 1e-9
    water = rows["W2"]
    served = float(np.nansum(water.cells * people))
    assert served == pytest.approx(water.value * total)
    # Those whom no point has room for, of those who are not at a tap of their own.
    assert served + water.details["persons_without_room"] <= total * (1 + 1e-9)
    assert float(np.nansum(rows["E2"].cells * people)) == pytest.approx(rows["E2"].value * total)
    assert ((rows["W1"].cells >= 0) | np.isnan(rows["W1"].cells)).all()


# --- 6, 7, 9 other cities, scale, seed --------------------------------------------------------------


def test_weights_may_be_given_on_any_scale(data, gaps) -> None:
    # All of the profile's criteria: those not named keep the weight of the profile.
    names = [one.id for one in kc.suitability(data, gaps).criteria]
    own = {name: 0.05 + 0.01 * i for i, name in enumerate(names)}

    def scored(factor: float) -> Any:
        weights = {key: value * factor for key, value in own.items()}
        chosen = data.study.suitability.model_copy(update={"weights": weights})
        return kc.suitability(
            replace(data, study=data.study.model_copy(update={"suitability": chosen})), gaps
        )

    one, many = scored(1.0), scored(37.0)
    np.testing.assert_allclose(one.score, many.score, atol=1e-12)
    assert sum(c.weight_used for c in many.criteria) == pytest.approx(1)


def test_standards_may_weigh_on_any_scale(data, gaps) -> None:
    from kcity_geo.analysis.gaps.combine import assess_gaps as combine

    standards = load_standards(data.study.standards)
    scaled = {key: replace_weights(row, 8.0) for key, row in standards.items()}
    other = model_of(data).changed(standards=scaled)
    again = combine(other, gaps.assessed, seed=data.study.study.seed)
    pd.testing.assert_frame_equal(again.city, gaps.city, rtol=1e-9)


def replace_weights(row: Any, factor: float) -> Any:
    return replace(
        row, urban_weight=row.urban_weight * factor, rural_weight=row.rural_weight * factor
    )


def test_the_same_seed_gives_the_same_bytes_and_other_cities_change_nothing(data, gaps) -> None:
    other = replace(data, cube=data.cube.assign(population=data.cube["population"] * 3))
    kc.assess_gaps(other)
    again = kc.assess_gaps(replace(data))
    for name in ("city", "indicators"):
        assert getattr(gaps, name).to_csv() == getattr(again, name).to_csv(), name
    assert gaps.districts.to_json() == again.districts.to_json()
    assert gaps.survey_tasks.to_json() == again.survey_tasks.to_json()


# --- 8 perfect and empty ----------------------------------------------------------------------------


def test_a_perfect_city_has_no_gap_and_an_empty_map_has_none_known(data, gaps) -> None:
    from kcity_geo.analysis.gaps.combine import assess_gaps as combine

    standards = load_standards(data.study.standards)
    shape = data.grid.shape
    perfect = [
        replace(
            one, value=0.0, cells=np.zeros(shape),
            gap=np.zeros(shape), area_gap=0.0, bounds=None, gap_bounds=None, value_error=None, not_assessed="",
            ratio=None,
        )
        for one in gaps.assessed
        if one.id in standards
    ]  # fmt: skip
    found = combine(data, perfect, draws=2)
    assert (found.city["gap"] == 0).all()
    assert (found.districts["composite_gap"] == 0).all()
    adequate = {"Adequate", "Hardly flood-prone", "Cannot tell: survey first"}
    assert set(found.city["reading"]) <= adequate
    assert (found.city["people_short"] == 0).all()

    bare = replace(
        data, layers={n: f.iloc[:0] for n, f in data.layers.items()}, official={}, transit=None,
        dem=None, flood=None,
    )  # fmt: skip
    with_lights = kc.assess_gaps(replace(bare, cube=data.cube[["inside_share", "population"]]))
    assert with_lights.city["gap"].isna().all()
    assert (with_lights.city["reading"] == "Not assessed").all()
    assert with_lights.districts["composite_gap"].isna().all()


# --- districts and the city -------------------------------------------------------------------------


def test_the_only_district_has_the_numbers_of_the_city(data) -> None:
    """A city that is one district: each row of the district is the row of the city."""
    from kcity_geo.city import make_city
    from kcity_geo.cube import district_shares

    city = make_city("Cut", data.city.boundary)
    alone = replace(data, city=city, shares=district_shares(city, grid=data.grid), official={})
    rows = kc.assess_gaps(alone).indicators.set_index(["unit_id", "indicator"])
    whole = rows.loc["whole"]
    assert {"T4", "T8", "E3", "E6", "E8", "E10"} <= set(whole.index[whole["value"].notna()])
    for key in whole.index:
        for name in ("value", "gap_raw", "gap", "gap_lo", "gap_hi", "p_short"):
            own, of_city = whole.loc[key, name], rows.loc[("city", key), name]
            assert own == pytest.approx(of_city, rel=1e-6, abs=1e-9, nan_ok=True), (key, name)


def test_amounts_of_the_districts_add_up_to_the_city(gaps) -> None:
    rows = gaps.indicators.set_index(["indicator", "unit_id"])["value"]
    for key in ("E3", "E10"):
        assert rows[key].drop("city").sum() == pytest.approx(rows[key, "city"], rel=1e-6)


def test_no_number_is_noise(gaps) -> None:
    """No -0.0, no 1e-18, bounds in order, shares between 0 and 1."""
    table = gaps.indicators
    for name in ("value", "gap_raw", "gap", "gap_lo", "gap_hi", "p_short"):
        values = table[name].to_numpy(dtype=float)
        known = values[np.isfinite(values)]
        assert not ((known == 0) & np.signbit(known)).any(), name
        assert not ((known != 0) & (np.abs(known) < 1e-12)).any(), name
    known = table[table["gap"].notna()]
    assert (known["gap_lo"] <= known["gap"] + 1e-12).all()
    assert (known["gap"] <= known["gap_hi"] + 1e-12).all()
    shares = table[(table["units"] == "share") & table["value"].notna()]["value"]
    assert shares.between(0, 1 + 1e-12).all()
