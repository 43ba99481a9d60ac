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
from kcity_geo.analysis.gaps.assessed import Assessed, raw_gap
from kcity_geo.analysis.gaps.parts import Parts
from kcity_geo.analysis.gaps.sectors import draw_gaps, scored_of
from kcity_geo.analysis.gaps.survey import survey_table
from kcity_geo.analysis.gaps.tables import city_table, district_table, indicator_table
from kcity_geo.analysis.gaps.words import READINGS, reading_title
from kcity_geo.citydata import CityData
from kcity_geo.cube import layer
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import SECTORS, THEMES, Gaps, Indicator

__all__ = ["assess_gaps"]


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
    cells = Assessed(city)
    by_id = {one.id: one for one in indicators}
    found = draw_gaps(cells, scored_of(city, indicators), seed=seed, count=draws)
    parts = found.parts
    ordered = [by_id[key] for key in sorted(by_id, key=_natural)]
    return Gaps(
        cells=_dataset(city, ordered, parts, classes=cells.classes, mapped_mean=cells.mapped.mean),
        districts=district_table(city, parts),
        city=city_table(city, parts),
        indicators=indicator_table(cells, ordered, found.units),
        assessed=tuple(ordered),
        survey_tasks=survey_table(city, parts),
        limits=cells.limits,
        short_draws={
            level: part.short_draws for level, part in parts.items() if len(part.short_draws)
        },
        warnings=tuple(_warnings(city, ordered, parts)),
    )


def _natural(key: str) -> tuple[int, float, str]:
    digits = "".join(c for c in key.partition("_")[0] if c.isdigit())
    return ("TWE".find(key[:1]) % 4, float(digits or 0), key)


def _dataset(
    city: CityModel,
    indicators: Sequence[Indicator],
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
                getattr(part, key).astype(np.float32, copy=False),
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
    scored = {key: row for key, row in city.standards.items() if row.sector in (*SECTORS, *THEMES)}
    for one in indicators:
        about = {"source": one.source, "as_of": one.as_of, "evidence": one.evidence}
        title = rows[one.id].title if one.id in rows else one.id
        if one.cells is not None:
            values = np.where(inside, np.asarray(one.cells, dtype=np.float32), np.nan)
            keep(one.id, values.astype(np.float32), units=one.units, title=title, **about)
        if one.id in scored and (one.cells is not None or one.gap is not None):
            raw = raw_gap(one, scored[one.id], inside).astype(np.float32)
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
