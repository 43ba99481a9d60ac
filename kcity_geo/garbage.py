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
