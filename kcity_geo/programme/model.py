"""
Application: the validated file of an application to the programme.

TOML, like a study file: unknown keys are refused with the nearest valid one, and words that are no
word of the programme with the nearest that is. An application may be incomplete; what is missing is
said by `kcity_geo.programme.check`.
"""

from __future__ import annotations

import tomllib
from datetime import date
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from kcity_geo.errors import StudyError
from kcity_geo.parameters import nearest_name
from kcity_geo.programme.rules import ProgrammeRules
from kcity_geo.programme.words import known_words, sector_labels
from kcity_geo.refusals import refusal

__all__ = [
    "Applicant",
    "Application",
    "ProjectType",
    "Stream",
    "application_schema",
    "check_application",
    "load_application",
]

# Blanks are no text: a field of blanks is an empty one.
_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)
Text = Annotated[str, Field(max_length=4000)]
Line = Annotated[str, Field(max_length=300)]
Item = Annotated[str, Field(min_length=1, max_length=300)]
Share = Annotated[float, Field(ge=0, le=1)]


class ProjectType(StrEnum):
    """The two types of the programme."""

    urban = "urban_development"
    solution = "solution_development"


class Stream(StrEnum):
    """A plan, or a demonstration of a Korean solution abroad."""

    planning = "planning"
    demonstration = "demonstration"


def _one_of(value: str, kind: str) -> str:
    """Refuse a word that the programme does not have, with the nearest one."""
    known = list(known_words(kind))
    if value and value not in known:
        raise ValueError(f"{value!r} is not one of {', '.join(known)}{_near(value, known)}")
    return value


def _near(value: str, known: list[str]) -> str:
    close = nearest_name(value, known)
    return close if "did you mean" in close else ""


_Status = Annotated[str, AfterValidator(partial(_one_of, kind="status"))]
_ApplicantKind = Annotated[str, AfterValidator(partial(_one_of, kind="applicant"))]
_StudyKind = Annotated[str, AfterValidator(partial(_one_of, kind="study"))]
_Stage = Annotated[str, AfterValidator(partial(_one_of, kind="stage"))]
_FollowUp = Annotated[str, AfterValidator(partial(_one_of, kind="follow_up"))]


class ProgrammeSection(BaseModel):
    """Which call, and how the application is handed in."""

    model_config = _STRICT
    year: int = Field(description="year of the call, 2020 to 2026")
    stream: Stream = Field(default=Stream.planning, description="planning or demonstration")
    submitted: date | None = Field(default=None, description="day of handing in")
    channel: Line = Field(default="", description="how: post, email, ...")

    @field_validator("year")
    @classmethod
    def _known_year(cls, value: int) -> int:
        try:
            ProgrammeRules.for_year(value)
        except StudyError as error:
            raise ValueError(f"{value}; {str(error).partition('; ')[2]}") from error
        return value


class ProjectSection(BaseModel):
    """The project."""

    model_config = _STRICT
    title: Line = Field(default="", description="title of the project, English")
    title_ko: Line = Field(default="", description="title in Korean")
    country: Line = Field(default="", description="host country, or its ISO 3166 code")
    region: Line = Field(default="", description="region inside the country")
    city: Line = Field(default="", description="host city")
    city_ko: Line = Field(default="", description="name of the city in Korean")
    bounds: tuple[float, float, float, float] | None = Field(
        default=None, description="west, south, east, north of the area in degrees"
    )
    type: ProjectType | None = Field(
        default=None, description="urban_development or solution_development"
    )
    scope: tuple[Item, ...] = Field(default=(), description="of an urban project, at least one")
    sectors: tuple[Item, ...] = Field(default=(), description="some of the ten sectors")
    label: Line = Field(default="", description="what the host calls the field, in its own words")
    status: _Status = Field(default="", description="idea, planned or underway; none is refused")
    projects: int = Field(default=1, ge=1, description="number of projects that the plan covers")
    site: Line = Field(default="", description="where, in words")
    problem: Text = Field(default="", description="what is wrong today, English")
    problem_ko: Text = Field(default="", description="the same in Korean")
    land: Line = Field(default="", description="who owns the land, and whether it is secured")
    permits: tuple[Item, ...] = Field(default=(), description="permits and their state")
    data: tuple[Item, ...] = Field(default=(), description="data that the city can give")
    cost: Line = Field(default="", description="estimated cost of the project, with its source")
    net_present_value: float | None = Field(
        default=None, description="of an earlier pre-feasibility study, M USD"
    )
    replication: Line = Field(default="", description="where the result could be repeated")

    @field_validator("sectors")
    @classmethod
    def _ten_sectors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for sector in value:
            if sector in known_words("sector"):
                continue
            label = sector_labels().get(sector.strip().lower())
            mend = f"; did you mean {label!r}?" if label else ""
            known = ", ".join(known_words("sector"))
            raise ValueError(
                f"{sector!r} is not one of the ten sectors ({known})"
                f"{mend or _near(sector, list(known_words('sector')))} (rule: "
                f"{ProgrammeRules.for_year(2020).types.cited}, fact 7)"
            )
        return tuple(dict.fromkeys(value))

    @field_validator("scope")
    @classmethod
    def _known_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_one_of(scope, "scope") for scope in value))


