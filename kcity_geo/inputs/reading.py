"""Reading: what was read of an input, where it comes from, and what of it could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import pandas as pd

from kcity_geo.citydata import Provenance

__all__ = ["Reading"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading(Generic[T]):
    """
    What was read of one kind of input. Notes for people are told while it is read, see `kcity_geo.notes`.

    Parameters
    ----------
    value : layers, a cube, numbers.
    about : where each part comes from.
    as_of : ISO date of the whole, ``""`` when unknown.
    unreadable : ``layer, osm_type, osm_id, key, value`` of tags whose number could not be read; None:
        all could.
    measured : input -> what was measured when it was brought onto the grid.
    """

    value: T
    about: tuple[Provenance, ...] = ()
    as_of: str = ""
    unreadable: pd.DataFrame | None = None
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
