"""
Compiled walks over the bytes of a PBF block: packed numbers, nodes and ways into arrays.

Import this module only inside functions: numba takes a second to load. Every length is held against the
bytes that are there; what is damaged or unusual is answered with a number below zero and left to
libosmium. `kcity_geo.sources.osm.columns` gives the arrays meaning.
"""

# ruff: noqa: FBT001, PLR2004 - kernels take arrays, and know the numbers of the format

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.compiling import compiled

__all__ = ["fields", "ring_starts", "simple_rings", "tagged_nodes", "unpacked", "wanted_ways"]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]


@compiled
def _varint(block: Bytes, at: int, end: int) -> tuple[int, int]:
    """Read a number; the place behind it, -1 where it is cut or too long."""
    value, shift = 0, 0
    while at < end and shift <= 63:
        byte = int(block[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return value, -1


@compiled
def _zigzag(value: int) -> int:
    return ((value >> 1) & 0x7FFFFFFFFFFFFFFF) ^ -(value & 1)


@compiled
def fields(block: Bytes, at: int, end: int, out: Ints) -> int:
    """
    List the fields of a message: number, value or start, end (-1: a number, no bytes).

    Parameters
    ----------
    block, at, end : bytes, and where the message lies.
    out : shape (most, 3), filled.

    Returns
    -------
    How many; -1 where the message is damaged or has a kind of field that is not expected.
    """
    count = 0
    while at < end:
        key, at = _varint(block, at, end)
        if at < 0 or count == len(out):
            return -1
        out[count, 0] = key >> 3
        kind = key & 7
        value, at = _varint(block, at, end)
        if at < 0 or kind not in {0, 2}:
            return -1
        out[count, 1], out[count, 2] = value, -1
        if kind == 2:
            if value < 0 or value > end - at:
                return -1
            out[count, 1], out[count, 2] = at, at + value
            at += value
        count += 1
    return count


@compiled
def unpacked(block: Bytes, at: int, end: int, out: Ints, signed: bool) -> int:
    """
    Read packed numbers.

    Parameters
    ----------
    block, at, end : bytes, and where the numbers lie.
    out : one a byte at most, filled.
    signed : zigzag, each the difference from the one before.

    Returns
    -------
    How many; -1 where they are damaged.
    """
    count, last = 0, 0
    while at < end:
        value, at = _varint(block, at, end)
        if at < 0:
            return -1
        if signed:
            last += _zigzag(value)
            value = last
        out[count] = value
        count += 1
    return count


@compiled
def tagged_nodes(pairs: Ints, wanted: NDArray[np.bool_], nodes: int, out: Ints) -> int:
    """
    Find the nodes that have one of the wanted keys.

    Parameters
    ----------
    pairs : key, value, key, value, 0 for each node in turn.
    wanted : of each text of the block.
    nodes : how many there are.
    out : shape (most, 3): number of the node, start and end of its pairs.

    Returns
    -------
    How many; -1 where the pairs are damaged.
    """
    count, at, node = 0, 0, 0
    if len(pairs) == 0:
        return 0
    while at < len(pairs):
        start, found = at, False
        while at < len(pairs) and pairs[at] != 0:
            if at + 1 >= len(pairs):
                return -1
            key, value = pairs[at], pairs[at + 1]
            if key < 0 or key >= len(wanted) or value < 0 or value >= len(wanted):
                return -1
            found = found or wanted[key]
            at += 2
        if at >= len(pairs) or node >= nodes:
            return -1
        if found:
            out[count, 0], out[count, 1], out[count, 2] = node, start, at
            count += 1
        at += 1
        node += 1
    return count if node == nodes else -1


@compiled
def _way_parts(block: Bytes, span: Ints, table: Ints, parts: Ints) -> bool:
    """Find the fields of a way, by number: where each begins and ends; False for anything unusual."""
    parts[:] = 0
    count = fields(block, span[0], span[1], table)
    for row in range(count):
        number, start, end = table[row]
        known = number in {1, 2, 3, 4, 8}
        if not known or parts[number, 2] or (end < 0) != (number == 1):
            return False
        parts[number] = start, end, 1
    return count >= 0 and parts[1, 2] == 1


@compiled
def _stamp(block: Bytes, info: Ints, table: Ints) -> int:
    """Read the last edit of a way; -1 where it says more of it than version, time and who."""
    stamp = 0
    count = fields(block, info[0], info[1], table)
    for row in range(count):
        number, value, end = table[row]
        if number > 5 or end >= 0:
            return -1
        if number == 2:
            stamp = value
    return stamp if count >= 0 else -1


@compiled
def _way_pairs(
    block: Bytes, parts: Ints, wanted: NDArray[np.bool_], pairs: Ints, pair: int
) -> tuple[int, bool]:
    """Read the keys and values of a way; where they end, -1 for damage, and whether one is wanted."""
    at, end, value_at, value_end = parts[2, 0], parts[2, 1], parts[3, 0], parts[3, 1]
    found = False
    while at < end:
        key, at = _varint(block, at, end)
        value, value_at = _varint(block, value_at, value_end)
        if at < 0 or value_at < 0 or not (0 <= key < len(wanted) and 0 <= value < len(wanted)):
            return -1, False
        found = found or wanted[key]
        pairs[pair], pairs[pair + 1] = key, value
        pair += 2
    return (pair, found) if value_at == value_end else (-1, False)


@compiled
def wanted_ways(
    block: Bytes, spans: Ints, wanted: NDArray[np.bool_], about: Ints, pairs: Ints, refs: Ints
) -> bool:
    """
    Read ways, and the tags of those that have one of the wanted keys.

    Parameters
    ----------
    block : bytes.
    spans : shape (n, 2), start and end of each way.
    wanted : of each text of the block.
    about : shape (n + 1, 5), filled from the second row: id, last edit, end of its pairs, end of its nodes, 1 for
        one that has a wanted key; the first row is 0.
    pairs : key, value of the wanted ways one after the other, filled.
    refs : ids of the nodes of all ways, filled.

    Returns
    -------
    False where one is damaged or has something unusual.
    """
    table, parts = np.zeros((16, 3), np.int64), np.zeros((9, 3), np.int64)
    pair, ref = 0, 0
    for way in range(len(spans)):
        if not _way_parts(block, spans[way], table, parts):
            return False
        end, found = _way_pairs(block, parts, wanted, pairs, pair)
        stamp = _stamp(block, parts[4], table)
        nodes = unpacked(block, parts[8, 0], parts[8, 1], refs[ref:], True)  # noqa: FBT003 - of the format
        if end < 0 or stamp < 0 or nodes < 0:
            return False
        pair, ref = end if found else pair, ref + nodes
        about[way + 1, 0], about[way + 1, 1], about[way + 1, 4] = parts[1, 0], stamp, found
        about[way + 1, 2], about[way + 1, 3] = pair, ref
    return True


@compiled
def ring_starts(x: Ints, y: Ints, ends: Ints, out: Ints) -> None:
    """
    Find where libosmium begins a ring, and which way round it goes.

    Parameters
    ----------
    x, y : of the corners of all rings, the first again as the last.
    ends : shape (n + 1,), where each ring begins and ends.
    out : shape (n, 2): number of its western, then southern corner; 1 anticlockwise, -1 clockwise, 0 where
        two neighbours are one place or it has no area.
    """
    for ring in range(len(ends) - 1):
        begin, end = ends[ring], ends[ring + 1]
        first, twice, whole = begin, 0, True
        for i in range(begin, end - 1):
            if x[i] < x[first] or (x[i] == x[first] and y[i] < y[first]):
                first = i
            twice += (x[i] - x[begin]) * (y[i + 1] - y[begin])
            twice -= (x[i + 1] - x[begin]) * (y[i] - y[begin])
            whole = whole and (x[i] != x[i + 1] or y[i] != y[i + 1])
        out[ring, 0] = first - begin
        out[ring, 1] = 0 if not whole or twice == 0 else (1 if twice > 0 else -1)


@compiled
def _side(x: Ints, y: Ints, a: int, b: int, c: int) -> int:
    """Tell on which side of the line from a to b corner c lies: above or below zero, zero on it."""
    return int((x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a]))


@compiled
def _apart(x: Ints, y: Ints, a: int, c: int) -> bool:
    """Tell whether the edges that begin at a and at c are clearly apart."""
    b, d = a + 1, c + 1
    if max(x[a], x[b]) < min(x[c], x[d]) or max(x[c], x[d]) < min(x[a], x[b]):
        return True
    if max(y[a], y[b]) < min(y[c], y[d]) or max(y[c], y[d]) < min(y[a], y[b]):
        return True
    first, second = _side(x, y, a, b, c), _side(x, y, a, b, d)
    if (first > 0 and second > 0) or (first < 0 and second < 0):
        return True
    first, second = _side(x, y, c, d, a), _side(x, y, c, d, b)
    return (first > 0 and second > 0) or (first < 0 and second < 0)


@compiled
def simple_rings(x: Ints, y: Ints, ends: Ints, out: NDArray[np.bool_]) -> None:
    """
    Find rings that surely neither touch nor cross themselves; the rest is left to GEOS.

    A side is a whole number; in a ring within two kilometres of its first corner, rounding the corners to doubles
    moves it by less than one half, so that GEOS sees every corner on the same side.

    Parameters
    ----------
    x, y : of the corners of all rings, degrees times 10,000,000, the first again as the last.
    ends : shape (n + 1,), where each ring begins and ends.
    out : shape (n,), filled: True for a ring of at most 64 edges that is surely simple.
    """
    for ring in range(len(ends) - 1):
        begin, last = ends[ring], ends[ring + 1] - 1
        simple = 3 <= last - begin <= 64
        for i in range(begin, last):
            if not simple:
                break
            simple = abs(x[i] - x[begin]) < 200_000 and abs(y[i] - y[begin]) < 200_000
        for i in range(begin, last):
            if not simple:
                break
            after = i + 2 if i + 1 < last else begin + 1
            turn = _side(x, y, i, i + 1, after)
            ahead = (x[i + 1] - x[i]) * (x[after] - x[i + 1])
            ahead += (y[i + 1] - y[i]) * (y[after] - y[i + 1])
            simple = turn != 0 or ahead > 0
            for k in range(i + 2, last if i > begin else last - 1):
                simple = simple and _apart(x, y, i, k)
        out[ring] = simple
