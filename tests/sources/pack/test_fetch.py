"""A whole world on a local server becomes a city pack, which works with the network unplugged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from kcity_geo.errors import (
    CityNotFoundError,
    KCityWarning,
    LicenceError,
    LimitError,
    OfflineError,
    OutputError,
    SourceError,
    StudyError,
)
from kcity_geo.sources.pack.cities import fetch_cities
from kcity_geo.sources.pack.fetch import _locked, fetch
from kcity_geo.sources.pack.pack import open_pack, verify_pack, zip_pack
from kcity_geo.sources.products.catalogue import Catalogue, load_catalogue
from kcity_geo.studyfile import load_study, resolve_path

if TYPE_CHECKING:
    from conftest import Server

    from kcity_geo.config import Config

WORLD = Path(__file__).parents[2] / "support" / "world.py"
ALL = [
    p.id
    for p in load_catalogue().products.values()
    if p.id not in {"gazetteer", "geofabrik", "bbbike", "worldpop", "pvgis"}
]


@pytest.fixture(scope="module")
def world(server: Server) -> Server:
    subprocess.run([sys.executable, str(WORLD), str(server.root), server.base], check=True)
    return server


@pytest.fixture
def here(
    world: Server, config: Config, local_catalogue: Callable[..., Catalogue], tmp_path: Path
) -> Callable[..., Path]:
    world.reset()

    def run(place: str | None = "Monaco", **more: Any) -> Path:
        changes = {"deadline_s": 20.0, "read_timeout_s": 10.0} | more.pop("config", {})
        rows = more.pop("rows", {})
        return fetch(
            place,
            out=more.pop("out", tmp_path / "pack"),
            config=replace(config, **changes),
            catalogue=more.pop("catalogue", None) or local_catalogue(**rows),
            **more,
        )

    return run


def manifest(pack: Path) -> dict[str, Any]:
    return json.loads((pack / "manifest.json").read_text(encoding="utf-8"))


# -- the whole of it ------------------------------------------------------------------------------


def test_everything_a_study_needs(here: Callable[..., Path], world: Server, tmp_path: Path) -> None:
    study_path = here(products=ALL)
    pack = study_path.parent
    study = load_study(study_path)
    assert study.city.name == "Monaco"
    assert study.city.boundary == "boundary.geojson"
    assert study.city.districts == "districts.geojson"
    for key in (
        "osm",
        "elevation",
        "population",
        "built",
        "landcover",
        "nightlights",
        "solar",
        "gtfs",
    ):
        value = getattr(study.sources, key)
        assert resolve_path(study, value, key=key).parent == pack
    about = manifest(pack)
    assert about["missing"] == {}
    assert about["place"]["population"] == 32_965
    files = {f["path"]: f for f in about["files"]}
    assert set(files) == {p.name for p in pack.iterdir()} - {"manifest.json"}
    for name, row in files.items():
        if row["theme"] != "pack":
            assert row["licence"], name
            assert row["attribution"], name
            assert row["urls"] or row["product"] == "own_file"
            assert row["retrieved"].startswith("20"), name
    assert files["city.osm.pbf"]["as_of"] == "2026-11-20T10:00:00Z"
    assert files["districts.geojson"]["licence"] == "ODbL-1.0"
    assert files["gtfs.zip"]["licence"] == "CC-BY-4.0"
    assert files["gtfs.zip"]["note"].startswith("feed mdb-1")
    assert files["nightlights.tif"]["as_of"] == "20251001"
    text = (pack / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    for words in (
        "© OpenStreetMap contributors",
        "Airbus Defence and Space",
        "EC JRC/Google",
        "Solargis",
        "ESA WorldCover",
    ):
        assert words in text
    assert verify_pack(pack) == []
    assert not list(tmp_path.glob(".pack*")), "nothing is left beside the pack"
    people(pack)
    districts = gpd.read_file(pack / "districts.geojson")
    assert list(districts["name"]) == ["Est", "Ouest"]
    buildings = gpd.read_parquet(pack / "buildings.parquet")
    # by hand: columns every 0.045 degrees from 7.0, rows every 0.02 from 43.5; one house meets the box
    assert list(buildings["id"]) == ["b0249"]
    parquet = [r for r in world.log(".parquet") if "part-" in r["path"] and r["method"] == "GET"]
    asked = sum(
        int(b) - int(a) + 1 for a, b in (r["headers"]["range"][6:].split("-") for r in parquet)
    )
    size = next(world.root.rglob("part-*.parquet")).stat().st_size
    assert asked < size / 3, "only the row groups of the city are read"


def people(pack: Path) -> None:
    """The raster of the pack holds the persons of the provider's pixels, none more."""
    with rasterio.open(pack / "population.tif") as data:
        values = data.read(1, masked=True)
        assert data.crs.to_string() == "ESRI:54009"
        assert data.nodata == -200
        assert values.sum() > 10_000
    with rasterio.open(pack / "solar.tif") as data:
        np.testing.assert_allclose(data.read(1), 4.2 * 365.25, rtol=1e-6)


