"""Reading: why an indicator can meet its standard on the whole and still leave a gap."""

from __future__ import annotations

import math
from collections.abc import Mapping

from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import Indicator
from kcity_geo.standards import Standard, gap_from_standard

__all__ = ["why_short"]


def why_short(indicator: Indicator, standard: Standard | None, gaps: Mapping[str, float]) -> str:
    """
    Explain a gap as mapped that is another than the value of the whole city lets expect.

    Parameters
    ----------
    indicator : with the value of the city.
    standard : of the indicator; None when it is not scored.
    gaps : of the city row, with ``gap_raw``.

    Returns
    -------
    One clause, or nothing where value and gap agree within the limit of ``tables/display.toml``.

    Notes
    -----
    The value is a mean, while the gap counts everybody who is beyond the standard, and whoever has
    no way at all in full. A value of land (streets per km2) is a mean over the land, its gap one
    over the people.
    """
    gap = float(gaps["gap_raw"])
    if standard is None or standard.target is None or standard.worst is None:
        return ""
    if indicator.not_assessed or not math.isfinite(gap):
        return ""
    own = float(gap_from_standard(indicator.value, target=standard.target, worst=standard.worst))
    apart = read_table("display")["reading"]["apart"]
    if own - gap >= apart:
        return _smaller(indicator)
    if not gap - own >= apart:
        return ""
    lost = float(indicator.details.get("persons_without_route", 0.0))
    beyond = "the value is a mean; the gap counts everybody beyond the standard"
    return beyond + (f", and the {lost:,.0f} people without a way in full" if lost >= 1 else "")


def _smaller(indicator: Indicator) -> str:
    row = indicator_rows().get(indicator.id)
    if row is not None and row.average != "people":
        return "the value is a mean over land; most people live where it is better, and the gap counts people"
    if indicator.applies is not None:
        return "the gap counts only the people whom the question concerns; the others have none"
    return "the value is a mean; the gap of each place ends at 100 %, however far beyond it is"
