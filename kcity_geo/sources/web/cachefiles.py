"""
Cache files: what is known of a download, finished or begun, and how it is kept.

Small functions on files and answers; the steps that make a download safe are in
`kcity_geo.sources.web.download`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests

from kcity_geo.errors import KCityError, OutputError, SourceError

__all__ = [
    "Download",
    "Head",
    "Progress",
    "continues",
    "digest",
    "forget",
    "meta_of",
    "part_meta",
    "quarantine",
    "require_digest",
    "retry_after",
    "storing",
    "total_bytes",
    "validator",
    "why",
    "write_atomic",
]

_log = logging.getLogger(__name__)
_FULL_BYTES = 1_000_000  # less than this left is a full disk


@dataclass(frozen=True)
class Progress:
    """How far one download is; `total_bytes` is None when the server does not say."""

    what: str
    done_bytes: int
    total_bytes: int | None
    bytes_per_s: float

    def __str__(self) -> str:
        """Give one line for a progress bar."""
        whole = f" of {self.total_bytes / 1e6:,.1f}" if self.total_bytes else ""
        return f"{self.what}: {self.done_bytes / 1e6:,.1f}{whole} MB, {self.bytes_per_s / 1e6:,.1f} MB/s"


@dataclass(frozen=True)
class Download:
    """A file that is complete and verified, and where it came from."""

    path: Path
    url: str
    final_url: str
    etag: str
    last_modified: str
    retrieved: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Head:
    """What a server says about an address without sending it."""

    status: int
    final_url: str
    etag: str
    length: int | None


def retry_after(response: requests.Response) -> float | None:
    """
    Give the seconds of a ``Retry-After`` header, number or date; None without one.

    Parameters
    ----------
    response : answer of a server.

    Returns
    -------
    Seconds, zero or more; None without the header.
    """
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def validator(meta: Mapping[str, str]) -> str:
    """
    Give what ``If-Range`` may carry: a strong etag, else a date.

    Parameters
    ----------
    meta : as written by `meta_of`.

    Returns
    -------
    The value of the header; ``""`` when a part cannot be continued safely.
    """
    etag = meta.get("etag", "")
    return etag if etag and not etag.startswith("W/") else meta.get("last_modified", "")


def digest(path: Path, name: str) -> str:
    """
    Give the hexadecimal digest of a file; `name` as in `hashlib`.

    Parameters
    ----------
    path : the file.
    name : of the algorithm, as in `hashlib`.

    Returns
    -------
    Hexadecimal digits.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(
            stream, lambda: hashlib.new(name, usedforsecurity=False)
        ).hexdigest()


def require_digest(name: str, found: str, wanted: str | None) -> None:
    """
    Refuse a file whose digest is not the published one (None: none was published).

    Parameters
    ----------
    name : of the algorithm, for the message.
    found : digest of the file.
    wanted : published digest; None: none was published.
    """
    if wanted and found != wanted.lower():
        raise SourceError(f"its {name} is {found}, not {wanted}")


def write_atomic(path: Path, text: str) -> None:
    """
    Write a text so that the path holds it whole or not at all.

    Parameters
    ----------
    path : the file.
    text : its new content.
    """
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


@contextlib.contextmanager
def storing(folder: Path, *, mend: str) -> Iterator[None]:
    """
    Give the error of this package for what a full or closed disk makes any library raise.

    Parameters
    ----------
    folder : that is written into.
    mend : what to do otherwise, for the message.
    """
    try:
        yield
    except KCityError:
        raise
    except Exception as error:
        if _is_full(folder):
            raise OutputError(f"{folder}: the disk is full; make room, or {mend}") from error
        if isinstance(error, OSError):
            raise OutputError(f"{folder}: cannot be written ({error}); {mend}") from error
        raise


def _is_full(folder: Path) -> bool:
    there = next(p for p in (folder, *folder.absolute().parents) if p.is_dir())
    return shutil.disk_usage(there).free < _FULL_BYTES


def forget(*paths: Path) -> None:
    """
    Delete files, whether they are there or not.

    Parameters
    ----------
    *paths : files.
    """
    for path in paths:
        path.unlink(missing_ok=True)


def part_meta(part: Path, note: Path, url: str) -> dict[str, str]:
    """
    Say what an earlier try left behind; empty when it cannot be continued.

    Parameters
    ----------
    part : the unfinished file.
    note : what was known when it was begun.
    url : address that is wanted now.

    Returns
    -------
    As written by `meta_of`; empty when the part cannot be continued.
    """
    try:
        meta: dict[str, str] = json.loads(note.read_text(encoding="utf-8"))
        usable = part.stat().st_size > 0 and meta["url"] == url and bool(validator(meta))
    except (OSError, ValueError, KeyError, TypeError):
        usable = False
    if usable:
        return meta
    forget(part, note)
    return {}


def meta_of(response: requests.Response, url: str) -> dict[str, str]:
    """
    Keep what identifies the version of a file that a server sends.

    Parameters
    ----------
    response : answer of a server.
    url : address that was asked.

    Returns
    -------
    ``url``, ``final_url``, ``etag`` and ``last_modified``.
    """
    return {
        "url": url,
        "final_url": response.url,
        "etag": response.headers.get("ETag", ""),
        "last_modified": response.headers.get("Last-Modified", ""),
    }


def continues(response: requests.Response, meta: Mapping[str, str], have: int) -> bool:
    """
    Say whether a 206 answer goes on exactly where the kept part of `have` bytes ends.

    Parameters
    ----------
    response : answer to a request for the rest.
    meta : of the kept part.
    have : bytes that are kept.

    Returns
    -------
    False when another version or another place of the file came.
    """
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    same = response.headers.get("ETag", "") == meta.get("etag", "")
    return match is not None and int(match[1]) == have and same


def total_bytes(response: requests.Response, have: int) -> int | None:
    """
    Give the size of the whole file, bytes; None when the server does not say.

    Parameters
    ----------
    response : answer of a server.
    have : bytes that are kept already.

    Returns
    -------
    Bytes; None when the server does not say.
    """
    length = response.headers.get("Content-Length", "")
    if not (length.isascii() and length.isdigit()) or response.headers.get("Content-Encoding"):
        return None
    return have + int(length)


def why(error: BaseException) -> str:
    """
    Put the innermost reason of an error into one line.

    Parameters
    ----------
    error : any error.

    Returns
    -------
    Its class and message, 160 characters at most.
    """
    inner: BaseException = error
    while (
        deeper := inner.__cause__ or inner.__context__ or getattr(inner, "reason", None)
    ) and isinstance(deeper, BaseException):
        inner = deeper
    return f"{type(error).__name__}: {str(inner)[:160]}"


def quarantine(folder: Path) -> None:
    """
    Move answers that OSMnx left half-written out of its way.

    Parameters
    ----------
    folder : cache of OSMnx; made when it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        try:
            whole = "remark" not in json.loads(path.read_bytes())
        except ValueError:
            whole = False
        if not whole:
            (folder / "quarantine").mkdir(exist_ok=True)
            path.replace(folder / "quarantine" / path.name)
            _log.warning("%s was cut; moved to quarantine", path)
