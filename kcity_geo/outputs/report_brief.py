"""The first page of the report: so many words that it fits one sheet, whatever the names."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from kcity_geo.outputs.cited import cited, ids_in
from kcity_geo.outputs.languages import unmarked
from kcity_geo.outputs.text import plain_text

__all__ = ["few_words"]

#: Letters of what speaks for all sites of the page, or against them; a wide one counts for two.
_ROOM = 240


def few_words(texts: Sequence[str], *, sites: int = 1, room: int = _ROOM) -> str:
    """
    Take as many texts as there is room for, and at least the first.

    Parameters
    ----------
    texts : the most important first.
    sites : that share the room.
    room : letters; a wide one, such as of Hangul, counts for two.

    Returns
    -------
    At most two of them, parted by semicolons; a first one without room is cut.

    Examples
    --------
    >>> few_words(["near a port", "flat"], room=20), few_words(["near a port", "flat"], room=12)
    ('near a port; flat', 'near a port')
    """
    if not texts:
        return ""
    room //= max(sites, 1)
    if _wide(texts[0]) > room:
        share = len(unmarked(texts[0])) / _wide(texts[0])
        cut = plain_text(unmarked(texts[0]), max_chars=int(room * share))
        return cited(cut, *ids_in(texts[0]))
    both = "; ".join(texts[:2])
    return both if _wide(both) <= room else texts[0]


def _wide(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in unmarked(text))
