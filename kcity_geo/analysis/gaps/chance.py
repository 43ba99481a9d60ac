"""
Chance: numbers between 0 and 1 that belong to a place, a draw and a purpose.

They come from a hash of the place, not from a stream, so that a draw for one place does not depend
on how many other places there are or in which order they stand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

__all__ = ["Squares", "chance", "normal", "spread_evenly", "squares"]

_GOLDEN = 0.6180339887498949


def chance(place: ArrayLike, *, draw: int, purpose: int, seed: int) -> NDArray[np.float64]:
    """
    Give a number for each place, evenly distributed.

    Parameters
    ----------
    place : whole numbers, any shape; the same place gives the same number.
    draw, purpose, seed : what it is for.

    Returns
    -------
    Above 0 and below 1, shape of `place`.

    Notes
    -----
    The finaliser of SplitMix64 [1]_.

    References
    ----------
    .. [1] Steele, Lea and Flood (2014). Fast splittable pseudorandom number generators.

    Examples
    --------
    >>> bool((chance([1, 2], draw=0, purpose=0, seed=7) == chance([1, 2], draw=0, purpose=0, seed=7)).all())
    True
    """
    from kcity_geo.analysis.gaps.kernels import chances

    steps = (
        _step(draw, 0xD1B54A32D192ED03),
        _step(purpose, 0x8CB92BA72F3D8DD7),
        _step(seed, 0xA0761D6478BD642F),
    )
    places = np.ascontiguousarray(place, dtype=np.int64)
    found = np.empty(places.size)
    chances(places.ravel(), steps, found)
    return found.reshape(np.shape(place))


def _step(number: int, factor: int) -> np.uint64:
    """Give what a number adds: as many times its factor, of which the last 64 binary digits count."""
    return np.uint64((int(number) + 1) * factor % 2**64)


def normal(place: ArrayLike, *, draw: int, purpose: int, seed: int) -> NDArray[np.float64]:
    """
    Give a standard normal number for each place.

    Parameters
    ----------
    place, draw, purpose, seed : as of `chance`.

    Returns
    -------
    Shape of `place`.
    """
    return np.asarray(ndtri(chance(place, draw=draw, purpose=purpose, seed=seed)))


@dataclass(frozen=True, eq=False)
class Squares:
    """
    Many cells that lie in few squares and share their chance.

    Parameters
    ----------
    place : each different square once, shape (n,).
    at : position of the square of each cell in `place`, shape of the cells.
    """

    place: NDArray[np.int64]
    at: NDArray[np.intp]

    def chance(self, *, draw: int, purpose: int, seed: int) -> NDArray[np.float64]:
        """Give what `chance` gives for the square of each cell; each square is asked once."""
        return np.asarray(chance(self.place, draw=draw, purpose=purpose, seed=seed)[self.at])

    def normal(self, *, draw: int, purpose: int, seed: int) -> NDArray[np.float64]:
        """Give what `normal` gives for the square of each cell; each square is asked once."""
        return np.asarray(normal(self.place, draw=draw, purpose=purpose, seed=seed)[self.at])


def squares(place: NDArray[np.int64]) -> Squares:
    """
    Note once which cells lie in the same square.

    Parameters
    ----------
    place : whole number of the square of each cell, any shape.

    Returns
    -------
    The squares, to be asked for the chance of each cell.

    Examples
    --------
    >>> few = squares(np.array([[5, 5], [9, 5]]))
    >>> bool((few.chance(draw=1, purpose=2, seed=7) == chance([[5, 5], [9, 5]], draw=1, purpose=2, seed=7)).all())
    True
    """
    different, at = np.unique(place, return_inverse=True)
    return Squares(different, at.reshape(place.shape))


def spread_evenly(draw: int) -> float:
    """
    Give the position of a draw in a sequence that fills 0 to 1 evenly, however many follow.

    Parameters
    ----------
    draw : 0, 1, 2 ...

    Returns
    -------
    Above 0 and below 1.

    Examples
    --------
    >>> round(spread_evenly(0), 3), round(spread_evenly(1), 3)
    (0.309, 0.927)
    """
    return ((draw + 0.5) * _GOLDEN) % 1.0
