"""
Transport indicators: stops (T1), rapid transit (T2), rural roads (T3), and all of them together.

Street form (T4 to T8) is in `kcity_geo.analysis.transport.street_form`, travel times (T9) in
`kcity_geo.analysis.transport.service_times`, what is reached within a limit in
`kcity_geo.analysis.transport.opportunities`; all of it is also reached from here, as ``kc.transport.NAME``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.transport.opportunities import (
    access_circuity,
    catchments,
    cumulative_opportunities,
)
from kcity_geo.analysis.transport.public_transport import public_transport, rapid_transit
from kcity_geo.analysis.transport.rural_access import rural_access
from kcity_geo.analysis.transport.service_times import facilities, service_times
from kcity_geo.analysis.transport.street_form import street_form
from kcity_geo.citydata import CityData
from kcity_geo.result import Indicator

__all__ = ["assess"]


def assess(city: CityModel | CityData) -> list[Indicator]:
    """
    Assess the transport of a city.

    Parameters
    ----------
    city : its model or its data.

    Returns
    -------
    T1 to T9 with their variants, opportunities and catchments, in this order; those that cannot be
    assessed say what data would help.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> [row.id for row in assess(make_toy())][:3]
    ['T1', 'T1_u4ssc', 'T2']
    """
    return list(model_of(city).once(_assessed))


def _assessed(city: CityModel) -> tuple[Indicator, ...]:
    return (
        city.once(public_transport),
        city.once(public_transport, "u4ssc"),
        city.once(rapid_transit),
        *city.once(rural_access),
        *city.once(_street_form_and_ways),
        *city.once(service_times),
        *city.once(cumulative_opportunities),
        *city.once(catchments),
    )


def _street_form_and_ways(city: CityModel) -> list[Indicator]:
    """Add the ways to health care to the streets' own circuity (T7)."""
    return [_with_ways(city, row) if row.id == "T7" else row for row in city.once(street_form)]


def _with_ways(city: CityModel, row: Indicator) -> Indicator:
    if row.not_assessed:
        return row
    ratio = access_circuity(city, city.once(facilities, "health"))
    if not np.isfinite(ratio):
        return row
    note = f"{row.note}; ways on foot to health care are {ratio:.2f} times the straight line"
    return replace(row, note=note, details={**row.details, "access_circuity": ratio})
