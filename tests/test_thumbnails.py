"""Small pictures are what they say, pixel by pixel."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import shapely
from matplotlib.image import imread

from kcity_geo.thumbnails import SCORE_COLOURS, outline, picture


def pixels_of(tag: str):
    data = base64.b64decode(re.search(r"base64,([^\"]+)", tag).group(1))
    return np.round(imread(io.BytesIO(data)) * 255)


def test_the_lowest_and_the_highest_have_the_first_and_the_last_colour() -> None:
    pixels = pixels_of(picture(np.array([[0.0, 1.0], [np.nan, 0.5]]), SCORE_COLOURS))
    side = len(pixels) // 2
    assert pixels[0, 0].tolist() == [0xED, 0xF8, 0xC9, 255]
    assert pixels[0, -1].tolist() == [0x1D, 0x2F, 0x83, 255]
    assert pixels[-1, 0, 3] == 0
    assert pixels[side, side].tolist() == [0x45, 0xB4, 0xC2, 255]


@pytest.mark.parametrize(
    "values",
    [
        np.full((3, 3), np.nan),
        np.zeros((2, 2)),
        np.ones((1, 1)),
        np.arange(1_000_000.0).reshape(1000, 1000),
        np.array([[-np.inf, np.inf]]),
        np.ones((1, 700), dtype=np.float32),
    ],
    ids=["nothing known", "one value", "one cell", "large", "infinite", "long"],
)
def test_every_array_has_a_small_picture(values) -> None:
    pixels = pixels_of(picture(values, SCORE_COLOURS))
    assert max(pixels.shape[:2]) <= 220


def test_an_outline_keeps_its_holes() -> None:
    ring = shapely.box(0, 0, 100, 50).difference(shapely.box(20, 20, 30, 30))
    drawn = outline(np.array([ring], dtype=object))
    assert drawn.count("M") == 2
    assert 'width="222"' in drawn
    assert 'height="112"' in drawn
