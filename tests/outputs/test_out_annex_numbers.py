"""Each number of the evidence annex stands in the ledger of its study, under the id beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kcity_geo.programme.blocks import Table
from kcity_geo.programme.model import check_application
from kcity_geo.programme.papers import Subject, make_paper
from kcity_geo.sources.local.study_folder import open_study

#: Columns of the table of levels, in the order in which the note below it names them.
COLUMNS = (
    "people_falls_short", "people_probably_falls_short", "people_cannot_tell", "people_not_assessed",
    "people_partly_short", "people_adequate", "gap_raw",
)  # fmt: skip
NUMBER = re.compile(r"-?[\d,]+(\.\d+)?")


def numbers(table: Table):
    """Id and text of each number that has an id."""
    for row in table.rows:
        name = row[-1]
        if name.endswith(".*.city"):
            yield from ((name.replace("*", k), v) for k, v in zip(COLUMNS, row[1:], strict=False))
            low, _, high = row[8].rstrip("%").partition("~")
            yield from ((name.replace("*", k), v) for k, v in (("gap_lo", low), ("gap_hi", high)))
        elif re.match(r"(site|survey)\.\d", name):
            yield name, next(cell for cell in row[-2:0:-1] if NUMBER.fullmatch(cell))


def as_shown(name: str, value: float) -> float:
    return 100 * value if re.search(r"\.(gap_\w+|score)", name) else value


def room(text: str, value: float) -> float:
    """How far a text may be from its number: half of its last figure, and what the facts round before."""
    figures = len(text.partition(".")[2])
    whole = len(str(abs(round(value)))) - 3
    return 0.5 * 10 ** (-figures if figures else max(0, whole)) + 0.051


def test_each_number_of_the_annex_stands_in_the_ledger(coarse_saved) -> None:
    _, folder = coarse_saved
    claims = json.loads((Path(folder) / "ledger.json").read_text(encoding="utf-8"))["claims"]
    known = {claim["id"]: claim["value"] for claim in claims}
    study = open_study(folder)
    about = Subject(
        application=check_application({"programme": {"year": 2026}}),
        facts=study.facts,
        sha256=study.sha256,
    )
    seen = 0
    for block in make_paper("evidence_annex", about, "ko").blocks:
        for name, text in numbers(block) if isinstance(block, Table) else ():
            if text in {"–", ""}:
                continue
            value = as_shown(name, known[name])
            shown = float(text.replace(",", "").rstrip("%"))
            assert shown == pytest.approx(value, abs=room(text, value)), name
            seen += 1
    assert seen > len(study.facts.levels) * 5 + len(study.facts.sites) * 3
