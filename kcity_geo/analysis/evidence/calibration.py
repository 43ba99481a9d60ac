"""
Calibration: choose who counts as served so that the map gives the official rate.

Served are the people of the cells that rank highest, as many as the official rate says. The cells
on the margin, all of one rank, get the same fraction, so the rate is met exactly and the order of
the cells does not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import CalibrationError, StudyError

__all__ = ["calibrated_share"]


def calibrated_share(
    rank: NDArray[np.float64],
    persons: NDArray[np.float64],
    *,
    rate: float,
    what: str,
    tolerance: float = 0.0,
) -> tuple[NDArray[np.float64], float]:
    """
    Serve the highest-ranking cells until the share of people served is the official rate.

    Parameters
    ----------
    rank : higher is served first; NaN: cannot be served.
    persons : people of each cell, zero or more; NaN counts as nobody.
    rate : the official share of all people, 0 to 1.
    what : named in the message.
    tolerance : how far below the rate the best possible share may stay.

    Returns
    -------
    Share served of each cell (0 or 1; a fraction on the margin), and the rank of the margin
    (minus infinity when all that can be served are; infinite when nobody is).

    Raises
    ------
    StudyError
        If `rate` is not a share.
    CalibrationError
        If even all cells that can be served give less than the rate.

    Examples
    --------
    >>> share, limit = calibrated_share(
    ...     np.array([3.0, 2.0, np.nan]), np.array([50.0, 40.0, 10.0]), rate=0.7, what="light")
    >>> share.tolist(), limit
    ([1.0, 0.5, 0.0], 2.0)
    """
    if not 0 <= rate <= 1:
        raise StudyError(f"{what}: the official rate {rate!r} is no share from 0 to 1")
    value, shape = np.asarray(rank, dtype=np.float64).ravel(), np.shape(rank)
    people = np.nan_to_num(np.asarray(persons, dtype=np.float64)).ravel()
    total = float(people.sum())
    out = np.zeros(value.size)
    able = np.isfinite(value) & (people > 0)
    wanted = rate * total
    reach = float(people[able].sum())
    if reach < wanted - max(tolerance, 1e-9) * total:
        official, explained = _told_apart(rate, reach / total)
        raise CalibrationError(
            f"{what}: the official rate is {official}, but the map explains at most "
            f"{explained} of the people; check the rate, or add what is not mapped"
        )
    if wanted <= 0:
        return out.reshape(shape), float("inf")
    ranks, group = np.unique(-value[able], return_inverse=True)
    amount = np.bincount(group, weights=people[able])
    before = np.concatenate([[0.0], np.cumsum(amount)[:-1]])
    part = np.clip((wanted - before) / amount, 0.0, 1.0)
    part[part > 1 - 1e-9] = 1.0
    out[able] = part[group]
    # People of whom nothing is known to rank by still count as served where the rank is known.
    empty = np.isfinite(value) & (people <= 0)
    margin = int(np.flatnonzero(part > 0).max())
    limit = -float(ranks[margin])
    out[empty & (value >= limit)] = 1.0
    return out.reshape(shape), limit


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """Write two shares in per cent with as many decimals as tell them apart."""
    for decimals in range(1, 7):
        told = tuple(f"{100 * share:.{decimals}f} %" for share in (one, other))
        if told[0] != told[1]:
            break
    return told[0], told[1]
