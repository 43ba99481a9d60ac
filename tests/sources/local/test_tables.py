"""Tables of statistical offices: codes stay text, signs are told by the column, nothing is guessed in silence."""

from __future__ import annotations

import unicodedata

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.city import make_city
from kcity_geo.errors import LimitError, SchemaError, SourceError
from kcity_geo.notes import collected, muted
from kcity_geo.sources.local.table_files import read_cells
from kcity_geo.sources.local.table_numbers import numbers
from kcity_geo.sources.local.tables import read_district_people, read_official_table

BOX = shapely.box(28.0, -30.0, 28.05, -29.96)


def districts(ids, names=None) -> gpd.GeoDataFrame:
    edges = np.linspace(28.0, 28.05, len(ids) + 1)
    frame = gpd.GeoDataFrame(
        {"district_id": list(ids), "name": list(names or ids)},
        geometry=[
            shapely.box(a, -30.0, b, -29.96) for a, b in zip(edges[:-1], edges[1:], strict=True)
        ],
        crs=4326,
    )
    return make_city("Here", BOX, districts=frame).districts


def official(path, text, ids, names=None, encoding="utf-8"):
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    with muted(), collected() as told:
        table = read_official_table(path, districts=districts(ids, names))
    return table, told


@pytest.mark.parametrize(
    "ids",
    [
        ("08", "09", "10"),
        ("1E02", "2E03", "3E01"),
        ("NA", "SA", "WA"),
        ("nan", "null", "None"),
        ("007", "7", "07"),
        ("1.10", "1.1", "1.100"),
        ("TRUE", "FALSE", "-"),
        ("2024-01-02", "1/2", "3-4"),
        ("00000000000000000001", "00000000000000000002", "3"),
        ("11110", "11140", "11170"),
        ("+1", "-1", "1,000"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "tsv", "xlsx"])
def test_codes_of_districts_are_text(tmp_path, ids, kind) -> None:
    path = tmp_path / f"t.{kind}"
    shares = [0.9, 0.8, 0.7]
    if kind == "xlsx":
        pd.DataFrame({"district_id": ids, "electricity_access": shares}).to_excel(path, index=False)
    else:
        sign = "\t" if kind == "tsv" else ";"
        rows = [f"{i}{sign}{s}" for i, s in zip(ids, shares, strict=True)]
        path.write_text("\n".join([f"district_id{sign}electricity_access", *rows]))
    with muted(), collected() as told:
        table = read_official_table(path, districts=districts(ids))
    assert table["electricity_access"].reindex(ids).tolist() == shares
    assert told == []


@pytest.mark.parametrize(
    ("cells", "people"),
    [
        (["12.500", "8.250", "9.125"], [12500, 8250, 9125]),
        (["12,500", "8,250", "9,125"], [12500, 8250, 9125]),
        (["1.012.500", "8.250", "9.125"], [1012500, 8250, 9125]),
        (["12 500", "8 250", "9 125"], [12500, 8250, 9125]),
        (["12\u202f500", "8\u00a0250", "912"], [12500, 8250, 912]),
        (["12'500", "8\u2019250", "9'125"], [12500, 8250, 9125]),
        (["12500", "8250", "9125"], [12500, 8250, 9125]),
        (["12500.0", "8250.0", "9125.0"], [12500, 8250, 9125]),
        (["12.500,00", "8.250,00", "9.125,00"], [12500, 8250, 9125]),
        (["12,500.0", "8,250.0", "912.0"], [12500, 8250, 912]),
        (["1,25E+04", "8250", "9125"], [12500, 8250, 9125]),
        (["12,34,567", "8,250", "9,125"], [1234567, 8250, 9125]),
        (["１２５００", "8250", "9125"], [12500, 8250, 9125]),
        (["12500", "–", "9125"], [12500, np.nan, 9125]),
        (["12500", "n/a", ".."], [12500, np.nan, np.nan]),
    ],
)
def test_people_are_whole_however_their_thousands_are_written(tmp_path, cells, people) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "name|population\n" + "".join(f"{n}|{c}\n" for n, c in zip("abc", cells, strict=True))
    )
    with muted():
        found = read_district_people(path, districts=districts("abc"))
    np.testing.assert_array_equal(found.to_numpy(), people)


