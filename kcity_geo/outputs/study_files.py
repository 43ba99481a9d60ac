"""The files of a study, one writer each; this process and a copy of it share them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import geopandas as gpd
import pandas as pd

from kcity_geo.garbage import give_back
from kcity_geo.in_copy import share_out
from kcity_geo.result import Result

__all__ = ["write_study"]

#: What takes longest is begun first; none of the files needs another.
_LONGEST = (
    "map.html",
    "report.html",
    "study.gpkg",
    "gaps.geojson",
    "layers",
    "study.xlsx",
    "buildings.parquet",
    "cells.parquet",
)
Writer = Callable[[Path], None]


def write_study(
    result: Result, work: Path, *, target: Path, progress: Callable[[str], None]
) -> None:
    """
    Write all files of a study.

    Parameters
    ----------
    result : a finished study.
    work : empty folder to write into.
    target : where that folder will be.
    progress : called with the name of each file before it is written.
    """
    from kcity_geo.outputs.attribution import credits_of_file
    from kcity_geo.outputs.catalogue_files import PACKAGE_FILE, save_package, save_stac_item
    from kcity_geo.outputs.columns import column_table
    from kcity_geo.outputs.frames import cell_frame
    from kcity_geo.outputs.geolibre import save_geolibre
    from kcity_geo.outputs.ledger import LEDGER_FILE, save_ledger
    from kcity_geo.outputs.more_formats import save_more_formats
    from kcity_geo.outputs.projects import save_study_project

    cells = cell_frame(result)
    columns = column_table(result, cells)
    steps = {
        **_cell_files(result, cells, columns),
        **_small_geojson(result),
        **_pages_and_tables(result, columns, target=target),
    }
    first = [name for name in _LONGEST if name in steps]
    order = [*first, *(name for name in steps if name not in first)]
    share_out({name: partial(_anew, steps[name], work / name) for name in order}, begun=progress)
    progress("study.qgz")
    save_study_project(result, columns, work / "study.qgz")
    save_more_formats(result.study.study.formats, work, credits_of=credits_of_file(result.data))
    progress("study.geolibre.json")
    save_geolibre(result, work / "study.geolibre.json")
    if result.data.osm_date:
        save_stac_item(result, work)
    progress(PACKAGE_FILE)
    save_package(result, work, columns=columns)
    progress(LEDGER_FILE)
    save_ledger(result, work)


def _anew(write: Writer, path: Path) -> None:
    """Write a file in place of what a copy of the process may have left half written."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    write(path)
    give_back()


def _cell_files(
    result: Result, cells: gpd.GeoDataFrame, columns: pd.DataFrame
) -> dict[str, Writer]:
    """Files of all cells, and the workbook."""
    from kcity_geo.outputs.attribution import credits_of_file
    from kcity_geo.outputs.frames import merge_cells
    from kcity_geo.outputs.rasters import save_layers
    from kcity_geo.outputs.study_tables import save_study_workbook
    from kcity_geo.outputs.vectors import (
        save_buildings,
        save_geojson,
        save_geopackage,
        save_geoparquet,
    )

    merged = cache(lambda: merge_cells(result, cells))
    steps: dict[str, Writer] = {
        "gaps.geojson": lambda path: save_geojson(
            merged(),
            path,
            id_column="cell_id",
            result=result,
            description=f"{result.data.city.name}: gaps by cell",
            opened=True,
        ),
        "cells.parquet": lambda path: save_geoparquet(
            cells,
            path,
            about=columns[columns["table"] == "cells"],
            told=credits_of_file(result.data),
        ),
        "study.gpkg": lambda path: save_geopackage(
            result, cells, path, columns=columns, merged=merged()
        ),
        "layers": lambda path: save_layers(result, path),
        "study.xlsx": lambda path: save_study_workbook(result, path, columns=columns),
    }
    if len(result.data.layers.get("building", ())):
        steps["buildings.parquet"] = lambda path: save_buildings(result, path)
    return steps


def _small_geojson(result: Result) -> dict[str, Writer]:
    """Sites, districts, survey tasks and what belongs to the dossiers."""
    from kcity_geo.outputs.dossiers import dossier_layers
    from kcity_geo.outputs.frames import site_frame
    from kcity_geo.outputs.vectors import save_geojson

    name, title = result.data.city.name, result.score.title
    tasks = "where to survey first, and what to look for"
    layers = (
        ("sites", site_frame(result), "site_id", f"candidate sites for {title}, best first"),
        ("districts", result.gaps.districts, "district_id", "gaps by district"),
        ("survey_tasks", result.gaps.survey_tasks, "task_id", tasks),
        *dossier_layers(result),
    )

    def writer(frame: gpd.GeoDataFrame, key: str, about: str) -> Writer:
        return lambda path: save_geojson(
            frame, path, id_column=key, result=result, description=f"{name}: {about}"
        )

    return {f"{stem}.geojson": writer(frame, key, about) for stem, frame, key, about in layers}


def _pages_and_tables(result: Result, columns: pd.DataFrame, *, target: Path) -> dict[str, Writer]:
    """Map, report, tables and texts."""
    from kcity_geo.outputs.attribution import attribution_text
    from kcity_geo.outputs.details import detail_table
    from kcity_geo.outputs.facts import save_facts
    from kcity_geo.outputs.maps import save_map
    from kcity_geo.outputs.report import save_report
    from kcity_geo.outputs.studytoml import carried_inputs, study_toml
    from kcity_geo.outputs.tables import save_csv

    listed = [p.path for p in result.data.provenance]
    checksums = {
        p.path: p.sha256
        for p in result.data.provenance
        if p.path and p.sha256 and listed.count(p.path) == 1
    }
    steps: dict[str, Writer] = {
        "map.html": lambda path: save_map(result, path),
        "report.html": lambda path: save_report(result, path),
        "project_summary.json": lambda path: save_facts(result, path),
        "indicators.csv": lambda path: save_csv(result.gaps.indicators, path),
        "indicator_details.csv": lambda path: save_csv(detail_table(result), path),
        "columns.csv": lambda path: save_csv(columns, path),
        "inventory.csv": lambda path: save_csv(result.data.inventory, path),
        "study.toml": lambda path: _write_text(
            path, study_toml(result.study, out=target, checksums=checksums)
        ),
        "ATTRIBUTION.txt": lambda path: _write_text(path, attribution_text(result)),
    }
    if rows := result.sites.attrs.get("robustness"):
        steps["robustness.csv"] = lambda path: save_csv(pd.DataFrame(list(rows)), path)
    if carried := carried_inputs(result.study):
        steps["inputs"] = lambda path: _copy_inputs(carried, path)
    unreadable = result.data.unreadable_tags
    if unreadable is not None and len(unreadable):
        steps["unreadable_tags.csv"] = lambda path: save_csv(unreadable, path)
    return steps


def _copy_inputs(carried: Mapping[Path, str], folder: Path) -> None:
    """Put the inputs that nobody else keeps into the folder of the study."""
    folder.mkdir()
    for path, place in carried.items():
        shutil.copyfile(path, folder.parent / place)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
