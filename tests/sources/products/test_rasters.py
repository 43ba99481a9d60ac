"""Raster products in their real formats from a local server: windows, borders, sea, outages."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import requests
from pyproj import Transformer
from rasterio.transform import Affine, from_origin

from kcity_geo.errors import LimitError, SourceError
from kcity_geo.sources.products.rasters import fetch_raster, provenance, s3_keys
from kcity_geo.sources.products.tiles import tile_at
from kcity_geo.sources.web.download import Fetcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Server

    from kcity_geo.config import Config
    from kcity_geo.sources.products.catalogue import Catalogue

PX = 60  # pixels a degree, instead of the 3,600 of the real tiles


def cog(
    values: np.ndarray, transform: Affine, *, crs: str = "EPSG:4326", nodata: float | None = None
) -> bytes:
    """Bytes of a cloud-optimised GeoTIFF."""
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="COG",
            width=values.shape[1],
            height=values.shape[0],
            count=1,
            crs=crs,
            dtype=values.dtype,
            transform=transform,
            nodata=nodata,
            blocksize=128,
        ) as data:
            data.write(values, 1)
        return bytes(memory.read())


def field(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """A height that tells where it is."""
    return (100 + 10 * np.asarray(lon) + np.asarray(lat)).astype(np.float32)


def dem_tile(west: int, south: int, *, columns: int = PX, unrolled: float = 0.0) -> bytes:
    """One Copernicus tile: half a pixel north-west of its degree, fewer columns far north."""
    dx, dy = 1 / columns, 1 / PX
    transform = Affine(dx, 0, west - dx / 2, 0, -dy, south + 1 + dy / 2)
    lon = west + np.arange(columns) * dx + unrolled
    lat = south + 1 - np.arange(PX) * dy
    return cog(field(*np.meshgrid(lon, lat)), transform)


def put_dem(server: Server, west: int, south: int, **more: Any) -> str:
    name = f"Copernicus_DSM_COG_10_{tile_at('copernicus', west, south).name}_DEM"
    server.put(
        f"copernicus-dem-30m.s3.amazonaws.com/{name}/{name}.tif", dem_tile(west, south, **more)
    )
    return name


def put_list(server: Server, names: list[str]) -> None:
    server.put("copernicus-dem-30m.s3.amazonaws.com/tileList.txt", "\n".join(names) + "\n")


@pytest.fixture
def get(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue], tmp_path: Path
) -> Callable[..., Any]:
    """Fetch a product's window; gives values, transform, crs and layer."""

    def run(product: str, bounds: tuple[float, float, float, float], **more: Any) -> Any:
        changes = more.pop("config", {})
        catalogue = local_catalogue(**more.pop("rows", {}))
        out = tmp_path / f"{product}.tif"
        layer = fetch_raster(
            catalogue.product(product),
            bounds,
            out,
            fetcher=Fetcher(replace(config, **changes), pauses=more.pop("pauses", None)),
            **more,
        )
        with rasterio.open(out) as data:
            about = SimpleNamespace(units=data.units, nodata=data.nodata, crs=data.crs)
            return data.read(1), data.transform, about, layer

    return run


def centres(values: np.ndarray, transform: Affine) -> tuple[np.ndarray, np.ndarray]:
    columns, rows = np.meshgrid(np.arange(values.shape[1]) + 0.5, np.arange(values.shape[0]) + 0.5)
    return transform.c + transform.a * columns, transform.f + transform.e * rows


def test_window_across_four_tiles_and_both_equators(get: Callable[..., Any], calm: Server) -> None:
    names = [put_dem(calm, w, s) for w in (-1, 0) for s in (-1, 0)]
    put_list(calm, names)
    values, transform, data, layer = get("copernicus_glo30", (-0.3, -0.2, 0.25, 0.35))
    lon, lat = centres(values, transform)
    np.testing.assert_allclose(values, field(lon, lat), atol=1e-3)
    assert lon.min() < -0.3
    assert lon.max() > 0.25 - 1 / PX
    assert lat.min() < -0.2 + 1 / PX
    assert lat.max() > 0.35 - 1 / PX
    assert len(layer.urls) == 4
    assert data.units == ("m above the EGM2008 geoid",)
    assert all(etag for etag in layer.checks.values())


