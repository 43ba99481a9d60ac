"""The ledger: every number of a study with its unit, formula, inputs and parameters, to be checked again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.fingerprint import code_sha256, sha256_of_file, table_sha256
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.assumptions import assumption_rows
from kcity_geo.outputs.claims import FORMULAS, Claim, claims
from kcity_geo.outputs.ledger_inputs import (
    cell_rules,
    inputs_of,
    inputs_of_formula,
    own_outlines,
)
from kcity_geo.outputs.shown_numbers import PAPERS, shown_numbers
from kcity_geo.outputs.text import plain_text
from kcity_geo.plan_sheets import PlanSheets
from kcity_geo.result import Result

__all__ = [
    "LEDGER_FILE",
    "LEDGER_FORMAT",
    "file_sha256",
    "formulas_of",
    "ledger_sha256",
    "parameters_of",
    "save_ledger",
    "write_ledger",
]

LEDGER_FILE = "ledger.json"
LEDGER_FORMAT = "kcity_geo ledger 3"
#: Formulas of what is stated and not computed from files.
_STATED = ("parameter", "rule")


def _formulas(result: Result, inputs: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """Say how the numbers are computed, from which inputs and parameters."""
    assumed = assumption_rows(result)
    found: dict[str, dict[str, Any]] = {}
    for one in result.gaps.assessed:
        about = indicator_rows().get(one.id)
        if about is None:
            continue
        keys = [r["key"] for r in assumed if one.id.partition("_")[0] in str(r["used_by"])]
        found[one.id] = {
            "words": about.formula,
            "source": plain_text(one.source),
            "as_of": plain_text(one.as_of),
            "layers": list(one.layers),
            "parameters": keys,
        }
    told = read_table("display")["ledger"]
    for name in FORMULAS:
        found[name] = {"words": told[name]}
    found["gap_model"]["tables"] = ["evidence.toml", "priors.toml", "readings.toml"]
    found["suitability"]["weights"] = {c.id: c.weight_used for c in result.score.criteria}
    found["suitability"]["tables"] = [
        "suitability/criteria.toml",
        "suitability/profiles.toml",
        "suitability/sites.toml",
    ]
    found["site"]["tables"] = ["columns.toml"]
    found["rule"]["tables"] = ["recommendations.toml"]
    for name, told_of in found.items():
        if name not in _STATED:
            told_of["inputs"] = inputs_of_formula(result, name, inputs)
    return found | formulas_of(result.plan)


def formulas_of(plan: PlanSheets | None) -> dict[str, dict[str, Any]]:
    """
    Say how the numbers of a plan are computed.

    Parameters
    ----------
    plan : as it is written down; None: a study without one, which still names the formula of plans.

    Returns
    -------
    Formula -> words, keys of parameters and tables; ``plan`` is that of its sentences.
    """
    words = {"words": read_table("display")["ledger"]["plan"]}
    own = {} if plan is None else {key: dict(row) for key, row in plan.formulas.items()}
    return {"plan": words | {"tables": ["planning.toml", "costs.toml"]}} | own


def parameters_of(plan: PlanSheets | None) -> list[dict[str, Any]]:
    """
    Give the parameters of a plan as a ledger tells them.

    Parameters
    ----------
    plan : as it is written down; None: none.

    Returns
    -------
    Rows with ``key, value, unit, origin, mark``.
    """
    rows = () if plan is None else plan.parameters
    return [{k: plain_text(v) if isinstance(v, str) else v for k, v in row.items()} for row in rows]


def file_sha256(folder: Path) -> dict[str, str]:
    """
    Take the checksum of each file of a study, but for its ledger.

    Parameters
    ----------
    folder : of the study.

    Returns
    -------
    Path below the folder -> hexadecimal digest, in order.
    """
    return {
        path.relative_to(folder).as_posix(): sha256_of_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != LEDGER_FILE
    }


def ledger_sha256(ledger: Mapping[str, Any]) -> str:
    """
    Take the checksum of what a ledger says, which stands in it as ``ledger_sha256``.

    Parameters
    ----------
    ledger : as read from its file; the checksum itself is left out.

    Returns
    -------
    Hexadecimal digest; spaces and the order of keys do not matter.

    Examples
    --------
    >>> told = {"claims": [1.5]}
    >>> ledger_sha256(told | {"ledger_sha256": "x"}) == ledger_sha256(told)
    True
    """
    told = {key: value for key, value in ledger.items() if key != "ledger_sha256"}
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def save_ledger(result: Result, folder: Path) -> None:
    """
    Write ``ledger.json`` beside the other files of a study, as the last of them.

    Parameters
    ----------
    result : a finished study.
    folder : that holds its files.
    """
    inputs = inputs_of(result.data.provenance)
    inputs += own_outlines(result.study, [row["id"] for row in inputs])
    write_ledger(
        folder,
        of="study",
        claims=claims(result),
        rules=cell_rules(result),
        inputs=inputs,
        parameters=[
            *(
                {k: plain_text(row[k]) for k in ("key", "value", "unit", "origin", "mark")}
                for row in assumption_rows(result)
            ),
            *parameters_of(result.plan),
        ],
        crs=plain_text(result.data.city.crs.name),
        cell_m=result.study.study.cell_m,
        seed=result.study.study.seed,
        formulas=_formulas(result, inputs),
    )


def write_ledger(folder: Path, *, of: str, claims: list[Claim], **about: object) -> None:
    """
    Write a ledger, with the numbers that the papers of the folder show and the checksums of its files.

    Parameters
    ----------
    folder : that holds all other files.
    of : ``"study"``, ``"plan"`` or ``"comparison"``.
    claims : rows with ``id, value, unit, formula``.
    **about : what the numbers were made from, JSON values.
    """
    try:
        package = version("kcity_geo")
    except PackageNotFoundError:
        package = "not installed"
    told = {
        "format": LEDGER_FORMAT,
        "of": of,
        "version": package,
        "code_sha256": code_sha256(),
        "tables": table_sha256(),
        **about,
        "claims": claims,
        "shown": {
            name: shown_numbers(folder / name) for name in PAPERS if (folder / name).is_file()
        },
        "files": file_sha256(folder),
    }
    told["ledger_sha256"] = ledger_sha256(told)
    text = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # A line a claim: differences of two ledgers can be read.
    text = text.replace('},{"id":', '},\n{"id":')
    (folder / LEDGER_FILE).write_text(text + "\n", encoding="utf-8", newline="\n")
