"""Cities of a country: urban centres found, nobody lost, an extract and a study each."""

from __future__ import annotations

import csv
import json

import geopandas as gpd
import numpy as np
import osmium
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin
from typer.testing import CliRunner

from kcity_geo.analysis.settlement.centres import urban_centres
from kcity_geo.cli import app
from kcity_geo.config import read_table
from kcity_geo.errors import KCityWarning, OutputError, SourceError, StudyError
from kcity_geo.many.country import _ids, find_cities
from kcity_geo.sources.local.country_people import people_of_country
from kcity_geo.sources.products.extracts import clip_extract, cut_cities
from kcity_geo.study_keys import Official
from kcity_geo.studyfile import load_study, resolve_path


def write_raster(
    path, values, *, pixel=0.0025, west=-27.03, north=45.03, crs="EPSG:4326", nodata=-99999.0
):
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype="float32",
        crs=crs, transform=from_origin(west, north, pixel, pixel), nodata=nodata,
    ) as file:  # fmt: skip
        file.write(values.astype("float32"), 1)


@pytest.mark.parametrize(("crs", "pixel", "west", "north"), [
    ("EPSG:4326", 1 / 120, 20.0, 10.0),
    ("EPSG:4326", 1 / 1200, 20.0, 60.0),
    ("ESRI:54009", 250.0, 2_000_000.0, 500_000.0),
    ("EPSG:32634", 100.0, 500_000.0, 5_000_000.0),
])  # fmt: skip
def test_nobody_is_lost_or_doubled(tmp_path, crs, pixel, west, north) -> None:
    values = np.random.default_rng(5).integers(0, 50, (60, 80)).astype(float)
    values[3:9, 5:15] = -99999
    write_raster(tmp_path / "p.tif", values, crs=crs, pixel=pixel, west=west, north=north)
    people = people_of_country(tmp_path / "p.tif")
    assert np.nansum(people.persons) == pytest.approx(values[values >= 0].sum(), rel=1e-9)


def test_scale_is_obeyed_and_undeclared_nodata_refused(tmp_path) -> None:
    write_raster(tmp_path / "p.tif", np.full((10, 10), 30.0))
    with rasterio.open(tmp_path / "p.tif", "r+") as file:
        file.scales = (0.1,)
    assert np.nansum(people_of_country(tmp_path / "p.tif").persons) == pytest.approx(300)
    write_raster(tmp_path / "q.tif", np.full((10, 10), -200.0))
    with pytest.raises(SourceError, match="nodata"):
        people_of_country(tmp_path / "q.tif")
    with pytest.raises(SourceError, match="does not exist"):
        people_of_country(tmp_path / "none.tif")


def test_centres_are_dense_joined_by_sides_and_large_enough() -> None:
    persons = np.zeros((30, 30))
    persons[2:8, 2:8] = 2_000  # 72,000: a centre
    persons[20:25, 20:25] = 1_900  # 47,500: too few
    persons[12:18, 2:8] = 1_400  # too thin
    persons[8, 8] = 5_000  # touches by a corner alone
    found = urban_centres(persons, cell_m=1000.0, origin=(0.0, 30_000.0))
    assert [(one.persons, one.area_km2) for one in found] == [(72_000.0, 36.0)]
    assert found[0].outline.equals(shapely.box(2_000, 22_000, 8_000, 28_000))


@pytest.fixture
def at_the_west(tmp_path):
    """Two cities of 250,000 people; the raster ends in one of them."""
    values = np.zeros((40, 90))
    values[10:30, :20], values[10:30, 50:70] = 600, 620
    write_raster(tmp_path / "p.tif", values)
    return tmp_path


