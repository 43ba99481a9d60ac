"""Tables: reading the numbers that a statistical office publishes by district."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from kcity_geo.errors import SchemaError, SourceError
from kcity_geo.notes import tell

__all__ = ["read_official_table"]

_RATES = ("electricity_access", "piped_water_access", "sanitation_access", "nrw_share")


_AMOUNTS = (
    "population",
    "water_supply_m3_day",
    "wastewater_capacity_m3_day",
    "water_storage_m3",
    "peak_demand_mw",
    "firm_capacity_mw",
    "import_capacity_mw",
    "lpcd",
)


#: Columns of an official table that name the district or say where its numbers come from.
_LABELS = ("district_id", "district", "name", "source", "year", "note", "notes")


def read_any_table(path: Path, *, key: str) -> pd.DataFrame:
    if not path.exists():
        raise SourceError(f"{key}: {path} does not exist")
    try:
        if path.suffix.lower() in {".xlsx", ".xls"}:
            table = pd.read_excel(path)
        else:
            table = pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig")
    except ImportError as error:
        raise SourceError(f"{key}: {path.name}: reading xlsx needs the package openpyxl") from error
    except Exception as error:
        raise SourceError(
            f"{key}: {path.name} cannot be read ({str(error).splitlines()[0][:160]})"
        ) from error
    table.columns = [str(c).strip() for c in table.columns]
    return table


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
    table = read_any_table(path, key=key)
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
    for column in known:
        numbers = pd.to_numeric(matched[column], errors="coerce")
        bad = numbers.isna() & matched[column].notna()
        if bad.any():
            raise SourceError(
                f"{key}: {column} has the value {matched[column][bad].iloc[0]!r}, a number is needed"
            )
        outside = (numbers < 0) | ((numbers > 1) & (column in _RATES))
        if outside.any():
            wrong = numbers[outside].iloc[0]
            need = "a share from 0 to 1 (0.85, not 85)" if column in _RATES else "zero or more"
            raise SourceError(f"{key}: {column} has the value {wrong:g}; it needs {need}")
        out[column] = numbers.reindex(out.index).to_numpy()
    absent = out.index[out.isna().all(axis=1)]
    if len(absent):
        tell(
            f"{key}: no row for {len(absent)} of {len(out)} districts ({', '.join(map(str, absent[:5]))})"
        )
    return out


def _warn_unused(columns: list[str], *, name: str) -> None:
    """Name the columns that nothing reads, with the known one that may be meant."""
    if not columns:
        return
    said = []
    for column in columns:
        near = difflib.get_close_matches(column.casefold(), (*_RATES, *_AMOUNTS), n=1, cutoff=0.75)
        said.append(f"{column} (is {near[0]} meant?)" if near else column)
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
    table = read_any_table(path, key=key)
    if "population" not in table:
        raise SourceError(
            f"{key}: {path.name} has the columns {', '.join(table.columns)}; it needs district_id or "
            "name, and population"
        )
    matched = _match(table, districts, name=path.name, key=key)
    numbers = pd.to_numeric(matched["population"], errors="coerce")
    bad = (numbers.isna() & matched["population"].notna()) | (numbers < 0)
    if bad.any():
        raise SourceError(
            f"{key}: {path.name} has the population {matched['population'][bad].iloc[0]}; a number of "
            "zero or more is needed"
        )
    return numbers.reindex(districts["district_id"].to_numpy())


def _match(
    table: pd.DataFrame, districts: gpd.GeoDataFrame, *, name: str, key: str = "official.table"
) -> pd.DataFrame:
    ids = dict(zip(districts["district_id"].astype(str), districts["district_id"], strict=True))
    names = dict(zip(districts["name"].str.casefold(), districts["district_id"], strict=True))
    for column, lookup in (("district_id", ids), ("name", names), ("district", names)):
        if column not in table:
            continue
        text: Any = table[column].astype(str).str.strip()
        found = (text if lookup is ids else text.str.casefold()).map(lookup)
        if found.notna().any():
            strange = table[column][found.isna()]
            if len(strange):
                tell(
                    f"{key}: {name} has {len(strange)} rows of no district here "
                    f"(first: {strange.iloc[0]!r}); they were left out",
                    stacklevel=4,
                )
            out: pd.DataFrame = table[found.notna()].copy()
            out.index = pd.Index(found[found.notna()])
            if out.index.duplicated().any():
                twice = out.index[out.index.duplicated()][0]
                raise SchemaError(f"{key}: {name} has two rows for district {twice!r}")
            return out
    raise SchemaError(
        f"{key}: no row of {name} matches a district; it needs a column district_id (like "
        f"{districts['district_id'].iloc[0]!r}) or name"
    )
