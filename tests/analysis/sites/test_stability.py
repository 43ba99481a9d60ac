"""Stability: the stated weights give the published order, and what is said of other weights is true."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from kcity_geo.analysis.sites.leads import flip_changes, lead_intervals
from kcity_geo.analysis.sites.rank import rank_sites
from kcity_geo.analysis.sites.stability import _percents, stability
from kcity_geo.analysis.sites.weighed import SiteTable
from kcity_geo.analysis.suitability.best_tenth import best_tenth_share
from kcity_geo.analysis.suitability.combination import combiner
from kcity_geo.analysis.suitability.robustness import (
    acceptability,
    flip_distance,
    lead_interval,
    rank_stability,
)
from kcity_geo.demo.toy import make_toy
from kcity_geo.result import Criterion, Suitability

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
from weighing import WEIGHTS, judged, ranked

pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")


def criterion(name, utility, weight):
    return Criterion(id=name, title=name, units="", values=utility, utility=utility, weight_stated=weight,
                     weight_used=weight, value_function="")  # fmt: skip


def by_program(x, w, *, leader, rival):
    """The smallest change of the weights as a linear programme."""
    k, lead = len(w), x[leader] - x[rival]
    eye = np.eye(k)
    above = np.block([[eye, -eye], [-eye, -eye], [lead[None, :], np.zeros((1, k))]])
    found = optimize.linprog(
        np.concatenate([np.zeros(k), np.ones(k)]), A_ub=above, b_ub=np.concatenate([w, -w, [0.0]]),
        A_eq=np.concatenate([np.ones(k), np.zeros(k)])[None, :], b_eq=[1.0], bounds=[(0, None)] * (2 * k),
    )  # fmt: skip
    return np.inf if found.status != 0 else float(found.fun)


def test_golden_flip_distances():
    two = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert flip_distance(two, [0.7, 0.3], leader=0, rival=1) == pytest.approx(0.4)
    gain = np.array([-0.5, -0.2, 0.4])
    three = np.stack([np.full(3, 0.5), np.full(3, 0.5) + gain])
    assert flip_distance(three, [0.1, 0.8, 0.1], leader=0, rival=1) == pytest.approx(
        0.466667, abs=1e-6
    )


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_the_flip_distance_is_that_of_the_linear_programme(seed, k):
    rng = np.random.default_rng(seed)
    x, w = rng.random((2, k)), rng.dirichlet(np.ones(k))
    leader = int(np.argmax(x @ w))
    found = flip_distance(x, w, leader=leader, rival=1 - leader)
    assert found == pytest.approx(by_program(x, w, leader=leader, rival=1 - leader), abs=1e-6)


@given(st.integers(0, 10_000))
def test_a_site_is_first_inside_its_interval_and_not_beyond(seed):
    rng = np.random.default_rng(seed)
    x, w = rng.random((4, 3)), rng.dirichlet(np.ones(3))
    for site in range(4):
        span = lead_interval(x, w, criterion=0, site=site)
        for t in np.linspace(0, 1, 21):
            other = np.concatenate([[t], w[1:] / w[1:].sum() * (1 - t)])
            score = x @ other
            inside = span is not None and span[0] - 1e-9 <= t <= span[1] + 1e-9
            assert inside == (score[site] >= score.max() - 1e-9)


def test_two_opposite_sites_share_the_first_place_and_a_worse_one_has_none():
    found = acceptability(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.4]]), draws=4000)
    assert found[:2, 0] == pytest.approx(0.5, abs=3 / np.sqrt(4000))
    assert found[2, 0] == 0
    assert found.sum(axis=0) == pytest.approx(1)
    assert found.sum(axis=1) == pytest.approx(1)


# Each example is a whole ranking: a third of the usual number, and so with `make fuzz`.
@settings(max_examples=max(1, settings.default.max_examples // 3))
@given(
    seed=st.integers(0, 10_000),
    method=st.sampled_from(["wlc", "owa", "topsis", "weighted_product"]),
)
def test_stated_weights_give_the_published_order_and_ranks_lie_in_their_range(seed, method):
    """Rough fields with unknown cells: whatever they are, the published rank is that of the stated weights."""
    rng = np.random.default_rng(seed)
    shape, k = (30, 30), 3
    blocks = np.kron(rng.random((k, 6, 6)), np.ones((5, 5)))
    fields = np.clip(blocks + rng.normal(0, 0.05, (k, *shape)), 0.01, 1)
    if method == "wlc":
        fields[rng.random(fields.shape) < 0.2] = np.nan
    weight = rng.dirichlet(np.ones(k) * 3)
    used = fields.reshape(k, -1).T
    score = combiner(method, used, risk=0.4)(used, weight).reshape(shape)
    judged = Suitability(
        project="new_town", title="New town", score=score, feasible=np.ones(shape, bool), missing={},
        criteria=tuple(criterion(f"c{i}", fields[i], weight[i]) for i in range(k)), constraints=(),
        parameters={"min_area_ha": 20.0}, method={"combination": method, "risk": 0.4},
    )  # fmt: skip
    sites = rank_sites(
        judged,
        make_toy(size_m=3000.0),
        threshold=float(np.nanquantile(score, 0.7)),
        max_sites=100,
    )
    assert (sites["rank_p05"] <= sites["rank"]).all()
    assert (sites["rank"] <= sites["rank_p95"]).all()
    assert sites["score"].is_monotonic_decreasing
    assert sites["first_share"].sum() == pytest.approx(1) or len(sites) == 0
    assert (sites["stability"].str.len() > 0).all()
    if method == "wlc" and len(sites) > 1:
        first = [r for r in sites.attrs["robustness"] if r["site"] == "site-01"]
        assert all(r["first_from"] - 1e-9 <= r["weight"] <= r["first_to"] + 1e-9 for r in first)


@given(st.integers(0, 10_000))
def test_a_table_of_sites_scores_as_published(seed):
    rng = np.random.default_rng(seed)
    n, k = 6, 3
    cells = [np.arange(10 * i, 10 * (i + 1)) for i in range(n)]
    fields = rng.random((k, 1, 60))
    weight = rng.dirichlet(np.ones(k))
    used = [criterion(f"c{i}", fields[i], weight[i]) for i in range(k)]
    means = np.array([[f.ravel()[c].mean() for f in fields] for c in cells])
    table = SiteTable(used, means, np.full(n, 0.6), rng.random(n) * 0.4, cells)
    published = 0.6 * means @ weight + table.offset
    assert table.worth @ weight == pytest.approx(published)
    ranks = np.argsort(np.argsort(-published, kind="stable"), kind="stable") + 1
    whole = Suitability(project="p", title="P", score=np.zeros((1, 60)), criteria=tuple(used), constraints=(),
                        missing={}, feasible=np.ones((1, 60), bool))  # fmt: skip
    frame: Any
    frame, rows = stability(table, ranks, whole, seed=1)
    assert frame.loc[np.argmax(published), "stability"].startswith("stays first")
    assert len(rows) == n * k
    # Where a sentence says which weight would put a site first, it does.
    for i, row in enumerate(rows):
        site, c = divmod(i, k)
        if row["first_from"] is None:
            continue
        t = float(str(row["first_from"]))
        rest = np.delete(weight, c)
        moved = np.insert(rest / rest.sum() * (1 - t), c, t)
        total = table.worth @ moved
        assert total[site] >= total.max() - 1e-9


def test_sentences_name_the_weight_that_decides():
    used = [criterion("Slope", np.zeros((1, 1)), 0.2), criterion("Road", np.zeros((1, 1)), 0.8)]
    means = np.array([[0.0, 1.0], [1.0, 0.2]])
    table = SiteTable(used, means, np.ones(2), np.zeros(2), [np.array([0])] * 2)
    whole = Suitability(project="p", title="P", score=np.zeros((1, 1)), criteria=tuple(used), constraints=(),
                        missing={}, feasible=np.ones((1, 1), bool))  # fmt: skip
    frame, _ = stability(table, np.array([1, 2]), whole, seed=1)
    # (1 - t) = t + 0.2 (1 - t) at t = 0.8 / 1.8 = 44 %.
    assert frame["stability"][0].startswith(
        "stays first unless the weight of road falls below 56 % (from 80 %); first in"
    )
    assert frame["stability"][1].startswith(
        "would be first if the weight of road fell from 80 % to 56 %; first in"
    )
    assert frame["flip_distance"].tolist() == pytest.approx([2 * (0.8 - 1 / 1.8)] * 2)


def test_a_site_that_no_weights_put_first_says_so():
    """The third is never first (0.4 below the mean 0.5 of the others), the fourth needs two weights moved."""
    used = [
        criterion(name, np.zeros((1, 1)), w) for name, w in (("A", 0.6), ("B", 0.2), ("C", 0.2))
    ]
    means = np.array([[1.0, 0, 0], [0, 1.0, 1.0], [0.4, 0.4, 0.4], [0.9, 0.9, 0]])
    table = SiteTable(used, means, np.ones(4), np.zeros(4), [np.array([0])] * 4)
    whole = Suitability(project="p", title="P", score=np.zeros((1, 1)), criteria=tuple(used), constraints=(),
                        missing={}, feasible=np.ones((1, 1), bool))  # fmt: skip
    ranks = np.argsort(np.argsort(-(means @ [0.6, 0.2, 0.2]))) + 1
    frame, _ = stability(table, ranks, whole, seed=1)
    assert frame["stability"][2].startswith(
        "first with none of 1,000 sets of weights drawn from all there are; first in 0 %"
    )
    assert "with none of" not in " ".join(frame["stability"].drop(2))


def test_the_best_tenth_is_the_best_tenth():
    x = np.random.default_rng(3).random((200, 3))
    w = np.array([0.2, 0.5, 0.3])
    share = best_tenth_share(x, w, combiner("wlc", x))
    assert share.sum() == pytest.approx(20, abs=0.01)
    assert share[np.argmax(x @ w)] > 0.9
    alone = rank_stability(x[:5], w, draws=50)
    assert alone.acceptability.shape == (5, 5)


def test_the_weights_that_end_a_lead_are_those_of_rankings_with_such_weights():
    """Rankings just within and just beyond each weight: the weakest tenth of their sites moves with it."""
    city = make_toy()
    inside, w = np.ones(city.grid.shape, bool), np.array(WEIGHTS)
    sites = ranked(judged(inside), city)
    seen = 0
    for row in sites.attrs["robustness"]:
        if row["site"] != "site-01":
            continue
        k = int(row["criterion"][1:])
        for end, way in ((row["first_from"], -1), (row["first_to"], 1)):
            for step in (-0.002, 0.002):
                to = end + way * step
                if not 0 < end < 1 or not 0 < to < 1:
                    continue
                moved = np.insert(np.delete(w, k) / (1 - w[k]) * (1 - to), k, to)
                again = ranked(judged(inside, weights=moved), city, kept=sites)
                assert (again["site_id"].iloc[0] == row["site"]) == (step < 0), (row, to)
                seen += 1
    assert seen == 4


def test_draws_and_changes_of_weights_are_of_the_score_with_its_weakest_tenth_anew():
    """One site is even, the other has a tenth of bad cells by A: less weight of A lifts the weakest tenth."""
    even, torn = np.full((10, 2), [0.6, 0.6]), np.full((10, 2), [0.8, 0.6])
    torn[:2, 0] = 0.0
    fields = np.concatenate([even, torn])
    used = [
        criterion(name, fields[None, :, i], w)
        for i, (name, w) in enumerate((("A", 0.6), ("B", 0.4)))
    ]
    cells = [np.arange(10), np.arange(10, 20)]
    means = np.array([fields[c].mean(axis=0) for c in cells])
    low = np.full(2, 0.5)
    table = SiteTable(used, means, np.full(2, 0.5), np.zeros(2), cells, low_scale=low)
    for a in (0.0, 0.3, 1.0):
        w = np.array([a, 1 - a])
        told = 0.5 * means @ w + 0.5 * np.array([np.quantile(fields[c] @ w, 0.1) for c in cells])
        assert table.scores(w[None, :])[0] == pytest.approx(told)
    # 0.6 t of the weakest tenth and 0.04 t + 0.6 (1 - t) ... : level only where A has no weight.
    spans = lead_intervals(table)
    assert spans[0][0] == pytest.approx((0.0, 1.0), abs=1e-6)
    assert spans[1][0] == pytest.approx((0.0, 0.0), abs=1e-6)
    assert flip_changes(table, 0)[1] == pytest.approx(1.2)


def test_shares_that_round_alike_get_a_decimal_more():
    assert _percents(0.052, 0.0548) == ("5.2 %", "5.5 %")
    assert _percents(0.05, 0.10) == ("5 %", "10 %")
    assert _percents(0.5, 0.5004) == ("50.00 %", "50.04 %")
