"""
A look at the raw blocks of a PBF file, before libosmium gets it.

libosmium takes tag texts for C strings: a NUL byte inside one shifts all that follow and ends the
process with a segmentation fault. OSM itself never writes one, so a file that holds one is damaged
or hostile, and is refused here. Costs a twentieth of the reading itself.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["holds_nul"]

_MAX_HEADER: Final = 64 * 1024
_MAX_BLOB: Final = 32 * 1024 * 1024  # both from the PBF specification
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_SHIFT: Final = 63


def holds_nul(path: Path) -> bool:
    """
    Tell whether any text of a PBF file holds a NUL byte.

    Parameters
    ----------
    path : file in PBF format.

    Returns
    -------
    True when one does. A file that breaks off or is no PBF at all gives False for the part that
    could be read: libosmium reports such files itself.

    Raises
    ------
    ValueError
        If a block is larger than the format allows.
    """
    return any(_table_holds_nul(table) for table in _string_tables(path))


def _string_tables(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while len(size := stream.read(4)) == 4:  # noqa: PLR2004 - big-endian length
            length = int.from_bytes(size, "big")
            if length > _MAX_HEADER:
                return
            header = dict(_fields(stream.read(length)))
            size_of_blob = header.get(3, 0)
            if not isinstance(size_of_blob, int) or size_of_blob > _MAX_BLOB:
                raise ValueError(f"PBF error: block of {size_of_blob!r} bytes")
            blob = stream.read(size_of_blob)
            if header.get(1) == b"OSMData":
                yield from (
                    value
                    for number, value in _fields(_inflated(blob))
                    if number == 1 and isinstance(value, bytes)
                )


def _inflated(blob: bytes) -> bytes:
    parts = dict(_fields(blob))
    for number in (1, 3, 4):
        data = parts.get(number)
        if not isinstance(data, bytes):
            continue
        try:
            if number == 1:
                return data
            if number == 3:  # noqa: PLR2004 - field zlib_data
                return zlib.decompressobj().decompress(data, _MAX_BLOB)
            return lzma.LZMADecompressor().decompress(data, _MAX_BLOB)
        except (zlib.error, lzma.LZMAError):
            return b""  # libosmium says what is wrong
    return b""


def _table_holds_nul(table: bytes) -> bool:
    # the first entry is the empty text, written 0x0A 0x00: the only NUL of a good table
    if table.startswith(b"\n\0") and table.count(b"\0") == 1:
        return False
    return any(isinstance(text, bytes) and b"\0" in text for _, text in _fields(table))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Walk the fields of a protobuf message; stops where it is cut."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
        elif kind == _BYTES:
            length, at = _varint(message, at)
            yield key >> 3, message[at : at + length]
            at += length
        elif kind in {_FIXED64, _FIXED32}:
            at += 8 if kind == _FIXED64 else 4
        else:
            return


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift <= _MAX_SHIFT:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - last byte of the number
            break
        shift += 7
    return value, at
