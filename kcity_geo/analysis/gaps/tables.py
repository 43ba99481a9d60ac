"""
Gap tables: gaps of cells gathered into districts, the city, indicator rows and survey tasks.

People of a cell that a district border cuts are divided as the population says that they live on both
sides (by area where it does not), so that the persons of districts that do not overlap add up to those
of the city.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.assessed import Assessed
from kcity_geo.analysis.gaps.draws import quantiles, short_probability
from kcity_geo.analysis.gaps.parts import AssessedGap, Parts
from kcity_geo.analysis.gaps.reading import why_short
from kcity_geo.analysis.gaps.rules import gini
from kcity_geo.analysis.gaps.units import Units
from kcity_geo.analysis.gaps.words import READINGS, evidence_word, reading_codes, reading_title
from kcity_geo.analysis.settlement.districts import (
    cell_weight,
    has_residents,
)
from kcity_geo.city_districts import CITY
from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import LEVELS, SECTORS, Indicator
from kcity_geo.rules import reading_limits
from kcity_geo.standards import standard_gap

__all__ = ["city_table", "district_table", "indicator_table"]


def _people_by_reading(
    city: CityModel, part: Parts, units: Units
) -> dict[str, NDArray[np.float64]]:
    """Residents of each unit by the reading of the cell that they live in."""
    counted = city.people.known and city.once(has_residents)
    # A cell with less than one resident reads "nobody", but who lives there is not lost: counted under
    # what its numbers say.
    limits = reading_limits(city.rules("readings"))
    codes = reading_codes(part.short, part.mid, part.evidence, limits=limits)
    return {
        name: units.sums((codes == code).astype(np.float64) * city.inside)
        if counted
        else np.full(len(units.ids), np.nan)
        for code, name in enumerate(READINGS)
        if name != "nobody"
    }


def _summary(city: CityModel, level: str, part: Parts, units: Units) -> pd.DataFrame:
    """Say of each district and of the city what its draws tell: range, word, people."""
    empty = np.full(len(units.ids), np.nan)
    limits = reading_limits(city.rules("readings"))
    enough = units.known_share(part.mid) >= limits.people_told - 1e-9
    draws = part.unit_draws if len(part.unit_draws) else np.full((1, len(units.ids)), np.nan)
    known = units.known_share(part.mid) * units.covered
    draws = np.where(enough, _with_unknown(draws, 1 - known), np.nan)
    lo, mid, hi = quantiles(draws.astype(np.float32))
    short = short_probability(draws, limit=limits.short)
    # Cells that were not assessed count as no evidence once any was.
    # So does land of which nobody knows how many people live there.
    trust = units.mean(np.where(city.inside, np.nan_to_num(part.evidence), np.nan)) * units.covered
    trust = np.where(enough & np.isfinite(mid), trust, np.nan)
    code = reading_codes(short, mid, trust, limits=limits)
    # A mean over places of which nobody can tell is no reading, whatever the numbers of the rest.
    open_ = np.isfinite(mid) & (_open_share(part, units) > 1 - limits.people_told + 1e-9)
    code = np.where(open_, READINGS.index("cannot_tell"), code)
    data = [
        evidence_word(e, probability=p, code=int(c), limits=limits)
        for e, p, c in zip(trust, short, code, strict=True)
    ]
    frame = pd.DataFrame(
        {
            "gap": mid.astype(np.float64),
            "gap_raw": np.where(enough, _raw_mean(part, units), empty),
            "gap_lo": lo.astype(np.float64),
            "gap_hi": hi.astype(np.float64),
            "p_short": short,
            "evidence": trust,
            "data": ["poor" if o else word for o, word in zip(open_, data, strict=True)],
            "reading": [reading_title(int(c), level) for c in code],
        },
        index=pd.Index(units.ids, name="district_id"),
    )
    for name, people in _people_by_reading(city, part, units).items():
        frame[f"people_{name}"] = people
    frame["people_short"] = frame["people_falls_short"] + frame["people_probably_falls_short"]
    # Nobody is short of what was assessed nowhere, and of a place where nobody counted: not known.
    told = [*(f"people_{name}" for name in READINGS if name != "nobody"), "people_short"]
    frame.loc[_uncounted(units).tolist(), told] = np.nan
    frame.loc[(units.known_share(part.mid) <= 0).tolist(), "people_short"] = np.nan
    return frame


def _raw_mean(part: Parts, units: Units) -> NDArray[np.float64]:
    """Mean of the gap as mapped, of each unit on its own side of cells that a border cuts."""
    mean = units.mean(part.raw)
    if part.raw_apart is None:
        return mean
    known = units.sums(np.isfinite(part.raw).astype(np.float64))
    more = np.divide(part.raw_apart, known, out=np.zeros(len(known)), where=known > 0)
    return np.asarray(np.clip(mean + more, 0.0, 1.0))


def _uncounted(units: Units) -> NDArray[np.bool_]:
    """Units in which nobody was found, and in a part of which nobody counted."""
    whole: float = read_table("rasters")["whole"]
    return (units.people() <= 0) & (units.covered < whole)


def _with_unknown(draws: NDArray[np.float64], unknown: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Add those of whom no number speaks to the mean of each unit: any gap may be theirs, all alike.

    A mean over the others alone would be a sure number of a place of which a part is not known.
    """
    position = (np.arange(len(draws)) * 2**0.5 + 0.5) % 1.0
    share = np.where(unknown > 1e-9, unknown, 0.0)  # noqa: PLR2004 - rounding of the sums
    return np.asarray(draws * (1 - share) + position[:, None] * share)


