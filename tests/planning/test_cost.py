"""Cost: rows that can be trusted, totals that are the sum of their parts, ranges that do not average away."""

from __future__ import annotations

import tomllib
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.planning.cost import Quantity, estimate, price_draws
from kcity_geo.planning.cost_table import cost_rows, price_basis, unit_price

SAME = price_basis(price_year=2024, escalation_share_year=0.0)
PRICED = sorted(row.id for row in cost_rows().values() if row.use == "base")


def test_the_library_is_large_enough_and_says_how_sure_it_is() -> None:
    rows = cost_rows()
    assert len(rows) >= 80
    verified = sum(row.mark == "V" for row in rows.values())
    assert verified / len(rows) >= 0.6
    for row in rows.values():
        assert 0 < row.low <= row.value <= row.high, row.id
        assert row.unit, row.id
        assert row.source, row.id
        assert row.mark in {"V", "V2", "M", "D"}, row.id
        assert 1990 <= row.price_year <= 2030, row.id
        assert 0 <= row.tradable_share <= 1, row.id
        if row.mark == "V":
            assert "memory" not in row.source, row.id


def test_the_head_of_the_table_counts_its_own_rows() -> None:
    from kcity_geo.config import TABLES

    rows = cost_rows()
    verified = sum(row.mark == "V" for row in rows.values())
    assert f"{verified} of {len(rows)} rows are V" in (TABLES / "costs.toml").read_text("utf-8")


def test_60_ha_of_roads_and_parks_at_the_official_korean_prices() -> None:
    own = price_basis(currency="KRW", price_year=2023, escalation_share_year=0.0)
    works = [
        Quantity(row="kr_road", amount=600_000, unit="m2"),
        Quantity(row="kr_park", amount=600_000, unit="m2"),
    ]
    lines = estimate(works, own).lines
    assert (lines["cost"] / 1e9).round(1).tolist()[:2] == [100.2, 60.6]
    usd = price_basis(price_year=2023, escalation_share_year=0.0)
    told = estimate(works, usd)
    assert (told.lines["cost"] / 1e6).round(1).tolist()[:2] == [77.1, 46.6]
    assert told.lines["own_price"].tolist()[:2] == [167_000, 101_000]
    assert set(told.expired()["row"]) == {"kr_road", "kr_park"}
    assert "2024-06-09" in told.expired()["state"].iloc[0]


def test_a_row_expires_the_day_after_its_last() -> None:
    row = cost_rows()["kr_road"]
    assert not row.expired(date(2024, 6, 9))
    assert row.expired(date(2024, 6, 10))
    # The day of a plan never makes a row valid again that is known to be past.
    assert price_basis(on=date(2024, 1, 1)).on == read_table("costs")["costs"]["checked"]


def test_only_what_is_not_traded_follows_the_price_level() -> None:
    row = cost_rows()["substation"]
    cheap = price_basis(price_year=row.price_year, escalation_share_year=0.0, price_level=0.4)
    assert unit_price(row, cheap) == pytest.approx(0.7 + 0.3 * 0.4)
    korean = cost_rows()["kr_road"]
    own = price_basis(currency="KRW", price_year=2023, escalation_share_year=0.0, price_level=0.75)
    assert unit_price(korean, own) == pytest.approx(1.0)


quantities = st.lists(
    st.tuples(st.sampled_from(PRICED), st.floats(0, 1e6), st.integers(0, 3)), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None)
@given(quantities)
def test_the_total_is_the_sum_of_its_lines_phases_and_sectors(rows: list) -> None:
    library = cost_rows()
    works = [Quantity(row=r, amount=a, unit=library[r].unit, phase=p) for r, a, p in rows]
    found = estimate(works, SAME)
    by_hand = sum(w.amount * library[w.row].value * unit_price(library[w.row], SAME) for w in works)
    assert sum(found.by_sector.values()) == pytest.approx(by_hand)
    assert found.total == pytest.approx(by_hand * 1.1 * 1.3)
    assert sum(found.by_phase.values()) == pytest.approx(found.total)
    assert found.p10 <= found.p50 <= found.p90
    # More of anything never costs less.
    more = [Quantity(row=w.row, amount=w.amount * 2, unit=w.unit, phase=w.phase) for w in works]
    assert estimate(more, SAME).p10 == pytest.approx(2 * found.p10)


def test_one_row_alone_has_its_own_range() -> None:
    row = cost_rows()["water_treatment"]
    found = estimate([Quantity(row=row.id, amount=1000.0, unit="m3/d")], SAME)
    assert found.p10 == pytest.approx(1000 * row.low * 1.43, rel=0.03)
    assert found.p50 == pytest.approx(1000 * row.value * 1.43, rel=0.03)
    assert found.p90 == pytest.approx(1000 * row.high * 1.43, rel=0.03)


