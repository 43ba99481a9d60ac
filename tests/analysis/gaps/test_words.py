"""Words follow from probability, median and evidence, and never contradict them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.gaps.words import READINGS, evidence_word, reading_codes, reading_title

SHARE = st.floats(0, 1)


def word(p: float, median: float, evidence: float, persons: float | None = None) -> str:
    people = None if persons is None else [persons]
    return READINGS[int(reading_codes([p], [median], [evidence], persons=people)[0])]


def test_the_limits_of_the_table_decide():
    assert word(0.9, 0.6, 0.8) == "falls_short"
    assert word(0.89, 0.6, 0.8) == "probably_falls_short"
    assert word(0.7, 0.5, 0.4) == "probably_falls_short"
    assert word(0.69, 0.5, 0.8) == "cannot_tell"
    assert word(0.31, 0.1, 0.8) == "cannot_tell"
    assert word(0.3, 0.2, 0.8) == "partly_short"
    assert word(0.3, 0.19, 0.8) == "adequate"
    assert word(0.0, 0.0, 1.0) == "adequate"


def test_poor_evidence_says_nothing_whatever_a_prior_says():
    assert {word(p, m, 0.39) for p, m in [(1, 1), (0, 0), (0.5, 0.5)]} == {"cannot_tell"}


def test_not_assessed_and_nobody():
    assert word(float("nan"), float("nan"), float("nan")) == "not_assessed"
    assert word(1.0, 1.0, 1.0, persons=0.9) == "nobody"
    assert word(float("nan"), float("nan"), float("nan"), persons=0.0) == "nobody"
    assert word(1.0, 1.0, 1.0, persons=1.0) == "falls_short"


@given(SHARE, SHARE, SHARE, SHARE)
def test_less_evidence_never_makes_a_reading_surer(p, median, evidence, less):
    full, poor = word(p, median, evidence), word(p, median, evidence * less)
    assert poor in {full, "cannot_tell"}


@given(st.lists(st.tuples(SHARE, SHARE, SHARE), min_size=1, max_size=30))
def test_word_and_number_of_a_cell_agree(rows):
    p, median, evidence = (np.array(column) for column in zip(*rows, strict=True))
    for code, short, middle, trust in zip(
        reading_codes(p, median, evidence), p, median, evidence, strict=True
    ):
        name = READINGS[int(code)]
        assert (name == "falls_short") == (short >= 0.9 and middle >= 0.4 and trust >= 0.4)
        if name in {"adequate", "partly_short"}:
            assert short <= 0.3
            assert (middle < 0.2) == (name == "adequate")


def test_adequate_is_called_good_only_when_a_shortfall_is_unlikely():
    code = READINGS.index("adequate")
    assert evidence_word(0.9, probability=0.1, code=code) == "good"
    assert evidence_word(0.9, probability=0.11, code=code) == "fair"
    assert evidence_word(0.69, probability=0.0, code=code) == "fair"
    assert evidence_word(0.39) == "poor"
    assert evidence_word(float("nan")) == ""


def test_titles_are_words_for_people():
    assert [reading_title(code) for code in range(len(READINGS))] == [
        "Not assessed",
        "Falls short",
        "Probably falls short",
        "Cannot tell: survey first",
        "Partly short",
        "Adequate",
        "Nobody lives here",
    ]


@given(st.sampled_from([0.4, 0.7]), st.floats(-1e-5, 1e-5))
def test_data_called_poor_never_carry_a_reading(limit: float, off: float) -> None:
    """However a sum of floats rounds at a limit: poor data and *cannot tell* go together."""
    reading = word(0.0, 0.0, limit + off)
    assert (evidence_word(limit + off) == "poor") == (reading == "cannot_tell")
