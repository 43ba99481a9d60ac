from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio

from kcity_geo.outputs.colours import READING_COLOURS, rgb
from kcity_geo.outputs.frames import grid_variables
from kcity_geo.outputs.rasters import save_layers


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    target = tmp_path_factory.mktemp("r") / "layers"
    save_layers(result, target)
    return target


def test_one_file_a_variable(result, folder) -> None:
    assert len(list(folder.glob("*.tif"))) == len(grid_variables(result))


def test_every_file_is_a_valid_cog_with_overviews(folder) -> None:
    from rio_cogeo.cogeo import cog_validate

    for path in sorted(folder.glob("*.tif")):
        valid, errors, _ = cog_validate(path, strict=True, quiet=True)
        assert valid, (path.name, errors)
        with rasterio.open(path, driver="GTiff") as opened:
            assert opened.overviews(1), path.name


def test_numbers_place_unit_and_nodata(result, folder) -> None:
    with rasterio.open(folder / "composite_gap.tif") as opened:
        band = opened.read(1)
        assert np.isnan(opened.nodata)
        assert opened.units == ("share",)
        assert opened.descriptions == ("composite gap",)
        assert opened.transform == result.data.grid.affine
        assert opened.tags()["EVIDENCE"] == "modelled"
        assert opened.tags()["SYNTHETIC"] == "YES"
        expected = result.gaps.cells["composite_gap"].to_numpy()
        np.testing.assert_allclose(band, expected, rtol=1e-6)
        assert rasterio.crs.CRS.from_wkt(result.data.city.crs.to_wkt()) == opened.crs


def test_not_assessed_is_nodata_not_zero(folder) -> None:
    with rasterio.open(folder / "water_gap.tif") as opened:
        assert np.isnan(opened.read(1)).all()


def test_classes_have_colours_and_nodata_outside(result, folder) -> None:
    with rasterio.open(folder / "transport_reading.tif") as opened:
        assert opened.dtypes == ("uint8",)
        assert opened.nodata == 255
        assert opened.colormap(1)[1][:3] == rgb(READING_COLOURS[1])
        assert opened.tags(1)["CLASS_3"] == "Cannot tell: survey first"
        band = opened.read(1)
    assert (band[~result.data.inside] == 255).all()
    with rasterio.open(folder / "landcover.tif") as opened:
        assert opened.colormap(1)[50][:3] == (250, 0, 0)


@pytest.mark.parametrize("units", ["code", "ESA WorldCover code"])
def test_classes_are_never_averaged_whatever_their_unit_is_called(result, tmp_path, units) -> None:
    """Overviews of averaged codes would show classes that nobody mapped."""
    cube = result.data.cube
    rng = np.random.default_rng(4)
    codes = rng.choice([10.0, 40.0, 80.0], cube["landcover"].shape)
    cover = cube["landcover"].copy(data=codes)
    cover.attrs.update(units=units, kind="class")
    data = replace(result.data, cube=cube.assign(landcover=cover))
    save_layers(replace(result, data=data), tmp_path / "layers")
    with rasterio.open(tmp_path / "layers" / "landcover.tif", overview_level=0) as opened:
        assert opened.dtypes == ("uint8",)
        assert set(np.unique(opened.read(1))) <= {10, 40, 80, 255}
