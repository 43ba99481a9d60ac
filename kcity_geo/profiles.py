"""
Profiles: what kind of project wants which land, from the rows of criteria and of profiles.

Title and units of a criterion stand once, in ``tables/suitability/criteria.toml``; weight and value
function are those of the profile, in ``tables/suitability/profiles.toml``.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict, cast

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.parameters import nearest_name

__all__ = [
    "CriterionRow",
    "Limit",
    "Profile",
    "ValueFunction",
    "check_value_function",
    "criteria_titles",
    "decisive_rows",
    "is_off",
    "layers_of_criteria",
    "limits_of",
    "profile",
    "profiles",
    "site_rules",
]

#: Limit of a constraint: a number, a word such as ``"exclude"``, or False where it is switched off.
Limit = float | bool | str


class ValueFunction(TypedDict, total=False):
    """A value function as a study file gives it: its name, its parameters, and their unit."""

    function: str
    parameters: Sequence[float] | Mapping[str, float]
    units: str


class CriterionRow(TypedDict, total=False):
    """A criterion of a profile: a row of its own table with the weight and value function of the profile."""

    id: str
    title: str
    units: str
    weight: float
    function: str
    parameters: Sequence[float] | Mapping[str, float]
    phrase: str
    mark: str
    citation: str
    layers: Sequence[str]
    measure: Any  # what measures a criterion of the user's own


class Profile(TypedDict, total=False):
    """What a kind of project wants; ``own`` holds the criteria of a project file as it has them."""

    title: str
    mark: str
    citation: str
    decisive: list[str]
    constraints: dict[str, Any]
    criteria: list[CriterionRow]
    own: list[dict[str, Any]]


#: Value function -> how many numbers it takes.
_COUNT = {"lin_dec": 2, "lin_inc": 2, "trap": 4, "sig_dec": 2, "gauss": 2, "exp_dec": 1, "step": 1}
_RISING = {"lin_dec", "lin_inc", "trap"}


def profiles() -> dict[str, Profile]:
    """
    Give every profile with its criteria in full.

    Returns
    -------
    Id -> ``title, mark, citation, constraints`` and ``criteria``: rows of ``id, title, units,
    weight, function, parameters, mark, citation, layers, phrase``.

    Raises
    ------
    StudyError
        If a profile names a criterion that has no row.

    Examples
    --------
    >>> profiles()["new_town"]["criteria"][0]["title"]
    'Slope'
    """
    known = read_table("suitability/criteria")["criterion"]
    found: dict[str, Profile] = {}
    for name, row in read_table("suitability/profiles")["profile"].items():
        about = {"mark": row["mark"], "citation": row["citation"]}
        for one in row["criteria"]:
            if one["id"] not in known:
                raise StudyError(
                    f"tables/suitability/profiles.toml: {name}: criterion {one['id']!r} has no row in "
                    f"criteria.toml{nearest_name(one['id'], list(known))}"
                )
        criteria = [{**known[one["id"]], **about, **one} for one in row["criteria"]]
        found[name] = cast("Profile", {**row, "criteria": criteria})
    return found


def profile(name: str, value_functions: Mapping[str, ValueFunction] | None = None) -> Profile:
    """
    Give one profile, with the value functions of a study.

    Parameters
    ----------
    name : id of the profile, or path of a project file (``.toml``, see `project_file`).
    value_functions : criterion -> ``function`` and ``parameters``, instead of those of the profile;
        these rows get the mark ``U``.

    Returns
    -------
    The profile, as in `profiles`.

    Raises
    ------
    StudyError
        If profile or criterion do not exist, or a value function cannot be used.

    Examples
    --------
    >>> own = {"slope_pct": {"function": "lin_dec", "parameters": [1, 8]}}
    >>> [row["mark"] for row in profile("new_town", own)["criteria"]][:2]
    ['U', 'D']
    """
    known = profiles()
    if name not in known and not name.endswith(".toml"):
        raise StudyError(
            f"project {name!r} is not one of {', '.join(known)}, and no project file (.toml)"
        )
    found = known[name] if name in known else project_file(Path(name))
    criteria = {row["id"]: row for row in found["criteria"]}
    for key, change in (value_functions or {}).items():
        where = f"suitability.value_functions.{key}"
        if key not in criteria:
            raise StudyError(
                f"{where}: profile {name} has no such criterion{nearest_name(key, list(criteria))}"
            )
        unknown = sorted(set(change) - {"function", "parameters", "units"})
        if unknown:
            raise StudyError(
                f"{where}.{unknown[0]}: only function, parameters and units can be set"
            )
        row: CriterionRow = {
            **criteria[key],
            **_in_percent(key, change, where),
            "mark": "U",
            "citation": "study file",
        }
        try:
            check_value_function(row["function"], row["parameters"])
        except StudyError as error:
            raise StudyError(f"{where}: {error}") from error
        criteria[key] = row
    return {**found, "criteria": list(criteria.values())}


def _in_percent(key: str, change: ValueFunction, where: str) -> CriterionRow:
    """Turn limits of slope that a study gives in degrees into percent; refuse other units."""
    row: CriterionRow = {}
    if "function" in change:
        row["function"] = change["function"]
    if "parameters" in change:
        row["parameters"] = change["parameters"]
    if "units" not in change or change["units"] == read_table("suitability/criteria")[
        "criterion"
    ].get(key, {}).get("units"):
        return row
    if key != "slope_pct" or change["units"] not in {"deg", "°", "degrees"}:
        raise StudyError(f"{where}.units: {change['units']!r} is not a unit of this criterion")
    if change.get("function") not in _RISING | {"step"}:
        raise StudyError(
            f"{where}.units: degrees go with {', '.join(sorted(_RISING))} and step only"
        )
    row["parameters"] = [_percent(v, where) for v in change.get("parameters", [])]
    return row


def _percent(degrees: Any, where: str) -> float:  # noqa: ANN401 - a value of TOML
    if not _number(degrees) or not 0 <= float(degrees) < 90:  # noqa: PLR2004 - a right angle
        raise StudyError(f"{where}: {degrees!r} is not an angle from 0 to 90 degrees")
    return 100 * math.tan(math.radians(float(degrees)))


def limits_of(
    kind: Profile, changes: Mapping[str, Limit], *, where: str = "suitability.constraints"
) -> dict[str, Any]:
    """
    Give the constraints of a profile with what a study changes.

    Parameters
    ----------
    kind : of `profile`.
    changes : constraint -> limit. ``slope_deg_max`` is ``slope_pct_max`` in degrees.
    where : key of the study file, for messages.

    Returns
    -------
    Constraint -> limit, slope in percent.

    Raises
    ------
    StudyError
        If a constraint does not exist, or slope is given in percent and in degrees.

    Examples
    --------
    >>> round(limits_of(profile("new_town"), {"slope_deg_max": 15})["slope_pct_max"], 1)
    26.8
    """
    known, changes = kind["constraints"], dict(changes)
    if "slope_deg_max" in changes:
        if "slope_pct_max" in changes:
            raise StudyError(
                f"{where}: slope_pct_max and slope_deg_max are one limit; give one of them"
            )
        value = changes.pop("slope_deg_max")
        changes["slope_pct_max"] = (
            value if is_off(value) else _percent(value, f"{where}.slope_deg_max")
        )
    for key in changes:
        if key not in known:
            raise StudyError(
                f"{where}.{key}: this project has no such constraint{nearest_name(key, [*known, 'slope_deg_max'])}"
            )
    return {**known, **changes}


def project_file(path: Path) -> Profile:
    """
    Read a project of the user's own: what kind of land it wants.

    Parameters
    ----------
    path : TOML with ``[project]`` (``title``, and if need be ``decisive``), ``[project.constraints]`` and
        ``[[project.criterion]]``, rows as in ``[[suitability.criterion]]`` of a study file.

    Returns
    -------
    As a profile of `profiles`; criteria of the user's own stand under ``own``, as the file has them. What
    is not said of decisive data and of the size of a site is that of a new town.

    Raises
    ------
    StudyError
        If the file cannot be read or a key is unknown.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"study.project: {path} cannot be read ({error})") from error
    table = raw.get("project")
    if not isinstance(table, Mapping) or set(raw) != {"project"}:
        raise StudyError(f"study.project: {path.name} needs one table [project]")
    keys = {"title", "decisive", "constraints", "criterion", "citation"}
    for key in table:
        if key not in keys:
            raise StudyError(
                f"{path.name}: project.{key}: no such key{nearest_name(key, list(keys))}"
            )
    like = profiles()["new_town"]
    decisive = table.get("decisive", like["decisive"])
    for key in decisive:
        if key not in decisive_rows():
            raise StudyError(
                f"{path.name}: project.decisive: {key!r} is not one of {', '.join(decisive_rows())}"
            )
    everything = {k: v for row in profiles().values() for k, v in row["constraints"].items()}
    try:
        own = limits_of({"constraints": everything}, table.get("constraints", {}))
    except StudyError as error:
        said = str(error).replace("suitability.constraints", "project.constraints", 1)
        raise StudyError(f"{path.name}: {said}") from error
    named = {k: v for k, v in own.items() if k in {*table.get("constraints", {}), "slope_pct_max"}}
    if not {"slope_pct_max", "slope_deg_max"} & set(table.get("constraints", {})):
        named.pop("slope_pct_max", None)
    size = {k: like["constraints"][k] for k in ("min_area_ha", "min_width_m", "compactness_min")}
    return {
        "title": str(table.get("title", path.stem.replace("_", " "))),
        "mark": "U",
        "citation": str(table.get("citation", path.name)),
        "decisive": list(decisive),
        "constraints": {**size, **named},
        "criteria": [],
        "own": list(table.get("criterion", [])),
    }


