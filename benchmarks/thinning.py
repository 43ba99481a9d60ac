"""
Thin a well-mapped city at random, read what is left, and compare with the whole map.

Usage: python benchmarks/thinning.py STUDY.toml|EXTRACT.osm.pbf [--people N] [--seeds N] [--zones N]
       [--method draws,conformal,bounds] [--counts [districts]] [--json]

Of an extract alone --people says how many live there; they are spread over its mapped dwellings.
The city is cut into zones around randomly chosen residents. Of each zone's features a share is
kept, drawn from the rates: points and areas one by one, streets so that what is left hangs
together (main roads first, then streets that meet what is there). People, rasters, timetables and
official numbers stay, as they do not come from the map. The gap as mapped on the whole map is taken
for the truth. Whoever reads the table wants to know: of the people called so, how many truly fall
short, and how often does the range hold the truth? Methods: those of benchmarks/methods.py beside the
draws of the package, and always the gap as mapped. With --counts the city is given the number of its
stops, clinics and primary schools, as a city may know them; with --counts districts that of each district.
"""

from __future__ import annotations

import argparse
import heapq
import json
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

import kcity_geo as kc
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.gaps.counted import counted, mapped_facilities
from kcity_geo.analysis.gaps.words import READINGS, reading_title
from kcity_geo.cube import bin_points, cell_centres
from kcity_geo.result import SECTORS

STREETS = ("roads_drive", "roads_walk", "roads_cycle")
KEPT = ("coastline", "place", "signals", "barriers", "ferry", "protected")
RANK = {
    name: number
    for number, name in enumerate(
        ("motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential",
         "living_street", "service", "pedestrian", "road")
    )
}  # fmt: skip


def zone_rates(data: Any, rates: list[float], zones: int, rng: np.random.Generator) -> np.ndarray:
    """Share of the features that is kept, for each cell: one rate a zone, rates equally often."""
    people = np.nan_to_num(data.array("population")).ravel()
    x, y = cell_centres(data.grid)
    places = np.column_stack([np.ravel(x), np.ravel(y)])
    zones = min(zones, int((people > 0).sum()))
    chosen = rng.choice(people.size, size=zones, replace=False, p=people / people.sum())
    zone = cKDTree(places[chosen]).query(places)[1]
    return rng.permutation(np.resize(np.array(rates), zones))[zone]


