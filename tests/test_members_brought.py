"""
Members of the kinds of files that people bring, found in what users of other programs reported in public.

Beside those of ``test_members.py``: neighbours of the right file, packing in tags, heads of tables, rows that
are not in use, periods of timetables, objects that OpenStreetMap says are gone.
"""

from __future__ import annotations

import warnings
import zipfile
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.registry import assess_rows
from kcity_geo.analysis.suitability.view import CityView, MissingDataError
from kcity_geo.city import make_city
from kcity_geo.config import Config
from kcity_geo.cube import study_grid
from kcity_geo.errors import KCityError
from kcity_geo.inputs.osm import load_osm
from kcity_geo.notes import collected, muted
from kcity_geo.passed_objects import written
from kcity_geo.sources.local.ownlayers import read_own_layer
from kcity_geo.sources.local.points import read_points_or_vector
from kcity_geo.sources.local.raster_windows import read_window
from kcity_geo.sources.local.rasters import persons_from_polygons, read_dem, read_raster
from kcity_geo.sources.local.tables import read_district_people, read_official_table
from kcity_geo.sources.local.transit import read_gtfs
from kcity_geo.sources.local.vectors import read_polygons, read_power_lines
from kcity_geo.sources.osm.rules import rules
from kcity_geo.study import load
from kcity_geo.studyfile import check_study

BOX = shapely.box(28.0, -30.0, 28.05, -29.96)
CITY = make_city("Here", BOX)
SHAPE = (140, 160)
WEST = np.broadcast_to(np.arange(SHAPE[1]) < 80, SHAPE)
LEAST = np.finfo("float32").min


def raster(path, values, *, unit="", nodata=None, band_tags=None, patch=None):
    with (
        warnings.catch_warnings(action="ignore"),
        rasterio.open(
            path, "w", driver="GTiff", height=SHAPE[0], width=SHAPE[1], count=1, dtype=values.dtype,
            crs="EPSG:4326", nodata=nodata, transform=from_origin(27.95, -29.91, 0.001, 0.001),
        ) as out,
    ):  # fmt: skip
        out.write(values, 1)
        if unit:
            out.units = [unit]
        out.update_tags(1, **(band_tags or {}))
    if patch:  # what rasterio refuses to write and other programs write
        data = path.read_bytes()
        assert data.count(patch[0]) == 1
        path.write_bytes(data.replace(*patch))
    return path


def outcome(read, *args, **kwargs):
    """Give what a reader gives, or its refusal, and what it told."""
    with muted(), collected() as told:
        try:
            found = read(*args, **kwargs)
        except KCityError as error:
            found = str(error)
    assert not isinstance(found, str) or "\n" not in found
    return found, " ".join(told)


def ends(path, *, key="elevation"):
    values = np.asarray(vars(read_window(path, key=key, city=CITY))["values"])
    return values[5, [2, -3]].tolist()


@pytest.mark.parametrize(
    ("key", "west", "east", "dtype", "declared", "right"),
    [
        ("elevation", LEAST, 50, "float32", {"nodata": -3.4e38}, [np.nan, 50]),
        ("population", LEAST, 3, "float32", {"nodata": -3.39999999999999996e38}, [np.nan, 3]),
        ("elevation", 50, np.finfo("float32").max, "float32", {"nodata": 3.4e38}, [50, np.nan]),
        ("elevation", -9999, 50, "int16", {"nodata": -9998, "patch": (b"-9998\0", b"nan\0\0\0")}, [np.nan, 50]),
        ("landcover", 255, 50, "uint8", {"nodata": 200, "patch": (b"200\0", b"-99\0")}, [np.nan, 50]),
        ("elevation", -1, 5, "int16", {"band_tags": {"_FillValue": "-1"}}, [np.nan, 5]),
        ("elevation", -1, 5, "int16", {"band_tags": {"dem#missing_value": "-1"}}, [np.nan, 5]),
        ("elevation", -1, 5, "int16", {"nodata": 5, "band_tags": {"_FillValue": "-1"}}, [-1, np.nan]),
        ("elevation", 7, 5, "float32", {"band_tags": {"scale_factor": "0.01"}}, [7, 5]),
        ("nightlights", 0, 63.5, "float32", {}, [0, 63.5]),
        ("nightlights", 0, 33, "uint8", {"unit": "nW/cm2/sr"}, [0, 33]),
        ("nightlights", 0, 64, "uint8", {}, [0, 64]),
        ("nightlights", 0, 0, "uint8", {}, [0, 0]),
    ],
)  # fmt: skip
def test_what_a_raster_declares(tmp_path, key, west, east, dtype, declared, right):
    path = raster(tmp_path / "r.tif", np.where(WEST, west, east).astype(dtype), **declared)
    found, told = outcome(ends, path, key=key)
    np.testing.assert_allclose(found, right)
    if "patch" in declared:
        assert "declares no nodata" in told


