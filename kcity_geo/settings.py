"""Settings: the parameters of the sectors with the overrides of a study.

The rows stand in ``tables/parameters.toml`` and ``tables/network.toml``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError

__all__ = [
    "Settings",
    "laid_over",
    "network_rules_of",
    "network_table",
    "settings_of",
    "transport_parameters",
]


class Settings(Mapping[str, Any]):
    """
    The parameters of one sector, with the overrides of a study; nobody changes them.

    Parameters
    ----------
    values : name -> value.
    origin : name -> ``"default"`` or ``"study file"``; names left out are defaults.

    Examples
    --------
    >>> settings = settings_of("water", {"lpcd": 150})
    >>> settings.number("lpcd"), settings.origin("lpcd"), settings.origin("queue_min")
    (150.0, 'study file', 'default')
    """

    __slots__ = ("_origin", "_values")

    def __init__(self, values: Mapping[str, Any], origin: Mapping[str, str] | None = None) -> None:
        self._values = MappingProxyType(dict(values))
        self._origin = MappingProxyType(dict(origin or {}))

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - numbers, words, lists
        """Give a parameter as it stands in the table or the study file."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Count the parameters."""
        return len(self._values)

    def __repr__(self) -> str:
        """Name what differs from the defaults."""
        changed = [name for name in self._values if self.origin(name) != "default"]
        return f"Settings({len(self)} parameters, changed: {', '.join(changed) or 'none'})"

    def number(self, name: str) -> float:
        """Give a parameter that is a number."""
        return float(self._values[name])

    def numbers(self, name: str) -> tuple[float, ...]:
        """Give a parameter that is a list of numbers."""
        return tuple(float(value) for value in self._values[name])

    def text(self, name: str) -> str:
        """Give a parameter that is a word."""
        return str(self._values[name])

    def origin(self, name: str) -> str:
        """Say where a value comes from: ``"default"`` or ``"study file"``."""
        return self._origin.get(name, "default")

    def changed(self, **values: Any) -> Settings:  # noqa: ANN401 - values of parameters
        """Give the same settings with other values of some parameters."""
        unknown = sorted(set(values) - set(self._values))
        if unknown:
            raise StudyError(f"{unknown[0]}: no such parameter; known are {', '.join(self)}")
        return Settings(
            {**self._values, **values}, {**self._origin, **dict.fromkeys(values, "study file")}
        )


def settings_of(sector: str, parameters: Mapping[str, Any] | None) -> Settings:
    """
    Give the parameters of a sector with the overrides of a study.

    Parameters
    ----------
    sector : table of ``tables/parameters.toml``.
    parameters : overrides; None: none.

    Returns
    -------
    The settings.

    Raises
    ------
    StudyError
        If an override has no parameter of that name.

    Examples
    --------
    >>> settings_of("water", {"lpcd": 150})["lpcd"]
    150
    """
    table = read_table("parameters")[sector]
    unknown = sorted(set(parameters or {}) - set(table))
    if unknown:
        raise StudyError(f"{sector}.{unknown[0]}: no such parameter; known are {', '.join(table)}")
    return Settings({**table, **(parameters or {})}, dict.fromkeys(parameters or {}, "study file"))


