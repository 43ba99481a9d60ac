"""
Portfolio: many applications against a budget, ranked on need and readiness, chosen by a knapsack.

Need and readiness are told as ranges: what nobody can tell widens them and never raises the lower end.
The choice is exact (HiGHS), does not depend on the order of the applications, and says of every one that
is left out why. It is a help for thinking, and no forecast of the choice of a committee.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.programme.checking import check
from kcity_geo.programme.evidence import evidence_of, people_short_range
from kcity_geo.programme.gates import is_city_of, same_place
from kcity_geo.programme.lands import country_code, script_of
from kcity_geo.programme.model import Application
from kcity_geo.result import SECTORS
from kcity_geo.study_facts import StudyFacts

__all__ = ["Candidate", "Portfolio", "PortfolioLimits", "choose_portfolio"]

_CLOSE = 1e-9
_HALF = 0.5  # numbers of projects are whole
_MOST = 200
_TOLD = 0.001  # least value that is told, a tenth of a point


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One application with the study behind it; ``name`` tells it from the others."""

    name: str
    application: Application
    facts: StudyFacts | None = None


@dataclass(frozen=True, kw_only=True)
class PortfolioLimits:
    """
    What a choice must keep to.

    Parameters
    ----------
    budget_krw : won for all that are chosen.
    most_per_country : projects in a country; None: no limit, as the programme has none.
    need_weight : of need against readiness, 0 to 1; None: the stated default.
    """

    budget_krw: int
    most_per_country: int | None = None
    need_weight: float | None = None


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """
    A choice.

    Parameters
    ----------
    table : a row an application, best first: ``name, city, country, budget_krw, need_low, need_high,
        readiness_low, readiness_high, value, chosen, stable_share, reason``; NaN: nobody can tell.
        ``stable_share``: of the weights tried, under which what is known of it earns it a place that no equal choice
        takes from it; 0 where it is chosen only because money is left.
    spent_krw, budget_krw : won.
    limits : kept to.
    """

    table: pd.DataFrame
    spent_krw: int
    budget_krw: int
    limits: PortfolioLimits

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the applications that the choice takes."""
        return tuple(self.table.loc[self.table["chosen"], "name"])


def choose_portfolio(candidates: Sequence[Candidate], limits: PortfolioLimits) -> Portfolio:
    """
    Choose among applications.

    Parameters
    ----------
    candidates : applications, in any order.
    limits : budget and rules.

    Returns
    -------
    The choice of the highest value within the limits; of choices of equal value that with more projects,
    of these the cheapest, and of these that which takes the first names. An application that a hard gate
    refuses, or without a budget in won, is left out; of one city one project is taken.

    Raises
    ------
    StudyError
        If there is none, a name stands twice, or a limit is wrong.
    """
    _check(candidates, limits)
    rows = sorted(candidates, key=lambda c: c.name)
    _tell_of_one_study(rows)
    _tell_of_two_scripts(rows)
    weight = limits.need_weight
    stated = read_table("programme/portfolio")["value"]["stated"] if weight is None else weight
    axes = np.array([[*_need(c), *_readiness(c)] for c in rows])
    shut = [_shut(c) for c in rows]
    problem = _Problem.of(rows, limits, [bool(s) for s in shut])
    value = _value(axes, stated)
    taken = problem.best(value)
    table = pd.DataFrame(
        {
            "name": [c.name for c in rows],
            "city": [c.application.project.city for c in rows],
            "country": [_country(c) for c in rows],
            "budget_krw": pd.array([c.application.request.budget_krw for c in rows], dtype="Int64"),
            "need_low": axes[:, 0],
            "need_high": axes[:, 1],
            "readiness_low": axes[:, 2],
            "readiness_high": axes[:, 3],
            "value": value,
            "chosen": taken,
            "stable_share": _stability(problem, axes),
            "reason": [
                _reason(rows, number, shut[number], (problem, value, taken))
                for number in range(len(rows))
            ],
        }
    )
    ordered = table.sort_values(
        ["chosen", "value", "name"], ascending=[False, False, True], kind="stable"
    ).reset_index(drop=True)
    spent = int(table.loc[table["chosen"], "budget_krw"].sum())
    return Portfolio(table=ordered, spent_krw=spent, budget_krw=limits.budget_krw, limits=limits)


def _tell_of_one_study(rows: list[Candidate]) -> None:
    """Tell of applications behind which the same study stands: their need is one need."""
    behind: dict[str, list[str]] = {}
    for one in rows:
        behind.setdefault(one.application.study.sha256, []).append(one.name)
    for digest, names in behind.items():
        if digest and len(names) > 1:
            tell(
                f"portfolio: {', '.join(names)} rest on one study ([study] sha256 {digest[:12]}); "
                "see whether it is of the place of each"
            )


def _tell_of_two_scripts(rows: list[Candidate]) -> None:
    """Tell of applications in one city whose applicants are named in two scripts: they may be one office."""
    for one, other in combinations(rows, 2):
        names = [sorted(a.name for a in c.application.applicants) for c in (one, other)]
        scripts = [{script_of(name) for name in some} for some in names]
        if all(scripts) and scripts[0].isdisjoint(scripts[1]) and _in_one_city(one, other):
            shown = " and ".join(", ".join(some) for some in names)
            tell(
                f"portfolio: {one.name}, {other.name} are in one city, and whether {shown} are one applicant "
                "cannot be told from names in two scripts; name the applicant alike if they are"
            )


def _check(candidates: Sequence[Candidate], limits: PortfolioLimits) -> None:
    names = [c.name for c in candidates]
    if not names:
        raise StudyError("portfolio: no application is given")
    if len(names) > _MOST:
        raise StudyError(f"portfolio: {len(names)} applications; at most {_MOST} are compared")
    for name in names:
        if names.count(name) > 1:
            raise StudyError(f"portfolio: {name} is given twice; give each application once")
    if limits.budget_krw <= 0:
        raise StudyError(f"--budget: {limits.budget_krw} won; give more than 0")
    if limits.need_weight is not None and not 0 <= limits.need_weight <= 1:
        raise StudyError(f"--need-weight: {limits.need_weight:g}; it must lie from 0 to 1")
    if limits.most_per_country is not None and limits.most_per_country < 1:
        raise StudyError(f"--most-per-country: {limits.most_per_country}; give 1 or more")


def _need(candidate: Candidate) -> tuple[float, float]:
    """Mean share of people who fall short over the three sectors: surely; and with all that are open."""
    facts = candidate.facts
    if facts is None or not facts.population or not facts.levels:
        return math.nan, math.nan
    levels = {level.key: level for level in facts.levels}
    # Of a sector that is missing, or whose people nobody counted, nothing is known: from nobody to all.
    ranges = [
        people_short_range(levels[sector])
        if sector in levels and levels[sector].people
        else (0.0, facts.population)
        for sector in SECTORS
    ]
    low, high = (sum(r[end] for r in ranges) / len(ranges) / facts.population for end in (0, 1))
    return min(low, 1.0), min(high, 1.0)


def _readiness(candidate: Candidate) -> tuple[float, float]:
    """Share of the evidence that is there; and with what nobody can tell."""
    names = read_table("programme/portfolio")["readiness"]["evidence"]
    found = [evidence_of(n, candidate.application, candidate.facts).found for n in names]
    low = sum(f is True for f in found) / len(names)
    return low, low + sum(f is None for f in found) / len(names)


def _value(axes: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """Value of each application by the lower ends: what nobody can tell earns nothing."""
    need, readiness = np.nan_to_num(axes[:, 0]), axes[:, 2]
    return np.asarray(np.round(weight * need + (1 - weight) * readiness, 9))


def _country(candidate: Candidate) -> str:
    name = candidate.application.project.country
    try:
        return country_code(name) if name else ""
    except StudyError:
        return name


def _shut(candidate: Candidate) -> str:
    """Say why an application cannot be taken at all; empty: it can."""
    refused = check(candidate.application, candidate.facts).refused
    if refused:
        return f"refused: {refused[0].text()} ({refused[0].rule})"
    if candidate.application.request.budget_krw is None:
        return "no budget in won is given, and dollars are not converted"
    return ""


#: Rows and the least that the sum of what is taken in each must reach.
_Floors = tuple[tuple[NDArray[np.float64], float], ...]


@dataclass(frozen=True)
class _Problem:
    """Budget, cities and countries as rows of an integer program; ``shut``: may not be taken."""

    costs: NDArray[np.float64]
    groups: tuple[tuple[tuple[int, ...], int], ...]
    budget: float
    shut: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: list[Candidate], limits: PortfolioLimits, shut: list[bool]) -> _Problem:
        costs = np.array([float(c.application.request.budget_krw or 0) for c in rows])
        groups = [(places, 1) for places in _same_cities(rows)]
        if limits.most_per_country is not None:
            countries = [_country(c) for c in rows]
            groups += [
                (tuple(i for i, c in enumerate(countries) if c == name), limits.most_per_country)
                for name in sorted(set(countries) - {""})
            ]
        return cls(costs, tuple(groups), float(limits.budget_krw), np.array(shut))

    def solved(
        self, value: NDArray[np.float64], fixed: dict[int, int], floors: _Floors = ()
    ) -> NDArray[np.bool_] | None:
        """Take the best choice with some fixed and sums that it must reach; None: there is none."""
        count = len(value)
        low, high = np.zeros(count), (~self.shut).astype(float)
        for place, state in fixed.items():
            if state > high[place]:
                return None
            low[place] = high[place] = state
        # Costs are scaled, so that the tolerance of the solver stays below one won.
        lines, tops, bottoms = [self.costs / self.budget], [1.0], [-np.inf]
        for places, most in self.groups:
            line = np.zeros(count)
            line[list(places)] = 1.0
            lines.append(line)
            tops.append(float(most))
            bottoms.append(-np.inf)
        for line, least in floors:
            lines.append(line)
            tops.append(np.inf)
            bottoms.append(least)
        found = milp(
            -value,
            constraints=LinearConstraint(sparse.csr_array(np.array(lines)), bottoms, tops),
            integrality=np.ones(count, dtype=np.int64),
            bounds=Bounds(low, high),
            options={"mip_rel_gap": 0.0},
        )
        if not found.success:
            return None
        taken = np.round(found.x).astype(bool)
        over = float(self.costs[taken].sum()) > self.budget
        return None if over else taken

    def most(
        self, value: NDArray[np.float64], fixed: dict[int, int]
    ) -> tuple[NDArray[np.bool_], _Floors] | None:
        """Take a choice of most value, then most projects, then least cost; with the sums of its equals."""
        first = self.solved(value, fixed)
        if first is None:
            return None
        worth = (value, float(value[first].sum()) - _CLOSE)
        each = np.ones(len(value))
        more = self.solved(each, fixed, (worth,))
        taken = first if more is None else more
        number = (each, float(taken.sum()) - _HALF)
        saved = -self.costs / self.budget
        cheap = self.solved(saved, fixed, (worth, number))
        taken = taken if cheap is None else cheap
        return taken, (worth, number, (saved, float(saved[taken].sum()) - _CLOSE))

    def best(self, value: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Take the best choice; of equal ones that which takes the first names, so that it is one."""
        found = self.most(value, {})
        if found is None:
            return np.zeros(len(value), dtype=bool)
        fixed: dict[int, int] = {int(i): 0 for i in np.flatnonzero(self.shut)}
        for place in range(len(value)):
            if place in fixed:
                continue
            again = self.solved(value, {**fixed, place: 1}, found[1])
            fixed[place] = 1 if again is not None else 0
        return np.array([bool(fixed[i]) for i in range(len(value))])

    def equal(
        self, value: NDArray[np.float64], taken: NDArray[np.bool_], place: int
    ) -> NDArray[np.bool_] | None:
        """Find a choice as good as that taken, with the other answer for one place; None: there is none."""
        floors = (
            (value, float(value[taken].sum()) - _CLOSE),
            (np.ones(len(value)), float(taken.sum()) - _HALF),
            (-self.costs / self.budget, float(-self.costs[taken].sum() / self.budget) - _CLOSE),
        )
        keep = np.where(taken, 1.0, 0.0)
        return self.solved(keep, {place: int(not taken[place])}, floors)


