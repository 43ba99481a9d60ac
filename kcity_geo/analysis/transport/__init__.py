"""
Transport: who can get where? Indicators T1 to T9, and what a planner needs to ask more.

All of it is reached as ``kc.transport.NAME``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcity_geo.analysis.city_model import build_graphs
from kcity_geo.analysis.network.access import served_share, travel_metres, travel_minutes
from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.analysis.network.isochrones import isochrones, reached_streets
from kcity_geo.analysis.network.labelled import (
    catchment_persons,
    k_nearest,
    nearest,
    od_matrix,
    pairs,
    sums_within,
    two_step_access,
)
from kcity_geo.analysis.network.snapping import snap
from kcity_geo.analysis.settlement.classes import urban_classes
from kcity_geo.analysis.transport.assess import assess
from kcity_geo.analysis.transport.district_means import by_district
from kcity_geo.analysis.transport.jobs import job_cells
from kcity_geo.analysis.transport.opportunities import (
    access_circuity,
    catchments,
    cumulative_opportunities,
)
from kcity_geo.analysis.transport.public_transport import public_transport, rapid_transit
from kcity_geo.analysis.transport.rural_access import rural_access
from kcity_geo.analysis.transport.service_times import (
    facilities,
    service_time,
    service_times,
)
from kcity_geo.analysis.transport.stops import city_stops
from kcity_geo.analysis.transport.street_form import street_form

if TYPE_CHECKING:
    from kcity_geo.analysis.network.exchange import from_networkx, to_networkx

__all__ = [
    "access_circuity",
    "assess",
    "build_graph",
    "build_graphs",
    "by_district",
    "catchment_persons",
    "catchments",
    "city_stops",
    "cumulative_opportunities",
    "facilities",
    "from_networkx",
    "isochrones",
    "job_cells",
    "k_nearest",
    "nearest",
    "od_matrix",
    "pairs",
    "public_transport",
    "rapid_transit",
    "reached_streets",
    "rural_access",
    "served_share",
    "service_time",
    "service_times",
    "snap",
    "street_form",
    "sums_within",
    "to_networkx",
    "travel_metres",
    "travel_minutes",
    "two_step_access",
    "urban_classes",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - one of two functions
    if name in {"from_networkx", "to_networkx"}:  # NetworkX is loaded for those who ask for it
        from kcity_geo.analysis.network import exchange

        return getattr(exchange, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
