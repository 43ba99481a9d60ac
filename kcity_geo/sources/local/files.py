"""
The user's own vector files and tables: boundaries, districts, polygons, official numbers.

Any CRS is taken when it is stated; nothing is guessed except that a GeoJSON without one is
lon/lat, as RFC 7946 says.
"""

from __future__ import annotations

import difflib
import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import shapely

from kcity_geo.city import require_earthly
from kcity_geo.errors import KCityWarning, SchemaError, SourceError, StudyError

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

__all__ = [
    "read_boundary",
    "read_official_table",
    "read_polygons",
    "read_power_lines",
    "read_vector",
]

_VECTOR_ENDINGS = (".geojson", ".json", ".gpkg", ".shp", ".fgb", ".kml", ".parquet", ".zip")
_RATES = ("electricity_access", "piped_water_access", "sanitation_access", "nrw_share")
_AMOUNTS = (
    "population",
    "water_supply_m3_day",
    "wastewater_capacity_m3_day",
    "water_storage_m3",
    "peak_demand_mw",
    "firm_capacity_mw",
    "import_capacity_mw",
    "lpcd",
)
#: Columns of an official table that name the district or say where its numbers come from.
_LABELS = ("district_id", "district", "name", "source", "year", "note", "notes")


def read_vector(path: Path, *, key: str, kind: str = "") -> gpd.GeoDataFrame:
    """
    Read a vector file of the user.

    Parameters
    ----------
    path : GeoJSON, GeoPackage, Shapefile (.shp or zipped), FlatGeobuf, KML or GeoParquet.
    key : key of the study file, for messages.
    kind : of several layers take the first of this geometry, such as ``Polygon``.

    Returns
    -------
    All features of the first layer (of that kind), with a CRS.

    Raises
    ------
    SourceError
        If the file is missing, empty, unreadable or has no CRS.
    """
    import geopandas as gpd
    import pyogrio

    if not path.exists():
        raise SourceError(f"{key}: {path} does not exist")
    if path.is_dir() or path.suffix.lower() not in _VECTOR_ENDINGS:
        raise SourceError(
            f"{key}: {path.name} is not a vector file that is known; use one of {', '.join(_VECTOR_ENDINGS)}"
        )
    if path.stat().st_size == 0:
        raise SourceError(f"{key}: {path.name} is empty (0 bytes)")
    try:
        if path.suffix.lower() == ".parquet":
            frame = gpd.read_parquet(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                layers = pyogrio.list_layers(path)
                fitting = [name for name, geometry in layers if kind in str(geometry)]
                layer = fitting[0] if fitting else layers[0, 0]
                frame = gpd.read_file(path, layer=layer, engine="pyogrio", on_invalid="ignore")
    except Exception as error:
        raise SourceError(
            f"{key}: {path.name} cannot be read ({str(error).splitlines()[0][:160]})"
        ) from error
    if "geometry" not in frame or len(frame) == 0:
        raise SourceError(f"{key}: {path.name} holds no features")
    if frame.crs is None:
        raise SourceError(
            f"{key}: {path.name} has no CRS; save it again with one (EPSG:4326 for lon/lat)"
        )
    require_earthly(frame.crs, what=f"{key}: {path.name}")
    return frame


def read_points_or_vector(path: Path, *, key: str) -> gpd.GeoDataFrame:
    """
    Read features from a vector file, or points from a table with coordinates.

    Parameters
    ----------
    path : vector file as for `read_vector`, or csv or xlsx with the columns ``lon`` and ``lat`` (also
        ``lng``, ``longitude``, ``latitude``; degrees), or ``x``, ``y`` and ``crs`` (``EPSG:32632``).
    key : key of the study file, for messages.

    Returns
    -------
    All features, with a CRS; rows without coordinates are left out with a warning.

    Raises
    ------
    SourceError
        If the file cannot be read, lacks the columns, or a coordinate is no number or not on Earth.
    """
    if path.suffix.lower() not in {".csv", ".txt", ".tsv", ".xlsx", ".xls"}:
        frame = read_vector(path, key=key)
        there = frame.geometry.notna() & ~frame.geometry.is_empty
        if not there.any():
            raise SourceError(f"{key}: {path.name} holds no geometry")
        return frame[there].reset_index(drop=True)
    import geopandas as gpd

    table = _read_table(path, key=key)
    x, y, crs = _coordinate_columns(table, name=path.name, key=key)
    numbers = table[[x, y]].apply(pd.to_numeric, errors="coerce")
    wrong = numbers.isna() & table[[x, y]].notna()
    if wrong.to_numpy().any():
        column = x if wrong[x].any() else y
        line = int(wrong[column].to_numpy().argmax())
        raise SourceError(
            f"{key}: {path.name}, row {line + 1}: {column} has the value {table[column].iloc[line]!r}, a "
            "number is needed (decimal point, degrees)"
        )
    known = numbers.notna().all(axis=1)
    if crs == "EPSG:4326":
        off = known & ((numbers[x].abs() > 180) | (numbers[y].abs() > 90))  # noqa: PLR2004 - degrees
        if off.any():
            line = int(off.to_numpy().argmax())
            raise SourceError(
                f"{key}: {path.name}, row {line + 1}: {x} {numbers[x].iloc[line]:g}, {y} "
                f"{numbers[y].iloc[line]:g} is not on Earth; degrees are needed, or x, y and crs"
            )
    if not known.any():
        raise SourceError(f"{key}: {path.name} has no row with coordinates")
    if not known.all():
        warnings.warn(
            f"{key}: {int((~known).sum())} of {len(table)} rows of {path.name} have no coordinates and "
            "were left out",
            KCityWarning,
            stacklevel=2,
        )
    points = gpd.points_from_xy(numbers[x][known], numbers[y][known])
    rest = table[known].drop(columns=[c for c in (x, y, "crs") if c in table])
    try:
        return gpd.GeoDataFrame(rest.reset_index(drop=True), geometry=points, crs=crs)
    except Exception as error:
        raise SourceError(f"{key}: {path.name}: crs {crs!r} is not known ({error})") from error


def _coordinate_columns(table: pd.DataFrame, *, name: str, key: str) -> tuple[str, str, str]:
    by_name = {str(c).casefold(): str(c) for c in table.columns}
    x = next((by_name[n] for n in ("lon", "lng", "long", "longitude") if n in by_name), None)
    y = next((by_name[n] for n in ("lat", "latitude") if n in by_name), None)
    if x and y:
        return x, y, "EPSG:4326"
    if {"x", "y", "crs"} <= set(by_name):
        systems = table[by_name["crs"]].dropna().astype(str).str.strip().unique()
        if len(systems) == 1:
            return by_name["x"], by_name["y"], str(systems[0])
        raise SourceError(
            f"{key}: {name}: the column crs must hold one value, not {list(systems[:3])}"
        )
    raise SourceError(
        f"{key}: {name} has the columns {', '.join(map(str, table.columns))}; coordinates need lon and lat "
        "in degrees, or x, y and crs (EPSG:32632). A district by name is no place of a facility: official "
        "numbers by district belong into official.table"
    )


def _read_table(path: Path, *, key: str) -> pd.DataFrame:
    if not path.exists():
        raise SourceError(f"{key}: {path} does not exist")
    try:
        if path.suffix.lower() in {".xlsx", ".xls"}:
            table = pd.read_excel(path)
        else:
            table = pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig")
    except ImportError as error:
        raise SourceError(f"{key}: {path.name}: reading xlsx needs the package openpyxl") from error
    except Exception as error:
        raise SourceError(
            f"{key}: {path.name} cannot be read ({str(error).splitlines()[0][:160]})"
        ) from error
    table.columns = [str(c).strip() for c in table.columns]
    return table


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
        As `read_vector`.
    StudyError
        If there is no polygon in the file.
    """
    frame = read_vector(path, key=key, kind="Polygon").to_crs(4326)
    geometry = frame.geometry[~frame.geometry.is_empty & frame.geometry.notna()].to_numpy()
    parts = shapely.get_parts(geometry)
    polygons = [p for p in parts if p.geom_type in {"Polygon", "MultiPolygon"}]
    if not polygons:
        kinds = ", ".join(sorted({p.geom_type for p in parts})) or "nothing"
        raise StudyError(f"{key}: {path.name} holds {kinds}; a Polygon or MultiPolygon is needed")
    if len(polygons) == 1:
        only: BaseGeometry = polygons[0]
        return only
    crossing = [p for p in polygons if not p.is_valid]
    if crossing:
        warnings.warn(
            f"{key}: {len(crossing)} of {len(polygons)} polygons cross themselves and were repaired",
            KCityWarning,
            stacklevel=2,
        )
    joined: BaseGeometry = shapely.union_all([shapely.make_valid(p) for p in polygons])
    return joined


def read_power_lines(path: Path, *, key: str = "sources.power_lines") -> gpd.GeoDataFrame:
    """
    Read the user's own power lines.

    Parameters
    ----------
    path : line file with a column ``voltage``, in volts or with its unit ("33 kV").
    key : for messages.

    Returns
    -------
    ``name, voltage, voltage_v, geometry`` in the CRS of the file, lines only; ``voltage`` is the text,
    ``voltage_v`` NaN where none is read from it.

    Raises
    ------
    SourceError
        As `read_vector`, or if the file holds no lines or no column ``voltage``.
    """
    from kcity_geo.sources.osm.tags import voltage_v

    frame = read_vector(path, key=key)
    frame = frame[frame.geom_type.isin(["LineString", "MultiLineString"]) & ~frame.is_empty]
    if frame.empty:
        raise SourceError(f"{key}: {path.name} holds no lines")
    if "voltage" not in frame:
        raise SourceError(
            f"{key}: {path.name} has no column voltage; give volts, or text like 33 kV"
        )
    names = frame["name"].fillna("").astype(str) if "name" in frame else ""
    words = ["" if pd.isna(v) else str(v) for v in frame["voltage"]]
    volts = [voltage_v(v) for v in words]
    found = frame[["geometry"]].assign(name=names, voltage=words, voltage_v=volts)
    return found.reset_index(drop=True)


def read_polygons(path: Path, *, key: str) -> gpd.GeoDataFrame:
    """
    Read polygons with their columns (districts, protected areas, census blocks).

    Parameters
    ----------
    path : polygon file.
    key : for messages.

    Returns
    -------
    Polygons only, repaired when they cross themselves.

    Raises
    ------
    SourceError
        As `read_vector`, and when there is no polygon.
    """
    frame = read_vector(path, key=key, kind="Polygon")
    keep = frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"])
    if not keep.any():
        raise SourceError(f"{key}: {path.name} holds no polygons")
    frame = frame[keep].reset_index(drop=True)
    bad = ~frame.geometry.is_valid
    if bad.any():
        warnings.warn(
            f"{key}: {int(bad.sum())} of {len(frame)} polygons cross themselves and were repaired",
            KCityWarning,
            stacklevel=2,
        )
        frame = frame.set_geometry(shapely.make_valid(frame.geometry.to_numpy()), crs=frame.crs)
    return frame


def read_official_table(path: Path, *, districts: gpd.GeoDataFrame) -> pd.DataFrame:
    """
    Read official numbers by district.

    Parameters
    ----------
    path : csv (comma or semicolon) or xlsx with a column ``district_id`` or ``name`` and columns
        named like the keys of ``[official]``.
    districts : of the city; rows are matched by id, else by name.

    Returns
    -------
    Index ``district_id`` in the order of `districts`; NaN where the table has no row.

    Raises
    ------
    SourceError
        If the file cannot be read, or a rate is outside 0 to 1, or an amount negative.
    SchemaError
        If no row matches a district.
    """
    key = "official.table"
    table = _read_table(path, key=key)
    matched = _match(table, districts, name=path.name)
    known = [c for c in (*_RATES, *_AMOUNTS) if c in matched]
    if not known:
        raise SchemaError(
            f"{key}: {path.name} has the columns {', '.join(table.columns)}; none is one of "
            f"{', '.join((*_RATES, *_AMOUNTS))}"
        )
    _warn_unused([str(c) for c in matched if c not in {*known, *_LABELS}], name=path.name)
    out = pd.DataFrame(index=districts["district_id"].to_numpy())
    out.index.name = "district_id"
    for column in known:
        numbers = pd.to_numeric(matched[column], errors="coerce")
        bad = numbers.isna() & matched[column].notna()
        if bad.any():
            raise SourceError(
                f"{key}: {column} has the value {matched[column][bad].iloc[0]!r}, a number is needed"
            )
        outside = (numbers < 0) | ((numbers > 1) & (column in _RATES))
        if outside.any():
            wrong = numbers[outside].iloc[0]
            need = "a share from 0 to 1 (0.85, not 85)" if column in _RATES else "zero or more"
            raise SourceError(f"{key}: {column} has the value {wrong:g}; it needs {need}")
        out[column] = numbers.reindex(out.index).to_numpy()
    absent = out.index[out.isna().all(axis=1)]
    if len(absent):
        warnings.warn(
            f"{key}: no row for {len(absent)} of {len(out)} districts ({', '.join(map(str, absent[:5]))})",
            KCityWarning,
            stacklevel=2,
        )
    return out


def _warn_unused(columns: list[str], *, name: str) -> None:
    """Name the columns that nothing reads, with the known one that may be meant."""
    if not columns:
        return
    said = []
    for column in columns:
        near = difflib.get_close_matches(column.casefold(), (*_RATES, *_AMOUNTS), n=1, cutoff=0.75)
        said.append(f"{column} (is {near[0]} meant?)" if near else column)
    warnings.warn(
        f"official.table: {name} has columns that are not used: {', '.join(said)}; known are "
        f"{', '.join((*_RATES, *_AMOUNTS))}",
        KCityWarning,
        stacklevel=3,
    )


def read_district_people(path: Path, *, districts: gpd.GeoDataFrame) -> pd.Series:
    """
    Read the residents of each district from a table.

    Parameters
    ----------
    path : csv or xlsx with a column ``district_id`` or ``name``, and ``population``.
    districts : of the city; rows are matched by id, else by name.

    Returns
    -------
    Index ``district_id`` in the order of `districts`; NaN where the table has no row.

    Raises
    ------
    SourceError
        If the file cannot be read, has no column ``population``, or a value is no number of zero or
        more.
    SchemaError
        If no row matches a district.
    """
    key = "sources.population"
    table = _read_table(path, key=key)
    if "population" not in table:
        raise SourceError(
            f"{key}: {path.name} has the columns {', '.join(table.columns)}; it needs district_id or "
            "name, and population"
        )
    matched = _match(table, districts, name=path.name, key=key)
    numbers = pd.to_numeric(matched["population"], errors="coerce")
    bad = (numbers.isna() & matched["population"].notna()) | (numbers < 0)
    if bad.any():
        raise SourceError(
            f"{key}: {path.name} has the population {matched['population'][bad].iloc[0]}; a number of "
            "zero or more is needed"
        )
    return numbers.reindex(districts["district_id"].to_numpy())


def _match(
    table: pd.DataFrame, districts: gpd.GeoDataFrame, *, name: str, key: str = "official.table"
) -> pd.DataFrame:
    ids = dict(zip(districts["district_id"].astype(str), districts["district_id"], strict=True))
    names = dict(zip(districts["name"].str.casefold(), districts["district_id"], strict=True))
    for column, lookup in (("district_id", ids), ("name", names), ("district", names)):
        if column not in table:
            continue
        text: Any = table[column].astype(str).str.strip()
        found = (text if lookup is ids else text.str.casefold()).map(lookup)
        if found.notna().any():
            strange = table[column][found.isna()]
            if len(strange):
                warnings.warn(
                    f"{key}: {name} has {len(strange)} rows of no district here "
                    f"(first: {strange.iloc[0]!r}); they were left out",
                    KCityWarning,
                    stacklevel=4,
                )
            out: pd.DataFrame = table[found.notna()].copy()
            out.index = pd.Index(found[found.notna()])
            if out.index.duplicated().any():
                twice = out.index[out.index.duplicated()][0]
                raise SchemaError(f"{key}: {name} has two rows for district {twice!r}")
            return out
    raise SchemaError(
        f"{key}: no row of {name} matches a district; it needs a column district_id (like "
        f"{districts['district_id'].iloc[0]!r}) or name"
    )
