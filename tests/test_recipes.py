"""The recipes of CONTRIBUTING, followed on a copy of the package, one after another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

LAYER = """
[[layer]]
id = "cinema"
title = "Cinemas"
geometry = ["point", "polygon"]
rules = [{ amenity = ["cinema"] }]
columns = ["amenity", "capacity"]
key_attribute = "name"
mark = "D"
"""
SOURCE = """
[raster.noise]
variable = "noise_db"
kind = "mean"
units = "dB"
long_name = "Noise"
nodata = [-1.0]
low = 0.0
high = 150.0
hint = "decibel, day and night"
nodata_source = "D"
"""
CRITERION = """
[criterion.quiet_cinema_km]
title = "Distance to a cinema"
units = "km"
phrase = "{value} km on average from a cinema"
layers = ["cinema"]
"""
FUNCTION = """
def _cinema(view: CityView) -> Measured:
    found = view.distance("cinema", view.geometry("cinema"), needs="cinemas")
    quiet = view.array("noise_db") < 60
    return Measured(values=np.where(quiet, found / 1000, np.nan))


#: Criterion id -> what measures it."""
INDICATOR = """
[[indicator]]
id = "E12"
title = "People near a charger"
unit = "share"
question = "Which share of people live near a place to charge a car?"
formula = "people within the distance of a charger / people"
formula_id = "E12"
function = "kcity_geo.analysis.energy.chargers.near_charger"
target = 1.0
worst = 0.0
urban_weight = 0.05
rural_weight = 0.05
prior = ""
group = "power"
layers = ["charging"]
average = "people"
docs = "indicators/e12.md"
mark = "D"
citation = "made up for this test"
[indicator.details]
charger_m = "m"
"""
PARAMETER = """
[parameter.charger_m]
value = 1500.0
unit = "m"
min = 1
max = 20000
used_by = ["E12"]
mark = "D"
citation = "made up for this test"
note = "how far a charger may be"
"""
CHARGING = LAYER.replace("cinema", "charging").replace("Cinemas", "Chargers")
CHARGING = CHARGING.replace('amenity = ["charging"]', 'amenity = ["charging_station"]')
CHARGERS = '''"""Chargers (E12): who lives near a place to charge a car?"""

import numpy as np

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.distance.straight import distance_m
from kcity_geo.result import Indicator


def near_charger(city: CityModel) -> Indicator:
    """Measure the share of people near a charger."""
    limit = city.settings("energy").number("charger_m")
    places = city.layers["charging"].geometry.to_numpy()
    near = distance_m(places, grid=city.grid, where=city.inside) <= limit
    cells = np.where(city.inside, near.astype(float), np.nan)
    people = np.nan_to_num(city.array("population"))
    value = float((people * np.nan_to_num(cells)).sum() / people.sum())
    return Indicator(
        id="E12", value=value, units="share", cells=cells, gap=1 - cells, evidence="observed",
        n_features=len(places), source="OpenStreetMap", details={"charger_m": limit},
    )
'''
PAGE = "# E12: People near a charger\n\n**Question.** Which share of people live near a charger?\n"
LESS = "urban_weight = 0.1\nrural_weight = 0.1\nprior"  # E11 gives half of its weight
#: The same for an indicator, and the parameter that it reads.
STEPS_OF_AN_INDICATOR = [
    ("tables/osm.toml", "", CHARGING),
    ("analysis/energy/chargers.py", "", CHARGERS),
    ("tables/indicators/energy.toml", LESS, LESS.replace("0.1", "0.05")),
    ("tables/indicators/energy.toml", "", INDICATOR),
    ("tables/parameters/energy.toml", "", PARAMETER),
    ("../docs/indicators/e12.md", "", PAGE),
]
FOUND = """
import json, re, sys, warnings
from pathlib import Path
import numpy as np, shapely
warnings.simplefilter("ignore")
import kcity_geo as kc
from kcity_geo.analysis.city_model import model_of
from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.assumptions import parameter_rows
from kcity_geo.studyfile import study_schema

# 40 by 40 cells of 100 m, ten people each, one charger in the middle: a disc of 900 m, to the cell.
point = shapely.Point(2000, 2000)  # metres from the corner
toy = make_toy(
    arrays={"population": 10.0},
    layers={"charging": toy_layer([{"amenity": "charging_station"}], [point])},
)
city = model_of(toy).changed(settings={"energy": {"charger_m": 900.0}})
found = {one.id: one for one in kc.energy.assess(city)}
assert list(found)[-1] == "E12", list(found)
x = np.arange(40) * 100 + 50 - 2000
share = float((np.hypot(*np.meshgrid(x, x)) <= 900).mean())
assert abs(found["E12"].value - share) < 0.01, (found["E12"].value, share)
gaps = kc.assess_gaps(toy)
assert {"E12", "E12_gap"} <= set(gaps.cells) and "E12" in {one.id for one in gaps.assessed}
assert "E12" in set(gaps.indicators["indicator"])
rows = list(indicator_rows().values())
assert rows[-1].id == "E12" or "E12" in {row.id for row in rows}
for kind in ("urban_weight", "rural_weight"):
    assert abs(sum(getattr(r, kind) or 0 for r in rows if r.sector == "energy") - 1) < 1e-9
assert "charger_m" in study_schema()["properties"]["energy"]["properties"]
assert "energy.charger_m" in {row["key"] for row in parameter_rows(None)}
for row in rows:  # as the test of docs does
    page = Path("docs") / row.docs.partition("#")[0]
    assert re.search(r"\\b" + row.id.partition("_")[0] + r"\\b", page.read_text().splitlines()[0]), page
"""


