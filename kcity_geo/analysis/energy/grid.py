"""
The mapped power grid: voltage classes, distance to it (E5), and its density (E6).

Untagged voltage is not guessed beyond what the kind of line says: ``minor_line`` and
``minor_cable`` are distribution (medium voltage), ``line`` and ``cable`` transmission.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.distance.straight import kept_distance_m
from kcity_geo.analysis.evidence.features import column, shapes, text
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.cube import cell_centres, cell_size, length_in_cells
from kcity_geo.result import Indicator, unassessed
from kcity_geo.settings import Settings
from kcity_geo.standards import Standard, standard_gap

__all__ = [
    "VOLTAGE_CLASSES",
    "grid_distances_km",
    "line_classes",
    "line_density",
    "mv_distance",
    "voltage_class",
]

VOLTAGE_CLASSES = ("hv", "mv", "lv", "unknown")
_RURAL = 1


def voltage_class(voltage_v: NDArray[np.float64], settings: Settings) -> NDArray[np.str_]:
    """
    Class of a voltage.

    Parameters
    ----------
    voltage_v : highest voltage of each feature, V; NaN: not known.
    settings : parameters of the sector.

    Returns
    -------
    ``hv`` from 66 kV, ``mv`` from 1 kV, ``lv`` below, ``unknown``; the limits are parameters.

    Examples
    --------
    >>> from kcity_geo.settings import settings_of
    >>> voltage_class(np.array([110e3, 22e3, 400, np.nan]), settings_of("energy", None)).tolist()
    ['hv', 'mv', 'lv', 'unknown']
    """
    v = np.asarray(voltage_v, dtype=np.float64)
    low, high = float(settings["mv_min_v"]), float(settings["hv_min_v"])
    known = np.select([v >= high, v >= low, v < low], ["hv", "mv", "lv"], default="unknown")
    return np.asarray(known)


def line_classes(lines: gpd.GeoDataFrame, settings: Settings) -> NDArray[np.str_]:
    """
    Voltage class of each power line, from its tag, else from its kind.

    Parameters
    ----------
    lines : layer ``power_line``.
    settings : parameters of the sector.

    Returns
    -------
    A class a line; ``unknown`` only when neither speaks.
    """
    found = voltage_class(column(lines, "voltage_v"), settings).astype(object)
    kind = text(lines, "power")
    unknown = found == "unknown"
    found[unknown & np.isin(kind, ("minor_line", "minor_cable"))] = "mv"
    found[unknown & np.isin(kind, ("line", "cable"))] = "hv"
    return found.astype(str)


def grid_distances_km(city: CityModel) -> dict[str, NDArray[np.float64]]:
    """
    Distance of each cell to the mapped grid, by layer; exact, in a straight line.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    ``transformer``, ``mv`` (lines), ``hv`` (lines), ``substation`` (any), ``hv_substation``,
    ``mv_substation`` (all that are not high voltage): shape (rows, cols), km. A layer without a
    feature is left out.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for layer in ("transformer", "power_line", "substation"):
        found |= city.once(_layer_distances_km, layer)
    return found


def _layer_distances_km(city: CityModel, layer: str) -> dict[str, NDArray[np.float64]]:
    """Distances of `grid_distances_km` to the features of one layer, which other layers do not change."""
    frame, settings = city.layers.get(layer), city.settings("energy")
    parts: dict[str, NDArray[np.object_]] = {}
    if frame is None or not len(frame):
        return {}
    if layer == "transformer":
        parts["transformer"] = shapes(frame)
    elif layer == "power_line":
        classes = line_classes(frame, settings)
        parts["mv"] = shapes(frame, classes == "mv")
        parts["hv"] = shapes(frame, classes == "hv")
    else:
        # Traction and industrial substations serve no public grid.
        public = ~np.isin(text(frame, "substation"), ("traction", "industrial", "converter"))
        high = voltage_class(column(frame, "voltage_v"), settings) == "hv"
        parts["substation"] = shapes(frame, public)
        parts["hv_substation"] = shapes(frame, public & high)
        parts["mv_substation"] = shapes(frame, public & ~high)
    if city.checking:  # what is mapped is all that is asked
        return {name: np.zeros(city.grid.shape) for name, shape in parts.items() if len(shape)}
    x, y = cell_centres(city.grid)
    memory = city.pieces("distances of cells")
    return {
        name: kept_distance_m(geometry, x=x, y=y, name=name, memory=memory).reshape(city.grid.shape)
        / 1000
        for name, geometry in parts.items()
        if len(geometry)
    }


def _for_rural(standard: Standard, factor: float) -> Standard:
    from dataclasses import replace

    target = None if standard.target is None else standard.target * factor
    worst = None if standard.worst is None else standard.worst * factor
    return replace(standard, target=target, worst=worst)


