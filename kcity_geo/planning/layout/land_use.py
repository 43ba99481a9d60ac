"""
Land use: which block gets which use, by integer programming.

Every use gets its land within a point of the site. Homes are within reach of parks and schools, and
industry keeps away from them. Where that cannot all be had, what is missed is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_matrix, csr_matrix

from kcity_geo.config import read_table
from kcity_geo.planning.assumptions import Assumptions, counted, use_title
from kcity_geo.planning.land_budget import M2_PER_HA

__all__ = ["Assigned", "Wanted", "assign_uses"]

_NODES, _GAP, _WIDE_GAP = 400, 0.01, 0.5
#: Less land than this rounds to nothing in words.
_LEAST_TOLD_HA = 0.005
#: So few blocks are solved at once; a block is clear when the relaxed program gives it one use.
_FEW, _CLEAR = 30, 1e-6
#: What it costs to miss a rule, beside places that range from 0 to 1.
_MISS_LAND, _MISS_RULE = 200.0, 5.0
#: A use gets at least this share of its land, however small.
_LEAST_SHARE = 0.5
_LAND = ": land"


@dataclass(frozen=True, kw_only=True, eq=False)
class Wanted:
    """
    What the blocks are to become.

    Parameters
    ----------
    blocks : polygons.
    hectares : use -> land, ha; they add to that of the blocks.
    site_ha : of which a point may be missed.
    greens : parks that are there already.
    features : ``centre``, ``edge``, ``road``, ``low``, ``spread`` -> 0 (best) to 1 for each block.
    """

    blocks: Sequence[shapely.Polygon]
    hectares: Mapping[str, float]
    site_ha: float
    greens: Sequence[shapely.Polygon]
    features: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """
    Uses of the blocks.

    Parameters
    ----------
    uses : of each block.
    missed : rules that could not be kept, in words.
    """

    uses: tuple[str, ...]
    missed: tuple[str, ...]


class _Program:
    """Rows of the integer program: x[block, use] and a slack for every rule."""

    def __init__(self, wanted: Wanted, uses: Sequence[str]) -> None:
        self.uses = list(uses)
        self.area = shapely.area(np.array(wanted.blocks, dtype=object)) / M2_PER_HA
        self.many = len(wanted.blocks)
        self.slack_cost: list[float] = []
        self.slack_name: list[str] = []
        self.rows: list[tuple[list[int], list[float], float, float]] = []

    def x(self, block: int, use: str) -> int:
        return block * len(self.uses) + self.uses.index(use)

    def slack(self, cost: float, name: str) -> int:
        self.slack_cost.append(cost)
        self.slack_name.append(name)
        return self.many * len(self.uses) + len(self.slack_cost) - 1

    def row(self, columns: list[int], values: list[float], low: float, high: float) -> None:
        self.rows.append((columns, values, low, high))

    def matrix(self) -> tuple[csr_matrix, NDArray[np.float64], NDArray[np.float64]]:
        number = [len(columns) for columns, *_ in self.rows]
        i = np.repeat(np.arange(len(self.rows)), number)
        j = np.concatenate([columns for columns, *_ in self.rows])
        v = np.concatenate([values for _, values, *_ in self.rows])
        size = (len(self.rows), self.many * len(self.uses) + len(self.slack_cost))
        low, high = (np.array([row[k] for row in self.rows]) for k in (2, 3))
        return coo_matrix((v, (i, j)), shape=size).tocsr(), low, high

    def solve(self, cost: NDArray[np.float64], *, hard: bool) -> NDArray[np.float64] | None:
        """
        Solve the program; hard: no rule may be missed.

        Blocks to which the relaxed program gives one use keep it; the rest is solved by branch and
        bound. Where that has no answer, and for few blocks, all of it is.
        """
        free = self.many * len(self.uses)
        most = np.r_[np.ones(free), np.full(len(self.slack_cost), 0.0 if hard else np.inf)]
        least = np.zeros(len(most))
        if self.many > _FEW:
            relaxed = self._milp(cost, least, most, whole=False)
            if relaxed is None:
                return None
            parts = relaxed[:free].reshape(self.many, -1)
            clear = np.repeat(np.abs(parts - np.round(parts)).max(axis=1) < _CLEAR, len(self.uses))
            fixed = np.round(relaxed[:free])[clear]
            low, high = least.copy(), most.copy()
            low[:free][clear], high[:free][clear] = fixed, fixed
            found = self._milp(cost, low, high, whole=True)
            if found is not None:
                return found
        return self._milp(
            cost, least, most, whole=True, gap=_WIDE_GAP if self.many > _FEW else _GAP
        )

    def _milp(
        self,
        cost: NDArray[np.float64],
        least: NDArray[np.float64],
        most: NDArray[np.float64],
        *,
        whole: bool,
        gap: float = _GAP,
    ) -> NDArray[np.float64] | None:
        rows, low, high = self.matrix()
        kinds = np.r_[np.full(len(cost), float(whole)), np.zeros(len(self.slack_cost))]
        answer = milp(
            np.r_[cost, self.slack_cost],
            constraints=LinearConstraint(rows, low, high),
            bounds=Bounds(least, most),
            integrality=kinds,
            options={"node_limit": _NODES, "mip_rel_gap": gap},
        )
        return None if answer.x is None else np.asarray(answer.x)


def assign_uses(wanted: Wanted, assumptions: Assumptions) -> Assigned:
    """
    Give every block a use.

    Parameters
    ----------
    wanted : blocks and land by use.
    assumptions : ways to parks and schools, land between industry and homes.

    Returns
    -------
    The uses and the rules that are missed.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> blocks = [shapely.box(120 * i, 0, 120 * i + 100, 100) for i in range(4)]
    >>> near = {name: np.linspace(0, 1, 4) for name in ("centre", "edge", "road", "low", "spread")}
    >>> found = assign_uses(
    ...     Wanted(blocks=blocks, hectares={"residential": 3.0, "parks": 1.0}, site_ha=4.0,
    ...            greens=[], features=near),
    ...     assumptions_of())
    >>> sorted(found.uses), found.missed
    (['parks', 'residential', 'residential', 'residential'], ())
    """
    uses = [use for use, area in wanted.hectares.items() if area > 0]
    if len(uses) == 1:
        return Assigned(uses=tuple(uses * len(wanted.blocks)), missed=())
    program = _Program(wanted, uses)
    for block in range(program.many):
        program.row([program.x(block, use) for use in uses], [1.0] * len(uses), 1.0, 1.0)
    _land(program, wanted)
    if len(uses) <= program.many:
        for use in uses:
            if wanted.hectares[use] * M2_PER_HA >= assumptions["block_least_m2"]:
                columns = [program.x(block, use) for block in range(program.many)]
                program.row(columns, [1.0] * len(columns), 1.0, np.inf)
    shapes = np.array(wanted.blocks, dtype=object)
    if "residential" in uses:
        _within(program, shapes, wanted.greens, "parks", assumptions["park_walk_m"])
        _within(program, shapes, (), "public", assumptions["school_walk_m"])
        _apart(program, shapes, assumptions["industry_green_m"])
    cost = _cost(program, wanted)
    answer = program.solve(cost, hard=True)
    if answer is None:
        answer = program.solve(cost, hard=False)
    if answer is None:
        told = (
            "no division of blocks was found within the limit of the search; uses go by size alone"
        )
        return Assigned(uses=_by_size(program, wanted), missed=(told,))
    chosen = answer[: program.many * len(uses)].reshape(program.many, len(uses))
    drawn = tuple(uses[k] for k in chosen.argmax(axis=1).tolist())
    return Assigned(
        uses=drawn, missed=_missed(program, answer[program.many * len(uses) :], set(drawn))
    )


def _land(program: _Program, wanted: Wanted) -> None:
    within = float(read_table("planning")["layout"]["budget_within"]) * wanted.site_ha
    for use in program.uses:
        target = wanted.hectares[use]
        columns = [program.x(block, use) for block in range(program.many)]
        over = program.slack(_MISS_LAND / wanted.site_ha, f"{use}{_LAND}")
        under = program.slack(_MISS_LAND / wanted.site_ha, f"{use}{_LAND}")
        least = max(target - within, _LEAST_SHARE * target)
        program.row([*columns, over, under], [*program.area, -1.0, 1.0], least, target + within)


def _within(
    program: _Program,
    shapes: NDArray[np.object_],
    there: Sequence[shapely.Polygon],
    use: str,
    reach: float,
) -> None:
    """Ask that a home has a block of a use within reach; what is there already counts."""
    if use not in program.uses and not there:
        return
    tree = shapely.STRtree(shapes)
    one, other = tree.query(shapes, predicate="dwithin", distance=reach)
    served = np.zeros(program.many, dtype=bool)
    if len(there):
        served[
            shapely.STRtree(np.array(there, dtype=object)).query(
                shapes, predicate="dwithin", distance=reach
            )[0]
        ] = True
    for block in np.flatnonzero(~served).tolist():
        near = other[one == block].tolist() if use in program.uses else []
        missed = program.slack(
            _MISS_RULE / program.many, f"homes farther than {reach:g} m from {use}"
        )
        program.row(
            [program.x(block, "residential"), *(program.x(b, use) for b in near), missed],
            [1.0, *([-1.0] * len(near)), -1.0],
            -np.inf,
            0.0,
        )


def _apart(program: _Program, shapes: NDArray[np.object_], reach: float) -> None:
    """Keep industry away from homes, block by block."""
    if "industry" not in program.uses:
        return
    one, other = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=reach)
    for block in range(program.many):
        near = [b for b in other[one == block].tolist() if b != block]
        if not near:
            continue
        missed = program.slack(_MISS_RULE / program.many, f"homes within {reach:g} m of industry")
        for b in near:
            columns = [program.x(block, "industry"), program.x(b, "residential"), missed]
            program.row(columns, [1.0, 1.0, -1.0], -np.inf, 1.0)


def _cost(program: _Program, wanted: Wanted) -> NDArray[np.float64]:
    prefers = read_table("planning")["layout"]["prefers"]
    share = program.area / program.area.sum()
    found = np.zeros((program.many, len(program.uses)))
    for column, use in enumerate(program.uses):
        for feature, weight in prefers.get(use, {}).items():
            found[:, column] += float(weight) * wanted.features[feature] * share
    return found.ravel()


def _missed(
    program: _Program, slack: NDArray[np.float64], drawn: AbstractSet[str]
) -> tuple[str, ...]:
    """Say what is missed; of a use without any block the layout says so itself."""
    within = float(read_table("planning")["layout"]["budget_within"])
    told: dict[str, list[float]] = {}
    for name, value in zip(program.slack_name, slack.tolist(), strict=True):
        if value > _CLEAR:
            told.setdefault(name, []).append(value)
    return tuple(
        f"{use_title(use).lower()}: the land drawn misses what was asked for by {sum(values):,.2f} ha more "
        f"than {within:.0%} of the site"
        if land
        else f"{name}: {counted(len(values), 'block')}"
        for name, values in told.items()
        for use, land in ((name.removesuffix(_LAND), name.endswith(_LAND)),)
        if not land or (use in drawn and sum(values) >= _LEAST_TOLD_HA)
    )


def _by_size(program: _Program, wanted: Wanted) -> tuple[str, ...]:
    left = dict(wanted.hectares)
    found = [""] * program.many
    for block in np.argsort(-program.area, kind="stable").tolist():
        use = max(program.uses, key=lambda u: left[u])
        found[block] = use
        left[use] -= float(program.area[block])
    return tuple(found)
