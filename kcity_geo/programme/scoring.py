"""
Scorecard: hard gates, then the criteria that were named for the year, each with its evidence.

Official points are not public. Each criterion is told apart, and nothing is added up to a total.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.programme.checking import check
from kcity_geo.programme.evidence import Evidence, evidence_of
from kcity_geo.programme.findings import Finding
from kcity_geo.programme.model import Application
from kcity_geo.programme.rules import sources_of
from kcity_geo.study_facts import StudyFacts

__all__ = ["CriterionScore", "Scorecard", "scorecard"]


@dataclass(frozen=True, kw_only=True)
class CriterionScore:
    """
    One criterion that was named in public.

    Parameters
    ----------
    id, title, title_ko : of the criterion.
    evidence : what was looked for.
    named_from : year from which the criterion was named.
    source, source_ko : where.
    """

    id: str
    title: str
    title_ko: str
    evidence: tuple[Evidence, ...]
    named_from: int
    source: str
    source_ko: str

    def sourced(self, language: str) -> str:
        """
        Say where the criterion was named.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        The source in words, with marks.
        """
        return self.source if language == "en" else self.source_ko

    @property
    def found(self) -> tuple[Evidence, ...]:
        """Evidence that is there."""
        return tuple(e for e in self.evidence if e.found)

    @property
    def missing(self) -> tuple[Evidence, ...]:
        """Evidence that is not there, or of which nobody can tell."""
        return tuple(e for e in self.evidence if not e.found)


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """
    Gates, and the criteria of the year one by one.

    Parameters
    ----------
    gates : hard gates that fail; empty: none does.
    criteria : as they were named for the year; the lists of evidence are our default.
    note, note_ko : what must be read beside the criteria.
    """

    gates: tuple[Finding, ...]
    criteria: tuple[CriterionScore, ...]
    note: str = ""
    note_ko: str = ""

    def table(self, language: str = "en") -> pd.DataFrame:
        """
        Give the scorecard as a table.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        A row a criterion: ``criterion, found, of, evidence, missing, source``; no total.
        """
        rows = [
            {
                "criterion": c.title if language == "en" else c.title_ko,
                "found": len(c.found),
                "of": len(c.evidence),
                "evidence": "; ".join(e.title(language) for e in c.found),
                "missing": "; ".join(e.mend(language) for e in c.missing),
                "source": c.sourced(language),
            }
            for c in self.criteria
        ]
        return pd.DataFrame(rows)


def scorecard(application: Application, facts: StudyFacts | None = None) -> Scorecard:
    """
    Put the evidence beside each criterion that was named for the year.

    Parameters
    ----------
    application : to be looked at.
    facts : of the study behind it; None: none.

    Returns
    -------
    Gates and criteria; never a total, and never a forecast of the choice.
    """
    named = _named(application.programme.year)
    criteria = tuple(
        CriterionScore(
            id=row["id"],
            title=row["title"],
            title_ko=row["title_ko"],
            evidence=tuple(evidence_of(e, application, facts) for e in row["evidence"]),
            named_from=named["from_year"],
            source=_sourced(application.programme.year, "en"),
            source_ko=_sourced(application.programme.year, "ko"),
        )
        for row in named["row"]
    )
    return Scorecard(
        gates=check(application, facts).refused,
        criteria=criteria,
        note=named.get("note", ""),
        note_ko=named.get("note_ko", ""),
    )


def _sourced(year: int, language: str) -> str:
    named = _named(year)
    kind = "sourced" if named["from_year"] == year else "sourced_carried"
    return str(read_table("programme/criteria")[kind][language]).format(
        year=year,
        source=sources_of(named["source"], language),
        mark=named["mark"],
        own=named["evidence_mark"],
    )


def _named(year: int) -> dict[str, Any]:
    """Give the criteria named last before the end of the year."""
    rows = [r for r in read_table("programme/criteria")["criteria"] if r["from_year"] <= year]
    return dict(max(rows, key=lambda r: int(r["from_year"])))
