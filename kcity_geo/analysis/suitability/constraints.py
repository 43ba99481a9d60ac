"""
Constraints: where building is excluded, whatever the score.

A cell that an excluded feature touches at all is excluded whole; beside the cells stands the exact
area. A constraint whose data are missing is not applied and says so; where only some cells lack data,
those cells are unknown, and closed to building because nobody can say that they may be built on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.distance.straight import distance_to_mask_m
from kcity_geo.analysis.suitability.excluded_area import Land, excluded_areas
from kcity_geo.analysis.suitability.view import CityView, MissingDataError
from kcity_geo.analysis.terrain.sea import sea_polygons
from kcity_geo.cube import area_in_cells
from kcity_geo.errors import StudyError
from kcity_geo.profiles import Limit, is_off
from kcity_geo.result import Constraint, Limited

__all__ = ["SITE_KEYS", "build_constraints"]

#: Keys of ``constraints`` that speak of whole sites, not of cells.
SITE_KEYS = ("min_area_ha", "min_width_m", "compactness_min")
#: Keys that only refine another one.
_HELPERS = {
    "protected_buffer_m": "protected",
    "water_buffer_m": "water_body",
    "power_line_hv_buffer_m": "power_line_buffer_m",
    "peak_buffer_m": "barren",
}
#: Key of the only constraint that is left out, not listed as missing, without its own input.
_FLOOD_MAP = "flood_exposure_max"
_WATER_CLASSES = (80, 90, 95)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """
    What a constraint excludes.

    Parameters
    ----------
    cells : shape (rows, cols), True where a cell is touched.
    land : the land itself, for its exact area.
    unknown : shape (rows, cols), True where nobody can tell; None: nowhere.
    note : for people.
    limited : what was compared with the limit, where it is one number a cell.
    """

    cells: NDArray[np.bool_]
    land: Land
    unknown: NDArray[np.bool_] | None = None
    note: str = ""
    limited: Limited | None = None


def _whole(
    cells: NDArray[np.bool_],
    unknown: NDArray[np.bool_] | None = None,
    note: str = "",
    limited: Limited | None = None,
) -> _Found:
    """Exclude whole cells: what is excluded was measured for each cell."""
    return _Found(cells=cells, land=Land(cells=cells), unknown=unknown, note=note, limited=limited)


def _touched(view: CityView, geometry: NDArray[np.object_], buffer_m: float) -> _Found:
    """Exclude what the features, widened by a buffer, cover, and cells that they touch at all."""
    wide = np.asarray(geometry, dtype=object)
    areal = np.isin(shapely.get_type_id(wide), (3, 6))
    if buffer_m > 0:
        # The outline of a buffer has corners: this one lies nowhere inside the true circle, and its
        # area is right within 0.05 %.
        wide = land = shapely.buffer(wide, buffer_m * 1.00054, quad_segs=24)
    else:
        # Points and lines take no land: the cell that they lie in is touched.
        land = wide[areal]
        wide = np.where(areal, wide, shapely.buffer(wide, 0.5))
    cells = np.asarray(area_in_cells(wide, grid=view.grid) > 0)
    return _Found(cells=cells, land=Land(shapes=land))


def _both(one: _Found, two: _Found) -> _Found:
    """Exclude what either of two does."""
    shapes = [f.land.shapes for f in (one, two) if f.land.shapes is not None]
    whole = [f.land.cells for f in (one, two) if f.land.cells is not None]
    return _Found(
        cells=one.cells | two.cells,
        land=Land(
            shapes=np.concatenate(shapes) if shapes else None,
            cells=np.logical_or.reduce(whole) if whole else None,
        ),
        note=one.note or two.note,
    )


def _relief_limit(
    view: CityView, name: str, limit: float, *, units: str, at_least: bool = False
) -> _Found:
    values = view.relief(name)
    unknown = np.isnan(values) & view.inside
    with np.errstate(invalid="ignore"):
        excluded = values < limit if at_least else values > limit
    note = f"{int(unknown.sum()):,} cells without elevation are unknown" if unknown.any() else ""
    asked = Limited(values=values, units=units, limit=limit, at_least=at_least)
    return _whole(excluded, unknown, note, asked)


def _mapped(view: CityView, geometry: NDArray[np.object_], buffer_m: float, *, what: str) -> _Found:
    if len(geometry) == 0:
        raise MissingDataError(_not_mapped(view, f"no {what} mapped here; check with the city"))
    return _touched(view, geometry, buffer_m)


def _built(view: CityView, limit: float) -> _Found:
    """Find land that is built up by its roofs, by the land cover, or by the people who live there."""
    found = view.built_share
    with np.errstate(invalid="ignore"):
        excluded = found.values > limit
    notes, settled = [found.note], np.zeros(excluded.shape, dtype=bool)
    # A limit of 1 lets a project stand where the town is.
    if limit < 1.0:
        for more, what in (
            (view.settled_cover, "are built up by the land cover"),
            (view.settled_people, "hold as many people as an urban centre"),
        ):
            further = int((more & ~excluded).sum())
            if further:
                notes.append(f"{further:,} further cells {what}")
            excluded |= more
            settled |= more
    unknown = np.isnan(found.values) & view.inside & ~excluded
    asked = Limited(values=found.values, units="share", limit=limit, always=settled)
    # Below 1 other land is closed than at 1, whatever the roofs: no limit leads from one to the other.
    return _whole(excluded, unknown, "; ".join(filter(None, notes)), asked if limit < 1.0 else None)


def _flood(view: CityView, most: float) -> _Found:
    """Find cells that the flood map of the study puts under water."""
    found = view.flood_map
    if found is None:
        raise MissingDataError("needs a flood map (sources.flood or sources.flood_return_period)")
    beyond = view.inside & np.isnan(found)
    note = ""
    if beyond.any():
        note = f"{beyond.sum() / view.inside.sum():.0%} of the city lie beyond the flood map, not judged by it"
    asked = Limited(values=np.nan_to_num(found), units="share", limit=most)
    return _whole(asked.values > most, note=note, limited=asked)


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
    cover = view.city.array("landcover")
    if len(places) == 0 and cover is None:
        raise MissingDataError(_not_mapped(view, "no water mapped here and no land cover raster"))
    found = _whole(np.zeros(view.grid.shape, dtype=bool))
    if len(places):
        found = _both(found, _touched(view, places, buffer_m))
    if cover is not None:
        found = _both(found, _whole(np.isin(cover, _WATER_CLASSES)))
    return found


def _not_mapped(view: CityView, reason: str) -> str:
    """Say why a layer is empty; without any map that is all there is to say."""
    return reason if view.unmapped.startswith("none") else view.unmapped


def _barren(view: CityView, peak_buffer_m: float) -> _Found:
    """Find peaks with the land around them, bare rock, scree, cliffs and glaciers."""
    frame = view.layer("barren")
    if frame is None:
        # Where the ground is known its slope speaks for rock that nobody mapped.
        view.relief("slope_pct")
        none = f"{view.unmapped}; only the slope speaks for rock and cliffs"
        return _whole(np.zeros(view.grid.shape, dtype=bool), note=none)
    places = np.asarray(frame.geometry.to_numpy(), dtype=object)
    peak = frame["natural"].isin(["peak", "volcano"]).to_numpy(dtype=bool)
    found = _whole(np.zeros(view.grid.shape, dtype=bool))
    if peak.any():
        found = _both(found, _touched(view, places[peak], peak_buffer_m))
    if (~peak).any():
        found = _both(found, _touched(view, places[~peak], 0.0))
    return found


def _power(view: CityView, buffer_m: float, hv_buffer_m: float) -> _Found:
    frame = view.layer("power_line")
    if frame is None:
        raise MissingDataError(
            _not_mapped(view, "no power lines mapped here; check with the utility")
        )
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
    low = overhead & ~high
    found = _whole(view.inside & False, note="distribution lines and cables are not counted")
    for which, width_m in ((high, hv_buffer_m), (low, buffer_m)):
        if which.any():
            found = _both(found, _touched(view, lines[which], width_m))
    return found


def _settlement(view: CityView, buffer_m: float) -> _Found:
    """Find the land around mapped homes and around cells where people live densely."""
    homes = view.geometry("landuse", landuse={"residential"})
    dense = view.dense_cells
    if not len(homes) and dense is None:
        raise MissingDataError("needs population or mapped residential land")
    note = "mapped residential land and cells of 300 people a km²"
    found = _whole(view.inside & False, note=note)
    if len(homes):
        found = _both(found, _touched(view, homes, buffer_m))
    if dense is not None and dense.any():
        near = distance_to_mask_m(dense, cell_m=view.cell_m) <= buffer_m
        found = _both(found, _whole(near))
    return found


def _airport(view: CityView, buffer_m: float) -> _Found:
    places = np.concatenate(
        [view.geometry("airport"), view.geometry("landuse", aeroway={"aerodrome"})]
    )
    return _mapped(view, places, buffer_m, what="airport")


#: key -> title, limit in words, mark, what measures it.
_RULES: Mapping[str, tuple[str, str, str, Any]] = {
    "slope_pct_max": (
        "Steep slope", "slope at most {value:.4g} %", "D",
        lambda view, value, _: _relief_limit(view, "slope_pct", value, units="%"),
    ),
    "hand_m_min": (
        "Low above drainage", "at least {value:g} m above the nearest drainage", "D",
        lambda view, value, _: _relief_limit(view, "hand_m", value, units="m", at_least=True),
    ),
    _FLOOD_MAP: (
        "Flooded by the flood map",
        "at most {value:g} of a cell under water, rare or shallow floods counted in part",
        "D",
        lambda view, value, _: _flood(view, value),
    ),
    "built_max": (
        "Built-up land",
        "built-up share at most {value:.0%}, not built up by land cover, fewer people than an urban centre",
        "D",
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
    "quarry": (
        "Quarry", "no overlap", "D",
        lambda view, *_: _mapped(
            view, view.geometry("landuse", landuse={"quarry"}), 0, what="quarries are"
        ),
    ),
    "barren": (
        "Peak, bare rock, cliff or glacier", "no overlap, {buffer:g} m around peaks", "D",
        lambda view, _, keys: _barren(view, keys.get("peak_buffer_m", 0)),
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
    view: CityView, limits: Mapping[str, Limit], *, citation: str = ""
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
    found: list[tuple[Constraint, Land | None]] = []
    for key in limits:
        if key in SITE_KEYS or key in _HELPERS:
            continue
        if key == _FLOOD_MAP and view.flood_map is None:
            continue  # nobody gave one; the height above drainage stands in for it
        if key not in _RULES:
            raise StudyError(
                f"suitability.constraints.{key}: no such constraint; known are {', '.join(_RULES)}"
            )
        found.append(_applied(view, key, limits, citation=citation))
    at = [i for i, (_, land) in enumerate(found) if land is not None]
    areas = excluded_areas([found[i][1] or Land() for i in at], city=view.city)
    told = [one for one, _ in found]
    for i, (alone, added) in zip(at, areas, strict=True):
        told[i] = replace(told[i], area_ha=alone, added_ha=added)
    return tuple(told)


def _applied(
    view: CityView, key: str, limits: Mapping[str, Limit], *, citation: str
) -> tuple[Constraint, Land | None]:
    """Apply one constraint; without the land when it cannot be applied."""
    value = limits[key]
    title, text, mark, measure = _RULES[key]
    nothing = np.zeros(view.grid.shape, dtype=bool)
    about: dict[str, Any] = {"id": key, "title": title, "mark": mark, "citation": citation}
    if is_off(value):
        why = "switched off in the study file"
        return Constraint(limit="off", excluded=nothing, applied=False, note=why, **about), None
    _check_value(key, value)
    helper_of = {owner: helper for helper, owner in _HELPERS.items()}
    about["limit"] = text.format(value=value, buffer=limits.get(helper_of.get(key, ""), 0))
    try:
        hit: _Found = measure(view, value, limits)
    except MissingDataError as error:
        return Constraint(excluded=nothing, applied=False, note=str(error), **about), None
    unknown = nothing if hit.unknown is None else hit.unknown & view.inside
    excluded = np.asarray(hit.cells & view.inside & ~unknown, dtype=bool)
    found = Constraint(
        excluded=excluded, unknown=unknown, note=hit.note, limited=hit.limited, **about
    )
    return found, hit.land


def _check_value(key: str, value: object) -> None:
    wants_number = key.endswith(("_max", "_min", "_m", "_km"))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if wants_number and not (is_number and value >= 0):  # type: ignore[operator]
        raise StudyError(f"suitability.constraints.{key}: {value!r} is not a number of 0 or more")
    if not wants_number and value not in {"exclude", True}:
        raise StudyError(f"suitability.constraints.{key}: {value!r} is not 'exclude' or 'ignore'")