@pytest.mark.parametrize(
    ("key", "name", "dtype", "declared", "words"),
    [
        ("elevation", "a.tif", "int16", {"band_tags": {"scale_factor": "0.01", "add_offset": "10"}},
         "says scale_factor=0.01, add_offset=10 in a tag.*-scale 0.01 -offset 10"),
        ("elevation", "a.tif", "uint8", {"band_tags": {"dem#scale_factor": "2"}}, "says scale_factor=2 in a tag"),
        ("elevation", "Zone_hillshade.tif", "uint8", {}, "by its name this is derived from heights"),
        ("elevation", "slope_pct.tif", "float32", {}, "derived from heights"),
        ("elevation", "Copernicus_DSM_COG_10_N43_00_E007_00_WBM.tif", "uint8", {}, "a mask or the errors"),
        ("elevation", "ASTGTMV003_N43E007_num.tif", "uint8", {}, "number of scenes"),
        ("population", "zaf_f_20_2020.tif", "float32", {}, "one age group"),
        ("population", "ZAF_T_65_2025_CN_100m_R2025A_v1.tif", "float32", {}, "one age group"),
        ("population", "zaf_children_under_five_2020.tif", "float32", {}, "a part of the residents"),
        ("population", "GHS_SMOD_E2025_GLOBE_R2023A.tif", "int16", {}, "degree of urbanisation"),
        ("built", "GHS_BUILT_V_E2020_R12_C21.tif", "uint32", {}, "volume of buildings"),
        ("built", "GHS_BUILT_S_NRES_E2020.tif", "uint32", {}, "non-residential part"),
        ("nightlights", "F182013.v4c_web.stable_lights.avg_vis.tif", "uint8", {}, "digital numbers of DMSP"),
        ("nightlights", "VNL_npp_2023_cf_cvg.dat.tif", "uint16", {}, "the number of observations"),
        ("nightlights", "lights.tif", "uint8", {}, r"whole numbers up to 12.*no radiance.*-units 'nW/cm2/sr'"),
        ("solar", "PVOUT.tif", "float32", {}, "yield of a solar plant"),
        ("solar", "Kenya_DNI.tif", "float32", {}, "direct, diffuse or tilted"),
        ("flood", "occurrence_20E_20Sv1_4_2021.tif", "uint8", {}, "how often water was seen"),
        ("flood", "flood_probability.tif", "float32", {}, "a probability or a class of hazard"),
        ("population", "GHS_BUILT_S_E2020.tif", "uint32", {}, "built-up land"),
        ("population", "built_surface.tif", "uint32", {}, "built-up land"),
        ("elevation", "slope_dem.tif", "float32", {}, "derived from heights"),
    ],
)  # fmt: skip
def test_what_is_another_raster(tmp_path, key, name, dtype, declared, words):
    path = raster(tmp_path / name, np.full(SHAPE, 12, dtype), **declared)
    with pytest.raises(KCityError, match=words):
        read_window(path, key=key, city=CITY)


@pytest.mark.parametrize(
    "name", ["Yemen_2020.tif", "slopetown.tif", "pop_2020.tif", "dominion.tif"]
)
def test_names_of_places_are_no_products(tmp_path, name):
    path = raster(tmp_path / name, np.full(SHAPE, 12, "float32"))
    for key in ("elevation", "population"):
        assert ends(path, key=key) == [12, 12]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("built", "built_hanoi.tif"), ("built", "built_valencia.tif"), ("built", "Built_Cover_m2.tif"),
        ("population", "pop_on_built_cells.tif"), ("population", "pop_adjusted_by_built_surface.tif"),
        ("population", "cosmodrome_pop.tif"), ("population", "population_men_and_women.tif"),
        ("population", "den_haag_pop.tif"), ("population", "pop_1km2.tif"), ("population", "densely_populated.tif"),
        ("elevation", "slope_corrected_dem.tif"), ("elevation", "dem_no-slope.tif"), ("elevation", "dem_flm.tif"),
        ("nightlights", "ntl_cvg_weighted.tif"), ("nightlights", "npp_viirs-like_2010.tif"),
        ("elevation", "curvature_corrected_dem.tif"), ("elevation", "dtm_roughness_removed.tif"),
        ("nightlights", "viirs_cf_cvg_masked.tif"), ("nightlights", "viirs_lit_mask_applied.tif"),
        ("built", "built_nres_excluded.tif"), ("population", "pop_women_included.tif"),
        ("solar", "GHI_not_DNI.tif"), ("flood", "flood_depth_seasonality_peak.tif"),
    ],
)  # fmt: skip
def test_names_of_right_products_with_words_of_others(tmp_path, key, name):
    value = {"built": 150.5, "solar": 1800}.get(key, 12.5)
    path = raster(tmp_path / name, np.full(SHAPE, value, "float32"))
    assert ends(path, key=key) == [value, value]


@pytest.mark.parametrize(
    "name",
    ["pop_dens_2020", "popden", "popdens_2020", "pop_per_km2", "pop_km2", "persons_per_ha", "densidad_poblacion", "densidade_pop",
     "bevolkingsdichtheid", "인구밀도"],
)  # fmt: skip
def test_densities_by_their_names(tmp_path, name):
    path = raster(tmp_path / f"{name}.tif", np.full(SHAPE, 2, "float32"))
    with pytest.raises(KCityError, match="says density"):
        read_window(path, key="population", city=CITY)


