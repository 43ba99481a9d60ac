"""
What an edit of a city costs: who has enough as mapped, and how people moved between readings.

Usage: python benchmarks/scenario.py [STUDY.toml] [--size town|city] [--seed N] [--check]

A demo city is made when no study is given. Seconds are those of the processor, edit included, the first edit
of each kind left out; on a machine that does other work they are up to twice those of a quiet one. With
``--check`` the last edit of each kind is held against a full run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

import kcity_geo as kc
from kcity_geo.demo.make import make_demo
from kcity_geo.planning.scenario.scenario import Scenario

AIM_S = 1.0
_STEPS_M = (0.0, 400.0, 700.0)


def edits(x: float, y: float, scale: float) -> dict[str, Callable[[Scenario, float], Scenario]]:
    """Kind -> edit of a scenario, moved east by some metres."""

    def there(east: float, north: float) -> tuple[float, float]:
        return x + east * scale, y + north * scale

    return {
        "road": lambda s, by: s.add_road(
            [there(by - 300, 0), there(by + 500, 400)], highway="tertiary", snap_m=100
        ),
        "clinic": lambda s, by: s.add_facility("health", there(by + 900, 900)),
        "school": lambda s, by: s.add_facility("school", there(by - 900, -900)),
        "stop": lambda s, by: s.add_facility("transit_low", there(by + 900, -900)),
        "water point": lambda s, by: s.add_facility("water_point", there(by - 900, -900)),
        "substation": lambda s, by: s.add_facility("substation", there(by - 900, 900)),
        "use of land": lambda s, by: s.set_landuse(
            shapely.box(*there(by - 1500, 500), *there(by - 1000, 900)), "industrial"
        ),
    }


def kept_mb(now: Scenario) -> float:
    """Megabytes of draws and chance that are kept for edits."""
    arrays: dict[int, np.ndarray] = {}
    for memory in (now.model.pieces("draws of a sector") or {}).values():
        for states in memory.drawn.values():
            for drawn in states:
                for one in (drawn.values, *drawn.cells.values()):  # noqa: PD011 - no frame
                    arrays[id(one)] = one
        for value in memory.chance.values():
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, np.ndarray):
                    arrays[id(one)] = one
    return sum(one.nbytes for one in arrays.values()) / 1e6


def equal_to_full(now: Scenario, after: Scenario) -> bool:
    """Tell whether the moves between readings are those of two full runs."""
    data = now.data, after.data
    full = [kc.assess_gaps(each) for each in data]
    moved = kc.diff(data[0], full[0], data[1], full[1]).readings
    pd.testing.assert_frame_equal(after.readings(), moved, check_exact=True)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("study", nargs="?")
    parser.add_argument("--size", default="city", choices=["town", "city"])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    study = chosen.study
    if study is None:
        study = make_demo(Path(tempfile.mkdtemp()) / "demo", size=chosen.size, seed=chosen.seed)
    data = kc.load(kc.load_study(study))
    x, y = data.city.boundary_metric.centroid.coords[0]
    now = kc.scenario(data)
    begin = time.process_time()
    now.people(), now.readings()
    print(f"{'first reading':<14}{time.process_time() - begin:>8.2f} s")
    for name, edit in edits(x, y, 1.0 if chosen.size == "city" else 0.3).items():
        rows = []
        for by in _STEPS_M:
            times = [time.process_time()]
            after = edit(now, by)
            after.people()
            times.append(time.process_time())
            after.readings()
            times.append(time.process_time())
            rows.append(np.diff(times))
        people, readings = np.median(rows[1:], axis=0)
        told = ", equal to a full run" if chosen.check and equal_to_full(now, after) else ""
        print(
            f"{name:<14}{people + readings:>8.2f} s: people {people:.2f}, readings {readings:.2f}{told}"
        )
    print(f"kept for edits {kept_mb(now):,.0f} MB; aim: each below {AIM_S:g} s")


if __name__ == "__main__":
    main()
