"""Keys of ``[suitability]`` in a study file: criteria of one's own, where weights come from, how scores combine."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.parameters import nearest_name
from kcity_geo.passed_objects import as_in_a_file, written
from kcity_geo.profiles import check_value_function, criteria_titles
from kcity_geo.refusals import refusal

__all__ = [
    "CombinationSection",
    "CriterionSection",
    "ScenarioSection",
    "SitesSection",
    "WeightingSection",
    "criterion",
    "refuse_small_target",
]

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)
#: Ways to weigh that make all weights themselves: stated ones have no room.
NO_WEIGHTS = ("equal", "ahp", "rank_sum", "roc")
#: Key that says what a criterion measures.
KINDS = ("raster", "distance_to", "minutes_to", "density_of", "column", "expression")


def _raster(value: Any) -> Any:  # noqa: ANN401 - whatever was passed
    return _passed(value, "elevation")


def _features(value: Any) -> Any:  # noqa: ANN401 - whatever was passed
    return _passed(value, "boundary")


def _table(value: Any) -> Any:  # noqa: ANN401 - whatever was passed
    return _passed(value, "table")


def _passed(value: Any, field: str) -> Any:  # noqa: ANN401 - whatever was passed
    """Write down an object that was passed in Python and take its path."""
    try:
        return written(value, field=field, name="criterion")
    except StudyError as error:
        raise ValueError(str(error)) from error


Raster = Annotated[str, BeforeValidator(_raster)]
Features = Annotated[str, BeforeValidator(_features)]


class CriterionSection(BaseModel):
    """
    A criterion of the user's own, beside those of the profile.

    Exactly one key says what it measures; none, when the id is a criterion of the package.
    """

    model_config = _STRICT
    id: str = Field(
        pattern=r"^[a-zA-Z][a-zA-Z0-9_]{0,60}$", description="name in files and weights"
    )
    title: str = Field(default="", max_length=120, description="words for maps and reports")
    units: str = Field(default="", max_length=30, description="unit of the measured value")
    weight: float = Field(ge=0, description="beside those of the profile; then all are scaled to 1")
    function: str = Field(description="value function, such as lin_dec; see docs/suitability.md")
    parameters: list[float] | dict[str, float] = Field(description="of the value function")
    reason: str = Field(
        default="", max_length=200, description="what it says of a site, with {value} in it"
    )
    raster: Raster | None = Field(default=None, description="raster file; its mean in each cell")
    distance_to: Features | None = Field(
        default=None, description="layer of the map, or vector file; kilometres to the nearest"
    )
    over: Literal["straight", "walk", "cycle", "drive"] = Field(
        default="straight", description="for distance_to: in a straight line or over the streets"
    )
    minutes_to: Features | None = Field(
        default=None, description="layer of the map, or vector file; minutes to the nearest"
    )
    mode: Literal["walk", "cycle", "drive"] = Field(default="drive", description="for minutes_to")
    density_of: Features | None = Field(
        default=None, description="layer of the map, or vector file; features per km2 around a cell"
    )
    radius_m: float = Field(default=1000.0, gt=0, le=100_000, description="for density_of, metres")
    column: str | None = Field(default=None, description="column of the polygons in `of`")
    of: Features | None = Field(
        default=None, description="polygon file with the column; the mean by area in each cell"
    )
    expression: str | None = Field(
        default=None,
        max_length=500,
        description="formula of variables of the cells, such as 'slope_pct / 100 + hand_m'",
    )

    @model_validator(mode="after")
    def _whole(self) -> CriterionSection:
        given = [key for key in KINDS if getattr(self, key) is not None]
        known = criteria_titles()
        if len(given) > 1:
            raise ValueError(f"{self.id}: give one of {' and '.join(given)}")
        if not given and self.id not in known:
            raise ValueError(
                f"{self.id}: give one of {', '.join(KINDS)}; without one the id must be a criterion of the "
                f"package{nearest_name(self.id, list(known))}"
            )
        if given and self.id in known:
            raise ValueError(f"{self.id}: is a criterion of the package; take another id")
        self._plain_reason()
        self._known_source()
        if (self.column is None) != (self.of is None):
            raise ValueError(
                f"{self.id}: column and of go together: a column, and the file it is in"
            )
        try:
            check_value_function(self.function, self.parameters)
        except StudyError as error:
            raise ValueError(f"{self.id}: {error}") from error
        return self

    def _plain_reason(self) -> None:
        """Refuse what is not a plain ``{value}`` or ``{utility}``: whatever else is a mistake, or worse."""
        rest = re.sub(r"\{(?:value|utility)\}", "", self.reason)
        if "{" in rest or "}" in rest:
            raise ValueError(
                f"{self.id}: reason: {self.reason!r} may hold {{value}} and {{utility}} and no other braces"
            )

    def _known_source(self) -> None:
        """Refuse a word that is neither a layer nor a file, with the layer that is meant."""
        layers = [row["id"] for row in read_table("osm")["layer"]]
        word = re.fullmatch(r"[A-Za-z_]+", self.source) and self.source not in layers
        if word and self.kind in {"distance_to", "minutes_to", "density_of"}:
            raise ValueError(
                f"{self.id}: {self.kind} = {self.source!r} is neither a layer of the map nor a file"
                f"{nearest_name(self.source, layers)}"
            )

    @property
    def kind(self) -> str:
        """What it measures: a key of `KINDS`, or ``""`` for a criterion of the package."""
        return next((key for key in KINDS if getattr(self, key) is not None), "")

    @property
    def source(self) -> str:
        """Layer or file that it reads; ``""``: none."""
        found = self.raster or self.distance_to or self.minutes_to or self.density_of or self.of
        return found or ""

    @property
    def is_layer(self) -> bool:
        """Whether the source is a layer of the map."""
        return self.source in {row["id"] for row in read_table("osm")["layer"]}


class WeightingSection(BaseModel):
    """Where the weights come from."""

    model_config = _STRICT
    method: Literal["direct", "equal", "ahp", "rank_sum", "roc", "entropy", "critic"] = Field(
        default="direct",
        description="direct: as stated; ahp: pairwise judgements; rank_sum, roc: from an order; "
        "entropy, critic: from the data",
    )
    judgements: Annotated[list[str], BeforeValidator(lambda v: _judgements(v))] = Field(  # noqa: PLW0108
        default_factory=list,
        description="csv or xlsx of pairwise judgements, one a person",
    )
    accept_inconsistent: bool = Field(
        default=False, description="take judgements whose consistency ratio is 0.10 or more"
    )
    order: list[str] = Field(
        default_factory=list, description="criteria for rank_sum and roc, the most important first"
    )
    measured_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="for entropy and critic: share of the weight from the data, the rest as stated",
    )

    @model_validator(mode="after")
    def _whole(self) -> WeightingSection:
        if self.method == "ahp" and not self.judgements:
            raise ValueError("ahp needs judgements: a csv or xlsx, or one a person")
        if self.method in {"rank_sum", "roc"} and not self.order:
            raise ValueError(f"{self.method} needs order: the criteria, the most important first")
        if self.judgements and self.method != "ahp":
            raise ValueError(f"judgements are for the method ahp, not {self.method}")
        if self.order and self.method not in {"rank_sum", "roc"}:
            raise ValueError(f"order is for the methods rank_sum and roc, not {self.method}")
        return self


def _judgements(value: Any) -> Any:  # noqa: ANN401 - whatever was passed
    many = value if isinstance(value, list | tuple) else [value]
    return [_table(one) for one in many]


def _risk(value: Any) -> Any:  # noqa: ANN401 - a value of TOML
    """Refuse what is neither a word nor an ORness, in one line that names both."""
    words = ("averse", "neutral", "taking")
    number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    if value not in words and not number:
        raise ValueError(
            f"{value!r} is neither {', '.join(words)} nor an ORness from 0 (all must be good) to 1 (one "
            "suffices)"
        )
    return value


class CombinationSection(BaseModel):
    """How the criteria make one score."""

    model_config = _STRICT
    method: Literal["wlc", "owa", "topsis", "weighted_product"] = Field(
        default="wlc", description="weighted sum, ordered weights, closeness to the ideal, product"
    )
    risk: Annotated[
        Literal["averse", "neutral", "taking"] | Annotated[float, Field(ge=0, le=1)],
        BeforeValidator(_risk),
    ] = Field(
        default="neutral",
        description="for owa: attitude to risk, or the ORness from 0 (all must be good) to 1 (one suffices)",
    )

    @model_validator(mode="after")
    def _whole(self) -> CombinationSection:
        if self.method != "owa" and self.risk != "neutral":
            raise ValueError(f"risk is for the method owa, not {self.method}")
        return self


class SitesSection(BaseModel):
    """How sites are cut out of the land, or which polygons are the sites."""

    model_config = _STRICT
    method: Literal["threshold", "grow"] = Field(
        default="threshold",
        description="threshold: connected land that scores well; grow: areas of a given size, each grown "
        "from the best land left",
    )
    target_area_ha: float | None = Field(
        default=None, gt=0, le=1_000_000, description="for grow: size of a site, ha"
    )
    shape_weight: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="for grow: score given up for a compact shape; 0 follows the best land wherever it leads",
    )
    spacing_m: float = Field(
        default=0.0, ge=0, le=100_000, description="least distance between two sites, metres"
    )
    candidates: Features | None = Field(
        default=None,
        description="polygon file of parcels or areas: these are scored and ranked instead of land cut out",
    )

    @model_validator(mode="after")
    def _whole(self) -> SitesSection:
        if self.method == "grow" and self.candidates is not None:
            raise ValueError("candidates are given: nothing is grown; leave out method = 'grow'")
        if self.method == "grow" and self.target_area_ha is None:
            raise ValueError("grow needs target_area_ha: the size of a site in ha")
        for key in ("target_area_ha", "shape_weight"):
            if self.method != "grow" and getattr(self, key) is not None:
                raise ValueError(f"{key} is for method = 'grow'")
        return self


class ShownSite(BaseModel):
    """What a page showed of one site when a scenario was saved."""

    model_config = _STRICT
    site: str = Field(max_length=60, description="site_id of the study")
    rank: int | None = Field(default=None, ge=1, description="1 is best; none: out of the ranking")
    score: float | None = Field(default=None, ge=0, le=1, description="0 to 1")


class ScenarioSection(BaseModel):
    """Other weights and limits, tried on the sites of a study; saved by the map."""

    model_config = _STRICT
    name: str = Field(default="", max_length=200, description="name of the scenario")
    study: str = Field(
        default="", max_length=200, description="name of the study it was saved from"
    )
    project: str = Field(default="", max_length=500, description="project of that study")
    sites: Literal["kept", "new"] = Field(
        default="kept",
        description="kept: the areas of the study keep their outlines; new: sites are cut out anew",
    )
    weights: dict[str, Annotated[float, Field(ge=0, le=1000)]] = Field(
        default_factory=dict,
        description="criterion -> weight instead of that of the study; then all are scaled to 1",
    )
    constraints: dict[str, float | bool | str] = Field(
        default_factory=dict, description="constraint -> limit instead of that of the study"
    )
    shown: list[ShownSite] = Field(
        default_factory=list, description="what the page showed; a replay says whether it agrees"
    )

    @model_validator(mode="after")
    def _whole(self) -> ScenarioSection:
        if not self.weights and not self.constraints:
            raise ValueError("a scenario changes weights or constraints; it has neither")
        ids = [one.site for one in self.shown]
        if len(set(ids)) < len(ids):
            raise ValueError(f"shown: {next(i for i in ids if ids.count(i) > 1)}: stands twice")
        return self


def refuse_small_target(keys: SitesSection, min_area_ha: float) -> None:
    """
    Refuse to grow sites to less than the smallest size of a site.

    Parameters
    ----------
    keys : ``[suitability.sites]``.
    min_area_ha : of the project.

    Raises
    ------
    StudyError
        If that is asked.

    Examples
    --------
    >>> refuse_small_target(SitesSection(method="grow", target_area_ha=80), 50)
    """
    if keys.target_area_ha is not None and keys.target_area_ha < min_area_ha:
        raise StudyError(
            f"suitability.sites.target_area_ha: {keys.target_area_ha:g} ha is below the {min_area_ha:g} ha of "
            "suitability.constraints.min_area_ha; raise it, or lower min_area_ha"
        )


def criterion(id: str, **keys: Any) -> CriterionSection:  # noqa: A002, ANN401 - keys of a study file
    """
    Make a criterion of one's own for `kcity_geo.suitability`.

    Parameters
    ----------
    id : name in files and weights.
    **keys : as in ``[[suitability.criterion]]`` of a study file: ``weight``, ``function``,
        ``parameters``; one of ``raster``, ``distance_to``, ``minutes_to``, ``density_of``, ``column`` with
        ``of``, and ``expression``; ``title``, ``units``, ``reason``. Files are paths, or objects with a
        CRS (DataArray, GeoDataFrame).

    Returns
    -------
    The criterion, checked.

    Raises
    ------
    StudyError
        If a key is unknown or does not fit.

    Examples
    --------
    >>> near = criterion("market_km", distance_to="jobs", weight=0.2, function="lin_dec", parameters=[1, 8])
    >>> near.kind
    'distance_to'
    """
    try:
        return CriterionSection(id=id, **as_in_a_file(keys))
    except ValidationError as error:
        told = refusal(error, CriterionSection, under=f"criterion.{id}")
        raise StudyError(told) from error
