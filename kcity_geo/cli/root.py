"""The command ``kcity`` itself, which the modules beside this one hang their commands on."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="kcity",
    help="Geospatial evidence for smart-city planning: gaps, suitability, sites.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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


def main() -> None:
    """Run the command line."""
    app()
