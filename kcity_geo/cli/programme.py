"""The K-City Network programme: `programme new`, `check` and `rules`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kcity_geo.cli.console import (
    plain_errors,
    print_rows,
    print_warnings,
    progress_of,
    say,
    say_json,
    say_line,
)
from kcity_geo.cli.options import AsJson, Quiet
from kcity_geo.cli.root import app

programme_app = typer.Typer(
    help="Applications to the K-City Network programme.", no_args_is_help=True
)
app.add_typer(programme_app, name="programme")

#: Columns of a check, as the screen shows them.
_SHOWN = ("level", "text", "mend", "rule", "where")
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
    plan: Annotated[
        Path | None, typer.Option(help="Folder of the plan of a site, if there is one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fill an application from a finished study; what no study knows is listed as missing."""
    with plain_errors() as notes:
        from kcity_geo.outputs.application_toml import save_application
        from kcity_geo.programme.checking import check as check_rules
        from kcity_geo.programme.draft import StudyOrigin, draft_application
        from kcity_geo.sources.local.study_folder import open_plan, open_study

        found = open_study(study)
        planned = open_plan(plan, city=found.facts.city) if plan else None
        origin = StudyOrigin(
            folder=_seen_from(found.folder, out.parent),
            sha256=found.sha256,
            plan_folder=_seen_from(planned.folder, out.parent) if planned else "",
            plan_sha256=planned.sha256 if planned else "",
        )
        draft = draft_application(
            found.facts, year, origin=origin, plan=planned.facts if planned else None
        )
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
        from kcity_geo.programme.blocks import said, verdict_words
        from kcity_geo.programme.checking import check as check_rules
        from kcity_geo.programme.model import load_application
        from kcity_geo.programme.words import known_language, word
        from kcity_geo.sources.local.study_folder import absent_files, facts_behind, plan_behind

        known_language(language)
        read = load_application(application)
        behind = facts_behind(read.study.folder, application.parent, instead=study)
        city = behind.facts.city if behind else ""
        planned = plan_behind(read.plan.folder, application.parent, city=city) if behind else None
        checked = check_rules(
            read,
            behind.facts if behind else None,
            sha256=behind.sha256 if behind else "",
            plan_sha256=planned.sha256 if planned else "",
            folder=str(study or ""),
            absent=absent_files(read.documents.names, application.parent),
        )
    print_warnings(notes, quiet=as_json)
    rows = checked.table(language).to_dict("records")
    if as_json:
        say_json({"refused": bool(checked.refused), "findings": rows})
    else:
        titles = dict(zip(_SHOWN, said("check.columns", language).split("|"), strict=True))
        for row in rows:
            row["level"] = word("level_of_finding", row["level"], language)
        print_rows([{titles[k]: row[k] for k in _SHOWN} for row in rows], tuple(titles.values()))
        refused, missing = len(checked.refused), len(checked.of("missing"))
        say_line(verdict_words(refused, missing, language))
        if any(f.id == "synthetic" for f in checked.findings):
            say_line(said("check.synthetic", language))
    if checked.refused:
        raise typer.Exit(2)


def _seen_from(folder: Path, home: Path) -> str:
    """Give a folder as it is seen from another."""
    return Path(os.path.relpath(folder.resolve(), home.resolve())).as_posix()


@programme_app.command()
def dossier(
    application: ApplicationPath,
    out: Annotated[Path, typer.Option(help="Folder for the papers.")],
    *,
    study: StudyFolder = None,
    languages: Annotated[str, typer.Option(help="en, ko, or both, comma separated.")] = "en,ko",
    formats: Annotated[
        str, typer.Option(help="Some of html, pdf and docx, comma separated.")
    ] = "html,pdf,docx",
    quiet: Quiet = False,
) -> None:
    """Write cover letter, form, project summary and evidence annex, with maps, in two languages."""
    with plain_errors() as notes:
        from kcity_geo.outputs.dossier import DossierOptions, save_dossier
        from kcity_geo.programme.model import load_application
        from kcity_geo.programme.papers import Subject
        from kcity_geo.programme.sheets import map_pack
        from kcity_geo.sources.local.study_folder import (
            facts_behind,
            plan_behind,
            read_atlas,
            read_pictures,
        )

        read = load_application(application)
        behind = facts_behind(read.study.folder, application.parent, instead=study)
        names = {name for s in map_pack() for name in (s.layer, s.sure) if name}
        atlas = read_atlas(behind, sorted(names)) if behind else None
        city = behind.facts.city if behind else ""
        planned = plan_behind(read.plan.folder, application.parent, city=city) if behind else None
        if atlas is not None and planned is not None:
            atlas = replace(atlas, pictures=read_pictures(planned))
        subject = Subject(
            application=read,
            facts=behind.facts if behind else None,
            sha256=behind.sha256 if behind else "",
            plan=planned.facts if planned else None,
            plan_sha256=planned.sha256 if planned else "",
            layers=atlas.drawn() if atlas else {},
            folder=_seen_from(study, application.parent) if study else "",
        )
        chosen = DossierOptions(languages=_parts(languages), formats=_parts(formats))
        with progress_of(quiet=quiet) as progress:
            written = save_dossier(subject, out, atlas=atlas, options=chosen, progress=progress)
    print_warnings(notes, quiet=quiet)
    for line in written.left_out:
        say_line(line, start="note: ", err=True)
    say_line(f"Written: {len(written.files)} papers in {out}")
    if refused := len(subject.checked.refused):
        fail = "a hard gate fails" if refused == 1 else f"{refused} hard gates fail"
        say_line(f"Not ready to hand in: {fail}; `kcity programme check`")


