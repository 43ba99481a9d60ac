"""
The command ``kcity``: parses, calls, prints; it holds no logic.

Exit codes: 0 done, 1 done but indicators were refused and ``--strict`` asked for all, 2 bad input.
Progress goes to stderr, answers to stdout.
"""

from __future__ import annotations

import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kcity_geo.config import Config
from kcity_geo.errors import KCityError
from kcity_geo.notes import collected

if TYPE_CHECKING:
    from kcity_geo.studyfile import Study

app = typer.Typer(
    name="kcity",
    help="Geospatial evidence for smart-city planning: gaps, suitability, sites.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
pack_app = typer.Typer(help="City packs: what a study needs, in one folder.", no_args_is_help=True)
app.add_typer(pack_app, name="pack")

#: Narrower consoles show long tables as a block a row.
_TABLE_WIDTH = 100
#: Longer texts are cut on the console.
_MOST_CHARS = 4000

Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Offline = Annotated[bool, typer.Option("--offline", help="Refuse every connection.")]
Timings = Annotated[bool, typer.Option("--timings", help="Print seconds and memory by stage.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 when an indicator could not be assessed.")
]


class Size(StrEnum):
    """Size of the demo city."""

    town = "town"
    city = "city"
    metro = "metro"


class Table(StrEnum):
    """A table of the package."""

    profiles = "profiles"
    standards = "standards"
    sources = "sources"
    indicators = "indicators"
    parameters = "parameters"
    layers = "layers"
    services = "services"
    criteria = "criteria"


def _say(text: str, *, err: bool = False) -> None:
    """Print without control characters: what stands in a file never runs in a terminal."""
    from kcity_geo.outputs.text import plain_lines

    typer.echo(plain_lines(text), err=err)


def _say_line(text: object, *, start: str = "", err: bool = False) -> None:
    """Print a text on one line, whatever line feeds it has."""
    from kcity_geo.outputs.text import plain_text

    typer.echo(start + plain_text(text, max_chars=_MOST_CHARS), err=err)


def _say_json(answer: object) -> None:
    """Print an answer as JSON; control characters are escaped."""
    from kcity_geo.outputs.text import json_text

    typer.echo(json_text(answer))


def _shown(value: object) -> str:
    """Give a text that the console prints as it is: no markup, no control characters."""
    from rich.markup import escape

    from kcity_geo.outputs.text import plain_text

    return escape(plain_text(value, max_chars=_MOST_CHARS))


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
def _plain_errors() -> Iterator[list[str]]:
    """Print one clear line and exit with 2 for what the user can mend; collect warnings."""
    notes: list[str] = []
    with _termination_as_interrupt(), collected(notes), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield notes
        except KCityError as error:
            _say_line(error, start="error: ", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt as stop:
            _say("stopped; nothing was changed", err=True)
            code = 128 + (stop.args[0] if stop.args else signal.SIGINT)
            raise typer.Exit(code) from None


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    if quiet or not sys.stderr.isatty():
        yield (lambda _: None) if quiet else (lambda name: _say(f"  {name}", err=True))
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda name: bar.update(task, description=_shown(name))


def _print_warnings(notes: list[str], *, quiet: bool) -> None:
    if quiet:
        return
    for text in notes:
        _say_line(text, start="note: ", err=True)


def _peak_memory_gb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _summary(result: Any, out: Path) -> dict[str, Any]:  # noqa: ANN401 - Result, imported lazily
    from kcity_geo.outputs.summary import summarise

    gaps = result.gaps
    city: dict[str, Any] = {}
    for sector, row in gaps.city.iterrows():
        city[str(sector)] = {
            "gap": _number(row["gap"], digits=6),
            "gap_lo": _number(row["gap_lo"], digits=6),
            "gap_hi": _number(row["gap_hi"], digits=6),
            "gap_raw": _number(row["gap_raw"], digits=6),
            "p_short": _number(row["p_short"], digits=6),
            "evidence": _number(row["evidence"], digits=6),
            "data": row["data"],
            "reading": row["reading"],
            **{
                str(key): _number(row[key], digits=0)
                for key in row.index
                if str(key).startswith("people_")
            },
        }
    sites = [
        {
            "label": str(row.get("label", row["rank"])),
            "rank": None if row["rank"] != row["rank"] else int(row["rank"]),
            "score": _number(row["score"]),
            "area_ha": _number(row["area_ha"], digits=1),
            "reasons": row["reasons"],
        }
        for _, row in result.sites.iterrows()
    ]
    return {
        "city": result.data.city.name,
        "project": result.score.project,
        "out": str(out),
        "synthetic": result.data.synthetic,
        "population": _number(_population(result), digits=0),
        "gaps": city,
        "sites": sites,
        "no_ranking": result.score.no_ranking,
        "no_sites": "" if sites else summarise(result).no_sites,
        "not_assessed": {i.id: i.not_assessed for i in gaps.assessed if i.not_assessed},
        "timings_s": {k: round(v, 2) for k, v in result.timings.items()},
        "peak_memory_gb": round(_peak_memory_gb(), 2),
    }


def _population(result: Any) -> float:  # noqa: ANN401 - Result, imported lazily
    cube = result.data.cube
    return float(cube["population"].sum()) if "population" in cube else float("nan")


def _number(value: Any, digits: int = 3) -> float | None:  # noqa: ANN401 - numpy or Python number
    number = float(value)
    if number != number:  # noqa: PLR0124 - NaN
        return None
    return round(number, digits) if digits else float(round(number))


def _print_summary(result: Any, summary: dict[str, Any], *, timings: bool) -> None:  # noqa: ANN401
    """Print the answer in the words and with the rounding of the map and the report."""
    from rich.console import Console

    from kcity_geo.outputs.summary import summarise

    console, told = Console(), summarise(result)
    for line in told.headline:
        console.print(_shown(line), soft_wrap=True, highlight=False)
    console.print(_gap_table(told))
    if summary["not_assessed"]:
        console.print("\nNot assessed, and what data would help:")
        for key, reason in summary["not_assessed"].items():
            console.print(f"  {_shown(key)}: {_shown(reason)}", soft_wrap=True)
    if told.sites:
        ranked = bool(told.sites[0].score)
        head = "Best sites" if ranked else "Candidate land, in no order,"
        console.print(f"\n{head} for {_shown(told.project)}:")
        for site in told.sites[:5] if ranked else told.sites:
            first = f": {_shown(site.reasons[0])}" if site.reasons else ""
            score = f", {site.score} of 100" if ranked else ""
            console.print(f"  {site.label}. {site.area}{score}{first}")
    else:
        console.print(f"\n{_shown(told.no_sites)}")
    if timings:
        console.print("\nTimings")
        for name, seconds in summary["timings_s"].items():
            console.print(f"  {name:<32}{seconds:8.2f} s")
        console.print(f"  {'total':<32}{sum(summary['timings_s'].values()):8.2f} s")
        console.print(f"  {'peak memory':<32}{summary['peak_memory_gb']:8.2f} GB")
    console.print(f"\nOpen {_shown(summary['out'])}/map.html and report.html")


def _gap_table(told: Any) -> Any:  # noqa: ANN401 - Summary in, rich table out, both imported lazily
    from rich import box
    from rich.table import Table as Grid

    title = f"{told.city}: people short of each, and the gap (0 %: the standard is met)"
    table = Grid(title=_shown(title), title_justify="left", box=box.SIMPLE)
    for name, side in (
        ("sector", "left"),
        ("people short", "right"),
        ("as mapped", "right"),
        ("with what may be missing", "right"),
        ("on average", "left"),
        ("data", "left"),
    ):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for row in told.sectors:
        people = f"{row.short} ({row.percent})" if row.segments else "-"
        known = (people, row.raw, row.range_words or row.gap) if row.assessed else ("-",) * 3
        table.add_row(row.title, *known, row.reading, row.data or "-")
    return table


def _study_file(study: Path, config: Config) -> Path:
    """Take a city pack, as folder or zip, for the study file inside it."""
    if study.suffix.lower() == ".zip" and study.is_file():
        from kcity_geo.sources.pack.pack import open_pack

        return open_pack(study, config=config)
    if study.is_dir() and (study / "study.toml").is_file():
        return study / "study.toml"
    return study


def _run_and_print(
    study: Path,
    out: Path,
    *,
    config: Config,
    quiet: bool,
    as_json: bool,
    timings: bool,
    strict: bool,
    screening: bool = False,
    before: dict[str, float] | None = None,
) -> None:
    with _plain_errors() as notes:
        from kcity_geo.study import run
        from kcity_geo.studyfile import load_study

        asked = load_study(_study_file(study, config))
        if screening:
            own = asked.suitability.model_copy(update={"screening": True})
            asked = asked.model_copy(update={"suitability": own})
        with _progress(quiet=quiet or as_json) as progress:
            result = run(asked, out, config=config, progress=progress)
    if before:
        result = replace(result, timings={**before, **result.timings})
    summary = _summary(result, out)
    _print_warnings(notes, quiet=quiet or as_json)
    if as_json:
        _say_json({**summary, "warnings": notes})
    else:
        _print_summary(result, summary, timings=timings)
    if strict and summary["not_assessed"]:
        names = ", ".join(summary["not_assessed"])
        _say(f"not assessed: {names}", err=True)
        raise typer.Exit(1)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("out/hanbit"),
    size: Annotated[Size, typer.Option(help="Size of the city.")] = Size.town,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the city.")] = 7,
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the generated inputs; the results' name and -inputs if not given."
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    timings: Timings = False,
) -> None:
    """Make the synthetic host city Hanbit and run the whole study on it, offline."""
    import time

    from kcity_geo.config import Config

    # Kept, so that the study.toml of the results runs again.
    folder = data or out.with_name(out.name + "-inputs")
    with _plain_errors():
        from kcity_geo.demo.make import make_demo
        from kcity_geo.outputs.folder import check_out_dir

        check_out_dir(out)
        with _progress(quiet=quiet or as_json) as progress:
            progress(f"making the {size.value}")
            start = time.perf_counter()
            study = make_demo(folder, size=size.value, seed=seed)
            made = {"making the demo city": time.perf_counter() - start}
    _run_and_print(
        study,
        out,
        config=Config.from_env(offline=True),
        quiet=quiet,
        as_json=as_json,
        timings=timings,
        strict=False,
        before=made,
    )


@app.command()
def run(
    study: Annotated[Path, typer.Argument(help="Study file (TOML), or a city pack.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    *,
    offline: Offline = False,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    timings: Timings = False,
    screening: Annotated[
        bool,
        typer.Option(
            "--screening",
            help="Where no ranking is possible, list candidate land without score and order.",
        ),
    ] = False,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="Pixels read from one raster at most.")
    ] = None,
) -> None:
    """Run a whole study: gaps, suitability, ranked sites, map, report and files."""
    _run_and_print(
        study,
        out,
        config=_config(offline=offline, max_pixels=max_pixels),
        quiet=quiet,
        as_json=as_json,
        timings=timings,
        strict=strict,
        screening=screening,
    )


def _config(*, offline: bool, max_pixels: int | None = None, contact: str = "") -> Config:
    from kcity_geo.config import Config

    changes: dict[str, Any] = {}
    if offline:
        changes["offline"] = True
    if max_pixels is not None:
        changes["max_pixels"] = max_pixels
    if contact:
        changes["contact"] = contact
    return Config.from_env(**changes)


@app.command()
def check(
    study: Annotated[Path, typer.Argument(help="Study file (TOML), or a city pack.")],
    *,
    offline: Offline = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print every row, not the page.")
    ] = False,
) -> None:
    """Validate a study file and every input; say which indicators will be assessed, and why not."""
    with _plain_errors() as notes:
        from kcity_geo.study import check as check_study
        from kcity_geo.studyfile import load_study

        with _progress(quiet=quiet or as_json) as progress:
            progress("reading every input")
            config = _config(offline=offline)
            rows = check_study(load_study(_study_file(study, config)), config=config)
    del notes  # they stand in the rows
    if as_json:
        _say_json(rows)
        return
    if verbose:
        _print_rows(rows, ("kind", "name", "status", "detail"))
        return
    from rich.console import Console

    from kcity_geo.outputs.checkpage import check_page

    for line in check_page(rows, width=Console().width):
        _say(line)


