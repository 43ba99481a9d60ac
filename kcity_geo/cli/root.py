"""The command ``kcity`` itself, which the modules beside this one hang their commands on."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

app = typer.Typer(
    name="kcity",
    help="Geospatial evidence for smart-city planning: gaps, suitability, sites.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

#: New objects after which Python looks for circular garbage, by generation. A study makes hundreds of
#: thousands of tags and rows that stay: to look after every 700, as usual, took a sixteenth of a run.
_NEW_OBJECTS = (20_000, 20, 20)


def _version(value: bool) -> None:  # noqa: FBT001 - typer callback
    if value:
        from kcity_geo import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that come before the command."""
    del version
    gc.set_threshold(*_NEW_OBJECTS)


def main() -> None:
    """Run the command line."""
    try:
        app()
    finally:
        # The process ends: to look through all that a study leaves for circles took a sixth of a check.
        gc.freeze()
