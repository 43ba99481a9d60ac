"""
Draw streets, blocks and parcels on 300 ha and say how long each step takes.

Usage: python benchmarks/layout.py [--runs 3] [--json]

Wanted on two cores: blocks within 2 s, parcels and all within 5 s. Processor time is told beside the time on the
clock, for a machine that does other work.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import shapely
from pyproj import CRS

from kcity_geo.planning.assumptions import assumptions_of, known_profiles, land_profile
from kcity_geo.planning.layout.draw import fit_streets
from kcity_geo.planning.layout.ground import Ground
from kcity_geo.planning.layout.sketch import sketch
from kcity_geo.planning.site_budget import Target, site_budget


def site() -> Ground:
    """A bent site of 300 ha on rolling ground with two road ends."""
    bent = shapely.Polygon([(0, 0), (2000, 240), (2500, 1400), (1000, 1960), (120, 1000)])
    bent = shapely.affinity.scale(bent, *([(3e6 / bent.area) ** 0.5] * 2), origin=(0, 0))
    ends = shapely.get_coordinates(bent.exterior)[[0, 2]]

    def heights(points: np.ndarray) -> np.ndarray:
        return 50 + 0.03 * points[:, 0] + 10 * np.sin(points[:, 1] / 300)

    return Ground(outline=bent, free=bent, heights=heights, road_ends=ends)


def timed(step: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a step gives, seconds on the clock, seconds of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    found = step()
    return found, time.perf_counter() - clock, time.process_time() - processor


def measure(runs: int) -> list[dict[str, Any]]:
    """The best of some runs for each profile."""
    ground, assumptions, rows = site(), assumptions_of(), []
    free_ha = ground.free.area / 1e4
    target = Target(kind="hectares", amount=free_ha)
    for profile in known_profiles():
        budget = site_budget(free_ha, target, land_profile(profile), assumptions)
        best: dict[str, Any] = {}
        for _ in range(runs):
            (plot, fit), *blocks = timed(
                partial(fit_streets, ground, budget, assumptions, crs=CRS(32632))
            )
            layout, *rest = timed(partial(sketch, plot, fit))
            row = {
                "profile": profile,
                "blocks": len(layout.blocks),
                "parcels": len(layout.parcels),
                "to_blocks_s": blocks[0],
                "to_blocks_cpu_s": blocks[1],
                "all_s": blocks[0] + rest[0],
                "all_cpu_s": blocks[1] + rest[1],
            }
            best = row if not best or row["all_s"] < best["all_s"] else best
        rows.append(best)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = measure(given.runs)
    if given.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(
            f"{row['profile']}: {row['blocks']} blocks in {row['to_blocks_s']:.2f} s "
            f"(processor {row['to_blocks_cpu_s']:.2f}), {row['parcels']} parcels and all in "
            f"{row['all_s']:.2f} s (processor {row['all_cpu_s']:.2f})"
        )


if __name__ == "__main__":
    main()
