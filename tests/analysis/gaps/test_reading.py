"""A gap that the value of the city does not explain says where it comes from."""

from __future__ import annotations

import numpy as np
import pytest

from kcity_geo.analysis.energy.balance import _told
from kcity_geo.analysis.gaps.reading import why_short
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import Indicator
from kcity_geo.settings import settings_of
from kcity_geo.standards import load_standards

STANDARDS = load_standards()


def _why(key: str, value: float, gap: float, **details: float) -> str:
    one = Indicator(id=key, value=value, units="", details=details)
    return why_short(one, STANDARDS.get(key), {"gap_raw": gap})


def test_people_beyond_the_standard_are_the_reason_behind_a_good_mean() -> None:
    text = _why("T9_jobs", 4.29, 0.119, persons_without_route=7707.2)
    assert "mean" in text
    assert "7,707 people without a way in full" in text
    text = _why("W1", 12.2, 0.111)
    assert text.endswith("everybody beyond the standard")


def test_a_gap_smaller_than_the_value_is_explained_too() -> None:
    """8 of 18 km of street per km2 on the land, but most people live where there are more."""
    assert "mean over land" in _why("T4", 8.0, 0.15)
    assert _why("T1", 0.4, 0.3).startswith("the value is a mean")
    # 24 % of land for streets, standard 30 %, none at 5 %: a reader redoes 23 %, and reads 19 %.
    assert "better" in _why("T6", 0.243, 0.188)


def test_a_gap_larger_than_that_of_the_land_is_not_said_to_be_better_where_people_live() -> None:
    text = _why("T6", 0.21, 0.45)
    assert "mean over land" in text
    assert "better" not in text


@pytest.mark.parametrize(
    ("key", "value", "gap"),
    [
        ("T1", 0.4, 0.6),  # the value says it
        ("W6", 0.15, 0.15),
        ("T8", 1.2, 0.6),  # a formula of its own
        ("T2", 0.5, 0.3),  # not scored
        ("W1", float("nan"), float("nan")),
    ],
)
def test_nothing_is_explained_that_needs_no_explanation(key, value, gap) -> None:
    assert _why(key, value, gap) == ""


def test_a_modelled_demand_says_that_it_is_no_forecast() -> None:
    settings = settings_of("energy", None)
    text = _told(settings)
    assert "no forecast" in text
    assert "tier 4, 1,250 kWh a year" in text
    assert "set official.peak_demand_mw" in text
    assert "900 kWh per person" in _told(settings.changed(kwh_person_year=900.0))


def test_titles_of_shortfalls_say_so() -> None:
    """0 % is the aim: 'supply against demand: 9 %' read as if a tenth was supplied."""
    titles = {key: row.title for key, row in indicator_rows().items()}
    for key, standard in STANDARDS.items():
        assert standard.title == titles[key]
    assert "hortfall" in titles["E7"]
    assert np.isclose(STANDARDS["E7"].target, 0.0)
