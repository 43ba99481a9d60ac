"""Tables: reading the numbers that a statistical office publishes by district."""

from __future__ import annotations

import contextlib
import difflib
import unicodedata
from collections.abc import Callable, Hashable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from kcity_geo.errors import SchemaError, SourceError
from kcity_geo.notes import tell
from kcity_geo.parameters import impossible_amount, part_of_count, percent_mend
from kcity_geo.sources.local.plausible import refuse_too_few, refuse_too_many
from kcity_geo.sources.local.table_files import plain_text, read_cells
from kcity_geo.sources.local.table_heads import is_total, refuse_other_heads
from kcity_geo.sources.local.table_numbers import decimal_sign, numbers

__all__ = ["read_official_table"]

_RATES = ("electricity_access", "piped_water_access", "sanitation_access", "nrw_share")


# Of a total: what rounding of its parts may differ by.
_TOTAL_TOLERANCE = 0.005

#: Unused columns that are named; of a wide table all of them would fill a page.
_MOST_NAMED = 30

#: Things that are counted, so that a dot with three digits behind it parts thousands.
_COUNTS = ("transit_stops", "health_facilities", "primary_schools", "water_points")

_AMOUNTS = (
    "population",
    "water_supply_m3_day",
    "wastewater_capacity_m3_day",
    "water_storage_m3",
    "peak_demand_mw",
    "firm_capacity_mw",
    "import_capacity_mw",
    *_COUNTS,
    "lpcd",
)


#: Columns of an official table that name the district or say where its numbers come from.
_LABELS = ("district_id", "district", "name", "source", "year", "note", "notes")
_PLACES = ("lon", "lng", "long", "longitude", "lat", "latitude", "x", "y", "crs")


def read_any_table(
    path: Path, *, key: str, districts: gpd.GeoDataFrame | None = None
) -> pd.DataFrame:
    """
    Read the cells of a table of districts or of places.

    Parameters
    ----------
    path : csv, tsv, txt or xlsx, with ``#`` and a sheet behind it if need be.
    key : key of the study file, for messages.
    districts : of the city, whose names tell the encoding.

    Returns
    -------
    As `kcity_geo.sources.local.table_files.read_cells`.

    Raises
    ------
    SourceError
        If the file cannot be read.
    """
    names = () if districts is None else districts["name"].astype(str).tolist()
    return read_cells(path, key=key, wanted={*_RATES, *_AMOUNTS, *_LABELS, *_PLACES}, names=names)


def read_official_table(path: Path, *, districts: gpd.GeoDataFrame) -> pd.DataFrame:
    """
    Read official numbers by district.

    Parameters
    ----------
    path : csv (comma or semicolon) or xlsx with a column ``district_id`` or ``name`` and columns
        named like the keys of ``[official]``.
    districts : of the city; rows are matched by id, else by name.

    Returns
    -------
    Index ``district_id`` in the order of `districts`; NaN where the table has no row.

    Raises
    ------
    SourceError
        If the file cannot be read, or a rate is outside 0 to 1, or an amount negative.
    SchemaError
        If no row matches a district.
    """
    key = "official.table"
    table = read_any_table(path, key=key, districts=districts)
    matched = _match(table, districts, name=path.name)
    known = [c for c in (*_RATES, *_AMOUNTS) if c in matched]
    if not known:
        raise SchemaError(
            f"{key}: {path.name} has the columns {', '.join(table.columns)}; none is one of "
            f"{', '.join((*_RATES, *_AMOUNTS))}"
        )
    _warn_unused([str(c) for c in matched if c not in {*known, *_LABELS}], name=path.name)
    out = pd.DataFrame(index=districts["district_id"].to_numpy())
    out.index.name = "district_id"
    sign = _sign_of_table(table, name=path.name, key=key)
    for column in known:
        where = f"{key}: {path.name}, {column}"
        values = _numbers(table, matched, column, where=where, sign=sign)
        if (values < 0).any():
            raise SourceError(f"{_first(values, values < 0, where)}; it needs zero or more")
        if column in _RATES and (values > 1).any():
            mend = percent_mend(values[values > 1].iloc[0])
            raise SourceError(
                f"{_first(values, values > 1, where)}; it needs a share from 0 to 1{mend}"
            )
        if not values.notna().any():
            tell(f"{where} holds no number at all; it is taken as not known")
        parts = pd.Series([bool(part_of_count(column, v)) for v in values], index=values.index)
        if parts.any():
            said = part_of_count(column, values[parts].iloc[0])
            raise SourceError(f"{_first(values, parts, where)}; {said}")
        _refuse_impossible_amounts(values, column, where)
        if column == "population":
            _refuse_parts_of_persons(values, where=where)
            _refuse_full_districts(values.reindex(out.index), districts, where=where)
        out[column] = values.reindex(out.index).to_numpy()
    empty = out.isna().all(axis=1).to_numpy()
    has_row = out.index.isin(matched.index)
    for lacking, what in ((out.index[~has_row], "row"), (out.index[has_row & empty], "number")):
        if len(lacking):
            tell(
                f"{key}: no {what} for {len(lacking)} of {len(out)} districts ({', '.join(map(str, lacking[:5]))})"
            )
    return out


