"""Plans of sites: `plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kcity_geo.cli.console import plain_errors, print_warnings, progress_of, say_json, say_line
from kcity_geo.cli.opening import config_of, study_at
from kcity_geo.cli.options import AsJson, Offline, Quiet, StudyPath
from kcity_geo.cli.root import app


@app.command()
def plan(
    study: StudyPath,
    *,
    site: Annotated[str, typer.Option(help="Rank, label or id of the site.")] = "1",
    out: Annotated[Path, typer.Option(help="Folder for the plan.")] = Path("out/plan"),
    offline: Offline = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Plan a ranked site: land, streets, blocks, parcels, demand, cost, phases, economics."""
    config = config_of(offline=offline)
    with plain_errors() as notes:
        from kcity_geo.plans import plan_study

        with progress_of(quiet=quiet or as_json) as progress:
            found = plan_study(
                study_at(study, config), out, site=site, config=config, progress=progress
            )
    print_warnings(notes, quiet=quiet or as_json)
    if as_json:
        answer = {
            "out": str(out),
            "site": found.site.name,
            "hectares": dict(found.budget.hectares),
            "persons": found.capacity.persons,
            "jobs": found.capacity.jobs,
            "cost": found.cost.total,
            "cost_p10": found.cost.p10,
            "cost_p90": found.cost.p90,
            "currency": found.cost.basis.currency,
            "blocks": 0 if found.layout is None else len(found.layout.blocks),
            "parcels": 0 if found.layout is None else len(found.layout.parcels),
            "notes": list(found.notes),
            "warnings": notes,
        }
        say_json(answer)
        return
    say_line(repr(found))
    if found.layout is not None:
        say_line(repr(found.layout))
    for note in found.notes:
        say_line(note, start="note: ", err=True)
    say_line(f"Open {out}/plan.html")
