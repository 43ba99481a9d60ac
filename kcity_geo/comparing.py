"""Finished studies side by side: read their folders, compare, write the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kcity_geo.analysis.comparison.compare import Comparison, compare_cities
from kcity_geo.analysis.comparison.numbers import CityNumbers
from kcity_geo.errors import SourceError, StudyError
from kcity_geo.inputs.finished import city_numbers, read_pictures
from kcity_geo.outputs import comparison as files
from kcity_geo.outputs.facts import facts_of
from kcity_geo.outputs.text import plain_text
from kcity_geo.result import Result
from kcity_geo.sources.local.study_folder import checked_people, open_study

__all__ = ["compare", "save_comparison"]


def compare(
    studies: Sequence[str | Path | Result],
    *,
    draws: int | None = None,
    seed: int = 7,
    weights: Mapping[str, float] | None = None,
) -> Comparison:
    """
    Set finished studies of several cities side by side.

    Parameters
    ----------
    studies : folders that ``kcity run`` or `save` wrote, or results, two or more.
    draws : joint draws for the ranges of the ranks; as in ``tables/compare.toml`` when None.
    seed : of the draws.
    weights : criterion -> weight within its axis, instead of those of ``tables/compare.toml``.

    Returns
    -------
    Scores on two axes, need and readiness, on fixed benchmarks: they depend on no other city. What a study
    does not know widens its ranges and never raises its score; ``.rank()`` gives the ranks.

    Raises
    ------
    SourceError
        If a folder is no finished study or is given twice, or its people do not add up.
    StudyError
        If there are fewer than two, a weight is wrong or the number of draws is out of range.
    """
    studies = _listed(studies)
    if weights is not None and not isinstance(weights, Mapping):
        raise StudyError(f"compare: weights = {weights!r}: give a mapping such as {{'water': 2}}")
    folders = [Path(one).resolve() for one in studies if not isinstance(one, Result)]
    for place in folders:
        if folders.count(place) > 1:
            raise SourceError(f"{place}: is given twice; give each study once")
    facts = [
        facts_of(one) if isinstance(one, Result) else checked_people(open_study(one)).facts
        for one in studies
    ]
    places = ["result" if isinstance(one, Result) else str(one) for one in studies]
    return compare_cities(city_numbers(facts, places), draws=draws, seed=seed, weights=weights)


def _listed(studies: Any) -> list[str | Path | Result]:  # noqa: ANN401 - whatever was given
    """Refuse one study, or none, in the place of a list."""
    single = isinstance(studies, str | bytes | Path | Result) or not isinstance(studies, Iterable)
    given = [] if single else list(studies)
    if single or not all(isinstance(one, str | Path | Result) for one in given):
        raise StudyError(
            f"compare: {plain_text(studies)!r}: give a list of two or more folders or results, as in "
            "compare(['out/a', 'out/b'])"
        )
    return given


def save_comparison(
    found: Comparison, out: str | Path, *, folders: Sequence[str | Path] = ()
) -> Path:
    """
    Write the folder of a comparison.

    Parameters
    ----------
    found : as `compare` gives it.
    out : folder that does not exist, is empty, or holds a former comparison.
    folders : of the studies in the same order, for the small maps of the page; none: no maps.

    Returns
    -------
    Absolute path of the folder, with ``compare.html`` (English and Korean, offline), ``cities.csv``,
    ``ranks.csv``, ``compare.xlsx``, ``cities.geojson`` and ``ledger.json``.

    Raises
    ------
    StudyError
        If the folders are not those of the studies compared, one each and in their order.
    OutputError
        If the folder holds something else or cannot be written.
    """
    pairs = _pairs(found, folders)
    pictures = {city.key: read_pictures(folder) for city, folder in pairs}
    studies = {city.key: Path(folder) for city, folder in pairs}
    return files.save_comparison(found, out, pictures=pictures, studies=studies)


def _pairs(
    found: Comparison, folders: Sequence[str | Path]
) -> list[tuple[CityNumbers, str | Path]]:
    """Give each city with the folder of its study; a folder of another one would be shown and verified as its own."""
    if isinstance(folders, str | Path):
        raise StudyError("folders: give a list, a folder for each study compared")
    if folders and len(folders) != len(found.cities):
        raise StudyError(
            f"folders: {len(folders)} given for {len(found.cities)} studies compared; give one for each, in the same "
            "order"
        )
    pairs = list(zip(found.cities, folders, strict=True)) if folders else []
    for city, folder in pairs:
        (there,) = city_numbers([open_study(folder).facts], [str(folder)])
        if there.id != city.id:
            raise StudyError(
                f"folders: {folder} is not the study of {city.key} that was compared; give the folders in the order of "
                "the comparison"
            )
    return pairs
