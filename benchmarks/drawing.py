"""
What the draws of the gap model cost, as a ratio to an assessment without them.

Usage: python benchmarks/drawing.py [STUDY.toml] [--size town|city|metro] [--seed N] [--json]

A demo city is made when no study is given. Seconds are those of the processor, so that a busy
machine changes little; the ratio is what counts. Without draws means one draw.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import kcity_geo as kc
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.gaps.combine import assess_gaps
from kcity_geo.analysis.registry import assess_rows
from kcity_geo.config import read_table
from kcity_geo.demo.make import make_demo
from kcity_geo.result import INDICATOR_SECTORS

AIMS = {"town": 1.5, "city": 1.5, "metro": 2.0}


def measured(data: Any) -> dict[str, float]:
    city, found = model_of(data), []
    begin = time.process_time()
    for sector in INDICATOR_SECTORS:
        found += assess_rows(city, sector)
    indicators = time.process_time() - begin
    seconds = {}
    for name, count in (("one", 1), ("all", None)):
        begin = time.process_time()
        assess_gaps(city, found, draws=count)
        seconds[name] = time.process_time() - begin
    return {
        "cells": int(data.inside.sum()),
        "draws": int(read_table("evidence")["draws"]["count"]),
        "indicators_s": round(indicators, 2),
        "gaps_with_one_draw_s": round(seconds["one"], 2),
        "gaps_with_all_draws_s": round(seconds["all"], 2),
        "ratio": round((indicators + seconds["all"]) / (indicators + seconds["one"]), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("study", nargs="?")
    parser.add_argument("--size", default="town", choices=sorted(AIMS))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    study = chosen.study
    if study is None:
        study = make_demo(Path(tempfile.mkdtemp()) / "demo", size=chosen.size, seed=chosen.seed)
    found = measured(kc.load(kc.load_study(study)))
    if chosen.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        print(f"{name:<24}{value:>10g}")
    if chosen.study is None:
        print(f"aim: a ratio of at most {AIMS[chosen.size]:g}")


if __name__ == "__main__":
    main()
