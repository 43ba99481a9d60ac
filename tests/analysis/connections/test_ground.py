"""Least-cost ways over the ground: worked numbers, crossings, starts that cost something."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.connections.ground import ground_of
from kcity_geo.analysis.distance.least_cost import least_cost, least_cost_from, way_to
from kcity_geo.demo.toy import make_toy, toy_layer


def ring() -> np.ndarray:
    cost = np.ones((5, 5))
    cost[1:4, 1:4] = 9.0
    cost[2, 2] = 1.0
    return cost


def test_the_worked_ring_is_gone_round_and_entered() -> None:
    corner = np.zeros((5, 5), dtype=bool)
    corner[0, 0] = True
    field = least_cost(ring(), corner, dx_m=1, dy_m=1)
    assert field.cost[4, 4] == pytest.approx(7.4142, abs=5e-5)
    assert field.cost[2, 2] == pytest.approx(12.0)
    way = way_to(field, 24)
    assert way[0] == 0
    assert way[-1] == 24
    rows, cols = np.divmod(way, 5)
    assert (ring()[rows, cols] == 1).all()


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_a_start_of_its_own_cost_is_the_best_of_single_starts(seed) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.uniform(1, 9, (4, 5))
    cost[rng.random((4, 5)) < 0.15] = np.inf
    begin = np.where(rng.random((4, 5)) < 0.3, rng.integers(0, 9, (4, 5)) * 1.0, np.inf)
    begin[~np.isfinite(cost)] = np.inf
    field = least_cost_from(cost, begin, dx_m=1, dy_m=2)
    best = np.full((4, 5), np.inf)
    for cell in np.flatnonzero(np.isfinite(begin)):
        one = np.zeros((4, 5), dtype=bool)
        one.ravel()[cell] = True
        best = np.minimum(best, begin.ravel()[cell] + least_cost(cost, one, dx_m=1, dy_m=2).cost)
    assert np.allclose(field.cost, best)
    for cell in np.flatnonzero(np.isfinite(field.cost)):
        assert way_to(field, int(cell))[0] == field.source.ravel()[cell]


def test_a_river_costs_one_crossing_whatever_the_cell_and_nothing_at_a_bridge() -> None:
    river = toy_layer([{"waterway": "river"}], [shapely.LineString([(2050, -3000), (2050, 7000)])])
    for cell_m in (100.0, 200.0):
        ground = ground_of(model_of(make_toy(cell_m=cell_m, layers={"drainage": river})))
        row = ground.factor[20 if cell_m == 100 else 10]
        assert ((row - 1) * cell_m).sum() == pytest.approx(400)
    street = toy_layer([{"highway": "primary"}], [shapely.LineString([(0, 1050), (4000, 1050)])])
    bridged = ground_of(model_of(make_toy(layers={"drainage": river, "roads_drive": street})))
    dear = bridged.factor > 2
    assert dear.sum() == bridged.factor.shape[0] - 1


def test_protected_land_is_closed_but_for_its_streets() -> None:
    park = toy_layer([{"boundary": "protected_area"}], [shapely.box(1000, 0, 2000, 4000)])
    street = toy_layer([{"highway": "primary"}], [shapely.LineString([(0, 1050), (4000, 1050)])])
    ground = ground_of(model_of(make_toy(layers={"protected": park, "roads_drive": street})))
    closed = ~np.isfinite(ground.factor)
    assert closed.sum() == 10 * 39
    assert "slope (no elevation)" in ground.basis
