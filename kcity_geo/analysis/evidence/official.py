"""
What the water and the energy indicators share: standards, official numbers, means by people.

Official numbers come as one value for the city or as a table with a row a district; both are
spread over the cells by the districts' shares in each cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.city_districts import REST
from kcity_geo.citydata import CityInputs
from kcity_geo.errors import SchemaError
from kcity_geo.notes import tell

__all__ = [
    "city_against_table",
    "counts_of_districts",
    "districts_apart",
    "has_table",
    "number",
    "official",
    "official_cells",
    "official_districts",
    "official_total",
    "part_counted",
    "partial_coverage_note",
    "people_of_amounts",
]

if TYPE_CHECKING:
    Counts = pd.Series[float]
else:  # pandas itself has no such type, and the annotations of public functions are resolved
    Counts = pd.Series

#: City number and sum of the table further apart than this share of the larger are told.
_APART = 0.1
#: Behind amounts of a part of the city.
_FOR_ALL = "how many live on the rest of the land is not known, set official.population"
#: Share of the land from which the population of a grid is that of the city.
_WHOLE = 0.98


def official(data: CityInputs, key: str) -> float | None:
    """
    Give a number that the city published, or None.

    Parameters
    ----------
    data : of the city.
    key : of ``[official]`` of the study file.

    Returns
    -------
    The number.
    """
    value = data.official.get(key)
    return None if value is None else float(value)


def people_of_amounts(data: CityInputs) -> float:
    """
    Count the people that an amount of the whole city (water, power) is held against.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    Persons; NaN without a population. Where it is known for a part of the land only, the official
    number, if there is one: a supply of all against the demand of a few would look ample.
    """
    people = data.array("population")
    if people is None:
        return float("nan")
    stated = official(data, "population")
    if stated is not None and _land_known(data, people) < _WHOLE:
        return stated
    return float(np.nansum(people[data.inside]))


def part_counted(data: CityInputs) -> str:
    """
    Tell that the people of `people_of_amounts` are those of a part of the city.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    Two clauses, the second why and what to do; "" where they are those of the whole city.
    """
    people = data.array("population")
    if people is None or official(data, "population") is not None:
        return ""
    if _land_known(data, people) >= _WHOLE:
        return ""
    return f"of the {people_of_amounts(data):,.0f} people counted; {_FOR_ALL}"


def _land_known(data: CityInputs, people: NDArray[np.float64]) -> float:
    """Share of the land of the city on which it is known how many live."""
    land = np.where(data.inside, data.cube["inside_share"].to_numpy(), 0.0)
    return float(land[np.isfinite(people)].sum() / land.sum())


def official_total(data: CityInputs, key: str) -> float | None:
    """
    Give an amount that the city published, or the sum of its table by district, or None.

    Parameters
    ----------
    data : of the city.
    key : of ``[official]`` of the study file, and the column of its table.

    Returns
    -------
    The amount. A table that lacks a district has no sum: None, with a warning. City number and sum
    far apart: the city number, with a warning.

    Raises
    ------
    SchemaError
        As `official_cells`.
    """
    city = official(data, key)
    table = _district_column(data, key, low=0.0, high=float("inf"))
    if table is None:
        return city
    known, districts = _districts_told(data, table)
    if known < districts:
        if city is None:
            tell(
                f"official.table: {key} has a number in {known} of {districts} districts; their sum "
                "says nothing of the city and is not used; give the others, or set "
                f"official.{key}"
            )
        return city
    total = float(table.sum())
    if city is None:
        return total
    if abs(total - city) > _APART * max(abs(city), abs(total)):
        tell(
            f"official.{key} is {city:,.6g}, the districts of official.table add to {total:,.6g}; "
            "the city number is used"
        )
    return city


def counts_of_districts(data: CityInputs, key: str) -> Counts | None:
    """
    Give what the official table counts in each district.

    Parameters
    ----------
    data : of the city.
    key : column of the table.

    Returns
    -------
    District id -> number, NaN where it has none; None without one, and where the city number is far from their sum.

    Raises
    ------
    SchemaError
        As `official_cells`.
    """
    table, city = _district_column(data, key, low=0.0, high=float("inf")), official(data, key)
    if table is None or city is None:
        return table
    total, (known, districts) = float(table.sum()), _districts_told(data, table)
    beyond = total - city if known < districts else abs(total - city)
    return None if beyond > _APART * max(abs(city), abs(total)) else table


def _districts_told(data: CityInputs, table: pd.Series) -> tuple[int, int]:
    """Count the districts with a number and all; land in no district is one only when it has one."""
    told = table.notna()
    whole = int((data.city.districts["district_id"] != REST).sum()) + int(told.get(REST, False))
    return int(told.sum()), whole


def number(
    data: CityInputs, key: str, default: float, *, origin: str = "default"
) -> tuple[float, str]:
    """
    Give a number of the city, else the mean of its table, else the default, and which of them.

    A table speaks of its own people only: those of the other districts have the default.

    Parameters
    ----------
    data : of the city.
    key : of ``[official]`` of the study file, and the column of its table.
    default : when the city published none.
    origin : where `default` comes from, of `kcity_geo.settings.Settings.origin`.

    Returns
    -------
    The number, and ``"official"``, `origin` or ``"official in 3 of 8 districts, default elsewhere"``.
    Districts are weighed by their people.

    Raises
    ------
    SchemaError
        As `official_cells`.
    """
    value = official(data, key)
    if value is not None:
        return value, "official"
    table = _district_column(data, key, low=-1.0, high=float("inf"))
    if table is None:
        return default, origin
    people = data.array("population")
    weight = np.asarray(data.cube["inside_share"].to_numpy()) if people is None else people
    mean = weighted_mean(_spread(data, table, rest=default), weight)
    if not np.isfinite(mean):
        return default, origin
    known, districts = _districts_told(data, table)
    if known >= districts:
        return mean, "official"
    return mean, f"official in {known} of {districts} districts, {origin} elsewhere"


def city_against_table(
    data: CityInputs, key: str, cells: NDArray[np.float64], *, limit: float
) -> str:
    """
    Tell when the city's own number and its own table by district contradict each other.

    Parameters
    ----------
    data : of the city.
    key : of ``[official]``, and the column of its table; a rate.
    cells : rate of each cell, of `official_cells`.
    limit : difference that is told, share.

    Returns
    -------
    One line; "" when there are not both, or they agree. A table of some districts contradicts
    the city only as far as its own people go.
    """
    city, people = official(data, key), data.array("population")
    table = _district_column(data, key, low=0.0, high=1.0)
    if city is None or people is None or table is None:
        return ""
    if not abs(weighted_mean(cells, people) - city) > limit:
        return ""
    mean = weighted_mean(_spread(data, table, rest=None), people * _share_told(data, table))
    known, districts = _districts_told(data, table)
    where = "" if known >= districts else f" in {known} of {districts} districts"
    return (
        f"official.{key} says {city:.0%}, official.table {mean:.0%} of the people{where}; where "
        "the table has a number it is used"
    )


def has_table(data: CityInputs, key: str) -> bool:
    """
    Tell whether the official table by district has a number of this key.

    Parameters
    ----------
    data : of the city.
    key : column of the table.

    Returns
    -------
    False without a table, without the column, and when it holds no number.

    Raises
    ------
    SchemaError
        As `official_cells`.
    """
    return _district_column(data, key, low=0.0, high=float("inf")) is not None


def partial_coverage_note(data: CityInputs, key: str) -> str:
    """
    Tell of which part of the city an official rate speaks.

    Parameters
    ----------
    data : of the city.
    key : of ``[official]``, and the column of its table; a rate.

    Returns
    -------
    "of the 3 of 8 districts with a number" when a table leaves districts out and there is no
    city number; else "".
    """
    table = _district_column(data, key, low=0.0, high=1.0)
    if table is None or official(data, key) is not None:
        return ""
    known, districts = _districts_told(data, table)
    return f"of the {known} of {districts} districts with a number" if known < districts else ""


def official_cells(
    data: CityInputs, key: str, *, low: float = 0.0, high: float = 1.0
) -> tuple[NDArray[np.float64] | None, int]:
    """
    Spread official numbers over the cells: the table by district first, then the city number.

    A cell on the border of a district without a number has the city number for that part of it.

    Parameters
    ----------
    data : of the city.
    key : of ``[official]``, and the column of its table.
    low, high : smallest and largest value allowed.

    Returns
    -------
    Shape (rows, cols), NaN outside the city and where no number speaks; None when there is none
    at all. And the number of table rows (or 1 for the city number).

    Raises
    ------
    SchemaError
        If the table has no ``district_id``, one that is not a district, or a value out of range.
    """
    city_value = official(data, key)
    by_district = _district_column(data, key, low=low, high=high)
    if by_district is None and city_value is None:
        return None, 0
    values = np.full(data.grid.shape[0] * data.grid.shape[1], np.nan)
    if city_value is not None:
        values[data.inside.ravel()] = city_value
    if by_district is None:
        return values.reshape(data.grid.shape), 1
    told = _spread(data, by_district, rest=city_value).ravel()
    return (
        np.where(np.isfinite(told), told, values).reshape(data.grid.shape),
        int(by_district.notna().sum()),
    )


def official_districts(data: CityInputs, key: str) -> dict[str, float] | None:
    """
    Give the official rate of each district: its own row of the table, else the city number.

    Parameters
    ----------
    data : of the city.
    key : of ``[official]``, and the column of its table; a rate.

    Returns
    -------
    District id -> rate, those with one only; None without a table. A mean over cells is another
    number where a cell lies in two districts.

    Raises
    ------
    SchemaError
        As `official_cells`.
    """
    table = _district_column(data, key, low=0.0, high=1.0)
    if table is None:
        return None
    rates, rest = table.dropna().to_dict(), official(data, key)
    ids = data.city.districts["district_id"].astype(str)
    found = {name: rates.get(name, rest) for name in ids}
    return {name: float(rate) for name, rate in found.items() if rate is not None}


def _spread(
    data: CityInputs, by_district: pd.Series[float], *, rest: float | None
) -> NDArray[np.float64]:
    """Mean of the districts in each cell by their people; those without a number have `rest`."""
    values = data.shares["district_id"].astype(str).map(by_district)
    if rest is not None:
        values = values.fillna(rest)
    shares = data.shares.assign(value=values)[values.notna()]
    cells = shares["cell"].to_numpy(dtype=np.int64)
    share, size = shares["people_share"].to_numpy(), data.grid.shape[0] * data.grid.shape[1]
    total = np.bincount(cells, weights=share, minlength=size)
    summed = np.bincount(cells, weights=share * shares["value"].to_numpy(), minlength=size)
    mean = np.divide(summed, total, out=np.full(size, np.nan), where=total > 0)
    return np.asarray(mean.reshape(data.grid.shape))


def _share_told(data: CityInputs, by_district: pd.Series[float]) -> NDArray[np.float64]:
    """Share of the people of each cell who live in districts with a number."""
    told = by_district.notna().astype(float)
    return np.nan_to_num(_spread(data, told, rest=0.0))


def districts_apart(
    data: CityInputs,
    stated: NDArray[np.float64],
    mapped: NDArray[np.float64],
    *,
    people: NDArray[np.float64],
    limit: float,
    rates: Mapping[str, float],
) -> str:
    """
    Name the districts in which official shares and the map contradict each other by a lot.

    Parameters
    ----------
    data : of the city.
    stated : official share of each cell, shape (rows, cols); NaN: not known.
    mapped : share that the map suggests, same shape.
    people : persons, same shape; they weigh the cells of a district.
    limit : difference that is told, share.
    rates : official shares by district, in place of the mean of their cells.

    Returns
    -------
    One line, the widest apart first, at most three of them; "" when there is none.
    """
    cell = data.shares["cell"].to_numpy()
    of, names = pd.factorize(data.shares["district_id"].astype(str), sort=True)
    part = data.shares["people_share"].to_numpy() * np.nan_to_num(people.ravel()[cell])
    districts = data.city.districts
    called = dict(zip(districts["district_id"].astype(str), districts["name"], strict=True))
    found = []
    for number, name in enumerate(names):
        mine = of == number
        a, b = (weighted_mean(v.ravel()[cell[mine]], part[mine]) for v in (stated, mapped))
        a = rates.get(str(name), a)
        if abs(a - b) > limit:
            found.append((-abs(a - b), f"{called.get(str(name), name)}: {a:.0%} against {b:.0%}"))
    if not found:
        return ""
    some = ", ".join(text for _, text in sorted(found)[:3])
    where = "one district" if len(found) == 1 else f"{len(found)} districts"
    return f"official number and map are far apart in {where} ({some})"


def _district_column(
    data: CityInputs, key: str, *, low: float, high: float
) -> pd.Series[float] | None:
    whole = table = data.official.get("table")
    if table is None or key not in table:
        return None
    memory, question = data.pieces("official columns"), (key, low, high)
    if memory is not None and question in memory and memory[question][0] is table:
        found: pd.Series[float] | None = memory[question][1]
        return found
    if "district_id" in table:
        table = table.set_index("district_id")
    elif table.index.name != "district_id":
        raise SchemaError(f"official.table: needs a column district_id beside {key}")
    ids = table.index.to_series().astype(str)
    unknown = sorted(set(ids) - set(data.city.districts["district_id"].astype(str)))
    if unknown:
        known = ", ".join(data.city.districts["district_id"].astype(str).head(8))
        raise SchemaError(
            f"official.table: district_id {unknown[0]!r} is no district; known: {known}"
        )
    values = table[key].astype(float).set_axis(ids.to_numpy())
    bad = values.notna() & ~values.between(low, high)
    if bad.any():
        raise SchemaError(
            f"official.table: {key} is {values[bad].iloc[0]:g} in district {values[bad].index[0]}; "
            f"it must lie between {low:g} and {high:g}"
            + (" (a share, not percent)" if high == 1.0 else "")
        )
    told = values if values.notna().any() else None
    if memory is not None:
        memory[question] = whole, told
    return told
