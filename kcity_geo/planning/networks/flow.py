"""Flow: how steep and how wide a sewer must be, and how far a line carries its load."""

from __future__ import annotations

import math

from kcity_geo.errors import StudyError

__all__ = [
    "PEAK_FORMULAS",
    "full_flow_m3_s",
    "part_full",
    "peak_factor",
    "self_cleansing_slope",
    "velocity_ms",
    "voltage_drop_share",
]

#: Formulas of the peak factor by name; P in thousands of persons.
PEAK_FORMULAS = ("Babbitt", "Harman", "Gifft")
_EXPONENT = 2 / 3


def velocity_ms(diameter_m: float, slope: float, *, roughness_n: float) -> float:
    """
    Work out how fast water runs in a full pipe (Manning).

    Parameters
    ----------
    diameter_m : inner diameter, above 0.
    slope : metres of fall a metre, zero or more.
    roughness_n : Manning's n, 0.013 for concrete.

    Returns
    -------
    Metres a second.

    Raises
    ------
    StudyError
        If a number is out of range.

    Examples
    --------
    >>> round(velocity_ms(0.3, 0.002618, roughness_n=0.013), 2)
    0.7
    """
    if diameter_m <= 0 or slope < 0 or roughness_n <= 0:
        raise StudyError(
            f"sewer: diameter {diameter_m:g} m, slope {slope:g} and n {roughness_n:g} must be positive"
        )
    return float((diameter_m / 4) ** _EXPONENT * math.sqrt(slope) / roughness_n)


def full_flow_m3_s(diameter_m: float, slope: float, *, roughness_n: float) -> float:
    """
    Work out what a full pipe carries (Manning).

    Parameters
    ----------
    diameter_m, slope, roughness_n : as for `velocity_ms`.

    Returns
    -------
    m3 a second.

    Examples
    --------
    >>> round(full_flow_m3_s(0.3, 0.002618, roughness_n=0.013), 4)
    0.0495
    """
    area = math.pi * diameter_m**2 / 4
    return velocity_ms(diameter_m, slope, roughness_n=roughness_n) * area


def self_cleansing_slope(diameter_m: float, *, velocity_ms: float, roughness_n: float) -> float:
    """
    Work out the least slope at which a full pipe keeps itself clean.

    Parameters
    ----------
    diameter_m : inner diameter, above 0.
    velocity_ms : that keeps it clean.
    roughness_n : Manning's n.

    Returns
    -------
    Metres of fall a metre: (v n / (D/4)^(2/3))^2.

    Examples
    --------
    >>> round(self_cleansing_slope(0.2, velocity_ms=0.7, roughness_n=0.013), 6)
    0.004496
    """
    if diameter_m <= 0:
        raise StudyError(f"sewer: diameter {diameter_m:g} m must be above 0")
    return float((velocity_ms * roughness_n / (diameter_m / 4) ** _EXPONENT) ** 2)


def part_full(depth_share: float) -> tuple[float, float]:
    """
    Compare a pipe that is partly full with a full one.

    Parameters
    ----------
    depth_share : depth of the water over the diameter, above 0 to 1.

    Returns
    -------
    Flow over full flow, and velocity over full velocity, for one roughness at all depths.

    Examples
    --------
    A pipe that is half full runs as fast as a full one and carries half:

    >>> [round(share, 6) for share in part_full(0.5)]
    [0.5, 1.0]
    """
    if not 0 < depth_share <= 1:
        raise StudyError(f"sewer: depth over diameter {depth_share:g} must be above 0, at most 1")
    angle = 2 * math.acos(1 - 2 * depth_share)
    area = (angle - math.sin(angle)) / (2 * math.pi)
    radius = 1 - math.sin(angle) / angle
    return area * radius**_EXPONENT, radius**_EXPONENT


def peak_factor(persons: float, *, formula: str, most: float) -> float:
    """
    Work out the peak of sewage over its mean.

    Parameters
    ----------
    persons : who drain to the sewer, zero or more.
    formula : one of `PEAK_FORMULAS`.
    most : the factor is never larger.

    Returns
    -------
    Times the mean flow. P in thousands: Babbitt 5 / P^0.2, Harman 1 + 14 / (4 + sqrt P), Gifft
    5 / P^(1/6).

    Examples
    --------
    >>> [round(peak_factor(10_000, formula=name, most=6), 3) for name in PEAK_FORMULAS]
    [3.155, 2.955, 3.406]
    """
    if formula not in PEAK_FORMULAS:
        raise StudyError(f"sewer: {formula!r} is none of {', '.join(PEAK_FORMULAS)}")
    thousands = max(persons / 1000, 1e-9)
    found = {
        "Babbitt": 5 / thousands**0.2,
        "Harman": 1 + 14 / (4 + math.sqrt(thousands)),
        "Gifft": 5 / thousands ** (1 / 6),
    }[formula]
    return float(min(found, most))


def voltage_drop_share(
    load_mw: float,
    length_km: float,
    *,
    voltage_kv: float,
    ohm_km: tuple[float, float],
    power_factor: float,
) -> float:
    """
    Work out the voltage lost along a line.

    Parameters
    ----------
    load_mw : at its end.
    length_km : of the line.
    voltage_kv : between the phases.
    ohm_km : resistance and reactance of a km.
    power_factor : of the load, above 0 to 1.

    Returns
    -------
    Share of the voltage: (P R + Q X) / U^2.

    Raises
    ------
    StudyError
        If a number is out of range.

    Examples
    --------
    >>> lost = voltage_drop_share(5, 20, voltage_kv=33, ohm_km=(0.27, 0.35), power_factor=0.9)
    >>> round(lost * 100, 3)
    4.036
    """
    if not 0 < power_factor <= 1 or voltage_kv <= 0 or min(load_mw, length_km) < 0:
        raise StudyError(
            f"line: {load_mw:g} MW, {length_km:g} km, {voltage_kv:g} kV and power factor "
            f"{power_factor:g} are no line"
        )
    reactive = load_mw * math.tan(math.acos(power_factor))
    return float((load_mw * ohm_km[0] + reactive * ohm_km[1]) * length_km / voltage_kv**2)
