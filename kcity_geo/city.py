"""
City: a name, a boundary, one metric CRS and, if known, its districts.

All metric work of a study happens in `City.crs`; this file chooses it and measures its scale
error. It reads no files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from kcity_geo.city_districts import district_frame
from kcity_geo.config import Config
from kcity_geo.coordinates import between, in_crs
from kcity_geo.errors import (
    CRSMismatchError,
    LimitError,
    SourceError,
    StudyError,
)
from kcity_geo.notes import tell
from kcity_geo.thumbnails import card, outline

__all__ = [
    "City",
    "geodesic_area_km2",
    "make_city",
    "metric_crs",
    "require_earthly",
    "require_metric",
    "scale_error",
]

_GEOD = Geod(ellps="WGS84")
_UTM_SOUTH, _UTM_NORTH = -80, 84
_WORLD = (-180.0, -90.0, 180.0, 90.0)
_MAX_DEGREES = 6.0


@dataclass(frozen=True, eq=False, repr=False)
class City:
    """
    A host city: valid boundary, one metric CRS, districts.

    Build it with `make_city`, which checks and repairs.

    Parameters
    ----------
    name : as printed on maps.
    boundary : (multi)polygon, lon/lat (WGS 84), valid.
    crs : metric CRS, metres; UTM, or equal-area centred on the city.
    scale_error : largest |k - 1| of `crs` over the boundary; lengths are wrong by at most this share.
    districts : columns ``district_id`` (str), ``name`` (str), ``geometry``; in `crs`; at least
        one row (the whole city when no districts are known).
    """

    name: str
    boundary: shapely.Polygon | shapely.MultiPolygon
    crs: CRS
    scale_error: float
    districts: gpd.GeoDataFrame

    def __repr__(self) -> str:
        """Say name, size and CRS in one line."""
        count = len(self.districts)
        return (
            f"City({self.name}: {self.area_km2:,.1f} km2 in {self.crs.name}; {count} "
            f"district{'s' if count != 1 else ''})"
        )

    def _repr_html_(self) -> str:
        """Show the districts in a notebook."""
        return card(repr(self), outline(self.districts.geometry.to_numpy()))

    @cached_property
    def boundary_metric(self) -> BaseGeometry:
        """Boundary in the metric CRS."""
        outline: BaseGeometry = to_metric(self.boundary, self.crs)
        return outline

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What others derive of the city once and ask for again; gone with it."""
        return {}

    @cached_property
    def area_km2(self) -> float:
        """Geodesic area of the boundary, km2."""
        return geodesic_area_km2(self.boundary)


def geodesic_area_km2(shape: BaseGeometry) -> float:
    """
    Measure an area on the ellipsoid, whichever way its rings turn.

    Parameters
    ----------
    shape : (multi)polygon, lon/lat (WGS 84).

    Returns
    -------
    km2; holes are taken off.

    Examples
    --------
    >>> hole = [(0.02, 0.02), (0.08, 0.02), (0.08, 0.08), (0.02, 0.08)]
    >>> ring = [(0, 0), (0.1, 0), (0.1, 0.1), (0, 0.1)]
    >>> [round(geodesic_area_km2(shapely.Polygon(ring, [h])), 1) for h in (hole, hole[::-1])]
    [78.8, 78.8]
    """
    turned = shapely.orient_polygons(shape)
    # Ring by ring as arrays: geometry_area_perimeter copies a coastline number by number.
    square_m = 0.0
    for part in shapely.get_parts(turned):
        rings = (shapely.get_coordinates(ring).T for ring in shapely.get_rings(part))
        square_m += sum(_GEOD.polygon_area_perimeter(x, y)[0] for x, y in rings)
    return abs(square_m) / 1e6


def require_earthly(crs: CRS, *, what: str) -> None:
    """
    Refuse a CRS that says nothing of the place on Earth.

    Parameters
    ----------
    crs : of an input.
    what : key and file, for the message.

    Raises
    ------
    SourceError
        If no point of it can be turned into lon/lat (engineering and local systems).

    Examples
    --------
    >>> require_earthly(CRS(32632), what="city.boundary: city.gpkg")
    """
    try:
        Transformer.from_crs(crs, 4326, always_xy=True)
    except ProjError as error:
        raise SourceError(
            f"{what}: its CRS {crs.name!r} is a local system without a place on Earth; assign the "
            "right one (EPSG code) and save it again"
        ) from error


