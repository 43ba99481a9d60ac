"""Registry: the indicators of a sector, assessed by the functions that their rows name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sized
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from kcity_geo.citydata import NO_MAP, without_map
from kcity_geo.errors import StudyError
from kcity_geo.garbage import give_back
from kcity_geo.indicators import IndicatorRow, indicator_rows, is_added, load_function
from kcity_geo.result import Indicator
from kcity_geo.studyfile import Study

__all__ = ["assess_rows", "compute_rows"]

_MAPPED = re.compile(r"\bis mapped\b(?: in the (?:map data|study area)| here)?")


class _City(Protocol):
    """What computes a quantity of a city once: `kcity_geo.analysis.city_model.CityModel`."""

    @property
    def layers(self) -> Mapping[str, Sized]:
        """Layers of the map."""

    @property
    def study(self) -> Study | None:
        """The study it was loaded for."""

    def once(self, function: Callable[..., Any], /, *arguments: Any) -> Any:  # noqa: ANN401
        """Give what `function` says of the city."""

    def ahead(self, function: Callable[..., Any], /, *arguments: Any) -> None:  # noqa: ANN401
        """Compute it before it is asked for."""


def quantities_of(
    sector: str, *, added: bool = True
) -> list[tuple[Callable[..., Any], tuple[Any, ...]]]:
    """
    Give what the indicators of a sector are made of.

    Parameters
    ----------
    sector : one of `kcity_geo.indicators.INDICATOR_SECTORS`.
    added : with those of `kcity_geo.indicators.add_indicators`.

    Returns
    -------
    Functions of a model of the city, each with its arguments, in the order of the rows.
    """
    rows = [row for row in indicator_rows().values() if row.sector == sector]
    found = []
    for row in {(row.function, row.arguments): row for row in rows}.values():
        with suppress(StudyError):  # a function that is not there: told when it is asked for
            if added or not is_added(row.id):
                found.append((load_function(row), row.arguments))
    return found


def compute_rows(city: _City, sector: str, *, last: Callable[..., Any] | None = None) -> None:
    """
    Compute the indicators of a sector before they are asked for: `assess_rows` then gives them at once.

    Parameters
    ----------
    city : the model, which keeps them.
    sector : one of `kcity_geo.indicators.INDICATOR_SECTORS`.
    last : the function that is called after all others.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> city = model_of(make_toy())
    >>> compute_rows(city, "water")
    >>> before = city.computed
    >>> assess_rows(city, "water")[0].id, city.computed == before
    ('W1', True)
    """
    for function, arguments in sorted(quantities_of(sector), key=lambda one: one[0] is last):
        city.ahead(function, *arguments)
        give_back()  # what one search lets go, the next would take beside it


def assess_rows(
    city: _City, sector: str, *, asked: Collection[str] | None = None
) -> list[Indicator]:
    """
    Assess the indicators of a sector, those of `kcity_geo.indicators.add_indicators` among them.

    Parameters
    ----------
    city : the model, handed to the function of each row. A function that several rows name with the
        same arguments is called once.
    sector : one of `kcity_geo.indicators.INDICATOR_SECTORS`.
    asked : ids that somebody asks for: functions that give none of them are not called. None: all.

    Returns
    -------
    The indicators in the order of their rows, with those that come along with the ones asked for. One of
    your own without a prior is not assessed where the map holds nothing of any of its layers: that nobody
    mapped it is no news that it is missing.

    Raises
    ------
    StudyError
        If a function gives something else than indicators of its own rows in the unit of the row.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> [one.id for one in assess_rows(model_of(make_toy()), "water")][:3]
    ['W1', 'W2', 'W3']
    """
    rows = [row for row in indicator_rows().values() if row.sector == sector]
    found: dict[str, Indicator] = {}
    for call in dict.fromkeys((row.function, row.arguments) for row in rows):
        own = [row for row in rows if (row.function, row.arguments) == call]
        if asked is not None and not any(row.id in asked for row in own):
            continue
        given = city.once(load_function(own[0]), *own[0].arguments)
        several = [given] if isinstance(given, Indicator) else given
        found.update({one.id: one for one in (_checked(one, own) for one in several)})
    said = [_unless_unmapped(found[row.id], row, city) for row in rows if row.id in found]
    return [_without_map(one, city.study) for one in said]


def _without_map(one: Indicator, study: Study | None) -> Indicator:
    """Say that no map was given where none was: then nobody knows what would be mapped."""
    if not without_map(study) or not _MAPPED.search(one.not_assessed):
        return one
    reason = _MAPPED.sub("is known", one.not_assessed)
    return replace(one, not_assessed=f"{NO_MAP}; {reason}")


def _unless_unmapped(one: Indicator, row: IndicatorRow, city: _City) -> Indicator:
    """Take back what an indicator from outside says where nobody mapped what it reads."""
    # The indicators of the package have rules for what the map may lack, or say it themselves.
    if one.not_assessed or one.evidence != "observed" or row.prior or not is_added(row.id):
        return one
    if not row.layers or any(len(city.layers.get(name, ())) for name in row.layers):
        return one
    reason = (
        f"nobody mapped any of its layers here ({', '.join(row.layers)}), which is no news that there "
        "is nothing; give features of your own, or a prior in the row of the indicator"
    )
    return replace(
        one, value=float("nan"), cells=None, gap=None, gap_bounds=None, bounds=None, ratio=None,
        value_error=None, area_gap=float("nan"), not_assessed=reason,
    )  # fmt: skip


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
