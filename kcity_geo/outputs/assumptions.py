"""The assumptions that a study rests on, from the rows of parameters that it used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcity_geo.layer_tags import tags_in_words
from kcity_geo.outputs.text import plain_text
from kcity_geo.parameters import PARAMETER_SECTORS, Parameter, all_parameters
from kcity_geo.result import Result
from kcity_geo.rules import changed_rules
from kcity_geo.settings import settings_of
from kcity_geo.standards import load_standards
from kcity_geo.studyfile import Study

__all__ = ["assumption_rows", "parameter_rows"]


def assumption_rows(result: Result) -> list[dict[str, str]]:
    """
    List the parameters and the rules of the gap model that a study used, and the standards that it sets.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    A row a parameter that an assessed indicator, the people or the suitability rests on: ``key,
    value, unit, origin`` (official, study file, default), ``mark`` (U: the user's), ``citation``,
    ``used_by`` and ``note``.
    """
    assessed = {one.id for one in result.gaps.assessed if not one.not_assessed}
    used = assessed | {key.partition("_")[0] for key in assessed} | {"suitability", "population"}
    rows = []
    for row in all_parameters().values():
        # A row without uses is one of the user's own: it is told as well.
        if row.used_by and not used & set(row.used_by):
            continue
        rows.append(_told(row, *_value(result, row)))
    rows += [
        _told(row, row.value, "study file" if row.mark == "U" else "default")
        for row in changed_rules(result.study.rules).values()
    ]
    return (
        rows
        + _standards(result.study)
        + [
            {
                "key": key,
                "value": plain_text(words),
                "unit": "",
                "origin": "study file",
                "mark": "U",
                "citation": "study file",
                "used_by": "map layers",
                "note": "which tags belong to the layer",
            }
            for key, words in tags_in_words(result.study.tags).items()
        ]
    )


def parameter_rows(study: Study | None = None) -> list[dict[str, Any]]:
    """
    List everything that a study file may set of parameters and of the gap model.

    Parameters
    ----------
    study : whose values are told; None: the defaults.

    Returns
    -------
    A row a parameter: ``key, value, unit, range, used_by, note, mark`` (U: set in the study file),
    ``citation``.

    Examples
    --------
    >>> rows = parameter_rows(Study(water={"lpcd": 150}))
    >>> next((r["value"], r["mark"]) for r in rows if r["key"] == "water.lpcd")
    (150, 'U')
    """
    study = study or Study()
    told: list[tuple[Parameter, Any, bool]] = []
    for row in all_parameters().values():
        value, origin = _set_in(study, row)
        told.append((row, value, origin != "default"))
    told += [(rule, rule.value, rule.mark == "U") for rule in changed_rules(study.rules).values()]
    return [
        {
            "key": ", ".join(row.keys),
            "value": value if isinstance(value, int | float | str) else str(value),
            "unit": row.unit,
            "range": row.range_words,
            "used_by": ", ".join(row.used_by),
            "note": row.note,
            "mark": "U" if own else row.mark,
            "citation": "study file" if own else row.citation,
        }
        for row, value, own in told
    ] + [
        {
            "key": key,
            "value": words,
            "unit": "tags",
            "range": "",
            "used_by": "map layers",
            "note": "which tags belong to the layer",
            "mark": "U",
            "citation": "study file",
        }
        for key, words in tags_in_words(study.tags).items()
    ]


def _standards(study: Study) -> list[dict[str, str]]:
    """Tell the targets, worst values and weights of indicators that a study sets."""
    known = load_standards()
    return [
        {
            "key": f"standards.{name}.{field}",
            "value": _words(value),
            "unit": known[name].unit if field in {"target", "worst"} else "share",
            "origin": "study file",
            "mark": "U",
            "citation": "study file",
            "used_by": name,
            "note": f"instead of {_words(getattr(known[name], field))}",
        }
        for name, changes in study.standards.items()
        for field, value in changes.items()
    ]


def _told(row: Parameter, value: object, origin: str) -> dict[str, str]:
    default = origin == "default"
    return {
        "key": ", ".join(row.keys),
        "value": _words(value),
        "unit": row.unit,
        "origin": origin,
        "mark": row.mark if default else "U",
        "citation": plain_text(row.citation) if default else origin,
        "used_by": ", ".join(row.used_by),
        "note": plain_text(row.note),
    }


def _value(result: Result, row: Parameter) -> tuple[Any, str]:
    official = result.data.official.get(row.official) if row.official else None
    if official is not None:
        return official, "official"
    return _set_in(result.study, row)


def _set_in(study: Study, row: Parameter) -> tuple[Any, str]:
    sector = row.sectors[0]
    outer, _, inner = PARAMETER_SECTORS[sector].partition(".")
    section = getattr(study, outer)
    changes: Mapping[str, Any] = getattr(section, inner) if inner else section
    settings = settings_of(sector, {k: v for k, v in changes.items() if k != "network"})
    return settings[row.id], settings.origin(row.id)


def _words(value: Any) -> str:  # noqa: ANN401 - numbers, words, lists, tables
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_words(item) for item in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A year has no thousands.
        return f"{value:.10g}"
    return plain_text(value)
