"""
Weights: how much each criterion counts, from pairwise judgements or from the data.

Judgements say what is important, entropy says what differs; entropy is offered as a check, never
as the weights of a study by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph

from kcity_geo.errors import StudyError

__all__ = [
    "Judgements",
    "ahp",
    "blend_weights",
    "critic_weights",
    "entropy_weights",
    "group_judgements",
    "normalise_weights",
    "rank_sum_weights",
    "roc_weights",
]

#: Random index for n = 1..15 (Saaty 1980; values from 11 on vary between publications).
RANDOM_INDEX = (
    0.0, 0.0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49, 1.51, 1.48, 1.56, 1.57, 1.59,
)  # fmt: skip
MAX_RATIO = 0.10


@dataclass(frozen=True, kw_only=True, eq=False)
class Judgements:
    """
    Weights from pairwise judgements, and how consistent these are.

    Parameters
    ----------
    labels : names of the criteria.
    weights : shape (n,), add to 1.
    lambda_max : largest eigenvalue; n when fully consistent.
    consistency_index : (lambda_max - n) / (n - 1).
    consistency_ratio : index over that of random judgements; 0 for one or two criteria.
    worst : the three least consistent judgements: (row, column, judged, implied by the weights).
    """

    labels: tuple[str, ...]
    weights: NDArray[np.float64]
    lambda_max: float
    consistency_index: float
    consistency_ratio: float
    worst: tuple[tuple[str, str, float, float], ...]

    def check(self, *, max_ratio: float = MAX_RATIO) -> Judgements:
        """
        Refuse inconsistent judgements.

        Parameters
        ----------
        max_ratio : the consistency ratio must be below this.

        Returns
        -------
        These judgements, unchanged.

        Raises
        ------
        StudyError
            If they are inconsistent; the message names the three worst.
        """
        if self.consistency_ratio < max_ratio:
            return self
        listed = "; ".join(
            f"{a} against {b}: judged {judged:.3g}, the others imply {implied:.3g}"
            for a, b, judged, implied in self.worst
        )
        raise StudyError(
            f"judgements are inconsistent: ratio {self.consistency_ratio:.3f}, below {max_ratio:g} "
            f"is needed; look again at {listed}"
        )


def _random_index(n: int, missing: int) -> float:
    """Random index, smaller where judgements are left open (Ágoston and Csató 2022, M)."""
    free = (n - 1) * (n - 2)
    return RANDOM_INDEX[n - 1] * (1 - 2 * missing / free) if free else 0.0


def _judgement_matrix(
    matrix: NDArray[np.float64] | Sequence[Sequence[float]], names: Sequence[str] | None = None
) -> NDArray[np.float64]:
    a = np.asarray(matrix, dtype=np.float64)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or a.shape[0] == 0:  # noqa: PLR2004 - square
        raise StudyError(f"judgements: a square matrix is needed, not shape {a.shape}")
    if a.shape[0] > len(RANDOM_INDEX):
        raise StudyError(
            f"judgements: {a.shape[0]} criteria, at most {len(RANDOM_INDEX)} can be compared "
            "pairwise; group them"
        )
    if names is None or len(names) != len(a):
        names = [f"criterion {i + 1}" for i in range(len(a))]
    # One of a pair is enough, and the diagonal says nothing.
    a = np.where(np.isnan(a) & ~np.isnan(a.T), 1 / a.T, a)
    np.fill_diagonal(a, np.where(np.isnan(a.diagonal()), 1.0, a.diagonal()))
    told = ~np.isnan(a)
    if not (np.isfinite(a[told]) & (a[told] > 0)).all():
        raise StudyError("judgements: every entry must be a positive number")
    itself = ~np.isclose(a.diagonal(), 1.0)
    if itself.any():
        at = int(np.argmax(itself))
        raise StudyError(
            f"judgements: {names[at]} compared with itself must be 1 or empty, not {a[at, at]:g}"
        )
    both = np.where(told, a * a.T, 1.0)
    if not np.allclose(both, 1.0, rtol=1e-2):
        row, column = np.unravel_index(np.abs(np.log(both)).argmax(), a.shape)
        one, other = names[int(row)], names[int(column)]
        raise StudyError(
            f"judgements: {one} against {other} is {a[row, column]:g}, so {other} against {one} must "
            f"be {1 / a[row, column]:g}, not {a[column, row]:g}; correct one of the two or leave it empty"
        )
    return a


def ahp(
    matrix: NDArray[np.float64] | Sequence[Sequence[float]],
    *,
    labels: Sequence[str] | None = None,
    max_ratio: float = MAX_RATIO,
) -> Judgements:
    """
    Turn pairwise judgements into weights (analytic hierarchy process).

    Parameters
    ----------
    matrix : shape (n, n), how many times row is more important than column; reciprocal. NaN: not
        judged; one of a pair is enough, and every criterion must be linked to the others.
    labels : names of the criteria; numbers when None.
    max_ratio : largest consistency ratio accepted; ``inf`` accepts all.

    Returns
    -------
    Weights (principal eigenvector, adding to 1) with their consistency.

    Raises
    ------
    StudyError
        If the matrix is not square, positive and reciprocal, or the judgements are inconsistent.

    References
    ----------
    .. [1] Saaty, T. L. (1980). The Analytic Hierarchy Process. McGraw-Hill.
    .. [2] Harker, P. T. (1987). Incomplete pairwise comparisons in the analytic hierarchy process.
       Mathematical Modelling 9(11), 837-848.

    Examples
    --------
    >>> ahp([[1, 3, 5], [1 / 3, 1, 3], [1 / 5, 1 / 3, 1]]).weights.round(3).tolist()
    [0.637, 0.258, 0.105]
    """
    a = _judgement_matrix(matrix, labels)
    n = len(a)
    names = tuple(labels) if labels is not None else tuple(str(i + 1) for i in range(n))
    if len(names) != n:
        raise StudyError(f"judgements: {len(names)} labels for {n} criteria")
    # What is not judged follows from the weights: its row counts once more on the diagonal.
    told = ~np.isnan(a)
    count, _ = csgraph.connected_components(told)
    if count > 1:
        raise StudyError(
            f"judgements: fall into {count} groups that nobody compared with each other; compare at least one "
            "criterion of each"
        )
    missing = int((~told).sum() // 2)
    values, vectors = np.linalg.eig(np.where(told, a, 0.0) + np.diag((~told).sum(axis=1)))
    first = int(np.argmax(values.real))
    weights = np.abs(vectors[:, first].real)
    weights /= weights.sum()
    largest = float(values[first].real)
    index = max(0.0, (largest - n) / (n - 1)) if n > 1 else 0.0
    random = _random_index(n, missing)
    implied = weights[:, None] / weights[None, :]
    off = np.abs(np.log(np.where(told, a, implied) / implied))
    pairs = sorted(((i, j) for i in range(n) for j in range(i + 1, n)), key=lambda p: (-off[p], p))
    worst = tuple((names[i], names[j], float(a[i, j]), float(implied[i, j])) for i, j in pairs[:3])
    found = Judgements(
        labels=names,
        weights=weights,
        lambda_max=largest,
        consistency_index=index,
        consistency_ratio=index / random if random > 0 else 0.0,
        worst=worst,
    )
    return found.check(max_ratio=max_ratio)


def group_judgements(
    matrices: Sequence[NDArray[np.float64] | Sequence[Sequence[float]]],
    *,
    labels: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> NDArray[np.float64]:
    """
    Merge the judgements of several people by their geometric mean, which stays reciprocal.

    Parameters
    ----------
    matrices : one matrix a person, all of the same size; what one left open, the others decide.
    labels : names of the criteria, for messages; numbers from 1 when None.
    sources : where each matrix comes from, for messages.

    Returns
    -------
    Shape (n, n).

    Raises
    ------
    StudyError
        If there are none, or of different sizes, or one is not positive and reciprocal.

    Examples
    --------
    >>> group_judgements([[[1, 4], [0.25, 1]], [[1, 1], [1, 1]]]).round(6).tolist()
    [[1.0, 2.0], [0.5, 1.0]]
    """
    checked = []
    for i, one in enumerate(matrices):
        try:
            checked.append(_judgement_matrix(one, labels))
        except StudyError as error:
            if sources is None or not sources[i]:
                raise
            raise StudyError(f"{sources[i]}: {error}") from error
    if len({m.shape for m in checked}) != 1:
        raise StudyError("judgements: everybody must judge the same criteria")
    logs = np.stack([np.log(m) for m in checked])
    told = np.isfinite(logs)
    count = told.sum(axis=0)
    mean = np.where(told, logs, 0.0).sum(axis=0) / np.maximum(count, 1)
    return np.asarray(np.where(count > 0, np.exp(mean), np.nan))


def entropy_weights(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""
    Weigh by contrast: a criterion that does not differ between alternatives gets 0.

    Parameters
    ----------
    scores : shape (alternatives, criteria), zero or more; no NaN.

    Returns
    -------
    Shape (criteria,), adding to 1; equal when no criterion differs.

    Raises
    ------
    StudyError
        If there are fewer than two alternatives, or a score is negative or not a number.

    Notes
    -----
    With :math:`P = x / \sum x` and :math:`E = -\sum P \ln P / \ln m` the weight is
    proportional to :math:`1 - E`. Contrast is not importance: use it as a check, or blended.

    Examples
    --------
    >>> import numpy as np
    >>> entropy_weights(np.array([[0.9, 0.5], [0.1, 0.5]])).tolist()
    [1.0, 0.0]
    """
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] < 2:  # noqa: PLR2004 - a table, two alternatives
        raise StudyError(f"scores: at least two alternatives are needed, not shape {x.shape}")
    contrast = 1.0 - entropies(x)
    contrast = np.where(contrast < 1e-12, 0.0, contrast)  # noqa: PLR2004 - rounding
    total = contrast.sum()
    if total == 0:
        return np.full(x.shape[1], 1.0 / x.shape[1])
    return np.asarray(contrast / total)


