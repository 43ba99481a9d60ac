"""
An extract into layers beside a bare pass of pyosmium, in one run.

    python benchmarks/reading.py EXTRACT.osm.pbf [--repeat 3] [--json]

The bare pass reads the same file with node locations and the same filter of keys, and looks at
nothing: what libosmium takes before anything is made of it. With ``with areas`` it also assembles the
polygons, which every reader of areas must. Processor seconds, the best of some runs; read the ratios.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import osmium

from kcity_geo.sources.osm.pbf import read_header, read_osm
from kcity_geo.sources.osm.rules import rules

if TYPE_CHECKING:
    from collections.abc import Callable


def bare(path: str, *, areas: bool) -> int:
    """Count the objects that a pass with locations and key filter gives."""
    keys = rules().filter_keys
    source = osmium.FileProcessor(path).with_locations()
    if areas:
        source = source.with_areas(osmium.filter.KeyFilter(*keys))
    return sum(1 for _ in source.with_filter(osmium.filter.KeyFilter(*keys)))


def _best(work: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    seconds, found = [], None
    for _ in range(repeat):
        start = time.process_time()
        found = work()
        seconds.append(time.process_time() - start)
    return min(seconds), found


def measure(path: str, repeat: int) -> dict[str, Any]:
    """Give the objects seen, the features kept, seconds and ratios."""
    box = read_header(path)[0]
    if box is None:
        raise SystemExit(f"{path}: states no box; give an extract that does")
    crs = gpd.GeoSeries([box], crs=4326).estimate_utm_crs()
    pass_s, seen = _best(lambda: bare(path, areas=False), repeat)
    areas_s, _ = _best(lambda: bare(path, areas=True), repeat)
    layers_s, extract = _best(lambda: read_osm(path, area=box, crs=crs), repeat)
    return {
        "objects": seen,
        "features": sum(len(frame) for frame in extract.layers.values()),
        "bare pass s": round(pass_s, 2),
        "with areas s": round(areas_s, 2),
        "into layers s": round(layers_s, 2),
        "ratio to the bare pass": round(layers_s / pass_s, 1),
        "ratio to the pass with areas": round(layers_s / areas_s, 1),
    }


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("extract")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.extract, asked.repeat)
    print(json.dumps(found) if asked.json else "\n".join(f"{k:<30}{v}" for k, v in found.items()))


if __name__ == "__main__":
    main()
