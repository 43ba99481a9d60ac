"""Candidates: files of places among which new facilities are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.errors import StudyError

__all__ = ["places_to_choose"]


def places_to_choose(
    candidates: str, *, existing: Path | None = None, price: str | None = None
) -> dict[str, Any]:
    """
    Read the files of candidates and of what exists.

    Parameters
    ----------
    candidates : ``streets``, ``cells``, ``free``, or a vector file of points.
    existing : vector file of what exists; None: as the map has it.
    price : column of the file of candidates.

    Returns
    -------
    ``candidates``, and where given ``existing`` and ``price``, as
    `kcity_geo.analysis.location.locate.locate` takes them.

    Raises
    ------
    StudyError, SourceError
        If a file cannot be read, or the prices are no numbers.
    """
    from kcity_geo.sources.local.vectors import read_vector

    where: dict[str, Any] = {"candidates": candidates}
    if candidates not in {"streets", "cells", "free"}:
        where["candidates"] = read_vector(Path(candidates), key="candidates", kinds=("point",))
    if price is not None:
        where["price"] = _column(where["candidates"], price)
    if existing is not None:
        where["existing"] = read_vector(existing, key="existing")
    return where


def _column(candidates: object, name: str) -> NDArray[np.float64]:
    if not isinstance(candidates, gpd.GeoDataFrame) or name not in candidates:
        raise StudyError(f"price: {name!r} is no column of a file of candidates")
    values = np.asarray(pd.to_numeric(candidates[name], errors="coerce"), dtype=np.float64)
    if np.isnan(values).any():
        raise StudyError(f"price: {name} is no number in {np.isnan(values).sum()} candidates")
    return values
