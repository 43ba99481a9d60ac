"""Scenario of sites: says what was changed, and whether the numbers are those that the page showed."""

from __future__ import annotations

import math

import geopandas as gpd

from kcity_geo.notes import tell
from kcity_geo.suitability_keys import ScenarioSection

__all__ = ["differing", "tell_scenario"]

#: The page shows and saves so many decimals of a score.
_DECIMALS = 6


def differing(sites: gpd.GeoDataFrame, scenario: ScenarioSection) -> list[str]:
    """
    Name the sites whose rank or score is not the one that the page showed.

    Parameters
    ----------
    sites : of the replay, with ``site_id``, ``rank`` and ``score``.
    scenario : with what the page showed.

    Returns
    -------
    Ids, in the order of the page; a site that the page had out of the ranking agrees when it is not among
    the sites, or not fit.

    Examples
    --------
    >>> frame = gpd.GeoDataFrame({"site_id": ["site-01"], "rank": [1], "score": [0.7], "fits": [True]})
    >>> shown = {"weights": {"slope_pct": 1.0}, "shown": [{"site": "site-01", "rank": 1, "score": 0.7}]}
    >>> differing(frame, ScenarioSection(**shown))
    []
    """
    found = {str(row["site_id"]): row for _, row in sites.iterrows()}
    wrong = []
    for one in scenario.shown:
        row = found.get(one.site)
        if row is None or not row["fits"]:
            same = one.rank is None
        else:
            away = math.inf if one.score is None else abs(float(row["score"]) - one.score)
            same = int(row["rank"]) == one.rank and away < 10**-_DECIMALS
        if not same:
            wrong.append(one.site)
    return wrong


def tell_scenario(sites: gpd.GeoDataFrame, scenario: ScenarioSection) -> None:
    """
    Tell that the numbers are those of a scenario, and whether they agree with the page.

    Parameters
    ----------
    sites : of the replay.
    scenario : that was replayed.
    """
    name = f' "{scenario.name}"' if scenario.name else ""
    parts = [
        f"{what} {', '.join(f'{k} {v:g}' if isinstance(v, float) else f'{k} {v}' for k, v in table.items())}"
        for what, table in (("weights", scenario.weights), ("limits", scenario.constraints))
        if table
    ]
    kept = (
        "sites keep the outlines of the study" if scenario.sites == "kept" else "sites cut out anew"
    )
    said = (
        f"scenario{name} instead of the weights and limits of the study: {'; '.join(parts)}; {kept}"
    )
    if scenario.shown and scenario.sites == "kept":
        wrong = differing(sites, scenario)
        said += (
            f"; differs from what the page showed at {', '.join(wrong)}: the data or the study changed since"
            if wrong
            else f"; ranks and scores of {len(scenario.shown)} sites are those that the page showed"
        )
    tell(said)
