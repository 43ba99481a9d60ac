"""Overpass through OSMnx: whole answers or typed errors, and the same features as by PBF."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import osmnx  # takes seconds, which no deadline below should pay for
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from kcity_geo.city import metric_crs
from kcity_geo.errors import (
    LimitError,
    OfflineError,
    SourceError,
    SourceTimeoutError,
    StudyError,
)
from kcity_geo.sources.osm.pbf import read_header, read_osm
from kcity_geo.sources.osm.rules import rules
from kcity_geo.sources.products.extracts import clip_extract
from kcity_geo.sources.products.overpass import answer_to_pbf, download_osm, query_tags
from kcity_geo.sources.web.download import Fetcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Server

    from kcity_geo.config import Config
    from kcity_geo.sources.products.catalogue import Catalogue

API = "overpass-api.de/api/interpreter"
AREA = shapely.box(7.41, 43.72, 7.43, 43.74)
TAGS: dict[str, bool | str | list[str]] = {"highway": True, "amenity": ["clinic", "hospital"]}


def little_answer() -> dict[str, Any]:
    return {
        "version": 0.6,
        "generator": "Overpass API",
        "osm3s": {"timestamp_osm_base": "2025-02-11T21:21:02Z"},
        "elements": [
            {"type": "node", "id": 1, "lat": 43.73, "lon": 7.42},
            {"type": "node", "id": 2, "lat": 43.731, "lon": 7.421, "tags": {"amenity": "clinic"}},
            {"type": "node", "id": 3, "lat": 43.732, "lon": 7.422},
            {"type": "way", "id": 10, "nodes": [1, 2, 3], "tags": {"highway": "residential"}},
            {
                "type": "relation",
                "id": 20,
                "members": [{"type": "way", "ref": 10, "role": "outer"}],
                "tags": {"type": "route", "route": "ferry"},
            },
        ],
    }


@pytest.fixture
def ask(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue]
) -> Callable[..., Path]:
    calm.put(API, json.dumps(little_answer()))

    def run(**changes: Any) -> Path:
        changed = replace(config, **changes)
        catalogue = local_catalogue(overpass={"timeout_s": 1.0, "retry_after_s": 0.1})
        return download_osm(AREA, config=changed, catalogue=catalogue, tags=TAGS)

    return run


def test_answer_becomes_a_pbf_of_the_same_objects(ask: Callable[..., Path], calm: Server) -> None:
    import osmium

    path = ask()
    items = [(type(o).__name__, o.id, dict(o.tags)) for o in osmium.FileProcessor(str(path))]
    assert [(k, i) for k, i, _ in items] == [
        ("Node", 1),
        ("Node", 2),
        ("Node", 3),
        ("Way", 10),
        ("Relation", 20),
    ]
    assert items[1][2] == {"amenity": "clinic"}
    box, date = read_header(path)
    assert date == "2025-02-11T21:21:02Z"
    assert box is not None
    assert box.covers(AREA)
    note = json.loads(path.with_name(path.name + ".json").read_text())
    assert note["as_of"] == "2025-02-11T21:21:02Z"
    asked = calm.log(API)
    assert len(asked) == 1
    assert asked[0]["method"] == "POST"
    assert "tests@example.org" in asked[0]["headers"]["user-agent"]
    assert asked[0]["headers"]["user-agent"].startswith("kcity_geo/")
    assert "out+meta" not in asked[0]["body"], "no user names are asked for"


def test_second_run_asks_nobody(ask: Callable[..., Path], calm: Server) -> None:
    first = ask().read_bytes()
    assert ask(offline=True).read_bytes() == first
    assert len(calm.log(API)) == 1


def test_nothing_of_osmnx_stays_behind(ask: Callable[..., Path]) -> None:
    before = {k: v for k, v in vars(osmnx.settings).items() if not k.startswith("__")}
    resolver = socket.getaddrinfo
    ask()
    assert socket.getaddrinfo is resolver
    assert {k: v for k, v in vars(osmnx.settings).items() if not k.startswith("__")} == before
    assert not Path("cache").exists() or not list(Path("cache").glob("*.json"))


FAULTS: list[tuple[str, dict[str, Any], type[Exception], str, bool]] = [
    ("remark", {"fault": "remark"}, SourceError, "gave up half-way: runtime error", True),
    ("200 with HTML", {"fault": "html"}, SourceError, "web page", True),
    ("cut", {"fault": "cut"}, SourceError, "bytes|broke", True),
    ("cut without length", {"fault": "no_length"}, SourceError, "not whole JSON", True),
    ("429", {"fault": "status", "status": 429}, SourceError, "429", True),
    (
        "429 wait",
        {"fault": "status", "status": 429, "retry_after": 3600},
        SourceTimeoutError,
        "3600",
        False,
    ),
    ("504", {"fault": "status", "status": 504}, SourceError, "504", True),
    ("406", {"fault": "status", "status": 406}, SourceError, "KCITY_CONTACT", False),
    ("400", {"fault": "status", "status": 400}, SourceError, "400", False),
    ("loop", {"fault": "loop"}, SourceError, "redirects", False),
    (
        "private",
        {"fault": "redirect", "to": "http://169.254.169.254/"},
        SourceError,
        "redirects",
        False,
    ),
    ("reset", {"fault": "reset"}, SourceError, "broke|reset|Connection", True),
    ("slow", {"fault": "slow", "seconds": 0.02}, SourceTimeoutError, "too slow", False),
]


@pytest.mark.parametrize(
    ("name", "fault", "error", "match", "passes"), FAULTS, ids=[f[0] for f in FAULTS]
)
def test_faults(
    name: str,
    fault: dict[str, Any],
    error: type[Exception],
    match: str,
    passes: bool,
    ask: Callable[..., Path],
    calm: Server,
    config: Config,
) -> None:
    calm.fault(API, times=999, **fault)
    deadline = 1.0 if name == "slow" else 5.0
    resolver = socket.getaddrinfo
    started = time.monotonic()
    with pytest.raises(error, match=match):
        ask(deadline_s=deadline)
    assert time.monotonic() - started < deadline + 10
    assert socket.getaddrinfo is resolver
    assert len(calm.log(API)) <= 3, "tries are bounded"
    assert not list((config.cache_dir / "overpass").glob("*.osm.pbf*"))
    calm.reset()
    if passes:
        calm.fault(API, times=1, **fault)
    assert ask().exists()


def test_cut_answer_in_the_cache_of_osmnx_goes_to_quarantine(
    ask: Callable[..., Path], calm: Server, config: Config
) -> None:
    """A run killed while OSMnx wrote its cache: the half answer is not read again for ever."""
    calm.fault(API, "html", times=999)
    with pytest.raises(SourceError):
        ask()
    calm.reset()
    raw = next(p for p in (config.cache_dir / "overpass").iterdir() if p.is_dir())
    query = ask_for_cache_name(config, calm, raw)
    (raw / query).write_text('{"version": 0.6, "elements": [{"type": "node", "id"')
    assert ask().exists()
    assert len(calm.log(API)) == 1


def ask_for_cache_name(config: Config, server: Server, raw: Path) -> str:
    """Name under which OSMnx caches this query: fetch once into another cache and look."""
    from kcity_geo.sources.products import overpass

    seen: list[str] = []
    original = overpass.shutil.rmtree
    overpass.shutil.rmtree = lambda path, **_: seen.extend(
        p.name for p in Path(path).glob("*.json")
    )  # type: ignore[assignment]
    try:
        product_cache = replace(config, cache_dir=config.cache_dir.parent / "other")
        path = raw.parents[2] / "my-sources.toml"
        from kcity_geo.sources.products.catalogue import load_catalogue

        download_osm(AREA, config=product_cache, catalogue=load_catalogue(path), tags=TAGS)
    finally:
        overpass.shutil.rmtree = original
    server.reset()
    return seen[0]


def test_too_large_an_area_goes_the_other_way(
    config: Config, local_catalogue: Callable[..., Catalogue]
) -> None:
    with pytest.raises(LimitError, match=r"km2; public servers.*PBF route"):
        download_osm(shapely.box(7, 43, 8, 44), config=config, catalogue=local_catalogue())


def test_offline_says_what_is_missing(config: Config) -> None:
    with pytest.raises(OfflineError, match='osm = "overpass".*kcity fetch'):
        download_osm(AREA, config=replace(config, offline=True))


@pytest.mark.parametrize("tags", [{'high"way': True}, {"amenity": "x'];out meta;("}, {"a": ["b]"]}])
def test_tags_that_could_change_the_query(tags: Any, config: Config) -> None:
    with pytest.raises(StudyError, match="cannot be sent to Overpass"):
        download_osm(AREA, config=config, tags=tags)


def test_query_has_every_key_of_the_layers() -> None:
    tags = query_tags()
    assert set(tags) == set(rules().filter_keys)
    assert tags["building"] is True
    boundary = tags["boundary"]
    assert isinstance(boundary, list)
    assert "administrative" not in boundary, "the outline of a whole country is not asked for"


def test_broken_answer_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not OpenStreetMap JSON"):
        answer_to_pbf([{"elements": [{"type": "node"}]}], tmp_path / "x.osm.pbf", box=AREA)
    assert not list(tmp_path.iterdir())


NONSENSE: dict[str, Any] = {
    "a list": [],
    "no elements": {"version": 0.6},
    "elements are text": {"elements": "x"},
    "element is a number": {"elements": [1]},
    "node without place": {"elements": [{"type": "node", "id": 1}]},
    "node beside the Earth": {"elements": [{"type": "node", "id": 1, "lat": 1e9, "lon": 7}]},
    "member of no type": {"elements": [{"type": "relation", "id": 1, "members": [{}]}]},
    "tags are a list": {
        "elements": [{"type": "node", "id": 1, "lat": 43.7, "lon": 7.4, "tags": ["a"]}]
    },
    "huge number": {"elements": [{"type": "node", "id": 2**70, "lat": 43.7, "lon": 7.4}]},
    "long tag": {
        "elements": [
            {"type": "node", "id": 1, "lat": 43.7, "lon": 7.4, "tags": {"name": "ab" * 2000}}
        ]
    },
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_a_typed_error_and_never_kept(
    name: str, ask: Callable[..., Path], calm: Server, config: Config
) -> None:
    calm.put(API, json.dumps(NONSENSE[name]))
    with pytest.raises(SourceError, match="Overpass"):
        ask(attempts=1)
    assert not list((config.cache_dir / "overpass").rglob("*.json"))
    assert not list((config.cache_dir / "overpass").rglob("*.pbf"))
    calm.put(API, json.dumps(little_answer()))
    calm.reset()
    assert ask(attempts=1).exists(), "the next run asks again"
    assert len(calm.log(API)) == 1


# -- both routes ------------------------------------------------------------------------------------


def frames(path: Path, area: shapely.Polygon) -> dict[str, gpd.GeoDataFrame]:
    layers = read_osm(path, area=area, crs=metric_crs(area)).layers
    drop = {"last_edit"}  # Overpass is asked without the history of the objects
    return {
        k: f.drop(columns=[c for c in f.columns if c in drop]).reset_index(drop=True)
        for k, f in layers.items()
    }


@pytest.mark.parametrize("which", ["hanbit", "monaco"])
def test_both_routes_give_the_same_features(
    which: str,
    calm: Server,
    config: Config,
    local_catalogue: Callable[..., Catalogue],
    hanbit_town: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    if which == "monaco":
        extract = request.getfixturevalue("test_data") / "monaco-mc" / "monaco_20250211.osm.pbf"
        area = AREA
    else:
        extract = hanbit_town / "city.osm.pbf"
        box, _ = read_header(extract)
        assert box is not None
        west, south, east, north = box.bounds
        area = shapely.box(
            west + (east - west) / 4,
            south + (north - south) / 4,
            east - (east - west) / 4,
            north - (north - south) / 4,
        )
    script = Path(__file__).parents[2] / "support" / "overpassjson.py"
    (calm.root / API).unlink(missing_ok=True)
    target = calm.root / f"{API}-data"
    target.parent.mkdir(parents=True, exist_ok=True)
    keys = ",".join(rules().filter_keys)
    subprocess.run([sys.executable, str(script), str(extract), str(target), keys], check=True)
    live = download_osm(
        area,
        config=config,
        catalogue=local_catalogue(overpass={"timeout_s": 20.0}),
        fetcher=Fetcher(replace(config, deadline_s=60, read_timeout_s=30)),
    )
    clip_extract(extract, area, tmp_path / "clip.osm.pbf")
    by_live, by_clip, by_all = (frames(p, area) for p in (live, tmp_path / "clip.osm.pbf", extract))
    assert sum(len(f) for f in by_all.values()) > 500
    for layer, frame in by_all.items():
        assert_geodataframe_equal(by_clip[layer], frame, check_less_precise=False)
        assert_geodataframe_equal(by_live[layer], frame, check_less_precise=False)
    body = calm.log(API)[-1]["body"]
    asked = set(re.findall(r"node%5B%27([\w%.]+?)%27", body))
    assert len(asked) > 20


def test_what_lies_all_round_is_found_by_both_routes(
    calm: Server, config: Config, local_catalogue: Callable[..., Catalogue], tmp_path: Path
) -> None:
    """A reserve in which the whole area lies comes with both; the country comes with none."""
    import osmium
    from osmium.osm import mutable

    corners = {1: (7.0, 43.4), 2: (7.9, 43.4), 3: (7.9, 44.0), 4: (7.0, 44.0)}
    far = {5: (8.5, 43.5), 6: (8.6, 43.5), 7: (8.6, 43.6)}
    extract = tmp_path / "a.osm.pbf"
    with osmium.SimpleWriter(str(extract)) as writer:
        for number, at in {**corners, **far}.items():
            writer.add_node(mutable.Node(id=number, location=at))
        writer.add_node(mutable.Node(id=9, location=(7.42, 43.73), tags={"amenity": "clinic"}))
        writer.add_way(mutable.Way(id=1, nodes=[1, 2, 3], tags={}))
        writer.add_way(mutable.Way(id=2, nodes=[3, 4, 1], tags={}))
        forest = {"landuse": "forest", "name": "Grand Bois"}
        writer.add_way(mutable.Way(id=3, nodes=[1, 2, 3, 4, 1], tags=forest))
        writer.add_way(mutable.Way(id=4, nodes=[5, 6, 7, 5], tags=forest))
        ring = [("w", 1, "outer"), ("w", 2, "outer")]
        reserve = {"type": "boundary", "boundary": "protected_area", "name": "Mercantour"}
        country = {"type": "boundary", "boundary": "administrative", "name": "France"}
        writer.add_relation(mutable.Relation(id=1, members=ring, tags=reserve))
        writer.add_relation(mutable.Relation(id=2, members=ring, tags=country))
    script = Path(__file__).parents[2] / "support" / "overpassjson.py"
    (calm.root / API).unlink(missing_ok=True)
    target = calm.root / f"{API}-data"
    target.parent.mkdir(parents=True, exist_ok=True)
    keys = ",".join(rules().filter_keys)
    subprocess.run([sys.executable, str(script), str(extract), str(target), keys], check=True)
    live = download_osm(AREA, config=config, catalogue=local_catalogue())
    clip_extract(extract, AREA, tmp_path / "clip.osm.pbf")
    seen = [
        [(type(o).__name__, o.id) for o in osmium.FileProcessor(str(p)) if o.tags]
        for p in (live, tmp_path / "clip.osm.pbf")
    ]
    assert seen[0] == seen[1] == [("Node", 9), ("Way", 3), ("Relation", 1)]
    assert len(calm.log(API)) == 1, "one question"
    by_live, by_clip = (frames(p, AREA) for p in (live, tmp_path / "clip.osm.pbf"))
    for layer, frame in by_clip.items():
        assert_geodataframe_equal(by_live[layer], frame, check_less_precise=False)
    assert len(by_live["protected"]) == 1
