"""
Combination: one score from several criteria.

Weighted sum (the default), weighted product, distance to the ideal (TOPSIS) and ordered weights (OWA),
which say how far a bad criterion may be made up for by good ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import StudyError

__all__ = [
    "RISK",
    "Combine",
    "combiner",
    "orness",
    "owa",
    "owa_order_weights",
    "topsis",
    "tradeoff",
    "weighted_product",
    "wlc",
]

#: Utilities of shape (n, k) and weights of shape (k,) -> scores of shape (n,).
Combine = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

#: From so many values on one pass over the memory is worth a compiled loop.
_MANY = 2_000_000
#: Attitude to risk -> ORness of the order weights.
RISK = {"averse": 0.2, "neutral": 0.5, "taking": 0.8}


def _inputs(
    utilities: NDArray[np.float64], weights: Sequence[float] | NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, w = np.asarray(utilities, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if x.ndim == 0 or w.ndim != 1 or x.shape[-1] != len(w):
        raise StudyError(f"{len(np.atleast_1d(w))} weights for criteria of shape {x.shape}")
    if not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise StudyError(f"weights: {w.tolist()} must be zero or more, with at least one above")
    return x, w / w.sum()


def wlc(
    utilities: NDArray[np.float64],
    weights: Sequence[float] | NDArray[np.float64],
    *,
    known_min: float = 0.0,
) -> NDArray[np.float64]:
    """
    Combine by weighted sum (weighted linear combination).

    Parameters
    ----------
    utilities : shape (..., k), 0 to 1. NaN: not known; the other weights are scaled up. Criteria that lie
        one after the other in memory (``np.stack(rasters).T``) are weighed fastest.
    weights : shape (k,), zero or more, scaled to 1.
    known_min : share of weight that must be known, else NaN.

    Returns
    -------
    Shape (...), 0 to 1.

    Raises
    ------
    StudyError
        If the weights do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> wlc(np.array([0.9, 0.2, 0.5]), [0.5, 0.3, 0.2]).round(2).item()
    0.61
    """
    x, w = _inputs(utilities, weights)
    if x.size >= _MANY and x.flags.f_contiguous and x.ndim == 2:  # noqa: PLR2004 - a table
        from kcity_geo.analysis.suitability.overlay import weighted_planes

        return weighted_planes(x.T, w, known_min - 1e-9)
    if x.size >= _MANY and x.flags.c_contiguous:
        from kcity_geo.analysis.suitability.overlay import weighted_rows

        return weighted_rows(x.reshape(-1, len(w)), w, known_min - 1e-9).reshape(x.shape[:-1])
    known = np.isfinite(x)
    mass = (known * w).sum(axis=-1)
    total = (np.where(known, x, 0.0) * w).sum(axis=-1)
    enough = (mass > 0) & (mass >= known_min - 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(enough, np.clip(total / mass, 0.0, 1.0), np.nan))


def weighted_product(
    utilities: NDArray[np.float64], weights: Sequence[float] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    Combine by the weighted geometric mean: a criterion of 0 makes the whole 0.

    Parameters
    ----------
    utilities : shape (..., k), 0 to 1; NaN gives NaN.
    weights : shape (k,), zero or more, scaled to 1.

    Returns
    -------
    Shape (...), 0 to 1, never above `wlc`.

    Raises
    ------
    StudyError
        If the weights do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> weighted_product(np.array([0.25, 1.0]), [0.5, 0.5]).item()
    0.5
    """
    x, w = _inputs(utilities, weights)
    counts = w > 0
    return np.asarray(np.prod(x[..., counts] ** w[counts], axis=-1))


def combiner(
    method: str,
    utilities: NDArray[np.float64],
    *,
    risk: str | float = "neutral",
    known_min: float = 0.0,
) -> Combine:
    """
    Make the function that gives a score to rows of a table, so that the same row always scores the same.

    Parameters
    ----------
    method : ``wlc``, ``owa``, ``topsis`` or ``weighted_product``.
    utilities : shape (n, k), all alternatives; the ideals of TOPSIS are theirs.
    risk : for ``owa``, as in `owa_order_weights`.
    known_min : for ``wlc``, as there. The others give NaN to a row that lacks a criterion of weight.

    Returns
    -------
    A function of utilities (rows, k) and weights (k,).

    Raises
    ------
    StudyError
        If the method does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0, 0.0], [0.4, 0.4]])
    >>> combiner("weighted_product", x)(x, np.array([0.5, 0.5])).round(6).tolist()
    [0.0, 0.4]
    """
    if method == "wlc":
        return lambda x, w: wlc(x, w, known_min=known_min)
    if method == "weighted_product":
        return weighted_product
    if method == "owa":
        order = owa_order_weights(utilities.shape[-1], risk=risk)
        return lambda x, w: owa(x, w, order)
    if method != "topsis":
        raise StudyError(f"combination: {method!r} is not wlc, owa, topsis or weighted_product")
    return topsis(utilities)


