"""
Rules: what the programme asked for in a year, each rule with its source and evidence mark.

Rows stand in ``tables/programme/rules.toml``. What a year does not say is None here, and a check says
that it could not be read; nothing is filled in from another year in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, TypeVar

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError

__all__ = [
    "YEARS",
    "ApplicantRule",
    "Cap",
    "DocumentRule",
    "Event",
    "FaqRule",
    "ProgrammeRules",
    "TypeRule",
    "Unverified",
    "Window",
    "rule_rows",
    "sources_of",
]

#: Years of which rules are known.
YEARS = range(2020, 2027)
_TABLE = "programme/rules"
T = TypeVar("T")


def sources_of(keys: list[str] | tuple[str, ...], language: str = "en") -> str:
    """
    Give where a rule was read, in words.

    Parameters
    ----------
    keys : of ``tables/programme/sources.toml``.
    language : en or ko; addresses stay as they are.

    Returns
    -------
    The sources, joined by ``"; "``.

    Examples
    --------
    >>> sources_of(["S57"])
    'smartcity.go.kr, frequently asked questions of the K-City Network'
    """
    known = read_table("programme/sources")["source"]
    return "; ".join(known.get(f"{key}_{language}", known[key]) for key in keys)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """What every rule carries."""

    mark: str
    source: tuple[str, ...]
    note: str = ""

    @property
    def where(self) -> str:
        """Source in words."""
        return sources_of(self.source)

    @property
    def cited(self) -> str:
        """Source in words, with its mark."""
        return f"{self.where} [{self.mark}]"


@dataclass(frozen=True, kw_only=True)
class Window(_Row):
    """
    When applications are taken.

    year: of the call; stream: planning, demonstration; empty: both; opens, closes: both
    days inclusive; None: not known; all_year: from ``opens`` to the end of the year;
    later_counts_for_next_year: what comes after ``closes`` is kept for the next year.
    """

    year: int
    stream: str = ""
    opens: date | None = None
    closes: date | None = None
    all_year: bool = False
    later_counts_for_next_year: bool = False


@dataclass(frozen=True, kw_only=True)
class Cap(_Row):
    """
    The most that a project may ask for.

    year, stream, type: what it holds for; empty: all; krw, usd: as published; None: not
    published in this currency. Never converted; from_krw: the least that was given; None:
    not published; hard: an application above it is refused.
    """

    year: int
    krw: int
    hard: bool
    stream: str = ""
    type: str = ""
    usd: int | None = None
    from_krw: int | None = None


@dataclass(frozen=True, kw_only=True)
class TypeRule(_Row):
    """
    Names of the two types and the streams of a year.

    year, streams: planning, demonstration; urban_development, solution_development: as
    the year called them, with ``_ko`` in Korean; several_solutions: type that several
    solutions fall under, or ``either``.
    """

    year: int
    streams: tuple[str, ...]
    urban_development: str
    solution_development: str
    urban_development_ko: str
    solution_development_ko: str
    several_solutions: str


@dataclass(frozen=True, kw_only=True)
class ApplicantRule(_Row):
    """
    Who may apply.

    year: of the call; lead: kinds of which at least one must be among the applicants;
    joined: kinds that may apply beside them; with_government: of these, those named as
    applicants in their own right, with a government.
    """

    year: int
    lead: tuple[str, ...]
    joined: tuple[str, ...]
    with_government: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DocumentRule(_Row):
    """What is handed in, and how: ``required`` documents and ``channels`` (none: not known)."""

    year: int
    required: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FaqRule(_Row):
    """A rule of the frequently asked questions, in words."""

    id: str
    from_year: int
    rule: str


@dataclass(frozen=True, kw_only=True)
class Event(_Row):
    """What happens when; ``contradicts``: sources say different things, told in Korean too (``_ko``)."""

    year: int
    id: str
    when: str
    what: str
    what_ko: str = ""
    note_ko: str = ""
    contradicts: bool = False


@dataclass(frozen=True, kw_only=True)
class Unverified:
    """What nobody outside can verify, in English and Korean."""

    id: str
    what: str
    what_ko: str


@dataclass(frozen=True, kw_only=True)
class ProgrammeRules:
    """
    The rules of one year.

    Parameters
    ----------
    year : of the call.
    types, applicants, documents : one rule each.
    windows, caps : those of the year.
    timeline : of the year.
    faq : rules that hold in the year.
    demonstration : rule of demonstrations, as a row of the table.
    package : parts of the assistance, as a row of the table.
    unverified : what cannot be verified.

    Examples
    --------
    >>> rules = ProgrammeRules.for_year(2020)
    >>> rules.cap("planning", "urban_development").krw, rules.is_open(date(2020, 3, 20))
    (1000000000, True)
    """

    year: int
    types: TypeRule
    applicants: ApplicantRule
    documents: DocumentRule
    windows: tuple[Window, ...]
    caps: tuple[Cap, ...]
    timeline: tuple[Event, ...]
    faq: tuple[FaqRule, ...]
    demonstration: dict[str, Any] = field(repr=False)
    package: dict[str, Any] = field(repr=False)
    unverified: tuple[Unverified, ...] = field(repr=False)

    @classmethod
    def for_year(cls, year: int) -> ProgrammeRules:
        """
        Give the rules of a year.

        Parameters
        ----------
        year : 2020 to 2026.

        Returns
        -------
        Its rules.

        Raises
        ------
        StudyError
            If no rules of the year are known.
        """
        if year not in YEARS:
            raise StudyError(
                f"[programme] year: {year!r}; rules are known from {YEARS[0]} to {YEARS[-1]}"
            )
        return _rules(year)

    def window(self, stream: str = "planning") -> Window | None:
        """
        Give the window of a stream.

        Parameters
        ----------
        stream : planning or demonstration.

        Returns
        -------
        The window; None when nothing is known of it.
        """
        return next((w for w in self.windows if w.stream in {"", stream}), None)

    def is_open(self, day: date, stream: str = "planning") -> bool | None:
        """
        Say whether applications are taken on a day; both ends of the window count.

        Parameters
        ----------
        day : of handing in.
        stream : planning or demonstration.

        Returns
        -------
        True or False; None when it is not known.
        """
        window = self.window(stream)
        if day.year != self.year or (window and window.opens and day < window.opens):
            return False
        if window is None:
            return None
        if window.all_year or (window.later_counts_for_next_year and window.closes):
            return True
        return None if window.closes is None else day <= window.closes

    def cap(self, stream: str, kind: str, *, hard: bool = True) -> Cap | None:
        """
        Give the cap of a stream and type.

        Parameters
        ----------
        stream : planning or demonstration.
        kind : urban_development or solution_development.
        hard : the cap that refuses; False: what was given in the year, below it.

        Returns
        -------
        The cap; None when none is known.
        """
        fits = [
            c
            for c in self.caps
            if c.hard == hard and c.stream in {"", stream} and c.type in {"", kind}
        ]
        return fits[0] if fits else None

    def table(self) -> list[dict[str, str]]:
        """
        Give the rules in words, for people.

        Returns
        -------
        Rows: ``rule, says, mark, source``.
        """
        return _told(self)


def rule_rows(name: str) -> list[dict[str, Any]]:
    """
    Give the rows of one kind of rule, of all years.

    Parameters
    ----------
    name : ``window``, ``cap``, ``timeline``, ``result``, ...

    Returns
    -------
    Rows as they stand in ``tables/programme/rules.toml``.

    Examples
    --------
    >>> [row["chosen"] for row in rule_rows("result")]
    [12, 11, 10, 8]
    """
    return list(read_table(_TABLE)[name])


@cache
def _rules(year: int) -> ProgrammeRules:
    table = read_table(_TABLE)
    documents = [r for r in table["documents"] if r["year"] <= year]
    return ProgrammeRules(
        year=year,
        types=_only(TypeRule, "types", year),
        applicants=_only(ApplicantRule, "applicants", year),
        documents=_made(DocumentRule, max(documents, key=lambda r: int(r["year"]))),
        windows=_of_year(Window, "window", year),
        caps=_of_year(Cap, "cap", year),
        timeline=_of_year(Event, "timeline", year),
        faq=tuple(_made(FaqRule, r) for r in table["faq"] if r["from_year"] <= year),
        demonstration=table["demonstration"],
        package=table["package"],
        unverified=tuple(Unverified(**r) for r in table["unverified"]),
    )


def _made(kind: type[T], row: dict[str, Any]) -> T:
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})


def _of_year(kind: type[T], name: str, year: int) -> tuple[T, ...]:
    return tuple(_made(kind, r) for r in rule_rows(name) if r["year"] == year)


def _only(kind: type[T], name: str, year: int) -> T:
    return _of_year(kind, name, year)[0]


def _told(rules: ProgrammeRules) -> list[dict[str, str]]:
    about = read_table(_TABLE)["programme"]
    opened = f"{about['name']}, steered by {about['steering_body']}, launched {about['launched']}"
    said: list[tuple[str, str, _Row]] = []
    own = _Row(mark=about["mark"], source=tuple(about["source"]))
    said.append(("programme", f"{opened}; {'; '.join(about['goals'])}", own))
    regions = ", ".join(about["regions"]) or "any country; no region is left out"
    said.append(("regions", regions, own))
    said.append(("information", ", ".join(about["information"]), own))
    package = rules.package
    given = _Row(mark=package["mark"], source=tuple(package["source"]))
    parts = f"{' + '.join(package['hardware'])} with {' and '.join(package['software'])}"
    said.append(("package", f"{parts}; assistance: {', '.join(package['assistance'])}", given))
    said.append(("training", f"in {package['training_in']}, as agreed with the recipient", given))
    said.append(
        (
            "types",
            f"{rules.types.urban_development}; {rules.types.solution_development}",
            rules.types,
        )
    )
    said.append(("streams", ", ".join(rules.types.streams), rules.types))
    who = rules.applicants
    said.append(
        (
            "applicants",
            f"at least one of {', '.join(who.lead)}; beside it {', '.join(who.joined)}",
            who,
        )
    )
    said += [("window", _window_words(w), w) for w in rules.windows]
    said += [("cap", _cap_words(c), c) for c in rules.caps]
    channels = ", ".join(rules.documents.channels) or "not known"
    papers = f"{', '.join(rules.documents.required)}; by: {channels}"
    said.append(("documents", papers, rules.documents))
    said += [(f.id, f.rule, f) for f in rules.faq]
    if "demonstration" in rules.types.streams:
        row = rules.demonstration
        team = _Row(mark=row["mark"], source=tuple(row["source"]))
        said.append(("demonstration", row["rule"], team))
    for row in rule_rows("result"):
        if row["year"] == rules.year:
            came = f"{row['applications']} applications from {row['countries']} countries"
            told = _Row(mark=row["mark"], source=tuple(row["source"]))
            said.append(("result", f"{came}, {row['chosen']} chosen", told))
    said += [("timeline", f"{e.when}: {e.what}", e) for e in rules.timeline]
    rows = [
        {
            "rule": name,
            "says": f"{text} ({row.note})" if row.note else text,
            "mark": row.mark,
            "source": row.where,
        }
        for name, text, row in said
    ]
    return rows + [
        {"rule": "not to be verified", "says": u.what, "mark": "", "source": ""}
        for u in rules.unverified
    ]


def _window_words(window: Window) -> str:
    end = "all year" if window.all_year else str(window.closes or "not known")
    return f"{window.stream or 'all'}: {window.opens or 'not known'} to {end}"


def _cap_words(cap: Cap) -> str:
    scope = " ".join(t for t in (cap.stream, cap.type) if t) or "all"
    dollars = f" or {cap.usd:,} USD" if cap.usd else ""
    low = f"{cap.from_krw:,} to " if cap.from_krw else "at most "
    return f"{scope}: {low}{cap.krw:,} KRW{dollars}"
