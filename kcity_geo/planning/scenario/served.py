"""Served: what edits cost, and what for each person who is newly served and takes it up."""

from __future__ import annotations

import math

import pandas as pd

from kcity_geo.errors import StudyError
from kcity_geo.indicators import indicator_rows
from kcity_geo.planning.assumptions import Assumption

__all__ = ["cost_of_served", "require_cost"]

_NAMES = [
    "edit", "indicator", "title", "newly_served", "take_up_low", "take_up", "take_up_high", "cost_low", "cost",
    "cost_high",
]  # fmt: skip


def cost_of_served(
    moved: pd.DataFrame, cost: tuple[float, float, float], take_up: Assumption, *, edit: str
) -> pd.DataFrame:
    """
    Divide a cost by the people who are newly served, indicator by indicator.

    Parameters
    ----------
    moved : ``indicator, title, before, after, persons``; before and after are enough, short or not known.
    cost : P10, P50 and P90 of what moved them; NaN: nobody priced it.
    take_up : share of the newly served who take it up, with its range.
    edit : what was done, in words.

    Returns
    -------
    ``edit, indicator, title, newly_served, take_up_low, take_up, take_up_high, cost_low, cost, cost_high``: a row an
    indicator of people that anybody gains from. The shape of the streets serves nobody by itself.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> moved = pd.DataFrame([["T9_health", "Health", "short", "enough", 1000.0]],
    ...                      columns=["indicator", "title", "before", "after", "persons"])
    >>> share = assumptions_of().rows["take_up_final_share"]
    >>> found = cost_of_served(moved, (1e5, 2e5, 4e5), share, edit="a clinic")
    >>> float(found["cost"][0] * 1000 * share.value)
    200000.0
    """
    about = indicator_rows()
    of_people = moved["indicator"].map(lambda key: about[key].average == "people").astype(bool)
    gained = moved[of_people & (moved["before"] == "short") & (moved["after"] == "enough")]
    low, middle, high = cost
    rows = [
        [
            edit, one["indicator"], one["title"], one["persons"], take_up.low, take_up.value, take_up.high,
            low / (one["persons"] * take_up.high), middle / (one["persons"] * take_up.value),
            high / (one["persons"] * take_up.low),
        ]
        for one in gained.to_dict("records")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=_NAMES)


def require_cost(cost: object) -> None:
    """
    Refuse what is no low, median and high cost.

    Parameters
    ----------
    cost : as a user gave it.

    Raises
    ------
    StudyError
        If it is anything but three numbers from 0 on.

    Examples
    --------
    >>> require_cost((1.0, 2.0, 4.0))
    """
    numbers = isinstance(cost, (tuple, list)) and len(cost) == len(("low", "median", "high"))
    if not numbers or not all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) and v >= 0
        for v in cost  # type: ignore[attr-defined]
    ):
        raise StudyError(f"cost = {cost!r}: give three numbers from 0 on, low, median and high")
