"""
Who has electricity: the official rate (E1) and the cells that it speaks of (E2).

A cell is electrified when the grid is near, the night is lit and the settlement is large enough
(the rule of OnSSET); then the limits are moved until the people electrified are as many as the
official rate says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.energy.dark_land import dark_built_land
from kcity_geo.analysis.energy.grid import grid_distances_km
from kcity_geo.analysis.evidence.calibration import calibrated_share
from kcity_geo.analysis.evidence.contradictions import PlacedRate, tell_contradictions
from kcity_geo.analysis.evidence.official import (
    city_against_table,
    official,
    official_cells,
    official_districts,
    partial_coverage_note,
)
from kcity_geo.analysis.evidence.trust import method_trust
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.errors import CalibrationError
from kcity_geo.notes import tell
from kcity_geo.result import Indicator, assessable, unassessed
from kcity_geo.settings import Settings
from kcity_geo.standards import standard_gap

__all__ = [
    "electrification_rank",
    "electrified",
    "electrified_flags",
    "official_rate",
    "settlement_persons",
]

_HELP = (
    "give sources.nightlights, sources.power_lines, or set official.electricity_access or a table "
    "by district"
)
#: Ranks of cells near the grid lie above this, those of cells beyond its reach below 0.
_NEAR = 1.0e9
#: Shares nearer than this are the same number.
_ROUNDING = 0.001


def settlement_persons(population: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    People of the settlement that each cell belongs to: inhabited cells that touch.

    Parameters
    ----------
    population : shape (rows, cols), persons; NaN counts as nobody.

    Returns
    -------
    Shape (rows, cols), persons; 0 in empty cells.

    Examples
    --------
    >>> settlement_persons(np.array([[60.0, 0.0, 5.0], [50.0, 0.0, 0.0]])).tolist()
    [[110.0, 0.0, 5.0], [110.0, 0.0, 0.0]]
    """
    people = np.nan_to_num(np.asarray(population, dtype=np.float64))
    labels, count = ndimage.label(people > 0, structure=np.ones((3, 3), dtype=bool))
    total = np.bincount(labels.ravel(), weights=people.ravel(), minlength=count + 1)
    total[0] = 0.0
    return np.asarray(total[labels])


def electrified_flags(
    distance_km: NDArray[np.float64],
    light: NDArray[np.float64],
    settlement: NDArray[np.float64],
    *,
    limit_km: float,
    ntl_min: float,
    min_persons: float,
) -> NDArray[np.bool_]:
    """
    Apply the rule of OnSSET: grid nearer than a limit, light above one, settlement large enough.

    Parameters
    ----------
    distance_km : to the grid.
    light : radiance, nW cm-2 sr-1.
    settlement : people of the settlement.
    limit_km, ntl_min, min_persons : the three limits; a value on a limit does not pass.

    Returns
    -------
    True where electrified.

    References
    ----------
    .. [1] OnSSET, ``calibrate_grid_elec_current``.

    Examples
    --------
    >>> people = np.array([5000, 900, 700, 400, 60])
    >>> flags = electrified_flags(
    ...     np.array([0.4, 2.5, 3.5, 1, 6]), np.array([5, 0.3, 0.8, 0, 0.4]), people,
    ...     limit_km=3, ntl_min=0.05, min_persons=100)
    >>> round(float(people[flags].sum() / people.sum()), 4)
    0.8357
    """
    return np.asarray(
        (np.asarray(distance_km) < limit_km)
        & (np.asarray(light) > ntl_min)
        & (np.asarray(settlement) > min_persons)
    )


