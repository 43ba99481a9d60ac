"""The command line: help is quick, tables print, answers are JSON where a script wants them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import kcity_geo
from kcity_geo.cli import app

RUNNER = CliRunner()
HANBIT = Path(__file__).parents[1] / "data" / "hanbit" / "study.toml"


def test_help_names_every_command() -> None:
    text = RUNNER.invoke(app, ["--help"]).output
    for command in ("demo", "run", "check", "locate", "diff", "fetch", "pack", "list"):
        assert command in text


@pytest.mark.parametrize("module", ["kcity_geo", "kcity_geo.cli"])
def test_the_command_runs_as_a_module(module) -> None:
    command = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == kcity_geo.__version__


def test_help_loads_nothing_heavy() -> None:
    """Half a second on any machine means: no scientific library is imported for it."""
    code = (
        "import sys; sys.argv=['kcity','--help']\n"
        "from kcity_geo.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'geopandas', 'pydantic', 'rasterio', 'shapely'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]", f"after {time.perf_counter() - start:.2f} s"


@pytest.mark.parametrize(
    "table", ["profiles", "standards", "sources", "indicators", "layers", "services"]
)
def test_tables_are_printed_and_are_json(table) -> None:
    assert RUNNER.invoke(app, ["list", table]).exit_code == 0
    rows = json.loads(RUNNER.invoke(app, ["list", table, "--json"]).output)
    assert len(rows) >= 8
    assert all(isinstance(row, dict) for row in rows)


def test_an_unknown_table_or_size_is_a_usage_error() -> None:
    assert RUNNER.invoke(app, ["list", "recipes"]).exit_code == 2
    assert RUNNER.invoke(app, ["demo", "--size", "village"]).exit_code == 2


@pytest.mark.parametrize(
    "table", ["profiles", "standards", "sources", "indicators", "layers", "services"]
)
def test_a_narrow_console_breaks_no_word_of_a_table(table, monkeypatch) -> None:
    """At 80 characters seven columns folded to a few letters each: one block a row instead."""
    monkeypatch.setenv("COLUMNS", "80")
    text = RUNNER.invoke(app, ["list", table]).output
    rows = json.loads(RUNNER.invoke(app, ["list", table, "--json"]).output)
    flat = " ".join(text.split())
    for row in rows:
        first = " ".join(str(row[k]) for k in list(row)[:2]).split()
        assert all(word in text.split() for word in first), first
        assert " ".join(str(row.get("citation", "")).split()) in flat, "every citation is told"
    monkeypatch.setenv("COLUMNS", "250")
    assert "┃" in RUNNER.invoke(app, ["list", table]).output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--service", "water_pont", "--p", "1"], "water_point"),
        (["--service", "health"], "p: None"),
        (["--service", "health", "--p", "1", "--method", "lscp"], "leave p"),
        (["--service", "health", "--p", "1", "--out", "sites.xyz"], "end the name"),
        (["--service", "health", "--p", "1", "--candidates", "no.geojson"], "does not exist"),
        (["--service", "health", "--p", "1", "--price", "cost"], "no column"),
    ],
)
def test_locate_refuses_in_one_line(words, told) -> None:
    done = RUNNER.invoke(app, ["locate", str(HANBIT), *words, "--weight", "people", "--quiet"])
    assert done.exit_code == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.usefixtures("once")
def test_locate_answers_in_words_and_as_json(tmp_path) -> None:
    words = ["locate", str(HANBIT), "--service", "school", "--p", "2", "--weight", "people"]
    out = tmp_path / "schools.geojson"
    done = RUNNER.invoke(app, [*words, "--quiet", "--out", str(out)])
    assert done.exit_code == 0, done.stderr
    assert "2 primary schools bring" in done.stdout
    assert out.is_file()
    answer = json.loads(RUNNER.invoke(app, [*words, "--json"]).stdout)
    assert [site["rank"] for site in answer["sites"]] == [1, 2]
    assert answer["persons_after"] >= answer["persons_before"]
    assert answer["proof"] == "proved optimal"
