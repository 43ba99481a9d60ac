"""
The letters of pages and figures: they come with the package, so every machine shows the same page.

Pretendard holds Latin, Greek, Cyrillic and all 11,172 syllables of Hangul; Noto Sans the Latin
letters of other languages that Pretendard lacks (ɛ, ɔ, ŋ, ƙ). Letters that neither has (Arabic,
Thai, emoji) are left to the fonts of the machine.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

__all__ = ["FAMILIES", "can_write", "embed_fonts", "font_faces", "letters_of", "use_packaged_fonts"]

#: Families of the package, as the files call themselves, in the order in which they are asked.
FAMILIES = ("Pretendard", "Noto Sans")
_FOLDER = Path(__file__).parent / "assets" / "fonts"
# Name in the page, file by weight. The names differ from those of fonts that a machine may have.
_FACES = (
    ("kcity-first", {400: "Pretendard-Regular.otf", 700: "Pretendard-Bold.otf"}),
    ("kcity-second", {400: "NotoSans-Regular.ttf", 700: "NotoSans-Bold.ttf"}),
)
_MARK = "/*fonts*/"
# Always embedded: ASCII, Latin-1 and the marks that pages use. Then most pages of a study ask for
# the same letters, and their fonts are cut once.
_ALWAYS = frozenset(
    map(
        chr,
        [
            *range(0x20, 0x7F), *range(0xA0, 0x100), *range(0x2013, 0x2015), *range(0x2018, 0x201A),
            *range(0x201C, 0x201E), 0x2026, 0x2192, 0x2212, 0x2264, 0x2265, 0x25B2, 0x25B6, 0x25BC,
        ],
    )
)  # fmt: skip
# Of the layout: accents in their place, kerning, forms of a language, digits of one width for tables.
_FEATURES = ("ccmp", "kern", "locl", "mark", "mkmk", "tnum")
_WRITTEN = re.compile(r"&#?\w+;|\\u([0-9a-fA-F]{4})|\\([0-9a-fA-F]{4})(?![0-9a-fA-F])")


def letters_of(page: str) -> frozenset[str]:
    r"""
    Collect the letters that a page may show.

    Parameters
    ----------
    page : HTML with its styles, scripts and JSON.

    Returns
    -------
    Characters, also those written as an entity, as ``\uXXXX`` in a script or ``\XXXX`` in a style.

    Examples
    --------
    >>> sorted(letters_of("<b>é&#44032;</b>") - letters_of(""))
    ['가']
    """
    found = set(page)
    for match in _WRITTEN.finditer(page):
        code = match[1] or match[2]
        found |= set(chr(int(code, 16)) if code else html.unescape(match[0]))
    return frozenset(c for c in found if c.isprintable()) | _ALWAYS


def font_faces(letters: Iterable[str]) -> str:
    """
    Write the style rules that bring the fonts for some letters into a page.

    Parameters
    ----------
    letters : characters that the page shows.

    Returns
    -------
    ``@font-face`` rules, regular and bold, with the fonts as data URIs. The same letters give the
    same bytes.
    """
    rules, wanted = [], frozenset(letters)
    for family, files in _FACES:
        held = frozenset(c for c in wanted if ord(c) in _coverage(files[400]))
        wanted -= held
        if not held:
            continue
        for weight, file in files.items():
            rules.append(_rule(family, weight, _cut("".join(sorted(held)), file)))
    return "\n".join(rules)


def _rule(family: str, weight: int, font: bytes) -> str:
    data = base64.b64encode(font).decode("ascii")
    return (
        f'@font-face{{font-family:"{family}";font-weight:{weight};'
        f'src:url(data:font/woff;base64,{data}) format("woff")}}'
    )


def embed_fonts(page: str, also: Iterable[str] = ()) -> str:
    """
    Put the fonts that a page needs into it.

    Parameters
    ----------
    page : HTML with the comment ``/*fonts*/`` in its first style.
    also : further letters; pages that ask for the same ones have their fonts cut once.

    Returns
    -------
    The page with its fonts inside; a page without the comment stays as it is.
    """
    if _MARK not in page:
        return page
    return page.replace(_MARK, font_faces(letters_of(page) | frozenset(also)), 1)


def can_write(text: str) -> bool:
    """
    Tell whether the fonts of the package hold all letters of a text.

    Parameters
    ----------
    text : plain text.

    Returns
    -------
    False where a letter would be an empty box.

    Examples
    --------
    >>> can_write("Vaduz 파두츠"), can_write("ฟาดุซ")
    (True, False)
    """
    held = frozenset().union(*(_coverage(files[400]) for _, files in _FACES))
    return all(ord(c) in held for c in text)


@cache
def _coverage(file: str) -> frozenset[int]:
    return frozenset(_face(file).unicodes)


@cache
def _face(file: str) -> Any:  # noqa: ANN401 - uharfbuzz loads lazily
    import uharfbuzz

    return uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(_FOLDER / file)))


@lru_cache(maxsize=32)
def _cut(letters: str, file: str) -> bytes:
    """Cut a font down to some letters, as WOFF, without hints, names and the date of today."""
    import uharfbuzz
    from fontTools.ttLib import TTFont

    wanted = uharfbuzz.SubsetInput()
    wanted.flags = uharfbuzz.SubsetFlags.NO_HINTING
    sets = uharfbuzz.SubsetInputSets
    for what, members in (
        (sets.UNICODE, {ord(c) for c in letters}),
        (sets.NAME_ID, set[int]()),
        (sets.LAYOUT_FEATURE_TAG, {int.from_bytes(tag.encode(), "big") for tag in _FEATURES}),
    ):
        chosen = wanted.sets(what)
        chosen.clear()
        chosen.update(members)
    data = uharfbuzz.subset(_face(file), wanted).blob.data
    stream = io.BytesIO()
    with TTFont(io.BytesIO(data), lazy=True, recalcBBoxes=False, recalcTimestamp=False) as font:
        font.flavor = "woff"
        font.save(stream)
    return stream.getvalue()


@cache
def _tell_matplotlib() -> None:
    from matplotlib import font_manager

    for _, files in _FACES:
        for file in files.values():
            font_manager.fontManager.addfont(_FOLDER / file)


def use_packaged_fonts(figure: Any) -> None:  # noqa: ANN401 - matplotlib loads lazily
    """
    Write every text of a figure in the fonts of the package, whatever fonts the machine has.

    Parameters
    ----------
    figure : matplotlib figure with all its texts; changed in place.
    """
    _tell_matplotlib()
    families: Any = list(FAMILIES)
    for axes in figure.axes:
        axes.tick_params(labelfontfamily=families)
    for text in _texts(figure):
        text.set_fontfamily(families)


def _texts(artist: Any) -> Iterator[Any]:  # noqa: ANN401 - matplotlib loads lazily
    """Every text of a figure but the labels of ticks, whose making costs more than the figure."""
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    if isinstance(artist, Text):
        yield artist
    elif isinstance(artist, Axis):
        yield from (artist.label, artist.offsetText)
    else:
        for child in artist.get_children():
            yield from _texts(child)