def entropies(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Entropy of each criterion over the alternatives, 0 (all in one) to 1 (all equal).

    Parameters
    ----------
    scores : shape (alternatives, criteria), zero or more.

    Returns
    -------
    Shape (criteria,); 1 for a column of zeros.

    Raises
    ------
    StudyError
        If a score is negative or not a number.

    Examples
    --------
    >>> import numpy as np
    >>> entropies(np.array([[0.5], [0.5]])).tolist()
    [1.0]
    """
    x = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(x).all() or (x < 0).any():
        raise StudyError("scores: must be zero or more, without gaps")
    total = x.sum(axis=0)
    share = np.divide(x, total, out=np.full_like(x, 1.0 / len(x)), where=total > 0)
    log = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(-(share * log).sum(axis=0) / np.log(len(x)))


def critic_weights(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Weigh by contrast and by conflict with the other criteria (CRITIC).

    Parameters
    ----------
    scores : shape (alternatives, criteria), more is better, no NaN; scaled to 0..1 by column first.

    Returns
    -------
    Shape (criteria,), adding to 1: standard deviation times the sum of one minus each correlation. A
    criterion that does not differ gets 0; equal when none differs.

    Raises
    ------
    StudyError
        If there are fewer than two alternatives or a score is not a number.

    References
    ----------
    .. [1] Diakoulaki, Mavrotas and Papayannakis (1995). Determining objective weights in multiple
       criteria problems: the CRITIC method. Computers and Operations Research 22(7), 763-770.

    Examples
    --------
    >>> critic_weights(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])).tolist()
    [0.5, 0.5]
    """
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] < 2 or not np.isfinite(x).all():  # noqa: PLR2004 - a table, two alternatives
        raise StudyError(f"scores: two alternatives without gaps are needed, not shape {x.shape}")
    spread = np.ptp(x, axis=0)
    differs = spread > 1e-12  # noqa: PLR2004 - rounding
    if not differs.any():
        return np.full(x.shape[1], 1.0 / x.shape[1])
    scaled = (x[:, differs] - x[:, differs].min(axis=0)) / spread[differs]
    alike = np.atleast_2d(np.corrcoef(scaled, rowvar=False))
    content = scaled.std(axis=0, ddof=1) * (1.0 - alike).sum(axis=0)
    if content.sum() <= 1e-12:  # noqa: PLR2004 - all criteria say the same
        content = np.ones(len(content))
    found = np.zeros(x.shape[1])
    found[differs] = content / content.sum()
    return found


