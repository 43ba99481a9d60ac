"""What the map and the report share: templates, assets and the seal that keeps pages offline."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup, escape

from kcity_geo.errors import OutputError
from kcity_geo.outputs.cited import uncited
from kcity_geo.outputs.fonts import embed_fonts
from kcity_geo.outputs.text import JOINED, human, persons, plain_text, unbroken

__all__ = ["asset", "environment", "seal", "whole_page", "whole_words"]

_PARTED = re.compile(rf"(?<=\d)</span> (?={JOINED})")
#: Narrow cells: a number and its unit would be torn within the unit, so that the line ends between them.
_APART = re.compile(r'<td class="num apart">.*?</td>', re.DOTALL)
_JOINED_UNIT = re.compile("\u00a0(?!%)")
_HANGUL = re.compile("[가-힣]")
#: Words of Hangul that are never torn: so short that they fit a column of a table.
_WORD = re.compile(r"(?<![^\s>(·/])(?=\S*[가-힣])[^\s<>&(·/]{2,6}(?![^\s<(·/])")
#: Behind a cited number, before Hangul.
_COUNTED = re.compile(r'(?<=[\d%]</span>)(?=(?:<span class="whole">)?[가-힣])')
#: What of a page is no prose: scripts, styles and the tags themselves.
_NO_PROSE = re.compile(
    r"(<(script|style|svg)\b[^>]*>.*?</\2>|<!--.*?-->|<[^>]*>)", re.DOTALL | re.IGNORECASE
)


@cache
def environment() -> Environment:
    """
    Give the environment that renders the pages of a study.

    Returns
    -------
    Environment with the filters ``human``, ``persons``, ``plain``, ``whole`` and ``uncited``.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        human=human, persons=persons, plain=plain_text, whole=whole_words, uncited=uncited
    )
    return made


def whole_words(text: str, longest: int = 16) -> Markup:
    """
    Keep the words of Hangul whole where lines break: not every writer of PDF knows how to.

    Parameters
    ----------
    text : plain text.
    longest : letters of a word that may not be broken.

    Returns
    -------
    The text, escaped; a text without Hangul has no further markup.

    Examples
    --------
    >>> str(whole_words("<b>")), str(whole_words("조사 1"))
    ('&lt;b&gt;', '<span class="w">조사</span> 1')
    """
    if not _HANGUL.search(text):
        return escape(text)
    return Markup(" ").join(_whole(word, longest) for word in text.split(" "))


def _whole(word: str, longest: int) -> Markup:
    if not _HANGUL.search(word):
        return escape(word)
    if len(word) <= longest:
        return Markup('<span class="w">{}</span>').format(word)
    name, bracket, rest = word.partition("(")
    if not (name and bracket):
        return escape(word)
    # A line may end before the bracket.
    return _whole(name, longest) + _whole(bracket + rest, longest)


def whole_page(html: str) -> str:
    """
    Keep short words of Hangul whole on a page that is printed by a program that breaks them anywhere.

    Parameters
    ----------
    html : sealed page.

    Returns
    -------
    The page with a mark around each such word of its body; a page without Hangul stays as it is.

    Examples
    --------
    >>> whole_page('<body><p title="물 1">물 공급</p></body>')
    '<body><p title="물 1">물 <span class="whole">공급</span></p></body>'
    >>> whole_page("<body><span>1,520</span>명</body>")
    '<body><span>1,520</span>&#8288;명</body>'
    """
    head, body, rest = html.partition("<body")
    told = _over_prose(rest, lambda text: _WORD.sub(r'<span class="whole">\g<0></span>', text))
    # No line ends between a number and what it counts: 1,520 / 명.
    return head + body + _COUNTED.sub("&#8288;", told)


def _over_prose(html: str, change: Callable[[str], str]) -> str:
    """Change the prose of a page: what stands between its tags, but for scripts, styles and drawings."""
    found, last = [], 0
    for one in _NO_PROSE.finditer(html):
        found += [change(html[last : one.start()]), one[0]]
        last = one.end()
    return "".join([*found, change(html[last:])])


def asset(name: str) -> str:
    """
    Read a file of the folder ``assets``.

    Parameters
    ----------
    name : file name.

    Returns
    -------
    Its text.
    """
    return (Path(__file__).parent / "assets" / name).read_text(encoding="utf-8")


class _Loads(HTMLParser):
    """Collects what a page would fetch, and its scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        self._inside = tag if tag in {"script", "style"} else ""
        if tag == "script" and given.get("type") == "application/json":
            self._inside = ""
        for key in ("src", "srcset", "data", "poster", "background"):
            if key in given and not given[key].startswith("data:"):
                self.found.append(f"<{tag} {key}={given[key][:100]!r}>")
        if tag in {"link", "base"} or any(k.startswith("on") for k in given):
            self.found.append(f"<{tag} {str(given)[:100]}>")

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        if self._inside == "style" and re.search(r"@import|url\(\s*['\"]?(https?:)?//", data):
            self.found.append("<style> with a remote address")
        self._inside = ""


def seal(html: str, also: Iterable[str] = (), *, images_from: str = "") -> str:
    """
    Close a page: numbers stay with their units, it gets its fonts, loads nothing, and only its own scripts may run.

    Parameters
    ----------
    html : page with the comment ``<!--policy-->`` in its head.
    also : letters that its fonts hold beside those of the page.
    images_from : scheme and host whose images the page may load when its reader asks for them;
        empty: none.

    Returns
    -------
    The page with its fonts and a content security policy.

    Raises
    ------
    OutputError
        If an element of the page would load something, or carries its own event handler.
    """
    # A number stays with its unit where a line ends, also when only the number has an id.
    html = _PARTED.sub("</span>\u00a0", _over_prose(html, unbroken))
    html = _APART.sub(lambda cell: _JOINED_UNIT.sub(" ", cell[0]), html)
    html = embed_fonts(html, [*also, "\u00a0"])
    page = _Loads()
    page.feed(html)
    page.close()
    if page.found:
        raise OutputError(
            f"a page would load from outside: {page.found[0]}; this is a fault of kcity_geo"
        )
    hashes = [
        base64.b64encode(hashlib.sha256(body.encode("utf-8")).digest()).decode("ascii")
        for body in page.scripts
    ]
    allowed = " ".join(f"'sha256-{h}'" for h in dict.fromkeys(hashes)) or "'none'"
    images = f"data: {images_from}".strip()
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src {images}; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return html.replace("<!--policy-->", meta, 1)
