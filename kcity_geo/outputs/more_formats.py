"""Further formats of the layers, for those who ask: FlatGeobuf of each, PMTiles of those that a web map shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import geopandas as gpd

from kcity_geo.outputs.geopackage import kind_of_layers

__all__ = ["save_more_formats"]

#: Layers of which a web map makes tiles.
_TILED = ("boundary", "districts", "cells", "sites", "survey_tasks", "osm_streets")
_FURTHEST_ZOOM = "14"


def save_more_formats(
    formats: Iterable[str], folder: Path, *, credits_of: Mapping[str, str]
) -> None:
    """
    Write the layers of ``study.gpkg`` and the buildings in further formats.

    Parameters
    ----------
    formats : ``"flatgeobuf"`` (``flatgeobuf/<layer>.fgb``), ``"pmtiles"`` (``pmtiles/<layer>.pmtiles``).
    folder : that holds ``study.gpkg``.
    credits_of : what each file says of itself, see `kcity_geo.outputs.attribution.credits_of_file`.
    """
    asked = set(formats)
    about = f"{credits_of['attribution']}. Licence: {credits_of['licence']}. {credits_of['notice']}"
    for kind in sorted(asked):
        (folder / kind).mkdir()
    for name in kind_of_layers(folder / "study.gpkg") if asked else ():
        frame = gpd.read_file(folder / "study.gpkg", layer=name)
        _write(frame, name, folder, asked=asked, about=about)
    if asked and (folder / "buildings.parquet").is_file():
        frame = gpd.read_parquet(folder / "buildings.parquet")
        _write(frame, "osm_building", folder, asked=asked, about=about)


def _write(
    frame: gpd.GeoDataFrame, name: str, folder: Path, *, asked: set[str], about: str
) -> None:
    import pyogrio

    if not len(frame):
        return
    if "flatgeobuf" in asked:
        pyogrio.write_dataframe(
            frame,
            folder / "flatgeobuf" / f"{name}.fgb",
            driver="FlatGeobuf",
            promote_to_multi=len(set(frame.geometry.geom_type)) > 1,
            TITLE=name,
            DESCRIPTION=about,
        )
    if "pmtiles" in asked and name in _TILED:
        pyogrio.write_dataframe(
            frame,
            folder / "pmtiles" / f"{name}.pmtiles",
            driver="PMTiles",
            layer=name,
            NAME=name,
            DESCRIPTION=about,
            MAXZOOM=_FURTHEST_ZOOM,
        )
