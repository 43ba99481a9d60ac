"""The small maps of a comparison: readings of all cities on one scale, striped where nobody can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.outputs.colours import rgb
from kcity_geo.outputs.languages import in_both
from kcity_geo.outputs.overlay import png_uri
from kcity_geo.outputs.stripes import hatch
from kcity_geo.outputs.themes import EMPTY, reading_rows, sector_title
from kcity_geo.result import SECTORS

__all__ = ["SmallMap", "legend", "sector_heads", "small_maps"]

#: Side of the largest map on the page, and pixels of a picture on one of the page.
_MAP_PX, _FINE = 190, 2
#: Stripes: colour, and how far apart and how wide they are in pixels of a picture, whatever the cells of the city are.
_STRIPE = (90, 90, 90, 255)
_STRIPES_PX = (16, 4)
_SCALES_KM = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


class SmallMap(Protocol):
    """Readings of one sector of a city: `kcity_geo.inputs.finished.ReadingsPicture`."""

    @property
    def codes(self) -> NDArray[np.uint8]:
        """Shape (rows, cols), rows of ``tables/readings.toml``; 255 outside the city."""

    @property
    def cell_m(self) -> float:
        """Side of a cell."""


def small_maps(
    keys: Sequence[str], pictures: Mapping[str, Mapping[str, SmallMap]]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """
    Draw the readings of all cities, all with the same metres in a pixel.

    Parameters
    ----------
    keys : of the cities, in the order of the page.
    pictures : city key -> sector -> its readings.

    Returns
    -------
    A row a city with ``name``, its key, and ``maps``, a picture (``uri``, ``width`` and ``height`` in pixels of the
    page) or None for each sector; and the scale, ``px`` of the page for ``km``.
    """
    sides = [
        max(one.codes.shape) * one.cell_m for city in pictures.values() for one in city.values()
    ]
    if not sides:
        return [], {}
    metres = max(sides) / _MAP_PX
    colours = [(*rgb(row.colour), 255) for row in reading_rows().values()]
    palette = [*colours, _STRIPE, *[(0, 0, 0, 0)] * (EMPTY - len(colours))]
    rows = []
    for key in keys:
        own = pictures.get(key, {})
        drawn: list[dict[str, Any] | None] = []
        for sector in SECTORS:
            one = own.get(sector)
            if one is None:
                drawn.append(None)
                continue
            height, width = (max(4, round(n * one.cell_m / metres)) for n in one.codes.shape)
            codes = _striped(_enlarged(one.codes, (_FINE * height, _FINE * width)))
            drawn.append({"uri": png_uri(codes, palette), "width": width, "height": height})
        rows.append({"name": key, "maps": drawn})
    longest = metres * _MAP_PX / 3000
    km = max((s for s in _SCALES_KM if s <= longest), default=_SCALES_KM[0])
    return rows, {"px": round(1000 * km / metres), "km": f"{km:g}"}


def _enlarged(codes: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Give each pixel of a picture the code of the cell that holds its centre."""
    row, column = (
        ((2 * np.arange(wanted) + 1) * given) // (2 * wanted)
        for wanted, given in zip(shape, codes.shape, strict=True)
    )
    return codes[np.ix_(row, column)]


def _striped(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw stripes where nobody can tell, as in the legend."""
    rows = list(reading_rows().values())
    silent = np.isin(codes, [code for code, row in enumerate(rows) if row.striped])
    stripes = hatch(codes.shape, period=_STRIPES_PX[0], width=_STRIPES_PX[1])
    return np.where(silent & stripes, np.uint8(len(rows)), codes)


def sector_heads() -> list[Markup]:
    """
    Give the heads of the columns of maps.

    Returns
    -------
    Title of each sector in all languages.
    """
    return [in_both({"en": sector_title(s), "ko": _korean("level")[s]}) for s in SECTORS]


def _korean(kind: str) -> dict[str, str]:
    """Give the Korean words of the readings or of the sectors."""
    return {str(r["id"]): str(r["title_ko"]) for r in read_table("programme/vocabulary")[kind]}


def legend() -> list[tuple[str, bool, Markup]]:
    """
    Give the legend of the small maps.

    Returns
    -------
    Colour of each reading, whether it is striped, and its words in all languages.
    """
    korean = _korean("reading")
    return [
        (row.colour, row.striped, in_both({"en": row.title, "ko": korean[row.id]}))
        for row in reading_rows().values()
    ]
