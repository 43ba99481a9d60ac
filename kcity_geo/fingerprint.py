"""Fingerprints of the package as it runs: its code and its tables, which every number rests on."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

__all__ = ["code_sha256", "sha256_of_file", "table_sha256"]

_ROOT = Path(__file__).parent


def sha256_of_file(path: Path) -> str:
    """
    Take the checksum of a file, however large, without holding it in memory.

    Parameters
    ----------
    path : of the file.

    Returns
    -------
    Hexadecimal digest.

    Examples
    --------
    >>> sha256_of_file(Path(__file__)) == hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    True
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def code_sha256() -> str:
    """
    Take the checksum of the modules, templates and assets of the package.

    Returns
    -------
    Hexadecimal digest; the tables are not in it, see `table_sha256`.
    """
    digest = hashlib.sha256()
    for file in sorted(_ROOT.rglob("*")):
        if file.suffix in {".py", ".j2", ".js", ".css"}:
            digest.update(file.relative_to(_ROOT).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def table_sha256() -> dict[str, str]:
    """
    Take the checksum of each table of the package.

    Returns
    -------
    Path below ``tables/`` -> hexadecimal digest, in order.

    Examples
    --------
    >>> "priors.toml" in table_sha256()
    True
    """
    folder = _ROOT / "tables"
    return {
        file.relative_to(folder).as_posix(): sha256_of_file(file)
        for file in sorted(folder.rglob("*.toml"))
    }
