"""One city in a process of its own: what is killed from outside starts again, what fails is told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from kcity_geo.many.tasks import CityOutcome, CityTask, is_done, task_key, write_manifest
from kcity_geo.outputs.text import plain_text

__all__ = ["CityLimits", "run_city"]

#: One thread a city: the cities share the processors.
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
    "GDAL_NUM_THREADS",
)  # fmt: skip
_GB = 1e9


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
        error = "the list names no study file for it"
        return CityOutcome(id=task.id, name=task.name, status="failed", error=error)
    key = task_key(task)
    if is_done(task, key):
        return CityOutcome(id=task.id, name=task.name, status="kept")
    start, killed = time.perf_counter(), 0
    while True:
        code, error, peak_gb = _one_process(task, limits)
        if code >= 0 or killed >= limits.restarts:
            break
        killed += 1
    if code < 0:
        error = f"its process was killed {killed + 1} times (signal {-code}); is the memory enough?"
    finished = (
        code == 0
    )  # 1: an error that nobody foresaw; whatever lies in the folder is not of this run
    outcome = CityOutcome(
        id=task.id,
        name=task.name,
        status="done" if finished else "failed",
        seconds=round(time.perf_counter() - start, 1),
        peak_gb=peak_gb,
        killed=killed,
        error="" if finished else error,
    )
    if finished:
        write_manifest(task, key, outcome)
    return outcome


def _one_process(task: CityTask, limits: CityLimits) -> tuple[int, str, float]:
    """Run one process to its end: exit code (negative: the signal), last line of its errors, memory."""
    bytes_ = int(limits.memory_gb * _GB) if limits.memory_gb else 0
    command = [sys.executable, "-m", "kcity_geo.cli.child", str(bytes_), str(os.getpid())]
    command += ["run", task.study, "--out", str(Path(task.out) / task.id), "--quiet"]
    environment = {**os.environ, **dict.fromkeys(_THREADS, "1")}
    with subprocess.Popen(  # noqa: S603 - this Python, on a file that the user named
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
    ) as child:
        try:
            told = child.communicate(timeout=limits.timeout_s)[1]
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return 2, f"took longer than {limits.timeout_s:g} s", 0.0
        except BaseException:
            child.kill()
            raise
    lines = [line for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
    memory = next((line for line in reversed(lines) if line.startswith("peak-memory-gb ")), "")
    said = [line for line in lines if not line.startswith(("peak-memory-gb ", "note: "))]
    error = plain_text(said[-1], max_chars=500).removeprefix("error: ") if said else "no message"
    return child.returncode, error, float(memory.partition(" ")[2] or 0.0)
