"""
Take the pictures of the gallery: ``python docs/gallery_figures.py`` writes docs/figures/gallery-*.png.

Runs the demo town in English and in Korean, compares it with the town of another seed, and photographs the pages in
headless Chromium; two minutes. With folders of finished studies (English, Korean, another city) it takes those.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import kcity_geo as kc
from kcity_geo.demo import make_demo

OUT = Path(__file__).parent / "figures"
WIDTH, HEIGHT = 1366, 768
#: Paper as wide as A4 less its margins, at 96 dots an inch.
SHEET = (688, 994)
COLOURS = 224
MOST_BYTES = 200_000


def studies(folder: Path) -> tuple[Path, Path, Path]:
    """Run the town in two languages, and the town of another seed."""
    found = []
    for name, seed, language in (("english", 7, "en"), ("korean", 7, "ko"), ("other", 11, "en")):
        path = make_demo(folder / f"{name}-inputs", size="town", seed=seed)
        study = kc.load_study(path)
        told = study.model_copy(
            update={"report": study.report.model_copy(update={"language": language})}
        )
        kc.run(told, folder / name)
        found.append(folder / name)
    return found[0], found[1], found[2]


def save(picture: bytes, name: str) -> None:
    """Write a picture with few colours, no larger than a page of docs should load."""
    few = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS)
    few.save(OUT / f"gallery-{name}.png", optimize=True)
    size = (OUT / f"gallery-{name}.png").stat().st_size
    sys.stdout.write(f"gallery-{name}.png {size / 1000:.0f} kB\n")
    if size > MOST_BYTES:
        raise SystemExit(f"gallery-{name}.png is larger than {MOST_BYTES / 1000:.0f} kB")


def photograph(browser, english: Path, korean: Path, compared: Path) -> None:
    """Take a picture of each page."""
    tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})

    def opened(path: Path, link: str = "") -> None:
        tab.goto("about:blank")
        tab.goto(path.resolve().as_uri() + link)
        if path.name == "map.html":
            tab.wait_for_selector("html[data-kc-ready]", state="attached")
            tab.wait_for_selector(".kc-north", state="attached")
            tab.wait_for_timeout(800)

    opened(english / "map.html")
    save(tab.screenshot(), "map")
    tab.evaluate("KC.goDistrict(0)")
    tab.wait_for_timeout(800)
    save(tab.screenshot(), "card")
    opened(english / "map.html")
    tab.locator("#kc-weights summary").click()
    tab.wait_for_selector("#kc-weights[data-ready]")
    tab.locator("#kc-weights").scroll_into_view_if_needed()
    tab.wait_for_timeout(800)
    save(tab.screenshot(), "weights")
    opened(korean / "map.html", "#step=2")
    save(tab.screenshot(), "korean")
    tab.set_viewport_size({"width": 390, "height": 844})
    opened(korean / "map.html")
    save(tab.screenshot(), "phone")
    tab.set_viewport_size({"width": SHEET[0], "height": SHEET[1]})
    tab.emulate_media(media="print")
    opened(english / "report.html")
    save(tab.screenshot(), "report")
    tab.emulate_media(media="screen")
    tab.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    opened(compared / "compare.html")
    save(tab.screenshot(full_page=False), "compare")
    tab.close()


def main() -> None:
    warnings.simplefilter("ignore", kc.KCityWarning)
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        home = Path(made)
        given = [Path(one) for one in sys.argv[1:4]]
        english, korean, other = given if len(given) == 3 else studies(home)  # noqa: PLR2004 - all or none
        command = [sys.executable, "-m", "kcity_geo", "compare", english, other, "--out"]
        subprocess.run([*command, home / "compared"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        photograph(browser, english, korean, home / "compared")
        browser.close()


if __name__ == "__main__":
    main()
