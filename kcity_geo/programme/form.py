"""Form: the application form, a working draft of all that an application says."""

from __future__ import annotations

from kcity_geo.programme.blocks import Block, Heading, Signature, Table, Text, caveat, said
from kcity_geo.programme.model import Application
from kcity_geo.programme.plan_words import korean_plan
from kcity_geo.programme.subject import Subject, people_words
from kcity_geo.programme.words import bracketed, day_words, money, original, word, word_list

__all__ = ["form_blocks"]

_Rows = list[tuple[str, str]]


def form_blocks(subject: Subject, language: str) -> list[Block]:
    """
    Write the application form.

    Parameters
    ----------
    subject : application with its study.
    language : en or ko.

    Returns
    -------
    Sections with a row a field; what is empty says so.
    """
    application = subject.application
    parts = (
        _applicants(subject, language),
        _project(subject, language),
        _request(application, language),
        _package(application, language),
        _cooperation(application, language),
        _documents(application, language),
        [("contact", _joined(_contact(application)))],
    )
    blocks: list[Block] = [Text(text=said("common.draft", language), kind="warning")]
    heads = (said("form.field", language), said("form.entry", language))
    titles = said("form.sections", language).split("|")
    for title, rows in zip(titles, parts, strict=True):
        empty = said("common.empty", language)
        shown = tuple((said(f"form.{key}", language), value or empty) for key, value in rows)
        blocks.append(Heading(text=title))
        blocks.append(Table(columns=heads, rows=shown, widths=(0.28, 0.72)))
    blocks += [
        Text(text=said("form.declaration", language)),
        Signature(text=f"{subject.who(language)}: {said('letter.signature', language)}"),
        caveat(language),
    ]
    return blocks


def _joined(parts: tuple[str, ...], by: str = ", ") -> str:
    return by.join(p for p in parts if p)


def _contact(application: Application) -> tuple[str, ...]:
    contact = application.contact
    return contact.name, contact.office, contact.email, contact.phone


def _applicants(subject: Subject, language: str) -> _Rows:
    application = subject.application
    programme = application.programme
    names = tuple(
        bracketed(a.name, word("applicant", a.kind, language), language)
        for a in application.applicants
    )
    day = subject.day(language) if programme.submitted else ""
    stream = word("stream", programme.stream, language)
    return [
        ("year", said("form.year_of", language, year=programme.year, stream=stream)),
        ("channel", _joined((word("channel", programme.channel, language), day))),
        ("applicants", _joined(names, "; ")),
    ]


def _project(subject: Subject, language: str) -> _Rows:
    project, rules = subject.application.project, subject.application.rules
    kind = ""
    if project.type:
        kind = str(getattr(rules.types, f"{project.type.value}{'_ko' * (language == 'ko')}"))
    rows = [
        ("title_row", subject.title(language) if project.title else ""),
        ("place", subject.place(language)),
        ("area", ", ".join(f"{v:.4f}" for v in project.bounds or ())),
        ("type", kind),
        ("scope", word_list("scope", project.scope, language)),
        ("sectors", word_list("sector", project.sectors, language)),
        ("status", word("status", project.status, language)),
        ("site", subject.site(language)),
        ("land", original(project.land, language)),
        ("permits", original(_joined(project.permits, "; "), language)),
        ("data", original(_joined(project.data, "; "), language)),
        ("cost", korean_plan(project.cost) if language == "ko" else project.cost),
        ("problem", subject.problem(language)),
    ]
    return rows + [("label", project.label)] * bool(project.label)


def _request(application: Application, language: str) -> _Rows:
    request = application.request
    won = money(request.budget_krw, "KRW", language) if request.budget_krw else ""
    dollars = money(request.budget_usd, "USD", language) if request.budget_usd else ""
    both = said("form.budget_both", language) if won and dollars else ""
    return [
        ("study", word("study", request.study, language)),
        ("budget", _joined((won, dollars, both))),
        ("follow_up", word("follow_up", application.funding.follow_up, language)),
    ]


def _package(application: Application, language: str) -> _Rows:
    training, solution = application.training, application.solution
    number = people_words(training.persons, language) if training.persons else ""
    online = said("common.online", language) if training.online else ""
    built = application.package.project
    roles, dates = (original(t, language) for t in (_joined(training.roles), training.dates))
    rows = [
        ("project", korean_plan(built) if language == "ko" else built),
        ("consulting", original(application.package.consulting, language)),
        ("training", _joined((roles, number, dates, online), "; ")),
        ("agreed", said("common.yes" if training.agreed else "common.no", language)),
    ]
    if application.project.type == "solution_development" or solution.names:
        rows += [
            ("solution", _joined(solution.names)),
            ("operator", original(solution.operator, language)),
            ("operation", original(solution.operation_plan, language)),
        ]
    return rows


def _cooperation(application: Application, language: str) -> _Rows:
    g2g, team = application.g2g, application.demonstration
    day = day_words(g2g.prior_consultation, language) if g2g.prior_consultation else ""
    rows = [
        ("stage", word("stage", g2g.stage, language)),
        ("memorandum", g2g.memorandum),
        ("consultation", day),
        ("partners", _joined(g2g.partners)),
    ]
    if application.programme.stream.value == "demonstration":
        rows.append(("demonstration", _joined((team.lead, team.overseas_partner))))
    return rows


def _documents(application: Application, language: str) -> _Rows:
    papers = application.documents
    others = tuple(bracketed(o.title, o.city, language) for o in application.other_projects)
    rows = [("papers", _joined(papers.names, "; "))]
    return rows + [("others", _joined(others, "; "))] * bool(others)
