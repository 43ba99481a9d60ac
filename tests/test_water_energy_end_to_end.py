"""Water and energy where little is known: told in every output, and never made up."""

from __future__ import annotations

import csv
import html
import json
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from typer.testing import CliRunner

import kcity_geo as kc
from kcity_geo.cli import app
from kcity_geo.errors import KCityWarning, SourceError
from kcity_geo.outputs.input_words import plain_words

if TYPE_CHECKING:
    from pathlib import Path

RUNNER = CliRunner()
#: Without a water point, a works, lights or an official number, these cannot be known.
UNKNOWN = {"W1", "W2", "W3", "W4", "W6", "W7", "W8", "W9", "E1", "E3", "E4", "E7", "E8", "E11"}


def way(number: int, nodes: str, **tags: str) -> str:
    inner = "".join(f'<nd ref="{n}"/>' for n in nodes)
    inner += "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
    return f'<way id="{number}" version="1">{inner}</way>'


def bare_city(folder: Path, hanbit_town: Path, sources: str) -> Path:
    """People, two streets and a power line whose voltage is a word."""
    for name in ("boundary.geojson", "population.tif"):
        shutil.copy(hanbit_town / name, folder / name)
    west, south, east, north = gpd.read_file(folder / "boundary.geojson").total_bounds
    x, y = (west + east) / 2, (south + north) / 2
    places = [(x - 0.01, y), (x, y), (x + 0.01, y), (x, y - 0.01), (x, y + 0.01)]
    text = '<?xml version="1.0"?><osm version="0.6">' + "".join(
        f'<node id="{i}" lon="{lon}" lat="{lat}" version="1"/>'
        for i, (lon, lat) in enumerate(places, start=1)
    )
    text += way(11, "123", highway="residential") + way(12, "425", highway="residential")
    text += way(13, "12", power="line", voltage="medium") + "</osm>"
    (folder / "city.osm").write_text(text, encoding="utf-8")
    study = folder / "study.toml"
    study.write_text(
        '[study]\nname = "bare"\nproject = "new_town"\ncell_m = 500\n'
        '[city]\nname = "Bare"\nboundary = "boundary.geojson"\n'
        f'[sources]\nosm = "city.osm"\npopulation = "population.tif"\n{sources}',
        encoding="utf-8",
    )
    return study


