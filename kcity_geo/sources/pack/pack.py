"""
Pack: a folder, or one zip of it, with all that a study of a city needs, and the proof of it.

``manifest.json`` lists every file with sha256, size, origin, date and licence, and carries a
checksum of itself; ``ATTRIBUTION.txt`` is what must be printed. Members of a zip are copied into
the cache by the names of the manifest, never anywhere else.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from filelock import FileLock

from kcity_geo.config import Config
from kcity_geo.errors import KCityError, LicenceError, LimitError, OutputError, SourceError
from kcity_geo.fingerprint import sha256_of_file
from kcity_geo.sources.pack.manifest import MANIFEST, STUDY, read_manifest
from kcity_geo.sources.web.cachefiles import storing
from kcity_geo.sources.web.wellformed import safe_members

__all__ = ["damage_and_own", "open_pack", "verify_pack", "zip_pack"]

_CHUNK = 1 << 20
_MAX_MANIFEST = 20_000_000
_HEADER_BYTES = 4096
_NO_ZIP = (
    zipfile.BadZipFile,
    EOFError,
    RuntimeError,  # a flag says that a member is encrypted, or made in an unknown way
    ValueError,
    struct.error,
    zlib.error,
)
_BROKEN_ZIP = (*_NO_ZIP, OSError)


def verify_pack(path: Path) -> list[str]:
    """
    Compare a pack with its manifest, byte by byte.

    Parameters
    ----------
    path : folder or zip.

    Returns
    -------
    One line a problem: missing, changed, damaged or unknown files. Empty when all is well.

    Raises
    ------
    SourceError
        If there is no pack.

    Examples
    --------
    >>> from pathlib import Path
    >>> verify_pack(Path("nowhere"))
    Traceback (most recent call last):
    ...
    kcity_geo.errors.SourceError: nowhere: is no pack; give the folder or zip that `kcity fetch` made
    """
    path = Path(path)
    if path.is_file() and zipfile.is_zipfile(path):
        return _verify_zip(path)
    damage, own = damage_and_own(path)
    edited = (
        "was changed, its sha256 is another (if these are your own edits, the data is still whole)"
    )
    return damage + [
        f"{name}: {edited if name == STUDY else 'is not in the manifest'}" for name in own
    ]


def damage_and_own(folder: Path) -> tuple[list[str], list[str]]:
    """
    Tell damage of a pack from what its user did to it.

    Parameters
    ----------
    folder : of the pack.

    Returns
    -------
    tuple
        One line for each file that is missing or changed, and the names that are the user's own: an
        edited ``study.toml``, then files and folders that the manifest does not name.

    Raises
    ------
    SourceError
        If there is no pack.
    """
    if not (folder / MANIFEST).is_file():
        raise SourceError(f"{folder}: is no pack; give the folder or zip that `kcity fetch` made")
    files, problems = read_manifest((folder / MANIFEST).read_bytes())
    own = []
    for name, (size, digest) in sorted(files.items()):
        file = folder / name
        if not file.is_file() or file.is_symlink():
            problems.append(f"{name}: is missing")
        elif name == STUDY and sha256_of_file(file) != digest:
            own.append(name)
        elif file.stat().st_size != size:
            problems.append(f"{name}: has {file.stat().st_size:,} bytes, not {size:,}")
        elif sha256_of_file(file) != digest:
            problems.append(f"{name}: was changed, its sha256 is another")
    known = {*files, MANIFEST}
    return problems, own + sorted(p.name for p in folder.iterdir() if p.name not in known)


def _zip_manifest(archive: zipfile.ZipFile) -> bytes:
    if archive.getinfo(MANIFEST).file_size > _MAX_MANIFEST:
        raise LimitError(f"{MANIFEST}: is larger than {_MAX_MANIFEST:,} bytes")
    return archive.read(MANIFEST)


def _verify_zip(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [m.filename for m in safe_members(archive)]
            if MANIFEST not in names:
                raise SourceError(f"{path}: is no pack, it has no {MANIFEST}")
            files, problems = read_manifest(_zip_manifest(archive))
            if len(names) != len(set(names)):
                problems.append("zip: a member is there twice")
            for name, (size, digest) in sorted(files.items()):
                if name not in names:
                    problems.append(f"{name}: is missing")
                    continue
                found, count = _member_digest(archive, name, size)
                if count != size or found != digest:
                    problems.append(f"{name}: was changed, its sha256 is another")
            problems += [
                f"{name}: is not in the manifest"
                for name in sorted(set(names) - {*files, MANIFEST})
            ]
            if not problems and not _is_our_zip(archive, sorted(names), path):
                problems.append(
                    "zip: every file in it is whole, but between them are bytes that `kcity pack zip` does "
                    "not write; zip the pack again"
                )
    except KCityError:
        raise
    except _BROKEN_ZIP as error:
        return [f"{path.name}: is not a whole zip ({error})"]
    return problems


class _Mirror(io.RawIOBase):
    """Takes what a zip writer writes and compares it with a file that is there."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        self._at = 0
        self._last: dict[
            int, bytes
        ] = {}  # headers are written twice, the second time with the sizes
        self.same = True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (self._at if whence == io.SEEK_CUR else 0)
        return self._at

    def write(self, data: Any) -> int:  # noqa: ANN401 - any readable buffer
        piece = bytes(data)
        if len(piece) > _HEADER_BYTES:
            self._compare(self._at, piece)
        else:
            self._last[self._at] = piece
        self._at += len(piece)
        return len(piece)

    def _compare(self, at: int, piece: bytes) -> None:
        self._stream.seek(at)
        self.same = self.same and self._stream.read(len(piece)) == piece

    def close(self) -> None:
        if not self.closed:
            for at, piece in self._last.items():
                self._compare(at, piece)
            self.same = self.same and self._stream.seek(0, io.SEEK_END) == self._at
            self._stream.close()
        super().close()


