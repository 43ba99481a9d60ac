"""
Location-allocation beside spopt (CBC), in one run with equal results.

    python benchmarks/location.py [--homes 2000] [--sites 100] [--p 8] [--seed 1] [--limit-s 300]

Homes and sites lie at random in a square of 10 km, ways are straight. Each answer of spopt is solved
to optimality; where it takes longer than the limit, its best is compared with our bound.
Read the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.location.centre import shortest_longest_way
from kcity_geo.analysis.location.covering import fewest_sites
from kcity_geo.analysis.location.savings import Choice, best_sites

NEAR_KM = 1.2


def made_up_city(homes: int, sites: int, seed: int) -> tuple[NDArray, NDArray]:
    """Costs, km, and people."""
    random = np.random.default_rng(seed)
    at, there = random.random((homes, 2)) * 10, random.random((sites, 2)) * 10
    cost = np.hypot(*(at[:, None] - there).transpose(2, 0, 1))
    return cost, random.integers(1, 100, homes).astype(float)


def ours(cost: NDArray, people: NDArray, p: int) -> dict[str, Callable[[], Choice]]:
    """Each question as a call."""
    far = float(cost.max())
    reach = float(cost.min(axis=1).max()) * 1.05
    return {
        "mclp": lambda: best_sites(sparse.csr_array((cost <= NEAR_KM) * people[:, None]), p),
        "p_median": lambda: best_sites(sparse.csr_array((far - cost) * people[:, None]), p),
        "lscp": lambda: fewest_sites(sparse.csr_array(cost <= reach)),
        "p_centre": lambda: shortest_longest_way(cost, p),
    }


def theirs(
    cost: NDArray, people: NDArray, p: int, limit_s: float
) -> dict[str, Callable[[], float]]:
    """The same questions to spopt, each with its value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pulp
        from spopt import locate

    reach = float(cost.min(axis=1).max()) * 1.05
    far, total = float(cost.max()), float(people.sum())

    def solved(model) -> float:
        solver = pulp.PULP_CBC_CMD(msg=False, timeLimit=limit_s)
        return float(model.solve(solver, results=False).problem.objective.value())

    return {
        "mclp": lambda: solved(locate.MCLP.from_cost_matrix(cost, people, NEAR_KM, p)),
        "p_median": lambda: far * total - solved(locate.PMedian.from_cost_matrix(cost, people, p)),
        "lscp": lambda: solved(locate.LSCP.from_cost_matrix(cost, reach)),
        "p_centre": lambda: solved(locate.PCenter.from_cost_matrix(cost, p)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=2000)
    parser.add_argument("--sites", type=int, default=100)
    parser.add_argument("--p", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-s", type=float, default=300.0)
    parser.add_argument("--only", nargs="*", default=["mclp", "p_median", "lscp", "p_centre"])
    arguments = parser.parse_args()
    cost, people = made_up_city(arguments.homes, arguments.sites, arguments.seed)
    mine = ours(cost, people, arguments.p)
    other = theirs(cost, people, arguments.p, arguments.limit_s)
    print(f"{'question':<10}{'here s':>9}{'spopt s':>9}{'ratio':>8}  {'value':>14}  proof")
    for name in arguments.only:
        start = time.perf_counter()
        found = mine[name]()
        middle = time.perf_counter()
        value = other[name]()
        end = time.perf_counter()
        more = name in {"mclp", "p_median"}
        short = (found.bound - value if more else value - found.bound) / max(abs(value), 1e-9)
        if short < -1e-6:
            raise SystemExit(f"{name}: spopt beats our bound: {value} against {found.bound}")
        same = abs(value - found.value) <= 1e-6 * abs(value)
        timed_out = end - middle >= arguments.limit_s
        if not (same or timed_out or not found.proved):
            raise SystemExit(f"{name}: {found.value} against {value}")
        word = "equal" if same else f"spopt {value:,.3f}"
        proof = "proved" if found.proved else f"within {found.short_share:.2%}"
        print(
            f"{name:<10}{middle - start:>9.2f}{end - middle:>9.2f}"
            f"{(end - middle) / (middle - start):>8.1f}  {found.value:>14,.3f}  {proof}; {word}",
            flush=True,
        )


if __name__ == "__main__":
    main()
