"""
Spread people over mapped dwellings and compare with a population grid that somebody counted.

Usage: python benchmarks/people.py EXTRACT.osm.pbf GRID.gpkg [--column population] [--json]

The people of the grid's cells that the extract covers are put together and spread again, over the map alone. Moved: the
share of the people that would have to move to another cell to be where they were counted.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from kcity_geo.analysis.settlement.dwellings import floors_of, is_home
from kcity_geo.config import Config
from kcity_geo.settings import settings_of
from kcity_geo.sources.osm.pbf import read_header, read_osm

# Nothing but the type of a building and its own tag of floors.
PLAIN = {
    "levels_learnt_from": 100_000,
    "landuse_without_residents": ["none"],
    "amenities_without_residents": ["none"],
}
COVERED = 0.98


def compare(extract: str, grid_file: str, column: str = "population") -> dict[str, Any]:
    """Give cells, people, and the error of each way of spreading them."""
    counted = gpd.read_file(grid_file)
    counted = counted.to_crs(counted.estimate_utm_crs())
    around = gpd.GeoSeries([counted.union_all().buffer(300)], crs=counted.crs).to_crs(4326).iloc[0]
    layers = read_osm(extract, area=around, crs=counted.crs, config=Config()).layers
    box = read_header(extract)[0]
    if box is not None:
        box = gpd.GeoSeries([box], crs=4326).to_crs(counted.crs).iloc[0]
        counted = counted[counted.geometry.intersection(box).area >= COVERED * counted.area]
    truth = counted[column].to_numpy(dtype=float)
    buildings, landuse = layers["building"], layers["landuse"]
    cells, houses = counted.geometry.to_numpy(), buildings.geometry.to_numpy()
    cell, house = shapely.STRtree(houses).query(cells, predicate="intersects")
    area_m2 = shapely.area(shapely.intersection(cells[cell], houses[house]))

    def error(weight: np.ndarray) -> dict[str, float]:
        found = np.bincount(cell, weights=area_m2 * weight[house], minlength=len(cells))
        found *= truth.sum() / found.sum()
        return _errors(found, truth)

    def weight(rule: Any, land: Any) -> np.ndarray:
        home = is_home(buildings, landuse=land, rule=rule)
        return home * floors_of(buildings, home=home, rule=rule)

    plain, full = settings_of("settlement", PLAIN), settings_of("settlement")
    ground_m2 = np.asarray(counted.area)
    return {
        "cells": len(cells),
        "persons": float(truth.sum()),
        "buildings": len(buildings),
        "evenly over the ground": _errors(ground_m2 / ground_m2.sum() * truth.sum(), truth),
        "ground area of all buildings": error(np.ones(len(buildings))),
        "floor area by tags alone (before)": error(weight(plain, None)),
        "land use, building type, learnt floors (now)": error(weight(full, landuse)),
    }


def _errors(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    off = found - truth
    return {
        "moved": float(np.abs(off).sum() / 2 / truth.sum()),
        "rmse_persons": float(np.sqrt((off**2).mean())),
        "correlation": float(np.corrcoef(found, truth)[0, 1]),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("extract")
    parser.add_argument("grid")
    parser.add_argument("--column", default="population")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = compare(given.extract, given.grid, given.column)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(
        f"{found['cells']} cells, {found['persons']:,.0f} people, {found['buildings']:,} buildings"
    )
    for name, row in found.items():
        if isinstance(row, dict):
            print(
                f"{name:45s} moved {row['moved']:.0%}, error {row['rmse_persons']:.0f} people a cell, "
                f"correlation {row['correlation']:.2f}"
            )


if __name__ == "__main__":
    main()