def _open_share(part: Parts, units: Units) -> NDArray[np.float64]:
    """Give the share of the people of each unit who live where nobody can tell."""
    nobody = READINGS.index("nobody")
    lived = part.reading != nobody
    cannot = (part.reading == READINGS.index("cannot_tell")).astype(np.float64)
    known = np.isfinite(part.mid) & lived
    return np.nan_to_num(units.mean(np.where(known, cannot, np.nan)))


def district_table(city: CityModel, parts: Mapping[str, Parts]) -> gpd.GeoDataFrame:
    """
    Gather the gaps by district.

    Parameters
    ----------
    city : its model.
    parts : sector and ``composite`` -> gaps.

    Returns
    -------
    As in `kcity_geo.result.Gaps`. Without population the means are over land, and population and
    people are NaN.
    """
    counted = city.array("population") is not None
    base = city.city.districts[["district_id", "name"]].copy()
    units = Units(city)
    total = units.people()[:-1]
    if counted and not city.once(has_residents):
        total = np.zeros(len(base))  # the weights are land then, not people
    base["population"] = np.where(_uncounted(units)[:-1], np.nan, total) if counted else np.nan
    area = Units(city, weight=city.once(cell_weight, "area"), land=True).people()[:-1]
    base["area_km2"] = area / 1e6
    for level in LEVELS:
        found = _summary(city, level, parts[level], units).iloc[:-1]
        for key in found.columns:
            base[f"{level}_{key}"] = found[key].to_numpy()
    base["worst_sector"] = _worst(base.filter(items=[f"{s}_gap" for s in SECTORS]))
    return gpd.GeoDataFrame(base, geometry=city.city.districts.geometry, crs=city.city.crs)


def _worst(gaps: pd.DataFrame) -> list[str]:
    """Sector with the largest gap of each row; empty where a sector is missing."""
    values = gaps.to_numpy(dtype=np.float64)
    return [SECTORS[int(np.argmax(row))] if np.isfinite(row).all() else "" for row in values]


def city_table(city: CityModel, parts: Mapping[str, Parts]) -> pd.DataFrame:
    """
    Gather the gaps of the whole city.

    Parameters
    ----------
    city : its model.
    parts : sector and ``composite`` -> gaps.

    Returns
    -------
    As in `kcity_geo.result.Gaps`.
    """
    units = Units(city)
    rows = []
    for level in LEVELS:
        part = parts[level]
        found: Any = _summary(city, level, part, units)
        by_district = units.mean(part.mid)[:-1]
        rows.append(
            {
                "sector": level,
                **found.loc[CITY].to_dict(),
                "assessed_weight": float(units.mean(part.assessed_weight)[-1]),
                "gini": gini(by_district, units.people()[:-1]),
            }
        )
    return pd.DataFrame(rows).set_index("sector")


