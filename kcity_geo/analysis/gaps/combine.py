"""
Gaps: from single indicators to what may be said about transport, water and energy in each place.

Each indicator is measured against its standard, allowed for what the map may not show, combined
with limited compensation into sector gaps with bounds and a confidence, and counted in people.
Rules and their formulas: `kcity_geo.analysis.gaps.rules`. Nothing mapped and nothing known is never
a gap of 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.gaps.counted import counted
from kcity_geo.analysis.gaps.draws import GapDraws, draw_gaps, quantiles, short_probability
from kcity_geo.analysis.gaps.mapped_share import mapped_share
from kcity_geo.analysis.gaps.parts import AssessedGap, Parts
from kcity_geo.analysis.gaps.people_draws import short_draws
from kcity_geo.analysis.gaps.reused import reused_parts
from kcity_geo.analysis.gaps.rules import power_mean, scale_prior
from kcity_geo.analysis.gaps.survey import survey_table
from kcity_geo.analysis.gaps.tables import city_table, district_table, indicator_table
from kcity_geo.analysis.gaps.words import READINGS, reading_codes, reading_title
from kcity_geo.analysis.settlement.classes import urban_classes
from kcity_geo.citydata import CityData
from kcity_geo.cube import cell_size, layer
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import SECTORS, THEMES, Gaps, Indicator
from kcity_geo.rules import reading_limits
from kcity_geo.standards import Standard, gap_from_standard

__all__ = ["assess_gaps", "raw_gap"]

_URBAN = 2


def assess_gaps(
    city: CityModel | CityData,
    indicators: Sequence[Indicator],
    *,
    seed: int = 7,
    draws: int | None = None,
) -> Gaps:
    """
    Combine the indicators of a city into its gaps.

    Parameters
    ----------
    city : its model or its data.
    indicators : assessed or not, in any order; those without a standard are only reported.
    seed : of the uncertainty draws.
    draws : uncertainty draws; as in ``tables/priors.toml`` when None.

    Returns
    -------
    Gaps by cell, district and city. Always lo <= gap <= hi; gap-persons of the districts add up
    to those of the city; a sector with less than half of its weight assessed is NaN.
    """
    city = model_of(city)
    cells, standards = _GapCells(city), dict(city.standards)
    by_id = {one.id: one for one in indicators}
    scored = [
        cells.assess(by_id[key], row)
        for key, row in standards.items()
        if key in by_id and row.sector in (*SECTORS, *THEMES)
    ]
    found = draw_gaps(city, scored, seed=seed, count=draws)
    parts: dict[str, Parts] = {
        sector: cells.sector(sector, scored, found) for sector in (*SECTORS, *THEMES)
    }
    parts["composite"] = cells.composite(parts)
    ordered = [by_id[key] for key in sorted(by_id, key=_natural)]
    return Gaps(
        cells=_dataset(
            city, ordered, scored, parts, classes=cells.classes, mapped_mean=found.mapped.mean
        ),
        districts=district_table(city, parts),
        city=city_table(city, parts),
        indicators=indicator_table(city, ordered, scored, found),
        assessed=tuple(ordered),
        survey_tasks=survey_table(city, parts),
        limits=cells.limits,
        short_draws=short_draws(city, parts),
        warnings=tuple(_warnings(city, ordered, parts)),
    )


def _natural(key: str) -> tuple[int, float, str]:
    digits = "".join(c for c in key.partition("_")[0] if c.isdigit())
    return ("TWE".find(key[:1]) % 4, float(digits or 0), key)


def _classes(city: CityModel) -> NDArray[np.uint8]:
    """Give the settlement class of each cell: as read, else told from the people, else unknown."""
    found, people = city.array("urban_class"), city.array("population")
    if found is not None:
        return np.asarray(np.nan_to_num(found), dtype=np.uint8)
    if people is None:
        return np.zeros(city.grid.shape, dtype=np.uint8)
    box = city.grid.boundingbox
    return urban_classes(
        np.maximum(people, 0),
        cell_m=cell_size(city.grid),
        origin=(float(box.left), float(box.top)),
    )


class _GapCells:
    """The rules of the gap model on the cells of one city; lives for one call."""

    def __init__(self, city: CityModel) -> None:
        self.city, self.inside = city, city.inside
        self.rules = city.rules("priors")
        self.limits = reading_limits(city.rules("readings"))
        self.classes = city.once(_classes)
        self.mapped = city.once(mapped_share)
        self.urban = (self.classes >= _URBAN) | (self.classes == 0)
        self.scaled: dict[str, NDArray[np.float64]] = {}

    def prior(self, name: str) -> NDArray[np.float64]:
        """Give the prior of each cell, scaled to the official rate where there is one."""
        if not name:
            return np.zeros(self.inside.shape)
        if name not in self.scaled:
            row = self.rules["prior"][name]
            of_class = np.array(
                [row["urban_cluster"], row["rural"], row["urban_cluster"], row["urban_centre"]]
            )
            prior = of_class[np.minimum(self.classes, 3)]
            rate = self.city.official.get(row.get("official", ""))
            if rate is not None:
                prior = scale_prior(prior, self.city.people.persons, rate=float(rate))
            self.scaled[name] = prior
        return self.scaled[name]

    def assess(self, indicator: Indicator, standard: Standard) -> AssessedGap:
        """Put one scored indicator on the grid, with its bounds and its evidence."""
        row = indicator_rows().get(indicator.id)
        group, prior = (row.group, row.prior) if row else ("tables", "")
        raw = raw_gap(indicator, standard, self.inside)
        basis = _evidence_cells(indicator, raw.shape)
        told = basis == "user"
        lo, hi = _own_bounds(indicator, standard, raw)
        return AssessedGap(
            indicator=indicator,
            standard=standard,
            kind=str(
                self.city.rules("evidence")["draw"].get(indicator.id, "prior" if prior else "own")
            ),
            raw=raw,
            own_lo=lo,
            own_hi=hi,
            told=told,
            prior=self.prior(prior),
            evidence=np.where(np.isfinite(raw), self._evidence(indicator, group, basis, told), 0.0),
            weight=np.where(self.urban, standard.urban_weight, standard.rural_weight),
        )

    def _evidence(
        self,
        indicator: Indicator,
        name: str,
        basis: NDArray[np.str_],
        told: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """How well the data support an indicator: the mapped share, or what its table is worth."""
        group = self.rules["group"][name]
        limits, tables = self.rules["confidence"], self.rules["group"]["tables"]["value"]
        found = self.mapped.mean
        if group["kind"] == "fixed":
            found = np.full(found.shape, float(group["value"]))
        elif group.get("utility") and not self._corroborated(
            group.get("evidence", ""), group.get("official", "")
        ):
            found = np.minimum(found, limits["utility_cap"])
        share = self._counted_share(name)
        if np.isfinite(share):  # the city's own count says how many are on the map
            found = np.maximum(found, tables * share)
        found = np.where(told, np.maximum(found, tables), found)
        found = np.where(basis == "proxy", np.minimum(found, limits["proxy_cap"]), found)
        return np.asarray(np.minimum(found, indicator.trust))

    def _counted_share(self, group: str) -> float:
        """Share of the facilities of a group that the map shows, by the city's own count."""
        kind = self.rules["group"][group].get("facility", "")
        return self.city.once(counted)[kind].mapped_share if kind else float("nan")

    def _corroborated(self, evidence: str, official: str) -> bool:
        """Whether something else than the map speaks of a utility."""
        return evidence in self.city.cube or self.city.official.get(official) is not None

    def sector(self, sector: str, scored: Sequence[AssessedGap], found: GapDraws) -> Parts:
        """Combine the indicators of one sector."""
        rows = [s for s in self.city.standards.values() if s.sector == sector]
        full = np.where(
            self.urban, sum(s.urban_weight for s in rows), sum(s.rural_weight for s in rows)
        ).astype(np.float64)
        used = [s for s in scored if s.standard.sector == sector]
        if not used:
            return self._nothing()
        weight = np.stack([s.weight for s in used])
        raw = np.stack([s.raw for s in used])
        assessed = np.where(np.isfinite(raw), weight, 0.0).sum(axis=0)
        share = np.divide(assessed, full, out=np.zeros(full.shape), where=full > 0)
        trust = (weight * np.stack([s.evidence for s in used])).sum(axis=0)
        power = self.rules["aggregate"]["power"]
        # Not assessed counts as no evidence: dropping an indicator cannot raise it.
        trust = np.divide(trust, full, out=np.zeros(full.shape), where=full > 0)
        values = (found.sector[sector], power_mean(raw, weight, power=power)[0], trust, share)
        limits = np.array([*vars(self.limits).values()], dtype=np.float64)
        persons = self.persons()
        also = (limits, np.zeros(0) if persons is None else persons)
        return reused_parts(self.city, sector, (*values, *also), make=lambda: self._parts(*values))

    def composite(self, parts: Mapping[str, Parts]) -> Parts:
        """Combine the sectors: missing where one of them is."""
        rule = self.rules["aggregate"]
        weights = np.array([float(rule[s]) for s in SECTORS])
        if any(parts[s].draws.shape[0] == 0 for s in SECTORS):
            return self._nothing()
        draws = np.empty_like(parts[SECTORS[0]].draws)
        for number in range(len(draws)):
            stack = np.stack([parts[s].draws[number] for s in SECTORS])
            mean, share = power_mean(stack, weights, power=rule["power"])
            draws[number] = np.where(share >= 1 - 1e-9, mean, np.nan)
        raw, share = power_mean(
            np.stack([parts[s].raw for s in SECTORS]), weights, power=rule["power"]
        )
        trust = np.min([np.nan_to_num(parts[s].evidence) for s in SECTORS], axis=0)
        return self._parts(draws, np.where(share >= 1 - 1e-9, raw, np.nan), trust, share)

    def _parts(
        self,
        draws: NDArray[np.float32],
        raw: NDArray[np.float64],
        trust: NDArray[np.float64],
        share: NDArray[np.float64],
    ) -> Parts:
        rule = self.rules["aggregate"]
        enough = (share >= rule["assessed_weight_min"] - 1e-9) & self.inside
        draws = np.where(enough, draws, np.float32(np.nan))
        lo, mid, hi = quantiles(draws)
        short = short_probability(draws, limit=self.limits.short)
        trust = np.where(enough, trust, np.nan)
        return Parts(
            draws=draws,
            raw=np.where(enough, raw, np.nan),
            lo=lo.astype(np.float64),
            mid=mid.astype(np.float64),
            hi=hi.astype(np.float64),
            short=short,
            evidence=trust,
            reading=np.where(
                self.inside,
                reading_codes(short, mid, trust, limits=self.limits, persons=self.persons()),
                0,
            ).astype(np.uint8),
            assessed_weight=np.where(self.inside, share, np.nan),
        )

    def persons(self) -> NDArray[np.float64] | None:
        """Give the residents of each cell, NaN where no number reaches: unknown is not nobody."""
        return self.city.array("population") if self.city.people.known else None

    def _nothing(self) -> Parts:
        empty = np.full(self.inside.shape, np.nan)
        return Parts(
            draws=np.zeros((0, *self.inside.shape), dtype=np.float32),
            raw=empty,
            lo=empty,
            mid=empty,
            hi=empty,
            short=empty,
            evidence=empty,
            reading=np.where(
                self.inside,
                reading_codes(empty, empty, empty, limits=self.limits, persons=self.persons()),
                0,
            ).astype(np.uint8),
            assessed_weight=np.where(self.inside, 0.0, np.nan),
        )