def test_a_city_that_the_raster_cuts_is_told(at_the_west) -> None:
    with pytest.warns(
        KCityWarning, match="reaches the edge of the raster: persons and bound"
    ) as told:
        found = find_cities(at_the_west / "p.tif", at_the_west / "out")
    assert [one.reaches_edge for one in found] == [False, True]
    assert len(told) == 1
    assert f"({found[1].id})" in str(told[0].message)
    assert f"({found[0].id})" not in str(told[0].message)
    rows = csv.DictReader((at_the_west / "out" / "cities.csv").read_text().splitlines())
    assert [row["reaches_edge"] for row in rows] == ["no", "yes"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[sources]\nelevatoin = "x"\n', "elevatoin"),
        ("sources = 3\n", "sources"),
        ("[official]\nyear = 2023\npopulation = 38367\n", "official.population: is a total"),
        ("[official]\nwater_points = 0\n", "official.water_points: is a total"),
        ("[[", "is not TOML"),
        (None, "no such template"),
    ],
)
def test_a_wrong_template_stops_before_anything_is_read_or_written(tmp_path, text, words) -> None:
    template = tmp_path / "template.toml"
    if text is not None:
        template.write_text(text)
    with pytest.raises(StudyError, match=words) as refused:
        find_cities(tmp_path / "no.tif", tmp_path / "out", osm="no.pbf", template=template)
    assert str(refused.value).startswith(str(template))
    assert not (tmp_path / "out").exists()


def test_official_numbers_are_totals_of_one_city_or_hold_for_many() -> None:
    rates = {
        "electricity_access", "piped_water_access", "nrw_share", "lpcd", "population_growth_share",
    }  # fmt: skip
    others = {"year", "source", "table"}
    totals = read_table("official")["template"]["of_one_city"]
    assert rates | others | set(totals) == set(Official.model_fields)


def test_nothing_is_left_where_the_list_does_not_get_ready(country, monkeypatch) -> None:
    place, extract = country
    (place / "kept").mkdir()

    def broken(*_: object) -> None:
        raise SourceError("the extract is damaged")

    monkeypatch.setattr("kcity_geo.many.country.cut_cities", broken)
    for out in (place / "kept", place / "new"):
        with pytest.raises(SourceError, match="damaged"):
            find_cities(place / "people.tif", out, osm=extract)
    assert not list((place / "kept").iterdir())
    assert not (place / "new").exists()


def test_a_template_without_an_extract_is_told(country) -> None:
    place, _ = country
    (place / "t.toml").write_text("[official]\nlpcd = 90\n")
    with pytest.warns(KCityWarning, match="t.toml: not used"):
        find_cities(place / "people.tif", place / "out", template=place / "t.toml")


@pytest.mark.parametrize("lacking", ["--population", "--osm", "--template"])
def test_a_file_that_is_not_there_is_told_before_work_begins(country, lacking) -> None:
    place, extract = country
    files = {
        "--population": str(place / "people.tif"),
        "--osm": str(extract),
        "--out": str(place / "o"),
    }
    files[lacking] = str(place / "none")
    done = CliRunner().invoke(app, ["cities", *(text for pair in files.items() for text in pair)])
    assert done.exit_code == 2
    assert "looking for" not in done.output


def test_the_largest_stands_first() -> None:
    persons = np.zeros((20, 40))
    persons[2:8, 2:8], persons[2:8, 20:28] = 2_000, 2_500
    found = urban_centres(persons, cell_m=1000.0, origin=(0.0, 0.0))
    assert [one.persons for one in found] == [120_000.0, 72_000.0]


@pytest.fixture
def country(tmp_path, hanbit_town):
    """Seventy thousand people over the demo town, whose extract stands for the country."""
    values = np.zeros((24, 24))
    values[4:20, 4:20] = 70_000 / 256
    write_raster(tmp_path / "people.tif", values)
    return tmp_path, hanbit_town / "city.osm.pbf"