def _refuse_impossible_amounts(values: pd.Series[float], column: str, where: str) -> None:
    for end in (float(values.max()), float(values.min())):
        if odd := impossible_amount(column, end):
            raise SourceError(f"{_first(values, values == end, where)}; {odd}")


def _first(values: pd.Series[float], wrong: pd.Series[bool], where: str) -> str:
    """Say the first wrong value and its district."""
    found = values[wrong]
    return f"{where}, district {found.index[0]!r}, has the value {found.iloc[0]:,.12g}"


def _warn_unused(columns: list[str], *, name: str) -> None:
    """Name the columns that nothing reads, with the known one that may be meant."""
    if not columns:
        return
    said = []
    for column in columns[:_MOST_NAMED]:
        near = difflib.get_close_matches(column.casefold(), (*_RATES, *_AMOUNTS), n=1, cutoff=0.75)
        said.append(f"{column} (is {near[0]} meant?)" if near else column)
    if len(columns) > _MOST_NAMED:
        said.append(f"and {len(columns) - _MOST_NAMED:,} more")
    tell(
        f"official.table: {name} has columns that are not used: {', '.join(said)}; known are "
        f"{', '.join((*_RATES, *_AMOUNTS))}",
        stacklevel=3,
    )


def read_district_people(path: Path, *, districts: gpd.GeoDataFrame) -> pd.Series:
    """
    Read the residents of each district from a table.

    Parameters
    ----------
    path : csv or xlsx with a column ``district_id`` or ``name``, and ``population``.
    districts : of the city; rows are matched by id, else by name.

    Returns
    -------
    Index ``district_id`` in the order of `districts`; NaN where the table has no row.

    Raises
    ------
    SourceError
        If the file cannot be read, has no column ``population``, or a value is no number of zero or
        more.
    SchemaError
        If no row matches a district.
    """
    key = "sources.population"
    table = read_any_table(path, key=key, districts=districts)
    if "population" not in table:
        raise SourceError(
            f"{key}: {path.name} has the columns {', '.join(table.columns)}; it needs district_id or "
            "name, and population"
        )
    matched = _match(table, districts, name=path.name, key=key)
    where = f"{key}: {path.name}, population"
    sign = _sign_of_table(table, name=path.name, key=key)
    persons = _numbers(table, matched, "population", where=where, sign=sign)
    if (persons < 0).any():
        raise SourceError(
            f"{_first(persons, persons < 0, where)}; a number of zero or more is needed"
        )
    _refuse_parts_of_persons(persons, where=where)
    persons = persons.reindex(districts["district_id"].to_numpy())
    lacking = persons.index[persons.isna()].astype(str).tolist()
    if lacking:
        tell(
            f"{where}: no number for {len(lacking)} of {len(persons)} districts ({', '.join(lacking[:5])}); how "
            "many live there is not known"
        )
    _refuse_full_districts(persons, districts, where=where)
    _refuse_impossible_city(persons, districts, where=where)
    return persons


def _sign_of_table(table: pd.DataFrame, *, name: str, key: str) -> str:
    """Tell the sign before decimals from all columns of numbers; columns that contradict do not tell."""
    signs = {
        decimal_sign(table[c], where=f"{key}: {name}, {c}")
        for c in (*_RATES, *_AMOUNTS)
        if c in table
    } - {""}
    return signs.pop() if len(signs) == 1 else ""


def _numbers(
    table: pd.DataFrame, matched: pd.DataFrame, column: str, *, where: str, sign: str
) -> pd.Series[float]:
    """Read a column of the rows that are of districts; all rows of it tell what its signs mean."""
    titles = [*table.attrs.get("titles", []), *matched.attrs["remarks"]]
    refuse_other_heads(table, column, first=matched.attrs["first"], titles=titles, where=where)
    own = decimal_sign(table[column], where=where)

    def read(cells: pd.Series) -> pd.Series[float]:
        return numbers(
            cells,
            where=where,
            whole=column == "population" or column in _COUNTS,
            share=column in _RATES,
            sign=own or sign,
        )

    found = read(matched[column])
    if column in _AMOUNTS and column != "lpcd" and matched.attrs["totals"]:
        with contextlib.suppress(SourceError):  # a total that is no number says nothing
            _tell_other_total(found, read(table.loc[matched.attrs["totals"], column]), where=where)
    return found


