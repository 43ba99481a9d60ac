"""
Indicators: what each asks, how it is computed and what it is measured against, a row each.

The rows stand in ``tables/indicators/*.toml``, one file a sector. Who wants an indicator of their own
writes a row and a function and calls `add_indicators`.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.parameters import add_parameter_rows, nearest_name, remove_parameter_rows

__all__ = [
    "INDICATOR_SECTORS",
    "INDICATOR_THEMES",
    "IndicatorRow",
    "add_indicators",
    "added_indicators",
    "indicator_rows",
    "is_added",
    "load_function",
    "refuse_others",
    "remove_indicators",
    "uses_of_layers",
]

INDICATOR_SECTORS = ("transport", "water", "energy")
#: Read apart from the sectors: a hazard is no shortfall of a supply.
INDICATOR_THEMES = ("flood",)
_AVERAGES = ("people", "built", "area", "sum")
_MARKS = ("V", "M", "D", "U")


@dataclass(frozen=True, kw_only=True)
class IndicatorRow:
    """
    One row of the indicator tables.

    Parameters
    ----------
    id : for example ``"T1"``.
    title : in words.
    sector : one of `INDICATOR_SECTORS`.
    theme : one of `INDICATOR_THEMES` when it counts there and not in the gap of its sector; ``""``: none.
    unit : of its value, of `target` and of `worst`.
    question : what it asks.
    formula : in words.
    formula_id : the family under which docs and lists tell it.
    function : dotted path of the function that assesses it, given the city and `arguments`.
    arguments : further arguments of the function.
    target, worst : where the gap is 0, and 1; None: the function gives its own gap.
    urban_weight, rural_weight : weight in the gap of the sector; None: reported, not scored.
    prior : row of ``[prior]`` in ``tables/priors.toml``; ``""``: none,
        what the map lacks is then held to be missing, unless nothing at all of `layers` is mapped.
    group : completeness group of ``tables/priors.toml`` that drives its confidence.
    layers : layers of the map that it reads.
    average : what a mean is weighted with, or ``"sum"``.
    docs : page below ``docs/``, or a file of your own.
    mark, citation : evidence mark and source of the standard.
    details : name of a further number -> its unit.
    """

    id: str
    title: str
    sector: str
    unit: str
    question: str
    formula: str
    formula_id: str
    function: str
    average: str
    docs: str
    mark: str
    citation: str
    arguments: tuple[str, ...] = ()
    target: float | None = None
    worst: float | None = None
    urban_weight: float | None = None
    rural_weight: float | None = None
    theme: str = ""
    prior: str = ""
    group: str = "tables"
    layers: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def scored(self) -> bool:
        """Whether it counts in the gap of its sector."""
        return self.urban_weight is not None or self.rural_weight is not None


_NEEDED = {
    f.name for f in fields(IndicatorRow) if f.default is MISSING and f.default_factory is MISSING
}
_FIELDS = {f.name for f in fields(IndicatorRow)}
_ADDED: dict[str, IndicatorRow] = {}
_ADDED_PARAMETERS: dict[Path, list[str]] = {}
_ADDED_FROM: dict[Path, list[str]] = {}
_ADDED_SHA256: dict[Path, str] = {}


def indicator_rows() -> dict[str, IndicatorRow]:
    """
    Give every indicator, by sector and in table order.

    Returns
    -------
    Id -> row; those added by `add_indicators` stand last.

    Examples
    --------
    >>> row = indicator_rows()["T4"]
    >>> row.target, row.unit, row.group
    (18.0, 'km/km2', 'roads')
    """
    return {**_of_package(), **_ADDED}


@cache
def _of_package() -> dict[str, IndicatorRow]:
    """Read the tables of the package; threads that ask at the same time each read for themselves."""
    found = [
        _row({"sector": sector, **row}, where=f"indicators/{sector}.toml")
        for sector in INDICATOR_SECTORS
        for row in read_table(f"indicators/{sector}")["indicator"]
    ]
    return {one.id: one for one in found}


def _row(row: Mapping[str, Any], *, where: str) -> IndicatorRow:
    name = row.get("id", "without id")
    missing = sorted(_NEEDED - set(row))
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise StudyError(f"{where}: indicator {name}: {', '.join(missing)} {verb} missing")
    unknown = sorted(set(row) - _FIELDS)
    if unknown:
        known = sorted(_FIELDS)
        raise StudyError(
            f"{where}: indicator {name}: {unknown[0]}: no such field{nearest_name(unknown[0], known)}"
        )
    made = IndicatorRow(
        **{
            **row,
            "layers": tuple(row.get("layers", ())),
            "arguments": tuple(row.get("arguments", ())),
        }
    )
    _check(made, where=f"{where}: indicator {made.id}")
    return made


def _check(row: IndicatorRow, *, where: str) -> None:
    rules = read_table("priors")
    for key, value, known in (
        ("sector", row.sector, INDICATOR_SECTORS),
        ("theme", row.theme, ("", *INDICATOR_THEMES)),
        ("average", row.average, _AVERAGES),
        ("mark", row.mark, _MARKS),
        ("group", row.group, tuple(rules["group"])),
        ("prior", row.prior, ("", *rules["prior"])),
    ):
        if value not in known:
            raise StudyError(f"{where}: {key} = {value!r}{nearest_name(str(value), list(known))}")
    layers = [layer["id"] for layer in read_table("osm")["layer"]]
    for name in row.layers:
        if name not in layers:
            raise StudyError(f"{where}: layers: no layer {name!r}{nearest_name(name, layers)}")
    for key in ("urban_weight", "rural_weight"):
        weight = getattr(row, key)
        if weight is not None and not 0 <= weight <= 1:
            raise StudyError(f"{where}: {key} = {weight!r} is not from 0 to 1")
    if (row.target is None) != (row.worst is None) or (
        row.target is not None and row.target == row.worst
    ):
        raise StudyError(
            f"{where}: target and worst must be two different numbers, or both left out"
        )


def add_indicators(path: str | Path) -> list[str]:
    """
    Add indicators, and parameters, of your own; every later study of this process has them.

    Parameters
    ----------
    path : TOML file with rows ``[[indicator]]``, as in ``tables/indicators/transport.toml`` and with
        ``sector``, and rows ``[parameter.NAME]``, as in ``tables/parameters/water.toml`` and with
        ``sectors``. A function stands in an importable module and is named by its dotted path; it
        is imported now, so a mistake shows at once. A study file cannot name functions: it never
        runs code.

    Returns
    -------
    The ids of the indicators added.

    Raises
    ------
    StudyError
        If the file, a row or a function is wrong, or an id is taken; nothing is added then.

    Examples
    --------
    ::

        kc.add_indicators("chargers.toml")
        kc.run("study.toml", "out/")
    """
    path = Path(path).resolve()
    try:
        raw = path.read_bytes()
        tables = tomllib.loads(raw.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"{path}: cannot be read as TOML ({error})") from error
    where = path.name
    unknown = sorted(set(tables) - {"indicator", "parameter"})
    if unknown:
        raise StudyError(
            f"{where}: {unknown[0]}: no such table; known are [[indicator]], [parameter.NAME]"
        )
    rows = [_row(row, where=where) for row in tables.get("indicator", [])]
    known = indicator_rows()
    for row in rows:
        if row.id in known or sum(other.id == row.id for other in rows) > 1:
            raise StudyError(f"{where}: indicator {row.id} exists already; choose another id")
        load_function(row, where=where)
    parameters = add_parameter_rows(tables.get("parameter", {}), where=where)
    _ADDED.update({row.id: row for row in rows})
    _ADDED_FROM[path] = [row.id for row in rows]
    _ADDED_SHA256[path] = sha256(raw).hexdigest()
    _ADDED_PARAMETERS[path] = parameters
    return _ADDED_FROM[path]


def added_indicators() -> dict[str, str]:
    """
    List the indicators of your own that studies have now.

    Returns
    -------
    Id -> name of the file of its row and the SHA-256 of that, as a finished study writes them.

    Examples
    --------
    >>> added_indicators()
    {}
    """
    return {
        key: f"{path.name} {_ADDED_SHA256[path]}"
        for path, ids in _ADDED_FROM.items()
        for key in ids
    }


def refuse_others(made_with: Mapping[str, str]) -> None:
    """
    Refuse to run a finished study again without the indicators of your own that it was made with.

    Parameters
    ----------
    made_with : as `added_indicators` gave it when the study was made.

    Raises
    ------
    StudyError
        If one is not added now, or stands in another file than then.
    """
    now = added_indicators()
    for key, was in made_with.items():
        file = was.rpartition(" ")[0] or was
        if key not in now:
            raise StudyError(
                f"added_indicators.{key}: the study was made with {key} from {file}; call "
                f"kc.add_indicators({file!r}) first, or take it out of [added_indicators] to run without it"
            )
        if now[key] != was:
            raise StudyError(
                f"added_indicators.{key}: the study was made with {key} from another {file} than the one "
                "that is added now; add that one, or take it out of [added_indicators]"
            )


def is_added(key: str) -> bool:
    """
    Tell whether an indicator is one of your own.

    Parameters
    ----------
    key : its id.

    Returns
    -------
    False for the indicators of the package.

    Examples
    --------
    >>> is_added("T1")
    False
    """
    return key in _ADDED


def remove_indicators(path: str | Path) -> None:
    """
    Forget the indicators and parameters of a file that was added.

    Parameters
    ----------
    path : as given to `add_indicators`.

    Raises
    ------
    StudyError
        If the file was not added.
    """
    path = Path(path).resolve()
    if path not in _ADDED_FROM:
        raise StudyError(f"{path}: was not added by add_indicators")
    _ADDED_SHA256.pop(path, None)
    for key in _ADDED_FROM.pop(path):
        _ADDED.pop(key, None)
    remove_parameter_rows(_ADDED_PARAMETERS.pop(path))


def load_function(row: IndicatorRow, *, where: str = "tables/indicators") -> Callable[..., Any]:
    """
    Import the function of an indicator.

    Parameters
    ----------
    row : of the indicator.
    where : file, for messages.

    Returns
    -------
    The function.

    Raises
    ------
    StudyError
        If module or function do not exist.

    Examples
    --------
    >>> load_function(indicator_rows()["W9"]).__name__
    'toilets'
    """
    module, _, name = row.function.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise StudyError(
            f"{where}: indicator {row.id}: function = {row.function!r} cannot be imported ({error})"
        ) from error
    if not callable(found):
        raise StudyError(f"{where}: indicator {row.id}: {row.function!r} is not a function")
    return found  # type: ignore[no-any-return]


def uses_of_layers() -> dict[str, list[str]]:
    """
    Tell which indicators read each layer of the map.

    Returns
    -------
    Layer -> ids of indicators; a family such as T9 stands once.

    Examples
    --------
    >>> uses_of_layers()["water_point"]
    ['W1', 'W2']
    """
    found: dict[str, list[str]] = {}
    for row in indicator_rows().values():
        for layer in row.layers:
            names = found.setdefault(layer, [])
            if row.formula_id not in names:
                names.append(row.formula_id)
    return found
