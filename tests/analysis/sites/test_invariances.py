"""Sites and connections depend on the land alone: not on the grid, the order of rows or the CRS of a file."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import kcity_geo as kc
from kcity_geo.analysis.connections.connect import connect
from kcity_geo.analysis.sites.rank import SiteChoice, rank_sites
from kcity_geo.analysis.suitability.best_tenth import best_tenth_share
from kcity_geo.analysis.suitability.combination import combiner
from kcity_geo.cube import cell_centres, cell_polygons
from kcity_geo.demo.toy import SOUTH, UTM, WEST, make_toy, toy_layer
from kcity_geo.notes import muted
from kcity_geo.suitability_keys import SitesSection
from tests.analysis.sites.test_rank import scored

#: What docs/suitability.md promises of a shift of the grid by half a cell of 100 m.
COMMON, AREA_SHARE, SCORE = 0.75, 0.1, 0.02


def field(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Two hills of good land."""
    one = 0.95 * np.exp(-(((x - 1200) / 700) ** 2) - ((y - 1300) / 600) ** 2)
    two = 0.85 * np.exp(-(((x - 2800) / 600) ** 2) - ((y - 2700) / 700) ** 2)
    return one + two


def land(shift: float) -> np.ndarray:
    x, y = cell_centres(make_toy().grid)
    return field(x - WEST + shift, y - SOUTH + shift).reshape(40, 40)


@pytest.mark.parametrize("keys", [{}, {"method": "grow", "target_area_ha": 60.0}])
def test_half_a_cell_moves_sites_and_scores_little(keys) -> None:
    choice = SiteChoice(keys=SitesSection(**keys))
    one, two = (
        rank_sites(scored(land(s)), make_toy(), threshold=0.6, choice=choice) for s in (0.0, 50.0)
    )
    back = two.geometry.translate(50, 50)
    both = one.union_all().intersection(back.union_all()).area
    whole = one.union_all().union(back.union_all()).area
    assert both / whole > COMMON
    assert two["area_ha"].sum() == pytest.approx(one["area_ha"].sum(), rel=AREA_SHARE)
    assert two["mean_score"].iloc[0] == pytest.approx(one["mean_score"].iloc[0], abs=SCORE)


def test_half_a_cell_leaves_excluded_land_as_it_is() -> None:
    def exact(shift: float) -> dict[str, float]:
        lake = toy_layer([{"natural": "water"}], [shapely.Point(2000 + shift, 1900).buffer(777)])
        data = make_toy(layers={"water_body": lake})
        with muted():
            found = kc.suitability(data, exclusion_only=True)
        return {c.id: c.area_ha for c in found.constraints if c.applied}

    one, two = exact(0.0), exact(50.0)
    assert one["water_body"] == pytest.approx(two["water_body"], rel=1e-9)


@given(st.integers(0, 10_000))
@settings(max_examples=6, deadline=None)
def test_grown_sites_keep_off_excluded_cells_and_each_other(seed) -> None:
    rng = np.random.default_rng(seed)
    score = land(0.0)
    score[rng.random(score.shape) < 0.03] = np.nan
    keys = SitesSection(method="grow", target_area_ha=25.0, shape_weight=0.5)
    data = make_toy()
    found = rank_sites(
        scored(score, min_area_ha=10), data, threshold=0.2, choice=SiteChoice(keys=keys)
    )
    closed = shapely.union_all(cell_polygons(data.grid, np.flatnonzero(np.isnan(score))))
    shapes = found.geometry.to_numpy()
    assert len(shapes)
    assert shapely.is_valid(shapes).all()
    assert shapely.area(shapely.intersection(shapes, closed)).max() < 1e-6
    for i, one in enumerate(shapes):
        assert all(one.intersection(other).area < 1e-6 for other in shapes[:i])


def test_the_crs_of_a_file_of_a_criterion_changes_nothing() -> None:
    places = gpd.GeoDataFrame(
        geometry=[shapely.Point(WEST + 900, SOUTH + 800), shapely.Point(WEST + 3100, SOUTH + 2200)],
        crs=UTM,
    )
    with muted():
        here, there = (
        kc.suitability(
            make_toy(arrays={"population": 10.0}),
            criteria=[kc.criterion(
                "market_km", distance_to=frame, weight=1, function="lin_dec", parameters=[0, 3])],
        ).criteria[-1].values
        for frame in (places, places.to_crs(4326))
      )  # fmt: skip
    np.testing.assert_allclose(here, there, atol=1e-6)


def test_the_order_of_features_changes_no_connection() -> None:
    rng = np.random.default_rng(5)
    spots = [shapely.Point(*xy) for xy in rng.uniform(0, 4000, (30, 2))]
    stations = toy_layer([{"power": "substation", "voltage_v": 33_000}] * 30, spots)
    lines = [shapely.LineString(rng.uniform(0, 4000, (2, 2))) for _ in range(12)]
    roads = toy_layer(
        [{"highway": "primary" if i == 3 else "residential"} for i in range(12)], lines
    )
    site = shapely.box(WEST + 500, SOUTH + 1500, WEST + 900, SOUTH + 1900)
    one = make_toy(layers={"substation": stations, "roads_drive": roads})
    two = make_toy(layers={"substation": stations.iloc[::-1], "roads_drive": roads.iloc[::-1]})
    for kind in ("power", "road"):
        with muted():
            a, b = (connect(site, data, kind).iloc[0] for data in (one, two))
        assert a["length_m"] == pytest.approx(b["length_m"], nan_ok=True)
        assert a["to_osm_id"] == b["to_osm_id"]


@pytest.mark.parametrize("method", ["wlc", "owa", "topsis", "weighted_product"])
def test_the_order_of_cells_changes_no_score(method) -> None:
    rng = np.random.default_rng(11)
    x, w = rng.random((300, 4)), np.array([0.4, 0.3, 0.2, 0.1])
    order = rng.permutation(len(x))
    one, two = (combiner(method, land, risk=0.3) for land in (x, x[order]))
    assert two(x[order], w) == pytest.approx(one(x, w)[order], rel=1e-12)
    shares = [
        best_tenth_share(land, w, combine, linear=method == "wlc")
        for land, combine in ((x, one), (x[order], two))
    ]
    assert shares[1] == pytest.approx(shares[0][order])


def test_a_city_turned_upside_down_has_its_sites_upside_down() -> None:
    """Cells in the opposite order: the same areas, scores and order of sites, mirrored."""
    data = make_toy()
    one, two = (rank_sites(scored(f), data, threshold=0.6) for f in (land(0.0), land(0.0)[::-1]))
    mirrored = shapely.transform(
        two.geometry.to_numpy(), lambda xy: xy * [1, -1] + [0, 2 * SOUTH + 4000]
    )
    assert len(one) == len(two)
    both = shapely.union_all(mirrored).intersection(one.union_all()).area
    assert both == pytest.approx(one.union_all().area, rel=1 - COMMON)
    assert two["mean_score"].to_numpy() == pytest.approx(one["mean_score"].to_numpy(), abs=SCORE)