#: File, what stands in it, what takes its place: the steps of the recipes and nothing else.
STEPS = [
    ("tables/osm.toml", "", LAYER),
    ("tables/extra.toml", "[layer]\n", '[layer]\ncinema = { tags = { amenity = "cinema" } }\n'),
    ("tables/rasters.toml", "[raster.built]\n", f"{SOURCE}\n[raster.built]\n"),
    ("tables/extra.toml", "[use]\n", '[use]\nnoise = "where it is quiet (suitability)"\n'),
    (
        "study_keys.py",
        "    solar: Tiles | None = Field(",
        ('    noise: Tiles | None = Field(default=None, description="raster of noise, dB")\n'
        "    solar: Tiles | None = Field("),
    ),
    ("tables/suitability/criteria.toml", "[criterion.d_trunk_km]", CRITERION + "\n[criterion.d_trunk_km]"),
    ("analysis/suitability/criteria.py", "\n#: Criterion id -> what measures it.", FUNCTION),
    ("analysis/suitability/criteria.py", '    "slope_pct":', '    "quiet_cinema_km": _cinema,\n    "slope_pct":'),
    (
        "tables/suitability/profiles.toml",
        ('    { id = "slope_pct", weight = 0.12, function = "lin_dec", parameters = [2, 15] },\n'
        '    { id = "d_trunk_km"'),
        ('    { id = "slope_pct", weight = 0.06, function = "lin_dec", parameters = [2, 15] },\n'
        '    { id = "quiet_cinema_km", weight = 0.06, function = "lin_dec", parameters = [0, 2] },\n'
        '    { id = "d_trunk_km"'),
    ),
]  # fmt: skip
STUDY = """
import sys, warnings
from pathlib import Path
import geopandas as gpd, numpy as np, rasterio, shapely
from rasterio.transform import from_origin
warnings.simplefilter("ignore")
import kcity_geo as kc
from kcity_geo.demo.toy import SOUTH, UTM, WEST, make_toy, toy_layer
from kcity_geo.retold import title_in, told_in
from kcity_geo.studyfile import study_schema

folder = Path(sys.argv[1])
noise = np.full((40, 40), 70.0, dtype="float32")
noise[:, :20] = 50.0
with rasterio.open(folder / "noise.tif", "w", driver="GTiff", width=40, height=40, count=1,
                   dtype="float32", crs=UTM, transform=from_origin(WEST, SOUTH + 4000, 100, 100)) as out:
    out.write(noise, 1)
cinema = gpd.GeoSeries([shapely.Point(WEST + 50, SOUTH + 3950)], crs=UTM).to_crs(4326)
(folder / "cinemas.csv").write_text(f"lon,lat\\n{cinema.x[0]},{cinema.y[0]}\\n")
study = kc.Study(
    study={"project": "industrial_complex", "cell_m": 100},
    sources={"noise": str(folder / "noise.tif"), "extra": {"cinema": str(folder / "cinemas.csv")}},
    city=make_toy().city,
)
assert "noise" in study_schema()["$defs"]["Sources"]["properties"]
data = kc.load(study)
rows = {(row["kind"], row["name"]): row["detail"] for row in kc.check(study)}
assert "where it is quiet" in rows["input", "noise"], rows["input", "noise"]
assert "Cinemas (suitability)" in rows["input", "extra.cinema"], rows["input", "extra.cinema"]
assert rows["layer", "cinema"] == "1 features"
assert data.cube["noise_db"].attrs["units"] == "dB"
assert [about.id for about in data.provenance] == ["extra.cinema", "noise"]
score = kc.suitability(data)
found = {one.id: one for one in score.criteria}["quiet_cinema_km"]
assert found.weight_stated == 0.06 and found.title == "Distance to a cinema"
assert abs(found.values[0, 0]) < 0.05 and abs(found.values[0, 10] - 1.0) < 0.05
assert np.isnan(found.values[0, 30])
bare = kc.suitability(make_toy())  # a study without the raster: dropped, and told why
assert bare.missing["quiet_cinema_km"] in {"needs cinemas; none is mapped here", "needs a raster (sources.noise)"}
quiet = toy_layer([{"amenity": "cinema"}], [shapely.Point(50, 50)])
bare = kc.suitability(make_toy(layers={"cinema": quiet}))
assert bare.missing["quiet_cinema_km"] == "needs a raster (sources.noise)"
# No Korean in the row: the English, marked as the original.
said = "1.2 km on average from a cinema"
assert told_in(said, "ko") == f"(원문) {said}" and title_in("Distance to a cinema", "ko") == "Distance to a cinema"
"""


def follow(steps: list[tuple[str, str, str]], script: str, folder: Path) -> None:
    """Copy the package, take the steps, and run a script with what has become of it."""
    package = folder / "kcity_geo"
    shutil.copytree(ROOT / "kcity_geo", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs" / "indicators", folder / "docs" / "indicators")
    for file, old, new in steps:
        path = package / file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        assert not old or text.count(old) == 1, (file, old)
        path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_layer_a_source_and_a_criterion_are_rows_and_one_function(tmp_path) -> None:
    follow(STEPS, STUDY, tmp_path)


def test_an_indicator_is_a_function_a_row_and_a_page_and_a_parameter_a_row(tmp_path) -> None:
    follow(STEPS_OF_AN_INDICATOR, FOUND, tmp_path)
