"""
Coverage: how complete each input of a study is, in the words that `kcity check` prints.

Shares are of the study area, of its districts or of the rows of a file; nothing here is an
estimate of what is missing in reality.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import shapely

from kcity_geo.city_districts import REST
from kcity_geo.citydata import CityData
from kcity_geo.notes import muted
from kcity_geo.sources.local.points import read_points_or_vector
from kcity_geo.sources.osm.pbf import BOX_NOT_USED, read_header

__all__ = ["coverage"]


def coverage(data: CityData, paths: Mapping[str, Path]) -> dict[str, str]:
    """
    Say how complete each input is.

    Parameters
    ----------
    data : of the study.
    paths : id of an input -> its file, for those that have one.

    Returns
    -------
    Id of an input (also ``boundary`` and ``districts``) -> text.
    """
    found = {"boundary": f"{data.city.boundary_metric.area / 1e6:,.1f} km2"}
    found["districts"] = _districts(data)
    found["osm"] = _osm(data, paths.get("osm"))
    if data.transit is not None:
        found["gtfs"] = _stops(data)
    if data.official:
        found["official"] = _official(data)
    for key, path in paths.items():
        if key.startswith("extra.") or key in {"power_lines", "protected"}:
            found[key] = _own_features(data, key, path)
    numbers = data.measured.get("population", {})
    if "reached_share" in numbers:
        found["population"] = f"its polygons cover {numbers['reached_share']:.0%} of the city"
    return found


def _districts(data: CityData) -> str:
    frame = data.city.districts
    given = frame[~frame["district_id"].isin([REST, "whole"])]
    if given.empty:
        return "none given: results are for the city as a whole"
    share = shapely.area(given.geometry.to_numpy()).sum() / data.city.boundary_metric.area
    named = int((given["name"].str.strip() != "").sum())
    if frame.attrs.get("numbered"):
        named = 0
    return (
        f"{len(given)} districts, {named} with a name; they cover {min(share, 1.0):.0%} of the city"
    )


def _osm(data: CityData, path: Path | None) -> str:
    inside = f"{int(data.inventory['count'].sum()):,} features inside the study area"
    box = read_header(path)[0] if path is not None else None
    if any(text.endswith(BOX_NOT_USED) for text in data.warnings):
        return f"{inside}; the area stated in the extract is not that of its objects"
    if box is None:
        return f"{inside}; what area the extract covers is not stated in it"
    share = box.intersection(data.city.boundary).area / data.city.boundary.area
    return f"the extract covers {share:.0%} of the city; {inside}"


def _stops(data: CityData) -> str:
    stops = data.transit
    if stops is None or stops.empty:
        return "no stop in or near the city"
    here = shapely.intersects(data.city.boundary_metric, stops["geometry"].to_numpy())
    departures = next((c for c in stops.columns if c.startswith("departures")), None)
    served = ""
    if departures is not None:
        served = f", {int((stops[departures].to_numpy()[here] > 0).sum())} of them with departures"
    return f"{int(here.sum())} of {len(stops)} stops lie in the city{served}"


def _official(data: CityData) -> str:
    single = [k for k in data.official if k not in {"table", "source", "year"}]
    said = [f"{len(single)} numbers of the whole city"] if single else []
    table = data.official.get("table")
    if isinstance(table, pd.DataFrame):
        there = table[table.index != REST]
        said += [
            f"{column} for {int(values.notna().sum())} of {len(there)} districts"
            for column, values in there.items()
        ]
    return ", ".join(said) or "no number"


def _own_features(data: CityData, key: str, path: Path) -> str:
    with muted():
        kinds = ("polygon",) if key == "protected" else ("point", "line", "polygon")
        frame = read_points_or_vector(path, key=key, kinds=kinds)
    shapes = shapely.make_valid(shapely.force_2d(frame.to_crs(data.city.crs).geometry.to_numpy()))
    inside = int(shapely.intersects(data.city.boundary_metric, shapes).sum())
    return f"{inside} of {len(frame)} objects of the file with a place lie in the study area"
