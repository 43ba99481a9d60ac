"""Verify a finished study, plan or comparison: are its files, inputs, tables and numbers those of its ledger?"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kcity_geo.comparing import compare
from kcity_geo.config import Config
from kcity_geo.errors import KCityError, SourceError
from kcity_geo.fingerprint import code_sha256, table_sha256
from kcity_geo.notes import collected, muted
from kcity_geo.outputs.claims import Claim, claims, plan_claims
from kcity_geo.outputs.frames import cell_frame
from kcity_geo.outputs.languages import language_of_study, speaking
from kcity_geo.outputs.ledger import (
    LEDGER_FILE,
    LEDGER_FORMAT,
    file_sha256,
    ledger_sha256,
)
from kcity_geo.outputs.ledger_inputs import CELL_TABLE
from kcity_geo.outputs.map_numbers import CellDrift, drift_of_columns, drift_of_map, read_cells
from kcity_geo.outputs.more_ledgers import FACTS_FILE, comparison_claims
from kcity_geo.outputs.sheet_ids import numbers_of_workbook
from kcity_geo.outputs.shown_numbers import PAPERS, shown_numbers
from kcity_geo.outputs.text import plain_text
from kcity_geo.planning.sheets import plan_sheets
from kcity_geo.plans import plan_again
from kcity_geo.study import found_again
from kcity_geo.studyfile import load_study, resolve_path, sha256_of

__all__ = ["Drift", "look_up", "verify"]

#: Workbooks whose last sheet says how ids are made.
_WORKBOOKS = ("study.xlsx", "plan.xlsx")
_LARGEST_BYTES = 500_000_000
#: Cells of a column that are named before the others are counted.
_CELLS_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class Drift:
    """
    One thing that is not what the ledger says.

    Parameters
    ----------
    kind : output, input, table, code or number.
    name : file, key or id of the number.
    detail : what differs.
    """

    kind: str
    name: str
    detail: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.kind} {self.name}: {self.detail}"


def verify(
    folder: str | Path,
    *,
    recompute: bool = True,
    config: Config | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[Drift, ...]:
    """
    Check a finished study, plan or comparison against its ledger.

    Parameters
    ----------
    folder : of the study, plan or comparison.
    recompute : make it again from its inputs and compare every number; else files, inputs, tables and code only.
    config : limits and places; of the environment when None.
    progress : called with the name of each step.

    Returns
    -------
    What drifted, empty when nothing did: outputs that were changed, are missing or were added, inputs that are
    other files now, tables and code that differ, each number of report and DOCX that reads otherwise, of a cell on the
    map that is not that of the table of the cells, and each that comes out otherwise.

    Raises
    ------
    SourceError
        If the folder holds no ledger, or one that cannot be read.
    """
    home, tell = Path(folder), progress or (lambda _: None)
    ledger = _ledger(home)
    tell("files")
    found = _of_files(home, ledger) + _of_papers(home, ledger)
    found += [*_of_workbook(home, ledger), *_of_map(home, ledger), *_of_inputs(home, ledger)]
    found += _differences(
        "table", ledger["tables"], table_sha256(), "differs from the one of the study"
    )
    if ledger["code_sha256"] != code_sha256():
        found.append(
            Drift(
                kind="code",
                name="kcity_geo",
                detail=f"is not that with which the study was made (version {ledger['version']})",
            )
        )
    if not recompute:
        return tuple(found)
    tell("numbers")
    try:
        with muted(), collected():
            again, cells = _made_again(home, ledger, config or Config.from_env(), tell)
    except KCityError as error:
        return (
            *found,
            Drift(
                kind="input",
                name="studies" if ledger.get("of") == "comparison" else "study.toml",
                detail=f"cannot be run again: {plain_text(error)}",
            ),
        )
    if again is not None:
        numbers = _of_numbers(ledger, again)
        found += _by_study(ledger, numbers, again) if ledger.get("of") == "comparison" else numbers
    return (*found, *cells)


def look_up(folder: str | Path, number: str) -> dict[str, Any]:
    """
    Tell all that a ledger knows of a number.

    Parameters
    ----------
    folder : of a finished study, plan or comparison.
    number : its id, as report, map and workbook show it.

    Returns
    -------
    ``id, value, unit, formula`` (its words), ``inputs`` and ``parameters`` (their rows), ``date`` and ``source`` of a
    cell or an indicator, ``version`` and ``code_sha256``.

    Raises
    ------
    SourceError
        If the folder holds no ledger, or that no such number.
    """
    home, key = Path(folder), number.strip()
    ledger = _ledger(home)
    row = next((one for one in ledger["claims"] if one["id"] == key), None) or _of_cell(
        home, ledger, key
    )
    formula = ledger.get("formulas", {}).get(row["formula"], {})
    asked = formula.get("inputs", {row["id"] for row in ledger["inputs"]})
    keys = set(formula.get("parameters", ()))
    return {
        **{name: row[name] for name in ("id", "value", "unit")},
        "formula": formula.get("words", ""),
        "source": row.get("source", formula.get("source", "")),
        "date": row.get("as_of", formula.get("as_of", "")),
        "inputs": [one for one in ledger["inputs"] if one["id"] in asked],
        "parameters": [one for one in ledger.get("parameters", ()) if one["key"] in keys],
        "version": ledger["version"],
        "code_sha256": ledger["code_sha256"],
    }


def _of_cell(home: Path, ledger: dict[str, Any], key: str) -> dict[str, Any]:
    """Give a number of a cell as a row of the ledger, by the rule of its column."""
    cell, _, column = key.removeprefix("cell.").partition(".")
    rule = next((one for one in ledger.get("rules", ()) if one["column"] == column), None)
    if rule is None or not key.startswith("cell."):
        raise SourceError(f"{home}: its ledger has no number {plain_text(key, max_chars=80)!r}")
    try:
        cells = read_cells(home / rule["file"])
        value = cells.loc[cells["cell_id"] == cell, column]
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"{home}: {rule['file']} cannot be read ({error})") from error
    if value.empty:
        raise SourceError(f"{home}: {rule['file']} has no cell {plain_text(cell, max_chars=80)!r}")
    found = value.iloc[0]
    return {
        **rule,
        "id": key,
        "value": None if pd.isna(found) else getattr(found, "item", lambda: found)(),
    }


def _ledger(home: Path) -> dict[str, Any]:
    path = home / LEDGER_FILE
    if not path.is_file():
        raise SourceError(
            f"{home}: holds no {LEDGER_FILE}; give the folder of a finished study, plan or comparison"
        )
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise SourceError(f"{path}: is larger than {_LARGEST_BYTES // 1_000_000} MB")
        told = json.loads(path.read_text(encoding="utf-8"))
        known = {
            "tables": dict,
            "code_sha256": str,
            "version": str,
            "inputs": list,
            "claims": list,
            "files": dict,
            "shown": dict,
        }
        if told["format"] != LEDGER_FORMAT or any(
            not isinstance(told[k], t) for k, t in known.items()
        ):
            raise SourceError(f"{path}: is no {LEDGER_FORMAT}; run the study again")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(
            f"{path}: is damaged ({type(error).__name__}); run the study again"
        ) from error
    return dict(told)


def _of_files(home: Path, ledger: dict[str, Any]) -> list[Drift]:
    now = file_sha256(home)
    found = _differences("output", ledger["files"], now, "was changed since it was written")
    if ledger.get("ledger_sha256") != ledger_sha256(ledger):
        found.append(
            Drift(
                kind="output",
                name=LEDGER_FILE,
                detail="was changed since it was written, or is of a version without its own checksum",
            )
        )
    found += [
        Drift(kind="output", name=plain_text(name), detail="was added since")
        for name in sorted(set(now) - set(ledger["files"]))
    ]
    return found


def _of_papers(home: Path, ledger: dict[str, Any]) -> list[Drift]:
    """Compare the numbers that report and DOCX show with those that they showed when they were written."""
    found = []
    for name in PAPERS:
        try:
            before = _by_id(ledger["shown"].get(name, ()))
            now = _by_id(shown_numbers(home / name)) if before else {}
        except (OSError, TypeError, ValueError):
            continue  # missing or damaged: told as a file
        for ids, was in before.items():
            if now.get(ids) != was:
                here = ", ".join(now.get(ids, ())) or "nothing"
                detail = f"{', '.join(was)} when it was written, {here} now"
                found.append(
                    Drift(
                        kind="number",
                        name=plain_text(f"{ids} in {name}"),
                        detail=plain_text(detail),
                    )
                )
    return found


def _of_workbook(home: Path, ledger: dict[str, Any]) -> Iterator[Drift]:
    """Compare the numbers of the workbook with those of the ledger, where it was changed."""
    name = next((one for one in _WORKBOOKS if one in ledger["files"]), "")
    path = home / name
    if not path.is_file() or sha256_of(path) == ledger["files"][name]:
        return
    values = {row["id"]: row["value"] for row in ledger["claims"]}
    try:
        for key, number, place in numbers_of_workbook(path):
            was = values.get(key)
            if was is None or isinstance(was, str):
                continue
            # Cells are rounded to nine decimals.
            if math.isclose(was, number, rel_tol=1e-6, abs_tol=1e-9):
                continue
            words = plain_text(f"{was} in the ledger, {number} in {place}")
            yield Drift(kind="number", name=plain_text(f"{key} in {name}"), detail=words)
    except Exception:  # noqa: BLE001 - a damaged workbook is told as a file; any part of it may be damaged
        return


def _by_id(rows: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Give what is shown under each id of the ledger, in the order of the paper."""
    found: dict[str, list[str]] = {}
    for ids, text in rows:
        found.setdefault(str(ids), []).append(str(text))
    return found