@pytest.mark.parametrize("column", ["population", "water_supply_m3_day", "peak_demand_mw", "lpcd"])
@pytest.mark.parametrize("cell", ["1000000000000000000", "1e18", "9.9E+20"])
def test_amounts_that_no_city_has_are_refused(tmp_path, column, cell) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"district_id;{column}\na;{cell}\nb;8250\n")
    with pytest.raises(
        SourceError, match=f"t.csv, {column}, district 'a', has the value .*no city has more than"
    ):
        read_official_table(path, districts=districts("ab"))


def test_a_district_holds_no_more_people_than_its_densest_block_would(tmp_path) -> None:
    path = tmp_path / "p.csv"
    # Each of the two districts has 10.7 km2: 400,000 persons on each are 4.3 million.
    path.write_text("name;population\na;4200000\nb;8250\n")
    with muted():
        assert read_district_people(path, districts=districts("ab"))["a"] == 4.2e6
    path.write_text("name;population\na;4400000\nb;8250\n")
    with pytest.raises(SourceError, match="district 'a', adds up to 4,400,000 persons, 41"):
        read_district_people(path, districts=districts("ab"))


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["12.5", "8.2", "9.1"], "12.5; persons are whole numbers"),
        (
            ["12", "8", "9"],
            "adds up to 29 persons on 21.[45] km2, which is no city; are they thousands",
        ),
        (["12.500", "8,250", "1.012,5"], "8.25; persons are whole|1,012.5; persons"),
        (["12.500,5", "8,250.5", "9"], "in two ways"),
        (["about 12500", "8250", "9125"], "'about 12500', a number is needed"),
        (["125001)", "8250", "9125"], "a number is needed"),
        (["(12500)", "8250", "9125"], "a number is needed"),
        (["1250%", "8250", "9125"], "a number is needed"),
        (["-12500", "8250", "9125"], "the value -12,500"),
        (["12.50.0", "8250", "9125"], "parts no thousands"),
    ],
)
def test_people_that_cannot_be_are_refused(tmp_path, cells, words) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "name;population\n" + "".join(f"{n};{c}\n" for n, c in zip("abc", cells, strict=True))
    )
    with muted(), pytest.raises(SourceError, match=words):
        read_district_people(path, districts=districts("abc"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the column tells
        ("id;lpcd\na;120,5\nb;95.\n", None),
        ("district_id;lpcd\na;120,5\nb;1.095,25\n", [120.5, 1095.25]),
        ("district_id;lpcd\na;120.5\nb;1,095.25\n", [120.5, 1095.25]),
        ("district_id;lpcd\na;120,500\nb;95,25\n", [120.5, 95.25]),
        # another column of the table tells
        ("district_id;lpcd;nrw_share\na;120,500;0,3\nb;95,250;0,25\n", [120.5, 95.25]),
        ("district_id;lpcd;nrw_share\na;1.500;0,3\nb;1.250;0,25\n", [1500, 1250]),
        # nothing tells
        ("district_id;lpcd\na;12.500\nb;8.250\n", "12.500.*write 12500 for the first, 12.5 for"),
        ("district_id;lpcd\na;12,500\nb;8,250\n", "12,500.*write 12500 for the first, 12.5 for"),
        # a total below tells too
        ("district_id;lpcd\na;12.500\nb;8.250\nTotal;1.020.750\n", [12500, 8250]),
    ],
)
def test_the_sign_of_decimals_is_told_by_the_whole_table(tmp_path, text, expected) -> None:
    if expected is None:
        with pytest.raises(SchemaError, match="no row"):
            official(tmp_path / "t.csv", text, "ab")
    elif isinstance(expected, str):
        with pytest.raises(SourceError, match=expected):
            official(tmp_path / "t.csv", text, "ab")
    else:
        table, _ = official(tmp_path / "t.csv", text, "ab")
        assert table["lpcd"].tolist() == expected


STYLES = {
    "plain": lambda v: f"{v:.2f}",
    "english": lambda v: f"{v:,.2f}",
    "german": lambda v: f"{v:,.2f}".translate(str.maketrans(",.", ".,")),
    "french": lambda v: f"{v:,.2f}".replace(",", "\u202f").replace(".", ","),
    "swiss": lambda v: f"{v:,.2f}".replace(",", "\u2019"),
    "excel": lambda v: f"{v:.14E}",
}


@given(
    values=st.lists(st.integers(0, 10**11).map(lambda n: n / 100), min_size=1, max_size=20),
    style=st.sampled_from(sorted(STYLES)),
)
def test_numbers_come_back_from_any_style(values, style) -> None:
    column = pd.Series([STYLES[style](v) for v in values])
    found = numbers(column, where="t")
    np.testing.assert_allclose(found, values, rtol=1e-12)


