"""Write a study as TOML, so that the finished folder can be run again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kcity_geo.outputs.text import json_text
from kcity_geo.studyfile import Study, file_and_part

__all__ = ["study_toml"]

_HEAD = """\
# The study as it was resolved: every value that was used, also the defaults.
# Run it again with: kcity run study.toml --out ANOTHER_FOLDER
"""
#: Tables and their keys that hold paths; all keys of a table without a list.
_PATHS: dict[str, tuple[str, ...]] = {
    "city": ("boundary", "districts"),
    "sources": (),
    "official": ("table",),
}


def study_toml(study: Study, *, out: Path) -> str:
    """
    Write the resolved study for a folder.

    Parameters
    ----------
    study : as it was run.
    out : folder that the file will stand in; relative paths are rewritten to it.

    Returns
    -------
    TOML. Names of products, ``pkg://`` paths and paths with ``${NAME}`` stay as written.
    """
    tables = study.model_dump(mode="json", exclude_none=True, exclude={"folder"})
    for name, keys in _PATHS.items():
        table = tables.get(name, {})
        for key in keys or tuple(table):
            if key in table:
                table[key] = _all_moved(table[key], folder=study.folder, out=out)
    parts = [_HEAD]
    for name, table in tables.items():
        parts += _table(name, table)
    return "\n".join(parts).rstrip() + "\n"


def _all_moved(value: Any, *, folder: Path, out: Path) -> Any:  # noqa: ANN401 - TOML in, TOML out
    """Rewrite every path of a value, also inside lists and tables."""
    if isinstance(value, dict):
        return {k: _all_moved(v, folder=folder, out=out) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_all_moved(v, folder=folder, out=out) for v in value]
    return _moved(value, folder=folder, out=out) if isinstance(value, str) else value


def _moved(value: str, *, folder: Path, out: Path) -> str:
    """Rewrite a path that exists beside the study file, as seen from the output folder."""
    if "${" in value or "://" in value or "\0" in value:
        return value
    path = Path(value).expanduser()
    found, part = file_and_part(path if path.is_absolute() else folder / path)
    if not found.exists():
        return value
    part = f"#{part}" if part else ""
    try:
        return Path(os.path.relpath(found.resolve(), out.resolve())).as_posix() + part
    except ValueError:  # another drive on Windows
        return found.resolve().as_posix() + part


def _table(name: str, table: dict[str, Any]) -> list[str]:
    if not table:
        return []
    plain = {k: v for k, v in table.items() if not isinstance(v, dict)}
    lines = [f"[{name}]", *(f"{_key(k)} = {_value(v)}" for k, v in plain.items())]
    lines = [*lines, ""] if plain else []
    for key, inner in table.items():
        if isinstance(inner, dict):
            lines += _table(f"{name}.{_key(key)}", inner)
    return lines


def _key(key: str) -> str:
    bare = key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key)
    return key if bare else _value(key)


def _value(value: Any) -> str:  # noqa: ANN401 - any TOML value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    # TOML knows no lone surrogates: bytes of a path that are no UTF-8 cannot stand in it.
    return json_text(str(value).encode("utf-8", "replace").decode())
