"""Worth of a site: means of the criteria over its cells, and what else counts in its score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.cube import pieces_of_polygons
from kcity_geo.profiles import site_rules
from kcity_geo.result import Criterion

__all__ = ["PARTS", "area_means", "criterion_means", "low_decile", "site_means", "total_score"]

#: Parts of the score of a site: the weight of each stands in ``tables/suitability/sites.toml``.
PARTS = ("mean", "low_decile", "connection", "compactness")


def site_means(
    values: NDArray[np.float64] | None, cells: Sequence[NDArray[np.int64]]
) -> NDArray[np.float64]:
    """
    Take the mean over the known cells of each site.

    Parameters
    ----------
    values : shape (rows, cols), or None.
    cells : flat cell numbers of each site.

    Returns
    -------
    Shape (sites,); NaN where no cell is known, and without values.

    Examples
    --------
    >>> site_means(np.array([[1.0, 3.0, np.nan]]), [np.array([0, 1, 2])]).tolist()
    [2.0]
    """
    if values is None:
        return np.full(len(cells), np.nan)
    flat = values.ravel()
    return np.array(
        [
            flat[c][np.isfinite(flat[c])].mean() if np.isfinite(flat[c]).any() else np.nan
            for c in cells
        ]
    )


def area_means(
    fields: Sequence[NDArray[np.float64] | None], shape: shapely.Polygon, grid: GeoBox
) -> list[float]:
    """
    Take means over an outline, each cell by its land inside it.

    Parameters
    ----------
    fields : each of shape (rows, cols), or None.
    shape : outline, metric CRS.
    grid : of the fields.

    Returns
    -------
    One a field; NaN where no cell is known, and for None.

    Examples
    --------
    >>> from kcity_geo.demo.toy import SOUTH, WEST, make_toy
    >>> grid = make_toy().grid
    >>> east = np.tile(np.arange(40.0), (40, 1))  # cells of 100 m
    >>> area_means([east, None], shapely.box(WEST, SOUTH, WEST + 125, SOUTH + 100), grid)
    [0.2, nan]
    """
    cell, _, area = pieces_of_polygons(np.asarray([shape], dtype=object), grid=grid)
    found = []
    for field in fields:
        values = np.full(len(cell), np.nan) if field is None else field.ravel()[cell]
        ok = np.isfinite(values) & (area > 0)
        found.append(float(np.average(values[ok], weights=area[ok])) if ok.any() else np.nan)
    return found


def low_decile(values: NDArray[np.float64]) -> float:
    """
    Give the score that nine tenths of the cells of a site reach.

    Parameters
    ----------
    values : scores of the cells; NaN: not known.

    Returns
    -------
    0 to 1; NaN where no cell is known.

    Examples
    --------
    >>> round(low_decile(np.array([0.0, 1.0])), 3)
    0.1
    """
    known = values[np.isfinite(values)]
    return float(np.quantile(known, 0.1)) if len(known) else float("nan")


def criterion_means(
    used: Sequence[Criterion], cells: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """
    Take the mean of each criterion over each site.

    A criterion known in few cells does not stand for the whole site: there the others speak for it, as in
    the score of a cell.

    Parameters
    ----------
    used : criteria with weight.
    cells : flat cell numbers of each site.

    Returns
    -------
    Shape (sites, criteria): utilities without NaN, and where they are the criterion's own.
    """
    least = site_rules()["known_cells_min"]
    table = np.column_stack([site_means(c.utility, cells) for c in used])
    share = np.array([[np.isfinite(c.utility.ravel()[s]).mean() for c in used] for s in cells])
    known = (share >= least) & np.isfinite(table)
    none = ~known.any(axis=1)
    known[none] = np.isfinite(table[none])
    weight = np.array([c.weight_used for c in used])
    own = (np.where(known, table, 0.0) * weight).sum(axis=1) / (known * weight).sum(axis=1)
    return np.where(known, table, own[:, None]), known


def total_score(frame: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Give the score of each site, and how much each of its parts counts in it.

    Parameters
    ----------
    frame : columns ``mean_score``, ``low_decile_score``, ``connection_score`` (NaN: nothing to connect to
        is mapped, the other parts count more) and ``compactness``.

    Returns
    -------
    Shape (sites,), and shape (sites, parts) with the parts as in `PARTS`.

    Examples
    --------
    >>> one = {"mean_score": [1.0], "low_decile_score": [1.0], "connection_score": [np.nan], "compactness": [1.0]}
    >>> [v.round(6).tolist() for v in total_score(pd.DataFrame(one))]
    [[1.0], [[0.705882, 0.176471, 0.0, 0.117647]]]
    """
    rule = site_rules()
    connection = frame["connection_score"].to_numpy(dtype=float)
    has = np.isfinite(connection)
    weights = np.array([rule[f"weight_{part}"] for part in PARTS])
    columns = [frame[c] for c in ("mean_score", "low_decile_score")]
    parts = np.column_stack([*columns, np.where(has, connection, 0.0), frame["compactness"]])
    share = np.where(has[:, None], weights, weights * np.array([1, 1, 0, 1]))
    whole = share.sum(axis=1)
    return (parts * share).sum(axis=1) / whole, share / whole[:, None]
