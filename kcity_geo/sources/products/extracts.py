"""
Extracts: the smallest ready-made OpenStreetMap file that covers a city, cut to the city.

Geofabrik publishes an index of polygons; BBBike a list of cities with an outline each. The
extract is downloaded once (resumed, checked against its md5) and serves every city in it; what
goes into a pack is the part around the study area, with complete ways and relations.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
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

__all__ = ["Extract", "clip_extract", "find_extract", "get_extract"]

_BATCH = 50_000
_ADMINISTRATIVE = 0  # no way has this id


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


def clip_extract(source: Path, area: BaseGeometry, out: Path) -> str:
    """
    Cut the part around an area out of an extract, ways and outlines complete.

    Only objects with a key that a layer of ``tables/osm.toml`` uses are kept, with all their tags
    and all they are made of.

    Parameters
    ----------
    source : ``.osm.pbf``.
    area : study area, lon/lat; its bounding box is cut.
    out : ``.osm.pbf`` to write, whole or not at all.

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
    with refused_when_damaged(source.name, mend="get it again"):
        return read_in_order(source, lambda file: _clip(Path(file), area, out, name=source.name))


def _clip(source: Path, area: BaseGeometry, out: Path, *, name: str) -> str:
    """Cut a file that is in order."""
    import osmium

    with osmium.io.Reader(str(source), osmium.osm.NOTHING) as reader:
        old = reader.header()
        date = old.get("osmosis_replication_timestamp") or old.get("timestamp") or ""
    taken, relations = _taken(source, shapely.box(*area.bounds))
    header = osmium.io.Header()
    header.set("generator", "kcity_geo")
    header.set("sorting", "Type_then_ID")
    if date:
        header.set("osmosis_replication_timestamp", date)
    header.add_box(osmium.osm.Box(*area.bounds))
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
        raise SourceError(f"{name}: has nothing inside the study area {area.bounds}")
    temporary.replace(out)
    return str(date)


def _taken(source: Path, box: shapely.Polygon) -> tuple[Any, list[int]]:
    """Choose what touches the box; relations that need not be whole come apart."""
    import osmium

    name, keys = str(source), osmium.filter.KeyFilter(*rules().filter_keys)
    both = osmium.osm.NODE | osmium.osm.WAY
    taken, touching = osmium.IdTracker(), set[int]()
    outlines, others = _relations(name, keys)
    west, south, east, north = box.bounds

    def ways(items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if not item.is_node():
                yield item
            elif west <= item.lon <= east and south <= item.lat <= north:
                taken.add_node(item.id)
                touching.add(-item.id)

    tagged = osmium.FileProcessor(name, both).with_locations().with_filter(keys)
    for number, meets, _ in _measured(ways(tagged), box):
        if meets:
            taken.add_way(number)
            touching.add(number)
    reach: dict[int, tuple[float, ...]] = {}
    if rings := sorted({ref for members in outlines.values() for ref in members}):
        only = osmium.filter.EntityFilter(osmium.osm.WAY)
        wanted = osmium.filter.IdFilter(rings).enable_for(osmium.osm.WAY)
        parts = osmium.FileProcessor(name, both).with_locations().with_filter(only)
        for number, meets, bounds in _measured(parts.with_filter(wanted), box):
            reach[number] = bounds
            if meets:
                touching.add(number)
    for number, members in outlines.items():
        if not touching.isdisjoint(members) or _encloses(members, reach, box):
            taken.add_relation(number)
    kept = [n for n, members in others.items() if not touching.isdisjoint(members)]
    return taken, kept


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
    ways: Iterable[Any], box: shapely.Polygon
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
