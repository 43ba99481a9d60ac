"""
Parameters: the assumptions that a study file may change, each a row with unit, range and source.

The rows stand in ``tables/parameters/*.toml``, one file a sector and ``shared.toml`` for those that
several sectors read; rows of your own come from `kcity_geo.extensions`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from kcity_geo.config import TABLES, read_table
from kcity_geo.errors import StudyError

__all__ = [
    "PARAMETER_SECTORS",
    "Parameter",
    "add_parameter_rows",
    "all_parameters",
    "impossible_amount",
    "nearest_name",
    "parameters_of",
    "part_of_count",
    "percent_mend",
    "remove_parameter_rows",
    "shared_changes",
]

#: Sector -> where its parameters stand in a study file.
PARAMETER_SECTORS: Mapping[str, str] = {
    "transport": "transport",
    "water": "water",
    "energy": "energy",
    "settlement": "settlement",
    "suitability": "suitability.assumptions",
}

#: Units that say what a number is, and not in what it is measured.
_NO_MEASURES = ("gap", "probability", "share", "weight")

_ADDED: dict[str, Parameter] = {}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """
    One assumption.

    Parameters
    ----------
    id : key in the study file.
    value : default, in `unit`; a number, a word, a list or a table of numbers.
    mark, citation : evidence mark of the default and where it comes from.
    sectors : who reads it; its study keys are those of `PARAMETER_SECTORS`.
    unit : of the value, of its lowest and of its highest.
    min, max : what a study file may set, ends included; None: no limit.
    choices : words that may be given; empty: any.
    used_by : indicators, or ``"suitability"`` or ``"population"``.
    official : key of ``[official]`` that beats it.
    aliases : sector -> older name, which a study file may still use.
    note : what must be read beside it.
    """

    id: str
    value: Any
    mark: str
    citation: str
    sectors: tuple[str, ...]
    unit: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    aliases: Mapping[str, str]
    official: str = ""
    note: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Where a study file sets it: ``("water.growth_share", "energy.growth_share")``."""
        return tuple(f"{PARAMETER_SECTORS[sector]}.{self.id}" for sector in self.sectors)

    @property
    def range_words(self) -> str:
        """What may be set, in words: ``"0 to 1 share"``."""
        if self.choices:
            return " or ".join(self.choices)
        if self.min is None and self.max is None:
            return ""
        low = "" if self.min is None else f"{self.min:.10g}"
        high = "" if self.max is None else f"{self.max:.10g}"
        words = (
            f"{low} to {high}" if low and high else f"{low} and more" if low else f"up to {high}"
        )
        return words if self.unit == words else f"{words} {self.unit}".strip()

    def check(self, value: Any, *, key: str) -> None:  # noqa: ANN401 - a value of TOML
        """
        Refuse a value of another kind or out of range.

        Parameters
        ----------
        value : as the study file gives it.
        key : named in the message, for example ``"water.lpcd"``.

        Raises
        ------
        StudyError
            If the value cannot be used; the message says what can.

        Examples
        --------
        >>> parameters_of("water")["lpcd"].check(150, key="water.lpcd")
        """
        if isinstance(self.value, Mapping):
            self._check_table(value, key=key)
        elif isinstance(self.value, list):
            if not isinstance(value, list | tuple) or not value:
                raise StudyError(f"{key}: needs a list like {self.value[:2]!r}, not {value!r}")
            for item in value:
                self._check_one(item, like=self.value[0], key=key)
        else:
            self._check_one(value, like=self.value, key=key)

    def _check_table(self, value: Any, *, key: str) -> None:  # noqa: ANN401
        if not isinstance(value, Mapping):
            raise StudyError(f"{key}: needs a table like {dict(self.value)!r}, not {value!r}")
        for name, item in value.items():
            if name not in self.value:
                raise StudyError(f"{key}.{name}: no such key{nearest_name(name, list(self.value))}")
            self._check_one(item, like=self.value[name], key=f"{key}.{name}")

    def _check_one(self, value: Any, *, like: Any, key: str) -> None:  # noqa: ANN401
        if isinstance(like, str):
            if not isinstance(value, str):
                raise StudyError(f"{key}: needs a word like {like!r}, not {value!r}")
            if self.choices and value not in self.choices:
                raise StudyError(f"{key}: {value!r} is not one of {', '.join(self.choices)}")
            return
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(float(value)):
            raise StudyError(f"{key}: needs a number like {like!r}, not {value!r}")
        if isinstance(like, int) and not float(value).is_integer():
            raise StudyError(f"{key}: needs a whole number like {like!r}, not {value!r}")
        low = -math.inf if self.min is None else self.min
        high = math.inf if self.max is None else self.max
        if not low <= value <= high:
            raise StudyError(f"{key}: {value!r} is out of range; give {self._asked_for()}")

    def _asked_for(self) -> str:
        """Say what may be set, in a sentence: of a unit that is no measure, what it is."""
        words = self.range_words
        if self.unit in _NO_MEASURES and words.endswith(f" {self.unit}"):
            return f"{words.removesuffix(self.unit)}(a {self.unit})"
        return words


