"""
Transport indicators: stops (T1), rapid transit (T2), rural roads (T3), and all of them together.

Street form (T4 to T8) is in `kcity_geo.analysis.transport.street_form`, travel times (T9) in
`kcity_geo.analysis.transport.service_times`, what is reached within a limit in
`kcity_geo.analysis.transport.opportunities`; all of it is also reached from here, as ``kc.transport.NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.transport.public_transport import public_transport, rapid_transit
from kcity_geo.analysis.transport.rural_access import rural_access
from kcity_geo.citydata import CityData
from kcity_geo.result import Indicator
from kcity_geo.standards import Standard

__all__ = ["assess"]


def assess(
    data: CityData,
    graphs: Mapping[str, StreetGraph],
    *,
    standards: Mapping[str, Standard],
    parameters: Mapping[str, Any] | None = None,
) -> list[Indicator]:
    """
    Assess the transport of a city.

    Parameters
    ----------
    data : of the city.
    graphs : of `kcity_geo.analysis.network.of_city.build_graphs`.
    standards : of `kcity_geo.standards.load_standards`.
    parameters : changes to the parameters of transport (``tables/parameters/transport.toml``), and to
        ``tables/network.toml`` under ``network``.

    Returns
    -------
    T1 to T9 with their variants, opportunities and catchments, in this order; those that cannot be
    assessed say what data would help.
    """
    from kcity_geo.analysis.transport.opportunities import (
        access_circuity,
        catchments,
        cumulative_opportunities,
    )
    from kcity_geo.analysis.transport.service_times import facilities, service_times
    from kcity_geo.analysis.transport.street_form import street_form

    def circuitous(row: Indicator) -> Indicator:
        """Add the ways to health care to the streets' own circuity (T7)."""
        if row.id != "T7" or row.not_assessed:
            return row
        places = facilities(data, "health")
        ratio = access_circuity(data, graphs.get("walk"), places, parameters=parameters)
        if not np.isfinite(ratio):
            return row
        note = f"{row.note}; ways on foot to health care are {ratio:.2f} times the straight line"
        return replace(row, note=note, details={**row.details, "access_circuity": ratio})

    return [
        public_transport(data, graphs, parameters=parameters),
        public_transport(data, graphs, variant="u4ssc", parameters=parameters),
        rapid_transit(data, graphs, parameters=parameters),
        *rural_access(data, parameters=parameters),
        *map(circuitous, street_form(data, graphs, standards=standards, parameters=parameters)),
        *service_times(data, graphs, standards=standards, parameters=parameters),
        *cumulative_opportunities(data, graphs, parameters=parameters),
        *catchments(data, graphs, parameters=parameters),
    ]
