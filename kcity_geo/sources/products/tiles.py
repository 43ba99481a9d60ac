"""
Tiles: which one of a product holds a place, and what it is called.

Pure: names and numbers only. Coordinates are longitude and latitude, but for ``ghsl``, whose
tiles lie in world Mollweide metres (ESRI:54009).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from kcity_geo.errors import StudyError

__all__ = ["Tile", "split_antimeridian", "tile_at", "tiles_over"]

Bounds = tuple[float, float, float, float]

_MAX_LON, _MAX_LAT, _TURN = 180.0, 90.0, 360.0
_GHSL_WEST, _GHSL_NORTH, _GHSL_STEP = -18_041_000.0, 9_000_000.0, 1_000_000.0


@dataclass(frozen=True, order=True)
class Tile:
    """A tile: its name in addresses, and west, south, east, north in the CRS of its rule."""

    name: str
    bounds: Bounds


def _side(value: float, positive: str, negative: str) -> str:
    return positive if value >= 0 else negative


def _corner(lon: float, lat: float, step: float) -> tuple[int, int]:
    """South-west corner of the step-degree cell; 180 E is 180 W, the pole belongs to its row."""
    west = (-_MAX_LON if lon == _MAX_LON else lon) // step * step
    south = min(lat // step * step, 90 - step)
    return int(west), int(south)


def _copernicus(lon: float, lat: float) -> Tile:
    west, south = _corner(lon, lat, 1)
    name = f"{_side(south, 'N', 'S')}{abs(south):02d}_00_{_side(west, 'E', 'W')}{abs(west):03d}_00"
    return Tile(name, (west, south, west + 1, south + 1))


def _worldcover(lon: float, lat: float) -> Tile:
    west, south = _corner(lon, lat, 3)
    name = f"{_side(south, 'N', 'S')}{abs(south):02d}{_side(west, 'E', 'W')}{abs(west):03d}"
    return Tile(name, (west, south, west + 3, south + 3))


def _gsw(lon: float, lat: float) -> Tile:
    west, south = _corner(lon, lat, 10)
    north = south + 10
    name = f"{abs(west)}{_side(west, 'E', 'W')}_{abs(north)}{_side(north, 'N', 'S')}"
    return Tile(name, (west, south, west + 10, north))


def _ghsl(x: float, y: float) -> Tile:
    column = math.floor((x - _GHSL_WEST) / _GHSL_STEP)
    row = min(math.floor((_GHSL_NORTH - y) / _GHSL_STEP), 17)
    west, north = _GHSL_WEST + column * _GHSL_STEP, _GHSL_NORTH - row * _GHSL_STEP
    return Tile(f"R{row + 1}_C{column + 1}", (west, north - _GHSL_STEP, west + _GHSL_STEP, north))


_RULES: dict[str, tuple[Callable[[float, float], Tile], float]] = {
    "copernicus": (_copernicus, 1.0),
    "worldcover": (_worldcover, 3.0),
    "gsw": (_gsw, 10.0),
    "ghsl": (_ghsl, _GHSL_STEP),
}


def tile_at(rule: str, x: float, y: float) -> Tile:
    """
    Name the tile that holds a point.

    A point on an edge belongs to the tile east and north of it (for ``ghsl`` south of it), so
    that every point has exactly one tile; longitude 180 is longitude -180.

    Parameters
    ----------
    rule : ``copernicus`` (1 degree, named by its south-west corner), ``worldcover`` (3 degrees,
        south-west), ``gsw`` (10 degrees, north-west, no leading zeros) or ``ghsl`` (1,000 km,
        row and column).
    x, y : longitude and latitude, degrees; Mollweide metres for ``ghsl``.

    Returns
    -------
    The tile.

    Raises
    ------
    StudyError
        If the rule is unknown or the point is not on Earth.

    Examples
    --------
    >>> tile_at("copernicus", -115.0, 53.5).name
    'N53_00_W115_00'
    >>> tile_at("worldcover", 7.4, 1.0).name
    'N00E006'
    >>> tile_at("gsw", 7.4, 1.0).name
    '0E_10N'
    """
    if rule not in _RULES:
        raise StudyError(f"tiling {rule!r} is unknown; known are {', '.join(_RULES)}")
    limit_x, limit_y = (18_041_000.0, 9_020_048.0) if rule == "ghsl" else (180.0, 90.0)
    if not (abs(x) <= limit_x and abs(y) <= limit_y):
        raise StudyError(f"point {x:g}, {y:g} is not on Earth")
    return _RULES[rule][0](x, min(y, _GHSL_NORTH) if rule == "ghsl" else y)


def split_antimeridian(bounds: Bounds) -> list[tuple[Bounds, float]]:
    """
    Cut a window in two where it crosses 180 degrees.

    Parameters
    ----------
    bounds : west, south, east, north, degrees. West greater than east, or a longitude beyond 180,
        means that the window crosses.

    Returns
    -------
    One or two windows within -180..180, each with the degrees to add to its longitudes so that
    all parts lie side by side.

    Examples
    --------
    >>> split_antimeridian((179.0, -1.0, -179.0, 1.0))
    [((179.0, -1.0, 180.0, 1.0), 0.0), ((-180.0, -1.0, -179.0, 1.0), 360.0)]
    """
    west, south, east, north = bounds
    if west > east:
        east += 360.0
    if not (-_MAX_LAT <= south < north <= _MAX_LAT) or not 0 < east - west <= _TURN:
        raise StudyError(f"window {bounds} is not west, south, east, north in degrees")
    shift = 360.0 * math.floor((west + 180.0) / 360.0)
    west, east = west - shift, east - shift
    if east <= _MAX_LON:
        return [((west, south, east, north), 0.0)]
    return [((west, south, 180.0, north), 0.0), ((-180.0, south, east - 360.0, north), 360.0)]


def tiles_over(rule: str, bounds: Bounds, *, pad: float = 0.0) -> list[Tile]:
    """
    Name all tiles that a window touches.

    Parameters
    ----------
    rule : see `tile_at`.
    bounds : west, south, east, north in the CRS of the rule; not across the antimeridian.
    pad : widen the window by this much, same unit (pixels that stand half over an edge).

    Returns
    -------
    Tiles sorted by name, without repeats.

    Examples
    --------
    >>> [t.name for t in tiles_over("worldcover", (-0.5, -0.5, 0.5, 0.5))]
    ['N00E000', 'N00W003', 'S03E000', 'S03W003']
    """
    step = _RULES[rule][1] if rule in _RULES else 1.0
    limit_x, limit_y = (18_041_000.0, _GHSL_NORTH) if rule == "ghsl" else (180.0, 90.0)
    west, east = bounds[0] - pad, bounds[2] + pad
    if rule == "ghsl":
        west, east = max(west, -limit_x), min(east, limit_x)
    south, north = max(bounds[1] - pad, -limit_y), min(bounds[3] + pad, limit_y)
    found = {
        tile_at(rule, x if rule == "ghsl" else _wrapped(x), y)
        for x in _samples(west, east, step)
        for y in _samples(south, north, step)
    }
    return sorted(found)


def _samples(low: float, high: float, step: float) -> list[float]:
    """Points so close that no tile between them is missed; an upper edge is not touched."""
    inside = high - 1e-9 * step
    count = math.ceil((inside - low) / (step / 2))
    return [*(low + i * (step / 2) for i in range(count)), max(inside, low)]


def _wrapped(lon: float) -> float:
    return lon if -_MAX_LON <= lon <= _MAX_LON else (lon + 180.0) % 360.0 - 180.0
