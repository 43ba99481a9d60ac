"""Files that suitability names: listed as sources, and land cover of another legend refused."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

import kcity_geo as kc
from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.errors import SourceError
from kcity_geo.inputs.criteria import named_files, require_files
from kcity_geo.inputs.landcover import refuse_mistaken_legend
from kcity_geo.inputs.rasters import refuse_other_legend

#: Half of them in the west of the toy city, half in the east.
HOMES = [shapely.box(x, 120 * i, x + 10, 120 * i + 10) for x in (500, 3500) for i in range(1, 16)]
OWN = {"weight": 0.1, "function": "lin_dec", "parameters": [1, 2]}


def test_files_of_criteria_and_candidates_have_a_row_with_their_checksum(tmp_path) -> None:
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[shapely.box(9, 47, 9.1, 47.1)], crs=4326)
    for name in ("parcels.geojson", "markets.geojson"):
        frame.to_file(tmp_path / name)
    study = kc.Study(
        folder=tmp_path,
        suitability={
            "criterion": [
                {"id": "market_km", "distance_to": "markets.geojson", **OWN},
                {"id": "clinic_km", "distance_to": "health", **OWN},
            ],
            "sites": {"candidates": "parcels.geojson"},
        },
    )
    found = {row.id: row for row in named_files(study)}
    assert set(found) == {"suitability.criterion.market_km", "suitability.sites.candidates"}
    assert all(len(row.sha256) == 64 for row in found.values())
    (tmp_path / "parcels.geojson").unlink()
    with pytest.raises(SourceError, match=r"suitability\.sites\.candidates"):
        require_files(study)


@pytest.mark.parametrize("name", ["GlobeLand30_2020.tif", "N30_45_2020LC030.tif"])
def test_globeland30_is_no_worldcover(name) -> None:
    with pytest.raises(SourceError, match=r"give it as sources\.landcover_globeland30"):
        refuse_other_legend(name, key="landcover")
    refuse_other_legend(name, key="landcover_globeland30")
    refuse_other_legend("landcover.tif", key="landcover")


@pytest.mark.parametrize(
    ("key", "built", "instead"),
    [("landcover", 80.0, "landcover_globeland30"), ("landcover_globeland30", 90.0, "landcover")],
)
def test_a_renamed_product_is_known_by_where_the_buildings_stand(tmp_path, key, built, instead):
    city = make_toy(arrays={"landcover": built}, layers={"building": toy_layer([{}] * 30, HOMES)})
    (tmp_path / "cover.tif").write_bytes(b"-")
    study = kc.Study(sources={key: str(tmp_path / "cover.tif")})
    asked = (city.layers, city.grid)
    with pytest.raises(SourceError, match=rf"100% of 30 .*give it as sources\.{instead}$"):
        refuse_mistaken_legend(study, city.cube, *asked)
    right = city.cube.assign(landcover=city.cube["landcover"] * 0 + 50.0)
    refuse_mistaken_legend(study, right, *asked)
    # Half in the water is a harbour, and a few buildings tell nothing.
    half = right["landcover"].copy()
    half[:, : half.shape[1] // 2] = built
    refuse_mistaken_legend(study, city.cube.assign(landcover=half), *asked)
    few = {"building": city.layers["building"].head(5)}
    refuse_mistaken_legend(study, city.cube, few, city.grid)


@pytest.mark.parametrize("name", ["fromglc10v01_30_28.tif", "C3S-LC-L4-LCCS-Map-300m-P1Y-2020.tif"])
def test_products_that_no_key_takes(name) -> None:
    for key in ("landcover", "landcover_globeland30"):
        with pytest.raises(SourceError, match=r"by its name, whose numbers have other meanings"):
            refuse_other_legend(name, key=key)
