"""
Works: the quantities of a concept plan.

Streets, parks and land by area, networks by the length of streets, plants by demand. A layout
replaces the length that follows from land and mean width by the one that is drawn, and networks that are
routed replace those along every street.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from kcity_geo.config import read_table
from kcity_geo.planning.assumptions import Assumptions
from kcity_geo.planning.cost import Quantity
from kcity_geo.planning.demand import Demand, distribution_transformers, transformers
from kcity_geo.planning.land_budget import M2_PER_HA
from kcity_geo.planning.layout.sketch import PARCELS, Layout
from kcity_geo.planning.phasing import PhaseShares

__all__ = [
    "concept_works",
    "parcels_of_uses",
    "priced_hectares",
    "street_length_m",
    "wide_connections_m",
]


#: What leads from the pipes of a street to each parcel.
_PIPED = ("water_connection", "sewer_connection")
#: A house connection serves a parcel of up to so many dwellings; more ask for a pipe of their own beside it.
_SMALL_HOUSE = 2


def street_length_m(streets_ha: float) -> float:
    """
    Give the length of streets on their land, from the mean width of ``tables/costs.toml``.

    Parameters
    ----------
    streets_ha : land of streets.

    Returns
    -------
    Metres.

    Examples
    --------
    >>> street_length_m(60.0)
    40000.0
    """
    return streets_ha * M2_PER_HA / float(read_table("costs")["assumptions"]["street_width_m"])


def priced_hectares(
    hectares: Mapping[str, float], *, layout: Layout | None = None
) -> dict[str, float]:
    """
    Give the land of each use that is built and paid for: as it is drawn, else as it was asked for.

    Parameters
    ----------
    hectares : use -> ha of the budget, with ``reserve``.
    layout : whose blocks, streets and green are drawn; None: nothing is.

    Returns
    -------
    Use -> ha, with ``reserve``. Green that is too steep or narrow for blocks is park, as in ``layout.areas``.

    Examples
    --------
    >>> priced_hectares({"streets": 60.0, "reserve": 5.0})
    {'streets': 60.0, 'reserve': 5.0}
    """
    if layout is None:
        return dict(hectares)
    drawn = zip(layout.areas["use"], layout.areas["drawn_ha"].tolist(), strict=True)
    return {str(use): area for use, area in drawn}


def parcels_of_uses(
    hectares: Mapping[str, float], assumptions: Assumptions, *, layout: Layout | None = None
) -> dict[str, float]:
    """
    Count the parcels of each use that is cut into parcels.

    Parameters
    ----------
    hectares : use -> ha.
    assumptions : with the size of parcels.
    layout : whose parcels are drawn; None: by land and size.

    Returns
    -------
    Use -> parcels.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> parcels_of_uses({"residential": 5.0, "parks": 9.0}, assumptions_of({"parcel_homes_m2": 500.0}))
    {'residential': 100.0}
    """
    if layout is not None:
        counted = layout.parcels["use"].value_counts()
        return {use: float(counted[use]) for use in PARCELS if use in counted}
    return {
        use: hectares[use] * M2_PER_HA / assumptions[size]
        for use, size in PARCELS.items()
        if hectares.get(use, 0.0) > 0
    }


def concept_works(  # noqa: PLR0913 - an option each, all named
    hectares: Mapping[str, float],
    demand: Demand,
    assumptions: Assumptions,
    *,
    phases: PhaseShares,
    layout: Layout | None = None,
    routed: Sequence[Quantity] = (),
    instead: Collection[str] = (),
) -> tuple[Quantity, ...]:
    """
    List the works of a plan: trunk works once (phase 0), the rest phase by phase.

    Buildings and land purchase are not in it; connections outside the site are where they are routed. Pipes
    reach the edge of a parcel, with a wider one beside the house connection where it holds many dwellings; wires and
    fibre reach each dwelling.

    Parameters
    ----------
    hectares : use -> ha, with ``reserve`` (which is not developed).
    demand : of the whole plan.
    assumptions : of the plan.
    phases : what each phase opens.
    layout : whose land, streets and parcels are drawn, and priced as they are drawn; None: land of the budget, streets
        and parcels from their land and mean size.
    routed : works of networks that are routed.
    instead : rows that they stand for, which are left out.

    Returns
    -------
    Quantities; linear in land and demand, apart from whole transformers.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> from kcity_geo.planning.demand import Demand
    >>> need = Demand(**{name: 10.0 for name in Demand.__dataclass_fields__})
    >>> land, halves = {"streets": 60.0, "parks": 60.0}, PhaseShares(land=(0.5, 0.5))
    >>> works = concept_works(land, need, assumptions_of(), phases=halves)
    >>> sum(w.amount for w in works if w.row == "park_area")
    600000.0
    """
    priced = priced_hectares(hectares, layout=layout)
    as_is = "of the budget" if layout is None else "as drawn"
    streets = priced.get("streets", 0.0)
    length = street_length_m(streets) if layout is None else float(layout.streets["length_m"].sum())
    land = sum(area for use, area in priced.items() if use != "reserve")
    spacing = float(read_table("costs")["assumptions"]["light_spacing_m"])
    each_kva = float(read_table("costs")["assumptions"]["transformer_kva"])
    service = distribution_transformers(
        demand,
        each_kva=each_kva,
        load_share=assumptions["transformer_load_share"],
        dwellings_each=assumptions["dwellings_per_transformer"],
    )
    parcels = parcels_of_uses(hectares, assumptions, layout=layout)
    number, size = transformers(demand.power_mva) if demand.power_mva > 0 else (0, 0.0)
    trunk = (
        Quantity(row="water_treatment", amount=demand.water_max_day_m3, unit="m3/d", why="highest day"),
        Quantity(row="reservoir", amount=demand.storage_m3, unit="m3", why="treated water held"),
        Quantity(row="wastewater_treatment", amount=demand.sewage_m3_day, unit="m3/d", why="mean day"),
        Quantity(
            row="substation",
            amount=number * size,
            unit="MVA",
            why=f"{number} transformers of {size:.0f} MVA, one may fail" if number else "no load",
        ),
        Quantity(row="storm_detention", amount=demand.detention_m3, unit="m3", why="no more run-off than before"),
    )  # fmt: skip
    # Each with the use whose land it opens with; "" opens with all land.
    per_phase = (
        ("land_preparation", land * M2_PER_HA, "m2", f"all land but the reserve, {as_is}", ""),
        ("street_area", streets * M2_PER_HA, "m2", f"land of streets, {as_is}", ""),
        (
            "park_area",
            priced.get("parks", 0.0) * M2_PER_HA,
            "m2",
            f"land of parks, {as_is}",
            "parks",
        ),
        ("water_network_m", length, "m", "along every street", ""),
        ("sewer_network_m", length, "m", "along every street", ""),
        ("storm_drain_m", length, "m", "along every street", ""),
        ("mv_line_33kv", length / 1000 / 3, "km", "along every third street (D)", ""),
        ("lv_line", length / 1000, "km", "along every street", ""),
        (
            "service_transformer_75kva",
            service,
            "unit",
            f"{service:,} of {each_kva:g} kVA, none for industry",
            "",
        ),
        ("household_connection", demand.dwellings, "unit", "each dwelling", "residential"),
        ("street_light_led", length / spacing, "unit", f"every {spacing:g} m", ""),
        ("fibre_route_m", length, "m", "along every street", ""),
        ("fibre_drop", demand.fibre_drops, "unit", "each dwelling", "residential"),
    )
    phased = tuple(
        Quantity(row=row, amount=amount * phases.of(use)[at], unit=unit, phase=at + 1, why=why)
        for at in range(len(phases.land))
        for row, amount, unit, why, use in per_phase
        if row not in instead
    )
    piped = tuple(
        Quantity(
            row=row,
            amount=sum(number * phases.of(use)[at] for use, number in parcels.items()),
            unit="unit",
            phase=at + 1,
            why="each parcel",
        )
        for at in range(len(phases.land))
        for row in _PIPED
    )
    wide = tuple(
        Quantity(
            row=row,
            amount=length * phases.of("residential")[at],
            unit="m",
            phase=at + 1,
            why="from the main to each parcel of many dwellings",
        )
        for at in range(len(phases.land))
        for row, length in wide_connections_m(demand, parcels, assumptions, layout=layout).items()
    )
    return (*trunk, *phased, *piped, *wide, *routed)


def wide_connections_m(
    demand: Demand,
    parcels: Mapping[str, float],
    assumptions: Assumptions,
    *,
    layout: Layout | None = None,
) -> dict[str, float]:
    """
    Give the pipes to parcels of homes that hold more dwellings than a house connection is for.

    Parameters
    ----------
    demand : of the plan.
    parcels : use -> parcels.
    assumptions : of the plan.
    layout : whose streets are drawn; None: local streets of the width for which blocks are sized.

    Returns
    -------
    Row of the smallest water main and of the smallest sewer -> metres, half a street for each parcel; empty where a
    parcel holds two dwellings or fewer in the mean.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> need = Demand(**{**dict.fromkeys(Demand.__dataclass_fields__, 0.0), "dwellings": 300.0})
    >>> known = assumptions_of({"local_width_m": 12.0})
    >>> wide_connections_m(need, {"residential": 10.0}, known)
    {'kr_water_main_d100': 60.0, 'kr_sewer_d300_500': 60.0}
    >>> wide_connections_m(need, {"residential": 150.0}, known)
    {}
    """
    homes = parcels.get("residential", 0.0)
    if not homes or demand.dwellings <= _SMALL_HOUSE * homes:
        return {}
    width_m = assumptions["local_width_m"]
    if layout is not None and len(layout.streets):
        width_m = float(np.average(layout.streets["width_m"], weights=layout.streets["length_m"]))
    pipes = {series["utility"]: series["row"] for series in read_table("networks")["pipe"]}
    return {str(pipes[utility][0]): homes * width_m / 2 for utility in ("water", "sewer")}
