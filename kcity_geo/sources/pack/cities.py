"""Cities: a list of places, fetched one after another; one that fails does not stop the others."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from kcity_geo.config import Config
from kcity_geo.errors import (
    KCityError,
    SourceError,
    StudyError,
)
from kcity_geo.notes import collected, muted
from kcity_geo.sources.pack.fetch import fetch
from kcity_geo.sources.pack.job import (
    note,
)
from kcity_geo.sources.products.catalogue import Catalogue, load_catalogue
from kcity_geo.sources.products.places import circle
from kcity_geo.sources.web.cachefiles import storing, why, write_atomic
from kcity_geo.sources.web.download import Progress, safe_name

__all__ = ["Outcome", "fetch_cities"]


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one city of a list: ``done``, ``kept`` (was there already) or ``failed``."""

    place: str
    status: str
    study: Path | None
    error: str = ""
    notes: str = ""


def fetch_cities(  # noqa: PLR0913 - as `fetch`
    cities: Path,
    *,
    out: Path,
    config: Config,
    products: Iterable[str] | None = None,
    commercial: bool = False,
    catalogue: Catalogue | Path | None = None,
    allow_partial: bool = False,
    progress: Callable[[Progress], None] | None = None,
    told: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """
    Fetch a list of cities, one after another, going on where the last run stopped.

    Parameters
    ----------
    cities : csv with a column ``place`` (``"Name, Country"``), or ``name`` and ``country``;
        optional ``lat``, ``lon`` and ``radius_km`` (a circle) or ``boundary`` (a file, relative to
        the csv).
    out : folder; each city becomes a pack in it, named after the place.
    config, products, commercial, catalogue, allow_partial, progress : as for `fetch`. Several
        cities take OpenStreetMap from extracts, as the operators of Overpass ask.
    told : called after each city.

    Returns
    -------
    One outcome a row, in the order of the file; also in ``cities.json`` of the folder.

    Raises
    ------
    SourceError
        If the csv cannot be read.
    """
    rows = _city_rows(Path(cities))
    if not isinstance(catalogue, Catalogue):
        catalogue = load_catalogue(catalogue)
    wanted = list(products) if products is not None else None
    outcomes: list[Outcome] = []
    seen: set[str] = set()
    with storing(out, mend="give another --out"):
        out.mkdir(parents=True, exist_ok=True)
    for row in rows:
        label = row["place"]
        name = safe_name(label)
        before = (out / name / "manifest.json").exists()
        try:
            _require_new(label, name, seen, cities)
            boundary = _row_boundary(row, Path(cities).parent)
            with muted(), collected() as texts:
                made = _mtime(out / name / "manifest.json")
                study = fetch(
                    label,
                    out=out / name,
                    config=config,
                    boundary=boundary,
                    products=wanted,
                    commercial=commercial,
                    catalogue=catalogue,
                    allow_partial=allow_partial,
                    osm_route="pbf" if len(rows) > 1 else None,
                    progress=progress,
                )
            kept = before and made == _mtime(out / name / "manifest.json")
            notes = "; ".join(texts)
            outcome = Outcome(label, "kept" if kept else "done", study, notes=notes)
        except KCityError as error:
            outcome = Outcome(label, "failed", None, error=str(error))
        except Exception as error:  # noqa: BLE001 - one city never stops the others
            _log.exception("%s", label)
            outcome = Outcome(label, "failed", None, error=f"unexpected {why(error)}")
        outcomes.append(outcome)
        _write_outcomes(out / "cities.json", outcomes)
        if told:
            told(outcome)
    return outcomes


def _require_new(label: str, name: str, seen: set[str], cities: Path) -> None:
    if not label or name in seen:
        raise StudyError(f"{label!r}: is empty or occurs twice in {cities}")
    seen.add(name)


def _mtime(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _write_outcomes(path: Path, outcomes: list[Outcome]) -> None:
    rows = [
        {
            "place": o.place,
            "status": o.status,
            "study": o.study and o.study.relative_to(path.parent).as_posix(),
            "error": o.error,
            "notes": o.notes,
        }
        for o in outcomes
    ]
    try:
        write_atomic(path, json.dumps(rows, indent=1, ensure_ascii=False))
    except OSError as error:
        note(f"{path}: cannot be written ({error}); the cities go on, their outcomes are printed")


def _city_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [
                {
                    (k or "").strip().lower(): (v or "").strip()
                    for k, v in r.items()
                    if isinstance(v, str)
                }
                for r in csv.DictReader(stream)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read ({error})") from error
    if not rows:
        raise SourceError(f"{path}: holds no city")
    for row in rows:
        if "place" not in row:
            if "name" not in row:
                raise SourceError(f"{path}: needs a column 'place', or 'name' and 'country'")
            row["place"] = ", ".join(p for p in (row["name"], row.get("country", "")) if p)
    return rows


def _row_boundary(row: dict[str, str], folder: Path) -> Path | BaseGeometry | None:
    if row.get("boundary"):
        return folder / row["boundary"]
    if any(row.get(k) for k in ("lat", "lon", "radius_km")):
        try:
            lat, lon, radius = (float(row[k]) for k in ("lat", "lon", "radius_km"))
        except (KeyError, ValueError) as error:
            raise StudyError(
                f"{row['place']}: lat, lon and radius_km must be numbers ({error})"
            ) from error
        if not (abs(lat) < 89 and abs(lon) <= 180 and 0 < radius <= 150):  # noqa: PLR2004 - limits of a city
            raise StudyError(f"{row['place']}: {lat}, {lon}, {radius} km is no study area")
        return circle(lon, lat, radius)
    return None
