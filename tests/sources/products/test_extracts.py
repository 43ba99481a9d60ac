"""Extracts: the smallest that covers, outlines kept whole, cut extracts cut again; feeds ranked."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import osmium
import pytest
import rasterio
import shapely
from osmium.osm import mutable

from kcity_geo.errors import SourceError
from kcity_geo.sources.products.extracts import clip_extract, find_extract
from kcity_geo.sources.products.feeds import find_feeds
from kcity_geo.sources.web.download import Fetcher
from kcity_geo.sources.web.wellformed import check_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Server

    from kcity_geo.config import Config
    from kcity_geo.sources.products.catalogue import Catalogue

BOX = shapely.box(0, 0, 1, 1)


def write_pbf(
    path: Path, nodes: dict[int, tuple[float, float]], *rest: object, tags: dict | None = None
) -> Path:
    with osmium.SimpleWriter(str(path)) as writer:
        for number, at in sorted(nodes.items()):
            writer.add_node(
                mutable.Node(
                    id=number, location=at, tags=(tags or {}).get(number, {}), user="joe", uid=9
                )
            )
        for item in rest:
            writer.add(item)
    return path


def ids(path: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {"n": [], "w": [], "r": []}
    for item in osmium.FileProcessor(str(path)):
        found["n" if item.is_node() else "w" if item.is_way() else "r"].append(item.id)
    return found


def test_ways_and_outlines_stay_whole(tmp_path: Path) -> None:
    """By hand: what touches the unit square comes with all its nodes; the rest stays away."""
    nodes = {
        1: (0.5, 0.5),
        2: (1.5, 0.5),  # a street that leaves the box
        3: (-1.0, 0.5),
        4: (2.0, 0.6),  # a power line across it without a node inside
        5: (3.0, 3.0),
        6: (4.0, 4.0),  # a street far away
        7: (0.9, 0.9),
        8: (3.0, 0.9),
        9: (3.0, 3.0),
        10: (0.9, 3.0),  # a lake of two untagged ways
        11: (0.2, 0.2),  # a clinic
        12: (5.0, 5.0),  # a clinic far away
        13: (0.3, 0.3),  # an untagged node of nothing
        14: (-0.5, 1.2),
        15: (1.2, 2.4),  # near a corner, its box meets the square but it does not
    }
    source = write_pbf(
        tmp_path / "a.osm.pbf",
        nodes,
        mutable.Way(id=1, nodes=[1, 2], tags={"highway": "residential"}),
        mutable.Way(id=2, nodes=[3, 4], tags={"power": "line", "voltage": "110000"}),
        mutable.Way(id=3, nodes=[5, 6], tags={"highway": "residential"}),
        mutable.Way(id=4, nodes=[7, 8, 9], tags={}),
        mutable.Way(id=5, nodes=[9, 10, 7], tags={}),
        mutable.Way(id=6, nodes=[14, 15], tags={"highway": "path"}),
        mutable.Relation(
            id=1,
            members=[("w", 4, "outer"), ("w", 5, "outer")],
            tags={"type": "multipolygon", "natural": "water"},
        ),
        mutable.Relation(id=2, members=[("w", 3, "")], tags={"type": "route", "route": "ferry"}),
        tags={11: {"amenity": "clinic"}, 12: {"amenity": "clinic"}},
    )
    clip_extract(source, BOX, tmp_path / "b.osm.pbf")
    assert ids(tmp_path / "b.osm.pbf") == {
        "n": [1, 2, 3, 4, 7, 8, 9, 10, 11],
        "w": [1, 2, 4, 5],
        "r": [1],
    }
    assert b"joe" not in (tmp_path / "b.osm.pbf").read_bytes()


def test_areas_all_round_the_box_are_not_lost(tmp_path: Path) -> None:
    """A forest, or a protected area, in which the whole study area lies; but not the country."""
    corners = {1: (-5.0, -5.0), 2: (5.0, -5.0), 3: (5.0, 5.0), 4: (-5.0, 5.0)}
    clinic = {9: (0.5, 0.5)}
    ring = [("w", 2, "outer"), ("w", 3, "outer")]
    source = write_pbf(
        tmp_path / "a.osm.pbf",
        corners | clinic,
        mutable.Way(id=1, nodes=[1, 2, 3, 4, 1], tags={"landuse": "forest"}),
        mutable.Way(id=2, nodes=[1, 2, 3]),
        mutable.Way(id=3, nodes=[3, 4, 1]),
        mutable.Relation(
            id=1, members=ring, tags={"type": "boundary", "boundary": "protected_area"}
        ),
        mutable.Relation(
            id=2, members=ring, tags={"type": "boundary", "boundary": "administrative"}
        ),
        tags={9: {"amenity": "clinic"}},
    )
    clip_extract(source, BOX, tmp_path / "b.osm.pbf")
    assert ids(tmp_path / "b.osm.pbf") == {"n": [1, 2, 3, 4, 9], "w": [1, 2, 3], "r": [1]}


def test_cut_extract_is_cut_again(tmp_path: Path) -> None:
    """Ways of a clipped extract lack nodes; that is no reason to stop."""
    source = write_pbf(
        tmp_path / "a.osm.pbf",
        {1: (0.5, 0.5), 2: (0.6, 0.6)},
        mutable.Way(id=1, nodes=[1, 2, 999], tags={"highway": "residential"}),
        mutable.Way(id=2, nodes=[998, 999], tags={"highway": "residential"}),
        mutable.Relation(
            id=1, members=[("w", 777, "outer")], tags={"type": "multipolygon", "building": "yes"}
        ),
    )
    clip_extract(source, BOX, tmp_path / "b.osm.pbf")
    assert ids(tmp_path / "b.osm.pbf") == {"n": [1, 2], "w": [1], "r": []}


def test_extract_with_nothing_here(tmp_path: Path) -> None:
    source = write_pbf(tmp_path / "a.osm.pbf", {1: (5.0, 5.0)}, tags={1: {"amenity": "clinic"}})
    with pytest.raises(SourceError, match="has nothing inside"):
        clip_extract(source, BOX, tmp_path / "b.osm.pbf")
    assert [p.name for p in tmp_path.iterdir()] == ["a.osm.pbf"]


def test_same_cut_same_bytes(tmp_path: Path, hanbit_town: Path) -> None:
    from kcity_geo.sources.osm.pbf import read_header

    box, date = read_header(hanbit_town / "city.osm.pbf")
    assert box is not None
    area = box.buffer(-0.01)
    dates = [
        clip_extract(hanbit_town / "city.osm.pbf", area, tmp_path / f"{n}.osm.pbf") for n in "ab"
    ]
    assert (tmp_path / "a.osm.pbf").read_bytes() == (tmp_path / "b.osm.pbf").read_bytes()
    assert dates == [date, date]


def test_index_of_real_extracts(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    """Geofabrik's own index (555 extracts, as pyrosm ships it): the smallest that covers."""
    import gzip
    import importlib.util

    spec = importlib.util.find_spec("pyrosm")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("pyrosm is not installed")
    index = (
        Path(next(iter(spec.submodule_search_locations))) / "data" / "geofabrik_index.geojson.gz"
    )
    if not index.exists():
        pytest.skip("this pyrosm ships no index")
    calm.put("download.geofabrik.de/index-v1.json", gzip.decompress(index.read_bytes()))
    product = local_catalogue().product("geofabrik")
    for (lon, lat), wanted in {
        (7.42, 43.735): "monaco",
        (9.52, 47.14): "liechtenstein",
        (27.48, -29.31): "lesotho",
        (116.07, 5.97): "malaysia",
    }.items():
        found = find_extract(
            product, shapely.Point(lon, lat).buffer(0.001), fetcher=Fetcher(config)
        )
        assert found is not None
        assert wanted in found.name
        assert found.url.endswith(".osm.pbf")
    assert find_extract(product, shapely.box(-45, 40, -44, 41), fetcher=Fetcher(config)) is None


