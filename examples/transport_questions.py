"""Five questions that planners ask first, each answered in a few lines, on the demo town."""

from pathlib import Path

import numpy as np
import shapely

import kcity_geo as kc
from kcity_geo.cube import cell_centres

study = kc.load_study(Path(__file__).parents[1] / "data" / "hanbit" / "study.toml")
data = kc.load(study)
graphs = kc.street_graphs(data)
found = {row.id: row for row in kc.assess_gaps(data).assessed}
names = data.city.districts.set_index("district_id")["name"]
persons = np.nan_to_num(data.array("population"))

print("1. Districts where more than half of the residents lack public transport")
stops = kc.transport.by_district(data, found["T1"].cells)
print("  ", ", ".join(f"{names[d]} ({v:.0%} near a stop)" for d, v in stops[stops < 0.5].items()))

print("2. Residents more than 1 km from rapid transit")
print(f"   {kc.transport.rapid_transit(data).details['persons_unserved']:,.0f}")

print("3. Share of the rural population beyond 2 km from an all-season road")
rural = kc.transport.rural_access(data)[0].value
print(f"   {1 - rural:.0%}" if np.isfinite(rural) else "   nobody lives in rural cells here")

print("4. Built-up land with under 60 intersections and under 18 km of street per km2")
sparse = (found["T5"].cells < 60) & (found["T4"].cells < 18)
print(f"   {sparse.sum()} cells, {persons[sparse].sum():,.0f} residents")

print("5. Residents more than 30 minutes' drive from a hospital, and where one more helps most")
asked, mode, what = kc.transport.facilities(data, "hospital"), "drive", "hospital by car"
if len(asked) == 0:  # without a mapped hospital it is asked of clinics on foot, and says so
    asked, mode = kc.transport.facilities(data, "health"), "walk"
    what = "clinic on foot (no hospital is mapped)"
graph = graphs[mode]
minutes = kc.transport.travel_minutes(graph, asked, grid=data.grid)
# No route is no long drive: streets that are not mapped reach nobody.
far = (minutes > 30) & (persons > 0)
lost = persons[np.isnan(minutes)].sum()
print(f"   {what}: {persons[far].sum():,.0f} residents; {lost:,.0f} more have no mapped route")
need = far if far.any() else (minutes > np.nanquantile(minutes, 0.9)) & (persons > 0)
x, y = cell_centres(data.grid)
homes = kc.transport.snap(graph, shapely.points(x[need.ravel()], y[need.ravel()]))
spots = shapely.points(x[::7], y[::7])
gained = kc.transport.sums_within(
    graph, kc.transport.snap(graph, spots), homes, persons[need], limits=(30.0,), direction="from"
)[30.0].to_numpy()
best = spots[int(np.argmax(gained))]
whom = "of them" if far.any() else "of those with the longest tenth of ways"
print(f"   one at {best.x:.0f}, {best.y:.0f} ({data.city.crs.to_string()}) would be within")
print(f"   30 minutes of {gained.max():,.0f} {whom}")