@pytest.mark.parametrize(
    ("cell", "share"),
    [("0.98", 0.98), ("0,98", 0.98), ("98%", 0.98), ("98 %", 0.98), ("97,5%", 0.975), ("0.850", 0.85), ("1", 1.0), ("１００％", 1.0), ("1.000", 1.0)],
)  # fmt: skip
def test_shares_and_percent_signs(tmp_path, cell, share) -> None:
    table, _ = official(
        tmp_path / "t.csv", f"district_id;electricity_access\na;{cell}\nb;0\n", "ab"
    )
    assert table["electricity_access"].tolist() == [share, 0.0]


@pytest.mark.parametrize(
    ("cell", "words"),
    [("98", "98; it needs a share from 0 to 1: give 0.98"), ("12,5", "give 0.125"), ("250", "the value 250; it needs a share from 0 to 1$"), ("-0.1", "-0.1; it needs zero"), ("120%", "the value 1.2")],
)  # fmt: skip
def test_percent_given_as_a_share_is_refused_with_the_mend(tmp_path, cell, words) -> None:
    with pytest.raises(SourceError, match=words):
        official(tmp_path / "t.csv", f"district_id;nrw_share\na;{cell}\nb;0\n", "ab")


ROWS = "district_id,water_supply_m3_day\n101,900\n102,800\n103,700\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ROWS + ",2400\n", "1 row.s. without a district"),
        (ROWS + "Total,2400\n", "1 row.s. without a district"),
        (ROWS + "합계,2400\n", "1 row.s. without a district"),
        (ROWS + "Source: water board 2023\n", "first: 'Source: water board 2023'"),
        (ROWS + ",\n\nfootnote 1\nfootnote 2\n", "2 rows of no district"),
        ("Water supply of the city\n\n" + ROWS, None),
        ("district_id,water_supply_m3_day\ncode,m3/day\n101,900\n102,800\n103,700\n", "first: 'code'"),
        ("Districts,Water\n" + ROWS, None),
        (ROWS.replace("district_id", " District ID ").replace("water", "Water"), None),
        ("\n\n" + ROWS + "\n\n", None),
        (ROWS + "999,12\n", "first: '999'"),
    ],
)  # fmt: skip
def test_totals_footnotes_and_two_headers_are_left_out_and_told(tmp_path, text, words) -> None:
    table, told = official(tmp_path / "t.csv", text, ("101", "102", "103"))
    assert table["water_supply_m3_day"].tolist() == [900, 800, 700]
    assert [bool(pd.Series(told).str.contains(words).any())] if words else told == []
    if words:
        assert any(pd.Series(told).str.contains(words)), told


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("utf-16-le", False), ("utf-16-be", False), ("utf-32", False), ("cp949", True), ("euc-kr", True)],
)  # fmt: skip
@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_encodings_and_separators_are_found(tmp_path, encoding, told, sign) -> None:
    text = (
        f"name{sign}population{sign}note\n강남구{sign}12500{sign}첫째\n서초구{sign}8250{sign}둘째\n"
    )
    table, notes = official(
        tmp_path / "t.csv", text, ("a", "b"), ("강남구", "서초구"), encoding=encoding
    )
    assert table["population"].tolist() == [12500, 8250]
    assert any("not in UTF-8" in n for n in notes) is told


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp1252", "São Paulo"), ("cp1252", "Bärenstraße"), ("cp1252", "Évry-Été"), ("latin-1", "ÁÉÍ"), ("cp949", "똠방각하동"), ("cp932", "みなと区"), ("gb18030", "东城区朝阳门")],
)  # fmt: skip
def test_names_in_old_encodings_match(tmp_path, encoding, name) -> None:
    text = f"name;population\n{name};12500\nOther;8250\n"
    table, notes = official(
        tmp_path / "t.csv", text, ("a", "b"), (name, "Other"), encoding=encoding
    )
    assert table["population"].tolist() == [12500, 8250], notes


@pytest.mark.parametrize(
    "written",
    [
        unicodedata.normalize("NFD", "Café Straße 1"),
        "CAFÉ STRASSE 1",
        "  café  straße 1 ",
        "Café\u00a0Straße 1",
        "Ｃafé Straße １",
    ],
)
def test_names_match_however_they_are_composed(tmp_path, written) -> None:
    table, _ = official(
        tmp_path / "t.csv", f"name;population\n{written};700\n", ("a", "b"), ("Café Straße 1", "B")
    )
    assert table["population"]["a"] == 700


