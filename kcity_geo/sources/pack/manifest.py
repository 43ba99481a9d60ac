"""Manifest of a pack: every file with its checksum, origin, date and licence, and what must be printed of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kcity_geo.errors import OutputError
from kcity_geo.fingerprint import sha256_of_file
from kcity_geo.sources.products.catalogue import Catalogue

__all__ = ["MANIFEST", "STUDY", "Entry", "attribution_text", "read_manifest", "write_manifest"]

FORMAT = "kcity-pack/1"
MANIFEST = "manifest.json"
STUDY = "study.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file of a pack: what it is, where it came from, under which terms."""

    path: str
    theme: str
    product: str
    title: str
    version: str
    unit: str
    licence: str
    licence_title: str
    licence_url: str
    attribution: str
    citation: str
    urls: list[str]
    retrieved: str
    as_of: str = ""
    note: str = ""
    checks: dict[str, str] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)
    bytes: int = 0
    sha256: str = ""


def _canonical(manifest: Mapping[str, Any]) -> str:
    rest = {k: v for k, v in manifest.items() if k != "checksum"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _written(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()


def write_manifest(  # noqa: PLR0913 - an option each, all named
    folder: Path,
    *,
    place: Mapping[str, Any],
    entries: Iterable[Entry],
    missing: Mapping[str, str],
    failed: Iterable[str] = (),
    made: str,
    catalogue: Catalogue,
) -> Path:
    """
    Write ``ATTRIBUTION.txt`` and ``manifest.json`` of a folder.

    Parameters
    ----------
    folder : holds the files already, ``study.toml`` among them.
    place : name, centre, population and so on of the city.
    entries : one a data file; size and sha256 are filled in here.
    missing : theme -> why it is not in the pack.
    failed : themes of `missing` that are there but could not be had; another run may.
    made : ISO date and time.
    catalogue : for the licences.

    Returns
    -------
    Path of the manifest.

    Raises
    ------
    OutputError
        If a listed file is not in the folder.
    """
    rows = sorted(entries, key=lambda e: e.path)
    (folder / "ATTRIBUTION.txt").write_text(
        attribution_text(rows, place=str(place.get("label", "")), catalogue=catalogue),
        encoding="utf-8",
    )
    files = []
    for entry in rows:
        path = folder / entry.path
        if not path.is_file():
            raise OutputError(f"{path}: is in the list of the pack but not in its folder")
        files.append(
            asdict(entry)
            | {
                "rules": catalogue.licence(entry.licence).rules,
                "bytes": path.stat().st_size,
                "sha256": sha256_of_file(path),
            }
        )
    for name in ("ATTRIBUTION.txt", STUDY):
        path = folder / name
        files.append(
            {
                "path": name,
                "theme": "pack",
                "bytes": path.stat().st_size,
                "sha256": sha256_of_file(path),
            }
        )
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "made": made,
        "place": dict(place),
        "missing": dict(missing),
        "failed": sorted(failed),
        "files": files,
    }
    manifest["checksum"] = _canonical(manifest)
    path = folder / MANIFEST
    path.write_bytes(_written(manifest))
    return path


def attribution_text(entries: Iterable[Entry], *, place: str, catalogue: Catalogue) -> str:
    """
    Write what must be printed with every map, table and export.

    Parameters
    ----------
    entries : files of the pack.
    place : name of the city.
    catalogue : for the rules of the licences.

    Returns
    -------
    Plain text: a paragraph a product, then what the licences demand.
    """
    lines = [f"Data of this pack: {place}".rstrip(": "), ""]
    rules: dict[str, set[str]] = {}
    for entry in entries:
        about = f"{entry.title} ({entry.version})" if entry.version else entry.title
        lines += [f"{entry.path}: {about}", f"  {entry.attribution}"]
        lines += [
            f"  Licence: {entry.licence_title}"
            + (f", {entry.licence_url}" if entry.licence_url else "")
        ]
        lines += [
            f"  Retrieved {entry.retrieved[:10]}"
            + (f", data of {entry.as_of}" if entry.as_of else "")
        ]
        if entry.citation:
            lines += [f"  {entry.citation}"]
        lines += [""]
        licence = catalogue.licence(entry.licence)
        if licence.share_alike:
            rules.setdefault(
                "A database made from these files and published must carry the same licence (maps and "
                "reports need only the attribution)",
                set(),
            ).add(entry.path)
        if licence.non_commercial:
            rules.setdefault(
                "Not for paid work" + ("" if licence.checked else " until its terms are read"),
                set(),
            ).add(entry.path)
        if licence.no_redistribution:
            rules.setdefault(
                "Not to be handed on" + ("" if licence.checked else " until its terms are read"),
                set(),
            ).add(entry.path)
    if rules:
        lines += ["What the licences demand:"]
        lines += [f"  {rule}: {', '.join(sorted(paths))}" for rule, paths in sorted(rules.items())]
    return "\n".join(lines).rstrip() + "\n"


# -- checking ------------------------------------------------------------------------------------


def read_manifest(text: bytes) -> tuple[dict[str, tuple[int, str]], list[str]]:
    """
    Read a manifest.

    Parameters
    ----------
    text : bytes of the file.

    Returns
    -------
    Name of each file -> its size in bytes and its sha256; and what is wrong with the manifest, a line each.
    """
    problems = []
    try:
        manifest = json.loads(text)
        files = {str(f["path"]): (int(f["bytes"]), str(f["sha256"])) for f in manifest["files"]}
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        return {}, [f"{MANIFEST}: cannot be read ({error!r})"]
    if manifest.get("format") != FORMAT:
        problems.append(f"{MANIFEST}: format {manifest.get('format')!r}, not {FORMAT!r}")
    if manifest.get("checksum") != _canonical(manifest) or text != _written(manifest):
        problems.append(f"{MANIFEST}: was changed after the pack was made")
    bad = [name for name in files if not _NAME.fullmatch(name) or name == MANIFEST]
    problems += [f"{MANIFEST}: {name!r} is no plain file name" for name in bad]
    return {k: v for k, v in files.items() if k not in bad}, problems
