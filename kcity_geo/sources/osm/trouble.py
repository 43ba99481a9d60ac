"""Trouble: what of an OSM file could not be read as it was meant, counted while it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from shapely.geometry.base import BaseGeometry

from kcity_geo.sources.osm.ordering import original_ids
from kcity_geo.sources.osm.rules import Match

__all__ = ["Trouble", "box_text"]


@dataclass(kw_only=True)
class Trouble:
    """
    What could not be read as it was meant.

    Parameters
    ----------
    ways : ways looked at.
    cut_ways : ways that lack nodes and are shorter than in OSM.
    lost_ways : ways of which nothing is left.
    lost_relations : multipolygons that could not be assembled.
    repaired, dropped : closed ways that cross themselves.
    undecodable : objects with tags that are no UTF-8.
    nowhere : nodes with tags of some layer that have no longitude and latitude on Earth.
    miswritten : layer, type, id, key and value of objects in the area that are in no such layer, because their
        value is written otherwise than OpenStreetMap writes it.
    """

    ways: int = 0
    cut_ways: int = 0
    lost_ways: int = 0
    lost_relations: int = 0
    repaired: int = 0
    dropped: int = 0
    undecodable: int = 0
    nowhere: int = 0
    miswritten: list[tuple[str, str, int, str, str]] = field(default_factory=list)

    def note(
        self,
        match: Match,
        kind: str,
        osm_id: int,
        tags: Mapping[str, str],
        *,
        shapes: Sequence[str],
    ) -> None:
        """Keep the values of an object that are written otherwise, each once, for the first layer."""
        layers: dict[str, str] = {}
        for shape, layer, key in match.miswritten:
            if shape in shapes:
                layers.setdefault(key, layer)
        self.miswritten += [(layer, kind, osm_id, key, tags[key]) for key, layer in layers.items()]

    def original(self) -> None:
        """Give the objects the ids that they have in the file."""
        ids = original_ids(np.array([row[2] for row in self.miswritten], dtype=np.int64)).tolist()
        self.miswritten = [
            (row[0], row[1], osm_id, *row[3:])
            for row, osm_id in zip(self.miswritten, ids, strict=True)
        ]


def box_text(geometry: BaseGeometry) -> str:
    """
    Write the bounds of a lon/lat geometry for a message.

    Parameters
    ----------
    geometry : any, lon/lat.

    Returns
    -------
    West, south, east, north in degrees, and which is which.
    """
    west, south, east, north = geometry.bounds
    return f"{west:.4f}, {south:.4f}, {east:.4f}, {north:.4f} (west, south, east, north)"
