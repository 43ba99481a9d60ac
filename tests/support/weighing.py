"""A square city with sites that can be weighed again: many criteria, unknown cells and a slope limit."""

from __future__ import annotations

import numpy as np

from kcity_geo.analysis.sites.areas import areas_of
from kcity_geo.analysis.sites.rank import SiteChoice, rank_sites
from kcity_geo.analysis.suitability.combination import wlc
from kcity_geo.result import Constraint, Criterion, Limited, Suitability

TITLES = ("Slope", "Trunk road", "Port or rail", "Substation", "Water source", "Workers")
WEIGHTS = (0.30, 0.22, 0.18, 0.14, 0.10, 0.06)


def fields(seed: int, k: int, shape: tuple[int, int]) -> np.ndarray:
    """Smooth fields in blocks; one criterion is unknown in a corner, another here and there."""
    rng = np.random.default_rng(seed)
    rows, cols = shape
    blocks = np.kron(rng.random((k, rows // 8 + 1, cols // 8 + 1)), np.ones((8, 8)))
    blocks = blocks[:, :rows, :cols]
    found = np.clip(blocks + rng.normal(0, 0.04, blocks.shape), 0, 1)
    found[1, : rows // 3, : cols // 2] = np.nan
    found[2][rng.random(shape) < 0.3] = np.nan
    return found


def judged(
    inside: np.ndarray, *, seed: int = 3, weights=WEIGHTS, limit: float = 15.0
) -> Suitability:
    """The score of a project under weights (scaled to 1; a tenth of the stated weight has no data) and a limit."""
    table = fields(seed, len(weights), inside.shape)
    steep = np.random.default_rng(seed + 1).gamma(2.0, 2.5, inside.shape).round(3)
    stated = np.asarray(weights, float) / np.sum(weights) * 0.9
    feasible = inside & ~(steep > limit)
    used = np.moveaxis(table, 0, -1)[feasible]
    score = np.full(inside.shape, np.nan)
    score[feasible] = wlc(used, stated, known_min=0.5 / stated.sum())
    return Suitability(
        project="industrial_complex", title="Industrial complex", score=score, feasible=feasible,
        missing={"flood": "no elevation"}, missing_weight={"flood": 0.1}, known_min=0.5,
        criteria=tuple(
            Criterion(id=f"c{i}", title=TITLES[i], units="", values=table[i], utility=table[i],
                      weight_stated=stated[i], weight_used=stated[i] / stated.sum(), value_function="")
            for i in range(len(weights))
        ),
        constraints=(
            Constraint(id="slope_pct_max", title="Steep slope", limit=f"slope at most {limit:g} %",
                       excluded=inside & (steep > limit), limited=Limited(values=steep, units="%", limit=limit)),
        ),
        parameters={"min_area_ha": 20.0}, method={"combination": "wlc"},
    )  # fmt: skip


def ranked(score: Suitability, city, *, kept=None, threshold: float = 0.5):
    """Sites of a score; the areas of `kept`, where other sites are given, under it."""
    choice = SiteChoice(kept=None if kept is None else tuple(areas_of(kept.attrs["areas"])))
    return rank_sites(score, city, threshold=threshold, max_sites=12, choice=choice)
