"""Ways between homes, candidate sites and what exists: along the streets or in a straight line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.location.services import Service
from kcity_geo.analysis.network import reach
from kcity_geo.analysis.network.access import nearest
from kcity_geo.analysis.network.snapping import Snapped, cell_points, snap

__all__ = ["Ways"]

#: Homes that are looked at in one go, and homes of a sample.
_AT_ONCE = 2_000
_SAMPLE = 60
#: A way this much longer than the limit is within it: the last digits of a sum.
_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Ways:
    """
    Homes and places of one question.

    Parameters
    ----------
    city : its model.
    service : says mode and unit.
    cells : flat numbers of the cells whose people count.
    """

    city: CityModel
    service: Service
    cells: NDArray[np.int64]

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """Position in `cells` of each home; all cells have the same number of homes."""
        return np.repeat(np.arange(len(self.cells)), self._each)

    @cached_property
    def _spacing_m(self) -> float:
        return self.city.settings("transport").number("subpoint_m")

    @cached_property
    def _max_snap_m(self) -> float:
        return self.city.settings("transport").number("max_snap_m")

    @cached_property
    def _each(self) -> int:
        one = cell_points(self.city.grid, np.zeros(1, np.int64), spacing_m=self._spacing_m)
        return len(one[0])

    @property
    def on_streets(self) -> bool:
        """Whether ways lead along the streets."""
        return self.service.mode != "straight"

    @property
    def _unit(self) -> str:
        return "minutes" if self.service.unit == "min" else "metres"

    @cached_property
    def _at(self) -> NDArray[np.float64]:
        x, y, _ = cell_points(self.city.grid, self.cells, spacing_m=self._spacing_m)
        return np.column_stack([x, y])

    @cached_property
    def _homes(self) -> Snapped:
        all_homes, _ = self.city.homes(self.service.mode)
        place = np.searchsorted(self.city.people.cells, self.cells)
        rows = (place[:, None] * self._each + np.arange(self._each)).ravel()
        return all_homes.take(rows)

    def _snapped(self, places: NDArray[np.object_]) -> Snapped:
        return snap(self.city.graph(self.service.mode), places, max_snap_m=self._max_snap_m)

    def on_network(self, places: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Tell which places can be reached at all: those near a street."""
        if not self.on_streets:
            return np.ones(len(places), bool)
        return np.asarray(self._snapped(places).segment >= 0)

    def today(self, places: NDArray[np.object_]) -> NDArray[np.float64]:
        """Cost from each home to the nearest of the places; inf: no way."""
        if len(places) == 0:
            return np.full(len(self.owner), np.inf)
        if self.on_streets:
            graph = self.city.graph(self.service.mode)
            return nearest(graph, self._homes, self._snapped(places), unit=self._unit)
        tree = shapely.STRtree(places)
        points = np.asarray(shapely.points(self._at), dtype=object)
        (home, _), metres = tree.query_nearest(points, return_distance=True, all_matches=False)
        found = np.full(len(points), np.inf)
        found[home] = metres
        return found

    def rows(
        self, places: NDArray[np.object_], homes: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Give the table of costs to all places, some homes at a time; inf: no way."""
        pieces = np.array_split(homes, max(1, -(-len(homes) // _AT_ONCE)))
        if self.on_streets:
            there, graph = self._snapped(places), self.city.graph(self.service.mode)
            for part in pieces:
                table = reach.od_matrix(graph, self._homes.take(part), there, unit=self._unit)
                yield part, table
            return
        xy = shapely.get_coordinates(shapely.centroid(places))
        for part in pieces:
            gap = self._at[part][:, None, :] - xy[None, :, :]
            yield part, np.hypot(gap[..., 0], gap[..., 1])

    def within(
        self, places: NDArray[np.object_], homes: NDArray[np.int64], limit: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """List home, place and cost of all pairs within a limit; the boundary counts as within."""
        if self.on_streets:
            graph = self.city.graph(self.service.mode)
            there = self._snapped(places)
            home, place, cost = reach.pairs(
                graph, self._homes.take(homes), there, limit=limit, unit=self._unit
            )
            return homes[home], place, cost
        trees = [
            cKDTree(self._at[homes]),
            cKDTree(shapely.get_coordinates(shapely.centroid(places))),
        ]
        found = sparse.coo_array(
            trees[0].sparse_distance_matrix(trees[1], limit + _SLACK, output_type="coo_matrix")
        )
        home, place = (np.asarray(part, dtype=np.int64) for part in found.coords)
        order = np.lexsort((place, home))
        cost = np.hypot(*(self._at[homes][home] - trees[1].data[place]).T)
        return homes[home[order]], place[order], cost[order]

    def pairs_expected(
        self, places: NDArray[np.object_], homes: NDArray[np.int64], upto: NDArray[np.float64]
    ) -> float:
        """Estimate how many pairs cost less than `upto` of the home, from every so many-th home."""
        if len(homes) == 0 or len(places) == 0:
            return 0.0
        sample = homes[:: max(1, len(homes) // _SAMPLE)]
        near = 0
        for part, table in self.rows(places, sample):
            near += int((table < upto[part][:, None]).sum())
        return near * len(homes) / len(sample)
