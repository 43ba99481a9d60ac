from __future__ import annotations

import html
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.outputs.tables import save_csv
from kcity_geo.outputs.text import csv_safe, human, persons, plain_text, safe_text, slug

DANGEROUS = re.compile(r"[<>\"'`${}\\]")


@given(st.text(max_size=300))
def test_nothing_that_folium_or_html_reads_is_left(text: str) -> None:
    safe = safe_text(text)
    assert not DANGEROUS.search(safe)
    assert "&" not in re.sub(r"&#\d+;", "", safe)


@given(st.text(max_size=150))
def test_a_browser_shows_what_was_written(text: str) -> None:
    # what html.unescape reads back is the cleaned text, character by character
    assert html.unescape(safe_text(text)) == plain_text(text)


@given(st.text(max_size=500))
def test_jinja_does_not_see_a_template(text: str) -> None:
    from jinja2 import Template

    safe = safe_text(text)
    assert Template(safe).render() == safe


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("a\x00b", "a b"),
        ("line\nfeed\ttab", "line feed tab"),
        ("\u202egpj.exe", "gpj.exe"),
        ("שלום مرحبا", "שלום مرحبا"),
        ("🏭 ok", "🏭 ok"),
        ("\ud800x", "\ufffdx"),
        (None, ""),
        (float("nan"), ""),
        (pd.NA, ""),
    ],
)
def test_plain_text_keeps_letters_and_drops_controls(given_text: object, shown: str) -> None:
    assert plain_text(given_text) == shown


def test_long_names_are_cut() -> None:
    assert len(plain_text("x" * 10_000)) == 200
    assert len(plain_text(" " * 9_000 + "y", max_chars=10)) <= 10


@given(st.text(max_size=80))
def test_slug_is_a_safe_file_name(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_-]*", slug(text))


@pytest.mark.parametrize("name", ["CON", "nul", "..", "a/../b", "COM1", ""])
def test_slug_of_reserved_and_hostile_names(name: str) -> None:
    made = slug(name)
    assert made not in {"con", "nul", "com1", "", ".", ".."}
    assert "/" not in made


@pytest.mark.parametrize(
    "text",
    ["=HYPERLINK(1)", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"],
)
def test_formulas_become_text(text: str) -> None:
    assert str(csv_safe(text)).startswith("'")


@pytest.mark.parametrize("value", [-1.5, 0, "a=b", "", "3-4", None])
def test_numbers_and_plain_text_stay(value: object) -> None:
    assert csv_safe(value) == value


def test_csv_headers_and_cells_are_safe_and_numbers_stay_numbers(tmp_path) -> None:
    frame = pd.DataFrame({"=name": ["=1+1", "ok", None], "x": [-1.5, float("nan"), 2.0]})
    save_csv(frame, tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").split("\n")
    assert lines[:4] == ["'=name,x", "'=1+1,-1.5", "ok,", ",2"]
    assert frame["=name"].iloc[0] == "=1+1"  # the input is as it was


@pytest.mark.parametrize(
    ("value", "units", "shown"),
    [
        (0.3824, "share", "38 %"),
        (0.004, "share", "under 1 %"),
        (0.9961, "share", "over 99 %"),
        (1.0, "share", "100 %"),
        (0.0, "share", "0 %"),
        (7.2569, "min", "7.3 min"),
        (123456.7, "persons", "123,000"),
        (12.0, "ha", "12 ha"),
        (0.00012345, "m", "under 0.1 m"),
        (0.0001, "km", "under 0.01 km"),
        (0.0152, "km", "0.02 km"),
        (0.0, "km", "0 km"),
        (1.2345, "km2", "1.23 km²"),
        (1234.5, "m3/day", "1,230 m³/day"),
        (float("nan"), "km", "–"),
        (None, "km", "–"),
        (-3.14159, "m", "-3.1 m"),
        (100.0, "", "100"),
    ],
)
def test_numbers_read_as_people_write_them(value: object, units: str, shown: str) -> None:
    assert human(value, units) == shown


@given(st.floats(-1e9, 1e9))
def test_human_numbers_are_short(value: float) -> None:
    assert len(human(value).replace(",", "")) <= 11


def test_persons() -> None:
    assert persons(60312.4) == "60,300"
    assert persons(12.4) == "12"
    assert persons(9_870_000) == "9.87 million"
