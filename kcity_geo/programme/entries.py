"""Entries: what an application says that cannot be meant, to be known before it is handed in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.programme.findings import Cited, Finding
from kcity_geo.programme.lands import (
    countries_within,
    country_code,
    country_name,
    same_land,
    script_of,
)
from kcity_geo.programme.model import Application
from kcity_geo.programme.words import LANGUAGES, money
from kcity_geo.study_facts import StudyFacts

__all__ = ["entry_findings", "place_findings"]

_WORLD = (-180.0, -90.0, 180.0, 90.0)


def entry_findings(application: Application) -> Iterator[Finding]:
    """
    Look for entries that contradict each other, or are not what their key holds.

    Parameters
    ----------
    application : to be checked.

    Yields
    ------
    A finding each, none a hard gate.
    """
    for look in (_consultation, _bounds, _email, _budget, _at_home):
        yield from look(application)


def _consultation(application: Application) -> Iterator[Finding]:
    consulted, day = application.g2g.prior_consultation, application.programme.submitted
    if consulted and day and consulted > day:
        values = {"consulted": consulted.isoformat(), "day": day.isoformat()}
        yield Finding(id="consultation_after", where="g2g.prior_consultation", values=values)


def _bounds(application: Application) -> Iterator[Finding]:
    bounds = application.project.bounds
    if bounds is None:
        return
    west, south, east, north = bounds
    inside = all(
        low <= value <= high
        for value, low, high in zip(bounds, _WORLD[:2] * 2, _WORLD[2:] * 2, strict=True)
    )
    if not (inside and west < east and south < north):
        values = {"bounds": list(bounds)}
        yield Finding(id="bounds_wrong", where="project.bounds", values=values)


def _email(application: Application) -> Iterator[Finding]:
    email = application.contact.email
    name, _, host = email.partition("@")
    if email and not (name and host and "@" not in host and len(email.split()) == 1):
        duties = next(rule for rule in application.rules.faq if rule.id == "duties")
        yield Finding(
            id="email_strange",
            where="contact.email",
            values={"email": email},
            cited=Cited(duties.source, duties.mark),
        )


def _budget(application: Application) -> Iterator[Finding]:
    request = application.request
    if request.budget_krw is None or request.budget_usd is None:
        return
    kind = application.project.type or "urban_development"
    cap = application.rules.cap(application.programme.stream, kind)
    yield Finding(
        id="budget_both",
        where="request",
        values=_sums(request.budget_krw, request.budget_usd, "en"),
        values_ko=_sums(request.budget_krw, request.budget_usd, "ko"),
        cited=Cited(cap.source, cap.mark) if cap else Cited(("NONE",), "-"),
    )


def _at_home(application: Application) -> Iterator[Finding]:
    """Note where none of those who may lead is of the country of the project."""
    rule = application.rules.applicants
    leads = [a for a in application.applicants if a.kind in rule.lead and a.country]
    try:
        code = country_code(application.project.country)
        homes = [country_code(a.country) for a in leads]
    except StudyError:
        return  # a country that is empty or not known says nothing
    if homes and not any(same_land(code, home) for home in homes):
        told = {
            language: {
                "country": country_name(code, language),
                "homes": ", ".join(dict.fromkeys(country_name(h, language) for h in homes)),
            }
            for language in LANGUAGES
        }
        yield Finding(
            id="applicant_elsewhere",
            where="applicants",
            values=told["en"],
            values_ko=told["ko"],
            cited=Cited(rule.source, rule.mark),
        )


def _sums(won: int, dollars: int, language: str) -> dict[str, str]:
    return {"won": money(won, "KRW", language), "dollars": money(dollars, "USD", language)}


def place_findings(application: Application, facts: StudyFacts | None) -> Iterator[Finding]:
    """
    Hold the place of an application against that of the study behind it.

    Parameters
    ----------
    application : to be checked.
    facts : of the study; None: none.

    Yields
    ------
    A finding where the names share no word, and one where the areas do not touch; neither is a hard gate,
    as a city has names that no list knows. A study far from every city of the country is one.
    """
    yield from _country(application, facts)
    if facts is None:
        return
    project = application.project
    named = [n for n in (project.city, project.city_ko, project.region) if n]
    comparable = [n for n in named if script_of(n) == script_of(facts.city)]
    if project.city and comparable and not any(_share_a_word(n, facts.city) for n in comparable):
        values = {"city": project.city, "studied": facts.city}
        yield Finding(id="study_other_name", where="project.city", values=values)
    if project.bounds and _apart(project.bounds, facts.bounds):
        values = {"studied": facts.city, "bounds": ", ".join(f"{b:g}" for b in facts.bounds)}
        yield Finding(id="study_elsewhere", where="project.bounds", values=values)


def _country(application: Application, facts: StudyFacts | None) -> Iterator[Finding]:
    """Hold the country of an application against that of the study; a synthetic city lies in none."""
    named = application.project.country
    if not named:
        return
    try:
        code = country_code(named)
    except StudyError:
        duties = application.rules.documents
        yield Finding(
            id="country_unknown",
            where="project.country",
            values={"country": named},
            cited=Cited(duties.source, duties.mark),
        )
        return
    if facts is None or facts.synthetic:
        return
    far = float(read_table("programme/findings")["abroad"]["far_km"])
    around, inside = (countries_within(facts.bounds, distance) for distance in (far, 0.0))
    if around and not any(same_land(code, other) for other in around):
        near = countries_within(facts.bounds, far / 10) or around
        yield _in_another("study_abroad", code, near, facts.city, far)
    elif inside and not any(same_land(code, other) for other in inside):
        yield _in_another("study_over_border", code, inside, facts.city, far)


def _in_another(
    name: str, code: str, there: frozenset[str], studied: str, far_km: float
) -> Finding:
    told = {
        language: {
            "country": country_name(code, language),
            "there": ", ".join(sorted(country_name(other, language) for other in there)),
        }
        for language in LANGUAGES
    }
    return Finding(
        id=name,
        where="project.country",
        values={**told["en"], "studied": studied, "far": f"{far_km:g}"},
        values_ko=told["ko"],
    )


def _words(name: str) -> list[str]:
    """Words of a name, without case and accents."""
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", name.casefold())
        if not unicodedata.combining(letter)
    )
    return re.findall(r"\w+", bare)


def _share_a_word(one: str, other: str) -> bool:
    """Tell whether two names share a word, or are one but for their spaces (Ha Noi, Hanoi)."""
    first, second = _words(one), _words(other)
    return bool(set(first) & set(second)) or "".join(first) == "".join(second)


def _apart(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    """Tell whether two areas do not touch; of bounds that are none nothing is said."""
    west, south, east, north = one
    if west >= east or south >= north:
        return False
    return west > other[2] or east < other[0] or south > other[3] or north < other[1]
