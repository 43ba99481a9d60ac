"""Entries: what an application says that cannot be meant, to be known before it is handed in."""

from __future__ import annotations

from collections.abc import Iterator

from kcity_geo.programme.findings import Cited, Finding
from kcity_geo.programme.model import Application
from kcity_geo.programme.words import money

__all__ = ["entry_findings"]

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
    for look in (_consultation, _bounds, _email, _budget):
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


def _sums(won: int, dollars: int, language: str) -> dict[str, str]:
    return {"won": money(won, "KRW", language), "dollars": money(dollars, "USD", language)}
