"""Where the next facilities should stand: `locate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kcity_geo.cli.console import (
    plain_errors,
    print_rows,
    print_warnings,
    progress_of,
    say_json,
)
from kcity_geo.cli.opening import config_of, study_at
from kcity_geo.cli.options import AsJson, Offline, Quiet, StudyPath
from kcity_geo.cli.root import app


class Method(StrEnum):
    """What `locate` makes as good as possible."""

    mclp = "mclp"
    p_median = "p_median"
    lscp = "lscp"
    p_centre = "p_centre"


@app.command()
def locate(
    study: StudyPath,
    service: Annotated[str, typer.Option(help="What to place; `kcity list services` names them.")],
    p: Annotated[int | None, typer.Option("--p", min=1, help="How many new ones.")] = None,
    *,
    within_min: Annotated[
        float | None, typer.Option(help="Near enough: so many minutes along the streets.")
    ] = None,
    within_m: Annotated[
        float | None, typer.Option(help="Near enough: so many metres instead.")
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            help="Most people (mclp), shortest ways (p_median), all with the fewest (lscp), or the "
            "longest way as short as possible (p_centre)."
        ),
    ] = Method.mclp,
    weight: Annotated[
        str, typer.Option(help="Who counts: short, people, or a variable of the cube.")
    ] = "short",
    candidates: Annotated[
        str,
        typer.Option(help="Where: streets, cells, free (of constraints), or a file of points."),
    ] = "streets",
    existing: Annotated[
        Path | None, typer.Option(help="File of what exists, instead of the map's.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="walk, cycle, drive, or straight as the crow flies.")
    ] = None,
    capacity: Annotated[float | None, typer.Option(help="People that a new one can serve.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="For all new ones, instead of --p; needs --price.")
    ] = None,
    price: Annotated[
        str | None, typer.Option(help="Column of the file of candidates with their prices.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write .geojson or .gpkg (sites) or .csv (who goes where)."),
    ] = None,
    offline: Offline = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Choose where the next clinics, schools, water points, chargers or lamps should stand."""
    with plain_errors() as notes:
        from kcity_geo.outputs.locations import check_located_path, save_located
        from kcity_geo.study import locate_in

        if out is not None:
            check_located_path(out)
        config = config_of(offline=offline)
        with progress_of(quiet=quiet or as_json) as progress:
            found, data = locate_in(
                study_at(study, config),
                service,
                weight=weight,
                candidates=candidates,
                existing=existing,
                price=price,
                config=config,
                progress=progress,
                p=p,
                within_min=within_min,
                within_m=within_m,
                method=method.value,
                mode=mode,
                capacity=capacity,
                budget=budget,
            )
        if out is not None:
            save_located(found, out, data=data)
    print_warnings(notes, quiet=quiet or as_json)
    if as_json:
        say_json({**found.as_json(), "warnings": notes})
        return
    print_rows(found.table(), tuple(found.table()[0]) if len(found.sites) else ("rank",))
    typer.echo(found.sentence)
    if out is not None:
        typer.echo(f"Written: {out}")
