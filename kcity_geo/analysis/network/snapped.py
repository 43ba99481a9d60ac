"""Snapped: places on the network, each on a segment or between several that are equally near."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    also_segment, also_share : shape (p, n), further segments that are as near, -1 for none. None: of
        no place.
    """

    segment: NDArray[np.int64]
    share: NDArray[np.float64]
    metres: NDArray[np.float64]
    at: NDArray[np.float64] | None = None
    labels: pd.Index | None = None
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
            None if self.also_segment is None else self.also_segment[rows],
            None if self.also_share is None else self.also_share[rows],
        )

    @property
    def tied(self) -> NDArray[np.bool_]:
        """Tell which places have several streets that are equally near."""
        if self.also_segment is None:
            return np.zeros(len(self.segment), dtype=bool)
        return np.asarray((self.also_segment >= 0).any(axis=1))

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
        if self.also_segment is None or self.also_share is None or not self.tied.any():
            return Snapped(self.segment, self.share, self.metres), owner
        which, column = np.nonzero(self.also_segment >= 0)
        segment = np.concatenate([self.segment, self.also_segment[which, column]])
        share = np.concatenate([self.share, self.also_share[which, column]])
        owner = np.concatenate([owner, which])
        order = np.argsort(owner, kind="stable")
        owner = owner[order]
        return Snapped(segment[order], share[order], self.metres[owner]), owner


#: Where the people of some cells stand on the network, and the position of the cell of each.
Homes = tuple[Snapped, NDArray[np.int64]]
