"""
Areas: the land that competed in a ranking, kept so that other weights and limits can be tried on it.

The outlines stay; what another limit excludes is taken out of their cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.sites.cut_out import AREA_KEPT
from kcity_geo.notes import tell
from kcity_geo.profiles import Limit, site_rules
from kcity_geo.result import Suitability

__all__ = ["Area", "Rows", "area_rows", "areas_of", "open_areas", "runs_of"]


class Rows(tuple[dict[str, Any], ...]):
    """Rows that never change: pandas would copy them, each time that a column is taken."""

    __slots__ = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Rows:
        """Give the rows themselves."""
        return self


class Area(NamedTuple):
    """
    Land that competed in a ranking.

    Parameters
    ----------
    site_id, label : its names in the study.
    polygon : outline, metric CRS.
    cells : flat cell numbers.
    fits : whether the project can use it at all.
    listed : whether it is among the sites of the study.
    candidate, open_share, site_share, held_share, held_by, connection_score : as in the columns of the sites.
    closed_share : share of its cells that limits tried later exclude.
    """

    site_id: str
    label: str
    polygon: shapely.Polygon
    cells: NDArray[np.int64]
    fits: bool
    listed: bool
    candidate: str = ""
    open_share: float = float("nan")
    connection_score: float = float("nan")
    site_share: float = float("nan")
    held_share: float = 0.0
    held_by: str = ""
    closed_share: float = 0.0


def runs_of(cells: NDArray[np.int64]) -> list[int]:
    """
    Write cell numbers as runs.

    Parameters
    ----------
    cells : rising flat cell numbers.

    Returns
    -------
    First cell and length of each run, one after the other.

    Examples
    --------
    >>> runs_of(np.array([3, 4, 5, 9]))
    [3, 3, 9, 1]
    """
    if len(cells) == 0:
        return []
    first = np.flatnonzero(np.diff(cells, prepend=cells[0] - 2) != 1)
    length = np.diff(np.append(first, len(cells)))
    return np.column_stack([cells[first], length]).ravel().tolist()


def area_rows(
    ranked: gpd.GeoDataFrame,
    listed: gpd.GeoDataFrame,
    cells: Sequence[NDArray[np.int64]],
    *,
    most: int,
) -> Rows:
    """
    Write down the areas of a ranking.

    Parameters
    ----------
    ranked : all areas, best first; the index is their place in `cells`.
    listed : the sites of the study, the first of them.
    cells : flat cell numbers of each area.
    most : areas written at most, beside those listed.

    Returns
    -------
    Rows that JSON can hold: ``site_id, label, fits, listed, candidate, open_share, site_share, held_share, held_by,
    connection_score, runs, outline`` (WKB in hex); None: not known.
    """
    labels = dict(zip(listed["site_id"], listed["label"], strict=True))
    return Rows(
        {
            "site_id": str(row.site_id),
            "label": str(labels.get(row.site_id, row.label)),
            "fits": bool(row.fits),
            "listed": row.site_id in labels,
            "candidate": str(row.candidate),
            "open_share": _or_none(row.open_share),
            "site_share": _or_none(row.site_share),
            "held_share": float(row.held_share),
            "held_by": str(row.held_by),
            "connection_score": _or_none(row.connection_score),
            "runs": runs_of(np.sort(cells[row.Index])),
            "outline": str(shapely.to_wkb(row.geometry, hex=True)),
        }
        for row in ranked.head(max(most, len(listed))).itertuples()
    )


def _or_none(value: float) -> float | None:
    return float(value) if value >= 0 else None


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def areas_of(rows: Sequence[Mapping[str, Any]]) -> list[Area]:
    """
    Read the areas of a ranking.

    Parameters
    ----------
    rows : of `area_rows`.

    Returns
    -------
    The areas, best first.
    """
    found = []
    for row in rows:
        runs = np.asarray(row["runs"], dtype=np.int64).reshape(-1, 2)
        cells = [np.arange(first, first + length) for first, length in runs]
        found.append(
            Area(
                site_id=row["site_id"],
                label=row["label"],
                polygon=shapely.from_wkb(row["outline"]),
                cells=np.concatenate([np.zeros(0, dtype=np.int64), *cells]),
                fits=row["fits"],
                listed=row["listed"],
                candidate=row["candidate"],
                open_share=_or_nan(row["open_share"]),
                site_share=_or_nan(row.get("site_share", row["open_share"])),
                held_share=float(row.get("held_share", 0.0)),
                held_by=row.get("held_by", ""),
                connection_score=_or_nan(row["connection_score"]),
            )
        )
    return found


def open_areas(
    areas: Sequence[Area], score: Suitability, limits: Mapping[str, Limit]
) -> list[Area]:
    """
    Take out of areas what the limits of a score exclude.

    Parameters
    ----------
    areas : as they were ranked.
    score : under the limits that are tried.
    limits : of the project; an area with less open land than ``min_area_ha`` is no site any more.

    Returns
    -------
    Those with open cells left, in their order; the others are told by name.
    """
    feasible, found, gone = score.feasible.ravel(), [], []
    least = float(limits.get("min_area_ha", 0.0) or 0.0)
    for one in areas:
        left = one.cells[feasible[one.cells]]
        if len(left) == 0:
            gone.append(one.label)
            continue
        closed = 1 - len(left) / len(one.cells)
        kept = site_rules()["given_size_kept"] if one.candidate else AREA_KEPT
        enough = one.polygon.area / 1e4 * (1 - closed) >= least * kept
        found.append(one._replace(cells=left, closed_share=closed, fits=one.fits and enough))
    if gone:
        tell(f"{score.title}: the limits of the scenario exclude all of site {', '.join(gone)}")
    return found
