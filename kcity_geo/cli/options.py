"""Options that several commands share, each with its one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyPath = Annotated[Path, typer.Argument(help="Study file (TOML), or a city pack.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Offline = Annotated[bool, typer.Option("--offline", help="Refuse every connection.")]
Timings = Annotated[bool, typer.Option("--timings", help="Print seconds and memory by stage.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 when an indicator could not be assessed.")
]
ScenarioPath = Annotated[
    Path | None,
    typer.Option("--scenario", help="Other weights and limits: a file that the map saved (TOML)."),
]
Language = Annotated[
    str,
    typer.Option(
        "--language",
        help="Of the report: en, ko, or a file of texts (.toml); else as the study says.",
    ),
]
Pdf = Annotated[bool, typer.Option("--pdf", help="Also write report.pdf.")]
Docx = Annotated[bool, typer.Option("--docx", help="Also write report.docx.")]
