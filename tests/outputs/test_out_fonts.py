"""Pages and figures bring their own letters; no machine changes them."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.outputs import fonts
from kcity_geo.outputs.fonts import (
    FAMILIES,
    embed_fonts,
    font_faces,
    letters_of,
    use_packaged_fonts,
)
from kcity_geo.outputs.maps import build_map
from kcity_geo.outputs.report import build_report

FOLDER = Path(fonts.__file__).parent / "assets" / "fonts"


def _fonts(css: str) -> dict[tuple[str, int], TTFont]:
    found = re.findall(
        r'font-family:"([\w-]+)";font-weight:(\d+);src:url\(data:font/woff;base64,([^)]+)\)', css
    )
    return {
        (name, int(weight)): TTFont(io.BytesIO(base64.b64decode(data)))
        for name, weight, data in found
    }


@pytest.mark.parametrize(
    ("page", "letter"),
    [
        ("<p>한</p>", "한"),
        ("<p>&#54620;</p>", "한"),
        ("<p>&#xD55C;</p>", "한"),
        ("<p>&Zcaron;</p>", "Ž"),
        ('<script>x = "\\u0416"</script>', "Ж"),
        ('<style>a::before { content: "\\25C6" }</style>', "◆"),
        ('<script type="application/json">{"name":"Đà Nẵng"}</script>', "ẵ"),
    ],
)
def test_a_letter_is_found_however_it_is_written(page, letter) -> None:
    assert letter not in letters_of("")
    assert letter in letters_of(page)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_gives_its_letters_and_never_fails(text) -> None:
    assert {c for c in text if c.isprintable()} <= letters_of(text)


@pytest.mark.parametrize(
    "letters",
    ["Zürich", "서울특별시", "Київ", "Αθήνα", "Đà Nẵng", "똠뙇뷁", "Accra Ɛŋɔ ƙ", "4 m² ≤ 5 → ▲"],
)
def test_each_letter_stands_in_a_font_of_the_page_in_both_weights(letters) -> None:
    fonts = _fonts(font_faces(letters))
    for weight in (400, 700):
        held = {
            chr(c) for (_, own), font in fonts.items() if own == weight for c in font.getBestCmap()
        }
        assert set(letters) <= held


def test_a_page_without_hangul_carries_none_and_stays_small() -> None:
    fonts = _fonts(font_faces(letters_of("Helsinki")))
    assert set(fonts) == {("kcity-first", 400), ("kcity-first", 700)}
    for font in fonts.values():
        assert not any(0xAC00 <= c <= 0xD7A3 for c in font.getBestCmap())
    assert len(font_faces(letters_of("Helsinki"))) < 80_000


def test_letters_keep_their_widths_whatever_else_a_page_asks_for() -> None:
    """A page with one letter more, of Hangul too, lays out the same."""
    usual, more = (_fonts(font_faces(letters_of(page))) for page in ("", "ą한"))
    assert set(usual) == set(more)
    for (_, weight), font in usual.items():
        name = {400: "Regular", 700: "Bold"}[weight]
        with TTFont(FOLDER / f"Pretendard-{name}.otf", lazy=True) as whole:
            letters, every = font.getBestCmap(), whole.getBestCmap()
            assert {chr(c) for c in letters} >= set("Aé— →")
            longer = more["kcity-first", weight]
            assert set(longer.getBestCmap()) - set(letters) == {ord("ą"), ord("한")}
            for code, glyph in letters.items():
                assert font["hmtx"][glyph] == whole["hmtx"][every[code]]
                assert font["hmtx"][glyph] == longer["hmtx"][longer.getBestCmap()[code]]
            for table, field in (("head", "unitsPerEm"), ("hhea", "ascent"), ("hhea", "descent")):
                assert getattr(font[table], field) == getattr(whole[table], field)


def test_letters_that_no_font_has_are_left_to_the_machine() -> None:
    assert font_faces("สวัสดี 🏭") == font_faces(" ")


def test_digits_of_tables_have_one_width() -> None:
    font = _fonts(font_faces(letters_of("")))["kcity-first", 400]
    features = {r.FeatureTag for r in font["GSUB"].table.FeatureList.FeatureRecord}
    assert "tnum" in features


def test_two_processes_cut_the_same_bytes() -> None:
    code = (
        "import hashlib; from kcity_geo.outputs.fonts import font_faces;"
        "print(hashlib.sha256(font_faces('Zürich 서울 Ɛ').encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**__import__("os").environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("make", [build_map, build_report])
def test_pages_carry_the_letters_of_their_city(build, make) -> None:
    html = make(build(name="한빛시 Ңŋ", cell_m=500.0))
    held = {chr(c) for font in _fonts(html).values() for c in font.getBestCmap()}
    assert set("한빛시Ңŋ") <= held
    assert "font-src data:" in html
    assert "/*fonts*/" not in html


def test_a_page_without_the_mark_stays_as_it_is() -> None:
    assert embed_fonts("<p>x</p>") == "<p>x</p>"


def test_every_text_of_a_figure_is_drawn_with_a_packaged_font() -> None:
    from matplotlib import font_manager
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1])
    axes.set_title("한빛 Ɛ", fontweight="bold")
    use_packaged_fonts(figure)
    axes.set_xlim(0, 7)  # new ticks are made after the call
    files = set()
    for text in figure.findobj(Text):
        assert tuple(text.get_fontfamily()) == FAMILIES
        files.add(font_manager.findfont(text.get_fontproperties(), fallback_to_default=False))
    assert all("kcity_geo" in file for file in files)
    assert {file.rsplit("-", 1)[1] for file in files} == {"Regular.otf", "Bold.otf"}
