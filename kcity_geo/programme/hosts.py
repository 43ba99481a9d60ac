"""Hosts: places that the programme is known to have worked for; context, never ground truth for a city."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.programme.lands import country_name
from kcity_geo.programme.rules import sources_of

__all__ = ["known_hosts"]


def known_hosts() -> gpd.GeoDataFrame:
    """
    List the known host places of 2020 to 2026.

    Returns
    -------
    A row a place and year, WGS 84: ``year, stream, type, name, country, country_name, study, mark,
    coordinates_mark, source, reference, note``; ``reference``: keys of the sources, without their words. No geometry
    where only the country is known. Not complete, see ``tables/programme/hosts.toml``.

    Examples
    --------
    >>> hosts = known_hosts()
    >>> sorted(hosts.loc[(hosts["year"] == 2026) & (hosts["stream"] == "planning"), "name"])
    ['Alatau', 'Lublin', 'Tashkent, new airport']
    """
    table = read_table("programme/hosts")
    about = table["places"]
    rows = [
        {
            "year": row["year"],
            "stream": row["stream"],
            "type": row.get("type", ""),
            "name": row["name"],
            "country": row["country"],
            "country_name": country_name(row["country"], "en"),
            "study": row["study"],
            "mark": about["mark"],
            "coordinates_mark": about["coordinates_mark"] if "lat" in row else "",
            "source": sources_of(row["source"]),
            "reference": ", ".join(row["source"]),
            "note": row.get("note", ""),
        }
        for row in table["host"]
    ]
    frame = pd.DataFrame(rows)
    points = gpd.points_from_xy(
        [row.get("lon") for row in table["host"]], [row.get("lat") for row in table["host"]]
    )
    placed = ["lat" in row for row in table["host"]]
    geometry = gpd.GeoSeries(points, crs=4326).where(pd.Series(placed), None)
    return gpd.GeoDataFrame(frame, geometry=geometry, crs=4326)
