"""OSM files that are sound but not in order, of editors, with wrong boxes; and those that must not be read."""

from __future__ import annotations

import bz2
import gzip
import random
import zlib
from pathlib import Path

import osmium
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS

from kcity_geo.errors import KCityError, LimitError, SourceError
from kcity_geo.sources.osm import ordering
from kcity_geo.sources.osm.blocks import kinds_in_order
from kcity_geo.sources.osm.pbf import OsmExtract, read_header, read_osm
from kcity_geo.sources.osm.relation import read_admin_areas, read_relation
from kcity_geo.sources.products.extracts import clip_extract

AREA = shapely.box(9.0, 0.0, 9.1, 0.1)
BOX = '<bounds minlon="9" minlat="0" maxlon="9.1" maxlat="0.1"/>'
UTM = CRS(32632)


def node(number: int, x: float, y: float, more: str = "") -> str:
    return f'<node id="{number}" version="1" lon="{9 + x:.6f}" lat="{y:.6f}" {more}/>'


def way(number: int, refs: list[int], tags: dict[str, str], more: str = "") -> str:
    inner = "".join(f'<nd ref="{ref}"/>' for ref in refs)
    inner += "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
    return f'<way id="{number}" version="1" {more}>{inner}</way>'


def relation(number: int, ways: list[int], tags: dict[str, str]) -> str:
    inner = "".join(f'<member type="way" ref="{ref}" role="outer"/>' for ref in ways)
    inner += "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
    return f'<relation id="{number}" version="1">{inner}</relation>'


STREET = {"highway": "residential"}
NODES = [node(1, 0.01, 0.01), node(2, 0.02, 0.01), node(3, 0.03, 0.01), node(4, 0.02, 0.02)]
WAYS = [way(10, [1, 2], STREET), way(11, [2, 3], STREET), way(12, [1, 3, 4, 1], {})]
LAKE = relation(20, [12], {"type": "multipolygon", "natural": "water"})


def save(path: Path, items: list[str], bounds: str = BOX) -> Path:
    text = f'<?xml version="1.0"?><osm version="0.6" generator="JOSM">{bounds}{"".join(items)}</osm>'.encode()
    opened = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)
    path.write_bytes(opened(text))
    return path


def read(path: Path) -> OsmExtract:
    return read_osm(path, area=AREA, crs=UTM)


def counts(extract: OsmExtract) -> tuple[list[int], list[int]]:
    return (
        extract.layers["roads_drive"]["osm_id"].tolist(),
        extract.layers["water_body"]["osm_id"].tolist(),
    )


# --- order ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> OsmExtract:
    return read(save(tmp_path_factory.mktemp("good") / "good.osm", [*NODES, *WAYS, LAKE]))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 10_000), ending=st.sampled_from([".osm", ".osm.gz", ".osm.bz2", ".osm.pbf"])
)
def test_any_order_gives_the_same_map(
    good: OsmExtract, tmp_path: Path, seed: int, ending: str
) -> None:
    items = [*NODES, *WAYS, LAKE]
    random.Random(seed).shuffle(items)
    path = save(tmp_path / ("x.osm" if ending == ".osm.pbf" else f"x{ending}"), items)
    if ending == ".osm.pbf":
        with osmium.SimpleWriter(str(tmp_path / "x.osm.pbf"), overwrite=True) as writer:
            for item in osmium.FileProcessor(str(path)):
                writer.add(item)
        path = tmp_path / "x.osm.pbf"
    found = read(path)
    assert counts(found) == counts(good) == ([10, 11], [20])
    assert found.warnings == ()
    for layer in ("roads_drive", "water_body"):
        assert found.layers[layer].geometry.geom_equals(good.layers[layer].geometry).all()


def test_ways_out_of_order_are_two_streets_of_200_m(tmp_path: Path) -> None:
    # 100 m at the equator: 0.000898315 degrees
    d = 0.000898315
    items = [node(1, 0.05, 0.05), node(2, 0.05 + d, 0.05), node(3, 0.05 + 2 * d, 0.05)]
    items += [way(11, [2, 3], STREET), way(10, [1, 2], STREET)]
    streets = read(save(tmp_path / "x.osm", items)).layers["roads_drive"]
    assert len(streets) == 2
    assert streets.length.sum() == pytest.approx(200, rel=1e-3)  # scale of UTM, 0.9996


# --- editors ----------------------------------------------------------------------------------------

GONE = 'action="delete"'


