"""
Impact: how many people who fall short live where a plan could reach them.

Bounds, no forecast: without routed networks nobody is surely helped, and at most those are who live on
the site or within walking distance of it. The simulator computes what really changes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely

from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.result import SECTORS, Gaps

__all__ = ["reach_of_site"]

#: How far around a site its services can be walked to, D.
_WALK_M = 1000.0
_SHORT = tuple(READINGS.index(name) for name in ("falls_short", "probably_falls_short"))
_OPEN = READINGS.index("cannot_tell")


def reach_of_site(gaps: Gaps, outline: shapely.Polygon, *, walk_m: float = _WALK_M) -> pd.DataFrame:
    """
    Count the people who fall short on and around a site, by the readings of the study.

    Parameters
    ----------
    gaps : of the city.
    outline : of the site, metric CRS.
    walk_m : how far around the site, straight line.

    Returns
    -------
    Index sector: ``persons_within`` (known residents on the site and around it), ``people_short_within``
    (of them, who fall short, surely or probably), ``people_open_within`` (of whom nobody can tell),
    ``people_short_city`` (as the study says), ``closed_low`` (0), ``closed_high`` (all within who fall short or
    may), ``share_high`` (of the city's); NaN where a sector was not assessed.
    """
    cells = gaps.cells
    x, y = np.meshgrid(cells["x"].to_numpy(), cells["y"].to_numpy())
    near = shapely.contains_xy(outline.buffer(walk_m), x.ravel(), y.ravel()).reshape(x.shape)
    people = (
        cells["population"].to_numpy() if "population" in cells else np.full(near.shape, np.nan)
    )
    rows = {}
    for sector in (*SECTORS, "composite"):
        name = f"{sector}_gap"
        gap = cells[name].to_numpy() if name in cells else np.full(near.shape, np.nan)
        persons = np.where(near, people, 0.0)
        code = f"{sector}_reading"
        codes = cells[code].to_numpy() if code in cells else np.zeros(near.shape, dtype=np.uint8)
        # Of whom nobody can tell may fall short: unmapped is not served.
        told = (np.isfinite(gap) | (codes == _OPEN)) & np.isfinite(people)
        assessed = bool(code in cells and (told & near).any())
        short, unsure = (
            float(np.nansum(persons[np.isin(codes, which) & told])) if assessed else np.nan
            for which in (_SHORT, _OPEN)
        )
        city = float(gaps.city["people_short"].get(sector, np.nan)) if assessed else np.nan
        may = short + unsure
        rows[sector] = {
            "persons_within": float(np.nansum(persons)) if np.isfinite(people).any() else np.nan,
            "people_short_within": short,
            "people_open_within": unsure,
            "people_short_city": city,
            "closed_low": 0.0 if assessed else np.nan,
            "closed_high": may,
            # As large as it can be: none of whom nobody can tell elsewhere falls short.
            "share_high": may / (city + unsure) if city + unsure > 0 else np.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("sector")