def test_window_across_the_antimeridian(get: Callable[..., Any], calm: Server) -> None:
    names = [put_dem(calm, 179, -17), put_dem(calm, -180, -17, unrolled=360)]
    put_list(calm, names)
    values, transform, _, _ = get("copernicus_glo30", (179.6, -16.8, -179.7, -16.2))
    lon, lat = centres(values, transform)
    assert lon.min() < 179.6
    assert lon.max() > 180.3 - 1 / PX
    np.testing.assert_allclose(values, field(lon, lat), atol=1e-3)


def test_tiles_of_different_width_meet_without_a_seam(
    get: Callable[..., Any], calm: Server
) -> None:
    names = [put_dem(calm, 20, 49), put_dem(calm, 20, 50, columns=PX * 2 // 3)]
    put_list(calm, names)
    values, transform, _, _ = get("copernicus_glo30", (20.3, 49.8, 20.7, 50.2))
    lon, lat = centres(values, transform)
    inside = (lon > 20.3) & (lon < 20.7) & (lat > 49.8) & (lat < 50.2)
    np.testing.assert_allclose(values[inside], field(lon, lat)[inside], atol=0.1)
    assert np.isfinite(values[inside]).all()


def test_missing_ocean_tile_is_sea(get: Callable[..., Any], calm: Server) -> None:
    put_list(calm, [put_dem(calm, 30, 10)])  # the list does not name the tile east of it
    values, transform, _, layer = get("copernicus_glo30", (30.8, 10.2, 31.2, 10.8))
    lon, lat = centres(values, transform)
    land = lon < 31 - 1 / PX
    np.testing.assert_allclose(values[land], field(lon, lat)[land], atol=1e-3)
    assert (values[lon > 31] == 0).all()
    assert lon.max() > 31.2 - 1 / PX
    assert "N10_00_E031_00" in layer.note


def test_only_sea(get: Callable[..., Any], calm: Server) -> None:
    put_list(calm, ["Copernicus_DSM_COG_10_N10_00_E030_00_DEM"])
    values, transform, _, _ = get("copernicus_glo30", (-40.02, 0.0, -40.0, 0.02))
    assert values.shape == (73, 73)
    assert (values == 0).all()
    assert transform.a == pytest.approx(1 / 3600)


def test_listed_tile_that_is_gone_is_an_outage(get: Callable[..., Any], calm: Server) -> None:
    put_list(calm, ["Copernicus_DSM_COG_10_N60_00_E030_00_DEM"])
    with pytest.raises(SourceError, match="404.*outage"):
        get("copernicus_glo30", (30.2, 60.2, 30.3, 60.3))


def test_tile_list_of_something_else_is_refused(get: Callable[..., Any], calm: Server) -> None:
    put_list(calm, ["hello", "world"])
    with pytest.raises(SourceError, match="names none of its tiles"):
        get("copernicus_glo30", (30.2, 60.2, 30.3, 60.3))


def classes(west: int, south: int) -> bytes:
    codes = np.array([10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100], dtype=np.uint8)
    rows, columns = np.indices((180, 180))
    return cog(codes[(rows + columns) % 11], from_origin(west, south + 3, 1 / 60, 1 / 60), nodata=0)


def put_worldcover(server: Server, west: int, south: int) -> None:
    name = tile_at("worldcover", west, south).name
    server.put(
        "esa-worldcover.s3.eu-central-1.amazonaws.com/v200/2021/map/"
        f"ESA_WorldCover_10m_2021_v200_{name}_Map.tif",
        classes(west, south),
    )


def test_land_cover_keeps_its_classes(get: Callable[..., Any], calm: Server) -> None:
    put_worldcover(calm, 6, 0)
    put_worldcover(calm, 9, 0)
    values, transform, data, _ = get("worldcover", (8.5, 0.5, 9.5, 1.0))
    assert values.dtype == np.uint8
    assert data.nodata == 0
    assert set(np.unique(values)) == {10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100}
    column = round((8.5 - transform.c) / transform.a)
    row = round((transform.f - 1.0) * 60)
    assert (
        values[row, column]
        == np.array([10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100])[(120 + 150) % 11]
    )


def test_no_list_then_a_known_tile_tells_sea_from_outage(
    get: Callable[..., Any], calm: Server
) -> None:
    put_worldcover(calm, 6, 0)  # the tile known to exist
    with pytest.raises(SourceError, match="no data in the study area"):
        get("worldcover", (-30.5, 0.5, -30.4, 0.6))
    calm.fault("N00E006", "status", status=404, times=99)
    with pytest.raises(SourceError, match="must be there.*outage or a moved address"):
        get("worldcover", (-30.5, 0.5, -30.4, 0.6))


def test_surface_water(get: Callable[..., Any], calm: Server) -> None:
    rows, columns = np.indices((100, 100))
    water = ((rows + columns) % 101).astype(np.uint8)
    water[0, 0] = 255
    calm.put(
        "s3.waw4-1.cloudferro.com/swift/v1/global-surface-water/download2024/Aggregated/VER1-5/"
        "occurrence/occurrence_60W_30S_v1_5_2024.tif",
        cog(water, from_origin(-60, -30, 0.1, 0.1)),
    )
    values, _, data, _ = get("gsw_occurrence", (-60.0, -31.0, -59.0, -30.0))
    assert data.nodata == 255
    assert values[0, 0] == 255
    assert values[1, 1] == 2


# -- zipped products ---------------------------------------------------------------------------


def ghsl_zip(tile: str, values: np.ndarray, west: float, north: float, step: float) -> bytes:
    tif = cog(values, from_origin(west, north, step, step), crs="ESRI:54009")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"GHS_POP_E2025_GLOBE_R2023A_54009_100_V1_0_{tile}.tif", tif)
        archive.writestr("GHSL_Data_Package_2023.pdf", b"%PDF-1.4")
    return stream.getvalue()


GHS = (
    "jeodpp.jrc.ec.europa.eu/ftp/jrc-opendata/GHSL/GHS_POP_GLOBE_R2023A/"
    "GHS_POP_E2025_GLOBE_R2023A_54009_100/V1-0/tiles/GHS_POP_E2025_GLOBE_R2023A_54009_100_V1_0_"
)


def test_population_out_of_zips_is_every_person_of_the_window(
    get: Callable[..., Any], calm: Server
) -> None:
    rng = np.random.default_rng(7)
    whole = {}
    for tile, west in (("R5_C19", -41_000.0), ("R5_C20", 959_000.0)):
        people = np.round(rng.gamma(1, 50, (200, 200)), 3)
        people[0, :5] = -200  # no data
        whole[tile] = people
        calm.put(f"{GHS}{tile}.zip", ghsl_zip(tile, people, west, 5_000_000.0, 5_000.0))
    to_lonlat = Transformer.from_crs("ESRI:54009", 4326, always_xy=True)
    west, south = to_lonlat.transform(900_000.0, 4_500_000.0)
    east, north = to_lonlat.transform(1_000_000.0, 4_600_000.0)
    values, transform, data, layer = get("ghs_pop", (west, south, east, north))
    assert data.crs.to_string() == "ESRI:54009"
    assert data.nodata == -200
    assert transform.a == 5_000.0
    both = np.hstack([whole["R5_C19"], whole["R5_C20"]])
    row = round((5_000_000 - transform.f) / 5_000)
    column = round((transform.c + 41_000) / 5_000)
    cut = both[row : row + values.shape[0], column : column + values.shape[1]]
    np.testing.assert_array_equal(values, cut)
    assert transform.c <= 900_000.0
    assert transform.c + 5_000 * values.shape[1] >= 1_000_000.0
    assert all(c.startswith("sha256:") for c in layer.checks.values())
    assert len(layer.urls) == 2


def test_population_on_both_sides_of_the_antimeridian(
    get: Callable[..., Any], calm: Server
) -> None:
    """The halves lie at the two ends of a world in Mollweide; nobody is dropped."""
    for tile, west, persons in (("R12_C36", 16_959_000.0, 3.0), ("R12_C1", -18_041_000.0, 5.0)):
        people = np.full((200, 200), persons)
        calm.put(f"{GHS}{tile}.zip", ghsl_zip(tile, people, west, -2_000_000.0, 5_000.0))
    bounds = (179.9, -17.5, -179.95, -17.3)
    values, transform, data, layer = get("ghs_pop", bounds)
    assert len(layer.urls) == 2
    x = transform.c + 5_000 * (np.arange(values.shape[1]) + 0.5)
    assert set(values[:, x < 0].ravel()) == {5.0, -200.0}
    assert set(values[:, x > 0].ravel()) == {3.0, -200.0}
    to_mollweide = Transformer.from_crs(4326, "ESRI:54009", always_xy=True)
    for lon in (179.91, 179.99, -179.99, -179.96):
        px, py = to_mollweide.transform(lon, -17.4)
        found = values[int((transform.f - py) / 5_000), int((px - transform.c) / 5_000)]
        assert found == (3.0 if lon > 0 else 5.0)
    with pytest.raises(LimitError, match="max_pixels"):
        get("ghs_pop", bounds, config={"max_pixels": 10_000})


def test_built_surface_with_its_own_no_data(get: Callable[..., Any], calm: Server) -> None:
    built = np.full((200, 200), 500, dtype=np.uint32)
    built[100, 100] = 4294967295
    address = GHS.replace("POP", "BUILT_S")
    calm.put(f"{address}R9_C19.zip", ghsl_zip("R9_C19", built, -41_000.0, 1_000_000.0, 5_000.0))
    values, _, data, _ = get("ghs_built_s", (4.0, 3.0, 5.0, 4.5))
    assert data.nodata == 4294967295
    assert values.max() == 4294967295
    assert np.ma.masked_equal(values, data.nodata).sum() == 500 * (values.size - 1)


def test_zip_without_the_raster(get: Callable[..., Any], calm: Server) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", "moved")
    calm.put(f"{GHS}R9_C19.zip", stream.getvalue())
    with pytest.raises(SourceError, match=r"holds no \\\.tif\$"):
        get("ghs_pop", (4.0, 3.0, 5.0, 4.5))


def test_solar_atlas_days_become_years(get: Callable[..., Any], calm: Server) -> None:
    daily = np.full((120, 360), 4.0, dtype=np.float32)
    daily[:, :10] = np.nan
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(
            "World_GHI/GHI.tif", cog(daily, from_origin(-180, 60, 1, 1), nodata=np.nan)
        )
        archive.writestr("World_GHI/GHI.pdf", b"%PDF")
    calm.put(
        "api.globalsolaratlas.info/download/World/"
        "World_GHI_GISdata_LTAy_AvgDailyTotals_GlobalSolarAtlas-v2_GEOTIFF.zip",
        stream.getvalue(),
    )
    values, _, data, _ = get("global_solar_atlas", (-172.0, 0.0, -165.0, 3.0))
    assert data.units == ("kWh m-2 year-1",)
    assert np.nanmax(values) == pytest.approx(4.0 * 365.25)
    assert np.isnan(values[:, 0]).all()


# -- other ways ----------------------------------------------------------------------------------


def test_worldpop_by_country(get: Callable[..., Any], calm: Server) -> None:
    people = np.arange(100, dtype=np.float32).reshape(10, 10)
    people[0, 0] = -99999
    calm.put(
        "data.worldpop.org/GIS/Population/Global_2015_2030/R2025A/2025/MCO/v1/100m/constrained/"
        "mco_pop_2025_CN_100m_R2025A_v1.tif",
        cog(people, from_origin(7.40, 43.76, 0.005, 0.005), nodata=-99999),
    )
    values, _, data, _ = get("worldpop", (7.39, 43.70, 7.46, 43.77), iso3="MCO")
    np.testing.assert_array_equal(values, people)
    assert data.nodata == -99999
    with pytest.raises(SourceError, match="country is not known"):
        get("worldpop", (7.39, 43.70, 7.46, 43.77))


def listing(keys: list[str], token: str = "") -> str:
    rows = "".join(f"<Contents><Key>{k}</Key><Size>1</Size></Contents>" for k in keys)
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult '
        'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>globalnightlight</Name>'
        f"<IsTruncated>{'true' if token else 'false'}</IsTruncated>{more}{rows}</ListBucketResult>"
    )