@pytest.mark.parametrize("name", ["pop_CN_2020.tif", "not_constrained_pop.tif"])
def test_unknown_land_of_other_grids_stays_unknown(tmp_path, name):
    values = np.where(WEST, -1, 2).astype("float32")
    np.testing.assert_equal(
        ends(raster(tmp_path / name, values, nodata=-1), key="population"), [np.nan, 2]
    )


def test_a_criterion_with_an_undeclared_code_is_refused(tmp_path):
    values = np.where(WEST, -9999, 50).astype("float32")
    with pytest.raises(KCityError, match=r"pixels of -9999 .* declares none; declare it"):
        read_window(raster(tmp_path / "c.tif", values), key="criterion", city=CITY)
    found, _ = outcome(ends, raster(tmp_path / "c.tif", values, nodata=-9999), key="criterion")
    np.testing.assert_equal(found, [np.nan, 50])
    found, _ = outcome(ends, raster(tmp_path / "c.tif", values, nodata=1e9), key="criterion")
    assert found == [-9999, 50]


@pytest.mark.parametrize(("percent", "centimetres"), [(90, False), (2, True), (0.9, False)])
def test_heights_in_centimetres_are_too_steep(tmp_path, percent, centimetres):
    """Ridges to the north; a pixel of 0.001 degrees is 96.6 m wide at 29.98 degrees south."""
    ridges = np.abs(np.arange(SHAPE[1]) % 40 - 20)
    metres = np.broadcast_to(ridges * 96.6 * percent / 100, SHAPE)
    path = raster(tmp_path / "d.tif", (metres * (100 if centimetres else 1)).astype("float32"))
    found, _ = outcome(read_dem, path, city=CITY)
    if centimetres:
        assert "half of the land is steeper than" in found
        assert "centimetres" in found
    else:
        assert float(found.max()) > 0


def test_what_the_pixels_of_a_raster_hold_is_told_once(tmp_path):
    """Heights are read for the cells and, with land around, for slopes: two windows, two counts of one fact."""
    raster(tmp_path / "d.tif", np.where(WEST, -9999, 50).astype("int16"))
    raster(tmp_path / "e.tif", np.full(SHAPE, 51, "int16"))
    section = {"name": "C", "bbox": [28.0, -30.0, 28.05, -29.96]}
    raw = {"city": section, "study": {"cell_m": 500}, "sources": {"elevation": ["e.tif", "d.tif"]}}
    _, told = outcome(load, check_study(raw, folder=tmp_path))
    assert told.count("declares no nodata") == 1
    assert told.count("hold different values") == 1


@pytest.mark.parametrize(
    ("key", "unit", "factor"),
    [
        ("elevation", "[m]", 1),
        ("elevation", "(cm)", 0.01),
        ("elevation", "ft-us", 1200 / 3937),
        ("flood", "inches", 0.0254),
        ("nightlights", "nWatts/(cm^2 sr)", 1),
        ("nightlights", "nanoWatts/sr/cm^2", 1),
        ("built", "square metres per pixel", 1),
        ("population", "Number of people per grid cell", 1),
        ("population", "people/px", 1),
        ("population", "persons per grid-cell", 1),
        ("population", "persons per 100 m cell", 1),
        ("population", "people per 100m x 100m", 1),
        ("population", "Einwohner je Zelle", 1),
        ("population", "habitants par pixel", 1),
        ("built", "square metres per 100 m cell", 1),
        ("population", "persons per 100 m", None),
        ("elevation", "0.1 m", None),
        ("elevation", "m/m", None),
        ("population", "per capita", None),
        ("solar", "kWh/kWp", None),
    ],
)
def test_spellings_of_units(tmp_path, key, unit, factor):
    path = raster(tmp_path / "u.tif", np.full(SHAPE, 10, "float32"), unit=unit)
    found, _ = outcome(ends, path, key=key)
    if factor is None:
        assert f"declares the unit '{unit}', which is not known" in found
    else:
        np.testing.assert_allclose(found, 10 * factor)


@pytest.mark.parametrize(
    ("unit", "square_metres"),
    [
        ("Persons/Acre", 4046.8564224),
        ("people per sq mile", 1609.344**2),
        ("Einwohner pro km²", 1e6),
        ("hab par ha", 1e4),
        ("habitants par km2", 1e6),
        ("persons per square-mile", 1609.344**2),
    ],
)
def test_densities_in_other_words(tmp_path, unit, square_metres):
    path = raster(tmp_path / "u.tif", np.full(SHAPE, 7, "float32"), unit=unit)
    with muted():
        people, _ = read_raster(
            path, key="population", city=CITY, grid=study_grid(CITY, cell_m=500)
        )
    assert float(people.sum()) == pytest.approx(7 / square_metres * CITY.area_km2 * 1e6, rel=2e-3)