def test_a_name_of_two_districts_needs_their_id(tmp_path) -> None:
    names = ("Jung-gu", "jung-gu", "Nam-gu")
    with pytest.raises(
        SchemaError, match=r"'Jung-gu', which 2 districts bear \(a, b\).*district_id"
    ):
        official(tmp_path / "t.csv", "name;population\nJung-gu;700\nNam-gu;5\n", "abc", names)
    table, _ = official(tmp_path / "u.csv", "name;population\nNam-gu;700\n", "abc", names)
    assert table["population"]["c"] == 700


def test_codes_without_their_zeros_match_and_are_told(tmp_path) -> None:
    table, told = official(
        tmp_path / "t.csv", "district_id;population\n8;700\n10;900\n", ("08", "10")
    )  # 10 matches as text as well; more rows match without the zeros
    assert table["population"].tolist() == [700, 900]
    table, told = official(
        tmp_path / "t.csv", "district_id;population\n8;700\n08;900\n", ("08", "8")
    )
    assert table["population"].to_dict() == {"08": 900, "8": 700}
    assert not any("matched as numbers" in t for t in told)
    table, told = official(tmp_path / "t.csv", "district_id;population\n8;700\n9;1\n", ("08", "09"))
    assert table["population"].tolist() == [700, 1]
    assert any("matched as numbers" in t for t in told)


def book(path, sheets) -> None:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    made.save(path)


GOOD = [["district_id", "population"], ["a", 700], ["b", 900]]


def test_a_workbook_of_several_sheets_is_read_by_name_or_by_its_columns(tmp_path) -> None:
    path = tmp_path / "t.xlsx"
    book(path, {"read me": [["about this file"]], "data": GOOD, "2": [["district_id", "population"], ["a", 1], ["b", 2]]})  # fmt: skip
    frame = districts("ab")
    with pytest.raises(
        SourceError, match=r"3 sheets \(read me, data, 2\); name one: t.xlsx#read me"
    ):
        read_official_table(path, districts=frame)
    assert read_official_table(tmp_path / "t.xlsx#2", districts=frame)["population"].tolist() == [
        1,
        2,
    ]
    with pytest.raises(SourceError, match="no sheet '2023'; it has read me, data, 2"):
        read_official_table(tmp_path / "t.xlsx#2023", districts=frame)
    book(path, {"read me": [["about this file"]], "data": GOOD, "empty": []})
    with muted(), collected() as told:
        assert read_official_table(path, districts=frame)["population"].tolist() == [700, 900]
    assert any("'data' is the one" in t for t in told)


def test_cells_of_a_workbook_keep_their_kind(tmp_path) -> None:
    path = tmp_path / "t.xlsx"
    book(path, {"s": [["district_id", "lpcd"], [101.0, 12.125], [102, "95,5"], [None, 50]]})
    with muted():
        table = read_official_table(path, districts=districts(("101", "102")))
    assert table["lpcd"].tolist() == [12.125, 95.5]


def test_merged_cells_that_lose_a_district_are_refused(tmp_path) -> None:
    path = tmp_path / "t.xlsx"
    rows = [["Residents", None, None], ["region", "district_id", "population"], ["R", "a", 10_000], [None, "b", 2000], ["Source: census"], [None]]  # fmt: skip
    frame = districts("ab")
    for merged, told_of in (("B3:B4", None), ("A3:A4", "A3:A4"), ("A5:C6", ""), ("A1:C1", "")):
        book(path, {"s": rows})
        made = openpyxl.load_workbook(path)
        made["s"].merge_cells(merged)
        made.save(path)
        with muted(), collected() as told:
            if told_of is None:
                with pytest.raises(SourceError, match="cells B3:B4 are merged: only row 3 .*'a'"):
                    read_official_table(path, districts=frame)
                continue
            assert read_official_table(path, districts=frame)["population"].tolist() == [
                10_000,
                2000,
            ]
        assert [t for t in told if "merged" in t and told_of in t] == [
            t for t in told if "merged" in t
        ]
        assert any("merged" in t for t in told) is bool(told_of)


