"""A note says whether a value is official, from the study file or a default, and never one for another."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace

import pytest

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.registry import assess_rows
from kcity_geo.indicators import INDICATOR_SECTORS
from kcity_geo.notes import muted
from kcity_geo.parameters import parameters_of
from kcity_geo.study import load
from kcity_geo.studyfile import check_study

_DEFAULT = re.compile(r"\bdefaults?\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def notes_of(hanbit_town):
    """Give indicator -> note of the town with some sections of its study file changed."""
    raw = tomllib.loads((hanbit_town / "study.toml").read_text(encoding="utf-8"))
    raw["study"]["cell_m"] = 500
    with muted():
        data = load(check_study(raw, folder=hanbit_town))

    def notes(official, **sections) -> dict[str, str]:
        given = {k: v for k, v in data.official.items() if k in official}
        study = check_study({**raw, "official": given, **sections}, folder=hanbit_town)
        changed = replace(data, study=study, official=given)
        found = {}
        with muted():
            for sector in INDICATOR_SECTORS:
                found |= {i.id: i.note for i in assess_rows(model_of(changed), sector)}
        return found

    return notes


def test_no_own_value_is_called_a_default(notes_of):
    """Every parameter set in the study file, to what it is anyway: no number changes, its origin does."""
    own = {
        sector: {k: row.value for k, row in parameters_of(sector).items() if len(row.sectors) == 1}
        for sector in INDICATOR_SECTORS
    }
    shared = {k: r.value for k, r in parameters_of("water").items() if len(r.sectors) > 1}
    notes = notes_of(("year", "population"), **own, shared=shared)
    assert len(notes) > 25
    wrong = {i: note for i, note in notes.items() if _DEFAULT.search(note)}
    assert not wrong
    assert "litres per person: study file; losses: study file" in notes["W5"]


def test_nothing_is_from_a_study_file_that_sets_nothing(notes_of):
    plain = notes_of(("year",))
    said = re.compile(r"study file|(: |\()official\b")
    assert not {i: note for i, note in plain.items() if said.search(note)}
    assert "litres per person: default" in plain["W5"]
