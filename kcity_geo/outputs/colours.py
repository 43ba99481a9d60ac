"""Colours of maps, figures and class rasters, safe for colour-blind readers."""

from __future__ import annotations

import re

from kcity_geo.config import read_table
from kcity_geo.standards import load_standards
from kcity_geo.thumbnails import GAP_COLOURS, NEUTRAL_COLOURS, SCORE_COLOURS

__all__ = [
    "CLASS_COLOURS",
    "EVIDENCE_COLOURS",
    "GAP_COLOURS",
    "MISSING",
    "READING_COLOURS",
    "SCORE_COLOURS",
    "meaning_of",
    "rgb",
]

#: Colour of each reading, in the order of `kcity_geo.analysis.gaps.words.READINGS`.
READING_COLOURS = tuple(str(row["colour"]) for row in read_table("readings")["reading"])

#: How good the data are: poor, fair, good.
EVIDENCE_COLOURS = ("#d73027", "#fdd49e", "#1a5fa3")

#: Not known, not assessed.
MISSING = "#d6d6d6"

#: Class rasters: code -> colour. Land cover: ESA WorldCover's own table.
CLASS_COLOURS = {
    "landcover": {
        10: "#006400",
        20: "#ffbb22",
        30: "#ffff4c",
        40: "#f096ff",
        50: "#fa0000",
        60: "#b4b4b4",
        70: "#f0f0f0",
        80: "#0064c8",
        90: "#0096a0",
        95: "#00cf75",
        100: "#fae6a0",
    },
    "excluded": {0: "#ffffff", 1: "#7a7a7a"},
    "urban_class": {0: "#f0f0f0", 1: "#cdf57a", 2: "#a87000", 3: "#ff0000"},
    "smod": {
        10: "#7ab6f5",
        11: "#cdf57a",
        12: "#abcd66",
        13: "#375623",
        21: "#ffff00",
        22: "#a87000",
        23: "#732600",
        30: "#ff0000",
    },
}


def rgb(colour: str) -> tuple[int, int, int]:
    """
    Split ``#rrggbb`` into numbers.

    Parameters
    ----------
    colour : as in HTML.

    Returns
    -------
    Red, green, blue, 0 to 255.

    Examples
    --------
    >>> rgb("#ff8000")
    (255, 128, 0)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def meaning_of(name: str) -> tuple[tuple[str, ...], tuple[float, float] | None]:
    """
    Give the colours of a layer or column by what it means.

    Parameters
    ----------
    name : of a variable or column.

    Returns
    -------
    Colours, and the values of the first and the last of them; None where its own range says.

    Examples
    --------
    >>> meaning_of("water_gap")[1]
    (0.0, 1.0)
    """
    standard = load_standards().get(name)
    if re.search(r"(^|_)gap(_raw|_lo|_hi)?$", name):
        return GAP_COLOURS, (0.0, 1.0)
    if name in {"suitability", "score", "mean_score"}:
        return SCORE_COLOURS, (0.0, 1.0)
    adequate, critical = (standard.target, standard.worst) if standard else (None, None)
    if adequate is not None and critical is not None:
        if adequate <= critical:
            return GAP_COLOURS, (adequate, critical)
        return GAP_COLOURS[::-1], (critical, adequate)
    return NEUTRAL_COLOURS, None