def _same_cities(rows: list[Candidate]) -> list[tuple[int, ...]]:
    """Group the applications of one applicant in one city; offices of other names are others."""
    found: list[tuple[int, ...]] = []
    for place, one in enumerate(rows):
        alike = tuple(i for i, other in enumerate(rows) if _rivals(one, other))
        if len(alike) > 1 and alike[0] == place:
            found.append(alike)
    return found


def _rivals(one: Candidate, other: Candidate) -> bool:
    """Tell whether two applications are of one applicant in one city."""
    names = [a.name for a in one.application.applicants]
    same_name = any(same_place(a.name, n) for a in other.application.applicants for n in names)
    return same_name and _in_one_city(one, other)


def _in_one_city(one: Candidate, other: Candidate) -> bool:
    project = other.application.project
    names = [n for n in (project.city, project.city_ko) if n]
    return _country(one) == _country(other) and is_city_of(one.application, *names)


def _stability(problem: _Problem, axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the tried weights under which what is known of each earns it a place for sure."""
    weights = read_table("programme/portfolio")["value"]["need_weights"]
    counts = np.zeros(len(axes))
    for weight in weights:
        value = _value(axes, weight)
        taken = problem.best(value)
        counts += [
            bool(t) and value[i] > 0 and problem.equal(value, taken, i) is None
            for i, t in enumerate(taken)
        ]
    return np.asarray(counts / len(weights))


def _names(rows: list[Candidate], some: NDArray[np.bool_]) -> str:
    return ", ".join(rows[i].name for i in np.flatnonzero(some))


_Solved = tuple[_Problem, NDArray[np.float64], NDArray[np.bool_]]


def _reason(rows: list[Candidate], place: int, shut: str, solved: _Solved) -> str:
    """Say why an application is taken, or left out."""
    problem, value, taken = solved
    if shut:
        return shut
    same = problem.equal(value, taken, place)
    if taken[place]:
        left = "" if value[place] > 0 else "; what is known of it earns nothing, and money is left"
        if same is None:
            return f"taken{left}"
        return f"taken by name; equal to {_names(rows, same & ~taken)}{left}"
    closed = _closed(rows, place, problem, taken)
    if closed:
        return closed
    if same is not None:
        return f"equal to {_names(rows, taken & ~same)}, taken by name"
    return _price(rows, place, solved)


def _closed(rows: list[Candidate], place: int, problem: _Problem, taken: NDArray[np.bool_]) -> str:
    """Say which rule an application meets whatever its value; empty: none."""
    for places, _ in problem.groups:
        rival = [i for i in places if taken[i]]
        if place in places and rival and _rivals(rows[place], rows[rival[0]]):
            return f"one project per applicant within its city: {rows[rival[0]].name} is taken"
    if problem.costs[place] > problem.budget:
        return f"asks for {problem.costs[place]:,.0f} won, more than the whole budget"
    return ""


def _price(rows: list[Candidate], place: int, solved: _Solved) -> str:
    """Say what taking an application would cost."""
    problem, value, taken = solved
    found = problem.most(value, {place: 1})
    if found is None:
        return "no choice within the limits holds it"
    other = found[0]
    lost = _names(rows, taken & ~other) or "nothing"
    less = float(value[taken].sum() - value[other].sum())
    if less <= _CLOSE:
        fewer = int(other.sum()) < int(taken.sum())
        worse = "but fewer projects" if fewer else "but for more money"
        return f"taking it would leave out {lost}: as much value, {worse}"
    points = f"{100 * less:.1f}" if less >= _TOLD else f"under {100 * _TOLD:.1f}"
    return (
        f"taking it would leave out {lost} and cost {points} points "
        "(a project has up to 100 for proved need and readiness)"
    )
