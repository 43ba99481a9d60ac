"""The page that lists many cities with their headline, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.outputs.text import persons, plain_text

__all__ = ["CityRow", "cities_page"]

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
    people : residents; None: not known.
    error : why it failed.
    """

    id: str
    status: str
    name: str = ""
    people: float | None = None
    headline: str = ""
    error: str = ""


def cities_page(rows: Sequence[CityRow], *, stopped: bool = False) -> str:
    """
    Write the page of a list of cities.

    Parameters
    ----------
    rows : in the order of the list.
    stopped : whether nobody makes the waiting ones any more.

    Returns
    -------
    HTML that loads nothing and links to the studies; it asks to be loaded again while cities are waiting, unless
    the run was stopped.
    """
    count = {s: len([r for r in rows if r.status == s]) for s in ("waiting", "failed")}
    html = environment().get_template("cities.html.j2").render(
        css=asset("report.css"),
        own_css=asset("compare.css"),
        refresh=_REFRESH_S if count["waiting"] and not stopped else 0,
        stopped=stopped,
        done=len(rows) - count["waiting"] - count["failed"],
        failed=count["failed"],
        total=len(rows),
        rows=[
            {
                "id": row.id,
                "status": row.status,
                "name": plain_text(row.name or row.id, max_chars=80),
                "people": "" if row.people is None else persons(row.people),
                "text": plain_text(row.headline or row.error, max_chars=600),
                "ready": row.status in {"done", "kept"},
            }
            for row in rows
        ],
    )  # fmt: skip
    return seal(html)
