"""The folder of a finished study: written whole beside its place, then moved there."""

from __future__ import annotations

import ctypes
import errno
import fnmatch
import glob
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from kcity_geo.errors import OutputError
from kcity_geo.outputs.text import plain_text
from kcity_geo.result import Result

__all__ = ["STUDY", "Contents", "check_out_dir", "clear_left_over", "save", "save_whole"]

#: What a finished study may hold; anything else in a folder is somebody's work and stays.
OUTPUT_FILES = (
    "map.html",
    "report.html",
    "report.pdf",
    "report.docx",
    "*.geojson",
    "cells.parquet",
    "buildings.parquet",
    "study.gpkg",
    "study.qgz",
    "study.geolibre.json",
    "datapackage.json",
    "stac-item.json",
    "layers",
    "flatgeobuf",
    "pmtiles",
    "inventory.csv",
    "indicators.csv",
    "indicator_details.csv",
    "columns.csv",
    "unreadable_tags.csv",
    "study.xlsx",
    "study.toml",
    "inputs",
    "ledger.json",
    "project_summary.json",
    "robustness.csv",
    "dossiers.xlsx",
    "ATTRIBUTION.txt",
    "warnings.txt",
)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """
    What a folder of results is known by.

    Parameters
    ----------
    what : it holds, in words.
    marks : files that it always has.
    known : all that it may hold; anything else is somebody's work and stays.
    """

    what: str
    marks: tuple[str, ...]
    known: tuple[str, ...]


#: What file managers and GIS leave behind by themselves.
_LITTER = ("*.aux.xml", "*-wal", "*-shm", "*-journal", ".DS_Store", "Thumbs.db", "desktop.ini")
STUDY = Contents(
    what="finished study", marks=("study.toml", "map.html", "report.html"), known=OUTPUT_FILES
)
#: Bytes of a path that leave room for the files inside, and of one name.
_LONGEST_PATH = 3500
_LONGEST_NAME = 255
#: With less than this a disk is full.
_NEARLY_NOTHING_BYTES = 64 * 1024
#: Folder beside the result in which a study is written: lock, new and, for a moment, previous.
_STAGE_MARK = "-kcity-"
#: A stage without a lock is one that is being made now, or is left over after this time.
_STAGE_AGE_S = 60.0


def check_out_dir(path: str | Path, *, contents: Contents = STUDY) -> Path:
    """
    Make sure that a study can be saved to a folder, before any work is done.

    Parameters
    ----------
    path : folder that does not exist yet, is empty, or holds a former result and nothing else.
    contents : what a former result is known by.

    Returns
    -------
    The absolute path. Nothing is created or changed.

    Raises
    ------
    OutputError
        If the path is a file, holds something else than a former study, or cannot be written.
    """
    out = _plain_path(path)
    if out.exists() and not out.is_dir():
        raise OutputError(f"{path}: is a file; give a folder for the results")
    parent = next((p for p in (out, *out.parents) if p.exists()), Path(out.anchor))
    if out.parent == out:
        raise OutputError(f"{path}: is the root of the disk; give a folder for the results")
    if not parent.is_dir():
        raise OutputError(f"{path}: {parent} is a file, so no folder can be made below it")
    writable = [parent, out.parent] if out.exists() else [parent]
    for folder in writable:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{path}: {folder} cannot be written; choose another folder")
    _probe(parent.parent if parent == out else parent, shown=str(path))
    if out.exists():
        _refuse_foreign(out, contents, shown=str(path))
    return out


