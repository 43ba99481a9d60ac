"""Cost of closing a gap: the order of building is the best at every price, and the curve adds up."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.errors import StudyError
from kcity_geo.planning.cost_table import price_basis
from kcity_geo.planning.networks.curve import CurveOptions, extension_curve
from kcity_geo.planning.networks.rooted import build_order

pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")
LINE = shapely.LineString
#: Who lives far from the only clinic, which stands beside the works: the farther, the dearer to reach.
SHORT = CurveOptions(indicator="T9_health", basis=price_basis(price_year=2024))


def best(parent, cost, persons, price) -> float:
    """Most persons x price less cost over all branches that hang on the root, by trying all."""
    places, found = range(1, len(parent)), 0.0
    for count in range(len(parent)):
        for chosen in itertools.combinations(places, count):
            if all(parent[at] in (0, *chosen) for at in chosen):
                found = max(found, sum(persons[at] * price - cost[at] for at in chosen))
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_each_beginning_of_the_order_is_the_best_at_its_price(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 9))
    parent = [-1, *(int(rng.integers(0, i)) for i in range(1, count))]
    cost = [0.0, *rng.integers(1, 20, count - 1).astype(float)]
    persons = [0.0, *rng.integers(0, 30, count - 1).astype(float)]
    steps = build_order(parent, cost, persons)
    ratios = [step.persons / step.cost for step in steps]
    assert ratios == sorted(ratios, reverse=True)
    built = {0}
    for step in steps:
        for at in step.places:
            assert parent[at] in built
            built.add(at)
    assert sum(step.persons for step in steps) == sum(persons)
    for price in (0.1, 0.5, 1.0, 3.0, 50.0):
        taken = [step for step in steps if step.persons * price > step.cost]
        ours = sum(step.persons * price - step.cost for step in taken)
        assert ours == pytest.approx(best(parent, cost, persons, price))


def town(**more):
    """A street from the works, with two side streets; people everywhere."""
    lines = [
        LINE([(50, 1050), (1050, 1050)]),
        LINE([(1050, 1050), (2050, 1050)]),
        LINE([(2050, 1050), (3950, 1050)]),
        LINE([(1050, 1050), (1050, 3950)]),
        LINE([(2050, 1050), (2050, 50)]),
    ]
    streets = toy_layer([{"highway": "residential"}] * len(lines), lines)
    layers = {
        "roads_drive": streets,
        "roads_walk": streets,
        "health": toy_layer(
            [{"amenity": "clinic", "healthcare": "clinic"}], [shapely.Point(60, 1050)]
        ),
        "water_plant": toy_layer([{}], [shapely.Point(60, 1050)]),
    }
    return make_toy(arrays={"population": 10.0}, layers={**layers, **more}, cell_m=200.0)


def test_the_curve_adds_up_and_each_further_person_costs_more() -> None:
    found = extension_curve(town(), "water", options=SHORT)
    steps = found.steps
    assert len(steps) >= 2
    assert (steps["cost_per_person"].diff().dropna() >= -1e-9).all()
    assert (steps["capital"].diff().dropna() > 0).all()
    assert (steps["persons_served"].diff().dropna() > 0).all()
    assert found.lines["cost"].sum() == pytest.approx(steps["capital"].iloc[-1])
    by_step = found.lines.groupby("step")["cost"].sum()
    np.testing.assert_allclose(by_step, steps.set_index("step")["cost"])
    # Level ground: 120 USD a metre of mixed water mains.
    np.testing.assert_allclose(found.lines["cost"], found.lines["length_m"] * 120.0)
    assert (steps["capital_low"] < steps["capital"]).all()
    assert (steps["capital"] < steps["capital_high"]).all()
    # Without a limit everybody to whom a street leads is reached.
    last = steps.iloc[-1]
    assert last["persons_left"] == pytest.approx(found.not_reached)
    # Everything built hangs on the works.
    built = shapely.union_all([*found.lines.geometry, shapely.Point(500_060, 5_001_050).buffer(60)])
    assert shapely.line_merge(built).geom_type != "MultiPolygon"
    assert len(shapely.get_parts(shapely.buffer(built, 0.1))) == 1


def test_a_limit_a_person_cuts_the_curve_off() -> None:
    whole = extension_curve(town(), "water", options=SHORT).steps
    limit = float(whole["cost_per_person"].iloc[0]) * 1.0001
    cut = extension_curve(town(), "water", options=replace(SHORT, most_per_person=limit)).steps
    assert len(cut) == (whole["cost_per_person"] <= limit).sum()
    assert len(cut) < len(whole)


@pytest.mark.parametrize(
    ("utility", "options", "told"),
    [
        ("gas", CurveOptions(), "give one of road, water, sewer, power"),
        ("water", CurveOptions(indicator="X9"), "no indicator 'X9'"),
        ("water", CurveOptions(indicator="T9_health", row="gold"), "no cost row 'gold'"),
        ("water", CurveOptions(indicator="T9_health", row="kr_road"), "not by length"),
        ("power", CurveOptions(indicator="T9_health"), "nothing to begin at"),
    ],
)
def test_bad_questions_are_one_line(utility, options, told) -> None:
    with pytest.raises(StudyError, match=told):
        extension_curve(town(), utility, options=options)
