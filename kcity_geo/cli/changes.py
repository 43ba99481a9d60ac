"""Two dates of a city, and a study as it was: `diff`, `verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kcity_geo.cli.console import (
    plain_errors,
    print_warnings,
    progress_of,
    say,
    say_json,
    say_line,
)
from kcity_geo.cli.opening import config_of, study_at
from kcity_geo.cli.options import AsJson, Offline, Quiet
from kcity_geo.cli.root import app


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="Study file of the earlier date.")],
    after: Annotated[Path, typer.Argument(help="Study file of the later date, the same city.")],
    *,
    offline: Offline = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Tell two dates of a city apart: what was only mapped, and how people moved between readings."""
    with plain_errors() as notes:
        from kcity_geo.analysis.gaps.change import diff as compare
        from kcity_geo.result import LEVEL_TITLES, LEVELS
        from kcity_geo.study import assess_gaps, load

        config = config_of(offline=offline)
        first, second = (load(study_at(path, config), config=config) for path in (before, after))
        found = compare(first, assess_gaps(first), second, assess_gaps(second))
        if as_json:
            say_json(
                {"years": found.years}
                | {
                    n: getattr(found, n).to_dict("records")
                    for n in ("layers", "readings", "because")
                }
            )
            return
        for line in found.lines():
            say_line(line)
        for level in LEVELS:
            table = found.whole_table(level)
            if len(table):
                say_line(f"{LEVEL_TITLES[level]}: people by reading, before (rows) and after")
                say(table.to_string())
        print_warnings(notes, quiet=quiet)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished study, plan or comparison.")],
    *,
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Compare files and inputs, compute nothing again.")
    ] = False,
    number: Annotated[
        str,
        typer.Option(
            "--number", help="Check nothing; tell what the ledger says of the number of this id."
        ),
    ] = "",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Check a finished study, plan or comparison against its ledger: files, inputs, tables, code and every number."""
    if number:
        _tell_number(folder, number, as_json=as_json)
        return
    with plain_errors():
        from dataclasses import asdict

        from kcity_geo.verifying import verify as verified

        with progress_of(quiet=quiet or as_json) as progress:
            found = verified(
                folder, recompute=not files_only, config=config_of(offline=True), progress=progress
            )
    if as_json:
        say_json([asdict(one) for one in found])
    elif found:
        for one in found:
            say_line(one)
        if all(one.kind == "input" for one in found):
            say("All outputs are intact: each file of the folder is as it was written.")
    else:
        say(
            "Nothing drifted: files and tables are as written, and every number comes out again."
            if not files_only
            else "Files and tables are as written; no number was computed again."
        )
    if found:
        raise typer.Exit(1)


def _tell_number(folder: Path, number: str, *, as_json: bool) -> None:
    with plain_errors():
        from kcity_geo.verifying import look_up

        found = look_up(folder, number)
    if as_json:
        say_json(found)
        return
    for name, told in found.items():
        if not isinstance(told, list):
            say_line(f"{name}: {'not known' if told is None else told}")
            continue
        for row in told:
            say_line(f"{name.removesuffix('s')} {', '.join(str(v) for v in row.values() if v)}")
