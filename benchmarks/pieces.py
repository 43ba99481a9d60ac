"""The cities of `many_cities.py`: pieces cut out of extracts and of demo cities, a few broken on purpose."""

from __future__ import annotations

import csv
import json
import math
import random
from pathlib import Path

import shapely
import shapely.affinity

from kcity_geo.demo.make import make_demo
from kcity_geo.sources.osm.pbf import read_header
from kcity_geo.sources.osm.place_names import read_place_names
from kcity_geo.sources.products.extracts import cut_cities

#: Half widths of a city, degrees of latitude: from 1.0 to 1.7 km across.
_HALF_DEG = (0.0045, 0.006, 0.0078)
_MARGIN_DEG = 0.003
#: Up to so many cities are few.
_FEW = 12
#: Every so manyth city is broken, each in another way.
_BROKEN_EVERY, _BROKEN_EVERY_OF_FEW = 10, 4
_BROKEN = ("no boundary", "cut extract", "no toml", "elsewhere", "unknown key", "no study")
DEMO_SEEDS = (7, 11)
_CELL_M = 250
#: Of a city without a population raster: spread over its buildings.
_PEOPLE = 3000


def make_cities(data: Path, folder: Path, *, count: int, rng: random.Random) -> set[str]:
    """Write the list, boundaries, extracts and study files of so many cities; the ids of the broken ones."""
    sources = sorted(data.rglob("*.osm.pbf"))
    people: dict[Path, Path] = {}
    few = count <= _FEW
    for seed in DEMO_SEEDS[:1] if few else DEMO_SEEDS:
        inputs = make_demo(folder / f"demo-{seed}", size="town", seed=seed).parent
        people[inputs / "city.osm.pbf"] = inputs / "population.tif"
    sources += list(people)
    rows, broken, boxes = [], set[str](), {source: {} for source in sources}
    for number in range(count):
        source, half = sources[number % len(sources)], _HALF_DEG[number % len(_HALF_DEG)]
        name = f"city-{number:03d}"
        lon, lat = centre(source, half, rng)
        wide = half / math.cos(math.radians(lat))
        area = shapely.box(lon - wide, lat - half, lon + wide, lat + half)
        boxes[source][folder / f"{name}.osm.pbf"] = area.buffer(_MARGIN_DEG).envelope
        flaw = ""
        every = _BROKEN_EVERY_OF_FEW if few else _BROKEN_EVERY
        if number % every == every - 1:
            flaw = _BROKEN[number // every % len(_BROKEN)]
            broken.add(name)
        write_study(folder, name, area=area, people=people.get(source), flaw=flaw)
        rows.append((name, f"City {number}", "" if flaw == "no study" else f"{name}.toml"))
    for source, areas in boxes.items():
        for empty in areas.keys() - cut_cities(source, areas).keys():
            broken.add(empty.name.removesuffix(".osm.pbf"))
    for name in broken:
        extract = folder / f"{name}.osm.pbf"
        if extract.exists() and "# cut extract" in (folder / f"{name}.toml").read_text():
            extract.write_bytes(extract.read_bytes()[: extract.stat().st_size // 2])
    with (folder / "cities.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("id", "name", "study"), *rows])
    return broken


def centre(source: Path, half: float, rng: random.Random) -> tuple[float, float]:
    """Somewhere near a place that the extract names, else anywhere in its box, lon/lat."""
    west, south, east, north = read_header(source)[0].bounds
    places = read_place_names(source)
    if places:
        place = rng.choice(places)
        lon, lat = (
            place.lon + rng.uniform(-half, half) / 2,
            place.lat + rng.uniform(-half, half) / 2,
        )
        return min(max(lon, west + half), east - half), min(max(lat, south + half), north - half)
    return rng.uniform(west + half, east - half), rng.uniform(south + half, north - half)


def write_study(
    folder: Path, name: str, *, area: shapely.Polygon, people: Path | None, flaw: str
) -> None:
    """Write one study file and its boundary, with a flaw where one is asked for."""
    if flaw == "elsewhere":
        area = shapely.affinity.translate(area, 20.0, 0.0)
    shape = {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(area))}
    if flaw != "no boundary":
        told = {"type": "FeatureCollection", "features": [shape]}
        (folder / f"{name}.geojson").write_text(json.dumps(told))
    text = (
        f'# {flaw}\n[study]\nname = "{name}"\nproject = "new_town"\ncell_m = {_CELL_M}\n'
        f'[city]\nname = "{name}"\nboundary = "{name}.geojson"\n[sources]\nosm = "{name}.osm.pbf"\n'
    )
    text += (
        f'population = "{people}"\n'
        if people
        else f'[official]\nyear = 2024\nsource = "made up"\npopulation = {_PEOPLE}\n'
    )
    text += {"no toml": "[[", "unknown key": "populatoin = 1\n"}.get(flaw, "")
    (folder / f"{name}.toml").write_text(text)