def _evidence_cells(indicator: Indicator, shape: tuple[int, ...]) -> NDArray[np.str_]:
    if indicator.evidence_cells is None:
        return np.full(shape, indicator.evidence)
    return np.asarray(indicator.evidence_cells)


def raw_gap(
    indicator: Indicator, standard: Standard, inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """
    Give the gap of an indicator as observed.

    Parameters
    ----------
    indicator : assessed or not.
    standard : that it is held against.
    inside : shape (rows, cols), True in the city.

    Returns
    -------
    Shape (rows, cols), 0 to 1; NaN outside and where not assessed.
    """
    if indicator.not_assessed:
        return np.full(inside.shape, np.nan)
    if indicator.gap is not None:
        raw = np.clip(np.asarray(indicator.gap, dtype=np.float64), 0.0, 1.0)
    elif np.isfinite(indicator.area_gap):
        raw = np.full(inside.shape, float(np.clip(indicator.area_gap, 0.0, 1.0)))
    elif standard.target is None or standard.worst is None:
        raw = np.full(inside.shape, np.nan)
    elif indicator.cells is not None:
        raw = gap_from_standard(indicator.cells, target=standard.target, worst=standard.worst)
    else:
        value = gap_from_standard(indicator.value, target=standard.target, worst=standard.worst)
        raw = np.full(inside.shape, float(value))
    return np.where(inside, raw, np.nan)


def _own_bounds(
    indicator: Indicator, standard: Standard, raw: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest gap that the indicator itself allows."""
    known = np.isfinite(raw)
    if indicator.gap_bounds is not None:
        low, high = (np.clip(b, 0.0, 1.0) for b in indicator.gap_bounds)
        return np.where(known, np.fmin(raw, low), np.nan), np.where(
            known, np.fmax(raw, high), np.nan
        )
    if indicator.bounds is None or standard.target is None or standard.worst is None:
        return raw, raw
    ends = gap_from_standard(
        np.array([indicator.value, *indicator.bounds]), target=standard.target, worst=standard.worst
    )
    if not np.isfinite(ends).all():
        return raw, raw
    down, up = max(0.0, ends[0] - ends[1:].min()), max(0.0, ends[1:].max() - ends[0])
    return np.clip(raw - down, 0.0, 1.0), np.clip(raw + up, 0.0, 1.0)


def _dataset(
    city: CityModel,
    indicators: Sequence[Indicator],
    scored: Sequence[AssessedGap],
    parts: Mapping[str, Parts],
    *,
    classes: NDArray[np.uint8],
    mapped_mean: NDArray[np.float64],
) -> xr.Dataset:
    inside = city.inside
    rows = indicator_rows()
    variables: dict[str, xr.DataArray] = {}

    def keep(name: str, values: NDArray[Any], *, units: str, title: str, **more: str) -> None:
        variables[name] = layer(values, grid=city.grid, units=units, long_name=title, **more)

    titles = {
        "mid": ("gap", "gap, median of what the map may lack"),
        "raw": ("gap_raw", "gap as mapped"),
        "lo": ("gap_lo", "gap, 5th percentile"),
        "hi": ("gap_hi", "gap, 95th percentile"),
        "short": ("p_short", "probability of falling short"),
        "evidence": ("evidence", "evidence, 0 to 1"),
    }
    about_model = {"source": "kcity_geo gap model", "evidence": "modelled"}
    for name, part in parts.items():
        for key, (ending, title) in titles.items():
            keep(
                f"{name}_{ending}",
                getattr(part, key).astype(np.float32),
                units="share",
                title=f"{name.capitalize()} {title}",
                **about_model,
            )
        words = "; ".join(reading_title(code, name) for code in range(len(READINGS)))
        keep(f"{name}_reading", part.reading, units="code", title=words, **about_model)
    mapped = np.where(inside, mapped_mean, np.nan).astype(np.float32)
    keep(
        "mapped_share",
        mapped,
        units="share",
        title="Share of what is there that the map shows",
        **about_model,
    )
    of_gap = {s.indicator.id: s for s in scored}
    for one in indicators:
        about = {"source": one.source, "as_of": one.as_of, "evidence": one.evidence}
        title = rows[one.id].title if one.id in rows else one.id
        if one.cells is not None:
            values = np.where(inside, np.asarray(one.cells, dtype=np.float32), np.nan)
            keep(one.id, values.astype(np.float32), units=one.units, title=title, **about)
        if one.id in of_gap and (one.cells is not None or one.gap is not None):
            raw = of_gap[one.id].raw.astype(np.float32)
            keep(f"{one.id}_gap", raw, units="share", title=f"{title}: gap", **about)
    if "population" in city.cube:
        variables["population"] = city.cube["population"]
    keep(
        "urban_class",
        classes,
        units="code",
        title="0 unknown, 1 rural, 2 urban cluster, 3 urban centre",
        evidence="modelled",
    )
    return xr.Dataset(variables, attrs=city.cube_attrs)


def _warnings(
    city: CityModel, indicators: Sequence[Indicator], parts: Mapping[str, Parts]
) -> list[str]:
    notes = [
        f"{sector}: not assessed; less than half of its indicator weight has data"
        for sector in SECTORS
        if np.isnan(parts[sector].mid).all()
    ]
    missing = [i.id for i in indicators if i.not_assessed and i.id in city.standards]
    if missing:
        notes.append(f"not assessed for lack of data: {', '.join(missing)}")
    if city.array("population") is None:
        notes.append("no population: gaps are averaged over land and no persons are counted")
    return notes
