"""
Gap tables: gaps of cells gathered into districts, the city, indicator rows and survey tasks.

People of a cell that a district border cuts are divided as the population says that they live on both
sides (by area where it does not), so that the persons of districts that do not overlap add up to those
of the city.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.parts import AssessedGap, Parts
from kcity_geo.analysis.gaps.reading import why_short
from kcity_geo.analysis.gaps.rules import decision_labels, gini
from kcity_geo.analysis.settlement.districts import (
    cell_weight,
    has_residents,
)
from kcity_geo.config import read_table
from kcity_geo.cube import cell_centres, cell_size
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import LABELS, SECTORS, Indicator

__all__ = ["city_table", "district_table", "indicator_table", "survey_table"]

_LEVELS = (*SECTORS, "composite")
_TASKS = 50
_TASK_M = 500.0


def _mean(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    known = np.isfinite(values) & (weight > 0)
    total = weight[known].sum()
    return float((values[known] * weight[known]).sum() / total) if total > 0 else float("nan")


def _min_known_share() -> float:
    """Give the share of the people whose gap must be known before a sector speaks for a place."""
    return float(read_table("priors")["aggregate"]["assessed_people_min"])


def _speaks_for(gap: NDArray[np.float64], people: NDArray[np.float64], city: CityModel) -> bool:
    """Whether the gap is known for enough of those who live in the city."""
    inside = np.where(city.inside, people, 0.0)
    known = float(inside[np.isfinite(gap)].sum())
    return known >= _min_known_share() * float(inside.sum()) - 1e-9


def _trust(part: Parts, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Confidence for means: cells that were not assessed count as 0 once any was."""
    return np.nan_to_num(values) if np.isfinite(part.mid).any() else values


def _label(adjusted: float, raw: float, confidence: float, *, assessed: bool) -> str:
    if not assessed:
        return "NOT ASSESSED"
    return LABELS[int(decision_labels(adjusted, raw, confidence))]


def district_table(
    city: CityModel, parts: Mapping[str, Parts], spread: pd.DataFrame | None = None
) -> gpd.GeoDataFrame:
    """
    Gather the gaps by district.

    Parameters
    ----------
    city : its model.
    parts : sector and ``composite`` -> gaps.
    spread : extra columns by district id, of `kcity_geo.analysis.gaps.uncertainty`.

    Returns
    -------
    As in `kcity_geo.result.Gaps`; ``{level}_severe_share`` beside it. Without population the means
    are over land, and population and gap-persons are NaN.
    """
    people = city.once(cell_weight, "people")
    counted = city.array("population") is not None
    base = city.city.districts[["district_id", "name"]].copy()
    unit = np.ones(people.shape)
    total = city.districts.mean(unit, people)["sum"].fillna(0.0).to_numpy()
    if counted and not city.once(has_residents):
        total = np.zeros(len(base))  # the weights are land then, not people
    base["population"] = total if counted else np.nan
    ground = city.districts.mean(unit, city.once(cell_weight, "area"), land=True)
    area = ground["sum"].fillna(0.0).to_numpy()
    base["area_km2"] = area / 1e6
    severe = read_table("priors")["aggregate"]["severe"]
    for level in _LEVELS:
        part = parts[level]
        found = {
            key: city.districts.mean(getattr(part, key), people)
            for key in ("mid", "lo", "hi", "raw", "adjusted")
        }
        trust = city.districts.mean(_trust(part, part.confidence), people)["mean"].to_numpy()
        whole = city.districts.mean(unit, people)["weight"].to_numpy()
        enough = found["mid"]["weight"].to_numpy() >= _min_known_share() * whole - 1e-9
        for one in found.values():
            one["mean"] = one["mean"].where(enough)
        mid = found["mid"]["mean"].to_numpy()
        trust = np.where(np.isfinite(mid), trust, np.nan)
        base[f"{level}_gap"] = mid
        base[f"{level}_gap_raw"] = found["raw"]["mean"].to_numpy()
        base[f"{level}_gap_lo"] = found["lo"]["mean"].to_numpy()
        base[f"{level}_gap_hi"] = found["hi"]["mean"].to_numpy()
        base[f"{level}_confidence"] = trust
        base[f"{level}_label"] = [
            _label(a, r, c, assessed=bool(np.isfinite(m)))
            for a, r, c, m in zip(
                found["adjusted"]["mean"], found["raw"]["mean"], trust, mid, strict=True
            )
        ]
        short = found["mid"]["sum"].to_numpy() if city.once(has_residents) else 0.0 * mid
        base[f"{level}_gap_persons"] = short if counted else np.nan
        hard = np.where(np.isfinite(part.mid), (part.mid >= severe).astype(float), np.nan)
        base[f"{level}_severe_share"] = city.districts.mean(hard, people)["mean"].to_numpy()
    if spread is not None and len(spread):
        base = base.join(spread, on="district_id")
    return gpd.GeoDataFrame(base, geometry=city.city.districts.geometry, crs=city.city.crs)


