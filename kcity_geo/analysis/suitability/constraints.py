"""
Constraints: where building is excluded, whatever the score.

A cell that an excluded feature touches at all is excluded whole. A constraint whose data are missing
is not applied and says so; where only some cells lack data, those cells are excluded, because
nobody can say that they may be built on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.suitability.view import CityView, MissingDataError
from kcity_geo.analysis.terrain.sea import sea_polygons
from kcity_geo.cube import area_in_cells
from kcity_geo.errors import StudyError
from kcity_geo.result import Constraint

__all__ = ["SITE_KEYS", "build_constraints"]

#: Keys of ``constraints`` that speak of whole sites, not of cells.
SITE_KEYS = ("min_area_ha", "min_width_m", "compactness_min")
#: Keys that only refine another one.
_HELPERS = {
    "protected_buffer_m": "protected",
    "water_buffer_m": "water_body",
    "power_line_hv_buffer_m": "power_line_buffer_m",
}
#: Key of the only constraint that is left out, not listed as missing, without its own input.
_FLOOD_MAP = "flood_exposure_max"
_WATER_CLASSES = (80, 90, 95)
_Found = tuple["NDArray[np.bool_]", str]


def _off(value: object) -> bool:
    return value is False or value in {"ignore", "off", "no"}


def _touched(view: CityView, geometry: NDArray[np.object_], buffer_m: float) -> NDArray[np.bool_]:
    """Cells that the features, widened by a buffer, touch at all."""
    wide = np.asarray(geometry, dtype=object)
    areal = np.isin(shapely.get_type_id(wide), (3, 6))
    if buffer_m > 0:
        # The outline of a buffer has corners: with 16 a quarter it is 0.1 % short at most.
        wide = shapely.buffer(wide, buffer_m * 1.002, quad_segs=16)
    elif not areal.all():
        # Points and lines take no land: the cell that they lie in is touched.
        wide = np.where(areal, wide, shapely.buffer(wide, 0.5))
    return np.asarray(area_in_cells(wide, grid=view.grid) > 0)


def _relief_limit(
    view: CityView, name: str, *, at_most: float | None = None, at_least: float | None = None
) -> _Found:
    values = view.relief(name)
    unknown = np.isnan(values) & view.inside
    with np.errstate(invalid="ignore"):
        excluded = np.zeros(values.shape, dtype=bool)
        if at_most is not None:
            excluded |= values > at_most
        if at_least is not None:
            excluded |= values < at_least
    note = f"{unknown.sum()} cells without elevation are excluded" if unknown.any() else ""
    return excluded | unknown, note


def _mapped(view: CityView, geometry: NDArray[np.object_], buffer_m: float, *, what: str) -> _Found:
    if len(geometry) == 0:
        raise MissingDataError(f"no {what} mapped here; check with the city")
    return _touched(view, geometry, buffer_m), ""


def _built(view: CityView, limit: float) -> _Found:
    found = view.built_share
    unknown = np.isnan(found.values) & view.inside
    return (found.values > limit) | unknown, found.note


def _flood(view: CityView, most: float) -> _Found:
    """Find cells that the flood map of the study puts under water."""
    found = view.flood_map
    if found is None:
        raise MissingDataError("needs a flood map (sources.flood or sources.flood_return_period)")
    beyond = view.inside & np.isnan(found)
    note = ""
    if beyond.any():
        note = f"{beyond.sum() / view.inside.sum():.0%} of the city lie beyond the flood map, not judged by it"
    return np.nan_to_num(found) > most, note


def _water(view: CityView, buffer_m: float) -> _Found:
    """Find mapped water and wetland with its bank, rivers, the sea, and wet land cover."""
    rivers = view.geometry("drainage", waterway={"river", "canal"})
    frame = view.layer("drainage")
    if frame is not None and "tunnel" in frame and len(rivers):
        open_air = ~frame["tunnel"].isin(["yes", "culvert"]).to_numpy(dtype=bool)
        kind = frame["waterway"].isin(["river", "canal"]).to_numpy(dtype=bool)
        rivers = np.asarray(frame.geometry.to_numpy()[open_air & kind], dtype=object)
    box = view.grid.boundingbox
    sea = sea_polygons(view.geometry("coastline"), box=(box.left, box.bottom, box.right, box.top))
    places = np.concatenate([view.geometry("water_body"), rivers, np.asarray(sea, dtype=object)])
    wet = np.zeros(view.grid.shape, dtype=bool)
    cover = view.city.array("landcover")
    if len(places) == 0 and cover is None:
        raise MissingDataError("no water mapped here and no land cover raster")
    if len(places):
        wet |= _touched(view, places, buffer_m)
    if cover is not None:
        wet |= np.isin(cover, _WATER_CLASSES)
    return wet, ""


def _power(view: CityView, buffer_m: float, hv_buffer_m: float) -> _Found:
    frame = view.layer("power_line")
    if frame is None:
        raise MissingDataError("no power lines mapped here; check with the utility")
    limit = view.assume["corridor_hv_v"]
    volts = (
        frame["voltage_v"].to_numpy(dtype=float) if "voltage_v" in frame else np.zeros(len(frame))
    )
    # Cables lie underground, and a project moves the poles of a distribution line out of its way.
    overhead = np.ones(len(frame), dtype=bool)
    if "power" in frame:
        minor = (frame["power"] == "minor_line").to_numpy(dtype=bool)
        overhead = (frame["power"] == "line").to_numpy(dtype=bool) | (minor & (volts >= limit))
    high = overhead & (volts >= limit)
    lines = frame.geometry.to_numpy()
    excluded = _touched(view, lines[high], hv_buffer_m) if high.any() else view.inside & False
    if (overhead & ~high).any():
        excluded |= _touched(view, lines[overhead & ~high], buffer_m)
    return excluded, "distribution lines and cables are not counted"


def _settlement(view: CityView, buffer_m: float) -> _Found:
    return view.settlements <= buffer_m, "mapped residential land and cells of 300 people a km2"


def _airport(view: CityView, buffer_m: float) -> _Found:
    places = np.concatenate(
        [view.geometry("airport"), view.geometry("landuse", aeroway={"aerodrome"})]
    )
    return _mapped(view, places, buffer_m, what="airport")


#: key -> title, limit in words, mark, what measures it.
_RULES: Mapping[str, tuple[str, str, str, Any]] = {
    "slope_pct_max": (
        "Steep slope", "slope at most {value:g} %", "D",
        lambda view, value, _: _relief_limit(view, "slope_pct", at_most=value),
    ),
    "hand_m_min": (
        "Low above drainage", "at least {value:g} m above the nearest drainage", "D",
        lambda view, value, _: _relief_limit(view, "hand_m", at_least=value),
    ),
    _FLOOD_MAP: (
        "Flooded by the flood map", "flood exposure at most {value:g} of 1", "D",
        lambda view, value, _: _flood(view, value),
    ),
    "built_max": (
        "Built-up land", "built-up share at most {value:.0%}", "D",
        lambda view, value, _: _built(view, value),
    ),
    "protected": (
        "Protected area", "no overlap, buffer {buffer:g} m", "D",
        lambda view, _, keys: _mapped(
            view, view.geometry("protected"), keys.get("protected_buffer_m", 0),
            what="protected areas are",
        ),
    ),
    "water_body": (
        "Water and wetland", "no overlap, bank of {buffer:g} m", "D",
        lambda view, _, keys: _water(view, keys.get("water_buffer_m", 0)),
    ),
    "military": (
        "Military land", "no overlap", "D",
        lambda view, *_: _mapped(
            view, view.geometry("landuse", landuse={"military"}), 0, what="military land is"
        ),
    ),
    "cemetery": (
        "Cemetery", "no overlap", "D",
        lambda view, *_: _mapped(
            view, view.geometry("landuse", landuse={"cemetery"}), 0, what="cemeteries are"
        ),
    ),
    "landfill_buffer_m": (
        "Landfill", "at least {value:g} m away", "D",
        lambda view, value, _: _mapped(
            view, view.geometry("landuse", landuse={"landfill"}), value, what="landfills are"
        ),
    ),
    "airport": ("Airport", "no overlap", "D", lambda view, *_: _airport(view, 0)),
    "airport_buffer_km": (
        "Near an airport", "at least {value:g} km away", "D",
        lambda view, value, _: _airport(view, value * 1000),
    ),
    "power_line_buffer_m": (
        "Power-line corridor", "{value:g} m, {buffer:g} m from 110 kV", "M",
        lambda view, value, keys: _power(
            view, value, keys.get("power_line_hv_buffer_m", value)
        ),
    ),
    "settlement_buffer_m": (
        "Near homes", "more than {value:g} m from settlements", "D",
        lambda view, value, _: _settlement(view, value),
    ),
    "rail_hazmat_buffer_m": (
        "Near a railway", "at least {value:g} m away", "D",
        lambda view, value, _: _mapped(
            view, view.geometry("railway"), value, what="railways are"
        ),
    ),
}  # fmt: skip


def build_constraints(
    view: CityView, limits: Mapping[str, Any], *, citation: str = ""
) -> tuple[Constraint, ...]:
    """
    Apply the hard constraints of a profile.

    Parameters
    ----------
    view : of the city.
    limits : ``constraints`` of the profile with the overrides of the study. False or ``"ignore"``
        switches one off.
    citation : of the limits.

    Returns
    -------
    One for each limit that speaks of cells, applied or not.

    Raises
    ------
    StudyError
        If a limit is not known or has a value of the wrong kind.
    """
    helper_of = {owner: key for key, owner in _HELPERS.items()}
    found = []
    for key, value in limits.items():
        if key in SITE_KEYS or key in _HELPERS:
            continue
        if key == _FLOOD_MAP and view.flood_map is None:
            continue  # nobody gave one; the height above drainage stands in for it
        if key not in _RULES:
            raise StudyError(
                f"suitability.constraints.{key}: no such constraint; known are {', '.join(_RULES)}"
            )
        title, text, mark, measure = _RULES[key]
        excluded, note, applied = np.zeros(view.grid.shape, dtype=bool), "", True
        if _off(value):
            applied, note = False, "switched off in the study file"
            text = "off"
        else:
            _check_value(key, value)
            buffer = limits.get(helper_of.get(key, ""), 0)
            text = text.format(value=value, buffer=buffer)
            try:
                hit, note = measure(view, value, limits)
                excluded = np.asarray(hit & view.inside, dtype=bool)
            except MissingDataError as error:
                applied, note = False, str(error)
        found.append(
            Constraint(
                id=key,
                title=title,
                limit=text,
                excluded=excluded,
                applied=applied,
                mark=mark,
                citation=citation,
                note=note,
            )
        )
    return tuple(found)


def _check_value(key: str, value: object) -> None:
    wants_number = key.endswith(("_max", "_min", "_m", "_km"))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if wants_number and not (is_number and value >= 0):  # type: ignore[operator]
        raise StudyError(f"suitability.constraints.{key}: {value!r} is not a number of 0 or more")
    if not wants_number and value not in {"exclude", True}:
        raise StudyError(f"suitability.constraints.{key}: {value!r} is not 'exclude' or 'ignore'")