def test_by_extract_for_a_larger_area(here: Callable[..., Path], world: Server) -> None:
    study = here(
        products=["overpass", "geofabrik", "bbbike"], rows={"overpass": {"max_area_km2": 5.0}}
    )
    row = next(f for f in manifest(study.parent)["files"] if f["path"] == "city.osm.pbf")
    assert row["product"] == "geofabrik"
    assert row["as_of"] == "2026-11-01T20:21:02Z"
    assert row["note"] == "cut from monaco", "the smallest of three covering extracts"
    assert world.log("interpreter") == []
    names = b"somebody"
    assert names not in (study.parent / "city.osm.pbf").read_bytes(), "no user names are kept"


def test_smallest_extract_of_all_providers(here: Callable[..., Path], world: Server) -> None:
    smaller = {"bbbike": {}, "geofabrik": {}}
    index = world.root / "download.geofabrik.de" / "index-v1.json"
    kept = index.read_text()
    rows = json.loads(kept)
    rows["features"] = rows["features"][:2]  # Geofabrik has only france and europe now
    index.write_text(json.dumps(rows))
    try:
        study = here(products=["geofabrik", "bbbike"], rows=smaller)
    finally:
        index.write_text(kept)
    row = next(f for f in manifest(study.parent)["files"] if f["path"] == "city.osm.pbf")
    assert row["urls"][0].endswith("bbbike/Monaco/Monaco.osm.pbf")
    assert (row["product"], row["title"]) == ("bbbike", "OpenStreetMap extracts of BBBike")
    assert "BBBike.org" in row["citation"]
    text = (study.parent / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    assert "BBBike.org" in text
    assert "Geofabrik" not in text, "nobody is credited for another's work"


def test_wrong_md5_of_an_extract(here: Callable[..., Path], world: Server) -> None:
    note = world.root / "download.geofabrik.de/europe/monaco-latest.osm.pbf.md5"
    kept = note.read_text()
    note.write_text("0" * 32 + "  monaco-latest.osm.pbf\n")
    try:
        with pytest.raises(SourceError, match="its md5 is .* not 0000"):
            here(products=["geofabrik"], config={"attempts": 2})
    finally:
        note.write_text(kept)
    with pytest.raises(SourceError, match="its md5 is"):
        here(products=["geofabrik"], config={"attempts": 2})  # the old md5 is kept for a day


def test_other_products_of_the_catalogue(here: Callable[..., Path]) -> None:
    study = here(products=["worldpop", "pvgis"])
    pack = study.parent
    with rasterio.open(pack / "population.tif") as data:
        values = data.read(1, masked=True)
        assert values.sum() == pytest.approx(3.5 * values.count())
        assert data.nodata == -99999
    with rasterio.open(pack / "solar.tif") as data:
        assert (data.read(1) == 1440).all()


# -- offline ------------------------------------------------------------------------------------


UNPLUGGED = """
import socket, sys
from kcity_geo.extras import EXTRAS
for name in EXTRAS:
    sys.modules[name] = None
from pathlib import Path
from kcity_geo.config import Config
from kcity_geo.sources.pack.pack import open_pack
from kcity_geo.study import run
from kcity_geo.studyfile import load_study
cache, port, *jobs = sys.argv[1:]
try:
    socket.create_connection(("127.0.0.1", int(port)), timeout=2)
except OSError:
    pass
else:
    raise SystemExit("the network is not unplugged")
config = Config(cache_dir=Path(cache), offline=True)
for pack, out in zip(jobs[::2], jobs[1::2], strict=True):
    run(load_study(open_pack(Path(pack), config=config)), out=Path(out), config=config)
"""


def test_pack_works_with_the_network_unplugged(
    here: Callable[..., Path], world: Server, tmp_path: Path, without_pictures: str
) -> None:
    """The whole study from the folder and from the zip, sockets gone for Python and GDAL alike, and no extra there."""
    probe = subprocess.run(["unshare", "-n", "true"], check=False, capture_output=True)
    if probe.returncode != 0:
        pytest.skip("the network cannot be unplugged here (unshare -n needs root)")
    pack = here(products=["overpass", "copernicus_glo30", "ghs_pop", "worldcover"]).parent
    packed = zip_pack(pack, tmp_path / "pack.zip")
    one, two = tmp_path / "one", tmp_path / "two"
    port = world.base.rsplit(":", 1)[1]
    done = subprocess.run(
        [
            "unshare",
            "-n",
            sys.executable,
            "-W",
            "ignore",
            "-c",
            without_pictures + UNPLUGGED,
            str(tmp_path / "fresh-cache"),
            port,
            str(pack),
            str(one),
            str(packed),
            str(two),
        ],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.returncode == 0, done.stderr
    files = {p.relative_to(one) for p in one.rglob("*") if p.is_file()}
    assert files == {p.relative_to(two) for p in two.rglob("*") if p.is_file()}
    assert {
        Path(n) for n in ("map.html", "report.html", "indicators.csv", "cells.parquet")
    } <= files
    assert Path("study.xlsx") not in files, "needs an extra"
    other = [n for n in files if (one / n).read_bytes() != (two / n).read_bytes()]
    # Ledger and data package hold the checksum of study.toml, and so of the paths in it.
    paths = {Path("study.toml"), Path("ledger.json"), Path("datapackage.json")}
    assert set(other) <= paths, "the same bytes but for the paths of the inputs"


def test_same_answers_make_the_same_data(here: Callable[..., Path], tmp_path: Path) -> None:
    wanted = [
        "overpass",
        "copernicus_glo30",
        "worldcover",
        "ghs_pop",
        "geoboundaries",
        "mobility_database",
    ]
    first = here(products=wanted, out=tmp_path / "a").parent
    second = here(
        products=wanted, out=tmp_path / "b", config={"cache_dir": tmp_path / "fresh"}
    ).parent
    for name in (
        "city.osm.pbf",
        "elevation.tif",
        "landcover.tif",
        "population.tif",
        "gtfs.zip",
        "districts.geojson",
        "boundary.geojson",
        "study.toml",
    ):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_offline_fetch_says_what_is_missing(here: Callable[..., Path]) -> None:
    with pytest.raises(OfflineError, match=r"elevation: .*tile list.*kcity fetch"):
        here(
            products=["copernicus_glo30"],
            boundary=shapely.box(7.41, 43.73, 7.43, 43.74),
            config={"offline": True},
        )


# -- going on -----------------------------------------------------------------------------------


def test_failure_is_told_and_the_next_run_goes_on(
    here: Callable[..., Path], world: Server, tmp_path: Path
) -> None:
    wanted = ["overpass", "copernicus_glo30", "ghs_pop"]
    world.fault("GHS_POP", "status", status=503, times=999)
    with pytest.raises(
        SourceError,
        match=r"Monaco: 1 of the products.*population: .*503.*run the same command again",
    ):
        here(products=wanted)
    assert not (tmp_path / "pack").exists()
    assert (tmp_path / ".pack.part" / "elevation.tif").exists()
    world.reset()
    pack = here(products=wanted).parent
    assert world.log("interpreter") == []
    assert world.log("copernicus") == [], "what was finished is not fetched again"
    assert verify_pack(pack) == []


def test_partial_pack_names_what_failed(here: Callable[..., Path], world: Server) -> None:
    world.fault("GHS_POP", "status", status=503, times=999)
    with pytest.warns(KCityWarning, match="no population in the pack: failed: .*503"):
        study = here(products=["overpass", "ghs_pop"], allow_partial=True, config={"attempts": 1})
    about = manifest(study.parent)
    assert about["failed"] == ["population"]
    assert "population" in study.read_text()
    world.reset()
    study = here(products=["overpass", "ghs_pop"])
    assert manifest(study.parent)["failed"] == []
    assert load_study(study).sources.population == "population.tif"


def test_whole_pack_is_kept_and_a_damaged_one_made_again(
    here: Callable[..., Path], world: Server
) -> None:
    wanted = ["worldcover", "copernicus_glo30"]
    pack = here(products=wanted).parent
    made = manifest(pack)["made"], (pack / "manifest.json").stat().st_mtime_ns
    world.reset()
    here(products=wanted)
    assert (manifest(pack)["made"], (pack / "manifest.json").stat().st_mtime_ns) == made
    assert world.log(".tif") == []
    data = bytearray((pack / "elevation.tif").read_bytes())
    data[len(data) // 2] ^= 1
    (pack / "elevation.tif").write_bytes(bytes(data))
    here(products=wanted)
    assert verify_pack(pack) == []


def edited(study: Path) -> Path:
    """What docs/fetch.md tells the user to do with a pack."""
    text = study.read_text(encoding="utf-8")
    study.write_text(text.replace("[official]", "[official]\nelectricity_access = 0.92"))
    (study.parent / "rates.xlsx").write_bytes(b"mine")
    (study.parent / "results").mkdir()
    (study.parent / "results" / "map.html").write_text("a map")
    return study


def still_edited(study: Path) -> bool:
    return (
        load_study(study).official.electricity_access == 0.92
        and (study.parent / "rates.xlsx").read_bytes() == b"mine"
        and (study.parent / "results" / "map.html").read_text() == "a map"
    )


def test_own_edits_survive_the_same_fetch(here: Callable[..., Path], world: Server) -> None:
    study = edited(here(products=["worldcover"]))
    world.reset()
    assert still_edited(here(products=["worldcover"]))
    assert world.log(".tif") == [], "only the user's files differ: the pack is whole"
    with pytest.raises(SourceError, match=r"study\.toml: is your own .* in a folder beside"):
        zip_pack(study.parent, study.parent.parent / "pack.zip")


def test_own_edits_survive_a_pack_made_again(here: Callable[..., Path]) -> None:
    pack = edited(here(products=["worldcover"])).parent
    (pack / "landcover.tif").write_bytes(b"damaged")
    with pytest.warns(KCityWarning, match="holds edits of your own and was kept.*study.fetched"):
        study = here(products=["worldcover", "copernicus_glo30"])
    assert still_edited(study)
    fresh = load_study(pack / "study.fetched.toml")
    assert (fresh.official.electricity_access, fresh.sources.elevation) == (None, "elevation.tif")
    assert [line.split(":")[0] for line in verify_pack(pack)] == [
        "study.toml",
        "rates.xlsx",
        "results",
        "study.fetched.toml",
    ]
    with pytest.warns(KCityWarning, match="was kept"):
        assert still_edited(here(products=["worldcover"]))


def test_own_file_is_never_written_over(here: Callable[..., Path], world: Server) -> None:
    pack = here(products=["worldcover"]).parent
    (pack / "elevation.tif").write_bytes(b"from the ministry")
    world.reset()
    with pytest.raises(OutputError, match=r"elevation\.tif: is a file of your own.*rename it"):
        here(products=["worldcover", "copernicus_glo30"])
    assert world.log(".tif") == [], "said before anything is downloaded"
    assert (pack / "elevation.tif").read_bytes() == b"from the ministry"


def test_pack_moved_aside_by_a_killed_run_comes_back(
    here: Callable[..., Path], tmp_path: Path
) -> None:
    edited(here(products=["worldcover"]))
    (tmp_path / "pack").rename(tmp_path / ".pack.old")
    assert still_edited(here(products=["worldcover"]))


def test_notes_of_another_request_do_not_stay(
    here: Callable[..., Path], world: Server, tmp_path: Path
) -> None:
    world.fault("GHS_POP", "status", status=503, times=999)
    with pytest.raises(SourceError):
        here(products=["copernicus_glo30", "ghs_pop"], config={"attempts": 1})
    assert (tmp_path / ".pack.part" / "elevation.tif.json").exists()
    assert verify_pack(here(products=["worldcover"]).parent) == []


def program(config: Config, pack: Path, products: list[str]) -> list[str]:
    """A command that makes a pack of Monaco's middle with the user's catalogue beside it."""
    return [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        (
            "from pathlib import Path\nimport shapely\nfrom kcity_geo.config import Config\n"
            "from kcity_geo.sources.pack.fetch import fetch\n"
            f"c = Config(cache_dir=Path({str(config.cache_dir)!r}), allow_private_hosts=True, deadline_s=60)\n"
            f"fetch('Monaco', boundary=shapely.box(7.41, 43.73, 7.43, 43.74), out=Path({str(pack)!r}), "
            f"config=c, catalogue=Path({str(pack.parent / 'my-sources.toml')!r}), products={products!r})\n"
        ),
    ]


def started(words: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)


def until(ready: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    """Wait for something that a running process does."""
    last = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < last
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.05)


def test_kill_half_way_leaves_no_pack(
    world: Server, tmp_path: Path, config: Config, here: Callable[..., Path]
) -> None:
    wanted = ["copernicus_glo30", "ghs_pop"]
    with pytest.raises(StudyError):
        here(products=["nothing_like_it"])  # writes my-sources.toml
    world.fault("GHS_POP", "pause", seconds=60, times=1)
    running = started(program(config, tmp_path / "pack", wanted))

    def parts():
        return config.cache_dir.rglob("*ghs_pop*.zip.part")

    try:
        until(lambda: any(p.stat().st_size > 0 for p in parts()), running)
        assert running.poll() is None, "it still waits for the other half"
    finally:
        running.kill()
        running.communicate()
    assert not (tmp_path / "pack").exists()
    assert verify_pack(here(products=wanted).parent) == []


def test_two_runs_of_one_pack(
    world: Server, tmp_path: Path, config: Config, here: Callable[..., Path]
) -> None:
    wanted = ["copernicus_glo30", "ghs_pop", "worldcover"]
    with pytest.raises(StudyError):
        here(products=["nothing_like_it"])
    world.fault("GHS_POP", "pause", seconds=3, times=1)
    first = started(program(config, tmp_path / "pack", wanted))
    until((tmp_path / ".pack.part").is_dir, first)
    second = started(program(config, tmp_path / "pack", wanted))
    said = [p.communicate(timeout=100)[1] for p in (first, second)]
    assert [p.returncode for p in (first, second)] == [0, 0], said
    assert verify_pack(tmp_path / "pack") == []
    asked = [r for r in world.log("GHS_POP") if r["method"] == "GET"]
    assert len(asked) == 1, "the second run waits and finds the pack ready"


def test_pack_that_another_run_is_making(
    here: Callable[..., Path], config: Config, tmp_path: Path
) -> None:
    with (
        _locked(tmp_path / "pack", config),
        pytest.raises(OutputError, match="another run is still making this pack"),
    ):
        here(
            products=["worldcover"],
            boundary=shapely.box(7.41, 43.73, 7.43, 43.74),
            config={"deadline_s": 0.5},
        )


# -- refusals -----------------------------------------------------------------------------------


def test_commercial_refuses_before_anything_is_asked(
    here: Callable[..., Path], world: Server
) -> None:
    with pytest.raises(LicenceError, match="worldcover.*forbids commercial use"):
        here(commercial=True, rows={"worldcover": {"licence": "CC-BY-NC-4.0"}})
    assert world.log() == []


def test_commercial_refuses_an_outline_before_anything_is_asked(
    here: Callable[..., Path], world: Server
) -> None:
    rows = {"nominatim": {"licence": "CC-BY-NC-4.0"}}
    with pytest.raises(
        LicenceError, match="nominatim .outline.*forbids commercial use.*--boundary"
    ):
        here(commercial=True, products=["worldcover"], rows=rows)
    assert world.log() == []
    box = shapely.box(7.41, 43.73, 7.43, 43.74)
    assert here(commercial=True, products=["worldcover"], rows=rows, boundary=box).exists()


def test_commercial_looks_at_the_outline_that_is_used(here: Callable[..., Path]) -> None:
    more = {
        "commercial": True,
        "products": ["worldcover"],
        "rows": {"gazetteer": {"licence": "CC-BY-NC-4.0"}},
    }
    with pytest.raises(LicenceError, match="gazetteer .outline"):
        here("Monaco, Monaco", config={"offline": True}, **more)
    assert here("Monaco, Monaco", **more).exists(), "the outline is Nominatim's"


def test_commercial_and_a_licence_nobody_has_read(here: Callable[..., Path]) -> None:
    with pytest.raises(LicenceError, match="not known to allow commercial use"):
        here(
            commercial=True,
            products=["worldcover"],
            rows={"worldcover": {"licence": "Homemade-1.0"}},
        )


def feed_with_unknown_licence(world: Server) -> Callable[[], None]:
    table = world.root / "files.mobilitydatabase.org" / "feeds_v2.csv"
    kept = table.read_text()
    table.write_text(
        kept.replace("https://creativecommons.org/licenses/by/4.0/", "https://cam.mc/terms")
    )
    return lambda: table.write_text(kept) and None


def test_feed_of_unknown_licence(here: Callable[..., Path], world: Server, tmp_path: Path) -> None:
    restore = feed_with_unknown_licence(world)
    try:
        with pytest.raises(LicenceError, match="cam.mc/terms.*not known to allow"):
            here(commercial=True, products=["mobility_database"])
        rows = {p: {"default": p == "mobility_database"} for p in load_catalogue().products}
        with pytest.warns(KCityWarning, match="no gtfs in the pack.*not known to allow commercial"):
            pack = here(commercial=True, out=tmp_path / "paid", rows=rows).parent
        assert "gtfs" in manifest(pack)["missing"]
        pack = here(products=["mobility_database"], out=tmp_path / "free").parent
        text = (pack / "ATTRIBUTION.txt").read_text()
        assert "Not for paid work until its terms are read: gtfs.zip" in text
        assert "Not to be handed on until its terms are read: gtfs.zip" in text
    finally:
        restore()


@pytest.mark.parametrize("contact", ["", "  ", "\n", "—"])
def test_nobody_is_asked_without_a_contact(
    contact: str, here: Callable[..., Path], world: Server
) -> None:
    """The operators of Overpass and Nominatim want one; other servers do not."""
    box = shapely.box(7.41, 43.73, 7.43, 43.74)
    asked = {"products": ["worldcover", "overpass"], "config": {"contact": contact}}
    for more in ({}, {"boundary": box}):
        with pytest.raises(StudyError, match=r"contact: .*--contact you@.*KCITY_CONTACT=you@"):
            here(**asked, **more)
    assert world.log() == []
    asked["products"] = ["worldcover", "geofabrik"]
    assert here(**asked, boundary=box).exists()


def test_share_alike_is_told(here: Callable[..., Path]) -> None:
    pack = here(products=["overpass"]).parent
    text = (pack / "ATTRIBUTION.txt").read_text()
    assert "must carry the same licence" in text
    assert "boundary.geojson, city.osm.pbf" in text


def test_place_without_a_feed_is_no_failure(here: Callable[..., Path]) -> None:
    with pytest.warns(
        KCityWarning, match="no gtfs in the pack: the Mobility Database knows no open feed"
    ):
        study = here(
            "Somewhere",
            boundary=shapely.box(-40.0, -20.0, -39.98, -19.98),
            products=["mobility_database"],
        )
    assert load_study(study).sources.gtfs is None


@pytest.mark.parametrize(
    ("more", "error", "match"),
    [
        ({"place": None}, StudyError, "name of a place"),
        ({"products": ["elevation"]}, StudyError, "'elevation': not in the catalogue"),
        ({"products": []}, StudyError, "no product"),
        ({"products": ["overpass"], "osm_route": "pigeon"}, StudyError, "pigeon"),
        ({"place": "Springfield"}, CityNotFoundError, "bear this name"),
        ({"boundary": shapely.box(0, 40, 9, 49)}, LimitError, "no city"),
    ],
)
def test_what_cannot_be_fetched(
    more: dict[str, Any],
    error: type[Exception],
    match: str,
    here: Callable[..., Path],
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=match):
        here(**more)
    assert not (tmp_path / "pack").exists()


def test_folder_of_other_things_is_not_touched(here: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="is no city pack"):
        here(products=["worldcover"])
    assert (tmp_path / "pack" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        here(products=["worldcover"], out=tmp_path / "file" / "pack")


def test_boundary_file_of_the_user(here: Callable[..., Path], tmp_path: Path) -> None:
    path = tmp_path / "mine.geojson"
    frame = gpd.GeoDataFrame(geometry=[shapely.box(7.41, 43.725, 7.43, 43.745)], crs=4326).to_crs(
        32632
    )
    frame.to_file(path.with_suffix(".gpkg"))
    study = here("My district, Monaco", boundary=path.with_suffix(".gpkg"), products=["worldcover"])
    assert manifest(study.parent)["place"]["iso3"] == "MCO"
    assert gpd.read_file(study.parent / "boundary.geojson").total_bounds == pytest.approx(
        [7.41, 43.725, 7.43, 43.745], abs=1e-3
    )


# -- a list of cities -----------------------------------------------------------------------------


def test_list_of_five_with_one_failing(
    world: Server, config: Config, local_catalogue: Callable[..., Catalogue], tmp_path: Path
) -> None:
    world.reset()
    cities = tmp_path / "cities.csv"
    cities.write_text(
        "place,lat,lon,radius_km\n"
        '"Monaco, Monaco",,,\n'
        "Larvotto,43.745,7.43,1\n"
        "Springfield,,,\n"  # many bear it
        "Fontvieille,43.73,7.415,0.8\n"
        "Port,43.737,7.425,0.7\n",
        encoding="utf-8",
    )
    patient = replace(config, deadline_s=20.0, read_timeout_s=10.0)
    wanted = ["overpass", "geofabrik", "copernicus_glo30"]
    told = []
    outcomes = fetch_cities(
        cities,
        out=tmp_path / "packs",
        config=patient,
        products=wanted,
        catalogue=local_catalogue(),
        told=told.append,
    )
    assert [o.status for o in outcomes] == ["done", "done", "failed", "done", "done"]
    assert told == outcomes
    assert "8 cities bear this name" in outcomes[2].error
    for outcome in outcomes:
        if outcome.study:
            assert verify_pack(outcome.study.parent) == []
    assert world.log("interpreter") == [], "several cities never go to Overpass"
    pbf = [
        r
        for r in world.log("monaco-latest.osm.pbf")
        if r["method"] == "GET" and not r["path"].endswith(".md5")
    ]
    assert len(pbf) == 1, "one extract serves them all"
    noted = json.loads((tmp_path / "packs" / "cities.json").read_text())
    assert [r["status"] for r in noted] == [o.status for o in outcomes]
    world.reset()
    again = fetch_cities(
        cities, out=tmp_path / "packs", config=patient, products=wanted, catalogue=local_catalogue()
    )
    assert [o.status for o in again] == ["kept", "kept", "failed", "kept", "kept"]
    assert world.log() == []


@pytest.mark.parametrize(
    ("text", "match"),
    [("", "holds no city"), ("city\nX\n", "needs a column"), ("place\n", "holds no city")],
)
def test_lists_that_are_none(text: str, match: str, tmp_path: Path, config: Config) -> None:
    path = tmp_path / "cities.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=match):
        fetch_cities(path, out=tmp_path / "packs", config=config)


def test_rows_that_cannot_be_read_fail_alone(tmp_path: Path, config: Config) -> None:
    path = tmp_path / "cities.csv"
    path.write_text(
        "name,country,lat,lon,radius_km\nA,,x,1,1\nA,,1,1,1\n,,,,\nB,,95,1,1\n"
        "Monaco,,43.7,,1\nParis,,,2.3,\nRome,,,,5\n"
    )
    outcomes = fetch_cities(path, out=tmp_path / "packs", config=replace(config, offline=True))
    assert [o.status for o in outcomes] == ["failed"] * 7
    assert all("must be numbers" in o.error for o in outcomes[4:]), (
        "never looked up by name instead"
    )
    assert "must be numbers" in outcomes[0].error
    assert "occurs twice" in outcomes[1].error
    assert "is empty" in outcomes[2].error
    assert "no study area" in outcomes[3].error


def test_names_in_other_scripts_stay_apart(
    world: Server, config: Config, local_catalogue: Callable[..., Catalogue], tmp_path: Path
) -> None:
    names = ["東京", "大阪", "Москва", "Київ", "القاهرة"]
    cities = tmp_path / "cities.csv"
    rows = [f"{name},43.737,{7.42 + i / 1000},0.7" for i, name in enumerate(names)]
    cities.write_text("place,lat,lon,radius_km\n" + "\n".join(rows) + "\n", encoding="utf-8")
    outcomes = fetch_cities(
        cities,
        out=tmp_path / "packs",
        config=replace(config, deadline_s=20.0, read_timeout_s=10.0),
        products=["worldcover"],
        catalogue=local_catalogue(),
    )
    assert [o.status for o in outcomes] == ["done"] * 5
    studies = [load_study(o.study) for o in outcomes if o.study]
    assert [s.city.name for s in studies] == names
    assert len({s.study.name for s in studies}) == 5


def test_what_nobody_thought_of_fails_alone(
    world: Server,
    config: Config,
    local_catalogue: Callable[..., Catalogue],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import kcity_geo.sources.pack.stage as module

    cities = tmp_path / "cities.csv"
    cities.write_text(
        "place,lat,lon,radius_km\nA,43.737,7.42,0.7\nB,43.737,7.425,0.7\n", encoding="utf-8"
    )
    real, calls = module.fetch_raster, []

    def broken(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise IndexError("tuple index out of range")
        return real(*args, **more)

    monkeypatch.setattr(module, "fetch_raster", broken)
    outcomes = fetch_cities(
        cities,
        out=tmp_path / "packs",
        config=replace(config, deadline_s=20.0, read_timeout_s=10.0),
        products=["worldcover"],
        catalogue=local_catalogue(),
    )
    assert [o.status for o in outcomes] == ["failed", "done"]
    assert outcomes[0].error == "unexpected IndexError: tuple index out of range"


def test_folder_of_a_list_that_cannot_be_made(tmp_path: Path, config: Config) -> None:
    (tmp_path / "cities.csv").write_text("place\nX\n")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="give another --out"):
        fetch_cities(tmp_path / "cities.csv", out=tmp_path / "file" / "packs", config=config)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 16 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    "product",
    [
        "copernicus_glo30",
        "ghs_pop",
        "geofabrik",
        "mobility_database",
        "overture_buildings",
        "geoboundaries",
    ],
)
def test_full_disk_of_the_pack(product: str, here: Callable[..., Path], small: Path) -> None:
    (small / "filler").write_bytes(b"x" * 8192)
    with pytest.raises(OutputError, match="the disk is full; make room, or give another --out"):
        here(products=[product, "copernicus_glo30"], out=small / "pack")
    assert not (small / "pack").exists()


def test_full_disk_does_not_stop_a_list(
    world: Server,
    config: Config,
    local_catalogue: Callable[..., Catalogue],
    small: Path,
    tmp_path: Path,
) -> None:
    cities = tmp_path / "cities.csv"
    cities.write_text("place,lat,lon,radius_km\nA,43.737,7.42,0.7\nB,43.737,7.425,0.7\n")
    with pytest.warns(KCityWarning, match="cities.json: cannot be written"):
        outcomes = fetch_cities(
            cities,
            out=small / "packs",
            config=replace(config, deadline_s=20.0, read_timeout_s=10.0),
            products=["copernicus_glo30"],
            catalogue=local_catalogue(),
        )
    assert [o.status for o in outcomes] == ["failed", "failed"]
    assert all("disk is full" in o.error for o in outcomes)


# -- the zip form ---------------------------------------------------------------------------------


def test_zip_is_read_in_place(here: Callable[..., Path], tmp_path: Path, config: Config) -> None:
    pack = here(products=["worldcover", "mobility_database"]).parent
    packed = zip_pack(pack, tmp_path / "city.zip")
    assert zip_pack(pack, tmp_path / "again.zip").read_bytes() == packed.read_bytes()
    assert verify_pack(packed) == []
    before = {p for p in tmp_path.rglob("*") if config.cache_dir not in p.parents}
    study = open_pack(packed, config=config)
    assert study.is_relative_to(config.cache_dir)
    assert {p for p in tmp_path.rglob("*") if config.cache_dir not in p.parents} - {
        config.cache_dir
    } <= before
    for file in pack.iterdir():
        assert (study.parent / file.name).read_bytes() == file.read_bytes()
    assert open_pack(packed, config=config) == study
    with zipfile.ZipFile(packed) as archive:
        assert set(archive.namelist()) == {p.name for p in pack.iterdir()}