def test_a_formula_without_a_value_is_refused(tmp_path) -> None:
    path = tmp_path / "t.xlsx"
    book(path, {"s": [["district_id", "population"], ["a", "=100*7"], ["b", 900]]})
    with pytest.raises(SourceError, match="cell B2: the formula has no stored value"):
        read_official_table(path, districts=districts("ab"))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"  \n \n", "is empty"),
        ("t.csv", b"PK\x03\x04rest", "is a workbook"),
        ("t.csv", b"<!DOCTYPE html><html></html>", "web page"),
        ("t.csv", b"district_id,population\na,1\x002\n", "NUL"),
        ("t.csv", b"district_id,population\na,12,500\n", "row 2: 3 cells where the header has 2"),
        ("t.csv", b"district_id,population,population\na,1,2\n", "column population twice"),
        ("t.csv", b"\xff\xfea\x00b\xd8\n\x00", "damaged"),
        ("t.xlsx", b"PK\x03\x04rest", "is not a whole zip"),
        ("t.xlsx", b"", "is not a whole zip"),
        ("t.xls", b"\xd0\xcf\x11\xe0", "save it as xlsx"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_in_one_line(tmp_path, name, data, words) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError, match=words) as error:
        read_official_table(path, districts=districts("ab"))
    assert "\n" not in str(error.value)
    assert name in str(error.value)


def test_tables_beyond_the_limit_are_refused_before_they_are_read(tmp_path, monkeypatch) -> None:
    from kcity_geo.sources.local import table_files

    path = tmp_path / "t.csv"
    path.write_text("district_id;population\n" + "a;1\n" * 1000)
    rule = {"bytes_max": 500, "cells_max": 10**6, "header_rows": 15}
    monkeypatch.setattr(table_files, "read_table", lambda name: rule)
    with pytest.raises(LimitError, match="4,023 bytes; the limit for a table is 500"):
        read_cells(path, key="k", wanted={"population"})
    rule |= {"bytes_max": 10**6, "cells_max": 500}
    with pytest.raises(LimitError, match="more than 500 cells"):
        read_cells(path, key="k", wanted={"population"})
    book(tmp_path / "t.xlsx", {"s": [["a"]]})
    wide = openpyxl.Workbook()
    wide.active["XFD1048576"] = "far away"
    wide.save(tmp_path / "wide.xlsx")
    with pytest.raises(LimitError, match="more than 500 cells"):
        read_cells(tmp_path / "wide.xlsx", key="k", wanted={"population"})


@pytest.mark.parametrize(
    ("cell", "said"), [("many", "'many', a number"), ("-5", "-5; "), ("12.34", "12.34; persons")]
)
def test_a_refused_number_names_its_district(tmp_path, cell, said) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"district_id;population\na;8250\nb;{cell}\n")
    with pytest.raises(SourceError, match=f"population, district 'b', has the value {said}"):
        read_district_people(path, districts=districts("ab"))


def test_counts_are_whole_and_a_column_without_numbers_is_told(tmp_path) -> None:
    text = "district_id,transit_stops,lpcd\na,{},-\nb,{},-\n"
    table, notes = official(tmp_path / "t.csv", text.format("1.388", "2.004"), "ab")
    assert table["transit_stops"].tolist() == [1388.0, 2004.0]
    assert any("t.csv, lpcd holds no number at all" in note for note in notes)
    with pytest.raises(
        SourceError, match=r"transit_stops, district 'a', has the value 3.5; .* whole number"
    ):
        official(tmp_path / "u.csv", text.format("3.5", "12"), "ab")


@pytest.mark.parametrize(
    "title",
    [
        "Data as of 2024 (x 1 000 not applied)",
        "Figures not in thousands",
        "Persons, no longer in thousands",
        "Angaben nicht in Tausend",
        "단위: 천명 아님",
        "x 1000 is not used here",
    ],
)
def test_thousands_that_are_denied_are_told_and_not_refused(tmp_path, title) -> None:
    with muted(), collected() as told:
        table, _ = official(
            tmp_path / "t.csv", f'"{title}"\ndistrict_id,water_supply_m3_day\na,1200\nb,800\n', "ab"
        )
    assert table["water_supply_m3_day"].tolist() == [1200.0, 800.0]
    assert any(title[:40] in text and "as they stand" in text for text in told)


@pytest.mark.parametrize(
    "title",
    [
        "Data not final; in thousands",
        "Not seasonally adjusted (thousands)",
        "No. in thousands",
        "nicht endgültig, in Tausend",
        "x 1000 (not yet final)",
        "not in millions, but in thousands",
    ],
)
def test_a_denial_of_something_else_leaves_thousands_refused(tmp_path, title) -> None:
    with pytest.raises(SourceError, match="no plain ones"):
        official(
            tmp_path / "t.csv", f'"{title}"\ndistrict_id,water_supply_m3_day\na,1200\nb,800\n', "ab"
        )
