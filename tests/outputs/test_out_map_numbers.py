"""What a page of the map holds of its cells is what stands in the table of the cells, and what differs is named."""

from __future__ import annotations

import base64
import json
import re
import zlib

import pytest

from kcity_geo.outputs.claims import claims
from kcity_geo.outputs.frames import cell_frame
from kcity_geo.outputs.languages import language_of, speaking
from kcity_geo.outputs.legend_shares import theme_shares
from kcity_geo.outputs.map_numbers import drift_of_columns, drift_of_map, read_cells
from kcity_geo.outputs.maps import build_map
from kcity_geo.outputs.themes import make_themes
from kcity_geo.outputs.vectors import save_geoparquet

DATA = re.compile(r'(?<=id="kc-data">).*?(?=</script>)', re.DOTALL)


@pytest.fixture(scope="module")
def made(build, tmp_path_factory):
    """The hand-made study, the table of its cells, and its page in two languages."""
    study, folder = build(), tmp_path_factory.mktemp("numbers")
    save_geoparquet(cell_frame(study), folder / "cells.parquet")
    pages = {code: build_map(study, language=code) for code in ("en", "ko")}
    return study, read_cells(folder / "cells.parquet"), pages, folder


def drift(made, page: str, code: str = "en"):
    path = made[3] / "map.html"
    path.write_text(page, encoding="utf-8")
    with speaking(language_of(code)):
        return list(drift_of_map(path, made[1]))


@pytest.mark.parametrize("code", ["en", "ko"])
def test_a_page_holds_what_stands_in_the_table(made, code) -> None:
    assert drift(made, made[2][code], code) == []
    assert list(drift_of_columns(made[1], cell_frame(made[0]))) == []


def test_claims_of_legends_stand_in_one_order_whatever_was_made_first(build) -> None:
    """A report made before the map put its own themes first, in the ledger of a study alike in every number."""
    first, second = build(), build()
    for theme in reversed(make_themes(first)):
        theme_shares(first, theme)
    build_map(second)
    ids = [[row["id"] for row in claims(study)] for study in (first, second)]
    assert ids[0] == ids[1]
    assert sum(one.startswith("theme.") for one in ids[0]) > 5


def test_a_note_of_pandas_that_is_damaged_leaves_the_numbers_readable(made, tmp_path) -> None:
    """One flipped byte there stopped the whole comparison, and the file was not named."""
    content = (made[3] / "cells.parquet").read_bytes()
    damaged = content.replace(b'"name"', b'"nbme"')
    assert damaged != content
    (tmp_path / "cells.parquet").write_bytes(damaged)
    assert read_cells(tmp_path / "cells.parquet").equals(made[1])


def test_each_array_that_is_changed_is_named_with_theme_and_cell(made) -> None:
    page, cells = made[2]["en"], made[1]
    told = json.loads(DATA.search(page)[0])
    hover = told["hover"]
    arrays = hover["bytes"]
    count, row = hover["rows"] * hover["columns"], len(cells) // 2
    x, y = (int(n) for n in re.findall(r"-?\d+", cells["cell_id"][row]))
    place = (hover["first"][1] - y) * hover["columns"] + x - hover["first"][0]
    slots = [s for line in hover["explain"] for s in line["slots"].values() if "column" in s]
    parts = [
        *((f["column"], n) for n, f in enumerate(hover["fields"])),
        *((s["column"], s["bytes"]) for s in slots),
    ]
    assert len(parts) > 40
    for _, number in parts:
        values = bytearray(zlib.decompress(base64.b64decode(arrays[number])))
        low = place * (len(values) // count)
        values[low] = (values[low] + 3) % 256
        arrays[number] = base64.b64encode(zlib.compress(bytes(values))).decode()
    found = drift(made, DATA.sub(lambda _: json.dumps(told), page))
    cell = cells["cell_id"][row]
    assert sorted(one.id for one in found) == sorted(f"cell.{cell}.{name}" for name, _ in parts)
    themes = {one.id.split(".")[2]: one.themes for one in found}
    assert themes["transport_gap"] == "Transport: size of the gap"
    assert themes["T1_gap"]
    assert themes["suitability"]


def test_a_changed_text_and_damaged_bytes_are_named(made) -> None:
    page = made[2]["en"]
    told = json.loads(DATA.search(page)[0])
    slots = [s for line in told["hover"]["explain"] for s in line["slots"].values()]
    slot = next(s for s in slots if s.get("column") == "T1_gap" and len(s["texts"]) > 1)
    slot["texts"] = [re.sub(r"\d", "7", text) for text in slot["texts"]]
    found = drift(made, DATA.sub(lambda _: json.dumps(told), page))
    assert found
    assert {one.id.split(".")[2] for one in found} == {"T1_gap"}
    assert all("7" in one.now for one in found)
    told = json.loads(DATA.search(page)[0])
    told["hover"]["bytes"][1] = told["hover"]["bytes"][1][:-8]
    (found,) = drift(made, DATA.sub(lambda _: json.dumps(told), page))
    assert (found.id, found.now) == ("cell.*.population", "damaged bytes")
    for wrong in ("<html>", DATA.sub("{}", page), DATA.sub("[1]", page), DATA.sub("{", page)):
        with pytest.raises(ValueError, match="damaged|Expecting"):
            drift(made, wrong)


def test_a_cell_that_comes_out_otherwise_is_named(made) -> None:
    cells = made[1].copy()
    cells.loc[3, "population"] += 0.5
    cells.loc[5, "composite_reading"] = "Adequate, surely"
    found = list(drift_of_columns(cells, cell_frame(made[0])))
    names = {
        f"cell.{cells['cell_id'][3]}.population",
        f"cell.{cells['cell_id'][5]}.composite_reading",
    }
    assert {one.id for one in found} == names
    assert [one.before for one in found if "reading" in one.id] == ["Adequate, surely"]
    fewer = list(drift_of_columns(cells.drop(columns="suitability").iloc[1:], cell_frame(made[0])))
    assert [one.id for one in fewer] == ["cell.*"]


def test_each_share_of_a_legend_has_an_id_of_the_ledger(made) -> None:
    known = {row["id"] for row in claims(made[0])}
    for page in made[2].values():
        for theme in json.loads(DATA.search(page)[0])["themes"]:
            rows = [r for r in theme["rows"] if r["share"] or theme["key"] == "excluded"]
            assert {one for row in rows for one in row["id"].split()} <= known
            assert all("\ue010" not in row["words"] for row in theme["rows"])
