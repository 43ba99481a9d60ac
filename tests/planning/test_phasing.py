"""Phasing: the best schedule equals brute force, and no phase comes before its trunk."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import assumptions_of
from kcity_geo.planning.demand import Demand
from kcity_geo.planning.phasing import Part, phase_table, schedule, take_up

RATE, HORIZON = 0.06, 12


def allowed(parts: list[Part], year: dict[str, int], budgets: list[float]) -> bool:
    for t in range(len(budgets)):
        spent = sum(p.cost for p in parts if year.get(p.id, 99) <= t)
        if spent > sum(budgets[: t + 1]) * (1 + 1e-9):
            return False
    for part in parts:
        if part.id not in year:
            continue
        if any(year.get(need, 99) > year[part.id] for need in part.needs):
            return False
        if (
            part.neighbours
            and not part.at_edge
            and not any(year.get(n, 99) < year[part.id] for n in part.neighbours)
        ):
            return False
    return True


def worth(parts: list[Part], year: dict[str, int]) -> float:
    return sum(
        p.benefit / (1 + RATE) ** t
        for p in parts
        if p.id in year
        for t in range(year[p.id] + 1, HORIZON + 1)
    )


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[Part], list[float]]:
    count = draw(st.integers(1, 4))
    ids = [f"p{i}" for i in range(count)]
    parts = []
    for i, name in enumerate(ids):
        needs = tuple(n for n in ids[:i] if draw(st.booleans()) and draw(st.booleans()))
        around = tuple(n for n in ids if n != name and draw(st.booleans()))
        parts.append(
            Part(
                id=name,
                cost=draw(st.integers(0, 6)),
                benefit=draw(st.integers(0, 9)),
                needs=needs,
                neighbours=around,
                at_edge=draw(st.booleans()),
            )
        )
    budgets = draw(st.lists(st.integers(0, 8), min_size=1, max_size=3).filter(sum))
    return parts, [float(b) for b in budgets]


@settings(max_examples=60, deadline=None)
@given(plans())
def test_the_schedule_equals_brute_force(case) -> None:
    parts, budgets = case
    found = schedule(parts, budgets, rate=RATE, horizon_years=HORIZON)
    assert allowed(parts, dict(found.year), budgets)
    assert found.value == pytest.approx(worth(parts, dict(found.year)))
    best = 0.0
    for years in itertools.product(range(len(budgets) + 1), repeat=len(parts)):
        year = {p.id: y for p, y in zip(parts, years, strict=True) if y < len(budgets)}
        if allowed(parts, year, budgets):
            best = max(best, worth(parts, year))
    assert found.value == pytest.approx(best, rel=1e-5, abs=1e-6)
    assert min(found.left) >= -1e-6


def test_no_part_without_its_trunk() -> None:
    parts = [
        Part(id="trunk", cost=8.0),
        Part(id="a", cost=1.0, benefit=5.0, needs=("trunk",)),
    ]
    assert schedule(parts, [5.0, 2.0]).not_built == ("trunk", "a")
    assert dict(schedule(parts, [5.0, 5.0]).year) == {"trunk": 1, "a": 1}


def test_a_town_grows_from_its_edge() -> None:
    parts = [
        Part(id="near", cost=1.0, benefit=1.0, at_edge=True, neighbours=("far",)),
        Part(id="far", cost=1.0, benefit=9.0, neighbours=("near",)),
    ]
    assert dict(schedule(parts, [10.0, 0.0]).year) == {"near": 0, "far": 1}


@pytest.mark.parametrize(
    ("parts", "budgets", "told"),
    [
        ([Part(id="a", cost=1)], [0.0, 0.0], "a budget of 0"),
        ([Part(id="a", cost=1)], [], "zero or more"),
        ([Part(id="a", cost=1)], [-1.0], "zero or more"),
        ([Part(id="a", cost=1, needs=("b",))], [1.0], "'b', which does not exist"),
        ([Part(id="a", cost=1), Part(id="a", cost=1)], [1.0], "stands twice"),
        ([Part(id="a", cost=-1)], [1.0], "cost -1"),
        (
            [Part(id="a", cost=1, needs=("b",)), Part(id="b", cost=1, needs=("a",))],
            [1.0],
            "a circle",
        ),
    ],
)
def test_bad_phasing_is_refused(parts, budgets, told) -> None:
    with pytest.raises(StudyError, match=told):
        schedule(parts, budgets)


@given(st.floats(0.5, 50), st.floats(0.01, 1.0))
def test_take_up_never_falls_and_keeps_its_marks(years: float, final: float) -> None:
    t = np.linspace(-5, 100, 400)
    share = take_up(t, years_10_to_90=years, final_share=final)
    assert (np.diff(share) >= 0).all()
    assert share.max() <= final
    assert (share[t < 0] == 0).all()
    marks = take_up([1.0, 1.0 + years], years_10_to_90=years, final_share=final)
    assert marks == pytest.approx([0.1 * final, 0.9 * final])


NEED = Demand(**dict.fromkeys(Demand.__dataclass_fields__, 1000.0))


def test_every_year_adds_up() -> None:
    base = assumptions_of()
    table = phase_table(NEED, 200.0, {0: 30.0, 1: 10.0, 2: 20.0, 3: 15.0}, base)
    assert table["capital"].sum() == pytest.approx(75.0)
    assert table["hectares_opened"].iloc[-1] == pytest.approx(200.0)
    assert (np.diff(table["hectares_opened"]) >= 0).all()
    assert (np.diff(table["take_up"]) >= -1e-12).all()
    assert table["take_up"].iloc[-1] <= base["take_up_final_share"]
    assert table["dwellings"].to_numpy() == pytest.approx(1000 * table["take_up"].to_numpy())
    # Nothing is used before it is opened, and the trunk is paid for by then.
    opened = int(np.flatnonzero(table["hectares_opened"])[0])
    assert table["take_up"].iloc[:opened].sum() == 0
    assert table["capital"].iloc[:opened].sum() >= 30.0 + 10.0


@pytest.mark.parametrize("phases", [[0.5, 0.4], [], [1.2, -0.2]])
def test_phases_must_add_to_one(phases) -> None:
    with pytest.raises(StudyError, match="add to 1"):
        phase_table(NEED, 200.0, {1: 1.0}, assumptions_of(), phases=phases)


def test_capital_of_a_phase_that_does_not_exist_is_refused() -> None:
    with pytest.raises(StudyError, match="phase 4"):
        phase_table(NEED, 200.0, {4: 1.0}, assumptions_of())
