"""The application file: written with what each field means, and what is missing on top."""

from __future__ import annotations

from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kcity_geo.errors import OutputError
from kcity_geo.outputs.studytoml import toml_value
from kcity_geo.outputs.text import plain_text
from kcity_geo.programme.checking import Checked
from kcity_geo.programme.model import Applicant, Application

__all__ = ["application_toml", "save_application"]

_HEAD = """\
# Application to the K-City Network programme, {year}. Fill in what is empty, then:
#   kcity programme check {name}
"""


def application_toml(checked: Checked, *, name: str = "application.toml") -> str:
    """
    Write an application as TOML.

    Parameters
    ----------
    checked : an application with what a check found.
    name : of the file, for its first lines.

    Returns
    -------
    TOML with a comment for each field, and what is missing on top; empty fields are commented out.
    """
    application = checked.application
    lines = [_HEAD.format(year=application.programme.year, name=plain_text(name))]
    to_do = (*checked.refused, *checked.of("missing"))
    lines += ["# Missing:", *(f"# - {plain_text(f.text(), max_chars=900)}" for f in to_do), ""]
    for key, field in Application.model_fields.items():
        value = getattr(application, key)
        if isinstance(value, BaseModel):
            lines += [f"[{key}]", *_fields(value), ""]
        elif value:
            for row in value:
                lines += [f"[[{key}]]", *_fields(row), ""]
        else:
            lines += _empty_rows(key, field.annotation)
    return "\n".join(lines).rstrip() + "\n"


def save_application(checked: Checked, path: Path) -> None:
    """
    Write an application file; a file that is there stays as it is.

    Parameters
    ----------
    checked : an application with what a check found.
    path : file to write.

    Raises
    ------
    OutputError
        If the file exists already or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(application_toml(checked, name=path.name))
    except FileExistsError as error:
        raise OutputError(
            f"{path}: is there already, and somebody may have filled it in; give another name"
        ) from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _fields(section: BaseModel) -> list[str]:
    lines = []
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        about = f"  # {field.description}" if field.description else ""
        if value is None or value in ("", ()) or value == {}:
            lines.append(f"# {key} ={about}")
        else:
            lines.append(f"{key} = {_written(value)}{about}")
    return lines


def _written(value: Any) -> str:  # noqa: ANN401 - a field of any kind
    if isinstance(value, date):
        return value.isoformat()
    return toml_value(value.value if isinstance(value, Enum) else value)


def _empty_rows(key: str, annotation: Any) -> list[str]:  # noqa: ANN401 - a type
    """Show how a row is written, commented out."""
    model = getattr(annotation, "__args__", (Applicant,))[0]
    fields = [f"# {name} =  # {f.description or name}" for name, f in model.model_fields.items()]
    return [f"# [[{key}]]", *fields, ""]
