"""Water: the indicators of the sector, observed, modelled or official, each saying which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from kcity_geo.citydata import CityData
    from kcity_geo.result import Indicator
    from kcity_geo.standards import Standard

__all__ = ["assess"]


def assess(
    data: CityData,
    graphs: Mapping[str, Any],  # noqa: ARG001 - used by the indicators that follow
    *,
    standards: Mapping[str, Standard],  # noqa: ARG001
    parameters: Mapping[str, Any] | None = None,  # noqa: ARG001
    terrain: Mapping[str, NDArray[Any]] | None = None,  # noqa: ARG001
) -> list[Indicator]:
    """
    Assess the water indicators of a city.

    Parameters
    ----------
    data : what is known about the city.
    graphs : mode -> street graph.
    standards : indicator id -> standard.
    parameters : overrides of ``[water]`` of ``tables/parameters.toml``.
    terrain : of `kcity_geo.analysis.terrain.cell_terrain`.

    Returns
    -------
    One row an indicator, those not assessed included.
    """
    del data
    return []
