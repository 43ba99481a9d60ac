"""Many squares as GeoJSON, column by column: the text that GDAL writes, in a fraction of its time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.coordinates import between

__all__ = ["feature_texts", "put_features"]

_OPENS = '"features": [\n'
_CLOSES = "\n]\n}\n"
#: Corners of a square and the first again.
_CORNERS = 5
#: Longitude beyond which GDAL looks whether a shape crosses the antimeridian.
_FAR_DEG = 179.0
_text = json.JSONEncoder(ensure_ascii=False).encode


def put_features(path: Path, texts: list[str]) -> bool:
    """
    Put the features of a whole frame into a file in which GDAL has written the first.

    Parameters
    ----------
    path : GeoJSON with one feature.
    texts : as `feature_texts` gives them.

    Returns
    -------
    Whether that was done: not where the first is not what GDAL has written, to the last byte. The file is then as
    it was.
    """
    written = path.read_text(encoding="utf-8")
    head, opens, first = written.partition(_OPENS)
    if not opens or first != texts[0] + _CLOSES:
        return False
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(head + opens)
        file.write(",\n".join(texts))
        file.write(_CLOSES)
    return True


def feature_texts(
    frame: gpd.GeoDataFrame, *, id_column: str, degree_decimals: int, figures: int
) -> list[str]:
    """
    Write each row of a frame of squares as a feature, as GDAL does.

    Parameters
    ----------
    frame : columns of text (None: null), whole numbers and numbers (NaN: null); squares in any CRS.
    id_column : becomes the id of the feature.
    degree_decimals : digits after the point of a degree.
    figures : significant digits of a number.

    Returns
    -------
    A text a row; none where the frame is empty or holds something else than squares and such columns, or lies at the
    antimeridian or a pole: GDAL has to write it.

    Examples
    --------
    >>> place = gpd.GeoDataFrame({"name": ["a"], "share": [0.5]}, geometry=[shapely.box(8, 0, 9, 1)], crs=4326)
    >>> feature_texts(place, id_column="name", degree_decimals=6, figures=6)[0][:80]
    '{ "type": "Feature", "id": "a", "properties": { "name": "a", "share": 0.5 }, "ge'
    """
    outlines = _outlines(frame, degree_decimals)
    columns = [
        _column(str(name), frame[name], figures) for name in frame.columns.drop(frame.geometry.name)
    ]
    if not outlines or None in columns:
        return []
    ids = _texts_of(frame[id_column])
    rows = zip(*(column for column in columns if column is not None), strict=True)
    return [
        f'{{ "type": "Feature", "id": {key}, "properties": {{ {", ".join(row)} }}, {outline} }}'
        for key, row, outline in zip(ids, rows, outlines, strict=True)
    ]


def _outlines(frame: gpd.GeoDataFrame, decimals: int) -> list[str]:
    """Geometries of the features; none where not all are squares away from antimeridian and poles."""
    shapes = frame.geometry.to_numpy()
    if not len(shapes) or frame.crs is None:
        return []
    squares = (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON) & (
        shapely.get_num_coordinates(shapes) == _CORNERS
    )
    if not squares.all():
        return []
    xy = shapely.get_coordinates(shapes)
    # GDAL turns round what goes clockwise.
    step = np.diff(xy.reshape(-1, _CORNERS, 2), axis=1)
    before, after = step[:, :-1], step[:, 1:]
    if not (before[..., 0] * after[..., 1] > before[..., 1] * after[..., 0]).all():
        return []
    # Neighbours share corners.
    corners, which = np.unique(xy.view(np.complex128), return_inverse=True)
    lon, lat = between(frame.crs, 4326).transform(corners.real, corners.imag)
    if not (np.abs(lon) < _FAR_DEG).all() or not (np.abs(lat) < _FAR_DEG / 2).all():
        return []
    lons, lats = _degrees(lon, decimals), _degrees(lat, decimals)
    points = [f"[ {a}, {b} ]" for a, b in zip(lons, lats, strict=True)]
    rings = np.array(points, dtype=object)[which.reshape(-1, _CORNERS)].tolist()
    return [
        f'"geometry": {{ "type": "Polygon", "coordinates": [ [ {", ".join(ring)} ] ] }}'
        for ring in rings
    ]


def _degrees(values: NDArray[np.float64], decimals: int) -> list[str]:
    """Write degrees without zeros at the end, but for one after the point."""
    texts = []
    for value in values.tolist():
        text = f"{value:.{decimals}f}".rstrip("0")
        texts.append(text + "0" if text[-1] == "." else text)
    return texts


def _column(name: str, values: pd.Series[Any], figures: int) -> list[str] | None:
    """Members of one column, row by row; None where GDAL would have to be asked what it writes."""
    kind = values.dtype.kind
    if kind == "f":
        cells = values.to_numpy(np.float64)
        if np.isinf(cells).any():
            return None
        texts = _by_value(cells, lambda v: "null" if v != v else _number(v, figures))  # noqa: PLR0124 - NaN
    elif kind == "i":
        texts = _by_value(values.to_numpy(), str)
    elif kind == "O" and all(isinstance(v, str) for v in pd.factorize(values)[1]):
        texts = _texts_of(values)
    else:
        return None
    member = _text(name) + ": "
    return [member + text for text in texts]


def _by_value(values: NDArray[Any], write: Any) -> list[str]:  # noqa: ANN401 - function of a value
    """Write each different value once; by its bits, since 0 has two signs."""
    bits, which = np.unique(values.view(f"i{values.itemsize}"), return_inverse=True)
    texts = [write(v) for v in bits.view(values.dtype).tolist()]
    return [texts[k] for k in which.tolist()]


def _texts_of(values: pd.Series[Any]) -> list[str]:
    codes, different = pd.factorize(values)
    texts = [*map(_text, different.tolist()), "null"]
    return [texts[k] for k in codes.tolist()]


def _number(value: float, figures: int) -> str:
    text = f"{value:.{figures}g}"
    return text if "." in text or "e" in text else text + ".0"
