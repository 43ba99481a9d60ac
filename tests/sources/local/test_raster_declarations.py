"""What a raster declares of itself is obeyed, or refused by its right name; nothing is guessed in silence."""

from __future__ import annotations

import warnings
import zipfile

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

from kcity_geo.city import make_city
from kcity_geo.cube import study_grid
from kcity_geo.errors import SourceError
from kcity_geo.notes import collected, muted
from kcity_geo.sources.local.origins import describe
from kcity_geo.sources.local.raster_rules import raster_rule
from kcity_geo.sources.local.raster_units import conversion
from kcity_geo.sources.local.raster_windows import read_window
from kcity_geo.sources.local.rasters import read_flood, read_raster
from kcity_geo.studyfile import check_study

CITY = make_city("Here", shapely.box(28.0, -30.0, 28.05, -29.96))
GRID = study_grid(CITY, cell_m=100)
PLACE = from_origin(27.95, -29.91, 0.001, 0.001)
SHAPE = (140, 160)
COLUMN = np.arange(SHAPE[1])[None, :] + 0 * np.arange(SHAPE[0])[:, None]
WEST = COLUMN < 80  # of 28.03


def write(path, values, *, transform=PLACE, crs="EPSG:4326", bands=1, **told):
    """A GeoTIFF with declarations: scale, offset, unit, description, mask, alpha, nodata."""
    values = np.asarray(values)
    stack = values if values.ndim == 3 else values[None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=told.pop("internal", True)), rasterio.open(
            path, "w", driver="GTiff", height=stack.shape[1], width=stack.shape[2],
            count=len(stack), dtype=stack.dtype, crs=crs, transform=transform,
            nodata=told.pop("nodata", None), alpha="YES" if told.get("alpha") else "NO",
        ) as dataset:  # fmt: skip
            dataset.write(stack)
            if told.pop("alpha", False):
                dataset.colorinterp = (ColorInterp.gray, ColorInterp.alpha)
            if (mask := told.pop("mask", None)) is not None:
                dataset.write_mask(mask)
            dataset.scales = [told.pop("scale", 1.0)] * len(stack)
            dataset.offsets = [told.pop("offset", 0.0)] * len(stack)
            if unit := told.pop("unit", ""):
                dataset.units = [unit] * len(stack)
            for i, text in enumerate(told.pop("descriptions", ())):
                dataset.set_band_description(i + 1, text)
            dataset.update_tags(**told)
    return path


def window(path, key="elevation", city=CITY):
    with muted(), collected() as told:
        return read_window(path, key=key, city=city), told


@pytest.mark.parametrize(
    ("dtype", "stored", "declared", "value"),
    [
        ("int16", -9999, {"scale": 0.01, "offset": 150}, 50.01),
        ("int16", -32768, {"scale": 0.1, "offset": 4000}, 723.2),
        ("uint16", 32767, {"scale": 0.01}, 327.67),
        ("int16", -9999, {"scale": 0.01, "offset": 150, "nodata": -32768}, 50.01),
        ("int16", -9999, {"scale": 0.01, "nodata": -9999}, np.nan),
        ("int16", -9999, {"nodata": -9999}, np.nan),
        ("int16", -9999, {}, np.nan),
        ("float32", -32767, {}, np.nan),
        ("float32", -3.4028234663852886e38, {"nodata": -3.4028234663852886e38}, np.nan),
        ("float32", np.nan, {}, np.nan),
        ("uint8", 255, {"scale": 2.0}, 510.0),
        ("uint8", 255, {"nodata": 255, "scale": 2.0}, np.nan),
        ("uint8", 0, {"nodata": 0}, np.nan),
        ("uint8", 0, {}, 0.0),
    ],
)
def test_nodata_is_of_the_stored_numbers(tmp_path, dtype, stored, declared, value) -> None:
    good = 100 if not declared.get("scale") or dtype == "uint8" else 5000
    values = np.where(WEST, stored, good).astype(dtype)
    found, _ = window(write(tmp_path / "dem.tif", values, **declared))
    np.testing.assert_allclose(found.values[:, 2], value)
    east = good * declared.get("scale", 1.0) + declared.get("offset", 0)
    np.testing.assert_allclose(found.values[:, -3], east)