def test_age_groups_are_no_tiles(tmp_path):
    ones = np.ones(SHAPE, "float32")
    files = [raster(tmp_path / f"{n}.tif", n * ones) for n in (1, 2)]
    found, _ = outcome(
        read_raster, files, key="population", city=CITY, grid=study_grid(CITY, cell_m=500)
    )
    assert "no tiles of one raster; add up what belongs together" in found


@pytest.mark.parametrize(
    "name", ["hrsl_zaf_pop.tif", "zaf_general_2020.tif", "population_zaf_2019-07-01.tif"]
)
def test_settlement_layers_say_where_nobody_lives(tmp_path, name):
    path = raster(tmp_path / name, np.where(WEST, np.nan, 2).astype("float32"), nodata=np.nan)
    found, told = outcome(ends, path, key="population")
    assert found == [0, 2]
    assert "count as uninhabited" in told


# --- tables -----------------------------------------------------------------------------------------


def districts(*ids, names=()):
    edges = np.linspace(28.0, 28.05, len(ids) + 1)
    shapes = [shapely.box(edges[i], -30.0, edges[i + 1], -29.96) for i in range(len(ids))]
    columns = {"district_id": list(ids), "name": list(names) or [f"N{i}" for i in ids]}
    return make_city(
        "Here", BOX, districts=gpd.GeoDataFrame(columns, geometry=shapes, crs=4326)
    ).districts


TWO = districts("08", "10")
FULL = "district_id;{}\n{}08;900\n10;800\n"


@pytest.mark.parametrize(
    ("column", "unit", "words"),
    [
        (
            "population",
            "(thousand persons)",
            "says '(thousand persons)', so its numbers are no plain ones",
        ),
        ("population", "'000", "no plain ones"),
        ("population", "тыс. чел.", "no plain ones"),
        ("population", "천명", "no plain ones"),
        ("population", "per km2", "its unit in the table is 'per km2'"),
        ("water_supply_m3_day", "m3/year", "its unit in the table is 'm3/year'"),
        ("water_supply_m3_day", "MLD", "its unit in the table is 'MLD'"),
        ("water_supply_m3_day", "1000 m3/day", "no plain ones"),
        ("peak_demand_mw", "kW", "its unit in the table is 'kW'"),
        ("lpcd", "m3", "its unit in the table is 'm3'"),
        ("population", "persons", ""),
        ("population", "(2)", ""),
        ("water_supply_m3_day", "m3/day", ""),
        ("peak_demand_mw", "MW", ""),
    ],
)
def test_rows_of_units(tmp_path, column, unit, words):
    path = tmp_path / "t.csv"
    path.write_text(FULL.format(column, f";{unit}\n"), encoding="utf-8")
    found, _ = outcome(read_official_table, path, districts=TWO)
    assert words in found if words else found[column].tolist() == [900, 800]


@pytest.mark.parametrize(
    ("title", "refused"),
    [
        ("Table 3: population in thousands, 2024", True),
        ("Bevölkerung (Tsd.)", True),
        ("Población (miles de habitantes)", True),
        ("Population of Thousand Oaks, distribution by district", False),
        ("Population, 1 January 2000", False),
        ("Population (1,000)", True),
        ("Residents, in 1 000", True),
        ("Unit: 1000 persons", True),
        ("Population, lakhs", True),
        ("Table 1,000 of the yearbook", False),
        ("Population by 1,000 m grid and district", False),
        ("Places of the 1 000 largest list", False),
        ("Population, Lakhs ward and others", False),
    ],
)
def test_titles_of_tables(tmp_path, title, refused):
    (tmp_path / "t.csv").write_text(f"{title}\n\n{FULL.format('population', '')}", encoding="utf-8")
    found, _ = outcome(read_district_people, tmp_path / "t.csv", districts=TWO)
    assert "no plain ones" in found if refused else found.tolist() == [900, 800]


@pytest.mark.parametrize(
    ("text", "right", "words"),
    [
        ("district_id;population\n8;900\n10;800\n", [900, 800], "matched as numbers"),
        ("district_id;population\n08;١٢٬٥٠٠\n10;٨٠٠\n", [12_500, 800], ""),
        (
            "district_id;population\n08;900\n10;800\nGrand total;4000\n",
            [900, 800],
            "total of the table is 4,000",
        ),
        (
            "district_id;population\n08;900\n10;800\nJumlah;1700\n",
            [900, 800],
            "1 row(s) without a district",
        ),
        (
            "district_id;population\n08;900\n10;800\nCity Centre;70\n",
            [900, 800],
            "1 row of no district here",
        ),
        (
            "district_id;population;;note\n;2020;2024;\n08;900;950;\n10;800;850;\n",
            None,
            "over several years",
        ),
        (
            "district_id;population;;\n;total;male;female\n08;900;400;500\n10;800;400;400\n",
            None,
            "'population' a header over several columns (male, female)?",
        ),
        ("name;population\nN'08;900\nN-10;800\n", [900, 800], ""),
    ],
)
def test_tables_by_district(tmp_path, text, right, words):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    frame = TWO.assign(name=["N\u201908", "N\u201310"])
    found, told = outcome(read_district_people, tmp_path / "t.csv", districts=frame)
    if right is None:
        assert words in found
    else:
        assert found.tolist() == right
        assert words in told
        assert ("add up to" in told) == ("total of" in words)


