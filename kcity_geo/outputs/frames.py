"""The tables with geometry that a study hands over: cells, districts and sites."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.gaps.words import reading_codes
from kcity_geo.analysis.suitability.exclusion import NO_DATA, OPEN, first_rule
from kcity_geo.cube import cell_centres, cell_ids, cell_polygons, cell_size
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.scores import score_words
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.themes import is_reading, reading_rows
from kcity_geo.result import Result
from kcity_geo.rules import ReadingLimits

__all__ = ["MAX_GEOJSON_CELLS", "cell_frame", "grid_variables", "merge_cells", "site_frame"]

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
        {**about, "units": "share", "long_name": f"Suitability for {score.title}"},
    )
    excluded = np.where(result.data.inside, ~score.feasible, 0).astype(np.uint8)
    found["excluded"] = (
        excluded,
        {**about, "units": "1", "long_name": f"Excluded from {score.title} (1 = excluded)"},
    )
    for criterion in score.criteria:
        found[f"utility_{criterion.id}"] = (
            criterion.utility,
            {
                **about,
                "units": "share",
                "long_name": f"{criterion.title}: utility, "
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
        "district_id": model_of(data).main_district.ravel()[flat],
        "cells": np.ones(len(flat), dtype=np.int32),
    }
    for name, (values, _) in grid_variables(result).items():
        picked = np.asarray(values).ravel()[flat]
        if is_reading(name):
            words = np.array(list(reading_rows()), dtype=object)
            picked = words[np.asarray(picked, dtype=np.int64)]
        columns[name] = picked
        if name == "excluded":
            columns["excluded_by"] = _excluded_by(result, flat)
    return gpd.GeoDataFrame(
        pd.DataFrame(columns), geometry=cell_polygons(data.grid, flat), crs=data.city.crs
    )


def _excluded_by(result: Result, flat: NDArray[np.int64]) -> NDArray[np.object_]:
    rule, constraints = first_rule(result.score, result.data.inside)
    words = {OPEN: "open", NO_DATA: "no data to tell"}
    words |= {i: plain_text(c.title, max_chars=60) for i, c in enumerate(constraints)}
    return np.array([words[code] for code in rule.ravel()[flat].tolist()], dtype=object)


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
    import shapely

    grid = result.data.grid
    flat = np.flatnonzero(result.data.inside.ravel())
    size = cell_size(grid) * factor
    x, y = (a[flat] for a in cell_centres(grid))
    block = pd.MultiIndex.from_arrays(
        [-np.floor(y / size).astype(np.int64), np.floor(x / size).astype(np.int64)]
    )
    number, keys = pd.factorize(block, sort=True)
    people = _weights(cells, number)
    units = {name: str(a.get("units", "")) for name, (_, a) in grid_variables(result).items()}
    amounts = {key for key, row in indicator_rows().items() if row.average == "sum"}
    columns: dict[str, Any] = {}
    for name in cells.columns.drop("geometry"):
        values = cells[name].to_numpy()
        if name == "cell_id":
            columns[name] = [f"x{c}_y{-r}_of{factor}" for r, c in keys]
        elif values.dtype == object or units.get(name) == "code" or name == "urban_class":
            columns[name] = _most_frequent(values, number)
        elif name in amounts | {"cells"} or units.get(name) in {"persons", "m2"}:
            columns[name] = pd.Series(values).groupby(number).sum(min_count=1).to_numpy()
        else:
            columns[name] = _mean(values.astype(float), number, people)
    for name in filter(is_reading, cells.columns):
        columns[name] = _merged_readings(
            columns, name.removesuffix("_reading"), limits=result.gaps.limits
        )
    west = np.array([c * size for _, c in keys])
    south = np.array([-r * size for r, _ in keys])
    squares = shapely.box(west, south, west + size, south + size)
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry=squares, crs=cells.crs)


def _merged_readings(
    columns: Mapping[str, Any], sector: str, *, limits: ReadingLimits
) -> NDArray[np.object_]:
    """Read the merged numbers anew, so that number and word of a square agree."""
    codes = reading_codes(
        columns[f"{sector}_p_short"],
        columns[f"{sector}_gap"],
        columns[f"{sector}_evidence"],
        limits=limits,
        persons=columns.get("population"),
    )
    return np.array(list(reading_rows()), dtype=object)[codes]


def _weights(cells: gpd.GeoDataFrame, number: NDArray[np.intp]) -> NDArray[np.float64]:
    """Residents as weights; equal weights in blocks where nobody lives."""
    if "population" not in cells:
        return np.ones(len(cells))
    people = np.nan_to_num(cells["population"].to_numpy(dtype=float))
    total = np.bincount(number, weights=people)
    return np.where(total[number] > 0, people, 1.0)


def _mean(
    values: NDArray[np.float64], number: NDArray[np.intp], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    known = np.isfinite(values)
    length = int(number.max()) + 1
    plain = np.bincount(number[known], weights=values[known], minlength=length)
    count = np.bincount(number[known], minlength=length)
    top = np.bincount(number[known], weights=(values * weight)[known], minlength=length)
    bottom = np.bincount(number[known], weights=weight[known], minlength=length)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(bottom > 0, top / bottom, plain / count), dtype=np.float64)


def _most_frequent(values: NDArray[Any], number: NDArray[np.intp]) -> NDArray[Any]:
    codes, known = pd.factorize(values, sort=True)
    counts = pd.DataFrame({"block": number, "code": codes}).value_counts().reset_index()
    best = counts.sort_values(["block", "count", "code"], ascending=[True, False, True])
    winner = best.drop_duplicates("block")["code"].to_numpy()
    best_known: NDArray[Any] = np.asarray(known)[winner]
    return best_known


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