def check_value_function(
    function: str, parameters: Sequence[float] | Mapping[str, float]
) -> list[float]:
    """
    Refuse a value function that does not exist, or parameters that do not fit it.

    Parameters
    ----------
    function : name, such as ``"lin_dec"``; ``"cat"`` takes a table of class and value.
    parameters : of the function.

    Returns
    -------
    The parameters as numbers; none for ``"cat"``.

    Raises
    ------
    StudyError
        If they cannot be used; the message says what can.

    Examples
    --------
    >>> check_value_function("lin_dec", [2, 15])
    [2.0, 15.0]
    """
    if function == "cat":
        if not isinstance(parameters, Mapping):
            raise StudyError(f"cat: a table of class and value is needed, not {parameters!r}")
        for name, value in parameters.items():
            if not _number(value) or not 0 <= value <= 1:
                raise StudyError(f"cat: {name} = {value!r} is not between 0 and 1")
        return []
    if function not in _COUNT:
        raise StudyError(
            f"value function {function!r} does not exist; use {', '.join([*_COUNT, 'cat'])}"
        )
    if isinstance(parameters, Mapping | str) or not isinstance(parameters, Sequence):
        raise StudyError(f"{function}: parameters must be a list of numbers, not {parameters!r}")
    count = _COUNT[function]
    if len(parameters) != count or not all(map(_number, parameters)):
        raise StudyError(f"{function}: {count} numbers are needed, not {list(parameters)}")
    p = [float(value) for value in parameters]
    if function in _RISING and any(b < a for a, b in pairwise(p)):
        raise StudyError(f"{function}: limits must rise, not {p}")
    if function in {"gauss", "exp_dec"} and p[-1] <= 0:
        raise StudyError(f"{function}: {p[-1]:g} must be above 0")
    return p


