"""Land found: did the study look for land of the project, and find none?"""

from __future__ import annotations

from kcity_geo.programme.model import Application, ProjectType
from kcity_geo.retold import told_in
from kcity_geo.study_facts import StudyFacts

__all__ = ["no_land", "ranked_in_vain", "why_no_site"]


def ranked_in_vain(facts: StudyFacts | None) -> bool:
    """
    Tell whether a study ranked its area and found no site; where nothing could be ranked it found nothing out.

    Parameters
    ----------
    facts : of the study; None: none.

    Returns
    -------
    True where land was looked for in vain.
    """
    return bool(
        facts is not None and not facts.sites and facts.no_sites and facts.open_share is not None
    )


def no_land(application: Application, facts: StudyFacts | None) -> bool:
    """
    Tell whether a study speaks against a project, as it found no land for it.

    Parameters
    ----------
    application : of the project; one that introduces a solution needs no land.
    facts : of the study behind it; None: none.

    Returns
    -------
    True where the project needs land and `ranked_in_vain` holds.
    """
    return application.project.type is not ProjectType.solution and ranked_in_vain(facts)


def why_no_site(facts: StudyFacts, language: str) -> str:
    """
    Say why a study names no site, without what its user could change.

    Parameters
    ----------
    facts : of the study.
    language : en or ko.

    Returns
    -------
    Without a full stop at its end; empty where the study does not say.
    """
    why = facts.no_sites.partition(";")[0].rstrip(".")
    return why if language == "en" else told_in(why, language)
