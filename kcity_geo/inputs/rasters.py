"""Rasters of a study: each read, checked and brought onto the grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.citydata import Provenance
from kcity_geo.config import Config, read_table
from kcity_geo.cube import layer
from kcity_geo.errors import SourceError
from kcity_geo.notes import muted, tell
from kcity_geo.sources.local.district_people import DistrictPeople
from kcity_geo.studyfile import Study, file_and_part, resolve_path

__all__ = ["load_flood", "load_rasters", "note_few_cells", "raster_paths"]

# A grid with fewer cells than this says little about where.
_FEW_CELLS = 100


_TABLES = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xls"})
_VECTORS = frozenset({".gpkg", ".geojson", ".shp", ".fgb", ".parquet"})
_COVERED = 0.95


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
    value = getattr(study.sources, key)
    values = [] if value is None else [value] if isinstance(value, str) else list(value)
    return [resolve_path(study, one, key=f"sources.{key}") for one in values]


def _one_or_all(paths: list[Path]) -> Path | list[Path]:
    return paths[0] if len(paths) == 1 else paths


def note_few_cells(cube: xr.Dataset, study: Study) -> None:
    """
    Warn when the grid has so few cells that it says little about where.

    Parameters
    ----------
    cube : with ``inside_share``.
    study : the study file.
    """
    count = int((cube["inside_share"] > 0).sum())
    if count < _FEW_CELLS:
        tell(
            f"study.cell_m: {study.study.cell_m:g} m gives only {count} cells; choose a smaller cell to "
            "see where the gaps are",
            stacklevel=3,
        )


def load_rasters(
    study: Study,
    city: City,
    grid: GeoBox,
    cube: xr.Dataset,
    config: Config,
    *,
    districts: DistrictPeople | None = None,
) -> tuple[xr.Dataset, xr.DataArray | None, tuple[Provenance, ...], dict[str, Mapping[str, float]]]:
    """
    Bring every raster of the study onto the grid; also give elevation on its own finer grid.

    Parameters
    ----------
    study : the study file.
    city : its city.
    grid : the study grid.
    cube : variables so far.
    config : limits, cache, offline.
    districts : gathers the people of the districts from the population.

    Returns
    -------
    The cube, elevation on its own grid (None: no file), where each comes from, and how much of each was measured.
    """
    from kcity_geo.sources.local.rasters import (
        describe,
        persons_from_polygons,
        read_dem,
        read_raster,
    )
    from kcity_geo.sources.local.vectors import read_polygons

    dem = None
    provenance: list[Provenance] = []
    measured: dict[str, Mapping[str, float]] = {}
    for key, rule in read_table("rasters")["raster"].items():
        value = getattr(study.sources, key, None)
        if value is None:
            continue
        paths = raster_paths(study, key)
        path, _ = file_and_part(paths[0])
        about = describe(paths, key=key)
        if path.suffix.lower() in _TABLES:
            if key != "population":
                raise SourceError(
                    f"sources.{key}: {path.name} is a table, and a table does not say where in a "
                    f"district its numbers belong; {read_table('extra')['instead']['raster']}"
                )
            provenance.append(about)
            continue
        if len(paths) > 1 and path.suffix.lower() in {*_TABLES, *_VECTORS}:
            raise SourceError(f"sources.{key}: {path.name} is no raster; a list holds tiles of one")
        if key == "nightlights" and path.is_dir():
            variable, numbers = _merged_months(study, path, city, cube, grid, config)
        elif key == "population" and path.suffix.lower() in _VECTORS:
            frame = read_polygons(paths[0], key="sources.population")
            values, numbers = persons_from_polygons(
                frame, city=city, grid=grid, districts=districts
            )
            variable = layer(
                values,
                grid=grid,
                units="persons",
                long_name="Residents",
                source=about.title,
                licence=about.licence,
                as_of=about.as_of,
                evidence="user",
            )
        else:
            variable, numbers = read_raster(
                _one_or_all(paths),
                key=key,
                city=city,
                grid=grid,
                config=config,
                districts=districts if key == "population" else None,
            )
        cube = cube.assign({rule["variable"]: variable})
        measured[key] = numbers
        provenance.append(about)
        if key == "elevation":
            dem = read_dem(_one_or_all(paths), city=city, config=config)
    return cube, dem, tuple(provenance), measured


def _merged_months(
    study: Study, folder: Path, city: City, cube: xr.Dataset, grid: GeoBox, config: Config
) -> tuple[xr.DataArray, Mapping[str, float]]:
    """Merge a folder of monthly night lights: a quantile drops fires and keeps what is lit."""
    from kcity_geo.analysis.energy.inferred_grid import merge_months
    from kcity_geo.settings import settings_of
    from kcity_geo.sources.local.rasters import read_raster

    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".tif", ".tiff"})
    if not files:
        raise SourceError(f"sources.nightlights: {folder.name} holds no GeoTIFF of a month")
    with muted():  # a month under clouds covers little; what counts is what all of them cover
        found = [
            read_raster(p, key="nightlights", city=city, grid=grid, config=config) for p in files
        ]
    quantile = float(settings_of("energy", study.energy)["monthly_quantile"])
    first = found[0][0]
    merged = first.copy(
        data=merge_months([v.to_numpy() for v, _ in found], quantile=quantile).astype(first.dtype)
    )
    inside = cube["inside_share"].to_numpy()
    share = float(inside[np.isfinite(merged.to_numpy())].sum() / inside.sum())
    if share < _COVERED:
        tell(
            f"sources.nightlights: the {len(files)} months of {folder.name} cover {share:.0%} of "
            f"{city.name}; add months without clouds",
            stacklevel=3,
        )
    merged.attrs["source"] = f"{len(files)} months of {folder.name}, quantile {quantile:g}"
    return merged, {"valid_share": share, "months": float(len(files))}


def load_flood(study: Study, city: City, config: Config) -> xr.DataArray | None:
    """
    Read the flood map on its own fine pixels, by depth or by return period.

    Parameters
    ----------
    study : the study file.
    city : its city.
    config : limits, cache, offline.

    Returns
    -------
    Depth in metres, or return period in years; None: no file.
    """
    from kcity_geo.sources.local.rasters import read_flood

    for key in ("flood", "flood_return_period"):
        value = getattr(study.sources, key)
        if value is not None:
            return read_flood(
                _one_or_all(raster_paths(study, key)), key=key, city=city, config=config
            )
    return None
