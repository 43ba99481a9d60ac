"""Outlines and districts out of the extract itself."""

from __future__ import annotations

import pytest

from kcity_geo.city import make_city
from kcity_geo.errors import SourceError
from kcity_geo.sources.osm.relation import read_admin_areas, read_relation


def test_liechtenstein_is_160_km2_and_has_eleven_municipalities(test_data) -> None:
    path = test_data / "liechtenstein-li" / "liechtenstein_20240304.osm.pbf"
    outline = read_relation(path, 1155955)
    districts = read_admin_areas(path, 8)
    city = make_city("Liechtenstein", outline, districts=districts)
    assert city.area_km2 == pytest.approx(160.5, abs=0.3)  # official: 160.5 km2
    inside = city.districts[city.districts["district_id"].isin(districts["district_id"])]
    assert {"Vaduz", "Schaan", "Planken"} <= set(inside["name"])
    big = inside[inside.area > 1e6]
    assert len(big) == 11
    assert big.area.sum() == pytest.approx(city.boundary_metric.area, rel=1e-3)


def test_what_is_not_there_is_said(test_data) -> None:
    path = test_data / "monaco-mc" / "monaco_20250211.osm.pbf"
    with pytest.raises(SourceError, match="relation 5 is not in"):
        read_relation(path, 5)
    with pytest.raises(SourceError, match="relation 2202162"):
        read_relation(path, 2202162)  # France, cut by the edge of the extract
    with pytest.raises(SourceError, match="no administrative area"):
        read_admin_areas(path, 12)


def test_a_broken_extract_is_refused(tmp_path) -> None:
    (tmp_path / "x.osm.pbf").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="cannot be read"):
        read_relation(tmp_path / "x.osm.pbf", 1)
    with pytest.raises(SourceError, match="cannot be read"):
        read_admin_areas(tmp_path / "x.osm.pbf", 8)
