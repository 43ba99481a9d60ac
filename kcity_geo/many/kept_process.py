"""The process that each worker keeps, which has loaded what a study needs and forks a process a city."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import weakref
from typing import IO, Final, cast

__all__ = ["CAN_FORK", "one_thread", "run_kept", "stop_kept"]

#: Elsewhere libraries of the system do not stand a fork.
CAN_FORK: Final = sys.platform.startswith("linux")
#: One thread a city: the cities share the processors. A process with one thread can be forked.
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
    "GDAL_NUM_THREADS",
)  # fmt: skip
_END_S = 20.0


def one_thread() -> dict[str, str]:
    """
    Give the environment of a process with one thread.

    Returns
    -------
    That of this process, with one thread for each library that would take more.
    """
    return {**os.environ, **dict.fromkeys(_THREADS, "1")}


class _Kept:
    """A process of ``kcity_geo.cli.keeper``; it ends with the thread that started it."""

    def __init__(self) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self.process = subprocess.Popen(  # noqa: S603 - this Python
            [sys.executable, "-m", "kcity_geo.cli.keeper", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=one_thread(),
            start_new_session=True,  # Ctrl-C is for the command, which ends this one and starts no city again
        )
        self.stopped = False
        self.close = weakref.finalize(self, _end, self.process, self.errors)

    def ask(self, arguments: list[str], *, limit: int, timeout_s: float | None) -> tuple[int, str]:
        """Run ``kcity`` in a process forked off it: its exit code, what it told; or that of the kept one."""
        asking = cast("IO[bytes]", self.process.stdin)
        answering = cast("IO[bytes]", self.process.stdout)
        try:
            asking.write(json.dumps({"arguments": arguments, "limit": limit}).encode() + b"\n")
            asking.flush()
        except OSError:
            return self._ended()
        if not _answers(answering, timeout_s):
            raise TimeoutError
        try:
            told = json.loads(answering.readline())
        except ValueError:
            return self._ended()
        return int(told["code"]), str(told["told"])

    def _ended(self) -> tuple[int, str]:
        code = self.process.wait(_END_S)
        if self.stopped:
            raise InterruptedError
        self.errors.seek(0)
        # A kept process ends by itself only where it could not begin.
        return code or 1, self.errors.read().decode("utf-8", "replace")


def _answers(stream: IO[bytes], timeout_s: float | None) -> bool:
    return bool(select.select([stream], [], [], timeout_s)[0])


def _end(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    """End a kept process, and with it the city it works on."""
    process.kill()
    process.communicate()
    errors.close()


_OWN = threading.local()
_ALL = weakref.WeakSet[_Kept]()
_LOCK = threading.Lock()


def run_kept(arguments: list[str], *, limit: int, timeout_s: float | None) -> tuple[int, str]:
    """
    Run ``kcity`` in a process forked off the one that this thread keeps.

    Parameters
    ----------
    arguments : of the command.
    limit : of memory in bytes; 0: none.
    timeout_s : time for it; None: no limit.

    Returns
    -------
    Its exit code, negative: the signal that ended it or the kept one; and what it wrote to its standard error.

    Raises
    ------
    TimeoutError
        If it took longer; it was ended.
    InterruptedError
        If `stop_kept` ended it.
    """
    kept: _Kept | None = getattr(_OWN, "kept", None)
    if kept is None or kept.process.poll() is not None:
        kept = _OWN.kept = _Kept()
        with _LOCK:
            _ALL.add(kept)
    try:
        return kept.ask(arguments, limit=limit, timeout_s=timeout_s)
    except BaseException:
        kept.close()
        _OWN.kept = None
        raise


def stop_kept() -> None:
    """End all kept processes of this one, and with them the cities that they work on."""
    with _LOCK:
        for kept in list(_ALL):
            kept.stopped = True
            kept.process.kill()
