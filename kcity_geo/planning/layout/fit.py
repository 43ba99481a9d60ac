"""
Fit: how the grid of streets is turned and shifted to suit terrain, rim and the roads of today.

Every turn of whole degrees against the main direction of the site is tried with 81 shifts, coarsely on
sample points; the best are then drawn and compared exactly. Nothing is random, and ties go to the
smallest turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import read_table
from kcity_geo.planning.assumptions import Assumptions
from kcity_geo.planning.layout.ground import Frame, Ground, polygons_of
from kcity_geo.planning.layout.pattern import CLASSES, PERIOD, Pattern
from kcity_geo.planning.layout.street_grid import Grid, Laid, lay

__all__ = ["Fit", "Task", "best_fit", "grades", "limits_of", "relaid", "turned"]

#: Shifts along each axis, in nine eighths of a module: they move both the module and its classes.
_SHIFTS = np.arange(-4, 5)
_BINS = PERIOD * 8
_SAMPLES = 6000
_COARSE, _EXACT = 120, 6
_DECIMALS = 9
#: Between a street and the rim a block may be so much shallower than a parcel should be.
_SHALLOW = 0.6
#: A street of a higher class that is too steep counts more.
_IMPORTANCE = np.array([4.0, 2.0, 1.0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """
    A grid that suits its land.

    Parameters
    ----------
    turn : degrees against the main direction of the site.
    frame : whose axes are those of the grid.
    laid : the grid on the land, in the frame.
    land : in the frame.
    score : what is minimised: grade, slivers, dead ends and misfit to roads, weighted.
    parts : of the score.
    """

    turn: int
    frame: Frame
    laid: Laid
    land: BaseGeometry
    score: float
    parts: dict[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """
    What is to be divided into blocks.

    Parameters
    ----------
    land : that is divided, metric CRS.
    ground : heights and road ends.
    frame : main axes of the land.
    pattern : of streets.
    assumptions : limits of grade, smallest block.
    """

    land: BaseGeometry
    ground: Ground
    frame: Frame
    pattern: Pattern
    assumptions: Assumptions


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sampled:
    """Points of the land with the rise of the ground, rim and road ends, all in the frame."""

    points: NDArray[np.float64]
    rise: NDArray[np.float64]
    rim: NDArray[np.float64]
    ends: NDArray[np.float64]


def limits_of(assumptions: Assumptions) -> NDArray[np.float64]:
    """
    Give the steepest grade of each class of streets.

    Parameters
    ----------
    assumptions : of the plan.

    Returns
    -------
    Rise over length, in the order of ``CLASSES``.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> limits_of(assumptions_of()).tolist()
    [0.06, 0.08, 0.12]
    """
    return np.array([assumptions[f"{name}_grade_most"] for name in CLASSES])


def turned(land: BaseGeometry, frame: Frame) -> BaseGeometry:
    """
    Bring land into a frame.

    Parameters
    ----------
    land : in the metric CRS.
    frame : axes.

    Returns
    -------
    The land in the coordinates of the frame.

    Examples
    --------
    >>> turned(shapely.Point(3, 4), Frame(x=3.0, y=3.0, angle=0.0)).wkt
    'POINT (0 1)'
    """
    found: BaseGeometry = shapely.transform(land, frame.inward)
    return found


def best_fit(task: Task) -> Fit:
    """
    Turn and shift a pattern so that it suits the land.

    Parameters
    ----------
    task : land, ground and pattern.

    Returns
    -------
    The best of all candidates.
    """
    sampled = _sample(turned(task.land, task.frame), task.ground, task.frame)
    weights = _weights()
    coarse = _coarse(sampled, task, weights).ravel()
    order = np.argsort(np.round(coarse, _DECIMALS), kind="stable")[:_COARSE].tolist()
    turns, many = _turns(), _SHIFTS.size
    candidates = [(turns[o // many**2], o // many % many, o % many) for o in order]
    rough = [
        coarse[o] + weights["fit_slivers"] * _sliver_share(sampled.points, task.pattern, c)
        for o, c in zip(order, candidates, strict=True)
    ]
    best = np.argsort(np.round(rough, _DECIMALS), kind="stable")[:_EXACT].tolist()
    drawn = [_exact(task, candidates[o]) for o in best]
    return min(drawn, key=lambda fit: round(fit.score, _DECIMALS))


def _weights() -> dict[str, float]:
    rows = read_table("planning")["layout"]
    return {name: float(value) for name, value in rows.items() if name.startswith("fit_")}


def _turns() -> list[int]:
    """Give 0 to 89 degrees, the smallest turns to either side first."""
    return sorted(range(-45, 45), key=lambda turn: (abs(turn), turn))


def _sample(land: BaseGeometry, ground: Ground, frame: Frame) -> _Sampled:
    west, south, east, north = land.bounds
    step = max(10.0, (land.area / _SAMPLES) ** 0.5)
    x = np.arange(np.floor(west / step), np.ceil(east / step) + 1) * step
    y = np.arange(np.floor(south / step), np.ceil(north / step) + 1) * step
    points = np.column_stack([a.ravel() for a in np.meshgrid(x, y)])
    shapely.prepare(land)
    points = points[shapely.contains_xy(land, points[:, 0], points[:, 1])]
    rim = [
        np.diff(shapely.get_coordinates(ring), axis=0)
        for polygon in polygons_of(land)
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    return _Sampled(
        points=points,
        rise=_rise(points, ground, frame),
        rim=np.vstack(rim),
        ends=frame.inward(ground.road_ends),
    )


def _rise(
    points: NDArray[np.float64], ground: Ground, frame: Frame, reach: float = 25.0
) -> NDArray[np.float64]:
    """Rise per metre along the axes of the frame; 0 where heights are not known."""
    found = np.zeros(points.shape)
    if ground.heights is None:
        return found
    for axis in (0, 1):
        step = np.zeros(2)
        step[axis] = reach
        ahead = ground.heights(frame.outward(points + step))
        behind = ground.heights(frame.outward(points - step))
        found[:, axis] = (ahead - behind) / (2 * reach)
    return np.where(np.isfinite(found), found, 0.0)


def _coarse(sampled: _Sampled, task: Task, weights: dict[str, float]) -> NDArray[np.float64]:
    """Score every turn and shift, shape (turns, shifts, shifts)."""
    pattern, limits = task.pattern, limits_of(task.assumptions)
    turns = _turns()
    found = np.zeros((len(turns), _SHIFTS.size, _SHIFTS.size))
    length = np.hypot(sampled.rim[:, 0], sampled.rim[:, 1])
    heading = np.arctan2(sampled.rim[:, 1], sampled.rim[:, 0])
    for number, degrees in enumerate(turns):
        angle = np.radians(degrees)
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, -s], [s, c]])
        points, rise, ends = sampled.points @ turn, np.abs(sampled.rise @ turn), sampled.ends @ turn
        askew = float(
            (length * np.abs(np.sin(2 * (heading - angle)))).sum() / max(length.sum(), 1e-9)
        )
        along_y = _too_steep(points[:, 0], rise[:, 1], pattern, limits)
        along_x = _too_steep(points[:, 1], rise[:, 0], pattern, limits)
        found[number] = (
            weights["fit_grade"] * (along_y[:, None] + along_x[None, :]) / 2
            + weights["fit_askew"] * askew
            + weights["fit_roads"] * _misfit(ends, pattern)
        )
    return found


def _too_steep(
    across: NDArray[np.float64],
    rise: NDArray[np.float64],
    pattern: Pattern,
    limits: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Share of the streets of one direction over the limit of their class, by shift."""
    if not across.size or not rise.any():
        return np.zeros(_SHIFTS.size)
    bins = np.floor(across / pattern.module_m * 8).astype(np.int64) % _BINS
    number = np.bincount(bins, minlength=_BINS).astype(float)
    bad = np.stack([np.bincount(bins, weights=rise > limit, minlength=_BINS) for limit in limits])
    # Half a module to either side of a line belongs to it.
    line = (np.arange(_BINS) + 4) // 8 % PERIOD
    level = pattern.classes()[line]
    importance = _IMPORTANCE[level]
    found = []
    for shift in _SHIFTS.tolist():
        at = (np.arange(_BINS) + 9 * shift) % _BINS
        found.append(
            float((importance * bad[level, at]).sum() / max((importance * number[at]).sum(), 1.0))
        )
    return np.array(found)