def rank_sum_weights(n: int) -> NDArray[np.float64]:
    """
    Weigh an order of criteria by rank sum: n, n - 1, ..., 1, scaled to 1.

    Parameters
    ----------
    n : number of criteria, at least 1.

    Returns
    -------
    Shape (n,), the most important first.

    Examples
    --------
    >>> rank_sum_weights(3).round(4).tolist()
    [0.5, 0.3333, 0.1667]
    """
    found = np.arange(n, 0, -1, dtype=np.float64)
    return np.asarray(found / found.sum())


def roc_weights(n: int) -> NDArray[np.float64]:
    """
    Weigh an order of criteria by the centroid of all weights in that order (rank order centroid).

    Parameters
    ----------
    n : number of criteria, at least 1.

    Returns
    -------
    Shape (n,), the most important first, adding to 1.

    References
    ----------
    .. [1] Barron and Barrett (1996). Decision quality using ranked attribute weights. Management
       Science 42(11), 1515-1523.

    Examples
    --------
    >>> roc_weights(3).round(4).tolist()
    [0.6111, 0.2778, 0.1111]
    """
    return np.asarray(np.cumsum((1.0 / np.arange(1, n + 1))[::-1])[::-1] / n)


def blend_weights(
    stated: NDArray[np.float64], measured: NDArray[np.float64], *, measured_share: float = 0.5
) -> NDArray[np.float64]:
    """
    Mix stated weights with measured ones.

    Parameters
    ----------
    stated, measured : shape (n,), each scaled to 1 first.
    measured_share : 0 (stated only) to 1.

    Returns
    -------
    Shape (n,), adding to 1.

    Raises
    ------
    StudyError
        If `measured_share` is outside 0 to 1 or a weight is negative.

    Examples
    --------
    >>> import numpy as np
    >>> blend_weights(np.array([1.0, 1.0]), np.array([1.0, 0.0])).tolist()
    [0.75, 0.25]
    """
    if not 0 <= measured_share <= 1:
        raise StudyError(f"measured_share: {measured_share!r} is not between 0 and 1")
    a, b = _unit_sum(np.asarray(stated)), _unit_sum(np.asarray(measured))
    return np.asarray((1 - measured_share) * a + measured_share * b)


def _unit_sum(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    w = np.asarray(weights, dtype=np.float64)
    if not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise StudyError(f"weights: {w.tolist()} must be zero or more, with at least one above")
    return np.asarray(w / w.sum())


def normalise_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """
    Scale weights to 1.

    Parameters
    ----------
    weights : criterion -> weight, zero or more.

    Returns
    -------
    The same criteria in the same order; the weights add to 1.

    Raises
    ------
    StudyError
        If a weight is negative or not a number, or all are zero.

    Examples
    --------
    >>> normalise_weights({"slope": 1, "road": 3})
    {'slope': 0.25, 'road': 0.75}
    """
    for key, value in weights.items():
        if not np.isfinite(value) or value < 0:
            raise StudyError(f"weights.{key}: {value!r} is not zero or more")
    total = sum(weights.values())
    if total <= 0:
        raise StudyError("weights: all are zero; give at least one a positive weight")
    return {key: value / total for key, value in weights.items()}