@pytest.mark.parametrize("key", ["elevation", "population"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_numbers_are_no_gap(tmp_path, key, value) -> None:
    values = np.where(WEST, 3, value).astype("float32")
    values[60:63, 100] = np.nan
    path = write(tmp_path / "r.tif", values)
    with pytest.raises(
        SourceError, match=rf"the value {value:g} in [\d,]+ pixels.*-a_nodata {value:g}"
    ):
        window(path, key=key)
    found, _ = window(write(tmp_path / "d.tif", values, nodata=value), key=key)
    assert np.isnan(found.values[:, -3]).all()
    assert (found.values[:, 2] == 3).all()


@pytest.mark.parametrize(
    ("dtype", "stored", "declared", "depth"),
    [
        ("uint16", 255, {"scale": 0.01, "nodata": 65535}, 2.55),
        ("uint16", 254, {"scale": 0.01, "nodata": 65535}, 2.54),
        ("uint8", 255, {"unit": "cm"}, 2.55),
        ("uint8", 255, {"unit": "m"}, 0.0),
        ("uint8", 255, {"unit": "cm", "nodata": 255}, 0.0),
        ("float32", 6.0, {"unit": "ft"}, 1.8288),
        ("float32", 1500.0, {"unit": "mm"}, 1.5),
    ],
)
def test_a_flood_is_as_deep_as_its_file_says(tmp_path, dtype, stored, declared, depth) -> None:
    path = write(tmp_path / "flood.tif", np.full(SHAPE, stored, dtype), **declared)
    with muted():
        flood = read_flood(path, key="flood", city=CITY)
    np.testing.assert_allclose(flood.to_numpy(), depth, rtol=1e-6)


@pytest.mark.parametrize("how", ["internal", "beside", "alpha", "nodata and mask"])
@pytest.mark.parametrize("key", ["population", "elevation", "landcover"])
def test_masks_are_obeyed(tmp_path, how, key) -> None:
    good, under = {"population": (3, 9), "elevation": (500, 0), "landcover": (10, 80)}[key]
    values = np.where(WEST, good, under).astype("uint16")
    path = tmp_path / "masked.tif"
    if how == "alpha":
        write(path, np.stack([values, np.where(WEST, 255, 0).astype("uint16")]), alpha=True)
    else:
        more = {"nodata": 7777} if how == "nodata and mask" else {}
        write(path, values, mask=WEST, internal=how != "beside", **more)
    with muted(), collected() as told:
        variable, measured = read_raster(path, key=key, city=CITY, grid=GRID)
    assert measured["valid_share"] == pytest.approx(0.6, abs=0.01)
    assert any("covers 60%" in t for t in told)
    if key == "population":
        assert float(variable.sum()) == pytest.approx(3600, rel=1e-4)
    else:
        known = variable.to_numpy()[np.isfinite(variable.to_numpy())]
        np.testing.assert_allclose(known, good)


UNITS = [
    ("elevation", "m", 1.0),
    ("elevation", "metre", 1.0),
    ("elevation", "meters above EGM2008", 1.0),
    ("elevation", "metres (a.s.l.)", 1.0),
    ("elevation", "ft", 0.3048),
    ("elevation", "US survey foot", 1200 / 3937),
    ("elevation", "cm", 0.01),
    ("elevation", "Millimetres", 0.001),
    ("elevation", "", 1.0),
    ("elevation", "unknown", 1.0),
    ("nightlights", "nW/cm^2/sr", 1.0),
    ("nightlights", "nW·cm⁻²·sr⁻¹", 1.0),
    ("nightlights", "W/m2/sr", 1e5),
    ("solar", "kWh/m²/day", 365.25),
    ("solar", "MJ/m2/year", 1 / 3.6),
    ("solar", "W m-2", 8.76),
    ("flood_return_period", "years", 1.0),
]


@pytest.mark.parametrize(("key", "unit", "factor"), UNITS)
def test_units_of_a_band_are_converted(key, unit, factor) -> None:
    found = conversion(raster_rule(key), unit=unit, where="f.tif")
    assert found.factor == pytest.approx(factor, rel=1e-12)
    assert not found.by_area


@pytest.mark.parametrize(
    ("key", "unit"),
    [("elevation", "kV"), ("elevation", "degrees"), ("elevation", "persons"), ("population", "m"), ("population", "°C"), ("solar", "kWh/kWp"), ("nightlights", "DN"), ("flood", "years"), ("built", "persons")],
)  # fmt: skip
def test_other_units_are_refused(tmp_path, key, unit) -> None:
    path = write(tmp_path / "f.tif", np.ones(SHAPE, "float32"), unit=unit)
    with pytest.raises(SourceError, match=rf"sources.{key}: f.tif declares the unit '{unit}'"):
        window(path, key)


KM2 = CITY.area_km2


@pytest.mark.parametrize(
    ("unit", "value", "persons"),
    [
        ("persons per square kilometre", 5000, 5000 * KM2),
        ("people/km2", 5000, 5000 * KM2),
        ("inhabitants per km²", 5000, 5000 * KM2),
        ("명/km²", 5000, 5000 * KM2),
        ("persons km-2", 5000, 5000 * KM2),
        ("persons per hectare", 50, 5000 * KM2),
        ("hab/ha", 50, 5000 * KM2),
        ("persons/m2", 0.005, 5000 * KM2),
        ("people per square mile", 12949.94, 5000 * KM2),
        ("persons per pixel", 3, 6000),
        ("persons", 3, 6000),
        ("thousands of people", 0.003, 6000),
        ("", 3, 6000),
    ],
)
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32735"])
def test_people_by_area_become_people(tmp_path, unit, value, persons, crs) -> None:
    values, place = np.full(SHAPE, value, "float64"), PLACE
    if crs != "EPSG:4326":
        west, south, east, north = CITY.boundary_metric.buffer(900).bounds
        place = from_origin(west, north, 100, 100)
        values = np.full(
            (int((north - south) / 100) + 1, int((east - west) / 100) + 1), value, "float64"
        )
        persons = persons if "per pixel" not in unit and unit not in {"", "persons", "thousands of people"} else 3 * CITY.boundary_metric.area / 1e4  # fmt: skip
    path = write(tmp_path / "p.tif", values, unit=unit, transform=place, crs=crs)
    with muted():
        variable, _ = read_raster(path, key="population", city=CITY, grid=GRID)
    assert float(variable.sum()) == pytest.approx(persons, rel=2e-3)


@pytest.mark.parametrize(
    ("name", "told", "value", "words"),
    [
        ("p.tif", {"descriptions": ["population density"]}, 50, "'population density' says density"),
        ("p.tif", {"TIFFTAG_IMAGEDESCRIPTION": "Population density"}, 50, "'Population density' says density"),
        ("p.tif", {"descriptions": ["pop"], "TIFFTAG_IMAGEDESCRIPTION": "Dichte"}, 50, "'pop; Dichte' says density"),
        ("pop_density_2020.tif", {}, 50, "the name 'pop_density_2020.tif' says density"),
        ("p.tif", {}, 5000, "more than any city holds .*persons per km2"),
        ("p.tif", {}, 700, "more than any city holds"),
    ],
)  # fmt: skip
def test_densities_without_a_unit_are_refused(tmp_path, name, told, value, words) -> None:
    path = write(tmp_path / name, np.full(SHAPE, value, "float32"), **told)
    with muted(), pytest.raises(SourceError, match=words):
        read_raster(path, key="population", city=CITY, grid=GRID)


@pytest.mark.parametrize(
    ("name", "told"),
    [("lso_pd_2020_1km.tif", {}), ("p.tif", {"descriptions": ["Population density, persons per km2 (2020)"]}), ("p.tif", {"TIFFTAG_IMAGEDESCRIPTION": "people per km2, 2020"}), ("p.tif", {"descriptions": ["Densidad de población (hab/km²)"]}), ("p.tif", {"UNITS": "persons per km2"})],
)  # fmt: skip
def test_densities_known_by_product_description_or_tag(tmp_path, name, told) -> None:
    path = write(tmp_path / name, np.full(SHAPE, 5000, "float32"), **told)
    with muted():
        variable, _ = read_raster(path, key="population", city=CITY, grid=GRID)
    assert float(variable.sum()) == pytest.approx(5000 * KM2, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "title", "empty"),
    [
        ("lso_ppp_2020_UNadj_constrained.tif", "", 0.0),
        ("lso_pop_2025_CN_100m_R2025A_v1.tif", "", 0.0),
        ("population.tif", "WorldPop Global2 R2025A, 2025, constrained, 100 m", 0.0),
        ("lso_ppp_2020_unconstrained.tif", "", np.nan),
        ("population.tif", "GHS-POP R2023A", np.nan),
        ("p.tif", "", np.nan),
    ],
)
def test_no_data_of_a_constrained_grid_is_uninhabited(tmp_path, name, title, empty) -> None:
    values = np.where(WEST, 3.0, -99999.0).astype("float32")
    path = write(tmp_path / name, values, nodata=-99999.0, TIFFTAG_IMAGEDESCRIPTION=title)
    with muted(), collected() as told:
        variable, _ = read_raster(path, key="population", city=CITY, grid=GRID)
    np.testing.assert_equal(variable.to_numpy()[20, -2], empty)
    assert any("uninhabited" in t for t in told) is (empty == 0)
    assert any("covers 60%" in t for t in told) is bool(np.isnan(empty))


SLOPE = (500 + COLUMN + 2 * np.arange(SHAPE[0])[:, None]).astype("float32")


@pytest.mark.parametrize(
    "kind", ["south-up", "east-left", "both", "0 to 360", "compound", "3d", "feet crs"]
)
def test_directions_longitudes_and_compound_crs_give_the_same_heights(tmp_path, kind) -> None:
    plain, _ = window(write(tmp_path / "plain.tif", SLOPE))
    values, place, crs = SLOPE, PLACE, "EPSG:4326"
    rows, columns = SHAPE
    if kind in {"south-up", "both"}:
        values, place = values[::-1], place * Affine(1, 0, 0, 0, -1, rows)
    if kind in {"east-left", "both"}:
        values, place = values[:, ::-1], place * Affine(-1, 0, columns, 0, 1, 0)
    if kind == "0 to 360":
        place = Affine.translation(360, 0) * place
    crs = {"compound": "EPSG:4326+5773", "3d": "EPSG:4979"}.get(kind, crs)
    found, _ = window(write(tmp_path / "other.tif", values, transform=place, crs=crs))
    np.testing.assert_allclose(found.values, plain.values)
    np.testing.assert_allclose(list(found.transform)[:6], list(plain.transform)[:6], atol=1e-9)


def test_a_city_on_the_seam_of_a_0_to_360_raster(tmp_path) -> None:
    city = make_city("Seam", shapely.box(-0.02, 5.50, 0.03, 5.55))
    values = np.tile(np.arange(3600), (100, 1)).astype("int16")
    path = write(tmp_path / "dem.tif", values, transform=from_origin(0, 10, 0.1, 0.1))
    found, _ = window(path, city=city)
    west = round((-0.05 - found.transform.c) / 0.1 - 0.5)
    assert found.values[2, west : west + 2].tolist() == [3599, 0]


def test_heights_in_feet_of_a_vertical_crs(tmp_path) -> None:
    path = write(tmp_path / "dem.tif", np.full(SHAPE, 1000.0, "float32"), crs="EPSG:4326+6360")
    found, told = window(path)
    np.testing.assert_allclose(found.values, 304.8006, rtol=1e-5)
    assert any("converted to m" in t for t in told)


@pytest.mark.parametrize(
    ("place", "crs", "words"),
    [
        (PLACE * Affine.rotation(15), "EPSG:4326", "is rotated or sheared"),
        (PLACE * Affine.shear(10, 0), "EPSG:4326", "is rotated or sheared"),
        (PLACE * Affine.rotation(90), "EPSG:4326", "is rotated"),
        (Affine(0, 0.001, 27.9, -0.001, 0, -29.4), "EPSG:4326", r"is rotated by 90°"),
        (PLACE, None, "has no CRS"),
        (PLACE, "EPSG:32633", "does not overlap"),
        (Affine.translation(5, 0) * PLACE, "EPSG:4326", "does not overlap Here; it covers"),
    ],
)
def test_what_cannot_be_placed_is_refused_by_its_name(tmp_path, place, crs, words) -> None:
    with pytest.raises(SourceError, match=rf"sources.elevation: dem.tif {words}") as error:
        window(write(tmp_path / "dem.tif", SLOPE, transform=place, crs=crs))
    assert "\n" not in str(error.value)


def test_bands_are_named(tmp_path) -> None:
    stack = np.stack([SLOPE, SLOPE + 1000])
    path = write(tmp_path / "two.tif", stack, descriptions=["dtm", "dsm"])
    with pytest.raises(SourceError, match=r"2 bands, one is needed \(1 'dtm', 2 'dsm'\); name it: two.tif#band=1"):  # fmt: skip
        window(path)
    for part, more in (("band=1", 0), ("dtm", 0), ("2", 1000), ("band=dsm", 1000)):
        found, _ = window(path.with_name(f"two.tif#{part}"))
        assert found.values[0, 0] - more == pytest.approx(SLOPE[48, 48], abs=6)
    with pytest.raises(SourceError, match="no band 'band=3'; it has 1 'dtm', 2 'dsm'"):
        window(path.with_name("two.tif#band=3"))


@pytest.mark.parametrize("way", ["list", "folder", "zip members"])
def test_tiles_of_one_raster_meet(tmp_path, way) -> None:
    """Two tiles that share a column, as SRTM tiles do."""
    plain, _ = window(write(tmp_path / "plain.tif", SLOPE))
    folder = tmp_path / "tiles"
    folder.mkdir()
    one = write(folder / "a.tif", SLOPE[:, :81])
    two = write(folder / "b.tif", SLOPE[:, 80:], transform=PLACE * Affine.translation(80, 0))
    far = write(folder / "c.tif", SLOPE, transform=Affine.translation(9, 0) * PLACE)
    if way == "zip members":
        with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
            archive.write(one, "a.tif")
            archive.write(two, "b.tif")
        with pytest.raises(SourceError, match=r"holds 2 rasters \(a.tif, b.tif…\).*t.zip#a.tif"):
            window(tmp_path / "t.zip")
        paths = [tmp_path / "t.zip#a.tif", tmp_path / "t.zip#b.tif"]
    else:
        paths = folder if way == "folder" else [one, two, far]
    found, told = window(paths)
    np.testing.assert_allclose(found.values, plain.values)
    assert found.covered.all()
    assert any("c.tif does not overlap" in t for t in told) is (way == "list")


def test_tiles_of_other_pixels_meet_for_heights_and_are_refused_for_people(tmp_path) -> None:
    one = write(tmp_path / "a.tif", SLOPE[:, :80])
    coarse = (500.5 + 80 + 2 * np.arange(40)[None, :] + 0.5 + 4 * np.arange(70)[:, None]).astype(
        "float32"
    )
    two = write(
        tmp_path / "b.tif", coarse, transform=PLACE * Affine.translation(80, 0) * Affine.scale(2)
    )
    found, _ = window([one, two])
    plain, _ = window(write(tmp_path / "plain.tif", SLOPE))
    inside = [
        one.values[np.ix_(
            np.round((one.transform.f - np.arange(-29.9605, -30.0, -0.001)) / 0.001 - 0.5).astype(int),
            np.round((np.arange(28.0005, 28.05, 0.001) - one.transform.c) / 0.001 - 0.5).astype(int),
        )]
        for one in (found, plain)
    ]  # fmt: skip
    np.testing.assert_allclose(*inside, atol=1.6)
    with pytest.raises(SourceError, match="do not lie on one grid"):
        window([one, two], "population")


def test_overlapping_tiles_count_people_once(tmp_path) -> None:
    ones = np.ones(SHAPE, "float32")
    one = write(tmp_path / "a.tif", ones[:, :90])
    two = write(tmp_path / "b.tif", 2 * ones[:, 70:], transform=PLACE * Affine.translation(70, 0))
    with muted(), collected() as told:
        variable, _ = read_raster([one, two], key="population", city=CITY, grid=GRID)
    assert float(variable.sum()) == pytest.approx(40 * 40 + 10 * 40 * 2, rel=1e-3)
    assert any("hold different values" in t for t in told)


def test_a_study_takes_a_list_of_tiles(tmp_path) -> None:
    from kcity_geo.study import load

    write(tmp_path / "a.tif", SLOPE[:, :80])
    write(tmp_path / "b.tif", SLOPE[:, 80:], transform=PLACE * Affine.translation(80, 0))
    study = check_study(
        {"city": {"name": "C", "bbox": [28.0, -30.0, 28.05, -29.96]}, "sources": {"elevation": ["a.tif", "b.tif"]}},
        folder=tmp_path,
    )  # fmt: skip
    with muted(), collected() as told:
        data = load(study)
    assert np.isfinite(data.cube["elevation_m"].to_numpy()[data.inside]).all()
    assert not any("covers" in t for t in told)
    about = next(p for p in data.provenance if p.id == "elevation")
    assert about.path == "a.tif, b.tif"
    assert about == describe([tmp_path / "a.tif", tmp_path / "b.tif"], key="elevation")


@pytest.mark.parametrize("name", ["dem.tif", "S30E028.hgt"])
@pytest.mark.parametrize("damage", ["flip", "insert", "cut", "remove"])
def test_a_damaged_zip_is_refused_before_gdal_gets_it(tmp_path, name, damage) -> None:
    raw = np.random.default_rng(1).integers(100, 900, (1201, 1201)).astype(">i2").tobytes()
    if name == "dem.tif":
        raw = write(tmp_path / "dem.tif", SLOPE).read_bytes()
    path = tmp_path / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, raw)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    if damage == "flip":
        data[middle] ^= 4
    elif damage == "insert":
        data[middle:middle] = b"x"
    elif damage == "cut":
        del data[middle:]
    else:
        del data[middle]
    path.write_bytes(data)
    with pytest.raises(SourceError, match="is not a whole zip") as error:
        window(path)
    assert str(error.value).isprintable()


