"""
Rooted: in which order the branches of a tree are built, so that most people are served for each cost.

A branch waits for all that lies before it. Horn's order joins each branch with the one it waits for until
what is left falls in persons a cost: every beginning of the order is then the best that its cost can buy, and
cutting it off at a price a person is the best tree at that price.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["BuildStep", "build_order"]


@dataclass(frozen=True)
class BuildStep:
    """
    What is built at once.

    Parameters
    ----------
    places : of the tree, in order.
    cost : of the links to them.
    persons : whom they serve.
    """

    places: tuple[int, ...]
    cost: float
    persons: float


def build_order(
    parent: Sequence[int], cost: Sequence[float], persons: Sequence[float]
) -> list[BuildStep]:
    """
    Order the branches of a tree by persons a cost.

    Parameters
    ----------
    parent : place that each hangs on; below zero: the root, of which there is one.
    cost : of the link to the parent, above zero but for the root.
    persons : served at each place, zero or more.

    Returns
    -------
    Steps with falling persons a cost; each hangs on the root or on a step before it. Links that serve
    nobody are left out.

    References
    ----------
    .. [1] Horn (1972). Single-machine job sequencing with treelike precedence ordering and linear delay
       penalties. SIAM Journal on Applied Mathematics 23(2), 189-202.

    Examples
    --------
    A village of 10 behind one of 100; a third of 50 that costs more:

    >>> steps = build_order([-1, 0, 1, 0], [0, 10, 1, 20], [0, 100, 10, 50])
    >>> [(step.places, step.cost, step.persons) for step in steps]
    [((1,), 10.0, 100.0), ((2,), 1.0, 10.0), ((3,), 20.0, 50.0)]
    """
    count = len(parent)
    block = list(range(count))
    members = [[at] for at in range(count)]
    price, served = [float(c) for c in cost], [float(p) for p in persons]
    version = [0] * count

    def leader(at: int) -> int:
        while block[at] != at:
            block[at] = block[block[at]]
            at = block[at]
        return at

    root = next(at for at in range(count) if parent[at] < 0)
    queue = [(-served[at] / price[at], at, 0) for at in range(count) if at != root]
    heapq.heapify(queue)
    steps = []
    while queue:
        ratio, at, seen = heapq.heappop(queue)
        if block[at] != at or seen != version[at]:
            continue
        before = leader(parent[members[at][0]])
        if before == root:
            if ratio < 0:
                steps.append(BuildStep(tuple(members[at]), price[at], served[at]))
            block[at] = root
            continue
        members[before] += members[at]
        price[before] += price[at]
        served[before] += served[at]
        block[at] = before
        version[before] += 1
        heapq.heappush(queue, (-served[before] / price[before], before, version[before]))
    return steps