def _tell_other_total(districts: pd.Series[float], totals: pd.Series[float], *, where: str) -> None:
    """Tell a total of the table that is not what its districts add up to: rows are missing, or misread."""
    stated, added = totals.dropna(), float(districts.sum())
    if stated.empty or ((stated - added).abs() <= _TOTAL_TOLERANCE * stated.abs()).any():
        return
    tell(
        f"{where}: the districts here add up to {added:,.6g}, the total of the table is "
        f"{stated.max():,.6g}; are rows missing, or of another place?",
        stacklevel=4,
    )


def _refuse_parts_of_persons(persons: pd.Series[float], *, where: str) -> None:
    parts = (persons % 1 > 1e-6) & (persons % 1 < 1 - 1e-6)  # noqa: PLR2004 - rounding
    if parts.any():
        raise SourceError(
            f"{_first(persons, parts, where)}; persons are whole numbers: give all of them "
            "(12500, not 12.5 thousands), or round an estimate"
        )


def _refuse_full_districts(
    persons: pd.Series[float], districts: gpd.GeoDataFrame, *, where: str
) -> None:
    """Refuse a district with more people than any place of its size holds."""
    km2 = shapely.area(districts.geometry.to_numpy()) / 1e6
    for name, many, size in zip(districts["name"], persons, km2, strict=True):
        if many > 0:
            place = f"{where}, district {name!r},"
            refuse_too_many(float(many), float(size), where=place, mend="give persons", part=True)


def _refuse_impossible_city(
    persons: pd.Series[float], districts: gpd.GeoDataFrame, *, where: str
) -> None:
    """Refuse a number of people that no city of this size has: they are thousands, or something else."""
    told = persons.notna().to_numpy()
    km2 = float(shapely.area(districts.geometry.to_numpy()[told]).sum()) / 1e6
    refuse_too_few(float(persons.sum()), km2, where=where, mend="Give persons")


def _match(
    table: pd.DataFrame, districts: gpd.GeoDataFrame, *, name: str, key: str = "official.table"
) -> pd.DataFrame:
    """Give the rows of districts, under their ids: matched by id, else by name."""
    read = _found_rows(table, districts)
    if not read:
        raise SchemaError(
            f"{key}: no row of {name} matches a district; it needs a column district_id (like "
            f"{districts['district_id'].iloc[0]!r}) or name"
        )
    column, text, found = _best_column(read, name=name, key=key)
    _refuse_two_meanings(found, text, name=name, key=key)
    totals = _tell_left_out(table, text[found.isna()], name=name, key=key)
    out: pd.DataFrame = table[found.notna()].copy()
    out.attrs["totals"] = totals
    out.attrs["remarks"] = _remarks(table.loc[text.index[found.isna()]])
    out.attrs["first"] = int(found.notna().to_numpy().argmax())
    out.index = pd.Index([ids[0] for ids in found[found.notna()]], name="district")
    if out.index.duplicated().any():
        twice = out.index[out.index.duplicated()][0]
        raise SchemaError(f"{key}: {name} has two rows for district {twice!r}")
    if column == "district_id":
        _refuse_other_names(text, found, read[1:], name=name, key=key)
    return out


#: A column, its cells as text, and the districts that each cell names (NaN for none).
_Found = tuple[str, pd.Series, pd.Series]


def _found_rows(table: pd.DataFrame, districts: gpd.GeoDataFrame) -> list[_Found]:
    """Match the rows by each column that may name a district, ids first; columns without a match are left out."""
    read = []
    for column in ("district_id", "name", "district"):
        if column not in table:
            continue
        text = table[column].map(plain_text)
        lookup, how = _lookup(text, districts, by_id=column == "district_id")
        found = text.map(lambda t, how=how: how(t)).map(lookup)
        if found.notna().any():
            read.append((column, text, found))
    return read


def _names_each_once(found: pd.Series) -> bool:
    """Tell whether a column names districts of its rows, and not what several of them lie in."""
    named = found.dropna()
    return all(len(ids) == 1 for ids in named) and named.map(lambda ids: ids[0]).is_unique


