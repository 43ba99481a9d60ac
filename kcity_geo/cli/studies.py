"""Whole studies: `demo`, `run` and `check`."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kcity_geo.cli.answer import print_summary, summary_of
from kcity_geo.cli.console import (
    plain_errors,
    print_rows,
    print_warnings,
    progress_of,
    say,
    say_json,
)
from kcity_geo.cli.opening import config_of, study_at
from kcity_geo.cli.options import (
    AsJson,
    Docx,
    Language,
    Offline,
    Pdf,
    Quiet,
    ScenarioPath,
    Strict,
    StudyPath,
    Timings,
)
from kcity_geo.cli.root import app
from kcity_geo.config import Config

if TYPE_CHECKING:
    from kcity_geo.studyfile import Study


class Size(StrEnum):
    """Size of the demo city."""

    town = "town"
    city = "city"
    metro = "metro"


@dataclass(frozen=True, kw_only=True)
class _Telling:
    """How a run tells its answer."""

    quiet: bool
    as_json: bool
    timings: bool
    strict: bool = False


@dataclass(frozen=True, kw_only=True)
class _Forms:
    """What the command says of the report, over the study file."""

    language: str = ""
    pdf: bool = False
    docx: bool = False

    @property
    def given(self) -> bool:
        return bool(self.language or self.pdf or self.docx)

    def over(self, study: Study) -> Study:
        """Give the study with these forms of its report; a file of texts lies where the command runs."""
        asked: dict[str, object] = {key: True for key in ("pdf", "docx") if getattr(self, key)}
        if self.language:
            own = self.language.endswith(".toml")
            asked["language"] = str(Path(self.language).resolve()) if own else self.language
        return study.model_copy(update={"report": study.report.model_copy(update=asked)})


def _run_and_print(
    study: Path,
    out: Path,
    *,
    config: Config,
    telling: _Telling,
    screening: bool = False,
    scenario: Path | None = None,
    forms: _Forms | None = None,
    before: dict[str, float] | None = None,
) -> None:
    quiet = telling.quiet or telling.as_json
    with plain_errors() as notes:
        from kcity_geo.study import run

        asked = study_at(study, config, scenario)
        if screening:
            own = asked.suitability.model_copy(update={"screening": True})
            asked = asked.model_copy(update={"suitability": own})
        asked = forms.over(asked) if forms else asked
        with progress_of(quiet=quiet) as progress:
            result = run(asked, out, config=config, progress=progress)
    if before:
        result = replace(result, timings={**before, **result.timings})
    summary = summary_of(result, out)
    print_warnings(notes, quiet=quiet)
    if telling.as_json:
        say_json({**summary, "warnings": notes})
    else:
        print_summary(result, summary, timings=telling.timings)
    if telling.strict and summary["not_assessed"]:
        names = ", ".join(summary["not_assessed"])
        say(f"not assessed: {names}", err=True)
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
    language: Language = "",
    pdf: Pdf = False,
    docx: Docx = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    timings: Timings = False,
) -> None:
    """Make the synthetic host city Hanbit and run the whole study on it, offline."""
    # Kept, so that the study.toml of the results runs again.
    folder = data or out.with_name(out.name + "-inputs")
    with plain_errors():
        from kcity_geo.demo.make import make_demo
        from kcity_geo.outputs.folder import check_out_dir

        check_out_dir(out)
        with progress_of(quiet=quiet or as_json) as progress:
            progress(f"making the {size.value}")
            start = time.perf_counter()
            study = make_demo(folder, size=size.value, seed=seed)
            made = {"making the demo city": time.perf_counter() - start}
    _run_and_print(
        study,
        out,
        config=Config.from_env(offline=True),
        telling=_Telling(quiet=quiet, as_json=as_json, timings=timings),
        forms=_Forms(language=language, pdf=pdf, docx=docx),
        before=made,
    )


@app.command()
def run(
    study: Annotated[Path | None, typer.Argument(help="Study file (TOML), or a city pack.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    *,
    cities: Annotated[
        Path | None,
        typer.Option(help="Instead of one study: a csv of cities (column study), or cities.json."),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="With --cities: so many at the same time.")
    ] = 1,
    scheduler: Annotated[
        str, typer.Option(help="With --cities: address of a dask scheduler, tcp://host:8786.")
    ] = "",
    memory_gb: Annotated[
        float | None, typer.Option(min=0.1, help="With --cities: memory of one city at most.")
    ] = None,
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
    scenario: ScenarioPath = None,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="Pixels read from one raster at most.")
    ] = None,
    language: Language = "",
    pdf: Pdf = False,
    docx: Docx = False,
) -> None:
    """Run a whole study, or those of a list of cities: gaps, suitability, sites, map, report, files."""
    with plain_errors():
        from kcity_geo.errors import StudyError

        if (study is None) == (cities is None):
            raise StudyError("run: give a study file, or --cities cities.csv")
        if out is None:
            raise StudyError("run: give a folder for the results with --out DIR")
        forms = _Forms(language=language, pdf=pdf, docx=docx)
        single = strict or timings or screening or max_pixels is not None or scenario is not None
        many = workers > 1 or bool(scheduler) or memory_gb is not None
        if cities is not None and single:
            raise StudyError(
                "--strict, --timings, --screening, --scenario and --max-pixels go with one study"
            )
        if cities is not None and forms.given:
            raise StudyError(
                "--language, --pdf and --docx go with one study; set [report] in the files of the others"
            )
        if cities is None and many:
            raise StudyError("--workers, --scheduler and --memory-gb go with --cities")
    if cities is not None:
        from kcity_geo.cli.many import run_list

        run_list(
            cities,
            out,
            workers=workers,
            scheduler=scheduler,
            memory_gb=memory_gb,
            quiet=quiet,
            as_json=as_json,
        )
        return
    assert study is not None  # noqa: S101 - checked above, for the type checker
    _run_and_print(
        study,
        out,
        config=config_of(offline=offline, max_pixels=max_pixels),
        telling=_Telling(quiet=quiet, as_json=as_json, timings=timings, strict=strict),
        screening=screening,
        scenario=scenario,
        forms=forms,
    )


@app.command()
def check(
    study: StudyPath,
    *,
    scenario: ScenarioPath = None,
    offline: Offline = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print every row, not the page.")
    ] = False,
) -> None:
    """Validate a study file and every input; say which indicators will be assessed, and why not."""
    with plain_errors() as notes:
        from kcity_geo.study import check as check_study

        with progress_of(quiet=quiet or as_json) as progress:
            progress("reading every input")
            config = config_of(offline=offline)
            rows = check_study(study_at(study, config, scenario), config=config)
    del notes  # they stand in the rows
    if as_json:
        say_json(rows)
        return
    if verbose:
        print_rows(rows, ("kind", "name", "status", "detail"))
        return
    from kcity_geo.outputs.checkpage import check_page

    for line in check_page(rows, width=shutil.get_terminal_size().columns):
        say(line)
