"""Uses of blocks against every possible division of a few of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely

from kcity_geo.config import read_table
from kcity_geo.planning.assumptions import assumptions_of
from kcity_geo.planning.layout.land_use import Wanted, assign_uses

USES = ("residential", "industry", "parks", "commercial")
REACH = {"park_walk_m": 150.0, "industry_green_m": 50.0}


def random_case(seed: int) -> Wanted:
    rng = np.random.default_rng(seed)
    width = rng.integers(60, 160, size=6)
    east = np.cumsum(width + 20) - width
    blocks = [shapely.box(x, 0, x + w, 100) for x, w in zip(east, width, strict=True)]
    share = rng.dirichlet(np.ones(4) * 3)
    total = float(width.sum() * 100 / 1e4)
    names = ("centre", "edge", "road", "low", "spread")
    return Wanted(
        blocks=blocks,
        hectares=dict(zip(USES, (share * total).tolist(), strict=True)),
        site_ha=total * 15,  # a point of it is 15 % of the blocks: some divisions fit, most do not
        greens=[],
        features={name: rng.random(6) for name in names},
    )


def fits(wanted: Wanted, uses: tuple[str, ...]) -> bool:
    area = np.array([b.area for b in wanted.blocks]) / 1e4
    for use, asked in wanted.hectares.items():
        drawn = area[[u == use for u in uses]].sum()
        low = max(asked - 0.01 * wanted.site_ha, asked / 2)
        enough = asked * 1e4 < 800 or use in uses
        if not (low - 1e-9 <= drawn <= asked + 0.01 * wanted.site_ha + 1e-9 and enough):
            return False
    for i, j in itertools.permutations(range(len(uses)), 2):
        near = wanted.blocks[i].distance(wanted.blocks[j])
        if uses[i] == "residential" and uses[j] == "industry" and near <= 50:
            return False
    return all(
        any(
            uses[j] == "parks" and wanted.blocks[i].distance(wanted.blocks[j]) <= 150
            for j in range(len(uses))
        )
        for i in range(len(uses))
        if uses[i] == "residential"
    )


def cost(wanted: Wanted, uses: tuple[str, ...]) -> float:
    prefers = read_table("planning")["layout"]["prefers"]
    area = np.array([b.area for b in wanted.blocks])
    share = area / area.sum()
    return sum(
        weight * wanted.features[feature][k] * share[k]
        for k, use in enumerate(uses)
        for feature, weight in prefers.get(use, {}).items()
    )


@pytest.mark.parametrize("seed", range(12))
def test_no_other_division_is_better(seed) -> None:
    wanted = random_case(seed)
    possible = [u for u in itertools.product(USES, repeat=6) if fits(wanted, u)]
    found = assign_uses(wanted, assumptions_of(REACH))
    if not possible:
        assert found.missed
        return
    assert found.missed == ()
    assert fits(wanted, found.uses)
    best = min(cost(wanted, uses) for uses in possible)
    assert cost(wanted, found.uses) <= best * 1.01 + 1e-9
