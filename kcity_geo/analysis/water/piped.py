"""
Piped water (W3): the official table, or a proxy that is calibrated to the official rate.

Water pipes are hardly ever mapped, so their absence says nothing. Where no table by district is
given, dense built-up cells near a street and below a water works or tower are taken as likely
piped, in the order of their density, as many as the official rate says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.calibration import calibrated_share
from kcity_geo.analysis.evidence.contradictions import tell_contradictions
from kcity_geo.analysis.evidence.features import shapes
from kcity_geo.analysis.evidence.official import has_table, official_cells, partial_coverage_note
from kcity_geo.analysis.settlement.built import built_share
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.cube import cell_centres, cell_size, length_in_cells
from kcity_geo.errors import CalibrationError
from kcity_geo.notes import tell
from kcity_geo.result import Indicator, unassessed

__all__ = ["pipe_candidates", "piped_coverage", "piped_share"]


def pipe_candidates(city: CityModel) -> NDArray[np.bool_] | None:
    """
    Find the cells that a piped network could serve.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Shape (rows, cols): built-up, near a street, near enough to a works or tower and not far above
    it. None when no works or tower is mapped.
    """
    settings, elevation_m = city.settings("water"), city.terrain.get("elevation_m")
    plants = [
        shapes(city.layers[name])
        for name in ("water_plant", "water_store")
        if name in city.layers and len(city.layers[name])
    ]
    if not plants:
        return None
    sources = shapely.point_on_surface(np.concatenate(plants))
    x, y = cell_centres(city.grid)
    size, shape = cell_size(city.grid), city.grid.shape
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
    ok = reach.reshape(shape) & city.inside
    built = built_share(city)
    if built is not None:
        ok &= ~(built <= 0)
    roads = city.layers.get("roads_walk")
    if roads is not None and len(roads):
        lines = shapes(roads)
        on_street = length_in_cells(lines, grid=city.grid) > 0
        away = ndimage.distance_transform_edt(~on_street) * size
        ok &= away <= float(settings["piped_street_m"])
    return ok


def piped_coverage(city: CityModel) -> Indicator:
    """
    Assess W3: the share of people with piped water.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row W3, reported (it enters W1); cells are shares. ``details["anchored"]`` is True when an
    official number stands behind it.
    """
    people, settings = city.array("population"), city.settings("water")
    common = {"units": "share", "layers": ("water_pipe", "water_plant"), "as_of": city.osm_date}
    table, rows = official_cells(city, "piped_water_access")
    ok = city.once(pipe_candidates)
    if people is None or (table is None and ok is None):
        what = (
            "no population is known; give sources.population"
            if people is None
            else "no water works or tower is mapped and no official rate is given; set "
            "official.piped_water_access or a table by district"
        )
        return unassessed("W3", reason=what, **common)  # type: ignore[arg-type]
    density = people / (cell_size(city.grid) / 1000) ** 2
    guess = None
    if ok is not None:
        dense = ok & (density >= float(settings["piped_density_km2"]))
        guess = np.where(city.inside, dense.astype(float), np.nan)
    if table is None:
        likely = np.asarray(guess)
        return Indicator(
            id="W3",
            value=weighted_mean(likely, people),
            cells=likely,
            evidence="proxy",
            n_features=_sources(city),
            source="density, streets and mapped works or towers",
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
        given=table,
        cells=cells,
        guess=guess,
        people=people,
        limit=float(settings["contradiction_share"]),
        basis="density and mapped works",
    )
    note, details = note + apart, {**details, **facts}
    return Indicator(
        id="W3",
        value=value,
        cells=cells,
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
    evenly = "official city rate, spread evenly:"
    if ranked is None:
        return official_share, f"{evenly} no water works or tower is mapped to say where"
    try:
        share, limit = calibrated_share(
            ranked,
            people,
            rate=float(city.official["piped_water_access"]),
            what="official.piped_water_access",
        )
    except CalibrationError as error:
        details["calibration"] = str(error)
        tell(f"{error}; the official rate is spread evenly", stacklevel=3)
        return official_share, f"{evenly} the map cannot say where"
    details["density_limit_km2"] = limit
    return (
        np.where(city.inside, share, np.nan),
        "official city rate; where in the city is a proxy by density",
    )


def _sources(city: CityModel) -> int:
    return sum(len(city.layers[n]) for n in ("water_plant", "water_store") if n in city.layers)
