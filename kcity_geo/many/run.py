"""The cities of a list on this machine or on a dask scheduler, one page that shows how far they are."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from kcity_geo.errors import OutputError, StudyError
from kcity_geo.extras import need
from kcity_geo.many.kept_process import stop_kept
from kcity_geo.many.process import CityLimits, run_city
from kcity_geo.many.tasks import CityOutcome, CityTask, read_cities
from kcity_geo.outputs.citiespage import CityRow, cities_page, told_apart
from kcity_geo.outputs.folder import clear_left_over
from kcity_geo.outputs.text import plain_text
from kcity_geo.retold import made
from kcity_geo.sources.local.study_folder import open_study
from kcity_geo.study_facts import FACTS_FILE

__all__ = ["CitiesProgress", "run_cities"]

#: Written into the folder for all cities after each of them.
_OUTCOMES, _PAGE = "cities.json", "index.html"
_STOP_S = 0.05
#: What every study takes, beside what grows with its extract, as bytes of one: 3 s and 8 s a million bytes.
_ALIKE_BYTES = 400_000


@dataclass(frozen=True, kw_only=True)
class CitiesProgress:
    """
    How far a list of cities is.

    Parameters
    ----------
    done, failed, total : cities; those kept count as done.
    per_minute : cities finished, kept ones left out.
    left_s : time for the rest, from that of the finished ones and the sizes of their extracts; NaN before the first.
    last : outcome of the last one.
    dashboard : address of the scheduler's page; empty on one machine.
    called : what the last one is called, with its id where several of the list have that name.
    """

    done: int
    failed: int
    total: int
    per_minute: float
    left_s: float
    last: CityOutcome
    dashboard: str = ""
    called: str = ""

    def __str__(self) -> str:
        """Say it in one line."""
        left = f", {self.left_s / 60:.0f} min left" if self.left_s == self.left_s else ""
        changed = ", ".join(self.last.changed)
        again = f" (made again: {changed} changed)" if changed else ""
        return (
            f"{self.done} of {self.total} cities done, {self.failed} failed, "
            f"{self.per_minute:.1f} a minute{left}: {self.called or self.last.name or self.last.id} "
            f"{self.last.status}{again}"
        )


def run_cities(
    cities: str | Path,
    out: str | Path,
    *,
    workers: int = 1,
    scheduler: str = "",
    limits: CityLimits | None = None,
    told: Callable[[CitiesProgress], None] | None = None,
) -> tuple[CityOutcome, ...]:
    """
    Run the studies of a list of cities; one that fails does not stop the others.

    Those with the largest extracts begin, so that none of them is still at work when all others are done.

    Parameters
    ----------
    cities : csv, as of `kcity_geo.many.tasks.read_cities`.
    out : folder; each city becomes a folder in it. Cities that are there already, from the same inputs, parameters
        and code, are kept.
    workers : cities at the same time on this machine.
    scheduler : address of a dask scheduler (``tcp://host:8786``) instead, whose workers see the same disk.
    limits : what one city may take.
    told : called after each city.

    Returns
    -------
    An outcome a row, in the order of the file; also in ``cities.json`` and on the page ``index.html``, which is
    written anew after each city.

    Raises
    ------
    SourceError, StudyError
        If the list cannot be read, or `workers` is not from 1 to 256.
    OutputError
        If the folder cannot be written, or dask is asked for and not installed.
    """
    if not 1 <= workers <= 256:  # noqa: PLR2004 - more is a mistake
        raise StudyError(f"workers = {workers}: give a whole number from 1 to 256")
    tasks = read_cities(cities, out)
    folder, asked = Path(out), limits or CityLimits()
    if (folder / FACTS_FILE).exists():
        raise OutputError(f"{out}: holds a finished study; give the cities a folder of their own")
    studies = {task.id: _look_at(task) for task in tasks}
    work = {name: study.work_bytes for name, study in studies.items()}
    largest_first = sorted(tasks, key=lambda task: -work[task.id])
    if scheduler:  # before anything is written: there may be none
        finished, dashboard = _on_scheduler(largest_first, asked, scheduler)
    else:
        finished, dashboard = _on_machine(largest_first, asked, workers), ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made ({error.strerror})") from error
    clear_left_over(folder, [task.id for task in tasks], others=True)
    found: dict[str, CityOutcome] = {}
    language = _language(studies.values())
    shown = {task.id: _row(folder, task, None, language) for task in tasks}
    start = time.perf_counter()
    _write(folder, language, found, shown)
    by_id = {task.id: task for task in tasks}
    called = dict(zip(by_id, told_apart([(t.name or t.id, t.id) for t in tasks]), strict=True))
    try:
        for outcome in finished:
            found[outcome.id] = outcome
            shown[outcome.id] = _row(folder, by_id[outcome.id], outcome, language)
            _write(folder, language, found, shown)
            if told:
                now = _progress(found, work, time.perf_counter() - start, outcome, dashboard)
                told(replace(now, called=called[outcome.id]))
    except BaseException:  # Ctrl-C: the page waits for nothing any more
        _write(folder, language, found, shown, stopped=True)
        raise
    return tuple(found[task.id] for task in tasks)


def _progress(
    found: dict[str, CityOutcome],
    work: dict[str, int],
    seconds: float,
    last: CityOutcome,
    dashboard: str,
) -> CitiesProgress:
    failed = sum(one.status == "failed" for one in found.values())
    ran = [one.id for one in found.values() if one.status != "kept"]
    done = sum(work[name] for name in ran)
    left = sum(size for name, size in work.items() if name not in found)
    return CitiesProgress(
        done=len(found) - failed,
        failed=failed,
        total=len(work),
        per_minute=60 * len(ran) / seconds if seconds > 0 else 0.0,
        left_s=left * seconds / done if done else float("nan"),
        last=last,
        dashboard=dashboard,
    )


def _on_machine(
    tasks: Sequence[CityTask], limits: CityLimits, workers: int
) -> Iterator[CityOutcome]:
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(run_city, task, limits) for task in tasks]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()
            while not all(
                future.done() for future in waiting
            ):  # after Ctrl-C: no city is waited for
                stop_kept()
                time.sleep(_STOP_S)


def _untyped(module: Any) -> Any:  # noqa: ANN401 - dask has no types
    return module


def _on_scheduler(
    tasks: Sequence[CityTask], limits: CityLimits, address: str
) -> tuple[Iterator[CityOutcome], str]:
    need("distributed", "--scheduler")
    import distributed

    try:
        client: Any = _untyped(distributed).Client(address, timeout="20s")
    except (OSError, ValueError) as error:
        raise StudyError(f"--scheduler {address}: nobody answers there ({error})") from error
    return _from_scheduler(client, tasks, limits), str(client.dashboard_link)


def _from_scheduler(
    client: Any,  # noqa: ANN401 - distributed loads lazily
    tasks: Sequence[CityTask],
    limits: CityLimits,
) -> Iterator[CityOutcome]:
    """
    Give outcomes as they come.

    A scheduler gives a city to another worker when the first one dies, and after some deaths gives up whatever ran or
    waited there. These cities run again at the end, each alone: who is lost then has lost its workers itself.
    """
    import distributed

    lib = _untyped(distributed)

    def submit(task: CityTask) -> Any:  # noqa: ANN401 - future
        return client.submit(run_city, task, limits, pure=False)

    with client:
        running = {future.key: (future, task) for task in tasks for future in [submit(task)]}
        given_up = []
        for future in lib.as_completed([future for future, _ in running.values()]):
            task = running.pop(future.key)[1]
            if outcome := _outcome_of(future, task):
                yield outcome
            else:
                given_up.append(task)
        for task in given_up:
            future = submit(task)
            lib.wait(future)
            error = made("worker_lost")
            lost = CityOutcome(id=task.id, name=task.name, status="failed", error=error)
            yield _outcome_of(future, task) or lost


def _outcome_of(future: Any, task: CityTask) -> CityOutcome | None:  # noqa: ANN401 - dask has no types
    """Give what became of a city; None: its worker was lost, or the scheduler forgot it."""
    import distributed

    if future.status == "finished":
        outcome: CityOutcome = future.result()
        return outcome
    if future.cancelled() or isinstance(future.exception(), _untyped(distributed).KilledWorker):
        return None
    error = plain_text(str(future.exception()), max_chars=500) or made("no_message")
    return CityOutcome(id=task.id, name=task.name, status="failed", error=error)


def _write(
    folder: Path,
    language: str,
    found: dict[str, CityOutcome],
    shown: dict[str, CityRow],
    *,
    stopped: bool = False,
) -> None:
    """Write outcomes and page; a disk that does not take them stops no city."""
    rows = [asdict(found[name]) for name in shown if name in found]
    page = cities_page(list(shown.values()), stopped=stopped, language=language)
    for name, text in ((_OUTCOMES, json.dumps(rows, indent=1, ensure_ascii=False)), (_PAGE, page)):
        stage = folder / f"{name}.part"
        try:
            stage.write_text(text + "\n", encoding="utf-8", newline="\n")
            stage.replace(folder / name)
        except OSError:
            continue


class _Look(NamedTuple):
    """What a look at a study file tells before it is run; its own process says why it cannot be read."""

    #: None: cannot be read.
    language: str | None
    #: How much work it is, as bytes of its extract.
    work_bytes: int


def _look_at(task: CityTask) -> _Look:
    try:
        study = tomllib.loads(Path(task.study).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return _Look(None, _ALIKE_BYTES)
    report, sources = (study.get(name) for name in ("report", "sources"))
    language = report.get("language", "en") if isinstance(report, dict) else "en"
    extract = sources.get("osm") if isinstance(sources, dict) else None
    return _Look(str(language), _ALIKE_BYTES + _size(Path(task.study).parent, extract))


def _size(folder: Path, extract: object) -> int:
    try:
        return (folder / extract).stat().st_size if isinstance(extract, str) else 0
    except (OSError, ValueError):
        return 0


def _language(studies: Iterable[_Look]) -> str:
    """Give the language of all studies that can be read; English where they differ."""
    return "ko" if {study.language for study in studies} - {None} == {"ko"} else "en"


def _row(folder: Path, task: CityTask, outcome: CityOutcome | None, language: str) -> CityRow:
    """Gather what the page says of one city."""
    status = outcome.status if outcome else "waiting"
    if status not in {"done", "kept"}:
        error = outcome.error if outcome else ""
        return CityRow(id=task.id, name=task.name, status=status, error=error)
    try:
        facts = open_study(folder / task.id).facts
    except OSError:
        return CityRow(id=task.id, name=task.name, status=status)
    own = facts.headline_told.get(language, ())
    return CityRow(
        id=task.id,
        status=status,
        name=task.name or facts.city,
        people=facts.population,
        whole=facts.counted_in_all,
        synthetic=facts.synthetic,
        headline=" ".join(own or facts.headline),
        told_in=language if own else "en",
    )
