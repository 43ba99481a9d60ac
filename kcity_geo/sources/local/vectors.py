"""Vectors: reading the polygons, lines and outlines that a user brings."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from kcity_geo.city import require_earthly
from kcity_geo.errors import LimitError, SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.damage import refused_when_damaged
from kcity_geo.sources.local.opening import VECTOR_ENDINGS, VectorLayer, opened
from kcity_geo.sources.local.own_rows import rows_that_count
from kcity_geo.sources.local.voltages import voltage_column, volts_of_column
from kcity_geo.studyfile import file_and_part

__all__ = [
    "read_boundary",
    "read_polygons",
    "read_power_lines",
    "read_vector",
    "told_elsewhere",
]

#: A file with more features than this is no map of a city.
MAX_FEATURES: Final = 5_000_000
_DIMENSION: Final = {"point": 0, "line": 1, "polygon": 2}
_DECLARED: Final = {
    "point": ("Point",),
    "line": ("Line", "Curve"),
    "polygon": ("Polygon", "Surface"),
}
_EVERY: Final = ("point", "line", "polygon")
_COLLECTION: Final = 7
_MAX_LON, _FULL_TURN, _MAX_LAT = 180.0, 360.0, 90.0
_WGS84_METRES: Final = 6_378_137.0
_ROUNDING: Final = 1e-6  # degrees, a tenth of a metre


def read_vector(
    path: Path, *, key: str, kinds: Sequence[str] = _EVERY, join: bool = True
) -> gpd.GeoDataFrame:
    """
    Read a vector file of the user.

    Parameters
    ----------
    path : GeoJSON, GeoPackage, Shapefile (.shp or zipped), FlatGeobuf, KML, KMZ or GeoParquet; of several
        layers one can be named, as in ``study.gpkg#districts``.
    key : key of the study file, for messages.
    kinds : what is wanted: ``point``, ``line``, ``polygon``. Layers and features of other kinds are left
        out; of a collection the wanted parts of the highest dimension are kept.
    join : several layers that fit are read together. Else one of them must be named, or bear the last
        word of `key` as its name.

    Returns
    -------
    The features of those kinds, at least one, with a CRS, without height; every coordinate is finite and on
    Earth. What was left out is told.

    Raises
    ------
    SourceError
        If the file is missing, empty, damaged, not what its ending says, has no CRS, no such layer or no
        feature of those kinds, or a coordinate is no number or not on Earth.
    LimitError
        If it has more than `MAX_FEATURES` features.
    """
    path, layer = file_and_part(path)
    what = f"{key}: {path.name}"
    if not path.exists():
        raise SourceError(f"{key}: {path} does not exist")
    if path.is_dir() or path.suffix.lower() not in VECTOR_ENDINGS:
        raise SourceError(
            f"{what} is not a vector file that is known; use one of {', '.join(VECTOR_ENDINGS)}"
        )
    if path.stat().st_size == 0:
        raise SourceError(f"{what} is empty (0 bytes)")
    with refused_when_damaged(what), opened(path, key=key) as layers:
        chosen = _chosen(
            layers, layer, what=what, role=key.rpartition(".")[2], kinds=kinds, join=join
        )
        frame = _together([_checked(one.read(), what, one, len(chosen)) for one in chosen], what)
        if len(frame) > MAX_FEATURES:
            raise LimitError(
                f"{what} has {len(frame):,} features, the limit is {MAX_FEATURES:,}; cut it to the city"
            )
        return _of_kinds(frame, kinds, what=what)


def _chosen(
    layers: list[VectorLayer],
    wanted: str,
    *,
    what: str,
    role: str,
    kinds: Sequence[str],
    join: bool,
) -> list[VectorLayer]:
    """Choose what is read of a file with several layers."""
    names = ", ".join(one.name for one in layers[:8])
    if wanted:
        named = [one for one in layers if one.name == wanted]
        if not named:
            raise SourceError(f"{what} has no layer {wanted!r}; it has {names}")
        return named[:1]
    fitting = [one for one in layers if _may_hold(one.geometry, kinds)]
    if len(fitting) > 1 and any(one.geometry == "Unknown" for one in fitting):
        fitting = [one for one in fitting if _holds(one, kinds)]
    if not fitting:
        if not layers:
            raise SourceError(f"{what} holds no features")
        return layers[:1]
    if len(fitting) == 1:
        return fitting
    columns = fitting[0].address.endswith("parquet")
    if columns or not join:
        best = _by_name(fitting, role) or (fitting[:1] if columns else [])
        if len(best) == 1:
            told = "geometry columns" if columns else "layers that fit"
            tell(
                f"{what} has {len(fitting)} {told} ({', '.join(f.name for f in fitting[:8])}); "
                f"{best[0].name} was read"
            )
            return best
        if not what.lower().endswith((".kml", ".kmz")):
            raise SourceError(
                f"{what} has {len(fitting)} layers that fit ({', '.join(f.name for f in fitting[:8])}); name "
                f"one in the study file, as {what.rpartition(': ')[2]}#{fitting[0].name}"
            )
    tell(
        f"{what}: {len(fitting)} layers were read together ({', '.join(f.name for f in fitting[:8])})"
    )
    return fitting


def _may_hold(declared: str, kinds: Sequence[str]) -> bool:
    """Tell whether a layer of a declared geometry may hold one of the kinds."""
    if declared in {"Unknown", "Geometry"} or "Collection" in declared:
        return True
    return any(word in declared for kind in kinds for word in _DECLARED[kind])


def _holds(layer: VectorLayer, kinds: Sequence[str]) -> bool:
    """Look into a layer that declares nothing."""
    parts = shapely.get_parts(layer.read().geometry.to_numpy())
    found = set(shapely.get_dimensions(parts).tolist())
    return any(_DIMENSION[kind] in found for kind in kinds) or _COLLECTION in set(
        shapely.get_type_id(parts).tolist()
    )


def _by_name(layers: list[VectorLayer], role: str) -> list[VectorLayer]:
    """Take the layer that bears the name of what is wanted, or holds it in its name."""
    same = [one for one in layers if one.name.casefold() == role]
    return same or [one for one in layers if role.rstrip("s") in one.name.casefold()]


def _together(frames: list[gpd.GeoDataFrame], what: str) -> gpd.GeoDataFrame:
    frames = [f for f in frames if len(f)]
    if not frames:
        raise SourceError(f"{what} holds no features")
    if len(frames) == 1:
        return frames[0]
    crs = frames[0].crs
    frames = [f if f.crs == crs else f.to_crs(crs) for f in frames]
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=crs)


def _checked(
    frame: gpd.GeoDataFrame, what: str, layer: VectorLayer, layers: int
) -> gpd.GeoDataFrame:
    """Refuse a layer without CRS, and coordinates that are no place on Earth."""
    if frame.geometry.isna().any() and layer.address.startswith("GeoJSON"):
        _require_numbers(layer.address, frame.geometry.isna().to_numpy(), what)
    if len(frame) == 0 or frame.geometry.isna().all():
        return frame.iloc[:0]
    if frame.crs is None and layer.address.startswith("TopoJSON:"):
        # The format knows no CRS; what was projected for a drawing lies beyond the poles and is refused below.
        tell(f"{what} is TopoJSON, which names no CRS; it was read as longitude and latitude")
        frame = frame.set_crs(4326)
    if frame.crs is None:
        raise SourceError(f"{what} has no CRS; save it again with one (EPSG:4326 for lon/lat)")
    require_earthly(frame.crs, what=what)
    _tell_loose_datum(frame.crs, what)
    where = f"{what}, layer {layer.name}" if layers > 1 else what
    flat = shapely.force_2d(frame.geometry.to_numpy())
    _require_places(flat, where, degrees=frame.crs.is_geographic)
    frame = frame.set_geometry(flat, crs=frame.crs)
    if not frame.crs.is_geographic:
        outside = frame.geometry.to_crs(4326)
        _require_places(outside.to_numpy(), where, degrees=True, known=flat)
    return frame


def _tell_loose_datum(crs: CRS, what: str) -> None:
    """Tell a datum of which nobody knows how it lies to WGS 84, where its ellipsoid is another one."""
    ellipsoid = crs.ellipsoid
    if ellipsoid is None or abs(ellipsoid.semi_major_metre - _WGS84_METRES) < 1:
        return
    if "ballpark" in Transformer.from_crs(crs, 4326, always_xy=True).description.casefold():
        tell(
            f"{what}: nobody knows how its datum ({crs.datum.name if crs.datum else crs.name}) lies "
            "to WGS 84, so its places may be some hundred metres off; save it in a CRS with an EPSG code"
        )


def _require_numbers(address: str, missing: NDArray[np.bool_], what: str) -> None:
    """Refuse a GeoJSON geometry that the reader gives up because a coordinate is no number."""
    driver, _, path = address.partition(":")
    written = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    if driver == "GeoJSON":
        document = json.loads(written)
        features = document.get("features", [document])
    else:
        lines = (line.strip("\x1e \t\r") for line in written.split("\n"))
        features = [json.loads(line) for line in lines if line]
    if len(features) != len(missing):
        return
    for at in np.flatnonzero(missing):
        wrong = _no_number((features[at].get("geometry") or {}).get("coordinates", []))
        if wrong is not None:
            raise SourceError(
                f"{what}, feature {at + 1}: {wrong} stands where a coordinate must be a number; mend or "
                "remove the feature"
            )


def _no_number(coordinates: Any) -> str | None:  # noqa: ANN401 - nested lists of JSON, or what stands there
    """Give the first value of nested coordinates that is no finite number; None if all are."""
    if isinstance(coordinates, list):
        return next((w for one in coordinates if (w := _no_number(one)) is not None), None)
    number = isinstance(coordinates, int | float) and not isinstance(coordinates, bool)
    return None if number and math.isfinite(coordinates) else json.dumps(coordinates)


def _require_places(
    shapes: NDArray[np.object_],
    what: str,
    *,
    degrees: bool,
    known: NDArray[np.object_] | None = None,
) -> None:
    """Refuse the first coordinate that is no number or lies beyond the poles or the date line."""
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    wrong = ~np.isfinite(xy).all(axis=1)
    if degrees:
        wrong |= (np.abs(xy) > np.array([_MAX_LON, _MAX_LAT]) + _ROUNDING).any(axis=1)
    if not wrong.any():
        return
    at = int(np.argmax(wrong))
    x, y = (xy if known is None else shapely.get_coordinates(known))[at]
    place = f"{what}, feature {owner[at] + 1}: the coordinate {x:g}, {y:g}"
    if not degrees or known is not None or not np.isfinite([x, y]).all():
        raise SourceError(f"{place} is no place on Earth; mend it, or the CRS of the file")
    if abs(y) <= _MAX_LAT and _MAX_LON < abs(x) <= _FULL_TURN:
        raise SourceError(
            f"{place} lies beyond the 180th meridian; longitudes go from -180 to 180, so cut the file there "
            f"and write {x - np.sign(x) * _FULL_TURN:g}"
        )
    raise SourceError(f"{place} is not on Earth; longitude and latitude in degrees are needed")


def _of_kinds(frame: gpd.GeoDataFrame, kinds: Sequence[str], *, what: str) -> gpd.GeoDataFrame:
    """Keep the features of some kinds; take them out of collections."""
    shapes = frame.geometry.to_numpy().copy()
    for i in np.flatnonzero(shapely.get_type_id(shapes) == _COLLECTION):
        shapes[i] = _best_part(shapes[i], kinds)
    wanted = {_DIMENSION[kind] for kind in kinds}
    there = ~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)
    keep = there & np.isin(shapely.get_dimensions(shapes), list(wanted))
    if not keep.any():
        kinds_there = ", ".join(sorted(set(frame.geom_type.dropna()))) or "nothing"
        needed = " or ".join(f"{kind}s" for kind in kinds)
        raise SourceError(f"{what} holds no {needed}, but {kinds_there}")
    if not keep.all():
        empty = int((~there).sum())
        other = int(len(keep) - keep.sum() - empty)
        said = [f"{empty} without a geometry"] if empty else []
        said += [f"{other} that are no {' or '.join(kinds)}"] if other else []
        tell(f"{what}: of {len(frame)} features {' and '.join(said)} were left out")
    kept = frame.set_geometry(shapes, crs=frame.crs)[keep]
    return kept.reset_index(drop=True)


def _best_part(shape: BaseGeometry, kinds: Sequence[str]) -> BaseGeometry | None:
    """Take the wanted parts of the highest dimension out of a collection, nested ones too."""
    parts = [shape]
    while any(part.geom_type == "GeometryCollection" for part in parts):
        parts = list(shapely.get_parts(parts))
    parts = list(shapely.get_parts(parts))
    for kind in sorted(kinds, key=lambda kind: -_DIMENSION[kind]):
        found = [
            part
            for part in parts
            if not part.is_empty and shapely.get_dimensions(part) == _DIMENSION[kind]
        ]
        if found:
            return _one_of(found)
    return None


def _one_of(parts: list[BaseGeometry]) -> BaseGeometry:
    """Make one geometry of parts of the same kind."""
    if len(parts) == 1:
        return parts[0]
    many: tuple[Any, ...] = (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)
    joined: BaseGeometry = many[int(shapely.get_dimensions(parts[0]))](parts)
    return joined


def read_boundary(path: Path, *, key: str = "city.boundary") -> BaseGeometry:
    """
    Read the outline of a city.

    Parameters
    ----------
    path : polygon file; several polygons are joined.
    key : for messages.

    Returns
    -------
    Polygon or MultiPolygon, lon/lat. It may still cross itself; `kcity_geo.city.make_city` repairs.

    Raises
    ------
    SourceError
        As `read_vector`, also when there is no polygon in the file.
    """
    frame = read_vector(path, key=key, kinds=("polygon",), join=False).to_crs(4326)
    polygons = list(shapely.get_parts(frame.geometry.to_numpy()))
    if len(polygons) == 1:
        only: BaseGeometry = polygons[0]
        return only
    crossing = [p for p in polygons if not p.is_valid]
    if crossing:
        tell(
            f"{key}: {len(crossing)} of {len(polygons)} polygons cross themselves and were repaired"
        )
    joined: BaseGeometry = shapely.union_all([shapely.make_valid(p) for p in polygons])
    return joined


def read_power_lines(path: Path, *, key: str = "sources.power_lines") -> gpd.GeoDataFrame:
    """
    Read the user's own power lines.

    Parameters
    ----------
    path : line file. Its voltages stand in a column ``voltage``, in volts or with their unit ("33 kV"), or in
        one that names the unit (``voltage_kv``); a line without a voltage is still a line.
    key : for messages.

    Returns
    -------
    ``name, voltage, voltage_v, geometry`` in the CRS of the file, lines only; ``voltage`` is the text in
    volts or with its unit, ``voltage_v`` NaN where none is read from it.

    Raises
    ------
    SourceError
        As `read_vector`, or if volts and kilovolts cannot be told apart.
    """
    from kcity_geo.sources.osm.tags import voltage_v

    what = f"{key}: {file_and_part(path)[0].name}"
    frame = rows_that_count(read_vector(path, key=key, kinds=("line",)), what=what)
    found = voltage_column(frame.columns)
    if found is None:
        tell(f"{what} has no column voltage: its {len(frame)} lines count to no voltage class")
        words = [""] * len(frame)
    else:
        column, factor = found
        words = ["" if pd.isna(v) else _plain(v) for v in frame[column]]
        words = volts_of_column(words, column=column, factor=factor, what=what)
    label = next((c for c in frame.columns if str(c).casefold() == "name"), None)
    names = frame[label].fillna("").astype(str) if label is not None else ""
    volts = [voltage_v(v) for v in words]
    lines = frame[["geometry"]].assign(name=names, voltage=words, voltage_v=volts)
    return lines.reset_index(drop=True)


def _plain(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value).strip()


def read_polygons(path: Path, *, key: str, join: bool = False) -> gpd.GeoDataFrame:
    """
    Read polygons with their columns (districts, protected areas, census blocks).

    Parameters
    ----------
    path : polygon file.
    key : for messages.
    join : several layers of polygons are read together; else one must be named.

    Returns
    -------
    Polygons only, repaired when they cross themselves.

    Raises
    ------
    SourceError
        As `read_vector`, and when there is no polygon.
    """
    frame = read_vector(path, key=key, kinds=("polygon",), join=join)
    bad = ~frame.geometry.is_valid
    if bad.any():
        tell(f"{key}: {int(bad.sum())} of {len(frame)} polygons cross themselves and were repaired")
        mended = [
            _best_part(shape, ("polygon",)) if not sound else shape
            for shape, sound in zip(
                shapely.make_valid(frame.geometry.to_numpy()), ~bad.to_numpy(), strict=True
            )
        ]
        frame = frame.set_geometry(np.array(mended, dtype=object), crs=frame.crs)
        frame = frame[frame.geometry.notna()].reset_index(drop=True)
    return frame


def told_elsewhere(
    frame: gpd.GeoDataFrame, area: BaseGeometry, *, what: str, required: bool = True
) -> gpd.GeoDataFrame:
    """
    Keep the features that touch an area, and tell how many do not.

    Parameters
    ----------
    frame : any features with a CRS.
    area : lon/lat.
    what : key and file, for messages.
    required : at least one must touch it.

    Returns
    -------
    The features that touch `area`, in lon/lat.

    Raises
    ------
    SourceError
        If none does and one is required, or some would with lon and lat exchanged; the message says where
        they lie.
    """
    plain = frame.to_crs(4326)
    shapes = plain.geometry.to_numpy()
    shapely.prepare(area)
    here = shapely.intersects(area, shapes)
    if here.all():
        return plain
    turned = shapely.transform(shapes[~here], lambda xy: xy[:, ::-1])
    exchanged = int(shapely.intersects(area, turned).sum())
    swap = f"; {exchanged} of them would lie in it with lon and lat exchanged" if exchanged else ""
    if not here.any() and (required or exchanged):
        bounds = ", ".join(f"{v:.3f}" for v in plain.total_bounds)
        raise SourceError(
            f"{what} lies elsewhere ({bounds} in lon/lat), not in the city{swap or '; is its CRS wrong?'}"
        )
    tell(
        f"{what}: {int((~here).sum())} of {len(frame)} features lie outside the study area and were left "
        f"out{swap}"
    )
    return plain[here].reset_index(drop=True)