def _misfit(ends: NDArray[np.float64], pattern: Pattern) -> NDArray[np.float64]:
    """Mean distance from a road end to the next main street, in modules, at most 1; by shifts."""
    if not len(ends):
        return np.zeros((_SHIFTS.size, _SHIFTS.size))
    away = []
    for axis in (0, 1):
        main = np.flatnonzero(pattern.classes() == pattern.classes().min()) * pattern.module_m
        period = PERIOD * pattern.module_m
        place = (
            ends[:, axis][None, :, None]
            - (_SHIFTS * 9 / 8 * pattern.module_m)[:, None, None]
            - main
        )
        away.append(
            np.abs((place + period / 2) % period - period / 2).min(axis=2) / pattern.module_m
        )
    both = np.minimum(np.minimum(away[0][:, None, :], away[1][None, :, :]), 1.0)
    return np.asarray(both.mean(axis=2))


def _sliver_share(
    points: NDArray[np.float64], pattern: Pattern, candidate: tuple[int, int, int]
) -> float:
    """Share of the sample points in boxes of the grid that are mostly outside the land."""
    turn, i, j = candidate
    angle = np.radians(turn)
    c, s = np.cos(angle), np.sin(angle)
    place = points @ np.array([[c, -s], [s, c]]) / pattern.module_m - _SHIFTS[[i, j]] * 9 / 8
    box = np.floor(place).astype(np.int64)
    box -= box.min(axis=0)
    number = np.bincount(box[:, 0] * (box[:, 1].max() + 1) + box[:, 1])
    full = number.max()
    return float(number[number < full / 4].sum() / len(points))


