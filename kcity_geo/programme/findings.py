"""Findings: what a check says, each with its level, rule, source and mend, in English and Korean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.programme.rules import sources_of

__all__ = ["LEVELS", "Cited", "Finding"]

#: From the gravest: a hard gate, something to add, something to know.
LEVELS = ("refused", "missing", "note")


@dataclass(frozen=True)
class Cited:
    """Where a rule was read: ``source``, keys of ``tables/programme/sources.toml``, and its evidence ``mark``."""

    source: tuple[str, ...] = ()
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """
    One finding.

    Parameters
    ----------
    id : row of ``tables/programme/findings.toml``.
    where : section and key of the application file.
    values : what stands in the braces of the text, English.
    values_ko : of these, those that differ in Korean.
    cited : where the rule was read; empty: as the row says.
    """

    id: str
    where: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    values_ko: dict[str, Any] = field(default_factory=dict)
    cited: Cited = field(default_factory=Cited)

    @property
    def level(self) -> str:
        """One of `LEVELS`."""
        return str(_row(self.id)["level"])

    @property
    def fact(self) -> int:
        """Number of the fact in the announcement of 2020; 0: a later rule, or our own."""
        return int(_row(self.id)["fact"])

    @property
    def rule(self) -> str:
        """Kind of rule, with where it was read and its mark."""
        return self.rule_words()

    def rule_words(self, language: str = "en") -> str:
        """
        Say which kind of rule it is, where it was read, and its mark.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        One line.
        """
        row = _row(self.id)
        quoted = read_table("programme/findings")["quoted"].get(row["rule"])
        source, mark = self.cited.source, self.cited.mark
        if quoted and not source:
            source, mark = tuple(quoted["source"]), quoted["mark"]
        words = read_table("programme/findings")["cited"]
        fact = words["fact"][language].format(fact=self.fact) if self.fact else ""
        kind = row["rule"] if language == "en" else words["kind_ko"][row["rule"]]
        return f"{kind}: {sources_of(source, language)} [{mark}]{fact}"

    def text(self, language: str = "en") -> str:
        """
        Say what was found.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        One sentence.
        """
        return self._filled("text", language)

    def mend(self, language: str = "en") -> str:
        """
        Say what to do.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        One line.
        """
        return self._filled("mend", language)

    def _filled(self, key: str, language: str) -> str:
        ending = "" if language == "en" else f"_{language}"
        values = self.values if language == "en" else {**self.values, **self.values_ko}
        # Values are put in as they are: braces in them mean nothing.
        return str(_row(self.id)[key + ending]).format_map(values)


def _row(name: str) -> dict[str, Any]:
    return dict(read_table("programme/findings")["finding"][name])
