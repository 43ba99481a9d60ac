"""Keys of ``[concept]`` in a study file: what a plan of a site is for, and what it assumes."""

from __future__ import annotations

import math
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["LEAST_PRICE_LEVEL", "MOST_PRICE_LEVEL", "ConceptSection", "CostRowSection"]

#: Price levels of countries that can be meant, United States = 1, D.
LEAST_PRICE_LEVEL, MOST_PRICE_LEVEL = 0.05, 3.0

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class CostRowSection(BaseModel):
    """A unit cost of the user, beside or instead of a row of ``tables/costs.toml``."""

    model_config = _STRICT
    id: str = Field(description="of the row; one that exists is replaced")
    title: str = Field(default="", max_length=120, description="words for tables")
    sector: str = Field(default="", description="such as transport or water")
    value: float = Field(description="median price of a unit")
    low: float | None = Field(default=None, description="10th percentile of such prices")
    high: float | None = Field(default=None, description="90th percentile")
    unit: str = Field(default="", description="such as m, m2, km or unit")
    currency: str = Field(default="USD", description="of the price as published")
    price_year: int | None = Field(default=None, ge=1950, le=2100, description="of the price")
    country_scope: str = Field(default="", description="ISO code, EU, or global")
    tradable_share: float | None = Field(
        default=None, ge=0, le=1, description="that costs the same everywhere"
    )
    source: str = Field(default="", max_length=300, description="where the price stands")
    valid_from: date | None = Field(default=None, description="first day")
    valid_to: date | None = Field(default=None, description="last day")


class ConceptSection(BaseModel):
    """
    What a plan of a ranked site is for.

    At most one of persons, hectares and jobs; none: all the buildable land.
    """

    model_config = _STRICT
    profile: str = Field(
        default="", description="land budget, such as new_town; the project of the study if empty"
    )
    persons: float | None = Field(default=None, gt=0, description="residents")
    hectares: float | None = Field(default=None, gt=0, description="land that is developed")
    jobs: float | None = Field(default=None, gt=0, description="jobs")
    ruleset: str | dict[str, float] = Field(
        default="", description="KR, UN-Habitat, or least share of the site by use"
    )
    park_law: str = Field(default="", description="law of the rule set whose parks bind")
    shares: dict[str, float] = Field(
        default_factory=dict, description="use -> share of the site instead of the profile's"
    )
    far: dict[str, float] = Field(default_factory=dict, description="use -> floor area ratio")
    assumptions: dict[str, float] = Field(
        default_factory=dict, description="id of tables/planning.toml -> value"
    )
    phases: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        default_factory=list, description="shares of the land, add to 1"
    )
    cost_rows: list[CostRowSection] = Field(default_factory=list, description="your unit costs")
    currency: str = Field(default="USD", description="of the estimate")
    price_year: int | None = Field(default=None, ge=1990, le=2100, description="of the estimate")
    price_level: float | None = Field(
        default=None,
        ge=LEAST_PRICE_LEVEL,
        le=MOST_PRICE_LEVEL,
        description="of the country, United States = 1",
    )
    escalation_share_year: float | None = Field(
        default=None, ge=-0.1, le=1, description="rise of prices a year"
    )
    study_class: Literal["concept", "master_plan", "pre_feasibility", "feasibility"] = Field(
        default="concept", description="says contingency and accuracy"
    )
    rates: list[float] = Field(
        default_factory=list,
        description="discount rates, shares (0.09 is 9 %); none: four, side by side",
    )
    on: date | None = Field(default=None, description="day of the plan, for rules and prices")

    @model_validator(mode="after")
    def _one_target(self) -> ConceptSection:
        given = [k for k in ("persons", "hectares", "jobs") if getattr(self, k) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)}: give one of persons, hectares and jobs")
        if self.phases and not math.isclose(sum(self.phases), 1.0, abs_tol=1e-6):
            raise ValueError(f"phases: they add to {sum(self.phases):g}, not 1")
        return self
