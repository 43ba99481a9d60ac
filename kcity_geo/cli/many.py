"""Many cities: `cities` lists them; ``run --cities`` runs them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

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


@app.command()
def cities(
    population: Annotated[
        Path, typer.Option("--population", help="Raster of persons (WorldPop, GHS-POP), GeoTIFF.")
    ],
    out: Annotated[Path, typer.Option(help="New folder for the list, boundaries and studies.")],
    *,
    osm: Annotated[
        Path | None,
        typer.Option(help="OpenStreetMap extract of the country, cut into all its cities."),
    ] = None,
    template: Annotated[
        Path | None, typer.Option(help="Study file whose keys all studies take.")
    ] = None,
    most: Annotated[int | None, typer.Option(min=1, help="Only so many, the largest.")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List the cities of a country, its urban centres, with boundaries, extracts and study files."""
    with plain_errors() as notes:
        from kcity_geo.many.country import find_cities

        with progress_of(quiet=quiet or as_json) as progress:
            found = find_cities(
                population, out, osm=osm, template=template, most=most, progress=progress
            )
    print_warnings(notes, quiet=quiet or as_json)
    rows = [asdict(one) for one in found]
    if as_json:
        say_json(rows)
        return
    rows = [{**row, "reaches_edge": "yes" if row["reaches_edge"] else "no"} for row in rows]
    print_rows(rows, ("id", "name", "persons", "area_km2", "reaches_edge", "study"))
    if any(one.study for one in found):
        say(f"Next: kcity run --cities {out}/cities.csv --out DIR --workers 2")
    else:
        say(f"Next: kcity fetch --cities {out}/cities.csv --out DIR")


def run_list(
    table: Path,
    out: Path,
    *,
    workers: int,
    scheduler: str,
    memory_gb: float | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """
    Run the cities of a list and print how far they are.

    Parameters
    ----------
    table, out, workers, scheduler : as of `kcity_geo.many.run.run_cities`.
    memory_gb : for one city; None: no limit.
    quiet, as_json : how the answer is printed.
    """
    goes_on = "stopped; cities that are finished stay, and the same command goes on with the others"
    with plain_errors(stopped=goes_on) as notes:
        from kcity_geo.many.process import CityLimits
        from kcity_geo.many.run import CitiesProgress, run_cities
        from kcity_geo.many.tasks import read_cities

        read_cities(table, out)
        print_warnings(notes, quiet=quiet)  # before a night's work, not after it

        def told(state: CitiesProgress) -> None:
            if state.dashboard and state.done + state.failed == 1 and not quiet:
                say_line(f"dashboard: {state.dashboard}", err=True)
            if not quiet or state.last.status == "failed":
                say_line(f"{state}", err=True)
            if state.last.error:
                say_line(
                    f"{state.called}: {state.last.error}",
                    start="error: ",
                    err=True,
                )

        found = run_cities(
            table,
            out,
            workers=workers,
            scheduler=scheduler,
            limits=CityLimits(memory_gb=memory_gb),
            told=told,
        )
    rows = [asdict(one) for one in found]
    if as_json:
        say_json(rows)
    else:
        print_rows(rows, ("id", "name", "status", "seconds", "peak_gb", "error"))
        say(f"Open {out}/index.html")
    if any(one.status == "failed" for one in found):
        raise typer.Exit(1)