def electrification_rank(
    relative_distance: NDArray[np.float64],
    light: NDArray[np.float64],
    settlement: NDArray[np.float64],
    *,
    min_persons: float,
    furthest: float,
) -> NDArray[np.float64]:
    """
    Rank the cells by how surely they are electrified: near the grid by light, then by distance.

    Parameters
    ----------
    relative_distance : distance to the grid over its limit; up to 1 is near.
    light : radiance; NaN counts as dark.
    settlement : people of the settlement.
    min_persons : smaller settlements come in only after all others.
    furthest : relative distance beyond which no cell can be electrified.

    Returns
    -------
    Higher is surer; NaN: cannot be.
    """
    relative = np.asarray(relative_distance, dtype=np.float64)
    bright = np.nan_to_num(np.asarray(light, dtype=np.float64))
    rank = np.where(relative < 1, _NEAR + bright, -relative)
    small = np.asarray(settlement) <= min_persons
    rank = np.where(small, -2 * furthest - relative, rank)
    return np.where(np.isfinite(relative) & (relative <= furthest), rank, np.nan)


#: Layer of the grid -> the limit that it has.
_LIMITS = {
    "transformer": "transformer",
    "mv_substation": "mv",
    "mv": "mv",
    "hv_substation": "hv",
    "hv": "hv",
}


def _relative_distance(
    distances: Mapping[str, NDArray[np.float64]], settings: Settings
) -> tuple[NDArray[np.float64] | None, str, float]:
    """Distance to the grid over the limit of its layer, the best layer's name and limit in km."""
    found = {
        name: distances[name] / float(settings[f"limit_{key}_km"])
        for name, key in _LIMITS.items()
        if name in distances
    }
    if not found:
        return None, "none", float(settings["limit_mv_km"])
    best = _LIMITS[next(iter(found))]
    return np.min(list(found.values()), axis=0), best, float(settings[f"limit_{best}_km"])


@dataclass(frozen=True, eq=False)
class _Placed:
    """Share electrified of each cell, of each district by itself and of its pieces, and the rank of each margin."""

    cells: NDArray[np.float64]
    of_districts: dict[str, float] | None
    limits: dict[str, float]
    of_sides: NDArray[np.float64] | None = None


def _calibrate(rank: NDArray[np.float64], people: NDArray[np.float64], city: CityModel) -> _Placed:
    """Place the official rate, or that of each district; a cell on a border serves each its own."""
    tolerance = city.settings("energy").number("calibration_tolerance")
    by_cell, _ = official_cells(city, "electricity_access")
    if by_cell is None:
        raise CalibrationError("official.electricity_access: no rate is given")

    def placed(cells: NDArray[Any], people: NDArray[np.float64], rate: float) -> Any:  # noqa: ANN401
        return calibrated_share(
            rank.ravel()[cells],
            people,
            rate=rate,
            what="official.electricity_access",
            tolerance=tolerance,
        )

    rates, persons = official_districts(city, "electricity_access"), people.ravel()
    if rates is None:
        known = np.flatnonzero(np.isfinite(by_cell) & city.inside)
        out = by_cell.ravel().copy()
        if not np.nansum(persons[known]) > 0:
            return _Placed(out.reshape(people.shape), None, {})
        out[known], margin = placed(known, persons[known], float(by_cell.ravel()[known[0]]))
        return _Placed(out.reshape(people.shape), None, {"city": margin})
    parts = city.districts
    amount, weight = np.zeros((2, persons.size))
    reached, limits = dict(rates), dict[str, float]()
    sides = np.full(len(parts.cell), np.nan)
    for number, name in enumerate(map(str, parts.ids)):
        if name not in rates:
            continue
        mine = parts.owner == number
        cells, part = parts.cell[mine], parts.people_share[mine]
        own, share = persons[cells] * part, np.full(len(cells), rates[name])
        if np.nansum(own) > 0:
            share, limits[name] = placed(cells, own, rates[name])
            reached[name] = weighted_mean(share, own)
        sides[mine] = share
        amount += np.bincount(cells, weights=part * share, minlength=persons.size)
        weight += np.bincount(cells, weights=part, minlength=persons.size)
    # Land in no district has the city rate as it was spread.
    out = np.divide(amount, weight, out=by_cell.ravel().copy(), where=weight > 0)
    return _Placed(out.reshape(people.shape), reached, limits, sides)


