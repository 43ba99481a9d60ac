"""
City: a name, a boundary, one metric CRS and, if known, its districts.

All metric work of a study happens in `City.crs`; this file chooses it and measures its scale
error. It reads no files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import Config
from kcity_geo.errors import (
    CRSMismatchError,
    LimitError,
    SchemaError,
    SourceError,
    StudyError,
)
from kcity_geo.notes import tell

__all__ = [
    "REST",
    "City",
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
#: District of the land that the given districts leave out.
REST = "elsewhere"


@dataclass(frozen=True, eq=False)
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

    @property
    def boundary_metric(self) -> BaseGeometry:
        """Boundary in the metric CRS."""
        outline: BaseGeometry = to_metric(self.boundary, self.crs)
        return outline

    @property
    def area_km2(self) -> float:
        """Geodesic area of the boundary, km2."""
        return abs(_GEOD.geometry_area_perimeter(self.boundary)[0]) / 1e6


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
    transformer = Transformer.from_crs(4326, crs, always_xy=True)
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
    transformer = Transformer.from_crs(4326, crs, always_xy=True)
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
    boundary: BaseGeometry,
    *,
    districts: gpd.GeoDataFrame | None = None,
    config: Config | None = None,
) -> City:
    """
    Check and repair a boundary and build the city around it.

    Parameters
    ----------
    name : as printed on maps.
    boundary : (multi)polygon, lon/lat. A self-crossing one is repaired with a warning.
    districts : any CRS; columns ``district_id`` and ``name`` are made when missing. Parts
        outside the boundary are cut off; land in no district becomes the district "elsewhere".
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

    Examples
    --------
    >>> import shapely
    >>> make_city("Monaco", shapely.box(7.40, 43.72, 7.44, 43.76)).crs.to_epsg()
    32632
    """
    config = config or Config()
    polygon = _clean_polygon(boundary, what="city boundary")
    west, south, east, north = polygon.bounds
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
        districts=_district_frame(name, polygon, crs, districts),
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


def _district_frame(
    name: str, boundary: BaseGeometry, crs: CRS, districts: gpd.GeoDataFrame | None
) -> gpd.GeoDataFrame:
    outline = to_metric(boundary, crs)
    if districts is None:
        return gpd.GeoDataFrame(
            {"district_id": ["whole"], "name": [name]}, geometry=[outline], crs=crs
        )
    if districts.crs is None:
        raise SchemaError("districts: the file has no CRS; give it one")
    frame = districts.to_crs(crs)
    geometry = shapely.intersection(shapely.make_valid(frame.geometry.to_numpy()), outline)
    keep = shapely.area(geometry) > 1.0
    if not keep.any():
        raise SchemaError("districts: none overlaps the city boundary; check both files")
    id_column = next(
        (c for c in ("district_id", "id", "code", "ISO_1", "shapeID") if c in frame), None
    )
    name_column = next((c for c in ("name", "NAME", "shapeName", "district") if c in frame), None)
    ids = (
        frame[id_column].astype(str) if id_column else [f"d{i + 1:02d}" for i in range(len(frame))]
    )
    names = (
        frame[name_column].astype(str)
        if name_column
        else [f"District {i + 1}" for i in range(len(frame))]
    )
    out = gpd.GeoDataFrame(
        {"district_id": list(ids), "name": list(names)}, geometry=geometry, crs=crs
    )[keep]
    if out["district_id"].duplicated().any():
        twice = out["district_id"][out["district_id"].duplicated()].iloc[0]
        raise SchemaError(f"districts: id {twice!r} occurs more than once; ids must be unique")
    rest = shapely.difference(outline, shapely.union_all(out.geometry.to_numpy()))
    if rest.area > 0.001 * outline.area:
        tell(
            f"districts cover {1 - rest.area / outline.area:.1%} of {name}; the rest is reported as "
            "'elsewhere'",
            stacklevel=4,
        )
        extra = gpd.GeoDataFrame({"district_id": [REST], "name": [REST]}, geometry=[rest], crs=crs)
        out = gpd.GeoDataFrame(
            {k: [*out[k], *extra[k]] for k in ("district_id", "name")},
            geometry=[*out.geometry, rest],
            crs=crs,
        )
    return out.sort_values("district_id", kind="stable").reset_index(drop=True)
