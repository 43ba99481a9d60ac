"""The page that lists many cities with their headline, and how far they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kcity_geo.outputs.attribution import CAVEAT, SYNTHETIC
from kcity_geo.outputs.languages import language_of, say, speaking, tell, translated
from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.outputs.text import persons, plain_text
from kcity_geo.retold import retold

__all__ = ["CityRow", "cities_page", "told_apart"]

_REFRESH_S = 20


@dataclass(frozen=True, kw_only=True)
class CityRow:
    """
    One city of the list.

    Parameters
    ----------
    id : name of its folder.
    status : waiting, done, kept or failed.
    name : what the list calls the city, or its study.
    headline : of its study.
    told_in : language of the headline.
    people : residents; None: not known.
    whole : whether they were counted in all of the city.
    synthetic : whether there is no such city.
    error : why it failed.
    """

    id: str
    status: str
    name: str = ""
    people: float | None = None
    whole: bool = True
    synthetic: bool = False
    headline: str = ""
    told_in: str = "en"
    error: str = ""


def told_apart(cities: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """
    Add its id to the name of a city where several have it.

    Parameters
    ----------
    cities : name and id of each.

    Returns
    -------
    What each is called.

    Examples
    --------
    >>> told_apart([("Twin", "twin-n"), ("Solo", "solo"), ("Twin", "twin-s")])
    ('Twin · twin-n', 'Solo', 'Twin · twin-s')
    """
    count = Counter(name for name, _ in cities)
    return tuple(f"{name} · {own}" if count[name] > 1 else name for name, own in cities)


def cities_page(rows: Sequence[CityRow], *, stopped: bool = False, language: str = "en") -> str:
    """
    Write the page of a list of cities.

    Parameters
    ----------
    rows : in the order of the list.
    stopped : whether nobody makes the waiting ones any more.
    language : of the page, ``en`` or ``ko``; what the studies say in English only is marked as such.

    Returns
    -------
    HTML that loads nothing and links to the studies; it asks to be loaded again while cities are waiting, unless
    the run was stopped.
    """
    with speaking(language_of(language)):
        return seal(_page(rows, stopped, language))


def _page(rows: Sequence[CityRow], stopped: bool, language: str) -> str:  # noqa: FBT001 - of `cities_page`
    count = {s: len([r for r in rows if r.status == s]) for s in ("waiting", "failed")}
    done = len(rows) - count["waiting"] - count["failed"]

    def text(key: str) -> str:
        return say(
            "cities",
            key,
            language,
            done=done,
            total=len(rows),
            failed=count["failed"],
            seconds=_REFRESH_S,
        )

    names = told_apart([(plain_text(r.name or r.id, max_chars=80), r.id) for r in rows])
    return environment().get_template("cities.html.j2").render(
        css=asset("report.css"),
        own_css=asset("compare.css"),
        language=language,
        text=text,
        caveat=translated(CAVEAT),
        refresh=_REFRESH_S if count["waiting"] and not stopped else 0,
        stopped=stopped,
        failed=count["failed"],
        rows=[
            {
                "id": row.id,
                "status": row.status,
                "name": called,
                "people": _people(row),
                "synthetic": translated(SYNTHETIC) if row.synthetic else "",
                **_answer(row, language),
                "ready": row.status in {"done", "kept"},
            }
            for row, called in zip(rows, names, strict=True)
        ],
    )  # fmt: skip


def _people(row: CityRow) -> str:
    """Say how many live there, or how many at least."""
    if row.people is None:
        return ""
    counted = persons(row.people)
    return counted if row.whole else tell("at_least", number=counted)


def _answer(row: CityRow, language: str) -> dict[str, str]:
    """Give the headline of a city, or why it failed: in the language of the page where there are words for it."""
    told, spoken = row.headline, row.told_in
    if not told:
        own = retold(row.error, language)  # empty: no row makes it, a study file was refused
        told, spoken = own or row.error, language if own else "en"
    return {"language": spoken, "text": plain_text(told, max_chars=600)}
