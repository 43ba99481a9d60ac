"""Programme, pure: from a finished study to an application to the K-City Network programme."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kcity_geo.programme.advice import StudyAdvice, content_matrix, recommend_study
    from kcity_geo.programme.checking import Checked, check
    from kcity_geo.programme.draft import StudyOrigin, draft_application, problem_statement
    from kcity_geo.programme.findings import Finding
    from kcity_geo.programme.funding import FundingRoute, funding_routes
    from kcity_geo.programme.hosts import known_hosts
    from kcity_geo.programme.model import (
        Application,
        application_schema,
        check_application,
        load_application,
    )
    from kcity_geo.programme.papers import PAPERS, Subject, make_paper
    from kcity_geo.programme.portfolio import (
        Candidate,
        Portfolio,
        PortfolioLimits,
        choose_portfolio,
    )
    from kcity_geo.programme.rules import ProgrammeRules
    from kcity_geo.programme.scoring import Scorecard, scorecard
    from kcity_geo.programme.solutions import SolutionMatch, match_solutions

__all__ = [
    "PAPERS",
    "Application",
    "Candidate",
    "Checked",
    "Finding",
    "FundingRoute",
    "Portfolio",
    "PortfolioLimits",
    "ProgrammeRules",
    "Scorecard",
    "SolutionMatch",
    "StudyAdvice",
    "StudyOrigin",
    "Subject",
    "application_schema",
    "check",
    "check_application",
    "choose_portfolio",
    "content_matrix",
    "draft_application",
    "funding_routes",
    "known_hosts",
    "load_application",
    "make_paper",
    "match_solutions",
    "problem_statement",
    "recommend_study",
    "scorecard",
]

#: Module of each name: loaded when it is first used, for pages of a study need a few words of it only.
_HOMES = {
    "Application": "model",
    "Candidate": "portfolio",
    "Checked": "checking",
    "Finding": "findings",
    "FundingRoute": "funding",
    "PAPERS": "papers",
    "Portfolio": "portfolio",
    "PortfolioLimits": "portfolio",
    "ProgrammeRules": "rules",
    "Scorecard": "scoring",
    "SolutionMatch": "solutions",
    "StudyAdvice": "advice",
    "StudyOrigin": "draft",
    "Subject": "papers",
    "application_schema": "model",
    "check": "checking",
    "check_application": "model",
    "choose_portfolio": "portfolio",
    "content_matrix": "advice",
    "draft_application": "draft",
    "funding_routes": "funding",
    "known_hosts": "hosts",
    "load_application": "model",
    "make_paper": "papers",
    "match_solutions": "solutions",
    "problem_statement": "draft",
    "recommend_study": "advice",
    "scorecard": "scoring",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
