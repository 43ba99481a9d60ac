"""One guard around every reader of bytes."""

from __future__ import annotations

import zlib

import pytest
import shapely

from kcity_geo.errors import LimitError, SourceError
from kcity_geo.sources.damage import plain_line, refused_when_damaged


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RecursionError(),
        EOFError(),
        OSError("bad\x1b[2J\nfile"),
        zlib.error("Error -3"),
        shapely.errors.GEOSException("x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        KeyError("a"),
    ],
)
def test_whatever_a_reader_raises_is_one_plain_line(error: Exception) -> None:
    with (
        pytest.raises(SourceError) as caught,
        refused_when_damaged("a: b.gpkg", mend="get it again"),
    ):
        raise error
    text = str(caught.value)
    assert text.startswith("a: b.gpkg cannot be read (")
    assert text.endswith("); get it again")
    assert text.isprintable()


def test_our_own_words_pass() -> None:
    with pytest.raises(LimitError, match="^too many$"), refused_when_damaged("x"):
        raise LimitError("too many")


def test_long_texts_are_cut() -> None:
    assert len(plain_line("x" * 5000)) == 200
