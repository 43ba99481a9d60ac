"""Rasters of a study: each read, checked and brought onto the grid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.citydata import Provenance
from kcity_geo.config import Config, read_table
from kcity_geo.errors import SourceError
from kcity_geo.inputs.files import is_table, is_vector, one_or_all, raster_paths
from kcity_geo.inputs.reading import Reading
from kcity_geo.notes import muted, tell
from kcity_geo.studyfile import Study, file_and_part

__all__ = [
    "load_elevation",
    "load_flood",
    "load_rasters",
    "note_few_cells",
    "refuse_list_of_others",
]

# A grid with fewer cells than this says little about where.
_FEW_CELLS = 100


_COVERED = 0.95


# Read again by `load_elevation` and `load_flood`, on a finer grid and with land around the city: these tell what the
# pixels hold, so that no count of one fact is told twice.
_READ_FINE = {"elevation", "flood", "flood_return_period"}


def note_few_cells(cube: xr.Dataset, study: Study) -> None:
    """
    Warn when the grid has so few cells that it says little about where.

    Parameters
    ----------
    cube : with ``inside_share``.
    study : the study file.
    """
    count = np.count_nonzero(cube["inside_share"].to_numpy() > 0)
    if count < _FEW_CELLS:
        tell(
            f"study.cell_m: {study.study.cell_m:g} m gives only {count} cells; choose a smaller cell to "
            "see where the gaps are",
            stacklevel=3,
        )


def load_rasters(
    study: Study, city: City, grid: GeoBox, cube: xr.Dataset, config: Config
) -> Reading[xr.Dataset]:
    """
    Bring every raster of the study but the population onto the grid.

    Parameters
    ----------
    study : the study file.
    city : its city.
    grid : the study grid.
    cube : variables so far.
    config : limits, cache, offline.

    Returns
    -------
    The cube.
    """
    from kcity_geo.sources.local.origins import describe
    from kcity_geo.sources.local.raster_rules import raster_rules
    from kcity_geo.sources.local.rasters import read_raster, tell_part_covered

    about: list[Provenance] = []
    measured: dict[str, Mapping[str, float]] = {}
    for key, rule in raster_rules().items():
        paths = [] if key == "population" else raster_paths(study, key)
        if not paths:
            continue
        name, folder = file_and_part(paths[0])[0].name, file_and_part(paths[0])[0]
        if is_table(paths[0]):
            raise SourceError(
                f"sources.{key}: {name} is a table, and a table does not say where in a "
                f"district its numbers belong; {read_table('extra')['instead']['raster']}"
            )
        refuse_list_of_others(paths, key=key)
        refuse_other_legend(name, key=key)
        if key == "nightlights" and folder.is_dir():
            variable, numbers = _merged_months(study, folder, city, grid, config)
        else:
            with muted() if key in _READ_FINE else nullcontext():
                variable, numbers = read_raster(
                    one_or_all(paths), key=key, city=city, grid=grid, config=config
                )
            if key in _READ_FINE:
                tell_part_covered(one_or_all(paths), numbers["valid_share"], key=key, city=city)
        cube = cube.assign({rule.variable: variable})
        measured[key] = numbers
        about.append(describe(paths, key=key))
    return Reading(value=cube, about=tuple(about), measured=measured)


def refuse_list_of_others(paths: list[Path], *, key: str) -> None:
    """
    Refuse a list of files that are no rasters.

    Parameters
    ----------
    paths : of the input.
    key : its key.

    Raises
    ------
    SourceError
        If several files are given and the first is a table or a vector file.
    """
    if len(paths) > 1 and (is_table(paths[0]) or is_vector(paths[0])):
        name = file_and_part(paths[0])[0].name
        raise SourceError(f"sources.{key}: {name} is no raster; a list holds tiles of one")


def refuse_other_legend(name: str, *, key: str) -> None:
    """
    Refuse a land cover file that its name calls another product, whose numbers mean something else.

    Parameters
    ----------
    name : of the file.
    key : of ``[sources]``.

    Raises
    ------
    SourceError
        If the name is that of another product; the message says which key takes it.

    Examples
    --------
    >>> refuse_other_legend("ESA_WorldCover_10m_2021.tif", key="landcover")
    """
    names = read_table("rasters")["landcover_names"]
    if key not in names or any(mark in name.lower() for mark in names[key]):
        return
    for other, marks in names.items():
        if any(mark in name.lower() for mark in marks):
            raise SourceError(
                f"sources.{key}: {name} is another product by its name, and its numbers have other "
                f"meanings; give it as sources.{other}"
            )
    for pattern, other in read_table("rasters")["landcover_others"]["marks"]:
        if re.search(pattern, name, re.IGNORECASE):
            raise SourceError(
                f"sources.{key}: {name} is {other} by its name, whose numbers have other meanings; bring its "
                "classes onto those of ESA WorldCover, or rename it where its name misleads"
            )


def load_elevation(study: Study, city: City, config: Config) -> xr.DataArray | None:
    """
    Read elevation on its own finer grid.

    Parameters
    ----------
    study : the study file.
    city : its city.
    config : limits, cache, offline.

    Returns
    -------
    Metres; None: no file.
    """
    from kcity_geo.sources.local.rasters import read_dem

    paths = raster_paths(study, "elevation")
    return read_dem(one_or_all(paths), city=city, config=config) if paths else None


def _merged_months(
    study: Study, folder: Path, city: City, grid: GeoBox, config: Config
) -> tuple[xr.DataArray, Mapping[str, float]]:
    """Merge a folder of monthly night lights: a quantile drops fires and keeps what is lit."""
    from kcity_geo.analysis.energy.inferred_grid import merge_months
    from kcity_geo.settings import settings_of
    from kcity_geo.sources.local.raster_cover import Cover
    from kcity_geo.sources.local.raster_windows import read_window
    from kcity_geo.sources.local.rasters import read_raster

    cover = Cover(city)
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".tif", ".tiff"})
    if not files:
        raise SourceError(f"sources.nightlights: {folder.name} holds no GeoTIFF of a month")
    with muted():  # a month under clouds covers little; what counts is what all of them cover
        found = [
            read_raster(p, key="nightlights", city=city, grid=grid, config=config) for p in files
        ]
        for p in files:
            cover.add(read_window(p, key="nightlights", city=city, config=config))
    quantile = float(settings_of("energy", study.energy)["monthly_quantile"])
    first = found[0][0]
    merged = first.copy(
        data=merge_months([v.to_numpy() for v, _ in found], quantile=quantile).astype(first.dtype)
    )
    share = cover.share
    if share < _COVERED:
        tell(
            f"sources.nightlights: the {len(files)} months of {folder.name} cover {share:.0%} of "
            f"{city.name}; add months without clouds",
            stacklevel=3,
        )
    tell(
        f"sources.nightlights: {len(files)} months of {folder.name} were read as one: of each cell the value that "
        f"{quantile:.0%} of its months do not exceed (energy.monthly_quantile)"
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
                one_or_all(raster_paths(study, key)), key=key, city=city, config=config
            )
    return None