@pytest.mark.parametrize(
    ("cells", "right"),
    [
        (("12,500*", "8,800 1)"), [12_500, 8_800]),
        (("12500\u00b9", "8800\u00b2"), [12_500, 8_800]),
        (("12500 [1]", "8800 (e)"), [12_500, 8_800]),
        (("12 500 2)", "8 800\u2020"), [12_500, 8_800]),
        (("12500", "88001)"), None),
        (("12500", "8 800)"), None),
        (("12500", "10\u00b3"), None),
        (("(900)", "8800"), None),
        (("12500x", "8800"), None),
    ],
)
def test_marks_of_footnotes_are_no_digits(tmp_path, cells, right):
    text = 'district_id,population\n08,"{}"\n10,"{}"\n'.format(*cells)
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    found, told = outcome(read_district_people, tmp_path / "t.csv", districts=TWO)
    if right is None:
        assert "a number is needed" in found
    else:
        assert found.tolist() == right
        assert "have the mark of a footnote" in told


@pytest.mark.parametrize(
    ("rows", "right", "words"),
    [
        (("08,N08,900", "10,N10,800"), [900, 800], ""),
        (("08,N10,900", "10,N08,800"), None, "'08' whose name 'N10' is that of district '10'"),
        (("1,N08,900", "10,N10,800"), [900, 800], "rows were matched by name"),
        (("1,N10,900", "10,N08,800"), None, "whose name 'N08' is that of district '08'"),
        (("08,Old town,900", "10,N10,800"), [900, 800], ""),  # one more spelling
        (("08,N10,900", "10,N10,800"), [900, 800], ""),  # the name of what both lie in
    ],
)
def test_ids_and_names_of_a_row_agree(tmp_path, rows, right, words):
    (tmp_path / "t.csv").write_text("\n".join(("district_id,name,population", *rows)) + "\n")
    found, told = outcome(read_district_people, tmp_path / "t.csv", districts=TWO)
    if right is None:
        assert words in found
    else:
        assert found.tolist() == right
        assert words in told
        assert bool(told) == bool(words)


def test_a_row_without_a_number_is_a_row(tmp_path):
    (tmp_path / "t.csv").write_text("district_id;lpcd\n08;120\n10;\n")
    assert (
        "no number for 1 of 2 districts (10)"
        in outcome(read_official_table, tmp_path / "t.csv", districts=TWO)[1]
    )
    (tmp_path / "t.csv").write_text("district_id;lpcd\n08;120\n")
    assert (
        "no row for 1 of 2 districts (10)"
        in outcome(read_official_table, tmp_path / "t.csv", districts=TWO)[1]
    )


def test_tables_of_very_many_columns(tmp_path):
    """Names of columns are looked up, not searched: of 15,000 a table is read, of 25,000 it is refused at once."""
    for many, words in ((15_000, ""), (25_000, "has 25,002 columns, the limit is 20,000")):
        head = ",".join(f"c{i}" for i in range(many))
        (tmp_path / "w.csv").write_text(f"district_id,population,{head}\n08,900\n10,800\n")
        found, _ = outcome(read_district_people, tmp_path / "w.csv", districts=TWO)
        assert words in found if words else found.tolist() == [900, 800]


def test_what_a_footnote_says_of_the_unit_is_obeyed(tmp_path):
    for note, refused in (
        ("Note: in thousands", True),
        ("Note: in hundreds", True),
        ("Note: wards with fewer than 1,000 residents are merged", False),
        ("Note: rounded to the nearest 1000", False),
        ("Note: a sample of 1 in 1 000 households", False),
        ("Source: http://example.org/?id=1000", False),
        ("Tel. 1 000 200", False),
        ("Note: a service for thousands of users", False),
        ("Note: excludes Lakhs camp", False),
        ("Source: census of 2020", False),
    ):
        (tmp_path / "t.csv").write_text(f"{FULL.format('population', '')}{note}\n")
        found, _ = outcome(read_district_people, tmp_path / "t.csv", districts=TWO)
        assert "no plain ones" in found if refused else found.tolist() == [900, 800]


@pytest.mark.parametrize(("litres", "fits"), [(0.12, False), (4.9, False), (5, True), (120, True)])
def test_litres_that_are_cubic_metres(tmp_path, litres, fits):
    (tmp_path / "t.csv").write_text(f"district_id;lpcd\n08;{litres}\n10;150\n")
    found, _ = outcome(read_official_table, tmp_path / "t.csv", districts=TWO)
    study, _ = outcome(check_study, {"official": {"lpcd": litres}}, folder=tmp_path)
    if fits:
        assert found["lpcd"].tolist() == [litres, 150]
    else:
        assert f"district '08', has the value {litres:g}; no city has less than 5" in found
        assert "no city has less than 5" in study


