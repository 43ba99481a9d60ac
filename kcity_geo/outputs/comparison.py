"""Files of a comparison: one page in English and Korean, tables, a workbook, the cities as points."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from kcity_geo.analysis.comparison.compare import Comparison
from kcity_geo.errors import OutputError
from kcity_geo.outputs.attribution import CAVEAT
from kcity_geo.outputs.comparemaps import SmallMap
from kcity_geo.outputs.comparepage import compare_page
from kcity_geo.outputs.comparewords import weights_told
from kcity_geo.outputs.more_ledgers import save_comparison_ledger
from kcity_geo.outputs.tables import save_csv
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.workbook import save_workbook

__all__ = ["COMPARISON_FILES", "save_comparison"]

#: What the folder of a comparison holds.
COMPARISON_FILES = (
    "compare.html", "cities.csv", "ranks.csv", "compare.xlsx", "cities.geojson", "ledger.json",
)  # fmt: skip


def save_comparison(
    found: Comparison,
    out: str | Path,
    *,
    pictures: Mapping[str, Mapping[str, SmallMap]] | None = None,
    studies: Mapping[str, Path] | None = None,
) -> Path:
    """
    Write the folder of a comparison.

    Parameters
    ----------
    found : cities side by side.
    out : folder that does not exist, is empty, or holds a former comparison.
    pictures : city key -> sector -> its readings, for the small maps.
    studies : city key -> folder of its study, from which the comparison can be made and checked again.

    Returns
    -------
    Absolute path of the folder. All files are written aside and the folder is changed as a whole;
    ``compare.xlsx`` is left out, told, where nothing writes workbooks.

    Raises
    ------
    OutputError
        If the folder holds something else or cannot be written.
    """
    target = Path(out).resolve()
    shown = plain_text(out)
    if target.exists() and not target.is_dir():
        raise OutputError(f"{shown}: is a file; give a folder for the comparison")
    if target.is_dir():
        foreign = sorted(p.name for p in target.iterdir() if p.name not in COMPARISON_FILES)
        if foreign:
            raise OutputError(
                f"{shown}: holds {plain_text(foreign[0])!r}, which is no part of a comparison; give a "
                "new or empty folder"
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".kcity-compare-", dir=target.parent) as stage:
            work, former = Path(stage) / "new", Path(stage) / "former"
            work.mkdir()
            found = _by_name(found)
            _write(found, work, pictures or {})
            save_comparison_ledger(found, found.rank(), work, studies=studies or {}, at=target)
            _place(work, target, former)
    except OSError as error:
        raise OutputError(
            f"{shown}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error
    return target


def _place(work: Path, target: Path, former: Path) -> None:
    """Put a folder where the former one was; into one that cannot be renamed, as a mounted one, file by file."""
    try:
        if target.exists():
            target.replace(former)
        work.replace(target)
    except OSError:
        if former.exists():
            former.replace(target)
        target.mkdir(exist_ok=True)
        for name in COMPARISON_FILES:
            (target / name).unlink(missing_ok=True)
            if (work / name).exists():
                shutil.move(work / name, target / name)


def _by_name(found: Comparison) -> Comparison:
    """Order the cities by name: the same files in whatever order the studies were given."""
    cities = tuple(sorted(found.cities, key=lambda city: city.key))
    return replace(found, cities=cities, table=found.table.loc[[city.key for city in cities]])


def _write(found: Comparison, work: Path, pictures: Mapping[str, Mapping[str, SmallMap]]) -> None:
    ranks = found.rank()
    page = compare_page(found, ranks, pictures)
    (work / "compare.html").write_text(page, encoding="utf-8", newline="\n")
    # Without the key, which tells cities of one name apart and so depends on what stands beside them.
    of_city = found.table.reset_index(drop=True)
    ranked = pd.concat([of_city[["id", "name", "study"]], ranks.reset_index(drop=True)], axis=1)
    save_csv(of_city, work / "cities.csv")
    save_csv(ranked, work / "ranks.csv")
    _workbook(found, {"ranks": ranked, "cities": of_city}, work / "compare.xlsx")
    text = json.dumps(_points(found), ensure_ascii=False, allow_nan=False, indent=1)
    (work / "cities.geojson").write_text(text + "\n", encoding="utf-8", newline="\n")


def _plain(value: Any) -> Any:  # noqa: ANN401 - cell of a table
    if hasattr(value, "item"):
        value = value.item()
    if value is pd.NA:
        return None
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return plain_text(value) if isinstance(value, str) else value


def _points(found: Comparison) -> dict[str, Any]:
    """Give the cities as GeoJSON; a row depends on its city alone."""
    features = []
    for _, row in found.table.iterrows():
        known = math.isfinite(row["lon"]) and math.isfinite(row["lat"])
        features.append(
            {
                "type": "Feature",
                "id": row["id"],
                "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]}
                if known
                else None,
                "properties": {
                    str(k): _plain(v) for k, v in row.items() if k not in {"lat", "lon"}
                },
            }
        )
    return {
        "type": "FeatureCollection",
        "attribution": _sources(found),
        "notice": CAVEAT,
        "features": features,
    }


def _sources(found: Comparison) -> list[str]:
    """Whom to name for each city, and under which licence what was made from its data stands."""
    return [
        plain_text(
            f"{city.name}: {city.credits or 'not told'}. Licence: {city.licence or 'not told'}.",
            max_chars=1500,
        )
        for city in found.cities
    ]


def _workbook(found: Comparison, tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    criteria = pd.DataFrame(
        [
            {
                "criterion": one.id, "axis": one.axis, "title": one.title, "unit": one.unit,
                "weight": one.weight, "function": one.function,
                "parameters": " to ".join(f"{p:g}" for p in one.parameters),
                "mark": one.mark, "source": one.citation,
            }
            for one in found.criteria
        ]
    )  # fmt: skip
    told = [CAVEAT, *weights_told(found), *found.differences, *_sources(found)]
    notes = pd.DataFrame({"note": told})
    save_workbook({**tables, "criteria": criteria, "notes": notes}, path)
