"""
Which mapped buildings people live in, and on how many floors.

A building tagged as a dwelling is one. Of the others, those tagged with another use, and those that stand on land where
nobody lives (industry, barracks, an aerodrome, a farmyard, shops and offices alone), hold no residents.
"""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.cube import area_in_cells, cell_size
from kcity_geo.settings import Settings, settings_of

__all__ = ["floors_of", "is_home", "on_land_without_residents", "share_without_residents"]


def is_home(
    buildings: gpd.GeoDataFrame,
    *,
    landuse: gpd.GeoDataFrame | None = None,
    rule: Settings | None = None,
) -> NDArray[np.bool_]:
    """
    Tell in which mapped buildings people probably live.

    Parameters
    ----------
    buildings : polygons in the metric CRS, column ``building``; ``amenity`` and ``office`` are read where they are.
    landuse : polygons of land use in the same CRS, columns ``landuse`` and ``aeroway``; None: not known.
    rule : parameters of ``settlement``; None: the defaults.

    Returns
    -------
    Shape (buildings,).

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> houses = [box(0, 0, 9, 9), box(20, 0, 29, 9), box(40, 0, 49, 9)]
    >>> buildings = gpd.GeoDataFrame({"building": ["yes", "yes", "apartments"]}, geometry=houses)
    >>> works = gpd.GeoDataFrame({"landuse": ["industrial"]}, geometry=[box(15, -5, 60, 20)])
    >>> is_home(buildings, landuse=works)
    array([ True, False,  True])
    """
    rule = settings_of("settlement") if rule is None else rule
    kind = _words(buildings, "building")
    named = kind.isin(rule["dwellings"]).to_numpy()
    other = (
        kind.isin(rule["not_dwellings"]).to_numpy()
        | _words(buildings, "amenity").isin(rule["amenities_without_residents"]).to_numpy()
        | _words(buildings, "office").ne("").to_numpy()
        | on_land_without_residents(buildings, landuse, words=rule["landuse_without_residents"])
    )
    return np.asarray(named | ~other)


def on_land_without_residents(
    buildings: gpd.GeoDataFrame, landuse: gpd.GeoDataFrame | None, *, words: Sequence[str]
) -> NDArray[np.bool_]:
    """
    Tell which buildings stand on land in whose use nobody lives; of several uses the smallest area speaks.

    Parameters
    ----------
    buildings : polygons in a metric CRS.
    landuse : polygons in the same CRS, columns ``landuse`` and ``aeroway``; None: not known.
    words : values of ``landuse`` (and ``aerodrome``) in which nobody lives.

    Returns
    -------
    Shape (buildings,); False where no land use is mapped.
    """
    found = np.zeros(len(buildings), dtype=bool)
    if landuse is None or len(landuse) == 0 or len(buildings) == 0:
        return found
    use = _use_of(landuse)
    shapes = landuse.geometry.to_numpy()
    points = shapely.point_on_surface(buildings.geometry.to_numpy())
    house, area = shapely.STRtree(shapes).query(points, predicate="within")
    # Smallest first; equal areas in the order of their words, so that the order of rows says nothing.
    rank = np.lexsort((use.to_numpy().astype(str), shapely.area(shapes)))
    place = np.empty(len(shapes), dtype=int)
    place[rank] = np.arange(len(shapes))
    first = pd.Series(place[area]).groupby(house).min()
    found[first.index] = use.isin(list(words)).to_numpy()[rank[first.to_numpy()]]
    return found


def share_without_residents(
    landuse: gpd.GeoDataFrame, *, grid: GeoBox, words: Sequence[str]
) -> NDArray[np.float64]:
    """
    Share of each cell that is used in a way in which nobody lives.

    Parameters
    ----------
    landuse : polygons in the metric CRS, columns ``landuse`` and ``aeroway``.
    grid : the study grid.
    words : values of ``landuse`` (and ``aerodrome``) in which nobody lives.

    Returns
    -------
    Shape (rows, cols), 0 to 1; 0 where no land use is mapped.
    """
    if len(landuse) == 0:
        return np.zeros(grid.shape)
    here = _use_of(landuse).isin(list(words)).to_numpy()
    area_m2 = area_in_cells(np.asarray(landuse.geometry.to_numpy()[here]), grid=grid)
    return np.clip(area_m2 / cell_size(grid) ** 2, 0.0, 1.0)


def floors_of(
    buildings: gpd.GeoDataFrame, *, home: NDArray[np.bool_], rule: Settings | None = None
) -> NDArray[np.float64]:
    """
    Give the floors of each building: as tagged, else as the city's tagged buildings of its type, else a stated default.

    Parameters
    ----------
    buildings : columns ``building`` and ``levels`` (NaN: untagged).
    home : shape (buildings,), those in which people live; the city's own floors are learnt from them.
    rule : parameters of ``settlement``; None: the defaults.

    Returns
    -------
    Shape (buildings,), floors, 1 or more. A type is learnt from when ``levels_learnt_from`` of its buildings and
    ``levels_learnt_share`` of them all carry the tag: a few tagged towers say nothing of untagged houses.

    Examples
    --------
    >>> import geopandas as gpd, numpy as np
    >>> kind, levels = ["apartments"] * 12 + ["yes"], [5.0] * 11 + [np.nan, np.nan]
    >>> floors_of(gpd.GeoDataFrame({"building": kind, "levels": levels}), home=np.ones(13, bool))[-2:]
    array([5., 1.])
    """
    rule = settings_of("settlement") if rule is None else rule
    levels = buildings["levels"].astype(float).reset_index(drop=True)
    kind = _words(buildings, "building").reset_index(drop=True)
    tagged = pd.DataFrame({"kind": kind[home], "levels": levels[home]}).groupby("kind")["levels"]
    count, every = tagged.count(), tagged.size()
    enough = (count >= rule.number("levels_learnt_from")) & (
        count >= rule.number("levels_learnt_share") * every
    )
    learnt = kind.map(tagged.median().where(enough))
    floors = levels.fillna(learnt).fillna(rule.number("levels_untagged"))
    return np.asarray(floors.clip(lower=1.0), dtype=np.float64)


def _use_of(landuse: gpd.GeoDataFrame) -> pd.Series:
    """Use of each polygon, in a word."""
    use: pd.Series = _words(landuse, "landuse").copy()
    field = use.eq("")
    use[field] = _words(landuse, "aeroway")[field]
    return use


def _words(frame: gpd.GeoDataFrame, column: str) -> pd.Series:
    """Values of a text column in small letters; empty where there is none."""
    if column not in frame:
        return pd.Series("", index=frame.index, dtype=str)
    words: pd.Series = frame[column].fillna("").astype(str).str.lower()
    return words
