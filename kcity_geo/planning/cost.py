"""
Cost: what the works of a plan cost, as a range.

Quantities times unit costs, with engineering and contingency as lines of their own, so that the total
is the sum of its lines. The range comes from seeded draws in which prices move together.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.planning.cost_table import CostRow, PriceBasis, cost_rows, unit_price

__all__ = ["CostEstimate", "Quantity", "estimate", "price_draws", "study_classes"]

#: Standard normal quantile of 0.9: low and high of a row are read as its P10 and P90.
_Z90 = 1.2815515655446004
_DRAWS = 20_000
#: Works and sectors that are named where not all are.
_LARGEST = 3
#: What is added to works, in this order.
_ADDED = ("Engineering and supervision", "Contingency")
#: Class of study whose contingency and prices belong together.
_EARLIEST = "concept"


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """
    So much of one work.

    Parameters
    ----------
    row : id of a unit cost.
    amount : in the unit of the row, zero or more.
    unit : of the amount; must be that of the row.
    phase : 1, 2, ...; 0: trunk works that everything needs, sized for the end.
    why : how the amount came about.
    """

    row: str
    amount: float
    unit: str
    phase: int = 0
    why: str = ""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CostEstimate:
    """
    The cost of a plan.

    Parameters
    ----------
    lines : ``row, title, sector, phase, amount, unit, price, cost, low, high, currency,
        own_price, own_currency, price_year, source, mark, state, why``; works first, then
        engineering and contingency (no amount). `price` and all costs in the currency of `basis`;
        `own_price` as published; `state` is ``"expired price level (valid to ...)"`` or empty.
    total : sum of `cost`, in the currency of the basis.
    p10, p50, p90 : of the total.
    by_phase : phase -> cost with engineering and contingency.
    by_sector : sector -> cost of works alone.
    basis : money, year and place.
    study_class, contingency, accuracy : class of study, share added, and how far the real cost may lie
        away.
    verified_share : share of the cost of works that rests on rows of mark V.
    """

    lines: pd.DataFrame
    total: float
    p10: float
    p50: float
    p90: float
    by_phase: Mapping[int, float]
    by_sector: Mapping[str, float]
    basis: PriceBasis
    study_class: str
    contingency: float
    accuracy: float
    verified_share: float

    def __repr__(self) -> str:
        """Say the estimate and its largest sectors in a few lines."""
        money, whole = self.basis.currency, self.total / 1e6
        works = sum(self.by_sector.values())
        largest = sorted(self.by_sector.items(), key=lambda item: -item[1])[:_LARGEST]
        parts = ", ".join(f"{name} {worth / works:.0%}" for name, worth in largest if worth > 0)
        return (
            f"CostEstimate({whole:,.1f} M {money} at prices of {self.basis.price_year}, P10 {self.p10 / 1e6:,.1f}, "
            f"P90 {self.p90 / 1e6:,.1f}; class {self.study_class}"
            + (
                f"; of the works: {parts}; {self.verified_share:.0%} at prices read in a source"
                if parts
                else ""
            )
            + ")"
        )

    @property
    def words_verified(self) -> tuple[str, ...]:
        """Say how much of the works rests on prices that were read, and in which works most of the rest lies."""
        works = self.lines[self.lines["row"] != ""]
        whole = float(works["cost"].sum())
        if not whole > 0:
            return ()
        told = f"{self.verified_share:.0%} of it rests on prices that were read in a source"
        rest = works[works["mark"] != "V"].groupby("title", sort=False)["cost"].sum()
        largest = rest[rest > 0].sort_values(ascending=False, kind="stable")[:_LARGEST]
        if not len(largest):
            return (told,)
        items = "; ".join(
            f"{title} ({cost / whole:.0%} of the works)" for title, cost in largest.items()
        )
        return told, f"most of what rests on other prices: {items}"

    @property
    def added(self) -> dict[str, float]:
        """Give what is added, as shares of all lines above of its phase."""
        engineering = float(read_table("costs")["assumptions"]["engineering_supervision"])
        return dict(zip(_ADDED, (engineering, self.contingency), strict=True))

    @property
    def words_range(self) -> tuple[str, ...]:
        """Say how far the cost may lie away by the ranges of its prices, and what the class of study changes."""
        if not self.total > 0:
            return ()
        below, above = (share / self.total - 1 for share in (self.p10, self.p90))
        told = (
            f"by the ranges of the prices it lies, eight times of ten, between {below:+.0%} and {above:+.0%} of the "
            "estimate (P10 to P90)"
        )
        held = read_table("costs")["track_record"]
        record = (
            f"of {held['projects']} public projects {held['inside']} cost what such a range would have said; take it "
            "as wider, on both sides"
        )
        if self.study_class == _EARLIEST:
            return told, record
        more = (
            f"the class {self.study_class} sets the contingency to {self.contingency:.0%} and nothing else; quantities "
            "and prices stay those of a concept"
        )
        return told, record, more

    @property
    def words_level(self) -> str:
        """Say at which price level of the country the works are priced."""
        level = self.basis.price_level
        if level is None:
            return "the price level of the country is not given; prices are international ones"
        return f"prices at the level {level:g} that you gave (United States = 1), as far as works are not traded"

    def expired(self) -> pd.DataFrame:
        """Give the lines priced with a row past its last day."""
        return self.lines[self.lines["state"] != ""]


def study_classes() -> dict[str, tuple[float, float]]:
    """
    Give the contingency and accuracy of each class of study.

    Returns
    -------
    Class -> share that is added, and how far the real cost may lie away, a share.

    Examples
    --------
    >>> study_classes()["concept"]
    (0.3, 0.5)
    """
    return {
        row["id"]: (float(row["contingency"]), float(row["accuracy"]))
        for row in read_table("costs")["study_class"]
    }


def price_draws(
    rows: Iterable[CostRow], *, seed: int, correlation: float, draws: int = _DRAWS
) -> dict[str, NDArray[np.float64]]:
    """
    Draw prices that move together.

    A price is value x (high / value)^(z / 1.2816) above its median and value x (low / value)^(-z /
    1.2816) below it, so that low and high are its 10th and 90th percentile. z is the square root of
    `correlation` times a factor common to all rows, and a part of its own. The own part of a row
    depends on the seed and its id alone: another row beside it changes nothing.

    Parameters
    ----------
    rows : unit costs.
    seed : any whole number.
    correlation : of the z of two rows, 0 to 1.
    draws : how many.

    Returns
    -------
    Id -> factors on the value, shape (draws,).

    Raises
    ------
    StudyError
        If the correlation lies outside 0 to 1.

    Examples
    --------
    >>> drawn = price_draws([cost_rows()["bridge"]], seed=1, correlation=0.5)["bridge"]
    >>> np.quantile(drawn, [.1, .5, .9]).round(1).tolist()  # bridges: 1,500, 3,000, 6,000
    [0.5, 1.0, 2.0]
    """
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise StudyError(f"[concept] seed: {seed!r} must be a whole number, zero or more")
    if not 0 <= correlation <= 1:
        raise StudyError(f"[concept] correlation: {correlation!r} must lie from 0 to 1")
    common = np.random.default_rng([seed, 0]).standard_normal(draws)
    found = {}
    for row in rows:
        own = np.random.default_rng([seed, 1, zlib.crc32(row.id.encode())]).standard_normal(draws)
        z = (math.sqrt(correlation) * common + math.sqrt(1 - correlation) * own) / _Z90
        up, down = math.log(row.high / row.value), math.log(row.value / row.low)
        found[row.id] = np.exp(np.where(z > 0, z * up, z * down))
    return found


def estimate(
    quantities: Iterable[Quantity],
    basis: PriceBasis,
    *,
    rows: Mapping[str, CostRow] | None = None,
    study_class: str = "concept",
    seed: int = 0,
    correlation: float | None = None,
) -> CostEstimate:
    """
    Price quantities.

    Parameters
    ----------
    quantities : works.
    basis : money, year and place.
    rows : unit costs; None: those of the package.
    study_class : concept, master_plan, pre_feasibility or feasibility.
    seed : of the draws.
    correlation : of two prices; None: as in ``tables/costs.toml``.

    Returns
    -------
    The estimate. A quantity of zero is a line of zero.

    Raises
    ------
    StudyError
        If a row or class does not exist, units differ, or an amount is negative.

    Examples
    --------
    >>> from kcity_geo.planning.cost_table import price_basis
    >>> same = price_basis(price_year=2024, escalation_share_year=0.0)
    >>> found = estimate([Quantity(row="bridge", amount=100.0, unit="m2")], same)
    >>> round(found.total)  # 300,000 of works, 10 % engineering, 30 % contingency
    429000
    """
    rows = cost_rows() if rows is None else rows
    classes = study_classes()
    if study_class not in classes:
        raise StudyError(
            f"[concept] study_class: {study_class!r} is not one of {', '.join(classes)}"
        )
    works = list(quantities)
    for work in works:
        _check_quantity(work, rows)
    table = read_table("costs")["assumptions"]
    used = {work.row: rows[work.row] for work in works}
    price = {key: unit_price(row, basis) for key, row in used.items()}
    rho = float(table["correlation"]) if correlation is None else correlation
    drawn = price_draws(used.values(), seed=seed, correlation=rho)
    contingency, accuracy = classes[study_class]
    engineering = float(table["engineering_supervision"])
    markup = (1 + engineering) * (1 + contingency)
    total = np.zeros(_DRAWS)
    for work in works:
        total += work.amount * used[work.row].value * price[work.row] * drawn[work.row] * markup
    lines = _lines(works, used, price, basis, engineering=engineering, contingency=contingency)
    is_work = lines["row"] != ""
    verified = float(lines.loc[is_work & (lines["mark"] == "V"), "cost"].sum())
    p10, p50, p90 = (float(q) for q in np.quantile(total, [0.1, 0.5, 0.9]))
    worth = float(lines.loc[is_work, "cost"].sum())
    return CostEstimate(
        lines=lines,
        total=float(lines["cost"].sum()),
        p10=p10,
        p50=p50,
        p90=p90,
        by_phase={int(k): float(v) for k, v in lines.groupby("phase")["cost"].sum().items()},  # type: ignore[call-overload]
        by_sector={
            str(k): float(v) for k, v in lines[is_work].groupby("sector")["cost"].sum().items()
        },
        basis=basis,
        study_class=study_class,
        contingency=contingency,
        accuracy=accuracy,
        verified_share=verified / worth if worth > 0 else math.nan,
    )


def _check_quantity(work: Quantity, rows: Mapping[str, CostRow]) -> None:
    if work.row not in rows:
        raise StudyError(f"cost: no row {work.row!r}; known are those of tables/costs.toml")
    row = rows[work.row]
    if work.unit != row.unit:
        raise StudyError(
            f"cost row {row.id}: is a price of one {row.unit}, the amount is in {work.unit or 'no unit'}"
        )
    if row.use == "outlier":
        raise StudyError(
            f"cost row {row.id}: is shown for comparison and not priced with: {row.note}"
        )
    if not math.isfinite(work.amount) or work.amount < 0:
        raise StudyError(f"cost row {row.id}: amount {work.amount!r} must be zero or more")


def _lines(
    works: list[Quantity],
    used: Mapping[str, CostRow],
    price: Mapping[str, float],
    basis: PriceBasis,
    *,
    engineering: float,
    contingency: float,
) -> pd.DataFrame:
    lines = []
    for work in works:
        row, factor = used[work.row], price[work.row]
        state = f"expired price level (valid to {row.valid_to})" if row.expired(basis.on) else ""
        lines.append(
            {
                "row": row.id,
                "title": row.title,
                "sector": row.sector,
                "phase": work.phase,
                "amount": work.amount,
                "unit": row.unit,
                "price": row.value * factor,
                "cost": work.amount * row.value * factor,
                "low": work.amount * row.low * factor,
                "high": work.amount * row.high * factor,
                "currency": basis.currency,
                "own_price": row.value,
                "own_currency": row.currency,
                "price_year": row.price_year,
                "source": row.source,
                "mark": row.mark,
                "state": state,
                "why": work.why,
            }
        )
    names = [
        "row",
        "title",
        "sector",
        "phase",
        "amount",
        "unit",
        "price",
        "cost",
        "low",
        "high",
        "currency",
        "own_price",
        "own_currency",
        "price_year",
        "source",
        "mark",
        "state",
        "why",
    ]
    frame = pd.DataFrame(lines, columns=names)
    for title, share in zip(_ADDED, (engineering, contingency), strict=True):
        added = []
        for phase, part in frame.groupby("phase", sort=True):
            line: dict[str, Any] = dict.fromkeys(names, "")
            line |= {"title": title, "sector": "added", "phase": phase, "currency": basis.currency}
            line |= {name: float(part[name].sum()) * share for name in ("cost", "low", "high")}
            line |= {"amount": math.nan, "price": math.nan, "own_price": math.nan, "mark": "D"}
            line |= {"price_year": basis.price_year, "why": f"{share:.0%} of the lines above"}
            added.append(line)
        if added:
            frame = pd.concat([frame, pd.DataFrame(added, columns=names)], ignore_index=True)
    return frame
