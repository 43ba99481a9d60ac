"""Key facilities of the city as points for the map."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from kcity_geo.outputs.languages import tell, translated
from kcity_geo.outputs.text import plain_text
from kcity_geo.result import Result

__all__ = ["make_facilities"]

_MAX_POINTS = 6_000
_KINDS = (
    ("health", "Hospitals and clinics", "#d32f2f", 5.0, ("health",)),
    ("school", "Schools", "#7b4fa3", 3.5, ("school", "university")),
    ("transit", "Stops and stations", "#1b7f5c", 3.0, ("transit_high", "transit_low")),
    ("water", "Water supply and wastewater", "#0b61a4", 4.0,
     ("water_plant", "water_store", "water_pump", "sewage", "water_point")),
    ("power", "Power plants and substations", "#f0a30a", 4.5, ("power_gen", "substation")),
)  # fmt: skip
_WORDS = {
    "health": "health", "school": "school", "university": "university", "transit_high": "station",
    "transit_low": "stop", "water_plant": "water works", "water_store": "water storage",
    "water_pump": "pumping station", "sewage": "wastewater", "water_point": "water point",
    "power_gen": "power generation", "substation": "substation",
}  # fmt: skip


def make_facilities(result: Result) -> list[dict[str, Any]]:
    """
    Collect the facilities that a map shows, the most important kinds first.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    A dictionary a kind: ``key, title, colour, radius, show, lat, lon, text, named, source``;
    coordinates are whole numbers of degrees x 100,000, texts plain (not escaped), ``named`` tells
    whether the map names it, ``source`` is its object of OpenStreetMap (``way/12``), empty for
    features of the user. At most 6,000 points a kind; the
    title says how many there are when some are left out.
    """
    found = []
    for key, title, colour, radius, names in _KINDS:
        lat, lon, text, named, source = _points(result, names)
        if not len(lat):
            continue
        total = len(lat)
        kept = _thinned(total)
        shown = translated(title)
        if total > _MAX_POINTS:
            shown = tell("map_kept", title=shown, kept=f"{_MAX_POINTS:,}", total=f"{total:,}")
        found.append(
            {
                "key": key,
                "title": shown,
                "colour": colour,
                "radius": radius,
                "show": False,
                "lat": lat[kept].tolist(),
                "lon": lon[kept].tolist(),
                "text": [text[i] for i in kept],
                "named": [named[i] for i in kept],
                "source": [source[i] for i in kept],
            }
        )
    return found


def _thinned(total: int) -> Any:  # noqa: ANN401 - integer array
    """Evenly spread numbers, the same ones every time."""
    return np.unique(np.linspace(0, total - 1, min(total, _MAX_POINTS)).astype(int))


def _points(
    result: Result, names: tuple[str, ...]
) -> tuple[Any, Any, list[str], list[int], list[str]]:
    lat: list[Any] = [np.zeros(0, dtype=int)]
    lon: list[Any] = [np.zeros(0, dtype=int)]
    text: list[str] = []
    named: list[int] = []
    source: list[str] = []
    outline = result.data.city.boundary
    shapely.prepare(outline)
    for name in names:
        frame: gpd.GeoDataFrame | None = result.data.layers.get(name)
        if frame is None or not len(frame):
            continue
        if name == "sewage":
            frame = frame[shapely.get_dimensions(frame.geometry.to_numpy()) != 1]
        points = frame.geometry.representative_point().to_crs(4326).to_numpy()
        inside = shapely.intersects(outline, points)
        points, labels = points[inside], frame["name"].to_numpy()[inside] if "name" in frame else []
        kind = translated(_WORDS[name])
        lat.append(np.round(shapely.get_y(points) * 1e5).astype(int))
        lon.append(np.round(shapely.get_x(points) * 1e5).astype(int))
        for i in range(len(points)):
            label = plain_text(labels[i], max_chars=80) if len(labels) else ""
            text.append(tell("map_point", name=label, kind=kind) if label else kind)
            named.append(int(bool(label)))
        source += _objects(frame, inside)
    return np.concatenate(lat), np.concatenate(lon), text, named, source


def _objects(frame: gpd.GeoDataFrame, inside: Any) -> list[str]:  # noqa: ANN401 - boolean array
    """Name the object of OpenStreetMap that each feature is; empty for features of the user."""
    if not {"osm_type", "osm_id"} <= set(frame.columns):
        return [""] * int(np.count_nonzero(inside))
    chosen = frame.loc[inside, ["osm_type", "osm_id"]].astype(str)
    return [
        f"{plain_text(kind, max_chars=10)}/{number}" if number.isdigit() and number != "0" else ""
        for kind, number in chosen.itertuples(index=False)
    ]
