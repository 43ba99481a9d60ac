"""Mutated rasters and tables: the right number, or one line; never a traceback, a signal or a hang."""

from __future__ import annotations

import zipfile

import numpy as np
import openpyxl
import pytest
import rasterio
from rasterio.transform import from_origin


def raster(path, **more):
    values = (500 + np.arange(80)[None, :] + np.arange(70)[:, None]).astype("int16")
    with rasterio.open(
        path, "w", driver="GTiff", height=70, width=80, count=1, dtype="int16", crs="EPSG:4326",
        transform=from_origin(27.985, -29.945, 0.001, 0.001), nodata=-32768, **more,
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
        dataset.units = ["m"]
    return path


def zipped(path, folder):
    inner = raster(folder / "dem.tif")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, "dem.tif")
    return path


@pytest.mark.parametrize("kind", ["plain", "deflate", "lzw tiled", "zip"])
def test_mutated_rasters(harness, tmp_path, kind) -> None:
    sample = tmp_path / ("dem.zip" if kind == "zip" else "dem.tif")
    if kind == "zip":
        folder = tmp_path / "in"
        folder.mkdir()
        zipped(sample, folder)
    else:
        more = {"deflate": {"compress": "deflate", "predictor": 2}, "lzw tiled": {"compress": "lzw", "tiled": True, "blockxsize": 32, "blockysize": 32}}  # fmt: skip
        raster(sample, **more.get(kind, {}))
    paths = harness.mutants(sample, tmp_path / "m", seed=1000)
    reader = "raster" if kind == "zip" else "raster_beside_gdal"
    right, *outcomes = harness.run_reader(f"tests/fuzz/readers.py:{reader}", [sample, *paths])
    assert right.kind == "value", right
    harness.assert_all_fine(outcomes)
    read = [o for o in outcomes if o.kind == "value"]
    if kind == "zip":  # a checksum of every member: right or refused
        assert all(o.value == right.value for o in read)
    else:
        assert right.value[0] == 0
        assert not [o for o in read if o.value[0]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp949"])
def test_mutated_csv(harness, tmp_path, encoding) -> None:
    sample = tmp_path / "t.csv"
    text = "district_id;name;population;electricity_access;lpcd\n01;서쪽;12.500;0,85;120,5\n02;동쪽;8.250;0,9;95\n합계;;20.750;;\n"
    sample.write_bytes(text.encode(encoding))
    paths = harness.mutants(sample, tmp_path / "m", seed=2000)
    right, *outcomes = harness.run_reader("tests/fuzz/readers.py:table", [sample, *paths])
    assert right.value == {"population": [12500, 8250], "electricity_access": [0.85, 0.9], "lpcd": [120.5, 95]}  # fmt: skip
    harness.assert_all_fine(outcomes)
    # A line that nothing has touched gives the numbers that it gave.
    lines = text.split("\n")
    for o in outcomes:
        if o.kind == "value":
            left = o.path.read_bytes().decode(encoding, errors="replace").split("\n")
            whole = [left.count(line) == 1 for line in lines[:3]]
            for column, values in o.value.items():
                for at in (0, 1):
                    if whole[0] and whole[1 + at]:
                        same = right.value[column][at]
                        assert values[at] == same, (o.path, column, o.value)


def test_mutated_xlsx(harness, tmp_path) -> None:
    book = openpyxl.Workbook()
    for row in (["district_id", "population", "nrw_share"], ["01", 12500, 0.3], ["02", 8250, 0.25]):
        book.active.append(row)
    sample = tmp_path / "t.xlsx"
    book.save(sample)
    paths = harness.mutants(sample, tmp_path / "m", seed=3000)
    right, *outcomes = harness.run_reader("tests/fuzz/readers.py:table", [sample, *paths])
    assert right.value == {"population": [12500, 8250], "nrw_share": [0.3, 0.25]}
    harness.assert_all_fine(outcomes)
    assert all(o.value == right.value for o in outcomes if o.kind == "value")


def test_mutated_sheets_behind_a_sound_zip(harness, tmp_path) -> None:
    """The XML inside is mutated and zipped anew, so that no checksum stands before the reader."""
    book = openpyxl.Workbook()
    for row in (["district_id", "population"], ["01", 12500], ["02", 8250]):
        book.active.append(row)
    sample = tmp_path / "t.xlsx"
    book.save(sample)
    with zipfile.ZipFile(sample) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    names, paths = sorted(members), []
    for seed in range(4000, 4000 + harness.FILES):
        path = tmp_path / str(seed) / "t.xlsx"
        path.parent.mkdir()
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                hit = name == names[seed % len(names)]
                archive.writestr(name, harness.mutated(data, seed) if hit else data)
        paths.append(path)
    found = harness.run_reader("tests/fuzz/readers.py:table", paths)
    harness.assert_all_fine(found)
    read = [one for one in found if one.kind == "value"]
    plain = harness.run_reader("tests/fuzz/plain_readers.py:sheet", [one.path for one in read])
    for one, other in zip(read, plain, strict=True):
        if other.kind != "value":
            continue
        held = {"".join(c for c in text if c in "0123456789.eE-") for text in other.value}
        for values in one.value.values():
            for value in values:
                assert value is None or f"{value:g}" in held or str(value) in held, one.path