def mv_distance(city: CityModel) -> Indicator:
    """
    Assess E5: how far the medium-voltage grid is.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row E5; rural land has ``rural_factor`` times the standard; cells in km to the nearest
    medium-voltage line, transformer or substation. Only high
    voltage mapped: distance to that, evidence proxy.
    """
    settings, standard = city.settings("energy"), city.standards["E5"]
    distances = city.once(grid_distances_km)
    layers = ("power_line", "substation", "transformer")
    common: dict[str, Any] = {"units": "km", "layers": layers, "as_of": city.osm_date}
    near = [distances[k] for k in ("mv", "transformer", "substation") if k in distances]
    evidence, note = "observed", "straight distance to mapped lines, transformers and substations"
    if not near and "hv" in distances:
        near, evidence = [distances["hv"]], "proxy"
        note = "only high-voltage lines are mapped: distance to those"
    if not near:
        return unassessed(
            "E5",
            reason="no power line, transformer or substation is mapped; give sources.power_lines "
            "from the utility",
            **common,
        )
    kilometres = np.where(city.inside, np.min(near, axis=0), np.nan)
    gap = standard_gap(kilometres, standard)
    classes = city.array("urban_class")
    if classes is not None:
        rural = standard_gap(kilometres, _for_rural(standard, float(settings["rural_factor"])))
        gap = np.where(classes == _RURAL, rural, gap)
    people = city.array("population")
    weight = np.where(city.inside, 1.0, np.nan) if people is None else people
    details: dict[str, Any] = {
        f"mean_km_{name}": weighted_mean(values, weight) for name, values in distances.items()
    }
    if "hv_substation" in distances:
        reach = distances["hv_substation"] <= float(settings["hv_substation_km"])
        details["near_hv_substation_share"] = weighted_mean(reach.astype(float), weight)
    details |= _unread(city)
    if "unread_voltages" in details:
        note += f"; voltage tags not read: {details['unread_voltages']}"
    return Indicator(
        id="E5",
        value=weighted_mean(kilometres, weight),
        cells=kilometres,
        gap=gap,
        evidence=evidence,
        n_features=sum(len(city.layers[n]) for n in layers if n in city.layers),
        source="OSM power grid",
        note=note,
        details=details,
        **common,
    )


def _unread(city: CityModel) -> dict[str, Any]:
    """Tags of voltage that are there but could not be read, and how many lines have none."""
    out: dict[str, Any] = {}
    strange: set[str] = set()
    for name in ("power_line", "substation", "transformer"):
        frame = city.layers.get(name)
        if frame is None or not len(frame):
            continue
        missing = ~np.isfinite(column(frame, "voltage_v"))
        if name == "power_line":
            out["lines_without_voltage"] = int(missing.sum())
        if "tags" in frame:
            tags = frame.loc[missing, "tags"]
            strange |= {str(t["voltage"]) for t in tags if isinstance(t, dict) and t.get("voltage")}
    if strange:
        out["unread_voltages"] = "; ".join(sorted(strange)[:10])
    return out


def line_density(city: CityModel) -> Indicator:
    """
    Give E6: kilometres of mapped line per km2, by voltage class; context, not scored.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row E6. A line with three circuits is one line: what is measured is the route.
    """
    lines = city.layers.get("power_line")
    common: dict[str, Any] = {
        "units": "km/km2",
        "layers": ("power_line",),
        "as_of": city.osm_date,
    }
    if lines is None or not len(lines):
        return unassessed(
            "E6", reason="no power line is mapped; give sources.power_lines", **common
        )
    classes = line_classes(lines, city.settings("energy"))
    # What runs on beyond the boundary belongs to the neighbours.
    geometry = shapely.intersection(shapes(lines), city.city.boundary_metric)
    share = np.nan_to_num(np.asarray(city.cube["inside_share"].to_numpy(), dtype=float))
    area = float(share.sum()) * cell_size(city.grid) ** 2 / 1e6
    details: dict[str, Any] = {}
    total = np.zeros(city.grid.shape)
    for name in VOLTAGE_CLASSES:
        length = length_in_cells(geometry[classes == name], grid=city.grid) * city.inside
        total += length
        details[f"{name}_km"] = float(length.sum()) / 1000
    cell_km2 = np.where(share > 0, share, np.nan) * cell_size(city.grid) ** 2 / 1e6
    return Indicator(
        id="E6",
        value=float(total.sum()) / 1000 / area if area else float("nan"),
        cells=np.where(city.inside, total / 1000 / cell_km2, np.nan),
        evidence="observed",
        n_features=len(lines),
        source="OSM power lines",
        note="route length of mapped lines inside the boundary; what is not mapped is not counted",
        details=details,
        **common,
    )
