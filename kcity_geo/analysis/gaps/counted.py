"""
Counted: facilities that the map shows, and how many there are by the city's own count.

A count of the city, or of its districts, beats every norm: what is missing on the map is then known in number,
and only where it stands is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.evidence.official import counts_of_districts, official_total
from kcity_geo.analysis.evidence.official import official as city_number
from kcity_geo.analysis.transport.service_times import facilities
from kcity_geo.analysis.transport.stops import city_stops
from kcity_geo.config import read_table
from kcity_geo.cube import count_in_cells
from kcity_geo.notes import tell

__all__ = ["Counted", "counted", "mapped_facilities"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Counted:
    """
    Facilities of one kind.

    Parameters
    ----------
    cells : shape (rows, cols), those that the map shows.
    mapped : those that the map shows inside the city.
    official : all that there are, by the city's own count; NaN: not counted, or contradicted by
        the map.
    area : shape (rows, cols), of which of the counted areas (the city, or its districts) a cell is; -1: of none.
    lacking : shape (areas,), facilities that the map lacks in each, zero or more.
    shown : shape (areas,), share of the facilities of each that the map shows, 0 to 1.
    """

    cells: NDArray[np.float64]
    mapped: float
    official: float
    area: NDArray[np.int16]
    lacking: NDArray[np.float64]
    shown: NDArray[np.float64]

    @property
    def missing(self) -> float:
        """Facilities that the map lacks, zero or more; NaN: not counted."""
        return float(np.maximum(self.official - self.mapped, 0.0))

    @property
    def mapped_share(self) -> float:
        """Share of them that the map shows, 0 to 1; NaN: not counted."""
        return _share(self.mapped, self.official)

    def shown_cells(self, rows: slice = slice(None)) -> NDArray[np.float64]:
        """
        Give the share of the facilities of its counted area that the map shows, for each cell.

        Parameters
        ----------
        rows : of the grid.

        Returns
        -------
        0 to 1; NaN where nobody counted.
        """
        return np.append(self.shown, np.nan)[self.area[rows]]


def _share(mapped: float, official: float) -> float:
    """Share of what there is that the map shows; NaN: not counted."""
    return 1.0 if mapped >= official else mapped / official


def counted(city: CityModel) -> dict[str, Counted]:
    """
    Count the facilities that the gap model completes.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Kind of ``[missing.facility]`` of ``tables/evidence.toml`` -> what is mapped and what there is. With works
    in the layers their cells are those of today and of the works; the numbers are those of today, since what
    is to be built is none of what the map lacks.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> sorted(counted(model_of(make_toy())))
    ['health', 'school', 'stop', 'water_point']
    """
    today = None if city.today is None else model_of(city.today).once(counted)
    found = {}
    for kind, row in city.rules("evidence")["missing"]["facility"].items():
        shapes = np.asarray(shapely.centroid(mapped_facilities(city, kind)))
        cells = count_in_cells(shapes, grid=city.grid)
        if today is not None:
            found[kind] = replace(today[kind], cells=cells)
            continue
        mapped, key = float(cells[city.inside].sum()), row["official"]
        official = _believed(key, official_total(city, key), mapped)
        area, there, shown = _areas(city, key, shapes, mapped=mapped, official=official)
        found[kind] = Counted(
            cells=cells,
            mapped=mapped,
            official=official,
            area=area,
            lacking=np.maximum(there - shown, 0.0),
            shown=np.array([_share(m, o) for m, o in zip(shown, there, strict=True)]),
        )
    return found


def _areas(
    city: CityModel, key: str, shapes: NDArray[np.object_], *, mapped: float, official: float
) -> tuple[NDArray[np.int16], NDArray[np.float64], NDArray[np.float64]]:
    """
    Give the areas whose facilities were counted: of each cell which, and of each how many there are and are mapped.

    These are the districts with a number in the table and, where the city has one too, the rest together. A city
    number that its table contradicts stands alone.
    """
    whole, none = np.zeros(city.grid.shape, dtype=np.int16), np.zeros(0)
    table, stated = counts_of_districts(city, key), city_number(city, key)
    if table is None or (stated is not None and not np.isfinite(official)):
        if not np.isfinite(official):
            return whole - np.int16(1), none, none
        return whole, np.array([official]), np.array([mapped])
    there, shown = _of_districts(city, key, table, shapes)
    told = np.isfinite(there)
    ids = city.city.districts["district_id"].astype(str)
    area = pd.Index(ids).get_indexer(city.main_district.ravel()).reshape(city.grid.shape)
    area = np.where(np.append(told, False)[area], area, -1)
    if stated is not None and not told.all():  # the others, all together
        area = np.where(area < 0, len(there), area)
        there = np.append(there, max(0.0, official - float(there[told].sum())))
        shown = np.append(shown, max(0.0, mapped - float(shown[told].sum())))
    return area.astype(np.int16), np.nan_to_num(there), shown


def _of_districts(
    city: CityModel, key: str, table: pd.Series[float], shapes: NDArray[np.object_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Facilities of each district by the table, NaN where it has none that the map lets believe, and by the map."""
    districts = city.city.districts
    names = districts["district_id"].astype(str).to_numpy()
    there = np.array([float(table.get(name, np.nan)) for name in names])
    owner = shapely.STRtree(shapes).query(districts.geometry.to_numpy(), predicate="contains")[0]
    shown = np.bincount(owner, minlength=len(names)).astype(np.float64)
    few = there < read_table("official")["count"]["used_share"] * shown
    if few.any():
        some = ", ".join(
            f"{name} {there[at]:,.0f}, the map shows {shown[at]:,.0f}"
            for at, name in enumerate(names)
            if few[at]
        )
        tell(
            f"official.table: {key} of {int(few.sum())} of {len(names)} districts is far below the map ({some}): "
            "the count speaks of something else and is not used there; give all that there are"
        )
    return np.where(few, np.nan, there), shown


def _believed(key: str, official: float | None, mapped: float) -> float:
    """Tell a count that is far from the map; NaN when there is none, or the map shows far more."""
    if official is None:
        return float("nan")
    rule = read_table("official")["count"]
    said = f"official.{key} is {official:,.0f}, the map shows {mapped:,.0f} here"
    if official < rule["used_share"] * mapped:
        tell(f"{said}: the count speaks of something else and is not used; give all that there are")
        return float("nan")
    if official < mapped:
        tell(f"{said}: none is taken to be missing; does the count leave some out?")
    elif official > rule["far_times"] * max(mapped, 1.0):
        tell(
            f"{said}: the map is taken to lack {1 - mapped / official:.0%} of them; check the count and "
            "whether it is of the study area only"
        )
    return official


def mapped_facilities(city: CityModel, kind: str) -> NDArray[np.object_]:
    """
    Give the facilities of a kind that the map shows.

    Parameters
    ----------
    city : its model.
    kind : of ``[missing.facility]`` of ``tables/evidence.toml``.

    Returns
    -------
    Shape (n,), their geometry; a facility may be an area.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> len(mapped_facilities(model_of(make_toy()), "school"))
    0
    """
    if kind == "stop":
        stops = city.once(city_stops)
        if stops is None:
            return np.zeros(0, dtype=object)
        return np.concatenate([stops.low, stops.high])
    if kind == "water_point":
        frame = city.layer(kind)
        if frame is None:
            return np.zeros(0, dtype=object)
        return np.asarray(frame.geometry.to_numpy(), dtype=object)
    return facilities(city, kind)
