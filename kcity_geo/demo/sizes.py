"""Sizes of the demo city: how large, how dense and how hilly a town, a city or a metropolis is."""

from __future__ import annotations

from dataclasses import dataclass

from kcity_geo.config import read_table

__all__ = ["CitySize", "city_size"]


@dataclass(frozen=True, kw_only=True)
class CitySize:
    """A row ``[size.*]`` of ``tables/demo.toml``, where each number is explained."""

    persons: int
    side_m: float
    superblocks: int
    decay_m: float
    lattice_m: float
    block_lattice: int
    mid_nodes: int
    river_width_m: float
    river_slope: float
    stream_width_m: float
    floodplain_m: float
    plain_slope: float
    hill_height_m: float
    hill_sigma_m: float
    warp_m: float
    warp_length_m: float
    primary_every: int
    secondary_every: int
    trunk_every: int
    rings: list[list[str]]
    stations: int
    metro_lines: int
    substations: int
    landcover_arcsec: float
    lamp_spacing_m: float
    lamp_reach_m: float
    drain_share: float
    lv_share: float
    true_buildings: bool


def city_size(name: str) -> CitySize:
    """
    Give the row of one size.

    Parameters
    ----------
    name : ``town``, ``city`` or ``metro``.

    Returns
    -------
    Its numbers.

    Examples
    --------
    >>> city_size("town").persons
    60000
    """
    return CitySize(**read_table("demo")["size"][name])
