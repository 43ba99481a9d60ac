"""Files that suitability names: listed as sources, and land cover of another legend refused."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

import kcity_geo as kc
from kcity_geo.errors import SourceError
from kcity_geo.inputs.criteria import named_files, require_files
from kcity_geo.inputs.rasters import refuse_other_legend

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