def transport_parameters(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Give table ``transport`` of ``tables/parameters.toml`` with the changes of a study.

    Parameters
    ----------
    changes : keys that differ; ``network`` and other tables are left alone.

    Returns
    -------
    A new mapping.

    Raises
    ------
    StudyError
        If a key is unknown.

    Examples
    --------
    >>> transport_parameters({"rapid_m": 800.0})["rapid_m"]
    800.0
    """
    table = dict(read_table("parameters")["transport"])
    for key, value in (changes or {}).items():
        if key == "network":
            continue
        if key not in table:
            raise StudyError(
                f"[parameters] transport.{key}: no such key; known are {', '.join(sorted(table))}"
            )
        table[key] = value
    return table


def network_rules_of(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Give ``tables/network.toml`` with what a study changes under ``[transport.network]``.

    Parameters
    ----------
    changes : as for `transport_parameters`.

    Returns
    -------
    A new mapping.

    Raises
    ------
    StudyError
        If a key is unknown.

    Examples
    --------
    >>> network_rules_of({"network": {"widths": {"default_m": 7.0}}})["widths"]["default_m"]
    7.0
    """
    return network_table((changes or {}).get("network"))


_FASTEST_KMH = 200.0


#: Tables of ``tables/network.toml`` whose keys are values of tags, so that new ones may be added.
OPEN_NETWORK = (
    "network.speeds.drive",
    "network.caps.surface",
    "network.caps.tracktype",
    "network.caps.smoothness",
    "network.walk_factors",
    "network.widths.class",
    "network.widths.oneway",
)


def network_table(change: Any = None) -> dict[str, Any]:  # noqa: ANN401 - a table of TOML, or a mistake
    """
    Give ``tables/network.toml`` with the changes of a study laid over it.

    Parameters
    ----------
    change : same shape as the table, only what differs.

    Returns
    -------
    A new mapping.

    Raises
    ------
    StudyError
        If a key does not exist in the table or a value is of another kind.

    Examples
    --------
    >>> network_table({"speeds": {"walk_kmh": 4.5}})["speeds"]["walk_kmh"]
    4.5
    """
    table = read_table("network")
    found = laid_over(table, change or {}, path="transport.network", open_tables=OPEN_NETWORK)
    for key, speed in found["speeds"]["drive"].items():
        if not 0 < speed <= _FASTEST_KMH:
            raise StudyError(
                f"transport.network.speeds.drive.{key}: {speed:g} km/h; a speed from 1 to "
                f"{_FASTEST_KMH:g} is needed"
            )
    return found


def laid_over(
    base: Mapping[str, Any],
    change: Any,  # noqa: ANN401 - a table of TOML, or a mistake
    *,
    path: str,
    open_tables: Collection[str] = (),
) -> dict[str, Any]:
    """
    Lay changes over a table, at any depth.

    Parameters
    ----------
    base : the table.
    change : of the same shape, only what differs.
    path : name of the table, for messages.
    open_tables : names below `path` of tables that take new keys, such as tag values.

    Returns
    -------
    A new mapping.

    Raises
    ------
    StudyError
        If a key does not exist, or a value is not of the kind of the one it replaces.

    Examples
    --------
    >>> laid_over({"a": {"b": 1.0}}, {"a": {"b": 2}}, path="t")
    {'a': {'b': 2}}
    """
    if not isinstance(change, Mapping):
        raise StudyError(f"{path}: {change!r} is not a table")
    result = dict(base)
    of_root = path.partition(".")[2]
    for key, value in change.items():
        name = f"{path}.{key}"
        if key not in base and of_root not in open_tables:
            raise StudyError(f"{name}: no such key{nearest_name(key, list(base))}")
        default = base.get(key, next(iter(base.values())))
        if isinstance(default, Mapping):
            result[key] = laid_over(default, value, path=name, open_tables=open_tables)
        else:
            try:
                same_kind(name, value, default)
            except ValueError as error:
                raise StudyError(str(error)) from error
            result[key] = value
    return result


def same_kind(key: str, value: Any, default: Any) -> None:  # noqa: ANN401 - values of TOML
    """Refuse a word where the default is a number, and the other way round."""
    for kind, what in ((bool, "true or false"), (str, "a word"), (int | float, "a number")):
        if isinstance(default, kind):
            number = kind not in {bool, str}
            fits = isinstance(value, kind) and not (number and isinstance(value, bool))
            if not fits or (number and not math.isfinite(float(value))):
                raise ValueError(f"{key}: needs {what} like {default!r}, not {value!r}")
            return
    if isinstance(default, list):
        items = value if isinstance(value, list | tuple) else [value, None]
        if {type(item) for item in items} <= {type(item) for item in default}:
            return
        raise ValueError(f"{key}: needs a list like {default[:2]!r}, not {value!r}")
    raise ValueError(f"{key}: is a table and cannot be changed in a study file")


def nearest_name(value: str, known: list[str]) -> str:
    close = difflib.get_close_matches(value, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(known)}"