def _rates_of(data: Any, rate: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    x, y = cell_centres(data.grid)
    tree = cKDTree(np.column_stack([np.ravel(x), np.ravel(y)]))
    middle = shapely.centroid(shapes)
    px, py = shapely.get_x(middle), shapely.get_y(middle)
    cell = bin_points(px, py, grid=data.grid)
    outside = cell < 0
    if outside.any():
        cell = cell.copy()
        cell[outside] = tree.query(np.column_stack([px[outside], py[outside]]))[1]
    return rate[cell]


def thin(data: Any, rate: np.ndarray, rng: np.random.Generator) -> Any:
    """Take features off the map of a city, at the rate of the cell that they stand in."""
    streets = _kept_streets(data, rate, rng)
    layers = {}
    for name, frame in data.layers.items():
        if len(frame) == 0 or name in KEPT:
            layers[name] = frame
        elif name in STREETS:
            layers[name] = frame[np.isin(frame["osm_id"].to_numpy(), streets)]
        else:
            shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
            layers[name] = frame[rng.random(len(frame)) < _rates_of(data, rate, shapes)]
    cube = data.cube.copy()
    if "population" in cube:  # here the people do not come from the thinned buildings
        cube["population"] = cube["population"].copy()
        cube["population"].attrs["evidence"] = "user"
    return replace(data, layers=layers, cube=cube)


def _kept_streets(data: Any, rate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    frames = [data.layers[name] for name in STREETS if len(data.layers[name])]
    if not frames:
        return np.zeros(0, dtype=np.int64)
    ways = pd.concat(frames, ignore_index=True)
    ways = ways[~ways["osm_id"].duplicated().to_numpy()]
    shapes = np.asarray(ways.geometry.to_numpy(), dtype=object)
    length, share = shapely.length(shapes), _rates_of(data, rate, shapes)
    kind = ways["highway"] if "highway" in ways else ways["kind"]
    order = kind.astype(str).str.replace("_link", "").map(RANK).fillna(12).to_numpy()
    order = order + rng.random(len(ways))
    xy, way = shapely.get_coordinates(shapes, return_index=True)
    _, node = np.unique(np.round(xy * 100).astype(np.int64), axis=0, return_inverse=True)
    node = node.ravel()
    meets = csr_array((np.ones(len(node)), (way, node)), shape=(len(ways), node.max() + 1))
    beside = (meets @ meets.T).tocsr()
    wanted = {value: value * length[share == value].sum() for value in np.unique(share)}
    found = dict.fromkeys(wanted, 0.0)
    kept, seen = np.zeros(len(ways), dtype=bool), np.zeros(len(ways), dtype=bool)
    for start in np.argsort(order, kind="stable"):
        if seen[start] or found[share[start]] + length[start] / 2 > wanted[share[start]]:
            continue
        heap, seen[start] = [(order[start], int(start))], True
        while heap:
            _, one = heapq.heappop(heap)
            if found[share[one]] + length[one] / 2 > wanted[share[one]]:
                continue
            kept[one] = True
            found[share[one]] += length[one]
            for other in beside.indices[beside.indptr[one] : beside.indptr[one + 1]]:
                if not seen[other]:
                    seen[other] = True
                    heapq.heappush(heap, (order[other], int(other)))
    return ways["osm_id"].to_numpy()[kept]


def facility_counts(data: Any) -> dict[str, float]:
    """What the whole map holds, as keys of [official]."""
    city = model_of(data)
    rows = city.rules("evidence")["missing"]["facility"]
    kinds = ("stop", "health", "school")
    return {rows[kind]["official"]: counted(city)[kind].mapped for kind in kinds}


def counts_by_district(data: Any) -> dict[str, pd.DataFrame]:
    """What the whole map holds in each district, as the table of [official]."""
    city = model_of(data)
    rows, districts = city.rules("evidence")["missing"]["facility"], data.city.districts
    table = pd.DataFrame(index=pd.Index(districts["district_id"].astype(str), name="district_id"))
    for kind in ("stop", "health", "school"):
        tree = shapely.STRtree(np.asarray(shapely.centroid(mapped_facilities(city, kind))))
        owner = tree.query(districts.geometry.to_numpy(), predicate="contains")[0]
        table[rows[kind]["official"]] = np.bincount(owner, minlength=len(table)).astype(float)
    return {"table": table}


COUNTS = {"": lambda _: {}, "city": facility_counts, "districts": counts_by_district}


class Tally:
    """People by sector and reading, and how often the ranges hold the truth."""

    def __init__(self) -> None:
        self.words: dict[str, dict[str, list[float]]] = {}
        self.naive: dict[str, dict[str, list[float]]] = {}
        self.rows: list[dict[str, Any]] = []
        self.units: list[dict[str, Any]] = []

    def add(self, name: str, seed: int, data: Any, full: Any, found: Any, rate: np.ndarray) -> None:
        people = np.where(data.inside, np.nan_to_num(data.array("population")), 0.0)
        kept = rate.reshape(people.shape)
        for sector in SECTORS:
            if f"{sector}_gap_raw" not in full.cells or f"{sector}_reading" not in found.cells:
                continue
            truth = full.cells[f"{sector}_gap_raw"].to_numpy()
            low, high, code = (
                found.cells[f"{sector}_{key}"].to_numpy() for key in ("gap_lo", "gap_hi", "reading")
            )
            told = np.isfinite(truth) & np.isfinite(low) & (people >= 1)
            if not told.any():
                continue
            inside = (truth >= low - 0.005) & (truth <= high + 0.005)
            for value in np.unique(kept[told]):
                here = told & (kept == value)
                total = people[here].sum()
                self.rows.append(
                    {
                        "city": name, "seed": seed, "sector": sector, "rate": float(value),
                        "persons": float(total),
                        "held": float(people[here & inside].sum() / total),
                        "below": float(people[here & (truth < low - 0.005)].sum() / total),
                        "width": float((people * (high - low))[here].sum() / total),
                        "cannot_tell": float(
                            people[here & (code == READINGS.index("cannot_tell"))].sum() / total
                        ),
                    }
                )  # fmt: skip
            counts = self.words.setdefault(sector, {})
            for number, reading in enumerate(READINGS):
                here = told & (code == number)
                one = counts.setdefault(reading, [0.0, 0.0])
                one[0] += float(people[here].sum())
                one[1] += float(people[here & (truth >= 0.4)].sum())
            self._naive(sector, found, truth, np.where(told, people, 0.0))
            self._units(name, seed, sector, full, found)

    def _naive(self, sector: str, found: Any, truth: np.ndarray, people: np.ndarray) -> None:
        """What the gap as mapped says when nothing is thought to be missing."""
        raw = found.cells[f"{sector}_gap_raw"].to_numpy()
        known = np.isfinite(raw)
        for reading, here in (
            ("falls_short", known & (raw >= 0.4)),
            ("partly_short", known & (raw >= 0.2) & (raw < 0.4)),
            ("adequate", known & (raw < 0.2)),
        ):
            one = self.naive.setdefault(sector, {}).setdefault(reading, [0.0, 0.0])
            one[0] += float(people[here].sum())
            one[1] += float(people[here & (truth >= 0.4)].sum())

    def _units(self, name: str, seed: int, sector: str, full: Any, found: Any) -> None:
        true, mine = full.city.loc[sector], found.city.loc[sector]
        if np.isfinite(true["gap_raw"]) and np.isfinite(mine["gap_lo"]):
            self.units.append(_unit(name, seed, sector, "city", true["gap_raw"], mine))
        both = full.districts.set_index("district_id"), found.districts.set_index("district_id")
        for key in both[0].index.intersection(both[1].index):
            true_gap = both[0].loc[key, f"{sector}_gap_raw"]
            row = {k: both[1].loc[key, f"{sector}_{k}"] for k in ("gap_lo", "gap_hi")}
            if np.isfinite(true_gap) and np.isfinite(row["gap_lo"]):
                self.units.append(_unit(name, seed, sector, "district", true_gap, row))

    def summary(self) -> dict[str, Any]:
        rows, units = pd.DataFrame(self.rows), pd.DataFrame(self.units)
        return {
            "words": _shares(self.words),
            "naive": _shares(self.naive),
            "ranges": [] if rows.empty else _weighted(rows).to_dict("records"),
            "units": []
            if units.empty
            else units.groupby(["sector", "unit"])["held"].agg(["mean", "size"]).reset_index()
            .to_dict("records"),
        }  # fmt: skip


def _shares(counts: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    return {
        sector: {
            reading: {"persons": round(n), "truly_short": short / n}
            for reading, (n, short) in words.items()
            if n
        }
        for sector, words in counts.items()
    }


def _unit(name: str, seed: int, sector: str, unit: str, truth: float, row: Any) -> dict[str, Any]:
    held = row["gap_lo"] - 0.005 <= truth <= row["gap_hi"] + 0.005
    return {"city": name, "seed": seed, "sector": sector, "unit": unit, "held": float(held)}


def _weighted(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["held", "below", "width", "cannot_tell"]
    sums = (
        rows[keys]
        .mul(rows["persons"], axis=0)
        .assign(persons=rows["persons"], sector=rows["sector"], rate=rows["rate"])
    )
    total = sums.groupby(["sector", "rate"]).sum()
    return total[keys].div(total["persons"], axis=0).reset_index()


def show(summary: dict[str, Any]) -> None:
    print("of the people called ...            persons   truly falling short")
    for sector, words in summary["words"].items():
        for reading, row in words.items():
            title = reading_title(READINGS.index(reading))
            print(f"  {sector:<10}{title:<28}{row['persons']:>9,}   {row['truly_short']:.2f}")
    print("the same by the gap as mapped, nothing thought to be missing")
    for sector, words in summary["naive"].items():
        for reading, row in words.items():
            title = reading_title(READINGS.index(reading))
            print(f"  {sector:<10}{title:<28}{row['persons']:>9,}   {row['truly_short']:.2f}")
    print("by share kept      range holds truth   below   width   cannot tell")
    for row in summary["ranges"]:
        print(
            f"  {row['sector']:<10}{row['rate']:<8g}{row['held']:>8.2f}{row['below']:>14.2f}"
            f"{row['width']:>8.2f}{row['cannot_tell']:>12.2f}"
        )
    for row in summary["units"]:
        print(f"  {row['sector']:<10}{row['unit']:<10} held {row['mean']:.2f} of {row['size']}")


def load(path: str, people: int | None) -> Any:
    if path.endswith(".toml"):
        return kc.load(kc.load_study(path))
    file = Path(path).resolve()
    if people is None:
        raise SystemExit(f"{file.name} is an extract: say with --people N how many live there")
    study = {"study": {"name": file.name.partition(".")[0]}, "sources": {"osm": str(file)}}
    return kc.load(kc.Study.model_validate({**study, "official": {"population": people}}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("inputs", nargs="+", help="study files or extracts with people")
    parser.add_argument("--people", type=int, help="who live in an extract")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=101, help="first seed")
    parser.add_argument("--rates", default="1,0.6,0.25,0.05")
    parser.add_argument("--zones", type=int, default=12)
    parser.add_argument("--method", default="draws", help="several with commas between")
    parser.add_argument(
        "--counts", nargs="?", const="city", default="", choices=[*COUNTS][1:], help="who counted"
    )
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    from methods import METHODS

    warnings.simplefilter("ignore")
    rates = [float(rate) for rate in chosen.rates.split(",")]
    tallies = {name: Tally() for name in chosen.method.split(",")}
    begin = time.perf_counter()
    for path in chosen.inputs:
        data = load(path, chosen.people)
        full = kc.assess_gaps(data)
        for seed in range(chosen.first, chosen.first + chosen.seeds):
            rng = np.random.default_rng(seed)
            rate = zone_rates(data, rates, chosen.zones, rng)
            left = thin(data, rate, rng)
            left = replace(left, official={**left.official, **COUNTS[chosen.counts](data)})
            found = kc.assess_gaps(left)
            for name, tally in tallies.items():
                read = METHODS[name](left, found, seed)
                tally.add(data.city.name, seed, left, full, read, rate)
    summaries = {name: tally.summary() for name, tally in tallies.items()}
    if chosen.json:
        print(json.dumps(summaries, indent=1))
        return
    for name, summary in summaries.items():
        print(f"method: {name}")
        show(summary)
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
