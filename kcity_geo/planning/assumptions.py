"""
Assumptions of a concept plan: what is not known of a place before somebody has asked.

The rows stand in ``tables/planning.toml`` with unit, range, mark and citation.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from types import MappingProxyType
from typing import Any

import pandas as pd

from kcity_geo.citydata import CityInputs
from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.parameters import all_parameters

__all__ = [
    "USES",
    "Assumption",
    "Assumptions",
    "LandProfile",
    "assumptions_of",
    "counted",
    "is_number",
    "known_profiles",
    "land_profile",
    "use_title",
]

#: Uses of land, in the order of every table.
USES = ("residential", "commercial", "industry", "public", "parks", "streets", "utilities")
#: Shares add to 1 within this.
_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """
    One assumption.

    Parameters
    ----------
    id, title, unit : for people.
    value : what is used.
    low, high : range that a planner would still call plausible.
    min, max : an override must lie between them.
    mark : V, V2, M, D, or U when the user set it.
    citation : where it comes from.
    """

    id: str
    title: str
    unit: str
    value: float
    low: float
    high: float
    min: float
    max: float
    mark: str
    citation: str


class Assumptions(Mapping[str, float]):
    """
    The assumptions of a plan by id; nobody changes them.

    Parameters
    ----------
    rows : id -> assumption.

    Examples
    --------
    >>> assumptions_of({"household_persons": 4.0})["household_persons"]
    4.0
    """

    def __init__(self, rows: Mapping[str, Assumption]) -> None:
        self.rows: Mapping[str, Assumption] = MappingProxyType(dict(rows))

    def __getitem__(self, name: str) -> float:
        """Give the value of an assumption."""
        return self.rows[name].value

    def __iter__(self) -> Iterator[str]:
        """Go through the ids."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Count the assumptions."""
        return len(self.rows)

    def table(self) -> pd.DataFrame:
        """Give a row an assumption: ``id, title, value, low, high, unit, mark, citation``."""
        names = ["id", "title", "value", "low", "high", "unit", "mark", "citation"]
        return pd.DataFrame(
            [[getattr(r, n) for n in names] for r in self.rows.values()], columns=names
        )


def assumptions_of(
    overrides: Mapping[str, float] | None = None, *, city: CityInputs | None = None
) -> Assumptions:
    """
    Read the assumptions, with those that the user knows better.

    Parameters
    ----------
    overrides : id -> value, in the unit of the row.
    city : whose official numbers and study file are taken for what the sectors assume as well (water
        a person, sewage, load of industry, design rain); the defaults when None.

    Returns
    -------
    All assumptions; overridden ones have the mark U.

    Raises
    ------
    StudyError
        If an id does not exist or a value lies outside what is possible.

    Examples
    --------
    >>> assumptions_of().rows["waste_kg_person_day"].mark
    'V'
    """
    rows = {
        row["id"]: _shared(row, city) if "parameter" in row else Assumption(**row)
        for row in read_table("planning")["parameter"]
    }
    for name, value in (overrides or {}).items():
        if name not in rows:
            near = difflib.get_close_matches(name, rows, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(rows)}"
            raise StudyError(f"[concept.assumptions] {name}: no such assumption; {hint}")
        row = rows[name]
        if not is_number(value) or not row.min <= value <= row.max:
            raise StudyError(
                f"[concept.assumptions] {name}: {value!r} must be a number from {row.min:g} to "
                f"{row.max:g} {row.unit}"
            )
        rows[name] = replace(row, value=float(value), mark="U", citation="set by the user")
    return Assumptions(rows)


def _shared(row: dict[str, Any], city: CityInputs | None) -> Assumption:
    """Make the assumption of a parameter of the sectors, with its value, mark and citation."""
    own = {key: value for key, value in row.items() if key != "parameter"}
    parameter = all_parameters()[row["parameter"]]
    value, mark, citation = parameter.value, parameter.mark, parameter.citation
    if city is not None:
        settings = city.settings(parameter.sectors[0])
        official = city.official.get(parameter.official) if parameter.official else None
        if official is not None:
            value, mark, citation = official, "U", "official"
        elif settings.origin(parameter.id) != "default":
            value, mark, citation = settings[parameter.id], "U", settings.origin(parameter.id)
    return Assumption(**own, value=float(value), mark=mark, citation=citation)


def is_number(value: Any) -> bool:  # noqa: ANN401 - whatever the user gave
    """
    Tell whether the user gave a finite number; True and False are none.

    Parameters
    ----------
    value : anything.

    Returns
    -------
    True for finite numbers of Python and numpy.

    Examples
    --------
    >>> is_number(3), is_number(True), is_number(math.nan), is_number("3")
    (True, False, False, False)
    """
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


