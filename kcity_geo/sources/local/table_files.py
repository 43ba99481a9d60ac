"""
Table files: cells of a csv or a sheet, as they are written, under the names of their header row.

Encoding and separator are found from the whole file. Cells stay text (``08``, ``1E02`` and ``NA`` are
codes, not numbers) but for the numbers of a sheet; what is a number is decided by who reads a column.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.errors import LimitError, SourceError
from kcity_geo.extras import need
from kcity_geo.notes import tell
from kcity_geo.sources.local.merged_cells import hidden_rows, merged_rows
from kcity_geo.sources.web.wellformed import require_whole_zip
from kcity_geo.studyfile import file_and_part

__all__ = ["column_key", "plain_text", "read_cells"]

_SEPARATORS = (";", "\t", ",", "|")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Encodings of two bytes a letter, with the letters that most of a text of theirs is in.
_WIDE = (
    ("cp949", ("HANGUL",), 0.9),
    ("cp932", ("HIRAGANA", "KATAKANA"), 0.3),
    ("gb18030", ("CJK",), 0.9),
)
# All that are tried where names of districts are known.
_OLD = (
    "cp949",
    "cp1252",
    "cp1250",
    "cp932",
    "gb18030",
    "big5",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1256",
    "euc_jp",
    "cp874",
    "cp850",
    "cp866",
    "koi8_r",
    "mac_roman",
    "cp1255",
    "cp1257",
    "cp1258",
)
_BIG_ENDIAN_SHARE = 0.3
# '08 and ="08": text, says a spreadsheet. A name such as 's-Hertogenbosch is none of them.
_PROTECTED = re.compile(r"'(\d[^']*)|=\"(.*)\"")


def plain_text(value: object) -> str:
    """
    Give a cell as composed text without spaces around it, with one space between words.

    Parameters
    ----------
    value : of a cell.

    Returns
    -------
    The text; "" for an empty cell. Whole numbers have no point; control characters are replaced.

    Examples
    --------
    >>> plain_text(" Jung  gu "), plain_text(101.0), plain_text(None)
    ('Jung gu', '101', '')
    """
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, float):
        value = f"{value:.15g}"
    text = " ".join(unicodedata.normalize("NFC", str(value)).split())
    return "".join("\ufffd" if unicodedata.category(c) == "Cc" else c for c in text)


def column_key(name: object) -> str:
    """
    Give the name of a column as it is compared: small letters, ``_`` for spaces and hyphens.

    Parameters
    ----------
    name : of the header row.

    Returns
    -------
    The key.

    Examples
    --------
    >>> column_key(" District ID")
    'district_id'
    """
    return plain_text(name).casefold().replace(" ", "_").replace("-", "_")


def read_cells(
    path: Path, *, key: str, wanted: Collection[str], names: Collection[str] = ()
) -> pd.DataFrame:
    """
    Read the cells of a table.

    Parameters
    ----------
    path : csv, tsv or txt in UTF-8, UTF-16, cp949 and others; or xlsx, with ``#`` and a sheet behind it
        where it has several.
    key : key of the study file, for messages.
    wanted : names of columns that are looked for; the header is the row that has most of them.
    names : of districts; a file that is not in UTF-8 is in the encoding in which most of them are found.

    Returns
    -------
    A row a row of the table below its header, empty ones left out; columns have the wanted names where
    they are the same but for case and spaces. Cells are text, numbers of a sheet are numbers, empty
    cells are NaN.

    Raises
    ------
    SourceError
        If the file cannot be read, is no table, or has a wanted column twice.
    LimitError
        If it is larger than the limit.
    """
    file, part = file_and_part(path)
    if not file.exists():
        raise SourceError(f"{key}: {file} does not exist")
    if not file.is_file():
        raise SourceError(f"{key}: {file.name} is a folder; a table is needed")
    limit = read_table("statistics")["bytes_max"]
    if (size := file.stat().st_size) > limit:
        raise LimitError(
            f"{key}: {file.name} has {size:,} bytes; the limit for a table is {limit:,}: keep the rows and "
            "columns of this city"
        )
    if file.suffix.lower() in {".xlsx", ".xlsm"}:
        rows = _sheet(file, part, key=key, wanted=wanted)
    elif file.suffix.lower() == ".xls":
        raise SourceError(f"{key}: {file.name}: the old xls is not read; save it as xlsx or csv")
    elif part:
        raise SourceError(
            f"{key}: {file.name} has no part {part!r}; only sheets of xlsx have names"
        )
    else:
        rows = _text_rows(file, key=key, names=names)
    return _framed(rows, name=path.name, key=key, wanted=wanted)


def _text_rows(file: Path, *, key: str, names: Collection[str]) -> list[list[Any]]:
    where = f"{key}: {file.name}"
    data = file.read_bytes()
    if data[:4] in {b"PK\x03\x04", b"\xd0\xcf\x11\xe0"}:
        raise SourceError(
            f"{where} is a workbook, not text; save it as xlsx (or name it so) or csv"
        )
    text = _decoded(data, names, where=where)
    if "\0" in text:
        raise SourceError(f"{where} holds NUL bytes; it is damaged or no text")
    if not text.strip():
        raise SourceError(f"{where} is empty")
    if text.lstrip()[:15].casefold().startswith(("<!doctype", "<html", "<?xml")):
        raise SourceError(f"{where} is a web page or XML, not a table")
    found = {sign: rows for sign in _SEPARATORS if (rows := _split(text, sign)) is not None}
    if not found:
        raise SourceError(f"{where} cannot be read as a table (a quotation mark is not closed?)")
    best = max(found, key=lambda sign: (*_agreement(found[sign]), -_SEPARATORS.index(sign)))
    limit = read_table("statistics")["cells_max"]
    if sum(map(len, found[best])) > limit:
        raise LimitError(f"{where} has more than {limit:,} cells; keep those of this city")
    return found[best]


def _split(text: str, sign: str) -> list[list[Any]] | None:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=False))
    except csv.Error:
        return None


def _agreement(rows: list[list[Any]]) -> tuple[float, int]:
    """Give the share of rows with the usual number of cells, where they have two and more, and that number."""
    counts = Counter(len(r) for r in rows if any(c.strip() for c in r))
    wide = {n: count for n, count in counts.items() if n > 1}
    if not wide:
        return 0.0, 1
    usual = max(wide, key=lambda n: (wide[n], n))
    return wide[usual] / counts.total(), usual


def _decoded(data: bytes, names: Collection[str], *, where: str) -> str:
    """Decode bytes: by their mark, as UTF-8, as UTF-16 without a mark, else by the letters that come out."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _strictly(data, encoding, where)
    zeros = [data[i::2].count(0) / max(1, len(data) // 2) for i in (0, 1)]
    if max(zeros) > _BIG_ENDIAN_SHARE and len(data) % 2 == 0:
        return _strictly(data, "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le", where)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        encoding = _by_names(data, names) or _by_letters(data)
    tell(
        f"{where} is not in UTF-8; it was read as {encoding}: look at the names, or save it as UTF-8"
    )
    return data.decode(encoding, errors="replace")


def _strictly(data: bytes, encoding: str, where: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise SourceError(f"{where} is damaged: it is no {encoding} ({error.reason})") from error


def _by_names(data: bytes, names: Collection[str]) -> str:
    """Give the encoding in which most names with other letters than ASCII are found; "" when none is."""
    sought = {plain_text(n).casefold() for n in names if not n.isascii()}
    best, most = "", 0
    for encoding in _OLD:
        try:
            text = plain_text(data.decode(encoding)).casefold()
        except UnicodeDecodeError:
            continue
        found = sum(name in text for name in sought)
        if found > most:
            best, most = encoding, found
    return best


def _by_letters(data: bytes) -> str:
    for encoding, block, least in _WIDE:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        letters = [c for c in text if ord(c) > 127]  # noqa: PLR2004 - ASCII
        # Two bytes of which both are high: a single accented letter before a plain one is another thing.
        sure = [c for c in letters if min(c.encode(encoding)) > 127]  # noqa: PLR2004
        known = [c for c in sure if unicodedata.name(c, "").startswith(block)]
        if letters and len(known) >= least * len(letters):
            return encoding
    return "cp1252"


def _sheet(file: Path, part: str, *, key: str, wanted: Collection[str]) -> list[list[Any]]:
    need("openpyxl", f"{key}: {file.name}: reading xlsx")
    import openpyxl

    where = f"{key}: {file.name}"
    try:
        require_whole_zip(file)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheets = {s.title: s for s in book.worksheets}
        part_of = {s.title: str(s._worksheet_path) for s in book.worksheets}  # noqa: SLF001 - no other way
        names = _sheets_looked_at(sheets, part, where)
        cells = {name: _sheet_rows(sheets[name], where) for name in names}
        book.close()
        name = _sheet_meant(cells, where=where, wanted=wanted)
        _refuse_formulas_without_value(file, name, cells[name], where=where)
        _refuse_merged(file, part_of[name], cells[name], wanted, where=where)
        if hidden := hidden_rows(file, part_of[name]):
            tell(f"{where}: rows that are hidden (a filter?) were read like the others: {hidden:,}")
    except (SourceError, LimitError) as error:
        text = str(error)
        raise type(error)(text if text.startswith(key) else f"{where} {text}") from error
    except Exception as error:
        raise SourceError(f"{where} cannot be read as xlsx ({_line(error)})") from error
    return cells[name]


def _sheets_looked_at(sheets: dict[str, Any], part: str, where: str) -> list[str]:
    if part and part not in sheets:
        raise SourceError(f"{where} has no sheet {part!r}; it has {', '.join(sheets)}")
    return [part] if part else [n for n, s in sheets.items() if s.sheet_state == "visible"]


def _line(error: Exception) -> str:
    text = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text)


def _sheet_rows(sheet: Any, where: str) -> list[list[Any]]:  # noqa: ANN401 - openpyxl
    limit, seen, rows = read_table("statistics")["cells_max"], 0, []
    sheet.reset_dimensions()
    for row in sheet.iter_rows(values_only=True):
        seen += len(row) + 1
        if seen > limit:
            raise LimitError(f"{where} has more than {limit:,} cells; keep those of this city")
        rows.append(list(row))
    while rows and not any(_there(c) for c in rows[-1]):
        rows.pop()
    return rows


def _sheet_meant(cells: dict[str, list[list[Any]]], *, where: str, wanted: Collection[str]) -> str:
    """Give the sheet that is meant: the only one that holds anything, or that has the columns."""
    filled = [name for name, rows in cells.items() if rows]
    if not filled:
        raise SourceError(f"{where} is empty")
    if len(filled) == 1:
        return filled[0]
    fits = [n for n in filled if _header(cells[n], wanted)[1] > 1]
    if len(fits) == 1:
        tell(
            f"{where} has {len(filled)} sheets; {fits[0]!r} is the one with known columns and was read"
        )
        return fits[0]
    raise SourceError(
        f"{where} has {len(filled)} sheets ({', '.join(filled[:6])}); name one: "
        f"{where.partition(': ')[2]}#{filled[0]}"
    )


def _refuse_formulas_without_value(
    file: Path, name: str, rows: list[list[Any]], *, where: str
) -> None:
    """Refuse cells whose formula was never calculated: they would count as empty."""
    import openpyxl
    from openpyxl.utils import get_column_letter

    book = openpyxl.load_workbook(file, read_only=True)
    sheet = book[name]
    sheet.reset_dimensions()
    for i, row in enumerate(sheet.iter_rows(values_only=True)):
        for j, formula in enumerate(row):
            if not isinstance(formula, str) or not formula.startswith("="):
                continue
            value = rows[i][j] if i < len(rows) and j < len(rows[i]) else None
            if value is None:
                raise SourceError(
                    f"{where}, cell {get_column_letter(j + 1)}{i + 1}: the formula has no stored value; open "
                    "the file, let it calculate and save it"
                )
    book.close()


def _refuse_merged(
    file: Path, part: str, rows: list[list[Any]], wanted: Collection[str], *, where: str
) -> None:
    """Refuse merged cells of a column that is read; tell those of others."""
    at, _ = _header(rows, wanted)
    head = _second_header(rows, at, wanted)
    for cells, row, column in merged_rows(file, part, rows, header=at):
        name = head[column - 1] if column <= len(head) else None
        text = (
            f"{where}, cells {cells} are merged: only row {row} has the value "
            f"{plain_text(rows[row - 1][column - 1])[:40]!r}, the rows below have none; unmerge them and fill "
            "in each row"
        )
        if column_key(name) in wanted:
            raise SourceError(text)
        tell(text)


def _there(cell: object) -> bool:
    return plain_text(cell) != ""


def _header(rows: list[list[Any]], wanted: Collection[str]) -> tuple[int, int]:
    """Find the header row and how many wanted columns it has; the first with any cell when none has."""
    first = next((i for i, row in enumerate(rows) if any(map(_there, row))), 0)
    best, most = first, 0
    for i in range(first, min(len(rows), first + read_table("statistics")["header_rows"])):
        names = {column_key(c) for c in rows[i]} & set(wanted)
        goes_on = (
            i == best + 1 and len(names) == most and not names & set(map(column_key, rows[best]))
        )
        if len(names) > most or (most and goes_on):
            best, most = i, len(names)
    return best, most


def _second_header(rows: list[list[Any]], at: int, wanted: Collection[str]) -> list[Any]:
    """Give the header, with the wanted names of the row above where it says nothing of its own."""
    head = list(rows[at]) if rows else []
    above = rows[at - 1] if at > 0 else []
    taken = {column_key(c) for c in head}
    for i, cell in enumerate(above):
        if i >= len(head):
            head += [None] * (i + 1 - len(head))
        if not _there(head[i]) and column_key(cell) in set(wanted) - taken:
            head[i] = cell
    return head


def _unprotected(cell: object) -> object:
    """Take off what spreadsheets put around text that must not become a number: '08 and ="08"."""
    if not isinstance(cell, str):
        return cell
    found = _PROTECTED.fullmatch(cell.strip())
    return (found.group(1) or found.group(2)) if found else cell


def _framed(rows: list[list[Any]], *, name: str, key: str, wanted: Collection[str]) -> pd.DataFrame:
    at, _ = _header(rows, wanted)
    head = _second_header(rows, at, wanted)
    while head and not _there(head[-1]):
        head = head[:-1]
    limit = read_table("statistics")["columns_max"]
    if len(head) > limit:
        raise LimitError(
            f"{key}: {name} has {len(head):,} columns, the limit is {limit:,}; keep those that are needed"
        )
    columns: dict[str, None] = {}  # in their order, and quick to look up
    for i, cell in enumerate(head):
        title = column_key(cell) if column_key(cell) in wanted else plain_text(cell)
        title = title or f"column {i + 1}"
        if title in columns:
            if title in wanted:
                raise SourceError(
                    f"{key}: {name} has the column {title} twice; take out the one that does not count"
                )
            title = f"{title} ({i + 1})"
        columns[title] = None
    body = []
    for number, row in enumerate(rows[at + 1 :], start=at + 2):
        if not any(map(_there, row)):
            continue
        if len(row) > len(columns) and any(map(_there, row[len(columns) :])):
            below = [plain_text(cell) for cell in row[len(columns) :] if _there(cell)]
            mend = (
                f"is {head[-1]!r} a header over several columns ({', '.join(below[:3])})? Give each a name in one row"
                if number == at + 2 and not any(text[0].isdigit() for text in below)
                else "put numbers with a separator of thousands in quotes, or use another separator"
            )
            raise SourceError(
                f"{key}: {name}, row {number}: {len(row)} cells where the header has {len(columns)}; {mend}"
            )
        body.append([*row, *[None] * len(columns)][: len(columns)])
    cells = [[_unprotected(c) if _there(c) else None for c in row] for row in body]
    frame = pd.DataFrame(cells, columns=[*columns], dtype=object)
    frame = frame.where(frame.notna(), float("nan"))
    frame.attrs["titles"] = [
        t for row in rows[:at] if (t := " ".join(map(plain_text, row)).strip())
    ]
    return frame
