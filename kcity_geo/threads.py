"""
Threads: how many may share the work of this process, and compiled jobs that run side by side.

What calls pandas, shapely or rasterio runs beside something in a copy of the process, `kcity_geo.in_copy.meanwhile`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

__all__ = ["side_by_side", "thread_count"]


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
