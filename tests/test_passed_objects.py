"""Objects passed in Python are inputs like files, and the saved study runs again from anywhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import xarray as xr
from pyproj import CRS

import kcity_geo as kc
from kcity_geo.errors import KCityError, SourceError, StudyError
from kcity_geo.passed_objects import is_passed, written
from kcity_geo.sources.local.tables import read_official_table
from kcity_geo.studyfile import load_study, resolve_path

pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")

METRIC = "EPSG:32633"
X0, Y0 = 500_000.0, 5_000_000.0
OUTLINE = gpd.GeoSeries([shapely.box(X0, Y0, X0 + 2000, Y0 + 1500)], crs=METRIC)
HALVES = gpd.GeoDataFrame(
    {"district_id": ["w", "e"], "name": ["West", "East"]},
    geometry=[
        shapely.box(X0, Y0, X0 + 1000, Y0 + 1500),
        shapely.box(X0 + 1000, Y0, X0 + 2000, Y0 + 1500),
    ],
    crs=METRIC,
)
CLINICS = gpd.GeoDataFrame(
    {"name": ["one", "two"], "amenity": ["clinic", "hospital"]},
    geometry=gpd.points_from_xy([X0 + 300, X0 + 1700], [Y0 + 300, Y0 + 900]),
    crs=METRIC,
).to_crs(4326)


def raster(values, cell=100.0, **attrs):
    rows, columns = np.shape(values)
    array = xr.DataArray(
        values,
        dims=("y", "x"),
        coords={
            "y": Y0 + (rows - np.arange(rows) - 0.5) * cell,
            "x": X0 + (np.arange(columns) + 0.5) * cell,
        },
        attrs=attrs,
    )
    return array.assign_coords(spatial_ref=xr.DataArray(0, attrs={"crs_wkt": CRS(METRIC).to_wkt()}))


PEOPLE = raster(np.arange(300.0).reshape(15, 20), units="persons")
HEIGHTS = raster(np.add.outer(np.arange(15.0), np.arange(20.0)), units="m")


def whole_study(**more):
    return kc.Study(
        name="objects",
        city=kc.make_city("Rectangle", OUTLINE, districts=HALVES),
        sources={
            "population": PEOPLE,
            "elevation": HEIGHTS,
            "extra": {"health": CLINICS, "toilets": CLINICS.geometry},
        },
        official={"table": pd.DataFrame({"lpcd": [101.125, 98.25]}, index=["w", "e"])},
        **more,
    )


def tables_of(folder: Path) -> dict[str, str]:
    return {
        name: (folder / name).read_text(encoding="utf-8")
        for name in ("indicators.csv", "indicator_details.csv", "inventory.csv")
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory, no_pictures_here) -> Path:
    return_to = tmp_path_factory.mktemp("saved") / "a"
    kc.run(whole_study(), return_to, config=kc.Config(offline=True))
    return return_to


def test_what_was_passed_is_what_is_read() -> None:
    data = kc.load(whole_study(), config=kc.Config(offline=True))
    np.testing.assert_allclose(data.cube["population"].to_numpy(), PEOPLE.to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(data.cube["elevation_m"].to_numpy(), HEIGHTS.to_numpy())
    assert len(data.layers["health"]) == 2
    assert data.official["table"]["lpcd"].to_dict() == {"e": 98.25, "w": 101.125}


def test_a_copy_of_the_folder_runs_again_and_says_the_same(saved, tmp_path) -> None:
    copy = tmp_path / "elsewhere" / "a"
    shutil.copytree(saved, copy)
    again = load_study(copy / "study.toml")
    for value in (again.sources.population, again.city.boundary, again.official.table):
        assert value.startswith("inputs/")
    kc.run(again, tmp_path / "b", config=kc.Config(offline=True))
    assert tables_of(tmp_path / "b") == tables_of(saved)
    # The third generation carries its inputs too, also written over the second.
    shutil.rmtree(copy)
    kc.run(tmp_path / "b" / "study.toml", tmp_path / "b", config=kc.Config(offline=True))
    assert tables_of(tmp_path / "b") == tables_of(saved)
    assert not is_passed(
        resolve_path(load_study(tmp_path / "b" / "study.toml"), "inputs/health.parquet", key="x")
    )


def test_an_object_that_changes_later_changes_no_study() -> None:
    people = PEOPLE.copy(deep=True)
    study = kc.Study(city=OUTLINE, sources={"population": people})
    people[:] = 0
    assert float(kc.load(study).cube["population"].sum()) == pytest.approx(44_850)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("population", PEOPLE),
        ("population", xr.Dataset({"people": PEOPLE})),
        ("population", PEOPLE.astype("int32")),
        ("population", PEOPLE[::-1]),
        ("population", PEOPLE.expand_dims("band")),
        ("population", PEOPLE.T),
        (
            "population",
            HALVES.assign(population=[20_000.0, 24_850.0])[["population", "geometry"]].to_crs(3857),
        ),
        ("population", pd.DataFrame({"name": ["East", "West"], "population": [24_850, 20_000]})),
    ],
    ids=["array", "dataset", "integers", "south up", "a band", "turned", "polygons", "table"],
)
def test_people_come_in_many_forms_and_are_conserved(field, value) -> None:
    city = kc.make_city("Rectangle", OUTLINE, districts=HALVES)
    data = kc.load(kc.Study(city=city, sources={field: value}))
    assert float(data.cube["population"].sum()) == pytest.approx(44_850)


@pytest.mark.parametrize(
    "value",
    [
        CLINICS,
        CLINICS.geometry,
        CLINICS.to_crs(3035),
        CLINICS.set_index("name"),
        CLINICS.rename_geometry("place"),
        pd.DataFrame({"lon": CLINICS.geometry.x, "lat": CLINICS.geometry.y}),
        pd.DataFrame(
            CLINICS.get_coordinates().to_numpy(), columns=["lon", "lat"], index=["a", "b"]
        ),
        CLINICS.assign(tags=[{"a": 1}, ["x"]], number=[1, None]),
    ],
    ids=["frame", "series", "other crs", "index", "geometry name", "table", "labels", "lists"],
)
def test_clinics_come_in_many_forms(value) -> None:
    data = kc.load(kc.Study(city=OUTLINE, sources={"extra": {"health": value}}))
    found = data.layers["health"].geometry.to_crs(METRIC)
    np.testing.assert_allclose(np.sort(found.x), [X0 + 300, X0 + 1700], atol=0.01)


def test_paths_are_taken_as_path_and_text(saved) -> None:
    for boundary in (
        saved / "inputs" / "boundary.parquet",
        str(saved / "inputs" / "boundary.parquet"),
    ):
        city = kc.find_city(kc.Study(city={"boundary": boundary}))
        assert city.area_km2 == pytest.approx(3.0, rel=0.002)
    tiles = kc.Study(city=OUTLINE, sources={"population": [PEOPLE[:, :8], PEOPLE[:, 8:]]})
    assert float(kc.load(tiles).cube["population"].sum()) == pytest.approx(44_850)


@pytest.mark.parametrize(
    ("sources", "text"),
    [
        ({"extra": {"health": CLINICS.set_crs(None, allow_override=True)}}, "health: has no CRS"),
        ({"elevation": xr.DataArray(np.ones((3, 3)), dims=("y", "x"))}, "elevation: .* no CRS"),
        ({"elevation": CLINICS}, "GeoDataFrame cannot be this input; give a DataArray"),
        ({"osm": CLINICS}, "a path only, or a GeoSeries or GeoDataFrame under sources.extra"),
        ({"gtfs": pd.DataFrame({"stop": [1]})}, "gtfs: DataFrame cannot be this input"),
        ({"extra": {"health": PEOPLE}}, "health: DataArray cannot be this input"),
        ({"extra": {"helth": CLINICS}}, "helth: no such layer"),
        ({"elevation": PEOPLE.expand_dims(time=3)}, "rows and columns"),
        ({"elevation": PEOPLE.astype(str)}, "numbers are needed"),
        ({"extra": {"health": pd.DataFrame()}}, "the table is empty"),
        ({"population": PEOPLE.assign_coords(x=X0 + np.arange(20.0) ** 2)}, "evenly spaced"),
        ({"population": PEOPLE > 3}, "holds bool, numbers are needed"),
        ({"population": xr.Dataset({"a": PEOPLE, "b": PEOPLE})}, "Dataset cannot be an input; pass one"),
        ({"population": pd.Series([1, 2], index=["w", "e"])}, "Series cannot be an input; make it a table"),
        ({"elevation": HEIGHTS.to_numpy()}, "ndarray cannot be an input; it says no place"),
        ({"extra": {"health": pd.concat([CLINICS, CLINICS[["name"]]], axis=1)}}, "two columns 'name'"),
    ],
    ids=[
        "no crs", "bare array", "points for a raster", "frame for osm", "frame for gtfs", "raster for points",
        "unknown layer", "times", "words", "empty", "uneven",
        "yes and no", "two variables", "a series", "no place", "doubled",
    ],
)  # fmt: skip
def test_what_cannot_be_this_input_is_refused_when_the_study_is_made(sources, text) -> None:
    with pytest.raises(StudyError, match=text) as caught:
        kc.Study(city=OUTLINE, sources=sources)
    assert "\n" not in str(caught.value)


def test_polygons_without_a_number_of_people_are_told() -> None:
    frame = HALVES.assign(population=pd.array([20_000, None], dtype="Int64"))
    city = kc.make_city("Rectangle", OUTLINE, districts=HALVES)
    data = kc.load(kc.Study(city=city, sources={"population": frame}))
    assert float(data.cube["population"].sum()) == pytest.approx(20_000)
    assert any("1 of 2 polygons have no number in 'population'" in t for t in data.warnings)


@pytest.mark.parametrize("told", [{"long_name": "Population density"}, {}])
def test_a_density_by_its_name_is_no_count_of_persons(told) -> None:
    array = raster(np.full((15, 20), 50.0), **told).rename(None if told else "density")
    with pytest.raises(SourceError, match="says density"):
        kc.load(kc.Study(city=OUTLINE, sources={"population": array}))


@pytest.mark.parametrize("value", [12.345, 1.5, 1234.567, 0.125, 999.999, 1e-7, 100.0, 123456.789])
def test_a_number_of_a_table_is_not_read_in_thousands(value) -> None:
    districts = kc.make_city("R", OUTLINE, districts=HALVES).districts
    table = pd.DataFrame({"district_id": ["w", "e"], "water_storage_m3": [value, value]})
    found = read_official_table(Path(written(table, field="table")), districts=districts)
    assert found["water_storage_m3"].tolist() == [value, value]


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_a_scale_counts_for_whole_numbers_only(dtype) -> None:
    """Xarray keeps the attribute through the arithmetic that has scaled the numbers."""
    heights = xr.DataArray(
        np.full((4, 5), 700, dtype),
        coords={"y": np.arange(4.0)[::-1], "x": np.arange(5.0)},
        dims=("y", "x"),
        attrs={"scale_factor": 0.1, "crs": "EPSG:32633"},
    )
    if dtype == "float32":
        with pytest.raises(
            StudyError, match=r"elevation: .*scale_factor 0\.1.*whether they are scaled"
        ):
            written(heights, field="elevation")
        return
    with rasterio.open(written(heights, field="elevation")) as file:
        assert file.scales == (0.1,)


def test_the_same_object_is_the_same_file() -> None:
    one, two = (written(CLINICS.copy(), field="extra", name="health") for _ in range(2))
    assert one == two
    assert written(CLINICS[:1], field="extra", name="health") != one


# --- inputs that stay outside the folder ---------------------------------------------------------


@pytest.fixture(scope="module")
def home_with_file(tmp_path_factory, no_pictures_here) -> Path:
    """A study of a file beside it, run once into the folder a."""
    home = tmp_path_factory.mktemp("home")
    rows = pd.DataFrame({"lon": CLINICS.geometry.x, "lat": CLINICS.geometry.y})
    rows.to_csv(home / "clinics.csv", index=False)
    shutil.copy(written(HEIGHTS, field="elevation"), home / "dem.tif")
    west, south, east, north = OUTLINE.to_crs(4326).total_bounds
    (home / "study.toml").write_text(
        f'[city]\nname = "R"\nbbox = [{west}, {south}, {east}, {north}]\n'
        '[sources]\nelevation = "dem.tif"\n[sources.extra]\nhealth = "clinics.csv"\n',
        encoding="utf-8",
    )
    kc.run(home / "study.toml", home / "a", config=kc.Config(offline=True))
    return home


@pytest.fixture
def with_file(home_with_file, tmp_path) -> Path:
    """The folder of its result in a copy of one's own."""
    return Path(shutil.copytree(home_with_file, tmp_path / "home")) / "a"


