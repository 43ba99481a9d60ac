"""
Fronts: pipes past the parcels in whose street no main lies.

Networks are trees that reach each block at one place. A connection is priced from the main to the edge of the parcel,
so a main must lie in the street of each; where none does, the smallest pipe is laid past the fronts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from kcity_geo.planning.cost import Quantity
from kcity_geo.planning.layout.sketch import PARCELS, Layout
from kcity_geo.planning.networks.bill import Pricing
from kcity_geo.planning.networks.routed import PlanNetworks
from kcity_geo.planning.networks.tables import pipe_rows, utility_title

__all__ = ["Fronts", "past_fronts"]

_PIPED = ("water", "sewer")
#: A pipe this near to a main lies in the same trench.
_SAME_M = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Fronts:
    """
    Pipes past fronts that no main passes.

    Parameters
    ----------
    table : ``utility, parcels`` (in streets without a main), ``of, length_m, row, cost`` before engineering and
        contingency.
    works : the same as quantities, by phase.
    notes : what must be read beside it.
    """

    table: pd.DataFrame
    works: tuple[Quantity, ...] = ()
    notes: tuple[str, ...] = ()


def past_fronts(
    networks: PlanNetworks, layout: Layout | None, pricing: Pricing, phases: Sequence[float]
) -> Fronts:
    """
    Lay the smallest pipe through the streets of parcels that no main passes.

    Parameters
    ----------
    networks : routed.
    layout : whose parcels are joined; None: not drawn, and nothing is laid.
    pricing : how lines are priced.
    phases : shares of the works on the site.

    Returns
    -------
    Pipes of each network that is routed; without depths, slopes or diameters of their own.
    """
    columns = ["utility", "parcels", "of", "length_m", "row", "cost"]
    if layout is None or not len(layout.streets):
        return Fronts(table=pd.DataFrame(columns=columns))
    parcels = layout.parcels[layout.parcels["use"].isin(PARCELS)].geometry.to_numpy()
    streets = shapely.get_parts(shapely.unary_union(layout.streets.geometry.to_numpy()))
    # A main in the street of a parcel lies no farther from it than the middle of the widest street.
    reach_m = float(layout.streets["width_m"].max()) / 2 + _SAME_M
    rows, works, notes = [], [], []
    for utility in _PIPED:
        lines = networks.lines[networks.lines["utility"] == utility]
        if not len(lines) or not len(parcels):
            continue
        mains = shapely.union_all(lines.geometry.to_numpy())
        far = parcels[shapely.distance(parcels, mains) > reach_m]
        past = streets[np.unique(shapely.STRtree(streets).nearest(far))]
        bare = shapely.difference(past, shapely.buffer(mains, _SAME_M))
        length_m = float(shapely.length(bare).sum())
        row = next(iter(pipe_rows(utility).values()))
        price = pricing.price_m(row)
        rows.append((utility, len(far), len(parcels), length_m, row, length_m * price))
        if not len(far):
            continue
        works += [
            Quantity(
                row=row,
                amount=length_m * share * price / pricing.price(row)[0],
                unit=pricing.rows[row].unit,
                phase=phase,
                why=f"{utility_title(utility).lower()} past the fronts of {len(far)} of {len(parcels)} parcels in "
                "streets without a main",
            )
            for phase, share in enumerate(phases, start=1)
        ]
        notes.append(
            f"networks: {utility_title(utility).lower()}: {len(far)} of {len(parcels)} parcels lie in streets without "
            f"a main; {length_m / 1000:,.1f} km of the smallest pipe past their fronts are in the cost "
            f"({length_m * price / 1e6:,.2f} M {networks.currency} before engineering and contingency), not in the "
            "limits that are checked"
        )
    return Fronts(table=pd.DataFrame(rows, columns=columns), works=tuple(works), notes=tuple(notes))
