"""
Where should the next facilities stand?

Puts one question to a city: homes and their weight, places that come into question, ways between
them, what exists already; solves it, and says what is gained and how good that is proved to be.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.location.candidates import Candidates
from kcity_geo.analysis.location.located import Located, proof_words
from kcity_geo.analysis.location.methods import SOLVERS, Solved
from kcity_geo.analysis.location.question import (
    SLACK,
    Question,
    existing_of,
    one_each,
    places_of,
    weights,
)
from kcity_geo.analysis.location.savings import SAME
from kcity_geo.analysis.location.services import check_above_zero, check_reach, service_of
from kcity_geo.analysis.location.ways import Ways
from kcity_geo.analysis.settlement.residents import NO_PEOPLE
from kcity_geo.citydata import CityData
from kcity_geo.cube import cell_ids
from kcity_geo.errors import StudyError
from kcity_geo.result import Gaps

__all__ = ["METHODS", "check_question", "locate"]

#: Methods that make ways shorter, whatever the limit.
_WAYS = ("p_median", "p_centre")
METHODS = ("mclp", "p_median", "lscp", "p_centre")


def locate(  # noqa: PLR0913 - a question in its parts, all named
    city: CityData | CityModel,
    service: str,
    *,
    p: int | None = None,
    within_min: float | None = None,
    within_m: float | None = None,
    method: str = "mclp",
    gaps: Gaps | None = None,
    weight: str | None = None,
    candidates: Candidates = "streets",
    existing: gpd.GeoDataFrame | gpd.GeoSeries | None = None,
    mode: str | None = None,
    capacity: ArrayLike | None = None,
    price: ArrayLike | None = None,
    budget: float | None = None,
    seed: int = 0,
) -> Located:
    """
    Choose where the next facilities should stand.

    Parameters
    ----------
    city : its data or its model.
    service : row of ``tables/services.toml``, such as ``health``, ``school``, ``water_point``,
        ``charger``, ``lamp`` or ``air_sensor``.
    p : how many new ones; not for ``lscp``, nor with a budget.
    within_min, within_m : how near is near enough, one of them; as in the row when both are None.
    method : ``mclp``: most people within the limit; ``p_median``: shortest ways in all;
        ``lscp``: everybody within the limit with the fewest (or cheapest) sites; ``p_centre``: the
        longest way as short as possible.
    gaps : of the same city; then people who fall short count.
    weight : who counts: ``short`` (people times the gap of the indicator of the service),
        ``people``, or a variable of the cube in amounts per cell. ``short`` with `gaps`, else
        ``people``, when None.
    candidates : where they may stand: ``"streets"`` (junctions), ``"cells"``, places in a
        GeoDataFrame or an array, a mask of cells, or a suitability (cells free of constraints).
    existing : what exists, any CRS; as the map has it when None. It stays and serves whoever is
        near; an empty frame: nothing exists.
    mode : walk, cycle, drive or straight (as the crow flies), instead of that of the service.
    capacity : people that a new site can serve, one number or one for each candidate; for ``mclp``
        and ``p_median``. People of a home may be divided between sites.
    price : of a new site, one number for each candidate; not for ``p_centre``.
    budget : for all new sites, instead of `p`; for ``mclp`` and ``p_median``.
    seed : of the search where the exact solver does not fit.

    Returns
    -------
    The sites in the order of their gain, who goes where, and the proof.

    Raises
    ------
    StudyError
        If an argument makes no sense, nobody lives here, or no place comes into question.
    LimitError
        If so many places were given that the table of ways does not fit into memory.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> import geopandas as gpd
    >>> none = gpd.GeoSeries([], crs=32632)
    >>> found = locate(
    ...     make_toy(arrays={"population": 10.0}), "air_sensor", p=1, candidates="cells", existing=none
    ... )
    >>> found.persons_after, found.proof
    (3170.0, 'proved optimal')
    """
    if gaps is not None and not isinstance(gaps, Gaps):
        raise StudyError(f"gaps: give gaps=kc.assess_gaps(data), got {gaps!r:.60}")
    check_question(
        method=method, p=p, budget=budget, capacity=capacity, price=price,
        within_min=within_min, within_m=within_m, mode=mode,
    )  # fmt: skip
    model = model_of(city)
    what = service_of(model, service, mode=mode, within_min=within_min, within_m=within_m)
    if not model.people.known or not model.people.persons.sum() > 0:
        raise StudyError(f"locate: {NO_PEOPLE}")
    notes: list[str] = []
    per_cell, weight_unit = weights(model, what, gaps, weight, notes)
    persons = model.people.persons.ravel()
    cells = np.flatnonzero((persons > 0) | (per_cell > 0))
    ways = Ways(model, what, cells)
    each = max(len(ways.owner) // max(len(cells), 1), 1)
    today = ways.today(existing_of(model, what, existing))
    homes = per_cell[cells][ways.owner] / each
    places, number = places_of(ways, candidates, homes, today, method, limited=capacity is not None)
    question = Question(
        ways=ways,
        method=method,
        persons=persons[cells][ways.owner] / each,
        weight=homes,
        weight_unit=weight_unit,
        today=today,
        places=places,
        p=p,
        price=one_each(price, number, "price"),
        budget=budget,
        capacity=one_each(capacity, number, "capacity"),
        seed=seed,
        notes=notes,
    )
    return _answer(question, SOLVERS[method](question), number)


def check_question(  # noqa: PLR0913 - an option each, all named
    *,
    method: str = "mclp",
    p: int | None = None,
    budget: float | None = None,
    capacity: ArrayLike | None = None,
    price: ArrayLike | None = None,
    within_min: float | None = None,
    within_m: float | None = None,
    mode: str | None = None,
) -> None:
    """
    Refuse a question that makes no sense whatever the city.

    Parameters
    ----------
    method, p, budget, capacity, price, within_min, within_m, mode : as for `locate`.

    Raises
    ------
    StudyError
        If they do not go together.

    Examples
    --------
    >>> check_question(method="lscp", p=3)
    Traceback (most recent call last):
    kcity_geo.errors.StudyError: lscp finds how many are needed: leave p and budget out
    """
    check_reach(mode, within_min, within_m)
    if method not in METHODS:
        raise StudyError(f"method: {method!r} is not one of {', '.join(METHODS)}")
    if capacity is not None and method not in {"mclp", "p_median"}:
        raise StudyError(f"capacity: only for mclp and p_median, not {method}")
    if price is not None and method == "p_centre":
        raise StudyError("price: not for p_centre")
    if method == "lscp":
        if p is not None or budget is not None:
            raise StudyError("lscp finds how many are needed: leave p and budget out")
        return
    if budget is not None:
        if method == "p_centre" or price is None or p is not None:
            raise StudyError("budget: for mclp and p_median, with price and without p")
        check_above_zero("budget", budget)
    elif not _is_count(p):
        raise StudyError(f"p: {p!r} is no number of new sites, give a whole number of 1 or more")


def _is_count(p: object) -> bool:
    """Tell whether it is a whole number of one or more, and no text or truth value."""
    if isinstance(p, bool | np.bool_) or not isinstance(p, Real):
        return False
    return bool(np.isfinite(float(p)) and float(p) >= 1 and float(p).is_integer())


def _answer(question: Question, solved: Solved, number: NDArray[np.int64]) -> Located:
    chosen, limit = solved.chosen, question.service.within + SLACK
    homes = np.arange(len(question.weight))
    cost = np.full((len(homes), len(chosen)), np.inf)
    for part, table in question.ways.rows(question.places[chosen], homes):
        cost[part] = table
    shares = _shares(question, cost) if solved.shares is None else solved.shares
    reached = question.today <= limit
    before = float(question.persons[reached].sum())
    rows: list[dict[str, Any]] = []
    still = np.where(reached, 0.0, 1.0)  # share of each home that nobody reaches yet
    for rank, site in enumerate(chosen):
        near = cost[:, rank] <= limit
        new = np.where(
            near, still if solved.shares is None else np.minimum(still, shares[:, rank]), 0.0
        )
        still = still - new
        goes = shares[:, rank] * question.persons
        rows.append({
            "rank": rank + 1,
            "candidate": int(number[site]),
            "persons_newly_reached": float((question.persons * new).sum()),
            "weight_newly_reached": float((question.weight * new).sum()),
            "persons_assigned": float(goes.sum()),
            "mean_cost": _mean(cost[:, rank], goes),
            **({} if question.price is None else {"price": float(question.price[site])}),
        })  # fmt: skip
    sites = _sites(question, chosen, rows)
    if question.p is not None and 0 < len(chosen) < question.p:
        question.say(
            f"{question.p:,} asked for, {len(chosen):,} placed: no further one adds anything"
        )
    short = abs(solved.bound - solved.value) / max(abs(solved.bound), SAME)
    return Located(
        service=question.service,
        method=question.method,
        sites=sites,
        assignment=_assignment(question, cost, shares),
        value=solved.value,
        bound=solved.bound,
        value_unit=solved.unit,
        persons=float(question.persons.sum()),
        persons_before=before,
        persons_after=before + float(sites["persons_newly_reached"].sum()),
        proof=proof_words(short, proved=solved.proved),
        none=_none(question),
        notes=tuple(question.notes),
    )


def _none(question: Question) -> str:
    """Say why nothing would be placed, in words that hold when no site was chosen."""
    title, near = question.service.title, question.service.near
    does = "makes any way shorter" if question.method in _WAYS else f"brings anybody {near}"
    if question.budget is None or question.price is None:
        return f"No further {title} {does}."
    least = float(question.price.min())
    if question.budget < least:
        return f"The budget of {question.budget:,g} pays for no {title}: the cheapest costs {least:,g}."
    return f"No further {title} that the budget of {question.budget:,g} pays for {does}."


def _shares(question: Question, cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Everybody goes to the nearest; of a new and an old place equally near, to the old one."""
    shares = np.zeros(cost.shape)
    if cost.shape[1] == 0:
        return shares
    best = cost.argmin(axis=1)
    row = np.flatnonzero(cost.min(axis=1) < question.today)
    shares[row, best[row]] = 1.0
    return shares


