"""
The rows of ``tables/osm.toml``: which tags put an object into which layer.

Pure: looks at tags only, never at a file or a geometry.

>>> rules().match({"power": "sub_station"}).point
(('substation', 'substation'),)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from kcity_geo.config import read_table
from kcity_geo.errors import SchemaError
from kcity_geo.layer_tags import layer_rules_table

__all__ = ["ColumnRow", "LayerRow", "Match", "Rules", "layer_table", "rules", "turn_types"]

_ANY: Final = "*"
_KINDS: Final = frozenset({"point", "line", "polygon"})
_CACHE_LIMIT: Final = 200_000

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class ColumnRow:
    """
    One column of a layer.

    Parameters
    ----------
    name : column name, unit at its end.
    tags : tag keys, first one present wins.
    read : ``"text"``, ``"voltages"`` or a name of `kcity_geo.sources.osm.tags.PARSERS`.
    unit : unit of a number, else ``""``.
    """

    name: str
    tags: tuple[str, ...]
    read: str
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class _Rule:
    where: tuple[tuple[str, frozenset[str]], ...]
    unless: tuple[tuple[str, frozenset[str]], ...]
    geometry: frozenset[str]

    def kind(self, tags: Mapping[str, str]) -> str | None:
        """Give the value of the first key when the rule holds; of a list the value that is meant."""
        kinds = [_fitting(tags.get(key), values) for key, values in self.where]
        if None in kinds:
            return None
        for key, values in self.unless:
            if not values.isdisjoint(_parts(tags.get(key, ""))):
                return None
        return kinds[0]


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """
    One layer of ``tables/osm.toml``.

    Parameters
    ----------
    id : layer name.
    title : for people.
    geometry : kinds that the layer may hold: point, line, polygon.
    rules : which tags belong to it.
    columns : columns beside the common ones.
    node_ids : the layer carries the node ids of its ways.
    outline : the layer has the rings of areas, as lines, instead of the areas.
    key_attribute : column whose share of filled values the inventory reports, or ``""``.
    merge_within_m : nodes this near to a polygon may be the same facility; 0 never, metres.
    campus : a polygon that stands on a larger one of the same kind is a building of the same facility, and so
        are polygons side by side whose names do not differ, and the members of one site relation.
    beside_m : how far apart such buildings may stand, metres.
    merge_on : tags of which one must be equal for that.
    merge_differ : tags that must not contradict each other for that.
    keep_gone : disused objects still count (a ruin is a building).
    route : ways without such a tag that are members of a relation with one belong to it, too.
    used_by : what reads it beside the indicators, criteria and constraints.
    mark : evidence mark.
    """

    id: str
    title: str
    geometry: tuple[str, ...]
    rules: tuple[_Rule, ...]
    columns: tuple[ColumnRow, ...]
    node_ids: bool = False
    outline: bool = False
    key_attribute: str = ""
    merge_within_m: float = 0.0
    campus: bool = False
    beside_m: float = 0.0
    merge_on: tuple[str, ...] = ()
    merge_differ: tuple[str, ...] = ()
    keep_gone: bool = False
    route: bool = False
    used_by: str = ""
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Match:
    """
    What a set of tags means: pairs of layer and kind for each geometry it may have.

    Parameters
    ----------
    point, line, ring, polygon : for a node, an open way, a closed way taken as a line, an area.
    outline : for the rings of an area, as lines with node ids.
    added : tags that old tags stand for.
    state : proposed, planned, construction or ``""``.
    planned : layers it will belong to, parted by ``;``.
    node_ids : as a line it goes to a layer with node ids.
    miswritten : shape, layer and key of each value that would put it there, were it written as OpenStreetMap
        writes it (``Clinic`` for ``clinic``, ``clinic, school`` for ``clinic;school``).
    """

    point: Pairs = ()
    line: Pairs = ()
    ring: Pairs = ()
    polygon: Pairs = ()
    outline: Pairs = ()
    added: tuple[tuple[str, str], ...] = ()
    state: str = ""
    planned: str = ""
    node_ids: bool = False
    miswritten: tuple[tuple[str, str, str], ...] = ()

    def __bool__(self) -> bool:
        """Tell whether the object belongs to any layer."""
        return bool(self.point or self.line or self.ring or self.polygon or self.outline)


class Rules:
    """
    All rows of the table, ready to sort objects by their tags.

    Parameters
    ----------
    table : parsed ``osm.toml``.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.layers: dict[str, LayerRow] = _layers(table)
        self.drop_keys = frozenset(table["drop_keys"])
        self._planned = tuple(table["planned_prefixes"])
        self._gone_modifiers = tuple(table["gone_modifiers"])
        self._gone_values = frozenset(
            (key, value) for key, values in table["gone_values"].items() for value in values
        )
        self._old = tuple((tuple(o["when"].items()), o["set"]) for o in table["old_tag"])
        every = [rule for row in self.layers.values() for rule in row.rules]
        self.main_keys = frozenset(rule.where[0][0] for rule in every)
        self._prefixed = {
            f"{prefix}:{key}": (prefix, key)
            for prefix in self._planned
            for key in sorted(self.main_keys)
        }
        self._seen = self._relevant(every)
        self._known: dict[tuple[tuple[str, str], ...], Match] = {}

    def _relevant(self, every: Iterable[_Rule]) -> frozenset[str]:
        """Keys on which the answer depends."""
        seen = {key for when, _ in self._old for key, _ in when}
        for rule in every:
            seen |= {key for key, _ in (*rule.where, *rule.unless)}
        seen |= self._prefixed.keys() | set(self._planned) | set(self._gone_modifiers) | {"area"}
        return frozenset(seen)

    @property
    def filter_keys(self) -> tuple[str, ...]:
        """Keys of which every object of some layer has at least one."""
        return tuple(sorted(self.main_keys | self._prefixed.keys()))

    @property
    def asked_keys(self) -> frozenset[str]:
        """Keys on whose value the answer of `match` depends."""
        return self._seen

    @property
    def asked_pairs(self) -> frozenset[tuple[str, str]]:
        """Tags on which the answer of `match` depends, too."""
        return self._gone_values

    def match(self, tags: Mapping[str, str]) -> Match:
        """
        Say where an object belongs.

        Parameters
        ----------
        tags : raw tags.

        Returns
        -------
        The layers; falsy when it belongs to none.
        """
        seen, gone = self._seen, self._gone_values
        signature = tuple([pair for pair in tags.items() if pair[0] in seen or pair in gone])
        found = self._known.get(signature)
        if found is None:
            if len(self._known) > _CACHE_LIMIT:
                self._known.clear()
            found = self._known[signature] = self._classify(dict(signature))
        return found

    def _classify(self, tags: dict[str, str]) -> Match:
        added = self._renewed(tags)
        current = {**tags, **added}
        state, future = self._lifecycle(current)
        gone = any(current.get(key) == "yes" for key in self._gone_modifiers)
        gone = gone or any(pair in self._gone_values for pair in current.items())
        if state:
            current = {k: v for k, v in current.items() if not self._is_future(k, v)}
            if any(current.get(prefix) == "yes" for prefix in self._planned):
                current = {}
        now = self._sorted_in(current, gone=gone)
        later = self._sorted_in({**future, **self._renewed(future)}, gone=False) if state else {}
        parts: dict[str, Pairs] = {
            kind: (*pairs, *(self._as_planned(kind, later, future) if state else ()))
            for kind, pairs in now.items()
        }
        lines = {layer for layer, _ in (*parts["line"], *parts["ring"])}
        return Match(
            **parts,
            added=tuple(added.items()),
            state=state,
            planned=";".join(
                sorted({layer for pairs in later.values() for layer, _ in pairs} - {"planned"})
            ),
            node_ids=any(self.layers[layer].node_ids for layer in lines),
            miswritten=() if gone or state else self._miswritten(current, now),
        )

    def _miswritten(
        self, tags: Mapping[str, str], now: Mapping[str, Pairs]
    ) -> tuple[tuple[str, str, str], ...]:
        """Find values that only differ in letters and signs from those that a layer takes."""
        usual = {key: _as_usual(value) for key, value in tags.items()}
        changed = [key for key in tags if usual[key] != tags[key] and key in self.main_keys]
        found: list[tuple[str, str, str]] = []
        for key in changed:
            meant = self._sorted_in({**tags, key: usual[key]}, gone=False)
            for shape, pairs in meant.items():
                known = {layer for layer, _ in now[shape]}
                found += [(shape, layer, key) for layer, _ in pairs if layer not in known]
        return tuple(found)

    def _renewed(self, tags: Mapping[str, str]) -> dict[str, str]:
        added: dict[str, str] = {}
        for when, new in self._old:
            if all(value in _parts(added.get(key, tags.get(key, ""))) for key, value in when):
                added |= {k: v for k, v in new.items() if k in dict(when) or k not in tags}
        return added

    def _is_future(self, key: str, value: str) -> bool:
        return key in self._prefixed or (key in self.main_keys and value in self._planned)

    def _lifecycle(self, tags: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Give the state of something not there yet, and the tags that it will have."""
        state, future = "", {}
        for key, value in tags.items():
            if key in self._prefixed:
                state, plain = self._prefixed[key]
                future[plain] = value
            elif key in self.main_keys and value in self._planned:
                state = value
                future[key] = tags.get(value, "yes")
        for prefix in self._planned:
            if tags.get(prefix) == "yes" and any(key in self.main_keys for key in tags):
                state = state or prefix
                future = {**tags, **future}
        if state:
            future = {**{k: v for k, v in tags.items() if k not in self.main_keys}, **future}
        return state, future

    def _as_planned(
        self, kind: str, later: Mapping[str, Pairs], future: Mapping[str, str]
    ) -> Pairs:
        known = any(later.values())
        if known and not later[kind]:
            return ()
        if not known and kind in {"ring", "outline"}:
            return ()
        main = next((key for key in future if key in self.main_keys), "")
        return (("planned", later[kind][0][1] if known else future.get(main, "")),)

    def _sorted_in(self, tags: Mapping[str, str], *, gone: bool) -> dict[str, Pairs]:
        out: dict[str, list[tuple[str, str]]] = {
            kind: [] for kind in ("point", "line", "ring", "polygon")
        }
        area = tags.get("area")
        for row in self.layers.values():
            if gone and not row.keep_gone:
                continue
            kinds: dict[str, str] = {}
            for rule in row.rules:
                if (value := rule.kind(tags)) is not None:
                    for kind in _shapes(rule.geometry, area):
                        kinds.setdefault(kind, value)
            for kind, value in kinds.items():
                out[kind].append((row.id, value))
        ringed = {row.id for row in self.layers.values() if row.outline}
        out["outline"] = [pair for pair in out["polygon"] if pair[0] in ringed]
        out["polygon"] = [pair for pair in out["polygon"] if pair[0] not in ringed]
        return {kind: tuple(pairs) for kind, pairs in out.items()}


def _parts(value: str) -> list[str]:
    """Part a list of values; OpenStreetMap writes ``clinic;pharmacy``."""
    return [part.strip() for part in value.split(";")] if ";" in value else [value]


def _as_usual(value: str) -> str:
    """Write a value as OpenStreetMap does: small letters, ``_`` for spaces, ``;`` between several."""
    parts = (part.strip().lower().replace(" ", "_") for part in value.replace(",", ";").split(";"))
    return ";".join(part for part in parts if part)


def _fitting(value: str | None, values: frozenset[str]) -> str | None:
    """Give the value, or that of a list, which a rule takes; None when there is none."""
    if value is None:
        return None
    for part in _parts(value):
        if part in values:
            return part
    return value if _ANY in values and value != "no" else None


def _shapes(geometry: frozenset[str], area: str | None) -> list[str]:
    shapes: list[str] = [kind for kind in ("point", "line", "polygon") if kind in geometry]
    if area == "no" and "polygon" in shapes:
        shapes.remove("polygon")
    if "line" in geometry and area != "yes" and "polygon" not in shapes:
        shapes.append("ring")
    return shapes


def _layers(table: Mapping[str, Any]) -> dict[str, LayerRow]:
    columns = {
        name: ColumnRow(
            name=name, tags=tuple(row["tags"]), read=row["read"], unit=row.get("unit", "")
        )
        for name, row in table["column"].items()
    }
    sets: Mapping[str, list[str]] = table["column_set"]
    out: dict[str, LayerRow] = {}
    for row in table["layer"]:
        if row["id"] in out:
            raise SchemaError(f"tables/osm.toml: layer {row['id']!r} occurs twice")
        names = [n for c in row["columns"] for n in (sets[c[1:]] if c.startswith("@") else [c])]
        if missing := [n for n in names if n not in columns]:
            raise SchemaError(
                f"tables/osm.toml: layer {row['id']!r} names no column {missing[0]!r}"
            )
        out[row["id"]] = LayerRow(
            id=row["id"],
            title=row["title"],
            geometry=tuple(row["geometry"]),
            rules=tuple(_rule(r, row) for r in row["rules"]),
            columns=tuple(columns[n] for n in names),
            node_ids=row.get("node_ids", False),
            outline=row.get("outline", False),
            key_attribute=row["key_attribute"],
            merge_within_m=float(row.get("merge_within_m", 0)),
            campus=row.get("campus", False),
            beside_m=float(row.get("beside_m", 0)),
            merge_on=tuple(row.get("merge_on", ())),
            merge_differ=tuple(row.get("merge_differ", ())),
            keep_gone=row.get("keep_gone", False),
            route=row.get("route", False),
            used_by=row.get("used_by", ""),
            mark=row["mark"],
        )
    return out


def _rule(rule: Mapping[str, Any], row: Mapping[str, Any]) -> _Rule:
    geometry = frozenset(rule.get("geometry", row["geometry"]))
    if not geometry <= _KINDS:
        raise SchemaError(f"tables/osm.toml: layer {row['id']!r} has geometry {sorted(geometry)}")
    return _Rule(
        where=tuple((k, frozenset(v)) for k, v in rule.items() if k not in {"not", "geometry"}),
        unless=tuple((k, frozenset(v)) for k, v in rule.get("not", {}).items()),
        geometry=geometry,
    )


def rules(changes: Mapping[str, Any] | None = None) -> Rules:
    """
    Give the rules, read once.

    Parameters
    ----------
    changes : table ``[tags]`` of a study file, see `kcity_geo.layer_tags`; None: none.

    Returns
    -------
    The rules.

    Examples
    --------
    >>> bool(rules().match({"amenity": "bench"}))
    False
    >>> rules().match({"amenity": "pharmacy;clinic"}).point
    (('health', 'clinic'),)
    """
    return _of_table() if not changes else Rules(layer_rules_table(changes))


@cache
def _of_table() -> Rules:
    return Rules(read_table("osm"))


def layer_table() -> dict[str, LayerRow]:
    """
    Give the layers in the order of the table.

    Returns
    -------
    Layer name -> row.

    Examples
    --------
    >>> layer_table()["power_line"].key_attribute
    'voltage_v'
    """
    return dict(rules().layers)


@cache
def turn_types() -> frozenset[str]:
    """
    Give the types of relations that may forbid cars to turn.

    Returns
    -------
    Values of ``type``; the old ``restriction:hgv`` is none of them.

    Examples
    --------
    >>> "restriction:hgv" in turn_types()
    False
    """
    return frozenset(read_table("network")["turns"]["keys"])
