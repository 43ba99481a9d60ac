"""Advice: which of the four studies the evidence allows, what is missing for the next, what each holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.programme.evidence import open_levels
from kcity_geo.programme.land_found import no_land
from kcity_geo.programme.model import Application
from kcity_geo.programme.rules import sources_of
from kcity_geo.programme.words import word
from kcity_geo.study_facts import StudyFacts

__all__ = ["StudyAdvice", "content_matrix", "matrix_source", "recommend_study", "study_title"]


@dataclass(frozen=True, kw_only=True)
class StudyAdvice:
    """
    The study that the evidence allows.

    Parameters
    ----------
    study : concept_plan, master_plan, pre_feasibility or feasibility.
    next_study : the one after it; empty: none.
    missing : what the next one needs and is not there, ids of ``[need]``.
    survey : levels to be surveyed first.
    mark : of the rule of advice.
    """

    study: str
    next_study: str
    missing: tuple[str, ...]
    survey: tuple[str, ...]
    mark: str

    def missing_words(self, language: str = "en") -> tuple[str, ...]:
        """
        Say what the next study needs.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        A phrase each.
        """
        rows = read_table("programme/advice")["need"]
        key = "text" if language == "en" else f"text_{language}"
        return tuple(str(rows[name][key]) for name in self.missing)


def recommend_study(application: Application, facts: StudyFacts | None) -> StudyAdvice:
    """
    Say which study the evidence allows.

    Parameters
    ----------
    application : whose project it is.
    facts : of the study behind it; None: nothing is known.

    Returns
    -------
    The advice. Without a site, where the study looked for land and found none (whatever the application names),
    or where nobody can tell how most people are served, it is a concept plan with a survey; the rule is a default
    of ours.
    """
    table = read_table("programme/advice")
    met = _met(application, facts)
    reached = 0
    for number, step in enumerate(table["step"]):
        if all(met[need] for need in step["needs"]):
            reached = number
        else:
            break
    after = table["step"][reached + 1] if reached + 1 < len(table["step"]) else None
    return StudyAdvice(
        study=table["step"][reached]["study"],
        next_study=after["study"] if after else "",
        missing=_missing(after, met, application, facts) if after else (),
        survey=tuple(level.key for level in open_levels(facts)) if facts else (),
        mark=table["rule"]["mark"],
    )


def _missing(
    step: dict[str, Any],
    met: dict[str, bool],
    application: Application,
    facts: StudyFacts | None,
) -> tuple[str, ...]:
    """Needs of a step that are not met; land that was looked for in vain is not merely missing."""
    instead = {"site_named": "land_found"} if no_land(application, facts) else {}
    return tuple(instead.get(name, name) for name in step["needs"] if not met[name])


def _met(application: Application, facts: StudyFacts | None) -> dict[str, bool]:
    """Which needs are met."""
    project = application.project
    ranked = facts is not None and any(s.score is not None for s in facts.sites)
    fair = float(read_table("readings")["limits"]["evidence_fair"])
    known = facts is not None and not open_levels(facts)
    sure = facts is not None and all(
        level.evidence is None or level.evidence >= fair for level in facts.levels
    )
    value = project.net_present_value
    return {
        "readings_known": known and sure,
        "site_named": ranked or (bool(project.site) and not no_land(application, facts)),
        "one_project": project.projects == 1 and project.status in {"planned", "underway"},
        "pays": value is not None and value > 0,
    }


def content_matrix(language: str = "en") -> pd.DataFrame:
    """
    Give the chapters of the four studies, and what kcity_geo supplies of each.

    Parameters
    ----------
    language : en or ko.

    Returns
    -------
    A row a chapter: ``chapter``, a column a study (full, partly, none; of the costs their accuracy),
    ``supplied``.

    Examples
    --------
    >>> content_matrix().set_index("chapter").loc["Cost estimate", "master_plan"]
    'full, ±30 %'
    """
    table = read_table("programme/advice")
    ending = "" if language == "en" else f"_{language}"
    studies = [step["study"] for step in table["step"]]
    rows = []
    for chapter in table["chapter"]:
        accuracy = chapter.get("accuracy", [""] * len(studies))
        cells = {
            study: f"{level}, {share}" if share else level
            for study, level, share in zip(studies, chapter["levels"], accuracy, strict=True)
        }
        rows.append(
            {
                "chapter": chapter[f"title{ending}"],
                **cells,
                "supplied": chapter[f"supplied{ending}"],
            }
        )
    return pd.DataFrame(rows)


def matrix_source(language: str = "en") -> str:
    """
    Say where the chapters of the four studies and the accuracy of their costs come from.

    Parameters
    ----------
    language : en or ko.

    Returns
    -------
    The source in words, with its mark.

    Examples
    --------
    >>> matrix_source()
    'from memory, not read again [M]'
    """
    matrix = read_table("programme/advice")["matrix"]
    return f"{sources_of(matrix['source'], language)} [{matrix['mark']}]"


def study_title(study: str, language: str = "en") -> str:
    """
    Say a kind of study in words, small inside a sentence.

    Parameters
    ----------
    study : one of the four.
    language : en or ko.

    Returns
    -------
    Its title.

    Examples
    --------
    >>> study_title("master_plan")
    'master plan'
    """
    return word("study", study, language).lower()
