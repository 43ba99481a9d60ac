# ruff: noqa: PLR2004 - shares and sizes of a made-up city
"""
Write the rasters of the demo city in the CRS, unit and nodata of the real products.

Copernicus GLO-30 (1 arc-second, metres), GHS-POP and GHS-BUILT-S (Mollweide, 100 m), ESA WorldCover
(classes), VIIRS (15 arc-seconds), Global Solar Atlas (30 arc-seconds).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy import ndimage

from kcity_geo.demo.networks import Networks
from kcity_geo.demo.osm import origin, to_lonlat
from kcity_geo.demo.people import Cells, People, along
from kcity_geo.demo.plan import Plan
from kcity_geo.demo.streets import Streets
from kcity_geo.demo.terrain import Floats

__all__ = ["write_rasters", "write_valley"]

POP_NODATA = -200.0
BUILT_NODATA = 65535


@dataclass(frozen=True)
class _Frame:
    """Where a raster lies, and its code for no data."""

    transform: tuple[float, ...]
    crs: str
    nodata: float | None


def _write(
    plan: Plan, path: Path, values: NDArray[Any], frame: _Frame, *, tags: dict[str, str]
) -> None:
    from affine import Affine
    from rasterio.io import MemoryFile

    predictor = 3 if values.dtype.kind == "f" else 2
    profile = {
        "driver": "GTiff",
        "height": values.shape[0],
        "width": values.shape[1],
        "count": 1,
        "dtype": values.dtype.name,
        "crs": frame.crs,
        "transform": Affine(*frame.transform),
        "nodata": frame.nodata,
        "compress": "deflate",
        "predictor": predictor,
        "zlevel": 9,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
    }
    # Python writes the file: on a full disk libtiff would talk to the terminal.
    with MemoryFile() as memory:
        with memory.open(**profile) as target:
            target.write(values, 1)
            target.update_tags(
                SYNTHETIC="yes",
                CITY=plan.table["name"],
                LICENCE=plan.table["licence"],
                TIFFTAG_IMAGEDESCRIPTION="Hanbit, a synthetic city that does not exist",
                AS_OF=plan.table["date"][:10],
                **tags,
            )
        path.write_bytes(memory.getbuffer())


def _extent(plan: Plan) -> tuple[float, float, float, float]:
    """West, south, east, north of the study square with its margin, degrees."""
    h = plan.half + float(plan.table["margin_m"])
    t = np.linspace(-h, h, 21)
    side = np.full(t.size, h)
    lon, lat = to_lonlat(
        plan, np.concatenate([t, t, side, -side]), np.concatenate([side, -side, t, t])
    )
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def _degree_grid(
    plan: Plan, arcsec: float, *, offset: float = 0.0
) -> tuple[tuple[float, ...], Floats, Floats]:
    """Transform and the centres of the pixels in metres; pixels lie on whole multiples of their size."""
    west, south, east, north = _extent(plan)
    size = arcsec / 3600
    c0, c1 = np.floor(west / size), np.ceil(east / size)
    r0, r1 = np.ceil(north / size), np.floor(south / size)
    lon = (c0 + 0.5 + np.arange(int(c1 - c0)) + offset) * size
    lat = (r0 - 0.5 - np.arange(int(r0 - r1)) + offset) * size
    x, y = _metres(plan, *np.meshgrid(lon, lat))
    return (size, 0.0, (c0 + offset) * size, 0.0, -size, (r0 + offset) * size), x, y


def _metres(plan: Plan, lon: Floats, lat: Floats, *, exact: bool = False) -> tuple[Floats, Floats]:
    east, north = origin(plan)
    transformer = Transformer.from_crs(4326, plan.table["epsg"], always_xy=True)
    if (
        lon.size > 400_000 and not exact
    ):  # the bend of the meridians is smooth: project a coarse grid, interpolate between
        rows, cols = lon.shape
        r, c = np.linspace(0, rows - 1, 65), np.linspace(0, cols - 1, 65)
        coarse = transformer.transform(
            *np.meshgrid(
                np.interp(c, np.arange(cols), lon[0]), np.interp(r, np.arange(rows), lat[:, 0])
            )
        )
        at = np.meshgrid(
            np.arange(rows) / (rows - 1) * 64, np.arange(cols) / (cols - 1) * 64, indexing="ij"
        )
        x, y = (ndimage.map_coordinates(a, at, order=3) for a in coarse)
    else:
        x, y = transformer.transform(lon, lat)
    return np.asarray(x) - east, np.asarray(y) - north


def _mollweide(
    plan: Plan, x: Floats, y: Floats, values: Floats
) -> tuple[tuple[float, ...], Floats]:
    """Sum values into the 100 m cells of the Mollweide grid."""
    transformer = Transformer.from_crs(4326, "ESRI:54009", always_xy=True)
    west, south, east, north = _extent(plan)
    ring = np.linspace(0, 1, 9)
    lon = np.concatenate([west + ring * (east - west)] * 2 + [np.full(9, west), np.full(9, east)])
    lat = np.concatenate(
        [np.full(9, south), np.full(9, north)] + [south + ring * (north - south)] * 2
    )
    bx, by = transformer.transform(lon, lat)
    left, top = np.floor(np.min(bx) / 100) * 100, np.ceil(np.max(by) / 100) * 100
    cols, rows = int(np.ceil((np.max(bx) - left) / 100)), int(np.ceil((top - np.min(by)) / 100))
    mx, my = transformer.transform(*to_lonlat(plan, x, y))
    c = np.floor((np.asarray(mx) - left) / 100).astype(np.int64)
    r = np.floor((top - np.asarray(my)) / 100).astype(np.int64)
    total = np.bincount(r * cols + c, weights=values, minlength=rows * cols)
    grid: Floats = total.astype(np.float64).reshape(rows, cols)
    centre = np.meshgrid(
        left + 100.0 * (np.arange(cols) + 0.5), top - 100.0 * (np.arange(rows) + 0.5)
    )
    lon, lat = transformer.transform(centre[0], centre[1], direction="INVERSE")
    gx, gy = _metres(plan, lon, lat, exact=True)
    grid[np.maximum(np.abs(gx), np.abs(gy)) > plan.half + float(plan.table["margin_m"])] = np.nan
    return (100.0, 0.0, float(left), 0.0, -100.0, float(top)), grid


def _landcover(
    plan: Plan, people: People, streets: Streets
) -> tuple[tuple[float, ...], NDArray[np.uint8]]:
    transform, x, y = _degree_grid(plan, float(plan.size.landcover_arcsec))
    cover, near_water = _open_land(plan, x, y)
    built = np.zeros(x.shape, dtype=bool)
    size, west, north = transform[0], transform[2], transform[5]
    px, py, _ = along(streets.x, streets.y, streets.refs(), step_m=20.0)
    for ax, ay in ((px, py), (people.x, people.y)):
        lon, lat = to_lonlat(plan, ax, ay)
        c = np.clip(((lon - west) / size).astype(np.int64), 0, x.shape[1] - 1)
        r = np.clip(((north - lat) / size).astype(np.int64), 0, x.shape[0] - 1)
        built[r, c] = True
    if size < 0.5 / 3600:
        built = ndimage.binary_closing(ndimage.binary_dilation(built), iterations=2)
    cover[built] = 50
    wet = np.zeros(x.shape, dtype=bool)
    wx, wy = x[near_water], y[near_water]
    wet[near_water] = plan.terrain.wet(wx, wy) & ~plan.terrain.on_island(wx, wy)
    cover[wet] = 80
    h = plan.half
    marsh = np.hypot(x - (plan.terrain.river_x(-0.8 * h) - 0.05 * h), y + 0.8 * h) < 0.05 * h
    cover[marsh & (cover != 80) & (cover != 50)] = 90
    return transform, cover


def _open_land(plan: Plan, x: Floats, y: Floats) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Fields, meadows and woods, looked up on a grid of 40 m, and whether water may be near."""
    h = plan.half + float(plan.table["margin_m"]) * 1.5
    t = np.arange(-h, h + 40, 40.0)
    gx, gy = np.meshgrid(t, t, indexing="ij")
    steep = np.hypot(*np.gradient(plan.terrain.elevation(gx, gy), 40.0))
    i, j = plan.superblock(gx, gy)
    blocks, site = plan.blocks[i, j], plan.site[i, j]
    inside = np.maximum(np.abs(gx), np.abs(gy)) < plan.half
    patch = plan.draw.uniform("patch", np.floor((gx + 7000) / 170), np.floor((gy + 3000) / 130))
    cover = np.select([patch < 0.5, patch < 0.78, patch < 0.9], [40, 30, 10], 20)
    cover = np.where(inside & (blocks >= 4), np.where(patch < 0.8, 30, 10), cover)
    wild = (steep > 0.10) | (site == "protected") & inside
    cover = np.where(wild, np.where(patch < 0.9, 10, 20), cover)
    cover = np.where(inside & np.isin(site, ["quarry", "landfill"]), 60, cover)
    cover = np.where(inside & (site == "park"), np.where(patch < 0.5, 10, 30), cover)
    water = plan.terrain.wet(gx, gy, reach_m=60.0)
    a = np.clip(((x + h) / 40 + 0.5).astype(np.int64), 0, t.size - 1)
    b = np.clip(((y + h) / 40 + 0.5).astype(np.int64), 0, t.size - 1)
    return cover.astype(np.uint8)[a, b], water[a, b]


