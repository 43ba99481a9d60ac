"""Subject: an application with the study behind it, and the words that all papers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from kcity_geo.programme.blocks import said
from kcity_geo.programme.checking import Checked, check
from kcity_geo.programme.evidence import rounded, site_words
from kcity_geo.programme.land_found import ranked_in_vain
from kcity_geo.programme.lands import country_name
from kcity_geo.programme.model import Application, Stream
from kcity_geo.programme.words import as_of_words, bracketed, day_words, original
from kcity_geo.study_facts import PlanFacts, StudyFacts

__all__ = ["Subject", "people_words"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """
    What a dossier is about.

    Parameters
    ----------
    application : of the applicants.
    facts : of the study behind it; None: none.
    sha256 : checksum of these facts.
    plan : of a site, whose sheets the map pack shows; None: none.
    plan_sha256 : checksum of these facts of the plan.
    layers : layer of the study -> what its file says of itself; the maps that can be drawn.
    folder : of the study, from the application file; empty: as the application names it.
    """

    application: Application
    facts: StudyFacts | None = None
    sha256: str = ""
    plan: PlanFacts | None = None
    plan_sha256: str = ""
    layers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    folder: str = ""

    @property
    def study_file(self) -> str:
        """File that the study is run from, in its folder."""
        folder = self.folder or self.application.study.folder
        return (PurePosixPath(folder) / "study.toml").as_posix()

    @property
    def checked(self) -> Checked:
        """The application held against the rules of its year."""
        return check(
            self.application,
            self.facts,
            sha256=self.sha256,
            plan_sha256=self.plan_sha256,
            folder=self.folder,
        )

    def title(self, language: str) -> str:
        """
        Give the title of the project.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        In that language; the English one when there is no other.
        """
        project = self.application.project
        own = project.title_ko if language == "ko" else project.title
        if (
            language == "ko" and project.city and project.city_ko
        ):  # a draft knows the city by its other name only
            own = own.replace(project.city, project.city_ko)
        return own or project.title or said("common.empty", language)

    def problem(self, language: str) -> str:
        """
        Give the problem statement.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        In that language; the English one, marked as the original, when there is no other.
        """
        project = self.application.project
        own = project.problem_ko if language == "ko" else project.problem
        return own or original(project.problem, language)

    def place(self, language: str) -> str:
        """
        Say where the project is.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        City and country, English from small to large and Korean from large to small; a mark for what is
        not given.
        """
        project = self.application.project
        city = (project.city_ko if language == "ko" else "") or project.city
        empty = said("common.empty", language)
        city, country = city or empty, country_name(project.country, language) or empty
        if language == "ko":
            return " ".join(dict.fromkeys(p for p in (country, project.region, city) if p))
        return ", ".join(dict.fromkeys(p for p in (city, project.region, country) if p))

    def site(self, language: str) -> str:
        """
        Say where in the city it is.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        The site as the application names it; in Korean in the words of the study when it is the best
        site of the study. Where the study found no land, that nobody but the applicant knows it.
        """
        given = self.application.project.site
        for site in self.facts.sites if self.facts else ():
            if given == site_words(site):
                return site_words(site, language)
        vain = given and ranked_in_vain(self.facts)
        return bracketed(given, said("common.not_by_study", language) if vain else "", language)

    def who(self, language: str) -> str:
        """
        Say who applies.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        The first applicant, of a demonstration without one the firm that leads it; a mark where nobody is named.
        """
        application = self.application
        names = [a.name for a in application.applicants]
        if application.programme.stream is Stream.demonstration:
            names.append(application.demonstration.lead)
        return next((name for name in names if name), "") or said("common.empty", language)

    def day(self, language: str) -> str:
        """
        Say when it is handed in.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        The day; a mark where none is given.
        """
        day = self.application.programme.submitted
        if day is None:
            return said("common.empty", language)
        return day_words(day, language)

    def source(self, language: str) -> str:
        """
        Say where the numbers come from.

        Parameters
        ----------
        language : en or ko.

        Returns
        -------
        One line with the checksum of the study.
        """
        if self.facts is None:
            return said("common.no_study", language)
        return said(
            "common.source",
            language,
            city=self.facts.city,
            digest=self.sha256[:12] or said("common.not_known", language),
            day=as_of_words(self.facts.osm_date, language) or said("common.unknown_day", language),
        )


def people_words(number: float, language: str) -> str:
    """
    Say a number of people.

    Parameters
    ----------
    number : persons.
    language : en or ko.

    Returns
    -------
    To three figures, with the counting word of the language.

    Examples
    --------
    >>> people_words(12754.5, "en"), people_words(12754.5, "ko"), people_words(0.9, "en")
    ('12,800 people', '12,800명', '1 person')
    """
    told = rounded(number)
    return said("common.person" if told == "1" else "common.people", language, number=told)
