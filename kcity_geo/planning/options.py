"""Options: which choice is least regretted when growth, money and hazards turn out otherwise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp

from kcity_geo.errors import StudyError

__all__ = [
    "Future",
    "Intervention",
    "best_interventions",
    "compare_options",
    "futures",
    "no_regret",
    "regret_table",
]


def regret_table(value: pd.DataFrame) -> pd.DataFrame:
    """
    Give the regret of each option in each scenario: the best value there less its own.

    Parameters
    ----------
    value : index option, a column a scenario; more is better; no NaN.

    Returns
    -------
    The same shape, zero or more, and the column ``largest``; best option (least largest regret) first,
    ties in the order given.

    Raises
    ------
    StudyError
        If there is no option or scenario, or a value is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> value = pd.DataFrame({"low": [10, 6, 2], "mid": [4, 7, 5], "high": [1, 6, 9]},
    ...                      index=["small", "staged", "large"])
    >>> regret_table(value)["largest"].to_dict()
    {'staged': 4.0, 'small': 8.0, 'large': 8.0}
    """
    if value.empty or value.isna().to_numpy().any():
        raise StudyError("regret: every option needs a value in every scenario")
    regret = value.max(axis=0) - value.astype(np.float64)
    regret["largest"] = regret.max(axis=1)
    return regret.sort_values("largest", kind="stable")


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """
    Something that can be done or left.

    Parameters
    ----------
    id : name.
    cost : money, zero or more.
    benefit : at unit growth and without hazard, in the unit of all benefits.
    growth_power : benefit grows with growth to this power; 0: it does not.
    hazard_loss : hazard -> share of the benefit lost when it strikes, 0 to 1; left out: none.
    """

    id: str
    cost: float
    benefit: float
    growth_power: float = 1.0
    hazard_loss: Mapping[str, float] | None = None

    def worth(self, future: Future) -> float:
        """Give the benefit in a future."""
        loss = (self.hazard_loss or {}).get(future.hazard, 0.0)
        return float(self.benefit * future.growth**self.growth_power * (1 - loss))


@dataclass(frozen=True, kw_only=True)
class Future:
    """
    One way that things may turn out.

    Parameters
    ----------
    growth : of demand, 1 as expected.
    budget : money.
    hazard : name, ``"none"`` without one.
    """

    growth: float
    budget: float
    hazard: str = "none"

    @property
    def title(self) -> str:
        """Say it in words."""
        return f"growth {self.growth:g}, budget {self.budget:g}, hazard {self.hazard}"


def futures(
    growth: Sequence[float], budgets: Sequence[float], hazards: Sequence[str] = ("none",)
) -> tuple[Future, ...]:
    """
    Give every combination of growth, budget and hazard.

    Parameters
    ----------
    growth : factors on demand, zero or more.
    budgets : money, above 0.
    hazards : names; ``"none"`` for none.

    Returns
    -------
    One future a combination, in the order given.

    Examples
    --------
    >>> len(futures([0.5, 1, 2], [10, 20], ["none", "flood"]))
    12
    """
    if any(not math.isfinite(g) or g < 0 for g in growth):
        raise StudyError(f"options: growth {list(growth)} must be zero or more")
    if any(not math.isfinite(b) or b <= 0 for b in budgets):
        raise StudyError(
            f"options: budgets {list(budgets)} must be above 0; nothing is built for 0"
        )
    return tuple(
        Future(growth=g, budget=b, hazard=h)
        for g, b, h in itertools.product(growth, budgets, hazards)
    )


def best_interventions(interventions: Sequence[Intervention], future: Future) -> tuple[str, ...]:
    """
    Choose the interventions that bring most within the budget of a future, exactly.

    Parameters
    ----------
    interventions : what can be done.
    future : with its budget.

    Returns
    -------
    Ids, in the order given; among equals the cheaper set.

    Examples
    --------
    >>> some = [Intervention(id="a", cost=6, benefit=6), Intervention(id="b", cost=5, benefit=5),
    ...         Intervention(id="c", cost=5, benefit=5)]
    >>> best_interventions(some, Future(growth=1.0, budget=10.0))
    ('b', 'c')
    """
    _check_interventions(interventions)
    worth = np.array([item.worth(future) for item in interventions])
    cost = np.array([item.cost for item in interventions])
    largest = max(float(np.abs(worth).max()), 1e-300)
    nudge = 1e-9 * cost / max(float(cost.sum()), 1e-300)
    scaled = cost / future.budget
    answer = milp(
        -(worth / largest - nudge),
        integrality=np.ones(len(cost), dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(scaled[None, :], -np.inf, 1 + 1e-9),
        options={"mip_rel_gap": 0.0},
    )
    if answer.x is None:
        raise StudyError(f"options: no choice was found: {answer.message}")
    chosen = np.round(answer.x) > 0
    # What brings nothing is not done, even when it costs nothing.
    return tuple(
        i.id for i, yes, w in zip(interventions, chosen, worth, strict=True) if yes and w > 0
    )


def _check_interventions(interventions: Sequence[Intervention]) -> None:
    if not interventions:
        raise StudyError("options: there is nothing to choose from")
    ids = [item.id for item in interventions]
    if len(set(ids)) < len(ids):
        raise StudyError(f"options: an id stands twice in {', '.join(ids)}")
    for item in interventions:
        losses = (item.hazard_loss or {}).values()
        if not (math.isfinite(item.cost) and item.cost >= 0 and math.isfinite(item.benefit)):
            raise StudyError(f"options: {item.id}: cost {item.cost!r}, benefit {item.benefit!r}")
        if any(not 0 <= loss <= 1 for loss in losses):
            raise StudyError(f"options: {item.id}: hazard_loss must lie from 0 to 1")


def no_regret(
    interventions: Sequence[Intervention], scenarios: Sequence[Future]
) -> tuple[str, ...]:
    """
    Give the interventions that are in the best choice of every future.

    Parameters
    ----------
    interventions : what can be done.
    scenarios : of `futures`.

    Returns
    -------
    Ids, in the order given.

    Examples
    --------
    >>> some = [Intervention(id="road", cost=5, benefit=9, growth_power=0),
    ...         Intervention(id="plant", cost=5, benefit=4, growth_power=2)]
    >>> no_regret(some, futures([0.5, 2.0], [5.0, 10.0]))
    ()
    >>> no_regret(some, futures([0.5, 1.0], [5.0, 10.0]))
    ('road',)
    """
    best = [set(best_interventions(interventions, future)) for future in scenarios]
    return tuple(i.id for i in interventions if best and all(i.id in found for found in best))


def compare_options(
    interventions: Sequence[Intervention], scenarios: Sequence[Future]
) -> pd.DataFrame:
    """
    Compare the best choices of all futures with each other in every future.

    A choice is made before the future is known. When it costs more than the budget of a future, it is
    carried out as far as the money goes, in the order of expected benefit per cost (growth 1, no
    hazard).

    Parameters
    ----------
    interventions : what can be done.
    scenarios : of `futures`.

    Returns
    -------
    `regret_table` with the options (ids joined by `` + ``) as index.

    Examples
    --------
    >>> some = [Intervention(id="road", cost=5, benefit=9, growth_power=0),
    ...         Intervention(id="plant", cost=5, benefit=4, growth_power=2)]
    >>> compare_options(some, futures([0.5, 2.0], [5.0, 10.0]))["largest"].to_dict()
    {'road + plant': 7.0, 'plant': 9.0, 'road': 16.0}
    """
    by_id = {item.id: item for item in interventions}
    options = dict.fromkeys(best_interventions(interventions, future) for future in scenarios)
    # Shorter choices first, then in the order given.
    order = [item.id for item in interventions]
    ranked = sorted(options, key=lambda o: (len(o), [order.index(i) for i in o]))
    value = {
        " + ".join(option) or "nothing": {
            future.title: _carried_out([by_id[i] for i in option], future) for future in scenarios
        }
        for option in ranked
    }
    return regret_table(pd.DataFrame.from_dict(value, orient="index"))


def _carried_out(option: Sequence[Intervention], future: Future) -> float:
    def merit(item: Intervention) -> float:
        return item.benefit / item.cost if item.cost > 0 else math.inf

    left, gained = future.budget * (1 + 1e-9), 0.0
    for item in sorted(option, key=merit, reverse=True):
        if item.cost <= left:
            left, gained = left - item.cost, gained + item.worth(future)
    return gained
