"""Garbage: while a step runs, circular garbage is looked for among what is new, not in all of a city each time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["among_new"]

_depth = 0


@contextmanager
def among_new() -> Iterator[None]:
    """
    Look for circular garbage only among what is made from now on; of one within another the last counts.

    Yields
    ------
    While it holds; after the outermost all is looked through as before.

    Examples
    --------
    >>> with among_new(), among_new():
    ...     gc.get_freeze_count() > 0
    True
    >>> gc.get_freeze_count()
    0
    """
    global _depth  # noqa: PLW0603 - as garbage is, of the process
    gc.freeze()
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            gc.unfreeze()
