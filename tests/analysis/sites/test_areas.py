"""Areas that are ranked again: the same weights give the same table, and what is excluded leaves."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.sites.areas import areas_of, runs_of
from kcity_geo.demo.toy import make_toy

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
from weighing import judged, ranked

pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")


@given(st.sets(st.integers(0, 300)))
def test_runs_hold_every_cell_once(cells):
    pairs = np.array(runs_of(np.array(sorted(cells), dtype=np.int64))).reshape(-1, 2)
    assert [c for first, n in pairs for c in range(first, first + n)] == sorted(cells)


@pytest.fixture(scope="module")
def city():
    return make_toy(size_m=5600.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_areas_that_are_ranked_again_under_the_same_weights_are_the_same(city, seed):
    score = judged(np.ones((56, 56), bool), seed=seed)
    sites = ranked(score, city)
    again = ranked(score, city, kept=sites)
    assert len(sites) > 2
    plain = [c for c in sites.columns if c != "geometry"]
    assert sites[plain].equals(again[plain])
    assert sites.geometry.equals(again.geometry)
    assert [a.site_id for a in areas_of(sites.attrs["areas"])][: len(sites)] == list(
        sites["site_id"]
    )


def test_what_a_limit_excludes_leaves_a_site_and_too_little_land_is_no_site(city):
    score = judged(np.ones((56, 56), bool))
    sites = ranked(score, city)
    areas = areas_of(sites.attrs["areas"])
    steep = score.constraints[0].limited.values
    limit = float(np.median(steep))
    found = ranked(judged(np.ones((56, 56), bool), limit=limit), city, kept=sites)
    by_id = {a.site_id: a for a in areas}
    for _, row in found.iterrows():
        area = by_id[row["site_id"]]
        closed = float((steep.ravel()[area.cells] > limit).mean())
        assert f"limits of the scenario exclude {100 * closed:.0f} % of it" in row["concerns"]
        assert row["fits"] == (area.polygon.area / 1e4 * (1 - closed) >= 20 * 0.97)
        assert row["label"] == area.label
    assert found["fits"].is_monotonic_decreasing
    nothing = ranked(judged(np.ones((56, 56), bool), limit=0.0), city, kept=sites)
    assert len(nothing) == 0
