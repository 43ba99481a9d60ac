"""
Land budget: how the hectares of a site are divided among uses, and what to do when they do not suffice.

Every use has a least area: a share of the site, or so many m2 for each person (or job) of the target,
whichever is more. When the least areas together exceed the site, the budget names the repairs and
every minimal set of requirements that cannot stand together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, linprog

from kcity_geo.errors import LimitError, StudyError
from kcity_geo.planning.assumptions import USES

__all__ = [
    "M2_PER_HA",
    "LandNeed",
    "Repairs",
    "divide_site",
    "least_hectares",
    "least_site_ha",
    "minimal_conflicts",
    "most_that_fits",
    "owner_gain",
    "repairs",
    "residential_ha",
]

M2_PER_HA = 1e4
_MOST_ROWS = 20
#: Land within this share of the site counts as fitting: rounding, not room.
_SLIVER = 1e-9


@dataclass(frozen=True, kw_only=True)
class LandNeed:
    """
    What one rule or assumption asks of one use of land.

    Parameters
    ----------
    use : of `kcity_geo.planning.assumptions.USES`.
    share : least share of the site.
    m2_each : least m2 for each person or job of the target.
    hectares : least area, ha.
    reason : in words, for tables and messages.
    mark : evidence mark of the reason.
    """

    use: str
    share: float = 0.0
    m2_each: float = 0.0
    hectares: float = 0.0
    reason: str = ""
    mark: str = "D"

    def least_ha(self, site_ha: float, target: float) -> float:
        """Give the least area for a site and a target, ha."""
        return max(self.share * site_ha, self.m2_each * target / M2_PER_HA, self.hectares)


def residential_ha(
    persons: float,
    *,
    far: float,
    household_persons: float,
    dwelling_gfa_m2: float,
    efficiency: float,
) -> float:
    """
    Work out the land that homes take.

    Parameters
    ----------
    persons : residents.
    far : floor area over residential land.
    household_persons : persons of a dwelling.
    dwelling_gfa_m2 : gross floor area of a dwelling.
    efficiency : share of the floor area that is dwellings.

    Returns
    -------
    persons / household x floor area / (efficiency x far), ha.

    Examples
    --------
    >>> round(residential_ha(45_000, far=1.8, household_persons=2.7, dwelling_gfa_m2=110, efficiency=.85), 2)
    119.83
    """
    return persons / household_persons * dwelling_gfa_m2 / (efficiency * far * M2_PER_HA)


def least_hectares(needs: Sequence[LandNeed], site_ha: float, target: float) -> dict[str, float]:
    """
    Give the least area of each use that is asked for.

    Parameters
    ----------
    needs : any number for a use; the largest counts.
    site_ha : buildable site, ha.
    target : persons or jobs.

    Returns
    -------
    Use -> ha, in the order of `USES`.

    Examples
    --------
    >>> needs = [LandNeed(use="parks", share=.18, m2_each=9.0), LandNeed(use="streets", share=.3)]
    >>> least_hectares(needs, 300.0, 70_000)
    {'parks': 63.0, 'streets': 90.0}
    """
    least: dict[str, float] = {}
    for need in needs:
        least[need.use] = max(least.get(need.use, 0.0), need.least_ha(site_ha, target))
    return {use: least[use] for use in sorted(least, key=_order)}


def _order(use: str) -> tuple[int, str]:
    return (USES.index(use) if use in USES else len(USES), use)


def minimal_conflicts(least: Mapping[str, float], site_ha: float) -> tuple[tuple[str, ...], ...]:
    """
    List every minimal set of requirements that does not fit on the site.

    A set is minimal when it fits as soon as any one of its members is dropped.

    Parameters
    ----------
    least : use -> least area, ha; at most 20.
    site_ha : buildable site, ha.

    Returns
    -------
    Sets of uses, the shortest first; empty when everything fits.

    Raises
    ------
    LimitError
        If there are more than 20 requirements.

    Examples
    --------
    >>> minimal_conflicts({"homes": 60.0, "streets": 30.0, "parks": 20.0}, 100.0)
    (('homes', 'streets', 'parks'),)
    """
    names = [use for use, area in least.items() if area > 0]
    if len(names) > _MOST_ROWS:
        raise LimitError(
            f"land budget: {len(names)} requirements; conflicts are listed for up to {_MOST_ROWS}"
        )
    room = site_ha * (1 + _SLIVER)
    total, smallest = np.zeros(1), np.full(1, np.inf)
    for name in names:
        total = np.concatenate([total, total + least[name]])
        smallest = np.concatenate([smallest, np.minimum(smallest, least[name])])
    # Without its smallest member a minimal set fits; then it fits without any other member too.
    found = np.flatnonzero((total > room) & (total - smallest <= room))
    sets = [tuple(n for i, n in enumerate(names) if number >> i & 1) for number in found.tolist()]
    return tuple(sorted(sets, key=lambda s: (len(s), [names.index(n) for n in s])))


def most_that_fits(needs: Sequence[LandNeed], site_ha: float) -> float:
    """
    Find the largest target that the site can carry, by linear programming.

    Parameters
    ----------
    needs : what is asked of each use.
    site_ha : buildable site, ha.

    Returns
    -------
    Persons or jobs; NaN when the site is too small for a target of zero, infinite when no need
    grows with the target.

    Examples
    --------
    >>> needs = [LandNeed(use="residential", m2_each=20.0), LandNeed(use="streets", share=.25)]
    >>> round(most_that_fits(needs, 100.0))
    37500
    """
    fixed = least_hectares(needs, site_ha, 0.0)
    if sum(fixed.values()) > site_ha * (1 + _SLIVER):
        return math.nan
    uses = list(fixed)
    largest = max(need.m2_each for need in needs)
    # What takes less than a billionth of the most demanding use of land does not bind.
    growing = [need for need in needs if need.m2_each > largest * _SLIVER]
    if largest <= 0 or not growing:
        return math.inf
    # Unknowns: hectares of each use, then the target as a part of what its largest use would fill.
    unit = site_ha * M2_PER_HA / largest
    rows = np.zeros((len(growing) + 1, len(uses) + 1))
    for row, need in zip(rows, growing, strict=False):
        row[uses.index(need.use)] = -1.0
        row[-1] = need.m2_each * unit / M2_PER_HA
    rows[-1, : len(uses)] = 1.0
    limits = np.r_[np.zeros(len(growing)), site_ha * (1 + _SLIVER)]
    bounds = [*((fixed[use], None) for use in uses), (0, None)]
    answer = linprog(
        np.r_[np.zeros(len(uses)), -1.0], A_ub=rows, b_ub=limits, bounds=bounds, method="highs"
    )
    if not answer.success:
        raise StudyError(f"land budget: the linear program has no answer: {answer.message}")
    return float(-(answer.fun or 0.0)) * unit


def least_site_ha(needs: Sequence[LandNeed], target: float) -> float:
    """
    Find the smallest site that holds a target, by linear programming.

    Rules that change with the size of the site are taken as they stand for the given one.

    Parameters
    ----------
    needs : what is asked of each use.
    target : persons or jobs.

    Returns
    -------
    Ha; infinite when the shares leave nothing for what grows with the target.

    Examples
    --------
    >>> needs = [LandNeed(use="residential", m2_each=20.0), LandNeed(use="streets", share=.25)]
    >>> round(least_site_ha(needs, 37_500), 3)
    100.0
    """
    uses = sorted({need.use for need in needs}, key=_order)
    rows = []
    for need in needs:
        row = np.zeros(len(uses) + 1)
        row[uses.index(need.use)], row[-1] = -1.0, need.share
        rows.append(row)
    rows.append(np.r_[np.ones(len(uses)), -1.0])
    fixed = least_hectares(needs, 0.0, target)
    bounds = [*((fixed[use], None) for use in uses), (0, None)]
    answer = linprog(
        np.r_[np.zeros(len(uses)), 1.0],
        A_ub=np.array(rows),
        b_ub=np.zeros(len(rows)),
        bounds=bounds,
        method="highs",
    )
    return float(answer.fun or 0.0) if answer.success else math.inf


@dataclass(frozen=True, kw_only=True)
class Repairs:
    """
    What would make a budget fit, each change alone.

    Parameters
    ----------
    most : largest target that fits as things stand; NaN: not even none.
    far : floor area ratio of homes (or jobs of a ha) that would do, as a multiple `factor` too;
        infinite when the other uses leave no land, or where nobody builds as densely.
    streets_share : largest share of streets that would do; NaN when even none is not enough, or where it would be
        less than settlements without a plan have.
    site_ha : smallest site that would do under the same rules; may be infinite.
    factor : how much denser the target must be built.
    """

    most: float
    far: float
    streets_share: float
    site_ha: float
    factor: float


def repairs(
    needs: Sequence[LandNeed], site_ha: float, target: float, *, far: float, dense: Sequence[str]
) -> Repairs:
    """
    Work out what would make a target fit.

    Parameters
    ----------
    needs : what is asked of each use.
    site_ha : buildable site, ha.
    target : persons or jobs.
    far : floor area ratio at which the uses of `dense` are planned.
    dense : uses that could be built denser.

    Returns
    -------
    The repairs.

    Examples
    --------
    >>> needs = [LandNeed(use="residential", m2_each=20.0), LandNeed(use="streets", share=.25)]
    >>> found = repairs(needs, 100.0, 45_000, far=1.5, dense=["residential"])
    >>> round(found.most), round(found.far, 3), round(found.streets_share, 3), round(found.site_ha, 3)
    (37500, 1.8, 0.1, 120.0)
    """
    least = least_hectares(needs, site_ha, target)
    grown = sum(least.get(use, 0.0) for use in dense)
    room = site_ha - sum(area for use, area in least.items() if use not in dense)
    factor = max(grown / room, 1.0) if room > 0 else math.inf
    others = sum(area for use, area in least.items() if use != "streets")
    streets = (site_ha - others) / site_ha
    return Repairs(
        most=most_that_fits(needs, site_ha),
        far=far * factor,
        streets_share=streets if streets >= 0 else math.nan,
        site_ha=least_site_ha(needs, target),
        factor=factor,
    )


def divide_site(
    least: Callable[[Mapping[str, float]], Mapping[str, float]],
    shares: Mapping[str, float],
    site_ha: float,
    *,
    fixed: Sequence[str] = (),
    most_scale: float = math.inf,
) -> dict[str, float]:
    """
    Divide a site in the proportions of a profile without falling below any least area.

    Each use gets max(least, t x share x site) with one t for all; t is as large as the site allows.
    Among all divisions that keep the least areas this one departs least from the proportions: the
    largest excess over the profile is as small as it can be.

    Parameters
    ----------
    least : hectares by use (as scaled so far) -> least hectares by use. Least areas may grow with
        other uses (parks with homes), never shrink.
    shares : use -> share of the site.
    site_ha : buildable site, ha.
    fixed : uses that get their least area and no more.
    most_scale : largest t; what is left then is kept in reserve.

    Returns
    -------
    Use -> ha, in the order of `USES`, and ``reserve``; they add to the site.

    Raises
    ------
    StudyError
        If the least areas alone exceed the site.

    Examples
    --------
    >>> divide_site(lambda _: {"parks": 40.0}, {"industry": .6, "parks": .2, "streets": .2}, 100.0)
    {'industry': 45.0, 'parks': 40.0, 'streets': 15.0, 'reserve': 0.0}
    """
    uses = sorted({*shares, *least({})}, key=_order)

    def scaled(t: float) -> dict[str, float]:
        free = {use: 0.0 if use in fixed else t * shares.get(use, 0.0) * site_ha for use in uses}
        wanted = least(free)
        return {use: max(free[use], wanted.get(use, 0.0)) for use in uses}

    def excess(t: float) -> float:
        return sum(scaled(t).values()) - site_ha

    if excess(0.0) > site_ha * _SLIVER:
        raise StudyError(
            f"land budget: least areas add to {excess(0.0) + site_ha:,.1f} ha, the site has {site_ha:,.1f}"
        )
    largest = 1.0
    while excess(largest) < 0 and largest < min(most_scale, 1e9):
        largest *= 2
    largest = min(largest, most_scale)
    t = largest
    if excess(largest) > 0:
        t = float(brentq(excess, 0.0, largest, xtol=1e-14, rtol=1e-14)) if excess(0.0) < 0 else 0.0
    found = scaled(t)
    left = site_ha - sum(found.values())
    rounding = abs(left) <= site_ha * _SLIVER
    return {
        **{u: round(float(a), 9) for u, a in found.items()},
        "reserve": 0.0 if rounding else float(left),
    }


def owner_gain(contribution_share: float, value_ratio: float) -> float:
    """
    Work out what land readjustment leaves an owner.

    Parameters
    ----------
    contribution_share : share of the land given for streets, parks and reserve, 0 to below 1.
    value_ratio : value of a m2 after over before.

    Returns
    -------
    Gain as a share of the value before; from a ratio of 1 / (1 - contribution) on it is positive.

    Examples
    --------
    >>> round(owner_gain(0.45, 2.2), 2)
    0.21
    """
    if not 0 <= contribution_share < 1 or not value_ratio >= 0:
        raise StudyError(
            f"land readjustment: contribution {contribution_share:g} must lie from 0 to below 1, "
            f"value ratio {value_ratio:g} must not be negative"
        )
    return (1 - contribution_share) * value_ratio - 1
