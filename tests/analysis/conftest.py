"""The toy city and its layers as fixtures."""

from __future__ import annotations

from collections.abc import Callable

import geopandas as gpd
import pytest

from kcity_geo.citydata import CityData
from kcity_geo.demo.toy import make_toy, toy_layer


@pytest.fixture
def toy() -> Callable[..., CityData]:
    """Maker of toy cities."""
    return make_toy


@pytest.fixture
def features() -> Callable[..., gpd.GeoDataFrame]:
    """Maker of layers."""
    return toy_layer
