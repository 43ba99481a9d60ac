"""Dossiers of sites as they are handed over: GeoJSON, sheets of a workbook, and tables of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import geopandas as gpd
import pandas as pd

from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.languages import name, tell, translated
from kcity_geo.outputs.scores import score_words
from kcity_geo.outputs.text import human, plain_text
from kcity_geo.result import Dossiers, Result

__all__ = ["DossierRow", "dossier_layers", "dossier_sheets", "report_dossiers"]


#: Topics whose words are names of what lies near.
_NAMED = ("connections", "nature")


class DossierRow(NamedTuple):
    """
    A line of a dossier in the report.

    Parameters
    ----------
    topic, title, value, basis : words; `topic` only on its first line.
    """

    topic: str
    title: str
    value: str
    basis: str


def dossier_layers(result: Result) -> list[tuple[str, gpd.GeoDataFrame, str, str]]:
    """
    Give the dossiers as layers: outlines with a column a fact, and the lines that connect them.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Name of the file, features, column of their ids, and what it holds; none without dossiers.
    """
    found = result.dossiers
    if found is None or not len(found.facts):
        return []
    wide = found.wide().rename_axis("site_id").reset_index()
    for column in wide.columns.drop("site_id"):
        as_number = pd.to_numeric(wide[column], errors="coerce")
        if as_number.notna().equals(wide[column].notna()):
            wide[column] = as_number.astype(float)
    labels = dict(zip(found.facts["site_id"], found.facts["label"], strict=True))
    wide.insert(1, "label", wide["site_id"].map(labels))
    shapes = result.sites.set_index("site_id").geometry.reindex(wide["site_id"])
    outlines = gpd.GeoDataFrame(wide, geometry=shapes.to_numpy(), crs=result.sites.crs)
    layers = [
        (
            "dossiers",
            outlines,
            "site_id",
            "dossiers of the sites; empty: not known, or to be filled in",
        )
    ]
    lines = found.connections[found.connections.geometry.notna()].copy()
    if len(lines):
        lines["id"] = lines["site_id"] + "-" + lines["connection"]
        layers.append(("connections", lines, "id", "lines from the sites to what exists"))
    return layers


def dossier_sheets(found: Dossiers) -> dict[str, pd.DataFrame]:
    """
    Give the dossiers as tables.

    Parameters
    ----------
    found : of the sites.

    Returns
    -------
    Name of the sheet -> table.
    """
    return {
        "dossiers": _in_words(found.facts),
        "connections": pd.DataFrame(found.connections.drop(columns="geometry")),
        "red flags": found.flags,
    }


def report_dossiers(result: Result) -> dict[str, dict[str, list[DossierRow] | list[str]]]:
    """
    Give the dossiers in words.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Label of the site -> ``rows`` and ``flags``; empty without dossiers.
    """
    found = result.dossiers
    if found is None:
        return {}
    told: dict[str, dict[str, list[DossierRow] | list[str]]] = {}
    for label in dict.fromkeys(found.facts["label"]):
        facts = _in_words(found.facts[found.facts["label"] == label])
        rows, topic = [], ""
        for row in facts.to_dict("records"):
            new = "" if row["topic"] == topic else row["topic"]
            topic = row["topic"]
            rows.append(
                DossierRow(
                    translated(new.capitalize()),
                    translated(plain_text(row["title"])),
                    _value(row, f"site.{plain_text(label)}.dossier.{row['item']}"),
                    cited(_basis(row), f"site.{plain_text(label)}.dossier.{row['item']}.basis"),
                )
            )
        mine = found.flags[found.flags["label"] == label]["flag"]
        told[str(label)] = {
            "rows": rows,
            "flags": [
                cited(translated(plain_text(text)), f"site.{plain_text(label)}.flag.{number}")
                for number, text in enumerate(mine, start=1)
            ],
        }
    return told


def _in_words(facts: pd.DataFrame) -> pd.DataFrame:
    """Put the value function of each criterion into words, in the unit of the criterion."""
    units = dict(zip(facts["item"], facts["unit"], strict=True))
    basis = [
        "; ".join(
            score_words(part, units.get(f"criterion_{_criterion_of(item)}", ""))
            for part in text.split("; ")
        )
        if topic == "criteria"
        else text
        for topic, item, text in zip(facts["topic"], facts["item"], facts["basis"], strict=True)
    ]
    return facts.assign(basis=basis)


def _criterion_of(item: str) -> str:
    return item.removeprefix("criterion_").removesuffix("_score")


def _basis(row: Mapping[Any, Any]) -> str:
    """Say what a line rests on; how a criterion is scored is in words already."""
    basis = plain_text(row["basis"])
    return basis if row["topic"] == "criteria" else translated(basis)


def _value(row: Mapping[Any, Any], key: str) -> str:
    """Write number and words; an open line is left blank so that somebody writes on it."""
    if row["topic"] == "to fill":
        return "…………"
    number = float(str(row["value"]))
    words = plain_text(row["text"])
    # A mapped thing without a name of its own is called by its kind, in small letters.
    own = row["topic"] in _NAMED and not words[:1].islower()
    words = name(words) if own else translated(words)
    if not math.isfinite(number):
        return cited(words, f"{key}.words") or tell("not_known")
    words = cited(words, f"{key}.words")
    shown = cited(human(number, str(row["unit"])), key)
    return tell("value_words", value=shown, words=words) if words else shown