def _differences(kind: str, before: dict[str, str], now: dict[str, str], words: str) -> list[Drift]:
    found = []
    for name, digest in before.items():
        if name not in now:
            found.append(Drift(kind=kind, name=plain_text(name), detail="is missing"))
        elif now[name] != digest:
            found.append(Drift(kind=kind, name=plain_text(name), detail=words))
    return found


def _of_studies(home: Path, ledger: dict[str, Any]) -> list[Drift]:
    """Compare the studies that were compared with their checksums in the ledger."""
    found = []
    for row in ledger["inputs"]:
        if not row["file"]:
            continue
        path = home / str(row["file"]) / FACTS_FILE
        name = plain_text(row["file"])
        if not path.is_file():
            words = "is not here, so it was not compared"
            found.append(Drift(kind="input", name=name, detail=words))
        elif sha256_of(path) != row["sha256"]:
            words = "is another study than that of the comparison"
            found.append(Drift(kind="input", name=name, detail=words))
    return found


def _of_inputs(home: Path, ledger: dict[str, Any]) -> list[Drift]:
    """Compare the files that the study names with their checksums in it."""
    found = []
    if ledger.get("of") == "comparison":
        return _of_studies(home, ledger)
    if not (home / "study.toml").is_file() and ledger.get("of") == "plan":
        return []  # made from objects of Python
    try:
        study = load_study(home / "study.toml")
    except KCityError as error:
        return [Drift(kind="input", name="study.toml", detail=plain_text(error))]
    for value, digest in study.input_sha256.items():
        try:
            now = sha256_of(resolve_path(study, value, key="sources"))
        except (KCityError, OSError) as error:
            words = plain_text(f"is not here, so it was not compared ({error})")
            found.append(Drift(kind="input", name=plain_text(value), detail=words))
            continue
        if now != digest:
            words = "is another file than that of the study"
            found.append(Drift(kind="input", name=plain_text(value), detail=words))
    return found


