"""Cities side by side: fixed benchmarks, ranges for what is not known, ranks that no other city moves."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.comparison.compare import compare_cities
from kcity_geo.analysis.comparison.numbers import CityNumbers, LevelNumbers, MeasuredNumbers
from kcity_geo.analysis.comparison.rows import compared_criteria
from kcity_geo.errors import StudyError


def _level(short: float, open_: float = 0.0, draws: tuple[float, ...] = ()) -> LevelNumbers:
    return LevelNumbers(
        gap=short, people_short=1000 * short, people_open=1000 * open_, short_draws=draws
    )


def _city(
    name: str, *, short: float = 0.2, grid_km: float = 1.0, land: float = 0.1, open_: float = 0.0
) -> CityNumbers:
    return CityNumbers(
        key=name, name=name, study=name, project="new_town", lat=1.0, lon=2.0, area_km2=10.0, population=1000.0,
        population_evidence="observed", osm_date="2024-01-01", cell_m=100.0,
        levels={level: _level(short, open_) for level in ("transport", "water", "energy")} | {"flood": _level(0.0)},
        indicators={"E5": MeasuredNumbers(value=grid_km), "T9_reach_people": MeasuredNumbers(value=1.0)},
        open_land_share=land,
    )  # fmt: skip


def test_the_scores_are_those_of_a_calculation_by_hand() -> None:
    one, two = _city("A", short=0.2, grid_km=5.5, land=0.1), _city("B", short=0.5)
    found = compare_cities([one, two])
    # need: (0.2 + 0.2 + 0.2) / 3; readiness: evidence 1, grid (10 - 5.5) / 9 = 0.5, access 1, hazard 1, land 0.1 / 0.2
    assert found.table.loc["A", "need"] == pytest.approx(0.2)
    assert found.table.loc["A", "readiness"] == pytest.approx((1 + 0.5 + 1 + 1 + 0.5) / 5)
    ranks = found.rank()
    assert ranks["need_rank"].tolist() == [2, 1]
    assert ranks["readiness_rank"].tolist() == [2, 1]


def test_complete_data_leave_no_range() -> None:
    found = compare_cities(
        [_city("A"), _city("B", short=0.4, land=0.2), _city("C", short=0.9, grid_km=9)]
    )
    for axis in ("need", "readiness"):
        assert (found.table[f"{axis}_low"] == found.table[f"{axis}_high"]).all()
        ranks = found.rank()
        for end in ("best", "worst", "draw_low", "draw_high"):
            np.testing.assert_array_equal(ranks[f"{axis}_{end}"], ranks[f"{axis}_rank"])


@pytest.mark.parametrize(("told_of", "known"), [(0.0, False), (0.05, False), (2.0, True)])
def test_a_part_of_a_person_of_whom_can_be_told_is_nothing_known(told_of, known) -> None:
    open_ = LevelNumbers(gap=0.3, people_short=0.0, people_open=1000.0 - told_of)
    one = replace(_city("A"), levels=dict.fromkeys(("transport", "water", "energy"), open_))
    found = compare_cities([one, _city("B")])
    assert found.measured["A"]["energy"].known == known


def test_of_a_city_counted_in_part_nothing_of_its_people_is_known() -> None:
    """What is true of the people in half of a city may be true of nobody else."""
    whole = _city("A", short=0.5)
    half = replace(_city("B", short=0.1), whole=False, population=500.0)
    nobody = replace(_city("C"), population=math.nan)
    (counted,) = [
        one for one in compare_cities([whole, nobody]).apart if one.what == "people counted"
    ]
    assert counted.having == (("in all of it", ("A",)), ("none", ("C",)))
    found = compare_cities([whole, half])
    assert math.isnan(found.table.loc["B", "need"])
    ranks = found.rank()
    assert ranks["need_rank"].isna().tolist() == [False, True]
    assert ranks.loc["B", "readiness_rank"] == 2
    assert not found.measured["B"]["transport"].known
    assert found.measured["B"]["land"].known
    assert (
        found.measured["B"]["transport"].score_low,
        found.measured["B"]["transport"].score_high,
    ) == (0.0, 1.0)
    (one,) = [one for one in found.apart if one.what == "people counted"]
    assert one.having == (
        ("in a part of it: nothing of people is compared", ("B",)), ("in all of it", ("A",)),
    )  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 2, st.floats(0, 20)), min_size=2, max_size=4),
    st.integers(0, 5),
)
def test_a_city_added_or_removed_changes_no_row_of_the_others(values, seed) -> None:
    cities = [
        _city(f"C{i}", short=a, open_=(1 - a) * b, grid_km=c) for i, (a, b, c) in enumerate(values)
    ]
    whole = compare_cities(cities, draws=20, seed=seed)
    fewer = compare_cities([*cities[1:], _city("new")], draws=20, seed=seed)
    pd.testing.assert_frame_equal(whole.table.iloc[1:], fewer.table.iloc[:-1], check_exact=True)
    for key in whole.table.index[1:]:
        for name, one in whole.measured[key].items():
            np.testing.assert_array_equal(one.draws, fewer.measured[key][name].draws)


def test_the_order_of_the_cities_changes_nothing() -> None:
    cities = [_city("A", open_=0.3), _city("B", short=0.5, open_=0.2), _city("C", grid_km=7)]
    first = compare_cities(cities, draws=50).rank()
    for order in itertools.permutations(cities):
        pd.testing.assert_frame_equal(
            compare_cities(order, draws=50).rank().loc[["A", "B", "C"]], first
        )


@pytest.mark.parametrize(
    "lost",
    [
        lambda city: replace(city, levels={k: v for k, v in city.levels.items() if k != "water"}),
        lambda city: replace(city, levels=city.levels | {"water": _level(0.1, 0.3)}),
        lambda city: replace(city, indicators={}),
        lambda city: replace(city, open_land_share=math.nan),
        lambda city: replace(city, population=math.nan),
    ],
)
def test_what_is_missing_widens_the_ranges_and_never_improves_a_rank(lost) -> None:
    city, rivals = (
        _city("A", short=0.4, land=0.2),
        [_city("B", short=0.3), _city("C", short=0.6, grid_km=4)],
    )
    before, after = compare_cities([city, *rivals]), compare_cities([lost(city), *rivals])
    for axis in ("need", "readiness"):
        was, now = before.table.loc["A"].fillna(0.0), after.table.loc["A"].fillna(0.0)
        assert now[axis] <= was[axis] + 1e-12
        assert now[f"{axis}_low"] <= was[f"{axis}_low"] + 1e-12
        assert now[f"{axis}_high"] >= was[f"{axis}_high"] - 1e-12
        ranks = [found.rank().loc["A"] for found in (before, after)]
        worse = [4 if pd.isna(rank[f"{axis}_rank"]) else rank[f"{axis}_rank"] for rank in ranks]
        assert worse[1] >= worse[0]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=5))
def test_ranks_lie_in_their_ranges_and_dominance_agrees_with_brute_force(values) -> None:
    cities = [_city(f"C{i}", short=a, open_=(1 - a) * b) for i, (a, b) in enumerate(values)]
    found = compare_cities(cities, draws=40)
    ranks = found.rank()
    for axis in ("need", "readiness"):
        low, high = found.table[f"{axis}_low"], found.table[f"{axis}_high"]
        for key in found.table.index:
            others = [k for k in found.table.index if k != key]
            assert ranks.loc[key, f"{axis}_best"] == 1 + sum(
                low[k] > high[key] + 1e-12 for k in others
            )
            assert ranks.loc[key, f"{axis}_worst"] == len(cities) - sum(
                high[k] < low[key] - 1e-12 for k in others
            )
            assert (
                ranks.loc[key, f"{axis}_best"]
                <= ranks.loc[key, f"{axis}_rank"]
                <= ranks.loc[key, f"{axis}_worst"]
            )
            assert ranks.loc[key, f"{axis}_best"] <= ranks.loc[key, f"{axis}_draw_low"]
            assert ranks.loc[key, f"{axis}_draw_high"] <= ranks.loc[key, f"{axis}_worst"]


def test_what_is_said_to_be_needed_really_draws_level() -> None:
    ahead, behind = _city("A", grid_km=1, land=0.2), _city("B", grid_km=8.2, land=0.15)
    found = compare_cities([ahead, behind])
    table = found.overtake("B", "A").set_index("criterion")
    # B lacks 0.8 + 0.25 over five equal criteria; land alone cannot bring it
    assert math.isnan(table.loc["land", "value_needed"])
    near = compare_cities([_city("A", grid_km=1, land=0.1), _city("B", grid_km=4.6, land=0.15)])
    needed = near.overtake("B", "A").set_index("criterion").loc["grid", "value_needed"]
    assert needed == pytest.approx(3.25)  # 0.6 -> 0.75 on a slope of 1/9 a km
    again = compare_cities([_city("A", grid_km=1, land=0.1), _city("B", grid_km=needed, land=0.15)])
    assert again.table.loc["B", "readiness"] == pytest.approx(again.table.loc["A", "readiness"])


def test_the_weights_that_turn_an_order_are_the_closed_form() -> None:
    weights = {"evidence": 0, "grid": 0.7, "access": 0, "hazard": 0, "land": 0.3}
    cities = [_city("A", grid_km=1, land=0.0), _city("B", grid_km=10, land=0.2)]
    table = compare_cities(cities, weights=weights).overtake("B", "A")
    assert table.attrs["weights_moved"] == pytest.approx(0.4)


def test_differences_of_the_studies_are_told() -> None:
    two = replace(_city("B"), osm_date="2013-05-05", cell_m=250.0)
    lines = compare_cities([_city("A"), two]).differences
    assert "The studies differ in the year of the map (2013: B; 2024: A)." in lines
    assert any("side of a cell" in line and "250 m" in line for line in lines)
    assert compare_cities([_city("A"), _city("B")]).differences == ()


def test_inputs_that_one_study_lacks_and_standards_that_differ_are_told() -> None:
    one = replace(_city("A"), inputs=("elevation", "flood", "osm"))
    two = replace(_city("B"), inputs=("osm", "population"), population_evidence="proxy")
    three = replace(
        _city("C"),
        indicators=_city("C").indicators | {"T1": MeasuredNumbers(value=1, standard=400)},
    )
    four = replace(
        _city("D"),
        indicators=_city("D").indicators | {"T1": MeasuredNumbers(value=1, standard=500)},
    )
    told = {row.what: dict(row.having) for row in compare_cities([four, one, three, two]).apart}
    assert told["inputs"] == {
        "not known": ("C", "D"),
        "without heights, flood depths": ("B",),
        "without people": ("A",),
    }
    assert told["standards"] == {"T1 400": ("C",), "T1 500": ("D",), "none of these": ("A", "B")}
    assert told["source of the people"] == {
        "counted": ("A", "C", "D"),
        "spread over buildings or built-up land": ("B",),
    }


def test_the_same_study_from_two_folders_is_refused() -> None:
    with pytest.raises(StudyError, match="are the same study"):
        compare_cities([_city("A"), replace(_city("A"), key="A (copy)")])


@pytest.mark.parametrize(
    ("cities", "given_", "words"),
    [
        ([_city("A")], {}, "two or more"),
        ([_city("A"), _city("A")], {}, "given twice"),
        ([_city("A"), _city("B")], {"draws": 0}, "draws = 0"),
        ([_city("A"), _city("B")], {"draws": "x"}, "draws = 'x': give a whole number"),
        ([_city("A"), _city("B")], {"draws": 2.5}, "draws = 2.5: give a whole number"),
        ([_city("A"), _city("B")], {"draws": True}, "draws = True: give a whole number"),
        ([_city("A"), _city("B")], {"weights": {"watr": 1}}, "no criterion 'watr'"),
        ([_city("A"), _city("B")], {"weights": {"water": -1}}, "water = -1"),
        ([_city("A"), _city("B")], {"weights": dict.fromkeys(("water", "energy", "transport"), 0)}, "all of need"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(cities, given_, words) -> None:
    with pytest.raises(StudyError, match=words):
        compare_cities(cities, **given_)


def test_weights_of_an_axis_add_to_one() -> None:
    rows = compared_criteria({"water": 3})
    assert sum(r.weight for r in rows if r.axis == "need") == pytest.approx(1)
    assert next(r.weight for r in rows if r.id == "water") == pytest.approx(0.6)


def test_a_range_is_counted_at_its_worse_end_in_what_is_needed() -> None:
    """A tenth of the people on flood-prone land, and a twentieth of whom nobody can tell: 0.15 counts."""
    flood = {"flood": _level(0.10, 0.05)}
    behind = replace(_city("B", land=0.0), levels=_city("B").levels | flood)
    ahead = _city("A", land=0.02)
    row = compare_cities([ahead, behind]).overtake("B", "A").set_index("criterion").loc["hazard"]
    assert row["value"] == pytest.approx(0.15)
    # B lacks 0.5 + 0.1 points of a fifth each, of which hazard alone can give at most its 0.5
    assert math.isnan(row["value_needed"])
    near = (
        compare_cities([_city("A", land=0.0), behind])
        .overtake("B", "A")
        .set_index("criterion")
        .loc["hazard"]
    )
    assert near["value_needed"] == pytest.approx(0.0)
    assert near["value_needed"] < near["value"]


_SHARE = st.floats(0, 1)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(_SHARE, _SHARE, st.floats(0, 12), _SHARE), min_size=2, max_size=4),
    st.tuples(_SHARE, _SHARE),
    st.sets(st.sampled_from(["water", "energy", "flood", "E5", "T9_reach_people", "land"])),
    st.integers(0, 3),
)
def test_losing_data_never_raises_a_rank_or_a_first_share(values, lost, gone, seed) -> None:
    """People become open, of those who fell short and of the others, and criteria go missing."""
    cities = [
        replace(
            _city(f"C{i}", grid_km=c, land=d / 4),
            levels=dict.fromkeys(
                ("transport", "water", "energy", "flood"),
                _level(a, (1 - a) * b, tuple(a * k for k in (0.8, 1.0, 1.2) if a * k <= 1)),
            ),
        )
        for i, (a, b, c, d) in enumerate(values)
    ]
    first = cities[0]
    a, b = values[0][0], (1 - values[0][0]) * values[0][1]
    short, others = a * (1 - lost[0]), (1 - a - b) * (1 - lost[1])
    level = _level(
        short,
        max(0.0, 1 - short - others),
        tuple(k - min(k, a) * lost[0] for k in first.levels["water"].short_draws),
    )
    blind = replace(
        first,
        levels={k: level for k in first.levels if k not in gone},
        indicators={k: v for k, v in first.indicators.items() if k not in gone},
        open_land_share=math.nan if "land" in gone else first.open_land_share,
    )
    before: Any = compare_cities(cities, draws=40, seed=seed).rank().loc["C0"]
    after: Any = compare_cities([blind, *cities[1:]], draws=40, seed=seed).rank().loc["C0"]
    for axis in ("need", "readiness"):
        if not pd.isna(after[f"{axis}_rank"]):
            assert after[f"{axis}_rank"] >= before[f"{axis}_rank"]
        if not pd.isna(after[f"{axis}_first"]):
            assert after[f"{axis}_first"] <= before[f"{axis}_first"] + 1e-12


def test_a_city_of_which_nothing_is_known_has_no_score_and_no_rank() -> None:
    nobody = replace(
        _city("N"), levels={}, indicators={}, population=math.nan, open_land_share=math.nan
    )
    found = compare_cities([_city("A", short=0.0), nobody, _city("B", short=0.0)])
    ranks = found.rank()
    for axis in ("need", "readiness"):
        assert found.table[f"{axis}_known"].tolist() == [1.0, 0.0, 1.0]
        assert math.isnan(found.table.loc["N", axis])
        assert ranks[f"{axis}_rank"].isna().tolist() == [False, True, False]
        assert ranks[f"{axis}_first"].tolist()[::2] == [1.0, 1.0]
        assert math.isnan(ranks.loc["N", f"{axis}_first"])
        assert (ranks.loc["N", f"{axis}_best"], ranks.loc["N", f"{axis}_worst"]) == (1, 3)


def test_a_city_with_a_criterion_not_known_is_first_in_no_share_of_the_draws() -> None:
    blind = replace(_city("B"), open_land_share=math.nan)
    found = compare_cities([_city("A", land=0.02), blind], draws=400)
    assert found.not_known("B", "readiness") == ("land",)
    ranks = found.rank()
    assert math.isnan(ranks.loc["B", "readiness_first"])
    # A has 0.1 of the points of land, of B they are drawn evenly: below it in a tenth of the draws.
    assert ranks.loc["A", "readiness_first"] == pytest.approx(0.1, abs=0.04)
    # A weight is moved onto no criterion that is not known.
    assert math.isinf(found.overtake("B", "A").attrs["weights_moved"])
    # It weighs nothing: then nothing that weighs is missing.
    light = compare_cities([_city("A", land=0.02), blind], weights={"land": 0})
    assert light.rank()["readiness_first"].tolist() == [1.0, 1.0]
