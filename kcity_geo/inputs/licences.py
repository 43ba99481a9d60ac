"""Licences: may the inputs of a study be used for what the study is for?"""

from __future__ import annotations

from pathlib import Path

from kcity_geo.errors import LicenceError
from kcity_geo.inputs.criteria import named_files
from kcity_geo.inputs.files import one_or_all
from kcity_geo.licensing import licence_row
from kcity_geo.studyfile import Study, resolve_path

__all__ = ["refuse_forbidden_inputs"]

_GUESSED = "guessed"


def refuse_forbidden_inputs(study: Study) -> None:
    """
    Stop a study that is paid work at inputs that may not be used for it, before work starts.

    Parameters
    ----------
    study : checked study file; nothing is asked unless its ``profile`` is ``"commercial"``.

    Raises
    ------
    LicenceError
        If the licence of an input forbids paid work, or nobody has said which it is. Each such input is named with
        its key, file and licence.
    """
    if study.study.profile != "commercial":
        return
    found = [
        f"{key} ({name}): {_reason(licence)}"
        for key, name, licence in _inputs(study)
        for one in licence.split(", ")
        if one == _GUESSED or licence_row(one).non_commercial
    ]
    if found:
        lines = "; ".join(dict.fromkeys(found))
        raise LicenceError(
            f'study.profile = "commercial": {lines}. Leave the input out, bring one that you may use, or, where you '
            'may use the file, say so in a note beside it: FILE.json with {"licence": "CC-BY-4.0", "attribution": "…"} '
            '("own" for data of your own)'
        )


def _reason(licence: str) -> str:
    if licence == _GUESSED:
        return "its licence is only guessed from its name"
    row = licence_row(licence)
    if not row.checked:
        return "its licence is not known"
    return f"its licence ({row.title}) forbids paid work"


def _inputs(study: Study) -> list[tuple[str, str, str]]:
    """Key, file and licence of each input that is a file; the map of OpenStreetMap is under ODbL."""
    from kcity_geo.sources.local.origins import GUESSED, describe, described

    named: dict[str, str | list[str] | None] = {
        f"sources.{key}": getattr(study.sources, key)
        for key in type(study.sources).model_fields
        if key not in {"osm", "extra"}
    }
    named |= {f"sources.extra.{key}": value for key, value in study.sources.extra.items()}
    named |= {
        "official.table": study.official.table,
        "city.boundary": study.city.boundary,
        "city.districts": study.city.districts,
    }
    found = []
    for key, value in named.items():
        if not value:
            continue
        values = [value] if isinstance(value, str) else value
        paths: list[Path] = [resolve_path(study, one, key=key) for one in values]
        about = describe(one_or_all(paths), key=key)
        licence = _GUESSED if GUESSED in about.note else about.licence
        found.append((key, described(one_or_all(paths)), licence))
    return found + [(row.id, row.path, row.licence) for row in named_files(study)]
