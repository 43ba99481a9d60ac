"""
Live weights: what they add to a map, and how fast a page answers.

    python benchmarks/weights.py [--side 600] [--criteria 9]

Makes the numbers of a square city of smooth fields, packs them as `map.html` does, and measures in headless
Chromium how many bytes they add, how long they take to unpack, and how long one answer takes: scores, ranks and
draws of the sites, classes of all cells, and the picture; and from a slider that moves until the frame that shows it
is drawn, which waits up to 16 ms for its turn. On a busy machine the quickest of 40 answers says
more than the middle one. Budget: at most 1.5 MB and 33 ms for 360,000 cells and 9 criteria.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from scipy import ndimage

import kcity_geo as kc
from kcity_geo.analysis.sites.rank import rank_sites
from kcity_geo.analysis.suitability.combination import wlc
from kcity_geo.demo.toy import make_toy
from kcity_geo.outputs.pages import asset
from kcity_geo.outputs.weights_page import weights_payload
from kcity_geo.result import Constraint, Criterion, Limited, Result, Suitability
from kcity_geo.studyfile import Study

#: What the page of a study has in other files.
_THEME = {"key": "suitability", "of": "", "note": "", "rows": []}
_PAGE = """<!DOCTYPE html><html lang="en"><body><aside><h2>x</h2><ol class="kc-sites"></ol></aside>
<div id="map" style="width:900px;height:700px"></div>
<script type="application/json" id="kc-data">{data}</script><script>{script}</script>
<script>kcLoad(); KC.show = function () {{}};
function kcTheme() {{ return KC.themes[0]; }}
var map = L.map("map").setView([0, 0], 12); map.createPane("kc_raster");
kcParts.forEach(function (part) {{ part(map); }});</script></body></html>"""
_TIMES = """async () => {
  const from = performance.now();
  document.querySelector("#kc-weights").open = true;
  while (!document.querySelector("#kc-weights[data-ready]")) { await new Promise((r) => setTimeout(r, 5)); }
  const ready = performance.now() - from, all = [], parts = { rank: [], draws: [], picture: [] };
  for (let i = 0; i < 40; i++) {
    const state = KC.live.state(), w = state.weights.map((v, k) => v * (k === i % state.weights.length ? 1.3 : 1));
    KC.live.set({ weights: w, limits: state.limits });
    all.push(Number(document.querySelector("#kc-weights").dataset.ms));
    let t = performance.now();
    const order = KC.live.rank(KC.live.state()); parts.rank.push(performance.now() - t); t = performance.now();
    KC.live.robustness(KC.live.state(), order); parts.draws.push(performance.now() - t); t = performance.now();
    KC.live.paint(KC.live.state()); parts.picture.push(performance.now() - t);
  }
  const frames = [], slider = document.querySelector("#kc-weights input[type=range]");
  for (let i = 0; i < 40; i++) {
    slider.value = Number(slider.min) + (0.2 + 0.6 * (i % 7) / 7) * (Number(slider.max) - Number(slider.min));
    const t = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => {
      const drawn = new MessageChannel(); drawn.port1.onmessage = done; drawn.port2.postMessage(0); }));
    frames.push(performance.now() - t);
  }
  const middle = (v) => v.slice().sort((a, b) => a - b)[Math.floor(v.length / 2)];
  return { frame: middle(frames), quickest: Math.min(...frames),
           ready, answer: middle(all), best: Math.min(...all), rank: middle(parts.rank), draws: middle(parts.draws),
           picture: middle(parts.picture), areas: KC.weights.areas.length };
}"""


def smooth(rng: np.random.Generator, side: int) -> np.ndarray:
    """A field of 0 to 1 whose neighbours are alike, as distances and slopes are; full at its ends in places."""
    rough = ndimage.gaussian_filter(rng.random((side, side)), side / 25, mode="nearest")
    fine = ndimage.gaussian_filter(rng.random((side, side)), 3, mode="nearest")
    mixed = rough / np.ptp(rough) + 0.1 * fine
    low, high = np.quantile(mixed, [0.1, 0.9])
    return np.clip((mixed - low) / (high - low), 0, 1)


def study(side: int, count: int) -> Result:
    """A finished study of smooth fields, with two limits that can be moved."""
    rng = np.random.default_rng(7)
    weights = rng.dirichlet(np.ones(count) * 4)
    fields = [smooth(rng, side) for _ in range(count)]
    fields[0][: side // 8, : side // 5] = np.nan
    slope, height = 40 * smooth(rng, side) ** 2, 20 * smooth(rng, side)
    feasible = (slope <= 15) & (height >= 2)
    score = np.full((side, side), np.nan)
    score[feasible] = wlc(np.moveaxis(np.stack(fields), 0, -1)[feasible], weights, known_min=0.5)
    judged = Suitability(
        project="industrial_complex", title="Industrial complex", score=score, feasible=feasible, missing={},
        criteria=tuple(
            Criterion(id=f"c{i}", title=f"Criterion {i}", units="", values=f, utility=f, weight_stated=w,
                      weight_used=w, value_function="")
            for i, (f, w) in enumerate(zip(fields, weights, strict=True))
        ),
        constraints=(
            Constraint(id="slope_pct_max", title="Steep slope", limit="", excluded=slope > 15,
                       limited=Limited(values=slope, units="%", limit=15.0)),
            Constraint(id="hand_m_min", title="Low above drainage", limit="", excluded=height < 2,
                       limited=Limited(values=height, units="m", limit=2.0, at_least=True)),
        ),
        parameters={"min_area_ha": 100.0}, known_min=0.5, method={"combination": "wlc"},
    )  # fmt: skip
    data = make_toy(size_m=100.0 * side, arrays={"population": 1.0})
    sites = rank_sites(judged, data, max_sites=10)
    small = kc.assess_gaps(make_toy(arrays={"population": 10.0}))
    return Result(study=Study(), data=data, gaps=small, score=judged, sites=sites)


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser()
    ask.add_argument("--side", type=int, default=600)
    ask.add_argument("--criteria", type=int, default=9)
    asked = ask.parse_args()
    warnings.simplefilter("ignore")
    payload = weights_payload(study(asked.side, asked.criteria))
    text = json.dumps(payload, separators=(",", ":"))
    names = ("core", "weighing", "cell_classes", "weights_form", "weights")
    script = "\n".join([asset("leaflet.js"), *(asset(f"map/{n}.js") for n in names)])
    added = len(text) + sum(len(asset(f"map/{n}.js")) for n in names[1:])
    data = json.dumps({"weights": payload, "legends": [], "names": [], "themes": [_THEME]}).replace(
        "<", "\\u003c"
    )
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder) / "page.html"
        page.write_text(_PAGE.format(data=data, script=script), encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        opened = browser.new_page()
        opened.goto(page.as_uri())
        told = opened.evaluate(_TIMES)
        browser.close()
    sys.stdout.write(
        f"{asked.side**2:,} cells, {asked.criteria} criteria, {told['areas']} areas\n"
        f"added to the page    {added / 1e6:.2f} MB\n"
        f"opened after         {told['ready']:.0f} ms\n"
        f"one answer           {told['answer']:.1f} ms (quickest {told['best']:.1f} ms): ranks {told['rank']:.1f}, "
        f"draws {told['draws']:.1f}, picture {told['picture']:.1f}\n"
        f"slider to frame      {told['frame']:.1f} ms (quickest {told['quickest']:.1f} ms)\n"
    )


if __name__ == "__main__":
    main()
