"""Weighed: the scores of sites under other weights, the weakest tenth of each taken anew from its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kcity_geo.result import Criterion

__all__ = ["SiteTable", "weakest_tenths"]

#: Scores of cells held at one time.
_AT_ONCE = 4_000_000
_ROUNDING = 1e-9
#: A step so small that a score is straight along it.
_SHORT = 1e-4


@dataclass(frozen=True, eq=False)
class SiteTable:
    """
    What a ranking is made of.

    Parameters
    ----------
    used : the criteria with weight.
    utilities : shape (sites, criteria), means over each site, no NaN.
    scale, offset : shape (sites,): weight of the mean score in the published one, and what no weight moves.
    cells : flat cell numbers of each site.
    low_scale : shape (sites,), weight of the weakest tenth; none when None.
    known : shape (sites, criteria), where a mean is the criterion's own; all when None.
    known_min : share of weight that a cell must know to have a score.
    """

    used: Sequence[Criterion]
    utilities: NDArray[np.float64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    cells: Sequence[NDArray[np.int64]]
    low_scale: NDArray[np.float64] | None = None
    known: NDArray[np.bool_] | None = None
    known_min: float = 0.0

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights used, adding to 1."""
        return np.array([c.weight_used for c in self.used])

    @cached_property
    def low(self) -> NDArray[np.float64]:
        """Weight of the weakest tenth of each site."""
        return np.zeros(len(self.cells)) if self.low_scale is None else self.low_scale

    @cached_property
    def of_cells(self) -> list[NDArray[np.float64]]:
        """Utilities of the cells of each site, shape (cells, criteria); none where no tenth counts."""
        planes = [c.utility.ravel() for c in self.used]
        return [
            np.stack([plane[own if part > 0 else own[:0]] for plane in planes], axis=-1)
            for own, part in zip(self.cells, self.low, strict=True)
        ]

    @cached_property
    def worth(self) -> NDArray[np.float64]:
        """Table whose weighted sum is the score close to the weights used; shape (sites, criteria)."""
        now, k = self.weights / self.weights.sum(), len(self.used)
        if not self.low.any():
            return self.utilities * self.scale[:, None] + self.offset[:, None]
        here = self.scores(now[None, :])[0]
        near = self.scores((1 - _SHORT) * now + _SHORT * np.eye(k))
        return np.asarray(here[:, None] + (near - here).T / _SHORT)

    def scores(
        self, weights: NDArray[np.float64], sites: Sequence[int] | None = None
    ) -> NDArray[np.float64]:
        """
        Give the scores that a ranking with other weights would publish.

        Parameters
        ----------
        weights : shape (sets, criteria), each row with something above 0.
        sites : those asked for; all when None.

        Returns
        -------
        Shape (sets, sites); lower than all where nothing that has weight is known.
        """
        drawn = weights / weights.sum(axis=1, keepdims=True)
        asked = np.arange(len(self.cells)) if sites is None else np.asarray(sites)
        known = np.ones(self.utilities.shape, bool) if self.known is None else self.known
        known, means = known[asked], self.utilities[asked]
        mass = drawn @ known.T.astype(np.float64)
        total = drawn @ np.where(known, means, 0.0).T
        mean = np.divide(total, mass, out=np.full(mass.shape, -np.inf), where=mass > _ROUNDING)
        found = mean * self.scale[asked] + self.offset[asked]
        for column, site in enumerate(asked):
            if self.low[site] > 0:
                low = weakest_tenths(self.of_cells[site], drawn, known_min=self.known_min)
                found[:, column] += self.low[site] * low
        return np.where(np.isnan(found), -np.inf, found)


def weakest_tenths(
    utilities: NDArray[np.float64], weights: NDArray[np.float64], *, known_min: float = 0.0
) -> NDArray[np.float64]:
    """
    Give the weighted score that nine tenths of the cells of a site reach, under many sets of weights.

    Parameters
    ----------
    utilities : shape (cells, criteria); NaN: not known, the other weights are scaled up.
    weights : shape (sets, criteria), each row adding to 1.
    known_min : share of weight that a cell must know to have a score.

    Returns
    -------
    Shape (sets,); NaN where no cell has a score.

    Examples
    --------
    >>> weakest_tenths(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.5, 0.5]])).round(3).tolist()
    [0.1, 0.5]
    """
    known = np.isfinite(utilities)
    if not len(utilities):
        return np.full(len(weights), np.nan)
    filled, step = np.where(known, utilities, 0.0).T, max(1, _AT_ONCE // len(utilities))
    found = [np.zeros(0)]
    for first in range(0, len(weights), step):
        own = weights[first : first + step]
        score = own @ filled
        if known.all():
            found.append(np.quantile(np.clip(score, 0.0, 1.0), 0.1, axis=1))
            continue
        mass = own @ known.T.astype(np.float64)
        enough = (mass > _ROUNDING) & (mass >= known_min - _ROUNDING)
        score = np.divide(score, mass, out=np.full(mass.shape, np.inf), where=enough)
        found.append(_tenth_of_rows(np.where(enough, np.clip(score, 0.0, 1.0), np.inf)))
    return np.concatenate(found)


def _tenth_of_rows(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tenth of the finite numbers of each row, between two of them as a quantile is."""
    score = np.sort(score, axis=1)
    count = np.isfinite(score).sum(axis=1)
    place = 0.1 * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.int64)
    rows = np.arange(len(score))
    a, b = score[rows, low], score[rows, np.minimum(low + 1, np.maximum(count - 1, 0))]
    a, b = np.where(count > 0, a, 0.0), np.where(count > 0, b, 0.0)
    tenth = a + (place - low) * (b - a)
    return np.where(count > 0, tenth, np.nan)