def test_hidden_rows_of_a_workbook_are_told(tmp_path):
    book = openpyxl.Workbook()
    for row in (["district_id", "population"], ["08", 900], ["10", 800]):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    book.save(tmp_path / "t.xlsx")
    found, told = outcome(read_district_people, tmp_path / "t.xlsx", districts=TWO)
    assert found.tolist() == [900, 800]
    assert "hidden (a filter?) were read like the others: 1" in told


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name;lon;lat\nA;28,025;-29,98\n", (28.025, -29.98)),
        ("name;lon;lat\nA;28,025;-29,981\n", (28.025, -29.981)),
        ("name;x;y;crs\nA;596 500,25;6 682 000,5;EPSG:32735\n", (596_500.25, 6_682_000.5)),
        ('name,x,y,crs\nA,"596,500.25","6,682,000.5",EPSG:32735\n', (596_500.25, 6_682_000.5)),
        ("name;x;y;crs\nA;596.500;6682.000;EPSG:32735\n", "may be"),
        ("name;lon;lat\nA;28°01'30\"E;29°58'48\"S\n", "decimal degrees"),
    ],
)
def test_coordinates_of_a_table(tmp_path, text, place):
    (tmp_path / "p.csv").write_text(text, encoding="utf-8")
    found, _ = outcome(read_points_or_vector, tmp_path / "p.csv", key="sources.extra.health")
    if isinstance(place, str):
        assert place in found
    else:
        assert (found.geometry[0].x, found.geometry[0].y) == place


# --- features ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "values", "left"),
    [
        ("status", ["Planned", "Existing", "Under construction"], 1),
        ("Status", ["planned (2030)", "operational", None], 2),
        ("status_id", ["No", "Yes", "no data"], 2),
        ("functional", ["Non-functional", "Functional", "Partially functional"], 2),
        ("operational status", ["closed", "decommissioned", "open"], 1),
        ("status", ["공사중", "운영", "계획"], 1),
        ("status", ["A", "B", "C"], 3),
        ("remark", ["planned", "x", "y"], 3),
        ("functional", [1, 0, 1], 2),
        ("functional", [1.0, 0.0, None], 2),
        ("in_use", ["Y", "N", "y"], 2),
        ("status", ["1", "0", "N"], 3),
        ("business_status", ["OPERATIONAL", "CLOSED_PERMANENTLY", "CLOSED_TEMPORARILY"], 1),
        ("status", ["Permanently closed", "Does not work", "Functional but not in use"], 0),
        ("Statut", ["Non fonctionnel", "en panne", "Fonctionnel"], 1),
        ("estado", ["cerrado", "en construcción", "abierto"], 1),
        ("status", ["Proposed upgrade of existing", "Closed on Sundays", "planned maintenance"], 3),
        (
            "status",
            ["Functional, needs repair", "Functional (not in use)", "under-construction"],
            1,
        ),
        ("status", ["closed", "closed", "closed"], 0),
    ],
)
def test_rows_that_are_not_in_use(tmp_path, column, values, left):
    points = [shapely.Point(28.01 + 0.01 * i, -29.98) for i in range(3)]
    lines = [shapely.LineString([point, (28.04, -29.97)]) for point in points]
    frame = gpd.GeoDataFrame({column: values, "voltage_kv": [33] * 3}, geometry=points, crs=4326)
    frame.to_file(tmp_path / "p.gpkg")
    frame.set_geometry(gpd.GeoSeries(lines, crs=4326)).to_file(tmp_path / "l.gpkg")
    key = "sources.extra.water_point"
    own, told = outcome(
        read_own_layer, tmp_path / "p.gpkg", "water_point", key=key, area=BOX, crs=CITY.crs
    )
    power, told_of_lines = outcome(read_power_lines, tmp_path / "l.gpkg")
    if not left:
        assert "3 of 3 rows are not in use" in own
        assert "3 of 3 rows are not in use" in power
        return
    assert (len(own[0]), len(power)) == (left, left)
    words = f"{3 - left} of 3 rows are not in use by their column {column}"
    assert (words in told, words in told_of_lines) == (left < 3, left < 3)


@pytest.mark.parametrize(
    ("head", "cells", "words"),
    [
        (
            "type",
            "Hospital",
            "nothing reads the columns type; the kind of a row is told by amenity",
        ),
        ("capacity_kw,id,name", "12,1,A", "nothing reads the columns capacity_kw; "),
        ("amenity,beds", "hospital,120", ""),
        ("healthcare,status,Notes", "clinic,open,x", ""),
    ],
)
def test_columns_that_nothing_reads_are_told(tmp_path, head, cells, words):
    (tmp_path / "c.csv").write_text(f"lon,lat,{head}\n28.02,-29.98,{cells}\n")
    key = "sources.extra.health"
    own, told = outcome(
        read_own_layer, tmp_path / "c.csv", "health", key=key, area=BOX, crs=CITY.crs
    )
    assert len(own[0]) == 1
    assert words in told
    assert ("nothing reads" in told) == bool(words)


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        ((28.025, 28.025), ""),
        ((28.026, 28.025), "lie on one another"),
        ((28.05, 28.0), "one level and one year"),
    ],
)
def test_people_of_polygons_that_overlap(edges, words):
    shapes = [
        shapely.box(28.0, -30.0, edges[0], -29.96),
        shapely.box(edges[1], -30.0, 28.05, -29.96),
    ]
    frame = gpd.GeoDataFrame({"population": [900, 800]}, geometry=shapes, crs=4326)
    grid = study_grid(CITY, cell_m=500)
    found, told = outcome(persons_from_polygons, frame, city=CITY, grid=grid)
    assert words in (found if isinstance(found, str) else told)
    assert ("lie on one another" in f"{found}{told}") == bool(words)


