"""Plans: from a ranked site of a study to a folder with its concept plan."""

from __future__ import annotations

from pathlib import Path

from kcity_geo.outputs.plan_folder import save_plan_folder
from kcity_geo.planning.concept import Plan
from kcity_geo.planning.sheets import plan_sheets
from kcity_geo.result import Gaps

__all__ = ["save_plan"]


def save_plan(plan: Plan, out: str | Path, *, gaps: Gaps | None = None) -> Path:
    """
    Write the folder of a plan: report, GeoPackage, workbook and tables.

    Parameters
    ----------
    plan : of `kcity_geo.planning.concept.concept`.
    out : folder; an earlier plan there is replaced only when the new one is whole.
    gaps : of the city, for the chapter on who could be reached; None: without it.

    Returns
    -------
    Absolute path of the folder. The same plan gives the same bytes.

    Raises
    ------
    OutputError
        If the folder holds something else than a plan, or cannot be written.
    """
    return save_plan_folder(plan_sheets(plan, gaps=gaps), out)
