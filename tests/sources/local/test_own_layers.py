"""The user's own features beside OpenStreetMap: csv with coordinates, xlsx, any vector."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from pyproj import CRS

from kcity_geo.config import Config, read_table
from kcity_geo.errors import KCityWarning, SchemaError, SourceError, StudyError
from kcity_geo.notes import collected, muted
from kcity_geo.sources.local.ownlayers import append_own, read_own_layer
from kcity_geo.sources.local.points import read_points_or_vector
from kcity_geo.sources.osm.frames import empty_layers
from kcity_geo.sources.osm.rules import layer_table
from kcity_geo.study import check, load
from kcity_geo.studyfile import check_study, load_study

UTM = CRS(32632)
AREA = shapely.box(7.40, 43.70, 7.50, 43.80)
CLINICS = "lon,lat,name,amenity,beds\n7.41,43.71,A,,12\n7.42,43.72,B,hospital,200\n"


def own(path: Path, layer: str) -> gpd.GeoDataFrame:
    return read_own_layer(path, layer, key=f"sources.extra.{layer}", area=AREA, crs=UTM)[0]


def test_every_default_is_a_member_of_its_layer() -> None:
    from kcity_geo.sources.osm.rules import rules

    for layer, row in read_table("extra")["layer"].items():
        for shape in layer_table()[layer].geometry:
            match = rules().match(row.get(shape, row["tags"]))
            assert layer in dict(getattr(match, shape)), (layer, shape)


def test_clinics_from_a_csv(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(CLINICS)
    frame = own(tmp_path / "c.csv", "health")
    assert frame["amenity"].tolist() == ["clinic", "hospital"], "no claim beyond the file's"
    assert frame["beds"].tolist() == [12.0, 200.0]
    assert frame["name"].tolist() == ["A", "B"]
    assert frame["osm_type"].tolist() == ["file", "file"]
    assert frame["osm_id"].tolist() == [-1, -2]
    expected = gpd.GeoSeries.from_xy([7.41, 7.42], [43.71, 43.72], crs=4326).to_crs(UTM)
    assert frame.geometry.distance(expected).max() < 0.01
    assert list(frame.columns) == list(empty_layers(UTM)["health"].columns)


def test_every_form_of_a_table_gives_the_same_points(tmp_path: Path) -> None:
    metric = gpd.GeoSeries.from_xy([7.41], [43.71], crs=4326).to_crs(UTM)
    table = pd.DataFrame({"Longitude": [7.41], "Latitude": [43.71]})
    table.to_csv(tmp_path / "semicolon.csv", sep=";", index=False)
    table.to_excel(tmp_path / "sheet.xlsx", index=False)
    pd.DataFrame({"x": metric.x, "y": metric.y, "crs": "EPSG:32632"}).to_csv(tmp_path / "m.csv")
    gpd.GeoDataFrame(geometry=metric).to_file(tmp_path / "v.gpkg")
    for name in ("semicolon.csv", "sheet.xlsx", "m.csv", "v.gpkg"):
        frame = own(tmp_path / name, "water_point")
        assert frame.geometry.iloc[0].distance(metric.iloc[0]) < 0.01, name
        assert frame["amenity"].tolist() == ["drinking_water"]


def test_lines_with_a_voltage(tmp_path: Path) -> None:
    line = shapely.MultiLineString([[(7.41, 43.71), (7.42, 43.72)], [(7.43, 43.71), (7.44, 43.72)]])
    gpd.GeoDataFrame({"voltage": [33000.0]}, geometry=[line], crs=4326).to_file(tmp_path / "a.gpkg")
    frame = own(tmp_path / "a.gpkg", "power_line")
    assert frame["voltage_v"].tolist() == [33000.0, 33000.0]
    assert frame["power"].tolist() == ["line", "line"]
    assert frame["osm_id"].tolist() == [-1, -1], "two parts of one row"


def test_numbers_in_the_unit_of_the_column(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("lon,lat,output_mw\n7.41,43.71,5\n7.42,43.72,\n")
    frame = own(tmp_path / "p.csv", "power_gen")
    assert frame["output_mw"].iloc[0] == 5.0
    assert pd.isna(frame["output_mw"].iloc[1]), "not given is not zero"


@pytest.mark.parametrize(
    ("layer", "column", "cells", "words"),
    [
        ("power_gen", "output_mw", ("5", "1200 MW"), "output_mw, row 2 has the value '1200 MW'"),
        ("power_gen", "output_mw", ("5", "1,200"), "row 2 has the value '1,200', which may be 1200 or"),
        ("power_gen", "output_mw", ("5", "-5"), "output_mw, row 2 has the value -5; from 0 to 30,000"),
        ("power_gen", "output_mw", ("50000000", "5"), r"row 1 has the value 50,000,000; .*\(MW\)"),
        ("health", "beds", ("12", "-50"), "beds, row 2 has the value -50"),
        ("jobs", "employees", ("-50", "10"), "employees, row 1 has the value -50"),
    ],
)  # fmt: skip
def test_numbers_that_no_facility_has_are_refused(
    tmp_path: Path, layer: str, column: str, cells: tuple[str, str], words: str
) -> None:
    lines = [f'7.41,43.71,"{cells[0]}"', f'7.42,43.72,"{cells[1]}"']
    (tmp_path / "n.csv").write_text("\n".join([f"lon,lat,{column}", *lines]))
    with pytest.raises(SourceError, match=words):
        own(tmp_path / "n.csv", layer)


@pytest.mark.parametrize(
    ("layer", "column", "cells", "values"),
    [
        ("health", "beds", ("1.200", "1,200"), [1200, 1200]),
        ("jobs", "employees", ("1,200", "~50"), [1200, 50]),
        ("power_gen", "output_mw", ("1,200.5", "1,200"), [1200.5, 1200]),
        ("power_gen", "output_mw", ("1,5", "1.200"), [1.5, 1200]),
    ],
)
def test_a_whole_column_tells_its_signs(
    tmp_path: Path, layer: str, column: str, cells: tuple[str, str], values: list[float]
) -> None:
    lines = [f'7.41,43.71,"{cells[0]}"', f'7.42,43.72,"{cells[1]}"']
    (tmp_path / "n.csv").write_text("\n".join([f"lon,lat,{column}", *lines]))
    with muted():
        assert own(tmp_path / "n.csv", layer)[column].tolist() == values


def test_parts_of_whole_things_are_told(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("lon,lat,employees\n7.41,43.71,12.5\n7.42,43.72,3\n")
    with muted(), collected() as told:
        own(tmp_path / "n.csv", "jobs")
    assert any("1 of 2 numbers are not whole (first: row 1 has 12.5)" in note for note in told)


def test_every_number_of_an_own_layer_has_limits() -> None:
    columns = {
        c.name
        for layer in read_table("extra")["layer"]
        for c in layer_table()[layer].columns
        if c.read not in {"text", "voltages", "voltage_v"}
    }
    assert columns == set(read_table("extra")["numbers"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,value\na,1\n", "columns name, value; coordinates need lon and lat"),
        ("lon,lat\n7.41,north\n", "lat, row 1, has the value 'north'"),
        ("lon,lat\n43.71,170\n", "not on Earth"),
        ("lon,lat\n43.71,7.41\n", "lies elsewhere .*exchanged"),
        ("x,y\n1,2\n", "x, y and crs"),
        ("x,y,crs\n1,2,EPSG:32632\n3,4,EPSG:4326\n", "must hold one value"),
        ("x,y,crs\n1,2,EPSG:99999999\n", "'EPSG:99999999' is not known"),
        ("lon,lat\n,\n,\n", "no row with coordinates"),
        ("lon,lat,amenity\n7.41,43.71,pharmacy\n", "1 of 1 features of c.csv are no health"),
        ("", "is empty"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(SourceError, match=f"sources.extra.health.*{words}"):
        own(tmp_path / "c.csv", "health")


def test_rows_left_out_are_told(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(
        "lon,lat,amenity\n7.41,43.71,clinic\n,,clinic\n7.42,43.72,pharmacy\n"
    )
    with pytest.warns(KCityWarning) as caught:
        assert len(own(tmp_path / "c.csv", "health")) == 1
    texts = " ".join(str(w.message) for w in caught)
    assert "1 of 3 rows of c.csv have no coordinates" in texts
    assert "1 of 2 features of c.csv are no health" in texts
    with pytest.raises(SourceError, match="does not exist"):
        read_points_or_vector(tmp_path / "none.csv", key="k")
    gpd.GeoDataFrame(geometry=[shapely.Point(7.41, 43.71)], crs=4326).to_file(tmp_path / "p.gpkg")
    with pytest.raises(SourceError, match="p.gpkg holds no polygons, but Point"):
        own(tmp_path / "p.gpkg", "protected")


def test_what_may_repeat_a_mapped_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(CLINICS)
    mapped = own(tmp_path / "c.csv", "health").iloc[:1]
    with pytest.warns(KCityWarning, match="1 of 2 features lie within 100 m of a mapped health"):
        joined = append_own(mapped, own(tmp_path / "c.csv", "health"), layer="health", key="k")
    assert len(joined) == 3
    assert joined.crs == UTM


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (
            {"extra": {"helth": "a.csv"}},
            "sources.extra.helth: no such layer; did you mean 'health'",
        ),
        ({"extra": {"roads_drive": "a.csv"}}, "is read from the map alone"),
        ({"extra": {"power_line": "a.csv"}, "power_lines": "b.gpkg"}, "give one of them"),
    ],
)
def test_layers_of_a_study_are_checked(tmp_path: Path, sources: dict, words: str) -> None:
    with pytest.raises(StudyError, match=words):
        check_study({"sources": sources}, folder=tmp_path)


def test_a_study_takes_them_and_check_says_what_for(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(CLINICS)
    line = shapely.LineString([(7.41, 43.71), (7.42, 43.72)])
    gpd.GeoDataFrame({"voltage": ["33000"]}, geometry=[line], crs=4326).to_file(tmp_path / "g.gpkg")
    study = check_study(
        {
            "study": {"cell_m": 500},
            "city": {"name": "C", "bbox": [7.40, 43.70, 7.45, 43.75]},
            "sources": {"extra": {"health": "c.csv"}, "power_lines": "g.gpkg"},
        },
        folder=tmp_path,
    )
    config = Config(offline=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KCityWarning)  # no population, no OpenStreetMap
        data = load(study, config=config)
        rows = {(r["kind"], r["name"]): r for r in check(study, config=config)}
    assert len(data.layers["health"]) == 2
    assert data.layers["power_line"]["voltage_v"].tolist() == [33000.0]
    assert {p.id for p in data.provenance} == {"extra.health", "power_lines"}
    assert all(p.sha256 for p in data.provenance)
    detail = rows["input", "extra.health"]["detail"]
    assert "used for Hospitals, clinics and doctors (T9)" in detail
    assert "2 features from your own file" in detail
    assert "used for Power lines and cables" in rows["input", "power_lines"]["detail"]
    assert rows["layer", "health"]["detail"] == "2 features"


def test_every_input_has_a_use() -> None:
    from kcity_geo.studyfile import Sources

    keys = set(Sources.model_fields) - {"extra", "power_lines"}
    assert keys | {"official", "boundary", "districts"} == set(read_table("extra")["use"])


def everything(folder: Path, hanbit: Path) -> dict[str, dict[str, str]]:
    """`kcity check` of the demo town with half of each own file outside or not given."""
    west, south, east, north = gpd.read_file(hanbit / "boundary.geojson").total_bounds
    middle = (west + east) / 2
    district = gpd.read_file(hanbit / "districts.geojson")
    first = district.iloc[[0]]
    first.to_file(folder / "districts.geojson")
    half = gpd.GeoDataFrame(
        {"population": [1000.0]}, geometry=[shapely.box(west, south, middle, north)], crs=4326
    )
    half.to_file(folder / "people.gpkg")
    (folder / "rates.csv").write_text(f"name,electricity_access\n{first['name'].iloc[0]},0.9\n")
    rows = "".join(f"{middle + dx},{(south + north) / 2}\n" for dx in (0.0, 1e-3, 0.5, 0.6))
    (folder / "clinics.csv").write_text(f"lon,lat\n{rows}")
    study = check_study(
        {
            "study": {"cell_m": 250},
            "city": {
                "name": "Hanbit (synthetic)",
                "boundary": str(hanbit / "boundary.geojson"),
                "districts": "districts.geojson",
            },
            "sources": {
                "osm": str(hanbit / "city.osm.pbf"),
                "gtfs": str(hanbit / "gtfs.zip"),
                "population": "people.gpkg",
                "extra": {"health": "clinics.csv"},
            },
            "official": {"table": "rates.csv", "nrw_share": 0.3},
        },
        folder=folder,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KCityWarning)
        found = check(study, config=Config(offline=True))
    return {r["name"]: r for r in found if r["kind"] == "input"}


def test_check_says_how_complete_each_input_is(tmp_path: Path, hanbit_town: Path) -> None:
    rows = everything(tmp_path, hanbit_town)
    wanted = {
        "boundary": r"boundary\.geojson; used for the study area.*; [\d.]+ km2$",
        "districts": r"1 districts, 1 with a name; they cover \d+% of the city$",
        "osm": r"the extract covers 100% of the city; [\d,]+ features inside the study area",
        "gtfs": r"\d+ of \d+ stops lie in the city",
        "official": r"1 numbers of the whole city, electricity_access for 1 of 1 districts",
        "population": r"its polygons cover (49|50|51)% of the city; total",
        "extra.health": r"2 of 4 objects of the file with a place lie in the study area",
    }
    assert set(rows) == set(wanted)
    for key, words in wanted.items():
        assert re.search(words, rows[key]["detail"]), (key, rows[key]["detail"])


def test_check_says_what_is_taken_when_nothing_is_given(tmp_path: Path) -> None:
    study = check_study(
        {"study": {"cell_m": 500}, "city": {"name": "C", "bbox": [7.40, 43.70, 7.45, 43.75]}},
        folder=tmp_path,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KCityWarning)
        rows = {r["name"]: r for r in check(study, config=Config(offline=True))}
    assert rows["boundary"]["detail"].startswith("box [7.4, 43.7, 7.45, 43.75]; used for")
    assert rows["districts"]["status"] == "not given"
    assert "none given: results are for the city as a whole" in rows["districts"]["detail"]


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({"population": "t.csv"}, "sources.population: no row of t.csv matches a district"),
        ({"population": "u.csv"}, "u.csv has the columns name, people; it needs"),
        ({"population": "v.csv"}, "v.csv, population, district .* has the value -5"),
        ({"built": "t.csv"}, r"sources.built: t.csv is a table.*give a raster"),
        ({"extra": {"health": "t.csv"}}, "A district by name is no place of a facility"),
    ],
)
def test_tables_by_district_where_a_place_is_needed(
    sources: dict, words: str, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("name,population\nWest,1000\nEast,2000\n")
    (tmp_path / "u.csv").write_text("name,people\nwhole,1000\n")
    (tmp_path / "v.csv").write_text("district_id,population\nwhole,-5\n")
    study = check_study(
        {"city": {"name": "C", "bbox": [7.40, 43.70, 7.45, 43.75]}, "sources": sources},
        folder=tmp_path,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KCityWarning)
        with pytest.raises((SourceError, SchemaError), match=words):
            load(study, config=Config(offline=True))


def test_people_by_district_follow_the_built_land(hanbit_town: Path, tmp_path: Path) -> None:
    """A table of residents: each district keeps its number, cells follow what is built."""
    table = "name;population\nHanbit Central;20000\nHanbit Mulgil;5000\n"
    (tmp_path / "people.csv").write_text(table, encoding="utf-8")
    study = load_study(hanbit_town / "study.toml")
    own = str(tmp_path / "people.csv")
    sources = study.sources.model_copy(update={"population": own, "osm": None, "gtfs": None})
    official = study.official.model_copy(update={"population": None, "table": None})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        data = load(study.model_copy(update={"sources": sources, "official": official}))
    assert any("spread by built-up land" in str(w.message) for w in told)
    people = data.cube["population"]
    assert people.attrs["evidence"] in {"proxy", "synthetic"}
    assert float(people.sum()) == pytest.approx(25_000)
    ids = data.city.districts.set_index("name")["district_id"]
    pieces = data.shares.set_index("cell")
    for name, persons in (("Hanbit Central", 20_000), ("Hanbit Mulgil", 5_000)):
        whole = pieces[(pieces["district_id"] == ids[name]) & (pieces["share"] > 1 - 1e-9)].index
        built = data.cube["built_m2"].to_numpy().ravel()[whole]
        here = people.to_numpy().ravel()[whole]
        assert here.sum() <= persons
        assert (here[built == 0] == 0).all()
        ratio = here[built > 0] / built[built > 0]
        assert ratio == pytest.approx(ratio[0])