@settings(max_examples=15)
@given(
    scale=st.floats(0.001, 2.0),
    offset=st.floats(-50, 50),
    stored=st.integers(0, 1000),
    nodata=st.one_of(st.none(), st.integers(0, 1000)),
)
def test_value_is_stored_times_scale_plus_offset(
    tmp_path_factory, scale, offset, stored, nodata
) -> None:
    path = tmp_path_factory.mktemp("s") / "dem.tif"
    values = np.where(WEST, stored, 1001).astype("int16")
    found, _ = window(write(path, values, scale=scale, offset=offset, nodata=nodata))
    expected = np.nan if stored == nodata else stored * scale + offset
    np.testing.assert_allclose(found.values[:, 2], expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.values[:, -3], 1001 * scale + offset, rtol=1e-9)


def test_a_pixel_far_north_is_as_large_as_it_is(tmp_path):
    """0.001 degrees at 65 degrees: 111.5 m by 47.2 m are 5,260 m2, not half the square of the diagonal, 7,325."""
    place = from_origin(27.95, 65.09, 0.001, 0.001)
    north = make_city("North", shapely.box(28.0, 65.0, 28.05, 65.04))
    full = write(tmp_path / "full.tif", np.full(SHAPE, 5260.0, "float32"), transform=place)
    found, _ = window(full, key="built", city=north)
    assert found.pixel_m**2 == pytest.approx(5260, rel=5e-3)
    more = write(tmp_path / "more.tif", np.full(SHAPE, 6500.0, "float32"), transform=place)
    with pytest.raises(SourceError, match="6,500 m2 in a pixel of"):
        window(more, key="built", city=north)