def _made_again(
    home: Path, ledger: dict[str, Any], config: Config, tell: Callable[[str], None]
) -> tuple[list[Claim] | None, list[Drift]]:
    """Make the numbers again (None where the folder does not say from what), and say which of cells differ."""
    of = ledger.get("of")
    if of == "comparison":
        folders = [home / str(row["file"]) for row in ledger["inputs"]]
        named = all(row["file"] for row in ledger["inputs"])
        if not named or not all((folder / FACTS_FILE).is_file() for folder in folders):
            return None, []  # a study that is missing is told as an input
        found = compare(
            folders, draws=ledger["draws"], seed=ledger["seed"], weights=ledger["weights"]
        )
        return comparison_claims(found, found.rank()), []
    if of == "plan":
        if not ledger["site"]:
            return None, []
        study = load_study(home / "study.toml")
        plan, gaps = plan_again(study, site=ledger["site"], config=config, progress=tell)
        return list(plan_claims(plan_sheets(plan, gaps=gaps))), []
    study = load_study(home / "study.toml")
    result = found_again(study, config=config, progress=tell)
    try:
        before = read_cells(home / CELL_TABLE)
    except (OSError, ValueError):
        return claims(result), []  # missing or damaged: told as a file
    cells = drift_of_columns(before, cell_frame(result))
    return claims(result), _of_cells(cells, CELL_TABLE, "{before} there, {now} now")


