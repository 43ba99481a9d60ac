"""Garbage: what is looked for while a step runs is what is new, and memory that nobody uses is given back."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

__all__ = ["among_new", "give_back"]

_depth = 0


@contextmanager
def among_new() -> Iterator[None]:
    """
    Look for circular garbage only among what is made from now on; of one within another the last counts.

    Yields
    ------
    While it holds; after the outermost all is looked through as before. Where somebody has set objects apart
    already (``gc.freeze``), that stays as it is and nothing is done.

    Examples
    --------
    >>> before = gc.get_freeze_count()
    >>> with among_new(), among_new():
    ...     gc.get_freeze_count() > 0
    True
    >>> gc.get_freeze_count() == before
    True
    """
    global _depth  # noqa: PLW0603 - as garbage is, of the process
    if not _depth and gc.get_freeze_count():
        yield
        return
    gc.freeze()
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            gc.unfreeze()


def give_back() -> None:
    """
    Give memory that nobody uses any more back to the system: Arrow's, and on Linux what glibc keeps.

    Each thread has a heap of its own there, and what it let go stays in it: of a metropolis several hundred MB.

    Examples
    --------
    >>> give_back()
    """
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()
    if trim := _trim():
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
