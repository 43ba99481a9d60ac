"""
Compiling: told once, and never by two processes at a time.

The first run on a machine compiles loops for seconds, later ones read them from numba's cache. Here
stands who is told, and a lock beside the cache: a process that finds it taken waits and then reads what
the other has compiled, instead of compiling the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any, Final, TypeVar

from filelock import FileLock, Timeout

__all__ = ["compiled", "one_at_a_time", "telling", "watch"]

Function = TypeVar("Function", bound="Callable[..., Any]")

WORDS: Final = "compiling for this machine, once: takes some seconds"
_TELL: ContextVar[Callable[[str], None] | None] = ContextVar("_TELL", default=None)


class _ElsewhereError(Exception):
    """Another process is compiling."""


@contextmanager
def telling(tell: Callable[[str], None] | None) -> Iterator[None]:
    """
    Name who is told when something must be compiled.

    Parameters
    ----------
    tell : called with a line, once a process; None: nobody.

    Yields
    ------
    While it holds.
    """
    before = _TELL.set(tell)
    try:
        yield
    finally:
        _TELL.reset(before)


class _Watch:
    """The lock of this machine, whose turn it is among threads, and how deep this process is in what it compiles."""

    def __init__(self) -> None:
        self.told = False
        self.begin()

    def begin(self) -> None:
        """Begin with nothing compiled: at first, and in a forked process, which cannot use the lock of its parent."""
        self.lock = FileLock(Path(tempfile.gettempdir()) / _lock_name(), thread_local=False)
        self.turn = RLock()
        self.depth = 0
        self.ours = 0

    def start(self) -> None:
        self.depth += 1
        if self.lock.is_locked:
            return
        if not self.told and (tell := _TELL.get()) is not None:
            self.told = True
            tell(WORDS)
        try:
            self.lock.acquire(timeout=0 if self.ours else -1)
        except Timeout as error:
            # numba tells the end of this one too: its callback is registered before the start is told.
            raise _ElsewhereError from error
        except OSError:
            return  # no room for a lock: compiling alone is better than not at all

    def end(self) -> None:
        self.depth -= 1
        if not self.depth and not self.ours:
            self.lock.release()

    def wait(self) -> None:
        """Wait until the other process is done."""
        with self.lock:
            pass


def _lock_name() -> str:
    """Name the lock of this user for this copy of the package: what another copy compiles cannot be read here."""
    import getpass

    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "anybody"
    place = zlib.crc32(os.fsencode(Path(__file__).resolve().parent))
    return f"kcity-compiling-{user}-{place:08x}.lock"


@cache
def watch() -> _Watch:
    """
    Listen to what numba compiles, from now on; whatever library it is for.

    Returns
    -------
    The lock, one a process.
    """
    from numba.core import event

    found = _Watch()

    class Listening(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:  # noqa: ANN401 - numba has no types
            del event
            found.start()

        def on_end(self, event: Any) -> None:  # noqa: ANN401 - numba has no types
            del event
            found.end()

    event.register("numba:compile", Listening())
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=found.begin)
    return found


def one_at_a_time(made: Any) -> Any:  # noqa: ANN401 - a numba dispatcher
    """
    Let a compiled function wait for another process that is compiling, then look into the cache again.

    Parameters
    ----------
    made : of `numba.njit` with a cache; changed in place.

    Returns
    -------
    The same.
    """
    found, compile_ = watch(), made.compile

    def compile_or_read(signature: Any) -> Any:  # noqa: ANN401 - numba has no types
        # One thread after the other: what is counted below is then one call within another.
        with found.turn:
            return compiled(signature)

    def compiled(signature: Any) -> Any:  # noqa: ANN401 - numba has no types
        while True:
            found.ours += 1
            try:
                return compile_(signature)
            except _ElsewhereError:
                if found.ours > 1:
                    raise
            finally:
                found.ours -= 1
                if not found.ours and not found.depth:
                    found.lock.release()
            found.wait()

    made.compile = compile_or_read
    return made


def compiled(function: Function) -> Function:
    """
    Compile on the first call, one process at a time, keep the code on disk, and let go of the interpreter.

    Where neither the folder of the package nor the user's cache can be written, the code is kept for
    this process only: the same numbers, after a longer start.

    Parameters
    ----------
    function : of arrays and numbers.

    Returns
    -------
    The compiled function, of the same signature.
    """
    import numba

    try:
        made: Function = one_at_a_time(numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba finds no folder for its cache
        made = numba.njit(nogil=True)(function)
    return made


@cache
def package_at_a_time(name: str) -> ModuleType:
    """
    Import a package of others, and let its compiled functions wait for another process as those of this one do.

    Parameters
    ----------
    name : of the package; its modules are imported by it.

    Returns
    -------
    The package.
    """
    watch()
    package = import_module(name)
    from numba.core.dispatcher import Dispatcher

    found = {
        id(made): made
        for module in [m for n, m in sys.modules.items() if n.partition(".")[0] == name]
        for made in vars(module).values()
        if isinstance(made, Dispatcher) and made.stats.cache_path
    }
    for made in found.values():
        one_at_a_time(made)
    return package