@dataclass(frozen=True, kw_only=True)
class LandProfile:
    """
    How a kind of project usually divides its land.

    Parameters
    ----------
    id, title : for people.
    share : use -> share of the buildable site; add to 1.
    far : use -> floor area over the land of that use (public streets left out).
    jobs_per_ha : use -> jobs per ha of that use.
    mark, citation : where it comes from.
    """

    id: str
    title: str
    share: Mapping[str, float]
    far: Mapping[str, float]
    jobs_per_ha: Mapping[str, float]
    mark: str
    citation: str


def known_profiles() -> tuple[str, ...]:
    """
    Give the kinds of project that have a land budget.

    Returns
    -------
    Ids of profiles.

    Examples
    --------
    >>> known_profiles()
    ('new_town', 'industrial_complex', 'logistics_hub', 'rnd_tech_park')
    """
    return tuple(read_table("planning")["profile"])


def land_profile(
    profile: str,
    *,
    shares: Mapping[str, float] | None = None,
    far: Mapping[str, float] | None = None,
) -> LandProfile:
    """
    Give the land budget of a kind of project, with the changes of the user.

    Parameters
    ----------
    profile : one of `known_profiles`.
    shares : use -> share of the buildable site, 0 to 1. Without ``residential`` the homes take what
        the others leave.
    far : use -> floor area ratio, above 0.

    Returns
    -------
    Profile whose shares add to 1.

    Raises
    ------
    StudyError
        If the profile or a use does not exist, or shares do not add to 100 %.

    Examples
    --------
    >>> round(land_profile("new_town", shares={"streets": 0.30}).share["residential"], 4)
    0.23
    """
    table = read_table("planning")["profile"]
    if profile not in table:
        raise StudyError(
            f"profile: {profile!r} has no land budget; those that have are {', '.join(table)}"
        )
    row = table[profile]
    mark, citation = row["mark"], row["citation"]
    share = {use: float(row["share"][use]) for use in USES}
    ratio = {use: float(value) for use, value in row["far"].items()}
    if shares or far:
        mark, citation = "U", "changed by the user"
    for use, value in (shares or {}).items():
        share[_known_use(use, "shares")] = _share(value, f"shares.{use}")
    if shares and "residential" not in shares:
        share["residential"] = 1.0 - sum(v for u, v in share.items() if u != "residential")
    for use, value in (far or {}).items():
        if _known_use(use, "far") not in ratio:
            raise StudyError(f"far.{use}: nothing is built on {use}; use one of {', '.join(ratio)}")
        if not is_number(value) or not 0 < value <= 30:  # noqa: PLR2004 - stated in the docs
            raise StudyError(f"far.{use}: {value!r} must be a number above 0, at most 30")
        ratio[use] = float(value)
    total = sum(share.values())
    if share["residential"] < -_TOLERANCE or abs(total - 1) > _TOLERANCE:
        others = total - share["residential"] if share["residential"] < 0 else total
        raise StudyError(
            f"shares of {profile}: they add to {others:.2%}, not 100 %; "
            f"{'lower one' if others > 1 else 'raise one'}"
        )
    share["residential"] = max(share["residential"], 0.0)
    return LandProfile(
        id=profile,
        title=row["title"],
        share=MappingProxyType(share),
        far=MappingProxyType(ratio),
        jobs_per_ha=MappingProxyType({u: float(v) for u, v in row["jobs_per_ha"].items()}),
        mark=mark,
        citation=citation,
    )


def _known_use(use: str, key: str) -> str:
    if use not in USES:
        raise StudyError(f"{key}.{use}: no such use of land; known are {', '.join(USES)}")
    return use


def _share(value: Any, key: str) -> float:  # noqa: ANN401 - whatever the user gave
    if not is_number(value) or not 0 <= value <= 1:
        raise StudyError(f"{key}: {value!r} must be a share from 0 to 1 (30 % is 0.3)")
    return float(value)


def use_title(use: str) -> str:
    """
    Give the name of a use for people.

    Parameters
    ----------
    use : of the land budget.

    Returns
    -------
    Title of its row in ``tables/plan_styles.toml``.

    Examples
    --------
    >>> use_title("streets")
    'Streets'
    """
    return str(read_table("plan_styles")["style"]["street" if use == "streets" else use]["title"])


def counted(number: float, name: str) -> str:
    """
    Say how many there are, with the name in singular or plural.

    Parameters
    ----------
    number : shown without decimals.
    name : of one; its plural ends in s.

    Returns
    -------
    Number and name.

    Examples
    --------
    >>> counted(1, "clinic"), counted(1200.4, "clinic")
    ('1 clinic', '1,200 clinics')
    """
    shown = f"{number:,.0f}"
    return f"{shown} {name}" if shown == "1" else f"{shown} {name}s"
