"""Ledgers of plans and of comparisons: their numbers, what they were made from, and the checksums of their files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kcity_geo.analysis.comparison.compare import Comparison
from kcity_geo.analysis.comparison.rows import AXES
from kcity_geo.config import read_table
from kcity_geo.input_paths import sha256_of
from kcity_geo.outputs.claims import Claim, claim, plan_claims
from kcity_geo.outputs.comparepage import points_moved, rivals
from kcity_geo.outputs.ledger import formulas_of, parameters_of, write_ledger
from kcity_geo.outputs.ledger_inputs import inputs_of
from kcity_geo.plan_sheets import PlanSheets

__all__ = ["FACTS_FILE", "comparison_claims", "save_comparison_ledger", "save_plan_ledger"]

#: Columns of a city in a comparison -> unit; those of an axis are indices, ranks are counts.
_UNITS = {
    "population": "persons", "area_km2": "km2", "lat": "degrees", "lon": "degrees", "cell_m": "m",
    "sites_found": "count",
}  # fmt: skip
_RANKS = ("_rank", "_best", "_worst", "_draw_low", "_draw_high")
#: File of a study whose checksum says from which numbers a comparison was made.
FACTS_FILE = "project_summary.json"


def save_plan_ledger(sheets: PlanSheets, folder: Path, *, site: str = "") -> None:
    """
    Write the ledger of a plan, as the last of its files.

    Parameters
    ----------
    sheets : of the plan.
    folder : that holds its files.
    site : of the ``study.toml`` beside it that was planned; empty: nobody can plan it again from the folder alone.
    """
    write_ledger(
        folder,
        of="plan",
        claims=list({row["id"]: row for row in plan_claims(sheets)}.values()),
        site=site,
        inputs=inputs_of(sheets.provenance),
        parameters=parameters_of(sheets),
        formulas=formulas_of(sheets),
    )


def comparison_claims(found: Comparison, ranks: pd.DataFrame) -> list[Claim]:
    """
    List the numbers of a comparison.

    Parameters
    ----------
    found : cities side by side.
    ranks : as ``found.rank()`` gives them.

    Returns
    -------
    A row a number; ids begin with ``city.`` and the id of the city.
    """
    return list({row["id"]: row for row in _compared(found, ranks)}.values())


def _compared(found: Comparison, ranks: pd.DataFrame) -> Iterator[Claim]:
    for city in found.cities:
        own, place = found.table.loc[city.key], ranks.loc[city.key]
        for column, value in (*own.items(), *place.items()):
            name = str(column)
            if isinstance(value, Number) and not isinstance(value, bool | np.bool_):
                unit = _UNITS.get(name, "index" if name.startswith(AXES) else "")
                unit = "count" if name.endswith(_RANKS) else unit
                yield claim(f"city.{city.id}.{name}", value, unit, "comparison")
        yield from _measured(found, city.key, f"city.{city.id}")
    for ahead, behind in rivals(ranks):
        yield from _overtaking(found, ahead, behind)
    for one in found.criteria:
        yield claim(f"weight.{one.id}", one.weight, "share", "comparison")
    yield claim("draws", found.draws, "count", "comparison")


def _measured(found: Comparison, city: str, stem: str) -> Iterator[Claim]:
    for one in found.criteria:
        measured, key = found.measured[city][one.id], f"{stem}.{one.id}"
        for name, value in (
            ("value", measured.value), ("low", measured.low), ("high", measured.high),
        ):  # fmt: skip
            yield claim(f"{key}.{name}", value, one.unit, "comparison")
        if one.kind == "people_short":
            people = found.people_short(city, one.id)
            yield claim(f"{key}.people", people, "persons", "comparison")
    for axis in AXES:
        rows = [one for one in found.criteria if one.axis == axis and one.weight > 0]
        missing = len(found.not_known(city, axis))
        yield claim(f"{stem}.{axis}_missing", missing, "count", "comparison")
        yield claim(f"{stem}.{axis}_criteria", len(rows), "count", "comparison")


def _overtaking(found: Comparison, ahead: str, behind: str) -> Iterator[Claim]:
    table = found.overtake(behind, ahead)
    stem = f"city.{found.table.loc[behind, 'id']!s}.overtake"
    for row in table.to_dict("records"):
        for name in ("value", "value_needed"):
            key = f"{stem}.{row['criterion']}.{name}"
            yield claim(key, row[name], str(row["unit"]), "comparison")
    moved = points_moved(float(table.attrs["weights_moved"]))
    yield claim(f"{stem}.weight_points", moved, "points", "comparison")


def save_comparison_ledger(
    found: Comparison, ranks: pd.DataFrame, folder: Path, *, studies: Mapping[str, Path], at: Path
) -> None:
    """
    Write the ledger of a comparison, as the last of its files.

    Parameters
    ----------
    found, ranks : cities side by side.
    folder : that holds its files.
    studies : key of a city -> folder of its study; a city without one cannot be compared again from the folder alone.
    at : where the folder will stand; paths of the studies are written from there.
    """
    inputs = []
    for city in found.cities:
        place = studies.get(city.key)
        row: dict[str, Any] = {"id": city.id, "file": "", "sha256": ""}
        if place is not None:
            row["file"] = Path(os.path.relpath(place.resolve(), at)).as_posix()
            row["sha256"] = sha256_of(place / FACTS_FILE)
        inputs.append(row)
    write_ledger(
        folder,
        of="comparison",
        claims=comparison_claims(found, ranks),
        inputs=inputs,
        seed=found.seed,
        draws=found.draws,
        weights={one.id: one.weight for one in found.criteria},
        formulas={"comparison": {"words": read_table("display")["ledger"]["comparison"]}},
    )
