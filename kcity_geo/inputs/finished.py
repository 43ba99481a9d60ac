"""Finished studies: what a folder that `kcity run` or `kc.save` wrote says of its city."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.comparison.numbers import CityNumbers, LevelNumbers, MeasuredNumbers
from kcity_geo.errors import SourceError
from kcity_geo.indicators import indicator_rows
from kcity_geo.result import SECTORS
from kcity_geo.study_facts import IndicatorFacts, LevelFacts, StudyFacts

__all__ = ["ReadingsPicture", "city_numbers", "read_pictures"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadingsPicture:
    """
    The readings of one sector of a city.

    Parameters
    ----------
    codes : shape (rows, cols), north up, rows of ``tables/readings.toml``; 255 outside the city.
    cell_m : side of a cell.
    """

    codes: NDArray[np.uint8]
    cell_m: float


def city_numbers(facts: Sequence[StudyFacts], places: Sequence[str]) -> tuple[CityNumbers, ...]:
    """
    Take from the facts of studies what a comparison needs.

    Parameters
    ----------
    facts : of finished studies.
    places : where each was read, to tell cities of the same name apart.

    Returns
    -------
    In the order given.
    """
    names = [one.city for one in facts]
    studies = [(one.city, one.study) for one in facts]
    found = []
    for one, place in zip(facts, places, strict=True):
        key = one.city
        if names.count(key) > 1:
            key = f"{key} · {one.study}"
        if studies.count((one.city, one.study)) > 1:
            key = f"{one.city} · {Path(place).name}"
        found.append(_numbers(one, key))
    return tuple(found)


def _numbers(one: StudyFacts, key: str) -> CityNumbers:
    lon, lat = one.place or (math.nan, math.nan)
    ranked = [site for site in one.sites if site.fits and site.score is not None]
    return CityNumbers(
        key=key,
        name=one.city,
        study=one.study,
        project=one.project_title,
        lat=lat,
        lon=lon,
        area_km2=one.area_km2,
        population=_number(one.population),
        whole=one.counted_in_all,
        population_evidence=one.population_evidence,
        osm_date=one.osm_date,
        cell_m=one.cell_m,
        synthetic=one.synthetic,
        inputs=_inputs(one),
        levels={level.key: _level(level) for level in one.levels},
        indicators={row.id: _measured(row) for row in one.indicators},
        open_land_share=_number(one.open_share),
        sites_found=None if one.open_share is None else len(ranked),
        not_assessed=_not_assessed(one),
        credits=one.credits,
        licence=one.licence,
    )


def _inputs(one: StudyFacts) -> tuple[str, ...] | None:
    """Name the inputs of a study; land cover is one whichever its classes are."""
    if one.inputs is None:
        return None
    named = {"landcover" if key.startswith("landcover") else key for key in one.inputs}
    return tuple(sorted(named | ({"official"} if one.official else set())))


def _not_assessed(one: StudyFacts) -> dict[str, tuple[str, ...]]:
    """Name by sector what weighs in its gap and could not be assessed."""
    found: dict[str, tuple[str, ...]] = {}
    for key, row in indicator_rows().items():
        if key in one.not_assessed and row.scored and not row.theme:
            found[row.sector] = (*found.get(row.sector, ()), key)
    return found


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _level(row: LevelFacts) -> LevelNumbers:
    open_ = [row.people.get(key) for key in ("cannot_tell", "not_assessed")]
    return LevelNumbers(
        gap=_number(row.gap),
        people_short=_number(row.people_short),
        people_open=sum(_number(v) for v in open_),
        short_draws=row.short_draws,
    )


def _measured(row: IndicatorFacts) -> MeasuredNumbers:
    ends = {k: _number(getattr(row, k)) for k in ("value", "standard", "worst", "gap_lo", "gap_hi")}
    return MeasuredNumbers(**ends)


def read_pictures(folder: str | Path) -> dict[str, ReadingsPicture]:
    """
    Read the readings of the sectors of a finished study as grids.

    Parameters
    ----------
    folder : of the study.

    Returns
    -------
    Sector -> its readings; a sector whose file is missing is left out.

    Raises
    ------
    SourceError
        If a file cannot be read.
    """
    import rasterio
    from rasterio.errors import RasterioError

    found = {}
    for sector in SECTORS:
        path = Path(folder) / "layers" / f"{sector}_reading.tif"
        if not path.is_file():
            continue
        try:
            with rasterio.open(path, driver="GTiff") as file:
                codes = file.read(1)
                inside = file.read_masks(1) > 0
                found[sector] = ReadingsPicture(
                    codes=np.where(inside, codes, 255).astype(np.uint8),
                    cell_m=float(abs(file.transform.a)),
                )
        except RasterioError as error:
            raise SourceError(f"{path}: cannot be read ({error}); run the study again") from error
    return found
