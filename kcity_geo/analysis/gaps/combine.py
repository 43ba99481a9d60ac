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
from kcity_geo.analysis.gaps.parts import AssessedGap, Parts
from kcity_geo.analysis.gaps.rules import adjusted_gap, decision_labels, power_mean, scale_prior
from kcity_geo.analysis.gaps.tables import city_table, district_table, indicator_table, survey_table
from kcity_geo.analysis.gaps.uncertainty import gap_uncertainty
from kcity_geo.analysis.settlement.classes import urban_classes
from kcity_geo.citydata import CityData
from kcity_geo.config import read_table
from kcity_geo.cube import cell_size, layer
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import LABELS, SECTORS, Gaps, Indicator
from kcity_geo.standards import Standard, gap_from_standard

__all__ = ["assess_gaps"]

_URBAN = 2
_UNKNOWN = LABELS.index("UNKNOWN")


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
        if key in by_id and row.sector in SECTORS
    ]
    parts: dict[str, Parts] = {
        sector: cells.sector(sector, scored, standards) for sector in SECTORS
    }
    parts["composite"] = cells.composite(parts)
    ordered = [by_id[key] for key in sorted(by_id, key=_natural)]
    spread = gap_uncertainty(city, scored, seed=seed, draws=draws)
    return Gaps(
        cells=_dataset(city, ordered, scored, parts, classes=cells.classes),
        districts=district_table(city, parts, spread),
        city=city_table(city, parts),
        indicators=indicator_table(city, ordered, scored),
        assessed=tuple(ordered),
        survey_tasks=survey_table(city, parts),
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
        self.rules = read_table("priors")
        self.classes = city.once(_classes)
        self.scaled: dict[str, NDArray[np.float64]] = {}

    def prior(self, name: str) -> NDArray[np.float64]:
        """Give the prior of each cell, scaled to the official rate where there is one."""
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
        """Put one scored indicator on the grid, with bounds and confidence."""
        row = indicator_rows().get(indicator.id)
        group, prior = (row.group, row.prior) if row else ("tables", "")
        raw = _raw_gap(indicator, standard, self.inside)
        known = np.isfinite(raw)
        complete = self._of_group(group, "completeness")
        adjusted = raw
        evidence = _evidence_cells(indicator, raw.shape)
        # Stops that OSM lacks explain no gap that comes from a timetable.
        if prior and not indicator.details.get("timetable", False):
            allowed = adjusted_gap(raw, self.prior(prior), complete)
            adjusted = np.where(evidence == "user", raw, allowed)
        lo, hi = _with_bounds(indicator, standard, raw, adjusted)
        found = self._of_group(group, "confidence")
        limits = self.rules["confidence"]
        found = np.select(
            [evidence == "user", evidence == "proxy"],
            [
                np.maximum(found, self.rules["group"]["tables"]["value"]),
                np.minimum(found, limits["proxy_cap"]),
            ],
            default=found,
        )
        found = np.minimum(found, indicator.trust)
        urban = (self.classes >= _URBAN) | (self.classes == 0)
        return AssessedGap(
            indicator=indicator,
            standard=standard,
            raw=raw,
            adjusted=adjusted,
            lo=lo,
            hi=hi,
            confidence=np.where(known, np.nan_to_num(found), 0.0),
            weight=np.where(urban, standard.urban_weight, standard.rural_weight),
            completeness=complete,
        )

    def _of_group(self, group: str, kind: str) -> NDArray[np.float64]:
        name = f"{group}_{kind}"
        completeness = self.city.completeness
        if name not in completeness:
            return np.zeros(self.inside.shape)
        values = np.asarray(completeness[name].to_numpy(), dtype=np.float64)
        return np.nan_to_num(values)

    def sector(
        self, sector: str, scored: Sequence[AssessedGap], standards: Mapping[str, Standard]
    ) -> Parts:
        """Combine the indicators of one sector."""
        rows = [s for s in standards.values() if s.sector == sector]
        urban = (self.classes >= _URBAN) | (self.classes == 0)
        full = np.where(
            urban, sum(s.urban_weight for s in rows), sum(s.rural_weight for s in rows)
        ).astype(np.float64)
        used = [s for s in scored if s.standard.sector == sector]
        if not used:
            return self._nothing()
        weight = np.stack([s.weight for s in used])
        # Not assessed counts as no confidence: dropping an indicator cannot raise it.
        trust = (weight * np.stack([s.confidence for s in used])).sum(axis=0)
        mapped = [s.completeness for s in used if self._is_mapped(s.indicator.id)]
        return self._combine(
            {k: np.stack([getattr(s, k) for s in used]) for k in ("raw", "adjusted", "lo", "hi")},
            weight,
            full,
            np.divide(trust, full, out=np.zeros(full.shape), where=full > 0),
            evidence=np.max(mapped, axis=0) if mapped else np.zeros(full.shape),
        )

    def _is_mapped(self, key: str) -> bool:
        row = indicator_rows().get(key)
        group = row.group if row else "tables"
        return bool(self.rules["group"][group]["kind"] != "fixed")

    def composite(self, parts: Mapping[str, Parts]) -> Parts:
        """Combine the sectors."""
        weights = np.array([float(self.rules["aggregate"][s]) for s in SECTORS])
        weight = np.broadcast_to(weights[:, None, None], (len(SECTORS), *self.inside.shape))
        trust = sum(
            w * np.nan_to_num(parts[s].confidence) for w, s in zip(weights, SECTORS, strict=True)
        )
        return self._combine(
            {
                k: np.stack([getattr(parts[s], k) for s in SECTORS])
                for k in ("raw", "adjusted", "lo", "hi")
            },
            weight,
            np.full(self.inside.shape, weights.sum()),
            np.asarray(trust) / weights.sum(),
            evidence=np.any([parts[s].label != _UNKNOWN for s in SECTORS], axis=0).astype(float),
        )

    def _combine(
        self,
        gaps: Mapping[str, NDArray[np.float64]],
        weight: NDArray[np.float64],
        full: NDArray[np.float64],
        trust: NDArray[np.float64],
        *,
        evidence: NDArray[np.float64],
    ) -> Parts:
        rule = self.rules["aggregate"]
        assessed = np.where(np.isfinite(gaps["raw"]), weight, 0.0).sum(axis=0)
        share = np.divide(assessed, full, out=np.zeros(full.shape), where=full > 0)
        speaks = (evidence > 0) | self._other_evidence()
        weighty = (share >= rule["assessed_weight_min"] - 1e-9) & self.inside
        enough = weighty & speaks
        found = {
            k: np.where(enough, power_mean(g, weight, power=rule["power"])[0], np.nan)
            for k, g in gaps.items()
        }
        label = decision_labels(found["adjusted"], found["raw"], trust)
        if speaks[self.inside].any() and not weighty.any():
            label[self.inside] = LABELS.index("NOT ASSESSED")
        return Parts(
            **found,
            mid=(found["lo"] + found["hi"]) / 2,
            confidence=np.where(enough, trust, np.nan),
            label=label,
            assessed_weight=np.where(self.inside, share, np.nan),
        )

    def _other_evidence(self) -> NDArray[np.bool_]:
        """Cells where people, buildings or lights speak, whatever the map shows."""
        found = self.city.people.persons > 0
        for name in ("built_m2", "nightlights"):
            values = self.city.array(name)
            if values is not None:
                found |= np.nan_to_num(values) > 0
        return np.asarray(found)

    def _nothing(self) -> Parts:
        empty = np.full(self.inside.shape, np.nan)
        label = np.where(self.inside, LABELS.index("NOT ASSESSED"), 0).astype(np.uint8)
        return Parts(
            raw=empty,
            adjusted=empty,
            lo=empty,
            hi=empty,
            mid=empty,
            confidence=empty,
            label=label,
            assessed_weight=np.where(self.inside, 0.0, np.nan),
        )


def _evidence_cells(indicator: Indicator, shape: tuple[int, ...]) -> NDArray[np.str_]:
    if indicator.evidence_cells is None:
        return np.full(shape, indicator.evidence)
    return np.asarray(indicator.evidence_cells)


def _raw_gap(
    indicator: Indicator, standard: Standard, inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Gap of an indicator as observed; NaN outside and where not assessed."""
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


def _with_bounds(
    indicator: Indicator,
    standard: Standard,
    raw: NDArray[np.float64],
    adjusted: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Widen the interval by the bounds that the indicator itself states."""
    lo, hi = np.fmin(raw, adjusted), raw
    if indicator.gap_bounds is not None:
        low, high = (np.clip(b, 0.0, 1.0) for b in indicator.gap_bounds)
        known = np.isfinite(raw)
        return np.where(known, np.fmin(lo, low), np.nan), np.where(known, np.fmax(hi, high), np.nan)
    if indicator.bounds is None or standard.target is None or standard.worst is None:
        return lo, hi
    ends = gap_from_standard(
        np.array([indicator.value, *indicator.bounds]), target=standard.target, worst=standard.worst
    )
    if not np.isfinite(ends).all():
        return lo, hi
    down, up = max(0.0, ends[0] - ends[1:].min()), max(0.0, ends[1:].max() - ends[0])
    lo = np.minimum(lo, np.clip(raw - down, 0.0, 1.0))
    return lo, np.clip(raw + up, 0.0, 1.0)


def _dataset(
    city: CityModel,
    indicators: Sequence[Indicator],
    scored: Sequence[AssessedGap],
    parts: Mapping[str, Parts],
    *,
    classes: NDArray[np.uint8],
) -> xr.Dataset:
    inside = city.inside
    rows = indicator_rows()
    variables: dict[str, xr.DataArray] = {}

    def keep(name: str, values: NDArray[Any], *, units: str, title: str, **more: str) -> None:
        variables[name] = layer(values, grid=city.grid, units=units, long_name=title, **more)

    titles = {"mid": "", "raw": "_raw", "lo": "_lo", "hi": "_hi"}
    for name, part in parts.items():
        for key, ending in titles.items():
            keep(
                f"{name}_gap{ending}",
                getattr(part, key).astype(np.float32),
                units="share",
                title=f"{name.capitalize()} gap{ending.replace('_', ' ')}",
                source="kcity_geo gap model",
                evidence="modelled",
            )
        keep(
            f"{name}_confidence",
            part.confidence.astype(np.float32),
            units="share",
            title=f"{name.capitalize()} confidence",
            source="kcity_geo gap model",
            evidence="modelled",
        )
        keep(
            f"{name}_label",
            part.label,
            units="code",
            title="; ".join(LABELS),
            source="kcity_geo gap model",
            evidence="modelled",
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
