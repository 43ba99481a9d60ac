"""
Lesotho: the grid guessed from night lights, against the 32 transmission lines on record.

There is no road data here, so lines run straight over the ground. The record holds transmission
only, so a guessed line that is not near one may still be a distribution line that nobody listed.
KCITY_TEST_DATA names the folder of real data; the picture goes to the folder given.
"""

import os
import sys
from pathlib import Path

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import rasterio
import shapely
from rasterio.warp import Resampling, reproject

from kcity_geo.analysis.energy import inferred_grid as inference
from kcity_geo.settings import settings_of

folder = Path(os.environ["KCITY_TEST_DATA"]) / "lesotho-kampala"
out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
settings = settings_of("energy", None)
with rasterio.open(folder / "lesotho_ntl.tif") as source:
    light = source.read(1, masked=True).filled(np.nan).astype(float)
    to_map, (west, south, east, north) = source.transform, source.bounds
people = np.zeros(light.shape)
with rasterio.open(folder / "lesotho_ghs.tif") as source:  # a sum keeps the people
    known = source.read(1, masked=True).filled(0)
    ways = {"src_transform": source.transform, "src_crs": source.crs, "dst_crs": "EPSG:4326"}
    reproject(known, people, dst_transform=to_map, resampling=Resampling.sum, **ways)
targets = inference.electrified_targets(light, people, settings=settings)
places = np.where(targets, np.arange(light.size).reshape(light.shape) + 1, 0)
dy = 111_130.0 * abs(to_map.e)  # metres, so that east and north steps are as long as they are
dx = 111_320.0 * np.cos(np.radians((south + north) / 2)) * to_map.a
even = np.ones(light.shape)
steps, length = inference.infer_lines(even, places, dx_m=dx, dy_m=dy, max_link=50_000)
row, column = np.divmod(steps, light.shape[1])
ends = np.stack([west + (column + 0.5) * to_map.a, north + (row + 0.5) * to_map.e], axis=-1)
guess = gpd.GeoSeries(shapely.linestrings(ends), crs=4326).to_crs(32735)
true = gpd.read_file(folder / "lesotho_grid.gpkg").to_crs(32735)
print(f"{people.sum():,.0f} people, {people[targets].sum():,.0f} at {targets.sum():,} lit pixels")
print(f"guessed {length / 1000:,.0f} km without roads")
print(f"on record {true.length.sum() / 1000:,.0f} km in {len(true)} lines")
drawn, known = guess.union_all(), true.union_all()
for within_m in (1000, 2000, 5000):
    recall, precision = inference.recall_and_precision(drawn, known, within_m=within_m)
    print(f"within {within_m / 1000:g} km: recall {recall:.2f}, precision {precision:.2f}")
figure, axes = plt.subplots(figsize=(9, 8))
axes.imshow(np.clip(light, 0, 3), extent=(west, east, south, north), cmap="gray")
guess.to_crs(4326).plot(ax=axes, color="orange", linewidth=1, label="guessed")
true.to_crs(4326).plot(ax=axes, color="deepskyblue", linewidth=1, label="on record")
axes.legend(loc="lower right", title="© NOAA VIIRS, JRC GHS-POP, energydata.info")
figure.savefig(out / "lesotho_grid.png", dpi=110)
