"""
Study: the validated study file.

Unknown keys are refused with the nearest valid one; paths are relative to the file; ``${NAME}``
in a path is replaced from the environment and ``pkg://package/path`` names a file that an
installed Python package carries.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)

from kcity_geo.concept_keys import ConceptSection
from kcity_geo.errors import StudyError
from kcity_geo.input_paths import file_and_part, resolve_path, sha256_of
from kcity_geo.layer_tags import check_tags
from kcity_geo.map_keys import MapSection
from kcity_geo.parameters import (
    PARAMETER_SECTORS,
    nearest_name,
    shared_changes,
)
from kcity_geo.passed_objects import as_in_a_file
from kcity_geo.profiles import Profile, limits_of, profile
from kcity_geo.refusals import refusal
from kcity_geo.report_keys import ReportSection
from kcity_geo.rules import RULE_SECTIONS, check_rules
from kcity_geo.schema import with_rows
from kcity_geo.settings import check_network
from kcity_geo.study_keys import (
    STRICT,
    CitySection,
    Official,
    Sources,
    StudySection,
    SuitabilitySection,
)

if TYPE_CHECKING:
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
    "read_toml",
    "resolve_path",
    "sha256_of",
    "study_schema",
]

#: Id of the only district of a city whose districts are not known.
WHOLE = "whole"


class Study(BaseModel):
    """
    A study file, checked.

    Parameters
    ----------
    origin : named in messages.
    study, city, sources, official, suitability, concept, report, map, standards : tables of the file.
    transport, water, energy : changed parameters of each sector.
    settlement, shared : changed parameters of people, and of several sectors.
    tags : changed tags of layers, see `kcity_geo.layer_tags`.
    priors, sector_weights, gap_model, completeness, evidence, readings : changed rules of the gap
        model, see `kcity_geo.rules`.
    input_sha256 : path as written -> checksum of the file that a finished study was run with; a file that
        is missing is then looked for, by its name, in the folder ``inputs`` beside the study.
    added_indicators : indicator of your own that a finished study was run with -> its file and the checksum of that.
    place : a City made in Python, instead of the table ``city``.
    folder : what paths are relative to.

    Examples
    --------
    >>> Study(study={"name": "demo", "cell_m": 250}).study.cell_m
    250.0
    """

    model_config = STRICT
    study: StudySection = Field(default_factory=StudySection)
    city: CitySection = Field(default_factory=CitySection)
    sources: Sources = Field(default_factory=Sources)
    official: Official = Field(default_factory=Official)
    suitability: SuitabilitySection = Field(default_factory=SuitabilitySection)
    concept: ConceptSection = Field(
        default_factory=ConceptSection, description="what a plan of a site is for: kcity plan"
    )
    report: ReportSection = Field(
        default_factory=ReportSection, description="language, slots and forms of the report"
    )
    map: MapSection = Field(
        default_factory=MapSection, description="what the map may load when its reader asks for it"
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
    added_indicators: dict[str, str] = Field(
        default_factory=dict,
        description="indicator of your own -> file of its row and SHA-256; written by a finished study",
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
            raise StudyError(f"{origin}: {refusal(error, Study)}") from error

    @model_validator(mode="after")
    def _forecast_after_its_base(self) -> Study:
        base, horizon = self.official.year, self.study.horizon_year
        if base is not None and horizon is not None and horizon < base:
            raise ValueError(
                f"study.horizon_year: {horizon} lies before official.year, {base}; give a later one"
            )
        return self

    @model_validator(mode="after")
    def _known_overrides(self) -> Study:
        from kcity_geo.standards import load_standards

        load_standards(self.standards)
        kind, criteria, own = self._kind()
        stated = {row["id"]: row["weight"] for row in kind["criteria"]}
        stated |= {row.id: row.weight for row in self.suitability.criterion} if own else {}
        asked = self.suitability
        self._known_weights(asked.weights, criteria, stated, where="suitability")
        _known_limits(asked.constraints, kind, where="suitability.constraints")
        if asked.scenario is not None:
            self._known_scenario(kind, criteria, stated | asked.weights)
        if "network" in self.transport:
            self._known_network(self.transport["network"])
        try:
            check_rules({name: getattr(self, name) for name in RULE_SECTIONS})
            check_tags(self.tags)
        except StudyError as error:
            raise ValueError(str(error)) from error
        return self

    def _known_weights(
        self,
        weights: Mapping[str, float],
        criteria: list[str],
        stated: Mapping[str, float],
        *,
        where: str,
    ) -> None:
        for key in weights:
            if key not in criteria:
                raise ValueError(
                    f"{where}.weights.{key}: profile {self.study.project} has no such criterion"
                    f"{nearest_name(key, criteria)}"
                )
        if weights and sum({**stated, **weights}.values()) == 0:
            raise ValueError(f"{where}.weights: all weights are zero")

    def _known_scenario(
        self, kind: Profile, criteria: list[str], stated: Mapping[str, float]
    ) -> None:
        asked, where = self.suitability, "suitability.scenario"
        scenario = asked.scenario
        if scenario is None:
            return
        for key, own in (("study", self.study.name), ("project", self.study.project)):
            saved = getattr(scenario, key)
            if saved and saved != own:
                raise ValueError(
                    f"{where}.{key}: was saved from {saved!r}, this study has {own!r}; give the study that it "
                    "was saved from, or take the key out"
                )
        if scenario.weights and asked.exclusion_only:
            raise ValueError(f"{where}.weights: exclusion_only = true, nothing is weighed")
        self._known_weights(scenario.weights, criteria, stated, where=where)
        lacking = [key for key in criteria if key not in scenario.weights]
        if scenario.weights and lacking and asked.weighting.method != "direct":
            raise ValueError(
                f"{where}.weights: the study weighs by {asked.weighting.method}: give all weights; "
                f"{', '.join(lacking)} are missing"
            )
        _known_limits(scenario.constraints, kind, where=f"{where}.constraints")

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


def _known_limits(limits: Mapping[str, float | bool | str], kind: Profile, *, where: str) -> None:
    """Refuse constraints that the project does not have, and values that make no sense."""
    limits_of(kind, limits, where=where)
    for key, value in limits.items():
        if key != "slope_deg_max":
            _check_limit(f"{where}.{key}", key, value, like=kind["constraints"][key])


def _check_limit(where: str, key: str, value: object, *, like: object) -> None:
    """Refuse a constraint of the wrong kind or out of range, as the siting step would later."""
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
    raw = read_toml(path, what="study file")
    return check_study(raw, folder=path.parent, origin=path.name)


def read_toml(path: Path, *, what: str) -> dict[str, Any]:
    """
    Read a TOML file of the user.

    Parameters
    ----------
    path : of the file.
    what : what it is, for messages.

    Returns
    -------
    Its tables.

    Raises
    ------
    StudyError
        If the file is missing, cannot be read or is not TOML.
    """
    if path.is_dir():
        raise StudyError(f"{path}: is a folder; give the {what}, a .toml")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such {what}; give the path of one, a .toml") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: cannot be read ({error}); save it as UTF-8") from error
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error})") from error
    except ValueError as error:  # also a number of thousands of digits
        raise StudyError(f"{path}: is not TOML: {error}") from error
    except RecursionError as error:
        raise StudyError(f"{path}: is nested too deeply for a {what}") from error


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
    return with_rows(Study.model_json_schema())


def _write_schema() -> None:
    """Write the JSON Schema that editors use; a test holds it up to date."""
    import json

    from kcity_geo.config import TABLES

    text = json.dumps(study_schema(), indent=1, ensure_ascii=False)
    (TABLES / "study.schema.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write_schema()
