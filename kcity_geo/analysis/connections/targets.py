"""Targets: the mapped features to which a site may be connected, by kind of connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.parameters import nearest_name

__all__ = ["Targets", "connection_kinds", "targets_of"]


def connection_kinds() -> dict[str, dict[str, Any]]:
    """
    Give the kinds of connection, rows of ``tables/connections.toml``.

    Returns
    -------
    Id -> ``title``, ``over`` (ground or streets) and ``to``.

    Examples
    --------
    >>> connection_kinds()["power"]["over"]
    'ground'
    """
    return {row["id"]: row for row in read_table("connections")["connection"]}


@dataclass(frozen=True, kw_only=True, eq=False)
class Targets:
    """
    Features that a connection may end at.

    Parameters
    ----------
    shapes : shape (n,), metric CRS.
    names : name of each, or ``""``.
    layers : layer of each.
    osm_ids : of each, as text.
    voltage_kv : of each; NaN: not mapped, or no substation.
    highway : class of each street; ``""``: no street.
    """

    shapes: NDArray[np.object_]
    names: list[str]
    layers: list[str]
    osm_ids: list[str]
    voltage_kv: NDArray[np.float64]
    highway: list[str]


def targets_of(city: CityModel, kind: str) -> Targets:
    """
    Find the features that a kind of connection may end at.

    Parameters
    ----------
    city : its model; ``city.once(targets_of, kind)`` finds them once.
    kind : id of `connection_kinds`.

    Returns
    -------
    The features; none where nothing is mapped.

    Raises
    ------
    StudyError
        If the kind does not exist.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> len(targets_of(model_of(make_toy()), "power").shapes)
    0
    """
    known = connection_kinds()
    if kind not in known:
        raise StudyError(
            f"connect: {kind!r} is nothing to connect to{nearest_name(str(kind), list(known))}"
        )
    frames = []
    for rule in map(_rule, known[kind]["to"]):
        frame = _matching(city, rule)
        if len(frame) == 0:
            continue
        frames.append(frame)
        if not known[kind].get("together"):
            break
    if not frames:
        none = np.zeros(0, dtype=object)
        return Targets(
            shapes=none, names=[], layers=[], osm_ids=[], voltage_kv=np.zeros(0), highway=[]
        )
    found = pd.concat(frames, ignore_index=True)
    return Targets(
        shapes=np.asarray(found["shape"].to_numpy(), dtype=object),
        names=found["name"].tolist(),
        layers=found["layer"].tolist(),
        osm_ids=found["osm_id"].tolist(),
        voltage_kv=found["voltage_kv"].to_numpy(dtype=np.float64),
        highway=found["highway"].tolist(),
    )


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """Features of a layer: values of columns, and whether only high voltage counts."""

    layer: str
    among: dict[str, frozenset[str]]
    high_voltage: bool


def _rule(row: dict[str, Any]) -> _Rule:
    among = {k: frozenset(v) for k, v in row.items() if k not in {"layer", "high_voltage"}}
    return _Rule(layer=row["layer"], among=among, high_voltage=row.get("high_voltage", False))


def _matching(city: CityModel, rule: _Rule) -> pd.DataFrame:
    frame = city.layer(rule.layer)
    if frame is None:
        return pd.DataFrame()
    keep = np.ones(len(frame), dtype=bool)
    for column, wanted in rule.among.items():
        keep &= frame[column].isin(wanted).to_numpy(dtype=bool) if column in frame else False
    if rule.high_voltage:
        keep &= _number(frame, "voltage_v") >= float(city.settings("suitability")["hv_min_v"])
    if rule.layer == "water_body":
        least_m2 = float(city.settings("suitability")["raw_water_min_ha"]) * 1e4
        keep &= shapely.area(frame.geometry.to_numpy()) >= least_m2
    shapes = frame.geometry.to_numpy()
    keep &= ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    kept = frame[keep]
    volts = _number(kept, "voltage_v") if rule.layer == "substation" else np.full(len(kept), np.nan)
    return pd.DataFrame(
        {
            "shape": np.asarray(kept.geometry.to_numpy(), dtype=object),
            "name": _text(kept, "name"),
            "layer": rule.layer,
            "osm_id": _text(kept, "osm_id"),
            "voltage_kv": volts / 1000,
            "highway": _text(kept, "highway") if rule.layer == "roads_drive" else "",
        }
    )


def _number(frame: gpd.GeoDataFrame, column: str) -> NDArray[np.float64]:
    if column not in frame:
        return np.full(len(frame), np.nan)
    return np.asarray(pd.to_numeric(frame[column], errors="coerce"), dtype=np.float64)


def _text(frame: gpd.GeoDataFrame, column: str) -> list[str]:
    if column not in frame:
        return [""] * len(frame)
    return ["" if pd.isna(value) else str(value) for value in frame[column]]
