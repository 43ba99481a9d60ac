"""Capacity: how many dwellings, people and jobs the land of each use carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import Assumptions, LandProfile
from kcity_geo.planning.land_budget import M2_PER_HA

__all__ = ["Capacity", "capacity", "dwellings_on"]

_ECONOMIC = ("commercial", "industry")


@dataclass(frozen=True, kw_only=True, repr=False)
class Capacity:
    """
    What the land of a plan carries.

    Parameters
    ----------
    dwellings, persons, jobs : when everything is built and taken up.
    persons_per_ha : gross, of the whole buildable site.
    far_homes : floor area ratio of residential land that the dwellings need.
    floor_m2 : use -> gross floor area.
    economic_floor_share : commercial and industrial floor of all floor space.
    self_containment : jobs for each resident who works; NaN without residents.
    jobs_by_use : use -> jobs.
    """

    dwellings: float
    persons: float
    jobs: float
    persons_per_ha: float
    far_homes: float
    floor_m2: Mapping[str, float]
    economic_floor_share: float
    self_containment: float
    jobs_by_use: Mapping[str, float]

    def __repr__(self) -> str:
        """Say the capacity in one line."""
        told = [f"{self.persons:,.0f} persons in {self.dwellings:,.0f} dwellings"]
        if self.persons_per_ha > 0:
            told.append(f"{self.persons_per_ha:,.0f} persons/ha of the site")
        told.append(f"{self.jobs:,.0f} jobs")
        if self.self_containment > 0:
            told.append(f"{self.self_containment:.2f} for each resident who works")
        return f"Capacity({', '.join(told)})"


def dwellings_on(
    hectares: float, *, far: float, dwelling_gfa_m2: float, efficiency: float
) -> float:
    """
    Work out the dwellings on residential land.

    Parameters
    ----------
    hectares : residential land without public streets.
    far : floor area over that land.
    dwelling_gfa_m2 : gross floor area of a dwelling.
    efficiency : share of the floor area that is dwellings.

    Returns
    -------
    hectares x 10,000 x far x efficiency / floor area.

    Examples
    --------
    >>> round(dwellings_on(99.0, far=1.8, dwelling_gfa_m2=110.0, efficiency=0.85), 6)
    13770.0
    """
    return hectares * M2_PER_HA * far * efficiency / dwelling_gfa_m2


def capacity(
    hectares: Mapping[str, float],
    profile: LandProfile,
    assumptions: Assumptions,
    *,
    persons: float | None = None,
) -> Capacity:
    """
    Work out what the land of each use carries.

    Parameters
    ----------
    hectares : use -> ha, with ``reserve``; they add to the buildable site.
    profile : floor area ratios and jobs per ha.
    assumptions : household, floor area of a dwelling, share of residents who work.
    persons : the target when there is one; None: as many as fit at the floor area ratio.

    Returns
    -------
    The capacity; linear in the land.

    Raises
    ------
    StudyError
        If more persons are asked for than the residential land carries.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of, land_profile
    >>> town = land_profile("new_town")
    >>> found = capacity({use: s * 300 for use, s in town.share.items()}, town, assumptions_of())
    >>> round(found.dwellings), round(found.persons), round(found.persons_per_ha, 1)
    (13770, 37179, 123.9)
    """
    site_ha = sum(hectares.values())
    land = hectares.get("residential", 0.0)
    far = profile.far["residential"]
    most = dwellings_on(
        land,
        far=far,
        dwelling_gfa_m2=assumptions["dwelling_gfa_m2"],
        efficiency=assumptions["floor_efficiency"],
    )
    household = assumptions["household_persons"]
    dwellings = most if persons is None else persons / household
    if dwellings > most * (1 + 1e-6) + 1e-6:
        raise StudyError(
            f"capacity: {land:,.1f} ha of homes carry {most * household:,.0f} persons at FAR {far:g}, "
            f"not {dwellings * household:,.0f}"
        )
    used = far * dwellings / most if most > 0 else 0.0
    floor = {
        use: hectares.get(use, 0.0) * M2_PER_HA * (used if use == "residential" else ratio)
        for use, ratio in profile.far.items()
    }
    jobs = {use: hectares.get(use, 0.0) * each for use, each in profile.jobs_per_ha.items()}
    working = dwellings * household * assumptions["working_share"]
    total_floor = sum(floor.values())
    return Capacity(
        dwellings=dwellings,
        persons=dwellings * household,
        jobs=sum(jobs.values()),
        persons_per_ha=dwellings * household / site_ha if site_ha > 0 else float("nan"),
        far_homes=used,
        floor_m2=floor,
        economic_floor_share=sum(floor[u] for u in _ECONOMIC if u in floor) / total_floor
        if total_floor > 0
        else float("nan"),
        self_containment=sum(jobs.values()) / working if working > 0 else float("nan"),
        jobs_by_use=jobs,
    )
