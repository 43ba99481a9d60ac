"""The Jinja environment of the pages: autoescape on, undefined names are errors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kcity_geo.outputs.text import human, persons, plain_text

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["environment"]


@cache
def environment() -> Environment:
    """
    Give the environment that renders the pages of a study.

    Returns
    -------
    Environment with the filters ``human``, ``persons`` and ``plain``.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(human=human, persons=persons, plain=plain_text)
    return made
