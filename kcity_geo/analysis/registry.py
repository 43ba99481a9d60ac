"""Registry: the indicators of a sector, assessed by the functions that their rows name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kcity_geo.errors import StudyError
from kcity_geo.indicators import IndicatorRow, indicator_rows, is_added, load_function
from kcity_geo.result import Indicator

__all__ = ["assess_added"]


def assess_added(city: Any) -> list[Indicator]:  # noqa: ANN401 - whatever the functions take
    """
    Assess the indicators that were added with `kcity_geo.indicators.add_indicators`.

    Parameters
    ----------
    city : handed to each function.

    Returns
    -------
    The indicators in the order of their rows; none without added rows.

    Raises
    ------
    StudyError
        If a function gives something else than indicators of its own rows, on the study grid.

    Examples
    --------
    >>> assess_added(None)
    []
    """
    rows = [row for row in indicator_rows().values() if is_added(row.id)]
    found: list[Indicator] = []
    for call in dict.fromkeys((row.function, row.arguments) for row in rows):
        own = [row for row in rows if (row.function, row.arguments) == call]
        given = load_function(own[0])(city, *own[0].arguments)
        several = [given] if isinstance(given, Indicator) else given
        found.extend(_checked(one, own) for one in several)
    return found


def _checked(one: object, rows: Iterable[IndicatorRow]) -> Indicator:
    names = {row.id: row for row in rows}
    function = next(iter(names.values())).function
    if not isinstance(one, Indicator):
        raise StudyError(f"{function}: gives {type(one).__name__}, not an Indicator")
    if one.id not in names:
        raise StudyError(f"{function}: gives indicator {one.id!r}; its rows are {', '.join(names)}")
    if one.units != names[one.id].unit:
        raise StudyError(
            f"{function}: {one.id} is given in {one.units!r}, its row says {names[one.id].unit!r}"
        )
    return one
