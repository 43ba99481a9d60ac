"""
Transport indicators T1 to T9: who cannot reach what, and how far the streets fall short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcity_geo.result import Indicator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kcity_geo.analysis.network import StreetGraph
    from kcity_geo.citydata import CityData
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
    graphs : of `kcity_geo.analysis.network.build_graphs`.
    standards : of `kcity_geo.standards.load_standards`.
    parameters : changes to table ``transport`` of ``tables/parameters.toml``.

    Returns
    -------
    T1 to T9, in this order; those that cannot be assessed say what data would help.
    """
    del data, graphs, parameters
    return [
        Indicator(id=key, value=float("nan"), units=standard.unit, not_assessed="not built yet")
        for key, standard in standards.items()
        if standard.sector == "transport"
    ]
