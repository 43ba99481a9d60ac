"""Curves: the value function of a criterion over the histogram of the land it judges, as an SVG picture."""

from __future__ import annotations

import numpy as np

from kcity_geo.analysis.suitability.value_functions import utility
from kcity_geo.outputs.text import human, plain_text
from kcity_geo.result import Criterion, Suitability

__all__ = ["curve_svg"]

_WIDTH, _HEIGHT, _BARS = 220, 70, 24


def curve_svg(criterion: Criterion, score: Suitability) -> str:
    """
    Draw how much land has which value, and what each value is worth.

    Parameters
    ----------
    criterion : one with a value function of numbers.
    score : of the same project; its land open to building is drawn.

    Returns
    -------
    SVG element, bars of land and a line from 0 to full score; ``""`` for classes and where no open land has a value.
    """
    values = criterion.values[score.feasible]
    known = values[np.isfinite(values)]
    if not criterion.function or criterion.function == "cat" or len(known) == 0:
        return ""
    limits = [float(v) for v in criterion.parameters]
    ends = limits if criterion.function in {"lin_dec", "lin_inc", "trap", "step"} else limits[:1]
    low, high = min(float(known.min()), *ends), max(float(known.max()), *ends)
    if high <= low:
        high = low + 1.0
    counts, _ = np.histogram(known, bins=_BARS, range=(low, high))
    bars = "".join(
        f'<rect x="{i * _WIDTH / _BARS:.1f}" y="{_HEIGHT * (1 - share):.1f}" '
        f'width="{_WIDTH / _BARS - 1:.1f}" height="{_HEIGHT * share:.1f}" fill="#c9d3da"/>'
        for i, share in enumerate(counts / counts.max())
        if share > 0
    )
    x = np.linspace(low, high, 111)
    y = utility(x, function=criterion.function, parameters=criterion.parameters)
    line = " ".join(
        f"{px:.1f},{py:.1f}"
        for px, py in zip(_WIDTH * (x - low) / (high - low), _HEIGHT * (1 - y), strict=True)
    )
    units = {"persons": "", "index": "", "class": ""}.get(criterion.units, criterion.units)
    foot = (
        f'<text x="0" y="{_HEIGHT + 11}" font-size="9">{human(low, units)}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 11}" font-size="9" text-anchor="end">{human(high, units)}</text>'
    )
    title = (
        plain_text(criterion.title)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace('"', "&quot;")
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 14}" width="{_WIDTH}" height="{_HEIGHT + 14}" role="img" '
        f'aria-label="{title}: land by value, and score">{bars}'
        f'<polyline points="{line}" fill="none" stroke="#1d2f83" stroke-width="2"/>{foot}</svg>'
    )