def test_doubled_rows_are_told_and_kept(tmp_path):
    line = shapely.LineString([(28.01, -29.98), (28.02, -29.98)])
    shapes = [line, line.reverse(), line, shapely.LineString([(28.01, -29.98), (28.02, -29.97)])]
    frame = gpd.GeoDataFrame({"voltage_kv": [33, 33, 11, 33]}, geometry=shapes, crs=4326)
    frame.to_file(tmp_path / "l.gpkg")
    found, told = outcome(read_power_lines, tmp_path / "l.gpkg")
    assert len(found) == 4
    assert "1 of 4 rows are those of another row" in told
    assert "first: row 2" in told


BESSEL = (
    'GEOGCS["x",DATUM["D_Unknown_based_on_Bessel_1841",SPHEROID["Bessel 1841",6377397.155,299.1528128]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
)


@pytest.mark.parametrize(
    ("crs", "loose"),
    [
        (BESSEL, True),
        ("EPSG:4222", False),  # Cape: another ellipsoid, with a known way to WGS 84
        ("EPSG:4148", False),  # Hartebeesthoek94
        ("EPSG:3857", False),
    ],
)  # fmt: skip
def test_a_datum_that_nobody_knows_is_told(tmp_path, crs, loose):
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[BOX], crs=4326)
    frame = frame.to_crs(crs) if crs == "EPSG:3857" else frame.set_crs(crs, allow_override=True)
    frame.to_file(tmp_path / "d.gpkg")
    _, told = outcome(read_polygons, tmp_path / "d.gpkg", key="city.districts")
    assert ("some hundred metres off" in told) == loose


def test_columns_of_several_levels_are_refused():
    columns = pd.MultiIndex.from_tuples([("district_id", ""), ("population", "2024")])
    with pytest.raises(KCityError, match="its columns have 2 levels"):
        written(pd.DataFrame([["08", 900]], columns=columns), field="table")


HALVES = [shapely.box(28.0, -30.0, 28.025, -29.96), shapely.box(28.025, -30.0, 28.05, -29.96)]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (HALVES, 2),
        (tuple(HALVES), 2),
        (np.array(HALVES), 2),
        (pd.Series(HALVES), 2),
        (HALVES[0], 2),  # and the rest, elsewhere
        (pd.DataFrame({"a": [1]}), "DataFrame holds no geometries"),
        ("d.gpkg", "str holds no geometries"),
        (5, "int holds no geometries"),
        (gpd.GeoDataFrame({"a": [1]}), "call set_geometry first"),
        (gpd.GeoSeries(HALVES), "have no CRS"),
    ],
)
def test_districts_as_python_objects(given, found):
    made, _ = outcome(make_city, "Here", BOX, districts=given)
    assert found in made if isinstance(found, str) else len(made.districts) == found


def test_a_list_of_geometries_is_one_input(tmp_path):
    path = written(HALVES, field="districts")
    assert len(gpd.read_parquet(path)) == 2
    assert written(["a.tif", "b.tif"], field="elevation") == ["a.tif", "b.tif"]


def test_a_district_with_a_blank_name_bears_its_id():
    assert districts("08", "10", names=(" ", "Mid"))["name"].tolist() == ["08", "Mid"]


@pytest.mark.parametrize(
    ("tags", "there"),
    [
        ({"opening_hours": "off"}, False),
        ({"opening_hours": "closed"}, False),
        ({"opening_hours": "Mo-Fr 08:00-16:00"}, True),
        ({"operational_status": "closed"}, False),
        ({"operational_status": "operational"}, True),
        ({"ruins": "yes"}, False),
        ({"disused": "no"}, True),
    ],
)
def test_what_openstreetmap_says_is_gone(tags, there):
    found = {layer for layer, _ in rules().match({"amenity": "clinic", **tags}).point}
    assert ("health" in found) == there


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({}, "no map was given (sources.osm)"),
        ({"elevation": "d.tif"}, "no map was given (sources.osm)"),
        ({"osm": "a.osm.pbf"}, "none is mapped here"),
    ],
)
def test_without_a_map_nothing_is_called_unmapped(tmp_path, monkeypatch, sources, words):
    raster(tmp_path / "d.tif", np.full(SHAPE, 50, "int16"))
    section = {"name": "C", "bbox": [28.0, -30.0, 28.05, -29.96]}
    raw = {"city": section, "study": {"cell_m": 500}, "sources": sources}
    study = check_study(raw, folder=tmp_path)
    with muted():
        model = CityModel(load(check_study({**raw, "sources": {}}, folder=tmp_path)))
        view = CityView(model, None)
        beside = SimpleNamespace(study=study, layer=model.layer, settings=model.settings)
        monkeypatch.setattr(view, "city", beside)
        with pytest.raises(MissingDataError) as told:
            view.distance("x", np.zeros(0, dtype=object), needs="a port")
    assert str(told.value) == f"needs a port; {words}"


