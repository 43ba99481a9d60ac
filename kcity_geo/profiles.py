"""
Profiles: what kind of project wants which land, from the rows of criteria and of profiles.

Title and units of a criterion stand once, in ``tables/suitability/criteria.toml``; weight and value
function are those of the profile, in ``tables/suitability/profiles.toml``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.parameters import nearest_name

__all__ = [
    "check_value_function",
    "criteria_titles",
    "layers_of_criteria",
    "profile",
    "profiles",
    "site_rules",
]

#: Value function -> how many numbers it takes.
_COUNT = {"lin_dec": 2, "lin_inc": 2, "trap": 4, "sig_dec": 2, "gauss": 2, "exp_dec": 1, "step": 1}
_RISING = {"lin_dec", "lin_inc", "trap"}


def profiles() -> dict[str, dict[str, Any]]:
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
    found = {}
    for name, row in read_table("suitability/profiles")["profile"].items():
        about = {"mark": row["mark"], "citation": row["citation"]}
        for one in row["criteria"]:
            if one["id"] not in known:
                raise StudyError(
                    f"tables/suitability/profiles.toml: {name}: criterion {one['id']!r} has no row in "
                    f"criteria.toml{nearest_name(one['id'], list(known))}"
                )
        criteria = [{**known[one["id"]], **about, **one} for one in row["criteria"]]
        found[name] = {**row, "criteria": criteria}
    return found


def profile(
    name: str, value_functions: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """
    Give one profile, with the value functions of a study.

    Parameters
    ----------
    name : id of the profile.
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
    if name not in known:
        raise StudyError(f"project {name!r} is not one of {', '.join(known)}")
    found = known[name]
    criteria = {row["id"]: row for row in found["criteria"]}
    for key, change in (value_functions or {}).items():
        where = f"suitability.value_functions.{key}"
        if key not in criteria:
            raise StudyError(
                f"{where}: profile {name} has no such criterion{nearest_name(key, list(criteria))}"
            )
        unknown = sorted(set(change) - {"function", "parameters"})
        if unknown:
            raise StudyError(f"{where}.{unknown[0]}: only function and parameters can be set")
        row = {**criteria[key], **change, "mark": "U", "citation": "study file"}
        try:
            check_value_function(row["function"], row["parameters"])
        except StudyError as error:
            raise StudyError(f"{where}: {error}") from error
        criteria[key] = row
    return {**found, "criteria": list(criteria.values())}


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
