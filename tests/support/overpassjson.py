"""
What Overpass would answer to the project's query, made from an extract.

`overpass_json` turns an extract into the elements that a query for some keys could meet;
`filtered` applies one query to them as the real server does: by tag, by polygon, by ``is_in``.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from urllib.parse import parse_qs


def overpass_json(extract: str, keys: set[str]) -> dict:
    """Objects with one of the keys, all they are made of, in the order node, way, relation."""
    import osmium

    found: dict[tuple[str, int], dict] = {}
    every: dict[tuple[str, int], dict] = {}
    for item in osmium.FileProcessor(extract):
        tags = {t.k: t.v for t in item.tags}
        row: dict = {"id": item.id}
        if item.is_node():
            row = {"type": "node", **row, "lat": round(item.lat, 7), "lon": round(item.lon, 7)}
        elif item.is_way():
            row = {"type": "way", **row, "nodes": [n.ref for n in item.nodes]}
        else:
            names = {"n": "node", "w": "way", "r": "relation"}
            members = [{"type": names[m.type], "ref": m.ref, "role": m.role} for m in item.members]
            row = {"type": "relation", **row, "members": members}
        if tags:
            row["tags"] = tags
        key = (row["type"], item.id)
        every[key] = row
        if keys & tags.keys():
            found[key] = row
    for row in [r for r in found.values() if r["type"] == "relation"]:
        for member in row["members"]:
            key = (member["type"], member["ref"])
            if member["type"] != "relation" and key in every:
                found[key] = every[key]
    for row in [r for r in found.values() if r["type"] == "way"]:
        for ref in row["nodes"]:
            if ("node", ref) in every:
                found["node", ref] = every["node", ref]
    order = {"node": 0, "way": 1, "relation": 2}
    elements = sorted(found.values(), key=lambda r: (order[r["type"]], r["id"]))
    return {
        "version": 0.6,
        "generator": "Overpass API 0.7.62.5 1bd436f1",
        "osm3s": {
            "timestamp_osm_base": "2025-02-11T21:21:02Z",
            "copyright": "The data included in this document is from www.openstreetmap.org. "
            "The data is made available under ODbL.",
        },
        "elements": elements,
    }


BY_POLYGON = re.compile(r"\((node|way|relation)\['([^']+)'(?:='([^']*)')?\]\(poly:'([^']+)'\);")
BY_PIVOT = re.compile(r"(way|relation)\(pivot\.\w+\)\[(~?)'([^']+)'~'([^']+)'\];")
IS_IN = re.compile(r"is_in\(([-\d.]+),([-\d.]+)\)")


def filtered(answer: dict, body: str) -> dict:
    """The elements that a query of OSMnx asks for, and what they are made of."""
    import shapely

    query = parse_qs(body)["data"][0]
    every = {(e["type"], e["id"]): e for e in answer["elements"]}
    polygons: dict[str, shapely.Polygon] = {}
    wanted: dict[str, set[tuple[str, str]]] = {}
    for kind, key, value, ring in BY_POLYGON.findall(query):
        if ring not in polygons:
            numbers = [float(n) for n in ring.split()]
            polygons[ring] = shapely.Polygon(list(zip(numbers[1::2], numbers[::2], strict=True)))
        wanted.setdefault(kind, set()).add((key, value))
    area = shapely.union_all(list(polygons.values()))
    shapely.prepare(area)
    point = IS_IN.search(query)
    around = [
        (kind, re.compile(key if any_key else f"^{key}$"), re.compile(value))
        for kind, any_key, key, value in BY_PIVOT.findall(query)
    ]
    found = {
        k: e
        for k, e in every.items()
        if _tagged(e, wanted.get(e["type"], set())) and _touches(e, every, area)
    }
    if point:
        centre = shapely.Point(float(point[2]), float(point[1]))
        for k, e in every.items():
            own = e.get("tags", {})
            meant = any(
                kind == e["type"] and key.search(t) and value.search(v)
                for kind, key, value in around
                for t, v in own.items()
            )
            if meant and "name" in own and _outline(e, every).covers(centre):
                found[k] = e
    for e in [e for e in found.values() if e["type"] == "relation"]:
        for m in e["members"]:
            if m["type"] != "relation" and (m["type"], m["ref"]) in every:
                found[m["type"], m["ref"]] = every[m["type"], m["ref"]]
    for e in [e for e in found.values() if e["type"] == "way"]:
        found |= {("node", n): every["node", n] for n in e["nodes"] if ("node", n) in every}
    order = {"node": 0, "way": 1, "relation": 2}
    return {**answer, "elements": sorted(found.values(), key=lambda e: (order[e["type"]], e["id"]))}


def _tagged(element: dict, tags: set[tuple[str, str]]) -> bool:
    own = element.get("tags", {})
    return any((key, "") in tags or (key, value) in tags for key, value in own.items())


def _line(way: dict, every: dict) -> list[tuple[float, float]]:
    nodes = [every["node", n] for n in way["nodes"] if ("node", n) in every]
    return [(n["lon"], n["lat"]) for n in nodes]


def _touches(element: dict, every: dict, area: object) -> bool:
    """A node inside, or a segment across; a ring around the area has neither."""
    import shapely

    if element["type"] == "node":
        return bool(shapely.intersects_xy(area, element["lon"], element["lat"]))
    if element["type"] == "way":
        points = _line(element, every)
        shape = shapely.LineString(points) if len(points) > 1 else shapely.MultiPoint(points)
        return bool(shapely.intersects(area, shape))
    parts = [(m["type"], m["ref"]) for m in element["members"] if m["type"] != "relation"]
    return any(_touches(every[p], every, area) for p in parts if p in every)


def _outline(element: dict, every: dict) -> object:
    import shapely

    if element["type"] == "way":
        ways = [element]
    else:
        members = [("way", m["ref"]) for m in element["members"] if m["type"] == "way"]
        ways = [every[m] for m in members if m in every]
    lines = [shapely.LineString(p) for w in ways if len(p := _line(w, every)) > 1]
    return shapely.union_all(shapely.polygonize(lines).geoms) if lines else shapely.Polygon()


if __name__ == "__main__":
    answer = overpass_json(sys.argv[1], set(sys.argv[3].split(",")))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
