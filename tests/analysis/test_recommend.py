"""What follows from a study, by rules that are rows: numbers derived by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kcity_geo.analysis.recommend import recommendations

READINGS = (
    "not_assessed",
    "falls_short",
    "probably_falls_short",
    "cannot_tell",
    "partly_short",
    "adequate",
)


def study(*, sites=1, flags=0, no_ranking="", unchecked=0, **levels):
    """A city of 1,000 people: level -> people by reading, the rest adequate; None: not assessed."""
    rows = {}
    for level in ("transport", "water", "energy", "flood"):
        people = dict.fromkeys(READINGS, 0.0)
        given = levels.get(level, {})
        people |= given or {}
        people["adequate"] = 1000.0 - sum(people.values())
        rows[level] = {"gap": math.nan if given is None else 0.1} | {
            f"people_{k}": v for k, v in people.items()
        }
    frame = pd.DataFrame({"site_id": [f"s{i}" for i in range(sites)], "score": [0.8] * sites})
    told = pd.DataFrame({"site_id": ["s0"] * flags, "flag": ["steep"] * flags})
    constraints = [SimpleNamespace(applied=i >= unchecked, limit="x") for i in range(3)]
    cells = {"population": SimpleNamespace(to_numpy=lambda: np.array([400.0, 600.0, np.nan]))}
    return SimpleNamespace(
        gaps=SimpleNamespace(city=pd.DataFrame.from_dict(rows, orient="index"), cells=cells),
        score=SimpleNamespace(no_ranking=no_ranking, constraints=constraints),
        sites=frame,
        dossiers=SimpleNamespace(flags=told),
    )


def told(**keys) -> list[tuple[str, str, float]]:
    return [(r.rule, r.level, round(r.value, 3)) for r in recommendations(study(**keys))]


def test_a_city_that_lacks_nothing_has_a_site_to_plan_and_no_project() -> None:
    assert told() == [
        ("plan_site", "", 1),
        ("no_project", "transport", 0),
        ("no_project", "water", 0),
        ("no_project", "energy", 0),
    ]


def test_what_nobody_can_tell_comes_before_what_is_short() -> None:
    found = told(
        transport={"cannot_tell": 200, "falls_short": 50},
        water={"cannot_tell": 199, "falls_short": 49},
    )
    assert found[:2] == [("survey", "transport", 0.2), ("improve", "transport", 0.05)]
    assert not [row for row in found if row[1] == "water"]


def test_of_one_rule_most_people_come_first() -> None:
    found = told(transport={"falls_short": 60}, energy={"probably_falls_short": 90})
    assert [row[1] for row in found if row[0] == "improve"] == ["energy", "transport"]


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"flood": {"falls_short": 10}}, ("flood", "flood", 0.01)),
        ({"water": None}, ("get_data", "water", 0)),
        ({"flags": 2}, ("clear_flags", "", 2)),
        ({"unchecked": 1}, ("check_rules", "", 1)),
        ({"sites": 0}, ("no_site", "", 0)),
        ({"no_ranking": "slope unknown"}, ("no_ranking", "", 0)),
        ({"energy": {"partly_short": 250}}, ("refine", "energy", 0.25)),
    ],
)
def test_each_rule_holds_at_its_limit(keys, rule) -> None:
    assert rule in told(**keys)


@pytest.mark.parametrize(
    "keys",
    [
        {"flood": {"falls_short": 9}},
        {"energy": {"partly_short": 249}},
        {"transport": {"cannot_tell": 199}},
    ],
)
def test_no_rule_holds_below_its_limit(keys) -> None:
    rules = {row[0] for row in told(**keys)}
    assert not rules & {"flood", "refine", "survey"}


def test_where_nothing_is_ranked_nothing_is_said_of_sites() -> None:
    rules = {row[0] for row in told(no_ranking="slope unknown")}
    assert "no_ranking" in rules
    assert not rules & {"plan_site", "no_site", "clear_flags"}
