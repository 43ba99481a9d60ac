"""Tables: limits, sizes and lines of the networks of a plan, from the rows of the package."""

from __future__ import annotations

from kcity_geo.config import read_table
from kcity_geo.planning.assumptions import Assumptions
from kcity_geo.planning.networks.gravity import GravityRules
from kcity_geo.planning.networks.power import LineType
from kcity_geo.planning.networks.pressure import MainRules

__all__ = ["gravity_rules", "line_types", "main_rules", "pipe_rows", "utility_title"]


def pipe_rows(utility: str) -> dict[float, str]:
    """
    Give the diameters that are bought, and the unit cost of each.

    Parameters
    ----------
    utility : sewer (and storm drains) or water.

    Returns
    -------
    Metres -> row of ``tables/costs.toml``, smallest first.

    Examples
    --------
    >>> pipe_rows("water")[0.3]
    'kr_water_main_d300'
    """
    series = next(row for row in read_table("networks")["pipe"] if row["utility"] == utility)
    return dict(zip(series["diameter_m"], series["row"], strict=True))


def utility_title(utility: str) -> str:
    """
    Give the words for a utility.

    Parameters
    ----------
    utility : such as ``"storm"``.

    Returns
    -------
    Its title.

    Examples
    --------
    >>> utility_title("storm")
    'Storm drain'
    """
    return str(read_table("networks")["utility"][utility]["title"])


def line_types() -> tuple[LineType, ...]:
    """
    Give the lines that are bought, lowest voltage first.

    Returns
    -------
    Lines; the first is that of the streets.

    Examples
    --------
    >>> line_types()[0].voltage_kv
    33.0
    """
    return tuple(
        LineType(
            voltage_kv=float(row["voltage_kv"]),
            ohm_km=(float(row["ohm_km"][0]), float(row["ohm_km"][1])),
            ampacity_a=float(row["ampacity_a"]),
            row=str(row["row"]),
        )
        for row in read_table("networks")["line"]
    )


def main_rules(assumptions: Assumptions) -> MainRules:
    """
    Give the limits of water mains.

    Parameters
    ----------
    assumptions : of the plan.

    Returns
    -------
    The limits.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> main_rules(assumptions_of()).pressure_min_m
    15.0
    """
    return MainRules(
        diameters_m=tuple(pipe_rows("water")),
        roughness_c=assumptions["pipe_c"],
        velocity_max_ms=assumptions["water_velocity_max_ms"],
        pressure_min_m=assumptions["water_pressure_min_m"],
        pressure_max_m=assumptions["water_pressure_max_m"],
        pump_efficiency=assumptions["pump_efficiency"],
    )


def gravity_rules(assumptions: Assumptions, utility: str) -> GravityRules:
    """
    Give the limits of sewers, or of storm drains, which may run full.

    Parameters
    ----------
    assumptions : of the plan.
    utility : sewer or storm.

    Returns
    -------
    The limits.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of
    >>> gravity_rules(assumptions_of(), "sewer").fill_max
    0.7
    """
    sewer = utility == "sewer"
    return GravityRules(
        diameters_m=tuple(pipe_rows("sewer")),
        roughness_n=assumptions["manning_n"],
        velocity_min_ms=assumptions["sewer_velocity_min_ms"],
        velocity_max_ms=assumptions["sewer_velocity_max_ms"],
        fill_max=assumptions["sewer_fill_max"] if sewer else 1.0,
        cover_min_m=assumptions["sewer_cover_min_m"],
        trench_max_m=assumptions["sewer_trench_max_m"],
        slope_min=assumptions["sewer_slope_min"],
        small_flow_m3_s=assumptions["sewer_small_flow_ls"] / 1000 if sewer else 0.0,
        small_slope=assumptions["sewer_small_slope"],
        pump_efficiency=assumptions["pump_efficiency"],
        roughness_c=assumptions["pipe_c"],
    )
