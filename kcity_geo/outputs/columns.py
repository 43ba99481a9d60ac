"""The data dictionary: what each column of a study means, in which unit, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.frames import grid_variables, opened_columns
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.themes import sector_title
from kcity_geo.result import LEVELS, Result

__all__ = ["column_table"]

_RASTERS = ", layers/*.tif"
#: Table of columns.toml -> files that hold these columns.
_FILES = {
    "cells": f"cells.parquet{_RASTERS}",
    "districts": "districts.geojson, study.gpkg (districts)",
    "sites": "sites.geojson, study.gpkg (sites)",
    "survey_tasks": "survey_tasks.geojson, study.gpkg (survey_tasks)",
    "timetable_stops": "study.gpkg (timetable_stops)",
    "indicators": "indicators.csv, study.gpkg (indicators)",
    "indicator_details": "indicator_details.csv",
    "inventory": "inventory.csv, study.gpkg (inventory)",
}
#: Files that hold, of the cells, only the columns that people open.
_OPENED = f"cells.parquet, gaps.geojson, study.gpkg (cells){_RASTERS}"
#: Columns of the cells that are no numbers of a raster.
_NO_RASTER = ("cell_id", "district_id", "cells", "excluded_by", "geometry")


def column_table(result: Result, cells: gpd.GeoDataFrame) -> pd.DataFrame:
    """
    List the columns of all tables of a study with their meaning.

    Parameters
    ----------
    result : a finished study.
    cells : as `kcity_geo.outputs.frames.cell_frame` gives them.

    Returns
    -------
    Columns ``file, table, column, meaning, unit, source``; a row a column, in the order of the
    tables. Every column of the cells, districts, sites, survey tasks, indicators, their details
    and the inventory has one.
    """
    from kcity_geo.outputs.details import detail_table

    frames = {
        "cells": cells.columns,
        "districts": result.gaps.districts.columns,
        "sites": result.sites.columns,
        "survey_tasks": result.gaps.survey_tasks.columns,
        "timetable_stops": () if result.data.transit is None else result.data.transit.columns,
        "indicators": result.gaps.indicators.columns,
        "indicator_details": detail_table(result).columns,
        "inventory": result.data.inventory.columns,
    }
    variables = _variables(result)
    rows = [
        row
        for table, names in frames.items()
        for row in _rows(table, names, variables, limits=_limits(result))
    ]
    told = pd.DataFrame(rows, columns=["file", "table", "column", "meaning", "unit", "source"])
    opened = (told["table"] == "cells") & told["column"].isin(opened_columns(cells))
    told.loc[opened, "file"] = _OPENED
    bare = (told["table"] == "cells") & told["column"].isin(_NO_RASTER)
    told.loc[bare, "file"] = told.loc[bare, "file"].str.removesuffix(_RASTERS)
    return told


def _rows(
    table: str,
    names: Iterable[Any],
    variables: dict[str, dict[str, str]],
    *,
    limits: dict[str, float],
) -> list[dict[str, str]]:
    known = read_table("columns")
    patterns = _patterns(limits) if table in {"cells", "districts"} else {}
    found = []
    for name in map(str, names):
        about = known[table].get(name) or patterns.get(name)
        if about is None and table == "cells":
            about = variables.get(name)
        about = about or {"meaning": name.replace("_", " "), "unit": ""}
        if about is known[table].get(name):
            about = {**about, "meaning": about["meaning"].format(**limits)}
        row = {"table": table, "column": name, "source": known["source"][table]}
        found.append({**row, **about, "file": _FILES[table]})
    return found


def _limits(result: Result) -> dict[str, float]:
    limits = result.gaps.limits
    return {
        "short": limits.short,
        "fair": limits.evidence_fair,
        "good": limits.evidence_good,
    }


def _patterns(limits: dict[str, float]) -> dict[str, dict[str, str]]:
    """Columns of the gap model, for each sector."""
    known = read_table("columns")
    return {
        f"{sector}_{key}": {
            "meaning": row["meaning"].format(sector=sector_title(sector), **limits),
            "unit": row["unit"],
            "source": known["source"]["gap"],
        }
        for sector in LEVELS
        for key, row in known["gap"].items()
    }


def _variables(result: Result) -> dict[str, dict[str, str]]:
    """Words, unit and source that the variables of the cells carry; indicators add what they ask."""
    asks = {key: row.question for key, row in indicator_rows().items()}
    found = {}
    for name, (_, attrs) in grid_variables(result).items():
        words = plain_text(attrs.get("long_name", name), max_chars=400)
        if name in asks:
            words = f"{words}. {plain_text(asks[name], max_chars=400)}"
        found[name] = {
            "meaning": words,
            "unit": plain_text(attrs.get("units")),
            "source": plain_text(attrs.get("source"), max_chars=400),
        }
    return found
