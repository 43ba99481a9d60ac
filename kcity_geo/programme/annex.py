"""Annex: the evidence behind an application, each number with its id in the ledger of the study, and the map pack."""

from __future__ import annotations

import math

from kcity_geo.programme.advice import content_matrix, matrix_source, recommend_study, study_title
from kcity_geo.programme.blocks import (
    Block,
    Bullets,
    Heading,
    Picture,
    Table,
    Text,
    caveat,
    said,
    verdict_words,
)
from kcity_geo.programme.evidence import SHORT_READINGS, missing_levels, rounded
from kcity_geo.programme.funding import funding_routes
from kcity_geo.programme.scoring import scorecard
from kcity_geo.programme.sheets import Sheet, caption_words, map_pack, plan_caption, sheet_title
from kcity_geo.programme.solutions import SolutionMatch, match_solutions
from kcity_geo.programme.subject import Subject
from kcity_geo.programme.summary import level_words, no_site_words, site_rows
from kcity_geo.programme.words import as_of_words, known_words, word
from kcity_geo.retold import retold, told_in
from kcity_geo.study_facts import LevelFacts, StudyFacts

__all__ = ["annex_blocks"]

#: Findings that the dossier itself mends, or that stand elsewhere in the annex.
_FOR_THE_APPLICANT = {"unverified", "form_missing", "summary_missing"}
#: Layers that a study without sites may lack for the same reason.
_OF_RANKING = {"suitability", "best_tenth"}
_WHOLE_SPACE = "\N{NO-BREAK SPACE}"
_DASH = "–"  # noqa: RUF001 - typographic dash for what is not known


def annex_blocks(subject: Subject, language: str) -> list[Block]:
    """
    Write the evidence annex.

    Parameters
    ----------
    subject : application with its study.
    language : en or ko.

    Returns
    -------
    Readings, sites, survey, solutions, study, criteria, funding, findings, maps, sources.
    """
    facts = subject.facts
    blocks: list[Block] = [Text(text=subject.source(language), kind="note")]
    if facts is not None:
        blocks += _readings(facts, language)
        blocks += _sites(facts, language)
        blocks += _survey(facts, language)
        blocks += _solutions(subject, facts, language)
    blocks += _study(subject, language)
    blocks += _criteria(subject, language)
    blocks += _funding(subject, language)
    blocks += _findings(subject, language)
    if facts is not None and subject.layers:
        blocks += _maps(subject, facts, language)
    blocks += _sources(subject, language)
    return blocks


def _columns(key: str, language: str) -> tuple[str, ...]:
    return tuple(said(key, language).split("|"))


def _readings(facts: StudyFacts, language: str) -> list[Block]:
    return [
        Heading(text=said("annex.readings", language)),
        Table(
            columns=_columns("annex.columns", language),
            rows=tuple(_level_row(level, language) for level in facts.levels),
            numeric=(1, 2, 3, 4, 5, 6, 7, 8),
            widths=(0.115, 0.07, 0.1, 0.085, 0.1, 0.08, 0.1, 0.095, 0.11, 0.145),
        ),
        Text(text=said("annex.rounding", language), kind="note"),
    ]


def _level_row(level: LevelFacts, language: str) -> tuple[str, ...]:
    # Those of whom nobody can tell stand together, so that the first four are the most who may fall short.
    keys = (*SHORT_READINGS, "cannot_tell", "not_assessed", "partly_short", "adequate")
    people = [rounded(level.people[k]) if k in level.people else _DASH for k in keys]
    if level.reading == "not_assessed":
        people = [
            one if key == "not_assessed" else _DASH for key, one in zip(keys, people, strict=True)
        ]
    return (
        level_words(level, language),
        *people,
        _percent(level.gap_raw, language),
        _percents(level, language),
        f"{level.key}.*.city",
    )


def _percent(share: float | None, language: str) -> str:
    return _DASH if share is None else said("common.percent", language, share=f"{100 * share:.0f}")


def _percents(level: LevelFacts, language: str) -> str:
    if level.gap_lo is None or level.gap_hi is None:
        return _DASH
    low, high = f"{100 * level.gap_lo:.0f}", f"{100 * level.gap_hi:.0f}"
    return said("common.percent_between", language, low=low, high=high)


def _sites(facts: StudyFacts, language: str) -> list[Block]:
    blocks: list[Block] = [Heading(text=said("annex.sites", language))]
    if not facts.sites:
        blocks.append(Text(text=no_site_words(facts, language)))
    for site in facts.sites:
        if site.score is None:
            blocks.append(Text(text=said("summary.site_mark", language), kind="note"))
        blocks.append(
            Table(
                columns=_columns("annex.site_head", language),
                rows=tuple(site_rows(site, language)),
                widths=(0.36, 0.38, 0.26),
            )
        )
    return blocks


