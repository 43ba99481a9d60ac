"""
Write an OpenStreetMap file so that a full disk is an error and not the end of the process.

pyosmium's writer flushes what is left when it is thrown away; after a failed write this raises inside a
C++ destructor, which ends the process with a signal. A writer that failed is therefore never thrown away.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

__all__ = ["osm_writer"]

#: What libosmium says when a file cannot be written, then and ever after.
_FAILED: Final = ("Write failed", "Can not write to writer", "Close failed", "Fsync failed")
_BUFFER_BYTES: Final = 4 * 1024 * 1024


@contextmanager
def osm_writer(path: str | Path, *, header: Any = None) -> Iterator[Any]:  # noqa: ANN401 - osmium
    """
    Open a file for OpenStreetMap objects.

    Parameters
    ----------
    path : file that does not exist yet; its ending says the format.
    header : osmium header; an empty one when None.

    Yields
    ------
    The writer, closed when the block ends.

    Raises
    ------
    OSError
        If the file cannot be written, with ``ENOSPC`` when the disk is full.
    """
    import osmium

    writer = osmium.SimpleWriter(str(path), _BUFFER_BYTES, header or osmium.io.Header())
    try:
        yield writer
        writer.close()
    except BaseException as error:
        try:
            writer.close()
        except RuntimeError:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(writer))
        if isinstance(error, RuntimeError) and any(words in str(error) for words in _FAILED):
            raise OSError(
                _errno(path), "No space left on device or write failed", str(path)
            ) from error
        raise


def _errno(path: str | Path) -> int:
    """Tell a full disk from another fault."""
    import shutil

    with suppress(OSError):
        if shutil.disk_usage(Path(path).parent).free > _BUFFER_BYTES:
            return errno.EIO
    return errno.ENOSPC