def _night_lights(plan: Plan, cells: Cells, networks: Networks) -> tuple[tuple[float, ...], Floats]:
    light = plan.table["light"]
    h = plan.half + float(plan.table["margin_m"])
    n = int(np.ceil(2 * h / 100))
    shift = int(float(plan.table["margin_m"]) / 100)
    density = np.zeros((n, n))
    on = networks.electrified
    density[cells.column[on] + shift, cells.row[on] + shift] = (
        cells.persons[on] * 100.0
    )  # persons per km2
    glow = light["nw_person_km2"] * density
    x, y = plan.centres()
    works = (np.array(plan.district_kind)[plan.district(x, y)] == "industrial") & (plan.blocks >= 4)
    works |= (plan.site == "freight") | (plan.site == "aerodrome")
    for cx, cy in zip(x[works], y[works], strict=True):
        a, b = int((cx + h) / 100), int((cy + h) / 100)
        glow[a - 2 : a + 3, b - 2 : b + 3] += light["industry_nw"]
    glow = ndimage.gaussian_filter(glow, light["blur_m"] / 100, mode="constant", truncate=3.0)
    transform, gx, gy = _degree_grid(plan, 15.0)
    seen = ndimage.map_coordinates(
        glow, [(gx + h) / 100 - 0.5, (gy + h) / 100 - 0.5], order=1, mode="constant"
    )
    key = np.arange(seen.size).reshape(seen.shape)
    noise = plan.draw.normal("night", key)
    seen = (
        seen * (1 + 0.04 * plan.draw.normal("night gain", key))
        + light["floor_nw"]
        + light["noise_nw"] * noise
    )
    return transform, np.maximum(seen, 0.0)


