"""The folder of a finished study: written whole beside its place, then moved there."""

from __future__ import annotations

import fnmatch
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from kcity_geo.errors import OutputError
from kcity_geo.result import Result

__all__ = ["check_out_dir", "save"]

#: What a finished study may hold; anything else in a folder is somebody's work and stays.
OUTPUT_FILES = (
    "map.html",
    "report.html",
    "*.geojson",
    "cells.parquet",
    "study.gpkg",
    "layers",
    "inventory.csv",
    "indicators.csv",
    "indicator_details.csv",
    "columns.csv",
    "unreadable_tags.csv",
    "study.xlsx",
    "study.toml",
    "ledger.json",
    "ATTRIBUTION.txt",
    "warnings.txt",
)
#: What file managers and GIS leave behind by themselves.
_LITTER = ("*.aux.xml", "*-wal", "*-shm", "*-journal", ".DS_Store", "Thumbs.db", "desktop.ini")
_MARKS = ("study.toml", "map.html", "report.html")


def check_out_dir(path: str | Path) -> Path:
    """
    Make sure that a study can be saved to a folder, before any work is done.

    Parameters
    ----------
    path : folder that does not exist yet, is empty, or holds a former study and nothing else.

    Returns
    -------
    The absolute path. Nothing is created or changed.

    Raises
    ------
    OutputError
        If the path is a file, holds something else than a former study, or cannot be written.
    """
    if "\0" in str(path):
        raise OutputError("--out: the path holds a NUL character; give a plain folder name")
    out = Path(path).expanduser().resolve()
    try:
        out.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise OutputError(f"--out: {str(path)[:80]} cannot be used ({error.strerror})") from error
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
        _refuse_foreign(out, shown=str(path))
    return out


def _probe(folder: Path, *, shown: str) -> None:
    """Make and remove an empty folder: what the permissions promise is not always true."""
    try:
        Path(tempfile.mkdtemp(prefix=".kcity-", dir=folder)).rmdir()
    except OSError as error:
        raise OutputError(
            f"{shown}: {folder} cannot be written ({error.strerror}); choose another folder"
        ) from error


def _refuse_foreign(out: Path, *, shown: str) -> None:
    names = sorted(p.name for p in out.iterdir())
    if not names:
        return
    if not all((out / mark).is_file() for mark in _MARKS):
        raise OutputError(
            f"{shown}: holds {len(names)} files, the first is {names[0]!r}, and is no finished "
            "study; give a new or empty folder"
        )
    known = (*OUTPUT_FILES, *_LITTER)
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
            f"{shown}: holds {foreign[0]!r}, which is no part of a study and would be lost; "
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
    target = check_out_dir(out)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}-", dir=target.parent))
    except OSError as error:
        raise OutputError(f"{out}: cannot be made ({error}); choose another folder") from error
    try:
        _write_all(result, work, target=target, progress=progress or (lambda _: None))
        work.chmod(0o755)
        _move_into_place(work, target)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{out}: cannot be written ({error})") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _move_into_place(work: Path, target: Path) -> None:
    if not target.exists():
        work.replace(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}-old-", dir=target.parent))
    try:
        target.replace(old / "previous")
        try:
            work.replace(target)
        except OSError:
            (old / "previous").replace(target)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _write_all(
    result: Result, work: Path, *, target: Path, progress: Callable[[str], None]
) -> None:
    from kcity_geo.outputs.attribution import attribution_text
    from kcity_geo.outputs.columns import column_table
    from kcity_geo.outputs.details import detail_table
    from kcity_geo.outputs.frames import cell_frame, merge_cells, site_frame
    from kcity_geo.outputs.maps import save_map
    from kcity_geo.outputs.rasters import save_layers
    from kcity_geo.outputs.report import save_report
    from kcity_geo.outputs.studytoml import study_toml
    from kcity_geo.outputs.tables import save_csv
    from kcity_geo.outputs.vectors import save_geojson, save_geopackage, save_geoparquet

    cells = cell_frame(result)
    columns = column_table(result, cells)
    name, title = result.data.city.name, result.score.title
    geojson = (
        ("sites", site_frame(result), "site_id", f"candidate sites for {title}, best first"),
        ("districts", result.gaps.districts, "district_id", "gaps by district"),
        ("gaps", merge_cells(result, cells), "cell_id", "gaps by cell"),
    )
    for stem, frame, key, about in geojson:
        progress(f"{stem}.geojson")
        save_geojson(
            frame,
            work / f"{stem}.geojson",
            id_column=key,
            result=result,
            description=f"{name}: {about}",
        )
    steps: dict[str, Callable[[Path], None]] = {
        "map.html": lambda path: save_map(result, path),
        "report.html": lambda path: save_report(result, path),
        "cells.parquet": lambda path: save_geoparquet(
            cells, path, about=columns[columns["table"] == "cells"]
        ),
        "study.gpkg": lambda path: save_geopackage(result, cells, path),
        "layers": lambda path: save_layers(result, path),
        "indicators.csv": lambda path: save_csv(result.gaps.indicators, path),
        "indicator_details.csv": lambda path: save_csv(detail_table(result), path),
        "columns.csv": lambda path: save_csv(columns, path),
        "inventory.csv": lambda path: save_csv(result.data.inventory, path),
        "study.toml": lambda path: _write_text(path, study_toml(result.study, out=target)),
        "ATTRIBUTION.txt": lambda path: _write_text(path, attribution_text(result)),
    }
    unreadable = result.data.unreadable_tags
    if unreadable is not None and len(unreadable):
        steps["unreadable_tags.csv"] = lambda path: save_csv(unreadable, path)
    for filename, write in steps.items():
        progress(filename)
        write(work / filename)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