@pytest.mark.parametrize(
    ("items", "ids"),
    [
        ([node(-1, 0.01, 0.01), node(-2, 0.02, 0.01), way(-10, [-1, -2], STREET)], [-10]),
        (
            [*NODES, node(-5, 0.05, 0.05), way(10, [1, -5], STREET), way(-7, [2, -5], STREET)],
            [-7, 10],
        ),
        ([*NODES, way(10, [1, 2], STREET), way(11, [1, 2], STREET, GONE)], [10]),
        ([*NODES, way(10, [1, 2], STREET, "action='delete'")], []),
        ([*NODES, way(10, [1, 2], STREET), way(11, [1, 2], STREET, 'visible="false"')], [10]),
        ([*NODES, way(10, [1, 2], STREET, "action='modify' visible='true'")], [10]),
        ([*NODES, NODES[0], way(10, [1, 2], STREET), way(10, [1, 2], STREET)], [10]),
    ],
)
def test_files_of_editors(tmp_path: Path, items: list[str], ids: list[int]) -> None:
    assert counts(read(save(tmp_path / "x.osm", items)))[0] == ids


def test_streets_of_new_nodes_still_meet(tmp_path: Path) -> None:
    items = [node(-1, 0.01, 0.01), node(-2, 0.02, 0.01), node(-3, 0.03, 0.01)]
    items += [way(-10, [-1, -2], STREET), way(-11, [-2, -3], STREET)]
    streets = read(save(tmp_path / "x.osm", items)).layers["roads_drive"]
    assert [ids.tolist() for ids in streets["node_ids"]] == [[-2, -3], [-1, -2]]


def test_a_relation_is_found_in_a_file_out_of_order(tmp_path: Path) -> None:
    tags = {"type": "boundary", "boundary": "administrative", "admin_level": "9", "name": "A"}
    path = save(tmp_path / "x.osm", [relation(20, [12], tags), *WAYS[::-1], *NODES[::-1]])
    assert read_relation(path, 20).area == pytest.approx(0.02 * 0.01 / 2)
    assert read_admin_areas(path, 9)["name"].tolist() == ["A"]


# --- boxes ------------------------------------------------------------------------------------------

ELSEWHERE = '<bounds minlon="20" minlat="0" maxlon="21" maxlat="1"/>'
SMALL = '<bounds minlon="9" minlat="0" maxlon="9.001" maxlat="0.001"/>'
TAPS = [
    f'<node id="{i}" version="1" lon="9.0{i}" lat="0.0{i}"><tag k="amenity" v="clinic"/></node>'
    for i in range(1, 10)
]


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        (BOX, False),
        ("", False),
        (ELSEWHERE + BOX, False),
        (BOX + ELSEWHERE, False),
        (ELSEWHERE, True),
        (SMALL, True),
        (SMALL + SMALL, True),
    ],
)
def test_boxes_are_joined_and_a_wrong_one_refuses_nothing(
    tmp_path: Path, bounds: str, told: bool
) -> None:
    extract = read(save(tmp_path / "x.osm", TAPS, bounds))
    assert len(extract.layers["health"]) == 9
    assert any("the box was not used" in text for text in extract.warnings) == told
    if told:
        assert extract.header_box is None


def test_two_boxes_are_both_in_the_header(tmp_path: Path) -> None:
    box, _ = read_header(save(tmp_path / "x.osm", TAPS, BOX + ELSEWHERE))
    assert box is not None
    assert box.area == pytest.approx(0.01 + 1)


# --- what must not reach libosmium -------------------------------------------------------------------


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(kind: bytes, blob: bytes) -> bytes:
    head = field(1, kind) + field(3, len(blob))
    return len(head).to_bytes(4, "big") + head + blob


def pbf(path: Path, *blobs: bytes) -> Path:
    features = field(4, b"OsmSchema-V0.6") + field(4, b"DenseNodes")
    header = block(b"OSMHeader", field(2, len(features)) + field(1, features))
    path.write_bytes(header + b"".join(block(b"OSMData", blob) for blob in blobs))
    return path


EVIL = field(1, field(1, b"") + field(1, b"ame\0ity"))
GOOD = field(1, field(1, b"") + field(1, b"amenity"))
LONG_KEY = bytes([0x8A, 0x80, 0x80, 0x80, 0x10]) + EVIL[1:]  # field 1 again in the lower 32 bits


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (field(1, EVIL), "NUL"),
        (field(2, len(EVIL)) + field(3, zlib.compress(EVIL)), "NUL"),
        (field(2, len(EVIL)) + field(6, b"\x00" * 9), "LZ4"),
        (field(2, len(EVIL)) + field(7, b"\x00" * 9), "zstd"),
        (field(1, EVIL) + field(1, GOOD), "twice"),
        (field(1, GOOD) + field(1, EVIL), "twice"),
        (field(1, GOOD) + field(3, zlib.compress(EVIL)), "twice"),
        (field(1, LONG_KEY), "NUL"),
        (field(1, GOOD + EVIL), "NUL"),
    ],
)
def test_no_text_with_a_nul_passes(tmp_path: Path, blob: bytes, words: str) -> None:
    path = pbf(tmp_path / "x.osm.pbf", blob)
    with pytest.raises(ValueError, match=words):
        kinds_in_order(path)
    with pytest.raises(SourceError, match=words):
        read(path)
    with pytest.raises(SourceError, match=words):
        clip_extract(path, AREA, tmp_path / "out.osm.pbf")
    with pytest.raises(KCityError, match=words):
        read_relation(path, 1)