def _number(value: Any) -> bool:  # noqa: ANN401 - a value of TOML
    try:
        return not isinstance(value, bool | str) and math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def criteria_titles() -> dict[str, str]:
    """
    Give the title of every criterion.

    Returns
    -------
    Id -> title.

    Examples
    --------
    >>> criteria_titles()["hand_m"]
    'Height above nearest drainage'
    """
    rows = read_table("suitability/criteria")["criterion"]
    return {key: row["title"] for key, row in rows.items()}


def layers_of_criteria() -> dict[str, list[str]]:
    """
    Tell which layers of the map criteria and constraints read.

    Returns
    -------
    Layer -> ``"suitability"``, ``"constraints"`` or both.

    Examples
    --------
    >>> layers_of_criteria()["water_body"]
    ['suitability', 'constraints']
    """
    tables = read_table("suitability/criteria")
    found: dict[str, list[str]] = {}
    for word, rows in (("suitability", tables["criterion"]), ("constraints", tables["constraint"])):
        for row in rows.values():
            for layer in row["layers"]:
                words = found.setdefault(layer, [])
                if word not in words:
                    words.append(word)
    return found


def decisive_rows() -> dict[str, dict[str, Any]]:
    """
    Give what may decide whether anything can be built, from ``tables/suitability/criteria.toml``.

    Returns
    -------
    Id -> ``title, constraints, source``.

    Examples
    --------
    >>> decisive_rows()["slope"]["source"]
    'sources.elevation'
    """
    found: dict[str, dict[str, Any]] = read_table("suitability/criteria")["decisive"]
    return found


def is_off(limit: object) -> bool:
    """
    Tell whether a study switches a constraint off.

    Parameters
    ----------
    limit : value of the constraint.

    Returns
    -------
    True for False, ``"ignore"``, ``"off"`` and ``"no"``.

    Examples
    --------
    >>> is_off(False), is_off("ignore"), is_off(0)
    (True, True, False)
    """
    return limit is False or (isinstance(limit, str) and limit in {"ignore", "off", "no"})


def site_rules() -> dict[str, Any]:
    """
    Give how sites are cut out of the score and ranked.

    Returns
    -------
    Table ``suitability/sites.toml``.

    Examples
    --------
    >>> site_rules()["threshold_min"]
    0.5
    """
    return read_table("suitability/sites")
