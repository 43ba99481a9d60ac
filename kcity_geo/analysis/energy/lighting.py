"""
Street lighting (E8): which share of the streets is lit, and how little of it anybody mapped.

Only tagged streets and streets near a mapped lamp count. An untagged street is not an unlit one:
the bounds show what the untagged length could change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.expected import expected_road_m, expected_streets
from kcity_geo.analysis.evidence.features import shapes, text
from kcity_geo.analysis.settlement.built import built_share
from kcity_geo.cube import bin_points, cell_size
from kcity_geo.result import Indicator, assessable, unassessed
from kcity_geo.standards import standard_gap

__all__ = ["lit_land", "lit_shares", "street_lighting"]

_CLASSES = (
    *(f"{n}{x}" for n in ("trunk", "primary", "secondary", "tertiary") for x in ("", "_link")),
    *("unclassified", "residential", "living_street"),
)
_LIT = ("yes", "24/7", "automatic", "limited", "interval", "sunset-sunrise", "operating_times")
_UNLIT = ("no", "disused")
_PIECE_M = 25.0


def lit_shares(yes_m: float, no_m: float, total_m: float) -> dict[str, float]:
    """
    Give the shares of lit street from tagged lengths.

    Parameters
    ----------
    yes_m, no_m : length known to be lit, and known to be unlit.
    total_m : length of all streets, tagged or not.

    Returns
    -------
    ``completeness`` (known over all), ``lit`` (lit over known), ``lo`` and ``hi`` (lit over all
    when every untagged street is dark, and when every one is lit); NaN where nothing divides.

    Examples
    --------
    >>> {k: round(v, 3) for k, v in lit_shares(12, 6, 60).items()}
    {'completeness': 0.3, 'lit': 0.667, 'lo': 0.2, 'hi': 0.9}
    """
    known, nan = yes_m + no_m, float("nan")
    return {
        "completeness": known / total_m if total_m > 0 else nan,
        "lit": yes_m / known if known > 0 else nan,
        "lo": yes_m / total_m if total_m > 0 else nan,
        "hi": (total_m - no_m) / total_m if total_m > 0 else nan,
    }


def _pieces(
    lines: NDArray[np.object_],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Cut lines into pieces of at most 25 m: middle x and y, length, number of the line."""
    parts, owner = shapely.get_parts(lines, return_index=True)
    xy, line = shapely.get_coordinates(shapely.segmentize(parts, _PIECE_M), return_index=True)
    same = line[1:] == line[:-1]
    a, b = xy[:-1][same], xy[1:][same]
    middle = (a + b) / 2
    return middle[:, 0], middle[:, 1], np.hypot(*(b - a).T), owner[line[1:][same]]


def _lamps(city: CityModel) -> gpd.GeoDataFrame | None:
    lamps = city.layers.get("lighting")
    return None if lamps is None or not len(lamps) else lamps


def lit_land(city: CityModel) -> NDArray[np.bool_]:
    """
    Tell whose streets are asked for their light: those of built-up land, of all land where nothing says what is built.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Shape (rows, cols).
    """
    built = built_share(city)
    if built is None:
        return city.inside
    return city.inside & (built >= city.settings("energy").number("built_min_share"))


def street_lighting(city: CityModel) -> Indicator:
    """
    Assess E8: the share of streets in built-up land that are lit.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row E8; cells are shares of the known length, NaN where nothing is known. Not assessed when
    less than ``attribute_min_share`` of the length is known.
    """
    settings = city.settings("energy")
    common: dict[str, Any] = {
        "units": "share",
        "layers": ("lighting", "roads_drive"),
        "as_of": city.osm_date,
    }
    roads = city.layers.get("roads_drive")
    if roads is None or not len(roads):
        return unassessed("E8", reason="no street is mapped; give sources.osm", **common)
    kept = np.isin(text(roads, "highway"), _CLASSES)
    x, y, length, owner = _pieces(shapes(roads)[kept])
    cell = bin_points(x, y, grid=city.grid)
    where = lit_land(city)
    ok = (cell >= 0) & where.ravel()[np.maximum(cell, 0)]
    x, y, length, owner, cell = x[ok], y[ok], length[ok], owner[ok], cell[ok]
    tag = text(roads, "lit")[kept][owner]
    unlit = np.isin(tag, _UNLIT)
    lit = np.isin(tag, _LIT)
    least = float(settings["attribute_min_share"])
    if city.checking and float(length[lit | unlit].sum()) >= least * float(length.sum()) > 0:
        return assessable("E8", **common)  # by tags alone, whatever lamps add
    lamps = _lamps(city)
    by_lamp = np.zeros(len(x), dtype=bool)
    if lamps is not None and len(x):
        from scipy.spatial import cKDTree

        place = shapely.get_coordinates(lamps.geometry.representative_point().to_numpy())
        near = cKDTree(place).query(
            np.column_stack([x, y]), distance_upper_bound=float(settings["lamp_m"])
        )[0]
        by_lamp = np.isfinite(near) & ~lit & ~unlit
    pieces = _Pieces(length, cell, lit=lit | by_lamp, unlit=unlit, by_lamp=by_lamp)
    row = _row(city, common, pieces)
    if row.not_assessed:
        return row
    known_m = float(length[pieces.known].sum())
    ways = len(np.unique(owner[pieces.known]))
    return replace(
        row,
        n_features=ways,
        trust=_trust(city, where, known_m, least=least),
    )


