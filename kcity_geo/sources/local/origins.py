"""Origins: where a local file seems to come from, by its tags, the note beside it and its name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kcity_geo.citydata import Provenance
from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.studyfile import file_and_part, sha256_of

__all__ = ["GUESSED", "describe", "described"]

#: Note of a file whose maker is only known by its name.
GUESSED = "licence and maker are guessed from the name of the file; a note beside it (FILE.json) states them"


def _tags_of(path: Path) -> dict[str, str]:
    """Read what a GeoTIFF says of itself in its tags: title, licence and date."""
    if path.suffix.lower() not in {".tif", ".tiff"}:
        return {}
    import rasterio

    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            tags = {k.upper(): str(v) for k, v in dataset.tags().items()}
    except rasterio.errors.RasterioIOError:
        return {}
    if not (tags.get("LICENCE") or tags.get("LICENSE")):
        return {}
    return {
        "title": f"{path.name}: {tags.get('TIFFTAG_IMAGEDESCRIPTION', '')}".rstrip(": "),
        "licence": tags.get("LICENCE") or tags["LICENSE"],
        "attribution": tags.get("ATTRIBUTION", ""),
        "as_of": tags.get("AS_OF", ""),
    }


def described(path: Path | Sequence[Path]) -> str:
    """
    Name an input of one or several files in a line.

    Parameters
    ----------
    path : file, folder, or list of files.

    Returns
    -------
    The names without folders.

    Examples
    --------
    >>> described([Path("data/N46E009.hgt"), Path("data/N47E009.hgt")])
    'N46E009.hgt, N47E009.hgt'
    """
    return path.name if isinstance(path, Path) else ", ".join(p.name for p in path)


def describe(path: Path | Sequence[Path], *, key: str) -> Provenance:
    """
    Say where local files seem to come from, by their tags and names.

    Parameters
    ----------
    path : the file, or several that are tiles of one input.
    key : key of ``[sources]``.

    Returns
    -------
    Provenance; the licence is "unknown" unless the file or its sidecar says otherwise. Several files
    have the checksum of their checksums, and the licences of all.
    """
    if not isinstance(path, Path):
        if len(path) == 1:
            return describe(path[0], key=key)
        rows = [describe(one, key=key) for one in path]
        joined: dict[str, Any] = {
            name: ", ".join(
                dict.fromkeys(str(getattr(row, name)) for row in rows if getattr(row, name))
            )
            for name in ("path", "title", "licence", "attribution", "as_of", "url", "note")
        }
        digest = hashlib.sha256("".join(row.sha256 for row in rows).encode()).hexdigest()
        return Provenance(id=key, sha256=digest, **joined)
    return _described_file(path, key=key)


def _guessed(name: str) -> dict[str, str]:
    """Who may have made a file of that name: a word in it begins so; the inside of a word tells nothing."""
    words = re.split(r"[^a-z]+", name.lower())
    for marker, row in read_table("rasters")["attribution"].items():
        if any(word.startswith(marker) for word in words):
            return {
                "licence": row["licence"],
                "attribution": row["text"],
                "note": GUESSED,
            }
    return {}


def _described_file(path: Path, *, key: str) -> Provenance:
    import json

    named, (path, _) = path.name, file_and_part(path)
    sidecar = path.with_name(path.name + ".json")
    known: dict[str, str] = {}
    if sidecar.is_file():
        try:
            found = json.loads(sidecar.read_text(encoding="utf-8"))
            known = {
                k: str(found[k])
                for k in ("title", "licence", "attribution", "as_of", "url")
                if found.get(k)
            }
        except (ValueError, OSError, AttributeError, TypeError, RecursionError) as error:
            raise SourceError(
                f"{sidecar.name}: the note beside {path.name} cannot be read ({type(error).__name__}); it is JSON "
                'like {"licence": "CC-BY-4.0", "attribution": "..."}'
            ) from error
    known = known or _tags_of(path) or _guessed(path.name)
    return Provenance(
        id=key,
        path=named,
        title=known.get("title", named),
        sha256=sha256_of(path),
        licence=known.get("licence", "unknown"),
        attribution=known.get("attribution", ""),
        as_of=known.get("as_of", ""),
        url=known.get("url", ""),
        note=known.get("note", ""),
    )