def write_rasters(
    plan: Plan, people: People, cells: Cells, networks: Networks, streets: Streets, folder: Path
) -> None:
    """
    Write all rasters of the study.

    Parameters
    ----------
    plan, people, cells, networks, streets : of the city.
    folder : receives ``elevation.tif``, ``population.tif``, ``built.tif``, ``landcover.tif``,
        ``nightlights.tif`` and ``ghi.tif``.
    """
    transform, x, y = _degree_grid(plan, 1.0, offset=0.5)
    ground = np.round(plan.terrain.elevation(x, y) * 16) / 16
    _write(
        plan,
        folder / "elevation.tif",
        ground.astype(np.float32),
        _Frame(transform, "EPSG:4326", None),
        tags={"UNITS": "m"},
    )
    lived = people.persons > 0
    transform, grid = _mollweide(
        plan, people.x[lived], people.y[lived], people.persons[lived].astype(float)
    )
    _write(
        plan,
        folder / "population.tif",
        np.where(np.isnan(grid), POP_NODATA, grid),
        _Frame(transform, "ESRI:54009", POP_NODATA),
        tags={"UNITS": "persons per cell"},
    )
    transform, grid = _mollweide(plan, people.x, people.y, people.built_m2)
    _write(
        plan,
        folder / "built.tif",
        np.where(np.isnan(grid), BUILT_NODATA, np.minimum(np.round(grid), 10000)).astype(np.uint16),
        _Frame(transform, "ESRI:54009", BUILT_NODATA),
        tags={"UNITS": "m2 per cell"},
    )
    transform, cover = _landcover(plan, people, streets)
    _write(
        plan,
        folder / "landcover.tif",
        cover,
        _Frame(transform, "EPSG:4326", 0),
        tags={"UNITS": "ESA WorldCover class"},
    )
    transform, seen = _night_lights(plan, cells, networks)
    _write(
        plan,
        folder / "nightlights.tif",
        np.round(seen * 256).astype(np.float32) / np.float32(256),
        _Frame(transform, "EPSG:4326", None),
        tags={"UNITS": "nW cm-2 sr-1"},
    )
    transform, x, y = _degree_grid(plan, 30.0)
    solar = plan.table["solar"]
    ghi = solar["ghi_kwh_m2_year"] * (
        1
        - solar["north_south_share"] * y / plan.half
        + solar["hill_share"] * plan.terrain.elevation(x, y)
    )
    _write(
        plan,
        folder / "ghi.tif",
        np.round(ghi).astype(np.float32),
        _Frame(transform, "EPSG:4326", -9999.0),
        tags={"UNITS": "kWh m-2 year-1"},
    )


def write_valley(plan: Plan, path: Path) -> None:
    """
    Write the true height above the channel that drains each place, metres.

    Parameters
    ----------
    plan : of the city.
    path : ``.tif``.
    """
    transform, x, y = _degree_grid(plan, 1.0 if plan.half < 5000 else 3.0, offset=0.5)
    height = np.round(plan.terrain.height_above_channel(x, y) * 8) / 8
    _write(
        plan,
        path,
        height.astype(np.float32),
        _Frame(transform, "EPSG:4326", None),
        tags={"UNITS": "m"},
    )