def _trust(city: CityModel, where: NDArray[np.bool_], known_m: float, *, least: float) -> float:
    """
    Highest confidence that the known length carries: its share of what is expected, 0 below `least`.

    Expected by people and buildings, not by the map: a street that vanishes never raises it.
    """
    people, built = (
        np.full(where.shape, np.nan) if v is None else v
        for v in (city.array("population"), city.array("built_m2"))
    )
    area = np.full(where.shape, cell_size(city.grid) ** 2 / 1e6)
    rule = expected_streets(city)
    expected = float(expected_road_m(people, built, area, rule=rule)[where].sum())
    if expected <= 0:
        return 1.0
    share = min(1.0, known_m / expected)
    return share if share >= least else 0.0


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Pieces of street in built-up land: length in metres, cell, and what is known of their light."""

    length: NDArray[np.float64]
    cell: NDArray[np.int64]
    lit: NDArray[np.bool_]
    unlit: NDArray[np.bool_]
    by_lamp: NDArray[np.bool_]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Pieces that are known to be lit or unlit."""
        return self.lit | self.unlit


def _row(city: CityModel, common: Mapping[str, Any], pieces: _Pieces) -> Indicator:
    length, cell, lit, unlit = pieces.length, pieces.cell, pieces.lit, pieces.unlit
    yes, no, total = (float(length[k].sum()) for k in (lit, unlit, slice(None)))
    shares = lit_shares(yes, no, total)
    lamps = _lamps(city)
    details: dict[str, Any] = {
        "street_km": total / 1000,
        "lit_km": yes / 1000,
        "unlit_km": no / 1000,
        "lit_by_lamp_km": float(length[pieces.by_lamp].sum()) / 1000,
        "attribute_completeness": shares["completeness"],
        "lowest_share": shares["lo"],
        "highest_share": shares["hi"],
        "lamps": 0 if lamps is None else len(lamps),
    }
    least = city.settings("energy").number("attribute_min_share")
    if not shares["completeness"] >= least:
        return unassessed(
            "E8",
            reason=f"lighting is known for {np.nan_to_num(shares['completeness']):.0%} of the "
            f"streets, at least {least:.0%} is needed; map lit=yes/no or lamps",
            details=details,
            **common,
        )
    size = city.grid.shape[0] * city.grid.shape[1]
    lit_m = np.bincount(cell[lit], weights=length[lit], minlength=size)
    known_m = lit_m + np.bincount(cell[unlit], weights=length[unlit], minlength=size)
    all_m = np.bincount(cell, weights=length, minlength=size)
    with np.errstate(invalid="ignore"):
        cells, least_lit, most_lit = (
            share.reshape(city.grid.shape)
            for share in (lit_m / known_m, lit_m / all_m, 1 - (known_m - lit_m) / all_m)
        )
    return Indicator(
        id="E8",
        value=shares["lit"],
        cells=cells,
        gap=standard_gap(cells, city.standards["E8"]),
        # Of each place what its own untagged streets leave open: none where all are tagged.
        gap_bounds=(
            standard_gap(most_lit, city.standards["E8"]),
            standard_gap(least_lit, city.standards["E8"]),
        ),
        ratio=(lit_m.reshape(city.grid.shape), known_m.reshape(city.grid.shape)),
        bounds=(shares["lo"], shares["hi"]),
        evidence="observed",
        source="OSM lit tags and lamps",
        note=f"of the {shares['completeness']:.0%} of street length whose lighting is known",
        details=details,
        **common,
    )