def city_table(city: CityModel, parts: Mapping[str, Parts]) -> pd.DataFrame:
    """
    Gather the gaps of the whole city.

    Parameters
    ----------
    city : its model.
    parts : sector and ``composite`` -> gaps.

    Returns
    -------
    As in `kcity_geo.result.Gaps`, with ``gap_raw`` and ``gini`` (inequality across districts)
    beside it.
    """
    people = city.once(cell_weight, "people")
    counted = city.array("population") is not None
    severe = read_table("priors")["aggregate"]["severe"]
    rows = []
    for level in _LEVELS:
        part = parts[level]
        mid = _mean(part.mid, people) if _speaks_for(part.mid, people, city) else float("nan")
        trust = _mean(_trust(part, part.confidence), people) if np.isfinite(mid) else float("nan")
        hard = np.where(np.isfinite(part.mid), (part.mid >= severe).astype(float), np.nan)
        by_district = city.districts.mean(part.mid, people)
        told = np.isfinite(mid)
        lo, hi, raw = (
            _mean(values, people) if told else float("nan")
            for values in (part.lo, part.hi, part.raw)
        )
        rows.append(
            {
                "sector": level,
                "gap": mid,
                "gap_lo": lo,
                "gap_hi": hi,
                "gap_raw": raw,
                "confidence": trust,
                "label": _label(
                    _mean(part.adjusted, people),
                    _mean(part.raw, people),
                    trust,
                    assessed=bool(told),
                ),
                "gap_persons": float(np.nansum(part.mid * people)) * city.once(has_residents)
                if counted and told
                else float("nan"),
                "severe_share": _mean(hard, people) if told else float("nan"),
                "assessed_weight": _mean(part.assessed_weight, people),
                "gini": gini(by_district["mean"].to_numpy(), by_district["weight"].to_numpy()),
            }
        )
    return pd.DataFrame(rows).set_index("sector")


