"""Inputs of suitability that a study names itself: files of own criteria, judgements, project files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.citydata import Provenance
from kcity_geo.config import Config
from kcity_geo.errors import LimitError, SourceError, StudyError
from kcity_geo.indicators import refuse_others
from kcity_geo.profiles import is_off, limits_of, profile, project_file
from kcity_geo.studyfile import Study, resolve_path
from kcity_geo.suitability_keys import (
    CriterionSection,
    SitesSection,
    criterion,
    refuse_small_target,
)

__all__ = [
    "criteria_of",
    "criterion_data",
    "judgement_tables",
    "named_files",
    "project_path",
    "require_files",
    "site_candidates",
]

_CANDIDATES = "suitability.sites.candidates"


def project_path(study: Study, project: str) -> str:
    """
    Give the id of a profile, or the absolute path of a project file.

    Parameters
    ----------
    study : for the folder that paths are relative to.
    project : as written.

    Returns
    -------
    Id or path.

    Raises
    ------
    StudyError, SourceError
        If the file does not exist.
    """
    if not project.endswith(".toml"):
        return project
    return str(resolve_path(study, project, key="study.project"))


def criteria_of(study: Study, project: str) -> list[tuple[CriterionSection, Study]]:
    """
    Give the criteria of the user's own: of the project file, then of the study.

    Parameters
    ----------
    study : the study file.
    project : of `project_path`.

    Returns
    -------
    Each criterion with the study whose folder its paths are relative to.

    Raises
    ------
    StudyError
        If a criterion of the project file cannot be used.
    """
    found: list[tuple[CriterionSection, Study]] = []
    if project.endswith(".toml"):
        home = study.model_copy(update={"folder": Path(project).parent})
        for row in project_file(Path(project))["own"]:
            keys = dict(row)
            try:
                one = criterion(str(keys.pop("id", "")), **keys)
            except StudyError as error:
                raise StudyError(f"{Path(project).name}: project.{error}") from error
            found.append((one, home))
        if found and not any(one.weight > 0 for one, _ in found):
            raise StudyError(
                f"{Path(project).name}: project.criterion: all weights are 0; give at least one above 0"
            )
    return found + [(one, study) for one in study.suitability.criterion]


def require_files(study: Study) -> None:
    """
    Refuse a study whose own criteria, judgements or project file do not exist or do not fit, before work starts.

    Parameters
    ----------
    study : the study file.

    Raises
    ------
    StudyError, SourceError
        If a file is missing; the message names key and file. If sites are to be grown to less than their
        smallest size.
    """
    refuse_others(study.added_indicators)
    for keys, home in criteria_of(study, project_path(study, study.study.project)):
        if keys.source and not keys.is_layer:
            resolve_path(home, keys.source, key=f"suitability.criterion.{keys.id}")
    for value in study.suitability.weighting.judgements:
        resolve_path(study, value, key="suitability.weighting.judgements")
    if study.suitability.sites.candidates is not None:
        resolve_path(study, study.suitability.sites.candidates, key=_CANDIDATES)
    if study.suitability.sites.target_area_ha is not None:
        kind = profile(project_path(study, study.study.project))
        least = limits_of(kind, study.suitability.constraints).get("min_area_ha", 0)
        if isinstance(least, int | float) and not is_off(least):
            refuse_small_target(study.suitability.sites, float(least))


def named_files(study: Study) -> tuple[Provenance, ...]:
    """
    Say where the files of suitability come from: own criteria, judgements, project file, candidates.

    Parameters
    ----------
    study : the study file.

    Returns
    -------
    A row a file.

    Raises
    ------
    StudyError, SourceError
        If a file is missing.
    """
    from kcity_geo.sources.local.origins import describe

    own = study.suitability
    project = project_path(study, study.study.project)
    files: list[tuple[str, Path]] = []
    if project.endswith(".toml"):
        files.append(("study.project", Path(project)))
    for keys, home in criteria_of(study, project):
        if keys.source and not keys.is_layer:
            key = f"suitability.criterion.{keys.id}"
            files.append((key, resolve_path(home, keys.source, key=key)))
    key = "suitability.weighting.judgements"
    files += [(key, resolve_path(study, one, key=key)) for one in own.weighting.judgements]
    if own.sites.candidates is not None:
        files.append((_CANDIDATES, resolve_path(study, own.sites.candidates, key=_CANDIDATES)))
    return tuple(describe(path, key=key) for key, path in files)


def site_candidates(study: Study, keys: SitesSection, city: City) -> gpd.GeoDataFrame | None:
    """
    Read the polygons that a study gives as sites.

    Parameters
    ----------
    study : for the folder that paths are relative to.
    keys : ``[suitability.sites]``.
    city : whose CRS they are brought into.

    Returns
    -------
    The polygons in the metric CRS; None where none are given.

    Raises
    ------
    StudyError, SourceError
        If the file cannot be read.
    """
    if keys.candidates is None:
        return None
    from kcity_geo.sources.local.vectors import read_vector

    path = resolve_path(study, keys.candidates, key=_CANDIDATES)
    return read_vector(path, key=_CANDIDATES, kinds=("polygon",)).to_crs(city.crs)


def criterion_data(
    keys: CriterionSection, study: Study, *, city: City, grid: GeoBox, config: Config
) -> NDArray[np.float64] | gpd.GeoDataFrame | None:
    """
    Read the file of a criterion onto the grid of the city, or into its CRS.

    Parameters
    ----------
    keys : of the criterion.
    study : for the folder that paths are relative to.
    city, grid : of the study.
    config : limits.

    Returns
    -------
    Shape (rows, cols) of a raster (NaN: not known), features of a file, or None where no file is named.

    Raises
    ------
    StudyError, SourceError, LimitError
        If the file cannot be read; the message names the criterion.
    """
    if not keys.source or keys.is_layer:
        return None
    key = f"suitability.criterion.{keys.id}"
    path = resolve_path(study, keys.source, key=key)
    if keys.kind == "raster":
        from kcity_geo.sources.local.rasters import read_raster

        try:
            values, _ = read_raster(path, key="criterion", city=city, grid=grid, config=config)
        except (SourceError, LimitError) as error:
            raise type(error)(str(error).replace("sources.criterion", key)) from error
        return np.asarray(values.to_numpy(), dtype=np.float64)
    from kcity_geo.sources.local.vectors import read_vector

    kinds = ("polygon",) if keys.kind == "column" else ("point", "line", "polygon")
    return read_vector(path, key=key, kinds=kinds).to_crs(city.crs)


def judgement_tables(study: Study, section: Any) -> tuple[pd.DataFrame, ...]:  # noqa: ANN401 - WeightingSection
    """
    Read the pairwise judgements that a study names.

    Parameters
    ----------
    study : for the folder that paths are relative to.
    section : ``weighting`` of the study.

    Returns
    -------
    A table a person.

    Raises
    ------
    StudyError, SourceError
        If a file cannot be read.
    """
    from kcity_geo.sources.local.judgements import read_judgements

    key = "suitability.weighting.judgements"
    return tuple(
        read_judgements(resolve_path(study, value, key=key), key=key)
        for value in section.judgements
    )
