"""
Columns of a layer out of lists: texts, any objects, times of the last edit.

Texts are kept by Arrow where pandas is set up so, and are then made without going through each of them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

__all__ = [
    "few_texts_column",
    "object_column",
    "sparse_text_column",
    "stamp_column",
    "text_column",
]

_Texts = pd.api.extensions.ExtensionArray


def text_column(values: Sequence[str]) -> _Texts:
    """
    Make a column of texts.

    Parameters
    ----------
    values : a text each.

    Returns
    -------
    The column.

    Examples
    --------
    >>> text_column(["a", ""]).tolist()
    ['a', '']
    """
    if not _texts_are_arrow():
        return pd.array(list(values), dtype="str")
    return _of_arrow(pa.array(values, type=pa.large_string()))


def few_texts_column(texts: Sequence[str], which: Sequence[int]) -> _Texts:
    """
    Make a column of a few texts that stand often.

    Parameters
    ----------
    texts : that occur.
    which : of them each row has.

    Returns
    -------
    The column.

    Examples
    --------
    >>> few_texts_column(["node", "way"], [1, 1, 0]).tolist()
    ['way', 'way', 'node']
    """
    if not _texts_are_arrow():
        return text_column([texts[i] for i in which])
    said = pa.array(texts, type=pa.large_string())
    return _of_arrow(said.take(pa.array(which, type=pa.int64())))


def sparse_text_column(said: Mapping[int, str], count: int) -> _Texts:
    """
    Make a column of which most texts are empty.

    Parameters
    ----------
    said : those that are not, by position.
    count : of rows.

    Returns
    -------
    The column.

    Examples
    --------
    >>> sparse_text_column({1: "a"}, 5).tolist()
    ['', 'a', '', '', '']
    """
    if not _texts_are_arrow() or 4 * len(said) > count:
        return text_column([said.get(i, "") for i in range(count)])
    filled = sorted(said)
    written = [said[i].encode() for i in filled]
    length = np.zeros(count + 1, dtype=np.int64)
    length[np.array(filled, dtype=np.int64) + 1] = [len(text) for text in written]
    ends = pa.py_buffer(np.cumsum(length))
    whole = pa.py_buffer(b"".join(written))
    return _of_arrow(pa.LargeStringArray.from_buffers(count, ends, whole))


def object_column(values: Sequence[object]) -> NDArray[np.object_]:
    """
    Make a column of any objects, also of arrays of one length.

    Parameters
    ----------
    values : an object each.

    Returns
    -------
    Array of one dimension.

    Examples
    --------
    >>> object_column([[1, 2], [3, 4]]).shape
    (2,)
    """
    return np.fromiter(values, dtype=object, count=len(values))


def stamp_column(seconds: Sequence[int]) -> NDArray[np.datetime64]:
    """
    Make a column of times.

    Parameters
    ----------
    seconds : since 1970; 0 and less: unknown.

    Returns
    -------
    Times to the second, NaT where unknown.

    Examples
    --------
    >>> stamp_column([0, 86400]).astype(str).tolist()
    ['NaT', '1970-01-02T00:00:00']
    """
    out = np.array(seconds, dtype="int64").astype("datetime64[s]")
    out[np.asarray(seconds, dtype="int64") <= 0] = np.datetime64("NaT")
    return out


@cache
def _text_type() -> Any:  # noqa: ANN401 - dtype of pandas
    """Give the type of a column of texts; to look it up by its name takes longer than to make the column."""
    return pd.array([], dtype="str").dtype


def _texts_are_arrow() -> bool:
    """Tell whether pandas keeps texts as Arrow does; it takes those as they are."""
    return getattr(_text_type(), "storage", "") == "pyarrow"


def _of_arrow(texts: Any) -> _Texts:  # noqa: ANN401 - Arrow array
    column: _Texts = pd.array(texts, dtype=_text_type())
    return column
