"""
Piped water (W3): the official table, or a proxy that is calibrated to the official rate.

Water mains are hardly ever mapped, so their absence says nothing. Where no table by district is
given, built-up cells beside a mapped main are taken as likely piped, and dense ones near a street
and below a water works, tower or pumping station; as many as the official rate says, beside a main
first, then in the order of their density.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.calibration import calibrated_share
from kcity_geo.analysis.evidence.contradictions import PlacedRate, tell_contradictions
from kcity_geo.analysis.evidence.features import shapes
from kcity_geo.analysis.evidence.official import (
    has_table,
    official_cells,
    official_districts,
    partial_coverage_note,
)
from kcity_geo.analysis.settlement.built import built_share
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.analysis.terrain.relief import cell_elevation_m
from kcity_geo.cube import cell_centres, cell_size, length_in_cells
from kcity_geo.errors import CalibrationError
from kcity_geo.notes import tell
from kcity_geo.result import Indicator, unassessed

__all__ = ["beside_mains", "pipe_candidates", "piped_coverage", "piped_share"]

#: Layers whose features put water under pressure.
_PRESSURE = ("water_plant", "water_store", "water_pump")


def beside_mains(city: CityModel) -> NDArray[np.bool_] | None:
    """
    Find the built-up cells beside a mapped water main.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Shape (rows, cols): no farther from a main than ``piped_street_m`` and not known to be without
    buildings. None when no main is mapped.
    """
    mains = city.layer("water_pipe")
    if mains is None:
        return None
    near = _near_lines(city, shapes(mains)) & city.inside
    built = built_share(city)
    return near if built is None else near & ~(built <= 0)


def _near_lines(city: CityModel, lines: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Find cells no farther from a line than a house from its street."""
    on_line = length_in_cells(lines, grid=city.grid) > 0
    if not on_line.any() or city.settings("water").number("piped_street_m") < cell_size(city.grid):
        return on_line  # the next cell is a whole cell away
    away = ndimage.distance_transform_edt(~on_line) * cell_size(city.grid)
    return np.asarray(away <= city.settings("water").number("piped_street_m"))


def pipe_candidates(city: CityModel) -> NDArray[np.bool_] | None:
    """
    Find the cells that a piped network could serve.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Shape (rows, cols): built-up, near a street, near enough to a works, tower or pumping station
    and not far above it; and all that `beside_mains` finds. None when nothing of the kind is mapped.
    """
    settings, elevation_m = city.settings("water"), city.once(cell_elevation_m)
    mains = city.once(beside_mains)
    plants = [shapes(frame) for name in _PRESSURE if (frame := city.layer(name)) is not None]
    if not plants:
        return mains
    sources = shapely.point_on_surface(np.concatenate(plants))
    x, y = cell_centres(city.grid)
    limit = float(settings["piped_source_km"]) * 1000
    reach = np.zeros(x.size, dtype=bool)
    level = None if elevation_m is None else np.asarray(elevation_m).ravel()
    sx, sy = shapely.get_x(sources), shapely.get_y(sources)
    for px, py in zip(sx, sy, strict=True):
        near = np.hypot(x - px, y - py) <= limit
        if level is not None:
            here = int(np.argmin(np.hypot(x - px, y - py)))
            top = level[here] + float(settings["pressure_head_m"])
            near &= ~(level > top)
        reach |= near
    ok = reach.reshape(city.grid.shape) & city.inside
    built = built_share(city)
    if built is not None:
        ok &= ~(built <= 0)
    roads = city.layer("roads_walk")
    if roads is not None:
        ok &= _near_lines(city, shapes(roads))
    return ok if mains is None else ok | mains


