"""
The report: one page that opens offline, prints, and becomes PDF and DOCX.

The first page is the brief; chapters follow those of a feasibility study as far as a screening study
can fill them, and the report says which it cannot. It is written in the language of the study file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from kcity_geo.outputs import report_siting as siting
from kcity_geo.outputs import report_tables as rows
from kcity_geo.outputs.attribution import head_of_page
from kcity_geo.outputs.cited import cited, citing
from kcity_geo.outputs.dossiers import report_dossiers
from kcity_geo.outputs.figures import is_tall, shows_part, theme_figure
from kcity_geo.outputs.headline import first_sector
from kcity_geo.outputs.languages import (
    Language,
    marked_up,
    name,
    source_words,
    speaking,
    tell,
    translated,
)
from kcity_geo.outputs.legend_shares import LegendShare, share_is_of, theme_shares
from kcity_geo.outputs.pages import asset, environment, seal, whole_page
from kcity_geo.outputs.report_advice import advice_of
from kcity_geo.outputs.report_brief import few_words
from kcity_geo.outputs.report_numbers import with_list_of_numbers
from kcity_geo.outputs.report_plan import plan_chapter
from kcity_geo.outputs.report_slots import Slots, slots_of
from kcity_geo.outputs.summary import Summary, summarise
from kcity_geo.outputs.text import human, plain_text
from kcity_geo.outputs.themes import Theme, make_themes, sector_title
from kcity_geo.result import SECTORS, THEMES, Result

__all__ = ["build_report", "save_report"]

_CHAPTERS = (
    "summary", "context", "city", "gaps", "quality", "suitability", "sites", "plan", "conclusions", "caveats",
    "method", "indicators", "dossiers", "inventory", "inputs", "assumptions", "sources",
)  # fmt: skip
#: Width of a picture that has the sheet to itself.
_WIDE_INCH = 6.6
_CONTEXT_ASKS = ("context_ask_1", "context_ask_2", "context_ask_3")


class _Chapter(NamedTuple):
    """Number and title of a chapter."""

    number: int
    title: str


class _Numbers:
    """The numbers of figures and tables, in the order in which they are written."""

    def __init__(self) -> None:
        self._figures: Iterator[int] = count(1)
        self._tables: Iterator[int] = count(1)

    def figure(self) -> int:
        return next(self._figures)

    def table(self) -> int:
        return next(self._tables)


def save_report(result: Result, path: Path) -> None:
    """
    Write the report of a study, and beside it the PDF and DOCX that its study file asks for.

    Parameters
    ----------
    result : a finished study.
    path : HTML file to write.

    Raises
    ------
    StudyError, SourceError
        If a slot of the report cannot be filled, or nothing here writes the form that was asked for.
    OutputError
        If a file cannot be written.
    """
    path.write_text(build_report(result), encoding="utf-8", newline="\n")
    asked = result.study.report
    if not (asked.pdf or asked.docx):
        return
    if asked.pdf:
        from kcity_geo.outputs.paper_pdf import save_pdf

        listed = build_report(result, printed=True, listed=True)
        save_pdf(whole_page(listed), path.with_suffix(".pdf"))
    if asked.docx:
        from kcity_geo.outputs.report_docx import save_report_docx

        save_report_docx(build_report(result, printed=True), path.with_suffix(".docx"))


def build_report(result: Result, *, printed: bool = False, listed: bool = False) -> str:
    """
    Make the report of a study.

    Parameters
    ----------
    result : a finished study.
    printed : whether what can be folded on a screen lies open, for paper.
    listed : whether the numbers stand in a list with their ids at the end, for paper without a pointer.

    Returns
    -------
    One HTML page that requests nothing. The same study gives the same text.

    Raises
    ------
    StudyError, SourceError
        If a slot of the report cannot be filled.
    """
    slots = slots_of(result.study)
    with speaking(slots.language) as originals, citing():
        values = _values(result, slots)
        # Only now is it known how many texts had no words in this language.
        html = (
            environment()
            .get_template("report.html.j2")
            .render(
                **values,
                t=tell,
                named=name,
                cited=cited,
                source_words=source_words,
                few=few_words,
                number=_Numbers(),
                language=slots.language,
                slots=slots,
                about=head_of_page(result.data, author=slots.author),
                originals=len(originals),
                opened=Markup(" open") if printed else "",
            )
        )
        page = marked_up(html, language=slots.language)
        return seal(with_list_of_numbers(page) if listed else page)


def _values(result: Result, slots: Slots) -> dict[str, Any]:
    """Everything that the page says."""
    summary = summarise(result)
    dossiers = report_dossiers(result)
    chapters = _chapters(summary, dossiers=bool(dossiers), planned=result.plan is not None)
    themes = {t.key: t for t in make_themes(result)}
    assumed = rows.assumptions(result)
    return {
        "summary": summary,
        "brief": {
            "sites_title": tell("where_best")
            if summary.sites_title == tell("best_sites")
            else summary.sites_title
        },
        "advice": advice_of(result, summary),
        "chapters": chapters,
        "css": asset("report.css"),
        "footer": _css_text(summary.caveat, slots.language),
        "figures": _figures(result, themes),
        "tall": is_tall(result),
        "districts": rows.districts(result),
        "sector_titles": [sector_title(s) for s in (*SECTORS, *THEMES)],
        "indicators": rows.indicators(result),
        "inventory": rows.inventory(result),
        "provenance": rows.provenance(result),
        "tasks": rows.tasks(result),
        "criteria": siting.criteria(result),
        "constraints": siting.constraints(result),
        "missing": siting.missing_criteria(result),
        "weights": translated(plain_text(result.score.method.get("weights", ""))),
        "combination": siting.combination(result.score.method),
        "parameters": siting.parameters(result),
        "readings": rows.readings(result),
        "short_limit": cited(human(result.gaps.limits.short, "share"), "limit.short"),
        "evidence_words": rows.evidence_limits(result),
        "marks": rows.mark_words(),
        "evidence": rows.evidence_words(),
        "dossiers": dossiers,
        "plan": plan_chapter(result.plan),
        "left_out": rows.left_out(
            chapters["suitability"].number,
            plan=chapters["plan"].number if "plan" in chapters else None,
        ),
        "context_asks": [tell(key) for key in _CONTEXT_ASKS],
        "scale_error": rows.scale_words(result),
        "crs": rows.crs_words(result),
        "official": rows.official(result),
        "assumptions": assumed,
        "own_assumptions": ", ".join(a["key"] for a in assumed if a["mark"] == "U"),
    }


def _chapters(summary: Summary, *, dossiers: bool, planned: bool) -> dict[str, _Chapter]:
    left = {key for key, here in (("dossiers", dossiers), ("plan", planned)) if not here}
    keys = [key for key in _CHAPTERS if key not in left]
    return {
        key: _Chapter(nth, tell(f"chapter_{key}", project=summary.project))
        for nth, key in enumerate(keys, start=1)
    }


def _css_text(text: str, language: Language) -> str:
    """Give a text that may stand between quotes in a style."""
    plain = marked_up(text, language=language)
    return "".join(c for c in plain if c not in "\"'\\<>{}&")


def _figures(result: Result, themes: dict[str, Theme]) -> dict[str, dict[str, Any]]:
    """Every theme, the answer on page 1, and the sites near by."""
    part = tell("figure_part") if shows_part(result) else ""
    kept: dict[Any, Any] = {}
    found = {
        key: _figure(
            theme,
            theme_figure(result, theme, sites=key in {"suitability", "excluded"}, kept=kept),
            part,
            shares=theme_shares(result, theme),
        )
        for key, theme in themes.items()
        # What was not assessed is said in words: an empty map would say nothing.
        if theme.assessed or key in {"suitability", "excluded"}
    }
    whole = themes[f"{first_sector(result.gaps)}_reading"]
    found["first"] = _figure(whole, theme_figure(result, whole, sites=True, kept=kept), part)
    if len(result.sites):
        found["first"]["title"] = tell("figure_sites_first", title=whole.title)
        score = themes["suitability"]
        near = theme_figure(
            result, score, sites=True, near=result.sites.total_bounds, width_inch=_WIDE_INCH
        )
        title = tell("figure_sites", title=score.title)
        found["sites"] = {**_figure(score, near), "title": title}
    return found


def _figure(
    theme: Theme, image: str, part: str = "", shares: Sequence[LegendShare] = ()
) -> dict[str, Any]:
    """Give a picture with what stands below it; `part` says that it shows less than the study area."""
    legend, told = list(theme.legend), [human(one.share, "share", missing="") for one in shares]
    for place, (one, share) in enumerate(zip(shares, told, strict=True)):
        if share:
            colour, striped, words = legend[place]
            told_words = tell("legend_share", words=words, share=cited(share, one.id))
            legend[place] = (colour, striped, told_words)
    of = tell(f"shares_of_{share_is_of(theme.key)}") if any(told) else ""
    return {
        "title": theme.title,
        "question": theme.question,
        "note": " ".join(words for words in (theme.note, of, part) if words),
        "legend": legend,
        "image": image,
    }
