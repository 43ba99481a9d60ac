"""The data of the page of the map: what its scripts read, as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from kcity_geo.analysis.findings import Findings
from kcity_geo.config import read_table
from kcity_geo.coordinates import label_point
from kcity_geo.outputs.backdrop import encode
from kcity_geo.outputs.cited import citing, ids_in
from kcity_geo.outputs.framing import lived_in_part
from kcity_geo.outputs.languages import tell, text_of, translated
from kcity_geo.outputs.map_names import names_payload
from kcity_geo.outputs.map_story import story_steps
from kcity_geo.outputs.overlay import Picture
from kcity_geo.outputs.site_words import SiteRow, site_rows
from kcity_geo.outputs.summary import Summary
from kcity_geo.outputs.text import JOINED, persons, plain_text
from kcity_geo.outputs.themes import sector_title
from kcity_geo.outputs.weights_page import weights_payload
from kcity_geo.result import SECTORS, THEMES, Result

__all__ = ["PageThings", "make_payload", "page_texts"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PageThings:
    """
    What is drawn on the page.

    Parameters
    ----------
    map_name : variable of the map in the page.
    themes, overlays : rows with ``key, group, title`` and the variable of their ``layer``.
    drawings : packed lines by key.
    facilities : of `kcity_geo.outputs.facilities.make_facilities`.
    hover : of `kcity_geo.outputs.hover.hover_data`.
    picture : of the themes.
    opacity : of their colours, 0 to 1.
    """

    map_name: str
    themes: list[dict[str, Any]]
    overlays: list[dict[str, Any]]
    drawings: dict[str, str]
    facilities: list[dict[str, Any]]
    hover: dict[str, Any]
    picture: Picture
    opacity: float


def page_texts(language: str) -> dict[str, str]:
    """
    Give the texts of the page.

    Parameters
    ----------
    language : one of `kcity_geo.outputs.languages.LANGUAGES`, or the code of the one that is spoken.

    Returns
    -------
    Key -> text, with slots in braces.

    Examples
    --------
    >>> page_texts("ko")["close"]
    '닫기'
    """
    return {key: text_of(row, language) for key, row in read_table("texts/map")["text"].items()}


def make_payload(
    result: Result, summary: Summary, things: PageThings, *, language: str
) -> dict[str, Any]:
    """
    Put together what the scripts of the page read.

    Parameters
    ----------
    result : a finished study.
    summary : its answer in words.
    things : what is drawn.
    language : of the words.

    Returns
    -------
    JSON value; all texts plain, not escaped.
    """
    west, south, east, north = (round(v, 6) for v in result.data.city.boundary.bounds)
    height, width = things.picture.cell.shape
    return {
        "map": things.map_name,
        "texts": page_texts(language),
        "joined": JOINED,
        "themes": things.themes,
        "overlays": things.overlays,
        "open": ["sectors", "findings"],
        "alpha": round(things.opacity, 3),
        "picture": {"bounds": [list(c) for c in things.picture.bounds], "width": width, "height": height},
        "drawings": things.drawings | _outlines(result),
        "facilities": things.facilities,
        "hover": things.hover,
        "sites": _sites(result, summary.sites),
        "tasks": _tasks(result),
        "districts": _districts(result),
        "labels": names_payload(result, language=language),
        "sectors": [sector_title(sector) for sector in (*SECTORS, *THEMES)],
        "story": story_steps(result, summary, first_theme=things.themes[0]["key"], language=language),
        "tiles": _tiles(result),
        "headline": summary.headline,
        "title": summary.title,
        "caveat": summary.caveat,
        "file": re.sub(r"[^\w-]+", "-", summary.city).strip("-")[:60] or "map",
        "credits": summary.credits,
        "weights": weights_payload(result),
        "bounds": [[south, west], [north, east]],
        "view": _view(result) or [[south, west], [north, east]],
    }  # fmt: skip


def _view(result: Result) -> list[list[float]]:
    """First view: where people live, where that is a small part of the study area; else empty."""
    city = result.data.city
    part = lived_in_part(Findings(result).lived_in_box, city.boundary_metric.bounds)
    if part is None:
        return []
    back = Transformer.from_crs(city.crs, 4326, always_xy=True)
    west, south, east, north = back.transform_bounds(*part)
    return [[round(south, 6), round(west, 6)], [round(north, 6), round(east, 6)]]


def _tiles(result: Result) -> list[str]:
    """Address and credit of the online background that the study names; empty without one."""
    asked = result.study.map
    return [asked.tiles, plain_text(asked.tiles_credit, max_chars=300)] if asked.tiles else []


def _tolerance(result: Result) -> float:
    return max(1.0, float(result.data.city.boundary_metric.area**0.5) / 1500)


def _outlines(result: Result) -> dict[str, str]:
    """Outline of the study area, and of each district where there are several."""
    city = result.data.city
    back = Transformer.from_crs(city.crs, 4326, always_xy=True)
    found = {"outline": _packed(city.boundary_metric, back, _tolerance(result) / 2)}
    if len(city.districts) > 1:
        for number, shape in enumerate(city.districts.to_crs(city.crs).geometry):
            found[f"district_{number}"] = _packed(shape, back, _tolerance(result))
    return found


def _packed(shape: Any, back: Transformer, tolerance: float) -> str:  # noqa: ANN401 - geometry
    parts = shapely.get_parts(shapely.simplify(shape, tolerance))
    areas = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    return encode(np.asarray(areas, dtype=object), back)


def _districts(result: Result) -> list[dict[str, Any]]:
    """Name, place, people and readings of each district."""
    frame = result.data.city.districts
    points = frame.to_crs(result.data.city.crs).geometry.apply(label_point).to_crs(4326)
    boxes = frame.to_crs(4326).geometry.bounds.round(5).to_numpy()
    told = result.gaps.districts.set_index(result.gaps.districts["district_id"].astype(str))
    rows = zip(frame["district_id"].astype(str), frame["name"], points, boxes, strict=True)
    found = []
    for key, name, point, (west, south, east, north) in rows:
        row = told.loc[key] if key in told.index else {}
        found.append(
            {
                "id": plain_text(key),
                "name": plain_text(name, max_chars=60),
                "lat": round(point.y, 5),
                "lon": round(point.x, 5),
                "bounds": [[float(south), float(west)], [float(north), float(east)]],
                "people": persons(float(row.get("population", np.nan))),
                "readings": [
                    translated(plain_text(row.get(f"{s}_reading"))) for s in (*SECTORS, *THEMES)
                ],
            }
        )
    return found


def _sites(result: Result, rows: tuple[SiteRow, ...]) -> list[dict[str, Any]]:
    """Outline and words of each site; drawing.js draws them and shows the words as text."""
    shapes = result.sites.geometry.to_crs(4326).set_precision(1e-6)
    with citing():
        site_ids = {row.label: _ids_of(row) for row in site_rows(result)}
    return [
        {
            "label": row.label,
            "lat": row.lat,
            "lon": row.lon,
            "title": row.title,
            "area": row.area,
            "score": row.score,
            "reasons": row.reasons,
            "concerns": row.against,
            "facts": row.facts,
            "stability": row.stability,
            "not_checked": row.not_checked,
            "ledger": site_ids[row.label],
            "shape": json.loads(shapely.to_geojson(shape)),
        }
        for row, shape in zip(rows, shapes, strict=True)
    ]


def _ids_of(row: SiteRow) -> list[str]:
    """List the ids of all numbers on the card of a site, each once."""
    texts = (
        row.area, row.score, *(value for _, value in row.facts), *row.reasons, *row.against,
        row.stability, row.not_checked,
    )  # fmt: skip
    place = (f"site.{row.label}.lat", f"site.{row.label}.lon")
    return list(dict.fromkeys((*(key for text in texts for key in ids_in(text)), *place)))


def _tasks(result: Result) -> list[dict[str, Any]]:
    """Outline and words of each survey task."""
    tasks = result.gaps.survey_tasks
    if not len(tasks):
        return []
    shapes = tasks.geometry.to_crs(4326).set_precision(1e-6)
    return [
        {
            "title": tell(
                "map_task", rank=int(row["rank"]), place=plain_text(row["district"], max_chars=60)
            ),
            "lines": [
                tell("map_task_people", people=persons(float(row["population"]))),
                tell("map_task_open", people=persons(float(row["people_open"]))),
                tell("map_task_sector", sector=sector_title(str(row["sector"])).lower()),
                tell("map_task_look", look=translated(plain_text(row["look_for"]))),
            ],
            "shape": json.loads(shapely.to_geojson(shape)),
        }
        for (_, row), shape in zip(tasks.iterrows(), shapes, strict=True)
    ]
