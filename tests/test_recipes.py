"""The recipes of CONTRIBUTING, followed on a copy of the package: a layer, a source, a criterion."""

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
    quiet = view.city.array("noise_db") < 60
    return Measured(values=np.where(quiet, found / 1000, np.nan))


#: Criterion id -> what measures it."""
#: File, what stands in it, what takes its place: the steps of the recipes and nothing else.
STEPS = [
    ("tables/osm.toml", "", LAYER),
    ("tables/extra.toml", "[layer]\n", '[layer]\ncinema = { tags = { amenity = "cinema" } }\n'),
    ("tables/rasters.toml", "[raster.built]\n", f"{SOURCE}\n[raster.built]\n"),
    ("tables/extra.toml", "[use]\n", '[use]\nnoise = "where it is quiet (suitability)"\n'),
    (
        "studyfile.py",
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
from kcity_geo.demo.toy import SOUTH, UTM, WEST, make_toy
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
"""


def test_a_layer_a_source_and_a_criterion_are_rows_and_one_function(tmp_path) -> None:
    package = tmp_path / "kcity_geo"
    shutil.copytree(ROOT / "kcity_geo", package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new in STEPS:
        path = package / file
        text = path.read_text(encoding="utf-8")
        assert not old or text.count(old) == 1, (file, old)
        path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", STUDY, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
