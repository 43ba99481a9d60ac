"""The tables with geometry that a study hands over: cells, districts and sites."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.findings import Findings, merged_readings
from kcity_geo.analysis.settlement.blocks import blocks_of
from kcity_geo.analysis.suitability.exclusion import NO_DATA, OPEN
from kcity_geo.config import read_table
from kcity_geo.cube import cell_ids, cell_polygons
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.scores import score_words
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.themes import is_reading, reading_rows
from kcity_geo.result import LEVELS, Result

__all__ = [
    "MAX_GEOJSON_CELLS",
    "cell_frame",
    "excluded_words",
    "grid_variables",
    "merge_cells",
    "opened_columns",
    "site_frame",
]

#: More cells than this are merged into larger squares before they become GeoJSON.
MAX_GEOJSON_CELLS = 50_000


def grid_variables(result: Result) -> dict[str, tuple[NDArray[Any], Mapping[str, Any]]]:
    """
    Collect every variable of a study that lies on the grid.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Name -> (array of shape (rows, cols), attributes ``units``, ``long_name``, ``source``,
    ``licence``, ``as_of``, ``evidence``). Gaps first, then the inputs, then suitability.
    """
    found: dict[str, tuple[NDArray[Any], Mapping[str, Any]]] = {}
    for dataset in (result.gaps.cells, result.data.cube):
        for key in dataset.data_vars:
            if str(key) not in found and dataset[key].dims == ("y", "x"):
                found[str(key)] = (dataset[key].to_numpy(), dict(dataset[key].attrs))
    about = {"source": "kcity_geo", "evidence": "modelled"}
    score = result.score
    found["suitability"] = (
        score.score,
        {**about, "units": "share", "long_name": f"Suitability: {score.title}"},
    )
    excluded = np.where(result.data.inside, ~score.feasible, 0).astype(np.uint8)
    found["excluded"] = (
        excluded,
        {**about, "units": "1", "long_name": f"Excluded from {score.title} (1 = excluded)"},
    )
    if score.best_tenth is not None:
        found["best_tenth"] = (
            score.best_tenth,
            {
                **about,
                "units": "share",
                "long_name": "Share of random weights that put the cell into the best tenth",
            },
        )
    for criterion in score.criteria:
        found[f"{criterion.id}_score"] = (
            criterion.utility,
            {
                **about,
                "units": "share",
                "long_name": f"{criterion.title}: score from 0 to 1, "
                f"{score_words(criterion.value_function, criterion.units)}",
                "evidence": criterion.evidence,
            },
        )
    return found


def cell_frame(result: Result) -> gpd.GeoDataFrame:
    """
    Table of all cells that lie at least partly inside the city.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Metric CRS, a row a cell, from the north-west: ``cell_id, district_id, cells`` (how many cells
    the row stands for, here 1), then every variable of `grid_variables`. Readings are words; NaN
    means not known. Beside ``excluded`` stands ``excluded_by``: the title of the first constraint
    that holds, ``"open"``, or ``"no data to tell"``.
    """
    data = result.data
    flat = np.flatnonzero(data.inside.ravel())
    columns: dict[str, Any] = {
        "cell_id": cell_ids(data.grid)[flat],
        "district_id": Findings(result).main_district.ravel()[flat],
        "cells": np.ones(len(flat), dtype=np.int32),
    }
    for name, (values, _) in grid_variables(result).items():
        picked = np.asarray(values).ravel()[flat]
        if is_reading(name):
            words = np.array(list(reading_rows(name.removesuffix("_reading"))), dtype=object)
            picked = words[np.asarray(picked, dtype=np.int64)]
        columns[name] = picked
        if name == "excluded":
            columns["excluded_by"] = _excluded_by(result, flat)
    return gpd.GeoDataFrame(
        pd.DataFrame(columns), geometry=cell_polygons(data.grid, flat), crs=data.city.crs
    )


def _excluded_by(result: Result, flat: NDArray[np.int64]) -> NDArray[np.object_]:
    words, rule = excluded_words(result), Findings(result).rule
    return np.array([words[code] for code in rule.ravel()[flat].tolist()], dtype=object)


def excluded_words(result: Result) -> dict[int, str]:
    """
    Say what keeps building away, as the table of the cells has it.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Code of `Findings.rule` -> words.
    """
    words = {OPEN: "open", NO_DATA: "no data to tell"}
    rules = Findings(result).rules
    return words | {i: plain_text(c.title, max_chars=60) for i, c in enumerate(rules)}


def opened_columns(cells: pd.DataFrame) -> list[str]:
    """
    Name the columns of the cells that people open by hand.

    Parameters
    ----------
    cells : as `cell_frame` or `merge_cells` gives them.

    Returns
    -------
    Those of ``[opened]`` in ``tables/columns.toml`` that the frame has, in that order, and the geometry.

    Examples
    --------
    >>> import pandas as pd
    >>> opened_columns(pd.DataFrame(columns=["cell_id", "water_gap", "water_gap_lo", "geometry"]))
    ['cell_id', 'water_gap', 'geometry']
    """
    wanted = [
        name.format(level=level)
        for name in read_table("columns")["opened"]["cells"]
        for level in (LEVELS if "{level}" in name else ("",))
    ]
    return [name for name in (*wanted, "geometry") if name in cells.columns]


def merge_cells(
    result: Result, cells: gpd.GeoDataFrame, *, max_cells: int = MAX_GEOJSON_CELLS
) -> gpd.GeoDataFrame:
    """
    Merge cells into larger squares until few enough are left.

    Parameters
    ----------
    result : the study that the cells are of.
    cells : as `cell_frame` gives them.
    max_cells : most rows of the answer.

    Returns
    -------
    `cells` itself when there are few enough. Else the same columns with a row a square of
    n x n cells: persons, areas and ``excluded`` as explained here: units persons and m2 and
    indicators that are amounts (MWh a year of E10, km of E3) are summed, other numbers averaged
    by population (by cell where nobody lives), readings follow from the merged numbers, other
    codes and words are the most frequent. The population total is that of `cells`.
    """
    if len(cells) <= max_cells:
        return cells
    factor = max(2, math.ceil(math.sqrt(len(cells) / max_cells)))
    while True:
        merged = _blocks(result, cells, factor=factor)
        if len(merged) <= max_cells:
            return merged
        factor += 1


def _blocks(result: Result, cells: gpd.GeoDataFrame, *, factor: int) -> gpd.GeoDataFrame:
    grid = result.data.grid
    blocks = blocks_of(grid, np.flatnonzero(result.data.inside.ravel()), factor=factor)
    people = cells["population"].to_numpy(dtype=float) if "population" in cells else None
    units = {name: str(a.get("units", "")) for name, (_, a) in grid_variables(result).items()}
    amounts = {key for key, row in indicator_rows().items() if row.average == "sum"}
    columns: dict[str, Any] = {}
    for name in cells.columns.drop("geometry"):
        values = cells[name].to_numpy()
        if name == "cell_id":
            columns[name] = blocks.ids
        elif values.dtype == object or units.get(name) == "code" or name == "urban_class":
            columns[name] = blocks.most_frequent(values)
        elif name in amounts | {"cells"} or units.get(name) in {"persons", "m2"}:
            columns[name] = blocks.summed(values)
        else:
            columns[name] = blocks.averaged(values.astype(float), people)
    for name in filter(is_reading, cells.columns):
        sector = name.removesuffix("_reading")
        codes = merged_readings(columns, sector, limits=result.gaps.limits)
        columns[name] = np.array(list(reading_rows(sector)), dtype=object)[codes]
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry=blocks.squares, crs=cells.crs)


def site_frame(result: Result) -> gpd.GeoDataFrame:
    """
    Give the sites as they are handed over: reasons as text, best first.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Metric CRS; the columns of `Result.sites`, lists written as text joined by ``"; "``.
    """
    sites = result.sites.copy()
    for name in sites.columns.drop("geometry"):
        if sites[name].dtype == object:
            sites[name] = sites[name].map(_joined)
    return sites


def _joined(value: Any) -> Any:  # noqa: ANN401 - any cell
    if isinstance(value, list | tuple):
        return "; ".join(plain_text(v, max_chars=2000) for v in value)
    return value
