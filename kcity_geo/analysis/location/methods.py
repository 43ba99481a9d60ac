"""The four methods: most people, shortest ways, everybody, the longest way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.location.capacity import Capacities, best_sites_with_capacity, divided
from kcity_geo.analysis.location.centre import shortest_longest_way
from kcity_geo.analysis.location.covering import fewest_sites
from kcity_geo.analysis.location.question import SLACK, Question
from kcity_geo.analysis.location.savings import Choice, best_sites, greedy_order
from kcity_geo.errors import StudyError

__all__ = ["SOLVERS", "Solved"]


@dataclass(frozen=True, eq=False)
class Solved:
    """The chosen places, in the order of their gain, and how good they are."""

    chosen: NDArray[np.int64]
    value: float
    bound: float
    unit: str
    proved: bool
    #: Share of each home at each chosen place, where places have capacities.
    shares: NDArray[np.float64] | None = None


def _cover(question: Question) -> sparse.csr_array:
    """Cost table of what comes within the limit of homes that are not there today."""
    limit = question.service.within
    homes = question.counted[question.today[question.counted] > limit + SLACK]
    home, place, _ = question.ways.within(question.places, homes, limit)
    shape = len(question.weight), len(question.places)
    return sparse.csr_array((question.weight[home], (home, place)), shape=shape)


def _mclp(question: Question) -> Solved:
    return _most(question, _cover(question))


def _most(question: Question, table: sparse.csr_array) -> Solved:
    if question.capacity is not None:
        return _with_capacity(question, table)
    choice = best_sites(
        table, question.p, price=question.price, budget=question.budget, seed=question.seed
    )
    order = greedy_order(table, choice.sites)
    return Solved(order, choice.value, choice.bound, question.weight_unit, choice.proved)


def _with_capacity(question: Question, table: sparse.csr_array) -> Solved:
    assert question.capacity is not None  # noqa: S101 - for the type checker
    none = np.zeros(len(question.places), bool)
    limits = Capacities(question.capacity, none, question.price)
    choice = best_sites_with_capacity(
        table, question.persons, limits, p=question.p, budget=question.budget
    )
    order: list[int] = []
    so_far = 0.0
    left = [int(s) for s in choice.sites]
    while left:
        gain = [
            divided(table, question.persons, question.capacity, np.array([*order, s]))[0]
            for s in left
        ]
        best = int(np.argmax(np.round(gain, 6)))
        if round(gain[best] - so_far, 6) <= 0:
            break
        so_far = gain[best]
        order.append(left.pop(best))
    chosen = np.array(order, dtype=np.int64)
    _, shares = divided(table, question.persons, question.capacity, chosen)
    at = shares.tocsc()[:, chosen].toarray() if len(chosen) else np.zeros((table.shape[0], 0))
    return Solved(
        chosen, choice.value, choice.bound, question.weight_unit, choice.proved, shares=at
    )


def _p_median(question: Question) -> Solved:
    homes = question.counted
    home, place, cost = _shorter_ways(question, homes)
    finite = question.today[homes][np.isfinite(question.today[homes])]
    # Nobody without a way saves anything by a way that is twice the longest there is.
    no_way = 2.0 * max(float(cost.max(initial=0.0)), float(finite.max(initial=0.0)))
    today = np.minimum(question.today, no_way)
    saved = question.weight[home] * (today[home] - cost)
    shape = len(question.weight), len(question.places)
    table = sparse.csr_array((saved, (home, place)), shape=shape)
    reachable = np.isfinite(question.today)
    reachable[home] = True
    _lost(question, ~reachable, "have no way to any place and do not count")
    solved = _most(question, table)
    use = reachable & (question.weight > 0)
    total = float((question.weight * today)[use].sum())
    mass = float(question.weight[use].sum())
    if mass <= 0:
        raise StudyError("locate: nobody who counts has a way to any place")
    value, bound = (total - solved.value) / mass, (total - solved.bound) / mass
    unit = f"{question.service.unit}, mean of {question.weight_unit}"
    return Solved(solved.chosen, value, bound, unit, solved.proved, shares=solved.shares)


def _shorter_ways(
    question: Question, homes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """List home, place and cost of all ways that are shorter than those to what exists."""
    rows: list[NDArray[np.int64]] = []
    columns: list[NDArray[np.int64]] = []
    costs: list[NDArray[np.float64]] = []
    for part, table in question.ways.rows(question.places, homes):
        near, place = np.nonzero(table < question.today[part][:, None])
        rows.append(part[near])
        columns.append(place)
        costs.append(table[near, place])
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(costs)


def _lscp(question: Question) -> Solved:
    table = _cover(question)
    out = question.today > question.service.within + SLACK
    out &= (np.diff(table.indptr) == 0) & (question.weight > 0)
    _lost(question, out, f"are not {question.service.near} of any place that comes into question")
    choice = fewest_sites(table, price=question.price)
    order = greedy_order(table, choice.sites)
    unit = "sites" if question.price is None else "price"
    return Solved(order, choice.value, choice.bound, unit, choice.proved)


def _p_centre(question: Question) -> Solved:
    homes = question.counted
    table = np.concatenate([cost for _, cost in question.ways.rows(question.places, homes)])
    today = question.today[homes]
    lost = np.zeros(len(question.weight), bool)
    lost[homes] = ~np.isfinite(np.minimum(today, table.min(axis=1)))
    _lost(question, lost, "have no way to any place and do not count")
    choice: Choice = shortest_longest_way(table, question.p or 0, today=today)
    gain = (table <= choice.value) & (today > choice.value)[:, None]
    order = greedy_order(sparse.csr_array(gain * question.weight[homes][:, None]), choice.sites)
    return Solved(order, choice.value, choice.bound, question.service.unit, choice.proved)


def _lost(question: Question, who: NDArray[np.bool_], what: str) -> None:
    persons = float(question.persons[who & (question.weight > 0)].sum())
    if persons >= 1:
        question.say(f"{persons:,.0f} people {what}")


SOLVERS: dict[str, Callable[[Question], Solved]] = {
    "mclp": _mclp,
    "p_median": _p_median,
    "lscp": _lscp,
    "p_centre": _p_centre,
}
