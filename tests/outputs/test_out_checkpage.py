"""The page that `kcity check` prints."""

from __future__ import annotations

import pytest

from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.checkpage import check_page


def _row(kind: str, name: str, status: str, detail: str = "x") -> dict[str, str]:
    return {"kind": kind, "name": name, "status": status, "detail": detail}


def _all(*missing: str, notes: int = 0) -> list[dict[str, str]]:
    rows = [_row("input", "osm", "ok"), _row("input", "districts", "not given")]
    rows += [_row("layer", f"layer_{i}", "ok" if i % 2 else "nothing mapped") for i in range(40)]
    rows += [
        _row(
            "indicator",
            row.id,
            "NOT ASSESSED" if row.sector in missing or row.id in missing else "will be assessed",
            f"no data of {row.sector}; give a file",
        )
        for row in indicator_rows().values()
    ]
    return rows + [_row("warning", "", "note", f"note {i} " + "long " * 60) for i in range(notes)]


def test_a_page_is_a_page_however_many_rows_there_are() -> None:
    assert len(check_page(_all("water", notes=300))) <= 45


@pytest.mark.parametrize("width", [40, 80, 132, 5])
def test_no_line_is_wider_than_the_console(width) -> None:
    lines = check_page(_all("water", notes=3), width=width)
    assert max(map(len, lines)) <= max(width, 40)


def test_blockers_come_first_then_what_is_assessed_then_quality() -> None:
    rows = _all("water", notes=2)
    rows.append(_row("blocker", "ranking", "blocked", "no ranking possible: no criterion has data"))
    text = "\n".join(check_page(rows, width=120))
    order = [
        "Blockers", "no ranking possible", "water: no gap possible", "Will be assessed",
        "Not assessed", "Inputs", "Data quality: 2 notes", "--verbose",
    ]  # fmt: skip
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_a_sector_with_one_scored_indicator_is_no_blocker() -> None:
    rows = _all("water")
    for row in rows:
        if row["name"] == "W1":
            row["status"] = "will be assessed"
    assert "Blockers" not in check_page(rows)


def test_reasons_that_are_the_same_stand_once() -> None:
    lines = check_page(_all("water"), width=200)
    assert sum("no data of water" in line for line in lines) == 2  # the blocker and the reason


def test_counts_add_up() -> None:
    total = len(indicator_rows())
    lines = check_page(_all("T1", "E9"))
    assert f"Will be assessed: {total - 2} of {total} indicators" in lines
    assert "Not assessed: 2" in lines


@pytest.mark.parametrize("evil", ["a\x1b[2Jb", "a\nerror: fake", "a\x9b31m", "a\u202eb", "a\rb"])
def test_no_text_of_a_file_writes_lines_of_its_own(evil) -> None:
    lines = check_page([*_all(), _row("warning", "", "note", evil), _row("input", evil, evil)])
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("error") for line in lines)
