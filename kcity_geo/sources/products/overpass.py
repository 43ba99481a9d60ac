"""
Overpass: OpenStreetMap of a city from the live server, through OSMnx, kept as an ``.osm.pbf``.

OSMnx writes the query and sends it; `Fetcher.osmnx` sees to it that an answer with a ``remark`` is
an error, that retries end, that the user agent names a contact and that nothing of OSMnx stays
behind in the process. The answer becomes a PBF, so that it is read by the same reader as any
extract. For more than one city use `kcity_geo.sources.products.extracts`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import shapely
from filelock import FileLock, Timeout
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import Config
from kcity_geo.errors import LimitError, OfflineError, SourceError, SourceTimeoutError, StudyError
from kcity_geo.layer_tags import layer_rules_table
from kcity_geo.osm_writer import osm_writer
from kcity_geo.sources.osm.rules import rules
from kcity_geo.sources.products.catalogue import Catalogue, load_catalogue
from kcity_geo.sources.web.download import Fetcher

__all__ = ["answer_to_pbf", "download_osm", "query_tags"]

_SAFE = re.compile(r"[\w:.\- ]+")
_FEW_VALUES = 6
_GEOD = Geod(ellps="WGS84")


def query_tags(changes: Mapping[str, Any] | None = None) -> dict[str, bool | str | list[str]]:
    """
    Say which tags the layers of ``tables/osm.toml`` need.

    Parameters
    ----------
    changes : table ``[tags]`` of a study file, see `kcity_geo.layer_tags`; None: none.

    Returns
    -------
    Key -> True (any value), or the few values that matter when others would bring a lot (the
    outline of a country is ``boundary`` too).

    Raises
    ------
    StudyError
        If a key or value could change the meaning of a query.

    Examples
    --------
    >>> query_tags()["highway"]
    True
    """
    table = layer_rules_table(changes)
    values: dict[str, set[str]] = {key: set() for key in rules(changes).filter_keys}
    every = [rule for layer in table["layer"] for rule in layer["rules"]]
    every += [{k: [v] for k, v in row["when"].items()} for row in table.get("old_tag", [])]
    for rule in every:
        for key, wanted in rule.items():
            if key in values and isinstance(wanted, list):
                values[key] |= set(wanted)
    planned = set(table.get("planned_prefixes", []))
    tags: dict[str, bool | str | list[str]] = {}
    for key, wanted in sorted(values.items()):
        few = wanted and "*" not in wanted and len(wanted) <= _FEW_VALUES
        tags[key] = sorted(wanted | planned) if few else True
    return _checked_tags(tags)


def _checked_tags(
    tags: Mapping[str, bool | str | list[str]],
) -> dict[str, bool | str | list[str]]:
    for key, value in tags.items():
        texts = [
            key,
            *([value] if isinstance(value, str) else value if isinstance(value, list) else []),
        ]
        for text in texts:
            if not _SAFE.fullmatch(text):
                raise StudyError(
                    f"tag {text!r} cannot be sent to Overpass; letters, digits and _ : . - only"
                )
    return dict(tags)


def download_osm(
    area: BaseGeometry,
    *,
    config: Config,
    catalogue: Catalogue | None = None,
    fetcher: Fetcher | None = None,
    tags: Mapping[str, bool | str | list[str]] | None = None,
) -> Path:
    """
    Get OpenStreetMap of an area from Overpass.

    Parameters
    ----------
    area : study area, lon/lat; its bounding box is asked for, and the named areas all round it.
    config : limits, cache, contact, offline.
    catalogue : where the server is; default: the package's.
    fetcher : the way to the network; default: made from `config`.
    tags : what to ask for; default: what the layers of ``tables/osm.toml`` need.

    Returns
    -------
    An ``.osm.pbf`` in the cache, for `kcity_geo.sources.osm.pbf.read_osm`. Beside it a ``.json`` with
    address and date.

    Raises
    ------
    LimitError
        If the area is larger than the server's operators accept.
    OfflineError
        If it is not in the cache and the run is offline.
    SourceError
        If the server does not give a whole answer.
    """
    catalogue = catalogue or load_catalogue()
    product = catalogue.by_access("overpass")
    fetcher = fetcher or Fetcher(config, pauses=catalogue.pause_s)
    box = _query_box(area)
    wanted = _checked_tags(tags) if tags is not None else query_tags()
    question = json.dumps([product.url, shapely.to_wkt(box, rounding_precision=6), wanted])
    key = hashlib.sha256(question.encode()).hexdigest()[:20]
    folder = config.cache_dir / "overpass"
    path, raw = folder / f"{key}.osm.pbf", folder / key
    if _fresh(path, product.max_age_days, offline=config.offline):
        return path
    if config.offline:
        raise OfflineError(
            f'osm = "overpass": this area is not in the cache {folder}, and the run is offline; run '
            "`kcity fetch` once on a machine with a network, or give an .osm.pbf"
        )
    area_km2 = abs(_GEOD.geometry_area_perimeter(box)[0]) / 1e6
    if product.max_area_km2 is not None and area_km2 > product.max_area_km2:
        raise LimitError(
            f'osm = "overpass": the area has {area_km2:,.0f} km2; public servers are for at most '
            f"{product.max_area_km2:,.0f} km2. Use an extract: `kcity fetch` takes the PBF route"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "one-at-a-time.lock", timeout=config.deadline_s):
            if path.exists():  # too old: ask anew, whatever was kept half-way
                shutil.rmtree(raw, ignore_errors=True)
            _ask(box, wanted, raw, product=product, fetcher=fetcher)
            try:
                answers = [json.loads(p.read_bytes()) for p in sorted(raw.glob("*.json"))]
                date = answer_to_pbf(answers, path, box=box)
            finally:  # an answer that is none must not be read again
                shutil.rmtree(raw, ignore_errors=True)
            _note(path, product.url, date)
    except Timeout as error:
        raise SourceTimeoutError(
            "Overpass: another run is using it; wait for that run, public servers want one at a time"
        ) from error
    return path


def _query_box(area: BaseGeometry) -> shapely.Polygon:
    """Round the bounding box outwards to 4 digits (10 m): neighbours in time share an answer."""
    west, south, east, north = area.bounds
    low = [math.floor(v * 1e4) / 1e4 for v in (west, south)]
    high = [math.ceil(v * 1e4) / 1e4 for v in (east, north)]
    return shapely.box(max(-180, low[0]), max(-90, low[1]), min(180, high[0]), min(90, high[1]))


def _fresh(path: Path, max_age_days: float | None, *, offline: bool) -> bool:
    note = path.with_name(path.name + ".json")
    if not (path.exists() and note.exists()):
        return False
    age_days = (time.time() - path.stat().st_mtime) / 86400
    return offline or max_age_days is None or age_days <= max_age_days


def _ask(
    box: shapely.Polygon,
    tags: Mapping[str, bool | str | list[str]],
    raw: Path,
    *,
    product: Any,  # noqa: ANN401 - Product
    fetcher: Fetcher,
) -> None:
    with fetcher.osmnx.lent(
        product.url,
        cache=raw,
        timeout_s=product.timeout_s,
        expects=_is_answer,
        retry_after_s=product.retry_after_s,
    ) as ox:
        ox.settings.cache_only_mode = True  # public way to the raw answer
        ox.settings.overpass_settings += ";" + _around(box, tags)

        def ask() -> None:
            try:
                ox.features_from_polygon(box, dict(tags))
            except ox._errors.CacheOnlyInterruptError:  # noqa: SLF001 - has no public name
                return

        fetcher.patiently(ask, url=product.url, what="OpenStreetMap by Overpass")


def _around(box: shapely.Polygon, tags: Mapping[str, bool | str | list[str]]) -> str:
    """Ask for what lies all round the box, too: it has no point inside and does not cross it."""
    free = "|".join(key for key, value in tags.items() if value is True)
    filters = [f"[~'^({free})$'~'.']"] if free else []
    for key, value in tags.items():
        few = [value] if isinstance(value, str) else value
        filters += [f"['{key}'~'^({'|'.join(few)})$']"] if isinstance(few, list) else []
    lon, lat = box.centroid.coords[0]
    items = "".join(f"{kind}(pivot.around){f};" for kind in ("way", "relation") for f in filters)
    return f"is_in({lat:.6f},{lon:.6f})->.around;({items});(._;>;);out"


def _is_answer(answer: Any) -> bool:  # noqa: ANN401 - any JSON
    elements = answer.get("elements") if isinstance(answer, dict) else None
    return isinstance(elements, list) and all(
        isinstance(item, dict) and "type" in item and "id" in item for item in elements
    )


def answer_to_pbf(answers: Iterable[Mapping[str, Any]], path: Path, *, box: shapely.Polygon) -> str:
    """
    Write answers of Overpass as one ``.osm.pbf``, whole or not at all.

    Parameters
    ----------
    answers : parsed JSON of ``out body``, nodes included; repeats are dropped.
    path : ``.osm.pbf`` to write.
    box : area asked for, lon/lat; goes into the header.

    Returns
    -------
    Date of the data, ISO, or ``""``.

    Raises
    ------
    SourceError
        If an answer is not one of Overpass.
    """
    import osmium

    items = list(answers)
    try:
        dates = [str(a.get("osm3s", {}).get("timestamp_osm_base", "")) for a in items]
        kinds = _by_kind(items)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f"Overpass: the answer is not OpenStreetMap JSON ({error!r}); run again later"
        ) from error
    date = min((d for d in dates if d), default="")
    header = osmium.io.Header()
    header.set("generator", "kcity_geo")
    header.set("sorting", "Type_then_ID")
    if date:
        header.set("osmosis_replication_timestamp", date)
    west, south, east, north = box.bounds
    header.add_box(osmium.osm.Box(west, south, east, north))
    temporary = path.with_name("part-" + path.name)
    temporary.unlink(missing_ok=True)
    try:
        with osm_writer(temporary, header=header) as writer:
            for name, add in (
                ("node", writer.add_node),
                ("way", writer.add_way),
                ("relation", writer.add_relation),
            ):
                for _, item in sorted(kinds[name].items()):
                    add(_element(name, item))
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
        temporary.unlink(missing_ok=True)
        raise SourceError(
            f"Overpass: the answer holds what is no OpenStreetMap object ({error!r}); run again later"
        ) from error
    temporary.replace(path)
    return date


def _by_kind(answers: Iterable[Mapping[str, Any]]) -> dict[str, dict[int, Mapping[str, Any]]]:
    kinds: dict[str, dict[int, Mapping[str, Any]]] = {"node": {}, "way": {}, "relation": {}}
    for answer in answers:
        for item in answer["elements"]:
            if item["type"] in kinds:
                kinds[item["type"]][int(item["id"])] = item
    return kinds


def _element(kind: str, item: Mapping[str, Any]) -> Any:  # noqa: ANN401 - osmium
    from osmium.osm import mutable

    number, tags = int(item["id"]), _tags(item)
    if kind == "node":
        lon, lat = float(item["lon"]), float(item["lat"])
        if not (abs(lon) <= 180 and abs(lat) <= 90):  # noqa: PLR2004 - degrees
            raise ValueError(f"node {number} lies at {lon}, {lat}")
        return mutable.Node(id=number, location=(lon, lat), tags=tags)
    if kind == "way":
        return mutable.Way(id=number, nodes=item.get("nodes", []), tags=tags)
    members = [(m["type"][0], m["ref"], m.get("role", "")) for m in item.get("members", [])]
    return mutable.Relation(id=number, members=members, tags=tags)


def _tags(item: Mapping[str, Any]) -> dict[str, str]:
    return {str(k): str(v) for k, v in sorted(item.get("tags", {}).items())}


def _note(path: Path, url: str, date: str) -> None:
    note = path.with_name(path.name + ".json")
    temporary = note.with_name(note.name + ".new")
    retrieved = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    temporary.write_text(
        json.dumps({"url": url, "as_of": date, "retrieved": retrieved}), encoding="utf-8"
    )
    temporary.replace(note)
