"""Choosing among applications: exact against brute force, the same in any order, a reason for each."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from applications import cannot_tell, changed, level, make_facts
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.comparison.compare import compare_cities
from kcity_geo.errors import StudyError
from kcity_geo.inputs.finished import city_numbers
from kcity_geo.programme import Candidate, PortfolioLimits, choose_portfolio


def one(name: str, *, city: str = "", budget: int = 300_000_000, short: float = 6_000.0, **tables):
    facts = make_facts(levels=(level("water", "partly_short", falls_short=short),))
    project = {"city": city or f"City {name}", **tables.pop("project", {})}
    application = changed(
        project=project,
        request={"budget_krw": budget},
        applicants=[{"name": f"Office of {city or name}", "kind": "local_government"}],
        **tables,
    )
    return Candidate(name=name, application=application, facts=facts)


def test_by_hand_the_needier_of_two_is_taken_when_one_can_be_paid() -> None:
    both = [one("a", short=6_000.0), one("b", short=30_000.0)]
    found = choose_portfolio(both, PortfolioLimits(budget_krw=300_000_000, need_weight=1.0))
    assert found.chosen == ("b",)
    rows: Any = found.table.set_index("name")
    # 30,000 and 6,000 of 60,000 people in one of three sectors; of the other two nothing is known.
    assert rows.loc[["b", "a"], "need_low"].tolist() == pytest.approx([0.5 / 3, 0.1 / 3])
    assert rows.loc[["b", "a"], "need_high"].tolist() == pytest.approx([2.5 / 3, 2.1 / 3])
    assert rows.loc["a", "reason"].startswith("taking it would leave out b and cost 13.3 points")
    assert rows.loc["b", "stable_share"] > rows.loc["a", "stable_share"]
    assert found.spent_krw == 300_000_000


def test_one_project_of_an_applicant_in_its_city() -> None:
    pair = [one("a", city="Hue"), one("b", city="hue", short=9_000.0), one("c")]
    found = choose_portfolio(pair, PortfolioLimits(budget_krw=10**10))
    rows: Any = found.table.set_index("name")
    assert set(found.chosen) == {"b", "c"}
    assert rows.loc["a", "reason"].startswith("one project per applicant within its city: b")


def test_every_one_left_out_has_its_reason() -> None:
    some = [
        one("dear", budget=400_000_000),
        one("late", programme={"submitted": "2020-03-21"}),
        one("fits", budget=200_000_000),
        one("other", budget=200_000_000, short=1_000.0),
    ]
    found = choose_portfolio(some, PortfolioLimits(budget_krw=300_000_000))
    rows: Any = found.table.set_index("name")
    assert found.chosen == ("fits",)
    assert "more than the whole budget" in rows.loc["dear", "reason"]
    assert "closed on 2020-03-20" in rows.loc["late", "reason"]
    assert "taking it would leave out fits" in rows.loc["other", "reason"]
    assert "selected" not in " ".join(rows["reason"])


def test_what_nobody_can_tell_widens_and_earns_nothing() -> None:
    blind = Candidate(name="blind", application=changed(), facts=cannot_tell())
    bare = Candidate(name="bare", application=changed(project={"city": "Elsewhere"}))
    found = choose_portfolio([blind, bare], PortfolioLimits(budget_krw=10**10)).table
    rows: Any = found.set_index("name")
    assert rows.loc["blind", "need_low"] == 0.0
    assert rows.loc["blind", "need_high"] > 0.9
    assert np.isnan(rows.loc["bare", "need_low"])
    assert rows.loc["bare", "readiness_high"] > rows.loc["bare", "readiness_low"]


def test_a_city_under_two_names_is_one_and_its_offices_are_asked_about() -> None:
    office = [{"name": "City of Da Nang", "kind": "local_government"}]
    here = [
        Candidate(
            name=name,
            application=changed(project={"city": city, "country": "VN"}, applicants=applicants),
        )
        for name, city, applicants in (
            ("a", "Da Nang", office),
            ("b", "다낭시", office),
            ("c", "다낭", [{"name": "다낭시", "kind": "local_government"}]),
        )
    ]
    limits = PortfolioLimits(budget_krw=10**10)
    assert len(choose_portfolio(here[:2], limits).chosen) == 1
    with pytest.warns(UserWarning, match="a, c are in one city, and whether City of Da Nang and"):
        found = choose_portfolio(here[::2], limits)
    assert found.chosen == ("a", "c")


def test_a_budget_below_the_cheapest_takes_none_and_says_so() -> None:
    some = [one("a", budget=300_000_000), one("b", budget=200_000_000)]
    found = choose_portfolio(some, PortfolioLimits(budget_krw=199_999_999))
    assert (found.chosen, found.spent_krw) == ((), 0)
    assert all("more than the whole budget" in reason for reason in found.table["reason"])


def test_a_level_whose_people_nobody_counted_is_open_from_nobody_to_all() -> None:
    bare = level("water", "not_assessed").model_copy(update={"people": {}, "people_short": None})
    full = level("energy", "adequate", falls_short=6_000.0)
    asked = Candidate(name="a", application=changed(), facts=make_facts(levels=(bare, full)))
    row = choose_portfolio([asked], PortfolioLimits(budget_krw=10**10)).table.iloc[0]
    # Energy 0.1; water, and transport, which is missing, from 0 to 1.
    assert (row["need_low"], row["need_high"]) == pytest.approx((0.1 / 3, 2.1 / 3))


def test_need_is_the_same_number_as_in_a_comparison() -> None:
    """Three sectors; flood counts in neither, and a sector that is missing is no need in either."""
    levels = tuple(
        level(key, "partly_short", falls_short=short).model_copy(
            update={
                "gap": short / 60_000.0,
                "people_short": short,
                "people": {"falls_short": short, "cannot_tell": 0.0, "not_assessed": 0.0},
            }
        )
        for key, short in (("water", 6_000.0), ("energy", 30_000.0), ("flood", 60_000.0))
    )
    facts = make_facts(levels=levels)
    row = choose_portfolio(
        [Candidate(name="a", application=changed(), facts=facts)],
        PortfolioLimits(budget_krw=10**10),
    ).table.iloc[0]
    other = facts.model_copy(update={"city": "Other"})
    compared = compare_cities(city_numbers([facts, other], ["a", "b"]), draws=1).table.iloc[0]
    assert row["need_low"] == pytest.approx(compared["need"]) == pytest.approx(0.2)
    assert row["need_high"] == pytest.approx(compared["need_high"])


def test_what_is_taken_because_money_is_left_has_earned_no_place(monkeypatch) -> None:
    blind = Candidate(name="blind", application=changed(), facts=cannot_tell())
    monkeypatch.setattr("kcity_geo.programme.portfolio._readiness", lambda _: (0.0, 1.0))
    row = choose_portfolio([blind], PortfolioLimits(budget_krw=10**10)).table.iloc[0]
    assert (row["chosen"], row["stable_share"], row["value"]) == (True, 0.0, 0.0)
    assert row["reason"] == "taken; what is known of it earns nothing, and money is left"


def test_a_limit_by_country() -> None:
    some = [one("a"), one("b"), one("c", project={"country": "Peru"})]
    limits = PortfolioLimits(budget_krw=10**10, most_per_country=1)
    assert choose_portfolio(some, limits).chosen.count("c") == 1
    assert len(choose_portfolio(some, limits).chosen) == 2


sizes = st.lists(
    st.tuples(st.integers(1, 9), st.integers(0, 59), st.sampled_from("pqr")), min_size=1, max_size=6
)


@settings(max_examples=12)
@given(sizes, st.integers(1, 30), st.randoms())
def test_as_good_as_trying_all_and_the_same_in_any_order(rows, budget, rng) -> None:
    some = [
        one(f"n{i}", city=city, budget=100_000_000 * cost, short=1000.0 * people)
        for i, (cost, people, city) in enumerate(rows)
    ]
    limits = PortfolioLimits(budget_krw=100_000_000 * budget)
    found = choose_portfolio(some, limits)
    table: Any = found.table.set_index("name").loc[[c.name for c in some]]
    value = table["value"].to_numpy()
    open_to_all = ~table["reason"].str.startswith("refused").to_numpy()
    best = 0.0
    for bits in product((0, 1), repeat=len(some)):
        taken = [r for r, bit in zip(rows, bits, strict=True) if bit]
        cities = [r[2] for r in taken]
        allowed = all(o for o, bit in zip(open_to_all, bits, strict=True) if bit)
        if allowed and len(cities) == len(set(cities)) and sum(r[0] for r in taken) <= budget:
            best = max(best, float(np.dot(value, bits)))
    assert table.loc[table["chosen"], "value"].sum() == pytest.approx(best, abs=1e-7)
    assert found.spent_krw <= limits.budget_krw
    mixed = list(some)
    rng.shuffle(mixed)
    assert choose_portfolio(mixed, limits).table.equals(found.table)


@pytest.mark.parametrize(
    ("candidates", "limits", "message"),
    [
        ([], {"budget_krw": 1}, "no application"),
        (["a", "a"], {"budget_krw": 1}, "given twice"),
        (["a"], {"budget_krw": 0}, "more than 0"),
        (["a"], {"budget_krw": 1, "need_weight": 2.0}, "from 0 to 1"),
        (["a"], {"budget_krw": 1, "most_per_country": 0}, "1 or more"),
    ],
)
def test_wrong_limits_are_one_line(candidates, limits, message) -> None:
    with pytest.raises(StudyError, match=message):
        choose_portfolio([one(n) for n in candidates], PortfolioLimits(**limits))


def bare(name: str, budget: int) -> Candidate:
    """An application behind which no study stands."""
    given = one(name, budget=budget)
    return Candidate(name=name, application=given.application)


def test_a_tie_is_told_and_no_weight_is_claimed_for_it() -> None:
    some = [bare("a", 600_000_000), bare("b", 600_000_000), bare("c", 600_000_000)]
    rows = choose_portfolio(some, PortfolioLimits(budget_krw=700_000_000)).table.set_index("name")
    assert rows.loc["a", "reason"].startswith("taken by name; equal to ")
    assert rows.loc["b", "reason"] == "equal to a, taken by name"
    assert rows.loc["c", "reason"] == "equal to a, taken by name"
    assert (rows["stable_share"] == 0.0).all()


def test_of_equal_value_more_projects_are_taken() -> None:
    some = [bare("a", 600_000_000), bare("b", 500_000_000), bare("c", 300_000_000)]
    limits = PortfolioLimits(budget_krw=800_000_000, need_weight=1.0)
    found = choose_portfolio(some, limits)
    rows: Any = found.table.set_index("name")
    assert found.chosen == ("b", "c")
    # By need alone, of which nothing is known, none earns a place.
    assert rows.loc["b", "reason"] == "taken; what is known of it earns nothing, and money is left"
    assert "as much value, but fewer projects" in rows.loc["a", "reason"]


def test_of_equal_projects_the_cheaper_is_taken_whatever_its_name() -> None:
    some = [bare("a", 600_000_000), bare("b", 500_000_000)]
    found = choose_portfolio(some, PortfolioLimits(budget_krw=700_000_000))
    assert found.chosen == ("b",)
    rows: Any = found.table.set_index("name")
    assert rows.loc["b", "reason"] == "taken"
    assert "as much value, but for more money" in rows.loc["a", "reason"]


def test_no_budget_is_no_number_and_an_example_is_told() -> None:
    given = one("a")
    made_up = Candidate(name="a", application=given.application, facts=make_facts(synthetic=True))
    dollars = Candidate(
        name="b", application=changed(request={"budget_krw": None, "budget_usd": 100_000})
    )
    found = choose_portfolio([made_up, dollars], PortfolioLimits(budget_krw=10**10))
    rows: Any = found.table.set_index("name")
    assert rows["budget_krw"].isna().tolist() == [False, True]
    assert rows.loc["a", "reason"].startswith("refused: the city of the study is synthetic")
    assert found.spent_krw == 0