def test_extra_files_are_found_from_the_folder_of_the_result(with_file, tmp_path) -> None:
    assert load_study(with_file / "study.toml").sources.extra == {"health": "../clinics.csv"}
    kc.run(with_file / "study.toml", tmp_path / "b", config=kc.Config(offline=True))
    assert tables_of(tmp_path / "b") == tables_of(with_file)


def test_a_copied_folder_names_the_file_that_it_misses_and_takes_it(with_file, tmp_path) -> None:
    copy = tmp_path / "far" / "away" / "a"
    shutil.copytree(with_file, copy)
    study = load_study(copy / "study.toml")
    (copy / "inputs").mkdir()
    shutil.copy(with_file.parent / "dem.tif", copy / "inputs" / "dem.tif")
    with pytest.raises(
        SourceError, match=r"extra\.health: .*put the clinics\.csv with the SHA-256"
    ) as caught:
        kc.load(study)
    assert str(copy / "inputs") in str(caught.value)
    (copy / "inputs" / "clinics.csv").write_text("lon,lat\n1,2\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"the clinics\.csv there is another file"):
        kc.load(study)
    shutil.copy(with_file.parent / "clinics.csv", copy / "inputs" / "clinics.csv")
    assert len(kc.load(study).layers["health"]) == 2
    kc.run(study, tmp_path / "c", config=kc.Config(offline=True))
    assert tables_of(tmp_path / "c") == tables_of(with_file)


def test_a_file_that_has_changed_since_is_told(with_file) -> None:
    file = with_file.parent / "clinics.csv"
    study = load_study(with_file / "study.toml")
    assert not any("another file" in text for text in kc.load(study).warnings)
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert any("clinics.csv is another file" in text for text in kc.load(study).warnings)


# --- what was asked in Python --------------------------------------------------------------------


def test_the_saved_study_is_the_one_that_was_asked_for_in_python(tmp_path) -> None:
    study = whole_study(suitability={"weights": {"slope_pct": 0.5}})
    data = kc.load(study)
    gaps = kc.assess_gaps(data)
    score = kc.suitability(
        data,
        gaps,
        project="new_town",
        weights={"slope_pct": np.float64(0.3)},
        constraints={"slope_pct_max": 12},
    )
    sites = kc.rank_sites(score, data, threshold=0.2, max_sites=3)
    kc.save(kc.Result(kc.Study(name="other"), data, gaps, score, sites), tmp_path / "a")
    again = load_study(tmp_path / "a" / "study.toml")
    assert again.study.project == "new_town"
    assert again.study.name == "objects"
    assert again.suitability.weights == {"slope_pct": 0.3}
    assert again.suitability.constraints == {"slope_pct_max": 12}
    assert (again.suitability.threshold, again.suitability.max_sites) == (0.2, 3)
    result = kc.run(again, tmp_path / "b")
    np.testing.assert_array_equal(result.score.score, score.score)
    assert len(result.sites) == len(sites)
    kc.suitability(data, gaps)
    with pytest.raises(KCityError, match="kettle"):
        kc.suitability(data, gaps, weights={"kettle": 1.0})
