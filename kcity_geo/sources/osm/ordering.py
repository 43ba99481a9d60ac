"""
One way to libosmium for every OSM file: looked at first, and sorted when it is not in order.

libosmium joins lines and areas in one pass and wants nodes before ways before relations, each by their
id, and no id below zero. The formats ask for none of that: editors, Overpass and many extract tools
write otherwise. Such a file is sound; it is read from a sorted copy.
"""

from __future__ import annotations

import bz2
import gzip
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar, cast
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import LimitError, SourceError
from kcity_geo.osm_writer import osm_writer
from kcity_geo.sources.osm.blocks import kinds_in_order

__all__ = ["OutOfOrderError", "original_ids", "original_lists", "read_in_order", "text_stream"]

#: Ids below zero, which editors give to what is not uploaded yet, are counted on from here.
_NEW_FROM: Final = 1 << 40
#: Sorting holds every object in memory, about twenty times the bytes of a PBF file: this stays under 4 GB.
MOST_SORTED_BYTES: Final = 180_000_000
_CHUNK: Final = 4 * 1024 * 1024
_NODE: Final = re.compile(rb"<node[\s>]")
_LATER: Final = re.compile(rb"<(?:way|relation)[\s>]")
_EDITOR: Final = re.compile(
    rb"action\s*=\s*[\"']delete|visible\s*=\s*[\"']false|\sid\s*=\s*[\"']-\d"
)
#: Overpass answers with what it has got so far, and says at the end of the file that this is not all.
_GAVE_UP: Final = re.compile(rb"<remark>\s*(runtime error[^<]*)")
_END_BYTES: Final = 4096
_OBJECTS: Final = frozenset({"node", "way", "relation"})
#: What libosmium says of a file that only lacks order.
_DISORDER: Final = ("out of order", "twice in input")

_Read = TypeVar("_Read")


class OutOfOrderError(RuntimeError):
    """An object has an id that libosmium cannot look up: below zero."""


def read_in_order(path: Path, read: Callable[[str], _Read]) -> _Read:
    """
    Read an OSM file, from a sorted copy when it is not in order.

    Parameters
    ----------
    path : ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``.
    read : gets the path of a file; starts afresh each time it is called.

    Returns
    -------
    What `read` gives. Deleted objects of an editor's file are not in it; ids of new ones are shifted, see
    `original_ids`.

    Raises
    ------
    LimitError
        If a file that is not in order is too large to be sorted in memory.
    ValueError
        If the file must not be given to libosmium, see `kcity_geo.sources.osm.blocks.kinds_in_order`.
    RuntimeError
        What `read` raises on a damaged file.
    """
    in_order = kinds_in_order(path) if path.name.lower().endswith("pbf") else _text_in_order(path)
    if in_order:
        try:
            return read(str(path))
        except RuntimeError as error:
            if not isinstance(error, OutOfOrderError) and not any(
                words in str(error) for words in _DISORDER
            ):
                raise
    with tempfile.TemporaryDirectory(prefix="kcity-osm-") as folder:
        return read(_sorted_copy(path, Path(folder)))