def _print_rows(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
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
        table.add_row(*(_shown(c) for c in row))
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
        _say(" · ".join(c for c in row[:2] if c))
        for column, cell in zip(columns[2:], row[2:], strict=True):
            start = f"  {column:<{widest}}  "
            lines = wrap(cell, width - len(start), break_on_hyphens=False, break_long_words=False)
            for number, line in enumerate(lines):
                _say((" " * len(start) if number else start) + line)
        _say("")


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
    with _plain_errors() as notes:
        from kcity_geo.errors import StudyError
        from kcity_geo.sources.pack.cities import fetch_cities
        from kcity_geo.sources.pack.fetch import fetch as fetch_place

        if bool(place or boundary) == bool(cities):
            raise StudyError("fetch: give a place, a --boundary, or --cities cities.csv")
        config = _config(offline=offline, contact=contact)
        answer: Any
        with _progress(quiet=quiet or as_json) as progress:
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
    _print_warnings(notes, quiet=quiet or as_json)
    if as_json:
        _say_json(answer)
    elif isinstance(answer, dict):
        _say(f"Ready: kcity run {answer['study']} --offline --out DIR")
    else:
        _print_rows(answer, tuple(answer[0]) if answer else ("place",))
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
    with _plain_errors():
        from kcity_geo.sources.pack.pack import zip_pack

        written = zip_pack(pack, out, own_use=own_use)
    _say(str(written))


@pack_app.command()
def verify(
    pack: Annotated[Path, typer.Argument(help="Folder or zip of a city pack.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Compare every file of a pack with its manifest; one flipped byte is found."""
    with _plain_errors():
        from kcity_geo.sources.pack.pack import verify_pack

        problems = verify_pack(pack)
    if as_json:
        _say_json(problems)
    else:
        for problem in problems:
            _say(str(problem))
        if not problems:
            _say("whole: every file is as the manifest says")
    if problems:
        raise typer.Exit(1)


class Method(StrEnum):
    """What `locate` makes as good as possible."""

    mclp = "mclp"
    p_median = "p_median"
    lscp = "lscp"
    p_centre = "p_centre"


@app.command()
def locate(
    study: Annotated[Path, typer.Argument(help="Study file (TOML), or a city pack.")],
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
    with _plain_errors() as notes:
        from kcity_geo.outputs.locations import check_located_path, save_located
        from kcity_geo.study import locate_in
        from kcity_geo.studyfile import load_study

        if out is not None:
            check_located_path(out)
        config = _config(offline=offline)
        with _progress(quiet=quiet or as_json) as progress:
            found, data = locate_in(
                load_study(_study_file(study, config)),
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
    _print_warnings(notes, quiet=quiet or as_json)
    if as_json:
        _say_json({**found.as_json(), "warnings": notes})
        return
    _print_rows(found.table(), tuple(found.table()[0]) if len(found.sites) else ("rank",))
    typer.echo(found.sentence)
    if out is not None:
        typer.echo(f"Written: {out}")


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
    with _plain_errors() as notes:
        from kcity_geo.analysis.gaps.change import diff as compare
        from kcity_geo.result import LEVELS
        from kcity_geo.study import assess_gaps, load
        from kcity_geo.studyfile import load_study

        config = _config(offline=offline)
        first, second = (
            load(load_study(_study_file(path, config)), config=config) for path in (before, after)
        )
        found = compare(first, assess_gaps(first), second, assess_gaps(second))
        if as_json:
            _say_json(
                {"years": found.years}
                | {
                    n: getattr(found, n).to_dict("records")
                    for n in ("layers", "readings", "because")
                }
            )
            return
        for line in found.lines():
            _say_line(line)
        for level in LEVELS:
            table = found.table(level)
            if len(table):
                _say_line(f"{level}: people by reading, before (rows) and after")
                _say(table.round().astype(int).to_string())
        _print_warnings(notes, quiet=quiet)


def _study_of_list(table: Table, path: Path) -> Study:
    from kcity_geo.errors import StudyError
    from kcity_geo.studyfile import load_study

    with _plain_errors():
        if table not in {Table.parameters, Table.standards}:
            raise StudyError(
                f"list {table.value}: a study file is told of parameters, standards and criteria"
            )
        return load_study(path)


def _criterion_rows(study: Path | None, *, offline: bool) -> list[dict[str, Any]]:
    """Give all criteria of the package, or those of a study with what each needs."""
    if study is None:
        from kcity_geo.config import read_table

        content = read_table("suitability/criteria")["criterion"]
        return [
            {"criterion": k, **{n: row[n] for n in ("title", "units")}}
            for k, row in content.items()
        ]
    with _plain_errors():
        from kcity_geo.study import criteria_of_study, load
        from kcity_geo.studyfile import load_study

        config = _config(offline=offline)
        return criteria_of_study(load(load_study(_study_file(study, config)), config=config))


@app.command(name="list")
def list_table(
    table: Annotated[Table, typer.Argument(help="Which table.")],
    study: Annotated[
        Path | None,
        typer.Argument(
            help="Study file: its parameters or standards, or which of its criteria can be computed."
        ),
    ] = None,
    *,
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """Print a table of the package with its citations and evidence marks."""
    from kcity_geo.config import read_table

    plain_list = study is None or table is Table.criteria
    of_study = None if plain_list or study is None else _study_of_list(table, study)
    rows: list[dict[str, Any]]
    if table is Table.criteria:
        rows = _criterion_rows(study, offline=offline)
    elif table is Table.profiles:
        from kcity_geo.profiles import profiles

        rows = [
            {
                "profile": name,
                "title": profile["title"],
                "criterion": row["id"],
                "weight": row["weight"],
                "function": f"{row['function']} {row['parameters']}",
                "mark": row["mark"],
            }
            for name, profile in profiles().items()
            for row in profile["criteria"]
        ]
    elif table is Table.parameters:
        from kcity_geo.outputs.assumptions import parameter_rows

        rows = parameter_rows(of_study)
    elif table is Table.standards:
        from kcity_geo.standards import load_standards

        rows = [
            {
                "indicator": s.id,
                "title": s.title,
                "target": s.target if s.target is not None else "own formula",
                "worst": s.worst if s.worst is not None else "",
                "unit": s.unit,
                "weights": f"urban {s.urban_weight:g}, rural {s.rural_weight:g}",
                "mark": s.mark,
                "citation": s.citation,
            }
            for s in load_standards(of_study.standards if of_study else None).values()
        ]
    elif table is Table.indicators:
        from kcity_geo.indicators import indicator_rows

        rows = [
            {key: value for key, value in asdict(row).items() if value is not None}
            for row in indicator_rows().values()
        ]
    else:
        name, key = {
            Table.sources: ("sources", "product"),
            Table.layers: ("osm", "layer"),
            Table.services: ("services", "service"),
        }[table]
        content = read_table(name)[key]
        rows = (
            [{"id": k, **v} for k, v in content.items()]
            if isinstance(content, dict)
            else list(content)
        )
    if as_json:
        _say_json(rows)
        return
    plain = [{k: v for k, v in row.items() if isinstance(v, str | int | float)} for row in rows]
    columns = tuple(dict.fromkeys(k for row in plain for k in row))
    told = tuple(c for c in ("licence", "mark", "citation") if c in columns)
    _print_rows(plain, (*[c for c in columns if c not in told][:6], *told))


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
