"""Notes reach the run that they belong to, also when runs go on side by side."""

from __future__ import annotations

import unicodedata
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from kcity_geo.errors import KCityWarning, SourceError, StudyError
from kcity_geo.notes import collected, muted, tell


def test_runs_in_threads_never_exchange_their_notes():
    together = Barrier(4, timeout=30)

    def run(name: str) -> list[str]:
        with collected() as found:
            for step in range(25):
                together.wait()
                tell(f"{name} step {step}")
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(4) as pool:
            notes = dict(zip("abcd", pool.map(run, "abcd"), strict=True))
    for name, found in notes.items():
        assert found == [f"{name} step {step}" for step in range(25)]


def test_a_note_warns_once_while_collected_and_each_time_otherwise():
    with collected() as found, pytest.warns(KCityWarning, match="half") as caught:
        tell("covers half")
        tell("covers half")
    assert (found, len(caught)) == (["covers half"], 1)
    with pytest.warns(KCityWarning) as caught:
        tell("covers half")
        tell("covers half")
    assert len(caught) == 2


def test_muted_notes_stay_inside():
    with collected() as outer, muted():
        tell("lost")
        with collected() as inner:
            tell("kept by the inner list")
    assert inner == ["kept by the inner list"] == outer


@pytest.mark.parametrize(
    "evil",
    ["\x1b[2J", "\x1b]0;title\x07", "a\rb", "a\nerror: fake", "\x9b31m", "\u202egpj.exe", "\0"],
)
def test_what_stands_in_a_file_never_runs_where_a_message_is_shown(evil):
    with pytest.warns(KCityWarning) as caught, collected() as texts:
        tell(f"layer={evil}: not a number")
    for shown in (
        texts[0],
        str(caught[0].message),
        str(SourceError(f"column {evil}")),
        str(StudyError(evil)),
    ):
        assert not any(unicodedata.category(c) in {"Cc", "Cf"} for c in shown), shown
    assert str(SourceError("Straße 北구: 'x' — give €")) == "Straße 北구: 'x' — give €"
