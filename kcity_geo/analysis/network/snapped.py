"""Snapped: places on the network, each on a segment or between several that are equally near."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.runs import place_in_run

__all__ = ["Homes", "Snapped"]


@dataclass(frozen=True, eq=False)
class Snapped:
    """
    Places on the network.

    Parameters
    ----------
    segment : shape (p,), segment of the graph; -1: not on the network.
    share : shape (p,), 0 at the tail to 1 at the head of the segment.
    metres : shape (p,), straight distance from the place to the segment; inf: not on the network.
    at : shape (p, 2), coordinates of the places, by which a place knows itself again; NaN for a place
        without geometry. None: not known.
    labels : names of the places, of the series or frame that they came from. None: they have none.
    also_place, also_segment, also_share : number of the place, ascending, and segment and share of each further
        street that is as near. None: of no place.
    """

    segment: NDArray[np.int64]
    share: NDArray[np.float64]
    metres: NDArray[np.float64]
    at: NDArray[np.float64] | None = None
    labels: pd.Index | None = None
    also_place: NDArray[np.int64] | None = None
    also_segment: NDArray[np.int64] | None = None
    also_share: NDArray[np.float64] | None = None

    @property
    def index(self) -> pd.Index:
        """The labels, or the numbers of the places where there are none."""
        return pd.RangeIndex(len(self.segment)) if self.labels is None else self.labels

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Snapped:
        """
        Give some of the places.

        Parameters
        ----------
        rows : numbers or mask.

        Returns
        -------
        Those places.
        """
        return Snapped(
            self.segment[rows],
            self.share[rows],
            self.metres[rows],
            None if self.at is None else self.at[rows],
            None if self.labels is None else self.labels[rows],
            *self._also_of(rows),
        )

    def _also_of(
        self, rows: NDArray[np.integer] | NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None, NDArray[np.float64] | None]:
        """Give the further streets of some places."""
        if self.also_place is None or self.also_segment is None or self.also_share is None:
            return None, None, None
        number = np.arange(len(self.segment))[rows]
        first, end = (np.searchsorted(self.also_place, number, side) for side in ("left", "right"))
        row = np.repeat(first, end - first) + place_in_run(end - first)
        place = np.repeat(np.arange(len(number)), end - first)
        return place, self.also_segment[row], self.also_share[row]

    @property
    def tied(self) -> NDArray[np.bool_]:
        """Tell which places have several streets that are equally near."""
        tied = np.zeros(len(self.segment), dtype=bool)
        if self.also_place is not None:
            tied[self.also_place] = True
        return tied

    def spread(self) -> tuple[Snapped, NDArray[np.int64]]:
        """
        Give a row for each of the equally near streets of each place.

        Returns
        -------
        The rows, with one street each and without coordinates and labels, and the number of the place of each,
        ascending.
        """
        return self._rows

    @cached_property
    def _rows(self) -> tuple[Snapped, NDArray[np.int64]]:
        """Rows of `spread`: those of the homes of a city are asked for once a service."""
        owner = np.arange(len(self.segment))
        also = self.also_place, self.also_segment, self.also_share
        if also[0] is None or also[1] is None or also[2] is None or len(also[0]) == 0:
            return Snapped(self.segment, self.share, self.metres), owner
        owner = np.concatenate([owner, also[0]])
        segment = np.concatenate([self.segment, also[1]])
        share = np.concatenate([self.share, also[2]])
        order = np.argsort(owner, kind="stable")
        owner = owner[order]
        return Snapped(segment[order], share[order], self.metres[owner]), owner


#: Where the people of some cells stand on the network, and the position of the cell of each.
Homes = tuple[Snapped, NDArray[np.int64]]
