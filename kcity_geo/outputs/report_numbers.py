"""The list of numbers at the end of the report as PDF: what each chapter shows, and its id in the ledger."""

from __future__ import annotations

import html
import re

from markupsafe import Markup

from kcity_geo.outputs.languages import tell
from kcity_geo.outputs.text import plain_text

__all__ = ["with_list_of_numbers"]

_FOUND = re.compile(
    r'<h2 id="[^"]*">(?P<chapter>.*?)</h2>|<span data-id="(?P<ids>[^"]*)"[^>]*>(?P<shown>.*?)</span>', re.DOTALL
)  # fmt: skip
#: Beside an assumption stands its key, which is the rest of its id.
_KEYED = "parameter."
_TAG = re.compile(r"<[^>]*>")
#: Letters of a sentence that are enough to find it again.
_LONGEST = 40


def with_list_of_numbers(page: str) -> str:
    """
    Add the list of numbers to a page that is printed: paper has no pointer that could show an id.

    Parameters
    ----------
    page : report whose numbers carry ids.

    Returns
    -------
    The page with one more part at its end; as it is where no number has an id.

    Examples
    --------
    >>> page = '<body><h2 id="a">1 · Gaps</h2><span data-id="x.y" title="">38 %</span></body>'
    >>> "<li>38 % <code>x.y</code></li>" in with_list_of_numbers(page)
    True
    """
    parts: list[tuple[str, list[tuple[str, str]]]] = []
    for one in _FOUND.finditer(page):
        if one["chapter"] is not None:
            parts.append((_words(one["chapter"]), []))
        elif parts and not one["ids"].startswith(_KEYED):
            row = plain_text(_words(one["shown"]), max_chars=_LONGEST), html.unescape(one["ids"])
            if row not in parts[-1][1]:
                parts[-1][1].append(row)
    listed = [(title, rows) for title, rows in parts if rows]
    if not listed:
        return page
    made = Markup('<section class="numbers"><h2>{}</h2><p class="small">{}</p>').format(
        tell("numbers_title"), tell("numbers_lead", file="ledger.json")
    )
    for title, rows in listed:
        items = (Markup("<li>{} <code>{}</code></li>").format(*row) for row in rows)
        made += Markup("<h3>{}</h3><ul>{}</ul>").format(title, Markup("").join(items))
    before, end, after = page.rpartition("</body>")
    return f"{before}{made}</section>{end}{after}"


def _words(part: str) -> str:
    return html.unescape(_TAG.sub("", part))
