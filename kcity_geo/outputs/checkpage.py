"""What `kcity check` prints: one page, blockers first, then what is assessed, then data quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.text import plain_text

__all__ = ["check_page"]

_SECTORS = ("transport", "water", "energy")
_MOST_NOTES = 10
_NARROWEST = 40
_MORE = "All rows, and each text in full: --verbose or --json"


def check_page(rows: Sequence[Mapping[str, Any]], *, width: int = 80) -> list[str]:
    """
    Lay the rows of a check out as a page.

    Parameters
    ----------
    rows : as `kcity_geo.study.check` gives them: ``kind, name, status, detail``.
    width : of the console, characters.

    Returns
    -------
    Lines of at most `width` characters (at least 40), without control characters. Long texts are
    cut: all of it stands in the rows.

    Examples
    --------
    >>> row = {"kind": "indicator", "name": "T1", "status": "will be assessed", "detail": "observed"}
    >>> check_page([row])[0]
    'Will be assessed: 1 of 1 indicators'
    """
    width = max(width, _NARROWEST)
    lines: list[str] = []
    for heading, body in (
        ("Blockers", _blockers(rows)),
        *_indicators(rows),
        ("Inputs", _inputs(rows)),
        _quality(rows),
    ):
        if body:
            lines += [*([""] if lines else []), heading, *(f"  {text}" for text in body)]
    return [plain_line(line, width) for line in [*lines, "", _MORE]]


def plain_line(text: str, width: int) -> str:
    r"""
    Cut a line to the width of a console; its indent stays.

    Parameters
    ----------
    text : one line.
    width : characters.

    Returns
    -------
    The line without control characters.

    Examples
    --------
    >>> plain_line("  a\x1bb and more", 8)
    '  a b a…'
    """
    indent = len(text) - len(text.lstrip(" "))
    return " " * indent + plain_text(text.strip(), max_chars=max(1, width - indent))


def _of(rows: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["kind"] == kind]


def _sector(name: str) -> str:
    about = indicator_rows().get(name)
    return about.sector if about else "other"


def _missing(row: Mapping[str, Any]) -> bool:
    return str(row["status"]) == "NOT ASSESSED"


def _blockers(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name what stops a whole part of the study."""
    found = [str(row["detail"]) for row in _of(rows, "blocker")]
    scored = {key for key, row in indicator_rows().items() if row.scored}
    for sector in _SECTORS:
        own = [
            row
            for row in _of(rows, "indicator")
            if _sector(row["name"]) == sector and row["name"] in scored
        ]
        if own and all(_missing(row) for row in own):
            first = own[0]
            found.append(f"{sector}: no gap possible: {first['name']}: {first['detail']}")
    return found


def _indicators(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    found = _of(rows, "indicator")
    known = [row for row in found if not _missing(row)]
    groups: dict[str, list[str]] = {}
    for row in known:
        groups.setdefault(_sector(str(row["name"])), []).append(str(row["name"]))
    assessed = [f"{sector:<10} {' '.join(names)}" for sector, names in groups.items()]
    reasons: dict[str, list[str]] = {}
    for row in found:
        if _missing(row):
            reasons.setdefault(str(row["detail"]), []).append(str(row["name"]))
    missing = [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return [
        (f"Will be assessed: {len(known)} of {len(found)} indicators", assessed),
        (f"Not assessed: {len(found) - len(known)}", missing),
    ]


def _inputs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    by_status: dict[str, list[str]] = {}
    for row in _of(rows, "input"):
        by_status.setdefault(str(row["status"]), []).append(str(row["name"]))
    lines = [f"{status}: {', '.join(dict.fromkeys(names))}" for status, names in by_status.items()]
    layers = _of(rows, "layer")
    empty = [str(row["name"]) for row in layers if row["status"] != "ok"]
    if layers:
        nothing = f"; nothing mapped of {', '.join(empty)}" if empty else ""
        lines.append(f"map: {len(layers) - len(empty)} of {len(layers)} layers{nothing}")
    return lines


def _quality(rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
    notes = [str(row["detail"]) for row in _of(rows, "warning")]
    shown = notes[:_MOST_NOTES]
    if len(notes) > len(shown):
        shown.append(f"and {len(notes) - len(shown)} more")
    return f"Data quality: {len(notes)} notes", shown