def _plain_path(path: str | Path) -> Path:
    """Give the absolute path of a name that every writer of files can take."""
    shown = plain_text(path, max_chars=80)
    if "\0" in str(path):
        raise OutputError("--out: the path holds a NUL character; give a plain folder name")
    if not str(path).isprintable():
        raise OutputError(
            f"--out: {shown!r} holds a line feed, a control character or bytes that are no UTF-8; "
            "give a plain folder name"
        )
    try:
        out = Path(path).expanduser().resolve()
        out.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except RuntimeError as error:  # no such user, or a loop of links
        raise OutputError(f"--out: {shown} cannot be used ({error}); give another") from error
    except OSError as error:
        raise OutputError(f"--out: {shown} cannot be used ({error.strerror})") from error
    if not str(out).isprintable():
        raise OutputError(
            f"--out: {shown}: a folder above it has a control character or bytes that are no UTF-8 "
            "in its name; choose another folder"
        )
    if str(out).startswith("/vsi"):
        raise OutputError(f"--out: {shown}: /vsi names no place on a disk for GDAL; give another")
    longest = max((len(os.fsencode(part)) for part in out.parts), default=0)
    if len(os.fsencode(out)) > _LONGEST_PATH or longest > _LONGEST_NAME:
        raise OutputError(
            f"--out: {shown} is too long ({len(os.fsencode(out)):,} bytes, at most {_LONGEST_PATH:,}; "
            f"each name at most {_LONGEST_NAME}); give a shorter one"
        )
    return out


def _probe(folder: Path, *, shown: str) -> None:
    """Make and remove an empty folder: what the permissions promise is not always true."""
    try:
        Path(tempfile.mkdtemp(prefix=".kcity-", dir=folder)).rmdir()
    except OSError as error:
        raise OutputError(
            f"{shown}: {folder} cannot be written ({error.strerror}); choose another folder"
        ) from error


def _refuse_foreign(out: Path, contents: Contents, *, shown: str) -> None:
    names = sorted(p.name for p in out.iterdir())
    if not names:
        return
    if not all((out / mark).is_file() for mark in contents.marks):
        raise OutputError(
            f"{shown}: holds {len(names)} files, the first is {names[0]!r}, and is no "
            f"{contents.what}; give a new or empty folder"
        )
    known = (*contents.known, *_LITTER)
    foreign = [n for n in names if not any(fnmatch.fnmatchcase(n, k) for k in known)]
    if (out / "layers").is_dir():
        inner = ("*.tif", "*.qml", *_LITTER)
        foreign += [
            f"layers/{p.name}"
            for p in sorted((out / "layers").iterdir())
            if not any(fnmatch.fnmatchcase(p.name, k) for k in inner)
        ]
    if foreign:
        raise OutputError(
            f"{shown}: holds {foreign[0]!r}, which is no part of a {contents.what} and would be lost; "
            "move it away or give another folder"
        )


def save(result: Result, out: str | Path, *, progress: Callable[[str], None] | None = None) -> Path:
    """
    Write the folder of a finished study.

    Everything is written into a temporary folder beside `out` and moved into place when whole.
    The same result always gives the same bytes.

    Parameters
    ----------
    result : a finished study.
    out : folder; see `check_out_dir` for what may be there.
    progress : called with the name of each file before it is written.

    Returns
    -------
    Absolute path of the folder.

    Raises
    ------
    OutputError
        If the folder may not be used or a file cannot be written; a previous result stays.
    """
    from kcity_geo.outputs.study_files import write_study

    told = progress or (lambda _: None)
    return save_whole(out, lambda work, at: write_study(result, work, target=at, progress=told))


def save_whole(
    out: str | Path, write: Callable[[Path, Path], None], *, contents: Contents = STUDY
) -> Path:
    """
    Write a folder beside its place and move it there when whole.

    Parameters
    ----------
    out : folder; see `check_out_dir` for what may be there.
    write : called with the folder to write into and the place where it will be.
    contents : what a former result is known by.

    Returns
    -------
    Absolute path of the folder.

    Raises
    ------
    OutputError
        If the folder may not be used or a file cannot be written; a previous result stays.
    """
    target = check_out_dir(out, contents=contents)
    shown = plain_text(out, max_chars=200)
    failures = _failures()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        clear_left_over(target.parent, [target.name])
        with _stage(target) as stage:
            try:
                work = stage / "new"
                work.mkdir()
                write(work, target)
                work.chmod(0o755)
                _move_into_place(stage, target)
            except failures as error:  # said here, while what was written is still on the disk
                raise OutputError(f"{shown}: {_reason(error, stage)}") from error
    except OutputError:
        raise
    except failures as error:
        raise OutputError(f"{shown}: {_reason(error, target.parent)}") from error
    return target


