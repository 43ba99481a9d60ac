"""
Cost table: what one metre, one hectare or one megawatt costs, with source, date and validity.

The rows stand in ``tables/costs.toml``. A price is converted once, from the currency in which it was
published, and told in both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from numbers import Real
from typing import Any

from kcity_geo.concept_keys import LEAST_PRICE_LEVEL, MOST_PRICE_LEVEL
from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import is_number

__all__ = ["CostRow", "PriceBasis", "cost_rows", "price_basis", "unit_price"]


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """
    One unit cost.

    Parameters
    ----------
    id, title, sector : for people.
    value : median price of one `unit`, in `currency` of `price_year`.
    low, high : 10th and 90th percentile of one such price.
    unit, currency, price_year : of value, low and high.
    country_scope : ISO code, EU, or ``"global"``.
    source, mark : where it comes from, and how far it can be trusted.
    tradable_share : share that costs the same everywhere.
    licence : of the source; empty when not known.
    valid_from, valid_to : first and last day; None: no dates stated.
    use : ``"base"``, or ``"outlier"``: shown, never priced with.
    note : for people.
    """

    id: str
    title: str
    sector: str
    value: float
    low: float
    high: float
    unit: str
    currency: str
    price_year: int
    country_scope: str
    source: str
    mark: str
    tradable_share: float = 0.0
    licence: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    use: str = "base"
    note: str = ""

    def expired(self, on: date) -> bool:
        """Tell whether the row is past its last day."""
        return self.valid_to is not None and on > self.valid_to


_TEXTS = ("id", "title", "sector", "unit", "currency", "country_scope", "source", "mark")


def cost_rows(extra: Iterable[Mapping[str, Any]] = ()) -> dict[str, CostRow]:
    """
    Read the unit costs, with those of the user in front.

    Parameters
    ----------
    extra : rows of the user, of the same columns; a known id replaces the row of the package.

    Returns
    -------
    Id -> row.

    Raises
    ------
    StudyError
        If a row lacks a column (its unit, its source, ...) or its numbers are not in order.

    Examples
    --------
    >>> cost_rows()["kr_road"].value
    167000.0
    """
    rows = {row["id"]: CostRow(**row) for row in read_table("costs")["cost"]}
    for given in extra:
        row = _checked({"mark": "U", "country_scope": "global", **given})
        rows[row.id] = row
    return rows


def _checked(given: Mapping[str, Any]) -> CostRow:
    told = f"cost row {given.get('id', '?')!r}"
    unknown = sorted(set(given) - {field.name for field in fields(CostRow)})
    if unknown:
        raise StudyError(f"{told}: unknown column {unknown[0]!r}; see tables/costs.toml")
    for name in (*_TEXTS, "value", "low", "high", "price_year"):
        if given.get(name) in (None, ""):
            raise StudyError(f"{told}: lacks {name!r}; a price without it cannot be used")
    numbers = [given[name] for name in ("low", "value", "high")]
    if not all(isinstance(n, Real) and not isinstance(n, bool) for n in numbers):
        raise StudyError(f"{told}: low, value and high must be numbers, not {numbers}")
    low, value, high = (float(n) for n in numbers)
    if not (0 < low <= value <= high and math.isfinite(high)):
        raise StudyError(
            f"{told}: 0 < low <= value <= high must hold, not {low:g}, {value:g}, {high:g}"
        )
    if not 0 <= given.get("tradable_share", 0.0) <= 1:
        raise StudyError(f"{told}: tradable_share {given['tradable_share']!r} must lie from 0 to 1")
    _per_usd(str(given["currency"]))
    return CostRow(**given)


@dataclass(frozen=True, kw_only=True)
class PriceBasis:
    """
    In what money, of which year and place, a plan is priced.

    Parameters
    ----------
    currency : of all totals.
    price_year : prices are carried to this year.
    price_level : of the country, United States = 1; None: not known, prices are not scaled.
    escalation_share_year : growth of prices a year.
    on : day of the plan, for rows that expire.
    """

    currency: str
    price_year: int
    price_level: float | None
    escalation_share_year: float
    on: date


def price_basis(
    *,
    currency: str = "USD",
    price_year: int | None = None,
    price_level: float | None = None,
    escalation_share_year: float | None = None,
    on: date | None = None,
) -> PriceBasis:
    """
    Make the basis of prices, checked; what is left out comes from ``tables/costs.toml``.

    Parameters
    ----------
    currency : USD, KRW or EUR.
    price_year : 1990 to 2100.
    price_level : United States = 1, 0.05 to 3.
    escalation_share_year : -0.1 to 1.
    on : day of the plan; a row counts as expired on the later of it and the day on which the table
        was checked.

    Returns
    -------
    The basis.

    Raises
    ------
    StudyError
        If a number lies outside its range or the currency has no rate.

    Examples
    --------
    >>> price_basis(price_level=0.4).currency
    'USD'
    """
    table = read_table("costs")
    default = table["assumptions"]
    _per_usd(currency)
    year = default["price_year"] if price_year is None else price_year
    growth = (
        default["escalation_share_year"] if escalation_share_year is None else escalation_share_year
    )
    for name, value in (("price_year", year), ("escalation_share_year", growth)):
        if not is_number(value):
            raise StudyError(f"[concept] {name}: {value!r} must be a number")
    if price_level is not None and not is_number(price_level):
        raise StudyError(f"[concept] price_level: {price_level!r} must be a number")
    if on is not None and not isinstance(on, date):
        raise StudyError(f"[concept] on: {on!r} must be a date, for example date(2026, 1, 31)")
    if not 1990 <= year <= 2100:  # noqa: PLR2004 - stated in the docs
        raise StudyError(f"[concept] price_year: {year!r} must lie from 1990 to 2100")
    if not -0.1 <= growth <= 1:  # noqa: PLR2004 - stated in the docs
        raise StudyError(f"[concept] escalation_share_year: {growth!r} must lie from -0.1 to 1")
    if price_level is not None and not LEAST_PRICE_LEVEL <= price_level <= MOST_PRICE_LEVEL:
        raise StudyError(
            f"[concept] price_level: {price_level!r} must lie from {LEAST_PRICE_LEVEL:g} to "
            f"{MOST_PRICE_LEVEL:g} (United States = 1)"
        )
    checked: date = table["costs"]["checked"]
    return PriceBasis(
        currency=currency,
        price_year=int(year),
        price_level=price_level,
        escalation_share_year=float(growth),
        on=max(checked, on) if on else checked,
    )


def _per_usd(currency: str) -> float:
    rates = {row["currency"]: float(row["per_usd"]) for row in read_table("costs")["exchange"]}
    if currency not in rates:
        raise StudyError(
            f"currency: {currency!r} has no exchange rate; known are {', '.join(sorted(rates))}"
        )
    return rates[currency]


def _level(scope: str) -> float | None:
    levels = {row["country"]: float(row["level"]) for row in read_table("costs")["price_level"]}
    return levels.get(scope)


def unit_price(row: CostRow, basis: PriceBasis) -> float:
    """
    Give the factor from a row's own price to the price of a plan.

    The value is carried to the price year, its part that is not traded is scaled from the price
    level of the row's country to that of the plan, and it is converted once.

    Parameters
    ----------
    row : unit cost.
    basis : of the plan.

    Returns
    -------
    Factor on value, low and high.

    Examples
    --------
    >>> same = price_basis(price_year=2023, escalation_share_year=0.0)
    >>> road = cost_rows()["kr_road"]
    >>> round(600_000 * road.value * unit_price(road, same) / 1e6, 1)  # 60 ha, M USD
    77.1
    """
    factor = (1 + basis.escalation_share_year) ** (basis.price_year - row.price_year)
    own = _level(row.country_scope)
    if basis.price_level is not None and own is not None:
        factor *= row.tradable_share + (1 - row.tradable_share) * basis.price_level / own
    return factor * _per_usd(basis.currency) / _per_usd(row.currency)
