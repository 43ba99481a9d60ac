"""
Robustness: whether another reasonable set of weights would rank the sites differently.

Random weights show how often each site comes out on top; exact calculations show how far one weight
may move, and how small a change of all weights lets another site overtake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from kcity_geo.errors import StudyError

__all__ = [
    "RankStability",
    "acceptability",
    "draw_weights",
    "flip_distance",
    "lead_interval",
    "never_first",
    "rank_stability",
    "ranks_of",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class RankStability:
    """
    Ranks of alternatives under many sets of weights.

    Parameters
    ----------
    mean_rank : shape (n,), 1 is best.
    rank_p05, rank_p95 : shape (n,), ranks between which 90 % of the draws lie.
    acceptability : shape (n, n), share of draws in which alternative i has rank r + 1. Rows and
        columns add to 1.
    central_weights : shape (n, k), mean of the weights that put an alternative first; NaN when
        none does.
    """

    mean_rank: NDArray[np.float64]
    rank_p05: NDArray[np.float64]
    rank_p95: NDArray[np.float64]
    acceptability: NDArray[np.float64]
    central_weights: NDArray[np.float64]

    def top_share(self, k: int) -> NDArray[np.float64]:
        """
        Share of draws in which each alternative is among the best `k`.

        Parameters
        ----------
        k : 1 or more.

        Returns
        -------
        Shape (n,), 0 to 1.
        """
        return np.asarray(self.acceptability[:, :k].sum(axis=1))


def _table(
    utilities: NDArray[np.float64], weights: Sequence[float] | NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, w = np.asarray(utilities, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if x.ndim != 2 or w.shape != (x.shape[1],):  # noqa: PLR2004 - alternatives by criteria
        raise StudyError(f"robustness: {w.shape} weights for utilities of shape {x.shape}")
    if not np.isfinite(x).all():
        raise StudyError("robustness: utilities have gaps; fill or drop them first")
    if not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise StudyError(f"weights: {w.tolist()} must be zero or more, with at least one above")
    return x, w / w.sum()


def draw_weights(
    weights: Sequence[float] | NDArray[np.float64],
    *,
    draws: int,
    rng: np.random.Generator,
    how: str = "spread",
    spread: float = 0.25,
    concentration: float = 50.0,
) -> NDArray[np.float64]:
    """
    Draw sets of weights.

    Parameters
    ----------
    weights : shape (k,), the stated ones.
    draws : number of sets.
    rng : source of randomness.
    how : ``"spread"`` (each weight times a factor within +-`spread`), ``"uniform"`` (any weights),
        ``"dirichlet"`` (around the stated ones) or ``"ordered"`` (any weights in the order of the
        stated ones).
    spread : for ``"spread"``, share.
    concentration : for ``"dirichlet"``; the larger, the closer to the stated ones.

    Returns
    -------
    Shape (draws, k), each row adding to 1.

    Raises
    ------
    StudyError
        If `how` does not exist.

    Examples
    --------
    >>> w = draw_weights([0.5, 0.5], draws=3, rng=np.random.default_rng(0))
    >>> w.sum(axis=1).round(9).tolist()
    [1.0, 1.0, 1.0]
    """
    w = np.asarray(weights, dtype=np.float64)
    w = w / w.sum()
    k = len(w)
    if how == "spread":
        found = w * (1 + rng.uniform(-spread, spread, (draws, k)))
        return np.asarray(found / found.sum(axis=1, keepdims=True))
    if how == "uniform":
        return np.asarray(rng.dirichlet(np.ones(k), draws))
    if how == "dirichlet":
        return np.asarray(rng.dirichlet(np.maximum(concentration * w, 1e-6), draws))
    if how == "ordered":
        found = -np.sort(-rng.dirichlet(np.ones(k), draws), axis=1)
        place = np.argsort(np.argsort(-w, kind="stable"), kind="stable")
        return np.asarray(found[:, place])
    raise StudyError(f"how: {how!r} is not one of spread, uniform, dirichlet, ordered")


def rank_stability(  # noqa: PLR0913 - an option each, all named
    utilities: NDArray[np.float64],
    weights: Sequence[float] | NDArray[np.float64],
    *,
    draws: int = 1000,
    seed: int = 7,
    how: str = "spread",
    spread: float = 0.25,
    offset: NDArray[np.float64] | None = None,
    scale: float = 1.0,
) -> RankStability:
    """
    Rank the alternatives under many sets of weights.

    Parameters
    ----------
    utilities : shape (n, k), 0 to 1, more is better.
    weights : shape (k,), the stated ones.
    draws : number of sets.
    seed : same seed, same numbers.
    how, spread : see `draw_weights`.
    offset : shape (n,), added to each score: parts of the ranking that weights do not touch.
    scale : of the weighted score before the offset is added.

    Returns
    -------
    Ranks. Of equal scores the first in order ranks better.

    Raises
    ------
    StudyError
        If the shapes do not fit or utilities have gaps.

    Examples
    --------
    >>> x = np.array([[1.0, 1.0], [0.0, 0.0]])
    >>> rank_stability(x, [0.5, 0.5], draws=10).mean_rank.tolist()
    [1.0, 2.0]
    """
    x, w = _table(utilities, weights)
    drawn = draw_weights(w, draws=draws, rng=np.random.default_rng(seed), how=how, spread=spread)
    score = scale * (drawn @ x.T) + (0.0 if offset is None else np.asarray(offset))
    return ranks_of(score, drawn)


def ranks_of(score: NDArray[np.float64], drawn: NDArray[np.float64]) -> RankStability:
    """
    Rank alternatives in every draw of the weights.

    Parameters
    ----------
    score : shape (draws, n), of each alternative under each set of weights.
    drawn : shape (draws, k), the weights.

    Returns
    -------
    Ranks. Of equal scores the first in order ranks better.

    Examples
    --------
    >>> ranks_of(np.array([[0.2, 0.7], [0.6, 0.3]]), np.ones((2, 1))).acceptability.tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    draws, n = score.shape
    order = np.argsort(-score, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(n)[None, :], axis=1)
    counts = np.zeros((n, n))
    for i in range(n):
        counts[i] = np.bincount(rank[:, i], minlength=n)
    first = order[:, 0]
    central = np.full((n, drawn.shape[1]), np.nan)
    for i in np.unique(first):
        central[i] = drawn[first == i].mean(axis=0)
    low, high = np.percentile(rank + 1, [5, 95], axis=0)
    return RankStability(
        mean_rank=(rank + 1).mean(axis=0),
        rank_p05=low,
        rank_p95=high,
        acceptability=counts / draws,
        central_weights=central,
    )


