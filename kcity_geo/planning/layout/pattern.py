"""
Pattern of streets: a grid of modules whose eighth lines are arterials and whose fourth are collectors.

The module follows from the land that streets take; the width of the local streets is then solved, so
that the share of streets is met by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import Assumptions
from kcity_geo.planning.land_budget import M2_PER_HA

__all__ = ["CLASSES", "PERIOD", "Pattern", "local_width_m", "pattern_for"]

#: Classes of streets, the widest first.
CLASSES = ("arterial", "collector", "local")
#: Modules between two arterials.
PERIOD = 8
_STEP_M = 5.0


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """
    A grid of streets.

    Parameters
    ----------
    module_m : from one centre line to the next.
    width_m : of each of `CLASSES`, boundary to boundary of the land of the street.
    top : highest class that the site is large enough for; 0 arterial, 1 collector, 2 local.
    """

    module_m: float
    width_m: tuple[float, float, float]
    top: int = 0

    def classes(self) -> NDArray[np.int64]:
        """Give the class of the eight lines of a period, as a place in `CLASSES`."""
        lines = np.full(PERIOD, 2, dtype=np.int64)
        lines[PERIOD // 2] = 1
        lines[0] = 0
        return np.maximum(lines, self.top)

    def share(self) -> float:
        """Give the share of streets of an endless grid."""
        along = sum(self.width_m[c] for c in self.classes().tolist()) / (PERIOD * self.module_m)
        return 1 - (1 - min(along, 1.0)) ** 2

    def with_local(self, width_m: float) -> Pattern:
        """Give the pattern with local streets of another width."""
        return replace(self, width_m=(self.width_m[0], self.width_m[1], width_m))


def local_width_m(
    share: float, *, module_m: float, arterial_m: float, collector_m: float, top: int = 0
) -> float:
    """
    Solve the width of local streets for a share of streets, on an endless grid.

    With f the share along one line, streets take 1 - (1 - f)^2 of the land.

    Parameters
    ----------
    share : of the land, 0 to below 1.
    module_m : from one centre line to the next.
    arterial_m, collector_m : widths of the one arterial and the one collector of eight lines.
    top : highest class there is, see `Pattern`.

    Returns
    -------
    Metres; below 0 when wider streets alone take more than the share.

    Examples
    --------
    >>> round(local_width_m(0.30, module_m=100.0, arterial_m=32.0, collector_m=20.0), 3)
    13.112
    """
    if not 0 <= share < 1:
        raise StudyError(f"streets: a share of {share:g} must lie from 0 to below 1")
    lines = Pattern(module_m=module_m, width_m=(arterial_m, collector_m, 0.0), top=top)
    wide = sum(lines.width_m[c] for c in lines.classes().tolist())
    number = int((lines.classes() == len(CLASSES) - 1).sum())
    along = 1 - (1 - share) ** 0.5
    return float((along * PERIOD * module_m - wide) / number)


def pattern_for(
    share: float, land_ha: float, assumptions: Assumptions, *, km_per_km2: float = 0.0
) -> Pattern:
    """
    Choose the module of a grid and the width of its streets.

    Parameters
    ----------
    share : of the land that streets take.
    land_ha : land that is drawn on; a small site has no arterials.
    assumptions : widths of streets and limits of the module.
    km_per_km2 : least length of streets that a rule asks for; 0: none.

    Returns
    -------
    Pattern; its local width may lie outside what is allowed where no module would do.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> found = pattern_for(0.20, 300.0, assumptions_of())
    >>> found.module_m, round(found.share(), 9)
    (135.0, 0.2)
    """
    arterial, collector = assumptions["arterial_width_m"], assumptions["collector_width_m"]
    low, high = assumptions["block_module_least_m"], assumptions["block_module_most_m"]
    dense = min(high, 2e3 / km_per_km2) if km_per_km2 > 0 else high
    top = 2
    for level, modules in ((0, PERIOD), (1, PERIOD // 2)):
        tried = Pattern(
            module_m=1.0, width_m=(arterial, collector, assumptions["local_width_m"]), top=level
        )
        module = _module(tried, share, low, dense)
        if land_ha * M2_PER_HA >= (modules * module) ** 2:
            top = level
            break
    pattern = Pattern(
        module_m=1.0, width_m=(arterial, collector, assumptions["local_width_m"]), top=top
    )
    module = _module(pattern, share, low, dense)
    width = local_width_m(
        share, module_m=module, arterial_m=arterial, collector_m=collector, top=top
    )
    return replace(pattern, module_m=module).with_local(width)


def _module(pattern: Pattern, share: float, low: float, high: float) -> float:
    along = 1 - (1 - share) ** 0.5
    wide = sum(pattern.width_m[c] for c in pattern.classes().tolist())
    module = wide / (PERIOD * along) if along > 0 else high
    return float(np.clip(np.floor(module / _STEP_M + 0.5) * _STEP_M, low, high))
