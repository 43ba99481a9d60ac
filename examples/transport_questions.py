"""Five questions that planners ask first, each answered in a few lines, on the demo town."""

from pathlib import Path

import numpy as np
import shapely

import kcity_geo as kc
from kcity_geo.analysis.access import travel_minutes
from kcity_geo.analysis.reach import sums_within
from kcity_geo.analysis.snapping import snap
from kcity_geo.cube import cell_centres

study = kc.load_study(Path(__file__).parents[1] / "data" / "hanbit" / "study.toml")
data = kc.load(study)
graphs = kc.street_graphs(data)
gaps = kc.assess_gaps(data)
rows = gaps.indicators.set_index(["indicator", "unit_id"])
names = gaps.districts.set_index("district_id")["name"]
persons = np.nan_to_num(data.array("population"))

print("1. Districts where more than half of the residents lack public transport")
stops = rows.loc["T1", "value"].drop("city")
print("  ", ", ".join(f"{names[d]} ({v:.0%} near a stop)" for d, v in stops[stops < 0.5].items()))

print("2. Residents more than 1 km from rapid transit")
print(f"   {(1 - rows.loc[('T2', 'city'), 'value']) * persons.sum():,.0f}")

print("3. Share of the rural population beyond 2 km from an all-season road")
rural = rows.loc[("T3", "city"), "value"]
print(f"   {1 - rural:.0%}" if np.isfinite(rural) else "   nobody lives in rural cells here")

print("4. Built-up land with under 60 intersections and under 18 km of street per km2")
sparse = (gaps.cells["T5"].to_numpy() < 60) & (gaps.cells["T4"].to_numpy() < 18)
print(f"   {sparse.sum()} cells, {persons[sparse].sum():,.0f} residents")

print("5. Residents more than 30 minutes' drive from a hospital, and where one more helps most")
health = data.layers["health"]
kinds = health["tags"].map(lambda tags: "hospital" in (tags.get("amenity"), tags.get("healthcare")))
# Without a mapped hospital the question is asked of clinics on foot instead, and says so.
mode, asked = ("drive", health[kinds]) if kinds.any() else ("walk", health)
minutes = travel_minutes(graphs[mode], asked.geometry.to_numpy(), grid=data.grid)
far = np.where(minutes <= 30, 0.0, persons).ravel()
x, y = cell_centres(data.grid)
some = np.flatnonzero(far > 0)
homes, places = shapely.points(x[some], y[some]), shapely.points(x[::7], y[::7])
gained = sums_within(
    graphs[mode], snap(graphs[mode], places), snap(graphs[mode], homes), far[some], limits=(30.0,)
)[:, 0]
best = int(np.argmax(gained))
what = "hospital by car" if kinds.any() else "clinic on foot (no hospital is mapped)"
print(f"   {what}: {far.sum():,.0f} residents; one at {places[best].x:.0f}, {places[best].y:.0f}")
print(f"   ({data.city.crs.to_string()}) would reach {gained[best]:,.0f} of them")
