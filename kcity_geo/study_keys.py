"""Keys of ``[study]``, ``[city]``, ``[sources]``, ``[official]`` and ``[suitability]`` in a study file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.parameters import impossible_amount, nearest_name, part_of_count
from kcity_geo.passed_objects import written
from kcity_geo.profiles import profiles
from kcity_geo.suitability_keys import (
    NO_WEIGHTS,
    CombinationSection,
    CriterionSection,
    ScenarioSection,
    SitesSection,
    WeightingSection,
)

__all__ = ["CitySection", "Official", "Sources", "StudySection", "SuitabilitySection"]

#: How every section is checked: no unknown key, nothing changed afterwards, no number guessed from a word.
STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


def _as_path(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever was passed
    """Take a path, or write down an object that was passed in Python."""
    try:
        path = written(value, field=str(info.field_name))
    except StudyError as error:
        raise ValueError(str(error)) from error
    _refuse_no_path(path)
    return path


def _refuse_no_path(path: Any) -> None:  # noqa: ANN401 - whatever was passed
    """Refuse an empty path or list, which would be read as no input at all, and a file named twice."""
    names = path if isinstance(path, list) else [path]
    texts = [name.strip() for name in names if isinstance(name, str)]
    if not names or "" in texts:
        raise ValueError(f"{path!r} names no file; leave the key out when there is none")
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise ValueError(f"{twice!r} is named twice; name each file once")


def _as_tuple(value: Any) -> Any:  # noqa: ANN401 - whatever was passed
    return tuple(value) if isinstance(value, list) else value


def _as_box(value: Any) -> Any:  # noqa: ANN401 - whatever was passed
    """Take four numbers, as a list of TOML or a tuple."""
    sides = _as_tuple(value)
    numbers = isinstance(sides, tuple) and all(
        isinstance(side, int | float) and not isinstance(side, bool) for side in sides
    )
    if value is not None and not (numbers and len(sides) == 4):  # noqa: PLR2004 - sides of a box
        raise ValueError(f"{value!r:.80} is no box; give [west, south, east, north] in degrees")
    return sides


#: Path of an input, or an object that holds it.
File = Annotated[str, BeforeValidator(_as_path)]

#: One raster, or several that are tiles of one: each a path, with ``#`` and a band behind it if need be.
Tiles = Annotated[str | list[str], BeforeValidator(_as_path)]


class StudySection(BaseModel):
    """What is studied, on which grid."""

    model_config = STRICT
    name: str = Field(
        default="study", min_length=1, max_length=200, description="name of the study"
    )
    project: str = Field(
        default="industrial_complex",
        description="a profile of `kcity list profiles`, or a project file (.toml) of your own",
    )
    cell_m: Positive = Field(default=100.0, description="side of a grid cell, metres")
    seed: int = Field(default=7, ge=0, description="seed of every random draw")
    horizon_year: int | None = Field(
        default=None, ge=2000, le=2200, description="year of the demand forecast"
    )

    profile: Literal["open", "commercial"] = Field(
        default="open",
        description="what the study is for: commercial (paid work) stops before work starts at an input whose "
        "licence forbids that or is not known",
    )

    formats: list[Literal["flatgeobuf", "pmtiles"]] = Field(
        default_factory=list,
        description="further formats in which the layers are written, in folders of these names",
    )

    @field_validator("project")
    @classmethod
    def _known_project(cls, value: str) -> str:
        known = list(profiles())
        if value not in known and not value.endswith(".toml"):
            raise ValueError(f"{value!r} is not a profile{nearest_name(value, known)}")
        return value


class CitySection(BaseModel):
    """Which city, and its outline."""

    model_config = STRICT
    name: str = Field(default="", max_length=200, description="name of the city")
    boundary: File | None = Field(
        default=None,
        description="polygon file; without one the header box of the OSM extract, or a place looked up by name",
    )
    osm_relation: int | None = Field(
        default=None, gt=0, description="id of a boundary relation inside the OSM extract"
    )
    osm_district_level: int | None = Field(
        default=None,
        ge=3,
        le=12,
        description="admin_level whose areas in the extract are the districts",
    )
    bbox: Annotated[tuple[float, float, float, float], BeforeValidator(_as_box)] | None = Field(
        default=None, description="west, south, east, north in degrees, instead of a boundary file"
    )
    districts: File | None = Field(
        default=None, description="polygon file with district_id and name"
    )


class Sources(BaseModel):
    """Inputs: a path, or the name of a product; each may be left out."""

    model_config = STRICT
    osm: File | None = Field(
        default=None, description=".osm.pbf, .osm, .osm.gz, .osm.bz2, or 'overpass'"
    )
    elevation: Tiles | None = Field(
        default=None,
        description="raster, metres; a list or folder where the city lies on several tiles",
    )
    population: Tiles | None = Field(
        default=None,
        description="raster of persons per cell, polygons with a column 'population', or a table of it by district",
    )
    built: Tiles | None = Field(
        default=None, description="raster, m2 of building footprint per cell"
    )
    landcover: Tiles | None = Field(default=None, description="raster of ESA WorldCover classes")
    landcover_corine: Tiles | None = Field(
        default=None, description="instead of it: raster of CORINE land cover classes"
    )
    landcover_globeland30: Tiles | None = Field(
        default=None, description="instead of it: raster of GlobeLand30 classes"
    )
    nightlights: Tiles | None = Field(
        default=None, description="raster, or folder of monthly rasters, nW cm-2 sr-1"
    )
    solar: Tiles | None = Field(
        default=None, description="raster of global horizontal irradiation, kWh m-2 year-1"
    )
    flood: Tiles | None = Field(default=None, description="raster of flood depth, metres")
    flood_return_period: Tiles | None = Field(
        default=None, description="raster of the smallest return period that floods a place, years"
    )
    settlement: Tiles | None = Field(default=None, description="raster of GHS-SMOD codes")
    protected: File | None = Field(default=None, description="polygons of protected areas")
    gtfs: Annotated[str | list[str], BeforeValidator(_as_path)] | None = Field(
        default=None, description="GTFS zip or folder, or a list of them"
    )
    power_lines: File | None = Field(
        default=None, description="lines with a voltage column, beside OSM"
    )
    extra: dict[str, str] = Field(
        default_factory=dict,
        description="layer -> your own file beside OSM: csv or xlsx with lon and lat, or any vector",
    )

    @field_validator("extra", mode="before")
    @classmethod
    def _objects(cls, value: Any) -> Any:  # noqa: ANN401 - whatever was passed
        if not isinstance(value, dict):
            return value
        try:
            paths = {k: written(v, field="extra", name=str(k)) for k, v in value.items()}
        except StudyError as error:
            raise ValueError(f"sources.extra.{error}") from error
        for key, path in paths.items():
            if isinstance(path, str) and not path.strip():
                raise ValueError(
                    f"sources.extra.{key}: {path!r} names no file; leave the key out when there is none"
                )
        return paths

    @field_validator("extra")
    @classmethod
    def _known_layers(cls, value: dict[str, str]) -> dict[str, str]:
        known = list(read_table("extra")["layer"])
        for name in value:
            if name not in known:
                mapped = any(row["id"] == name for row in read_table("osm")["layer"])
                what = "is read from the map alone; edit the extract" if mapped else "no such layer"
                near = (
                    f"; own files go to {', '.join(known)}" if mapped else nearest_name(name, known)
                )
                raise ValueError(f"sources.extra.{name}: {what}{near}")
        return value

    @model_validator(mode="after")
    def _one_flood_map(self) -> Sources:
        if self.flood and self.flood_return_period:
            raise ValueError("sources.flood and sources.flood_return_period: give one of them")
        covers = ("landcover", "landcover_corine", "landcover_globeland30")
        if len(named := [f"sources.{k}" for k in covers if getattr(self, k)]) > 1:
            raise ValueError(f"{' and '.join(named)}: give one of them")
        if self.power_lines and "power_line" in self.extra:
            raise ValueError("sources.power_lines and sources.extra.power_line: give one of them")
        return self


class Official(BaseModel):
    """What the city already knows; beats every proxy."""

    model_config = STRICT
    year: int | None = Field(
        default=None, ge=1900, le=2200, description="year the numbers speak of"
    )
    source: str = Field(default="", max_length=500, description="who published them")
    population: Positive | None = Field(
        default=None,
        description="residents of the study area, persons; scales the raster when given",
    )
    electricity_access: Share | None = Field(
        default=None, description="share of residents with electricity"
    )
    piped_water_access: Share | None = Field(
        default=None, description="share of residents with piped water"
    )
    water_supply_m3_day: NonNegative | None = Field(
        default=None, description="water production capacity, m3/day"
    )
    water_storage_m3: NonNegative | None = Field(
        default=None, description="treated-water storage, m3"
    )
    wastewater_capacity_m3_day: NonNegative | None = Field(
        default=None, description="wastewater treatment capacity, m3/day"
    )
    peak_demand_mw: Positive | None = Field(default=None, description="peak electricity demand, MW")
    firm_capacity_mw: NonNegative | None = Field(
        default=None, description="firm supply incl. imports, MW"
    )
    import_capacity_mw: NonNegative | None = Field(
        default=None, description="firm import capacity, MW"
    )
    nrw_share: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        default=None, description="non-revenue water, share"
    )
    lpcd: Positive | None = Field(
        default=None, description="domestic water use, litres per person and day"
    )
    transit_stops: NonNegative | None = Field(
        default=None, description="stops and stations of public transport, all that there are"
    )
    health_facilities: NonNegative | None = Field(
        default=None, description="clinics, doctors and hospitals, all that there are"
    )
    primary_schools: NonNegative | None = Field(
        default=None, description="primary schools and schools of unknown level, all that there are"
    )
    water_points: NonNegative | None = Field(
        default=None, description="public taps, wells and springs, all that there are"
    )
    population_growth_share: float | None = Field(
        default=None, gt=-0.5, lt=0.5, description="growth a year, share"
    )
    table: File | None = Field(
        default=None,
        description="csv or xlsx by district: district_id and columns named like the keys here",
    )

    @model_validator(mode="after")
    def _of_a_city(self) -> Official:
        for key, value in self:
            if not isinstance(value, float):
                continue
            if wrong := part_of_count(key, value) or impossible_amount(key, value):
                raise ValueError(f"official.{key}: {value:,.12g}; {wrong}")
        return self


class SuitabilitySection(BaseModel):
    """Overrides of the suitability profile."""

    model_config = STRICT
    weights: dict[str, NonNegative] = Field(
        default_factory=dict,
        description="criterion -> weight; the rest keeps its profile weight, then all are scaled to 1",
    )
    value_functions: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="criterion -> function and parameters, instead of those of the profile",
    )
    constraints: dict[str, float | bool | str] = Field(
        default_factory=dict, description="constraint -> limit"
    )
    threshold: Share | None = Field(
        default=None, description="lowest score of a site; default: the best tenth, at least 0.5"
    )
    assumptions: dict[str, Any] = Field(
        default_factory=dict,
        description="parameters of the criteria; see `kcity list parameters`",
    )
    max_sites: int = Field(default=10, ge=1, le=100, description="sites reported")
    criterion: list[CriterionSection] = Field(
        default_factory=list, description="criteria of your own, beside those of the profile"
    )
    weighting: WeightingSection = Field(default_factory=WeightingSection)
    combination: CombinationSection = Field(default_factory=CombinationSection)
    sites: SitesSection = Field(default_factory=SitesSection)
    exclusion_only: bool = Field(
        default=False, description="no criteria: the land that no constraint excludes is the result"
    )
    screening: bool = Field(
        default=False,
        description="where slope, flood or other decisive data are unknown, list land without score and order",
    )
    scenario: ScenarioSection | None = Field(
        default=None, description="other weights and limits on the same sites: kcity run --scenario"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> SuitabilitySection:
        if self.weights and self.weighting.method in NO_WEIGHTS:
            raise ValueError(
                f"weights: {', '.join(self.weights)}: the method {self.weighting.method} of "
                "suitability.weighting makes all weights itself; take the weights out, or the method"
            )
        return self