def _is_our_zip(archive: zipfile.ZipFile, names: list[str], path: Path) -> bool:
    """Write the zip anew and compare: headers, dates and gaps count as much as the files."""
    mirror = _Mirror(path)
    with mirror:
        _write_zip(mirror, names, archive.open)
    return mirror.same


def _member_digest(archive: zipfile.ZipFile, name: str, size: int) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    try:
        with archive.open(name) as stream:
            while (chunk := stream.read(_CHUNK)) and count <= size:
                digest.update(chunk)
                count += len(chunk)
    except _BROKEN_ZIP:
        return "damaged", count
    return digest.hexdigest(), count


# -- one file --------------------------------------------------------------------------------------


def zip_pack(folder: Path, out: Path, *, own_use: bool = False) -> Path:
    """
    Put a pack into one zip; the same pack gives the same bytes.

    Parameters
    ----------
    folder : a pack.
    out : ``.zip`` to write, whole or not at all.
    own_use : the zip is not handed on to anybody.

    Returns
    -------
    `out`.

    Raises
    ------
    SourceError
        If the pack is not whole.
    LicenceError
        If it holds data that may not be handed on, or whose terms nobody has read.
    """
    damage, own = damage_and_own(folder)
    if damage:
        raise SourceError(f"{folder}: is not whole: {damage[0]}; run `kcity fetch` again")
    if own:
        raise SourceError(
            f"{folder / own[0]}: is your own and not of the pack; keep your study file and data in a "
            "folder beside the pack, then zip it"
        )
    rows = json.loads((folder / MANIFEST).read_bytes())["files"]
    kept = [
        f"{r['path']} ({r['licence_title']})"
        for r in rows
        if "no_redistribution" in r.get("rules", [])
    ]
    if kept and not own_use:
        raise LicenceError(
            f"{folder}: may not be handed on because of {', '.join(kept)}; leave that product out, read its "
            "terms and add them to your catalogue, or zip it for your own use alone (`kcity pack zip --own-use`, "
            "own_use=True)"
        )
    names = sorted(p.name for p in folder.iterdir())
    temporary = out.with_name(f".{out.name}.part")
    with storing(out.parent, mend="give another --out"):
        try:
            with temporary.open("wb") as stream:
                _write_zip(stream, names, lambda name: (folder / name).open("rb"))
            temporary.replace(out)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return out


def _write_zip(
    stream: IO[bytes] | io.RawIOBase, names: list[str], read: Callable[[str], IO[bytes]]
) -> None:
    """Write members so that the same files give the same bytes on any machine."""
    with zipfile.ZipFile(cast("IO[bytes]", stream), "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3  # also on Windows
            member.external_attr = 0o644 << 16
            with read(name) as source, archive.open(member, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, _CHUNK)


def open_pack(path: Path, *, config: Config) -> Path:
    """
    Give the study file of a pack, folder or zip.

    Parameters
    ----------
    path : folder or zip. A zip is read where it lies: the members that its manifest names are
        copied into the cache, checked on the way, and nothing else is written anywhere.
    config : cache folder and size limit.

    Returns
    -------
    Path of ``study.toml``, with its data beside it.

    Raises
    ------
    SourceError
        If it is no pack, or damaged.
    LimitError
        If it is larger than ``Config.max_file_bytes``.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / MANIFEST).is_file() or not (path / "study.toml").is_file():
            raise SourceError(f"{path}: is no pack; give the folder or zip that `kcity fetch` made")
        return path / "study.toml"
    if not (path.is_file() and zipfile.is_zipfile(path)):
        raise SourceError(f"{path}: is no pack; give the folder or zip that `kcity fetch` made")
    folder = config.cache_dir / "packs" / sha256_of_file(path)[:24]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder.is_dir() and not verify_pack(folder)):
            shutil.rmtree(folder, ignore_errors=True)
            _copy_members(path, folder, config)
    return folder / "study.toml"


def _copy_members(path: Path, folder: Path, config: Config) -> None:
    temporary = folder.with_name(folder.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        with zipfile.ZipFile(path) as archive:
            safe_members(archive)
            text = _zip_manifest(archive)
            files, problems = read_manifest(text)
            if problems:
                raise SourceError(f"{path}: {problems[0]}")
            if (total := sum(size for size, _ in files.values())) > config.max_file_bytes:
                raise LimitError(
                    f"{path}: unpacks to {total:,} bytes; the limit is {config.max_file_bytes:,} (max_file_bytes)"
                )
            (temporary / MANIFEST).write_bytes(text)
            for name, (size, digest) in files.items():
                found = _copy(archive, name, temporary / name, size)
                if found != digest:
                    raise SourceError(f"{path}: {name}: was changed, its sha256 is another")
        temporary.replace(folder)
    except KCityError:
        raise
    except (*_NO_ZIP, KeyError) as error:
        raise SourceError(f"{path}: is not a whole pack ({error})") from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error}); set KCITY_CACHE") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _copy(archive: zipfile.ZipFile, name: str, target: Path, size: int) -> str:
    digest, count = hashlib.sha256(), 0
    with archive.open(name) as source, target.open("wb") as out:
        while chunk := source.read(_CHUNK):
            count += len(chunk)
            if count > size:
                return "larger than the manifest says"
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()
