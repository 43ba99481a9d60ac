"""
Cash flows: present value, rates of return, payback and level cost of money over the years.

Plain arithmetic of one flow; what the flows of a plan are and what they say stands in `economics`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import is_number

__all__ = [
    "benefit_cost_ratio",
    "capital_recovery_factor",
    "levelised_cost",
    "net_present_value",
    "payback_year",
    "rates_of_return",
    "require_rates",
]

#: Roots of the polynomial of flows closer than this are one; imaginary parts below it are rounding.
_ROOT = 1e-7


def net_present_value(rate: float, flows: ArrayLike) -> float:
    """
    Give the present value of yearly flows; year 0 is not discounted.

    Parameters
    ----------
    rate : discount rate a year, above -1.
    flows : money of each year.

    Returns
    -------
    Money of year 0.

    Examples
    --------
    >>> round(net_present_value(0.09, [-100, -50, *[20] * 18]), 3)
    14.782
    """
    import numpy_financial

    if not is_number(rate) or not rate > -1:
        raise StudyError(f"discount rate: {rate!r} must be above -1 (9 % is 0.09)")
    return float(numpy_financial.npv(rate, np.asarray(flows, dtype=np.float64)))


def require_rates(rates: Sequence[float]) -> None:
    """
    Refuse discount rates that cannot be meant.

    Parameters
    ----------
    rates : discount rates a year, as shares.

    Raises
    ------
    StudyError
        If a rate is no number above -1 and below 1 (6 instead of 0.06), or stands there twice.

    Examples
    --------
    >>> require_rates([0.045, 0.09])
    """
    for at, rate in enumerate(rates):
        if not is_number(rate) or not -1 < rate < 1:
            raise StudyError(f"discount rate: {rate!r} must be above -1 and below 1 (9 % is 0.09)")
        if rate in rates[:at]:
            raise StudyError(f"discount rate: {rate!r} is given twice; leave one out")


def rates_of_return(flows: ArrayLike) -> tuple[float, ...]:
    """
    Give every internal rate of return above -100 %.

    Parameters
    ----------
    flows : money of each year.

    Returns
    -------
    Rates in rising order: one when the sign changes once, several or none otherwise; a single rate
    may only be quoted when there is exactly one.

    Examples
    --------
    >>> [round(rate, 5) for rate in rates_of_return([-100, -50, *[20] * 18])]
    [0.10356]
    >>> [round(rate, 3) for rate in rates_of_return([-100, 230, -132])]
    [0.1, 0.2]
    """
    cash = np.trim_zeros(np.asarray(flows, dtype=np.float64))
    signs = np.sign(cash[cash != 0])
    changes = int((signs[1:] != signs[:-1]).sum()) if len(signs) else 0
    if changes == 0:
        return ()
    if changes == 1:
        return _single_rate(cash)
    roots = np.roots(cash / np.abs(cash).max())
    real = roots.real[(np.abs(roots.imag) < _ROOT) & (roots.real > _ROOT)]
    rates = sorted(float(root) - 1 for root in real)
    return tuple(r for i, r in enumerate(rates) if i == 0 or r - rates[i - 1] > _ROOT)


def _single_rate(cash: NDArray[np.float64]) -> tuple[float, ...]:
    """Solve for the one rate; numpy-financial first, bisection where it finds none."""
    import numpy_financial
    from scipy.optimize import brentq

    rate = float(numpy_financial.irr(cash))
    years = np.arange(len(cash))

    def worth(log_factor: float) -> float:
        # Divided by the largest term, so that neither end overflows.
        exponents = -years * log_factor
        return float((cash * np.exp(exponents - exponents.max())).sum())

    if (
        math.isfinite(rate)
        and rate > -1
        and abs(worth(math.log1p(rate))) < 1e-9 * np.abs(cash).max()
    ):
        return (rate,)
    return (float(np.expm1(brentq(worth, -20.0, 20.0, xtol=1e-14))),)


def benefit_cost_ratio(rate: float, benefits: ArrayLike, costs: ArrayLike) -> float:
    """
    Give present benefits over present costs.

    Parameters
    ----------
    rate : discount rate.
    benefits, costs : money of each year, both as positive amounts.

    Returns
    -------
    Ratio; NaN when there are no costs.

    Examples
    --------
    >>> round(benefit_cost_ratio(0.09, [0, 0, *[20] * 18], [100, 50]), 4)
    1.1013
    """
    spent = net_present_value(rate, costs)
    return net_present_value(rate, benefits) / spent if spent > 0 else math.nan


def payback_year(flows: ArrayLike, *, rate: float = 0.0) -> float:
    """
    Give the time at which the money is back for good.

    Parameters
    ----------
    flows : money of each year.
    rate : discount rate; 0 for the simple payback.

    Returns
    -------
    Years from year 0, between years by straight line; infinite when it never comes back.

    Examples
    --------
    >>> payback_year([-100, 40, 40, 40])
    2.5
    """
    cash = np.asarray(flows, dtype=np.float64)
    sums = np.cumsum(cash / (1 + rate) ** np.arange(len(cash)))
    if not len(sums) or sums[-1] < 0:
        return math.inf
    below = np.flatnonzero(sums < 0)
    if not len(below):
        return 0.0
    last = int(below[-1])
    return last + float(-sums[last] / (sums[last + 1] - sums[last]))


def capital_recovery_factor(rate: float, years: int) -> float:
    """
    Give the yearly payment that pays back 1 with interest.

    Parameters
    ----------
    rate : of interest, a year.
    years : of payment, at least 1.

    Returns
    -------
    Share of the sum, a year.

    Examples
    --------
    >>> round(capital_recovery_factor(0.08, 25), 5)
    0.09368
    """
    if years < 1 or not rate > -1:
        raise StudyError(
            f"capital recovery: {years!r} years at {rate!r}; at least 1 year, above -1"
        )
    return 1 / years if rate == 0 else rate / (1 - (1 + rate) ** -years)


def levelised_cost(
    capital: float, yearly_output: float, *, rate: float, years: int, upkeep_share: float = 0.0
) -> float:
    """
    Give the cost of one unit of output over the life of a plant.

    Parameters
    ----------
    capital : money.
    yearly_output : units a year, above 0.
    rate, years : of the annuity.
    upkeep_share : a year, of the capital.

    Returns
    -------
    Money a unit.

    Examples
    --------
    >>> round(levelised_cost(800, 0.18 * 8760, rate=0.08, years=25, upkeep_share=0.015), 4)
    0.0551
    """
    if not yearly_output > 0:
        raise StudyError(f"levelised cost: output {yearly_output!r} a year must be above 0")
    return capital * (capital_recovery_factor(rate, years) + upkeep_share) / yearly_output
