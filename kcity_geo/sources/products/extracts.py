"""
Extracts: the smallest ready-made OpenStreetMap file that covers a city, cut to the city.

Geofabrik publishes an index of polygons; BBBike a list of cities with an outline each. The
extract is downloaded once (resumed, checked against its md5) and serves every city in it; what
goes into a pack is the part around the study area, with complete ways and relations.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin

import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from kcity_geo.errors import KCityError, SourceError
from kcity_geo.osm_writer import osm_writer
from kcity_geo.sources.damage import refused_when_damaged
from kcity_geo.sources.osm.ordering import read_in_order
from kcity_geo.sources.osm.rules import rules
from kcity_geo.sources.products.catalogue import Product
from kcity_geo.sources.web.download import Download, Fetcher

__all__ = ["Extract", "clip_extract", "cut_cities", "find_extract", "get_extract"]

_BATCH = 50_000
_ADMINISTRATIVE = 0  # no way has this id


class _NothingThereError(SourceError):
    """The extract holds nothing in the area."""


@dataclass(frozen=True)
class Extract:
    """An extract that covers the area: its name, address and size in square degrees."""

    name: str
    url: str
    size_deg2: float


def find_extract(
    product: Product, area: BaseGeometry, *, fetcher: Fetcher, place: str = ""
) -> Extract | None:
    """
    Find the smallest extract of a provider that covers an area.

    Parameters
    ----------
    product : row with access ``pbf_index``.
    area : study area, lon/lat.
    fetcher : the way to the network.
    place : name of the city; providers that list cities by name are asked for it.

    Returns
    -------
    The extract, or None when the provider has none.

    Raises
    ------
    SourceError
        If the index cannot be read.
    """
    if product.index_url.endswith("json"):
        return _by_polygon(product, area, fetcher)
    return _by_name(product, area, fetcher, place)


def _by_polygon(product: Product, area: BaseGeometry, fetcher: Fetcher) -> Extract | None:
    index = fetcher.json(
        product.index_url, max_age_days=product.max_age_days, what=f"{product.title}, index"
    )
    found = []
    try:
        for feature in index["features"]:
            about = feature["properties"]
            url = about.get("pbf") or about.get("urls", {}).get("pbf")
            if not url or feature.get("geometry") is None:
                continue
            west, south, east, north = area.bounds
            outline = shape(feature["geometry"])
            if outline.intersects(shapely.box(west, south, east, north)):
                outline = shapely.make_valid(outline)
                if outline.covers(area):
                    found.append(Extract(str(about["id"]), str(url), outline.area))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SourceError(
            f"{product.title}: {product.index_url} is no index of extracts ({error!r})"
        ) from error
    return min(found, key=lambda e: (e.size_deg2, e.name), default=None)


def _plain(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", ascii_text.lower())


def _by_name(product: Product, area: BaseGeometry, fetcher: Fetcher, place: str) -> Extract | None:
    wanted = _plain(place.split(",", maxsplit=1)[0])
    if not wanted:
        return None
    page = fetcher.file(
        product.index_url,
        kind="page",
        max_age_days=product.max_age_days,
        what=f"{product.title}, list",
    )
    text = page.path.read_text(encoding="utf-8", errors="replace")
    names = {unquote(n) for n in re.findall(r'href="([^"/?#:]+)/"', text)}
    for name in sorted(n for n in names if _plain(n) == wanted):
        url = product.address(id=quote(name))
        poly = fetcher.file(
            urljoin(url, f"{quote(name)}.poly"), kind="text", what=f"{name}, outline"
        )
        outline = _read_poly(poly.path.read_text(encoding="utf-8", errors="replace"))
        if outline.covers(area):
            return Extract(name, url, outline.area)
    return None


def _read_poly(text: str) -> BaseGeometry:
    """Read the polygon format of Osmosis: rings of lon lat, ``!`` before a hole."""
    rings: list[tuple[bool, list[tuple[float, float]]]] = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if not words:
            continue
        try:
            rings[-1][1].append((float(words[0]), float(words[1])))
        except (ValueError, IndexError):
            if words[0] != "END":
                rings.append((words[0].startswith("!"), []))
    outline: BaseGeometry = shapely.Polygon()
    for hole, ring in rings:
        if len(ring) >= 3:  # noqa: PLR2004 - a triangle
            part = shapely.make_valid(shapely.Polygon(ring))
            outline = outline.difference(part) if hole else outline.union(part)
    return outline


def get_extract(product: Product, extract: Extract, *, fetcher: Fetcher) -> Download:
    """
    Download an extract, resumed and checked against the provider's md5 when it gives one.

    Parameters
    ----------
    product : row of the catalogue.
    extract : from `find_extract`.
    fetcher : the way to the network.

    Returns
    -------
    The whole file in the cache.
    """
    md5 = _md5(extract, fetcher, product)
    return fetcher.file(
        extract.url,
        kind="pbf",
        md5=md5,
        max_age_days=product.max_age_days,
        what=f"OpenStreetMap, {extract.name}",
    )


def _md5(extract: Extract, fetcher: Fetcher, product: Product) -> str | None:
    """Give the published md5: ``FILE.md5`` at Geofabrik, ``CHECKSUM.txt`` at BBBike."""
    if fetcher.config.offline:
        return None
    name = extract.url.rsplit("/", 1)[-1]
    for url in (f"{extract.url}.md5", urljoin(extract.url, "CHECKSUM.txt")):
        try:
            if fetcher.head(url, what="md5").status != 200:  # noqa: PLR2004 - OK
                continue
            found = fetcher.file(
                url, kind="text", max_age_days=min(1.0, product.max_age_days or 1.0), what="md5"
            )
        except KCityError:
            continue
        for line in found.path.read_text(encoding="utf-8", errors="replace").splitlines():
            match = re.match(r"([0-9a-f]{32})\s+\*?(\S+)", line)
            if match and match[2].rsplit("/", 1)[-1] == name:
                return match[1]
    return None


def cut_cities(source: Path, areas: Mapping[Path, BaseGeometry]) -> dict[Path, str]:
    """
    Cut the extract of a country into the extracts of its cities.

    Parameters
    ----------
    source : ``.osm.pbf`` of the country.
    areas : file to write -> area, lon/lat; its bounding box is cut.

    Returns
    -------
    File -> date of the data, ISO, or ``""``. A city of which the extract holds nothing is left out.

    Raises
    ------
    SourceError
        If the extract is damaged.

    Notes
    -----
    The country is read as often for a hundred cities as for one: first the land around all cities is cut
    out, then the cities are parted in halves, from west to east or from north to south, until each is alone.
    """
    if not areas:
        return {}
    out = next(iter(areas))
    boxes = {path: shapely.box(*area.bounds) for path, area in areas.items()}
    alone = len(areas) == 1
    land = out if alone else out.with_name(f"part-{len(areas)}-cities-{out.name}")
    try:
        date = clip_extract(source, shapely.MultiPolygon(list(boxes.values())), land, each=True)
    except _NothingThereError:
        return {}
    if alone:
        return {out: date}
    west, south, east, north = shapely.total_bounds(list(boxes.values()))
    side = 0 if east - west >= north - south else 1
    order = sorted(boxes, key=lambda path: (boxes[path].bounds[side], str(path)))
    middle = len(order) // 2
    found: dict[Path, str] = {}
    try:
        for half in (order[:middle], order[middle:]):
            found |= cut_cities(land, {path: areas[path] for path in half})
    finally:
        land.unlink(missing_ok=True)
    return found


def clip_extract(source: Path, area: BaseGeometry, out: Path, *, each: bool = False) -> str:
    """
    Cut the part around an area out of an extract, ways and outlines complete.

    Only objects with a key that a layer of ``tables/osm.toml`` uses are kept, with all their tags
    and all they are made of.

    Parameters
    ----------
    source : ``.osm.pbf``.
    area : study area, lon/lat; its bounding box is cut.
    out : ``.osm.pbf`` to write, whole or not at all.
    each : cut the bounding box of each part of the area, instead of one around all.

    Returns
    -------
    Date of the data, ISO, or ``""``.

    Raises
    ------
    SourceError
        If the extract holds nothing there, or is damaged.

    Notes
    -----
    A node is taken when it lies in the box, a way when it meets the box, a relation when one of
    its members is taken; outlines that may lie all round the box are taken too. Nodes of taken
    ways and all ways of taken multipolygons and boundaries follow, so that no outline is cut open.
    Key filters, the location index and the completion run in C++; geometries are tested in
    batches.
    """
    boxes = [shapely.box(*p.bounds) for p in (shapely.get_parts(area) if each else [area])]
    with refused_when_damaged(source.name, mend="get it again"):
        return read_in_order(source, lambda file: _clip(Path(file), boxes, out, name=source.name))


def _clip(source: Path, boxes: Sequence[shapely.Polygon], out: Path, *, name: str) -> str:
    """Cut a file that is in order."""
    import osmium

    with osmium.io.Reader(str(source), osmium.osm.NOTHING) as reader:
        old = reader.header()
        date = old.get("osmosis_replication_timestamp") or old.get("timestamp") or ""
    taken, relations = _taken(source, boxes)
    header = osmium.io.Header()
    header.set("generator", "kcity_geo")
    header.set("sorting", "Type_then_ID")
    if date:
        header.set("osmosis_replication_timestamp", date)
    for box in boxes:
        header.add_box(osmium.osm.Box(*box.bounds))
    taken.complete_backward_references(str(source), relation_depth=1)
    for number in relations:
        taken.add_relation(number)
    temporary = out.with_name("part-" + out.name)
    temporary.unlink(missing_ok=True)
    count = 0
    with osm_writer(temporary, header=header) as writer:
        for item in osmium.FileProcessor(str(source)).with_filter(taken.id_filter()):
            # who edited when is not needed, and personal
            writer.add(item.replace(user="", uid=0, changeset=0, version=0))
            count += 1
    if count == 0:
        temporary.unlink()
        raise _NothingThereError(
            f"{name}: has nothing inside the study area {tuple(map(float, shapely.total_bounds(boxes)))}"
        )
    temporary.replace(out)
    return str(date)


def _taken(source: Path, boxes: Sequence[shapely.Polygon]) -> tuple[Any, list[int]]:
    """Choose what touches a box; relations that need not be whole come apart."""
    import osmium

    name, keys = str(source), osmium.filter.KeyFilter(*rules().filter_keys)
    both = osmium.osm.NODE | osmium.osm.WAY
    taken, touching = osmium.IdTracker(), set[int]()
    outlines, others = _relations(name, keys)
    places, near = _Boxes(boxes), shapely.union_all(boxes)
    shapely.prepare(near)

    def ways(items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if not item.is_node():
                yield item
            elif places.hold(item.lon, item.lat):
                taken.add_node(item.id)
                touching.add(-item.id)

    tagged = osmium.FileProcessor(name, both).with_locations().with_filter(keys)
    for number, meets, _ in _measured(ways(tagged), near):
        if meets:
            taken.add_way(number)
            touching.add(number)
    reach: dict[int, tuple[float, ...]] = {}
    if rings := sorted({ref for members in outlines.values() for ref in members}):
        only = osmium.filter.EntityFilter(osmium.osm.WAY)
        wanted = osmium.filter.IdFilter(rings).enable_for(osmium.osm.WAY)
        parts = osmium.FileProcessor(name, both).with_locations().with_filter(only)
        for number, meets, bounds in _measured(parts.with_filter(wanted), near):
            reach[number] = bounds
            if meets:
                touching.add(number)
    for number, members in outlines.items():
        if not touching.isdisjoint(members) or any(_encloses(members, reach, box) for box in boxes):
            taken.add_relation(number)
    kept = [n for n, members in others.items() if not touching.isdisjoint(members)]
    return taken, kept


class _Boxes:
    """Finds whether a point lies in one of many boxes, by the whole tenths of a degree that they touch."""

    def __init__(self, boxes: Sequence[shapely.Polygon]) -> None:
        self.by_square: dict[tuple[int, int], list[tuple[float, float, float, float]]] = {}
        for west, south, east, north in (box.bounds for box in boxes):
            for x in range(math.floor(west * 10), math.floor(east * 10) + 1):
                for y in range(math.floor(south * 10), math.floor(north * 10) + 1):
                    self.by_square.setdefault((x, y), []).append((west, south, east, north))

    def hold(self, lon: float, lat: float) -> bool:
        """Say whether a point lies in a box."""
        square = (math.floor(lon * 10), math.floor(lat * 10))
        return any(
            west <= lon <= east and south <= lat <= north
            for west, south, east, north in self.by_square.get(square, ())
        )


def _encloses(
    members: list[int], reach: dict[int, tuple[float, ...]], box: shapely.Polygon
) -> bool:
    """Say whether an outline may lie all round the box; taking one too many does no harm."""
    if not members or members[0] == _ADMINISTRATIVE:
        return False
    known = np.array([reach[m] for m in members if m in reach])
    if known.size == 0:
        return False
    low, high = known[:, :2].min(axis=0), known[:, 2:].max(axis=0)
    return bool(shapely.box(*low, *high).covers(box))


def _relations(name: str, keys: Any) -> tuple[dict[int, list[int]], dict[int, list[int]]]:  # noqa: ANN401 - osmium filter
    """Members of outlines (ways), and of all other relations (ways, and nodes as negatives)."""
    import osmium

    outlines: dict[int, list[int]] = {}
    others: dict[int, list[int]] = {}
    for item in osmium.FileProcessor(name, osmium.osm.RELATION).with_filter(keys):
        members = [m.ref if m.type == "w" else -m.ref for m in item.members if m.type in "wn"]
        if item.tags.get("type") not in {"multipolygon", "boundary"}:
            others[item.id] = members
            continue
        # a country lies round every city in it and is not taken for that
        first = [_ADMINISTRATIVE] if item.tags.get("boundary") == "administrative" else []
        outlines[item.id] = first + [m for m in members if m > 0]
    return outlines, others


def _measured(
    ways: Iterable[Any], box: BaseGeometry
) -> Iterator[tuple[int, bool, tuple[float, ...]]]:
    """Give id, whether it meets the box (a closed way with what is inside it) and bounds, in batches."""
    import osmium

    factory = osmium.geom.WKBFactory()
    numbers: list[int] = []
    lines: list[Any] = []

    def flushed() -> Iterator[tuple[int, bool, tuple[float, ...]]]:
        shapes = shapely.from_wkb(np.array(lines, dtype=object))
        closed = shapely.is_closed(shapes) & (shapely.get_num_coordinates(shapes) > 3)  # noqa: PLR2004 - a ring
        meets = shapely.intersects(shapes, box)
        inside = closed & ~meets
        meets[inside] = shapely.intersects(shapely.envelope(shapes[inside]), box)
        yield from zip(numbers, meets, map(tuple, shapely.bounds(shapes)), strict=True)
        numbers.clear()
        lines.clear()

    for way in ways:
        try:
            line = factory.create_linestring(way)
        except (
            osmium.InvalidLocationError,
            RuntimeError,
        ):  # a node is missing, or only one is there
            points = [(n.lon, n.lat) for n in way.nodes if n.location.valid()]
            if not points:
                continue
            line = shapely.LineString([*points, points[-1]]).wkb
        numbers.append(way.id)
        lines.append(line)
        if len(numbers) == _BATCH:
            yield from flushed()
    if numbers:
        yield from flushed()
