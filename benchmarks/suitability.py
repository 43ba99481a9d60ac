"""
Overlay of criteria beside numpy and xarray, in one run with equal results, and against reading the memory.

    python benchmarks/suitability.py [--cells 10000000] [--criteria 8] [--unknown 0.05] [--rows] [--seed 1]

Criteria lie one after the other in memory, as rasters do and as a study scores them; `--rows` lays the criteria of a
cell side by side instead. The yardstick is one sum over the same memory. Seconds of the processor, so that a
busy machine counts less; each call runs three times, the fastest counts; the first call of ours, which compiles or
loads the loop, is told apart. Read the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from kcity_geo.analysis.suitability.best_tenth import best_tenth_share
from kcity_geo.analysis.suitability.combination import combiner, wlc


def made_up_land(
    cells: int, criteria: int, unknown: float, seed: int, *, rows: bool
) -> NDArray[np.float64]:
    """Utilities, a row a cell, some not known."""
    random = np.random.default_rng(seed)
    found = random.random((cells, criteria) if rows else (criteria, cells))
    found[random.random(found.shape) < unknown] = np.nan
    return found if rows else found.T


def by_numpy(x: NDArray, w: NDArray) -> NDArray:
    """The formula as it is written."""
    known = ~np.isnan(x)
    return np.where(known, x, 0.0) @ w / (known @ w)


def by_xarray(x: NDArray, w: NDArray) -> NDArray:
    """The weighted mean of xarray."""
    table = xr.DataArray(x, dims=("cell", "criterion"))
    return table.weighted(xr.DataArray(w, dims="criterion")).mean("criterion").to_numpy()


def fastest(call: Callable[[], NDArray], times: int = 3) -> tuple[float, NDArray]:
    """Seconds of the fastest of some calls, and what it gives."""
    best, found = float("inf"), np.zeros(0)
    for _ in range(times):
        start = time.process_time()
        found = call()
        best = min(best, time.process_time() - start)
    return best, found


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--cells", type=int, default=10_000_000)
    parser.add_argument("--criteria", type=int, default=8)
    parser.add_argument("--unknown", type=float, default=0.05)
    parser.add_argument("--rows", action="store_true", help="the criteria of a cell side by side")
    parser.add_argument("--draws", action="store_true", help="also the best tenth in 1,000 draws")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    x = made_up_land(asked.cells, asked.criteria, asked.unknown, asked.seed, rows=asked.rows)
    w = np.random.default_rng(asked.seed).dirichlet(np.ones(asked.criteria))
    start = time.process_time()
    wlc(x, w)
    first = time.process_time() - start
    reading, _ = fastest(lambda: np.atleast_1d(x.sum()))
    own, ours = fastest(lambda: wlc(x, w))
    print(
        f"{asked.cells:,} cells x {asked.criteria} criteria, {x.nbytes / 1e9:.2f} GB, first call {first:.2f} s"
    )
    print(f"{'reading the memory':<22}{reading:8.3f} s")
    print(f"{'kcity_geo':<22}{own:8.3f} s {own / reading:6.1f} x reading")
    for name, call in (("numpy", by_numpy), ("xarray", by_xarray)):
        seconds, theirs = fastest(lambda call=call: call(x, w), times=1)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, equal_nan=True)
        print(f"{name:<22}{seconds:8.3f} s {seconds / reading:6.1f} x reading, equal results")
    if asked.draws:
        seconds, _ = fastest(lambda: best_tenth_share(x, w, combiner("wlc", x)), times=1)
        print(f"{'best tenth, draws':<22}{seconds:8.3f} s")


if __name__ == "__main__":
    main()
