"""The cities of a list: one task each, and what tells whether it is done already."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from kcity_geo.errors import SourceError, StudyError
from kcity_geo.fingerprint import code_sha256, sha256_of_file, table_sha256
from kcity_geo.input_paths import file_and_part
from kcity_geo.notes import tell
from kcity_geo.outputs.text import plain_text, slug
from kcity_geo.studyfile import Study, load_study, resolve_path, sha256_of

__all__ = [
    "WRITTEN_COLUMNS",
    "CityOutcome",
    "CityTask",
    "TaskKey",
    "kept_outcome",
    "manifest_of",
    "read_cities",
    "task_key",
    "why_made",
    "write_manifest",
]

_MOST_CITIES = 100_000
#: Files of which a changed city says the names.
_NAMED = 3
#: Stands for the columns of values beyond the last named one.
_TOO_MANY = "\0more"
#: Columns of a list as `kcity cities` writes it; `kcity fetch` reads two more.
WRITTEN_COLUMNS = (
    "id", "name", "place", "study", "boundary", "persons", "area_km2", "reaches_edge", "lat", "lon",
)  # fmt: skip
_KNOWN_COLUMNS = frozenset({*WRITTEN_COLUMNS, "country", "radius_km", _TOO_MANY})
#: Folder of the manifests, beside the folders of the studies.
MANIFESTS = "manifests"


@dataclass(frozen=True, kw_only=True)
class CityTask:
    """
    The study of one city.

    Parameters
    ----------
    id : name of its folder.
    study : study file; empty: the list names none, as of a city of which an extract holds nothing.
    out : folder for all cities.
    name : what the list calls the city; empty: as its study does.
    """

    id: str
    study: str
    out: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class CityOutcome:
    """
    What became of one city.

    Parameters
    ----------
    id : of the task.
    status : ``done``, ``kept`` (was there already, with the same inputs, parameters and code) or ``failed``.
    seconds : the study took; of one that is kept, when it was made, as are the next three.
    cpu_s : of a processor; of the last process where one was killed.
    peak_gb : memory of its process at most.
    killed : how often its process was ended from outside and started again.
    error : why it failed, one line.
    name : what the list calls the city; empty: as its study does.
    changed : why it was made again, of ``inputs (names)``, ``parameters``, ``code`` and ``files``.
    """

    id: str
    status: str
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_gb: float = 0.0
    killed: int = 0
    error: str = ""
    name: str = ""
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TaskKey:
    """
    What the result of a task rests on.

    Parameters
    ----------
    code, parameters : checksums of the package with its tables, and of the study file.
    inputs : name and checksum of each file that the study reads.
    """

    code: str
    parameters: str
    inputs: tuple[tuple[str, str], ...]

    def told(self) -> dict[str, Any]:
        """
        Give it as a manifest holds it.

        Returns
        -------
        Table that JSON can hold.
        """
        inputs = [list(one) for one in self.inputs]
        return {"code": self.code, "parameters": self.parameters, "inputs": inputs}


def read_cities(path: str | Path, out: str | Path) -> tuple[CityTask, ...]:
    """
    Read a list of cities.

    Parameters
    ----------
    path : ``cities.json`` as ``kcity fetch --cities`` writes it, without the places that failed; or csv (with commas,
        semicolons or tabs, whichever its first line holds) with a column
        ``study`` (study file, relative to the csv), optional ``name`` (of the city, on the page and the console) and
        ``id`` of its folder (letters, digits, ``-`` and ``_``; without it the name, where that has letters a-z,
        else the study file, or its folder for ``study.toml``).
    out : folder for all cities.

    Returns
    -------
    A task a row, in the order of the file.

    Raises
    ------
    SourceError
        If the file cannot be read, is empty or has no column ``study``.
    StudyError
        If an id is not plain or occurs twice.

    Warns
    -----
    KCityWarning
        If the file has columns that no command reads, or a row with more values than columns.
    """
    source = Path(path)
    rows = _rows(source)
    if not rows or "study" not in rows[0]:
        raise SourceError(f"{path}: needs a column 'study' and a row a city")
    if len(rows) > _MOST_CITIES:
        raise SourceError(f"{path}: lists {len(rows):,} cities; at most {_MOST_CITIES:,} at once")
    tasks, seen = [], dict[str, int]()
    if not any((row["study"] or "").strip() for row in rows):
        raise SourceError(f"{path}: line 2: names no study file, and no other line does")
    for line, row in enumerate(rows, start=2):
        study = (row["study"] or "").strip()
        file = (source.parent / study).resolve() if study else Path()
        name = plain_text((row.get("name") or "").strip(), max_chars=80)
        key = (row.get("id") or "").strip() or _folder_name(name, file)
        if key == MANIFESTS:
            raise StudyError(
                f"{path}: line {line}: id {key!r} is the folder that says what is finished; give the city another id"
            )
        if slug(key) != key:
            raise StudyError(
                f"{path}: line {line}: id {plain_text(key)!r}; use letters a-z, digits, - and _ only"
            )
        if key in seen:
            raise StudyError(
                f"{path}: line {line}: id {key!r} occurs twice, as in line {seen[key]}; give each city its own in a "
                "column 'id', which names its folder"
            )
        seen[key] = line
        own = str(file) if study else ""
        tasks.append(CityTask(id=key, study=own, out=str(Path(out).resolve()), name=name))
    if source.suffix.lower() != ".json":
        _tell_unread(path, tuple(rows[0]), [_TOO_MANY in row for row in rows])
    return tuple(tasks)


def _folder_name(name: str, file: Path) -> str:
    """Name the folder of a city that has no id."""
    own = slug(name)
    if own != slug("") and own != MANIFESTS:
        return own
    return slug(file.parent.name if file.name == "study.toml" else file.stem)


def _tell_unread(path: str | Path, columns: Sequence[str], longer: Sequence[bool]) -> None:
    """Say which columns change nothing: a misspelt one would be missed in silence."""
    unread = [plain_text(column) for column in columns if column not in _KNOWN_COLUMNS]
    if unread:
        tell(
            f"{path}: not used: column{'s' if len(unread) > 1 else ''} {', '.join(map(repr, unread))}; a list of "
            "cities is read by id, name and study"
        )
    if any(longer):
        line = longer.index(True) + 2
        tell(
            f"{path}: line {line}: more values than columns; the last are not used. A name "
            "that holds a comma stands in quotation marks"
        )


def _rows(source: Path) -> list[dict[str, Any]]:
    try:
        text = source.read_text(encoding="utf-8-sig")
        if source.suffix.lower() != ".json":
            head = text.partition("\n")[0]
            mark = next(
                (one for one in ",;\t" if one in head), ","
            )  # sheets write ; in many countries
            return list(
                csv.DictReader(StringIO(text, newline=""), restkey=_TOO_MANY, delimiter=mark)
            )
        told = json.loads(text)
        return [
            {"study": row["study"], "name": row.get("place", "")}
            for row in told
            if row.get("study")
        ]
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{source}: is no UTF-8 ({error.reason}); save it as csv in UTF-8"
        ) from error
    except (OSError, ValueError, csv.Error, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{source}: cannot be read ({error}); give a csv of cities") from error


def task_key(task: CityTask) -> TaskKey | None:
    """
    Tell one task from another: its study, its inputs and the code.

    Parameters
    ----------
    task : of a city.

    Returns
    -------
    Checksums; None when the study cannot be read, which its own process then says.
    """
    code = hashlib.sha256(f"{code_sha256()}{table_sha256()}".encode()).hexdigest()
    try:
        file = Path(task.study)
        study = load_study(file)
        parameters = sha256_of_file(file)
        paths = sorted(_with_companions(_inputs(study)))
        inputs = tuple((path.name, sha256_of(path)) for path in paths)
    except (OSError, StudyError, ValueError):
        return None
    return TaskKey(code=code, parameters=parameters, inputs=inputs)


def _inputs(study: Study) -> set[Path]:
    """Files that a study names."""
    found: set[Path] = set()

    def look(value: Any, key: str) -> None:  # noqa: ANN401 - TOML value
        if isinstance(value, dict):
            for name, inner in value.items():
                look(inner, f"{key}.{name}")
        elif isinstance(value, (list, tuple)):
            for inner in value:
                look(inner, key)
        elif isinstance(value, str) and value:
            try:
                found.add(resolve_path(study, value, key=key))
            except (OSError, StudyError, ValueError):
                return

    told = study.model_dump(mode="json", exclude_none=True)
    for table in ("city", "sources", "official", "suitability", "report"):
        look(told.get(table, {}), table)
    return found | _of_project(study)


def _of_project(study: Study) -> set[Path]:
    """Files of a project that is a file itself."""
    if not study.study.project.endswith(".toml"):
        return set()
    # Not before it is needed: a worker of a scheduler loads nothing else of what a study needs.
    from kcity_geo.inputs.criteria import criteria_of, project_path

    project = project_path(study, study.study.project)
    if not project.endswith(".toml"):
        return set()
    named = [one for one in criteria_of(study, project) if one[0].source and not one[0].is_layer]
    return {Path(project), *(resolve_path(h, k.source, key=f"project.{k.id}") for k, h in named)}


def _with_companions(paths: set[Path]) -> set[Path]:
    """Add the files that are read with an input: the parts of a shapefile, a note on its licence, ``.tfw``."""
    found = set(paths)
    for path in paths:
        file = file_and_part(path)[0]
        if file.is_file():
            stem = f"{file.name.partition('.')[0]}."
            found |= {p for p in file.parent.iterdir() if p.name.startswith(stem) and p.is_file()}
    return found


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256_of_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def manifest_of(task: CityTask) -> Path:
    """
    Give the place of the manifest of a city.

    Parameters
    ----------
    task : of a city.

    Returns
    -------
    ``manifests/<id>.json`` in the folder for all cities.
    """
    return Path(task.out) / MANIFESTS / f"{task.id}.json"


def why_made(task: CityTask, key: TaskKey | None) -> tuple[str, ...] | None:
    """
    Tell why a city is made, though there may be a result already.

    Parameters
    ----------
    task : of a city.
    key : of `task_key`.

    Returns
    -------
    None: it is finished with these inputs, parameters and code, and its files are whole. Else what changed since its
    last run, of ``inputs (names)``, ``parameters``, ``code`` and ``files``; empty where none is known.
    """
    try:
        told = json.loads(manifest_of(task).read_text(encoding="utf-8"))
        before = told["key"]
        inputs = {(str(name), str(digest)) for name, digest in before["inputs"]}
        code, parameters = str(before["code"]), str(before["parameters"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    folder = Path(task.out) / task.id
    if key is None or not folder.is_dir():
        return ()
    names = sorted({name for name, _ in inputs ^ set(key.inputs)})
    changed = [f"inputs ({_some(names)})"] if names else []
    changed += ["parameters"] if parameters != key.parameters else []
    changed += ["code"] if code != key.code else []
    if not changed and _files(folder) != told.get("files"):
        changed = ["files"]
    return tuple(changed) or None


def _some(names: Sequence[str]) -> str:
    """Name a few of many files."""
    shown = ", ".join(plain_text(name, max_chars=60) for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def kept_outcome(task: CityTask) -> CityOutcome:
    """
    Say of a city that is finished already what its run took.

    Parameters
    ----------
    task : of which `why_made` says that it is finished.

    Returns
    -------
    As its run left it, ``kept``.
    """
    told = json.loads(manifest_of(task).read_text(encoding="utf-8"))
    took = {key: told[key] for key in ("seconds", "cpu_s", "peak_gb", "killed") if key in told}
    return CityOutcome(id=task.id, name=task.name, status="kept", **took)


def write_manifest(task: CityTask, key: TaskKey | None, outcome: CityOutcome) -> None:
    """
    Say on the disk that a city is finished.

    Parameters
    ----------
    task, key : as of `why_made`.
    outcome : of the run.
    """
    path = manifest_of(task)
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "key": key.told() if key else None,
        **asdict(outcome),
        "files": _files(Path(task.out) / task.id),
    }
    stage = path.with_suffix(".part")
    stage.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    stage.replace(path)
