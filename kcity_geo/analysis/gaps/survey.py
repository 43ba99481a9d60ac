"""
Survey: where somebody should look first, and for what.

A place is worth a visit when many people live there and the answer would change what is said of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.parts import Parts
from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.analysis.settlement.districts import cell_weight
from kcity_geo.config import read_table
from kcity_geo.cube import cell_centres, cell_size
from kcity_geo.result import SECTORS
from kcity_geo.retold import made

__all__ = ["survey_table"]

_COLUMNS = (
    "task_id", "rank", "population", "people_open", "evidence", "priority", "sector", "look_for",
    "district",
)  # fmt: skip


def survey_table(city: CityModel, parts: Mapping[str, Parts]) -> gpd.GeoDataFrame:
    """
    Tell where field mappers should go first: where an answer would change what is said of most people.

    Parameters
    ----------
    city : its model.
    parts : sector and ``composite`` -> gaps.

    Returns
    -------
    Areas that can be walked in a day, best first, that together hold at most the share of people in
    ``[survey]`` of ``tables/readings.toml``: ``task_id, rank, population, people_open`` (residents of
    whom nothing can be told), ``evidence``, ``priority`` (people times the chance that the answer
    changes the reading), ``sector`` (the one with most to learn), ``look_for``, ``district`` (of a city of
    one district the place that is mapped nearest). Empty where everything is known, or nobody is: each
    task holds at least one resident of whom nobody can tell, and its sector is one of which nobody can tell there.
    """
    nothing = gpd.GeoDataFrame({c: [] for c in _COLUMNS}, geometry=[], crs=city.city.crs)
    if city.array("population") is None:
        return nothing
    rule = read_table("readings")["survey"]
    people = np.where(city.inside, city.once(cell_weight, "people"), 0.0)
    change = {sector: _change(parts[sector]) for sector in SECTORS}
    frame = _squares(city, people, change, parts, side_m=rule["square_m"])
    if frame.empty or people.sum() == 0:
        return nothing
    frame = frame[(frame["priority"] > 0) & (frame["people_open"] >= 1)].sort_values(
        ["priority", "column", "row"], ascending=[False, True, True], kind="stable"
    )
    before = frame["population"].cumsum() - frame["population"]
    if frame.empty:  # everything is known
        return nothing
    most = rule["people_share"] * float(people.sum())
    chosen = frame[(before < most) & (before + frame["population"] <= most * 1.0001)]
    if chosen.empty:
        chosen = frame.head(1)
    return _gathered(city, chosen, side_m=rule["square_m"], cells_most=int(rule["squares_most"]))


def _change(part: Parts) -> NDArray[np.float64]:
    """
    Chance that looking changes the reading: the less sure and the poorer the data, the more.

    Nothing where the reading is told: nobody is sent there for that sector.
    """
    unsure = 4 * part.short * (1 - part.short)
    open_ = part.reading == READINGS.index("cannot_tell")
    missing = 1 - np.nan_to_num(part.evidence)
    found = np.where(open_, np.maximum(unsure, missing), 0.0)
    return np.where(np.isfinite(part.short), found, 0.0)


def _squares(
    city: CityModel,
    people: NDArray[np.float64],
    change: Mapping[str, NDArray[np.float64]],
    parts: Mapping[str, Parts],
    *,
    side_m: float,
) -> pd.DataFrame:
    """People and what could be learnt in squares counted from the origin of the CRS."""
    size = cell_size(city.grid)
    side = max(1, round(side_m / size)) * size
    x, y = cell_centres(city.grid)
    frame = pd.DataFrame(
        {
            "column": np.floor(np.ravel(x) / side).astype(np.int64),
            "row": np.floor(np.ravel(y) / side).astype(np.int64),
            "population": people.ravel(),
        }
    )
    open_ = np.zeros(people.shape, dtype=bool)
    for sector in SECTORS:
        frame[sector] = (change[sector] * people).ravel()
        frame[f"evidence_{sector}"] = (np.nan_to_num(parts[sector].evidence) * people).ravel()
        open_ |= parts[sector].reading == READINGS.index("cannot_tell")
    frame["people_open"] = (open_ * people).ravel()
    frame = frame[frame["population"] > 0]
    sums = frame.groupby(["column", "row"], sort=True).sum().reset_index()
    sums["priority"] = sums[list(SECTORS)].max(axis=1)
    return sums


def _gathered(
    city: CityModel, squares: pd.DataFrame, *, side_m: float, cells_most: int
) -> gpd.GeoDataFrame:
    """Join neighbouring squares into areas, none larger than can be walked."""
    size = cell_size(city.grid)
    side = max(1, round(side_m / size)) * size
    column, row = (squares[k].to_numpy() - squares[k].min() for k in ("column", "row"))
    mask = np.zeros((row.max() + 1, column.max() + 1), dtype=bool)
    mask[row, column] = True
    label = ndimage.label(mask)[0]
    step = max(1, int(np.sqrt(cells_most)))
    tile = (row // step) * 100_003 + column // step
    group = pd.Series(label[row, column] * 1_000_003 + tile, index=squares.index, name="group")
    sectors = list(SECTORS)
    sums = squares.drop(columns=["column", "row"]).groupby(group).sum()
    box = shapely.box(
        squares["column"] * side,
        squares["row"] * side,
        (squares["column"] + 1) * side,
        (squares["row"] + 1) * side,
    )
    joined = {key: shapely.union_all(box[group.to_numpy() == key]) for key in sums.index}
    sums["sector"] = np.array(sectors)[sums[sectors].to_numpy().argmax(axis=1)]
    total = sums["population"].to_numpy()
    known = sums[[f"evidence_{sector}" for sector in sectors]].to_numpy()
    worst = sums[sectors].to_numpy().argmax(axis=1)
    sums["evidence"] = known[np.arange(len(sums)), worst] / total
    sums["look_for"] = [made(f"look_for_{sector}") for sector in sums["sector"]]
    shapes = np.array([joined[key] for key in sums.index], dtype=object)
    middle = shapely.centroid(shapes)
    sums["district"] = _place_names(city, middle)
    sums["geometry"] = shapes
    sums = sums.sort_values("priority", ascending=False, kind="stable").reset_index(drop=True)
    sums["rank"] = np.arange(1, len(sums) + 1)
    sums["task_id"] = [f"task-{number:02d}" for number in sums["rank"]]
    return gpd.GeoDataFrame(sums[[*_COLUMNS]], geometry=sums["geometry"], crs=city.city.crs)


def _place_names(city: CityModel, points: NDArray[np.object_]) -> list[str]:
    """
    Name of the district that each point lies in or is nearest to.

    One district is the city, which tells nobody where to go: there the place that is mapped nearest.
    """
    districts = city.city.districts
    tree = shapely.STRtree(districts.geometry.to_numpy())
    nearest = tree.nearest(points)
    names = [str(districts["name"].iloc[int(place)]) for place in np.atleast_1d(nearest)]
    places = city.layers.get("place")
    if len(districts) > 1 or places is None or not {"place", "name"} <= set(places.columns):
        return names
    rule = read_table("readings")["survey"]
    small = places["place"].isin(rule["places"]) & (places["name"].fillna("") != "")
    places = places[small].sort_values("name", kind="stable")
    spots = shapely.STRtree(np.asarray(shapely.centroid(places.geometry.to_numpy())))
    of, at = spots.query_nearest(
        np.atleast_1d(points), max_distance=rule["place_m"], all_matches=False
    )
    for one, place in zip(of.tolist(), at.tolist(), strict=True):
        names[one] = str(places["name"].iloc[place])
    return names