def electrified(city: CityModel) -> Indicator:
    """
    Assess E2: the share of people with electricity, and where they live.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row E2; cells are shares, NaN where the people are not known. Without an official rate the lower
    bound counts only cells brighter than the background (E11); no bounds without that. With an
    official rate the city value is that rate; where the map cannot explain it, the rate is spread
    evenly and the note says so.
    """
    layers = ("power_line", "substation", "transformer")
    common: dict[str, Any] = {"units": "share", "layers": layers, "as_of": city.osm_date}
    people, light = city.array("population"), city.array("nightlights")
    given, rows = official_cells(city, "electricity_access")
    if people is None:
        return unassessed("E2", reason="no population is known; give sources.population", **common)
    settings, distances = city.settings("energy"), city.once(grid_distances_km)
    relative, layer, limit_km = _relative_distance(distances, settings)
    if relative is None and light is None and given is None:
        return unassessed(
            "E2", reason=f"neither grid nor night lights are known; {_HELP}", **common
        )
    if city.checking:
        return assessable("E2", evidence="proxy" if given is None else "user", **common)
    settlement = settlement_persons(people)
    near = np.zeros(people.shape) if relative is None else relative
    bright = np.full(people.shape, np.inf) if light is None else np.nan_to_num(light)
    flags = electrified_flags(
        near,
        bright,
        settlement,
        limit_km=1.0,
        ntl_min=float(settings["ntl_min"]),
        min_persons=float(settings["settlement_min_persons"]),
    )
    # Where nobody counted there may be a large settlement or none: neither lit nor dark.
    counted = city.inside & np.isfinite(people)
    plain = np.where(counted, flags.astype(float), np.nan)
    details: dict[str, Any] = {
        "grid_layer": layer,
        "limit_km": limit_km,
        "limits": _limits_in_words(distances, settings),
        "limit_ntl": float(settings["ntl_min"]),
        "uncalibrated_share": weighted_mean(plain, people),
    }
    cells, note, evidence = plain, "rule of OnSSET, not calibrated: no official rate", "proxy"
    of_districts: dict[str, float] | None = None
    of_sides: NDArray[np.float64] | None = None
    if light is None:
        note += "; no night lights: distance to the grid only"
    elif relative is None:
        note += "; no grid is mapped: night lights only"
    if given is not None:
        furthest = float(settings["max_limit_km"]) / limit_km
        rank = electrification_rank(
            near,
            np.zeros(people.shape) if light is None else light,
            settlement,
            min_persons=float(settings["settlement_min_persons"]),
            furthest=furthest,
        )
        placed, note = _official_cells(city, rank, people, given, details, limit_km)
        cells = np.where(counted, placed.cells, np.nan)
        of_districts, of_sides, evidence = placed.of_districts, placed.of_sides, "user"
        partly = partial_coverage_note(city, "electricity_access")
        note += f"; {partly}" if partly else ""
        apart, facts = tell_contradictions(
            city,
            "electricity_access",
            PlacedRate(given, cells, plain, people),
            limit=float(settings["contradiction_share"]),
            basis="grid and night lights",
        )
        note, details = note + apart, {**details, **facts}
    bounds, dark_below = None, city.once(dark_built_land).details.get("limit_ntl")
    if given is None and dark_below is not None:
        sure = np.where(counted, flags & (bright >= dark_below), np.nan)
        bounds = (weighted_mean(sure, people), details["uncalibrated_share"])
    return Indicator(
        id="E2",
        value=weighted_mean(cells, people),
        cells=cells,
        of_districts=of_districts,
        of_sides=of_sides,
        bounds=bounds,
        gap=standard_gap(cells, city.standards["E2"]),
        evidence=evidence,
        trust=method_trust(city, "E2_no_lights") if light is None and given is None else 1.0,
        n_features=rows + sum(len(city.layers[n]) for n in layers if n in city.layers),
        source=", ".join(
            [
                s
                for s, known in (
                    ("OSM power grid", relative is not None),
                    ("night lights", light is not None),
                    ("official rate", given is not None),
                )
                if known
            ]
        ),
        note=note,
        details=details,
        **common,
    )


