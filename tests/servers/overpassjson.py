"""What Overpass would answer to the project's query, made from an extract."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import osmium


def overpass_json(extract: str, keys: set[str]) -> dict:
    """Objects with one of the keys, all they are made of, in the order node, way, relation."""
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


if __name__ == "__main__":
    answer = overpass_json(sys.argv[1], set(sys.argv[3].split(",")))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
