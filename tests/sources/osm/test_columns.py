"""Columns of a PBF file beside libosmium's objects: the same layers, and no byte ends the process."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import osmium
import pandas as pd
import pytest
import shapely

from kcity_geo.sources.osm import column_reader, kernels
from kcity_geo.sources.osm.blocks import PlainBlock, plain_blocks
from kcity_geo.sources.osm.columns import read_columns
from kcity_geo.sources.osm.pbf import read_osm
from kcity_geo.sources.osm.rules import rules
from tests.sources.osm.test_pbf import AREA, UTM, Map, square, to_pbf

if TYPE_CHECKING:
    from pathlib import Path

    from kcity_geo.sources.osm.pbf import OsmExtract

pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")

EVERYWHERE = (-180.0, -90.0, 180.0, 90.0)
BUILDING = {"building": "yes"}


def hard_town(seed: int) -> Map:
    """Rings of every kind, cut ways, squares, multipolygons, old and planned tags."""
    town, draw = Map(), random.Random(seed)
    for number in range(60):
        x, y = draw.uniform(-200, 9000), draw.uniform(-200, 9000)
        corners = [
            (x + draw.randint(0, 6) * 10, y + draw.randint(0, 6) * 10)
            for _ in range(draw.randint(2, 7))
        ]
        angle = draw.random() < 0.6
        middle = np.mean(corners, axis=0)
        if angle:
            corners.sort(
                key=lambda c: np.arctan2(c[1] - middle[1], c[0] - middle[0]),
                reverse=bool(number % 2),
            )
        missing = (draw.randrange(len(corners)),) if draw.random() < 0.1 else ()
        tags = draw.choice(
            [BUILDING, {"landuse": "industrial"}, {"amenity": "school;clinic"}, {"natural": "water"},
             {"highway": "pedestrian", "area": "yes"}, {"highway": "residential"}, {"building": "construction"}]
        )  # fmt: skip
        town.way(corners, tags, closed=draw.random() < 0.8, missing=missing)
        town.node(x, y, amenity=draw.choice(["clinic", "school", "bench", "Clinic"]), beds="~12")
    bow = town.way([(0, 0), (50, 50), (50, 0), (0, 50)], BUILDING, closed=True)
    eight = [
        (500.0, 0.0),
        (550.0, 0.0),
        (550.0, 50.0),
        (500.0, 50.0),
        (500.0, 0.0),
        (450.0, -40.0),
        (440.0, 0.0),
    ]
    town.way(eight, BUILDING, closed=True)
    town.way([(700, 0), (700, 0), (750, 0), (750, 50)], BUILDING, closed=True)
    town.way([(800, 0)], {"highway": "residential"})
    outer, inner = (
        town.way(square(1000, 1000, 300), {}, closed=True),
        town.way(square(1100, 1100), {}, closed=True),
    )
    town.relation(
        [(outer, "outer"), (inner, "inner"), (bow, "")], {"type": "multipolygon", **BUILDING}
    )
    town.relation(
        [(outer, "outer"), (999_999, "outer")], {"type": "multipolygon", "natural": "water"}
    )
    return town


def told(extract: OsmExtract) -> dict[str, Any]:
    """Give all that an extract says, as plain values."""
    found: dict[str, Any] = {
        "date": extract.date,
        "box": extract.header_box,
        "merged": dict(extract.merged),
        "unreadable": extract.unreadable_tags.to_dict("records"),
        "warnings": [w.partition(": ")[2] for w in extract.warnings],
    }
    for name, frame in extract.layers.items():
        plain = pd.DataFrame(frame.drop(columns="geometry")).assign(shape=frame.geometry.to_wkb())
        found[name] = [repr(row) for row in plain.to_dict("records")]
        found[f"{name} kinds"] = frame.dtypes.astype(str).to_dict()
    return found


@pytest.mark.parametrize("seed", range(4))
def test_columns_give_what_objects_give(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = to_pbf(hard_town(seed).save(tmp_path), tmp_path / "map.osm.pbf")
    assert read_columns(path, rules(), EVERYWHERE) is not None
    by_columns = told(read_osm(path, area=AREA, crs=UTM))
    monkeypatch.setattr(column_reader, "read_columns", lambda *_: None)
    assert by_columns == told(read_osm(path, area=AREA, crs=UTM))
    assert len(by_columns["building"]) > 5


@pytest.mark.parametrize(
    "form", ["pbf,pbf_dense_nodes=false", "pbf,locations_on_ways=true", "pbf,pbf_compression=none"]
)
def test_what_is_unusual_is_left_to_libosmium(tmp_path: Path, form: str) -> None:
    source = hard_town(0).save(tmp_path)
    path = to_pbf(source, tmp_path / "map.osm.pbf", form)
    assert read_columns(path, rules(), EVERYWHERE) is None
    assert len(read_osm(path, area=AREA, crs=UTM).layers["health"])


def test_ids_out_of_order_are_left_to_libosmium(tmp_path: Path) -> None:
    town = Map()
    town.node(10, 10, amenity="clinic")
    town.node(20, 20, amenity="clinic")
    town.nodes.reverse()
    path = to_pbf(town.save(tmp_path), tmp_path / "map.osm.pbf")
    assert read_columns(path, rules(), EVERYWHERE) is None


def test_a_cut_file_has_no_columns(tmp_path: Path) -> None:
    path = to_pbf(hard_town(0).save(tmp_path), tmp_path / "map.osm.pbf")
    whole = path.read_bytes()
    for keep in (3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:keep])
        assert read_columns(path, rules(), EVERYWHERE) is None


def test_no_byte_of_a_block_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed blocks are read or left alone; nothing else is raised, and no memory beyond them is read."""
    path = to_pbf(hard_town(1).save(tmp_path), tmp_path / "map.osm.pbf")
    blocks, draw = list(plain_blocks(path)), random.Random(7)
    read = 0
    for _ in range(400):
        changed = bytearray(draw.choice(blocks).data)
        for _ in range(draw.randint(1, 4)):
            changed[draw.randrange(len(changed))] = draw.choice(
                (0, 1, 127, 128, 255, draw.randrange(256))
            )
        monkeypatch.setattr(
            "kcity_geo.sources.osm.columns.plain_blocks",
            lambda _, b=bytes(changed): [PlainBlock(b, 0, 0)],
        )
        read += read_columns(path, rules(), EVERYWHERE) is not None
    assert 0 < read < 400


