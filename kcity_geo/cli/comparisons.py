"""Several cities: `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kcity_geo.cli.console import plain_errors, print_warnings, say_json, say_line
from kcity_geo.cli.options import AsJson, Quiet
from kcity_geo.cli.root import app


@app.command()
def compare(
    studies: Annotated[
        list[Path], typer.Argument(help="Folders of finished studies, two or more.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder for page and tables.")] = Path(
        "out/compare"
    ),
    draws: Annotated[
        int | None, typer.Option("--draws", help="Joint draws for the ranges of the ranks.")
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option("--weight", help="criterion=weight within its axis; may be repeated."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Set finished studies side by side: need and readiness, ranks with their ranges, one page."""
    with plain_errors() as notes:
        from kcity_geo.comparing import compare as compared
        from kcity_geo.comparing import save_comparison
        from kcity_geo.outputs.comparewords import weights_told

        found = compared(studies, draws=draws, weights=_weights(weight or []))
        ranks = found.rank()
        folder = save_comparison(found, out, folders=studies)
        print_warnings(notes, quiet=quiet or as_json)
        if as_json:
            say_json(_answer(found, ranks, folder))
            return
        for key, row in ranks.iterrows():
            score: Any = found.table.loc[str(key)]
            say_line(f"{key}: {_told(score, row, 'need')}; {_told(score, row, 'readiness')}")
        for line in (*weights_told(found), *found.differences):
            say_line(line, start="note: ", err=True)
        say_line(f"Open {folder}/compare.html")


def _told(score: Any, row: Any, axis: str) -> str:  # noqa: ANN401 - rows of tables
    if score[axis] != score[axis]:  # NaN
        return f"{axis} not known, no rank"
    return f"{axis} {100 * score[axis]:.0f} of 100, rank {_rank(row, axis)}"


def _rank(row: Any, axis: str) -> str:  # noqa: ANN401 - row of a table
    place, best, worst = (int(row[f"{axis}_{end}"]) for end in ("rank", "best", "worst"))
    return f"{place}" if best == worst else f"{place} (possible: {best} to {worst})"


def _weights(given: list[str]) -> dict[str, float]:
    from kcity_geo.errors import StudyError

    found = {}
    for text in given:
        name, mark, value = text.partition("=")
        if name.strip() in found:
            raise StudyError(
                f"--weight {text}: {name.strip()} is given twice; give each weight once"
            )
        try:
            found[name.strip()] = float(value)
        except ValueError:
            mark = ""
        if not mark:
            raise StudyError(f"--weight {text}: give criterion=number, as in --weight water=2")
    return found


def _answer(found: Any, ranks: Any, folder: Path) -> dict[str, Any]:  # noqa: ANN401 - Comparison, table
    from pandas import isna

    def plain(value: Any) -> Any:  # noqa: ANN401 - cell of a table
        value = value.item() if hasattr(value, "item") else value
        return None if isna(value) else value

    return {
        "out": str(folder),
        "weights": {one.id: one.weight for one in found.criteria},
        "cities": {
            str(key): {str(k): plain(v) for k, v in row.items()}
            for key, row in found.table.iterrows()
        },
        "ranks": {
            str(key): {str(k): plain(v) for k, v in row.items()} for key, row in ranks.iterrows()
        },
        "differences": list(found.differences),
    }