@pytest.fixture(scope="module")
def bare(tmp_path_factory, hanbit_town, no_pictures_here) -> tuple[Path, Path, dict[str, Any]]:
    """The study file, the folder of results and what ``--json`` printed."""
    folder = tmp_path_factory.mktemp("bare")
    study, out = bare_city(folder, hanbit_town, ""), folder / "out"
    done = RUNNER.invoke(app, ["run", str(study), "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    return study, out, json.loads(done.stdout)


def test_every_output_says_what_is_not_assessed_and_what_would_help(bare) -> None:
    study, out, printed = bare
    reasons = {k: v for k, v in printed["not_assessed"].items() if k[0] in "WE"}
    assert set(reasons) >= UNKNOWN
    for key, reason in reasons.items():
        assert "\n" not in reason, key
        assert any(w in reason for w in ("give ", "set ", "map ", "survey ", "add ")), (key, reason)
    assert printed["gaps"]["water"]["gap"] is None, "nothing known is no gap of 1"
    with (out / "indicators.csv").open(encoding="utf-8-sig", newline="") as file:
        table = {row["indicator"]: row for row in csv.DictReader(file) if row["unit_id"] == "city"}
    pages = {
        name: html.unescape((out / name).read_text(encoding="utf-8")).replace("\xa0", " ")
        for name in ("report.html", "map.html")
    }
    for name in ("districts.geojson", "gaps.geojson"):
        told = json.loads((out / name).read_text(encoding="utf-8"))["not_assessed"]
        assert {k: told[k] for k in reasons} == reasons, name
    again = RUNNER.invoke(app, ["run", str(study), "--out", str(out), "--quiet"])
    assert again.exit_code == 0, again.output
    for key, reason in reasons.items():
        assert f"  {key}: {reason}\n" in again.stdout, key
    done = RUNNER.invoke(app, ["check", str(study), "--json"])
    assert done.exit_code == 0, done.output
    checked = {r["name"]: r for r in json.loads(done.stdout) if r["kind"] == "indicator"}
    for key, reason in reasons.items():
        assert table[key]["reading"] == "Not assessed", key
        assert table[key]["value"] == table[key]["gap"] == "", key
        assert reason in table[key]["note"], key
        assert checked[key]["status"] == "NOT ASSESSED", key
        assert checked[key]["detail"] == reason, key
        for name, page in pages.items():
            assert plain_words(reason, "en") in page, (key, name)


def test_a_voltage_in_words_is_listed_and_told(bare) -> None:
    _, out, printed = bare
    with (out / "unreadable_tags.csv").open(encoding="utf-8-sig", newline="") as file:
        listed = list(csv.DictReader(file))
    assert [(r["layer"], r["osm_id"], r["key"], r["value"]) for r in listed] == [
        ("power_line", "13", "voltage", "medium")
    ]
    assert any("voltage=medium" in text for text in printed["warnings"])


@pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")
def test_a_folder_of_monthly_lights_is_merged_at_a_quantile(tmp_path, hanbit_town) -> None:
    months = tmp_path / "months"
    months.mkdir()
    with rasterio.open(hanbit_town / "nightlights.tif") as source:
        profile, shape = source.profile, source.shape
    for number, light in enumerate((1.0, 2.0, 3.0, 50.0)):
        with rasterio.open(months / f"{number}.tif", "w", **profile) as target:
            target.write(np.full(shape, light, dtype=profile["dtype"]), 1)
            target.units = ("nW/cm2/sr",)
    sources = 'nightlights = "months"\n'
    data = kc.load(kc.load_study(bare_city(tmp_path, hanbit_town, sources)))
    # The 0.7 quantile of 1, 2, 3, 50 lies a tenth of the way from 3 to 50.
    assert np.nanmin(data.array("nightlights")) == pytest.approx(3 + 0.1 * 47, rel=1e-5)
    study = bare_city(tmp_path, hanbit_town, sources + "[energy]\nmonthly_quantile = 0\n")
    assert np.nanmax(kc.load(kc.load_study(study)).array("nightlights")) == pytest.approx(1.0)
    for path in months.iterdir():
        path.unlink()
    with pytest.raises(SourceError, match="months holds no GeoTIFF"):
        kc.load(kc.load_study(study))


@pytest.mark.parametrize(("key", "value"), [("flood_return_period", 50.0), ("flood", 0.3)])
def test_a_flood_map_of_years_or_of_metres_reaches_w8(tmp_path, hanbit_town, key, value) -> None:
    """50 years lies in the class of one half (20 to 100), and so does 0.3 m (0.05 to 0.5)."""
    shutil.copy(hanbit_town / "elevation.tif", tmp_path / "elevation.tif")
    study = bare_city(
        tmp_path, hanbit_town, f'elevation = "elevation.tif"\n{key} = "flood map.tif"\n'
    )
    west, south, east, north = gpd.read_file(tmp_path / "boundary.geojson").total_bounds
    step = 0.001
    rows, columns = int((north - south) / step) + 41, int((east - west) / step) + 41
    values = np.zeros((rows, columns), dtype="float32")
    middle = west - 20 * step + step * np.arange(columns) < (west + east) / 2
    values[:, middle] = value
    with rasterio.open(
        tmp_path / "flood map.tif", "w", driver="GTiff", height=rows, width=columns, count=1,
        dtype="float32", crs="EPSG:4326",
        transform=from_origin(west - 20 * step, north + 20 * step, step, step),
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KCityWarning)
        data = kc.load(kc.load_study(study))
        rows_ = kc.water.assess(data)
    row = next(r for r in rows_ if r.id == "W8")
    people, inside = data.array("population"), data.inside
    wet = np.broadcast_to(np.arange(inside.shape[1]) < inside.shape[1] / 2 - 1, inside.shape)
    dry = np.broadcast_to(np.arange(inside.shape[1]) > inside.shape[1] / 2 + 1, inside.shape)
    assert (row.cells[inside & wet] == 0.5).all()
    assert (row.cells[inside & dry] == 0.0).all()
    assert people is not None
    share = float(np.nansum(people[inside & wet]) / np.nansum(people[inside]))
    assert 0.5 * share <= row.value <= 0.5
    assert row.evidence == "user"
    assert ("return periods" if key == "flood_return_period" else "depth") in row.source
    assert "replaces" in row.note
