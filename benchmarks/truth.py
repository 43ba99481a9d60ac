"""
What the toolkit finds in a demo city, beside what is true there.

Usage: python benchmarks/truth.py [FOLDER] [--size town|city|metro] [--seed N] [--seeds N]
       [--method draws,bounds,conformal] [--json]

FOLDER is a demo city with its answer key; without one the city is made first. Every number is
printed as it is, whether it meets the aim or not. With --seeds, that many demo cities are made and
their readings held against the gaps of the true map, beside the gap as mapped and the method before
the draws (`bounds` of benchmarks/methods.py).
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
import pandas as pd
import rasterio
from pyproj import Transformer
from scipy.stats import spearmanr

import kcity_geo as kc
from kcity_geo.analysis import energy, water
from kcity_geo.analysis.energy.inferred_grid import recall_and_precision
from kcity_geo.analysis.terrain.relief import flood_class
from kcity_geo.cube import bin_points
from kcity_geo.demo.make import load_truth, make_demo


def show(what: str, found: Any, aim: str = "") -> None:
    text = f"{found:.3f}" if isinstance(found, float) else str(found)
    print(f"  {what:<58} {text:>12}  {aim}")


def truth_cells(data: Any, people: pd.DataFrame) -> dict[str, np.ndarray]:
    """People and what they truly have, on the cells of the study."""
    to_city = Transformer.from_crs(4326, data.city.crs, always_xy=True)
    x, y = to_city.transform(people["lon"].to_numpy(), people["lat"].to_numpy())
    cell = bin_points(x, y, grid=data.grid)
    ok, size = cell >= 0, data.grid.shape[0] * data.grid.shape[1]
    persons = people["persons"].to_numpy()
    amounts = {"persons": persons} | {
        k: people[k].to_numpy() * persons for k in ("electrified", "piped")
    }
    return {
        name: np.bincount(cell[ok], weights=amount[ok], minlength=size)
        for name, amount in amounts.items()
    }


def by_district(data: Any, cells: np.ndarray, weight: np.ndarray) -> pd.Series:
    """Persons of each district for a share per cell."""
    amount = np.nan_to_num(cells).ravel() * weight
    shares = data.shares
    return (shares["share"] * amount[shares["cell"]]).groupby(shares["district_id"]).sum()


def electricity(data: Any, rows: dict[str, Any], truth: dict[str, Any], true: dict) -> None:
    found = rows["E2"]
    people = np.nan_to_num(data.array("population")).ravel()
    print("electricity")
    mine = float((np.nan_to_num(found.cells).ravel() * people).sum())
    show("electrified persons, found", round(mine))
    show("electrified persons, true", truth["electrified"])
    show("error of the total", abs(mine / truth["electrified"] - 1), "aim: at most 0.05")
    show("without the official rate: share found", found.details["uncalibrated_share"])
    wrong = np.abs(np.nan_to_num(found.cells).ravel() * people - true["electrified"])
    show("persons in the wrong state, cell by cell, share", float(wrong.sum() / people.sum()))
    key = {row["district_id"]: row["electrified"] for row in truth["districts"]}
    districts = by_district(data, found.cells, people)
    error = sum(abs(districts.get(k, 0.0) - v) for k, v in key.items())
    show("the same by district", float(error / people.sum()))


def lines(data: Any, rows: dict[str, Any], folder: Path) -> None:
    true = gpd.read_file(folder / "truth" / "mv_lines.geojson").to_crs(data.city.crs)
    true = true.geometry.union_all()
    found = rows["E3"]
    recall, precision = recall_and_precision(found.details["geometry"], true, within_m=300)
    print("medium-voltage lines inferred from night lights (mapped lines not used)")
    show("true km", true.length / 1000)
    show("inferred km", found.value)
    show("recall within 300 m", recall, "aim: at least 0.80")
    show("false length (1 - precision)", 1 - precision, "aim: at most 0.30")


def flood(data: Any, relief: dict[str, np.ndarray], folder: Path) -> None:
    with rasterio.open(folder / "truth" / "height_above_channel.tif") as source:
        values = source.read(1, masked=True).filled(np.nan).astype(float)
        rows, columns = np.divmod(np.arange(values.size), source.width)
        x, y = source.transform @ np.array([columns + 0.5, rows + 0.5])
        crs = source.crs.to_wkt()
    x, y = Transformer.from_crs(crs, data.city.crs, always_xy=True).transform(x, y)
    cell = bin_points(np.asarray(x), np.asarray(y), grid=data.grid)
    ok = (cell >= 0) & np.isfinite(values.ravel())
    size = data.grid.shape[0] * data.grid.shape[1]
    count = np.bincount(cell[ok], minlength=size)
    with np.errstate(invalid="ignore"):
        true = np.bincount(cell[ok], weights=values.ravel()[ok], minlength=size) / count
    mine = relief["hand_m"].ravel()
    both = np.isfinite(true) & np.isfinite(mine) & data.inside.ravel()
    edges = (1, 2, 5, 10, 15)
    a, b = flood_class(mine[both], edges), flood_class(true[both], edges)
    print("height above drainage against the generator's valley")
    show("rank correlation of heights", float(spearmanr(mine[both], true[both])[0]))
    show("rank correlation of classes", float(spearmanr(a, b)[0]))
    low, true_low = mine[both] <= 5, true[both] <= 5
    show("of the truly low cells (5 m), found", float((low & true_low).sum() / true_low.sum()))
    show("of the cells found low, truly low", float((low & true_low).sum() / max(1, low.sum())))


def taps(data: Any, rows: dict[str, Any], truth: dict[str, Any]) -> None:
    print("water")
    people = float(np.nansum(data.array("population")))
    levels = truth["water"]
    show("at least basic access, true", (levels["piped"] + levels["basic"]) / people)
    show("at least basic access, found", rows["W1"].details.get("basic_share", float("nan")))
    show("piped, true", truth["piped"] / people)
    show("piped, found", rows["W3"].value)


def readings(size: str, seeds: int, first: int, methods: list[str]) -> dict[str, Any]:
    """How often the readings of the mapped city are right about the true one, by each method."""
    from methods import METHODS
    from thinning import Tally

    tallies = {name: Tally() for name in methods}
    for seed in range(first, first + seeds):
        folder = Path(tempfile.mkdtemp()) / "demo"
        study = kc.load_study(make_demo(folder, size=size, seed=seed))
        true = {"osm": str(folder / "truth" / "city_true.osm.pbf")}
        full = study.model_copy(update={"sources": study.sources.model_copy(update=true)})
        mapped, whole = kc.load(study), kc.load(full)
        kept = np.full(
            mapped.inside.size, np.nan_to_num(mapped_length(mapped) / mapped_length(whole))
        )
        true_gaps, found = kc.assess_gaps(whole), kc.assess_gaps(mapped)
        for name, tally in tallies.items():
            read = METHODS[name](mapped, found, seed)
            tally.add(mapped.city.name, seed, mapped, true_gaps, read, kept.round(1))
    return {name: tally.summary() for name, tally in tallies.items()}


def mapped_length(data: Any) -> float:
    return float(data.layers["roads_drive"].length.sum())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", nargs="?", type=Path)
    arguments.add_argument("--size", default="town")
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument(
        "--seeds", type=int, default=0, help="cities whose readings are compared"
    )
    arguments.add_argument("--method", default="draws,bounds", help="of --seeds")
    arguments.add_argument("--json", action="store_true", help="of --seeds")
    chosen = arguments.parse_args()
    warnings.simplefilter("ignore")
    if chosen.seeds:
        from thinning import show as show_readings

        found = readings(chosen.size, chosen.seeds, chosen.seed, chosen.method.split(","))
        if chosen.json:
            print(json.dumps(found, indent=1))
            return
        for name, summary in found.items():
            print(f"method: {name}")
            show_readings(summary)
        return
    folder = chosen.folder
    if folder is None:
        folder = Path(tempfile.mkdtemp()) / "demo"
        make_demo(folder, size=chosen.size, seed=chosen.seed)
    truth = load_truth(folder)
    data = kc.load(kc.load_study(folder / "study.toml"))
    kc.street_graphs(data)
    begin = time.perf_counter()
    found = [*water.assess(data), *energy.assess(data)]
    seconds = time.perf_counter() - begin
    rows = {row.id: row for row in found}
    print(f"{truth['city']}, {truth['size']}, seed {truth['seed']}: {truth['persons']:,} people")
    electricity(data, rows, truth, truth_cells(data, pd.read_csv(folder / "truth" / "people.csv")))
    lines(data, rows, folder)
    flood(data, kc.terrain(data), folder)
    taps(data, rows, truth)
    show("terrain, water and energy, seconds", seconds, "aim: metro in 90")


if __name__ == "__main__":
    main()
