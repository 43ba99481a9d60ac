"""`kcity fetch`, `kcity pack` and an offline `kcity run`, as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from kcity_geo.cli import app
from kcity_geo.config import Config
from kcity_geo.sources.products.catalogue import Catalogue, load_catalogue

if TYPE_CHECKING:
    from conftest import Server

WORLD = Path(__file__).parents[2] / "support" / "world.py"
SQUARE = (
    '{"type": "Polygon", "coordinates": [[[7.41, 43.73], [7.43, 43.73], [7.43, 43.74], '
    "[7.41, 43.74], [7.41, 43.73]]]}"
)


@pytest.fixture(scope="module")
def world(server: Server) -> Server:
    subprocess.run([sys.executable, str(WORLD), str(server.root), server.base], check=True)
    return server


Kcity = Callable[..., Result]


@pytest.fixture
def kcity(
    world: Server,
    local_catalogue: Callable[..., Catalogue],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Kcity:
    """Run a command in a folder of its own; `fetch` uses the local servers."""
    world.reset()
    local_catalogue()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KCITY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KCITY_CONTACT", "tests@example.org")
    monkeypatch.setenv("KCITY_ALLOW_PRIVATE_HOSTS", "1")
    monkeypatch.delenv("KCITY_OFFLINE", raising=False)

    def run(*words: object) -> Result:
        more = ["--catalogue", "my-sources.toml"] if words[0] == "fetch" else []
        return CliRunner().invoke(app, [*map(str, words), *more])

    return run


def test_a_place_by_name(kcity: Kcity, tmp_path: Path) -> None:
    done = kcity("fetch", "Monaco", "--out", "packs/monaco", "--products", "worldcover,ghs_pop")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "Ready: kcity run packs/monaco/study.toml --offline --out DIR\n"
    names = {p.name for p in (tmp_path / "packs" / "monaco").iterdir()}
    assert names == {
        "ATTRIBUTION.txt",
        "boundary.geojson",
        "landcover.tif",
        "manifest.json",
        "population.tif",
        "study.toml",
    }


def test_a_boundary_and_the_pack_in_every_form(
    kcity: Kcity, world: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetched once; zipped, checked offline from the folder, run from the zip; a flipped byte found.

    That both forms run to the same bytes is a test with the network unplugged.
    """
    (tmp_path / "mine.geojson").write_text(SQUARE)
    wanted = "overpass,ghs_pop,copernicus_glo30"
    done = kcity(
        "fetch", "--boundary", "mine.geojson", "--out", "pack", "--products", wanted, "--json"
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"study": "pack/study.toml"}

    zipped = kcity("pack", "zip", "pack", "--out", "pack.zip")
    assert (zipped.exit_code, zipped.stdout) == (0, "pack.zip\n"), zipped.stderr
    world.reset()
    monkeypatch.delenv("KCITY_ALLOW_PRIVATE_HOSTS")
    run = kcity("run", "pack.zip", "--offline", "--out", "out", "--quiet", "--json")
    assert run.exit_code == 0, run.stderr
    assert {"indicators.csv", "cells.parquet", "report.html", "map.html"} <= {
        p.name for p in (tmp_path / "out").iterdir()
    }
    checked = kcity("check", "pack", "--offline", "--json")
    assert checked.exit_code == 0, checked.stderr
    assert world.log() == []

    for form in ("pack", "pack.zip"):
        whole = kcity("pack", "verify", form)
        assert (whole.exit_code, whole.stdout[:6]) == (0, "whole:")
    raster = tmp_path / "pack" / "elevation.tif"
    data = bytearray(raster.read_bytes())
    data[len(data) // 2] ^= 1
    raster.write_bytes(bytes(data))
    packed = tmp_path / "pack.zip"
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 1
    packed.write_bytes(bytes(data))
    broken = kcity("pack", "verify", "pack")
    assert broken.exit_code == 1
    assert "elevation.tif" in broken.stdout
    assert kcity("pack", "verify", "pack.zip").exit_code == 1
    assert kcity("pack", "zip", "pack", "--out", "again.zip").exit_code == 2
    assert not (tmp_path / "again.zip").exists()


def test_a_list_with_one_failing_is_finished_and_resumed(
    kcity: Kcity, world: Server, tmp_path: Path
) -> None:
    (tmp_path / "cities.csv").write_text(
        "place,lat,lon,radius_km\nLarvotto,43.745,7.43,1\nSpringfield,,,\nPort,43.737,7.425,0.7\n"
    )
    words = (
        "fetch",
        "--cities",
        "cities.csv",
        "--out",
        "packs",
        "--products",
        "worldcover",
        "--json",
    )
    first = kcity(*words)
    assert first.exit_code == 1
    assert [row["status"] for row in json.loads(first.stdout)] == ["done", "failed", "done"]
    for row in (0, 2):
        pack = Path(json.loads(first.stdout)[row]["study"]).parent
        assert kcity("pack", "verify", pack).exit_code == 0
    world.reset()
    second = kcity(*words)
    assert second.exit_code == 1
    assert [row["status"] for row in json.loads(second.stdout)] == ["kept", "failed", "kept"]
    assert world.log() == []


def test_ambiguous_names_list_the_candidates(kcity: Kcity, tmp_path: Path) -> None:
    stopped = kcity("fetch", "Springfield", "--out", "pack", "--products", "worldcover")
    assert stopped.exit_code == 2
    assert stopped.stdout == ""
    assert "bear this name" in stopped.stderr
    assert "Springfield, MO" in stopped.stderr
    assert not (tmp_path / "pack").exists()


def test_commercial_refuses_and_says_why(kcity: Kcity, world: Server, tmp_path: Path) -> None:
    rows = tmp_path / "my-sources.toml"
    text = rows.read_text().replace(
        'id = "worldcover"\n', 'id = "worldcover"\nlicence = "CC-BY-NC-4.0"\n'
    )
    rows.write_text(text)
    words = ("fetch", "Monaco", "--out", "pack", "--products", "worldcover")
    refused = kcity(*words, "--commercial")
    assert refused.exit_code == 2
    assert "worldcover" in refused.stderr
    assert "forbids commercial use" in refused.stderr
    assert world.log() == []
    assert kcity(*words).exit_code == 0


def test_offline_with_an_empty_cache_names_what_is_missing(
    kcity: Kcity, world: Server, tmp_path: Path
) -> None:
    (tmp_path / "mine.geojson").write_text(SQUARE)
    words = ("fetch", "--boundary", "mine.geojson", "--out", "pack")
    missing = kcity(*words, "--products", "copernicus_glo30,ghs_pop", "--offline")
    assert missing.exit_code == 2
    for words_of_it in ("elevation: ", "population: ", "offline", "kcity fetch"):
        assert words_of_it in missing.stderr
    assert world.log() == []


def test_contact_is_asked_for(kcity: Kcity, world: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KCITY_CONTACT")
    words = ("fetch", "Monaco", "--out", "pack", "--products", "worldcover")
    refused = kcity(*words)
    assert refused.exit_code == 2
    assert "KCITY_CONTACT" in refused.stderr
    assert world.log() == []
    assert kcity(*words, "--contact", "me@example.org").exit_code == 0
    agents = {r["headers"]["user-agent"] for r in world.log("/search")}
    assert agents == {"kcity_geo/0.1 (me@example.org)"}


def test_private_addresses_need_the_users_word(
    kcity: Kcity, world: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.geojson").write_text(SQUARE)
    words = ("fetch", "--boundary", "mine.geojson", "--out", "pack", "--products", "worldcover")
    for value in ("0", "False", ""):
        monkeypatch.setenv("KCITY_ALLOW_PRIVATE_HOSTS", value)
        refused = kcity(*words)
        assert refused.exit_code == 2
        assert "KCITY_ALLOW_PRIVATE_HOSTS=1" in refused.stderr
    assert world.log() == []
    monkeypatch.setenv("KCITY_ALLOW_PRIVATE_HOSTS", "1")
    assert Config.from_env().allow_private_hosts
    assert not Config.from_env(allow_private_hosts=False).allow_private_hosts
    assert kcity(*words).exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give a place, a --boundary, or --cities"),
        (("Monaco", "--cities", "cities.csv"), "give a place, a --boundary, or --cities"),
        (("Monaco", "--products", "elevation"), "'elevation': not in the catalogue"),
        (("--boundary", "nothing.geojson"), "nothing.geojson"),
        (("--cities", "nothing.csv"), "nothing.csv"),
    ],
)
def test_what_cannot_be_typed(kcity: Kcity, words: tuple[str, ...], message: str) -> None:
    refused = kcity("fetch", *words)
    assert refused.exit_code == 2
    assert message in refused.stderr
    assert refused.stderr.count("\n") == 1, "one line, no traceback"


def test_data_that_may_not_be_handed_on_is_zipped_for_own_use_only(
    kcity: Kcity, tmp_path: Path
) -> None:
    rows = tmp_path / "my-sources.toml"
    rows.write_text(
        rows.read_text().replace('id = "worldcover"\n', 'id = "worldcover"\nlicence = "House-1"\n')
        + '\n[licence."House-1"]\ntitle = "House licence"\nno_redistribution = true\nchecked = true\n'
    )
    assert "House-1" in {p.licence for p in load_catalogue(rows).products.values()}
    assert kcity("fetch", "Monaco", "--out", "pack", "--products", "worldcover").exit_code == 0
    refused = kcity("pack", "zip", "pack", "--out", "pack.zip")
    assert refused.exit_code == 2
    assert "House licence" in refused.stderr
    assert "--own-use" in refused.stderr
    assert kcity("pack", "zip", "pack", "--out", "pack.zip", "--own-use").exit_code == 0
