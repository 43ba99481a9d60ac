"""A page as PDF: with WeasyPrint where it is installed, else with a Chromium of the machine."""

from __future__ import annotations

import logging
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from kcity_geo.errors import OutputError
from kcity_geo.extras import not_installed

__all__ = ["pdf_writer", "save_pdf"]

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
_PATIENCE_S = 60


def pdf_writer() -> tuple[Callable[[str, Path], None] | None, str]:
    """
    Find what writes PDF here.

    Returns
    -------
    A function of HTML and path, and an empty line; or None and why there is none.
    """
    if find_spec("weasyprint") is not None:
        return _with_weasyprint, ""
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), "")
    if browser:
        return lambda html, path: _with_browser(browser, html, path), ""
    return None, (
        f"no PDF: {not_installed('weasyprint')}, and there is no Chromium; or print the HTML"
    )


def save_pdf(html: str, path: Path) -> None:
    """
    Write a page as PDF.

    Parameters
    ----------
    html : sealed page.
    path : file to write.

    Raises
    ------
    OutputError
        If nothing here writes PDF, or it cannot be written.
    """
    to_pdf, why = pdf_writer()
    if to_pdf is None:
        raise OutputError(f"{path.name}: {why}")
    to_pdf(html, path)


def _with_weasyprint(html: str, path: Path) -> None:
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    for name in ("weasyprint", "fontTools"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # The page is sealed already: it holds no address; nothing but what stands in it may be opened.
    HTML(string=html, url_fetcher=URLFetcher(allowed_protocols={"data"})).write_pdf(path)


def _with_browser(browser: str, html: str, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(html, encoding="utf-8")
        command = [
            browser, "--headless", "--disable-gpu", "--no-sandbox", "--no-pdf-header-footer",
            "--generate-pdf-document-outline",
            f"--user-data-dir={folder}/profile", f"--print-to-pdf={path.resolve()}", page.as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE_S)  # noqa: S603
        except (subprocess.SubprocessError, OSError) as error:
            raise OutputError(f"{path}: {browser} could not print it ({error})") from error
