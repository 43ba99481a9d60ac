"""A plan made by hand: a site of 40 ha with two phases, a street and a water main."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import shapely

from kcity_geo.citydata import CityData
from kcity_geo.plan_sheets import MapLayer, MapSheet, PlanSheets, Table

__all__ = ["hand_plan"]

LEAD = (
    "On the site today: nothing.",
    "40 ha of 40 ha of buildable land divided like a usual new town.",
    "5,000 persons in 1,852 dwellings, 3,104 jobs.",
    "Works cost 60 M USD (P10 40, P90 90) at prices of 2024.",
    "2 blocks and 4 parcels lie along 1.0 km of streets: sketch, not a design.",
)


def hand_plan(data: CityData, *, name: str = "site 1") -> PlanSheets:
    """Give the plan, in the middle of a city."""
    west, south, east, north = data.city.boundary_metric.bounds
    x, y, crs = round((west + east) / 2), round((south + north) / 2), data.city.crs

    def box(left: float, low: float, right: float, high: float) -> shapely.Polygon:
        return shapely.box(x + left, y + low, x + right, y + high)

    def frame(shapes: list, **columns: object) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)

    street = shapely.LineString([(x + 500, y), (x + 500, y + 400)])

    def layer(style: str, *shapes: shapely.Polygon) -> MapLayer:
        return MapLayer(style=style, shapes=gpd.GeoSeries(list(shapes), crs=crs))

    green, homes, work, rest = (
        box(0, 400, 1000, 450), box(0, 0, 500, 400), box(500, 0, 900, 400), box(900, 0, 1000, 400),
    )  # fmt: skip
    outline = layer("outline", box(0, 0, 1000, 450))
    maps = (
        MapSheet(
            number=19, title="Land-use budget", caption="",
            layers=(layer("green", green), layer("residential", homes), layer("industry", work),
                    layer("reserve", rest), outline),
        ),
        MapSheet(
            number=20, title="Phasing", caption="",
            layers=(layer("green", green), layer("reserve", rest), layer("phase_1", homes),
                    layer("phase_2", work), outline),
        ),
    )  # fmt: skip
    cost = pd.DataFrame(
        {
            "Work": [f"Street of {name}", "Unforeseen"],
            "Phase": ["1", "all"],
            "Quantity": [1.5, float("nan")],
            "Unit": ["km", ""],
            "Price": [1_000_000.0, float("nan")],
            "Cost": [1_500_000.0, 300_000.0],
        }
    )
    return PlanSheets(
        title=f"New town: concept plan of {name}",
        city=data.city.name,
        crs=crs,
        as_of="2026-01-01",
        synthetic=data.synthetic,
        provenance=data.provenance,
        disclaimer="screening level; not for procurement or land acquisition; sketch, not a design",
        lead=LEAD,
        chapters=(),
        tables={
            "cost": Table(title="Cost of works", frame=cost, units={"Price": "USD", "Cost": "USD"}),
            "phases": Table(
                title="Year by year", frame=pd.DataFrame({"Year": [2026], "Persons": [100.0]})
            ),
        },
        maps=maps,
        layers={
            "site": (frame([box(0, 0, 1000, 450)]), "site"),
            "streets": (frame([street], **{"class": ["arterial"]}), "streets"),
            "water": (frame([street], utility=["water"]), "water"),
        },
    )
