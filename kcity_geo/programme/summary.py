"""Summary: the target project summary, two pages that a ministry reads first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from kcity_geo.analysis.sites.contents import content_words
from kcity_geo.programme.advice import recommend_study, study_title
from kcity_geo.programme.blocks import Block, Bullets, Heading, Picture, Table, Text, caveat, said
from kcity_geo.programme.draft import of_study
from kcity_geo.programme.evidence import (
    missing_levels,
    people_short_range,
    rounded,
    survey_levels,
    survey_tasks_of,
)
from kcity_geo.programme.funding import funding_routes
from kcity_geo.programme.land_found import ranked_in_vain, why_no_site
from kcity_geo.programme.model import Stream
from kcity_geo.programme.sheets import caption_words, map_pack, sheet_title
from kcity_geo.programme.solutions import SolutionMatch, match_solutions
from kcity_geo.programme.subject import Subject, people_words
from kcity_geo.programme.words import as_of_words, bracketed, listed, money, word, word_list
from kcity_geo.retold import told_in
from kcity_geo.study_facts import LevelFacts, SiteFacts, StudyFacts

__all__ = [
    "level_words",
    "no_site_words",
    "reading_words",
    "sector_words",
    "site_rows",
    "solution_words",
    "summary_blocks",
]

_SITE_SHEET = 16
_PARTED = {"en": "; ", "ko": ", "}


def summary_blocks(subject: Subject, language: str) -> list[Block]:
    """
    Write the target project summary.

    Parameters
    ----------
    subject : application with its study.
    language : en or ko.

    Returns
    -------
    Two pages: what, why, where, with which solutions, what is asked for, how it goes on.
    """
    blocks: list[Block] = [
        Heading(text=said("summary.at_a_glance", language)),
        Table(columns=(), rows=tuple(_glance(subject, language)), widths=(0.24, 0.76)),
        Heading(text=said("summary.need", language)),
    ]
    facts = subject.facts
    if facts is None:
        blocks.append(Text(text=said("common.no_study", language), kind="warning"))
    else:
        problem = subject.problem(language)
        if problem and not of_study(problem, facts):
            problem = said("summary.own_words", language, problem=problem)
        blocks += [Text(text=problem), _need(facts, language)]
        blocks += _where(subject, facts, language)
        blocks += _what(facts, language)
    blocks += [Heading(text=said("summary.asked", language)), _asked(subject, language)]
    blocks += _funding(subject, language)
    blocks.append(caveat(language))
    return blocks


def _glance(subject: Subject, language: str) -> list[tuple[str, str]]:
    application = subject.application
    project, request = application.project, application.request
    empty = said("common.empty", language)
    types = application.rules.types
    kind = project.type.value if project.type else ""
    budget = money(request.budget_krw, "KRW", language) if request.budget_krw else ""
    if not budget and request.budget_usd:
        budget = money(request.budget_usd, "USD", language)
    applicants = ", ".join(a.name for a in application.applicants)
    rows = [
        ("title_row", subject.title(language)),
        ("place", subject.place(language)),
        ("applicants", applicants),
        ("type", getattr(types, f"{kind}{'_ko' * (language == 'ko')}") if kind else ""),
        ("sectors", word_list("sector", project.sectors, language)),
        ("status", word("status", project.status, language)),
        ("study", word("study", request.study, language)),
        ("budget", budget),
    ]
    return [(said(f"form.{key}", language), str(value) or empty) for key, value in rows]


def level_words(level: LevelFacts, language: str) -> str:
    """
    Name a level.

    Parameters
    ----------
    level : of a study.
    language : en or ko.

    Returns
    -------
    Its title.
    """
    return level.title if language == "en" else word("level", level.key, language)


def sector_words(levels: Sequence[LevelFacts], language: str) -> str:
    """
    List levels inside a sentence.

    Parameters
    ----------
    levels : of a study.
    language : en or ko.

    Returns
    -------
    Their titles, small in English.
    """
    titles = (level_words(level, language) for level in levels)
    return listed((title.lower() if language == "en" else title for title in titles), language)


def reading_words(level: LevelFacts, language: str) -> str:
    """
    Say the reading of a level.

    Parameters
    ----------
    level : of a study.
    language : en or ko.

    Returns
    -------
    Its title, in the words of the level.
    """
    kind = "flood_reading" if level.key == "flood" else "reading"
    return word(kind, level.reading, language)


def _need(facts: StudyFacts, language: str) -> Table:
    rows = []
    for level in facts.levels:
        low, high = people_short_range(level)
        told = level.reading != "not_assessed"
        rows.append(
            (
                level_words(level, language),
                people_words(low, language) if told else "–",  # noqa: RUF001
                people_words(high, language) if told else "–",  # noqa: RUF001
                reading_words(level, language),
                word("data", level.data, language) or "–",  # noqa: RUF001
            )
        )
    return Table(
        columns=tuple(said("summary.columns", language).split("|")),
        rows=tuple(rows),
        numeric=(1, 2),
        widths=(0.2, 0.2, 0.24, 0.24, 0.12),
    )


def _where(subject: Subject, facts: StudyFacts, language: str) -> list[Block]:
    blocks: list[Block] = [Heading(text=said("summary.where", language))]
    if not facts.sites:
        blocks.append(Text(text=no_site_words(facts, language)))
        return blocks
    best = facts.sites[0]
    blocks.append(
        Table(
            columns=(),
            rows=tuple(row[:2] for row in site_rows(best, language)),
            widths=(0.4, 0.6),
        ),
    )
    about = subject.layers.get(map_pack()[_SITE_SHEET - 1].layer)
    if about is not None:
        title = sheet_title(_SITE_SHEET, language)
        caption = caption_words(facts, about, language)
        blocks.append(Picture(sheet=_SITE_SHEET, title=title, caption=caption, small=True))
    return blocks


def no_site_words(facts: StudyFacts, language: str) -> str:
    """
    Say that a study names no site.

    Parameters
    ----------
    facts : of the study.
    language : en or ko.

    Returns
    -------
    With the reason of the study, but without what its user could change.
    """
    why = why_no_site(facts, language)
    key = "summary.no_land" if ranked_in_vain(facts) else "summary.no_site"
    told = said("summary.reason", language, why=why) if why else ""
    return said(key, language, why=told).strip()


def site_rows(site: SiteFacts, language: str) -> list[tuple[str, str, str]]:
    """
    Say what is known of a site.

    Parameters
    ----------
    site : of a study.
    language : en or ko.

    Returns
    -------
    Name, value, and id of the number in ``ledger.json`` (sentences and names have none); in Korean a reason that no
    row tells stays as the original, and says so.
    """
    label, area, score, place = said("annex.site_columns", language).split("|")
    where = f"{site.lat:.5f}, {site.lon:.5f}"
    stem = f"site.{site.label}"
    shown = "–" if site.score is None else f"{100 * site.score:.0f}"  # noqa: RUF001
    rows = [
        (label, bracketed(site.label, site.district, language), ""),
        (area, f"{site.area_ha:,.1f}", f"{stem}.area_ha"),
        (score, shown, f"{stem}.score"),
        (place, where, ""),
    ]
    rows += [
        (
            word("site_fact", key, language),
            rounded(value) if key.startswith("population") else f"{value:,.2f}",
            f"{stem}.{key}",
        )
        for key, value in site.facts.items()
    ]
    told = {"for_it": site.reasons[:3], "against_it": _against(site)}
    if site.stability:
        told["stability"] = (site.stability,)
    return rows + [
        (
            said(f"common.{name}", language),
            _PARTED[language].join(told_in(text, language) for text in texts),
            "",
        )
        for name, texts in told.items()
        if texts
    ]


def _against(site: SiteFacts) -> tuple[str, ...]:
    """Say what speaks against a site: all that stands on it, and three of the rest."""
    inside: dict[Hashable, object] = {"next_to": site.next_to}
    inside.update(site.inside.items())
    stands = content_words(inside)
    return (*stands, *[text for text in site.concerns if text not in stands][:3])


def solution_words(match: SolutionMatch, language: str) -> str:
    """
    Say what answers a shortfall.

    Parameters
    ----------
    match : of the study.
    language : en or ko.

    Returns
    -------
    One line; where nobody can tell, the survey comes first.
    """
    return said(
        "summary.solution_survey" if match.survey else "summary.solution_row",
        language,
        sector=word("sector", match.sector, language),
        kinds=", ".join(match.kinds(language)),
        sheet=match.sheet,
    )


def _what(facts: StudyFacts, language: str) -> list[Block]:
    lines = [solution_words(m, language) for m in match_solutions(facts)]
    return [
        Heading(text=said("summary.what", language)),
        Bullets(items=tuple(lines or [said("summary.solution_none", language)])),
    ]


def _asked(subject: Subject, language: str) -> Bullets:
    advice = recommend_study(subject.application, subject.facts)
    lines = [*_named(subject, language)]
    lines.append(said("summary.advice", language, study=study_title(advice.study, language)))
    asked = subject.application.request.study
    if asked and asked != advice.study:
        lines.append(said("summary.asked_differs", language))
    if advice.next_study and advice.missing:
        missing = ("; " if language == "en" else ", ").join(advice.missing_words(language))
        study = study_title(advice.next_study, language)
        lines.append(said("summary.advice_next", language, study=study, missing=missing))
    facts = subject.facts
    if facts:
        lines += _open(facts, language)
    return Bullets(items=tuple(lines))


def _named(subject: Subject, language: str) -> list[str]:
    """Name what is asked for: the kind of study, or the demonstration."""
    application = subject.application
    asked = word("study", application.request.study, language)
    if application.programme.stream is Stream.demonstration:
        asked = word("stream", Stream.demonstration, language)
    shown = asked or said("common.empty", language)
    return [said("summary.asked_study", language, study=shown)]


def _open(facts: StudyFacts, language: str) -> list[str]:
    """Say what to survey first, and where data are missing."""
    lines = []
    if silent := survey_levels(facts):
        first = ", ".join(_tasks(facts, silent, language))
        tasks, sectors = survey_tasks_of(facts, silent), sector_words(silent, language)
        key = "summary.survey" if tasks and first else "summary.survey_plain"
        lines.append(said(key, language, tasks=tasks, first=first, sectors=sectors))
    if missing := missing_levels(facts):
        sectors = sector_words(missing, language)
        lines.append(said("summary.data_missing", language, sectors=sectors))
    return lines


def _tasks(facts: StudyFacts, levels: Sequence[LevelFacts], language: str) -> list[str]:
    """Name the first places to survey for some levels, once each."""
    keys = {level.key for level in levels}
    told = [
        said(
            "summary.task",
            language,
            district=t.district or "-",
            look_for=told_in(t.look_for, language),
        )
        for t in facts.tasks
        if t.sector in keys
    ]
    return list(dict.fromkeys(told))[:2]


def _funding(subject: Subject, language: str) -> list[Block]:
    lines = [
        said(
            "summary.funding_row",
            language,
            title=route.title(language),
            verdict=word("verdict", route.verdict, language),
            day=as_of_words(route.as_of, language),
        )
        for route in funding_routes(subject.application)
    ]
    return [
        Heading(text=said("summary.funding", language)),
        Bullets(items=tuple(lines)),
        Text(text=said("summary.funding_note", language), kind="note"),
    ]