def test_without_a_map_indicators_say_so(tmp_path):
    section = {"name": "C", "bbox": [28.0, -30.0, 28.05, -29.96]}
    raw = {"city": section, "study": {"cell_m": 500}}
    with muted():
        model = CityModel(load(check_study(raw, folder=tmp_path))).for_check()
        said = {
            one.id: one.not_assessed
            for sector in ("transport", "energy", "water")
            for one in assess_rows(model, sector)
        }
    assert said["T1"].startswith(
        "no map was given (sources.osm); no stop is known and there is no timetable: set sources.gtfs"
    )
    assert said["T4"].startswith("no map was given (sources.osm); no street is known: add")
    assert [i for i, why in said.items() if "is mapped" in why] == []


# --- timetables -------------------------------------------------------------------------------------

DAYS = "monday,tuesday,wednesday,thursday,friday,saturday,sunday"
FEED = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\nA,A,http://a,Africa/Johannesburg\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\nS1,1,-29.98,28.01\nS2,2,-29.98,28.02\n",
    "routes.txt": "route_id,route_type\nR,3\n",
    "calendar.txt": f"service_id,{DAYS},start_date,end_date\nW,1,1,1,1,1,0,0,20240101,20241231\n"
    "X,1,1,1,1,1,0,0,20240902,20241231\n",
}


def feed(path, folder="", **tables):
    trips, times = (
        "route_id,service_id,trip_id\n",
        "trip_id,stop_id,stop_sequence,arrival_time,departure_time\n",
    )
    for service, minute in (("W", 0), ("X", 5)):
        for i in range(12):
            at = f"{7 + i // 6}:{minute + 10 * (i % 6):02d}:00"
            trips += f"R,{service},{service}{i}\n"
            times += f"{service}{i},S1,1,{at},{at}\n{service}{i},S2,2,{at},{at}\n"
    files = {**FEED, "trips.txt": trips, "stop_times.txt": times}
    files |= {f"{name}.txt": text for name, text in tables.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{folder}{name}", text)
    return path


@pytest.mark.parametrize(
    ("period", "departures", "last"),
    [
        (None, 24, "2024-12-31"),
        (",,", 24, "2024-12-31"),
        ("20240101,20240630", 12, "2024-06-28"),
        (",20240630", 12, "2024-06-28"),
        ("20241001,", 24, "2024-12-31"),
        ("20250101,20251231", 24, "2024-12-31"),  # says nothing of these calendars
    ],
)
def test_a_feed_is_counted_in_the_period_that_it_states(tmp_path, period, departures, last):
    head = "feed_publisher_name,feed_publisher_url,feed_lang,feed_start_date,feed_end_date"
    info = {} if period is None else {"feed_info": f"{head}\nA,http://a,en,{period}\n"}
    found, _ = outcome(read_gtfs, feed(tmp_path / "f.zip", **info), crs=CITY.crs, area=BOX)
    assert found["departures_peak"].iloc[0] == departures
    assert found.attrs["timetables"][0]["last"] == last


def test_several_feeds_and_clocks_in_one_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "o.zip", "w") as archive:
        archive.write(feed(tmp_path / "f.zip"), "1/google_transit.zip")
    found, _ = outcome(read_gtfs, tmp_path / "o.zip", crs=CITY.crs)
    assert "holds other feeds (1/google_transit.zip)" in found
    feed(tmp_path / "two.zip", folder="bus/")
    with zipfile.ZipFile(tmp_path / "two.zip", "a") as archive:
        archive.writestr("rail/stops.txt", FEED["stops.txt"])
    found, _ = outcome(read_gtfs, tmp_path / "two.zip", crs=CITY.crs)
    assert "holds other feeds (bus/stops.txt, rail/stops.txt)" in found
    agency = FEED["agency.txt"] + "B,B,http://b,Europe/Berlin\n"
    _, told = outcome(read_gtfs, feed(tmp_path / "z.zip", agency=agency), crs=CITY.crs)
    assert "2 time zones (Africa/Johannesburg, Europe/Berlin)" in told


def test_a_tag_of_a_way_in_three_layers_is_one_tag(tmp_path):
    (tmp_path / "a.osm").write_text(
        '<osm version="0.6"><bounds minlat="-30" minlon="28" maxlat="-29.96" maxlon="28.05"/>'
        '<node id="1" version="1" lon="28.01" lat="-29.98"/><node id="2" version="1" lon="28.02" lat="-29.98"/>'
        '<way id="7" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/>'
        '<tag k="maxspeed" v="fifty"/></way></osm>'
    )
    study = check_study({"sources": {"osm": "a.osm"}}, folder=tmp_path)
    found, told = outcome(load_osm, study, CITY, Config())
    assert found.unreadable["layer"].nunique() == 3
    assert "1 tags of the OSM extract hold no readable number (maxspeed=fifty" in told
