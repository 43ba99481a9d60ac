"""Threads: how many may share the work of this process, and jobs that run side by side or beside a block."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, TypeVar

from kcity_geo.notes import kept_apart, tell

__all__ = ["meanwhile", "side_by_side", "thread_count"]

_Value = TypeVar("_Value")


def thread_count() -> int:
    """
    Tell how many threads may share the work.

    Returns
    -------
    The cores that this process may use; fewer where ``OMP_NUM_THREADS`` says so, which is 1 in a process of
    ``kcity run --cities``.

    Examples
    --------
    >>> thread_count() >= 1
    True
    """
    said = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, int(said) if said.isdecimal() else cores or 1))


def side_by_side(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """
    Do jobs that do not need each other, on threads where there are several.

    Parameters
    ----------
    jobs : called without arguments; each keeps to the context of the caller. Threads help where compiled code lets
        go of the interpreter.

    Returns
    -------
    What each returned, in their order. An error is that of the first job that failed, in their order.

    Examples
    --------
    >>> side_by_side([lambda: 1, lambda: 2])
    [1, 2]
    """
    threads = min(thread_count(), len(jobs))
    if threads <= 1:
        return [job() for job in jobs]
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(copy_context().run, job) for job in jobs]
        try:
            return [one.result() for one in waiting]
        finally:  # after Ctrl-C or a failure no further job begins
            for one in waiting:
                one.cancel()


@contextmanager
def meanwhile(job: Callable[[], _Value]) -> Iterator[Callable[[], _Value]]:
    """
    Do a job beside a block, where there are several threads.

    Parameters
    ----------
    job : called without arguments, in the context of the caller. Threads help where compiled code lets go of the
        interpreter.

    Yields
    ------
    Waits for the job and gives what it returned; its notes are told then, and its error is raised. With one thread
    the job is done when this is called, and not at all where nobody calls it. The block is not left before the job
    is done, but by Ctrl-C: then nothing is waited for.

    Examples
    --------
    >>> with meanwhile(lambda: 1 + 1) as result:
    ...     other = 3
    ...     result() + other
    5
    """
    if thread_count() <= 1:
        yield job
        return
    context, done, notes = copy_context(), Future[_Value](), list[str]()

    def work() -> None:
        with kept_apart() as said:
            try:
                done.set_result(job())
            except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                done.set_exception(error)
        notes.extend(said)

    # A thread of a pool would be waited for at the end of the process, also after Ctrl-C.
    thread = threading.Thread(target=context.run, args=[work], daemon=True)
    thread.start()

    def result() -> _Value:
        thread.join()
        while notes:
            tell(notes.pop(0), stacklevel=3)
        return done.result()

    try:
        yield result
    except Exception:
        thread.join()
        raise
    thread.join()