def acceptability(
    utilities: NDArray[np.float64],
    *,
    weights: Sequence[float] | NDArray[np.float64] | None = None,
    how: str = "uniform",
    draws: int = 10_000,
    seed: int = 7,
) -> NDArray[np.float64]:
    """
    Say how many of all weights give each alternative each rank (SMAA).

    Parameters
    ----------
    utilities : shape (n, k), 0 to 1.
    weights : shape (k,); equal when None. They matter for ``"dirichlet"`` and ``"ordered"`` only.
    how : see `draw_weights`.
    draws : number of sets.
    seed : same seed, same numbers.

    Returns
    -------
    Shape (n, n): share of weights that give alternative i the rank r + 1.

    References
    ----------
    .. [1] Lahdelma and Salminen (2001). SMAA-2. Operations Research 49(3), 444-454.

    Examples
    --------
    >>> acceptability(np.array([[1.0, 1.0], [0.5, 0.5]]), draws=10).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    x = np.asarray(utilities, dtype=np.float64)
    stated = np.ones(x.shape[-1]) if weights is None else np.asarray(weights)
    return rank_stability(x, stated, draws=draws, seed=seed, how=how).acceptability


def lead_interval(
    utilities: NDArray[np.float64],
    weights: Sequence[float] | NDArray[np.float64],
    *,
    criterion: int,
    site: int,
) -> tuple[float, float] | None:
    """
    Say for which values of one weight, the others scaled with it, an alternative is not behind any other.

    Parameters
    ----------
    utilities : shape (n, k).
    weights : shape (k,).
    criterion : number of the weight that moves.
    site : number of the alternative.

    Returns
    -------
    Lowest and highest weight, 0 to 1; None where no value does it.

    Raises
    ------
    StudyError
        If the shapes do not fit.

    Examples
    --------
    >>> lead_interval(np.array([[1.0, 0], [0, 1.0]]), [0.7, 0.3], criterion=1, site=1)
    (0.5, 1.0)
    """
    x, w = _table(utilities, weights)
    rest = np.delete(w, criterion)
    others = np.delete(x, criterion, axis=1)
    rest = rest / rest.sum() if rest.sum() > 0 else np.full(len(rest), 1 / max(1, len(rest)))
    lead_rest = others[site] @ rest - others @ rest
    slope = (x[site, criterion] - x[:, criterion]) - lead_rest
    low, high = 0.0, 1.0
    # start + t * rise >= 0 must hold for every rival.
    for start, rise in zip(lead_rest, slope, strict=True):
        if abs(rise) <= 1e-15:  # noqa: PLR2004 - rounding
            if start < -1e-12:  # noqa: PLR2004 - rounding
                return None
        elif rise > 0:
            low = max(low, -start / rise)
        else:
            high = min(high, -start / rise)
    return (float(low), float(high)) if low <= high else None


def flip_distance(
    utilities: NDArray[np.float64],
    weights: Sequence[float] | NDArray[np.float64],
    *,
    leader: int,
    rival: int,
) -> float:
    """
    Find the smallest change of the weights with which a rival draws level.

    Parameters
    ----------
    utilities : shape (n, k).
    weights : shape (k,).
    leader, rival : numbers of the alternatives.

    Returns
    -------
    Sum of the absolute changes, 0 to 2; 0 when the rival leads already, inf when no weights help.

    Raises
    ------
    StudyError
        If the shapes do not fit.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> round(flip_distance(x, [0.7, 0.3], leader=0, rival=1), 6)
    0.4
    """
    x, w = _table(utilities, weights)
    gain = x[rival] - x[leader]
    behind = -float(gain @ w)
    if behind <= 0:
        return 0.0
    best = float(gain.max())
    moved = 0.0
    # Weight goes from where the rival gains least to where it gains most, until it draws level.
    for k in np.argsort(gain, kind="stable"):
        a_unit = best - float(gain[k])
        if a_unit <= 0:
            break
        mass = min(float(w[k]), behind / a_unit)
        moved += mass
        behind -= mass * a_unit
        if behind <= 1e-12:  # noqa: PLR2004 - rounding
            return 2.0 * moved
    return float("inf")


def never_first(utilities: NDArray[np.float64], *, site: int) -> bool:
    """
    Tell whether no weights whatever put an alternative strictly first.

    Parameters
    ----------
    utilities : shape (n, k).
    site : number of the alternative.

    Returns
    -------
    True where a mix of others is at least as good on every criterion.

    Notes
    -----
    A linear programme looks for the weights with the largest lead over all others; it is never first
    when that lead is not above 0.

    Examples
    --------
    >>> table = np.array([[1.0, 0.0], [0.0, 1.0], [0.4, 0.4]])
    >>> never_first(table, site=1), never_first(table, site=2)
    (False, True)
    """
    x = np.asarray(utilities, dtype=np.float64)
    n, k = x.shape
    if n == 1:
        return False
    others = np.delete(x, site, axis=0)
    found = optimize.linprog(
        np.concatenate([np.zeros(k), [-1.0]]),
        A_ub=np.column_stack([others - x[site], np.ones(n - 1)]),
        b_ub=np.zeros(n - 1),
        A_eq=np.concatenate([np.ones(k), [0.0]])[None, :],
        b_eq=[1.0],
        bounds=[(0, None)] * k + [(None, None)],
        method="highs",
    )
    lead = -1.0 if found.fun is None else -float(found.fun)
    return lead <= 1e-9  # noqa: PLR2004 - tolerance of the solver
