"""Reading: why an indicator can meet its standard on the whole and still leave a gap."""

from __future__ import annotations

import math
from collections.abc import Mapping

from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import Indicator
from kcity_geo.standards import Standard, gap_from_standard

__all__ = ["reason_apart", "why_short"]


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
    if standard is None or standard.target is None or standard.worst is None:
        return ""
    return reason_apart(
        indicator, target=standard.target, worst=standard.worst, gap=float(gaps["gap_raw"])
    )


def reason_apart(indicator: Indicator, *, target: float, worst: float, gap: float) -> str:
    """
    Explain a gap as mapped that is another than the value of a place lets expect.

    Parameters
    ----------
    indicator : with the value of the place.
    target, worst : of its standard; NaN: it has a formula of its own.
    gap : of the place as mapped.

    Returns
    -------
    As of `why_short`.

    Examples
    --------
    >>> land = Indicator(id="T6", value=0.21, units="share")
    >>> reason_apart(land, target=0.3, worst=0.05, gap=0.45)
    'the value is a mean over land; the gap counts everybody beyond the standard'
    >>> reason_apart(land, target=0.3, worst=0.05, gap=0.36)
    ''
    """
    if indicator.not_assessed or not math.isfinite(gap + target + worst + indicator.value):
        return ""
    own = float(gap_from_standard(indicator.value, target=target, worst=worst))
    apart = read_table("display")["reading"]["apart"]
    if own - gap >= apart:
        return _smaller(indicator)
    if not gap - own >= apart:
        return ""
    lost = float(indicator.details.get("persons_without_route", 0.0))
    mean = "the value is a mean over land" if _of_land(indicator) else "the value is a mean"
    beyond = f"{mean}; the gap counts everybody beyond the standard"
    return beyond + (f", and the {lost:,.0f} people without a way in full" if lost >= 1 else "")


def _of_land(indicator: Indicator) -> bool:
    row = indicator_rows().get(indicator.id)
    return row is not None and row.average != "people"


def _smaller(indicator: Indicator) -> str:
    if _of_land(indicator):
        return "the value is a mean over land; most people live where it is better, and the gap counts people"
    if indicator.applies is not None:
        return "the gap counts only the people whom the question concerns; the others have none"
    return "the value is a mean; the gap of each place ends at 100 %, however far beyond it is"
