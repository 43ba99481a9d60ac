"""Views of a GeoPackage: they are computed while they are read, so that one may never end."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

__all__ = ["endless_views"]

#: Steps of SQLite that the rows of one view may take, a few seconds, and how often they are counted.
_MOST_STEPS: Final = 200_000_000
_COUNTED_STEPS: Final = 100_000


def endless_views(path: Path) -> list[str]:
    """
    Find the views of a GeoPackage whose rows cannot be counted in a few seconds.

    Parameters
    ----------
    path : SQLite file; nothing is written.

    Returns
    -------
    Names of views that do not end, or ask for functions that SQLite does not have.
    """
    found = []
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as base:
        rows = base.execute("SELECT name FROM sqlite_master WHERE type = 'view'")
        for (name,) in rows.fetchall():
            if not _ends(base, str(name)):
                found.append(str(name))
    return found


def _ends(base: sqlite3.Connection, view: str) -> bool:
    left = _MOST_STEPS // _COUNTED_STEPS

    def spent() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    base.set_progress_handler(spent, _COUNTED_STEPS)
    named = view.replace('"', '""')
    try:
        base.execute(f'SELECT count(*) FROM "{named}"').fetchone()  # noqa: S608 - a name in quotes
    except sqlite3.Error:
        return False
    finally:
        base.set_progress_handler(None, 0)
    return True
