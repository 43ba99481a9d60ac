"""
Rules: rows of the tables of the gap model that a study file may change.

Which they are, under which key, and in which range stands in ``tables/rules.toml``; the values stand
in the tables that it names, beside their mark and citation.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from kcity_geo.config import TABLES, read_table
from kcity_geo.errors import StudyError
from kcity_geo.parameters import Parameter, nearest_name

__all__ = [
    "RULE_SECTIONS",
    "ReadingLimits",
    "Rule",
    "all_rules",
    "changed_rules",
    "check_rules",
    "reading_limits",
    "rules_table",
]

#: Sections of the study file that hold rules.
RULE_SECTIONS = (
    "priors",
    "sector_weights",
    "gap_model",
    "completeness",
    "evidence",
    "readings",
)

_Path = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rule(Parameter):
    """
    One value of a table that a study file may change; its id is the key in the study file.

    Parameters
    ----------
    id, value, unit, min, max, mark, citation, note : as in `kcity_geo.parameters.Parameter`.
    sectors, choices, used_by, official, aliases : as there; a rule belongs to no sector.
    table : file below ``tables/``, without ending.
    path : where the value stands in it; rows of a list are named by their id.
    """

    table: str
    path: _Path

    @property
    def keys(self) -> tuple[str, ...]:
        """Where a study file sets it: ``("priors.street.rural",)``."""
        return (self.id,)


@dataclass(frozen=True, kw_only=True)
class ReadingLimits:
    """
    From which number which word is said; ``[limits]`` of ``tables/readings.toml``.

    Parameters
    ----------
    short : gap from which a place falls short.
    partly : median gap from which it is partly short.
    falls_short, probably, not_short : probabilities of falling short behind the words.
    adequate_good : largest probability with which *Adequate* rests on good data.
    evidence_fair, evidence_good : evidence from which data are called fair, and good.
    people_told : share of people whose reading is known, else a place is not spoken of.
    """

    short: float
    partly: float
    falls_short: float
    probably: float
    not_short: float
    adequate_good: float
    evidence_fair: float
    evidence_good: float
    people_told: float


def reading_limits(table: Mapping[str, Any] | None = None) -> ReadingLimits:
    """
    Give the limits of the readings.

    Parameters
    ----------
    table : ``tables/readings.toml`` as a study has it (``city.rules("readings")``); the package's
        own when None.

    Returns
    -------
    The limits.

    Examples
    --------
    >>> reading_limits().short
    0.4
    """
    limits = (read_table("readings") if table is None else table)["limits"]
    return ReadingLimits(**{name: float(limits[name]) for name in ReadingLimits.__annotations__})


@cache
def all_rules() -> Mapping[str, Rule]:
    """
    Give every value that a study file may change beside the parameters.

    Returns
    -------
    Key in the study file -> rule, in table order.

    Raises
    ------
    StudyError
        If a row of ``tables/rules.toml`` points nowhere, or two share a key.

    Examples
    --------
    >>> rule = all_rules()["priors.street.rural"]
    >>> rule.value, rule.unit, rule.mark, rule.range_words
    (0.7, 'probability', 'D', '0 to 1 probability')
    """
    found: dict[str, Rule] = {}
    for row in read_table("rules")["rule"]:
        places = list(_places(read_table(row["table"]), row["path"].split("."), (), {}))
        if not places:
            raise StudyError(f"{TABLES / 'rules.toml'}: {row['path']} is not in {row['table']}")
        for path, value, about in places:
            stars = [
                have
                for have, asked in zip(path, row["path"].split("."), strict=True)
                if asked == "*"
            ]
            key = row["study"]
            for name in stars:
                key = key.replace("*", name, 1)
            if key in found:
                raise StudyError(f"{TABLES / 'rules.toml'}: {key} stands there twice")
            title = about.get("title", "")
            found[key] = Rule(
                id=key,
                value=value,
                unit=row.get("unit", about.get("unit", "")),
                min=row["min"],
                max=row["max"],
                mark=about["mark"],
                citation=about["citation"],
                note=f"{title}: {row['note']}" if title else row["note"],
                sectors=(),
                used_by=("gaps",),
                aliases={},
                table=row["table"],
                path=path,
            )
    return found


def _places(
    table: Any,  # noqa: ANN401 - any part of a table
    wanted: list[str],
    path: _Path,
    about: dict[str, str],
) -> Iterator[tuple[_Path, float, dict[str, str]]]:
    """Find the numbers to which a path with stars leads, with what is said of the row around them."""
    if not wanted:
        if isinstance(table, int | float) and not isinstance(table, bool):
            yield path, table, {"mark": "D", "citation": "default of kcity_geo", **about}
        return
    if isinstance(table, list):
        table = {str(row["id"]): row for row in table}
    if not isinstance(table, Mapping):
        return
    about = about | {k: str(table[k]) for k in ("mark", "citation", "title", "unit") if k in table}
    for name in table if wanted[0] == "*" else [wanted[0]]:
        if name in table:
            yield from _places(table[name], wanted[1:], (*path, name), about)


def check_rules(sections: Mapping[str, object]) -> dict[str, float]:
    """
    Refuse what a study file may not change.

    Parameters
    ----------
    sections : section of `RULE_SECTIONS` -> its table in the study file.

    Returns
    -------
    Key -> value, of all that the file changes.

    Raises
    ------
    StudyError
        If a key does not exist, a value is no number or out of range, or values contradict each
        other; the message names the key.

    Examples
    --------
    >>> check_rules({"priors": {"street": {"rural": 0.4}}})
    {'priors.street.rural': 0.4}
    """
    rules, found = all_rules(), {}
    for section, table in sections.items():
        for key, value in _leaves(section, table):
            if key not in rules:
                known = [name for name in rules if name.startswith(f"{section}.")]
                raise StudyError(f"{key}: no such key{nearest_name(key, known)}")
            rules[key].check(value, key=key)
            found[key] = value
    _check_together({key: float(found.get(key, rule.value)) for key, rule in rules.items()})
    return found


def _leaves(key: str, value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and (value or "." not in key):
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    else:
        yield key, value


def _check_together(now: Mapping[str, float]) -> None:
    weights = [now[key] for key in now if key.startswith("sector_weights.")]
    if not sum(weights) > 0:
        raise StudyError("sector_weights: all weights are 0; leave one above 0")
    for low, high in (
        ("readings.partly", "readings.short"),
        ("readings.evidence_fair", "readings.evidence_good"),
    ):
        if not now[low] < now[high]:
            raise StudyError(
                f"{low} = {now[low]:g} and {high} = {now[high]:g}: the first must be the smaller one"
            )


def rules_table(name: str, changes: Mapping[str, float] | None = None) -> Mapping[str, Any]:
    """
    Give a table with what a study changes in it.

    Parameters
    ----------
    name : file below ``tables/``, without ending.
    changes : key in the study file -> value, of `check_rules`; those of other tables are left out.

    Returns
    -------
    The table as TOML; the package's own when nothing changes. Treat it as read-only.

    Examples
    --------
    >>> rules_table("priors", {"sector_weights.water": 2.0})["aggregate"]["water"]
    2.0
    """
    rules = all_rules()
    own = {key: value for key, value in (changes or {}).items() if rules[key].table == name}
    table = read_table(name)
    if not own:
        return table
    table = copy.deepcopy(table)
    for key, value in own.items():
        *outer, last = rules[key].path
        place: Any = table
        for step in outer:
            place = (
                next(row for row in place if row["id"] == step)
                if isinstance(place, list)
                else place[step]
            )
        place[last] = value
    return table


def changed_rules(changes: Mapping[str, float]) -> dict[str, Rule]:
    """
    Give every rule as a study has it.

    Parameters
    ----------
    changes : key in the study file -> value.

    Returns
    -------
    Key -> rule; what the study sets has the mark U.

    Examples
    --------
    >>> changed_rules({"readings.short": 0.5})["readings.short"].mark
    'U'
    """
    return {
        key: replace(rule, value=changes[key], mark="U", citation="study file")
        if key in changes
        else rule
        for key, rule in all_rules().items()
    }
