"""Official numbers and timetables of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from kcity_geo.city import City
from kcity_geo.citydata import Provenance
from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.inputs.osm import _with_context
from kcity_geo.inputs.reading import Reading
from kcity_geo.notes import tell
from kcity_geo.studyfile import Study, resolve_path

__all__ = [
    "hold_against_people",
    "load_tables",
    "refuse_impossible_amounts",
    "refuse_impossible_counts",
]


def load_tables(
    study: Study, city: City, *, map_date: str = ""
) -> Reading[tuple[dict[str, Any], pd.DataFrame | None]]:
    """
    Read the official numbers, their table by district and the timetable.

    Parameters
    ----------
    study : the study file.
    city : its city.
    map_date : ISO date of the map, ``""`` when unknown; a timetable that ended before it is told.

    Returns
    -------
    Official numbers with the table under ``table``, and what the timetable gives.
    """
    official: dict[str, Any] = {
        k: v for k, v in study.official.model_dump().items() if v not in {None, ""}
    }
    _refuse_full_city(study, city)
    more: list[Provenance] = []
    if study.official.table:
        from kcity_geo.sources.local.origins import describe
        from kcity_geo.sources.local.tables import read_official_table

        path = resolve_path(study, study.official.table, key="official.table")
        known = describe(path, key="official")
        official["table"] = read_official_table(path, districts=city.districts)
        more.append(
            replace(
                known,
                title=study.official.source or known.title,
                as_of=str(study.official.year or known.as_of),
            )
        )
    elif official:
        more.append(
            Provenance(
                id="official",
                title=study.official.source or "official numbers in the study file",
                licence="own",
                as_of=str(study.official.year or ""),
            )
        )
    transit, feeds = _timetable(study, city, map_date=map_date)
    return Reading(value=(official, transit), about=(*more, *feeds))


def _refuse_full_city(study: Study, city: City) -> None:
    """Refuse more residents than any city of this size holds; they are of another area, or a density."""
    if study.official.population is None:
        return
    from kcity_geo.sources.local.plausible import refuse_too_many

    refuse_too_many(
        study.official.population,
        city.boundary_metric.area / 1e6,
        where=f"official.population: {city.name}",
        mend="give those of the study area, in persons",
    )


def hold_against_people(
    official: Mapping[str, float | str | pd.DataFrame], cube: xr.Dataset
) -> None:
    """
    Refuse counts and amounts that no place with so many people has.

    Parameters
    ----------
    official : official numbers and their table by district.
    cube : with the residents, where they are known.
    """
    refuse_impossible_counts(official, cube)
    refuse_impossible_amounts(official, cube)


def refuse_impossible_counts(
    official: Mapping[str, float | str | pd.DataFrame], cube: xr.Dataset
) -> None:
    """
    Refuse more clinics, schools, stops or taps than any place with so many people has.

    Parameters
    ----------
    official : official numbers and their table by district.
    cube : with the residents, where they are known.

    Raises
    ------
    StudyError
        If a count is beyond the least number of residents for each in ``tables/official.toml``.
    """
    if "population" not in cube:
        return
    persons, rule = float(np.nansum(cube["population"])), read_table("official")["count"]
    for key, each in rule["persons_each_least"].items():
        for where, count, _ in _given(official, key):
            if count > max(persons / each, rule["few"]):
                raise StudyError(
                    f"{where}: {key} = {count:,.0f} for {persons:,.0f} residents; no city has one for fewer "
                    f"than {each:g}; give those of the study area only, or leave the key out"
                )


def refuse_impossible_amounts(
    official: Mapping[str, float | str | pd.DataFrame], cube: xr.Dataset
) -> None:
    """
    Refuse amounts that no place with so many people has, and tell odd ones: their unit may be another.

    Parameters
    ----------
    official : official numbers and their table by district.
    cube : with the residents, where they are known; else ``population`` of `official` counts.

    Raises
    ------
    StudyError
        If an amount over the residents is beyond ``most`` of ``[amount]`` in ``tables/official.toml``.
    """
    rule = read_table("official")["amount"]
    known = official.get("population")
    persons = float(np.nansum(cube["population"])) if "population" in cube else 0.0
    if not persons and isinstance(known, float | int):
        persons = float(known)
    if not persons > 0:
        return
    for key, row in rule["each"].items():
        for where, amount, whole in _given(official, key):
            each = amount * row["units_each"] / persons
            about = float(f"{each:.3g}")
            said = f"{where}: {key} = {amount:,.12g} is {about:,.12g} {row['unit']} ({persons:,.0f} residents)"
            if each > row["most"] and persons >= rule["persons_least"]:
                raise StudyError(
                    f"{said}; no city has more than {row['most']:,.0f}: is the unit that of the name? Give the "
                    "amount of the study area only, or leave the key out"
                )
            if each > row["odd_high"] or (whole and 0 < each < row["odd_low"]):
                tell(
                    f"{said}; hardly a city has so {'much' if each > row['odd_high'] else 'little'} (usual: "
                    f"{row['odd_low']:g} to {row['odd_high']:,g}): is the unit that of the name, and the amount "
                    "that of the study area?"
                )


def _given(
    official: Mapping[str, float | str | pd.DataFrame], key: str
) -> list[tuple[str, float, bool]]:
    """Give where an amount stands, its sum, and whether no district of a table lacks it."""
    city, table = official.get(key), official.get("table")
    told = [("official", float(city), True)] if isinstance(city, float | int) else []
    if isinstance(table, pd.DataFrame) and key in table and table[key].notna().any():
        told.append(("official.table", float(table[key].sum()), bool(table[key].notna().all())))
    return told


def _timetable(
    study: Study, city: City, *, map_date: str
) -> tuple[pd.DataFrame | None, tuple[Provenance, ...]]:
    """Read the timetable, or the timetables, of a study."""
    if not study.sources.gtfs:
        return None, ()
    from kcity_geo.sources.local.origins import describe
    from kcity_geo.sources.local.transit import read_gtfs_feeds

    given = study.sources.gtfs
    values = [given] if isinstance(given, str) else given
    paths = [resolve_path(study, value, key="sources.gtfs") for value in values]
    transit = read_gtfs_feeds(paths, crs=city.crs, area=_with_context(city), map_date=map_date)
    about = tuple(
        replace(
            describe(path, key="gtfs"),
            title=f"GTFS {path.name}",
            as_of=told["date"],
            note=told["note"],
        )
        for path, told in zip(paths, transit.attrs["timetables"], strict=True)
    )
    return transit, about
