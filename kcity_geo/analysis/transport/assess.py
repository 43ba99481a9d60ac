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
from kcity_geo.analysis.registry import assess_rows
from kcity_geo.analysis.transport.opportunities import access_circuity
from kcity_geo.analysis.transport.service_times import facilities
from kcity_geo.analysis.transport.street_form import street_form
from kcity_geo.citydata import CityData
from kcity_geo.result import Indicator

__all__ = ["assess", "street_form_and_ways"]


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
    return assess_rows(model_of(city), "transport")


def street_form_and_ways(city: CityModel) -> list[Indicator]:
    """
    Assess the form of the streets (T4 to T8), with the ways to health care beside T7.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    As `kcity_geo.analysis.transport.street_form.street_form`; ``T7`` has the detail
    ``access_circuity``: length of the ways on foot to health care over the straight line.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> [row.id for row in street_form_and_ways(model_of(make_toy()))]
    ['T4', 'T5', 'T6', 'T7', 'T8']
    """
    if city.checking:
        return city.once(street_form)
    return [_with_ways(city, row) if row.id == "T7" else row for row in city.once(street_form)]


def _with_ways(city: CityModel, row: Indicator) -> Indicator:
    if row.not_assessed:
        return row
    ratio = access_circuity(city, city.once(facilities, "health"))
    if not np.isfinite(ratio):
        return row
    note = f"{row.note}; ways on foot to health care are {ratio:.2f} times the straight line"
    return replace(row, note=note, details={**row.details, "access_circuity": ratio})