def test_texts_that_are_no_utf8_cost_their_object_only(tmp_path: Path) -> None:
    town = Map()
    for number in range(3):
        town.node(10 * number, 10, amenity="clinic", name=f"Name{number}")
    path = to_pbf(town.save(tmp_path), tmp_path / "map.osm.pbf")
    (block,) = plain_blocks(path)
    broken = block.data.replace(b"Name1", b"Nam\xff1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "kcity_geo.sources.osm.columns.plain_blocks", lambda _: [PlainBlock(broken, 0, 0)]
        )
        columns = read_columns(path, rules(), EVERYWHERE)
    assert columns is not None
    assert [tags is None for tags in columns.nodes.tags] == [False, True, False]


def test_a_ring_that_is_called_simple_is_valid() -> None:
    """Small whole corners: many rings touch, fold back and cross; near the date line doubles are coarsest."""
    draw, rings = np.random.default_rng(5), []
    for size in draw.integers(3, 9, 3000):
        corners = draw.integers(0, 7, (size, 2))
        if draw.random() < 0.5:
            middle = corners - corners.mean(axis=0)
            corners = corners[np.argsort(np.arctan2(middle[:, 1], middle[:, 0]), kind="stable")]
        rings.append(np.vstack([corners * draw.choice([1, 20_000]), corners[:1] * 0]))
        rings[-1][-1] = rings[-1][0]
    ends = np.cumsum([0, *map(len, rings)])
    x, y = np.add(np.concatenate(rings), [1_799_000_000, 899_000_000]).T.copy()
    simple = np.empty(len(rings), dtype=bool)
    kernels.simple_rings(x, y, ends, simple)
    xy = np.column_stack([x, y]) / 10_000_000
    valid = np.array([shapely.Polygon(xy[a:b]).is_valid for a, b in pairwise(ends)])
    assert not (simple & ~valid).any()
    assert simple.sum() > 0.7 * valid.sum() > 500


def test_areas_do_not_depend_on_how_a_key_is_written(tmp_path: Path) -> None:
    """libosmium gets one key of the rules in a text of its own, where some letters have a meaning."""
    town = Map()
    town.way(
        [(0, 0), (50, 50), (50, 0), (0, 50), (25, 10)],
        {" a,=%@é": "yes", "building": "yes"},
        closed=True,
    )
    square_at = square(700, 0)
    town.way([*square_at, square_at[0], (690, -10)], BUILDING, closed=True)
    path = to_pbf(town.save(tmp_path), tmp_path / "map.osm.pbf")
    odd = rules({"building": {"also": [{" a,=%@é": ["yes"]}]}})
    found = told(read_osm(path, area=AREA, crs=UTM, tags=odd))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_reader, "read_columns", lambda *_: None)
        assert found == told(read_osm(path, area=AREA, crs=UTM, tags=odd))


def test_degrees_are_those_of_libosmium(tmp_path: Path) -> None:
    town = Map()
    for number in range(50):
        town.node(-1000 + 37.77 * number, -900 + 41.13 * number, amenity="clinic")
    path = to_pbf(town.save(tmp_path), tmp_path / "map.osm.pbf")
    columns = read_columns(path, rules(), EVERYWHERE)
    assert columns is not None
    nodes = [(n.lon, n.lat) for n in osmium.FileProcessor(str(path), osmium.osm.NODE)]
    assert list(zip(columns.x / 10_000_000, columns.y / 10_000_000, strict=True)) == nodes
