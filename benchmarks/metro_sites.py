"""
What robustness and dossiers add to a study: 1,000 draws of the weights and ten dossiers, in seconds.

    python benchmarks/metro_sites.py [--size city | --study FILE] [--project new_town] [--sites 10]

The study is loaded, scored and its sites ranked without the gaps of the city, which do not change what is
added. Three steps are timed by themselves as they happen: how often each cell lies in the best tenth, how
stable the ranks of the sites are, and the dossiers. Together they may add 60 s on a metropolis. Seconds
on the clock and of the processor: on a busy machine believe the second.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import kcity_geo as kc
from kcity_geo.analysis.sites import rank
from kcity_geo.analysis.suitability import score as scoring
from kcity_geo.demo import make_demo

LIMIT_S = 60.0


class Clock:
    """Seconds of each step, on the clock and of the processor."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[float, float]] = {}

    def of(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Give the same call, timed."""

        def timed(*args: Any, **named: Any) -> Any:
            start = time.perf_counter(), time.process_time()
            found = call(*args, **named)
            spent = time.perf_counter() - start[0], time.process_time() - start[1]
            before = self.steps.get(name, (0.0, 0.0))
            self.steps[name] = before[0] + spent[0], before[1] + spent[1]
            return found

        return timed


def measure(study: Path, project: str, most: int) -> tuple[Clock, kc.CityData, int]:
    """Score, rank and describe the sites of a study; time what robustness and dossiers add."""
    clock = Clock()
    data = clock.of("load", kc.load)(kc.load_study(study))
    best, stable = scoring.best_tenth_share, rank.stability
    with (
        patch.object(scoring, "best_tenth_share", clock.of("best tenth, 1,000 draws", best)),
        patch.object(rank, "stability", clock.of("stability of ranks, 1,000 draws", stable)),
    ):
        score = clock.of("suitability, all", kc.suitability)(data, project=project)
        sites = clock.of("sites, all", kc.rank_sites)(score, data)
    clock.of("dossiers", kc.dossier)(sites.head(most), score, data)
    return clock, data, min(most, len(sites))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--size", default="city", choices=("town", "city", "metro"))
    parser.add_argument("--study", type=Path, help="a study that is there already")
    parser.add_argument("--project", default="new_town")
    parser.add_argument("--sites", type=int, default=10)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        study = asked.study or make_demo(Path(folder) / "inputs", size=asked.size)
        clock, data, sites = measure(study, asked.project, asked.sites)
    print(f"{int(data.inside.sum()):,} cells, {sites} dossiers")
    for name, (wall, processor) in clock.steps.items():
        print(f"{name:<34}{wall:8.1f} s {processor:8.1f} s of the processor")
    added = [spent for name, spent in clock.steps.items() if "draws" in name or name == "dossiers"]
    wall, processor = (sum(part) for part in zip(*added, strict=True))
    print(f"{'added by draws and dossiers':<34}{wall:8.1f} s {processor:8.1f} s of the processor")
    print(f"{'within' if processor <= LIMIT_S else 'over'} {LIMIT_S:.0f} s of the processor")


if __name__ == "__main__":
    main()
