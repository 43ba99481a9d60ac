"""Small pictures of arrays and outlines for notebooks, drawn without any plotting library."""

from __future__ import annotations

import base64
import html
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["GAP_COLOURS", "NEUTRAL_COLOURS", "SCORE_COLOURS", "card", "outline", "picture"]

#: ColorBrewer YlOrBr, 5 classes, light to dark: adequate to critical.
GAP_COLOURS = ("#fff3b0", "#fec44f", "#f28c1e", "#c6500a", "#6f2503")
#: Suitability, 5 classes of 0.2, low to high (ColorBrewer YlGnBu without its lightest).
SCORE_COLOURS = ("#edf8c9", "#a6dbb6", "#45b4c2", "#2673b2", "#1d2f83")
#: What is neither good nor bad: viridis, 5 steps.
NEUTRAL_COLOURS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")

_SIDE_PX = 220


def picture(
    values: NDArray[np.floating],
    colours: Sequence[str],
    *,
    low: float | None = None,
    high: float | None = None,
) -> str:
    """
    Draw an array as a small PNG inside an HTML tag.

    Parameters
    ----------
    values : shape (rows, cols), row 0 in the north; NaN is left blank.
    colours : of the lowest to the highest value, as ``#rrggbb``.
    low, high : values of the first and the last colour; those of the array when None.

    Returns
    -------
    ``<img>`` with the picture in it, at most 220 pixels wide and high.

    Examples
    --------
    >>> picture(np.eye(2), SCORE_COLOURS)[:32]
    '<img src="data:image/png;base64,'
    """
    values = np.asarray(values, dtype=float)
    step = max(1, -(-max(values.shape) // _SIDE_PX))
    values = values[::step, ::step]
    known = np.isfinite(values)
    low = float(values[known].min()) if low is None and known.any() else low or 0.0
    high = float(values[known].max()) if high is None and known.any() else high or 1.0
    share: Any = np.clip((np.where(known, values, low) - low) / ((high - low) or 1.0), 0.0, 1.0)
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], dtype=float)
    at = np.linspace(0.0, 1.0, len(stops))
    pixels = np.zeros((*values.shape, 4), dtype=np.uint8)
    for band in range(3):
        pixels[..., band] = np.round(np.interp(share, at, stops[:, band]))
    pixels[..., 3] = np.where(known, 255, 0)
    zoom = max(1, _SIDE_PX // max(values.shape))
    pixels = pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)
    data = base64.b64encode(_png(pixels)).decode()
    return f'<img src="data:image/png;base64,{data}" alt="">'


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Write red, green, blue and alpha as PNG."""
    rows, columns, _ = pixels.shape
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), pixels.reshape(rows, -1)], axis=1)
    header = struct.pack(">2I5B", columns, rows, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def outline(shapes: NDArray[np.object_]) -> str:
    """
    Draw polygons as a small SVG.

    Parameters
    ----------
    shapes : polygons in a metric CRS.

    Returns
    -------
    ``<svg>``, at most 220 pixels wide and high.

    Examples
    --------
    >>> outline(np.array([shapely.box(0, 0, 10, 5)], dtype=object)).count("<path")
    1
    """
    west, south, east, north = shapely.total_bounds(shapes)
    scale = _SIDE_PX / (max(east - west, north - south) or 1.0)
    drawn = []
    for shape in shapely.simplify(shapes, 0.5 / scale):
        rings = [
            ring
            for part in shapely.get_parts(shape)
            if part.geom_type == "Polygon"
            for ring in (part.exterior, *part.interiors)
        ]
        lines = (
            "M"
            + "L".join(f"{(x - west) * scale:.1f} {(north - y) * scale:.1f}" for x, y in r.coords)
            for r in rings
        )
        drawn.append(
            f'<path d="{"".join(f"{line}Z" for line in lines)}" fill="#e8eef4" stroke="#404040" '
            'fill-rule="evenodd"/>'
        )
    width, height = (east - west) * scale + 2, (north - south) * scale + 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="-1 -1 {width:.0f} {height:.0f}">{"".join(drawn)}</svg>'
    )


def card(text: str, drawn: str) -> str:
    """
    Put a line of text under a picture.

    Parameters
    ----------
    text : plain; it is escaped.
    drawn : HTML of `picture` or `outline`.

    Returns
    -------
    HTML.

    Examples
    --------
    >>> card("<b>", "<svg></svg>")
    '<div><svg></svg><br>&lt;b&gt;</div>'
    """
    return f"<div>{drawn}<br>{html.escape(text)}</div>"
