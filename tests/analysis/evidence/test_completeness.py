"""Completeness: golden values, identification, and that confidence never rises when data vanish."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.evidence.completeness import (
    READINGS,
    assess_completeness,
    confidence,
    expected_road_m,
    identification,
    point_completeness,
    quantile_fit,
    road_frontier,
    saturation_score,
)
from kcity_geo.errors import StudyError


def test_golden_values():
    assert float(confidence(0.4, 0.3, 0.7, 0.5)) == pytest.approx(0.455)
    assert float(confidence(0.95, 0.8, 0.7, 0.9)) == pytest.approx(0.8625)
    assert point_completeness(0.8, 6 / 12).item() == pytest.approx(0.40)
    assert point_completeness(0.9, 3.0).item() == 0.5


@pytest.mark.parametrize(
    ("saturation", "score"),
    [(0.98, 1.0), (9.1 / 9.4, 0.6), (0.30, 0.0), (1.2, 1.0), (1.6, 0.0), (float("nan"), 0.0)],
)
def test_saturation_of_the_mapping_history(saturation, score):
    assert saturation_score(saturation) == score


def test_identification_tells_a_real_gap_from_a_mapping_gap():
    found = identification([0.2, 0.2, 0.9, 0.9, 0.9], [0.9, 0.1, 0.1, 0.9, np.nan])
    assert [READINGS[i] for i in found] == [
        "real road gap",
        "data gap",
        "roads mapped, buildings not",
        "mapped and served",
        "UNRESOLVED",
    ]


def test_expected_roads_by_hand():
    # 10,000 people on 4 km2: 0.15 km * sqrt(40,000) = 30 km.
    assert expected_road_m(10_000, np.nan, 4).item() == pytest.approx(30_000)
    assert expected_road_m(0, 100_000, 4).item() == pytest.approx(5_000)
    assert expected_road_m(np.nan, np.nan, 4).item() == pytest.approx(20_000)


def test_quantile_fit_splits_the_points_and_finds_a_known_line():
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(400), rng.uniform(0, 10, 400)])
    y = 1 + 2 * x[:, 1] + rng.uniform(-1, 1, 400)
    fit = quantile_fit(x, y, quantile=0.8)
    assert (y <= x @ fit + 1e-9).mean() == pytest.approx(0.8, abs=0.01)
    assert fit == pytest.approx([1.6, 2.0], abs=0.1)
    with pytest.raises(StudyError, match="rows"):
        quantile_fit(x[:1], y[:1], quantile=0.5)


def test_frontier_is_high_where_similar_places_are_well_mapped_and_silent_with_few_cells():
    people = np.full((10, 10), 1000.0)
    length = np.full((10, 10), 5000.0)
    length[0] = 500.0
    classes = np.full((10, 10), 3, np.uint8)
    found = road_frontier(length, people, np.full((10, 10), np.nan), classes)
    assert found == pytest.approx(np.full((10, 10), 5000.0), rel=1e-3)
    classes[0] = 2
    assert np.isnan(road_frontier(length, people, people, classes)[0]).all()


def lattice(features, *, every_m=200, size_m=4000.0, keep=None, **more):
    """Streets on a lattice, cut into blocks; `keep` says which blocks are mapped."""
    rows, shapes = [], []
    for a in np.arange(every_m / 2, size_m, every_m):
        for b in np.arange(0, size_m, every_m):
            for line in (((a, b), (a, b + every_m)), ((b, a), (b + every_m, a))):
                if keep is None or keep(*np.mean(line, axis=0)):
                    shapes.append(shapely.LineString(line))
                    rows.append(
                        {"highway": "residential", "surface": "asphalt", "lit": "yes"} | more
                    )
    return features(rows, shapes)


def houses(features, *, size_m=4000.0, keep=None):
    shapes = [
        shapely.box(x, y, x + 40, y + 40)
        for x in np.arange(30, size_m, 100)
        for y in np.arange(30, size_m, 100)
        if keep is None or keep(x, y)
    ]
    return features([{"building": "yes"} for _ in shapes], shapes)


def half(array, where):
    """Mean of the western or eastern third, clear of the border."""
    columns = array.shape[1]
    return float(
        np.nanmean(array[:, : columns // 3] if where == "west" else array[:, -columns // 3 :])
    )


def test_unmapped_half_is_a_data_gap_and_a_half_without_streets_a_real_one(toy, features):
    def west(x, y):
        return x < 2000

    arrays = {"population": 50.0, "built_m2": 1600.0}
    mapped = {"roads_drive": lattice(features, keep=west), "building": houses(features, keep=west)}
    found = assess_completeness(toy(arrays=arrays, layers=mapped))
    reading = found["roads_reading"].to_numpy()
    assert READINGS[reading[20, 5]] == "mapped and served"
    assert READINGS[reading[20, 34]] == "data gap"
    assert half(found["roads_confidence"].to_numpy(), "west") > 0.7
    assert half(found["roads_confidence"].to_numpy(), "east") < 0.2
    # The same streets, but every house of the east is mapped: nobody forgot the streets.
    real = mapped | {"building": houses(features)}
    found = assess_completeness(toy(arrays=arrays, layers=real))
    assert READINGS[found["roads_reading"].to_numpy()[20, 34]] == "real road gap"
    assert half(found["roads_completeness"].to_numpy(), "east") == pytest.approx(1)


def test_without_a_building_reference_roads_are_unresolved_and_confidence_is_capped(toy, features):
    layers = {"roads_drive": lattice(features, every_m=100)}
    data = toy(arrays={"population": 50.0}, layers=layers)
    found = assess_completeness(data)
    assert (found["roads_reading"] == 0).all()
    assert float(found["roads_confidence"].max()) <= 0.39
    history = assess_completeness(data, parameters={"saturation": 0.99})
    assert float(history["roads_confidence"].min()) > 0.39


def test_utilities_are_capped_unless_an_official_number_corroborates(toy, features):
    arrays = {"population": 50.0, "built_m2": 1600.0}
    lines = features(
        [{"power": "line", "voltage_v": 20_000.0} for _ in range(40)],
        [shapely.LineString([(0, y), (4000, y)]) for y in np.arange(50, 4000, 100)],
    )
    layers = {"roads_drive": lattice(features), "building": houses(features), "power_line": lines}
    alone = assess_completeness(toy(arrays=arrays, layers=layers))
    assert float(alone["power_confidence"].max()) <= 0.5
    backed = assess_completeness(
        toy(arrays=arrays, layers=layers, official={"electricity_access": 0.9})
    )
    assert (backed["power_confidence"] > alone["power_confidence"]).all()


@pytest.mark.parametrize(
    "tags",
    [
        {"man_made": "water_tap", "drinking_water": "no"},
        {"man_made": "water_tap", "access": "private"},
        {"natural": "spring"},
    ],
)
def test_points_that_nobody_can_drink_from_make_nobody_surer(toy, features, tags):
    spots = [shapely.Point(x, y) for x in range(50, 4000, 400) for y in range(50, 4000, 400)]
    street = [shapely.LineString([(0, y), (4000, y)]) for y in range(50, 4000, 100)]
    arrays = {"population": 50.0, "built_m2": 1600.0}
    roads = features([{"highway": "residential"}] * len(street), street)

    def of(*rows):
        points = features([*rows], spots[: len(rows)])
        layers = {"roads_drive": roads, "water_point": points}
        found = assess_completeness(toy(arrays=arrays, layers=layers))
        return [found[f"water_{k}"].to_numpy() for k in ("completeness", "confidence")]

    good = {"man_made": "water_tap", "drinking_water": "yes"}
    for alone, mixed in zip(of(good), of(good, *[tags] * 60), strict=True):
        np.testing.assert_array_equal(mixed, alone)
    for alone, more in zip(of(good), of(*[good] * 61), strict=True):
        assert (more >= alone).all()
        assert (more > alone).any()


def test_old_features_count_for_less(toy, features):
    arrays = {"population": 50.0, "built_m2": 1600.0}

    def roads(edited):
        return {"roads_drive": lattice(features, edited=edited), "building": houses(features)}

    found = [
        float(assess_completeness(toy(arrays=arrays, layers=roads(day)))["roads_confidence"].mean())
        for day in ("2024-06-01", "2019-06-01", "2015-06-01")
    ]
    assert found[0] > found[1] > found[2]


def test_outside_is_nan_and_unknown_parameters_are_refused(toy):
    inside = np.ones((40, 40))
    inside[0] = 0
    data = toy(arrays={"population": 5.0, "inside_share": inside})
    found = assess_completeness(data)
    assert np.isnan(found["roads_confidence"].to_numpy()[0]).all()
    assert np.isfinite(found["roads_confidence"].to_numpy()[1:]).all()
    with pytest.raises(StudyError, match="saturatoin"):
        assess_completeness(data, parameters={"saturatoin": 1})


LAYERS = ("roads_drive", "building", "health", "transit_low", "water_point", "power_line")


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), share=st.floats(0, 1), what=st.sampled_from([*LAYERS, "all"]))
def test_confidence_and_completeness_never_rise_when_features_vanish(
    toy, features, seed, share, what
):
    rng = np.random.default_rng(seed)
    spots = [shapely.Point(*p) for p in rng.uniform(0, 2000, (60, 2))]
    layers = {
        "roads_drive": lattice(features, size_m=2000.0, edited="2024-01-01"),
        "building": houses(features, size_m=2000.0),
        "health": features([{"edited": d} for d in ["2024-01-01", "2010-01-01"] * 30], spots),
        "transit_low": features([{"name": n} for n in ["a", "", "b"] * 20], spots),
        "water_point": features([{"drinking_water": "yes"} for _ in spots], spots),
        "power_line": features(
            [{"voltage_v": v} for v in [20e3, np.nan]],
            [shapely.LineString([(0, y), (2000, y)]) for y in (500, 1500)],
        ),
    }
    arrays = {
        "population": rng.gamma(1, 40, (20, 20)),
        "built_m2": rng.uniform(0, 3000, (20, 20)),
        "nightlights": rng.gamma(1, 1, (20, 20)),
    }
    data = toy(size_m=2000.0, arrays=arrays, layers=layers)
    fewer = {
        name: frame[rng.random(len(frame)) > share] if what in {name, "all"} else frame
        for name, frame in layers.items()
    }
    before = assess_completeness(data)
    after = assess_completeness(replace(data, layers={**data.layers, **fewer}))
    for name in before:
        if name.endswith(("_confidence", "_completeness")):
            assert (after[name] <= before[name] + 1e-9).all(), name