def _survey(facts: StudyFacts, language: str) -> list[Block]:
    head = Heading(text=said("annex.survey", language))
    if not facts.tasks:
        return [head, Text(text=said("annex.survey_none", language))]
    rows = tuple(
        (
            t.district or _DASH,
            word("level", t.sector, language),
            told_in(t.look_for, language),
            _DASH if t.people_open is None else rounded(t.people_open),
            f"survey.{number}.people_open",
        )
        for number, t in enumerate(facts.tasks, start=1)
    )
    columns = _columns("annex.survey_columns", language)
    table = Table(columns=columns, rows=rows, numeric=(3,), widths=(0.16, 0.13, 0.33, 0.14, 0.24))
    blocks: list[Block] = [head, table]
    more = facts.survey_tasks - len(facts.tasks)
    if more > 0:
        blocks.append(Text(text=said("common.and_more", language, number=more), kind="note"))
    return blocks


def _solutions(subject: Subject, facts: StudyFacts, language: str) -> list[Block]:
    head = Heading(text=said("annex.solutions", language))
    found = match_solutions(facts)
    if not found:
        return [head, Text(text=said("summary.solution_none", language))]
    rows = tuple(
        (
            word("sector", m.sector, language),
            ", ".join(m.kinds(language)),
            _people(m, language),
            str(m.sheet),
            "; ".join(m.siting(subject.study_file)) or _DASH,
        )
        for m in found
    )
    columns = _columns("annex.solution_columns", language)
    marks = f"{found[0].sourced(language)} [{found[0].mark}]"
    return [
        head,
        Table(columns=columns, rows=rows, widths=(0.16, 0.34, 0.16, 0.08, 0.26)),
        Text(text=said("annex.siting", language), kind="note"),
        Text(text=marks, kind="note"),
    ]


def _people(match: SolutionMatch, language: str) -> str:
    if math.isnan(match.people_low):
        return _DASH
    low, high = rounded(match.people_low), rounded(match.people_high)
    return low if low == high else said("common.between", language, low=low, high=high)


def _study(subject: Subject, language: str) -> list[Block]:
    advice = recommend_study(subject.application, subject.facts)
    lines = [said("summary.advice", language, study=study_title(advice.study, language))]
    if advice.next_study and advice.missing:
        missing = ("; " if language == "en" else ", ").join(advice.missing_words(language))
        study = study_title(advice.next_study, language)
        lines.append(said("summary.advice_next", language, study=study, missing=missing))
    studies = known_words("study")
    columns = (
        said("annex.matrix_chapter", language),
        *(word("study", s, language) for s in studies),
        said("annex.matrix_supplied", language),
    )
    rows = tuple(
        (row["chapter"], *(_cell(row[s], language) for s in studies), row["supplied"])
        for row in content_matrix(language).to_dict("records")
    )
    return [
        Heading(text=said("annex.study", language)),
        Bullets(items=tuple(lines)),
        Table(columns=columns, rows=rows, widths=(0.22, 0.12, 0.12, 0.14, 0.14, 0.26)),
        Text(text=matrix_source(language), kind="note"),
    ]


def _cell(text: str, language: str) -> str:
    level, _, share = text.partition(", ")
    shown = word("matrix", level, language)
    if not share:
        return shown
    if language == "ko":
        share = share.replace(" to ", "~").replace(" %", "%")
    # No line ends between a number and its unit.
    return f"{shown}, {share.replace(' %', _WHOLE_SPACE + '%')}"


def _criteria(subject: Subject, language: str) -> list[Block]:
    application = subject.application
    card = scorecard(application, subject.facts)
    rows = tuple(
        (
            c.title if language == "en" else c.title_ko,
            "; ".join(e.shown(language) for e in c.found) or _DASH,
            f"{len(c.found)}/{len(c.evidence)}",
            "; ".join(e.title(language) for e in c.missing) or _DASH,
        )
        for c in card.criteria
    )
    year = card.criteria[0].named_from
    columns = _columns("annex.criteria_columns", language)
    blocks: list[Block] = [
        Heading(text=said("annex.criteria", language, year=year)),
        Table(columns=columns, rows=rows, widths=(0.18, 0.32, 0.08, 0.42)),
        Text(text=said("annex.criteria_note", language), kind="note"),
        Text(text=card.criteria[0].sourced(language), kind="note"),
    ]
    if note := card.note if language == "en" else card.note_ko:
        blocks.append(Text(text=note, kind="note"))
    return blocks


