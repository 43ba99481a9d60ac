"""Input paths: where the files lie that a study file names, and what they hold as checksums."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

from kcity_geo.errors import SourceError, StudyError

__all__ = ["NamesInputs", "file_and_part", "resolve_path", "sha256_of"]


class NamesInputs(Protocol):
    """A study as far as its paths need it."""

    @property
    def folder(self) -> Path:
        """What paths are relative to."""

    @property
    def input_sha256(self) -> Mapping[str, str]:
        """Path as written -> checksum, of inputs that may lie beside the study."""


def resolve_path(study: NamesInputs, value: str, *, key: str) -> Path:
    """
    Turn a path of a study file into one on this machine.

    Parameters
    ----------
    study : for the folder that paths are relative to.
    value : as written.
    key : for the message.

    Returns
    -------
    Absolute path. Its file exists; a part of the file (``study.gpkg#districts``) stays at its end, see
    `file_and_part`.

    Raises
    ------
    StudyError
        If a variable is not set or the path is not a plain local one.
    SourceError
        If nothing is there.
    """

    def from_environment(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise StudyError(
                f"{key}: {value!r} needs the environment variable {name}, which is not set"
            )
        return os.environ[name]

    text = re.sub(r"\$\{(\w+)\}", from_environment, value)
    if text.startswith("pkg://"):
        package, _, inner = text[6:].partition("/")
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
        if spec is None or not spec.submodule_search_locations:
            raise SourceError(f"{key}: {value!r}: the Python package {package!r} is not installed")
        root = Path(next(iter(spec.submodule_search_locations))).resolve()
        path = (root / inner).resolve()
        if not path.is_relative_to(root):
            raise StudyError(f"{key}: {value!r} leads out of the package")
    elif "://" in text or text.startswith("/vsi") or "\0" in text:
        raise StudyError(f"{key}: {value!r} is not a local file; use `kcity fetch` for remote data")
    else:
        given = Path(text).expanduser()
        path = (given if given.is_absolute() else study.folder / given).resolve()
        if path == study.folder.resolve() and not given.is_absolute():
            raise StudyError(f"{key}: {value!r} is the folder of the study; name a file in it")
    file = file_and_part(path)[0]
    if not file.exists():
        return _beside(study, value, path, key=key)
    if not (file.is_file() or file.is_dir()):
        raise SourceError(
            f"{key}: {value!r} is a device or a pipe; an input is read more than once: give a file"
        )
    return path


def _beside(study: NamesInputs, value: str, path: Path, *, key: str) -> Path:
    """Look for an input that is not in its place in the folder ``inputs`` beside the study."""
    missing, part = file_and_part(path)
    if value not in study.input_sha256:
        raise SourceError(
            f"{key}: {path} does not exist; give a file that does, by its path from the study file"
        )
    digest, here = study.input_sha256[value], (study.folder / "inputs" / missing.name).resolve()
    if here.exists() and sha256_of(here) == digest:
        return Path(f"{here}#{part}") if part else here
    other = f"; the {here.name} there is another file" if here.exists() else ""
    raise SourceError(
        f"{key}: {path} does not exist; put the {missing.name} with the SHA-256 {digest} into {here.parent}{other}"
    )


def sha256_of(path: Path) -> str:
    """
    Checksum of a file, or of the names and contents of a folder.

    Parameters
    ----------
    path : file or folder.

    Returns
    -------
    Hexadecimal digest.
    """
    path, _ = file_and_part(path)
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return _digest(path, tuple((file, _state(file)) for file in files))


def _state(file: Path) -> tuple[int, ...]:
    """Give what changes with the content of a file: time of change, size, place on the disk."""
    about = file.stat()
    return about.st_ctime_ns, about.st_mtime_ns, about.st_size, about.st_ino


@cache
def _digest(path: Path, files: tuple[tuple[Path, tuple[int, ...]], ...]) -> str:
    """Read each file once as long as it stays as it is; reading, checking and saving all ask for it."""
    digest = hashlib.sha256()
    for file, _ in files:
        if file != path:
            digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def file_and_part(path: Path) -> tuple[Path, str]:
    """
    Part the file from the layer, sheet or band that a study file names in it.

    Parameters
    ----------
    path : path of an input, with ``#`` and the name of a part at its end, or without.

    Returns
    -------
    The file, and the name of the part; ``""`` when none is named. A file whose own name holds a ``#``
    is that file.

    Examples
    --------
    >>> file_and_part(Path("study.gpkg#districts"))[1]
    'districts'
    """
    text = str(path)
    if path.exists() or "#" not in text:
        return path, ""
    places = [i for i, letter in enumerate(text) if letter == "#"]
    at = next((i for i in places if Path(text[:i]).is_file()), places[-1])
    return Path(text[:at]), text[at + 1 :]
