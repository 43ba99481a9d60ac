"""
Notes: what the reader of a report must know about the data, collected for each run by itself.

`tell` warns as Python does (`KCityWarning`) and hands the text to whoever collects in the same
context, so that studies that run in threads side by side never exchange their notes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from kcity_geo.errors import KCityWarning, one_line

__all__ = ["collected", "kept_apart", "muted", "tell"]

#: Lists that collect in this context, the innermost last; None: notes are muted.
_COLLECTORS: ContextVar[tuple[list[str] | None, ...]] = ContextVar("collectors", default=())


def tell(text: str, *, stacklevel: int = 2, again: bool = False) -> None:
    """
    Tell the user something about the quality of the data.

    Parameters
    ----------
    text : one line: what, where, and what to do.
    stacklevel : as of `warnings.warn`; 2 names the caller.
    again : the user was warned already: only those who collect are told.

    Warns
    -----
    KCityWarning
        Once for each text while somebody collects, each time otherwise.

    Examples
    --------
    >>> with muted(), collected() as texts:
    ...     tell("population: covers 60 % of the city")
    >>> texts
    ['population: covers 60 % of the city']
    """
    text = one_line(text)
    collectors = _COLLECTORS.get()
    if collectors and collectors[-1] is None:
        return
    lists = [found for found in collectors if found is not None]
    known = bool(lists) and text in lists[-1]
    for found in lists:
        if text not in found:
            found.append(text)
    if not known and not again and None not in collectors:
        warnings.warn(text, KCityWarning, stacklevel=stacklevel + 1)


@contextmanager
def collected(texts: list[str] | None = None) -> Iterator[list[str]]:
    """
    Collect the notes of a block, each once, in the order in which they came.

    Parameters
    ----------
    texts : list to add to; a new one when None.

    Yields
    ------
    The list.
    """
    found: list[str] = [] if texts is None else texts
    token = _COLLECTORS.set((*_COLLECTORS.get(), found))
    try:
        yield found
    finally:
        _COLLECTORS.reset(token)


@contextmanager
def muted() -> Iterator[None]:
    """Keep the notes of a block from the user; an inner `collected` still gets them."""
    token = _COLLECTORS.set((*_COLLECTORS.get(), None))
    try:
        yield
    finally:
        _COLLECTORS.reset(token)


@contextmanager
def kept_apart() -> Iterator[list[str]]:
    """
    Collect the notes of a block away from everybody else, for who keeps them and tells them later.

    Yields
    ------
    The list; neither the user nor an outer `collected` hears of them.
    """
    found: list[str] = []
    token = _COLLECTORS.set((None, found))
    try:
        yield found
    finally:
        _COLLECTORS.reset(token)