def _failures() -> tuple[type[Exception], ...]:
    """Give what the writers of files raise when the disk does not take them."""
    import pyarrow as pa
    from pyogrio.errors import DataLayerError, DataSourceError
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    return (
        OSError,
        DataLayerError,
        DataSourceError,
        RasterioError,
        CPLE_BaseError,
        pa.ArrowException,
        sqlite3.Error,
    )


def _reason(error: Exception, folder: Path) -> str:
    """
    Say in one line why a file could not be written, whatever library said it.

    GDAL and SQLite often say only that a write failed, and take back what they wrote: a disk with less
    room than the study has taken so far is full.
    """
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        one = one.__cause__ or one.__context__
    full = any(
        (isinstance(e, OSError) and e.errno in {errno.ENOSPC, errno.EDQUOT})
        or re.search(r"no space left|disk is full", str(e), flags=re.IGNORECASE)
        for e in chain
    )
    place = next((p for p in (folder, *folder.parents) if p.exists()), Path(folder.anchor))
    written = sum(p.stat().st_size for p in folder.glob("new/**/*") if p.is_file())
    full = full or shutil.disk_usage(place).free < max(written, _NEARLY_NOTHING_BYTES)
    if full:
        return (
            "the disk is full (No space left on device); free some space or choose another folder"
        )
    return f"cannot be written ({plain_text(error)}); choose another folder"


def _stage_name(target: Path) -> str:
    """Begin the names of the stages of one result, and of no other."""
    own = sha256(target.name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f".{target.name[:24]}{_STAGE_MARK}{own}-"


@contextmanager
def _stage(target: Path) -> Iterator[Path]:
    """Make the folder in which a study is written, locked while this process lives."""
    stage = Path(tempfile.mkdtemp(prefix=_stage_name(target), dir=target.parent))
    lock = FileLock(stage / "lock")
    try:
        lock.acquire(timeout=0)
        yield stage
    finally:
        lock.release()
        shutil.rmtree(stage, ignore_errors=True)


def clear_left_over(folder: Path, names: Iterable[str], *, others: bool = False) -> None:
    """
    Remove what killed processes left beside their results, and put a former result back.

    Parameters
    ----------
    folder : of the results.
    names : of the results.
    others : whether what was left beside results of other names goes, too, unless it holds a former one.
    """
    targets = {_stage_name(folder / name): folder / name for name in names}
    stages = folder.glob(f".*{_STAGE_MARK}*")
    if not others and len(targets) == 1:
        stages = folder.glob(glob.escape(next(iter(targets))) + "*")
    for stage in sorted(stages):
        target = targets.get(stage.name[: stage.name.rindex("-") + 1])
        if target is not None or (others and not (stage / "previous").exists()):
            _clear(stage, target)


def _clear(stage: Path, target: Path | None) -> None:
    """Remove a stage that nobody writes any more."""
    if not stage.is_dir() or {p.name for p in stage.iterdir()} - {"lock", "new", "previous"}:
        return
    lock = FileLock(stage / "lock")
    if not (stage / "lock").exists():
        if time.time() - stage.stat().st_mtime > _STAGE_AGE_S:
            shutil.rmtree(stage, ignore_errors=True)
        return
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return  # another process is writing
    try:
        if target is not None and (stage / "previous").is_dir() and not target.exists():
            (stage / "previous").replace(target)
    finally:
        lock.release()
    shutil.rmtree(stage, ignore_errors=True)


def _move_into_place(stage: Path, target: Path) -> None:
    """Put the new result where the former one is: at no moment is the place empty on Linux."""
    if not target.exists():
        (stage / "new").replace(target)
        return
    if _exchanged(stage / "new", target):
        return
    target.replace(stage / "previous")
    try:
        (stage / "new").replace(target)
    except OSError:
        (stage / "previous").replace(target)
        raise


def _exchanged(one: Path, other: Path) -> bool:
    """Let two folders change places in one step, where the system can."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)
    if rename is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
