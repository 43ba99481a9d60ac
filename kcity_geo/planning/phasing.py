"""
Phasing: what is built when, and how fast it fills.

Two questions. `schedule` decides which parts start in which year, within yearly budgets, never before
what they need and always next to what is already there. `phase_table` tells for given phases what each
year brings: land, dwellings, jobs, demand, capital.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, lil_matrix

from kcity_geo.errors import LimitError, StudyError
from kcity_geo.planning.assumptions import Assumptions
from kcity_geo.planning.demand import Demand

__all__ = [
    "DEFAULT_PHASES",
    "Part",
    "PhaseShares",
    "Schedule",
    "openings",
    "phase_shares",
    "phase_table",
    "require_phases",
    "schedule",
    "take_up",
]

#: Shares of the area in three phases, D.
DEFAULT_PHASES = (0.25, 0.40, 0.35)
_MOST_CHOICES = 20_000
_MONEY_SLACK = 1e-9
#: What a plan needs year by year: fields of `Demand`.
_YEARLY = (
    "dwellings", "persons", "jobs", "water_m3_day", "sewage_m3_day", "power_mva", "waste_t_day",
)  # fmt: skip


def take_up(
    years: ArrayLike, *, years_10_to_90: float, final_share: float, first_tenth_after: float = 1.0
) -> NDArray[np.float64]:
    """
    Give the share of a phase that is taken up, by an S-curve (logistic).

    Parameters
    ----------
    years : since the phase opened; below 0 nothing is taken up.
    years_10_to_90 : from a tenth to nine tenths of the final share.
    final_share : what is taken up in the end, 0 to 1.
    first_tenth_after : years from opening to the first tenth.

    Returns
    -------
    Shape of `years`; never falls, never above `final_share`.

    Examples
    --------
    >>> take_up([-1, 1, 4, 7], years_10_to_90=6, final_share=1.0).round(3).tolist()
    [0.0, 0.1, 0.5, 0.9]
    """
    if not years_10_to_90 > 0 or not 0 <= final_share <= 1:
        raise StudyError(
            f"take-up: {years_10_to_90!r} years must be above 0, final share {final_share!r} from 0 to 1"
        )
    t = np.asarray(years, dtype=np.float64)
    speed = 2 * math.log(9) / years_10_to_90
    z = np.clip(speed * (t - first_tenth_after - years_10_to_90 / 2), -700, 700)
    return np.where(t < 0, 0.0, final_share / (1 + np.exp(-z)))


@dataclass(frozen=True, kw_only=True)
class Part:
    """
    A part of the plan that is built at once: a district, or a trunk work.

    Parameters
    ----------
    id : name.
    cost : money, zero or more.
    benefit : money (or points, or people) a year from the year after it is built.
    needs : ids of parts (trunks) that must be built in the same year or before.
    neighbours : ids of parts that touch it.
    at_edge : touches what exists today; parts without any neighbour at all are free (trunks).
    """

    id: str
    cost: float
    benefit: float = 0.0
    needs: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    at_edge: bool = False


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """
    Which part is built in which year.

    Parameters
    ----------
    year : part -> year, from 0; parts that are not built are left out.
    not_built : parts that the budgets do not reach.
    value : discounted benefit to the horizon.
    spent : money of each year.
    left : money that remains after each year.
    """

    year: Mapping[str, int]
    not_built: tuple[str, ...]
    value: float
    spent: tuple[float, ...]
    left: tuple[float, ...]


def schedule(
    parts: Sequence[Part], budgets: Sequence[float], *, rate: float = 0.06, horizon_years: int = 30
) -> Schedule:
    """
    Choose the year of each part so that the discounted benefit is largest.

    A part is built whole in one year. Money that is not spent is kept. A part starts only when its
    needs are built (in that year at the latest) and, unless it touches what exists today, when one of
    its neighbours was built in an earlier year. Solved exactly by integer programming (HiGHS).

    Parameters
    ----------
    parts : at most 20,000 choices (parts x years).
    budgets : money of each year.
    rate : discount rate of benefits.
    horizon_years : benefits count up to this year.

    Returns
    -------
    The best schedule; among equals the one that builds earlier and spends less.

    Raises
    ------
    StudyError
        If the budgets are zero or negative, a part needs what does not exist, or parts need each other
        in a circle.

    Examples
    --------
    >>> parts = [Part(id="trunk", cost=5.0), Part(id="a", cost=4.0, benefit=1.0, needs=("trunk",))]
    >>> dict(schedule(parts, [4.0, 6.0, 4.0]).year)
    {'trunk': 1, 'a': 1}
    """
    _check_parts(parts, budgets)
    years, ids = len(budgets), [part.id for part in parts]
    if len(parts) * years > _MOST_CHOICES:
        raise LimitError(f"phasing: {len(parts)} parts x {years} years; at most {_MOST_CHOICES:,}")
    weight = _weights(parts, years, rate, horizon_years)
    rows = _constraints(parts, years)
    cost = np.array([part.cost for part in parts])
    available = np.cumsum(np.asarray(budgets, dtype=np.float64))
    money = lil_matrix((years, len(parts) * years))
    for t in range(years):
        for i in range(len(parts)):
            money[t, i * years : i * years + t + 1] = cost[i]
    scale = max(float(available[-1]), 1e-300)
    limits = available / scale * (1 + _MONEY_SLACK)
    answer = milp(
        -weight.ravel(),
        integrality=np.ones(weight.size, dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(csr_array(rows), -np.inf, _limits(rows, len(parts))),
            LinearConstraint(csr_array(money) * (1 / scale), -np.inf, limits),
        ],
        options={"mip_rel_gap": 0.0},
    )
    if answer.x is None:
        raise StudyError(f"phasing: no schedule was found: {answer.message}")
    chosen = np.round(answer.x).reshape(len(parts), years)
    found = {ids[i]: int(t) for i, t in np.argwhere(chosen > 0)}
    spent = cost @ chosen
    built = {name: found[name] for name in sorted(found, key=lambda n: (found[n], ids.index(n)))}
    value = sum(
        _annuity(part.benefit, built[part.id], rate, horizon_years)
        for part in parts
        if part.id in built
    )
    return Schedule(
        year=built,
        not_built=tuple(name for name in ids if name not in built),
        value=value,
        spent=tuple(spent.tolist()),
        left=tuple((available - np.cumsum(spent)).tolist()),
    )


def _annuity(benefit: float, year: int, rate: float, horizon: int) -> float:
    return sum(benefit / (1 + rate) ** t for t in range(year + 1, horizon + 1))


def _weights(parts: Sequence[Part], years: int, rate: float, horizon: int) -> NDArray[np.float64]:
    weight = np.array(
        [[_annuity(p.benefit, t, rate, horizon) for t in range(years)] for p in parts]
    )
    largest = max(float(np.abs(weight).max(initial=0.0)), 1e-300)
    # Ties: a part without benefit is built only when needed, and any part rather earlier.
    nudge = 1e-7 / max(len(parts), 1)
    later = np.arange(years) / max(years, 1)
    return weight / largest - nudge * (later[None, :] + np.where(weight > 0, 0.0, 1.0))


def _constraints(parts: Sequence[Part], years: int) -> lil_matrix:
    """Each part once; then needs; then neighbours. All of the form row x <= limit."""
    number = {part.id: i for i, part in enumerate(parts)}
    wanted: list[tuple[int, tuple[str, ...], int]] = []
    for i, part in enumerate(parts):
        wanted += [(i, (need,), 0) for need in part.needs]
        if part.neighbours and not part.at_edge:
            wanted.append((i, part.neighbours, 1))
    rows = lil_matrix((len(parts) + len(wanted) * years, len(parts) * years))
    for i in range(len(parts)):
        rows[i, i * years : (i + 1) * years] = 1
    row = len(parts)
    for i, others, lag in wanted:
        for t in range(years):
            rows[row, i * years + t] = 1
            for other in others:
                j, until = number[other], t + 1 - lag
                if until > 0:
                    rows[row, j * years : j * years + until] = -1
            row += 1
    return rows


def _limits(rows: lil_matrix, parts: int) -> NDArray[np.float64]:
    limits = np.zeros(rows.shape[0])
    limits[:parts] = 1
    return limits


def _check_parts(parts: Sequence[Part], budgets: Sequence[float]) -> None:
    if not len(budgets) or not all(math.isfinite(b) and b >= 0 for b in budgets):
        raise StudyError(
            f"phasing: budgets {list(budgets)} must be amounts, zero or more, one a year"
        )
    if sum(budgets) <= 0:
        raise StudyError("phasing: a budget of 0 builds nothing; give the money of each year")
    ids = [part.id for part in parts]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise StudyError(f"phasing: part {twice[0]!r} stands twice")
    for part in parts:
        if not math.isfinite(part.cost) or part.cost < 0 or not math.isfinite(part.benefit):
            raise StudyError(
                f"phasing: part {part.id!r}: cost {part.cost!r}, benefit {part.benefit!r}"
            )
        for other in (*part.needs, *part.neighbours):
            if other not in ids:
                raise StudyError(
                    f"phasing: part {part.id!r} speaks of {other!r}, which does not exist"
                )
    _check_circles({part.id: part.needs for part in parts})


def _check_circles(needs: Mapping[str, tuple[str, ...]]) -> None:
    import graphlib

    try:
        tuple(graphlib.TopologicalSorter({k: set(v) for k, v in needs.items()}).static_order())
    except graphlib.CycleError as error:
        told = " needs ".join(reversed(error.args[1]))
        raise StudyError(f"phasing: {told}: a circle; nothing can be first") from error


@dataclass(frozen=True, kw_only=True)
class PhaseShares:
    """
    What each phase opens.

    Parameters
    ----------
    land : share of all land that is developed, by phase; they add to 1.
    by_use : use -> shares of its land, by phase; uses that are not in it open with the land.
    """

    land: tuple[float, ...]
    by_use: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def of(self, use: str) -> tuple[float, ...]:
        """Give the shares of a use, by phase; those of all land where it has none of its own."""
        return self.by_use.get(use, self.land)


def phase_shares(phases: Sequence[float], drawn: pd.DataFrame | None = None) -> PhaseShares:
    """
    Tell what each phase opens: what was asked for, or what is drawn.

    Parameters
    ----------
    phases : shares that were asked for.
    drawn : blocks with ``use``, ``phase`` (missing: not opened) and ``area_m2``; None: nothing is drawn.

    Returns
    -------
    The shares. The land of each use is divided as its blocks are; streets and uses without a block open with
    the others.

    Raises
    ------
    StudyError
        If shares are not above 0 or do not add to 1.

    Examples
    --------
    >>> blocks = pd.DataFrame({"use": ["homes", "homes", "parks"], "phase": [1, 2, 2], "area_m2": [3.0, 1.0, 4.0]})
    >>> found = phase_shares((0.5, 0.5), blocks)
    >>> found.of("homes"), found.land, found.of("streets")
    ((0.75, 0.25), (0.375, 0.625), (0.375, 0.625))
    """
    require_phases(phases)
    if drawn is None:
        return PhaseShares(land=tuple(phases))
    opened = drawn.dropna(subset="phase")
    table = opened.pivot_table(
        index="use", columns="phase", values="area_m2", aggfunc="sum", fill_value=0.0
    ).reindex(columns=range(1, len(phases) + 1), fill_value=0.0)
    areas = {str(use): row for use, row in zip(table.index, table.to_numpy(float), strict=True)}
    if not areas:
        return PhaseShares(land=tuple(phases))
    land = np.sum(list(areas.values()), axis=0) / opened["area_m2"].sum()
    by_use = {use: tuple((row / row.sum()).tolist()) for use, row in areas.items()}
    return PhaseShares(land=tuple(land.tolist()), by_use=by_use)


def phase_table(
    demand: Demand,
    site_ha: float,
    capital: Mapping[int, float],
    assumptions: Assumptions,
    *,
    phases: Sequence[float] = DEFAULT_PHASES,
    opened: Sequence[Demand] = (),
) -> pd.DataFrame:
    """
    Tell what each year brings.

    Phase k starts k - 1 times ``phase_years`` after year 0; its capital is spent evenly over
    ``build_years``, then it opens and fills along the S-curve. Trunk works (phase 0 of `capital`) are
    sized for the end and spent with the first phase: no phase opens without them.

    Parameters
    ----------
    demand : of the whole plan when all of it is taken up.
    site_ha : land that is developed.
    capital : phase -> money, 0 for trunk works.
    assumptions : ``phase_years``, ``build_years``, ``horizon_years``, ``take_up_years``,
        ``take_up_final_share``.
    phases : shares of the area; add to 1.
    opened : demand of each phase when all of it is taken up; none: the whole by the shares of the area.

    Returns
    -------
    Index year from 0: ``hectares_opened`` (so far), ``take_up`` (share of the whole plan),
    ``dwellings, persons, jobs, water_m3_day, sewage_m3_day, power_mva, waste_t_day`` (in that year),
    ``capital`` (of that year).

    Raises
    ------
    StudyError
        If shares do not add to 1 or capital is given for a phase that does not exist.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> from kcity_geo.planning.demand import Demand
    >>> need = Demand(**{name: 100.0 for name in Demand.__dataclass_fields__})
    >>> years = phase_table(need, 100.0, {0: 9.0, 1: 6.0}, assumptions_of(), phases=[1.0])
    >>> years["capital"].tolist()[:4], years["hectares_opened"].tolist()[2:4]
    ([5.0, 5.0, 5.0, 0.0], [0.0, 100.0])
    """
    if not opened:
        require_phases(phases)
    unknown = sorted(set(capital) - set(range(len(phases) + 1)))
    if unknown:
        raise StudyError(
            f"phases: capital is given for phase {unknown[0]}, there are {len(phases)} phases"
        )
    build = round(assumptions["build_years"])
    opens = openings(len(phases), assumptions)
    years = max(round(assumptions["horizon_years"]), opens[-1]) + 1
    t = np.arange(years)
    share, land, money = np.zeros(years), np.zeros(years), np.zeros(years)
    needs = {name: np.zeros(years) for name in _YEARLY}
    for number, (part, opening) in enumerate(zip(phases, opens, strict=True), start=1):
        filled = take_up(
            t - opening,
            years_10_to_90=assumptions["take_up_years"],
            final_share=assumptions["take_up_final_share"],
        )
        land += np.where(t >= opening, part * site_ha, 0.0)
        share += part * filled
        for name in _YEARLY:
            whole = getattr(opened[number - 1], name) if opened else part * getattr(demand, name)
            needs[name] += filled * whole
        own = capital.get(number, 0.0) + (capital.get(0, 0.0) if number == 1 else 0.0)
        money[opening - build : opening] += own / build
    table = {"hectares_opened": land, "take_up": share, **needs, "capital": money}
    return pd.DataFrame(table, index=pd.RangeIndex(years, name="year"))


def openings(phases: int, assumptions: Assumptions) -> tuple[int, ...]:
    """
    Tell in which year each phase opens: when it is built.

    Parameters
    ----------
    phases : how many.
    assumptions : ``phase_years`` between two starts, ``build_years`` of each.

    Returns
    -------
    Years from 0, one a phase.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> openings(3, assumptions_of())
    (3, 6, 9)
    """
    build = round(assumptions["build_years"])
    return tuple(round(k * assumptions["phase_years"]) + build for k in range(phases))


def require_phases(phases: Sequence[float]) -> None:
    """
    Refuse shares of phases that are not above 0 or do not add to 1.

    Parameters
    ----------
    phases : shares of the area.

    Raises
    ------
    StudyError
        One line with the shares.

    Examples
    --------
    >>> require_phases((0.25, 0.75))
    """
    positive = len(phases) > 0 and all(share > 0 for share in phases)
    if not positive or not math.isclose(sum(phases), 1.0, abs_tol=1e-6):
        raise StudyError(f"[concept] phases: shares {list(phases)} must be above 0 and add to 1")
