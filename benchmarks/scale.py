"""
How the cost of a study grows from town to metropolis, stage by stage, and its files beside plain writing.

    python benchmarks/scale.py [--sizes town city] [--plot growth.png] [--json]

Each size is a demo city, made first and not counted, run in a process of its own: processor seconds of
the run and of the copies of the process that work beside it, in all and for each stage (a copy counts where it
is waited for), peak memory of the run and of its largest copy (what they share stands in each, so they do not
add up). Growth: processor seconds for a further million people between one size and the next, over those of
the first step; near 1 is linear. Beside it the same cells and rasters written by pyogrio and rasterio alone,
without meaning, units or checks. A metropolis takes minutes and 2 GB.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import resource
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from kcity_geo.clock import peak_memory_gb

SIZES = ("town", "city", "metro")
#: Stages that are drawn, the largest of the largest city first.
_DRAWN = 7


def made(size: str, folder: str) -> str:
    """Make a demo city; its study file."""
    from kcity_geo.demo.make import make_demo

    warnings.simplefilter("ignore")
    return str(make_demo(Path(folder) / "inputs", size=size))


def spent() -> tuple[float, float, float]:
    """Processor seconds of this process and its ended children; peak GB of it, and of the largest of them."""
    own, others = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu_s = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    return cpu_s, *peak_memory_gb()


def one_size(size: str, folder: str, study: str) -> dict[str, Any]:
    """Run a demo city, and write its cells and rasters again plainly."""
    import kcity_geo as kc

    warnings.simplefilter("ignore")
    here = Path(folder)
    begun: list[tuple[str, float]] = []
    before_s = spent()[0]
    result = kc.run(study, here / "out", progress=lambda name: begun.append((name, spent()[0])))
    after_s, peak, peak_of_copy = spent()
    return {
        "size": size,
        "people_million": float(result.data.cube["population"].sum()) / 1e6,
        "cells": int(result.data.inside.sum()),
        "cpu_s": after_s - before_s,
        "peak_gb": peak,
        "peak_of_copy_gb": peak_of_copy,
        "stages_s": of_stages(begun, set(result.timings), after_s),
        "plain_files_s": plain_files(here / "out", here),
    }


def of_stages(begun: list[tuple[str, float]], stages: set[str], end_s: float) -> dict[str, float]:
    """Give the processor seconds of each stage, from where it began to where the next did."""
    known = [(name, at_s) for name, at_s in begun if name in stages]
    ends = [at_s for _, at_s in known[1:]] + [end_s]
    return {name: end - at_s for (name, at_s), end in zip(known, ends, strict=True)}


def plain_files(out: Path, folder: Path) -> float:
    """Give the seconds for the cells as GeoPackage, GeoJSON and GeoParquet, and the rasters."""
    import geopandas as gpd
    import pyogrio
    import rasterio

    cells = gpd.read_parquet(out / "cells.parquet")
    opened = pyogrio.read_dataframe(out / "gaps.geojson")
    layers = {}
    for path in sorted((out / "layers").glob("*.tif")):
        with rasterio.open(path) as source:
            layers[path.name] = (source.read(), dict(source.profile))
    start = time.process_time()
    pyogrio.write_dataframe(cells, folder / "plain.gpkg", use_arrow=True)
    pyogrio.write_dataframe(opened, folder / "plain.geojson")
    cells.to_parquet(folder / "plain.parquet")
    for name, (values, profile) in layers.items():
        with rasterio.open(folder / name, "w", **profile) as target:
            target.write(values)
    return time.process_time() - start


def growth(found: list[dict[str, Any]]) -> list[float]:
    """Processor seconds for a further million people at each step, over those of the first step."""
    steps = [
        (b["cpu_s"] - a["cpu_s"]) / (b["people_million"] - a["people_million"])
        for a, b in itertools.pairwise(found)
    ]
    return [round(step / steps[0], 2) for step in steps]


def plot(found: list[dict[str, Any]], path: str) -> None:
    """Draw processor seconds over the people: all, those of the largest stages, and what linear would be."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    people = [one["people_million"] for one in found]
    last = found[-1]["stages_s"]
    for stage in sorted(last, key=lambda name: -last[name])[:_DRAWN]:
        axes.plot(people, [one["stages_s"].get(stage, 0.0) for one in found], "o-", label=stage)
    total = [one["cpu_s"] for one in found]
    axes.plot(people, total, "o-", color="black", linewidth=2.5, label="all")
    linear = [total[-1] * one / people[-1] for one in people]
    axes.plot(people, linear, ":", color="grey", label="linear")
    axes.set(xscale="log", yscale="log", xlabel="million people", ylabel="processor seconds")
    axes.set_ylim(bottom=0.1)
    axes.legend(fontsize=7, ncols=2)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print a column a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["town", "city"])
    parser.add_argument("--plot")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = []
    for size in asked.sizes:
        with (
            tempfile.TemporaryDirectory() as folder,
            multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as alone,
        ):
            study = alone.apply(made, (size, folder))
            found.append(alone.apply(one_size, (size, folder, study)))
    if asked.plot:
        plot(found, asked.plot)
    if asked.json:
        print(json.dumps({"sizes": found, "growth": growth(found)}))
        return
    for key in ("people_million", "cells", "cpu_s", "peak_gb", "peak_of_copy_gb", "plain_files_s"):
        print(f"{key:<34}" + "".join(f"{one[key]:>12,.2f}" for one in found))
    for stage in found[0]["stages_s"]:
        row = "".join(f"{one['stages_s'].get(stage, 0.0):>12,.2f}" for one in found)
        print(f"  {stage + ' s':<32}{row}")
    print("growth a further million people", growth(found))


if __name__ == "__main__":
    main()
