"""The folder of a plan: GeoPackage, report, workbook and tables, written whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kcity_geo.outputs.attribution import credits_line, credits_of_file
from kcity_geo.outputs.folder import Contents, save_whole
from kcity_geo.outputs.geopackage import dress_geopackage
from kcity_geo.outputs.languages import Language, language_of, speaking, tell, translated, unmarked
from kcity_geo.outputs.ledger import LEDGER_FILE
from kcity_geo.outputs.more_ledgers import save_plan_ledger
from kcity_geo.outputs.plan_figures import sheet_picture
from kcity_geo.outputs.plan_language import plan_in_spoken_language, unmarked_plan
from kcity_geo.outputs.plan_page import build_plan_page
from kcity_geo.outputs.plan_qml import LAYERS, plan_styles
from kcity_geo.outputs.plan_workbook import save_workbook
from kcity_geo.outputs.qml import vector_qml
from kcity_geo.outputs.studytoml import study_toml
from kcity_geo.outputs.tables import save_csv
from kcity_geo.outputs.text import json_text
from kcity_geo.outputs.vectors import write_geopackage
from kcity_geo.plan_sheets import PlanSheets
from kcity_geo.study_facts import PLAN_FILE, PlanFacts, PlanSheetFacts
from kcity_geo.studyfile import Study

__all__ = ["PLAN", "save_plan_folder"]

PLAN = Contents(
    what="plan",
    marks=("plan.html", "plan.gpkg", "plan.xlsx"),
    known=(
        "plan.html",
        "plan.gpkg",
        "plan.xlsx",
        "*.qml",
        "*.csv",
        "*.inp",
        "sheet_*.png",
        "README.txt",
        PLAN_FILE,
        LEDGER_FILE,
        "study.toml",
    ),
)


def save_plan_folder(
    sheets: PlanSheets,
    out: str | Path,
    *,
    language: Language | None = None,
    study: Study | None = None,
    site: str = "",
) -> Path:
    """
    Write the folder of a plan.

    Parameters
    ----------
    sheets : of a plan.
    out : folder that does not exist, is empty, or holds a former plan.
    language : of page, workbook and ``README.txt``; None: English. Layers, CSV and ``plan_summary.json`` are read
        everywhere and stay English.
    study, site : what was planned, so that the plan can be made and checked again; None: from Python.

    Returns
    -------
    Absolute path of the folder: ``plan.gpkg``, ``plan.html``, ``plan.xlsx``, a CSV for each table, a PNG
    for each sheet of the map pack, ``README.txt``, ``plan_summary.json``, and ``water.inp`` where water is
    routed; ``ledger.json`` and, with a study, ``study.toml``. The same plan gives the same bytes.
    """

    def write(work: Path, at: Path) -> None:
        _write(sheets, work, language, study.report.author if study is not None else "")
        if study is not None:
            (work / "study.toml").write_bytes(study_toml(study, out=at).encode("utf-8"))
        save_plan_ledger(sheets, work, site=site if study is not None else "")

    return save_whole(out, write, contents=PLAN)


def _write(sheets: PlanSheets, work: Path, language: Language | None, author: str) -> None:
    write_geopackage(sheets.layers, {}, work / "plan.gpkg", as_of=sheets.as_of)
    styles = plan_styles(_categories(sheets))
    dress_geopackage(
        work / "plan.gpkg", styles=styles, credits_of=credits_of_file(sheets), as_of=sheets.as_of
    )
    for style in styles:
        (work / f"{style.layer}.qml").write_bytes(vector_qml(style).encode("utf-8"))
    terms = credits_of_file(sheets)
    page = build_plan_page(sheets, language=language, author=author)
    (work / "plan.html").write_bytes(page.encode("utf-8"))
    with speaking(language or language_of("en")):
        told = unmarked_plan(plan_in_spoken_language(sheets))
        total = unmarked(translated("Total"))
        save_workbook(told, work / "plan.xlsx", total=total, author=author)
        credit = unmarked(translated(credits_line(sheets)))
        licence = tell("plan_licence", licence=terms["licence"])
        terms_told = unmarked(translated(terms["terms"]))
        ids = tell("plan_ids", file="ledger.json")
    for name, table in sheets.tables.items():
        save_csv(table.frame.set_axis(table.heads, axis=1), work / f"{name}.csv")
    for name, text in sheets.texts.items():
        (work / name).write_bytes(text.encode("utf-8"))
    lines = [
        told.title,
        told.city,
        told.disclaimer,
        "",
        *told.lead,
        "",
        credit,
        f"{licence} {terms_told}",
        "",
        ids,
    ]
    facts = PlanFacts(
        title=sheets.title,
        city=sheets.city,
        lead=sheets.lead,
        disclaimer=sheets.disclaimer,
        as_of=sheets.as_of[:10],
        credits=terms["attribution"],
        licence=terms["licence"],
        sheets=tuple(_save_sheets(sheets, work)),
    )
    (work / PLAN_FILE).write_bytes((json_text(facts.model_dump()) + "\n").encode("utf-8"))
    (work / "README.txt").write_bytes(("\n".join(lines).rstrip() + "\n").encode("utf-8"))


def _rights(sheets: PlanSheets) -> str:
    told = credits_of_file(sheets, picture=True)
    return f"{told['attribution']}. Licence: {told['licence']}. {told['notice']}"


def _save_sheets(sheets: PlanSheets, work: Path) -> Iterator[PlanSheetFacts]:
    """Write each sheet of the map pack as a picture, and say what it shows."""
    for sheet in sheets.maps:
        if sheet.number:
            name = f"sheet_{sheet.number}.png"
            (work / name).write_bytes(sheet_picture(sheet, told=_rights(sheets)))
            shown = dict.fromkeys(layer.style for layer in sheet.layers if len(layer.shapes))
            yield PlanSheetFacts(number=sheet.number, file=name, styles=tuple(shown))


def _categories(sheets: PlanSheets) -> dict[str, list[str]]:
    """Values of the column that colours each layer."""
    return {
        name: sorted({str(value) for value in sheets.layers[name][0][column]})
        for name, (column, _) in LAYERS.items()
        if name in sheets.layers
    }
