"""Every note on what was read has its Korean: none is left in English in a Korean report."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kcity_geo
from kcity_geo.outputs.languages import language_of, speaking, translated

ROOT = Path(kcity_geo.__file__).parent
#: Rooms whose notes go into every report: what reads inputs, and what holds them against each other.
ROOMS = ("sources/local", "sources/osm", "inputs", "city_districts.py", "analysis/evidence")


def _notes() -> list[tuple[str, str]]:
    """Sentences handed to `tell`, each value in them a 7."""
    found = []
    for room in ROOMS:
        path = ROOT / room
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "tell"):
                    continue
                text = node.args[0]
                if isinstance(text, ast.Constant):
                    found.append((f"{file.name}:{node.lineno}", str(text.value)))
                if isinstance(text, ast.JoinedStr) and isinstance(
                    text.values[0], ast.Constant | ast.FormattedValue
                ):
                    parts = (v.value if isinstance(v, ast.Constant) else "7" for v in text.values)
                    found.append((f"{file.name}:{node.lineno}", "".join(map(str, parts))))
    return found


def _contradictions() -> list[tuple[str, str]]:
    """Sentences that say where an official number and the map are far apart, each value in them a 7."""
    found = []
    for file in sorted((ROOT / "analysis").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.JoinedStr)):
                continue
            target = node.targets[0]
            if isinstance(target, ast.Subscript) and "contradiction" in ast.unparse(target.slice):
                parts = (v.value if isinstance(v, ast.Constant) else "7" for v in node.value.values)
                found.append((f"{file.name}:{node.lineno}", "".join(map(str, parts))))
    assert len(found) >= 4, "contradictions are told in another way now"
    return found


#: Sentences of the same kind that are handed on in another way, as they are made.
_MADE = """
official.table says 80%, grid and night lights suggest 33%; the official number is used
official.piped_water_access says 90%, official.table 70% of the people in 3 of 8 districts; where the table has a number it is used
official.piped_water_access says 90%, official.table 70% of the people; where the table has a number it is used
official number and map are far apart in one district (A: 12% against 94%)
official.wastewater_capacity_m3_day is 4,277, the mapped plants suggest at least 7,000 m3/day; the official number is used
walk; at the only place there is, which 52,331 persons share
economics: no benefit was given; see what each year would have to bring
site: the study has no ranked site (New town: no site); `kcity run` says what would give one
"""


#: Begin with a value that is a sentence itself, which has its own row.
BUILT = ("7; they were left out", "7; hardly a city")


@pytest.mark.parametrize(
    ("place", "text"),
    [*_notes(), *_contradictions(), *(("made", text) for text in _MADE.strip().splitlines())],
)
def test_a_note_has_its_korean(place, text) -> None:
    if text.startswith(BUILT):
        pytest.skip("built of sentences")
    with speaking(language_of("ko")) as left:
        said = translated(
            text.replace("row7", "rows").replace("7 has 7 7", "7 has 7 layers that fit")
        )
    assert not left, place
    assert any("가" <= letter <= "힣" for letter in said), place


def test_a_number_in_a_note_takes_no_part_of_the_note_before_it() -> None:
    with speaking(language_of("ko")):
        told = translated("walk; 10 of 10 schools of unknown level count as both")
    assert told == "보행; 학교급을 모르는 학교 10곳 중 10곳은 양쪽에 모두 셈"
