"""What can be placed: rows of ``tables/services.toml``, with the changes of one question."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.transport.service_times import facilities
from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.indicators import indicator_rows
from kcity_geo.notes import tell
from kcity_geo.parameters import nearest_name

__all__ = [
    "Service",
    "check_above_zero",
    "check_reach",
    "existing_places",
    "service_of",
    "services",
]

MODES = ("walk", "cycle", "drive", "straight")
_WORDS = {
    "walk": "on foot",
    "cycle": "by bicycle",
    "drive": "by car",
    "straight": "in a straight line",
}


@dataclass(frozen=True, kw_only=True)
class Service:
    """
    A kind of facility and how near it has to be.

    Parameters
    ----------
    id : row of ``tables/services.toml``.
    title, titles : of one and of several.
    existing : what the map holds of it: ``facilities:KIND``, ``layer:ID`` or ``""``.
    mode : walk, cycle, drive or straight.
    within : how near is near enough.
    unit : min or m.
    indicator : whose gap says who falls short; ``""``: none.
    """

    id: str
    title: str
    titles: str
    existing: str
    mode: str
    within: float
    unit: str
    indicator: str

    @property
    def near(self) -> str:
        """How near is near enough, in words."""
        return f"within {self.within:g} {self.unit} {_WORDS[self.mode]}"

    def named(self, count: int) -> str:
        """Give a number and the title."""
        return f"{count} {self.title if count == 1 else self.titles}"


def services(name: str) -> dict[str, Any]:
    """
    Give the row of a service.

    Parameters
    ----------
    name : of the row.

    Returns
    -------
    The row of ``tables/services.toml``.

    Raises
    ------
    StudyError
        If there is none of that name.

    Examples
    --------
    >>> services("lamp")["mode"]
    'straight'
    """
    rows = read_table("services")["service"]
    if not isinstance(name, str) or name not in rows:
        raise StudyError(f"service: {name!r} is no service{nearest_name(str(name), list(rows))}")
    return dict(rows[name])


def check_reach(mode: str | None, within_min: float | None, within_m: float | None) -> None:
    """
    Refuse a mode that does not exist and a limit that makes no sense.

    Parameters
    ----------
    mode : walk, cycle, drive, straight, or None.
    within_min, within_m : one of them, or none.

    Raises
    ------
    StudyError
        If they make no sense.
    """
    if mode is not None and mode not in MODES:
        raise StudyError(f"mode: {mode!r} is not one of {', '.join(MODES)}")
    if within_min is not None and within_m is not None:
        raise StudyError("within_min and within_m: give one of them")
    for name, limit in (("within_min", within_min), ("within_m", within_m)):
        if limit is not None:
            check_above_zero(name, limit)


def check_above_zero(name: str, value: object) -> None:
    """
    Refuse what is no number above zero.

    Parameters
    ----------
    name : of the argument, for messages.
    value : whatever was given.

    Raises
    ------
    StudyError
        If it is text, a truth value, not finite, or zero or less.

    Examples
    --------
    >>> check_above_zero("budget", "50")
    Traceback (most recent call last):
    kcity_geo.errors.StudyError: budget: '50' is no number; give one above zero, without quotes
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise StudyError(f"{name}: {value!r} is no number; give one above zero, without quotes")
    if not (np.isfinite(float(value)) and float(value) > 0):
        raise StudyError(f"{name}: {float(value):g} must be above zero")


def service_of(
    city: CityModel,
    name: str,
    *,
    mode: str | None = None,
    within_min: float | None = None,
    within_m: float | None = None,
) -> Service:
    """
    Give a service with the changes of one question.

    Parameters
    ----------
    city : whose parameters may say the mode.
    name : row of ``tables/services.toml``.
    mode : walk, cycle, drive or straight, instead of that of the row.
    within_min, within_m : how near is near enough, one of them, instead of that of the row.

    Returns
    -------
    The service.

    Raises
    ------
    StudyError
        If there is no such service or mode, or the limit makes no sense.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> service_of(model_of(make_toy()), "health", within_min=15).near
    'within 15 min on foot'
    """
    row = services(name)
    check_reach(mode, within_min, within_m)
    chosen = mode or str(row["mode"])
    if mode is None and "mode_parameter" in row:
        chosen = city.settings("transport").text(row["mode_parameter"])
    check_reach(chosen, None, None)
    unit = str(row["unit"])
    within = _limit(city, row, name)
    if within_min is not None or within_m is not None:
        unit = "min" if within_m is None else "m"
        within = float(within_min if within_m is None else within_m)  # type: ignore[arg-type]
    if chosen == "straight" and unit == "min":
        raise StudyError(f"{name}: a straight line has no minutes, give within_m")
    return Service(
        id=name,
        title=row["title"],
        titles=row["titles"],
        existing=row["existing"],
        mode=chosen,
        within=within,
        unit=unit,
        indicator=str(row.get("indicator", "")),
    )


def _limit(city: CityModel, row: dict[str, Any], name: str) -> float:
    if "within" in row:
        return float(row["within"])
    name_of_indicator = str(row.get("indicator", ""))
    scored, reported = (
        city.standards.get(name_of_indicator),
        indicator_rows().get(name_of_indicator),
    )
    standard = scored or reported
    if standard is None or standard.target is None:
        raise StudyError(f"{name}: no limit is known, give within_min or within_m")
    return float(standard.target)


def existing_places(city: CityModel, service: Service) -> NDArray[np.object_]:
    """
    Give what the map holds of a service.

    Parameters
    ----------
    city : its model.
    service : of `service_of`.

    Returns
    -------
    Points, lines or polygons, metric CRS. Tells when there is none, or when the map is not read
    for it.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy, toy_layer
    >>> from shapely import Point
    >>> clinic = toy_layer([{"amenity": "clinic"}], [Point(1000, 2000)])
    >>> city = model_of(make_toy(layers={"health": clinic}))
    >>> len(existing_places(city, service_of(city, "health")))
    1
    """
    kind, _, name = service.existing.partition(":")
    if not kind:
        tell(
            f"locate: the map is not read for {service.titles}: those that exist are not known; "
            "give them as existing"
        )
        return np.zeros(0, dtype=object)
    if kind == "facilities":
        found = facilities(city, name)
    else:
        layer = city.layer(name)
        found = np.zeros(0, dtype=object) if layer is None else layer.geometry.to_numpy()
    if len(found) == 0:
        tell(f"locate: no {service.title} is mapped here, so all are planned anew; is that so?")
    return np.asarray(found, dtype=object)
