"""
Text on its way out: escaping, file names, safe cells of a table, numbers as people write them.

`safe_text` is the one door to folium: branca runs every string it is given as a Jinja template,
in this process, and Leaflet puts it into the page as HTML.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from functools import cache
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.languages import spoken, tell, translated

__all__ = [
    "JOINED",
    "as_number",
    "csv_safe",
    "human",
    "json_text",
    "measured",
    "persons",
    "plain_lines",
    "plain_text",
    "safe_text",
    "share_beside",
    "slug",
    "translated_text",
    "unbroken",
    "value_words",
]

# C0 and C1 controls, and the marks that turn the direction of the text around them.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_DIRECTION = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Text with none of these is clean already; most is.
_UNCLEAN = re.compile(
    r"[^\S ]|  |^ | $|[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# What no terminal, editor or spreadsheet may get.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: What no line parts from the number before it, as a pattern that Python and the pages read alike.
JOINED = (
    "(?:%|‰|[kcm]?m[²³]?|km2|m3|ha|min|h|s|days?|years?|[kMGT]?W(?:h|p)?|[kM]?V(?:A)?|°C?|l|t|kg|km/h|dB|"
    "USD|million|billion|people|points?)(?![A-Za-z0-9_²³])"
)
_JOIN = re.compile(rf"(?<=\d) (?={JOINED})")
_ENTITIES = str.maketrans({c: f"&#{ord(c)};" for c in "&<>\"'`${}\\"})
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{d}{i}" for d in ("com", "lpt") for i in range(1, 10)}


def plain_text(value: object, *, max_chars: int = 200) -> str:
    r"""
    Clean a string for people: one line, no control characters, not endless.

    Parameters
    ----------
    value : anything; None and NaN give the empty string.
    max_chars : longer text is cut and ends with an ellipsis.

    Returns
    -------
    Text without control characters, lone surrogates and marks that reverse the reading
    direction; right-to-left letters and emoji stay. Not escaped for HTML.

    Examples
    --------
    >>> plain_text("Main\x00 Street\n")
    'Main Street'
    >>> plain_text("abcdef", max_chars=4)
    'abc…'
    """
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return ""
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, str) and len(value) <= max_chars and not _UNCLEAN.search(value):
        return value
    text = str(value)[: 4 * max_chars + 64]
    text = _CONTROL.sub(" ", _DIRECTION.sub("", _SURROGATE.sub("\ufffd", text)))
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= max_chars else text[: max_chars - 1].rstrip() + "…"


def plain_lines(value: object) -> str:
    r"""
    Clean a text of several lines for a terminal or a text file.

    Parameters
    ----------
    value : anything.

    Returns
    -------
    Its lines, indented as they were, without control characters, lone surrogates and marks that
    reverse the reading direction.

    Examples
    --------
    >>> plain_lines("note: \x1b]0;title\x07 layer\n  next")
    'note:  ]0;title  layer\n  next'
    """
    lines = str(value).split("\n")
    return "\n".join(
        _CONTROL.sub(" ", _DIRECTION.sub("", _SURROGATE.sub("\ufffd", line))) for line in lines
    )


def json_text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    r"""
    Write JSON for people and scripts: readable letters, and no raw control character.

    Parameters
    ----------
    value : JSON value; other objects are written as their text.

    Returns
    -------
    Indented JSON; control characters, marks of direction and lone surrogates as ``\uXXXX``.

    Examples
    --------
    >>> json_text(["Zürich", "\x9b2J"])
    '[\n  "Zürich",\n  "\\u009b2J"\n]'
    """
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    # The only raw control character that json itself writes is the line feed of the layout.
    return "\n".join(
        _UNSEEN.sub(lambda m: f"\\u{ord(m[0]):04x}", line) for line in text.split("\n")
    )


def safe_text(value: object, *, max_chars: int = 200) -> str:
    r"""
    Make a string harmless for folium, Leaflet and HTML.

    The characters that mean something to Jinja, JavaScript or HTML become numeric entities, so
    that a browser shows the text as it was written and nothing runs it.

    Parameters
    ----------
    value : anything, usually a tag value from OSM.
    max_chars : longer text is cut, before escaping.

    Returns
    -------
    Text without any of ``& < > " ' ` $ { } \`` except in entities.

    Examples
    --------
    >>> safe_text("{{7*7}}")
    '&#123;&#123;7*7&#125;&#125;'
    """
    return plain_text(value, max_chars=max_chars).translate(_ENTITIES)


def unbroken(text: str) -> str:
    r"""
    Keep each number with its unit where lines end. For prose only: tables of numbers and CSV have plain blanks.

    Parameters
    ----------
    text : plain text.

    Returns
    -------
    The text with a no-break space (U+00A0) between a number and the unit or percent sign after it.

    Examples
    --------
    >>> unbroken("2 % within 20 km of 3 sites")
    '2\xa0% within 20\xa0km of 3 sites'
    """
    return _JOIN.sub("\u00a0", text)


def slug(name: object, *, max_chars: int = 60) -> str:
    """
    Make a file name from a name.

    Parameters
    ----------
    name : anything.
    max_chars : longest result.

    Returns
    -------
    Only ``a-z 0-9 _ -``, never empty, never a reserved name of Windows.

    Examples
    --------
    >>> slug("../Kota Kinabalu, Malaysia")
    'kota-kinabalu-malaysia'
    >>> slug("부산")
    'unnamed'
    """
    folded = unicodedata.normalize("NFKD", plain_text(name, max_chars=1000))
    ascii_only = folded.encode("ascii", "ignore").decode().lower()
    text = re.sub(r"[^a-z0-9_]+", "-", ascii_only).strip("-_")[:max_chars].strip("-_")
    if not text:
        return "unnamed"
    return f"{text}-file" if text in _RESERVED else text


def csv_safe(value: object) -> object:
    """
    Keep a spreadsheet from running a text cell as a formula.

    Parameters
    ----------
    value : cell of a table.

    Returns
    -------
    Numbers unchanged; strings on one line, without control characters and marks of direction. Those
    that begin with ``= + - @``, tab or carriage return (also after spaces) get an apostrophe in front.

    Examples
    --------
    >>> csv_safe("=1+1"), csv_safe(-1.5)
    ("'=1+1", -1.5)
    """
    if not isinstance(value, str):
        return value
    text = value
    if _UNSEEN.search(text):
        text = _CONTROL.sub(" ", _DIRECTION.sub("", _SURROGATE.sub("\ufffd", text)))
    if value.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(
        ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets fold full width
    ):
        return "'" + text
    return text


def translated_text(value: object, *, max_chars: int = 200) -> str:
    """
    Give a text of a table in the language that is spoken, fit for a page.

    Parameters
    ----------
    value : of any type.
    max_chars : longer texts are cut.

    Returns
    -------
    One line without control characters.
    """
    return translated(plain_text(value, max_chars=max_chars))


def as_number(value: Any) -> float:  # noqa: ANN401 - any cell
    """
    Give the number of a cell of a table.

    Parameters
    ----------
    value : of any type.

    Returns
    -------
    NaN for None and for what is no number.

    Examples
    --------
    >>> as_number("2.5"), as_number(None)
    (2.5, nan)
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _number(value: float) -> str:
    """Three significant figures, thousands separated, no trailing noise."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:  # noqa: PLR2004 - from here the unit place says enough
        digits = 2 - math.floor(math.log10(size))
        return f"{round(value, digits):,.0f}"
    digits = min(max(0, 2 - math.floor(math.log10(size))), 4)
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@cache
def _finest() -> dict[str, float]:
    return {str(unit): float(step) for unit, step in read_table("display")["finest"]["steps"]}


def _measure(value: float, finest: float) -> str:
    """Write a number no finer than anybody measures it: ``under 0.01`` of what is less than that."""
    if not finest or value == 0:
        return _number(value)
    if abs(value) < finest:
        return f"under {finest:g}" if value > 0 else "0"
    return _number(round(round(value / finest) * finest, 6))


def _share(value: float) -> str:
    percent = 100 * value
    if 0 < percent < 1:
        return tell("share_under")
    if 99 < percent < 100:  # noqa: PLR2004 - not quite all
        return tell("share_over")
    return tell("share", number=f"{percent:.0f}")


def share_beside(value: float, *limits: float, missing: str = "–") -> str:  # noqa: RUF001 - a dash in a table
    """
    Write a share so that it stands on the same side of each limit as its reading.

    Parameters
    ----------
    value : share; NaN: not known.
    *limits : shares from which another word is said.
    missing : text for a share that is not known.

    Returns
    -------
    Whole per cent as `human` writes them; one or two decimals where rounding would reach a limit
    that the value does not reach.

    Examples
    --------
    >>> share_beside(0.197, 0.2, 0.4), share_beside(0.2, 0.2, 0.4), share_beside(0.39997, 0.2, 0.4)
    ('19.7 %', '20 %', 'under 40 %')
    """
    below = [limit for limit in limits if value < limit <= round(value, 2)]
    if not below:
        return human(value, "share", missing=missing)
    for digits in (1, 2):
        if round(100 * value, digits) < 100 * below[0]:
            return tell("share", number=f"{100 * value:.{digits}f}")
    return tell("share_under_limit", number=f"{100 * below[0]:.4g}")


#: Square and cubic metres and kilometres in a unit.
_POWER = re.compile(r"\b(k?m)([23])\b")


def human(value: Any, units: str = "", *, missing: str = "–") -> str:  # noqa: ANN401, RUF001 - table cells of any kind
    """
    Write a number as a person would, with its unit.

    Parameters
    ----------
    value : number; None and NaN mean not known.
    units : ``"share"`` prints per cent, ``"persons"`` whole people, others follow the number.
    missing : text for a number that is not known.

    Returns
    -------
    Text of about three significant figures, no finer than ``[finest]`` of ``tables/display.toml`` for its unit.

    Examples
    --------
    >>> human(0.3824, "share"), human(123456.7, "persons"), human(7.2569, "min")
    ('38 %', '123,000', '7.3 min')
    >>> human(0.0152, "km"), human(0.0002, "km"), human(1.2345, "km")
    ('0.02 km', 'under 0.01 km', '1.23 km')
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        return plain_text(value) or missing
    if not math.isfinite(number):
        return missing
    if units == "share":
        return _share(number)
    if units == "persons":
        return persons(number)
    unit = _POWER.sub(lambda found: found[1] + "²³"[int(found[2]) - 2], units)
    shown = _measure(number, _finest().get(unit, 0.0))
    unit = f"per {unit[2:]}" if unit.startswith("1/") else unit
    shown = f"{shown} {unit}".strip() if unit not in {"1", "count", "index", "none"} else shown
    return translated(shown) if spoken().code != "en" else shown