def test_a_city_gets_boundary_extract_and_study(country) -> None:
    place, extract = country
    found = find_cities(place / "people.tif", place / "out", osm=extract)
    assert len(found) == 1
    one = found[0]
    rows = list(csv.DictReader((place / "out" / "cities.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == [one.id]
    study = load_study(place / "out" / one.study)
    assert study.city.name == one.name
    boundary = gpd.read_file(place / "out" / one.boundary)
    assert boundary.crs.to_epsg() == 4326
    assert abs(one.persons - 70_000) < 12_000  # the rim of thin cells is not the centre's
    assert (place / "out" / "osm" / f"{one.id}.osm.pbf").stat().st_size > 1000


def test_the_command_lists_them_and_says_what_is_next(country) -> None:
    place, extract = country
    arguments = [
        "cities",
        "--population",
        str(place / "people.tif"),
        "--out",
        str(place / "c"),
        "--osm",
        str(extract),
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "Next: kcity run --cities" in done.output
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    assert "not empty" in again.output


def test_without_an_extract_the_list_is_for_fetching(country) -> None:
    place, _ = country
    found = find_cities(place / "people.tif", place / "out")
    assert (found[0].name, found[0].study) == ("Urban centre 1", "")
    row = next(csv.DictReader((place / "out" / "cities.csv").read_text().splitlines()))
    assert row["place"] == "Urban centre 1"
    assert json.loads((place / "out" / row["boundary"]).read_text())["features"]
    with pytest.raises(OutputError, match="not empty"):
        find_cities(place / "people.tif", place / "out")


def test_files_beside_a_template_are_found_from_the_studies(country) -> None:
    place, extract = country
    home = place / "template"
    home.mkdir()
    for name in ("official.csv", "logo.png", "people.csv"):
        (home / name).write_text("x")
    (home / "template.toml").write_text(
        '[study]\nname = "t"\nproject = "new_town"\n[official]\ntable = "official.csv"\nsource = "the office"\n'
        '[report]\nlogo = "logo.png"\nclient = "The ministry"\n[sources]\nextra = { health = "people.csv" }\n'
    )
    found = find_cities(
        place / "people.tif", place / "out", osm=extract, template=home / "template.toml"
    )
    study = load_study(place / "out" / found[0].study)
    for value in (study.official.table, study.report.logo, study.sources.extra["health"]):
        assert resolve_path(study, value, key="x").parent == home
    assert (study.official.source, study.report.client) == ("the office", "The ministry")


def test_a_file_where_a_folder_should_be_is_told(country) -> None:
    place, _ = country
    (place / "out").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        find_cities(place / "people.tif", place / "out")
    assert (place / "out").read_text() == "mine"


def test_ids_of_cities_of_one_name_differ_whatever_others_are_called() -> None:
    names = ["Springfield", "Springfield 003", "Springfield", "부산", "manifests", "São Tomé"]
    ids = _ids(names)
    assert ids == [
        "springfield", "springfield-003", "springfield-004", "centre-004", "centre-005", "sao-tome",
    ]  # fmt: skip


def test_no_centre_is_a_clear_line(country) -> None:
    place, _ = country
    write_raster(place / "thin.tif", np.ones((24, 24)))
    with pytest.raises(SourceError, match="no urban centre"):
        find_cities(place / "thin.tif", place / "out")


def test_a_raster_of_heights_is_no_population(country) -> None:
    place, _ = country
    write_raster(place / "heights.tif", np.full((40, 40), 12_000.0))
    with pytest.raises(SourceError, match="more than any city holds"):
        find_cities(place / "heights.tif", place / "out-of-heights")
    assert not (place / "out-of-heights").exists()


def test_extracts_cut_together_are_those_cut_alone(hanbit_town, tmp_path) -> None:
    source = hanbit_town / "city.osm.pbf"
    areas = {
        tmp_path / f"{i}.osm.pbf": shapely.box(-27.02 + 0.01 * i, 44.99, -27.005 + 0.01 * i, 45.005)
        for i in range(2)
    } | {tmp_path / "sea.osm.pbf": shapely.box(10, 10, 11, 11)}

    def objects(path):
        return [(str(one), dict(one.tags)) for one in osmium.FileProcessor(str(path))]

    found = cut_cities(source, areas)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.osm.pbf", "1.osm.pbf"]
    for path in found:
        clip_extract(source, areas[path], tmp_path / "alone.osm.pbf")
        assert objects(tmp_path / "alone.osm.pbf") == objects(path)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("unit", "words"), [("kWh m-2 year-1", "kWh"), ("persons per km2", "persons in each pixel")]
)
def test_a_raster_that_counts_something_else_is_refused(tmp_path, unit, words) -> None:
    write_raster(tmp_path / "p.tif", np.full((10, 10), 1800.0))
    with rasterio.open(tmp_path / "p.tif", "r+") as file:
        file.update_tags(UNITS=unit)
        file.units = (unit,)
    with pytest.raises(SourceError, match=words):
        people_of_country(tmp_path / "p.tif")
