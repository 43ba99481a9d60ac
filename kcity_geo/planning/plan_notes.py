"""Notes of a plan: what must be read beside its land, cost, jobs and phases."""

from __future__ import annotations

import math
from collections.abc import Mapping

from kcity_geo.planning.capacity import Capacity
from kcity_geo.planning.cost import CostEstimate
from kcity_geo.planning.networks.fronts import Fronts
from kcity_geo.planning.networks.routed import PlanNetworks
from kcity_geo.planning.phasing import PhaseShares
from kcity_geo.planning.site_budget import SiteBudget

__all__ = ["note_of_cover", "notes_of_connections", "notes_of_numbers", "notes_of_phases"]


def notes_of_numbers(budget: SiteBudget, cost: CostEstimate, carried: Capacity) -> tuple[str, ...]:
    """
    Say what must be read beside the land, the cost and the jobs of a plan.

    Parameters
    ----------
    budget, cost, carried : of the plan.

    Returns
    -------
    Notes, each beginning with the chapter to which it belongs.
    """
    notes = [
        f"land: {budget.words}",
        *(f"cost: {told}" for told in (*cost.words_verified, *cost.words_range, cost.words_level)),
    ]
    if len(cost.expired()):
        old = cost.expired()
        share = float(old["cost"].sum()) / sum(cost.by_sector.values())
        titles = "; ".join(dict.fromkeys(sorted(old["title"])))
        told = f"{share:.0%}" if share >= 0.005 else "under 1%"  # noqa: PLR2004 - rounds to 0
        notes.append(f"cost: expired price level of {told} of the works: {titles}")
    if budget.hectares.get("reserve", 0.0) > 0:
        notes.append(f"land: {budget.hectares['reserve']:,.1f} ha are kept in reserve")
    if not math.isnan(carried.self_containment) and carried.self_containment < 0.5:  # noqa: PLR2004 - stated in the docs
        notes.append(
            f"jobs: {carried.self_containment:.2f} jobs for each resident who works; below 0.5 most must leave daily"
        )
    if carried.self_containment > 2:  # noqa: PLR2004 - stated in the docs
        notes.append(
            f"jobs: {carried.jobs:,.0f} jobs, {carried.self_containment:,.1f} for each resident who works; above 2 "
            "most who work here must come from elsewhere every day"
        )
    if carried.jobs > 0 and not carried.persons > 0:
        notes.append(
            f"jobs: {carried.jobs:,.0f} jobs and no residents; all must come from elsewhere"
        )
    return tuple(notes)


def note_of_cover(networks: PlanNetworks | None, fronts: Fronts | None) -> str:
    """
    Say what the cost holds and what it does not.

    Parameters
    ----------
    networks, fronts : that are routed; None: none is.

    Returns
    -------
    The note.
    """
    if networks is None:
        return (
            "cost: works on the site only, networks along every street; buildings, land purchase and "
            "connections outside it are not in it"
        )
    worth = networks.worth + (float(fronts.table["cost"].sum()) if fronts is not None else 0.0)
    told = (
        f"cost: works on the site and the routed networks ({worth / 1e6:,.1f} M {networks.currency} "
        "before engineering and contingency, on the site and to it); buildings and land purchase are not in it"
    )
    if networks.beyond:
        told += f", nor is what leads from the site to {', '.join(networks.beyond)}: none is mapped near it"
    return told


def notes_of_phases(asked: tuple[float, ...], shares: PhaseShares) -> tuple[str, ...]:
    """
    Say how far the phases that are drawn differ from those that were asked for.

    Parameters
    ----------
    asked : shares of the land.
    shares : as drawn.

    Returns
    -------
    A note each; none where they are the same.
    """
    given, drawn = ([f"{share:.0%}" for share in parts] for parts in (asked, shares.land))
    told = []
    if given != drawn:
        told.append(
            f"phases: {', '.join(drawn)} of the land instead of {', '.join(given)}; blocks are opened whole"
        )
    homes = [f"{share:.0%}" for share in shares.of("residential")]
    if homes != drawn:
        told.append(f"phases: {', '.join(homes)} of the homes, since what is opened hangs together")
    return tuple(told)


def notes_of_connections(carried: Capacity, wide: Mapping[str, float]) -> tuple[str, ...]:
    """
    Say how a parcel of many dwellings is joined to pipes.

    Parameters
    ----------
    carried : dwellings of the plan.
    wide : row -> metres of wider connections.

    Returns
    -------
    One note, or none without wider connections.
    """
    if not wide:
        return ()
    told = (
        f"cost: {carried.dwellings:,.0f} dwellings stand on parcels of more than two in the mean: each parcel has, "
        "beside the connection of one small house, the smallest water main and sewer over half the street (D); no "
        "price of a wider connection was read in a source"
    )
    return (told,)
