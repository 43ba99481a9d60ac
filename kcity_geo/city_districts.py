"""City districts: the districts that a user brings, cut to the city, with ids and names; or why they cannot be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import read_table
from kcity_geo.errors import SchemaError
from kcity_geo.notes import tell
from kcity_geo.studyfile import WHOLE

__all__ = ["CITY", "REST", "district_frame"]

#: Shares of the smaller of two districts that both hold: told, and refused as one land counted twice.
_OVERLAP_TOLD, _OVERLAP_REFUSED = 0.01, 0.5
#: District of the land that the given districts leave out.
REST = "elsewhere"
#: Key of the whole city beside the ids of the districts, in every table.
CITY = "city"


def district_frame(
    name: str,
    boundary: BaseGeometry,
    outline: BaseGeometry,
    crs: CRS,
    districts: gpd.GeoDataFrame | gpd.GeoSeries | Sequence[BaseGeometry] | None,
) -> gpd.GeoDataFrame:
    """
    Give the districts of a city, which cover it: land in none of them is a district of its own.

    Parameters
    ----------
    name : of the city.
    boundary : of the city, lon/lat.
    outline : the same in `crs`.
    crs : metric CRS of the city.
    districts : any CRS, or shapely geometries in lon/lat; None: the city is one district.

    Returns
    -------
    Columns ``district_id``, ``name`` and ``geometry`` in `crs`, ordered by id; ``attrs["numbered"]`` is set
    where no column has names and they are called District 1, District 2, ….

    Raises
    ------
    SchemaError
        If they have no CRS, lie elsewhere or on one another, or two have one id.
    """
    if districts is None:
        return gpd.GeoDataFrame(
            {"district_id": [WHOLE], "name": [name]}, geometry=[outline], crs=crs
        )
    brought = _as_frame(districts)
    frame = brought.to_crs(crs)
    geometry = shapely.intersection(shapely.make_valid(frame.geometry.to_numpy()), outline)
    keep = shapely.area(geometry) > 1.0
    if not keep.any():
        raise SchemaError(
            f"districts: none overlaps the city boundary{_exchanged(brought, boundary)}; check both files"
        )
    if not keep.all():
        tell(
            f"districts: {int((~keep).sum())} of {len(keep)} lie outside {name} and were left out"
            f"{_exchanged(brought[~keep], boundary)}",
            stacklevel=4,
        )
    ids, names = _labels(frame, keep)
    numbered = names is None
    if names is None:
        names = [f"District {row}" for row in np.flatnonzero(keep) + 1]
    out = gpd.GeoDataFrame({"district_id": ids, "name": names}, geometry=geometry[keep], crs=crs)
    composed = out["district_id"].map(lambda text: unicodedata.normalize("NFC", text))
    if composed.duplicated().any():
        twice = composed[composed.duplicated()].iloc[0]
        raise SchemaError(f"districts: id {twice!r} occurs more than once; ids must be unique")
    _refuse_overlaps(out)
    out = _kept_apart(out, CITY, "the whole city")
    rest = shapely.difference(outline, shapely.union_all(out.geometry.to_numpy()))
    if rest.area > 0.001 * outline.area:
        out = _kept_apart(out, REST, "the land outside all districts")
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
    out = out.sort_values("district_id", kind="stable").reset_index(drop=True)
    if numbered:
        out.attrs["numbered"] = True
    return out


def _exchanged(elsewhere: gpd.GeoDataFrame, boundary: BaseGeometry) -> str:
    """Say how many features elsewhere would lie in a city with lon and lat exchanged; empty for none."""
    shapes = elsewhere.to_crs(4326).geometry.to_numpy()
    turned = shapely.transform(shapes, lambda xy: xy[:, ::-1])
    here = int(shapely.intersects(boundary, turned).sum())
    return f"; {here} would lie in it with lon and lat exchanged" if here else ""


def _as_frame(
    districts: gpd.GeoDataFrame | gpd.GeoSeries | Sequence[BaseGeometry],
) -> gpd.GeoDataFrame:
    """Make a frame with a CRS of what a caller brings; bare geometries are lon/lat, as those of an outline."""
    if not isinstance(districts, gpd.GeoDataFrame | gpd.GeoSeries):
        districts = _bare(districts)
    if isinstance(districts, gpd.GeoDataFrame) and districts.active_geometry_name is None:
        raise SchemaError("districts: the frame has no geometry column; call set_geometry first")
    if districts.crs is None:
        raise SchemaError("districts: they have no CRS; give them one")
    return _named_by_index(districts) if isinstance(districts, gpd.GeoSeries) else districts


def _bare(districts: object) -> gpd.GeoSeries:
    """Take shapely geometries as lon/lat, as those of an outline are; refuse what holds none."""
    one = isinstance(districts, BaseGeometry)
    shapes = [districts] if one else [*districts] if isinstance(districts, Iterable) else [None]
    if not all(isinstance(shape, BaseGeometry) for shape in shapes):
        raise SchemaError(
            f"districts: {type(districts).__name__} holds no geometries; give a GeoDataFrame, a GeoSeries or shapely "
            "geometries in lon/lat"
        )
    return gpd.GeoSeries(shapes, crs=4326)


def _named_by_index(districts: gpd.GeoSeries) -> gpd.GeoDataFrame:
    """Make a frame of a series: a label that is a text names its district."""
    shapes = districts.reset_index(drop=True)
    named = districts.index.inferred_type == "string"
    columns = {"name": districts.index.to_list()} if named else {}
    return gpd.GeoDataFrame(columns, geometry=shapes.to_numpy(), crs=districts.crs)


def _labels(frame: gpd.GeoDataFrame, keep: NDArray[np.bool_]) -> tuple[list[str], list[str] | None]:
    """Give the ids and the names of the districts that lie in the city; None where no column has names."""
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
        return ids, None
    return ids, [name or own for name, own in zip(_texts(chosen[name_column]), ids, strict=True)]


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


def _kept_apart(out: gpd.GeoDataFrame, taken: str, whose: str) -> gpd.GeoDataFrame:
    """Give a district of the user another id than one that says something else in all tables."""
    ids = out["district_id"].tolist()
    if taken not in ids:
        return out
    other = next(t for n in range(1, len(ids) + 2) if (t := f"{taken} ({n})") not in ids)
    tell(
        f"districts: the id {taken!r} is that of {whose}; yours is called {other!r}",
        stacklevel=5,
    )
    return out.assign(district_id=[other if i == taken else i for i in ids])


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
