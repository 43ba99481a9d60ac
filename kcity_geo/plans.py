"""Plans: from a ranked site of a study to a folder with its concept plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kcity_geo.config import Config
from kcity_geo.outputs.folder import check_out_dir
from kcity_geo.outputs.languages import Language, language_of, language_of_study
from kcity_geo.outputs.plan_folder import PLAN, save_plan_folder
from kcity_geo.planning.asked import checked_keys
from kcity_geo.planning.concept import Plan
from kcity_geo.planning.planned import plan_of_site
from kcity_geo.planning.sheets import plan_sheets
from kcity_geo.result import Gaps
from kcity_geo.siting import rank_sites, suitability
from kcity_geo.study import assess_gaps, load
from kcity_geo.studyfile import Study, load_study

__all__ = ["plan_again", "plan_study", "save_plan"]


def save_plan(
    plan: Plan, out: str | Path, *, gaps: Gaps | None = None, language: str | Language = "en"
) -> Path:
    """
    Write the folder of a plan: report, GeoPackage, workbook and tables.

    Parameters
    ----------
    plan : of `kcity_geo.planning.concept.concept`.
    out : folder; an earlier plan there is replaced only when the new one is whole.
    gaps : of the city, for the chapter on who could be reached; None: without it.
    language : of page, workbook and ``README.txt``: en, ko, or a file of texts (.toml).

    Returns
    -------
    Absolute path of the folder. The same plan gives the same bytes.

    Raises
    ------
    OutputError
        If the folder holds something else than a plan, or cannot be written.
    StudyError
        If there is no such language.
    """
    spoken_in = language_of(language) if isinstance(language, str) else language
    return save_plan_folder(plan_sheets(plan, gaps=gaps), out, language=spoken_in)


def plan_study(
    study: Study | str | Path,
    out: str | Path,
    *,
    site: int | str = 1,
    config: Config | None = None,
    progress: Callable[[str], None] | None = None,
) -> Plan:
    """
    Rank the sites of a study, plan one of them as ``[concept]`` says, and save the plan.

    Parameters
    ----------
    study : study file or its path; ``[report] language`` is that of page and workbook.
    out : folder for the plan.
    site : rank, label or id of the site.
    config : limits, cache, offline.
    progress : called with the name of each stage.

    Returns
    -------
    The plan.

    Raises
    ------
    KCityError
        If an input or a key of ``[concept]`` is wrong, there is no such site, or the folder cannot be
        written; keys are looked at before any work is done.
    """
    asked = study if isinstance(study, Study) else load_study(study)
    told = progress or (lambda _: None)
    checked_keys(asked)
    language = language_of_study(asked)
    check_out_dir(out, contents=PLAN)
    plan, gaps = plan_again(asked, site=site, config=config, progress=progress)
    told("files")
    sheets = plan_sheets(plan, gaps=gaps)
    save_plan_folder(sheets, out, language=language, study=asked, site=str(site))
    return plan


def plan_again(
    study: Study,
    *,
    site: int | str = 1,
    config: Config | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[Plan, Gaps]:
    """
    Plan a site of a study without saving the plan.

    Parameters
    ----------
    study, site, config, progress : as of `plan_study`.

    Returns
    -------
    The plan and the gaps of the city.

    Raises
    ------
    KCityError
        If an input is wrong or there is no such site.
    """
    told = progress or (lambda _: None)
    told("inputs")
    data = load(study, config=config)
    told("gaps")
    gaps = assess_gaps(data)
    told("sites")
    score = suitability(data, gaps)
    sites = rank_sites(score, data)
    told("plan")
    return plan_of_site(study, data, score, sites, site=site), gaps