def parameters_of(sector: str) -> dict[str, Parameter]:
    """
    Give the parameters that a sector reads, shared ones first.

    Parameters
    ----------
    sector : key of `PARAMETER_SECTORS`.

    Returns
    -------
    Id -> row, in table order.

    Raises
    ------
    StudyError
        If there is no such sector.

    Examples
    --------
    >>> parameters_of("water")["growth_share"] is parameters_of("energy")["growth_share"]
    True
    """
    if sector not in PARAMETER_SECTORS:
        raise StudyError(f"{sector}: no such sector; known are {', '.join(PARAMETER_SECTORS)}")
    return {key: row for key, row in all_parameters().items() if sector in row.sectors}


def all_parameters() -> dict[str, Parameter]:
    """
    Give every parameter once, shared ones first.

    Returns
    -------
    Id -> row; rows added by `add_parameter_rows` stand last.

    Examples
    --------
    >>> row = all_parameters()["lpcd"]
    >>> row.value, row.unit, row.mark, row.keys
    (135.0, 'litres per person and day', 'V', ('water.lpcd',))
    """
    return {**_of_package(), **_ADDED}


@cache
def _of_package() -> dict[str, Parameter]:
    """Read the tables of the package; threads that ask at the same time each read for themselves."""
    found: dict[str, Parameter] = {}
    for name in ("shared", *PARAMETER_SECTORS):
        file = f"parameters/{name}"
        for key, row in read_table(file)["parameter"].items():
            if key in found:
                raise StudyError(f"{TABLES / file}.toml: {key} stands in two tables")
            found[key] = parameter_row(key, {"sectors": [name], **row}, where=f"{file}.toml")
    return found


_FIELDS = set(Parameter.__dataclass_fields__) - {"id"}
_NEEDED = ("value", "mark", "citation", "sectors")


def parameter_row(key: str, row: Mapping[str, Any], *, where: str) -> Parameter:
    """
    Make a parameter of a row of a table.

    Parameters
    ----------
    key : id of the parameter.
    row : the row as TOML.
    where : file, for messages.

    Returns
    -------
    The parameter; its default was checked against its own range.

    Raises
    ------
    StudyError
        If a field is missing, unknown or wrong.
    """
    missing = [name for name in _NEEDED if name not in row]
    if missing:
        raise StudyError(f"{where}: parameter {key}: {missing[0]} is missing")
    unknown = sorted(set(row) - _FIELDS)
    if unknown:
        raise StudyError(
            f"{where}: parameter {key}.{unknown[0]}: no such field"
            f"{nearest_name(unknown[0], sorted(_FIELDS))}"
        )
    for sector in row["sectors"]:
        if sector not in PARAMETER_SECTORS:
            known = ", ".join(PARAMETER_SECTORS)
            raise StudyError(f"{where}: parameter {key}: no sector {sector!r}; known are {known}")
    fields = {
        **row,
        "sectors": tuple(row["sectors"]),
        "choices": tuple(row.get("choices", ())),
        "used_by": tuple(row.get("used_by", ())),
        "aliases": dict(row.get("aliases", {})),
    }
    made = Parameter(id=key, **fields)
    made.check(made.value, key=f"{where}: parameter {key}")
    return made


def add_parameter_rows(rows: Mapping[str, Mapping[str, Any]], *, where: str) -> list[str]:
    """
    Add parameters of your own; see `kcity_geo.extensions.add_indicators`.

    Parameters
    ----------
    rows : id -> row, as in ``tables/parameters/*.toml``, with ``sectors``.
    where : file, for messages.

    Returns
    -------
    The ids added.

    Raises
    ------
    StudyError
        If a row is wrong or its id is taken.
    """
    known = all_parameters()
    for key in rows:
        if key in known:
            raise StudyError(f"{where}: parameter {key} exists already; choose another id")
    _ADDED.update({key: parameter_row(key, row, where=where) for key, row in rows.items()})
    return list(rows)


def remove_parameter_rows(keys: list[str]) -> None:
    """
    Forget parameters that were added.

    Parameters
    ----------
    keys : of `add_parameter_rows`.
    """
    for key in keys:
        _ADDED.pop(key, None)


