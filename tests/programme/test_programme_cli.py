"""The commands: files in, answers out, exit code 2 when a gate fails."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from applications import changed, make_facts
from typer.testing import CliRunner

from kcity_geo.cli import app
from kcity_geo.errors import OutputError, SourceError, StudyError
from kcity_geo.outputs.application_toml import save_application
from kcity_geo.outputs.dossier import DossierOptions, save_dossier
from kcity_geo.planning import sheets
from kcity_geo.programme import check, load_application, match_solutions
from kcity_geo.programme.blocks import Table
from kcity_geo.programme.papers import Subject, make_paper
from kcity_geo.sources.local.study_folder import open_plan, open_study, read_pictures
from kcity_geo.study_facts import COST_WORDS, PlanFacts, PlanSheetFacts

RUN = CliRunner()


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    text = make_facts().model_dump_json()
    (folder / "project_summary.json").write_text(text, encoding="utf-8")
    return folder


def test_new_then_check(tmp_path, study) -> None:
    out = tmp_path / "application.toml"
    made = RUN.invoke(
        app, ["programme", "new", "--study", str(study), "--year", "2026", "--out", str(out)]
    )
    assert made.exit_code == 0, made.output
    assert "no target project summary" in made.output
    assert load_application(out).study.folder == "study"
    told = RUN.invoke(app, ["programme", "check", str(out), "--json"])
    assert told.exit_code == 2
    ids = {row["finding"] for row in json.loads(told.stdout)["findings"]}
    assert {"summary_missing", "applicant_missing", "unverified"} <= ids
    assert "study_changed" not in ids
    again = RUN.invoke(
        app, ["programme", "new", "--study", str(study), "--year", "2026", "--out", str(out)]
    )
    assert again.exit_code == 2
    assert "somebody may have filled it in" in again.output


def test_a_whole_application_passes_and_a_study_that_changed_is_told(tmp_path, study) -> None:
    out = tmp_path / "a.toml"
    link = {"folder": "study", "sha256": open_study(study).sha256}
    save_application(check(changed(study=link)), out)
    bare = RUN.invoke(app, ["programme", "check", str(out)])
    assert "1 thing is missing" in bare.output  # the attached files are not there
    for name in ("form.pdf", "summary.pdf"):
        (tmp_path / name).touch()
    told = RUN.invoke(app, ["programme", "check", str(out)])
    assert told.exit_code == 0, told.output
    assert "No hard gate fails" in told.output
    korean = RUN.invoke(app, ["programme", "check", str(out), "--language", "ko"])
    assert korean.exit_code == 0
    assert "필수 요건을 모두 충족하였으며 보완할 사항이 없습니다." in korean.output
    assert "국토교통부 영문 보도자료" in korean.output
    left = re.findall(r"(?<![\w./\[])[A-Z]?[a-z]{4,} [a-z]{2,} [a-z]{2,}", korean.output)
    assert left == []
    other = make_facts(population=61_000.0).model_dump_json()
    (study / "project_summary.json").write_text(other, encoding="utf-8")
    told = RUN.invoke(app, ["programme", "check", str(out), "--json"])
    assert told.exit_code == 2
    found = {r["finding"]: r for r in json.loads(told.stdout)["findings"]}
    assert "no dossier is written from two studies" in found["study_changed"]["text"]
    behind = open_study(study)
    about = Subject(application=load_application(out), facts=behind.facts, sha256=behind.sha256)
    papers = tmp_path / "papers"
    with pytest.raises(StudyError, match="is not the one that the application was made from"):
        save_dossier(about, papers)
    assert not papers.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "none.toml"], "no such application file"),
        (["new", "--study", "none", "--year", "2026"], "no such folder"),
        (["rules", "--year", "2019"], "2020 to 2026"),
        (["check", "none.toml", "--language", "fr"], "give en or ko"),
    ],
)
def test_bad_input_is_one_line(arguments, message) -> None:
    told = RUN.invoke(app, ["programme", *arguments])
    assert told.exit_code == 2
    assert message in told.output
    assert len(told.output.strip().splitlines()) == 1


def test_rules_and_schema_are_printed() -> None:
    told = RUN.invoke(app, ["programme", "rules", "--year", "2020", "--json"])
    assert any("1,000,000,000 KRW or 850,000 USD" in row["says"] for row in json.loads(told.stdout))
    schema = json.loads(RUN.invoke(app, ["programme", "schema"]).stdout)
    assert schema["additionalProperties"] is False


def test_a_folder_without_a_study_is_refused(tmp_path, study) -> None:
    with pytest.raises(SourceError, match="run a study first"):
        open_study(tmp_path)
    (study / "project_summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SourceError, match="is no summary of a study"):
        open_study(study)
    shutil.rmtree(study)


def test_a_plan_says_what_is_built_and_what_it_costs(tmp_path, study) -> None:
    lead = ("70 ha: 40 ha industry.", "Works cost 90 M USD (P10 60, P90 150) at prices of 2026.")
    plan = PlanFacts(title="Industrial complex", city="Hanbit", lead=lead, disclaimer="screening")
    (tmp_path / "plan_summary.json").write_text(plan.model_dump_json(), encoding="utf-8")
    out = tmp_path / "with_plan.toml"
    arguments = [
        "programme",
        "new",
        "--study",
        str(study),
        "--year",
        "2026",
        "--plan",
        str(tmp_path),
    ]
    done = RUN.invoke(app, [*arguments, "--out", str(out)])
    assert done.exit_code == 0, done.output
    read = load_application(out)
    assert read.project.cost == f"{lead[1]} Screening."
    assert read.package.project == "Industrial complex. 70 ha: 40 ha industry."
    assert read.plan.folder == "."
    new = plan.model_copy(update={"sheets": (PlanSheetFacts(number=20, file="../sheet_20.png"),)})
    (tmp_path / "plan_summary.json").write_text(new.model_dump_json(), encoding="utf-8")
    told = RUN.invoke(app, ["programme", "check", str(out), "--json"])
    found = {row["finding"]: row for row in json.loads(told.stdout)["findings"]}
    assert found["plan_changed"]["level"] == "refused"
    behind = open_plan(tmp_path, city="Hanbit")
    with pytest.raises(SourceError, match=r"sheet_20\.png: cannot be read; run `kcity plan` again"):
        read_pictures(behind)
    (tmp_path / "sheet_20.png").write_bytes(b"<svg>")
    with pytest.raises(SourceError, match="is no PNG picture"):
        read_pictures(behind)
    other = plan.model_copy(update={"city": "Elsewhere"}).model_dump_json()
    (tmp_path / "plan_summary.json").write_text(other, encoding="utf-8")
    with pytest.raises(SourceError, match="a plan of Elsewhere"):
        open_plan(tmp_path, city="Hanbit")
    with pytest.raises(SourceError, match="run `kcity plan` first"):
        open_plan(study, city="Hanbit")


def test_the_sentence_on_cost_is_the_one_that_a_plan_writes() -> None:
    assert f'"{COST_WORDS} ' in Path(sheets.__file__).read_text(encoding="utf-8")


def test_the_siting_call_of_the_annex_runs(hanbit_town) -> None:
    about = Subject(application=changed(study={"folder": str(hanbit_town)}), facts=make_facts())
    table = next(
        b
        for b in make_paper("evidence_annex", about, "ko").blocks
        if isinstance(b, Table) and any("kcity locate" in c for row in b.rows for c in row)
    )
    call = next(c for row in table.rows for c in row if c.startswith("kcity locate"))
    _, *words = shlex.split(call.partition(";")[0])
    done = RUN.invoke(app, [*words, "--weight", "people", "--quiet", "--json"])
    assert done.exit_code == 0, done.output
    assert "STUDY" not in call


def test_siting_names_the_file_of_the_study() -> None:
    match = match_solutions(make_facts())[0]
    assert match.siting("my study/study.toml")[0].startswith(
        "kcity locate 'my study/study.toml' --service water_point --p 1"
    )
    bare = Subject(application=changed(), facts=make_facts())
    assert bare.study_file == "study.toml"


def test_a_dossier_goes_into_no_folder_of_something_else(tmp_path, study) -> None:
    out = tmp_path / "a.toml"
    save_application(check(changed(study={"folder": "study"})), out)
    made = tmp_path / "papers"
    options = DossierOptions(languages=("en",), formats=("html",))
    about = Subject(application=load_application(out), facts=make_facts())
    for _ in range(2):  # a former dossier is replaced
        save_dossier(about, made, options=options)
    (made / "en" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"holds 'en/notes\.txt', which is no part of a dossier"):
        save_dossier(about, made, options=options)
    with pytest.raises(OutputError, match=r"holds 'a\.toml'"):
        save_dossier(about, tmp_path, options=options)
    with pytest.raises(OutputError, match="is a file"):
        save_dossier(about, out, options=options)
