"""Twenty irregular pieces of real land: each has a layout that adds up, or one clear line why not."""

from __future__ import annotations

import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
import xarray as xr

from kcity_geo.errors import LayoutError
from kcity_geo.planning.assumptions import assumptions_of, land_profile, use_title
from kcity_geo.planning.layout.draw import draw_layout
from kcity_geo.planning.layout.ground import Ground, bilinear, steep_land
from kcity_geo.planning.site_budget import Target, site_budget

pytestmark = pytest.mark.data


def spread(frame: gpd.GeoDataFrame, number: int, least_ha: float, most_ha: float):
    """So many polygons from the smallest to the largest."""
    parts = frame.explode(ignore_index=True)
    parts = parts[(parts.area > least_ha * 1e4) & (parts.area < most_ha * 1e4) & parts.is_valid]
    parts = parts.iloc[np.argsort(parts.area.to_numpy(), kind="stable")]
    return parts.iloc[np.unique(np.linspace(0, len(parts) - 1, number).astype(int))]


def land_cover(path: Path, crs: int) -> gpd.GeoDataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pyogrio.read_dataframe(path, layer="multipolygons", columns=["landuse", "natural"])
    return found[found["landuse"].notna() | found["natural"].notna()].to_crs(crs)


def model(path: Path) -> tuple[xr.DataArray, str]:
    with rasterio.open(path) as source:
        rows, columns = source.shape
        x, y = (
            (source.transform * (np.arange(columns) + 0.5, np.zeros(columns)))[0],
            (source.transform * (np.zeros(rows), np.arange(rows) + 0.5))[1],
        )
        heights = source.read(1).astype(float)
        return xr.DataArray(heights, dims=("y", "x"), coords={"x": x, "y": y}), source.crs.to_wkt()


def pieces(data: Path, hanbit: Path):
    """Outline, heights or None; 6 in Liechtenstein, 4 in Monaco, 6 in Bucharest, 4 in the demo town."""
    for path, crs, number, most in (
        ("liechtenstein-li/liechtenstein_20240304.osm.pbf", 32632, 6, 120.0),
        ("monaco-mc/monaco_20250211.osm.pbf", 32632, 4, 30.0),
    ):
        for shape in spread(land_cover(data / path, crs), number, 3.0, most).geometry:
            yield shape, None
    folder = data / "bucharest-ro"
    dem, crs_words = model(folder / "bucharest_copdem30_utm35n.tif")
    streets = gpd.read_file(folder / "bucharest_osm.gpkg", layer="streets").to_crs(crs_words)
    faces = gpd.GeoDataFrame(geometry=streets.geometry.polygonize(), crs=crs_words)
    seen = shapely.box(
        *(float(v) for v in (dem["x"].min(), dem["y"].min(), dem["x"].max(), dem["y"].max()))
    ).buffer(-300)
    faces = faces[faces.within(seen)]
    for shape in spread(faces, 6, 4.0, 120.0).geometry:
        yield shape, dem
    parts = gpd.read_file(hanbit / "districts.geojson").to_crs(32626)
    for shape in spread(parts, 4, 1.0, 600.0).geometry:
        yield shapely.intersection(shape, shape.point_on_surface().buffer(500)), None


def test_twenty_pieces_of_real_land(test_data, hanbit_town) -> None:
    profiles = ("new_town", "industrial_complex", "logistics_hub", "rnd_tech_park")
    drawn, refused = 0, []
    for number, (shape, dem) in enumerate(pieces(test_data, hanbit_town)):
        ground = Ground(outline=shape, free=shape)
        if dem is not None:
            west, south, east, north = shape.buffer(200).bounds
            near = dem.sel(x=slice(west, east), y=slice(north, south))
            steep = shapely.intersection(steep_land(near, 25.0), shape)
            ground = Ground(outline=shape, free=shape, steep=steep, heights=bilinear(near))
        free_ha = shape.area / 1e4
        assumptions = assumptions_of()
        profile = land_profile(profiles[number % 4])
        target = Target(kind="hectares", amount=free_ha)
        budget = site_budget(free_ha, target, profile, assumptions)
        try:
            layout = draw_layout(ground, budget, assumptions, crs=32632)
        except LayoutError as error:
            refused.append(str(error))
            continue
        drawn += 1
        told = " ".join(layout.notes)
        assert layout.land["area_m2"].sum() == pytest.approx(shape.area, abs=1.0), number
        assert shapely.coverage_is_valid(layout.land.geometry.to_numpy()), number
        assert layout.parcels["front_m"].min() >= assumptions["parcel_front_least_m"] - 0.01
        streets = layout.areas.set_index("use").loc["streets", "difference_share"]
        assert abs(streets) < 0.01 or "streets take" in told, (number, streets)
        for row in layout.areas[layout.areas["asked_ha"] > 0].itertuples():
            assert row.drawn_ha > 0 or f"{use_title(row.use).lower()}: none is drawn" in told, (
                number,
                row.use,
            )
    assert drawn + len(refused) == 20
    assert not any("\n" in line for line in refused)
    assert drawn >= 15, refused