def to_metric(geometry: Any, crs: CRS) -> Any:  # noqa: ANN401 - any shapely geometry or array
    """
    Project lon/lat geometry to a metric CRS.

    Parameters
    ----------
    geometry : shapely geometry or array of them, lon/lat.
    crs : target CRS, metres.

    Returns
    -------
    The same shape of geometries, metres.

    Examples
    --------
    >>> import shapely
    >>> to_metric(shapely.Point(9, 0), CRS(32632)).x
    500000.0
    """
    transformer = between(4326, crs)
    return shapely.transform(
        geometry, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))
    )


def metric_crs(boundary: BaseGeometry) -> CRS:
    """
    Choose the metric CRS of a city from its boundary.

    UTM (WGS 84) of the centroid's zone; an equal-area CRS (Lambert azimuthal) centred on the
    city when the boundary lies in more than one zone or beyond 84 N / 80 S.

    Parameters
    ----------
    boundary : polygon, lon/lat.

    Returns
    -------
    CRS in metres, never EPSG:3857.

    Examples
    --------
    >>> import shapely
    >>> metric_crs(shapely.box(7.40, 43.72, 7.44, 43.76)).to_epsg()
    32632
    """
    west, south, east, north = boundary.bounds
    zone = _zone(west)
    if zone == _zone(np.nextafter(east, west)) and south > _UTM_SOUTH and north < _UTM_NORTH:
        return CRS.from_epsg((32600 if (south + north) / 2 >= 0 else 32700) + zone)
    lon, lat = round((west + east) / 2, 4), round((south + north) / 2, 4)
    return CRS.from_proj4(
        f"+proj=laea +lat_0={lat} +lon_0={lon} +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"
    )


def _zone(lon: float) -> int:
    return min(60, max(1, math.floor((lon + 180) / 6) + 1))


def scale_error(boundary: BaseGeometry, crs: CRS) -> float:
    """
    Measure how much lengths in `crs` differ from the ellipsoid over a boundary.

    Short geodesic steps to the north and to the east are measured on a 7 x 7 lattice of the
    bounding box.

    Parameters
    ----------
    boundary : polygon, lon/lat.
    crs : metric CRS.

    Returns
    -------
    Largest abs(k - 1), a share: 0.001 means 1 m in a kilometre.

    Examples
    --------
    >>> import shapely
    >>> round(scale_error(shapely.box(7.4, 43.72, 7.44, 43.76), CRS(32632)), 4)
    0.0002
    """
    west, south, east, north = boundary.bounds
    lon, lat = (
        a.ravel() for a in np.meshgrid(np.linspace(west, east, 7), np.linspace(south, north, 7))
    )
    transformer = between(4326, crs)
    x0, y0 = transformer.transform(lon, lat)
    worst = 0.0
    for azimuth in (0.0, 90.0):
        step_m = 10.0
        lon1, lat1, _ = _GEOD.fwd(lon, lat, np.full_like(lon, azimuth), np.full_like(lon, step_m))
        x1, y1 = transformer.transform(lon1, lat1)
        worst = max(worst, float(np.max(np.abs(np.hypot(x1 - x0, y1 - y0) / step_m - 1))))
    return worst


def require_metric(frame: gpd.GeoDataFrame, crs: CRS, what: str) -> None:
    """
    Refuse a frame that is not in the metric CRS of the city.

    Parameters
    ----------
    frame : any layer.
    crs : the CRS of the city.
    what : name of the layer, for the message.

    Raises
    ------
    CRSMismatchError
        If the CRS differs or is missing.
    """
    if frame.crs is None or CRS(frame.crs) != crs:
        raise CRSMismatchError(
            f"{what} is in {frame.crs}, the city in {crs.to_string()}; reproject it at the door"
        )