class Applicant(BaseModel):
    """One who applies."""

    model_config = _STRICT
    name: Item = Field(description="name of the office or firm")
    kind: _ApplicantKind = Field(
        description="central_government, local_government, public_entity, ..."
    )
    country: Line = Field(default="", description="where it is at home")


class RequestSection(BaseModel):
    """What is asked for; amounts in the currency in which they are meant, never converted."""

    model_config = _STRICT
    study: _StudyKind = Field(
        default="", description="concept_plan, master_plan, pre_feasibility, ..."
    )
    budget_krw: int | None = Field(default=None, gt=0, description="won")
    budget_usd: int | None = Field(default=None, gt=0, description="US dollars")


class PackageSection(BaseModel):
    """The full package: the project (hardware), with training and consulting (software)."""

    model_config = _STRICT
    project: Text = Field(default="", description="what is built or introduced")
    consulting: Text = Field(default="", description="technical advice that is wanted")


class TrainingSection(BaseModel):
    """Training in Korea: all of it is agreed with the recipient, nothing is fixed by rule."""

    model_config = _STRICT
    roles: tuple[Item, ...] = Field(default=(), description="officials in charge or related")
    persons: int | None = Field(default=None, gt=0, description="number of invitees")
    dates: Line = Field(default="", description="when and how long")
    online: bool = Field(default=False, description="part or all of it online")
    agreed: bool = Field(default=False, description="agreed by both sides")


class SolutionSection(BaseModel):
    """A smart solution that is introduced and run."""

    model_config = _STRICT
    names: tuple[Item, ...] = Field(default=(), description="solutions, one a line")
    operator: Line = Field(default="", description="who runs it")
    operation_plan: Text = Field(default="", description="operation, maintenance, who pays")
    innovation: Text = Field(default="", description="use of AI, joined data, what is new")


class G2GSection(BaseModel):
    """Cooperation between governments."""

    model_config = _STRICT
    stage: _Stage = Field(default="", description="idea, planning, development or investment")
    memorandum: Line = Field(default="", description="memorandum with Korea, and its day")
    prior_consultation: date | None = Field(default=None, description="day of the consultation")
    partners: tuple[Item, ...] = Field(default=(), description="further organisations")


class DocumentsSection(BaseModel):
    """What is handed in, as file names."""

    model_config = _STRICT
    application_form: Line = Field(default="", description="signed form")
    project_summary: tuple[Item, ...] = Field(default=(), description="target project summaries")
    endorsement: Line = Field(default="", description="letter of a ministry")

    @property
    def names(self) -> tuple[str, ...]:
        """All that are named."""
        named = (self.application_form, *self.project_summary, self.endorsement)
        return tuple(name for name in named if name)


class FundingSection(BaseModel):
    """How the project is carried on after the study."""

    model_config = _STRICT
    follow_up: _FollowUp = Field(default="", description="public, ppp or private")
    ppp: dict[str, Share] = Field(
        default_factory=dict, description="area of the PPP screen -> 0 to 1; left out: not known"
    )


class DemonstrationSection(BaseModel):
    """The consortium of a demonstration."""

    model_config = _STRICT
    lead: Line = Field(default="", description="Korean firm that leads")
    overseas_partner: Line = Field(default="", description="organisation abroad")
    overseas_kind: _ApplicantKind = Field(default="", description="its kind, as of an applicant")