def _exact(task: Task, candidate: tuple[int, int, int]) -> Fit:
    turn, i, j = candidate
    x, y = (_SHIFTS[[i, j]] * 9 / 8 * task.pattern.module_m).tolist()
    frame = task.frame.turned(turn)
    here = turned(task.land, frame)
    laid = _lay(Grid(pattern=task.pattern, x=x, y=y), here, task.assumptions)
    weights = _weights()
    lengths = shapely.length(laid.lines) if laid.lines else np.zeros(1)
    limit = limits_of(task.assumptions)[laid.classes]
    steep = grades(laid, task.ground, frame) > limit
    importance = _IMPORTANCE[laid.classes] * lengths[: len(laid.lines)]
    parts = {
        "fit_grade": float((importance * steep).sum() / max(importance.sum(), 1.0)),
        "fit_slivers": laid.rest_m2 / here.area,
        "fit_dead_ends": _dead_ends(laid, here),
        "fit_roads": float(_misfit(frame.inward(task.ground.road_ends), task.pattern)[i, j]),
    }
    score = sum(weights[name] * part for name, part in parts.items())
    return Fit(turn=turn, frame=frame, laid=laid, land=here, score=score, parts=parts)


def _lay(grid: Grid, land: BaseGeometry, assumptions: Assumptions) -> Laid:
    return lay(
        grid,
        land,
        block_least_m2=assumptions["block_least_m2"],
        front_least_m=assumptions["parcel_front_least_m"],
        width_least_m=assumptions["parcel_depth_m"] * _SHALLOW,
    )


def relaid(fit: Fit, pattern: Pattern, assumptions: Assumptions) -> Fit:
    """
    Lay streets of other widths where the grid of a fit lies.

    Parameters
    ----------
    fit : of `best_fit`.
    pattern : of the same module.
    assumptions : smallest block.

    Returns
    -------
    The fit with new streets and blocks.
    """
    return replace(fit, laid=_lay(replace(fit.laid.grid, pattern=pattern), fit.land, assumptions))


def grades(laid: Laid, ground: Ground, frame: Frame) -> NDArray[np.float64]:
    """
    Measure the grade of the streets from end to end.

    Parameters
    ----------
    laid : streets.
    ground : heights.
    frame : of the streets.

    Returns
    -------
    Rise over length of each centre line; NaN where heights are not known.
    """
    if not laid.lines:
        return np.empty(0)
    if ground.heights is None:
        return np.full(len(laid.lines), np.nan)
    ends = [frame.outward(shapely.get_coordinates(laid.lines)[k::2]) for k in (0, 1)]
    rise = np.abs(ground.heights(ends[1]) - ground.heights(ends[0]))
    return np.asarray(rise / shapely.length(laid.lines))


def _dead_ends(laid: Laid, land: BaseGeometry) -> float:
    """Share of the ends of streets that meet no other street and not the rim."""
    if not laid.lines:
        return 1.0
    ends, number = np.unique(
        np.round(shapely.get_coordinates(laid.lines), 3), axis=0, return_counts=True
    )
    single = shapely.points(ends[number == 1])
    inside = shapely.distance(single, land.boundary) > 1.0
    return float(inside.sum() / len(ends))