def measured(value: float | None, units: str) -> str:
    """
    Write the value of an indicator in its unit.

    Parameters
    ----------
    value : number; None and NaN: not known.
    units : as of `human`.

    Returns
    -------
    Text; empty where not known.

    Examples
    --------
    >>> measured(7.26, "min"), measured(None, "share")
    ('7.3 min', '')
    """
    number = math.nan if value is None else float(value)
    return human(number, units, missing="")


def value_words(
    value: float | None,
    *,
    low: float | None,
    high: float | None,
    units: str,
    ids: tuple[str, str, str] | None = None,
) -> str:
    """
    Write the value of an indicator: the range that its data allow, else the one number.

    Parameters
    ----------
    value : as counted in the gap; None and NaN: not known.
    low, high : lowest and highest value that the data allow; None and NaN: only one.
    units : as of `human`.
    ids : of value, low and high in the ledger.

    Returns
    -------
    As `measured`; empty where nothing is known.

    Examples
    --------
    >>> value_words(0.5, low=0.2, high=1.0, units="share")
    '20 % to 100 %, counted as 50 %'
    >>> value_words(7.26, low=None, high=None, units="min")
    '7.3 min'
    """
    counted, first, last = (measured(one, units) for one in (value, low, high))
    alone = not (first and last) or first == last
    if ids is not None:
        shown = zip((counted, first, last), ids, strict=True)
        counted, first, last = (cited(text, key) for text, key in shown)
    if alone:
        return counted
    return tell("value_range", low=first, high=last, value=counted)


def persons(value: float) -> str:
    """
    Write a number of people, whole and no more exact than it is.

    Parameters
    ----------
    value : persons; NaN gives a dash.

    Returns
    -------
    Text with three significant figures; above a million in words.

    Examples
    --------
    >>> persons(60312.4), persons(9_870_000)
    ('60,300', '9.87 million')
    """
    if not math.isfinite(value):
        return "–"  # noqa: RUF001 - typographic dash
    if abs(value) >= 1e6:  # noqa: PLR2004
        units = read_table("texts/report")["large"]
        return tell("large", number=_number(value / units.get(spoken().code, units["en"])))
    if abs(value) < 100:  # noqa: PLR2004
        return f"{value:.0f}"
    return _number(round(value))