def _pond(level: float, *, dry: float = np.nan) -> np.ndarray:
    """Water of a level in a valley along the columns, over all rows."""
    ground = np.abs(COLUMN - 85.0) / 10
    return np.where(ground < level, level - ground, dry).astype("float32")


@pytest.mark.parametrize("dry", [np.nan, 0.0])
def test_floods_of_several_return_periods_are_no_tiles(tmp_path, dry) -> None:
    """Every depth of the rarer flood is larger; a list of tiles would take the first one alone."""
    paths = [
        write(tmp_path / f"{years}.tif", _pond(level, dry=dry))
        for years, level in ((100, 2.0), (20, 1.0))
    ]
    with pytest.raises(SourceError, match=r"100\.tif is deeper than 20\.tif.*flood_return_period"):
        window(paths, "flood")


def test_tiles_of_one_flood_and_two_models_of_it_are_read(tmp_path) -> None:
    """Seams that differ, a strip of a neighbour, and a model that is deeper here and shallower there."""
    west = write(tmp_path / "a.tif", _pond(1.0)[:, :90])
    east = write(
        tmp_path / "b.tif", _pond(1.2)[:, 80:], transform=PLACE * Affine.translation(80, 0)
    )
    found, told = window([west, east], "flood")
    assert any("hold different values" in t for t in told)
    strip = write(tmp_path / "c.tif", _pond(1.2)[:60])
    window([write(tmp_path / "d.tif", _pond(1.0)), strip], "flood")
    other = _pond(1.0) + np.where(np.arange(SHAPE[0]) % 2, 0.05, -0.05)[:, None].astype("float32")
    found, told = window([tmp_path / "d.tif", write(tmp_path / "e.tif", other)], "flood")
    assert any("hold different values" in t for t in told)
    assert np.nanmax(found.values) == pytest.approx(1.0)


def test_of_return_periods_the_smallest_counts_in_any_order(tmp_path) -> None:
    """One file for each flood: where the 20-year flood stands it is every 20 years, whatever comes first."""
    paths = [
        write(tmp_path / f"{years}.tif", np.where(np.isfinite(_pond(level)), years, np.nan).astype("float32"))
        for years, level in ((100, 2.0), (20, 1.0), (300, 3.0))
    ]  # fmt: skip
    found, told = window(paths, "flood_return_period")
    turned, _ = window(paths[::-1], "flood_return_period")
    np.testing.assert_array_equal(found.values, turned.values)
    wet = {years: int((found.values == years).sum()) for years in (20, 100, 300)}
    assert wet[20] > 0
    # The valley is as much wider for each level: each further flood wets as many columns again.
    assert wet[100] == pytest.approx(wet[20], rel=0.2)
    assert not any("hold different values" in t for t in told)
