"""
Two rasters of 100 m onto the grid of a city with a detailed coastline, beside exactextract in one run.

    python benchmarks/coast.py [--vertices 60000] [--repeat 3] [--json]

The city is a made-up peninsula with islands, its outline as jagged as a coastline of OpenStreetMap;
people and built surface come in Mollweide, as GHSL gives them. exactextract answers a part of the
question, how much lies inside the outline; the totals are compared first. Processor seconds; read
the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.transform import from_origin

from kcity_geo.city import City, make_city
from kcity_geo.cube import study_grid
from kcity_geo.sources.local.rasters import read_raster

MOLLWEIDE = "ESRI:54009"
PIXEL_M = 100.0
RADIUS_M, ISLANDS = 9_000.0, 12


def jagged(radius_m: float, vertices: int, rng: np.random.Generator) -> shapely.Polygon:
    """A closed outline that is rough at every scale, as a coastline is."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    order = np.arange(2, vertices // 4)
    size, phase = (
        rng.standard_normal(len(order)) / order**1.25,
        rng.uniform(0, 2 * np.pi, len(order)),
    )
    spectrum = np.zeros(vertices // 2 + 1, dtype=complex)
    spectrum[order] = size * np.exp(1j * phase) * vertices / 2
    radius = radius_m * np.exp(0.25 * np.fft.irfft(spectrum, vertices))
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return shapely.Polygon(ring)


def coastal_city(vertices: int) -> City:
    """A city whose outline has about so many vertices, islands included."""
    rng = np.random.default_rng(5)
    parts = [jagged(RADIUS_M, vertices * 3 // 4, rng)]
    for turn in np.linspace(0, 2 * np.pi, ISLANDS, endpoint=False):
        island = jagged(900.0, vertices // (4 * ISLANDS), rng)
        parts.append(shapely.affinity.translate(island, 14e3 * np.cos(turn), 14e3 * np.sin(turn)))
    there = gpd.GeoSeries([shapely.union_all(parts)], crs="+proj=laea +lat_0=60.15 +lon_0=24.95")
    return make_city("Coast", boundary=there.to_crs(4326).iloc[0])


def rasters(city: City, folder: Path) -> dict[str, Path]:
    """People and built surface around the city."""
    box = gpd.GeoSeries([city.boundary_metric], crs=city.crs).to_crs(MOLLWEIDE).total_bounds
    left, top = np.floor(box[0] / PIXEL_M - 5) * PIXEL_M, np.ceil(box[3] / PIXEL_M + 5) * PIXEL_M
    width, height = int((box[2] - left) / PIXEL_M) + 10, int((top - box[1]) / PIXEL_M) + 10
    rng = np.random.default_rng(3)
    made = {
        "population": rng.gamma(0.5, 40.0, (height, width)),
        "built": rng.uniform(0, 5e3, (height, width)),
    }
    paths = {}
    for key, values in made.items():
        paths[key] = folder / f"{key}.tif"
        with rasterio.open(
            paths[key], "w", driver="GTiff", width=width, height=height, count=1, dtype="float32",
            crs=MOLLWEIDE, transform=from_origin(left, top, PIXEL_M, PIXEL_M), nodata=-200.0,
        ) as out:  # fmt: skip
            out.write(values.astype("float32"), 1)
    return paths


def measure(vertices: int, repeat: int) -> dict[str, Any]:
    """Give the totals of both and their processor seconds, the best of some runs."""
    from exactextract import exact_extract

    city = coastal_city(vertices)
    outline = gpd.GeoDataFrame(geometry=[city.boundary_metric], crs=city.crs).to_crs(MOLLWEIDE)
    seconds: dict[str, list[float]] = {"ours": [], "exactextract": []}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = rasters(city, Path(folder))
        for _ in range(repeat):
            fresh = coastal_city(vertices)
            grid = study_grid(fresh, cell_m=100)
            start = time.process_time()
            ours = {
                key: read_raster(path, key=key, city=fresh, grid=grid)[1]
                for key, path in paths.items()
            }
            middle = time.process_time()
            other = {
                k: exact_extract(str(p), outline, ["sum"], output="pandas")
                for k, p in paths.items()
            }
            seconds["ours"].append(middle - start)
            seconds["exactextract"].append(time.process_time() - middle)
    best = {name: min(found) for name, found in seconds.items()}
    return {
        "vertices": int(shapely.get_num_coordinates(city.boundary_metric)),
        "cells": int(np.prod(grid.shape)),
        "apart": max(
            abs(ours[k]["source_total"] / float(other[k]["sum"].iloc[0]) - 1) for k in ours
        ),
        "conserved": min(ours[k]["conserved_share"] for k in ours),
        **{f"{name} s": round(value, 2) for name, value in best.items()},
        "ratio": round(best["ours"] / best["exactextract"], 1),
    }


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vertices", type=int, default=60_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.vertices, asked.repeat)
    print(json.dumps(found) if asked.json else "\n".join(f"{k:<20}{v}" for k, v in found.items()))


if __name__ == "__main__":
    main()
