"""Numbers of cells as a page of the map holds them, read back and held against the table of the cells."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.outputs.explained_numbers import number_texts
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.themes import reading_rows

__all__ = ["CellDrift", "drift_of_columns", "drift_of_map", "read_cells"]

_DATA = re.compile(r'<script type="application/json" id="kc-data">(.*?)</script>', re.DOTALL)
_LARGEST_BYTES = 200_000_000
_MOST_CELLS = 4_000_000
_STEPS = 250
_SHAPES = ("geometry", "bbox")
_UNKNOWN = {1: 255, 2: 65_535}
#: How far a number may be from the one that the page was made with, of a step of it: rounding of the file.
_ROUNDING = 1e-6


class CellDrift(NamedTuple):
    """A number of a cell that differs: its id, which themes show it, what stands in either place."""

    id: str
    themes: str
    before: str
    now: str


class _Page(NamedTuple):
    """What a page holds of its cells: JSON, and the flat position in its arrays of each row of the table."""

    told: dict[str, Any]
    at: NDArray[np.int64]


def read_cells(path: Path) -> pd.DataFrame:
    """
    Read the table of the cells without its shapes.

    Parameters
    ----------
    path : ``cells.parquet`` of a study.

    Returns
    -------
    A row a cell.

    Raises
    ------
    OSError, ValueError
        If it cannot be read as what it is.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = [n for n in pq.read_schema(path).names if n not in _SHAPES]
        # What pandas noted beside the columns is not needed, and may be damaged where they are not.
        return pd.DataFrame(pq.read_table(path, columns=names).to_pandas(ignore_metadata=True))
    except pa.ArrowException as error:
        raise ValueError(f"{path.name}: is damaged ({type(error).__name__})") from error


def drift_of_map(path: Path, cells: pd.DataFrame) -> Iterator[CellDrift]:
    """
    Compare the numbers of cells that a page of the map holds with the table of the cells.

    Parameters
    ----------
    path : ``map.html`` of a study; its texts are compared in the language that is spoken.
    cells : of `read_cells`.

    Yields
    ------
    Numbers that differ at the precision of the page: in the table, and on the page.

    Raises
    ------
    OSError, ValueError
        If the page cannot be read as what it is.
    """
    if path.stat().st_size > _LARGEST_BYTES:
        raise ValueError(f"{path.name}: is larger than {_LARGEST_BYTES // 1_000_000} MB")
    found = _DATA.search(path.read_text(encoding="utf-8"))
    try:
        told = json.loads(found[1]) if found else {}
        yield from _compared(_page(told, cells), cells)
    except (KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path.name}: is damaged ({type(error).__name__})") from error


def _page(told: dict[str, Any], cells: pd.DataFrame) -> _Page:
    """Find the place of each cell of the table in the arrays of the page."""
    hover = told["hover"]
    rows, columns = int(hover["rows"]), int(hover["columns"])
    if not 0 < rows * columns <= _MOST_CELLS:
        raise ValueError("the map holds no grid")
    parts = cells["cell_id"].astype(str).str.extract(r"^x(-?\d+)_y(-?\d+)$").astype(float)
    column, row = parts[0] - hover["first"][0], hover["first"][1] - parts[1]
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    if not inside.all():
        raise ValueError("the map is of another grid")
    return _Page(told, (row * columns + column).to_numpy().astype(np.int64))


def _compared(page: _Page, cells: pd.DataFrame) -> Iterator[CellDrift]:
    hover = page.told["hover"]
    titles = _titles(page.told["themes"])
    parts = [(field, number) for number, field in enumerate(hover["fields"])]
    parts += [(slot, slot["bytes"]) for line in hover["explain"] for slot in line["slots"].values()]
    for about, number in parts:
        column = about.get("column", "")
        if column not in cells:
            continue
        before = cells[column].to_numpy()
        shown = _unpacked(hover["bytes"][number], int(hover["rows"]) * int(hover["columns"]))
        if shown is None:
            yield CellDrift(f"cell.*.{column}", titles.get(column, ""), "an array", "damaged bytes")
            continue
        differs, words = _differing(about, shown[page.at], before, page.told)
        for place in np.flatnonzero(differs).tolist():
            key = f"cell.{cells['cell_id'].iloc[place]}.{column}"
            yield CellDrift(key, titles.get(column, ""), _text(before[place]), words(place))


