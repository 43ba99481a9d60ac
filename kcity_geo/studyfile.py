"""
Study: the validated study file.

Unknown keys are refused with the nearest valid one; paths are relative to the file; ``${NAME}``
in a path is replaced from the environment and ``pkg://package/path`` names a file that an
installed Python package carries.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from kcity_geo.concept_keys import ConceptSection
from kcity_geo.config import read_table
from kcity_geo.errors import SourceError, StudyError
from kcity_geo.layer_tags import check_tags
from kcity_geo.parameters import (
    PARAMETER_SECTORS,
    all_parameters,
    nearest_name,
    shared_changes,
    too_large_amount,
)
from kcity_geo.passed_objects import as_in_a_file, written
from kcity_geo.profiles import Profile, limits_of, profile, profiles
from kcity_geo.rules import RULE_SECTIONS, all_rules, check_rules
from kcity_geo.settings import check_network
from kcity_geo.suitability_keys import (
    CombinationSection,
    CriterionSection,
    SitesSection,
    WeightingSection,
)

if TYPE_CHECKING:
    from kcity_geo.parameters import Parameter
    from kcity_geo.profiles import ValueFunction

__all__ = [
    "CitySection",
    "Official",
    "Sources",
    "Study",
    "StudySection",
    "SuitabilitySection",
    "file_and_part",
    "load_study",
    "resolve_path",
    "sha256_of",
    "study_schema",
]

#: Id of the only district of a city whose districts are not known.
WHOLE = "whole"
_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


def _as_path(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever was passed
    """Take a path, or write down an object that was passed in Python."""
    try:
        return written(value, field=str(info.field_name))
    except StudyError as error:
        raise ValueError(str(error)) from error


def _as_tuple(value: Any) -> Any:  # noqa: ANN401 - whatever was passed
    return tuple(value) if isinstance(value, list) else value


#: Path of an input, or an object that holds it.
File = Annotated[str, BeforeValidator(_as_path)]

#: One raster, or several that are tiles of one: each a path, with ``#`` and a band behind it if need be.
Tiles = Annotated[str | Annotated[list[str], Field(min_length=1)], BeforeValidator(_as_path)]


class StudySection(BaseModel):
    """What is studied, on which grid."""

    model_config = _STRICT
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

    @field_validator("project")
    @classmethod
    def _known_project(cls, value: str) -> str:
        known = list(profiles())
        if value not in known and not value.endswith(".toml"):
            raise ValueError(f"{value!r} is not a profile{nearest_name(value, known)}")
        return value


class CitySection(BaseModel):
    """Which city, and its outline."""

    model_config = _STRICT
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
    bbox: Annotated[tuple[float, float, float, float], BeforeValidator(_as_tuple)] | None = Field(
        default=None, description="west, south, east, north in degrees, instead of a boundary file"
    )
    districts: File | None = Field(
        default=None, description="polygon file with district_id and name"
    )


class Sources(BaseModel):
    """Inputs: a path, or the name of a product; each may be left out."""

    model_config = _STRICT
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
            return {k: written(v, field="extra", name=str(k)) for k, v in value.items()}
        except StudyError as error:
            raise ValueError(f"sources.extra.{error}") from error

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

    model_config = _STRICT
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
            if isinstance(value, float) and (wrong := too_large_amount(key, value)):
                raise ValueError(f"official.{key}: {value:,.12g}; {wrong}")
        return self


class SuitabilitySection(BaseModel):
    """Overrides of the suitability profile."""

    model_config = _STRICT
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


class Study(BaseModel):
    """
    A study file, checked.

    Parameters
    ----------
    origin : named in messages.
    study, city, sources, official, suitability, concept, standards : tables of the file.
    transport, water, energy : changed parameters of each sector.
    settlement, shared : changed parameters of people, and of several sectors.
    tags : changed tags of layers, see `kcity_geo.layer_tags`.
    priors, sector_weights, gap_model, completeness, evidence, readings : changed rules of the gap
        model, see `kcity_geo.rules`.
    input_sha256 : path as written -> checksum of the file that a finished study was run with; a file that
        is missing is then looked for, by its name, in the folder ``inputs`` beside the study.
    place : a City made in Python, instead of the table ``city``.
    folder : what paths are relative to.

    Examples
    --------
    >>> Study(study={"name": "demo", "cell_m": 250}).study.cell_m
    250.0
    """

    model_config = _STRICT
    study: StudySection = Field(default_factory=StudySection)
    city: CitySection = Field(default_factory=CitySection)
    sources: Sources = Field(default_factory=Sources)
    official: Official = Field(default_factory=Official)
    suitability: SuitabilitySection = Field(default_factory=SuitabilitySection)
    concept: ConceptSection = Field(
        default_factory=ConceptSection, description="what a plan of a site is for: kcity plan"
    )
    standards: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="indicator -> target, worst"
    )
    transport: dict[str, Any] = Field(
        default_factory=dict,
        description="parameters of transport; under network: changes to tables/network.toml",
    )
    water: dict[str, Any] = Field(default_factory=dict, description="parameters of water")
    energy: dict[str, Any] = Field(default_factory=dict, description="parameters of energy")
    settlement: dict[str, Any] = Field(
        default_factory=dict, description="parameters of people and settlements"
    )
    shared: dict[str, Any] = Field(
        default_factory=dict,
        description="parameters that several sectors read; one set in a sector counts in all",
    )
    tags: dict[str, Any] = Field(
        default_factory=dict,
        description="layer -> rules that say which tags belong to it; read_as: local tags read as others",
    )
    priors: dict[str, Any] = Field(
        default_factory=dict,
        description="infrastructure -> probability that it exists where nobody mapped it",
    )
    sector_weights: dict[str, Any] = Field(
        default_factory=dict, description="weight of each sector in the gap of all sectors"
    )
    gap_model: dict[str, Any] = Field(
        default_factory=dict, description="how indicators are put together, draws"
    )
    completeness: dict[str, Any] = Field(
        default_factory=dict, description="what people let expect on a map that shows all"
    )
    evidence: dict[str, Any] = Field(default_factory=dict, description="how far data carry")
    readings: dict[str, Any] = Field(
        default_factory=dict, description="from which number which word is said"
    )
    input_sha256: dict[str, str] = Field(
        default_factory=dict,
        description="path as written above -> SHA-256 of the file; written by a finished study",
    )
    place: Any = Field(default=None, exclude=True, description="a City made in Python")
    folder: Path = Field(
        default=Path(), exclude=True, description="folder that paths are relative to"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_python(cls, raw: Any) -> Any:  # noqa: ANN401 - whatever the caller gave
        """Take ``Study(city=City, project=..., cell_m=...)`` as well as the tables of a file."""
        if not isinstance(raw, dict):
            return raw
        raw = as_in_a_file(raw)
        short = {k: raw.pop(k) for k in ("name", "project", "cell_m", "seed") if k in raw}
        if short:
            raw["study"] = {**dict(raw.get("study", {})), **short}
        _share_parameters(raw)
        _take_city(raw, raw.get("city"))
        return raw

    def __init__(self, origin: str = "Study", /, **tables: Any) -> None:  # noqa: ANN401 - TOML
        try:
            super().__init__(**tables)
        except ValidationError as error:
            raise StudyError(_explain(error, origin)) from error

    @model_validator(mode="after")
    def _known_overrides(self) -> Study:
        from kcity_geo.standards import load_standards

        load_standards(self.standards)
        kind, criteria, own = self._kind()
        for key in self.suitability.weights:
            if key not in criteria:
                raise ValueError(
                    f"suitability.weights.{key}: profile {self.study.project} has no such criterion"
                    f"{nearest_name(key, criteria)}"
                )
        if self.suitability.weights:
            merged = {
                row["id"]: row["weight"] for row in kind["criteria"]
            } | self.suitability.weights
            merged |= {row.id: row.weight for row in self.suitability.criterion} if own else {}
            if sum(merged.values()) == 0:
                raise ValueError("suitability.weights: all weights are zero")
        limits_of(kind, self.suitability.constraints)
        for key, value in self.suitability.constraints.items():
            if key != "slope_deg_max":
                _check_limit(key, value, like=kind["constraints"][key])
        if "network" in self.transport:
            self._known_network(self.transport["network"])
        try:
            check_rules({name: getattr(self, name) for name in RULE_SECTIONS})
            check_tags(self.tags)
        except StudyError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def rules(self) -> dict[str, float]:
        """Key of `kcity_geo.rules.all_rules` -> value, of what this study changes."""
        return check_rules({name: getattr(self, name) for name in RULE_SECTIONS})

    def _kind(self) -> tuple[Profile, list[str], list[str]]:
        """Give the project with the ids of its criteria and of those that the study adds."""
        project = self.study.project
        if project.endswith(".toml"):
            project = str(resolve_path(self, project, key="study.project"))
        kind = profile(project, cast("dict[str, ValueFunction]", self.suitability.value_functions))
        own = [row.id for row in self.suitability.criterion]
        own += [str(row.get("id")) for row in kind.get("own", ())]
        criteria = [row["id"] for row in kind["criteria"]] + own
        if len(set(criteria)) < len(criteria):
            twice = next(key for key in criteria if criteria.count(key) > 1)
            raise ValueError(f"suitability.criterion {twice}: stands twice")
        return kind, criteria, own

    @staticmethod
    def _known_network(change: Any) -> None:  # noqa: ANN401 - whatever the file says
        try:
            check_network(change)
        except StudyError as error:
            raise ValueError(str(error)) from error


def _take_city(raw: dict[str, Any], place: Any) -> None:  # noqa: ANN401 - whatever was passed
    """Make the table ``city`` of a name, a City or an outline; `raw` is changed in place."""
    if isinstance(place, str):
        raw["city"] = {"name": place}
    elif hasattr(place, "boundary_metric"):
        table = {"name": place.name, "boundary": place.boundary}
        if place.districts["district_id"].tolist() != [WHOLE]:
            table["districts"] = place.districts
        raw["city"], raw["place"] = table, place
    elif hasattr(place, "geom_type"):  # a geometry, a GeoSeries or a GeoDataFrame
        raw["city"] = {"boundary": place}


#: Largest limit that still limits something, by the end of the name of a constraint.
_LARGEST_LIMIT = {
    "slope_pct_max": 1000.0,
    "built_max": 1.0,
    "flood_exposure_max": 1.0,
    "compactness_min": 1.0,
    "_ha": 1_000_000.0,
    "_km": 1000.0,
    "_m_min": 1000.0,
    "_m": 100_000.0,
}


def _check_limit(key: str, value: object, *, like: object) -> None:
    """Refuse a constraint of the wrong kind or out of range, as the siting step would later."""
    where = f"suitability.constraints.{key}"
    if value is False or value in {"ignore", "off", "no"}:
        return
    if isinstance(like, str):
        if value not in {"exclude", True}:
            raise ValueError(f"{where}: {value!r} is not 'exclude' or 'ignore'")
        return
    largest = next((v for end, v in _LARGEST_LIMIT.items() if key.endswith(end)), math.inf)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0 <= value <= largest):  # type: ignore[operator]
        rest = f" to {largest:g}" if math.isfinite(largest) else " or more"
        raise ValueError(
            f"{where}: {value!r} is not a number of 0{rest}; the profile has {like!r}, false switches "
            "it off"
        )


def _share_parameters(raw: dict[str, Any]) -> None:
    """
    Set each parameter that several sectors read in all of them, under its own name.

    `raw` is changed in place: its tables are new ones. What is not a table is left to pydantic.
    """
    sections = {name: _section(raw, name) for name in (*PARAMETER_SECTORS.values(), "shared")}
    given = {
        f"{name}.{key}": value
        for name, section in sections.items()
        for key, value in section.items()
        if (name, key) != ("transport", "network")
    }
    study = raw.get("study")
    horizon = study.get("horizon_year") if isinstance(study, dict) else None
    try:
        changes = shared_changes(given)
        if horizon is not None:
            _one_horizon(horizon, changes)
    except StudyError as error:
        raise ValueError(str(error)) from error
    network = sections["transport"].get("network")
    new: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        section, _, name = key.rpartition(".")
        new.setdefault(section, {})[name] = value
    if network is not None:
        new.setdefault("transport", {})["network"] = network
    for name in sections:
        outer, _, inner = name.partition(".")
        if inner and (name in new or inner in raw.get(outer, {})):
            raw[outer] = {**raw.get(outer, {}), inner: new.get(name, {})}
        elif (
            not inner and isinstance(raw.get(outer, {}), dict) and name != "shared" and name in new
        ):
            raw[outer] = new[name]


def _section(raw: dict[str, Any], name: str) -> dict[str, Any]:
    found: Any = raw
    for part in name.split("."):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}


def _one_horizon(year: Any, changes: dict[str, Any]) -> None:  # noqa: ANN401 - a value of TOML
    other = changes.get("water.horizon_year", 0)
    if other and other != year:
        raise StudyError(
            f"study.horizon_year = {year!r} and the parameter horizon_year = {other!r}: one "
            "parameter with two values; give one of them"
        )


def _valid_keys(location: tuple[int | str, ...]) -> list[str]:
    model: Any = Study
    for part in (p for p in location if isinstance(p, str)):
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        if field is None:
            return []
        model = next(iter(get_args(field.annotation)), field.annotation)
    return [k for k in getattr(model, "model_fields", {}) if k not in {"folder", "place"}]


def _explain(error: ValidationError, origin: str) -> str:
    # A mistaken key is why another is missing.
    errors = error.errors()
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    location = ".".join(str(p) for p in first["loc"]) or "file"
    value = first.get("input")
    if first["type"] == "extra_forbidden":
        known = _valid_keys(tuple(first["loc"][:-1]))
        text = f"unknown key{nearest_name(str(first['loc'][-1]), known)}"
    elif first["type"] == "value_error":
        text = str(first["ctx"]["error"])
    else:
        whole = isinstance(value, dict) and first["type"] == "missing"
        text = first["msg"] if whole else f"{first['msg']}, not {value!r:.80}"
        if first.get("ctx", {}).get("le") == 1 and isinstance(value, int | float) and value <= 100:  # noqa: PLR2004
            text += f"; a share is needed: give {value / 100:g}"
    more = len(errors) - 1
    rest = f" (and {more} more)" if more else ""
    where = "" if text.startswith(location) or location == "file" else f"{location}: "
    return f"{origin}: {where}{text}{rest}"


def load_study(path: str | Path) -> Study:
    """
    Read and check a study file.

    Parameters
    ----------
    path : TOML file.

    Returns
    -------
    The study; its paths are relative to the file's folder, see `resolve_path`.

    Raises
    ------
    StudyError
        If the file is missing, not TOML, or a key is unknown or out of range.
    """
    path = Path(path)
    if path.is_dir():
        raise StudyError(f"{path}: is a folder; give the study file, a .toml")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such study file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path}: is not TOML: {error}") from error
    except RecursionError as error:
        raise StudyError(f"{path}: is nested too deeply for a study file") from error
    return check_study(raw, folder=path.parent, origin=path.name)


def check_study(raw: dict[str, Any], *, folder: Path, origin: str = "study") -> Study:
    """
    Check a study given as a dictionary.

    Parameters
    ----------
    raw : the tables of a study file.
    folder : what paths are relative to.
    origin : named in messages.

    Returns
    -------
    The study.

    Raises
    ------
    StudyError
        If a key is unknown or out of range.
    """
    for key in ("folder", "place", "name", "project", "cell_m", "seed"):
        if key in raw:
            mend = (
                "paths are relative to the study file"
                if key == "folder"
                else "put it under [study]"
            )
            raise StudyError(f"{origin}: {key}: unknown key at the top; {mend}")
    return Study(origin, **raw, folder=folder)


def resolve_path(study: Study, value: str, *, key: str) -> Path:
    """
    Turn a path of a study file into one on this machine.

    Parameters
    ----------
    study : for the folder that paths are relative to.
    value : as written.
    key : for the message.

    Returns
    -------
    Absolute path. Its file exists; a part of the file (``study.gpkg#districts``) stays at its end, see
    `file_and_part`.

    Raises
    ------
    StudyError
        If a variable is not set or the path is not a plain local one.
    SourceError
        If nothing is there.
    """

    def from_environment(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise StudyError(
                f"{key}: {value!r} needs the environment variable {name}, which is not set"
            )
        return os.environ[name]

    text = re.sub(r"\$\{(\w+)\}", from_environment, value)
    if text.startswith("pkg://"):
        package, _, inner = text[6:].partition("/")
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
        if spec is None or not spec.submodule_search_locations:
            raise SourceError(f"{key}: {value!r}: the Python package {package!r} is not installed")
        root = Path(next(iter(spec.submodule_search_locations))).resolve()
        path = (root / inner).resolve()
        if not path.is_relative_to(root):
            raise StudyError(f"{key}: {value!r} leads out of the package")
    elif "://" in text or text.startswith("/vsi") or "\0" in text:
        raise StudyError(f"{key}: {value!r} is not a local file; use `kcity fetch` for remote data")
    else:
        given = Path(text).expanduser()
        path = (given if given.is_absolute() else study.folder / given).resolve()
        if path == study.folder.resolve() and not given.is_absolute():
            raise StudyError(f"{key}: {value!r} is the folder of the study; name a file in it")
    if not file_and_part(path)[0].exists():
        return _beside(study, value, path, key=key)
    return path


def _beside(study: Study, value: str, path: Path, *, key: str) -> Path:
    """Look for an input that is not in its place in the folder ``inputs`` beside the study."""
    missing, part = file_and_part(path)
    if value not in study.input_sha256:
        raise SourceError(f"{key}: {path} does not exist")
    digest, here = study.input_sha256[value], (study.folder / "inputs" / missing.name).resolve()
    if here.exists() and sha256_of(here) == digest:
        return Path(f"{here}#{part}") if part else here
    other = f"; the {here.name} there is another file" if here.exists() else ""
    raise SourceError(
        f"{key}: {path} does not exist; put the {missing.name} with the SHA-256 {digest} into {here.parent}{other}"
    )


def sha256_of(path: Path) -> str:
    """
    Checksum of a file, or of the names and contents of a folder.

    Parameters
    ----------
    path : file or folder.

    Returns
    -------
    Hexadecimal digest.
    """
    path, _ = file_and_part(path)
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return _digest(path, tuple((file, _state(file)) for file in files))


def _state(file: Path) -> tuple[int, ...]:
    """Give what changes with the content of a file: time of change, size, place on the disk."""
    about = file.stat()
    return about.st_ctime_ns, about.st_mtime_ns, about.st_size, about.st_ino


@cache
def _digest(path: Path, files: tuple[tuple[Path, tuple[int, ...]], ...]) -> str:
    """Read each file once as long as it stays as it is; reading, checking and saving all ask for it."""
    digest = hashlib.sha256()
    for file, _ in files:
        if file != path:
            digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def file_and_part(path: Path) -> tuple[Path, str]:
    """
    Part the file from the layer, sheet or band that a study file names in it.

    Parameters
    ----------
    path : path of an input, with ``#`` and the name of a part at its end, or without.

    Returns
    -------
    The file, and the name of the part; ``""`` when none is named. A file whose own name holds a ``#``
    is that file.

    Examples
    --------
    >>> file_and_part(Path("study.gpkg#districts"))[1]
    'districts'
    """
    text = str(path)
    if path.exists() or "#" not in text:
        return path, ""
    places = [i for i, letter in enumerate(text) if letter == "#"]
    at = next((i for i in places if Path(text[:i]).is_file()), places[-1])
    return Path(text[:at]), text[at + 1 :]


def study_schema() -> dict[str, Any]:
    """
    Give the JSON Schema of a study file, with every parameter, its unit and its range.

    Returns
    -------
    The schema; editors complete and check keys with it.

    Examples
    --------
    >>> study_schema()["properties"]["water"]["properties"]["lpcd"]["maximum"]
    2000
    """
    schema = Study.model_json_schema()
    rows = all_parameters().values()
    for sector, section in (*PARAMETER_SECTORS.items(), ("shared", "shared")):
        outer, _, inner = section.partition(".")
        table = schema["properties"][outer]
        if inner:
            table = schema["$defs"]["SuitabilitySection"]["properties"][inner]
        keys = {
            name: _parameter_schema(row)
            for row in rows
            if sector in row.sectors or (sector == "shared" and len(row.sectors) > 1)
            for name in (row.id, *([row.aliases[sector]] if sector in row.aliases else []))
        }
        if section == "transport":
            keys["network"] = {"type": "object", "description": "changes to tables/network.toml"}
        table["properties"], table["additionalProperties"] = keys, False
    schema["properties"]["tags"] |= _tags_schema()
    for section in RULE_SECTIONS:
        schema["properties"][section] |= _rules_schema(section)
    return schema


def _tags_schema() -> dict[str, Any]:
    """Give the layers whose tags can be changed."""
    values = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    words = {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}
    rule = {
        "type": "object",
        "properties": {"not": {"type": "object", "additionalProperties": values}},
        "additionalProperties": values,
    }
    rules = {"type": "array", "items": rule, "minItems": 1}
    keys: dict[str, Any] = {
        row["id"]: {
            "type": "object",
            "description": row["title"],
            "properties": {"also": rules, "rules": rules},
            "additionalProperties": False,
        }
        for row in read_table("osm")["layer"]
        if row["rules"]
    }
    row = {
        "type": "object",
        "properties": {"when": words, "set": words},
        "required": ["when", "set"],
        "additionalProperties": False,
    }
    keys["read_as"] = {"type": "array", "items": row, "minItems": 1}
    return {"properties": keys, "additionalProperties": False}


def _rules_schema(section: str) -> dict[str, Any]:
    """Give the keys of a section that holds rules, at any depth."""
    root: dict[str, Any] = {"properties": {}, "additionalProperties": False}
    for key, rule in all_rules().items():
        outer, *tables, name = key.split(".")
        place = root
        for table in tables if outer == section else ():
            place = place["properties"].setdefault(
                table, {"type": "object", "properties": {}, "additionalProperties": False}
            )
        if outer == section:
            place["properties"][name] = _parameter_schema(rule)
    return root


def _parameter_schema(row: Parameter) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if row.min is not None:
        limits["minimum"] = row.min
    if row.max is not None:
        limits["maximum"] = row.max
    one: dict[str, Any] = {"type": "number", **limits}
    like = row.value[0] if isinstance(row.value, list) else row.value
    if isinstance(like, str):
        one = {"type": "string", **({"enum": list(row.choices)} if row.choices else {})}
    elif isinstance(like, int):
        one["type"] = "integer"
    about = "; ".join(part for part in (row.unit, row.note) if part)
    if isinstance(row.value, dict):
        keys = {key: {"type": "number", **limits} for key in row.value}
        one = {"type": "object", "properties": keys, "additionalProperties": False}
    elif isinstance(row.value, list):
        one = {"type": "array", "items": one, "minItems": 1}
    return {**one, "description": about, "default": row.value}


def _write_schema() -> None:
    """Write the JSON Schema that editors use; a test holds it up to date."""
    import json

    from kcity_geo.config import TABLES

    text = json.dumps(study_schema(), indent=1, ensure_ascii=False)
    (TABLES / "study.schema.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write_schema()