def shared_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Lay what a study file says of parameters out by sector: a shared one is set in all that read it.

    Parameters
    ----------
    changes : key of the study file ("water.growth_share", "shared.growth_share") -> value. Older
        names of a parameter count as the parameter.

    Returns
    -------
    The same keys with the parameter's own name, and those of the other sectors that read it.

    Raises
    ------
    StudyError
        If a shared parameter has two different values, or a key has no parameter.

    Examples
    --------
    >>> shared_changes({"water.growth_share": 0.03})
    {'water.growth_share': 0.03, 'energy.growth_share': 0.03}
    """
    rows = all_parameters()
    found: dict[str, Any] = {}
    said: dict[str, tuple[str, Any]] = {}
    for key, value in changes.items():
        section, _, name = key.rpartition(".")
        row = _named(section, name, rows)
        if row is None:
            raise StudyError(f"{key}: no such parameter{nearest_name(name, _known(section, rows))}")
        row.check(value, key=key)
        before, earlier = said.setdefault(row.id, (key, value))
        if earlier != value:
            raise StudyError(
                f"{before} = {earlier!r} and {key} = {value!r}: one parameter with two values; "
                "give one of them"
            )
        found.update(dict.fromkeys(row.keys, value))
    return found


def _named(section: str, name: str, rows: Mapping[str, Parameter]) -> Parameter | None:
    for row in rows.values():
        if section == "shared":
            if row.id == name and len(row.sectors) > 1:
                return row
            continue
        for sector in row.sectors:
            if PARAMETER_SECTORS[sector] == section and name in {row.id, row.aliases.get(sector)}:
                return row
    return None


def _known(section: str, rows: Mapping[str, Parameter]) -> list[str]:
    if section == "shared":
        return [row.id for row in rows.values() if len(row.sectors) > 1]
    return [
        row.id for row in rows.values() if section in {PARAMETER_SECTORS[s] for s in row.sectors}
    ]


def nearest_name(value: str, known: list[str]) -> str:
    """
    Suggest what a mistaken key may have meant.

    Parameters
    ----------
    value : as it was written.
    known : what there is.

    Returns
    -------
    End of a message.

    Examples
    --------
    >>> nearest_name("lpdc", ["lpcd", "nrw_share"])
    "; did you mean 'lpcd'?"
    """
    import difflib

    close = difflib.get_close_matches(value, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(known)}" if known else ""


def part_of_count(key: str, value: float) -> str:
    """
    Say that an official count is no whole number.

    Parameters
    ----------
    key : of ``[official]`` or column of ``official.table``.
    value : as it was given.

    Returns
    -------
    What is wrong; ``""`` when it is whole or not a count.

    Examples
    --------
    >>> part_of_count("transit_stops", 388.0), part_of_count("transit_stops", 3.5)
    ('', 'it counts things, which are whole; give a whole number')
    """
    counts = read_table("official")["count"]["persons_each_least"]
    if key not in counts or not math.isfinite(value) or float(value).is_integer():
        return ""
    return "it counts things, which are whole; give a whole number"


def percent_mend(value: float) -> str:
    """
    Say what to give instead of percent where a share is needed.

    Parameters
    ----------
    value : larger than 1.

    Returns
    -------
    The end of a message; ``""`` above 100, which is no percent of a whole. Little more than 1 (up to 1.5) is
    no percent but a share with an error.

    Examples
    --------
    >>> percent_mend(98.0), percent_mend(1.02), percent_mend(250.0)
    (': give 0.98', ', and nothing has more than all', '')
    """
    if value > 100.0:  # noqa: PLR2004 - percent
        return ""
    if 1.0 < value <= 1.5:  # noqa: PLR2004 - 1.5 % of a city is no number that anybody gives
        return ", and nothing has more than all"
    return f": give {value / 100.0:g}"


def impossible_amount(key: str, value: float) -> str:
    """
    Say that an official number is larger or smaller than that of any city.

    Parameters
    ----------
    key : of ``[official]`` or column of ``official.table``.
    value : in the unit of the key.

    Returns
    -------
    What is wrong; ``""`` when it may be.

    Examples
    --------
    >>> impossible_amount("lpcd", 120.0), impossible_amount("lpcd", 120_000.0)
    ('', 'no city has more than 20,000; is the unit that of the name?')
    >>> impossible_amount("lpcd", 0.12)  # m3
    'no city has less than 5; is the unit that of the name?'
    """
    most = read_table("official")["most"].get(key)
    least = read_table("official")["least"].get(key)
    if most is not None and value > most:
        return f"no city has more than {most:,.0f}; is the unit that of the name?"
    if least is not None and value < least:
        return f"no city has less than {least:,.0f}; is the unit that of the name?"
    return ""