@pytest.mark.parametrize("text", ['{"features": [{}]}', '{"a": 1}', "[1]"])
def test_index_that_is_none(
    text: str, calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    calm.put("download.geofabrik.de/index-v1.json", text)
    with pytest.raises(SourceError, match="no index of extracts"):
        find_extract(local_catalogue().product("geofabrik"), BOX, fetcher=Fetcher(config))


def test_extract_by_the_name_of_the_city(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    calm.put(
        "download.bbbike.org/osm/bbbike/index",
        '<a href="../">up</a><a href="/x/">x</a><a href="SanJose/">SanJose</a>',
    )
    calm.put(
        "download.bbbike.org/osm/bbbike/SanJose/SanJose.poly",
        "SanJose\n1\n 0 0\n 2 0\n 2 2\n 0 2\nEND\n!2\n 1.5 1.5\n 1.9 1.5\n 1.9 1.9\nEND\nEND\n",
    )
    product = local_catalogue().product("bbbike")
    found = find_extract(product, BOX, fetcher=Fetcher(config), place="San José, Costa Rica")
    assert found is not None
    assert found.url.endswith("/SanJose/SanJose.osm.pbf")
    assert found.size_deg2 == pytest.approx(4 - 0.08)
    far = find_extract(product, shapely.box(5, 5, 6, 6), fetcher=Fetcher(config), place="San José")
    assert far is None, "the same name elsewhere is not this city"
    assert find_extract(product, BOX, fetcher=Fetcher(config), place="Elsewhere") is None


# -- feeds -----------------------------------------------------------------------------------------

HEAD = (
    "id,data_type,provider,status,urls.direct_download,urls.latest,urls.license,urls.authentication_type,redirect.id,"
    "location.bounding_box.minimum_longitude,location.bounding_box.minimum_latitude,"
    "location.bounding_box.maximum_longitude,location.bounding_box.maximum_latitude\n"
)


def test_feeds_of_an_area_best_first(tmp_path: Path) -> None:
    rows = [
        "country,gtfs,Country,active,http://h/1,http://m/1,,0,,-5,-5,5,5",
        "city,gtfs,City,active,http://h/2,,https://creativecommons.org/licenses/by/4.0/,,,-0.1,-0.1,1.1,1.1",
        "half,gtfs,Half,active,http://h/3,,,0,,0,0,0.5,1",
        "corner,gtfs,Corner,active,http://h/4,,,0,,0.9,0.9,3,3",
        "key,gtfs,Key,active,http://h/5,,,2,,0,0,1,1",
        "old,gtfs,Old,deprecated,http://h/6,,,0,,0,0,1,1",
        "rt,gtfs_rt,Live,active,http://h/7,,,0,,0,0,1,1",
        "moved,gtfs,Moved,active,http://h/8,,,0,city,0,0,1,1",
        "nobox,gtfs,NoBox,active,http://h/9,,,0,,,,,",
        "file,gtfs,File,active,file:///etc/passwd,,,0,,0,0,1,1",
        "wild,gtfs,Wild,active,http://h/10,,,0,,nan,0,1,1",
    ]
    path = tmp_path / "feeds.csv"
    path.write_text("\ufeff" + HEAD + "\n".join(rows), encoding="utf-8")
    found = find_feeds(path, BOX)
    assert [f.id for f in found] == ["city", "country", "half"]
    assert found[0].licence == "CC-BY-4.0"
    assert found[1].urls == ("http://m/1", "http://h/1")
    assert [round(f.share, 2) for f in found] == [1.0, 1.0, 0.5]


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "feeds.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match="not the catalogue of the Mobility Database"):
        find_feeds(path, BOX)


# -- whole files --------------------------------------------------------------------------------


def tif_bytes() -> bytes:
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=300,
            height=300,
            count=1,
            dtype="float32",
            crs=4326,
            transform=rasterio.transform.from_origin(0, 1, 0.01, 0.01),
            tiled=True,
            blockxsize=128,
            blockysize=128,
        ) as data:
            data.write(np.random.default_rng(7).random((300, 300), dtype=np.float32), 1)
        return bytes(memory.read())


def gtfs_bytes(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "a\n1\n")
    return stream.getvalue()


FULL = ("stops.txt", "routes.txt", "trips.txt", "stop_times.txt")


@pytest.mark.parametrize("kind", ["tiff", "pbf", "json", "gtfs", "listing"])
def test_each_kind_is_known_whole_and_cut(kind: str, tmp_path: Path, hanbit_town: Path) -> None:
    whole = {
        "tiff": tif_bytes(),
        "pbf": (hanbit_town / "city.osm.pbf").read_bytes(),
        "json": json.dumps({"a": list(range(100))}).encode(),
        "gtfs": gtfs_bytes(*FULL),
        "listing": b'<?xml version="1.0"?><ListBucketResult><Key>a</Key></ListBucketResult>',
    }[kind]
    path = tmp_path / "file"
    path.write_bytes(whole)
    check_kind(path, kind)
    for share in (0.0, 0.1, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(SourceError):
            check_kind(path, kind)
    path.write_bytes(b"<!DOCTYPE html><html>busy</html>")
    with pytest.raises(SourceError, match="web page"):
        check_kind(path, kind)


@pytest.mark.parametrize("missing", FULL)
def test_feed_without_a_table(missing: str, tmp_path: Path) -> None:
    path = tmp_path / "feed.zip"
    path.write_bytes(gtfs_bytes(*(n for n in FULL if n != missing)))
    with pytest.raises(SourceError, match=f"no GTFS feed: {missing}"):
        check_kind(path, "gtfs")


def test_pbf_cut_at_every_block_border_but_the_last(tmp_path: Path, hanbit_town: Path) -> None:
    """A file that ends on a border looks whole, but one without data is none."""
    whole = (hanbit_town / "city.osm.pbf").read_bytes()
    length = int.from_bytes(whole[:4], "big")
    path = tmp_path / "x.osm.pbf"
    path.write_bytes(whole[: 4 + length])
    with pytest.raises(SourceError, match="inside a block"):
        check_kind(path, "pbf")
    path.write_bytes(whole + b"\0\0")
    with pytest.raises(SourceError, match="broken at byte"):
        check_kind(path, "pbf")
