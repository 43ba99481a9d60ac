"""A pack is whole or says what is not: folder and zip, one flipped byte anywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kcity_geo.errors import LicenceError, LimitError, OutputError, SourceError
from kcity_geo.sources.pack.manifest import Entry, write_manifest
from kcity_geo.sources.pack.pack import open_pack, verify_pack, zip_pack
from kcity_geo.sources.products.catalogue import load_catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from kcity_geo.config import Config


def entry(path: str, licence: str = "CC-BY-4.0") -> Entry:
    return Entry(
        path=path,
        theme="elevation",
        product="p",
        title="A product",
        version="1",
        unit="m",
        licence=licence,
        licence_title=licence,
        licence_url="",
        attribution="© Somebody",
        citation="",
        urls=["https://example.org/x"],
        retrieved="2026-11-22T00:00:00+00:00",
    )


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "elevation.tif").write_bytes(bytes(range(256)) * 20)
    (folder / "gtfs.zip").write_bytes(b"PK" + bytes(100))
    (folder / "study.toml").write_text('[city]\nname = "X"\n')
    write_manifest(
        folder,
        place={"label": "X"},
        entries=[entry("elevation.tif"), entry("gtfs.zip", "CC-BY-NC-4.0")],
        missing={"osm": "none"},
        made="2026-11-22",
        catalogue=load_catalogue(),
    )
    return folder


def flipped(data: bytes, at: int, mask: int = 0x01) -> bytes:
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def test_whole_pack_has_no_problems(pack: Path, tmp_path: Path) -> None:
    assert verify_pack(pack) == []
    assert verify_pack(zip_pack(pack, tmp_path / "p.zip")) == []


@pytest.mark.parametrize(
    "name", ["elevation.tif", "gtfs.zip", "study.toml", "ATTRIBUTION.txt", "manifest.json"]
)
def test_one_flipped_byte_is_found(name: str, pack: Path) -> None:
    path = pack / name
    whole = path.read_bytes()
    for at in {0, len(whole) // 3, len(whole) // 2, len(whole) - 2}:
        path.write_bytes(flipped(whole, at))
        problems = verify_pack(pack)
        assert problems, f"byte {at} of {name}"
        assert any(name in p or name == "manifest.json" for p in problems)
    path.write_bytes(whole)
    assert verify_pack(pack) == []


@pytest.mark.parametrize("mask", [0x01, 0x03, 0x04, 0x20, 0x80, 0xFF])
def test_every_byte_of_the_manifest_counts(mask: int, pack: Path) -> None:
    """A blank that became another blank is told too."""
    path = pack / "manifest.json"
    whole = path.read_bytes()
    for at in range(0, len(whole), 1 if mask == 0x01 else 7):
        path.write_bytes(flipped(whole, at, mask))
        assert verify_pack(pack), f"byte {at}: {whole[at : at + 1]!r}"


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_every_byte_of_the_zip_counts(mask: int, pack: Path, tmp_path: Path) -> None:
    """Headers, dates and the directory of the zip, too; what is no zip any more is a typed error."""
    (pack / "elevation.tif").write_bytes(b"short")
    (pack / "manifest.json").unlink()
    entries = [entry("elevation.tif"), entry("gtfs.zip", "CC-BY-NC-4.0")]
    write_manifest(pack, place={}, entries=entries, missing={}, made="", catalogue=load_catalogue())
    packed = zip_pack(pack, tmp_path / "p.zip")
    whole = packed.read_bytes()
    assert verify_pack(packed) == []
    for at in range(len(whole)):
        packed.write_bytes(flipped(whole, at, mask))
        try:
            assert verify_pack(packed), f"byte {at} of {len(whole)}"
        except (SourceError, LimitError) as error:
            assert re.search("is no pack|outside|inflates", str(error))  # noqa: PT017 - also well


def test_large_members_of_a_zip_are_compared_in_pieces(pack: Path, tmp_path: Path) -> None:
    (pack / "elevation.tif").write_bytes(bytes(range(256)) * 10_000)
    entries = [entry("elevation.tif"), entry("gtfs.zip", "CC-BY-NC-4.0")]
    write_manifest(pack, place={}, entries=entries, missing={}, made="", catalogue=load_catalogue())
    packed = zip_pack(pack, tmp_path / "p.zip")
    assert verify_pack(packed) == []
    packed.write_bytes(packed.read_bytes() + b"\0")
    assert verify_pack(packed) != []


def test_one_flipped_byte_of_the_zip(pack: Path, tmp_path: Path) -> None:
    packed = zip_pack(pack, tmp_path / "p.zip")
    whole = packed.read_bytes()
    at = whole.index(bytes(range(200)))
    for offset in (0, 1000, 5000):
        packed.write_bytes(flipped(whole, at + offset))
        assert any("elevation.tif" in p for p in verify_pack(packed))
    packed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="is no pack"):
        verify_pack(packed)


def test_missing_extra_and_swapped_files(pack: Path) -> None:
    (pack / "elevation.tif").unlink()
    (pack / "notes.txt").write_text("mine")
    assert verify_pack(pack) == ["elevation.tif: is missing", "notes.txt: is not in the manifest"]
    (pack / "elevation.tif").symlink_to("/etc/hostname")
    assert "elevation.tif: is missing" in verify_pack(pack)


def test_manifest_that_was_made_up(pack: Path) -> None:
    about = json.loads((pack / "manifest.json").read_text())
    about["files"][0]["licence"] = "CC0-1.0"
    (pack / "manifest.json").write_text(json.dumps(about))
    assert verify_pack(pack) == ["manifest.json: was changed after the pack was made"]
    (pack / "manifest.json").write_text("{")
    assert "cannot be read" in verify_pack(pack)[0]


@pytest.mark.parametrize("path", ["nothing", "a-file"])
def test_what_is_no_pack(path: str, tmp_path: Path, config: Config) -> None:
    (tmp_path / "a-file").write_text("x")
    with pytest.raises(SourceError, match="is no pack"):
        verify_pack(tmp_path / path)
    with pytest.raises(SourceError, match="is no pack"):
        open_pack(tmp_path / path, config=config)


def test_manifest_lists_only_what_is_there(pack: Path) -> None:
    with pytest.raises(OutputError, match="not in its folder"):
        write_manifest(
            pack,
            place={},
            entries=[entry("solar.tif")],
            missing={},
            made="",
            catalogue=load_catalogue(),
        )


def test_damaged_pack_is_not_zipped(pack: Path, tmp_path: Path) -> None:
    (pack / "elevation.tif").write_bytes(b"x")
    with pytest.raises(SourceError, match="is not whole: elevation.tif"):
        zip_pack(pack, tmp_path / "p.zip")
    assert not (tmp_path / "p.zip").exists()


# -- zips made by somebody else ---------------------------------------------------------------------


def evil_zip(pack: Path, out: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    members = {p.name: p.read_bytes() for p in pack.iterdir()}
    change(members)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out


def everything(tmp_path: Path, cache: Path) -> set[Path]:
    return {p for p in tmp_path.rglob("*") if cache not in p.parents and p != cache}


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside.txt", "a/../../outside.txt"])  # noqa: S108
def test_members_never_leave(name: str, pack: Path, tmp_path: Path, config: Config) -> None:
    packed = evil_zip(pack, tmp_path / "p.zip", lambda m: m.update({name: b"x"}))
    before = everything(tmp_path, config.cache_dir)
    with pytest.raises(SourceError, match="leads outside"):
        open_pack(packed, config=config)
    assert everything(tmp_path, config.cache_dir) == before
    assert not list((config.cache_dir / "packs").glob("*/*"))


def test_members_that_the_manifest_does_not_name_stay_inside(
    pack: Path, tmp_path: Path, config: Config
) -> None:
    packed = evil_zip(pack, tmp_path / "p.zip", lambda m: m.update({"run-me.sh": b"#!/bin/sh"}))
    assert verify_pack(packed) == ["run-me.sh: is not in the manifest"]
    study = open_pack(packed, config=config)
    assert not (study.parent / "run-me.sh").exists()


@pytest.mark.parametrize(
    "name", ["../x", "sub/x", ".hidden", "manifest.json", "a\\b", "", "x" * 300]
)
def test_manifest_with_names_that_are_none(
    name: str, pack: Path, tmp_path: Path, config: Config
) -> None:
    import hashlib

    def change(members: dict[str, bytes]) -> None:
        about = json.loads(members["manifest.json"])
        about["files"].append(
            {"path": name, "bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
        )
        members["manifest.json"] = json.dumps(about).encode()

    packed = evil_zip(pack, tmp_path / "p.zip", change)
    assert verify_pack(packed)
    with pytest.raises(SourceError):
        open_pack(packed, config=config)


def test_flipped_member_is_not_opened(pack: Path, tmp_path: Path, config: Config) -> None:
    packed = evil_zip(pack, tmp_path / "p.zip", lambda m: m.update({"elevation.tif": bytes(5120)}))
    with pytest.raises(SourceError, match="elevation.tif: was changed"):
        open_pack(packed, config=config)
    assert not [p for p in (config.cache_dir / "packs").iterdir() if p.is_dir()]


def test_copy_in_the_cache_is_checked_again(pack: Path, tmp_path: Path, config: Config) -> None:
    packed = zip_pack(pack, tmp_path / "p.zip")
    study = open_pack(packed, config=config)
    (study.parent / "elevation.tif").write_bytes(b"damaged")
    assert open_pack(packed, config=config) == study
    assert (study.parent / "elevation.tif").stat().st_size == 5120


def test_size_limit(pack: Path, tmp_path: Path, config: Config) -> None:
    packed = zip_pack(pack, tmp_path / "p.zip")
    with pytest.raises(LimitError, match="unpacks to"):
        open_pack(packed, config=replace(config, max_file_bytes=1000))


def test_attribution_says_what_each_licence_demands(pack: Path) -> None:
    text = (pack / "ATTRIBUTION.txt").read_text()
    assert "© Somebody" in text
    assert "Not for paid work: gtfs.zip" in text
    assert "elevation.tif" in text.split("What the licences demand")[0]


def test_data_that_may_not_be_handed_on(pack: Path, tmp_path: Path) -> None:
    entries = [entry("elevation.tif"), entry("gtfs.zip", "unknown")]
    write_manifest(pack, place={}, entries=entries, missing={}, made="", catalogue=load_catalogue())
    rules = {
        f["path"]: f.get("rules") for f in json.loads((pack / "manifest.json").read_text())["files"]
    }
    assert rules["elevation.tif"] == ["attribution"]
    assert rules["gtfs.zip"] == ["attribution", "non_commercial", "no_redistribution"]
    with pytest.raises(LicenceError, match=r"may not be handed on because of gtfs\.zip"):
        zip_pack(pack, tmp_path / "p.zip")
    assert not (tmp_path / "p.zip").exists()
    assert verify_pack(zip_pack(pack, tmp_path / "p.zip", own_use=True)) == []


def test_a_full_disk_leaves_no_part_of_a_zip(pack: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4k", "none", str(disk)]
    if os.geteuid() or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        with pytest.raises(OutputError, match="disk is full"):
            zip_pack(pack, disk / "p.zip")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
