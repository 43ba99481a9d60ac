"""City packs: `fetch`, `pack zip` and `pack verify`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
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
)
from kcity_geo.cli.opening import config_of
from kcity_geo.cli.options import AsJson, Offline, Quiet
from kcity_geo.cli.root import app

pack_app = typer.Typer(help="City packs: what a study needs, in one folder.", no_args_is_help=True)
app.add_typer(pack_app, name="pack")


def _one_line_a_file(progress: Callable[[str], None], *, live: bool) -> Callable[[Any], None]:
    """Show size and speed as they change on a terminal, and each file once in a log."""
    seen: set[str] = set()

    def show(state: Any) -> None:  # noqa: ANN401 - download.Progress, imported lazily
        if live:
            progress(str(state))
        elif state.what not in seen:
            seen.add(state.what)
            progress(state.what)

    return show


@app.command()
def fetch(
    place: Annotated[str, typer.Argument(help='A place by name: "Kota Kinabalu, Malaysia".')] = "",
    out: Annotated[Path, typer.Option(help="Folder of the city pack (or of the packs).")] = Path(
        "packs"
    ),
    *,
    cities: Annotated[
        Path | None, typer.Option(help="A csv of cities (column place), one after another.")
    ] = None,
    boundary: Annotated[
        Path | None,
        typer.Option(help="Polygon file of the study area, instead of the place's own."),
    ] = None,
    products: Annotated[
        str, typer.Option(help="Only these products, comma separated; see `kcity list sources`.")
    ] = "",
    catalogue: Annotated[
        Path | None,
        typer.Option(help="Your own sources.toml, which overrides rows of the package."),
    ] = None,
    commercial: Annotated[
        bool, typer.Option("--commercial", help="Refuse what may not be used commercially.")
    ] = False,
    allow_partial: Annotated[
        bool,
        typer.Option(
            "--allow-partial", help="Go on without a product that fails; the study says so."
        ),
    ] = False,
    contact: Annotated[
        str, typer.Option(help="E-mail or URL sent to public servers, which ask for one.")
    ] = "",
    offline: Offline = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Download all that a study of a place needs into a folder that then works offline."""
    wanted = [p.strip() for p in products.split(",") if p.strip()] or None
    failed = 0
    with plain_errors() as notes:
        from kcity_geo.errors import StudyError
        from kcity_geo.sources.pack.cities import fetch_cities
        from kcity_geo.sources.pack.fetch import fetch as fetch_place

        if bool(place or boundary) == bool(cities):
            raise StudyError("fetch: give a place, a --boundary, or --cities cities.csv")
        config = config_of(offline=offline, contact=contact)
        answer: Any
        with progress_of(quiet=quiet or as_json) as progress:
            shared: dict[str, Any] = {
                "out": out,
                "products": wanted,
                "commercial": commercial,
                "config": config,
                "catalogue": catalogue,
                "allow_partial": allow_partial,
                "progress": _one_line_a_file(progress, live=sys.stderr.isatty()),
            }
            if cities:
                outcomes = fetch_cities(cities, **shared)
                answer = [asdict(o) if is_dataclass(o) else dict(o) for o in outcomes]
                failed = sum(bool(row.get("error")) for row in answer)
            else:
                answer = {"study": str(fetch_place(place or None, boundary=boundary, **shared))}
    print_warnings(notes, quiet=quiet or as_json)
    if as_json:
        say_json(answer)
    elif isinstance(answer, dict):
        say(f"Ready: kcity run {answer['study']} --offline --out DIR")
    else:
        print_rows(answer, tuple(answer[0]) if answer else ("place",))
    if failed:
        raise typer.Exit(1)


@pack_app.command(name="zip")
def zip_command(
    pack: Annotated[Path, typer.Argument(help="Folder of a city pack.")],
    out: Annotated[Path, typer.Option(help="The zip to write.")],
    *,
    own_use: Annotated[
        bool,
        typer.Option("--own-use", help="You keep the zip: also what may not be handed on."),
    ] = False,
) -> None:
    """Put a city pack into one zip; `kcity run PACK.zip` reads it in place."""
    with plain_errors():
        from kcity_geo.sources.pack.pack import zip_pack

        written = zip_pack(pack, out, own_use=own_use)
    say(str(written))


@pack_app.command()
def verify(
    pack: Annotated[Path, typer.Argument(help="Folder or zip of a city pack.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Compare every file of a pack with its manifest; one flipped byte is found."""
    with plain_errors():
        from kcity_geo.sources.pack.pack import verify_pack

        problems = verify_pack(pack)
    if as_json:
        say_json(problems)
    else:
        for problem in problems:
            say(str(problem))
        if not problems:
            say("whole: every file is as the manifest says")
    if problems:
        raise typer.Exit(1)