class OtherProject(BaseModel):
    """A further application of the same applicants in the same year."""

    model_config = _STRICT
    title: Item
    city: Item
    applicant: Line = Field(default="", description="who applies; empty: the same")


class ContactSection(BaseModel):
    """Who answers."""

    model_config = _STRICT
    name: Line = ""
    office: Line = ""
    email: Line = ""
    phone: Line = ""


class StudyLink(BaseModel):
    """The finished study behind the application."""

    model_config = _STRICT
    folder: str = Field(default="", description="folder of the study, from the file's folder")
    sha256: str = Field(default="", description="checksum of its project_summary.json")


class PlanLink(BaseModel):
    """The plan of a site, as `kcity plan` wrote it; the map pack shows its sheets."""

    model_config = _STRICT
    folder: str = Field(default="", description="folder of the plan, from the file's folder")
    sha256: str = Field(default="", description="checksum of its plan_summary.json")


class Application(BaseModel):
    """An application to the programme; may be incomplete."""

    model_config = _STRICT
    programme: ProgrammeSection
    project: ProjectSection = ProjectSection()
    applicants: tuple[Applicant, ...] = ()
    request: RequestSection = RequestSection()
    package: PackageSection = PackageSection()
    training: TrainingSection = TrainingSection()
    solution: SolutionSection = SolutionSection()
    g2g: G2GSection = G2GSection()
    documents: DocumentsSection = DocumentsSection()
    funding: FundingSection = FundingSection()
    demonstration: DemonstrationSection = DemonstrationSection()
    other_projects: tuple[OtherProject, ...] = ()
    contact: ContactSection = ContactSection()
    study: StudyLink = StudyLink()
    plan: PlanLink = PlanLink()

    @property
    def rules(self) -> ProgrammeRules:
        """The rules of its year."""
        return ProgrammeRules.for_year(self.programme.year)


def check_application(raw: dict[str, Any], *, origin: str = "application") -> Application:
    """
    Check an application given as a dictionary.

    Parameters
    ----------
    raw : the tables of an application file.
    origin : named in messages.

    Returns
    -------
    The application.

    Raises
    ------
    StudyError
        If a key is unknown or a value is none that the programme knows; one line.

    Examples
    --------
    >>> check_application({"programme": {"year": 2026}}).programme.stream.value
    'planning'
    """
    try:
        return Application.model_validate(raw)
    except ValidationError as error:
        raise StudyError(f"{origin}: {refusal(error, Application)}") from error


def load_application(path: str | Path) -> Application:
    """
    Read and check an application file.

    Parameters
    ----------
    path : TOML file.

    Returns
    -------
    The application.

    Raises
    ------
    StudyError
        If the file is missing, not TOML, or a key or value is wrong.
    """
    path = Path(path)
    if path.is_dir():
        raise StudyError(f"{path}: is a folder; give the application file, a .toml")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise StudyError(
            f"{path}: no such application file; `kcity programme new` makes one"
        ) from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: cannot be read ({error}); save it as UTF-8") from error
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error})") from error
    except ValueError as error:  # also a number of thousands of digits
        raise StudyError(f"{path}: is not TOML: {error}") from error
    except RecursionError as error:
        raise StudyError(f"{path}: is nested too deeply for an application file") from error
    return check_application(raw, origin=path.name)


def application_schema() -> dict[str, Any]:
    """
    Give the JSON Schema of an application file, for editors.

    Returns
    -------
    The schema, with the words of every field.

    Examples
    --------
    >>> len(application_schema()["$defs"]["ProjectSection"]["properties"]["sectors"]["items"]["enum"])
    10
    """
    schema = Application.model_json_schema()
    words = (
        ("ProjectSection", "sectors", "sector"),
        ("ProjectSection", "scope", "scope"),
        ("ProjectSection", "status", "status"),
        ("RequestSection", "study", "study"),
        ("Applicant", "kind", "applicant"),
        ("G2GSection", "stage", "stage"),
        ("FundingSection", "follow_up", "follow_up"),
    )
    for section, key, kind in words:
        field = schema["$defs"][section]["properties"][key]
        field.get("items", field)["enum"] = list(known_words(kind))
    return schema
