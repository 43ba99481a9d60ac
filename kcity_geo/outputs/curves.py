"""Curves: the value function of a criterion over the land that it judges, as an SVG picture."""

from __future__ import annotations

import math

from kcity_geo.analysis.findings import Findings
from kcity_geo.outputs.languages import tell, translated
from kcity_geo.outputs.text import human, plain_text
from kcity_geo.result import Criterion, Result

__all__ = ["curve_svg"]

#: As wide as its column on paper, so that its letters are not made smaller.
_WIDTH, _HEIGHT, _LETTERS = 108, 42, 10.5


def curve_svg(result: Result, criterion: Criterion) -> str:
    """
    Draw how much open land has which value, and what each value is worth.

    Parameters
    ----------
    result : a finished study.
    criterion : one of its project.

    Returns
    -------
    SVG element, bars of land and a line from 0 to full score; ``""`` where there is no curve.
    """
    curve = Findings(result).curve(criterion)
    if curve is None:
        return ""
    step = _WIDTH / len(curve.bars)
    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{_HEIGHT * (1 - share):.1f}" width="{step - 1:.1f}" '
        f'height="{_HEIGHT * share:.1f}" fill="#c9d3da"/>'
        for i, share in enumerate(curve.bars.tolist())
        if share > 0
    )
    last = len(curve.worth) - 1
    line = " ".join(
        f"{_WIDTH * i / last:.1f},{_HEIGHT * (1 - y):.1f}"
        for i, y in enumerate(curve.worth.tolist())
    )
    # What the eye cannot part on the axis is no digit: 0.0009 km of 20 km is 0.
    digits = 2 - math.floor(math.log10(span)) if (span := abs(curve.high - curve.low)) > 0 else 4
    low, high = (round(float(v), digits) + 0.0 for v in (curve.low, curve.high))
    units = {"persons": "", "index": "", "class": ""}.get(criterion.units, criterion.units)
    base = _HEIGHT + 12
    foot = (
        f'<text x="0" y="{base}" font-size="{_LETTERS}">{_escaped(human(low, units))}</text>'
        f'<text x="{_WIDTH}" y="{base}" font-size="{_LETTERS}" text-anchor="end">{_escaped(human(high, units))}</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {base + 3}" width="{_WIDTH}" height="{base + 3}" role="img" '
        f'aria-label="{_escaped(tell("alt_curve", title=translated(criterion.title)))}">{bars}'
        f'<polyline points="{line}" fill="none" stroke="#1d2f83" stroke-width="1.5"/>{foot}</svg>'
    )


def _escaped(text: str) -> str:
    """Make text of a study harmless in markup."""
    signs = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
    return "".join(signs.get(letter, letter) for letter in plain_text(text))
