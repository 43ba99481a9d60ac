"""
Sectors: what may be said of transport, water and energy in each place, from draws of what the map may lack.

For a model with edits (`kcity_geo.scenario`) draws are kept, see `kcity_geo.analysis.gaps.edited`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.assessed import Assessed
from kcity_geo.analysis.gaps.drawing import Drawing, DrawnGaps
from kcity_geo.analysis.gaps.edited import EditedDrawing
from kcity_geo.result import SECTORS, THEMES, Indicator
from kcity_geo.standards import Standard

__all__ = ["draw_gaps", "readings_of_cells", "scored_of"]


def scored_of(city: CityModel, indicators: Sequence[Indicator]) -> list[tuple[Indicator, Standard]]:
    """
    Choose the indicators that count in a sector or theme.

    Parameters
    ----------
    city : its model.
    indicators : in any order.

    Returns
    -------
    Each with its standard, in the order of the standards.
    """
    by_id = {one.id: one for one in indicators}
    return [
        (by_id[key], row)
        for key, row in dict(city.standards).items()
        if key in by_id and row.sector in (*SECTORS, *THEMES)
    ]


def draw_gaps(
    cells: Assessed,
    scored: Sequence[tuple[Indicator, Standard]],
    *,
    seed: int = 7,
    count: int | None = None,
) -> DrawnGaps:
    """
    Draw the gaps of a city as they would be if the map showed all that is there.

    Parameters
    ----------
    cells : the rules on the cells of the city.
    scored : indicators with their standards.
    seed : of the draws.
    count : number of draws; as in ``tables/evidence.toml`` when None.

    Returns
    -------
    Gaps by level, and the draws of each indicator and level by district and city.
    """
    return _drawing(cells, scored, seed=seed, count=count).run()


def readings_of_cells(
    city: CityModel, indicators: Sequence[Indicator], *, seed: int = 7
) -> dict[str, NDArray[np.uint8]]:
    """
    Say of each cell what `kcity_geo.assess_gaps` says of it, and nothing else.

    Parameters
    ----------
    city : its model.
    indicators : at least those that have a standard.
    seed : of the draws.

    Returns
    -------
    Level -> position in `kcity_geo.analysis.gaps.words.READINGS`, shape (rows, cols).

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> found = readings_of_cells(model_of(make_toy(arrays={"population": 10.0})), [])
    >>> int(found["water"].max())  # not assessed
    0
    """
    scored = scored_of(city, indicators)
    return dict(_drawing(Assessed(city), scored, seed=seed, count=None).readings())


def _drawing(
    cells: Assessed,
    scored: Sequence[tuple[Indicator, Standard]],
    *,
    seed: int,
    count: int | None,
) -> Drawing:
    if cells.city.pieces("draws of a sector") is None:
        return Drawing(cells, scored, seed=seed, count=count)
    return EditedDrawing(cells, scored, seed=seed, count=count)