def make_city(
    name: str,
    boundary: BaseGeometry | gpd.GeoSeries | gpd.GeoDataFrame,
    *,
    districts: gpd.GeoDataFrame | gpd.GeoSeries | Sequence[BaseGeometry] | None = None,
    config: Config | None = None,
) -> City:
    """
    Check and repair a boundary and build the city around it.

    Parameters
    ----------
    name : as printed on maps.
    boundary : (multi)polygon, lon/lat; or a GeoSeries or GeoDataFrame in any CRS, whose polygons are
        joined. A self-crossing one is repaired with a warning.
    districts : any CRS, or shapely geometries in lon/lat; columns ``district_id`` and ``name`` are made
        when missing; a series names them by its index. Parts outside the boundary are cut off; land in
        no district becomes the district "elsewhere".
    config : limits.

    Returns
    -------
    The city.

    Raises
    ------
    StudyError
        If the boundary is empty or not a polygon, or not lon/lat.
    LimitError
        If it is larger than `Config.max_extent_km`.
    SchemaError
        If the districts have no CRS or do not overlap the boundary.
    CRSMismatchError
        If a boundary as series or frame has no CRS.

    Examples
    --------
    >>> import shapely
    >>> make_city("Monaco", shapely.box(7.40, 43.72, 7.44, 43.76)).crs.to_epsg()
    32632
    """
    config = config or Config()
    if not isinstance(boundary, BaseGeometry):
        parts = in_crs(boundary, 4326, what="city boundary")
        boundary = parts[0] if len(parts) == 1 else shapely.union_all(shapely.make_valid(parts))
    polygon = _clean_polygon(boundary, what="city boundary")
    west, south, east, north = polygon.bounds
    _refuse_date_line(west, east)
    if west < _WORLD[0] or south < _WORLD[1] or east > _WORLD[2] or north > _WORLD[3]:
        raise StudyError(
            f"city boundary: bounds {west:g}, {south:g}, {east:g}, {north:g} are not lon/lat; "
            "give the file a CRS"
        )
    width_km = _GEOD.line_length([west, east], [(south + north) / 2] * 2) / 1000
    height_km = _GEOD.line_length([west] * 2, [south, north]) / 1000
    if east - west > _MAX_DEGREES or max(width_km, height_km) > config.max_extent_km:
        raise LimitError(
            f"city boundary: {east - west:.1f} degrees, {width_km:,.0f} x {height_km:,.0f} km is no city; "
            f"the limits are 6 degrees and {config.max_extent_km:g} km; draw a smaller boundary"
        )
    crs = metric_crs(polygon)
    return City(
        name=name,
        boundary=polygon,
        crs=crs,
        scale_error=scale_error(polygon, crs),
        districts=district_frame(name, polygon, to_metric(polygon, crs), crs, districts),
    )


def _refuse_date_line(west: float, east: float) -> None:
    """Refuse an outline on both sides of the 180th meridian by its right name."""
    half, whole = 180.0, 360.0
    if not -whole <= west <= east <= whole:
        return
    if east - west > half or (west < half < east <= whole) or (-whole <= west < -half < east):
        raise StudyError(
            f"city boundary: from longitude {west:g} to {east:g} it crosses the 180th meridian, which is not "
            "supported; take the side on which the city lies"
        )
    if half <= west <= east <= whole or -whole <= west <= east <= -half:
        raise StudyError(
            f"city boundary: longitudes from {west:g} to {east:g}; they go from -180 to 180, so write "
            f"{west - np.sign(west) * whole:g} to {east - np.sign(west) * whole:g}"
        )


def _clean_polygon(geometry: BaseGeometry, *, what: str) -> shapely.Polygon | shapely.MultiPolygon:
    if geometry.is_empty or geometry.geom_type not in {
        "Polygon",
        "MultiPolygon",
        "GeometryCollection",
    }:
        kind = "empty" if geometry.is_empty else f"a {geometry.geom_type}"
        raise StudyError(f"{what}: is {kind}; a Polygon or MultiPolygon is needed")
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise StudyError(f"{what}: has corners that are no finite number; draw it again")
    fixed = geometry
    if not geometry.is_valid:
        reason = shapely.is_valid_reason(geometry)
        fixed = shapely.make_valid(geometry)
        tell(f"{what} was repaired ({reason})", stacklevel=3)
    parts = [p for p in shapely.get_parts(fixed) if p.geom_type in {"Polygon", "MultiPolygon"}]
    merged = shapely.force_2d(shapely.union_all(parts))
    if not isinstance(merged, shapely.Polygon | shapely.MultiPolygon) or merged.area == 0:
        raise StudyError(f"{what}: has no area; a Polygon or MultiPolygon is needed")
    return merged
