"""
Filtered maps: an extract made for one purpose does not say that the rest is missing.

A file of the streets only holds no school; that is no gap. What such a map cannot speak of is not
assessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from kcity_geo.citydata import NO_MAP, CityData, without_map
from kcity_geo.config import read_table
from kcity_geo.notes import tell
from kcity_geo.result import Indicator

__all__ = ["silent_themes", "withheld"]


def silent_themes(inventory: pd.DataFrame, *, persons: float) -> tuple[str, ...]:
    """
    Name the themes of which a map says nothing, when that cannot be the place itself.

    Parameters
    ----------
    inventory : columns ``layer``, ``count`` and ``length_km`` of what lies inside the city, features of the
        user included; see `kcity_geo.analysis.evidence.inventory.inventory`.
    persons : residents; NaN or 0 when not known, then they are told from the length of the streets.

    Returns
    -------
    Names of ``tables/themes.toml``; empty for a map that was not filtered, however sparse, and for one that
    holds nothing at all.

    Examples
    --------
    >>> streets = pd.DataFrame({"layer": ["roads_drive"], "count": [9000], "length_km": [1200.0]})
    >>> silent_themes(streets, persons=800_000.0)[:3]
    ('buildings', 'power', 'water and sewage')
    >>> silent_themes(streets, persons=800.0)
    ()
    """
    table = read_table("themes")
    rows = inventory.set_index("layer")
    if not persons > 0:
        metres = 1000 * float(rows["length_km"].get("roads_drive", 0.0) or 0.0)
        persons = metres / table["street_m_each"]["value"]
    counts = rows["count"]
    silent, heard = [], []
    for name, row in table["theme"].items():
        expected = persons / row["persons_each"]
        count = sum(int(counts.get(layer, 0)) for layer in row["layers"])
        few = count < table["silent_share"]["value"] * expected or count == 0
        if few and expected >= table["least_expected"]["value"]:
            silent.append(name)
        elif count:
            heard.append(name)
    filtered = heard and len(silent) >= table["least_themes"]["value"]
    return tuple(silent) if filtered else ()


def withheld(found: Sequence[Indicator], data: CityData) -> list[Indicator]:
    """
    Leave unassessed what a filtered map cannot speak of.

    Parameters
    ----------
    found : indicators as computed.
    data : of the city; features of the user may be all that there is, without a map.

    Returns
    -------
    The indicators; those that rest only on layers of silent themes, and on no number or raster beside the
    map, are not assessed.
    """
    silent = silent_themes(data.inventory, persons=_persons(data))
    if not silent:
        return list(found)
    table, unmapped = read_table("themes"), without_map(data.study)
    if not unmapped:
        tell(
            f"the map seems to be filtered, or drawn, for another purpose: it holds none or nearly none "
            f"of {', '.join(silent)}; "
            "what rests on them is not assessed; give a whole extract as sources.osm"
        )
    themes = {layer: name for name, row in table["theme"].items() for layer in row["layers"]}
    out = []
    for one in found:
        wanted = (*one.layers, *table["also"].get(one.id, ()))
        named = [themes[layer] for layer in wanted if layer in themes]
        needed = [name for name in named if name != "streets"] or named
        mute = bool(needed) and set(needed) <= set(silent)
        if not mute or one.not_assessed or one.evidence == "user" or _told_otherwise(one.id, data):
            out.append(one)
            continue
        reason = (
            f"the map holds no {', '.join(dict.fromkeys(needed))} for a city of this size: it seems to be "
            "filtered, or drawn, for another purpose; give a whole extract as sources.osm"
        )
        out.append(
            replace(
                one,
                value=float("nan"),
                cells=None,
                gap=None,
                area_gap=float("nan"),
                ratio=None,
                bounds=None,
                gap_bounds=None,
                value_error=None,
                evidence_cells=None,
                not_assessed=NO_MAP if unmapped else reason,
                details={},
            )
        )
    return out


def _told_otherwise(indicator: str, data: CityData) -> bool:
    """Tell whether another input speaks where the map does not."""
    instead = read_table("themes")["instead"].get(indicator)
    if instead == "timetable":
        return data.transit is not None and len(data.transit) > 0
    return instead is not None and data.array(instead) is not None


def _persons(data: CityData) -> float:
    people = data.array("population")
    if people is None:
        return float(data.official.get("population") or np.nan)
    return float(np.nansum(np.where(data.inside, people, 0.0)))