def _official_cells(
    city: CityModel,
    rank: NDArray[np.float64],
    people: NDArray[np.float64],
    given: NDArray[np.float64],
    details: dict[str, Any],
    limit_km: float,
) -> tuple[_Placed, str]:
    try:
        placed = _calibrate(rank, people, city)
    except CalibrationError as error:
        tell(f"{error}; the official rate is spread evenly", stacklevel=3)
        details["calibration"] = str(error)
        rates = official_districts(city, "electricity_access")
        evenly = "official rate, spread evenly: the map cannot say where"
        sides = None
        if rates is not None:
            parts = city.districts
            of_unit = np.array([rates.get(str(key), np.nan) for key in parts.ids])
            sides = of_unit[parts.owner]
        return _Placed(given, rates, {}, sides), evenly
    _report_limits(details, placed.limits, limit_km, city.settings("energy"))
    stated, reached = weighted_mean(given, people), weighted_mean(placed.cells, people)
    details["reached_share"] = reached
    note = "calibrated to the official rate; where is modelled"
    if abs(stated - reached) > _ROUNDING:
        note += f"; the map reaches {reached:.1%} of the {stated:.1%}"
    return placed, note


def _limits_in_words(distances: Mapping[str, NDArray[np.float64]], settings: Settings) -> str:
    """Name the limits before calibration, by layer of the grid that is mapped."""
    layers = dict.fromkeys(key for name, key in _LIMITS.items() if name in distances)
    parts = [f"{key} {float(settings[f'limit_{key}_km']):g} km" for key in layers]
    return ", ".join([*parts, f"light above {float(settings['ntl_min']):g}"])


def _report_limits(
    details: dict[str, Any],
    limits: Mapping[str, float],
    limit_km: float,
    settings: Settings,
) -> None:
    """Keep the limits that the calibration used: of the city, or of each district."""
    furthest = float(settings["max_limit_km"])
    used = {
        name: (rank - _NEAR, limit_km) if rank >= _NEAR else (0.0, min(-rank * limit_km, furthest))
        for name, rank in limits.items()
        if np.isfinite(rank)
    }
    if set(limits) <= {"city"}:
        for light, kilometres in used.values():
            details["limit_ntl"], details["limit_km"] = light, kilometres
        return
    # One number would be true of one district only.
    del details["limit_ntl"], details["limit_km"]
    best = details["grid_layer"]
    details["limits_by_district"] = "; ".join(
        f"{name}: {best} {used[name][1]:.3g} km, light above {used[name][0]:.3g}"
        if name in used
        else f"{name}: nobody"
        for name in sorted(limits)
    )


def official_rate(city: CityModel) -> Indicator:
    """
    Give E1: the official share of people with electricity.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row E1, reported; it calibrates E2.
    """
    people = city.array("population")
    cells, rows = official_cells(city, "electricity_access")
    if cells is None:
        return unassessed(
            "E1", "share", "no official rate is given; set official.electricity_access"
        )
    given = official(city, "electricity_access")
    limit = city.settings("energy").number("contradiction_share")
    apart = city_against_table(city, "electricity_access", cells, limit=limit)
    value = (
        given
        if given is not None
        else (float("nan") if people is None else weighted_mean(cells, people))
    )
    return Indicator(
        id="E1",
        value=float(value),
        units="share",
        cells=cells,
        of_districts=official_districts(city, "electricity_access"),
        evidence="user",
        n_features=rows,
        source=str(city.official.get("source") or "official numbers of the study file"),
        as_of=str(city.official.get("year") or ""),
        note=partial_coverage_note(city, "electricity_access") or apart,
    )
