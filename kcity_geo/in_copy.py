"""
In a copy: jobs that a copy of this process does beside it, done here where the copy did not do them.

Copies, not threads: pandas, shapely and rasterio set aside the filters of warnings for a moment, which are one list a
process, and GEOS prepares polygons that two threads may not share.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO, TypeVar

from kcity_geo.compiling import telling
from kcity_geo.notes import kept_apart, tell
from kcity_geo.threads import thread_count

__all__ = ["end_with", "meanwhile", "share_out"]

_Value = TypeVar("_Value")

_PR_SET_PDEATHSIG = 1
#: Jobs that a byte can number; one value is left over.
_MOST = 255
#: Threads of others may hold what a copy needs; those that only draw a bar of progress hold nothing.
_HARMLESS = "rich."


def share_out(
    jobs: Mapping[str, Callable[[], None]], *, begun: Callable[[str], None] | None = None
) -> None:
    """
    Do jobs together with a copy of this process, where that is safe and there are two cores; else one by one.

    Parameters
    ----------
    jobs : name -> called without arguments, the longest first: this process does the first, then whoever is free
        takes the next one. Only what a job writes to the disk counts, none needs another, and each may be done
        twice: one in which the copy fails, warns or is killed is done here, so that its errors and
        notes are those of this process.
    begun : called with the name of each job that this process begins.

    Raises
    ------
    ValueError
        If there are more than 255 jobs.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     names = ("a.txt", "b.txt")
    ...     share_out({name: Path(folder, name).touch for name in names})
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['a.txt', 'b.txt']
    """
    told, names = begun or (lambda _: None), list(jobs)
    if len(names) > _MOST:
        raise ValueError(f"at most {_MOST} jobs, not {len(names)}")

    def do(name: str) -> None:
        told(name)
        jobs[name]()

    if not _can_fork():
        for name in names:
            do(name)
        return
    # A byte is a job: each read of the pipe takes one, whichever process reads.
    waiting, ready = _filled(range(len(names))), os.pipe()
    with _closing(waiting, *ready):
        here, taken = set[int](), os.read(waiting, 1)
        copy = _forked(lambda: _take(waiting, list(jobs.values()), ready[1]))
        try:
            while taken:
                here.add(taken[0])
                do(names[taken[0]])
                taken = os.read(waiting, 1)
            if copy:
                _exit_code(copy)
                copy = 0  # not before it has ended: who is interrupted while waiting ends it below
            # So that reading does not wait where nothing is done.
            os.write(ready[1], bytes([_MOST]))
            there = set(os.read(ready[0], len(names) + 1))
        finally:
            _end(copy)
    for number, name in enumerate(names):
        if number not in here | there:
            do(name)


@contextmanager
def meanwhile(job: Callable[[], _Value]) -> Iterator[Callable[[], _Value]]:
    """
    Do a job in a copy of this process beside a block, where that is safe and there are two cores.

    Parameters
    ----------
    job : called without arguments. What it returns is pickled; what it changes here is lost.

    Yields
    ------
    Waits for the job and gives what it returned; its notes are told then. Where no copy is made, or the job fails in
    it, it is done when this is called, and its error is raised there. What nobody asks for is not waited for.

    Examples
    --------
    >>> with meanwhile(lambda: 1 + 1) as result:
    ...     other = 3
    ...     result() + other
    5
    """
    answer = _answer_file() if _can_fork() else None
    if answer is None:
        yield cache(job)
        return
    with answer:
        copy = _forked(lambda: _answer(job, answer))

        @cache
        def result() -> _Value:
            nonlocal copy
            done = bool(copy) and _exit_code(copy) == 0
            copy = 0  # not before it has ended: who is interrupted while waiting ends it below
            if not done:
                return job()
            answer.seek(0)
            value: _Value
            value, notes = pickle.load(answer)  # noqa: S301 - a copy of this process wrote it
            for note in notes:
                tell(note, stacklevel=3)
            return value

        try:
            yield result
        finally:
            _end(copy)


def _answer_file() -> IO[bytes] | None:
    """Open a file in memory: a pipe would keep the copy until somebody reads. None: the system has none."""
    try:
        return os.fdopen(os.memfd_create("answer"), "w+b")
    except (AttributeError, OSError):
        return None


def _answer(job: Callable[[], object], answer: IO[bytes]) -> None:
    """In the copy: do the job, and write what it returned and noted."""
    with kept_apart() as notes, telling(None):
        value = job()
    pickle.dump((value, notes), answer, protocol=pickle.HIGHEST_PROTOCOL)
    answer.flush()


def _filled(numbers: Iterable[int]) -> int:
    """Give the end to read of a pipe that holds these bytes, and nothing after them."""
    end, start = os.pipe()
    os.write(start, bytes(numbers))
    os.close(start)
    return end


@contextmanager
def _closing(*ends: int) -> Iterator[None]:
    try:
        yield
    finally:
        for end in ends:
            os.close(end)


def _take(waiting: int, jobs: Sequence[Callable[[], None]], ready: int) -> None:
    """In the copy: do one job after the other, and say of each that went well that it is done."""
    while taken := os.read(waiting, 1):
        with suppress(Exception), kept_apart() as notes:
            jobs[taken[0]]()
            if not notes:
                os.write(ready, taken)


def _can_fork() -> bool:
    """Whether a copy can stand: Linux, called from the main thread, no thread of somebody else, two cores."""
    if not sys.platform.startswith("linux") or thread_count() < 2:  # noqa: PLR2004 - one for each process
        return False
    main = threading.main_thread()
    others = (t for t in threading.enumerate() if t is not main)
    return threading.current_thread() is main and all(
        type(thread).__module__.startswith(_HARMLESS) for thread in others
    )


def _forked(job: Callable[[], None]) -> int:
    """Start the copy; 0 where the system gives none."""
    parent = os.getpid()
    try:
        with warnings.catch_warnings():
            # Python 3.12 warns of threads of libraries: those of OpenBLAS and Arrow stand a fork.
            warnings.simplefilter("ignore", DeprecationWarning)
            copy = os.fork()
    except OSError:  # no memory or no process left
        return 0
    if copy:
        return copy
    code = 1
    try:
        end_with(parent)
        gc.disable()  # it ends soon
        job()
        code = 0
    except BaseException:  # noqa: BLE001, S110 - said when it is done again
        pass
    finally:
        os._exit(code)


def _exit_code(process: int) -> int:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    except ChildProcessError:  # somebody else has waited for it
        return 1


def _end(process: int) -> None:
    """End the copy, if there still is one."""
    if process:
        with suppress(ProcessLookupError):  # somebody else has waited for it
            os.kill(process, signal.SIGKILL)
        _exit_code(process)


def end_with(parent: int) -> None:
    """
    On Linux end with the process that started this one, so that no second one writes the same files.

    Parameters
    ----------
    parent : its id.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before this process asked to be told
            os.kill(os.getpid(), signal.SIGKILL)
