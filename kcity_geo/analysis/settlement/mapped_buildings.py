"""Mapped buildings: whether there are enough of them to say where people live."""

from __future__ import annotations

from kcity_geo.settings import Settings, settings_of

__all__ = ["enough_for"]


def enough_for(area_m2: float, persons: float, *, settings: Settings | None = None) -> bool:
    """
    Tell whether mapped buildings can hold the people of a city.

    Parameters
    ----------
    area_m2 : ground or floor area of the buildings inside the city.
    persons : residents; 0 or NaN when not known.
    settings : of ``settlement``; the defaults when None.

    Returns
    -------
    False when each person would have less than ``building_m2_per_person_min``: the map then shows a handful
    of the buildings, and says nothing of where people live.

    Examples
    --------
    >>> enough_for(19 * 200.0, 800_000.0), enough_for(19 * 200.0, 90.0), enough_for(100.0, 0.0)
    (False, True, True)
    """
    least = float((settings or settings_of("settlement"))["building_m2_per_person_min"])
    return not persons > 0 or area_m2 >= least * persons
