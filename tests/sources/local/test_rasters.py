"""Rasters on the grid: people conserved, nodata never summed, wrong files refused in one line."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio.transform import from_origin

from kcity_geo.city import make_city
from kcity_geo.config import Config
from kcity_geo.cube import cell_centres, district_shares, study_grid
from kcity_geo.errors import KCityWarning, LimitError, SourceError
from kcity_geo.notes import collected, muted
from kcity_geo.outline import outline_of
from kcity_geo.sources.local import raster_amounts
from kcity_geo.sources.local.district_people import DistrictPeople
from kcity_geo.sources.local.raster_windows import read_window
from kcity_geo.sources.local.rasters import (
    persons_from_polygons,
    read_dem,
    read_raster,
)

CITY = make_city("Here", shapely.Point(28.0, -29.5).buffer(0.06))
GRID = study_grid(CITY, cell_m=100)


def write(
    path, values, *, crs="EPSG:4326", west=27.9, north=-29.4, step=0.001, nodata=None, **more
):
    values = np.atleast_3d(np.asarray(values))
    values = np.moveaxis(values, -1, 0) if values.shape[-1] == 1 else values
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[1],
        width=values.shape[2],
        count=values.shape[0],
        dtype=values.dtype,
        crs=crs,
        transform=from_origin(west, north, step, step),
        nodata=nodata,
        **more,
    ) as dataset:
        dataset.write(values)
    return path


def mollweide_people(path, *, step=100.0, seed=1, nodata=-200.0):
    """People in the CRS of GHS-POP, strongly sheared against UTM at 28 E 29 S."""
    to_m = Transformer.from_crs(4326, "ESRI:54009", always_xy=True)
    west, south, east, north = to_m.transform_bounds(*CITY.boundary.bounds)
    columns, rows = int((east - west) / step) + 20, int((north - south) / step) + 20
    values = np.random.default_rng(seed).gamma(0.3, 40, (rows, columns))
    values[values < 1] = 0
    values[:3] = nodata
    return write(
        path,
        values,
        crs="ESRI:54009",
        west=west - 10 * step,
        north=north + 10 * step,
        step=step,
        nodata=nodata,
    )


def exact_total(path) -> float:
    """People inside the boundary by exact pixel fractions, with another library."""
    from exactextract import exact_extract

    with rasterio.open(path) as dataset:
        outline = gpd.GeoDataFrame(geometry=[CITY.boundary], crs=4326).to_crs(dataset.crs)
    return float(exact_extract(str(path), outline, ["sum"])[0]["properties"]["sum"])


@pytest.mark.parametrize("step", [100.0, 250.0, 1000.0])
@pytest.mark.parametrize("cell_m", [50.0, 100.0, 333.0])
def test_people_are_conserved_to_a_tenth_of_a_percent(tmp_path, step, cell_m) -> None:
    path = mollweide_people(tmp_path / "people.tif", step=step)
    grid = study_grid(CITY, cell_m=cell_m)
    variable, measured = read_raster(path, key="population", city=CITY, grid=grid)
    exact = exact_total(path)
    assert float(variable.sum()) == pytest.approx(exact, rel=1e-3)
    assert measured["conserved_share"] == pytest.approx(1, abs=1e-9)


def test_bands_of_a_large_raster_change_no_cell_and_no_district(tmp_path, monkeypatch) -> None:
    path = mollweide_people(tmp_path / "people.tif", step=100.0)
    grid = study_grid(CITY, cell_m=333.0)
    x0, y0, x1, y1 = CITY.boundary_metric.bounds
    halves = [shapely.box(x0, y0, (x0 + x1) / 2, y1), shapely.box((x0 + x1) / 2, y0, x1, y1)]
    names = ["west", "east"]
    districts = gpd.GeoDataFrame(
        {"district_id": names, "name": names},
        geometry=[CITY.boundary_metric.intersection(half) for half in halves],
        crs=CITY.crs,
    )
    city = replace(CITY, districts=districts)

    def found() -> tuple[np.ndarray, dict[str, float], np.ndarray]:
        people = DistrictPeople(city, district_shares(city, grid=grid), grid)
        variable, measured = read_raster(
            path, key="population", city=city, grid=grid, districts=people
        )
        return variable.to_numpy(), measured, people.persons

    whole = found()
    monkeypatch.setattr(raster_amounts, "_BAND_PIXELS", 700)
    for one, other in zip(whole, found(), strict=True):
        if isinstance(one, dict):
            assert other == pytest.approx(one, rel=1e-12)
        else:
            np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9)


def test_a_raster_with_the_pixels_of_another_gives_what_it_gives_alone(tmp_path) -> None:
    path = mollweide_people(tmp_path / "people.tif", step=250.0)
    holes = tmp_path / "holes.tif"
    with rasterio.open(path) as source:
        values, profile = source.read(1), source.profile
    values[5:9, 5:9] = np.nan
    with rasterio.open(holes, "w", **{**profile, "nodata": np.nan}) as out:
        out.write(values, 1)
    city = replace(CITY)
    for one in (path, path, holes, path):
        again, measured = read_raster(one, key="population", city=city, grid=GRID)
        alone, told = read_raster(one, key="population", city=replace(CITY), grid=GRID)
        np.testing.assert_array_equal(again.to_numpy(), alone.to_numpy())
        assert measured == told


def test_the_nearest_point_of_a_sliver_is_that_of_all() -> None:
    draw = np.random.default_rng(3)
    ring = shapely.Point(0, 0).buffer(100, quad_segs=60)
    middle = draw.uniform(-160, 160, (200, 2))
    u, v = (a.ravel() for a in np.meshgrid(np.arange(24.0), np.arange(24.0)))
    x, y = middle[:, :1] + u + 0.1 * v, middle[:, 1:] + v
    allowed = draw.random(x.shape) < 0.3
    outline = outline_of(ring)
    metres = np.where(allowed, outline.distance(x.ravel(), y.ravel()).reshape(x.shape), np.inf)
    found = raster_amounts._nearest(outline, x, y, allowed)
    np.testing.assert_array_equal(found, metres.argmin(axis=1))


def test_nearest_resampling_would_not_conserve_people(tmp_path) -> None:
    """The trap itself: the usual warp of a count raster to another cell size loses people."""
    from rasterio.warp import Resampling, reproject

    path = mollweide_people(tmp_path / "people.tif", step=250.0)
    out = np.full(GRID.shape, np.nan)
    with rasterio.open(path) as dataset:
        reproject(
            dataset.read(1),
            out,
            src_transform=dataset.transform,
            src_crs=dataset.crs,
            src_nodata=-200,
            dst_transform=GRID.transform,
            dst_crs=GRID.crs.to_wkt(),
            dst_nodata=np.nan,
            resampling=Resampling.nearest,
        )
    assert abs(np.nansum(out) / exact_total(path) - 1) > 0.5


@pytest.mark.parametrize("code", [-200.0, -99999.0, np.nan])
def test_nodata_codes_never_reach_a_sum_even_when_undeclared(tmp_path, code) -> None:
    values = np.ones((220, 220))
    values[100:120, 100:120] = code
    path = write(tmp_path / "people.tif", values, nodata=None)
    with muted(), collected() as told:
        variable, _ = read_raster(path, key="population", city=CITY, grid=GRID)
    assert any("covers 96%" in text for text in told)
    assert any("declares no nodata" in text for text in told) is not np.isnan(code)
    assert float(variable.min()) >= 0
    assert np.isnan(variable.to_numpy()).any()


def test_a_zero_is_a_zero_and_nothing_known_is_nan(tmp_path) -> None:
    values = np.zeros((220, 110))
    path = write(tmp_path / "people.tif", values)
    with pytest.warns(KCityWarning, match="covers"):
        variable, _ = read_raster(path, key="population", city=CITY, grid=GRID)
    x, _ = cell_centres(GRID)
    middle = CITY.boundary_metric.centroid
    row = int((GRID.boundingbox.top - middle.y) / 100)
    line = variable.to_numpy()[row]
    assert (line[~np.isnan(line)] == 0).all()
    assert np.isnan(line[-20:-12]).all()
    assert len(x)


def test_built_area_is_conserved_too(tmp_path) -> None:
    values = np.random.default_rng(3).integers(0, 6000, (220, 220)).astype("uint16")
    path = write(tmp_path / "built.tif", values, nodata=65535)
    variable, _ = read_raster(path, key="built", city=CITY, grid=GRID)
    assert float(variable.sum()) == pytest.approx(exact_total(path), rel=1e-3)


@pytest.mark.parametrize("code", [65535, 4294967295])
def test_fill_values_of_built_land_never_reach_a_sum_even_when_undeclared(tmp_path, code) -> None:
    values = np.full((220, 220), 900.0)
    values[100:120, 100:120] = code
    path = write(tmp_path / "built.tif", values, nodata=None)
    with muted(), collected() as told:
        variable, _ = read_raster(path, key="built", city=CITY, grid=GRID)
    assert float(variable.max()) < 2000
    assert any("covers 96%" in text for text in told)
    assert any(f"400 pixels of {code:g}" in text for text in told)
    assert np.isnan(variable.to_numpy()).any()


def test_pictures_and_complex_numbers_are_refused(tmp_path) -> None:
    picture = write(tmp_path / "rgb.tif", np.ones((3, 220, 220), "uint8").transpose(1, 2, 0))
    with pytest.raises(SourceError, match="bands"):
        read_window(picture, key="population", city=CITY)
    path = write(tmp_path / "complex.tif", np.ones((220, 220), "complex64"))
    with pytest.raises(SourceError, match="complex"):
        read_window(path, key="elevation", city=CITY)
    cover = write(tmp_path / "cover.tif", np.full((220, 220), 3, "uint8"))
    with rasterio.open(cover, "r+") as opened:
        opened.write_colormap(1, {3: (1, 2, 3, 255)})
    with pytest.raises(SourceError, match="colour table"):
        read_window(cover, key="population", city=CITY)


def test_classes_are_never_mixed(tmp_path) -> None:
    values = np.where(np.indices((2200, 2200)).sum(0) % 3 == 0, 10, 80).astype("uint8")
    path = write(tmp_path / "cover.tif", values, step=0.0001)
    variable, _ = read_raster(path, key="landcover", city=CITY, grid=GRID)
    found = np.unique(variable.to_numpy()[~np.isnan(variable.to_numpy())])
    assert set(found) <= {10, 80}


@pytest.mark.parametrize(
    ("key", "codes", "worldcover"),
    [
        ("landcover_corine", [112, 211, 312, 332, 512, 411], [50, 40, 10, 60, 80, 90]),
        ("landcover_corine", [2, 12, 24, 31, 41, 35], [50, 40, 10, 60, 80, 90]),
        ("landcover_globeland30", [80, 10, 20, 90, 60, 50], [50, 40, 10, 60, 80, 90]),
    ],
)
def test_land_cover_of_another_product_is_read_by_its_own_legend(tmp_path, key, codes, worldcover):
    path = tmp_path / "cover.tif"
    write(path, np.repeat(np.array(codes), 50)[None, :].repeat(300, axis=0).astype("int16"))
    variable, _ = read_raster(path, key=key, city=CITY, grid=GRID)
    found = np.unique(variable.to_numpy()[np.isfinite(variable.to_numpy())])
    assert set(found) <= set(worldcover)
    assert len(found) > 1
    write(path, np.full((300, 300), 97, dtype="int16"))
    with pytest.raises(SourceError, match="code 97; it needs (CORINE|GlobeLand30)"):
        read_raster(path, key=key, city=CITY, grid=GRID)


def test_elevation_is_interpolated_without_steps(tmp_path) -> None:
    rows, columns = np.indices((140, 140))
    path = write(
        tmp_path / "dem.tif",
        (1000 + columns * 10.0).astype("float32"),
        west=27.86,
        north=-29.36,
        step=0.002,
    )
    dem = read_dem(path, city=CITY, margin_m=1000)
    steps = np.diff(dem.to_numpy()[dem.shape[0] // 2])
    assert steps.min() > 0
    assert steps.max() < 2.5 * np.median(steps)


def test_an_hgt_in_a_zip_is_read(tmp_path) -> None:
    raw = np.full((1201, 1201), 123, dtype=">i2")
    with zipfile.ZipFile(tmp_path / "S30E028.hgt.zip", "w") as archive:
        archive.writestr("S30E028.hgt", raw.tobytes())
        archive.writestr("../readme.txt", "no")
    city = make_city("There", shapely.box(28.4, -29.6, 28.5, -29.5))
    assert float(read_dem(tmp_path / "S30E028.hgt.zip", city=city).mean()) == pytest.approx(123)


def test_persons_of_polygons_are_divided_by_area_and_cut_at_the_boundary() -> None:
    whole = CITY.boundary_metric
    left, bottom, right, top = whole.bounds
    squares = gpd.GeoDataFrame(
        {"population": [10_000, 6_000]},
        geometry=[
            shapely.box(left - 500, bottom - 500, (left + right) / 2, top + 500),
            shapely.box((left + right) / 2, bottom, right, top),
        ],
        crs=CITY.crs,
    )
    values, measured = persons_from_polygons(squares, city=CITY, grid=GRID)
    upper = squares.rename(columns={"population": "POPULATION"})
    np.testing.assert_array_equal(persons_from_polygons(upper, city=CITY, grid=GRID)[0], values)
    expected = sum(
        n * g.intersection(whole).area / g.area
        for n, g in zip([10_000, 6_000], squares.geometry, strict=True)
    )
    assert np.nansum(values) == pytest.approx(expected, rel=1e-9)
    assert measured["source_total"] == pytest.approx(expected, rel=1e-9)


def test_persons_must_be_numbers_and_not_negative() -> None:
    frame = gpd.GeoDataFrame({"population": [-3]}, geometry=[CITY.boundary_metric], crs=CITY.crs)
    with pytest.raises(SourceError, match="-3 persons"):
        persons_from_polygons(frame, city=CITY, grid=GRID)
    texts = frame.assign(population=["many"])
    with pytest.raises(SourceError, match=r"'population', polygon 1, has the value 'many'"):
        persons_from_polygons(texts, city=CITY, grid=GRID)
    written = frame.assign(population=["12,500"])
    with muted():
        assert persons_from_polygons(written, city=CITY, grid=GRID)[1][
            "source_total"
        ] == pytest.approx(12500)
    with pytest.raises(SourceError, match="no column"):
        persons_from_polygons(frame.rename(columns={"population": "p"}), city=CITY, grid=GRID)


def good(tmp_path, name="r.tif", **more):
    return write(tmp_path / name, np.full((220, 220), 5.0), **more)


def bad_rasters(tmp_path):
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "text.tif").write_text("not a raster")
    whole = good(tmp_path, "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "trap.tif").write_text(
        '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{tmp_path}/whole.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    good(tmp_path, "nocrs.tif", crs=None)
    good(tmp_path, "far.tif", west=100.0)
    write(tmp_path / "nodata.tif", np.full((220, 220), -200.0), nodata=-200)
    write(tmp_path / "negative.tif", np.full((220, 220), -3.0))
    return [
        ("missing.tif", "does not exist"),
        ("empty.tif", "empty"),
        ("text.tif", "cannot be read"),
        ("cut.tif", "damaged|cannot be read"),
        ("trap.tif", "cannot be read"),
        ("nocrs.tif", "no CRS"),
        ("far.tif", "does not overlap"),
        ("nodata.tif", "only nodata"),
        ("negative.tif", "-3"),
    ]


@pytest.mark.parametrize("number", range(9))
def test_a_bad_raster_is_refused_in_one_line_that_names_the_file(tmp_path, number) -> None:
    name, words = bad_rasters(tmp_path)[number]
    with pytest.raises(SourceError, match=words) as caught:
        read_raster(tmp_path / name, key="population", city=CITY, grid=GRID)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("solar", 4.5, "daily totals"),
        ("built", 90_000_000.0, "m2"),
        ("elevation", 1e5, "metres"),
        ("landcover", 7.0, "WorldCover"),
    ],
)
def test_another_unit_is_refused_with_the_unit_needed(tmp_path, key, value, words) -> None:
    path = write(tmp_path / "r.tif", np.full((220, 220), value))
    with pytest.raises(SourceError, match=words):
        read_raster(path, key=key, city=CITY, grid=GRID)


def test_a_raster_past_the_limit_is_refused_before_reading(tmp_path) -> None:
    path = good(tmp_path)
    with pytest.raises(LimitError, match="limit is 10,000"):
        read_window(path, key="population", city=CITY, config=Config(max_pixels=10_000))
    # 29 kB that claim 200 gigapixels
    huge = tmp_path / "huge.tif"
    with rasterio.open(
        huge,
        "w",
        driver="GTiff",
        height=400_000,
        width=500_000,
        count=1,
        dtype="uint8",
        crs="EPSG:4326",
        transform=from_origin(27, -29, 1e-5, 1e-5),
        sparse_ok=True,
        tiled=True,
        blockxsize=4096,
        blockysize=4096,
        compress="deflate",
        BIGTIFF="YES",
    ):
        pass
    with pytest.raises(LimitError, match="200,000,000,000 pixels"):
        read_window(huge, key="population", city=CITY)
