"""
City: a name, a boundary, one metric CRS and, if known, its districts.

All metric work of a study happens in `City.crs`; this file chooses it and measures its scale
error. It reads no files.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import Config, read_table
from kcity_geo.coordinates import in_crs
from kcity_geo.errors import (
    CRSMismatchError,
    LimitError,
    SchemaError,
    SourceError,
    StudyError,
)
from kcity_geo.notes import tell
from kcity_geo.studyfile import WHOLE
from kcity_geo.thumbnails import card, outline

__all__ = [
    "REST",
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
#: Shares of the smaller of two districts that both hold: told, and refused as one land counted twice.
_OVERLAP_TOLD, _OVERLAP_REFUSED = 0.01, 0.5
#: District of the land that the given districts leave out.
REST = "elsewhere"


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

    @property
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
    return abs(float(_GEOD.geometry_area_perimeter(turned)[0])) / 1e6


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
    boundary: BaseGeometry | gpd.GeoSeries | gpd.GeoDataFrame,
    *,
    districts: gpd.GeoDataFrame | gpd.GeoSeries | None = None,
    config: Config | None = None,
) -> City:
    """
    Check and repair a boundary and build the city around it.

    Parameters
    ----------
    name : as printed on maps.
    boundary : (multi)polygon, lon/lat; or a GeoSeries or GeoDataFrame in any CRS, whose polygons are
        joined. A self-crossing one is repaired with a warning.
    districts : any CRS; columns ``district_id`` and ``name`` are made when missing; a series names them
        by its index. Parts outside the boundary are cut off; land in no district becomes the district "elsewhere".
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
        districts=_district_frame(name, polygon, crs, districts),
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


def _district_frame(
    name: str, boundary: BaseGeometry, crs: CRS, districts: gpd.GeoDataFrame | gpd.GeoSeries | None
) -> gpd.GeoDataFrame:
    outline = to_metric(boundary, crs)
    if districts is None:
        return gpd.GeoDataFrame(
            {"district_id": [WHOLE], "name": [name]}, geometry=[outline], crs=crs
        )
    if districts.crs is None:
        raise SchemaError("districts: they have no CRS; give them one")
    if isinstance(districts, gpd.GeoSeries):
        districts = _named_by_index(districts)
    frame = districts.to_crs(crs)
    geometry = shapely.intersection(shapely.make_valid(frame.geometry.to_numpy()), outline)
    keep = shapely.area(geometry) > 1.0
    if not keep.any():
        raise SchemaError(
            f"districts: none overlaps the city boundary{_exchanged(districts, boundary)}; check both files"
        )
    if not keep.all():
        tell(
            f"districts: {int((~keep).sum())} of {len(keep)} lie outside {name} and were left out"
            f"{_exchanged(districts[~keep], boundary)}",
            stacklevel=4,
        )
    ids, names = _labels(frame, keep)
    out = gpd.GeoDataFrame({"district_id": ids, "name": names}, geometry=geometry[keep], crs=crs)
    composed = out["district_id"].map(lambda text: unicodedata.normalize("NFC", text))
    if composed.duplicated().any():
        twice = composed[composed.duplicated()].iloc[0]
        raise SchemaError(f"districts: id {twice!r} occurs more than once; ids must be unique")
    _refuse_overlaps(out)
    rest = shapely.difference(outline, shapely.union_all(out.geometry.to_numpy()))
    if rest.area > 0.001 * outline.area:
        out = _rest_kept_apart(out)
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


def _exchanged(elsewhere: gpd.GeoDataFrame, boundary: BaseGeometry) -> str:
    """Say how many features elsewhere would lie in a city with lon and lat exchanged; empty for none."""
    shapes = elsewhere.to_crs(4326).geometry.to_numpy()
    turned = shapely.transform(shapes, lambda xy: xy[:, ::-1])
    here = int(shapely.intersects(boundary, turned).sum())
    return f"; {here} would lie in it with lon and lat exchanged" if here else ""


def _named_by_index(districts: gpd.GeoSeries) -> gpd.GeoDataFrame:
    """Make a frame of a series: a label that is a text names its district."""
    shapes = districts.reset_index(drop=True)
    named = districts.index.inferred_type == "string"
    columns = {"name": districts.index.to_list()} if named else {}
    return gpd.GeoDataFrame(columns, geometry=shapes.to_numpy(), crs=districts.crs)


