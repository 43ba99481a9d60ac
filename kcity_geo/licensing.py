"""Licensing: what the licences of several inputs together ask of what is made from them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from kcity_geo.config import read_table

__all__ = ["Licence", "Terms", "derived_terms", "licence_row", "recognise_licence"]

#: Licence of what is made from inputs that ask for nothing.
_FREE = "CC0-1.0"
#: What the user drew or measured: the user alone decides.
_OWN = "own"


class Licence(BaseModel):
    """
    One licence and its rules; see ``tables/licences.toml`` for what each means.

    Parameters
    ----------
    id, title, url : of the licence.
    attribution, share_alike, databases, non_commercial, no_redistribution, checked : its rules.
    mark : where they come from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    id: str
    title: str
    url: str = ""
    attribution: bool = True
    share_alike: bool = False
    databases: bool = False
    non_commercial: bool = False
    no_redistribution: bool = False
    checked: bool = False
    mark: str = ""

    @property
    def rules(self) -> list[str]:
        """Names of the rules that bind the user."""
        names = ("attribution", "share_alike", "non_commercial", "no_redistribution")
        return [name for name in names if getattr(self, name)]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """
    What is asked of a file that was made from several inputs.

    Parameters
    ----------
    id : licence under which it may be handed on, an id of ``tables/licences.toml``; ``"unknown"`` when one of the
        inputs is, ``"conflict"`` when two ask for licences that exclude each other.
    inputs : licences of the inputs, each once, in order.
    attribution, share_alike, non_commercial, no_redistribution : whether any input asks for it.
    words : the same in one or two sentences.
    """

    id: str
    inputs: tuple[str, ...]
    attribution: bool
    share_alike: bool
    non_commercial: bool
    no_redistribution: bool
    words: str


def recognise_licence(text: str) -> str:
    """
    Tell which licence a provider means by its own words or address.

    Parameters
    ----------
    text : for example ``"Creative Commons Attribution 4.0 International (CC BY 4.0)"``.

    Returns
    -------
    Id of ``tables/licences.toml``; ``"unknown"`` when the words are not recognised.

    Examples
    --------
    >>> recognise_licence("https://creativecommons.org/licenses/by/4.0/")
    'CC-BY-4.0'
    >>> recognise_licence("ask us")
    'unknown'
    """
    if text.strip() in read_table("licences")["licence"]:
        return text.strip()
    for rule in read_table("licences")["recognise"]:
        if re.search(rule["pattern"], text.strip().lower()):
            return str(rule["licence"])
    return "unknown"


def licence_row(text: str) -> Licence:
    """
    Give the rules of a licence.

    Parameters
    ----------
    text : id or the provider's own words.

    Returns
    -------
    Its row of ``tables/licences.toml``.

    Examples
    --------
    >>> licence_row("ODbL-1.0").share_alike, licence_row("CC0-1.0").attribution
    (True, False)
    """
    key = recognise_licence(text)
    return Licence(id=key, **read_table("licences")["licence"][key])


def derived_terms(licences: Iterable[str], *, picture: bool = False) -> Terms:
    """
    Derive what may be done with a file from the licences of its inputs.

    Parameters
    ----------
    licences : of the inputs, ids or words; tiles of one input are parted by commas.
    picture : a map, a report or another work to look at, to which a share-alike of databases (ODbL 4.5 b) does not
        reach. A table, a layer or a raster is a database.

    Returns
    -------
    The terms.

    Examples
    --------
    >>> derived_terms(["ODbL-1.0", "CC-BY-4.0"]).id
    'ODbL-1.0'
    >>> derived_terms(["ODbL-1.0", "CC-BY-4.0"], picture=True).id
    'CC-BY-4.0'
    >>> derived_terms(["ODbL-1.0", "CC-BY-SA-4.0"]).id
    'conflict'
    >>> derived_terms(["CC0-1.0"]).id
    'CC0-1.0'
    """
    parts = [one for text in licences for one in (text.split(", ") if text else [""])]
    ids = tuple(dict.fromkeys(recognise_licence(one) for one in parts))
    rows = [licence_row(one) for one in ids]
    alike = [row for row in rows if row.share_alike and not (picture and row.databases)]
    flags = {
        flag: any(getattr(row, flag) for row in rows)
        for flag in ("attribution", "non_commercial", "no_redistribution")
    }
    found = _id_of(rows, alike)
    words = _words(found, rows, alike)
    return Terms(id=found, inputs=ids, share_alike=bool(alike), words=words, **flags)


def _id_of(rows: list[Licence], alike: list[Licence]) -> str:
    """Choose the licence of the whole: the one that demands most."""
    if any(not row.checked for row in rows):
        return "unknown"
    limited = [row for row in rows if row.non_commercial]
    if len(alike) > 1 or (alike and any(row not in alike for row in limited)):
        return "conflict"
    for row in (*alike, *limited):
        return row.id
    asking = [row for row in rows if row.attribution and not row.databases]
    if asking:
        return _strongest(asking).id
    own = any(row.id == _OWN or row.databases for row in rows)
    return _OWN if own or not rows else _FREE


def _strongest(asking: list[Licence]) -> Licence:
    """Of licences that ask for a name alone, the Creative Commons one, since others point to it."""
    return next((row for row in asking if row.id.startswith("CC-BY-4")), asking[0])


def _words(found: str, rows: list[Licence], alike: list[Licence]) -> str:
    told = read_table("licences")["words"]
    shut = [row for row in rows if row in alike or (row.non_commercial and row.checked)]
    names = {
        "alike": " and ".join(row.title for row in alike),
        "shut": " and ".join(row.title for row in shut),
    }
    limited = [row.title for row in rows if row.non_commercial and row.checked]
    closed = [row for row in rows if row.no_redistribution and row.checked]
    keys = [
        ("unknown", found == "unknown"),
        ("conflict", found == "conflict"),
        ("share_alike", bool(alike) and found != "conflict"),
        ("non_commercial", bool(limited)),
        ("no_redistribution", bool(closed)),
        ("attribution", any(row.attribution for row in rows)),
    ]
    said = [str(told[key]) for key, holds in keys if holds]
    said = said or [str(told["own" if found == _OWN else "free"])]
    return " ".join(said).format(**names, limited=" and ".join(limited))
