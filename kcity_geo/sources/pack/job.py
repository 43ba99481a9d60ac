"""Job: one fetch, what it asks for and with which tools it works."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import Config
from kcity_geo.notes import tell
from kcity_geo.sources.products.catalogue import Catalogue, Product
from kcity_geo.sources.products.places import Place
from kcity_geo.sources.web.download import Fetcher

__all__ = [
    "FETCHED",
    "FILES",
    "OUTLINES",
    "AbsentError",
    "Job",
    "file_name",
    "note",
    "now",
    "padded",
]

#: Files of a pack that are no raster; a raster is named after its theme.
FILES = {
    "osm": "city.osm.pbf",
    "gtfs": "gtfs.zip",
    "districts": "districts.geojson",
    "buildings": "buildings.parquet",
}
OUTLINES = {"nominatim", "gazetteer"}  # ways of access that give an outline by name
FETCHED = "study.fetched.toml"


@dataclass(frozen=True)
class Job:
    """
    One fetch: where, what, with which tools.

    Parameters
    ----------
    place : name and outline.
    stage : folder in which the pack is made.
    catalogue : products and licences.
    fetcher : the way to the network.
    commercial : the study is paid work.
    asked : products that were asked for by name.
    """

    place: Place
    stage: Path
    catalogue: Catalogue
    fetcher: Fetcher
    commercial: bool
    asked: frozenset[str]

    @property
    def config(self) -> Config:
        """Cache, contact and limits."""
        return self.fetcher.config


class AbsentError(Exception):
    """There is nothing of this kind for this place, and that is no fault."""


def note(text: str) -> None:
    """
    Tell something about a pack.

    Parameters
    ----------
    text : a line for its user.
    """
    tell(text, stacklevel=4)


def file_name(product: Product) -> str:
    """
    Name the file of a product in a pack.

    Parameters
    ----------
    product : row of the catalogue.

    Returns
    -------
    The name, by its theme.
    """
    return FILES.get(product.theme, f"{product.theme}.tif")


def padded(boundary: BaseGeometry, margin_m: float) -> shapely.Polygon:
    """
    Widen a box around a boundary.

    Parameters
    ----------
    boundary : lon/lat.
    margin_m : on each side.

    Returns
    -------
    The box, lon/lat, cut at the edge of the world.
    """
    west, south, east, north = boundary.bounds
    dy = margin_m / 110_574
    dx = margin_m / (111_320 * max(0.05, math.cos(math.radians(max(abs(south), abs(north))))))
    return shapely.box(
        max(-180, west - dx), max(-90, south - dy), min(180, east + dx), min(90, north + dy)
    )


def now() -> str:
    """
    Give the time in UTC.

    Returns
    -------
    ISO, to the second.
    """
    return datetime.now(UTC).isoformat(timespec="seconds")