# --- lists of values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "layer", "kind"),
    [
        ({"amenity": "clinic;pharmacy"}, "health", "clinic"),
        ({"amenity": "pharmacy; clinic"}, "health", "clinic"),
        ({"amenity": "hospital;clinic"}, "health", "hospital"),
        ({"amenity": "school;kindergarten"}, "school", "school"),
        ({"amenity": "kindergarten;community_centre"}, "school", "kindergarten"),
        ({"healthcare": "doctor;clinic"}, "health", "doctor"),
        ({"man_made": "water_tower;communications_tower"}, "water_store", "water_tower"),
        ({"man_made": "water_tower;communications_tower"}, "telecom", "communications_tower"),
        ({"power": "transformer;pole"}, "transformer", "transformer"),
        ({"railway": "station;tram_stop"}, "transit_low", "tram_stop"),
        ({"shop": "bakery;butcher"}, "jobs", "bakery;butcher"),
    ],
)
def test_a_facility_that_is_two_things_is_in_both_layers(
    tmp_path: Path, tags: dict[str, str], layer: str, kind: str
) -> None:
    inner = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
    text = f'<node id="1" version="1" lon="9.05" lat="0.05">{inner}</node>'
    frame = read(save(tmp_path / "x.osm", [text])).layers[layer]
    assert frame["kind"].tolist() == [kind]
    key = next(iter(tags))
    if key in frame:
        assert frame[key].tolist() == [kind]
    assert frame["tags"].iloc[0] == tags


def test_a_list_that_a_rule_excludes_is_excluded(tmp_path: Path) -> None:
    text = '<node id="1" version="1" lon="9.05" lat="0.05"><tag k="amenity" v="drinking_water"/><tag k="drinking_water" v="no;seasonal"/></node>'
    assert read(save(tmp_path / "x.osm", [text])).layers["water_point"].empty


def test_values_that_are_written_otherwise_are_told_and_not_guessed(tmp_path: Path) -> None:
    said = [
        {"amenity": "Clinic"},
        {"amenity": "clinic, school"},
        {"amenity": "clinic"},
        {"amenity": "bench, Lounger"},  # of no layer, however it is written
        {"highway": "Bus Stop"},
        {"shop": "Bakery"},  # any shop counts
        {"amenity": "clinic;School"},  # a clinic that is read, a school that is not
    ]
    nodes = [
        f'<node id="{i}" version="1" lon="{9.05 if i < 90 else 10}" lat="0.05">'
        + "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        + "</node>"
        for i, tags in [*enumerate(said, 1), (99, {"amenity": "Clinic"})]  # 99 lies elsewhere
    ]
    corners = [node(i, x, 0.01) for i, x in enumerate((0.01, 0.02, 0.03), 200)]
    street = way(300, [200, 201, 202], {"highway": "Residential", "name": "A, B"})
    extract = read(save(tmp_path / "x.osm", [*nodes, *corners, street]))
    assert extract.layers["health"]["osm_id"].tolist() == [3, 7]
    assert extract.layers["school"].empty
    assert extract.layers["roads_walk"].empty
    rows = extract.unreadable_tags
    assert sorted(zip(rows["osm_id"], rows["layer"], rows["value"], strict=True)) == [
        (1, "health", "Clinic"),
        (2, "health", "clinic, school"),
        (5, "transit_low", "Bus Stop"),
        (7, "school", "clinic;School"),
        (300, "roads_drive", "Residential"),
    ]
    assert extract.miswritten == 5
    assert any("5 objects are left out of a layer" in text for text in extract.warnings)


# --- a campus and its buildings -----------------------------------------------------------------------


def square(first: int, number: int, x: float, side: float, tags: dict[str, str]) -> list[str]:
    corners = [(x, 0.01), (x + side, 0.01), (x + side, 0.01 + side), (x, 0.01 + side)]
    refs = list(range(first, first + 4))
    return [
        *(node(i, *xy) for i, xy in zip(refs, corners, strict=True)),
        way(number, [*refs, first], tags),
    ]


HOSPITAL = {"amenity": "hospital"}