def _of_map(home: Path, ledger: dict[str, Any]) -> list[Drift]:
    """Compare the numbers of cells on the map with the table of the cells, where either was changed."""
    page, table, before = home / "map.html", home / CELL_TABLE, ledger["files"]
    if "map.html" not in before or CELL_TABLE not in before:
        return []
    try:
        if all(sha256_of(path) == before[path.name] for path in (page, table)):
            return []
        with speaking(language_of_study(load_study(home / "study.toml"))):
            found = drift_of_map(page, read_cells(table))
            return _of_cells(found, "map.html", f"{{before}} in {CELL_TABLE}, {{now}} on the map")
    except (KCityError, OSError, ValueError):
        return []  # missing or damaged: told as a file


def _of_cells(found: Iterable[CellDrift], name: str, words: str) -> list[Drift]:
    """Name the first cells of each column that differ, and count the others."""
    drift, counts = [], Counter[str]()
    for one in {one.id: one for one in found}.values():
        cell, _, column = one.id.removeprefix("cell.").partition(".")
        counts[column] += 1
        if counts[column] <= _CELLS_NAMED:
            told = words.format(before=one.before, now=one.now)
            theme = f" (theme {one.themes})" if one.themes else ""
            key = plain_text(f"cell.{cell}.{column} in {name}")
            drift.append(Drift(kind="number", name=key, detail=plain_text(told + theme)))
    for column, count in counts.items():
        if count > _CELLS_NAMED:
            words = f"{count - _CELLS_NAMED:,} further cells differ"
            key = plain_text(f"cell.*.{column} in {name}")
            drift.append(Drift(kind="number", name=key, detail=words))
    return drift


def _of_numbers(ledger: dict[str, Any], again: list[Claim]) -> list[Drift]:
    before = {row["id"]: row for row in ledger["claims"]}
    now = {row["id"]: row for row in again}
    found = []
    for key in [*before, *(k for k in now if k not in before)]:
        was, is_ = (
            "not stated" if key not in side else f"{side[key]['value']} {side[key]['unit']}"
            for side in (before, now)
        )
        if was != is_:
            found.append(
                Drift(
                    kind="number",
                    name=plain_text(key),
                    detail=plain_text(f"{was} in the ledger, {is_} now"),
                )
            )
    return found


def _by_study(ledger: dict[str, Any], numbers: list[Drift], again: list[Claim]) -> list[Drift]:
    """Count the numbers of a comparison by study where one of them is another study now, and so has other ids."""
    before = {str(row["id"]) for row in ledger["inputs"]}
    now = {row["id"].split(".")[1] for row in again if row["id"].startswith("city.")}
    if before <= now:
        return numbers
    folders = {str(row["id"]): plain_text(row["file"]) for row in ledger["inputs"]}
    counts = Counter(parts[1] for one in numbers if (parts := one.name.split("."))[0] == "city")
    found = [one for one in numbers if not one.name.startswith("city.")]
    for key, folder in folders.items():
        # A study that is another one now gives numbers of other ids: it is told as an input, not here.
        if key in now and counts[key]:
            words = f"{counts[key]} come out otherwise beside a study that is another one now"
            found.append(Drift(kind="number", name=f"city.{key}.* of {folder}", detail=words))
    return found
