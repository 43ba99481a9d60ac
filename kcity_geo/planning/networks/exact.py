"""
Exact tree: the cheapest tree of few terminals by dynamic programming (Dreyfus and Wagner).

For each set of terminals and each place, the cheapest tree that joins the set at the place: two
smaller trees that meet there, or one that comes from elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack, vstack
from scipy.sparse.csgraph import dijkstra

__all__ = ["exact_edges"]


def exact_edges(matrix: csr_array, terminals: NDArray[np.int64]) -> NDArray[np.int64]:
    """
    Find the cheapest tree that joins terminals.

    Parameters
    ----------
    matrix : symmetric costs, shape (n, n).
    terminals : places that hang together; time grows with three to the power of their number.

    Returns
    -------
    Shape (edges, 2), places at the two ends.

    Examples
    --------
    >>> path = csr_array(np.array([[0.0, 1, 0], [1, 0, 2], [0, 2, 0]]))
    >>> exact_edges(path, np.array([0, 2])).tolist()
    [[0, 1], [1, 2]]
    """
    size, rest = matrix.shape[0], terminals[1:]
    full = (1 << len(rest)) - 1
    cost = np.full((full + 1, size), np.inf)
    meets = np.zeros((full + 1, size), dtype=np.int32)
    before = np.full((full + 1, size), -1, dtype=np.int32)
    spread = _Spread(matrix)
    for number in range(1, full + 1):
        single = number & (number - 1) == 0
        if single:
            cost[number, rest[number.bit_length() - 1]] = 0.0
        else:
            _meet(cost, meets, number)
        cost[number], before[number] = spread(cost[number])
    return _traced(meets, before, int(terminals[0]), full)


def _meet(cost: NDArray[np.float64], meets: NDArray[np.int32], number: int) -> None:
    """Join two smaller trees at each place; each division once."""
    lowest = number & -number
    rest = number ^ lowest
    part = rest
    while True:
        part = (part - 1) & rest
        one = part | lowest
        total = cost[one] + cost[number ^ one]
        better = total < cost[number]
        cost[number][better] = total[better]
        meets[number][better] = one
        if part == 0:
            break


class _Spread:
    """Carry costs from where they stand along the links; the graph with one more place in front."""

    def __init__(self, matrix: csr_array) -> None:
        size = matrix.shape[0]
        self.size = size
        column = csr_array((size, 1))
        self.inner = hstack([matrix, column]).tocsr()

    def __call__(self, cost: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        known = np.flatnonzero(np.isfinite(cost))
        # Zero would be no link; the smallest start is taken off and put back.
        least = cost[known].min() - 1.0
        row = csr_array(
            (cost[known] - least, (np.zeros(len(known), np.int32), known)), shape=(1, self.size + 1)
        )
        far, before = dijkstra(
            vstack([self.inner, row]).tocsr(),
            indices=np.array([self.size]),
            min_only=True,
            return_predecessors=True,
        )[:2]
        came = before[: self.size].astype(np.int32)
        return far[: self.size] + least, np.where((came == self.size) | (came < 0), -1, came)


def _traced(
    meets: NDArray[np.int32],
    before: NDArray[np.int32],
    root: int,
    full: int,
) -> NDArray[np.int64]:
    pairs: set[tuple[int, int]] = set()
    open_parts = [(full, root)]
    while open_parts:
        number, place = open_parts.pop()
        while before[number, place] >= 0:
            pairs.add((place, int(before[number, place])))
            place = int(before[number, place])
        if number & (number - 1):
            one = int(meets[number, place])
            open_parts += [(one, place), (number ^ one, place)]
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
