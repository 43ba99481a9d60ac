"""What follows from a finished study: rules, districts, squares; by brute force and by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from kcity_geo.analysis.findings import Findings, most_short, worst_sector
from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.analysis.settlement.blocks import blocks_of
from kcity_geo.demo.toy import make_toy
from kcity_geo.result import SECTORS, Constraint, Result, Suitability


def study(population, *constraints, feasible=None) -> Result:
    """A toy city of 4 by 4 cells that only has what is asked here."""
    data = make_toy(size_m=400, arrays={"population": population}, split=(0.375, 0.5))
    reading = np.full((4, 4), READINGS.index("adequate"))
    reading[np.broadcast_to(population, (4, 4)) < 1] = READINGS.index("nobody")
    cells = xr.Dataset({"composite_reading": (("y", "x"), reading)})
    score = Suitability(
        project="p",
        title="P",
        score=np.ones((4, 4)),
        criteria=(),
        constraints=constraints,
        missing={},
        feasible=np.ones((4, 4), bool) if feasible is None else feasible,
    )
    return Result(None, data, SimpleNamespace(cells=cells), score, None)


def test_each_cell_counts_for_the_first_rule_that_holds() -> None:
    west, north, off = np.zeros((3, 4, 4), bool)
    west[:, 0], north[0], off[:] = True, True, True
    rules = [
        Constraint(id=key, title=key, limit="", excluded=cells, applied=key != "off")
        for key, cells in (("off", off), ("west", west), ("north", north))
    ]
    feasible = ~(west | north)
    feasible[3, 3] = False
    found = Findings(study(10.0, *rules, feasible=feasible))
    assert [c.id for c in found.rules] == ["west", "north"]
    assert found.rule.tolist() == [[0, 1, 1, 1], [0, -1, -1, -1], [0, -1, -1, -1], [0, -1, -1, -2]]
    assert found.share_of_rule(1) == 3 / 16
    assert sum(found.share_of_rule(code) for code in (-2, -1, 0, 1)) == 1.0
    assert found.excluded_share["north"] == 4 / 16


def test_a_sliver_on_the_border_counts_as_the_land_it_holds() -> None:
    north = np.zeros((4, 4), bool)
    north[0] = True
    rule = Constraint(id="north", title="north", limit="", excluded=north, applied=True)
    result = study(10.0, rule, feasible=~north)
    share = np.ones((4, 4))
    share[0, :3], share[3] = 1e-9, 0.25  # the top row holds one whole cell, the bottom row one
    cube = result.data.cube.assign(inside_share=(("y", "x"), share))
    found = Findings(replace(result, data=replace(result.data, cube=cube)))
    assert found.excluded_share["north"] == pytest.approx(1 / 10)
    assert found.share_of_rule(0) == pytest.approx(1 / 10)
    assert found.share_of_rule(-1) == pytest.approx(9 / 10)


def test_a_cell_on_the_line_between_districts_has_one_district_everywhere() -> None:
    found = Findings(study(10.0))  # the districts meet in the middle of the second column
    assert found.main_district[0].tolist() == ["NW", "NE", "NE", "NE"], "of equal ones the first id"
    ids = found.result.data.city.districts["district_id"].to_numpy()
    assert (ids[found.district_number] == found.main_district).all()


def test_where_nobody_lives_is_what_the_readings_say() -> None:
    people = np.full((4, 4), 10.0)
    people[0, 0] = 0.2
    assert np.argwhere(Findings(study(people)).lived_in == 1).tolist() == [[0, 0]]
    assert Findings(study(people)).people == pytest.approx(150.2)


def test_the_worst_sector_of_a_cell() -> None:
    gap = {"transport": [0.1, 0.5, np.nan], "water": [0.4, 0.5, 0.9], "energy": [0.2, 0.1, 0.1]}
    cells = xr.Dataset({f"{s}_gap": (("y", "x"), [gap[s]]) for s in SECTORS})
    assert worst_sector(SimpleNamespace(cells=cells)).tolist() == [1, 0, -1]


def test_districts_come_by_the_people_who_fall_short() -> None:
    frame = pd.DataFrame(
        {
            "district_id": ["b", "a", "c", "d"],
            "transport_people_short": [5.0, 0.0, np.nan, 0.4],
            "water_people_short": [2.0, 5.0, 9.0, 0.2],
        }
    )
    found = most_short(SimpleNamespace(districts=frame))
    assert found["district_id"].tolist() == ["c", "a", "b"], "of equal ones the first id"
    assert found["sector"].tolist() == ["water", "water", "transport"]
    assert most_short(SimpleNamespace(districts=frame.head(1))).empty


def test_squares_keep_people_and_average_by_them() -> None:
    rng = np.random.default_rng(3)
    grid, cells = make_toy(size_m=1000).grid, np.sort(rng.permutation(100)[:70])
    people = np.where(rng.random(70) < 0.3, 0.0, rng.random(70) * 50)
    values = np.where(rng.random(70) < 0.2, np.nan, rng.random(70))
    words = rng.choice(["a", "b", "c"], 70)
    blocks = blocks_of(grid, cells, factor=3)
    x, y = np.divmod(cells, 10)[1] * 100 + 500_050, 5_000_950 - np.divmod(cells, 10)[0] * 100
    own = [f"x{int(a // 300)}_y{int(b // 300)}_of3" for a, b in zip(x, y, strict=True)]
    assert blocks.summed(people).sum() == pytest.approx(people.sum())
    mean, often = blocks.averaged(values, people), blocks.most_frequent(words)
    for i, name in enumerate(blocks.ids):
        here = np.array([one == name for one in own])
        known = here & np.isfinite(values)
        weight = people if people[here].sum() > 0 else np.ones(70)
        if weight[known].sum() > 0:
            assert mean[i] == pytest.approx(np.average(values[known], weights=weight[known]))
        elif known.any():
            assert mean[i] == pytest.approx(values[known].mean())
        else:
            assert np.isnan(mean[i])
        counts = {word: (words[here] == word).sum() for word in "abc"}
        assert often[i] == max(sorted(counts), key=counts.__getitem__)
        left, bottom, right, top = blocks.squares[i].bounds
        assert (right - left, top - bottom) == (300, 300)
        assert ((x[here] > left) & (x[here] < right) & (y[here] > bottom) & (y[here] < top)).all()