def original_ids(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """
    Give the ids below zero back that a sorted copy has shifted.

    Parameters
    ----------
    ids : of objects.

    Returns
    -------
    The ids as the file writes them.

    Examples
    --------
    >>> original_ids(np.array([7, (1 << 40) + 3])).tolist()
    [7, -3]
    """
    return np.where(ids >= _NEW_FROM, _NEW_FROM - ids, ids)


def original_lists(lists: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """
    Give the ids of many lists as `original_ids`; in most files none was shifted.

    Parameters
    ----------
    lists : ids of nodes.

    Returns
    -------
    The same lists with the ids as the file writes them.
    """
    known = {id(ids): ids for ids in lists}  # all that are empty are mostly one
    every = np.concatenate([np.zeros(0, dtype=np.int64), *known.values()])
    if not (every >= _NEW_FROM).any():
        return list(lists)
    return [original_ids(ids) for ids in lists]


def text_stream(path: Path) -> BinaryIO:
    """
    Open an XML file, compressed or not.

    Parameters
    ----------
    path : ``.osm``, ``.osm.gz`` or ``.osm.bz2``.

    Returns
    -------
    Its text, as bytes.
    """
    name = path.name.lower()
    if name.endswith(".gz"):
        return cast("BinaryIO", gzip.open(path, "rb"))
    return cast("BinaryIO", bz2.open(path, "rb")) if name.endswith(".bz2") else path.open("rb")


def _text_in_order(path: Path) -> bool:
    """Tell whether an XML file has nodes before ways, and nothing that only editors write."""
    in_order, later, tail, end = True, False, b"", b""
    try:
        with text_stream(path) as stream:
            while chunk := stream.read(_CHUNK):
                end = (end + chunk)[-_END_BYTES:]
                if not in_order:
                    continue
                text = tail + chunk
                first = None if later else _LATER.search(text)
                begin = 0 if later else first.end() if first else len(text)
                in_order = not _EDITOR.search(text) and not _NODE.search(text, begin)
                later = later or first is not None
                tail = text[-64:]
    except (OSError, EOFError):
        return True  # libosmium says what is wrong
    if found := _GAVE_UP.search(end):
        said = " ".join(found.group(1).decode("utf-8", "replace").split())
        raise SourceError(
            f"OSM file {path}: holds a part of what was asked for, as Overpass says at its end ({said[:200]}); "
            "ask again, for less or with a longer [timeout:]"
        )
    return in_order


def _sorted_copy(path: Path, folder: Path) -> str:
    """Write the file by kind and id, each object once, without what an editor deleted."""
    import osmium

    source = str(path)
    if not path.name.lower().endswith("pbf"):
        source = str(_without_deleted(path, folder / "kept.osm"))
    source = _renumbered(source, folder / "renumbered.osm.pbf")
    if (size := Path(source).stat().st_size) > MOST_SORTED_BYTES:
        raise LimitError(
            f"OSM file {path}: its objects are not in the order of their ids, and sorting its {size:,} bytes "
            f"needs more than 4 GB of memory (at most {MOST_SORTED_BYTES:,}); cut it to the city, or sort it: "
            "osmium sort IN.osm.pbf -o OUT.osm.pbf"
        )
    copy = folder / "sorted.osm.pbf"
    merged = osmium.MergeInputReader()
    merged.add_file(source)
    with osm_writer(copy) as writer:
        merged.apply(writer, simplify=True)
    return str(copy)


def _without_deleted(path: Path, out: Path) -> Path:
    """Copy an XML file without the objects that its editor has marked as deleted."""
    with text_stream(path) as stream, out.open("wb") as target:
        target.write(b'<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n')
        for item in _objects(stream):
            if item.get("action") != "delete" and item.get("visible") != "false":
                item.attrib.pop("action", None)
                target.write(ET.tostring(item, encoding="utf-8"))
        target.write(b"</osm>\n")
    return out


def _objects(stream: BinaryIO) -> Iterator[ET.Element]:
    """Walk the nodes, ways and relations of an XML file; nothing else is kept in memory."""
    try:
        events = ET.iterparse(stream, events=("start", "end"))  # noqa: S314 - see above
        root: ET.Element | None = None
        for event, item in events:
            if root is None:
                root = item
                if root.tag != "osm":
                    raise RuntimeError(f"XML error: the root is {root.tag}, not osm")
            elif event == "end" and item.tag in _OBJECTS:
                yield item
                root.clear()
    except ET.ParseError as error:
        raise RuntimeError(f"XML parsing error: {error}") from error


def _renumbered(source: str, out: Path) -> str:
    """Copy a file with ids below zero counted on from `_NEW_FROM`."""
    import osmium

    def new(number: int) -> int:
        return number if number >= 0 else _NEW_FROM - number

    with osm_writer(out) as writer:
        for item in osmium.FileProcessor(source):
            changes: dict[str, Any] = {"id": new(item.id)}
            if item.is_way():
                changes["nodes"] = [new(node.ref) for node in item.nodes]
            elif item.is_relation():
                changes["members"] = [(m.type, new(m.ref), m.role) for m in item.members]
            if not item.deleted:
                writer.add(item.replace(**changes))
    return str(out)
