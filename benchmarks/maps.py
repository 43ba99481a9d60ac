"""
How large is a map, and how soon is it seen?

    python benchmarks/maps.py out/town/map.html out/metro/map.html

Opens each page three times in headless Chromium and takes the best: bytes of the file, first paint of anything, map
ready (every part has started), first answer to another theme. Budgets: a town at most 1.5 MB, a metropolis 6 MB,
first paint within 1.5 s. On a busy machine only sizes mean something.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

_TIMES = """async () => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const ready = performance.now(), from = performance.now();
  KC.show(KC.themes[1].key);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return { paint: paint ? paint.startTime : NaN, theme: performance.now() - from, ready };
}"""
_TRIES = 3


def measured(browser: Any, page: Path) -> dict[str, float]:
    """Open a page anew and say what took how long, milliseconds."""
    tab = browser.new_page(viewport={"width": 1366, "height": 768})
    start = time.perf_counter()
    tab.goto(page.resolve().as_uri(), wait_until="commit")
    tab.wait_for_selector("html[data-kc-ready]", state="attached", timeout=120_000)
    ready = 1000 * (time.perf_counter() - start)
    told: dict[str, float] = tab.evaluate(_TIMES)
    tab.close()
    return {**told, "ready": ready}


def main() -> None:
    """Measure and print a line a page."""
    ask = argparse.ArgumentParser()
    ask.add_argument("pages", type=Path, nargs="+")
    pages = ask.parse_args().pages
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for page in pages:
            tries = [measured(browser, page) for _ in range(_TRIES)]
            best = {key: min(one[key] for one in tries) for key in tries[0]}
            sys.stdout.write(
                f"{page}: {page.stat().st_size / 1e6:.2f} MB, first paint {best['paint']:.0f} ms, "
                f"ready {best['ready']:.0f} ms, another theme {best['theme']:.0f} ms\n"
            )
        browser.close()


if __name__ == "__main__":
    main()
