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
from typing import Final, NamedTuple

__all__ = ["PlainBlock", "kinds_in_order", "plain_blocks"]

_MAX_HEADER: Final = 64 * 1024
_MAX_BLOB: Final = 32 * 1024 * 1024  # both from the PBF specification
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_SHIFT: Final = 63
_32_BITS: Final = 0xFFFFFFFF
_RAW, _ZLIB, _LZMA = 1, 3, 4
_DATA: Final = {_RAW: "raw", _ZLIB: "zlib", _LZMA: "lzma", 5: "bzip2", 6: "LZ4", 7: "zstd"}
_STRINGS, _GROUP = 1, 2
_TEXT: Final = 0x0A
#: What a file asks of its reader, and what is nothing out of the ordinary.
_REQUIRED: Final = 4
_PLAIN: Final = frozenset({b"OsmSchema-V0.6", b"DenseNodes"})
#: Field of a group of objects -> its place in a file in the usual order.
_KINDS: Final = {1: 0, 2: 0, 3: 1, 4: 2}


class PlainBlock(NamedTuple):
    """
    A block of a file.

    Parameters
    ----------
    data : decompressed.
    start, end : where it lies in the file, with its header.
    """

    data: bytes
    start: int
    end: int


def kinds_in_order(path: Path) -> bool:
    """
    Refuse a PBF file that libosmium must not get, and tell whether its nodes stand before its ways.

    Parameters
    ----------
    path : file in PBF format.

    Returns
    -------
    True when nodes stand before ways and ways before relations. A file that breaks off or is no PBF at
    all is judged by the part that could be read: libosmium reports such files itself.

    Raises
    ------
    ValueError
        If a text holds a NUL byte, a block is larger than the format allows, or has a compression that
        cannot be looked into, or its data twice.
    """
    last = 0
    for block in _blocks(path):
        for number, value in _fields(block):
            if not isinstance(value, bytes):
                continue
            if number == _STRINGS and _table_holds_nul(value):
                raise ValueError("a text holds a NUL byte")
            if number == _GROUP:
                kind = _KINDS.get(next(_fields(value), (0, 0))[0], last)
                if kind < last:
                    return _rest_is_sound(path)
                last = kind
    return True


def _rest_is_sound(path: Path) -> bool:
    """Look at every text of a file that is not in order, too."""
    for block in _blocks(path):
        tables = (v for n, v in _fields(block) if n == _STRINGS and isinstance(v, bytes))
        if any(_table_holds_nul(table) for table in tables):
            raise ValueError("a text holds a NUL byte")
    return False


def _blocks(path: Path) -> Iterator[bytes]:
    """Give the data blocks of a file, decompressed."""
    with path.open("rb") as stream:
        while len(size := stream.read(4)) == 4:  # noqa: PLR2004 - big-endian length
            length = int.from_bytes(size, "big")
            if length > _MAX_HEADER:
                return
            header = _once(stream.read(length), "header of a block")
            size_of_blob = header.get(3, 0)
            if not isinstance(size_of_blob, int) or size_of_blob > _MAX_BLOB:
                raise ValueError(f"PBF error: block of {size_of_blob!r} bytes")
            blob = stream.read(size_of_blob)
            if header.get(1) == b"OSMData":
                yield _inflated(blob)


def plain_blocks(path: Path) -> Iterator[PlainBlock]:
    """
    Give the data blocks of a whole file as every extract tool writes it.

    Parameters
    ----------
    path : file in PBF format that `kinds_in_order` has looked at.

    Yields
    ------
    Each block of data; the header of the file lies before the first.

    Raises
    ------
    ValueError
        If the file is cut, damaged, asks for more than dense nodes of a reader, or is compressed otherwise.
    """
    with path.open("rb") as stream:
        kind, start = b"OSMHeader", 0
        while size := stream.read(4):
            header = _once(stream.read(int.from_bytes(size, "big")), "header of a block")
            blob = stream.read(int(header.get(3, -1)))
            if len(blob) != header.get(3) or header.get(1) != kind:
                raise ValueError("cut, or no block of data")
            block = _whole(_once(blob, "block"))
            if kind == b"OSMHeader":
                asks = {value for number, value in _fields(block) if number == _REQUIRED}
                if not asks <= _PLAIN:
                    raise ValueError("asks for more of a reader")
                kind = b"OSMData"
            else:
                yield PlainBlock(block, start, stream.tell())
            start = stream.tell()
        if kind == b"OSMHeader":
            raise ValueError("empty")


def _whole(parts: dict[int, int | bytes]) -> bytes:
    """Give the data of a block compressed with zlib, which must be as long as it says."""
    packed, length = parts.get(_ZLIB), parts.get(2)
    if not isinstance(packed, bytes) or not isinstance(length, int) or length > _MAX_BLOB:
        raise ValueError("compressed otherwise")
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(packed, length)
    except zlib.error as error:
        raise ValueError("damaged") from error
    if len(data) != length or not inflate.eof:
        raise ValueError("damaged")
    return data


def _once(message: bytes, what: str) -> dict[int, int | bytes]:
    """Read the fields of a message that may hold each only once; readers differ in which they take."""
    found: dict[int, int | bytes] = {}
    for number, value in _fields(message):
        if number in found:
            raise ValueError(f"PBF error: a {what} holds field {number} twice")
        found[number] = value
    return found


def _inflated(blob: bytes) -> bytes:
    parts = _once(blob, "block")
    data = [(number, value) for number, value in parts.items() if number in _DATA]
    if len(data) > 1:
        raise ValueError("PBF error: a block holds its data twice")
    if not data:
        return b""
    number, value = data[0]
    if not isinstance(value, bytes):
        return b""  # libosmium says what is wrong
    if number not in {_RAW, _ZLIB, _LZMA}:
        raise ValueError(
            f"a block is compressed with {_DATA[number]}, which is not read here; write the file again "
            "with zlib (osmium cat -f pbf,pbf_compression=zlib)"
        )
    try:
        if number == _RAW:
            return value
        if number == _ZLIB:
            return zlib.decompressobj().decompress(value, _MAX_BLOB)
        return lzma.LZMADecompressor().decompress(value, _MAX_BLOB)
    except (zlib.error, lzma.LZMAError, EOFError):
        return b""  # libosmium says what is wrong


def _table_holds_nul(table: bytes) -> bool:
    # the first entry is the empty text, written 0x0A 0x00: the only NUL of a good table
    if table.startswith(b"\n\0") and table.count(b"\0") == 1:
        return False
    at, end = 0, len(table)
    while at + 1 < end and table[at] == _TEXT and table[at + 1] < 0x80:  # noqa: PLR2004 - length of one byte
        start, at = at + 2, at + 2 + table[at + 1]
        if table.find(b"\0", start, at) >= 0:
            return True
    table = table[at:]
    return any(isinstance(text, bytes) and b"\0" in text for _, text in _fields(table))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Walk the fields of a protobuf message; stops where it is cut."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        key &= _32_BITS  # as libosmium reads it
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
        elif kind == _BYTES:
            length, at = _varint(message, at)
            length &= _32_BITS
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
