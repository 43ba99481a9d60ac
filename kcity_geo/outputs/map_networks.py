"""Networks on the map: power lines, mains and sewers as mapped, and lines that are only inferred."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from kcity_geo.outputs.backdrop import encode, lines_simplified
from kcity_geo.result import Result

__all__ = ["make_networks"]

#: Key, layer, columns that tell a part of it apart, colour, width in pixels.
_MAPPED: tuple[tuple[str, str, tuple[str, tuple[str, ...]] | None, str, float], ...] = (
    ("power_high", "power_line", ("power", ("line", "cable")), "#8a3a00", 1.8),
    ("power_low", "power_line", ("power", ("minor_line",)), "#c06a1d", 1.1),
    ("mains", "water_pipe", None, "#0b61a4", 1.6),
    ("sewers", "sewage", None, "#6b4f2a", 1.6),
)
_INFERRED = ("inferred", "E3", "#8a3a00", 1.8, "2 6")


def make_networks(result: Result) -> list[dict[str, Any]]:
    """
    Draw the networks of a city.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    A dictionary each: ``key, colour, width, dash, data`` (lines as `kcity_geo.outputs.backdrop.encode`
    packs them). Only networks with a line; ``inferred`` is the grid that night lights let expect
    (E3), which nobody mapped.
    """
    left, bottom, right, top = tuple(result.data.grid.boundingbox)
    box, tolerance = (left, bottom, right, top), max(2.0, max(right - left, top - bottom) / 4000)
    back = Transformer.from_crs(result.data.city.crs, 4326, always_xy=True)
    found = []

    def add(key: str, shapes: Any, colour: str, width: float, dash: str) -> None:  # noqa: ANN401
        parts = shapely.get_parts(shapely.clip_by_rect(np.asarray(shapes, dtype=object), *box))
        parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING]
        if not len(parts):
            return
        merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(parts)))
        lines = lines_simplified(merged, tolerance)
        found.append(
            {"key": key, "colour": colour, "width": width, "dash": dash, "data": encode(lines, back)}
        )  # fmt: skip

    for key, name, part, colour, width in _MAPPED:
        frame = result.data.layers.get(name)
        if frame is None or not len(frame):
            continue
        if part is not None and part[0] in frame:
            frame = frame[frame[part[0]].isin(part[1])]
        add(key, shapely.get_parts(frame.geometry.to_numpy()), colour, width, "")
    key, indicator, colour, width, dash = _INFERRED
    for one in result.gaps.assessed:
        lines = one.details.get("geometry") if one.id == indicator else None
        if lines is not None:
            add(key, shapely.get_parts(lines), colour, width, dash)
    return found
