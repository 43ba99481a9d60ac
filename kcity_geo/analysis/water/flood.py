"""
Flood exposure (W8) and storm runoff: who lives low above the drainage, and how much water comes.

Height above drainage is a screening: it knows no rain, no discharge and no return period. A flood
map with return periods or depths, when there is one, takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.features import shapes, text
from kcity_geo.analysis.evidence.trust import height_model, method_trust
from kcity_geo.analysis.settlement.built import built_share
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.analysis.terrain.relief import to_cells
from kcity_geo.cube import cell_size, length_in_cells
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.result import Indicator, assessable, unassessed
from kcity_geo.settings import Settings
from kcity_geo.standards import standard_gap

__all__ = [
    "catchment_runoff",
    "curve_number_runoff_mm",
    "exposure_of_depth",
    "exposure_of_height",
    "exposure_of_return_period",
    "flood_exposure",
    "flood_map_exposure",
    "rational_peak_m3_s",
]

_NO_DRAINAGE = (
    "no drainage follows from the elevation (flat ground, or the water leaves the model before it meets a "
    "stream); give sources.flood, or an elevation model of a larger area"
)


_HEIGHTS = {
    "surface": "from a surface model, which may be metres off over roofs, trees and steep land",
    "terrain": "from a terrain model",
}


def rational_peak_m3_s(coefficient: float, intensity_mm_h: float, area_ha: float) -> float:
    """
    Peak flow of a small catchment by the rational method.

    Parameters
    ----------
    coefficient : share of the rain that runs off, 0 to 1.
    intensity_mm_h : rain over the time of concentration, mm/h.
    area_ha : of the catchment, ha; the method is meant for less than a few hundred.

    Returns
    -------
    m3/s.

    Examples
    --------
    >>> round(rational_peak_m3_s(0.7, 60, 100), 3)
    11.667
    """
    return coefficient * intensity_mm_h * area_ha / 360


def curve_number_runoff_mm(
    rain_mm: float, curve_number: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """
    Runoff depth of a storm by the SCS curve number method.

    Parameters
    ----------
    rain_mm : of the storm, mm.
    curve_number : above 0 to 100; 100 is open water or sealed ground.

    Returns
    -------
    Shape of `curve_number`, mm, never more than the rain.

    Raises
    ------
    StudyError
        If a curve number is out of range or the rain negative.

    References
    ----------
    .. [1] USDA (1986). Urban Hydrology for Small Watersheds, TR-55.

    Examples
    --------
    >>> curve_number_runoff_mm(100, np.array([100.0, 80.0])).round(2)
    array([100.  ,  50.54])
    """
    number = np.asarray(curve_number, dtype=np.float64)
    if rain_mm < 0 or (number <= 0).any() or (number > 100).any():  # noqa: PLR2004 - by definition
        raise StudyError(f"runoff: rain {rain_mm:g} mm, curve numbers must lie above 0 up to 100")
    storage = 25400 / number - 254
    excess = np.maximum(rain_mm - 0.2 * storage, 0.0)
    # Without rain and storage nothing divides nothing.
    return np.asarray(excess**2 / np.maximum(rain_mm + 0.8 * storage, 1e-9))


def exposure_of_height(
    high_share: NDArray[np.float64],
    moderate_share: NDArray[np.float64],
    *,
    moderate_weight: float = 0.5,
) -> NDArray[np.float64]:
    """
    Exposure from shares of ground low above the drainage.

    Parameters
    ----------
    high_share : share of the cell at most 2 m above drainage.
    moderate_share : share of the cell at most 5 m above drainage, the first included.
    moderate_weight : how much of the second counts beyond the first.

    Returns
    -------
    0 to 1; NaN where not known.

    Examples
    --------
    >>> low = np.array([1.0, 1, 0, 0, 0, 0])
    >>> middle = np.array([1.0, 1, 1, 0, 0, 0])
    >>> people = np.array([100.0, 300, 500, 900, 700, 1500])
    >>> float((exposure_of_height(low, middle) * people).sum() / people.sum())
    0.1625
    """
    return np.asarray(high_share + moderate_weight * np.maximum(moderate_share - high_share, 0.0))


def exposure_of_return_period(
    years: NDArray[np.float64], *, edges: list[float], weights: list[float]
) -> NDArray[np.float64]:
    """
    Exposure from a map of return periods.

    Parameters
    ----------
    years : smallest return period that floods the place; NaN or 0: never on that map.
    edges : upper edges of the classes, ascending; an edge belongs to the lower class.
    weights : exposure of each class; beyond the last it is 0.

    Returns
    -------
    0 to 1.

    Examples
    --------
    >>> exposure_of_return_period(
    ...     np.array([10.0, 100, 1000, np.nan]), edges=[20, 100, 500], weights=[1, 0.5, 0.2])
    array([1. , 0.5, 0. , 0. ])
    """
    years = np.asarray(years, dtype=np.float64)
    known = np.isfinite(years) & (years > 0)
    table = np.asarray([*weights, 0.0])
    return np.where(known, table[np.digitize(np.nan_to_num(years), edges, right=True)], 0.0)


def exposure_of_depth(
    depth_m: NDArray[np.float64], *, high_m: float, moderate_m: float, moderate_weight: float
) -> NDArray[np.float64]:
    """
    Exposure from a map of flood depths.

    Parameters
    ----------
    depth_m : metres; NaN or 0: dry.
    high_m : depth that counts in full.
    moderate_m : depth from which it counts by `moderate_weight`.
    moderate_weight : 0 to 1.

    Returns
    -------
    0 to 1.
    """
    depth = np.nan_to_num(np.asarray(depth_m, dtype=np.float64))
    middle = np.where(depth >= moderate_m, moderate_weight, 0.0)
    return np.where(depth >= high_m, 1.0, middle)


def flood_map_exposure(city: CityModel) -> tuple[NDArray[np.float64], str] | None:
    """
    Give the exposure that the flood map of the user tells, by the ground of each cell that floods.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Exposure from 0 to 1, shape (rows, cols), NaN where the map does not reach, and what map it is;
    None when no flood map is given.
    """
    fine, settings = city.flood, city.settings("water")
    if fine is not None:
        pixels = np.asarray(fine.to_numpy(), dtype=np.float64)
        exposure, source = _exposure_of_map(pixels, str(fine.attrs.get("units", "m")), settings)
        known = np.where(np.isfinite(pixels), exposure, np.nan)
        return to_cells(known, fine, city.grid), source
    values = city.array("flood")
    if values is None:
        return None
    units = str(city.cube["flood"].attrs.get("units", "m"))
    exposure, source = _exposure_of_map(values, units, settings)
    return np.where(np.isfinite(values), exposure, np.nan), source


def _exposure_of_map(
    values: NDArray[np.float64], units: str, settings: Settings
) -> tuple[NDArray[np.float64], str]:
    if units.lower().startswith(("year", "a")):
        return exposure_of_return_period(
            values,
            edges=[float(v) for v in settings["return_period_years"]],
            weights=[float(v) for v in settings["return_period_weight"]],
        ), "flood map with return periods"
    return exposure_of_depth(
        values,
        high_m=float(settings["depth_high_m"]),
        moderate_m=float(settings["depth_moderate_m"]),
        moderate_weight=float(settings["moderate_weight"]),
    ), "flood depth map"


def _flat_without_rivers(city: CityModel) -> bool:
    """Tell whether the elevation is one height everywhere and no river or drain is mapped."""
    if city.dem is None or len(city.layers.get("drainage", ())):
        return False
    heights = np.asarray(city.dem.to_numpy(), dtype=np.float64)
    return bool(np.isfinite(heights).any() and np.nanmin(heights) == np.nanmax(heights))


def _class_shares(
    terrain: Mapping[str, NDArray[np.float64]],
    people: NDArray[np.float64],
    settings: Settings,
) -> dict[str, float]:
    classes = terrain["flood_class"]
    names = list(settings["flood_class_names"])
    known = np.isfinite(classes) & np.isfinite(people)
    total = float(people[known].sum())
    if total <= 0:
        return {}
    return {
        f"share_{name.replace(' ', '_')}": float(people[known & (classes == code)].sum() / total)
        for code, name in enumerate(names)
    }


def flood_exposure(city: CityModel) -> Indicator:
    """
    Assess W8: the share of people exposed to flooding.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row W8; cells are exposures from 0 to 1, by the share of their ground that floods. Where a flood
    map reaches, it alone speaks; elsewhere the height above drainage; NaN where neither does.
    People (without them, built-up land) weigh the city value.
    """
    common: dict[str, Any] = {"units": "share", "layers": ("drainage",), "as_of": city.osm_date}
    by_map = city.flood is not None or city.array("flood") is not None
    if city.checking and (by_map or city.dem is not None):
        if not by_map and _flat_without_rivers(city):
            return unassessed("W8", reason=_NO_DRAINAGE, **common)
        return assessable("W8", evidence="user" if by_map else "modelled", **common)
    relief, settings = city.terrain, city.settings("water")
    mapped = flood_map_exposure(city)
    if mapped is None and "hand_le2_share" not in relief:
        return unassessed(
            "W8",
            reason="neither elevation nor a flood map is known; give sources.elevation or "
            "sources.flood",
            **common,
        )
    if mapped is None and not np.isfinite(relief["hand_le2_share"][city.inside]).any():
        return unassessed("W8", reason=_NO_DRAINAGE, **common)
    people = city.array("population")
    built = city.array("built_m2")
    weight = people if people is not None else built
    if weight is None:
        weight = np.where(city.inside, 1.0, np.nan)
    details: dict[str, Any] = {}
    height = np.full(city.grid.shape, np.nan)
    if "hand_le2_share" in relief:
        height = exposure_of_height(
            relief["hand_le2_share"],
            relief["hand_le5_share"],
            moderate_weight=float(settings["moderate_weight"]),
        )
    if mapped is not None:
        exposure, source = mapped
        evidence = "user"
        note = f"{source}; it replaces the height above drainage; no data within it is taken as dry"
        covered = weighted_mean(
            np.where(city.inside, np.isfinite(exposure), np.nan),
            np.asarray(city.cube["inside_share"].to_numpy(), dtype=np.float64),
        )
        if covered < 1:
            details["flood_map_share"] = covered
            rest = (
                "elsewhere the height above drainage, screening only"
                if "hand_le2_share" in relief
                else "elsewhere nothing is known"
            )
            note = (
                f"{source} over {covered:.0%} of the city, no data within it taken as dry; {rest}"
            )
            tell(f"W8: {note}")
    else:
        exposure = np.full(city.grid.shape, np.nan)
        source, evidence = "elevation model, height above nearest drainage", "modelled"
        note = "screening only, no return period; " + _HEIGHTS[height_model(city)]
    told = np.isfinite(exposure)
    exposure = np.where(told, exposure, height)
    if "hand_le2_share" in relief:
        details |= {
            "persons_le2_share": weighted_mean(relief["hand_le2_share"], weight),
            "persons_le5_share": weighted_mean(relief["hand_le5_share"], weight),
            **_class_shares(relief, weight, settings),
        }
        details |= _runoff_summary(city)
    cells = np.where(city.inside, exposure, np.nan)
    low, high = (
        np.where(told | ~city.inside, cells, relief.get(f"hand_le{m}_share", cells)) for m in (2, 5)
    )
    details |= _drain_density(city)
    return Indicator(
        id="W8",
        value=weighted_mean(cells, weight),
        cells=cells,
        gap=standard_gap(cells, city.standards["W8"]),
        # Whether land 2 to 5 m above the drainage floods, a height does not tell.
        gap_bounds=(
            standard_gap(low, city.standards["W8"]),
            standard_gap(high, city.standards["W8"]),
        ),
        evidence=evidence,
        evidence_cells=np.where(told, "user", "modelled"),
        trust=np.where(told, 1.0, _height_trust(city)),
        n_features=len(city.layers["drainage"]) if "drainage" in city.layers else 0,
        source=source,
        note=note + ("" if people is not None else "; weighted by built-up land, not people"),
        details=details,
        **common,
    )


def _height_trust(city: CityModel) -> float:
    """Confidence that height above drainage carries; a model nobody named shows roofs."""
    return method_trust(city, f"W8_{height_model(city)}_model")


def _drain_density(city: CityModel) -> dict[str, float]:
    """Kilometres of drain, ditch, canal and stream per built-up km2."""
    frame, built = city.layers.get("drainage"), built_share(city)
    if frame is None or built is None or not len(frame):
        return {}
    kept = np.isin(text(frame, "waterway"), ("drain", "ditch", "canal", "stream"))
    lines = shapes(frame)[kept]
    length = float((length_in_cells(lines, grid=city.grid) * (built > 0.05))[city.inside].sum())  # noqa: PLR2004 - built-up cell
    area = float(((built > 0.05) & city.inside).sum()) * cell_size(city.grid) ** 2 / 1e6  # noqa: PLR2004
    return {"drain_km_per_built_km2": length / 1000 / area} if area > 0 else {}


def _by_cover(
    landcover: NDArray[np.float64] | None,
    table: Mapping[str, float],
    unknown: float,
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    out: NDArray[np.float64] = np.full(shape, float(unknown))
    if landcover is not None:
        for code, value in table.items():
            out[landcover == int(code)] = float(value)
    return out


def catchment_runoff(
    catchment: NDArray[np.float64],
    landcover: NDArray[np.float64] | None,
    *,
    cell_m: float,
    settings: Settings,
) -> pd.DataFrame:
    """
    Storm runoff of each catchment: peak by the rational method, volume by the curve number.

    Parameters
    ----------
    catchment : number of each cell's catchment, shape (rows, cols); 0 or NaN: none.
    landcover : ESA WorldCover codes on the same grid; None: the coefficients for unknown cover.
    cell_m : side of a cell, metres.
    settings : parameters of the sector: design rain and coefficients by class.

    Returns
    -------
    A row a catchment: ``catchment, area_ha, runoff_coefficient, curve_number, peak_m3_s,
    runoff_mm, volume_m3``. Areas add up to the cells that have a catchment.
    """
    number = np.nan_to_num(np.asarray(catchment, dtype=np.float64)).astype(np.int64)
    shape = number.shape
    coefficient = _by_cover(
        landcover, settings["runoff_coefficient"], settings["runoff_coefficient_unknown"], shape
    )
    curve = _by_cover(landcover, settings["curve_number"], settings["curve_number_unknown"], shape)
    depth = curve_number_runoff_mm(float(settings["rain_mm"]), curve)
    inside = number > 0
    ids, index = np.unique(number[inside], return_inverse=True)
    count = np.bincount(index, minlength=len(ids)).astype(float)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(index, weights=values[inside], minlength=len(ids)) / count)

    area = count * cell_m**2 / 1e4
    runoff = mean(depth)
    frame = pd.DataFrame(
        {
            "catchment": ids,
            "area_ha": area,
            "runoff_coefficient": mean(coefficient),
            "curve_number": mean(curve),
        }
    )
    frame["peak_m3_s"] = (
        frame["runoff_coefficient"] * float(settings["rain_intensity_mm_h"]) * area / 360
    )
    frame["runoff_mm"] = runoff
    frame["volume_m3"] = runoff * area * 10
    return frame


def _runoff_summary(city: CityModel) -> dict[str, float]:
    terrain = city.terrain
    if "catchment" not in terrain:
        return {}
    runoff = catchment_runoff(
        np.where(city.inside, terrain["catchment"], np.nan),
        city.array("landcover"),
        cell_m=cell_size(city.grid),
        settings=city.settings("water"),
    )
    if runoff.empty:
        return {}
    return {
        "catchments": float(len(runoff)),
        "catchment_area_ha": float(runoff["area_ha"].sum()),
        "largest_peak_m3_s": float(runoff["peak_m3_s"].max()),
        "runoff_volume_m3": float(runoff["volume_m3"].sum()),
        "mean_curve_number": float(np.average(runoff["curve_number"], weights=runoff["area_ha"])),
    }
