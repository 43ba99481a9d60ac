"""Comparing saved studies: from folders to the page, and what a folder must hold."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

import kcity_geo as kc
from kcity_geo.cli import app
from kcity_geo.errors import StudyError


@pytest.fixture(scope="module")
def two(tmp_path_factory, town_run):
    """A finished study, and the parts of it that are read under another name."""
    place = tmp_path_factory.mktemp("compared") / "two"
    place.mkdir()
    first = town_run[1]
    shutil.copytree(first / "layers", place / "layers")
    summary = json.loads((first / "project_summary.json").read_text(encoding="utf-8"))
    summary["city"] = "Other"
    (place / "project_summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return first, place


def test_a_folder_and_its_result_compare_alike(two, town_run) -> None:
    by_folder = kc.compare([two[0], two[1]], draws=20)
    by_result = kc.compare([town_run[0], two[1]], draws=20)
    assert by_folder.table.equals(by_result.table)


def test_people_of_the_summary_are_those_of_the_result(two, town_run) -> None:
    summary = json.loads((two[0] / "project_summary.json").read_text(encoding="utf-8"))
    for row in summary["levels"]:
        stated = town_run[0].gaps.city.loc[row["key"]]
        assert row["people_short"] == pytest.approx(stated["people_short"], abs=0.06)
        assert all(0 <= v <= 1 for v in row["short_draws"])
        assert len(row["short_draws"]) > 10


def test_the_command_writes_the_page_with_maps(two, tmp_path) -> None:
    done = CliRunner().invoke(
        app, ["compare", *map(str, two), "--out", str(tmp_path / "c"), "--draws", "20"]
    )
    assert done.exit_code == 0, done.output
    assert "Other: need" in done.output
    assert (tmp_path / "c" / "compare.html").read_text(encoding="utf-8").count("<img") == 6


def test_verify_finds_a_comparison_as_it_was_and_names_a_study_and_a_number_that_changed(
    two, tmp_path
) -> None:
    out = kc.save_comparison(kc.compare(two, draws=20), tmp_path / "c", folders=two)
    assert kc.verify(out) == ()
    # Another study than that which was compared: another number, and another file.
    moved = tmp_path / "moved"
    shutil.copytree(out, moved / "c")
    ledger = json.loads((moved / "c" / "ledger.json").read_text(encoding="utf-8"))
    for number, row in enumerate(ledger["inputs"]):
        place = moved / f"study_{number}"
        shutil.copytree(out / row["file"], place)
        row["file"] = f"../study_{number}"
    ledger["claims"][0]["value"] += 1
    (moved / "c" / "ledger.json").write_text(json.dumps(ledger), encoding="utf-8")
    facts = moved / "study_0" / "project_summary.json"
    facts.write_text(facts.read_text(encoding="utf-8") + " ", encoding="utf-8")
    found = kc.verify(moved / "c")
    assert [(one.kind, one.name) for one in found] == [
        ("output", "ledger.json"),
        ("input", "../study_0"),
        ("number", ledger["claims"][0]["id"]),
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "holds no project_summary.json"),
        ("{", "is no summary of a study"),
        ('{"format": "x"}', "is no summary of a study"),
    ],
)
def test_a_folder_that_is_no_finished_study_is_refused(two, tmp_path, change, words) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    if change is not None:
        (folder / "project_summary.json").write_text(change, encoding="utf-8")
    done = CliRunner().invoke(
        app, ["compare", str(two[0]), str(folder), "--out", str(tmp_path / "c")]
    )
    assert done.exit_code == 2
    assert words in done.output
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("studies", [None, "town", 3, [None, "town"]])
def test_what_is_no_list_of_studies_is_refused_in_one_line(studies) -> None:
    with pytest.raises(StudyError, match="give a list of two or more folders or results"):
        kc.compare(studies)


def test_a_weight_given_twice_is_refused(tmp_path) -> None:
    weights = ["--weight", "water=2", "--weight", "water = 3"]
    done = CliRunner().invoke(app, ["compare", "a", "b", "--out", str(tmp_path / "c"), *weights])
    assert done.exit_code == 2
    assert "water is given twice" in done.output


def test_a_study_given_twice_is_refused(two, tmp_path) -> None:
    done = CliRunner().invoke(
        app, ["compare", str(two[0]), str(two[0]), "--out", str(tmp_path / "c")]
    )
    assert done.exit_code == 2
    assert "given twice" in done.output
