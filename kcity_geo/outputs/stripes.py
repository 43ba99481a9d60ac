"""Stripes: the codes of a theme as colours of pixels, striped where somebody must look."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kcity_geo.outputs.colours import rgb
from kcity_geo.outputs.themes import EMPTY, Theme

__all__ = ["hatch", "painted", "rgba_table"]


def hatch(shape: tuple[int, ...], *, period: int = 10, width: int = 2) -> NDArray[np.bool_]:
    """
    Draw diagonal stripes.

    Parameters
    ----------
    shape : height and width, pixels.
    period, width : of the stripes, pixels.

    Returns
    -------
    True on the stripes.
    """
    row, column = (np.arange(n) % period for n in shape)
    one = np.arange(2 * period - 1) % period < width
    return np.asarray(one[np.add.outer(row, column)])


def rgba_table(theme: Theme, *, alpha: int) -> list[tuple[int, int, int, int]]:
    """
    Colour table of a theme: plain colours, the same hatched, and transparent last.

    Parameters
    ----------
    theme : any.
    alpha : opacity of the colours, 0 to 255.

    Returns
    -------
    2 n + 1 colours for n codes; position n + i is the stripe on code i.
    """
    plain = [(*rgb(c), alpha) for c in theme.colours]
    stripes = [_stripe(c, alpha) for c in theme.colours]
    return [*plain, *stripes, (0, 0, 0, 0)]


def _stripe(colour: str, alpha: int) -> tuple[int, int, int, int]:
    """White on dark colours, dark grey on light ones."""
    red, green, blue = rgb(colour)
    light = 0.299 * red + 0.587 * green + 0.114 * blue > 130  # noqa: PLR2004 - half grey
    return (90, 90, 90, alpha) if light else (255, 255, 255, alpha)


def painted(
    theme: Theme, codes: NDArray[np.uint8], hatched: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """
    Turn codes and stripes into positions of `rgba_table`.

    Parameters
    ----------
    theme : whose codes they are.
    codes : shape (height, width), `EMPTY` for transparent.
    hatched : same shape, True where striped.

    Returns
    -------
    Same shape.
    """
    count = len(theme.colours)
    places = np.arange(EMPTY + 1)
    plain = np.where(places == EMPTY, 2 * count, places).astype(np.uint8)
    striped = np.where(places == EMPTY, 2 * count, (places + count) % (EMPTY + 1)).astype(np.uint8)
    shown = plain[codes]
    at = hatched & _hatch_kept(codes.shape)
    shown[at] = striped[codes[at]]
    return shown


@lru_cache(maxsize=2)
def _hatch_kept(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Draw the stripes of a picture once for all its themes."""
    return hatch(shape)
