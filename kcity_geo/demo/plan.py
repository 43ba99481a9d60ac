# ruff: noqa: PLR2004 - shares and sizes of a made-up city
"""
Lay out the demo city: districts and what each superblock is for.

Everything is a function of x (east) and y (north), metres from the centre of the study square.
Nothing is written here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from kcity_geo.config import read_table
from kcity_geo.demo.sizes import CitySize, city_size
from kcity_geo.demo.terrain import Draw, Floats, Ints, Terrain, make_terrain
from kcity_geo.errors import StudyError

__all__ = ["Plan", "make_plan"]

UNIT = 400  # lattice units along one superblock
SUBURB_PERSONS_KM2 = 700.0
STEEP = 0.22  # rise over run above which nobody builds


@dataclass(frozen=True, eq=False)
class Plan:
    """
    Where everything goes.

    Parameters
    ----------
    table : `kcity_geo/tables/demo.toml`.
    size_name : ``town``, ``city`` or ``metro``.
    size : its row.
    seed : of all draws.
    draw : seeded numbers.
    terrain : the ground.
    district_xy : shape (districts, 2), metres; a point belongs to the nearest.
    district_kind : archetype of each district.
    district_name : of each district.
    villages : rows x, y, strength, spread; metres.
    motorway_column, rail_row : superblocks that carry them.
    site : name of the planned site of each superblock, or ``""``; shape (n, n), indexed [i, j] with i
        to the east.
    blocks : subdivisions along each side of each superblock, 1, 2, 4, 5 or 8; same shape.
    """

    table: dict[str, Any]
    size_name: str
    size: CitySize
    seed: int
    draw: Draw
    terrain: Terrain
    district_xy: Floats
    district_kind: list[str]
    district_name: list[str]
    villages: Floats
    motorway_column: int
    rail_row: int
    site: NDArray[np.str_] = field(default_factory=lambda: np.zeros((0, 0), dtype="U12"))
    blocks: Ints = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))

    @property
    def n(self) -> int:
        """Superblocks along one side."""
        return int(self.size.superblocks)

    @property
    def step_m(self) -> float:
        """Side of a superblock, metres."""
        return float(self.size.side_m) / self.n

    @property
    def half(self) -> float:
        """Half the side of the study square, metres."""
        return self.terrain.half

    def world(self, u: ArrayLike, v: ArrayLike) -> tuple[Floats, Floats]:
        """Turn lattice units into metres: a square grid, gently bent."""
        x = (np.asarray(u, dtype=float) / UNIT - self.n / 2) * self.step_m
        y = (np.asarray(v, dtype=float) / UNIT - self.n / 2) * self.step_m
        wave, swing = 2 * np.pi / self.size.warp_length_m, self.size.warp_m
        p = self.draw.uniform("warp", np.arange(4)) * 2 * np.pi
        x1 = x + swing * (np.sin(wave * y + p[0]) + 0.6 * np.sin(0.7 * wave * (x + y) + p[1]))
        y1 = y + swing * (np.sin(wave * x + p[2]) + 0.6 * np.sin(0.6 * wave * (x - y) + p[3]))
        return x1, y1

    def district(self, x: Floats, y: Floats) -> Ints:
        """Index of the district of each point."""
        found = cKDTree(self.district_xy).query(np.column_stack([np.ravel(x), np.ravel(y)]))[1]
        return np.asarray(found, dtype=np.int64).reshape(np.shape(x))

    def of_district(self, key: str) -> Floats:
        """Look up a number of the archetype, one a district."""
        return np.array([self.table["archetype"][k][key] for k in self.district_kind], dtype=float)

    def mapped_share(self, group: str) -> Floats:
        """Share of a group of features that mappers have drawn, one a district."""
        return np.array([self.table["archetype"][k]["mapped"][group] for k in self.district_kind])

    def superblock(self, x: ArrayLike, y: ArrayLike) -> tuple[Ints, Ints]:
        """Column and row of the superblock of each point."""
        u, v = self.lattice(x, y)
        i, j = (np.floor(a / UNIT).astype(np.int64) for a in (u, v))
        return np.clip(i, 0, self.n - 1), np.clip(j, 0, self.n - 1)

    def lattice(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Turn metres into lattice units, the inverse of `world`."""
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        scale = UNIT / self.step_m
        u, v = x * scale + self.n / 2 * UNIT, y * scale + self.n / 2 * UNIT
        for _ in range(4):
            x1, y1 = self.world(u, v)
            u, v = u + (x - x1) * scale, v + (y - y1) * scale
        return u, v

    def density(self, x: Floats, y: Floats) -> Floats:
        """Relative density of people, 1 at the centre."""
        out = np.exp(-np.hypot(x, y) / self.size.decay_m)
        for vx, vy, strength, spread in self.villages:
            out = out + strength * np.exp(-((x - vx) ** 2 + (y - vy) ** 2) / (2 * spread**2))
        return np.asarray(out * self.of_district("density")[self.district(x, y)])

    def centres(self) -> tuple[Floats, Floats]:
        """Centre of each superblock, metres; shape (n, n), indexed [i, j]."""
        mid = (np.arange(self.n) + 0.5) * UNIT
        u, v = np.meshgrid(mid, mid, indexing="ij")
        return self.world(u, v)


