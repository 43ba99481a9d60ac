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
    assert "weighted" not in done.output


def test_the_command_tells_weights_that_are_not_the_usual_ones(two, tmp_path) -> None:
    asked = ["compare", *map(str, two), "--out", str(tmp_path / "c"), "--draws", "5"]
    asked += ["--weight", "water=0"]
    done = CliRunner().invoke(app, asked)
    told = "Need is a weighted mean: transport 50 %, water supply 0 %, energy 50 %."
    assert told in " ".join(done.output.split())
    answer = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert answer["weights"] == pytest.approx(
        {"transport": 0.5, "water": 0, "energy": 0.5}
        | dict.fromkeys(("evidence", "grid", "access", "hazard", "land"), 0.2)
    )


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


def _edited(study, to, **changes) -> None:
    """Copy the summary of a study with other people of water supply, or of the city."""
    to.mkdir(exist_ok=True)
    summary = json.loads((study / "project_summary.json").read_text(encoding="utf-8"))
    level = next(row for row in summary["levels"] if row["key"] == "water")
    level["people"] |= changes.pop("people", {})
    summary["population"] = changes.pop("population", summary["population"])
    summary["city"] = changes.pop("city", summary["city"])
    level |= changes
    (to / "project_summary.json").write_text(json.dumps(summary), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"short_draws": []}, "levels.water.short_draws is empty"),
        ({"short_draws": [0.5, 1.5]}, "levels.water.short_draws has 1.5"),
        ({"people": {"adequate": -5}}, "levels.water.people.adequate = -5"),
        ({"people_short": -1}, "levels.water.people_short = -1"),
        ({"population": -1}, "population = -1"),
        ({"population": 61_000}, "add up to 60,000, and population = 61,000"),
    ],
)
def test_people_that_no_study_counts_are_refused_with_file_key_and_value(
    two, tmp_path, changes, words
) -> None:
    _edited(two[1], tmp_path / "edited", **changes)
    done = CliRunner().invoke(
        app, ["compare", str(two[0]), str(tmp_path / "edited"), "--out", str(tmp_path / "c")]
    )
    assert done.exit_code == 2
    told = " ".join(done.output.split())
    assert words in told
    assert "project_summary.json" in told
    assert not (tmp_path / "c").exists()


def test_folders_of_other_studies_are_refused(two, tmp_path) -> None:
    found = kc.compare(two, draws=5)
    _edited(two[1], tmp_path / "third", city="Third")
    for folders, words in (
        ([two[0]], "1 given for 2 studies"),
        ([two[1], two[0]], "is not the study of"),
        ([two[0], tmp_path / "third"], "third is not the study of Other"),
        (str(two[0]), "give a list"),
    ):
        with pytest.raises(StudyError, match=words):
            kc.save_comparison(found, tmp_path / "c", folders=folders)
    assert not (tmp_path / "c").exists()


def test_verify_says_one_line_of_a_study_that_changed_or_is_missing(two, tmp_path) -> None:
    """Ids are made of what a study says: each of its numbers was told twice, as gone and as new."""
    other = tmp_path / "other"
    _edited(two[1], other)
    out = kc.save_comparison(
        kc.compare([two[0], other], draws=20), tmp_path / "c", folders=[two[0], other]
    )
    _edited(two[1], other, people_short=30_000)
    found = kc.verify(out)
    assert [(one.kind, one.name) for one in found if one.kind != "number"] == [
        ("input", "../other")
    ]
    numbers = [one for one in found if one.kind == "number"]
    assert len(numbers) <= 1  # of the first study, which has other ranks beside it
    assert all(one.name.endswith(two[0].name) for one in numbers)
    shutil.rmtree(other)
    (missing,) = kc.verify(out)
    assert (missing.kind, missing.name) == ("input", "../other")


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


def test_weights_that_are_no_mapping_are_refused_in_one_line(two) -> None:
    with pytest.raises(StudyError, match=r"weights = \[1, 2\]: give a mapping"):
        kc.compare(list(two), weights=[1, 2])


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
