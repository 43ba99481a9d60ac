"""One guard around every reader of bytes: what is damaged is refused in one line, never a traceback."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from kcity_geo.errors import KCityError, OutputError, SourceError

__all__ = ["plain_line", "refused_when_damaged"]

_LONGEST = 200


@contextmanager
def refused_when_damaged(what: str, *, mend: str = "") -> Iterator[None]:
    """
    Turn whatever a reader raises into one line that names the file.

    Parameters
    ----------
    what : key and file, for the message.
    mend : what to do, added to the message.

    Yields
    ------
    Nothing.

    Raises
    ------
    SourceError
        For any error of the block but our own, which pass: decompression, decoding, geometry, memory
        and nesting alike.
    OutputError
        If the disk for temporary files is full.

    Examples
    --------
    >>> with refused_when_damaged("city.boundary: a.gpkg"):
    ...     raise EOFError("ended early")
    Traceback (most recent call last):
    kcity_geo.errors.SourceError: city.boundary: a.gpkg cannot be read (ended early)
    """
    end = f"; {mend}" if mend else ""
    try:
        yield
    except KCityError:
        raise
    except MemoryError as error:
        raise SourceError(
            f"{what} cannot be read (it needs more memory than there is){end}"
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise OutputError(
                f"{what}: the disk of {tempfile.gettempdir()} is full (No space left on device); free some "
                "space there, or set TMPDIR"
            ) from error
        raise SourceError(f"{what} cannot be read ({plain_line(error)}){end}") from error
    except RecursionError as error:
        raise SourceError(f"{what} cannot be read (it is nested too deeply){end}") from error
    except Exception as error:
        raise SourceError(f"{what} cannot be read ({plain_line(error)}){end}") from error


def plain_line(error: object) -> str:
    """
    Write an error of a library in one short line that a terminal can show.

    Parameters
    ----------
    error : exception or text.

    Returns
    -------
    The text without control characters, at most 200 characters; the kind of the error when it has no text.

    Examples
    --------
    >>> plain_line(ValueError("bad" + chr(27) + "[2J" + chr(10) + "text"))
    'bad [2J text'
    """
    text = "".join(c if c.isprintable() else " " for c in str(error))
    return " ".join(text.split())[:_LONGEST] or type(error).__name__