def _districts(
    names: Sequence[str], size: CitySize, draw: Draw
) -> tuple[Floats, list[str], list[str]]:
    h = size.side_m / 2
    points, kinds = [(0.03 * h, 0.0)], ["core"]
    rings = size.rings
    for r, ring in enumerate(rings):
        radius = (
            h * (0.50 if len(rings) == 2 else 0.38)
            if r == 0
            else h * (0.95 if r == len(rings) - 1 else 0.68)
        )
        for k, kind in enumerate(ring):
            wobble = float(draw.uniform("district", r, k)) - 0.5
            angle = 2 * math.pi * (k + 0.5 + 0.25 * wobble) / len(ring)
            points.append((radius * math.cos(angle), radius * math.sin(angle)))
            kinds.append(kind)
    if len(points) > len(names):
        raise StudyError(f"demo.toml: {len(points)} districts but {len(names)} names; add names")
    return np.array(points), kinds, [f"Hanbit {name}" for name in names[: len(points)]]


def _villages(size: CitySize, draw: Draw) -> Floats:
    h = size.side_m / 2
    count = {8: 5, 26: 14}.get(size.superblocks, 40)
    k = np.arange(count)
    angle = 2 * np.pi * (k + 0.6 * draw.uniform("village/a", k)) / count
    radius = h * (0.62 + 0.30 * draw.uniform("village/r", k))
    strength = 0.10 + 0.22 * draw.uniform("village/s", k) ** 2
    spread = (0.06 if count < 10 else 0.035) * h * (0.7 + 0.6 * draw.uniform("village/w", k))
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), strength, spread])


def _sites(plan: Plan) -> NDArray[np.str_]:
    site = np.zeros((plan.n, plan.n), dtype="U12")
    rank = {"town": 0, "city": 1}.get(plan.size_name, 2)
    for row in plan.table["site"]:
        grow = row["grow"][rank]
        i = int((row["fx"] + 1) / 2 * plan.n)
        j = int((row["fy"] + 1) / 2 * plan.n)
        if row["kind"] == "freight":
            j = plan.rail_row
        w, h = row["w"] * grow, row["h"] * grow
        site[i : i + w, j : j + h] = row["kind"]
    return site


def _blocks(plan: Plan, site: NDArray[np.str_]) -> Ints:
    x, y = plan.centres()
    relative = plan.density(x, y)
    land = ~plan.terrain.wet(x, y) & (plan.terrain.slope(x, y) < STEEP) & (site == "")
    total = float((relative * land).sum()) * (plan.step_m / 1000) ** 2
    persons_km2 = relative * plan.size.persons / total
    kind = np.array(plan.district_kind)[plan.district(x, y)]
    n = np.select(
        [
            persons_km2 > 6500,
            persons_km2 > 2600,
            persons_km2 > SUBURB_PERSONS_KM2,
            persons_km2 > 110,
        ],
        [8, 5, 4, 2],
        1,
    )
    n = np.where((kind == "core") & (n > 1), 8, n)
    n = np.where((kind == "poor") & (n > 5), 5, n)
    row = np.broadcast_to(np.arange(plan.n), n.shape)
    works = (kind == "industrial") & (np.abs(row - plan.rail_row) <= plan.n // 20)
    n = np.where(works, 4, np.where((kind == "industrial") & (n < 5), 1, n))
    n = np.where((plan.terrain.slope(x, y) > STEEP), 1, n)
    n = np.where(site == "", n, 1)
    n = np.where((site == "freight") | (site == "university"), 4, n)
    n[plan.motorway_column, :] = np.where(n[plan.motorway_column, :] > 1, 5, 1)
    n[:, plan.rail_row] = np.where(n[:, plan.rail_row] > 1, 5, 1)
    return np.asarray(n, dtype=np.int64)


def make_plan(size: str, *, seed: int) -> Plan:
    """
    Lay out the demo city.

    Parameters
    ----------
    size : ``town``, ``city`` or ``metro``.
    seed : of all draws.

    Returns
    -------
    The plan.

    Raises
    ------
    StudyError
        If there is no such size or the seed is negative.

    Examples
    --------
    >>> make_plan("town", seed=7).blocks.shape
    (8, 8)
    """
    from dataclasses import replace

    table = read_table("demo")
    if size not in table["size"]:
        raise StudyError(f"size: {size!r} is not a demo city; use {', '.join(table['size'])}")
    if seed < 0:
        raise StudyError(f"seed: {seed} is negative; use 0 or more")
    row = city_size(size)
    draw = Draw(seed)
    xy, kinds, names = _districts(table["names"]["districts"], row, draw)
    n = row.superblocks
    plan = Plan(
        table=table,
        size_name=size,
        size=row,
        seed=seed,
        draw=draw,
        terrain=make_terrain(row, draw),
        district_xy=xy,
        district_kind=kinds,
        district_name=names,
        villages=_villages(row, draw),
        motorway_column=int(1.56 / 2 * n),
        rail_row=int(0.70 / 2 * n),
    )
    site = _sites(plan)
    plan = replace(plan, site=site)
    return replace(plan, blocks=_blocks(plan, site))
