"""
Bucharest: slope and height above the nearest drainage, and the streets that lie low.

Copernicus GLO-30 is a surface model: roofs and trees are in it, so the numbers are a screening
and say nothing about how often water comes. KCITY_TEST_DATA names the folder of real data; the
picture goes to the folder given.
"""

import os
import sys
from pathlib import Path

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import rasterio
import shapely
import xarray as xr
from matplotlib.collections import LineCollection

from kcity_geo.analysis.terrain.relief import flood_class, hand, slope_pct
from kcity_geo.settings import settings_of

folder = Path(os.environ["KCITY_TEST_DATA"]) / "bucharest-ro"
out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
settings = settings_of("water", None)
with rasterio.open(folder / "bucharest_copdem30_utm35n.tif") as source:
    step, (left, bottom, right, top) = source.res[0], source.bounds
    z = source.read(1, masked=True).astype(float).filled(np.nan)
x = left + (np.arange(z.shape[1]) + 0.5) * step
y = top - (np.arange(z.shape[0]) + 0.5) * step
dem = xr.DataArray(z, dims=("y", "x"), coords={"y": y, "x": x})
layers = folder / "bucharest_osm.gpkg"
streets, river = (gpd.read_file(layers, layer=n) for n in ("streets", "river_centerline"))
found = hand(dem, rivers=river.geometry.to_numpy(), settings=settings)
height, slope = found.hand.to_numpy(), slope_pct(dem).to_numpy()
print(f"slope, percent: median {np.nanmedian(slope):.1f}")
# Streets in pieces of 25 m, each with the height of its ground above the drainage.
pieces = shapely.segmentize(streets.geometry.to_numpy(), 25)
xy, line = shapely.get_coordinates(pieces, return_index=True)
same = line[1:] == line[:-1]
middle, length = (xy[1:] + xy[:-1])[same] / 2, np.hypot(*(xy[1:] - xy[:-1])[same].T)
at = {"x": xr.DataArray(middle[:, 0]), "y": xr.DataArray(middle[:, 1])}
low = found.hand.interp(at, method="nearest").to_numpy()
classes = flood_class(low, settings["flood_class_edges_m"])
for code, name in enumerate(settings["flood_class_names"]):
    print(f"{name:>10}: {length[classes == code].sum() / 1000:8,.0f} km of street")

figure, axes = plt.subplots(2, 1, figsize=(10, 10), sharex=True, sharey=True, layout="constrained")
named = {"slope, percent": slope, "height above drainage, m; streets up to 2 m pink": height}
for panel, (label, values) in zip(axes, named.items(), strict=True):
    image = panel.imshow(values, extent=(left, right, bottom, top), vmax=15, cmap="viridis_r")
    figure.colorbar(image, ax=panel, label=label, shrink=0.8)
    river.clip((left, bottom, right, top)).plot(ax=panel, color="red", linewidth=0.8)
pairs, on = np.stack([xy[:-1][same], xy[1:][same]], axis=1), np.isfinite(classes)
colours = np.where(classes[on] <= 1, "magenta", "0.2")
axes[1].add_collection(LineCollection(pairs[on], colors=colours, linewidths=0.4))
figure.suptitle("Bucharest, a screening. © Copernicus GLO-30, OpenStreetMap contributors")
figure.savefig(out / "bucharest_flood.png", dpi=110)
