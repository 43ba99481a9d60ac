"""One city in a process of its own: what is killed from outside starts again, what fails is told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from kcity_geo.many.kept_process import CAN_FORK, one_thread, run_kept
from kcity_geo.many.tasks import (
    CityOutcome,
    CityTask,
    kept_outcome,
    task_key,
    why_made,
    write_manifest,
)
from kcity_geo.outputs.text import plain_text
from kcity_geo.retold import made

__all__ = ["CityLimits", "run_city"]

_GB = 1e9
#: Last line of a process of a city.
_TOOK = re.compile(r"took ([\d.]+) ([\d.]+)")


@dataclass(frozen=True, kw_only=True)
class CityLimits:
    """
    What one city may take.

    Parameters
    ----------
    memory_gb : of its process; None: no limit.
    restarts : how often a process that was killed from outside is started again.
    timeout_s : time for one city; None: no limit.
    """

    memory_gb: float | None = None
    restarts: int = 3
    timeout_s: float | None = None


def run_city(task: CityTask, limits: CityLimits) -> CityOutcome:
    """
    Run the study of one city, unless it is there already.

    Parameters
    ----------
    task : of the city. Running it twice gives the same files.
    limits : what it may take.

    Returns
    -------
    What became of it. Nothing is raised for a study that fails: its message is in the outcome.
    """
    if not task.study:
        error = made("no_study_file")
        return CityOutcome(id=task.id, name=task.name, status="failed", error=error)
    key = task_key(task)
    changed = why_made(task, key)
    if changed is None:
        return kept_outcome(task)
    start, killed = time.perf_counter(), 0
    while True:
        code, error, took = _one_process(task, limits)
        if code >= 0 or code == -signal.SIGINT or killed >= limits.restarts:
            break
        killed += 1
    if code < 0:
        error = made("killed", count=killed + 1, signal=-code)
    # 1: an error that nobody foresaw; whatever lies in the folder is not of this run.
    finished = code == 0
    outcome = CityOutcome(
        id=task.id,
        name=task.name,
        status="done" if finished else "failed",
        changed=changed,
        seconds=round(time.perf_counter() - start, 1),
        cpu_s=took[0],
        peak_gb=took[1],
        killed=killed,
        error="" if finished else error,
    )
    if finished:
        try:
            write_manifest(task, key, outcome)
        except OSError as full:  # it is made anew, and stops no other city
            told = made("no_manifest", why=full.strerror)
            return replace(outcome, status="failed", error=told)
    return outcome


def _one_process(task: CityTask, limits: CityLimits) -> tuple[int, str, tuple[float, float]]:
    """Run one process to its end: exit code (negative: the signal), last line of its errors, seconds and memory."""
    limit = int(limits.memory_gb * _GB) if limits.memory_gb else 0
    arguments = ["run", task.study, "--out", str(Path(task.out) / task.id), "--quiet"]
    run = run_kept if CAN_FORK else _run_alone
    try:
        code, told = run(arguments, limit=limit, timeout_s=limits.timeout_s)
    except TimeoutError:
        return 2, made("too_slow", seconds=f"{limits.timeout_s:g}"), (0.0, 0.0)
    lines = [line for line in told.splitlines() if line.strip()]
    took = next((found for line in reversed(lines) if (found := _TOOK.fullmatch(line))), None)
    said = [line for line in lines if not (_TOOK.fullmatch(line) or line.startswith("note: "))]
    error = (
        plain_text(said[-1], max_chars=500).removeprefix("error: ") if said else made("no_message")
    )
    return code, error, (float(took[1]), float(took[2])) if took else (0.0, 0.0)


def _run_alone(arguments: list[str], *, limit: int, timeout_s: float | None) -> tuple[int, str]:
    """Run ``kcity`` where a process cannot be forked: each loads all that it needs again."""
    command = [sys.executable, "-m", "kcity_geo.cli.child", str(limit), str(os.getpid())]
    with subprocess.Popen(  # noqa: S603 - this Python, on a file that the user named
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=one_thread(),
    ) as child:
        try:
            told = child.communicate(timeout=timeout_s)[1]
        except subprocess.TimeoutExpired as error:
            child.kill()
            child.communicate()
            raise TimeoutError from error
        except BaseException:
            child.kill()
            raise
    return child.returncode, told.decode("utf-8", "replace")
