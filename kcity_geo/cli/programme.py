"""The K-City Network programme: `programme new`, `check` and `rules`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from kcity_geo.cli.console import plain_errors, print_rows, print_warnings, say, say_json, say_line
from kcity_geo.cli.options import AsJson
from kcity_geo.cli.root import app

programme_app = typer.Typer(
    help="Applications to the K-City Network programme.", no_args_is_help=True
)
app.add_typer(programme_app, name="programme")

Year = Annotated[int, typer.Option(help="Year of the call, 2020 to 2026.")]
ApplicationPath = Annotated[Path, typer.Argument(help="Application file (TOML).")]
StudyFolder = Annotated[
    Path | None,
    typer.Option("--study", help="Folder of the finished study, instead of the one in the file."),
]


@programme_app.command()
def new(
    study: Annotated[Path, typer.Option(help="Folder of a finished study.")],
    year: Year,
    out: Annotated[Path, typer.Option(help="Application file to write.")] = Path(
        "application.toml"
    ),
    *,
    as_json: AsJson = False,
) -> None:
    """Fill an application from a finished study; what no study knows is listed as missing."""
    with plain_errors() as notes:
        from kcity_geo.outputs.application_toml import save_application
        from kcity_geo.programme.checking import check as check_rules
        from kcity_geo.programme.draft import StudyOrigin, draft_application
        from kcity_geo.sources.local.study_folder import open_study

        found = open_study(study)
        folder = os.path.relpath(found.folder.resolve(), out.resolve().parent)
        origin = StudyOrigin(folder=Path(folder).as_posix(), sha256=found.sha256)
        draft = draft_application(found.facts, year, origin=origin)
        checked = check_rules(draft, found.facts)
        save_application(checked, out)
    print_warnings(notes, quiet=as_json)
    to_do = [*checked.refused, *checked.of("missing")]
    if as_json:
        say_json({"application": str(out), "missing": [f.text() for f in to_do]})
        return
    say_line(f"Written: {out}. Missing, and what to do:")
    for finding in to_do:
        say_line(f"{finding.text()}: {finding.mend()}", start="  - ")


@programme_app.command()
def check(
    application: ApplicationPath,
    *,
    study: StudyFolder = None,
    language: Annotated[str, typer.Option(help="Language of the findings: en or ko.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Hold an application against the rules of its year; exit code 2 when a hard gate fails."""
    with plain_errors() as notes:
        from kcity_geo.programme.checking import check as check_rules
        from kcity_geo.programme.model import load_application
        from kcity_geo.programme.words import known_language
        from kcity_geo.sources.local.study_folder import facts_behind

        known_language(language)
        read = load_application(application)
        behind = facts_behind(read.study.folder, application.parent, instead=study)
        checked = check_rules(
            read, behind.facts if behind else None, sha256=behind.sha256 if behind else ""
        )
    print_warnings(notes, quiet=as_json)
    rows = checked.table(language).to_dict("records")
    if as_json:
        say_json({"refused": bool(checked.refused), "findings": rows})
    else:
        columns = ("level", "text", "mend", "rule", "where")
        print_rows([{str(k): v for k, v in row.items()} for row in rows], columns)
        _say_verdict(len(checked.refused), len(checked.of("missing")))
    if checked.refused:
        raise typer.Exit(2)


def _say_verdict(refused: int, missing: int) -> None:
    """Say what the findings come to; a check never says that a project will be taken."""
    if refused:
        say(
            f"Refused: {refused} hard gates fail." if refused > 1 else "Refused: a hard gate fails."
        )
    elif missing:
        say(f"No hard gate fails; {missing} things are missing.")
    else:
        say("No hard gate fails and nothing that is asked for is missing.")


@programme_app.command()
def rules(year: Year, *, as_json: AsJson = False) -> None:
    """Show the rules of a year, each with source and mark, and what nobody can verify."""
    with plain_errors():
        from kcity_geo.programme.rules import ProgrammeRules

        rows = ProgrammeRules.for_year(year).table()
    if as_json:
        say_json(rows)
    else:
        print_rows([dict(row) for row in rows], ("rule", "says", "mark", "source"))


@programme_app.command()
def schema() -> None:
    """Print the JSON Schema of an application file, for editors."""
    from kcity_geo.programme.model import application_schema

    say_json(application_schema())