@programme_app.command()
def portfolio(
    applications: Annotated[list[Path], typer.Argument(help="Application files (TOML).")],
    budget: Annotated[int, typer.Option(help="Won for all that are taken.")],
    *,
    need_weight: Annotated[
        float | None, typer.Option(help="Weight of need against readiness, 0 to 1.")
    ] = None,
    most_per_country: Annotated[
        int | None, typer.Option(help="Most projects of one country; no limit if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold many applications against a budget; each that is left out is told why."""
    with plain_errors() as notes:
        from kcity_geo.programme.model import load_application
        from kcity_geo.programme.portfolio import Candidate, PortfolioLimits, choose_portfolio
        from kcity_geo.sources.local.study_folder import facts_behind

        candidates = []
        for path in applications:
            read = load_application(path)
            behind = facts_behind(read.study.folder, path.parent)
            facts = behind.facts if behind else None
            # One file is one application, however its path is written.
            name = os.path.relpath(path.resolve())
            candidates.append(Candidate(name=name, application=read, facts=facts))
        limits = PortfolioLimits(
            budget_krw=budget, need_weight=need_weight, most_per_country=most_per_country
        )
        found = choose_portfolio(candidates, limits)
    print_warnings(notes, quiet=as_json)
    table = found.table.astype({"budget_krw": object})
    table["budget_krw"] = table["budget_krw"].where(found.table["budget_krw"].notna(), None)
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    if as_json:
        say_json({"spent_krw": found.spent_krw, "budget_krw": budget, "applications": rows})
        return
    columns = ("name", "chosen", "need", "readiness", "taken under", "budget_krw", "reason")
    print_rows([{**row, **_ranges(row)} for row in rows], columns)
    say("Of equal value, more projects are taken, then the cheaper, and then the first names.")
    say(f"{found.spent_krw:,} of {budget:,} won. A help for thinking, no forecast of the choice.")


def _ranges(row: dict[str, Any]) -> dict[str, str]:
    """Say the ranges of a row in per cent."""

    def said(name: str) -> str:
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        if low != low:  # noqa: PLR0124 - NaN
            return "cannot tell"
        return f"{100 * low:.0f} to {100 * high:.0f} %"

    return {
        "need": said("need"),
        "readiness": said("readiness"),
        "taken under": f"{100 * row['stable_share']:.0f} % of weights tried",
        "chosen": "taken" if row["chosen"] else "left out",
        "budget_krw": "" if row["budget_krw"] is None else f"{row['budget_krw']:,}",
    }


def _parts(text: str) -> tuple[str, ...]:
    return tuple(p.strip() for p in text.split(",") if p.strip())


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
def hosts(
    out: Annotated[Path | None, typer.Option(help="HTML file for their map.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the known host places of 2020 to 2026, or draw their map."""
    with plain_errors():
        from kcity_geo.programme.hosts import known_hosts

        found = known_hosts()
        if out is not None:
            from kcity_geo.outputs.host_map import save_host_map

            save_host_map(found, out)
    if out is not None:
        say_line(f"Written: {out}")
        return
    rows = [
        {str(k): v for k, v in r.items()} for r in found.drop(columns="geometry").to_dict("records")
    ]
    if as_json:
        say_json(rows)
    else:
        print_rows(rows, ("year", "name", "country_name", "stream", "study"))


@programme_app.command()
def schema() -> None:
    """Print the JSON Schema of an application file, for editors."""
    from kcity_geo.programme.model import application_schema

    say_json(application_schema())