def topsis(alternatives: NDArray[np.float64]) -> Combine:
    """
    Make the score by closeness to the best and distance from the worst of some alternatives.

    Parameters
    ----------
    alternatives : shape (n, k), more is better; only feasible ones. Rows with NaN set no ideal.

    Returns
    -------
    A function of utilities (rows, k) and weights (k,): 0 to 1, NaN for a row with NaN. It compares
    with these alternatives only: adding one can move all.

    References
    ----------
    .. [1] Hwang and Yoon (1981). Multiple Attribute Decision Making. Springer.

    Examples
    --------
    >>> import numpy as np
    >>> land = np.array([[1.0, 1.0], [0.0, 0.0]])
    >>> topsis(land)(land, np.array([1.0, 1.0])).tolist()
    [1.0, 0.0]
    """
    known = alternatives[np.isfinite(alternatives).all(axis=1)]
    if len(known) == 0:
        return lambda x, w: np.full(len(x), np.nan) + 0 * w.sum()
    norm = np.sqrt((known**2).sum(axis=0))
    norm[norm == 0] = 1.0
    best, worst = known.max(axis=0) / norm, known.min(axis=0) / norm

    def closeness(x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
        x, share = _inputs(x, w)
        y = x / norm
        away_best = np.sqrt((((y - best) * share) ** 2).sum(axis=1))
        away_worst = np.sqrt((((y - worst) * share) ** 2).sum(axis=1))
        both = away_best + away_worst
        # All alternatives alike: neither ideal nor worst.
        middle = np.where(np.isnan(both), np.nan, 0.5)
        return np.asarray(np.divide(away_worst, both, out=middle, where=both > 0))

    return closeness


def owa(
    utilities: NDArray[np.float64],
    weights: Sequence[float] | NDArray[np.float64],
    order_weights: Sequence[float] | NDArray[np.float64],
) -> NDArray[np.float64]:
    """
    Combine with weights for the rank of each value besides those of the criteria.

    Parameters
    ----------
    utilities : shape (..., k), 0 to 1; NaN gives NaN.
    weights : shape (k,), of the criteria.
    order_weights : shape (k,), of the values sorted from best to worst. Equal ones give `wlc`,
        weight on the last is cautious.

    Returns
    -------
    Shape (...), 0 to 1.

    Raises
    ------
    StudyError
        If the weights do not fit.

    References
    ----------
    .. [1] Yager (1988). On ordered weighted averaging aggregation operators. IEEE SMC 18(1).

    Examples
    --------
    >>> import numpy as np
    >>> owa(np.array([0.9, 0.2, 0.5]), [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]).round(4).item()
    0.3567
    """
    x, w = _inputs(utilities, weights)
    _, v = _inputs(x, order_weights)
    order = np.argsort(-x, axis=-1, kind="stable")
    best_first = np.take_along_axis(x, order, axis=-1)
    u = w[order] * v
    mass = u.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(mass > 0, (u * best_first).sum(axis=-1) / mass, np.nan))


def orness(order_weights: Sequence[float] | NDArray[np.float64]) -> float:
    """
    Say how much order weights favour the best value: 0 cautious (AND) to 1 daring (OR).

    Parameters
    ----------
    order_weights : shape (k,), adding to 1, best first.

    Returns
    -------
    0 to 1; 0.5 for equal weights.

    Examples
    --------
    >>> round(orness([0.1, 0.2, 0.7]), 3)
    0.2
    """
    v = np.asarray(order_weights, dtype=np.float64)
    n = len(v)
    if n == 1:
        return 0.5
    return float(((n - 1 - np.arange(n)) * v).sum() / (n - 1))


def tradeoff(order_weights: Sequence[float] | NDArray[np.float64]) -> float:
    """
    Say how far criteria make up for each other: 0 not at all, 1 fully.

    Parameters
    ----------
    order_weights : shape (k,), adding to 1.

    Returns
    -------
    0 to 1.

    Examples
    --------
    >>> round(tradeoff([0.1, 0.2, 0.7]), 3)
    0.443
    """
    v = np.asarray(order_weights, dtype=np.float64)
    n = len(v)
    if n == 1:
        return 1.0
    return float(1 - np.sqrt(n * ((v - 1 / n) ** 2).sum() / (n - 1)))


def owa_order_weights(k: int, *, risk: str | float = "neutral") -> NDArray[np.float64]:
    """
    Make order weights for an attitude to risk.

    Parameters
    ----------
    k : number of criteria, at least 1.
    risk : a key of `RISK`, or an ORness between 0 and 1.

    Returns
    -------
    Shape (k,), adding to 1, best value first; their ORness is the one asked for.

    Raises
    ------
    StudyError
        If the attitude does not exist.

    Notes
    -----
    v_j = (j/k)^a - ((j-1)/k)^a, with a found by bisection.

    Examples
    --------
    >>> owa_order_weights(2, risk="averse").round(6).tolist()
    [0.2, 0.8]
    """
    if isinstance(risk, str):
        if risk not in RISK:
            raise StudyError(f"risk: {risk!r} is not one of {', '.join(RISK)}")
        risk = RISK[risk]
    if not 0 <= risk <= 1 or k < 1:
        raise StudyError(f"risk {risk!r} with {k} criteria: needs 0 to 1 and at least one")
    if k == 1:
        return np.ones(1)
    if risk in {0.0, 1.0}:
        return np.asarray(np.eye(k)[0 if risk == 1 else -1])
    low, high = np.log(1e-3), np.log(1e3)
    steps = np.arange(k + 1) / k
    for _ in range(100):
        middle = (low + high) / 2
        if orness(np.diff(steps ** np.exp(middle))) > risk:
            low = middle
        else:
            high = middle
    return np.asarray(np.diff(steps ** np.exp((low + high) / 2)))
