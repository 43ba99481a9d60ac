"""
Papers: cover letter, application form, target project summary and evidence annex, in two languages.

All say the same numbers, those of the study; where nobody can tell, they ask for the survey first.
"""

from __future__ import annotations

from kcity_geo.programme.annex import annex_blocks
from kcity_geo.programme.blocks import Block, Paper, Picture, Signature, Text, caveat, said
from kcity_geo.programme.draft import of_study
from kcity_geo.programme.evidence import missing_levels, needs_of, survey_levels, survey_tasks_of
from kcity_geo.programme.form import form_blocks
from kcity_geo.programme.land_found import no_land
from kcity_geo.programme.subject import Subject
from kcity_geo.programme.summary import no_site_words, sector_words, summary_blocks
from kcity_geo.programme.words import word
from kcity_geo.study_facts import StudyFacts

__all__ = ["PAPERS", "Subject", "make_paper", "sheets_of"]

#: Documents of a dossier, in the order of the letter.
PAPERS = ("cover_letter", "application_form", "project_summary", "evidence_annex")


def make_paper(name: str, subject: Subject, language: str) -> Paper:
    """
    Make one document of a dossier.

    Parameters
    ----------
    name : one of `PAPERS`.
    subject : application with its study.
    language : en or ko.

    Returns
    -------
    The document.
    """
    makers = {
        "cover_letter": _letter,
        "application_form": form_blocks,
        "project_summary": summary_blocks,
        "evidence_annex": annex_blocks,
    }
    titles = {
        "cover_letter": "letter.title",
        "application_form": "form.title",
        "project_summary": "summary.title",
        "evidence_annex": "annex.title",
    }
    facts = subject.facts
    return Paper(
        id=name,
        title=said(titles[name], language),
        language=language,
        subject=subject.title(language),
        banner=said("common.synthetic", language) if facts and facts.synthetic else "",
        footer=subject.source(language),
        blocks=tuple(makers[name](subject, language)),
        author=facts.author if facts else "",
    )


def sheets_of(paper: Paper) -> dict[int, bool]:
    """
    List the sheets of the map pack that a document shows.

    Parameters
    ----------
    paper : document.

    Returns
    -------
    Their numbers, and whether they are shown small.
    """
    return {b.sheet: b.small for b in paper.blocks if isinstance(b, Picture)}


def _letter(subject: Subject, language: str) -> list[Block]:
    application, who = subject.application, subject.who(language)
    programme = said("common.programme", language)
    year = application.programme.year
    values = {
        "who": who,
        "programme": programme,
        "year": year,
        "title": subject.title(language),
        "place": subject.place(language),
        "study": _study(subject, language),
    }
    demo = application.programme.stream.value == "demonstration"
    body = [
        said("letter.opening", language),
        said("letter.body_demo" if demo else "letter.body", language, **values),
    ]
    if subject.problem(language):
        body.append(_problem(subject, language))
    if subject.facts:
        if no_land(application, subject.facts):
            body.append(no_site_words(subject.facts, language))
        body += _open(subject, subject.facts, language)
    body.append(said("letter.duties_demo" if demo else "letter.duties", language))
    if language == "ko":  # Korean letters number their paragraphs
        body = [f"{number}. {text}" for number, text in enumerate(body, start=1)]
    closing, attached = (Text(text=said(f"letter.{k}", language)) for k in ("closing", "attached"))
    signed = Signature(text=f"{who}: {said('letter.signature', language)}")
    # Korean letters list what is attached before who sends it, English ones below the signature.
    ends: list[Block] = [attached, signed] if language == "ko" else [closing, signed, attached]
    return [
        Text(text=said("letter.to", language), kind="lead"),
        Text(text=said("letter.from", language, who=who), kind="lead"),
        Text(text=said("letter.day", language, day=subject.day(language)), kind="lead"),
        Text(text=said("letter.subject", language, **values), kind="strong"),
        *(Text(text=text) for text in body if text),
        *ends,
        caveat(language),
    ]


def _problem(subject: Subject, language: str) -> str:
    """Say the problem; the words of a study without shortfall are no reason why the project is needed."""
    problem, facts = subject.problem(language), subject.facts
    unneeded = facts is not None and not needs_of(facts) and of_study(problem, facts)
    return said("letter.state" if unneeded else "letter.problem", language, problem=problem)


def _open(subject: Subject, facts: StudyFacts, language: str) -> list[str]:
    """Ask for the survey where one can tell, and say where data are missing, unless the problem says so."""
    found = []
    if silent := survey_levels(facts):
        tasks = survey_tasks_of(facts, silent)
        key = "letter.survey" if tasks else "letter.survey_plain"
        found.append(said(key, language, sectors=sector_words(silent, language), tasks=tasks))
    told = of_study(subject.problem(language), facts)
    if not told and (missing := missing_levels(facts)):
        sectors = sector_words(missing, language)
        found.append(said("letter.data_missing", language, sectors=sectors))
    return found


def _study(subject: Subject, language: str) -> str:
    study = subject.application.request.study
    if not study:
        return said("common.empty", language)
    title = word("study", study, language)
    return title.lower() if language == "en" else title
