"""
Nodes and ways of a PBF file as arrays: no object of Python for what no layer takes.

The usual file only, as all extract tools write it: dense nodes, sorted, of one moment, compressed with
zlib. Whatever else stands in a block, also damage, gives None: then libosmium reads the file, or says
what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, product
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kcity_geo.sources.osm.blocks import PlainBlock, plain_blocks
from kcity_geo.sources.osm.rules import Match, Rules

__all__ = ["Columns", "Tagged", "read_columns"]

#: Degrees are whole numbers of this size, as in libosmium.
SCALE: Final = 10_000_000
_NANODEGREES: Final = 100
#: Bytes of a text that libosmium takes.
_LONGEST_TEXT: Final = 1024
_STRINGS, _GROUP = 1, 2
_GRANULARITY, _DATE_GRANULARITY, _LAT_OFFSET, _LON_OFFSET = 17, 18, 19, 20
_DENSE, _WAYS, _RELATIONS = 2, 3, 4
_IDS, _INFO, _LAT, _LON, _PAIRS = 1, 5, 8, 9, 10
_STAMPS, _VISIBLE = 2, 6
#: What a text of a block is to the rules: see `_Texts`, and a part of a pair.
_WANTED, _DROPPED, _ASKED, _PAIRED = 1, 2, 4, 8

Ints = NDArray[np.int64]
_Tags = list[dict[str, str] | None]
_Matches = list[Match | None]


class _UnusualError(ValueError):
    """A block has something that is left to libosmium."""


@dataclass(kw_only=True, eq=False)
class Tagged:
    """
    Objects with one of the keys of some layer.

    Parameters
    ----------
    osm_id, stamp : of each; last edit in seconds since 1970.
    tags : of each, without keys that are never kept; None where one is no UTF-8.
    match : what they mean; None as for the tags.
    """

    osm_id: Ints
    stamp: Ints
    tags: list[dict[str, str] | None]
    match: list[Match | None]


@dataclass(kw_only=True, eq=False)
class Columns:
    """
    What a file holds of nodes and ways.

    Parameters
    ----------
    node_id : of every node, ascending.
    x, y : of every node, degrees times `SCALE`.
    nodes : those with a key of some layer, and where they stand in `node_id`.
    node_at : of `nodes`, positions.
    ways : those with a key of some layer.
    nowhere : nodes with a key of some layer that have no place on Earth.
    refs : ids of the nodes of `ways`, one way after the other.
    ref_end : shape (ways + 1,), where each begins and ends in `refs`.
    others : ids of all other ways, which may bound a multipolygon.
    other_refs, other_end : their nodes, as those of `ways`.
    relation_blocks : where the blocks with relations lie.
    head_end : where the header of the file ends.
    """

    node_id: Ints
    x: Ints
    y: Ints
    nodes: Tagged
    node_at: Ints
    ways: Tagged
    refs: Ints
    ref_end: Ints
    nowhere: int
    others: Ints
    other_refs: Ints
    other_end: Ints
    relation_blocks: Ints
    head_end: int


@dataclass(kw_only=True, eq=False)
class _Texts:
    """
    The texts of a block.

    Parameters
    ----------
    texts : each; None for one that is no UTF-8.
    wanted, dropped, asked : whether each is a key of some layer, one that is never kept, one that rules ask for.
    gone : key and value, as one number, of tags that rules ask for as a pair.
    sound : whether all are UTF-8.
    """

    texts: NDArray[np.object_]
    wanted: NDArray[np.bool_]
    dropped: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    gone: Ints
    sound: bool

    def tags(self, pairs: Ints, ends: Ints, rules: Rules) -> tuple[_Tags, _Matches]:
        """Give the tags of objects, whose pairs end at `ends`, and what they mean."""
        count = np.diff(ends)
        owner = np.repeat(np.arange(len(count)), count)
        keys, values = pairs[:, 0], pairs[:, 1]
        lost: list[int] = []
        if not self.sound:
            known = np.array([text is not None for text in self.texts])
            lost = np.unique(owner[~(known[keys] & known[values])]).tolist()
        kept = ~self.dropped[keys]
        texts = zip(self.texts[keys[kept]].tolist(), self.texts[values[kept]].tolist(), strict=True)
        counts = np.bincount(owner[kept], minlength=len(count)).tolist()
        found: _Tags = [dict(islice(texts, number)) for number in counts]
        for number in lost:
            found[number] = None
        asked = self.asked[keys]
        if len(self.gone):
            asked |= np.isin(keys * len(self.texts) + values, self.gone)
        asked &= kept
        ends = np.concatenate([[0], np.cumsum(np.bincount(owner[asked], minlength=len(count)))])
        return found, _matches(found, pairs[asked], ends, rules)


def _matches(found: _Tags, pairs: Ints, ends: Ints, rules: Rules) -> _Matches:
    """Say what tags mean: rules look once at all objects of a block with the same pairs that they ask for."""
    text, known = np.ascontiguousarray(pairs).tobytes(), dict[bytes, Match]()
    matches = _Matches()
    places = (ends * pairs.itemsize * 2).tolist()
    for tags, (begin, end) in zip(found, pairwise(places), strict=True):
        if tags is None:
            matches.append(None)
            continue
        signature = text[begin:end]
        match = known.get(signature)
        if match is None:
            match = known[signature] = rules.match(tags)
        matches.append(match)
    return matches


class _Columns:
    """Blocks of a file, gathered one after the other."""

    def __init__(self, rules: Rules, bounds: Sequence[float]) -> None:
        self._rules = rules
        paired = {text for pair in rules.asked_pairs for text in pair}
        self._marks: dict[str | None, int] = {}
        for mark, texts in (
            (_WANTED, rules.filter_keys), (_DROPPED, rules.drop_keys), (_ASKED, rules.asked_keys), (_PAIRED, paired),
        ):  # fmt: skip
            for text in texts:
                self._marks[text] = self._marks.get(text, 0) | mark
        self._bounds = bounds
        self.parts: dict[str, list[NDArray[np.int64]]] = {
            name: [] for name in ("node_id", "x", "y", "node_at", "node_stamp", "way_id", "way_stamp", "refs", "count",
                         "others", "other_refs", "other_count")
        }  # fmt: skip
        self.node_tags, self.way_tags = _Tags(), _Tags()
        self.node_match, self.way_match = _Matches(), _Matches()
        self.relation_blocks: list[tuple[int, int]] = []
        self.head_end = -1
        self._nodes = self._nowhere = 0
        self._last = {_DENSE: -1, _WAYS: -1}

    def add(self, whole: PlainBlock) -> None:
        """Read a block."""
        block = whole.data
        if self.head_end < 0:
            self.head_end = whole.start
        raw = np.frombuffer(block, dtype=np.uint8)
        top = _fields(raw, 0, len(raw))
        numbers = {int(n): int(v) for n, v, end in top if end < 0}
        if numbers.get(_DATE_GRANULARITY, 1000) != 1000:  # noqa: PLR2004 - milliseconds
            raise _UnusualError
        tables = top[top[:, 0] == _STRINGS]
        if len(tables) != 1:
            raise _UnusualError
        texts = self._texts(block, _fields(raw, *tables[0, 1:]))
        for _, start, end in top[top[:, 0] == _GROUP]:
            group = _fields(raw, start, end)
            kinds = set(group[:, 0].tolist())
            if kinds == {_DENSE} and len(group) == 1:
                self._dense(raw, _fields(raw, *group[0, 1:]), numbers, texts)
            elif kinds == {_WAYS} and (group[:, 2] >= 0).all():
                self._ways(raw, np.ascontiguousarray(group[:, 1:]), texts)
            elif kinds == {_RELATIONS}:
                self.relation_blocks.append((whole.start, whole.end))
            elif kinds:
                raise _UnusualError

    def _texts(self, block: bytes, entries: Ints) -> _Texts:
        if not (entries[:, 0] == 1).all() or (entries[:, 2] < 0).any():
            raise _UnusualError
        if (entries[:, 2] - entries[:, 1] > _LONGEST_TEXT).any():
            raise _UnusualError
        raw = [block[start:end] for start, end in entries[:, 1:].tolist()]
        sound, texts = True, list[str | None]()
        for text in raw:
            try:
                texts.append(text.decode())
            except UnicodeDecodeError:
                texts.append(None)
                sound = False
        said = np.array([self._marks.get(text, 0) for text in texts], dtype=np.int64)
        at: dict[str | None, list[int]] = {}  # a text may stand twice in a block
        for i in np.flatnonzero(said & _PAIRED).tolist():
            at.setdefault(texts[i], []).append(i)
        gone = [
            key * len(texts) + value
            for pair in self._rules.asked_pairs
            for key, value in product(at.get(pair[0], ()), at.get(pair[1], ()))
        ]
        return _Texts(
            texts=np.fromiter(texts, dtype=object, count=len(texts)),
            wanted=said & _WANTED > 0,
            dropped=said & _DROPPED > 0,
            asked=said & _ASKED > 0,
            gone=np.array(gone, dtype=np.int64),
            sound=sound,
        )

    def _dense(
        self, raw: NDArray[np.uint8], group: Ints, numbers: dict[int, int], texts: _Texts
    ) -> None:
        from kcity_geo.sources.osm.kernels import tagged_nodes

        span = _spans(group, {_IDS, _INFO, _LAT, _LON, _PAIRS})
        ids, lat, lon = (_unpacked(raw, span.get(n), signed=True) for n in (_IDS, _LAT, _LON))
        pairs = _unpacked(raw, span.get(_PAIRS), signed=False)
        if not len(ids) == len(lat) == len(lon):
            raise _UnusualError
        stamps = np.zeros(len(ids), dtype=np.int64)
        if _INFO in span:
            info = _spans(_fields(raw, *span[_INFO]), {1, _STAMPS, 3, 4, 5})
            if _STAMPS in info:
                stamps = _unpacked(raw, info[_STAMPS], signed=True)
        if len(stamps) != len(ids):
            raise _UnusualError
        self._ascending(_DENSE, ids)
        step = numbers.get(_GRANULARITY, _NANODEGREES)
        y = _scaled(lat * step + numbers.get(_LAT_OFFSET, 0))
        x = _scaled(lon * step + numbers.get(_LON_OFFSET, 0))
        where = np.empty((len(ids) + 1, 3), dtype=np.int64)
        count = tagged_nodes(pairs, texts.wanted, len(ids), where)
        if count < 0:
            raise _UnusualError
        where = self._in_bounds(where[:count], x, y)
        self._keep_nodes(texts, pairs, where, stamps)
        for name, values in (("node_id", ids), ("x", x), ("y", y)):
            self.parts[name].append(values)
        self._nodes += len(ids)

    def _in_bounds(self, where: Ints, x: Ints, y: Ints) -> Ints:
        """Leave out the nodes outside the study area, and count those that lie nowhere."""
        lon, lat = x[where[:, 0]] / SCALE, y[where[:, 0]] / SCALE
        on_earth = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)  # noqa: PLR2004 - degrees
        self._nowhere += int((~on_earth).sum())
        west, south, east, north = self._bounds
        inside = (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
        return where[on_earth & inside]

    def _keep_nodes(self, texts: _Texts, pairs: Ints, where: Ints, stamps: Ints) -> None:
        count = where[:, 2] - where[:, 1]
        ends = np.concatenate([[0], np.cumsum(count)])
        at = np.arange(ends[-1]) + np.repeat(where[:, 1] - ends[:-1], count)
        tags, match = texts.tags(pairs[at].reshape(-1, 2), ends // 2, self._rules)
        self.node_tags += tags
        self.node_match += match
        self.parts["node_at"].append(where[:, 0] + self._nodes)
        self.parts["node_stamp"].append(stamps[where[:, 0]])

    def _ways(self, raw: NDArray[np.uint8], spans: Ints, texts: _Texts) -> None:
        from kcity_geo.sources.osm.kernels import wanted_ways

        about = np.zeros((len(spans) + 1, 5), dtype=np.int64)
        pairs, refs = np.empty(len(raw) * 2, dtype=np.int64), np.empty(len(raw), dtype=np.int64)
        if not wanted_ways(raw, spans, texts.wanted, about, pairs, refs):
            raise _UnusualError
        ids, stamps, wanted = about[1:, 0], about[1:, 1], about[1:, 4] > 0
        self._ascending(_WAYS, ids)
        ends = np.concatenate([[0], about[1:, 2][wanted]])
        tags, match = texts.tags(pairs[: ends[-1]].reshape(-1, 2), ends // 2, self._rules)
        self.way_tags += tags
        self.way_match += match
        count = np.diff(about[:, 3])
        of_wanted = np.repeat(wanted, count)
        refs = refs[: about[-1, 3]]
        for name, values in (
            ("way_id", ids[wanted]), ("way_stamp", stamps[wanted]), ("refs", refs[of_wanted]), ("count", count[wanted]),
            ("others", ids[~wanted]), ("other_refs", refs[~of_wanted]), ("other_count", count[~wanted]),
        ):  # fmt: skip
            self.parts[name].append(values)

    def _ascending(self, kind: int, ids: Ints) -> None:
        """Leave a file whose ids are not in order, or below zero, to libosmium."""
        if len(ids):
            if ids[0] <= self._last[kind] or (np.diff(ids) <= 0).any():
                raise _UnusualError
            self._last[kind] = int(ids[-1])

    def whole(self) -> Columns:
        """Give all of it."""
        empty = np.zeros(0, dtype=np.int64)
        parts = {n: np.concatenate([empty, *p]) for n, p in self.parts.items()}
        node_at = parts["node_at"]
        return Columns(
            node_id=parts["node_id"],
            x=parts["x"],
            y=parts["y"],
            nodes=Tagged(
                osm_id=parts["node_id"][node_at],
                stamp=parts["node_stamp"],
                tags=self.node_tags,
                match=self.node_match,
            ),
            node_at=node_at,
            ways=Tagged(
                osm_id=parts["way_id"],
                stamp=parts["way_stamp"],
                tags=self.way_tags,
                match=self.way_match,
            ),
            refs=parts["refs"],
            ref_end=np.concatenate([[0], np.cumsum(parts["count"])]).astype(np.int64),
            nowhere=self._nowhere,
            others=parts["others"],
            other_refs=parts["other_refs"],
            other_end=np.concatenate([[0], np.cumsum(parts["other_count"])]).astype(np.int64),
            relation_blocks=np.array(self.relation_blocks, dtype=np.int64).reshape(-1, 2),
            head_end=self.head_end,
        )


def _scaled(nanodegrees: Ints) -> Ints:
    """Divide towards zero, as libosmium does."""
    whole: Ints = np.sign(nanodegrees) * (np.abs(nanodegrees) // _NANODEGREES)
    return whole


def _fields(raw: NDArray[np.uint8], start: int, end: int) -> Ints:
    from kcity_geo.sources.osm.kernels import fields

    if not 0 <= start <= end <= len(raw):  # a number where bytes should be
        raise _UnusualError
    out = np.empty(((end - start) // 2 + 1, 3), dtype=np.int64)
    count = fields(raw, start, end, out)
    if count < 0:
        raise _UnusualError
    return out[:count].copy()


def _spans(message: Ints, known: set[int]) -> dict[int, tuple[int, int]]:
    """Give where the packed fields of a message lie, each once."""
    found = {int(number): (int(start), int(end)) for number, start, end in message}
    if len(found) < len(message) or not found.keys() <= known or (message[:, 2] < 0).any():
        raise _UnusualError
    return found


def _unpacked(raw: NDArray[np.uint8], span: tuple[int, int] | None, *, signed: bool) -> Ints:
    from kcity_geo.sources.osm.kernels import unpacked

    start, end = span or (0, 0)
    out = np.empty(end - start, dtype=np.int64)
    count = unpacked(raw, start, end, out, signed)
    if count < 0:
        raise _UnusualError
    return out[:count]


def read_columns(path: Path, rules: Rules, bounds: Sequence[float]) -> Columns | None:
    """
    Read the nodes and ways of a PBF file.

    Parameters
    ----------
    path : of a file that `kcity_geo.sources.osm.blocks.kinds_in_order` has looked at.
    rules : which keys belong to a layer.
    bounds : of the study area; nodes outside are not given.

    Returns
    -------
    The arrays; None where the file is to be read by libosmium.
    """
    found = _Columns(rules, bounds)
    try:
        for block in plain_blocks(path):
            found.add(block)
    except ValueError:
        return None
    return found.whole()
