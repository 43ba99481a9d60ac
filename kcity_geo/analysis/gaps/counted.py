"""
Counted: facilities that the map shows, and how many there are by the city's own count.

A count of the city beats every norm: what is missing on the map is then known in number, and only
where it stands is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.official import official_total
from kcity_geo.analysis.transport.service_times import facilities
from kcity_geo.analysis.transport.stops import city_stops
from kcity_geo.cube import count_in_cells

__all__ = ["Counted", "counted"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Counted:
    """
    Facilities of one kind.

    Parameters
    ----------
    cells : shape (rows, cols), those that the map shows.
    mapped : those that the map shows inside the city.
    official : all that there are, by the city's own count; NaN: not counted.
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
        if not self.official > 0:
            return float("nan")
        return min(1.0, self.mapped / self.official)


def counted(city: CityModel) -> dict[str, Counted]:
    """
    Count the facilities that the gap model completes.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Kind of ``[missing.facility]`` of ``tables/evidence.toml`` -> what is mapped and what there is.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> sorted(counted(model_of(make_toy())))
    ['health', 'school', 'stop', 'water_point']
    """
    found = {}
    for kind, row in city.rules("evidence")["missing"]["facility"].items():
        shapes = np.asarray(shapely.centroid(_mapped(city, kind)))
        cells = count_in_cells(shapes, grid=city.grid)
        told = official_total(city, row["official"])
        found[kind] = Counted(
            cells=cells,
            mapped=float(cells[city.inside].sum()),
            official=float("nan") if told is None else told,
        )
    return found


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
