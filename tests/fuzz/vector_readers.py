"""Readers of vectors, maps and study files that the fuzz harness calls by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import CRS

if TYPE_CHECKING:
    from pathlib import Path

AREA = shapely.box(9.0, 0.0, 9.1, 0.1)


def osm(path: Path) -> dict[str, list[list[Any]]]:
    """Type, id, name and place of the features of each layer that holds some."""
    from kcity_geo.sources.osm.pbf import read_osm

    layers = read_osm(path, area=AREA, crs=CRS(32632)).layers
    return {
        layer: [
            [kind, number, name, *np.round(shape.bounds).tolist()]
            for kind, number, name, shape in zip(
                frame["osm_type"],
                frame["osm_id"].tolist(),
                frame["name"],
                frame.geometry,
                strict=True,
            )
        ]
        for layer, frame in layers.items()
        if len(frame)
    }


def districts(path: Path) -> list[list[Any]]:
    """Name and bounds of the polygons of a file that can be districts of a city."""
    from kcity_geo.city import make_city
    from kcity_geo.sources.local.vectors import read_polygons

    frame = read_polygons(path, key="city.districts")
    make_city("X", AREA, districts=frame)
    column = next((c for c in frame if str(c).lower() == "name"), None)
    names = [""] * len(frame) if column is None else frame[column]
    places = np.round(frame.geometry.bounds.to_numpy(), 6).tolist()
    return [[str(name), *place] for name, place in zip(names, places, strict=True)]


def study(path: Path) -> dict[str, Any]:
    """Every value of a study file that is set."""
    from kcity_geo.studyfile import load_study

    found: dict[str, Any] = json.loads(load_study(path).model_dump_json(exclude_unset=True))
    return found
