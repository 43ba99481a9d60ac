"""Files: the paths behind the keys of a study, and whether each is a table, a vector or a raster."""

from __future__ import annotations

from pathlib import Path

from kcity_geo.citydata import Provenance
from kcity_geo.studyfile import Study, file_and_part, resolve_path

__all__ = ["is_table", "is_vector", "one_or_all", "other_files", "raster_paths"]

_TABLES = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xls"})
_VECTORS = frozenset({".gpkg", ".geojson", ".shp", ".fgb", ".parquet"})


def raster_paths(study: Study, key: str) -> list[Path]:
    """
    Give the files of a raster input: one, or the tiles of a list.

    Parameters
    ----------
    study : the study file.
    key : key of ``[sources]``.

    Returns
    -------
    Absolute paths, as `kcity_geo.studyfile.resolve_path`; none when the study names no such input.
    """
    value = getattr(study.sources, key, None)  # rasters of own criteria are no source
    values = [] if value is None else [value] if isinstance(value, str) else list(value)
    return [resolve_path(study, one, key=f"sources.{key}") for one in values]


def one_or_all(paths: list[Path]) -> Path | list[Path]:
    """
    Give the file of an input of one file, and the list of another.

    Parameters
    ----------
    paths : of `raster_paths`.

    Returns
    -------
    A path, or several.
    """
    return paths[0] if len(paths) == 1 else paths


def is_table(path: Path) -> bool:
    """
    Tell whether a file is a table by its ending.

    Parameters
    ----------
    path : with or without the name of a sheet.

    Returns
    -------
    True for csv and spreadsheets.
    """
    return file_and_part(path)[0].suffix.lower() in _TABLES


def is_vector(path: Path) -> bool:
    """
    Tell whether a file holds features by its ending.

    Parameters
    ----------
    path : with or without the name of a layer.

    Returns
    -------
    True for the usual vector files.
    """
    return file_and_part(path)[0].suffix.lower() in _VECTORS


def other_files(study: Study, found: tuple[Provenance, ...]) -> list[str]:
    """
    Tell which inputs are not the files that a finished study was run with.

    Parameters
    ----------
    study : with the checksums of that run, or without.
    found : what is known of the inputs now.

    Returns
    -------
    A line a file.
    """
    now = {about.path: about.sha256 for about in found if about.path and about.sha256}
    before = {Path(value).name: digest for value, digest in study.input_sha256.items()}
    return [
        f"{name} is another file than the one this study was run with (SHA-256 {now[name][:12]}…, then "
        f"{digest[:12]}…): results may differ"
        for name, digest in before.items()
        if now.get(name, digest) != digest
    ]
