"""
Checks that a downloaded file is whole and of the kind it claims to be.

Each check reads the file itself: its magic bytes, its structure, its last byte. None of them
trusts the name, the length or the content type that a server gave.
"""

from __future__ import annotations

import json
import lzma
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from kcity_geo.errors import LimitError, SourceError

__all__ = [
    "GTFS_FILES",
    "KINDS",
    "check_kind",
    "osm_blobs",
    "require_whole_list",
    "require_whole_zip",
    "safe_members",
]

# What the standard library lets through on a damaged zip, besides its own error.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
)
MAX_MEMBERS = 10_000
MAX_RATIO = 1000
_END_BYTES = 22 + 0xFFFF  # the end of a zip: its fixed part and the longest comment
RATIO_FREE_BYTES = 50_000_000  # GHSL tiles of open sea inflate 600-fold and are harmless when small
GTFS_FILES = {
    "agency.txt",
    "attributions.txt",
    "areas.txt",
    "booking_rules.txt",
    "calendar.txt",
    "calendar_dates.txt",
    "fare_attributes.txt",
    "fare_leg_rules.txt",
    "fare_media.txt",
    "fare_products.txt",
    "fare_rules.txt",
    "fare_transfer_rules.txt",
    "feed_info.txt",
    "frequencies.txt",
    "levels.txt",
    "location_groups.txt",
    "location_group_stops.txt",
    "networks.txt",
    "pathways.txt",
    "route_networks.txt",
    "routes.txt",
    "shapes.txt",
    "stop_areas.txt",
    "stop_times.txt",
    "stops.txt",
    "timeframes.txt",
    "transfers.txt",
    "translations.txt",
    "trips.txt",
}


def _head(path: Path, count: int = 512) -> bytes:
    with path.open("rb") as stream:
        return stream.read(count)


def _refuse_html(path: Path) -> None:
    text = _head(path).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or (
        text.startswith(b"<?xml") and b"<html" in text
    ):
        raise SourceError("the server sent a web page instead of the file")


def _check_json(path: Path) -> None:
    try:
        json.loads(path.read_bytes())
    except ValueError as error:
        raise SourceError(f"is not whole JSON ({error})") from error


def safe_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """
    List the members of a zip, refusing bombs and names that lead outside.

    Parameters
    ----------
    archive : an open zip.

    Returns
    -------
    Members that are files.

    Raises
    ------
    LimitError
        If there are too many members or one inflates suspiciously.
    SourceError
        If a name is absolute or climbs out.
    """
    members = [m for m in archive.infolist() if not m.is_dir()]
    _refuse_bombs(members)
    for member in members:
        name = member.filename
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in parts[0]:
            raise SourceError(f"zip member {name!r} has a name that leads outside")
    return members


