# ruff: noqa: PLR2004 - shares and sizes of a made-up city
"""
Settle the demo city: who lives where, under which roofs.

People live on the points of a fine lattice that are dry, gentle, planned for and not on a street.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from kcity_geo.demo.plan import STEEP, Plan
from kcity_geo.demo.streets import Streets
from kcity_geo.demo.terrain import Bools, Floats, Ints
from kcity_geo.runs import place_in_run

__all__ = ["Cells", "People", "along", "make_cells", "make_people"]

CELL_M = 100.0


@dataclass(frozen=True, eq=False)
class People:
    """
    Points with people or a building.

    Parameters
    ----------
    x, y : metres.
    persons : whole numbers; they sum to the stated population.
    built_m2 : footprint of the buildings.
    district : index of the district.
    work : whether the building is a place of work without residents.
    building : number of the building that the point belongs to.
    """

    x: Floats
    y: Floats
    persons: Ints
    built_m2: Floats
    district: Ints
    work: Bools
    building: Ints


@dataclass(frozen=True, eq=False)
class Cells:
    """
    People by square of 100 m, aligned to the corner of the study square.

    Parameters
    ----------
    column, row : of each inhabited square, from the south-west.
    x, y : centre, metres.
    persons : residents.
    district : index of the district of its centre.
    of_point : square of each point of `People`, -1 without residents.
    """

    column: Ints
    row: Ints
    x: Floats
    y: Floats
    persons: Ints
    district: Ints
    of_point: Ints


def along(x: Floats, y: Floats, refs: Ints, *, step_m: float) -> tuple[Floats, Floats, Ints]:
    """
    Place points along lines.

    Parameters
    ----------
    x, y : of the nodes, metres.
    refs : shape (lines, nodes).
    step_m : largest distance between neighbours, metres.

    Returns
    -------
    x, y and line of each point, line by line.
    """
    x0, y0 = x[refs[:, :-1]].ravel(), y[refs[:, :-1]].ravel()
    x1, y1 = x[refs[:, 1:]].ravel(), y[refs[:, 1:]].ravel()
    line = np.repeat(np.arange(len(refs)), refs.shape[1] - 1)
    count = np.maximum(np.ceil(np.hypot(x1 - x0, y1 - y0) / step_m).astype(np.int64), 1)
    which = np.repeat(np.arange(count.size), count)
    t = place_in_run(count) / count[which]
    return x0[which] + t * (x1 - x0)[which], y0[which] + t * (y1 - y0)[which], line[which]


def shared_out(weights: Floats, total: int) -> Ints:
    """
    Share a whole number out by weight, by the largest remainder.

    Parameters
    ----------
    weights : zero or more, not all zero.
    total : to share.

    Returns
    -------
    Whole numbers that sum to `total`.

    Examples
    --------
    >>> import numpy as np
    >>> shared_out(np.array([1.0, 1.0, 2.0]), 6).tolist()
    [2, 1, 3]
    """
    exact = weights * (total / weights.sum())
    floor = np.floor(exact).astype(np.int64)
    left = total - int(floor.sum())
    best = np.argsort(-(exact - floor), kind="stable")[:left]
    floor[best] += 1
    return np.asarray(floor)


def _lattice(plan: Plan) -> tuple[Ints, Ints, Floats, Floats]:
    step = float(plan.size.lattice_m)
    n = round(plan.size.side_m / step)
    i, j = (a.ravel() for a in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    x = -plan.half + (i + 0.5 + 0.5 * (plan.draw.uniform("lattice x", i, j) - 0.5)) * step
    y = -plan.half + (j + 0.5 + 0.5 * (plan.draw.uniform("lattice y", i, j) - 0.5)) * step
    return i, j, x, y


def make_people(plan: Plan, streets: Streets) -> People:
    """
    Share the people out over the city and give them roofs.

    Parameters
    ----------
    plan : of the city.
    streets : nobody lives on them, nobody far from them.

    Returns
    -------
    The points; persons sum to the number stated for the size.
    """
    step = float(plan.size.lattice_m)
    i, j, x, y = _lattice(plan)
    si, sj = plan.superblock(x, y)
    blocks, site = plan.blocks[si, sj], plan.site[si, sj]
    keep = (site == "") | (site == "freight") | (site == "university")
    keep &= (blocks > 1) | (plan.density(x, y) > 0.002) & (plan.draw.uniform("farm", i, j) < 0.02)
    keep[keep] = ~plan.terrain.wet(x[keep], y[keep], reach_m=18.0)
    keep[keep] = ~plan.terrain.steep(x[keep], y[keep], limit=STEEP)
    i, j, x, y, blocks, site, si, sj = (a[keep] for a in (i, j, x, y, blocks, site, si, sj))
    px, py, _ = along(streets.x, streets.y, streets.refs(), step_m=9.0 if step < 30 else 15.0)
    away = cKDTree(np.column_stack([px, py])).query(
        np.column_stack([x, y]), distance_upper_bound=180.0
    )[0]
    keep = (away > 0.34 * min(step, 30.0)) & (np.isfinite(away) | (blocks <= 2))
    i, j, x, y, blocks, site, si, sj = (a[keep] for a in (i, j, x, y, blocks, site, si, sj))

    district = plan.district(x, y)
    kind = np.array(plan.district_kind)[district]
    luck = plan.draw.uniform("house", i, j)
    industrial = (site == "freight") | ((kind == "industrial") & (blocks >= 4))
    work = industrial & (luck < 0.05 * (step / 25) ** 2)
    work |= (
        (kind == "core") & (luck < 0.05) | (luck < 0.006) | (site == "university") & (luck < 0.06)
    )
    weights = plan.density(x, y) * (0.35 + 1.3 * plan.draw.uniform("crowding", i, j))
    weights *= np.where(blocks <= 1, 0.6, 1.0) * np.where(industrial, 0.15, 1.0)
    weights[work | (site != "")] = 0.0
    persons = shared_out(weights, int(plan.size.persons))

    m2 = plan.of_district("m2_person")[district] * (0.75 + 0.5 * plan.draw.uniform("roof", i, j))
    most = (0.84 * step) ** 2
    built = np.where(persons > 0, np.clip(persons * m2, 26.0, most), 0.0)
    built = np.where(
        work,
        np.where(industrial, 1900.0, 520.0) * (0.6 + 0.8 * plan.draw.uniform("hall", i, j)),
        built,
    )
    keep = (persons > 0) | work
    merge = int(plan.size.block_lattice)
    number = (i // merge) * (10**6) + j // merge
    return People(
        x[keep],
        y[keep],
        persons[keep],
        np.round(built[keep]),
        district[keep],
        work[keep],
        np.unique(number[keep], return_inverse=True)[1],
    )


def make_cells(plan: Plan, people: People) -> Cells:
    """
    Count the people by square of 100 m.

    Parameters
    ----------
    plan : of the city.
    people : points.

    Returns
    -------
    Inhabited squares, ordered by column and row.
    """
    lived = people.persons > 0
    i = np.floor((people.x + plan.half) / CELL_M).astype(np.int64)
    j = np.floor((people.y + plan.half) / CELL_M).astype(np.int64)
    key, inverse = np.unique(i[lived] * 100000 + j[lived], return_inverse=True)
    persons = np.bincount(inverse, weights=people.persons[lived]).astype(np.int64)
    column, row = key // 100000, key % 100000
    x, y = -plan.half + (column + 0.5) * CELL_M, -plan.half + (row + 0.5) * CELL_M
    of_point = np.full(people.x.size, -1, dtype=np.int64)
    of_point[lived] = inverse
    return Cells(column, row, x, y, persons, plan.district(x, y), of_point)
