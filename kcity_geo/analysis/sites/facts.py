"""Facts: the lines of a dossier, and the rows that say what is asked."""

from __future__ import annotations

from typing import Any, NamedTuple

from kcity_geo.config import read_table

__all__ = ["Fact", "dossier_rows"]


class Fact(NamedTuple):
    """
    One line of a dossier.

    Parameters
    ----------
    topic, item, title : where it stands, its name in files, and for people.
    value : number; NaN: not known, or only words.
    unit : of it.
    text : words instead of a number.
    basis : what it rests on, or why it is not known.
    """

    topic: str
    item: str
    title: str
    value: float = float("nan")
    unit: str = ""
    text: str = ""
    basis: str = ""


def dossier_rows(name: str) -> list[dict[str, Any]]:
    """
    Give rows of ``tables/suitability/dossier.toml``.

    Parameters
    ----------
    name : ``flag``, ``grade``, ``land``, ``slope_class`` or ``to_fill``.

    Returns
    -------
    The rows.

    Examples
    --------
    >>> [row["grade"] for row in dossier_rows("grade")]
    ['A', 'B', 'C']
    """
    rows: list[dict[str, Any]] = read_table("suitability/dossier")[name]
    return rows
