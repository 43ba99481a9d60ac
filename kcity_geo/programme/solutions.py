"""Solutions: from a measured shortfall to a sector and the kinds of Korean solutions that answer it."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.programme.evidence import (
    SHORT_READINGS,
    needs_of,
    open_people,
    people_short_range,
    survey_levels,
)
from kcity_geo.programme.rules import sources_of
from kcity_geo.study_facts import IndicatorFacts, LevelFacts, StudyFacts

__all__ = ["SolutionMatch", "match_solutions"]


@dataclass(frozen=True, kw_only=True)
class SolutionMatch:
    """
    What answers a shortfall.

    Parameters
    ----------
    id : row of ``tables/programme/solutions.toml``.
    sector : one of the ten.
    level : of the study, or the indicator that falls short.
    people_low, people_high : who fall short: surely or probably; and with all of whom nobody can tell.
        NaN for an indicator, and where no people are known.
    survey : nobody can tell yet; a survey comes before any solution.
    sheet : of the map pack that shows it.
    places : services whose siting call places it, see `siting`.
    mark : of the match.
    """

    id: str
    sector: str
    level: str
    people_low: float
    people_high: float
    survey: bool
    sheet: int
    places: tuple[str, ...]
    mark: str

    @property
    def source(self) -> str:
        """Who says that the solution answers the shortfall."""
        return self.sourced()

    def sourced(self, language: str = "en") -> str:
        """
        Say who says that the solution answers the shortfall.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        The source in words.
        """
        return sources_of(_row(self.id)["source"], language)

    def kinds(self, language: str = "en") -> tuple[str, ...]:
        """
        Name kinds of solutions.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        Names.
        """
        return tuple(_row(self.id)["kinds" if language == "en" else f"kinds_{language}"])

    def siting(self, study: str = "study.toml") -> tuple[str, ...]:
        """
        Give the commands that place the solution.

        Parameters
        ----------
        study : study file, from where the command is run.

        Returns
        -------
        A command a service, for the first new one; empty when a network is planned rather than points
        placed.
        """
        file = shlex.quote(study)
        return tuple(f"kcity locate {file} --service {name} --p 1" for name in self.places)


def match_solutions(facts: StudyFacts) -> tuple[SolutionMatch, ...]:
    """
    Match what falls short with kinds of solutions.

    Parameters
    ----------
    facts : of a study.

    Returns
    -------
    Those whose shortfall is measured, most people first; then, for levels that were assessed and of
    which nobody can tell, the one that begins with a survey and a data platform. The match is our default,
    no authority's.
    """
    rows = {row["need"]: row for row in read_table("programme/solutions")["solution"]}
    found = [_match(rows[x.key], x, survey=False) for x in needs_of(facts) if x.key in rows]
    found += [_of_indicator(rows[x.id]) for x in facts.indicators if _falls_short(x, rows)]
    silent = survey_levels(facts)
    if silent:
        most = max(silent, key=open_people)
        found.append(_match(rows["data"], most, survey=True))
    return tuple(found)


def _match(row: dict[str, Any], level: LevelFacts, *, survey: bool) -> SolutionMatch:
    low, high = people_short_range(level) if level.people else (math.nan, math.nan)
    return SolutionMatch(
        id=row["id"],
        sector=row["sector"],
        level=level.key,
        people_low=low,
        people_high=high,
        survey=survey,
        sheet=row["sheet"],
        places=tuple(row["places"]),
        mark=row["mark"],
    )


def _falls_short(indicator: IndicatorFacts, rows: dict[str, Any]) -> bool:
    return indicator.id in rows and indicator.reading in SHORT_READINGS


def _of_indicator(row: dict[str, Any]) -> SolutionMatch:
    """Match a single indicator; how many people it concerns is not said by the study."""
    return SolutionMatch(
        id=row["id"],
        sector=row["sector"],
        level=row["need"],
        people_low=math.nan,
        people_high=math.nan,
        survey=False,
        sheet=row["sheet"],
        places=tuple(row["places"]),
        mark=row["mark"],
    )


def _row(name: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = read_table("programme/solutions")["solution"]
    return next(row for row in rows if row["id"] == name)
