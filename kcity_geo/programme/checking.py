"""
Check: an application held against the rules of its year.

Hard gates refuse; what is missing and what must be known follow. Every finding names its rule, where
it was read, and what to do. Nothing is said of what could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from kcity_geo.planning.ppp import ppp_score
from kcity_geo.programme.advice import recommend_study, study_title
from kcity_geo.programme.draft import of_study
from kcity_geo.programme.entries import entry_findings, place_findings
from kcity_geo.programme.evidence import (
    missing_inputs,
    missing_levels,
    open_levels,
    open_people,
    rounded,
    survey_levels,
    survey_tasks_of,
)
from kcity_geo.programme.findings import LEVELS, Cited, Finding
from kcity_geo.programme.gates import gate_findings
from kcity_geo.programme.land_found import no_land, why_no_site
from kcity_geo.programme.model import Application
from kcity_geo.programme.words import LANGUAGES, known_words, listed, word
from kcity_geo.study_facts import LevelFacts, StudyFacts

__all__ = ["Checked", "check"]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """
    What a check found.

    Parameters
    ----------
    application : that was checked.
    findings : the gravest first.
    """

    application: Application
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        """Hard gates that fail."""
        return self.of("refused")

    def of(self, level: str) -> tuple[Finding, ...]:
        """
        Give the findings of a level.

        Parameters
        ----------
        level : refused, missing or note.

        Returns
        -------
        Those findings.
        """
        return tuple(f for f in self.findings if f.level == level)

    def table(self, language: str = "en") -> pd.DataFrame:
        """
        Give the findings as a table.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        A row a finding: ``level, finding, where, text, rule, mend``.
        """
        rows = [
            {
                "level": f.level,
                "finding": f.id,
                "where": f.where,
                "text": f.text(language),
                "rule": f.rule_words(language),
                "mend": f.mend(language),
            }
            for f in self.findings
        ]
        return pd.DataFrame(rows, columns=["level", "finding", "where", "text", "rule", "mend"])


def check(
    application: Application,
    facts: StudyFacts | None = None,
    *,
    sha256: str = "",
    plan_sha256: str = "",
    folder: str = "",
    absent: Iterable[str] = (),
) -> Checked:
    """
    Hold an application against the rules of its year.

    Parameters
    ----------
    application : to be checked.
    facts : of the study behind it; None: none.
    sha256 : checksum of these facts, to be held against that in the application; empty: not known.
    plan_sha256 : the same of the plan that the application names.
    folder : that the facts were read from; empty: as the application names it.
    absent : files that the application attaches and that are not there.

    Returns
    -------
    The findings, the gravest first; no finding says that a project will be taken.
    """
    found = [
        *gate_findings(application),
        *entry_findings(application),
        *place_findings(application, facts),
        *_absent(absent),
        *_later_map(application, facts),
        *_package(application),
        *_evidence(application, facts),
        *_same_study(application, facts, sha256, folder),
        *_same_plan(application, plan_sha256),
        *_empty(application),
        *_to_know(application),
    ]
    ordered = sorted(found, key=lambda f: LEVELS.index(f.level))
    return Checked(application=application, findings=tuple(ordered))


def _absent(names: Iterable[str]) -> Iterator[Finding]:
    if told := ", ".join(names):
        yield Finding(id="documents_absent", where="documents", values={"names": told})


def _later_map(application: Application, facts: StudyFacts | None) -> Iterator[Finding]:
    """Note map data that nobody could have had on the day of handing in."""
    day = application.programme.submitted
    if facts is None or day is None or len(facts.osm_date) != len(day.isoformat()):
        return
    if facts.osm_date > day.isoformat():
        values = {"map_day": facts.osm_date, "day": day.isoformat()}
        yield Finding(id="map_later", where="programme.submitted", values=values)


def _package(application: Application) -> Iterator[Finding]:
    """Full package, cooperation between governments, training."""
    package = application.rules.package
    duties = next(e for e in application.rules.faq if e.id == "duties")
    rule = Cited(tuple(package["source"]), package["mark"])
    if not application.package.project:
        yield Finding(id="hardware_missing", where="package.project", cited=rule)
    parts, parts_ko = _software(application)
    if parts:
        yield Finding(
            id="software_missing",
            where="package",
            values={"parts": ", ".join(parts)},
            values_ko={"parts": ", ".join(parts_ko)},
            cited=rule,
        )
    if not application.g2g.stage:
        values = {"known": ", ".join(package["g2g_stages"])}
        yield Finding(id="stage_missing", where="g2g.stage", values=values, cited=rule)
    yield from _training(application, rule)
    if not application.request.study:
        values = {"known": ", ".join(known_words("study"))}
        yield Finding(id="study_missing", where="request.study", values=values, cited=rule)
    if not any((application.contact.name, application.contact.email)):
        yield Finding(
            id="contact_missing",
            where="contact",
            cited=Cited(duties.source, duties.mark),
        )


def _software(application: Application) -> tuple[list[str], list[str]]:
    """Parts of training and consulting that are empty, in both languages."""
    given = {
        ("training", "연수"): application.training.roles,
        ("consulting", "자문"): application.package.consulting,
    }
    empty = [names for names, value in given.items() if not value]
    return [n for n, _ in empty], [n for _, n in empty]


def _training(application: Application, rule: Cited) -> Iterator[Finding]:
    training = application.training
    given = {
        ("roles", "대상"): training.roles,
        ("persons", "인원"): training.persons,
        ("dates", "일정"): training.dates,
    }
    empty = [names for names, value in given.items() if not value]
    if empty:
        yield Finding(
            id="training_open",
            where="training",
            values={"parts": ", ".join(n for n, _ in empty)},
            values_ko={"parts": ", ".join(n for _, n in empty)},
            cited=rule,
        )
    if not training.agreed:
        yield Finding(id="training_not_agreed", where="training.agreed", cited=rule)


def _evidence(application: Application, facts: StudyFacts | None) -> Iterator[Finding]:
    """Say what the study behind it shows, or does not."""
    if facts is None:
        yield Finding(id="study_absent", where="study")
        return
    if facts.synthetic:
        yield Finding(id="synthetic", where="study")
    if silent := survey_levels(facts) if facts.population else open_levels(facts):
        yield _survey(facts, silent)
    if facts.population and (missing := missing_levels(facts)):
        yield _data_missing(facts, missing)
    if no_land(application, facts):
        values, korean = ({"why": why_no_site(facts, language)} for language in LANGUAGES)
        yield Finding(id="no_land", where="project", values=values, values_ko=korean)
    yield from _one_problem(application, facts)
    yield from _study_asked(application, facts)


def _one_problem(application: Application, facts: StudyFacts) -> Iterator[Finding]:
    """Note where the problem was rewritten in one language alone: the papers would contradict each other."""
    project = application.project
    told = {"problem": project.problem, "problem_ko": project.problem_ko}
    own = [key for key, text in told.items() if text and not of_study(text, facts)]
    if len(own) == 1 and all(told.values()):
        other = next(key for key in told if key not in own)
        values = {"own": own[0], "other": other}
        yield Finding(id="problem_in_one", where=f"project.{other}", values=values)


def _survey(facts: StudyFacts, silent: tuple[LevelFacts, ...]) -> Finding:
    most, tasks = max(silent, key=open_people), survey_tasks_of(facts, silent)
    name = "survey_first" if tasks else "survey_untasked"
    return Finding(
        id=name if facts.population else "people_unknown",
        where="study",
        values={
            "sectors": listed((level.title.lower() for level in silent), "en"),
            "people": rounded(open_people(most)),
            "all": rounded(facts.population or 0),
            "tasks": tasks,
        },
        values_ko={"sectors": ", ".join(word("level", level.key, "ko") for level in silent)},
    )


def _data_missing(facts: StudyFacts, missing: tuple[LevelFacts, ...]) -> Finding:
    inputs = ", ".join(missing_inputs(facts))
    return Finding(
        id="data_missing",
        where="study",
        values={
            "sectors": listed((level.title.lower() for level in missing), "en"),
            "inputs": inputs or "the data of the sector",
        },
        values_ko={
            "sectors": ", ".join(word("level", level.key, "ko") for level in missing),
            "inputs": inputs or "해당 부문 자료",
        },
    )


def _same_study(
    application: Application, facts: StudyFacts | None, sha256: str, folder: str
) -> Iterator[Finding]:
    link = application.study
    if sha256 and link.sha256 and sha256 != link.sha256:
        values = {
            "folder": folder or link.folder,
            "city": facts.city if facts else "",
            "now": sha256[:12],
            "then": link.sha256[:12],
            "digest": sha256,
        }
        yield Finding(id="study_changed", where="study.sha256", values=values)


def _same_plan(application: Application, sha256: str) -> Iterator[Finding]:
    link = application.plan
    if sha256 and link.sha256 and sha256 != link.sha256:
        values = {
            "folder": link.folder,
            "now": sha256[:12],
            "then": link.sha256[:12],
            "digest": sha256,
        }
        yield Finding(id="plan_changed", where="plan.sha256", values=values)


def _study_asked(application: Application, facts: StudyFacts) -> Iterator[Finding]:
    asked, advice = application.request.study, recommend_study(application, facts)
    order = known_words("study")
    if asked and order.index(asked) > order.index(advice.study):
        yield Finding(
            id="study_ahead",
            where="request.study",
            values={
                "asked": study_title(asked),
                "allowed": study_title(advice.study),
                "missing": "; ".join(advice.missing_words()),
            },
            values_ko={
                "asked": study_title(asked, "ko"),
                "allowed": study_title(advice.study, "ko"),
                "missing": ", ".join(advice.missing_words("ko")),
            },
            cited=Cited(("OWN",), advice.mark),
        )


def _empty(application: Application) -> Iterator[Finding]:
    """Fields that every reader looks for."""
    project = application.project
    fields = {
        "title": project.title,
        "country": project.country,
        "city": project.city,
        "problem": project.problem,
        "status": project.status,
    }
    documents = application.rules.documents
    source, mark = documents.source, documents.mark
    for key, value in fields.items():
        if not value:
            values = {"section": "project", "key": key}
            yield Finding(
                id="field_missing",
                where=f"project.{key}",
                values=values,
                cited=Cited(source, mark),
            )
    if application.g2g.prior_consultation is None:
        yield Finding(id="consultation_missing", where="g2g.prior_consultation")


def _to_know(application: Application) -> Iterator[Finding]:
    """Contradictions of sources, funding, and what nobody can verify."""
    for event in application.rules.timeline:
        if event.contradicts:
            yield Finding(
                id="contradiction",
                where="programme.year",
                values={"what": event.what, "note": event.note},
                values_ko={"what": event.what_ko, "note": event.note_ko},
                cited=Cited(event.source, event.mark),
            )
    if application.funding.ppp:
        low, high, verdict = ppp_score(application.funding.ppp)
        words = {"candidate": "후보", "no candidate": "비후보", "open": "판단 보류"}
        yield Finding(
            id="ppp_consideration",
            where="funding.ppp",
            values={"low": f"{low:.0f}", "high": f"{high:.0f}", "verdict": verdict},
            values_ko={"verdict": words[verdict]},
        )
    for row in application.rules.unverified:
        yield Finding(
            id="unverified", where="", values={"what": row.what}, values_ko={"what": row.what_ko}
        )