def piped_coverage(city: CityModel) -> Indicator:
    """
    Assess W3: the share of people with piped water.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row W3, reported (it enters W1); cells are shares, NaN where it goes by the density of people
    that nobody counted. ``details["anchored"]`` is True when an
    official number stands behind it.
    """
    people, settings = city.array("population"), city.settings("water")
    common = {"units": "share", "layers": ("water_pipe", *_PRESSURE), "as_of": city.osm_date}
    table, rows = official_cells(city, "piped_water_access")
    ok = city.once(pipe_candidates)
    if people is None or (table is None and ok is None):
        what = (
            "no population is known; give sources.population"
            if people is None
            else "no water works, tower or main is mapped and no official rate is given; set "
            "official.piped_water_access or a table by district"
        )
        return unassessed("W3", reason=what, **common)  # type: ignore[arg-type]
    density = people / (cell_size(city.grid) / 1000) ** 2
    guess, mains = None, city.once(beside_mains)
    if ok is not None:
        dense = ok & (density >= float(settings["piped_density_km2"]))
        known = city.inside & np.isfinite(people)
        if mains is not None:
            dense, known = dense | mains, known | (city.inside & mains)
        guess = np.where(known, dense.astype(float), np.nan)
    if table is None:
        likely = np.asarray(guess)
        return Indicator(
            id="W3",
            value=weighted_mean(likely, people),
            cells=likely,
            evidence="proxy",
            n_features=_sources(city),
            source="density, streets and mapped works, towers or mains",
            note="proxy, not calibrated: no official rate was given; enters no gap",
            details={"anchored": False, "density_limit_km2": float(settings["piped_density_km2"])},
            **common,  # type: ignore[arg-type]
        )
    details: dict[str, Any] = {"anchored": True}
    ranked = None if ok is None else np.where(ok, density, np.nan)
    cells, note = _placed(city, table, ranked, people, details)
    partly = partial_coverage_note(city, "piped_water_access")
    note += f"; {partly}" if partly else ""
    value = weighted_mean(cells, people)
    if guess is not None:
        details["mapped_share"] = weighted_mean(guess, people)
    apart, facts = tell_contradictions(
        city,
        "piped_water_access",
        PlacedRate(table, cells, guess, people),
        limit=float(settings["contradiction_share"]),
        basis="density and mapped works",
    )
    note, details = note + apart, {**details, **facts}
    return Indicator(
        id="W3",
        value=value,
        cells=cells,
        of_districts=official_districts(city, "piped_water_access"),
        evidence="user",
        n_features=rows,
        source=str(city.official.get("source") or "official numbers of the study file"),
        note=note,
        details=details,
        **common,  # type: ignore[arg-type]
    )


def piped_share(city: CityModel) -> tuple[NDArray[np.float64] | None, int]:
    """
    Give the share of people with piped water where an official number stands behind it.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Shape (rows, cols), NaN where no number speaks, and the official numbers behind it; None and 0
    when there is none at all.
    """
    w3 = city.once(piped_coverage)
    if not w3.details.get("anchored") or w3.cells is None:
        return None, 0
    return np.asarray(w3.cells, dtype=np.float64), w3.n_features


def _placed(
    city: CityModel,
    official_share: NDArray[np.float64],
    ranked: NDArray[np.float64] | None,
    people: NDArray[np.float64],
    details: dict[str, Any],
) -> tuple[NDArray[np.float64], str]:
    """Place a city rate where pipes are likely; a table by district stands as it is."""
    if has_table(city, "piped_water_access"):
        return official_share, "official numbers"
    if float(city.official["piped_water_access"]) >= 1:
        return official_share, "official city rate: everybody"  # whatever density can explain
    evenly = "official city rate, spread evenly:"
    if ranked is None:
        return official_share, f"{evenly} no water works, tower or main is mapped to say where"
    mains = city.once(beside_mains)
    # Beside a main first: those cells rank above the densest of the others.
    above = 0.0 if mains is None else float(np.nanmax(ranked, initial=0.0)) + 1.0
    order = ranked if mains is None else np.where(mains, ranked + above, ranked)
    try:
        share, limit = calibrated_share(
            order,
            people,
            rate=float(city.official["piped_water_access"]),
            what="official.piped_water_access",
        )
    except CalibrationError as error:
        details["calibration"] = str(error)
        tell(f"{error}; the official rate is spread evenly", stacklevel=3)
        return official_share, f"{evenly} the map cannot say where"
    details["density_limit_km2"] = limit - above if above and limit >= above else limit
    return (
        # Placed by density: where nobody counted it has no place.
        np.where(city.inside & np.isfinite(people), share, np.nan),
        "official city rate; where in the city is a proxy by density"
        + ("" if mains is None else ", beside mapped mains first"),
    )


def _sources(city: CityModel) -> int:
    return sum(len(city.layers[n]) for n in (*_PRESSURE, "water_pipe") if n in city.layers)