def _titles(themes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Column of the table -> title of the theme that colours the map by it."""
    found = {}
    columns = {"excluded": "excluded_by", "evidence": "composite_evidence"}
    for theme in themes:
        key = str(theme["key"])
        column = f"{key}_gap" if theme["group"] == "indicators" else columns.get(key, key)
        found[column] = plain_text(theme["title"], max_chars=80)
    return found


def _unpacked(text: str, count: int) -> NDArray[Any] | None:
    """Give the array of a page; None where its bytes are damaged."""
    try:
        raw = zlib.decompressobj()
        data = raw.decompress(base64.b64decode(text, validate=True), 2 * count + 1)
        whole = raw.eof and len(data) in {count, 2 * count}
    except (zlib.error, binascii.Error, ValueError):
        return None
    if not whole:
        return None
    kind = np.dtype(np.uint8) if len(data) == count else np.dtype("<u2")
    return np.frombuffer(data, dtype=kind)


def _differing(
    about: Mapping[str, Any], shown: NDArray[Any], before: NDArray[Any], told: Mapping[str, Any]
) -> tuple[NDArray[np.bool_], Any]:
    """Tell which cells differ, and give what the page shows of one."""
    if "texts" in about:
        return _of_texts(about, shown, before)
    kind, unknown = about["kind"], _UNKNOWN[shown.dtype.itemsize]
    if kind in {"district", "reading", "excluded"}:
        names = _names(about, told, unknown)
        words = np.array([names.get(code, f"code {code}") for code in shown.tolist()], dtype=object)
        return words != np.array([str(v) for v in before], dtype=object), lambda place: words[place]
    values = before.astype(np.float64)
    low, step = float(about.get("low", 0.0)), float(about.get("scale", 1 / _STEPS))
    is_ = low + shown * step
    most = 1.0 if "scale" not in about else np.inf
    near = np.abs(np.clip(values, low, most) - is_) <= step * (0.5 + _ROUNDING)
    known = np.isfinite(values)
    differs = np.where(known, ~near | (shown == unknown), shown != unknown)
    return differs, lambda place: "nothing" if shown[place] == unknown else f"{is_[place]:.6g}"


def _names(about: Mapping[str, Any], told: Mapping[str, Any], unknown: int) -> dict[int, str]:
    """Code of the page -> word of the table."""
    if about["kind"] == "district":
        ids = [str(row["id"]) for row in told["districts"]]
        return dict(enumerate(ids)) | {unknown: ""}
    if about["kind"] == "reading":
        return dict(enumerate(reading_rows(str(about["column"]).removesuffix("_reading"))))
    return dict(enumerate(map(str, about["in_table"]))) | {unknown: "open"}


def _of_texts(
    about: Mapping[str, Any], shown: NDArray[Any], before: NDArray[Any]
) -> tuple[NDArray[np.bool_], Any]:
    texts, kind = [str(text) for text in about["texts"]], str(about["as"])
    outside = shown >= len(texts)
    words = np.array([*texts, "nothing"], dtype=object)[np.where(outside, len(texts), shown)]
    if kind == ":reading":
        level = str(about["column"]).removesuffix("_reading")
        codes = {title: code + 1 for code, title in enumerate(reading_rows(level))}
        differs = shown != np.array([codes.get(str(v), -1) for v in before])
    else:
        written, at = number_texts(before.astype(np.float64), kind)
        should = np.array(written, dtype=object)[at]
        # Where the value is not known the page says so in words, or leaves the line out.
        bare = np.array([not any(c.isdigit() for c in text) for text in texts] + [False])
        unknown = (should == "") & bare[np.where(outside, len(texts), shown)]
        differs = (words != should) & ~unknown
    return differs, lambda place: str(words[place]) or "nothing"


def drift_of_columns(before: pd.DataFrame, now: pd.DataFrame) -> Iterator[CellDrift]:
    """
    Compare the numbers of all cells with those that come out now.

    Parameters
    ----------
    before : of `read_cells`.
    now : the same table, made again.

    Yields
    ------
    Numbers that differ: before, and now.
    """
    if before["cell_id"].tolist() != now["cell_id"].tolist():
        yield CellDrift("cell.*", "", f"{len(before):,} cells", f"{len(now):,} other cells")
        return
    new = [c for c in now.columns if c not in before.columns and c not in _SHAPES]
    for column in [*before.columns, *new]:
        if column not in now or column not in before:
            words = ("a column", "none") if column in before else ("none", "a column")
            yield CellDrift(f"cell.*.{column}", "", *words)
            continue
        was, is_ = before[column].to_numpy(), now[column].to_numpy()
        if was.dtype.kind in "fiub" and is_.dtype.kind in "fiub":
            same = np.isclose(
                was.astype(float), is_.astype(float), rtol=1e-6, atol=1e-9, equal_nan=True
            )
        else:
            same = was.astype(str) == is_.astype(str)
        for place in np.flatnonzero(~same).tolist():
            key = f"cell.{before['cell_id'].iloc[place]}.{column}"
            yield CellDrift(key, "", _text(was[place]), _text(is_[place]))


def _text(value: Any) -> str:  # noqa: ANN401 - any cell
    return f"{value:.6g}" if isinstance(value, float | np.floating) else plain_text(value)