def indicator_table(
    rules: Assessed,
    indicators: Sequence[Indicator],
    draws: Mapping[str, NDArray[np.float64]],
) -> pd.DataFrame:
    """
    List every indicator for the city and, where it has cells, for each district.

    Parameters
    ----------
    rules : of the gap model on the cells of the city.
    indicators : in order.
    draws : of those that count in a sector gap, shape (draws, units).

    Returns
    -------
    Rows as in `kcity_geo.result.Gaps`. Gap and reading are empty for indicators that are only
    reported. The note speaks of the whole city and stands in its row alone; it also says why the gap
    is another than the value lets expect.
    """
    about, city = indicator_rows(), rules.city
    rows: list[dict[str, Any]] = []
    for one in indicators:
        info, standard = about.get(one.id), city.standards.get(one.id)
        shared: dict[str, Any] = {
            "indicator": one.id,
            "title": info.title if info else one.id,
            "units": one.units,
            "standard": float("nan")
            if standard is None or standard.target is None
            else standard.target,
            "worst": float("nan") if standard is None or standard.worst is None else standard.worst,
            "evidence": one.evidence,
            "n_features": one.n_features,
            "source": f"synthetic city: {one.source}" if city.synthetic else one.source,
            "as_of": one.as_of,
            "mark": standard.mark if standard else info.mark if info else "",
            "note": one.not_assessed or one.note,
        }
        average = info.average if info else "people"
        gap = None if standard is None or one.id not in draws else rules.assess(one, standard)
        gaps = _gap_columns(city, gap, one, draws)
        value = float("nan") if one.not_assessed else float(one.value)
        why = "; ".join(filter(None, (shared["note"], why_short(one, standard, gaps[CITY]))))
        low, high = (math.nan, math.nan) if one.bounds is None else one.bounds
        rows.append(
            {
                **shared,
                "note": why,
                "unit_id": CITY,
                "value": value,
                "value_lo": min(low, value) if math.isfinite(value) else math.nan,
                "value_hi": max(high, value) if math.isfinite(value) else math.nan,
                **gaps[CITY],
            }
        )
        if one.not_assessed or (one.cells is None and one.gap is None):
            continue
        cells = np.full(city.grid.shape, np.nan) if one.cells is None else one.cells
        means = _district_values(city, one, np.asarray(cells, dtype=np.float64), average)
        means = pd.Series({str(k): v for k, v in means.items()} | dict(one.of_districts or {}))
        evidence = _district_evidence(city, one)
        silent = _silent_districts(city, one)
        rows.extend(
            {
                **shared,
                "note": "",  # it names numbers of the whole city
                "unit_id": key,
                "value": float("nan") if str(key) in silent else float(mean),
                "evidence": evidence[str(key)],
                **gaps["silent" if str(key) in silent else str(key)],
            }
            for key, mean in means.items()
        )
    columns = [
        "indicator", "title", "unit_id", "value", "value_lo", "value_hi", "units", "standard", "worst",
        "gap_raw", "gap", "gap_lo", "gap_hi", "p_short", "data", "reading", "evidence", "n_features",
        "source", "as_of", "mark", "note",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _silent_districts(city: CityModel, one: Indicator) -> set[str]:
    """
    Districts that official numbers leave out, but for the cells on their border.

    The neighbour's number in a few cells says nothing of those who live in the middle.
    """
    # What is shown and scored nowhere is known where it has a value.
    scored = one.gap is not None and bool(np.isfinite(one.gap).any())
    values = one.gap if scored else one.cells
    if values is None or (one.evidence != "user" and one.evidence_cells is None):
        return set()
    least = city.rules("priors")["aggregate"]["assessed_weight_min"]
    known = city.districts.mean(
        np.isfinite(values).astype(float), city.once(cell_weight, "people")
    )["mean"]
    told = one.of_districts or {}
    return {str(k) for k, share in known.items() if not share >= least and str(k) not in told}


def _district_evidence(city: CityModel, one: Indicator) -> dict[str, str]:
    """Evidence that most of the people of each district rest on."""
    ids = [str(key) for key in city.city.districts["district_id"]]
    if one.evidence_cells is None:
        return dict.fromkeys(ids, one.evidence)
    kinds = np.unique(one.evidence_cells[city.inside])
    weight = city.once(cell_weight, "people")
    share = pd.DataFrame(
        {
            kind: city.districts.mean((one.evidence_cells == kind).astype(float), weight)["mean"]
            for kind in kinds
        }
    ).fillna(0.0)
    return {str(key): str(kind) for key, kind in share.idxmax(axis=1).items()}


def _district_values(
    city: CityModel, one: Indicator, cells: NDArray[np.float64], average: str
) -> pd.Series[float]:
    """Value of an indicator in each district, so that the districts together give the city."""
    unit = np.ones(cells.shape)
    if one.ratio is not None:
        amount, base = (
            city.districts.mean(part, unit, land=True)["sum"].fillna(0.0) for part in one.ratio
        )
        ratio: pd.Series[float] = amount / base.where(base > 0)
        return ratio
    if average == "sum":
        return city.districts.mean(cells, unit, land=True)["sum"]
    land = average != "people"
    return city.districts.mean(cells, city.once(cell_weight, average), land=land)["mean"]


def _moved_to_districts(
    one: Indicator,
    gap: AssessedGap,
    ids: Sequence[str],
    raw: NDArray[np.float64],
    draws: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move gap and draws of districts whose own value is known to it: cells on borders blur it."""
    if not one.of_districts:
        return raw, draws
    values = np.array([one.of_districts.get(key, np.nan) for key in ids])
    exact = standard_gap(values, gap.standard)
    by = np.where(np.isfinite(exact) & np.isfinite(raw), exact - raw, 0.0)
    return raw + by, np.clip(draws + by, 0.0, 1.0)


def _gap_columns(
    city: CityModel,
    gap: AssessedGap | None,
    one: Indicator,
    of_units: Mapping[str, NDArray[np.float64]],
) -> dict[str, dict[str, Any]]:
    """Gap columns of the city (key ``city``) and each district."""
    ids = city.city.districts["district_id"].astype(str).tolist()
    nan = float("nan")
    word = reading_title(READINGS.index("not_assessed"))
    # A value that is shown and not scored has no reading, as one that is only reported.
    shown = (
        gap is not None
        and one.cells is not None
        and bool((np.isfinite(one.cells) & ~np.isfinite(gap.raw) & city.inside).any())
    )
    empty = {
        "gap_raw": nan, "gap": nan, "gap_lo": nan, "gap_hi": nan, "p_short": nan, "data": "",
        "reading": word if one.not_assessed or (gap is not None and not shown) else "",
    }  # fmt: skip
    out: dict[str, dict[str, Any]] = {key: dict(empty) for key in (CITY, *ids)}
    out["silent"] = {**empty, "reading": word}
    if gap is None or not np.isfinite(gap.raw).any():
        return out
    # Only the cells that the indicator speaks of: T1 not of rural, T3 not of urban people.
    spoken = gap.weight > 0
    units = Units(city)
    raw = units.mean(np.where(spoken, gap.raw, np.nan))
    draws = of_units[one.id]
    if not np.isfinite(raw).any():
        units = Units(city, weight=city.once(cell_weight, "area"), land=True)
        raw, draws = units.mean(gap.raw), np.tile(units.mean(gap.raw), (3, 1))
    raw, draws = _moved_to_districts(one, gap, units.ids, raw, draws)
    lo, mid, hi = quantiles(draws.astype(np.float32))
    limits = reading_limits(city.rules("readings"))
    short = short_probability(draws, limit=limits.short)
    # People of whom an official number says nothing count as 0.
    told = np.isfinite(gap.raw) | (one.evidence == "user")
    trust = units.mean(np.where(told & city.inside, gap.evidence, np.nan)) * units.covered
    codes = reading_codes(short, mid, trust, limits=limits)
    for place, key in enumerate(units.ids):
        if np.isfinite(raw[place]):
            out[key] = {
                "gap_raw": float(raw[place]),
                "gap": float(mid[place]),
                "gap_lo": float(lo[place]),
                "gap_hi": float(hi[place]),
                "p_short": float(short[place]),
                "data": evidence_word(
                    trust[place],
                    probability=short[place],
                    code=int(codes[place]),
                    limits=limits,
                ),
                "reading": reading_title(int(codes[place]), gap.standard.sector),
            }
    return out
