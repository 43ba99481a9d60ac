"""The best tenth: how often each cell is among the best land when the weights move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.suitability.combination import Combine
from kcity_geo.analysis.suitability.robustness import draw_weights
from kcity_geo.profiles import site_rules

__all__ = ["best_tenth_share"]

#: Sets of weights that are worked out together: few enough to fit into memory.
_AT_ONCE = 16


def best_tenth_share(
    utilities: NDArray[np.float64],
    weights: Sequence[float] | NDArray[np.float64],
    combine: Combine,
    *,
    linear: bool = True,
    seed: int = 7,
) -> NDArray[np.float64]:
    """
    Say how often each cell lies in the best tenth when the weights move.

    Parameters
    ----------
    utilities : shape (cells, k), 0 to 1; NaN: not known.
    weights : shape (k,), the stated ones.
    combine : of `kcity_geo.analysis.suitability.combination.combiner`.
    linear : whether `combine` is a weighted sum, which is drawn as often as the ranks of sites; others
        are slower and drawn a tenth as often.
    seed : same seed, same numbers.

    Returns
    -------
    Shape (cells,), 0 to 1; NaN where the cell has no score.

    Examples
    --------
    >>> from kcity_geo.analysis.suitability.combination import wlc
    >>> x = np.linspace(0, 1, 20)[:, None]
    >>> best_tenth_share(x, [1.0], wlc).tolist()[-3:]
    [0.0, 1.0, 1.0]
    """
    rule = site_rules()
    w = np.asarray(weights, dtype=np.float64)
    scored = np.isfinite(combine(utilities, w))
    found = np.full(len(utilities), np.nan)
    if not scored.any():
        return found
    x = utilities[scored]
    known = np.isfinite(x)
    filled = np.where(known, x, 0.0)
    # Weight that is known in each row; none where all rows know everything.
    shares = None if known.all() else known.astype(np.float64)
    draws = rule["draws"] if linear else max(1, rule["draws"] // 10)
    drawn = draw_weights(w, draws=draws, rng=np.random.default_rng(seed), spread=rule["spread"])
    best = max(1, len(x) // 10)
    times = np.zeros(len(x), dtype=np.int64)
    for start in range(0, draws, _AT_ONCE):
        some = drawn[start : start + _AT_ONCE]
        table = _sums(filled, shares, some) if linear else np.stack([combine(x, w) for w in some])
        limits = np.partition(table, len(x) - best, axis=1)[:, len(x) - best]
        times += (table >= limits[:, None] - 1e-12).sum(axis=0)
    found[scored] = times / draws
    return found


def _sums(
    filled: NDArray[np.float64], shares: NDArray[np.float64] | None, drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weigh rows whose unknown entries are 0, the known ones scaled up; a row a set of weights."""
    total = drawn @ filled.T
    return np.asarray(total if shares is None else total / (drawn @ shares.T))