def test_correlated_prices_keep_a_sum_wide() -> None:
    library = cost_rows()
    ids = ["water_treatment", "wastewater_treatment", "reservoir", "bridge", "earthworks"]
    works = [Quantity(row=i, amount=1e6 / library[i].value, unit=library[i].unit) for i in ids]
    widths = [(e := estimate(works, SAME, correlation=rho)).p90 - e.p10 for rho in (0.0, 0.5, 1.0)]
    assert all(a < b for a, b in pairwise(widths))
    # Fully correlated, the range of the sum is the sum of the ranges.
    low, high = (
        sum(1e6 / library[i].value * getattr(library[i], q) for i in ids) * 1.43
        for q in ("low", "high")
    )
    assert widths[2] == pytest.approx(high - low, rel=0.03)


def test_draws_depend_on_seed_and_row_alone() -> None:
    library = cost_rows()
    alone = price_draws([library["bridge"]], seed=3, correlation=0.5)["bridge"]
    beside = price_draws([library["brt_median"], library["bridge"]], seed=3, correlation=0.5)
    assert np.array_equal(alone, beside["bridge"])
    assert not np.array_equal(
        alone, price_draws([library["bridge"]], seed=4, correlation=0.5)["bridge"]
    )


GOOD = {
    "id": "mine", "title": "Mine", "sector": "water", "value": 2.0, "low": 1.0, "high": 3.0, "unit": "m",
    "currency": "USD", "price_year": 2024, "source": "offer",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"unit": ""}, "'mine': lacks 'unit'"),
        ({"source": None}, "lacks 'source'"),
        ({"low": 5.0}, "low <= value <= high"),
        ({"value": "two"}, "must be numbers"),
        ({"currency": "XYZ"}, "'XYZ' has no exchange rate"),
        ({"tradable_share": 2}, "from 0 to 1"),
        ({"price": 3}, "unknown column 'price'"),
    ],
)
def test_bad_rows_of_the_user_are_refused(change, told) -> None:
    assert cost_rows([GOOD])["mine"].mark == "U"
    with pytest.raises(StudyError, match=told):
        cost_rows([{**GOOD, **change}])


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (Quantity(row="gold", amount=1, unit="m"), "no row 'gold'"),
        (Quantity(row="bridge", amount=1, unit="m"), "is a price of one m2"),
        (Quantity(row="bridge", amount=-1, unit="m2"), "zero or more"),
        (Quantity(row="rehab_bridge", amount=1, unit="km"), "not priced with"),
    ],
)
def test_bad_quantities_are_refused(work, told) -> None:
    with pytest.raises(StudyError, match=told):
        estimate([work], SAME)


@pytest.mark.parametrize(
    "change",
    [{"price_year": 20}, {"price_level": 0.0}, {"currency": "won"}, {"escalation_share_year": 3}],
)
def test_a_bad_basis_is_refused(change) -> None:
    with pytest.raises(StudyError):
        price_basis(**change)


def test_the_docs_tell_how_often_real_prices_fall_into_the_range() -> None:
    """A P10 to P90 range should hold four of five; what it really holds is told as it is."""
    here = Path(__file__)
    prices = tomllib.loads((here.parent / "reference_prices.toml").read_text("utf-8"))["price"]
    rates = {row["currency"]: row["per_usd"] for row in read_table("costs")["exchange"]}
    rows = cost_rows()
    inside = [
        rows[p["row"]].low <= p["value"] / rates[p["currency"]] <= rows[p["row"]].high
        for p in prices
    ]
    assert len(prices) >= 10
    assert all(rows[p["row"]].source != p["source"] for p in prices)
    page = (here.parents[2] / "docs" / "plan.md").read_text("utf-8")
    assert f"{sum(inside)} of {len(inside)} real prices" in page


def test_the_docs_tell_how_often_public_projects_fall_into_the_range() -> None:
    """Whole projects through the whole estimate: what they cost, and P10 to P90 of what we would have said."""
    here = Path(__file__)
    table = tomllib.loads((here.parent / "public_projects.toml").read_text("utf-8"))["project"]
    rows = cost_rows()
    page = (here.parents[2] / "docs" / "plan.md").read_text("utf-8")
    inside = 0
    for one in table:
        work = Quantity(row=one["row"], amount=one["amount"], unit=rows[one["row"]].unit)
        found = estimate([work], price_basis(price_year=one["year"]))
        hit = found.p10 <= one["cost"] <= found.p90
        inside += hit
        told = f"{one['cost'] / 1e6:,.0f} | {found.p10 / 1e6:,.0f} to {found.p90 / 1e6:,.0f} | "
        assert f"| {one['name']} | {told}{'yes' if hit else 'no'} |" in page
        assert one["mark"] in {"V", "V2"}
        assert one["source"]
    assert len(table) >= 10
    assert f"{inside} of {len(table)} public projects" in page
    held = read_table("costs")["track_record"]
    assert (held["projects"], held["inside"]) == (len(table), inside)
    told = f"of {len(table)} public projects {inside} cost what such a range would have said"
    works = [Quantity(row="bridge", amount=100.0, unit=rows["bridge"].unit)]
    assert any(told in words for words in estimate(works, SAME).words_range)


def test_no_works_cost_nothing() -> None:
    found = estimate([], SAME)
    assert found.total == found.p90 == 0
