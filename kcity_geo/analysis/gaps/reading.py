"""Reading: why an indicator can meet its standard on the whole and still leave a gap."""

from __future__ import annotations

import math
from collections.abc import Mapping

from kcity_geo.config import read_table
from kcity_geo.result import Indicator
from kcity_geo.standards import Standard, gap_from_standard

__all__ = ["why_short"]


def why_short(indicator: Indicator, standard: Standard | None, gaps: Mapping[str, float]) -> str:
    """
    Explain a gap that is larger than the value of the whole city lets expect.

    Parameters
    ----------
    indicator : with the value of the city.
    standard : of the indicator; None when it is not scored.
    gaps : ``gap, gap_lo, gap_hi`` of the city row.

    Returns
    -------
    One clause, or nothing where value and gap agree within the limit of ``tables/display.toml``.

    Notes
    -----
    Two things pull them apart. The gap is the middle of its bounds, so what is not known counts
    half. And the value is a mean, while the gap counts everybody who is beyond the standard, and
    whoever has no way at all in full.
    """
    gap, low, high = (float(gaps[k]) for k in ("gap", "gap_lo", "gap_hi"))
    if standard is None or standard.target is None or standard.worst is None:
        return ""
    if indicator.not_assessed or not math.isfinite(gap):
        return ""
    own = float(gap_from_standard(indicator.value, target=standard.target, worst=standard.worst))
    limit = read_table("display")["reading"]["apart"]
    if not gap - own >= limit:
        return ""
    if low - own < limit:
        return (
            f"the data allow a gap from {_percent(low)} to {_percent(high)} and the middle is "
            "shown: what is not known counts half"
        )
    lost = float(indicator.details.get("persons_without_route", 0.0))
    beyond = "the value is a mean; the gap counts everybody beyond the standard"
    return beyond + (f", and the {lost:,.0f} people without a way in full" if lost >= 1 else "")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