def indicator_table(
    city: CityModel,
    indicators: Sequence[Indicator],
    scored: Sequence[AssessedGap],
) -> pd.DataFrame:
    """
    List every indicator for the city and, where it has cells, for each district.

    Parameters
    ----------
    city : its model.
    indicators : in order.
    scored : those that count in a sector gap, on the grid.

    Returns
    -------
    Rows as in `kcity_geo.result.Gaps`. Gap and label are empty for indicators that are only
    reported. The note of a city row also says why its gap is larger than its value lets expect.
    """
    about = indicator_rows()
    of_gap = {s.indicator.id: s for s in scored}
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
            "evidence": one.evidence,
            "n_features": one.n_features,
            "source": f"synthetic city: {one.source}" if city.synthetic else one.source,
            "as_of": one.as_of,
            "mark": standard.mark if standard else info.mark if info else "",
            "note": one.not_assessed or one.note,
        }
        average = info.average if info else "people"
        gaps = _gap_columns(city, of_gap.get(one.id), one)
        value = float("nan") if one.not_assessed else float(one.value)
        why = "; ".join(filter(None, (shared["note"], why_short(one, standard, gaps["city"]))))
        rows.append({**shared, "note": why, "unit_id": "city", "value": value, **gaps["city"]})
        if one.not_assessed or (one.cells is None and one.gap is None):
            continue
        cells = np.full(city.grid.shape, np.nan) if one.cells is None else one.cells
        means = _district_values(city, one, np.asarray(cells, dtype=np.float64), average)
        evidence = _district_evidence(city, one)
        silent = _silent_districts(city, one)
        rows.extend(
            {
                **shared,
                "unit_id": key,
                "value": float("nan") if str(key) in silent else float(mean),
                "evidence": evidence[str(key)],
                **gaps["silent" if str(key) in silent else str(key)],
            }
            for key, mean in means.items()
        )
    columns = [
        "indicator", "title", "unit_id", "value", "units", "standard", "gap", "gap_lo", "gap_hi",
        "confidence", "label", "evidence", "n_features", "source", "as_of", "mark", "note",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _silent_districts(city: CityModel, one: Indicator) -> set[str]:
    """
    Districts that official numbers leave out, but for the cells on their border.

    The neighbour's number in a few cells says nothing of those who live in the middle.
    """
    values = one.cells if one.gap is None else one.gap
    if values is None or (one.evidence != "user" and one.evidence_cells is None):
        return set()
    least = read_table("priors")["aggregate"]["assessed_weight_min"]
    known = city.districts.mean(
        np.isfinite(values).astype(float), city.once(cell_weight, "people")
    )["mean"]
    return {str(key) for key, share in known.items() if not share >= least}


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


def _gap_columns(
    city: CityModel, gap: AssessedGap | None, one: Indicator
) -> dict[str, dict[str, Any]]:
    """Gap columns of the city (key ``city``) and each district."""
    ids = city.city.districts["district_id"].tolist()
    nan = float("nan")
    label = "NOT ASSESSED" if one.not_assessed or (gap is not None) else ""
    empty = {"gap": nan, "gap_lo": nan, "gap_hi": nan, "confidence": nan, "label": label}
    out: dict[str, dict[str, Any]] = {key: dict(empty) for key in ("city", "silent", *ids)}
    if gap is None or not np.isfinite(gap.raw).any():
        return out
    # Only the cells that the indicator speaks of: T1 not of rural, T3 not of urban people.
    people = city.once(cell_weight, "people") * (gap.weight > 0)
    if not (people[np.isfinite(gap.raw)] > 0).any():
        people = city.once(cell_weight, "area")
    arrays = {
        "lo": gap.lo,
        "hi": gap.hi,
        "adjusted": gap.adjusted,
        "raw": gap.raw,
        # People of whom an official number says nothing count as 0.
        "confidence": np.where(
            np.isfinite(gap.raw) | (one.evidence == "user"), gap.confidence, np.nan
        ),
    }
    means = {k: city.districts.mean(v, people)["mean"] for k, v in arrays.items()}
    for key in ("city", *ids):
        m = {
            k: _mean(v, people) if key == "city" else float(means[k][key])
            for k, v in arrays.items()
        }
        if not np.isfinite(m["raw"]):
            continue
        out[key] = {
            "gap": (m["lo"] + m["hi"]) / 2,
            "gap_lo": m["lo"],
            "gap_hi": m["hi"],
            "confidence": m["confidence"],
            "label": _label(m["adjusted"], m["raw"], m["confidence"], assessed=True),
        }
    return out


def survey_table(city: CityModel, parts: Mapping[str, Parts]) -> gpd.GeoDataFrame:
    """
    Tell where field mappers should go first: where many people live and little is known.

    Parameters
    ----------
    city : its model.
    parts : sector and ``composite`` -> gaps.

    Returns
    -------
    Squares of about 500 m, best first, at most 50: ``task_id, rank, population, confidence,
    priority`` (people times 1 - confidence), ``sector``, the least known one, and ``district``, the
    name of the one that most of these people live in. Where confidence is high already, by the
    limit of ``tables/priors.toml``, there is no task.
    """
    columns = ["task_id", "rank", "population", "confidence", "priority", "sector", "district"]
    people = city.once(cell_weight, "people") if city.array("population") is not None else None
    if people is None or people.sum() == 0:
        return gpd.GeoDataFrame({c: [] for c in columns}, geometry=[], crs=city.city.crs)
    size = cell_size(city.grid)
    side = max(1, round(_TASK_M / size)) * size
    x, y = cell_centres(city.grid)
    column, row = np.floor(x / side).astype(np.int64), np.floor(y / side).astype(np.int64)
    inside = (city.inside & (people > 0)).ravel()
    frame = pd.DataFrame({"column": column, "row": row, "population": people.ravel()})
    for sector in SECTORS:
        frame[sector] = np.nan_to_num(parts[sector].confidence).ravel() * people.ravel()
    grouped = frame[inside].groupby(["column", "row"], sort=True).sum().reset_index()
    trust = grouped[list(SECTORS)].div(grouped["population"], axis=0)
    grouped["confidence"] = trust.mean(axis=1)
    grouped["sector"] = np.array(SECTORS)[trust.to_numpy().argmin(axis=1)]
    grouped["priority"] = grouped["population"] * (1 - grouped["confidence"])
    unsure = grouped["confidence"] < read_table("priors")["label"]["confidence_high"]
    best = (
        grouped[unsure]
        .sort_values(["priority", "column", "row"], ascending=[False, True, True], kind="stable")
        .head(_TASKS)
        .join(_main_district(city, frame), on=["column", "row"])
    )
    left, bottom = best["column"].to_numpy() * side, best["row"].to_numpy() * side
    best = best.assign(
        rank=np.arange(1, len(best) + 1),
        task_id=[f"task-{i:02d}" for i in range(1, len(best) + 1)],
    )
    return gpd.GeoDataFrame(
        best[columns].reset_index(drop=True),
        geometry=shapely.box(left, bottom, left + side, bottom + side),
        crs=city.city.crs,
    )


def _main_district(city: CityModel, cells: pd.DataFrame) -> pd.Series[str]:
    """Name of the district that most people of each square live in; of equal ones the first id."""
    parts = city.districts
    cell, owner, share = parts.cell, parts.owner, parts.share
    pieces = cells[["column", "row"]].iloc[cell].reset_index(drop=True)
    pieces = pieces.assign(owner=owner, people=cells["population"].to_numpy()[cell] * share)
    sums = pieces.groupby(["column", "row", "owner"])["people"].sum().reset_index()
    sums["district_id"] = np.asarray(parts.ids, dtype=object)[sums["owner"]]
    most = sums.sort_values(["people", "district_id"], ascending=[False, True], kind="stable")
    names = city.city.districts["name"].astype(str).to_numpy()
    most = most.drop_duplicates(["column", "row"]).set_index(["column", "row"])
    return pd.Series(names[most["owner"]], index=most.index, name="district")
