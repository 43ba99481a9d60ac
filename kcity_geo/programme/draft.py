"""Draft: an application filled from a finished study; what a study cannot know stays empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcity_geo.analysis.gaps.words import open_is_told
from kcity_geo.config import read_table
from kcity_geo.programme.advice import recommend_study
from kcity_geo.programme.evidence import (
    least_share,
    lived,
    needs_of,
    open_levels,
    open_people,
    rounded,
    site_words,
)
from kcity_geo.programme.model import Application, check_application
from kcity_geo.programme.solutions import match_solutions
from kcity_geo.programme.words import LANGUAGES, listed, original, word
from kcity_geo.study_facts import LevelFacts, PlanFacts, StudyFacts

__all__ = ["StudyOrigin", "draft_application", "of_study", "problem_statement"]


@dataclass(frozen=True, kw_only=True)
class StudyOrigin:
    """
    Where the study lies, as the application names it: ``folder``, and ``sha256`` of its facts.

    ``plan_folder`` and ``plan_sha256``: the same of the plan of a site.
    """

    folder: str = ""
    sha256: str = ""
    plan_folder: str = ""
    plan_sha256: str = ""


def draft_application(
    facts: StudyFacts,
    year: int,
    *,
    origin: StudyOrigin | None = None,
    plan: PlanFacts | None = None,
) -> Application:
    """
    Fill an application from a finished study.

    Parameters
    ----------
    facts : of the study.
    year : of the call, 2020 to 2026.
    origin : where the study lies.
    plan : of the site, which says what is built and what it costs; None: none yet.

    Returns
    -------
    An application whose country, applicants, budget, training and documents are empty: no study knows
    them. `kcity_geo.programme.checking.check` lists what is missing.

    Raises
    ------
    StudyError
        If no rules of the year are known.
    """
    come = origin or StudyOrigin()
    profiles = read_table("programme/texts")["profile"]
    profile = profiles.get(facts.project, profiles["other"])
    ranked = [s for s in facts.sites if s.score is not None]
    project: dict[str, Any] = {
        "title": profile["title"].format_map({"city": facts.city}),
        "title_ko": profile["title_ko"].format_map({"city": facts.city}),
        "city": facts.city,
        "bounds": facts.bounds,
        "type": "urban_development",
        "scope": tuple(profile["scope"]),
        "sectors": tuple(dict.fromkeys(m.sector for m in match_solutions(facts) if not m.survey)),
        "site": site_words(ranked[0]) if ranked else "",
        "problem": problem_statement(facts),
        "problem_ko": problem_statement(facts, "ko"),
    }
    raw: dict[str, Any] = {
        "programme": {"year": year},
        "project": project,
        "study": {"folder": come.folder, "sha256": come.sha256},
    }
    if plan is not None:
        raw["plan"] = {"folder": come.plan_folder, "sha256": come.plan_sha256}
        built = [line for line in plan.lead if line != plan.cost]
        raw["package"] = {"project": " ".join([f"{plan.title}.", *built])[:4000]}
        caveat = f"{plan.disclaimer[:1].upper()}{plan.disclaimer[1:]}."
        project["cost"] = f"{plan.cost} {caveat}"[:300] if plan.cost else ""
    bare = check_application(raw)
    raw["request"] = {"study": recommend_study(bare, facts).study}
    return check_application(raw)


def problem_statement(facts: StudyFacts, language: str = "en") -> str:
    """
    Say what falls short, and of what nobody can tell.

    Parameters
    ----------
    facts : of a study.
    language : en or ko.

    Returns
    -------
    A sentence a level, those that fall short first; empty where the study has no levels.
    """
    said = [
        _short(facts, level, language, first=number == 0)
        for number, level in enumerate(needs_of(facts))
    ]
    silent = open_levels(facts)
    if not said and len(silent) < len(facts.levels):
        said.append(_sentence("well", language, {"least": f"{100 * least_share():g}"}))
        said += [
            text for x in facts.levels if x not in silent for text in _rest(facts, x, language)
        ]
    said += [_open(facts, x, language) for x in silent if x.reading != "not_assessed"]
    unread = [x for x in silent if x.reading == "not_assessed"]
    missing = [x for x in unread if x.key != "flood"]
    if missing:
        names = listed((_title(x, language) for x in missing), language)
        said.append(_sentence("not_assessed", language, {"level": names}))
    if len(missing) < len(unread):
        said.append(_sentence("not_assessed_flood", language, {}))
    return " ".join(said)


def of_study(problem: str, facts: StudyFacts) -> bool:
    """
    Tell whether a problem is told in the words of the study, in whichever language.

    Parameters
    ----------
    problem : of an application.
    facts : of the study behind it.

    Returns
    -------
    True where it is `problem_statement`; in a Korean paper that may be the English one, marked as the original.
    """
    bare = " ".join(problem.split())
    return any(
        bare in {" ".join(told.split()), original(" ".join(told.split()), "ko")}
        for told in (problem_statement(facts, language) for language in LANGUAGES)
    )


def _short(facts: StudyFacts, level: LevelFacts, language: str, *, first: bool) -> str:
    short, unknown = level.people_short or 0.0, open_people(level)
    values = _people(facts, level, short, "short", language)
    values["open"] = ""
    values["who"] = _sentence("who_first" if first else "who", language, values)
    if open_is_told(unknown, short):
        too = _people(facts, level, unknown, "people", language)
        percent = str(read_table("programme/papers")["common"]["percent"][language])
        row = read_table("texts/report")["text"]["head_open_too"]
        values["open"] = str(row[language]).format(
            people=too["people"], share=percent.format(share=too["share"])
        )
    return _sentence("short_flood" if level.key == "flood" else "short", language, values)


def _rest(facts: StudyFacts, level: LevelFacts, language: str) -> list[str]:
    """Say of a level without shortfall who is partly short, and of whom nobody can tell."""
    counts = {"partly": level.people.get("partly_short", 0.0), "open": open_people(level)}
    least = max(1.0, least_share() * lived(level))
    flood = "_flood" if level.key == "flood" else ""
    keys = {"partly": "short", "open": "open"}
    return [
        _sentence(
            f"well_{name}{flood}", language, _people(facts, level, count, keys[name], language)
        )
        for name, count in counts.items()
        if count >= least
    ]


def _open(facts: StudyFacts, level: LevelFacts, language: str) -> str:
    unknown = open_people(level)
    name = "open_flood" if level.key == "flood" else "open"
    if round(unknown) == 0:  # on average nobody can tell, of no place that is lived in
        name = "open_average"
    return _sentence(name, language, _people(facts, level, unknown, "open", language))


def _title(level: LevelFacts, language: str) -> str:
    return level.title.lower() if language == "en" else word("level", level.key, language)


def _people(
    facts: StudyFacts, level: LevelFacts, count: float, key: str, language: str
) -> dict[str, str]:
    everybody = facts.population or 0.0
    share = 100 * count / everybody if everybody else 0.0
    return {
        "people": rounded(everybody),
        key: rounded(count),
        "share": f"{share:.0f}" if share >= 1 or not count else "<1",
        "level": _title(level, language),
    }


def _sentence(name: str, language: str, values: dict[str, str]) -> str:
    text = str(read_table("programme/texts")["sentence"][name][language]).format_map(values)
    return text[:1].upper() + text[1:]
