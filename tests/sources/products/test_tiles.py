"""Tile names: every point on Earth lies in the tile that is named for it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.errors import StudyError
from kcity_geo.sources.products.tiles import split_antimeridian, tile_at, tiles_over

LONS = st.floats(-180, 180, allow_nan=False)
LATS = st.floats(-90, 90, allow_nan=False)

# name -> (west, south) read back from the name alone, by its own rule
PARSERS = {
    "copernicus": (r"([NS])(\d{2})_00_([EW])(\d{3})_00", 1, False),
    "worldcover": (r"([NS])(\d{2})([EW])(\d{3})", 3, False),
}


def corner(rule: str, name: str) -> tuple[int, int, int]:
    """West, south and size of a tile, from its name."""
    if rule == "gsw":
        match = re.fullmatch(r"(0|[1-9]\d*)([EW])_(0|[1-9]\d*)([NS])", name)
        assert match, name
        west = int(match[1]) * (1 if match[2] == "E" else -1)
        north = int(match[3]) * (1 if match[4] == "N" else -1)
        return west, north - 10, 10
    pattern, step, _ = PARSERS[rule]
    match = re.fullmatch(pattern, name)
    assert match, name
    south = int(match[2]) * (1 if match[1] == "N" else -1)
    west = int(match[4]) * (1 if match[3] == "E" else -1)
    return west, south, step


@pytest.mark.parametrize("rule", ["copernicus", "worldcover", "gsw"])
@given(lon=LONS, lat=LATS)
def test_every_point_lies_in_its_tile(rule: str, lon: float, lat: float) -> None:
    tile = tile_at(rule, lon, lat)
    west, south, step = corner(rule, tile.name)
    assert tile.bounds == (west, south, west + step, south + step)
    assert west % step == 0
    assert south % step == 0
    assert west <= (lon if lon < 180 else -180) < west + step
    assert south <= lat < south + step or (lat == 90 and south + step == 90)
    assert -180 <= west <= 180 - step
    assert -90 <= south <= 90 - step


@given(lon=LONS, lat=LATS)
def test_ghsl_tile_holds_the_projected_point(lon: float, lat: float) -> None:
    from pyproj import Transformer

    x, y = Transformer.from_crs(4326, "ESRI:54009", always_xy=True).transform(lon, lat)
    tile = tile_at("ghsl", x, y)
    west, south, east, north = tile.bounds
    assert west - 1e-6 <= x <= east + 1e-6
    assert south - 25_000 <= y <= north + 25_000  # Mollweide reaches 20 km beyond the last row
    row, column = (int(v) for v in re.fullmatch(r"R(\d+)_C(\d+)", tile.name).groups())  # type: ignore[union-attr]
    assert 1 <= row <= 18
    assert 1 <= column <= 37
    assert west == -18_041_000 + (column - 1) * 1_000_000
    assert north == 9_000_000 - (row - 1) * 1_000_000


# Names that exist at the providers: the STAC items of the two products, superblockify's tile
# list, the JRC download page, and the corners of the map.
@pytest.mark.parametrize(
    ("rule", "x", "y", "name"),
    [
        ("copernicus", -114.5, 53.5, "N53_00_W115_00"),
        ("copernicus", 7.42, 43.73, "N43_00_E007_00"),
        ("copernicus", 28.5, -29.5, "S30_00_E028_00"),
        ("copernicus", -0.5, -0.5, "S01_00_W001_00"),
        ("copernicus", 0.0, 0.0, "N00_00_E000_00"),
        ("copernicus", 180.0, 0.5, "N00_00_W180_00"),
        ("copernicus", 179.99, -17.0, "S17_00_E179_00"),
        ("copernicus", 0.0, 90.0, "N89_00_E000_00"),
        ("copernicus", 0.0, -90.0, "S90_00_E000_00"),
        ("worldcover", 6.0, 0.0, "N00E006"),
        ("worldcover", 8.99, 2.99, "N00E006"),
        ("worldcover", -70.6, -33.4, "S36W072"),
        ("gsw", 7.4, 1.0, "0E_10N"),
        ("gsw", 116.07, 5.97, "110E_10N"),
        ("gsw", -58.4, -34.6, "60W_30S"),
        ("gsw", -0.1, 51.5, "10W_60N"),
        ("gsw", 0.1, -0.1, "0E_0N"),
        ("ghsl", 0.0, 1.0, "R9_C19"),
        ("ghsl", 1.0, -1.0, "R10_C19"),
        ("ghsl", -1e5, -1.0, "R10_C18"),
    ],
)
def test_names_that_are_known(rule: str, x: float, y: float, name: str) -> None:
    assert tile_at(rule, x, y).name == name


def test_names_agree_with_real_stac_items(test_data: Path) -> None:
    item = json.loads((test_data / "stac" / "cop_dem_glo30_item_trimmed.json").read_text())
    lon, lat = (
        item["properties"]["proj:centroid"]["lon"],
        item["properties"]["proj:centroid"]["lat"],
    )
    assert item["id"] == f"Copernicus_DSM_COG_10_{tile_at('copernicus', lon, lat).name}_DEM"
    item = json.loads((test_data / "stac" / "esa_worldcover_item.json").read_text())
    west, south, east, north = item["bbox"]
    tile = tile_at("worldcover", (west + east) / 2, (south + north) / 2)
    assert tile.name == item["properties"]["esa_worldcover:product_tile"]
    assert list(tile.bounds) == [west, south, east, north]


@given(
    west=st.floats(-179, 174),
    south=st.floats(-89, 80),
    width=st.floats(0.01, 5),
    height=st.floats(0.01, 5),
    at=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
    rule=st.sampled_from(["copernicus", "worldcover", "gsw"]),
)
def test_window_tiles_hold_every_point_of_the_window(
    west: float, south: float, width: float, height: float, at: tuple[float, float], rule: str
) -> None:
    tiles = tiles_over(rule, (west, south, west + width, south + height))
    assert tile_at(rule, west + at[0] * width, south + at[1] * height) in tiles
    step = {"copernicus": 1, "worldcover": 3, "gsw": 10}[rule]
    most = (width // step + 2) * (height // step + 2)
    assert len(tiles) == len(set(tiles)) <= most


def test_window_on_tile_edges_takes_no_neighbour() -> None:
    assert [t.name for t in tiles_over("copernicus", (7.0, 43.0, 8.0, 44.0))] == ["N43_00_E007_00"]
    padded = tiles_over("copernicus", (7.0, 43.0, 8.0, 44.0), pad=0.001)
    assert len(padded) == 9


def test_window_at_the_antimeridian_and_pole() -> None:
    parts = split_antimeridian((179.5, -18.0, -179.5, -16.0))
    assert parts == [((179.5, -18.0, 180.0, -16.0), 0.0), ((-180.0, -18.0, -179.5, -16.0), 360.0)]
    names = {t.name for part, _ in parts for t in tiles_over("worldcover", part)}
    assert names == {"S18E177", "S18W180"}
    wrapped = tiles_over("worldcover", (179.5, 0.5, 180.0, 1.0), pad=0.01)
    assert {t.name for t in wrapped} == {"N00E177", "N00W180"}
    assert {t.name for t in tiles_over("gsw", (0.0, 85.0, 1.0, 90.0))} == {"0E_90N"}


@given(west=st.floats(-360, 360), width=st.floats(0.01, 359))
def test_split_keeps_the_width(west: float, width: float) -> None:
    parts = split_antimeridian((west, 0.0, west + width, 1.0))
    assert sum(b[2] - b[0] for b, _ in parts) == pytest.approx(width)
    assert all(-180 <= b[0] <= b[2] <= 180 for b, _ in parts)
    if len(parts) == 2:
        assert parts[0][0][2] + parts[0][1] == parts[1][0][0] + parts[1][1]


@pytest.mark.parametrize(("x", "y"), [(181.0, 0.0), (0.0, 90.1), (float("nan"), 0.0)])
def test_points_that_are_not_on_earth(x: float, y: float) -> None:
    with pytest.raises(StudyError, match="not on Earth"):
        tile_at("gsw", x, y)


def test_unknown_rule() -> None:
    with pytest.raises(StudyError, match="tiling 'quad'"):
        tile_at("quad", 0, 0)
