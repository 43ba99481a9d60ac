"""What is synthetic is told by the files, whatever a study or a file is called."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import osmium
import pytest
import rasterio
from rasterio.transform import from_origin

from kcity_geo.inputs.synthetic import synthetic_inputs
from kcity_geo.sources.local.synthetic import says_synthetic
from kcity_geo.studyfile import load_study


def _raster(path: Path, **tags: str) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", width=2, height=2, count=1, dtype="float32", crs="EPSG:4326",
        transform=from_origin(0, 1, 0.1, 0.1),
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 2, 2), dtype="float32"))
        dataset.update_tags(**tags)
    return path


def _map(path: Path, generator: str) -> Path:
    header = osmium.io.Header()
    header.set("generator", generator)
    with osmium.SimpleWriter(str(path), header=header):
        pass
    return path


@pytest.mark.parametrize(
    ("name", "tags", "synthetic"),
    [
        ("population.tif", {"SYNTHETIC": "yes"}, True),
        ("population.tiff", {"SYNTHETIC": "YES"}, True),
        ("real.tif", {"synthetic": "true"}, True),
        ("synthetic.tif", {}, False),
        ("a.tif", {"SYNTHETIC": "no"}, False),
        ("a.tif", {"TIFFTAG_IMAGEDESCRIPTION": "synthetic aperture radar"}, False),
    ],
)
def test_a_raster_says_it_in_its_tag(tmp_path, name, tags, synthetic) -> None:
    assert says_synthetic(_raster(tmp_path / name, **tags)) is synthetic


@pytest.mark.parametrize(
    ("name", "generator", "synthetic"),
    [
        ("a.osm.pbf", "kcity_geo demo: Hanbit, a synthetic city", True),
        ("a.osm", "kcity_geo demo: Hanbit, a synthetic city", True),
        ("synthetic.osm.pbf", "osmium/1.18", False),
        ("a.osm.pbf", "kcity_geo", False),
        ("a.osm.pbf", "", False),
    ],
)
def test_a_map_says_it_in_its_header(tmp_path, name, generator, synthetic) -> None:
    assert says_synthetic(_map(tmp_path / name, generator)) is synthetic


@pytest.mark.parametrize("name", ["a.tif", "a.osm.pbf", "a.csv", "nothing.tif"])
def test_what_cannot_be_opened_says_nothing(tmp_path, name) -> None:
    if name != "nothing.tif":
        (tmp_path / name).write_bytes(b"synthetic")
    assert not says_synthetic(tmp_path / name)


def test_a_renamed_city_is_still_synthetic_and_a_real_one_never(hanbit_town, tmp_path) -> None:
    shutil.copytree(hanbit_town, tmp_path / "h")
    study = tmp_path / "h" / "study.toml"
    study.write_text(study.read_text(encoding="utf-8").replace(" (synthetic)", ""))
    found = synthetic_inputs(load_study(study))
    assert {"osm", "population", "elevation"} <= found
    _raster(tmp_path / "p.tif")
    real = tmp_path / "s.toml"
    real.write_text('[city]\nname = "Synthetic Hills"\n[sources]\npopulation = "p.tif"\n')
    assert synthetic_inputs(load_study(real)) == frozenset()
