"""Colours of maps, figures and class rasters, safe for colour-blind readers."""

from __future__ import annotations

from kcity_geo.config import read_table
from kcity_geo.thumbnails import SCORE_COLOURS, SEVERITY_COLOURS

__all__ = [
    "CLASS_COLOURS",
    "HIGH_CONFIDENCE",
    "LABEL_COLOURS",
    "LOW_CONFIDENCE",
    "MISSING",
    "SCORE_COLOURS",
    "SEVERITY_COLOURS",
    "rgb",
]

#: Confidence below which a cell is hatched: it is low.
LOW_CONFIDENCE = float(read_table("priors")["label"]["confidence_low"])
#: Confidence from which it is called high.
HIGH_CONFIDENCE = float(read_table("priors")["label"]["confidence_high"])

#: Okabe and Ito's palette: gaps warm, served blue, doubt purple and grey.
LABEL_COLOURS = {
    "UNKNOWN": "#9e9e9e",
    "CONFIRMED GAP": "#b03a00",
    "PROBABLE GAP": "#e69f00",
    "DATA GAP": "#cc79a7",
    "SERVED": "#0072b2",
    "SERVED (likely)": "#56b4e9",
    "SERVED (weak evidence)": "#c3e2f5",
    "NOT ASSESSED": "#d6d6d6",
}

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
