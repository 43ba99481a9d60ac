"""Live weights for the map: the numbers behind the scores, packed, and the texts of the sliders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.sites.live import Live, TriedLimit, live_weights, why_not_live
from kcity_geo.config import read_table
from kcity_geo.outputs.colours import SCORE_COLOURS
from kcity_geo.outputs.languages import spoken, text_of, translated, unmarked
from kcity_geo.outputs.overlay import fit_lookup, packed
from kcity_geo.outputs.text import plain_text
from kcity_geo.profiles import criteria_titles
from kcity_geo.programme.words import LANGUAGES
from kcity_geo.result import Result
from kcity_geo.retold import title_in

__all__ = ["weights_payload"]

#: Where the colour of a score changes, and the colour of what is excluded, as in the theme of the scores.
_BREAKS = (0.2, 0.4, 0.6, 0.8)
_EXCLUDED = "#b5b5b5"
#: Of zlib: the arrays of the criteria are most of what the sliders add to a page.
_LEVEL = 8
_TITLE = 60


def weights_payload(result: Result) -> dict[str, Any]:
    """
    Pack what the map needs so that weights and limits can be moved in it.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    JSON values: arrays as in `kcity_geo.outputs.overlay.packed`, utilities as differences from
    their neighbours. With
    ``off`` the key of the text that says why nothing can be moved.
    """
    rows = read_table("texts/weights")["text"]
    texts = {
        lang: {key: text_of(row, lang) for key, row in rows.items() if _needed(key, result)}
        for lang in dict.fromkeys((*LANGUAGES, spoken().code))
    }
    why = why_not_live(result)
    if why:
        reason = translated(plain_text(result.score.no_ranking, max_chars=300))
        return {"off": why, "texts": texts, "reason": reason}
    live, score = live_weights(result), result.score
    exact = live.values.size <= read_table("suitability/live")["values_max"]
    look = fit_lookup(result.data.grid)
    return {
        "off": "",
        "texts": texts,
        "study": result.study.study.name,
        "project": score.project,
        "criteria": [
            {
                "id": c.id,
                "title": _titles(c.title),
                "weight": float(c.weight_used),
            }
            for c in live.criteria
        ],
        "known": 1.0 - float(sum(score.missing_weight.values())),
        "missing": [
            {
                "id": key,
                "title": _titles(criteria_titles().get(key, key)),
                "weight": float(w),
            }
            for key, w in score.missing_weight.items()
        ],
        "limits": [_limit(one) for one in live.limits],
        "fixed": _fixed(result, live),
        "rows": live.open.shape[0],
        "columns": live.open.shape[1],
        "every": live.every,
        "lookup": {
            "centre": look.centre,
            "half": look.half,
            "powers": look.powers,
            "column": look.column,
            "row": look.row,
        },
        "outline": _outline(result),
        "land": packed(live.inside.astype(np.uint8) + live.open.astype(np.uint8)),
        "utilities": [packed(_differences(codes), level=_LEVEL) for codes in live.utilities],
        "areas": _areas(live, result),
        "means": packed(live.means),
        "knownShare": packed(live.known_share),
        "values": packed(_planes(live.values if exact else live.values.astype(np.float32))),
        "whole": exact,
        "knownMin": live.known_min,
        "knownCellsMin": live.known_cells_min,
        "leastHa": live.least_ha,
        "minHa": float(score.parameters.get("min_area_ha", 0.0) or 0.0),
        "draws": live.draws,
        "spread": live.spread,
        "random": _generator(live.seed),
        "breaks": _BREAKS,
        "colours": [*SCORE_COLOURS, _EXCLUDED],
    }


def _needed(key: str, result: Result) -> bool:
    """Leave out the texts that this page cannot come to say."""
    why = why_not_live(result)
    return key == "title" or key.startswith("off_") if why else key != "off_method"


def _limit(one: TriedLimit) -> dict[str, Any]:
    share = one.limited.units == "share"
    return {
        "id": one.constraint.id,
        "title": _titles(one.constraint.title),
        "unit": "%" if share else one.limited.units,
        "factor": 100 if share else 1,
        "atLeast": one.limited.at_least,
        "steps": one.steps.tolist(),
        "now": int(np.searchsorted(one.steps, one.limited.limit)),
        "cells": packed(_differences(one.cells)),
        "sites": packed(one.sites),
    }


def _titles(title: str) -> dict[str, str]:
    told = {lang: plain_text(title_in(title, lang), max_chars=_TITLE) for lang in LANGUAGES}
    if spoken().code not in told:
        told[spoken().code] = plain_text(unmarked(translated(title)), max_chars=_TITLE)
    return told


def _fixed(result: Result, live: Live) -> list[dict[str, str]]:
    tried = {one.constraint.id for one in live.limits}
    return [_titles(c.title) for c in result.score.constraints if c.applied and c.id not in tried]


def _differences(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each code less those to the left and above, more the one between, modulo 256: smooth fields become small."""
    found = codes.copy()
    found[:, 1:] -= codes[:, :-1]
    below = found.copy()
    below[1:] -= found[:-1]
    return below


def _planes(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Bytes of a table, column by column, all first bytes before all second ones: alike bytes stand together."""
    size = values.dtype.itemsize
    little = np.ascontiguousarray(values.T).astype(values.dtype.newbyteorder("<"))
    return little.view(np.uint8).reshape(values.shape[1], -1, size).transpose(0, 2, 1)


def _areas(live: Live, result: Result) -> list[dict[str, Any]]:
    shapes = _degrees([one.polygon for one in live.areas], result)
    return [
        {
            "id": one.site_id,
            "label": plain_text(one.label, max_chars=20),
            "listed": one.listed,
            "fits": one.fits,
            "cells": len(one.cells),
            "ha": one.polygon.area / 1e4,
            "mean": float(live.parts[i, 0]),
            "low": float(live.parts[i, 1]),
            "fixed": float(live.fixed[i]),
            "order": int(live.order[i]),
            "lat": round(shape.centroid.y, 6),
            "lon": round(shape.centroid.x, 6),
            "shape": None if one.listed else json.loads(shapely.to_geojson(shape)),
        }
        for i, (one, shape) in enumerate(zip(live.areas, shapes, strict=True))
    ]


def _degrees(shapes: Sequence[shapely.Polygon], result: Result) -> list[Any]:
    frame = gpd.GeoSeries(list(shapes), crs=result.data.city.crs)
    return list(frame.to_crs(4326).set_precision(1e-6)) if len(frame) else []


def _outline(result: Result) -> list[list[tuple[float, float]]]:
    """Rings of the city in degrees, as fine as a pixel of the picture."""
    city = result.data.city
    simple = shapely.simplify(city.boundary_metric, (city.boundary_metric.area**0.5) / 2000)
    parts = shapely.get_parts(gpd.GeoSeries([simple], crs=city.crs).to_crs(4326).iloc[0])
    rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    return [[(round(x, 6), round(y, 6)) for x, y in ring.coords] for ring in rings]


def _generator(seed: int) -> dict[str, str]:
    """State of NumPy's generator before its first number, so that the page draws the same weights."""
    state = np.random.default_rng(seed).bit_generator.state["state"]
    return {"state": str(state["state"]), "inc": str(state["inc"])}
