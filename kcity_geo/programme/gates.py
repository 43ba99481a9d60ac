"""Gates: the rules of a year that an application must meet, or what is missing to tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from kcity_geo.errors import StudyError
from kcity_geo.programme.findings import Cited, Finding
from kcity_geo.programme.lands import country_code, folded, known_city
from kcity_geo.programme.model import Applicant, Application, ProjectType, Stream
from kcity_geo.programme.rules import Cap, Window, rule_rows
from kcity_geo.programme.words import known_words, word, word_list

__all__ = ["gate_findings", "is_city_of", "same_place"]


def gate_findings(application: Application) -> Iterator[Finding]:
    """
    Hold an application against the gates of its year.

    Parameters
    ----------
    application : to be checked.

    Yields
    ------
    A finding each.
    """
    for gate in (_type, _scope, _solution, _applicants, _one_project, _budget, _window):
        yield from gate(application)
    for gate in (_papers, _channel, _consortium):
        yield from gate(application)


def _type(application: Application) -> Iterator[Finding]:
    rule, project = application.rules.types, application.project
    cited = Cited(rule.source, rule.mark)
    stream, year = application.programme.stream, application.programme.year
    if project.type is None:
        yield Finding(id="type_missing", where="project.type", cited=cited)
    if stream not in rule.streams:
        yield Finding(
            id="stream_closed",
            where="programme.stream",
            values={"year": year, "stream": stream.value},
            values_ko={"stream": word("stream", stream, "ko")},
            cited=cited,
        )
    number = max(len(application.solution.names), 1)
    wrong = rule.several_solutions not in {"either", project.type}
    if project.type is ProjectType.solution and number > 1 and wrong:
        name = "several_solutions" if rule.mark == "V" else "several_solutions_carried"
        yield Finding(
            id=name, where="solution.names", values={"number": number, "year": year}, cited=cited
        )


def _scope(application: Application) -> Iterator[Finding]:
    project, rule = application.project, application.rules.types
    cited = Cited(rule.source, rule.mark)
    if project.type is ProjectType.urban and not project.scope:
        values = {"known": ", ".join(known_words("scope"))}
        yield Finding(id="scope_missing", where="project.scope", values=values, cited=cited)
    if project.type is ProjectType.solution and not project.sectors:
        values = {"known": ", ".join(known_words("sector"))}
        yield Finding(id="sector_missing", where="project.sectors", values=values, cited=cited)


def _solution(application: Application) -> Iterator[Finding]:
    if application.project.type is not ProjectType.solution:
        return
    rule = application.rules.types
    cited = Cited(rule.source, rule.mark)
    if not _says(application.solution.operator):
        yield Finding(id="operator_missing", where="solution.operator", cited=cited)
    if not _says(application.solution.operation_plan):
        yield Finding(id="operation_plan_missing", where="solution.operation_plan", cited=cited)


def _applicants(application: Application) -> Iterator[Finding]:
    if application.programme.stream is Stream.demonstration:
        return  # `_consortium` decides: one Korean firm may lead it alone
    rule, year = application.rules.applicants, application.programme.year
    cited = Cited(rule.source, rule.mark)
    kinds = tuple(dict.fromkeys(a.kind for a in application.applicants))
    known = {"known": ", ".join(rule.lead)}
    known_ko = {"known": word_list("applicant", rule.lead, "ko")}
    if not kinds:
        yield Finding(
            id="applicant_missing",
            where="applicants",
            values=known,
            values_ko=known_ko,
            cited=cited,
        )
        return
    if set(kinds) == {"private_company"}:
        yield Finding(
            id="private_only", where="applicants", values=known, values_ko=known_ko, cited=cited
        )
    elif not set(kinds) & set(rule.lead):
        yield Finding(
            id="no_lead",
            where="applicants",
            values={"year": year, "kinds": ", ".join(kinds), **known},
            values_ko={"kinds": word_list("applicant", kinds, "ko"), **known_ko},
            cited=cited,
        )
    leading = [a for a in application.applicants if a.kind in rule.lead]
    if leading and all(_is_korean(a) for a in leading):
        faq = next(r for r in application.rules.faq if r.id == "foreign")
        yield Finding(
            id="korean_only",
            where="applicants",
            values={"names": ", ".join(a.name for a in leading), **known},
            values_ko=known_ko,
            cited=Cited(faq.source, faq.mark),
        )
    strange = tuple(k for k in kinds if k not in {*rule.lead, *rule.joined})
    if strange:
        yield Finding(
            id="not_admitted",
            where="applicants",
            values={"year": year, "kinds": ", ".join(strange)},
            values_ko={"kinds": word_list("applicant", strange, "ko")},
            cited=cited,
        )


def _says(*texts: str) -> bool:
    """Tell whether texts say something: a dash in place of words says nothing."""
    return any(letter.isalnum() for text in texts for letter in text)


def _is_korean(applicant: Applicant) -> bool:
    try:
        return country_code(applicant.country) == "KR"
    except StudyError:
        return False  # a country that is empty or not known says nothing


def same_place(one: str, other: str) -> bool:
    """
    Tell whether two names are one, whatever case, spaces and accents' composition.

    Parameters
    ----------
    one, other : names of cities or offices.

    Returns
    -------
    True when they are the same; two empty names are not.

    Examples
    --------
    >>> same_place("Kota Kinabalu", " kota  kinabalu")
    True
    """
    first, second = folded(one), folded(other)
    return bool(first) and first == second


def is_city_of(application: Application, *names: str) -> bool:
    """
    Tell whether one of some names is that of the host city, in whatever language.

    Parameters
    ----------
    application : of the project.
    *names : of cities of the same country.

    Returns
    -------
    True where a name is the English or Korean one of the application, or another one that the gazetteer
    knows of the same city.
    """
    own = [n for n in (application.project.city, application.project.city_ko) if n]
    if any(same_place(one, other) for one, other in product(own, names)):
        return True
    try:
        code = country_code(application.project.country)
    except StudyError:
        return False  # of a country that is not known no city is either
    known = [frozenset().union(*(known_city(n, code) for n in some)) for some in (own, names)]
    return not known[0].isdisjoint(known[1])


def _one_project(application: Application) -> Iterator[Finding]:
    rule = next(r for r in application.rules.faq if r.id == "one_project")
    names = [a.name for a in application.applicants]
    for other in application.other_projects:
        ours = not other.applicant or any(same_place(other.applicant, n) for n in names)
        if ours and is_city_of(application, other.city):
            who = other.applicant or (names[0] if names else "?")
            values = {"applicant": who, "city": other.city, "other": other.title}
            yield Finding(
                id="second_project",
                where="other_projects",
                values=values,
                cited=Cited(rule.source, rule.mark),
            )


def _budget(application: Application) -> Iterator[Finding]:
    kind = application.project.type or ProjectType.urban
    stream = application.programme.stream
    cap = application.rules.cap(stream, kind)
    if cap is None:
        year = application.programme.year
        yield Finding(
            id="no_cap",
            where="request",
            values={"year": year},
            cited=Cited(("NONE",), "-"),
        )
        return
    request = application.request
    if request.budget_krw is None and (request.budget_usd is None or cap.usd is None):
        yield Finding(
            id="budget_missing",
            where="request.budget_krw",
            values={"currency": "KRW", "key": "budget_krw"},
            values_ko={"currency": word("currency", "KRW", "ko")},
            cited=Cited(cap.source, cap.mark),
        )
    if request.budget_krw is not None:
        yield from _held_against(request.budget_krw, "KRW", cap.krw, cap)
        yield from _below(request.budget_krw, cap)
        award = application.rules.cap(stream, kind, hard=False)
        if award is not None and award.krw < request.budget_krw <= cap.krw:
            yield _amount("over_award", request.budget_krw, "KRW", award.krw, award)
    if request.budget_usd is not None and cap.usd is not None:
        yield from _held_against(request.budget_usd, "USD", cap.usd, cap)


def _held_against(asked: int, currency: str, most: int, cap: Cap) -> Iterator[Finding]:
    if asked > most:
        carried = cap.mark == "D"
        yield _amount("over_cap_carried" if carried else "over_cap", asked, currency, most, cap)


def _below(asked: int, cap: Cap) -> Iterator[Finding]:
    if cap.from_krw is not None and asked < cap.from_krw:
        yield _amount("under_range", asked, "KRW", cap.krw, cap)


def _amount(name: str, asked: int, currency: str, most: int, cap: Cap) -> Finding:
    return Finding(
        id=name,
        where=f"request.budget_{currency.lower()}",
        values={
            "asked": f"{asked:,}",
            "currency": currency,
            "over": f"{asked - most:,}",
            "cap": f"{most:,}",
            "from": f"{cap.from_krw or 0:,}",
            "year": cap.year,
        },
        values_ko={"currency": word("currency", currency, "ko")},
        cited=Cited(cap.source, cap.mark),
    )


def _window(application: Application) -> Iterator[Finding]:
    programme = application.programme
    window = application.rules.window(programme.stream)
    cited = Cited(window.source if window else ("NONE",), window.mark if window else "-")
    day = programme.submitted
    if day is None:
        yield Finding(id="day_missing", where="programme.submitted", cited=cited)
        return
    values = {"day": day.isoformat(), "year": programme.year, **_ends(window)}
    name = ""
    if day.year != programme.year:
        name = "other_year"
    elif application.rules.is_open(day, programme.stream) is None:
        name = "window_unknown"
    elif window and window.opens and day < window.opens:
        name = "early"
    elif window and window.closes and day > window.closes:
        name = "next_year" if window.later_counts_for_next_year else "late"
    if name:
        yield Finding(id=name, where="programme.submitted", values=values, cited=cited)


def _ends(window: Window | None) -> dict[str, str]:
    opens = window.opens.isoformat() if window and window.opens else ""
    closes = window.closes.isoformat() if window and window.closes else ""
    return {"opens": opens, "closes": closes}


def _papers(application: Application) -> Iterator[Finding]:
    rule, papers = application.rules.documents, application.documents
    cited = Cited(rule.source, rule.mark)
    if "application_form" in rule.required and not _says(papers.application_form):
        yield Finding(id="form_missing", where="documents.application_form", cited=cited)
    if "project_summary" in rule.required and not _says(*papers.project_summary):
        yield Finding(id="summary_missing", where="documents.project_summary", cited=cited)
    if application.programme.year != rule.year or rule.mark == "D":
        values = {"year": application.programme.year}
        yield Finding(id="documents_carried", where="documents", values=values, cited=cited)


def _channel(application: Application) -> Iterator[Finding]:
    rule, channel = application.rules.documents, application.programme.channel
    if not rule.channels:
        yield from _carried_channel(application)
        return
    values = {"channel": channel, "year": rule.year, "known": ", ".join(rule.channels)}
    where, cited = "programme.channel", Cited(rule.source, rule.mark)
    if not channel:
        yield Finding(id="channel_missing", where=where, values=values, cited=cited)
    elif channel not in rule.channels:
        korean = _channels_ko(channel, rule.channels)
        yield Finding(id="channel_wrong", where=where, values=values, values_ko=korean, cited=cited)


def _channels_ko(channel: str, known: Sequence[str]) -> dict[str, str]:
    """Say channels in Korean; those that may be written, as they are written, too."""
    told = ", ".join(f"{word('channel', name, 'ko')}({name})" for name in known)
    return {"channel": word("channel", channel, "ko"), "known": told}


def _carried_channel(application: Application) -> Iterator[Finding]:
    """Where the channels of a year could not be read, those of the last year that told them are asked for."""
    told = [r for r in rule_rows("documents") if r["channels"]]
    rule, channel = told[-1], application.programme.channel
    if channel and channel not in rule["channels"]:
        values = {
            "channel": channel,
            "year": application.programme.year,
            "told": rule["year"],
            "known": ", ".join(rule["channels"]),
        }
        cited = Cited(tuple(rule["source"]), "D")
        yield Finding(
            id="channel_strange",
            where="programme.channel",
            values=values,
            values_ko=_channels_ko(channel, rule["channels"]),
            cited=cited,
        )


def _consortium(application: Application) -> Iterator[Finding]:
    if application.programme.stream is not Stream.demonstration:
        return
    rule, team = application.rules.demonstration, application.demonstration
    cited = Cited(tuple(rule["source"]), rule["mark"])
    known = {"known": ", ".join(rule["overseas"])}
    known_ko = {"known": word_list("applicant", tuple(rule["overseas"]), "ko")}
    if not _says(team.lead):
        yield Finding(id="lead_missing", where="demonstration.lead", cited=cited)
    if not (_says(team.overseas_partner) and team.overseas_kind):
        yield Finding(
            id="partner_missing",
            where="demonstration",
            values=known,
            values_ko=known_ko,
            cited=cited,
        )
    elif team.overseas_kind not in rule["overseas"]:
        kind = team.overseas_kind
        yield Finding(
            id="partner_private" if kind == "private_company" else "partner_strange",
            where="demonstration.overseas_kind",
            values={"kind": word("applicant", kind).lower(), **known},
            values_ko={"kind": word("applicant", kind, "ko"), **known_ko},
            cited=cited,
        )
