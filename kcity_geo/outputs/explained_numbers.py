"""The numbers of many cells as texts: each different one is written once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.outputs.languages import tell
from kcity_geo.outputs.text import measured, persons

__all__ = ["number_texts", "number_words"]

#: Figures of which numbers are equal for a reader: one more than is written.
_FIGURES = 4


def number_words(value: float, kind: str) -> str:
    """
    Write a number of a cell as its card on the map shows it.

    Parameters
    ----------
    value : finite.
    kind : a unit; or ``":people"``, ``":percent"`` (a share without its sign) or ``":hundredths"``.

    Returns
    -------
    Words in the language that is spoken.

    Examples
    --------
    >>> [number_words(0.384, kind) for kind in ("share", ":percent", ":hundredths", "km")]
    ['38 %', '38', '0.38', '0.38 km']
    """
    if kind == ":people":
        return tell("explain_under_one") if 0 < value < 1 else persons(value)
    if kind == ":percent":
        return f"{100 * value:.0f}"
    return f"{value:.2f}" if kind == ":hundredths" else measured(value, kind)


def number_texts(values: NDArray[Any], kind: str) -> tuple[tuple[str, ...], NDArray[np.uint16]]:
    """
    Write the numbers of cells.

    Parameters
    ----------
    values : of the cells, any shape; NaN becomes the empty text.
    kind : as of `number_words`.

    Returns
    -------
    The texts, the first of them empty, and the position of the text of each cell of the flat array.

    Examples
    --------
    >>> import numpy as np
    >>> texts, at = number_texts(np.array([0.25, np.nan, 0.25004]), "share")
    >>> texts, at.tolist()
    (('', '25 %'), [1, 0, 1])
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = _FIGURES - 1 - np.floor(np.log10(np.abs(flat)))
    digits = np.clip(np.nan_to_num(digits, posinf=6.0), -9, 6)
    rounded = np.round(flat * 10.0**digits) / 10.0**digits
    known = np.isfinite(rounded)
    different, at = np.unique(rounded[known], return_inverse=True)
    shown = _texts_in_order(different, kind)
    texts = tuple(dict.fromkeys(("", *shown)))
    number = {text: i for i, text in enumerate(texts)}
    code = np.zeros(flat.shape, dtype=np.uint16)
    code[known] = np.array([number[text] for text in shown], dtype=np.uint16)[at]
    return texts, code


def _texts_in_order(values: NDArray[np.float64], kind: str) -> list[str]:
    """Write rising numbers: where both ends of a run read the same, all between them do."""
    if not len(values):
        return []
    shown = np.empty(len(values), dtype=object)
    last = len(values) - 1
    shown[0], shown[last] = (number_words(float(values[end]), kind) for end in (0, last))
    runs = [(0, last)]
    while runs:
        first, last = runs.pop()
        if shown[first] == shown[last]:
            shown[first + 1 : last] = shown[first]
        elif last - first > 1:
            middle = (first + last) // 2
            shown[middle] = number_words(float(values[middle]), kind)
            runs += [(first, middle), (middle, last)]
    return list(shown)
