"""Every example runs as written, and none is longer than a screen."""

from __future__ import annotations

import os
import re
import runpy
import sys
import warnings
from pathlib import Path

import pytest

import kcity_geo as kc

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
STUDIES = sorted((ROOT / "examples").glob("*.toml"))


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    """What each example that ran has printed."""
    return {}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
@pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")
@pytest.mark.usefixtures("once", "no_pictures")
def test_an_example_runs(script, tmp_path, printed, monkeypatch, capsys) -> None:
    """As ``python SCRIPT OUT`` runs it, in this process, which has the libraries loaded."""
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    if "KCITY_TEST_DATA" in text and not os.environ.get("KCITY_TEST_DATA"):
        pytest.skip("set KCITY_TEST_DATA to the folder of real cities to run this example")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / "out")])
    runpy.run_path(str(script), run_name="__main__")
    printed[script.stem] = capsys.readouterr().out
    assert printed[script.stem].strip()


@pytest.mark.parametrize("study", STUDIES, ids=lambda p: p.stem)
def test_a_study_file_of_the_examples_is_valid(study, test_data) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.KCityWarning)
        assert kc.find_city(kc.load_study(study)).area_km2 > 1


@pytest.mark.usefixtures("once")
def test_no_route_is_not_sold_as_a_long_drive(tmp_path, printed, monkeypatch, capsys) -> None:
    """The longest drive to a hospital in the demo town takes less than 30 minutes."""
    if "transport_questions" not in printed:
        script = ROOT / "examples" / "transport_questions.py"
        test_an_example_runs(script, tmp_path, printed, monkeypatch, capsys)
    far, lost = re.search(
        r"hospital by car: ([\d,]+) residents; ([\d,]+) more have no mapped route",
        printed["transport_questions"],
    ).groups()
    assert far == "0"
    assert lost != "0"
