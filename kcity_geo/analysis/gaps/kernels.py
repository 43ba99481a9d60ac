"""
Compiled loops over the cells of a city in one draw: means of sectors, sums over people, places of a share, chance.

Import this module only inside functions: numba takes a second to load. Sums go from the first to the last, one
after the other, so that no number depends on how many cells are asked at once.
"""

# ruff: noqa: FBT001, PLR0913, PLR0917 - kernels take arrays

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.compiling import compiled

__all__ = ["add_people", "chances", "share_places", "square_means"]

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_ALL = 1.0 - 1e-9

#: Factors and shifts of SplitMix64; whole numbers without sign, which run over without a word.
_FIRST = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_OF_ONE = 2.0**53


@compiled
def chances(place: Places, steps: tuple[np.uint64, np.uint64, np.uint64], out: Floats) -> None:
    """
    Give a number above 0 and below 1 for each place, as `kcity_geo.analysis.gaps.chance.chance` says.

    Parameters
    ----------
    place : shape (n,).
    steps : what draw, purpose and seed add.
    out : filled, shape (n,).
    """
    for i in range(place.shape[0]):
        z = np.uint64(place[i]) * _FIRST
        for step in steps:
            z += step
            z = (z ^ (z >> _30)) * _MIX_1
            z = (z ^ (z >> _27)) * _MIX_2
            z ^= z >> _31
        out[i] = (np.float64(z >> _11) + 0.5) / _OF_ONE


@compiled
def square_means(
    gaps: Floats, weights: Floats, silent: NDArray[np.bool_], all_known: bool, out: Floats
) -> None:
    """
    Combine gaps as `kcity_geo.analysis.gaps.rules.power_mean` with power 2 does.

    Parameters
    ----------
    gaps, weights : shape (k, n). NaN: not assessed, left out.
    silent : shape (k,), of which nobody mapped anything: they carry no mean alone.
    all_known : whether the mean is missing where one with weight is.
    out : filled, shape (n,).
    """
    for i in range(gaps.shape[1]):
        total, told, full, largest = 0.0, 0.0, 0.0, 0.0
        for k in range(gaps.shape[0]):
            gap, weight = gaps[k, i], weights[k, i]
            full += weight
            if not np.isfinite(gap):
                continue
            total += weight
            if not silent[k]:
                told += weight
            if weight > 0.0 and gap > largest:
                largest = gap
        if not (total > 0.0 and told > 0.0) or (all_known and not total / full >= _ALL):
            out[i] = np.nan
            continue
        # Divided by the largest gap first: equal gaps come out exactly, and squares do not underflow.
        scale = largest if largest > 0.0 else 1.0
        sums = 0.0
        for k in range(gaps.shape[0]):
            if np.isfinite(gaps[k, i]):
                part = gaps[k, i] / scale
                sums += weights[k, i] * (part * part)
        out[i] = min(scale * np.sqrt(sums / total), largest)


@compiled
def add_people(
    begin: NDArray[np.int32], column: NDArray[np.int32], weight: Floats, values: Floats, factor: Floats,
    people: Floats, summed: Floats,
) -> None:  # fmt: skip
    """
    Add the people of some cells, and their values, to the sums of each unit.

    Parameters
    ----------
    begin, column, weight : rows of `kcity_geo.analysis.gaps.units.Units.of_cells`: first what was summed
        before, then the cells.
    values, factor : of each cell; NaN: left out.
    people, summed : shape (units,), what was summed before; filled with the new sums.
    """
    units = len(begin) - 1
    for unit in range(units):
        persons, total = 0.0, 0.0
        for place in range(begin[unit], begin[unit + 1]):
            cell = column[place] - units
            if cell < 0:
                persons += weight[place] * people[column[place]]
                total += weight[place] * summed[column[place]]
            elif np.isfinite(values[cell]):
                persons += weight[place] * factor[cell]
                total += weight[place] * (values[cell] * factor[cell])
        people[unit], summed[unit] = persons, total


@compiled
def share_places(
    cumulative: NDArray[np.float32], position: Floats, at: Places, out: NDArray[np.uint8]
) -> None:
    """
    Find the place in a rising distribution at a position of each cell.

    Parameters
    ----------
    cumulative : shape (k, n), rising along k.
    position : 0 to 1, of each square.
    at : square of each cell, shape (n,).
    out : filled: how many of all but the last lie below the position, shape (n,).
    """
    for i in range(len(at)):
        here = position[at[i]]
        low, high = 0, cumulative.shape[0] - 1
        while low < high:
            middle = (low + high) // 2
            if cumulative[middle, i] < here:
                low = middle + 1
            else:
                high = middle
        out[i] = low
