"""In a copy: work that a copy of this process does meanwhile, or this process itself where the copy did not do it."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from kcity_geo.notes import kept_apart
from kcity_geo.threads import thread_count

__all__ = ["end_with", "meanwhile"]

_PR_SET_PDEATHSIG = 1
#: Threads of others may hold what a copy needs; those that only draw a bar of progress hold nothing.
_HARMLESS = "rich."


@contextmanager
def meanwhile(job: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """
    Let a copy of this process do a job while this one goes on, where that is safe and there are two cores.

    Parameters
    ----------
    job : called without arguments; only what it writes to the disk counts, and it may be done twice. A copy that
        fails, warns or is killed says nothing: the job is then done here, so that its errors and notes are
        those of this process.

    Yields
    ------
    To be called once: waits until the job is done. If the block is left before, the copy is ended.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with meanwhile(lambda: Path(folder, "a.txt").write_text("done")) as wait:
    ...         wait()
    ...     Path(folder, "a.txt").read_text()
    'done'
    """
    copy = _forked(job) if _can_fork() else 0

    def wait() -> None:
        nonlocal copy
        done = bool(copy) and _exit_code(copy) == 0
        copy = 0  # not before it has ended: who is interrupted while waiting ends it below
        if not done:
            job()

    try:
        yield wait
    finally:
        if copy:
            with suppress(ProcessLookupError):  # somebody else has waited for it
                os.kill(copy, signal.SIGKILL)
            _exit_code(copy)


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
        with kept_apart() as notes:
            job()
        code = 1 if notes else 0
    except BaseException:  # noqa: BLE001, S110 - said when it is done again
        pass
    finally:
        os._exit(code)


def _exit_code(process: int) -> int:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    except ChildProcessError:  # somebody else has waited for it
        return 1


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
