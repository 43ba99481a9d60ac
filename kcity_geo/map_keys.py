"""Map keys: keys of ``[map]`` in a study file, what the interactive map may load when its reader asks for it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["MapSection"]

_ADDRESS = re.compile(r"https://[\w.-]+(:\d+)?/[\w./?=&%{}~+,:@-]*", re.ASCII)


class MapSection(BaseModel):
    """An online background of the map; without it the page can load nothing at all."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    tiles: str = Field(
        default="",
        max_length=400,
        description="address of map or satellite tiles, https://.../{z}/{x}/{y}.png; off until a reader switches it on",
    )
    tiles_credit: str = Field(
        default="", max_length=300, description="what their provider wants to be named as"
    )

    @field_validator("tiles")
    @classmethod
    def _an_address(cls, value: str) -> str:
        slots = re.findall(r"\{(\w*)\}", value)
        if value and not (_ADDRESS.fullmatch(value) and sorted(slots) == ["x", "y", "z"]):
            raise ValueError(
                f"{value!r:.80} is no address of tiles; give https://host/.../{{z}}/{{x}}/{{y}}.png, with each of "
                "{z}, {x} and {y} once and nothing else in braces"
            )
        return value

    @model_validator(mode="after")
    def _credited(self) -> MapSection:
        if self.tiles and not self.tiles_credit.strip():
            raise ValueError("tiles needs tiles_credit: the name that the provider asks for")
        return self

    @property
    def origin(self) -> str:
        """Scheme and host of the tiles, which the page may then ask; empty without tiles."""
        parts = urlsplit(self.tiles)
        return f"{parts.scheme}://{parts.netloc}" if self.tiles else ""