def _best_column(read: list[_Found], *, name: str, key: str) -> _Found:
    """Take ids; names where ids match fewer rows and no row says otherwise."""
    first = read[0]
    if first[0] != "district_id":
        return first
    ids = first[2]
    for other in read[1:]:
        names = other[2]
        both = ids.notna() & names.notna()
        agree = all(a == b for a, b in zip(ids[both], names[both], strict=True))
        if names.notna().sum() > ids.notna().sum() and _names_each_once(names) and agree:
            lost = names.notna() & ids.isna()
            tell(
                f"{key}: {name} names by {other[0]} {int(lost.sum())} more district(s) than by district_id (first: "
                f"{other[1][lost].iloc[0]!r} with the id {first[1][lost].iloc[0]!r}); rows were matched by {other[0]}"
            )
            return other
    return first


def _refuse_other_names(
    text: pd.Series, found: pd.Series, others: list[_Found], *, name: str, key: str
) -> None:
    """Refuse a row whose id is of one district and whose name is of another."""
    for column, said, named in others:
        if not _names_each_once(named):
            continue
        for row in named.index[named.notna() & found.notna()]:
            if found[row] != named[row]:
                raise SchemaError(
                    f"{key}: {name} has a row with district_id {text[row]!r} whose {column} {said[row]!r} is that of "
                    f"district {named[row][0]!r}; mend one of them, or take the column that is wrong out"
                )


#: Signs that are written for one another in names.
_ALIKE = str.maketrans(
    dict.fromkeys("\u2018\u2019\u02bc\u00b4`", "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)


def _same_name(text: str) -> str:
    return plain_text(unicodedata.normalize("NFKC", text.translate(_ALIKE))).casefold()


def _whole_code(text: str) -> str:
    """Give a code of digits without zeros in front, as programs that take it for a number write it."""
    text = text.removesuffix(".0")
    return text.lstrip("0") or "0" if text.isdecimal() and text.isascii() else text


def _lookup(
    text: pd.Series, districts: gpd.GeoDataFrame, *, by_id: bool
) -> tuple[dict[str, list[str]], Callable[[str], str]]:
    """Choose how cells are compared with districts: the way in which most rows match, of equals the strictest."""
    label = districts["district_id" if by_id else "name"]
    ways = (plain_text, _same_name, _whole_code) if by_id else (_same_name,)
    found = []
    for way in ways:
        lookup: dict[str, list[str]] = {}
        for value, district in zip(label, districts["district_id"], strict=True):
            lookup.setdefault(way(plain_text(value)), []).append(district)
        found.append((int(text.map(way).isin(lookup).sum()), lookup, way))
    matches, lookup, way = max(found, key=lambda one: one[0])
    if matches and way is _whole_code:
        tell(
            "codes of districts were matched as numbers, without the zeros in front (8 for 08): keep them as "
            "text in table and outlines"
        )
    return lookup, way


def _refuse_two_meanings(found: pd.Series, text: pd.Series, *, name: str, key: str) -> None:
    for ids, said in zip(found, text, strict=True):
        if isinstance(ids, list) and len(ids) > 1:
            raise SchemaError(
                f"{key}: {name} names {said!r}, which {len(ids)} districts bear ({', '.join(ids[:4])}); give "
                "their district_id"
            )


def _tell_left_out(
    table: pd.DataFrame, strange: pd.Series, *, name: str, key: str
) -> list[Hashable]:
    """Tell the rows of no district: totals, second headers and footnotes among them; give the totals."""
    if strange.empty:
        return []
    rows = table.loc[strange.index]
    said = [t or _first_text(row) for t, (_, row) in zip(strange, rows.iterrows(), strict=True)]
    totals = [is_total(t) for t in said]
    if all(totals):
        tell(
            f"{key}: {name} has {len(said)} row(s) without a district (a total?), left out",
            stacklevel=4,
        )
        return strange.index.tolist()
    first = said[totals.index(False)]
    tell(
        f"{key}: {name} has {len(said)} row{'s' if len(said) > 1 else ''} of no district here (first: "
        f"{first[:60]!r}), left out",
        stacklevel=4,
    )
    return [row for row, total in zip(strange.index, totals, strict=True) if total]


def _remarks(rows: pd.DataFrame) -> list[str]:
    """Give the texts of rows that hold nothing else: footnotes, which may say the unit of the table."""
    cells = ([t for cell in row if (t := plain_text(cell))] for _, row in rows.iterrows())
    return [found[0] for found in cells if len(found) == 1 and not found[0][0].isdigit()]


def _first_text(row: pd.Series) -> str:
    """Give the first cell of a row that is text; "" when it holds numbers only."""
    cells = [plain_text(c) for c in row]
    return next((c for c in cells if c and not c[0].isdigit()), "")
