"""
Counted: facilities that the map shows, and how many there are by the city's own count.

A count of the city beats every norm: what is missing on the map is then known in number, and only
where it stands is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.evidence.official import official_total
from kcity_geo.analysis.transport.service_times import facilities
from kcity_geo.analysis.transport.stops import city_stops
from kcity_geo.config import read_table
from kcity_geo.cube import count_in_cells
from kcity_geo.notes import tell

__all__ = ["Counted", "counted"]


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
    """

    cells: NDArray[np.float64]
    mapped: float
    official: float

    @property
    def missing(self) -> float:
        """Facilities that the map lacks, zero or more; NaN: not counted."""
        return float(np.maximum(self.official - self.mapped, 0.0))

    @property
    def mapped_share(self) -> float:
        """Share of them that the map shows, 0 to 1; NaN: not counted."""
        if self.mapped >= self.official:
            return 1.0
        return self.mapped / self.official


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
        shapes = np.asarray(shapely.centroid(_mapped(city, kind)))
        cells = count_in_cells(shapes, grid=city.grid)
        if today is not None:
            found[kind] = replace(today[kind], cells=cells)
            continue
        mapped = float(cells[city.inside].sum())
        found[kind] = Counted(
            cells=cells,
            mapped=mapped,
            official=_believed(row["official"], official_total(city, row["official"]), mapped),
        )
    return found


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


def _mapped(city: CityModel, kind: str) -> NDArray[np.object_]:
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