def _labels(frame: gpd.GeoDataFrame, keep: NDArray[np.bool_]) -> tuple[list[str], list[str]]:
    """Give the ids and the names of the districts that lie in the city."""
    known = read_table("own_columns")["districts"]
    chosen = frame[keep]
    rows = np.flatnonzero(keep) + 1
    id_column = next(iter(_columns_like(frame, known["declared"])), None)
    if id_column is not None:
        ids = _texts(chosen[id_column])
        if "" in ids:
            raise SchemaError(
                f"districts: row {rows[ids.index('')]} has no {id_column}; give every district an id of its own"
            )
    else:
        whole = (_texts(chosen[c]) for c in _columns_like(frame, known["id"]))
        ids = next((t for t in whole if "" not in t and len(set(t)) == len(t)), [])
        ids = ids or [f"d{row:02d}" for row in rows]
    name_column = next(
        (
            c
            for c in _columns_like(frame, known["name"])
            if c != id_column and any(_texts(chosen[c]))
        ),
        None,
    )
    if name_column is None:
        there = [str(c) for c in frame.columns if c not in {"geometry", id_column}]
        if there:
            tell(
                f"districts: no column of names among {', '.join(there[:8])}; call it name, or the districts "
                "are named District 1, District 2, …",
                stacklevel=5,
            )
        return ids, [f"District {row}" for row in rows]
    return ids, _texts(chosen[name_column])


def _columns_like(frame: gpd.GeoDataFrame, patterns: list[str]) -> list[str]:
    """Find columns by patterns of ``tables/own_columns.toml``, best first."""
    found: list[str] = []
    for pattern in patterns:
        words = re.escape(pattern).replace(r"\#", r"\d+").replace(r"\*", "[A-Za-z0-9]*")
        fits = [str(c) for c in frame.columns if re.fullmatch(words, str(c), re.IGNORECASE)]
        found += [c for c in sorted(fits, reverse=True) if c not in {*found, "geometry"}]
    return found


def _texts(column: pd.Series) -> list[str]:
    """Write the values of a column as texts, whole numbers without a point; "" where there is none."""
    return [
        ""
        if pd.isna(v)
        else f"{v:.0f}"
        if isinstance(v, float) and v.is_integer()
        else str(v).strip()
        for v in column
    ]


def _rest_kept_apart(out: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give a district of the user another id than the land outside all districts has."""
    ids = out["district_id"].tolist()
    if REST not in ids:
        return out
    other = next(t for n in range(1, len(ids) + 2) if (t := f"{REST} ({n})") not in ids)
    tell(
        f"districts: the id {REST!r} is that of the land outside all districts; yours is called {other!r}",
        stacklevel=5,
    )
    return out.assign(district_id=[other if i == REST else i for i in ids])


def _refuse_overlaps(out: gpd.GeoDataFrame) -> None:
    """Refuse districts that lie on one another, and tell those that share land."""
    shapes = out.geometry.to_numpy()
    one, two = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, two = one[one < two], two[one < two]
    common = shapely.area(shapely.intersection(shapes[one], shapes[two]))
    least = np.minimum(shapely.area(shapes[one]), shapely.area(shapes[two]))
    share = common / least
    told = np.flatnonzero(share > _OVERLAP_TOLD)
    if not len(told):
        return
    ids, names = out["district_id"].tolist(), out["name"].tolist()
    worst = sorted(told.tolist(), key=lambda i: (-common[i], i))
    said = ", ".join(
        f"{names[one[i]]} ({ids[one[i]]}) and {names[two[i]]} ({ids[two[i]]}) {common[i] / 1e6:,.2f} km2"
        for i in worst[:3]
    )
    if (share > _OVERLAP_REFUSED).any():
        raise SchemaError(
            f"districts: {len(told)} pairs lie on one another ({said}); give the districts of one level only"
        )
    tell(
        f"districts: {len(told)} pairs overlap ({said}); what lies in both counts in each of them, and together they "
        "have more than the city",
        stacklevel=4,
    )
