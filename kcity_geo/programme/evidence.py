"""
Evidence: what the study and the application show, and what they do not.

Each piece is found, missing, or not to be told; a reading of *cannot tell* is never evidence of need.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
from kcity_geo.programme.land_found import no_land
from kcity_geo.programme.model import Application
from kcity_geo.programme.words import LANGUAGES, bracketed, original, word, word_list
from kcity_geo.study_facts import LevelFacts, SiteFacts, StudyFacts

__all__ = [
    "SHORT_READINGS",
    "Evidence",
    "evidence_of",
    "least_share",
    "lived",
    "missing_inputs",
    "missing_levels",
    "needs_of",
    "open_levels",
    "open_people",
    "people_short_range",
    "rounded",
    "site_words",
    "survey_levels",
    "survey_tasks_of",
    "told_limit",
]

#: Keys of a study file inside the reason why an indicator was not assessed.
_INPUT = re.compile(r"\b(?:sources|official)\.\w+")
#: Readings that say nothing of a place.
_OPEN = ("cannot_tell", "not_assessed")
#: Readings that people fall short under.
SHORT_READINGS = ("falls_short", "probably_falls_short")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """
    One piece of evidence.

    Parameters
    ----------
    id : row of ``[evidence]`` in ``tables/programme/criteria.toml``.
    found : it is there; None: nobody can tell from a study.
    words : what was found, as the application or study says it.
    words_ko : the same in Korean; empty: no other, and what is not Korean is marked as the original.
    """

    id: str
    found: bool | None
    words: str = ""
    words_ko: str = ""

    def title(self, language: str = "en") -> str:
        """
        Say what is looked for.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        A phrase.
        """
        return self._said("title", language)

    def mend(self, language: str = "en") -> str:
        """
        Say how to supply it.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        A phrase.
        """
        return self._said("mend", language)

    def shown(self, language: str = "en") -> str:
        """
        Say what was looked for, with what was found.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        A phrase, with what was found in brackets.
        """
        words = (self.words_ko if language == "ko" else "") or self.words
        marked = original(words, language)
        if marked != words:
            return f"{self.title(language)}: {marked}"
        return bracketed(self.title(language), words, language)

    def _said(self, key: str, language: str) -> str:
        row = read_table("programme/criteria")["evidence"][self.id]
        return str(row[key if language == "en" else f"{key}_{language}"])


def told_limit() -> float:
    """
    Give the share of people whose reading must be known before a place is spoken of.

    Returns
    -------
    Share, from the limits of the readings.
    """
    return float(read_table("readings")["limits"]["people_told"])


def open_people(level: LevelFacts) -> float:
    """
    Count the people of whom nobody can tell how they are served.

    Parameters
    ----------
    level : of a study.

    Returns
    -------
    Persons.
    """
    return sum(level.people.get(reading, 0.0) for reading in _OPEN)


def open_levels(facts: StudyFacts) -> tuple[LevelFacts, ...]:
    """
    Find the levels of which nobody can tell how people are served.

    Parameters
    ----------
    facts : of a study.

    Returns
    -------
    Those not assessed, those whose reading on average is that nobody can tell, and those whose people mostly
    live where nobody can tell.
    """
    limit = told_limit()
    return tuple(
        level
        for level in facts.levels
        if level.reading in _OPEN or open_people(level) > (1 - limit) * lived(level)
    )


def missing_levels(facts: StudyFacts) -> tuple[LevelFacts, ...]:
    """
    Find the levels that were not assessed, as their data are missing; no survey of places tells them.

    Parameters
    ----------
    facts : of a study.

    Returns
    -------
    Of `open_levels`, those.
    """
    return tuple(level for level in open_levels(facts) if level.reading == "not_assessed")


def survey_levels(facts: StudyFacts) -> tuple[LevelFacts, ...]:
    """
    Find the levels that were assessed and of which nobody can tell how most people are served.

    Parameters
    ----------
    facts : of a study.

    Returns
    -------
    Of `open_levels`, those that a survey of places may tell.
    """
    missing = missing_levels(facts)
    return tuple(level for level in open_levels(facts) if level not in missing)


def survey_tasks_of(facts: StudyFacts, levels: Sequence[LevelFacts]) -> int:
    """
    Count the survey tasks of some levels.

    Parameters
    ----------
    facts : of a study.
    levels : of it.

    Returns
    -------
    Tasks whose sector is one of them; 0 too where an older study does not tell them by sector.
    """
    counted = facts.survey_sectors
    if not counted and len(facts.tasks) == facts.survey_tasks:
        counted = Counter(task.sector for task in facts.tasks)
    return sum(counted.get(level.key, 0) for level in levels)


def missing_inputs(facts: StudyFacts) -> tuple[str, ...]:
    """
    Name the keys of the study file that the indicators of levels without data ask for.

    Parameters
    ----------
    facts : of a study.

    Returns
    -------
    Such as ``sources.elevation``, once each; empty: the study does not tell.
    """
    rows, missing = indicator_rows(), {level.key for level in missing_levels(facts)}
    asked = [
        key
        for name, reason in facts.not_assessed.items()
        if name in rows and (rows[name].theme or rows[name].sector) in missing
        for key in _INPUT.findall(reason)
    ]
    return tuple(dict.fromkeys(asked))


def needs_of(facts: StudyFacts) -> tuple[LevelFacts, ...]:
    """
    List the levels under which people surely or probably fall short.

    Parameters
    ----------
    facts : of a study.

    Returns
    -------
    Levels, most people first; those of which nobody can tell, and those that concern hardly anybody
    (``least_share``), are not among them.
    """
    silent = {level.key for level in open_levels(facts)}
    least = least_share()
    found = [
        x
        for x in facts.levels
        if x.key not in silent and (x.people_short or 0) >= max(1.0, least * lived(x))
    ]
    return tuple(sorted(found, key=lambda x: (-(x.people_short or 0), x.key)))


def people_short_range(level: LevelFacts) -> tuple[float, float]:
    """
    Say between which numbers the people lie who fall short.

    Parameters
    ----------
    level : of a study.

    Returns
    -------
    Those who surely or probably do; and these with all of whom nobody can tell.
    """
    low = sum(level.people.get(reading, 0.0) for reading in SHORT_READINGS)
    return low, low + open_people(level)


def rounded(number: float) -> str:
    """
    Write a number of people, no more exact than it is.

    Parameters
    ----------
    number : persons.

    Returns
    -------
    Three figures, thousands separated; numbers below 100 whole.

    Examples
    --------
    >>> rounded(12754.5), rounded(26.2)
    ('12,800', '26')
    """
    whole = round(number)
    digits = len(str(abs(whole))) - 3
    return f"{round(whole, -digits) if digits > 0 else whole:,}"


def least_share() -> float:
    """
    Give the share of people below which a shortfall concerns hardly anybody.

    Returns
    -------
    Share.
    """
    return float(read_table("programme/solutions")["rule"]["least_share"])


def site_words(site: SiteFacts, language: str = "en") -> str:
    """
    Say a site in one line.

    Parameters
    ----------
    site : of a study.
    language : en or ko.

    Returns
    -------
    Label, district, area, score and place.
    """
    score = "-" if site.score is None else f"{100 * site.score:.0f}"
    values = {
        "label": bracketed(site.label, site.district, language),
        "area": f"{site.area_ha:,.1f}",
        "score": score,
        "lat": f"{site.lat:.5f}",
        "lon": f"{site.lon:.5f}",
    }
    row = read_table("programme/texts")["sentence"]["site"]
    return str(row[language]).format_map(values)


def lived(level: LevelFacts) -> float:
    """
    Count the people of a level.

    Parameters
    ----------
    level : of a study.

    Returns
    -------
    Persons, whatever is said of their place.
    """
    return sum(v for k, v in level.people.items() if k != "nobody")


def evidence_of(name: str, application: Application, facts: StudyFacts | None) -> Evidence:
    """
    Look for one piece of evidence.

    Parameters
    ----------
    name : its id.
    application : that it is for.
    facts : of the study behind it; None: no study.

    Returns
    -------
    The evidence.
    """
    if name in _WRITTEN:
        words = _words(_WRITTEN[name](application))
        return Evidence(id=name, found=bool(words), **_in_both(name, words))
    if facts is None:
        written = application.project.site if name == "site" else ""
        return Evidence(id=name, found=True if written else None, words=written)
    return _MEASURED[name](name, application, facts)


def _words(value: Any) -> str:  # noqa: ANN401 - a field of any kind
    if isinstance(value, tuple | list):
        return ", ".join(str(v) for v in value)
    return "" if value in (None, False) else str(value)


def _in_both(name: str, value: str) -> dict[str, str]:
    """Say a word of the vocabulary in both languages; other words stay as they were written."""
    kind = _KINDS.get(name)
    if kind is None:
        return {"words": value}
    names = tuple(value.split(", ")) if value else ()
    return {"words": word_list(kind, names), "words_ko": word_list(kind, names, "ko")}


#: Evidence that is stated in words of the vocabulary, and their kind.
_KINDS = {"g2g_stage": "stage", "follow_up": "follow_up", "status": "status", "ppp": "ppp_area"}


def _need(name: str, application: Application, facts: StudyFacts) -> Evidence:
    del application
    found = needs_of(facts)
    words = "; ".join(f"{x.title}: {rounded(x.people_short or 0)}" for x in found)
    words_ko = ", ".join(
        f"{word('level', x.key, 'ko')} {rounded(x.people_short or 0)}명" for x in found
    )
    silent = len(open_levels(facts)) == len(facts.levels)
    return Evidence(id=name, found=None if silent else bool(found), words=words, words_ko=words_ko)


def _certainty(name: str, application: Application, facts: StudyFacts) -> Evidence:
    del application
    silent = open_levels(facts)
    known = [x for x in facts.levels if x not in silent]
    words = ", ".join(f"{x.title.lower()} {x.data or '-'}" for x in known)
    words_ko = ", ".join(
        f"{word('level', x.key, 'ko')}: {word('data', x.data, 'ko') or '-'}" for x in known
    )
    if known:  # how good the data are, not how well people are served
        words, words_ko = f"data: {words}", f"자료 수준 – {words_ko}"  # noqa: RUF001
    return Evidence(id=name, found=not silent, words=words, words_ko=words_ko)


def _site(name: str, application: Application, facts: StudyFacts) -> Evidence:
    given, ranked = application.project.site, [s for s in facts.sites if s.score is not None]
    named = [s for s in facts.sites if given == site_words(s)] if given else ranked[:1]
    words = given or "".join(map(site_words, named))
    words_ko = "".join(site_words(site, "ko") for site in named)
    found = bool(words) and not no_land(application, facts)
    return Evidence(id=name, found=found, words=words, words_ko=words_ko)


def _data(name: str, application: Application, facts: StudyFacts) -> Evidence:
    titles, theirs = read_table("texts/report")["text"], ", ".join(application.project.data)
    said = {
        language: ", ".join(
            [titles[f"official_{key}"][language] for key in facts.official]
            + [original(theirs, language)] * bool(theirs)
        )
        for language in LANGUAGES
    }
    return Evidence(id=name, found=bool(said["en"]), words=said["en"], words_ko=said["ko"])


def _match(name: str, application: Application, facts: StudyFacts) -> Evidence:
    rows = read_table("programme/solutions")["solution"]
    short = {level.key for level in needs_of(facts)}
    fits = {row["sector"] for row in rows if row["need"] in short} & set(
        application.project.sectors
    )
    both = [word_list("sector", tuple(sorted(fits)), language) for language in LANGUAGES]
    return Evidence(id=name, found=bool(fits), words=both[0], words_ko=both[1])


#: Evidence that the application states, by id.
_WRITTEN: dict[str, Callable[[Application], Any]] = {
    "prior_consultation": lambda a: a.g2g.prior_consultation,
    "endorsement": lambda a: a.documents.endorsement,
    "memorandum": lambda a: a.g2g.memorandum,
    "g2g_stage": lambda a: a.g2g.stage,
    "land": lambda a: a.project.land,
    "permits": lambda a: a.project.permits,
    "status": lambda a: a.project.status if a.project.status in {"planned", "underway"} else "",
    "follow_up": lambda a: a.funding.follow_up,
    "ppp": lambda a: tuple(a.funding.ppp),
    "plan": lambda a: a.project.cost,
    "training": lambda a: a.training.roles if a.training.agreed else (),
    "operator": lambda a: a.solution.operator if a.solution.operation_plan else "",
    "convergence": lambda a: a.solution.innovation,
    "replication": lambda a: a.project.replication,
}
#: Evidence that the study measures, by id.
_MEASURED: dict[str, Callable[[str, Application, StudyFacts], Evidence]] = {
    "need": _need,
    "need_certainty": _certainty,
    "site": _site,
    "data": _data,
    "solution_match": _match,
}
