"""The dossier: the four papers of an application as HTML, PDF and DOCX, in English and Korean."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from kcity_geo.errors import OutputError, StudyError
from kcity_geo.extras import not_installed
from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.outputs.paper_docx import save_docx
from kcity_geo.outputs.paper_pdf import pdf_writer
from kcity_geo.outputs.sheet_layout import printed_mm
from kcity_geo.outputs.sheet_maps import draw_sheet, shows_part
from kcity_geo.outputs.text import plain_text
from kcity_geo.programme.blocks import Paper, Picture, Table, said
from kcity_geo.programme.papers import PAPERS, Subject, make_paper, sheets_of
from kcity_geo.programme.words import LANGUAGES, known_language
from kcity_geo.study_atlas import StudyAtlas

__all__ = ["FORMATS", "DossierOptions", "Written", "paper_html", "save_dossier"]

#: Kinds of files of a dossier.
FORMATS = ("html", "pdf", "docx")
_LONGEST = 20_000
#: Findings under which the numbers would be those of something else; no dossier is written from them.
_OF_ANOTHER = {"study_changed", "plan_changed", "study_abroad"}
#: Width of a page, what a cell leaves beside its text, and a letter of Hangul in a table, as in ``paper.css``.
_PAGE_MM, _PADDING_MM, _LETTER_MM = 176.0, 4.0, 3.2


@dataclass(frozen=True, kw_only=True)
class DossierOptions:
    """``languages`` and ``formats`` to be written; all of both if not given."""

    languages: tuple[str, ...] = LANGUAGES
    formats: tuple[str, ...] = FORMATS


@dataclass(frozen=True, kw_only=True)
class Written:
    """``files`` that were written, and ``left_out``: why a format was not, one line each."""

    files: tuple[Path, ...]
    left_out: tuple[str, ...]


def save_dossier(
    subject: Subject,
    folder: str | Path,
    *,
    atlas: StudyAtlas | None = None,
    options: DossierOptions | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Written:
    """
    Write the dossier of an application.

    Parameters
    ----------
    subject : application with its study.
    folder : that the files go to: one that does not exist, is empty, or holds a former dossier, whose
        files are replaced.
    atlas : what the maps are drawn from; None: no maps.
    options : languages and formats.
    progress : called with the name of each file.

    Returns
    -------
    What was written. A format whose program is not installed is left out with one line why.

    Raises
    ------
    StudyError
        If a language or format is not known, or the study is of another country, or not the one that the
        application was made from.
    OutputError
        If the folder holds something else, or a file cannot be written.
    """
    chosen = options or DossierOptions()
    _check(chosen)
    _refuse_another_study(subject)
    out = Path(folder)
    _refuse_foreign(out, plain_text(folder))
    files: list[Path] = []
    left_out: list[str] = []
    writers = _writers(chosen.formats, left_out)
    try:
        for language in chosen.languages:
            (out / language).mkdir(parents=True, exist_ok=True)
            drawn: dict[tuple[int, bool], bytes] = {}
            papers = [_framed(make_paper(name, subject, language), atlas) for name in PAPERS]
            letters = frozenset("".join(map(repr, papers)))
            for name, paper in zip(PAPERS, papers, strict=True):
                shown = sheets_of(paper)
                for number, small in shown.items():
                    if (number, small) not in drawn:
                        progress(f"{language}: map {number}")
                        drawn[number, small] = _drawn(atlas, number, language, small=small)
                page = _Page({n: drawn[n, small] for n, small in shown.items()}, letters)
                for ending, write in writers.items():
                    path = out / language / f"{name}.{ending}"
                    progress(f"{language}/{path.name}")
                    write(paper, page, path)
                    files.append(path)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return Written(files=tuple(files), left_out=tuple(left_out))


def _check(options: DossierOptions) -> None:
    for language in options.languages:
        known_language(language)
    for name in options.formats:
        if name not in FORMATS:
            raise StudyError(f"--format: {name!r}; give some of {', '.join(FORMATS)}")


def _refuse_another_study(subject: Subject) -> None:
    for finding in subject.checked.refused:
        if finding.id in _OF_ANOTHER:
            raise StudyError(f"{finding.text()}; {finding.mend()}")


def _refuse_foreign(out: Path, shown: str) -> None:
    if out.exists() and not out.is_dir():
        raise OutputError(f"{shown}: is a file; give a folder for the dossier")
    papers = {f"{name}.{ending}" for name in PAPERS for ending in FORMATS}
    for path in sorted(out.iterdir()) if out.is_dir() else ():
        inside = sorted(path.iterdir()) if path.name in LANGUAGES and path.is_dir() else [path]
        foreign = [p for p in inside if p.name not in papers or p.parent == out]
        if foreign:
            name = plain_text(foreign[0].relative_to(out).as_posix())
            raise OutputError(
                f"{shown}: holds {name!r}, which is no part of a dossier; give a new or empty folder"
            )


class _Page(NamedTuple):
    """Maps by the number of their sheet, and the letters that all papers of a language share."""

    drawn: dict[int, bytes]
    letters: frozenset[str]


_Write = Callable[[Paper, _Page, Path], None]


def _writers(formats: Iterable[str], left_out: list[str]) -> dict[str, _Write]:
    """Format -> how it is written; what cannot be is told."""
    found: dict[str, _Write] = {}
    for name in formats:
        if name == "html":
            found[name] = _save_html
        elif name == "docx":
            found[name] = _save_docx
        else:
            to_pdf, why = pdf_writer()
            if to_pdf is None:
                left_out.append(why)
            else:
                found[name] = _pdf_of(to_pdf)
    if "docx" in found and (why := _docx_missing()):
        left_out.append(why)
        del found["docx"]
    return found


def _docx_missing() -> str:
    missing = not_installed("docx")
    return missing and f"no DOCX: {missing}"


def _pdf_of(to_pdf: Callable[[str, Path], None]) -> _Write:
    def write(paper: Paper, page: _Page, path: Path) -> None:
        to_pdf(paper_html(paper, page.drawn, page.letters), path)

    return write


def _save_html(paper: Paper, page: _Page, path: Path) -> None:
    html = paper_html(paper, page.drawn, page.letters)
    path.write_text(html, encoding="utf-8", newline="\n")


def _save_docx(paper: Paper, page: _Page, path: Path) -> None:
    save_docx(paper, page.drawn, path)


def _drawn(atlas: StudyAtlas | None, number: int, language: str, *, small: bool) -> bytes:
    if atlas is None:
        raise OutputError(f"map {number}: there is nothing to draw it from; give the study")
    return draw_sheet(atlas, number, language, small=small)


def _framed(paper: Paper, atlas: StudyAtlas | None) -> Paper:
    """Say below each map that shows only where people live that the study area is larger."""
    if atlas is None:
        return paper
    told = said("annex.lived_in", paper.language)
    blocks = tuple(
        replace(block, caption=f"{block.caption} {told}")
        if isinstance(block, Picture) and shows_part(atlas, block.sheet)
        else block
        for block in paper.blocks
    )
    return replace(paper, blocks=blocks)


def _room(table: Table, column: int) -> int:
    """Letters of Hangul that fit beside each other in a column, so that words up to that length stay whole."""
    first = (*table.rows, table.columns)[0]
    share = table.widths[column] if table.widths else 1 / max(1, len(first))
    return max(1, int((share * _PAGE_MM - _PADDING_MM) / _LETTER_MM))


def paper_html(paper: Paper, drawn: dict[int, bytes], letters: Iterable[str] = ()) -> str:
    """
    Write a paper as a page that opens offline and prints on A4.

    Parameters
    ----------
    paper : document.
    drawn : number of a sheet -> PNG.
    letters : that its fonts hold beside those of the paper, so that several papers share one cut.

    Returns
    -------
    HTML that requests nothing; every text stands there as it was written.
    """
    images = {
        number: (
            "data:image/png;base64," + base64.b64encode(image).decode("ascii"),
            printed_mm(image),
        )
        for number, image in drawn.items()
    }
    html = (
        environment()
        .get_template("paper.html.j2")
        .render(
            paper=_Clean(paper),
            blocks=[(type(b).__name__, _Clean(b)) for b in paper.blocks],
            images=images,
            room=_room,
            css=asset("paper.css"),
        )
    )
    return seal(html, letters)


class _Clean:
    """A block whose texts have no control characters and no marks that turn the reading direction."""

    def __init__(self, block: object) -> None:
        self._block = block

    def __getattr__(self, name: str) -> object:
        return _cleaned(getattr(self._block, name))


def _cleaned(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_cleaned(v) for v in value)
    return plain_text(value, max_chars=_LONGEST) if isinstance(value, str) else value
