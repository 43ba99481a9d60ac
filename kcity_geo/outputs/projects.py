"""Projects of a study for GIS programs: what its layers are called, where they lie, how they are drawn."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kcity_geo.outputs.attribution import credits_of_file
from kcity_geo.outputs.frames import grid_variables
from kcity_geo.outputs.languages import language_of_study, speaking, translated, unmarked
from kcity_geo.outputs.qgis_project import ProjectFacts, save_project
from kcity_geo.outputs.raster_styles import RasterStyle, raster_style
from kcity_geo.outputs.rasters import raster_stem
from kcity_geo.outputs.vectors import study_styles
from kcity_geo.result import Result

__all__ = ["raster_files", "save_study_project"]


def raster_files(result: Result) -> dict[str, RasterStyle]:
    """
    Give the rasters of a study with their styles.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    File below the folder -> style.
    """
    return {
        f"layers/{raster_stem(name)}.tif": raster_style(name, values, attrs)
        for name, (values, attrs) in grid_variables(result).items()
    }


def save_study_project(result: Result, columns: pd.DataFrame, path: Path) -> None:
    """
    Write the QGIS project of a study, beside its ``study.gpkg`` and ``layers``, in the language of the report.

    Parameters
    ----------
    result : a finished study.
    columns : as `kcity_geo.outputs.columns.column_table` gives them.
    path : file to write.
    """
    with speaking(language_of_study(result.study)):
        _save(result, columns, path)


def _save(result: Result, columns: pd.DataFrame, path: Path) -> None:
    city = result.data.city
    number = city.crs.to_epsg()
    west, south, east, north = city.boundary_metric.bounds
    facts = ProjectFacts(
        title=f"{city.name}: {unmarked(translated(result.score.title))}",
        crs_wkt=city.crs.to_wkt(),
        crs_id=f"EPSG:{number}" if number else "",
        extent=(west, south, east, north),
        told=credits_of_file(result.data),
    )
    styles = study_styles(path.with_name("study.gpkg"), columns)
    save_project(path, facts, styles=styles, rasters=raster_files(result))
