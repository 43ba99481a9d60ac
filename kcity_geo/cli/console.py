"""What every command prints with: plain lines, JSON, tables, progress, and one line for an error."""

from __future__ import annotations

import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from kcity_geo.errors import KCityError
from kcity_geo.notes import collected

#: Narrower consoles show long tables as a block a row.
_TABLE_WIDTH = 100
#: Longer texts are cut on the console.
_MOST_CHARS = 4000


def say(text: str, *, err: bool = False) -> None:
    """Print without control characters: what stands in a file never runs in a terminal."""
    from kcity_geo.outputs.text import plain_lines

    typer.echo(plain_lines(text), err=err)


def say_line(text: object, *, start: str = "", err: bool = False) -> None:
    """Print a text on one line, whatever line feeds it has."""
    from kcity_geo.outputs.text import plain_text

    typer.echo(start + plain_text(text, max_chars=_MOST_CHARS), err=err)


def say_json(answer: object) -> None:
    """Print an answer as JSON; control characters are escaped."""
    from kcity_geo.outputs.text import json_text

    typer.echo(json_text(answer))


def shown(value: object) -> str:
    """Give a text that the console prints as it is: no markup, no control characters."""
    from rich.markup import escape

    from kcity_geo.outputs.text import plain_text

    return escape(plain_text(value, max_chars=_MOST_CHARS))


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Let a polite request to end (SIGTERM, SIGHUP) clean up as Ctrl-C does."""

    def stop(number: int, _: Any) -> None:  # noqa: ANN401 - the frame, which nothing reads
        raise KeyboardInterrupt(number)

    names = [n for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]
    main_thread = threading.current_thread() is threading.main_thread()
    before = {n: signal.signal(getattr(signal, n), stop) for n in names if main_thread}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


@contextmanager
def plain_errors(stopped: str = "stopped; nothing was changed") -> Iterator[list[str]]:
    """
    Print one clear line and exit with 2 for what the user can mend; collect warnings.

    Parameters
    ----------
    stopped : what is said after Ctrl-C or a request to end.
    """
    notes: list[str] = []
    with _termination_as_interrupt(), collected(notes), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield notes
        except KCityError as error:
            say_line(error, start="error: ", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt as stop:
            say(stopped, err=True)
            code = 128 + (stop.args[0] if stop.args else signal.SIGINT)
            raise typer.Exit(code) from None


@contextmanager
def progress_of(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show on stderr what is being done: a bar on a terminal, a line a step in a log."""
    if quiet or not sys.stderr.isatty():
        yield (lambda _: None) if quiet else (lambda name: say(f"  {name}", err=True))
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda name: bar.update(task, description=shown(name))


def print_warnings(notes: list[str], *, quiet: bool) -> None:
    """Print the notes on the data, one a line, on stderr."""
    if quiet:
        return
    for text in notes:
        say_line(text, start="note: ", err=True)


def print_rows(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    """Print a table, or a block a row where the columns would be too narrow to read."""
    from rich.console import Console
    from rich.table import Table as Grid

    from kcity_geo.outputs.text import plain_text

    console = Console()
    cells = [[plain_text(row.get(c), max_chars=_MOST_CHARS) for c in columns] for row in rows]
    if console.width < _TABLE_WIDTH and _natural_width(cells, columns) > console.width:
        _print_blocks(cells, columns, width=console.width)
        return
    table = Grid()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*(shown(c) for c in row))
    console.print(table)


def _natural_width(cells: list[list[str]], columns: tuple[str, ...]) -> int:
    """Characters that a table needs so that no cell is folded."""
    longest = [max(len(c) for c in column) for column in zip(columns, *cells, strict=True)]
    return sum(longest) + 3 * len(columns) + 1


def _print_blocks(cells: list[list[str]], columns: tuple[str, ...], *, width: int) -> None:
    """Print the first two cells of each row as a heading and the others below it."""
    from textwrap import wrap

    widest = max(len(c) for c in columns)
    for row in cells:
        say(" · ".join(c for c in row[:2] if c))
        for column, cell in zip(columns[2:], row[2:], strict=True):
            start = f"  {column:<{widest}}  "
            lines = wrap(cell, width - len(start), break_on_hyphens=False, break_long_words=False)
            for number, line in enumerate(lines):
                say((" " * len(start) if number else start) + line)
        say("")