def _refuse_bombs(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise LimitError(f"zip holds {len(members)} members; the limit is {MAX_MEMBERS}")
    for member in members:
        ratio = member.file_size / max(1, member.compress_size)
        if ratio > MAX_RATIO and member.file_size > RATIO_FREE_BYTES:
            raise LimitError(
                f"zip member {member.filename!r} inflates {ratio:,.0f}-fold to {member.file_size:,} bytes; "
                f"the limit is {MAX_RATIO}-fold"
            )


def require_whole_zip(path: Path) -> None:
    """
    Refuse a zip that is damaged anywhere, before another library gets it.

    Names of members are not looked at: nothing is taken out by its name.

    Parameters
    ----------
    path : the file.

    Raises
    ------
    SourceError
        If a member cannot be inflated or differs from its checksum.
    LimitError
        If there are too many members or one inflates suspiciously.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_bombs([m for m in archive.infolist() if not m.is_dir()])
            require_whole_list(archive, path)
            broken = archive.testzip()
    except LimitError:
        raise
    except _DAMAGED as error:
        raise SourceError(f"is not a whole zip ({error})") from error
    if broken is not None:
        raise SourceError(f"is not a whole zip (member {broken!r} is damaged)")


def require_whole_list(archive: zipfile.ZipFile, path: Path) -> None:
    """
    Refuse a zip whose list of members is damaged: a member that it loses would be missed in silence.

    Parameters
    ----------
    archive : the open zip.
    path : its file.

    Raises
    ------
    zipfile.BadZipFile
        If the list holds fewer or more members than its end states, or the name of a member is another
        where its data begin.
    """
    members = archive.infolist()
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _END_BYTES))
        tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    stated = int.from_bytes(tail[at + 10 : at + 12], "little")
    if stated not in {len(members), 0xFFFF}:
        raise zipfile.BadZipFile(f"its list holds {len(members)} of {stated} members")
    for member in members:
        # An encrypted or oddly packed member that nobody reads does no harm.
        with suppress(RuntimeError, NotImplementedError), archive.open(member):
            pass


def _check_zip(path: Path) -> None:
    require_whole_zip(path)
    with zipfile.ZipFile(path) as archive:
        safe_members(archive)


def _check_gtfs(path: Path) -> None:
    _check_zip(path)
    with zipfile.ZipFile(path) as archive:
        names = {PurePosixPath(m.filename).name.lower() for m in safe_members(archive)}
    missing = {"stops.txt", "routes.txt", "trips.txt", "stop_times.txt"} - names
    if missing:
        raise SourceError(f"is no GTFS feed: {', '.join(sorted(missing))} missing")


def _check_tiff(path: Path) -> None:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError
    from rasterio.windows import Window

    if _head(path, 4) not in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        raise SourceError("is no GeoTIFF")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as data:
                for row, col in ((0, 0), (data.height - 1, data.width - 1)):
                    data.read(1, window=Window(col, row, 1, 1))
    except (RasterioError, OSError) as error:
        raise SourceError(f"is not a whole GeoTIFF ({error})") from error


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at
        shift += 7


def _blob_header(data: bytes) -> tuple[str, int]:
    kind, size, at = "", -1, 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        value, at = _varint(data, at)
        if wire == 2:  # noqa: PLR2004 - length-delimited
            if number == 1:
                kind = data[at : at + value].decode("ascii")
            at += value
        elif number == 3:  # noqa: PLR2004 - datasize
            size = value
    return kind, size


def osm_blobs(stream: BinaryIO) -> Iterator[str]:
    """
    Walk the blobs of an ``.osm.pbf`` without inflating them.

    Parameters
    ----------
    stream : seekable, at the start of the file.

    Yields
    ------
    str
        ``"OSMHeader"`` or ``"OSMData"``, one a blob.

    Raises
    ------
    SourceError
        If the file ends in the middle of a blob or is no PBF.
    """
    end = stream.seek(0, 2)
    at = stream.seek(0)
    while at < end:
        length = int.from_bytes(stream.read(4), "big")
        if not 0 < length <= 64 * 1024 or at + 4 + length > end:
            raise SourceError(f"is not a whole .osm.pbf (broken at byte {at:,} of {end:,})")
        try:
            kind, size = _blob_header(stream.read(length))
        except (IndexError, UnicodeDecodeError) as error:
            raise SourceError(f"is no .osm.pbf (broken at byte {at:,})") from error
        at += 4 + length + size
        if kind not in {"OSMHeader", "OSMData"} or size < 0 or at > end:
            raise SourceError(f"is not a whole .osm.pbf (ends at byte {end:,} inside a block)")
        stream.seek(at)
        yield kind


def _check_pbf(path: Path) -> None:
    with path.open("rb") as stream:
        blobs = osm_blobs(stream)
        if next(blobs, None) != "OSMHeader":
            raise SourceError("is no .osm.pbf")
        count = sum(1 for _ in blobs)
    if count == 0:
        raise SourceError("is an .osm.pbf without data")


def _check_text(path: Path) -> None:
    data = _head(path, 65536)
    if not data.strip():
        raise SourceError("is empty")
    if b"\0" in data:
        raise SourceError("is not text")


def _check_parquet(path: Path) -> None:
    with path.open("rb") as stream:
        first = stream.read(4)
        stream.seek(-4, 2)
        if first != b"PAR1" or stream.read(4) != b"PAR1":
            raise SourceError("is not a whole Parquet file")


def _check_listing(path: Path) -> None:
    text = path.read_text(encoding="utf-8", errors="replace")
    if "<ListBucketResult" not in text or not re.search(r"</ListBucketResult>\s*$", text):
        raise SourceError("is not a whole bucket listing")


KINDS: dict[str, Callable[[Path], None]] = {
    "any": lambda path: None,  # noqa: ARG005 - nothing is known about it
    "page": lambda path: None,  # noqa: ARG005 - a web page on purpose
    "json": _check_json,
    "zip": _check_zip,
    "gtfs": _check_gtfs,
    "tiff": _check_tiff,
    "pbf": _check_pbf,
    "text": _check_text,
    "parquet": _check_parquet,
    "listing": _check_listing,
}


def check_kind(path: Path, kind: str) -> None:
    """
    Refuse a file that is cut, damaged or something else than expected.

    Parameters
    ----------
    path : the file.
    kind : one of `KINDS`.

    Raises
    ------
    SourceError
        If it is not a whole file of that kind.
    LimitError
        If a zip is a bomb.
    """
    if path.stat().st_size == 0:
        raise SourceError("is empty")
    if kind != "page":
        _refuse_html(path)
    KINDS[kind](path)
