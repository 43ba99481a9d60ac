"""Programme, pure: from a finished study to an application to the K-City Network programme."""

from __future__ import annotations

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
from kcity_geo.programme.scorecard import Scorecard, scorecard
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
