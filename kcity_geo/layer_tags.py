"""
Layer tags: what a study file changes in ``tables/osm.toml``, which tags belong to which layer.

``[tags.health]`` adds rules to a layer (``also``) or replaces them (``rules``); ``[[tags.read_as]]``
reads a local tag as the usual one, so that all that follows knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.parameters import nearest_name

__all__ = ["check_tags", "layer_rules_table", "tags_in_words"]

_READ_AS = "read_as"
_KINDS = ("point", "line", "polygon")
_LONGEST = 255


def check_tags(changes: object) -> None:
    """
    Refuse what cannot be changed in the tags of layers.

    Parameters
    ----------
    changes : table ``[tags]`` of a study file.

    Raises
    ------
    StudyError
        If a layer does not exist or a rule is none; the message names the key.

    Examples
    --------
    >>> check_tags({"health": {"also": [{"amenity": ["dispensary"]}]}})
    """
    if not isinstance(changes, Mapping):
        raise StudyError(f"tags: {changes!r} is not a table")
    layers = {row["id"]: row for row in read_table("osm")["layer"] if row["rules"]}
    for name, table in changes.items():
        key = f"tags.{name}"
        if name == _READ_AS:
            _check_read_as(table, key=key)
            continue
        if name not in layers:
            raise StudyError(f"{key}: no such layer{nearest_name(name, [*layers, _READ_AS])}")
        _check_layer(table, key=key, kinds=_kinds(layers[name]))


def _check_layer(table: object, *, key: str, kinds: tuple[str, ...]) -> None:
    if not isinstance(table, Mapping):
        raise StudyError(f"{key}: {table!r} is not a table with also or rules")
    if set(table) == {"also", "rules"}:
        raise StudyError(f"{key}: has also and rules; rules replaces all, also adds: give one")
    for way, rules in table.items():
        if way not in {"also", "rules"}:
            raise StudyError(f"{key}.{way}: no such key{nearest_name(way, ['also', 'rules'])}")
        if not isinstance(rules, list) or not rules:
            raise StudyError(f'{key}.{way}: needs a list like [{{ amenity = ["clinic"] }}]')
        for rule in rules:
            _check_rule(rule, key=f"{key}.{way}", kinds=kinds)


def _kinds(layer: Mapping[str, Any]) -> tuple[str, ...]:
    given = {kind for rule in layer["rules"] for kind in rule.get("geometry", ())}
    return tuple(kind for kind in _KINDS if kind in given | set(layer["geometry"]))


def _check_rule(rule: object, *, key: str, kinds: tuple[str, ...]) -> None:
    if not isinstance(rule, Mapping):
        raise StudyError(f'{key}: {rule!r} is no rule; give one like {{ amenity = ["clinic"] }}')
    tags = {name: values for name, values in rule.items() if name not in {"not", "geometry"}}
    if not tags:
        raise StudyError(f'{key}: {dict(rule)!r} names no tag; give one like amenity = ["clinic"]')
    unless = rule.get("not", {})
    if not isinstance(unless, Mapping):
        raise StudyError(f'{key}.not: needs a table like {{ access = ["private"] }}')
    for name, values in (*tags.items(), *unless.items()):
        if not _is_word(name):
            raise StudyError(
                f'{key}: {name!r} is no key of a tag; give one like amenity = ["clinic"]'
            )
        if not isinstance(values, list) or not values or not all(map(_is_word, values)):
            raise StudyError(
                f'{key}.{name}: needs a list of values like ["clinic"], not {values!r}'
            )
    geometry = rule.get("geometry", list(kinds))
    if not isinstance(geometry, list) or not geometry or not set(geometry) <= set(kinds):
        raise StudyError(f"{key}.geometry: {geometry!r}; this layer takes {', '.join(kinds)}")


def _check_read_as(rows: object, *, key: str) -> None:
    like = '{ when = { amenity = "dispensary" }, set = { amenity = "clinic" } }'
    if not isinstance(rows, list) or not rows:
        raise StudyError(f"{key}: needs rows like {like}")
    for row in rows:
        whole = isinstance(row, Mapping) and set(row) == {"when", "set"}
        tables = [row["when"], row["set"]] if whole else []
        if not tables or not all(
            isinstance(t, Mapping) and t and all(map(_is_word, (*t, *t.values()))) for t in tables
        ):
            raise StudyError(f"{key}: {row!r} is no row like {like}")
        if any("*" in word for table in tables for word in (*table, *table.values())):
            raise StudyError(
                f"{key}: {row!r} has a *; one value is read as another: write a row for each value"
            )


def _is_word(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST


def layer_rules_table(changes: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """
    Give ``tables/osm.toml`` with what a study changes in it.

    Parameters
    ----------
    changes : table ``[tags]`` of a study file, as `check_tags` takes it.

    Returns
    -------
    The table as TOML; treat it as read-only.

    Examples
    --------
    >>> table = layer_rules_table({"toilets": {"also": [{"building": ["toilets"]}]}})
    >>> next(row["rules"] for row in table["layer"] if row["id"] == "toilets")
    [{'amenity': ['toilets']}, {'building': ['toilets']}]
    """
    table = read_table("osm")
    if not changes:
        return table
    layers = []
    for row in table["layer"]:
        change = changes.get(row["id"], {})
        rules = [*change.get("rules", row["rules"]), *change.get("also", ())]
        layers.append({**row, "rules": rules})
    return {**table, "layer": layers, "old_tag": [*table["old_tag"], *changes.get(_READ_AS, ())]}


def tags_in_words(changes: Mapping[str, Any]) -> dict[str, str]:
    """
    Say what a study changes in the tags of layers.

    Parameters
    ----------
    changes : table ``[tags]`` of a study file, as `check_tags` takes it.

    Returns
    -------
    Key of the study file -> the tags in words.

    Examples
    --------
    >>> tags_in_words({"health": {"also": [{"amenity": ["dispensary", "nursing_home"]}]}})
    {'tags.health.also': 'amenity=dispensary or nursing_home'}
    """
    found = {}
    for name, table in changes.items():
        if name == _READ_AS:
            rows = (f"{_pairs(row['when'])} read as {_pairs(row['set'])}" for row in table)
            found[f"tags.{name}"] = "; ".join(rows)
            continue
        for way, rules in table.items():
            found[f"tags.{name}.{way}"] = "; ".join(_rule_in_words(rule) for rule in rules)
    return found


def _pairs(tags: Mapping[str, str]) -> str:
    return " and ".join(f"{key}={value}" for key, value in tags.items())


def _rule_in_words(rule: Mapping[str, Any]) -> str:
    tags = {k: " or ".join(v) for k, v in rule.items() if k not in {"not", "geometry"}}
    unless = {k: " or ".join(v) for k, v in rule.get("not", {}).items()}
    words = _pairs(tags) + (f", not {_pairs(unless)}" if unless else "")
    return words + (f" ({', '.join(rule['geometry'])})" if "geometry" in rule else "")
