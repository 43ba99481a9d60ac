# ruff: noqa: PLR2004 - the shape of a made-up landscape
"""
Make the ground of the demo city: a river valley, brooks, a lake, plains and hills.

Everything is a function of x (east) and y (north), metres from the centre of the study square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kcity_geo.demo.sizes import CitySize

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

__all__ = ["Draw", "Terrain", "make_terrain"]


@dataclass(frozen=True)
class Draw:
    """
    Random numbers that depend on a key and not on the order of the calls.

    Parameters
    ----------
    seed : of the city.

    Examples
    --------
    >>> float(Draw(7).uniform("roof", 3)) == float(Draw(7).uniform("roof", 3))
    True
    """

    seed: int

    def uniform(self, salt: str, *keys: ArrayLike) -> Floats:
        """
        Draw from [0, 1), one number a key.

        Parameters
        ----------
        salt : what the draw is for.
        *keys : whole numbers; arrays broadcast against each other.

        Returns
        -------
        Same shape as the keys.
        """
        state = np.uint64(0x9E3779B97F4A7C15 ^ (self.seed * 0x2545F491))
        for letter in salt.encode():
            state = _mixed(state + np.uint64(letter))
        mixed: Any = state
        for key in keys:
            mixed = _mixed(mixed ^ np.asarray(key, dtype=np.int64).astype(np.uint64))
        return np.asarray(_mixed(mixed) >> np.uint64(11), dtype=np.float64) / float(1 << 53)

    def normal(self, salt: str, *keys: ArrayLike) -> Floats:
        """
        Draw from the standard normal distribution, one number a key.

        Parameters
        ----------
        salt : what the draw is for.
        *keys : whole numbers; arrays broadcast against each other.

        Returns
        -------
        Same shape as the keys.
        """
        first = np.maximum(self.uniform(salt + "/r", *keys), 1e-12)
        angle = 2 * np.pi * self.uniform(salt + "/a", *keys)
        return np.asarray(np.sqrt(-2 * np.log(first)) * np.cos(angle), dtype=np.float64)


def _mixed(value: Any) -> Any:  # noqa: ANN401 - numpy scalar or array of uint64
    with np.errstate(over="ignore"):
        value = value + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))


def _smoothstep(value: Floats, low: float, high: float) -> Floats:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float64)


@dataclass(frozen=True)
class Stream:
    """A tributary: y as a function of x, on one side of the river."""

    name: str
    y0: float
    side: int
    swing: float
    wave: float
    phase: float

    def y(self, x: ArrayLike) -> Floats:
        """Northing of the stream, metres."""
        return np.asarray(
            self.y0
            + self.swing * np.sin(2 * np.pi * np.asarray(x, dtype=float) / self.wave + self.phase)
        )


@dataclass(frozen=True)
class Terrain:
    """
    The ground: a river that leaves in the south, two tributaries and a lake, plains and hills.

    Parameters
    ----------
    size : row of the table ``[size.*]``.
    draw : seeded numbers.
    streams : watercourses, the river first.
    hills : x, y, height and width of each, metres.
    waves : of the plain: east and north, radians a metre, and phase, radians.
    phase : of the bends of the river, radians.
    """

    size: CitySize
    draw: Draw
    streams: tuple[Stream, ...] = ()
    hills: tuple[tuple[float, float, float, float], ...] = ()
    waves: tuple[tuple[float, float, float], ...] = ()
    phase: float = 0.0

    @property
    def half(self) -> float:
        """Half the side of the study square, metres."""
        return float(self.size.side_m) / 2

    def river_x(self, y: ArrayLike) -> Floats:
        """Easting of the river, metres."""
        h = self.half
        bend = 2 * np.pi * np.asarray(y, dtype=float) / (0.95 * h) + self.phase
        return np.asarray(-0.34 * h + 0.055 * h * np.sin(bend) + 0.02 * h * np.sin(2.3 * bend + 1))

    def river_z(self, y: ArrayLike) -> Floats:
        """Level of the river, metres above sea."""
        return np.asarray(
            12.0 + self.size.river_slope * (np.asarray(y, dtype=float) + 1.2 * self.half)
        )

    def river_distance(self, x: Floats, y: Floats) -> Floats:
        """Distance to the middle of the river, metres, exact where it is straight."""
        slant = (self.river_x(y + 5) - self.river_x(y - 5)) / 10
        return np.asarray(np.abs(x - self.river_x(y)) / np.sqrt(1 + slant**2))

    def distances(self, x: Floats, y: Floats) -> tuple[Floats, list[Floats]]:
        """Distance to the river, and to each tributary (infinite across the river), metres."""
        middle = self.river_x(y)
        slant = (self.river_x(y + 5) - self.river_x(y - 5)) / 10
        river = np.abs(x - middle) / np.sqrt(1 + slant**2)
        brooks = []
        for stream in self.streams:
            slant = (stream.y(x + 5) - stream.y(x - 5)) / 10
            away = np.abs(y - stream.y(x)) / np.sqrt(1 + slant**2)
            brooks.append(np.where(stream.side * (x - middle) > 0, away, np.inf))
        return np.asarray(river), brooks

    def channel_distance(self, x: Floats, y: Floats) -> Floats:
        """Distance to the nearest river or tributary, metres."""
        river, brooks = self.distances(x, y)
        return np.asarray(np.minimum.reduce([river, *brooks]))

    def _plain(self, distance: Floats, y: Floats) -> Floats:
        size = self.size
        bank = size.river_width_m / 2
        flood = size.floodplain_m
        rise = 1.0 * _smoothstep(distance, bank, bank + 20)
        rise = rise + 0.8 * np.clip(distance - bank, 0, flood) / flood
        rise = rise + 6.0 * _smoothstep(distance, flood, flood + 170)
        rise = rise + size.plain_slope * np.maximum(distance - flood, 0)
        return np.asarray(self.river_z(y) + rise)

    def valley(
        self, x: Floats, y: Floats, known: tuple[Floats, list[Floats]] | None = None
    ) -> tuple[Floats, Floats]:
        """Ground without hills, and the level of the channel that drains it, metres."""
        river, brooks = known or self.distances(x, y)
        brook = np.minimum.reduce(brooks)
        # the plain also falls to the brooks, so that its water gathers in them
        shoulder = self.size.plain_slope * np.minimum(brook, 0.75 * self.half)
        flood = self.size.floodplain_m
        ground = self._plain(river, y) + shoulder * _smoothstep(river, flood, 3 * flood)
        channel = np.asarray(self.river_z(y) + 0 * x)
        for stream, away in zip(self.streams, brooks, strict=True):
            course = self.river_distance(x, stream.y(x))
            bed = self.river_z(stream.y0) + 0.6 + 0.6 * self.size.plain_slope * course
            side = 1.2 * _smoothstep(away, self.size.stream_width_m / 2, 14.0) + 0.032 * away
            carved = np.where(np.isfinite(away), bed + side, np.inf)
            channel = np.where(carved < ground, bed, channel)
            ground = np.minimum(ground, carved)
        return ground, channel

    def lake(self) -> tuple[float, float, float, float, float]:
        """Centre x and y, half length, half width and level of the lake, metres."""
        stream = self.streams[0]
        x0 = 0.36 * self.half
        length, width = min(0.10 * self.half, 1500.0), min(0.045 * self.half, 300.0)
        west = np.array([x0 - length])
        level = float(self.valley(west, stream.y(west))[1][0]) + 0.2
        return x0, float(stream.y(x0)), length, width, level

    def in_lake(self, x: Floats, y: Floats, *, reach_m: float = 0.0) -> Bools:
        """Whether a point is in the lake (island and all) or within `reach_m` of it."""
        x0, y0, a, b, _ = self.lake()
        return np.asarray(((x - x0) / (a + reach_m)) ** 2 + ((y - y0) / (b + reach_m)) ** 2 <= 1)

    def on_island(self, x: Floats, y: Floats) -> Bools:
        """Whether a point is on the island in the lake."""
        x0, y0, a, b, _ = self.lake()
        return np.asarray(((x - x0) / (0.3 * a)) ** 2 + ((y - y0) / (0.3 * b)) ** 2 <= 1)

    def elevation(self, x: Floats, y: Floats) -> Floats:
        """Ground, metres above sea."""
        known = self.distances(x, y)
        ground, _ = self.valley(x, y, known)
        away = np.minimum.reduce([known[0], *known[1]])
        gentle = _smoothstep(away, 120.0, 120.0 + 0.11 * self.half)
        for hx, hy, height, sigma in self.hills:
            ground = ground + gentle * height * np.exp(
                -((x - hx) ** 2 + (y - hy) ** 2) / (2 * sigma**2)
            )
        for kx, ky, phase in self.waves:
            ground = ground + 0.25 * gentle * np.sin(kx * x + ky * y + phase)
        level = self.lake()[4]
        ground = np.where(self.in_lake(x, y), level, ground)
        return np.asarray(np.where(self.on_island(x, y), level + 3.0, ground))

    def height_above_channel(self, x: Floats, y: Floats) -> Floats:
        """Ground above the channel that drains it, metres, zero or more."""
        return np.maximum(self.elevation(x, y) - self.valley(x, y)[1], 0.0)

    def slope(self, x: Floats, y: Floats) -> Floats:
        """Rise over run of the ground, from 20 m steps."""
        east = (self.elevation(x + 10, y) - self.elevation(x - 10, y)) / 20
        north = (self.elevation(x, y + 10) - self.elevation(x, y - 10)) / 20
        return np.asarray(np.hypot(east, north))

    def wet(self, x: Floats, y: Floats, *, reach_m: float = 0.0) -> Bools:
        """Whether a point is in open water or within `reach_m` of it."""
        river, brooks = self.distances(x, y)
        near = river <= self.size.river_width_m / 2 + reach_m
        near |= np.minimum.reduce(brooks) <= self.size.stream_width_m / 2 + reach_m
        return np.asarray(near | self.in_lake(x, y, reach_m=reach_m))

    def steep(self, x: Floats, y: Floats, *, limit: float) -> Bools:
        """Whether the slope is at or above a limit; measured around hills, less is sure elsewhere."""
        near = np.zeros(np.shape(x), dtype=bool)
        for hx, hy, _, sigma in self.hills:
            near |= np.hypot(x - hx, y - hy) < 5 * sigma
        near |= self.channel_distance(x, y) < 60
        near[near] = self.slope(x[near], y[near]) >= limit
        return near

    def crosses(self, x0: Floats, y0: Floats, x1: Floats, y1: Floats) -> tuple[Bools, Bools]:
        """Whether straight lines cross the river, and a tributary."""
        side0, side1 = x0 - self.river_x(y0), x1 - self.river_x(y1)
        river = np.asarray((side0 > 0) != (side1 > 0))
        brook = np.zeros(np.shape(x0), dtype=bool)
        for stream in self.streams:
            bank = (stream.side * side0 > 0) & (stream.side * side1 > 0)
            brook |= bank & ((y0 > stream.y(x0)) != (y1 > stream.y(x1)))
        return river, brook


def make_terrain(size: CitySize, draw: Draw) -> Terrain:
    """
    Make the ground.

    Parameters
    ----------
    size : row of the table ``[size.*]``.
    draw : seeded numbers.

    Returns
    -------
    The ground.
    """
    h = size.side_m / 2
    u = [float(v) for v in draw.uniform("terrain", np.arange(64))]
    streams = (
        Stream("Hanbit North Brook", 0.66 * h, 1, 0.030 * h, 0.9 * h, 6.28 * u[0]),
        Stream("Hanbit South Brook", -0.64 * h, 1, 0.025 * h, 0.8 * h, 6.28 * u[1]),
        Stream("Hanbit West Brook", -0.18 * h, -1, 0.020 * h, 0.5 * h, 6.28 * u[2]),
    )
    height, sigma = size.hill_height_m, size.hill_sigma_m
    hills = [
        (-0.80 * h, 0.36 * h, height, sigma),
        (-0.62 * h, 0.66 * h, 0.7 * height, 0.75 * sigma),
        (0.12 * h, 0.90 * h, 0.75 * height, 0.72 * sigma),
        (0.86 * h, -0.84 * h, 0.45 * height, 1.1 * sigma),
        (-0.90 * h, -0.60 * h, 0.5 * height, 0.9 * sigma),
    ]
    if h > 5000:  # larger cities have room for more hills, away from the centre
        for k in range(6):
            angle = 2 * math.pi * (k + u[10 + k]) / 6
            r = (0.72 + 0.25 * u[20 + k]) * h
            hills.append(
                (r * math.cos(angle), r * math.sin(angle), (0.4 + 0.6 * u[30 + k]) * height, sigma)
            )
    waves = []
    for k in range(6):
        wave = 2 * math.pi / (500.0 + 700.0 * u[40 + k])
        waves.append(
            (wave * math.cos(7 * u[46 + k]), wave * math.sin(7 * u[46 + k]), 6.28 * u[52 + k])
        )
    return Terrain(size, draw, streams, tuple(hills), tuple(waves), 6.28 * u[3])