def test_newest_night_lights_of_the_listing(
    get: Callable[..., Any], calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    stem = "composites/npp_{0}_ops/DNB_npp_{0}01-{0}28_global_ecm-slcorr_v10_ops"
    keys = [
        f"{stem.format(m)}.{kind}.tif"
        for m in ("202502", "202402")
        for kind in ("avg_rade9", "n_cf")
    ]
    calm.put(
        "globalnightlight.s3.amazonaws.com/index", listing([*keys, "composites/../../etc/passwd"])
    )
    lights = np.full((100, 200), 3.5, dtype=np.float32)
    calm.put(
        f"globalnightlight.s3.amazonaws.com/{keys[0]}", cog(lights, from_origin(-100, 50, 1, 1))
    )
    values, _, data, layer = get("viirs_len", (7.0, 43.0, 8.0, 44.0))
    assert (values == np.float32(3.5)).all()
    assert data.units == ("nW cm-2 sr-1",)
    assert layer.as_of == "20250201"
    product = local_catalogue().product("viirs_len")
    assert s3_keys(product, Fetcher(config)) == [keys[2], keys[0]]


def test_empty_listing(get: Callable[..., Any], calm: Server) -> None:
    calm.put("globalnightlight.s3.amazonaws.com/index", listing(["readme.html"]))
    with pytest.raises(SourceError, match="lists nothing like"):
        get("viirs_len", (7.0, 43.0, 8.0, 44.0))


def test_listing_without_an_end(
    get: Callable[..., Any], calm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies beyond the last page could be the newest: that is told, not left out."""
    monkeypatch.setattr("kcity_geo.sources.products.rasters._MAX_PAGES", 3)
    key = "composites/npp_202502_ops/DNB_npp_20250201-20250228_global_ecm-slcorr_v10_ops.avg_rade9.tif"
    calm.put("globalnightlight.s3.amazonaws.com/index", listing([key], token="next"))
    with pytest.raises(LimitError, match="more than 3 pages"):
        get("viirs_len", (7.0, 43.0, 8.0, 44.0))


def test_pvgis_sum_of_the_mean_months(get: Callable[..., Any], calm: Server) -> None:
    monthly = [
        {"year": y, "month": m, "H(h)_m": 100.0 + m + (10 if y == 2023 else 0)}
        for y in (2022, 2023)
        for m in range(1, 13)
    ]
    calm.put(
        "re.jrc.ec.europa.eu/api/v5_3/MRcalc",
        json.dumps({"inputs": {}, "outputs": {"monthly": monthly}}),
    )
    values, _, _, layer = get("pvgis", (7.40, 43.72, 7.44, 43.76))
    # by hand: mean of the two years is 105 + m; twelve months: 12 x 105 + 78
    assert values == pytest.approx(1338.0)
    assert layer.as_of == "2022-2023"
    assert "lat=43.740&lon=7.420" in calm.log("MRcalc")[0]["path"]


def test_pvgis_with_an_impossible_answer(get: Callable[..., Any], calm: Server) -> None:
    calm.put("re.jrc.ec.europa.eu/api/v5_3/MRcalc", '{"outputs": {"monthly": []}}')
    with pytest.raises(SourceError, match=r"no monthly|not possible"):
        get("pvgis", (7.40, 43.72, 7.44, 43.76))


# -- faults --------------------------------------------------------------------------------------

BOX = (-0.3, -0.2, -0.1, -0.1)


@pytest.fixture
def one_dem(calm: Server) -> Server:
    put_list(calm, [put_dem(calm, -1, -1)])
    return calm


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "status", "status": 503},
        {"fault": "status", "status": 429, "retry_after": 0},
        {"fault": "html", "method": "GET"},
        {"fault": "reset", "method": "GET"},
        {"fault": "cut", "method": "GET"},
        {"fault": "changing_etag"},
    ],
    ids=lambda f: str(f.get("status", f["fault"])),
)
def test_raster_faults(
    fault: dict, get: Callable[..., Any], one_dem: Server, tmp_path: Path
) -> None:
    one_dem.fault("_DEM.tif", times=999, **fault)
    started = time.monotonic()
    with pytest.raises(SourceError, match="Copernicus"):
        get("copernicus_glo30", BOX, config={"attempts": 2})
    assert time.monotonic() - started < 20
    assert not list(tmp_path.glob("*.tif*")), "nothing half-made is left"
    for times in (1, 2, 3):  # the first may meet our own look, the next ones GDAL's
        one_dem.reset()
        one_dem.fault("_DEM.tif", times=times, **fault)
        values, transform, _, _ = get("copernicus_glo30", BOX, config={"attempts": 5})
    np.testing.assert_allclose(values, field(*centres(values, transform)), atol=1e-3)


def test_pause_of_a_host_of_rasters(get: Callable[..., Any], one_dem: Server) -> None:
    """A raster is several requests in one patient call; they wait for the host, not for each other."""
    host = one_dem.base.removeprefix("http://")
    values, *_ = get("copernicus_glo30", BOX, pauses={host: 0.2})
    assert values.size
    times = [r["time"] for r in one_dem.log()]
    assert times[-1] - times[0] > 0.5, "list, two times HEAD, and HEAD again: three pauses"


def test_redirect_of_the_read_into_a_private_network(
    get: Callable[..., Any], one_dem: Server, inside: Server
) -> None:
    """HEAD is answered, and only the read is sent elsewhere: GDAL would go there unasked."""
    inside.put("secret/x.tif", next(one_dem.root.rglob("*S01_00_W001*.tif")).read_bytes())
    to = inside.base.replace("127.0.0.1", "localhost") + "/secret/x.tif"
    one_dem.fault("_DEM.tif", "redirect", to=to, method="GET", times=99)
    with pytest.raises(SourceError, match=r"leads to the private address .*localhost"):
        get("copernicus_glo30", BOX)
    assert inside.log() == []


def test_redirect_of_the_read_on_the_same_host(get: Callable[..., Any], one_dem: Server) -> None:
    whole = next(one_dem.root.rglob("*S01_00_W001*.tif")).read_bytes()
    to = one_dem.put("mirror/dem.tif", whole)
    one_dem.fault("S01_00_W001_00_DEM.tif", "redirect", to=to, method="GET", times=1)
    values, transform, _, _ = get("copernicus_glo30", BOX)
    np.testing.assert_allclose(values, field(*centres(values, transform)), atol=1e-3)
    gets = [r["path"] for r in one_dem.log(".tif") if r["method"] == "GET"]
    assert len([p for p in gets if "mirror" not in p]) == 1, "GDAL is given the final address"


def test_no_credentials_of_a_netrc(
    get: Callable[..., Any], one_dem: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login joe password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    get("copernicus_glo30", BOX)
    assert not any("authorization" in r["headers"] for r in one_dem.log())


def test_no_sidecar_is_asked_for(get: Callable[..., Any], one_dem: Server) -> None:
    get("copernicus_glo30", BOX)
    asked = {r["path"].rsplit("/", 1)[-1] for r in one_dem.log()}
    assert asked == {"tileList.txt", "Copernicus_DSM_COG_10_S01_00_W001_00_DEM.tif"}
    agents = {r["headers"].get("user-agent", "") for r in one_dem.log(".tif")}
    assert all("tests@example.org" in a for a in agents), "GDAL introduces itself too"


def test_vrt_named_tif_is_refused(get: Callable[..., Any], one_dem: Server) -> None:
    name = "Copernicus_DSM_COG_10_S01_00_W001_00_DEM"
    secret = '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>/etc/passwd</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>'
    one_dem.put(f"copernicus-dem-30m.s3.amazonaws.com/{name}/{name}.tif", secret)
    with pytest.raises(SourceError, match="cannot be read"):
        get("copernicus_glo30", BOX, config={"attempts": 1})


def test_pixel_limit_comes_before_reading(get: Callable[..., Any], one_dem: Server) -> None:
    with pytest.raises(LimitError, match=r"max_pixels"):
        get("copernicus_glo30", BOX, config={"max_pixels": 20})


def test_same_window_same_bytes(get: Callable[..., Any], one_dem: Server, tmp_path: Path) -> None:
    get("copernicus_glo30", BOX)
    first = (tmp_path / "copernicus_glo30.tif").read_bytes()
    get("copernicus_glo30", BOX)
    assert (tmp_path / "copernicus_glo30.tif").read_bytes() == first


def test_provenance_says_all(
    get: Callable[..., Any], one_dem: Server, local_catalogue: Callable[..., Catalogue]
) -> None:
    _, _, _, layer = get("copernicus_glo30", BOX)
    note = json.loads(provenance(local_catalogue().product("copernicus_glo30"), layer))
    assert note["licence"] == "Copernicus-DEM"
    assert "Airbus" in note["attribution"]
    assert note["urls"][0].endswith("_DEM.tif")
    assert note["retrieved"].startswith("20")


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "slow", "seconds": 0.05},
        {"fault": "slow", "seconds": 0.0005},
        {"fault": "pause", "seconds": 60.0},
    ],
    ids=["slow bytes", "less slow bytes", "silence"],
)
def test_slow_raster_ends_in_time(fault: dict, get: Callable[..., Any], one_dem: Server) -> None:
    one_dem.fault("_DEM.tif", times=999, method="GET", **fault)
    limits = {"deadline_s": 2.0, "read_timeout_s": 1.0, "attempts": 5}
    started = time.monotonic()
    with pytest.raises(SourceError, match="Copernicus"):
        get("copernicus_glo30", BOX, config=limits)
    assert time.monotonic() - started < 20.0, "no multiple of what the faults last"


def test_raster_without_a_place_on_earth(get: Callable[..., Any], one_dem: Server) -> None:
    with rasterio.MemoryFile() as memory:
        about = {"driver": "GTiff", "width": 9, "height": 9, "count": 1, "dtype": "uint8"}
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning), memory.open(**about) as data:
            data.write(np.zeros((9, 9), np.uint8), 1)
        bare = bytes(memory.read())
    name = "Copernicus_DSM_COG_10_S01_00_W001_00_DEM"
    one_dem.put(f"copernicus-dem-30m.s3.amazonaws.com/{name}/{name}.tif", bare)
    with pytest.raises(SourceError, match="Copernicus.*no place on Earth"):
        get("copernicus_glo30", BOX, config={"attempts": 2})


@pytest.mark.parametrize("attempts", [2, 5])
def test_tries_of_gdal_do_not_multiply_ours(
    attempts: int, get: Callable[..., Any], one_dem: Server
) -> None:
    one_dem.fault("_DEM.tif", "status", status=503, times=999, method="GET")
    with pytest.raises(SourceError, match="503"):
        get("copernicus_glo30", BOX, config={"attempts": attempts})
    gets = [r for r in one_dem.log("_DEM.tif") if r["method"] == "GET"]
    assert len(gets) == attempts


def test_time_that_gdal_may_take_is_what_is_left(config: Config, calm: Server) -> None:
    calm.put("h/a.tif", cog(np.zeros((200, 200), np.uint8), from_origin(0, 1, 0.01, 0.01)))
    fetcher = Fetcher(replace(config, deadline_s=8.0))
    times = []

    def ask() -> None:
        options = fetcher.rasters.gdal_options("x")
        times.append((options["GDAL_HTTP_TIMEOUT"], options["GDAL_HTTP_LOW_SPEED_TIME"]))
        if len(times) < 3:
            time.sleep(1.0)
            raise requests.ConnectionError

    fetcher.patiently(ask, url="http://h.example/", what="x")
    (first, low), (second, _), (third, _) = times
    assert 3.5 < first <= 4.0
    assert first - second >= 0.5
    assert second - third >= 0.5
    assert low == 1
