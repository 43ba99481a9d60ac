"""Write a study as TOML, so that the finished folder can be run again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kcity_geo.indicators import added_indicators
from kcity_geo.outputs.text import json_text
from kcity_geo.passed_objects import is_passed
from kcity_geo.studyfile import Study, file_and_part, sha256_of

__all__ = ["carried_inputs", "study_toml", "toml_value"]

_HEAD = """\
# The study as it was resolved: every value that was used, also the defaults.
# Run it again with: kcity run study.toml --out ANOTHER_FOLDER
"""
#: Tables and their keys that hold paths; all keys of a table without a list.
_PATHS: dict[str, tuple[str, ...]] = {
    "city": ("boundary", "districts"),
    "sources": (),
    "official": ("table",),
    "study": ("project",),
    "suitability": ("criterion", "weighting", "sites"),
    "report": ("language", "logo", "context"),
}
#: Characters from which a text is no path.
_LONGEST_PATH = 1000
#: Keys of a criterion, or of how weights are made, that hold words.
_NO_PATHS = {
    "id", "title", "units", "function", "reason", "over", "mode", "column", "expression", "method", "order",
}  # fmt: skip


def study_toml(study: Study, *, out: Path, checksums: Mapping[str, str] | None = None) -> str:
    """
    Write the resolved study for a folder.

    Parameters
    ----------
    study : as it was run.
    out : folder that the file will stand in; relative paths are rewritten to it.
    checksums : file name -> SHA-256, where it is known already.

    Returns
    -------
    TOML. Objects that were passed in Python are named as files in ``inputs``, see `carried_inputs`; other
    files stay where they are, with their checksum under ``[input_sha256]``. Names of products, ``pkg://``
    paths and paths with ``${NAME}`` stay as written.
    """
    left_out = {"folder", "input_sha256", "added_indicators"}
    if "concept" not in study.model_fields_set:
        left_out.add("concept")  # the table asks for a plan, which nobody did
    tables = study.model_dump(mode="json", exclude_none=True, exclude=left_out)
    inside, known = carried_inputs(study), checksums or {}
    digests: dict[str, str] = {}

    def moved(value: str) -> str:
        path = _local(value, study.folder or Path())
        if path is None:
            return value
        found, part = file_and_part(path)
        part = f"#{part}" if part else ""
        if found in inside:
            return inside[found] + part
        text = _moved(found, out=out) + part
        digests[text] = known.get(path.name) or sha256_of(found)
        # The note beside a file says its licence and date, which stand on every output.
        note = found.with_name(f"{found.name}.json")
        if note.is_file():
            digests[_moved(note, out=out)] = sha256_of(note)
        return text

    for name, keys in _PATHS.items():
        table = tables.get(name, {})
        for key in keys or tuple(table):
            if key in table:
                table[key] = _all_moved(table[key], moved)
    made_with = {"input_sha256": digests, "added_indicators": added_indicators()}
    tables |= {name: table for name, table in made_with.items() if table}
    parts = [_HEAD]
    for name, table in tables.items():
        parts += _table(name, table)
    return "\n".join(parts).rstrip() + "\n"


def carried_inputs(study: Study) -> dict[Path, str]:
    """
    List the inputs that go into the folder of a study, as nobody else keeps them.

    Parameters
    ----------
    study : as it was run.

    Returns
    -------
    File -> its place in the folder, under ``inputs``: objects that were passed in Python, and what lies in the
    folder ``inputs`` of a finished study that is run again.
    """
    tables = study.model_dump(mode="json", exclude_none=True, include=set(_PATHS))
    files: list[Path] = []

    def looked_at(value: str) -> str:
        path = _local(value, study.folder or Path())
        if path is not None:
            files.append(file_and_part(path)[0])
        return value

    for name, keys in _PATHS.items():
        table = tables.get(name, {})
        for key in keys or tuple(table):
            _all_moved(table.get(key), looked_at)
    home = study.folder or Path()
    own = (home / "inputs").resolve() if (home / "map.html").is_file() else None
    places: dict[Path, str] = {}
    for path in files:
        if path.is_file() and (is_passed(path) or (own is not None and path.is_relative_to(own))):
            taken = {place for other, place in places.items() if other != path}
            name = f"inputs/{path.name}"
            nth = 2
            while name in taken:
                name = f"inputs/{path.stem}_{nth}{path.suffix}"
                nth += 1
            places[path] = name
    return places


def _all_moved(value: Any, moved: Callable[[str], str]) -> Any:  # noqa: ANN401 - TOML in, TOML out
    """Rewrite every path of a value, also inside lists and tables."""
    if isinstance(value, dict):
        return {k: v if k in _NO_PATHS else _all_moved(v, moved) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_all_moved(v, moved) for v in value]
    return moved(value) if isinstance(value, str) else value


def _local(value: str, folder: Path) -> Path | None:
    """Give the absolute path of an input that lies where the study says; None for any other text."""
    if not value or "${" in value or "://" in value or "\0" in value:
        return None
    if "\n" in value or len(value) > _LONGEST_PATH:
        return None
    path = Path(value).expanduser()
    path = (path if path.is_absolute() else folder / path).resolve()
    return path if file_and_part(path)[0].exists() else None


def _moved(found: Path, *, out: Path) -> str:
    """Write a path as seen from the output folder."""
    try:
        return Path(os.path.relpath(found, out.resolve())).as_posix()
    except ValueError:  # another drive on Windows
        return found.as_posix()


def _table(name: str, table: dict[str, Any]) -> list[str]:
    if not table:
        return []
    plain = {k: v for k, v in table.items() if not isinstance(v, dict)}
    lines = [f"[{name}]", *(f"{_key(k)} = {toml_value(v)}" for k, v in plain.items())]
    lines = [*lines, ""] if plain else []
    for key, inner in table.items():
        if isinstance(inner, dict):
            lines += _table(f"{name}.{_key(key)}", inner)
    return lines


def _key(key: str) -> str:
    bare = key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key)
    return key if bare else toml_value(key)


def toml_value(value: Any) -> str:  # noqa: ANN401 - any TOML value
    """
    Write a value as TOML.

    Parameters
    ----------
    value : boolean, number, text, list or table.

    Returns
    -------
    One line.

    Examples
    --------
    >>> toml_value(["a", 1])
    '["a", 1]'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    # TOML knows no lone surrogates: bytes of a path that are no UTF-8 cannot stand in it.
    return json_text(str(value).encode("utf-8", "replace").decode())
