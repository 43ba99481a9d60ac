"""
Cited: a number as a page shows it that knows its id in the ledger.

Whoever writes a number gives its id with it, once: `cited`. Inside of `citing` the id travels with the number
through sentences, lists and translations, as marks that no text holds otherwise; `cited_markup` turns them into
elements of the page. Everywhere else a cited number is its text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256

__all__ = ["cited", "cited_markup", "citing", "ids_in", "short_ids", "uncited"]

_CITING: ContextVar[bool] = ContextVar("citing", default=False)
_START, _SHOWN, _END = "\ue010", "\ue011", "\ue012"
_MARK = re.compile(f"{_START}[^{_SHOWN}]*{_SHOWN}|{_END}")
_CITED = re.compile(f"{_START}([^{_START}-{_END}]*){_SHOWN}([^{_START}-{_END}]*){_END}")
#: Letters of a tag; Word calls a document damaged that has more.
_LONGEST_TAG = 64
_DIGIT = re.compile(r"\d")


@contextmanager
def citing() -> Iterator[None]:
    """
    Let numbers carry their ids inside of a ``with``.

    Yields
    ------
    Nothing; outside `cited` gives its text as it is.

    Examples
    --------
    >>> with citing():
    ...     cited_markup(cited("38 %", "water.gap.city"))
    '<span data-id="water.gap.city" title="ledger.json: water.gap.city">38 %</span>'
    """
    token = _CITING.set(True)
    try:
        yield
    finally:
        _CITING.reset(token)


def cited(shown: str, *ids: str) -> str:
    """
    Give a number as it is shown, with its id in the ledger.

    Parameters
    ----------
    shown : text with a number.
    *ids : of the ledger; of a range those of both ends. Blanks become ``_``.

    Returns
    -------
    The text; inside of `citing` with marks, unless it holds no digit or is cited already.

    Examples
    --------
    >>> cited("38 %", "water.gap.city")
    '38 %'
    """
    if not ids or not _CITING.get() or not _DIGIT.search(shown) or _START in shown:
        return shown
    keys = " ".join(key.replace(" ", "_") for key in ids)
    return f"{_START}{_MARK.sub('', keys)}{_SHOWN}{shown}{_END}"


def uncited(text: str) -> str:
    """
    Take the ids away, for what is no page.

    Parameters
    ----------
    text : as `cited` gives it, or a sentence made of such.

    Returns
    -------
    The text as it is read.

    Examples
    --------
    >>> with citing():
    ...     uncited(cited("38 %", "water.gap.city"))
    '38 %'
    """
    return _MARK.sub("", text) if _START in text or _END in text else text


def ids_in(text: str) -> tuple[str, ...]:
    """
    List the ids that a text carries.

    Parameters
    ----------
    text : as `cited` gives it, or a sentence made of such.

    Returns
    -------
    Ids in the order of the text.

    Examples
    --------
    >>> with citing():
    ...     ids_in(cited("38 %", "water.gap.city"))
    ('water.gap.city',)
    """
    return tuple(one for found in _CITED.findall(text) for one in found[0].split())


def short_ids(ids: str) -> str:
    """
    Shorten ids to what the tag of a content control of Word may hold.

    Parameters
    ----------
    ids : parted by blanks.

    Returns
    -------
    The ids; longer ones cut, with a checksum that keeps them apart.

    Examples
    --------
    >>> short_ids("water.gap.city"), len(short_ids("a" * 200))
    ('water.gap.city', 64)
    """
    if len(ids) <= _LONGEST_TAG:
        return ids
    return f"{ids[: _LONGEST_TAG - 9]}~{sha256(ids.encode()).hexdigest()[:8]}"


def cited_markup(html: str) -> str:
    """
    Turn cited numbers of a page into elements that name their ids.

    Parameters
    ----------
    html : page, or part of one, whose texts are escaped.

    Returns
    -------
    The page with ``<span data-id="…">`` around each cited number.

    Examples
    --------
    >>> cited_markup("38 %")
    '38 %'
    """
    if _START not in html:
        return html
    marked = _CITED.sub(r'<span data-id="\1" title="ledger.json: \1">\2</span>', html)
    return _MARK.sub("", marked)
