"""Refusals: what is wrong with a key of a study file, in the words of planners and not of the checker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kcity_geo.parameters import nearest_name, percent_mend

__all__ = ["refusal"]

#: Kind of fault -> what is said of the value; {..} are limits of the key.
_WORDS: Mapping[str, str] = {
    "float_type": "is no number; give one, without quotes",
    "float_parsing": "is no number; give one, without quotes",
    "int_type": "is no whole number; give one, without quotes",
    "int_from_float": "is no whole number; give one",
    "bool_type": "is neither true nor false; give one of them, without quotes",
    "string_type": "is no text; put it in quotes",
    "tuple_type": 'is no list; put it in brackets, ["…"]',
    "list_type": "is no list; put it in brackets, [ ]",
    "dict_type": "is no table of keys with values",
    "finite_number": "is no finite number",
    "greater_than": "is too small; give more than {gt:g}",
    "greater_than_equal": "is too small; give {ge:g} or more",
    "less_than": "is too large; give less than {lt:g}",
    "less_than_equal": "is too large; give {le:g} or less",
    "literal_error": "is none of {expected}",
    "string_too_short": "is empty; give a text",
    "string_too_long": "is longer than {max_length} letters",
    "too_short": "is empty; give at least {min_length}",
    "string_pattern_mismatch": "is no id: letters a to z, digits and _, a letter first; other words belong into title",
}
#: Names of the branches that a value may take, which are no keys.
_BRANCHES = {"float", "int", "bool", "str"}
_MOST_NAMED = 3


def refusal(error: ValidationError, model: type[BaseModel], *, under: str = "") -> str:
    """
    Say the first fault of a table in one line.

    Parameters
    ----------
    error : of the check.
    model : that refused.
    under : where its keys stand in a study file, such as ``suitability.sites``.

    Returns
    -------
    Key, value and what to do.

    Examples
    --------
    >>> from kcity_geo.suitability_keys import SitesSection
    >>> try:
    ...     SitesSection(methd="grow")
    ... except ValidationError as error:
    ...     refusal(error, SitesSection, under="suitability.sites")
    "suitability.sites.methd: unknown key; did you mean 'method'?"
    """
    # A mistaken key is why another is missing.
    errors = error.errors()
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    place = _keys(first)
    others = [keys for keys in dict.fromkeys(_keys(one) for one in errors) if keys != place]
    where = _path(place, under)
    if first["type"] == "extra_forbidden":
        text = f"unknown key{nearest_name(str(place[-1]), _known(model, place[:-1]))}"
    else:
        text = _said(first, where)
    rest = _others([_path(keys, under) for keys in others])
    return (
        f"{text}{rest}" if text.startswith(where) or where == "file" else f"{where}: {text}{rest}"
    )


def _others(places: list[str]) -> str:
    """Name what else is wrong, a few of it."""
    if not places:
        return ""
    shown = ", ".join(f"{place:.80}" for place in places[:_MOST_NAMED])
    more = len(places) - _MOST_NAMED
    return f" (also wrong: {shown}{f' and {more} others' if more > 0 else ''})"


def _path(keys: tuple[int | str, ...], under: str) -> str:
    """Say where a value stands; people count the tables of a list from one."""
    parts = [str(part + 1) if isinstance(part, int) else part for part in keys]
    return ".".join([*([under] if under else []), *parts]) or "file"


def _keys(one: ErrorDetails) -> tuple[int | str, ...]:
    """Give the keys that lead to a fault; names that the checker puts between them are none, but an unknown key is."""
    own = len(one["loc"]) - 1 if one["type"] == "extra_forbidden" else -1
    return tuple(
        part
        for i, part in enumerate(one["loc"])
        if i == own or not (isinstance(part, str) and (part in _BRANCHES or "[" in part))
    )


def _said(one: ErrorDetails, where: str) -> str:
    kind, value, limits = one["type"], one.get("input"), one.get("ctx", {})
    if kind == "value_error":
        return str(limits["error"])
    if kind == "missing":
        return "is missing; give it"
    if kind in {"model_type", "model_attributes_type"}:
        return f"{value!r:.60} is no table; write its keys under [{where}]"
    words = _WORDS.get(kind)
    if words is None:
        return f"{one['msg']}, not {value!r:.80}"
    text = f"{value!r:.80} {words.format_map(limits)}"
    if limits.get("le") == 1 and isinstance(value, int | float) and (mend := percent_mend(value)):
        text = f"{text}; a share is needed{mend}"
    return text


def _known(model: Any, place: tuple[int | str, ...]) -> list[str]:  # noqa: ANN401 - of an annotation
    for part in (p for p in place if isinstance(p, str)):
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        if field is None:
            return []
        model = next(iter(get_args(field.annotation)), field.annotation)
    return [k for k in getattr(model, "model_fields", {}) if k not in {"folder", "place"}]
