"""Settings: the parameters of the sectors with the overrides of a study.

The rows stand in ``tables/parameters/*.toml`` (see `kcity_geo.parameters`) and
``tables/network.toml``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypedDict, cast

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.parameters import nearest_name, parameters_of

__all__ = [
    "NetworkTable",
    "Settings",
    "StreetFormRules",
    "check_network",
    "laid_over",
    "network_table",
    "settings_of",
]


class Settings(Mapping[str, Any]):
    """
    The parameters of one sector, with the overrides of a study; nobody changes them.

    Parameters
    ----------
    values : name -> value.
    origin : name -> ``"default"`` or ``"study file"``; names left out are defaults.
    aliases : older name -> name.

    Examples
    --------
    >>> settings = settings_of("water", {"lpcd": 150})
    >>> settings.number("lpcd"), settings.origin("lpcd"), settings.origin("queue_min")
    (150.0, 'study file', 'default')
    """

    __slots__ = ("_aliases", "_origin", "_values")

    def __init__(
        self,
        values: Mapping[str, Any],
        origin: Mapping[str, str] | None = None,
        *,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._aliases = MappingProxyType(dict(aliases or {}))
        self._values = MappingProxyType(dict(values))
        self._origin = MappingProxyType(dict(origin or {}))

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - numbers, words, lists
        """Give a parameter as it stands in the table or the study file."""
        return self._values[self._aliases.get(name, name)]

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
        return float(self[name])

    def numbers(self, name: str) -> tuple[float, ...]:
        """Give a parameter that is a list of numbers."""
        return tuple(float(value) for value in self[name])

    def text(self, name: str) -> str:
        """Give a parameter that is a word."""
        return str(self[name])

    def origin(self, name: str) -> str:
        """Say where a value comes from: ``"default"`` or ``"study file"``."""
        return self._origin.get(self._aliases.get(name, name), "default")

    def own_name(self, name: str) -> str:
        """Give the name that a parameter has in the table, also for an older one."""
        return self._aliases.get(name, name)

    def changed(self, **values: Any) -> Settings:  # noqa: ANN401 - values of parameters
        """Give the same settings with other values of some parameters."""
        values = {self._aliases.get(name, name): value for name, value in values.items()}
        unknown = sorted(set(values) - set(self._values))
        if unknown:
            raise StudyError(f"{unknown[0]}: no such parameter; known are {', '.join(self)}")
        return Settings(
            {**self._values, **values},
            {**self._origin, **dict.fromkeys(values, "study file")},
            aliases=self._aliases,
        )


def settings_of(sector: str, parameters: Mapping[str, Any] | None = None) -> Settings:
    """
    Give the parameters of a sector with the overrides of a study.

    Parameters
    ----------
    sector : key of `kcity_geo.parameters.PARAMETER_SECTORS`.
    parameters : overrides; None: none.

    Returns
    -------
    The settings; those that several sectors share are among them.

    Raises
    ------
    StudyError
        If an override has no parameter of that name, or is of another kind or out of range.

    Examples
    --------
    >>> settings_of("water", {"lpcd": 150})["lpcd"]
    150
    """
    rows = parameters_of(sector)
    aliases = {row.aliases[sector]: row.id for row in rows.values() if sector in row.aliases}
    given: dict[str, Any] = {}
    for name, value in (parameters or {}).items():
        key = aliases.get(name, name)
        if key not in rows:
            raise StudyError(f"{sector}.{name}: no such parameter{nearest_name(name, list(rows))}")
        rows[key].check(value, key=f"{sector}.{name}")
        default = rows[key].value
        given[key] = {**default, **value} if isinstance(default, Mapping) else value
    values = {key: row.value for key, row in rows.items()}
    return Settings({**values, **given}, dict.fromkeys(given, "study file"), aliases=aliases)


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


#: Speeds of the table that are parameters of transport: their defaults stand there alone.
_PARAMETER_SPEEDS = ("walk_kmh", "cycle_kmh", "season_factor")


class StreetFormRules(TypedDict):
    """Section ``street_form`` of ``tables/network.toml``; lengths in metres, angles in degrees."""

    built_share: float
    consolidate_m: float
    dual_m: float
    dual_angle_deg: float
    window_m: float
    connectivity_m: float
    las_classes: list[str]
    beta_good: float
    beta_span: float
    dead_end_good: float
    dead_end_span: float
    component_bad: float


class AccessRules(TypedDict):
    """Keys of access by mode, the values that close a way, and those that open it to some."""

    walk: list[str]
    cycle: list[str]
    drive: list[str]
    drive_ferry: list[str]
    blocked: list[str]
    private: list[str]
    allowed: list[str]
    destination: Mapping[str, list[str]]


class OnewayRules(TypedDict):
    """Values of tags that make a way one-way, and the keys of each mode."""

    forward: list[str]
    backward: list[str]
    both: list[str]
    roundabout: list[str]
    implied: list[str]
    cycleway: list[str]
    cycleway_against: list[str]
    cycleway_both: list[str]
    keys: Mapping[str, list[str]]


class SpeedRules(TypedDict):
    """Speeds in km/h by class of way, factors on them, and waiting; some are parameters of a study."""

    maxspeed_factor: float
    ferry_kmh: float
    ferry_max_kmh: float
    ferry_wait_min: float
    offroad_factor: float
    signal_s: float
    congestion_factor: float
    default_kmh: float
    drive: Mapping[str, float]
    walk_kmh: float
    cycle_kmh: float
    season_factor: float


class SurfaceCaps(TypedDict):
    """Speed in km/h that the state of a way allows at most, on what no wheels roll, what is unpaved."""

    surface: Mapping[str, float]
    tracktype: Mapping[str, float]
    smoothness: Mapping[str, float]
    no_wheels: list[str]
    unpaved: list[str]


#: Widths of streets in metres: by class of way, by class where one-way, and what else is needed.
WidthRules = TypedDict(
    "WidthRules",
    {
        "default_m": float,
        "lane_m": float,
        "margin_m": float,
        "max_m": float,
        "default_error": float,
        "class": Mapping[str, float],
        "oneway": Mapping[str, float],
    },
)


class SeasonRules(TypedDict):
    """Which ways are passable all year round."""

    always: list[str]
    if_paved: list[str]
    bad_surface: list[str]
    bad_smoothness: list[str]
    good_surface: list[str]
    good_tracktype: list[str]
    unknown_weight: float


class NetworkTable(TypedDict):
    """``tables/network.toml``: which ways belong to which graph, and how fast they are."""

    classes: Mapping[str, list[str]]
    access: AccessRules
    turns: Mapping[str, list[str]]
    areas: Mapping[str, int]
    barriers: Mapping[str, list[str]]
    oneway: OnewayRules
    speeds: SpeedRules
    caps: SurfaceCaps
    walk_factors: Mapping[str, float]
    slope: Mapping[str, float]
    widths: WidthRules
    all_season: SeasonRules
    street_form: StreetFormRules
    snap: Mapping[str, float]


def check_network(change: Any) -> None:  # noqa: ANN401 - whatever the file says
    """
    Refuse what a study file cannot change under ``[transport.network]``.

    Parameters
    ----------
    change : as it stands in the file.

    Raises
    ------
    StudyError
        If a key does not exist, has its own place in the file, or a value cannot be used.

    Examples
    --------
    >>> check_network({"widths": {"default_m": 7.0}})
    """
    network_table(change)
    for name in _PARAMETER_SPEEDS:
        if name in change.get("speeds", {}):
            raise StudyError(
                f"transport.network.speeds.{name}: is the parameter transport.{name}, which counts "
                "in all sectors; set that one"
            )


def network_table(change: Any = None) -> NetworkTable:  # noqa: ANN401 - a table of TOML, or a mistake
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
    table, rows = read_table("network"), parameters_of("transport")
    own = {name: rows[name].value for name in _PARAMETER_SPEEDS}
    table = {**table, "speeds": {**table["speeds"], **own}}
    found = laid_over(
        table, {} if change is None else change, path="transport.network", open_tables=OPEN_NETWORK
    )
    for key, speed in found["speeds"]["drive"].items():
        if not 0 < speed <= _FASTEST_KMH:
            raise StudyError(
                f"transport.network.speeds.drive.{key}: {speed:g} km/h; a speed from 1 to "
                f"{_FASTEST_KMH:g} is needed"
            )
    return cast("NetworkTable", found)


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
