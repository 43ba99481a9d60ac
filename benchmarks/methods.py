"""
Other ways to read a map that may lack much, to be held against the draws of the gap model.

`bounds` is the method before the draws: a gap is lowered by the chance that something exists which
the map does not show, and the word follows the lowered gap. `conformal` lets the city teach itself:
its best mapped parts are thinned to the completeness of its worst, and what the gap as mapped was
worth there is taken for what it is worth elsewhere. Nothing here is part of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.special import ndtr, ndtri

import kcity_geo as kc
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.gaps.chance import normal, spread_evenly
from kcity_geo.analysis.gaps.draws import quantiles, short_probability
from kcity_geo.analysis.gaps.rules import exists_unseen, power_mean
from kcity_geo.analysis.gaps.units import Units
from kcity_geo.analysis.gaps.words import READINGS, reading_codes
from kcity_geo.cube import cell_centres
from kcity_geo.result import SECTORS

#: Of the method before: what exists in urban centre, cluster and rural land, before looking; points
#: counted as mapped by half at most.
PRIOR = {
    "T1": (0.70, 0.40, 0.10), "T3": (0.98, 0.95, 0.70), "T4": (0.98, 0.95, 0.70),
    "T5": (0.98, 0.95, 0.70), "T6": (0.98, 0.95, 0.70), "T8": (0.98, 0.95, 0.70),
    "T9_health": (0.85, 0.70, 0.45), "T9_school": (0.85, 0.70, 0.45),
    "T9_jobs": (0.98, 0.95, 0.70), "W1": (0.60, 0.60, 0.50), "W4": (0.35, 0.15, 0.02),
    "E2": (0.95, 0.85, 0.50), "E5": (0.95, 0.85, 0.50), "E8": (0.60, 0.30, 0.05),
}  # fmt: skip
POINTS = ("T1", "T9_health", "T9_school", "W1", "W4", "E2", "E5", "E8")
POINTS_MOST = 0.5

#: Of the conformal method.
BEST_PEOPLE = 0.4  # of the people live in the parts that teach
THINNINGS = 3
NEIGHBOURS = 150
DRAWS = 60
APART = 0.5  # weights of what a city and a block have in common, as in tables/evidence.toml
TOGETHER = 0.8


@dataclass(frozen=True)
class Read:
    """What a method says: as much of `kcity_geo.result.Gaps` as the benchmarks look at."""

    cells: dict[str, Any]
    city: pd.DataFrame
    districts: pd.DataFrame


class _Told:
    """Gathers what a method says of the sectors of a city."""

    def __init__(self, data: Any, found: Any) -> None:
        self.model, self.found = model_of(data), found
        self.units = Units(self.model)
        self.people = np.where(data.inside, np.nan_to_num(data.array("population")), 0.0)
        self.cells: dict[str, Any] = {}
        self.city: dict[str, dict[str, float]] = {}
        ids = found.districts["district_id"]
        self.districts: dict[str, Any] = {"district_id": ids.to_numpy()}

    def cell(self, name: str) -> np.ndarray:
        return np.asarray(self.found.cells[name].to_numpy(), dtype=np.float64)

    def add(self, sector: str, cells: dict[str, np.ndarray], units: dict[str, np.ndarray]) -> None:
        for name, values in cells.items():
            self.cells[f"{sector}_{name}"] = values
        self.city[sector] = {name: float(values[-1]) for name, values in units.items()}
        for name, values in units.items():
            self.districts[f"{sector}_{name}"] = values[:-1]

    def read(self) -> Read:
        for sector in SECTORS:
            if f"{sector}_gap_raw" in self.found.cells:
                self.cells[f"{sector}_gap_raw"] = self.cell(f"{sector}_gap_raw")
        arrays: dict[str, Any] = {name: _Array(values) for name, values in self.cells.items()}
        return Read(arrays, pd.DataFrame(self.city).T, pd.DataFrame(self.districts))


class _Array:
    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def to_numpy(self) -> np.ndarray:
        return self.values


def bounds(data: Any, found: Any, seed: int) -> Read:
    """Read as before the draws, on the mapped share of today."""
    del seed
    told = _Told(data, found)
    share = told.cell("mapped_share")
    kind = np.array([1, 2, 1, 0])[np.minimum(told.cell("urban_class").astype(int), 3)]
    urban = kind < 2
    whole_city = found.indicators[found.indicators["unit_id"] == "city"].set_index("indicator")
    for sector in SECTORS:
        raws, lows, weights, trusts = [], [], [], []
        for row in (r for r in told.model.standards.values() if r.sector == sector):
            if (
                row.id not in whole_city.index
                or whole_city.loc[row.id, "reading"] == "Not assessed"
            ):
                continue
            name = f"{row.id}_gap"
            raw = (
                told.cell(name)
                if name in found.cells
                else np.full(share.shape, float(whole_city.loc[row.id, "gap_raw"]))
            )
            mapped = np.minimum(share, POINTS_MOST) if row.id in POINTS else share
            given = whole_city.loc[row.id, "evidence"] == "user"
            prior = np.array(PRIOR.get(row.id, (0.0, 0.0, 0.0)))[kind]
            raws.append(raw)
            lows.append(raw if given else raw * (1 - exists_unseen(prior, mapped)))
            weights.append(np.where(urban, row.urban_weight, row.rural_weight))
            trusts.append(np.where(np.isfinite(raw), 0.8 if given else mapped, 0.0))
        if not raws:
            continue
        weight = np.stack(weights)
        high, low = (power_mean(np.stack(v), weight)[0] for v in (raws, lows))
        trust = (weight * np.stack(trusts)).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-9)
        names = np.select(
            [~(trust >= 0.4), (low >= 0.4) & (trust >= 0.7), low >= 0.4],
            ["cannot_tell", "falls_short", "probably_falls_short"],
            default="adequate",
        )
        code = np.vectorize(READINGS.index)(names)
        code = np.where(np.isfinite(low), code, 0)
        told.add(
            sector,
            {"gap_lo": low, "gap_hi": high, "reading": code},
            {"gap_lo": told.units.mean(low), "gap_hi": told.units.mean(high)},
        )
    return told.read()


def conformal(data: Any, found: Any, seed: int) -> Read:
    """Read by what thinning the best mapped parts of the city itself teaches."""
    from thinning import thin, zone_rates

    told, rng = _Told(data, found), np.random.default_rng(10_000 + seed)
    share = told.cell("mapped_share")
    lived = (told.people >= 1) & np.isfinite(share)
    order = np.argsort(share[lived])
    total = np.cumsum(told.people[lived][order]) / told.people[lived].sum()
    ranked = share[lived][order]
    best, worst = np.interp([1 - BEST_PEOPLE, 0.02], total, ranked)
    teaches = lived & (share >= best)
    rates = list(np.geomspace(1.0, min(1.0, worst / best), 4))
    lessons: dict[str, list[np.ndarray]] = {sector: [] for sector in SECTORS}
    for _ in range(THINNINGS):
        left = thin(data, zone_rates(data, rates, 12, rng), rng)
        seen = kc.assess_gaps(left).cells
        for sector in SECTORS:
            raw = np.asarray(seen[f"{sector}_gap_raw"].to_numpy(), dtype=np.float64)
            mapped = np.asarray(seen["mapped_share"].to_numpy(), dtype=np.float64)
            true = told.cell(f"{sector}_gap_raw")
            ok = teaches & np.isfinite(raw) & np.isfinite(true)
            ratio = np.divide(true, raw, out=np.zeros_like(true), where=raw > 0)
            lessons[sector].append(np.column_stack([mapped[ok], raw[ok], np.clip(ratio[ok], 0, 1)]))
    for sector in SECTORS:
        learnt = np.concatenate(lessons[sector])
        if len(learnt) > NEIGHBOURS:
            _learnt(told, sector, learnt, seed=seed)
    return told.read()


def _learnt(told: _Told, sector: str, learnt: np.ndarray, *, seed: int) -> None:
    """Draw the gap of each cell from those of the lessons that looked most like it."""
    raw, share = told.cell(f"{sector}_gap_raw"), told.cell("mapped_share")
    known = np.isfinite(raw) & np.isfinite(share) & told.model.inside

    def place(mapped: np.ndarray, gap: np.ndarray) -> np.ndarray:
        return np.column_stack([np.log(np.maximum(mapped, 0.01)) / 0.5, gap / 0.15])

    tree = cKDTree(place(learnt[:, 0], learnt[:, 1]))
    like = tree.query(place(share[known], raw[known]), k=NEIGHBOURS)[1]
    ratios = np.sort(learnt[:, 2][like], axis=1)
    x, y = cell_centres(told.model.grid)
    block = (np.floor(y / 1000) * 1_000_003 + np.floor(x / 1000)).astype(np.int64)
    block = block.reshape(raw.shape)
    draws = np.full((DRAWS, *raw.shape), np.nan, dtype=np.float32)
    for draw in range(DRAWS):
        apart = normal(block, draw=draw, purpose=77, seed=seed)[known]
        mixed = TOGETHER * ndtri(spread_evenly(draw)) + APART * apart
        at = ndtr(mixed / np.hypot(TOGETHER, APART))
        # The rank of a new case among n lessons is even over n + 1 places: conformal.
        rank = np.clip(np.ceil(at * (NEIGHBOURS + 1)).astype(int) - 1, 0, NEIGHBOURS - 1)
        draws[draw][known] = raw[known] * ratios[np.arange(len(rank)), rank]
    low, middle, high = quantiles(draws)
    short = short_probability(draws, limit=told.found.limits.short)
    code = reading_codes(
        short,
        middle,
        told.cell(f"{sector}_evidence"),
        limits=told.found.limits,
        persons=told.people,
    )
    means = told.units.running(DRAWS)
    cells = slice(0, raw.size)
    for number, one in enumerate(draws):
        factor = told.units.factor(number)
        means.add(number, one, people=told.units.of_cells(cells), factor=factor)
    units = quantiles(means.means().astype(np.float32))
    told.add(
        sector,
        {"gap_lo": low.astype(float), "gap_hi": high.astype(float), "reading": code},
        {"gap_lo": units[0], "gap_hi": units[2]},
    )


def draws(data: Any, found: Any, seed: int) -> Any:
    """Read as the package does."""
    del data, seed
    return found


METHODS: dict[str, Callable[[Any, Any, int], Any]] = {
    "draws": draws,
    "conformal": conformal,
    "bounds": bounds,
}
