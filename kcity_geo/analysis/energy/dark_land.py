"""Built-up land that is dark at night (E11): dark is not the same as without electricity everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.features import date_of
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.cube import cell_size
from kcity_geo.result import Indicator, unassessed
from kcity_geo.settings import Settings
from kcity_geo.standards import standard_gap

__all__ = ["dark_built_land", "dark_limit", "unlit_built_share"]

#: Fewer cells than this are no background.
_FEWEST = 20


def dark_limit(
    light: NDArray[np.float64],
    population: NDArray[np.float64] | None,
    *,
    floor: float,
    deviations: float,
    glow_cells: float,
) -> float:
    """
    Radiance below which ground counts as dark, from the light of land where nobody lives.

    Parameters
    ----------
    light : radiance; NaN: not known.
    population : persons, same shape; None: not known.
    floor : smallest limit.
    deviations : standard deviations above the mean of unpopulated land.
    glow_cells : cells nearer than this to anybody are lit by their neighbours' glow (a pixel of
        the product is wider than a cell) and left out.

    Returns
    -------
    nW cm-2 sr-1; the floor when too little land lies so far from everybody.
    """
    if population is None:
        return floor
    away = ndimage.distance_transform_edt(~(np.nan_to_num(population) > 0))
    empty = light[np.isfinite(light) & (away > glow_cells)]
    if len(empty) < _FEWEST:
        return floor
    return max(floor, float(empty.mean() + deviations * empty.std()))


def unlit_built_share(
    built_m2: NDArray[np.float64], light: NDArray[np.float64], *, limit: float
) -> float:
    """
    Give the share of built-up land that is dark.

    Parameters
    ----------
    built_m2 : built-up land, m2; NaN: not known.
    light : radiance, same shape; NaN: not known.
    limit : radiance below which it is dark; the limit itself is lit.

    Returns
    -------
    0 to 1; NaN without built-up land.

    Examples
    --------
    >>> built, light = np.array([2000.0, 5000, 800, 1200]), np.array([3.0, 0.1, 0.2, 1.0])
    >>> round(unlit_built_share(built, light, limit=0.5), 4)
    0.6444
    """
    dark = np.where(np.isfinite(light), (light < limit).astype(float), np.nan)
    return weighted_mean(dark, np.asarray(built_m2, dtype=np.float64))


def dark_built_land(city: CityModel) -> Indicator:
    """
    Assess E11: the share of built-up land without night light.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row E11; cells are 1 where built-up land is dark, 0 where it is lit.
    """
    settings = city.settings("energy")
    light, built = city.array("nightlights"), city.array("built_m2")
    common: dict[str, Any] = {
        "units": "share",
        "layers": (),
        "as_of": date_of(city, "nightlights"),
    }
    if light is None or built is None:
        lacks = "night lights are" if light is None else "built-up land is"
        key = "nightlights" if light is None else "built"
        return unassessed("E11", reason=f"no {lacks} known; give sources.{key}", **common)
    people = city.array("population")
    inside = city.inside
    limit = dark_limit(
        np.where(inside, light, np.nan),
        people,
        floor=float(settings["dark_floor"]),
        deviations=float(settings["background_sd"]),
        glow_cells=2 * float(settings["ntl_pixel_m"]) / cell_size(city.grid),
    )
    built = np.where(inside, built, np.nan)
    cells = np.where(np.isfinite(light) & (built > 0), (light < limit).astype(float), np.nan)
    return Indicator(
        id="E11",
        value=unlit_built_share(built, light, limit=limit),
        cells=cells,
        gap=standard_gap(cells, city.standards["E11"]),
        evidence="proxy",
        source="night lights and built-up land",
        note="dark ground is not always ground without electricity",
        details={"limit_ntl": limit, **_outliers(light, people, inside, settings)},
        **common,
    )


def _outliers(
    light: NDArray[np.float64],
    people: NDArray[np.float64] | None,
    inside: NDArray[np.bool_],
    settings: Settings,
) -> dict[str, float]:
    """Count cells with so much light per person that a flare, port or airport is behind it."""
    if people is None:
        return {}
    lived = inside & (people > 0) & np.isfinite(light)
    if not lived.any():
        return {}
    each = light[lived] / people[lived]
    limit = float(np.quantile(each, float(settings["outlier_quantile"])))
    return {"outlier_cells": float((each > limit).sum()), "outlier_light_per_person": limit}