@pytest.mark.parametrize(
    ("inner", "left"),
    [
        ({"amenity": "hospital", "building": "yes"}, [100]),
        ({"amenity": "hospital", "building": "yes", "name": "Block C"}, [100]),
        ({"amenity": "clinic"}, [100, 101]),
        ({"amenity": "doctors"}, [100, 101]),
        ({"amenity": "hospital;clinic"}, [100]),
    ],
)
def test_buildings_of_a_hospital_are_one_facility(
    tmp_path: Path, inner: dict[str, str], left: list[int]
) -> None:
    items = square(1, 100, 0.01, 0.004, {**HOSPITAL, "name": "City Hospital"})
    items += square(11, 101, 0.011, 0.001, {**inner, "beds": "40"})
    health = read(save(tmp_path / "x.osm", items)).layers["health"]
    assert health["osm_id"].tolist() == left
    if len(left) == 1:
        assert health["beds"].tolist() == [40]
        assert health["name"].tolist() == ["City Hospital"]


def test_two_hospitals_side_by_side_stay_two(tmp_path: Path) -> None:
    items = square(1, 100, 0.01, 0.004, HOSPITAL) + square(11, 101, 0.0139, 0.003, HOSPITAL)
    assert len(read(save(tmp_path / "x.osm", items)).layers["health"]) == 2


# --- facilities without grounds ---------------------------------------------------------------------


def one_building(number: int, west: float, tags: dict[str, str], metres: float = 40.0) -> list[str]:
    """A square of a side in metres whose south-west corner lies `west` metres east of 9.01° E."""
    lon, size = 0.01 + west / 111_320, metres / 111_320
    corners = [(lon, 0.01), (lon + size, 0.01), (lon + size, 0.01 + size), (lon, 0.01 + size)]
    ids = [100 * number + k for k in range(4)]
    made = [node(i, x, y) for i, (x, y) in zip(ids, corners, strict=True)]
    return [*made, way(number, [*ids, ids[0]], tags)]


WARD = {"building": "hospital", "amenity": "hospital"}
PLAIN = {"building": "yes"}
GROUNDS = {"amenity": "hospital"}
SITE = {"type": "site", "amenity": "hospital", "name": "St. Mary"}


def named(name: str, tags: dict[str, str] = WARD) -> dict[str, str]:
    return {**tags, "name": name}


@pytest.mark.parametrize(
    ("blocks", "site", "facilities"),
    [
        ([(0, WARD), (40, WARD)], None, 1),  # wall to wall
        ([(0, WARD), (55, WARD), (110, WARD)], None, 1),  # a row, 15 m apart
        ([(0, WARD), (70, WARD)], None, 2),  # 30 m apart: nobody says that they are one
        ([(0, named("A")), (45, WARD)], None, 1),
        ([(0, named("A")), (45, named("a "))], None, 1),
        ([(0, named("A")), (45, named("B"))], None, 2),
        ([(0, named("A")), (45, WARD), (90, named("B"))], None, 2),
        ([(0, WARD), (45, {"building": "yes", "amenity": "clinic"})], None, 2),  # another kind
        ([(0, GROUNDS), (45, GROUNDS)], None, 2),  # two grounds side by side
        ([(0, WARD), (300, WARD)], SITE, 1),
        ([(0, named("East")), (300, named("West"))], SITE, 1),  # wings of one site
        ([(0, PLAIN), (300, PLAIN)], SITE, 1),  # only the relation says what they are
        ([(0, PLAIN), (300, WARD)], SITE, 1),
        ([(0, PLAIN), (300, PLAIN)], {"type": "site", "site": "parking"}, 0),
        ([(0, PLAIN)], None, 0),
    ],
)
def test_a_hospital_of_several_buildings_is_one(tmp_path, blocks, site, facilities) -> None:
    made = [one_building(k + 1, west, tags) for k, (west, tags) in enumerate(blocks)]
    nodes = [item for one in made for item in one[:-1]]
    items = [*nodes, *(one[-1] for one in made)]
    if site is not None:
        items.append(relation(50, list(range(1, len(blocks) + 1)), site))
    layers = read(save(tmp_path / "x.osm", items)).layers
    assert len(layers["health"]) == facilities
    assert len(layers["building"]) == sum("building" in tags for _, tags in blocks)
    if site is not None and facilities and blocks[-1][1] is PLAIN:
        assert layers["health"]["name"].tolist() == ["St. Mary"]


def test_a_large_file_out_of_order_is_refused_with_the_mend(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ordering, "MOST_SORTED_BYTES", 100)
    path = save(tmp_path / "x.osm", [*NODES[::-1], *WAYS[::-1]])
    with pytest.raises(LimitError, match="osmium sort") as told:
        read(path)
    assert "\n" not in str(told.value)
