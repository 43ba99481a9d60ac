"""Papers of an application: each of their numbers stands in the ledger of the study, under the id beside it."""

from __future__ import annotations

import json
import re

import pytest

from kcity_geo.programme.blocks import Block, Table
from kcity_geo.programme.draft import draft_application
from kcity_geo.programme.papers import Subject, make_paper
from kcity_geo.sources.local.study_folder import open_study

#: Columns of people in the table of readings, in the order in which the annex names them below it.
PEOPLE = (
    "falls_short", "probably_falls_short", "cannot_tell", "not_assessed", "partly_short", "adequate",
)  # fmt: skip
SHARES = ("gap_raw", "gap_lo", "gap_hi")


@pytest.fixture(scope="module")
def told(coarse_saved):
    """Blocks of the annex, and the numbers of the ledger by their id."""
    folder = coarse_saved[1]
    study = open_study(folder)
    about = Subject(
        application=draft_application(study.facts, 2026), facts=study.facts, sha256=study.sha256
    )
    ledger = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    claims = {row["id"]: row["value"] for row in ledger["claims"]}
    return make_paper("evidence_annex", about, "en").blocks, claims, study.facts


def tables(blocks: tuple[Block, ...], head: str) -> list[Table]:
    return [b for b in blocks if isinstance(b, Table) and b.columns and b.columns[-1] == head]


def shown(text: str) -> float:
    return float(re.sub(r"[^\d.]", "", text))


def same(text: str, value: float) -> bool:
    """Equal but for what a paper rounds: three figures of people, two decimals, whole points of 100."""
    return abs(shown(text) - value) <= max(0.005 * abs(value), 0.005) + 0.5 * (abs(value) >= 1)


def test_each_number_of_a_sector_is_the_one_of_the_ledger(told) -> None:
    blocks, claims, facts = told
    rows = tables(blocks, "Id")[0].rows
    assert len(rows) == len(facts.levels) > 0
    seen = 0
    for row in rows:
        stem = row[-1]
        assert stem.endswith(".*.city")
        for name, cell in zip(PEOPLE, row[1:7], strict=True):
            value = claims[stem.replace("*", f"people_{name}")]
            if re.search(r"\d", cell):
                assert same(cell, value), (stem, name)
                seen += 1
        for name, cell in zip(SHARES, re.findall(r"\d+", " ".join(row[7:9])), strict=False):
            assert abs(int(cell) - 100 * claims[stem.replace("*", name)]) <= 0.5 + 1e-9
            seen += 1
    assert seen > len(rows)
    assert facts.population == pytest.approx(claims["population.city"])


def test_each_number_of_a_site_and_of_a_task_is_the_one_of_the_ledger(told) -> None:
    blocks, claims, facts = told
    found = tables(blocks, "Id in ledger.json")
    seen = 0
    for table in found:
        for row in table.rows:
            if not row[-1] or not re.search(r"\d", row[-2]):
                continue
            value = claims[row[-1]] * (100 if row[-1].endswith(".score") else 1)
            assert same(row[-2], value), row
            seen += 1
    assert seen >= 2 * len(facts.sites) + len(facts.tasks) > 0