def _mean(cost: NDArray[np.float64], mass: NDArray[np.float64]) -> float:
    total = float(mass.sum())
    return (
        float((np.where(mass > 0, cost, 0.0) * mass).sum() / total) if total > 0 else float("nan")
    )


def _sites(
    question: Question, chosen: NDArray[np.int64], rows: list[dict[str, Any]]
) -> gpd.GeoDataFrame:
    columns = {
        "rank": "int64", "candidate": "int64", "persons_newly_reached": "float64",
        "weight_newly_reached": "float64", "persons_assigned": "float64", "mean_cost": "float64",
    }  # fmt: skip
    table = pd.DataFrame(rows, columns=None if rows else list(columns)).astype(columns)
    table.insert(3, "persons_cumulative", table["persons_newly_reached"].cumsum())
    return gpd.GeoDataFrame(
        table, geometry=list(question.places[chosen]), crs=question.ways.city.city.crs
    )


def _assignment(
    question: Question, cost: NDArray[np.float64], shares: NDArray[np.float64]
) -> pd.DataFrame:
    """List who goes where; the people of a home that is divided stand in several rows."""
    ids = cell_ids(question.ways.city.grid)[question.ways.cells][question.ways.owner]
    home, site = np.nonzero(shares > SLACK)
    rest = 1.0 - shares.sum(axis=1)
    stay = np.flatnonzero(rest > SLACK)
    of = np.concatenate([home, stay])
    part = np.concatenate([shares[home, site], rest[stay]])
    today = question.today
    where = np.concatenate([site + 1, np.where(np.isfinite(today[stay]), 0, -1)])
    after = np.concatenate([cost[home, site], today[stay]])
    order = np.lexsort((where, of))
    return pd.DataFrame({
        "cell_id": ids[of],
        "persons": question.persons[of] * part,
        "weight": question.weight[of] * part,
        "site": where.astype(np.int64),
        "cost_before": today[of],
        "cost_after": after,
    }).iloc[order].reset_index(drop=True)  # fmt: skip