def _funding(subject: Subject, language: str) -> list[Block]:
    rows = tuple(
        (
            route.title(language),
            f"{word('verdict', route.verdict, language)}",
            route.text(language),
            f"{as_of_words(route.as_of, language)} [{route.mark}]",
        )
        for route in funding_routes(subject.application)
    )
    return [
        Heading(text=said("annex.funding", language)),
        Table(
            columns=_columns("annex.funding_columns", language),
            rows=rows,
            widths=(0.3, 0.12, 0.44, 0.14),
        ),
        Text(text=said("summary.funding_note", language), kind="note"),
    ]


def _findings(subject: Subject, language: str) -> list[Block]:
    shown = [f for f in subject.checked.findings if f.id not in _FOR_THE_APPLICANT]
    rows = tuple(
        (
            word("level_of_finding", f.level, language),
            f.text(language).replace("`", ""),
            f.rule_words(language),
        )
        for f in shown
    )
    refused, missing = (sum(f.level == level for f in shown) for level in ("refused", "missing"))
    year = subject.application.programme.year
    return [
        Heading(text=said("annex.findings", language, year=year)),
        Text(text=verdict_words(refused, missing, language)),
        Table(
            columns=_columns("annex.findings_columns", language),
            rows=rows,
            widths=(0.1, 0.58, 0.32),
        ),
    ]


def _maps(subject: Subject, facts: StudyFacts, language: str) -> list[Block]:
    blocks: list[Block] = [Heading(text=said("annex.maps", language))]
    left_out = []
    for sheet in map_pack():
        reason = _not_drawn(sheet, subject, language)
        if reason:
            left_out.append(f"{sheet_title(sheet.number, language)} – {reason}")  # noqa: RUF001
            continue
        title = sheet_title(sheet.number, language)
        caption = _caption(sheet, subject, facts, language)
        blocks.append(Picture(sheet=sheet.number, title=title, caption=caption))
    if left_out:
        blocks.append(Text(text=said("annex.not_drawn", language), kind="strong"))
        blocks.append(Bullets(items=tuple(left_out)))
    return blocks


def _caption(sheet: Sheet, subject: Subject, facts: StudyFacts, language: str) -> str:
    if sheet.draw == "plan" and subject.plan is not None:
        return plan_caption(sheet, subject.plan, language)
    about = subject.layers.get(sheet.layer)
    caption = caption_words(facts, about, language, evidence=sheet.evidence)
    if sheet.draw == "place":
        bounds = ", ".join(f"{degree:.3f}" for degree in facts.bounds)
        caption = f"{caption} {said('annex.bounds', language, bounds=bounds)}"
    if sheet.sure or sheet.draw == "reading":
        caption = f"{caption} {said('annex.hatched', language)}"
    return f"{caption} {sheet.blank if language == 'en' else sheet.blank_ko}".strip()


def _not_drawn(sheet: Sheet, subject: Subject, language: str) -> str:
    if sheet.draw == "plan":
        if subject.plan is None:
            return said("annex.no_plan", language).replace("`", "")
        drawn = {one.number for one in subject.plan.sheets}
        return "" if sheet.number in drawn else said("annex.no_sheet", language)
    facts = subject.facts
    if sheet.draw == "reading" and facts is not None:
        unread = {f"{level.key}_reading" for level in missing_levels(facts)}
        if sheet.layer in unread:
            return said("annex.not_assessed", language)
    if sheet.layer in _OF_RANKING and facts is not None and not facts.sites:
        if sheet.draw == "sites" or sheet.layer not in subject.layers:
            return no_site_words(facts, language).rstrip(".")
    elif sheet.layer and sheet.layer not in subject.layers and sheet.draw != "sites":
        return said("annex.not_there", language)
    return ""


def _sources(subject: Subject, language: str) -> list[Block]:
    rules = subject.application.rules
    unverified = tuple(u.what if language == "en" else u.what_ko for u in rules.unverified)
    blocks: list[Block] = [
        Heading(text=said("annex.sources", language)),
        Bullets(items=unverified),
        Text(text=said("annex.marks", language), kind="note"),
    ]
    facts = subject.facts
    if facts is not None:
        credits_line = retold(facts.credits, language) or facts.credits
        blocks.append(Text(text=credits_line, kind="note"))
        if facts.warnings:
            blocks.append(Text(text=said("annex.warnings", language), kind="strong"))
            blocks.append(Bullets(items=facts.warnings))
    blocks.append(caveat(language))
    return blocks
