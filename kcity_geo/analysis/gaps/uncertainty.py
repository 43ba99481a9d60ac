"""
Gap uncertainty: how far the gap of a district moves when weights and standards do.

Draws of weights, standards, population and completeness; each draw is computed on a sample of
cells, so that a metropolis takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.parts import AssessedGap
from kcity_geo.analysis.gaps.rules import power_mean
from kcity_geo.analysis.settlement.districts import cell_weight
from kcity_geo.config import read_table
from kcity_geo.result import SECTORS
from kcity_geo.standards import Standard, gap_from_standard

__all__ = ["gap_uncertainty"]

_MAX_CELLS = 1500
_PER_DISTRICT = 40


def gap_uncertainty(
    city: CityModel,
    scored: Sequence[AssessedGap],
    *,
    seed: int = 7,
    draws: int | None = None,
) -> pd.DataFrame:
    """
    Draw the composite gap of each district many times.

    Weights of a sector ~ Dirichlet (50 w); each standard x* within +-20 % (triangular);
    population log-normal with a coefficient of variation of 0.15; between the lower and the upper
    bound of a gap anything may be true, one position a draw and indicator.

    Parameters
    ----------
    city : its model.
    scored : indicators on the grid.
    seed : of the draws; the same seed gives the same numbers.
    draws : 500 when None.

    Returns
    -------
    Index district id: ``composite_p05, composite_p50, composite_p95`` (gap),
    ``severe_probability``, ``rank_p05, rank_p95`` (1 = worst). NaN where not assessed.
    """
    rule = read_table("priors")["uncertainty"]
    draws = int(rule["draws"] if draws is None else draws)
    ids = city.city.districts["district_id"].tolist()
    columns = ["composite_p05", "composite_p50", "composite_p95", "severe_probability"]
    columns += ["rank_p05", "rank_p95"]
    out = pd.DataFrame(np.nan, index=pd.Index(ids, name="district_id"), columns=columns)
    rng = np.random.default_rng(seed)
    cell, owner, people = _sample(city, rng)
    standards = dict(city.standards)
    if not scored or len(cell) == 0:
        return out
    sample = [_sampled(one, cell) for one in scored]
    found = np.stack(
        [_one_draw(sample, standards, owner, people, len(ids), rng) for _ in range(draws)]
    )
    known = np.isfinite(found).any(axis=0)
    if not known.any():
        return out
    of = found[:, known]
    low, middle, high = np.nanpercentile(of, [5, 50, 95], axis=0)
    severe = read_table("priors")["aggregate"]["severe"]
    rank = (-np.nan_to_num(of, nan=-1.0)).argsort(axis=1, kind="stable").argsort(axis=1) + 1
    r_low, r_high = np.percentile(rank, [5, 95], axis=0)
    out.loc[known, columns] = np.column_stack(
        [low, middle, high, np.nanmean(of >= severe, axis=0), r_low, r_high]
    )
    return out


def _sample(
    city: CityModel, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Cells drawn by their people within each district: (cell, district number, people each)."""
    parts = city.districts
    owner, count = parts.owner, len(parts.ids)
    weight = city.once(cell_weight, "people").ravel()[parts.cell] * parts.people_share
    each = max(_PER_DISTRICT, _MAX_CELLS // max(1, count))
    cells, owners, people = [], [], []
    for i in range(count):
        rows = np.flatnonzero((owner == i) & (weight > 0))
        if len(rows) > each:
            # Systematic sampling with probability by people: every cell stands for as many.
            edges = np.cumsum(weight[rows])
            steps = (np.arange(each) + rng.random()) / each * edges[-1]
            chosen = rows[np.minimum(np.searchsorted(edges, steps), len(rows) - 1)]
            mass = np.full(each, edges[-1] / each)
        else:
            chosen, mass = rows, weight[rows]
        cells.append(parts.cell[chosen])
        owners.append(np.full(len(chosen), i))
        people.append(mass)
    if not cells:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    return np.concatenate(cells), np.concatenate(owners), np.concatenate(people)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sampled:
    """One indicator on the sampled cells."""

    standard: Standard
    weight: NDArray[np.float64]
    lo: NDArray[np.float64]
    width: NDArray[np.float64]
    values: NDArray[np.float64] | None
    before: NDArray[np.float64] | None


def _sampled(gap: AssessedGap, cell: NDArray[np.int64]) -> _Sampled:
    lo, hi, raw = (a.ravel()[cell] for a in (gap.lo, gap.hi, gap.raw))
    standard, cells = gap.standard, gap.indicator.cells
    values = before = None
    if standard.target is not None and standard.worst is not None and cells is not None:
        values = np.asarray(cells, dtype=np.float64).ravel()[cell]
        before = gap_from_standard(values, target=standard.target, worst=standard.worst)
        # Only where the gap is the plain one of the standard does the standard move it.
        before = np.where(np.isclose(before, raw, atol=1e-6), before, np.nan)
        if not np.isfinite(before).any():
            values = before = None
    return _Sampled(
        standard=standard,
        weight=gap.weight.ravel()[cell],
        lo=lo,
        width=hi - lo,
        values=values,
        before=before,
    )


def _one_draw(
    sample: Sequence[_Sampled],
    standards: Mapping[str, Standard],
    owner: NDArray[np.int64],
    people: NDArray[np.float64],
    districts: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Composite gap of each district under one set of assumptions."""
    rules = read_table("priors")
    rule, cut = rules["uncertainty"], rules["aggregate"]["assessed_weight_min"] - 1e-9
    spread, power = rule["standard_spread"], rules["aggregate"]["power"]
    sectors = []
    for sector in SECTORS:
        used = [s for s in sample if s.standard.sector == sector]
        full = max(sum(s.urban_weight for s in standards.values() if s.sector == sector), 1e-9)
        if not used:
            sectors.append(np.full(len(owner), np.nan))
            continue
        gaps = np.stack(
            [_drawn_gap(s, rng.random(), rng.triangular(-spread, 0, spread)) for s in used]
        )
        weight = np.stack([s.weight for s in used])
        central = np.maximum(weight.mean(axis=1), 1e-6)
        alpha = rule["weight_concentration"] * central / full
        factor = rng.gamma(alpha, 1.0) / alpha
        mean, _ = power_mean(gaps, weight * factor[:, None], power=power)
        share = np.where(np.isfinite(gaps), weight, 0.0).sum(axis=0) / full
        sectors.append(np.where(share >= cut, mean, np.nan))
    importance = np.array([float(rules["aggregate"][s]) for s in SECTORS])
    composite, share = power_mean(np.stack(sectors), importance, power=power)
    composite = np.where(share >= cut, composite, np.nan)
    sigma = np.sqrt(np.log1p(rule["population_cv"] ** 2))
    drawn = people * rng.lognormal(-(sigma**2) / 2, sigma, len(people))
    known = np.isfinite(composite)
    total = np.bincount(owner[known], weights=drawn[known], minlength=districts)
    found = np.bincount(
        owner[known], weights=(drawn * np.nan_to_num(composite))[known], minlength=districts
    )
    return np.asarray(np.divide(found, total, out=np.full(districts, np.nan), where=total > 0))


def _drawn_gap(one: _Sampled, position: float, shift: float) -> NDArray[np.float64]:
    """Gap of the sampled cells with another standard, somewhere between its bounds."""
    drawn = one.lo + position * one.width
    target, worst = one.standard.target, one.standard.worst
    values = one.values  # noqa: PD011 - a field, not pandas
    if values is None or one.before is None or target is None or worst is None:
        return np.asarray(drawn)
    moved = target * (1 + shift)
    if (moved - worst) * (target - worst) <= 0:
        return np.asarray(drawn)
    change = gap_from_standard(values, target=moved, worst=worst) - one.before
    return np.asarray(np.clip(drawn + np.nan_to_num(change), 0.0, 1.0))
