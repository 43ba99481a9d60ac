"""Schema: every parameter, rule and layer as keys of the JSON Schema of a study file."""

from __future__ import annotations

from typing import Any

from kcity_geo.config import read_table
from kcity_geo.parameters import PARAMETER_SECTORS, Parameter, all_parameters
from kcity_geo.rules import RULE_SECTIONS, all_rules

__all__ = ["with_rows"]


def with_rows(schema: dict[str, Any]) -> dict[str, Any]:
    """
    Put the rows of the tables into the schema of the sections: keys, units, ranges, defaults.

    Parameters
    ----------
    schema : of the study file; it is filled in place.

    Returns
    -------
    The same schema.
    """
    rows = all_parameters().values()
    for sector, section in (*PARAMETER_SECTORS.items(), ("shared", "shared")):
        outer, _, inner = section.partition(".")
        table = schema["properties"][outer]
        if inner:
            table = schema["$defs"]["SuitabilitySection"]["properties"][inner]
        keys = {
            name: _parameter_schema(row)
            for row in rows
            if sector in row.sectors or (sector == "shared" and len(row.sectors) > 1)
            for name in (row.id, *([row.aliases[sector]] if sector in row.aliases else []))
        }
        if section == "transport":
            keys["network"] = {"type": "object", "description": "changes to tables/network.toml"}
        table["properties"], table["additionalProperties"] = keys, False
    schema["properties"]["tags"] |= _tags_schema()
    for section in RULE_SECTIONS:
        schema["properties"][section] |= _rules_schema(section)
    return schema


def _tags_schema() -> dict[str, Any]:
    """Give the layers whose tags can be changed."""
    values = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    words = {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}
    rule = {
        "type": "object",
        "properties": {"not": {"type": "object", "additionalProperties": values}},
        "additionalProperties": values,
    }
    rules = {"type": "array", "items": rule, "minItems": 1}
    keys: dict[str, Any] = {
        row["id"]: {
            "type": "object",
            "description": row["title"],
            "properties": {"also": rules, "rules": rules},
            "additionalProperties": False,
        }
        for row in read_table("osm")["layer"]
        if row["rules"]
    }
    row = {
        "type": "object",
        "properties": {"when": words, "set": words},
        "required": ["when", "set"],
        "additionalProperties": False,
    }
    keys["read_as"] = {"type": "array", "items": row, "minItems": 1}
    return {"properties": keys, "additionalProperties": False}


def _rules_schema(section: str) -> dict[str, Any]:
    """Give the keys of a section that holds rules, at any depth."""
    root: dict[str, Any] = {"properties": {}, "additionalProperties": False}
    for key, rule in all_rules().items():
        outer, *tables, name = key.split(".")
        place = root
        for table in tables if outer == section else ():
            place = place["properties"].setdefault(
                table, {"type": "object", "properties": {}, "additionalProperties": False}
            )
        if outer == section:
            place["properties"][name] = _parameter_schema(rule)
    return root


def _parameter_schema(row: Parameter) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if row.min is not None:
        limits["minimum"] = row.min
    if row.max is not None:
        limits["maximum"] = row.max
    one: dict[str, Any] = {"type": "number", **limits}
    like = row.value[0] if isinstance(row.value, list) else row.value
    if isinstance(like, str):
        one = {"type": "string", **({"enum": list(row.choices)} if row.choices else {})}
    elif isinstance(like, int):
        one["type"] = "integer"
    about = "; ".join(part for part in (row.unit, row.note) if part)
    if isinstance(row.value, dict):
        keys = {key: {"type": "number", **limits} for key in row.value}
        one = {"type": "object", "properties": keys, "additionalProperties": False}
    elif isinstance(row.value, list):
        one = {"type": "array", "items": one, "minItems": 1}
    return {**one, "description": about, "default": row.value}
